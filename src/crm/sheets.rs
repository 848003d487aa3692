//! One table of an export → its records in the columns that are landed, and a description of what was read.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use polars::prelude::*;
use sha2::{Digest as _, Sha256};

use super::layouts::{Id, Layout, Mapping, layouts};
use super::values;
use crate::config::{DateOrder, Destination, DestinationKind};
use crate::error::{Error, Result};
use crate::tabular::times::{self, Evidence, Order, Resolution, Times};
use crate::tabular::{Doubt, ReadFile, Sheet};

/// Text columns of a landed record, beside `destination` and `record_id`.
pub(super) const TEXTS: &[&str] = &[
    "object", "resolution", "status", "state", "outcome", "owner", "email", "phone", "first_name", "last_name",
    "company", "title", "country", "description", "subject", "key", "lead_source", "action", "offer_id", "offer",
    "storefront", "merged_into", "opportunity", "contact_id", "parent", "delivered",
];
/// Instants of a landed record.
pub(super) const TIMES: &[&str] = &["created_at", "modified_at", "last_activity_at"];
/// Yes-or-no columns of a landed record; null where unknown.
pub(super) const FLAGS: &[&str] = &["opted_out", "deleted", "converted", "won", "closed"];

/// A refused row.
#[derive(Clone, Debug)]
pub(super) struct Aside {
    pub row: u32,
    pub reason: &'static str,
    pub detail: String,
}

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

/// What came of reading one table.
pub(super) enum Outcome {
    Read(Box<Records>),
    /// Day and month cannot be told apart, and neither the configuration nor who was asked knows.
    Undecided(Error),
}

