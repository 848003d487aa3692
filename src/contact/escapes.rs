//! What a machine did to a text on its way, undone: HTML entities, escapes of JSON, PHP and addresses, UTF-8 read in
//! a charset of one byte a letter.
//!
//! A form plug-in stores `O&#039;Keeffe`, the next one `O\'Keeffe`: the person typed neither. Values are kept as they came;
//! this is done before two of them are compared. Names of entities: `entities.tsv`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use crate::lenient;

/// How often a text may have been escaped: `&amp;amp;#039;`.
const TIMES: usize = 3;

/// The text as it was typed, as far as its own form tells.
///
/// ```
/// use leadrecon::contact::unescaped;
/// assert_eq!(unescaped("O&#039;Keeffe &amp; S&ouml;hne"), "O'Keeffe & Söhne");
/// assert_eq!(unescaped("AT&T"), "AT&T");
/// ```
pub fn unescaped(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for _ in 0..TIMES {
        match once(&text) {
            Some(plain) => text = Cow::Owned(plain),
            None => break,
        }
    }
    text
}

/// The text of a page or of XML: its entities undone, once.
pub fn without_entities(text: &str) -> Cow<'_, str> {
    entities(text).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// The text with one layer undone; `None` where there is none.
fn once(text: &str) -> Option<String> {
    // Nearly all texts have none of the bytes that an escape begins with.
    if !text.bytes().any(|b| matches!(b, b'&' | b'\\' | b'%' | b'=' | 0xc2..=0xc5 | 0xd0..=0xd1 | 0xe2)) {
        return None;
    }
    let plain = entities(text)
        .or_else(|| encoded_words(text))
        .or_else(|| backslashes(text))
        .or_else(|| percent(text))
        .or_else(|| misread(text))?;
    (plain != text).then_some(plain)
}

static NAMED: LazyLock<HashMap<&'static str, char>> = LazyLock::new(|| {
    let line = |line: &'static str| {
        let (name, code) = line.split_once('\t')?;
        Some((name, char::from_u32(u32::from_str_radix(code, 16).ok()?)?))
    };
    include_str!("entities.tsv").lines().filter(|line| !line.starts_with('#')).filter_map(line).collect()
});

/// Longest name of an entity.
const LONGEST: usize = 32;

/// `&amp;`, `&#233;`, `&#xE9;`.
fn entities(text: &str) -> Option<String> {
    if !text.contains('&') {
        return None;
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    let mut any = false;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        let behind = &rest[at + 1..];
        let end = behind.bytes().take(LONGEST).position(|b| b == b';');
        match end.and_then(|end| Some((entity(&behind[..end])?, end))) {
            Some((c, end)) => {
                plain.push(c);
                any = true;
                rest = &behind[end + 1..];
            }
            None => {
                plain.push('&');
                rest = behind;
            }
        }
    }
    plain.push_str(rest);
    any.then_some(plain)
}

fn entity(name: &str) -> Option<char> {
    let Some(code) = name.strip_prefix('#') else { return NAMED.get(name).copied() };
    let code = match code.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => code.parse().ok()?,
    };
    match code {
        // Numbers of windows-1252, which browsers take for its characters (HTML 5, 13.2.5.80).
        0x80..=0x9f => encoding_rs::WINDOWS_1252.decode(&[u8::try_from(code).ok()?]).0.chars().next(),
        _ => char::from_u32(code).filter(|c| !c.is_control()),
    }
}

/// `=?utf-8?Q?M=C3=BCller?=`, as mails carry names (RFC 2047). Whoever typed it may have written thousands of them.
fn encoded_words(text: &str) -> Option<String> {
    let (mut plain, mut rest, mut any) = (String::new(), text, false);
    while let Some((before, word, after)) = encoded_word(rest) {
        plain.push_str(before);
        plain.push_str(&word);
        any = true;
        // Between two such words a blank is none.
        rest = if after.trim_start().starts_with("=?") { after.trim_start() } else { after };
    }
    any.then(|| plain + rest)
}

