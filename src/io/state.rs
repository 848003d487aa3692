//! What the state folder holds beside the landing: one history file per as-of date, who was who that day, the model
//! of the last run, and what `replay` handed out.
//!
//! ```text
//! state/began                           the day on which it began beside a report of an earlier day, and that day
//! state/history/2026-05-03.parquet      what that day's report said, without contacts
//! state/identities/2026-05-03.parquet   lead_id and person_id of that day, for the list of merges and splits
//! state/closings.json                   what worked files ever said; decisions.json: reviewed decisions
//! state/brought.json                    what was read last of own queries and templates elsewhere, and of CRMs' users
//! state/retracted.json                  what `retract` took out of the landing
//! state/model.json                      parameters of the identity model, to read
//! ```

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use polars::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::landing::verify::Verified;
use super::outlet;
use super::publish::{MANIFEST, cannot, dated_folders, write_atomically, write_parquet};
use crate::error::{Error, Result, count};
use crate::history::from_version_0_1;
use crate::tables::{Grain, History, Identities, Table};

/// File of what worked files ever said.
pub const CLOSINGS: &str = "closings.json";
/// File of what files of reviewed decisions ever said.
pub const DECISIONS: &str = "decisions.json";
/// File of what was read last of own queries and templates elsewhere, and of CRMs' users.
pub const BROUGHT: &str = "brought.json";
/// File of what was taken out of the landing.
pub const RETRACTED: &str = "retracted.json";

const HISTORY: &str = "history";
const IDENTITIES: &str = "identities";
const BEGAN: &str = "began";

/// The day of an earlier report that stands in the output though this state knows of none: the state was lost, or the
/// configuration names another. Whoever runs that day again is told again. Call it under the lock.
///
/// # Errors
/// When a folder cannot be read or the day cannot be noted (exit 4).
pub fn began_beside_report(state: &Path, out: &Path, as_of: NaiveDate) -> Result<Option<NaiveDate>> {
    let path = state.join(BEGAN);
    let day = |text: Option<&str>| text.and_then(|text| text.parse::<NaiveDate>().ok());
    if let Ok(text) = fs::read_to_string(&path) {
        let mut days = text.split_whitespace();
        return Ok((day(days.next()) == Some(as_of)).then(|| day(days.next())).flatten());
    }
    if !dated(&state.join(HISTORY))?.is_empty() {
        return Ok(None);
    }
    let reports = dated_folders(out)?.into_iter().filter(|(day, path)| *day < as_of && path.join(MANIFEST).is_file());
    let newest = reports.map(|(day, _)| day).max();
    if let Some(report) = newest {
        write_atomically(&path, format!("{as_of} {report}\n").as_bytes())?;
    }
    Ok(newest)
}

/// Whether every file of history and identities can be read.
pub fn verify(state: &Path) -> Vec<Verified> {
    let verified = |part: &str, read: &dyn Fn(&Path) -> Result<()>| {
        let found = dated(&state.join(part)).and_then(|files| {
            files.iter().try_for_each(|(_, path)| read(path))?;
            Ok(format!("{}, each readable", count(files.len(), "day", "days")))
        });
        Verified { part: part.to_owned(), found }
    };
    let history = |path: &Path| {
        let frame = read(path)?;
        let frame = if frame.column("about").is_err() { from_version_0_1(frame)? } else { frame };
        History::DEFINITION.conform(frame).map(drop).map_err(|e| e.at(path.display()))
    };
    let identities = |path: &Path| Table::<Identities>::new(read(path)?).map(drop).map_err(|e| e.at(path.display()));
    vec![verified(HISTORY, &history), verified(IDENTITIES, &identities)]
}

/// What reports of days before `as_of` said.
///
/// # Errors
/// When a file cannot be read or has another shape (exit 4): history cannot be made again.
pub fn history_before(state: &Path, as_of: NaiveDate) -> Result<Table<History>> {
    let mut all = History::DEFINITION.empty();
    for (day, path) in dated(&state.join(HISTORY))? {
        if day < as_of {
            let mut frame = read(&path)?;
            if frame.column("about").is_err() {
                frame = from_version_0_1(frame)?;
            }
            let frame = History::DEFINITION.conform(frame).map_err(|e| e.at(path.display()))?;
            all.vstack_mut(&frame)?;
        }
    }
    Table::new(all)
}

