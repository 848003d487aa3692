//! What became of each lead at one CRM: forwarded, delayed, doubled, lost; and what sales did with the record since.
//!
//! A record is its first state and a list of changes with their times, so that any night's export can be taken from it.

use std::collections::HashMap;

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::journeys::{Arrivals, Lead};
use super::people::{World, any, dice};
use super::plan::{Condition, DAY, Destination, Field, HOUR, Mess, Plan, Scope};
use super::raw::Stored;
use super::typed::{Form, Role, form};
use crate::codes::{action, kind};

/// What happened to one lead at one destination.
#[derive(Clone, Debug)]
pub struct Fate {
    /// Index of the lead in its group.
    pub lead: usize,
    /// `delivered`, `late`, `repeat`, `lost`, `not-sent`
    pub outcome: &'static str,
    /// Index into the records of the group.
    pub record: Option<usize>,
    /// Index into the destination's outages.
    pub outage: Option<usize>,
    /// Index into the destination's causes.
    pub cause: Option<usize>,
    /// Whether the destination holds any record of the person or address.
    pub known: bool,
    /// Whether it held one before the lead came.
    pub known_before: bool,
}

/// One CRM record.
#[derive(Clone, Debug)]
pub struct Record {
    /// Number within the destination, from 1.
    pub serial: u64,
    /// Index of the lead that made it.
    pub lead: Option<usize>,
    /// The true person.
    pub person: Option<u64>,
    /// `delivery`, `further`, `other-channel`, `stranger`, `unexplained`
    pub origin: &'static str,
    /// When the CRM made it.
    pub created: i64,
    /// Contact fields as delivered.
    pub form: Form,
    /// Storefront, action and offer of the lead source; none for other channels.
    pub source: Option<(&'static str, &'static str, Option<usize>)>,
    /// Lead source text of other channels and test leads.
    pub source_text: String,
    /// Notes.
    pub description: String,
    /// RowKey of the raw lead.
    pub row_key: String,
    /// Owner number.
    pub owner: usize,
    /// Whether the person opted out of mail.
    pub opted_out: bool,
    /// What happened since, with times, not in order.
    pub changes: Vec<(i64, Change)>,
}

/// Something that happens to a record.
#[derive(Clone, Debug)]
pub enum Change {
    /// Sales took it up.
    Working,
    /// Disqualified.
    Disqualified,
    /// Converted.
    Converted,
    /// The opportunity was won or lost.
    Closed(bool),
    /// Fields were corrected.
    Edited(Form),
    /// A later lead of the same address.
    Updated(Form, (&'static str, &'static str, Option<usize>)),
    /// Merged into the record of this number.
    Merged(u64),
    /// Deleted.
    Deleted,
}

/// Number of owners among whom records are shared out.
pub const OWNERS: usize = 5;

/// The simulation of one destination.
#[derive(Debug)]
pub struct Simulation<'a> {
    plan: &'a Plan,
    /// What it simulates.
    pub destination: &'a Destination,
    world: &'a World,
    rng: ChaCha8Rng,
    serial: u64,
    strangers: u64,
    /// Events lost by each outage: number, first and last time.
    pub lost_in: Vec<(u64, i64, i64)>,
    /// Events lost by each cause, and events delivered although it applies.
    pub lost_by: Vec<(u64, u64)>,
    /// For each cause with a daily cap, when each day's was reached.
    full_from: Vec<FullFrom>,
}

/// Day since 1970 to the time of the last lead that its cap let through.
type FullFrom = HashMap<i64, i64>;

impl<'a> Simulation<'a> {
    /// An empty CRM.
    pub fn new(plan: &'a Plan, index: usize, destination: &'a Destination, world: &'a World) -> Self {
        Simulation {
            plan,
            destination,
            world,
            rng: dice(plan.seed, 30 + index as u64, 0),
            serial: 0,
            strangers: index as u64 * 1_000_003,
            lost_in: vec![(0, i64::MAX, i64::MIN); destination.outages.len()],
            lost_by: vec![(0, 0); destination.causes.len()],
            full_from: full_from(plan, destination, world),
        }
    }

