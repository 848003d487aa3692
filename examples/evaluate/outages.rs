//! Are the outages found, with the true ends inside the reported intervals, and no others?
//!
//! Judged is every total outage (of a destination, an offer or an action) that cost five or more trials. A trial is what
//! the export can show of it: genuine leads whose record was held or was lost, of one person within 30 minutes one
//! trial, and in a CRM that keeps one record for each person only people whom it did not know before. What was delivered
//! and never shown, or later than grace, looks lost to everybody; in an export that shows no lead sources, a lost lead
//! whose person marketing imported within grace looks delivered to everybody, and so does one in a CRM with one record per
//! person whose person another lead brought within grace; and what looks lost beside an outage, with no delivery between,
//! belongs to it for all that anybody can see. So the true ends reach to the neighbouring leads that were shown, and no
//! further. A found outage must hold them inside its intervals and be no wider than those neighbours allow; one inside
//! which leads look delivered has no ends that can be seen, and need only be found. A reported outage that overlaps no true
//! one of its destination is false. Destinations that were rightly gated are left out.
//!
//! Not provable, and counted apart, is an outage of k trials in a row where `n * tests * p^k > alpha * told`: at a
//! destination (or part) with n trials of which a share p looks lost outside all true outages and causes, chance alone
//! gives a run of k failures more often than `[outages] alpha` and the number of outages told allow, whatever the method;
//! on a weekday of which a cause takes a share, that share stands for p. `tests` are the whole destinations and the parts
//! (offers, actions, storefronts with eight trials up) that share alpha, two thirds for the wholes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::DateTime;
use leadrecon::generate::plan::{Condition, DAY, HOUR, Plan};

use crate::Score;
use crate::judged::Judged;
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
    let trials = trials(judged);
    let wholes = judged.plan.destinations.len();
    let parts: usize = trials.values().map(|trials| parts(trials)).sum();
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
        let scope = &truth["scope"];
        let of_destination = trials.get(destination.as_str()).map(Vec::as_slice).unwrap_or_default();
        let inside: Vec<&Trial> = of_destination.iter().filter(|t| scope == "all" || t.parts.contains(scope)).collect();
        let is_of_it = |t: &&Trial| t.outage.as_deref() == Some(&*truth["outage"]);
        let lost = inside.iter().filter(|t| is_of_it(t)).count();
        if judged.is_rightly_gated(destination) || truth["share"] != "1" || lost < 5 {
            continue;
        }
        score.outages_true += 1;
        // What the neighbouring leads allow.
        let first = inside.iter().position(&is_of_it).unwrap();
        let last = inside.iter().rposition(&is_of_it).unwrap();
        let touching = |t: &&&Trial| !t.shown;
        let begin = inside[..first].iter().rev().take_while(touching).last().map_or(begin, |t| t.from.min(begin));
        let end = end.map(|end| inside[last + 1..].iter().take_while(touching).last().map_or(end, |t| t.to.max(end)));
        let begin = inside[..first].iter().rev().find(|t| t.shown).map_or(begin, |t| t.to.max(begin));
        let end = end.map(|end| inside[last + 1..].iter().find(|t| t.shown).map_or(end, |t| t.from.min(end)));
        let looks_partial = inside[first..=last].iter().any(|t| t.shown);
        // Of several deliveries of a trial nobody can say which one arrived.
        let last_before = inside.iter().filter(|t| t.shown && t.to < begin).map(|t| t.from).max();
        let first_after = end.and_then(|end| inside.iter().filter(|t| t.shown && t.from > end).map(|t| t.to).min());
        let fault = |found: &Reported| {
            let begins = found.began_after.is_none_or(|after| after <= begin) && begin <= found.began_by;
            let ends = match end {
                Some(end) => found.ended_after <= end && found.ended_by.is_none_or(|by| end <= by),
                None => found.ended_by.is_none(),
            };
            let is_wide = found.began_after < last_before
                || (first_after.is_some() && (found.ended_by.is_none() || found.ended_by > first_after));
            match () {
                () if found.scope != *scope && found.scope != "all" => "wrong scope",
                () if looks_partial => "",
                () if !begins || !ends => "wrong ends",
                () if is_wide => "interval too wide",
                () => "",
            }
        };
        let faults: Vec<&str> = overlapping.iter().map(|at| fault(&reported[*at])).collect();
        if faults.contains(&"") {
            score.outages_found += 1;
            continue;
        }
        let outside: Vec<&&Trial> = inside.iter().filter(|t| t.outage.is_none() && !t.by_cause).collect();
        let failed = outside.iter().filter(|t| !t.shown).count();
        let p = (failed as f64 + 0.5) / (outside.len() as f64 + 1.0);
        let tests = if scope == "all" { 1.5 * wholes as f64 } else { 3.0 * parts as f64 };
        // On a weekday on which a cause takes its share, that share is the chance.
        let causes = judged.destination(destination).causes.iter();
        let weekdays: Vec<(i64, f64)> = causes
            .filter_map(
                |c| if let Condition::Weekday(day) = c.condition { Some((i64::from(day), c.share)) } else { None },
            )
            .collect();
        let chance = |t: &&Trial| {
            let day = (t.from.div_euclid(DAY * 1_000_000) + 3).rem_euclid(7);
            weekdays.iter().filter(|(of, _)| *of == day).fold(p, |chance, (_, share)| chance.max(*share))
        };
        let runs = inside[first..=last].split(|t| t.shown).map(|run| run.iter().map(chance).product::<f64>());
        let by_chance = inside.len() as f64 * tests * runs.fold(1.0, f64::min);
        let alpha = judged.alpha * reported.len().max(1) as f64;
        let fault = match faults.first() {
            None if by_chance > alpha => "not provable",
            None => "not found",
            Some(fault) => fault,
        };
        if fault == "not provable" {
            score.outages_true -= 1;
            score.outages_unprovable += 1;
        }
        *score.faults.entry(format!("outage {fault}: {destination} {scope}")).or_default() += 1;
        if judged.options.verbose {
            let seen: Vec<String> = overlapping.iter().map(|at| reported[*at].words()).collect();
            let course: String = inside[first.saturating_sub(12)..(last + 13).min(inside.len())]
                .iter()
                .map(|t| match () {
                    () if is_of_it(t) => 'X',
                    () if t.shown => '.',
                    () if t.by_cause => 'c',
                    () => 'x',
                })
                .collect();
            score.told.push(format!(
                "outage {fault}: {lost} trials of {}, base {p:.4}, {tests} tests, by chance {by_chance:.1e}: {truth:?} {seen:?} {course} \
                 before {:?} after {:?}",
                inside.len(),
                inside[..first].iter().rev().find(|t| t.shown).map(|t| (&t.lead, told(judged, destination, &t.lead))),
                inside[last + 1..].iter().find(|t| t.shown).map(|t| (&t.lead, told(judged, destination, &t.lead))),
            ));
        }
    }
    for (at, found) in reported.iter().enumerate() {
        if !matched.contains(&at) && !found.destination.is_empty() && !judged.is_rightly_gated(&found.destination) {
            score.outages_false += 1;
            *score.faults.entry(format!("outage false: {} {}", found.destination, found.scope)).or_default() += 1;
            if judged.options.verbose {
                let of_destination = trials.get(found.destination.as_str()).map(Vec::as_slice).unwrap_or_default();
                let course: Vec<String> = of_destination
                    .iter()
                    .filter(|t| Some(t.from) >= found.began_after && found.ended_by.is_none_or(|by| t.to <= by))
                    .map(|t| {
                        format!("{}{}{}", t.lead, if t.shown { '.' } else { 'x' }, if t.by_cause { 'c' } else { ' ' })
                    })
                    .collect();
                score.told.push(format!("outage false: {} {} {course:?}", found.destination, found.words()));
            }
        }
    }
}

