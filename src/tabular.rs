//! Tables as strangers write them: bytes of any CSV, workbook, archive or Parquet file → header and columns of text.
//!
//! Made from bytes alone and by evidence: the container by its first bytes, the charset cell by cell, the delimiter as the
//! one under which rows are equally wide, the header by the names that the caller looks for or by the forms of the values
//! below it. What a hostile or broken file could cost is bounded before anything is kept. What the columns mean is left to
//! the callers (`crm`, `cost`, witnesses); forms are told by [`profile`], times and amounts read by [`times`], [`numbers`].
//! Sources of the rules: RFC 4180, Unicode, the measured exports of the fact sheet on export formats.

use self::packed::unreadable;
use crate::error::{Error, Result};

pub use closing::is_total;
pub use content::{Content, Part};
pub(crate) use header::clip;
pub use header::{Ask, Known, fold};
pub use note::Note;
pub use packed::{MOST_BYTES, unpack};
pub use passed::Passed;
pub use profile::{ColumnForm, trimmed};
pub use sheet::{Form, Refused, Sheet};
pub use told::{ColumnRead, Counts, Doubt, ReadFile, add_counts, columns_read, set_aside};

mod closing;
mod content;
mod cut_off;
mod delimited;
mod groups;
mod header;
mod laid_out;
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
mod sheet;
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
    let guarded = |read: &dyn Fn(&[u8]) -> Result<Vec<Sheet>>| {
        let bytes = part.content.whole().map_err(unread)?;
        guarded(&part.name, &bytes, read)
    };
    let opening = part.content.opening(8).map_err(unread)?;
    if opening.starts_with(b"PAR1") {
        return guarded(&|bytes| parquet::read(&part.name, bytes, ask).map(|sheet| vec![sheet]));
    }
    if is_workbook(&opening) {
        return guarded(&|bytes| workbook::read(&part.name, bytes, ask));
    }
    if opening.starts_with(b"%PDF") {
        return Err(not_a_table("a PDF document"));
    }
    let mut text =
        open(part, ask).map_err(unread)?.map_err(|e| not_a_table("neither text nor a workbook").because(e))?;
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

/// Calls a reader that is not ours: one that breaks on a damaged file must not take the night with it.
fn guarded<T>(name: &str, bytes: &[u8], read: impl Fn(&[u8]) -> Result<T>) -> Result<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| read(bytes))).unwrap_or_else(|_| {
        Err(Error::partial(format!("cannot read \"{name}\": it is damaged in a way that its reader does not stand"))
            .hint("export it as CSV (UTF-8) or as an .xlsx workbook"))
    })
}

/// Whether what was unpacked is a workbook, by its first bytes: every other archive was opened.
pub fn is_workbook(opening: &[u8]) -> bool {
    opening.starts_with(b"PK\x03\x04") || opening.starts_with(&[0xd0, 0xcf, 0x11, 0xe0])
}

/// The rows of every worksheet of a workbook, as texts, blank ones left out, each up to its last filled cell.
///
/// # Errors
/// A workbook that is damaged or protected, or has more cells than any export.
pub fn worksheets(name: &str, bytes: &[u8]) -> Result<Vec<Vec<Vec<String>>>> {
    guarded(name, bytes, |bytes| workbook::worksheets(name, bytes))
}

/// The rows of every table of a web page or of Excel's XML, as [`worksheets`] gives those of a workbook; or of a text that
/// was laid out for people. None where it is neither.
pub fn tables(text: &str) -> Option<Vec<Vec<Vec<String>>>> {
    if markup::is_markup(text) {
        return Some(workbook::tables(text));
    }
    laid_out::rows(text).map(|rows| vec![rows])
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
    let Ok(mut text) = open(part, ask).map_err(unread)? else { return Ok(false) };
    text.fill(delimited::OPENING).map_err(unread)?;
    if text.as_str().trim_start().starts_with('<') {
        return Ok(false);
    }
    delimited::read_in_parts(&part.name, &mut text, ask, forms, most, take)
}

/// Begins to decode a part: where it cannot be read, and where it is no text.
fn open<'a>(part: &'a Part, ask: &'a Ask) -> std::io::Result<std::result::Result<text::Text<'a>, String>> {
    match part.content.in_memory() {
        Some(bytes) => Ok(text::Text::of(bytes, ask.keep)),
        None => Ok(text::Text::open(part.content.reader()?, ask.keep)),
    }
}

/// How many bytes a part takes about when it is read: Parquet much more than it has.
pub fn bytes_read(part: &Part) -> u64 {
    let is_parquet = part.content.opening(4).is_ok_and(|opening| &*opening == b"PAR1");
    let read = || parquet::bytes_read(&part.content.whole().ok()?);
    is_parquet.then(read).flatten().unwrap_or_else(|| part.content.length())
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

#[cfg(test)]
mod tests;
