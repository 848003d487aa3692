//! JSON: one document, an array, one value after another (NDJSON or pretty-printed), and whatever wraps the leads: lists
//! of pages, a table dump's `{"odata.metadata": …, "value": […]}`, the body of a flow's run, JSON text inside JSON.
//!
//! Values are found by their brackets and checked by a parser afterwards, so that a value which is broken inside costs
//! only itself; where its brackets do not close, the next value that can be read begins anew. Where every line is a
//! value, lines are trusted more than brackets. A value that is longer than a lead can be is a page, and is gone through.

use std::borrow::Cow;
use std::io::{Cursor, Read};

use serde_json::value::RawValue;

use super::cutter::{Cutter, MAX_RECORD, Own, SAMPLE, Stopped};
use super::shapes::{self, Members, members};
use super::window::Window;
use crate::codes::quarantine;
use crate::leads::{Named, OwnReader, named};
use crate::lenient;

/// How deep leads may be wrapped.
const DEEPEST: usize = 32;

/// How many lists and pages may be open around a value: more are made by no program that writes leads.
const MOST_OPEN: usize = 256;

/// Bytes that are gone through, for one object, in search of the next value behind a broken one.
pub(super) const SEARCHED: usize = 64 << 20;

/// A list of lists is a table if it is no longer than this.
const MOST_TABLE: usize = 64 << 20;

/// Where a value ends.
enum End {
    /// After so many bytes.
    At(usize),
    /// Farther than a record may.
    Far,
    /// The stream ends inside it.
    Cut,
}

/// What is open around the values.
enum Open {
    List,
    /// A page too long to be looked at whole: how many records there were before it, and its beginning.
    Page(usize, Vec<u8>),
}

