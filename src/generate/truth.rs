//! The truth of a synthetic publisher, written beside it under `truth/`, to judge results by.
//!
//! | file | one row per |
//! |---|---|
//! | people.csv | lead: which true person it is of, which act it tells of, what makes it hard |
//! | deliveries.csv | lead and destination it is routed to: what became of it, and whether an export shows that |
//! | records.csv | record of a destination: where it comes from, in which nights' exports it stands |
//! | outages.csv | outage: true begin and end, events lost |
//! | causes.csv | cause: condition, events lost, events that got through although it applies |
//! | quarantine.csv | record that can't be read |
//!
//! `shown_on` has a sign for each night: `1` where its export shows the record, `-` where it leaves it out although the
//! CRM holds it, `0` where the CRM has none, or none any more.

use std::collections::BTreeMap;

use super::delivery::{Fate, Record, Simulation};
use super::exports::ExportWriter;
use super::files::{FileNumber, Files, csv_row};
use super::journeys::{Lead, OFFERS, iso_time};
use super::plan::{Condition, Scope};
use super::raw::{Broken, Stored};
use crate::error::Result;

/// Writes the truth as it happens.
#[derive(Debug)]
pub struct TruthWriter {
    people: FileNumber,
    deliveries: FileNumber,
    records: FileNumber,
    /// First lead of each act of the present group.
    firsts: BTreeMap<u64, String>,
}

impl TruthWriter {
    /// Starts the files.
    ///
    /// # Errors
    /// When they cannot be made.
    pub fn new(files: &mut Files<'_>) -> Result<Self> {
        let mut start = |name: &str, columns: &str| {
            files.start(&format!("truth/{name}.csv"), None, format!("{columns}\n").as_bytes(), b"")
        };
        Ok(TruthWriter {
            people: start("people", "lead_id,source,source_key,person,event_id,kind,trap,received_at")?,
            deliveries: start(
                "deliveries",
                "lead_id,event_id,destination,outcome,record_id,why,outage,cause,known,shown_on,known_before",
            )?,
            records: start("records", "destination,record_id,origin,lead_id,person,created_at,shown_on")?,
            firsts: BTreeMap::new(),
        })
    }

    /// Notes a group of leads.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn leads(&mut self, leads: &[Lead], stored: &[Stored], files: &mut Files<'_>) -> Result<()> {
        self.firsts.clear();
        let mut bytes = Vec::new();
        for (lead, place) in leads.iter().zip(stored) {
            let event = self.firsts.entry(lead.event).or_insert_with(|| place.lead_id.clone());
            let person = lead.person.map(|p| format!("P{p:07}")).unwrap_or_default();
            let at = iso_time(lead.at);
            csv_row(
                &mut bytes,
                &[&place.lead_id, place.source, &place.key, &person, event, lead.kind, lead.trap, &at],
                b',',
                false,
            );
        }
        files.write(self.people, &bytes)
    }

    /// Notes what became of a group of leads at one destination; `shown` says in which nights each record stands.
    ///
    /// # Errors
    /// When a file cannot be written.
    #[expect(clippy::too_many_arguments, reason = "one group and everything known of it")]
    pub fn fates(
        &mut self,
        leads: &[Lead],
        stored: &[Stored],
        fates: &[Fate],
        records: &[Record],
        shown: &[String],
        exports: &ExportWriter<'_>,
        destination: &str,
        files: &mut Files<'_>,
    ) -> Result<()> {
        let mut bytes = Vec::new();
        for fate in fates {
            let (Some(lead), Some(place)) = (leads.get(fate.lead), stored.get(fate.lead)) else { continue };
            let event = self.firsts.get(&lead.event).map_or("", String::as_str);
            let record = fate.record.and_then(|r| records.get(r));
            let id = record.map(|r| exports.record_id(r.serial)).unwrap_or_default();
            let why = match (fate.outcome, fate.outage, fate.cause) {
                ("lost" | "late", Some(_), _) => "outage",
                ("lost", _, Some(_)) => "cause",
                ("lost", None, None) => "isolated",
                _ => "",
            };
            let outage = fate.outage.map(|o| outage_name(destination, o)).unwrap_or_default();
            let cause = fate.cause.map(|c| cause_name(destination, c)).unwrap_or_default();
            let known = if fate.known { "yes" } else { "no" };
            let seen = fate.record.and_then(|r| shown.get(r)).map_or("", String::as_str);
            csv_row(
                &mut bytes,
                &[
                    &place.lead_id,
                    event,
                    destination,
                    fate.outcome,
                    &id,
                    why,
                    &outage,
                    &cause,
                    known,
                    seen,
                    if fate.known_before { "yes" } else { "no" },
                ],
                b',',
                false,
            );
        }
        files.write(self.deliveries, &bytes)?;
        bytes.clear();
        for (record, seen) in records.iter().zip(shown) {
            let lead = record.lead.and_then(|l| stored.get(l)).map_or("", |s| s.lead_id.as_str());
            let person = record.person.map(|p| format!("P{p:07}")).unwrap_or_default();
            let (id, at) = (exports.record_id(record.serial), iso_time(record.created));
            csv_row(&mut bytes, &[destination, &id, record.origin, lead, &person, &at, seen], b',', false);
        }
        files.write(self.records, &bytes)
    }
}

