//! Workbooks (.xlsx, .xls, .ods; web pages and XML that pass for one) → columns of text, cell by cell as a person would read them.
//!
//! Excel keeps instants as days since 1899-12-30 (or 1904-01-01), phones as floating-point numbers and nothing about
//! time zones. Instants become ISO text without a zone, whole numbers lose `.0` and exponents. Hidden columns are read
//! like the others: Dynamics 365 keeps the record's id in one.

use std::collections::BTreeMap;

use calamine::{Data, Reader as _, Sheets, open_workbook_auto_from_rs};
use polars::prelude::*;

use super::closing::{is_total, is_trailer_text};
use super::header::{Ask, HEADER_WITHIN, Nearest, clean_label, find_header, fold, forms_of, no_header};
use super::profile::Tally;
use super::sheet::{DAMAGED_ROWS, Form, Refused, Sheet, implausible};
use super::{groups, markup, text as texts};
use crate::error::{Error, Result};

/// More filled cells are no export.
const MOST_CELLS: usize = 100_000_000;

/// The filled cells of a worksheet, row by row: a cell far away costs itself, not the rectangle up to it.
#[derive(Debug, Default)]
struct Grid {
    /// Row from 0, and its filled cells by column from 0.
    rows: Vec<(u32, Vec<(u32, String)>)>,
}

impl Grid {
    fn read(
        workbook: &mut Sheets<std::io::Cursor<&[u8]>>,
        name: &str,
        text: fn(&Data) -> Option<String>,
    ) -> std::result::Result<Grid, String> {
        let mut rows: BTreeMap<u32, Vec<(u32, String)>> = BTreeMap::new();
        let mut cells = 0usize;
        let mut add = |(row, column): (u32, u32), cell: &Data| -> std::result::Result<(), String> {
            if let Some(text) = text(cell) {
                cells += 1;
                if cells > MOST_CELLS {
                    return Err("it has more cells than any export".to_owned());
                }
                rows.entry(row).or_default().push((column, text));
            }
            Ok(())
        };
        match workbook {
            Sheets::Xlsx(book) => {
                let mut reader = book.worksheet_cells_reader(name).map_err(|e| e.to_string())?;
                while let Some(cell) = reader.next_cell().map_err(|e| e.to_string())? {
                    let at = cell.get_position();
                    add(at, &Data::from(cell.get_value().clone()))?;
                }
            }
            Sheets::Xlsb(book) => {
                let mut reader = book.worksheet_cells_reader(name).map_err(|e| e.to_string())?;
                while let Some(cell) = reader.next_cell().map_err(|e| e.to_string())? {
                    let at = cell.get_position();
                    add(at, &Data::from(cell.get_value().clone()))?;
                }
            }
            // These keep to 65,536 rows of 256 columns, or bound themselves.
            Sheets::Xls(_) | Sheets::Ods(_) => {
                let range = workbook.worksheet_range(name).map_err(|e| e.to_string())?;
                let (first_row, first_column) = range.start().unwrap_or_default();
                for (row, column, cell) in range.used_cells() {
                    let place = |first: u32, n: usize| first.saturating_add(u32::try_from(n).unwrap_or(u32::MAX));
                    add((place(first_row, row), place(first_column, column)), cell)?;
                }
            }
        }
        Ok(Grid { rows: rows.into_iter().collect() })
    }

    /// The first rows as they lie, for the search of the header.
    fn opening(&self) -> Vec<Vec<String>> {
        let widest = 16_384;
        let rows = self.rows.iter().take(HEADER_WITHIN + 200);
        rows.map(|(_, cells)| {
            let width = cells.iter().map(|(column, _)| *column as usize + 1).max().unwrap_or(0).min(widest);
            let mut row = vec![String::new(); width];
            for (column, text) in cells {
                if let Some(cell) = row.get_mut(*column as usize) {
                    cell.clone_from(text);
                }
            }
            row
        })
        .collect()
    }

    /// How many cells its fullest row has.
    fn width(&self) -> usize {
        self.rows.iter().map(|(_, cells)| cells.len()).max().unwrap_or(0)
    }

