//! Cells of an export → values in one form: ids, flags, texts without placeholders.

use polars::prelude::*;

use super::layouts::{Id, Layouts};
use crate::tabular::trimmed;

/// Trims cells and takes placeholders out. Gives the column itself where nothing has to change.
pub(super) fn clean(layouts: &Layouts, field: &str, column: &StringChunked) -> StringChunked {
    let is_clean =
        |text: &str| trimmed(text).len() == text.len() && !text.is_empty() && !layouts.is_nothing(field, text);
    if column.iter().flatten().all(is_clean) {
        return column.clone();
    }
    let mut builder = StringChunkedBuilder::new(PlSmallStr::EMPTY, column.len());
    for value in column.iter() {
        builder.append_option(value.map(trimmed).filter(|t| !t.is_empty() && !layouts.is_nothing(field, t)));
    }
    builder.finish()
}

/// First filled cell of several columns.
pub(super) fn first_filled(columns: Vec<StringChunked>, height: usize) -> StringChunked {
    let mut columns = columns.into_iter();
    let Some(first) = columns.next() else { return StringChunked::full_null(PlSmallStr::EMPTY, height) };
    columns.fold(first, |whole, next| {
        if whole.null_count() == 0 {
            return whole;
        }
        let mut builder = StringChunkedBuilder::new(PlSmallStr::EMPTY, height);
        for (a, b) in whole.iter().zip(next.iter()) {
            builder.append_option(a.or(b));
        }
        builder.finish()
    })
}

/// An id in the CRM's long form; `None` if the text cannot be one.
pub(super) fn id(form: Id, text: &str) -> Option<String> {
    match form {
        Id::Salesforce => salesforce(text).or_else(|| within(text, char::is_alphanumeric, salesforce)),
        Id::Guid => guid(text).or_else(|| within(text, |c| c == '-' || c.is_ascii_hexdigit(), guid)),
        Id::Text => Some(whole_number(text).to_owned()),
    }
}

/// The one id in a link to a record, or in a formula that makes one: `leads(…)`, `https://…/00Q…`, `=HYPERLINK(…)`.
fn within(text: &str, belongs: impl Fn(char) -> bool, read: impl Fn(&str) -> Option<String>) -> Option<String> {
    if !text.contains(['/', '(']) {
        return None;
    }
    let mut found = text.split(|c| !belongs(c)).filter_map(read);
    let first = found.next()?;
    found.all(|other| other == first).then_some(first)
}

/// What a spreadsheet leaves of an id that it took for a number: an exponent, digits that were rounded to zeros, rulers.
pub(super) fn is_damaged_id(text: &str) -> bool {
    let is_number = || text.bytes().all(|b| b.is_ascii_digit());
    let has_exponent = || text.bytes().any(|b| matches!(b, b'e' | b'E'));
    (has_exponent() && is_number_of_a_phone(text))
        || (text.len() > 15 && text.ends_with('0') && is_number())
        || (!text.is_empty() && text.bytes().all(|b| b == b'#'))
}

/// Whether a text is a Salesforce id that lost characters at its end, or became a number.
pub(super) fn is_cut_salesforce_id(text: &str) -> bool {
    let is_id = || text.bytes().all(|b| b.is_ascii_alphanumeric());
    let has_digit = || text.bytes().any(|b| b.is_ascii_digit());
    (matches!(text.len(), 8..=14 | 16 | 17) && is_id() && has_digit()) || is_damaged_id(text)
}

/// A whole number that a program wrote with decimals: `99200000417.0`.
pub(super) fn whole_number(text: &str) -> &str {
    match text.strip_suffix(".0") {
        Some(whole) if whole.len() > 3 && whole.bytes().all(|b| b.is_ascii_digit()) => whole,
        _ => text,
    }
}

