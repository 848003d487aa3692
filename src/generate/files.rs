//! Files under way: buffered, compressed, handed on in pieces, so that no file has to fit into memory.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use chrono::{DateTime, Utc};
use flate2::write::GzEncoder;

use crate::error::{Error, Result};

/// Where the bytes of a generated publisher go: a folder, or memory.
pub trait Sink {
    /// Starts a file; `modified` is the time it shall carry, where that matters.
    ///
    /// # Errors
    /// When the file cannot be made.
    fn create(&mut self, path: &str, modified: Option<DateTime<Utc>>) -> Result<usize>;
    /// Adds bytes to a started file.
    ///
    /// # Errors
    /// When they cannot be written.
    fn append(&mut self, file: usize, bytes: &[u8]) -> Result<()>;
    /// Ends a file.
    ///
    /// # Errors
    /// When what was written cannot be kept.
    fn close(&mut self, file: usize) -> Result<()>;
}

/// A publisher in memory: path to bytes, and the times of the files that carry one.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Publisher {
    /// Path, with `/`, to bytes.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Path to modification time.
    pub modified: BTreeMap<String, DateTime<Utc>>,
    open: Vec<String>,
}

impl Sink for Publisher {
    fn create(&mut self, path: &str, modified: Option<DateTime<Utc>>) -> Result<usize> {
        if self.files.insert(path.to_owned(), Vec::new()).is_some() {
            return Err(Error::failed(format!("the generated publisher holds {path} twice")));
        }
        if let Some(modified) = modified {
            self.modified.insert(path.to_owned(), modified);
        }
        self.open.push(path.to_owned());
        Ok(self.open.len() - 1)
    }

    fn append(&mut self, file: usize, bytes: &[u8]) -> Result<()> {
        if let Some(content) = self.open.get(file).and_then(|path| self.files.get_mut(path)) {
            content.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn close(&mut self, _file: usize) -> Result<()> {
        Ok(())
    }
}

/// A file of [`Files`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileNumber(usize);

/// The files under way.
pub struct Files<'a> {
    sink: &'a mut dyn Sink,
    open: Vec<Option<Open>>,
    /// The upper two folders of each file.
    folders: BTreeSet<String>,
}

struct Open {
    sink_number: usize,
    buffer: Buffer,
    footer: &'static [u8],
    records: u64,
}

enum Buffer {
    Plain(Vec<u8>),
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::Encoder<'static, Vec<u8>>),
}

const FULL: usize = 256 * 1024;

impl<'a> Files<'a> {
    /// No file yet.
    pub fn new(sink: &'a mut dyn Sink) -> Self {
        Files { sink, open: Vec::new(), folders: BTreeSet::new() }
    }

    /// Starts a file with its header; the path's ending says how it is compressed.
    ///
    /// # Errors
    /// When the sink cannot make it.
    pub fn start(
        &mut self,
        path: &str,
        modified: Option<DateTime<Utc>>,
        header: &[u8],
        footer: &'static [u8],
    ) -> Result<FileNumber> {
        let sink_number = self.sink.create(path, modified)?;
        let upper = path.split('/').count().saturating_sub(1).min(2);
        self.folders.insert(path.split('/').take(upper).collect::<Vec<_>>().join("/"));
        let buffer = if path.ends_with(".gz") {
            Buffer::Gzip(flate2::GzBuilder::new().write(Vec::new(), flate2::Compression::fast()))
        } else if path.ends_with(".zst") {
            Buffer::Zstd(zstd::Encoder::new(Vec::new(), 1).map_err(compressing)?)
        } else {
            Buffer::Plain(Vec::with_capacity(header.len() + 1024))
        };
        self.open.push(Some(Open { sink_number, buffer, footer, records: 0 }));
        let file = FileNumber(self.open.len() - 1);
        self.write(file, header)?;
        Ok(file)
    }

    /// Whether a folder, of the upper two levels, holds any file yet.
    pub fn is_folder(&self, path: &str) -> bool {
        self.folders.contains(path)
    }

    /// Adds one record and says which one of the file it is, from 1.
    ///
    /// # Errors
    /// When the sink cannot write.
    pub fn record(&mut self, file: FileNumber, bytes: &[u8]) -> Result<u64> {
        self.write(file, bytes)?;
        let Some(Some(open)) = self.open.get_mut(file.0) else { return Ok(0) };
        open.records += 1;
        Ok(open.records)
    }

