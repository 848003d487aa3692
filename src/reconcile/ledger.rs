//! One destination's books: its events against its records, its clock, its grace, and what each record is.

use chrono::DateTime;
use polars::prelude::{PlHashMap, PlHashSet};

use super::clock::{self, Clock};
use super::events::{Book, DAY, Event, HOUR, Lead, SECOND, TEN_MINUTES, number};
use super::pairing::{self, Evidence, Slack};
use super::records::{Record, Records};
use super::{Inferred, View, excluded_kind, inference, origin, unclaimed};
use crate::codes::{Finding, finding, kind, level, link, reason, unexplained, verdict};
use crate::config::{Destination, Grace, RecordsPer};
use crate::contact;
use crate::error::{Error, Result, count};

/// What became of one lead at one destination.
#[derive(Clone, Copy)]
pub(super) struct Outcome<'a> {
    pub(super) verdict: &'static str,
    pub(super) reason: &'static str,
    /// Its number among the destination's records.
    pub(super) record: Option<u32>,
    pub(super) match_weight: Option<f64>,
    pub(super) matched_by: Option<&'a str>,
    pub(super) delay: Option<i64>,
    pub(super) late: bool,
    pub(super) trial: bool,
}

impl Outcome<'_> {
    pub(super) fn excluded(reason: &'static str) -> Self {
        Self::without_record(verdict::EXCLUDED, reason)
    }

    fn without_record(verdict: &'static str, reason: &'static str) -> Self {
        Outcome {
            verdict,
            reason,
            record: None,
            match_weight: None,
            matched_by: None,
            delay: None,
            late: false,
            trial: false,
        }
    }
}

/// A record that accounts for a lead.
#[derive(Clone, Copy)]
pub(super) struct Answer {
    pub(super) record: u32,
    pub(super) evidence: Evidence,
    /// Whether the lead made or updated the record; else its person is only known.
    pub(super) delivered: bool,
}

/// A marketplace record that is no first delivery.
pub(super) struct Role {
    pub(super) record: u32,
    /// What it is instead.
    pub(super) why: &'static str,
    /// The event that it delivers again, or that should not have been sent.
    pub(super) event: Option<u32>,
}

/// Events or records of each person, in their order: two lists in place of one for each of a million people.
pub(super) struct ByPerson {
    /// Where those of each person begin; one past the end as the last.
    starts: Vec<u32>,
    of: Vec<u32>,
}

