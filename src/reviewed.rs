//! Reviewed files: what people write, or save from a spreadsheet program, is read as leniently as an export.
//!
//! Any encoding, delimiter, `sep=` line, workbook or Parquet file that `tabular` reads will do, with columns of any order and
//! case beside more of one's own. A line that begins with `#` is a note. A line that cannot be used costs itself.

mod memory;

use crate::error::{Error, Result};
use crate::tabular::{self, Ask};

pub use memory::{File, Memory, Said};

/// The columns of a reviewed file: under each field's name its labels, in the form of [`tabular::fold`].
pub type Fields = [(&'static str, &'static [&'static str])];

/// One line: where it stands, and the cell of each field, without blanks around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Line of the file, or row of the worksheet; 1 is the first.
    pub number: u32,
    cells: Vec<Option<String>>,
}

impl Line {
    /// The cell of the field at this place of the fields; none where it is blank.
    pub fn cell(&self, field: usize) -> Option<&str> {
        self.cells.get(field)?.as_deref()
    }
}

/// The lines of a file, and a sentence for each that is none, without anything that stands in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// In their order.
    pub lines: Vec<Line>,
    /// `line 7: …`
    pub problems: Vec<String>,
}

/// Reads a file. One that holds nothing has no lines. `required`: the fields that it must have, by their place.
///
/// # Errors
/// A file that is no table, or has not these columns (exit 3): says which columns are needed.
pub fn read(name: &str, bytes: Vec<u8>, fields: &Fields, required: &[usize]) -> Result<Lines> {
    let hint = || {
        let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        format!("its columns are {}; save it as CSV (UTF-8) or as an .xlsx workbook", names.join(", "))
    };
    let mut found = Lines::default();
    for part in tabular::unpack(name, bytes.into()).map_err(|problem| problem.or_hint(hint()))? {
        let blank = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, 0xef | 0xbb | 0xbf | 0xff | 0xfe | 0);
        if part.content.whole().is_ok_and(|bytes| bytes.iter().all(blank)) {
            continue;
        }
        let known = |labels: &[String]| {
            let has = |names: &[&str]| labels.iter().any(|label| names.contains(&label.as_str()));
            fields.iter().filter(|(_, names)| has(names)).count()
        };
        let ask = Ask { score: &known, needed: 2, keep: &|_| true, by_form: false, header: None };
        let sheets = tabular::read(&part, &ask).map_err(|problem| problem.or_hint(hint()))?;
        for sheet in &sheets {
            let columns: Vec<_> =
                fields.iter().map(|(_, names)| sheet.position(names).and_then(|at| sheet.column(at))).collect();
            let missing = required.iter().filter(|field| columns.get(**field).is_none_or(Option::is_none));
            let missing: Vec<&str> = missing.filter_map(|field| Some(fields.get(*field)?.0)).collect();
            if !missing.is_empty() {
                return Err(
                    Error::partial(format!("cannot read \"{name}\": no column {}", missing.join(", "))).hint(hint())
                );
            }
            for (n, number) in sheet.rows.iter().enumerate() {
                let first = sheet.columns.iter().flatten().find_map(|column| column.get(n));
                if first.is_some_and(|text| text.trim_start().starts_with('#')) {
                    continue;
                }
                let cell = |text: &str| {
                    // An apostrophe at the front is how a spreadsheet program marks text.
                    let text = text.trim().trim_start_matches('\'').trim();
                    (!text.is_empty()).then(|| text.to_owned())
                };
                let cells = columns.iter().map(|column| column.and_then(|c| c.get(n)).and_then(cell)).collect();
                found.lines.push(Line { number: *number, cells });
            }
            let refused = sheet.ragged.iter().chain(&sheet.trailer);
            let refused = refused.filter(|row| !row.text.trim_start_matches(['"', ' ']).starts_with('#'));
            found.problems.extend(refused.map(|row| format!("line {}: it has not the columns of the header", row.row)));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &Fields = &[("lead_id", &["leadid", "lead"]), ("outcome", &["outcome"])];

    fn cells(bytes: &[u8]) -> Vec<(u32, Option<String>, Option<String>)> {
        let lines = read("w.csv", bytes.to_vec(), FIELDS, &[0, 1]).unwrap();
        assert_eq!(lines.problems, Vec::<String>::new());
        let cell = |line: &Line, at| line.cell(at).map(str::to_owned);
        lines.lines.iter().map(|line| (line.number, cell(line, 0), cell(line, 1))).collect()
    }

    #[test]
    fn a_file_is_read_however_a_spreadsheet_program_saves_it() {
        let text = "Name;Outcome;Lead ID\r\nMüller;called;'00aa\r\n# a note\r\nGroß;;11bb\r\n";
        let expected = [(2, Some("00aa".to_owned()), Some("called".to_owned())), (4, Some("11bb".to_owned()), None)];
        let utf16: Vec<u8> = "\u{feff}"
            .encode_utf16()
            .chain(text.replace(';', "\t").encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        let windows = encoding_rs::WINDOWS_1252.encode(text).0.into_owned();
        for bytes in [text.as_bytes().to_vec(), utf16, windows, text.replace(';', ",").into_bytes()] {
            assert_eq!(cells(&bytes), expected);
        }
        let below = cells(format!("\u{feff}sep=;\r\n{text}").as_bytes());
        assert_eq!(below, expected.map(|(line, lead, outcome)| (line + 1, lead, outcome)));
    }

    #[test]
    fn a_file_without_content_has_no_lines_and_a_foreign_one_says_what_is_needed() {
        assert_eq!(cells(b""), []);
        assert_eq!(cells(b"\xef\xbb\xbf\r\n"), []);
        assert_eq!(cells(b"lead_id,outcome\n"), []);
        let error = read("w.csv", b"a,b\n1,2\n".to_vec(), FIELDS, &[0, 1]).unwrap_err();
        assert_eq!(error.status(), crate::error::Status::Partial);
        assert!(error.advice().unwrap().contains("lead_id, outcome"), "{error}");
        assert!(!error.to_string().contains("columns ="), "{error}");
    }

    #[test]
    fn a_line_of_another_shape_costs_itself() {
        let lines =
            read("w.csv", b"lead_id,outcome,note\nl1,called,\nl2,a,b,c,d,e\nl3,junk,x\n".to_vec(), FIELDS, &[0, 1])
                .unwrap();
        assert_eq!(lines.lines.len(), 2);
        assert_eq!(lines.problems, ["line 3: it has not the columns of the header"]);
    }
}
