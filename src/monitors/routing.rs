//! Where leads go → what a person should act on: leads that go nowhere, what was never seen before, and exclusions that
//! suddenly grow.
//!
//! A new offer without a destination loses all its leads, and nothing else says so: the books balance, no record is
//! missing. An unknown offer, storefront or action is told on the first day that reports it, against everything that
//! earlier reports had seen, and not on the very first run, to which all is new. A leap in the share of an excluded
//! reason hides losses: an `[exclude]` that is too wide, an export that shows less than it did, a marketplace that
//! withholds more. Where leads came in lately, the leap is tested against the three months before (binomial tail, times
//! the number of reasons); where a setting or an export moved what had been settled, against the last report. Only rows
//! that are kept alike are compared: what was erased since is no growth of what is left.
//! The rules are the design's ("Routing").

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::binomial::tail;
use crate::codes::{entry, kind, level, reason, verdict};
use crate::error::Result;
use crate::findings::{AboutLeads, Finding, Measure, Offer, Reported, titles};
use crate::tables::{History, Leads, Reconciliation, Table};
use crate::time::DAY;

/// What is compared: so long before the end of the as-of day …
const LATELY: i64 = 7 * DAY;
/// … with so long before that.
const BEFORE: i64 = 90 * DAY;
/// Fewer leads before tell no share.
const LEAST_LEADS: usize = 50;
/// Fewer excluded leads are no leap.
const LEAST_EXCLUDED: usize = 5;
/// A leap is at least to so many times the share.
const LEAST_LIFT: f64 = 3.0;
/// For so many days a leap can go on: then it is what was before.
const LONGEST_LEAP: i64 = 100;
/// Expected number of false leaps in a run.
const ALPHA: f64 = 0.001;

/// Reasons that tell of the leads themselves and of when they came.
const OF_LEADS: [&str; 6] = [
    reason::TEST_LEAD,
    reason::DO_NOT_CONTACT,
    reason::WITHHELD,
    reason::INTERNAL,
    reason::NOT_ROUTED,
    reason::REPEAT_DELIVERY,
];

/// What the stage reads.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The day of the report.
    pub as_of: NaiveDate,
    /// The first instant after it.
    pub as_of_ends_at: DateTime<Utc>,
    /// All leads.
    pub leads: &'a Table<Leads>,
    /// When each erased raw lead had been stored, in microseconds, in order.
    pub forgotten: &'a [i64],
    /// For how long do-not-contact leads are kept; none: as long as all others.
    pub keep_dnc: Option<TimeDelta>,
    /// Verdicts with their reasons.
    pub reconciliation: &'a Table<Reconciliation>,
    /// Entries of days before `as_of`.
    pub earlier: &'a Table<History>,
    /// Whether there is any destination at all: without one, that leads go nowhere is said once for all.
    pub has_destinations: bool,
}

