//! Leads that JSON holds in other shapes than one object each: tables of columns and rows, columns of values, Base64.
//!
//! Query services answer `{"columns": [{"name": …}], "rows": [[…]]}`, data frames are written column by column
//! (`{"Email": […]}`, `{"Email": {"0": …}}`), sheets as a list of lists under their header, and queues pack what they
//! carry into Base64. Each row becomes the object that it stands for.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::leads::{Named, named};
use crate::lenient;

/// More than this is no text of a queue.
const MOST_PACKED: usize = 1 << 20;

/// The members of an object.
pub(super) type Members<'t> = BTreeMap<Cow<'t, str>, &'t RawValue>;

/// Those of a text that is an object.
pub(super) fn members(text: &str) -> Option<Members<'_>> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    serde_json::from_str(text).ok()
}

/// The rows of a table, as objects: of `{"columns": …, "rows": …}`, or of an object whose members are columns.
pub(super) fn rows(fields: &Members<'_>) -> Option<Vec<String>> {
    of_table(fields).or_else(|| of_columns(fields))
}

/// The rows of a list of lists, the first of which is a header.
pub(super) fn rows_below_header(text: &str) -> Option<Vec<String>> {
    if !text.trim_start().strip_prefix('[')?.trim_start().starts_with('[') {
        return None;
    }
    let lists: Vec<Vec<&RawValue>> = serde_json::from_str(text).ok()?;
    let (header, rows) = lists.split_first()?;
    let names: Vec<String> = header.iter().map(|name| serde_json::from_str(name.get()).ok()).collect::<Option<_>>()?;
    objects(&names, rows)
}

fn of_table(fields: &Members<'_>) -> Option<Vec<String>> {
    let mut lists = fields.values().filter(|value| value.get().starts_with('['));
    let names: Vec<String> = lists.find_map(|value| {
        let items: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
        let name = |item: &&RawValue| {
            let plain = || serde_json::from_str::<String>(item.get()).ok();
            let described = || {
                let said = members(item.get())?;
                let is_name =
                    |name: &str| ["name", "columnname", "field", "label"].contains(&name.to_lowercase().as_str());
                let (_, value) = said.iter().find(|(name, _)| is_name(name))?;
                serde_json::from_str::<String>(value.get()).ok()
            };
            plain().or_else(described)
        };
        items.iter().map(name).collect::<Option<Vec<String>>>().filter(|names| names.len() > 1)
    })?;
    fields.values().find_map(|value| objects(&names, &serde_json::from_str::<Vec<Vec<&RawValue>>>(value.get()).ok()?))
}

/// Lists of values under names that leads have, as objects.
fn objects(names: &[String], rows: &[Vec<&RawValue>]) -> Option<Vec<String>> {
    let fits = rows.iter().all(|row| row.len() == names.len());
    if names.len() < 2 || rows.is_empty() || !fits || named(names.iter().map(String::as_str)) == Named::Nothing {
        return None;
    }
    Some(rows.iter().map(|row| object(names.iter().map(String::as_str).zip(row.iter().map(|v| v.get())))).collect())
}

fn object<'a>(members: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let members: Vec<String> =
        members.map(|(name, value)| format!("{}:{value}", serde_json::Value::from(name))).collect();
    format!("{{{}}}", members.join(","))
}

/// An object of which each member is a column: lists of one length, or objects with the same keys.
fn of_columns(fields: &Members<'_>) -> Option<Vec<String>> {
    if fields.len() < 3 || named(fields.keys().map(AsRef::as_ref)) == Named::Nothing {
        return None;
    }
    let column = |value: &&RawValue| -> Option<Vec<String>> {
        let is_scalar = |value: &&RawValue| !value.get().starts_with(['{', '[']);
        let items: Vec<&RawValue> = match value.get().as_bytes().first()? {
            b'[' => serde_json::from_str(value.get()).ok()?,
            // The keys are the numbers of the rows.
            b'{' => {
                let rows = members(value.get())?;
                let mut numbered: Vec<(u64, &RawValue)> =
                    rows.iter().map(|(n, value)| Some((n.parse().ok()?, *value))).collect::<Option<_>>()?;
                numbered.sort_by_key(|(n, _)| *n);
                numbered.into_iter().map(|(_, value)| value).collect()
            }
            _ => return None,
        };
        items.iter().all(is_scalar).then(|| items.iter().map(|item| item.get().to_owned()).collect())
    };
    let columns: Vec<Vec<String>> = fields.values().map(column).collect::<Option<_>>()?;
    let height = columns.first()?.len();
    // A list of one is how a lead may write a value.
    if height < 2 || columns.iter().any(|column| column.len() != height) {
        return None;
    }
    let row = |n: usize| {
        let cells = columns.iter().map(|column| column.get(n).map_or("null", String::as_str));
        object(fields.keys().map(AsRef::as_ref).zip(cells))
    };
    Some((0..height).map(row).collect())
}

/// The JSON that a text holds in Base64; nothing where it is none.
pub(super) fn packed(text: &str) -> Option<String> {
    let text = text.trim();
    let is_digit = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_' | b'=' | b'\r' | b'\n');
    // `{"`, `[{`, `{ ` and `{` with a line end begin so.
    if text.len() < 16 || text.len() > MOST_PACKED || !text.starts_with(['e', 'W']) || !text.bytes().all(is_digit) {
        return None;
    }
    String::from_utf8(lenient::base64(text)).ok().filter(|text| text.trim_start().starts_with(['{', '[']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_columns_and_lists_become_an_object_for_each_row() {
        let of = |text: &str| rows(&members(text).unwrap());
        let two = Some(vec![
            r#"{"Email":"a@x","LeadSource":"SPZA"}"#.to_owned(),
            r#"{"Email":"b@x","LeadSource":"SPZA"}"#.to_owned(),
        ]);
        assert_eq!(
            of(
                r#"{"name":"T","columns":[{"name":"Email"},{"name":"LeadSource"}],"rows":[["a@x","SPZA"],["b@x","SPZA"]]}"#
            ),
            two
        );
        assert_eq!(of(r#"{"columns":["Email","LeadSource"],"data":[["a@x","SPZA"],["b@x","SPZA"]]}"#), two);
        assert_eq!(rows_below_header(r#"[["Email","LeadSource"],["a@x","SPZA"],["b@x","SPZA"]]"#), two);
        let three = Some(vec![
            r#"{"A":1,"Email":"a@x","LeadSource":"SPZA"}"#.to_owned(),
            r#"{"A":2,"Email":"b@x","LeadSource":"SPZA"}"#.to_owned(),
        ]);
        assert_eq!(of(r#"{"Email":["a@x","b@x"],"LeadSource":["SPZA","SPZA"],"A":[1,2]}"#), three);
        assert_eq!(
            of(r#"{"Email":{"0":"a@x","10":"b@x"},"LeadSource":{"10":"SPZA","0":"SPZA"},"A":{"0":1,"10":2}}"#),
            three
        );
        assert_eq!(of(r#"{"Email":["a@x"],"LeadSource":["SPZA"],"A":[1]}"#), None, "one lead with lists of one");
        assert_eq!(of(r#"{"Email":"a@x","LeadSource":"SPZA","Tags":["x","y"]}"#), None);
    }

    #[test]
    fn base64_is_opened_where_json_is_in_it() {
        assert_eq!(packed("eyJlbWFpbCI6ICJhQHguZXhhbXBsZSJ9").as_deref(), Some(r#"{"email": "a@x.example"}"#));
        assert_eq!(packed("elephants-and-whales-walk"), None);
    }
}
