//! Tables as strangers write them: bytes of any CSV, workbook, archive or Parquet file → header and columns of text.
//!
//! Made from bytes alone and by evidence: the container by its first bytes, the charset by byte order mark or strict
//! UTF-8, the header by the names that the caller looks for, the delimiter on the header row. What the columns mean is
//! left to the callers (`crm`, `cost`, witnesses); times and amounts are read by [`times`] and [`numbers`].
//! Sources of the rules: RFC 4180, Unicode, the measured exports of the fact sheet on export formats.

use std::io::Read as _;

use polars::prelude::*;
use unicode_normalization::UnicodeNormalization as _;

use crate::error::{Error, Result};

pub use told::{Doubt, ReadFile, set_aside};

mod delimited;
pub mod numbers;
mod text;
pub mod times;
mod told;
mod workbook;

/// One export as found: a file, or a blob.
#[derive(Clone, Debug)]
pub struct Export {
    /// Path relative to the configuration file, or blob name, with `/`.
    pub name: String,
    /// When it was last written.
    pub modified: chrono::DateTime<chrono::Utc>,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// A file inside an export: the export itself, or a member of an archive, decompressed.
#[derive(Debug)]
pub struct Part {
    /// Name of the export, and `!member` for a member of an archive.
    pub name: String,
    /// Decompressed content.
    pub bytes: Vec<u8>,
}

/// What a caller looks for in a file.
pub struct Ask<'a> {
    /// How many of these labels (see [`fold`]) the caller knows.
    pub score: &'a dyn Fn(&[String]) -> usize,
    /// How many must be known for a row to be the header (one is enough where the row has one cell).
    pub needed: usize,
    /// Which columns to read, by label; the others are skipped, which is much quicker.
    pub keep: &'a dyn Fn(&str) -> bool,
    /// The header of a file that has none.
    pub header: Option<Known>,
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
    /// `comma`, `semicolon`, `tab`, `pipe`, `caret`, `backquote`; empty where there is none.
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
    let inner = label.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}' | '\0'));
    inner.replace('\u{a0}', " ")
}

/// Largest decompressed file: a guard against archives that blow up.
const MAX_BYTES: u64 = 8 << 30;

/// Decompresses gzip, zstd and zip, by content. A workbook, which is a zip too, stays whole.
///
/// # Errors
/// A damaged or protected archive, or one that unpacks to more than 8 GiB.
pub fn unpack(name: &str, bytes: Vec<u8>) -> Result<Vec<Part>> {
    let damaged = |kind: &str, cause: String| {
        Error::partial(format!("cannot unpack \"{name}\": damaged {kind} data"))
            .because(cause)
            .hint("copy or export the file again; it may have been read while it was being written")
    };
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let inner = bounded(flate2::read::MultiGzDecoder::new(bytes.as_slice())).map_err(|e| damaged("gzip", e))?;
        return unpack(name, inner);
    }
    if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let decoder = zstd::stream::read::Decoder::new(bytes.as_slice()).map_err(|e| damaged("zstd", e.to_string()))?;
        return unpack(name, bounded(decoder).map_err(|e| damaged("zstd", e))?);
    }
    if !bytes.starts_with(b"PK\x03\x04") {
        return Ok(vec![Part { name: name.to_owned(), bytes }]);
    }
    let mut archive =
        ::zip::ZipArchive::new(std::io::Cursor::new(bytes.as_slice())).map_err(|e| damaged("zip", e.to_string()))?;
    let members: Vec<String> = archive.file_names().flatten().map(std::borrow::Cow::into_owned).collect();
    if members.iter().any(|m| m.starts_with("xl/") || m == "[Content_Types].xml" || m == "content.xml") {
        return Ok(vec![Part { name: name.to_owned(), bytes }]);
    }
    let mut parts = Vec::new();
    for index in 0..archive.len() {
        let file = archive.by_index(index).map_err(|e| damaged("zip", e.to_string()))?;
        let member = file.name().map_err(|e| damaged("zip", e.to_string()))?.into_owned();
        let last = member.rsplit('/').next().unwrap_or_default();
        if file.is_dir() || last.starts_with('.') || member.starts_with("__MACOSX/") {
            continue;
        }
        let inner = bounded(file).map_err(|e| damaged("zip", e))?;
        parts.extend(unpack(&format!("{name}!{member}"), inner)?);
    }
    parts.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(parts)
}

fn bounded(reader: impl std::io::Read) -> std::result::Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    reader.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err("it unpacks to more than 8 GiB".to_owned());
    }
    Ok(bytes)
}

