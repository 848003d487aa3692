//! Missed leads in time → outages: when a destination, or a part of it, took no leads, and which leads that cost.
//!
//! Takes verdicts; gives the outages, the outage of each lost lead, and the verdicts with the leads after an export's last
//! record turned from pending into missed where they prove an outage that goes on. The store's own outages come from
//! what only witnesses saw. The test and its bound are [`scan`]'s; here stand what a trial is, the parts of a destination
//! and which of them is told, capped bursts (a cause, no outage), ids that last, and the words.
//! Rules: the design's "Outages" and "What an export can speak for".

mod burst;
mod outage;
mod rows;
mod scan;

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;
use polars::prelude::*;
use rayon::prelude::*;

use self::burst::Loads;
use self::outage::{Outage, PARTS, Scope};
use self::scan::Trial;
use crate::codes::{reason, verdict};
use crate::error::Result;
use crate::findings::{Calendar, Finding, OutageWords, titles};
use crate::tables::{Coverage, History, Leads, LostAtSource, Outages, Table, Verdicts};

/// Events of one person within this are one trial: a person tries again.
const TRIAL_MICROS: i64 = 30 * 60 * 1_000_000;

/// Parts with fewer trials are not tested: they could prove nothing, and every test costs the others power.
const LEAST_TRIALS: usize = 8;

/// Part of alpha for a search that does not know the causes.
const WHILE_CAUSES_ARE_UNKNOWN: f64 = 0.1;

/// What the search needs beside the tables.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `[outages] alpha`: expected number of false outages in a run without any, and share of them among those told.
    pub alpha: f64,
    /// The report's time zone, for the words.
    pub timezone: Tz,
    /// Grace of each destination in seconds, as reconciliation has it.
    pub grace_seconds: BTreeMap<String, i64>,
    /// Ids of leads of which nobody knows when they came: that they come after the last record proves nothing.
    pub undated: BTreeSet<String>,
}

/// The tables that the search takes.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// One row per lead and destination, before outages.
    pub verdicts: &'a Table<Verdicts>,
    /// The leads.
    pub leads: &'a Table<Leads>,
    /// What the exports can speak for.
    pub coverage: &'a Table<Coverage>,
    /// What only witnesses saw.
    pub lost: &'a Table<LostAtSource>,
    /// Reports of earlier days.
    pub earlier: &'a Table<History>,
    /// lead_id, destination, share: leads under the condition of a cause, and the share of them that it takes, from a first
    /// search for causes; none at first. They take no part in the base rate, which shows smaller outages.
    pub explained: Option<&'a DataFrame>,
}

/// What the search gives.
#[derive(Debug)]
pub struct Found {
    /// The verdicts, leads of an ongoing outage turned from pending into missed.
    pub verdicts: Table<Verdicts>,
    /// lead_id, destination, outage_id: one row for each missed lead inside an outage.
    pub members: DataFrame,
    /// The outages.
    pub outages: Table<Outages>,
    /// Each outage in words, by its id.
    pub words: BTreeMap<String, OutageWords>,
    /// What only witnesses saw, with the outage of the store.
    pub lost: Table<LostAtSource>,
    /// What a person should act on.
    pub findings: Vec<Finding>,
}

