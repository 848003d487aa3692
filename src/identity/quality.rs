//! How good the links are, estimated without labels.
//!
//! *Precision*: mean match probability of the pairs of leads that ended in one person, the other leads heard (see
//! `certainty`). *Recall*: the share that these pairs have in the probability of all pairs. Pairs that were compared have
//! one; how many of one person no rule proposed, or show too little to come near, follows from the model: it knows how
//! often one person's fields agree, so it knows, for each set of fields that two leads can have in common, how many of
//! its pairs the rules find. Both are estimates of the model by itself; how near they come to the truth where it is known
//! stands in benches/identity/README.md.

use polars::prelude::*;
use rayon::prelude::*;

use super::block::{self, Candidate, Capped};
use super::certainty::{Certainty, NEAR};
use super::cluster::Refusal;
use super::compare::levels;
use super::homes::Contacts;
use super::model::{self, Model, Scale, TOLD_BY_ALL, probability};
use crate::codes;
use crate::error::Result;

/// Least share of one person's pairs that are found, whatever little they tell: nothing is multiplied without end.
const LEAST_FOUND: f64 = 0.05;
/// How many times as many pairs are missed as if each field went wrong by itself: whoever garbles one garbles another.
/// Fitted on generated and synthetic leads and FEBRL 1, 2 and 4.
const GARBLED_TOGETHER: f64 = 1.6;
/// Least share of one person's pairs whose first names have nothing in common. Two relatives explain such a pair, so
/// learning leaves hardly any to one person where many live together. Between what it is on generated (0.008) and on
/// synthetic leads (0.004).
const LEAST_RENAMED: f64 = 0.006;

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
    /// The part of `recall` that blocking is answerable for: the estimated share of right pairs that were compared and
    /// show anything, or were joined by way of other leads; null without pairs.
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

/// Millionths of pairs, added up.
struct Sums {
    /// Of all compared pairs, by what they tell.
    by_told: [u64; TOLD_BY_ALL],
    /// Of those that ended in one person: how many, what the weakest links are worth, and what the pairs themselves are
    /// worth beyond that.
    linked_pairs: u64,
    way: u64,
    more: u64,
    /// Of those that did not.
    apart: u64,
}

impl Default for Sums {
    fn default() -> Self {
        Sums { by_told: [0; TOLD_BY_ALL], linked_pairs: 0, way: 0, more: 0, apart: 0 }
    }
}

impl Sums {
    fn plus(self, other: Sums) -> Sums {
        Sums {
            by_told: std::array::from_fn(|n| self.by_told[n] + other.by_told[n]),
            linked_pairs: self.linked_pairs + other.linked_pairs,
            way: self.way + other.way,
            more: self.more + other.more,
            apart: self.apart + other.apart,
        }
    }
}

impl Quality {
    /// Fills in what the pairs tell. `leads` are those of each profile; `alike` has, of profiles with several leads, how
    /// many pairs those are, the weight of one, and whether they are one person.
    pub(super) fn of_pairs(
        &mut self,
        contacts: &Contacts,
        leads: &[u32],
        (model, scale): (&Model, &Scale),
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
            .fold(Sums::default, |mut sums, c| {
                let seen = levels(c.pattern);
                let own = scale.weight(contacts, &seen, c.a);
                let n = of(c.a) * of(c.b);
                let p = n * millionths(certainty.weight(c.a, c.b, own));
                sums.by_told[model::told_of(&seen)] += p;
                if certainty.is_one(c.a, c.b) {
                    let way = n * millionths(certainty.way(c.a, c.b));
                    sums.linked_pairs += 1;
                    sums.way += way;
                    sums.more += p - way;
                } else {
                    sums.apart += p;
                }
                sums
            })
            .reduce(Sums::default, Sums::plus);
        self.linked_pairs = sums.linked_pairs;
        let never_compared = of_people[1] - sums.way;
        let all = (among_alike[0] + of_people[0] + sums.more + sums.apart) as f64;
        let linked = (among_alike[1] + of_people[1] + sums.more) as f64;
        let n = (among_alike[2] + of_people[2]) as f64;
        let found = model.found(block::finds, NEAR);
        let missed: f64 =
            sums.by_told.iter().zip(found).map(|(p, found)| *p as f64 * (1.0 / found.max(LEAST_FOUND) - 1.0)).sum();
        // Of these, whoever was joined by way of others was found after all.
        let missed = (GARBLED_TOGETHER * missed - never_compared as f64).max(0.0);
        let renamed = (LEAST_RENAMED - model.renamed()).max(0.0);
        let there = ((all + missed) / (1.0 - renamed)).max(1.0);
        if n > 0.0 {
            self.precision = Some(linked / 1e6 / n);
            self.recall = Some(linked / there);
            self.recall_of_blocking = Some(all / there);
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
