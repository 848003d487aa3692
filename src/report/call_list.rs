//! Missed people → the sheets of `call-list.xlsx`: one row for each person whom somebody should call, most urgent first.
//!
//! It is read by sales, so it says what the person did, what stands in the CRM about the company already, and what to
//! say; assignee and next date are for those who share the work, outcome and note are read back (`worked.rs`). It holds nobody
//! who must not be called: only genuine leads can be missed, and people who opted out (`suppressed.rs`) are left out here.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeZone as _, Utc};
use chrono_tz::Tz;

use crate::codes::{reason, stage, status};
use crate::config::SplitBy;
use crate::contact::home_code;
use crate::error::Result;
use crate::report::links;
use crate::report::xlsx::{Cell, Column, Sheet};
use crate::suppression::Suppressed;
use crate::tables::{CrmRecords, Leads, MissedLeads, People, Table};
use crate::worked::Tries;

mod companies;
mod contacts;

use companies::{Already, Companies, Known};
use contacts::{Contact, Contacts};

/// What the list is made from.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// Missed leads, most urgent first.
    pub missed_leads: &'a Table<MissedLeads>,
    /// All leads: what else the people did.
    pub leads: &'a Table<Leads>,
    /// People.
    pub people: &'a Table<People>,
    /// What the CRMs know.
    pub crm_records: &'a Table<CrmRecords>,
    /// Destinations whose export is probably not complete: nothing of them is called about.
    pub gated: &'a BTreeSet<String>,
    /// Lead id to the tries to reach its person.
    pub tries: &'a BTreeMap<String, Tries>,
    /// The day of the list: who is to be called on a later one is not on it.
    pub as_of: NaiveDate,
    /// Whether a do-not-contact lead silences the person's other leads.
    pub dnc_silences_person: bool,
    /// Where records are opened, by destination.
    pub links: &'a BTreeMap<String, String>,
    /// How to divide the list; none: one sheet.
    pub split_by: Option<SplitBy>,
    /// First instant after the as-of day: until when people have waited.
    pub as_of_ends_at: DateTime<Utc>,
    /// Zone of the times in words.
    pub timezone: Tz,
}

/// The first columns are what somebody needs who calls from paper; they fit a page.
const PRINTED: usize = 8;

/// One lead of somebody on the list.
struct Missed<'a> {
    lead_id: &'a str,
    destination: &'a str,
    received_at: i64,
    stage: &'a str,
    reason: &'a str,
    status: &'a str,
    offer: &'a str,
}

