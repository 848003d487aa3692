//! What a file holds: bytes in memory, or a place that is read as often as it is asked for.
//!
//! A CSV of gigabytes is never in memory as a whole: who reads it takes it from the place piece by piece. What the place
//! is (a file, a blob) is the edge's business.

use std::borrow::Cow;
use std::io::{Read, Result};
use std::sync::Arc;

/// Begins a reading from the first byte.
type Open = dyn Fn() -> Result<Box<dyn Read + Send>> + Send + Sync;

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
    /// Bytes that stand elsewhere. `open` begins a reading from the first of them, and fails a reading that another hand
    /// has changed them under.
    pub fn elsewhere(length: u64, open: impl Fn() -> Result<Box<dyn Read + Send>> + Send + Sync + 'static) -> Self {
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
            Place::Elsewhere(open) => Ok(open()?),
        }
    }

    /// A reading from the first byte that lives as long as it is needed.
    ///
    /// # Errors
    /// When the place cannot be read.
    pub fn own_reader(&self) -> Result<Box<dyn Read + Send>> {
        match &self.place {
            Place::Memory(bytes) => Ok(Box::new(std::io::Cursor::new(Shared(bytes.clone())))),
            Place::Elsewhere(open) => open(),
        }
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
                open()?.take(most).read_to_end(&mut bytes)?;
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
