//! Rows of one table → which record each is: its own id, or what it says where it has none that can be used.
//!
//! Every row is one record or is set aside. An id that a spreadsheet cut, or that stands at several people, tells nobody
//! from anybody: such rows are told apart by what they say of a person, and the ids are named.

use std::borrow::Cow;
use std::collections::BTreeMap;

use polars::prelude::*;
use sha2::{Digest as _, Sha256};

use super::cells::{Aside, cells};
use super::layouts::{Id, Layout, Mapping};
use super::values;
use crate::config::{Destination, DestinationKind};
use crate::contact;
use crate::tabular::times::Times;
use crate::tabular::{Doubt, Note, ReadFile, Sheet};

/// Which record each row is.
#[derive(Default)]
pub(super) struct Identified<'a> {
    /// `None` for a row that is set aside.
    pub ids: Vec<Option<String>>,
    /// What the id of a row says it is; `None` where the file says it.
    pub objects: Vec<Option<Cow<'a, str>>>,
    pub aside: Vec<Aside>,
    /// Ids that do not check, and ids that were cut.
    changed: usize,
    cut: usize,
}

impl Identified<'_> {
    /// What the rows of the file are.
    pub fn object_of_file(&self, by_header: Option<&str>) -> String {
        let mut seen: Vec<&str> = Vec::new();
        for object in self.objects.iter().flatten().map(Cow::as_ref) {
            if !seen.contains(&object) {
                seen.push(object);
            }
        }
        seen.sort_unstable();
        match (seen.as_slice(), by_header) {
            ([], Some(object)) => object.to_owned(),
            ([], None) => "other".to_owned(),
            (several, _) => several.join(", "),
        }
    }

    /// What a person should know of them.
    pub fn tell(&self, file: &mut ReadFile) {
        if self.changed > 0 {
            file.doubts.insert(Doubt::ChangedIds);
            let changed = |what: &str, taken: &str| {
                format!(
                    "{what} not check: the last three of 18 characters tell which of the others are capitals, and they \
                     are not; {taken} as written"
                )
            };
            let (one, many) = (changed("id does", "it is taken"), changed("ids do", "they are taken"));
            file.notes.push(Note::counted(self.changed, one, many));
        }
        if self.cut > 0 {
            file.doubts.insert(Doubt::DamagedIds);
            let were = |what: &str| {
                format!(
                    "{what} cut by a spreadsheet (like 1.2E+11) and not used: the records are told apart by what they say"
                )
            };
            file.notes.push(Note::counted(self.cut, were("record id was"), were("record ids were")));
        }
    }
}

/// The record's id and object. Without an id column the id is a hash of what does not change in a record.
pub(super) fn identify<'a>(
    sheet: &Sheet,
    mapping: &Mapping,
    layout: &'a Layout,
    destination: &Destination,
    text: &dyn Fn(&str) -> StringChunked,
) -> Identified<'a> {
    let mut found = identified(sheet, mapping, layout, destination, text);
    // What a row that was cut off still says is not what its record says: half an address is another one.
    if sheet.ends_inside
        && let (Some(last), Some(row)) = (found.ids.last_mut(), sheet.rows.last())
        && last.take().is_some()
    {
        found.aside.push(Aside { row: *row, reason: "ragged", detail: "the file ends inside it".to_owned() });
    }
    found
}