    /// Text of the first cell.
    fn corner(&self) -> Option<&str> {
        match self.rows.first()? {
            (0, cells) => cells.iter().find(|(column, _)| *column == 0).map(|(_, text)| text.as_str()),
            _ => None,
        }
    }
}

/// What one vendor's workbooks say of themselves in a hidden sheet: `lead:checksum:leadid=Label&emailaddress1=Label`.
struct Said {
    entity: String,
    /// Label, decoded, and technical name, in the order of the columns.
    names: Vec<(String, String)>,
}

impl Said {
    fn of(text: &str) -> Option<Said> {
        let (entity, rest) = text.split_once(':')?;
        let (_, pairs) = rest.split_once(':')?;
        let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !is_name(entity) {
            return None;
        }
        let names: Vec<(String, String)> = pairs
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .filter(|(name, _)| is_name(name))
            .map(|(name, label)| (percent_decoded(label), name.to_owned()))
            .collect();
        (names.len() > 1).then(|| Said { entity: entity.to_lowercase(), names })
    }

    /// The technical name of each label of a header; of a label that stands twice, in the order in which they are said.
    fn names_of(&self, header: &[String]) -> Vec<Option<String>> {
        let mut used = vec![false; self.names.len()];
        header
            .iter()
            .map(|label| {
                let wanted = fold(label);
                let free = |(n, (said, _)): &(usize, &(String, String))| {
                    !used.get(*n).copied().unwrap_or(true) && fold(said) == wanted
                };
                let (n, (_, name)) = self.names.iter().enumerate().find(free).filter(|_| !wanted.is_empty())?;
                if let Some(used) = used.get_mut(n) {
                    *used = true;
                }
                Some(name.clone())
            })
            .collect()
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail
            .get(..2)
            .and_then(|two| std::str::from_utf8(two).ok())
            .and_then(|two| u8::from_str_radix(two, 16).ok());
        match (first, hex) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads every worksheet that has the header asked for.
pub(super) fn read(file: &str, bytes: &[u8], ask: &Ask) -> Result<Vec<Sheet>> {
    let grids = grids(file, bytes, text)?;
    sheets_of(file, &grids, ask)
}

/// The filled cells of every worksheet, by its name.
fn grids(file: &str, bytes: &[u8], text: fn(&Data) -> Option<String>) -> Result<Vec<(String, Grid)>> {
    let broken = |cause: String| {
        Error::partial(format!("cannot read \"{file}\": damaged or protected workbook"))
            .because(cause)
            .hint("save it again without a password, or export it as CSV (UTF-8)")
    };
    let mut workbook = open_workbook_auto_from_rs(std::io::Cursor::new(bytes)).map_err(|e| broken(e.to_string()))?;
    let names = workbook.sheet_names();
    names.into_iter().map(|name| Ok((name.clone(), Grid::read(&mut workbook, &name, text).map_err(broken)?))).collect()
}

/// The rows of every worksheet as they lie, blank ones left out, each up to its last filled cell; nothing is asked of what
/// they mean. A number of more digits than a spreadsheet keeps is written as such, for what it was is not known.
pub(super) fn worksheets(file: &str, bytes: &[u8]) -> Result<Vec<Vec<Vec<String>>>> {
    let grids = grids(file, bytes, text_or_cut_number)?;
    let most: usize = grids.iter().flat_map(|(_, grid)| &grid.rows).map(|(_, cells)| width_of(cells)).sum();
    if most > MOST_CELLS {
        return Err(Error::partial(format!("cannot read \"{file}\": it has more cells than any export"))
            .hint("take out what stands far beside the table"));
    }
    Ok(grids.into_iter().map(|(_, grid)| dense(grid.rows)).collect())
}

/// The same of a web page or Excel's XML.
pub(super) fn tables(text: &str) -> Vec<Vec<Vec<String>>> {
    let tables = markup::tables(text);
    let most: usize = tables.iter().flat_map(|table| &table.rows).map(|(_, cells)| width_of(cells)).sum();
    if most > MOST_CELLS { Vec::new() } else { tables.into_iter().map(|table| dense(table.rows)).collect() }
}

fn width_of(cells: &[(u32, String)]) -> usize {
    cells.iter().map(|(column, _)| *column as usize + 1).max().unwrap_or(0)
}

fn dense(rows: Vec<(u32, Vec<(u32, String)>)>) -> Vec<Vec<String>> {
    let row = |(_, cells): (u32, Vec<(u32, String)>)| {
        let mut row = vec![String::new(); width_of(&cells)];
        for (column, text) in cells {
            if let Some(cell) = row.get_mut(column as usize) {
                *cell = text;
            }
        }
        row
    };
    rows.into_iter().map(row).filter(|row: &Vec<String>| !row.is_empty()).collect()
}

/// Reads every table of a web page, or worksheet of Excel's XML, that has the header asked for; none where there is none
/// that could be one.
pub(super) fn read_markup(file: &str, bytes: &[u8], ask: &Ask) -> Result<Vec<Sheet>> {
    // What is UTF-8 throughout is that, whatever it says.
    let said = markup::charset(bytes).filter(|_| std::str::from_utf8(bytes).is_err() && !bytes.contains(&0));
    let text = match said.filter(|said| *said != encoding_rs::UTF_8) {
        Some(said) => said.decode_without_bom_handling(bytes).0.into_owned(),
        None => texts::whole(bytes)
            .map_err(|e| Error::partial(format!("cannot read \"{file}\": it is no text")).because(e))?,
    };
    let tables = markup::tables(&text);
    drop(text);
    let ends_inside = tables.last().is_some_and(|table| table.is_open);
    let names = tables.iter().zip(1..).map(|(table, n)| table.name.clone().unwrap_or_else(|| format!("table {n}")));
    let names: Vec<String> = names.collect();
    let grids = names.into_iter().zip(tables.into_iter().map(|table| Grid { rows: table.rows }));
    // A form, a menu or a message is no table.
    let grids: Vec<(String, Grid)> = grids.filter(|(_, grid)| grid.rows.len() > 1 || grid.width() > 2).collect();
    let mut sheets = sheets_of(file, &grids, ask)?;
    if let [only] = sheets.as_mut_slice() {
        only.name = None;
    }
    if let Some(last) = sheets.last_mut() {
        last.ends_inside = ends_inside;
    }
    Ok(sheets)
}

/// The worksheets that have the header asked for.
fn sheets_of(file: &str, grids: &[(String, Grid)], ask: &Ask) -> Result<Vec<Sheet>> {
    let said = grids.iter().find_map(|(_, grid)| Said::of(grid.corner()?));
    let mut sheets = Vec::new();
    let mut nearest = Nearest::default();
    for (name, grid) in grids.iter().filter(|(_, grid)| grid.corner().and_then(Said::of).is_none()) {
        let opening = grid.opening();
        if opening.is_empty() {
            continue;
        }
        let named = said.as_ref().map(|said| named_header(&opening, said)).unwrap_or_default();
        let found = match named {
            Some(index) => Ok((index, 0)),
            None => find_header(&opening, ask),
        };
        match found {
            Ok((index, _)) => {
                let sheet = sheet(name, grid, &opening, index, said.as_ref().filter(|_| named.is_some()), ask);
                let damaged = sheet.ragged.len() + sheet.trailer.len();
                if damaged > DAMAGED_ROWS && damaged > sheet.rows.len() {
                    return Err(implausible(file, damaged, sheet.rows.len()));
                }
                sheets.push(sheet);
            }
            Err(found) if (found.labels.len(), found.width) > (nearest.labels.len(), nearest.width) => nearest = found,
            Err(_) => {}
        }
    }
    if sheets.is_empty() && (nearest.width > 0 || !nearest.labels.is_empty()) {
        return Err(no_header(file, &nearest));
    }
    Ok(sheets)
}

/// The row of which the workbook itself names at least half the cells.
fn named_header(opening: &[Vec<String>], said: &Said) -> Option<usize> {
    opening.iter().take(HEADER_WITHIN).position(|row| {
        let filled = row.iter().filter(|cell| !cell.trim().is_empty()).count();
        let named = said.names_of(row).iter().flatten().count();
        named >= 2 && named * 2 >= filled
    })
}

fn sheet(name: &str, grid: &Grid, opening: &[Vec<String>], index: usize, said: Option<&Said>, ask: &Ask) -> Sheet {
    let labels = opening.get(index).map(Vec::as_slice).unwrap_or_default();
    let first = labels.iter().position(|label| !label.trim().is_empty()).unwrap_or(0);
    let mut header: Vec<String> = labels.iter().skip(first).map(|label| clean_label(label)).collect();
    while header.last().is_some_and(String::is_empty) {
        header.pop();
    }
    let width = header.len();
    let rows_as_read: Vec<Vec<String>> =
        opening.iter().map(|row| row.get(first..).unwrap_or_default().to_vec()).collect();
    let forms = forms_of(&rows_as_read, index, width);
    let names = said.map_or_else(|| vec![None; width], |said| said.names_of(&header));
    let wanted = ask.wanted(&header, &names, &forms);
    let mut columns: Vec<Option<StringChunkedBuilder>> =
        wanted.iter().map(|w| w.then(|| StringChunkedBuilder::new(PlSmallStr::EMPTY, grid.rows.len()))).collect();
    let mut tallies = vec![Tally::default(); width];
    let (mut rows, mut trailer, mut ragged, mut totals) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut closed = false;
    let is_header = |cells: &[(u32, String)]| {
        cells.len() > 1 && cells.iter().all(|(n, text)| labels.get(*n as usize).is_some_and(|label| label == text))
    };
    for (row, cells) in grid.rows.iter().skip(index + 1) {
        let number = row.saturating_add(1);
        let within = |column: u32| (column as usize).checked_sub(first).filter(|n| *n < width);
        let filled = cells.iter().filter(|(column, text)| within(*column).is_some() && !text.trim().is_empty()).count();
        if filled == 0 || is_header(cells) {
            closed &= filled == 0;
            continue;
        }
        let opens =
            cells.iter().map(|(_, text)| text.as_str()).find(|text| !text.trim().is_empty()).unwrap_or_default();
        let closing = width > 1 && filled == 1 && is_trailer_text(opens);
        closed |= closing;
        let refused = |detail: String| Refused { row: number, detail, text: opens.to_owned() };
        if closed || (width > 2 && filled * 2 <= width && is_total(opens)) {
            trailer.push(refused("below the records".into()));
            totals.push(rows.len());
            continue;
        }
        if width > 3 && filled == 1 && cells.iter().any(|(column, _)| within(*column) == Some(0)) {
            ragged.push(refused(format!("1 cell, the header has {width}")));
            continue;
        }
        rows.push(number);
        let mut here = cells.iter().filter_map(|(column, text)| Some((within(*column)?, text))).peekable();
        for (n, (column, tally)) in columns.iter_mut().zip(&mut tallies).enumerate() {
            let cell = here.next_if(|(at, _)| *at == n).map(|(_, text)| text.as_str());
            tally.take(cell.unwrap_or_default());
            if let Some(builder) = column {
                builder.append_option(cell);
            }
        }
    }
    let mut columns: Vec<Option<StringChunked>> =
        columns.into_iter().map(|c| c.map(StringChunkedBuilder::finish)).collect();
    groups::fill_down(&mut columns, &totals, rows.len());
    Sheet {
        name: Some(name.to_owned()),
        form: Form { container: "workbook".into(), ..Form::default() },
        preamble: opening
            .iter()
            .take(index)
            .map(|row| row.join(" ").trim().to_owned())
            .filter(|line| !line.is_empty())
            .collect(),
        header_row: grid.rows.get(index).map_or(0, |(row, _)| row.saturating_add(1)),
        names,
        entity: said.map(|said| said.entity.clone()),
        forms: tallies.iter().map(Tally::form).collect(),
        header,
        columns,
        rows,
        trailer,
        ragged,
        padded: 0,
        ends_inside: false,
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

fn text_or_cut_number(cell: &Data) -> Option<String> {
    match cell {
        Data::Float(value) if value.abs() >= 1e15 => Some(format!("{value:.14E}").replacen('E', "E+", 1)),
        other => text(other),
    }
}

/// A number without exponent; a phone that Excel took for a number gets its digits back.
fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 { format!("{value:.0}") } else { value.to_string() }
}
