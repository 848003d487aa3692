//! How well outages and causes alone agree with the truth of generated publishers: people are the truth's own, so that
//! every fault seen here is one of verdicts, outages or causes and not of identity.
//!
//! `cargo run --release --example outages -- --clean 300 --injected 40 --causes 3` —
//! `--clean N`: N years of two CRMs in which nothing but single leads is lost (none to 2 %): every outage and every
//! cause is a false one. `--injected N`: N years with outages of known times at base rates of 0.2 to 8 %: found or not,
//! with the true ends inside, as narrow as the neighbouring leads allow. Those of k trials that are not provable, by
//! `n * tests * p^k > alpha * told` with the share p that is lost outside outages and the number of outages told, are
//! counted apart where they were not found.
//! `--causes N`: N publishers for each cause that the generator knows: named or not, and what else was named.
//! `--size LEADS`: how long the two stages take. `--verbose` tells every miss.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros, clippy::unwrap_used, reason = "a measuring tool")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::time::Instant;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use leadrecon::codes::{finding, reason, verdict};
use leadrecon::config::{Config, DestinationKind};
use leadrecon::generate::plan::{Burst, Cause, Condition, DAY, Destination, Field, HOUR, Outage, Scope};
use leadrecon::generate::{Plan, Publisher, write};
use leadrecon::io::landing::Landing;
use leadrecon::io::records::cut_bytes;
use leadrecon::losses::{causes, lost_at_source, outages};
use leadrecon::monitors::routing;
use leadrecon::tables::{CrmRecords, ExportRecords, Identities, Kind, Leads, Table, Verdicts};
use leadrecon::tabular::Export;
use leadrecon::{crm, leads, reconcile};
use polars::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| arguments.iter().position(|a| a == name).and_then(|at| arguments.get(at + 1)).cloned();
    let number = |name: &str| value(name).map_or(0, |n| n.parse::<u64>().unwrap());
    let verbose = arguments.iter().any(|a| a == "--verbose");
    let first = number("--from");
    let begun = Instant::now();
    if number("--clean") > 0 {
        clean_years(first..first + number("--clean"), verbose);
    }
    if number("--injected") > 0 {
        injected(first..first + number("--injected"), verbose);
    }
    if number("--causes") > 0 {
        every_cause(first..first + number("--causes"), verbose);
    }
    if number("--size") > 0 {
        size(number("--size"));
    }
    println!("{:.0} s", begun.elapsed().as_secs_f64());
}

fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap()
}

// --- The stages, with true people ---

struct Run {
    publisher: Publisher,
    leads: Table<Leads>,
    found: outages::Found,
    explained: causes::Found,
    reconciled: reconcile::Reconciled,
    /// What is odd about where leads go, by the leads alone.
    routing: routing::Found,
    /// Processor seconds of the two searches.
    seconds: f64,
}

fn rows(publisher: &Publisher, name: &str) -> Vec<BTreeMap<String, String>> {
    let bytes = publisher.files.get(&format!("truth/{name}.csv")).expect("the generator writes the truth");
    csv::Reader::from_reader(bytes.as_slice()).deserialize().map(|row| row.unwrap()).collect()
}

