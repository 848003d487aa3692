//! One table of an export → its records in the columns that are landed, and a description of what was read.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use polars::prelude::*;

use super::cells::{Aside, FLAGS, Question, TEXTS, TIMES, both, cells, each};
use super::layouts::{Id, Layout, Mapping, REPEATED, layouts};
use super::{counted, dating, ids, null_ids, values};
use crate::config::{DateOrder, Destination, DestinationKind};
use crate::contact;
use crate::error::{Error, Result};
use crate::tables::lean;
use crate::tabular::readings::names_in;
use crate::tabular::times::Order;
use crate::tabular::{self, ColumnForm, ColumnRead, Doubt, Note, ReadFile, Sheet};

/// One table, read.
pub(super) struct Records {
    pub frame: DataFrame,
    pub file: ReadFile,
    pub aside: Vec<Aside>,
    /// HubSpot: records that were merged into others, `(old, survivor)`.
    pub merged: Vec<(String, String)>,
    /// Order of its numeric dates, and the labels of the columns they stand in.
    pub dates: Option<(DateOrder, Vec<String>)>,
}

impl Records {
    /// The newest time in them that is at most `latest`, both in microseconds since 1970.
    pub fn newest(&self, latest: i64) -> Result<Option<i64>> {
        let mut newest = None;
        for name in ["created_at", "modified_at"] {
            let times = self.frame.column(name)?.datetime()?.physical();
            newest = newest.max(times.iter().flatten().filter(|at| *at <= latest).max());
        }
        Ok(newest)
    }
}

/// What came of reading one table.
pub(super) enum Outcome {
    Read(Box<Records>),
    /// Day and month cannot be told apart, and neither the configuration nor who was asked knows.
    Undecided(Error),
}

