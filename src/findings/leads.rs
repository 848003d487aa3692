//! What can be odd about raw leads, where they come from and where they go, in words.

use chrono::{DateTime, NaiveDate, Utc};

use crate::codes::finding;
use crate::findings::words::Words;

/// What is odd about leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AboutLeads {
    /// Their source could not be read, for this reason.
    SourceUnreadable(String),
    /// Their source gave none since then, though some were expected.
    SourceSilent(DateTime<Utc>),
    /// This machine's clock and that of their source differ by more than so many minutes.
    ClockWrong {
        /// Whether this machine's clock is the earlier one.
        is_behind: bool,
        /// The minutes up to which clocks agree.
        by_minutes: i64,
    },
    /// They have no time of their own, were stored in one moment, and after the newest record of any CRM.
    Copied,
    /// A credential ends, or ended, on this day.
    CredentialEnds {
        /// The day.
        on: NaiveDate,
        /// Whether it is over.
        has_ended: bool,
    },
    /// Raw leads could not be read; one of [`crate::codes::quarantine`].
    Refused(String),
    /// Leads, or records, were taken out of the landing by command.
    Retracted {
        /// The day on which it was done.
        on: NaiveDate,
        /// Whether they were raw leads of a source, and not records.
        is_source: bool,
    },
    /// Fields of one raw lead name different actions.
    Contradiction,
    /// No destination is configured.
    NoDestination,
    /// Leads of this offer, or of none, go to no destination.
    NotRouted(Option<Offer>),
    /// An offer was never seen before.
    NewOffer(Offer),
    /// A storefront was never seen before.
    NewStorefront(String),
    /// An action was never seen before.
    NewAction(String),
    /// Far more leads are excluded than before.
    ExclusionsLeapt {
        /// Reason of the exclusions.
        why: String,
        /// What they are compared with.
        measure: Measure,
        /// Since when.
        since: NaiveDate,
    },
}

/// An offer, and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Its id; the title of one that comes without.
    pub id: String,
    /// Its title, where leads or the catalogue give one.
    pub title: Option<String>,
}

impl Offer {
    /// `"Data Mesh Pro" (contoso.data-mesh-pro)`, or what it is known by.
    fn named(&self) -> String {
        match &self.title {
            Some(title) if *title != self.id => format!("\"{title}\" ({})", self.id),
            _ => format!("\"{}\"", self.id),
        }
    }
}

/// What a share of exclusions is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// The last report.
    LastReport,
    /// The months before.
    Usual,
}

impl AboutLeads {
    pub(super) fn words(&self, place: &str) -> Words {
        use AboutLeads as It;
        match self {
            It::SourceUnreadable(why) => Words::new(finding::SOURCE_UNREADABLE, why, why),
            It::SourceSilent(since) => {
                let since = since.format("%Y-%m-%d %H:%M");
                let what = format!("no lead since {since} UTC, though leads were expected");
                Words::new(finding::SOURCE_SILENT, format!("since {since}"), what)
            }
            It::ClockWrong { is_behind, by_minutes } => clock_wrong(place, *is_behind, *by_minutes),
            It::Copied => Words::new(finding::FILES_COPIED, "", copied(place)),
            It::CredentialEnds { on, has_ended } => credential_ends(place, *on, *has_ended),
            It::Refused(reason) => Words::new(
                finding::QUARANTINED,
                reason,
                format!("raw leads of source {place} could not be read ({reason}); table quarantine has them"),
            ),
            It::Retracted { on, is_source } => {
                let what = if *is_source { "raw leads of source" } else { "records of" };
                let text = format!("{what} {place} were taken out of the landing on {on} by `leadrecon retract`");
                Words::new(finding::RETRACTED, format!("{on}"), text)
            }
            It::Contradiction => Words::new(
                finding::CONTRADICTION,
                "",
                "lead source and ActionCode name different actions; the lead source was taken, do-not-contact always",
            ),
            It::NoDestination => Words::new(
                finding::NOT_ROUTED,
                "no-destination",
                "no destination is configured, so no lead goes anywhere",
            ),
            It::NotRouted(None) => {
                Words::new(finding::NOT_ROUTED, "no-offer", "leads that name no offer go to no destination")
            }
            It::NotRouted(Some(offer)) => Words::new(
                finding::NOT_ROUTED,
                format!("offer {}", offer.id),
                format!("leads of offer {} go to no destination", offer.named()),
            ),
            It::NewOffer(offer) => first_sight(finding::NEW_OFFER, &offer.id, &format!("offer {}", offer.named())),
            It::NewStorefront(value) => first_sight(finding::NEW_STOREFRONT, value, &format!("storefront \"{value}\"")),
            It::NewAction(value) => first_sight(finding::NEW_ACTION, value, &format!("action \"{value}\"")),
            It::ExclusionsLeapt { why, measure, since } => leapt(why, *measure, *since),
        }
    }
}

fn copied(source: &str) -> String {
    format!(
        "leads of source {source} without a time of their own are newer than the newest record: were the files copied? Nothing \
         tells when they came; copy files with their times (cp -p, rsync -t), and take these out with `leadrecon retract \
         {source}` first"
    )
}

fn clock_wrong(source: &str, is_behind: bool, by_minutes: i64) -> Words {
    let (subject, which) = if is_behind { ("behind", "behind") } else { ("ahead", "ahead of") };
    // The minutes move from night to night, the matter stays.
    let what = format!(
        "this machine's clock is {which} that of source {source} by more than {by_minutes} minutes: let it be set by NTP; \
         from 15 minutes on Azure refuses access"
    );
    Words::new(finding::CLOCK_WRONG, subject, what)
}

fn credential_ends(place: &str, on: NaiveDate, has_ended: bool) -> Words {
    let (ends, before) = if has_ended { ("ended", "") } else { ("ends", " before") };
    let what = format!("the shared access signature of {place} {ends} on {on}: make a new one{before}");
    Words::new(finding::CREDENTIAL_EXPIRING, format!("{ends} {on}"), what)
}

fn first_sight(code: &'static str, value: &str, what: &str) -> Words {
    Words::new(code, value, format!("{what} was seen for the first time"))
}

/// The day is no part of the subject: it is that of the first report, and the leap goes on.
fn leapt(why: &str, measure: Measure, since: NaiveDate) -> Words {
    let (subject, than) = match measure {
        Measure::LastReport => ("last-report", format!("in the last report are excluded as {why}, since {since}")),
        Measure::Usual => ("usual", format!("usual are excluded as {why}, since about {since}")),
    };
    Words::new(finding::EXCLUDED_JUMP, format!("{why} {subject}"), format!("far more leads than {than}"))
}
