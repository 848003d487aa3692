//! What is remembered of a source between runs: a small file per source, `landing/sources/NAME.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::segments::put;
use crate::error::{Error, Result};

/// What is remembered of a source between runs. If it is lost, the next run reads everything again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceState {
    /// The name its leads were first landed under, from which lead ids are made.
    pub lands_as: String,
    /// Entities written before this have been read.
    pub watermark: Option<DateTime<Utc>>,
    /// When everything was last read.
    pub full_read_at: Option<DateTime<Utc>>,
    /// Partition keys at which a large table is divided for reading.
    #[serde(default)]
    pub splits: Vec<String>,
}

/// What is remembered under a name, or else under one of its former names. `landed` says which names have raw leads.
pub(super) fn read(dir: &Path, name: &str, formerly: &[String]) -> Option<SourceState> {
    let names = std::iter::once(name).chain(formerly.iter().map(String::as_str));
    names.filter_map(|n| fs::read(path(dir, n)).ok()).find_map(|bytes| serde_json::from_slice(&bytes).ok())
}

/// What is to be believed of a source of which nothing is remembered: it lands under the name that has raw leads.
pub(super) fn fresh(name: &str, formerly: &[String], landed: &BTreeMap<String, u64>) -> SourceState {
    let lands_as = std::iter::once(name)
        .chain(formerly.iter().map(String::as_str))
        .find(|n| landed.contains_key(*n))
        .or(formerly.first().map(String::as_str))
        .unwrap_or(name);
    SourceState { lands_as: lands_as.to_owned(), ..SourceState::default() }
}

/// Writes what is known of a source, unless it stands there already.
pub(super) fn write(dir: &Path, name: &str, state: &SourceState) -> Result<()> {
    let text =
        serde_json::to_vec_pretty(state).map_err(|e| Error::failed("cannot write a source's state").because(e))?;
    let path = path(dir, name);
    if fs::read(&path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    put(&path, &text)
}

fn path(dir: &Path, name: &str) -> PathBuf {
    dir.join("sources").join(format!("{name}.json"))
}
