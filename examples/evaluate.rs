//! How well verdicts and outages agree with the truth of generated publishers: precision, recall, misses and why.
//!
//! `cargo run --release --example evaluate` — 20 publishers, three nights each, exports spoilt in all the ways that
//! `spoil` lists, then clean years in which every outage is a false one. `--seeds 1..5`, `--clean 300`,
//! `--true-people` (links of the truth instead of identity's), `--verbose` (every miss).
//!
//! Judged are genuine leads of the last night, at the level the CRM can show: a delivered lead whose record no export
//! up to then held, and a lead lost by a destination that keeps one record per person and knew him, are counted apart;
//! so is what stands in a gated export, of which nothing is concluded.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros, clippy::unwrap_used, reason = "a measuring tool")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::time::Instant;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use leadrecon::codes::{reason, verdict};
use leadrecon::config::{Config, DestinationKind};
use leadrecon::generate::plan::{Cause, Condition, Field, OfferText, Outage, Scope, Times};
use leadrecon::generate::{Plan, Publisher, write};
use leadrecon::io::landing::Landing;
use leadrecon::io::records::cut_bytes;
use leadrecon::tables::{CrmRecords, Identities, Kind, Table};
use leadrecon::tabular::Export;
use leadrecon::{balance, causes, crm, identity, leads, outages, reconcile, silence};
use polars::prelude::*;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| arguments.iter().position(|a| a == name).and_then(|at| arguments.get(at + 1)).cloned();
    let range = value("--seeds").unwrap_or_else(|| "1..21".to_owned());
    let (from, to) = range.split_once("..").expect("--seeds FROM..TO");
    let seeds: Vec<u64> = (from.parse().unwrap()..to.parse().unwrap()).collect();
    let clean: u64 = value("--clean").map_or(0, |n| n.parse().unwrap());
    let flag = |name: &str| arguments.iter().any(|a| a == name);
    let options = Options { true_people: flag("--true-people"), verbose: flag("--verbose") };
    let mut total = Score::default();
    let begun = Instant::now();
    for seed in seeds {
        let plan = spoil(Plan::evaluation(seed), seed);
        let score = evaluate(&plan, &options);
        println!("seed {seed:>3}: {}", score.line());
        for finding in &score.told {
            println!("          {finding}");
        }
        total.add(score);
    }
    println!("\nall     : {}", total.line());
    for (why, count) in &total.why {
        println!("          {count:>6} {why}");
    }
    for (way, count) in &total.outage_faults {
        println!("          {count:>6} {way}");
    }
    let mut false_outages = 0;
    for seed in 0..clean {
        let mut plan = Plan::clean(10_000 + seed, 1500, NaiveDate::from_ymd_opt(2025, 1, 1).unwrap(), 365);
        for destination in &mut plan.destinations {
            destination.forwarder.lost = 0.002 * (seed % 10) as f64;
        }
        let score = evaluate(&plan, &options);
        if score.outages_false > 0 {
            println!("clean {seed:>3}: {} false outages; {}", score.outages_false, score.line());
        }
        false_outages += score.outages_false;
    }
    if clean > 0 {
        println!("clean years: {clean}, false outages: {false_outages}");
    }
    println!("{:.0} s", begun.elapsed().as_secs_f64());
}

struct Options {
    true_people: bool,
    verbose: bool,
}

/// Makes one publisher's exports differ from the next one's in everything that exports differ in.
fn spoil(mut plan: Plan, seed: u64) -> Plan {
    let (start, end) = (plan.start(), plan.end());
    let hour = 3600;
    for (place, destination) in plan.destinations.iter_mut().enumerate() {
        let way = (seed + 5 * place as u64) % 12;
        let view = &mut destination.view;
        match way {
            0 => view.times = Times::Days,
            1 => view.shifted_hours = -7,
            2 => view.shifted_hours = 9,
            3 => view.window_days = Some(60),
            4 => view.offer = OfferText::Title,
            5 => view.lead_source = false,
            6 => view.deleted = false,
            7 => view.converted = false,
            8 => view.times = Times::Minutes,
            9 => view.key = destination.kind == DestinationKind::Salesforce,
            10 => destination.forwarder.merges_repeats = true,
            _ => {
                destination.forwarder.doubled_minutes = 0.05;
                destination.forwarder.doubled_days = 0.02;
                destination.sales.other_channel_of_lost = 0.5;
            }
        }
        // A partial outage, and one of a part.
        let span = end - start;
        destination.outages.push(Outage {
            scope: Scope::All,
            begin: start + span * 7 / 10 + (seed as i64 % 9) * hour,
            end: Some(start + span * 7 / 10 + (seed as i64 % 9) * hour + 18 * hour),
            share: 0.8,
            imported_after: seed.is_multiple_of(3).then_some(26 * hour),
        });
        if place == 0 {
            destination.causes.push(match seed % 5 {
                0 => Cause { condition: Condition::Empty(Field::Title), share: 1.0 },
                1 => Cause { condition: Condition::Country("DE"), share: 1.0 },
                2 => Cause { condition: Condition::Longer(Field::Company, 24), share: 1.0 },
                3 => Cause { condition: Condition::Known, share: 0.3 },
                _ => Cause { condition: Condition::Minutes(50, 54), share: 1.0 },
            });
        }
    }
    if seed % 10 == 7
        && let Some(first) = plan.destinations.first_mut()
    {
        first.view.one_owner = true;
    }
    plan
}