fn run(plan: &Plan) -> Run {
    let mut publisher = Publisher::default();
    write(plan, &mut publisher).unwrap();
    let text = String::from_utf8(publisher.files["leadrecon.toml"].clone()).unwrap();
    let config = Config::parse(&text, Path::new("/publisher")).unwrap();
    let night = *plan.nights.last().unwrap();
    let as_of: DateTime<Utc> = (night + Days::new(1)).and_time(NaiveTime::MIN).and_utc();
    let state = tempfile::tempdir().unwrap();
    let mut landing = Landing::open(state.path(), std::time::Duration::from_secs(1)).unwrap();
    for (source, folder) in [
        ("marketplace-table", "raw/table/"),
        ("endpoint", "raw/endpoint/"),
        ("blobs", "raw/blobs/"),
        ("backup", "raw/backup/"),
    ] {
        for (path, bytes) in publisher.files.iter().filter(|(path, _)| path.starts_with(folder)) {
            let stored = publisher.modified.get(path).copied().unwrap_or(as_of);
            let Ok(leads) = cut_bytes(bytes, path, stored) else { continue };
            landing.land(source, leads, as_of).unwrap();
        }
    }
    landing.flush().unwrap();
    let settings = leads::Settings {
        as_of_ends_at: as_of,
        stages: &config.stages,
        offers: &config.offers,
        exclude: &config.exclude,
    };
    let parsed = leads::parse(&landing.raw_leads().unwrap(), &settings).unwrap();
    drop(landing);
    let (mut reads, mut versions) = (Vec::new(), DataFrame::empty());
    for destination in &config.destinations {
        let folder = format!("exports/{}/", destination.name);
        let exports = publisher
            .files
            .iter()
            .filter(|(path, _)| path.starts_with(&folder))
            .map(|(path, bytes)| Export {
                name: path.clone(),
                modified: publisher.modified.get(path).copied().unwrap_or(as_of),
                bytes: bytes.clone(),
            })
            .collect();
        let read = crm::read(exports, destination, &DataFrame::empty()).unwrap();
        let mut land = crm::to_land(&read, &DataFrame::empty()).unwrap();
        land.with_column(Series::new("landed_on".into(), vec![night; land.height()]).into_column()).unwrap();
        versions = if versions.width() == 0 { land } else { versions.vstack(&land).unwrap() };
        reads.push(read);
    }
    let records = crm::records(&versions, &config.destinations, as_of).unwrap();
    let (identities, crm_records) = true_people(&publisher, &parsed.leads, &records);
    let expected =
        reconcile::Expected::new(&parsed.leads, &identities, &config.destinations, &config.offers, as_of).unwrap();
    let on_time = expected.on_time(&crm_records).unwrap();
    let (coverage, _) =
        crm::coverage(&versions, &on_time.crm_records, &reads, &parsed.leads, &config.destinations, as_of).unwrap();
    let reconciled = expected.verdicts(&on_time, &coverage).unwrap();
    let crm_records = on_time.crm_records;
    let seen = lost_at_source::witnessed(&parsed.leads, &Table::empty(), &reconciled.unexplained, &crm_records, as_of)
        .unwrap();
    let outage_settings = outages::Settings {
        alpha: config.outages.alpha,
        timezone: config.report.timezone,
        grace_seconds: reconciled.destinations.iter().map(|d| (d.destination.clone(), d.grace_seconds)).collect(),
    };
    let cause_settings = causes::Settings {
        timezone: config.report.timezone,
        kinds: config.destinations.iter().map(|d| (d.name.clone(), d.kind)).collect(),
    };
    let begun = cpu_seconds();
    let search = |explained: Option<&DataFrame>| {
        let input = outages::Input {
            verdicts: &reconciled.verdicts,
            leads: &parsed.leads,
            coverage: &coverage,
            lost: &seen.lost,
            earlier: &Table::empty(),
            explained,
        };
        let found = outages::find(input, &outage_settings).unwrap();
        let input = causes::Input {
            verdicts: &found.verdicts,
            members: &found.members,
            leads: &parsed.leads,
            crm_records: &crm_records,
        };
        let explained = causes::find(input, &cause_settings).unwrap();
        (found, explained)
    };
    let (_, first) = search(None);
    let (found, explained) = search(Some(&first.explained));
    let seconds = cpu_seconds() - begun;
    let routing = routing::find(&routing::Inputs {
        as_of: night,
        as_of_ends_at: as_of,
        leads: &parsed.leads,
        reconciliation: &explained.reconciliation,
        earlier: &Table::empty(),
        has_destinations: true,
    })
    .unwrap();
    Run { publisher, leads: parsed.leads, found, explained, reconciled, routing, seconds }
}

/// Processor time of this program so far: what else the machine does takes no part in it.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = after.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum();
    ticks / 100.0
}

