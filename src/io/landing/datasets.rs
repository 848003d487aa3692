//! Versions of rows beside the raw leads: CRM records, blobs and files seen.
//!
//! The same append-only segments as the raw leads, for rows of any columns under a key. A row is landed when its key is
//! new or when its columns differ from the newest version of the key; nulls do not count, so that a column added later
//! makes no new versions. Which columns there are, and what they mean, is the caller's matter.

use std::collections::BTreeSet;
use std::path::Path;

use chrono::{DateTime, NaiveDate, Utc};
use polars::prelude::*;
use rayon::prelude::*;

use super::content::{hash, keyed_hash};
use super::segments::{SEQUENCE, Segments};
use crate::error::{Error, Result};
use crate::tables::lean;

/// A data set of the landing.
#[derive(Clone, Copy, Debug)]
pub struct Dataset {
    /// Folder under `landing/`, as `crm_records`.
    pub name: &'static str,
    /// The columns, all text, that name a row.
    pub key: &'static [&'static str],
}

/// Columns that the landing adds to those of the caller.
pub const ADDED: [&str; 5] = ["landed_at", "landed_on", "content", "forgotten", SEQUENCE];

/// How rows are erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erasure {
    /// On request: nothing is landed under the key any more, and the same columns under no key.
    ForGood,
    /// For their age: what is shown again under the key is landed anew.
    ByAge,
}

/// What became of appended rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// Keys never seen before.
    pub new: usize,
    /// Known keys with other columns.
    pub changed: usize,
    /// As landed before, or forgotten.
    pub unchanged: usize,
}

/// Appends those rows of each of `frames` that differ from the newest version of their key.
pub(super) fn append_versions(
    dir: &Path,
    secret: &[u8; 32],
    dataset: &Dataset,
    frames: &[&DataFrame],
    now: DateTime<Utc>,
) -> Result<Vec<Appended>> {
    let mut segments = open(dir, dataset)?;
    segments.tidy()?;
    let mut landed = Landed::of(&segments, dataset)?;
    let (mut all, mut rows) = (Vec::with_capacity(frames.len()), Vec::with_capacity(frames.len()));
    for frame in frames {
        let (appended, new) = landed.take(frame, dataset, secret, now)?;
        all.push(appended);
        rows.push(new);
    }
    segments.append_all(rows, now.date_naive())?;
    Ok(all)
}

/// What is landed of a data set, as hashes of keys and contents.
#[derive(Default)]
struct Landed {
    /// The newest content of each key.
    newest: PlHashMap<u128, u128>,
    /// Keyed hashes of contents that were forgotten.
    forgotten: PlHashSet<u128>,
    /// Keys of which a version was forgotten.
    gone: PlHashSet<u128>,
}

impl Landed {
    fn of(segments: &Segments, dataset: &Dataset) -> Result<Self> {
        let mut landed = Landed::default();
        let columns: Vec<&str> = dataset.key.iter().copied().chain(["content", "forgotten"]).collect();
        for segment in segments.all() {
            let light = segments.read(segment, Some(&columns))?;
            let keys = keys_of(&light, dataset)?;
            let (contents, marks) = (light.column("content")?.str()?, light.column("forgotten")?.bool()?);
            for (n, key) in keys.into_iter().enumerate() {
                let Some(content) = contents.get(n).and_then(|c| u128::from_str_radix(c, 16).ok()) else { continue };
                if marks.get(n) == Some(true) {
                    landed.forgotten.insert(content);
                    landed.gone.insert(key);
                }
                landed.newest.insert(key, content);
            }
        }
        Ok(landed)
    }

