//! What a file holds: bytes in memory, or a place that is read as often as it is asked for.
//!
//! A CSV of gigabytes is never in memory as a whole: who reads it takes it from the place piece by piece. What the place
//! is (a file, a blob put aside, what is packed in another place) is no business of those who read.

use std::borrow::Cow;
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom};
use std::sync::Arc;

/// Begins a reading from a byte.
type Open = dyn Fn(u64) -> Result<Box<dyn Read + Send>> + Send + Sync;

/// The bytes of a file.
#[derive(Clone)]
pub struct Content {
    length: u64,
    place: Place,
}

#[derive(Clone)]
enum Place {
    Memory(Arc<Vec<u8>>),
    Elsewhere(Arc<Open>),
}

impl Content {
    /// Bytes that stand elsewhere. `open` begins a reading from the one whose number it is given, and fails a reading that
    /// another hand has changed them under.
    pub fn elsewhere(length: u64, open: impl Fn(u64) -> Result<Box<dyn Read + Send>> + Send + Sync + 'static) -> Self {
        Content { length, place: Place::Elsewhere(Arc::new(open)) }
    }

    /// How many bytes it has.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// How many bytes it has, as what is in memory is counted.
    pub fn size(&self) -> usize {
        usize::try_from(self.length).unwrap_or(usize::MAX)
    }

    /// A reading from the first byte.
    ///
    /// # Errors
    /// When the place cannot be read.
    pub fn reader(&self) -> Result<Box<dyn Read + Send + '_>> {
        match &self.place {
            Place::Memory(bytes) => Ok(Box::new(bytes.as_slice())),
            Place::Elsewhere(open) => Ok(open(0)?),
        }
    }

    /// The bytes, where they are in memory.
    pub(super) fn in_memory(&self) -> Option<&[u8]> {
        match &self.place {
            Place::Memory(bytes) => Some(bytes),
            Place::Elsewhere(_) => None,
        }
    }

    /// A reading from any byte that lives as long as it is needed.
    ///
    /// # Errors
    /// When the place cannot be read.
    pub fn reader_from(&self, at: u64) -> Result<Box<dyn Read + Send>> {
        match &self.place {
            Place::Memory(bytes) => {
                let mut bytes = std::io::Cursor::new(Shared(bytes.clone()));
                bytes.set_position(at);
                Ok(Box::new(bytes))
            }
            Place::Elsewhere(open) => open(at),
        }
    }

    /// A reading that may go to any byte, and back.
    pub fn seekable(&self) -> Seekable {
        Seekable { content: self.clone(), at: 0, reading: None }
    }

    /// The first bytes, `most` at most.
    ///
    /// # Errors
    /// When the place cannot be read.
    pub fn opening(&self, most: u64) -> Result<Cow<'_, [u8]>> {
        match &self.place {
            Place::Memory(bytes) => {
                let most = usize::try_from(most).unwrap_or(usize::MAX).min(bytes.len());
                Ok(Cow::Borrowed(bytes.get(..most).unwrap_or_default()))
            }
            Place::Elsewhere(open) => {
                let mut bytes = Vec::new();
                open(0)?.take(most).read_to_end(&mut bytes)?;
                Ok(Cow::Owned(bytes))
            }
        }
    }

    /// All bytes, in memory.
    ///
    /// # Errors
    /// When the place cannot be read.
    pub fn whole(&self) -> Result<Cow<'_, [u8]>> {
        self.opening(u64::MAX)
    }
}

/// A file inside an export: the export itself, or a member of an archive, decompressed.
#[derive(Debug)]
pub struct Part {
    /// Name of the export, and `!member` for a member of an archive.
    pub name: String,
    /// Decompressed content.
    pub content: Content,
}

/// A reading that may go to any byte; where it is told to go, it begins anew.
pub struct Seekable {
    content: Content,
    at: u64,
    reading: Option<Box<dyn Read + Send>>,
}

impl Read for Seekable {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let reading = match &mut self.reading {
            Some(reading) => reading,
            none => none.insert(self.content.reader_from(self.at)?),
        };
        let taken = reading.read(buffer)?;
        self.at += taken as u64;
        Ok(taken)
    }
}

impl Seek for Seekable {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let to = match to {
            SeekFrom::Start(to) => Some(to),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.content.length.checked_add_signed(by),
        };
        let to = to.ok_or_else(|| Error::new(ErrorKind::InvalidInput, "there is nothing before the first byte"))?;
        if to != self.at {
            (self.at, self.reading) = (to, None);
        }
        Ok(to)
    }
}

struct Shared(Arc<Vec<u8>>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Content { length: bytes.len() as u64, place: Place::Memory(Arc::new(bytes)) }
    }
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.length)
    }
}
