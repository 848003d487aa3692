//! One destination's CRM records as reconciliation sees them: when made, by whom sent, what they name.
//!
//! Makes records from `crm_records`. Whether a record can deliver follows the design (who can deliver): where an
//! export shows marketplace lead sources at all, only such records do; opportunities never, and contacts not where
//! leads exist, since a CRM makes both from leads. Merges are followed to the survivor.

use polars::prelude::{PlHashMap, PlHashSet, StringChunked};
use rayon::prelude::*;

use crate::codes::{action, outcome};
use crate::config::Destination;
use crate::contact;
use crate::error::Result;
use crate::lead_source;
use crate::merges;
use crate::reconcile::clock::TWICE;
use crate::reconcile::events::{Book, NOBODY};
use crate::reconcile::likeness::Typed;
use crate::reconcile::offers::{Code, Named};
use crate::tables::{CrmRecords, Table};
use crate::time::{DAY, HOUR, MINUTE, SECOND};

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
    /// Whether it can be the delivery of a lead without carrying its key.
    pub delivers: Delivers,
}

/// Whether a record can be the delivery of a lead without carrying its key, or why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivers {
    /// It is a marketplace record by itself, or, where none shows so, it could be one.
    Yes,
    /// A CRM makes opportunities from leads.
    Opportunity,
    /// A CRM makes contacts from leads.
    ContactBesideLeads,
    /// Sales make these too: where people have records of their own, only the lead source tells.
    ActivityBesidePeople,
    /// The export shows lead sources, and this record shows none.
    NoLeadSource,
}

impl Delivers {
    pub(super) fn can(self) -> bool {
        self == Delivers::Yes
    }
}

/// What a destination's export holds.
pub(super) struct Records<'a> {
    /// In the order of record_id, as the rows of the table.
    pub all: Vec<Record<'a>>,
    /// Whether only records with a marketplace lead source deliver.
    pub shows_lead_source: bool,
    /// Which contact fields the export shows at all.
    pub shown: [bool; 7],
    /// Contact columns, in the order of [`contact::COLUMNS`].
    contacts: Vec<&'a StringChunked>,
}

impl Records<'_> {
    /// The record is of this person, recognised by this.
    pub(super) fn give(&mut self, record: u32, person: u32, matched_by: Option<&'static str>) {
        if let Some(record) = self.all.get_mut(record as usize) {
            (record.person, record.matched_by, record.match_weight) = (person, matched_by, None);
        }
    }

    /// The contact fields of a record, by its place in `all`.
    pub(super) fn contact(&self, record: usize) -> Typed<'_> {
        std::array::from_fn(|field| self.contacts.get(field)?.get(record))
    }
}

/// The columns of `crm_records` that reconciliation reads, of one destination.
struct Columns<'a> {
    record_id: &'a StringChunked,
    object: &'a StringChunked,
    created_at: Vec<Option<i64>>,
    modified_at: Vec<Option<i64>>,
    resolution: &'a StringChunked,
    person_id: &'a StringChunked,
    match_weight: Vec<Option<f64>>,
    matched_by: &'a StringChunked,
    email: &'a StringChunked,
    key: &'a StringChunked,
    lead_source: &'a StringChunked,
    action: &'a StringChunked,
    offer_id: &'a StringChunked,
    offer: &'a StringChunked,
    outcome: &'a StringChunked,
    opportunity: &'a StringChunked,
    merged_into: &'a StringChunked,
    deleted: Vec<bool>,
    present: Vec<bool>,
    marketplace: Vec<bool>,
    tests: Vec<bool>,
}

impl<'a> Columns<'a> {
    fn new(records: &'a Table<CrmRecords>, tests: Vec<bool>) -> Result<Self> {
        Ok(Columns {
            record_id: records.text("record_id")?,
            object: records.text("object")?,
            created_at: records.instants("created_at")?,
            modified_at: records.instants("modified_at")?,
            resolution: records.text("resolution")?,
            person_id: records.text("person_id")?,
            match_weight: records.numbers("match_weight")?,
            matched_by: records.text("matched_by")?,
            email: records.text("email")?,
            key: records.text("key")?,
            lead_source: records.text("lead_source")?,
            action: records.text("action")?,
            offer_id: records.text("offer_id")?,
            offer: records.text("offer")?,
            outcome: records.text("outcome")?,
            opportunity: records.text("opportunity")?,
            merged_into: records.text("merged_into")?,
            deleted: records.flags("deleted")?,
            present: records.flags("present")?,
            marketplace: records.flags("marketplace")?,
            tests,
        })
    }
}

