//! An outage in words for people: what, since when, until when, what it cost, and how likely chance is.

use chrono::{DateTime, Datelike};
use chrono_tz::Tz;

use crate::codes::{Finding, finding, level};
use crate::error::count;
use crate::losses::outages::outage::{Outage, Scope};

/// How times are said in the table: the year only where it is not the newest event's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) zone: Tz,
    /// The year that need not be said; none where a text must hold for ever.
    pub(super) this_year: Option<i32>,
}

impl Times {
    /// For a table of which the newest event is of this time.
    pub(super) fn of_table(zone: Tz, newest: i64) -> Self {
        Times { zone, this_year: Some(local(newest, zone).year()) }
    }

    /// `between 3 May 14:02 and 14:40`; one end alone is `before …` or `after …`.
    fn between(self, low: Option<i64>, high: Option<i64>) -> String {
        match (low, high) {
            (Some(low), Some(high)) => {
                let same_day = day(low, self.zone) == day(high, self.zone);
                let end = if same_day { clock(high, self.zone) } else { self.instant(high) };
                format!("between {} and {end}", self.instant(low))
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

/// `Salesforce took no leads from between 3 May 14:02 and 14:40 until between …: 11 leads of 9 people; by chance …`
pub(super) fn sentence(outage: &Outage, times: Times, years: f64) -> String {
    let delivered = outage.leads.saturating_sub(outage.missed);
    let cost = if delivered == 0 {
        format!("{} of {}", count(outage.missed, "lead", "leads"), count(outage.people, "person", "people"))
    } else {
        format!("{} of {} leads, {}", outage.missed, outage.leads, count(outage.people, "person", "people"))
    };
    let late = match outage.late {
        0 => String::new(),
        late => format!(" ({late} in the CRM later)"),
    };
    format!("{}: {cost}{late}; {}", what_and_when(outage, times), chance(outage.e_value, years))
}

/// The finding of an outage: its text says nothing that changes while it is the same outage.
pub(super) fn finding(outage: &Outage, known: bool, zone: Tz, last_record: Option<i64>) -> Finding {
    let ongoing = outage.ended_by.is_none();
    let times = Times { zone, this_year: None };
    let code = match (&outage.scope, ongoing) {
        (Scope::Source, _) => finding::SOURCE_OUTAGE,
        (_, true) => finding::OUTAGE_ONGOING,
        (_, false) => finding::OUTAGE,
    };
    let mut text = if ongoing {
        format!("{} since {}", what(outage), times.between(outage.began_after, Some(outage.began_by)))
    } else {
        what_and_when(outage, times)
    };
    if let Some(at) = last_record.filter(|_| outage.beyond_export) {
        text.push_str(&format!(
            "; the last record of its export is of {}: if the export was not renewed, renew it",
            times.instant(at)
        ));
    }
    Finding {
        level: if ongoing || !known { level::PAGE } else { level::LIST },
        code,
        destination: outage.destination.to_owned(),
        text,
        count: i64::try_from(outage.missed).unwrap_or(i64::MAX),
    }
}

fn what_and_when(outage: &Outage, times: Times) -> String {
    let began = times.between(outage.began_after, Some(outage.began_by));
    if outage.ended_by.is_none() {
        return format!("{} since {began}", what(outage));
    }
    format!("{} from {began} until {}", what(outage), times.between(Some(outage.ended_after), outage.ended_by))
}

fn what(outage: &Outage) -> String {
    let none = outage.leads == outage.missed;
    let verb = if none { "took no leads" } else { "lost most leads" };
    let mut letters = outage.destination.chars();
    let name: String = letters.next().map(|c| c.to_ascii_uppercase()).into_iter().chain(letters).collect();
    match &outage.scope {
        Scope::Source => "The store took no leads".into(),
        Scope::All => format!("{name} {verb}"),
        Scope::Part(0, offer) => format!("{name} {verb} of offer {}", offer.unwrap_or("(none)")),
        Scope::Part(1, action) => format!("{name} {verb} with action {}", action.unwrap_or("(none)")),
        Scope::Part(_, from) => format!("{name} {verb} from storefront {}", from.unwrap_or("(none)")),
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

/// How often chance alone would show this, in years such as those seen.
fn chance(e_value: f64, years: f64) -> String {
    let every = years / e_value.max(f64::MIN_POSITIVE);
    if every >= 1e6 {
        return "by chance less than once in a million such years".into();
    }
    // Two digits: more would claim a precision that the bound does not have.
    let scale = 10f64.powf((every.max(1.0).log10().floor() - 1.0).max(0.0));
    format!("by chance once in {:.0} such years", (every / scale).round() * scale)
}
