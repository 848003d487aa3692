//! One destination's CRM records as reconciliation sees them: when made, by whom sent, what they name.
//!
//! Makes records from `crm_records`. Whether a record can deliver follows the design (who can deliver): where an
//! export shows marketplace lead sources at all, only such records do; opportunities never, and contacts not where
//! leads exist, since a CRM makes both from leads. Merges are followed to the survivor.

use std::collections::{HashMap, HashSet};

use super::events::{Book, Code, DAY, NOBODY, Named, SECOND};
use super::unclaimed::FIELDS;
use crate::codes::{action, outcome};
use crate::contact;
use crate::error::Result;
use crate::lead_source;
use crate::tables::{CrmRecords, Table};

/// Stretch of time in which a record was made: exports cut seconds, minutes or hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub start: i64,
    pub width: i64,
}

impl Span {
    /// How far an instant lies outside: 0 inside, positive where the record is later, negative where it is earlier.
    pub(super) fn delay(self, at: i64) -> i64 {
        if at < self.start {
            self.start - at
        } else if at < self.start + self.width {
            0
        } else {
            self.start + self.width - 1 - at
        }
    }
}

#[derive(Debug)]
pub(super) struct Record<'a> {
    pub id: &'a str,
    pub object: &'a str,
    /// None where the export tells no time.
    pub span: Option<Span>,
    pub modified: Option<i64>,
    pub person: u32,
    /// Of the record to its person, in millionths, negated: smaller is better.
    pub weight_rank: i64,
    pub match_weight: Option<f64>,
    pub matched_by: Option<&'a str>,
    pub email: Option<String>,
    pub action: Code,
    pub offer: Named,
    pub offer_known: bool,
    pub key: Option<&'a str>,
    pub lead_source: Option<&'a str>,
    pub created: Option<i64>,
    pub is_test: bool,
    pub is_dnc: bool,
    pub marketplace: bool,
    pub converted: bool,
    /// No longer to be seen in the CRM, and not because it was merged.
    pub gone: bool,
    /// Whether another record was merged into it.
    pub absorbed: bool,
    /// Whether it can be the delivery of a lead without carrying its key: it is a marketplace record by itself, or,
    /// where none shows so, it could be one.
    pub delivers: bool,
}

/// What a destination's export holds.
pub(super) struct Records<'a> {
    /// In the order of record_id.
    pub all: Vec<Record<'a>>,
    /// Whether only records with a marketplace lead source deliver.
    pub shows_lead_source: bool,
    /// Row of the first in [`Columns`].
    pub first_row: usize,
    /// Which contact fields the export shows at all.
    pub shown: [bool; 7],
}

/// The columns of `crm_records` that reconciliation reads, once for all destinations.
pub(super) struct Columns<'a> {
    destination: Vec<Option<&'a str>>,
    record_id: Vec<Option<&'a str>>,
    object: Vec<Option<&'a str>>,
    created_at: Vec<Option<i64>>,
    modified_at: Vec<Option<i64>>,
    resolution: Vec<Option<&'a str>>,
    person_id: Vec<Option<&'a str>>,
    match_weight: Vec<Option<f64>>,
    matched_by: Vec<Option<&'a str>>,
    email: Vec<Option<&'a str>>,
    key: Vec<Option<&'a str>>,
    lead_source: Vec<Option<&'a str>>,
    action: Vec<Option<&'a str>>,
    offer_id: Vec<Option<&'a str>>,
    offer: Vec<Option<&'a str>>,
    outcome: Vec<Option<&'a str>>,
    opportunity: Vec<Option<&'a str>>,
    merged_into: Vec<Option<&'a str>>,
    deleted: Vec<bool>,
    present: Vec<bool>,
    marketplace: Vec<bool>,
    tests: Vec<bool>,
    /// Destinations whose records show marketplace lead sources.
    showing: HashSet<&'a str>,
    contacts: Vec<Vec<Option<&'a str>>>,
}

impl<'a> Columns<'a> {
    pub(super) fn new(records: &'a Table<CrmRecords>) -> Result<Self> {
        let tests = lead_source::test_records(records)?;
        Ok(Columns {
            showing: lead_source::shown_by(records, &tests)?,
            destination: records.texts("destination")?,
            record_id: records.texts("record_id")?,
            object: records.texts("object")?,
            created_at: records.instants("created_at")?,
            modified_at: records.instants("modified_at")?,
            resolution: records.texts("resolution")?,
            person_id: records.texts("person_id")?,
            match_weight: records.numbers("match_weight")?,
            matched_by: records.texts("matched_by")?,
            email: records.texts("email")?,
            key: records.texts("key")?,
            lead_source: records.texts("lead_source")?,
            action: records.texts("action")?,
            offer_id: records.texts("offer_id")?,
            offer: records.texts("offer")?,
            outcome: records.texts("outcome")?,
            opportunity: records.texts("opportunity")?,
            merged_into: records.texts("merged_into")?,
            deleted: records.flags("deleted")?,
            present: records.flags("present")?,
            marketplace: records.flags("marketplace")?,
            tests,
            contacts: FIELDS.iter().map(|column| records.texts(column)).collect::<Result<Vec<_>>>()?,
        })
    }

