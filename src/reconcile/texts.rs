//! Lead source texts that no grammar knows and whose records deliver all the same.
//!
//! What delivers is what records do: where people's records of one text stand minutes after their leads, lead by lead,
//! on many days, and no other record answers those leads, the forwarder writes that text (design: who can deliver). An
//! import of marketing's comes at once, hours or days later, or beside the forwarder's own records. Where the forwarder's
//! own text ended, for all leads or for those of an offer or an action, and nearly every lead since has a record of
//! another text, or of none, minutes later, that took its place: the night on which it is changed is no outage. A lead source that names what no lead asks for, cut by a field
//! or with a letter that took the bar's place, is a text like any other.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use polars::prelude::{Column, PlHashMap};
use rayon::prelude::*;

use crate::codes::kind;
use crate::config::Destination;
use crate::error::Result;
use crate::findings::{AboutSetting, Finding};
use crate::lead_source;
use crate::reconcile::events::{Book, Lead, NOBODY, TEN_MINUTES};
use crate::reconcile::offers::{Code, Named};
use crate::tables::{CrmRecords, Table};
use crate::time::{DAY, HOUR, MINUTE};

/// A forwarder's record stands this soon after its lead.
const PROMPT: i64 = HOUR / 2;
/// Fewer prompt records of a text, or on fewer days, prove nothing.
const FEWEST: usize = 20;
const FEWEST_DAYS: usize = 3;
/// Fewer do not that come, four in five of them, as late after their leads as each other: people are not that punctual.
const FEWEST_STEADY: usize = 5;
const STEADY: i64 = 2 * MINUTE;

/// What the records of one text do.
#[derive(Default)]
struct Habit {
    /// Records of people who left leads.
    all: usize,
    /// How late after their leads those of them are that stand minutes after one that no marketplace record answers.
    prompt: Vec<i64>,
    /// The days on which those were made.
    days: BTreeSet<i64>,
}

impl Habit {
    fn delivers(mut self) -> bool {
        let n = self.prompt.len();
        if n * 5 < self.all * 4 || self.days.len() < FEWEST_DAYS {
            return false;
        }
        self.prompt.sort_unstable();
        let most = (n * 4).div_ceil(5).max(1);
        let is_steady =
            self.prompt.windows(most).any(|some| some.first().zip(some.last()).is_some_and(|(a, b)| b - a <= STEADY));
        n >= FEWEST || (n >= FEWEST_STEADY && is_steady)
    }
}

/// What delivers at one destination though its text is not known.
struct Delivering {
    /// The rows of the destination's records among all, and the records.
    place: Range<usize>,
    own: Table<CrmRecords>,
    /// Which of them are marketplace records whose lead source leads can have.
    known: Vec<bool>,
    /// The texts that deliver.
    texts: BTreeSet<String>,
    /// What took the place of the forwarder's own text, or of that which leads of an offer or an action had.
    replaced: Vec<Replaced>,
}

