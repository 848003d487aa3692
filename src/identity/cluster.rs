//! Weighed pairs → clusters of profiles, strongest pair first.
//!
//! Connected components, but for some refusals: a reviewed "different", names that contradict each other anywhere in
//! the two halves, and a cluster larger than a person can be. A weak bridge between two halves that disagree in
//! e-mail, phone and company is refused as well.
//!
//! Other leads take from the weight of a weak bridge before it is compared with the threshold. What the pair leaves out,
//! other leads of the two halves may tell, and it may differ (see `together`). Of two namesakes a lead
//! can be only one, so whoever fits one of its ends about as well, and is somebody else, shares its odds. And how many
//! contacts people have here says how likely two parts of so many are one (see `sizes`). Two parts of several contacts
//! each had many chances to be bound together better, had they been one person: that nothing but this bridge does it
//! speaks against it. What is left is the weight by which a pair is accepted.
//!
//! Every accepted pair joins two clusters, so the accepted pairs are a maximum spanning forest: the weakest of them is a
//! person's weakest bridge.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::block::Candidate;
use super::compare::{GENERATION, Shared, compare, levels, names_contradict};
use super::forms::Forms;
use super::homes::Contacts;
use super::level_table::{COMPANY, EMAIL, FIRST, LAST, PHONE};
use super::model::{Scale, told_by};
use super::sizes::{self, Part, Sizes};
use super::together::Together;

/// Profiles that one person may have before the cluster is held to be something else.
const LARGEST: usize = 150;
/// Profiles of each half that are looked at for contradictions.
const LOOKED_AT: usize = 24;
/// log2 odds (1 in 1,000) below which a bridge is weak.
const WEAK: f64 = 10.0;
/// What a bridge between two halves of several contacts loses, for each bit that it is below [`WEAK`]. Fitted on generated
/// leads.
const LOST_BY_BIT: f64 = 0.1;

/// log2 odds (64 to 1 against) below which two candidates of one lead are two people.
pub(super) const SOMEBODY_ELSE: f64 = -6.0;

/// The weight of a pair, once it has been heard what else fits its ends (log2 of the odds of all of it) and how many
/// contacts the two parts have: what that says, in bits, and whether both have several.
pub(super) fn heard(weight: f64, rivals: f64, (sizes, both_have_several): (f64, bool)) -> f64 {
    if weight >= WEAK {
        return weight;
    }
    let left = weight + sizes - rivals;
    if both_have_several { left - LOST_BY_BIT * (WEAK - left).max(0.0) } else { left }
}

/// What some profiles tell.
fn part(forms: &Forms, members: &[u32]) -> Part {
    Part::of(members.iter().filter_map(|member| forms.profiles.get(*member as usize)).map(told_by))
}

/// A pair that may hold a person together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub a: u32,
    pub b: u32,
    pub pattern: u32,
    pub weight: f64,
    /// By a reviewed decision.
    pub decided: bool,
}

/// Why two halves were kept apart although a pair of them is above the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Refusal {
    Decision,
    Names,
    WeakBridge,
    Rival,
    Size,
}

/// Clusters of profiles.
pub(super) struct Clusters {
    parent: Vec<u32>,
    members: Vec<Vec<u32>>,
    /// Pairs that joined two clusters, with the weight that was left of them: strongest first.
    pub accepted: Vec<Edge>,
    /// Pairs above the threshold that were refused, and why.
    pub refused: Vec<(Edge, Refusal)>,
}

/// What clustering needs to look at a pair again.
pub(super) struct Judge<'a> {
    pub contacts: &'a Contacts,
    pub shared: &'a Shared,
    pub scale: &'a Scale,
    /// log2 odds from which two profiles are one person.
    pub threshold: f64,
    /// What the number of contacts says; none while it is counted.
    pub sizes: Option<&'a Sizes>,
    /// Pairs of profiles that a person said are different.
    pub different: &'a [(u32, u32)],
}

/// Weighs the candidates and sorts what is at least `floor`, strongest first.
pub(super) fn edges(contacts: &Contacts, scale: &Scale, candidates: &[Candidate], floor: f64) -> Vec<Edge> {
    use rayon::prelude::*;
    let mut edges: Vec<Edge> = candidates
        .par_iter()
        .filter_map(|c| {
            let weight = scale.weight(contacts, &levels(c.pattern), c.a);
            (weight >= floor).then_some(Edge { a: c.a, b: c.b, pattern: c.pattern, weight, decided: false })
        })
        .collect();
    edges.par_sort_by(|x, y| y.weight.total_cmp(&x.weight).then((x.a, x.b).cmp(&(y.a, y.b))));
    edges
}

/// The candidates of the ends of weak pairs.
struct Neighbours {
    /// Profile, and a candidate of its with the weight of the pair; sorted by profile, strongest first.
    pairs: Vec<(u32, u32, f32)>,
}

