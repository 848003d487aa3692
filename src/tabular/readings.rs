//! What one night's reading of each file gave → rows to be landed, and landed rows → the table of readings.
//!
//! A reading is landed once for each file and as-of day, so that later conclusions rest on what was read and not on what
//! lies there now. Nothing of a person is in it: counts, times, the names of columns, and keyed hashes.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use polars::prelude::*;

use super::passed::Passed;
use super::told::{ColumnRead, ReadFile};
use crate::contact;
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

/// What a night made of all files of a destination's export together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// Why nothing new is concluded from it, a reason of pending leads; none where it is whole and believed.
    pub silent: Option<&'static str>,
    /// When its newest file was written.
    pub exported_at: Option<DateTime<Utc>>,
    /// Records that it shows.
    pub present: usize,
}

/// What was read on one night.
pub struct Tonight<'a> {
    /// Files that were read.
    pub files: &'a [&'a ReadFile],
    /// Files that could not be read.
    pub unread: &'a [Unread],
    /// What was made of each destination.
    pub judged: &'a BTreeMap<&'a str, Judged>,
    /// Of each export by its name, before it was unpacked.
    pub hashes: &'a BTreeMap<&'a str, &'a str>,
    /// What is kept in place of somebody's name, address or phone: a keyed hash.
    pub mark: &'a dyn Fn(&str) -> String,
    /// The as-of day.
    pub as_of: NaiveDate,
}

/// A cell of a reading: of its destination and file, and what was read.
type Cell<'a, T> = dyn Fn(&(&str, &str), &ReadFile) -> Option<T> + 'a;

/// Readings as they are landed.
///
/// # Errors
/// Only for faults of our own.
pub fn landed(tonight: &Tonight) -> Result<DataFrame> {
    let Tonight { files, unread, judged, hashes, mark, as_of } = *tonight;
    let blank = ReadFile::default();
    let mut rows: BTreeMap<(&str, &str), (&ReadFile, Option<&str>)> = BTreeMap::new();
    for file in files {
        rows.insert((&file.destination, &file.file), (*file, file.ends_inside.then_some("it ends inside a row")));
    }
    for one in unread {
        rows.insert((&one.destination, &one.file), (&blank, Some(&one.problem)));
    }
    let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let text = |name: &str, get: &Cell<String>| -> Column {
        let cells: StringChunked =
            rows.iter().map(|(key, (file, _))| get(key, file)).collect_ca(PlSmallStr::from_str(name));
        cells.into_column()
    };
    let count = |name: &str, get: &dyn Fn(&(&str, &str), &ReadFile) -> usize| -> Column {
        Column::new(name.into(), rows.iter().map(|(key, (file, _))| number(get(key, file))).collect::<Vec<_>>())
    };
    let instant = |name: &str, get: &Cell<i64>| {
        let times = rows.iter().map(|(key, (file, _))| get(key, file));
        let times = Int64Chunked::from_iter_options(PlSmallStr::from_str(name), times);
        times.into_datetime(TimeUnit::Microseconds, Some(TimeZone::UTC)).into_column()
    };
    let of = |key: &(&str, &str)| judged.get(key.0).copied().unwrap_or_default();
    let json = |value: serde_json::Value| Some(value.to_string());
    let columns = |file: &ReadFile| {
        let role = |c: &ColumnRead| (c.column.clone(), serde_json::json!([c.role, c.form, c.evidence]));
        json(file.columns_read.iter().map(role).collect::<serde_json::Map<_, _>>().into())
    };
    // Owners are people.
    let owners = |counts: &BTreeMap<String, usize>| -> BTreeMap<String, usize> {
        counts.iter().map(|(owner, n)| (mark(owner), *n)).collect()
    };
    let counts = |file: &ReadFile| {
        let shown = |(what, counts): (&String, &BTreeMap<String, usize>)| {
            (what.clone(), serde_json::json!(if what == "owner" { owners(counts) } else { counts.clone() }))
        };
        json(file.counts.iter().map(shown).collect::<serde_json::Map<_, _>>().into())
    };
    let passed = |file: &ReadFile| {
        let owners = file.passed.owners.iter().map(|owner| mark(owner)).collect();
        let marked = Passed { owners, ..file.passed.clone() };
        (!marked.is_empty()).then(|| json(serde_json::json!(marked))).flatten()
    };
    let refused = |file: &ReadFile| {
        let marks: BTreeSet<String> = file.refused.iter().map(|named| mark(named)).collect();
        (!marks.is_empty()).then(|| marks.into_iter().collect::<Vec<_>>().join(" "))
    };
    Ok(DataFrame::new(
        rows.len(),
        vec![
            text("destination", &|key, _| Some(key.0.to_owned())),
            text("file", &|key, _| Some(key.1.to_owned())),
            text("as_of", &|_, _| Some(as_of.to_string())),
            text("sha256", &|key, _| hash_of(key.1, hashes)),
            Column::new("whole".into(), rows.values().map(|(_, problem)| problem.is_none()).collect::<Vec<_>>()),
            Column::new("problem".into(), rows.values().map(|(_, problem)| *problem).collect::<Vec<_>>()),
            Column::new("superseded".into(), rows.values().map(|(file, _)| file.superseded).collect::<Vec<_>>()),
            count("rows", &|_, file| file.rows),
            count("records", &|_, file| file.records),
            count("strangers", &|_, file| file.strangers),
            count("set_aside", &|_, file| file.set_aside.values().sum()),
            instant("first_at", &|_, file| file.times.values().map(|(first, _)| *first).min()),
            instant("last_at", &|_, file| file.times.values().map(|(_, last)| *last).max()),
            text("object", &|_, file| (!file.object.is_empty()).then(|| file.object.clone())),
            text("times", &|_, file| json(serde_json::json!(file.times))),
            text("counts", &|_, file| counts(file)),
            text("passed", &|_, file| passed(file)),
            text("columns", &|_, file| columns(file)),
            text("refused", &|_, file| refused(file)),
            text("silent", &|key, _| of(key).silent.map(str::to_owned)),
            instant("exported_at", &|key, _| of(key).exported_at.map(|at| at.timestamp_micros())),
            count("present", &|key, _| of(key).present),
            Column::new("current".into(), vec![true; rows.len()]),
        ],
    )?)
}

