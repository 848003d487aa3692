//! Workbooks (.xlsx, .xls, .ods) → columns of text, cell by cell as a person would read them.
//!
//! Excel keeps instants as days since 1899-12-30 (or 1904-01-01), phones as floating-point numbers and nothing about
//! time zones. Instants become ISO text without a zone, whole numbers lose `.0` and exponents. Hidden columns are read
//! like the others: Dynamics 365 keeps the record's id in one.

use calamine::{Data, Reader as _, open_workbook_auto_from_rs};
use polars::prelude::*;

use super::{
    Ask, Form, HEADER_WITHIN, Part, Refused, Sheet, clean_label, is_total, is_trailer_text, no_header, pick_header,
};
use crate::error::{Error, Result};

/// Reads every worksheet that has the header asked for.
pub(super) fn read(part: &Part, ask: &Ask) -> Result<Vec<Sheet>> {
    let broken = |cause: String| {
        Error::partial(format!("cannot read \"{}\": damaged or protected workbook", part.name))
            .because(cause)
            .hint("save it again without a password, or export it as CSV (UTF-8)")
    };
    let mut workbook =
        open_workbook_auto_from_rs(std::io::Cursor::new(part.bytes.as_slice())).map_err(|e| broken(e.to_string()))?;
    let mut sheets = Vec::new();
    let mut nearest: Vec<String> = Vec::new();
    for name in workbook.sheet_names() {
        let range = workbook.worksheet_range(&name).map_err(|e| broken(e.to_string()))?;
        let first_row = range.start().map_or(0, |(row, _)| row);
        let opening: Vec<Vec<String>> = range
            .rows()
            .take(HEADER_WITHIN)
            .map(|row| row.iter().map(|cell| text(cell).unwrap_or_default()).collect())
            .collect();
        if opening.is_empty() {
            continue;
        }
        match pick_header(&opening, ask) {
            Ok((index, _)) => sheets.push(sheet(&name, &range, &opening, index, first_row, ask)),
            Err(row) if row.len() > nearest.len() => nearest = row,
            Err(_) => {}
        }
    }
    if sheets.is_empty() && !nearest.is_empty() {
        return Err(no_header(&part.name, &nearest));
    }
    Ok(sheets)
}

fn sheet(
    name: &str,
    range: &calamine::Range<Data>,
    opening: &[Vec<String>],
    index: usize,
    first_row: u32,
    ask: &Ask,
) -> Sheet {
    let mut header: Vec<String> =
        opening.get(index).map(|row| row.iter().map(|label| clean_label(label)).collect()).unwrap_or_default();
    while header.last().is_some_and(String::is_empty) {
        header.pop();
    }
    let width = header.len();
    let wanted: Vec<bool> = header.iter().map(|h| (ask.keep)(h)).collect();
    let mut columns: Vec<Option<StringChunkedBuilder>> =
        wanted.iter().map(|w| w.then(|| StringChunkedBuilder::new(PlSmallStr::EMPTY, range.height()))).collect();
    let row_number = |n: usize| first_row.saturating_add(u32::try_from(n).unwrap_or(u32::MAX)).saturating_add(1);
    let (mut rows, mut trailer, mut ragged) = (Vec::new(), Vec::new(), Vec::new());
    let mut closed = false;
    for (n, row) in range.rows().enumerate().skip(index + 1) {
        let filled = row.iter().take(width).filter(|cell| !is_blank(cell)).count();
        if filled == 0 {
            continue;
        }
        let first = row.iter().find_map(text).unwrap_or_default();
        let closing = width > 1 && filled == 1 && is_trailer_text(&first);
        closed |= closing;
        if closed || (width > 2 && filled * 2 <= width && is_total(&first)) {
            trailer.push(Refused { row: row_number(n), detail: "below the records".into(), text: first });
            continue;
        }
        if width > 3 && filled == 1 && row.first().is_some_and(|cell| !is_blank(cell)) {
            let detail = format!("1 cell, the header has {width}");
            ragged.push(Refused { row: row_number(n), detail, text: first });
            continue;
        }
        rows.push(row_number(n));
        for (column, cell) in columns.iter_mut().zip(row.iter().map(Some).chain(std::iter::repeat(None))) {
            if let Some(builder) = column {
                builder.append_option(cell.and_then(text));
            }
        }
    }
    Sheet {
        name: Some(name.to_owned()),
        form: Form { container: "workbook".into(), ..Form::default() },
        preamble: opening
            .iter()
            .take(index)
            .map(|row| row.join(" ").trim().to_owned())
            .filter(|line| !line.is_empty())
            .collect(),
        header,
        header_row: row_number(index),
        columns: columns.into_iter().map(|c| c.map(StringChunkedBuilder::finish)).collect(),
        rows,
        trailer,
        ragged,
        padded: 0,
    }
}

fn is_blank(cell: &Data) -> bool {
    match cell {
        Data::Empty | Data::Error(_) => true,
        Data::String(text) => text.trim().is_empty(),
        _ => false,
    }
}

/// A cell as text; blank and error cells are none.
fn text(cell: &Data) -> Option<String> {
    match cell {
        Data::Empty | Data::Error(_) => None,
        Data::String(text) => Some(text.clone()).filter(|t| !t.is_empty()),
        Data::Bool(value) => Some(value.to_string()),
        Data::Int(value) => Some(value.to_string()),
        Data::Float(value) => Some(number(*value)),
        Data::DateTime(value) if value.is_datetime() => {
            // Excel's doubles are a little off whole seconds.
            let (year, month, day, hour, minute, second, milli) = value.to_ymd_hms_milli();
            let whole = chrono::NaiveDate::from_ymd_opt(i32::from(year), u32::from(month), u32::from(day))
                .and_then(|d| {
                    d.and_hms_milli_opt(u32::from(hour), u32::from(minute), u32::from(second), u32::from(milli))
                })
                .map(|instant| instant + chrono::TimeDelta::milliseconds(500));
            Some(whole.map_or_else(|| number(value.as_f64()), |at| at.format("%Y-%m-%dT%H:%M:%S").to_string()))
        }
        Data::DateTime(value) => Some(number(value.as_f64())),
        Data::DateTimeIso(value) | Data::DurationIso(value) => Some(value.clone()),
    }
}

/// A number without exponent; a phone that Excel took for a number gets its digits back.
fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 { format!("{value:.0}") } else { value.to_string() }
}
