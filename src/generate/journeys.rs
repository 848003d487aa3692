//! Who comes when: people on their way through the funnel, and everybody else who fills in a form.
//!
//! Arrivals come in groups that share something (a person's journey, a family, a switchboard, a burst); a group is made
//! whole and forgotten, so that ten million leads need no more memory than one. Leaves shapes to `raw` and fate to
//! `delivery`.

use chrono::{DateTime, Datelike, Timelike};
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::people::{Person, Phone, World, any, dice};
use super::plan::{DAY, HOUR, Mess, Plan};
use super::typed::{Form, Role, form, mistyped, write_phone};
use crate::codes::{action, kind};

/// One raw lead before it is stored.
#[derive(Clone, Debug)]
pub struct Lead {
    /// When the marketplace raised it.
    pub at: i64,
    /// The true person; none for test and withheld leads.
    pub person: Option<u64>,
    /// One of `codes::kind`.
    pub kind: &'static str,
    /// Storefront as written; empty if the lead names none.
    pub storefront: &'static str,
    /// Action as written; empty if the lead names none.
    pub action: &'static str,
    /// Which offer, if any.
    pub offer: Option<usize>,
    /// What was typed.
    pub form: Form,
    /// Notes, parameters of the link, or nothing.
    pub description: String,
    /// Number of the act it tells of; a double click is one act.
    pub event: u64,
    /// What makes it hard, for reading the results by kind of difficulty.
    pub trap: &'static str,
    /// Place within a burst, from 1; 0 outside.
    pub rank: usize,
}

/// One thing that is sold.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    /// `publisher.offer`
    pub id: &'static str,
    /// Its title, and the title it had in the first half.
    pub titles: [&'static str; 2],
}

/// The catalogue.
pub const OFFERS: [Offer; 6] = [
    Offer { id: "contoso.data-mesh-pro", titles: ["Data Mesh Pro", "Data Mesh for Azure"] },
    Offer { id: "contoso.firewall-r77-10sg-byol", titles: ["Contoso Firewall R77.10 (BYOL)"; 2] },
    Offer { id: "contoso.3701c77e-1cfa-4c56-91e6-3ed0b622145a", titles: ["Contoso Sign for Dynamics 365"; 2] },
    Offer { id: "contoso-labs.notebook_server", titles: ["Notebook Server - JupyterHub ready"; 2] },
    Offer { id: "contoso.insight-for-retail", titles: ["Insight for Retail | Contoso"; 2] },
    Offer { id: "contoso.pos-connector", titles: ["POS Connector"; 2] },
];

/// Mail domain of the publisher's own staff.
pub const OUR_DOMAIN: &str = "contoso.com";

/// The stream of groups of arrivals.
#[derive(Debug)]
pub struct Arrivals<'a> {
    world: &'a World,
    plan: &'a Plan,
    people: u64,
    events: u64,
    groups: u64,
    bursts: usize,
}

impl<'a> Arrivals<'a> {
    /// Nobody has come yet.
    pub fn new(world: &'a World, plan: &'a Plan) -> Self {
        Arrivals { world, plan, people: 0, events: 0, groups: 0, bursts: 0 }
    }

