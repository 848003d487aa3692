//! One data set of the landing: Parquet segments under `month=YYYY-MM`, each whole or absent, each checked when read.
//!
//! A segment's name is its description: first and last sequence number of its rows, generation, and the first half of
//! the SHA-256 of its bytes. Rows are numbered without gaps over the whole data set, so a segment that was lost, cut or
//! altered is noticed when the data set is opened or read; the file `rows` beside the months holds the last number, so
//! that a lost newest segment is noticed too. Forgetting and compacting write the same rows again under a
//! higher generation and then delete what that supersedes; a kill between the two leaves both, and the higher counts.
//! The layout is the Hive one that DuckDB and Spark read as one data set.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{Cursor, Read as _, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::SystemTime;

use chrono::NaiveDate;
use polars::prelude::*;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// The column that numbers the rows of a data set.
pub const SEQUENCE: &str = "sequence";

/// Rows of a Parquet row group.
const ROW_GROUP: usize = 1 << 15;

/// File of a data set that holds the number of its last row.
const ROWS: &str = "rows";

/// Neighbouring small segments that are joined: of a finished month from so many on, which a month of nights has.
const FEW: usize = 4;
/// Of the current month only from so many on, as a job that runs every few minutes makes them.
const MANY: usize = 64;

/// A segment, as its name describes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Segment {
    /// `2026-05`
    month: String,
    first: u64,
    last: u64,
    generation: u32,
    check: String,
}

impl Segment {
    fn parse(month: &str, file: &str) -> Option<Segment> {
        let mut parts = file.strip_suffix(".parquet")?.split('-');
        let (first, last, generation, check) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || check.len() != 32 {
            return None;
        }
        Some(Segment {
            month: month.to_owned(),
            first: first.parse().ok()?,
            last: last.parse().ok()?,
            generation: generation.strip_prefix('g')?.parse().ok()?,
            check: check.to_owned(),
        })
    }

    fn path(&self, dir: &Path) -> PathBuf {
        let file = format!("{:012}-{:012}-g{}-{}.parquet", self.first, self.last, self.generation, self.check);
        dir.join(format!("month={}", self.month)).join(file)
    }

    /// A hash of its bytes.
    pub fn check(&self) -> &str {
        &self.check
    }

    /// Whether it holds the row of a number.
    pub fn holds(&self, row: i64) -> bool {
        u64::try_from(row).is_ok_and(|row| (self.first..=self.last).contains(&row))
    }

    /// Whether `other` holds all of this segment's rows in a later form.
    fn superseded_by(&self, other: &Segment) -> bool {
        self.month == other.month
            && other.generation > self.generation
            && other.first <= self.first
            && self.last <= other.last
    }
}

/// A data set: a folder of segments.
#[derive(Debug)]
pub struct Segments {
    dir: PathBuf,
    /// In the order of their rows.
    segments: Vec<Segment>,
}

