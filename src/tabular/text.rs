//! Bytes → text: byte order marks, UTF-16 and UTF-32 without an honest one, UTF-8, and an older charset cell by cell.
//!
//! The charset is not the file's but the cell's: one title that was pasted in another charset must not garble every
//! other name. A cell that is no UTF-8 is read as windows-1252, its neighbours as what they are; where many cells are none
//! and nothing is UTF-8, all of them together tell which of the older charsets it is (Shift_JIS, Big5, windows-1251, …).

use std::borrow::Cow;
use std::io::Read;

use encoding_rs::{Encoding, WINDOWS_1252};
use memchr::{memchr, memrchr};

/// How much is read at a time.
const CHUNK: usize = 8 << 20;
/// How much is read to its place at a time.
const MOST_TAKEN: usize = 64 << 20;
/// What has no line end in so many bytes is cut elsewhere.
const MOST_LINE: usize = 16 << 20;

/// A text file, decoded piece by piece: never more of it is in memory than was asked for.
pub(super) struct Text<'a> {
    source: Box<dyn Read + Send + 'a>,
    charset: Charset,
    /// The whole, where it is in memory already and needs no decoding, and how much of it is shown.
    lent: Option<(&'a str, usize)>,
    /// What is decoded and was not passed yet, where nothing is lent.
    text: String,
    /// Bytes as they came, which follow it.
    waiting: Vec<u8>,
    /// Whether the source has no more.
    ended: bool,
    /// Whether any text was decoded: marks stand at its beginning only.
    begun: bool,
    seen: Seen,
    /// Whether a cell is a label that is looked for.
    is_label: &'a dyn Fn(&str) -> bool,
}

enum Charset {
    /// UTF-8, and an older one in cells that are none: which, is told by the first of them.
    Cells(Option<&'static Encoding>),
    Wide(Unit, encoding_rs::Decoder),
    /// UTF-32.
    Widest(Unit),
}

/// What the bytes showed so far.
#[derive(Default)]
struct Seen {
    /// Text beyond ASCII in cells of UTF-8.
    unicode: bool,
    /// Cells that are of the older charset, and bytes above ASCII in them.
    older: usize,
    high: usize,
    /// A byte order mark.
    marked: bool,
}

impl<'a> Text<'a> {
    /// Begins to decode. `is_label`: whether a cell is a label that is looked for, which tells an older charset.
    ///
    /// # Errors
    /// Bytes that are no text in any charset looked for, or a source that cannot be read.
    pub fn open(mut source: Box<dyn Read + Send + 'a>, is_label: &'a dyn Fn(&str) -> bool) -> Result<Self, String> {
        let mut buffer = Vec::new();
        let taken = source.by_ref().take(CHUNK as u64).read_to_end(&mut buffer).map_err(|e| e.to_string())?;
        let ended = taken < CHUNK;
        let mut seen = Seen { marked: buffer.starts_with(b"\xef\xbb\xbf"), ..Seen::default() };
        let charset = match unit_of(&buffer).filter(|_| !seen.marked) {
            Some(unit) => {
                let mark = mark_of(&buffer, unit);
                seen.marked = matches!(buffer.as_slice(), [0xfe, 0xff, ..] | [0xff, 0xfe, ..] | [0, 0, 0xfe, 0xff, ..]);
                buffer.drain(..mark);
                if unit.bytes == 2 {
                    let encoding = if unit.big { encoding_rs::UTF_16BE } else { encoding_rs::UTF_16LE };
                    Charset::Wide(unit, encoding.new_decoder_without_bom_handling())
                } else {
                    Charset::Widest(unit)
                }
            }
            None => {
                if seen.marked {
                    buffer.drain(..3);
                }
                is_text(&buffer)?;
                Charset::Cells(None)
            }
        };
        let text = String::new();
        Ok(Text { source, charset, lent: None, text, waiting: buffer, ended, begun: false, seen, is_label })
    }

    /// The same of bytes that are in memory: what is plain UTF-8 is not copied.
    ///
    /// # Errors
    /// Bytes that are no text in any charset looked for.
    pub fn of(bytes: &'a [u8], is_label: &'a dyn Fn(&str) -> bool) -> Result<Self, String> {
        let mut opened = Text::open(Box::new(bytes), is_label)?;
        if matches!(opened.charset, Charset::Cells(_)) {
            let looked = || (memchr(0, bytes).is_some(), bytes.is_ascii());
            let (decoded, (has_nul, is_ascii)) = rayon::join(|| std::str::from_utf8(bytes), looked);
            if !has_nul && let Ok(whole) = decoded {
                opened.seen.unicode = !is_ascii;
                opened.lent = Some((whole.trim_start_matches('\u{feff}'), 0));
                opened.waiting = Vec::new();
            }
        }
        Ok(opened)
    }

