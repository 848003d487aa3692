//! Weighed pairs → clusters of profiles, strongest pair first.
//!
//! Connected components, but for some refusals: a reviewed "different", names that contradict each other anywhere in
//! the two halves, and a cluster larger than a person can be. A weak bridge between two halves that disagree in
//! e-mail, phone and company is refused as well, and so is one whose end fits somebody else just as well: of two
//! namesakes a lead can be only one. Every accepted pair joins two clusters, so the accepted pairs are a
//! maximum spanning forest: the weakest of them is a person's weakest bridge.

use super::block::Candidate;
use super::compare::{COMPANY, EMAIL, FIRST, GENERATION, LAST, PHONE, Shared, compare, levels, names_contradict};
use super::homes::Contacts;
use super::model::Scale;

/// Profiles that one person may have before the cluster is held to be something else.
const LARGEST: usize = 150;
/// Profiles of each half that are looked at for contradictions.
const LOOKED_AT: usize = 24;
/// log2 odds (1 in 1,000) below which a bridge is weak.
const WEAK: f64 = 10.0;

/// log2 odds (64 to 1 against) below which two candidates of one lead are two people.
const SOMEBODY_ELSE: f64 = -6.0;

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
    /// Pairs that joined two clusters.
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

impl Neighbours {
    fn of(edges: &[Edge], judge: &Judge) -> Self {
        let mut is_end = vec![false; judge.contacts.forms.of_leads];
        for edge in edges.iter().filter(|e| e.weight >= judge.threshold && e.weight < WEAK) {
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

impl Clusters {
    /// Joins along `edges`, in their order.
    pub(super) fn of(judge: &Judge, edges: &[Edge]) -> Self {
        let n = judge.contacts.forms.of_leads as u32;
        let mut clusters = Clusters {
            parent: (0..n).collect(),
            members: (0..n).map(|_| Vec::new()).collect(),
            accepted: Vec::new(),
            refused: Vec::new(),
        };
        let mut decided = vec![false; n as usize];
        for (a, b) in judge.different {
            for p in [a, b] {
                if let Some(flag) = decided.get_mut(*p as usize) {
                    *flag = true;
                }
            }
        }
        let neighbours = Neighbours::of(edges, judge);
        for edge in edges.iter().take_while(|e| e.weight >= judge.threshold || e.decided) {
            let (a, b) = (clusters.find(edge.a), clusters.find(edge.b));
            if a == b {
                continue;
            }
            let refusal = clusters.refusal(judge, edge, a, b);
            match refusal.or_else(|| clusters.rival(judge, &neighbours, edge)) {
                Some(why) => clusters.refused.push((*edge, why)),
                None => {
                    clusters.join(a, b);
                    clusters.accepted.push(*edge);
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

    fn members_of(&self, cluster: u32) -> Vec<u32> {
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

    /// Whether one end of a weak pair has another candidate that fits about as well and is somebody else than this one.
    fn rival(&mut self, judge: &Judge, neighbours: &Neighbours, edge: &Edge) -> Option<Refusal> {
        if edge.decided || edge.weight >= WEAK {
            return None;
        }
        for (end, other) in [(edge.a, edge.b), (edge.b, edge.a)] {
            let (own, chosen) = (self.find(end), self.find(other));
            let mut odds = 1.0;
            let mut seen = vec![own, chosen];
            // Strongest first: the best of each cluster counts.
            for (rival, weight) in neighbours.around(end) {
                let cluster = self.find(rival);
                if seen.contains(&cluster) {
                    continue;
                }
                seen.push(cluster);
                let profiles = &judge.contacts.forms.profiles;
                let (Some(p), Some(q)) = (profiles.get(other as usize), profiles.get(rival as usize)) else { continue };
                let levels = compare(&judge.contacts.forms, judge.shared, p, q);
                if judge.scale.weight(judge.contacts, &levels, other) < SOMEBODY_ELSE {
                    odds += f64::from(weight).exp2();
                }
            }
            if edge.weight - odds.log2() < judge.threshold {
                return Some(Refusal::Rival);
            }
        }
        None
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
