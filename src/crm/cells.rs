//! Cells of the columns of one export: which a landed record has, how they are cleaned, and work done on all cores.

use std::sync::atomic::{AtomicUsize, Ordering};

use chrono_tz::Tz;
use polars::prelude::*;

use super::layouts::{Mapping, layouts};
use super::values;
use crate::tabular::Sheet;

/// Text columns of a landed record, beside `destination` and `record_id`.
pub(super) const TEXTS: &[&str] = &[
    "object", "resolution", "status", "state", "outcome", "owner", "email", "phone", "first_name", "last_name",
    "company", "title", "country", "description", "subject", "key", "lead_source", "action", "offer_id", "offer",
    "storefront", "merged_into", "opportunity", "contact_id", "parent", "delivered", "also", "amount", "currency",
];
/// Instants of a landed record.
pub(super) const TIMES: &[&str] = &["created_at", "modified_at", "last_activity_at"];
/// Yes-or-no columns of a landed record; null where unknown.
pub(super) const FLAGS: &[&str] = &["opted_out", "deleted", "converted", "won", "closed"];

/// A refused row.
#[derive(Clone, Debug)]
pub(super) struct Aside {
    pub row: u32,
    pub reason: &'static str,
    pub detail: String,
}

/// Dates that read both ways: what may tell how they are meant.
pub(super) struct Question<'a> {
    /// Labels of the columns of times.
    pub labels: &'a [String],
    /// Of each record.
    pub ids: &'a [Option<String>],
    /// When each was made, as written.
    pub made: &'a StringChunked,
    pub zone: Tz,
}

/// Cells of a field, cleaned; first filled cell of several columns.
pub(super) fn cells(sheet: &Sheet, mapping: &Mapping, field: &str, height: usize) -> StringChunked {
    let found = mapping.fields.get(field).into_iter().flatten().filter_map(|n| sheet.column(*n));
    values::first_filled(found.map(|column| values::clean(layouts(), field, column)).collect(), height)
}

/// Of fewer rows, work by several threads takes longer than it saves.
const WORTH: usize = 20_000;

/// Does two things to a table of so many rows, side by side where it is worth it.
pub(super) fn both<A: Send, B: Send>(
    height: usize,
    one: impl FnOnce() -> A + Send,
    other: impl FnOnce() -> B + Send,
) -> (A, B) {
    if height < WORTH { (one(), other()) } else { rayon::join(one, other) }
}

/// Does the same to each item, on all cores where it is worth it; the results in the order of the items.
pub(super) fn each<T: Sync, R: Send>(items: &[T], height: usize, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(items.len());
    if height < WORTH || threads < 2 {
        return items.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let some = || {
        let mut done = Vec::new();
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(n) else { return done };
            done.push((n, work(item)));
        }
    };
    let mut all: Vec<(usize, R)> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(some)).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| match thread.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        running.into_iter().flat_map(join).collect()
    });
    all.sort_by_key(|(n, _)| *n);
    all.into_iter().map(|(_, result)| result).collect()
}
