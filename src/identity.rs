//! Leads and CRM records → people: who is the same person, and why.
//!
//! Takes leads, CRM records, reviewed decisions and who was who in the run before; gives [`Linked`]. Leads of kind test
//! and withheld are nobody. Leads are clustered first, then each CRM record is given to the best-fitting person or to
//! none: an export can never join two people. `person_id` comes from the person's anchor, the lead that was landed
//! first, so that nothing that arrives later can move it (design: output, Ids).

use std::collections::HashMap;

use polars::prelude::*;
use sha2::{Digest, Sha256};

use self::cluster::{Clusters, Edge};
use self::compare::Shared;
pub use self::explainer::{Explainer, Waterfall};
use self::forms::Forms;
pub use self::model::Step;
use self::model::{Model, Scale};
use self::people::NOBODY;
pub use self::quality::{Quality, StageBounds};
use crate::codes::{self, Finding};
use crate::error::{Error, Result};
use crate::tables::{ChangedPeople, CrmRecords, EarlierContacts, ExportRecords, Identities, Leads, People, Table};

mod block;
mod changes;
mod cluster;
mod compare;
mod explainer;
mod forms;
mod frequency;
mod model;
mod people;
mod quality;
mod records;
#[cfg(test)]
mod traps;

/// What a person decided about two leads; it holds for ever.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decision {
    /// The one lead.
    pub lead_id_a: String,
    /// The other.
    pub lead_id_b: String,
    /// Whether they are the same person.
    pub same: bool,
}

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
    /// Match probability from which two leads are one person.
    pub threshold: f64,
    /// A model to use as it is, as [`Linked::model`] wrote it; `None` learns one from the leads.
    pub model: Option<&'a str>,
}

/// Two leads that hold a person together; rows count in the table of leads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    /// Row of the one lead.
    pub row_a: u32,
    /// Row of the other.
    pub row_b: u32,
    /// log2 odds.
    pub weight: f64,
    /// One of [`crate::codes::link`].
    pub by: &'static str,
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

/// First 16 hex digits of SHA-256 over the anchor's lead_id.
pub fn person_id(anchor_lead_id: &str) -> String {
    let mut id = hex::encode(Sha256::digest(anchor_lead_id.as_bytes()));
    id.truncate(16);
    id
}

/// Reads `decisions.csv`: `lead_id_a,lead_id_b,decision` with `same` or `different`; lines that begin with # are notes.
///
/// # Errors
/// Tells every line that cannot be read (exit 2).
pub fn decisions(text: &str) -> Result<Vec<Decision>> {
    // No file, or one that nobody has written into yet.
    if text.trim_start_matches('\u{feff}').trim().is_empty() {
        return Ok(Vec::new());
    }
    let mut reader =
        csv::ReaderBuilder::new().comment(Some(b'#')).trim(csv::Trim::All).flexible(true).from_reader(text.as_bytes());
    let header: Vec<String> = reader
        .headers()
        .map_err(|e| Error::usage("the file of reviewed decisions cannot be read").because(e))?
        .iter()
        .map(|h| h.trim_start_matches('\u{feff}').to_ascii_lowercase())
        .collect();
    let column = |name: &str| {
        header.iter().position(|h| h == name).ok_or_else(|| {
            Error::usage(format!("the file of reviewed decisions has no column {name}"))
                .hint("its header is lead_id_a,lead_id_b,decision")
        })
    };
    let (a, b, word) = (column("lead_id_a")?, column("lead_id_b")?, column("decision")?);
    let mut decisions = Vec::new();
    let mut problems = Vec::new();
    for (n, row) in reader.records().enumerate() {
        let line = n + 2;
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                problems.push(format!("line {line}: {error}"));
                continue;
            }
        };
        let field = |at: usize| row.get(at).unwrap_or("").to_owned();
        let same = match field(word).to_ascii_lowercase().as_str() {
            "same" => true,
            "different" => false,
            _ => {
                problems.push(format!("line {line}: decision is neither same nor different"));
                continue;
            }
        };
        let (first, second) = (field(a), field(b));
        if first.is_empty() || second.is_empty() || first == second {
            problems.push(format!("line {line}: two lead ids are needed"));
            continue;
        }
        decisions.push(Decision { lead_id_a: first, lead_id_b: second, same });
    }
    if problems.is_empty() {
        return Ok(decisions);
    }
    Err(Error::usage("the file of reviewed decisions has lines that cannot be used").because(problems.join("; ")))
}