    /// The rows of a frame that are new or changed, with [`ADDED`] but the number; they are landed from now on.
    fn take(
        &mut self,
        frame: &DataFrame,
        dataset: &Dataset,
        secret: &[u8; 32],
        now: DateTime<Utc>,
    ) -> Result<(Appended, DataFrame)> {
        let mut appended = Appended::default();
        if frame.height() == 0 {
            return Ok((appended, DataFrame::empty()));
        }
        let keys = keys_of(frame, dataset)?;
        let contents = contents_of(frame, dataset)?;
        let mut keep = Vec::with_capacity(frame.height());
        for (key, content) in keys.into_iter().zip(&contents) {
            let land = !self.gone.contains(&key)
                && !self.forgotten.contains(&keyed_hash(secret, *content))
                && self.newest.get(&key) != Some(content);
            keep.push(land);
            match (land, self.newest.contains_key(&key)) {
                (false, _) => appended.unchanged += 1,
                (true, true) => appended.changed += 1,
                (true, false) => appended.new += 1,
            }
            if land {
                self.newest.insert(key, *content);
            }
        }
        let mask = BooleanChunked::from_slice("keep".into(), &keep);
        let n = keep.iter().filter(|k| **k).count();
        let contents: Vec<String> =
            contents.iter().zip(&keep).filter(|(_, k)| **k).map(|(c, _)| format!("{c:032x}")).collect();
        let added = [
            Column::new("landed_at".into(), vec![now.timestamp_micros(); n])
                .cast(&DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC)))?,
            Column::new("landed_on".into(), vec![now.date_naive() as NaiveDate; n]),
            Column::new("content".into(), contents),
            Column::new("forgotten".into(), vec![false; n]),
        ];
        Ok((appended, frame.filter(&mask)?.hstack(&added)?))
    }
}

/// Every version ever landed, or some columns of it.
pub(super) fn versions_of(dir: &Path, dataset: &Dataset, columns: Option<&[&str]>) -> Result<DataFrame> {
    let segments = open(dir, dataset)?;
    let frames = segments.all().iter().map(|s| Ok(segments.read(s, columns)?.lazy())).collect::<Result<Vec<_>>>()?;
    together(frames)
}

/// As [`Self::versions`], but only the rows that have this text in this column: a part of the data set at a time.
pub(super) fn versions_where(dir: &Path, dataset: &Dataset, column: &str, value: &str) -> Result<DataFrame> {
    let segments = open(dir, dataset)?;
    let mut frames = Vec::new();
    for segment in segments.all() {
        let frame = segments.read_where(segment, column, value)?;
        if frame.height() > 0 {
            frames.push(frame.lazy());
        }
    }
    together(frames)
}

/// The newest version of each key, in the order of landing.
pub(super) fn newest(dir: &Path, dataset: &Dataset) -> Result<DataFrame> {
    let all = versions_of(dir, dataset, None)?;
    if all.height() == 0 {
        return Ok(all);
    }
    let keys = keys_of(&all, dataset)?;
    let last: PlHashMap<u128, usize> = keys.iter().enumerate().map(|(n, k)| (*k, n)).collect();
    let mask: Vec<bool> = keys.iter().enumerate().map(|(n, k)| last.get(k) == Some(&n)).collect();
    Ok(all.filter(&BooleanChunked::from_slice("newest".into(), &mask))?)
}

/// Erases rows: all columns but the key, those of [`ADDED`] and `keep` become null. What was erased for good stays
/// away, by its key and by a keyed hash of its columns. `selected` marks the rows of a segment. Gives the rows erased.
pub(super) fn forget_versions(
    dir: &Path,
    secret: &[u8; 32],
    dataset: &Dataset,
    keep: &[&str],
    erasure: Erasure,
    selected: impl Fn(&DataFrame) -> Result<BooleanChunked>,
) -> Result<usize> {
    let mut segments = open(dir, dataset)?;
    segments.tidy()?;
    let mut erased = 0;
    for segment in segments.all().to_vec() {
        let mut frame = segments.read(&segment, None)?;
        let fresh = !frame.column("forgotten")?.bool()?;
        let gone = &fresh & &selected(&frame)?;
        let count = gone.sum().unwrap_or(0) as usize;
        if count == 0 {
            continue;
        }
        for name in frame.get_column_names_owned() {
            let name = name.as_str();
            if dataset.key.contains(&name) || ADDED.contains(&name) || keep.contains(&name) {
                continue;
            }
            let column = frame.column(name)?.as_materialized_series().clone();
            let null = Series::full_null(name.into(), column.len(), column.dtype());
            let kept = null.zip_with(&gone, &column)?.with_name(name.into());
            frame.with_column(kept.into_column())?;
        }
        let contents: StringChunked = frame
            .column("content")?
            .str()?
            .iter()
            .zip(gone.iter())
            .map(|(content, gone)| {
                if gone != Some(true) {
                    return content.map(str::to_owned);
                }
                let content = content.and_then(|c| u128::from_str_radix(c, 16).ok())?;
                // No hash: neither the key nor the columns are kept away by it.
                (erasure == Erasure::ForGood).then(|| format!("{:032x}", keyed_hash(secret, content)))
            })
            .collect_ca("content".into());
        frame.with_column(contents.into_column())?;
        let forgotten = frame.column("forgotten")?.bool()? | &gone;
        frame.with_column(forgotten.with_name("forgotten".into()).into_column())?;
        segments.replace(std::slice::from_ref(&segment), frame)?;
        erased += count;
    }
    Ok(erased)
}