    /// How many records were added so far.
    pub fn records(&self, file: FileNumber) -> u64 {
        self.open.get(file.0).and_then(Option::as_ref).map_or(0, |open| open.records)
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// When the sink cannot write.
    pub fn write(&mut self, file: FileNumber, bytes: &[u8]) -> Result<()> {
        let Some(Some(open)) = self.open.get_mut(file.0) else { return Ok(()) };
        let inner = match &mut open.buffer {
            Buffer::Plain(buffer) => {
                buffer.extend_from_slice(bytes);
                buffer
            }
            Buffer::Gzip(encoder) => {
                encoder.write_all(bytes).map_err(compressing)?;
                encoder.get_mut()
            }
            Buffer::Zstd(encoder) => {
                encoder.write_all(bytes).map_err(compressing)?;
                encoder.get_mut()
            }
        };
        if inner.len() >= FULL {
            self.sink.append(open.sink_number, inner)?;
            inner.clear();
        }
        Ok(())
    }

    /// Ends a file.
    ///
    /// # Errors
    /// When the sink cannot write.
    pub fn finish(&mut self, file: FileNumber) -> Result<()> {
        let footer = match self.open.get(file.0) {
            Some(Some(open)) => open.footer,
            _ => return Ok(()),
        };
        self.write(file, footer)?;
        let Some(Some(open)) = self.open.get_mut(file.0).map(Option::take) else { return Ok(()) };
        let rest = match open.buffer {
            Buffer::Plain(buffer) => buffer,
            Buffer::Gzip(encoder) => encoder.finish().map_err(compressing)?,
            Buffer::Zstd(encoder) => encoder.finish().map_err(compressing)?,
        };
        self.sink.append(open.sink_number, &rest)?;
        self.sink.close(open.sink_number)
    }

    /// Ends every file that is still open.
    ///
    /// # Errors
    /// When the sink cannot write.
    pub fn finish_all(&mut self) -> Result<()> {
        (0..self.open.len()).try_for_each(|n| self.finish(FileNumber(n)))
    }

    /// A whole file at once.
    ///
    /// # Errors
    /// When the sink cannot write.
    pub fn whole(&mut self, path: &str, modified: Option<DateTime<Utc>>, bytes: &[u8]) -> Result<()> {
        let file = self.start(path, modified, bytes, b"")?;
        self.finish(file)
    }
}

impl std::fmt::Debug for Files<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Files ({} so far)", self.open.len())
    }
}

fn compressing(error: std::io::Error) -> Error {
    Error::failed("cannot compress a generated file").because(error)
}

/// Appends a CSV row: quoted where it must be, or everywhere.
pub fn csv_row(out: &mut Vec<u8>, fields: &[&str], separator: u8, always_quoted: bool) {
    for (at, field) in fields.iter().enumerate() {
        if at > 0 {
            out.push(separator);
        }
        let special = |b: u8| b == separator || matches!(b, b'"' | b'\n' | b'\r');
        let spaced = field.starts_with(' ') || field.ends_with(' ');
        if always_quoted || spaced || field.bytes().any(special) {
            out.push(b'"');
            for byte in field.bytes() {
                if byte == b'"' {
                    out.push(b'"');
                }
                out.push(byte);
            }
            out.push(b'"');
        } else {
            out.extend_from_slice(field.as_bytes());
        }
    }
    out.push(b'\n');
}

/// Appends a text as a JSON string.
pub fn json_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            c if (c as u32) < 0x20 => out.extend_from_slice(format!("\\u{:04x}", c as u32).as_bytes()),
            c => {
                let mut utf8 = [0; 4];
                out.extend_from_slice(c.encode_utf8(&mut utf8).as_bytes());
            }
        }
    }
    out.push(b'"');
}

/// Appends a JSON object of texts.
pub fn json_object(out: &mut Vec<u8>, fields: &[(&str, &str)]) {
    out.push(b'{');
    for (at, (key, value)) in fields.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        json_text(out, key);
        out.push(b':');
        json_text(out, value);
    }
    out.push(b'}');
}