/// Match weight of what is certain: a reviewed decision, the key of the raw lead.
const CERTAIN: f64 = 40.0;
/// Match probabilities of the strict and the loose reading.
const STRICT: f64 = 0.99;
const LOOSE: f64 = 0.8;

/// A match weight (log2 odds) as a probability.
pub fn probability(weight: f64) -> f64 {
    1.0 / (1.0 + (-weight).exp2())
}

/// A probability as a match weight.
pub fn weight(probability: f64) -> f64 {
    (probability / (1.0 - probability)).log2()
}

/// What two profiles were linked by, in a word.
fn linked_by(levels: &compare::Levels) -> &'static str {
    use compare::{COMPANY, EMAIL, FIRST, LAST, PHONE};
    match () {
        () if matches!(levels[EMAIL], 1..=3) => codes::link::EMAIL,
        () if matches!(levels[PHONE], 1..=3) => codes::link::PHONE,
        () if matches!(levels[FIRST], 1..=4 | 6)
            && matches!(levels[LAST], 1..=4 | 6)
            && matches!(levels[COMPANY], 0..=3) =>
        {
            codes::link::NAME
        }
        () => codes::link::MODEL,
    }
}

/// Leads as profiles.
struct Profiles {
    forms: Forms,
    shared: Shared,
    rows: people::Rows,
    /// Profile of each row; [`people::NOBODY`] for a lead that is nobody.
    of_row: Vec<u32>,
    /// Row of the first lead of each profile.
    first_row: Vec<u32>,
    /// Leads of each profile.
    leads: Vec<u32>,
    /// Reviewed decisions as pairs of profiles.
    same: Vec<(u32, u32)>,
    different: Vec<(u32, u32)>,
    /// Decisions that name a lead which is not there.
    unknown: usize,
}

impl Profiles {
    fn of(frame: &DataFrame, decisions: &[Decision]) -> Result<Self> {
        let rows = people::Rows::of(frame)?;
        let ids = frame.column("lead_id")?.str()?;
        // A decision is about leads, so such a lead is a profile of its own, whoever typed the same.
        let mut decided: HashMap<&str, u32> = decisions
            .iter()
            .flat_map(|d| [d.lead_id_a.as_str(), d.lead_id_b.as_str()])
            .map(|id| (id, NOBODY))
            .collect();
        let mut own = vec![false; if decided.is_empty() { 0 } else { frame.height() }];
        if !decided.is_empty() {
            for &row in &rows.in_order {
                if let Some(place) = ids.get(row as usize).and_then(|id| decided.get_mut(id)) {
                    *place = row;
                    own[row as usize] = true;
                }
            }
        }
        let mut forms = Forms::default();
        let profiles = forms.add_leads(frame, &rows.in_order, &own)?;
        let shared = block::shared(&forms);
        let mut of_row = vec![NOBODY; frame.height()];
        let mut first_row = vec![NOBODY; forms.of_leads];
        let mut leads = vec![0u32; forms.of_leads];
        for (&row, &profile) in rows.in_order.iter().zip(&profiles) {
            of_row[row as usize] = profile;
            leads[profile as usize] += 1;
            if first_row[profile as usize] == NOBODY {
                first_row[profile as usize] = row;
            }
        }
        let mut found =
            Profiles { forms, shared, rows, of_row, first_row, leads, same: vec![], different: vec![], unknown: 0 };
        for decision in decisions {
            let profile = |id: &str| {
                let row = decided.get(id).copied().filter(|row| *row != NOBODY)?;
                found.of_row.get(row as usize).copied()
            };
            match (profile(&decision.lead_id_a), profile(&decision.lead_id_b)) {
                (Some(a), Some(b)) if decision.same => found.same.push((a.min(b), a.max(b))),
                (Some(a), Some(b)) => found.different.push((a.min(b), a.max(b))),
                _ => found.unknown += 1,
            }
        }
        Ok(found)
    }

    /// Weight of a profile with itself: whether two leads that typed the same are one person.
    fn with_itself(&self, scale: &Scale, profile: u32) -> Option<(f64, compare::Levels)> {
        let p = self.forms.profiles.get(profile as usize)?;
        let levels = compare::compare(&self.forms, &self.shared, p, p);
        Some((scale.weight(&self.forms, &levels, profile), levels))
    }

