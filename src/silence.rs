//! What the store itself never saw: leads that only a witness saw, and sources that fell silent.
//!
//! The store can be the destination that was down. A witness (an export of the marketplace's own portal, or a CRM
//! record that no lead accounts for) proves single leads; silence against the rate of the weekday and hour proves
//! nothing about people, and says what it is: so many leads expected, none seen. The test rescales time so that gaps
//! between arrivals are exponential, and asks whether a gap exceeds ln(n/alpha).
//! Which stretch of time the lost leads make is the affair of `outages`, from [`Seen::trials`].

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Datelike, Timelike, Utc};
use polars::prelude::*;

use crate::codes::{Finding, finding, level, unexplained};
use crate::contact;
use crate::error::Result;
use crate::lead_source;
use crate::tables::{CrmRecords, ExportRecords, Kind, Leads, LostAtSource, Table, UnexplainedRecords};

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3600 * SECOND;
const DAY: i64 = 24 * HOUR;

/// How far a witness's time may be from the lead's: its zone is not known, and days have no hours.
const WITNESS_CLOCK: i64 = 36 * HOUR;
/// Under what leads are found that name nobody: they are told apart by offer and moment only.
const NOBODY: &str = "nobody";
/// How far apart store and witness may tell the time of those.
const SAME_MOMENT: i64 = HOUR / 6;

/// What witnesses saw.
#[derive(Debug)]
pub struct Seen {
    /// Leads that no source holds; `outage_id` is not known yet.
    pub lost: Table<LostAtSource>,
    /// Every lead of a witness in the order of time: what a test for an outage of the store takes.
    pub trials: Vec<Sighting>,
    /// What a person should act on.
    pub findings: Vec<Finding>,
}

/// One lead as a witness saw it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sighting {
    /// When.
    pub at: DateTime<Utc>,
    /// Name of the witness.
    pub witness: String,
    /// The witness's id of it.
    pub record_id: String,
    /// Whether no source holds it.
    pub lost: bool,
}

/// Finds leads that only a witness saw.
///
/// `witnesses` are the rows of witness exports, read like CRM exports; `unexplained` and `crm_records` tell which CRM
/// records no lead accounts for. Nothing before the first lead counts: the landing did not exist then.
///
/// # Errors
/// When a table lacks a column: a fault of ours.
pub fn witnessed(
    leads: &Table<Leads>,
    witnesses: &Table<ExportRecords>,
    unexplained: &Table<UnexplainedRecords>,
    crm_records: &Table<CrmRecords>,
    as_of_ends_at: DateTime<Utc>,
) -> Result<Seen> {
    let held = Held::new(leads)?;
    let end = as_of_ends_at.timestamp_micros();
    let in_time = |at: Option<i64>| at.is_none_or(|at| held.first.is_some_and(|first| at >= first) && at < end);
    let rows = Rows::of_witnesses(witnesses)?;
    let own: Vec<usize> = (0..rows.len()).filter(|row| !rows.is_test(*row) && in_time(rows.at(*row))).collect();
    let answered = held.pair(&rows, &own);
    let mut lost = Lost::default();
    let mut trials = Vec::new();
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for row in &own {
        let is_lost = !answered.contains(row);
        if let Some(at) = rows.at(*row).and_then(DateTime::from_timestamp_micros) {
            let (witness, record_id) = rows.name(*row);
            trials.push(Sighting { at, witness: witness.to_owned(), record_id: record_id.to_owned(), lost: is_lost });
        }
        if is_lost {
            lost.push(&rows, *row);
            *counts.entry(rows.name(*row).0.to_owned()).or_default() += 1;
        }
    }
    trials.sort();

    let nobody_sent: HashSet<(&str, &str)> = unexplained
        .texts("destination")?
        .into_iter()
        .zip(unexplained.texts("record_id")?)
        .zip(unexplained.texts("reason")?)
        .filter(|(_, why)| matches!(*why, Some(unexplained::NO_LEAD | unexplained::UNKNOWN_OFFER)))
        .filter_map(|((destination, id), _)| Some((destination?, id?)))
        .collect();
    let records = Rows::of_records(crm_records)?;
    for row in 0..records.len() {
        if nobody_sent.contains(&records.name(row)) && in_time(records.at(row)) && !held.knows(&records, row) {
            lost.push(&records, row);
        }
    }
    let findings = counts
        .into_iter()
        .map(|(witness, count)| Finding {
            level: level::MAIL,
            code: finding::LOST_AT_SOURCE,
            text: "leads that this witness saw and no source holds: they were lost before they reached the store"
                .to_owned(),
            destination: witness,
            count,
        })
        .collect();
    Ok(Seen { lost: lost.table()?, trials, findings })
}

