//! What an export itself tells about how it is to be read: how early its records may be, grace, and whether it keeps a
//! record per lead or per person.

use crate::config::{Destination, DestinationKind, Grace, RecordsPer};
use crate::contact;
use crate::error::{Error, Result, count};
use crate::reconcile::events::{Event, TEN_MINUTES};
use crate::reconcile::evidence::{Slack, evidence};
use crate::reconcile::ledger::Ledger;
use crate::reconcile::records::Record;
use crate::time::{DAY, HOUR, SECOND};

/// Fewer delays than this say nothing about grace.
pub(super) const FEWEST_DELAYS: usize = 50;
/// Grace until there are enough delays.
const GRACE_AT_FIRST: i64 = 48 * HOUR;

/// Natural logarithm of the odds, twenty, at which an export tells what it keeps a record of.
const ODDS_OF_TWENTY: f64 = 3.0;

/// How early this export's records may be.
pub(super) fn slack(ledger: &Ledger<'_, '_>) -> Slack {
    Slack { day: day_slack(ledger), early: early(ledger) }
}

/// Event and record of people with one of each, in the order of the events: these pairs need no pairing.
fn lone<'l>(ledger: &'l Ledger<'_, '_>) -> Vec<(&'l Event, &'l Record<'l>)> {
    let records = ledger.records_by_person();
    let lone_record = |event: &Event| match records.get(event.person) {
        [row] => ledger.record(*row).filter(|record| evidence(event, record.action, record.offer).is_some()),
        _ => None,
    };
    let is_lone = |event: &&Event| ledger.events_of.get(event.person).len() == 1 && event.leads.len() == 1;
    let events = ledger.each_event().map(|(_, event)| event).filter(is_lone);
    events.filter_map(|event| Some((event, lone_record(event)?))).collect()
}

/// Times of record and lead, where the record tells more than a day.
pub(super) fn lone_pairs(ledger: &Ledger<'_, '_>) -> Vec<(i64, i64)> {
    let times = |(event, record): (&Event, &Record<'_>)| {
        let span = record.span.filter(|span| span.width < DAY)?;
        Some((span.start, ledger.received(event)))
    };
    lone(ledger).into_iter().filter_map(times).collect()
}

/// Whether this export's clock is ever early, as seen from pairs that need no pairing.
fn early(ledger: &Ledger<'_, '_>) -> i64 {
    let pairs = lone_pairs(ledger);
    let delays = || pairs.iter().map(|(record, lead)| record - lead).filter(|d| d.abs() < DAY);
    let (all, early) = (delays().count(), delays().filter(|delay| *delay < 0).count());
    if all >= FEWEST_DELAYS && early * 200 < all { TEN_MINUTES } else { 0 }
}

/// A day without hours may be a day of another zone: how much earlier than its lead such a record may end.
fn day_slack(ledger: &Ledger<'_, '_>) -> i64 {
    let mut early: Vec<i64> = Vec::new();
    let mut days = 0usize;
    for (event, record) in lone(ledger) {
        let Some(span) = record.span.filter(|span| span.width >= DAY) else { continue };
        let delay = span.delay(ledger.received(event));
        if (-14 * HOUR..=3 * DAY).contains(&delay) {
            days += 1;
            if delay < -TEN_MINUTES {
                early.push(-delay);
            }
        }
    }
    early.sort_unstable();
    // One lead in fifty: below that it is a record of another day.
    if early.len() >= 5 && early.len() * 50 >= days {
        let most = early.get(early.len() * 95 / 100).copied().unwrap_or(0);
        return (most + HOUR).min(14 * HOUR);
    }
    TEN_MINUTES
}

/// The delays seen, and the time within which a delivered lead shows up.
pub(super) struct Waited {
    /// In microseconds.
    pub grace: i64,
    /// In the order in which their leads were received.
    pub delays: Vec<i64>,
}

impl Waited {
    /// Takes grace from the delays, or checks the configured one against them. `delays`: when each lead was received, and
    /// how long it took.
    pub(super) fn of(destination: &Destination, mut delays: Vec<(i64, i64)>) -> Result<Self> {
        delays.sort_unstable();
        let grace = grace_by(destination, &delays);
        let waited = Waited { grace, delays: delays.into_iter().map(|(_, delay)| delay).collect() };
        if destination.grace != Grace::Auto {
            waited.refuse_contradiction(destination)?;
        }
        Ok(waited)
    }

    fn refuse_contradiction(&self, destination: &Destination) -> Result<()> {
        let usual = without_backlogs(&self.delays);
        let slower = usual.iter().filter(|delay| **delay > self.grace).count();
        // A twentieth: by then leads that are on their way are called missed every night.
        if usual.len() < FEWEST_DELAYS || slower * 20 <= usual.len() {
            return Ok(());
        }
        Err(Error::usage("grace is contradicted by the export")
            .at(format!("destination \"{}\"", destination.name))
            .because(format!("{slower} of {} delivered leads took longer than {} s", usual.len(), self.grace / SECOND))
            .hint(format!(
                "set grace = \"{}h\" or more, or leave it out to have it taken from the delays",
                grace(&self.delays) / HOUR + 1
            )))
    }
}

