//! What a synthetic publisher shall look like: every kind of mess with its rate, every outage with its times.
//!
//! A plan is plain data; `scenarios` makes the usual ones, tests and benchmarks switch single parts on and off.
//! Times are seconds since 1970, UTC.

use chrono::{Days, NaiveDate, NaiveTime};

use crate::config::DestinationKind;

/// Seconds of an hour.
pub const HOUR: i64 = 3600;
/// Seconds of a day.
pub const DAY: i64 = 24 * HOUR;

/// A synthetic publisher, before it is written.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The same plan and seed give the same bytes.
    pub seed: u64,
    /// Raw leads that can be read; broken ones come on top.
    pub leads: u64,
    /// First day.
    pub begin: NaiveDate,
    /// As-of dates of the nights for which exports are written, ascending; the last ends the data.
    pub nights: Vec<NaiveDate>,
    /// What is sold, 1 to 6 offers.
    pub offers: usize,
    /// How forms are filled in.
    pub mess: Mess,
    /// Who fills in forms together, and what else arrives.
    pub traps: Traps,
    /// In which shapes raw leads are stored.
    pub raw: Raw,
    /// The CRMs.
    pub destinations: Vec<Destination>,
    /// Hours in which very many people come at once.
    pub bursts: Vec<Burst>,
    /// Whether cost, spend and reviewed files are written.
    pub extras: bool,
    /// Lost leads that somebody has worked on since, as the reviewed file says in the last night.
    pub worked: usize,
}

/// Rates of a form: 0 never, 1 always.
#[derive(Clone, Copy, Debug)]
pub struct Mess {
    /// One slip in one of name, e-mail, telephone and company.
    pub typo: f64,
    /// A nickname instead of the first name, where there is one.
    pub nickname: f64,
    /// The first name as an initial.
    pub initial: f64,
    /// First and last name in each other's field.
    pub swapped: f64,
    /// Names in capitals or small letters.
    pub case: f64,
    /// The other script than usual.
    pub other_script: f64,
    /// E-mail in capitals or with spaces.
    pub email_case: f64,
    /// A plus-tag in the e-mail.
    pub plus_tag: f64,
    /// No telephone, or a placeholder.
    pub no_phone: f64,
    /// No company (from work).
    pub no_company: f64,
    /// No job title.
    pub no_title: f64,
    /// No country.
    pub no_country: f64,
    /// No first name.
    pub no_first_name: f64,
    /// No e-mail although there is a telephone.
    pub no_email: f64,
    /// The private instead of the work address.
    pub other_address: f64,
    /// The form sent again within minutes.
    pub double_click: f64,
    /// The marketplace writes the lead twice.
    pub written_twice: f64,
}

/// Shares of all arrivals that are something else than one person on a way through the funnel.
#[derive(Clone, Copy, Debug)]
pub struct Traps {
    /// Two people of one name at two firms.
    pub namesakes: f64,
    /// Colleagues who give the firm's number.
    pub switchboard: f64,
    /// Colleagues who give `info@`.
    pub role_mailbox: f64,
    /// A family with one address and telephone.
    pub family: f64,
    /// A reseller who fills in the form for many customers.
    pub reseller: f64,
    /// Forms filled with "test", "n/a", "1234567890".
    pub junk: f64,
    /// MSFT_TEST leads.
    pub test_lead: f64,
    /// Leads without personal data, as from .edu.
    pub withheld: f64,
    /// Our own staff.
    pub internal: f64,
    /// Add-in leads: names and e-mail only, no action, no offer.
    pub add_in: f64,
    /// Do-not-contact notices.
    pub do_not_contact: f64,
    /// Actions and storefronts nobody has documented.
    pub unknown_words: f64,
    /// Records that cannot be read, for each readable lead.
    pub broken: f64,
}

/// Shapes of raw leads.
#[derive(Clone, Copy, Debug)]
pub struct Raw {
    /// Share of leads in CSV blobs.
    pub blobs: f64,
    /// Whether one offer (the last but one) is delivered to an HTTPS endpoint: a title, no offer id.
    pub https: bool,
    /// Whether documents with several records (JSON `value`, typed CSV), gzip and Zstandard are used beside NDJSON.
    pub all_shapes: bool,
    /// Share of table rows that stand a second time, byte for byte, in another source.
    pub copied: f64,
}