const CASES: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// 15 characters whose case matters, or 18 whose last three tell which of the others are capitals.
///
/// The three letters are also what brings an id back whose case a spreadsheet has flattened. Where they contradict an
/// id that has kept its case, it was changed: that is none.
/// Source: Salesforce, "ID Field Type".
pub(super) fn salesforce(text: &str) -> Option<String> {
    if !has_salesforce_form(text) {
        return None;
    }
    let (prefix, suffix) = text.split_at(15);
    let as_written = cases(prefix)?;
    if suffix.is_empty() || suffix.as_bytes().eq_ignore_ascii_case(&as_written) {
        let mut whole = String::with_capacity(18);
        whole.push_str(prefix);
        whole.extend(as_written.map(char::from));
        return Some(whole);
    }
    let told = suffix.to_ascii_uppercase();
    let flattened = prefix == prefix.to_ascii_lowercase() || prefix == prefix.to_ascii_uppercase();
    let mut whole = String::with_capacity(18);
    for (five, letter) in prefix.as_bytes().chunks(5).zip(told.bytes()) {
        let bits = CASES.iter().position(|l| *l == letter)?;
        for (n, byte) in five.iter().enumerate() {
            let capital = bits >> n & 1 == 1;
            whole.push(char::from(if capital { byte.to_ascii_uppercase() } else { byte.to_ascii_lowercase() }));
        }
    }
    // A digit has no case, so the letters must be told as they are read.
    (flattened && cases(&whole)? == told.as_bytes()).then(|| whole + &told)
}

