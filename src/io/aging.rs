//! Older reports lose what shows people: summary, masked report and counting tables stay for `keep_days`, the rest for
//! `keep_people_days`. A folder is exchanged for one without them in one step, and its manifest says so. What `replay`
//! handed out ages alike.

use std::fs::{self, File};
use std::path::Path;

use chrono::{DateTime, Days, NaiveDate, Utc};
use serde_json::{Value, json};

use super::publish::{ASIDE, MANIFEST, cannot, exchange, older_than, private_dir, remove, sync_dir, write_atomically};
use crate::error::{Error, Result};
use crate::tables::shows_people;

/// Field of the manifest of a folder from which people were taken.
const WITHOUT: &str = "without_people";

/// Takes what shows people out of the reports of more than `days` days before the clock's day (`today`), by the rules of
/// [`super::publish::delete_old`], and deletes files of `replay` that are as old. Gives the days of the reports.
///
/// # Errors
/// When a folder cannot be read or written (exit 4).
pub fn take_people(out: &Path, (as_of, today): (NaiveDate, NaiveDate), days: i64) -> Result<Vec<String>> {
    let mut aged = Vec::new();
    for (date, folder) in older_than(out, (as_of, today), days)? {
        if without_people(&folder).is_none() {
            take_out(out, &folder, today)?;
            aged.push(date.format("%Y-%m-%d").to_string());
        }
    }
    let oldest = today.checked_sub_days(Days::new(days.unsigned_abs())).unwrap_or(NaiveDate::MIN);
    let handed_out = out.join("replay");
    if handed_out.is_dir() {
        for entry in fs::read_dir(&handed_out).map_err(|e| cannot("read", &handed_out, &e))?.flatten() {
            let written = entry.metadata().and_then(|file| file.modified()).map(DateTime::<Utc>::from);
            if written.is_ok_and(|at| at.date_naive() < oldest) && entry.path().is_file() {
                remove(&entry.path())?;
            }
        }
    }
    Ok(aged)
}

/// The day on which people were taken out of a report, and the command that makes it whole again; none if they stand there.
pub fn without_people(folder: &Path) -> Option<(String, String)> {
    let manifest: Value = serde_json::from_slice(&fs::read(folder.join(MANIFEST)).ok()?).ok()?;
    let text = |name: &str| Some(manifest.get(WITHOUT)?.get(name)?.as_str()?.to_owned());
    Some((text("since")?, text("again")?))
}

fn take_out(out: &Path, folder: &Path, today: NaiveDate) -> Result<()> {
    let name = folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let path = folder.join(MANIFEST);
    let read = |e: &dyn std::fmt::Display| Error::failed(format!("cannot read {}", path.display())).because(e);
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).map_err(|e| cannot("read", &path, &e))?)
        .map_err(|e| read(&e).hint("it is damaged: delete the folder, or make it again"))?;
    let written = fs::metadata(&path).and_then(|m| m.modified()).map_err(|e| cannot("read", &path, &e))?;
    let outputs: Vec<Value> = manifest.get("outputs").and_then(Value::as_array).cloned().unwrap_or_default();
    let (gone, kept): (Vec<Value>, Vec<Value>) = outputs.into_iter().partition(of_people);
    let paths = |of: &[Value]| of.iter().filter_map(|o| o["path"].as_str().map(str::to_owned)).collect::<Vec<_>>();
    let stay = paths(&kept);
    if let Some(fields) = manifest.as_object_mut() {
        fields.insert("outputs".into(), Value::Array(kept));
        let again = format!("leadrecon run --as-of {name} --offline");
        fields.insert(WITHOUT.into(), json!({ "since": today, "files": paths(&gone), "again": again }));
    }

    let aside = out.join(format!("{ASIDE}{name}"));
    if aside.exists() {
        remove(&aside)?;
    }
    private_dir(&aside.join("tables"))?;
    for file in stay.iter().filter(|file| folder.join(file).is_file()) {
        let to = aside.join(file);
        if let Some(parent) = to.parent() {
            private_dir(parent)?;
        }
        fs::hard_link(folder.join(file), &to).map_err(|e| cannot("write", &to, &e))?;
    }
    let text = serde_json::to_string_pretty(&manifest).map_err(|e| Error::failed("cannot write JSON").because(e))?;
    let new = aside.join(MANIFEST);
    write_atomically(&new, (text + "\n").as_bytes())?;
    // It is as old as it was: keep_days goes on counting.
    File::options()
        .write(true)
        .open(&new)
        .and_then(|f| f.set_modified(written))
        .map_err(|e| cannot("write", &new, &e))?;
    sync_dir(&aside.join("tables"))?;
    sync_dir(&aside)?;
    exchange(&aside, folder)
}

/// Whether a file of a manifest shows people. Earlier versions did not say: by name, what is not known to show none does.
fn of_people(output: &Value) -> bool {
    output["people"].as_bool().unwrap_or_else(|| {
        let path = output["path"].as_str().unwrap_or_default();
        match path.strip_prefix("tables/").and_then(|table| table.split('.').next()) {
            Some(table) => shows_people(table) && table != "README",
            None => !["summary.json", "summary.txt", "report.html", "report.xlsx"].contains(&path),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::publish::{Folder, LATEST};

    #[test]
    fn an_older_report_keeps_its_counts_and_loses_its_people_and_says_how_they_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path();
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        for date in ["2026-05-01", "2026-05-08", "2026-05-09"] {
            let mut folder = Folder::new(out, day(date)).unwrap();
            for (name, people) in [("summary.txt", false), ("call-list.xlsx", true), ("tables/leads.parquet", true)] {
                folder.write(name, name.as_bytes(), people).unwrap();
            }
            let manifest = json!({ "outputs": folder.written });
            folder.write(MANIFEST, manifest.to_string().as_bytes(), false).unwrap();
            let path = folder.publish().unwrap().join(MANIFEST);
            let at = day(date).and_hms_opt(12, 0, 0).unwrap().and_utc();
            File::options().write(true).open(path).unwrap().set_modified(at.into()).unwrap();
        }
        private_dir(&out.join("replay")).unwrap();
        fs::write(out.join("replay/new.csv"), "x").unwrap();
        let old = out.join("replay/old.csv");
        fs::write(&old, "x").unwrap();
        let at = day("2026-05-01").and_hms_opt(12, 0, 0).unwrap().and_utc();
        File::options().write(true).open(&old).unwrap().set_modified(at.into()).unwrap();
        let today = (day("2026-05-09"), day("2026-05-09"));
        assert_eq!(take_people(out, today, 7).unwrap(), ["2026-05-01"]);
        assert!(take_people(out, today, 7).unwrap().is_empty(), "once");
        let old = out.join("2026-05-01");
        assert!(old.join("summary.txt").exists() && !old.join("call-list.xlsx").exists());
        assert!(!old.join("tables/leads.parquet").exists() && out.join("2026-05-08/call-list.xlsx").exists());
        let again = without_people(&old).unwrap();
        assert_eq!(again, ("2026-05-09".to_owned(), "leadrecon run --as-of 2026-05-01 --offline".to_owned()));
        assert_eq!(fs::read_link(out.join(LATEST)).unwrap(), Path::new("2026-05-09"));
        assert_eq!(older_than(out, today, 7).unwrap().len(), 1, "it is as old as it was");
        assert!(out.join("replay/new.csv").exists() && !out.join("replay/old.csv").exists());
    }
}
