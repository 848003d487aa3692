//! Documents of JSON → the rows and columns of a table, and what they stand in: lines, lists, pages of a REST answer.
//!
//! A body is flattened: its fields become columns by their last name, whatever wrapper they stand in. Keys of any case
//! meet (`UserDetails`, `userdetails`); of a key written twice the last counts.

use std::collections::HashMap;

use polars::prelude::*;
use serde_json::Value;

use crate::tabular::profile::Tally;
use crate::tabular::{Form, Refused, Sheet, fold};

/// What may stand before and between documents: blanks, commas of a list that was cut, marks of records (RFC 7464).
pub(super) fn is_between(c: char) -> bool {
    c.is_whitespace() || matches!(c, ',' | '\u{1e}' | '\u{feff}')
}

/// Takes the documents of a whole text.
pub(super) fn of_text(text: &str, columns: &mut Columns) {
    match serde_json::from_str::<Value>(text) {
        Ok(whole) => match (rows_of(&whole).or_else(|| keyed(&whole)), whole) {
            (Some(rows), _) | (None, Value::Array(rows)) => columns.add_all(&rows),
            (None, whole) => columns.add(1, &whole),
        },
        Err(_) => {
            let lines = Several::of((1u32..).zip(text.lines()));
            // Documents may take several lines, or stand behind one another on one.
            let pieces = if lines.ragged.is_empty() { Several::default() } else { Several::of(pieces(text)) };
            let several = if pieces.documents.len() > lines.documents.len() { pieces } else { lines };
            let (rows, documents): (Vec<u32>, Vec<Value>) = several.documents.into_iter().unzip();
            let documents = Value::Array(documents);
            match (rows_of(&documents), documents) {
                (Some(of_pages), _) => columns.add_all(&of_pages),
                (None, Value::Array(documents)) => {
                    rows.iter().zip(&documents).for_each(|(row, document)| columns.add(*row, document));
                }
                (None, _) => {}
            }
            columns.ragged = several.ragged;
        }
    }
}

/// Documents that are no one document together.
#[derive(Default)]
struct Several {
    documents: Vec<(u32, Value)>,
    ragged: Vec<Refused>,
}

impl Several {
    /// Reads each text, with the line in which it begins.
    fn of<'t>(texts: impl Iterator<Item = (u32, &'t str)>) -> Several {
        let mut several = Several::default();
        for (row, text) in texts {
            match on_line(row, text) {
                Ok(documents) => several.documents.extend(documents.into_iter().map(|document| (row, document))),
                Err(refused) => several.ragged.push(refused),
            }
        }
        several
    }
}

/// The documents on a line: one, several behind one another, or none where there is but the bracket of a list.
pub(super) fn on_line(row: u32, line: &str) -> std::result::Result<Vec<Value>, Refused> {
    let bare = line.trim_matches(is_between);
    if bare.is_empty() || bare == "[" || bare == "]" {
        return Ok(Vec::new());
    }
    let read = serde_json::from_str(bare).map(|document| vec![document]).or_else(|e| {
        // The first and the last of a list that breaks off, or has a comma too many.
        let inner = bare.trim_start_matches('[').trim_end_matches(']').trim_matches(is_between);
        serde_json::from_str(&format!("[{inner}]"))
            .or_else(|_| serde_json::Deserializer::from_str(inner).into_iter().collect())
            .map_err(|_| e)
    });
    let refused = |e: serde_json::Error| Refused {
        row,
        detail: format!("no JSON (column {})", e.column()),
        text: line.to_owned(),
    };
    read.map_err(refused)
}

/// Texts of documents, whatever stands between them, and the line in which each begins. One that does not end is one, too.
fn pieces(text: &str) -> impl Iterator<Item = (u32, &str)> {
    let (mut depth, mut is_text, mut is_escaped, mut from, mut line, mut begins) = (0u32, false, false, 0, 1u32, 1u32);
    let ends = text.len();
    text.bytes().enumerate().filter_map(move |(at, byte)| {
        line += u32::from(byte == b'\n');
        if is_text {
            (is_text, is_escaped) = (is_escaped || byte != b'"', !is_escaped && byte == b'\\');
        } else if depth > 0 && byte == b'"' {
            is_text = true;
        } else if byte == b'{' {
            if depth == 0 {
                (from, begins) = (at, line);
            }
            depth += 1;
        } else if byte == b'}' && depth > 0 {
            depth -= 1;
            if depth == 0 {
                return text.get(from..=at).map(|piece| (begins, piece));
            }
        }
        (depth > 0 && at + 1 == ends).then(|| text.get(from..).map(|piece| (begins, piece))).flatten()
    })
}

