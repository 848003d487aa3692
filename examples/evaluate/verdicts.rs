//! Are the missed leads those that were lost? Judged are genuine events at each destination, on the last night.
//!
//! An event is lost where all its deliveries were. Told missed and lost is a hit, told missed and delivered is wrong,
//! lost and not told missed is not found. Left out, each counted apart, is what the CRM cannot show:
//!
//! | left out | why |
//! |---|---|
//! | unseen | delivered and told missed: no export ever held the record (converted ones where the view shows none, deleted before the first night). Not where an old record is merely outside a rolling window, as the first night's export shows it: that is to be recognised |
//! | known | lost, in a CRM that keeps one record for each person or address, which has him from another lead: the record stands whether or not this lead came |
//! | twin | two leads of one person with the same action and offer, one lost, one delivered, and the record is nearer in time to the lost one: nothing in the record says whose it is |
//! | import | lost, in an export that shows no lead sources, while marketing imported the same person within hours |
//! | repeat | lost within ten minutes of a delivered lead of the same person, typed alike: one act by definition |
//! | pending | lost within 48 hours before the export was taken: no verdict yet |
//! | window | lost before the first day that a rolling window or one owner's view shows |
//! | gated | destination whose export shows one owner's records, and was held back as incomplete |
//!
//! "strict" counts unseen and twins as wrong, and all of the others as not found.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use leadrecon::codes::{reason, verdict};
use leadrecon::contact::normalised_email;
use leadrecon::generate::plan::{DAY, HOUR, Plan};
use polars::prelude::*;

use crate::Score;
use crate::judged::Judged;
use crate::truth::{Row, micros, rows};

/// Counts of events.
#[derive(Default)]
pub struct Tally {
    hit: usize,
    wrong: usize,
    not_found: usize,
    delivered: usize,
    /// Delivered and told missed, but not to be seen; lost and not told, but not to be told.
    unseen: usize,
    twins_wrong: usize,
    left_out: BTreeMap<&'static str, usize>,
    gated: usize,
}

impl Tally {
    pub fn add(&mut self, other: &Tally) {
        self.hit += other.hit;
        self.wrong += other.wrong;
        self.not_found += other.not_found;
        self.delivered += other.delivered;
        self.unseen += other.unseen;
        self.twins_wrong += other.twins_wrong;
        self.gated += other.gated;
        for (why, count) in &other.left_out {
            *self.left_out.entry(why).or_default() += count;
        }
    }

    pub fn line(&self) -> String {
        let share = |a: usize, rest: usize| if a + rest == 0 { 1.0 } else { a as f64 / (a + rest) as f64 };
        let left_out: usize = self.left_out.values().sum();
        let list: Vec<String> = self.left_out.iter().map(|(why, count)| format!("{why} {count}")).collect();
        format!(
            "precision {:.4} recall {:.4} (strict {:.4} {:.4}); lost {}: told missed {}, not found {}, left out: {}; \
             delivered {}: told missed {}, unseen {}, twins {}; gated {}",
            share(self.hit, self.wrong),
            share(self.hit, self.not_found),
            share(self.hit, self.wrong + self.unseen + self.twins_wrong),
            share(self.hit, self.not_found + left_out),
            self.hit + self.not_found + left_out,
            self.hit,
            self.not_found,
            if list.is_empty() { "none".to_owned() } else { list.join(", ") },
            self.delivered,
            self.wrong,
            self.unseen,
            self.twins_wrong,
            self.gated,
        )
    }
}

/// The truth about leads and records, for look-up.
struct Truth {
    /// Lead to its true person.
    person: HashMap<String, String>,
    /// Lead to when it was received, microseconds.
    received: HashMap<String, i64>,
    /// Destination and record to origin and lead.
    record: HashMap<(String, String), Row>,
    /// Destination and lead to what became of it.
    fate: HashMap<(String, String), Row>,
}

/// What was told about a lead.
#[derive(Clone, Copy)]
struct Told<'a> {
    verdict: &'a str,
    reason: &'a str,
    record: Option<&'a str>,
}