/// What was told about a lead.
fn told(judged: &Judged<'_>, destination: &str, lead: &str) -> String {
    let table = judged.verdicts;
    let [ids, names, verdicts, reasons] =
        ["lead_id", "destination", "verdict", "reason"].map(|name| table.texts(name).unwrap());
    let (at, late, trial) =
        (table.instants("received_at").unwrap(), table.flags("late").unwrap(), table.flags("trial").unwrap());
    (0..table.height())
        .find(|row| ids[*row] == Some(lead) && names[*row] == Some(destination))
        .map(|row| {
            let at = at[row].and_then(DateTime::from_timestamp_micros).unwrap_or_default();
            format!("{at} {:?}/{:?} late {} trial {}", verdicts[row], reasons[row], late[row], trial[row])
        })
        .unwrap_or_default()
}

/// A trial by the truth: events of one person within 30 minutes at one destination.
struct Trial {
    lead: String,
    from: i64,
    to: i64,
    /// The outage that all of it was lost in.
    outage: Option<String>,
    /// Whether a cause took part of it.
    by_cause: bool,
    /// Taken in time, and its record was seen.
    shown: bool,
    /// offer=…, action=…, storefront=…
    parts: [String; 3],
}

/// Parts of a destination that can be tested.
fn parts(trials: &[Trial]) -> usize {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for part in trials.iter().flat_map(|trial| &trial.parts) {
        *counts.entry(part).or_default() += 1;
    }
    counts.values().filter(|n| **n >= 8).count()
}

