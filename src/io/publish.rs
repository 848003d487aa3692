//! Finished tables and reports → `<output.dir>/<as-of>/`, a folder that appears whole or not at all.
//!
//! Everything is written into a folder aside, synced, and exchanged with the old one in one step. A file whose bytes
//! did not change is the old file (a hard link), so that its time and inode say so. Modes are 0700 and 0600.

use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Days, NaiveDate, Utc};
use polars::prelude::*;
use rayon::prelude::*;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use sha2::{Digest, Sha256};

use super::outlet;
use crate::error::{Error, Result};
use crate::redaction::shown;
use crate::tables::shows_people;

/// File name of the manifest, the only file that may tell of the run itself.
pub const MANIFEST: &str = "manifest.json";
/// Name of the symlink to the greatest as-of date.
pub const LATEST: &str = "latest";
pub(super) const ASIDE: &str = ".writing-";

/// Rows of a Parquet row group; fixed, so that equal tables are equal bytes.
const ROW_GROUP: usize = 1 << 17;

/// What a written file is, for the manifest.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Written {
    /// Path below the dated folder.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256, hex.
    pub sha256: String,
    /// Rows, for tables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<usize>,
    /// Whether it shows people, or what leads to one: such files go first.
    pub people: bool,
}

/// A dated folder being written aside.
#[derive(Debug)]
pub struct Folder {
    out: PathBuf,
    aside: PathBuf,
    name: String,
    /// The folder of the day before, whose equal files are linked.
    before: Option<PathBuf>,
    /// Files written so far, in order.
    pub written: Vec<Written>,
}

/// Tries whether the output folder can be written, before any work is done, and clears what a killed run left.
/// Call it under the run's lock.
///
/// # Errors
/// When it cannot be made or written (exit 4).
pub fn prepare(out: &Path) -> Result<()> {
    private_dir(out)?;
    for entry in fs::read_dir(out).map_err(|e| cannot("read", out, &e))? {
        let entry = entry.map_err(|e| cannot("read", out, &e))?;
        if entry.file_name().to_string_lossy().starts_with(ASIDE) {
            remove(&entry.path())?;
        }
    }
    let probe = out.join(format!("{ASIDE}probe"));
    fs::write(&probe, b"").map_err(|e| cannot("write", &probe, &e))?;
    fs::remove_file(&probe).map_err(|e| cannot("write", &probe, &e))
}

impl Folder {
    /// Starts the folder of an as-of date.
    ///
    /// # Errors
    /// When it cannot be made (exit 4).
    pub fn new(out: &Path, as_of: NaiveDate) -> Result<Folder> {
        let name = as_of.format("%Y-%m-%d").to_string();
        let aside = out.join(format!("{ASIDE}{name}"));
        if aside.exists() {
            remove(&aside)?;
        }
        private_dir(&aside.join("tables"))?;
        let before = dated_folders(out)?.into_iter().rfind(|(day, _)| *day < as_of).map(|(_, path)| path);
        Ok(Folder { out: out.to_owned(), aside, name, before, written: Vec::new() })
    }

    /// Writes a file of text, which passes the outlet.
    ///
    /// # Errors
    /// When the disk refuses it (exit 4).
    pub fn write_text(&mut self, name: &str, text: &str, people: bool) -> Result<()> {
        self.write(name, shown(text).as_bytes(), people)
    }

    /// Writes one file as it is.
    ///
    /// # Errors
    /// When the disk refuses it (exit 4).
    pub fn write(&mut self, name: &str, bytes: &[u8], people: bool) -> Result<()> {
        let path = self.aside.join(name);
        let fill = |to: &mut dyn Write| to.write_all(bytes).map_err(|e| cannot("write", &path, &e));
        let written = self.put(name, (None, people), fill)?;
        self.written.push(written);
        Ok(())
    }

    /// Writes tables, several at once, each as `tables/NAME.parquet`, exact, and where asked as `tables/NAME.csv`, with
    /// texts that could be formulas neutralised.
    ///
    /// # Errors
    /// When the disk refuses it (exit 4).
    pub fn write_tables(&mut self, tables: &[(&str, &DataFrame, bool)]) -> Result<()> {
        let one_by_one = tables.par_iter().with_max_len(1);
        let written = one_by_one.map(|(name, frame, csv)| self.put_table(name, frame, *csv));
        let written = written.collect::<Result<Vec<_>>>()?;
        self.written.extend(written.into_iter().flatten());
        Ok(())
    }