impl Cutter<'_> {
    /// One JSON text, whatever it holds.
    pub(super) fn json(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        match self.try_json(bytes)? {
            Some(why) => self.problem(bytes.to_vec(), quarantine::NOT_JSON, &why),
            None => Ok(()),
        }
    }

    /// Gives the leads of one JSON text, or says why it is none.
    fn try_json(&mut self, bytes: &[u8]) -> Result<Option<String>, Stopped> {
        let text = lenient::text(bytes);
        if let Some(fields) = members(&text) {
            return self.object(bytes, &text, &fields).map(|()| None);
        }
        let e = match serde_json::from_str::<&RawValue>(&text) {
            Ok(_) => return self.wrapper(bytes, &text).map(|()| None),
            Err(e) => e,
        };
        let mended = lenient::json(&text).unwrap_or_default();
        match members(&mended) {
            Some(fields) => self.object(bytes, &mended, &fields).map(|()| None),
            None if serde_json::from_str::<&RawValue>(&mended).is_ok() => self.wrapper(bytes, &mended).map(|()| None),
            None => Ok(Some(why(&e))),
        }
    }

    fn object(&mut self, bytes: &[u8], text: &str, fields: &Members<'_>) -> Result<(), Stopped> {
        if let Some(rows) = shapes::rows(fields) {
            return self.rows(rows);
        }
        if let Some(own) = own(fields) {
            return self.give("entity", None, bytes.to_vec(), None, Some(own));
        }
        if named(fields.keys().map(AsRef::as_ref)) == Named::Lead {
            return self.give("json", None, bytes.to_vec(), None, None);
        }
        if let Some(items) = page(fields) {
            return items.into_iter().try_for_each(|item| self.json(item.get().as_bytes()));
        }
        self.wrapper(bytes, text)
    }

    /// The rows of a table, each as the object that it stands for.
    fn rows(&mut self, rows: Vec<String>) -> Result<(), Stopped> {
        rows.into_iter().try_for_each(|row| {
            let own = members(&row).and_then(|fields| own(&fields));
            self.give(if own.is_some() { "entity" } else { "json" }, None, row.into_bytes(), None, own)
        })
    }

    /// What may wrap leads.
    fn wrapper(&mut self, bytes: &[u8], text: &str) -> Result<(), Stopped> {
        let mut wrapped = Vec::new();
        unwrap(text, 0, &mut wrapped);
        let most = wrapped.iter().map(|(named, _)| *named).max().unwrap_or(Named::Nothing);
        wrapped.retain(|(named, _)| *named == most);
        let is_whole = |payload: &[u8]| OwnReader::default().is_lead("json", None, payload);
        let has_key = |text: &str| members(text).is_some_and(|fields| own(&fields).is_some());
        // One lead in an envelope stays in it, as the envelope may tell when it came.
        let stays = match wrapped.as_slice() {
            [] => true,
            [(_, one)] => one == text.trim() || (!has_key(one) && is_whole(bytes)),
            _ => false,
        };
        if stays {
            return self.give("json", None, bytes.to_vec(), None, None);
        }
        for (_, text) in wrapped {
            let own = members(&text).and_then(|fields| own(&fields));
            self.give(if own.is_some() { "entity" } else { "json" }, None, text.into_bytes(), None, own)?;
        }
        Ok(())
    }

    pub(super) fn json_stream<R: Read>(&mut self, window: &mut Window<R>) -> Result<(), Stopped> {
        if is_line_by_line(window.peek(SAMPLE)?) {
            return self.json_lines(window);
        }
        if is_list_of_lists(window.ready()) {
            let bytes = window.peek(MOST_TABLE)?;
            if let Some(rows) = shapes::rows_below_header(&lenient::text(bytes)) {
                let all = bytes.len();
                window.consume(all);
                return self.rows(rows);
            }
        }
        self.json_values(window, false)
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
            if end > MAX_RECORD {
                if is_page(window.ready()) {
                    self.json_values(window, true)?;
                    continue;
                }
                let start = window.ready().get(..SAMPLE).unwrap_or_default().to_vec();
                skip_line(window)?;
                self.too_large(start)?;
                continue;
            }
            let line = window.ready().get(..end).unwrap_or_default();
            // A log that was cut while it was written to has a gap of zero bytes.
            let line: Vec<u8> = line.iter().copied().skip_while(|b| *b == 0 || b.is_ascii_whitespace()).collect();
            // What was joined of files with a mark of byte order has one in its middle.
            let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line).trim_ascii_end().to_vec();
            window.consume(end + 1);
            match line.first() {
                None => {}
                // Several values on a line, or a list of them; something broken is never more than this line.
                Some(b'[') => self.json_values(&mut Window::new(Cursor::new(&line)), false)?,
                Some(_) if several_values(&line) => self.json_values(&mut Window::new(Cursor::new(&line)), false)?,
                Some(_) => self.json(&line)?,
            }
        }
    }

    /// Values one after the other, up to the end, or up to the end of the first.
    fn json_values<R: Read>(&mut self, window: &mut Window<R>, one: bool) -> Result<(), Stopped> {
        let mut open: Vec<Open> = Vec::new();
        while let Some(byte) = window.at(0)? {
            let in_page = matches!(open.last(), Some(Open::Page(..)));
            match byte {
                b if b.is_ascii_whitespace() || b",:\x1e\0".contains(&b) => {
                    window.consume(1);
                    continue;
                }
                b'[' | b'{' if open.len() >= MOST_OPEN => {
                    let start = window.peek(SAMPLE)?;
                    let start = start.get(..SAMPLE.min(start.len())).unwrap_or_default().to_vec();
                    skip_value(window)?;
                    self.problem(start, quarantine::NOT_JSON, "nested deeper than leads are")?;
                }
                b'[' => {
                    open.push(Open::List);
                    window.consume(1);
                    continue;
                }
                b']' if matches!(open.last(), Some(Open::List)) => {
                    open.pop();
                    window.consume(1);
                }
                b'}' if in_page => {
                    window.consume(1);
                    if let Some(Open::Page(before, start)) = open.pop()
                        && before == self.records
                    {
                        self.too_large(start)?;
                    }
                }
                b'{' => match end_of(window)? {
                    End::At(length) => {
                        let bytes = window.ready().get(..length).unwrap_or_default().to_vec();
                        let why = self.try_json(&bytes)?;
                        let length = why.as_ref().and_then(|_| self.next_value(&bytes)).unwrap_or(length);
                        window.consume(length);
                        if let Some(why) = why {
                            let broken = bytes.get(..length).unwrap_or(&bytes).to_vec();
                            self.problem(broken, quarantine::NOT_JSON, &why)?;
                        }
                    }
                    End::Far | End::Cut if open.len() < DEEPEST && is_page(window.ready()) => {
                        let start = window.ready().get(..SAMPLE).unwrap_or_default().to_vec();
                        open.push(Open::Page(self.records, start));
                        window.consume(1);
                        continue;
                    }
                    End::Far | End::Cut => {
                        let bytes = window.peek(MAX_RECORD)?;
                        let bytes = bytes.get(..MAX_RECORD.min(bytes.len())).unwrap_or_default().to_vec();
                        match self.next_value(&bytes) {
                            Some(length) => {
                                window.consume(length);
                                self.json(bytes.get(..length).unwrap_or_default().trim_ascii_end())?;
                            }
                            None if bytes.len() < MAX_RECORD => {
                                window.consume(bytes.len());
                                return self.problem(bytes, quarantine::NOT_JSON, "ends in the middle");
                            }
                            None => {
                                skip_value(window)?;
                                self.too_large(bytes.get(..SAMPLE).unwrap_or_default().to_vec())?;
                            }
                        }
                    }
                },
                // A name or a text of a page.
                b'"' if in_page => {
                    skip_text(window)?;
                    continue;
                }
                // What a program wrote before and behind its JSON: a name, a comment, the time of a log's line.
                _ if byte != b'"' && open.is_empty() && !in_page && pass_over(window)? => continue,
                _ => self.scalar(window, byte, in_page)?,
            }
            if one && open.is_empty() {
                return Ok(());
            }
        }
        if open.is_empty() {
            return Ok(());
        }
        self.problem(Vec::new(), quarantine::NOT_JSON, "ends in the middle")
    }

    /// A scalar, or rubbish: up to the end of the line or of the element.
    fn scalar<R: Read>(&mut self, window: &mut Window<R>, first: u8, in_page: bool) -> Result<(), Stopped> {
        let (mut end, mut inside, mut escaped) = (1, first == b'"', false);
        while end < MAX_RECORD
            && let Some(byte) = window.at(end)?
            && (inside || !b"\n,]}".contains(&byte))
        {
            inside ^= byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            end += 1;
        }
        let bytes = window.ready().get(..end).unwrap_or_default().trim_ascii().to_vec();
        window.consume(end);
        if in_page { Ok(()) } else { self.json(&bytes) }
    }

    /// Where the next value begins behind one that cannot be read, whose brackets or quotes mislead.
    fn next_value(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(found) = memchr::memchr(b'}', bytes.get(at..)?) {
            at += found + 1;
            let rest = bytes.get(at..)?;
            let gap = rest.iter().position(|b| !b.is_ascii_whitespace() && *b != b',')?;
            let next = rest.get(gap..).filter(|next| next.starts_with(b"{"));
            let next = next.and_then(|next| next.get(..SAMPLE.min(rest.len() - gap)));
            self.searched += found + next.map_or(0, <[u8]>::len);
            if self.searched > SEARCHED {
                return None;
            }
            let whole = next.map(|next| end_of(&mut Window::new(Cursor::new(next))));
            if let (Some(next), Some(Ok(End::At(length)))) = (next, whole)
                && next.get(..length).is_some_and(is_json)
            {
                return Some(at);
            }
        }
        None
    }
}