#[derive(Default)]
struct Score {
    /// Lost and called missed, lost and not, delivered and called missed.
    hit: usize,
    not_found: usize,
    wrong: usize,
    /// Lost events that the CRM cannot show: known person, pending, out of sight, gated.
    lost_known: usize,
    lost_pending: usize,
    lost_out_of_sight: usize,
    gated: usize,
    unseen: usize,
    judged: usize,
    outages_true: usize,
    outages_found: usize,
    outages_false: usize,
    causes_true: usize,
    causes_found: usize,
    why: BTreeMap<String, usize>,
    outage_faults: BTreeMap<String, usize>,
    told: Vec<String>,
}

impl Score {
    fn add(&mut self, other: Score) {
        self.hit += other.hit;
        self.not_found += other.not_found;
        self.wrong += other.wrong;
        self.lost_known += other.lost_known;
        self.lost_pending += other.lost_pending;
        self.lost_out_of_sight += other.lost_out_of_sight;
        self.gated += other.gated;
        self.unseen += other.unseen;
        self.judged += other.judged;
        self.outages_true += other.outages_true;
        self.outages_found += other.outages_found;
        self.outages_false += other.outages_false;
        self.causes_true += other.causes_true;
        self.causes_found += other.causes_found;
        for (why, count) in other.why {
            *self.why.entry(why).or_default() += count;
        }
        for (why, count) in other.outage_faults {
            *self.outage_faults.entry(why).or_default() += count;
        }
    }

    fn line(&self) -> String {
        let share = |a: usize, b: usize| if b == 0 { 1.0 } else { a as f64 / b as f64 };
        format!(
            "precision {:.4} recall {:.4} (missed and lost {}, wrongly missed {}, not found {}; judged {}; person known \
             {}, pending {}, out of sight {}, gated {}, unseen {}) outages {}/{} false {} causes {}/{}",
            share(self.hit, self.hit + self.wrong),
            share(self.hit, self.hit + self.not_found),
            self.hit,
            self.wrong,
            self.not_found,
            self.judged,
            self.lost_known,
            self.lost_pending,
            self.lost_out_of_sight,
            self.gated,
            self.unseen,
            self.outages_found,
            self.outages_true,
            self.outages_false,
            self.causes_found,
            self.causes_true,
        )
    }
}

fn rows(publisher: &Publisher, name: &str) -> Vec<BTreeMap<String, String>> {
    let bytes = publisher.files.get(&format!("truth/{name}.csv")).expect("the generator writes the truth");
    csv::Reader::from_reader(bytes.as_slice()).deserialize().map(|row| row.unwrap()).collect()
}

fn end_of(day: NaiveDate) -> DateTime<Utc> {
    (day + Days::new(1)).and_time(NaiveTime::MIN).and_utc()
}

