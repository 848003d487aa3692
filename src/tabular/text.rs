//! Bytes → text: byte order marks, UTF-16 and UTF-32 without an honest one, UTF-8, and windows-1252 cell by cell.
//!
//! The charset is not the file's but the cell's: one title that was pasted in another charset must not garble every
//! other name. A cell that is no UTF-8 is read as windows-1252, its neighbours as what they are.

use std::borrow::Cow;

/// Text and how it was found.
pub(super) struct Decoded<'a> {
    pub text: Cow<'a, str>,
    /// Charset and evidence, for the report.
    pub encoding: String,
}

/// Decodes a text file.
///
/// # Errors
/// Bytes that are no text in any charset looked for.
pub(super) fn decode(bytes: &[u8]) -> Result<Decoded<'_>, String> {
    let marked = bytes.strip_prefix(b"\xef\xbb\xbf");
    if let Some(unit) = unit_of(bytes).filter(|_| marked.is_none()) {
        let has_mark = matches!(bytes, [0xfe, 0xff, ..] | [0xff, 0xfe, ..] | [0, 0, 0xfe, 0xff, ..]);
        let evidence = if has_mark { "byte order mark" } else { "by its zero bytes" };
        let (text, name) = wide(bytes, unit);
        return Ok(clean(Cow::Owned(text), format!("{name} ({evidence})")));
    }
    let bytes = marked.unwrap_or(bytes);
    let head = bytes.get(..bytes.len().min(4096)).unwrap_or_default();
    // A stray NUL is dropped below; many control bytes are no text.
    if head.iter().filter(|b| matches!(b, 0..=8 | 14..=26 | 28..=31)).count() > 16.max(head.len() / 64) {
        return Err("many control bytes".into());
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            let name = if marked.is_some() {
                "UTF-8 (byte order mark)"
            } else if text.is_ascii() {
                "ASCII"
            } else {
                "UTF-8"
            };
            Ok(clean(Cow::Borrowed(text), name.into()))
        }
        Err(_) => Ok(cell_by_cell(bytes, marked.is_some())),
    }
}

/// Decodes each cell by itself. Where cells end is not known yet: every byte that may delimit one ends one here, which
/// never joins what two programs wrote.
fn cell_by_cell(bytes: &[u8], marked: bool) -> Decoded<'static> {
    let ends_cell = |b: &u8| matches!(b, b'\n' | b'\r' | b',' | b';' | b'\t' | b'|' | b'^' | b'`' | b'"');
    let mut text = String::with_capacity(bytes.len() + bytes.len() / 32);
    let (mut western, mut high, mut unicode) = (0usize, 0usize, 0usize);
    let mut rest = bytes;
    while !rest.is_empty() {
        match std::str::from_utf8(rest) {
            Ok(valid) => {
                unicode += usize::from(!valid.is_ascii());
                text.push_str(valid);
                break;
            }
            Err(error) => {
                // Everything before the cell of the wrong byte is what it seems.
                let wrong = error.valid_up_to();
                let valid = rest.get(..wrong).unwrap_or_default();
                let from = valid.iter().rposition(ends_cell).map_or(0, |n| n + 1);
                let to = rest
                    .get(wrong..)
                    .and_then(|tail| tail.iter().position(ends_cell))
                    .map_or(rest.len(), |n| wrong + n);
                let before = rest.get(..from).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or_default();
                unicode += usize::from(!before.is_ascii());
                text.push_str(before);
                let cell = rest.get(from..to).unwrap_or_default();
                western += 1;
                high += cell.iter().filter(|b| **b >= 0x80).count();
                text.push_str(&encoding_rs::WINDOWS_1252.decode_without_bom_handling(cell).0);
                rest = rest.get(to..).unwrap_or_default();
            }
        }
    }
    let encoding = match (unicode, marked) {
        (0, false) => format!("windows-1252 (not UTF-8; {high} bytes above ASCII)"),
        _ => format!("UTF-8, and windows-1252 in {}", crate::error::count(western, "cell", "cells")),
    };
    let Decoded { text, encoding } = clean(Cow::Owned(text), encoding);
    Decoded { text: Cow::Owned(text.into_owned()), encoding }
}