/// Reads one table. `written`: when the file was last written; `settle` is asked where its own dates don't decide.
///
/// # Errors
/// Only for faults of our own.
pub(super) fn read(
    sheet: &Sheet,
    name: &str,
    written: DateTime<Utc>,
    layout: &Layout,
    destination: &Destination,
    settle: &dyn Fn(&Question) -> Option<Order>,
) -> Result<Outcome> {
    let height = sheet.height();
    let forms: Vec<ColumnForm> = (0..sheet.header.len()).map(|n| sheet.form(n)).collect();
    let mapping = layout.map(sheet, &forms, destination);
    let mut file = describe(sheet, name, written, &mapping, &forms, destination);
    let mut aside: Vec<Aside> =
        sheet.ragged.iter().map(|r| Aside { row: r.row, reason: "ragged", detail: r.detail.clone() }).collect();
    file.refused.extend(sheet.ragged.iter().flat_map(|row| names_in(&row.text)));
    // Every column is cleaned once, on all cores.
    let wanted: Vec<&str> =
        TEXTS.iter().chain(TIMES).copied().chain(["record_id", "name", "suffix", "merged_from"]).collect();
    let cleaned: BTreeMap<&str, StringChunked> =
        wanted.iter().copied().zip(each(&wanted, height, |field| cells(sheet, &mapping, field, height))).collect();
    let nothing = StringChunked::full_null(PlSmallStr::EMPTY, height);
    let text = |field: &str| cleaned.get(field).unwrap_or(&nothing).clone();

    let object = layout.object(sheet);
    let identify = || ids::identify(sheet, &mapping, layout, destination, &text);
    let (mut found, said) = both(height, identify, || Said::of(sheet, &mapping, &text, height));
    file.object = found.object_of_file(object);
    found.tell(&mut file);
    // No lead's key or lead source stands in an export of opportunities.
    if file.object != "opportunity" && !mapping.missing.is_empty() {
        file.doubts.insert(Doubt::ColumnNowhere);
        let note =
            |missing| Note::from(format!("the configuration names column \"{missing}\", which the file has not"));
        file.notes.splice(0..0, mapping.missing.iter().map(note));
    }
    // Nothing in its header, or none of its ids, belongs to a record of ours.
    let is_foreign = object.is_none() && found.objects.iter().all(Option::is_none) && layout.prefixes.is_empty();
    let has_none = found.ids.iter().all(Option::is_none) && found.aside.iter().any(|a| a.reason == "other-object");
    if height > 0 && (is_foreign || has_none) {
        aside.push(other_object(sheet.header_row, height));
        file.object = "other".to_owned();
        // One line for all of them is enough; they are counted each.
        file.set_aside.insert("other-object".to_owned(), height - 1);
        return finish(file, empty(), aside, Vec::new(), None);
    }
    aside.append(&mut found.aside);

    let dating = dating::Sheet { sheet, mapping: &mapping, forms: &forms, destination, written };
    let dated = match dating.read(&text, &found.ids, settle) {
        Ok(dated) => dated,
        Err(labels) => return Ok(Outcome::Undecided(undecided(name, &labels, &destination.name))),
    };
    dated.tell(&mut file, sheet);
    // In the order of a frame without any: files of several objects stand below one another.
    let times = TIMES.iter().filter_map(|field| Some(dated.times.get(field)?.column(field)));
    let mut columns: Vec<Column> = times.collect();
    let created = dated.created();
    if destination.kind == DestinationKind::Https && !mapping.fields.contains_key("record_id") {
        ids::tell_retries(&mut found.ids, created, &sheet.rows, &mut aside);
    }
    if !file.columns.contains_key("created_at") && height > 0 {
        file.notes.push("no column says when a record was made: delays and outages cannot be told from it".into());
    }
    let modified = dated.times.get("modified_at").map(|times| times.micros.as_slice()).unwrap_or_default();
    ids::tell_duplicates(&mut found, &text, modified, &sheet.rows, &mut aside, &mut file);

    let Said { flags, first_names, last_names, email, phone, also, cut_phones } = said;
    columns.extend(flags);
    file.notes.extend(cut_phones);
    counted::add_refused(&mut file, &aside, &sheet.rows, &[&first_names, &last_names, &email, &phone, &also]);
    for field in TEXTS {
        let column = match *field {
            "object" => {
                let fallback = object.unwrap_or("lead");
                found.objects.iter().map(|o| Some(o.as_deref().unwrap_or(fallback))).collect_ca(PlSmallStr::EMPTY)
            }
            "resolution" => created.resolution.iter().map(|r| Some(r.name())).collect_ca(PlSmallStr::EMPTY),
            "first_name" => first_names.clone(),
            "last_name" => last_names.clone(),
            "company" => companies(&text("company")),
            "email" => email.clone(),
            "phone" => phone.clone(),
            "also" => also.clone(),
            "merged_into" | "opportunity" | "contact_id" | "parent" => related(&text(field), layout.id),
            "delivered" => delivered(sheet, &mapping, height),
            _ => text(field),
        };
        columns.push(column.with_name((*field).into()).into_column());
    }
    let merged = merged_from(&text("merged_from"), &found.ids);
    let keep: BooleanChunked = found.ids.iter().map(Option::is_some).collect();
    columns.push(Column::new("record_id".into(), found.ids));
    let rows: Vec<i64> = sheet.rows.iter().map(|row| i64::from(*row)).collect();
    columns.push(Column::new("row".into(), rows));
    let frame = lean(DataFrame::new(height, columns)?);
    // Most files have no row to leave out, and a filtered frame is one more in memory.
    let frame = if keep.all() { frame } else { frame.filter(&keep)? };
    finish(file, frame, aside, merged, dated.order.map(|order| (order, dated.labels)))
}

fn finish(
    mut file: ReadFile,
    frame: DataFrame,
    aside: Vec<Aside>,
    merged: Vec<(String, String)>,
    dates: Option<(DateOrder, Vec<String>)>,
) -> Result<Outcome> {
    counted::add(&mut file, &frame)?;
    for a in &aside {
        *file.set_aside.entry(a.reason.to_owned()).or_default() += 1;
    }
    Ok(Outcome::Read(Box::new(Records { frame, file, aside, merged, dates })))
}

