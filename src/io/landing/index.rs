//! What has been landed, by hashes: of records with a key of their own their versions, of others what [`places`] knows.
//!
//! [`places`]: super::places

use std::collections::BTreeMap;

use polars::prelude::*;

use super::content::{keyed_hash, mix, row_key};
use super::light::Light;
use super::places::{Forgotten, Places};
use super::raw_lead::{RawLead, marks_of};
use crate::error::Result;

/// What has been landed.
#[derive(Debug)]
pub(super) struct Index {
    secret: [u8; 32],
    newest: PlHashMap<u128, Newest>,
    /// Keys with their contents, of all records.
    pub(super) contents: PlHashSet<u128>,
    pub(super) forgotten: Forgotten,
    /// Of each source, the records without a key of their own.
    pub(super) places: BTreeMap<String, Places>,
    /// Rows by source.
    pub(super) sources: BTreeMap<String, u64>,
}

/// The newest version of a key.
#[derive(Clone, Copy, Debug)]
struct Newest {
    content: u128,
    rank: i64,
    forgotten: bool,
}

/// What becomes of a record with a key of its own.
pub(super) enum Outcome {
    New,
    Changed,
    Unchanged,
    Forgotten,
}

impl Index {
    pub(super) fn new(secret: [u8; 32]) -> Index {
        Index {
            secret,
            newest: PlHashMap::default(),
            contents: PlHashSet::default(),
            forgotten: Forgotten::default(),
            places: BTreeMap::new(),
            sources: BTreeMap::new(),
        }
    }

    /// Takes in the rows of a segment.
    pub(super) fn add(&mut self, frame: &DataFrame) -> Result<()> {
        let columns = Light::of(frame)?;
        for n in 0..frame.height() {
            let Some(row) = columns.row(n) else { continue };
            let key = row_key(row.source, row.source_key);
            if row.forgotten {
                self.forgotten.contents.insert(row.content);
                let timed = row.marks.into_iter().flat_map(marks_of).filter(|(timed, _)| *timed);
                self.forgotten.marks.extend(timed.map(|(_, mark)| mark));
            } else {
                self.contents.insert(mix(key, row.content));
            }
            if row.keyed {
                let seen = Newest { content: row.content, rank: row.rank(), forgotten: row.forgotten };
                self.note(key, seen);
            } else {
                self.places_of(row.source).add(&row);
            }
            self.count(row.source);
        }
        Ok(())
    }

    /// What is known of the records without a key of their own of a source.
    pub(super) fn places_of(&mut self, source: &str) -> &mut Places {
        self.places.entry(source.to_owned()).or_insert_with(|| Places::new(source, self.secret))
    }

    /// Decides about one lead with a key of its own, and takes it in if it is to be landed.
    pub(super) fn take(&mut self, source: &str, lead: &RawLead) -> Outcome {
        let key = row_key(source, &lead.source_key);
        let content = u128::from_be_bytes(lead.content);
        let rank = lead.stored_at.timestamp_micros();
        let known = self.newest.get(&key).copied();
        let forgotten = self.forgotten.contents.contains(&keyed_hash(&self.secret, content));
        if forgotten || known.is_some_and(|k| k.forgotten) {
            return Outcome::Forgotten;
        }
        let outcome = match known {
            None => Outcome::New,
            Some(newest) if newest.content == content => return Outcome::Unchanged,
            // An older version of an entity, seen again in an older dump of it.
            Some(newest) if self.contents.contains(&mix(key, content)) && rank <= newest.rank => {
                return Outcome::Unchanged;
            }
            Some(_) => Outcome::Changed,
        };
        self.contents.insert(mix(key, content));
        self.note(key, Newest { content, rank, forgotten: false });
        self.count(source);
        outcome
    }

    /// Notes a lead without a key of its own that is to be landed.
    pub(super) fn landed(&mut self, source: &str, lead: &RawLead) {
        self.contents.insert(mix(row_key(source, &lead.source_key), u128::from_be_bytes(lead.content)));
        self.count(source);
    }

    fn note(&mut self, key: u128, seen: Newest) {
        let newest = self.newest.entry(key).or_insert(seen);
        if seen.rank >= newest.rank {
            *newest = seen;
        }
    }

    fn count(&mut self, source: &str) {
        match self.sources.get_mut(source) {
            Some(rows) => *rows += 1,
            None => {
                self.sources.insert(source.to_owned(), 1);
            }
        }
    }
}