/// Why a text is no JSON, without what stands there.
fn why(e: &serde_json::Error) -> String {
    let what = if e.is_eof() { "the text ends too early" } else { "the text is not JSON" };
    format!("{what} at line {} column {}", e.line(), e.column())
}

/// Whether JSON stands behind text: in a JSON text, after a name, below a comment, at the end of a log's line. A table of
/// delimited text has none in its first line.
pub(super) fn stands_behind_text(head: &[u8]) -> bool {
    let head = head.trim_ascii_start();
    if [&b"\"{"[..], b"\"[", b"\"\\"].iter().any(|start| head.starts_with(start)) {
        return true;
    }
    let above: usize = head
        .split_inclusive(|b| *b == b'\n')
        .take_while(|line| is_comment(line) || is_guard(line) || is_plain(line))
        .map(<[u8]>::len)
        .sum();
    let text = head.get(above..).unwrap_or_default();
    let line = memchr::memchr(b'\n', text).unwrap_or(text.len());
    json_in(text, line).is_some_and(|at| {
        let before = text.get(..at).unwrap_or_default();
        (at > 0 || above > 0) && !before.contains(&b'"')
    })
}

/// Passes text that stands around JSON: up to where a value begins on the line, or the line where nothing else is on
/// it. Says whether there was any.
fn pass_over<R: Read>(window: &mut Window<R>) -> Result<bool, Stopped> {
    let sample = window.peek(SAMPLE)?;
    let end = memchr::memchr(b'\n', sample).unwrap_or(sample.len());
    let line = sample.get(..end).unwrap_or_default();
    let taken = match json_in(sample, end) {
        Some(at) => at,
        None if is_guard(line) || is_comment(line) || is_said(line) => end,
        None => 0,
    };
    window.consume(taken);
    Ok(taken > 0)
}