    /// Compares all candidates, and learns the model unless one is given.
    fn candidates(&self, saved: Option<&str>) -> Result<(block::Candidates, Model)> {
        let prior = Scale::new(&Model::prior(self.forms.of_leads));
        let found = block::candidates(&self.forms, &self.shared, &prior, false);
        if let Some(json) = saved {
            return Ok((found, Model::read(json)?));
        }
        // Two leads that typed the same are a pair too; a hundred of them are still one habit of one person.
        let mut patterns = found.patterns.clone();
        for (profile, _) in self.leads.iter().enumerate().filter(|(_, n)| **n > 1) {
            if let Some((weight, levels)) = self.with_itself(&prior, profile as u32)
                && weight > 0.0
            {
                *patterns.entry(compare::pattern(&levels)).or_default() += 1;
            }
        }
        let model = Model::learned(&model::Counted {
            candidates: patterns.into_iter().collect(),
            random: block::random_pairs(&self.forms, &self.shared),
            profiles: self.forms.of_leads,
            colleagues: self.forms.frequencies.colleagues,
        });
        Ok((found, model))
    }

    /// Clusters of profiles at a threshold.
    fn clusters(&self, scale: &Scale, edges: &[Edge], threshold: f64) -> Clusters {
        let judge = cluster::Judge {
            forms: &self.forms,
            shared: &self.shared,
            scale,
            threshold: weight(threshold),
            different: &self.different,
        };
        Clusters::of(&judge, edges)
    }

    /// Cluster of each row of leads. Leads of a profile too poor to be linked to itself are each alone.
    fn cluster_of_rows(&self, scale: &Scale, clusters: &mut Clusters, threshold: f64) -> (Vec<u32>, usize) {
        let mut poor: Vec<bool> = vec![false; self.leads.len()];
        for (profile, _) in self.leads.iter().enumerate().filter(|(_, n)| **n > 1) {
            let too_weak = self.with_itself(scale, profile as u32).is_none_or(|(w, _)| w < weight(threshold));
            poor[profile] = too_weak;
        }
        let mut unlinkable = 0;
        let profiles = self.leads.len() as u32;
        let of_row = self.of_row.iter().enumerate().map(|(row, &profile)| match poor.get(profile as usize) {
            None => NOBODY,
            // The first lead keeps the cluster; it stands for the profile wherever that is linked.
            Some(true) if self.first_row.get(profile as usize) != Some(&(row as u32)) => {
                unlinkable += 1;
                profiles + row as u32
            }
            Some(_) => clusters.find(profile),
        });
        (of_row.collect(), unlinkable)
    }
}

/// Leads, clustered.
struct Clustered {
    profiles: Profiles,
    found: block::Candidates,
    model: Model,
    scale: Scale,
    /// Pairs that may be links, strongest first, down to the loose threshold.
    edges: Vec<Edge>,
    clusters: Clusters,
    /// Cluster of each row; [`people::NOBODY`] for a lead that is nobody.
    cluster: Vec<u32>,
    /// Leads too poor to be linked to one that says the same.
    unlinkable: usize,
}

impl Clustered {
    fn of(leads: &DataFrame, decisions: &[Decision], threshold: f64, saved: Option<&str>) -> Result<Self> {
        let profiles = Profiles::of(leads, decisions)?;
        let (found, model) = profiles.candidates(saved)?;
        let scale = Scale::new(&model);
        let weighed = cluster::edges(&profiles.forms, &scale, &found.pairs, weight(threshold.min(LOOSE)));
        let decided =
            profiles.same.iter().map(|(a, b)| Edge { a: *a, b: *b, pattern: 0, weight: CERTAIN, decided: true });
        let edges: Vec<Edge> = decided.chain(weighed).collect();
        let mut clusters = profiles.clusters(&scale, &edges, threshold);
        let (cluster, unlinkable) = profiles.cluster_of_rows(&scale, &mut clusters, threshold);
        Ok(Clustered { profiles, found, model, scale, edges, clusters, cluster, unlinkable })
    }

