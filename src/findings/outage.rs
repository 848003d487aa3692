//! An outage in words: what, since when, until when, what it cost, and how likely chance is.

use chrono::{DateTime, Datelike};
use chrono_tz::Tz;

use crate::error::count;
use crate::findings::titles::clicked;

/// When an outage was, what it was of, and what it cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Name of the destination; empty for the store.
    pub destination: String,
    /// all, offer=…, action=…, storefront=… or source.
    pub scope: String,
    /// Of an outage of one offer the offer's title, where leads give one.
    pub title: Option<String>,
    /// As in the table of outages, microseconds since 1970.
    pub began_after: Option<i64>,
    /// See `began_after`.
    pub began_by: i64,
    /// See `began_after`.
    pub ended_after: i64,
    /// See `began_after`.
    pub ended_by: Option<i64>,
    /// Leads of the trials inside.
    pub leads: usize,
    /// Of them missed.
    pub missed: usize,
    /// People of the missed.
    pub people: usize,
    /// Of the missed, those in the CRM later.
    pub imported_late: usize,
}

/// An outage in words: its sentence, and how often chance alone would show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutageWords {
    /// What, when, and what it cost.
    pub sentence: String,
    /// `once in 20 such years`
    pub chance: String,
}

impl OutageWords {
    /// Both, for one line.
    pub fn text(&self) -> String {
        format!("{}; by chance {}", self.sentence, self.chance)
    }
}

/// How times are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// The report's time zone.
    pub zone: Tz,
    /// The year that need not be said; none where a text must hold for ever.
    pub this_year: Option<i32>,
}

impl Calendar {
    /// Times as a report tells them whose newest event is of this time: the year only where it is another.
    pub fn of_report(zone: Tz, newest: i64) -> Self {
        Calendar { zone, this_year: Some(local(newest, zone).year()) }
    }

    /// `3 May 14:02–14:40`: somewhere between the two; one end alone is `before …` or `after …`.
    fn between(self, low: Option<i64>, high: Option<i64>) -> String {
        match (low, high) {
            (Some(low), Some(high)) => {
                let same_day = day(low, self.zone) == day(high, self.zone);
                match (same_day, clock(low, self.zone) == clock(high, self.zone)) {
                    (true, true) => self.instant(low),
                    (true, false) => format!("{}–{}", self.instant(low), clock(high, self.zone)),
                    (false, _) => format!("{} – {}", self.instant(low), self.instant(high)),
                }
            }
            (None, Some(high)) => format!("before {}", self.instant(high)),
            (Some(low), None) => format!("after {}", self.instant(low)),
            (None, None) => "an unknown time".into(),
        }
    }

    fn instant(self, micros: i64) -> String {
        let at = local(micros, self.zone);
        let form = if self.this_year == Some(at.year()) { "%-d %B %H:%M" } else { "%-d %B %Y %H:%M" };
        at.format(form).to_string()
    }
}

impl Stretch {
    /// Whether no delivered trial follows.
    pub fn is_ongoing(&self) -> bool {
        self.ended_by.is_none()
    }

    /// Whether it is the store that took no leads.
    pub fn is_of_store(&self) -> bool {
        self.scope == "source"
    }

    /// Its words in a report; `years` are those that were searched, `e_value` how many such outages chance gives in them.
    pub fn words(&self, calendar: Calendar, e_value: f64, years: f64) -> OutageWords {
        OutageWords { sentence: self.sentence(calendar), chance: chance(e_value, years) }
    }

    /// `Salesforce took no leads from 3 May 14:02–14:40 to …: 11 leads of 9 people`
    fn sentence(&self, calendar: Calendar) -> String {
        let delivered = self.leads.saturating_sub(self.missed);
        let cost = if delivered == 0 {
            format!("{} of {}", count(self.missed, "lead", "leads"), count(self.people, "person", "people"))
        } else {
            format!("{} of {} leads, {}", self.missed, self.leads, count(self.people, "person", "people"))
        };
        let late = match self.imported_late {
            0 => String::new(),
            late => format!(" ({late} in the CRM later)"),
        };
        format!("{}: {cost}{late}", self.what_and_when(calendar))
    }

    /// What holds as long as it is the same outage: nothing of how many leads it has cost, nor, while it goes on, of its
    /// last one.
    pub(super) fn for_ever(&self, calendar: Calendar, last_record: Option<i64>) -> String {
        let mut text = self.what_and_when(calendar);
        if let Some(at) = last_record {
            text.push_str(&format!(
                "; the last record of its export is of {}: if the export was not renewed, renew it",
                calendar.instant(at)
            ));
        }
        text
    }

    fn what_and_when(&self, calendar: Calendar) -> String {
        let began = calendar.between(self.began_after, Some(self.began_by));
        if self.is_ongoing() {
            return format!("{} since {began}", self.what());
        }
        format!("{} from {began} to {}", self.what(), calendar.between(Some(self.ended_after), self.ended_by))
    }

    fn what(&self) -> String {
        let verb = if self.leads == self.missed { "took no leads" } else { "lost most leads" };
        let mut letters = self.destination.chars();
        let name: String = letters.next().map(|c| c.to_ascii_uppercase()).into_iter().chain(letters).collect();
        match self.scope.split_once('=') {
            Some(("offer", offer)) => format!("{name} {verb} of {}", self.title.as_deref().unwrap_or(offer)),
            Some(("action", action)) => format!("{name} {verb} with action {}", clicked(action)),
            Some((_, storefront)) => format!("{name} {verb} from storefront {storefront}"),
            None if self.is_of_store() => "The store took no leads".into(),
            None => format!("{name} {verb}"),
        }
    }
}

fn local(micros: i64, zone: Tz) -> DateTime<Tz> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default().with_timezone(&zone)
}

fn day(micros: i64, zone: Tz) -> i32 {
    local(micros, zone).num_days_from_ce()
}

fn clock(micros: i64, zone: Tz) -> String {
    local(micros, zone).format("%H:%M").to_string()
}

/// How often chance alone would show an outage, in years such as those seen: `less than once in a million such years`.
fn chance(e_value: f64, years: f64) -> String {
    let every = years / e_value.max(f64::MIN_POSITIVE);
    if every >= 1e6 {
        return "less than once in a million such years".into();
    }
    // Two digits: more would claim a precision that the bound does not have.
    let scale = 10f64.powf((every.max(1.0).log10().floor() - 1.0).max(0.0));
    format!("once in {:.0} such years", (every / scale).round() * scale)
}
