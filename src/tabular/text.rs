//! Bytes → text: byte order marks, UTF-16 and UTF-32 without an honest one, UTF-8, and windows-1252 cell by cell.
//!
//! The charset is not the file's but the cell's: one title that was pasted in another charset must not garble every
//! other name. A cell that is no UTF-8 is read as windows-1252, its neighbours as what they are.

use std::io::Read;

use memchr::memrchr;

/// How much is read at a time.
const CHUNK: usize = 8 << 20;
/// What has no line end in so many bytes is cut elsewhere.
const MOST_LINE: usize = 16 << 20;

/// A text file, decoded piece by piece: never more of it is in memory than was asked for.
pub(super) struct Text<'a> {
    source: Box<dyn Read + Send + 'a>,
    charset: Charset,
    /// Decoded text up to `decoded`, bytes as they came behind it.
    buffer: Vec<u8>,
    decoded: usize,
    /// Whether the source has no more.
    ended: bool,
    /// Whether any text was decoded: marks stand at its beginning only.
    begun: bool,
    seen: Seen,
}

enum Charset {
    /// UTF-8, and windows-1252 in cells that are none.
    Cells,
    Wide(Unit, encoding_rs::Decoder),
    /// UTF-32.
    Widest(Unit),
}

/// What the bytes showed so far.
#[derive(Default)]
struct Seen {
    /// Text beyond ASCII in cells of UTF-8.
    unicode: bool,
    /// Cells that are windows-1252, and bytes above ASCII in them.
    western: usize,
    high: usize,
    /// A byte order mark.
    marked: bool,
}

impl<'a> Text<'a> {
    /// Begins to decode.
    ///
    /// # Errors
    /// Bytes that are no text in any charset looked for, or a source that cannot be read.
    pub fn open(mut source: Box<dyn Read + Send + 'a>) -> Result<Self, String> {
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
                Charset::Cells
            }
        };
        Ok(Text { source, charset, buffer, decoded: 0, ended, begun: false, seen })
    }

    /// What is decoded and was not passed yet.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.buffer.get(..self.decoded).unwrap_or_default()).unwrap_or_default()
    }

    /// Whether that is all there is.
    pub fn is_at_its_end(&self) -> bool {
        self.ended && self.decoded == self.buffer.len()
    }

    /// Decodes on until so many bytes of text are there, or all that there are.
    ///
    /// # Errors
    /// A source that cannot be read.
    pub fn fill(&mut self, least: usize) -> std::io::Result<()> {
        // The first piece was read already.
        if self.decoded == 0 && !self.buffer.is_empty() {
            self.decode();
        }
        while self.decoded < least && !self.is_at_its_end() {
            let taken = self.source.by_ref().take(CHUNK as u64).read_to_end(&mut self.buffer)?;
            self.ended = taken < CHUNK;
            self.decode();
        }
        Ok(())
    }

    /// Passes over text up to a byte, which must begin a character.
    pub fn pass(&mut self, to: usize) {
        let to = to.min(self.decoded);
        self.buffer.drain(..to);
        self.decoded -= to;
    }

    /// Charset and evidence, of what was decoded so far.
    pub fn encoding(&self) -> String {
        let Seen { unicode, western, high, marked } = &self.seen;
        let evidence = if *marked { "byte order mark" } else { "by its zero bytes" };
        match (&self.charset, western) {
            (Charset::Wide(unit, _), _) => format!("UTF-16{} ({evidence})", unit.order()),
            (Charset::Widest(unit), _) => format!("UTF-32{} ({evidence})", unit.order()),
            (Charset::Cells, 0) if *marked => "UTF-8 (byte order mark)".to_owned(),
            (Charset::Cells, 0) if *unicode => "UTF-8".to_owned(),
            (Charset::Cells, 0) => "ASCII".to_owned(),
            (Charset::Cells, _) if !unicode && !marked => {
                format!("windows-1252 (not UTF-8; {high} bytes above ASCII)")
            }
            (Charset::Cells, western) => {
                format!("UTF-8, and windows-1252 in {}", crate::error::count(*western, "cell", "cells"))
            }
        }
    }

    /// Decodes what can be decoded of the bytes that wait.
    fn decode(&mut self) {
        let waiting = self.buffer.get(self.decoded..).unwrap_or_default();
        let to = match &self.charset {
            Charset::Cells if self.ended => waiting.len(),
            Charset::Cells => end_of_cells(waiting),
            Charset::Wide(..) => waiting.len(),
            Charset::Widest(_) if self.ended => waiting.len(),
            Charset::Widest(_) => waiting.len() / 4 * 4,
        };
        if to == 0 {
            return;
        }
        let bytes = waiting.get(..to).unwrap_or_default();
        let mut text = match &mut self.charset {
            Charset::Cells => match std::str::from_utf8(bytes) {
                Ok(valid) => {
                    self.seen.unicode |= !valid.is_ascii();
                    let is_clean = memchr::memchr(0, bytes).is_none() && (self.begun || !valid.starts_with('\u{feff}'));
                    if is_clean {
                        (self.begun, self.decoded) = (true, self.decoded + to);
                        return;
                    }
                    valid.to_owned()
                }
                Err(_) => cell_by_cell(bytes, &mut self.seen),
            },
            Charset::Wide(_, decoder) => {
                let mut text = String::with_capacity(decoder.max_utf8_buffer_length(to).unwrap_or(to * 3));
                // The string has room for all: one call takes it.
                let _ = decoder.decode_to_string(bytes, &mut text, self.ended);
                text
            }
            Charset::Widest(unit) => widest(bytes, *unit),
        };
        if text.contains('\0') {
            text.retain(|c| c != '\0');
        }
        if !self.begun {
            text = text.trim_start_matches('\u{feff}').to_owned();
        }
        self.begun |= !text.is_empty();
        self.buffer.splice(self.decoded..self.decoded + to, text.bytes());
        self.decoded += text.len();
    }
}

/// The text of a file in whatever charset.
///
/// # Errors
/// Bytes that are no text in any charset looked for.
pub(super) fn whole(bytes: &[u8]) -> Result<String, String> {
    let mut text = Text::open(Box::new(bytes))?;
    text.fill(usize::MAX).map_err(|e| e.to_string())?;
    Ok(text.as_str().to_owned())
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

/// Decodes each cell by itself: every byte that may delimit one ends one here, which never joins what two programs wrote.
fn cell_by_cell(bytes: &[u8], seen: &mut Seen) -> String {
    let mut text = String::with_capacity(bytes.len() + bytes.len() / 32);
    let mut rest = bytes;
    while !rest.is_empty() {
        match std::str::from_utf8(rest) {
            Ok(valid) => {
                seen.unicode |= !valid.is_ascii();
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
                seen.unicode |= !before.is_ascii();
                text.push_str(before);
                let cell = rest.get(from..to).unwrap_or_default();
                seen.western += 1;
                seen.high += cell.iter().filter(|b| **b >= 0x80).count();
                text.push_str(&encoding_rs::WINDOWS_1252.decode_without_bom_handling(cell).0);
                rest = rest.get(to..).unwrap_or_default();
            }
        }
    }
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
