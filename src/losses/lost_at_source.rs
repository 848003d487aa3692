//! Leads that never reached the store: only a witness saw them.
//!
//! The store can be the destination that was down. A witness (an export of the marketplace's own portal, or a CRM
//! record that no lead accounts for) proves single leads. Which stretch of time they make is found by `outages`.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};
use polars::prelude::*;
use rayon::prelude::*;

use crate::codes::unexplained;
use crate::contact;
use crate::error::Result;
use crate::findings::{AboutLoss, Finding};
use crate::lead_source;
use crate::tables::{CrmRecords, ExportRecords, Kind, Leads, LostAtSource, Table, UnexplainedRecords};
use crate::time::HOUR;

/// How far a witness's time may be from the lead's: its zone is not known, and days have no hours.
const WITNESS_CLOCK: i64 = 36 * HOUR;
/// Key for leads without any contact; they are matched by offer and time alone.
const NOBODY: &str = "nobody";
/// How far apart the times of store and witness may be for leads without any contact.
const SAME_MOMENT: i64 = HOUR / 6;

/// What witnesses saw.
#[derive(Debug)]
pub struct Seen {
    /// Leads that no source holds; `outage_id` is not known yet.
    pub lost: Table<LostAtSource>,
    /// What a person should act on.
    pub findings: Vec<Finding>,
}

/// Finds leads that only a witness saw.
///
/// `witnesses` are the rows of witness exports, read like CRM exports; `unexplained` and `crm_records` tell which CRM
/// records no lead accounts for; `doubtful` since when what a destination shows is not believed, in microseconds. Nothing
/// before the first lead counts: the landing did not exist then.
///
/// # Errors
/// When a table lacks a column: a fault of ours.
pub fn witnessed(
    leads: &Table<Leads>,
    witnesses: &Table<ExportRecords>,
    unexplained: &Table<UnexplainedRecords>,
    crm_records: &Table<CrmRecords>,
    doubtful: &BTreeMap<String, i64>,
    as_of_ends_at: DateTime<Utc>,
) -> Result<Seen> {
    let first = leads.instants("received_at")?.into_iter().flatten().min();
    let end = as_of_ends_at.timestamp_micros();
    let in_time = |at: Option<i64>| at.is_none_or(|at| first.is_some_and(|first| at >= first) && at < end);
    let rows = Rows::of(witnesses)?;
    let own = rows.asking((0..rows.len()).filter(|row| !rows.is_test(*row) && in_time(rows.at(*row))));
    let nobody_sent: HashSet<(&str, &str)> = unexplained
        .texts("destination")?
        .into_iter()
        .zip(unexplained.texts("record_id")?)
        .zip(unexplained.texts("reason")?)
        .filter(|(_, why)| matches!(*why, Some(unexplained::NO_LEAD | unexplained::UNKNOWN_OFFER)))
        .filter_map(|((destination, id), _)| Some((destination?, id?)))
        .collect();
    let records = Rows::of(crm_records)?;
    let is_believed = |row: usize| {
        let since = doubtful.get(records.name(row).0);
        since.is_none_or(|since| records.at(row).is_some_and(|at| at <= *since))
    };
    let is_nobodys = |row: &usize| nobody_sent.contains(&records.name(*row)) && is_believed(*row);
    let nobodys = records.asking((0..records.len()).filter(is_nobodys).filter(|row| in_time(records.at(*row))));

    let held = Held::new(leads, own.iter().chain(&nobodys).flat_map(|asking| &asking.names).collect())?;
    let answered = held.pair(&rows, &own);
    let mut lost = Lost::default();
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for Asking { row, .. } in own.iter().filter(|asking| !answered.contains(&asking.row)) {
        lost.push(&rows, *row);
        *counts.entry(rows.name(*row).0.to_owned()).or_default() += 1;
    }
    for asking in nobodys.iter().filter(|asking| held.candidates(&records, asking).is_empty()) {
        lost.push(&records, asking.row);
    }
    let findings =
        counts.into_iter().map(|(witness, count)| Finding::mail(witness, AboutLoss::AtSource, count)).collect();
    Ok(Seen { lost: lost.table()?, findings })
}

/// A row that asks whether the store has its lead, and under which names of its person.
struct Asking {
    row: usize,
    names: Vec<String>,
}

/// Who the leads of the store are, by what a witness also knows.
struct Held {
    /// For each name that is asked for, the leads under it: time, offer and row.
    by_name: PlHashMap<String, Vec<(i64, Option<String>, usize)>>,
}