/// Grace as configured, or as these delays tell it.
pub(super) fn grace_by(destination: &Destination, delays: &[(i64, i64)]) -> i64 {
    match destination.grace {
        Grace::Fixed(fixed) => fixed.num_microseconds().unwrap_or(i64::MAX / 4),
        Grace::Auto => grace(&delays.iter().map(|(_, delay)| *delay).collect::<Vec<_>>()),
    }
}

/// Time within which a delivered lead shows up: the 99.5th percentile of the delays, at least an hour; 48 hours until
/// there are fifty. `delays` are in the order in which their leads were received.
fn grace(delays: &[i64]) -> i64 {
    let mut usual = without_backlogs(delays);
    if usual.len() < FEWEST_DELAYS {
        return GRACE_AT_FIRST;
    }
    usual.sort_unstable();
    let rank = (usual.len() * 995).div_ceil(1000).max(1);
    usual.get(rank - 1).copied().unwrap_or(GRACE_AT_FIRST).max(HOUR)
}

/// Delays but for backlogs: three and more neighbours that all waited ten times as long as three leads in four do, and
/// over an hour. They are leads of an outage imported later; counted, they would make every outage look like grace.
fn without_backlogs(delays: &[i64]) -> Vec<i64> {
    let mut sorted = delays.to_vec();
    sorted.sort_unstable();
    let three_in_four = sorted.get(sorted.len() * 3 / 4).copied().unwrap_or(0);
    let fence = HOUR.max(three_in_four.saturating_mul(10));
    let mut usual = Vec::with_capacity(delays.len());
    for run in delays.chunk_by(|a, b| (*a > fence) == (*b > fence)) {
        if run.len() < 3 || run.first().is_none_or(|delay| *delay <= fence) {
            usual.extend_from_slice(run);
        }
    }
    usual
}

/// Whether a destination keeps a record for each lead or for each person, and what that is known from.
pub(super) struct Keeps {
    /// Whether it keeps one for each person.
    pub per_person: bool,
    /// `configured`, `inferred`, or `kind` where too few people tell.
    pub from: &'static str,
    /// What the export says.
    pub weighed: Weighed,
}

impl Keeps {
    /// Decides between a record per lead and a record per person.
    pub(super) fn of(ledger: &Ledger<'_, '_>) -> Self {
        let weighed = weigh(&repeats(ledger));
        let (per_person, from) = match ledger.destination.records_per {
            RecordsPer::Lead => (false, "configured"),
            RecordsPer::Person => (true, "configured"),
            RecordsPer::Auto => {
                let from = if weighed.for_person.abs() >= ODDS_OF_TWENTY { "inferred" } else { "kind" };
                (keeps_a_record_per_person(weighed, ledger.destination.kind), from)
            }
        };
        Keeps { per_person, from, weighed }
    }

    /// Refuses a configured `records_per` that the export contradicts.
    pub(super) fn refuse_contradiction(&self, destination: &Destination) -> Result<()> {
        let is_set = destination.records_per != RecordsPer::Auto;
        if !is_set || !contradicts(self.weighed, self.per_person) {
            return Ok(());
        }
        let (set, shown) = if self.per_person { ("person", "lead") } else { ("lead", "person") };
        Err(Error::usage(format!("records_per = \"{set}\" is contradicted by the export"))
            .at(format!("destination \"{}\"", destination.name))
            .because(format!(
                "of {} with several leads, {} one record only",
                count(self.weighed.people, "person", "people"),
                count(self.weighed.single, "has", "have"),
            ))
            .hint(format!("set records_per = \"{shown}\", or leave it out to have it inferred")))
    }
}

/// Counts events and records of the people that the export can speak for.
fn repeats(ledger: &Ledger<'_, '_>) -> Repeats {
    let records = ledger.records_by_person();
    let oldest = ledger.records.all.iter().filter_map(|r| r.span).map(|span| span.start).min().unwrap_or(i64::MAX);
    let newest = ledger.view.until.unwrap_or(i64::MIN).saturating_sub(2 * DAY);
    let is_in_sight = |event: &&Event| {
        let received = ledger.received(event);
        ledger.is_genuine(event) && received >= oldest - TEN_MINUTES && received <= newest
    };
    let mut repeats = Repeats::default();
    for (person, events) in ledger.events_of.all() {
        let events: Vec<&Event> =
            events.iter().filter_map(|number| ledger.event(*number)).filter(is_in_sight).collect();
        // Such a CRM merges on the address: only people who always gave the same one tell.
        let address = |event: &Event| ledger.book.first(event)?.email.and_then(contact::normalised_email);
        let first = events.first().and_then(|event| address(event));
        if first.is_none() || events.iter().any(|event| address(event) != first) {
            continue;
        }
        let has_address = |row: &&u32| ledger.record(**row).is_some_and(|record| record.email == first);
        match (events.len(), records.get(person).iter().filter(has_address).count()) {
            (0, _) => {}
            (1, found) => {
                repeats.once.0 += 1;
                repeats.once.1 += usize::from(found > 0);
            }
            (_, 0) => {}
            (events, found) => repeats.several.push((events, found == 1)),
        }
    }
    repeats
}

