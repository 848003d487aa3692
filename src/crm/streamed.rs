//! JSON → its documents, one after the other and never all of them in memory: those of lines, of an array, or of the array
//! that a REST answer holds.
//!
//! What needs the whole to be understood (pages of answers, a list beside another, bytes that are no UTF-8 within one
//! document of many megabytes) is left to who reads it whole, with the same result for all else.

use std::borrow::Cow;
use std::fmt;
use std::io::{BufRead, BufReader, Read};

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::documents::{Columns, holds_rows, is_page, on_line, rows_of};
use crate::error::{Error, Result};
use crate::tabular::{self, Part, Sheet};

/// A longer line is no document of one record.
const LONGEST_LINE: u64 = 8 << 20;

/// Reads the documents of a part as tables of `most` rows, each with all columns so far. `take` says whether to go on.
///
/// False where they cannot be read so, or `take` refused one.
///
/// # Errors
/// A part that cannot be read to its end; what `take` fails with.
pub(super) fn read_in_parts(
    part: &Part,
    columns: &mut Columns,
    most: usize,
    take: &mut dyn FnMut(Sheet) -> Result<bool>,
) -> Result<bool> {
    let open = || -> std::io::Result<BufReader<Box<dyn Read + Send + '_>>> {
        let mut source = BufReader::with_capacity(1 << 20, part.content.reader()?);
        if source.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
            source.consume(3);
        }
        Ok(source)
    };
    let mut source = open().map_err(|e| unreadable(part, e))?;
    let mut taken = Taken { columns, most, take, rows: 0, failure: None };
    let is_read = match are_lines(&mut source).map_err(|e| unreadable(part, e))? {
        true => lines(open().map_err(|e| unreadable(part, e))?, &mut taken).map_err(|e| unreadable(part, e))?,
        false => {
            let source = open().map_err(|e| unreadable(part, e))?;
            let mut json = serde_json::Deserializer::from_reader(source);
            let holds_rows = Holder { taken: &mut taken }.deserialize(&mut json);
            match holds_rows.and_then(|holds_rows| json.end().map(|()| holds_rows)) {
                Err(e) if e.is_io() => return Err(unreadable(part, e.into())),
                read => read.unwrap_or(false),
            }
        }
    };
    if let Some(failure) = taken.failure {
        return Err(failure);
    }
    Ok(is_read && columns.height() > 0 && take(columns.sheet())?)
}

/// The error for a part that cannot be read from where it is.
pub(super) fn unreadable(part: &Part, cause: std::io::Error) -> Error {
    Error::partial(format!("cannot read export \"{}\"", part.name)).because(cause)
}

/// Documents on their way into tables.
struct Taken<'a> {
    columns: &'a mut Columns,
    most: usize,
    take: &'a mut dyn FnMut(Sheet) -> Result<bool>,
    rows: u32,
    failure: Option<Error>,
}

impl Taken<'_> {
    /// Hands a table on where it is large enough for another to begin. Says whether to go on.
    fn hand_on(&mut self) -> bool {
        if self.columns.height() < self.most {
            return true;
        }
        let taken = (self.take)(self.columns.sheet());
        taken.unwrap_or_else(|failure| {
            self.failure = Some(failure);
            false
        })
    }

    /// Takes a document of an array. Says whether to go on.
    fn row(&mut self, document: &Value) -> bool {
        if !document.is_object() || (self.rows == 0 && is_page(document) && rows_of(document).is_some()) {
            return false;
        }
        self.rows += 1;
        let goes_on = self.hand_on();
        self.columns.add(self.rows, document);
        goes_on
    }
}

/// Whether the first line that holds anything is a document, and more follows it.
fn are_lines(source: &mut impl BufRead) -> std::io::Result<bool> {
    let mut first = Vec::new();
    while first.trim_ascii().is_empty() {
        first.clear();
        if source.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut first)? == 0 {
            return Ok(false);
        }
    }
    // Pages of answers are told by all of them.
    let is_record = |one: Value| one.is_object() && !(is_page(&one) && rows_of(&one).is_some());
    let is_document = on_line(1, &text_of(&first)).is_ok_and(|all| all.into_iter().any(is_record));
    let mut rest = source.bytes();
    let follows = || rest.find_map(|byte| byte.map(|byte| (!byte.is_ascii_whitespace()).then_some(())).transpose());
    Ok(is_document && { follows }().transpose()?.is_some())
}

/// A line as text: of what is no UTF-8, each cell is read by itself.
fn text_of(line: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(line) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => tabular::text_of(line).map_or_else(|| String::from_utf8_lossy(line), Cow::Owned),
    }
}

fn lines(mut source: impl BufRead, taken: &mut Taken<'_>) -> std::io::Result<bool> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = source.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        if length == 0 {
            return Ok(true);
        }
        if length as u64 == LONGEST_LINE {
            return Ok(false);
        }
        taken.rows += 1;
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let line = text_of(line.strip_suffix(b"\r").unwrap_or(line));
        if !taken.hand_on() {
            return Ok(false);
        }
        match on_line(taken.rows, &line) {
            Ok(documents) => documents.iter().for_each(|document| taken.columns.add(taken.rows, document)),
            Err(refused) => taken.columns.refuse(refused),
        }
    }
}

/// A value in which rows are looked for, and handed on as they come. Gives whether it held any list of them.
struct Holder<'a, 'b> {
    taken: &'a mut Taken<'b>,
}

impl<'de> DeserializeSeed<'de> for Holder<'_, '_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> std::result::Result<bool, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Holder<'_, '_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rows, or what holds them")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> std::result::Result<bool, A::Error> {
        while let Some(row) = rows.next_element::<Value>()? {
            if !self.taken.row(&row) {
                return Err(A::Error::custom("to be read whole"));
            }
        }
        Ok(true)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> std::result::Result<bool, A::Error> {
        let mut holds_any = false;
        while let Some(name) = fields.next_key::<String>()? {
            if !holds_rows(&name) {
                fields.next_value::<IgnoredAny>()?;
                continue;
            }
            let holds = fields.next_value_seed(Holder { taken: self.taken })?;
            if holds && holds_any {
                return Err(A::Error::custom("which of two lists holds the rows is told by the whole"));
            }
            holds_any |= holds;
        }
        Ok(holds_any)
    }

    fn visit_bool<E>(self, _: bool) -> std::result::Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E>(self, _: i64) -> std::result::Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E>(self, _: u64) -> std::result::Result<bool, E> {
        Ok(false)
    }

    fn visit_f64<E>(self, _: f64) -> std::result::Result<bool, E> {
        Ok(false)
    }

    fn visit_str<E>(self, _: &str) -> std::result::Result<bool, E> {
        Ok(false)
    }

    fn visit_unit<E>(self) -> std::result::Result<bool, E> {
        Ok(false)
    }
}
