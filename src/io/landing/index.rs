//! What has been landed, by hashes: which records are new, changed, known or forgotten.

use std::collections::{BTreeMap, HashMap, HashSet};

use polars::prelude::*;

use super::content::{Content, keyed_hash, mix, number, row_key};
use super::light::Light;
use super::raw_lead::RawLead;
use crate::error::Result;

/// What has been landed, by hashes.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) newest: HashMap<u128, Newest>,
    pub(super) contents: HashSet<u128>,
    pub(super) forgotten: HashSet<u128>,
    /// Rows by source.
    pub(super) sources: BTreeMap<String, u64>,
}

/// The newest version of a key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Newest {
    pub(super) content: u128,
    rank: i64,
    forgotten: bool,
}

/// What is to become of a record.
pub(super) enum Fate {
    New,
    Changed,
    Unchanged,
    Forgotten,
}

impl Index {
    /// Takes in the rows of a segment.
    pub(super) fn add(&mut self, frame: &DataFrame) -> Result<()> {
        let columns = Light::of(frame)?;
        for n in 0..frame.height() {
            let Some(row) = columns.row(n) else { continue };
            let key = row_key(row.source, row.source_key);
            if row.forgotten {
                self.forgotten.insert(row.content);
            } else {
                self.contents.insert(mix(key, row.content));
            }
            let seen = Newest { content: row.content, rank: row.rank(), forgotten: row.forgotten };
            self.newest
                .entry(key)
                .and_modify(|n| {
                    if seen.rank >= n.rank {
                        *n = seen
                    }
                })
                .or_insert(seen);
            *self.sources.entry(row.source.to_owned()).or_default() += 1;
        }
        Ok(())
    }

    /// Decides about one lead, and takes it in if it is to be landed.
    pub(super) fn take(&mut self, source: &str, lead: &RawLead, secret: &[u8; 32]) -> Fate {
        let key = row_key(source, &lead.source_key);
        let content = u128::from_be_bytes(lead.content);
        let rank = if lead.keyed { lead.stored_at.timestamp_micros() } else { i64::MIN };
        let known = self.newest.get(&key).copied();
        if known.is_some_and(|k| k.forgotten && lead.keyed) || self.forgotten.contains(&keyed_hash(secret, content)) {
            return Fate::Forgotten;
        }
        let fate = match known {
            None => Fate::New,
            Some(newest) if newest.content == content => return Fate::Unchanged,
            // An older version of an entity, seen again in an older dump of it.
            Some(newest) if self.contents.contains(&mix(key, content)) && lead.keyed && rank <= newest.rank => {
                return Fate::Unchanged;
            }
            Some(_) => Fate::Changed,
        };
        self.contents.insert(mix(key, content));
        let seen = Newest { content, rank, forgotten: false };
        self.newest
            .entry(key)
            .and_modify(|n| {
                if rank >= n.rank {
                    *n = seen
                }
            })
            .or_insert(seen);
        *self.sources.entry(source.to_owned()).or_default() += 1;
        fate
    }

    /// Under which numbers the records of an object that was landed before are landed now; none for a record that is
    /// landed already under another number.
    ///
    /// A record is number n of its object, and an edited one is a new version of it. But where lines were put in or
    /// dropped, everything after them moves, and versions by place would put one lead over another: a record that
    /// merely moved keeps its number, and in a file where any did, new ones get numbers of their own.
    pub(super) fn settle(
        &self,
        source: &str,
        object: &str,
        contents: &[Content],
        secret: &[u8; 32],
    ) -> Vec<Option<usize>> {
        let at = |n: usize| self.newest.get(&row_key(source, &number(object, n))).map(|k| k.content);
        let mut places: Vec<Option<u128>> = Vec::new();
        while let Some(content) = at(places.len() + 1).map(Some).or((places.len() < contents.len()).then_some(None)) {
            places.push(content);
        }
        let contents: Vec<[u128; 2]> = contents
            .iter()
            .map(|c| u128::from_be_bytes(*c))
            .map(|c| [c, keyed_hash(secret, c)]) // as it stands, and as it stands if it was forgotten
            .collect();
        let stays = |n: usize| {
            places.get(n).copied().flatten().is_some_and(|p| contents.get(n).is_some_and(|c| c.contains(&p)))
        };
        let mut left: HashMap<u128, Vec<usize>> = HashMap::new();
        for (n, place) in places.iter().enumerate().rev() {
            if let Some(content) = place.filter(|_| !stays(n)) {
                left.entry(content).or_default().push(n);
            }
        }
        let moved: Vec<bool> = contents
            .iter()
            .enumerate()
            .map(|(n, c)| !stays(n) && c.iter().any(|c| left.get_mut(c).and_then(Vec::pop).is_some()))
            .collect();
        // Once anything moved, a place tells nothing about a record that is not in its own.
        let by_place = !moved.contains(&true);
        let mut next = places.len();
        moved
            .into_iter()
            .enumerate()
            .map(|(n, moved)| match moved {
                true => None,
                false if by_place || stays(n) || places.get(n).is_none_or(Option::is_none) => Some(n + 1),
                false => {
                    next += 1;
                    Some(next)
                }
            })
            .collect()
    }
}
