//! Gives out the records that are cut out of one object, and numbers them; what a record with a key of its own says.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::codes::quarantine;
use crate::io::landing::content::{Content, content_of};
use crate::io::landing::{Fate, RawLead};
use crate::place;

/// The largest record that can be a lead: an entity has at most 1 MiB.
pub const MAX_RECORD: usize = 1 << 20;
/// How much is looked at to tell what the bytes are.
pub(super) const SAMPLE: usize = 1 << 16;
/// Why an object could not be read to its end: the reader's failure, or the taker's.
#[derive(Debug)]
pub enum Stopped {
    /// The bytes could not be had.
    Read(std::io::Error),
    /// The taker of records failed.
    Taker(crate::error::Error),
    /// The taker has seen enough.
    Enough,
    /// It is no longer what it was when it was first looked at.
    Changing,
    /// It is not what can be leads, or too large to be unpacked: nothing of it is to be landed.
    Refused(String),
}

impl From<std::io::Error> for Stopped {
    fn from(error: std::io::Error) -> Self {
        Stopped::Read(error)
    }
}

/// Gives out the records of one object, numbering them.
pub(super) struct Cutter<'a> {
    pub(super) name: Arc<str>,
    pub(super) stored_at: DateTime<Utc>,
    pub(super) records: usize,
    /// Bytes that were gone through in search of the next value behind a broken one.
    pub(super) searched: usize,
    pub(super) take: &'a mut dyn FnMut(RawLead) -> Result<(), Stopped>,
}

impl Cutter<'_> {
    /// Bytes that no record can be cut out of.
    pub(super) fn problem(&mut self, bytes: Vec<u8>, reason: &str, detail: &str) -> Result<(), Stopped> {
        self.give("bytes", None, bytes, Some(format!("{reason}: {detail}")), None)
    }

    /// A record that is longer than a lead can be.
    pub(super) fn too_large(&mut self, start: Vec<u8>) -> Result<(), Stopped> {
        let detail = format!("more than {} bytes; only the beginning is kept", MAX_RECORD);
        self.problem(start, quarantine::TOO_LARGE, &detail)
    }

    /// Gives a record to the taker.
    pub(super) fn give(
        &mut self,
        format: &'static str,
        header: Option<Arc<[u8]>>,
        payload: Vec<u8>,
        problem: Option<String>,
        own: Option<Own>,
    ) -> Result<(), Stopped> {
        self.records += 1;
        let content = own.as_ref().map(|o| o.content);
        let content = content.unwrap_or_else(|| content_of(&[header.as_deref().unwrap_or_default(), &payload]));
        let (source_key, keyed, own_time) = match own {
            Some(own) => (own.key, true, own.stored_at),
            None => (place::key(&self.name, self.records), false, None),
        };
        let stored_at = own_time.unwrap_or(self.stored_at);
        let object = (!self.name.is_empty()).then(|| Arc::clone(&self.name));
        let fate = Fate::ByKey;
        (self.take)(RawLead { source_key, keyed, stored_at, format, header, payload, problem, content, object, fate })
    }
}

/// What a record with PartitionKey and RowKey says of itself.
pub(super) struct Own {
    pub(super) key: String,
    pub(super) stored_at: Option<DateTime<Utc>>,
    pub(super) content: Content,
}

impl Own {
    /// Of the fields of a record; nothing where one of the two is missing.
    pub(super) fn of<'a>(fields: impl Iterator<Item = (&'a str, Cow<'a, str>)>) -> Option<Own> {
        let (mut partition, mut row, mut stored_at) = (None, None, None);
        let mut said: BTreeMap<&str, Cow<'_, str>> = BTreeMap::new();
        for (name, value) in fields {
            let name = name.trim_start_matches('\u{feff}');
            // Power Query puts the name of what was expanded before each: `Content.RowKey`.
            let bare = name.rsplit('.').next().unwrap_or(name);
            if bare.eq_ignore_ascii_case("PartitionKey") {
                partition = Some(value);
            } else if bare.eq_ignore_ascii_case("RowKey") {
                row = Some(value);
            } else if bare.eq_ignore_ascii_case("Timestamp") && !is_annotation(name) {
                stored_at = DateTime::parse_from_rfc3339(value.trim()).ok().map(|t| t.to_utc());
            } else if !value.is_empty() && !is_annotation(name) {
                said.insert(name, value);
            }
        }
        let (partition, row) = (partition?, row?);
        if (partition.is_empty() && row.is_empty()) || is_cut_number(&partition) || is_cut_number(&row) {
            return None;
        }
        let key = format!("{partition}/{row}");
        let mut parts: Vec<&[u8]> = vec![key.as_bytes()];
        parts.extend(said.iter().flat_map(|(n, v)| [n.as_bytes(), v.as_bytes()]));
        Some(Own { content: content_of(&parts), stored_at, key })
    }
}

/// Whether a spreadsheet took a key for a number and left fifteen digits of it: several keys become one so, and none of
/// them is known.
fn is_cut_number(key: &str) -> bool {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    key.trim().split_once("E+").is_some_and(|(number, exponent)| {
        let (whole, fraction) = number.split_once(['.', ',']).unwrap_or((number, "0"));
        is_digits(whole) && is_digits(fraction) && is_digits(exponent)
    })
}

/// Names that the service or an export tool adds to an entity.
fn is_annotation(name: &str) -> bool {
    name.starts_with("odata.") || name.contains("@odata.") || name.ends_with("@type") || name == "etag"
}