    /// Whether a table was written already.
    pub fn has_table(&self, table: &str) -> bool {
        let path = format!("tables/{table}.parquet");
        self.written.iter().any(|written| written.path == path)
    }

    fn put_table(&self, table: &str, frame: &DataFrame, csv: bool) -> Result<Vec<Written>> {
        let mut frame = outlet::table(frame)?;
        frame.align_chunks_par();
        let about = (Some(frame.height()), shows_people(table));
        let parquet = |to: &mut dyn Write| write_parquet_of(&mut frame, to, described(table));
        let mut written = vec![self.put(&format!("tables/{table}.parquet"), about, parquet)?];
        if csv {
            written.push(self.put(&format!("tables/{table}.csv"), about, |to| write_csv(&frame, to))?);
        }
        Ok(written)
    }

    /// Exchanges the folder with the old one of the same date and points `latest` at the greatest date.
    ///
    /// # Errors
    /// When the disk refuses it (exit 4); the old folder is left as it was.
    pub fn publish(self) -> Result<PathBuf> {
        sync_dir(&self.aside.join("tables"))?;
        sync_dir(&self.aside)?;
        let target = self.out.join(&self.name);
        if target.exists() {
            exchange(&self.aside, &target)?;
        } else {
            fs::rename(&self.aside, &target).map_err(|e| cannot("write", &target, &e))?;
        }
        point_latest(&self.out)?;
        sync_dir(&self.out)?;
        Ok(target)
    }

    /// Writes a file and hashes it on its way; one of the same bytes that stands already is kept in its place.
    fn put(
        &self,
        name: &str,
        (rows, people): (Option<usize>, bool),
        fill: impl FnOnce(&mut dyn Write) -> Result<()>,
    ) -> Result<Written> {
        let path = self.aside.join(name);
        let mut to = Hashed { to: private_file(&path)?, size: 0, hasher: Sha256::new() };
        let mut buffer = BufWriter::with_capacity(1 << 17, &mut to);
        fill(&mut buffer)?;
        buffer.flush().map_err(|e| cannot("write", &path, &e))?;
        drop(buffer);
        to.to.sync_all().map_err(|e| cannot("write", &path, &e))?;
        let sha256 = hex::encode(to.hasher.finalize());
        let written = Written { path: name.to_owned(), size: to.size, sha256, rows, people };
        // The manifest's own time says when its folder was written, so it is never that of another.
        if name != MANIFEST {
            self.keep_old_if_equal(&written)?;
        }
        Ok(written)
    }

    fn keep_old_if_equal(&self, written: &Written) -> Result<()> {
        let new = self.aside.join(&written.path);
        let is_equal = |old: &PathBuf| {
            let is_as_large = fs::metadata(old).is_ok_and(|old| old.len() == written.size);
            is_as_large && hash_file(old).is_ok_and(|(_, sha256)| sha256 == written.sha256)
        };
        let today = self.out.join(&self.name);
        let earlier = std::iter::once(&today).chain(&self.before).map(|folder| folder.join(&written.path));
        let Some(old) = earlier.into_iter().find(is_equal) else { return Ok(()) };
        fs::remove_file(&new).map_err(|e| cannot("write", &new, &e))?;
        fs::hard_link(&old, &new).or_else(|_| fs::copy(&old, &new).map(drop)).map_err(|e| cannot("write", &new, &e))
    }
}

impl Drop for Folder {
    /// What was not published is nobody's; where it cannot be removed, the next run clears it.
    fn drop(&mut self) {
        if self.aside.exists() {
            let _ = remove(&self.aside);
        }
    }
}

/// A file whose bytes are counted and hashed as they are written.
struct Hashed {
    to: File,
    size: u64,
    hasher: Sha256,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let n = self.to.write(bytes)?;
        self.hasher.update(bytes.get(..n).unwrap_or(bytes));
        self.size += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}

