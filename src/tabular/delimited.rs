//! Delimited text → columns: delimiter by the header, quotes by RFC 4180 or backslash, damage set aside by line.
//!
//! One scanner serves the search for the header and the reading of millions of records. Long files are cut at line
//! ends and scanned by several threads; each piece is checked to begin where the one before it ended, and scanned
//! again from there if a line end stood inside quotes. So the result is that of one pass, whatever the threads.

use memchr::{memchr, memchr_iter, memchr2, memchr3, memmem};
use polars::prelude::*;

use super::text::Decoded;
use super::{Ask, Form, HEADER_WITHIN, Refused, Sheet, clean_label, is_total, is_trailer_text, no_header, pick_header};
use crate::error::{Error, Result};

/// How fields and records are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Dialect {
    delimiter: u8,
    /// Quotes inside quotes are `\"` instead of `""`.
    backslash: bool,
    /// `\n`; `\r` where the file knows no other.
    newline: u8,
}

const DELIMITERS: &[(u8, &str)] =
    &[(b',', "comma"), (b';', "semicolon"), (b'\t', "tab"), (b'|', "pipe"), (b'^', "caret"), (b'`', "backquote")];

/// What one vendor writes into files that it calls separated by spaces or semicolons.
const BLANK: (u8, &str) = (b' ', "space");

/// A longer file is scanned in pieces.
const PIECE: usize = 4 << 20;

/// Reads one delimited text.
pub(super) fn read(name: &str, decoded: &Decoded, ask: &Ask) -> Result<Sheet> {
    let text: &str = &decoded.text;
    let bytes = text.as_bytes();
    let newline = if memchr(b'\n', bytes).is_some() { b'\n' } else { b'\r' };
    let (mut dialect, label, found) = choose(name, text, newline, ask)?;
    if memmem::find(bytes, b"\\\"").is_some() {
        dialect.backslash = backslash_fits_better(bytes, found.body, found.header.len(), dialect);
    }
    let wanted: Vec<bool> = found.header.iter().map(|h| (ask.keep)(h)).collect();
    let pieces = scan_all(text, &found, &wanted, dialect);
    let mut sheet = assemble(pieces, &found, &wanted);
    sheet.form = Form {
        container: "csv".into(),
        encoding: decoded.encoding.clone(),
        delimiter: if found.header.len() > 1 { label.into() } else { String::new() },
        backslash: dialect.backslash,
    };
    Ok(sheet)
}

/// Where the header stands.
struct Found {
    header: Vec<String>,
    /// Line of the header; 0 if the file has none.
    row: u32,
    preamble: Vec<String>,
    /// Byte at which the records begin, and its line.
    body: usize,
    body_line: u32,
}

