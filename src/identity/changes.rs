//! Who was who in the run before, against now: people who became one, or several, and the lead that caused it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use polars::prelude::*;

use super::clustered::Link;
use crate::codes;
use crate::error::Result;
use crate::tables::{ChangedPeople, Table};

/// People who became one, or one who became several.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Change {
    /// Whether it is a merge; otherwise a split.
    pub merged: bool,
    /// Persons before, sorted.
    pub before: Vec<String>,
    /// Persons now, sorted.
    pub now: Vec<String>,
    /// The lead that caused it; `None` where no single one did.
    pub cause: Option<String>,
}

/// The changes as the published table.
pub(super) fn table(changes: &[Change]) -> Result<Table<ChangedPeople>> {
    // The person that kept its id in a merge, or in a split, is told by the rows of the others.
    let mut rows: Vec<[Option<&str>; 4]> = changes
        .iter()
        .flat_map(|change| {
            let word = if change.merged { codes::change::MERGED } else { codes::change::SPLIT };
            let pairs = change.before.iter().flat_map(|before| change.now.iter().map(move |now| (before, now)));
            let moved = pairs.filter(|(before, now)| before != now);
            moved.map(move |(before, now)| {
                [Some(before.as_str()), Some(now.as_str()), Some(word), change.cause.as_deref()]
            })
        })
        .collect();
    rows.sort();
    let column = |n: usize| rows.iter().map(|row| row.get(n).copied().flatten()).collect::<Vec<_>>();
    Table::new(df!(
        "person_id_before" => column(0), "person_id" => column(1), "change" => column(2), "lead_id" => column(3),
    )?)
}

/// Compares the identities of two runs. `now` has the rows that the links count by.
pub(super) fn between(previous: &DataFrame, now: &DataFrame, links: &[Link]) -> Result<Vec<Change>> {
    let (old_leads, old_persons) = (previous.column("lead_id")?.str()?, previous.column("person_id")?.str()?);
    let (leads, persons) = (now.column("lead_id")?.str()?, now.column("person_id")?.str()?);
    let before: HashMap<&str, &str> =
        old_leads.iter().zip(old_persons.iter()).filter_map(|(l, p)| Some((l?, p?))).collect();
    let mut were: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut became: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (lead, person) in leads.iter().zip(persons.iter()) {
        let (Some(lead), Some(person)) = (lead, person) else { continue };
        if let Some(was) = before.get(lead) {
            were.entry(person).or_default().insert(was);
            became.entry(was).or_default().insert(person);
        }
    }
    were.retain(|_, were| were.len() > 1);
    became.retain(|_, are| are.len() > 1);
    // Links and new leads of the people in question only.
    let concerned: BTreeSet<&str> = were.keys().copied().chain(became.values().flatten().copied()).collect();
    let mut inside: HashMap<&str, Vec<&Link>> = HashMap::new();
    for link in links {
        if let Some(person) = persons.get(link.row_a as usize).filter(|p| concerned.contains(p)) {
            inside.entry(person).or_default().push(link);
        }
    }
    let mut arrived: HashMap<&str, Vec<u32>> = HashMap::new();
    for (row, (lead, person)) in leads.iter().zip(persons.iter()).enumerate() {
        if let (Some(lead), Some(person)) = (lead, person)
            && !before.contains_key(lead)
            && concerned.contains(person)
        {
            arrived.entry(person).or_default().push(row as u32);
        }
    }
    let text = |row: u32| leads.get(row as usize).map(str::to_owned);
    let owned = |set: &BTreeSet<&str>| set.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>();
    let mut changes = Vec::new();
    for (person, were) in &were {
        let links = inside.get(person).map_or(&[][..], Vec::as_slice);
        let touching = |row: u32| links.iter().filter(|l| l.row_a == row || l.row_b == row).count();
        // The new lead that most hangs on; else one end of the link between two former persons.
        let new = arrived
            .get(person)
            .and_then(|rows| rows.iter().copied().max_by_key(|r| (touching(*r), std::cmp::Reverse(*r))));
        let was = |row: u32| leads.get(row as usize).and_then(|l| before.get(l));
        let joint = || links.iter().find(|l| was(l.row_a) != was(l.row_b)).map(|l| l.row_a);
        let cause = new.or_else(joint).and_then(text);
        changes.push(Change { merged: true, before: owned(were), now: vec![(*person).to_owned()], cause });
    }
    for (was, are) in &became {
        // The first new lead among the parts: it changed what the others look like.
        let cause = are.iter().filter_map(|p| arrived.get(p)).flatten().min().copied().and_then(text);
        changes.push(Change { merged: false, before: vec![(*was).to_owned()], now: owned(are), cause });
    }
    changes.sort();
    Ok(changes)
}