impl Segments {
    /// Opens a data set, which need not exist yet; nothing is changed on disk.
    ///
    /// # Errors
    /// When the folder cannot be read, or a segment is missing (exit 4).
    pub fn open(dir: &Path) -> Result<Segments> {
        // Before the segments are listed: a run may be adding some meanwhile.
        let promised = promised(dir)?;
        let mut found = Vec::new();
        for month in list(dir)? {
            let Some(name) = month.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_prefix("month=")) else {
                continue;
            };
            for file in list(&month)? {
                if let Some(segment) = file.file_name().and_then(|f| f.to_str()).and_then(|f| Segment::parse(name, f)) {
                    found.push(segment);
                }
            }
        }
        found.sort_by_key(|s| (s.first, s.last, s.generation));
        let segments: Vec<Segment> =
            found.iter().filter(|s| !found.iter().any(|o| s.superseded_by(o))).cloned().collect();
        let mut next = 1;
        for segment in &segments {
            if segment.first > next {
                return Err(Error::failed(format!(
                    "the landing has lost the rows {next} to {} of {}",
                    segment.first - 1,
                    dir.display()
                ))
                .hint("a segment was deleted by hand: bring the state folder back from a backup"));
            }
            next = next.max(segment.last + 1);
        }
        if promised >= next {
            let mark = dir.join(ROWS);
            return Err(Error::failed(format!(
                "the landing has lost the rows {next} to {promised} of {}, its newest",
                dir.display()
            ))
            .hint(format!(
                "a segment was deleted by hand: bring the state folder back from a backup; if there is none, delete {} \
                 and run once with --rescan, which lands again what the sources still hold",
                mark.display()
            )));
        }
        Ok(Segments { dir: dir.to_owned(), segments })
    }

    /// Deletes what a killed rewriting left behind. Only under the lock.
    ///
    /// # Errors
    /// When the folder cannot be changed (exit 4).
    pub fn tidy(&self) -> Result<()> {
        for month in list(&self.dir)? {
            let Some(name) = month.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_prefix("month=")) else {
                continue;
            };
            for file in list(&month)? {
                let parsed = file.file_name().and_then(|f| f.to_str()).and_then(|f| Segment::parse(name, f));
                if parsed.is_some_and(|s| self.segments.iter().any(|o| s.superseded_by(o))) {
                    remove(&file)?;
                }
            }
        }
        Ok(())
    }

    /// The number that the next row gets.
    pub fn next_sequence(&self) -> u64 {
        self.segments.iter().map(|s| s.last + 1).max().unwrap_or(1)
    }

    /// All segments, in the order of their rows.
    pub fn all(&self) -> &[Segment] {
        &self.segments
    }

    /// Appends rows as one segment, numbering them; whole or, on any failure, absent.
    ///
    /// # Errors
    /// When it cannot be written, as on a full disk (exit 4).
    pub fn append(&mut self, frame: DataFrame, day: NaiveDate) -> Result<()> {
        self.append_all(vec![frame], day)
    }

    /// Appends a segment for each of these frames that has rows. They are written side by side.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn append_all(&mut self, frames: Vec<DataFrame>, day: NaiveDate) -> Result<()> {
        let mut next = self.next_sequence();
        let mut numbered = Vec::new();
        for mut frame in frames.into_iter().filter(|frame| frame.height() > 0) {
            let (first, last) = (next, next + frame.height() as u64 - 1);
            let numbers = Int64Chunked::from_iter_values(SEQUENCE.into(), (first..=last).map(|n| n as i64));
            frame.with_column(numbers.into_series().into_column())?;
            numbered.push((first, last, frame));
            next = last + 1;
        }
        let Some((_, last, _)) = numbered.last() else { return Ok(()) };
        let (last, month) = (*last, day.format("%Y-%m").to_string());
        let written = numbered
            .into_par_iter()
            .with_max_len(1)
            .map(|(first, last, mut frame)| self.write(month.clone(), first, last, 0, &mut frame));
        let written = written.collect::<Result<Vec<_>>>()?;
        self.segments.extend(written);
        // After the segments: a kill between the two leaves more rows than promised, never fewer.
        put(&self.dir.join(ROWS), format!("{last}\n").as_bytes())
    }

    /// Reads a segment, or some of its columns, after checking its bytes. Columns that it does not have are left out.
    ///
    /// # Errors
    /// When it cannot be read or its bytes are not those that were written (exit 4).
    pub fn read(&self, segment: &Segment, columns: Option<&[&str]>) -> Result<DataFrame> {
        let path = segment.path(&self.dir);
        decoded(Cursor::new(checked(segment, &path)?.as_slice()), columns, &path)
    }

    /// Reads those rows of a segment that have this text in this column, whose rows alone are read first: a segment
    /// that has none of them takes no memory.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_where(&self, segment: &Segment, column: &str, value: &str) -> Result<DataFrame> {
        let path = segment.path(&self.dir);
        let bytes = checked(segment, &path)?;
        let light = decoded(Cursor::new(bytes.as_slice()), Some(&[column]), &path)?;
        let found = match light.column(column).and_then(|texts| texts.str()) {
            Ok(texts) => texts.equal(value),
            Err(_) => return Ok(DataFrame::empty()),
        };
        drop(light);
        if !found.any() {
            return Ok(DataFrame::empty());
        }
        let frame = decoded(Cursor::new(bytes.as_slice()), None, &path)?;
        drop(bytes);
        Ok(if found.all() { frame } else { frame.filter(&found)? })
    }

    /// Writes the rows of neighbouring segments of one month again, as `frame`, in place of them.
    ///
    /// # Errors
    /// When it cannot be written; then the old segments stand (exit 4).
    pub fn replace(&mut self, old: &[Segment], mut frame: DataFrame) -> Result<()> {
        let (Some(first), Some(last)) = (old.iter().map(|s| s.first).min(), old.iter().map(|s| s.last).max()) else {
            return Ok(());
        };
        let generation = old.iter().map(|s| s.generation).max().unwrap_or(0) + 1;
        let month = old.first().map(|s| s.month.clone()).unwrap_or_default();
        let new = self.write(month, first, last, generation, &mut frame)?;
        for segment in old {
            remove(&segment.path(&self.dir))?;
        }
        self.segments.retain(|s| !old.contains(s));
        self.segments.push(new);
        self.segments.sort_by_key(|s| (s.first, s.last, s.generation));
        Ok(())
    }

    /// Joins runs of small segments, so that years of nights stay quick to open: those of months before `today`'s from
    /// [`FEW`] on, those of this month from [`MANY`] on. A joined segment has at most so many rows and bytes on disk.
    /// Gives how many segments were joined. Can be killed at any instant.
    ///
    /// # Errors
    /// When it cannot be written; every row stands in any case (exit 4).
    pub fn compact(&mut self, today: NaiveDate, most_rows: u64, most_bytes: u64) -> Result<usize> {
        let current = today.format("%Y-%m").to_string();
        let mut runs: Vec<(Vec<Segment>, u64)> = Vec::new();
        for segment in &self.segments {
            let path = segment.path(&self.dir);
            let bytes = fs::metadata(&path).map_err(|e| cannot("read", &path, &e))?.len();
            match runs.last_mut() {
                Some((run, size))
                    if run.last().is_some_and(|l| l.month == segment.month && l.last + 1 == segment.first)
                        && run.first().is_some_and(|f| segment.last - f.first < most_rows)
                        && *size + bytes <= most_bytes =>
                {
                    run.push(segment.clone());
                    *size += bytes;
                }
                _ => runs.push((vec![segment.clone()], bytes)),
            }
        }
        let enough = |run: &[Segment]| {
            let finished = run.first().is_some_and(|s| s.month < current);
            run.len() >= if finished { FEW } else { MANY }
        };
        let mut joined = 0;
        for (run, _) in runs.into_iter().filter(|(run, _)| enough(run)) {
            let frames = run.iter().map(|s| Ok(self.read(s, None)?.lazy())).collect::<Result<Vec<_>>>()?;
            let arguments =
                UnionArgs { diagonal: true, to_supertypes: true, maintain_order: true, ..Default::default() };
            let frame = concat_lf_diagonal(frames, arguments)?.collect()?;
            joined += run.len();
            self.replace(&run, frame)?;
        }
        Ok(joined)
    }

    fn write(&self, month: String, first: u64, last: u64, generation: u32, frame: &mut DataFrame) -> Result<Segment> {
        let mut bytes = Vec::new();
        ParquetWriter::new(&mut bytes)
            .with_compression(ParquetCompression::Zstd(None))
            .with_row_group_size(Some(ROW_GROUP))
            .finish(frame)?;
        let segment = Segment { month, first, last, generation, check: check(&bytes) };
        let path = segment.path(&self.dir);
        put(&path, &bytes)?;
        Ok(segment)
    }
}