/// Judges the verdicts of the last night.
pub fn judge(judged: &Judged<'_>, score: &mut Score) {
    let people = rows(judged.publisher, "people");
    let genuine: BTreeSet<&str> =
        people.iter().filter(|row| row["kind"] == "genuine").map(|row| row["lead_id"].as_str()).collect();
    let deliveries = rows(judged.publisher, "deliveries");
    let truth = Truth {
        person: people.iter().map(|row| (row["lead_id"].clone(), row["person"].clone())).collect(),
        received: people.iter().map(|r| (r["lead_id"].clone(), micros(&r["received_at"]).unwrap_or(0))).collect(),
        record: rows(judged.publisher, "records")
            .into_iter()
            .map(|row| ((row["destination"].clone(), row["record_id"].clone()), row))
            .collect(),
        fate: deliveries
            .iter()
            .map(|row| ((row["destination"].clone(), row["lead_id"].clone()), row.clone()))
            .collect(),
    };
    let table = judged.verdicts;
    let [ids, names, verdicts, reasons, records] =
        ["lead_id", "destination", "verdict", "reason", "record_id"].map(|name| table.texts(name).unwrap());
    let mut told: HashMap<(&str, &str), Told<'_>> = HashMap::new();
    let mut taken: HashMap<(&str, &str), &str> = HashMap::new();
    for row in 0..table.height() {
        let (lead, destination) = (ids[row].unwrap(), names[row].unwrap());
        let line = Told { verdict: verdicts[row].unwrap(), reason: reasons[row].unwrap(), record: records[row] };
        if let Some(record) = line.record {
            taken.entry((destination, record)).or_insert(lead);
        }
        told.insert((destination, lead), line);
    }
    let held: BTreeSet<(&str, &str)> = judged
        .crm_records
        .texts("destination")
        .unwrap()
        .into_iter()
        .zip(judged.crm_records.texts("record_id").unwrap())
        .map(|(d, id)| (d.unwrap(), id.unwrap()))
        .collect();
    let mut events: BTreeMap<(&str, &str), Vec<&Row>> = BTreeMap::new();
    for row in deliveries.iter().filter(|row| genuine.contains(row["lead_id"].as_str())) {
        events.entry((&row["destination"], &row["event_id"])).or_default().push(row);
    }
    for ((destination, _), event) in &events {
        let mine: Vec<(&Row, Told<'_>)> = event
            .iter()
            .filter_map(|row| told.get(&(*destination, row["lead_id"].as_str())).map(|line| (*row, *line)))
            .collect();
        if mine.is_empty() {
            continue; // received after the as-of day
        }
        if judged.is_rightly_gated(destination) {
            score.verdicts.gated += 1;
            continue;
        }
        let is_lost = event.iter().all(|row| row["outcome"] == "lost");
        let missed = mine.iter().find(|(_, line)| line.verdict == verdict::MISSED);
        if !is_lost {
            score.verdicts.delivered += 1;
        }
        match (is_lost, missed) {
            (true, Some(_)) => score.verdicts.hit += 1,
            (false, None) => {}
            (true, None) => lost_and_not_told(judged, &truth, destination, &mine, score),
            (false, Some(_)) => {
                let Some((row, _)) =
                    mine.iter().find(|(row, line)| line.verdict == verdict::MISSED && row["outcome"] != "lost")
                else {
                    continue; // of two deliveries that look like two events one was lost, and that is told
                };
                delivered_and_told_missed(judged, &truth, destination, row, &held, &taken, score);
            }
        }
    }
}

fn lost_and_not_told(
    judged: &Judged<'_>,
    truth: &Truth,
    destination: &str,
    mine: &[(&Row, Told<'_>)],
    score: &mut Score,
) {
    let first = mine.iter().find(|(_, line)| line.reason != reason::REPEAT_DELIVERY).unwrap_or(&mine[0]);
    let (row, line) = first;
    let plan = judged.destination(destination);
    let lead = row["lead_id"].as_str();
    let received = truth.received[lead];
    let record = line.record.and_then(|id| truth.record.get(&(destination.to_owned(), id.to_owned())));
    let matched = line.verdict == verdict::MATCHED;
    let origin = record.map_or("", |r| r["origin"].as_str());
    let same_person = record.is_some_and(|r| !r["person"].is_empty() && r["person"] == truth.person[lead]);
    // Junk addresses recur among people whom the truth keeps apart; such a CRM merges on them.
    let same_address = || {
        let email = |frame: &DataFrame, key: &[(&str, &str)]| {
            normalised_email(&told_row(frame, key, &["email"]).replace('"', ""))
        };
        let record = [("destination", destination), ("record_id", line.record.unwrap_or_default())];
        let typed = email(judged.leads.frame(), &[("lead_id", lead)]);
        typed.is_some() && typed == email(judged.crm_records.frame(), &record)
    };
    let why = match () {
        () if plan.per_person && matched && (row["known"] == "yes" || same_address()) => Some("known"),
        () if line.reason == reason::REPEAT_DELIVERY => Some("repeat"),
        () if matched && record.is_some_and(|r| is_twin(judged, truth, r, lead)) => Some("twin"),
        () if matched && !plan.view.lead_source && same_person && origin == "other-channel" => Some("import"),
        () if line.verdict == verdict::PENDING && received >= (taken_at(judged.plan, plan) - 48 * HOUR) * 1_000_000 => {
            Some("pending")
        }
        () if line.reason == reason::OUT_OF_SIGHT && (plan.view.window_days.is_some() || plan.view.one_owner) => {
            Some("window")
        }
        () => None,
    };
    if let Some(why) = why {
        *score.verdicts.left_out.entry(why).or_default() += 1;
        return;
    }
    score.verdicts.not_found += 1;
    let fault = format!(
        "not found: {destination} {}/{}{}",
        line.verdict,
        line.reason,
        if origin.is_empty() { String::new() } else { format!(" by a record of origin {origin}") }
    );
    if judged.options.verbose {
        let record = line.record.unwrap_or_default();
        let of = taken_lead(truth, destination, record);
        let other = told_lead(judged, &of);
        score.told.push(format!(
            "{fault}: lead {lead} {} record {record} {} made by {of} {other}",
            told_lead(judged, lead),
            told_record(judged, destination, record)
        ));
    }
    *score.faults.entry(fault).or_default() += 1;
}

fn delivered_and_told_missed(
    judged: &Judged<'_>,
    truth: &Truth,
    destination: &str,
    row: &Row,
    held: &BTreeSet<(&str, &str)>,
    taken: &HashMap<(&str, &str), &str>,
    score: &mut Score,
) {
    let plan = judged.destination(destination);
    let lead = row["lead_id"].as_str();
    let record_id = row["record_id"].as_str();
    let was_held = held.contains(&(destination, record_id));
    // The first night's export reaches back furthest.
    let first_taken = Plan::midnight(*judged.plan.nights.first().unwrap()) + DAY - plan.view.taken_before_midnight;
    let begin = plan.view.window_days.map_or(i64::MIN, |days| (first_taken - days * DAY) * 1_000_000);
    let in_view = truth.received[lead] >= begin && !plan.view.one_owner;
    if !was_held && !row["shown_on"].contains('1') && in_view {
        score.verdicts.unseen += 1;
        return;
    }
    let record = truth.record.get(&(destination.to_owned(), record_id.to_owned()));
    let taker = taken.get(&(destination, record_id)).copied();
    let taker_fate = taker.and_then(|taker| truth.fate.get(&(destination.to_owned(), taker.to_owned())));
    // The taker has no record of its own to be seen.
    let is_without = taker_fate.is_some_and(|fate| fate["outcome"] == "lost" || !fate["shown_on"].contains('1'));
    if is_without && taker.zip(record).is_some_and(|(taker, record)| is_twin(judged, truth, record, taker)) {
        score.verdicts.twins_wrong += 1;
        return;
    }
    score.verdicts.wrong += 1;
    let fault = format!(
        "wrongly missed: {destination} {}, its record {}{}",
        row["outcome"],
        if was_held { "held" } else { "not held" },
        if taker.is_some() { " and taken by another lead" } else { "" }
    );
    if judged.options.verbose {
        let other = taker.map_or_else(String::new, |taker| format!("TAKER {taker} {}", told_lead(judged, taker)));
        score.told.push(format!(
            "{fault}: lead {lead} {} record {record_id} {} {record:?} shown on {:?} known before {} {other} {}",
            told_lead(judged, lead),
            told_record(judged, destination, record_id),
            row["shown_on"],
            row["known_before"],
            taker_fate.map_or_else(String::new, |fate| format!("{fate:?}"))
        ));
    }
    *score.faults.entry(fault).or_default() += 1;
}

/// Seconds at which the last export was taken.
fn taken_at(plan: &Plan, destination: &leadrecon::generate::plan::Destination) -> i64 {
    plan.end() - destination.view.taken_before_midnight
}

fn taken_lead(truth: &Truth, destination: &str, record: &str) -> String {
    truth.record.get(&(destination.to_owned(), record.to_owned())).map_or_else(String::new, |r| r["lead_id"].clone())
}

/// Whether another lead of the same person, action and offer than the one that made the record is nearer to it.
fn is_twin(judged: &Judged<'_>, truth: &Truth, record: &Row, lead: &str) -> bool {
    let maker = record["lead_id"].as_str();
    let (Some(made_by), Some(mine)) = (truth.received.get(maker), truth.received.get(lead)) else { return false };
    let created = micros(&record["created_at"]).unwrap_or(0);
    maker != lead
        && truth.person.get(maker) == truth.person.get(lead)
        && told_row(judged.leads.frame(), &[("lead_id", maker)], &["action", "offer_id"])
            == told_row(judged.leads.frame(), &[("lead_id", lead)], &["action", "offer_id"])
        && (created - mine).abs() <= (created - made_by).abs()
}

fn told_lead(judged: &Judged<'_>, lead: &str) -> String {
    told_row(judged.leads.frame(), &[("lead_id", lead)], CONTACT)
}

fn told_record(judged: &Judged<'_>, destination: &str, record: &str) -> String {
    let columns = [
        "created_at", "object", "action", "offer_id", "offer", "marketplace", "lead_source", "first_name", "last_name",
        "email", "phone", "company", "person_id", "merged_into", "outcome", "resolution",
    ];
    told_row(judged.crm_records.frame(), &[("destination", destination), ("record_id", record)], &columns)
}

/// One row of a table, for people who look into a miss; everybody in it is made up.
fn told_row(frame: &DataFrame, key: &[(&str, &str)], columns: &[&str]) -> String {
    let mut found = frame.clone().lazy();
    for (column, value) in key {
        found = found.filter(col(*column).eq(lit((*value).to_owned())));
    }
    let found = found.collect().unwrap();
    let cells = columns
        .iter()
        .map(|name| found.column(name).unwrap().get(0).map_or_else(|_| "-".to_owned(), |v| v.to_string()));
    cells.collect::<Vec<_>>().join(" · ")
}

const CONTACT: &[&str] = &[
    "received_at", "storefront", "action", "offer_id", "offer", "first_name", "last_name", "email", "phone", "company",
    "kind",
];
