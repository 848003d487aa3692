//! Leads whose only time is that of their file or blob, many of them stored in one moment, and after the newest record.
//!
//! Files that were copied have the time of the copy. Their leads would look as if they had come after everything that an
//! export shows, and so like those of an outage that goes on.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Result;
use crate::findings::{AboutLeads, Finding};
use crate::tables::{CrmRecords, Leads, Table};
use crate::time::{COPYING, FEWEST_COPIES};

/// What was found.
#[derive(Debug, Default)]
pub struct Undated {
    /// Ids of the leads: when they came is not known, so they prove no outage that goes on.
    pub leads: BTreeSet<String>,
    /// One for each source.
    pub findings: Vec<Finding>,
}

/// Looks for leads that were copied. Without any record nothing is later than the records.
///
/// # Errors
/// When a table lacks a column: a fault of ours.
pub fn find(leads: &Table<Leads>, records: &Table<CrmRecords>) -> Result<Undated> {
    let times = records.instants("created_at")?.into_iter().chain(records.instants("modified_at")?);
    let Some(newest) = times.flatten().max() else { return Ok(Undated::default()) };
    let (ids, sources, froms) = (leads.texts("lead_id")?, leads.texts("source")?, leads.texts("received_from")?);
    let mut stored: BTreeMap<&str, Vec<(i64, &str)>> = BTreeMap::new();
    let rows = ids.into_iter().zip(sources).zip(froms).zip(leads.instants("received_at")?);
    for (((id, source), from), at) in rows {
        if let (Some(id), Some(source), Some("stored"), Some(at)) = (id, source, from, at)
            && at > newest
        {
            stored.entry(source).or_default().push((at, id));
        }
    }
    let mut found = Undated::default();
    for (source, mut times) in stored {
        times.sort_unstable();
        let together = together(&times);
        if !together.is_empty() {
            found.findings.push(Finding::mail(source, AboutLeads::Copied, together.len()));
            found.leads.extend(together.into_iter().map(str::to_owned));
        }
    }
    Ok(found)
}

/// Those that were stored within a few minutes of so many others. `times`: sorted.
pub fn together<T: Copy + Ord>(times: &[(i64, T)]) -> BTreeSet<T> {
    let are_close = |window: &&[(i64, T)]| {
        window.first().zip(window.last()).is_some_and(|(first, last)| last.0 - first.0 <= COPYING)
    };
    times.windows(FEWEST_COPIES).filter(are_close).flatten().map(|(_, what)| *what).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::MINUTE;

    #[test]
    fn what_was_stored_in_one_moment_was_copied_and_what_came_one_by_one_was_not() {
        let copied: Vec<(i64, usize)> = (0..7).map(|n| (n as i64 * MINUTE, n)).collect();
        assert_eq!(together(&copied).len(), 7);
        let came: Vec<(i64, usize)> = (0..7).map(|n| (n as i64 * 30 * MINUTE, n)).collect();
        assert!(together(&came).is_empty());
        assert!(together(&copied[..4]).is_empty());
    }
}
