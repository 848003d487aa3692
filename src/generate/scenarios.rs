//! The usual plans: the demo, a publisher of any size, and one difficulty at a time for evaluations.
//!
//! A scenario is a clean publisher with one thing changed, so that a result can be blamed on it.

use chrono::{Days, NaiveDate};
use rand::Rng;

use super::people::dice;
use super::plan::{
    Burst, Cause, Condition, DAY, Destination, Field, HOUR, Mess, OfferText, Outage, Plan, Sales, Scope, Times, Traps,
    Trouble, View,
};
use crate::config::DestinationKind;

/// Name and meaning of every scenario, as `leadrecon generate --scenario` takes them.
pub const SCENARIOS: &[(&str, &str)] = &[
    ("publisher", "everything switched on, three CRMs"),
    ("year", "everything, over a year with 24 nights: for a report with a past"),
    ("people", "leads only, no CRM: for the identity model"),
    ("evaluation", "three CRMs, three nights, one rotating difficulty a seed"),
    ("clean", "two CRMs, nothing lost"),
    ("clean-year", "one CRM, a year, five leads a day, one in fifty lost for no reason"),
    ("outage", "one total outage in the middle"),
    ("ongoing", "a total outage that goes on: the export ends inside it"),
    ("partial", "an outage that takes four of five"),
    ("part", "an outage of one offer and one of one action"),
    ("late-import", "an outage whose leads are typed in two days later"),
    ("burst", "bursts over a cap"),
    ("window", "the export shows the last 45 days"),
    ("one-owner", "the export shows one owner's records"),
    ("open-only", "the export lacks converted, merged and deleted records"),
    ("minutes", "times without seconds"),
    ("date-only", "times without hours"),
    ("wrong-zone", "times five hours behind, without saying so"),
    ("title-only", "records name the offer by its title"),
    ("no-source", "records do not show the marketplace lead source"),
    ("key", "records hold the RowKey of the raw lead"),
    ("edits", "sales correct every third record"),
    ("merges", "every eighth record is merged"),
    ("deletions", "every twelfth record is deleted"),
    ("doubled", "one record in six comes twice, minutes or days apart"),
    ("webinar", "marketing imports the people of lost leads within hours"),
    ("slow", "one lead in twelve waits up to a day"),
    ("required-empty", "leads without a country are refused"),
    ("wrong-destination", "one offer goes nowhere"),
    ("pick-list", "leads from Brazil are refused"),
    ("over-long", "long descriptions are refused"),
    ("non-ascii", "last names outside ASCII are refused"),
    ("known", "a second lead of a known person is refused as a duplicate, one in two"),
    ("minute", "leads of the first two minutes of an hour are lost"),
    ("weekday", "leads of a Wednesday are lost, half of them"),
    ("missing", "on the last night there is no export"),
    ("shrunk", "on the last night all records of one owner are gone"),
    ("cut-off", "on the last night the newest records are gone"),
    ("modified", "the export shows what was changed in the last 20 days"),
    ("without-closed", "the export lacks disqualified, won and lost records"),
    ("source-changed", "from the middle on records name a source of somebody's own"),
    ("key-of-place", "the key column holds the raw lead's place in a folder"),
    ("by-contact", "what was converted is shown by its contact alone, without the lead"),
    ("half-translated", "half of the headers are of another language"),
    ("movers", "one person in twenty moves to another firm within the hour"),
];

impl Plan {
    /// What `leadrecon demo` writes: three months, two CRMs, three outages, every kind of mess. Its nights tell a story: an
    /// outage that goes on, is over and is made good; one that sales work through; one that nobody has noticed yet.
    pub fn demo() -> Plan {
        let mut plan = Plan::clean(20_260_630, 900, day(2026, 4, 1), 91);
        plan.nights = [(5, 14), (5, 21), (6, 24), (6, 30)].map(|(m, d)| day(2026, m, d)).to_vec();
        plan.worked = 6;
        plan.mess = Mess { typo: 0.09, ..Mess::default() };
        plan.traps = Traps {
            namesakes: 0.02,
            role_mailbox: 0.02,
            family: 0.015,
            reseller: 0.006,
            junk: 0.012,
            internal: 0.015,
            broken: 0.012,
            ..Traps::default()
        };
        plan.raw.blobs = 0.1;
        plan.raw.copied = 0.03;
        plan.extras = true;
        let at = |month, day_of_month, hour: i64, minute: i64| {
            Plan::midnight(day(2026, month, day_of_month)) + hour * HOUR + minute * 60
        };
        for destination in &mut plan.destinations {
            destination.forwarder.lost = 0.004;
        }
        if let Some(salesforce) = plan.destinations.get_mut(0) {
            salesforce.outages.push(Outage {
                imported_after: Some(4 * DAY),
                ..outage(Scope::All, at(5, 12, 14, 5), Some(at(5, 15, 9, 20)))
            });
            salesforce.outages.push(outage(Scope::All, at(6, 22, 17, 30), Some(at(6, 25, 7, 45))));
            salesforce.causes.push(Cause { condition: Condition::Longer(Field::Description, 255), share: 1.0 });
        }
        if let Some(hubspot) = plan.destinations.get_mut(1) {
            hubspot.offers = vec![0, 1, 2, 4];
            hubspot.outages.push(outage(Scope::Offer(1), at(6, 15, 8, 0), None));
        }
        plan
    }

