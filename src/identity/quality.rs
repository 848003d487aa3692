//! How good the links are, estimated without labels.
//!
//! *Precision*: mean match probability of the pairs of leads that ended in one person, the other leads heard (see
//! `certainty`). *Recall*: the share that these pairs have in the probability of all compared pairs, times the share of
//! pairs that were compared at all. The latter is a capture–recapture estimate (Chapman 1951): pairs are found by an
//! address or number, or by their names, and a slip in the name has nothing to do with another address; from how often
//! both agree follows how often neither does. (E-mail against phone would not do: who writes from home gives both
//! another address and another number.) Both are estimates of the model by itself; how near they come to the truth where
//! it is known stands in benches/identity/README.md.

use polars::prelude::*;
use rayon::prelude::*;

use super::block::{Candidate, Capped};
use super::certainty::Certainty;
use super::cluster::Refusal;
use super::compare::{SWAPPED, levels};
use super::homes::Contacts;
use super::level_table::{EMAIL, FIRST, LAST, PHONE};
use super::model::{Scale, probability};
use crate::codes;
use crate::error::Result;

/// How many people reached a stage.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct StageBounds {
    /// The stage; `people` for all.
    pub stage: &'static str,
    /// People as the report counts them.
    pub people: usize,
    /// At match probability 0.99: more people, for fewer leads are held to be one person.
    pub strict: usize,
    /// At 0.8.
    pub loose: usize,
}

/// Counts and estimates.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Quality {
    /// Match probability from which two leads are one person.
    pub threshold: f64,
    /// Leads that are somebody.
    pub leads: usize,
    /// Distinct contacts among them.
    pub profiles: usize,
    /// People.
    pub people: usize,
    /// People with one lead.
    pub alone: usize,
    /// Leads with nothing in them that could link them to another.
    pub unlinkable: usize,
    /// People at the strict threshold, 0.99.
    pub people_strict: usize,
    /// People at the loose threshold, 0.8.
    pub people_loose: usize,
    /// People with a genuine lead in each stage, and how many they are at the strict and the loose threshold.
    pub funnel: Vec<StageBounds>,
    /// Compared pairs of distinct contacts.
    pub compared_pairs: u64,
    /// Those that ended in one person.
    pub linked_pairs: u64,
    /// Estimated share of right ones among them; null without pairs.
    pub precision: Option<f64>,
    /// Estimated share of all right pairs that were linked; null without pairs.
    pub recall: Option<f64>,
    /// The part of `recall` that blocking is answerable for; null where too few pairs have names and an address.
    pub recall_of_blocking: Option<f64>,
    /// People whose weakest bridge has a match probability under 0.99.
    pub weak_bridges: usize,
    /// Pairs above the threshold that were kept apart: by decision.
    pub kept_apart_by_decision: usize,
    /// The same: because names contradict.
    pub kept_apart_by_names: usize,
    /// The same: a weak bridge between halves that disagree.
    pub kept_apart_as_weak_bridge: usize,
    /// The same: somebody else fits as well.
    pub kept_apart_as_ambiguous: usize,
    /// The same: the cluster would be larger than a person can be.
    pub kept_apart_by_size: usize,
    /// What blocking rules did not compare.
    pub capped: Vec<Capped>,
    /// The same between leads and CRM records.
    pub capped_records: Vec<Capped>,
}

impl Quality {
    /// Fills in what the pairs tell. `leads` are those of each profile; `alike` has, of profiles with several leads, how
    /// many pairs those are, the weight of one, and whether they are one person.
    pub(super) fn of_pairs(
        &mut self,
        contacts: &Contacts,
        leads: &[u32],
        scale: &Scale,
        pairs: &[Candidate],
        alike: &[(u64, f64, bool)],
        certainty: &Certainty,
    ) {
        // Millionths, as integers: their sum is the same in any order.
        let millionths = |weight: f64| (probability(weight) * 1e6).round() as u64;
        let of = |profile: u32| leads.get(profile as usize).map_or(1, |n| u64::from(*n));
        let among_alike = alike.iter().fold([0; 3], |[all, linked, n], (pairs, weight, is_linked)| {
            let (p, one) = (pairs * millionths(*weight), u64::from(*is_linked));
            [all + p, linked + p * one, n + pairs * one]
        });
        // Of one person are pairs as well that were never compared.
        let of_people = certainty.pairs_of_people().fold([0; 3], |[all, linked, n], (a, b)| {
            let (pairs, p) = (of(a) * of(b), millionths(certainty.way(a, b)));
            [all + pairs * p, linked + pairs * p, n + pairs]
        });
        let sums = pairs
            .par_iter()
            .map(|c| {
                let seen = levels(c.pattern);
                let own = scale.weight(contacts, &seen, c.a);
                let n = of(c.a) * of(c.b);
                let p = n * millionths(certainty.weight(c.a, c.b, own));
                if !certainty.is_one(c.a, c.b) {
                    return [p, 0, 0, 0, 0, 0, 0];
                }
                let more = p - n * millionths(certainty.way(c.a, c.b));
                let told = seen[FIRST] > 0 && seen[LAST] > 0 && (seen[EMAIL] > 0 || seen[PHONE] > 0);
                let by_address = told && (matches!(seen[EMAIL], 1..=3) || matches!(seen[PHONE], 1..=3));
                let by_names = told && matches!(seen[FIRST], 1..=4 | SWAPPED) && matches!(seen[LAST], 1..=4 | SWAPPED);
                [more, more, 0, 1, u64::from(by_address), u64::from(by_names), u64::from(by_address && by_names)]
            })
            .reduce(|| [0; 7], |x, y| std::array::from_fn(|i| x[i] + y[i]));
        self.linked_pairs = sums[3];
        let [by_address, by_names, by_both] = [sums[4], sums[5], sums[6]].map(|s| s as f64);
        let [all, linked, n] = std::array::from_fn(|i| (sums[i] + among_alike[i] + of_people[i]) as f64);
        if by_both >= 10.0 {
            let found = by_address + by_names - by_both;
            let there = (by_address + 1.0) * (by_names + 1.0) / (by_both + 1.0) - 1.0;
            self.recall_of_blocking = Some((found / there.max(found)).min(1.0));
        }
        if n > 0.0 {
            self.precision = Some(linked / 1e6 / n);
            self.recall = Some(linked / all.max(1.0) * self.recall_of_blocking.unwrap_or(1.0));
        }
    }

    pub(super) fn count(&mut self, refusals: impl Iterator<Item = Refusal>) {
        for refusal in refusals {
            *match refusal {
                Refusal::Decision => &mut self.kept_apart_by_decision,
                Refusal::Names => &mut self.kept_apart_by_names,
                Refusal::WeakBridge => &mut self.kept_apart_as_weak_bridge,
                Refusal::Rival => &mut self.kept_apart_as_ambiguous,
                Refusal::Size => &mut self.kept_apart_by_size,
            } += 1;
        }
    }
}

/// People with a genuine lead in each stage: as linked, at the strict and at the loose threshold.
pub(super) fn funnel(leads: &DataFrame, person_ids: &StringChunked, bounds: &DataFrame) -> Result<Vec<StageBounds>> {
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