fn identified<'a>(
    sheet: &Sheet,
    mapping: &Mapping,
    layout: &'a Layout,
    destination: &Destination,
    text: &dyn Fn(&str) -> StringChunked,
) -> Identified<'a> {
    let height = sheet.height();
    let mut found = Identified { objects: vec![None; height], ..Identified::default() };
    if !mapping.fields.contains_key("record_id") {
        found.ids = hashed_ids(sheet, mapping, destination);
        for (row, _) in sheet.rows.iter().zip(&found.ids).filter(|(_, id)| id.is_none()) {
            let detail = "nothing in it tells it from others".to_owned();
            found.aside.push(Aside { row: *row, reason: "no-id", detail });
        }
        return found;
    }
    let told = mapping.fields.contains_key("object").then(|| text("object"));
    let mut damaged = Vec::new();
    found.ids.reserve(height);
    for (n, cell) in text("record_id").iter().enumerate() {
        let told = told.as_ref().map(|told| told.get(n));
        let id = match identify_row(cell, told, layout, destination) {
            Row::Record(id, object) => {
                if let (Some(place), Some(object)) = (found.objects.get_mut(n), object) {
                    *place = Some(object);
                }
                Some(id)
            }
            // An id that was made up or changed still tells the record from others; what it holds vouches all the same.
            Row::Changed(id, object) => {
                found.changed += 1;
                if let (Some(place), Some(object)) = (found.objects.get_mut(n), object) {
                    *place = Some(object);
                }
                Some(id)
            }
            Row::Damaged => {
                damaged.push(n);
                None
            }
            Row::Refused(reason, detail) => {
                let row = sheet.rows.get(n).copied().unwrap_or_default();
                found.aside.push(Aside { row, reason, detail: detail.to_owned() });
                None
            }
        };
        found.ids.push(id);
    }
    by_content(&mut found, &damaged, text, &sheet.rows);
    found
}

/// What the id of a row says.
enum Row<'a> {
    Record(String, Option<Cow<'a, str>>),
    Changed(String, Option<Cow<'a, str>>),
    Damaged,
    Refused(&'static str, &'static str),
}

/// `told`: what the row says it is, where there is a column for that.
fn identify_row<'a>(
    cell: Option<&str>,
    told: Option<Option<&str>>,
    layout: &'a Layout,
    destination: &Destination,
) -> Row<'a> {
    let Some(text) = cell else { return Row::Refused("no-id", "its id is empty") };
    let by_prefix = |id: &str| Some(Cow::Borrowed(layout.object_of_id(id)?));
    let is_cut = match layout.id {
        Id::Salesforce => {
            values::is_cut_salesforce_id(text) && (by_prefix(text).is_some() || values::is_damaged_id(text))
        }
        Id::Guid => false,
        Id::Text => values::is_damaged_id(text),
    };
    if is_cut {
        return Row::Damaged;
    }
    let id = values::id(layout.id, text);
    if layout.id == Id::Salesforce && is_changed(text, id.as_deref(), layout) {
        return Row::Changed(text.to_owned(), by_prefix(text));
    }
    let Some(id) = id else { return Row::Refused("no-id", "its id has not the form of one") };
    if !layout.prefixes.is_empty() {
        return match by_prefix(&id) {
            Some(object) => Row::Record(id, Some(object)),
            None => Row::Refused("other-object", "its id belongs to another object"),
        };
    }
    match told.map(|told| (told, told.and_then(|told| layout.objects.get(told)))) {
        Some((_, Some(object))) => Row::Record(id, Some(Cow::Borrowed(object))),
        Some((Some(_), None)) if !layout.objects.is_empty() && !destination.columns.contains_key("object") => {
            Row::Refused("other-object", "an activity that is no form filled out")
        }
        Some((Some(told), None)) => Row::Record(id, Some(Cow::Owned(told.to_lowercase()))),
        Some((None, None)) | None => Row::Record(id, None),
    }
}

/// Whether an id of our objects does not check: the last three of its 18 characters tell which of the others are
/// capitals, and they are not, or reading it by them would make another object of it.
fn is_changed(text: &str, id: Option<&str>, layout: &Layout) -> bool {
    let is_ours = |id: &str| id.get(..3).is_some_and(|prefix| layout.prefixes.contains_key(prefix));
    values::has_salesforce_form(text) && is_ours(text) && !id.is_some_and(is_ours)
}