/// Finds the outages of every destination and of the store.
///
/// # Errors
/// Only if a table does not have its agreed shape.
pub fn find(input: Input, settings: &Settings) -> Result<Found> {
    let leads = LeadParts::read(input.leads)?;
    let titles = titles(input.leads.frame())?;
    let (mut by_destination, crowds) = read_events(&input, &leads, settings)?;
    let store = read_store(&input)?;
    let scopes: BTreeMap<&str, Vec<Scope>> = by_destination.iter().map(|(d, events)| (*d, scopes(events))).collect();

    // Two thirds of alpha are for whole destinations, of which the outages cost most, the rest is for their parts; either
    // shared evenly.
    let wholes = scopes.len() + usize::from(!store.is_empty());
    let parts: usize = scopes.values().map(|s| s.len() - 1).sum();
    #[expect(clippy::cast_precision_loss, reason = "counts of tests")]
    let tests = Tests { wholes: wholes as f64 * if parts == 0 { 1.0 } else { 1.5 }, parts: parts as f64 * 3.0 };

    let mut outages: Vec<Outage> = Vec::new();
    let mut store_events = store;
    loop {
        let told = outages.len();
        // Each outage told makes room for another as doubtful: what alpha bounds is the share of false ones among them
        // (Benjamini and Hochberg's procedure on e-values: Wang and Ramdas, "False discovery rate control with e-values",
        // 2022). Before causes are known, a cause's worst days may look like outages: then only what is beyond doubt.
        #[expect(clippy::cast_precision_loss, reason = "a count of outages")]
        let room = if input.explained.is_some() { told.max(1) as f64 } else { WHILE_CAUSES_ARE_UNKNOWN };
        let bound = Bound { alpha: settings.alpha * room, tests: &tests, timezone: settings.timezone };
        let found = by_destination.par_iter_mut().map(|(destination, events)| {
            let scopes = scopes.get(destination).map(Vec::as_slice).unwrap_or_default();
            let crowd = crowds.get(destination).map(Vec::as_slice).unwrap_or_default();
            search(destination, (events, crowd), scopes, &bound)
        });
        outages.extend(found.collect::<Vec<_>>().into_iter().flatten());
        outages.extend(search("", (&mut store_events, &[]), &[Scope::Source], &bound));
        if outages.len() <= told.max(1) || input.explained.is_none() {
            break;
        }
    }
    outages.sort_by(|a, b| (a.destination, a.began_by, &a.scope).cmp(&(b.destination, b.began_by, &b.scope)));
    let known = rows::name(&mut outages, input.earlier)?;

    let (years, newest) = span(by_destination.values().flatten().chain(&store_events));
    let calendar = Calendar::of_report(settings.timezone, newest);
    let until = times_of(input.coverage, "until")?;
    let (mut findings, mut words) = (Vec::new(), BTreeMap::new());
    for outage in &mut outages {
        if let Scope::Part(0, Some(offer)) = &outage.scope {
            outage.title = titles.get(*offer).map(String::as_str);
        }
        let of = outage.stretch().words(calendar, outage.e_value, years);
        outage.text = of.text();
        words.insert(outage.id.clone(), of);
        let last_record = until.get(outage.destination).copied();
        findings.push(outage.finding(known.contains(&outage.id), settings.timezone, last_record));
    }
    Ok(Found {
        verdicts: rows::turned(input.verdicts, &outages)?,
        members: rows::members(input.verdicts, &outages)?,
        lost: rows::with_outage(input.lost, &outages)?,
        outages: rows::into_table(&outages)?,
        words,
        findings,
    })
}

/// What is known of one event at one destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Taken in time.
    Delivered,
    /// Missed.
    Missed,
    /// Taken, but only later than grace: a failure then.
    Late,
    /// After the last record of the export, and old enough to be tested.
    Tentative,
    /// Missed only if an outage goes on around it.
    Open,
}

/// One event at one destination.
#[derive(Clone, Debug)]
struct Event<'a> {
    /// Row of the verdicts, or of lost_at_source.
    row: usize,
    lead_id: &'a str,
    person: Option<&'a str>,
    at: i64,
    state: State,
    /// Whether it counts for the test.
    trial: bool,
    /// Where it was taken, but later than grace: when its record was made.
    made: Option<i64>,
    /// Where it is under the condition of a cause: how many in a million the cause takes.
    caused: Option<u32>,
    /// offer_id, action, storefront.
    parts: [Option<&'a str>; 3],
    /// Scope of the outage, by number, or burst that explains it.
    explained: Option<usize>,
}

/// Number that stands for a capped burst where the number of a scope stands otherwise.
const BURST: usize = usize::MAX;

/// How many tests share alpha.
struct Tests {
    wholes: f64,
    parts: f64,
}