/// The rows, and with them those that an earlier run of the same day landed of the same destinations and this one did
/// not read again: they are current no longer. `newest`: the newest landed version of each reading; without columns if
/// there is none.
///
/// # Errors
/// Only for faults of our own.
pub fn with_outdated(rows: DataFrame, newest: &DataFrame, as_of: NaiveDate) -> Result<DataFrame> {
    if newest.width() == 0 || newest.column("current").is_err() {
        return Ok(rows);
    }
    let key = |frame: &DataFrame| -> Result<Vec<(String, String)>> {
        let (names, files) = (frame.column("destination")?.str()?, frame.column("file")?.str()?);
        let of = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Ok(names.iter().zip(files.iter()).map(|(name, file)| (of(name), of(file))).collect())
    };
    let read: BTreeSet<(String, String)> = key(&rows)?.into_iter().collect();
    let read_of: BTreeSet<&str> = read.iter().map(|(name, _)| name.as_str()).collect();
    let (days, current) = (newest.column("as_of")?.str()?, newest.column("current")?.bool()?);
    let today = as_of.to_string();
    let outdated: BooleanChunked = key(newest)?
        .into_iter()
        .zip(days.iter().zip(current.iter()))
        .map(|(key, (day, current))| {
            Some(
                day == Some(&today)
                    && current != Some(false)
                    && read_of.contains(key.0.as_str())
                    && !read.contains(&key),
            )
        })
        .collect();
    let columns: Vec<PlSmallStr> = rows.get_column_names_owned();
    let outdated = newest.filter(&outdated)?.lazy().with_columns([lit(false).alias("current")]);
    let known: Vec<Expr> =
        columns.iter().filter(|name| newest.column(name).is_ok()).map(|name| col(name.clone())).collect();
    let arguments = UnionArgs { diagonal: true, to_supertypes: true, maintain_order: true, ..UnionArgs::default() };
    Ok(concat_lf_diagonal([rows.lazy(), outdated.select(known)], arguments)?.collect()?)
}