/// Segments whose bytes were seen to be those that were written, with size and time of the file: a night reads each
/// several times.
static SEEN: LazyLock<Mutex<HashMap<PathBuf, (u64, SystemTime)>>> = LazyLock::new(Mutex::default);

/// The bytes of a segment, which must be those that were written.
fn checked(segment: &Segment, path: &Path) -> Result<Vec<u8>> {
    let unread = |e: std::io::Error| cannot("read", path, &e);
    let mut file = File::open(path).map_err(unread)?;
    let metadata = file.metadata().map_err(unread)?;
    let state = (metadata.len(), metadata.modified().map_err(unread)?);
    let mut bytes = Vec::with_capacity(usize::try_from(state.0).unwrap_or_default());
    file.read_to_end(&mut bytes).map_err(unread)?;
    let seen = || SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    if seen().get(path) == Some(&state) {
        return Ok(bytes);
    }
    if check(&bytes) != segment.check {
        return Err(Error::failed("a segment of the landing is not what was written")
            .at(path.display())
            .because("its checksum differs")
            .hint("the disk or somebody altered it: bring this file back from a backup"));
    }
    seen().insert(path.to_owned(), state);
    Ok(bytes)
}

fn decoded(bytes: Cursor<&[u8]>, columns: Option<&[&str]>, path: &Path) -> Result<DataFrame> {
    let unreadable =
        |e: PolarsError| Error::failed("a segment of the landing cannot be read").at(path.display()).because(e);
    let mut reader = ParquetReader::new(bytes);
    if let Some(wanted) = columns {
        let schema = reader.schema().map_err(unreadable)?;
        let present = wanted.iter().filter(|c| schema.contains(c)).map(|c| (*c).to_owned()).collect();
        reader = reader.with_columns(Some(present));
    }
    reader.finish().map_err(unreadable)
}