    /// Carries a group of leads, ordered by time, to the destination.
    pub fn carry(&mut self, leads: &[Lead], stored: &[Stored]) -> (Vec<Fate>, Vec<Record>) {
        let mut fates = Vec::new();
        let mut records: Vec<Record> = Vec::new();
        let mut done: Vec<u64> = Vec::new();
        for (at, lead) in leads.iter().enumerate() {
            let routed = self.destination.offers.is_empty()
                || lead.offer.is_some_and(|offer| self.destination.offers.contains(&offer));
            if !routed || done.contains(&lead.event) {
                continue;
            }
            done.push(lead.event);
            let rows: Vec<(usize, &Lead)> =
                leads.iter().enumerate().skip(at).filter(|(_, l)| l.event == lead.event).collect();
            self.event(&rows, stored, &mut fates, &mut records);
        }
        for _ in 0..leads.len() {
            self.others(leads, &mut records);
        }
        for fate in &mut fates {
            let Some(lead) = leads.get(fate.lead) else { continue };
            let address = address(&lead.form.email);
            let mut of_person = records.iter().filter(|r| {
                (lead.person.is_some() && r.person == lead.person)
                    || (!address.is_empty() && self::address(&r.form.email) == address)
            });
            fate.known_before = of_person.clone().any(|r| r.created < lead.at);
            fate.known = of_person.next().is_some();
        }
        (fates, records)
    }

    /// One act of a customer, in one or more rows.
    fn event(&mut self, rows: &[(usize, &Lead)], stored: &[Stored], fates: &mut Vec<Fate>, records: &mut Vec<Record>) {
        let Some((_, first)) = rows.first().copied() else { return };
        let forwarder = self.destination.forwarder;
        let sent = match first.kind {
            kind::TEST => self.rng.random_bool(forwarder.tests),
            kind::DO_NOT_CONTACT => self.rng.random_bool(forwarder.do_not_contact),
            kind::WITHHELD => false,
            _ => true,
        };
        let (in_outage, by_cause, alone): (f64, f64, f64) = (self.rng.random(), self.rng.random(), self.rng.random());
        let outage_of = |lead: &Lead| {
            self.destination.outages.iter().position(|outage| {
                let inside = lead.at >= outage.begin && outage.end.is_none_or(|end| lead.at < end);
                let part = match outage.scope {
                    Scope::All => true,
                    Scope::Offer(offer) => lead.offer == Some(offer),
                    Scope::Action(code) => lead.action == code,
                };
                inside && part && in_outage < outage.share
            })
        };
        let outages: Vec<Option<usize>> = rows.iter().map(|(_, lead)| outage_of(lead)).collect();
        let applies: Vec<usize> = (0..self.destination.causes.len())
            .filter(|c| {
                let full_from = self.full_from.get(*c);
                self.destination.causes.get(*c).is_some_and(|cause| applies(cause.condition, first, records, full_from))
            })
            .collect();
        let cause = applies
            .iter()
            .copied()
            .find(|c| self.destination.causes.get(*c).is_some_and(|cause| by_cause < cause.share));
        let isolated = alone < forwarder.lost;
        let all_in_outage = outages.iter().all(Option::is_some);
        let outage = if all_in_outage { outages.first().copied().flatten() } else { None };
        let import =
            outage.and_then(|o| self.destination.outages.get(o)).and_then(|o| Some(o.end? + o.imported_after?));
        let lost = sent && (all_in_outage || cause.is_some() || isolated);
        if lost && first.kind != kind::TEST && first.kind != kind::DO_NOT_CONTACT {
            if let (Some(outage), Some(tally)) = (outage, outage.and_then(|o| self.lost_in.get_mut(o))) {
                let _ = outage;
                *tally = (tally.0 + 1, tally.1.min(first.at), tally.2.max(first.at));
            } else if let Some(tally) = cause.and_then(|c| self.lost_by.get_mut(c)) {
                tally.0 += 1;
            }
        } else if sent {
            for c in &applies {
                if let Some(tally) = self.lost_by.get_mut(*c) {
                    tally.1 += 1;
                }
            }
        }
        let mut delivered: Option<usize> = None;
        for ((row, lead), in_outage) in rows.iter().zip(&outages) {
            let mut fate = Fate {
                lead: *row,
                outcome: "not-sent",
                record: None,
                outage: None,
                cause: None,
                known: false,
                known_before: false,
            };
            if !sent {
                fates.push(fate);
                continue;
            }
            if lost || (in_outage.is_some() && !all_in_outage) {
                (fate.outcome, fate.outage, fate.cause) = ("lost", *in_outage, cause.filter(|_| in_outage.is_none()));
                if let Some(imported) = import {
                    // Only the first of several rows is typed in by hand.
                    let at = imported + self.rng.random_range(0..60);
                    fate.outcome = if delivered.is_some() { "repeat" } else { "late" };
                    delivered = delivered.or_else(|| Some(self.put(*row, lead, stored, at, records)));
                    fate.record = delivered;
                }
            } else if let Some(record) = delivered.filter(|_| forwarder.merges_repeats) {
                (fate.outcome, fate.record) = ("repeat", Some(record));
            } else {
                let at = self.arrival(lead.at);
                let record = self.put(*row, lead, stored, at, records);
                (fate.outcome, fate.record) = ("delivered", Some(record));
                delivered = delivered.or(Some(record));
            }
            fates.push(fate);
        }
        self.other_channel(first, lost && import.is_none(), records);
    }

