//! Carries out a plan of `forget`: published tables, landed CRM records, then raw leads; and proves it.
//!
//! The plan, which holds ids only, is kept in the state folder until all is done: a killed `forget` is finished by the
//! next command that opens the state. Reports that named somebody are taken away; the next run makes the newest again.
//! Where leads go for their age, only reports that list one of them are: others show nobody by name who is that old.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use polars::prelude::*;

use super::cache;
use super::landing::datasets::{Dataset, Erasure};
use super::landing::{Landing, Marks, RAW, segments};
use super::publish::{cannot, dated_folders, sync_dir, write_atomically, write_csv, write_parquet};
use super::reviewed::{Held, Named};
use super::state::{self, CLOSINGS, DECISIONS, RETRACTED};
use crate::contact::normalised_email;
use crate::error::{Error, Result, count};
use crate::forget::{Plan, erase, shows_people};
use crate::identity;
use crate::retractions::Retractions;
use crate::reviewed::Memory;
use crate::worked;

mod shown;

const PENDING: &str = "forgetting.json";
/// Files of a dated folder that show people.
const SHOWN: [&str; 3] = ["call-list.xlsx", "report.xlsx", "report.html"];
/// Published tables whose rows those files list.
const LISTED: [&str; 4] = ["missed_leads", "recovered_leads", "untouched", "lost_at_source"];

/// What was done.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub struct Carried {
    /// Stored rows of raw leads, every version and source.
    pub raw_rows: usize,
    /// Stored versions of records of CRMs and witnesses.
    pub record_versions: usize,
    /// Whether lines of our own `worked.csv` went.
    pub worked: bool,
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

/// Where people can stand.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    /// The state folder.
    pub state: &'a Path,
    /// The output folder.
    pub out: &'a Path,
    /// Landed records with a column `destination`.
    pub records: &'a [Dataset],
    /// Columns of those records that tell nothing of a person.
    pub keep: &'a [&'a str],
}

