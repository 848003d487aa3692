//! Delimited text → columns: the delimiter that makes rows equally wide, quotes by RFC 4180 or backslash, damage set aside
//! by line.
//!
//! Known labels decide only between delimiters under which the rows are as wide as the header. A header that comes again is
//! no record; one that names other columns, or the same in another order, begins a table of its own.
//!
//! One scanner serves the search for the header and the reading of millions of records. Long files are cut at line
//! ends and scanned by several threads; each piece is checked to begin where the one before it ended, and scanned
//! again from there if a line end stood inside quotes. So the result is that of one pass, whatever the threads.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter, memchr2, memchr3, memmem};
use polars::prelude::*;

use super::closing::{is_group, is_total, is_trailer_text};
use super::header::{Ask, HEADER_WITHIN, Nearest, clean_label, find_header, fold, forms_of, no_header};
use super::profile::{ColumnForm, Tally};
use super::sheet::{DAMAGED_ROWS, Form, Refused, Sheet, implausible};
use super::text::Text;
use super::{cut_off, groups, laid_out, wrappers};
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

const DELIMITERS: &[(u8, &str)] = &[
    (b',', "comma"),
    (b';', "semicolon"),
    (b'\t', "tab"),
    (b'|', "pipe"),
    (b'^', "caret"),
    (b'`', "backquote"),
    (b'~', "tilde"),
    (0x1f, "unit separator"),
    (1, "start of heading"),
];

/// What one vendor writes into files that it calls separated by spaces or semicolons.
const BLANK: (u8, &str) = (b' ', "space");

/// A longer text is scanned in pieces, so many at most: each gives its columns a chunk, and a row is found by its chunk.
const PIECE: usize = 2 << 20;
const MOST_PIECES: usize = 4;

/// Longer cells are damage: a quote that is not closed, a file that is none. The longest field of a CRM is a hundredth.
const MOST_CELL: usize = 8 << 20;
/// Columns of the widest table; spreadsheets have no more.
const MOST_COLUMNS: usize = 16_384;
/// Rows by which a delimiter is judged, and bytes that are looked at for them.
const SAMPLE: usize = 200;
const SAMPLE_BYTES: usize = 4 << 20;
/// Tables in one text.
const MOST_TABLES: usize = 50;
/// Damaged rows of one piece that are remembered.
const MOST_ODD: usize = 100_000;

/// How much of a text is scanned before more of it is read.
const SCANNED: usize = 32 << 20;
/// How far a record can be looked at from where it begins: what does not end in so much has no end.
const SIGHT: usize = 2 * MOST_CELL;
/// So many damaged rows, and more than good ones, end the reading of a file.
const HOPELESS: usize = 200_000;

/// Reads one delimited text: one table, or several where other headers begin them. Of the text no more than [`SCANNED`]
/// and [`SIGHT`] are in memory, and of its rows what was asked for.
pub(super) fn read(name: &str, text: &mut Text, ask: &Ask) -> Result<Vec<Sheet>> {
    let broken = |e: std::io::Error| {
        Error::partial(format!("cannot read \"{name}\" to its end")).because(e).hint("run again when it is whole")
    };
    let opened = open(name, text.as_str(), ask);
    if !opened.as_ref().is_ok_and(|(.., found)| found.is_even)
        && let Some(sheets) = read_parted(name, text, ask, opened.is_err())?
    {
        return Ok(sheets);
    }
    let (dialect, label, mut found) = opened?;
    let mut sheets: Vec<Sheet> = Vec::new();
    let mut at = found.body;
    let mut wanted = ask.wanted(&found.header, &[], &found.forms);
    let mut table = Assembly::new(&found, &wanted);
    loop {
        let window = text.as_str();
        let is_last = text.is_at_its_end();
        let until = if is_last { window.len() } else { window.floor_char_boundary(window.len().saturating_sub(SIGHT)) };
        let form = Format::new(&found.header, &wanted, dialect, false);
        let mut pieces = scan_all(window, (at, until), &form);
        let next = next_table(&pieces, table.line, ask).filter(|_| sheets.len() < MOST_TABLES);
        if let Some(next) = &next {
            pieces = scan_all(window, (at, next.header_at), &form);
        }
        at = pieces.last().map_or(at, |piece| piece.end);
        pieces.into_iter().for_each(|piece| table.add(piece));
        let is_done = next.is_some() || is_last;
        let (damaged, good) = (table.odd.len() + table.short, table.rows.len() - table.short);
        if !is_done && damaged > HOPELESS && damaged > good {
            return Err(implausible(name, damaged, good));
        }
        if is_done {
            let mut sheet = std::mem::replace(&mut table, Assembly::new(&found, &[])).finish(&found);
            // What closes a report is a few lines; thousands below the records are no closing words.
            let damaged = sheet.ragged.len() + sheet.trailer.len();
            if damaged > DAMAGED_ROWS && damaged > sheet.rows.len() {
                return Err(implausible(name, damaged, sheet.rows.len()));
            }
            sheet.form = Form {
                container: "csv".into(),
                encoding: String::new(),
                delimiter: if found.header.len() > 1 { label.into() } else { String::new() },
                backslash: dialect.backslash,
            };
            sheet.ends_inside = next.is_none() && is_cut(&sheet, window, dialect);
            sheet.name = (!sheets.is_empty()).then(|| format!("{}", sheets.len() + 1));
            sheets.push(sheet);
        }
        match next {
            Some(next) => {
                found = next.found(window, dialect);
                at = found.body;
                wanted = ask.wanted(&found.header, &[], &found.forms);
                table = Assembly::new(&found, &wanted);
            }
            None if is_last => break,
            None => {
                text.pass(at);
                // What is in memory anyhow is scanned in few and large pieces.
                let scanned = if text.is_lent() { 4 * SCANNED } else { SCANNED };
                text.fill(scanned + SIGHT).map_err(broken)?;
                at = 0;
            }
        }
    }
    // What the charset is, is known at the end of the text.
    let encoding = text.encoding();
    for sheet in &mut sheets {
        sheet.form.encoding.clone_from(&encoding);
    }
    Ok(sheets)
}

