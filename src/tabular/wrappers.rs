//! What programs put around cells and labels → the cells and labels.
//!
//! `="007"` keeps a spreadsheet from making a number of it, an apostrophe from making a formula of it, a byte order mark
//! is left where files were joined, and whoever quotes twice leaves the inner quotes. None of it was typed by anybody.

use polars::prelude::*;

use crate::lenient::is_curly;

/// Whether a cell may have something around it: asked of each cell, so it looks at the first byte only.
#[inline]
pub(super) fn may_wrap(cell: &str) -> bool {
    matches!(cell.as_bytes().first(), Some(b'=' | b'\'' | b'"' | 0xe2 | 0xef))
}

/// What nobody sees: marks of direction and of byte order, blanks of no width.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A cell without what can only be a wrapper.
fn bare(cell: &str) -> &str {
    let cell = cell.trim_matches(is_invisible);
    let formula = cell.trim().strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"'));
    // Programs that fear formulas put an apostrophe before what could begin one.
    let feared = cell.strip_prefix('\'').filter(|rest| rest.starts_with(['=', '+', '-', '@']));
    formula.filter(|inner| !inner.contains('"')).or(feared).unwrap_or(cell)
}

/// A column without its wrappers: a quote or an apostrophe is one where every cell has it, for a name may begin with one.
pub(super) fn column(cells: &StringChunked) -> StringChunked {
    const FEWEST: usize = 3;
    let filled: Vec<&str> = cells.iter().flatten().map(bare).map(str::trim).filter(|cell| !cell.is_empty()).collect();
    let all = |test: &dyn Fn(&str) -> bool| filled.len() >= FEWEST && filled.iter().all(|cell| test(cell));
    type Mark = fn(char) -> bool;
    let is_between = |mark: Mark| move |cell: &str| cell.len() > 1 && cell.starts_with(mark) && cell.ends_with(mark);
    let marks: [Mark; 3] = [|c| c == '"', |c| c == '\'', is_curly];
    let quoted = marks.into_iter().find(|mark| all(&is_between(*mark)));
    let is_led = quoted.is_none() && all(&|cell| cell.starts_with('\''));
    let unwrapped = |cell| {
        let cell = bare(cell);
        match quoted {
            Some(mark) => cell.trim().strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark)).unwrap_or(cell),
            None if is_led => cell.trim().strip_prefix('\'').unwrap_or(cell),
            None => cell,
        }
    };
    cells.iter().map(|cell| cell.map(unwrapped).filter(|cell| !cell.is_empty())).collect_ca(PlSmallStr::EMPTY)
}

/// A label as a person reads it.
pub(super) fn label(text: &str) -> &str {
    let blank = |c: char| c.is_whitespace() || is_invisible(c) || c == '\0';
    let mut label = text.trim_matches(blank);
    label = label.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"')).unwrap_or(label);
    label = label.strip_prefix(is_curly).and_then(|rest| rest.strip_suffix(is_curly)).unwrap_or(label);
    for (from, to) in [('"', '"'), ('\'', '\''), ('[', ']'), ('`', '`')] {
        let inner = label.strip_prefix(from).and_then(|rest| rest.strip_suffix(to));
        label = inner.filter(|inner| !inner.contains([from, to])).unwrap_or(label);
    }
    // A form's mark for what must be filled in.
    label = label.strip_suffix("(required)").or_else(|| label.strip_suffix('*')).unwrap_or(label);
    label.strip_prefix("* ").unwrap_or(label).trim_matches(blank)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapper_stands_around_every_cell_and_a_name_keeps_its_apostrophe() {
        let read = |cells: &[&str]| -> Vec<String> {
            column(&StringChunked::from_slice("c".into(), cells)).iter().flatten().map(str::to_owned).collect()
        };
        assert_eq!(read(&["=\"007\"", "8"]), ["007", "8"]);
        assert_eq!(read(&["'a", "'b", "'c"]), ["a", "b", "c"]);
        assert_eq!(read(&["'t Hooft", "Berg", "Cox"]), ["'t Hooft", "Berg", "Cox"]);
        assert_eq!(read(&["'+49 30", "1", "2"]), ["+49 30", "1", "2"]);
        assert_eq!(read(&["\"a\"", "\"b\"", "\"c\""]), ["a", "b", "c"]);
        assert_eq!(read(&["\"Bar\" Ltd", "x", "y"]), ["\"Bar\" Ltd", "x", "y"]);
        assert_eq!(read(&["“a”", "„b“", "“c“"]), ["a", "b", "c"]);
        assert_eq!(read(&["\u{feff}a", "\u{200b}b\u{200b}"]), ["a", "b"]);
    }

    #[test]
    fn a_label_is_what_a_person_reads() {
        for text in [
            "[Lead ID]", "\"Lead ID\"", "=\"Lead ID\"", "Lead ID *", "\u{feff}Lead ID\u{a0}", "Lead ID (required)",
            "“Lead ID”",
        ] {
            assert_eq!(label(text), "Lead ID", "{text}");
        }
        assert_eq!(label("Revenue [EUR]"), "Revenue [EUR]");
    }
}