/// Dates that read both ways: what may tell how they are meant.
pub(super) struct Question<'a> {
    /// Labels of the columns of times.
    pub labels: &'a [String],
    /// Of each record.
    pub ids: &'a [Option<String>],
    /// When each was made, as written.
    pub made: &'a StringChunked,
    pub zone: Tz,
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
    let mapping = layout.map(&sheet.header, destination);
    let height = sheet.height();
    let mut file = describe(sheet, name, written, &mapping, destination);
    let mut aside: Vec<Aside> = Vec::new();
    for refused in &sheet.trailer {
        aside.push(Aside { row: refused.row, reason: "trailer", detail: refused.detail.clone() });
    }
    for refused in &sheet.ragged {
        aside.push(Aside { row: refused.row, reason: "ragged", detail: refused.detail.clone() });
    }
    // Every column is cleaned once, on all cores.
    let wanted: Vec<&str> = TEXTS.iter().chain(TIMES).copied().chain(["record_id", "name", "merged_from"]).collect();
    let cleaned: BTreeMap<&str, StringChunked> =
        wanted.iter().copied().zip(each(&wanted, height, |field| cells(sheet, &mapping, field, height))).collect();
    let nothing = StringChunked::full_null(PlSmallStr::EMPTY, height);
    let text = |field: &str| cleaned.get(field).unwrap_or(&nothing).clone();

    let object = layout.object(&sheet.header);
    let mut changed = 0;
    let (mut ids, objects) = identify(sheet, &mapping, layout, destination, &text, &mut aside, &mut changed);
    if changed > 0 {
        file.doubts.insert(Doubt::ChangedIds);
        file.notes.push(format!(
            "{changed} ids do not check: the last three of 18 characters tell which of the others are capitals, and they are \
             not; the ids are taken as written"
        ));
    }
    let seen_objects: Vec<&str> = distinct(objects.iter().flatten().map(Cow::as_ref));
    file.object = match (seen_objects.as_slice(), object) {
        ([one], _) => (*one).to_owned(),
        ([], Some(object)) => object.to_owned(),
        ([], None) => "other".to_owned(),
        (several, _) => several.join(", "),
    };
    // No lead's key or lead source stands in an export of opportunities.
    if file.object != "opportunity" && !mapping.missing.is_empty() {
        file.doubts.insert(Doubt::ColumnNowhere);
        let note = |missing| format!("the configuration names column \"{missing}\", which the file has not");
        file.notes.splice(0..0, mapping.missing.iter().map(note));
    }
    if object.is_none() && height > 0 && seen_objects.is_empty() && layout.prefixes.is_empty() {
        // Nothing in its header belongs to a record of ours.
        aside.retain(|a| a.reason == "trailer" || a.reason == "ragged");
        aside.push(other_object(sheet.header_row, height));
        return finish(file, empty(), aside, Vec::new(), None);
    }
    if height > 0 && ids.iter().all(Option::is_none) && aside.iter().any(|a| a.reason == "other-object") {
        aside.retain(|a| a.reason == "trailer" || a.reason == "ragged");
        aside.push(other_object(sheet.header_row, height));
        file.object = "other".to_owned();
        return finish(file, empty(), aside, Vec::new(), None);
    }

    let mut evidence = Evidence::default();
    let time_cells: Vec<(&str, StringChunked)> = TIMES.iter().map(|field| (*field, text(field))).collect();
    for (_, column) in &time_cells {
        evidence.weigh(column, Some(written));
    }
    let labels = time_labels(&mapping, sheet);
    let zone = destination.timezone.unwrap_or(Tz::UTC);
    let decided = evidence.decide(destination.date_order).or_else(|| {
        evidence.weigh_changes(&text("created_at"), &text("modified_at"));
        let ask = || settle(&Question { labels: &labels, ids: &ids, made: &text("created_at"), zone });
        evidence.decide(None).or_else(ask)
    });
    let Some(order) = decided else {
        return Ok(Outcome::Undecided(undecided(name, &labels, &destination.name)));
    };
    file.date_order.clone_from(&order.because);
    let mut columns: Vec<Column> = Vec::new();
    let mut created = Times::default();
    let read_times = each(&time_cells, height, |(_, cells)| times::read(cells, order.order, zone));
    for ((field, _), read) in time_cells.iter().zip(read_times) {
        if read.zoneless {
            file.timezone = zone.name().to_owned();
        }
        if !read.bad.is_empty() {
            let first = read.bad.first().and_then(|n| sheet.rows.get(*n)).copied().unwrap_or_default();
            file.doubts.insert(Doubt::UnreadTimes);
            file.notes.push(format!(
                "{} cells of {field} are no times (first in row {first}); the records are kept without",
                read.bad.len()
            ));
        }
        columns.push(read.column(field));
        if *field == "created_at" {
            created = read;
        }
    }
    if destination.kind == DestinationKind::Https && !mapping.fields.contains_key("record_id") {
        tell_retries(&mut ids, &created, &sheet.rows, &mut aside);
    }
    let finest = created.resolution.iter().copied().filter(|r| *r != Resolution::None).min();
    file.resolution = finest.unwrap_or(Resolution::None).name().to_owned();
    if !file.columns.contains_key("created_at") && height > 0 {
        file.notes.push("no column says when a record was made: delays and outages cannot be told from it".into());
    }

    let flag = |field: &str| flags(sheet, &mapping, field, height);
    for field in FLAGS {
        columns.push(flag(field).with_name((*field).into()).into_column());
    }
    let (first_names, last_names) = names(&text, &mapping, height);
    for field in TEXTS {
        let column = match *field {
            "object" => {
                let fallback = object.unwrap_or("lead");
                objects.iter().map(|o| Some(o.as_deref().unwrap_or(fallback))).collect_ca(PlSmallStr::EMPTY)
            }
            "resolution" => created.resolution.iter().map(|r| Some(r.name())).collect_ca(PlSmallStr::EMPTY),
            "first_name" => first_names.clone(),
            "last_name" => last_names.clone(),
            "company" => companies(&text("company")),
            "phone" => phones(&text("phone"), &mut file),
            "merged_into" | "opportunity" | "contact_id" | "parent" => related(&text(field), layout.id),
            "delivered" => delivered(sheet, &mapping, height),
            _ => text(field),
        };
        columns.push(column.with_name((*field).into()).into_column());
    }
    let merged = merged_from(&text("merged_from"), &ids);
    let keep: BooleanChunked = ids.iter().map(Option::is_some).collect();
    columns.push(Column::new("record_id".into(), ids));
    let rows: Vec<i64> = sheet.rows.iter().map(|row| i64::from(*row)).collect();
    columns.push(Column::new("row".into(), rows));
    let frame = DataFrame::new(height, columns)?.filter(&keep)?;
    finish(file, frame, aside, merged, order.order.map(|order| (order, labels)))
}