/// Reads a text whose cells end where no single delimiter is: a table laid out for people, and where no header was found one
/// whose every line is a quoted cell. None for any other.
fn read_parted(name: &str, text: &mut Text, ask: &Ask, has_no_header: bool) -> Result<Option<Vec<Sheet>>> {
    let broken = |e: std::io::Error| {
        Error::partial(format!("cannot read \"{name}\" to its end")).because(e).hint("run again when it is whole")
    };
    let mut parted = if has_no_header { out_of_quotes(text).map_err(broken)? } else { None };
    if parted.is_none() && laid_out::parted(opening_of(text.as_str())).is_some() {
        parted = in_whole(text).map_err(broken)?.and_then(laid_out::parted);
    }
    let Some(parted) = parted else { return Ok(None) };
    let Ok(mut inner) = Text::of(parted.as_bytes(), ask.keep) else { return Ok(None) };
    inner.fill(OPENING).map_err(broken)?;
    if !open(name, inner.as_str(), ask).is_ok_and(|(.., found)| found.is_even || has_no_header) {
        return Ok(None);
    }
    let mut sheets = read(name, &mut inner, ask)?;
    sheets.iter_mut().for_each(|sheet| sheet.form.encoding = text.encoding());
    Ok(Some(sheets))
}

/// The lines at the beginning of a text by which its form is told.
fn opening_of(text: &str) -> &str {
    let limit = text.floor_char_boundary(text.len().min(SAMPLE_BYTES / 4));
    if limit == text.len() {
        text
    } else {
        text.get(..limit).and_then(|text| Some(text.rsplit_once('\n')?.0)).unwrap_or_default()
    }
}

/// A text in whole, where it is not too large to be written anew.
fn in_whole<'t>(text: &'t mut Text) -> std::io::Result<Option<&'t str>> {
    /// A file of this kind was made for people: it is no larger.
    const LARGEST: usize = 256 << 20;
    text.fill(LARGEST)?;
    Ok(text.is_at_its_end().then_some(text.as_str()))
}

/// Reads one long delimited text part by part, so that of its rows no more than about `most` are in memory. Each part has
/// the forms of all columns so far; those of the last are those of the text. `take` says whether to go on.
///
/// `forms`: those of the text, where they are known: then values are not looked at for them.
///
/// False where it cannot be read so: it has several tables, headers in its middle, lines of totals or closing words, which
/// are told by what stands below them.
pub(super) fn read_in_parts(
    name: &str,
    text: &mut Text,
    ask: &Ask,
    forms: Option<&[ColumnForm]>,
    most: usize,
    take: &mut dyn FnMut(Sheet) -> Result<bool>,
) -> Result<bool> {
    let broken = |e: std::io::Error| {
        Error::partial(format!("cannot read \"{name}\" to its end")).because(e).hint("run again when it is whole")
    };
    let Ok((dialect, label, found)) = open(name, text.as_str(), ask) else { return Ok(false) };
    if !found.is_even {
        return Ok(false);
    }
    let mut at = found.body;
    let wanted = ask.wanted(&found.header, &[], &found.forms);
    let form = Format::new(&found.header, &wanted, dialect, forms.is_some());
    let mut table = Assembly::new(&found, &wanted);
    let (mut damaged, mut good) = (0, 0);
    loop {
        let window = text.as_str();
        let is_last = text.is_at_its_end();
        let until = if is_last { window.len() } else { window.floor_char_boundary(window.len().saturating_sub(SIGHT)) };
        let pieces = scan_all(window, (at, until), &form);
        at = pieces.last().map_or(at, |piece| piece.end);
        let is_plain =
            |piece: &Piece| piece.headers.is_empty() && piece.odd.iter().all(|(_, kind, _)| *kind == Odd::Ragged);
        if !pieces.iter().all(is_plain) {
            return Ok(false);
        }
        for piece in pieces {
            damaged += piece.odd.len() + piece.short;
            good += piece.rows.len() - piece.short;
            table.add(piece);
        }
        if damaged > DAMAGED_ROWS && damaged > good {
            return Ok(false);
        }
        if is_last || table.rows.len() >= most {
            let next = table.begun_anew();
            let mut sheet = std::mem::replace(&mut table, next).finish(&found);
            if let Some(forms) = forms {
                sheet.forms = forms.to_vec();
            }
            sheet.form = Form {
                container: "csv".into(),
                encoding: text.encoding(),
                delimiter: if found.header.len() > 1 { label.into() } else { String::new() },
                backslash: dialect.backslash,
            };
            sheet.ends_inside = is_last && is_cut(&sheet, window, dialect);
            if !take(sheet)? {
                return Ok(false);
            }
        }
        if is_last {
            return Ok(true);
        }
        text.pass(at);
        // Half as much: several parts may be in work.
        text.fill(SCANNED / 2 + SIGHT).map_err(broken)?;
        at = 0;
    }
}

/// The lines of a file whose every line is one quoted cell: a spreadsheet program that reads another delimiter saves
/// `a,"b, c"` as `"a,""b, c"""`. None for any other file.
fn out_of_quotes(text: &mut Text) -> std::io::Result<Option<String>> {
    let newline = if memchr(b'\n', text.as_str().as_bytes()).is_some() { b'\n' } else { b'\r' };
    // No cell ends where no delimiter is.
    let whole = Dialect { delimiter: 0, backslash: false, newline };
    let lines = opening(text.as_str(), 0, whole);
    let is_quoted = text.as_str().trim_start().starts_with('"');
    let is_cut = |cell: &String| DELIMITERS.iter().any(|(delimiter, _)| cell.as_bytes().contains(delimiter));
    let header = lines.iter().flat_map(|line| &line.cells).find(|cell| !cell.trim().is_empty());
    if !is_quoted || !header.is_some_and(is_cut) || lines.iter().any(|line| line.damaged) {
        return Ok(None);
    }
    let Some(text) = in_whole(text)? else { return Ok(None) };
    let (mut inner, mut at) = (String::with_capacity(text.len()), 0);
    while at < text.len() {
        let read = record(text.as_bytes(), at, whole, &mut |_, field| inner.push_str(&field.text(text)));
        inner.push('\n');
        at = read.end;
    }
    Ok(Some(inner))
}