/// Delimiter and header, chosen together: the reading in which most names are known.
fn choose(name: &str, text: &str, newline: u8, ask: &Ask) -> Result<(Dialect, &'static str, Found)> {
    if let Some(known) = &ask.header {
        let told = DELIMITERS.iter().find(|(delimiter, _)| Some(*delimiter) == known.delimiter);
        let (delimiter, label) = told.copied().unwrap_or_else(|| by_width(text, newline, known.labels.len()));
        let dialect = Dialect { delimiter, backslash: false, newline };
        let found = Found { header: known.labels.clone(), row: 0, preamble: Vec::new(), body: 0, body_line: 1 };
        return Ok((dialect, label, found));
    }
    let mut best: Option<(usize, Dialect, &'static str, usize, Vec<Line>)> = None;
    let mut nearest: Vec<String> = Vec::new();
    for (delimiter, label) in DELIMITERS.iter().chain(std::iter::once(&BLANK)) {
        // Blanks stand in most headers: they are tried where nothing else fits.
        if *delimiter == BLANK.0 && best.is_some() {
            break;
        }
        let dialect = Dialect { delimiter: *delimiter, backslash: false, newline };
        let lines = opening(text, dialect);
        let rows: Vec<Vec<String>> = lines.iter().map(|l| l.cells.clone()).collect();
        match pick_header(&rows, ask) {
            Ok((index, score)) => {
                if best.as_ref().is_none_or(|(s, ..)| score > *s) {
                    best = Some((score, dialect, label, index, lines));
                }
            }
            Err(row) => {
                if row.len() > nearest.len() {
                    nearest = row;
                }
            }
        }
    }
    let Some((_, dialect, label, index, lines)) = best else { return Err(no_header(name, &nearest)) };
    let preamble = lines
        .iter()
        .take(index)
        .map(|line| line.cells.join(" ").trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect();
    let line = lines.get(index).ok_or_else(|| Error::failed("the header of a file got lost"))?;
    let header = line.cells.iter().map(|label| clean_label(label)).collect();
    let found = Found { header, row: line.row, preamble, body: line.end, body_line: line.next_row };
    Ok((dialect, label, found))
}

/// The delimiter under which most opening records have the number of cells known from elsewhere, or fewer: columns
/// added since are missing from old records.
fn by_width(text: &str, newline: u8, width: usize) -> (u8, &'static str) {
    let fits = |delimiter: u8| {
        let lines = opening(text, Dialect { delimiter, backslash: false, newline });
        let of = |fits: &dyn Fn(usize) -> bool| lines.iter().filter(|line| fits(line.cells.len())).count();
        let cells: usize = lines.iter().map(|line| line.cells.len()).filter(|n| *n <= width).sum();
        (of(&|n| n == width), of(&|n| (2..width).contains(&n)), cells)
    };
    // The first of the best: comma wins a tie.
    let mut best = (b',', "comma", fits(b','));
    for (delimiter, label) in DELIMITERS {
        let n = fits(*delimiter);
        if n > best.2 {
            best = (*delimiter, label, n);
        }
    }
    (best.0, best.1)
}

/// An opening line, cut into cells.
struct Line {
    cells: Vec<String>,
    row: u32,
    next_row: u32,
    end: usize,
}

fn opening(text: &str, dialect: Dialect) -> Vec<Line> {
    let bytes = text.as_bytes();
    let mut lines = Vec::new();
    let (mut at, mut row) = (0, 1u32);
    while at < bytes.len() && lines.len() < HEADER_WITHIN {
        let mut cells = Vec::new();
        let end = record(bytes, at, dialect, &mut |_, field| cells.push(field.text(text).into_owned())).end;
        let next_row = row + lines_in(bytes, at, end, dialect.newline);
        lines.push(Line { cells, row, next_row, end });
        (at, row) = (end, next_row);
    }
    lines
}

fn lines_in(bytes: &[u8], from: usize, to: usize, newline: u8) -> u32 {
    let count = bytes.get(from..to).map_or(0, |span| memchr_iter(newline, span).count());
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// A backslash before a quote may end a Windows path in RFC 4180, or escape the quote: the reading with fewer records
/// of the wrong width over the records around such places is right; RFC 4180 on a tie.
fn backslash_fits_better(bytes: &[u8], body: usize, width: usize, dialect: Dialect) -> bool {
    const SAMPLE: usize = 16 << 20;
    let end = bytes.len().min(body + SAMPLE);
    let damage = |backslash: bool| {
        let dialect = Dialect { backslash, ..dialect };
        let (mut at, mut wrong) = (body, 0usize);
        while at < end {
            let mut cells = 0usize;
            let read = record(bytes, at, dialect, &mut |_, _| cells += 1);
            wrong += usize::from(read.damage.is_some() || (cells > 1 && cells != width));
            at = read.end;
        }
        wrong
    };
    damage(true) < damage(false)
}

/// A field as it lies in the text.
#[derive(Clone, Copy)]
struct Field {
    from: usize,
    to: usize,
    /// Escape sequences have to be resolved: by doubling or by backslash.
    escaped: Option<u8>,
}

impl Field {
    fn text<'t>(&self, text: &'t str) -> std::borrow::Cow<'t, str> {
        let raw = text.get(self.from..self.to).unwrap_or_default();
        match self.escaped {
            None => raw.into(),
            Some(b'"') => raw.replace("\"\"", "\"").into(),
            Some(_) => {
                let mut out = String::with_capacity(raw.len());
                let mut chars = raw.chars();
                while let Some(c) = chars.next() {
                    match (c, chars.as_str().chars().next()) {
                        ('\\', Some(next @ ('"' | '\\'))) => {
                            out.push(next);
                            chars.next();
                        }
                        _ => out.push(c),
                    }
                }
                out.into()
            }
        }
    }
}

/// What a scan of one record found.
struct Read {
    /// First byte after the record and its line end.
    end: usize,
    damage: Option<&'static str>,
}

/// Scans one record from `at` and hands its fields on. A quote that is never closed, or whose closing is followed by
/// stray text some lines further down, would swallow good records: then only the first line counts, and is damaged.
fn record(bytes: &[u8], at: usize, dialect: Dialect, field: &mut impl FnMut(usize, Field)) -> Read {
    let mut index = 0;
    let mut pos = at;
    let mut damage = None;
    loop {
        let (next, read, stray) = one_field(bytes, pos, dialect);
        if stray {
            let first_line = line_end(bytes, at, dialect.newline);
            if next.is_none_or(|n| n.end > first_line) {
                return Read { end: first_line, damage: Some("a quote is not closed") };
            }
            damage = Some("text after a closing quote");
        }
        let Some(next) = next else { return Read { end: bytes.len(), damage } };
        field(index, read);
        index += 1;
        if next.last {
            return Read { end: next.end, damage };
        }
        pos = next.end;
    }
}

fn line_end(bytes: &[u8], at: usize, newline: u8) -> usize {
    bytes.get(at..).and_then(|rest| memchr(newline, rest)).map_or(bytes.len(), |n| at + n + 1)
}

/// Where a field stopped.
#[derive(Clone, Copy)]
struct Stop {
    end: usize,
    last: bool,
}

#[inline]
fn one_field(bytes: &[u8], at: usize, dialect: Dialect) -> (Option<Stop>, Field, bool) {
    let rest = bytes.get(at..).unwrap_or_default();
    let blanks = rest.iter().take_while(|b| **b == b' ').count();
    if rest.get(blanks) == Some(&b'"') {
        return quoted(bytes, at + blanks + 1, dialect);
    }
    let (to, stop) = to_stop(bytes, at, dialect);
    (Some(stop), Field { from: at, to, escaped: None }, false)
}

/// End of an unquoted field, carriage return before the line end taken off.
#[inline]
fn to_stop(bytes: &[u8], at: usize, dialect: Dialect) -> (usize, Stop) {
    let rest = bytes.get(at..).unwrap_or_default();
    // Most fields are short: a plain loop first, the vector search for long ones.
    let short = rest.iter().take(16).position(|b| *b == dialect.delimiter || *b == dialect.newline);
    let found = short.or_else(|| {
        let tail = rest.get(16..)?;
        memchr2(dialect.delimiter, dialect.newline, tail).map(|n| n + 16)
    });
    match found {
        Some(n) if rest.get(n) == Some(&dialect.newline) => {
            let to = at + n;
            let bare = if n > 0 && bytes.get(to - 1) == Some(&b'\r') { to - 1 } else { to };
            (bare, Stop { end: to + 1, last: true })
        }
        Some(n) => (at + n, Stop { end: at + n + 1, last: false }),
        None => {
            let to = bytes.len();
            let bare = if to > at && bytes.last() == Some(&b'\r') { to - 1 } else { to };
            (bare, Stop { end: to, last: true })
        }
    }
}

fn quoted(bytes: &[u8], from: usize, dialect: Dialect) -> (Option<Stop>, Field, bool) {
    let mut pos = from;
    let mut escaped = None;
    loop {
        let rest = bytes.get(pos..).unwrap_or_default();
        let hit = if dialect.backslash { memchr3(b'"', b'\\', b'"', rest) } else { memchr(b'"', rest) };
        let Some(n) = hit else {
            return (None, Field { from, to: bytes.len(), escaped }, true);
        };
        let here = pos + n;
        if bytes.get(here) == Some(&b'\\') {
            escaped = Some(b'\\');
            pos = here + 2;
            continue;
        }
        match bytes.get(here + 1) {
            Some(b'"') if !dialect.backslash => {
                escaped = Some(b'"');
                pos = here + 2;
            }
            Some(b) if *b == dialect.delimiter => {
                return (Some(Stop { end: here + 2, last: false }), Field { from, to: here, escaped }, false);
            }
            Some(b) if *b == dialect.newline => {
                return (Some(Stop { end: here + 2, last: true }), Field { from, to: here, escaped }, false);
            }
            None => return (Some(Stop { end: here + 1, last: true }), Field { from, to: here, escaped }, false),
            Some(_) => {
                let (to, stop) = to_stop(bytes, here + 1, dialect);
                let between = bytes.get(here + 1..to).unwrap_or_default();
                let stray = between.iter().any(|b| !matches!(b, b' ' | b'\r'));
                return (Some(stop), Field { from, to: here, escaped }, stray);
            }
        }
    }
}

/// What one piece of the text gave.
struct Piece {
    columns: Vec<Option<StringChunkedBuilder>>,
    /// Line of each record, counted from the first line of the piece.
    rows: Vec<u32>,
    /// Rows that are no records: place among the records of the piece, and what they are.
    odd: Vec<(usize, Odd, Refused)>,
    padded: usize,
    /// Lines in the piece.
    lines: u32,
    begin: usize,
    end: usize,
}

/// Why a row is no record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Odd {
    /// One cell where the header has several, or a line of totals.
    Short,
    /// More cells than the header, or damaged quotes.
    Ragged,
    /// The header once more.
    Header,
}

