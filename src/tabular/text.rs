//! Bytes → text: byte order marks, UTF-16 and UTF-32 without an honest one, strict UTF-8, else windows-1252.
//!
//! Nothing is replaced: a byte that is no UTF-8 is evidence of another charset, not a blot to paint over.

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
    if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        if let Ok(text) = std::str::from_utf8(rest) {
            return Ok(clean(Cow::Borrowed(text), "UTF-8 (byte order mark)".into()));
        }
        return Ok(latin(rest, "in spite of a UTF-8 byte order mark"));
    }
    let marked = matches!(bytes, [0xfe, 0xff, ..] | [0xff, 0xfe, ..] | [0, 0, 0xfe, 0xff, ..]);
    if let Some(unit) = unit_of(bytes) {
        let evidence = if marked { "byte order mark" } else { "by its zero bytes" };
        let (text, name) = wide(bytes, unit)?;
        return Ok(clean(Cow::Owned(text), format!("{name} ({evidence})")));
    }
    if bytes.iter().take(4096).filter(|b| matches!(b, 0..=8 | 14..=26 | 28..=31)).count() > 16 {
        return Err("many control bytes".into());
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            let name = if text.is_ascii() { "ASCII" } else { "UTF-8" };
            Ok(clean(Cow::Borrowed(text), name.into()))
        }
        Err(_) => Ok(latin(bytes, "not UTF-8")),
    }
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

fn wide(bytes: &[u8], unit: Unit) -> Result<(String, &'static str), String> {
    let body = match bytes {
        [0, 0, 0xfe, 0xff, rest @ ..] if unit.bytes == 4 => rest,
        [0xff, 0xfe, 0, 0, rest @ ..] if unit.bytes == 4 => rest,
        [0xfe, 0xff, rest @ ..] | [0xff, 0xfe, rest @ ..] => rest,
        _ => bytes,
    };
    if unit.bytes == 2 {
        let encoding = if unit.big { encoding_rs::UTF_16BE } else { encoding_rs::UTF_16LE };
        let text =
            encoding.decode_without_bom_handling_and_without_replacement(body).ok_or("broken UTF-16")?.into_owned();
        return Ok((text, if unit.big { "UTF-16BE" } else { "UTF-16LE" }));
    }
    let mut text = String::with_capacity(body.len() / 4);
    for quad in body.as_chunks::<4>().0 {
        let code = if unit.big { u32::from_be_bytes(*quad) } else { u32::from_le_bytes(*quad) };
        text.push(char::from_u32(code).ok_or("broken UTF-32")?);
    }
    Ok((text, if unit.big { "UTF-32BE" } else { "UTF-32LE" }))
}

fn latin<'a>(bytes: &'a [u8], evidence: &str) -> Decoded<'a> {
    let high = bytes.iter().filter(|b| **b >= 0x80).count();
    let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes);
    clean(text, format!("windows-1252 ({evidence}; {high} bytes above ASCII)"))
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