/// What a stretch is judged by.
struct Bound<'a> {
    alpha: f64,
    tests: &'a Tests,
    timezone: Tz,
}

/// Offer, action and storefront of each lead.
struct LeadParts {
    frame: DataFrame,
}

impl LeadParts {
    fn read(leads: &Table<Leads>) -> Result<Self> {
        let mut frame = leads.frame().select(["lead_id", "offer_id", "action", "storefront"])?;
        frame.rechunk_mut();
        Ok(LeadParts { frame })
    }

    fn index(&self) -> Result<PlHashMap<&str, [Option<&str>; 3]>> {
        let text = |name: &str| -> Result<&StringChunked> { Ok(self.frame.column(name)?.str()?) };
        let (ids, offers, actions, storefronts) =
            (text("lead_id")?, text("offer_id")?, text("action")?, text("storefront")?);
        let mut index = PlHashMap::with_capacity_and_hasher(ids.len(), Default::default());
        for (((id, offer), action), storefront) in
            ids.iter().zip(offers.iter()).zip(actions.iter()).zip(storefronts.iter())
        {
            if let Some(id) = id {
                index.insert(id, [offer, action, storefront]);
            }
        }
        Ok(index)
    }
}

/// The events of each destination, and when each of its leads came, with its id; both in order of time.
type Read<'a> = (BTreeMap<&'a str, Vec<Event<'a>>>, BTreeMap<&'a str, Vec<(i64, &'a str)>>);

fn read_events<'a>(input: &Input<'a>, leads: &'a LeadParts, settings: &Settings) -> Result<Read<'a>> {
    let index = leads.index()?;
    let frame = input.verdicts.frame();
    let text = |name: &str| -> Result<&'a StringChunked> { Ok(frame.column(name)?.str()?) };
    let (ids, people, destinations) = (text("lead_id")?, text("person_id")?, text("destination")?);
    let (verdicts, reasons) = (text("verdict")?, text("reason")?);
    let received = frame.column("received_at")?.datetime()?.physical();
    let (late, trial) = (frame.column("late")?.bool()?, frame.column("trial")?.bool()?);
    let newest = input.leads.frame().column("received_at")?.datetime()?.physical().max();
    let silent = silent_since(input)?;
    let repeats = repeats(frame)?;
    let (events, delays) = (text("event_id")?, frame.column("delay_seconds")?.f64()?);
    let exported = exported_at(input.coverage)?;
    let sight = times_of(input.coverage, "from")?;
    let caused = input.explained.map_or_else(|| Ok(PlHashMap::default()), caused_share)?;

    let mut all: BTreeMap<&str, Vec<Event>> = BTreeMap::new();
    let mut crowds: BTreeMap<&str, Vec<(i64, &str)>> = BTreeMap::new();
    let mut per_person: BTreeSet<&str> = BTreeSet::new();
    let rows = ids
        .iter()
        .zip(people.iter())
        .zip(destinations.iter())
        .zip(verdicts.iter())
        .zip(reasons.iter())
        .zip(received.iter())
        .zip(late.iter())
        .zip(trial.iter());
    for (row, (((((((id, person), destination), found), why), at), late), trial)) in rows.enumerate() {
        let (Some(lead_id), Some(destination), Some(at)) = (id, destination.filter(|d| !d.is_empty()), at) else {
            continue;
        };
        crowds.entry(destination).or_default().push((at, lead_id));
        // Only where the CRM keeps one record per person is a delivery no trial.
        if found == Some(verdict::MATCHED) && trial == Some(false) {
            per_person.insert(destination);
        }
        // The newest lead tells how late it was when all this was read, unless the export's own time does.
        let asked = exported.get(destination).copied().or(newest).unwrap_or(at).min(newest.unwrap_or(at));
        // What was not read says nothing: neither that an outage began nor that it goes on.
        let asked = silent.get(destination).map_or(asked, |until| asked.min(*until));
        let grace = settings.grace_seconds.get(destination).copied().unwrap_or(0).saturating_mul(1_000_000);
        let old_enough = at <= asked.saturating_sub(grace);
        let state = match (found, why) {
            // Of a lead out of sight the first record is not known: the one that answers says nothing of its delay.
            (Some(verdict::MATCHED), _)
                if late == Some(true) && sight.get(destination).is_some_and(|from| at < *from) =>
            {
                continue;
            }
            (Some(verdict::MATCHED), _) if late == Some(true) => State::Late,
            // Somebody else's record of the person: whether this lead was taken, nobody knows.
            (Some(verdict::MATCHED), Some(reason::PERSON_KNOWN)) => continue,
            (Some(verdict::MATCHED), _) => State::Delivered,
            (Some(verdict::MISSED), _) => State::Missed,
            (Some(verdict::PENDING), _) if settings.undated.contains(lead_id) => continue,
            // What came shortly before the last record may be of the outage as what came after it.
            (Some(verdict::PENDING), Some(reason::AFTER_LAST_RECORD | reason::GRACE)) if old_enough => State::Tentative,
            (Some(verdict::PENDING), Some(reason::AFTER_LAST_RECORD)) => State::Open,
            _ => continue,
        };
        let parts = index.get(lead_id).copied().unwrap_or_default();
        // Of several deliveries of an event it is the last before the record that arrived: the first may have been lost.
        let mut at = at;
        #[expect(clippy::cast_possible_truncation, reason = "microseconds of a few years")]
        let made = delays.get(row).map(|delay| at.saturating_add((delay * 1e6) as i64));
        if let (State::Delivered, Some(event), Some(made)) = (state, events.get(row), made)
            && let Some(times) = repeats.get(&(event, destination))
        {
            at = times.iter().copied().filter(|time| *time <= made).max().map_or(at, |time| time.max(at));
        }
        let (trial, caused) = (trial == Some(true), caused.get(&(lead_id, destination)).copied());
        all.entry(destination).or_default().push(Event {
            row,
            lead_id,
            person,
            at,
            state,
            trial,
            made: made.filter(|_| state == State::Late),
            caused,
            parts,
            explained: None,
        });
    }
    all.par_iter_mut().for_each(|(destination, events)| {
        events.sort_by(|a, b| (a.at, a.lead_id).cmp(&(b.at, b.lead_id)));
        if per_person.contains(destination) {
            count_people_once(events);
        }
    });
    crowds.par_iter_mut().for_each(|(_, times)| times.sort_unstable());
    Ok((all, crowds))
}

/// Lead and destination under the condition of a cause, and how many of a million such leads it takes.
fn caused_share(explained: &DataFrame) -> Result<PlHashMap<(&str, &str), u32>> {
    let (ids, destinations) = (explained.column("lead_id")?.str()?, explained.column("destination")?.str()?);
    let shares = explained.column("share")?.f64()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share is from 0 to 1")]
    let rows = ids
        .iter()
        .zip(destinations.iter())
        .zip(shares.iter())
        .filter_map(|((id, destination), share)| Some(((id?, destination?), (share? * 1e6).round() as u32)));
    Ok(rows.collect())
}

/// Up to when the last reading of each destination without one tonight could speak: that time passes without a reading
/// says no more than the reading did.
fn silent_since<'a>(input: &Input<'a>) -> Result<PlHashMap<&'a str, i64>> {
    let received = input.leads.frame().column("received_at")?.datetime()?.physical().clone();
    let newest_before = |end: i64| received.iter().flatten().filter(|at| *at < end).max().unwrap_or(end);
    let ends = times_of(input.coverage, "silent_since")?;
    Ok(ends.into_iter().map(|(name, end)| (name, newest_before(end))).collect())
}

