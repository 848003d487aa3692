//! The answer to a question → text for a terminal, or one JSON document. CSV is written as the published tables are.

use chrono::{DateTime, NaiveDate, TimeDelta};
use polars::prelude::*;
use serde_json::{Value, json};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::error::Result;

/// Columns under their headings, numbers to the right; nothing in a cell can move the cursor of a terminal, and what is
/// two columns wide there (`株式会社`) counts as two. In a terminal of so many columns the widest texts are cut until a line fits, and then columns left out; what is cut ends in `…`, and a line
/// below says so.
///
/// # Errors
/// When the engine fails.
pub fn table(frame: &DataFrame, terminal: Option<usize>) -> Result<String> {
    let mut columns: Vec<(bool, Vec<String>)> = Vec::with_capacity(frame.width());
    for column in frame.columns() {
        let mut cells = vec![column.name().to_string()];
        for row in 0..frame.height() {
            cells.push(match value(column.get(row)?) {
                Value::Null => String::new(),
                Value::String(text) => text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
                other => other.to_string(),
            });
        }
        columns.push((column.dtype().is_numeric() || column.dtype().is_decimal(), cells));
    }
    let full: Vec<usize> =
        columns.iter().map(|(_, cells)| cells.iter().map(|c| c.width()).max().unwrap_or(0)).collect();
    let widths = terminal.map_or_else(|| full.clone(), |terminal| narrowed(&full, terminal));
    let mut text = String::new();
    for row in 0..=frame.height() {
        let mut line = String::new();
        for ((right, cells), width) in columns.iter().zip(&widths) {
            let cell = &cut(cells.get(row).map_or("", String::as_str), *width);
            let gap = " ".repeat(width.saturating_sub(cell.width()));
            line += &if *right { format!("{gap}{cell}  ") } else { format!("{cell}{gap}  ") };
        }
        text += line.trim_end();
        text.push('\n');
        if row == 0 {
            text += &widths.iter().map(|w| "─".repeat(*w)).collect::<Vec<_>>().join("  ");
            text.push('\n');
        }
    }
    let everything = ": --output FILE.csv or | cat has everything";
    let cut = match full.len() - widths.len() {
        0 if widths == full => String::new(),
        0 => format!("; cut to the terminal{everything}"),
        n => format!("; cut to the terminal, {} left out{everything}", crate::error::count(n, "column", "columns")),
    };
    Ok(text + &crate::error::count(frame.height(), "row", "rows") + &cut + "\n")
}

/// The widths with which a line fits a terminal: the widest column gives first, none below a few characters; where that
/// is not enough, the last columns have none.
fn narrowed(full: &[usize], terminal: usize) -> Vec<usize> {
    const LEAST: usize = 6;
    let line = |widths: &[usize]| widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
    let least: Vec<usize> = full.iter().map(|width| *width.min(&LEAST)).collect();
    let fitting = (1..=full.len()).rev().find(|n| line(least.get(..*n).unwrap_or_default()) <= terminal).unwrap_or(1);
    let mut widths = full.get(..fitting).unwrap_or_default().to_vec();
    while line(&widths) > terminal {
        let Some(widest) = widths.iter_mut().filter(|w| **w > LEAST).max() else { break };
        *widest -= 1;
    }
    widths
}

fn cut(cell: &str, width: usize) -> String {
    if cell.width() <= width {
        return cell.to_owned();
    }
    let mut room = width.saturating_sub(1);
    let fits = |c: &char| {
        let left = room.checked_sub(c.width().unwrap_or(0));
        room = left.unwrap_or(0);
        left.is_some()
    };
    cell.chars().take_while(fits).chain(['…']).collect()
}

