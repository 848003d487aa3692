//! One outage before it is a row, and what part of a destination it concerns.

use chrono_tz::Tz;

use crate::codes::level;
use crate::findings::{AboutLoss, Calendar, Finding, Stretch};

/// A destination or a part of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope<'a> {
    All,
    Part(usize, Option<&'a str>),
    Source,
}

pub(super) const PARTS: [&str; 3] = ["offer", "action", "storefront"];

impl Scope<'_> {
    pub(super) fn text(&self) -> String {
        match self {
            Scope::All => "all".into(),
            Scope::Source => "source".into(),
            Scope::Part(part, value) => {
                format!("{}={}", PARTS.get(*part).unwrap_or(&""), value.unwrap_or("(none)"))
            }
        }
    }
}

/// One outage, before it is a row.
#[derive(Debug)]
pub(super) struct Outage<'a> {
    pub(super) id: String,
    pub(super) destination: &'a str,
    pub(super) scope: Scope<'a>,
    /// Title of the offer it is of.
    pub(super) title: Option<&'a str>,
    pub(super) began_after: Option<i64>,
    pub(super) began_by: i64,
    pub(super) ended_after: i64,
    pub(super) ended_by: Option<i64>,
    pub(super) leads: usize,
    pub(super) missed: usize,
    pub(super) late: usize,
    /// When the last record of those was made.
    pub(super) last_imported_at: Option<i64>,
    pub(super) people: usize,
    pub(super) base: f64,
    pub(super) e_value: f64,
    /// Whether leads after the export's last record are part of it.
    pub(super) beyond_export: bool,
    /// Rows of the leads it cost, in order of time.
    pub(super) lost: Vec<usize>,
    /// Of them, those that were pending.
    pub(super) turned: Vec<usize>,
    pub(super) first_lead: &'a str,
    pub(super) text: String,
}

impl Outage<'_> {
    /// What of it is put into words.
    pub(super) fn stretch(&self) -> Stretch {
        Stretch {
            destination: self.destination.to_owned(),
            scope: self.scope.text(),
            title: self.title.map(str::to_owned),
            began_after: self.began_after,
            began_by: self.began_by,
            ended_after: self.ended_after,
            ended_by: self.ended_by,
            leads: self.leads,
            missed: self.missed,
            people: self.people,
            imported_late: self.late,
        }
    }

    /// A page the first time it is told and while it goes on. `last_record`: when the export's last record was made.
    pub(super) fn finding(&self, is_known: bool, zone: Tz, last_record: Option<i64>) -> Finding {
        let level = if self.ended_by.is_none() || !is_known { level::PAGE } else { level::LIST };
        let calendar = Calendar { zone, this_year: None };
        let last_record = last_record.filter(|_| self.beyond_export);
        let about = AboutLoss::Outage { id: self.id.clone(), stretch: self.stretch(), calendar, last_record };
        Finding::new(level, self.destination, about, self.missed)
    }
}
