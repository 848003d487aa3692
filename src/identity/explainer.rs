//! Why leads are one person, or not: the same comparison and weights again, kept instead of summed up.

use polars::prelude::*;

use super::certainty::Certainty;
use super::cluster::Refusal;
use super::clustered::{Clustered, Link, strongest};
use super::compare::{Levels, compare, levels, linked_by};
use super::decisions::Decision;
use super::model::{probability, weight};
use super::people::NOBODY;
use crate::codes;
use crate::config::Threshold;
use crate::error::Result;
use crate::tables::{Leads, Table};

pub use super::model::Step;

/// A pair of leads and what speaks for and against their being one person.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Waterfall {
    /// The one lead.
    pub lead_id_a: String,
    /// The other.
    pub lead_id_b: String,
    /// Prior, one bar for each field that says something, closeness, and what other leads say to it; they add up to the
    /// weight.
    pub steps: Vec<Step>,
    /// log2 odds.
    pub weight: f64,
    /// The same as a probability.
    pub probability: f64,
    /// What linked them, or `None` if they are not linked.
    pub linked_by: Option<&'static str>,
    /// Why they are not linked, in words; `None` if they are.
    pub not_linked_because: Option<&'static str>,
}

/// Answers questions about one set of leads.
pub struct Explainer<'a> {
    leads: &'a DataFrame,
    all: Clustered,
    certainty: Certainty,
    links: Vec<Link>,
}

/// A compared pair of leads, or one of a person; rows count in the table of leads.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// Row of the one lead.
    pub row_a: u32,
    /// Row of the other.
    pub row_b: u32,
    /// Match probability, all leads heard.
    pub probability: f64,
    /// log2 odds of the two leads by themselves, and the bars that add up to them; none if they were never compared.
    pub alone: Option<(f64, Vec<Step>)>,
}

impl<'a> Explainer<'a> {
    /// Links the leads as the run did that wrote `model`.
    ///
    /// # Errors
    /// As [`super::link`].
    pub fn new(
        leads: &'a Table<Leads>,
        decisions: &[Decision],
        threshold: Threshold,
        model: Option<&str>,
    ) -> Result<Self> {
        let mut all = Clustered::of(leads.frame(), decisions, threshold, model)?;
        let (_, links) = strongest(&mut all);
        let certainty = all.certainty();
        Ok(Explainer { leads: leads.frame(), all, certainty, links })
    }

    /// The match probability from which two leads are one person.
    pub fn threshold(&self) -> f64 {
        self.all.threshold
    }

    /// The links that hold the person of a lead together, strongest first.
    ///
    /// # Errors
    /// Where a table does not have its shape.
    pub fn links(&self, row: usize) -> Result<Vec<Waterfall>> {
        let cluster = self.all.cluster.get(row).copied().unwrap_or(NOBODY);
        if cluster == NOBODY {
            return Ok(Vec::new());
        }
        let mut of_person: Vec<&Link> =
            self.links.iter().filter(|l| self.all.cluster.get(l.row_a as usize) == Some(&cluster)).collect();
        of_person.sort_by(|x, y| y.weight.total_cmp(&x.weight).then((x.row_a, x.row_b).cmp(&(y.row_a, y.row_b))));
        of_person.into_iter().map(|link| self.waterfall(link.row_a, link.row_b, Some(link), None)).collect()
    }

    /// Every pair of leads that comes near to being one person. For judging probabilities against a truth.
    pub fn pairs(&self) -> Vec<Pair> {
        let (profiles, scale) = (&self.all.profiles, &self.all.scale);
        let mut rows: Vec<Vec<u32>> = vec![Vec::new(); profiles.leads.len()];
        for &row in &profiles.rows.in_order {
            if let Some(of) = profiles.of_row.get(row as usize).and_then(|profile| rows.get_mut(*profile as usize)) {
                of.push(row);
            }
        }
        let of = |profile: u32| rows.get(profile as usize).map_or(&[][..], Vec::as_slice);
        let steps = |levels: &Levels, a: u32| scale.waterfall(&profiles.contacts, levels, a);
        let mut pairs = Vec::new();
        for pair in &self.all.found.pairs {
            let seen = levels(pair.pattern);
            let own = scale.weight(&profiles.contacts, &seen, pair.a);
            let probability = probability(self.certainty.weight(pair.a, pair.b, own));
            let alone = Some((own, steps(&seen, pair.a)));
            let all = of(pair.a).iter().flat_map(|a| of(pair.b).iter().map(|b| (*a, *b)));
            pairs.extend(all.map(|(row_a, row_b)| Pair { row_a, row_b, probability, alone: alone.clone() }));
        }
        for (a, b) in self.certainty.pairs_of_people() {
            if self.all.found.pairs.binary_search_by_key(&(a, b), |pair| (pair.a, pair.b)).is_err() {
                let probability = probability(self.certainty.way(a, b));
                let all = of(a).iter().flat_map(|a| of(b).iter().map(|b| (*a, *b)));
                pairs.extend(all.map(|(row_a, row_b)| Pair { row_a, row_b, probability, alone: None }));
            }
        }
        for profile in 0..rows.len() as u32 {
            let Some((own, seen)) = profiles.with_itself(scale, profile) else { continue };
            let alone = Some((own, steps(&seen, profile)));
            for (n, a) in of(profile).iter().enumerate() {
                pairs.extend(of(profile).iter().skip(n + 1).map(|b| Pair {
                    row_a: *a,
                    row_b: *b,
                    probability: probability(own),
                    alone: alone.clone(),
                }));
            }
        }
        pairs
    }