impl<'a> Records<'a> {
    /// The records of one destination: `records` holds no others.
    pub(super) fn of(records: &'a Table<CrmRecords>, book: &Book<'_>, destination: &Destination) -> Result<Self> {
        let tests = lead_source::test_records(records)?;
        let shows_lead_source = lead_source::is_shown(records, &tests, destination)?;
        let columns = Columns::new(records, tests)?;
        let has = |wanted: &str| columns.object.iter().any(|object| object == Some(wanted));
        let has_leads = has("lead");
        let has_persons = has_leads || has("contact");
        let is_merged = columns.merged_into.null_count() < records.height();
        let row_of: PlHashMap<&str, usize> =
            columns.record_id.iter().zip(0..).filter(|_| is_merged).filter_map(|(id, row)| Some((id?, row))).collect();
        let survivors: PlHashSet<&str> = columns.merged_into.iter().flatten().collect();
        let all = (0..records.height())
            .into_par_iter()
            .map(|row| {
                let survivor = merges::survivor(row, |row| row_of.get(columns.merged_into.get(row)?).copied());
                let object = columns.object.get(row).unwrap_or_default();
                let created = at(&columns.created_at, row);
                let (offer, offer_known) = book.offers.of_record(columns.offer_id.get(row), columns.offer.get(row));
                let named_action = columns.action.get(row).map(str::to_lowercase);
                let action = named_action.as_deref().map(|a| book.actions.find(a));
                let marketplace = flag(&columns.marketplace, row);
                let key = columns.key.get(row).map(str::trim).filter(|key| !key.is_empty());
                let person_id = columns.person_id.get(row).or_else(|| columns.person_id.get(survivor));
                let weight = at(&columns.match_weight, row);
                let is_converted = |row: usize| {
                    matches!(columns.outcome.get(row), Some(outcome::QUALIFIED | outcome::WON))
                        || columns.opportunity.get(row).is_some()
                };
                let hidden = |row: usize| !flag(&columns.present, row) || flag(&columns.deleted, row);
                let delivers = match object {
                    "opportunity" => Delivers::Opportunity,
                    "contact" if has_leads => Delivers::ContactBesideLeads,
                    "task" | "campaign-member" if !marketplace && has_persons => Delivers::ActivityBesidePeople,
                    _ if !marketplace && shows_lead_source => Delivers::NoLeadSource,
                    _ => Delivers::Yes,
                };
                Record {
                    id: columns.record_id.get(row).unwrap_or_default(),
                    object,
                    span: created.and_then(|start| {
                        Some(Span { start, width: width(columns.resolution.get(row).unwrap_or_default())? })
                    }),
                    modified: at(&columns.modified_at, row),
                    person: person_id.and_then(|id| book.people.get(id)).copied().unwrap_or(NOBODY),
                    #[expect(
                        clippy::cast_possible_truncation,
                        reason = "weights are small; a cast of a double saturates"
                    )]
                    weight_rank: weight.map_or(0, |weight| (-weight * 1e6) as i64),
                    match_weight: weight,
                    matched_by: columns.matched_by.get(row),
                    email: columns.email.get(row).and_then(contact::normalised_email),
                    action: action.map_or(0, |code| code.unwrap_or(Code::MAX)),
                    offer,
                    offer_known,
                    key,
                    lead_source: columns.lead_source.get(row),
                    created,
                    is_test: flag(&columns.tests, row),
                    is_dnc: named_action.is_some_and(|a| a.eq_ignore_ascii_case(action::DNC)),
                    marketplace,
                    converted: is_converted(row) || is_converted(survivor),
                    gone: if survivor == row { hidden(row) } else { hidden(survivor) },
                    absorbed: columns.record_id.get(row).is_some_and(|id| survivors.contains(id)),
                    delivers,
                }
            })
            .collect();
        let contacts = contact::COLUMNS.iter().map(|column| records.text(column)).collect::<Result<Vec<_>>>()?;
        let shown = std::array::from_fn(|field| contacts.get(field).is_some_and(|c| c.null_count() < c.len()));
        Ok(Records { all, shows_lead_source, shown, contacts })
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
        "minute" => Some(MINUTE),
        // From the first reading to the second.
        TWICE => Some(HOUR + MINUTE),
        "none" => None,
        _ => Some(SECOND),
    }
}
