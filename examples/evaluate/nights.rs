//! A generated publisher through all stages, night after night, as `leadrecon run` takes it through them.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use leadrecon::config::Config;
use leadrecon::coverage::NightsRead;
use leadrecon::generate::{Plan, Publisher, write};
use leadrecon::identity::Sought;
use leadrecon::io::fetch;
use leadrecon::io::generated::Generated;
use leadrecon::io::landing::Landing;
use leadrecon::leads::Parsed;
use leadrecon::monitors::routing;
use leadrecon::pipeline::{self, Day, Records, Reviewed, Verdicts};
use leadrecon::tables::{CrmRecords, ExportRecords, Identities, Kind, Leads, RawLeads, Table};
use leadrecon::tabular::{Export, Passed};
use leadrecon::{coverage, crm, leads, losses, reconcile};
use polars::prelude::*;

use crate::truth::rows;

/// The last night of a publisher.
pub struct Night {
    pub publisher: Publisher,
    pub parsed: Parsed,
    pub verdicts: Verdicts,
    pub losses: losses::Found,
    /// Destinations whose export is probably not complete, each with the evidence.
    pub gated: Vec<coverage::Gated>,
    /// What is odd about where leads go, by the leads alone.
    pub routing: routing::Found,
    /// `[outages] alpha`.
    pub alpha: f64,
    /// Processor seconds of the search for outages and causes.
    pub seconds: f64,
}

impl Night {
    /// Grace of each destination, in seconds.
    pub fn grace(&self) -> BTreeMap<String, i64> {
        self.verdicts.reconciled.destinations.iter().map(|d| (d.destination.clone(), d.grace_seconds)).collect()
    }
}

/// The last night of a publisher by the truth's own people: every fault seen in it is one of verdicts, outages or causes
/// and not of identity.
pub fn by_true_people(plan: &Plan) -> Night {
    last(plan, true, &mut Vec::new()).expect("the books of a generated publisher balance")
}

/// Takes a publisher through all its nights and gives the last, if it came to verdicts. What went wrong is `told`.
pub fn last(plan: &Plan, true_people: bool, told: &mut Vec<String>) -> Option<Night> {
    let mut publisher = Publisher::default();
    write(plan, &mut publisher).unwrap();
    let text = String::from_utf8(publisher.files["leadrecon.toml"].clone()).unwrap();
    let config = Config::parse(&text, Path::new("/publisher")).unwrap();
    let raw = raw_leads(plan, &text, end_of(*plan.nights.last().unwrap()));
    let mut versions = DataFrame::empty();
    let mut past = BTreeMap::new();
    let mut nights = NightsRead::default();
    let mut last = None;
    for night in &plan.nights {
        let day = Day::new(&config, *night);
        nights = nights.until(*night);
        let settings = leads::Settings {
            as_of_ends_at: day.as_of_ends_at,
            stages: &config.stages,
            offers: &config.offers,
            exclude: &config.exclude,
        };
        let parsed = leads::parse(&raw, &settings).unwrap();
        let reads = read_exports(&publisher, &day, &parsed.leads, &mut versions, &nights, told);
        let (identities, crm_records) = people(&publisher, &day, &parsed.leads, &versions, true_people);
        for read in &reads {
            nights = nights.clone().with(&read.destination, coverage::judged(read, &nights), &read.files);
        }
        let verdicts = match pipeline::verdicts(&day, &parsed.leads, &identities, crm_records, &nights, &str::to_owned)
        {
            Ok(verdicts) => verdicts,
            Err(error) => {
                told.push(format!("{night}: {error}"));
                continue;
            }
        };
        let begun = cpu_seconds();
        let (losses, doubts) =
            pipeline::losses(&day, &parsed.leads, &verdicts, &Table::empty(), (&Table::empty(), &past)).unwrap();
        let seconds = cpu_seconds() - begun;
        if let Err(error) = pipeline::balance(
            &day,
            raw.height(),
            &parsed,
            &verdicts,
            &losses,
            &pipeline::Retracted::default(),
            &Table::empty(),
        ) {
            told.push(format!("{night}: {error}"));
        }
        past = doubts.shares;
        last = Some((day.as_of, parsed, verdicts, losses, doubts.gated, seconds));
    }
    let (as_of, parsed, verdicts, losses, gated, seconds) = last.filter(|(day, ..)| Some(day) == plan.nights.last())?;
    let routing = routing::find(&routing::Inputs {
        as_of,
        as_of_ends_at: end_of(as_of),
        leads: &parsed.leads,
        forgotten: &parsed.forgotten,
        keep_dnc: None,
        reconciliation: &losses.reconciliation,
        earlier: &Table::empty(),
        has_destinations: true,
    })
    .unwrap();
    Some(Night { publisher, parsed, verdicts, losses, gated, routing, alpha: config.outages.alpha, seconds })
}