fn scan_all(text: &str, found: &Found, wanted: &[bool], dialect: Dialect) -> Vec<Piece> {
    let bytes = text.as_bytes();
    let (body, header) = (found.body, found.header.as_slice());
    let length = bytes.len().saturating_sub(body);
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(16);
    let count = (length / PIECE).clamp(1, threads * 4);
    let mut begins = vec![body];
    for n in 1..count {
        let begin = line_end(bytes, body + length / count * n, dialect.newline);
        if begin < bytes.len() && begins.last().is_some_and(|last| begin > *last) {
            begins.push(begin);
        }
    }
    let ends: Vec<usize> = begins.iter().skip(1).copied().chain([bytes.len()]).collect();
    let spans: Vec<(usize, usize)> = begins.into_iter().zip(ends).collect();
    let mut pieces: Vec<Option<Piece>> = Vec::new();
    if spans.len() == 1 {
        pieces.extend(spans.iter().map(|(from, to)| Some(scan(text, (*from, *to), header, wanted, dialect))));
    } else {
        let next = std::sync::atomic::AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            loop {
                let n = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let Some((from, to)) = spans.get(n) else { return done };
                done.push((n, scan(text, (*from, *to), header, wanted, dialect)));
            }
        };
        let mut all: Vec<(usize, Piece)> = std::thread::scope(|scope| {
            let running: Vec<_> = (0..threads.min(spans.len())).map(|_| scope.spawn(work)).collect();
            running.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
        });
        all.sort_by_key(|(n, _)| *n);
        let mut all = all.into_iter().peekable();
        // A piece whose thread died is scanned again below.
        pieces.extend((0..spans.len()).map(|n| all.next_if(|(m, _)| *m == n).map(|(_, piece)| piece)));
    }
    let mut at = body;
    let mut result = Vec::with_capacity(pieces.len());
    for (piece, (_, to)) in pieces.into_iter().zip(&spans) {
        let piece = match piece {
            Some(piece) if piece.begin == at => piece,
            _ => scan(text, (at, (*to).max(at)), header, wanted, dialect),
        };
        at = piece.end;
        result.push(piece);
    }
    result
}

