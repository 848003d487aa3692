//! Delimited text: where each record begins and ends, and the key columns of a table dump. Cells are left to the stages.
//!
//! Delimiter and way of escaping are found from the first records: RFC 4180 doubles a quote, Data Factory writes `\"`.
//! Titles above the header are passed over. A quote that never closes costs one line. A carriage return alone, which Storage Explorer 1.27 leaves unquoted,
//! ends no record unless the file knows no other line end.

use std::borrow::Cow;
use std::io::Read;
use std::sync::Arc;

use super::cutter::{Cutter, MAX_RECORD, Own, SAMPLE, Stopped};
use super::window::Window;
use crate::codes::quarantine;
use crate::leads::{Named, OwnReader, is_column, named};
use crate::lenient;

/// How a file is written.
#[derive(Clone, Copy, Debug)]
struct Dialect {
    delimiter: u8,
    /// Whether `\"` stands for a quote inside quotes.
    backslash: bool,
    /// `\n`, or `\r` where there is no other.
    line_end: u8,
}

/// How a record ended.
enum Record {
    /// Bytes of the record, bytes with its line end.
    Whole(usize, usize),
    /// Bytes of a record that no line end closes: the file ends.
    Last(usize),
    TooLarge,
    Nothing,
}

impl Cutter<'_> {
    pub(super) fn csv_stream<R: Read>(&mut self, window: &mut Window<R>) -> Result<(), Stopped> {
        let sample = window.peek(SAMPLE)?;
        // What PowerShell says above the header of its objects.
        if sample.starts_with(b"#TYPE ") {
            let end = sample.iter().position(|b| *b == b'\n').map_or(sample.len(), |end| end + 1);
            window.consume(end);
        }
        let sample = window.peek(SAMPLE)?;
        let hint = sample.strip_prefix(b"sep=").and_then(|s| s.first().copied());
        if hint.is_some() {
            let end = sample.iter().position(|b| b"\r\n".contains(b)).unwrap_or(sample.len());
            window.consume(end);
        }
        let sample = window.peek(SAMPLE)?;
        let (above, said) = above_header(sample, hint);
        window.consume(above);
        let dialect = detect(window.peek(SAMPLE)?, hint.or(said));
        let mut header: Option<(Arc<[u8]>, Columns)> = None;
        let mut first = true;
        loop {
            let (length, consumed) =
                match record(window, dialect, header.as_ref().map(|(_, columns)| columns.names.len()))? {
                    Record::Whole(length, consumed) => (length, consumed),
                    Record::Nothing => return Ok(()),
                    Record::Last(length) if is_broken_off(window, length, dialect, header.as_ref()) => {
                        let bytes = window.ready().get(..length).unwrap_or_default().to_vec();
                        window.consume(length);
                        self.problem(bytes, quarantine::NOT_JSON, "ends in the middle")?;
                        continue;
                    }
                    Record::Last(length) => (length, length),
                    Record::TooLarge => {
                        let start = window.ready().get(..SAMPLE).unwrap_or_default().to_vec();
                        skip_record(window, dialect)?;
                        self.too_large(start)?;
                        continue;
                    }
                };
            let bytes = window.ready().get(..length).unwrap_or_default();
            let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes).to_vec();
            window.consume(consumed);
            if is_no_record(&bytes, dialect, header.as_ref().map_or(1, |(_, columns)| columns.names.len())) {
                continue;
            }
            // The body of a form on each line: no columns, and no header.
            if header.is_none() && OwnReader::default().is_form(&bytes) {
                self.give("json", None, bytes, None, None)?;
                continue;
            }
            // Files put together have a header again, perhaps with its columns in another order.
            if let Some((_, columns)) = &header
                && columns.stand_again(&bytes, dialect)
            {
                header = Some((Arc::from(bytes.as_slice()), Columns::of(&bytes, dialect)));
                continue;
            }
            if std::mem::take(&mut first) && is_header(&bytes, dialect) {
                header = Some((Arc::from(bytes.as_slice()), Columns::of(&bytes, dialect)));
                continue;
            }
            let own = header.as_ref().and_then(|(_, columns)| columns.own(&bytes, dialect));
            self.give("csv", header.as_ref().map(|(h, _)| Arc::clone(h)), bytes, None, own)?;
        }
    }
}