/// The number of the last row that was ever appended; 0 where none was, or by a version that kept no such file.
fn promised(dir: &Path) -> Result<u64> {
    let path = dir.join(ROWS);
    match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map_err(|_| {
            Error::failed("the count of the landing's rows is damaged")
                .at(path.display())
                .hint("bring the file back from a backup, or delete it: the next rows write it anew")
        }),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(e) => Err(cannot("read", &path, &e)),
    }
}

/// Writes a file aside, syncs it, and moves it into place: whole or absent. Folders are made as needed, private.
///
/// # Errors
/// When any step fails, as on a full disk or in a read-only folder (exit 4).
pub fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    if !dir.exists() {
        make_dir(dir)?;
        if let Some(parent) = dir.parent() {
            sync_dir(parent)?;
        }
    }
    let aside = dir.join(format!(".{}.part", path.file_name().and_then(|f| f.to_str()).unwrap_or("segment")));
    let written = (|| {
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&aside, path)
    })();
    if let Err(e) = written {
        // The part is worthless; if even this fails, the next run under the lock clears it.
        let _ = fs::remove_file(&aside);
        return Err(cannot("write", path, &e).hint("free some space or make the folder writable; nothing was lost"));
    }
    sync_dir(dir)
}

/// Makes a folder and its parents, private to the user.
///
/// # Errors
/// When it cannot be made (exit 4).
pub fn make_dir(dir: &Path) -> Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|e| cannot("make", dir, &e))
}

/// Deletes the `.part` files that a killed run left anywhere below a folder.
///
/// # Errors
/// When the folder cannot be read or changed (exit 4).
pub fn clear_parts(dir: &Path) -> Result<()> {
    for path in list(dir)? {
        if path.is_dir() {
            clear_parts(&path)?;
        } else if path.extension().is_some_and(|e| e == "part") {
            remove(&path)?;
        }
    }
    Ok(())
}

/// The entries of a folder in order; none if it does not exist.
pub(super) fn list(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(dir) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|e| cannot("read", dir, &e))?,
    };
    let mut paths = entries
        .map(|e| e.map(|e| e.path()))
        .collect::<std::io::Result<Vec<_>>>()
        .map_err(|e| cannot("read", dir, &e))?;
    paths.sort();
    Ok(paths)
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(cannot("delete", path, &e)),
        _ => Ok(()),
    }
}

fn sync_dir(dir: &Path) -> Result<()> {
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    File::open(dir).and_then(|d| d.sync_all()).map_err(|e| cannot("sync", dir, &e))
}

fn check(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    hex::encode(digest.get(..16).unwrap_or(&digest))
}

