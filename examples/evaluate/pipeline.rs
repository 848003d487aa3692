//! A generated publisher through all stages, night after night, as `leadrecon run` takes it through them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use leadrecon::config::Config;
use leadrecon::generate::plan::Destination;
use leadrecon::generate::{Plan, Publisher, write};
use leadrecon::io::landing::Landing;
use leadrecon::io::records::cut_bytes;
use leadrecon::losses::{causes as find_causes, lost_at_source, outages as find_outages};
use leadrecon::tables::{Causes, CrmRecords, ExportRecords, Identities, Kind, Leads, Outages, Table, Verdicts};
use leadrecon::tabular::Export;
use leadrecon::{balance, crm, identity, leads, reconcile};
use polars::prelude::*;

use crate::truth::rows;
use crate::{Options, Score, causes, outages, verdicts};

fn end_of(day: NaiveDate) -> DateTime<Utc> {
    (day + Days::new(1)).and_time(NaiveTime::MIN).and_utc()
}

pub fn evaluate(plan: &Plan, options: &Options) -> Score {
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
            let newest = if versions.width() == 0 {
                DataFrame::empty()
            } else {
                let key = ["destination".to_owned(), "record_id".to_owned()];
                versions.unique_stable(Some(&key), UniqueKeepStrategy::Last, None).unwrap()
            };
            let read = crm::read(exports, destination, &newest).unwrap();
            for problem in &read.problems {
                score.told.push(format!("{night} {}: {problem}", destination.name));
            }
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
                taught: &[],
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
            lost_at_source::witnessed(&parsed.leads, &Table::empty(), &reconciled.unexplained, &crm_records, as_of)
                .unwrap();
        let outage_settings = find_outages::Settings {
            alpha: config.outages.alpha,
            timezone: config.report.timezone,
            grace_seconds: reconciled.destinations.iter().map(|d| (d.destination.clone(), d.grace_seconds)).collect(),
        };
        let cause_settings = find_causes::Settings {
            timezone: config.report.timezone,
            kinds: config.destinations.iter().map(|d| (d.name.clone(), d.kind)).collect(),
        };
        let search = |explained: Option<&DataFrame>| {
            let found = find_outages::find(
                find_outages::Input {
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
            let input = find_causes::Input {
                verdicts: &found.verdicts,
                members: &found.members,
                leads: &parsed.leads,
                crm_records: &crm_records,
            };
            let explained = find_causes::find(input, &cause_settings).unwrap();
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
        let judged = Judged {
            plan,
            publisher: &publisher,
            leads: &parsed.leads,
            verdicts: &found.verdicts,
            outages: &found.outages,
            causes: &explained.causes,
            crm_records: &crm_records,
            gated: &gated,
            alpha: config.outages.alpha,
            grace: &outage_settings.grace_seconds,
            options,
        };
        verdicts::judge(&judged, &mut score);
        outages::judge(&judged, &mut score);
        causes::judge(&judged, &mut score);
    }
    score
}

/// What the last night said, and what it is judged by.
pub struct Judged<'a> {
    pub plan: &'a Plan,
    pub publisher: &'a Publisher,
    pub leads: &'a Table<Leads>,
    pub verdicts: &'a Table<Verdicts>,
    pub outages: &'a Table<Outages>,
    pub causes: &'a Table<Causes>,
    pub crm_records: &'a Table<CrmRecords>,
    /// Destinations of which nothing is handed out, because the export is probably not complete.
    pub gated: &'a BTreeSet<String>,
    /// Expected false outages in a run that the configuration allows.
    pub alpha: f64,
    /// Grace of each destination, in seconds.
    pub grace: &'a BTreeMap<String, i64>,
    pub options: &'a Options,
}

impl Judged<'_> {
    /// The plan of a destination.
    pub fn destination(&self, name: &str) -> &Destination {
        self.plan.destinations.iter().find(|d| d.name == name).expect("destinations are those of the plan")
    }

    /// Whether the gate held back an export that leaves records out; nothing is concluded from it, rightly.
    pub fn is_rightly_gated(&self, name: &str) -> bool {
        self.gated.contains(name) && self.destination(name).view.one_owner
    }
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