impl Delivering {
    /// None where lead sources are not shown, or all that delivers is known.
    fn of(records: &Table<CrmRecords>, book: &Book<'_>, destination: &Destination) -> Result<Option<Self>> {
        let place = records.rows_of(&destination.name)?;
        let own = records.part(place.clone());
        if !lead_source::is_shown(&own, &lead_source::test_records(&own)?, destination)? {
            return Ok(None);
        }
        let known = known_by_leads(&own, book)?;
        // Beside the texts that the configuration names another delivers only in their place.
        let is_told = !destination.delivered_by.is_empty();
        let texts = || if is_told { Ok(BTreeSet::new()) } else { delivering(&own, book, &known) };
        let (texts, replaced) = rayon::join(texts, || replaced(&own, book, destination, &known));
        let (texts, replaced) = (texts?, replaced?);
        Ok((!texts.is_empty() || !replaced.is_empty()).then_some(Delivering { place, own, known, texts, replaced }))
    }
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
    let looked = destinations.par_iter();
    let looked = looked.map(|destination| Ok(Delivering::of(&records, book, destination)?.map(|of| (destination, of))));
    let mut findings = Vec::new();
    // Which are marketplace records, and whose lead source is not what it says.
    let mut admitted: Option<(Vec<bool>, Vec<bool>)> = None;
    for (destination, of) in looked.collect::<Result<Vec<_>>>()?.into_iter().flatten() {
        let Delivering { place, own, known, texts, replaced } = of;
        let (flags, misread) = match &mut admitted {
            Some(admitted) => admitted,
            None => admitted.insert((records.flags("marketplace")?, vec![false; records.height()])),
        };
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let rows = place.zip(own.texts("lead_source")?).zip(own.instants("created_at")?).zip(&known);
        for (((row, text), made), is_known) in rows {
            let text = text.map_or("", str::trim);
            let (Some(flag), Some(misread)) = (flags.get_mut(row), misread.get_mut(row)) else { continue };
            let is_since = |new: &Replaced| made.is_some_and(|at| at >= new.since) && new.texts.contains(text);
            if !*is_known && (texts.contains(text) || replaced.iter().any(is_since)) {
                *misread = std::mem::replace(flag, true);
                *counts.entry(text).or_default() += 1;
            }
        }
        // What hardly any two share may hold what is somebody's own.
        let is_shared = |(text, count): &(&str, usize)| text.is_empty() || *count >= FEWEST_SINCE;
        let (shared, own): (Vec<_>, Vec<_>) = counts.into_iter().partition(is_shared);
        let told = shared.into_iter().map(|(text, count)| (AboutSetting::TextDelivers(text.to_owned()), count));
        let each = own.iter().map(|(_, count)| count).sum::<usize>();
        let told = told.chain((each > 0).then_some((AboutSetting::TextsDeliver, each)));
        findings.extend(told.map(|(about, count)| Finding::mail(&destination.name, about, count)));
    }
    let Some((flags, misread)) = admitted else { return Ok((records, findings)) };
    let mut frame = records.frame().clone();
    frame.with_column(Column::new("marketplace".into(), flags))?;
    if misread.contains(&true) {
        for column in ["action", "offer_id", "offer"] {
            let said = records.texts(column)?.into_iter().zip(&misread);
            let said: Vec<_> = said.map(|(said, is_misread)| said.filter(|_| !is_misread)).collect();
            frame.with_column(Column::new(column.into(), said))?;
        }
    }
    Ok((Table::new(frame)?, findings))
}

/// Which marketplace records have a lead source that leads here can have: none of them names what no lead asks for.
fn known_by_leads(own: &Table<CrmRecords>, book: &Book<'_>) -> Result<Vec<bool>> {
    let (actions, titles) = (own.texts("action")?, own.texts("offer")?);
    let named = actions.into_iter().zip(own.texts("offer_id")?).zip(titles);
    let fits = own.flags("marketplace")?.into_iter().zip(named).map(|(is_marketplace, ((action, id), title))| {
        let is_of_none = || {
            action.is_some_and(|action| book.actions.find(&action.to_lowercase()).is_none())
                || book.offers.of_record(id, title).0 == Named::Id(Code::MAX)
        };
        is_marketplace && !is_of_none()
    });
    Ok(fits.collect())
}

/// The texts of one destination's records that deliver though they name no marketplace.
fn delivering(own: &Table<CrmRecords>, book: &Book<'_>, marketplace: &[bool]) -> Result<BTreeSet<String>> {
    let (people, texts, objects) = (own.texts("person_id")?, own.texts("lead_source")?, own.texts("object")?);
    let created = own.instants("created_at")?;
    let mut received: PlHashMap<u32, Vec<i64>> = PlHashMap::default();
    for lead in &book.leads {
        received.entry(lead.person).or_default().push(lead.received);
    }
    let mut answered: PlHashMap<u32, Vec<i64>> = PlHashMap::default();
    let rows = || {
        let rows = people.iter().zip(&texts).zip(&objects).zip(marketplace).zip(&created);
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
            habit.prompt.push(at - lead);
            habit.days.insert(at.div_euclid(DAY));
        }
    }
    let found = habits.into_iter().filter_map(|(text, habit)| (!text.is_empty() && habit.delivers()).then_some(text));
    Ok(found.map(str::to_owned).collect())
}

/// What the forwarder writes since it no longer writes what it did.
struct Replaced {
    since: i64,
    /// Texts; empty of records without any.
    texts: BTreeSet<String>,
}

/// Fewer leads than this, or a smaller share of them in tenths, prove no change of the text.
const FEWEST_SINCE: usize = 3;
const SHARE_SINCE: usize = 8;

/// Leads that one flow of a forwarder may bring: all, those of an offer, those of an action.
type Part<'a> = (&'a str, Option<Code>);

/// What a lead is for, as it is routed by.
fn offer_of<'a>(lead: &Lead<'a>) -> &'a str {
    lead.offer_id.or(lead.title).unwrap_or_default()
}