/// Scans the records that begin in `from..to`.
fn scan(text: &str, (from, to): (usize, usize), header: &[String], wanted: &[bool], dialect: Dialect) -> Piece {
    let bytes = text.as_bytes();
    let width = wanted.len();
    let guess = (to - from) / 200 + 16;
    let mut piece = Piece {
        columns: wanted.iter().map(|w| w.then(|| StringChunkedBuilder::new(PlSmallStr::EMPTY, guess))).collect(),
        rows: Vec::with_capacity(guess),
        odd: Vec::new(),
        padded: 0,
        lines: 0,
        begin: from,
        end: from,
    };
    let slots: Vec<usize> = (0..width).filter(|n| wanted.get(*n) == Some(&true)).collect();
    let mut fields: Vec<Field> = Vec::with_capacity(width + 1);
    let mut at = from;
    while at < to {
        fields.clear();
        let read = record(bytes, at, dialect, &mut |_, field| fields.push(field));
        let lines = lines_in(bytes, at, read.end, dialect.newline);
        let row = piece.lines + 1;
        let begin = at;
        piece.lines += lines;
        at = read.end;
        if fields.len() <= 1 && read.damage.is_none() && is_blank(bytes, &fields) {
            continue;
        }
        if let Some((kind, detail)) = oddity(text, &fields, header, read.damage) {
            let line = text.get(begin..read.end).unwrap_or_default().trim_end().to_owned();
            piece.odd.push((piece.rows.len(), kind, Refused { row, detail, text: line }));
            continue;
        }
        piece.padded += usize::from(fields.len() < width);
        piece.rows.push(row);
        for slot in &slots {
            let Some(Some(builder)) = piece.columns.get_mut(*slot) else { continue };
            match fields.get(*slot) {
                Some(field) if field.to > field.from => match field.escaped {
                    None => builder.append_option(text.get(field.from..field.to)),
                    Some(_) => builder.append_value(field.text(text)),
                },
                _ => builder.append_null(),
            }
        }
    }
    piece.end = at;
    piece
}

