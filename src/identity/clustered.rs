//! Leads → profiles → clusters of profiles: who belongs together, and what holds each person together.

use std::collections::HashMap;

use polars::prelude::*;
use rayon::prelude::*;

use super::block;
use super::certainty::Certainty;
use super::cluster::{self, Clusters, Edge};
use super::compare::{Levels, Shared, compare, levels, linked_by, pattern};
use super::decisions::Decision;
use super::homes::Contacts;
use super::model::{CERTAIN, Counted, Model, Scale, probability, weight};
use super::people::{Assigned, NOBODY, Rows, Strength};
use super::quality::Quality;
use super::sizes::Sizes;
use crate::codes;
use crate::config::Threshold;
use crate::error::Result;
use crate::tables::{People, Table};

/// Match probabilities of the strict and the loose reading.
const STRICT: f64 = 0.99;
const LOOSE: f64 = 0.8;
/// Lowest match probability of a pair that counts as a rival of others.
const RIVAL: f64 = 0.1;
/// Lowest match probability that follows from what a publisher accepts: below it, two leads are likelier two people.
const LOWEST: f64 = 0.5;
/// The match probability that holds where too few people are known for a share of them to say anything.
const USUAL: f64 = 0.95;

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

/// Leads as profiles.
pub(super) struct Profiles {
    pub contacts: Contacts,
    pub shared: Shared,
    pub rows: Rows,
    /// Profile of each row; [`NOBODY`] for a lead that is nobody.
    pub of_row: Vec<u32>,
    /// Row of the first lead of each profile.
    pub first_row: Vec<u32>,
    /// Leads of each profile.
    pub leads: Vec<u32>,
    /// Reviewed decisions as pairs of profiles.
    pub same: Vec<(u32, u32)>,
    pub different: Vec<(u32, u32)>,
    /// Decisions that name a lead which is not there.
    pub unknown: usize,
}