    /// Whether it is in memory as a whole anyhow.
    pub fn is_lent(&self) -> bool {
        self.lent.is_some()
    }

    /// What is decoded and was not passed yet.
    pub fn as_str(&self) -> &str {
        match self.lent {
            Some((rest, shown)) => rest.get(..shown).unwrap_or_default(),
            None => &self.text,
        }
    }

    /// Whether that is all there is.
    pub fn is_at_its_end(&self) -> bool {
        match self.lent {
            Some((rest, shown)) => shown == rest.len(),
            None => self.ended && self.waiting.is_empty(),
        }
    }

    /// Decodes on until so many bytes of text are there, or all that there are.
    ///
    /// # Errors
    /// A source that cannot be read.
    pub fn fill(&mut self, least: usize) -> std::io::Result<()> {
        if let Some((rest, shown)) = &mut self.lent {
            *shown = rest.floor_char_boundary(least.max(*shown));
            return Ok(());
        }
        // The first piece was read already.
        if self.text.is_empty() && !self.waiting.is_empty() {
            self.decode();
        }
        while self.text.len() < least && !self.is_at_its_end() {
            if matches!(self.charset, Charset::Cells(_)) {
                self.take(least.saturating_sub(self.text.len()).clamp(CHUNK, MOST_TAKEN))?;
                continue;
            }
            let taken = self.source.by_ref().take(CHUNK as u64).read_to_end(&mut self.waiting)?;
            self.ended = taken < CHUNK;
            self.decode();
        }
        Ok(())
    }

    /// Reads so many bytes to where their text is to be: what is plain UTF-8, as most is, is not copied.
    fn take(&mut self, many: usize) -> std::io::Result<()> {
        let mut bytes = std::mem::take(&mut self.text).into_bytes();
        let begin = bytes.len();
        bytes.reserve(self.waiting.len() + many);
        bytes.append(&mut self.waiting);
        let taken = self.source.by_ref().take(many as u64).read_to_end(&mut bytes)?;
        self.ended = taken < many;
        let read = bytes.get(begin..).unwrap_or_default();
        let end = begin + if self.ended { read.len() } else { end_of_cells(read) };
        self.waiting = bytes.split_off(end);
        let read = bytes.get(begin..).unwrap_or_default();
        let (is_plain, is_ascii) = (self.begun && memchr(0, read).is_none(), read.is_ascii());
        match String::from_utf8(bytes) {
            Ok(text) if is_plain => {
                self.seen.unicode |= !is_ascii;
                self.text = text;
            }
            other => {
                let mut bytes = other.map_or_else(std::string::FromUtf8Error::into_bytes, String::into_bytes);
                let mut read = bytes.split_off(begin);
                read.append(&mut self.waiting);
                self.waiting = read;
                // What was decoded before is text.
                self.text = String::from_utf8(bytes).unwrap_or_default();
                self.decode();
            }
        }
        Ok(())
    }

    /// Passes over text up to a byte, which must begin a character.
    pub fn pass(&mut self, to: usize) {
        if let Some((rest, shown)) = &mut self.lent {
            let to = rest.floor_char_boundary(to.min(*shown));
            (*rest, *shown) = (rest.get(to..).unwrap_or_default(), *shown - to);
            return;
        }
        self.text.drain(..self.text.floor_char_boundary(to));
    }

    /// Charset and evidence, of what was decoded so far.
    pub fn encoding(&self) -> String {
        let Seen { unicode, older, high, marked } = &self.seen;
        let evidence = if *marked { "byte order mark" } else { "by its zero bytes" };
        match (&self.charset, older) {
            (Charset::Wide(unit, _), _) => format!("UTF-16{} ({evidence})", unit.order()),
            (Charset::Widest(unit), _) => format!("UTF-32{} ({evidence})", unit.order()),
            (Charset::Cells(_), 0) if *marked => "UTF-8 (byte order mark)".to_owned(),
            (Charset::Cells(_), 0) if *unicode => "UTF-8".to_owned(),
            (Charset::Cells(_), 0) => "ASCII".to_owned(),
            (Charset::Cells(charset), _) if !unicode && !marked => {
                format!("{} (not UTF-8; {high} bytes above ASCII)", name_of(*charset))
            }
            (Charset::Cells(charset), older) => {
                format!("UTF-8, and {} in {}", name_of(*charset), crate::error::count(*older, "cell", "cells"))
            }
        }
    }

