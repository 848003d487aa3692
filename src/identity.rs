//! Leads and CRM records → people: who is the same person, and why.
//!
//! Takes leads, CRM records, reviewed decisions and who was who in the run before; gives [`Linked`]. Leads of kind test
//! and withheld are nobody. Leads are clustered first, then each CRM record is given to the best-fitting person or to
//! none: an export can never join two people. `person_id` comes from the person's anchor, the lead that was landed
//! first, so that nothing that arrives later can move it (design: output, Ids).

use polars::prelude::*;

pub use self::clustered::Link;
use self::clustered::{Clustered, strongest};
pub use self::decisions::{Decided, Decision, Decisions, decisions, holding};
pub use self::explainer::{Explainer, Pair, Waterfall};
pub use self::model::Step;
pub use self::quality::{Quality, StageBounds};
pub use self::sought::Sought;
use crate::config::Threshold;
use crate::error::{Error, Result};
use crate::findings::{AboutPeople, AboutSetting, Finding};
use crate::tables::{ChangedPeople, CrmRecords, EarlierContacts, ExportRecords, Identities, Leads, People, Table};

mod block;
mod certainty;
mod changes;
mod cluster;
mod clustered;
mod compare;
mod dates;
mod decisions;
mod explainer;
mod forms;
mod frequency;
mod homes;
mod level_table;
mod model;
mod names;
mod numbers;
mod people;
mod quality;
mod records;
mod sizes;
mod sought;
#[cfg(test)]
mod tests;
mod together;
mod typed;

/// What the stage reads.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// All leads.
    pub leads: &'a Table<Leads>,
    /// All CRM records.
    pub records: &'a Table<ExportRecords>,
    /// How the same records described their person before.
    pub earlier: &'a Table<EarlierContacts>,
    /// Reviewed decisions.
    pub decisions: &'a [Decision],
    /// Leads that a person found in a CRM, with destination and record id: the record is of the lead's person.
    pub taught: &'a [(String, String, String)],
    /// Who was who in the run before, for the list of changes.
    pub previous: Option<&'a Table<Identities>>,
    /// From which match probability two leads are one person.
    pub threshold: Threshold,
    /// A model to use as it is, as [`Linked::model`] wrote it; `None` learns one from the leads.
    pub model: Option<&'a str>,
}

/// What the stage gives.
#[derive(Debug)]
pub struct Linked {
    /// Person of each lead.
    pub identities: Table<Identities>,
    /// The people.
    pub people: Table<People>,
    /// The CRM records with their person.
    pub crm_records: Table<CrmRecords>,
    /// The model that was used, as readable JSON without personal data.
    pub model: String,
    /// Merges and splits since the run before, and the lead that caused each.
    pub changed_people: Table<ChangedPeople>,
    /// What a person should look at.
    pub findings: Vec<Finding>,
    /// Estimated quality.
    pub quality: Quality,
    /// The links that hold people together: a person of n leads has n - 1 of them.
    pub links: Vec<Link>,
    /// Columns lead_id, strict, loose: the person at match probability 0.99 and 0.8, for bounds of what is counted.
    pub bounds: DataFrame,
}

/// Recognises people across leads, and gives each CRM record to its person.
///
/// # Errors
/// Where a table does not have its shape, or the saved model cannot be used.
pub fn link(inputs: &Inputs) -> Result<Linked> {
    let leads = inputs.leads.frame();
    let mut all = Clustered::of(leads, inputs.decisions, inputs.threshold, inputs.model)?;
    let threshold = all.threshold;
    let (strongest, links) = strongest(&mut all);
    let assigned = people::Assigned { cluster: std::mem::take(&mut all.cluster), strongest };
    let (tables, bounds) = rayon::join(
        || {
            let person_ids = assigned.person_ids(&all.profiles.rows, leads)?;
            let identities = assigned.identities(leads, &person_ids)?;
            let people = assigned.people(&all.profiles.rows, leads, &person_ids)?;
            Ok::<_, Error>((person_ids, identities, people))
        },
        || all.bounds(leads),
    );
    let ((person_ids, identities, people), (bounds, people_at)) = (tables?, bounds?);
    let mut quality = all.quality(&people, people_at)?;
    quality.funnel = quality::funnel(leads, &person_ids, &bounds)?;
    let contradictory =
        all.clusters.refused.iter().filter(|(e, why)| e.decided && *why == cluster::Refusal::Decision).count();

    let Clustered { mut profiles, found, model, edges, mut clusters, .. } = all;
    // Pairs of leads are done with; those of leads and records are as many again.
    drop((found, edges));
    let known = records::People {
        leads,
        rows: &profiles.rows.in_order,
        first_row: &profiles.first_row,
        cluster: &assigned.cluster,
    };
    let records = inputs.records.frame();
    let (described, of) = records::with_earlier(records, inputs.earlier.frame())?;
    let given = records::assign(
        &mut profiles.contacts, &profiles.shared, &model, &mut clusters, &known, &described, threshold,
    )?;
    quality.capped_records = given.capped;
    let mut of_records = records::best(given.given, &of);
    records::teach(&mut of_records, inputs.taught, &known, records)?;
    let crm_records = people::crm_records(records, &person_ids, &of_records)?;
    let changes = match inputs.previous {
        Some(previous) => changes::between(previous.frame(), identities.frame(), &links)?,
        None => Vec::new(),
    };
    Ok(Linked {
        findings: findings(&quality, &changes, profiles.unknown, contradictory),
        identities,
        people,
        crm_records,
        model: model.json(),
        changed_people: changes::table(&changes)?,
        quality,
        links,
        bounds,
    })
}

/// Most lines that are named one by one.
const NAMED: usize = 10;

/// Lines of the file of reviewed decisions that cannot be used.
pub fn unusable_decisions(decisions: &Decisions) -> Vec<Finding> {
    let problems = &decisions.problems;
    let named = problems.iter().take(NAMED).cloned().map(AboutSetting::DecisionLine);
    let mut findings: Vec<Finding> = named.map(|line| Finding::mail("", line, 1)).collect();
    if problems.len() > NAMED {
        findings.push(Finding::mail("", AboutSetting::DecisionLines, problems.len() - NAMED));
    }
    findings
}

fn findings(quality: &Quality, changes: &[changes::Change], unknown: usize, refused_decisions: usize) -> Vec<Finding> {
    let merged = changes.iter().filter(|c| c.merged).count();
    let cut = quality.kept_apart_by_names + quality.kept_apart_as_weak_bridge;
    let mut findings = vec![
        Finding::list("", AboutPeople::Merged, merged),
        Finding::list("", AboutPeople::Split, changes.len() - merged),
        Finding::list("", AboutPeople::LinksCut, cut),
        Finding::mail("", AboutPeople::TooLarge, quality.kept_apart_by_size),
        Finding::list("", AboutSetting::DecisionOnNoLead, unknown),
        Finding::mail("", AboutSetting::DecisionsContradict, refused_decisions),
    ];
    let capped = quality.capped.iter();
    findings.extend(capped.map(|c| Finding::list("", AboutPeople::TooManyPairs(c.rule.to_string()), c.pairs)));
    findings.retain(|finding| finding.count > 0);
    findings
}