impl Held {
    /// The leads of these people.
    fn new(leads: &Table<Leads>, asked: HashSet<&String>) -> Result<Self> {
        let mut by_name: PlHashMap<String, Vec<(i64, Option<String>, usize)>> = PlHashMap::default();
        if asked.is_empty() {
            return Ok(Held { by_name });
        }
        let (received, offers) = (leads.instants("received_at")?, leads.texts("offer_id")?);
        let people = People::of(leads)?;
        let names = |row| people.names(row).into_iter().filter(|name| asked.contains(name)).collect();
        let names: Vec<Vec<String>> = (0..received.len()).into_par_iter().map(names).collect();
        for (row, (at, names)) in received.into_iter().zip(names).enumerate() {
            let Some(at) = at.filter(|_| !names.is_empty()) else { continue };
            let offer = offers.get(row).copied().flatten().map(str::to_lowercase);
            for name in names {
                by_name.entry(name).or_default().push((at, offer.clone(), row));
            }
        }
        for leads in by_name.values_mut() {
            leads.sort_unstable();
        }
        Ok(Held { by_name })
    }

    /// The leads that can be what a row speaks of, each with its distance in time.
    fn candidates(&self, rows: &Rows<'_>, asking: &Asking) -> Vec<(i64, usize)> {
        let row = asking.row;
        let offer = rows.offers.get(row).copied().flatten().map(str::to_lowercase);
        let mut found = Vec::new();
        for name in &asking.names {
            let clock = if name == NOBODY { SAME_MOMENT } else { WITNESS_CLOCK };
            let Some(leads) = self.by_name.get(name).filter(|_| name != NOBODY || rows.at(row).is_some()) else {
                continue;
            };
            let from = rows.at(row).map_or(0, |at| leads.partition_point(|(time, _, _)| *time < at - clock));
            for (time, of, lead) in leads.iter().skip(from) {
                if rows.at(row).is_some_and(|at| *time > at + clock) {
                    break;
                }
                if of.is_none() || offer.is_none() || *of == offer {
                    found.push((rows.at(row).map_or(0, |at| (time - at).abs()), *lead));
                }
            }
        }
        found
    }

    /// Rows that a lead answers, nearest first, each lead once.
    fn pair(&self, rows: &Rows<'_>, all: &[Asking]) -> HashSet<usize> {
        let of = |asking: &Asking| {
            let row = asking.row;
            self.candidates(rows, asking).into_iter().map(move |(distance, lead)| (distance, lead, row))
        };
        let mut pairs: Vec<(i64, usize, usize)> = all.iter().flat_map(of).collect();
        pairs.sort_unstable();
        let (mut leads, mut answered) = (HashSet::new(), HashSet::new());
        for (_, lead, row) in pairs {
            if !leads.contains(&lead) && !answered.contains(&row) {
                leads.insert(lead);
                answered.insert(row);
            }
        }
        answered
    }
}

/// Contact columns of any table of people.
struct People<'a> {
    email: Vec<Option<&'a str>>,
    phone: Vec<Option<&'a str>>,
    first_name: Vec<Option<&'a str>>,
    last_name: Vec<Option<&'a str>>,
    company: Vec<Option<&'a str>>,
}

impl<'a> People<'a> {
    fn of<T: crate::tables::Grain>(table: &'a Table<T>) -> Result<Self> {
        Ok(People {
            email: table.texts("email")?,
            phone: table.texts("phone")?,
            first_name: table.texts("first_name")?,
            last_name: table.texts("last_name")?,
            company: table.texts("company")?,
        })
    }

    /// Under what a person can be found: e-mail; last name with telephone; whole name with company; else as nobody.
    fn names(&self, row: usize) -> Vec<String> {
        let at = |column: &[Option<&'a str>]| column.get(row).copied().flatten();
        // Father and son are two: what tells them apart is no part of the key of a name.
        let told = |column| at(column).and_then(contact::generation);
        let generation = told(&self.last_name).or_else(|| told(&self.first_name));
        let generation = generation.map_or_else(String::new, |generation| format!(" {generation}"));
        let last = at(&self.last_name).and_then(contact::name_key).map(|last| last + &generation);
        let mut names = Vec::new();
        if let Some(email) = at(&self.email).and_then(contact::normalised_email) {
            names.push(format!("e {email}"));
        }
        if let (Some(last), Some(phone)) = (&last, at(&self.phone).and_then(contact::phone_digits)) {
            names.push(format!("p {last} {phone}"));
        }
        let first = at(&self.first_name).and_then(contact::name_key);
        if let (Some(first), Some(last), Some(company)) =
            (first, last, at(&self.company).and_then(contact::company_key))
        {
            names.push(format!("n {first} {last} {company}"));
        }
        if names.is_empty() {
            names.push(NOBODY.to_owned());
        }
        names
    }
}

/// Rows of a witness, or records of a CRM.
struct Rows<'a> {
    witness: Vec<Option<&'a str>>,
    record_id: Vec<Option<&'a str>>,
    at: Vec<Option<i64>>,
    offers: Vec<Option<&'a str>>,
    lead_source: Vec<Option<&'a str>>,
    people: People<'a>,
}