fn other_object(row: u32, rows: usize) -> Aside {
    Aside {
        row: row.max(1),
        reason: "other-object",
        detail: format!("{} of an object that is no lead or contact", crate::error::count(rows, "row", "rows")),
    }
}

/// A frame of landed records without any.
pub(super) fn empty() -> DataFrame {
    let texts = TEXTS.iter().map(|name| Column::new_empty((*name).into(), &DataType::String));
    let flags = FLAGS.iter().map(|name| Column::new_empty((*name).into(), &DataType::Boolean));
    let instant = crate::tables::Kind::Instant.dtype();
    let times = TIMES.iter().map(|name| Column::new_empty((*name).into(), &instant));
    let rest =
        [Column::new_empty("record_id".into(), &DataType::String), Column::new_empty("row".into(), &DataType::Int64)];
    DataFrame::new(0, times.chain(flags).chain(texts).chain(rest).collect()).unwrap_or_default()
}

/// Fields by which somebody can be recognised.
const IDENTIFY: &[&str] = &["email", "phone", "last_name", "name", "key"];

fn describe(
    sheet: &Sheet,
    name: &str,
    written: DateTime<Utc>,
    mapping: &Mapping,
    forms: &[ColumnForm],
    destination: &Destination,
) -> ReadFile {
    let label = |n: &usize| sheet.header.get(*n).cloned().unwrap_or_default();
    let mut notes = Vec::new();
    if !mapping.repeated.is_empty() {
        let repeated = format!("repeated column names, the first is read: {}", mapping.repeated.join(", "));
        notes.push(Note::from(repeated));
    }
    if sheet.padded > 0 {
        const END: &str = "before the last column";
        notes.push(Note::counted(sheet.padded, format!("row ends {END}"), format!("rows end {END}")));
    }
    if sheet.height() == 0 {
        notes.push("a header and no records".into());
    }
    let columns_read = columns_read(sheet, mapping, forms);
    let fills = |field: &&&str| {
        let columns = mapping.fields.get(**field).map(Vec::as_slice).unwrap_or_default();
        columns.iter().any(|n| !matches!(forms.get(*n), None | Some(ColumnForm::Blank)))
    };
    let object = layouts().of(destination.kind).object(sheet);
    let identifies = object == Some("opportunity") || IDENTIFY.iter().any(|field| fills(&field));
    if !identifies && sheet.height() > 0 {
        let labels: Vec<String> = sheet.header.iter().filter(|l| !l.is_empty()).map(|l| tabular::clip(l)).collect();
        notes.push(Note::from(format!(
            "no column for e-mail, phone, name or key: nobody in it can be recognised; its columns: {}",
            labels.join(", ")
        )));
    }
    let unused = (0..sheet.header.len()).filter(|n| !mapping.uses(*n)).map(|n| label(&n)).filter(|l| !l.is_empty());
    ReadFile {
        destination: destination.name.clone(),
        file: sheet.name.as_ref().map_or_else(|| name.to_owned(), |sheet| format!("{name}#{sheet}")),
        modified: Some(written),
        kind: destination.kind.name().to_owned(),
        form: sheet.form.clone(),
        header_row: sheet.header_row,
        rows: sheet.height() + sheet.ragged.len(),
        apart: sheet.trailer.len(),
        identifies_nobody: !identifies,
        ends_inside: sheet.ends_inside,
        columns: mapping.fields.iter().map(|(f, ns)| (f.clone(), ns.iter().map(label).collect())).collect(),
        unused: unused.collect(),
        columns_read,
        notes,
        ..ReadFile::default()
    }
}