    /// When a lead of this time arrives: soon, or after a queue; never inside a total outage.
    fn arrival(&mut self, at: i64) -> i64 {
        let forwarder = self.destination.forwarder;
        let (u, v): (f64, f64) = (self.rng.random::<f64>().max(1e-12), self.rng.random());
        let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
        let mut delay = (forwarder.delay * (0.7 * normal).exp()) as i64;
        if self.rng.random_bool(forwarder.queued) && forwarder.queue > 0 {
            delay += self.rng.random_range(0..forwarder.queue);
        }
        let arrives = at + delay.clamp(2, 3 * DAY);
        let down = self.destination.outages.iter().filter(|o| o.scope == Scope::All && o.share >= 1.0 && o.begin > at);
        down.fold(arrives, |arrives, outage| arrives.min(outage.begin - 1)).max(at + 1)
    }

    /// Makes or updates the record of a lead; the index of the record.
    fn put(&mut self, row: usize, lead: &Lead, stored: &[Stored], at: i64, records: &mut Vec<Record>) -> usize {
        let source = (lead.storefront, lead.action, lead.offer);
        if self.destination.per_person
            && let Some(index) = by_address(records, &lead.form.email)
            && let Some(record) = records.get_mut(index)
        {
            if at < record.created {
                record.created = at;
            }
            record.changes.push((at, Change::Updated(lead.form.clone(), source)));
            return index;
        }
        let mut record = self.record(at, lead.form.clone(), "delivery");
        record.lead = Some(row);
        record.person = lead.person;
        record.description = lead.description.trim().to_owned();
        record.row_key = stored.get(row).map(|s| s.row_key.clone()).unwrap_or_default();
        if lead.trap == "test-lead" {
            let offer = lead.offer.map_or("", |o| super::journeys::title(o, lead.at, self.plan));
            record.source_text = format!("{0}-{0}|{offer}", lead.form.first);
        } else {
            record.source = Some(source);
        }
        self.life(lead, &mut record, records);
        let doubled = if self.destination.per_person {
            None
        } else if self.rng.random_bool(self.destination.forwarder.doubled_minutes) {
            Some(self.rng.random_range(60..9 * 60))
        } else {
            let days = self.rng.random_bool(self.destination.forwarder.doubled_days);
            days.then(|| self.rng.random_range(DAY..6 * DAY))
        };
        records.push(record.clone());
        let index = records.len() - 1;
        if let Some(after) = doubled {
            self.serial += 1;
            records.push(Record {
                serial: self.serial,
                origin: "further",
                created: at + after,
                changes: Vec::new(),
                ..record
            });
        }
        index
    }

    fn record(&mut self, created: i64, form: Form, origin: &'static str) -> Record {
        self.serial += 1;
        Record {
            serial: self.serial,
            lead: None,
            person: None,
            origin,
            created,
            form,
            source: None,
            source_text: String::new(),
            description: String::new(),
            row_key: String::new(),
            owner: self.rng.random_range(0..OWNERS),
            opted_out: self.rng.random_bool(self.destination.sales.opted_out),
            changes: Vec::new(),
        }
    }

