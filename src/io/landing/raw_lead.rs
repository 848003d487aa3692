//! One raw lead on its way into the landing, and what is left of one that was erased.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use polars::prelude::*;

use super::content::{Content, keyed_hash, keyed_mark};
use crate::error::Result;
use crate::leads::{Own, OwnReader};

/// One raw lead, cut out of what a source holds.
#[derive(Clone, Debug)]
pub struct RawLead {
    /// `PartitionKey/RowKey`, or the object's name with `#n` from the second record on.
    pub source_key: String,
    /// Whether the key is the record's own (PartitionKey and RowKey), and `stored_at` orders its versions.
    pub keyed: bool,
    /// The record's Timestamp, or the time of the blob or file.
    pub stored_at: DateTime<Utc>,
    /// `entity`, `json`, `csv` or `bytes`.
    pub format: &'static str,
    /// Header record of a CSV file.
    pub header: Option<Arc<[u8]>>,
    /// The bytes, as stored.
    pub payload: Vec<u8>,
    /// Quarantine reason and detail, where no record could be cut out.
    pub problem: Option<String>,
    /// What tells one version of a key from another; see `io::records`.
    pub content: Content,
    /// The object in which it stands, as [`crate::place`] writes its name; none for an entity of a table.
    pub object: Option<Arc<str>>,
    /// What is to become of it.
    pub fate: Fate,
}

/// What is to become of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    /// Its own key tells, or nobody has decided yet.
    #[default]
    ByKey,
    /// It is landed already.
    Known,
    /// It is a new version of the lead with this key.
    Version(String),
    /// It is a lead never seen before, and has this key from now on.
    New(String),
    /// It was forgotten and is kept away.
    Forgotten,
}

/// A raw lead that waits for its segment.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) source: String,
    pub(super) lead: RawLead,
    pub(super) landed_at: DateTime<Utc>,
}

/// The rows of a segment.
pub(super) fn frame_of(pending: &[Pending]) -> Result<DataFrame> {
    let instant = DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC));
    let leads = || pending.iter().map(|p| &p.lead);
    let texts = |name: &str, values: Vec<&str>| Column::new(name.into(), values);
    let columns = vec![
        texts("source", pending.iter().map(|p| p.source.as_str()).collect()),
        texts("source_key", leads().map(|l| l.source_key.as_str()).collect()),
        Column::new("keyed".into(), leads().map(|l| l.keyed).collect::<Vec<_>>()),
        Column::new("stored_at".into(), leads().map(|l| l.stored_at.timestamp_micros()).collect::<Vec<_>>())
            .cast(&instant)?,
        Column::new("landed_at".into(), pending.iter().map(|p| p.landed_at.timestamp_micros()).collect::<Vec<_>>())
            .cast(&instant)?,
        Column::new("landed_on".into(), pending.iter().map(|p| p.landed_at.date_naive()).collect::<Vec<NaiveDate>>()),
        texts("format", leads().map(|l| l.format).collect()),
        BinaryChunked::from_iter_options("header".into(), leads().map(|l| l.header.as_deref())).into_column(),
        BinaryChunked::from_iter_values("payload".into(), leads().map(|l| l.payload.as_slice())).into_column(),
        Column::new("problem".into(), leads().map(|l| l.problem.as_deref()).collect::<Vec<_>>()),
        Column::new("content".into(), leads().map(|l| hex::encode(l.content)).collect::<Vec<_>>()),
        Column::new("forgotten".into(), vec![false; pending.len()]),
        Column::new("object".into(), leads().map(|l| l.object.as_deref()).collect::<Vec<_>>()),
    ];
    Ok(DataFrame::new(pending.len(), columns)?)
}