impl Judge<'_> {
    /// The most that a pair may be worth.
    fn most(&self, weight: f64) -> f64 {
        if weight < WEAK && self.sizes.is_some() { weight + sizes::MOST } else { weight }
    }
}

impl Neighbours {
    fn of(edges: &[Edge], judge: &Judge) -> Self {
        let mut is_end = vec![false; judge.contacts.forms.of_leads];
        for edge in edges.iter().filter(|e| e.weight < WEAK && judge.most(e.weight) >= judge.threshold) {
            for end in [edge.a, edge.b] {
                if let Some(flag) = is_end.get_mut(end as usize) {
                    *flag = true;
                }
            }
        }
        let is_end = |profile: u32| is_end.get(profile as usize) == Some(&true);
        let mut pairs = Vec::new();
        for edge in edges {
            for (end, other) in [(edge.a, edge.b), (edge.b, edge.a)] {
                if is_end(end) {
                    pairs.push((end, other, edge.weight as f32));
                }
            }
        }
        // Stable: the pairs of one end stay in the order of their weights.
        pairs.sort_by_key(|(end, ..)| *end);
        Neighbours { pairs }
    }

    fn around(&self, end: u32) -> impl Iterator<Item = (u32, f32)> {
        let from = self.pairs.partition_point(|(profile, ..)| *profile < end);
        self.pairs.iter().skip(from).take_while(move |(profile, ..)| *profile == end).map(|(_, other, w)| (*other, *w))
    }
}

/// A pair that waits for its turn: what is decided first, then the strongest, of equal ones the one with the smaller
/// profiles.
struct Waiting {
    left: f64,
    edge: Edge,
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        let ends = |w: &Waiting| (w.edge.a, w.edge.b);
        self.left.total_cmp(&other.left).then_with(|| ends(other).cmp(&ends(self)))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Waiting {}

impl Clusters {
    /// Joins along `edges`.
    pub(super) fn of(judge: &Judge, edges: &[Edge]) -> Self {
        let n = judge.contacts.forms.of_leads as u32;
        let mut clusters = Clusters {
            parent: (0..n).collect(),
            members: (0..n).map(|_| Vec::new()).collect(),
            accepted: Vec::new(),
            refused: Vec::new(),
        };
        let neighbours = Neighbours::of(edges, judge);
        let is_link = |edge: &&Edge| edge.decided || judge.most(edge.weight) >= judge.threshold;
        let turn = |edge: &Edge| {
            let left = if edge.decided { f64::INFINITY } else { judge.most(edge.weight) };
            Waiting { left, edge: *edge }
        };
        let mut waiting: BinaryHeap<Waiting> = edges.iter().filter(is_link).map(turn).collect();
        while let Some(Waiting { left: before, edge }) = waiting.pop() {
            let (a, b) = (clusters.find(edge.a), clusters.find(edge.b));
            if a == b {
                continue;
            }
            let (left, taken_by) = clusters.left_of(judge, &neighbours, &edge, a, b);
            // The sizes add less than they might have: it waits for its own turn, when what is stronger has a place.
            if before > edge.weight && left < before && !edge.decided {
                waiting.push(Waiting { left: left.max(edge.weight), edge });
                continue;
            }
            // And not so much that it comes above the threshold.
            if before < judge.threshold {
                break;
            }
            let refusal = clusters.refusal(judge, &edge, a, b);
            match refusal.or_else(|| (!edge.decided && left < judge.threshold).then_some(taken_by)) {
                Some(why) => clusters.refused.push((edge, why)),
                // Others are stronger than what is left of it.
                None if left < before => waiting.push(Waiting { left, edge }),
                None => {
                    clusters.join(a, b);
                    let weight = if left.is_finite() { before } else { edge.weight };
                    clusters.accepted.push(Edge { weight, ..edge });
                }
            }
        }
        clusters
    }

    /// The number of a profile's cluster: its smallest profile.
    pub(super) fn find(&mut self, profile: u32) -> u32 {
        let mut x = profile;
        while let Some(&up) = self.parent.get(x as usize) {
            if up == x {
                break;
            }
            let above = self.parent.get(up as usize).copied().unwrap_or(up);
            if let Some(place) = self.parent.get_mut(x as usize) {
                *place = above;
            }
            x = above;
        }
        x
    }

    /// The profiles of a cluster.
    pub(super) fn members_of(&self, cluster: u32) -> Vec<u32> {
        match self.members.get(cluster as usize) {
            Some(members) if !members.is_empty() => members.clone(),
            _ => vec![cluster],
        }
    }

    fn join(&mut self, a: u32, b: u32) {
        let (keep, gone) = (a.min(b), a.max(b));
        let mut members = self.members_of(keep);
        members.extend(self.members_of(gone));
        if let Some(place) = self.members.get_mut(gone as usize) {
            *place = Vec::new();
        }
        if let Some(place) = self.members.get_mut(keep as usize) {
            *place = members;
        }
        if let Some(place) = self.parent.get_mut(gone as usize) {
            *place = keep;
        }
    }