fn finish(
    mut file: ReadFile,
    frame: DataFrame,
    aside: Vec<Aside>,
    merged: Vec<(String, String)>,
    dates: Option<(DateOrder, Vec<String>)>,
) -> Result<Outcome> {
    file.records = frame.height();
    for a in &aside {
        *file.set_aside.entry(a.reason.to_owned()).or_default() += 1;
    }
    Ok(Outcome::Read(Box::new(Records { frame, file, aside, merged, dates })))
}

fn other_object(row: u32, rows: usize) -> Aside {
    Aside {
        row: row.max(1),
        reason: "other-object",
        detail: format!("{rows} rows of an object that is no lead or contact"),
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

fn describe(
    sheet: &Sheet,
    name: &str,
    written: DateTime<Utc>,
    mapping: &Mapping,
    destination: &Destination,
) -> ReadFile {
    let label = |n: &usize| sheet.header.get(*n).cloned().unwrap_or_default();
    let mut notes = Vec::new();
    if !mapping.repeated.is_empty() {
        notes.push(format!("repeated column names, the first is read: {}", mapping.repeated.join(", ")));
    }
    if sheet.padded > 0 {
        notes.push(format!("{} rows end before the last column", sheet.padded));
    }
    if sheet.height() == 0 {
        notes.push("a header and no records".into());
    }
    let unused = (0..sheet.header.len()).filter(|n| !mapping.uses(*n)).map(|n| label(&n)).filter(|l| !l.is_empty());
    ReadFile {
        destination: destination.name.clone(),
        file: sheet.name.as_ref().map_or_else(|| name.to_owned(), |sheet| format!("{name}#{sheet}")),
        modified: Some(written),
        kind: destination.kind.name().to_owned(),
        form: sheet.form.clone(),
        header_row: sheet.header_row,
        rows: sheet.height(),
        columns: mapping.fields.iter().map(|(f, ns)| (f.clone(), ns.iter().map(label).collect())).collect(),
        unused: unused.collect(),
        notes,
        ..ReadFile::default()
    }
}

fn time_labels(mapping: &Mapping, sheet: &Sheet) -> Vec<String> {
    let columns = TIMES.iter().filter_map(|field| mapping.fields.get(*field)?.first());
    columns.filter_map(|n| sheet.header.get(*n)).cloned().collect()
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

/// Cells of a field, cleaned; first filled cell of several columns.
fn cells(sheet: &Sheet, mapping: &Mapping, field: &str, height: usize) -> StringChunked {
    let found = mapping.fields.get(field).into_iter().flatten().filter_map(|n| sheet.column(*n));
    values::first_filled(found.map(|column| values::clean(layouts(), field, column)).collect(), height)
}

fn flags(sheet: &Sheet, mapping: &Mapping, field: &str, height: usize) -> BooleanChunked {
    let columns: Vec<&StringChunked> =
        mapping.fields.get(field).into_iter().flatten().filter_map(|n| sheet.column(*n)).collect();
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
    let (first, last) = (text("first_name"), text("last_name"));
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

/// Some exports hold the account's id where the company's name should be.
fn companies(cells: &StringChunked) -> StringChunked {
    let is_id = |text: &str| text.starts_with("001") && values::salesforce(text).is_some();
    if !cells.iter().flatten().any(is_id) {
        return cells.clone();
    }
    cells.iter().map(|cell| cell.filter(|text| !is_id(text))).collect_ca(PlSmallStr::EMPTY)
}

/// Phones that a spreadsheet took for numbers.
fn phones(cells: &StringChunked, file: &mut ReadFile) -> StringChunked {
    if !cells.iter().flatten().any(values::is_number_of_a_phone) {
        return cells.clone();
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
    if lost > 0 {
        file.notes.push(format!("{lost} phone numbers were cut by a spreadsheet (like 1.6E+10) and are not used"));
    }
    phones
}

/// Ids of other records: in the long form where they are ids, else as found (a lookup's name, several ids).
fn related(cells: &StringChunked, form: Id) -> StringChunked {
    if form == Id::Text || cells.null_count() == cells.len() {
        return cells.clone();
    }
    let long: Vec<Option<String>> =
        cells.iter().map(|cell| cell.map(|text| values::id(form, text).unwrap_or_else(|| text.to_owned()))).collect();
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

/// The record's id and object. Without an id column the id is a hash of what does not change in a record.
fn identify<'a>(
    sheet: &Sheet,
    mapping: &Mapping,
    layout: &'a Layout,
    destination: &Destination,
    text: &dyn Fn(&str) -> StringChunked,
    aside: &mut Vec<Aside>,
    changed: &mut usize,
) -> (Vec<Option<String>>, Vec<Option<Cow<'a, str>>>) {
    let height = sheet.height();
    let mut objects: Vec<Option<Cow<'a, str>>> = vec![None; height];
    if !mapping.fields.contains_key("record_id") {
        let ids = hashed_ids(sheet, mapping, destination);
        for (row, _) in sheet.rows.iter().zip(&ids).filter(|(_, id)| id.is_none()) {
            aside.push(Aside { row: *row, reason: "no-id", detail: "nothing in it tells it from others".to_owned() });
        }
        return (ids, objects);
    }
    let configured = mapping.fields.contains_key("object").then(|| text("object"));
    let mut ids = Vec::with_capacity(height);
    for (n, (cell, object)) in text("record_id").iter().zip(&mut objects).enumerate() {
        let row = sheet.rows.get(n).copied().unwrap_or_default();
        let mut refuse = |reason, detail: &str| {
            aside.push(Aside { row, reason, detail: detail.to_owned() });
            None
        };
        let id = match cell.map(|text| (text, values::id(layout.id, text))) {
            None => refuse("no-id", "its id is empty"),
            // An id that was made up or changed still tells the record from others; what it holds vouches all the same.
            Some((text, id)) if layout.id == Id::Salesforce && is_changed(text, id.as_deref(), layout) => {
                *changed += 1;
                *object =
                    text.get(..3).and_then(|prefix| layout.prefixes.get(prefix)).map(|o| Cow::Borrowed(o.as_str()));
                Some(text.to_owned())
            }
            Some((_, None)) => refuse("no-id", "its id has not the form of one"),
            Some((_, Some(id))) if layout.prefixes.is_empty() => {
                let told = configured.as_ref().and_then(|c| c.get(n));
                match told.map(|told| layout.objects.get(told)) {
                    Some(Some(found)) => *object = Some(Cow::Borrowed(found)),
                    Some(None) if !layout.objects.is_empty() && !destination.columns.contains_key("object") => {
                        ids.push(refuse("other-object", "an activity that is no form filled out"));
                        continue;
                    }
                    _ => *object = told.map(|o| Cow::Owned(o.to_lowercase())),
                }
                Some(id)
            }
            Some((_, Some(id))) => match id.get(..3).and_then(|prefix| layout.prefixes.get(prefix)) {
                Some(found) => {
                    *object = Some(Cow::Borrowed(found));
                    Some(id)
                }
                None => refuse("other-object", "its id belongs to another object"),
            },
        };
        ids.push(id);
    }
    (ids, objects)
}

/// Whether an id of our objects does not check: the last three of its 18 characters tell which of the others are
/// capitals, and they are not, or reading it by them would make another object of it.
fn is_changed(text: &str, id: Option<&str>, layout: &Layout) -> bool {
    let is_ours = |id: &str| id.get(..3).is_some_and(|prefix| layout.prefixes.contains_key(prefix));
    values::has_salesforce_form(text) && is_ours(text) && !id.is_some_and(is_ours)
}

/// Does the same to each item, on all cores where it is worth it; the results in the order of the items.
fn each<T: Sync, R: Send>(items: &[T], height: usize, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    const WORTH: usize = 20_000;
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(items.len());
    if height < WORTH || threads < 2 {
        return items.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let some = || {
        let mut done = Vec::new();
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(n) else { return done };
            done.push((n, work(item)));
        }
    };
    let mut all: Vec<(usize, R)> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(some)).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| match thread.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        running.into_iter().flat_map(join).collect()
    });
    all.sort_by_key(|(n, _)| *n);
    all.into_iter().map(|(_, result)| result).collect()
}

/// What stays the same in a record whose export has no id.
fn hashed_ids(sheet: &Sheet, mapping: &Mapping, destination: &Destination) -> Vec<Option<String>> {
    // Marketo keeps one record for an e-mail address.
    let fields: &[&str] = if destination.kind == DestinationKind::Marketo && mapping.fields.contains_key("email") {
        &["email"]
    } else if destination.kind == DestinationKind::Https {
        BODY
    } else {
        &[
            "key", "created_at", "email", "phone", "first_name", "last_name", "name", "company", "lead_source",
            "offer_id", "offer", "action",
        ]
    };
    let columns: Vec<(&str, StringChunked)> =
        fields.iter().map(|field| (*field, cells(sheet, mapping, field, sheet.height()))).collect();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    (0..sheet.height())
        .map(|row| {
            let mut hash = Sha256::new();
            let mut filled = false;
            for (field, column) in &columns {
                if let Some(text) = column.get(row) {
                    filled = true;
                    hash.update(field);
                    hash.update([0]);
                    if *field == "email" {
                        hash.update(text.to_lowercase())
                    } else {
                        hash.update(text)
                    }
                    hash.update([0]);
                }
            }
            if !filled {
                return None;
            }
            let id: String = hex::encode(hash.finalize()).chars().take(16).collect();
            if fields.len() == 1 || destination.kind == DestinationKind::Https {
                return Some(id);
            }
            // Equal rows are as many records as there are rows.
            let n = seen.entry(id.clone()).or_default();
            *n += 1;
            Some(if *n == 1 { id } else { format!("{id}-{n}") })
        })
        .collect()
}

/// What a posted body holds, without the time of receipt.
const BODY: &[&str] = &[
    "key", "email", "phone", "first_name", "last_name", "name", "company", "title", "country", "description",
    "lead_source", "action", "offer", "offer_id",
];

/// A sender that gets no answer posts the same body again within minutes: one record. Later it is another lead.
fn tell_retries(ids: &mut [Option<String>], created: &Times, rows: &[u32], aside: &mut Vec<Aside>) {
    const WINDOW: i64 = 600_000_000;
    let mut order: Vec<usize> = (0..ids.len()).collect();
    order.sort_by_key(|n| (created.micros.get(*n).copied().flatten(), *n));
    let mut last: BTreeMap<String, Option<i64>> = BTreeMap::new();
    for n in order {
        let at = created.micros.get(n).copied().flatten();
        let Some(slot) = ids.get_mut(n) else { continue };
        let Some(body) = slot.clone() else { continue };
        let before = last.insert(body.clone(), at);
        let retried = before.is_some_and(|before| match (before, at) {
            (Some(before), Some(at)) => at - before <= WINDOW,
            _ => true,
        });
        if retried {
            *slot = None;
            let row = rows.get(n).copied().unwrap_or_default();
            let detail = "the same body as one just before: a retry".to_owned();
            aside.push(Aside { row, reason: "duplicate", detail });
        } else if let Some(at) = at {
            *slot = Some(format!("{body}-{:x}", at / 1_000_000));
        }
    }
}

fn distinct<'a>(values: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut all: Vec<&str> = Vec::new();
    for value in values {
        if !all.contains(&value) {
            all.push(value);
        }
    }
    all.sort_unstable();
    all
}