/// The names of a header, for records that have a key of their own.
struct Columns {
    names: Vec<String>,
    keyed: bool,
}

impl Columns {
    fn of(header: &[u8], dialect: Dialect) -> Columns {
        let names: Vec<String> = cells(header, dialect).into_iter().map(|c| c.trim().to_owned()).collect();
        let bare =
            |n: &str| n.trim_start_matches('\u{feff}').rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        let has = |wanted: &str| names.iter().any(|n| bare(n) == wanted);
        Columns { keyed: has("partitionkey") && has("rowkey"), names }
    }

    /// Whether a record is a header again: no cell of it is a value, and most are names of columns.
    fn stand_again(&self, record: &[u8], dialect: Dialect) -> bool {
        let is_name = |cell: &str| {
            let cell = cell.trim().trim_start_matches('\u{feff}');
            self.names.iter().any(|n| n.trim_start_matches('\u{feff}').eq_ignore_ascii_case(cell)) || is_column(cell)
        };
        let first = record.split(|b| *b == dialect.delimiter).next().unwrap_or_default();
        // Most records are told by their first cell.
        if !is_name(text(first).trim_matches('"')) || !is_header(record, dialect) {
            return false;
        }
        let cells: Vec<String> = cells(record, dialect).into_iter().filter(|c| !c.trim().is_empty()).collect();
        let names = cells.iter().filter(|c| is_name(c)).count();
        names >= 2.min(self.names.len()) && names * 2 >= cells.len()
    }

    fn own(&self, record: &[u8], dialect: Dialect) -> Option<Own> {
        if !self.keyed {
            return None;
        }
        let cells = cells(record, dialect);
        Own::of(self.names.iter().map(String::as_str).zip(cells.into_iter().map(|c| as_json_writes(&c))))
    }
}

/// Tools write `True` where the service writes `true`.
fn as_json_writes(cell: &str) -> Cow<'static, str> {
    match cell {
        "True" => Cow::Borrowed("true"),
        "False" => Cow::Borrowed("false"),
        other => Cow::Owned(other.to_owned()),
    }
}

/// The cells of a record, unquoted.
fn cells(record: &[u8], dialect: Dialect) -> Vec<String> {
    let mut cells = Vec::new();
    let (mut cell, mut quoted, mut at) = (Vec::new(), false, 0);
    let mut fresh = true;
    while let Some(&byte) = record.get(at) {
        let next = record.get(at + 1).copied();
        match byte {
            b'\\' if quoted && dialect.backslash && matches!(next, Some(b'"' | b'\\')) => {
                cell.extend(next);
                at += 1;
            }
            b'"' if quoted && next == Some(b'"') && !dialect.backslash => {
                cell.push(b'"');
                at += 1;
            }
            b'"' if quoted => quoted = false,
            b'"' if fresh => quoted = true,
            b if b == dialect.delimiter && !quoted => {
                cells.push(text(&cell));
                cell.clear();
                at += 1;
                fresh = true;
                continue;
            }
            b => cell.push(b),
        }
        fresh = false;
        at += 1;
    }
    cells.push(text(&cell));
    cells
}

fn text(bytes: &[u8]) -> String {
    lenient::text(bytes).into_owned()
}

/// Whether a record is none: nothing but delimiters, a line under a header, a sum or a count under the rows, `sep=` again.
fn is_no_record(record: &[u8], dialect: Dialect, columns: usize) -> bool {
    let is_between = |b: &u8| b.is_ascii_whitespace() || b"\"\0".contains(b) || *b == dialect.delimiter;
    if record.iter().all(|b| is_between(b) || b"-=+".contains(b)) {
        return true;
    }
    if record.len() > 200 {
        return false;
    }
    let cells: Vec<String> = cells(record, dialect).iter().map(|c| c.trim().to_lowercase()).collect();
    let mut said = cells.iter().filter(|c| !c.is_empty());
    let Some(first) = said.next() else { return true };
    let is_number = |c: &String| c.chars().all(|c| c.is_ascii_digit() || " .,'".contains(c));
    let is_count = first.trim_matches(['(', ')', '.']).split_once(' ').is_some_and(|(n, what)| {
        n.bytes().all(|b| b.is_ascii_digit()) && ["row", "record", "lead", "item"].iter().any(|w| what.starts_with(w))
    });
    let label = first.trim_end_matches([':', '=']).trim();
    let is_sum = ["total", "grand total", "sum", "count", "total rows", "total records", "row count", "record count"]
        .contains(&label);
    columns > 2 && (is_count || is_sum) && said.all(is_number) || first.starts_with("sep=") && first.len() < 6
}

