//! What a pair is worth once everybody has a place.
//!
//! A pair by itself is weighed in `model`. Here the other leads are heard. Two leads of one person are as surely one as
//! the weakest link on the way from the one to the other, however little they have in common themselves. Two leads of
//! two people share their odds with whoever else fits, and it counts how many contacts the two have (see `sizes`); between
//! them and what the leads of the two people say together (see `together`), the truth lies nearer to the latter.

use rayon::prelude::*;

use super::block::Candidate;
use super::cluster::{Clusters, Refusal, SOMEBODY_ELSE, heard};
use super::compare::{Shared, levels};
use super::homes::Contacts;
use super::model::Scale;
use super::sizes::{Part, Sizes};
use super::together::Together;

/// log2 odds below which a pair is nothing near.
pub(super) const NEAR: f64 = -8.0;

/// How far between a pair by itself and what the leads of its two people say together the truth lies. Fitted on generated
/// leads and FEBRL 2.
const OF_THE_BEST: f64 = 0.75;

/// Weights of pairs, the other leads heard.
pub(super) struct Certainty {
    /// Cluster of each profile.
    cluster: Vec<u32>,
    /// What the contacts of two clusters say, in bits, and which each cluster has, by its number.
    sizes: Sizes,
    parts: Vec<Part>,
    /// Of each profile, the profile by which its part was joined to another, and with the how-manieth accepted pair.
    joined: Vec<(u32, u32)>,
    /// Weights of the accepted pairs, strongest first.
    accepted: Vec<f64>,
    /// What two clusters that are near to each other are worth together; both ways round, sorted.
    between: Vec<(u32, u32, f64)>,
    /// Clusters that are two people whatever they have in common, the smaller number first; sorted.
    apart: Vec<(u32, u32)>,
}

/// An end that was joined to nothing.
const NEVER: u32 = u32::MAX;

impl Certainty {
    pub(super) fn of(
        contacts: &Contacts,
        shared: &Shared,
        scale: &Scale,
        pairs: &[Candidate],
        (clusters, sizes): (&mut Clusters, Sizes),
    ) -> Self {
        let n = contacts.forms.of_leads as u32;
        let cluster: Vec<u32> = (0..n).map(|profile| clusters.find(profile)).collect();
        let together = Together { contacts, shared, scale };
        let mut between: Vec<(u32, u32, f64)> =
            nearest(&together, pairs, |profile| cluster.get(profile as usize).copied())
                .into_par_iter()
                .flat_map_iter(|((a, b), pair)| {
                    let ends = [pair.a, pair.b]
                        .map(|end| clusters.members_of(cluster.get(end as usize).copied().unwrap_or(end)));
                    let weight = together.weight(pair.a, &levels(pair.pattern), &ends[0], &ends[1]);
                    [(a, b, weight), (b, a, weight)]
                })
                .collect();
        between.par_sort_unstable_by_key(|(a, b, _)| (*a, *b));
        let (joined, accepted) = forest(n, clusters);
        let parts = (0..n).map(|c| clusters.part_of(c, &contacts.forms)).collect();
        let is_final = |why: &Refusal| matches!(why, Refusal::Decision | Refusal::Names | Refusal::Size);
        let apart = clusters.refused.iter().filter(|(_, why)| is_final(why)).filter_map(|(edge, _)| {
            let (a, b) = (*cluster.get(edge.a as usize)?, *cluster.get(edge.b as usize)?);
            Some((a.min(b), a.max(b)))
        });
        let mut apart: Vec<(u32, u32)> = apart.collect();
        apart.sort_unstable();
        Certainty { cluster, sizes, parts, joined, accepted, between, apart }
    }

    /// Whether two profiles ended in one person.
    pub(super) fn is_one(&self, a: u32, b: u32) -> bool {
        self.cluster_of(a) == self.cluster_of(b)
    }

    /// Of two profiles that ended in one person, the weight of the weakest link between them.
    pub(super) fn way(&self, a: u32, b: u32) -> f64 {
        let (mut x, mut y) = (a, b);
        let mut last = None;
        let up = |profile: u32| self.joined.get(profile as usize).copied().unwrap_or((profile, NEVER));
        while x != y {
            let ((above_x, when_x), (above_y, when_y)) = (up(x), up(y));
            if when_x == NEVER && when_y == NEVER {
                break;
            }
            // Whoever was joined earlier goes up first.
            last = Some(when_x.min(when_y));
            if when_x < when_y { x = above_x } else { y = above_y }
        }
        last.and_then(|n| self.accepted.get(n as usize).copied()).unwrap_or(f64::INFINITY)
    }