/// What each column was taken for, and by which evidence; or why it was not.
fn columns_read(sheet: &Sheet, mapping: &Mapping, forms: &[ColumnForm]) -> Vec<ColumnRead> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let described = sheet.header.iter().enumerate().map(|(n, label)| {
        let times = seen.entry(label.as_str()).or_default();
        *times += 1;
        let form = forms.get(n).copied().unwrap_or_default();
        let role = mapping.field_of(n).map(str::to_owned);
        let joined = mapping.joined.get(n).and_then(Option::as_deref);
        let evidence = match (&role, joined) {
            (Some(_), _) => mapping.why.get(&n).copied().unwrap_or("its label").to_owned(),
            (None, Some(REPEATED)) => "its label stands before".to_owned(),
            (None, Some(of)) => format!("belongs to another object: {of}"),
            (None, None) if form == ColumnForm::Blank => "nothing stands in it".to_owned(),
            (None, None) => "not understood".to_owned(),
        };
        let column = match (label.is_empty(), *times) {
            (true, _) => format!("(column {})", n + 1),
            (false, 1) => label.clone(),
            (false, times) => format!("{label} ({times})"),
        };
        ColumnRead { column, role, form: form.name().to_owned(), evidence }
    });
    described.collect()
}

fn undecided(name: &str, labels: &[String], destination: &str) -> Error {
    let labels: Vec<String> = labels.iter().map(|label| format!("\"{label}\"")).collect();
    Error::partial(format!("cannot read \"{name}\": its dates can be read with the day or the month first"))
        .at(format!("column {}", labels.join(", ")))
        .because(
            "no date has a part above 12, and no other export and no record read before tells which reading is meant",
        )
        .hint(format!("set date_order = \"dmy\" or \"mdy\" in the section of \"{destination}\""))
}

fn flags(sheet: &Sheet, mapping: &Mapping, field: &str, height: usize) -> BooleanChunked {
    // Somebody may have emptied the column of opt-outs: it takes no objection back.
    let says = |n: &&usize| field != "opted_out" || sheet.form(**n) != ColumnForm::Blank;
    let columns: Vec<&StringChunked> =
        mapping.fields.get(field).into_iter().flatten().filter(says).filter_map(|n| sheet.column(*n)).collect();
    if columns.is_empty() {
        return BooleanChunked::full_null(PlSmallStr::EMPTY, height);
    }
    let mut result: Vec<Option<bool>> = vec![None; height];
    for column in columns {
        let mut last: (Option<&str>, Option<bool>) = (None, None);
        for (whole, cell) in result.iter_mut().zip(column.iter()) {
            if cell.is_none() {
                continue;
            }
            if cell != last.0 {
                last = (cell, cell.and_then(|c| layouts().flag(c)));
            }
            // Of several columns one yes is enough.
            *whole = match (*whole, last.1) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (a, b) => b.or(a),
            };
        }
    }
    // Some exports leave false empty: where the column is, its blanks are no.
    result.into_iter().map(|flag| Some(flag.unwrap_or(false))).collect_ca(PlSmallStr::EMPTY)
}

fn names(text: &dyn Fn(&str) -> StringChunked, mapping: &Mapping, height: usize) -> (StringChunked, StringChunked) {
    let (first, last) = (text("first_name"), generations(&text("last_name"), &text("suffix")));
    if last.null_count() == 0 || !mapping.fields.contains_key("name") {
        return (first, last);
    }
    let whole = text("name");
    let mut firsts = StringChunkedBuilder::new(PlSmallStr::EMPTY, height);
    let mut lasts = StringChunkedBuilder::new(PlSmallStr::EMPTY, height);
    for ((first, last), whole) in first.iter().zip(last.iter()).zip(whole.iter()) {
        let (split_first, split_last) = match (first, last, whole) {
            (None, None, Some(whole)) => values::split_name(whole),
            _ => (first, last),
        };
        firsts.append_option(split_first);
        lasts.append_option(split_last);
    }
    (firsts.finish(), lasts.finish())
}

/// A column of its own may say which of father and son it is: it belongs to the name, as people write it.
fn generations(names: &StringChunked, suffixes: &StringChunked) -> StringChunked {
    if suffixes.null_count() == suffixes.len() {
        return names.clone();
    }
    let whole = |(name, suffix): (Option<&str>, Option<&str>)| match (name, suffix) {
        // A title behind the name (PhD) tells nobody from anybody, and one that stands there already is told once.
        (Some(name), Some(suffix)) => {
            let whole = format!("{name} {suffix}");
            let is_told = contact::generation(name).is_none() && contact::generation(&whole).is_some();
            Some(if is_told { whole } else { name.to_owned() })
        }
        (name, _) => name.map(str::to_owned),
    };
    names.iter().zip(suffixes.iter()).map(whole).collect_ca(PlSmallStr::EMPTY)
}

