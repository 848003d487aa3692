//! Texts of strangers, made harmless for whoever reads them on a terminal or a page.
//!
//! An escape sequence in a file's name or a cell could recolour, overwrite or retitle a terminal, and an override of the
//! writing direction could show a text as another one ("Trojan Source", Unicode TR 36). Such characters are shown as U+FFFD.

use std::borrow::Cow;

/// The text with every character that acts instead of being shown replaced; line ends and tabs stay.
pub fn harmless(text: &str) -> Cow<'_, str> {
    // Nearly every text is plain: its bytes tell at once.
    if !text.bytes().any(|b| (b < b' ' && b != b'\n' && b != b'\t') || b >= 0x7f) || !text.chars().any(acts) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut following = text.chars().peekable();
    while let Some(c) = following.next() {
        let ends_a_line = c == '\r' && following.peek() == Some(&'\n');
        plain.push(if acts(c) && !ends_a_line { '\u{fffd}' } else { c });
    }
    Cow::Owned(plain)
}

/// Control characters of both sets, separators that only some readers know, overrides and isolates of the writing
/// direction, and invisible tags. Marks of direction stay: names of people have them.
fn acts(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_act_is_shown_and_what_people_write_stays() {
        for (text, expected) in [
            ("\u{1b}[31mred\u{1b}]0;title\u{7}", "\u{fffd}[31mred\u{fffd}]0;title\u{fffd}"),
            ("\u{9b}2J", "\u{fffd}2J"),
            ("invoice\u{202e}fdp.exe", "invoice\u{fffd}fdp.exe"),
            ("a\u{2066}b\u{2069}", "a\u{fffd}b\u{fffd}"),
            ("overwritten\rdone", "overwritten\u{fffd}done"),
            ("line\r\nline\n\tend", "line\r\nline\n\tend"),
            ("Jürgen Müller \u{200f}דוד\u{200f} 田中", "Jürgen Müller \u{200f}דוד\u{200f} 田中"),
        ] {
            assert_eq!(harmless(text), expected);
        }
    }
}