/// An input or output failure of the state folder.
pub(super) fn cannot(verb: &str, path: &Path, cause: &std::io::Error) -> Error {
    Error::failed(format!("cannot {verb} {}", path.display())).because(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn rows(segments: &Segments) -> Vec<i64> {
        let mut all = Vec::new();
        for segment in segments.all() {
            let frame = segments.read(segment, Some(&["x"])).unwrap();
            all.extend(frame.column("x").unwrap().i64().unwrap().into_no_null_iter());
        }
        all
    }

    fn five(dir: &Path) -> Segments {
        let mut segments = Segments::open(dir).unwrap();
        segments.append(df!("x" => [1i64, 2]).unwrap(), day("2026-05-30")).unwrap();
        segments.append(df!("x" => [3i64]).unwrap(), day("2026-05-31")).unwrap();
        segments.append(df!("x" => [4i64]).unwrap(), day("2026-05-31")).unwrap();
        segments.append(df!("x" => [5i64]).unwrap(), day("2026-05-31")).unwrap();
        segments.append(df!("x" => [6i64]).unwrap(), day("2026-06-01")).unwrap();
        segments
    }

    #[test]
    fn rows_stay_in_order_over_appends_and_compaction() {
        let dir = tempfile::tempdir().unwrap();
        five(dir.path());
        let mut segments = Segments::open(dir.path()).unwrap();
        assert_eq!(rows(&segments), [1, 2, 3, 4, 5, 6]);
        assert_eq!(segments.compact(day("2026-05-31"), 1000, 1 << 20).unwrap(), 0, "the month is not over");
        assert_eq!(segments.compact(day("2026-06-30"), 4, 1 << 20).unwrap(), 0, "no four fit together");
        assert_eq!(segments.compact(day("2026-06-30"), 5, 1 << 20).unwrap(), 4);
        assert_eq!(segments.compact(day("2026-06-30"), 5, 1 << 20).unwrap(), 0, "nothing is joined twice");
        let mut again = Segments::open(dir.path()).unwrap();
        assert_eq!((again.all().len(), rows(&again)), (2, vec![1, 2, 3, 4, 5, 6]));
        assert_eq!(segments.next_sequence(), 7);
        for n in 0..MANY {
            again.append(df!("x" => [n as i64]).unwrap(), day("2026-06-02")).unwrap();
        }
        let before = rows(&again);
        assert_eq!(again.compact(day("2026-06-02"), 1000, 1 << 20).unwrap(), MANY + 1, "too many of one month");
        assert_eq!(rows(&Segments::open(dir.path()).unwrap()), before);
    }

    #[test]
    fn a_rewriting_killed_before_it_deletes_the_old_segments_counts_each_row_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut segments = five(dir.path());
        let old = segments.all()[..4].to_vec();
        let kept: Vec<_> = old.iter().map(|s| (s.path(dir.path()), fs::read(s.path(dir.path())).unwrap())).collect();
        assert_eq!(segments.compact(day("2026-07-01"), 1000, 1 << 20).unwrap(), 4);
        for (path, bytes) in &kept {
            fs::write(path, bytes).unwrap();
        }
        let again = Segments::open(dir.path()).unwrap();
        assert_eq!(rows(&again), [1, 2, 3, 4, 5, 6]);
        again.tidy().unwrap();
        assert!(kept.iter().all(|(path, _)| !path.exists()));
    }

    #[test]
    fn a_lost_an_altered_and_a_cut_segment_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let segments = five(dir.path());
        let path = segments.all()[1].path(dir.path());
        let bytes = fs::read(&path).unwrap();
        assert!(segments.read(&segments.all()[1], None).is_ok(), "so that it was seen whole once");
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        let error = segments.read(&segments.all()[1], None).unwrap_err().to_string();
        assert!(error.contains("checksum differs"), "{error}");
        fs::remove_file(&path).unwrap();
        let error = Segments::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("lost the rows 3 to 3"), "{error}");
        fs::write(&path, bytes).unwrap();
        let newest = segments.all()[4].path(dir.path());
        fs::remove_file(newest).unwrap();
        let error = Segments::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("lost the rows 6 to 6") && error.contains("--rescan"), "{error}");
        fs::remove_file(dir.path().join(ROWS)).unwrap();
        assert_eq!(rows(&Segments::open(dir.path()).unwrap()), [1, 2, 3, 4, 5], "as the hint says");
    }
}
