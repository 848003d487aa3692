//! Frames → the values that templates and sheets show: local times, masked people, nothing else changed.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use minijinja::Value;
use polars::prelude::*;

use super::filters::{mask_email, mask_name, mask_phone};
use super::xlsx::Cell;
use crate::config::Pii;
use crate::error::Result;

/// How rows are shown.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Masked or in full.
    pub pii: Pii,
    /// Zone of the times shown.
    pub timezone: Tz,
}

/// Columns that hold what a customer typed about himself and nobody needs to read a report.
const WITHHELD: &[&str] = &["payload", "description"];

/// How columns of money begin whose sums are doubles.
const OF_MONEY: &[&str] = &["cost_per", "spend", "expected", "median_won"];

impl View {
    /// The first `most` rows, each a map from column to value.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn rows(&self, frame: &DataFrame, most: usize) -> Result<Vec<Value>> {
        let shown = frame.height().min(most);
        let mut rows: Vec<BTreeMap<String, Value>> = vec![BTreeMap::new(); shown];
        for column in frame.columns() {
            for (place, row) in rows.iter_mut().enumerate() {
                row.insert(column.name().to_string(), self.value(column.name(), column.get(place)?));
            }
        }
        Ok(rows.into_iter().map(Value::from).collect())
    }

    fn value(&self, column: &str, found: AnyValue<'_>) -> Value {
        match self.cell(column, found) {
            Cell::Empty => Value::from(()),
            Cell::Text(text) => Value::from(text),
            Cell::Count(n) => Value::from(n),
            Cell::Number(n) | Cell::Share(n) | Cell::Money(n) => Value::from(n),
            Cell::Instant(t) => Value::from(self.minute(t)),
            Cell::Day(day) => Value::from(day.to_string()),
            Cell::Flag(yes) => Value::from(yes),
            Cell::Link { text, .. } => Value::from(text),
        }
    }

    /// One value as a cell of a sheet.
    pub fn cell(&self, column: &str, found: AnyValue<'_>) -> Cell {
        match found {
            AnyValue::Null => Cell::Empty,
            AnyValue::String(text) => self.text(column, text),
            AnyValue::StringOwned(text) => self.text(column, &text),
            AnyValue::Boolean(yes) => Cell::Flag(yes),
            AnyValue::Float64(n) if column.contains("_rate") => Cell::Share(n),
            AnyValue::Float64(n) if OF_MONEY.iter().any(|of| column.starts_with(of)) => Cell::Money(n),
            AnyValue::Float64(n) => Cell::Number(n),
            AnyValue::Date(days) => {
                Cell::Day(NaiveDate::default().checked_add_signed(TimeDelta::days(days.into())).unwrap_or_default())
            }
            AnyValue::Datetime(us, TimeUnit::Microseconds, _)
            | AnyValue::DatetimeOwned(us, TimeUnit::Microseconds, _) => {
                DateTime::from_timestamp_micros(us).map_or(Cell::Empty, Cell::Instant)
            }
            AnyValue::Decimal(digits, _, scale) => Cell::Money(digits as f64 / 10f64.powi(scale as i32)),
            AnyValue::Binary(_) | AnyValue::BinaryOwned(_) => Cell::Text("(bytes)".to_owned()),
            other => match other.try_extract::<i64>() {
                Ok(n) => Cell::Count(n),
                Err(_) => Cell::Text(other.str_value().into_owned()),
            },
        }
    }

    fn text(&self, column: &str, text: &str) -> Cell {
        if self.pii == Pii::Full {
            return Cell::Text(text.to_owned());
        }
        Cell::Text(match column {
            "email" => mask_email(text),
            "phone" => mask_phone(text),
            "first_name" | "last_name" => mask_name(text),
            c if WITHHELD.contains(&c) => "(not shown)".to_owned(),
            // An owner is one of us and needed by name; an address is an address.
            _ if text.contains('@') => text
                .split_whitespace()
                .map(|word| if word.contains('@') { mask_email(word) } else { word.to_owned() })
                .collect::<Vec<_>>()
                .join(" "),
            _ => text.to_owned(),
        })
    }

    /// `2026-05-03 14:10`, in the report's time zone.
    pub fn minute(&self, t: DateTime<Utc>) -> String {
        self.timezone.from_utc_datetime(&t.naive_utc()).format("%Y-%m-%d %H:%M").to_string()
    }

    /// `Sun 3 May 2026 14:10`, in the report's time zone.
    pub fn spoken(&self, t: DateTime<Utc>) -> String {
        self.timezone.from_utc_datetime(&t.naive_utc()).format("%a %-d %b %Y %H:%M").to_string()
    }
}
