//! Which stored row speaks for each raw lead: of several versions the newest, of equal key and content in two sources one.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use polars::prelude::*;

use super::content::hash;
use super::light::{LIGHT, Light};
use super::segments::Segments;
use crate::error::Result;

/// Which row of which segment speaks for each raw lead, by segment, rows ascending.
pub(super) fn choose(raw: &Segments) -> Result<HashMap<usize, Vec<Chosen>>> {
    let mut names: Vec<Arc<str>> = Vec::new();
    let mut rows: Vec<Row> = Vec::new();
    for (n, segment) in raw.all().iter().enumerate() {
        let frame = raw.read(segment, Some(&LIGHT))?;
        let columns = Light::of(&frame)?;
        for row in 0..frame.height() {
            let Some(light) = columns.row(row) else { continue };
            let source = names.iter().position(|s| **s == *light.source).unwrap_or_else(|| {
                names.push(light.source.into());
                names.len() - 1
            });
            rows.push(Row {
                key: hash(&[light.source_key.as_bytes()]),
                source,
                content: light.content,
                rank: (light.rank(), light.sequence),
                stored_at: light.stored_at,
                landed_on: light.landed_on,
                place: (n, row as IdxSize),
            });
        }
    }
    rows.sort_unstable_by_key(|r| (r.key, r.rank.1));
    let mut chosen: HashMap<usize, Vec<Chosen>> = HashMap::new();
    for group in rows.chunk_by(|a, b| a.key == b.key) {
        for family in families(group) {
            let (Some(first), Some(newest)) =
                (family.iter().min_by_key(|r| r.rank.1), family.iter().max_by_key(|r| r.rank))
            else {
                continue;
            };
            let distinct = |of: fn(&Row) -> u128| family.iter().map(|r| of(r)).collect::<BTreeSet<_>>().len() as i64;
            chosen.entry(newest.place.0).or_default().push(Chosen {
                row: newest.place.1,
                source: names.get(first.source).cloned().unwrap_or_default(),
                stored_at: first.stored_at,
                landed_on: first.landed_on,
                origins: distinct(|r| r.source as u128),
                versions: distinct(|r| r.content),
            });
        }
    }
    for rows in chosen.values_mut() {
        rows.sort_unstable_by_key(|c| c.row);
    }
    Ok(chosen)
}

struct Row {
    key: u128,
    source: usize,
    content: u128,
    rank: (i64, i64),
    stored_at: i64,
    landed_on: i32,
    place: (usize, IdxSize),
}

/// A row that speaks for a raw lead.
pub(super) struct Chosen {
    pub(super) row: IdxSize,
    pub(super) source: Arc<str>,
    pub(super) stored_at: i64,
    pub(super) landed_on: i32,
    pub(super) origins: i64,
    pub(super) versions: i64,
}

/// Rows of one key, divided into raw leads: the rows of one source belong together, and sources that share a content.
fn families(group: &[Row]) -> Vec<Vec<&Row>> {
    let mut families: Vec<Vec<&Row>> = Vec::new();
    for row in group {
        let (mine, others): (Vec<_>, Vec<_>) =
            families.into_iter().partition(|f| f.iter().any(|r| r.source == row.source || r.content == row.content));
        families = others;
        let mut joined: Vec<&Row> = mine.into_iter().flatten().collect();
        joined.push(row);
        families.push(joined);
    }
    families
}