/// When the further deliveries of each event at each destination were received.
fn repeats(verdicts: &DataFrame) -> Result<PlHashMap<(&str, &str), Vec<i64>>> {
    let text = |name: &str| -> Result<&StringChunked> { Ok(verdicts.column(name)?.str()?) };
    let (events, destinations, reasons) = (text("event_id")?, text("destination")?, text("reason")?);
    let received = verdicts.column("received_at")?.datetime()?.physical();
    let mut repeats: PlHashMap<(&str, &str), Vec<i64>> = PlHashMap::default();
    for (((event, destination), reason), at) in
        events.iter().zip(destinations.iter()).zip(reasons.iter()).zip(received.iter())
    {
        if let (Some(event), Some(destination), Some(reason::REPEAT_DELIVERY), Some(at)) =
            (event, destination, reason, at)
        {
            repeats.entry((event, destination)).or_default().push(at);
        }
    }
    Ok(repeats)
}

/// A person whom a CRM with one record per person did not take, for want of an address say, is not taken the next time
/// either: until a delivery, that is one failure and not several.
fn count_people_once(events: &mut [Event]) {
    let mut failed: PlHashSet<&str> = PlHashSet::default();
    for event in events.iter_mut().filter(|e| e.trial && e.caused.is_none()) {
        let Some(person) = event.person else { continue };
        if event.state == State::Delivered {
            failed.remove(person);
        } else if event.failed() {
            event.trial = failed.insert(person);
        }
    }
}

