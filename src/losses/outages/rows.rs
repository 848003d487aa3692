//! Outages → rows: the ids that last, and the tables that outages change.

use std::collections::{BTreeMap, BTreeSet};

use polars::prelude::*;
use sha2::{Digest, Sha256};

use crate::codes::{entry, reason, verdict};
use crate::error::Result;
use crate::losses::outages::outage::{Outage, Scope};
use crate::tables::{History, Kind, LostAtSource, Outages, Table, Verdicts};

/// Gives each outage its id: that of the history's outage it overlaps, else one of its own. Gives the ids known before.
pub(super) fn name(outages: &mut [Outage], earlier: &Table<History>) -> Result<BTreeSet<String>> {
    let frame = earlier.frame();
    let text = |name: &str| -> Result<&StringChunked> { Ok(frame.column(name)?.str()?) };
    let (entries, ids, destinations, scopes) = (text("entry")?, text("about")?, text("destination")?, text("code")?);
    let time =
        |name: &str| -> Result<Vec<Option<i64>>> { Ok(frame.column(name)?.datetime()?.physical().iter().collect()) };
    let (began, until) = (time("received_at")?, time("until_at")?);
    // Rows are in order of their day: the newest word on an id stands.
    let mut known: BTreeMap<&str, (&str, &str, i64, i64)> = BTreeMap::new();
    for row in 0..frame.height() {
        if entries.get(row) != Some(entry::OUTAGE) {
            continue;
        }
        if let (Some(id), Some(destination), Some(scope)) = (ids.get(row), destinations.get(row), scopes.get(row)) {
            let began = began.get(row).copied().flatten();
            let until = until.get(row).copied().flatten();
            if let (Some(began), Some(until)) = (began, until.or(began)) {
                known.insert(id, (destination, scope, began, until));
            }
        }
    }
    let mut used = BTreeSet::new();
    for same_scope in [true, false] {
        for outage in outages.iter_mut().filter(|o| o.id.is_empty()) {
            let scope = outage.scope.text();
            let kept = known
                .iter()
                .filter(|(id, (destination, of, began, until))| {
                    *destination == outage.destination
                        && (*of == scope || !same_scope)
                        && *began <= outage.ended_after
                        && outage.began_by <= *until
                        && !used.contains(**id)
                })
                .min_by_key(|(id, (_, _, began, _))| (*began, **id));
            if let Some((id, _)) = kept {
                used.insert((*id).to_owned());
                outage.id = (*id).to_owned();
            }
        }
    }
    for outage in outages.iter_mut().filter(|o| o.id.is_empty()) {
        let mut hash = Sha256::new();
        for (at, part) in [outage.destination, &outage.scope.text(), outage.first_lead].iter().enumerate() {
            if at > 0 {
                hash.update([0]);
            }
            hash.update(part);
        }
        outage.id = hex::encode(hash.finalize().get(..8).unwrap_or_default());
    }
    Ok(known.into_keys().map(str::to_owned).collect())
}

/// The verdicts, pending leads of ongoing outages turned into missed ones.
pub(super) fn turned(verdicts: &Table<Verdicts>, outages: &[Outage]) -> Result<Table<Verdicts>> {
    let rows: BTreeSet<usize> =
        outages.iter().filter(|o| o.scope != Scope::Source).flat_map(|o| &o.turned).copied().collect();
    if rows.is_empty() {
        return Ok(verdicts.clone());
    }
    let mut frame = verdicts.frame().clone();
    for (name, code) in [("verdict", verdict::MISSED), ("reason", reason::ISOLATED)] {
        let column: StringChunked = frame
            .column(name)?
            .str()?
            .iter()
            .enumerate()
            .map(|(row, text)| if rows.contains(&row) { Some(code) } else { text })
            .collect();
        frame.with_column(column.with_name(name.into()).into_column())?;
    }
    Table::new(frame)
}

/// lead_id, destination, outage_id of the leads that outages cost.
pub(super) fn members(verdicts: &Table<Verdicts>, outages: &[Outage]) -> Result<DataFrame> {
    let ids = verdicts.frame().column("lead_id")?.str()?;
    let mut rows: Vec<(&str, &str, &str)> = outages
        .iter()
        .filter(|o| o.scope != Scope::Source)
        .flat_map(|o| o.lost.iter().filter_map(|row| Some((ids.get(*row)?, o.destination, o.id.as_str()))))
        .collect();
    rows.sort_unstable();
    let column = |name: &str, of: fn(&(&str, &str, &str)) -> String| {
        Column::new(name.into(), rows.iter().map(of).collect::<Vec<_>>())
    };
    let columns = vec![
        column("lead_id", |r| r.0.to_owned()),
        column("destination", |r| r.1.to_owned()),
        column("outage_id", |r| r.2.to_owned()),
    ];
    Ok(DataFrame::new(rows.len(), columns)?)
}

/// What only witnesses saw, with the outage of the store that lost it.
pub(super) fn with_outage(lost: &Table<LostAtSource>, outages: &[Outage]) -> Result<Table<LostAtSource>> {
    let mut ids: Vec<Option<&str>> = vec![None; lost.height()];
    for outage in outages.iter().filter(|o| o.scope == Scope::Source) {
        for row in &outage.lost {
            if let Some(id) = ids.get_mut(*row) {
                *id = Some(&outage.id);
            }
        }
    }
    let mut frame = lost.frame().clone();
    frame.with_column(Column::new("outage_id".into(), ids))?;
    Table::new(frame)
}

pub(super) fn into_table(outages: &[Outage]) -> Result<Table<Outages>> {
    let text = |name: &str, of: &dyn Fn(&Outage) -> String| {
        Column::new(name.into(), outages.iter().map(of).collect::<Vec<_>>())
    };
    let count = |name: &str, of: &dyn Fn(&Outage) -> usize| {
        Column::new(name.into(), outages.iter().map(|o| i64::try_from(of(o)).unwrap_or(i64::MAX)).collect::<Vec<_>>())
    };
    let number =
        |name: &str, of: &dyn Fn(&Outage) -> f64| Column::new(name.into(), outages.iter().map(of).collect::<Vec<_>>());
    let instant = |name: &str, of: &dyn Fn(&Outage) -> Option<i64>| {
        Column::new(name.into(), outages.iter().map(of).collect::<Vec<_>>()).cast(&Kind::Instant.dtype())
    };
    let columns = vec![
        text("outage_id", &|o| o.id.clone()),
        text("destination", &|o| o.destination.to_owned()),
        text("scope", &|o| o.scope.text()),
        instant("began_after", &|o| o.began_after)?,
        instant("began_by", &|o| Some(o.began_by))?,
        instant("ended_after", &|o| Some(o.ended_after))?,
        instant("ended_by", &|o| o.ended_by)?,
        Column::new("ongoing".into(), outages.iter().map(|o| o.ended_by.is_none()).collect::<Vec<_>>()),
        count("leads", &|o| o.leads),
        count("missed", &|o| o.missed),
        count("people", &|o| o.people),
        number("base_miss_rate", &|o| o.base),
        number("e_value", &|o| o.e_value),
        count("imported_late", &|o| o.late),
        instant("last_imported_at", &|o| o.last_imported_at)?,
        text("text", &|o| o.text.clone()),
    ];
    Table::new(DataFrame::new(outages.len(), columns)?)
}