    /// What `leadrecon generate` writes: any size, everything switched on.
    pub fn publisher(leads: u64, seed: u64) -> Plan {
        Plan::publisher_of(leads, seed, (leads / 40).clamp(60, 730))
    }

    /// A year of a publisher, looked at every four weeks, then every week, then every night: for a report with a past.
    fn year(leads: u64, seed: u64) -> Plan {
        let mut plan = Plan::publisher_of(leads, seed, 365);
        let last = plan.begin + Days::new(364);
        let before = (4..=11).rev().map(|n| n * 28).chain((1..=13).rev().map(|n| n * 7)).chain([2, 1, 0]);
        plan.nights = before.map(|days| last - Days::new(days)).collect();
        plan.worked = 24;
        plan
    }

    fn publisher_of(leads: u64, seed: u64, days: u64) -> Plan {
        let mut plan = Plan::clean(seed, leads, first_day(), days);
        plan.raw.all_shapes = leads <= 300_000;
        plan.extras = true;
        plan.destinations.push(Destination::new(DestinationKind::Dynamics));
        plan.add_outages();
        if let Some(first) = plan.destinations.get_mut(0) {
            first.causes.push(Cause { condition: Condition::Longer(Field::Description, 255), share: 1.0 });
        }
        plan.add_burst(0.92);
        plan
    }

    /// Three outages for each destination: total, of one offer, and one of an action that is not total and whose leads
    /// are typed in later.
    fn add_outages(&mut self) {
        let mut rng = dice(self.seed, 100, 0);
        let (start, end) = (self.start(), self.end());
        let spacing = (end - start) / self.leads.max(1) as i64;
        for (index, destination) in self.destinations.iter_mut().enumerate() {
            destination.forwarder.lost = 0.004;
            let scopes = [Scope::All, Scope::Offer(index % 3), Scope::Action("PLT")];
            for (number, scope) in scopes.into_iter().enumerate() {
                // Long enough to hold a dozen leads of the whole destination, and several of a part of it.
                let length = (spacing * if number == 0 { 14 } else { 50 }).max(3 * HOUR);
                let begin = start + (end - start) * (2 + 3 * number as i64) / 12 + rng.random_range(0..2 * DAY);
                destination.outages.push(Outage {
                    share: if number == 2 { 0.85 } else { 1.0 },
                    imported_after: (number == 2).then_some(2 * DAY),
                    ..outage(scope, begin, Some(begin + length))
                });
            }
        }
    }

    /// A burst at this part of the time, over a cap at the last destination.
    fn add_burst(&mut self, part: f64) {
        let at = self.start() + ((self.end() - self.start()) as f64 * part) as i64;
        self.bursts.push(Burst { at: at / DAY * DAY + 10 * HOUR, people: 40, within: 12 * 60 });
        if let Some(last) = self.destinations.last_mut()
            && !last.causes.iter().any(|c| matches!(c.condition, Condition::Rank(_)))
        {
            last.causes.push(Cause { condition: Condition::Rank(25), share: 1.0 });
        }
    }

