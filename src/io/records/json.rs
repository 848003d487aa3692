//! JSON: one document, an array, one value after another (NDJSON or pretty-printed), or a table dump's wrapper
//! `{"odata.metadata": …, "value": […]}`, `{"items": […], "nextMarker": …}`.
//!
//! Values are found by their brackets and checked by a parser afterwards, so that a value which is broken inside costs
//! only itself. Where every line is a value, lines are trusted more than brackets.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use serde_json::value::RawValue;

use super::cutter::{Cutter, MAX_RECORD, Own, SAMPLE, Stopped};
use super::window::Window;
use crate::codes::quarantine;

/// How a value ended.
enum Value {
    /// So many bytes.
    Whole(usize),
    /// It was longer than a record may be; its beginning is kept, all of it is left behind.
    TooLarge(Vec<u8>),
    /// The stream ended inside it.
    Cut,
}

impl Cutter<'_> {
    /// One JSON text, whatever it holds.
    pub(super) fn json(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => encoding_rs::WINDOWS_1252.decode(bytes).0,
        };
        let fields: BTreeMap<Cow<'_, str>, &RawValue> = match serde_json::from_str(&text) {
            Ok(fields) => fields,
            Err(e) if e.is_data() => return self.give("json", None, bytes.to_vec(), None, None),
            Err(e) => return self.problem(bytes.to_vec(), quarantine::NOT_JSON, &e.to_string()),
        };
        let own = Own::of(fields.iter().map(|(name, value)| (name.as_ref(), plain(value))));
        self.give(if own.is_some() { "entity" } else { "json" }, None, bytes.to_vec(), None, own)
    }

    pub(super) fn json_stream<R: Read>(&mut self, window: &mut Window<R>) -> Result<(), Stopped> {
        if is_line_by_line(window.peek(SAMPLE)?) {
            return self.json_lines(window);
        }
        self.json_values(window)
    }

    fn json_lines<R: Read>(&mut self, window: &mut Window<R>) -> Result<(), Stopped> {
        loop {
            let mut end = 0;
            let mut found = window.at(0)?;
            if found.is_none() {
                return Ok(());
            }
            while found.is_some_and(|b| b != b'\n') && end <= MAX_RECORD {
                end += 1;
                found = window.at(end)?;
            }
            let line = window.ready().get(..end).unwrap_or_default().trim_ascii().to_vec();
            if end > MAX_RECORD {
                skip_line(window)?;
                self.too_large(line)?;
                continue;
            }
            window.consume(end + 1);
            let plain = serde_json::from_slice::<serde::de::IgnoredAny>(&line).is_ok();
            match line.first() {
                None => {}
                Some(b'{') if plain && wrapped(&line).is_none() => self.json(&line)?,
                _ => {
                    // Several values on a line, a page of a dump, or something broken: never more than this line.
                    let before = self.records;
                    let mut inner = Window::new(Cursor::new(&line));
                    if plain || several_values(&line) {
                        self.json_values(&mut inner)?;
                    } else {
                        self.json(&line)?;
                    }
                    debug_assert!(self.records > before || plain);
                }
            }
        }
    }

    fn json_values<R: Read>(&mut self, window: &mut Window<R>) -> Result<(), Stopped> {
        // What is open around the values: `]` for an array, `}` for the wrapper of one.
        let mut open: Vec<u8> = Vec::new();
        while let Some(byte) = window.at(0)? {
            match byte {
                b if b.is_ascii_whitespace() || b == b',' || b == 0x1e => window.consume(1),
                b'[' if open.is_empty() => {
                    open.push(b']');
                    window.consume(1);
                }
                b']' if open.last() == Some(&b']') => {
                    open.pop();
                    window.consume(1);
                    if open.pop() == Some(b'}') && !leave_wrapper(window)? {
                        return self.problem(Vec::new(), quarantine::NOT_JSON, "ends in the middle");
                    }
                }
                b'{' => {
                    if open.is_empty()
                        && let Some(start) = wrapped(window.peek(SAMPLE)?)
                    {
                        open.extend([b'}', b']']);
                        window.consume(start + 1);
                        continue;
                    }
                    match value(window)? {
                        Value::Whole(length) => {
                            let bytes = window.ready().get(..length).unwrap_or_default().to_vec();
                            window.consume(length);
                            self.json(&bytes)?;
                        }
                        Value::TooLarge(start) => self.too_large(start)?,
                        Value::Cut => {
                            let rest = window.rest()?;
                            return self.problem(rest, quarantine::NOT_JSON, "ends in the middle");
                        }
                    }
                }
                _ => {
                    // A scalar, or rubbish: up to the end of the line or of the element.
                    let mut end = 1;
                    while end < MAX_RECORD && window.at(end)?.is_some_and(|b| !b"\n,]".contains(&b)) {
                        end += 1;
                    }
                    let bytes = window.ready().get(..end).unwrap_or_default().trim_ascii().to_vec();
                    window.consume(end);
                    self.json(&bytes)?;
                }
            }
        }
        if open.is_empty() {
            return Ok(());
        }
        self.problem(Vec::new(), quarantine::NOT_JSON, "ends in the middle")
    }
}