/// The store as a destination: what it holds came in, what only a witness saw did not.
fn read_store<'a>(input: &Input<'a>) -> Result<Vec<Event<'a>>> {
    let lost = input.lost.frame();
    if lost.height() == 0 {
        return Ok(Vec::new());
    }
    let event = |row, lead_id, person, at, state| Event {
        row,
        lead_id,
        person,
        at,
        state,
        trial: true,
        made: None,
        caused: None,
        parts: [None; 3],
        explained: None,
    };
    let mut events = Vec::new();
    let times = lost.column("received_at")?.datetime()?.physical();
    let rows = lost.column("record_id")?.str()?.iter().zip(lost.column("email")?.str()?.iter()).zip(times.iter());
    for (row, ((id, email), at)) in rows.enumerate() {
        if let (Some(id), Some(at)) = (id, at) {
            events.push(event(row, id, email, at, State::Missed));
        }
    }
    let leads = input.leads.frame();
    let times = leads.column("received_at")?.datetime()?.physical();
    for (row, (id, at)) in leads.column("lead_id")?.str()?.iter().zip(times.iter()).enumerate() {
        if let (Some(id), Some(at)) = (id, at) {
            events.push(event(row, id, None, at, State::Delivered));
        }
    }
    events.sort_by(|a, b| (a.at, a.lead_id).cmp(&(b.at, b.lead_id)));
    Ok(events)
}

/// The destination and the parts of it that are tested: those with enough trials, of kinds that differ at all, of which
/// anything was ever delivered: what never arrived has a cause, and no time at which it began. Parts that hold the same
/// leads, as an action that only one storefront has, are one test.
fn scopes<'a>(events: &[Event<'a>]) -> Vec<Scope<'a>> {
    let mut all = vec![Scope::All];
    let mut known: PlHashSet<Vec<usize>> = PlHashSet::default();
    for part in 0..PARTS.len() {
        let mut trials: BTreeMap<Option<&str>, (Vec<usize>, bool)> = BTreeMap::new();
        for (at, event) in events.iter().enumerate().filter(|(_, e)| e.trial && e.caused.is_none()) {
            let (positions, delivered) = trials.entry(event.parts.get(part).copied().flatten()).or_default();
            positions.push(at);
            *delivered |= event.state == State::Delivered;
        }
        if trials.len() > 1 {
            let tested =
                trials.into_iter().filter(|(_, (trials, delivered))| trials.len() >= LEAST_TRIALS && *delivered);
            let new = tested.filter_map(|(value, (trials, _))| known.insert(trials).then_some(value));
            all.extend(new.map(|value| Scope::Part(part, value)));
        }
    }
    all
}