/// Who is who by the truth.
fn true_people(
    publisher: &Publisher,
    leads: &Table<Leads>,
    records: &Table<ExportRecords>,
) -> (Table<Identities>, Table<CrmRecords>) {
    let person_of: HashMap<String, String> = rows(publisher, "people")
        .into_iter()
        .filter(|row| !row["person"].is_empty() && !matches!(row["kind"].as_str(), "test" | "withheld"))
        .map(|row| (row["lead_id"].clone(), row["person"].clone()))
        .collect();
    let ids: Vec<String> = leads.texts("lead_id").unwrap().into_iter().flatten().map(str::to_owned).collect();
    let people: Vec<Option<String>> = ids.iter().map(|id| person_of.get(id).cloned()).collect();
    let height = ids.len();
    let mut frame = df!("lead_id" => ids, "person_id" => people).unwrap();
    for (name, kind) in [("match_weight", Kind::Number), ("match_probability", Kind::Number), ("linked_by", Kind::Text)]
    {
        frame.with_column(Series::full_null(name.into(), height, &kind.dtype()).into_column()).unwrap();
    }
    let record_person: HashMap<(String, String), String> = rows(publisher, "records")
        .into_iter()
        .filter(|row| !row["person"].is_empty())
        .map(|row| ((row["destination"].clone(), row["record_id"].clone()), row["person"].clone()))
        .collect();
    let (names, record_ids) = (records.texts("destination").unwrap(), records.texts("record_id").unwrap());
    let people: Vec<Option<String>> = names
        .iter()
        .zip(record_ids)
        .map(|(d, id)| record_person.get(&(d.unwrap().to_owned(), id.unwrap().to_owned())).cloned())
        .collect();
    let mut crm = records.frame().clone();
    let height = crm.height();
    crm.with_column(Series::new("person_id".into(), people).into_column()).unwrap();
    crm.with_column(Series::full_null("match_weight".into(), height, &DataType::Float64).into_column()).unwrap();
    crm.with_column(Series::full_null("matched_by".into(), height, &DataType::String).into_column()).unwrap();
    (Table::new(frame).unwrap(), Table::new(crm).unwrap())
}

// --- Clean years ---

fn clean_years(seeds: std::ops::Range<u64>, verbose: bool) {
    let (years, mut false_outages, mut false_causes, mut missed) = (seeds.end - seeds.start, 0, 0, 0);
    let mut leaps = 0;
    for seed in seeds {
        let mut plan = Plan::clean(10_000 + seed, 1825, day(2025, 1, 1), 365);
        for destination in &mut plan.destinations {
            destination.forwarder.lost = [0.0, 0.002, 0.005, 0.01, 0.02][seed as usize % 5];
        }
        let run = run(&plan);
        missed += run.found.verdicts.texts("verdict").unwrap().iter().filter(|v| **v == Some(verdict::MISSED)).count();
        let told = told_outages(&run);
        let causes = told_causes(&run);
        for finding in run.routing.findings.iter().filter(|f| f.code == finding::EXCLUDED_JUMP) {
            println!("clean {seed}: false leap: {} ({})", finding.text, finding.count);
            leaps += 1;
        }
        if verbose || !told.is_empty() || !causes.is_empty() {
            for outage in &told {
                println!("clean {seed}: false outage: {outage:?} {:?}", outage.times.map(shown));
                let table = &run.found.verdicts;
                let [ids, people, to, verdicts, reasons, records] =
                    ["lead_id", "person_id", "destination", "verdict", "reason", "record_id"]
                        .map(|name| table.texts(name).unwrap());
                let (at, late) = (table.instants("received_at").unwrap(), table.flags("late").unwrap());
                let trial = table.flags("trial").unwrap();
                for row in (0..table.height()).filter(|row| {
                    to[*row] == Some(&outage.destination) && at[*row] >= outage.times[0] && at[*row] <= outage.times[3]
                }) {
                    println!(
                        "    {} {:?} {:?} {:?} {:?} {:?} late {} trial {}",
                        shown(at[row]),
                        ids[row],
                        people[row],
                        verdicts[row],
                        reasons[row],
                        records[row],
                        late[row],
                        trial[row]
                    );
                }
            }
            for (destination, condition, ..) in &causes {
                println!("clean {seed}: false cause: {destination}: {condition}");
            }
        }
        false_outages += told.len();
        false_causes += causes.len();
    }
    println!(
        "clean years: {years} (1,825 leads, two CRMs, {missed} leads missed): {false_outages} false outages, \
         {false_causes} false causes, {leaps} false leaps of what is excluded"
    );
}

// --- Outages ---

#[derive(Debug)]
struct ToldOutage {
    destination: String,
    scope: String,
    /// began_after, began_by, ended_after, ended_by.
    times: [Option<i64>; 4],
    missed: i64,
}

fn told_outages(run: &Run) -> Vec<ToldOutage> {
    let table = &run.found.outages;
    let (names, scopes) = (table.texts("destination").unwrap(), table.texts("scope").unwrap());
    let times = ["began_after", "began_by", "ended_after", "ended_by"].map(|name| table.instants(name).unwrap());
    let missed = table.frame().column("missed").unwrap().i64().unwrap().clone();
    (0..table.height())
        .map(|row| ToldOutage {
            destination: names[row].unwrap_or_default().to_owned(),
            scope: scopes[row].unwrap_or_default().to_owned(),
            times: [times[0][row], times[1][row], times[2][row], times[3][row]],
            missed: missed.get(row).unwrap_or(0),
        })
        .collect()
}

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