fn evaluate(plan: &Plan, options: &Options) -> Score {
    let mut publisher = Publisher::default();
    write(plan, &mut publisher).unwrap();
    let text = |path: &str| String::from_utf8(publisher.files[path].clone()).unwrap();
    let config = Config::parse(&text("leadrecon.toml"), Path::new("/publisher")).unwrap();
    let state = tempfile::tempdir().unwrap();
    let mut landing = Landing::open(state.path(), std::time::Duration::from_secs(1)).unwrap();
    let read_at = end_of(*plan.nights.last().unwrap());
    for (source, folder) in [
        ("marketplace-table", "raw/table/"),
        ("endpoint", "raw/endpoint/"),
        ("blobs", "raw/blobs/"),
        ("backup", "raw/backup/"),
    ] {
        for (path, bytes) in publisher.files.iter().filter(|(path, _)| path.starts_with(folder)) {
            let stored = publisher.modified.get(path).copied().unwrap_or(read_at);
            let Ok(leads) = cut_bytes(bytes, path, stored) else { continue };
            landing.land(source, leads, read_at).unwrap();
        }
    }
    landing.flush().unwrap();
    let raw = landing.raw_leads().unwrap();

    let mut score = Score::default();
    let mut versions = DataFrame::empty();
    let mut last_shares = BTreeMap::new();
    for (number, night) in plan.nights.iter().enumerate() {
        let as_of = end_of(*night);
        let parsed = leads::parse(
            &raw,
            &leads::Settings {
                as_of_ends_at: as_of,
                stages: &config.stages,
                offers: &config.offers,
                exclude: &config.exclude,
            },
        )
        .unwrap();
        let mut reads = Vec::new();
        for destination in &config.destinations {
            let folder = format!("exports/{}/{night}/", destination.name);
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
            for problem in &read.problems {
                score.told.push(format!("{night} {}: {problem}", destination.name));
            }
            let newest = if versions.width() == 0 {
                DataFrame::empty()
            } else {
                let key = ["destination".to_owned(), "record_id".to_owned()];
                versions.unique_stable(Some(&key), UniqueKeepStrategy::Last, None).unwrap()
            };
            let mut land = crm::to_land(&read, &newest).unwrap();
            let day = Series::new("landed_on".into(), vec![*night; land.height()]);
            land.with_column(day.into_column()).unwrap();
            versions = if versions.width() == 0 { land } else { versions.vstack(&land).unwrap() };
            reads.push(read);
        }
        let records = crm::records(&versions, &config.destinations, as_of + reconcile::farthest_clock()).unwrap();
        let (identities, crm_records) = if options.true_people {
            true_people(&publisher, &parsed.leads, &records)
        } else {
            let linked = identity::link(&identity::Inputs {
                leads: &parsed.leads,
                records: &records,
                earlier: &crm::earlier(&versions).unwrap(),
                decisions: &[],
                previous: None,
                threshold: config.identity.threshold,
                model: None,
            })
            .unwrap();
            (linked.identities, linked.crm_records)
        };
        let expected =
            reconcile::Expected::new(&parsed.leads, &identities, &config.destinations, &config.offers, as_of).unwrap();
        let on_time = expected.on_time(&crm_records).unwrap();
        let (coverage, _) =
            crm::coverage(&versions, &on_time.crm_records, &reads, &parsed.leads, &config.destinations, as_of).unwrap();
        let reconciled = match expected.verdicts(&on_time, &coverage) {
            Ok(reconciled) => reconciled,
            Err(error) => {
                score.told.push(format!("{night}: {error}"));
                continue;
            }
        };
        let crm_records = on_time.crm_records;
        let seen =
            silence::witnessed(&parsed.leads, &Table::empty(), &reconciled.unexplained, &crm_records, as_of).unwrap();
        let outage_settings = outages::Settings {
            alpha: config.outages.alpha,
            timezone: config.report.timezone,
            grace_seconds: reconciled.destinations.iter().map(|d| (d.destination.clone(), d.grace_seconds)).collect(),
        };
        let cause_settings = causes::Settings {
            timezone: config.report.timezone,
            kinds: config.destinations.iter().map(|d| (d.name.clone(), d.kind)).collect(),
        };
        let search = |explained: Option<&DataFrame>| {
            let found = outages::find(
                outages::Input {
                    verdicts: &reconciled.verdicts,
                    leads: &parsed.leads,
                    coverage: &coverage,
                    lost: &seen.lost,
                    earlier: &Table::empty(),
                    explained,
                },
                &outage_settings,
            )
            .unwrap();
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
        let reconciliation = explained.reconciliation;
        let checked = balance::check(balance::Books {
            raw: balance::RawCounts {
                landed: raw.height(),
                after_as_of: parsed.after_as_of,
                forgotten: parsed.forgotten,
            },
            leads: &parsed.leads,
            quarantine: &parsed.quarantine,
            reconciliation: &reconciliation,
            crm_records: &crm_records,
            unexplained: &reconciled.unexplained,
            destinations: &config.destinations,
        });
        if let Err(error) = checked {
            score.told.push(format!("{night}: {error}"));
        }
        let (gated, shares) = reconcile::gates(&reconciliation, &coverage, &config.destinations, &last_shares).unwrap();
        last_shares = shares;
        if number + 1 < plan.nights.len() {
            continue;
        }
        for d in &reconciled.destinations {
            let zone = d.zone.clone().unwrap_or_default();
            if d.records_per == "person" && !matches!(d.destination.as_str(), "hubspot" | "marketo") || options.verbose
            {
                score.told.push(format!(
                    "{}: per {} ({}), grace {} s, {zone} from {:?} until {:?}",
                    d.destination, d.records_per, d.records_per_from, d.grace_seconds, d.from, d.until
                ));
            } else if !zone.is_empty() {
                score.told.push(format!("{}: {zone}", d.destination));
            }
        }
        let gated: BTreeSet<String> = gated
            .into_iter()
            .map(|gate| {
                score.told.push(format!("{}: gated: {}", gate.destination, gate.evidence.join("; ")));
                gate.destination
            })
            .collect();
        judge(&publisher, &parsed.leads, &found, &crm_records, &gated, options, &mut score);
        judge_outages(&publisher, &found, &gated, options, &mut score);
        judge_causes(&publisher, &explained.causes, &gated, options, &mut score);
    }
    score
}

/// Who is who by the truth.
fn true_people(
    publisher: &Publisher,
    leads: &Table<leadrecon::tables::Leads>,
    records: &Table<leadrecon::tables::ExportRecords>,
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

fn judge(
    publisher: &Publisher,
    leads: &Table<leadrecon::tables::Leads>,
    found: &outages::Found,
    crm_records: &Table<CrmRecords>,
    gated: &BTreeSet<String>,
    options: &Options,
    score: &mut Score,
) {
    let genuine: BTreeSet<String> = rows(publisher, "people")
        .into_iter()
        .filter(|row| row["kind"] == "genuine")
        .map(|row| row["lead_id"].clone())
        .collect();
    let origin: HashMap<(String, String), (String, String)> = rows(publisher, "records")
        .into_iter()
        .map(|row| {
            ((row["destination"].clone(), row["record_id"].clone()), (row["origin"].clone(), row["lead_id"].clone()))
        })
        .collect();
    let held: BTreeSet<(&str, &str)> = crm_records
        .texts("destination")
        .unwrap()
        .into_iter()
        .zip(crm_records.texts("record_id").unwrap())
        .map(|(d, id)| (d.unwrap(), id.unwrap()))
        .collect();
    let table = &found.verdicts;
    let columns = ["lead_id", "destination", "verdict", "reason", "record_id"].map(|name| table.texts(name).unwrap());
    let [ids, names, verdicts, reasons, records] = &columns;
    let mut told: HashMap<(&str, &str), usize> = HashMap::new();
    for row in 0..table.height() {
        told.insert((ids[row].unwrap(), names[row].unwrap()), row);
    }
    let origin_of_lead: HashMap<(String, String), String> = rows(publisher, "deliveries")
        .into_iter()
        .map(|row| ((row["destination"].clone(), row["lead_id"].clone()), format!("{row:?}")))
        .collect();
    let unseen_leads: BTreeSet<(String, String)> = rows(publisher, "deliveries")
        .into_iter()
        .filter(|row| !row["record_id"].is_empty() && !row["shown_on"].contains('1'))
        .map(|row| (row["destination"].clone(), row["lead_id"].clone()))
        .collect();
    // Truth by destination and event.
    let mut events: BTreeMap<(String, String), Vec<BTreeMap<String, String>>> = BTreeMap::new();
    for row in rows(publisher, "deliveries") {
        if genuine.contains(&row["lead_id"]) {
            events.entry((row["destination"].clone(), row["event_id"].clone())).or_default().push(row);
        }
    }
    for ((destination, event), rows) in &events {
        let mine: Vec<(&BTreeMap<String, String>, usize)> = rows
            .iter()
            .filter_map(|row| told.get(&(row["lead_id"].as_str(), destination.as_str())).map(|at| (row, *at)))
            .collect();
        if mine.is_empty() {
            continue; // received after the as-of day
        }
        if gated.contains(destination) {
            score.gated += 1;
            continue;
        }
        score.judged += 1;
        let is_lost = rows.iter().all(|row| row["outcome"] == "lost");
        let missed: Vec<_> = mine.iter().filter(|(_, at)| verdicts[*at] == Some(verdict::MISSED)).collect();
        if is_lost {
            let at = mine[0].1;
            let best = mine.iter().find(|(_, at)| reasons[*at] != Some(reason::REPEAT_DELIVERY)).map_or(at, |m| m.1);
            let (told, why) = (verdicts[best].unwrap(), reasons[best].unwrap());
            if !missed.is_empty() {
                score.hit += 1;
            } else if told == verdict::MATCHED
                && matches!(destination.as_str(), "hubspot" | "marketo")
                && rows.iter().any(|row| row["known"] == "yes")
            {
                score.lost_known += 1;
            } else if told == verdict::PENDING {
                score.lost_pending += 1;
            } else if why == reason::OUT_OF_SIGHT {
                score.lost_out_of_sight += 1;
            } else {
                score.not_found += 1;
                let by = records[best].map_or_else(
                    || "no record".to_owned(),
                    |id| {
                        let (of, lead) = origin.get(&(destination.clone(), id.to_owned())).cloned().unwrap_or_default();
                        let same = rows.iter().any(|row| row["lead_id"] == lead);
                        format!("record of origin {of}{}", if same { " (its own)" } else { "" })
                    },
                );
                let why = format!("not found: {destination} {told}/{why} {by}");
                if options.verbose {
                    score.told.push(format!("{why} lead {} {}", event, records[best].unwrap_or_default()));
                }
                *score.why.entry(why).or_default() += 1;
            }
        } else if let Some((row, _)) = missed.iter().find(|(row, _)| row["outcome"] != "lost") {
            // Two deliveries of one event that look like two events: one of them may be missing.
            let was_held = held.contains(&(destination.as_str(), row["record_id"].as_str()));
            if !was_held && !row["shown_on"].contains('1') {
                score.unseen += 1;
                continue;
            }
            let (taken, taker) = told_record(table, destination, &row["record_id"], &columns);
            let of_taker = origin_of_lead.get(&(destination.clone(), taker.clone())).cloned().unwrap_or_default();
            // Two leads of one person, for one offer and action, and one record to be seen: the CRM does not show whose.
            if unseen_leads.contains(&(destination.clone(), taker.clone())) {
                score.unseen += 1;
                continue;
            }
            score.wrong += 1;
            let why = format!(
                "wrongly missed: {destination} {} held {was_held}, {} leads, its record {taken}",
                row["outcome"],
                rows.len()
            );
            if options.verbose {
                let lead = told_row(leads.frame(), &[("lead_id", &row["lead_id"])], CONTACT);
                let record = told_row(
                    crm_records.frame(),
                    &[("destination", destination), ("record_id", &row["record_id"])],
                    &[
                        "created_at", "object", "action", "offer_id", "offer", "marketplace", "lead_source", "email",
                        "last_name", "merged_into", "outcome", "resolution",
                    ],
                );
                let other = told_row(leads.frame(), &[("lead_id", &taker)], CONTACT);
                score.told.push(format!(
                    "{why}: lead {} {lead} record {} {record} TAKER {taker} {other} {of_taker}",
                    row["lead_id"], row["record_id"]
                ));
            }
            *score.why.entry(why).or_default() += 1;
        }
    }
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

const CONTACT: &[&str] =
    &["received_at", "storefront", "action", "offer_id", "offer", "first_name", "last_name", "email", "phone", "kind"];

/// What became of a record that should have answered a lead, and which lead took it.
fn told_record(
    table: &Table<leadrecon::tables::Verdicts>,
    destination: &str,
    record: &str,
    columns: &[Vec<Option<&str>>; 5],
) -> (&'static str, String) {
    let [ids, names, _, _, records] = columns;
    match (0..table.height()).find(|row| names[*row] == Some(destination) && records[*row] == Some(record)) {
        Some(row) => ("taken by another lead", ids[row].unwrap_or_default().to_owned()),
        None => ("free", String::new()),
    }
}

fn judge_outages(
    publisher: &Publisher,
    found: &outages::Found,
    gated: &BTreeSet<String>,
    options: &Options,
    score: &mut Score,
) {
    let time = |text: &str| DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp_micros());
    let table = &found.outages;
    let text = |name: &str, row: usize| table.texts(name).unwrap()[row].map(str::to_owned).unwrap_or_default();
    let at = |name: &str, row: usize| table.instants(name).unwrap()[row];
    let truths = rows(publisher, "outages");
    let mut matched: BTreeSet<usize> = BTreeSet::new();
    for truth in &truths {
        let destination = &truth["destination"];
        let lost: usize = truth["lost"].parse().unwrap_or(0);
        let (Some(begin), end) = (time(&truth["begin"]), time(&truth["end"])) else { continue };
        let overlapping: Vec<usize> = (0..table.height())
            .filter(|row| {
                let (from, to) = (at("began_by", *row).unwrap(), at("ended_after", *row).unwrap());
                text("destination", *row) == *destination && to >= begin && end.is_none_or(|end| from < end)
            })
            .collect();
        matched.extend(&overlapping);
        if gated.contains(destination) || truth["share"] != "1" || lost < 5 {
            continue;
        }
        score.outages_true += 1;
        let fits = overlapping.iter().find(|row| {
            let row = **row;
            let begins =
                at("began_after", row).is_none_or(|after| after <= begin) && begin <= at("began_by", row).unwrap();
            let ends = match end {
                Some(end) => at("ended_after", row).unwrap() <= end && at("ended_by", row).is_none_or(|by| end <= by),
                None => at("ended_by", row).is_none(),
            };
            begins && ends && (text("scope", row) == truth["scope"] || text("scope", row) == "all")
        });
        if fits.is_some() {
            score.outages_found += 1;
            continue;
        }
        let seen: Vec<String> = overlapping
            .iter()
            .map(|row| {
                format!(
                    "{} ({:?}, {:?}] to [{:?}, {:?})",
                    text("scope", *row),
                    at("began_after", *row).and_then(DateTime::from_timestamp_micros),
                    at("began_by", *row).and_then(DateTime::from_timestamp_micros),
                    at("ended_after", *row).and_then(DateTime::from_timestamp_micros),
                    at("ended_by", *row).and_then(DateTime::from_timestamp_micros)
                )
            })
            .collect();
        let fault = if seen.is_empty() { "not found" } else { "wrong ends or scope" };
        *score.outage_faults.entry(format!("outage {fault}: {destination} {}", truth["scope"])).or_default() += 1;
        if options.verbose {
            score.told.push(format!("outage {fault}: {truth:?} {seen:?}"));
        }
    }
    for row in 0..table.height() {
        let destination = text("destination", row);
        if !matched.contains(&row) && !gated.contains(&destination) && !destination.is_empty() {
            score.outages_false += 1;
            let why = format!("outage false: {destination} {}", text("scope", row));
            *score.outage_faults.entry(why).or_default() += 1;
            if options.verbose {
                score.told.push(format!(
                    "false outage of {destination} {}: {:?} to {:?}",
                    text("scope", row),
                    at("began_by", row).and_then(DateTime::from_timestamp_micros),
                    at("ended_after", row).and_then(DateTime::from_timestamp_micros)
                ));
            }
        }
    }
}

/// Every cause that cost five events and more must be named, by a condition that holds its word.
fn judge_causes(
    publisher: &Publisher,
    causes: &Table<leadrecon::tables::Causes>,
    gated: &BTreeSet<String>,
    options: &Options,
    score: &mut Score,
) {
    let (names, conditions) = (causes.texts("destination").unwrap(), causes.texts("condition").unwrap());
    let told: Vec<(&str, String)> =
        names.iter().zip(conditions).map(|(d, c)| (d.unwrap(), c.unwrap().to_lowercase())).collect();
    for truth in rows(publisher, "causes") {
        let lost: usize = truth["lost"].parse().unwrap_or(0);
        if lost < 5 || gated.contains(&truth["destination"]) {
            continue;
        }
        score.causes_true += 1;
        let condition = truth["condition"].to_lowercase();
        let word = match condition.split_whitespace().next().unwrap_or_default() {
            "person" => "already".to_owned(),
            "weekday" => "day".to_owned(),
            "rank" => "more than".to_owned(),
            first => first.split('=').next().unwrap_or_default().replace('_', " "),
        };
        if told.iter().any(|(d, c)| *d == truth["destination"] && c.replace('_', " ").contains(&word)) {
            score.causes_found += 1;
        } else {
            *score
                .outage_faults
                .entry(format!("cause not named: {} {condition}", truth["destination"]))
                .or_default() += 1;
        }
    }
    if options.verbose {
        score.told.extend(told.iter().map(|(d, c)| format!("cause told: {d}: {c}")));
    }
}
