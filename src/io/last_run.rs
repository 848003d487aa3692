//! The published tables of the last run, for commands that answer questions about it.

use std::fs::File;
use std::path::Path;

use chrono::NaiveDate;
use polars::prelude::*;

use super::publish::cannot;
use crate::error::{Error, Result};
use crate::tables::{Grain, Table};

/// A table of the newest published day.
///
/// # Errors
/// When nothing was published yet (exit 2), or the file cannot be read or has another shape (exit 4).
pub fn table<T: Grain>(out: &Path) -> Result<Table<T>> {
    let path = out.join("latest").join("tables").join(format!("{}.parquet", T::DEFINITION.name));
    let file = File::open(&path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => {
            Error::usage("there is no report yet").at(path.display()).hint("`leadrecon run` writes one")
        }
        _ => cannot("read", &path, &e),
    })?;
    let frame = ParquetReader::new(file)
        .finish()
        .map_err(|e| Error::failed(format!("cannot read {}", path.display())).because(e).hint("run the job again"))?;
    Table::in_order(frame).map_err(|e| e.at(path.display()))
}

/// The summary of the newest report; null before the first.
fn summary(out: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(out.join("latest").join("summary.json")).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// What the newest report inferred of each destination, as it stands in its summary; none before the first.
pub fn inferred(out: &Path) -> Vec<serde_json::Value> {
    summary(out).get("inferred").and_then(|list| list.as_array()).cloned().unwrap_or_default()
}

/// The match probability from which two leads were one person in the newest report; none before the first.
pub fn threshold(out: &Path) -> Option<f64> {
    summary(out).get("identity")?.get("threshold")?.as_f64()
}

/// The as-of date of the newest report.
///
/// # Errors
/// When nothing was published yet (exit 2).
pub fn day(out: &Path) -> Result<NaiveDate> {
    let latest = out.join("latest");
    let target = std::fs::read_link(&latest).ok();
    let name = target.as_deref().and_then(Path::file_name).map(|n| n.to_string_lossy().into_owned());
    name.and_then(|n| n.parse().ok())
        .ok_or_else(|| Error::usage("there is no report yet").at(latest.display()).hint("`leadrecon run` writes one"))
}