/// Addresses, phones, and names of two words and more in a text of any shape, in comparable form.
pub fn names_in(text: &str) -> BTreeSet<String> {
    let is_between = |c: char| c.is_control() || matches!(c, ',' | ';' | '|' | '"' | '<' | '>');
    let mut found = BTreeSet::new();
    let mut before = "";
    for cell in text.split(is_between).filter(|cell| !cell.trim().is_empty()) {
        found.extend(cell.split_whitespace().filter(|word| word.contains('@')).filter_map(contact::normalised_email));
        found.extend(phone_name(cell));
        // First and last name stand in one cell or in two beside each other.
        found.extend(full_name([cell]).into_iter().chain(full_name([before, cell])));
        before = cell;
    }
    found
}

/// What a first and last name are known by, in whatever order they stand.
fn full_name<const N: usize>(cells: [&str; N]) -> Option<String> {
    const MOST: usize = 4;
    let is_name = |c: char| c.is_alphabetic() || c.is_whitespace() || "-'’.".contains(c);
    let mut words: Vec<String> = cells.iter().flat_map(|cell| cell.split_whitespace()).map(str::to_lowercase).collect();
    words.sort_unstable();
    let is_one = (2..=MOST).contains(&words.len())
        && cells.iter().all(|cell| !cell.trim().is_empty() && cell.chars().all(is_name));
    is_one.then(|| format!("name {}", words.join(" ")))
}

/// What a phone is known by, however it is written: its last digits.
fn phone_name(text: &str) -> Option<String> {
    const LAST: usize = 8;
    let is_phone = text.chars().all(|c| c.is_ascii_digit() || c.is_whitespace() || "+-().".contains(c));
    let digits = contact::phone_digits(text).filter(|digits| is_phone && digits.len() >= LAST)?;
    digits.get(digits.len() - LAST..).map(|last| format!("phone {last}"))
}

/// What somebody is known by among [`names_in`] of refused rows: e-mail, phone, first and last name.
pub fn names_of([email, phone, first, last]: [Option<&str>; 4]) -> Vec<String> {
    let email = email.and_then(contact::normalised_email);
    let name = first.zip(last).and_then(|(first, last)| full_name([first, last]));
    email.into_iter().chain(phone.and_then(phone_name)).chain(name).collect()
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
    let current: Vec<bool> = match newest.column("current") {
        Ok(current) => current.bool()?.iter().map(|current| current != Some(false)).collect(),
        Err(_) => vec![true; newest.height()],
    };
    let keep: BooleanChunked =
        days.iter().zip(current).map(|(day, current)| Some(current && day.is_some_and(|day| day <= as_of))).collect();
    // To the day: a table of the same day has the same bytes at whatever hour it was made.
    let read_at = newest.column("landed_on")?.cast(&Kind::Instant.dtype())?.with_name("read_at".into());
    // What was landed before strangers passed by had none.
    let strangers = match newest.column("strangers") {
        Ok(strangers) => strangers.fill_null(FillNullStrategy::Zero)?.cast(&DataType::Int64)?,
        Err(_) => Column::new("strangers".into(), vec![0i64; newest.height()]),
    };
    let mut columns = vec![read_at, Column::new("as_of".into(), days), strangers];
    for name in
        ["destination", "file", "whole", "problem", "rows", "records", "set_aside", "first_at", "last_at", "object"]
    {
        columns.push(newest.column(name)?.clone());
    }
    columns.push(match newest.column("silent") {
        Ok(silent) => silent.clone(),
        Err(_) => {
            Column::new_empty("silent".into(), &DataType::String).extend_constant(AnyValue::Null, newest.height())?
        }
    });
    Table::new(DataFrame::new(newest.height(), columns)?.filter(&keep)?)
}