/// What the stage gives.
#[derive(Debug)]
pub struct Found {
    /// What a person should act on.
    pub findings: Vec<Finding>,
    /// Every offer, storefront and action among the leads, by what it is, with its number of leads: for the history.
    pub seen: BTreeMap<(&'static str, String), i64>,
    /// Destination and excluded reason, with its share of the destination's rows: for the history.
    pub excluded: BTreeMap<(String, String), f64>,
    /// Rows of each destination, of which those shares are: for the history.
    pub rows: BTreeMap<String, usize>,
}

/// Says what is odd about where leads go.
///
/// # Errors
/// Only when a table does not have its agreed shape.
pub fn find(inputs: &Inputs) -> Result<Found> {
    let known = Known::read(inputs)?;
    let counts = Counts::of(inputs.reconciliation)?;
    let seen = seen(inputs.leads)?;
    let titles = titles(inputs.leads.frame())?;
    let mut findings = nowhere(inputs, &known, &titles)?;
    findings.extend(first_sights(&seen, &known, &titles));
    findings.extend(leaps(inputs, &known, &counts)?);
    let excluded = counts.excluded.iter().map(|((to, why), n)| ((to.clone(), why.clone()), share(*n, counts.rows(to))));
    Ok(Found { findings, excluded: excluded.collect(), rows: counts.all.clone(), seen })
}

/// What each offer is called.
type Titles = BTreeMap<String, String>;

/// What is said of a first sight.
type FirstSight = fn(&str, &Titles) -> AboutLeads;

/// What of a lead can be new, where it stands, and what is said of it.
const SEEN: [(&str, &str, FirstSight); 3] = [
    ("offer", "offer_id", |id, titles| AboutLeads::NewOffer(offer(id, titles))),
    ("storefront", "storefront", |value, _| AboutLeads::NewStorefront(value.to_owned())),
    ("action", "action", |value, _| AboutLeads::NewAction(value.to_owned())),
];

fn offer(id: &str, titles: &Titles) -> Offer {
    Offer { id: id.to_owned(), title: titles.get(id).cloned() }
}

/// Test leads are left out: they name what does not exist.
fn seen(leads: &Table<Leads>) -> Result<BTreeMap<(&'static str, String), i64>> {
    let (kinds, titles) = (leads.texts("kind")?, leads.texts("offer")?);
    let mut seen: BTreeMap<(&'static str, String), i64> = BTreeMap::new();
    for (what, column, _) in SEEN {
        let values = leads.texts(column)?;
        for ((value, of), title) in values.into_iter().zip(&kinds).zip(&titles) {
            // An offer that comes without an id is known by its title.
            let value = value.or(title.filter(|_| what == "offer"));
            if let Some(value) = value.filter(|_| *of != Some(kind::TEST)) {
                *seen.entry((what, value.to_owned())).or_default() += 1;
            }
        }
    }
    Ok(seen)
}

/// What earlier reports said of all this.
struct Known {
    /// Offers, storefronts and actions; empty before the first report that kept them.
    seen: BTreeSet<(String, String)>,
    /// Findings told.
    told: Reported,
    /// Excluded shares of the newest report, and the destinations it spoke of; what goes nowhere always was one.
    shares: BTreeMap<(String, String), f64>,
    destinations: BTreeSet<String>,
    /// Rows of each destination in it; empty before version 0.2.
    rows: BTreeMap<String, f64>,
}

impl Known {
    fn read(inputs: &Inputs) -> Result<Known> {
        let frame = inputs.earlier.frame();
        let text = |name: &str| inputs.earlier.texts(name);
        let (entries, abouts, destinations, codes) =
            (text("entry")?, text("about")?, text("destination")?, text("code")?);
        let (days, values) = (frame.column("as_of")?.date()?.physical(), frame.column("value")?.f64()?);
        let newest = days.iter().flatten().max();
        let mut known = Known {
            seen: BTreeSet::new(),
            told: Reported::of(inputs.earlier)?,
            shares: BTreeMap::new(),
            destinations: BTreeSet::new(),
            rows: BTreeMap::new(),
        };
        for row in 0..frame.height() {
            let at = |column: &[Option<&str>]| column.get(row).copied().flatten().unwrap_or_default().to_owned();
            let day = days.get(row);
            match at(&entries).as_str() {
                entry::SEEN => {
                    known.seen.insert((at(&codes), at(&abouts)));
                }
                entry::SHARE if day == newest => {
                    known.destinations.extend([at(&destinations), String::new()]);
                    match (at(&codes).as_str(), values.get(row)) {
                        (entry::EXCLUDED_SHARE, Some(share)) => {
                            known.shares.insert((at(&destinations), at(&abouts)), share);
                        }
                        (entry::ROWS, Some(rows)) => {
                            known.rows.insert(at(&destinations), rows);
                        }
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        Ok(known)
    }

    /// A leap that began `days` before it was told first; while it goes on it keeps that beginning.
    fn leap(&self, to: &str, why: &str, measure: Measure, (as_of, days): (NaiveDate, i64), count: usize) -> Finding {
        let since =
            |since| Finding::mail(to, AboutLeads::ExclusionsLeapt { why: why.to_owned(), measure, since }, count);
        let told_first = |first: NaiveDate| since(first - TimeDelta::days(days));
        let today = told_first(as_of);
        match self.told.lately(&today) {
            Some(report) => told_first(report.since),
            // A report of version 0.1 kept the sentence only.
            None => (0..LONGEST_LEAP)
                .map(|ago| told_first(as_of - TimeDelta::days(ago)))
                .find(|then| self.told.lately(then).is_some())
                .unwrap_or(today),
        }
    }
}

/// Genuine leads that go nowhere, one finding for each offer: a page the first time. Without any destination it is no
/// news and one line of the list.
fn nowhere(inputs: &Inputs, known: &Known, titles: &Titles) -> Result<Vec<Finding>> {
    let reasons = inputs.reconciliation.texts("reason")?;
    let ids = inputs.reconciliation.texts("lead_id")?;
    let lost: BTreeSet<&str> = ids
        .into_iter()
        .zip(reasons)
        .filter(|(_, why)| *why == Some(reason::NOT_ROUTED))
        .filter_map(|(id, _)| id)
        .collect();
    if !inputs.has_destinations {
        let count = lost.len() as i64;
        let said = Finding::list("", AboutLeads::NoDestination, count);
        return Ok(if count > 0 { vec![said] } else { Vec::new() });
    }
    let mut offers: BTreeMap<&str, i64> = BTreeMap::new();
    let leads = inputs.leads;
    let rows = leads.texts("lead_id")?.into_iter().zip(leads.texts("offer_id")?).zip(leads.texts("offer")?);
    for ((id, offer), title) in rows {
        if id.is_some_and(|id| lost.contains(id)) {
            *offers.entry(offer.or(title).unwrap_or_default()).or_default() += 1;
        }
    }
    let finding = |(id, count): (&str, i64)| {
        let about = |titles| AboutLeads::NotRouted((!id.is_empty()).then(|| offer(id, titles)));
        let finding = Finding::page("", about(titles), count);
        // Reports of version 0.1 knew an offer by its id alone.
        let untitled = Finding::page("", about(&Titles::new()), count);
        if known.told.ever(&untitled).is_some() { Finding { level: level::LIST, ..finding } } else { finding }
    };
    Ok(offers.into_iter().map(finding).collect())
}

/// Offers, storefronts and actions that no earlier report had seen.
fn first_sights(seen: &BTreeMap<(&'static str, String), i64>, known: &Known, titles: &Titles) -> Vec<Finding> {
    if known.seen.is_empty() {
        return Vec::new();
    }
    let new = seen.iter().filter(|((what, value), _)| !known.seen.contains(&((*what).to_owned(), value.clone())));
    let finding = |((what, value), count): (&(&'static str, String), &i64)| {
        let (.., about) = SEEN.iter().find(|(name, ..)| name == what)?;
        Some(Finding::list("", about(value, titles), *count))
    };
    new.filter_map(finding).collect()
}

/// Excluded reasons whose share leapt.
fn leaps(inputs: &Inputs, known: &Known, counts: &Counts) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut told: BTreeSet<&str> = BTreeSet::new();
    // Against the last report: of what it had settled, much is excluded now.
    for ((to, why), now) in &counts.excluded {
        if !known.destinations.contains(to) {
            continue;
        }
        let rows = counts.rows(to);
        let before = known.shares.get(&(to.clone(), why.clone())).copied().unwrap_or(0.0);
        // Where rows were erased, what is left has another share than all had, and is no more than it was.
        let then = known.rows.get(to).map_or(rows as f64, |then| then.max(rows as f64));
        #[expect(clippy::cast_precision_loss, reason = "counts of leads are far below 2^52")]
        let (least, more) = ((rows as f64 / 50.0).max(10.0), *now as f64 - before * then);
        if share(*now, rows) >= LEAST_LIFT * before && more >= least {
            told.insert(why);
            findings.push(known.leap(to, why, Measure::LastReport, (inputs.as_of, 0), *now));
        }
    }
    // Against the months before: the leads that came lately are of another kind.
    let lately = lately(inputs)?;
    for why in OF_LEADS {
        let Some(Compared { all: [all_before, all_now], excluded: [before, now], days }) = lately.get(why).copied()
        else {
            continue;
        };
        let usual = share(before, all_before);
        if told.contains(why)
            || all_before < LEAST_LEADS
            || days < 2
            || now < LEAST_EXCLUDED
            || share(now, all_now) < LEAST_LIFT * usual
        {
            continue;
        }
        // By the rule of succession: what was never seen is not impossible.
        let tail = tail(now, all_now, share(before + 1, all_before + 2));
        #[expect(clippy::cast_precision_loss, reason = "six reasons")]
        if tail * OF_LEADS.len() as f64 <= ALPHA {
            findings.push(known.leap("", why, Measure::Usual, (inputs.as_of, 6), now));
        }
    }
    Ok(findings)
}

/// Rows of reconciliation, by destination.
struct Counts {
    all: BTreeMap<String, usize>,
    excluded: BTreeMap<(String, String), usize>,
}

impl Counts {
    fn of(table: &Table<Reconciliation>) -> Result<Counts> {
        let mut counts = Counts { all: BTreeMap::new(), excluded: BTreeMap::new() };
        let mut by_code: HashMap<(&str, &str, bool), usize> = HashMap::new();
        let rows = table.texts("destination")?.into_iter().zip(table.texts("verdict")?).zip(table.texts("reason")?);
        for ((to, verdict), why) in rows {
            let excluded = verdict == Some(verdict::EXCLUDED);
            *by_code.entry((to.unwrap_or_default(), why.unwrap_or_default(), excluded)).or_default() += 1;
        }
        for ((to, why, excluded), n) in by_code {
            *counts.all.entry(to.to_owned()).or_default() += n;
            if excluded {
                *counts.excluded.entry((to.to_owned(), why.to_owned())).or_default() += n;
            }
        }
        Ok(counts)
    }

    /// What shares are of: the rows of a destination; for what goes nowhere, all rows.
    fn rows(&self, destination: &str) -> usize {
        if destination.is_empty() { self.all.values().sum() } else { self.all.get(destination).copied().unwrap_or(0) }
    }
}

/// People's weeks before and lately, all and excluded for one reason: what one person does in a week, and one hour's leads
/// of nobody, such as test leads, are one act.
#[derive(Clone, Copy, Debug)]
struct Compared {
    all: [usize; 2],
    excluded: [usize; 2],
    /// Days of the excluded that came lately.
    days: usize,
}

/// What each excluded reason was before and is lately.
///
/// Do-not-contact leads are erased sooner than others: they are compared over the time for which both are kept, and what
/// was erased in it, by an earlier setting or the run of a later day, may have been such a lead.
fn lately(inputs: &Inputs) -> Result<BTreeMap<&'static str, Compared>> {
    let end = inputs.as_of_ends_at.timestamp_micros();
    let since = |why: &str| {
        let kept = inputs.keep_dnc.filter(|_| why == reason::DO_NOT_CONTACT).and_then(|keep| keep.num_microseconds());
        end - kept.map_or(LATELY + BEFORE, |keep| keep.min(LATELY + BEFORE))
    };
    let received: HashMap<&str, i64> = inputs
        .leads
        .texts("lead_id")?
        .into_iter()
        .zip(inputs.leads.instants("received_at")?)
        .filter_map(|(id, at)| Some((id?, at?)))
        .filter(|(_, at)| *at < end && *at >= end - LATELY - BEFORE)
        .collect();
    let table = inputs.reconciliation;
    let people = table.texts("lead_id")?.into_iter().zip(table.texts("person_id")?);
    let rows: Vec<(i64, Option<&str>, Option<&str>)> = people
        .zip(table.texts("reason")?)
        .filter_map(|((id, person), why)| Some((*received.get(id?)?, person, why)))
        .collect();
    let mut found = BTreeMap::new();
    for why in OF_LEADS {
        let since = since(why);
        let mut acts: [BTreeSet<(&str, i64)>; 2] = Default::default();
        let mut excluded: [BTreeSet<(&str, i64)>; 2] = Default::default();
        let mut days: BTreeSet<i64> = BTreeSet::new();
        for (at, person, of) in rows.iter().filter(|(at, ..)| *at >= since) {
            let act = match person {
                Some(person) => (*person, (end - at).div_euclid(LATELY)),
                None => (of.unwrap_or_default(), at.div_euclid(DAY / 24)),
            };
            let side = usize::from(*at >= end - LATELY);
            if *of == Some(why) {
                excluded[side].insert(act);
                if side == 1 {
                    days.insert(at.div_euclid(DAY));
                }
            }
            acts[side].insert(act);
        }
        let count = |sides: [BTreeSet<(&str, i64)>; 2]| sides.map(|acts| acts.len());
        let mut compared = Compared { all: count(acts), excluded: count(excluded), days: days.len() };
        if why == reason::DO_NOT_CONTACT {
            let until = |at: i64| inputs.forgotten.partition_point(|stored| *stored < at);
            let erased = until(end - LATELY).saturating_sub(until(since));
            compared.all[0] += erased;
            compared.excluded[0] += erased;
        }
        found.insert(why, compared);
    }
    Ok(found)
}

#[expect(clippy::cast_precision_loss, reason = "counts of leads are far below 2^52")]
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests;
