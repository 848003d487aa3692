//! JSON beside and instead of tables: logs of posted bodies, REST answers, and the model file of Synapse Link.
//!
//! A body is flattened: its fields become columns by their last name, whatever wrapper they stand in. Keys of any case
//! meet (`UserDetails`, `userdetails`); of a key written twice the last counts.

use polars::prelude::*;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::tabular::{ColumnForm, Export, Form, Known, Part, Refused, Sheet, fold};

/// Whether a part begins as JSON does.
pub(super) fn is(part: &Part) -> Result<bool> {
    let unread = |e: std::io::Error| Error::partial(format!("cannot read export \"{}\"", part.name)).because(e);
    let opening = part.content.opening(4096).map_err(unread)?;
    let bytes = opening.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&opening);
    Ok(bytes.iter().find(|b| !b.is_ascii_whitespace()).is_some_and(|first| matches!(first, b'{' | b'[')))
}

/// Reads a part that is JSON: one document per line, an array, or an array under `value` or `items`. `None` if it is
/// something else.
pub(super) fn read(part: &Part) -> Result<Option<Sheet>> {
    if !is(part)? {
        return Ok(None);
    }
    let unread = |e: std::io::Error| Error::partial(format!("cannot read export \"{}\"", part.name)).because(e);
    let whole = part.content.whole().map_err(unread)?;
    let bytes = whole.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&whole);
    let text = String::from_utf8_lossy(bytes);
    let mut documents: Vec<(u32, Value)> = Vec::new();
    let mut ragged = Vec::new();
    match serde_json::from_str::<Value>(&text) {
        Ok(whole) => match (rows_of(&whole), whole) {
            (Some(rows), _) | (None, Value::Array(rows)) => documents.extend((1u32..).zip(rows)),
            (None, whole) => documents.push((1, whole)),
        },
        Err(_) => {
            for (row, line) in (1u32..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
                match serde_json::from_str::<Value>(line) {
                    Ok(document) => documents.push((row, document)),
                    Err(e) => {
                        let detail = format!("no JSON (column {})", e.column());
                        ragged.push(Refused { row, detail, text: line.to_owned() });
                    }
                }
            }
        }
    }
    // `[First Name],[Last Name]` begins like JSON, too.
    let labels = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    if documents.is_empty() && labels.first() == Some(&b'[') && labels.windows(2).filter(|w| w == b"],").count() > 0 {
        return Ok(None);
    }
    if documents.is_empty() {
        return Err(Error::partial(format!("cannot read \"{}\": it begins like JSON and no line of it is", part.name))
            .hint("each line must be one JSON document, or the whole file one array"));
    }
    Ok(Some(sheet(&documents, ragged)))
}

/// The rows of a REST answer, wherever it holds them, or of several pages of answers; none of anything else.
fn rows_of(whole: &Value) -> Option<Vec<Value>> {
    /// What the services call them: OData, HubSpot, Salesforce and its command line, Marketo, and what others do.
    const NAMES: &[&str] = &["value", "items", "results", "records", "result", "rows", "data", "contacts", "leads"];
    // A record has an id of its own, and may hold lists of others.
    let is_page =
        |page: &Value| page.as_object().is_some_and(|page| !page.keys().any(|k| k.eq_ignore_ascii_case("id")));
    let of_pages = |pages: &[Value]| -> Option<Vec<Value>> {
        if !pages.iter().all(is_page) {
            return None;
        }
        let pages = pages.iter().map(rows_of).collect::<Option<Vec<_>>>()?;
        (!pages.is_empty()).then(|| pages.concat())
    };
    match whole {
        Value::Array(pages) => of_pages(pages),
        Value::Object(object) => {
            let known = |key: &str| NAMES.iter().any(|name| key.eq_ignore_ascii_case(name));
            object.iter().filter(|(key, _)| known(key)).find_map(|(_, value)| match value {
                Value::Array(rows) if rows.iter().all(Value::is_object) => {
                    Some(of_pages(rows).unwrap_or_else(|| rows.clone()))
                }
                Value::Object(_) => rows_of(value),
                _ => None,
            })
        }
        _ => None,
    }
}

fn sheet(documents: &[(u32, Value)], ragged: Vec<Refused>) -> Sheet {
    let mut header: Vec<String> = Vec::new();
    let mut places = std::collections::HashMap::new();
    let mut rows: Vec<Vec<(usize, String)>> = Vec::new();
    for (_, document) in documents {
        let mut cells = Vec::new();
        flatten(document, 0, &mut |name: &str, value: String| {
            let place = *places.entry(fold(name)).or_insert_with(|| {
                header.push(name.to_owned());
                header.len() - 1
            });
            cells.push((place, value));
        });
        rows.push(cells);
    }
    let mut columns: Vec<Vec<Option<String>>> = vec![vec![None; rows.len()]; header.len()];
    for (n, cells) in rows.into_iter().enumerate() {
        for (place, value) in cells {
            if let Some(cell) = columns.get_mut(place).and_then(|column| column.get_mut(n)) {
                *cell = Some(value);
            }
        }
    }
    let columns: Vec<StringChunked> =
        columns.into_iter().map(|column| column.into_iter().collect_ca(PlSmallStr::EMPTY)).collect();
    Sheet {
        name: None,
        form: Form { container: "json".into(), encoding: "UTF-8".into(), ..Form::default() },
        preamble: Vec::new(),
        names: vec![None; header.len()],
        entity: None,
        forms: columns.iter().map(ColumnForm::of_column).collect(),
        header,
        header_row: 0,
        columns: columns.into_iter().map(Some).collect(),
        rows: documents.iter().map(|(row, _)| *row).collect(),
        trailer: Vec::new(),
        ragged,
        padded: 0,
        ends_inside: false,
    }
}

