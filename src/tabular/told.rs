//! What is told of a file that was read: for the manifest, the report and `check`.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use polars::prelude::*;
use serde::Serialize;

use super::header::clip;
use super::note::Note;
use super::passed::Passed;
use super::profile::ColumnForm;
use super::sheet::{Form, Sheet};
use crate::error::{Result, count};
use crate::tables::{ColumnsRead, SetAside, Table};

/// What was read of one table of one export.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ReadFile {
    /// Name of the destination; `cost` or `spend`.
    pub destination: String,
    /// Path or blob name, with `!member` for a member of an archive and `#sheet` for a worksheet.
    pub file: String,
    /// When it was last written.
    pub modified: Option<DateTime<Utc>>,
    /// Bytes, unpacked.
    pub bytes: usize,
    /// Kind of CRM, or of cost file, it was read as.
    pub kind: String,
    /// What its rows are: lead, contact, opportunity, …; or what was found instead.
    pub object: String,
    /// Container, charset, delimiter.
    pub form: Form,
    /// Line of the header.
    pub header_row: u32,
    /// Rows that hold records.
    pub rows: usize,
    /// Records made of them and kept.
    pub records: usize,
    /// Records made of them that can concern no lead and were passed over.
    pub strangers: usize,
    /// What those tell of the export.
    #[serde(skip)]
    pub passed: Passed,
    /// Rows set aside, by reason.
    pub set_aside: BTreeMap<String, usize>,
    /// Field to the columns it was read from.
    pub columns: BTreeMap<String, Vec<String>>,
    /// Columns not used.
    pub unused: Vec<String>,
    /// What each column was taken for; published as a table of its own.
    #[serde(skip)]
    pub columns_read: Vec<ColumnRead>,
    /// Lines that are no rows: totals, closing words.
    pub apart: usize,
    /// Whether it ends inside a row.
    pub ends_inside: bool,
    /// The earliest and the latest of each kind of time that its records have, in microseconds.
    #[serde(skip)]
    pub times: BTreeMap<String, (i64, i64)>,
    /// Records by what they are, how they stand, whose they are, and the month in which they were made.
    #[serde(skip)]
    pub counts: Counts,
    /// Addresses and phones, in comparable form, of rows that were refused: personal data, never shown.
    #[serde(skip)]
    pub refused: BTreeSet<String>,
    /// Whether nobody can be recognised in it, so that it speaks for nothing.
    pub identifies_nobody: bool,
    /// Order of day and month, and why.
    pub date_order: String,
    /// Zone of times that have none of their own; empty if all have one.
    pub timezone: String,
    /// How finely `created_at` is known.
    pub resolution: String,
    /// Whether a later file of the same folder holds the same records.
    pub superseded: bool,
    /// What a person should know, without personal data.
    pub notes: Vec<Note>,
    /// What of the notes is a finding of the whole export.
    #[serde(skip)]
    pub doubts: BTreeSet<Doubt>,
}

/// What is doubtful about a file that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doubt {
    /// Record ids are not as the CRM makes them.
    ChangedIds,
    /// Record ids were cut, or stand at several people.
    DamagedIds,
    /// It has not a column that the configuration names.
    ColumnNowhere,
    /// Cells of a column of times are no times.
    UnreadTimes,
}

/// What one column of a file was taken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnRead {
    /// Its label; what tells it from another of the same label, or its place where it has none, in brackets.
    pub column: String,
    /// The field that it is read as; none if it is not used.
    pub role: Option<String>,
    /// What its values look like.
    pub form: String,
    /// By what it was recognised, or why it was not.
    pub evidence: String,
}

/// Why a column of a file of which few columns are needed is not read.
const NOT_NEEDED: &str = "not needed";

impl ReadFile {
    /// When its last record was made, in microseconds since 1970.
    pub fn last_made(&self) -> Option<i64> {
        self.times.get("created_at").map(|(_, last)| *last)
    }

