//! An outage in words for people: what, since when, until when, what it cost, and how likely chance is.

use chrono::{DateTime, Datelike};
use chrono_tz::Tz;

use super::{Outage, Scope};
use crate::codes::{Finding, finding, level};
use crate::error::count;

/// `salesforce took no leads from between 3 May 2026 14:02 and 14:40 until between …: 11 leads of 9 people; …`
pub(super) fn sentence(outage: &Outage, zone: Tz, years: f64) -> String {
    let delivered = outage.leads.saturating_sub(outage.missed);
    let cost = if delivered == 0 {
        format!("{} of {}", count(outage.missed, "lead", "leads"), count(outage.people, "person", "people"))
    } else {
        format!("{} of {} leads, {}", outage.missed, outage.leads, count(outage.people, "person", "people"))
    };
    let late = match outage.late {
        0 => String::new(),
        late => format!(" ({late} imported later)"),
    };
    format!("{}: {cost}{late}; {}", what_and_when(outage, zone), chance(outage.e_value, years))
}

/// The finding of an outage: its text says nothing that changes while it is the same outage.
pub(super) fn finding(outage: &Outage, known: bool, zone: Tz, last_record: Option<i64>) -> Finding {
    let ongoing = outage.ended_by.is_none();
    let code = match (&outage.scope, ongoing) {
        (Scope::Source, _) => finding::SOURCE_OUTAGE,
        (_, true) => finding::OUTAGE_ONGOING,
        (_, false) => finding::OUTAGE,
    };
    let mut text = if ongoing {
        format!("{} since {}", what(outage), between(outage.began_after, Some(outage.began_by), zone))
    } else {
        what_and_when(outage, zone)
    };
    if let Some(at) = last_record.filter(|_| outage.beyond_export) {
        text.push_str(&format!(
            "; the last record of its export is of {}: if the export was not renewed, renew it",
            instant(at, zone)
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

fn what_and_when(outage: &Outage, zone: Tz) -> String {
    let began = between(outage.began_after, Some(outage.began_by), zone);
    if outage.ended_by.is_none() {
        return format!("{} since {began}", what(outage));
    }
    format!("{} from {began} until {}", what(outage), between(Some(outage.ended_after), outage.ended_by, zone))
}

fn what(outage: &Outage) -> String {
    let none = outage.leads == outage.missed;
    let verb = if none { "took no leads" } else { "lost most leads" };
    match &outage.scope {
        Scope::Source => "the store took no leads".into(),
        Scope::All => format!("{} {verb}", outage.destination),
        Scope::Part(0, offer) => format!("{} {verb} of offer {}", outage.destination, offer.unwrap_or("(none)")),
        Scope::Part(1, action) => format!("{} {verb} with action {}", outage.destination, action.unwrap_or("(none)")),
        Scope::Part(_, from) => format!("{} {verb} from storefront {}", outage.destination, from.unwrap_or("(none)")),
    }
}

/// `between 3 May 2026 14:02 and 14:40`; one end alone is `before …` or `after …`.
fn between(low: Option<i64>, high: Option<i64>, zone: Tz) -> String {
    match (low, high) {
        (Some(low), Some(high)) => {
            let same_day = day(low, zone) == day(high, zone);
            let end = if same_day { clock(high, zone) } else { instant(high, zone) };
            format!("between {} and {end}", instant(low, zone))
        }
        (None, Some(high)) => format!("before {}", instant(high, zone)),
        (Some(low), None) => format!("after {}", instant(low, zone)),
        (None, None) => "an unknown time".into(),
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

fn instant(micros: i64, zone: Tz) -> String {
    local(micros, zone).format("%-d %B %Y %H:%M").to_string()
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
