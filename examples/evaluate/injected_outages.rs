//! Years with outages of known times at base rates of 0.2 to 8 %: found or not, with the true ends inside, as narrow as
//! the neighbouring leads allow.
//!
//! Those of k trials that are not provable, by `n * tests * p^k > alpha * told` with the share p that is lost outside
//! outages and the number of outages told, are counted apart where they were not found.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::DateTime;
use leadrecon::codes::{reason, verdict};
use leadrecon::config::DestinationKind;
use leadrecon::generate::Plan;
use leadrecon::generate::plan::{DAY, Destination, Outage, Scope};
use leadrecon::tables::{Table, Verdicts};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::nights::{self, Night};
use crate::reported::{ToldOutage, shown, told_causes, told_outages};
use crate::truth::rows;

/// A trial by the truth: events of one person within 30 minutes at one destination.
struct Trial {
    from: i64,
    to: i64,
    /// The outage that every event of it was lost in.
    outage: Option<String>,
    /// Taken in time.
    delivered: bool,
    scope: [String; 3],
}

/// `[outages] alpha`, as the generator's configuration leaves it.
const ALPHA: f64 = 0.001;

/// Parts of a destination with trials enough to be tested.
fn testable_parts(trials: &[Trial]) -> usize {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for part in trials.iter().flat_map(|trial| &trial.scope) {
        *counts.entry(part).or_default() += 1;
    }
    counts.values().filter(|n| **n >= 8).count()
}

fn trials(run: &Night) -> BTreeMap<String, Vec<Trial>> {
    let table: &Table<Verdicts> = &run.losses.verdicts;
    let [ids, people, names, verdicts, reasons] =
        ["lead_id", "person_id", "destination", "verdict", "reason"].map(|name| table.texts(name).unwrap());
    let (received, late) = (table.instants("received_at").unwrap(), table.flags("late").unwrap());
    let trial = table.flags("trial").unwrap();
    let lost: HashMap<(String, String), String> = rows(&run.publisher, "deliveries")
        .into_iter()
        .filter(|row| row["outcome"] == "lost" || row["outcome"] == "late")
        .map(|row| ((row["destination"].clone(), row["lead_id"].clone()), row["outage"].clone()))
        .collect();
    let [lead_ids, offers, actions, storefronts] =
        ["lead_id", "offer_id", "action", "storefront"].map(|name| run.parsed.leads.texts(name).unwrap());
    let parts: HashMap<&str, [String; 3]> = (0..run.parsed.leads.height())
        .map(|row| {
            let text = |of: &str, value: Option<&str>| format!("{of}={}", value.unwrap_or("(none)"));
            let parts =
                [text("offer", offers[row]), text("action", actions[row]), text("storefront", storefronts[row])];
            (lead_ids[row].unwrap(), parts)
        })
        .collect();
    let newest = run.parsed.leads.instants("received_at").unwrap().into_iter().flatten().max().unwrap();
    let grace: HashMap<&str, i64> = run
        .verdicts
        .reconciled
        .destinations
        .iter()
        .map(|d| (d.destination.as_str(), d.grace_seconds * 1_000_000))
        .collect();
    let mut order: Vec<usize> = (0..table.height())
        .filter(|row| {
            let is_repeat = reasons[*row] == Some(reason::REPEAT_DELIVERY);
            let is_trial = trial[*row] && verdicts[*row] != Some(verdict::EXCLUDED);
            // Whose first record came late was lost; whom the CRM knew before may have been.
            let is_known = reasons[*row] == Some(reason::PERSON_KNOWN) && !late[*row];
            !names[*row].unwrap_or_default().is_empty() && (is_repeat || is_trial) && !is_known
        })
        .collect();
    order.sort_by_key(|row| (received[*row], ids[*row]));
    let mut all: BTreeMap<String, Vec<Trial>> = BTreeMap::new();
    let mut open: HashMap<(&str, &str), (i64, usize)> = HashMap::new();
    for row in order {
        let (name, at) = (names[row].unwrap(), received[row].unwrap());
        // Of several deliveries of a trial nobody can say which one arrived.
        if reasons[row] == Some(reason::REPEAT_DELIVERY) {
            if let Some((began, place)) = people[row].and_then(|person| open.get(&(name, person)))
                && at - began <= 30 * 60 * 1_000_000
            {
                all.get_mut(name).unwrap()[*place].to = at;
            }
            continue;
        }
        let outage = lost.get(&(name.to_owned(), ids[row].unwrap().to_owned())).cloned();
        let delivered = verdicts[row] == Some(verdict::MATCHED) && !late[row];
        // What is younger than grace may still arrive.
        if outage.is_some() && verdicts[row] != Some(verdict::MATCHED) && at > newest - grace[name] {
            continue;
        }
        let list = all.entry(name.to_owned()).or_default();
        if let Some(person) = people[row] {
            if let Some((began, place)) = open.get(&(name, person))
                && at - began <= 30 * 60 * 1_000_000
            {
                let trial = &mut list[*place];
                trial.delivered |= delivered;
                trial.to = at;
                if trial.outage != outage {
                    trial.outage = None;
                }
                continue;
            }
            open.insert((name, person), (at, list.len()));
        }
        list.push(Trial {
            from: at,
            to: at,
            outage: outage.filter(|o| !o.is_empty()),
            delivered,
            scope: parts.get(ids[row].unwrap()).cloned().unwrap_or_default(),
        });
    }
    all
}