/// The parts to which a lead belongs.
fn parts<'a>(lead: &Lead<'a>, book: &Book<'_>) -> [Part<'a>; 3] {
    let action = book.events.get(lead.event as usize).map(|event| event.action);
    [("", None), (offer_of(lead), None), ("", action)]
}

/// What leads of a part found since the last of them that was answered.
#[derive(Default)]
struct Since<'a> {
    last: i64,
    asked: usize,
    times: BTreeSet<i64>,
    prompt: BTreeMap<&'a str, usize>,
}

/// The texts that took the place of the one that deliveries had until some lead, after which hardly any is without a
/// prompt record of them; of all leads, of those of each offer, and of each action. People whom the CRM knew before say
/// nothing: it may keep one record for each.
fn replaced(
    own: &Table<CrmRecords>,
    book: &Book<'_>,
    destination: &Destination,
    marketplace: &[bool],
) -> Result<Vec<Replaced>> {
    let (people, texts, objects) = (own.texts("person_id")?, own.texts("lead_source")?, own.texts("object")?);
    let mut records: PlHashMap<u32, Vec<(i64, bool, &str)>> = PlHashMap::default();
    let mut newest = i64::MIN;
    for (row, at) in own.instants("created_at")?.into_iter().enumerate() {
        let (Some(at), false) = (at, objects.get(row).copied().flatten() == Some("opportunity")) else { continue };
        newest = newest.max(at);
        let Some(person) = people.get(row).copied().flatten().and_then(|id| book.people.get(id)) else { continue };
        let text = texts.get(row).copied().flatten().map_or("", str::trim);
        records.entry(*person).or_default().push((at, marketplace.get(row) == Some(&true), text));
    }
    let of = |lead: &Lead<'_>| records.get(&lead.person).map(Vec::as_slice).unwrap_or_default();
    let is_asked =
        |lead: &&Lead<'_>| lead.kind == kind::GENUINE && lead.person != NOBODY && destination.takes(offer_of(lead));
    let leads: Vec<&Lead<'_>> = book.leads.iter().filter(is_asked).collect();
    let mut since: PlHashMap<Part<'_>, Since<'_>> = PlHashMap::default();
    for lead in &leads {
        let within = lead.received - TEN_MINUTES..=lead.received + DAY;
        if of(lead).iter().any(|(at, is_marketplace, _)| *is_marketplace && within.contains(at)) {
            for part in parts(lead, book) {
                let part = since.entry(part).or_insert_with(|| Since { last: i64::MIN, ..Since::default() });
                part.last = part.last.max(lead.received);
            }
        }
    }
    for lead in &leads {
        let early = lead.received - TEN_MINUTES;
        if of(lead).iter().any(|(at, ..)| *at < early) {
            continue;
        }
        let found = of(lead).iter().find(|(at, ..)| (early..=lead.received + PROMPT).contains(at));
        for part in BTreeSet::from(parts(lead, book)) {
            let Some(part) = since.get_mut(&part).filter(|part| lead.received > part.last) else { continue };
            // One that has no record yet may still get it.
            part.asked += usize::from(found.is_some() || lead.received < newest.saturating_sub(PROMPT));
            if let Some((at, _, text)) = found {
                part.times.insert(*at);
                *part.prompt.entry(text).or_default() += 1;
            }
        }
    }
    // Asked is whether any of them fits, so they need no order.
    let found = since.into_values().filter_map(|since| since.replaced(&records));
    Ok(found.collect())
}

impl Since<'_> {
    /// What took the place of the text that is no more; none where too few leads show it.
    fn replaced(self, records: &PlHashMap<u32, Vec<(i64, bool, &str)>>) -> Option<Replaced> {
        let found: usize = self.prompt.values().sum();
        // What comes at once is an import.
        if self.times.len() < FEWEST_SINCE || found * 10 < self.asked * SHARE_SINCE {
            return None;
        }
        let mut all: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, _, text) in records.values().flatten().filter(|(at, ..)| *at > self.last) {
            *all.entry(text).or_default() += 1;
        }
        let is_prompt = |(text, n): &(&str, usize)| n * 5 >= all.get(text).copied().unwrap_or_default() * 4;
        let texts = self.prompt.into_iter().filter(is_prompt).map(|(text, _)| text.to_owned()).collect();
        Some(Replaced { since: self.last, texts })
    }
}