/// Records that stand under their ids: an object of nothing but objects that have fields in common.
fn keyed(whole: &Value) -> Option<Vec<Value>> {
    let whole = whole.as_object().filter(|whole| whole.len() > 1)?;
    let first = whole.values().next()?.as_object()?;
    let is_alike =
        |one: &Value| one.as_object().is_some_and(|one| one.keys().filter(|k| first.contains_key(*k)).count() > 1);
    whole.values().all(is_alike).then(|| whole.values().cloned().collect())
}

/// Rows that are lists of cells, whose columns are named beside them, or by the first.
fn of_lists(names: Option<&Value>, rows: &[Value]) -> Option<Vec<Value>> {
    let name = |name: &Value| match name {
        Value::String(name) => Some(name.clone()),
        Value::Object(column) => {
            ["name", "label", "field"].iter().find_map(|key| Some(column.get(*key)?.as_str()?.to_owned()))
        }
        _ => None,
    };
    let (names, rows) = match names {
        Some(names) => (names, rows),
        None => (rows.first()?, rows.get(1..)?),
    };
    let names = names.as_array()?.iter().map(name).collect::<Option<Vec<String>>>()?;
    let row = |cells: &Value| {
        let cells = cells.as_array().filter(|cells| cells.len() == names.len())?;
        Some(names.iter().cloned().zip(cells.iter().cloned()).collect::<serde_json::Map<_, _>>().into())
    };
    // Without names it may be somebody who stands in the first of them.
    let are_names = names.len() > 1 && names.iter().all(|name| !name.contains('@'));
    if are_names { rows.iter().map(row).collect() } else { None }
}

/// Whether a field of a REST answer may hold its rows.
pub(super) fn holds_rows(key: &str) -> bool {
    /// What the services call them: OData, HubSpot, Salesforce and its command line, Marketo, and what others do.
    const NAMES: &[&str] =
        &["value", "items", "results", "records", "result", "rows", "data", "contacts", "leads", "tables"];
    NAMES.iter().any(|name| key.eq_ignore_ascii_case(name))
}

/// Whether a document may be a page of rows: a record has an id of its own, and may hold lists of others.
pub(super) fn is_page(page: &Value) -> bool {
    page.as_object().is_some_and(|page| !page.keys().any(|key| key.eq_ignore_ascii_case("id")))
}

/// The rows of a REST answer, wherever it holds them, or of several pages of answers; none of anything else.
pub(super) fn rows_of(whole: &Value) -> Option<Vec<Value>> {
    let of_pages = |pages: &[Value]| -> Option<Vec<Value>> {
        if !pages.iter().all(is_page) {
            return None;
        }
        let pages = pages.iter().map(rows_of).collect::<Option<Vec<_>>>()?;
        (!pages.is_empty()).then(|| pages.concat())
    };
    match whole {
        Value::Array(rows) if rows.iter().all(Value::is_array) => of_lists(None, rows),
        Value::Array(pages) => of_pages(pages),
        Value::Object(object) => {
            let names = ["columns", "fields", "header", "headers"].iter().find_map(|key| object.get(*key));
            object.iter().filter(|(key, _)| holds_rows(key)).find_map(|(_, value)| match value {
                Value::Array(rows) if rows.iter().all(Value::is_object) => {
                    Some(of_pages(rows).unwrap_or_else(|| rows.clone()))
                }
                Value::Array(rows) if rows.iter().all(Value::is_array) => of_lists(Some(names?), rows),
                Value::Object(_) => rows_of(value),
                _ => None,
            })
        }
        _ => None,
    }
}