/// Who the leads of the store are, by what a witness also knows.
struct Held {
    /// For each name of a person the leads under it: time, offer and row.
    by_name: HashMap<String, Vec<(i64, Option<String>, usize)>>,
    first: Option<i64>,
}

impl Held {
    fn new(leads: &Table<Leads>) -> Result<Self> {
        let received = leads.instants("received_at")?;
        let offers = leads.texts("offer_id")?;
        let people = People::of(leads)?;
        let mut by_name: HashMap<String, Vec<(i64, Option<String>, usize)>> = HashMap::new();
        for (row, at) in received.iter().enumerate() {
            let Some(at) = at else { continue };
            let offer = offers.get(row).copied().flatten().map(str::to_lowercase);
            for name in people.names(row) {
                by_name.entry(name).or_default().push((*at, offer.clone(), row));
            }
        }
        for leads in by_name.values_mut() {
            leads.sort_unstable();
        }
        Ok(Held { by_name, first: received.into_iter().flatten().min() })
    }

    /// The leads that can be what a row speaks of, each with its distance in time.
    fn candidates(&self, rows: &Rows<'_>, row: usize) -> Vec<(i64, usize)> {
        let offer = rows.offers.get(row).copied().flatten().map(str::to_lowercase);
        let mut found = Vec::new();
        for name in rows.people.names(row) {
            let clock = if name == NOBODY { SAME_MOMENT } else { WITNESS_CLOCK };
            let Some(leads) = self.by_name.get(&name).filter(|_| name != NOBODY || rows.at(row).is_some()) else {
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

    fn knows(&self, rows: &Rows<'_>, row: usize) -> bool {
        !self.candidates(rows, row).is_empty()
    }

    /// Rows that a lead answers, nearest first, each lead once.
    fn pair(&self, rows: &Rows<'_>, wanted: &[usize]) -> HashSet<usize> {
        let mut pairs: Vec<(i64, usize, usize)> = wanted
            .iter()
            .flat_map(|row| self.candidates(rows, *row).into_iter().map(|(distance, lead)| (distance, lead, *row)))
            .collect();
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
        let last = at(&self.last_name).and_then(contact::name_key);
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
    fn of_witnesses(table: &'a Table<ExportRecords>) -> Result<Self> {
        Self::of(table)
    }

    fn of_records(table: &'a Table<CrmRecords>) -> Result<Self> {
        Self::of(table)
    }

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

/// Fewer arrivals than this tell no rate.
const FEWEST_ARRIVALS: usize = 20;
/// Shorter than this tells no week.
const SHORTEST: i64 = 14 * DAY;
/// How far back a rate is taken: demand of last year is not demand.
const LOOK_BACK: i64 = 90 * DAY;
/// One person's clicks are one arrival.
const BURST: i64 = 30 * 60 * SECOND;

/// Sources whose leads stopped: a finding for each, if so many were expected that none is no chance.
///
/// `seen_until` is the latest instant of which anything is known (the as-of day is not over when a run begins).
/// `alpha` is the expected number of false alarms in a run.
///
/// # Errors
/// When a table lacks a column: a fault of ours.
pub fn silent(
    leads: &Table<Leads>,
    seen_until: DateTime<Utc>,
    as_of_ends_at: DateTime<Utc>,
    alpha: f64,
) -> Result<Vec<Finding>> {
    let mut by_source: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for (source, at) in leads.texts("source")?.into_iter().zip(leads.instants("received_at")?) {
        if let (Some(source), Some(at)) = (source, at) {
            by_source.entry(source).or_default().push(at);
        }
    }
    let whole_days = as_of_ends_at.timestamp_micros() - DAY;
    let end = seen_until
        .timestamp_micros()
        .clamp(whole_days.min(as_of_ends_at.timestamp_micros()), as_of_ends_at.timestamp_micros());
    let sources = by_source.len();
    let mut findings = Vec::new();
    for (source, mut arrivals) in by_source {
        arrivals.sort_unstable();
        if let Some((since, expected)) = silence(&arrivals, end, alpha / sources.max(1) as f64) {
            findings.push(Finding {
                level: level::PAGE,
                code: finding::SOURCE_SILENT,
                destination: source.to_owned(),
                text: format!("no lead since {} UTC, though leads were expected", since.format("%Y-%m-%d %H:%M")),
                count: expected,
            });
        }
    }
    Ok(findings)
}

/// Since when a source is silent and how many arrivals were expected; `arrivals` are sorted.
fn silence(arrivals: &[i64], end: i64, alpha: f64) -> Option<(DateTime<Utc>, i64)> {
    let last = *arrivals.last()?;
    let window: Vec<i64> = arrivals.iter().copied().filter(|at| *at >= last - LOOK_BACK).collect();
    let mut single: Vec<i64> = Vec::with_capacity(window.len());
    for at in window {
        if single.last().is_none_or(|before| at - before > BURST) {
            single.push(at);
        }
    }
    let first = *single.first()?;
    if single.len() < FEWEST_ARRIVALS || last - first < SHORTEST || end <= last {
        return None;
    }
    let rate = Rate::of(&single, first, last);
    let expected = rate.expected(last, end);
    #[expect(clippy::cast_precision_loss, reason = "a few thousand arrivals")]
    let threshold = (single.len() as f64 / alpha).ln();
    if expected <= threshold {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "an expected number of leads")]
    Some((DateTime::from_timestamp_micros(last)?, expected.round() as i64))
}

/// Arrivals per hour, by weekday and hour, drawn towards what weekday and hour say on their own.
struct Rate([f64; 168]);

impl Rate {
    #[expect(clippy::cast_precision_loss, reason = "counts of a quarter")]
    fn of(arrivals: &[i64], first: i64, last: i64) -> Rate {
        let weeks = ((last - first) as f64 / (7 * DAY) as f64).max(1.0);
        let mut cells = [0.0; 168];
        let (mut days, mut hours) = ([0.0; 7], [0.0; 24]);
        for at in arrivals {
            let cell = cell_of(*at);
            cells[cell] += 1.0;
            days[cell / 24] += 1.0;
            hours[cell % 24] += 1.0;
        }
        let all = arrivals.len() as f64;
        // As heavy as four weeks of the cell itself.
        const PRIOR: f64 = 4.0;
        let mut rates = [0.0; 168];
        for (cell, rate) in rates.iter_mut().enumerate() {
            let product = days[cell / 24] * hours[cell % 24] / all / weeks;
            *rate = (cells[cell] + PRIOR * product) / (weeks + PRIOR);
        }
        Rate(rates)
    }

    #[expect(clippy::cast_precision_loss, reason = "parts of an hour")]
    fn expected(&self, from: i64, to: i64) -> f64 {
        let mut sum = 0.0;
        let mut at = from;
        while at < to {
            let next = (at.div_euclid(HOUR) + 1) * HOUR;
            let part = (next.min(to) - at) as f64 / HOUR as f64;
            sum += part * self.0[cell_of(at)];
            at = next;
        }
        sum
    }
}

/// Hour of the week, Monday 00:00 UTC first.
fn cell_of(at: i64) -> usize {
    DateTime::from_timestamp_micros(at)
        .map_or(0, |time| time.weekday().num_days_from_monday() as usize * 24 + time.hour() as usize)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tables::Grain;

    fn office_hours(weeks: i64) -> Vec<i64> {
        // Monday 5 January 2026.
        let start = 1_767_571_200 * SECOND;
        (0..weeks * 7)
            .filter(|day| day % 7 < 5)
            .flat_map(|day| {
                (0..6).map(move |n| start + day * DAY + (9 + n) * HOUR + (day * 13 + n * 7) % 50 * 60 * SECOND)
            })
            .collect()
    }

    #[test]
    fn a_weekend_is_no_silence_and_three_working_days_are() {
        let arrivals = office_hours(8);
        let last = *arrivals.last().unwrap();
        assert_eq!(silence(&arrivals, last + 2 * DAY, 1e-4), None, "Saturday and Sunday");
        let (since, expected) = silence(&arrivals, last + 6 * DAY, 1e-4).unwrap();
        assert_eq!(since.timestamp_micros(), last);
        assert!((16..=26).contains(&expected), "four working days of six, more or less: {expected}");
    }

    /// A table of these rows: what is not given is null, or neutral where null is not allowed.
    fn table<T: Grain>(rows: serde_json::Value) -> Table<T> {
        Table::new(crate::queries::tests::frame_of(&T::DEFINITION, &rows)).unwrap()
    }

    fn seen(witnesses: serde_json::Value, unexplained: serde_json::Value, records: serde_json::Value) -> Seen {
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
        witnessed(&table(leads), &table(witnesses), &table(unexplained), &table(records), end).unwrap()
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
        assert_eq!(
            seen.trials.iter().map(|t| (t.record_id.as_str(), t.lost)).collect::<Vec<_>>(),
            [("w2", false), ("w1", true), ("w3", false), ("w4", true), ("w5", true)]
        );
        let finding = &seen.findings[0];
        assert_eq!(
            (finding.level, finding.code, finding.destination.as_str(), finding.count),
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
    fn too_few_arrivals_tell_nothing() {
        let arrivals = office_hours(8);
        assert_eq!(silence(&arrivals[..15], arrivals[15] + 300 * DAY, 1e-4), None);
        assert_eq!(silence(&[], 0, 1e-4), None);
    }
}