/// Where a JSON object, or a list of them, begins in the line that a text begins with, whose end is known.
fn json_in(text: &[u8], end: usize) -> Option<usize> {
    memchr::memchr2_iter(b'{', b'[', text.get(..end)?).find(|at| {
        let opens = text.get(*at);
        let mut behind = text.get(at + 1..).unwrap_or_default().iter().filter(|b| !b.is_ascii_whitespace());
        let next = behind.next();
        match (opens, next) {
            (Some(b'{'), Some(b'"')) => behind.next() != Some(&b'"'),
            (Some(b'{'), Some(b'\'')) | (Some(b'['), Some(b'{')) => true,
            // The quotes of a word processor.
            (Some(b'{'), Some(0xe2 | 0xc2)) => true,
            _ => false,
        }
    })
}

/// Whether a line holds nothing but what keeps a script from being one, or ends it: `)]}',`, `/*`, `);`.
fn is_guard(line: &[u8]) -> bool {
    line.iter().all(|b| b")]}',;/*".contains(b) || b.is_ascii_whitespace())
}

/// Whether a line has no cells and holds no value: a title, the name of the only column, a blank.
fn is_plain(line: &[u8]) -> bool {
    !line.iter().any(|b| b"{}[]\"@,;\t|^=&".contains(b))
}

/// Whether a line is what a program says between the values it writes, and nothing of a value or of a person.
fn is_said(line: &[u8]) -> bool {
    let words = line.split(u8::is_ascii_whitespace).filter(|word| word.iter().any(u8::is_ascii_alphabetic));
    !line.iter().any(|b| b"{}[]\"@".contains(b)) && words.count() > 1
}

fn is_comment(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    line.starts_with(b"//") || line.starts_with(b"#") || line.starts_with(b"/*")
}

fn is_list_of_lists(start: &[u8]) -> bool {
    let inner = start.trim_ascii_start().strip_prefix(b"[").map(<[u8]>::trim_ascii_start);
    inner.is_some_and(|inner| inner.starts_with(b"["))
}

/// The items of a table's page, which are records whatever they hold.
fn page<'t>(fields: &Members<'t>) -> Option<Vec<&'t RawValue>> {
    let is_beside = |name: &str| name.starts_with("odata.") || name.starts_with("@odata.") || name == "nextMarker";
    let mut others = fields.iter().filter(|(name, _)| !is_beside(name));
    let (name, value) = others.next().filter(|_| others.next().is_none())?;
    (matches!(name.as_ref(), "value" | "items") && value.get().starts_with('[')).then_some(())?;
    serde_json::from_str(value.get()).ok()
}

fn own(fields: &Members<'_>) -> Option<Own> {
    Own::of(fields.iter().map(|(name, value)| (name.as_ref(), plain(value))))
}

/// Finds leads in what wraps them, however deep: objects, lists and JSON texts.
fn unwrap(text: &str, depth: usize, found: &mut Vec<(Named, String)>) {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if depth > DEEPEST {
        return;
    }
    match text.as_bytes().first() {
        Some(b'{') => {
            let Some(fields) = members(text) else { return };
            if let Some(rows) = shapes::rows(&fields) {
                found.extend(rows.into_iter().map(|row| (Named::Lead, row)));
                return;
            }
            let name = if own(&fields).is_some() { Named::Lead } else { named(fields.keys().map(AsRef::as_ref)) };
            if name != Named::Nothing {
                found.push((name, text.to_owned()));
            }
            if name != Named::Lead {
                fields.values().for_each(|value| unwrap(value.get(), depth + 1, found));
            }
        }
        Some(b'[') => {
            if let Some(rows) = shapes::rows_below_header(text) {
                found.extend(rows.into_iter().map(|row| (Named::Lead, row)));
                return;
            }
            let items: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
            items.iter().for_each(|item| unwrap(item.get(), depth + 1, found));
        }
        Some(b'"') => {
            let inner: String = serde_json::from_str(text).unwrap_or_default();
            if inner.trim_start().starts_with(['{', '[', '"']) {
                let mended = match serde_json::from_str::<&RawValue>(&inner) {
                    Ok(_) => None,
                    Err(_) => lenient::json(&inner),
                };
                unwrap(mended.as_deref().unwrap_or(&inner), depth + 1, found);
            } else if let Some(opened) = shapes::packed(&inner) {
                unwrap(&opened, depth + 1, found);
            }
        }
        _ => {}
    }
}