    /// The next group, whose first lead comes at about `from`; leads in order of time, none after the end of the data.
    pub fn group(&mut self, from: i64) -> Vec<Lead> {
        let mut rng = dice(self.plan.seed, 10, self.groups);
        self.groups += 1;
        if let Some(burst) = self.plan.bursts.get(self.bursts).copied().filter(|b| b.at <= from) {
            self.bursts += 1;
            return self.burst(burst.at, burst.people, burst.within, &mut rng);
        }
        let at = self.office_hour(from, &mut rng);
        let t = &self.plan.traps;
        let kinds: [(f64, Maker<'a>); 10] = [
            (t.namesakes, Self::namesakes),
            (t.switchboard, Self::switchboard),
            (t.role_mailbox, Self::role_mailbox),
            (t.family, Self::family),
            (t.reseller, Self::reseller),
            (t.junk, Self::junk),
            (t.test_lead, Self::test_lead),
            (t.withheld, Self::withheld),
            (t.internal, Self::internal),
            (t.add_in, Self::add_in),
        ];
        let mut roll: f64 = rng.random();
        let mut maker: Maker<'a> = Self::one_person;
        for (share, special) in kinds {
            if roll < share {
                maker = special;
                break;
            }
            roll -= share;
        }
        let mut leads = maker(self, at, &mut rng);
        // Leads after the last as-of day are part of the books too: half a night of them.
        let end = self.plan.end() + DAY / 4;
        leads.retain(|lead| lead.at < end);
        leads.sort_by_key(|lead| lead.at);
        leads
    }

    /// How many people have come.
    pub fn people(&self) -> u64 {
        self.people
    }

    fn meet(&mut self) -> Person {
        self.people += 1;
        self.world.person(self.people - 1)
    }

    fn event(&mut self) -> u64 {
        self.events += 1;
        self.events
    }

    fn one_person(&mut self, at: i64, rng: &mut ChaCha8Rng) -> Vec<Lead> {
        let person = self.meet();
        self.journey(&person, at, "", rng, &|_, _| {})
    }

    /// One person's way through one or two offers.
    fn journey(
        &mut self,
        person: &Person,
        at: i64,
        trap: &'static str,
        rng: &mut ChaCha8Rng,
        adjust: &dyn Fn(&mut Form, &mut ChaCha8Rng),
    ) -> Vec<Lead> {
        let mut leads = Vec::new();
        let mut clock = at;
        for _ in 0..=u8::from(rng.random_bool(0.12)) {
            let offer = self.an_offer(rng);
            let mut stages: Vec<(&str, &str)> = Vec::new();
            if rng.random_bool(0.22) {
                stages.push((any(rng, &["TestDrive", "TestDrive", "AzureMarketplace"]), action::START_TEST_DRIVE));
            }
            if rng.random_bool(0.62) {
                stages.push((
                    any(rng, &["AzureMarketplace", "AzureMarketplace", "SPZA", "AppSource (SPZA)"]),
                    action::INS,
                ));
            }
            if rng.random_bool(0.4) {
                stages.push((any(rng, &["SPZA", "SPZA", "AppSource"]), action::PLT));
            }
            if rng.random_bool(0.2) || stages.is_empty() {
                stages.push(("AzurePortal", action::CREATE));
            }
            for (storefront, code) in stages {
                if !leads.is_empty() {
                    clock = self.later(clock, rng);
                }
                let home = if code == action::START_TEST_DRIVE { 0.45 } else { self.plan.mess.other_address };
                let mut typed = self.fill(person, home, rng);
                adjust(&mut typed, rng);
                let (storefront, code) = self.words(storefront, code, rng);
                self.act(&mut leads, person.id, clock, (storefront, code, offer), typed, trap, rng);
            }
        }
        leads
    }

    /// The words of an act: now and then some that nobody has documented, or a notice of a cross-listed partner.
    fn words(
        &self,
        storefront: &'static str,
        code: &'static str,
        rng: &mut ChaCha8Rng,
    ) -> (&'static str, &'static str) {
        if rng.random_bool(self.plan.traps.do_not_contact) {
            ("SPZA", action::DNC)
        } else if rng.random_bool(self.plan.traps.unknown_words) {
            (
                any(rng, &["MicrosoftMarketplace", "AzureMarketplace"]),
                any(rng, &["Subscribe", "FreeTrial", "PrivateOffer"]),
            )
        } else {
            (storefront, code)
        }
    }

    /// Adds the lead or leads of one act: a double click and a lead written twice are one act.
    #[expect(clippy::too_many_arguments, reason = "an act is all of this, and only this module acts")]
    fn act(
        &mut self,
        leads: &mut Vec<Lead>,
        person: u64,
        at: i64,
        (storefront, code, offer): (&'static str, &'static str, usize),
        typed: Form,
        trap: &'static str,
        rng: &mut ChaCha8Rng,
    ) {
        let lead = Lead {
            at,
            person: Some(person),
            kind: if code == action::DNC { kind::DO_NOT_CONTACT } else { kind::GENUINE },
            storefront,
            action: code,
            offer: Some(offer),
            description: self.description(code, rng),
            form: typed,
            event: self.event(),
            trap,
            rank: 0,
        };
        let mess: &Mess = &self.plan.mess;
        let again = if rng.random_bool(mess.written_twice) {
            Some(rng.random_range(1..40))
        } else {
            rng.random_bool(mess.double_click).then(|| rng.random_range(15..8 * 60))
        };
        leads.push(lead.clone());
        if let Some(seconds) = again {
            leads.push(Lead { at: at + seconds, ..lead.clone() });
        }
        // A slip noticed at once and sent again with the right address: another act, for the fields differ.
        if rng.random_bool(mess.typo / 8.0) && lead.form.email.len() > 5 {
            let wrong = mistyped(&lead.form.email, rng);
            if let Some(first) = leads.iter_mut().rev().find(|l| l.event == lead.event && again.is_none()) {
                first.form.email = wrong;
                let event = self.event();
                leads.push(Lead { at: at + rng.random_range(60..400), event, ..lead });
            }
        }
    }

    fn fill(&self, person: &Person, home: f64, rng: &mut ChaCha8Rng) -> Form {
        let role = if rng.random_bool(home) && self.plan.mess.other_address > 0.0 { Role::Home } else { Role::Work };
        form(self.world, person, role, &self.plan.mess, rng)
    }

    fn an_offer(&self, rng: &mut ChaCha8Rng) -> usize {
        let offers = self.plan.offers.clamp(1, OFFERS.len());
        let u: f64 = rng.random();
        ((u.powf(1.4) * offers as f64) as usize).min(offers - 1)
    }

    fn namesakes(&mut self, at: i64, rng: &mut ChaCha8Rng) -> Vec<Lead> {
        let one = self.meet();
        let mut other = self.meet();
        (other.first, other.last, other.maiden) = (one.first.clone(), one.last.clone(), None);
        // Her own address at her own firm; the private one has a number of its own.
        other.work_email = at_domain(&one.work_email, &other.company.domain);
        let mut leads = self.journey(&one, at, "namesake", rng, &|_, _| {});
        let from = self.later(at, rng);
        leads.extend(self.journey(&other, from, "namesake", rng, &|_, _| {}));
        leads
    }

    fn colleagues(&mut self, count: usize) -> Vec<Person> {
        let first = self.meet();
        let mut all = vec![first.clone()];
        for number in 1..count {
            let mut next = self.meet();
            next.company = first.company.clone();
            next.country = first.country;
            let local = next.work_email.split('@').next().unwrap_or_default().to_owned();
            let taken = all.iter().any(|p| p.work_email.split('@').next() == Some(local.as_str()));
            next.work_email = match taken {
                true => format!("{local}{number}@{}", first.company.domain),
                false => format!("{local}@{}", first.company.domain),
            };
            all.push(next);
        }
        all
    }

    fn switchboard(&mut self, at: i64, rng: &mut ChaCha8Rng) -> Vec<Lead> {
        let count = rng.random_range(2..5);
        self.together(at, count, "switchboard", rng, |colleagues| {
            let number = colleagues.first().map(|p| p.company.switchboard.clone()).unwrap_or_default();
            (number, None)
        })
    }

    fn role_mailbox(&mut self, at: i64, rng: &mut ChaCha8Rng) -> Vec<Lead> {
        let count = rng.random_range(2..4);
        let role = any(rng, &["info", "sales", "it", "office", "admin", "contact"]);
        self.together(at, count, "role-mailbox", rng, |colleagues| {
            let company = colleagues.first().map(|p| p.company.clone());
            let domain = company.as_ref().map(|c| c.domain.clone()).unwrap_or_default();
            (company.map(|c| c.switchboard).unwrap_or_default(), Some(format!("{role}@{domain}")))
        })
    }

    /// Several colleagues who share a number, and an address if there is one.
    fn together(
        &mut self,
        at: i64,
        count: usize,
        trap: &'static str,
        rng: &mut ChaCha8Rng,
        shared: impl Fn(&[Person]) -> (Phone, Option<String>),
    ) -> Vec<Lead> {
        let colleagues = self.colleagues(count);
        let (number, address) = shared(&colleagues);
        let mut leads = Vec::new();
        let mut from = at;
        for person in &colleagues {
            leads.extend(self.journey(person, from, trap, rng, &|form, rng| {
                form.phone = write_phone(&number, rng);
                if let Some(address) = &address {
                    form.email = address.clone();
                }
            }));
            from = self.later(from, rng);
        }
        leads
    }

    fn family(&mut self, at: i64, rng: &mut ChaCha8Rng) -> Vec<Lead> {
        let one = self.meet();
        let mut other = self.meet();
        // Who had the same first name too could not be told apart by anybody.
        while other.first == one.first {
            other = self.meet();
        }
        (other.last, other.country, other.maiden) = (one.last.clone(), one.country, None);
        let shared = (one.private_email.clone(), one.mobile.clone());
        let mut leads = Vec::new();
        let mut from = at;
        for person in [&one, &other] {
            leads.extend(self.journey(person, from, "family", rng, &|form, rng| {
                form.email = shared.0.clone();
                form.phone = write_phone(&shared.1, rng);
                form.company.clear();
            }));
            from = self.later(from, rng);
        }
        leads
    }

    fn reseller(&mut self, at: i64, rng: &mut ChaCha8Rng) -> Vec<Lead> {
        let reseller = self.meet();
        let own_address = rng.random_bool(0.6);
        let mut leads = Vec::new();
        let mut from = at;
        for _ in 0..rng.random_range(3..8) {
            let customer = self.meet();
            let mut typed = form(self.world, &customer, Role::Work, &self.plan.mess, rng);
            typed.phone = write_phone(&reseller.mobile, rng);
            if own_address {
                typed.email = reseller.work_email.clone();
            }
            if typed.company.is_empty() {
                typed.company = customer.company.name.clone();
            }
            let offer = self.an_offer(rng);
            let words = (any(rng, &["AzureMarketplace", "SPZA"]), action::INS, offer);
            self.act(&mut leads, customer.id, from, words, typed, "reseller", rng);
            from = self.later(from, rng);
        }
        leads
    }

    fn junk(&mut self, at: i64, rng: &mut ChaCha8Rng) -> Vec<Lead> {
        let person = self.meet();
        let word = any(rng, &["test", "Test", "asdf", "n/a", "x", "-"]);
        let typed = Form {
            first: word.to_owned(),
            last: any(rng, &[word, "test", "n/a"]).to_owned(),
            email: any(rng, &["test@test.com", "a@a.com", "n/a", &person.private_email, &person.private_email])
                .to_owned(),
            phone: any(rng, &["1234567890", "0000000000", "n/a", "123"]).to_owned(),
            company: any(rng, &["n/a", "test", "none", "-", ""]).to_owned(),
            title: any(rng, &["", "n/a", "test"]).to_owned(),
            country: self.world.country(&person).iso2.to_owned(),
        };
        let mut leads = Vec::new();
        let offer = self.an_offer(rng);
        self.act(&mut leads, person.id, at, ("AzureMarketplace", action::INS, offer), typed, "junk", rng);
        leads
    }

    fn test_lead(&mut self, at: i64, rng: &mut ChaCha8Rng) -> Vec<Lead> {
        let offer = self.an_offer(rng);
        (0..rng.random_range(1..3))
            .map(|number| {
                let at = at + number * 30;
                // .NET ticks: 100 ns since the year 1.
                let token =
                    format!("MSFT_TEST_{}", (at + 62_135_596_800) * 10_000_000 + rng.random_range(0..10_000_000));
                Lead {
                    at,
                    person: None,
                    kind: kind::TEST,
                    storefront: "AzureMarketplace",
                    action: action::INS,
                    offer: Some(offer),
                    form: Form {
                        first: token.clone(),
                        last: token.clone(),
                        email: format!("{token}@test.com"),
                        phone: "1234567890".to_owned(),
                        company: token.clone(),
                        title: token.clone(),
                        country: "US".to_owned(),
                    },
                    description: token,
                    event: self.event(),
                    trap: "test-lead",
                    rank: 0,
                }
            })
            .collect()
    }

    fn withheld(&mut self, at: i64, rng: &mut ChaCha8Rng) -> Vec<Lead> {
        let typed = Form { country: any(rng, &["US", "US", "", "GB"]).to_owned(), ..Form::default() };
        let offer = self.an_offer(rng);
        vec![Lead {
            at,
            person: None,
            kind: kind::WITHHELD,
            storefront: "AzureMarketplace",
            action: action::INS,
            offer: Some(offer),
            form: typed,
            description: " ".to_owned(),
            event: self.event(),
            trap: "withheld",
            rank: 0,
        }]
    }

    fn internal(&mut self, at: i64, rng: &mut ChaCha8Rng) -> Vec<Lead> {
        let mut person = self.meet();
        let local = format!("{}{}", person.work_email.split('@').next().unwrap_or("staff"), person.id);
        person.work_email = format!("{local}@{OUR_DOMAIN}");
        person.private_email = person.work_email.clone();
        person.company.full_name = "Contoso Ltd".to_owned();
        person.company.name = "Contoso".to_owned();
        let address = person.work_email.clone();
        let mut leads = self.journey(&person, at, "internal", rng, &|form, _| form.email = address.clone());
        for lead in leads.iter_mut().filter(|l| l.kind == kind::GENUINE) {
            lead.kind = kind::INTERNAL;
            // A slip must not carry our own staff to another domain.
            lead.form.email = address.clone();
        }
        leads
    }

    fn add_in(&mut self, at: i64, rng: &mut ChaCha8Rng) -> Vec<Lead> {
        let person = self.meet();
        let full = form(self.world, &person, Role::Work, &Mess::none(), rng);
        vec![Lead {
            at,
            person: Some(person.id),
            kind: kind::GENUINE,
            storefront: "",
            action: "",
            offer: None,
            form: Form { first: full.first, last: full.last, email: full.email, ..Form::default() },
            description: String::new(),
            event: self.event(),
            trap: "add-in",
            rank: 0,
        }]
    }

    fn burst(&mut self, at: i64, people: usize, within: i64, rng: &mut ChaCha8Rng) -> Vec<Lead> {
        (0..people)
            .map(|number| {
                let person = self.meet();
                let at = at + within * number as i64 / people.max(1) as i64;
                Lead {
                    at,
                    person: Some(person.id),
                    kind: kind::GENUINE,
                    storefront: "AzureMarketplace",
                    action: action::INS,
                    offer: Some(0),
                    form: form(self.world, &person, Role::Work, &self.plan.mess, rng),
                    description: "Campaigns: DM-WEBINAR".to_owned(),
                    event: self.event(),
                    trap: "burst",
                    rank: if within <= HOUR { number + 1 } else { 0 },
                }
            })
            .collect()
    }

    fn description(&self, code: &str, rng: &mut ChaCha8Rng) -> String {
        let campaign = any(rng, &self.world.campaigns);
        let note = any(rng, &self.world.notes).replace("{we}", "We");
        match rng.random_range(0..100) {
            0..=39 => " ".to_owned(),
            40..=49 => "Campaigns: ".to_owned(),
            50..=59 => format!("Campaigns: {campaign}"),
            60..=71 => {
                format!(r#"{{"mktcmpid":"{campaign}","utm_source":"{}"}}"#, any(rng, &["linkedin", "google", "mail"]))
            }
            72..=75 => [note.as_str(); 8]
                .join(" ")
                .chars()
                .chain(" Our situation in detail follows. ".repeat(6).chars())
                .collect(),
            76..=85 if code == action::PLT => note,
            _ => String::new(),
        }
    }

    /// The next act of the same people: hours to weeks later.
    fn later(&self, at: i64, rng: &mut ChaCha8Rng) -> i64 {
        let (u, v): (f64, f64) = (rng.random::<f64>().max(1e-12), rng.random());
        let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
        let gap = (50.0 * HOUR as f64 * (1.3 * normal).exp()) as i64;
        let next = self.office_hour(at + gap.clamp(HOUR, 60 * DAY), rng);
        next.max(at + HOUR)
    }

    /// About this time, but rather in working hours and rather not at a weekend; never within a planned burst.
    fn office_hour(&self, at: i64, rng: &mut ChaCha8Rng) -> i64 {
        const WEIGHTS: [u32; 24] = [1, 1, 1, 1, 1, 2, 4, 7, 9, 10, 10, 9, 8, 9, 10, 9, 8, 6, 5, 4, 3, 3, 2, 2];
        let mut day = at.div_euclid(DAY);
        // 1 January 1970 was a Thursday.
        let weekday = (day + 3).rem_euclid(7);
        if weekday >= 5 && rng.random_bool(0.6) {
            day += 7 - weekday;
        }
        let hours: Vec<(usize, u32)> = WEIGHTS.into_iter().enumerate().collect();
        let hour = hours.choose_weighted(rng, |(_, weight)| *weight).map_or(12, |(hour, _)| *hour) as i64;
        let mut at = day * DAY + hour * HOUR + rng.random_range(0..HOUR);
        while self.plan.bursts.iter().any(|b| (b.at - 2 * HOUR..b.at + b.within + 2 * HOUR).contains(&at)) {
            at += 4 * HOUR + rng.random_range(0..HOUR);
        }
        at.max(self.plan.start())
    }
}

type Maker<'a> = fn(&mut Arrivals<'a>, i64, &mut ChaCha8Rng) -> Vec<Lead>;

fn at_domain(email: &str, domain: &str) -> String {
    format!("{}@{domain}", email.split('@').next().unwrap_or("x"))
}

/// The title an offer had at this time.
pub fn title(offer: usize, at: i64, plan: &Plan) -> &'static str {
    let second_half = at >= plan.start() + (plan.end() - plan.start()) / 2;
    OFFERS.get(offer).map_or("", |o| o.titles[usize::from(!second_half)])
}

/// US style, as tables hold it: `9/28/2018 6:24:18 PM`.
pub fn us_time(at: i64) -> String {
    let Some(t) = DateTime::from_timestamp(at, 0) else { return String::new() };
    let (afternoon, hour) = t.hour12();
    let half = if afternoon { "PM" } else { "AM" };
    format!("{}/{}/{} {hour}:{:02}:{:02} {half}", t.month(), t.day(), t.year(), t.minute(), t.second())
}

/// ISO 8601: `2018-09-28T18:24:18Z`.
pub fn iso_time(at: i64) -> String {
    let Some(t) = DateTime::from_timestamp(at, 0) else { return String::new() };
    let (year, month, day) = (t.year(), t.month(), t.day());
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", t.hour(), t.minute(), t.second())
}
