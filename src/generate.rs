//! A synthetic publisher of any size, with the truth about it: for the demo, for tests and for benchmarks.
//!
//! Made from a [`Plan`] and nothing else: the same plan gives the same bytes. People are in `people`, what they type in
//! `typed`, when they come in `journeys`, how leads are stored in `raw`, what becomes of them in `delivery`, what the
//! CRMs export in `exports`, what really happened in `truth`. Nothing is kept that grows with the size: groups of
//! arrivals are made, written to a [`Sink`] and forgotten. Nobody in it exists.

mod delivery;
mod exports;
mod extras;
mod files;
mod journeys;
mod people;
pub mod plan;
mod raw;
pub mod scenarios;
mod truth;
mod typed;

use std::collections::BTreeMap;

pub use extras::MARK;
pub use files::{Publisher, Sink};
pub use plan::Plan;

use crate::codes::kind;
use crate::error::Result;

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Raw leads that can be read.
    pub leads: u64,
    /// True people behind them.
    pub people: u64,
    /// Records that can't be read.
    pub broken: u64,
    /// For each destination: events lost, records made.
    pub destinations: BTreeMap<String, (u64, u64)>,
}

/// Writes the publisher of a plan.
///
/// # Errors
/// When the sink cannot be written to.
pub fn write(plan: &Plan, sink: &mut dyn Sink) -> Result<Summary> {
    let mut files = files::Files::new(sink);
    let world = people::World::new(plan.seed, plan.leads);
    let mut arrivals = journeys::Arrivals::new(&world, plan);
    let mut raw = raw::RawWriter::new(plan);
    let mut truth = truth::TruthWriter::new(&mut files)?;
    let mut simulations: Vec<_> =
        plan.destinations.iter().enumerate().map(|(at, d)| delivery::Simulation::new(plan, at, d, &world)).collect();
    let mut exports: Vec<_> = plan.destinations.iter().map(|d| exports::ExportWriter::new(plan, d)).collect();
    let mut reviewed = extras::Reviewed::default();
    let mut summary = Summary::default();
    while summary.leads < plan.leads {
        let mut leads = arrivals.group(plan.time_of(summary.leads));
        leads.truncate((plan.leads - summary.leads) as usize);
        let stored = leads.iter().map(|lead| raw.write(lead, &mut files)).collect::<Result<Vec<_>>>()?;
        summary.leads += leads.len() as u64;
        truth.leads(&leads, &stored, &mut files)?;
        for (simulation, exports) in simulations.iter_mut().zip(&mut exports) {
            let (fates, records) = simulation.carry(&leads, &stored);
            let shown = exports.write(&records, &mut files)?;
            let name = &simulation.destination.name;
            truth.fates(&leads, &stored, &fates, &records, &shown, exports, name, &mut files)?;
            let tally = summary.destinations.entry(name.clone()).or_default();
            tally.0 += fates.iter().filter(|f| f.outcome == "lost").count() as u64;
            tally.1 += records.len() as u64;
            note(&mut reviewed, plan, &leads, &stored, &fates);
        }
    }
    summary.people = arrivals.people();
    summary.broken = raw.broken.len() as u64;
    for exports in &mut exports {
        exports.finish(&mut files)?;
    }
    truth::finish(&simulations, &raw.broken, &mut files)?;
    extras::configurations(plan, &mut files)?;
    extras::reviewed(plan, &reviewed, &mut files)?;
    extras::money(plan, &mut files)?;
    files.finish_all()?;
    Ok(summary)
}

/// The publisher of a plan in memory; for small ones.
///
/// # Errors
/// None but bugs: memory can always be written to.
pub fn publisher(plan: &Plan) -> Result<Publisher> {
    let mut publisher = Publisher::default();
    write(plan, &mut publisher)?;
    Ok(publisher)
}