/// A year with outages of every kind, well apart.
fn year_of_outages(seed: u64, base: f64) -> Plan {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut plan = Plan::clean(20_000 + seed, 1825, nights::day(2025, 1, 1), 365);
    plan.destinations.push(Destination::new(DestinationKind::Dynamics));
    let (start, end) = (plan.start(), plan.end());
    for (place, destination) in plan.destinations.iter_mut().enumerate() {
        destination.forwarder.lost = base;
        let scopes =
            [Scope::All, Scope::Offer(seed as usize % 3), Scope::All, Scope::Action("INS"), Scope::All, Scope::All];
        for (number, scope) in scopes.into_iter().enumerate() {
            let partial = number == 4;
            let trials = random.random_range(4.0..12.0) * if partial { 3.0 } else { 1.0 };
            let part = match scope {
                Scope::All => 1.0,
                Scope::Offer(_) => 0.25,
                Scope::Action(_) => 0.4,
            };
            let length = (trials / part * (DAY as f64 / 4.3)) as i64;
            let begin = start
                + (end - start) * (2 * number as i64 + 2) / 15
                + (place as i64) * 3 * DAY
                + random.random_range(0..3 * DAY);
            let ongoing = number == 5;
            let begin = if ongoing { end - length } else { begin };
            destination.outages.push(Outage {
                scope,
                begin,
                end: (!ongoing).then_some(begin + length),
                share: if partial { 0.8 } else { 1.0 },
                imported_after: (number == 2).then_some(2 * DAY),
            });
        }
    }
    plan
}

