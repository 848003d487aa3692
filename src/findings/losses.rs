//! What became of leads on their way, in words.

use chrono::NaiveDate;

use crate::codes::finding;
use crate::findings::outage::{Calendar, Stretch};
use crate::findings::words::Words;

/// What became of leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AboutLoss {
    /// Leads are missed.
    Missed {
        /// Whether they are purchases and contact requests.
        is_urgent: bool,
        /// First report that named them.
        first_reported_on: NaiveDate,
    },
    /// Leads that an earlier report called missed arrived after all, seen on this day.
    Recovered(NaiveDate),
    /// A destination, a part of it, or the store took no leads for a time.
    Outage {
        /// Its id.
        id: String,
        /// When, what and how many.
        stretch: Stretch,
        /// How its times are told.
        calendar: Calendar,
        /// Where leads after the last record of the export are part of it: when that record was made.
        last_record: Option<i64>,
    },
    /// Missed leads share a pattern.
    Cause(Cause),
    /// Only a witness saw them.
    AtSource,
    /// They were delivered, and nobody touched them.
    Untouched,
    /// Test leads were forwarded.
    TestForwarded,
    /// Do-not-contact leads were forwarded.
    DoNotContactForwarded,
    /// Records that no lead accounts for.
    RecordWithoutLead,
    /// Records of offers that only the CRM knows.
    RecordOfUnknownOffer,
}

/// A pattern that missed leads share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The pattern, in a form that no rewording changes.
    pub pattern: String,
    /// The pattern in words, offers by their titles.
    pub text: String,
    /// The setting to look at.
    pub advice: String,
}

impl AboutLoss {
    pub(super) fn words(&self, destination: &str) -> Words {
        use AboutLoss as It;
        match self {
            It::Missed { is_urgent, first_reported_on } => {
                let (code, who) = match is_urgent {
                    true => (finding::MISSED_URGENT, "purchases or contact requests"),
                    false => (finding::MISSED, "leads"),
                };
                let what = format!("{who} lost on the way to {destination}, first reported on {first_reported_on}");
                Words::new(code, first_reported_on.to_string(), what)
            }
            It::Recovered(on) => Words::new(
                finding::RECOVERED,
                on.to_string(),
                format!("leads that were lost arrived after all, first seen on {on}"),
            ),
            It::Outage { id, stretch, calendar, last_record } => {
                let code = match (stretch.is_of_store(), stretch.is_ongoing()) {
                    (true, _) => finding::SOURCE_OUTAGE,
                    (false, true) => finding::OUTAGE_ONGOING,
                    (false, false) => finding::OUTAGE,
                };
                Words::new(code, id, stretch.for_ever(*calendar, *last_record))
            }
            It::Cause(cause) => {
                Words::new(finding::CAUSE, &cause.pattern, format!("{destination} loses leads where {}", cause.text))
                    .advise(&cause.advice)
            }
            It::AtSource => Words::new(
                finding::LOST_AT_SOURCE,
                "",
                "leads that this witness saw and no source holds: they were lost before they reached the store",
            ),
            It::Untouched => Words::new(finding::UNTOUCHED, "", "delivered leads that nobody has touched"),
            It::TestForwarded => {
                Words::new(finding::FORWARDED, "test", "test leads were forwarded and stand in the CRM")
            }
            It::DoNotContactForwarded => Words::new(
                finding::FORWARDED,
                "do-not-contact",
                "do-not-contact leads were forwarded and stand in the CRM",
            ),
            It::RecordWithoutLead => Words::new(
                finding::UNEXPLAINED,
                "no-lead",
                "marketplace records that no lead accounts for: their raw leads never reached a source",
            ),
            It::RecordOfUnknownOffer => Words::new(
                finding::UNEXPLAINED,
                "unknown-offer",
                "marketplace records of offers that only the CRM knows",
            ),
        }
    }
}
