//! Lead source texts that no grammar knows and whose records deliver all the same.
//!
//! What delivers is what records do: where people's records of one text stand minutes after their leads, lead by lead,
//! on many days, and no other record answers those leads, the forwarder writes that text (design: who can deliver). An
//! import of marketing's comes at once, hours or days later, or beside the forwarder's own records.

use std::collections::{BTreeMap, BTreeSet};

use polars::prelude::{Column, PlHashMap};

use crate::config::Destination;
use crate::error::Result;
use crate::findings::{AboutSetting, Finding};
use crate::lead_source;
use crate::reconcile::events::{Book, TEN_MINUTES};
use crate::tables::{CrmRecords, Table};
use crate::time::{DAY, HOUR};

/// A forwarder's record stands this soon after its lead.
const PROMPT: i64 = HOUR / 2;
/// Fewer prompt records of a text, or on fewer days, prove nothing.
const FEWEST: usize = 20;
const FEWEST_DAYS: usize = 3;

/// What the records of one text do.
#[derive(Default)]
struct Habit {
    /// Records of people who left leads.
    all: usize,
    /// Of them those minutes after a lead that no marketplace record answers.
    prompt: usize,
    /// The days on which those were made.
    days: BTreeSet<i64>,
}

/// Marks records whose text delivers as marketplace records, and tells each such text.
///
/// # Errors
/// When the table lacks a column: a fault of ours.
pub(super) fn admit(
    records: Table<CrmRecords>,
    book: &Book<'_>,
    destinations: &[Destination],
) -> Result<(Table<CrmRecords>, Vec<Finding>)> {
    let mut findings = Vec::new();
    let mut admitted: Option<Vec<bool>> = None;
    for destination in destinations.iter().filter(|d| d.delivered_by.is_empty()) {
        let place = records.rows_of(&destination.name)?;
        let own = records.part(place.clone());
        if !lead_source::is_shown(&own, &lead_source::test_records(&own)?, destination)? {
            continue;
        }
        let texts = delivering(&own, book)?;
        if texts.is_empty() {
            continue;
        }
        let flags = match &mut admitted {
            Some(flags) => flags,
            None => admitted.insert(records.flags("marketplace")?),
        };
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (row, text) in place.zip(own.texts("lead_source")?) {
            let Some((text, flag)) = text.map(str::trim).zip(flags.get_mut(row)) else { continue };
            if !*flag && texts.contains(text) {
                *flag = true;
                *counts.entry(text).or_default() += 1;
            }
        }
        let told = counts.into_iter().map(|(text, count)| (AboutSetting::TextDelivers(text.to_owned()), count));
        findings.extend(told.map(|(about, count)| Finding::mail(&destination.name, about, count)));
    }
    let Some(flags) = admitted else { return Ok((records, findings)) };
    let mut frame = records.frame().clone();
    frame.with_column(Column::new("marketplace".into(), flags))?;
    Ok((Table::new(frame)?, findings))
}

/// The texts of one destination's records that deliver though they name no marketplace.
fn delivering(own: &Table<CrmRecords>, book: &Book<'_>) -> Result<BTreeSet<String>> {
    let (people, texts) = (own.texts("person_id")?, own.texts("lead_source")?);
    let (objects, marketplace) = (own.texts("object")?, own.flags("marketplace")?);
    let created = own.instants("created_at")?;
    let mut received: PlHashMap<u32, Vec<i64>> = PlHashMap::default();
    for lead in &book.leads {
        received.entry(lead.person).or_default().push(lead.received);
    }
    let mut answered: PlHashMap<u32, Vec<i64>> = PlHashMap::default();
    let rows = || {
        let rows = people.iter().zip(&texts).zip(&objects).zip(&marketplace).zip(&created);
        rows.filter(|((((_, _), object), _), _)| **object != Some("opportunity"))
    };
    for ((((person, _), _), is_marketplace), at) in rows() {
        if let (true, Some(person), Some(at)) = (is_marketplace, person.and_then(|id| book.people.get(id)), at) {
            answered.entry(*person).or_default().push(*at);
        }
    }
    let mut habits: BTreeMap<&str, Habit> = BTreeMap::new();
    for ((((person, text), _), is_marketplace), at) in rows() {
        let (false, Some(person), Some(text)) = (is_marketplace, person.and_then(|id| book.people.get(id)), text)
        else {
            continue;
        };
        let habit = habits.entry(text.trim()).or_default();
        habit.all += 1;
        let Some(at) = at else { continue };
        let is_own = |lead: &i64| (lead - TEN_MINUTES..=lead + PROMPT).contains(at);
        let Some(lead) = received.get(person).and_then(|leads| leads.iter().find(|lead| is_own(lead))) else {
            continue;
        };
        let is_answered = |made: &i64| (lead - TEN_MINUTES..=lead + DAY).contains(made);
        if !answered.get(person).is_some_and(|made| made.iter().any(is_answered)) {
            habit.prompt += 1;
            habit.days.insert(at.div_euclid(DAY));
        }
    }
    let delivers =
        |habit: &Habit| habit.prompt >= FEWEST && habit.days.len() >= FEWEST_DAYS && habit.prompt * 5 >= habit.all * 4;
    let found = habits.into_iter().filter(|(text, habit)| !text.is_empty() && delivers(habit));
    Ok(found.map(|(text, _)| text.to_owned()).collect())
}