impl ByPerson {
    /// `rows` gives person and number, each time the same; those of nobody are left out.
    fn new<I: Iterator<Item = (u32, u32)>>(people: usize, rows: impl Fn() -> I) -> Self {
        let mut starts = vec![0u32; people + 1];
        for (person, _) in rows() {
            if let Some(count) = starts.get_mut((person as usize).saturating_add(1)) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut of = vec![0; sum as usize];
        let mut next = starts.clone();
        for (person, number) in rows().filter(|(person, _)| (*person as usize) < people) {
            if let Some(place) = next.get_mut(person as usize) {
                if let Some(slot) = of.get_mut(*place as usize) {
                    *slot = number;
                }
                *place += 1;
            }
        }
        ByPerson { starts, of }
    }

    pub(super) fn get(&self, person: u32) -> &[u32] {
        let at = |place: usize| self.starts.get(place).map(|start| *start as usize);
        let range = at(person as usize).zip(at((person as usize).saturating_add(1)));
        range.and_then(|(from, to)| self.of.get(from..to)).unwrap_or_default()
    }

    /// Everybody who has any, in the order of people.
    pub(super) fn all(&self) -> impl Iterator<Item = (u32, &[u32])> {
        (0..number(self.starts.len().saturating_sub(1)))
            .map(|person| (person, self.get(person)))
            .filter(|(_, of)| !of.is_empty())
    }
}

/// One destination's books while they are made.
pub(super) struct Ledger<'b, 'a> {
    pub(super) book: &'b Book<'a>,
    pub(super) destination: &'b Destination,
    pub(super) events: &'b [u32],
    pub(super) records: Records<'a>,
    pub(super) view: View,
    /// The clock that its records' times were read by.
    pub(super) clock: Clock,
    pub(super) slack: Slack,
    pub(super) per_person: bool,
    pub(super) per_from: &'static str,
    pub(super) weighed: inference::Weighed,
    pub(super) grace: i64,
    pub(super) delays: Vec<i64>,
    pub(super) from: Option<i64>,
    pub(super) until: Option<i64>,
    /// For each routed lead that a record accounts for, that record.
    pub(super) answers: PlHashMap<u32, Answer>,
    /// Records that deliver an event again which has its own, though they pair with another one in time.
    pub(super) again: PlHashMap<u32, u32>,
    /// In a person destination: events of people who had no earlier record.
    pub(super) first_contacts: PlHashMap<u32, bool>,
    /// In a person destination: events of people whom it may know by a record that the export does not reach back to.
    pub(super) known_out_of_sight: PlHashSet<u32>,
    /// The marketplace records that are no first delivery.
    pub(super) roles: Vec<Role>,
    pub(super) first_deliveries: usize,
    pub(super) keys_unknown: bool,
}

impl<'b, 'a> Ledger<'b, 'a> {
    pub(super) fn new(
        book: &'b Book<'a>,
        records: Records<'a>,
        destination: &'b Destination,
        events: &'b [u32],
        view: View,
        clock: Clock,
    ) -> Self {
        Ledger {
            book,
            destination,
            events,
            records,
            view,
            clock,
            slack: Slack::default(),
            per_person: false,
            per_from: "configured",
            weighed: inference::Weighed { people: 0, single: 0, for_person: 0.0 },
            grace: 0,
            delays: Vec::new(),
            from: view.from,
            until: None,
            answers: PlHashMap::default(),
            again: PlHashMap::default(),
            first_contacts: PlHashMap::default(),
            known_out_of_sight: PlHashSet::default(),
            roles: Vec::new(),
            first_deliveries: 0,
            keys_unknown: false,
        }
    }

    /// The clock by which its records follow their leads.
    pub(super) fn recognise_clock(&self) -> Clock {
        clock::recognise(&self.lone_pairs(), self.destination.timezone.unwrap_or(chrono_tz::UTC))
    }

    /// Finds how early its records may be, and whether it keeps one for each person.
    pub(super) fn measure(&mut self) {
        self.until = self.view.until.map(|until| until.min(self.view.as_of_ends_at));
        self.slack = Slack { early: self.early(), ..self.day_slack() };
        self.weigh();
    }

    pub(super) fn settle(&mut self) -> Result<()> {
        self.measure();
        self.refuse_contradiction()?;
        self.answer()?;
        let claims = unclaimed::claims(self);
        if !claims.is_empty() {
            for claim in claims {
                let Some(record) = self.records.all.get_mut(claim.record as usize) else { continue };
                (record.person, record.matched_by, record.match_weight) = (claim.person, claim.matched_by, None);
            }
            self.answers.clear();
            self.first_contacts.clear();
            self.answer()?;
        }
        if self.per_person {
            self.known_out_of_sight = self.known_out_of_sight();
        }
        self.name_roles();
        Ok(())
    }

    fn answer(&mut self) -> Result<()> {
        if self.per_person { self.look_up_people() } else { self.pair_leads() }
    }

    pub(super) fn event(&self, number: u32) -> Option<&'b Event> {
        self.book.events.get(number as usize)
    }

    pub(super) fn lead(&self, row: u32) -> Option<&'b Lead<'a>> {
        self.book.leads.get(row as usize)
    }

    /// The contact fields that a record shows.
    pub(super) fn contact(&self, record: u32) -> [Option<&str>; 7] {
        self.records.contact(record as usize)
    }

    pub(super) fn received(&self, event: &Event) -> i64 {
        self.book.first(event).map_or(0, |lead| lead.received)
    }

    pub(super) fn is_genuine(&self, event: &Event) -> bool {
        self.book.first(event).is_some_and(|lead| lead.kind == kind::GENUINE)
    }

    /// Events by person, in the order of the book.
    pub(super) fn events_by_person(&self) -> ByPerson {
        let events = || self.events.iter().filter_map(|number| Some((self.event(*number)?.person, *number)));
        ByPerson::new(self.book.person_ids.len(), events)
    }