/// Whether a text is as long as a Salesforce id and made of its characters.
pub(super) fn has_salesforce_form(text: &str) -> bool {
    matches!(text.len(), 15 | 18) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// The three characters that tell which of 15 are capitals.
fn cases(prefix: &str) -> Option<[u8; 3]> {
    let mut letters = [0; 3];
    for (letter, five) in letters.iter_mut().zip(prefix.as_bytes().as_chunks::<5>().0) {
        let bits = five.iter().rev().fold(0usize, |bits, b| bits * 2 + usize::from(b.is_ascii_uppercase()));
        *letter = *CASES.get(bits)?;
    }
    Some(letters)
}

/// Whether a phone reads like a number as programs write them: `16175555555.0`, `1.6175555555E10`.
pub(super) fn is_number_of_a_phone(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_exponent = |at: usize| {
        let rest = bytes.get(at + 1..).unwrap_or_default();
        let digits = rest.strip_prefix(b"+").unwrap_or(rest);
        !digits.is_empty() && digits.len() <= 2 && digits.iter().all(u8::is_ascii_digit)
    };
    match bytes.iter().position(|b| matches!(b, b'e' | b'E')) {
        Some(at) => {
            is_exponent(at)
                && bytes.iter().take(at).all(|b| b.is_ascii_digit() || matches!(b, b'.' | b','))
                && bytes.first().is_some_and(u8::is_ascii_digit)
        }
        None => {
            text.strip_suffix(".0").is_some_and(|whole| whole.len() > 5 && whole.bytes().all(|b| b.is_ascii_digit()))
        }
    }
}

/// The digits of such a number; `None` where some were cut off.
pub(super) fn digits_of_number(text: &str) -> Option<String> {
    let Some((number, exponent)) = text.split_once(['e', 'E']) else {
        return text.strip_suffix(".0").map(str::to_owned);
    };
    let exponent: usize = exponent.trim_start_matches('+').parse().ok()?;
    let (whole, fraction) = number.split_once(['.', ',']).unwrap_or((number, ""));
    // Zeros at the end may be digits that were cut, or were cut off themselves.
    let known = fraction.trim_end_matches('0').len();
    if known > exponent || fraction.len() < exponent && fraction.len() < 9 {
        return None;
    }
    Some(format!("{whole}{:0<exponent$}", fraction.get(..exponent.min(fraction.len()))?))
}

/// Whether a cell of an address or a phone may hold a list.
pub(super) fn is_list(cell: &str) -> bool {
    let mut addresses = 0;
    // Asked of each cell: its bytes are gone through once.
    for byte in cell.bytes() {
        match byte {
            b';' | b'\n' | b'\r' | b'|' => return true,
            b'@' => addresses += 1,
            _ => {}
        }
    }
    addresses > 1 || inside(cell).is_some()
}

/// What stands in the brackets of a list as programs write it: `["a@x.de", "b@x.de"]`, `{a@x.de,b@x.de}`.
fn inside(cell: &str) -> Option<&str> {
    if !matches!(cell.as_bytes().first(), Some(b'[' | b'{')) {
        return None;
    }
    let within = |open, close| cell.strip_prefix(open).and_then(|cell: &str| cell.strip_suffix(close));
    within('[', ']').or_else(|| within('{', '}'))
}

/// An item of such a list.
fn item(text: &str) -> &str {
    text.trim().trim_matches(['"', '\'']).trim()
}

/// The addresses of a cell that may hold a list of them; the cell itself where there is none.
pub(super) fn addresses(cell: &str) -> Vec<&str> {
    let is_mark = |c: char| matches!(c, ';' | ',' | '|' | '\n' | '\r' | '\t');
    let list = inside(cell);
    if list.is_none() && cell.matches('@').count() < 2 && !cell.contains(';') {
        return vec![cell];
    }
    let items: Vec<&str> = list.unwrap_or(cell).split(is_mark).map(item).filter(|item| item.contains('@')).collect();
    if items.is_empty() { vec![cell] } else { items }
}

/// The phones of a cell that may hold a list of them.
pub(super) fn numbers(cell: &str) -> Vec<&str> {
    let list = inside(cell);
    let is_mark = |c: char| matches!(c, ';' | '|' | '\n' | '\r') || (c == ',' && list.is_some());
    let has_digits = |item: &&str| item.bytes().filter(u8::is_ascii_digit).count() > 4;
    let items: Vec<&str> = list.unwrap_or(cell).split(is_mark).map(item).filter(has_digits).collect();
    if items.is_empty() { vec![cell] } else { items }
}

/// A GUID in lower case, without braces.
pub(super) fn guid(text: &str) -> Option<String> {
    let bare = text.trim_matches(['{', '}', '(', ')', ' ']);
    let dashes = [8, 13, 18, 23];
    let dashed;
    let bare = match bare.len() {
        // As some databases write it.
        32 if bare.bytes().all(|b| b.is_ascii_hexdigit()) => {
            let cut = |from: usize, to: usize| bare.get(from..to).unwrap_or_default();
            dashed = format!("{}-{}-{}-{}-{}", cut(0, 8), cut(8, 12), cut(12, 16), cut(16, 20), cut(20, 32));
            dashed.as_str()
        }
        _ => bare,
    };
    let shape = bare.len() == 36
        && bare.bytes().enumerate().all(|(n, b)| if dashes.contains(&n) { b == b'-' } else { b.is_ascii_hexdigit() });
    (shape && bare != "00000000-0000-0000-0000-000000000000").then(|| bare.to_ascii_lowercase())
}

/// First and last name of a full name.
pub(super) fn split_name(name: &str) -> (Option<&str>, Option<&str>) {
    let known = |part: &'_ str| !part.is_empty();
    if let Some((last, first)) = name.split_once(',') {
        return (Some(first.trim()).filter(|p| known(p)), Some(last.trim()).filter(|p| known(p)));
    }
    match name.rsplit_once(' ') {
        Some((first, last)) => (Some(first.trim()).filter(|p| known(p)), Some(last).filter(|p| known(p))),
        None => (None, Some(name).filter(|p| known(p))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_of_15_and_18_characters_are_one_and_flattened_case_comes_back() {
        // Pairs from real exports.
        for long in ["00Qbm00000Orxk5EAB", "001x0000002xLCVAA2", "00QNq00000BXU9AMAX", "006bm00000LKgOnAAL"] {
            assert_eq!(salesforce(&long[..15]).as_deref(), Some(long));
            assert_eq!(salesforce(long).as_deref(), Some(long));
            assert_eq!(salesforce(&long.to_uppercase()).as_deref(), Some(long));
        }
        assert_eq!(salesforce("00qbm00000orxk5eab").as_deref(), Some("00Qbm00000Orxk5EAB"));
        for changed in ["00Qbm00000Orxk5AAA", "00Qbm00000Orxk5EA9", "00QBM00000ORXK5555"] {
            assert_eq!(salesforce(changed), None, "{changed}");
        }
        assert_eq!(salesforce("00Qbm00000Orxk5E"), None);
        assert_eq!(salesforce("Grand Totals (3"), None);
    }

    #[test]
    fn a_phone_that_became_a_number_has_its_digits_back_unless_some_were_cut() {
        for (text, digits) in [
            ("16175555555.0", Some("16175555555")),
            ("1.6175555555E10", Some("16175555555")),
            ("1.6175555555e+10", Some("16175555555")),
            ("4.93012345670E+11", Some("493012345670")),
            ("4.9301234567E+11", Some("493012345670")),
            ("1.61756E+10", None),
            ("1,62E+10", None),
        ] {
            assert!(is_number_of_a_phone(text), "{text}");
            assert_eq!(digits_of_number(text).as_deref(), digits, "{text}");
        }
        for text in ["+49 30 1234", "(033) 452-1299", "030/55", "555-214-7314", "12.0", "call me 1E5", "E10", "1.5E"] {
            assert!(!is_number_of_a_phone(text), "{text}");
        }
    }

    #[test]
    fn a_cell_may_hold_a_list_as_people_or_programs_write_it() {
        for cell in
            ["a@x.de; b@y.de", "[\"a@x.de\",\"b@y.de\"]", "{a@x.de,b@y.de}", "['a@x.de', 'b@y.de']", "a@x.de\nb@y.de"]
        {
            assert!(is_list(cell));
            assert_eq!(addresses(cell), ["a@x.de", "b@y.de"], "{cell}");
        }
        assert_eq!((addresses("[\"a@x.de\"]"), addresses("Ann <a@x.de>")), (vec!["a@x.de"], vec!["Ann <a@x.de>"]));
        assert_eq!(numbers("[\"+49 30 5550101\", \"030 5550102\"]"), ["+49 30 5550101", "030 5550102"]);
        assert_eq!(numbers("+49 30 5550101, ext. 12"), ["+49 30 5550101, ext. 12"]);
    }

    #[test]
    fn what_a_spreadsheet_left_of_an_id_is_damaged() {
        for text in ["1.20347E+11", "1,20347E+11", "1204567890123450000", "########"] {
            assert!(is_damaged_id(text), "{text}");
        }
        for text in ["99200000417", "12E", "Lead 7", "E10", "120456789012345"] {
            assert!(!is_damaged_id(text), "{text}");
        }
        assert_eq!((whole_number("99200000417.0"), whole_number("1.0")), ("99200000417", "1.0"));
    }

    #[test]
    fn a_guid_is_the_same_with_braces_and_in_capitals() {
        let expected = Some("5f1d3a52-1111-e811-a95e-000d3a1b2c3d".to_owned());
        assert_eq!(guid("{5F1D3A52-1111-E811-A95E-000D3A1B2C3D}"), expected);
        assert_eq!(guid("5f1d3a52-1111-e811-a95e-000d3a1b2c3d"), expected);
        assert_eq!(guid("00000000-0000-0000-0000-000000000000"), None);
        assert_eq!(guid("Lead 7"), None);
        assert_eq!(guid("5f1d3a521111e811a95e000d3a1b2c3d"), expected);
        for link in [
            "leads(5F1D3A52-1111-e811-a95e-000d3a1b2c3d)",
            "https://x.example/?etn=lead&id={5f1d3a52-1111-e811-a95e-000d3a1b2c3d}",
        ] {
            assert_eq!(id(Id::Guid, link), expected, "{link}");
        }
        let link = "=HYPERLINK(\"https://x.example/00Qbm00000Orxk5EAB\",\"00Qbm00000Orxk5EAB\")";
        assert_eq!(id(Id::Salesforce, link).as_deref(), Some("00Qbm00000Orxk5EAB"));
        assert_eq!(id(Id::Salesforce, "00Qbm00000Orxk5EAB/00Qbm00000Orxk6EAB"), None, "two ids");
    }

    #[test]
    fn a_full_name_is_split_at_its_last_blank_or_its_comma() {
        assert_eq!(split_name("Joe van Szyslak"), (Some("Joe van"), Some("Szyslak")));
        assert_eq!(split_name("Szyslak, Joe"), (Some("Joe"), Some("Szyslak")));
        assert_eq!(split_name("Szyslak"), (None, Some("Szyslak")));
    }

    proptest! {
        #[test]
        fn the_long_form_of_an_id_is_stable(short in "[0-9A-Za-z]{15}") {
            let long = salesforce(&short).unwrap();
            prop_assert_eq!(salesforce(&long), Some(long.clone()));
            prop_assert!(long.starts_with(&short));
        }
    }
}