/// How much of a text must be there for [`read`] to begin.
pub(super) const OPENING: usize = SCANNED + SIGHT;

/// Delimiter, its name, and header, by the beginning of a text.
fn open(name: &str, text: &str, ask: &Ask) -> Result<(Dialect, &'static str, Found)> {
    let bytes = text.as_bytes();
    let newline = if memchr(b'\n', bytes).is_some() { b'\n' } else { b'\r' };
    let (mut dialect, label, found) = choose(name, text, newline, ask)?;
    if found.header.len() > MOST_COLUMNS {
        return Err(Error::partial(format!("cannot read \"{name}\": its header has {} columns", found.header.len()))
            .hint("export it again: no CRM has so many fields"));
    }
    if memmem::find(bytes, b"\\\"").is_some() {
        dialect.backslash = backslash_fits_better(bytes, found.body, found.header.len(), dialect);
    }
    Ok((dialect, label, found))
}

/// Another header among the records.
struct NextTable {
    header: Vec<String>,
    header_at: usize,
    row: u32,
}

/// The first row that is a header of other columns, or of these in another order, and that the caller can use.
fn next_table(pieces: &[Piece], mut line: u32, ask: &Ask) -> Option<NextTable> {
    for piece in pieces {
        for other in &piece.headers {
            let labels: Vec<String> = other.header.iter().map(|label| fold(label)).collect();
            if (ask.score)(&labels) >= ask.needed {
                let row = other.row + line;
                return Some(NextTable { header: other.header.clone(), header_at: other.header_at, row });
            }
        }
        line += piece.lines;
    }
    None
}

impl NextTable {
    fn found(self, text: &str, dialect: Dialect) -> Found {
        let body = record(text.as_bytes(), self.header_at, dialect, &mut |_, _| {}).end;
        let body_line = self.row + lines_in(text.as_bytes(), self.header_at, body, dialect.newline);
        let rows: Vec<Vec<String>> = opening(text, body, dialect).into_iter().map(|line| line.cells).collect();
        let forms = forms_of(&rows, usize::MAX - 1, self.header.len());
        Found { header: self.header, forms, row: self.row, preamble: Vec::new(), body, body_line, is_even: true }
    }
}

/// Where the header stands.
struct Found {
    header: Vec<String>,
    /// What the first values of each column look like.
    forms: Vec<ColumnForm>,
    /// Line of the header; 0 if the file has none.
    row: u32,
    preamble: Vec<String>,
    /// Byte at which the records begin, and its line.
    body: usize,
    body_line: u32,
    /// Whether the rows agree with it.
    is_even: bool,
}

/// A delimiter with the header that it gives.
struct Candidate {
    dialect: Dialect,
    label: &'static str,
    index: usize,
    /// How equally wide the rows are, how many labels are known, how many columns there are.
    rank: (Fit, usize, usize),
    lines: Vec<Line>,
}

/// Delimiter and header, chosen together: rows that are as wide as the header, then the reading in which most names are
/// known, then the one with most columns.
fn choose(name: &str, text: &str, newline: u8, ask: &Ask) -> Result<(Dialect, &'static str, Found)> {
    if let Some(known) = &ask.header {
        let told = DELIMITERS.iter().find(|(delimiter, _)| Some(*delimiter) == known.delimiter);
        let (delimiter, label) = told.copied().unwrap_or_else(|| by_width(text, newline, known.labels.len()));
        let dialect = Dialect { delimiter, backslash: false, newline };
        let rows: Vec<Vec<String>> = opening(text, 0, dialect).into_iter().map(|line| line.cells).collect();
        let forms = forms_of(&rows, usize::MAX - 1, known.labels.len());
        let header = known.labels.clone();
        let found = Found { header, forms, row: 0, preamble: Vec::new(), body: 0, body_line: 1, is_even: true };
        return Ok((dialect, label, found));
    }
    let mut best: Option<Candidate> = None;
    let mut nearest: (Fit, Nearest) = (Fit::Uneven, Nearest::default());
    for (delimiter, label) in DELIMITERS.iter().chain(std::iter::once(&BLANK)) {
        // Blanks stand in most headers: they are tried where nothing else fits.
        if *delimiter == BLANK.0 && (best.is_some() || nearest.0 == Fit::Even) {
            break;
        }
        let dialect = Dialect { delimiter: *delimiter, backslash: false, newline };
        let lines = opening(text, 0, dialect);
        let rows: Vec<Vec<String>> = lines.iter().map(|l| l.cells.clone()).collect();
        match find_header(&rows, ask) {
            Ok((index, score)) => {
                let width = rows.get(index).map_or(0, Vec::len);
                let rank = (fit(&lines, index, width), score, width);
                if best.as_ref().is_none_or(|best| rank > best.rank) {
                    best = Some(Candidate { dialect, label, index, rank, lines });
                }
            }
            Err(found) => {
                let fit = if found.labels.is_empty() { Fit::Uneven } else { fit(&lines, 0, found.labels.len()) };
                if (fit, found.width) > (nearest.0, nearest.1.width) {
                    nearest = (fit, found);
                }
            }
        }
    }
    // A file whose rows are even under a delimiter that gives no known label is not cut into pieces by another.
    let is_cut = |best: &Candidate| best.rank.0 == Fit::Uneven && nearest.0 == Fit::Even;
    let Some(best) = best.filter(|best| !is_cut(best)) else { return Err(no_header(name, &nearest.1)) };
    let preamble = best
        .lines
        .iter()
        .take(best.index)
        .map(|line| line.cells.join(" ").trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect();
    let line = best.lines.get(best.index).ok_or_else(|| Error::failed("the header of a file got lost"))?;
    let mut header: Vec<String> = line.cells.iter().map(|label| clean_label(label)).collect();
    let lacks_first = best.rank.0 == Fit::Uneven && lacks_first_label(&best.lines, best.index, header.len());
    if lacks_first {
        header.insert(0, String::new());
    }
    let rows: Vec<Vec<String>> = best.lines.iter().map(|l| l.cells.clone()).collect();
    let forms = forms_of(&rows, best.index, header.len());
    // A line of dashes, the technical names or the types of the columns may stand below the labels.
    let below = best.lines.iter().skip(best.index + 1);
    let line = below.take_while(|line| is_below_labels(&line.cells, ask)).last().unwrap_or(line);
    let row = best.lines.get(best.index).map_or(0, |line| line.row);
    let is_even = best.rank.0 != Fit::Uneven;
    let found = Found { header, forms, row, preamble, body: line.end, body_line: line.next_row, is_even };
    Ok((best.dialect, best.label, found))
}

/// Whether a row below the labels is still of the header: a ruler, names of columns again, or their types.
fn is_below_labels(cells: &[String], ask: &Ask) -> bool {
    const TYPES: &[&str] = &[
        "string", "text", "varchar", "nvarchar", "char", "int", "integer", "bigint", "number", "numeric", "decimal",
        "double", "float", "date", "datetime", "datetime2", "timestamp", "time", "boolean", "bool", "bit", "id",
        "reference", "picklist", "email", "phone", "url", "uuid", "guid", "uniqueidentifier", "currency", "textarea",
    ];
    let filled: Vec<&str> = cells.iter().map(|cell| cell.trim()).filter(|cell| !cell.is_empty()).collect();
    if filled.len() < 2 {
        return filled.iter().any(|cell| cell.len() > 3 && cell.bytes().all(|b| matches!(b, b'-' | b'+' | b'=')));
    }
    let is_ruler = |cell: &&str| cell.bytes().all(|b| matches!(b, b'-' | b'=' | b':' | b'+' | b'_'));
    let is_type = |cell: &&str| TYPES.contains(&cell.split('(').next().unwrap_or_default().to_lowercase().as_str());
    let known = (ask.score)(&cells.iter().map(|cell| fold(cell)).collect::<Vec<_>>());
    filled.iter().all(is_ruler)
        || filled.iter().all(is_type)
        || (known >= ask.needed.max(2) && known * 2 > filled.len())
}

/// How well the rows below a header agree with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// They have other numbers of cells.
    Uneven,
    /// They are one cell wide, like the header: no delimiter at all.
    Single,
    /// Nine in ten are as wide as the header, and their quotes close.
    Even,
}