    /// What sales will do with a new record.
    fn life(&mut self, lead: &Lead, record: &mut Record, earlier: &[Record]) {
        let sales = self.destination.sales;
        let rng = &mut self.rng;
        let from = record.created;
        let mut clock = from + rng.random_range(HOUR / 2..3 * DAY);
        if rng.random_bool(0.8) {
            record.changes.push((clock, Change::Working));
        }
        if rng.random_bool(sales.edited) {
            let mut edited = record.form.clone();
            match rng.random_range(0..4) {
                0 => {
                    edited.email =
                        format!("{}@{}", address(&edited.email).split('@').next().unwrap_or("x"), "newmail.example")
                }
                1 => edited.company = format!("{} Holding", edited.company),
                2 => edited.phone = rng.random_range(100_000_000u64..999_999_999).to_string(),
                _ => edited.last = edited.last.to_uppercase(),
            }
            record.changes.push((from + rng.random_range(HOUR..10 * DAY), Change::Edited(edited)));
        }
        if sales.moved > 0.0 && rng.random_bool(sales.moved) {
            let mut moved = record.form.clone();
            moved.email = format!(
                "{}@moved.example",
                address(&moved.email).split('@').next().unwrap_or("x").len() + 17 * from as usize % 9973
            );
            moved.company = "Their New Firm".to_owned();
            moved.phone = rng.random_range(100_000_000u64..999_999_999).to_string();
            record.changes.push((from + rng.random_range(1..HOUR), Change::Edited(moved)));
        }
        clock += rng.random_range(HOUR..20 * DAY);
        let roll: f64 = rng.random();
        if roll < sales.converted {
            record.changes.push((clock, Change::Converted));
            let won = rng.random_bool(sales.won);
            record.changes.push((clock + rng.random_range(DAY..30 * DAY), Change::Closed(won)));
        } else if roll < sales.converted + sales.disqualified {
            record.changes.push((clock, Change::Disqualified));
        } else if roll < sales.converted + sales.disqualified + sales.merged {
            let survivor = earlier.iter().find(|r| {
                r.person.is_some()
                    && r.person == lead.person
                    && !r.changes.iter().any(|(_, c)| matches!(c, Change::Merged(_) | Change::Deleted))
            });
            if let Some(survivor) = survivor {
                record.changes.push((clock.max(survivor.created + HOUR), Change::Merged(survivor.serial)));
            }
        } else if roll < sales.converted + sales.disqualified + sales.merged + sales.deleted {
            record.changes.push((clock, Change::Deleted));
        }
    }

    /// Marketing meets the same person elsewhere, within hours.
    fn other_channel(&mut self, lead: &Lead, lost: bool, records: &mut Vec<Record>) {
        let sales = self.destination.sales;
        let rate = if lost { sales.other_channel_of_lost } else { sales.other_channel };
        if lead.kind != kind::GENUINE || !self.rng.random_bool(rate) {
            return;
        }
        let at = lead.at + self.rng.random_range(-2 * HOUR..8 * HOUR);
        if self.destination.per_person && by_address(records, &lead.form.email).is_some() {
            return;
        }
        let mut record = self.record(at, lead.form.clone(), "other-channel");
        record.person = lead.person;
        record.source_text = any(&mut self.rng, &["Webinar", "Webinar", "Trade Show", "Web", "Partner"]).to_owned();
        records.push(record);
    }

    /// Records that no lead of ours made: other channels, and now and then a marketplace one.
    fn others(&mut self, leads: &[Lead], records: &mut Vec<Record>) {
        let sales = self.destination.sales;
        let stranger = self.rng.random_bool(sales.strangers);
        let unexplained = self.rng.random_bool(sales.unexplained);
        for (wanted, origin) in [(stranger, "stranger"), (unexplained, "unexplained")] {
            let Some(lead) = leads.choose(&mut self.rng).filter(|_| wanted) else { continue };
            self.strangers += 1;
            let person = self.world.stranger(self.strangers);
            let typed = form(self.world, &person, Role::Work, &Mess::none(), &mut self.rng);
            let apart = self.rng.random_range(-DAY..DAY);
            let at = self.free_time(lead.at + apart, origin);
            let mut record = self.record(at, typed, origin);
            if origin == "stranger" {
                let texts =
                    ["Web", "Webinar", "Employee Referral", "Trade Show", "SFDC-IN|Contoso", "SFDC-dup-XX|Contoso"];
                record.source_text = any(&mut self.rng, &texts).to_owned();
            } else {
                record.source = Some(("AzureMarketplace", action::INS, lead.offer));
            }
            records.push(record);
        }
    }