/// Keeps today's entries in place of an earlier run's of the same day.
///
/// # Errors
/// When the disk refuses it (exit 4).
pub fn keep_history(state: &Path, as_of: NaiveDate, entries: &Table<History>) -> Result<()> {
    keep_day(&state.join(HISTORY), as_of, entries.frame().clone())
}

/// Who was who on the newest day before `as_of`, or nothing.
///
/// # Errors
/// When the file cannot be read (exit 4).
pub fn identities_before(state: &Path, as_of: NaiveDate) -> Result<Option<Table<Identities>>> {
    let newest = dated(&state.join(IDENTITIES))?.into_iter().rfind(|(day, _)| *day < as_of);
    newest.map(|(_, path)| Table::new(read(&path)?).map_err(|e| e.at(path.display()))).transpose()
}

/// Keeps who is who today, and forgets what no later run compares with: all but the two newest days.
///
/// # Errors
/// When the disk refuses it (exit 4).
pub fn keep_identities(state: &Path, as_of: NaiveDate, identities: &Table<Identities>) -> Result<()> {
    let folder = state.join(IDENTITIES);
    keep_day(&folder, as_of, identities.frame().clone())?;
    let days = dated(&folder)?;
    for (_, path) in days.iter().rev().skip(2) {
        fs::remove_file(path).map_err(|e| cannot("delete", path, &e))?;
    }
    Ok(())
}

/// What is kept in a file of the state, such as what reviewed files ever said; nothing before the first.
///
/// # Errors
/// When it cannot be read (exit 4): without it, what people settled would be open again.
pub fn kept<T: DeserializeOwned + Default>(state: &Path, name: &str) -> Result<T> {
    let path = state.join(name);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(T::default()),
        Err(e) => return Err(cannot("read", &path, &e)),
    };
    serde_json::from_slice(&text).map_err(|e| {
        // The parser's own words could quote a note.
        Error::failed(format!("cannot read {}", path.display()))
            .because(format!("line {}, column {} is damaged", e.line(), e.column()))
            .hint("the state folder cannot be made again: restore this file from your backup")
    })
}

/// Keeps something in a file of the state, where it is not what stands there; nothing makes no file.
///
/// # Errors
/// When the disk refuses it (exit 4).
pub fn keep<T: Serialize + Default + PartialEq>(state: &Path, name: &str, what: &T) -> Result<()> {
    let path = state.join(name);
    let text = serde_json::to_vec(what).map_err(|e| Error::failed(format!("cannot write {name}")).because(e))?;
    if fs::read(&path).map_or(*what == T::default(), |old| old == text) {
        return Ok(());
    }
    write_atomically(&path, &text)
}

/// Takes leads out of what earlier reports said and of who was who: they should never have been landed.
///
/// # Errors
/// When a file cannot be read or written (exit 4).
pub fn take_out_leads(state: &Path, ids: &BTreeSet<String>) -> Result<usize> {
    let mut taken = 0;
    for folder in [HISTORY, IDENTITIES].map(|name| state.join(name)) {
        for (day, path) in dated(&folder)? {
            let frame = read(&path)?;
            let stays: BooleanChunked = frame
                .column("lead_id")?
                .str()?
                .iter()
                .map(|id| id.is_none_or(|id| !ids.contains(id)))
                .collect_ca("stays".into());
            if !stays.all() {
                let left = frame.filter(&stays)?;
                taken += frame.height() - left.height();
                keep_day(&folder, day, left)?;
            }
        }
    }
    Ok(taken)
}

/// Keeps the parameters of the identity model for people to read.
///
/// # Errors
/// When the disk refuses it (exit 4).
pub fn keep_model(state: &Path, json: &str) -> Result<()> {
    write_atomically(&state.join("model.json"), json.as_bytes())
}

