//! Tables as strangers write them: bytes of any CSV, workbook, archive or Parquet file → header and columns of text.
//!
//! Made from bytes alone and by evidence: the container by its first bytes, the charset cell by cell, the delimiter as the
//! one under which rows are equally wide, the header by the names that the caller looks for or by the forms of the values
//! below it. What a hostile or broken file could cost is bounded before anything is kept. What the columns mean is left to
//! the callers (`crm`, `cost`, witnesses); forms are told by [`profile`], times and amounts read by [`times`], [`numbers`].
//! Sources of the rules: RFC 4180, Unicode, the measured exports of the fact sheet on export formats.

use polars::prelude::*;
use unicode_normalization::UnicodeNormalization as _;

use self::packed::unreadable;
use crate::error::{Error, Result, count};

pub use content::{Content, Part};
pub use note::Note;
pub use packed::{MOST_BYTES, unpack};
pub use passed::Passed;
pub use profile::{ColumnForm, trimmed};
pub use told::{ColumnRead, Counts, Doubt, ReadFile, add_counts, columns_read, set_aside};

mod content;
mod delimited;
mod markup;
#[cfg(test)]
pub(crate) mod mutated;
mod note;
pub mod numbers;
mod packed;
mod parquet;
mod passed;
pub mod profile;
pub mod readings;
mod text;
pub mod times;
mod told;
mod workbook;
mod wrappers;

/// One export as found: a file, or a blob.
#[derive(Clone, Debug)]
pub struct Export {
    /// Path relative to the configuration file, or blob name, with `/`.
    pub name: String,
    /// When it was last written.
    pub modified: chrono::DateTime<chrono::Utc>,
    /// What it holds.
    pub content: Content,
}

/// What a caller looks for in a file.
pub struct Ask<'a> {
    /// How many of these labels (see [`fold`]) the caller knows.
    pub score: &'a dyn Fn(&[String]) -> usize,
    /// How many must be known for a row to be the header (one is enough where the row has one cell).
    pub needed: usize,
    /// Which columns to read, by label; the others are skipped, which is much quicker.
    pub keep: &'a dyn Fn(&str) -> bool,
    /// Whether the caller can tell addresses, ids, dates and lead sources by their form, whatever their label: such
    /// columns are read too, and count where a header is looked for.
    pub by_form: bool,
    /// The header of a file that has none.
    pub header: Option<Known>,
}

impl Ask<'_> {
    /// Which columns to read, by their labels and by what their first values look like.
    fn wanted(&self, header: &[String], names: &[Option<String>], forms: &[ColumnForm]) -> Vec<bool> {
        // Ids stand in many columns, and which is the record's own is a question only where no label answers it.
        let is_id = |form: &&ColumnForm| matches!(form, ColumnForm::SalesforceId | ColumnForm::Guid);
        let few = header.iter().filter(|label| (self.keep)(label)).count() < self.needed
            || forms.iter().filter(is_id).count() == 1;
        let by_form = |n: usize| {
            self.by_form
                && match forms.get(n) {
                    Some(ColumnForm::Email | ColumnForm::LeadSource | ColumnForm::Date) => true,
                    Some(ColumnForm::SalesforceId | ColumnForm::Guid) => few,
                    _ => false,
                }
        };
        let named = |n: usize| names.get(n).and_then(Option::as_ref).is_some_and(|name| (self.keep)(name));
        header.iter().enumerate().map(|(n, label)| (self.keep)(label) || named(n) || by_form(n)).collect()
    }

    /// How many columns are known by the form of their values.
    fn known_by_form(&self, forms: &[ColumnForm]) -> usize {
        let tells = |form: &&ColumnForm| {
            matches!(form, ColumnForm::Email | ColumnForm::LeadSource | ColumnForm::SalesforceId | ColumnForm::Guid)
        };
        if self.by_form { forms.iter().filter(tells).count() } else { 0 }
    }
}

/// What is told of a file elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its columns.
    pub labels: Vec<String>,
    /// Its delimiter, where that is told.
    pub delimiter: Option<u8>,
}

/// How a file was written, for the report.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Form {
    /// `csv`, `workbook` or `parquet`.
    pub container: String,
    /// Charset, and by which evidence.
    pub encoding: String,
    /// `comma`, `semicolon`, `tab`, `pipe`, `caret`, `backquote`, `tilde`, `space`, `unit separator`, `start of heading`;
    /// empty where there is none.
    pub delimiter: String,
    /// Whether quotes are escaped by a backslash instead of being doubled.
    pub backslash: bool,
}