/// The first of them: what stands before it, what it says, what follows.
fn encoded_word(text: &str) -> Option<(&str, String, &str)> {
    let (before, rest) = text.split_once("=?")?;
    let mut parts = rest.splitn(3, '?');
    let (charset, form, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let (word, after) = rest.split_once("?=")?;
    let bytes = match form {
        "B" | "b" => lenient::base64(word),
        "Q" | "q" => {
            let mut pieces = word.split('=');
            let mut bytes = pieces.next()?.replace('_', " ").into_bytes();
            for piece in pieces {
                bytes.push(u8::from_str_radix(piece.get(..2)?, 16).ok()?);
                bytes.extend(piece.get(2..)?.replace('_', " ").bytes());
            }
            bytes
        }
        _ => return None,
    };
    // A language may stand behind the charset (RFC 2231).
    let charset = encoding_rs::Encoding::for_label(charset.split('*').next()?.as_bytes())?;
    let (plain, _, is_broken) = charset.decode(&bytes);
    (!is_broken && !plain.contains(char::is_control)).then(|| (before, plain.into_owned(), after))
}

/// `O\'Keeffe`, `\u00e9`, `\xe9`.
fn backslashes(text: &str) -> Option<String> {
    if !text.contains('\\') {
        return None;
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    let mut any = false;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let behind = &rest[at + 1..];
        if let Some(quoted) = behind.chars().next().filter(|c| matches!(c, '\'' | '"' | '\\' | '/')) {
            plain.push(quoted);
            (any, rest) = (true, &behind[1..]);
        } else if let Some((c, length)) = utf16(behind) {
            plain.push(c);
            (any, rest) = (true, &behind[length..]);
        } else {
            plain.push('\\');
            rest = behind;
        }
    }
    plain.push_str(rest);
    any.then_some(plain)
}

/// The character behind a backslash that begins `u00e9` or a pair of such, and how long that is.
fn utf16(text: &str) -> Option<(char, usize)> {
    let unit = |text: &str| u16::from_str_radix(text.strip_prefix('u')?.get(..4)?, 16).ok();
    if let Some(hex) = text.strip_prefix('x').and_then(|text| text.get(..2)) {
        return char::from_u32(u32::from_str_radix(hex, 16).ok()?).filter(|c| c.is_alphabetic()).map(|c| (c, 3));
    }
    let first = unit(text)?;
    if let Some(c) = char::from_u32(u32::from(first)) {
        return (!c.is_control()).then_some((c, 5));
    }
    let second = unit(text.get(5..)?.strip_prefix('\\')?)?;
    let c = char::decode_utf16([first, second]).next()?.ok()?;
    Some((c, 11))
}

/// `O%27Keeffe`, where every `%` is one of these; a plus is a blank then, if there are no others.
fn percent(text: &str) -> Option<String> {
    let is_escape = |rest: &str| rest.get(..2).is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
    if !text.contains('%') || !text.split('%').skip(1).all(is_escape) {
        return None;
    }
    let plus = !text.contains(char::is_whitespace) && !text.contains('@');
    let text = if plus { Cow::Owned(text.replace('+', "%20")) } else { Cow::Borrowed(text) };
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(part.get(2..)?.as_bytes());
    }
    String::from_utf8(bytes).ok().filter(|plain| !plain.contains(char::is_control))
}

/// `MÃ¼ller`, `ĹšwiÄ…tek`, `РЎРёРґРѕСЂРѕРІ`: bytes of UTF-8 that were read in a charset of one byte for each letter. No name
/// has such a row of letters and signs.
fn misread(text: &str) -> Option<String> {
    const CHARSETS: [(&encoding_rs::Encoding, &str, usize); 3] = [
        (encoding_rs::WINDOWS_1252, "ÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóô", 1),
        (encoding_rs::WINDOWS_1250, "ÂĂÄĹâ", 1),
        // Two letters of a Cyrillic name may happen to be one of UTF-8, four hardly.
        (encoding_rs::WINDOWS_1251, "РСТ", 2),
    ];
    let is_mark = |c: char| !c.is_ascii() && !c.is_alphanumeric();
    CHARSETS.iter().find_map(|(charset, first, fewest)| {
        let pairs = || text.chars().zip(text.chars().skip(1)).filter(|(c, _)| first.contains(*c));
        let is_second =
            |c: char| is_mark(c) || "ºªµŸŠšŽžŒœ¼½¾¹²³ƒ".contains(c) || *charset != encoding_rs::WINDOWS_1252;
        if pairs().filter(|(_, second)| !second.is_ascii() && is_second(*second)).count() < *fewest {
            return None;
        }
        let plain = String::from_utf8(bytes_of(text, charset)?).ok()?;
        let are_letters =
            *charset == encoding_rs::WINDOWS_1252 || plain.chars().all(|c| c.is_ascii() || c.is_alphabetic());
        (are_letters && !plain.contains(char::is_control) || still_misread(&plain)).then_some(plain)
    })
}