    /// A CRM that takes no marketplace leads takes none whatsoever; other channels go on.
    fn free_time(&self, at: i64, origin: &str) -> i64 {
        let at = at.max(self.plan.start());
        let down = |at: i64| {
            self.destination
                .outages
                .iter()
                .find(|o| o.scope == Scope::All && at >= o.begin && o.end.is_none_or(|end| at < end))
        };
        match down(at) {
            Some(outage) if origin == "unexplained" => outage.begin - 1,
            _ => at,
        }
    }
}

/// When each day's cap was reached, for each cause. A cap counts all that is forwarded, whoever sent it, so everybody has
/// to be seen before anything is carried: all arrive once more for it, in the same order.
fn full_from(plan: &Plan, destination: &Destination, world: &World) -> Vec<FullFrom> {
    let caps: Vec<Option<usize>> = destination.causes.iter().map(|cause| cause.condition.daily_cap()).collect();
    if caps.iter().all(Option::is_none) {
        return vec![FullFrom::new(); caps.len()];
    }
    let mut arrivals = Arrivals::new(world, plan);
    let mut days: HashMap<i64, Vec<i64>> = HashMap::new();
    let mut leads = 0;
    while leads < plan.leads {
        let group = arrivals.group(plan.time_of(leads));
        for lead in group.iter().take((plan.leads - leads) as usize) {
            let is_routed =
                destination.offers.is_empty() || lead.offer.is_some_and(|o| destination.offers.contains(&o));
            if is_routed && !matches!(lead.kind, kind::TEST | kind::WITHHELD | kind::DO_NOT_CONTACT) {
                days.entry(lead.at.div_euclid(DAY)).or_default().push(lead.at);
            }
        }
        leads += group.len() as u64;
    }
    days.values_mut().for_each(|times| times.sort_unstable());
    let full = |cap: usize| {
        days.iter().filter_map(|(day, times)| Some((*day, *times.get(cap.checked_sub(1)?)?))).collect::<FullFrom>()
    };
    caps.into_iter().map(|cap| cap.map(full).unwrap_or_default()).collect()
}

/// Whether a cause could take this lead.
fn applies(condition: Condition, lead: &Lead, records: &[Record], full_from: Option<&FullFrom>) -> bool {
    let time = lead.at.rem_euclid(DAY);
    match condition {
        Condition::Empty(field) => text(lead, field).trim().is_empty(),
        Condition::Offer(offer) => lead.offer == Some(offer),
        Condition::Country(code) => lead.form.country.eq_ignore_ascii_case(code),
        Condition::Longer(field, limit) => text(lead, field).chars().count() > limit,
        Condition::NonAscii(field) => !text(lead, field).is_ascii(),
        Condition::Known => {
            lead.person.is_some() && records.iter().any(|r| r.person == lead.person && r.created < lead.at)
        }
        Condition::Minutes(from, to) => (i64::from(from)..=i64::from(to)).contains(&(time % HOUR / 60)),
        Condition::Weekday(day) => (lead.at.div_euclid(DAY) + 3).rem_euclid(7) == i64::from(day),
        Condition::Rank(cap) => lead.rank > cap,
        Condition::DailyCap(_) => {
            full_from.and_then(|days| days.get(&lead.at.div_euclid(DAY))).is_some_and(|full| lead.at > *full)
        }
        Condition::Both(both) => both.iter().all(|one| applies(*one, lead, records, full_from)),
    }
}

fn text(lead: &Lead, field: Field) -> &str {
    match field {
        Field::FirstName => &lead.form.first,
        Field::LastName => &lead.form.last,
        Field::Phone => &lead.form.phone,
        Field::Company => &lead.form.company,
        Field::Title => &lead.form.title,
        Field::Country => &lead.form.country,
        Field::Description => &lead.description,
    }
}

fn by_address(records: &[Record], email: &str) -> Option<usize> {
    let wanted = address(email);
    if wanted.is_empty() { None } else { records.iter().position(|r| address(&r.form.email) == wanted) }
}

/// What a CRM merges on.
fn address(email: &str) -> String {
    email.trim().to_lowercase()
}
