//! Which record accounts for which lead at one destination: what both ways of keeping records give.

use polars::prelude::{PlHashMap, PlHashSet};

use crate::reconcile::evidence::Evidence;
use crate::reconcile::inference::Waited;

/// A record that accounts for a lead.
#[derive(Clone, Copy)]
pub(super) struct Answer {
    pub record: u32,
    pub evidence: Evidence,
    /// Whether the lead made or updated the record; else its person is only known.
    pub delivered: bool,
}

/// What one destination's records answer.
pub(super) struct Answers {
    /// For each routed lead that a record accounts for, that record.
    pub of_lead: PlHashMap<u32, Answer>,
    /// Records that deliver an event again which has its own, though they pair with another one in time.
    pub again: PlHashMap<u32, u32>,
    /// In a person destination: events of people who had no earlier record.
    pub first_contacts: PlHashSet<u32>,
    /// The delays seen, and the grace that follows.
    pub waited: Waited,
    /// Whether most keys are of no lead.
    pub keys_unknown: bool,
}