fn trials(run: &Run) -> BTreeMap<String, Vec<Trial>> {
    let table: &Table<Verdicts> = &run.found.verdicts;
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
        ["lead_id", "offer_id", "action", "storefront"].map(|name| run.leads.texts(name).unwrap());
    let parts: HashMap<&str, [String; 3]> = (0..run.leads.height())
        .map(|row| {
            let text = |of: &str, value: Option<&str>| format!("{of}={}", value.unwrap_or("(none)"));
            let parts =
                [text("offer", offers[row]), text("action", actions[row]), text("storefront", storefronts[row])];
            (lead_ids[row].unwrap(), parts)
        })
        .collect();
    let newest = run.leads.instants("received_at").unwrap().into_iter().flatten().max().unwrap();
    let grace: HashMap<&str, i64> =
        run.reconciled.destinations.iter().map(|d| (d.destination.as_str(), d.grace_seconds * 1_000_000)).collect();
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
    let mut plan = Plan::clean(20_000 + seed, 1825, day(2025, 1, 1), 365);
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

fn injected(seeds: std::ops::Range<u64>, verbose: bool) {
    const BASES: [f64; 6] = [0.002, 0.01, 0.02, 0.03, 0.05, 0.08];
    let mut tally: BTreeMap<String, [usize; 6]> = BTreeMap::new();
    let (mut all, mut told_false, mut parted) = ([0usize; 6], 0, 0);
    let (mut partial, mut partial_found, mut partial_trials) = (0, 0, [0usize; 2]);
    for seed in seeds {
        let base = BASES[seed as usize % BASES.len()];
        let run = run(&year_of_outages(seed, base));
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

fn shown(at: Option<i64>) -> String {
    at.and_then(DateTime::from_timestamp_micros).map_or("-".to_owned(), |at| at.format("%m-%d %H:%M:%S").to_string())
}

// --- Causes ---

/// Destination, condition, missed and delivered.
fn told_causes(run: &Run) -> Vec<(String, String, i64, i64)> {
    let table = &run.explained.causes;
    let (names, conditions) = (table.texts("destination").unwrap(), table.texts("condition").unwrap());
    let count = |name: &str| table.frame().column(name).unwrap().i64().unwrap().clone();
    let (missed, delivered) = (count("missed"), count("delivered"));
    (0..table.height())
        .map(|row| {
            (
                names[row].unwrap_or_default().to_owned(),
                conditions[row].unwrap_or_default().to_owned(),
                missed.get(row).unwrap_or(0),
                delivered.get(row).unwrap_or(0),
            )
        })
        .collect()
}

/// Every cause that the generator knows, and how a right answer begins.
fn known_causes() -> Vec<(&'static str, Cause, &'static str)> {
    let cause = |condition, share| Cause { condition, share };
    vec![
        ("empty title", cause(Condition::Empty(Field::Title), 1.0), "job title is empty"),
        ("empty company", cause(Condition::Empty(Field::Company), 1.0), "company is empty"),
        ("empty phone, half", cause(Condition::Empty(Field::Phone), 0.5), "phone is empty"),
        ("empty country", cause(Condition::Empty(Field::Country), 1.0), "country is empty"),
        ("wrong destination of an offer", cause(Condition::Offer(3), 1.0), "offer is"),
        ("country DE", cause(Condition::Country("DE"), 1.0), "country is DE"),
        ("country BR", cause(Condition::Country("BR"), 1.0), "country is BR"),
        ("description over 255", cause(Condition::Longer(Field::Description, 255), 1.0), "description is longer than"),
        ("company over 24", cause(Condition::Longer(Field::Company, 24), 1.0), "company is longer than"),
        (
            "last name not ASCII",
            cause(Condition::NonAscii(Field::LastName), 0.9),
            "last name has letters outside ASCII",
        ),
        ("known person, half", cause(Condition::Known, 0.5), "the person is in the CRM already"),
        ("known person, a third", cause(Condition::Known, 0.33), "the person is in the CRM already"),
        ("minutes 50-54", cause(Condition::Minutes(50, 54), 1.0), "the minute of the hour is from"),
        ("minutes 0-1", cause(Condition::Minutes(0, 1), 1.0), "the minute of the hour is from"),
        ("Wednesday, half", cause(Condition::Weekday(2), 0.5), "the day is Wednesday"),
        ("Sunday", cause(Condition::Weekday(6), 1.0), "the day is Sunday"),
        ("rank in burst above 25", cause(Condition::Rank(25), 1.0), "more than"),
        ("daily cap of 45", cause(Condition::DailyCap(45), 1.0), "more than"),
        (
            "country DE and no phone",
            cause(Condition::Both(&[Condition::Empty(Field::Phone), Condition::Country("DE")]), 1.0),
            "phone is empty and country is DE",
        ),
        (
            "an offer and a long description",
            cause(Condition::Both(&[Condition::Offer(0), Condition::Longer(Field::Description, 255)]), 1.0),
            "offer is contoso.data-mesh-pro and description is longer than",
        ),
    ]
}

fn every_cause(seeds: std::ops::Range<u64>, verbose: bool) {
    let (mut all, mut all_named, mut others, mut outages) = (0, 0, 0, 0);
    for (name, cause, answer) in known_causes() {
        let (mut runs, mut named, mut more, mut explained, mut lost_in_all) = (0, 0, 0, 0, 0);
        for seed in seeds.clone() {
            let mut plan = Plan::clean(30_000 + seed, 2500, day(2025, 1, 1), 240);
            for destination in &mut plan.destinations {
                destination.forwarder.lost = [0.002, 0.01, 0.02][seed as usize % 3];
            }
            if matches!(cause.condition, Condition::Rank(_)) {
                let (start, end) = (plan.start(), plan.end());
                for part in 1..4 {
                    let at = (start + (end - start) * part / 4) / DAY * DAY + 10 * HOUR;
                    plan.bursts.push(Burst { at, people: 34 + 5 * part as usize, within: 12 * 60 });
                }
            }
            if matches!(cause.condition, Condition::DailyCap(_)) {
                let (start, end) = (plan.start(), plan.end());
                for part in 1..4 {
                    let at = (start + (end - start) * part / 4) / DAY * DAY + 6 * HOUR;
                    plan.bursts.push(Burst { at, people: 60 + 5 * part as usize, within: 14 * HOUR });
                }
            }
            plan.destinations[0].causes.push(cause);
            let run = run(&plan);
            let truth = rows(&run.publisher, "causes");
            let lost: usize = truth[0]["lost"].parse().unwrap();
            if lost < 5 {
                continue;
            }
            runs += 1;
            lost_in_all += lost;
            let told = told_causes(&run);
            let is_right = |(destination, condition, ..): &&(String, String, i64, i64)| {
                destination == &truth[0]["destination"] && condition.starts_with(answer)
            };
            let right = told.iter().filter(is_right).count();
            named += usize::from(right > 0);
            more += told.len() - right;
            let reasons = run.explained.reconciliation.texts("reason").unwrap();
            explained += reasons.iter().filter(|r| **r == Some(reason::CAUSE)).count();
            let false_outages = told_outages(&run);
            outages += false_outages.len();
            if verbose || right == 0 || told.len() != right {
                for (destination, condition, missed, delivered) in &told {
                    println!(
                        "    seed {seed} {name}: {destination}: {condition} ({missed} missed, {delivered} delivered)"
                    );
                }
                if right == 0 {
                    println!("    seed {seed} {name}: NOT NAMED, {lost} lost");
                }
            }
            for outage in false_outages {
                println!("    seed {seed} {name}: outage {outage:?}");
            }
        }
        println!(
            "{name:<32} named in {named} of {runs}; {more} other causes; {explained} leads explained, {lost_in_all} events lost by it"
        );
        all += runs;
        all_named += named;
        others += more;
    }
    println!("causes: {all_named} of {all} named, {others} other causes told, {outages} outages told");
}

// --- Time ---

fn size(leads: u64) {
    let mut plan = Plan::publisher(leads, 7);
    plan.destinations.truncate(2);
    let begun = Instant::now();
    let run = run(&plan);
    println!(
        "{leads} leads, {} verdicts, {} outages, {} causes: both searches, twice each, {:.1} s of one processor (all {:.0} s)",
        run.reconciled.verdicts.height(),
        run.found.outages.height(),
        run.explained.causes.height(),
        run.seconds,
        begun.elapsed().as_secs_f64()
    );
}