/// Rows whose id cannot be used: each is the record of what it says, once.
fn by_content(found: &mut Identified, rows: &[usize], text: &dyn Fn(&str) -> StringChunked, lines: &[u32]) {
    if rows.is_empty() {
        return;
    }
    found.cut += rows.len();
    let columns: Vec<(&str, StringChunked)> = CONTENT.iter().map(|field| (*field, text(field))).collect();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for n in rows {
        let row = lines.get(*n).copied().unwrap_or_default();
        let Some(id) = hash_of(&columns, *n) else {
            let detail = "its id was cut, and nothing else in it tells it from others".to_owned();
            found.aside.push(Aside { row, reason: "no-id", detail });
            continue;
        };
        if seen.insert(id.clone(), *n).is_some() {
            let detail = "its id was cut, and it says the same as a row before".to_owned();
            found.aside.push(Aside { row, reason: "duplicate", detail });
        } else if let Some(place) = found.ids.get_mut(*n) {
            *place = Some(id);
        }
    }
}

/// Fields that say which record a row is, where it has no id.
const CONTENT: &[&str] = &[
    "key", "created_at", "email", "phone", "first_name", "last_name", "name", "company", "lead_source", "offer_id",
    "offer", "action",
];

/// What a posted body holds, without the time of receipt.
const BODY: &[&str] = &[
    "key", "email", "phone", "first_name", "last_name", "name", "company", "title", "country", "description",
    "lead_source", "action", "offer", "offer_id",
];

/// What stays the same in a record whose export has no id.
fn hashed_ids(sheet: &Sheet, mapping: &Mapping, destination: &Destination) -> Vec<Option<String>> {
    // Marketo keeps one record for an e-mail address.
    let fields: &[&str] = if destination.kind == DestinationKind::Marketo && mapping.fields.contains_key("email") {
        &["email"]
    } else if destination.kind == DestinationKind::Https {
        BODY
    } else {
        CONTENT
    };
    let columns: Vec<(&str, StringChunked)> =
        fields.iter().map(|field| (*field, cells(sheet, mapping, field, sheet.height()))).collect();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    (0..sheet.height())
        .map(|row| {
            let id = hash_of(&columns, row)?;
            if fields.len() == 1 || destination.kind == DestinationKind::Https {
                return Some(id);
            }
            Some(counted(id, &mut seen))
        })
        .collect()
}

/// An id of what a row says, numbered from the second row on that says it: equal rows are as many records as there are rows.
pub(super) fn counted(id: String, seen: &mut BTreeMap<String, usize>) -> String {
    let n = seen.entry(id.clone()).or_default();
    *n += 1;
    if *n == 1 { id } else { format!("{id}-{n}") }
}

