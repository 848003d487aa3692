//! Leads on their way back → an import file of the CRM, or one posted body per line.
//!
//! Values are exact: what an import reads must not be neutralised. What the CRM would refuse again (a required cell
//! empty, an address it does not take) goes to a second file of the same columns whose last one names the cell.
//! Formats: `formats.toml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use crate::config::{Destination, DestinationKind};
use crate::contact::is_placeholder;
use crate::error::{Error, Result};
use crate::replay::handout::{HandOut, Row};

#[derive(Deserialize)]
struct Format {
    /// Whether the file begins with a byte order mark.
    bom: bool,
    line_end: String,
    /// Whether columns are API names, which have no blanks.
    #[serde(default)]
    api_names: bool,
    /// Which e-mail addresses the CRM takes.
    addresses: Addresses,
    required: Vec<String>,
    /// Field of ours, column, longest value in characters.
    columns: Vec<(String, String, usize)>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Addresses {
    Any,
    Plain,
    Ascii,
}

static FORMATS: LazyLock<BTreeMap<String, Format>> =
    LazyLock::new(|| toml::from_str(include_str!("formats.toml")).unwrap_or_default());

/// Longest value of a column that the format does not know.
const LONGEST: usize = 65_000;

/// Writes what the CRM would take, at most `limit` leads, and what it would refuse.
pub(super) fn write(
    rows: Vec<Row>,
    destination: &Destination,
    limit: Option<usize>,
    handed: &mut HandOut,
) -> Result<()> {
    let limit = limit.unwrap_or(usize::MAX);
    if destination.kind == DestinationKind::Https {
        handed.ending = "ndjson";
        bodies(rows, destination, limit, handed);
        return Ok(());
    }
    handed.ending = "csv";
    let Some(format) = FORMATS.get(destination.kind.name()) else {
        return Err(Error::failed(format!("no import format for kind {}", destination.kind.name())));
    };
    csv_file(rows, format, destination, limit, handed)
}

/// One column of the file.
struct Column<'a> {
    /// Field of ours; empty where the configuration alone fills it.
    field: &'a str,
    title: &'a str,
    longest: usize,
}

fn columns<'a>(format: &'a Format, destination: &'a Destination, notes: &mut Vec<String>) -> Vec<Column<'a>> {
    let mut columns: Vec<Column> = Vec::new();
    let own = |field: &str| destination.columns.get(field).map(String::as_str);
    for (field, title, longest) in &format.columns {
        let title = match own(field) {
            // The export is a report with labels; the import wants API names.
            Some(label) if format.api_names && !is_api_name(label) => {
                notes.push(format!("the export's column \"{label}\" is a label: the file says {title}"));
                title
            }
            Some(own) => own,
            None => title,
        };
        columns.push(Column { field, title, longest: *longest });
    }
    // Fields that the CRM has no column of its own for and the configuration names one.
    for field in ["description", "lead_source"] {
        if let Some(title) = own(field).filter(|_| !columns.iter().any(|c| c.field == field)) {
            columns.push(Column { field, title, longest: LONGEST });
        }
    }
    if let Some(key) = destination.key.as_deref() {
        if format.api_names && !is_api_name(key) {
            notes.push(format!("\"{key}\" is a label: map this column to its field by hand"));
        }
        columns.push(Column { field: "key", title: key, longest: 255 });
    }
    let more = destination.replay.set.keys().chain(&destination.replay.required);
    for title in more {
        if !columns.iter().any(|c| c.title == title) {
            columns.push(Column { field: "", title, longest: LONGEST });
        }
    }
    columns
}