    /// Weight of a pair of profiles that has the weight `own` by itself.
    pub(super) fn weight(&self, a: u32, b: u32, own: f64) -> f64 {
        let (x, y) = (self.cluster_of(a), self.cluster_of(b));
        if x == y {
            return own.max(self.way(a, b));
        }
        let Some(best) = self.between(x, y) else { return own };
        let weight = own.max(NEAR) * (1.0 - OF_THE_BEST) + best * OF_THE_BEST;
        let part = |cluster: u32| self.parts.get(cluster as usize).copied().unwrap_or_default();
        heard(weight, self.rivals(x, y) + self.rivals(y, x), self.sizes.of(part(x), part(y)))
    }

    /// Pairs of profiles of each person, every pair once.
    pub(super) fn pairs_of_people(&self) -> impl Iterator<Item = (u32, u32)> {
        let mut members: Vec<(u32, u32)> = self.cluster.iter().copied().zip(0..).collect();
        members.sort_unstable();
        let of_people: Vec<Vec<u32>> = members
            .chunk_by(|x, y| x.0 == y.0)
            .filter(|person| person.len() > 1)
            .map(|person| person.iter().map(|(_, profile)| *profile).collect())
            .collect();
        of_people.into_iter().flat_map(|person| {
            (0..person.len()).flat_map(move |n| {
                let rest: Vec<u32> = person.iter().skip(n + 1).copied().collect();
                let one = person.get(n).copied().unwrap_or(0);
                rest.into_iter().map(move |other| (one, other))
            })
        })
    }

    fn cluster_of(&self, profile: u32) -> u32 {
        self.cluster.get(profile as usize).copied().unwrap_or(profile)
    }

    fn between(&self, x: u32, y: u32) -> Option<f64> {
        let at = self.between.binary_search_by_key(&(x, y), |(a, b, _)| (*a, *b)).ok()?;
        self.between.get(at).map(|(.., weight)| *weight)
    }

    /// log2 of the odds of all that fits cluster `x`, beside `y` and who is not somebody else than that.
    fn rivals(&self, x: u32, y: u32) -> f64 {
        let from = self.between.partition_point(|(a, ..)| *a < x);
        let near = self.between.iter().skip(from).take_while(|(a, ..)| *a == x);
        let is_rival = |other: u32| {
            other != y
                && self.apart.binary_search(&(x.min(other), x.max(other))).is_err()
                && self.between(y, other).is_none_or(|weight| weight < SOMEBODY_ELSE)
        };
        let odds: f64 = near.filter(|(_, other, _)| is_rival(*other)).map(|(.., weight)| weight.exp2()).sum();
        (1.0 + odds).log2()
    }
}

/// The best pair between every two clusters that are near to each other, in order.
fn nearest(
    together: &Together,
    pairs: &[Candidate],
    cluster: impl Fn(u32) -> Option<u32> + Sync,
) -> Vec<((u32, u32), Candidate)> {
    let mut near: Vec<((u32, u32), f64, Candidate)> = pairs
        .par_iter()
        .filter_map(|pair| {
            let (a, b) = (cluster(pair.a)?, cluster(pair.b)?);
            if a == b {
                return None;
            }
            let weight = together.scale.weight(together.contacts, &levels(pair.pattern), pair.a);
            (weight >= NEAR).then_some(((a.min(b), a.max(b)), weight, *pair))
        })
        .collect();
    near.par_sort_unstable_by(|x, y| x.0.cmp(&y.0).then(y.1.total_cmp(&x.1)).then(x.2.cmp(&y.2)));
    near.dedup_by_key(|(clusters, ..)| *clusters);
    near.into_iter().map(|(clusters, _, pair)| (clusters, pair)).collect()
}

/// The accepted pairs as trees of small height: of each profile the one above and the number of the pair that put it
/// there, later ones further up; and the weights of the pairs.
fn forest(n: u32, clusters: &Clusters) -> (Vec<(u32, u32)>, Vec<f64>) {
    let mut above: Vec<(u32, u32)> = (0..n).map(|profile| (profile, NEVER)).collect();
    let mut size = vec![1u32; n as usize];
    let top = |above: &[(u32, u32)], mut profile: u32| {
        while let Some((up, when)) = above.get(profile as usize)
            && *when != NEVER
        {
            profile = *up;
        }
        profile
    };
    for (number, edge) in (0..).zip(&clusters.accepted) {
        let (a, b) = (top(&above, edge.a), top(&above, edge.b));
        let of = |size: &[u32], profile: u32| size.get(profile as usize).copied().unwrap_or(1);
        let both = of(&size, a) + of(&size, b);
        let (high, low) = if of(&size, a) >= of(&size, b) { (a, b) } else { (b, a) };
        if let (Some(place), Some(grown)) = (above.get_mut(low as usize), size.get_mut(high as usize)) {
            *place = (high, number);
            *grown = both;
        }
    }
    (above, clusters.accepted.iter().map(|edge| edge.weight).collect())
}