/// `{"columns": […], "rows": [{…}]}`: instants as RFC 3339, money as exact text, what is no number as null.
///
/// # Errors
/// When the engine fails.
pub fn json(frame: &DataFrame) -> Result<Value> {
    let names: Vec<String> = frame.get_column_names().iter().map(ToString::to_string).collect();
    let mut rows = vec![serde_json::Map::new(); frame.height()];
    for column in frame.columns() {
        for (at, row) in rows.iter_mut().enumerate() {
            row.insert(column.name().to_string(), value(column.get(at)?));
        }
    }
    Ok(json!({ "columns": names, "rows": rows }))
}

fn value(found: AnyValue<'_>) -> Value {
    match found {
        AnyValue::Null => Value::Null,
        AnyValue::String(text) => json!(text),
        AnyValue::StringOwned(text) => json!(text.as_str()),
        AnyValue::Boolean(yes) => json!(yes),
        AnyValue::Float64(n) => json!(n),
        AnyValue::Float32(n) => json!(f64::from(n)),
        AnyValue::Date(days) => {
            json!(NaiveDate::default().checked_add_signed(TimeDelta::days(days.into())).map(|d| d.to_string()))
        }
        AnyValue::Datetime(us, TimeUnit::Microseconds, _) | AnyValue::DatetimeOwned(us, TimeUnit::Microseconds, _) => {
            json!(DateTime::from_timestamp_micros(us).map(|t| t.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()))
        }
        other => match other.try_extract::<i64>() {
            Ok(n) if !matches!(other, AnyValue::Decimal(..)) => json!(n),
            _ => json!(other.str_value()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_letters_take_two_columns_of_a_terminal_and_marks_none() {
        let frame =
            df!("company" => ["株式会社サンプル", "Contoso", "e\u{301}te\u{301}"], "n" => [1i64, 22, 3]).unwrap();
        let text = table(&frame, None).unwrap();
        assert!(text.contains("\n株式会社サンプル   1\nContoso           22\n"), "{text}");
        assert!(text.contains("\ne\u{301}te\u{301}                3\n"), "{text}");
        let narrow = table(&frame, Some(13)).unwrap();
        assert!(narrow.contains("\n株式会社…   1\nContoso    22\n"), "{narrow}");
        assert!(narrow.lines().take(5).all(|line| line.width() <= 13), "{narrow}");
    }

    #[test]
    fn an_answer_is_exact_and_cannot_act_on_a_terminal() {
        let frame = df!(
            "who" => [Some("Ada\u{1b}[2J"), None],
            "n" => [5i64, 12],
            "share" => [f64::NAN, 0.5],
        )
        .unwrap()
        .lazy()
        .with_columns([
            lit("0.000000000000000036").cast(DataType::Decimal(38, 18)).alias("cost"),
            lit(1_777_816_800_000_000i64).cast(crate::tables::Kind::Instant.dtype()).alias("at"),
        ])
        .collect()
        .unwrap();
        let text = table(&frame, None).unwrap();
        assert!(!text.contains('\u{1b}') && text.lines().nth(2).unwrap().starts_with("Ada [2J   5"), "{text}");
        assert!(text.ends_with("2 rows\n"));
        let narrow = table(&frame, Some(40)).unwrap();
        assert!(narrow.lines().take(4).all(|line| line.chars().count() <= 40), "{narrow}");
        assert!(narrow.contains('…') && narrow.contains("--output"), "{narrow}");
        let narrower = table(&frame, Some(20)).unwrap();
        assert!(narrower.lines().take(4).all(|line| line.chars().count() <= 20), "{narrower}");
        assert!(narrower.contains("2 rows; cut to the terminal, 2 columns left out"), "{narrower}");
        let answer = json(&frame).unwrap();
        assert_eq!(answer["rows"][0]["cost"], json!("0.000000000000000036"));
        assert_eq!(answer["rows"][0]["at"], json!("2026-05-03T14:00:00.000000Z"));
        assert_eq!((&answer["rows"][0]["share"], &answer["rows"][1]["n"]), (&Value::Null, &json!(12)));
    }
}
