//! Are the outages found, with the true ends inside the reported intervals, and no others?
//!
//! Judged is every total outage (of a destination, an offer or an action) that cost five or more trials: genuine leads
//! that the export can show, of one person within 30 minutes one trial, and in a CRM that keeps one record for each
//! person only people whom it did not know before. A found outage must hold the true begin and end inside its
//! intervals, and no delivered lead of its scope inside them: they are then no wider than the neighbouring leads allow.
//! A reported outage that overlaps no true one of its destination is false. Destinations that were rightly gated are
//! left out.

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use leadrecon::generate::plan::{DAY, HOUR};

use crate::Score;
use crate::pipeline::Judged;
use crate::truth::{Row, micros, rows};

/// One reported outage.
struct Reported {
    destination: String,
    scope: String,
    began_after: Option<i64>,
    began_by: i64,
    ended_after: i64,
    ended_by: Option<i64>,
}

impl Reported {
    fn words(&self) -> String {
        let at = |micros: Option<i64>| {
            micros
                .and_then(DateTime::from_timestamp_micros)
                .map_or("-".to_owned(), |t| t.format("%m-%d %H:%M").to_string())
        };
        format!(
            "{} ({}, {}] to [{}, {})",
            self.scope,
            at(self.began_after),
            at(Some(self.began_by)),
            at(Some(self.ended_after)),
            at(self.ended_by)
        )
    }
}

/// Judges the outages of the last night.
pub fn judge(judged: &Judged<'_>, score: &mut Score) {
    let reported = reported(judged);
    let deliveries = rows(judged.publisher, "deliveries");
    let people: BTreeMap<String, Row> =
        rows(judged.publisher, "people").into_iter().map(|row| (row["lead_id"].clone(), row)).collect();
    let mut matched: BTreeSet<usize> = BTreeSet::new();
    for truth in rows(judged.publisher, "outages") {
        let destination = &truth["destination"];
        let (Some(begin), end) = (micros(&truth["begin"]), micros(&truth["end"])) else { continue };
        let overlapping: Vec<usize> = (0..reported.len())
            .filter(|at| {
                let found = &reported[*at];
                found.destination == *destination
                    && found.ended_after >= begin
                    && end.is_none_or(|end| found.began_by < end)
            })
            .collect();
        matched.extend(&overlapping);
        let trials = trials(judged, &truth, &deliveries, &people);
        if judged.is_rightly_gated(destination) || truth["share"] != "1" || trials < 5 {
            continue;
        }
        score.outages_true += 1;
        let faults: Vec<&str> = overlapping
            .iter()
            .map(|at| fault(judged, &reported[*at], &truth, (begin, end), &deliveries, &people))
            .collect();
        if faults.contains(&"") {
            score.outages_found += 1;
            continue;
        }
        let fault = faults.first().copied().unwrap_or("not found");
        *score.faults.entry(format!("outage {fault}: {destination} {}", truth["scope"])).or_default() += 1;
        if judged.options.verbose {
            let seen: Vec<String> = overlapping.iter().map(|at| reported[*at].words()).collect();
            score.told.push(format!("outage {fault}, {trials} trials: {truth:?} {seen:?}"));
        }
    }
    for (at, found) in reported.iter().enumerate() {
        if !matched.contains(&at) && !found.destination.is_empty() && !judged.is_rightly_gated(&found.destination) {
            score.outages_false += 1;
            *score.faults.entry(format!("outage false: {} {}", found.destination, found.scope)).or_default() += 1;
            if judged.options.verbose {
                score.told.push(format!("outage false: {} {}", found.destination, found.words()));
            }
        }
    }
}

/// What is wrong with a reported outage; empty where nothing is.
fn fault(
    judged: &Judged<'_>,
    found: &Reported,
    truth: &Row,
    (begin, end): (i64, Option<i64>),
    deliveries: &[Row],
    people: &BTreeMap<String, Row>,
) -> &'static str {
    if found.scope != truth["scope"] && found.scope != "all" {
        return "wrong scope";
    }
    let begins = found.began_after.is_none_or(|after| after <= begin) && begin <= found.began_by;
    let ends = match end {
        Some(end) => found.ended_after <= end && found.ended_by.is_none_or(|by| end <= by),
        None => found.ended_by.is_none(),
    };
    if !begins || !ends {
        return "wrong ends";
    }
    // A CRM of people tells only of first contacts, which the truth of deliveries does not.
    let is_wide = !judged.destination(&found.destination).per_person
        && deliveries.iter().any(|row| {
            let Some(person) = people.get(&row["lead_id"]) else { return false };
            let at = micros(&person["received_at"]).unwrap_or(0);
            let between = |low: Option<i64>, high: Option<i64>| {
                low.is_none_or(|low| at > low) && high.is_none_or(|high| at < high)
            };
            row["destination"] == found.destination
                && row["outcome"] == "delivered"
                && person["kind"] == "genuine"
                && row["shown_on"].contains('1')
                && found.scope == "all"
                && ((found.began_after.is_some() && between(found.began_after, Some(found.began_by)))
                    || (found.ended_by.is_some() && between(Some(found.ended_after), found.ended_by)))
        });
    if is_wide { "interval too wide" } else { "" }
}

/// Missed trials that the export can show.
fn trials(judged: &Judged<'_>, truth: &Row, deliveries: &[Row], people: &BTreeMap<String, Row>) -> usize {
    let plan = judged.destination(&truth["destination"]);
    let taken = judged.plan.end() - plan.view.taken_before_midnight;
    let begin = plan.view.window_days.map_or(i64::MIN, |days| (taken - days * DAY) * 1_000_000);
    let mut times: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for row in deliveries.iter().filter(|row| row["outage"] == truth["outage"]) {
        let Some(person) = people.get(&row["lead_id"]).filter(|p| p["kind"] == "genuine") else { continue };
        let at = micros(&person["received_at"]).unwrap_or(0);
        if at >= begin && !(plan.per_person && row["known_before"] == "yes") {
            times.entry(&person["person"]).or_default().push(at);
        }
    }
    let mut count = 0;
    for times in times.values_mut() {
        times.sort_unstable();
        count += 1 + times.windows(2).filter(|pair| pair[1] - pair[0] > HOUR / 2 * 1_000_000).count();
    }
    count
}

fn reported(judged: &Judged<'_>) -> Vec<Reported> {
    let table = judged.outages;
    let text = |name: &str| table.texts(name).unwrap();
    let at = |name: &str| table.instants(name).unwrap();
    let (destinations, scopes) = (text("destination"), text("scope"));
    let [began_after, began_by, ended_after, ended_by] = ["began_after", "began_by", "ended_after", "ended_by"].map(at);
    (0..table.height())
        .map(|row| Reported {
            destination: destinations[row].unwrap_or_default().to_owned(),
            scope: scopes[row].unwrap_or_default().to_owned(),
            began_after: began_after[row],
            began_by: began_by[row].unwrap(),
            ended_after: ended_after[row].unwrap(),
            ended_by: ended_by[row],
        })
        .collect()
}