/// Judges the years of these seeds.
pub fn judge(seeds: std::ops::Range<u64>, verbose: bool) {
    const BASES: [f64; 6] = [0.002, 0.01, 0.02, 0.03, 0.05, 0.08];
    let mut tally: BTreeMap<String, [usize; 6]> = BTreeMap::new();
    let (mut all, mut told_false, mut parted) = ([0usize; 6], 0, 0);
    let (mut partial, mut partial_found, mut partial_trials) = (0, 0, [0usize; 2]);
    for seed in seeds {
        let base = BASES[seed as usize % BASES.len()];
        let run = nights::by_true_people(&year_of_outages(seed, base));
        let told = told_outages(&run);
        let trials = trials(&run);
        let mut used: BTreeSet<usize> = BTreeSet::new();
        for truth in rows(&run.publisher, "outages") {
            let time = |text: &str| DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp_micros());
            let (Some(begin), end) = (time(&truth["begin"]), time(&truth["end"])) else { continue };
            let (destination, scope) = (&truth["destination"], &truth["scope"]);
            let overlapping: Vec<usize> = (0..told.len())
                .filter(|at| {
                    let outage = &told[*at];
                    let (from, to) = (outage.times[1].unwrap(), outage.times[2].unwrap());
                    outage.destination == *destination && to >= begin && end.is_none_or(|end| from < end)
                })
                .collect();
            used.extend(&overlapping);
            let of_destination = trials.get(destination).map(Vec::as_slice).unwrap_or_default();
            let inside: Vec<&Trial> =
                of_destination.iter().filter(|t| scope == "all" || t.scope.contains(scope)).collect();
            let lost: Vec<&&Trial> = inside.iter().filter(|t| t.outage.as_deref() == Some(&truth["outage"])).collect();
            if truth["share"] != "1" {
                if lost.len() >= 10 {
                    partial += 1;
                    partial_found += usize::from(!overlapping.is_empty());
                    parted += usize::from(overlapping.len() > 1);
                    let is_told = |t: &&&&Trial| {
                        overlapping.iter().any(|at| {
                            let [_, from, to, _] = told[*at].times;
                            from.unwrap() <= t.from && t.to <= to.unwrap()
                        })
                    };
                    partial_trials[0] += lost.iter().filter(is_told).count();
                    partial_trials[1] += lost.len();
                    if verbose && overlapping.len() != 1 {
                        println!("seed {seed} base {base}: partial told {} times: {truth:?}", overlapping.len());
                    }
                }
                continue;
            }
            if lost.len() < 5 {
                continue;
            }
            // A lead lost beside the outage, with no delivery between, belongs to it for all that anybody can see.
            let first = inside.iter().position(|t| t.outage.as_deref() == Some(&truth["outage"])).unwrap();
            let last = inside.iter().rposition(|t| t.outage.as_deref() == Some(&truth["outage"])).unwrap();
            let touching = inside[..first].iter().rev().take_while(|t| !t.delivered).last();
            let begin = touching.map_or(begin, |t| t.from.min(begin));
            let touching = inside[last + 1..].iter().take_while(|t| !t.delivered).last();
            let seen_end = end.map(|end| touching.map_or(end, |t| t.to.max(end)));
            let fits = |outage: &ToldOutage| {
                let [after, by, until, before] = outage.times;
                after.is_none_or(|after| after <= begin)
                    && begin <= by.unwrap()
                    && match seen_end {
                        Some(end) => until.unwrap() <= end && before.is_none_or(|before| end <= before),
                        None => before.is_none(),
                    }
            };
            // What the neighbouring leads allow.
            let last_before = inside.iter().filter(|t| t.delivered && t.to < begin).map(|t| t.from).max();
            let first_after =
                seen_end.and_then(|end| inside.iter().filter(|t| t.delivered && t.from > end).map(|t| t.to).min());
            let is_wide = |outage: &ToldOutage| {
                outage.times[0] < last_before || {
                    let before = outage.times[3];
                    seen_end.is_some() && first_after.is_some() && (before.is_none() || before > first_after)
                }
            };
            let right_scope = |outage: &ToldOutage| outage.scope == *scope;
            let hit = overlapping.iter().map(|at| &told[*at]).find(|o| fits(o));
            // Chance alone gives a run of so many failures more often than alpha allows, whatever the method.
            let outside: Vec<&&Trial> = inside.iter().filter(|t| t.outage.is_none()).collect();
            let failed = outside.iter().filter(|t| !t.delivered).count();
            let rate = (failed as f64 + 0.5) / (outside.len() as f64 + 1.0);
            let tests = if scope == "all" {
                1.5 * trials.len() as f64
            } else {
                3.0 * trials.values().map(|trials| testable_parts(trials)).sum::<usize>() as f64
            };
            let is_provable =
                inside.len() as f64 * tests * rate.powi(lost.len() as i32) <= ALPHA * told.len().max(1) as f64;
            let place = match (overlapping.is_empty(), hit) {
                (true, _) if !is_provable => 5,
                (true, _) => 1,
                (false, None) => 2,
                (false, Some(outage)) if !right_scope(outage) => 3,
                (false, Some(outage)) if is_wide(outage) => 4,
                _ => 0,
            };
            all[place] += 1;
            let trials = match lost.len() {
                5 => "5",
                6 => "6",
                7 | 8 => "7-8",
                _ => "9+",
            };
            let kind = if truth["imported"] == "yes" {
                "imported"
            } else if end.is_none() {
                "ongoing"
            } else {
                scope.split('=').next().unwrap_or_default()
            };
            for key in [format!("base {base:<5} trials {trials}"), format!("kind {kind}"), format!("to {destination}")]
            {
                tally.entry(key).or_default()[place] += 1;
            }
            if verbose && place > 0 {
                let fault = ["", "not found", "wrong ends", "another scope", "too wide", "not provable"][place];
                println!("seed {seed} base {base}: {fault}: {} trials of {truth:?}", lost.len());
                for at in &overlapping {
                    println!(
                        "    told {} {:?} {} missed",
                        told[*at].scope,
                        told[*at].times.map(shown),
                        told[*at].missed
                    );
                }
                println!(
                    "    {}",
                    inside
                        .iter()
                        .filter(|t| t.to > begin - 4 * DAY * 1_000_000
                            && end.is_none_or(|end| t.from < end + 4 * DAY * 1_000_000))
                        .map(|t| if t.delivered {
                            '.'
                        } else if t.outage.as_deref() == Some(&truth["outage"]) {
                            'X'
                        } else {
                            'x'
                        })
                        .collect::<String>()
                );
            }
        }
        for (at, outage) in told.iter().enumerate().filter(|(at, _)| !used.contains(at)) {
            told_false += 1;
            if verbose {
                println!("seed {seed} base {base}: false outage {at}: {outage:?} {:?}", outage.times.map(shown));
            }
        }
        for (destination, condition, ..) in told_causes(&run) {
            println!("seed {seed} base {base}: false cause {destination}: {condition}");
        }
    }
    println!(
        "{:<28} right  not-found  wrong-ends  another-scope  too-wide  not-provable",
        "total outages, 5 trials up"
    );
    tally.insert("all".to_owned(), all);
    for (key, counts) in &tally {
        let [right, not_found, ends, another, wide, unprovable] = counts;
        println!("{key:<28} {right:>5} {not_found:>10} {ends:>11} {another:>14} {wide:>9} {unprovable:>13}");
    }
    println!(
        "partial outages of ten lost trials up: {partial_found} of {partial} found, {parted} of them as several rows; {} of \
         {} lost trials inside",
        partial_trials[0], partial_trials[1]
    );
    println!("outages where there was none: {told_false}");
}
