//! Bytes that are nearly text, and text that is nearly JSON, read where one reading is safe: a wrong byte costs its
//! character, never the record around it.

use std::borrow::Cow;

/// The text of bytes that should be UTF-8. A byte that is none is taken for one of windows-1252, by itself: a name that
/// was pasted from an old program is read, and all around it stays as it is. Zero bytes are nothing.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => {
            let mut text = String::with_capacity(bytes.len() + 16);
            for chunk in bytes.utf8_chunks() {
                text += chunk.valid();
                text += &encoding_rs::WINDOWS_1252.decode_without_bom_handling(chunk.invalid()).0;
            }
            Cow::Owned(text)
        }
    };
    if text.contains('\0') { Cow::Owned(text.replace('\0', "")) } else { text }
}

/// Text that no parser takes for JSON, mended: halves of characters (`\ud83d` alone), line breaks and other control
/// characters raw in a string, backslashes before nothing that is escaped, `NaN` and `Infinity`; and what other languages
/// write: quotes of one stroke or of a word processor, `None`, `True`, commas before a closing bracket, comments. Nothing if
/// there was nothing to mend.
pub fn json(text: &str) -> Option<String> {
    let mut mended = String::with_capacity(text.len() + 16);
    // The quote that the string around is in.
    let (mut rest, mut inside, mut changed) = (text, None, false);
    while let Some(c) = rest.chars().next() {
        let (taken, put): (usize, Cow<'_, str>) = match (c, inside) {
            ('\\', Some('\'')) if rest.starts_with("\\'") => (2, "'".into()),
            ('\\', Some(_)) => escape(rest),
            ('"', Some('\'' | '“')) => (1, "\\\"".into()),
            (c, Some('“')) if is_curly(c) && ends_string(rest.get(c.len_utf8()..)?) => {
                inside = None;
                (c.len_utf8(), "\"".into())
            }
            (c, Some(_)) if (c as u32) < 0x20 => (c.len_utf8(), format!("\\u{:04x}", c as u32).into()),
            (c, Some(quote)) if c == quote && quote != '“' => {
                inside = None;
                (1, "\"".into())
            }
            ('"' | '\'', None) => {
                inside = Some(c);
                (1, "\"".into())
            }
            (c, None) if is_curly(c) => {
                inside = Some('“');
                (c.len_utf8(), "\"".into())
            }
            (c, None) if !c.is_ascii_whitespace() && (c as u32) < 0x20 => (c.len_utf8(), " ".into()),
            ('N' | 'I' | '-' | 'T' | 'F' | 'u', None) => literal(rest),
            (',', None) if rest.get(1..).is_some_and(|next| next.trim_start().starts_with([']', '}'])) => {
                (1, "".into())
            }
            ('/' | '#', None) => {
                (comment(rest).max(1), if comment(rest) > 0 { "" } else { rest.get(..1).unwrap_or_default() }.into())
            }
            (c, _) => (c.len_utf8(), rest.get(..c.len_utf8()).unwrap_or_default().into()),
        };
        let (old, after) = rest.split_at_checked(taken)?;
        changed |= old != put;
        mended += &put;
        rest = after;
    }
    changed.then_some(mended)
}

/// Whether a character is a double quote as word processors make it, in any language.
pub fn is_curly(c: char) -> bool {
    matches!(c, '\u{201c}'..='\u{201f}' | '«' | '»' | '\u{ff02}')
}

/// Whether the text behind a quote goes on as JSON does behind a string.
fn ends_string(rest: &str) -> bool {
    rest.trim_start().starts_with([':', ',', '}', ']']) || rest.trim_start().is_empty()
}

/// How long the comment at the start of a text is; 0 where none begins.
fn comment(rest: &str) -> usize {
    if rest.starts_with("/*") {
        return rest.find("*/").map_or(rest.len(), |end| end + 2);
    }
    if rest.starts_with("//") || rest.starts_with('#') {
        return rest.find('\n').unwrap_or(rest.len());
    }
    0
}