/// Whom refused rows of exports name.
pub struct Refused<'a> {
    /// Of each destination the marks of addresses, phones and names.
    pub of: BTreeMap<String, BTreeSet<String>>,
    /// The mark of an address, phone or name.
    pub mark: &'a (dyn Fn(&str) -> String + Sync),
}

impl Refused<'_> {
    /// No row was refused.
    pub fn none() -> Refused<'static> {
        Refused { of: BTreeMap::new(), mark: &str::to_owned }
    }

    /// Whether any row of the destination's export was refused that names somebody.
    pub fn any(&self, destination: &str) -> bool {
        self.of.get(destination).is_some_and(|marks| !marks.is_empty())
    }

    /// Whether a refused row of the destination's export names somebody of this e-mail, phone, or first and last name.
    pub fn names(&self, destination: &str, person: [Option<&str>; 4]) -> bool {
        let Some(marks) = self.of.get(destination).filter(|marks| !marks.is_empty()) else { return false };
        names_of(person).iter().any(|name| marks.contains(&(self.mark)(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::reason;

    #[test]
    fn addresses_and_phones_are_found_in_a_row_of_any_shape() {
        let found = names_in("00Q1,\"Lee, Ann\",Ann.Lee@Contoso.example\t+49 (0)30 5550 7171;open");
        assert_eq!(found.iter().collect::<Vec<_>>(), ["ann.lee@contoso.example", "name ann lee", "phone 55507171"]);
        let email = Some("ANN.LEE@contoso.example");
        assert_eq!(names_of([email, Some("030/55507171"), None, None]).len(), 1, "a slash is no phone's");
        assert_eq!(names_of([None, Some("030 55507171"), None, Some("Lee")]), ["phone 55507171"]);
        let cut = names_in("00Q1,Ann Marie,Lee,ann.lee@con");
        assert!(cut.contains(&names_of([None, None, Some("Ann Marie"), Some("Lee")])[0]), "a row that broke off");
    }

    #[test]
    fn a_reading_is_of_its_day_and_tells_what_could_not_be_read() {
        let file = ReadFile {
            destination: "crm".into(),
            file: "Lead.zip!Lead.csv".into(),
            object: "lead".into(),
            rows: 3,
            records: 2,
            set_aside: BTreeMap::from([("duplicate".to_owned(), 1)]),
            times: BTreeMap::from([("created_at".to_owned(), (0, 5))]),
            refused: BTreeSet::from(["a@b.example".to_owned()]),
            ..ReadFile::default()
        };
        let unread = Unread { destination: "crm".into(), file: "b.csv".into(), problem: "it is a PDF document".into() };
        let day: NaiveDate = "2026-05-02".parse().unwrap();
        let judged = BTreeMap::from([("crm", Judged { silent: Some(reason::NO_EXPORT), ..Judged::default() })]);
        let hashes = BTreeMap::from([("Lead.zip", "abc")]);
        let tonight = |unread: &[Unread]| {
            let (files, mark): (_, &dyn Fn(&str) -> String) = ([&file], &|named| format!("~{}", named.len()));
            let day = "2026-05-02".parse().unwrap();
            let (judged, hashes) = (&judged, &hashes);
            landed(&Tonight { files: &files, unread, judged, hashes, mark, as_of: day }).unwrap()
        };
        let rows = tonight(&[unread]);
        assert_eq!(rows.column("sha256").unwrap().str().unwrap().iter().collect::<Vec<_>>(), [Some("abc"), None]);
        assert_eq!(rows.column("refused").unwrap().str().unwrap().get(0), Some("~11"), "nobody is named");
        let newest = rows.hstack(&[Column::new("landed_on".into(), vec![day; 2])]).unwrap();
        let again = with_outdated(tonight(&[]), &newest, day).unwrap();
        let current: Vec<_> = again.column("current").unwrap().bool().unwrap().iter().collect();
        assert_eq!(current, [Some(true), Some(false)], "the file that could not be read is gone");
        let table = super::table(&newest, day).unwrap();
        assert_eq!(table.flags("whole").unwrap(), [true, false]);
        assert_eq!(super::table(&newest, day.pred_opt().unwrap()).unwrap().height(), 0);
    }
}
