//! Whose a record is by what it shows, where time gives it to another lead of the same person.
//!
//! A forwarder delivers twice, minutes or days apart, or late; pairing goes by time, and gives the record to a lead of
//! the person that was lost in between, whose loss is hidden. What was typed tells them apart: a forwarder copies it, so
//! where the record shows what one lead typed and the other typed something else, it is of the first. Where both typed
//! the same nothing tells, and the pair stands.
//!
//! Sales edit a record, one thing at a time: a record made within grace is only taken away where two fields say so and
//! none speaks against it. Where the other lead has a record of its own, the one in question delivers it again; that
//! own one must have come in time, so that of leads imported together late none is called lost for an edit.

use polars::prelude::{PlHashMap, PlHashSet};

use crate::reconcile::events::Event;
use crate::reconcile::evidence::{self, Evidence, Slack};
use crate::reconcile::ledger::Ledger;
use crate::reconcile::likeness::{Explained, Writing, Written, enough};
use crate::reconcile::pairing::Pair;

/// Pairs by which it is seen whether an export shows values as they were typed.
const SAMPLE: usize = 2000;

/// Whose a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reassignment {
    /// It delivers this event again, which has a record of its own.
    Again { record: u32, event: u32 },
    /// It is the record of this event.
    First(Pair),
}

/// The records among `pairs` that are another event's of the person by what they show.
///
/// `grace` in microseconds; `among` these people, or all.
pub(super) fn misplaced(
    ledger: &Ledger<'_, '_>,
    slack: Slack,
    pairs: &[Pair],
    grace: i64,
    among: Option<&PlHashSet<u32>>,
) -> Vec<Reassignment> {
    let others_of = |event: u32| -> &[u32] {
        let person = ledger.event(event).map(|event| event.person);
        let person = person.filter(|person| among.is_none_or(|among| among.contains(person)));
        person.map(|person| ledger.events_of.get(person)).filter(|events| events.len() > 1).unwrap_or_default()
    };
    // Nearly all records show what their lead typed, to the letter.
    let is_doubtful = |pair: &&Pair| {
        pair.evidence != Evidence::Key
            && !others_of(pair.event).is_empty()
            && ledger.event(pair.event).is_some_and(|event| {
                let (typed, shown) = (ledger.book.typed(event), ledger.shown(pair.record));
                let fields = typed
                    .iter()
                    .zip(&shown)
                    .filter(|(typed, shown)| typed.zip(**shown).is_some_and(|(typed, shown)| typed != shown));
                fields.count() >= enough(pair.delay > grace)
            })
    };
    let doubtful: Vec<&Pair> = pairs.iter().filter(is_doubtful).collect();
    if doubtful.is_empty() {
        return Vec::new();
    }
    let concerned: PlHashSet<u32> = doubtful.iter().flat_map(|pair| others_of(pair.event)).copied().collect();
    let mut pairs_of: PlHashMap<u32, Vec<Pair>> = PlHashMap::default();
    for pair in pairs.iter().filter(|pair| concerned.contains(&pair.event)) {
        pairs_of.entry(pair.event).or_default().push(*pair);
    }
    let doubts = Doubts { ledger, slack, writing: writing(ledger, pairs, grace), pairs_of, grace };
    doubtful.into_iter().filter_map(|pair| doubts.reassignment(*pair, others_of(pair.event))).collect()
}

/// How this export writes what was typed, by the pairs that came within grace.
fn writing(ledger: &Ledger<'_, '_>, pairs: &[Pair], grace: i64) -> Writing {
    let sample = pairs.iter().step_by(pairs.len().div_ceil(SAMPLE).max(1)).filter(|pair| pair.delay <= grace);
    Writing::of(
        sample.filter_map(|pair| Some((ledger.book.typed(ledger.event(pair.event)?), ledger.shown(pair.record)))),
    )
}

/// What doubtful pairs are judged by.
struct Doubts<'l, 'b, 'a> {
    ledger: &'l Ledger<'b, 'a>,
    slack: Slack,
    writing: Writing,
    /// The pairs of the events concerned.
    pairs_of: PlHashMap<u32, Vec<Pair>>,
    grace: i64,
}

impl Doubts<'_, '_, '_> {
    fn typed(&self, event: &Event) -> Written {
        self.writing.written(self.ledger.book.typed(event))
    }

    fn shown(&self, record: u32) -> Written {
        self.writing.written(self.ledger.shown(record))
    }

    /// Whose the record of a pair is, if not of the event that it is paired with.
    fn reassignment(&self, pair: Pair, of_person: &[u32]) -> Option<Reassignment> {
        let Doubts { ledger, grace, .. } = *self;
        let (event, record) = (ledger.event(pair.event)?, ledger.record(pair.record)?);
        // What sales merged into a record may have given it its values.
        if record.absorbed {
            return None;
        }
        let (typed, shown) = (self.typed(event), self.shown(pair.record));
        let better = of_person.iter().filter(|number| **number != pair.event).filter_map(|number| {
            let other = ledger.event(*number)?;
            let (evidence, delay) = evidence::delay(ledger.book, other, record, self.slack)?;
            let by = Explained::of(&self.typed(other), &typed, &shown);
            let is_better = evidence <= pair.evidence && by.is_better(pair.delay > grace);
            is_better.then_some((by.differs, delay.abs(), *number, delay))
        });
        let (_, _, number, delay) = better.min()?;
        let typed_there = self.typed(ledger.event(number)?);
        let has = self.pairs_of.get(&number).map_or(&[][..], Vec::as_slice);
        // A record that shows what is typed here was given there for the same reason.
        let is_own = |own: &&Pair| {
            own.evidence == Evidence::Key
                || !Explained::of(&typed, &typed_there, &self.shown(own.record)).is_better(true)
        };
        match has.iter().filter(is_own).map(|own| own.delay).min() {
            Some(delay) if delay <= grace => Some(Reassignment::Again { record: pair.record, event: number }),
            Some(_) => None,
            None => Some(Reassignment::First(Pair { event: number, delay, ..pair })),
        }
    }
}