/// Some exports hold the account's id where the company's name should be.
fn companies(cells: &StringChunked) -> StringChunked {
    let is_id = |text: &str| text.starts_with("001") && values::salesforce(text).is_some();
    if !cells.iter().flatten().any(is_id) {
        return cells.clone();
    }
    cells.iter().map(|cell| cell.filter(|text| !is_id(text))).collect_ca(PlSmallStr::EMPTY)
}

/// What the records of a table say of people.
struct Said {
    /// Those of [`FLAGS`].
    flags: Vec<Column>,
    first_names: StringChunked,
    last_names: StringChunked,
    email: StringChunked,
    phone: StringChunked,
    /// Other addresses and phones, line by line.
    also: StringChunked,
    /// Of phones that a spreadsheet cut.
    cut_phones: Option<Note>,
}

impl Said {
    fn of(sheet: &Sheet, mapping: &Mapping, text: &dyn Fn(&str) -> StringChunked, height: usize) -> Said {
        let flag = |field: &&str| flags(sheet, mapping, field, height).with_name((*field).into()).into_column();
        let (first_names, last_names) = names(text, mapping, height);
        let (phones, cut_phones) = phones(&text("phone"));
        let (email, phone, also) = contacts(sheet, mapping, (text("email"), phones), height);
        Said { flags: FLAGS.iter().map(flag).collect(), first_names, last_names, email, phone, also, cut_phones }
    }
}

/// E-mail and phone of each record, and what other addresses and phones it has, line by line: every column and every
/// item of a list counts.
fn contacts(
    sheet: &Sheet,
    mapping: &Mapping,
    (emails, phones): (StringChunked, StringChunked),
    height: usize,
) -> (StringChunked, StringChunked, StringChunked) {
    let columns = |field: &str| -> Vec<StringChunked> {
        let found = mapping.fields.get(field).into_iter().flatten().filter_map(|n| sheet.column(*n));
        found.map(|column| values::clean(layouts(), field, column)).collect()
    };
    let several = |field: &str| mapping.fields.get(field).is_some_and(|columns| columns.len() > 1);
    let has_lists = [&emails, &phones].iter().any(|cells| cells.iter().flatten().any(values::is_list));
    if !several("email") && !several("phone") && !has_lists {
        return (emails, phones, StringChunked::full_null(PlSmallStr::EMPTY, height));
    }
    let (email_columns, phone_columns) = (columns("email"), columns("phone"));
    let filled = |columns: &[StringChunked]| -> Vec<u8> {
        let mut filled = vec![0u8; height];
        for column in columns {
            for (n, cell) in filled.iter_mut().zip(column.iter()) {
                *n = n.saturating_add(u8::from(cell.is_some()));
            }
        }
        filled
    };
    let most =
        filled(&email_columns).into_iter().zip(filled(&phone_columns)).map(|(emails, phones)| emails.max(phones));
    let mut email = StringChunkedBuilder::new(PlSmallStr::EMPTY, height);
    let mut phone = StringChunkedBuilder::new(PlSmallStr::EMPTY, height);
    let mut also = StringChunkedBuilder::new(PlSmallStr::EMPTY, height);
    let first = emails.iter().zip(phones.iter());
    for (row, ((first_email, first_phone), most)) in first.zip(most).enumerate() {
        // Most records have one of each, and no list.
        if most < 2 && !first_email.is_some_and(values::is_list) && !first_phone.is_some_and(values::is_list) {
            email.append_option(first_email);
            phone.append_option(first_phone);
            also.append_null();
            continue;
        }
        let items = |columns: &[StringChunked], split: fn(&str) -> Vec<&str>| -> Vec<String> {
            let cells = columns.iter().filter_map(|column| column.get(row));
            let mut items: Vec<String> = Vec::new();
            for item in cells.flat_map(split) {
                if !items.iter().any(|known| known.eq_ignore_ascii_case(item)) {
                    items.push(item.to_owned());
                }
            }
            items
        };
        let addresses = items(&email_columns, values::addresses);
        let numbers = items(&phone_columns, values::numbers);
        email.append_option(addresses.first());
        // The first number is that of the cleaned column, in which digits are mended.
        let first = first_phone
            .map(|cell| if values::is_list(cell) { numbers.first().map_or(cell, String::as_str) } else { cell });
        phone.append_option(first);
        let others: Vec<&str> = addresses.iter().skip(1).chain(numbers.iter().skip(1)).map(String::as_str).collect();
        also.append_option((!others.is_empty()).then(|| others.join("\n")));
    }
    (email.finish(), phone.finish(), also.finish())
}