/// Finds the outages of one destination, the scope that explains most first.
fn search<'a>(
    destination: &'a str,
    (events, crowd): (&mut [Event<'a>], &[(i64, &str)]),
    scopes: &[Scope<'a>],
    bound: &Bound,
) -> Vec<Outage<'a>> {
    let mut outages = Vec::new();
    let inside = inside(events, scopes);
    let loads =
        Loads::new(crowd, events.iter().map(|e| ((e.at, e.lead_id), e.state == State::Delivered)), bound.timezone);
    loop {
        let base =
            inside.first().map_or(scan::base_rate(&[]), |all| scan::base_rate(&Sequence::new(events, all, 0).trials));
        let mut candidates: Vec<Candidate> = Vec::new();
        for (number, (scope, inside)) in scopes.iter().zip(&inside).enumerate() {
            let sequence = Sequence::new(events, inside, number);
            let shared = if matches!(scope, Scope::Part(..)) { bound.tests.parts } else { bound.tests.wholes };
            let found = scan::stretches(&sequence.trials, sequence.starts, shared, bound.alpha);
            candidates.extend(found.iter().filter_map(|s| Candidate::new(s, number, &sequence, base)));
        }
        // The scope that explains most, all with one yardstick; of equals the wider.
        candidates.sort_by_key(|c| (-c.gain, c.scope, c.from));
        let mut taken: Vec<(i64, i64)> = Vec::new();
        for candidate in candidates {
            if taken.iter().any(|(from, to)| candidate.from <= *to && *from <= candidate.to) {
                continue; // decided anew, once what was taken is explained
            }
            taken.push((candidate.from, candidate.to));
            let (Some(scope), Some(inside)) = (scopes.get(candidate.scope), inside.get(candidate.scope)) else {
                continue;
            };
            let positions: Vec<usize> = candidate.positions(events, inside).collect();
            let failed = positions.iter().copied().filter(|at| events.get(*at).is_some_and(Event::failed));
            if *scope != Scope::Source && loads.is_capped_burst(failed) {
                explain(events, &positions, BURST);
                continue;
            }
            outages.push(candidate.outage(destination, scope.clone(), events, inside));
            explain(events, &positions, candidate.scope);
        }
        if taken.is_empty() {
            return outages;
        }
    }
}

/// Positions of the events of each scope, in one pass however many parts there are.
fn inside<'a>(events: &[Event<'a>], scopes: &[Scope<'a>]) -> Vec<Vec<usize>> {
    let mut inside = vec![Vec::new(); scopes.len()];
    let mut parts: PlHashMap<(usize, Option<&str>), usize> = PlHashMap::default();
    for (number, (scope, inside)) in scopes.iter().zip(&mut inside).enumerate() {
        match scope {
            Scope::All | Scope::Source => *inside = (0..events.len()).collect(),
            Scope::Part(part, value) => {
                parts.insert((*part, *value), number);
            }
        }
    }
    for (at, event) in events.iter().enumerate() {
        for (part, value) in event.parts.iter().enumerate() {
            if let Some(positions) = parts.get(&(part, *value)).and_then(|number| inside.get_mut(*number)) {
                positions.push(at);
            }
        }
    }
    inside
}

fn explain(events: &mut [Event], positions: &[usize], by: usize) {
    for at in positions {
        if let Some(event) = events.get_mut(*at) {
            event.explained.get_or_insert(by);
        }
    }
}

impl Event<'_> {
    fn failed(&self) -> bool {
        matches!(self.state, State::Missed | State::Late | State::Tentative)
    }
}

/// The trials of one scope in order of time, without what is explained.
struct Sequence {
    trials: Vec<Trial>,
    spans: Vec<Span>,
    /// Trials in all, explained ones too.
    starts: usize,
}

/// When a trial began and when its last failure was.
#[derive(Clone, Copy)]
struct Span {
    from: i64,
    to: i64,
    /// Whether it came after the last record.
    tentative: bool,
}