/// Reads every table of a part that has the header asked for. An empty part gives none.
///
/// # Errors
/// A file that is no table, or in which no header is found: says which row came nearest.
pub fn read(part: &Part, ask: &Ask) -> Result<Vec<Sheet>> {
    let bytes = part.bytes.as_slice();
    let not_a_table = |what: &str| {
        Error::partial(format!("cannot read \"{}\": it is {what}", part.name))
            .hint("export it as CSV (UTF-8) or as an .xlsx workbook")
    };
    if bytes.starts_with(b"PAR1") {
        return parquet(part, ask).map(|sheet| vec![sheet]);
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        return workbook::read(part, ask);
    }
    if bytes.starts_with(b"%PDF") {
        return Err(not_a_table("a PDF document"));
    }
    let decoded = text::decode(bytes).map_err(|e| not_a_table("neither text nor a workbook").because(e))?;
    let start = decoded.text.trim_start();
    let opening = start.get(..start.len().min(256)).map(str::to_ascii_lowercase).unwrap_or_default();
    if ["<!doctype html", "<html", "<table", "<?xml"].iter().any(|tag| opening.starts_with(tag)) {
        return Err(not_a_table("a web page or XML under another name"));
    }
    if start.is_empty() {
        return Ok(Vec::new());
    }
    delimited::read(&part.name, &decoded, ask).map(|sheet| vec![sheet])
}

/// The text of a file in whatever encoding; none where it is no text.
pub fn text_of(bytes: &[u8]) -> Option<String> {
    text::decode(bytes).ok().map(|decoded| decoded.text.into_owned())
}

/// The error for a file without the header asked for; what to do about it, the caller knows.
fn no_header(name: &str, nearest: &[String]) -> Error {
    let shown: Vec<String> = nearest.iter().take(12).map(|label| clip(label)).collect();
    Error::partial(format!(
        "cannot read \"{name}\": no row of its first {HEADER_WITHIN} has the column names looked for"
    ))
    .because(if shown.is_empty() {
        "no row found".to_owned()
    } else {
        format!("nearest row: {}", shown.join(", "))
    })
}

/// A label short enough for a message; anything that could be a contact is not shown.
fn clip(label: &str) -> String {
    if label.contains('@') || label.chars().filter(char::is_ascii_digit).count() > 5 {
        return "…".to_owned();
    }
    label.chars().take(40).collect()
}

/// How many rows are searched for the header.
const HEADER_WITHIN: usize = 50;

/// Picks the header among candidate rows: the first with the highest score, if it is enough.
fn pick_header(rows: &[Vec<String>], ask: &Ask) -> std::result::Result<(usize, usize), Vec<String>> {
    let mut best: Option<(usize, usize)> = None;
    for (index, row) in rows.iter().take(HEADER_WITHIN).enumerate() {
        let labels: Vec<String> = row.iter().map(|cell| fold(cell)).collect();
        let score = (ask.score)(&labels);
        let cells = row.iter().filter(|cell| !cell.trim().is_empty()).count();
        if score >= ask.needed.min(cells.max(1)) && score > 0 && best.is_none_or(|(_, s)| score > s) {
            best = Some((index, score));
        }
    }
    best.ok_or_else(|| rows.iter().take(HEADER_WITHIN).max_by_key(|row| row.len()).cloned().unwrap_or_default())
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

/// Whether a cell is the word for total, alone or with what it totals: `Total: Account`, `Grand Totals (12 records)`.
pub fn is_total(cell: &str) -> bool {
    const WORDS: &[&str] = &[
        "grand total", "grand totals", "total", "totals", "subtotal", "gesamt", "gesamtsumme", "gesamtergebnis",
        "summe", "total général", "totale", "totalt", "suma total", "total geral", "итого", "合计", "合計", "总计",
        "總計", "総計", "overall total",
    ];
    let lower = cell.trim().trim_start_matches('"').to_lowercase();
    WORDS.iter().any(|word| {
        lower.strip_prefix(word).is_some_and(|rest| {
            let rest = rest.trim_start();
            rest.is_empty() || rest.starts_with([':', '：', '(', '-', '–'])
        })
    })
}

fn parquet(part: &Part, ask: &Ask) -> Result<Sheet> {
    let broken = |e: PolarsError| {
        Error::partial(format!("cannot read \"{}\": damaged Parquet data", part.name))
            .because(e)
            .hint("copy or export the file again")
    };
    let frame = ParquetReader::new(std::io::Cursor::new(part.bytes.as_slice())).finish().map_err(broken)?;
    let header: Vec<String> = frame.get_column_names().iter().map(|name| clean_label(name)).collect();
    pick_header(std::slice::from_ref(&header), ask).map_err(|nearest| no_header(&part.name, &nearest))?;
    let mut columns = Vec::with_capacity(header.len());
    for (column, label) in frame.columns().iter().zip(&header) {
        if !(ask.keep)(label) {
            columns.push(None);
            continue;
        }
        // Lists and structs (tags) do not become text; what is asked for is scalar.
        let text = column.as_materialized_series().cast(&DataType::String).ok();
        columns.push(text.and_then(|s| s.str().ok().cloned()));
    }
    let rows = (1..=u32::try_from(frame.height()).unwrap_or(u32::MAX)).collect();
    Ok(Sheet {
        name: None,
        form: Form { container: "parquet".into(), ..Form::default() },
        preamble: Vec::new(),
        header,
        header_row: 0,
        columns,
        rows,
        trailer: Vec::new(),
        ragged: Vec::new(),
        padded: 0,
    })
}

#[cfg(test)]
mod tests;