    /// The lead outside the person of `row` that comes nearest to one inside it; `None` where none comes near.
    ///
    /// # Errors
    /// Where a table does not have its shape.
    pub fn nearest_other(&self, row: usize) -> Result<Option<Waterfall>> {
        let (profiles, scale) = (&self.all.profiles, &self.all.scale);
        let cluster = self.all.cluster.get(row).copied().unwrap_or(NOBODY);
        let first_row = |profile: u32| profiles.first_row.get(profile as usize).copied().unwrap_or(NOBODY);
        let of = |profile: u32| self.all.cluster.get(first_row(profile) as usize).copied().unwrap_or(NOBODY);
        if cluster == NOBODY {
            return Ok(None);
        }
        let mut nearest: Option<(f64, u32, u32)> = None;
        for pair in &self.all.found.pairs {
            let (a, b) = (of(pair.a), of(pair.b));
            if (a == cluster) == (b == cluster) {
                continue;
            }
            let (inside, outside) = if a == cluster { (pair.a, pair.b) } else { (pair.b, pair.a) };
            let w = scale.weight(&profiles.contacts, &levels(pair.pattern), pair.a);
            if nearest.is_none_or(|(best, ..)| w > best) {
                nearest = Some((w, inside, outside));
            }
        }
        let Some((w, inside, outside)) = nearest else { return Ok(None) };
        let because = if w < weight(self.all.threshold) {
            "what agrees is not enough to outweigh what differs and how rarely two leads are one person"
        } else {
            let refused = self.all.clusters.refused.iter().find(|(e, _)| {
                let ends = [of(e.a), of(e.b)];
                ends.contains(&cluster) && ends.contains(&of(outside))
            });
            match refused.map(|(_, why)| *why) {
                Some(Refusal::Decision) => "a reviewed decision says that they are different people",
                Some(Refusal::Names) => "another lead of the one has a name that contradicts a lead of the other",
                Some(Refusal::WeakBridge) => {
                    "it would be a weak bridge between leads that differ in e-mail, phone and company"
                }
                Some(Refusal::Rival) => "another lead fits as well, and it can be only one of the two people",
                Some(Refusal::Size) => "the person would have more contacts than one person can have",
                None => "leads that say so little are not linked to each other",
            }
        };
        self.waterfall(first_row(inside), first_row(outside), None, Some(because)).map(Some)
    }

    fn waterfall(&self, a: u32, b: u32, link: Option<&Link>, because: Option<&'static str>) -> Result<Waterfall> {
        let (profiles, scale) = (&self.all.profiles, &self.all.scale);
        let ids = self.leads.column("lead_id")?.str()?;
        let id = |row: u32| ids.get(row as usize).unwrap_or("").to_owned();
        let profile = |row: u32| {
            let number = *profiles.of_row.get(row as usize)?;
            Some((number, profiles.contacts.forms.profiles.get(number as usize)?))
        };
        let mut found = Waterfall {
            lead_id_a: id(a),
            lead_id_b: id(b),
            steps: Vec::new(),
            weight: link.map_or(0.0, |l| l.weight),
            probability: 0.0,
            linked_by: link.map(|l| l.by),
            not_linked_because: because,
        };
        if let (Some((number, p)), Some((_, q))) = (profile(a), profile(b)) {
            let seen = compare(&profiles.contacts.forms, &profiles.shared, p, q);
            found.steps = scale.waterfall(&profiles.contacts, &seen, number);
            let own = scale.weight(&profiles.contacts, &seen, number);
            let other = self.all.profiles.of_row.get(b as usize).copied().unwrap_or(NOBODY);
            match link {
                Some(l) if l.by == codes::link::DECISION => {}
                Some(l) => found.weight = l.weight,
                None => found.weight = self.certainty.weight(number, other, own),
            }
            // Beneath a ten-thousandth of a bit lies what rounding leaves.
            if (found.weight - own).abs() > 1e-4 && link.is_none_or(|l| l.by != codes::link::DECISION) {
                found.steps.push(Step::others(found.weight - own));
            }
            if link.is_some_and(|l| l.by != codes::link::DECISION) {
                found.linked_by = Some(linked_by(&seen));
            }
        }
        found.probability = probability(found.weight);
        Ok(found)
    }
}