    /// Adds what was read of the next part of the same table.
    pub fn add_part(&mut self, next: ReadFile) {
        self.rows += next.rows;
        self.records += next.records;
        self.apart += next.apart;
        self.ends_inside |= next.ends_inside;
        self.refused.extend(next.refused);
        self.doubts.extend(next.doubts);
        add_up(&mut self.set_aside, next.set_aside);
        add_counts(&mut self.counts, next.counts);
        for (field, (first, last)) in next.times {
            let known = self.times.entry(field).or_insert((first, last));
            *known = (known.0.min(first), known.1.max(last));
        }
        for note in next.notes {
            if !self.notes.iter_mut().any(|known| known.joins(&note)) {
                self.notes.push(note);
            }
        }
    }

    /// Tells of each column of a file of which few are needed, by the fields that were read from it.
    pub fn tell_columns(&mut self, sheet: &Sheet) {
        let role =
            |label: &String| self.columns.iter().find(|(_, labels)| labels.contains(label)).map(|(role, _)| role);
        let mut told: Vec<ColumnRead> = Vec::new();
        for (n, label) in sheet.header.iter().enumerate() {
            let form = sheet.form(n);
            let again = told.iter().filter(|column| column.column == *label).count();
            let role = role(label).filter(|_| again == 0 && !label.is_empty()).cloned();
            let evidence = match (&role, form) {
                (Some(_), _) => "its label",
                (None, ColumnForm::Blank) => "nothing stands in it",
                (None, _) => NOT_NEEDED,
            };
            let column = match (label.is_empty(), again) {
                (true, _) => format!("(column {})", n + 1),
                (false, 0) => label.clone(),
                (false, again) => format!("{label} ({})", again + 1),
            };
            told.push(ColumnRead { column, role, form: form.name().to_owned(), evidence: evidence.to_owned() });
        }
        self.columns_read = told;
    }

    /// Labels of columns that hold something and are not needed.
    fn not_needed(&self) -> Vec<String> {
        let columns = self.columns_read.iter().filter(|c| c.role.is_none() && c.evidence == NOT_NEEDED);
        columns.map(|c| clip(&c.column)).collect()
    }

    /// Labels of columns that hold something, belong to the file's own object, and are not understood.
    fn not_understood(&self) -> Vec<String> {
        // What looks like an address, a date or a lead source first: those are looked for.
        let weight = |column: &&ColumnRead| match column.form.as_str() {
            "e-mail" | "lead source" => 0,
            "date" | "phone" | "id" => 1,
            _ => 2,
        };
        let mut columns: Vec<&ColumnRead> =
            self.columns_read.iter().filter(|c| c.role.is_none() && c.evidence == "not understood").collect();
        columns.sort_by_key(weight);
        columns.iter().map(|c| format!("{} ({})", clip(&c.column), c.form)).collect()
    }