impl<'a> Rows<'a> {
    fn of<T: crate::tables::Grain>(table: &'a Table<T>) -> Result<Self> {
        Ok(Rows {
            witness: table.texts("destination")?,
            record_id: table.texts("record_id")?,
            at: table.instants("created_at")?,
            offers: table.texts("offer_id")?,
            lead_source: table.texts("lead_source")?,
            people: People::of(table)?,
        })
    }

    fn len(&self) -> usize {
        self.record_id.len()
    }

    /// These rows with the names of their people.
    fn asking(&self, rows: impl Iterator<Item = usize>) -> Vec<Asking> {
        let rows: Vec<usize> = rows.collect();
        rows.into_par_iter().map(|row| Asking { row, names: self.people.names(row) }).collect()
    }

    fn at(&self, row: usize) -> Option<i64> {
        self.at.get(row).copied().flatten()
    }

    fn name(&self, row: usize) -> (&'a str, &'a str) {
        let at = |column: &[Option<&'a str>]| column.get(row).copied().flatten().unwrap_or_default();
        (at(&self.witness), at(&self.record_id))
    }

    fn is_test(&self, row: usize) -> bool {
        let people = &self.people;
        [&people.email, &people.phone, &people.first_name, &people.last_name, &people.company, &self.lead_source]
            .into_iter()
            .any(|column| column.get(row).copied().flatten().is_some_and(lead_source::is_test))
    }
}

#[derive(Default)]
struct Lost {
    witness: Vec<String>,
    record_id: Vec<String>,
    received_at: Vec<Option<i64>>,
    texts: [Vec<Option<String>>; 5],
}

const TEXTS: [&str; 5] = ["offer_id", "first_name", "last_name", "email", "company"];

impl Lost {
    fn push(&mut self, rows: &Rows<'_>, row: usize) {
        let (witness, record_id) = rows.name(row);
        self.witness.push(witness.to_owned());
        self.record_id.push(record_id.to_owned());
        self.received_at.push(rows.at(row));
        let people = &rows.people;
        let columns = [&rows.offers, &people.first_name, &people.last_name, &people.email, &people.company];
        for (texts, column) in self.texts.iter_mut().zip(columns) {
            texts.push(column.get(row).copied().flatten().map(str::to_owned));
        }
    }