/// Documents as columns, in the order in which their fields come; those of a part of them at a time.
#[derive(Default)]
pub(super) struct Columns {
    header: Vec<String>,
    /// Where a field stands, by its folded name.
    places: HashMap<String, usize>,
    /// What the values of each column look like, of all parts.
    tallies: Vec<Tally>,
    cells: Vec<StringChunkedBuilder>,
    rows: Vec<u32>,
    ragged: Vec<Refused>,
}

impl Columns {
    /// The same without documents.
    pub fn begun_anew(&self) -> Columns {
        let mut anew = Columns { places: self.places.clone(), ..Columns::default() };
        self.header.iter().for_each(|name| anew.begin_column(name));
        anew
    }

    /// How many documents there are.
    pub fn height(&self) -> usize {
        self.rows.len()
    }

    fn begin_column(&mut self, name: &str) {
        let mut cells = StringChunkedBuilder::new(PlSmallStr::EMPTY, self.rows.len());
        (0..self.rows.len()).for_each(|_| cells.append_null());
        self.header.push(name.to_owned());
        self.tallies.push(Tally::default());
        self.cells.push(cells);
    }

    /// Adds a document.
    pub fn add(&mut self, row: u32, document: &Value) {
        let mut values: Vec<Option<String>> = vec![None; self.header.len()];
        flatten(document, 0, &mut |name: &str, value: String| {
            let folded = fold(name);
            let place = match self.places.get(&folded) {
                Some(place) => *place,
                None => {
                    let place = self.header.len();
                    self.places.insert(folded, place);
                    self.begin_column(name);
                    values.push(None);
                    place
                }
            };
            if let Some(known) = values.get_mut(place) {
                *known = Some(value);
            }
        });
        for ((cells, tally), value) in self.cells.iter_mut().zip(&mut self.tallies).zip(values) {
            tally.take(value.as_deref().unwrap_or_default());
            cells.append_option(value);
        }
        self.rows.push(row);
    }

    fn add_all(&mut self, documents: &[Value]) {
        (1u32..).zip(documents).for_each(|(row, document)| self.add(row, document));
    }

    /// Adds a line that is no document.
    pub fn refuse(&mut self, refused: Refused) {
        self.ragged.push(refused);
    }

    /// The documents as a table; the next begin another part of it.
    pub fn sheet(&mut self) -> Sheet {
        let anew = self.begun_anew();
        let Columns { header, tallies, cells, rows, ragged, .. } = std::mem::replace(self, anew);
        self.tallies.clone_from(&tallies);
        Sheet {
            name: None,
            form: Form { container: "json".into(), encoding: "UTF-8".into(), ..Form::default() },
            preamble: Vec::new(),
            names: vec![None; header.len()],
            entity: None,
            forms: tallies.iter().map(Tally::form).collect(),
            header,
            header_row: 0,
            columns: cells.into_iter().map(|cells| Some(cells.finish())).collect(),
            rows,
            trailer: Vec::new(),
            ragged,
            padded: 0,
            ends_inside: false,
        }
    }
}

/// Hands on each scalar with its last name; text that is JSON itself (an escaped body) is opened.
fn flatten(value: &Value, depth: usize, take: &mut impl FnMut(&str, String)) {
    if depth > 8 {
        return;
    }
    let Some(object) = value.as_object() else { return };
    // Wrappers first, so that what stands outside of them (time of receipt) is not overwritten by the body's own.
    for (name, inner) in object {
        match inner {
            Value::Object(_) => flatten(inner, depth + 1, take),
            Value::String(text) if text.trim_start().starts_with('{') => match serde_json::from_str::<Value>(text) {
                Ok(opened) if opened.is_object() => flatten(&opened, depth + 1, take),
                _ => take(name, text.clone()),
            },
            _ => {}
        }
    }
    for (name, inner) in object {
        match inner {
            Value::String(text) if text.trim_start().starts_with('{') => {}
            Value::String(text) => take(name, text.clone()),
            Value::Number(number) => take(name, number.to_string()),
            Value::Bool(flag) => take(name, flag.to_string()),
            Value::Null | Value::Object(_) | Value::Array(_) => {}
        }
    }
}