    fn records_by_person(&self) -> ByPerson {
        let delivering = |record: &&Record<'_>| record.delivers.can() && !record.is_test;
        let rows = || self.records.all.iter().zip(0..).filter(move |(record, _)| delivering(record));
        ByPerson::new(self.book.person_ids.len(), || rows().map(|(record, row)| (record.person, row)))
    }

    /// Event and record of people with one of each, in the order of the events: these pairs need no pairing.
    fn lone(&self) -> Vec<(&'b Event, &Record<'a>)> {
        let events = self.events_by_person();
        let records = self.records_by_person();
        let mut pairs = Vec::new();
        for number in self.events {
            let Some(event) = self.event(*number) else { continue };
            if events.get(event.person).len() != 1 || event.leads.len() != 1 {
                continue;
            }
            let [row] = records.get(event.person) else { continue };
            let Some(record) = self.records.all.get(*row as usize) else { continue };
            if pairing::evidence(event, record.action, record.offer).is_some() {
                pairs.push((event, record));
            }
        }
        pairs
    }

    /// Times of record and lead, where the record tells more than a day.
    fn lone_pairs(&self) -> Vec<(i64, i64)> {
        self.lone()
            .into_iter()
            .filter_map(|(event, record)| {
                let span = record.span.filter(|span| span.width < DAY)?;
                Some((span.start, self.received(event)))
            })
            .collect()
    }

    /// Whether this export's clock is ever early, as seen from pairs that need no pairing.
    fn early(&self) -> i64 {
        let pairs = self.lone_pairs();
        let delays = || pairs.iter().map(|(record, lead)| record - lead).filter(|d| d.abs() < DAY);
        let (all, early) = (delays().count(), delays().filter(|delay| *delay < 0).count());
        if all >= inference::FEWEST_DELAYS && early * 200 < all { TEN_MINUTES } else { 0 }
    }

    /// A day without hours may be a day of another zone: how much earlier than its lead such a record may end.
    fn day_slack(&self) -> Slack {
        let mut early: Vec<i64> = Vec::new();
        let mut days = 0usize;
        for (event, record) in self.lone() {
            let Some(span) = record.span.filter(|span| span.width >= DAY) else { continue };
            let delay = span.delay(self.received(event));
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
            return Slack { day: (most + HOUR).min(14 * HOUR), ..Slack::default() };
        }
        Slack::default()
    }

    /// Decides between a record per lead and a record per person.
    fn weigh(&mut self) {
        let records = self.records_by_person();
        let oldest = self.records.all.iter().filter_map(|r| r.span).map(|span| span.start).min().unwrap_or(i64::MAX);
        let newest = self.until.unwrap_or(i64::MIN).saturating_sub(2 * DAY);
        let mut repeats = inference::Repeats::default();
        for (person, events) in self.events_by_person().all() {
            let in_sight = |number: &&u32| {
                self.event(**number).is_some_and(|event| {
                    let received = self.received(event);
                    self.is_genuine(event) && received >= oldest - TEN_MINUTES && received <= newest
                })
            };
            let events: Vec<u32> = events.iter().filter(in_sight).copied().collect();
            // Such a CRM merges on the address: only people who always gave the same one tell.
            let address = |number: &u32| {
                let lead = self.event(*number).and_then(|event| self.book.first(event))?;
                lead.email.and_then(contact::normalised_email)
            };
            let first = events.first().and_then(address);
            if first.is_none() || events.iter().any(|number| address(number) != first) {
                continue;
            }
            let of_person = records.get(person);
            let has_address = |row: &&u32| self.records.all.get(**row as usize).is_some_and(|r| r.email == first);
            let (events, found) = (events.len(), of_person.iter().filter(has_address).count());
            match (events, found) {
                (0, _) => {}
                (1, found) => {
                    repeats.once.0 += 1;
                    repeats.once.1 += usize::from(found > 0);
                }
                (_, 0) => {}
                (events, found) => repeats.several.push((events, found == 1)),
            }
        }
        self.weighed = inference::weigh(&repeats);
        self.per_person = match self.destination.records_per {
            RecordsPer::Lead => false,
            RecordsPer::Person => true,
            RecordsPer::Auto => {
                self.per_from = if self.weighed.for_person.abs() >= 3.0 { "inferred" } else { "kind" };
                inference::keeps_a_record_per_person(self.weighed, self.destination.kind)
            }
        };
    }