    /// What the profiles of a cluster tell.
    pub(super) fn part_of(&self, cluster: u32, forms: &Forms) -> Part {
        match self.members.get(cluster as usize) {
            Some(members) if !members.is_empty() => part(forms, members),
            _ => part(forms, &[cluster]),
        }
    }

    /// The same of all clusters.
    pub(super) fn parts(&self, forms: &Forms) -> impl Iterator<Item = Part> {
        let is_its_own = |(profile, up): &(u32, &u32)| profile == *up;
        (0..).zip(&self.parent).filter(is_its_own).map(|(cluster, _)| self.part_of(cluster, forms))
    }

    /// What other leads leave of the weight of a pair between two clusters, and what takes the most.
    fn left_of(&mut self, judge: &Judge, near: &Neighbours, edge: &Edge, a: u32, b: u32) -> (f64, Refusal) {
        if edge.decided || edge.weight >= WEAK {
            return (f64::INFINITY, Refusal::Rival);
        }
        let rivals = self.rivals(judge, near, edge.a, edge.b) + self.rivals(judge, near, edge.b, edge.a);
        let together = Together { contacts: judge.contacts, shared: judge.shared, scale: judge.scale };
        let (left, right) = (self.members_of(a), self.members_of(b));
        let own = together.weight(edge.a, &levels(edge.pattern), &left, &right);
        // What other leads add makes no pair stronger than it is: its turn is over.
        let own = own.min(edge.weight);
        let forms = &judge.contacts.forms;
        let several = left.len().min(right.len()) > 1;
        let said = judge.sizes.map_or((0.0, several), |sizes| sizes.of(part(forms, &left), part(forms, &right)));
        let left = heard(own, rivals, said);
        let why = if own - rivals < judge.threshold { Refusal::Rival } else { Refusal::WeakBridge };
        (left, why)
    }

    /// log2 of the odds of all that fits `end`, beside `other` and who is not somebody else than that.
    fn rivals(&mut self, judge: &Judge, neighbours: &Neighbours, end: u32, other: u32) -> f64 {
        let profiles = &judge.contacts.forms.profiles;
        let mut odds = 1.0;
        let mut seen = vec![self.find(end), self.find(other)];
        // Strongest first: the best of each cluster counts.
        for (rival, weight) in neighbours.around(end) {
            let cluster = self.find(rival);
            if seen.contains(&cluster) {
                continue;
            }
            seen.push(cluster);
            let (Some(p), Some(q)) = (profiles.get(other as usize), profiles.get(rival as usize)) else { continue };
            let levels = compare(&judge.contacts.forms, judge.shared, p, q);
            if judge.scale.weight(judge.contacts, &levels, other) < SOMEBODY_ELSE {
                odds += f64::from(weight).exp2();
            }
        }
        odds.log2()
    }

    fn refusal(&mut self, judge: &Judge, edge: &Edge, a: u32, b: u32) -> Option<Refusal> {
        for (x, y) in judge.different {
            let (x, y) = (self.find(*x), self.find(*y));
            if (x == a && y == b) || (x == b && y == a) {
                return Some(Refusal::Decision);
            }
        }
        if edge.decided {
            return None;
        }
        let (left, right) = (self.members_of(a), self.members_of(b));
        if left.len() + right.len() == 2 {
            return None;
        }
        if left.len() + right.len() > LARGEST {
            return Some(Refusal::Size);
        }
        let is_bridge = left.len() > 1 && right.len() > 1 && edge.weight < WEAK;
        // Named pairs that are links themselves, and named pairs that contradict.
        let (mut agreeing, mut contradicting) = (0, 0);
        for x in left.iter().take(LOOKED_AT) {
            for y in right.iter().take(LOOKED_AT) {
                let (Some(p), Some(q)) =
                    (judge.contacts.forms.profiles.get(*x as usize), judge.contacts.forms.profiles.get(*y as usize))
                else {
                    continue;
                };
                let seen = compare(&judge.contacts.forms, judge.shared, p, q);
                if is_bridge && seen[EMAIL] == 8 && seen[PHONE] == 7 && seen[COMPANY] == 4 {
                    return Some(Refusal::WeakBridge);
                }
                if seen[LAST] == GENERATION {
                    return Some(Refusal::Names);
                }
                let contradict = names_contradict(&judge.contacts.forms, &seen, p, q);
                if !contradict && (seen[FIRST] == 0 || seen[LAST] == 0) {
                    continue;
                }
                let weight = judge.scale.weight(judge.contacts, &seen, *x);
                if weight >= judge.threshold {
                    agreeing += 1;
                } else if contradict && weight < 0.0 {
                    contradicting += 1;
                }
            }
        }
        if contradicting > agreeing {
            return Some(Refusal::Names);
        }
        None
    }
}