/// Finds leads that reviewed files may speak of: the first of each sort.
fn note(
    reviewed: &mut extras::Reviewed,
    plan: &Plan,
    leads: &[journeys::Lead],
    stored: &[raw::Stored],
    fates: &[delivery::Fate],
) {
    let pair = |wanted: &dyn Fn(&journeys::Lead, &journeys::Lead) -> bool| {
        let first = leads.first().zip(stored.first())?;
        leads
            .iter()
            .zip(stored)
            .find(|(lead, _)| lead.kind == kind::GENUINE && first.0.kind == kind::GENUINE && wanted(first.0, lead))
            .map(|(_, place)| (first.1.lead_id.clone(), place.lead_id.clone()))
    };
    if reviewed.same.is_none() {
        reviewed.same = pair(&|a, b| {
            a.person == b.person && !a.form.email.eq_ignore_ascii_case(&b.form.email) && a.form.phone.is_empty()
        });
    }
    if reviewed.different.is_none() {
        reviewed.different = pair(&|a, b| a.trap == "namesake" && a.person != b.person);
    }
    if reviewed.worked.len() < plan.worked {
        let lost = fates.iter().find(|f| f.outcome == "lost" && f.outage.is_some() && !f.known);
        reviewed.worked.extend(lost.and_then(|f| stored.get(f.lead)).map(|s| s.lead_id.clone()));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn rows(publisher: &Publisher, path: &str) -> Vec<BTreeMap<String, String>> {
        let mut reader = csv::Reader::from_reader(publisher.files[path].as_slice());
        reader.deserialize().map(|row| row.unwrap()).collect()
    }

    fn small() -> Plan {
        Plan { leads: 800, ..Plan::publisher(800, 5) }
    }

    #[test]
    fn every_source_of_the_configuration_holds_a_file() {
        for seed in 0..8 {
            let publisher = publisher(&Plan::publisher(150, seed)).unwrap();
            let configuration = String::from_utf8_lossy(&publisher.files["leadrecon.toml"]).into_owned();
            let sources: Vec<&str> = configuration.lines().filter_map(|l| l.strip_prefix("path = \"raw/")).collect();
            assert!(sources.len() > 1, "{configuration}");
            for source in sources {
                let folder = format!("raw/{}", source.trim_end_matches("**/*\""));
                assert!(publisher.files.keys().any(|path| path.starts_with(&folder)), "seed {seed}: {folder} is empty");
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
        let (one, again) = (publisher(&small()).unwrap(), publisher(&small()).unwrap());
        assert!(one == again);
        let other = publisher(&Plan { seed: 6, ..small() }).unwrap();
        assert_ne!(one.files["truth/people.csv"], other.files["truth/people.csv"]);
    }

    #[test]
    fn the_truth_adds_up() {
        let plan = small();
        let mut publisher = Publisher::default();
        let summary = write(&plan, &mut publisher).unwrap();
        let people = rows(&publisher, "truth/people.csv");
        assert_eq!(people.len() as u64, plan.leads);
        let leads: BTreeSet<_> = people.iter().map(|r| &r["lead_id"]).collect();
        assert_eq!(leads.len(), people.len(), "lead ids are unique");
        let nobody =
            people.iter().filter(|r| r["person"].is_empty()).all(|r| r["kind"] == "test" || r["kind"] == "withheld");
        assert!(nobody);
        let records = rows(&publisher, "truth/records.csv");
        let known: BTreeSet<_> = records.iter().map(|r| (&r["destination"], &r["record_id"])).collect();
        assert_eq!(known.len(), records.len(), "record ids are unique");
        let deliveries = rows(&publisher, "truth/deliveries.csv");
        for row in &deliveries {
            let arrived = ["delivered", "late", "repeat"].contains(&row["outcome"].as_str());
            assert_eq!(arrived, known.contains(&(&row["destination"], &row["record_id"])), "{row:?}");
            assert_eq!(row["outcome"] == "lost", !row["why"].is_empty() && row["outcome"] != "late", "{row:?}");
        }
        for outage in rows(&publisher, "truth/outages.csv") {
            let events: BTreeSet<_> =
                deliveries.iter().filter(|r| r["outage"] == outage["outage"]).map(|r| &r["event_id"]).collect();
            assert!(!events.is_empty(), "{outage:?} holds no lead");
        }
        assert_eq!(rows(&publisher, "truth/quarantine.csv").len() as u64, summary.broken);
    }

    #[test]
    fn every_file_that_the_configuration_names_is_there() {
        let publisher = publisher(&Plan::demo()).unwrap();
        let text = String::from_utf8(publisher.files["leadrecon.toml"].clone()).unwrap();
        let config = crate::config::Config::parse(&text, std::path::Path::new("")).unwrap();
        assert_eq!(config.destinations.len(), 2);
        for destination in &config.destinations {
            let folder = destination.export[0].trim_end_matches('*');
            assert!(publisher.files.keys().any(|path| path.starts_with(folder)), "{folder}");
        }
        for path in
            ["decisions.csv", "worked.csv", "exports/spend/campaigns.csv", "exports/cost/ActualCost-2026-04.csv"]
        {
            assert!(publisher.files.get(path).is_some_and(|bytes| bytes.len() > 50), "{path}");
        }
    }

    #[test]
    fn the_demo_holds_every_kind_of_lead_and_every_trap() {
        let publisher = publisher(&Plan::demo()).unwrap();
        let people = rows(&publisher, "truth/people.csv");
        let of = |column: &str| people.iter().map(|r| r[column].clone()).collect::<BTreeSet<_>>();
        for kind in ["test", "do-not-contact", "withheld", "internal", "genuine"] {
            assert!(of("kind").contains(kind), "{kind}");
        }
        for trap in ["namesake", "switchboard", "role-mailbox", "family", "reseller", "junk", "add-in"] {
            assert!(of("trap").contains(trap), "{trap}");
        }
        let quarantine: BTreeSet<_> =
            rows(&publisher, "truth/quarantine.csv").iter().map(|r| r["reason"].clone()).collect();
        assert!(quarantine.len() >= 3, "{quarantine:?}");
        let lost: Vec<u64> = rows(&publisher, "truth/outages.csv").iter().map(|r| r["lost"].parse().unwrap()).collect();
        assert!(lost.iter().all(|n| *n >= 5), "{lost:?}");
    }
}