    /// Refuses a configured `records_per` that the export contradicts.
    fn refuse_contradiction(&self) -> Result<()> {
        let is_set = self.destination.records_per != RecordsPer::Auto;
        if !is_set || !inference::contradicts(self.weighed, self.per_person) {
            return Ok(());
        }
        let (set, shown) = if self.per_person { ("person", "lead") } else { ("lead", "person") };
        Err(Error::usage(format!("records_per = \"{set}\" is contradicted by the export"))
            .at(format!("destination \"{}\"", self.destination.name))
            .because(format!(
                "of {} with several leads, {} one record only",
                count(self.weighed.people, "person", "people"),
                count(self.weighed.single, "has", "have"),
            ))
            .hint(format!("set records_per = \"{shown}\", or leave it out to have it inferred")))
    }

    /// Grace as configured, or as these delays tell it.
    pub(super) fn grace_by(&self, delays: &[(i64, i64)]) -> i64 {
        match self.destination.grace {
            Grace::Fixed(fixed) => fixed.num_microseconds().unwrap_or(i64::MAX / 4),
            Grace::Auto => inference::grace(&delays.iter().map(|(_, delay)| *delay).collect::<Vec<_>>()),
        }
    }

    /// Takes grace from the delays seen, or checks the configured one against them.
    pub(super) fn set_grace(&mut self, mut delays: Vec<(i64, i64)>) -> Result<()> {
        delays.sort_unstable();
        self.grace = self.grace_by(&delays);
        self.delays = delays.into_iter().map(|(_, delay)| delay).collect();
        if self.destination.grace == Grace::Auto {
            return Ok(());
        }
        let usual = inference::without_backlogs(&self.delays);
        let slower = usual.iter().filter(|delay| **delay > self.grace).count();
        // A twentieth: by then leads that are on their way are called missed every night.
        if usual.len() >= inference::FEWEST_DELAYS && slower * 20 > usual.len() {
            return Err(Error::usage("grace is contradicted by the export")
                .at(format!("destination \"{}\"", self.destination.name))
                .because(format!(
                    "{slower} of {} delivered leads took longer than {} s",
                    usual.len(),
                    self.grace / SECOND
                ))
                .hint(format!(
                    "set grace = \"{}h\" or more, or leave it out to have it taken from the delays",
                    inference::grace(&self.delays) / HOUR + 1
                )));
        }
        Ok(())
    }

    /// Says of every marketplace record what it is.
    fn name_roles(&mut self) {
        let mut used: PlHashMap<u32, bool> = PlHashMap::default();
        for (lead, answer) in &self.answers {
            let is_dnc = self.lead(*lead).is_some_and(|lead| lead.kind == kind::DO_NOT_CONTACT);
            used.entry(answer.record).and_modify(|dnc| *dnc = *dnc && is_dnc).or_insert(is_dnc);
        }
        let events = self.events_by_person();
        let mut event_of_email: PlHashMap<String, u32> = PlHashMap::default();
        if self.per_person {
            for number in self.events {
                let Some(event) = self.event(*number) else { continue };
                for lead in event.leads.iter().filter_map(|row| self.lead(*row)) {
                    if let Some(email) = lead.email.and_then(contact::normalised_email) {
                        event_of_email.entry(email).or_insert(*number);
                    }
                }
            }
        }
        let mut key_events: PlHashMap<String, u32> = PlHashMap::default();
        if self.records.all.iter().any(|record| record.key.is_some()) {
            for number in self.events {
                for row in self.event(*number).map_or(&[][..], |event| &event.leads) {
                    let Some(lead) = self.lead(*row) else { continue };
                    for form in pairing::key_forms(lead.id, lead.source_key) {
                        key_events.entry(form).or_insert(*number);
                    }
                }
            }
        }
        let mut roles = Vec::new();
        let mut first = 0;
        for (row, record) in self.records.all.iter().enumerate() {
            let row = number(row);
            let again = self.again.get(&row).copied();
            let (why, event) = match used.get(&row) {
                _ if record.is_test && record.delivers.can() => (unexplained::TEST_LEAD, None),
                Some(true) => (unexplained::DO_NOT_CONTACT, None),
                Some(false) if !record.delivers.can() => continue,
                Some(false) => {
                    first += 1;
                    continue;
                }
                None if !(record.marketplace && record.delivers.can()) && again.is_none() => continue,
                None if record.is_dnc => (unexplained::DO_NOT_CONTACT, None),
                None => {
                    let by_key = record.key.and_then(|key| key_events.get(&key.to_lowercase()).copied());
                    let by_email = record.email.as_deref().and_then(|email| event_of_email.get(email).copied());
                    let of_person = events.get(record.person);
                    let nearest = || {
                        let could = |event: &Event| pairing::could_answer(self.book, event, record, self.slack);
                        let of_person = of_person.iter().filter_map(|number| Some((*number, self.event(*number)?)));
                        of_person
                            .filter(|(_, event)| self.per_person || could(event))
                            .min_by_key(|(number, event)| {
                                let delay = record.span.map(|span| span.delay(self.received(event)).abs());
                                (delay, *number)
                            })
                            .map(|(number, _)| number)
                    };
                    let event = again.or(by_key).or(by_email).or_else(nearest);
                    let why = match event {
                        Some(event) if self.kind_of(event) == kind::DO_NOT_CONTACT => unexplained::DO_NOT_CONTACT,
                        Some(_) => unexplained::FURTHER_DELIVERY,
                        None if !record.offer_known => unexplained::UNKNOWN_OFFER,
                        None => unexplained::NO_LEAD,
                    };
                    (why, event)
                }
            };
            roles.push(Role { record: row, why, event });
        }
        self.first_deliveries = first;
        self.roles = roles;
    }