fn is_api_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn csv_file(
    rows: Vec<Row>,
    format: &Format,
    destination: &Destination,
    limit: usize,
    handed: &mut HandOut,
) -> Result<()> {
    let columns = columns(format, destination, &mut handed.notes);
    let required: Vec<&str> = format
        .required
        .iter()
        // A format's own column may have another title here.
        .map(|title| {
            let field = format.columns.iter().find(|(_, t, _)| t == title).map(|(field, ..)| field.as_str());
            columns.iter().find(|c| Some(c.field) == field).map_or(title.as_str(), |c| c.title)
        })
        .chain(destination.replay.required.iter().map(String::as_str))
        .collect();
    let terminator = if format.line_end == "\r\n" { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
    let new = || {
        let start = if format.bom { "\u{feff}" } else { "" };
        csv::WriterBuilder::new().terminator(terminator).from_writer(start.as_bytes().to_vec())
    };
    let (mut good, mut fix) = (new(), new());
    let failed = |e: csv::Error| Error::failed("cannot write the replay file").because(e);
    let titles = || columns.iter().map(|c| c.title);
    good.write_record(titles()).map_err(failed)?;
    fix.write_record(titles().chain(["fix"])).map_err(failed)?;
    for row in rows {
        if handed.lead_ids.len() >= limit {
            break;
        }
        let mut faults = Vec::new();
        let mut values = Vec::with_capacity(columns.len());
        for column in &columns {
            let set = destination.replay.set.get(column.title);
            let value = set.or_else(|| row.fields.get(column.field)).map_or("", String::as_str).trim();
            // "n/a" is no address: the CRM takes the row without one and not with it.
            let value = if column.field == "email" && is_placeholder(value) { "" } else { value };
            if value.is_empty() && required.contains(&column.title) {
                faults.push(format!("empty: {}", column.title));
            }
            let long = value.chars().count() > column.longest;
            // A part of a text is better than none; a part of an address or a key is another one.
            if long && ["email", "key"].contains(&column.field) {
                faults.push(format!("longer than {} characters: {}", column.longest, column.title));
            } else if column.field == "email" && !takes(format.addresses, value) {
                faults.push(format!("no address the CRM takes: {}", column.title));
            }
            let whole = ["email", "key"].contains(&column.field);
            values.push(if long && !whole { value.chars().take(column.longest).collect() } else { value.to_owned() });
        }
        if faults.is_empty() {
            good.write_record(&values).map_err(failed)?;
            handed.lead_ids.push(row.lead_id);
        } else {
            values.push(format!("{} (lead {})", faults.join("; "), row.lead_id));
            fix.write_record(&values).map_err(failed)?;
            handed.to_fix += 1;
        }
    }
    let bytes = |writer: csv::Writer<Vec<u8>>| {
        writer.into_inner().map_err(|e| Error::failed("cannot write the replay file").because(e.error()))
    };
    if !handed.lead_ids.is_empty() {
        handed.file = bytes(good)?;
    }
    if handed.to_fix > 0 {
        handed.fix = bytes(fix)?;
    }
    Ok(())
}

/// Whether the CRM takes this as an e-mail; nothing is fine, unless it is required.
fn takes(addresses: Addresses, value: &str) -> bool {
    if addresses == Addresses::Any || value.is_empty() {
        return true;
    }
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"<>()[],;:\"\\".contains(c);
    let one = value.split_once('@').is_some_and(|(local, domain)| {
        let labels = |text: &str| text.split('.').all(|label| !label.is_empty());
        labels(local) && labels(domain) && domain.contains('.') && !domain.contains('@')
    });
    one && value.chars().all(plain) && (addresses != Addresses::Ascii || value.is_ascii())
}

fn bodies(rows: Vec<Row>, destination: &Destination, limit: usize, handed: &mut HandOut) {
    for row in rows {
        if handed.lead_ids.len() >= limit {
            break;
        }
        let mut body = body(&row, destination);
        let empty: Vec<&str> =
            destination.replay.required.iter().map(String::as_str).filter(|name| is_empty(&body, name)).collect();
        let to = if empty.is_empty() {
            handed.lead_ids.push(row.lead_id);
            &mut handed.file
        } else {
            handed.to_fix += 1;
            let fault = format!("empty: {} (lead {})", empty.join(", "), row.lead_id);
            if let Some(object) = body.as_object_mut() {
                object.insert("fix".to_owned(), fault.into());
            }
            &mut handed.fix
        };
        to.extend_from_slice(body.to_string().as_bytes());
        to.push(b'\n');
    }
}

/// Whether a body has no value of this name, in `userDetails` or beside it, in any case.
fn is_empty(body: &Value, name: &str) -> bool {
    let inner = body.get("userDetails");
    let found = [Some(body), inner].into_iter().flatten().filter_map(Value::as_object).flatten();
    !found.into_iter().any(|(key, value)| {
        key.eq_ignore_ascii_case(name) && value.as_str().is_some_and(|text| !text.trim().is_empty())
    })
}

/// A body as the marketplace posts it (Microsoft, "Use an HTTPS endpoint to manage commercial marketplace leads").
fn body(row: &Row, destination: &Destination) -> Value {
    let of = |name: &str| row.fields.get(name).map_or("", String::as_str);
    let mut body = serde_json::json!({
        "userDetails": {
            "firstName": of("first_name"), "lastName": of("last_name"), "email": of("email"), "phone": of("phone"),
            "country": of("country"), "company": of("company"), "title": of("title"),
        },
        "leadSource": row.source,
        "actionCode": row.action,
        "offerTitle": row.offer,
        "description": of("description"),
    });
    if let Some(object) = body.as_object_mut() {
        if let Some(key) = &destination.key {
            object.insert(key.clone(), of("key").into());
        }
        for (name, value) in &destination.replay.set {
            object.insert(name.clone(), value.clone().into());
        }
    }
    body
}
