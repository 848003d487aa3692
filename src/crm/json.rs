//! JSON beside and instead of tables: logs of posted bodies, REST answers, and the model file of Synapse Link.
//!
//! Documents become the rows of a table in `documents`; those of large files are taken one by one in `streamed`.

use serde_json::Value;

use super::documents::{self, Columns, is_between};
use super::streamed::{read_in_parts, unreadable};
use crate::error::{Error, Result};
use crate::tabular::{self, Export, Known, Part, Sheet};

/// Whether a part begins as JSON does.
pub(super) fn is(part: &Part) -> Result<bool> {
    let opening = part.content.opening(4096).map_err(|e| unreadable(part, e))?;
    let text = tabular::text_of(&opening).unwrap_or_default();
    Ok(text.trim_start_matches(is_between).starts_with(['{', '[']))
}

/// Reads a part that is JSON: one document per line, an array, or an array under `value` or `items`. `None` if it is
/// something else.
pub(super) fn read(part: &Part) -> Result<Option<Sheet>> {
    if !is(part)? {
        return Ok(None);
    }
    let mut sheet = None;
    let mut take = |all: Sheet| {
        sheet = Some(all);
        Ok(true)
    };
    if read_in_parts(part, &mut Columns::default(), usize::MAX, &mut take)? {
        return Ok(sheet);
    }
    let whole = part.content.whole().map_err(|e| unreadable(part, e))?;
    let text = tabular::text_of(&whole).unwrap_or_else(|| String::from_utf8_lossy(&whole).into_owned());
    let mut columns = Columns::default();
    documents::of_text(&text, &mut columns);
    // `[First Name],[Last Name]` begins like JSON, too.
    let labels = text.lines().next().unwrap_or_default();
    if columns.height() == 0 && labels.starts_with('[') && labels.contains("],") {
        return Ok(None);
    }
    if columns.height() == 0 {
        let (what, hint) = match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
            Ok(_) => ("is JSON without a record", "look at it: an answer without rows, or one that tells an error?"),
            Err(e) if e.is_eof() => ("is JSON that breaks off", "export it again: it was not written to its end"),
            Err(_) => (
                "begins like JSON and no line of it is",
                "each line must be one JSON document, or the whole file one array",
            ),
        };
        return Err(Error::partial(format!("cannot read \"{}\": it {what}", part.name)).hint(hint));
    }
    Ok(Some(columns.sheet()))
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