impl Sequence {
    fn new(events: &[Event], inside: &[usize], scope: usize) -> Self {
        let mut all = Sequence { trials: Vec::new(), spans: Vec::new(), starts: 0 };
        // Person → its running trial: when it began, and where it stands.
        let mut running: PlHashMap<&str, (i64, usize)> = PlHashMap::default();
        let mut most_running = 1024;
        for event in inside.iter().filter_map(|at| events.get(*at)) {
            let outcome = match event.state {
                _ if !event.trial => continue,
                State::Delivered => event.caused.map_or(Trial::Hit, Trial::Spared),
                State::Missed | State::Late => event.caused.map_or(Trial::Miss, Trial::Likely),
                State::Tentative if scope == 0 => event.caused.map_or(Trial::Tentative, Trial::Likely),
                State::Tentative | State::Open => continue,
            };
            let span = Span { from: event.at, to: event.at, tentative: event.state == State::Tentative };
            if let Some(by) = event.explained {
                all.starts += 1;
                // A stretch does not run on across an outage of everything, a burst, or one of its own.
                if (by == 0 || by == BURST || by == scope) && all.trials.last().is_some_and(|t| *t != Trial::Barrier) {
                    all.trials.push(Trial::Barrier);
                    all.spans.push(span);
                }
                continue;
            }
            let known = event
                .person
                .and_then(|person| running.get(person))
                .filter(|(began, _)| event.at - began <= TRIAL_MICROS);
            if let Some((_, at)) = known
                && let (Some(trial), Some(span)) = (all.trials.get_mut(*at), all.spans.get_mut(*at))
            {
                // A trial is a failure if every event of it is.
                // One that no cause explains speaks for itself.
                if outcome.is_success() || (outcome == Trial::Miss && !trial.is_success()) {
                    *trial = outcome;
                }
                if !outcome.is_success() {
                    span.to = event.at;
                }
                continue;
            }
            if let Some(person) = event.person {
                // Of a million people only those of the last half hour are looked for: they fit into a cache.
                if running.len() >= most_running {
                    running.retain(|_, (began, _)| event.at - *began <= TRIAL_MICROS);
                    most_running = (running.len() * 2).max(1024);
                }
                running.insert(person, (event.at, all.trials.len()));
            }
            all.starts += 1;
            all.trials.push(outcome);
            all.spans.push(span);
        }
        all
    }
}

/// A stretch that passed its test, to be set against those of the other scopes.
struct Candidate {
    scope: usize,
    from: i64,
    to: i64,
    gain: i64,
    base: f64,
    e_value: f64,
    /// Whether leads after the last record are part of it.
    beyond: bool,
}

impl Candidate {
    fn new(stretch: &scan::Stretch, scope: usize, sequence: &Sequence, base: f64) -> Option<Self> {
        let trials = sequence.trials.get(stretch.first..=stretch.last)?;
        let spans = sequence.spans.get(stretch.first..=stretch.last)?;
        let times = || trials.iter().zip(spans).filter(|(t, _)| !t.is_success()).map(|(_, span)| span);
        Some(Candidate {
            scope,
            from: times().map(|s| s.from).min()?,
            to: times().map(|s| s.to).max()?,
            gain: scan::gain(trials, base),
            base: stretch.base,
            e_value: stretch.e_value,
            beyond: spans.iter().any(|s| s.tentative),
        })
    }

    /// Last delivery before and first after.
    fn bounds(&self, events: &[Event], inside: &[usize]) -> (Option<i64>, Option<i64>) {
        let delivered = |at: &usize| events.get(*at).filter(|e| e.state == State::Delivered && e.trial).map(|e| e.at);
        let start = inside.partition_point(|at| events.get(*at).is_some_and(|e| e.at < self.from));
        let end = inside.partition_point(|at| events.get(*at).is_some_and(|e| e.at <= self.to));
        let before = inside.get(..start).unwrap_or_default().iter().rev().find_map(delivered);
        let after = inside.get(end..).unwrap_or_default().iter().find_map(delivered);
        (before, after)
    }