/// The trials of each destination that its exports can show, in order of time.
fn trials<'j>(judged: &'j Judged<'_>) -> BTreeMap<&'j str, Vec<Trial>> {
    let people: BTreeMap<String, Row> =
        rows(judged.publisher, "people").into_iter().map(|row| (row["lead_id"].clone(), row)).collect();
    let text = |name: &str| judged.leads.texts(name).unwrap();
    let named = |part: &str, value: Option<&str>| format!("{part}={}", value.unwrap_or("(none)"));
    let parts: HashMap<&str, [String; 3]> = text("lead_id")
        .into_iter()
        .zip(text("offer_id").into_iter().zip(text("action")).zip(text("storefront")))
        .map(|(id, ((offer, action), storefront))| {
            (id.unwrap(), [named("offer", offer), named("action", action), named("storefront", storefront)])
        })
        .collect();
    let records = rows(judged.publisher, "records");
    let mut all: BTreeMap<&str, Vec<Trial>> = BTreeMap::new();
    let mut rows: Vec<(i64, Row)> = rows(judged.publisher, "deliveries")
        .into_iter()
        .filter(|row| people.get(&row["lead_id"]).is_some_and(|person| person["kind"] == "genuine"))
        .map(|row| (micros(&people[&row["lead_id"]]["received_at"]).unwrap_or(0), row))
        .collect();
    rows.sort_by(|a, b| (a.0, &a.1["lead_id"]).cmp(&(b.0, &b.1["lead_id"])));
    for plan in &judged.plan.destinations {
        let taken = |night| Plan::midnight(night) + DAY - plan.view.taken_before_midnight;
        let nights = &judged.plan.nights;
        let until = taken(*nights.last().unwrap()) * 1_000_000;
        let from = plan.view.window_days.map_or(i64::MIN, |days| (taken(nights[0]) - days * DAY) * 1_000_000);
        let grace = judged.grace.get(&plan.name).copied().unwrap_or(0) * 1_000_000;
        let mut made: HashMap<&str, i64> = HashMap::new();
        let mut by_others: HashMap<&str, Vec<i64>> = HashMap::new();
        let mut held: BTreeSet<&str> = BTreeSet::new();
        for record in records.iter().filter(|record| record["destination"] == plan.name) {
            let at = micros(&record["created_at"]).unwrap_or(0);
            made.insert(&record["record_id"], at);
            if record["shown_on"].contains('1') {
                held.insert(&record["person"]);
            }
            let hides_losses = plan.per_person || (record["origin"] == "other-channel" && !plan.view.lead_source);
            if hides_losses && record["shown_on"].contains('1') {
                by_others.entry(&record["person"]).or_default().push(at);
            }
        }
        let list = all.entry(&plan.name).or_default();
        let mut open: HashMap<&str, (i64, usize)> = HashMap::new();
        for (at, row) in &rows {
            let person = people[&row["lead_id"]]["person"].as_str();
            // Whom the CRM knew by a record that no export showed looks unknown; who shares a mailbox is known by another's.
            let is_held = held.contains(person) || row["shown_on"].contains('1');
            let is_known = plan.per_person && row["known_before"] == "yes" && is_held;
            let out_of_sight = *at < from || *at > until || is_known;
            if row["destination"] != plan.name || row["outcome"] == "not-sent" || out_of_sight {
                continue;
            }
            let is_near = |made: i64| (-600 * 1_000_000..=grace).contains(&(made - at));
            let is_prompt = made.get(row["record_id"].as_str()).is_some_and(|made| *made - at <= grace);
            let shown = match row["outcome"].as_str() {
                "delivered" | "repeat" => row["shown_on"].contains('1') && is_prompt,
                _ => !person.is_empty() && by_others.get(person).is_some_and(|made| made.iter().any(|at| is_near(*at))),
            };
            let outage = Some(row["outage"].clone()).filter(|outage| !outage.is_empty());
            let by_cause = !row["cause"].is_empty();
            if let Some((began, place)) = open.get(person)
                && at - began <= HOUR / 2 * 1_000_000
                && !person.is_empty()
            {
                let trial: &mut Trial = &mut list[*place];
                // A second delivery of what was lost a minute before is the one that arrived.
                if shown && !trial.shown {
                    trial.from = *at;
                }
                trial.shown |= shown;
                trial.by_cause |= by_cause;
                trial.to = *at;
                trial.outage = trial.outage.take().filter(|known| Some(known) == outage.as_ref());
                continue;
            }
            open.insert(person, (*at, list.len()));
            list.push(Trial {
                lead: row["lead_id"].clone(),
                from: *at,
                to: *at,
                outage,
                by_cause,
                shown,
                parts: parts.get(row["lead_id"].as_str()).cloned().unwrap_or_default(),
            });
        }
        // A trial of which a part was delivered was in no outage for all that anybody can see.
        for trial in list.iter_mut().filter(|trial| trial.shown) {
            trial.outage = None;
        }
        list.sort_by(|a, b| (a.from, &a.lead).cmp(&(b.from, &b.lead)));
    }
    all
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