/// Which rows are selected and not yet erased.
pub(super) fn marks(light: &DataFrame, selected: impl Fn(&str, &str) -> bool) -> Result<Vec<bool>> {
    let (source, key) = (light.column("source")?.str()?, light.column("source_key")?.str()?);
    let forgotten = light.column("forgotten")?.bool()?;
    Ok((0..light.height())
        .map(|n| match (source.get(n), key.get(n), forgotten.get(n)) {
            (Some(source), Some(key), Some(false)) => selected(source, key),
            _ => false,
        })
        .collect())
}

/// Marks as text: `t` and 16 hex digits for one with an own time, `u` for one without.
fn marks_text(own: &Own, secret: &[u8; 32]) -> Option<String> {
    let kind = if own.timed { 't' } else { 'u' };
    let marks: Vec<String> = own.marks.iter().map(|m| format!("{kind}{:016x}", keyed_mark(secret, *m))).collect();
    (!marks.is_empty()).then(|| marks.join(" "))
}

/// Marks of a forgotten record, and whether it had a time of its own.
pub(super) fn marks_of(text: &str) -> impl Iterator<Item = (bool, u64)> {
    text.split(' ').filter_map(|mark| {
        let digits = mark.strip_prefix(['t', 'u'])?;
        Some((mark.starts_with('t'), u64::from_str_radix(digits, 16).ok()?))
    })
}

/// Erases payload and header of the marked rows; keys and times stay, and a keyed hash of the content.
pub(super) fn erase(mut frame: DataFrame, mask: &[bool], secret: &[u8; 32]) -> Result<DataFrame> {
    let gone = BooleanChunked::from_slice("gone".into(), mask);
    frame = with_marks(frame, mask, secret)?;
    for name in ["payload", "header"] {
        let column = frame.column(name)?.binary()?;
        let kept = column.iter().zip(mask).map(|(v, m)| if *m { None } else { v });
        let kept = BinaryChunked::from_iter_options(name.into(), kept);
        frame.with_column(kept.into_column())?;
    }
    // The detail of a problem may quote the payload; its code stays.
    let problems = frame.column("problem")?.str()?;
    let problems: StringChunked = problems
        .iter()
        .zip(mask)
        .map(|(p, m)| p.map(|p| if *m { p.split(':').next().unwrap_or_default().to_owned() } else { p.to_owned() }))
        .collect_ca("problem".into());
    frame.with_column(problems.into_column())?;
    let contents = frame.column("content")?.str()?;
    let contents: StringChunked = contents
        .iter()
        .zip(mask)
        .map(|(c, m)| {
            let content = c.and_then(|c| u128::from_str_radix(c, 16).ok())?;
            Some(format!("{:032x}", if *m { keyed_hash(secret, content) } else { content }))
        })
        .collect_ca("content".into());
    frame.with_column(contents.into_column())?;
    let forgotten = frame.column("forgotten")?.bool()? | &gone;
    frame.with_column(forgotten.with_name("forgotten".into()).into_column())?;
    Ok(frame)
}

/// Adds what keeps corrected copies of the marked rows away, as far as they have no key of their own.
fn with_marks(mut frame: DataFrame, mask: &[bool], secret: &[u8; 32]) -> Result<DataFrame> {
    let mut reader = OwnReader::default();
    let (keyed, format) = (frame.column("keyed")?.bool()?, frame.column("format")?.str()?);
    let (header, payload) = (frame.column("header")?.binary()?, frame.column("payload")?.binary()?);
    let before = frame.column("marks").ok().and_then(|c| c.str().ok());
    let marks: StringChunked = (0..frame.height())
        .map(|row| {
            let is_gone = mask.get(row) == Some(&true) && keyed.get(row) == Some(false);
            let own = payload
                .get(row)
                .filter(|_| is_gone)
                .map(|payload| reader.read(format.get(row).unwrap_or_default(), header.get(row), payload));
            own.and_then(|own| marks_text(&own, secret)).or_else(|| before.and_then(|b| b.get(row)).map(str::to_owned))
        })
        .collect_ca("marks".into());
    frame.with_column(marks.into_column())?;
    Ok(frame)
}
