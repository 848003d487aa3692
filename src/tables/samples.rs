//! Tables for tests: the columns that matter as given, all others from the dictionary.

#![cfg(test)]

use chrono::{DateTime, Utc};
use polars::prelude::*;
use serde_json::Value;

use super::{Definition, Grain, Kind, Table};

/// When everything is that needs a time and was given none: midnight of 1 January 2026.
const WHEN: i64 = 1_767_225_600_000_000;

impl<T: Grain> Table<T> {
    /// A table of these columns, sorted by its key. What is null or not given is null where the dictionary allows it, and
    /// otherwise neutral: nothing, zero, false, 1 January 2026, the first code of a list.
    ///
    /// # Panics
    /// When a column is not the table's, or the rows do not conform.
    pub(crate) fn sample(given: DataFrame) -> Self {
        Table::new(T::DEFINITION.sample(given)).unwrap()
    }

    /// As [`Self::sample`], in the order given.
    pub(crate) fn sample_in_order(given: DataFrame) -> Self {
        Table::in_order(T::DEFINITION.sample(given)).unwrap()
    }

    /// As [`Self::sample`], from rows of JSON.
    pub(crate) fn sample_of(rows: &Value) -> Self {
        Table::new(T::DEFINITION.sample_of(rows)).unwrap()
    }
}

impl Definition {
    /// A frame of this definition from the columns that matter.
    pub(crate) fn sample(&self, given: DataFrame) -> DataFrame {
        let columns = self.columns.iter().map(|column| {
            let dtype = column.kind.dtype();
            let of = if given.column(column.name).is_ok() { col(column.name) } else { lit(NULL) };
            let of = of.cast(dtype.clone());
            let neutral = match column.kind {
                _ if column.nullable => return of.alias(column.name),
                Kind::Text | Kind::Bytes => lit(""),
                Kind::Code(list) => lit(list[0]),
                Kind::Flag => lit(false),
                Kind::Count | Kind::Number | Kind::Money => lit(0),
                Kind::Instant => lit(WHEN),
                Kind::Day => lit((WHEN / crate::time::DAY) as i32),
            };
            of.fill_null(neutral.cast(dtype)).alias(column.name)
        });
        if given.height() == 0 {
            return self.empty();
        }
        let columns: Vec<Expr> = columns.collect();
        given.lazy().with_columns(columns).collect().unwrap()
    }

    /// The same from rows of JSON: instants as RFC 3339, days as dates, money as text.
    pub(crate) fn sample_of(&self, rows: &Value) -> DataFrame {
        let rows = rows.as_array().unwrap();
        for name in rows.iter().flat_map(|row| row.as_object().unwrap().keys()) {
            assert!(self.columns.iter().any(|c| c.name == name), "{} has no column {name}", self.name);
        }
        let columns = self.columns.iter().map(|column| {
            let cells = || rows.iter().map(|row| row.get(column.name).filter(|v| !v.is_null()));
            let texts = || cells().map(|cell| cell.map(|v| v.as_str().unwrap())).collect::<Vec<_>>();
            let instants = |at: &dyn Fn(&str) -> String| {
                let instant = |text| at(text).parse::<DateTime<Utc>>().unwrap().timestamp_micros();
                texts().into_iter().map(|text| text.map(instant)).collect::<Vec<Option<i64>>>()
            };
            let name = column.name.into();
            let series = match column.kind {
                Kind::Text | Kind::Code(_) | Kind::Bytes | Kind::Money => Series::new(name, texts()),
                Kind::Flag => Series::new(name, cells().map(|v| v.and_then(Value::as_bool)).collect::<Vec<_>>()),
                Kind::Count => Series::new(name, cells().map(|v| v.and_then(Value::as_i64)).collect::<Vec<_>>()),
                Kind::Number => Series::new(name, cells().map(|v| v.and_then(Value::as_f64)).collect::<Vec<_>>()),
                Kind::Instant => Series::new(name, instants(&str::to_owned)),
                Kind::Day => {
                    let midnights = Series::new(name, instants(&|day| format!("{day}T00:00:00Z")));
                    midnights.cast(&Kind::Instant.dtype()).unwrap()
                }
            };
            series.into_column()
        });
        self.sample(DataFrame::new(rows.len(), columns.collect()).unwrap())
    }
}