/// A day that exists.
pub fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap()
}

fn end_of(day: NaiveDate) -> DateTime<Utc> {
    (day + Days::new(1)).and_time(NaiveTime::MIN).and_utc()
}

/// All raw leads of a publisher, fetched from its files into a landing as a run does it.
fn raw_leads(plan: &Plan, text: &str, read_at: DateTime<Utc>) -> Table<RawLeads> {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("publisher");
    write(plan, &mut Generated::new(&base).unwrap()).unwrap();
    let config = Config::parse(text, &base).unwrap();
    let mut landing = Landing::open(&folder.path().join("state"), std::time::Duration::from_secs(1)).unwrap();
    let options = fetch::Options { base: &base, keep_out: Vec::new(), rescan: false, progress: false };
    fetch::fetch(&config.sources, &mut landing, read_at, &options).unwrap();
    landing.raw_leads().unwrap()
}

/// Reads the night's exports and adds what is new in them to the versions of all records.
fn read_exports(
    publisher: &Publisher,
    day: &Day,
    leads: &Table<Leads>,
    versions: &mut DataFrame,
    nights: &NightsRead,
    told: &mut Vec<String>,
) -> Vec<crm::Read> {
    let night = day.as_of;
    let mut reads = Vec::new();
    let mut sought = Sought::default();
    sought.add(leads.frame()).unwrap();
    for destination in &day.config.destinations {
        let folder = format!("exports/{}/{night}/", destination.name);
        let exports = publisher
            .files
            .iter()
            .filter(|(path, _)| path.starts_with(&folder))
            .map(|(path, bytes)| Export {
                name: path.clone(),
                modified: publisher.modified.get(path).copied().unwrap_or(day.as_of_ends_at),
                content: bytes.clone().into(),
            })
            .collect();
        let newest = if versions.width() == 0 {
            DataFrame::empty()
        } else {
            let key = ["destination".to_owned(), "record_id".to_owned()];
            versions.unique_stable(Some(&key), UniqueKeepStrategy::Last, None).unwrap()
        };
        let young_since = (day.as_of_ends_at - day.config.missed.give_up).timestamp_micros();
        let is_window = |shown: &Passed| coverage::is_window(shown, nights, leads, destination, young_since).unwrap();
        let shares = |records: &DataFrame| sought.finds(records);
        let of_leads = crm::OfLeads { shares: &shares, named: &[], is_window: &is_window, young_since };
        let keep = if keeps_all() { crm::Keep::All } else { crm::Keep::OfLeads(&of_leads) };
        let mut read = crm::read(exports, destination, &newest, keep).unwrap();
        read.doubt = coverage::judge(&read, destination, &newest, nights, Some(&str::to_owned)).unwrap();
        for problem in &read.problems {
            told.push(format!("{night} {}: {problem}", destination.name));
        }
        let mut land = crm::to_land(&read, &newest).unwrap();
        let landed_on = Series::new("landed_on".into(), vec![night; land.height()]);
        land.with_column(landed_on.into_column()).unwrap();
        *versions = if versions.width() == 0 { land } else { versions.vstack(&land).unwrap() };
        reads.push(read);
    }
    reads
}

/// Whether strangers' records are kept, too: the verdicts must be no better for it.
fn keeps_all() -> bool {
    std::env::args().any(|argument| argument == "--keep-strangers")
}

/// Who is who, by identity or by the truth.
fn people(
    publisher: &Publisher,
    day: &Day,
    leads: &Table<Leads>,
    versions: &DataFrame,
    by_truth: bool,
) -> (Table<Identities>, Table<CrmRecords>) {
    let end = day.as_of_ends_at + reconcile::farthest_clock();
    let records = crm::records(versions, &day.config.destinations, end).unwrap();
    if by_truth {
        return true_people(publisher, leads, &records);
    }
    let records = Records { records, earlier: crm::earlier(versions).unwrap() };
    let (people, crm_records) = pipeline::people(day, leads, records, &Reviewed::default(), None).unwrap();
    (people.identities, crm_records)
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