/// Phones that a spreadsheet took for numbers, and what to say of those that it cut.
fn phones(cells: &StringChunked) -> (StringChunked, Option<Note>) {
    if !cells.iter().flatten().any(values::is_number_of_a_phone) {
        return (cells.clone(), None);
    }
    let mut lost = 0;
    let phones = cells
        .iter()
        .map(|cell| match cell {
            Some(text) if values::is_number_of_a_phone(text) => {
                let digits = values::digits_of_number(text);
                lost += usize::from(digits.is_none());
                digits
            }
            text => text.map(str::to_owned),
        })
        .collect_ca(PlSmallStr::EMPTY);
    const CUT: &str = "cut by a spreadsheet (like 1.6E+10) and";
    let (one, many) = (format!("phone number was {CUT} is not used"), format!("phone numbers were {CUT} are not used"));
    (phones, (lost > 0).then(|| Note::counted(lost, one, many)))
}

/// Ids of other records: in the long form where they are ids, else as found (a lookup's name, several ids).
fn related(cells: &StringChunked, form: Id) -> StringChunked {
    if form == Id::Text || cells.null_count() == cells.len() {
        return cells.clone();
    }
    let long = |text: &str| values::id(form, text).unwrap_or_else(|| text.to_owned());
    let one_or_several = |text: &str| {
        let ids: Vec<String> =
            text.split(';').map(str::trim).filter(|id| !null_ids::is_null_id(id, true)).map(long).collect();
        (!ids.is_empty()).then(|| ids.join(";"))
    };
    let long: Vec<Option<String>> = cells
        .iter()
        .map(|cell| cell.and_then(|text| if text.contains(';') { one_or_several(text) } else { Some(long(text)) }))
        .collect();
    long.into_iter().collect_ca(PlSmallStr::EMPTY)
}

/// The cells of the columns that `delivered_by` names, as one JSON object.
fn delivered(sheet: &Sheet, mapping: &Mapping, height: usize) -> StringChunked {
    if mapping.delivered.is_empty() {
        return StringChunked::full_null(PlSmallStr::EMPTY, height);
    }
    let columns: Vec<(&String, &StringChunked)> =
        mapping.delivered.iter().filter_map(|(label, n)| Some((label, sheet.column(*n)?))).collect();
    let mut builder = StringChunkedBuilder::new(PlSmallStr::EMPTY, height);
    for row in 0..height {
        let cells: serde_json::Map<String, serde_json::Value> = columns
            .iter()
            .filter_map(|(label, column)| Some(((*label).clone(), column.get(row)?.trim().into())))
            .collect();
        builder.append_option((!cells.is_empty()).then(|| serde_json::Value::Object(cells).to_string()));
    }
    builder.finish()
}

/// `76340251;46897301` beside a record: these are merged into it.
fn merged_from(cells: &StringChunked, ids: &[Option<String>]) -> Vec<(String, String)> {
    let mut merged = Vec::new();
    for (cell, id) in cells.iter().zip(ids) {
        let (Some(cell), Some(id)) = (cell, id) else { continue };
        for old in cell.split([';', ',']).map(str::trim).filter(|old| !old.is_empty() && old != id) {
            merged.push((old.to_owned(), id.clone()));
        }
    }
    merged
}