/// Whether the last record of a table's dump, which no line end closes, was cut: a quote stands open, or cells are missing.
/// Half an entity has the key of the whole one, and must not take its place.
fn is_broken_off<R: Read>(
    window: &Window<R>,
    length: usize,
    dialect: Dialect,
    header: Option<&(Arc<[u8]>, Columns)>,
) -> bool {
    let Some((_, columns)) = header.filter(|(_, columns)| columns.keyed) else { return false };
    let bytes = window.ready().get(..length).unwrap_or_default();
    let quotes = bytes.iter().filter(|b| **b == b'"').count();
    cells(bytes, dialect).len() < columns.names.len() || (!dialect.backslash && !quotes.is_multiple_of(2))
}

/// Finds the end of the record that the window stands on. `columns`: how many cells a record has.
fn record<R: Read>(window: &mut Window<R>, dialect: Dialect, columns: Option<usize>) -> Result<Record, Stopped> {
    let (mut at, mut quoted, mut fresh) = (0, false, true);
    let mut first_line = None;
    loop {
        let Some(byte) = window.at(at)? else {
            return Ok(match (at, quoted, first_line) {
                (0, ..) => Record::Nothing,
                // The quote was no quote: its line is a record, and the next lines are looked at again.
                (_, true, Some(end)) => Record::Whole(end, end + 1),
                _ => Record::Last(at),
            });
        };
        if byte == dialect.line_end {
            if !quoted {
                return Ok(Record::Whole(at, at + 1));
            }
            first_line.get_or_insert(at);
        }
        match byte {
            b'\\' if quoted && dialect.backslash => at += 1,
            b'"' if quoted && !dialect.backslash && window.at(at + 1)? == Some(b'"') => at += 1,
            b'"' if quoted => {
                let next = window.at(at + 1)?;
                let closes = next.is_none_or(|b| b == dialect.delimiter || b"\r\n \t".contains(&b));
                // What closes in the middle of a later cell was opened by a stray quote.
                if let (false, Some(end)) = (closes, first_line) {
                    return Ok(Record::Whole(end, end + 1));
                }
                quoted = false;
            }
            b'"' if fresh => quoted = true,
            _ => {}
        }
        fresh = byte == dialect.delimiter && !quoted;
        at += 1;
        if at > MAX_RECORD {
            return Ok(match (quoted, first_line) {
                (true, Some(end)) if are_records(window.ready(), end + 1, dialect, columns) => {
                    Record::Whole(end, end + 1)
                }
                _ => Record::TooLarge,
            });
        }
    }
}

/// Whether the lines from here on are records, which a quote that never closes swallowed, and not the lines of one huge
/// cell.
fn are_records(bytes: &[u8], start: usize, dialect: Dialect, columns: Option<usize>) -> bool {
    let Some(columns) = columns.filter(|n| *n > 1) else { return true };
    let lines = bytes.get(start..).unwrap_or_default().split(|b| *b == dialect.line_end);
    let lines: Vec<&[u8]> = lines.filter(|l| !l.trim_ascii().is_empty()).take(20).collect();
    let fitting = lines.iter().filter(|line| cells(line, dialect).len() == columns).count();
    fitting * 2 >= lines.len()
}

/// The delimiters that a file may have. Of equally frequent ones the last.
const DELIMITERS: [u8; 5] = [b'^', b'|', b'\t', b';', b','];