/// Puts a folder in place of another in one step, and removes the other.
pub(super) fn exchange(new: &Path, old: &Path) -> Result<()> {
    renameat_with(CWD, new, CWD, old, RenameFlags::EXCHANGE)
        .map_err(|e| cannot("replace", old, &std::io::Error::from(e)))?;
    sync_dir(old.parent().unwrap_or(Path::new(".")))?;
    remove(new)
}

/// Deletes dated folders of ours that are older than `keep_days` before the clock's day (`today`), counted from their day
/// or from when they were written, whichever is later; never the one of `as_of`, a later one, or what `latest` names.
///
/// # Errors
/// When the output folder cannot be read or a folder cannot be deleted (exit 4).
pub fn delete_old(out: &Path, (as_of, today): (NaiveDate, NaiveDate), keep_days: i64) -> Result<Vec<String>> {
    let mut deleted = Vec::new();
    for (date, path) in older_than(out, (as_of, today), keep_days)? {
        remove(&path)?;
        deleted.push(date.format("%Y-%m-%d").to_string());
    }
    Ok(deleted)
}

/// Dated folders of ours of more than so many days before `today`, as [`delete_old`] counts them.
pub(super) fn older_than(
    out: &Path,
    (as_of, today): (NaiveDate, NaiveDate),
    days: i64,
) -> Result<Vec<(NaiveDate, PathBuf)>> {
    let oldest = today.checked_sub_days(Days::new(days.unsigned_abs())).unwrap_or(NaiveDate::MIN);
    let latest = fs::read_link(out.join(LATEST)).ok();
    let is_old = |(date, path): &(NaiveDate, PathBuf)| {
        let named_latest = latest.as_deref().is_some_and(|l| Some(l.as_os_str()) == path.file_name());
        // Without a manifest it is not ours, whatever its name.
        let written = fs::metadata(path.join(MANIFEST)).and_then(|manifest| manifest.modified()).ok();
        let written = written.map(|at| DateTime::<Utc>::from(at).date_naive());
        written.is_some_and(|written| (*date).max(written) < oldest) && *date < as_of && !named_latest
    };
    Ok(dated_folders(out)?.into_iter().filter(is_old).collect())
}