fn keep_day(folder: &Path, day: NaiveDate, frame: DataFrame) -> Result<()> {
    let mut frame = outlet::table(&frame)?;
    frame.align_chunks_par();
    let mut bytes = Vec::new();
    write_parquet(&mut frame, &mut bytes)?;
    write_atomically(&folder.join(format!("{}.parquet", day.format("%Y-%m-%d"))), &bytes)
}

fn read(path: &Path) -> Result<DataFrame> {
    let file = File::open(path).map_err(|e| cannot("read", path, &e))?;
    ParquetReader::new(file).finish().map_err(|e| {
        Error::failed(format!("cannot read {}", path.display()))
            .because(e)
            .hint("the state folder cannot be made again: restore this file from your backup")
    })
}

/// Files named after a date, oldest first.
fn dated(folder: &Path) -> Result<Vec<(NaiveDate, PathBuf)>> {
    let mut found = Vec::new();
    if !folder.is_dir() {
        return Ok(found);
    }
    for entry in fs::read_dir(folder).map_err(|e| cannot("read", folder, &e))? {
        let path = entry.map_err(|e| cannot("read", folder, &e))?.path();
        let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        if path.extension().is_some_and(|e| e == "parquet")
            && let Ok(day) = NaiveDate::parse_from_str(&stem, "%Y-%m-%d")
        {
            found.push((day, path));
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_reads_only_what_earlier_days_said() {
        let state = tempfile::tempdir().unwrap();
        let entries = |day: &str| {
            let mut frame = History::DEFINITION.empty();
            let row = df!("as_of" => [day.parse::<NaiveDate>().unwrap()], "entry" => ["finding"], "lead_id" => [""],
                "destination" => [""], "code" => ["missed"], "about" => ["2026-05-01"])
            .unwrap();
            let row = polars::functions::concat_df_diagonal(&[frame.clone(), row]).unwrap();
            frame.vstack_mut(&row).unwrap();
            Table::<History>::new(frame).unwrap()
        };
        for day in ["2026-05-01", "2026-05-02", "2026-05-03"] {
            keep_history(state.path(), day.parse().unwrap(), &entries(day)).unwrap();
        }
        keep_history(state.path(), "2026-05-02".parse().unwrap(), &entries("2026-05-02")).unwrap();
        let before = history_before(state.path(), "2026-05-03".parse().unwrap()).unwrap();
        assert_eq!(before.height(), 2);
        assert_eq!(dated(&state.path().join(HISTORY)).unwrap().len(), 3);
    }

    #[test]
    fn a_history_of_version_0_1_is_read() {
        let state = tempfile::tempdir().unwrap();
        let old = df!("as_of" => ["2026-05-01".parse::<NaiveDate>().unwrap(); 5],
            "entry" => ["finding", "lead", "outage", "seen", "share"],
            "lead_id" => ["leads were lost", "00aa", "11bb", "contoso.mesh", ""],
            "destination" => ["crm", "crm", "crm", "", "crm"],
            "code" => ["missed", "missed", "all", "offer", "excluded-share:withheld"])
        .unwrap();
        let old = History::DEFINITION.sample(old).drop_many(["about", "text"]);
        keep_day(&state.path().join(HISTORY), "2026-05-01".parse().unwrap(), old).unwrap();
        let read = history_before(state.path(), "2026-05-02".parse().unwrap()).unwrap();
        let texts =
            |name: &str| read.texts(name).unwrap().into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>();
        assert_eq!(texts("entry"), ["finding", "lead", "outage", "seen", "share"]);
        assert_eq!(texts("lead_id"), ["", "00aa", "", "", ""]);
        assert_eq!(texts("about"), ["leads were lost", "", "11bb", "contoso.mesh", "withheld"]);
        assert_eq!(texts("text"), ["leads were lost", "", "", "", ""]);
        assert_eq!(texts("code"), ["missed", "missed", "all", "offer", "excluded-share"]);
    }
}
