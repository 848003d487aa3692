//! Texts of strangers, made harmless for spreadsheets.
//!
//! A cell that begins with `=`, `+`, `-`, `@`, a tab or a line break can act as a formula when a person opens the file
//! (OWASP, "CSV Injection"). It gets a leading `'`. Phone numbers such as `+49 30 1234` stay as they are.

use std::borrow::Cow;

use crate::control_characters::harmless;

/// The text as it may stand in a CSV or XLSX cell that people open: no formula, and no character that acts.
pub fn neutralise(text: &str) -> Cow<'_, str> {
    match harmless(text) {
        Cow::Borrowed(text) => without_formula(text),
        Cow::Owned(text) => Cow::Owned(without_formula(&text).into_owned()),
    }
}

fn without_formula(text: &str) -> Cow<'_, str> {
    let first = text.trim_start_matches([' ', '\u{a0}', '\u{feff}']).chars().next();
    let risky = matches!(first, Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠'));
    if risky && !is_phone(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// A leading plus, then digits and the marks people put between them: no operator can act in it.
fn is_phone(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('+') else { return false };
    let digits = rest.bytes().filter(u8::is_ascii_digit).count();
    digits >= 5
        && rest.starts_with(|c: char| c.is_ascii_digit() || c == ' ' || c == '(')
        && rest.bytes().all(|b| b.is_ascii_digit() || b" ()".contains(&b) || b == b'.' || b == b'-')
        && !rest.contains("--")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn formulas_are_quoted_and_phones_and_plain_texts_are_not() {
        for (text, expected) in [
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"),
            ("+49 30 1234567", "+49 30 1234567"),
            ("+1 (206) 555-0100", "+1 (206) 555-0100"),
            ("+1+cmd|x", "'+1+cmd|x"),
            ("\t=1", "'\t=1"),
            (" =1", "' =1"),
            ("Contoso = Fabrikam", "Contoso = Fabrikam"),
            ("", ""),
        ] {
            assert_eq!(neutralise(text), expected);
        }
    }

    proptest! {
        #[test]
        fn no_result_begins_with_a_formula_mark_unless_it_is_a_phone(text in "\\PC*") {
            let safe = neutralise(&text);
            prop_assert!(!safe.starts_with(['=', '-', '@', '\t', '\r']));
            if safe.starts_with('+') {
                prop_assert!(safe.chars().skip(1).all(|c| c.is_ascii_digit() || " ().-".contains(c)));
            }
        }
    }
}