    /// The events it explains: all between its ends, and failures up to the neighbouring deliveries.
    fn positions<'p>(&'p self, events: &'p [Event], inside: &'p [usize]) -> impl Iterator<Item = usize> + 'p {
        let (before, after) = self.bounds(events, inside);
        let (low, high) = (before.unwrap_or(i64::MIN), after.unwrap_or(i64::MAX));
        let start = inside.partition_point(|at| events.get(*at).is_some_and(|e| e.at < low));
        let end = inside.partition_point(|at| events.get(*at).is_some_and(|e| e.at <= high));
        inside.get(start..end).unwrap_or_default().iter().copied().filter(move |at| {
            events.get(*at).is_some_and(|e| {
                let fits = match e.state {
                    State::Delivered => (self.from..=self.to).contains(&e.at),
                    State::Missed | State::Late => before.is_none_or(|b| e.at > b) && after.is_none_or(|a| e.at < a),
                    State::Tentative | State::Open => self.beyond && before.is_none_or(|b| e.at > b),
                };
                fits && e.explained.is_none()
            })
        })
    }

    fn outage<'a>(&self, destination: &'a str, scope: Scope<'a>, events: &[Event<'a>], inside: &[usize]) -> Outage<'a> {
        let (began_after, ended_by) = self.bounds(events, inside);
        let found: Vec<&Event<'a>> = self.positions(events, inside).filter_map(|at| events.get(at)).collect();
        let failed: Vec<&Event<'a>> = found.iter().copied().filter(|e| e.state != State::Delivered).collect();
        // Who failed before may fail again for reasons of his own: that says nothing of when it began and ended.
        let trials = || failed.iter().filter(|e| e.trial);
        let people: BTreeSet<&str> = failed.iter().map(|e| e.person.unwrap_or(e.lead_id)).collect();
        let late = failed.iter().filter(|e| e.state == State::Late).count();
        let lost = failed.iter().filter(|e| e.state != State::Late).map(|e| e.row).collect();
        let turned =
            failed.iter().filter(|e| matches!(e.state, State::Tentative | State::Open)).map(|e| e.row).collect();
        Outage {
            id: String::new(),
            destination,
            scope,
            title: None,
            began_after,
            began_by: trials().next().map_or(self.from, |e| e.at),
            ended_after: trials().next_back().map_or(self.to, |e| e.at),
            ended_by,
            leads: found.len(),
            missed: failed.len(),
            late,
            last_imported_at: failed.iter().filter_map(|e| e.made).max(),
            people: people.len(),
            base: self.base,
            e_value: self.e_value,
            beyond_export: self.beyond,
            lost,
            turned,
            first_lead: failed.first().map_or("", |e| e.lead_id),
            text: String::new(),
        }
    }
}

/// When each destination's export was made, where that is known and believable: a file older than its own records was
/// copied, or a clock is wrong.
fn exported_at(coverage: &Table<Coverage>) -> Result<PlHashMap<&str, i64>> {
    let until = times_of(coverage, "until")?;
    let mut exported = times_of(coverage, "exported_at")?;
    exported.retain(|name, at| until.get(name).is_none_or(|until| *at >= *until));
    Ok(exported)
}

/// A time of each destination's coverage, where it has one.
fn times_of<'a>(coverage: &'a Table<Coverage>, column: &str) -> Result<PlHashMap<&'a str, i64>> {
    let frame = coverage.frame();
    let times = frame.column(column)?.datetime()?.physical();
    let rows = frame.column("destination")?.str()?.iter().zip(times.iter());
    Ok(rows.filter_map(|(name, at)| Some((name?, at?))).collect())
}

/// Years between the first event and the last, at least a day, and the last.
fn span<'e, 'a: 'e>(events: impl Iterator<Item = &'e Event<'a>>) -> (f64, i64) {
    let (low, high) = events.fold((i64::MAX, i64::MIN), |(low, high), e| (low.min(e.at), high.max(e.at)));
    #[expect(clippy::cast_precision_loss, reason = "microseconds of some centuries")]
    let days = high.saturating_sub(low).max(0) as f64 / 86_400e6;
    (days.max(1.0) / 365.25, high)
}

#[cfg(test)]
mod tests;
