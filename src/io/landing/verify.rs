//! Whether the state is what was written: every segment against its checksum, the version, the key. Changes nothing.

use std::fs;
use std::path::Path;

use polars::prelude::*;

use super::segments::{self, Segments};
use super::version;
use crate::error::{Error, Result, count};

/// File of the key of the hashes that keep away what was forgotten.
pub(super) const KEY: &str = "forget.key";

/// One part of the state, and what is wrong with it or how much it holds.
#[derive(Debug)]
pub struct Verified {
    /// `raw_leads`, `forget.key`.
    pub part: String,
    /// What it holds, in words.
    pub found: Result<String>,
}

/// Verifies the landing and the version of a state folder: reads every byte of it.
pub fn verify(state_dir: &Path) -> Vec<Verified> {
    let landing = state_dir.join("landing");
    let verified = |part: &str, found: Result<String>| Verified { part: part.to_owned(), found };
    let mut parts = vec![
        verified("VERSION", version::check(state_dir).map(|()| "known to this program".to_owned())),
        verified(KEY, key(&landing)),
    ];
    match datasets(&landing) {
        Ok(names) => parts.extend(names.iter().map(|name| verified(name, whole(&landing.join(name))))),
        Err(error) => parts.push(verified("landing", Err(error))),
    }
    parts
}

/// Refuses to go on without the key where something was forgotten under it: with another key it would be landed again.
///
/// # Errors
/// When a segment holds forgotten rows, or cannot be read (exit 4).
pub(super) fn nothing_forgotten(landing: &Path) -> Result<()> {
    for name in datasets(landing)? {
        let segments = Segments::open(&landing.join(&name))?;
        for segment in segments.all() {
            let light = segments.read(segment, Some(&["forgotten"]))?;
            if light.column("forgotten").ok().and_then(|c| c.bool().ok()).is_some_and(BooleanChunked::any) {
                return Err(Error::failed("the key of what was forgotten is gone")
                    .at(landing.join(KEY).display())
                    .because("people were forgotten under it, and with a new one they would be landed again")
                    .hint("bring this file back from a backup of the state folder; nothing was changed"));
            }
        }
    }
    Ok(())
}

fn key(landing: &Path) -> Result<String> {
    let path = landing.join(KEY);
    match fs::read(&path) {
        Ok(bytes) if bytes.len() == 32 => Ok("whole".to_owned()),
        Ok(bytes) => Err(Error::failed(format!("it has {} bytes, expected 32", bytes.len()))
            .hint("bring this file back from a backup; without it, forgotten leads could be landed again")),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            nothing_forgotten(landing).map(|()| "none yet: nothing was forgotten".to_owned())
        }
        Err(e) => Err(segments::cannot("read", &path, &e)),
    }
}

/// The data sets that stand in the landing: folders that hold months.
fn datasets(landing: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for path in segments::list(landing)? {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() && name != "sources" {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Reads every segment of a data set after its checksum.
fn whole(dir: &Path) -> Result<String> {
    let segments = Segments::open(dir)?;
    let mut rows = 0;
    for segment in segments.all() {
        rows += segments.read(segment, Some(&[segments::SEQUENCE]))?.height();
    }
    let held = count(rows, "row", "rows");
    Ok(format!("{held} in {}, each as it was written", count(segments.all().len(), "segment", "segments")))
}