    /// Columns lead_id, strict, loose, and how many people there are at each.
    fn bounds(&self, leads: &DataFrame) -> Result<(DataFrame, [usize; 2])> {
        let mut columns = vec![leads.column("lead_id")?.clone()];
        let mut people = [0; 2];
        for (n, (name, threshold)) in [("strict", STRICT), ("loose", LOOSE)].into_iter().enumerate() {
            let mut at = self.profiles.clusters(&self.scale, &self.edges, threshold);
            let (cluster, _) = self.profiles.cluster_of_rows(&self.scale, &mut at, threshold);
            let ids = people::Assigned { cluster, strongest: Vec::new() }.person_ids(&self.profiles.rows, leads)?;
            people[n] = ids.n_unique()? - usize::from(ids.null_count() > 0);
            columns.push(ids.with_name(name.into()).into_column());
        }
        Ok((DataFrame::new(leads.height(), columns)?, people))
    }

    fn quality(&mut self, people: &Table<People>, bounds: [usize; 2]) -> Result<Quality> {
        let mut quality = Quality {
            leads: self.profiles.rows.in_order.len(),
            profiles: self.profiles.leads.len(),
            people: people.height(),
            alone: people.frame().column("leads")?.i64()?.iter().filter(|n| *n == Some(1)).count(),
            unlinkable: self.unlinkable,
            people_strict: bounds[0],
            people_loose: bounds[1],
            compared_pairs: self.found.patterns.values().sum(),
            weak_bridges: self.clusters.accepted.iter().filter(|e| e.weight < weight(STRICT)).count(),
            capped: self.found.capped.clone(),
            ..Quality::default()
        };
        let roots: Vec<u32> = (0..self.profiles.leads.len() as u32).map(|p| self.clusters.find(p)).collect();
        let mut weakest = vec![f64::INFINITY; roots.len()];
        for edge in &self.clusters.accepted {
            let root = roots.get(edge.a as usize).copied().unwrap_or(NOBODY);
            if let Some(known) = weakest.get_mut(root as usize) {
                *known = known.min(edge.weight);
            }
        }
        let bridge = |a: u32, b: u32| {
            let (a, b) = (*roots.get(a as usize)?, *roots.get(b as usize)?);
            if a == b { weakest.get(a as usize).copied() } else { None }
        };
        quality.of_pairs(&self.profiles.forms, &self.scale, &self.found.pairs, bridge);
        quality.count(self.clusters.refused.iter().map(|(_, why)| *why));
        Ok(quality)
    }
}

