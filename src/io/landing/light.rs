//! The light columns of the raw leads' segments: all but what was stored.

use polars::prelude::*;

use super::segments::SEQUENCE;
use crate::error::Result;

/// The columns that make the index.
pub(super) const LIGHT: [&str; 10] =
    ["source", "source_key", "keyed", "stored_at", "landed_on", "content", "forgotten", SEQUENCE, "object", "marks"];

/// Those columns of one segment.
pub(super) struct Light<'a> {
    source: &'a StringChunked,
    source_key: &'a StringChunked,
    keyed: &'a BooleanChunked,
    stored_at: Int64Chunked,
    landed_on: Int32Chunked,
    content: &'a StringChunked,
    forgotten: &'a BooleanChunked,
    sequence: &'a Int64Chunked,
    // Version 0.1 wrote neither.
    object: Option<&'a StringChunked>,
    marks: Option<&'a StringChunked>,
}

/// Those columns of one row.
pub(super) struct LightRow<'a> {
    pub(super) source: &'a str,
    pub(super) source_key: &'a str,
    pub(super) keyed: bool,
    pub(super) stored_at: i64,
    pub(super) landed_on: i32,
    pub(super) content: u128,
    pub(super) forgotten: bool,
    pub(super) sequence: i64,
    /// The object in which it was found, where it was found in one.
    pub(super) object: Option<&'a str>,
    /// What keeps a corrected copy of a forgotten record away.
    pub(super) marks: Option<&'a str>,
}

impl<'a> Light<'a> {
    pub(super) fn of(frame: &'a DataFrame) -> Result<Light<'a>> {
        Ok(Light {
            source: frame.column("source")?.str()?,
            source_key: frame.column("source_key")?.str()?,
            keyed: frame.column("keyed")?.bool()?,
            stored_at: frame.column("stored_at")?.cast(&DataType::Int64)?.i64()?.clone(),
            landed_on: frame.column("landed_on")?.cast(&DataType::Int32)?.i32()?.clone(),
            content: frame.column("content")?.str()?,
            forgotten: frame.column("forgotten")?.bool()?,
            sequence: frame.column(SEQUENCE)?.i64()?,
            object: frame.column("object").ok().and_then(|c| c.str().ok()),
            marks: frame.column("marks").ok().and_then(|c| c.str().ok()),
        })
    }

    pub(super) fn row(&self, n: usize) -> Option<LightRow<'a>> {
        Some(LightRow {
            source: self.source.get(n)?,
            source_key: self.source_key.get(n)?,
            keyed: self.keyed.get(n)?,
            stored_at: self.stored_at.get(n)?,
            landed_on: self.landed_on.get(n)?,
            content: u128::from_str_radix(self.content.get(n)?, 16).ok()?,
            forgotten: self.forgotten.get(n)?,
            sequence: self.sequence.get(n)?,
            object: self.object.and_then(|c| c.get(n)),
            marks: self.marks.and_then(|c| c.get(n)),
        })
    }
}

impl LightRow<'_> {
    /// What orders the versions of a key: the time of an entity, else the order of landing.
    pub(super) fn rank(&self) -> i64 {
        if self.keyed { self.stored_at } else { i64::MIN }
    }
}
