//! What one night's reading of each file gave → rows to be landed, and landed rows → the table of readings.
//!
//! A reading is landed once for each file and as-of day, so that later conclusions rest on what was read and not on what
//! lies there now. Nothing of a person is in it: counts, times and the names of columns.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use polars::prelude::*;

use super::told::{ColumnRead, ReadFile};
use crate::error::{Error, Result};
use crate::tables::{Kind, Readings, Table};

/// The columns that name a landed reading.
pub const KEY: &[&str] = &["destination", "file", "as_of"];

/// A file that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Name of the destination; `cost` or `spend`.
    pub destination: String,
    /// Path or blob name.
    pub file: String,
    /// Why, without personal data.
    pub problem: String,
}

impl Unread {
    /// A file, and the error that it gave.
    pub fn new(destination: &str, file: &str, problem: &Error) -> Self {
        Unread { destination: destination.to_owned(), file: file.to_owned(), problem: problem.what().to_owned() }
    }
}

/// A cell of a reading: of its destination and file, and what was read.
type Cell<'a> = dyn Fn(&(&str, &str), &ReadFile) -> Option<String> + 'a;

/// Readings as they are landed. `hashes`: of each export by its name, before it was unpacked.
///
/// # Errors
/// Only for faults of our own.
pub fn landed(
    files: &[&ReadFile],
    unread: &[Unread],
    hashes: &BTreeMap<&str, &str>,
    as_of: NaiveDate,
) -> Result<DataFrame> {
    let blank = ReadFile::default();
    let mut rows: BTreeMap<(&str, &str), (&ReadFile, Option<&str>)> = BTreeMap::new();
    for file in files {
        rows.insert((&file.destination, &file.file), (*file, file.ends_inside.then_some("it ends inside a row")));
    }
    for one in unread {
        rows.insert((&one.destination, &one.file), (&blank, Some(&one.problem)));
    }
    let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let text = |get: &Cell| -> StringChunked {
        rows.iter().map(|(key, (file, _))| get(key, file)).collect_ca(PlSmallStr::EMPTY)
    };
    let count =
        |get: &dyn Fn(&ReadFile) -> usize| -> Vec<i64> { rows.values().map(|(file, _)| number(get(file))).collect() };
    let instant = |get: &dyn Fn(&ReadFile) -> Option<i64>| {
        Int64Chunked::from_iter_options(PlSmallStr::EMPTY, rows.values().map(|(file, _)| get(file)))
            .into_datetime(TimeUnit::Microseconds, Some(TimeZone::UTC))
            .into_column()
    };
    let json = |value: serde_json::Value| Some(value.to_string());
    let columns = |file: &ReadFile| {
        let role = |c: &ColumnRead| (c.column.clone(), serde_json::json!([c.role, c.form, c.evidence]));
        json(file.columns_read.iter().map(role).collect::<serde_json::Map<_, _>>().into())
    };
    Ok(DataFrame::new(
        rows.len(),
        vec![
            text(&|key, _| Some(key.0.to_owned())).with_name("destination".into()).into_column(),
            text(&|key, _| Some(key.1.to_owned())).with_name("file".into()).into_column(),
            text(&|_, _| Some(as_of.to_string())).with_name("as_of".into()).into_column(),
            text(&|key, _| hash_of(key.1, hashes)).with_name("sha256".into()).into_column(),
            Column::new("whole".into(), rows.values().map(|(_, problem)| problem.is_none()).collect::<Vec<_>>()),
            Column::new("problem".into(), rows.values().map(|(_, problem)| *problem).collect::<Vec<_>>()),
            Column::new("rows".into(), count(&|file| file.rows)),
            Column::new("records".into(), count(&|file| file.records)),
            Column::new("set_aside".into(), count(&|file| file.set_aside.values().sum())),
            instant(&|file| file.first_at).with_name("first_at".into()),
            instant(&|file| file.last_at).with_name("last_at".into()),
            text(&|_, file| (!file.object.is_empty()).then(|| file.object.clone()))
                .with_name("object".into())
                .into_column(),
            text(&|_, file| json(serde_json::json!(file.months))).with_name("created_months".into()).into_column(),
            text(&|_, file| columns(file)).with_name("columns".into()).into_column(),
        ],
    )?)
}

/// The hash of the export that a file is, or is a part of: `name`, `name!member`, `name#sheet`.
fn hash_of(file: &str, hashes: &BTreeMap<&str, &str>) -> Option<String> {
    let is_of =
        |name: &str| file.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['!', '#']));
    let longest = hashes.iter().filter(|(name, _)| is_of(name)).max_by_key(|(name, _)| name.len());
    longest.map(|(_, hash)| (*hash).to_owned())
}

/// The readings of days up to `as_of`. `newest`: the newest landed version of each; without columns if there is none.
///
/// # Errors
/// When a landed row lacks what was landed: a fault of ours.
pub fn table(newest: &DataFrame, as_of: NaiveDate) -> Result<Table<Readings>> {
    if newest.width() == 0 {
        return Ok(Table::empty());
    }
    let days: Vec<Option<NaiveDate>> = newest.column("as_of")?.str()?.iter().map(|day| day?.parse().ok()).collect();
    let keep: BooleanChunked = days.iter().map(|day| Some(day.is_some_and(|day| day <= as_of))).collect();
    // To the day: a table of the same day has the same bytes at whatever hour it was made.
    let read_at = newest.column("landed_on")?.cast(&Kind::Instant.dtype())?.with_name("read_at".into());
    let mut columns =
        vec![read_at, Column::new("as_of".into(), days), Column::new("strangers".into(), vec![0i64; newest.height()])];
    for name in
        ["destination", "file", "whole", "problem", "rows", "records", "set_aside", "first_at", "last_at", "object"]
    {
        columns.push(newest.column(name)?.clone());
    }
    Table::new(DataFrame::new(newest.height(), columns)?.filter(&keep)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_is_of_its_day_and_tells_what_could_not_be_read() {
        let file = ReadFile {
            destination: "crm".into(),
            file: "Lead.zip!Lead.csv".into(),
            object: "lead".into(),
            rows: 3,
            records: 2,
            set_aside: BTreeMap::from([("duplicate".to_owned(), 1)]),
            first_at: Some(0),
            ..ReadFile::default()
        };
        let unread = Unread { destination: "crm".into(), file: "b.csv".into(), problem: "it is a PDF document".into() };
        let day: NaiveDate = "2026-05-02".parse().unwrap();
        let rows = landed(&[&file], &[unread], &BTreeMap::from([("Lead.zip", "abc")]), day).unwrap();
        assert_eq!(rows.column("sha256").unwrap().str().unwrap().iter().collect::<Vec<_>>(), [Some("abc"), None]);
        let landed_on = Column::new("landed_on".into(), vec![day; 2]);
        let newest = rows.hstack(&[landed_on]).unwrap();
        let table = super::table(&newest, day).unwrap();
        assert_eq!(table.flags("whole").unwrap(), [true, false]);
        assert_eq!(super::table(&newest, day.pred_opt().unwrap()).unwrap().height(), 0);
    }
}