impl Profiles {
    fn of(frame: &DataFrame, decisions: &[Decision]) -> Result<Self> {
        let rows = Rows::of(frame)?;
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
        let mut contacts = Contacts::default();
        let profiles = contacts.add_leads(frame, &rows.in_order, &own)?;
        let forms = &contacts.forms;
        let shared = block::shared(forms);
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
            Profiles { contacts, shared, rows, of_row, first_row, leads, same: vec![], different: vec![], unknown: 0 };
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
    pub(super) fn with_itself(&self, scale: &Scale, profile: u32) -> Option<(f64, Levels)> {
        let p = self.contacts.forms.profiles.get(profile as usize)?;
        let levels = compare(&self.contacts.forms, &self.shared, p, p);
        Some((scale.weight(&self.contacts, &levels, profile), levels))
    }

    /// Compares all candidates, and learns the model unless one is given.
    fn candidates(&self, saved: Option<&str>) -> Result<(block::Candidates, Model)> {
        let prior = Scale::new(&Model::prior(self.contacts.forms.of_leads));
        let found = block::candidates(&self.contacts, &self.shared, &prior, false);
        if let Some(json) = saved {
            return Ok((found, Model::read(json)?));
        }
        // Two leads that typed the same are a pair too; a hundred of them are still one habit of one person.
        let mut patterns = found.patterns.clone();
        for (profile, _) in self.leads.iter().enumerate().filter(|(_, n)| **n > 1) {
            if let Some((weight, levels)) = self.with_itself(&prior, profile as u32)
                && weight > 0.0
            {
                *patterns.entry(pattern(&levels)).or_default() += 1;
            }
        }
        let model = Model::learned(&Counted {
            candidates: patterns.into_iter().collect(),
            random: block::random_pairs(&self.contacts.forms, &self.shared),
            profiles: self.contacts.forms.of_leads,
            colleagues: self.contacts.frequencies.colleagues,
        });
        Ok((found, model))
    }

    /// Clusters of profiles at a threshold.
    fn clusters(&self, scale: &Scale, edges: &[Edge], sizes: Option<&Sizes>, threshold: f64) -> Clusters {
        let judge = cluster::Judge {
            contacts: &self.contacts,
            shared: &self.shared,
            scale,
            threshold: weight(threshold),
            sizes,
            different: &self.different,
        };
        Clusters::of(&judge, edges)
    }

    /// Cluster of each row of leads. Leads of a profile too poor to be linked to itself are each alone.
    fn cluster_of_rows(&self, scale: &Scale, clusters: &mut Clusters, threshold: f64) -> (Vec<u32>, usize) {
        let too_weak =
            |profile: usize| self.with_itself(scale, profile as u32).is_none_or(|(w, _)| w < weight(threshold));
        let poor: Vec<bool> =
            self.leads.par_iter().enumerate().map(|(profile, n)| *n > 1 && too_weak(profile)).collect();
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
pub(super) struct Clustered {
    pub profiles: Profiles,
    pub found: block::Candidates,
    pub model: Model,
    pub scale: Scale,
    /// Match probability from which two leads are one person.
    pub threshold: f64,
    /// Pairs that may be links or stand against one, strongest first.
    pub edges: Vec<Edge>,
    /// What contacts say to a pair.
    pub sizes: Sizes,
    pub clusters: Clusters,
    /// Cluster of each row; [`NOBODY`] for a lead that is nobody.
    pub cluster: Vec<u32>,
    /// Leads too poor to be linked to one that says the same.
    pub unlinkable: usize,
}

impl Clustered {
    pub(super) fn of(
        leads: &DataFrame,
        decisions: &[Decision],
        threshold: Threshold,
        saved: Option<&str>,
    ) -> Result<Self> {
        let profiles = Profiles::of(leads, decisions)?;
        let (found, model) = profiles.candidates(saved)?;
        let scale = Scale::new(&model);
        let floor = match threshold {
            Threshold::At(probability) => probability.min(RIVAL),
            Threshold::WrongJoins(_) => RIVAL,
        };
        let weighed = cluster::edges(&profiles.contacts, &scale, &found.pairs, weight(floor));
        let decided =
            profiles.same.iter().map(|(a, b)| Edge { a: *a, b: *b, pattern: 0, weight: CERTAIN, decided: true });
        let edges: Vec<Edge> = decided.chain(weighed).collect();
        let by_pairs_alone = profiles.clusters(&scale, &edges, None, LOWEST);
        let sizes = Sizes::counted(by_pairs_alone.parts(&profiles.contacts.forms), scale.prior_same(), scale.told());
        let clusters_at = |threshold: f64| profiles.clusters(&scale, &edges, Some(&sizes), threshold);
        let threshold = match threshold {
            Threshold::At(probability) => probability,
            Threshold::WrongJoins(accepted) => {
                lowest_within(accepted, profiles.leads.len(), &clusters_at(LOWEST).accepted)
            }
        };
        let mut clusters = clusters_at(threshold);
        let (cluster, unlinkable) = profiles.cluster_of_rows(&scale, &mut clusters, threshold);
        Ok(Clustered { profiles, found, model, scale, threshold, edges, sizes, clusters, cluster, unlinkable })
    }

    /// Columns lead_id, strict, loose, and how many people there are at each.
    pub(super) fn bounds(&self, leads: &DataFrame) -> Result<(DataFrame, [usize; 2])> {
        let at = |threshold: f64| -> Result<(StringChunked, usize)> {
            let mut at = self.profiles.clusters(&self.scale, &self.edges, Some(&self.sizes), threshold);
            let (cluster, _) = self.profiles.cluster_of_rows(&self.scale, &mut at, threshold);
            let ids = Assigned { cluster, strongest: Vec::new() }.person_ids(&self.profiles.rows, leads)?;
            let people = ids.n_unique()? - usize::from(ids.null_count() > 0);
            Ok((ids, people))
        };
        let (strict, loose) = rayon::join(|| at(STRICT), || at(LOOSE));
        let ((strict, of_strict), (loose, of_loose)) = (strict?, loose?);
        let people = [of_strict, of_loose];
        let columns = vec![
            leads.column("lead_id")?.clone(),
            strict.with_name("strict".into()).into_column(),
            loose.with_name("loose".into()).into_column(),
        ];
        Ok((DataFrame::new(leads.height(), columns)?, people))
    }

    /// What pairs are worth now that everybody has a place.
    pub(super) fn certainty(&mut self) -> Certainty {
        Certainty::of(
            &self.profiles.contacts,
            &self.profiles.shared,
            &self.scale,
            &self.found.pairs,
            (&mut self.clusters, self.sizes.clone()),
        )
    }

    pub(super) fn quality(&mut self, people: &Table<People>, bounds: [usize; 2]) -> Result<Quality> {
        let mut quality = Quality {
            threshold: self.threshold,
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
        let alike: Vec<(u64, f64, bool)> = (0..)
            .zip(&self.profiles.leads)
            .filter(|(_, n)| **n > 1)
            .filter_map(|(profile, n)| {
                let (of_one, _) = self.profiles.with_itself(&self.scale, profile)?;
                let pairs = u64::from(*n) * u64::from(n - 1) / 2;
                Some((pairs, of_one, of_one >= weight(self.threshold)))
            })
            .collect();
        let certainty = self.certainty();
        let (contacts, leads) = (&self.profiles.contacts, &self.profiles.leads);
        quality.of_pairs(contacts, leads, (&self.model, &self.scale), &self.found.pairs, &alike, &certainty);
        quality.count(self.clusters.refused.iter().map(|(_, why)| *why));
        Ok(quality)
    }
}

/// The lowest of some match probabilities at which no more people than the accepted share are expected to be joined with
/// somebody else; the usual one where so few are known that this is less than one. `joins` are those at the lowest,
/// strongest first: at any other they are the first so many of them. Steps, for the border between one person and two
/// should not move every night.
pub(super) fn lowest_within(accepted: f64, profiles: usize, joins: &[Edge]) -> f64 {
    const STEPS: [f64; 10] = [LOWEST, 0.6, 0.7, 0.8, 0.9, USUAL, 0.98, 0.99, 0.995, 0.998];
    const HIGHEST: f64 = 0.999;
    let people = profiles.saturating_sub(joins.len()) as f64;
    if accepted * people < 1.0 {
        return USUAL;
    }
    let within = |step: &f64| {
        let until = joins.iter().filter(|join| !join.decided).take_while(|join| join.weight >= weight(*step));
        let (n, wrong) = until.fold((0, 0.0), |(n, wrong), join| (n + 1, wrong + 1.0 - probability(join.weight)));
        wrong <= accepted * profiles.saturating_sub(n) as f64
    };
    STEPS.into_iter().find(within).unwrap_or(HIGHEST)
}

/// Strongest link of each row to the other leads of its person, and the links that hold people together.
pub(super) fn strongest(all: &mut Clustered) -> (Vec<Option<Strength>>, Vec<Link>) {
    let Clustered { profiles, scale, edges, clusters, cluster, threshold, .. } = all;
    let threshold = *threshold;
    let mut of_profile: Vec<Option<Strength>> = vec![None; profiles.leads.len()];
    let mut links = Vec::new();
    let by = |edge: &Edge| if edge.decided { codes::link::DECISION } else { linked_by(&levels(edge.pattern)) };
    let left: HashMap<(u32, u32), f64> = clusters.accepted.iter().map(|e| ((e.a, e.b), e.weight)).collect();
    for edge in edges.iter().filter(|e| e.decided || e.weight >= weight(threshold)) {
        if clusters.find(edge.a) == clusters.find(edge.b) {
            let weight = left.get(&(edge.a, edge.b)).copied().unwrap_or(edge.weight);
            for p in [edge.a, edge.b] {
                if let Some(place) = of_profile.get_mut(p as usize)
                    && place.is_none_or(|(strongest, _)| weight > strongest)
                {
                    *place = Some((weight, by(edge)));
                }
            }
        }
    }
    for edge in &clusters.accepted {
        let rows = [edge.a, edge.b].map(|p| profiles.first_row.get(p as usize).copied().unwrap_or(NOBODY));
        links.push(Link { row_a: rows[0], row_b: rows[1], weight: edge.weight, by: by(edge) });
    }
    let mut of_row = vec![None; cluster.len()];
    let mut own: Vec<Option<Strength>> = vec![None; profiles.leads.len()];
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