/// One CRM, its forwarder and its export.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Name in the configuration.
    pub name: String,
    /// Kind of CRM.
    pub kind: DestinationKind,
    /// One record for each e-mail instead of one for each lead.
    pub per_person: bool,
    /// Offers that go here; empty for all.
    pub offers: Vec<usize>,
    /// Stretches of time in which leads were lost.
    pub outages: Vec<Outage>,
    /// Patterns by which leads were lost.
    pub causes: Vec<Cause>,
    /// How leads are forwarded.
    pub forwarder: Forwarder,
    /// What sales and marketing do with the records.
    pub sales: Sales,
    /// What the export shows.
    pub view: View,
}

/// The flow that carries leads from storage to the CRM.
#[derive(Clone, Copy, Debug)]
pub struct Forwarder {
    /// Lost for no reason.
    pub lost: f64,
    /// Median delay, seconds.
    pub delay: f64,
    /// Share that waits hours in a queue.
    pub queued: f64,
    /// Longest wait in a queue, seconds.
    pub queue: i64,
    /// A second record within minutes.
    pub doubled_minutes: f64,
    /// A second record after days.
    pub doubled_days: f64,
    /// Whether two leads of one event make one record.
    pub merges_repeats: bool,
    /// Test leads that are forwarded.
    pub tests: f64,
    /// Do-not-contact leads that are forwarded.
    pub do_not_contact: f64,
}

/// What happens to records after they were made, for each record.
#[derive(Clone, Copy, Debug)]
pub struct Sales {
    /// Somebody corrects address, name, company or telephone.
    pub edited: f64,
    /// Moved to another firm: address, company and telephone change at once.
    pub moved: f64,
    /// Converted.
    pub converted: f64,
    /// Of the converted, won.
    pub won: f64,
    /// Disqualified.
    pub disqualified: f64,
    /// Merged into another record of the person.
    pub merged: f64,
    /// Deleted.
    pub deleted: f64,
    /// A record of another channel (webinar import) for the same person within hours, for each lead.
    pub other_channel: f64,
    /// The same for leads that were lost.
    pub other_channel_of_lost: f64,
    /// Records of people who never came through the marketplace, for each lead.
    pub strangers: f64,
    /// Records with a marketplace lead source that no raw lead accounts for, for each lead.
    pub unexplained: f64,
    /// Opted out of mail.
    pub opted_out: f64,
}

/// What the export shows of the CRM.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Only records made in the last so many days.
    pub window_days: Option<i64>,
    /// Only one owner's records.
    pub one_owner: bool,
    /// Converted records too.
    pub converted: bool,
    /// Deleted and merged records too, marked as such.
    pub deleted: bool,
    /// Hours, minutes, or days only.
    pub times: Times,
    /// Hours by which the shown times are off, without saying so.
    pub shifted_hours: i64,
    /// How the record names its offer.
    pub offer: OfferText,
    /// The lead source column is filled in.
    pub lead_source: bool,
    /// Opportunities are exported too.
    pub opportunities: bool,
    /// The RowKey of the raw lead is kept in a column.
    pub key: bool,
    /// Seconds between the export and the end of its as-of day.
    pub taken_before_midnight: i64,
    /// What is wrong with it.
    pub trouble: Option<Trouble>,
}

/// What exports are like that do not show what they should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// On the last night there is none.
    Missing,
    /// On the last night all records of one owner are gone.
    Shrunk,
    /// On the last night the newest records are gone: the download broke off between two rows.
    CutOff,
    /// Only records that were changed in the last so many days.
    Modified(i64),
    /// No disqualified, won or lost records.
    WithoutClosed,
    /// From the middle on records name their source by a text of somebody's own.
    SourceChanged,
    /// The key column holds the place of the raw lead in a folder.
    KeyOfPlace,
    /// Half of the headers are of another language.
    HalfTranslated,
    /// What was converted is shown by its contact alone.
    ByContact,
}

/// How exact an export's times are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// `14:02:11`
    Seconds,
    /// `14:02`
    Minutes,
    /// Only the day.
    Days,
}

/// How a record names its offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfferText {
    /// `publisher.offer`
    Id,
    /// The title.
    Title,
}