/// Recognises people across leads, and gives each CRM record to its person.
///
/// # Errors
/// Where a table does not have its shape, or the saved model cannot be used.
pub fn link(inputs: &Inputs) -> Result<Linked> {
    let leads = inputs.leads.frame();
    let mut all = Clustered::of(leads, inputs.decisions, inputs.threshold, inputs.model)?;
    let (strongest, links) = strongest(&mut all, inputs.threshold);
    let assigned = people::Assigned { cluster: std::mem::take(&mut all.cluster), strongest };
    let person_ids = assigned.person_ids(&all.profiles.rows, leads)?;
    let identities = assigned.identities(leads, &person_ids)?;
    let people = assigned.people(&all.profiles.rows, leads, &person_ids)?;
    let (bounds, people_at) = all.bounds(leads)?;
    let mut quality = all.quality(&people, people_at)?;
    quality.funnel = funnel(leads, &person_ids, &bounds)?;
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
        &mut profiles.forms, &profiles.shared, &model, &mut clusters, &known, &described, inputs.threshold,
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

/// People with a genuine lead in each stage: as linked, at the strict and at the loose threshold.
fn funnel(leads: &DataFrame, person_ids: &StringChunked, bounds: &DataFrame) -> Result<Vec<StageBounds>> {
    let (kinds, stages) = (leads.column("kind")?.str()?, leads.column("stage")?.str()?);
    let people = |ids: &StringChunked, stage: Option<&str>| {
        let of_stage = kinds.iter().zip(stages.iter()).zip(ids.iter()).filter_map(|((kind, of), id)| {
            (kind == Some(codes::kind::GENUINE) && (stage.is_none() || of == stage)).then_some(id).flatten()
        });
        of_stage.collect::<std::collections::HashSet<&str>>().len()
    };
    let (strict, loose) = (bounds.column("strict")?.str()?, bounds.column("loose")?.str()?);
    let all = [None, Some(codes::stage::TRIAL), Some(codes::stage::INTEREST)];
    let all = all.into_iter().chain([Some(codes::stage::CONTACT), Some(codes::stage::PURCHASE)]);
    Ok(all
        .map(|stage| StageBounds {
            stage: stage.unwrap_or("people"),
            people: people(person_ids, stage),
            strict: people(strict, stage),
            loose: people(loose, stage),
        })
        .collect())
}

/// Strongest link of each row to the other leads of its person, and the links that hold people together.
fn strongest(all: &mut Clustered, threshold: f64) -> (Vec<Option<people::Strength>>, Vec<Link>) {
    let Clustered { profiles, scale, edges, clusters, cluster, .. } = all;
    let mut of_profile: Vec<Option<people::Strength>> = vec![None; profiles.leads.len()];
    let mut links = Vec::new();
    let by = |edge: &Edge| if edge.decided { codes::link::DECISION } else { linked_by(&compare::levels(edge.pattern)) };
    // Strongest first: the first one seen stays.
    for edge in edges.iter().filter(|e| e.decided || e.weight >= weight(threshold)) {
        if clusters.find(edge.a) == clusters.find(edge.b) {
            for p in [edge.a, edge.b] {
                if let Some(place) = of_profile.get_mut(p as usize) {
                    place.get_or_insert((edge.weight, by(edge)));
                }
            }
        }
    }
    for edge in &clusters.accepted {
        let rows = [edge.a, edge.b].map(|p| profiles.first_row.get(p as usize).copied().unwrap_or(NOBODY));
        links.push(Link { row_a: rows[0], row_b: rows[1], weight: edge.weight, by: by(edge) });
    }
    let mut of_row = vec![None; cluster.len()];
    let mut own: Vec<Option<people::Strength>> = vec![None; profiles.leads.len()];
    for (profile, place) in own.iter_mut().enumerate().filter(|(p, _)| profiles.leads[*p] > 1) {
        *place = profiles
            .with_itself(scale, profile as u32)
            .filter(|(w, _)| *w >= weight(threshold))
            .map(|(w, l)| (w, linked_by(&l)));
    }
    for &row in &profiles.rows.in_order {
        let profile = profiles.of_row[row as usize] as usize;
        let is_first = profiles.first_row[profile] == row;
        let alone = cluster[row as usize] >= profiles.leads.len() as u32;
        if alone {
            continue;
        }
        let best =
            [own[profile], of_profile[profile]].into_iter().flatten().reduce(|x, y| if y.0 > x.0 { y } else { x });
        of_row[row as usize] = best;
        if let Some((weight, by)) = own[profile]
            && !is_first
        {
            links.push(Link { row_a: profiles.first_row[profile], row_b: row, weight, by });
        }
    }
    (of_row, links)
}

fn findings(quality: &Quality, changes: &[changes::Change], unknown: usize, refused_decisions: usize) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |level, code, text: &str, count: u64| {
        if count > 0 {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            findings.push(Finding { level, code, destination: String::new(), text: text.to_owned(), count });
        }
    };
    let (mail, list) = (codes::level::MAIL, codes::level::LIST);
    let merged = changes.iter().filter(|c| c.merged).count() as u64;
    add(
        list,
        codes::finding::PEOPLE_CHANGED,
        "people of the run before became one: table changed_people says who, by which lead",
        merged,
    );
    add(
        list,
        codes::finding::PEOPLE_CHANGED,
        "a person of the run before became several: table changed_people says who, by which lead",
        changes.len() as u64 - merged,
    );
    for capped in &quality.capped {
        let text = format!("pairs of leads with the same {} were too many to compare one by one", capped.rule);
        add(list, codes::finding::IDENTITY_LIMITED, &text, capped.pairs);
    }
    let cut = quality.kept_apart_by_names + quality.kept_apart_as_weak_bridge;
    add(
        list,
        codes::finding::IDENTITY_LIMITED,
        "links would have joined leads that contradict each other, and were cut",
        cut as u64,
    );
    let size = quality.kept_apart_by_size as u64;
    add(
        mail,
        codes::finding::IDENTITY_LIMITED,
        "links would have made a person of more contacts than one can have, and were cut",
        size,
    );
    add(list, codes::finding::SETTING_DOUBTFUL, "reviewed decisions name leads that are not there", unknown as u64);
    let text = "reviewed decisions contradict each other: a lead was said to be the same as one it differs from";
    add(mail, codes::finding::SETTING_DOUBTFUL, text, refused_decisions as u64);
    findings
}