    /// Decodes what can be decoded of the bytes that wait.
    fn decode(&mut self) {
        let waiting = self.waiting.as_slice();
        let to = match &self.charset {
            Charset::Cells(_) if self.ended => waiting.len(),
            Charset::Cells(_) => end_of_cells(waiting),
            Charset::Wide(..) => waiting.len(),
            Charset::Widest(_) if self.ended => waiting.len(),
            Charset::Widest(_) => waiting.len() / 4 * 4,
        };
        if to == 0 {
            return;
        }
        let bytes = waiting.get(..to).unwrap_or_default();
        let mut text = match &mut self.charset {
            Charset::Cells(charset) => match std::str::from_utf8(bytes) {
                Ok(valid) => {
                    self.seen.unicode |= !valid.is_ascii();
                    Cow::Borrowed(valid)
                }
                Err(_) => {
                    let is_unicode = self.seen.unicode || self.seen.marked;
                    let charset = *charset.get_or_insert_with(|| older_charset(bytes, is_unicode, self.is_label));
                    Cow::Owned(cell_by_cell(bytes, charset, &mut self.seen))
                }
            },
            Charset::Wide(_, decoder) => {
                let mut text = String::with_capacity(decoder.max_utf8_buffer_length(to).unwrap_or(to * 3));
                // The string has room for all: one call takes it.
                let _ = decoder.decode_to_string(bytes, &mut text, self.ended);
                Cow::Owned(text)
            }
            Charset::Widest(unit) => Cow::Owned(widest(bytes, *unit)),
        };
        if memchr(0, text.as_bytes()).is_some() {
            text.to_mut().retain(|c| c != '\0');
        }
        let text = if self.begun { &*text } else { text.trim_start_matches('\u{feff}') };
        self.begun |= !text.is_empty();
        self.text.push_str(text);
        self.waiting.drain(..to);
    }
}

/// The text of a file in whatever charset.
///
/// # Errors
/// Bytes that are no text in any charset looked for.
pub(super) fn whole(bytes: &[u8]) -> Result<String, String> {
    let mut text = Text::of(bytes, &|_| false)?;
    text.fill(usize::MAX).map_err(|e| e.to_string())?;
    Ok(match text.lent {
        Some((whole, _)) => whole.to_owned(),
        None => text.text,
    })
}

/// Whether the first bytes are those of a text. A stray NUL, or a file's length of them behind a download that broke off,
/// is dropped; many other control bytes are no text, but for one that marks the ends of cells.
fn is_text(bytes: &[u8]) -> Result<(), String> {
    let head = bytes.get(..bytes.len().min(4096)).unwrap_or_default();
    let body = head.get(..head.iter().rposition(|b| *b != 0).map_or(0, |n| n + 1)).unwrap_or_default();
    if body.is_empty() && !head.is_empty() {
        return Err("nothing but zero bytes".into());
    }
    let of = |byte: u8| body.iter().filter(|b| **b == byte).count();
    let mark = [1, 28, 29, 30, 31].map(of).into_iter().max().unwrap_or(0);
    let control = body.iter().filter(|b| matches!(b, 1..=8 | 14..=26 | 28..=31)).count() - mark;
    if control > 16.max(body.len() / 64) || of(0) * 4 > body.len() {
        return Err("many control bytes".into());
    }
    Ok(())
}

/// Every byte that may delimit a cell: where cells end is not known yet, and a cut too many joins nothing.
fn ends_cell(byte: &u8) -> bool {
    matches!(byte, b'\n' | b'\r' | b',' | b';' | b'\t' | b'|' | b'^' | b'`' | b'"' | b'~' | 1 | 28..=31)
}

/// Up to where bytes can be decoded though more are to come: the last line end, so that no cell is cut.
fn end_of_cells(bytes: &[u8]) -> usize {
    let line = memrchr(b'\n', bytes).or_else(|| memrchr(b'\r', bytes)).map(|n| n + 1);
    match line {
        Some(end) => end,
        None if bytes.len() < MOST_LINE => 0,
        None => bytes.iter().rposition(ends_cell).map_or_else(
            || std::str::from_utf8(bytes).map_or_else(|e| e.valid_up_to().max(bytes.len() - 3), str::len),
            |n| n + 1,
        ),
    }
}

/// The same of bytes of characters that take two: what may be the second of one ends no cell.
fn ends_wide_cell(byte: &u8) -> bool {
    matches!(byte, b'\n' | b'\r' | b',' | b';' | b'\t' | b'"')
}

fn name_of(charset: Option<&'static Encoding>) -> &'static str {
    charset.unwrap_or(WINDOWS_1252).name()
}

/// Whether characters of a charset may take two bytes.
fn is_wide(charset: &'static Encoding) -> bool {
    !charset.is_single_byte()
}

/// Cells that are no UTF-8: each as far as one may reach, and its place.
fn wrong_cells<'b>(bytes: &'b [u8], ends: fn(&u8) -> bool) -> impl Iterator<Item = (usize, usize)> + 'b {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..)?;
        let wrong = std::str::from_utf8(rest).err()?.valid_up_to();
        // Everything before the cell of the wrong byte is what it seems.
        let from = rest.get(..wrong).unwrap_or_default().iter().rposition(ends).map_or(0, |n| n + 1);
        let to = rest.get(wrong..).and_then(|tail| tail.iter().position(ends)).map_or(rest.len(), |n| wrong + n);
        let cell = (at + from, at + to);
        at += to;
        Some(cell)
    })
}