/// The sheets of the list; one empty sheet when there is nobody to call.
///
/// # Errors
/// Only when a table does not have its agreed shape.
pub fn sheets(inputs: &Inputs) -> Result<Vec<Sheet>> {
    let contacts = Contacts::read(inputs.leads, inputs.people)?;
    let silent = Suppressed::read(inputs.crm_records, inputs.people, inputs.dnc_silences_person)?;
    let mut sheets: BTreeMap<String, Vec<Vec<Cell>>> = BTreeMap::new();
    let called = by_person(inputs, &contacts, &silent)?;
    let of_person = |(person, missed): &(&'_ str, Vec<Missed>)| contacts.of(person, missed.iter().map(|m| m.lead_id));
    let wanted: Vec<(&str, Contact)> = called.iter().map(|one| (one.0, of_person(one))).collect();
    let company = Companies::read(inputs.crm_records, &wanted)?;
    for ((person, missed), (_, contact)) in called.iter().zip(&wanted) {
        let known = company.known(person, contact);
        let tab = match inputs.split_by {
            None => "Call list".to_owned(),
            Some(SplitBy::Country) => {
                let code = home_code(contact.country, contact.phone);
                code.or(contact.country).unwrap_or("No country").to_owned()
            }
            Some(SplitBy::Owner) => known.owner.unwrap_or("No owner").to_owned(),
            Some(SplitBy::Offer) => missed.first().map_or("No offer", |m| m.offer).to_owned(),
        };
        sheets.entry(tab).or_default().push(row(inputs, contact, &known, missed));
    }
    if sheets.is_empty() {
        sheets.insert("Call list".to_owned(), Vec::new());
    }
    let sheet = |(name, rows)| Sheet { name, columns: columns(), rows, printed: Some(PRINTED) };
    Ok(sheets.into_iter().map(sheet).collect())
}

fn columns() -> Vec<Column> {
    let mut columns: Vec<Column> = [
        ("Name", 22.0),
        ("Phone", 18.0),
        ("Email", 28.0),
        ("Company", 22.0),
        ("What they did", 34.0),
        ("Days waiting", 9.0),
        ("Do", 24.0),
        ("What to say", 44.0),
        // What fits a page ends here.
        ("Assignee", 18.0),
        ("Next date", 12.0),
        ("Outcome", 16.0),
        ("Note", 36.0),
        ("Title", 22.0),
        ("Country", 14.0),
        ("Waiting since", 17.0),
        ("Missing in", 14.0),
        ("Colleagues in the CRM", 60.0),
        ("Owner", 18.0),
        ("Status", 10.0),
        ("Tried", 26.0),
        ("Record", 20.0),
        ("Lead ID", 18.0),
    ]
    .into_iter()
    .map(|(title, width)| Column::new(title, width))
    .collect();
    for column in &mut columns {
        if column.title == "Outcome" {
            column.choices = ["called", "duplicate", "junk", "in-crm:", "no-answer", "call-back:", "open"]
                .map(str::to_owned)
                .to_vec();
        }
    }
    columns
}

fn row(inputs: &Inputs, contact: &Contact, known: &Known, missed: &[Missed]) -> Vec<Cell> {
    let text = |t: Option<&str>| Cell::from(t);
    let first = missed.iter().map(|m| m.received_at).min().and_then(DateTime::from_timestamp_micros);
    let days = first.map_or(0, |at| (inputs.as_of_ends_at - at).num_days());
    let name = [contact.first_name, contact.last_name].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let mut destinations: Vec<&str> = missed.iter().map(|m| m.destination).collect();
    destinations.sort_unstable();
    destinations.dedup();
    let mut ids: Vec<&str> = Vec::new();
    let mut acts: Vec<String> = Vec::new();
    for one in missed {
        // The same lead missing in two CRMs is one thing the customer did.
        if !ids.contains(&one.lead_id) {
            ids.push(one.lead_id);
            acts.push(act(one, inputs.timezone));
        }
    }
    vec![
        text(Some(name.as_str()).filter(|n| !n.is_empty())),
        text(contact.phone),
        text(contact.email),
        text(contact.company),
        Cell::Text(acts.join("; ")),
        Cell::Count(days),
        Cell::Text(what_to_do(contact, known)),
        Cell::Text(what_to_say(contact, known, missed, days)),
        Cell::Empty,
        Cell::Empty,
        Cell::Empty,
        Cell::Empty,
        text(contact.title),
        text(contact.country),
        first.map_or(Cell::Empty, Cell::Instant),
        Cell::Text(destinations.join(", ")),
        text(Some(known.colleagues.as_str()).filter(|c| !c.is_empty())),
        text(known.owner),
        text(missed.first().map(|m| m.status)),
        tried(inputs, missed).map_or(Cell::Empty, Cell::Text),
        record(inputs, known),
        Cell::Text(ids.join(" ")),
    ]
}

/// How often somebody tried to reach the person, and when last.
fn tried(inputs: &Inputs, missed: &[Missed]) -> Option<String> {
    let last = missed.iter().filter_map(|m| inputs.tries.get(m.lead_id)).max_by_key(|t| (t.last_on, t.count))?;
    let times = if last.count == 1 { "once".to_owned() } else { format!("{} times", last.count) };
    Some(match last.call_on {
        Some(day) => format!("{times}; to be called on {day}"),
        None => format!("{times}, last told {}", last.last_on),
    })
}

/// The person's own record, opened by a click where the destination has a `link`.
fn record(inputs: &Inputs, known: &Known) -> Cell {
    let Some(id) = known.own_record else { return Cell::Empty };
    match known.own_record_at.and_then(|at| inputs.links.get(at)) {
        Some(link) => Cell::Link { text: id.to_owned(), address: links::address(link, id) },
        None => Cell::Text(id.to_owned()),
    }
}

fn act(missed: &Missed, timezone: Tz) -> String {
    let did = match missed.stage {
        stage::PURCHASE => "bought",
        stage::CONTACT => "asked to be contacted about",
        stage::INTEREST => "asked for",
        stage::TRIAL => "started a test drive of",
        _ => "showed interest in",
    };
    let at = DateTime::from_timestamp_micros(missed.received_at).map_or_else(String::new, |at| {
        timezone.from_utc_datetime(&at.naive_utc()).format(" on %-d %B %Y, %H:%M").to_string()
    });
    format!("{did} {}{at}", missed.offer)
}

fn what_to_do(contact: &Contact, known: &Known) -> String {
    let owner = known.owner.unwrap_or("the owner");
    match known.already {
        Some(Already::Customer) => format!("Tell {owner}: customer already"),
        Some(Already::Opportunity) => format!("Tell {owner}: open opportunity"),
        None if contact.phone.is_some() => "Call".to_owned(),
        None if contact.email.is_some() => "Write: no phone was given".to_owned(),
        None => "Look for a way to reach them: neither phone nor e-mail was given".to_owned(),
    }
}

fn what_to_say(contact: &Contact, known: &Known, missed: &[Missed], days: i64) -> String {
    let Some(first) = missed.first() else { return String::new() };
    let mut said = vec![match first.stage {
        stage::PURCHASE => format!("Thank them for buying {}; offer help with the first steps.", first.offer),
        stage::CONTACT => format!("They asked for a call about {}: ask what they want to solve.", first.offer),
        stage::INTEREST => format!("They asked for {}: ask what they need it for, offer to show it.", first.offer),
        stage::TRIAL => format!("They tried {}: ask how it went and what was missing.", first.offer),
        _ => format!("They looked at {}: ask what they are looking for.", first.offer),
    }];
    let is_proved = |m: &Missed| matches!(m.reason, reason::OUTAGE | reason::CAUSE);
    if !missed.iter().all(is_proved) {
        let mut places: Vec<&str> = missed.iter().filter(|m| !is_proved(m)).map(|m| m.destination).collect();
        places.sort_unstable();
        places.dedup();
        said.push(format!(
            "Look for them in {} first: that no record was found is all that says they were lost.",
            places.join(" and ")
        ));
    } else if days >= 2 {
        said.push("Apologise for the wait: a technical fault kept their request from us.".to_owned());
    }
    if missed.iter().any(|m| m.status == status::REPLAYED) {
        said.push("Handed in to the CRM again: look for the record first.".to_owned());
    }
    if let Some(record) = known.own_record {
        said.push(format!("They stand in the CRM already, as {record}: read it first."));
    }
    if known.already.is_none() && !known.colleagues.is_empty() {
        said.push("We know colleagues of theirs.".to_owned());
    }
    if contact.phone.is_none() && contact.email.is_some() {
        said.push("By e-mail: there is no phone.".to_owned());
    }
    said.join(" ")
}

/// Open missed leads by person, in the order of urgency of each person's first.
fn by_person<'a>(
    inputs: &'a Inputs,
    contacts: &Contacts,
    silent: &Suppressed,
) -> Result<Vec<(&'a str, Vec<Missed<'a>>)>> {
    let missed = inputs.missed_leads;
    let (ids, people, destinations) =
        (missed.texts("lead_id")?, missed.texts("person_id")?, missed.texts("destination")?);
    let (stages, statuses, received) =
        (missed.texts("stage")?, missed.texts("status")?, missed.instants("received_at")?);
    let reasons = missed.texts("reason")?;
    let (offers, offer_ids, emails) = (missed.texts("offer")?, missed.texts("offer_id")?, missed.texts("email")?);
    let mut order: Vec<(&str, Vec<Missed>)> = Vec::new();
    let mut place: BTreeMap<&str, usize> = BTreeMap::new();
    for row in 0..missed.height() {
        let (Some(lead_id), Some(destination), Some(status)) = (ids[row], destinations[row], statuses[row]) else {
            continue;
        };
        let person = people[row].unwrap_or(lead_id);
        let callable = [status::NEW, status::OPEN, status::REPLAYED].contains(&status)
            && !inputs.gated.contains(destination)
            && inputs.tries.get(lead_id).and_then(|tries| tries.call_on).is_none_or(|day| day <= inputs.as_of)
            && contacts.genuine.contains(lead_id)
            && !silent.holds(Some(person), emails[row]);
        if !callable {
            continue;
        }
        let one = Missed {
            lead_id,
            destination,
            received_at: received[row].unwrap_or_default(),
            stage: stages[row].unwrap_or(stage::NONE),
            reason: reasons[row].unwrap_or_default(),
            status,
            offer: offers[row].or(offer_ids[row]).unwrap_or("your offer"),
        };
        let at = *place.entry(person).or_insert_with(|| {
            order.push((person, Vec::new()));
            order.len() - 1
        });
        order[at].1.push(one);
    }
    Ok(order)
}

#[cfg(test)]
mod tests;