/// Takes rows out, by their numbers. Gives how many there were.
pub(super) fn take_out(segments: &mut Segments, rows: &BTreeSet<i64>) -> Result<usize> {
    let mut taken = 0;
    for segment in segments.all().to_vec() {
        if !rows.iter().any(|row| segment.holds(*row)) {
            continue;
        }
        let frame = segments.read(&segment, None)?;
        let stays: BooleanChunked = frame
            .column(SEQUENCE)?
            .i64()?
            .iter()
            .map(|n| n.is_none_or(|n| !rows.contains(&n)))
            .collect_ca("stays".into());
        let gone = frame.height() - stays.sum().unwrap_or(0) as usize;
        if gone > 0 {
            segments.replace(std::slice::from_ref(&segment), frame.filter(&stays)?)?;
            taken += gone;
        }
    }
    Ok(taken)
}

fn open(dir: &Path, dataset: &Dataset) -> Result<Segments> {
    Segments::open(&dir.join(dataset.name))
}

/// Rows of several segments below each other; columns that one lacks are null there.
fn together(frames: Vec<LazyFrame>) -> Result<DataFrame> {
    if frames.is_empty() {
        return Ok(DataFrame::empty());
    }
    let arguments = UnionArgs { diagonal: true, to_supertypes: true, maintain_order: true, ..Default::default() };
    Ok(lean(concat_lf_diagonal(frames, arguments)?.collect()?))
}

fn keys_of(frame: &DataFrame, dataset: &Dataset) -> Result<Vec<u128>> {
    let columns = dataset
        .key
        .iter()
        .map(|k| frame.column(k)?.str())
        .collect::<Result<Vec<_>, PolarsError>>()
        .map_err(|e| Error::failed(format!("rows of {} lack a key column", dataset.name)).because(e))?;
    Ok((0..frame.height())
        .into_par_iter()
        .map(|n| hash(&columns.iter().map(|c| c.get(n).unwrap_or_default().as_bytes()).collect::<Vec<_>>()))
        .collect())
}