/// Size and order of the code units of a UTF-16 or UTF-32 text.
#[derive(Clone, Copy)]
struct Unit {
    bytes: usize,
    big: bool,
}

/// Finds UTF-16 and UTF-32. A known exporter writes the mark `FE FF` whatever the order and the size of its units, so
/// the zero bytes of the text that follows decide, and the mark only where they cannot.
fn unit_of(bytes: &[u8]) -> Option<Unit> {
    let (body, marked_big) = match bytes {
        [0, 0, 0xfe, 0xff, rest @ ..] => (rest, Some(true)),
        [0xff, 0xfe, 0, 0, rest @ ..] if rest.len() >= 4 && rest.len() % 4 == 0 => (rest, Some(false)),
        [0xfe, 0xff, rest @ ..] => (rest, Some(true)),
        [0xff, 0xfe, rest @ ..] => (rest, Some(false)),
        _ => (bytes, None),
    };
    let sample = body.get(..body.len().min(4096) / 4 * 4).unwrap_or_default();
    let mut zeros = [0usize; 4];
    for quad in sample.as_chunks::<4>().0 {
        for (count, byte) in zeros.iter_mut().zip(quad) {
            *count += usize::from(*byte == 0);
        }
    }
    let quads = sample.len() / 4;
    let most = |n: usize| quads > 0 && n * 10 >= quads * 7;
    let few = |n: usize| n * 10 <= quads * 3;
    let [a, b, c, d] = zeros;
    let found = if most(b) && most(c) && most(d) && few(a) {
        Some(Unit { bytes: 4, big: false })
    } else if most(a) && most(b) && most(c) && few(d) {
        Some(Unit { bytes: 4, big: true })
    } else if most(b) && most(d) && few(a) && few(c) {
        Some(Unit { bytes: 2, big: false })
    } else if most(a) && most(c) && few(b) && few(d) {
        Some(Unit { bytes: 2, big: true })
    } else {
        None
    };
    // Asian text has few zero bytes: the mark has to do.
    found.or(marked_big.map(|big| Unit { bytes: 2, big }))
}

/// Half a pair of code units, or a last one that was cut off, costs its own character.
fn wide(bytes: &[u8], unit: Unit) -> (String, &'static str) {
    let body = match bytes {
        [0, 0, 0xfe, 0xff, rest @ ..] if unit.bytes == 4 => rest,
        [0xff, 0xfe, 0, 0, rest @ ..] if unit.bytes == 4 => rest,
        [0xfe, 0xff, rest @ ..] | [0xff, 0xfe, rest @ ..] => rest,
        _ => bytes,
    };
    if unit.bytes == 2 {
        let encoding = if unit.big { encoding_rs::UTF_16BE } else { encoding_rs::UTF_16LE };
        let text = encoding.decode_without_bom_handling(body).0.into_owned();
        return (text, if unit.big { "UTF-16BE" } else { "UTF-16LE" });
    }
    let mut text = String::with_capacity(body.len() / 4);
    for quad in body.as_chunks::<4>().0 {
        let code = if unit.big { u32::from_be_bytes(*quad) } else { u32::from_le_bytes(*quad) };
        text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    (text, if unit.big { "UTF-32BE" } else { "UTF-32LE" })
}

/// Stray byte order marks and NUL bytes at the start or inside do not belong to any cell.
fn clean(text: Cow<'_, str>, encoding: String) -> Decoded<'_> {
    let text = match text {
        Cow::Borrowed(t) => Cow::Borrowed(t.trim_start_matches('\u{feff}')),
        Cow::Owned(t) if t.starts_with('\u{feff}') => Cow::Owned(t.trim_start_matches('\u{feff}').to_owned()),
        owned => owned,
    };
    let text = if memchr::memchr(0, text.as_bytes()).is_some() { Cow::Owned(text.replace('\0', "")) } else { text };
    Decoded { text, encoding }
}