/// A hash of the cells of a row; none where all are blank.
pub(super) fn hash_of(columns: &[(&str, StringChunked)], row: usize) -> Option<String> {
    let mut hash = Sha256::new();
    let mut filled = false;
    for (field, column) in columns {
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
    filled.then(|| hex::encode(hash.finalize()).chars().take(16).collect())
}

/// A sender that gets no answer posts the same body again within minutes: one record. Later it is another lead.
pub(super) fn tell_retries(ids: &mut [Option<String>], created: &Times, rows: &[u32], aside: &mut Vec<Aside>) {
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

/// Rows with the same id: of one person the one changed last is the record and the others are set aside; rows of other
/// people are records of their own, and the id is none's.
pub(super) fn tell_duplicates(
    found: &mut Identified,
    text: &dyn Fn(&str) -> StringChunked,
    modified: &[Option<i64>],
    lines: &[u32],
    aside: &mut Vec<Aside>,
    file: &mut ReadFile,
) {
    let mut first: PlHashMap<&str, u32> = PlHashMap::with_capacity(found.ids.len());
    let mut groups: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (n, id) in (0u32..).zip(&found.ids) {
        if let Some(before) = id.as_deref().and_then(|id| first.insert(id, n).map(|before| (id, before))) {
            first.insert(before.0, before.1);
            groups.entry(before.1).or_insert_with(|| vec![before.1]).push(n);
        }
    }
    drop(first);
    if groups.is_empty() {
        return;
    }
    let people = People::new(text);
    let mut shared: Vec<usize> = Vec::new();
    let mut of_several = 0usize;
    for group in groups.into_values() {
        let mut persons: Vec<Vec<usize>> = Vec::new();
        for n in group.into_iter().map(|n| n as usize) {
            match persons
                .iter_mut()
                .find(|rows| rows.iter().any(|row| People::are_one(&people.of(*row), &people.of(n))))
            {
                Some(rows) => rows.push(n),
                None => persons.push(vec![n]),
            }
        }
        of_several += usize::from(persons.len() > 1);
        for rows in &persons {
            let newest = rows.iter().copied().max_by_key(|n| (modified.get(*n).copied().flatten(), *n));
            for n in rows.iter().copied().filter(|n| Some(*n) != newest) {
                if let Some(place) = found.ids.get_mut(n) {
                    *place = None;
                }
                let row = lines.get(n).copied().unwrap_or_default();
                let detail = "an earlier state of a record that stands in the file again".to_owned();
                aside.push(Aside { row, reason: "duplicate", detail });
            }
            shared.extend(newest.filter(|_| persons.len() > 1));
        }
    }
    shared.sort_unstable();
    for n in &shared {
        if let Some(place) = found.ids.get_mut(*n) {
            *place = None;
        }
    }
    by_content(found, &shared, text, lines);
    aside.append(&mut found.aside);
    if of_several > 0 {
        file.doubts.insert(Doubt::DamagedIds);
        const APART: &str = "used: the records are told apart by what they say";
        let one = format!("record id stands at several people and is not {APART}");
        let many = format!("record ids stand at several people each and are not {APART}");
        file.notes.push(Note::counted(of_several, one, many));
    }
}

/// What rows say of their people, in comparable form.
pub(super) struct People {
    emails: StringChunked,
    phones: StringChunked,
    names: [StringChunked; 3],
}

/// An address, a phone and a whole name, in comparable form.
pub(super) type Person = [Option<String>; 3];

impl People {
    pub(super) fn new(text: &dyn Fn(&str) -> StringChunked) -> Self {
        People { emails: text("email"), phones: text("phone"), names: ["first_name", "last_name", "name"].map(text) }
    }

    pub(super) fn of(&self, row: usize) -> Person {
        [self.email(row), self.phone(row), self.name(row)]
    }

    /// Whether two rows have the same texts, before any is put in comparable form: which takes long.
    pub(super) fn is_as_before<'a>(&'a self, row: usize, other: &'a People, before: usize) -> bool {
        let cells = |people: &'a People, row: usize| {
            let [first, last, whole] = &people.names;
            [&people.emails, &people.phones, first, last, whole].map(|column| column.get(row))
        };
        cells(self, row) == cells(other, before)
    }

    /// Whether a row has an address, a phone or a name.
    pub(super) fn is_anybody(&self, row: usize) -> bool {
        self.email(row).is_some() || self.phone(row).is_some() || self.name(row).is_some()
    }

    fn email(&self, row: usize) -> Option<String> {
        self.emails.get(row).and_then(contact::normalised_email)
    }

    fn phone(&self, row: usize) -> Option<String> {
        self.phones.get(row).and_then(contact::phone_digits)
    }

    fn name(&self, row: usize) -> Option<String> {
        let name = self.names.iter().filter_map(|column| column.get(row)).collect::<Vec<_>>().join(" ");
        Some(contact::fold(&name).into_owned()).filter(|name| !name.trim().is_empty())
    }

    /// Whether two rows can be of one person: they share an address, a phone or the whole name, or have none of them both.
    pub(super) fn are_one(a: &Person, b: &Person) -> bool {
        let both = || a.iter().zip(b).filter(|(a, b)| a.is_some() && b.is_some());
        both().count() == 0 || both().any(|(a, b)| a == b)
    }
}