/// The published dates, oldest first.
///
/// # Errors
/// When the output folder cannot be read (exit 4).
pub fn dated_folders(out: &Path) -> Result<Vec<(NaiveDate, PathBuf)>> {
    let mut found = Vec::new();
    if !out.is_dir() {
        return Ok(found);
    }
    for entry in fs::read_dir(out).map_err(|e| cannot("read", out, &e))? {
        let entry = entry.map_err(|e| cannot("read", out, &e))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Ok(date) = NaiveDate::parse_from_str(&name, "%Y-%m-%d")
            && name.len() == 10
            && entry.file_type().is_ok_and(|t| t.is_dir())
        {
            found.push((date, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

fn point_latest(out: &Path) -> Result<()> {
    let Some((newest, _)) = dated_folders(out)?.into_iter().rfind(|(_, p)| p.join(MANIFEST).is_file()) else {
        return Ok(());
    };
    let link = out.join(LATEST);
    let name = newest.format("%Y-%m-%d").to_string();
    if fs::read_link(&link).is_ok_and(|l| l == Path::new(&name)) {
        return Ok(());
    }
    let aside = out.join(format!("{ASIDE}{LATEST}"));
    let _ = fs::remove_file(&aside);
    std::os::unix::fs::symlink(&name, &aside).map_err(|e| cannot("write", &aside, &e))?;
    fs::rename(&aside, &link).map_err(|e| cannot("write", &link, &e))
}

/// A frame as Parquet, zstd, fixed row groups: equal frames are equal bytes.
///
/// # Errors
/// When the writer fails (exit 4).
pub fn write_parquet(frame: &mut DataFrame, to: impl Write) -> Result<()> {
    write_parquet_of(frame, to, Vec::new())
}

/// What the dictionary says of a table, for the file's own metadata: what a row is, and each column's meaning under
/// `description.COLUMN`. Nothing of a table that is not in it.
fn described(table: &str) -> Vec<(String, String)> {
    let Some(table) = crate::tables::ALL.iter().find(|of| of.name == table) else { return Vec::new() };
    let about = [("grain", format!("one row per {}", table.grain)), ("key", table.key.join(", "))];
    let about = about.into_iter().map(|(name, value)| (name.to_owned(), value));
    about.chain(table.columns.iter().map(|c| (format!("description.{}", c.name), c.meaning.to_owned()))).collect()
}

fn write_parquet_of(frame: &mut DataFrame, to: impl Write, about: Vec<(String, String)>) -> Result<()> {
    let about = (!about.is_empty()).then(|| KeyValueMetadata::from_static(about));
    ParquetWriter::new(to)
        .with_key_value_metadata(about)
        .with_compression(ParquetCompression::Zstd(None))
        .with_row_group_size(Some(ROW_GROUP))
        .finish(frame)
        .map_err(|e| Error::failed("cannot write a Parquet file").because(e).hint("is the disk full?"))?;
    Ok(())
}

/// A frame as CSV for people: RFC 4180, times as RFC 3339 with microseconds and Z, formulas neutralised.
///
/// # Errors
/// When the writer fails (exit 4).
pub fn write_csv(frame: &DataFrame, to: impl Write) -> Result<()> {
    let columns = frame
        .columns()
        .iter()
        .map(|column| match column.dtype() {
            DataType::String => {
                let text = column.as_materialized_series().str()?;
                Ok(text
                    .apply(|value| value.map(crate::csv_injection::neutralise))
                    .into_series()
                    .with_name(column.name().clone())
                    .into())
            }
            _ => Ok(column.clone()),
        })
        .collect::<PolarsResult<Vec<_>>>()?;
    let mut frame = DataFrame::new(frame.height(), columns)?;
    CsvWriter::new(to)
        .with_datetime_format(Some("%Y-%m-%dT%H:%M:%S%.6fZ".into()))
        .with_date_format(Some("%Y-%m-%d".into()))
        .finish(&mut frame)
        .map_err(|e| Error::failed("cannot write a CSV file").because(e).hint("is the disk full?"))?;
    Ok(())
}

/// A folder and its parents, private to the user.
///
/// # Errors
/// When it cannot be made (exit 4).
pub fn private_dir(path: &Path) -> Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|e| cannot("make", path, &e))
}

fn private_file(path: &Path) -> Result<File> {
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|e| cannot("write", path, &e))
}

/// Writes a file aside, syncs it and renames it into place; private to the user.
///
/// # Errors
/// When the disk refuses it (exit 4); an older file is left as it was.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    write_aside(path, bytes, 0o600)
}

/// As [`write_atomically`], for other users to read, as the collector of metrics is one.
///
/// # Errors
/// As [`write_atomically`].
pub fn write_for_all(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o755).create(parent).map_err(|e| cannot("make", parent, &e))?;
    }
    write_aside(path, bytes, 0o644)
}

fn write_aside(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let parent = path.parent().unwrap_or(Path::new("."));
    private_dir(parent)?;
    let mut aside = tempfile::Builder::new()
        .prefix(ASIDE)
        .permissions(fs::Permissions::from_mode(mode))
        .tempfile_in(parent)
        .map_err(|e| cannot("write", path, &e))?;
    // What the user's mask takes away is given again: whoever may read it must be able to.
    aside.as_file().set_permissions(fs::Permissions::from_mode(mode)).map_err(|e| cannot("write", path, &e))?;
    aside.write_all(bytes).and_then(|()| aside.as_file().sync_all()).map_err(|e| cannot("write", path, &e))?;
    aside.persist(path).map_err(|e| cannot("write", path, &e.error))?;
    sync_dir(parent)
}

/// Makes a renaming in this folder survive a power cut.
///
/// # Errors
/// When the folder cannot be synced (exit 4).
pub fn sync_dir(path: &Path) -> Result<()> {
    // The folder of a bare file name.
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    File::open(path).and_then(|f| f.sync_all()).map_err(|e| cannot("sync", path, &e))
}

pub(super) fn remove(path: &Path) -> Result<()> {
    let result = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    result.map_err(|e| cannot("delete", path, &e))
}

/// Size and SHA-256 (hex) of a file, read in pieces.
///
/// # Errors
/// When it cannot be read.
pub fn hash_file(path: &Path) -> std::io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0u8; 1 << 16];
    let mut size = 0;
    loop {
        let n = file.read(&mut piece)?;
        if n == 0 {
            return Ok((size, hex::encode(hasher.finalize())));
        }
        size += n as u64;
        hasher.update(&piece[..n]);
    }
}

