//! Carries out a plan of `forget`: published tables, landed CRM records, then raw leads; and proves it.
//!
//! The plan, which holds ids only, is kept in the state folder until all is done: a killed `forget` is finished by the
//! next command that opens the state. Reports that named somebody are taken away; the next run makes the newest again.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use polars::prelude::*;

use super::landing::Landing;
use super::landing::datasets::Dataset;
use super::publish::{cannot, dated_folders, sync_dir, write_atomically, write_csv, write_parquet};
use crate::error::{Error, Result};
use crate::forget::{Plan, erase};

const PENDING: &str = "forgetting.json";
/// Files of a dated folder that show people.
const SHOWN: [&str; 3] = ["call-list.xlsx", "report.xlsx", "report.html"];

/// What was done.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub struct Carried {
    /// Stored rows of raw leads, every version and source.
    pub raw_rows: usize,
    /// Stored versions of CRM records.
    pub record_versions: usize,
    /// Published tables written again.
    pub tables: usize,
    /// Reports, call lists and replay files taken away.
    pub files_removed: usize,
}

/// A plan that was begun and not finished.
///
/// # Errors
/// When it cannot be read (exit 4).
pub fn pending(state: &Path) -> Result<Option<Plan>> {
    let path = state.join(PENDING);
    match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| {
            Error::failed("an unfinished forgetting cannot be read")
                .at(path.display())
                .because(e)
                .hint("delete the file and run `leadrecon forget` again")
        }),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(cannot("read", &path, &e)),
    }
}

/// Erases what the plan names, under the landing's lock. Can be killed at any instant and done again.
///
/// # Errors
/// When something cannot be written (exit 4); the plan stays and the next call finishes it.
pub fn carry_out(
    plan: &Plan,
    state: &Path,
    out: &Path,
    landing: &mut Landing,
    records: &Dataset,
    keep: &[&str],
) -> Result<Carried> {
    let text = serde_json::to_vec(plan).map_err(|e| Error::failed("cannot write the plan").because(e))?;
    write_atomically(&state.join(PENDING), &text)?;
    let mut carried = Carried::default();
    for (_, folder) in dated_folders(out)? {
        let mut named = false;
        for path in files_in(&folder.join("tables"), "parquet")? {
            let Some(mut frame) = erase(&read(&path)?, plan)? else { continue };
            let (mut parquet, mut csv) = (Vec::new(), Vec::new());
            frame.align_chunks_par();
            write_csv(&frame, &mut csv)?;
            write_parquet(&mut frame, &mut parquet)?;
            // The exact table last: as long as it names somebody, a repeated call comes back to both.
            write_atomically(&path.with_extension("csv"), &csv)?;
            for shown in SHOWN {
                carried.files_removed += usize::from(remove(&folder.join(shown))?);
            }
            write_atomically(&path, &parquet)?;
            carried.tables += 1;
            named = true;
        }
        if named {
            sync_dir(&folder)?;
        }
    }
    for path in files_in(&out.join("replay"), "")? {
        let text = fs::read(&path).map_err(|e| cannot("read", &path, &e))?;
        if plan.ids.iter().any(|id| memchr::memmem::find(&text, id.as_bytes()).is_some()) {
            carried.files_removed += usize::from(remove(&path)?);
        }
    }
    carried.record_versions = landing.forget_versions(records, keep, |frame| {
        let (destinations, ids) = (frame.column("destination")?.str()?, frame.column("record_id")?.str()?);
        let gone: Vec<bool> = (0..frame.height())
            .map(|row| destinations.get(row).zip(ids.get(row)).is_some_and(|(d, r)| plan.holds_record(d, r)))
            .collect();
        Ok(BooleanChunked::from_slice("gone".into(), &gone))
    })?;
    carried.raw_rows = landing.forget(|source, key| plan.holds_lead(source, key))?;
    remove(&state.join(PENDING))?;
    sync_dir(state)?;
    Ok(carried)
}

/// How many stored payloads and cells of published tables still hold one of the texts.
///
/// # Errors
/// When something cannot be read (exit 4).
pub fn remaining(texts: &BTreeSet<String>, out: &Path, landing: &Landing) -> Result<(usize, usize)> {
    let mut payloads = 0;
    for text in texts {
        payloads += landing.payloads_with(text.as_bytes())?;
    }
    let mut cells = 0;
    for (_, folder) in dated_folders(out)? {
        for path in files_in(&folder.join("tables"), "parquet")? {
            for column in read(&path)?.columns() {
                let Ok(column) = column.str() else { continue };
                cells += column.iter().flatten().filter(|c| texts.iter().any(|t| c.contains(t.as_str()))).count();
            }
        }
    }
    Ok((payloads, cells))
}

fn read(path: &Path) -> Result<DataFrame> {
    let file = File::open(path).map_err(|e| cannot("read", path, &e))?;
    ParquetReader::new(file)
        .finish()
        .map_err(|e| Error::failed(format!("cannot read {}", path.display())).because(e).hint("delete this report"))
}

fn files_in(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if !folder.is_dir() {
        return Ok(found);
    }
    for entry in fs::read_dir(folder).map_err(|e| cannot("read", folder, &e))? {
        let path = entry.map_err(|e| cannot("read", folder, &e))?.path();
        if path.is_file() && (ending.is_empty() || path.extension().is_some_and(|e| e == ending)) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn remove(path: &Path) -> Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(cannot("delete", path, &e)),
    }
}