    /// One publisher of the evaluation of verdicts and outages: three CRMs, three nights in a row, one difficulty more
    /// for each seed.
    pub fn evaluation(seed: u64) -> Plan {
        use DestinationKind::{Csv, Dynamics, Hubspot, Marketo, Salesforce};
        let mut plan = Plan::clean(seed, 6000, day(2025, 1, 1), 150);
        let kinds = match seed % 4 {
            0 => [Salesforce, Hubspot, Dynamics],
            1 => [Salesforce, Marketo, Csv],
            2 => [Dynamics, Hubspot, Csv],
            _ => [Salesforce, Csv, Dynamics],
        };
        plan.destinations = kinds.into_iter().map(Destination::new).collect();
        plan.add_outages();
        plan.add_burst(0.92);
        let last = plan.begin + Days::new(149);
        plan.nights = vec![last - Days::new(2), last - Days::new(1), last];
        let end = plan.end();
        let mut rng = dice(seed, 101, 0);
        let begin = end - DAY - rng.random_range(2 * HOUR..20 * HOUR);
        if let Some(third) = plan.destinations.get_mut(2) {
            third.outages.push(outage(Scope::All, begin, None));
        }
        let difficulties = [
            "window", "open-only", "minutes", "date-only", "wrong-zone", "title-only", "edits", "merges", "deletions",
            "doubled", "webinar", "slow", "required-empty", "wrong-destination", "pick-list", "over-long", "non-ascii",
            "minute", "key", "no-source",
        ];
        let difficulty = difficulties.get(seed as usize % difficulties.len()).copied().unwrap_or("edits");
        plan.make_difficult(difficulty);
        plan
    }

    /// Troubles that exports really have, one for each seed: a small publisher, one CRM, four nights, an outage in the
    /// middle, few leads lost for no reason.
    pub const TROUBLES: [&str; 13] = [
        "missing", "shrunk", "cut-off", "modified", "one-owner", "open-only", "without-closed", "source-changed",
        "key-of-place", "half-translated", "movers", "window", "by-contact",
    ];

    /// A publisher with a trouble, by its name.
    pub fn troubled(name: &str, seed: u64) -> Plan {
        use DestinationKind::{Csv, Dynamics, Hubspot, Marketo, Salesforce};
        let mut plan = Plan::clean(seed, 2000, day(2025, 1, 1), 60);
        let kinds = [Salesforce, Dynamics, Csv, Hubspot, Marketo];
        // What only Salesforce's export has in the generator.
        let is_salesforce = matches!(name, "key-of-place" | "half-translated" | "by-contact");
        let kind = if is_salesforce { kinds[0] } else { kinds[seed as usize / Self::TROUBLES.len() % kinds.len()] };
        plan.destinations = vec![Destination::new(kind)];
        let last = plan.begin + Days::new(59);
        plan.nights = (0..4).rev().map(|before| last - Days::new(before)).collect();
        let middle = (plan.start() + plan.end()) / 2;
        for crm in &mut plan.destinations {
            crm.forwarder.lost = 0.004;
            crm.outages.push(outage(Scope::All, middle, Some(middle + DAY)));
        }
        plan.make_difficult(name);
        plan
    }

    /// A scenario by name.
    pub fn scenario(name: &str, leads: u64, seed: u64) -> Option<Plan> {
        let days = (leads / 40).clamp(60, 730);
        let base = || Plan::clean(seed, leads, first_day(), days);
        match name {
            "publisher" => Some(Plan::publisher(leads, seed)),
            "year" => Some(Plan::year(leads, seed)),
            "evaluation" => Some(Plan::evaluation(seed)),
            "people" => Some(Plan { destinations: Vec::new(), ..base() }),
            "clean" => Some(base()),
            "clean-year" => {
                let mut plan = Plan::clean(seed, 1825, day(2025, 1, 1), 365);
                plan.destinations.truncate(1);
                plan.destinations.iter_mut().for_each(|d| d.forwarder.lost = 0.02);
                Some(plan)
            }
            _ if SCENARIOS.iter().any(|(known, _)| *known == name) => {
                let mut plan = base();
                plan.destinations.truncate(1);
                plan.destinations.iter_mut().for_each(|d| d.forwarder.lost = 0.02);
                plan.make_difficult(name);
                Some(plan)
            }
            _ => None,
        }
    }