/// Whether bytes are one JSON value, perhaps a mended one.
fn is_json(bytes: &[u8]) -> bool {
    let is = |text: &str| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    let text = lenient::text(bytes);
    is(&text) || lenient::json(&text).is_some_and(|mended| is(&mended))
}

/// Whether each line is a value of its own. Judged by the whole lines of a sample.
fn is_line_by_line(sample: &[u8]) -> bool {
    let mut lines: Vec<&[u8]> = sample.split(|b| *b == b'\n').collect();
    if lines.len() < 2 {
        return false;
    }
    lines.pop();
    let lines: Vec<&[u8]> = lines.into_iter().filter(|l| !l.trim_ascii().is_empty()).take(20).collect();
    let is_object = |l: &&[u8]| l.starts_with(b"{") && is_json(l.trim_ascii());
    let first = lines.first().is_some_and(is_object);
    first || (lines.iter().all(|l| l.starts_with(b"{")) && lines.iter().any(is_object))
}

/// Whether a line holds nothing but several values, one after the other.
fn several_values(line: &[u8]) -> bool {
    let mut values = serde_json::Deserializer::from_slice(line).into_iter::<serde::de::IgnoredAny>();
    values.next().is_some_and(|v| v.is_ok()) && values.byte_offset() < line.len() && values.all(|v| v.is_ok())
}

/// Whether what is too long for a record is a page of them: the first object or list in it begins with a value that can
/// be read, or with another page.
fn is_page(start: &[u8]) -> bool {
    is_page_within(start, DEEPEST)
}

/// The same down to so many pages in pages: each of them is gone through to its end, as far as a record may reach.
fn is_page_within(start: &[u8], depth: usize) -> bool {
    let (mut text, mut escaped) = (false, false);
    for (at, byte) in start.iter().enumerate().skip(1).take(SAMPLE) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if text => escaped = true,
            b'"' => text = !text,
            b'{' if !text => {
                let rest = start.get(at..).unwrap_or_default();
                return match end_of(&mut Window::new(Cursor::new(rest))) {
                    Ok(End::At(length)) => rest.get(..length).is_some_and(is_json),
                    _ => depth > 0 && is_page_within(rest, depth - 1),
                };
            }
            _ => {}
        }
    }
    false
}

/// Finds the end of the bracketed value that the window stands on; nothing is left behind.
fn end_of<R: Read>(window: &mut Window<R>) -> Result<End, Stopped> {
    let (mut depth, mut text, mut at) = (0usize, false, 0usize);
    while at < MAX_RECORD {
        let Some(byte) = window.at(at)? else { return Ok(End::Cut) };
        match byte {
            b'\\' if text => at += 1,
            b'"' => text = !text,
            b'{' | b'[' if !text => depth += 1,
            b'}' | b']' if !text => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Ok(End::At(at + 1));
                }
            }
            _ => {}
        }
        at += 1;
    }
    Ok(End::Far)
}

/// Leaves a value behind that is longer than a record may be.
fn skip_value<R: Read>(window: &mut Window<R>) -> Result<(), Stopped> {
    let (mut depth, mut text) = (0usize, false);
    while let Some(byte) = window.at(0)? {
        window.consume(1);
        match byte {
            b'\\' if text => window.skip(1)?,
            b'"' => text = !text,
            b'{' | b'[' if !text => depth += 1,
            b'}' | b']' if !text => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Ok(());
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Leaves a text behind, however long.
fn skip_text<R: Read>(window: &mut Window<R>) -> Result<(), Stopped> {
    window.skip(1)?;
    while let Some(byte) = window.at(0)? {
        window.consume(1);
        match byte {
            b'\\' => window.skip(1)?,
            b'"' => return Ok(()),
            _ => {}
        }
    }
    Ok(())
}

fn skip_line<R: Read>(window: &mut Window<R>) -> Result<(), Stopped> {
    loop {
        if window.peek(1)?.is_empty() {
            return Ok(());
        }
        let ready = window.ready();
        match memchr::memchr(b'\n', ready) {
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
    let read = |text: &str| serde_json::from_str::<String>(text).ok();
    let mended = || lenient::json(text).and_then(|mended| read(&mended));
    read(text).or_else(mended).map_or(Cow::Borrowed(text), Cow::Owned)
}