/// How long the escape at the start of a text is, and what it is to be.
fn escape(rest: &str) -> (usize, Cow<'_, str>) {
    let unit = |at: usize| {
        rest.get(at..at + 2).filter(|t| *t == "\\u")?;
        rest.get(at + 2..at + 6)
            .filter(|h| h.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|h| u16::from_str_radix(h, 16).ok())
    };
    let as_it_is = |length: usize| (length, rest.get(..length).unwrap_or_default().into());
    match rest.as_bytes().get(1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => as_it_is(2),
        Some(b'u') => match unit(0) {
            Some(0xd800..=0xdbff) if matches!(unit(6), Some(0xdc00..=0xdfff)) => as_it_is(12),
            Some(0xd800..=0xdfff) => (6, "\\ufffd".into()),
            Some(_) => as_it_is(6),
            None => (1, "\\\\".into()),
        },
        _ => (1, "\\\\".into()),
    }
}

/// How long the word at the start of a text is, and what it is to be: JSON has no word for what is no number, and its
/// own for what other languages write with a capital.
fn literal(rest: &str) -> (usize, Cow<'_, str>) {
    const WORDS: &[(&str, &str)] = &[
        ("NaN", "null"),
        ("Infinity", "null"),
        ("-Infinity", "null"),
        ("-NaN", "null"),
        ("None", "null"),
        ("NULL", "null"),
        ("undefined", "null"),
        ("True", "true"),
        ("False", "false"),
    ];
    let is_word = |word: &str| {
        rest.strip_prefix(word).is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    match WORDS.iter().find(|(word, _)| is_word(word)) {
        Some((word, put)) => (word.len(), (*put).into()),
        None => (1, rest.get(..1).unwrap_or_default().into()),
    }
}

/// The bytes that a text in Base64 stands for, in either alphabet, with or without padding and line ends.
pub fn base64(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0u32, 0u32);
    for byte in text.bytes().take_while(|b| *b != b'=').filter(|b| !b.is_ascii_whitespace()) {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            _ => 63,
        };
        (bits, held) = ((bits << 6 | u32::from(digit)) & 0xff_ffff, held + 6);
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).unwrap_or_default());
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_wrong_byte_costs_its_character() {
        let mut bytes = "Müller, ".as_bytes().to_vec();
        bytes.extend(b"Ing\xe9nieur\0 \x80");
        assert_eq!(text(&bytes), "Müller, Ingénieur €");
        assert!(matches!(text("ok".as_bytes()), Cow::Borrowed("ok")));
    }

    #[test]
    fn halves_of_characters_raw_control_characters_and_words_for_no_number_are_mended() {
        for (bad, good) in [
            (r#"{"a":"x \ud83d"}"#, r#"{"a":"x \ufffd"}"#),
            (r#"{"a":"\ud83d\ude00 \ude00"}"#, r#"{"a":"\ud83d\ude00 \ufffd"}"#),
            ("{\"a\":\"1\n2\"}", "{\"a\":\"1\\u000a2\"}"),
            (r#"{"a":NaN,"b":-Infinity,"c":"NaN"}"#, r#"{"a":null,"b":null,"c":"NaN"}"#),
            ("{“a”: „b “c” d“, «e»:1}", r#"{"a": "b “c” d", "e":1}"#),
            (r#"{"a":"C:\x\u12"}"#, r#"{"a":"C:\\x\\u12"}"#),
        ] {
            assert_eq!(json(bad).as_deref(), Some(good));
            assert!(serde_json::from_str::<serde_json::Value>(good).is_ok());
        }
        assert_eq!(json(r#"{"a":-1,"b":["\u00e9\\"]}"#), None);
    }

    proptest! {
        #[test]
        fn what_is_json_is_left_as_it_is(texts in proptest::collection::vec("\\PC{0,12}|[\"\\\\\n]{0,5}", 0..5), n in any::<f64>()) {
            prop_assert_eq!(json(&serde_json::json!({"a": texts, "b": n, "c": [-1, null]}).to_string()), None);
        }

        #[test]
        fn no_text_panics(text in "(?s).{0,40}") {
            let _ = json(&text);
        }
    }
}
