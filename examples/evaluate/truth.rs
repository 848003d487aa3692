//! The truth that the generator wrote beside the publisher, as rows.

use std::collections::BTreeMap;

use leadrecon::generate::Publisher;

/// One row of a file of the truth: column to text.
pub type Row = BTreeMap<String, String>;

/// The rows of `truth/NAME.csv`.
pub fn rows(publisher: &Publisher, name: &str) -> Vec<Row> {
    let bytes = publisher.files.get(&format!("truth/{name}.csv")).expect("the generator writes the truth");
    csv::Reader::from_reader(bytes.as_slice()).deserialize().map(|row| row.unwrap()).collect()
}

/// A time of the truth in microseconds; none where there is none.
pub fn micros(text: &str) -> Option<i64> {
    chrono::DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp_micros())
}