/// Writes the outages, causes and broken records.
///
/// # Errors
/// When a file cannot be written.
pub fn finish(simulations: &[Simulation<'_>], broken: &[Broken], files: &mut Files<'_>) -> Result<()> {
    let mut outages = b"outage,destination,scope,begin,end,share,lost,first_lost,last_lost,imported\n".to_vec();
    let mut causes = b"cause,destination,condition,share,lost,delivered\n".to_vec();
    for simulation in simulations {
        let name = simulation.destination.name.as_str();
        for (index, outage) in simulation.destination.outages.iter().enumerate() {
            let (lost, first, last) = simulation.lost_in.get(index).copied().unwrap_or_default();
            let scope = match outage.scope {
                Scope::All => "all".to_owned(),
                Scope::Offer(offer) => format!("offer={}", OFFERS.get(offer).map_or("", |o| o.id)),
                Scope::Action(action) => format!("action={action}"),
            };
            let time = |at: i64| if lost == 0 { String::new() } else { iso_time(at) };
            csv_row(
                &mut outages,
                &[
                    &outage_name(name, index),
                    name,
                    &scope,
                    &iso_time(outage.begin),
                    &outage.end.map(iso_time).unwrap_or_default(),
                    &outage.share.to_string(),
                    &lost.to_string(),
                    &time(first),
                    &time(last),
                    if outage.imported_after.is_some() { "yes" } else { "no" },
                ],
                b',',
                false,
            );
        }
        for (index, cause) in simulation.destination.causes.iter().enumerate() {
            let (lost, delivered) = simulation.lost_by.get(index).copied().unwrap_or_default();
            csv_row(
                &mut causes,
                &[
                    &cause_name(name, index),
                    name,
                    &condition(cause.condition),
                    &cause.share.to_string(),
                    &lost.to_string(),
                    &delivered.to_string(),
                ],
                b',',
                false,
            );
        }
    }
    files.whole("truth/outages.csv", None, &outages)?;
    files.whole("truth/causes.csv", None, &causes)?;
    let mut quarantine = b"source,source_key,reason\n".to_vec();
    for record in broken {
        csv_row(&mut quarantine, &[record.source, &record.key, record.reason], b',', false);
    }
    files.whole("truth/quarantine.csv", None, &quarantine)
}

fn outage_name(destination: &str, index: usize) -> String {
    format!("{destination}-outage-{}", index + 1)
}

fn cause_name(destination: &str, index: usize) -> String {
    format!("{destination}-cause-{}", index + 1)
}

fn condition(of: Condition) -> String {
    match of {
        Condition::Empty(field) => format!("{} empty", field.name()),
        Condition::Offer(offer) => format!("offer={}", OFFERS.get(offer).map_or("", |o| o.id)),
        Condition::Country(code) => format!("country={code}"),
        Condition::Longer(field, limit) => format!("{} longer than {limit}", field.name()),
        Condition::NonAscii(field) => format!("{} not ASCII", field.name()),
        Condition::Known => "person known".to_owned(),
        Condition::Minutes(from, to) => format!("minute {from}-{to}"),
        Condition::Weekday(day) => format!("weekday {}", day + 1),
        Condition::Rank(cap) => format!("rank in burst above {cap}"),
        Condition::DailyCap(cap) => format!("more than {cap} a day"),
        Condition::Both([one, other]) => format!("{} and {}", condition(*one), condition(*other)),
    }
}