/// A part of the leads of a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    All,
    /// Of one offer.
    Offer(usize),
    /// Of one action.
    Action(&'static str),
}

/// A stretch of time in which a destination took no leads, or few.
#[derive(Clone, Copy, Debug)]
pub struct Outage {
    /// Which leads.
    pub scope: Scope,
    /// First instant.
    pub begin: i64,
    /// First instant afterwards; none while it goes on.
    pub end: Option<i64>,
    /// Share of events lost.
    pub share: f64,
    /// Somebody imports the lost leads this long after the end.
    pub imported_after: Option<i64>,
}

/// A pattern by which leads are lost.
#[derive(Clone, Copy, Debug)]
pub struct Cause {
    /// Which leads.
    pub condition: Condition,
    /// Share of events lost.
    pub share: f64,
}

/// What the leads lost by a cause have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// A field the CRM requires is empty.
    Empty(Field),
    /// The offer is configured with a wrong destination.
    Offer(usize),
    /// A pick-list lacks the country (ISO code).
    Country(&'static str),
    /// A text is longer than the CRM takes.
    Longer(Field, usize),
    /// A text has letters outside ASCII.
    NonAscii(Field),
    /// The CRM refuses what it takes for a duplicate of a person it knows.
    Known,
    /// Minutes of the hour, first and last.
    Minutes(u32, u32),
    /// A day of the week, Monday is 0.
    Weekday(u32),
    /// Place above the cap within a burst of at most an hour.
    Rank(usize),
    /// Leads of a day (UTC) beyond so many.
    DailyCap(usize),
    /// Both of two conditions.
    Both(&'static [Condition; 2]),
}

/// A field of a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// First name.
    FirstName,
    /// Last name.
    LastName,
    /// Telephone.
    Phone,
    /// Company.
    Company,
    /// Job title.
    Title,
    /// Country.
    Country,
    /// Description.
    Description,
}

impl Condition {
    /// The daily cap in it, if it has one.
    pub fn daily_cap(self) -> Option<usize> {
        match self {
            Condition::DailyCap(cap) => Some(cap),
            Condition::Both(both) => both.iter().find_map(|one| one.daily_cap()),
            _ => None,
        }
    }
}

impl Field {
    /// As a column of `leads`.
    pub fn name(self) -> &'static str {
        match self {
            Field::FirstName => "first_name",
            Field::LastName => "last_name",
            Field::Phone => "phone",
            Field::Company => "company",
            Field::Title => "title",
            Field::Country => "country",
            Field::Description => "description",
        }
    }
}

/// Very many people within minutes.
#[derive(Clone, Copy, Debug)]
pub struct Burst {
    /// When it starts.
    pub at: i64,
    /// How many people.
    pub people: usize,
    /// Within how many seconds.
    pub within: i64,
}

impl Default for Mess {
    fn default() -> Self {
        Mess {
            typo: 0.07,
            nickname: 0.12,
            initial: 0.02,
            swapped: 0.025,
            case: 0.06,
            other_script: 0.25,
            email_case: 0.06,
            plus_tag: 0.02,
            no_phone: 0.28,
            no_company: 0.08,
            no_title: 0.25,
            no_country: 0.03,
            no_first_name: 0.01,
            no_email: 0.01,
            other_address: 0.22,
            double_click: 0.05,
            written_twice: 0.015,
        }
    }
}

impl Mess {
    /// Forms as people would fill them in if they never erred.
    pub fn none() -> Self {
        Mess {
            typo: 0.0,
            nickname: 0.0,
            initial: 0.0,
            swapped: 0.0,
            case: 0.0,
            other_script: 0.0,
            email_case: 0.0,
            plus_tag: 0.0,
            no_phone: 0.0,
            no_company: 0.0,
            no_title: 0.0,
            no_country: 0.0,
            no_first_name: 0.0,
            no_email: 0.0,
            other_address: 0.0,
            double_click: 0.0,
            written_twice: 0.0,
        }
    }
}

impl Default for Traps {
    fn default() -> Self {
        Traps {
            namesakes: 0.01,
            switchboard: 0.02,
            role_mailbox: 0.012,
            family: 0.008,
            reseller: 0.004,
            junk: 0.008,
            test_lead: 0.012,
            withheld: 0.01,
            internal: 0.008,
            add_in: 0.01,
            do_not_contact: 0.02,
            unknown_words: 0.006,
            broken: 0.004,
        }
    }
}