    fn table(self) -> Result<Table<LostAtSource>> {
        let height = self.witness.len();
        let mut frame = df!("witness" => self.witness, "record_id" => self.record_id)?;
        frame.with_column(
            Series::new("received_at".into(), self.received_at).cast(&Kind::Instant.dtype())?.into_column(),
        )?;
        for (name, texts) in TEXTS.into_iter().zip(self.texts) {
            frame.with_column(Series::new(name.into(), texts).into_column())?;
        }
        frame.with_column(Series::full_null("outage_id".into(), height, &DataType::String).into_column())?;
        Table::new(frame)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen(witnesses: serde_json::Value, unexplained: serde_json::Value, records: serde_json::Value) -> Seen {
        seen_but(witnesses, unexplained, records, &BTreeMap::new())
    }

    fn seen_but(
        witnesses: serde_json::Value,
        unexplained: serde_json::Value,
        records: serde_json::Value,
        doubtful: &BTreeMap<String, i64>,
    ) -> Seen {
        let leads = json!([
            {"lead_id": "a", "received_at": "2026-05-03T10:00:00Z", "kind": "genuine", "first_name": "Ann",
             "last_name": "Abel", "email": "ann@abel.example", "phone": "+49 30 1234567", "company": "Abel GmbH",
             "offer_id": "contoso.mesh"},
            {"lead_id": "b", "received_at": "2026-05-05T10:00:00Z", "kind": "genuine", "first_name": "Ben",
             "last_name": "Brandt", "email": "ben@brandt.example", "offer_id": "contoso.mesh"},
            {"lead_id": "c", "received_at": "2026-05-06T10:00:00Z", "kind": "genuine", "first_name": "asdf",
             "last_name": "n/a", "email": "n/a", "offer_id": "contoso.mesh"},
        ]);
        let end = DateTime::parse_from_rfc3339("2026-05-11T00:00:00Z").unwrap().to_utc();
        witnessed(
            &Table::sample_of(&leads),
            &Table::sample_of(&witnesses),
            &Table::sample_of(&unexplained),
            &Table::sample_of(&records),
            doubtful,
            end,
        )
        .unwrap()
    }

    fn lost_ids(seen: &Seen) -> Vec<&str> {
        seen.lost.texts("record_id").unwrap().into_iter().flatten().collect()
    }

    fn sighting(id: &str, at: &str, email: &str) -> serde_json::Value {
        json!({"destination": "portal", "record_id": id, "created_at": at, "email": email, "offer_id": "contoso.mesh"})
    }

    #[test]
    fn a_witness_proves_what_no_source_holds_and_nothing_else() {
        let seen = seen(
            json!([
                // In the store: by address in another case and a day off, and by name and company without an address.
                sighting("w1", "2026-05-04T09:00:00Z", "Ann@Abel.example"),
                {"destination": "portal", "record_id": "w2", "created_at": "2026-05-03T11:00:00Z", "first_name": "ann",
                 "last_name": "ABEL", "company": "Abel", "phone": "0049301234567"},
                sighting("w3", "2026-05-05T10:01:00Z", "ben@brandt.example"),
                // Not in the store: a stranger, and Ben once more, four days later.
                sighting("w4", "2026-05-06T10:00:00Z", "carla@costa.example"),
                sighting("w5", "2026-05-09T10:00:00Z", "ben@brandt.example"),
                // Nothing that anybody lost: before the landing's first lead, after the as-of day, a test lead.
                sighting("w6", "2026-04-01T10:00:00Z", "old@old.example"),
                sighting("w7", "2026-05-11T10:00:00Z", "new@new.example"),
                sighting("w8", "2026-05-06T10:00:00Z", "msft_test_123@contoso.example"),
            ]),
            json!([]),
            json!([]),
        );
        // Ann asked once, and the portal tells of it twice: one of the two rows no lead answers.
        assert_eq!(lost_ids(&seen), ["w1", "w4", "w5"]);
        assert_eq!(seen.lost.frame().column("outage_id").unwrap().null_count(), 3);
        let finding = &seen.findings[0];
        assert_eq!(
            (finding.level, finding.code(), finding.destination.as_str(), finding.count),
            ("mail", "lost-at-source", "portal", 3)
        );
    }

    #[test]
    fn a_lead_that_names_nobody_is_known_by_its_offer_and_moment() {
        let junk = |id: &str, at: &str, offer: &str| json!({"destination": "portal", "record_id": id, "created_at": at, "first_name": "asdf", "offer_id": offer});
        let rows = json!([
            junk("w1", "2026-05-06T10:00:02Z", "contoso.mesh"),
            junk("w2", "2026-05-06T10:00:01Z", "contoso.other"),
            junk("w3", "2026-05-06T11:00:00Z", "contoso.mesh"),
        ]);
        assert_eq!(lost_ids(&seen(rows, json!([]), json!([]))), ["w2", "w3"]);
    }

    #[test]
    fn a_crm_record_that_no_lead_accounts_for_is_a_witness_too() {
        let record = |id: &str, at: &str, email: &str| json!({"destination": "crm", "record_id": id, "created_at": at, "email": email, "offer_id": "contoso.mesh"});
        let odd = |id: &str, reason: &str| json!({"destination": "crm", "record_id": id, "reason": reason});
        let seen = seen(
            json!([]),
            json!([odd("r1", "no-lead"), odd("r2", "further-delivery"), odd("r3", "no-lead")]),
            json!([
                record("r1", "2026-05-06T10:00:00Z", "carla@costa.example"),
                record("r2", "2026-05-06T10:00:00Z", "dora@dupont.example"),
                // Of a person whose lead lies near: that it was paired with nothing does not prove a lead lost.
                record("r3", "2026-05-05T12:00:00Z", "ben@brandt.example"),
                record("r4", "2026-05-06T10:00:00Z", "erik@eriksen.example"),
            ]),
        );
        assert_eq!(lost_ids(&seen), ["r1"]);
        assert!(seen.findings.is_empty(), "reconciliation tells of unexplained records itself");
    }

    #[test]
    fn of_an_export_that_is_not_believed_only_what_it_showed_before_counts() {
        let record = |id: &str, at: &str| json!({"destination": "crm", "record_id": id, "created_at": at, "email": format!("{id}@new.example"), "offer_id": "contoso.mesh"});
        let odd = |id: &str| json!({"destination": "crm", "record_id": id, "reason": "no-lead"});
        let since = DateTime::parse_from_rfc3339("2026-05-06T00:00:00Z").unwrap().timestamp_micros();
        let seen = seen_but(
            json!([]),
            json!([odd("r1"), odd("r2")]),
            json!([record("r1", "2026-05-05T10:00:00Z"), record("r2", "2026-05-06T10:00:00Z")]),
            &BTreeMap::from([("crm".to_owned(), since)]),
        );
        assert_eq!(lost_ids(&seen), ["r1"]);
    }
}