/// How many bytes of titles stand above the header, and the delimiter under which it is one: lines of fewer cells, of which
/// none names columns that leads have.
fn above_header(sample: &[u8], hint: Option<u8>) -> (usize, Option<u8>) {
    const WITHIN: usize = 20;
    let line_end = line_end_of(sample);
    let mut start = 0;
    let mut above: Vec<&[u8]> = Vec::new();
    for line in sample.split_inclusive(|b| *b == line_end).take(WITHIN) {
        let filled = |line: &[u8], delimiter: u8| -> Vec<String> {
            let all = cells(line, Dialect { delimiter, backslash: false, line_end });
            all.into_iter().filter(|cell| !cell.trim().is_empty()).collect()
        };
        let is_header_under = |delimiter: &u8| {
            let names = filled(line, *delimiter);
            names.iter().filter(|name| is_column(name)).count() > 1
                && named(names.iter().map(String::as_str)) != Named::Nothing
                && is_header(line, Dialect { delimiter: *delimiter, backslash: false, line_end })
                && above.iter().all(|line| filled(line, *delimiter).len() * 2 <= names.len())
        };
        let delimiters = hint.map_or(DELIMITERS.to_vec(), |hint| vec![hint]);
        if let Some(delimiter) = delimiters.into_iter().rev().find(is_header_under) {
            return if above.is_empty() { (0, None) } else { (start, Some(delimiter)) };
        }
        if !line.trim_ascii().is_empty() {
            above.push(line);
        }
        start += line.len();
    }
    (0, None)
}

fn line_end_of(sample: &[u8]) -> u8 {
    if sample.contains(&b'\n') || !sample.contains(&b'\r') { b'\n' } else { b'\r' }
}

fn detect(sample: &[u8], hint: Option<u8>) -> Dialect {
    let line_end = line_end_of(sample);
    let first = sample.split(|b| *b == line_end).find(|l| !l.trim_ascii().is_empty()).unwrap_or_default();
    let mut quoted = false;
    let bare: Vec<u8> = first
        .iter()
        .filter(|b| {
            quoted ^= **b == b'"';
            !quoted
        })
        .copied()
        .collect();
    let count = |d: u8| bare.iter().filter(|b| **b == d).count();
    let found = DELIMITERS.into_iter().max_by_key(|d| count(*d)).unwrap_or(b',');
    let delimiter = hint.unwrap_or(found);
    let plain = Dialect { delimiter, backslash: false, line_end };
    let escaped = Dialect { backslash: true, ..plain };
    let backslash = sample.windows(2).any(|w| w == b"\\\"") && fitting(sample, escaped) > fitting(sample, plain);
    Dialect { backslash, ..plain }
}

/// How many records of a sample have as many cells as the first.
fn fitting(sample: &[u8], dialect: Dialect) -> usize {
    let mut window = Window::new(sample);
    let mut wanted = None;
    let mut fit = 0;
    while let Ok(Record::Whole(length, consumed)) = record(&mut window, dialect, None) {
        let bytes = window.ready().get(..length).unwrap_or_default();
        let cells = cells(bytes.strip_suffix(b"\r").unwrap_or(bytes), dialect).len();
        fit += usize::from(*wanted.get_or_insert(cells) == cells);
        window.consume(consumed);
    }
    fit
}

/// Whether a first record names columns: none of its cells is a value that no column would be called.
fn is_header(record: &[u8], dialect: Dialect) -> bool {
    cells(record, dialect).iter().all(|cell| {
        let cell = cell.trim();
        let is_value = (cell.contains('@') && cell.contains('.') && !cell.contains("@odata.") && !cell.contains(' '))
            || cell.starts_with('{')
            || (cell.len() > 3 && cell.chars().all(|c| c.is_ascii_digit() || "-/:.+TZ ".contains(c)));
        !is_value
    })
}

/// Leaves a record behind that is longer than one may be: to the end of its line, or of the cell that it opens.
fn skip_record<R: Read>(window: &mut Window<R>, dialect: Dialect) -> Result<(), Stopped> {
    let (mut quoted, mut fresh) = (false, true);
    while let Some(byte) = window.at(0)? {
        window.consume(1);
        match byte {
            b'\\' if quoted && dialect.backslash => window.skip(1)?,
            b'"' if quoted && !dialect.backslash && window.at(0)? == Some(b'"') => window.consume(1),
            b'"' if quoted => quoted = false,
            b'"' if fresh => quoted = true,
            b if b == dialect.line_end && !quoted => return Ok(()),
            _ => {}
        }
        fresh = byte == dialect.delimiter && !quoted;
    }
    Ok(())
}
