//! What is looked for in a file of an export, and which files are none.

use super::layouts::Layout;
use super::{json, mistaken};
use crate::config::Destination;
use crate::error::{Error, Result};
use crate::tabular::{self, Ask, Part, Sheet};

/// Files that stand beside exports and describe them.
pub(super) fn is_companion(name: &str) -> bool {
    let last = name.rsplit(['/', '!']).next().unwrap_or(name).to_lowercase();
    ["model.json", "manifest.json", "_success", ".ds_store", "thumbs.db"].contains(&last.as_str())
        || last.ends_with(".manifest")
        || last.starts_with("~$")
}

/// The tables of a part.
pub(super) fn tables(
    part: &Part,
    layout: &Layout,
    destination: &Destination,
    models: &[json::Model],
) -> Result<Vec<Sheet>> {
    if let Some(sheet) = json::read(part)? {
        return Ok(vec![sheet]);
    }
    with_ask(part, layout, destination, models, &mut |ask| tabular::read(part, ask)).map_err(|problem| {
        problem.or_hint(
            "if its headers have other names, say which is which in leadrecon.toml (leadrecon init makes one): columns = { \
             email = \"…\", created_at = \"…\" }",
        )
    })
}

/// Reads a part by what is looked for in it.
pub(super) fn with_ask<T>(
    part: &Part,
    layout: &Layout,
    destination: &Destination,
    models: &[json::Model],
    read: &mut dyn FnMut(&Ask) -> Result<T>,
) -> Result<T> {
    let wanted = |labels: &[String]| layout.score(labels, destination);
    // Which columns are needed is only known with the whole header; the labels that any field may have suffice.
    let keep = |label: &str| layout.knows(label, destination);
    let header = json::header_of(&part.name, models);
    let needed = if destination.columns.is_empty() { 2 } else { 1 };
    read(&Ask { score: &wanted, needed, keep: &keep, by_form: true, header })
}

/// The error for a file that is of something else.
pub(super) fn misplaced(file: &str, looks: mistaken::Looks) -> Error {
    Error::partial(format!("\"{file}\" was not taken in: this looks like {}", looks.words())).hint(
        "an export holds records of its own CRM: are the paths of two sections swapped? If it is one all the same, name its \
         columns with columns = { email = \"…\", created_at = \"…\" }",
    )
}
