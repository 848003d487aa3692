//! The one place where text leaves the program: standard output, standard error with the log, published files, history.
//!
//! Whoever wrote it, it passes [`shown`]: no key, signature or token, and no character that acts on a terminal. Talk that
//! cannot be written is dropped; what was asked for and cannot be written is an error of whoever asked.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::io::{self, Write};

use polars::prelude::*;
use serde_json::Value;

use crate::error::Result;
use crate::redaction::shown;

/// Columns that hold what the program says; all others hold what it read, exactly.
const SAID: [&str; 7] = ["about", "advice", "detail", "evidence", "file", "problem", "text"];

/// A text for standard output. What is put into it passes [`shown`]; only the colours, which are ours, do not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Painted(String);

impl Painted {
    /// Adds a piece.
    pub fn add(&mut self, text: &str) {
        self.0.push_str(&shown(text));
    }

    /// Adds a piece in a colour, by the code of its escape sequence; plain without one.
    pub fn paint(&mut self, colour: Option<u8>, text: &str) {
        match colour {
            Some(code) => self.0.push_str(&format!("\u{1b}[{code}m{}\u{1b}[0m", shown(text))),
            None => self.add(text),
        }
    }
}

impl<T: AsRef<str>> From<T> for Painted {
    fn from(text: T) -> Painted {
        Painted(shown(text.as_ref()).into_owned())
    }
}

/// Writes to standard output.
///
/// # Errors
/// Those of the system: what could not be written must not look like success.
pub fn print(text: &Painted) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.0.as_bytes())?;
    out.flush()
}

/// Writes a line to standard error; talk that cannot be written is dropped.
pub fn tell(line: &str) {
    // In one piece, so that lines of several threads stay lines.
    let _ = io::stderr().lock().write_all(format!("{}\n", shown(line)).as_bytes());
}

/// A document as it may be shown, in all its texts and names.
pub fn document(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(shown(text).into_owned()),
        Value::Array(items) => Value::Array(items.iter().map(document).collect()),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (shown(name).into_owned(), document(value))).collect())
        }
        other => other.clone(),
    }
}

/// A table as it may be kept and published: what the program says in it passes here, what it read stays exact.
///
/// # Errors
/// Only when a column is not what its name says (exit 4).
pub fn table(frame: &DataFrame) -> Result<DataFrame> {
    let mut frame = frame.clone();
    for name in SAID {
        let Ok(column) = frame.column(name) else { continue };
        let Ok(texts) = column.str() else { continue };
        // What is said is mostly the same sentence again.
        let said: HashSet<&str> = texts.iter().flatten().collect();
        let changed: HashMap<&str, String> = said
            .into_iter()
            .filter_map(|text| Some((text, shown(text).into_owned())).filter(|(text, shown)| text != shown))
            .collect();
        if !changed.is_empty() {
            let clean = |text| changed.get(text).map_or(Cow::Borrowed(text), |clean| Cow::Owned(clean.clone()));
            let clean = texts.apply(|text| text.map(clean));
            frame.with_column(clean.into_series().with_name(name.into()).into_column())?;
        }
    }
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_ours_and_nobody_elses() {
        let mut text = Painted::default();
        text.paint(Some(31), "bad");
        text.add(" \u{1b}[32mleads.csv");
        assert_eq!(text.0, "\u{1b}[31mbad\u{1b}[0m \u{fffd}[32mleads.csv");
        text = Painted::default();
        text.paint(None, "password=hunter2hunter");
        assert_eq!(text, Painted::from("password=[redacted]"));
    }

    #[test]
    fn what_the_program_says_in_a_table_passes_and_what_it_read_stays_exact() {
        let key = "password=hunter2hunter \u{1b}[2J";
        let frame = df!("text" => [key, "plain"], "description" => [key, "plain"]).unwrap();
        let clean = table(&frame).unwrap();
        assert_eq!(clean.column("text").unwrap().str().unwrap().get(0), Some("password=[redacted] \u{fffd}[2J"));
        assert_eq!(clean.column("description").unwrap().str().unwrap().get(0), Some(key));
        let value = serde_json::json!({ "a": [key], "n": 1 });
        assert_eq!(document(&value), serde_json::json!({ "a": ["password=[redacted] \u{fffd}[2J"], "n": 1 }));
    }
}