/// Hands on each scalar with its last name; text that is JSON itself (an escaped body) is opened.
fn flatten(value: &Value, depth: usize, take: &mut impl FnMut(&str, String)) {
    if depth > 8 {
        return;
    }
    let Some(object) = value.as_object() else { return };
    // Wrappers first, so that what stands outside of them (time of receipt) is not overwritten by the body's own.
    for (name, inner) in object {
        match inner {
            Value::Object(_) => flatten(inner, depth + 1, take),
            Value::String(text) if text.trim_start().starts_with('{') => match serde_json::from_str::<Value>(text) {
                Ok(opened) if opened.is_object() => flatten(&opened, depth + 1, take),
                _ => take(name, text.clone()),
            },
            _ => {}
        }
    }
    for (name, inner) in object {
        match inner {
            Value::String(text) if text.trim_start().starts_with('{') => {}
            Value::String(text) => take(name, text.clone()),
            Value::Number(number) => take(name, number.to_string()),
            Value::Bool(flag) => take(name, flag.to_string()),
            Value::Null | Value::Object(_) | Value::Array(_) => {}
        }
    }
}

/// A Synapse Link folder: columns of each entity, since its CSV files have none.
pub(super) struct Model {
    /// Folder of the model, with a slash, or empty.
    folder: String,
    entities: Vec<Entity>,
}

struct Entity {
    /// In lower case; its folder has the same name.
    name: String,
    /// Ends of the addresses of its files: folder and file, in lower case.
    files: Vec<String>,
    known: Known,
    /// Whether its files have a header of their own.
    headed: bool,
}

/// The models among the exports.
pub(super) fn models(exports: &[Export]) -> Vec<Model> {
    let is_model = |name: &str| name.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case("model.json"));
    exports.iter().filter(|e| is_model(&e.name)).filter_map(model).collect()
}

fn model(export: &Export) -> Option<Model> {
    let whole = export.content.whole().ok()?;
    let bytes = whole.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&whole);
    let document: Value = serde_json::from_slice(bytes).ok()?;
    let entities = document.get("entities")?.as_array()?.iter().filter_map(entity).collect();
    let folder = export.name.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    Some(Model { folder, entities })
}

fn entity(entity: &Value) -> Option<Entity> {
    let attributes = entity.get("attributes")?.as_array()?;
    let labels = attributes.iter().filter_map(|a| Some(a.get("name")?.as_str()?.to_owned())).collect();
    let partitions = entity.get("partitions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    // One format for all partitions: the columns are one list as well.
    let format = partitions.iter().find_map(|p| p.get("fileFormatSettings"));
    let setting = |name: &str| format.and_then(|f| f.get(name));
    // Some writers put truth values in quotes.
    let headed = setting("columnHeaders")
        .is_some_and(|v| v.as_bool() == Some(true) || v.as_str().is_some_and(|v| v.eq_ignore_ascii_case("true")));
    let delimiter = setting("delimiter").and_then(Value::as_str).and_then(|d| d.bytes().next());
    let files = partitions.iter().filter_map(|p| p.get("location")?.as_str()).map(last_two).collect();
    let name = entity.get("name")?.as_str()?.to_lowercase();
    Some(Entity { name, files, known: Known { labels, delimiter }, headed })
}

/// The last two parts of an address or a path.
fn last_two(path: &str) -> String {
    let path = path.split('?').next().unwrap_or(path).to_lowercase().replace("%20", " ");
    let start = path.rmatch_indices('/').nth(1).map_or(0, |(at, _)| at + 1);
    path.get(start..).unwrap_or_default().to_owned()
}

/// The header of a file under a model: of the entity whose folder it stands in, or that names it among its files.
pub(super) fn header_of(name: &str, models: &[Model]) -> Option<Known> {
    let (model, rest) = models.iter().find_map(|model| Some((model, name.strip_prefix(&model.folder)?)))?;
    let folder = rest.split('/').next()?.to_lowercase();
    let file = last_two(name);
    let named = model.entities.iter().find(|entity| entity.files.contains(&file));
    let entity = named.or_else(|| model.entities.iter().find(|entity| entity.name == folder))?;
    (!entity.headed).then(|| entity.known.clone())
}