/// A hash of the columns beside the key, by name, nulls left out.
fn contents_of(frame: &DataFrame, dataset: &Dataset) -> Result<Vec<u128>> {
    let mut names: Vec<&str> = frame.get_column_names().into_iter().map(|n| n.as_str()).collect();
    let is_filled = |n: &str| frame.column(n).is_ok_and(|column| column.null_count() < column.len());
    names.retain(|n| !dataset.key.contains(n) && is_filled(n));
    names.sort_unstable();
    let columns = names
        .into_par_iter()
        .map(|name| {
            let column = frame.column(name)?;
            let bytes = match column.dtype() {
                DataType::Binary => column.binary()?.clone(),
                _ => column.cast(&DataType::String)?.str()?.as_binary(),
            };
            Ok((name.as_bytes(), bytes))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok((0..frame.height())
        .into_par_iter()
        .map(|n| {
            let mut parts: Vec<&[u8]> = Vec::with_capacity(columns.len() * 2);
            for (name, values) in &columns {
                if let Some(value) = values.get(n) {
                    parts.extend([*name, value]);
                }
            }
            hash(&parts)
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::landing::Landing;
    use std::time::Duration;

    const RECORDS: Dataset = Dataset { name: "crm_records", key: &["destination", "record_id"] };

    fn rows(emails: [Option<&str>; 2]) -> DataFrame {
        df!("destination" => ["crm", "crm"], "record_id" => ["1", "2"], "email" => emails, "row" => [1i64, 2]).unwrap()
    }

    #[test]
    fn only_what_differs_from_the_newest_version_is_appended() {
        let dir = tempfile::tempdir().unwrap();
        let mut landing = Landing::open(dir.path(), Duration::ZERO).unwrap();
        let now = "2026-05-01T10:00:00Z".parse().unwrap();
        let append = |landing: &mut Landing, frame| {
            let a = landing.append_versions(&RECORDS, &frame, now).unwrap();
            (a.new, a.changed, a.unchanged)
        };
        assert_eq!(append(&mut landing, rows([Some("a"), None])), (2, 0, 0));
        assert_eq!(append(&mut landing, rows([Some("a"), None])), (0, 0, 2));
        assert_eq!(append(&mut landing, rows([Some("b"), None])), (0, 1, 1));
        assert_eq!(append(&mut landing, rows([Some("a"), None])), (0, 1, 1), "set back to an earlier version");
        let wider = rows([Some("a"), None]).hstack(&[Column::new("new".into(), [Some("x"), None])]).unwrap();
        assert_eq!(append(&mut landing, wider), (0, 1, 1), "a new column that is null is no change");
        assert_eq!(landing.versions(&RECORDS).unwrap().height(), 5);
        let of_one = |value| landing.versions_where(&RECORDS, "record_id", value).unwrap();
        assert_eq!(of_one("1").column("email").unwrap().str().unwrap().iter().flatten().collect::<String>(), "abaa");
        assert_eq!((of_one("1").height(), of_one("2").height(), of_one("3").height()), (4, 1, 0));
        let newest = landing.newest(&RECORDS).unwrap();
        assert_eq!(
            newest.column("record_id").unwrap().str().unwrap().iter().collect::<Vec<_>>(),
            [Some("2"), Some("1")]
        );
    }

    #[test]
    fn forgotten_rows_keep_their_key_and_do_not_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let mut landing = Landing::open(dir.path(), Duration::ZERO).unwrap();
        let now = "2026-05-01T10:00:00Z".parse().unwrap();
        landing.append_versions(&RECORDS, &rows([Some("a"), Some("b")]), now).unwrap();
        let first = |frame: &DataFrame| Ok(frame.column("record_id")?.str()?.equal("1"));
        assert_eq!(landing.forget_versions(&RECORDS, &["row"], Erasure::ForGood, first).unwrap(), 1);
        let all = landing.versions(&RECORDS).unwrap();
        assert_eq!(all.column("email").unwrap().str().unwrap().iter().collect::<Vec<_>>(), [None, Some("b")]);
        assert_eq!(all.column("row").unwrap().null_count(), 0);
        let again = landing.append_versions(&RECORDS, &rows([Some("a"), Some("b")]), now).unwrap();
        assert_eq!(again, Appended { new: 0, changed: 0, unchanged: 2 });
        let corrected = landing.append_versions(&RECORDS, &rows([Some("a, corrected"), Some("b")]), now).unwrap();
        assert_eq!(corrected, Appended { new: 0, changed: 0, unchanged: 2 }, "nor what the CRM says of them now");
    }

    #[test]
    fn a_row_erased_for_its_age_is_landed_again_when_it_is_shown_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut landing = Landing::open(dir.path(), Duration::ZERO).unwrap();
        let now = "2026-05-01T10:00:00Z".parse().unwrap();
        landing.append_versions(&RECORDS, &rows([Some("a"), Some("b")]), now).unwrap();
        let first = |frame: &DataFrame| Ok(frame.column("record_id")?.str()?.equal("1"));
        assert_eq!(landing.forget_versions(&RECORDS, &["row"], Erasure::ByAge, first).unwrap(), 1);
        assert_eq!(landing.forget_versions(&RECORDS, &["row"], Erasure::ByAge, first).unwrap(), 0);
        let again = landing.append_versions(&RECORDS, &rows([Some("a"), Some("b")]), now).unwrap();
        assert_eq!(again, Appended { new: 1, changed: 0, unchanged: 1 });
    }
}
