//! What the last night of a publisher said, held against the truth.

use std::collections::{BTreeMap, BTreeSet};

use leadrecon::generate::plan::Destination;
use leadrecon::generate::{Plan, Publisher};
use leadrecon::tables::{Causes, CrmRecords, Leads, Outages, Table, Verdicts};

use crate::nights::{self, Night};
use crate::{Options, Score, causes, outages, verdicts};

/// Takes a publisher through its nights and judges the last.
pub fn evaluate(plan: &Plan, options: &Options) -> Score {
    let mut score = Score::default();
    let Some(night) = nights::last(plan, options.true_people, &mut score.told) else { return score };
    tell(&night, options, &mut score);
    let gated = night
        .gated
        .iter()
        .map(|gate| {
            score.told.push(format!("{}: gated: {}", gate.destination, gate.finding().text()));
            gate.destination.clone()
        })
        .collect();
    let judged = Judged {
        plan,
        publisher: &night.publisher,
        leads: &night.parsed.leads,
        verdicts: &night.losses.verdicts,
        outages: &night.losses.outages,
        causes: &night.losses.causes,
        crm_records: &night.verdicts.crm_records,
        gated: &gated,
        alpha: night.alpha,
        grace: &night.grace(),
        options,
    };
    verdicts::judge(&judged, &mut score);
    outages::judge(&judged, &mut score);
    causes::judge(&judged, &mut score);
    score
}

/// What was inferred of each destination and a reader may doubt.
fn tell(night: &Night, options: &Options, score: &mut Score) {
    for d in &night.verdicts.reconciled.destinations {
        let zone = d.zone.clone().unwrap_or_default();
        if d.records_per == "person" && !matches!(d.destination.as_str(), "hubspot" | "marketo") || options.verbose {
            score.told.push(format!(
                "{}: per {} ({}), grace {} s, {zone} from {:?} until {:?}",
                d.destination, d.records_per, d.records_per_from, d.grace_seconds, d.from, d.until
            ));
        } else if !zone.is_empty() {
            score.told.push(format!("{}: {zone}", d.destination));
        }
    }
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

    /// Whether causes of this destination are held back, rightly: what its export leaves out looks like one.
    pub fn holds_causes_back(&self, name: &str) -> bool {
        let view = self.destination(name).view;
        self.gated.contains(name) && (view.one_owner || !view.converted || !view.deleted)
    }
}