/// The charset under which some of the first cells are labels that are looked for, two at least, and more than under the
/// usual one.
fn spelled(bytes: &[u8], is_label: &dyn Fn(&str) -> bool) -> Option<&'static Encoding> {
    /// Cells that are looked at: labels stand at the beginning.
    const FIRST: usize = 100;
    const CHARSETS: [&Encoding; 12] = [
        encoding_rs::WINDOWS_1250,
        encoding_rs::WINDOWS_1251,
        encoding_rs::WINDOWS_1253,
        encoding_rs::WINDOWS_1254,
        encoding_rs::WINDOWS_1257,
        encoding_rs::MACINTOSH,
        encoding_rs::KOI8_R,
        encoding_rs::SHIFT_JIS,
        encoding_rs::EUC_JP,
        encoding_rs::GBK,
        encoding_rs::BIG5,
        encoding_rs::EUC_KR,
    ];
    let cells: Vec<&[u8]> =
        wrong_cells(bytes, ends_wide_cell).take(FIRST).filter_map(|(from, to)| bytes.get(from..to)).collect();
    let labels = |charset: &'static Encoding| {
        let decoded = cells.iter().filter_map(|cell| charset.decode_without_bom_handling_and_without_replacement(cell));
        decoded.filter(|cell| is_label(cell.trim())).count()
    };
    let mut best = (WINDOWS_1252, labels(WINDOWS_1252).max(1));
    for charset in CHARSETS {
        let labels = labels(charset);
        if labels > best.1 {
            best = (charset, labels);
        }
    }
    (best.0 != WINDOWS_1252).then_some(best.0)
}

/// Whether cells spell words in the charset of old Macs and none in the one of Windows: `M\x9fller` is `MŸller` there.
/// What is a quotation mark or a dash in one of them tells nothing.
fn is_of_a_mac<'c>(cells: impl Iterator<Item = &'c [u8]>) -> bool {
    let (mut mac, mut windows) = (0, 0);
    // A capital stands among capitals only.
    let is_letter = |charset: &'static Encoding, before: u8, byte: u8, after: Option<&u8>| {
        let letter = charset.decode_without_bom_handling(&[byte]).0.chars().next().unwrap_or_default();
        let among_capitals = before.is_ascii_uppercase() && !after.is_some_and(u8::is_ascii_lowercase);
        letter.is_lowercase() || (letter.is_uppercase() && among_capitals)
    };
    for cell in cells {
        for (n, pair) in cell.windows(2).enumerate() {
            let [before, byte] = *pair else { continue };
            let is_mark = matches!(byte, 0x85 | 0x91..=0x97 | 0x99 | 0xd0..=0xd5);
            if !before.is_ascii_alphabetic() || byte.is_ascii() || is_mark {
                continue;
            }
            let is_letter = |charset| is_letter(charset, before, byte, cell.get(n + 2));
            let (there, here) = (is_letter(encoding_rs::MACINTOSH), is_letter(WINDOWS_1252));
            mac += usize::from(there && !here);
            windows += usize::from(here && !there);
        }
    }
    mac > 1 && windows * 20 < mac
}