/// Erases what the plan names, under the landing's lock. Can be killed at any instant and done again.
///
/// # Errors
/// When something cannot be written (exit 4); the plan stays and the next call finishes it.
pub fn carry_out(plan: &Plan, places: &Places<'_>, landing: &mut Landing) -> Result<Carried> {
    let Places { state, out, records, keep } = *places;
    let mut plan = plan.clone();
    // Addresses are never written down.
    let marks = landing.marks()?;
    for address in plan.addresses.iter().filter_map(|address| normalised_email(address)) {
        plan.mails.insert(marks.of(&address));
    }
    let plan = &plan;
    let text = serde_json::to_vec(plan).map_err(|e| Error::failed("cannot write the plan").because(e))?;
    write_atomically(&state.join(PENDING), &text)?;
    let mut carried = Carried { worked: forget_worked(state, plan, &marks)?, ..Carried::default() };
    for (day, folder) in dated_folders(out)? {
        let plan = &plan.for_report(day);
        let mut named = false;
        for path in files_in(&folder.join("tables"), "parquet")? {
            if !can_show_people(&path)? {
                continue;
            }
            let Some(mut frame) = erase(&read(&path)?, plan)? else { continue };
            let (mut parquet, mut csv) = (Vec::new(), Vec::new());
            frame.align_chunks_par();
            write_parquet(&mut frame, &mut parquet)?;
            // The exact table last: as long as it names somebody, a repeated call comes back to both.
            if path.with_extension("csv").exists() {
                write_csv(&frame, &mut csv)?;
                write_atomically(&path.with_extension("csv"), &csv)?;
            }
            let listed = path.file_stem().is_some_and(|stem| LISTED.iter().any(|l| stem == *l));
            for shown in SHOWN.iter().filter(|_| listed || !plan.by_age) {
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
    let names: Vec<String> = plan.ids.iter().chain(&plan.addresses).cloned().collect();
    for path in all_files(&out.join("replay"))? {
        let bytes = fs::read(&path).map_err(|e| cannot("read", &path, &e))?;
        // What cannot be read may show them.
        if shown::holds(&bytes, &names).unwrap_or(true) {
            carried.files_removed += usize::from(remove(&path)?);
        }
    }
    // What is made of the landing is made again of what is left of it. A run, which alone erases for age, reads the landing
    // again and keeps nothing that is made of other rows.
    if !plan.by_age {
        match fs::remove_dir_all(state.join(cache::FOLDER)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(cannot("delete", &state.join(cache::FOLDER), &e));
            }
            _ => {}
        }
    }
    for dataset in records {
        // What is too old is erased version by version: a record that the CRM still shows keeps its newest.
        if !plan.by_age && plan.retracted.is_empty() {
            carried.record_versions += landing.forget_versions(dataset, keep, Erasure::ForGood, |frame| {
                let (destinations, ids) = (frame.column("destination")?.str()?, frame.column("record_id")?.str()?);
                let gone: Vec<bool> = (0..frame.height())
                    .map(|row| destinations.get(row).zip(ids.get(row)).is_some_and(|(d, r)| plan.holds_record(d, r)))
                    .collect();
                Ok(BooleanChunked::from_slice("gone".into(), &gone))
            })?;
        }
        if let Some(old) = plan.versions.get(dataset.name).filter(|_| plan.retracted.is_empty()) {
            carried.record_versions += landing.forget_versions(dataset, keep, Erasure::ByAge, |frame| {
                let rows = frame.column(segments::SEQUENCE)?.i64()?;
                Ok(rows.iter().map(|n| n.is_some_and(|n| old.contains(&n))).collect_ca("gone".into()))
            })?;
        }
    }
    if plan.retracted.is_empty() {
        carried.raw_rows = landing.forget(|source, key| plan.holds_lead(source, key))?;
    } else {
        retract(plan, state, landing, &mut carried)?;
    }
    remove(&state.join(PENDING))?;
    sync_dir(state)?;
    Ok(carried)
}

/// Takes rows out of the landing, and their leads out of what was said of them; what was done is remembered last.
fn retract(plan: &Plan, state: &Path, landing: &mut Landing, carried: &mut Carried) -> Result<()> {
    for (dataset, rows) in &plan.versions {
        let taken = landing.take_out(dataset, rows)?;
        let counted = if dataset == RAW { &mut carried.raw_rows } else { &mut carried.record_versions };
        *counted += taken;
    }
    for source in &plan.reread {
        landing.reread(source)?;
    }
    state::take_out_leads(state, &plan.ids)?;
    let mut decided: Memory<identity::Decided> = state::kept(state, DECISIONS)?;
    decided.forget(|one| plan.ids.contains(&one.lead_id_a) || plan.ids.contains(&one.lead_id_b));
    state::keep(state, DECISIONS, &decided)?;
    let mut retractions: Retractions = state::kept(state, RETRACTED)?;
    for one in &plan.retracted {
        retractions.add(one.clone());
    }
    state::keep(state, RETRACTED, &retractions)
}

/// Takes what was said of them out of the file that `close` keeps and out of what is remembered. Says whether there was
/// anything.
fn forget_worked(state: &Path, plan: &Plan, marks: &Marks) -> Result<bool> {
    let is_gone = |who: &str| {
        plan.ids.contains(&who.to_lowercase())
            || normalised_email(who).is_some_and(|mail| plan.mails.contains(&marks.of(&mail)))
    };
    let mut closings: Memory<worked::Entry> = state::kept(state, CLOSINGS)?;
    let mut gone = closings.forget(|entry| is_gone(&entry.who)) > 0;
    if gone {
        state::keep(state, CLOSINGS, &closings)?;
    }
    let path = state.join(worked::FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(gone),
        Err(e) => return Err(cannot("read", &path, &e)),
    };
    let kept = worked::without(&text, is_gone)
        .map_err(|why| Error::failed(format!("cannot forget lines of {}", path.display())).because(why))?;
    if let Some(kept) = &kept {
        write_atomically(&path, kept.as_bytes())?;
        gone = true;
    }
    Ok(gone)
}

/// Those of the user's own files that name somebody of the plan, for the user to edit: they are not ours to change.
pub fn naming(files: Vec<Named>, plan: &Plan) -> Vec<String> {
    let names: Vec<String> = plan.ids.iter().chain(&plan.addresses).cloned().collect();
    // What cannot be read may hold them.
    let may_name = |read: Result<Held>| read.map_or(true, |held| shown::holds(&held.bytes, &names).unwrap_or(true));
    files.into_iter().filter_map(|Named { name, read }| may_name(read).then_some(name)).collect()
}

/// Where one of the texts still stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct Remaining {
    payloads: usize,
    cells: usize,
    files: usize,
}

impl Remaining {
    /// What still holds it, in words; nothing where nothing does.
    pub fn told(&self) -> Option<String> {
        let found = [
            (self.payloads, "stored payload", "stored payloads"),
            (self.cells, "cell of landed records", "cells of landed records"),
            (self.files, "file of the state and output folders", "files of the state and output folders"),
        ];
        let found: Vec<String> =
            found.into_iter().filter(|(n, ..)| *n > 0).map(|(n, one, many)| count(n, one, many)).collect();
        (!found.is_empty()).then(|| format!("{} still hold", found.join(" and ")))
    }
}

/// Reads everything that is stored and published for the texts, in every format: the proof that they are gone.
///
/// # Errors
/// When something cannot be read (exit 4).
pub fn remaining(texts: &BTreeSet<String>, places: &Places<'_>, landing: &Landing) -> Result<Remaining> {
    let mut remaining = Remaining::default();
    for text in texts {
        remaining.payloads += landing.payloads_with(text.as_bytes())?;
    }
    let texts: Vec<String> = texts.iter().cloned().collect();
    for dataset in places.records {
        remaining.cells += shown::cells(&landing.versions(dataset)?, &texts);
    }
    for path in all_files(places.state)?.into_iter().chain(all_files(places.out)?) {
        // The landing was looked at row by row.
        if path.starts_with(landing.folder()) {
            continue;
        }
        let bytes = fs::read(&path).map_err(|e| cannot("read", &path, &e))?;
        let holds = shown::holds(&bytes, &texts)
            .map_err(|why| Error::failed(format!("cannot read {}", path.display())).because(why).hint("delete it"))?;
        remaining.files += usize::from(holds);
    }
    Ok(remaining)
}

/// The files of ours that name somebody of the plan, the landing's own left out.
///
/// # Errors
/// When a folder or file cannot be read (exit 4).
pub fn files_naming(folders: &[&Path], landing: &Path, plan: &Plan) -> Result<Vec<String>> {
    let names: Vec<String> = plan.ids.iter().chain(&plan.addresses).cloned().collect();
    let mut naming = Vec::new();
    for folder in folders {
        for path in all_files(folder)?.into_iter().filter(|path| !path.starts_with(landing)) {
            let bytes = fs::read(&path).map_err(|e| cannot("read", &path, &e))?;
            if shown::holds(&bytes, &names).unwrap_or(true) {
                naming.push(path.display().to_string());
            }
        }
    }
    Ok(naming)
}

/// Every file below a folder of ours; links lead nowhere.
fn all_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        match entry {
            Ok(entry) if entry.file_type().is_file() => found.push(entry.into_path()),
            Ok(_) => {}
            Err(e) if e.io_error().is_some_and(|e| e.kind() == std::io::ErrorKind::NotFound) => {}
            Err(e) => return Err(Error::failed(format!("cannot read {}", folder.display())).because(e)),
        }
    }
    Ok(found)
}

/// Whether a table has a column that can show a person.
fn can_show_people(path: &Path) -> Result<bool> {
    let file = File::open(path).map_err(|e| cannot("read", path, &e))?;
    let mut reader = ParquetReader::new(file);
    let schema = reader.schema().map_err(|e| Error::failed(format!("cannot read {}", path.display())).because(e))?;
    Ok(shows_people(schema.iter_names().map(|n| n.as_str())))
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