fn fit(lines: &[Line], header: usize, width: usize) -> Fit {
    let (mut even, mut uneven, mut single) = (0usize, 0usize, 0usize);
    for line in lines.iter().skip(header + 1) {
        let filled = line.cells.iter().rposition(|cell| !cell.trim().is_empty()).map_or(0, |n| n + 1);
        match line.cells.len() {
            _ if filled == 0 => {}
            // Closing lines have one cell; with rows below them they are none.
            1 if width > 1 && !line.damaged => single += 1,
            _ if line.damaged => uneven += 1,
            cells if cells == width || (cells > width && filled <= width) => {
                even += 1;
                uneven += std::mem::take(&mut single);
            }
            _ => uneven += 1,
        }
    }
    match width {
        0 => Fit::Uneven,
        _ if uneven * 10 > even + uneven => Fit::Uneven,
        1 => Fit::Single,
        // Rows that all have one cell are not wide because a title is.
        _ if even == 0 && lines.len() > header + 4 => Fit::Uneven,
        _ => Fit::Even,
    }
}

/// Whether rows have one cell more than the header, before the others: R names or numbers them so.
fn lacks_first_label(lines: &[Line], header: usize, width: usize) -> bool {
    let below = || lines.iter().skip(header + 1).filter(|line| line.cells.len() > 1);
    let wider: Vec<&Line> = below()
        .filter(|line| line.cells.len() == width + 1 && line.cells.last().is_some_and(|cell| !cell.trim().is_empty()))
        .collect();
    let mut names: Vec<&String> = wider.iter().filter_map(|line| line.cells.first()).collect();
    names.sort_unstable();
    names.dedup();
    width > 1 && wider.len() > 1 && wider.len() * 10 >= below().count() * 9 && names.len() == wider.len()
}