/// The error for a file operation that the system refused.
pub fn cannot(verb: &str, path: &Path, error: &std::io::Error) -> Error {
    let hint = match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            "free some room and run again; nothing was lost"
        }
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
            "the user that runs leadrecon needs to own this folder"
        }
        std::io::ErrorKind::NotFound => "check the path",
        _ => "run again; earlier output is as it was",
    };
    Error::failed(format!("cannot {verb} {}", path.display())).because(error).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn publish(out: &Path, date: &str, text: &str) -> PathBuf {
        let mut folder = Folder::new(out, day(date)).unwrap();
        folder.write("summary.txt", text.as_bytes(), false).unwrap();
        folder.write(MANIFEST, b"{}", false).unwrap();
        folder.publish().unwrap()
    }

    #[test]
    fn a_folder_that_is_not_published_leaves_nothing_behind() {
        let out = tempfile::tempdir().unwrap();
        let mut folder = Folder::new(out.path(), day("2026-05-03")).unwrap();
        folder.write("summary.txt", b"half", false).unwrap();
        drop(folder);
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_second_run_of_the_day_replaces_the_folder_and_keeps_equal_files() {
        use std::os::unix::fs::MetadataExt;
        let out = tempfile::tempdir().unwrap();
        prepare(out.path()).unwrap();
        let first = publish(out.path(), "2026-05-03", "same");
        let inode = fs::metadata(first.join("summary.txt")).unwrap().ino();
        let second = publish(out.path(), "2026-05-03", "same");
        assert_eq!(inode, fs::metadata(second.join("summary.txt")).unwrap().ino());
        publish(out.path(), "2026-05-03", "other");
        assert_eq!(fs::read_to_string(second.join("summary.txt")).unwrap(), "other");
        assert_eq!(fs::metadata(&second).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(second.join("summary.txt")).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn latest_names_the_greatest_date_and_never_goes_back() {
        let out = tempfile::tempdir().unwrap();
        publish(out.path(), "2026-05-03", "a");
        publish(out.path(), "2026-05-01", "b");
        assert_eq!(fs::read_link(out.path().join(LATEST)).unwrap(), Path::new("2026-05-03"));
    }

    #[test]
    fn only_old_folders_of_ours_are_deleted_by_their_day_and_by_when_they_were_written() {
        let out = tempfile::tempdir().unwrap();
        let written = |date: &str, on: &str| {
            let manifest = File::options().append(true).open(out.path().join(date).join(MANIFEST)).unwrap();
            manifest.set_modified(day(on).and_hms_opt(3, 0, 0).unwrap().and_utc().into()).unwrap();
        };
        for date in ["2026-01-01", "2026-01-02", "2026-05-01", "2026-05-03"] {
            publish(out.path(), date, "x");
            written(date, date);
        }
        written("2026-01-02", "2026-05-02");
        fs::create_dir(out.path().join("2025-01-01")).unwrap();
        // A slip in --as-of ages nothing: it is the clock's day that counts.
        assert!(delete_old(out.path(), (day("2062-05-03"), day("2026-01-20")), 90).unwrap().is_empty());
        assert_eq!(delete_old(out.path(), (day("2026-05-03"), day("2026-05-03")), 90).unwrap(), ["2026-01-01"]);
        assert!(out.path().join("2025-01-01").exists(), "it holds no manifest of ours");
        assert!(delete_old(out.path(), (day("2026-01-02"), day("2027-05-03")), 90).unwrap().is_empty(), "it is later");
    }

    #[test]
    fn csv_for_people_cannot_act_as_a_formula_and_times_are_rfc_3339() {
        let at = chrono::DateTime::parse_from_rfc3339("2026-05-03T14:02:00Z").unwrap().timestamp_micros();
        let frame = df!("text" => [Some("=cmd()"), None], "at" => [at, at])
            .unwrap()
            .lazy()
            .with_column(col("at").cast(DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC))))
            .collect()
            .unwrap();
        let mut bytes = Vec::new();
        write_csv(&frame, &mut bytes).unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            "text,at\n'=cmd(),2026-05-03T14:02:00.000000Z\n,2026-05-03T14:02:00.000000Z\n"
        );
    }
}