/// One table of a file.
#[derive(Debug)]
pub struct Sheet {
    /// Worksheet, where the file has several tables.
    pub name: Option<String>,
    /// How it was written.
    pub form: Form,
    /// Non-blank lines above the header.
    pub preamble: Vec<String>,
    /// Labels, trimmed, NBSP and byte order mark gone.
    pub header: Vec<String>,
    /// What the file itself calls the columns, where it does: the technical name beside a label of any language.
    pub names: Vec<Option<String>>,
    /// What the file itself says its rows are.
    pub entity: Option<String>,
    /// What the values of each column look like, whether it was asked for or not.
    pub forms: Vec<ColumnForm>,
    /// Line (row of a worksheet) of the header; 1 is the first; 0 if the file has none.
    pub header_row: u32,
    /// Cells by column; null where blank. None for a column that was not asked for.
    pub columns: Vec<Option<StringChunked>>,
    /// Line (row of a worksheet) at which each record starts.
    pub rows: Vec<u32>,
    /// Rows after the records: totals, copyright lines.
    pub trailer: Vec<Refused>,
    /// Records of the wrong shape.
    pub ragged: Vec<Refused>,
    /// Records that lacked cells at their end and were filled up.
    pub padded: usize,
    /// Whether the text ends inside a row: it was cut off.
    pub ends_inside: bool,
}

/// A row that is no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Line (row of a worksheet); 1 is the first.
    pub row: u32,
    /// What was wrong, without content of the row.
    pub detail: String,
    /// The row as found, for control totals; never shown.
    pub text: String,
}

impl Sheet {
    /// Number of records.
    pub fn height(&self) -> usize {
        self.rows.len()
    }

    /// The cells of a column, if it was read.
    pub fn column(&self, index: usize) -> Option<&StringChunked> {
        self.columns.get(index).and_then(Option::as_ref)
    }

    /// What the values of a column look like, all of them.
    pub fn form(&self, index: usize) -> ColumnForm {
        self.forms.get(index).copied().unwrap_or_default()
    }

    /// Position of the first column whose folded label is one of `folded`, in the order of `folded`.
    pub fn position(&self, folded: &[&str]) -> Option<usize> {
        let labels: Vec<String> = self.header.iter().map(|label| fold(label)).collect();
        folded.iter().find_map(|wanted| labels.iter().position(|label| label == wanted))
    }
}

/// A label in comparable form: NFKC, any case, letters and digits only.
///
/// ```
/// assert_eq!(leadrecon::tabular::fold("\u{a0}E-Mail Address"), leadrecon::tabular::fold("email_address"));
/// ```
pub fn fold(label: &str) -> String {
    label.nfkc().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()).collect()
}

/// A label as shown: trimmed of blanks of every kind, byte order mark and NUL.
fn clean_label(label: &str) -> String {
    wrappers::label(label).replace('\u{a0}', " ")
}

/// Reads every table of a part that has the header asked for. An empty part gives none.
///
/// # Errors
/// A file that is no table, or in which no header is found: says which row came nearest.
pub fn read(part: &Part, ask: &Ask) -> Result<Vec<Sheet>> {
    let not_a_table = |what: &str| {
        Error::partial(format!("cannot read \"{}\": it is {what}", part.name))
            .hint("export it as CSV (UTF-8) or as an .xlsx workbook")
    };
    if part.content.length() > MOST_BYTES {
        return Err(not_a_table("larger than any export").hint("split it, or export the columns that are needed"));
    }
    let unread = |e: std::io::Error| unreadable(&part.name, e);
    // Their readers are not ours: one that breaks on a damaged file must not take the night with it.
    let guarded = |read: &dyn Fn(&[u8]) -> Result<Vec<Sheet>>| {
        let bytes = part.content.whole().map_err(unread)?;
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| read(&bytes)))
            .unwrap_or_else(|_| Err(not_a_table("damaged in a way that its reader does not stand")))
    };
    let opening = part.content.opening(8).map_err(unread)?;
    if opening.starts_with(b"PAR1") {
        return guarded(&|bytes| parquet::read(&part.name, bytes, ask).map(|sheet| vec![sheet]));
    }
    if opening.starts_with(b"PK\x03\x04") || opening.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        return guarded(&|bytes| workbook::read(&part.name, bytes, ask));
    }
    if opening.starts_with(b"%PDF") {
        return Err(not_a_table("a PDF document"));
    }
    let source = part.content.reader().map_err(unread)?;
    let mut text =
        text::Text::open(source, ask.keep).map_err(|e| not_a_table("neither text nor a workbook").because(e))?;
    text.fill(delimited::OPENING).map_err(unread)?;
    if markup::is_markup(text.as_str()) {
        let found = guarded(&|bytes| workbook::read_markup(&part.name, bytes, ask))?;
        let is_table = !found.is_empty();
        return is_table
            .then_some(found)
            .ok_or_else(|| not_a_table("a web page or XML under another name, without a table"));
    }
    if text.as_str().trim_start().is_empty() {
        return Ok(Vec::new());
    }
    delimited::read(&part.name, &mut text, ask)
}

