//! Parquet → columns of texts: whole, or row group by row group where there are many rows.

use std::panic::{AssertUnwindSafe, catch_unwind};

use polars::prelude::*;

use super::header::{Ask, Nearest, clean_label, fold, no_header, pick_header};
use super::profile::{ColumnForm, Tally};
use super::sheet::{Form, Sheet};
use crate::error::{Error, Result};

fn broken(name: &str, cause: impl std::fmt::Display) -> Error {
    Error::partial(format!("cannot read \"{name}\": damaged Parquet data"))
        .because(cause)
        .hint("copy or export the file again")
}

/// Reads the one table that there is.
pub(super) fn read(name: &str, bytes: &[u8], ask: &Ask) -> Result<Sheet> {
    let frame = ParquetReader::new(std::io::Cursor::new(bytes)).finish().map_err(|e| broken(name, e))?;
    let header = header_of(&frame);
    let forms: Vec<ColumnForm> = frame
        .columns()
        .iter()
        .map(|column| text(column).map_or(ColumnForm::Text, |cells| ColumnForm::of_column(&cells)))
        .collect();
    check(name, &header, &forms, ask)?;
    let wanted = ask.wanted(&header, &[], &forms);
    Ok(sheet(&frame, header, forms, &wanted, 0))
}

/// Reads it row group by row group, as [`super::read_in_parts`] says.
pub(super) fn read_in_parts(
    name: &str,
    bytes: &[u8],
    ask: &Ask,
    forms: Option<&[ColumnForm]>,
    most: usize,
    take: &mut dyn FnMut(Sheet) -> Result<bool>,
) -> Result<bool> {
    // The reader is not ours: one that breaks on a damaged file must not take the night with it.
    let guarded = |read: &dyn Fn() -> PolarsResult<DataFrame>| -> Result<DataFrame> {
        let read = catch_unwind(AssertUnwindSafe(read)).map_err(|_| broken(name, "its reader does not stand it"))?;
        read.map_err(|e| broken(name, e))
    };
    let groups = catch_unwind(AssertUnwindSafe(|| groups_of(bytes))).ok().flatten();
    let groups = groups.ok_or_else(|| broken(name, "its last bytes, which say what stands where, cannot be read"))?;
    let mut tallies: Vec<Tally> = Vec::new();
    let mut wanted: Option<Vec<bool>> = None;
    let mut first = 0;
    for rows in groups {
        let reader = || ParquetReader::new(std::io::Cursor::new(bytes)).with_slice(Some((first, rows)));
        let frame = guarded(&|| reader().finish())?;
        let header = header_of(&frame);
        let mut own: Vec<ColumnForm> = Vec::new();
        if forms.is_none() {
            tallies.resize_with(header.len(), Tally::default);
            for (tally, column) in tallies.iter_mut().zip(frame.columns()) {
                match text(column) {
                    Some(cells) => cells.iter().flatten().for_each(|cell| tally.take(cell)),
                    None => (0..column.len()).for_each(|_| tally.pass(true)),
                }
            }
            own = tallies.iter().map(Tally::form).collect();
        }
        let forms = forms.unwrap_or(&own);
        if wanted.is_none() && check(name, &header, forms, ask).is_err() {
            return Ok(false);
        }
        let wanted = wanted.get_or_insert_with(|| ask.wanted(&header, &[], forms));
        for start in (0..frame.height()).step_by(most.max(1)) {
            let some = frame.slice(i64::try_from(start).unwrap_or(i64::MAX), most);
            if !take(sheet(&some, header.clone(), forms.to_vec(), wanted, first + start))? {
                return Ok(false);
            }
        }
        first += rows;
    }
    Ok(first > 0)
}

/// How many bytes its cells take about as texts; none where that cannot be told.
pub(super) fn bytes_read(bytes: &[u8]) -> Option<u64> {
    /// What a cell takes beside its text.
    const CELL: u64 = 16;
    let told = || {
        let mut reader = ParquetReader::new(std::io::Cursor::new(bytes));
        let columns = reader.schema().ok()?.len() as u64;
        let groups = &reader.get_metadata().ok()?.row_groups;
        let of = |group: u64, rows: u64| group.saturating_add(rows.saturating_mul(columns).saturating_mul(CELL));
        Some(groups.iter().map(|group| of(group.total_byte_size() as u64, group.num_rows() as u64)).sum())
    };
    catch_unwind(AssertUnwindSafe(told)).ok().flatten()
}

/// The numbers of rows of its groups.
fn groups_of(bytes: &[u8]) -> Option<Vec<usize>> {
    let mut reader = ParquetReader::new(std::io::Cursor::new(bytes));
    Some(reader.get_metadata().ok()?.row_groups.iter().map(|group| group.num_rows()).filter(|n| *n > 0).collect())
}

fn header_of(frame: &DataFrame) -> Vec<String> {
    frame.get_column_names().iter().map(|name| clean_label(name)).collect()
}

/// A column as texts. Lists and structs (tags) do not become text; what is asked for is scalar.
fn text(column: &Column) -> Option<StringChunked> {
    column.as_materialized_series().cast(&DataType::String).ok()?.str().ok().cloned()
}

/// Whether the header is one that is looked for.
fn check(name: &str, header: &[String], forms: &[ColumnForm], ask: &Ask) -> Result<()> {
    let known = (ask.score)(&header.iter().map(|label| fold(label)).collect::<Vec<_>>());
    if pick_header(&[header.to_vec()], ask).is_none() && known + ask.known_by_form(forms) < ask.needed {
        return Err(no_header(name, &Nearest { width: header.len(), labels: header.to_vec() }));
    }
    Ok(())
}

/// Rows as a table; `before` stand above them.
fn sheet(frame: &DataFrame, header: Vec<String>, forms: Vec<ColumnForm>, wanted: &[bool], before: usize) -> Sheet {
    let columns = frame.columns().iter().zip(wanted).map(|(c, wanted)| wanted.then(|| text(c)).flatten()).collect();
    let row = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Sheet {
        name: None,
        form: Form { container: "parquet".into(), ..Form::default() },
        preamble: Vec::new(),
        names: vec![None; header.len()],
        entity: None,
        forms,
        header,
        header_row: 0,
        columns,
        rows: (before + 1..=before + frame.height()).map(row).collect(),
        trailer: Vec::new(),
        ragged: Vec::new(),
        padded: 0,
        ends_inside: false,
    }
}