/// The delimiter under which most opening records have the number of cells known from elsewhere, or fewer: columns
/// added since are missing from old records.
fn by_width(text: &str, newline: u8, width: usize) -> (u8, &'static str) {
    let fits = |delimiter: u8| {
        let lines = opening(text, 0, Dialect { delimiter, backslash: false, newline });
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
    damaged: bool,
}

/// The first lines from `begin` on. What is too long to be looked at ends them.
fn opening(text: &str, begin: usize, dialect: Dialect) -> Vec<Line> {
    const MOST_SHOWN: usize = 4096;
    let limit = text.floor_char_boundary(text.len().min(begin + SAMPLE_BYTES));
    let text = text.get(..limit).unwrap_or_default();
    let bytes = text.as_bytes();
    let mut lines = Vec::new();
    let (mut at, mut row) = (begin, 1u32);
    while at < bytes.len() && lines.len() < HEADER_WITHIN + SAMPLE {
        let mut cells = Vec::new();
        let read = record(bytes, at, dialect, &mut |index, field| {
            if index <= MOST_COLUMNS {
                let cell = field.text(text);
                cells.push(cell.get(..cell.floor_char_boundary(MOST_SHOWN)).unwrap_or_default().to_owned());
            }
        });
        if read.end == bytes.len() && limit < begin + SAMPLE_BYTES || read.end < bytes.len() || lines.is_empty() {
            let next_row = row + lines_in(bytes, at, read.end, dialect.newline);
            lines.push(Line { cells, row, next_row, end: read.end, damaged: read.damage.is_some() });
            row = next_row;
        }
        at = read.end;
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
    fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
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

/// A line in which quotes stand inside quotes as they are, `"Foo "Bar"",x`: a quote closes before a delimiter and before
/// the line's end only. Safe where the line then has just the cells that the header has.
fn loosely(bytes: &[u8], at: usize, dialect: Dialect, width: usize) -> Option<(Vec<Field>, usize)> {
    let end = line_end(bytes, at, dialect.newline);
    let line = bytes.get(..end)?;
    let mut fields = Vec::with_capacity(width);
    let mut pos = at;
    loop {
        let blanks = line.get(pos..)?.iter().take_while(|b| **b == b' ').count();
        let (field, stop) = if line.get(pos + blanks) == Some(&b'"') {
            let from = pos + blanks + 1;
            let closes = |n: &usize| match line.get(n + 1..).unwrap_or_default() {
                [] | [b'\r'] | [b'\r', b'\n'] => true,
                [next, ..] => *next == dialect.delimiter || *next == dialect.newline,
            };
            let to = memchr_iter(b'"', line.get(from..)?).map(|n| from + n).find(closes)?;
            let doubled = memmem::find(line.get(from..to)?, b"\"\"").map(|_| b'"');
            (Field { from, to, escaped: doubled }, to_stop(line, to + 1, dialect).1)
        } else {
            let (to, stop) = to_stop(line, pos, dialect);
            (Field { from: pos, to, escaped: None }, stop)
        };
        fields.push(field);
        if stop.last || fields.len() > width {
            return (fields.len() == width).then_some((fields, end));
        }
        pos = stop.end;
    }
}

/// A record that goes on in the lines below, for a cell of it has line ends that nobody quoted: its fields, and where it
/// ends. Safe where the lines together have just the cells that the header has, and the record begins with something (an
/// id, an address, a time) that none of the other lines begins with.
fn continued(
    text: &str,
    bytes: &[u8],
    (at, mut end): (usize, usize),
    fields: &[Field],
    dialect: Dialect,
    width: usize,
) -> Option<(Vec<Field>, usize)> {
    const MOST_LINES: usize = 50;
    let form = |field: &Field| match (field.text(text), ColumnForm::of(std::iter::once(&*field.text(text)))) {
        (cell, ColumnForm::Flag) if cell.trim().bytes().all(|b| b.is_ascii_digit()) => ColumnForm::Number,
        (_, form) => form,
    };
    let is_quoted = |field: &Field| field.from > at && bytes.get(field.from - 1) == Some(&b'"');
    let opens = form(fields.first()?);
    if matches!(opens, ColumnForm::Blank | ColumnForm::Text | ColumnForm::Flag) || fields.last().is_none_or(is_quoted) {
        return None;
    }
    let mut joined = fields.to_vec();
    for _ in 0..MOST_LINES {
        let mut more: Vec<Field> = Vec::new();
        let read = record(bytes, end, dialect, &mut |_, field| more.push(field));
        let first = more.first().copied().filter(|_| read.damage.is_none() && read.end > end)?;
        if is_quoted(&first) || form(&first) == opens || is_total(&first.text(text)) {
            return None;
        }
        end = read.end;
        joined.last_mut()?.to = first.to;
        joined.extend(more.iter().skip(1));
        if joined.len() >= width {
            return (joined.len() == width).then_some((joined, end));
        }
    }
    None
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

/// Reads a field: where it stopped, and whether its quotes are damaged. Called for each cell: the two common kinds first.
#[inline]
fn one_field(bytes: &[u8], at: usize, dialect: Dialect) -> (Option<Stop>, Field, bool) {
    let rest = bytes.get(at..).unwrap_or_default();
    match rest.first() {
        Some(b'"') if !dialect.backslash => {
            let from = at + 1;
            let to = rest.get(1..).and_then(|rest| memchr(b'"', rest)).map(|n| from + n);
            if let Some(to) = to.filter(|to| bytes.get(to + 1) == Some(&dialect.delimiter)) {
                let field = Field { from, to, escaped: None };
                return (Some(Stop { end: to + 2, last: false }), field, false);
            }
        }
        Some(b' ' | b'"') => {}
        _ => {
            let (to, stop) = to_stop(bytes, at, dialect);
            return (Some(stop), Field { from: at, to, escaped: None }, false);
        }
    }
    uncommon_field(bytes, at, dialect)
}

/// A field that begins with blanks, or with a quote and is not closed before the next delimiter at once.
fn uncommon_field(bytes: &[u8], at: usize, dialect: Dialect) -> (Option<Stop>, Field, bool) {
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
    /// What the values of each column look like, of those that were not asked for, too; empty where it is known.
    tallies: Vec<Tally>,
    /// Columns in which a cell may have something around it.
    wrapped: Vec<bool>,
    /// Line of each record, counted from the first line of the piece.
    rows: Vec<u32>,
    /// Rows that are no records: place among the records of the piece, and what they are.
    odd: Vec<(usize, Odd, Refused)>,
    /// Headers of other columns, or of the same in another order; their rows count from the first line of the piece.
    headers: Vec<NextTable>,
    padded: usize,
    /// Of them those that have not half of the cells.
    short: usize,
    /// Whether the last row has fewer cells than the header, or is damaged.
    last_is_short: bool,
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
    /// A header of other columns, or of the same in another order.
    OtherHeader,
}

/// How the records of a table are read.
struct Format<'a> {
    header: &'a [String],
    /// With which bytes a cell may end that is a label: no record but a few is held against the labels.
    ends: [bool; 256],
    /// Which columns to read.
    wanted: &'a [bool],
    dialect: Dialect,
    /// Whether the forms of the columns are known: then values are not looked at for them.
    has_known_forms: bool,
}

impl<'a> Format<'a> {
    fn new(header: &'a [String], wanted: &'a [bool], dialect: Dialect, has_known_forms: bool) -> Self {
        let mut ends = [false; 256];
        for (byte, may_end) in (0u8..=255).zip(&mut ends) {
            *may_end =
                !byte.is_ascii_alphanumeric() || header.iter().any(|label| label.as_bytes().last() == Some(&byte));
        }
        Format { header, ends, wanted, dialect, has_known_forms }
    }

    /// Whether a cell may be a label.
    fn may_be_label(&self, text: &str, field: &Field) -> bool {
        let last = text.as_bytes().get(field.to.wrapping_sub(1));
        field.to > field.from && last.and_then(|last| self.ends.get(usize::from(*last))) == Some(&true)
    }
}

/// The first line end behind a byte behind which a record begins as wide as the header: one that stands inside quotes would
/// cost a second scan.
fn begin_of_a_record(bytes: &[u8], at: usize, form: &Format) -> usize {
    const TRIED: usize = 20;
    const WITHIN: usize = 1 << 20;
    let Dialect { newline, .. } = form.dialect;
    let first = line_end(bytes, at, newline);
    let mut begin = first;
    for _ in 0..TRIED {
        let sight = bytes.get(..bytes.len().min(begin + WITHIN)).unwrap_or_default();
        let mut cells = 0;
        let read = record(sight, begin, form.dialect, &mut |_, _| cells += 1);
        if cells == form.wanted.len() && read.damage.is_none() {
            return begin;
        }
        begin = line_end(bytes, begin, newline);
    }
    first
}

fn scan_all(text: &str, (body, until): (usize, usize), form: &Format) -> Vec<Piece> {
    let bytes = text.as_bytes().get(..until).unwrap_or_default();
    let length = bytes.len().saturating_sub(body);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    // Always the same pieces, so that nothing depends on the number of threads.
    let count = (length / PIECE).clamp(1, MOST_PIECES);
    let mut begins = vec![body];
    for n in 1..count {
        let begin = begin_of_a_record(bytes, body + length / count * n, form);
        if begin < bytes.len() && begins.last().is_some_and(|last| begin > *last) {
            begins.push(begin);
        }
    }
    let ends: Vec<usize> = begins.iter().skip(1).copied().chain([bytes.len()]).collect();
    let spans: Vec<(usize, usize)> = begins.into_iter().zip(ends).collect();
    let mut pieces: Vec<Option<Piece>> = Vec::new();
    if spans.len() == 1 {
        pieces.extend(spans.iter().map(|(from, to)| Some(scan(text, (*from, *to), form))));
    } else {
        let next = std::sync::atomic::AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            loop {
                let n = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let Some((from, to)) = spans.get(n) else { return done };
                done.push((n, scan(text, (*from, *to), form)));
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
            _ => scan(text, (at, (*to).max(at)), form),
        };
        at = piece.end;
        result.push(piece);
    }
    result
}

impl Piece {
    /// Nothing yet of what begins at `from`, where about so many rows are to be expected.
    fn new(form: &Format, from: usize, rows: usize) -> Piece {
        let Format { wanted, has_known_forms, .. } = *form;
        Piece {
            columns: wanted.iter().map(|w| w.then(|| StringChunkedBuilder::new(PlSmallStr::EMPTY, rows))).collect(),
            tallies: vec![Tally::default(); if has_known_forms { 0 } else { wanted.len() }],
            wrapped: vec![false; wanted.len()],
            rows: Vec::with_capacity(rows),
            odd: Vec::new(),
            headers: Vec::new(),
            padded: 0,
            short: 0,
            last_is_short: false,
            lines: 0,
            begin: from,
            end: from,
        }
    }

    /// Looks at the form of a row's cells. `lasts`: the cells above, for neighbours are often alike.
    #[inline]
    fn tally<'t>(&mut self, text: &'t str, fields: &[Field], lasts: &mut [&'t str]) {
        for ((field, last), tally) in fields.iter().zip(lasts).zip(&mut self.tallies) {
            if field.to > field.from && tally.asks() {
                let value = text.get(field.from..field.to).unwrap_or_default();
                if value == *last {
                    tally.again();
                } else {
                    *last = value;
                    tally.take(value);
                }
            } else {
                tally.pass(field.to > field.from);
            }
        }
    }

    /// Adds a record of so many cells, of which it may lack some.
    fn begins(&mut self, row: u32, cells: usize, width: usize) {
        self.rows.push(row);
        self.padded += usize::from(cells < width);
        self.short += usize::from(cells * 2 < width);
    }
}

/// Scans the records that begin in `from..to`.
fn scan(text: &str, (from, to): (usize, usize), form: &Format) -> Piece {
    let Format { wanted, dialect, .. } = *form;
    let bytes = text.as_bytes();
    let width = wanted.len();
    let mut piece = Piece::new(form, from, (to - from) / 200 + 16);
    let slots: Vec<usize> = (0..width).filter(|n| wanted.get(*n) == Some(&true)).collect();
    let mut fields: Vec<Field> = Vec::with_capacity(width + 1);
    let mut lasts: Vec<&str> = vec![""; width];
    let mut at = from;
    while at < to {
        fields.clear();
        let mut extra = Extra::default();
        let sight = bytes.get(..text.floor_char_boundary(at.saturating_add(SIGHT))).unwrap_or(bytes);
        let read = record(sight, at, dialect, &mut |index, field| {
            if index < width {
                fields.push(field);
            } else {
                extra.cells += 1;
                extra.filled |= field.to > field.from;
            }
            extra.is_long |= field.to - field.from > MOST_CELL;
        });
        let read = match read.damage.and_then(|_| loosely(sight, at, dialect, width)) {
            Some((loose, end)) => {
                (fields, extra) = (loose, Extra::default());
                Read { end, damage: None }
            }
            None => read,
        };
        let is_short = read.damage.is_none() && fields.len() < width;
        let read = match is_short.then(|| continued(text, sight, (at, read.end), &fields, dialect, width)).flatten() {
            Some((joined, end)) => {
                fields = joined;
                Read { end, damage: None }
            }
            None => read,
        };
        let lines = lines_in(bytes, at, read.end, dialect.newline);
        let row = piece.lines + 1;
        let begin = at;
        piece.lines += lines;
        at = read.end;
        let opens_blank = fields.first().is_none_or(|first| is_blank(text, first));
        if opens_blank && read.damage.is_none() && !extra.filled && fields.iter().all(|field| is_blank(text, field)) {
            continue;
        }
        // A line of totals has no more cells than it needs.
        let opens = || fields.iter().find(|field| !is_blank(text, field)).map(|field| field.text(text));
        let is_cut = || fields.len() < width && !opens().is_some_and(|cell| is_total(&cell));
        piece.last_is_short = read.damage.is_some() || is_cut();
        match oddity(text, &fields, extra, form, read.damage) {
            None => {}
            Some((Odd::OtherHeader, _)) if piece.headers.len() < MOST_TABLES => {
                let mut labels = Vec::new();
                record(bytes, begin, dialect, &mut |index, field| {
                    if index < MOST_COLUMNS {
                        labels.push(clean_label(&field.text(text)));
                    }
                });
                piece.headers.push(NextTable { header: labels, header_at: begin, row });
                let refused = Refused { row, detail: "a header".into(), text: String::new() };
                piece.odd.push((piece.rows.len(), Odd::Header, refused));
                continue;
            }
            Some((kind, detail)) => {
                if piece.odd.len() < MOST_ODD {
                    let line = text.get(begin..read.end).unwrap_or_default().trim_end();
                    let line = line.get(..line.floor_char_boundary(2048)).unwrap_or_default().to_owned();
                    piece.odd.push((piece.rows.len(), kind, Refused { row, detail, text: line }));
                }
                continue;
            }
        }
        piece.begins(row, fields.len(), width);
        piece.tally(text, &fields, &mut lasts);
        for slot in &slots {
            let Some(Some(builder)) = piece.columns.get_mut(*slot) else { continue };
            let Some(field) = fields.get(*slot).filter(|field| field.to > field.from) else {
                builder.append_null();
                continue;
            };
            let cell = field.text(text);
            if let (true, Some(wrapped)) = (wrappers::may_wrap(&cell), piece.wrapped.get_mut(*slot)) {
                *wrapped = true;
            }
            match cell {
                Cow::Borrowed(cell) => builder.append_value(cell),
                Cow::Owned(cell) => builder.append_value(cell),
            }
        }
    }
    piece.end = at;
    piece
}

/// Cells of a row beyond the header's.
#[derive(Clone, Copy, Default)]
struct Extra {
    cells: usize,
    filled: bool,
    /// Whether any cell of the row, beyond the header or not, is longer than a cell can be.
    is_long: bool,
}

fn is_blank(text: &str, field: &Field) -> bool {
    field.from >= field.to || text.get(field.from..field.to).is_some_and(|cell| cell.trim().is_empty())
}

/// Tells a record from everything else. Called for each record: the first test must be quick.
#[inline]
fn oddity(
    text: &str,
    fields: &[Field],
    extra: Extra,
    form: &Format,
    damage: Option<&'static str>,
) -> Option<(Odd, String)> {
    let width = form.header.len();
    if extra.is_long {
        return Some((Odd::Ragged, format!("a cell of more than {} MiB", MOST_CELL >> 20)));
    }
    if let Some(damage) = damage {
        return Some((Odd::Ragged, damage.to_owned()));
    }
    match headers_again(text, fields, form) {
        Again::No => {}
        Again::Same if fields.len() == width && !extra.filled => {
            return Some((Odd::Header, "the header again".to_owned()));
        }
        Again::Same | Again::Other => return Some((Odd::OtherHeader, "another header".to_owned())),
    }
    if fields.len() == width && extra.cells == 0 {
        // Quick way out: a record seldom is mostly blank.
        let blank = fields.iter().filter(|f| f.from >= f.to).count();
        if width > 2 && blank * 2 >= width {
            let first = fields.iter().find(|field| !is_blank(text, field))?;
            let opens = first.text(text);
            if is_total(&opens) || (is_group(&opens) && fields.iter().filter(|f| !is_blank(text, f)).count() == 1) {
                return Some((Odd::Short, "total".to_owned()));
            }
        }
        return None;
    }
    if fields.len() == 1 && width > 1 {
        return Some((Odd::Short, format!("1 cell, the header has {width}")));
    }
    if extra.filled {
        return Some((Odd::Ragged, format!("{} cells, the header has {width}", fields.len() + extra.cells)));
    }
    None
}

/// A table of which pieces are joined: line numbers, what is trailer and what is damage.
struct Assembly {
    columns: Vec<Option<StringChunked>>,
    tallies: Vec<Tally>,
    wrapped: Vec<bool>,
    rows: Vec<u32>,
    odd: Vec<(usize, Odd, Refused)>,
    padded: usize,
    short: usize,
    last_is_short: bool,
    /// Lines above the next piece.
    line: u32,
}

impl Assembly {
    fn new(found: &Found, wanted: &[bool]) -> Self {
        Assembly::begun(vec![Tally::default(); wanted.len()], found.body_line - 1)
    }

    /// The same table below the rows that it has.
    fn begun_anew(&self) -> Self {
        Assembly::begun(self.tallies.clone(), self.line)
    }

    /// Without rows yet; `tallies` of its columns so far, `line` lines above its first row.
    fn begun(tallies: Vec<Tally>, line: u32) -> Self {
        Assembly {
            columns: vec![None; tallies.len()],
            wrapped: vec![false; tallies.len()],
            tallies,
            rows: Vec::new(),
            odd: Vec::new(),
            padded: 0,
            short: 0,
            last_is_short: false,
            line,
        }
    }

    fn add(&mut self, piece: Piece) {
        let (before, line) = (self.rows.len(), self.line);
        self.rows.extend(piece.rows.iter().map(|row| row + line));
        let place = |(n, kind, refused): (usize, Odd, Refused)| {
            (n + before, kind, Refused { row: refused.row + line, ..refused })
        };
        self.odd.extend(piece.odd.into_iter().map(place));
        self.padded += piece.padded;
        self.short += piece.short;
        self.line += piece.lines;
        self.last_is_short = piece.last_is_short;
        self.wrapped.iter_mut().zip(&piece.wrapped).for_each(|(whole, part)| *whole |= part);
        for (whole, part) in self.tallies.iter_mut().zip(&piece.tallies) {
            whole.add(part);
        }
        for (whole, part) in self.columns.iter_mut().zip(piece.columns) {
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

    fn finish(self, found: &Found) -> Sheet {
        /// More chunks make the search for a row slow.
        const MOST_CHUNKS: usize = 32;
        let total = self.rows.len();
        let totals = self.odd.iter().filter(|(_, kind, refused)| *kind == Odd::Short && refused.detail == "total");
        let totals: Vec<usize> = totals.map(|(place, ..)| *place).collect();
        let (trailer, ragged, keep) = sort_out(self.odd, total);
        let in_few = |column: StringChunked| {
            let many = column.chunks().len() > MOST_CHUNKS;
            if many { column.rechunk().into_owned() } else { column }
        };
        let mut sheet = Sheet {
            name: None,
            form: Form::default(),
            preamble: found.preamble.clone(),
            names: vec![None; found.header.len()],
            entity: None,
            forms: self.tallies.iter().map(Tally::form).collect(),
            header: found.header.clone(),
            header_row: found.row,
            ends_inside: self.last_is_short && trailer.is_empty() && self.columns.len() > 1,
            columns: self.columns.into_iter().map(|column| column.map(in_few)).collect(),
            rows: self.rows,
            trailer,
            ragged,
            padded: self.padded,
        };
        groups::fill_down(&mut sheet.columns, &totals, total);
        if let Some(keep) = keep {
            sheet.filter(&keep);
        }
        for (n, _) in self.wrapped.iter().enumerate().filter(|(_, wrapped)| **wrapped) {
            if let (Some(Some(column)), Some(form)) = (sheet.columns.get_mut(n), sheet.forms.get_mut(n)) {
                *column = wrappers::column(column);
                *form = ColumnForm::of_column(column);
            }
        }
        sheet
    }
}

/// Whether a row is a header.
enum Again {
    No,
    /// The header of the table.
    Same,
    /// One with the same labels in another order, or with some of them and others.
    Other,
}

#[inline]
fn headers_again(text: &str, fields: &[Field], form: &Format) -> Again {
    let header = form.header;
    let is = |field: &Field, label: &str| {
        // The length decides for all cells but a few.
        let raw = text.get(field.from..field.to).unwrap_or_default();
        raw.len() >= label.len()
            && !label.is_empty()
            && raw.ends_with(label) | (raw.len() > label.len())
            && clean_label(&field.text(text)) == label
    };
    let opens = |field: &Field| {
        form.may_be_label(text, field) && header.iter().any(|label| is_like(text, field, label) && is(field, label))
    };
    if header.len() < 2 || !fields.iter().take(2).any(opens) {
        return Again::No;
    }
    if fields.len() == header.len()
        && fields.iter().zip(header).all(|(f, label)| is(f, label) || (label.is_empty() && is_blank(text, f)))
    {
        return Again::Same;
    }
    let filled = fields.iter().filter(|field| !is_blank(text, field)).count();
    let known = fields.iter().filter(|field| opens(field)).count();
    if known >= 2 && known * 5 >= filled * 3 { Again::Other } else { Again::No }
}

/// Whether a cell ends as a label does: no record but a few goes further than this.
#[inline]
fn is_like(text: &str, field: &Field, label: &str) -> bool {
    let last = text.as_bytes().get(field.to.wrapping_sub(1));
    field.to - field.from >= label.len()
        && (last == label.as_bytes().last() || last.is_some_and(|b| !b.is_ascii_alphanumeric()))
}

/// Whether a table, the last of its text, was cut off: its last row has no end, and is short or ends inside its last cell.
fn is_cut(sheet: &Sheet, text: &str, dialect: Dialect) -> bool {
    let ends = || sheet.trailer.is_empty() && cut_off::ends_inside_a_cell(text, dialect.delimiter);
    text.as_bytes().last() != Some(&dialect.newline) && (sheet.ends_inside || ends())
}

/// Odd rows after the last record, and all from a known closing text on, are trailer; the others are damage.
fn sort_out(odd: Vec<(usize, Odd, Refused)>, total: usize) -> (Vec<Refused>, Vec<Refused>, Option<BooleanChunked>) {
    let (mut trailer, mut ragged) = (Vec::new(), Vec::new());
    // Records between a closing text and the end, or the next header, are no records of this table.
    let mut cut: Vec<(usize, usize)> = Vec::new();
    let mut closed: Option<usize> = None;
    for (place, kind, refused) in odd {
        match kind {
            Odd::Header | Odd::OtherHeader => {
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
    /// Takes the rows that are flagged out of it, as a sheet of their own.
    #[must_use]
    pub fn split(&mut self, flags: &BooleanChunked) -> Sheet {
        let part = |columns: &[Option<StringChunked>], flags: &BooleanChunked| -> Vec<Option<StringChunked>> {
            columns.iter().map(|column| column.as_ref().and_then(|column| column.filter(flags).ok())).collect()
        };
        let others = !flags;
        let of = |rows: &[u32], is: bool| -> Vec<u32> {
            let both = rows.iter().zip(flags.iter());
            both.filter(|(_, flag)| (*flag == Some(true)) == is).map(|(row, _)| *row).collect()
        };
        let taken = Sheet {
            name: self.name.clone(),
            form: self.form.clone(),
            preamble: Vec::new(),
            header: self.header.clone(),
            names: self.names.clone(),
            entity: self.entity.clone(),
            forms: self.forms.clone(),
            header_row: self.header_row,
            columns: part(&self.columns, flags),
            rows: of(&self.rows, true),
            trailer: Vec::new(),
            ragged: Vec::new(),
            padded: 0,
            ends_inside: false,
        };
        self.columns = part(&self.columns, &others);
        self.rows = of(&self.rows, false);
        taken
    }

    /// Adds the rows of another sheet of the same columns.
    pub fn append(&mut self, other: Sheet) {
        self.rows.extend(other.rows);
        for (column, more) in self.columns.iter_mut().zip(other.columns) {
            if let (Some(column), Some(more)) = (column, more) {
                // Cannot fail: both are text.
                let _ = column.append(&more);
            }
        }
    }

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