fn is_blank(bytes: &[u8], fields: &[Field]) -> bool {
    fields.iter().all(|f| bytes.get(f.from..f.to).is_some_and(|cell| cell.iter().all(u8::is_ascii_whitespace)))
}

/// Tells a record from everything else. Called for each record: the first test must be quick.
#[inline]
fn oddity(text: &str, fields: &[Field], header: &[String], damage: Option<&'static str>) -> Option<(Odd, String)> {
    let width = header.len();
    if let Some(damage) = damage {
        return Some((Odd::Ragged, damage.to_owned()));
    }
    if fields.len() == width {
        let first = fields.first()?;
        if repeats_header(text, fields, header) {
            return Some((Odd::Header, "the header again".to_owned()));
        }
        // Quick way out: a record seldom opens with one of these letters and is mostly blank.
        let blank = fields.iter().filter(|f| f.from >= f.to).count();
        if width > 2 && blank * 2 >= width && is_total(&first.text(text)) {
            return Some((Odd::Short, "total".to_owned()));
        }
        return None;
    }
    if fields.len() == 1 && width > 1 {
        return Some((Odd::Short, format!("1 cell, the header has {width}")));
    }
    let extra_blank = fields.iter().skip(width).all(|f| f.from >= f.to);
    if fields.len() > width && !extra_blank {
        return Some((Odd::Ragged, format!("{} cells, the header has {width}", fields.len())));
    }
    None
}

