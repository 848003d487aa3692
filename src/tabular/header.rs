//! Which row of a file is its header: the one with the labels that are looked for, or whose values prove it.

use unicode_normalization::UnicodeNormalization as _;

use super::profile::{self, ColumnForm};
use super::wrappers;
use crate::error::Error;

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
    pub(super) fn wanted(&self, header: &[String], names: &[Option<String>], forms: &[ColumnForm]) -> Vec<bool> {
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
    pub(super) fn known_by_form(&self, forms: &[ColumnForm]) -> usize {
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

/// A label in comparable form: NFKC, any case, letters and digits only.
///
/// ```
/// assert_eq!(leadrecon::tabular::fold("\u{a0}E-Mail Address"), leadrecon::tabular::fold("email_address"));
/// ```
pub fn fold(label: &str) -> String {
    label.nfkc().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()).collect()
}

/// A label as shown: trimmed of blanks of every kind, byte order mark and NUL.
pub(super) fn clean_label(label: &str) -> String {
    wrappers::label(label).replace('\u{a0}', " ")
}

/// How many rows are searched for the header.
pub(super) const HEADER_WITHIN: usize = 50;

/// What is known of the header of a file in which the one asked for was not found.
#[derive(Debug, Default)]
pub(super) struct Nearest {
    /// Labels, where the rows below prove that they are some. No other row is ever shown: it may be a person's.
    pub labels: Vec<String>,
    /// How wide most rows are.
    pub width: usize,
}

/// The error for a file without the header asked for; what to do about it, the caller knows.
pub(super) fn no_header(name: &str, nearest: &Nearest) -> Error {
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

/// Picks the header among candidate rows: the one with the highest score, or the first that is mostly known labels and
/// about as wide; what stands above a header that is wider is the table of another, and no title.
pub(super) fn pick_header(rows: &[Vec<String>], ask: &Ask) -> Option<(usize, usize)> {
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
pub(super) fn find_header(rows: &[Vec<String>], ask: &Ask) -> std::result::Result<(usize, usize), Nearest> {
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
pub(super) fn forms_of(rows: &[Vec<String>], header: usize, width: usize) -> Vec<ColumnForm> {
    let below = || rows.iter().skip(header + 1).filter(|row| row.len() > 1 || width == 1);
    (0..width).map(|n| ColumnForm::of(below().filter_map(|row| row.get(n)).map(String::as_str))).collect()
}