/// Whether each line is a value of its own. Judged by the whole lines of a sample.
fn is_line_by_line(sample: &[u8]) -> bool {
    let mut lines: Vec<&[u8]> = sample.split(|b| *b == b'\n').collect();
    if lines.len() < 2 {
        return false;
    }
    lines.pop();
    let lines: Vec<&[u8]> = lines.into_iter().filter(|l| !l.trim_ascii().is_empty()).take(20).collect();
    let is_object =
        |l: &&[u8]| l.starts_with(b"{") && serde_json::from_slice::<serde::de::IgnoredAny>(l.trim_ascii()).is_ok();
    let first = lines.first().is_some_and(is_object);
    first || (lines.iter().all(|l| l.starts_with(b"{")) && lines.iter().any(is_object))
}

/// Whether a line holds nothing but values, one after the other.
fn several_values(line: &[u8]) -> bool {
    serde_json::Deserializer::from_slice(line).into_iter::<serde::de::IgnoredAny>().all(|v| v.is_ok())
}

/// Where the array of a table dump's wrapper begins, if these bytes begin with such a wrapper.
fn wrapped(bytes: &[u8]) -> Option<usize> {
    let skip = |mut at: usize| {
        while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        at
    };
    let mut at = skip(0);
    if bytes.get(at) != Some(&b'{') {
        return None;
    }
    at = skip(at + 1);
    loop {
        let name_end = scalar_end(bytes, at)?;
        let name = bytes.get(at..name_end)?;
        at = skip(name_end);
        if bytes.get(at) != Some(&b':') {
            return None;
        }
        at = skip(at + 1);
        let array = bytes.get(at) == Some(&b'[');
        match name {
            b"\"value\"" | b"\"items\"" if array => {
                return matches!(bytes.get(skip(at + 1)), Some(b'{' | b']')).then_some(at);
            }
            n if n.starts_with(b"\"odata.") || n.starts_with(b"\"@odata.") || n == b"\"nextMarker\"" => {}
            _ => return None,
        }
        at = if bytes.get(at) == Some(&b'{') { object_end(bytes, at)? } else { scalar_end(bytes, at)? };
        at = skip(at);
        if bytes.get(at) != Some(&b',') {
            return None;
        }
        at = skip(at + 1);
    }
}

fn scalar_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    if bytes.get(start)? == &b'"' {
        loop {
            match bytes.get(at)? {
                b'\\' => at += 2,
                b'"' => return Some(at + 1),
                _ => at += 1,
            }
        }
    }
    while !b",}] \t\r\n:".contains(bytes.get(at)?) {
        at += 1;
    }
    Some(at)
}

fn object_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut window = Window::new(Cursor::new(bytes.get(start..)?));
    match value(&mut window) {
        Ok(Value::Whole(length)) => Some(start + length),
        _ => None,
    }
}

/// Finds the end of the bracketed value that the window stands on.
fn value<R: Read>(window: &mut Window<R>) -> Result<Value, Stopped> {
    let (mut depth, mut text, mut at) = (0usize, false, 0usize);
    let mut start = None;
    loop {
        let Some(byte) = window.at(at)? else { return Ok(Value::Cut) };
        match byte {
            b'\\' if text => at += 1,
            b'"' => text = !text,
            b'{' | b'[' if !text => depth += 1,
            b'}' | b']' if !text => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    let Some(start) = start else { return Ok(Value::Whole(at + 1)) };
                    window.consume(at + 1);
                    return Ok(Value::TooLarge(start));
                }
            }
            _ => {}
        }
        at += 1;
        if at > MAX_RECORD {
            start.get_or_insert_with(|| window.ready().get(..SAMPLE).unwrap_or_default().to_vec());
            window.peek(at)?;
            window.consume(at);
            at = 0;
        }
    }
}

/// Passes what follows the array of a wrapper. Says whether the wrapper was closed.
fn leave_wrapper<R: Read>(window: &mut Window<R>) -> Result<bool, Stopped> {
    let (mut depth, mut text) = (1usize, false);
    loop {
        let Some(byte) = window.at(0)? else { return Ok(false) };
        window.consume(1);
        match byte {
            b'\\' if text => window.consume(1),
            b'"' => text = !text,
            b'{' | b'[' if !text => depth += 1,
            b'}' | b']' if !text => {
                depth -= 1;
                if depth == 0 {
                    return Ok(true);
                }
            }
            _ => {}
        }
    }
}

fn skip_line<R: Read>(window: &mut Window<R>) -> Result<(), Stopped> {
    loop {
        if window.peek(1)?.is_empty() {
            return Ok(());
        }
        let ready = window.ready();
        match ready.iter().position(|b| *b == b'\n') {
            Some(end) => {
                window.consume(end + 1);
                return Ok(());
            }
            None => window.consume(ready.len()),
        }
    }
}

/// A JSON value as a CSV export of the same entity writes it.
fn plain(value: &RawValue) -> Cow<'_, str> {
    let text = value.get();
    if text == "null" {
        return Cow::Borrowed("");
    }
    if !text.starts_with('"') {
        return Cow::Borrowed(text);
    }
    serde_json::from_str(text).map(Cow::Owned).unwrap_or(Cow::Borrowed(text))
}