/// Joins the pieces: line numbers, what is trailer and what is damage.
fn assemble(pieces: Vec<Piece>, found: &Found, wanted: &[bool]) -> Sheet {
    let mut columns: Vec<Option<StringChunked>> = vec![None; wanted.len()];
    let mut rows = Vec::new();
    let mut odd: Vec<(usize, Odd, Refused)> = Vec::new();
    let mut padded = 0;
    let mut line = found.body_line - 1;
    for piece in pieces {
        let before = rows.len();
        rows.extend(piece.rows.iter().map(|row| row + line));
        odd.extend(
            piece
                .odd
                .into_iter()
                .map(|(n, kind, refused)| (n + before, kind, Refused { row: refused.row + line, ..refused })),
        );
        padded += piece.padded;
        line += piece.lines;
        for (whole, part) in columns.iter_mut().zip(piece.columns) {
            let Some(part) = part.map(StringChunkedBuilder::finish) else { continue };
            match whole {
                Some(whole) => {
                    // Cannot fail: both are text.
                    let _ = whole.append(&part);
                }
                None => *whole = Some(part),
            }
        }
    }
    let total = rows.len();
    let (trailer, ragged, keep) = sort_out(odd, total);
    let mut sheet = Sheet {
        name: None,
        form: Form::default(),
        preamble: found.preamble.clone(),
        header: found.header.clone(),
        header_row: found.row,
        columns,
        rows,
        trailer,
        ragged,
        padded,
    };
    if let Some(keep) = keep {
        sheet.filter(&keep);
    }
    sheet
}

#[inline]
fn repeats_header(text: &str, fields: &[Field], header: &[String]) -> bool {
    let same = |field: &Field, label: &String| clean_label(&field.text(text)) == *label;
    // The first cell decides for all records but a few.
    match (fields.first(), header.first()) {
        (Some(field), Some(label)) if text.get(field.from..field.to).is_some_and(|t| t.ends_with(label.as_str())) => {
            !label.is_empty() && fields.iter().zip(header).all(|(field, label)| same(field, label))
        }
        _ => false,
    }
}

/// Odd rows after the last record, and all from a known closing text on, are trailer; the others are damage.
fn sort_out(odd: Vec<(usize, Odd, Refused)>, total: usize) -> (Vec<Refused>, Vec<Refused>, Option<BooleanChunked>) {
    let (mut trailer, mut ragged) = (Vec::new(), Vec::new());
    // Records between a closing text and the end, or the next header, are no records of this table.
    let mut cut: Vec<(usize, usize)> = Vec::new();
    let mut closed: Option<usize> = None;
    for (place, kind, refused) in odd {
        match kind {
            Odd::Header => {
                if let Some(from) = closed.take() {
                    cut.push((from, place));
                }
            }
            Odd::Ragged => ragged.push(refused),
            Odd::Short => {
                let closing = refused.detail != "total" && is_trailer_text(refused.text.trim_matches('"'));
                if closing && closed.is_none() {
                    closed = Some(place);
                }
                if closing || closed.is_some() || place == total || refused.detail == "total" {
                    trailer.push(refused);
                } else {
                    ragged.push(refused);
                }
            }
        }
    }
    if let Some(from) = closed {
        cut.push((from, total));
    }
    cut.retain(|(from, to)| from < to);
    if cut.is_empty() {
        return (trailer, ragged, None);
    }
    let keep = (0..total).map(|n| !cut.iter().any(|(from, to)| (*from..*to).contains(&n))).collect();
    (trailer, ragged, Some(keep))
}

impl Sheet {
    /// Records below a closing text move to the trailer.
    pub(super) fn filter(&mut self, keep: &BooleanChunked) {
        for column in self.columns.iter_mut().flatten() {
            if let Ok(kept) = column.filter(keep) {
                *column = kept;
            }
        }
        let mut kept = Vec::with_capacity(self.rows.len());
        for (row, keep) in self.rows.iter().zip(keep.iter()) {
            if keep == Some(true) {
                kept.push(*row);
            } else {
                let detail = "below the closing text of a report".to_owned();
                self.trailer.push(Refused { row: *row, detail, text: String::new() });
            }
        }
        self.rows = kept;
    }
}
