//! A table as rows of texts: what every reader gives, whatever the file was.

use polars::prelude::*;

use super::header::fold;
use super::profile::ColumnForm;
use crate::error::{Error, count};

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

/// Of a table with more damaged rows than this, at least half must be good.
pub(super) const DAMAGED_ROWS: usize = 1000;

/// The error for a table of which most rows are none.
pub(super) fn implausible(name: &str, damaged: usize, good: usize) -> Error {
    Error::partial(format!("cannot read \"{name}\": most of its rows have not the columns of its header"))
        .because(format!("{damaged} of {}", count(damaged.saturating_add(good), "row", "rows")))
        .hint("export the file again: a quote is not closed, the delimiter changes, or it is no table")
}
