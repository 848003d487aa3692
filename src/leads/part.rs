//! What reading some raw leads gave, before anything that takes all of them; and the same as bytes, for another night.

use polars::prelude::*;
use serde::{Deserialize, Serialize};
use std::io::Cursor;

use super::packed::Packed;
use super::received::{Orders, Told};
use crate::error::{Error, Result};

/// What reading some raw leads gave.
#[derive(Debug, Default)]
pub struct Part {
    /// How many there were.
    pub(super) taken: usize,
    pub(super) chunks: Vec<Chunk>,
}

/// What one chunk of raw leads gives.
#[derive(Debug)]
pub(super) struct Chunk {
    /// None if no row is a lead.
    pub leads: Option<Packed>,
    pub quarantine: DataFrame,
    pub after_as_of: usize,
    pub forgotten: Vec<i64>,
    pub contradictions: i64,
    pub orders: Orders,
    /// The latest time by which a row is of the as-of day or not.
    pub newest: i64,
}

/// All of a part but its tables.
#[derive(Serialize, Deserialize)]
struct Outline {
    taken: usize,
    chunks: Vec<ChunkOutline>,
}

#[derive(Serialize, Deserialize)]
struct ChunkOutline {
    /// Bytes of its leads, if there are any.
    leads: Option<usize>,
    /// Bytes of what was refused.
    quarantine: usize,
    forgotten: Vec<i64>,
    contradictions: i64,
    orders: Told,
    newest: i64,
}

impl Part {
    /// Everything of it as bytes; none if some of it was received after the as-of day, for then it is another part the
    /// next day.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn bytes(&self) -> Result<Option<Vec<u8>>> {
        if self.chunks.iter().any(|chunk| chunk.after_as_of > 0) {
            return Ok(None);
        }
        let (mut outline, mut tables) = (Outline { taken: self.taken, chunks: Vec::new() }, Vec::new());
        for chunk in &self.chunks {
            let leads = chunk.leads.as_ref().map(Packed::bytes);
            let quarantine = Packed::new(chunk.quarantine.clone())?;
            outline.chunks.push(ChunkOutline {
                leads: leads.map(<[u8]>::len),
                quarantine: quarantine.bytes().len(),
                forgotten: chunk.forgotten.clone(),
                contradictions: chunk.contradictions,
                orders: chunk.orders.told(),
                newest: chunk.newest,
            });
            tables.extend_from_slice(leads.unwrap_or_default());
            tables.extend_from_slice(quarantine.bytes());
        }
        let outline =
            serde_json::to_vec(&outline).map_err(|e| Error::failed("cannot keep what was read").because(e))?;
        Ok(Some([&(outline.len() as u64).to_le_bytes(), outline.as_slice(), &tables].concat()))
    }

    /// A part of bytes that [`Self::bytes`] gave; none if they are others, or if something in it was received after the
    /// as-of day, which ends at `cut`.
    pub(super) fn of_bytes(bytes: &[u8], cut: i64) -> Option<Part> {
        let (length, rest) = bytes.split_first_chunk()?;
        let (outline, mut tables) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
        let outline: Outline = serde_json::from_slice(outline).ok()?;
        let mut part = Part { taken: outline.taken, chunks: Vec::with_capacity(outline.chunks.len()) };
        for chunk in outline.chunks {
            let mut next = |length| {
                let (table, rest) = tables.split_at_checked(length)?;
                tables = rest;
                Some(table)
            };
            let leads = match chunk.leads {
                Some(length) => Some(Packed::of_bytes(next(length)?)),
                None => None,
            };
            let quarantine = ParquetReader::new(Cursor::new(next(chunk.quarantine)?)).finish().ok()?;
            if chunk.newest >= cut {
                return None;
            }
            part.chunks.push(Chunk {
                leads,
                quarantine,
                after_as_of: 0,
                forgotten: chunk.forgotten,
                contradictions: chunk.contradictions,
                orders: Orders::of(chunk.orders)?,
                newest: chunk.newest,
            });
        }
        Some(part)
    }
}