/// Reads a long delimited text, or Parquet, part by part: of its rows no more than about `most` are in memory (of Parquet, a
/// row group). Each part has the forms
/// of all columns so far, the last those of the whole. `take` says whether to go on.
///
/// `forms`: those of the whole, where they are known: then values are not looked at for them.
///
/// False where it cannot be read so, which [`read`] can: a workbook, a file of several tables, one that `take` refused.
///
/// # Errors
/// A file that cannot be read to its end; what `take` fails with.
pub fn read_in_parts(
    part: &Part,
    ask: &Ask,
    forms: Option<&[ColumnForm]>,
    most: usize,
    take: &mut dyn FnMut(Sheet) -> Result<bool>,
) -> Result<bool> {
    let unread = |e: std::io::Error| unreadable(&part.name, e);
    let opening = part.content.opening(8).map_err(unread)?;
    if opening.starts_with(b"PAR1") && part.content.length() <= MOST_BYTES {
        let bytes = part.content.whole().map_err(unread)?;
        return parquet::read_in_parts(&part.name, &bytes, ask, forms, most, take);
    }
    let is_other = [&b"PAR1"[..], b"PK\x03\x04", &[0xd0, 0xcf, 0x11, 0xe0], b"%PDF"];
    if part.content.length() > MOST_BYTES || is_other.iter().any(|other| opening.starts_with(other)) {
        return Ok(false);
    }
    let source = part.content.reader().map_err(unread)?;
    let Ok(mut text) = text::Text::open(source, ask.keep) else { return Ok(false) };
    text.fill(delimited::OPENING).map_err(unread)?;
    if text.as_str().trim_start().starts_with('<') {
        return Ok(false);
    }
    delimited::read_in_parts(&part.name, &mut text, ask, forms, most, take)
}

/// How many bytes a part takes about when it is read: Parquet much more than it has.
pub fn bytes_read(part: &Part) -> u64 {
    let is_parquet = part.content.opening(4).is_ok_and(|opening| &*opening == b"PAR1");
    let read = || parquet::bytes_read(&part.content.whole().ok()?);
    is_parquet.then(read).flatten().unwrap_or_else(|| part.content.length())
}

/// What is known of the header of a file in which the one asked for was not found.
#[derive(Debug, Default)]
struct Nearest {
    /// Labels, where the rows below prove that they are some. No other row is ever shown: it may be a person's.
    labels: Vec<String>,
    /// How wide most rows are.
    width: usize,
}

/// The text of a file in whatever encoding; none where it is no text.
pub fn text_of(bytes: &[u8]) -> Option<String> {
    text::whole(bytes).ok()
}

/// The labels of a table, short enough for a message, where the lines below the first prove that these are some. Nothing
/// else of a table is ever shown: it may be a person's.
pub fn proven_labels(lines: &[String]) -> Option<Vec<String>> {
    let cut = |delimiter: u8| -> Vec<Vec<String>> {
        let mut reader = csv::ReaderBuilder::new();
        reader.has_headers(false).flexible(true).delimiter(delimiter);
        let rows = lines.iter().filter_map(|line| reader.from_reader(line.as_bytes()).records().next()?.ok());
        rows.map(|row| row.iter().map(str::to_owned).collect()).collect()
    };
    let proven = [b',', b';', b'\t', b'|'].into_iter().map(cut).filter(|rows| profile::proven_header(rows) == Some(0));
    let rows = proven.max_by_key(|rows| rows.first().map_or(0, Vec::len))?;
    rows.first().map(|labels| labels.iter().map(|label| clip(label)).take(30).collect())
}

/// The error for a file without the header asked for; what to do about it, the caller knows.
fn no_header(name: &str, nearest: &Nearest) -> Error {
    let shown: Vec<String> = nearest.labels.iter().take(60).map(|label| clip(label)).collect();
    let cause = match (shown.as_slice(), nearest.width) {
        ([], 0) => "no row found".to_owned(),
        ([], 1) => "its rows have one cell, and none of them can be told to be a header".to_owned(),
        ([], width) => format!("its rows have {width} cells, and none of them can be told to be a header"),
        (labels, _) => format!("its header: {}", labels.join(", ")),
    };
    Error::partial(format!(
        "cannot read \"{name}\": no row of its first {HEADER_WITHIN} has the column names looked for"
    ))
    .because(cause)
}

/// A label short enough for a message; anything that could be a contact is not shown.
pub(crate) fn clip(label: &str) -> String {
    if label.contains('@') || label.chars().filter(char::is_ascii_digit).count() > 5 {
        return "…".to_owned();
    }
    label.trim().chars().take(40).collect()
}