impl Traps {
    /// Nothing but people on their way.
    pub fn none() -> Self {
        Traps {
            namesakes: 0.0,
            switchboard: 0.0,
            role_mailbox: 0.0,
            family: 0.0,
            reseller: 0.0,
            junk: 0.0,
            test_lead: 0.0,
            withheld: 0.0,
            internal: 0.0,
            add_in: 0.0,
            do_not_contact: 0.0,
            unknown_words: 0.0,
            broken: 0.0,
        }
    }
}

impl Default for Raw {
    fn default() -> Self {
        Raw { blobs: 0.06, https: true, all_shapes: true, copied: 0.01 }
    }
}

impl Default for Forwarder {
    fn default() -> Self {
        Forwarder {
            lost: 0.004,
            delay: 100.0,
            queued: 0.012,
            queue: 5 * HOUR,
            doubled_minutes: 0.01,
            doubled_days: 0.004,
            merges_repeats: false,
            tests: 0.5,
            do_not_contact: 0.05,
        }
    }
}

impl Default for Sales {
    fn default() -> Self {
        Sales {
            edited: 0.08,
            moved: 0.0,
            converted: 0.12,
            won: 0.4,
            disqualified: 0.1,
            merged: 0.015,
            deleted: 0.01,
            other_channel: 0.02,
            other_channel_of_lost: 0.15,
            strangers: 0.15,
            unexplained: 0.004,
            opted_out: 0.02,
        }
    }
}

impl Default for View {
    fn default() -> Self {
        View {
            window_days: None,
            one_owner: false,
            converted: true,
            deleted: true,
            times: Times::Seconds,
            shifted_hours: 0,
            offer: OfferText::Id,
            lead_source: true,
            opportunities: true,
            key: false,
            taken_before_midnight: 10 * 60,
            trouble: None,
        }
    }
}

impl Destination {
    /// A CRM of this kind with usual habits and no outage.
    pub fn new(kind: DestinationKind) -> Destination {
        let per_person = matches!(kind, DestinationKind::Hubspot | DestinationKind::Marketo);
        Destination {
            name: kind.name().to_owned(),
            kind,
            per_person,
            offers: Vec::new(),
            outages: Vec::new(),
            causes: Vec::new(),
            forwarder: Forwarder::default(),
            sales: if per_person { Sales { merged: 0.0, ..Sales::default() } } else { Sales::default() },
            view: match kind {
                DestinationKind::Hubspot => View { times: Times::Minutes, opportunities: false, ..View::default() },
                DestinationKind::Salesforce => View::default(),
                _ => View { opportunities: false, ..View::default() },
            },
        }
    }
}

impl Plan {
    /// Start of a day, seconds since 1970.
    pub fn midnight(day: NaiveDate) -> i64 {
        day.and_time(NaiveTime::MIN).and_utc().timestamp()
    }

    /// First instant of the data.
    pub fn start(&self) -> i64 {
        Plan::midnight(self.begin)
    }

    /// First instant after the last as-of day.
    pub fn end(&self) -> i64 {
        self.nights.last().map_or(self.start(), |n| Plan::midnight(*n) + DAY)
    }

    /// When about so many leads have come.
    pub fn time_of(&self, leads: u64) -> i64 {
        let span = i128::from(self.end() - self.start());
        let gone = i128::from(leads) * span / i128::from(self.leads.max(1));
        self.start() + i64::try_from(gone).unwrap_or(0)
    }

    /// A clean publisher: people on their way, one Salesforce and one HubSpot, nothing lost.
    pub fn clean(seed: u64, leads: u64, begin: NaiveDate, days: u64) -> Plan {
        let mut plan = Plan {
            seed,
            leads,
            begin,
            nights: vec![begin + Days::new(days.saturating_sub(1))],
            offers: 5,
            mess: Mess::default(),
            traps: Traps::default(),
            raw: Raw::default(),
            destinations: vec![
                Destination::new(DestinationKind::Salesforce),
                Destination::new(DestinationKind::Hubspot),
            ],
            bursts: Vec::new(),
            extras: false,
            worked: 1,
        };
        for destination in &mut plan.destinations {
            destination.forwarder.lost = 0.0;
        }
        plan
    }
}