/// People of a destination by how many events and how many records they have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Repeats {
    /// People with one event, and those of them with a record.
    pub once: (usize, usize),
    /// For each person with several events and a record: events, and whether there is one record only.
    pub several: Vec<(usize, bool)>,
}

/// What the export says about `records_per`, in the likelihood of one person against one lead.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Weighed {
    /// People with several events and a record.
    pub people: usize,
    /// Those with one record only.
    pub single: usize,
    /// Natural logarithm of how much likelier a record per person is.
    pub for_person: f64,
}

/// Weighs the two readings. A destination that keeps a record per lead and lost some of them shows single records too,
/// but not more than its losses explain.
#[expect(clippy::cast_precision_loss, reason = "counts of people")]
fn weigh(repeats: &Repeats) -> Weighed {
    let (people, found) = repeats.once;
    // Without people of one event a tenth is taken as lost.
    let share = (found as f64 + 9.0) / (people as f64 + 10.0);
    let mut for_person = 0.0;
    for (events, single) in &repeats.several {
        let k = *events as f64;
        let one = k * share * (1.0 - share).powf(k - 1.0) / (1.0 - (1.0 - share).powf(k));
        let (by_person, by_lead) = (0.9_f64, one.clamp(0.05, 0.95));
        for_person += if *single { (by_person / by_lead).ln() } else { ((1.0 - by_person) / (1.0 - by_lead)).ln() };
    }
    Weighed {
        people: repeats.several.len(),
        single: repeats.several.iter().filter(|(_, single)| *single).count(),
        for_person,
    }
}

/// Whether the destination keeps a record per person: by its people where they tell, else by its kind.
fn keeps_a_record_per_person(weighed: Weighed, kind: DestinationKind) -> bool {
    if weighed.for_person.abs() >= ODDS_OF_TWENTY {
        return weighed.for_person > 0.0;
    }
    matches!(kind, DestinationKind::Marketo | DestinationKind::Hubspot)
}

/// Odds at which a setting is contradicted rather than doubted: ten thousand to one, from twenty people at least.
///
/// Four people in five must say so as well: a mixture is no reason to stop a run.
fn contradicts(weighed: Weighed, configured_person: bool) -> bool {
    let (against, saying_so) = if configured_person {
        (-weighed.for_person, weighed.people - weighed.single)
    } else {
        (weighed.for_person, weighed.single)
    };
    weighed.people >= 20 && against > 9.2 && saying_so * 5 >= weighed.people * 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grace_is_two_days_until_there_are_fifty_delays_and_then_the_99_5th_percentile() {
        let minute = HOUR / 60;
        assert_eq!(grace(&[5 * minute; 49]), 48 * HOUR);
        assert_eq!(grace(&[5 * minute; 50]), HOUR);
        let mut delays: Vec<i64> = (1..=1000).map(|n| n * minute).collect();
        delays.reverse();
        assert_eq!(grace(&delays), 995 * minute);
    }

    #[test]
    fn a_backlog_imported_late_does_not_stretch_grace_and_single_late_leads_do() {
        let minute = HOUR / 60;
        let mut delays = vec![5 * minute; 300];
        delays[100..120].fill(72 * HOUR);
        assert_eq!(grace(&delays), HOUR);
        delays[10] = 30 * HOUR;
        delays[200] = 31 * HOUR;
        assert_eq!(grace(&delays), 30 * HOUR, "one in a hundred waits more than a day");
    }

    #[test]
    fn one_record_for_people_with_several_leads_means_a_record_per_person() {
        let person = weigh(&Repeats { once: (100, 97), several: vec![(2, true); 25] });
        assert!(keeps_a_record_per_person(person, DestinationKind::Salesforce) && contradicts(person, false));
        let lead = weigh(&Repeats { once: (100, 97), several: vec![(2, false); 25] });
        assert!(!keeps_a_record_per_person(lead, DestinationKind::Hubspot) && contradicts(lead, true));
    }

    #[test]
    fn a_view_of_one_owner_is_not_taken_for_a_record_per_person() {
        // A quarter of all records is shown: most people with two leads have one record.
        let mut several = vec![(2, true); 86];
        several.extend([(2, false); 14]);
        let view = weigh(&Repeats { once: (400, 100), several });
        assert!(!keeps_a_record_per_person(view, DestinationKind::Salesforce) && !contradicts(view, false));
    }

    #[test]
    fn too_few_people_leave_it_to_the_kind_of_crm() {
        let few = weigh(&Repeats { once: (3, 3), several: vec![(2, true)] });
        assert!(!keeps_a_record_per_person(few, DestinationKind::Dynamics));
        assert!(keeps_a_record_per_person(few, DestinationKind::Marketo));
    }
}