/// The error for a table of which most rows are none.
fn implausible(name: &str, damaged: usize, good: usize) -> Error {
    Error::partial(format!("cannot read \"{name}\": most of its rows have not the columns of its header"))
        .because(format!("{damaged} of {}", count(damaged.saturating_add(good), "row", "rows")))
        .hint("export the file again: a quote is not closed, the delimiter changes, or it is no table")
}

/// Of a table with more damaged rows than this, at least half must be good.
const DAMAGED_ROWS: usize = 1000;

/// How many rows are searched for the header.
const HEADER_WITHIN: usize = 50;

/// Picks the header among candidate rows: the one with the highest score, or the first that is mostly known labels and
/// about as wide; what stands above a header that is wider is the table of another, and no title.
fn pick_header(rows: &[Vec<String>], ask: &Ask) -> Option<(usize, usize)> {
    let filled = |row: &Vec<String>| row.iter().filter(|cell| !cell.trim().is_empty()).count();
    let candidates: Vec<(usize, usize, usize)> = rows
        .iter()
        .take(HEADER_WITHIN)
        .enumerate()
        .filter_map(|(index, row)| {
            let labels: Vec<String> = row.iter().map(|cell| fold(cell)).collect();
            let (score, cells) = ((ask.score)(&labels), filled(row));
            (score >= ask.needed.min(cells.max(1)) && score > 0).then_some((index, score, cells))
        })
        .collect();
    let best = candidates.iter().rev().max_by_key(|(_, score, _)| *score)?;
    let is_header = |(_, score, cells): &&(usize, usize, usize)| {
        *score >= ask.needed && *cells > 1 && score * 2 >= *cells && cells * 2 >= best.2
    };
    let (index, score, _) = candidates.iter().find(is_header).unwrap_or(best);
    Some((*index, *score))
}

/// The header among rows: by its labels, else by the forms of the values below it. Position and score.
fn find_header(rows: &[Vec<String>], ask: &Ask) -> std::result::Result<(usize, usize), Nearest> {
    if let Some(found) = pick_header(rows, ask) {
        return Ok(found);
    }
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    let Some(index) = profile::proven_header(rows) else { return Err(Nearest { labels: Vec::new(), width }) };
    let labels = rows.get(index).cloned().unwrap_or_default();
    let known = (ask.score)(&labels.iter().map(|cell| fold(cell)).collect::<Vec<_>>());
    let score = known + ask.known_by_form(&forms_of(rows, index, labels.len()));
    if score >= ask.needed { Ok((index, score)) } else { Err(Nearest { labels, width }) }
}

/// What the values of each column look like in the rows below a header.
fn forms_of(rows: &[Vec<String>], header: usize, width: usize) -> Vec<ColumnForm> {
    let below = || rows.iter().skip(header + 1).filter(|row| row.len() > 1 || width == 1);
    (0..width).map(|n| ColumnForm::of(below().filter_map(|row| row.get(n)).map(String::as_str))).collect()
}

/// Words that open a line below the records of a report.
fn is_trailer_text(text: &str) -> bool {
    const OPENINGS: &[&str] = &[
        "copyright", "©", "(c)", "confidential information", "generated by", "grand total", "total", "gesamt", "summe",
        "итого", "合计", "合計", "总计", "總計", "filtered by", "as of ", "records returned",
    ];
    let lower = text.trim().to_lowercase();
    OPENINGS.iter().any(|word| lower.starts_with(word)) || lower.contains("all rights reserved")
}

/// Whether a line heads a group of records: `Owner: Ann Lee (12 records)`.
fn is_group(cell: &str) -> bool {
    let inner = cell.trim().strip_suffix(')').and_then(|text| text.rsplit_once('('));
    inner.and_then(|(_, inner)| inner.split_once(' ')).is_some_and(|(count, of)| {
        count.bytes().all(|b| b.is_ascii_digit()) && !count.is_empty() && of.chars().all(char::is_alphabetic)
    })
}

/// Whether a cell is the word for total, alone or with what it totals: `Total: Account`, `Grand Totals (12 records)`.
pub fn is_total(cell: &str) -> bool {
    const WORDS: &[&str] = &[
        "grand total", "grand totals", "total", "totals", "subtotal", "gesamt", "gesamtsumme", "gesamtergebnis",
        "summe", "total général", "totale", "totalt", "suma total", "total geral", "итого", "合计", "合計", "总计",
        "總計", "総計", "overall total", "count", "record count", "sum", "anzahl", "nombre total", "subtotals",
        "zwischensumme", "total de registros", "totaal", "summa", "razem", "suma",
    ];
    let lower = cell.trim().trim_start_matches('"').to_lowercase();
    WORDS.iter().any(|word| {
        lower.strip_prefix(word).is_some_and(|rest| {
            let rest = rest.trim_start();
            rest.is_empty() || rest.starts_with([':', '：', '(', '-', '–'])
        })
    })
}

#[cfg(test)]
mod tests;