    /// The contact fields of a row.
    pub(super) fn contact(&self, row: usize) -> [Option<&'a str>; 7] {
        std::array::from_fn(|field| self.contacts.get(field)?.get(row).copied().flatten())
    }

    /// The records of one destination. `delivered_by` says whether the configuration names what delivers.
    pub(super) fn of(&self, destination: &str, book: &Book<'_>, delivered_by: bool) -> Records<'a> {
        let from = self.destination.partition_point(|name| name.unwrap_or_default() < destination);
        let to = self.destination.partition_point(|name| name.unwrap_or_default() <= destination);
        let has_leads = self.object.get(from..to).is_some_and(|o| o.contains(&Some("lead")));
        let has_persons = has_leads || self.object.get(from..to).is_some_and(|o| o.contains(&Some("contact")));
        let shows_lead_source = delivered_by || self.showing.contains(destination);
        let row_of: HashMap<&str, usize> =
            (from..to).filter_map(|row| Some((at(&self.record_id, row)?, row))).collect();
        let survivors: HashSet<&str> = (from..to).filter_map(|row| at(&self.merged_into, row)).collect();
        let all = (from..to)
            .map(|row| {
                let survivor = self.survivor(row, &row_of);
                let object = at(&self.object, row).unwrap_or_default();
                let created = at(&self.created_at, row);
                let (offer, offer_known) = book.offers.of_record(at(&self.offer_id, row), at(&self.offer, row));
                let named_action = at(&self.action, row).map(str::to_lowercase);
                let action = named_action.as_deref().map(|a| book.actions.find(a));
                let marketplace = flag(&self.marketplace, row);
                let key = at(&self.key, row).map(str::trim).filter(|key| !key.is_empty());
                let person_id = at(&self.person_id, row).or_else(|| at(&self.person_id, survivor));
                let weight = at(&self.match_weight, row);
                let is_converted = |row: usize| {
                    matches!(at(&self.outcome, row), Some(outcome::QUALIFIED | outcome::WON))
                        || at(&self.opportunity, row).is_some()
                };
                let hidden = |row: usize| !flag(&self.present, row) || flag(&self.deleted, row);
                let is_lead_like = match object {
                    "opportunity" => false,
                    "contact" => !has_leads,
                    // Sales make these too: where the person has a record of its own, only the lead source tells.
                    "task" | "campaign-member" => marketplace || !has_persons,
                    _ => true,
                };
                Record {
                    id: at(&self.record_id, row).unwrap_or_default(),
                    object,
                    span: created.and_then(|start| {
                        Some(Span { start, width: width(at(&self.resolution, row).unwrap_or_default())? })
                    }),
                    modified: at(&self.modified_at, row),
                    person: person_id.and_then(|id| book.people.get(id)).copied().unwrap_or(NOBODY),
                    #[expect(
                        clippy::cast_possible_truncation,
                        reason = "weights are small; a cast of a double saturates"
                    )]
                    weight_rank: weight.map_or(0, |weight| (-weight * 1e6) as i64),
                    match_weight: weight,
                    matched_by: at(&self.matched_by, row),
                    email: at(&self.email, row).and_then(contact::normalised_email),
                    action: action.map_or(0, |code| code.unwrap_or(Code::MAX)),
                    offer,
                    offer_known,
                    key,
                    lead_source: at(&self.lead_source, row),
                    created,
                    is_test: flag(&self.tests, row),
                    is_dnc: named_action.is_some_and(|a| a.eq_ignore_ascii_case(action::DNC)),
                    marketplace,
                    converted: is_converted(row) || is_converted(survivor),
                    gone: if survivor == row { hidden(row) } else { hidden(survivor) },
                    absorbed: at(&self.record_id, row).is_some_and(|id| survivors.contains(id)),
                    delivers: is_lead_like && (marketplace || !shows_lead_source),
                }
            })
            .collect();
        let shown = std::array::from_fn(|field| {
            self.contacts
                .get(field)
                .and_then(|column| column.get(from..to))
                .is_some_and(|c| c.iter().any(Option::is_some))
        });
        Records { all, shows_lead_source, first_row: from, shown }
    }

    /// The record that a merged one lives on in; itself where it was not merged or the survivor is not known.
    fn survivor(&self, row: usize, row_of: &HashMap<&str, usize>) -> usize {
        let mut found = row;
        // Merges chain; a ring can only be a broken export.
        for _ in 0..16 {
            match at(&self.merged_into, found).and_then(|id| row_of.get(id)) {
                Some(next) if *next != found => found = *next,
                _ => break,
            }
        }
        found
    }
}

fn at<T: Copy>(column: &[Option<T>], row: usize) -> Option<T> {
    column.get(row).copied().flatten()
}

fn flag(column: &[bool], row: usize) -> bool {
    column.get(row).copied().unwrap_or_default()
}

fn width(resolution: &str) -> Option<i64> {
    match resolution {
        "day" => Some(DAY),
        "minute" => Some(60 * SECOND),
        "none" => None,
        _ => Some(SECOND),
    }
}