/// Whether a text that was misread twice has one layer left.
fn still_misread(text: &str) -> bool {
    let controls = text.chars().filter(|c| c.is_control());
    text.contains(['Ã', 'Â']) && controls.into_iter().all(|c| ('\u{80}'..='\u{9f}').contains(&c))
}

/// The bytes that a charset reads as this text. Where it has none for a byte, readers keep the control character.
fn bytes_of(text: &str, charset: &'static encoding_rs::Encoding) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut one = [0; 4];
    for c in text.chars() {
        match c {
            '\u{80}'..='\u{9f}' => bytes.push(u8::try_from(u32::from(c)).ok()?),
            _ => {
                let (encoded, _, unmappable) = charset.encode(c.encode_utf8(&mut one));
                if unmappable {
                    return None;
                }
                bytes.extend_from_slice(&encoded);
            }
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_many_encoded_words_as_somebody_types_are_read_one_after_the_other() {
        assert_eq!(unescaped(&"=?utf-8?Q?a?= ".repeat(80_000)), "a".repeat(80_000) + " ");
    }

    #[test]
    fn what_machines_do_to_a_text_is_undone() {
        for (text, expected) in [
            ("O&#039;Brannagh", "O'Brannagh"),
            ("O&apos;Brannagh", "O'Brannagh"),
            ("O&#x27;Brannagh", "O'Brannagh"),
            ("O&amp;#039;Brannagh", "O'Brannagh"),
            ("Smith &amp; Daughters", "Smith & Daughters"),
            ("M&uuml;ller", "Müller"),
            ("M&#252;ller", "Müller"),
            ("Ko&ccaron;i&#x10D;", "Kočič"),
            ("O&#146;Neil", "O’Neil"),
            ("O\\'Brannagh", "O'Brannagh"),
            ("No\\u00e9mie", "Noémie"),
            ("\\ud83d\\ude00", "😀"),
            ("O%27Brannagh", "O'Brannagh"),
            ("M%C3%BCller+AG", "Müller AG"),
            ("N\\xfa\\xf1ez", "Núñez"),
            ("=?utf-8?Q?M=C3=BCller_AG?=", "Müller AG"),
            ("=?UTF-8?B?U8O4cmVuc2Vu?= =?iso-8859-1?q?_=D8?=", "Sørensen Ø"),
            ("MÃ¼ller", "Müller"),
            ("MÃƒÂ¼ller", "Müller"),
            ("Ã\u{83}Â\u{85}berg", "Åberg"),
            ("ĹšwiÄ…tek", "Świątek"),
            ("РЎРёРґРѕСЂРѕРІ", "Сидоров"),
            ("L’Ã‰pine", "L’Ã‰pine"),
            ("Ã‰pine", "Épine"),
            // What is no escape stays.
            ("AT&T; Inc", "AT&T; Inc"),
            ("R&D", "R&D"),
            ("a=b", "a=b"),
            ("what=?", "what=?"),
            ("100% Pure", "100% Pure"),
            ("C:\\Users", "C:\\Users"),
            ("São Paulo", "São Paulo"),
            ("Сидоров Рійко", "Сидоров Рійко"),
            ("Świątek Łódź", "Świątek Łódź"),
            ("Müller & Söhne", "Müller & Söhne"),
        ] {
            assert_eq!(unescaped(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics_and_plain_letters_stay(text in "\\PC{0,40}", letters in "[a-zA-ZäöüÄÖÜßéèçñ ']{0,30}") {
            let _ = unescaped(&text);
            prop_assert_eq!(unescaped(&letters), letters.as_str());
        }
    }
}