/// Which older charset the cells are of that are no UTF-8. Beside text that is UTF-8, and where there are few of them, it is
/// the one of the program from which such a cell is mostly pasted.
fn older_charset(bytes: &[u8], is_unicode: bool, is_label: &dyn Fn(&str) -> bool) -> &'static Encoding {
    const FEWEST: usize = 8;
    if !is_unicode {
        if let Some(charset) = spelled(bytes, is_label) {
            return charset;
        }
        if is_of_a_mac(wrong_cells(bytes, ends_cell).filter_map(|(from, to)| bytes.get(from..to))) {
            return encoding_rs::MACINTOSH;
        }
    }
    let mut detector = chardetng::EncodingDetector::new();
    let (mut cells, mut valid, mut end) = (0, 0, 0);
    let beyond_ascii = |from: usize, to: usize| {
        let between = bytes.get(from..to).unwrap_or_default();
        between.split(ends_wide_cell).filter(|cell| !cell.is_ascii()).count()
    };
    for (from, to) in wrong_cells(bytes, ends_wide_cell) {
        valid += beyond_ascii(end, from);
        detector.feed(bytes.get(from..to).unwrap_or_default(), false);
        detector.feed(b"\n", false);
        (cells, end) = (cells + 1, to);
    }
    valid += beyond_ascii(end, bytes.len());
    // Two characters of an older charset may look like UTF-8, but not many cells do.
    if is_unicode || cells < FEWEST || valid * 5 > cells {
        return WINDOWS_1252;
    }
    detector.feed(b"", true);
    let charset = detector.guess(None, false);
    let fits = |charset: &'static Encoding| {
        let broken = wrong_cells(bytes, ends_wide_cell)
            .filter(|(from, to)| charset.decode_without_bom_handling(bytes.get(*from..*to).unwrap_or_default()).1);
        broken.count() * 20 <= cells
    };
    if charset == encoding_rs::UTF_8 || (is_wide(charset) && !fits(charset)) { WINDOWS_1252 } else { charset }
}

/// Decodes each cell by itself: every byte that may delimit one ends one here, which never joins what two programs wrote.
fn cell_by_cell(bytes: &[u8], charset: &'static Encoding, seen: &mut Seen) -> String {
    let ends = if is_wide(charset) { ends_wide_cell } else { ends_cell };
    if is_wide(charset)
        && let Some(text) = charset.decode_without_bom_handling_and_without_replacement(bytes)
    {
        seen.older += wrong_cells(bytes, ends).count();
        seen.high += bytes.iter().filter(|b| **b >= 0x80).count();
        return text.into_owned();
    }
    let mut text = String::with_capacity(bytes.len() + bytes.len() / 32);
    let mut end = 0;
    let valid =
        |from: usize, to: usize| std::str::from_utf8(bytes.get(from..to).unwrap_or_default()).unwrap_or_default();
    for (from, to) in wrong_cells(bytes, ends) {
        let before = valid(end, from);
        seen.unicode |= !before.is_ascii();
        text.push_str(before);
        let cell = bytes.get(from..to).unwrap_or_default();
        seen.older += 1;
        seen.high += cell.iter().filter(|b| **b >= 0x80).count();
        let (decoded, is_broken) = charset.decode_without_bom_handling(cell);
        text.push_str(&if is_broken { WINDOWS_1252.decode_without_bom_handling(cell).0 } else { decoded });
        end = to;
    }
    let rest = valid(end, bytes.len());
    seen.unicode |= !rest.is_ascii();
    text.push_str(rest);
    text
}

/// Size and order of the code units of a UTF-16 or UTF-32 text.
#[derive(Clone, Copy)]
struct Unit {
    bytes: usize,
    big: bool,
}

impl Unit {
    fn order(self) -> &'static str {
        if self.big { "BE" } else { "LE" }
    }
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

/// How many bytes the mark takes.
fn mark_of(bytes: &[u8], unit: Unit) -> usize {
    match bytes {
        [0, 0, 0xfe, 0xff, ..] | [0xff, 0xfe, 0, 0, ..] if unit.bytes == 4 => 4,
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => 2,
        _ => 0,
    }
}

/// Half a character at the end costs itself.
fn widest(bytes: &[u8], unit: Unit) -> String {
    let mut text = String::with_capacity(bytes.len() / 4);
    for quad in bytes.as_chunks::<4>().0 {
        let code = if unit.big { u32::from_be_bytes(*quad) } else { u32::from_le_bytes(*quad) };
        text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    text
}