    fn kind_of(&self, event: u32) -> &str {
        self.event(event).and_then(|event| self.book.first(event)).map_or(kind::GENUINE, |lead| lead.kind)
    }

    /// Tells the verdict of every routed lead, by row of the book.
    pub(super) fn each_outcome(&self, mut tell: impl FnMut(u32, &Outcome<'a>)) {
        for number in self.events {
            let Some(event) = self.event(*number) else { continue };
            for (place, row) in event.leads.iter().enumerate() {
                let Some(lead) = self.lead(*row) else { continue };
                let answer = self.answers.get(row).copied();
                let excluded = excluded_kind(lead.kind).or((place > 0).then_some(reason::REPEAT_DELIVERY));
                let mut outcome = match (excluded, answer) {
                    (Some(reason), _) => Outcome::excluded(reason),
                    (None, Some(answer)) => self.matched(*number, lead, answer),
                    (None, None) => self.unmatched(*number, lead),
                };
                if let Some((answer, record)) = answer.and_then(|a| Some((a, self.records.all.get(a.record as usize)?)))
                {
                    outcome.record = Some(answer.record);
                    outcome.match_weight = record.match_weight;
                    outcome.matched_by = match answer.evidence {
                        Evidence::Key => Some(link::KEY),
                        _ => record.matched_by,
                    };
                    outcome.delay = record.span.map(|span| span.start - lead.received);
                }
                tell(*row, &outcome);
            }
        }
    }

    fn matched(&self, number: u32, lead: &Lead<'_>, answer: Answer) -> Outcome<'a> {
        let record = self.records.all.get(answer.record as usize);
        let reason = match record {
            _ if !answer.delivered => reason::PERSON_KNOWN,
            Some(record) if record.converted => reason::CONVERTED,
            Some(record) if record.gone => reason::GONE_SINCE,
            _ => reason::DELIVERED,
        };
        let delay = record.and_then(|record| record.span).map(|span| span.delay(lead.received));
        let trial = !self.per_person || self.first_contacts.contains_key(&number);
        Outcome {
            late: trial && delay.is_some_and(|delay| delay > self.grace),
            trial,
            ..Outcome::without_record(verdict::MATCHED, reason)
        }
    }

    fn unmatched(&self, number: u32, lead: &Lead<'_>) -> Outcome<'a> {
        let is_before = self.from.is_some_and(|from| lead.received < from);
        let (verdict, reason) = if is_before || self.known_out_of_sight.contains(&number) {
            (verdict::EXCLUDED, reason::OUT_OF_SIGHT)
        } else {
            match self.until {
                Some(until) if self.view.readable && lead.received > until => {
                    (verdict::PENDING, reason::AFTER_LAST_RECORD)
                }
                Some(until) if self.view.readable && lead.received > until.saturating_sub(self.grace) => {
                    (verdict::PENDING, reason::GRACE)
                }
                Some(_) if self.view.readable => (verdict::MISSED, reason::ISOLATED),
                _ => (verdict::PENDING, reason::NO_EXPORT),
            }
        };
        let trial = verdict != verdict::EXCLUDED && (!self.per_person || self.first_contacts.contains_key(&number));
        Outcome { trial, ..Outcome::without_record(verdict, reason) }
    }

    pub(super) fn inferred(&self) -> Inferred {
        let instant = |at: Option<i64>| at.and_then(DateTime::from_timestamp_micros);
        let mut delays = self.delays.clone();
        delays.sort_unstable();
        let roles = |wanted: &[&str]| self.roles.iter().filter(|role| wanted.contains(&role.why)).count();
        Inferred {
            destination: self.destination.name.clone(),
            records_per: if self.per_person { "person" } else { "lead" },
            records_per_from: self.per_from,
            people_with_several_leads: self.weighed.people,
            people_with_one_record: self.weighed.single,
            grace_seconds: self.grace / SECOND,
            grace_from: match self.destination.grace {
                Grace::Fixed(_) => "configured",
                Grace::Auto if self.delays.len() >= inference::FEWEST_DELAYS => "delays",
                Grace::Auto => "default",
            },
            delays: delays.len(),
            median_delay_seconds: delays.get(delays.len() / 2).map(|delay| delay / SECOND),
            zone: (self.clock != Clock::AsRead).then(|| self.clock.name()),
            shows_lead_source: self.records.shows_lead_source,
            from: instant(self.from),
            until: instant(self.until),
            first_deliveries: self.first_deliveries,
            further_deliveries: roles(&[unexplained::FURTHER_DELIVERY]),
            should_not_be_there: roles(&[unexplained::TEST_LEAD, unexplained::DO_NOT_CONTACT]),
            unexplained: roles(&[unexplained::NO_LEAD, unexplained::UNKNOWN_OFFER]),
        }
    }

    pub(super) fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut tell = |level, code, text: String, count: usize| {
            if count > 0 {
                let count = i64::try_from(count).unwrap_or(i64::MAX);
                findings.push(Finding { level, code, destination: self.destination.name.clone(), text, count });
            }
        };
        let of = |wanted: &str| self.roles.iter().filter(|role| role.why == wanted).count();
        tell(
            level::LIST,
            finding::FORWARDED,
            "test leads were forwarded and stand in the CRM".to_owned(),
            of(unexplained::TEST_LEAD),
        );
        tell(
            level::MAIL,
            finding::FORWARDED,
            "do-not-contact leads were forwarded and stand in the CRM".to_owned(),
            of(unexplained::DO_NOT_CONTACT),
        );
        tell(
            level::MAIL,
            finding::UNEXPLAINED,
            "marketplace records that no lead accounts for: their raw leads never reached a source".to_owned(),
            of(unexplained::NO_LEAD),
        );
        tell(
            level::LIST,
            finding::UNEXPLAINED,
            "marketplace records of offers that only the CRM knows".to_owned(),
            of(unexplained::UNKNOWN_OFFER),
        );
        if self.clock != Clock::AsRead {
            let text = format!(
                "the export's times are of {}: set timezone for this destination; they were read so tonight",
                self.clock.name()
            );
            tell(level::MAIL, finding::CLOCK_SHIFT, text, 1);
        }
        if let Some((text, others)) = origin::usual(self) {
            let text = format!(
                "its records show no marketplace lead source, but nearly all that follow their lead say \"{text}\": name \
                 the column and this text in delivered_by, so that a record of another origin hides no lost lead"
            );
            tell(level::LIST, finding::SETTING_DOUBTFUL, text, others);
        }
        if self.keys_unknown {
            let text = "most values of the column that `key` names belong to no lead: is it the right column?";
            tell(level::MAIL, finding::SETTING_DOUBTFUL, text.to_owned(), 1);
        }
        findings
    }
}
