//! Parquet: each row rendered as a JSON object, nulls left out. The one format whose bytes are not a record's bytes.

use std::io::Cursor;

use polars::prelude::*;
use serde_json::{Map, Value};

use super::cutter::{Cutter, SAMPLE, Stopped};
use crate::codes::quarantine;

/// Cells that a file may have: a few kilobytes can say that they are billions.
const MOST_CELLS: usize = 200_000_000;
/// Rows rendered at a time.
const ROWS: usize = 10_000;

impl Cutter<'_> {
    pub(super) fn parquet(&mut self, bytes: Vec<u8>) -> Result<(), Stopped> {
        let mut reader = ParquetReader::new(Cursor::new(&bytes));
        if let Ok(metadata) = reader.get_metadata() {
            let (rows, columns) = (metadata.num_rows, metadata.schema_descr.columns().len().max(1));
            if rows.saturating_mul(columns) > MOST_CELLS {
                return Err(Stopped::Refused(format!("{rows} rows of {columns} columns are more than leads can be")));
            }
        }
        let frame = match reader.finish() {
            Ok(frame) => frame,
            Err(_) => {
                let start = bytes.get(..SAMPLE.min(bytes.len())).unwrap_or_default().to_vec();
                return self.problem(start, quarantine::NOT_TEXT, "Parquet that is cut or damaged");
            }
        };
        for start in (0..frame.height()).step_by(ROWS) {
            let part = frame.slice(start as i64, ROWS);
            let columns: Vec<_> = part.columns().iter().map(|c| (c.name().to_string(), c)).collect();
            for row in 0..part.height() {
                let fields: Map<String, Value> = columns
                    .iter()
                    .filter_map(|(name, column)| Some((name.clone(), json(&column.get(row).ok()?)?)))
                    .collect();
                self.json(Value::Object(fields).to_string().as_bytes())?;
            }
        }
        Ok(())
    }
}

fn json(value: &AnyValue<'_>) -> Option<Value> {
    Some(match value {
        AnyValue::Null => return None,
        AnyValue::Boolean(b) => Value::Bool(*b),
        AnyValue::String(s) => Value::String((*s).to_owned()),
        AnyValue::StringOwned(s) => Value::String(s.to_string()),
        AnyValue::Binary(b) => Value::String(binary(b)),
        AnyValue::BinaryOwned(b) => Value::String(binary(b)),
        AnyValue::Float32(f) => serde_json::Number::from_f64(f64::from(*f)).map_or(Value::Null, Value::Number),
        AnyValue::Float64(f) => serde_json::Number::from_f64(*f).map_or(Value::Null, Value::Number),
        AnyValue::Datetime(n, unit, _) => instant(*n, *unit)?,
        AnyValue::DatetimeOwned(n, unit, _) => instant(*n, *unit)?,
        AnyValue::List(series) => Value::Array(series.iter().filter_map(|v| json(&v)).collect()),
        AnyValue::Struct(..) | AnyValue::StructOwned(_) => {
            let AnyValue::StructOwned(owned) = value.clone().into_static() else { return None };
            let fields = owned.1.iter().map(|f| f.name().to_string());
            Value::Object(fields.zip(owned.0.iter()).filter_map(|(n, v)| Some((n, json(v)?))).collect())
        }
        other if other.is_integer() => Value::Number(other.extract::<i64>()?.into()),
        other => Value::String(other.to_string()),
    })
}

fn binary(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| hex::encode(bytes), str::to_owned)
}

fn instant(n: i64, unit: TimeUnit) -> Option<Value> {
    let time = match unit {
        TimeUnit::Nanoseconds => chrono::DateTime::from_timestamp_nanos(n),
        TimeUnit::Microseconds => chrono::DateTime::from_timestamp_micros(n)?,
        TimeUnit::Milliseconds => chrono::DateTime::from_timestamp_millis(n)?,
    };
    Some(Value::String(time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)))
}