    /// Adds one difficulty; to the first destination where it is one of a CRM.
    fn make_difficult(&mut self, name: &str) {
        let (start, end) = (self.start(), self.end());
        let at = |part: f64| start + ((end - start) as f64 * part) as i64;
        let spacing = (end - start) / self.leads.max(1) as i64;
        if name == "burst" {
            for part in [0.2, 0.5, 0.8] {
                self.add_burst(part);
            }
        }
        let Some(crm) = self.destinations.first_mut() else { return };
        let cause = |condition, share| Cause { condition, share };
        match name {
            "outage" => crm.outages.push(outage(Scope::All, at(0.5), Some(at(0.5) + 20 * spacing))),
            "ongoing" => crm.outages.push(outage(Scope::All, end - 20 * spacing, None)),
            "partial" => {
                crm.outages.push(Outage { share: 0.8, ..outage(Scope::All, at(0.5), Some(at(0.5) + 30 * spacing)) })
            }
            "part" => {
                crm.outages.push(outage(Scope::Offer(0), at(0.3), Some(at(0.3) + 60 * spacing)));
                crm.outages.push(outage(Scope::Action("PLT"), at(0.7), Some(at(0.7) + 60 * spacing)));
            }
            "late-import" => crm.outages.push(Outage {
                imported_after: Some(2 * DAY),
                ..outage(Scope::All, at(0.5), Some(at(0.5) + 20 * spacing))
            }),
            "window" => crm.view.window_days = Some(45),
            "one-owner" => crm.view.one_owner = true,
            "open-only" => crm.view = View { converted: false, deleted: false, opportunities: false, ..crm.view },
            "minutes" => crm.view.times = Times::Minutes,
            "date-only" => crm.view.times = Times::Days,
            "wrong-zone" => crm.view.shifted_hours = -5,
            "title-only" => crm.view.offer = OfferText::Title,
            "no-source" => crm.view.lead_source = false,
            "key" => crm.view.key = true,
            "edits" => crm.sales.edited = 0.33,
            "merges" => crm.sales = Sales { merged: 0.12, converted: 0.05, ..crm.sales },
            "deletions" => crm.sales.deleted = 0.08,
            "doubled" => (crm.forwarder.doubled_minutes, crm.forwarder.doubled_days) = (0.1, 0.08),
            "webinar" => (crm.sales.other_channel, crm.sales.other_channel_of_lost) = (0.08, 0.7),
            "slow" => (crm.forwarder.queued, crm.forwarder.queue) = (0.08, DAY),
            "required-empty" => crm.causes.push(cause(Condition::Empty(Field::Country), 1.0)),
            "wrong-destination" => crm.causes.push(cause(Condition::Offer(4), 1.0)),
            "pick-list" => crm.causes.push(cause(Condition::Country("BR"), 1.0)),
            "over-long" => crm.causes.push(cause(Condition::Longer(Field::Description, 255), 1.0)),
            "non-ascii" => crm.causes.push(cause(Condition::NonAscii(Field::LastName), 0.9)),
            "known" => crm.causes.push(cause(Condition::Known, 0.5)),
            "minute" => crm.causes.push(cause(Condition::Minutes(0, 1), 1.0)),
            "missing" => crm.view.trouble = Some(Trouble::Missing),
            "shrunk" => crm.view.trouble = Some(Trouble::Shrunk),
            "cut-off" => crm.view.trouble = Some(Trouble::CutOff),
            "modified" => crm.view.trouble = Some(Trouble::Modified(20)),
            "without-closed" => crm.view.trouble = Some(Trouble::WithoutClosed),
            "source-changed" => crm.view.trouble = Some(Trouble::SourceChanged),
            "key-of-place" => (crm.view.key, crm.view.trouble) = (true, Some(Trouble::KeyOfPlace)),
            "half-translated" => crm.view.trouble = Some(Trouble::HalfTranslated),
            "by-contact" => crm.view.trouble = Some(Trouble::ByContact),
            "movers" => crm.sales.moved = 0.05,
            "weekday" => crm.causes.push(cause(Condition::Weekday(2), 0.5)),
            _ => {}
        }
    }
}

fn outage(scope: Scope, begin: i64, end: Option<i64>) -> Outage {
    Outage { scope, begin, end, share: 1.0, imported_after: None }
}

/// First day of publishers of any size: the two years of the largest end before this program was written, so that each of
/// their nights has begun.
fn first_day() -> NaiveDate {
    day(2024, 10, 30)
}

fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_in_the_list_is_one() {
        for (name, _) in SCENARIOS {
            assert!(Plan::scenario(name, 1000, 1).is_some(), "{name}");
        }
        assert!(Plan::scenario("nonsense", 1000, 1).is_none());
    }

    #[test]
    fn every_night_is_one_that_has_begun() {
        let plans = SCENARIOS.iter().filter_map(|(name, _)| Plan::scenario(name, 1_000_000, 1));
        for plan in plans.chain([Plan::demo()]) {
            assert!(plan.nights.iter().all(|night| *night < day(2026, 11, 1)), "{:?}", plan.nights);
        }
    }
}