    /// What was read, in lines for people: what it is, what was used for what, what was left out and why.
    pub fn lines(&self) -> Vec<String> {
        let form = [self.form.container.as_str(), &self.form.encoding, &self.form.delimiter];
        let form: Vec<&str> = form.into_iter().filter(|part| !part.is_empty()).collect();
        let mut lines = vec![format!(
            "{}: {} ({}), {} of {}{}",
            self.file,
            self.object,
            form.join(", "),
            count(self.records + self.strangers, "record", "records"),
            count(self.rows, "row", "rows"),
            if self.superseded { "; a later file holds the same records" } else { "" }
        )];
        if !self.columns.is_empty() {
            let columns: Vec<String> =
                self.columns.iter().map(|(field, labels)| format!("{field} = {}", labels.join(" + "))).collect();
            lines.push(format!("columns: {}", columns.join(", ")));
        }
        let unknown = self.not_understood();
        if !unknown.is_empty() {
            const SHOWN: usize = 30;
            let more =
                if unknown.len() > SHOWN { format!(" and {} more", unknown.len() - SHOWN) } else { String::new() };
            let shown = unknown.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
            lines
                .push(format!("columns not understood: {shown}{more}; columns = {{ email = \"…\" }} says what one is"));
        }
        let others = self.not_needed();
        if !others.is_empty() {
            const SHOWN: usize = 8;
            let more = if others.len() > SHOWN { format!(" and {} more", others.len() - SHOWN) } else { String::new() };
            let shown = others.into_iter().take(SHOWN).collect::<Vec<_>>().join(", ");
            lines.push(format!("columns not needed: {shown}{more}"));
        }
        if self.apart > 0 {
            lines.push(format!("{} of totals and closing words passed over", count(self.apart, "line", "lines")));
        }
        if !self.date_order.is_empty() && self.date_order != "iso" {
            lines.push(format!("dates: {}", self.date_order));
        }
        if !self.timezone.is_empty() {
            lines.push(format!("times without a zone are read as {}", self.timezone));
        }
        if !self.set_aside.is_empty() {
            let reasons: Vec<String> = self.set_aside.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
            lines.push(format!("rows set aside: {}", reasons.join(", ")));
        }
        lines.extend(self.notes.iter().map(|note| note.to_string()));
        lines
    }
}

/// How many records have each value, by what the value is of.
pub type Counts = BTreeMap<String, BTreeMap<String, usize>>;

/// Adds the counts of some records to those of others.
pub fn add_counts(all: &mut Counts, more: Counts) {
    for (what, counts) in more {
        add_up(all.entry(what).or_default(), counts);
    }
}

/// What both maps count, added up.
fn add_up(all: &mut BTreeMap<String, usize>, more: BTreeMap<String, usize>) {
    for (what, n) in more {
        *all.entry(what).or_default() += n;
    }
}

/// The set-aside table of one reader. A row refused twice is told once.
///
/// # Errors
/// Only for faults of our own.
pub fn set_aside(reader: &str, mut rows: Vec<(String, i64, &str, String)>) -> Result<Table<SetAside>> {
    rows.sort();
    rows.dedup_by(|a, b| (&a.0, a.1) == (&b.0, b.1));
    let destination = vec![reader.to_owned(); rows.len()];
    let file: Vec<&str> = rows.iter().map(|r| r.0.as_str()).collect();
    let row: Vec<i64> = rows.iter().map(|r| r.1).collect();
    let reason: Vec<&str> = rows.iter().map(|r| r.2).collect();
    let detail: Vec<&str> = rows.iter().map(|r| r.3.as_str()).collect();
    Table::new(df!("destination" => destination, "file" => file, "row" => row, "reason" => reason, "detail" => detail)?)
}

/// What every column of every file was taken for. Of a file that was read as two tables with the same columns the first
/// counts.
///
/// # Errors
/// Only for faults of our own.
pub fn columns_read<'a>(files: impl Iterator<Item = &'a ReadFile>) -> Result<Table<ColumnsRead>> {
    let mut rows: Vec<(&str, &str, &ColumnRead)> = files
        .flat_map(|file| file.columns_read.iter().map(|c| (file.destination.as_str(), file.file.as_str(), c)))
        .collect();
    rows.sort_by_key(|(destination, file, column)| (*destination, *file, column.column.as_str()));
    rows.dedup_by_key(|(destination, file, column)| (*destination, *file, column.column.as_str()));
    let text = |get: &dyn Fn(&(&str, &str, &ColumnRead)) -> String| rows.iter().map(get).collect::<Vec<_>>();
    Table::new(df!(
        "destination" => text(&|r| r.0.to_owned()),
        "file" => text(&|r| r.1.to_owned()),
        "column" => text(&|r| r.2.column.clone()),
        "role" => rows.iter().map(|r| r.2.role.clone()).collect::<Vec<_>>(),
        "form" => text(&|r| r.2.form.clone()),
        "evidence" => text(&|r| r.2.evidence.clone()),
    )?)
}
