//! Missed people → the sheets of `call-list.xlsx`: one row for each person whom somebody should call, most urgent first.
//!
//! It is read by sales, so it says what the person did, what stands in the CRM about the company already, and what to
//! say; the two empty columns at the end, outcome and note, are read back as `worked.csv` (`worked.rs`). It holds nobody
//! who must not be called: only genuine leads can be missed, and people who opted out are left out here.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeZone as _, Utc};
use chrono_tz::Tz;

use crate::codes::{kind, outcome, stage, status};
use crate::config::SplitBy;
use crate::contact::{
    company_key, country_code, email_domain, is_free_mail, is_placeholder, normalised_email, phone_digits,
};
use crate::error::{Result, count};
use crate::report::xlsx::{Cell, Column, Sheet};
use crate::tables::{CrmRecords, Leads, MissedLeads, People, Table};

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
    /// Whether a do-not-contact lead silences the person's other leads.
    pub dnc_silences_person: bool,
    /// How to divide the list; none: one sheet.
    pub split_by: Option<SplitBy>,
    /// First instant after the as-of day: until when people have waited.
    pub as_of_ends_at: DateTime<Utc>,
    /// Zone of the times in words.
    pub timezone: Tz,
}

/// Most colleagues that a cell names.
const COLLEAGUES: usize = 5;

/// One lead of somebody on the list.
struct Missed<'a> {
    lead_id: &'a str,
    destination: &'a str,
    received_at: i64,
    stage: &'a str,
    status: &'a str,
    offer: &'a str,
}

/// The sheets of the list; one empty sheet when there is nobody to call.
///
/// # Errors
/// Only when a table does not have its agreed shape.
pub fn sheets(inputs: &Inputs) -> Result<Vec<Sheet>> {
    let company = Companies::read(inputs.crm_records)?;
    let contacts = Contacts::read(inputs.leads, inputs.people)?;
    let silent = silent(inputs)?;
    let mut sheets: BTreeMap<String, Vec<Vec<Cell>>> = BTreeMap::new();
    for (person, missed) in by_person(inputs, &contacts, &silent)? {
        let contact = contacts.of(person, &missed);
        let known = company.known(person, &contact);
        let tab = match inputs.split_by {
            None => "Call list".to_owned(),
            Some(SplitBy::Country) => {
                let typed = contact.country.unwrap_or("No country");
                country_code(typed).map_or_else(|| typed.to_owned(), str::to_owned)
            }
            Some(SplitBy::Owner) => known.owner.unwrap_or("No owner").to_owned(),
            Some(SplitBy::Offer) => missed.first().map_or("No offer", |m| m.offer).to_owned(),
        };
        sheets.entry(tab).or_default().push(row(inputs, &contact, &known, &missed));
    }
    if sheets.is_empty() {
        sheets.insert("Call list".to_owned(), Vec::new());
    }
    Ok(sheets.into_iter().map(|(name, rows)| Sheet { name, columns: columns(), rows }).collect())
}

fn columns() -> Vec<Column> {
    let mut columns: Vec<Column> = [
        ("Name", 24.0),
        ("Phone", 20.0),
        ("Email", 30.0),
        ("Company", 26.0),
        ("Title", 20.0),
        ("Country", 12.0),
        ("What they did", 60.0),
        ("Waiting since", 18.0),
        ("Days", 7.0),
        ("Missing in", 16.0),
        ("Colleagues in the CRM", 40.0),
        ("Owner", 18.0),
        ("Do", 28.0),
        ("What to say", 60.0),
        ("Status", 10.0),
        ("Outcome", 18.0),
        ("Note", 40.0),
        ("Lead ID", 20.0),
    ]
    .into_iter()
    .map(|(title, width)| Column::new(title, width))
    .collect();
    for column in &mut columns {
        if column.title == "Outcome" {
            column.choices = ["called", "duplicate", "junk", "in-crm:"].map(str::to_owned).to_vec();
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
        text(contact.title),
        text(contact.country),
        Cell::Text(acts.join("; ")),
        first.map_or(Cell::Empty, Cell::Instant),
        Cell::Count(days),
        Cell::Text(destinations.join(", ")),
        text(Some(known.colleagues.as_str()).filter(|c| !c.is_empty())),
        text(known.owner),
        Cell::Text(what_to_do(contact, known)),
        Cell::Text(what_to_say(contact, known, missed, days)),
        text(missed.first().map(|m| m.status)),
        Cell::Empty,
        Cell::Empty,
        Cell::Text(ids.join(" ")),
    ]
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
    if days >= 2 {
        said.push("Apologise for the wait: a technical fault kept their request from us.".to_owned());
    }
    if missed.iter().any(|m| m.status == status::REPLAYED) {
        said.push("Handed in to the CRM again: look for the record first.".to_owned());
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
    silent: &BTreeSet<String>,
) -> Result<Vec<(&'a str, Vec<Missed<'a>>)>> {
    let missed = inputs.missed_leads;
    let (ids, people, destinations) =
        (missed.texts("lead_id")?, missed.texts("person_id")?, missed.texts("destination")?);
    let (stages, statuses, received) =
        (missed.texts("stage")?, missed.texts("status")?, missed.instants("received_at")?);
    let (offers, offer_ids, emails) = (missed.texts("offer")?, missed.texts("offer_id")?, missed.texts("email")?);
    let mut order: Vec<(&str, Vec<Missed>)> = Vec::new();
    let mut place: BTreeMap<&str, usize> = BTreeMap::new();
    for row in 0..missed.height() {
        let (Some(lead_id), Some(destination), Some(status)) = (ids[row], destinations[row], statuses[row]) else {
            continue;
        };
        let person = people[row].unwrap_or(lead_id);
        let mail = emails[row].and_then(normalised_email);
        let callable = [status::NEW, status::OPEN, status::REPLAYED].contains(&status)
            && !inputs.gated.contains(destination)
            && contacts.genuine.contains(lead_id)
            && !silent.contains(person)
            && mail.is_none_or(|m| !silent.contains(&m));
        if !callable {
            continue;
        }
        let one = Missed {
            lead_id,
            destination,
            received_at: received[row].unwrap_or_default(),
            stage: stages[row].unwrap_or(stage::NONE),
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

/// People and addresses that opted out in any CRM, and, if so configured, people with a do-not-contact lead.
fn silent(inputs: &Inputs) -> Result<BTreeSet<String>> {
    let records = inputs.crm_records;
    let (people, emails, opted) = (records.texts("person_id")?, records.texts("email")?, records.flags("opted_out")?);
    let mut silent = BTreeSet::new();
    for row in (0..records.height()).filter(|row| opted[*row]) {
        silent.extend(people[row].map(str::to_owned));
        silent.extend(emails[row].and_then(normalised_email));
    }
    if inputs.dnc_silences_person {
        let (people, dnc) = (inputs.people.texts("person_id")?, inputs.people.flags("do_not_contact")?);
        silent.extend((0..people.len()).filter(|row| dnc[*row]).filter_map(|row| people[row].map(str::to_owned)));
    }
    Ok(silent)
}

/// The best of what a person typed.
#[derive(Clone, Copy, Default)]
struct Contact<'a> {
    first_name: Option<&'a str>,
    last_name: Option<&'a str>,
    email: Option<&'a str>,
    phone: Option<&'a str>,
    company: Option<&'a str>,
    title: Option<&'a str>,
    country: Option<&'a str>,
}

/// What people typed, lead by lead, and what is newest of it.
struct Contacts<'a> {
    genuine: BTreeSet<&'a str>,
    leads: BTreeMap<&'a str, Contact<'a>>,
    people: BTreeMap<&'a str, Contact<'a>>,
}

impl<'a> Contacts<'a> {
    fn read(leads: &'a Table<Leads>, people: &'a Table<People>) -> Result<Contacts<'a>> {
        let (ids, kinds) = (leads.texts("lead_id")?, leads.texts("kind")?);
        let genuine = ids.iter().zip(&kinds).filter(|(_, k)| **k == Some(kind::GENUINE)).filter_map(|(id, _)| *id);
        Ok(Contacts {
            genuine: genuine.collect(),
            leads: typed(leads, "lead_id")?,
            people: typed(people, "person_id")?,
        })
    }

    /// Of each field the value of the most urgent lead that has one worth using, else the person's newest.
    fn of(&self, person: &str, missed: &[Missed]) -> Contact<'a> {
        let mut found: Vec<Contact<'a>> = missed.iter().filter_map(|m| self.leads.get(m.lead_id).copied()).collect();
        found.extend(self.people.get(person));
        let first = |of: fn(&Contact<'a>) -> Option<&'a str>, good: fn(&str) -> bool| {
            let values: Vec<&'a str> = found.iter().filter_map(of).collect();
            values.iter().copied().find(|v| good(v)).or(values.first().copied())
        };
        let any = |v: &str| !is_placeholder(v);
        Contact {
            first_name: first(|c| c.first_name, any),
            last_name: first(|c| c.last_name, any),
            email: first(|c| c.email, |v| normalised_email(v).is_some()),
            phone: first(|c| c.phone, |v| phone_digits(v).is_some()).filter(|v| v.chars().any(|c| c.is_ascii_digit())),
            company: first(|c| c.company, any),
            title: first(|c| c.title, any),
            country: first(|c| c.country, any),
        }
    }
}

fn typed<'a, T: crate::tables::Grain>(table: &'a Table<T>, key: &str) -> Result<BTreeMap<&'a str, Contact<'a>>> {
    let columns = ["first_name", "last_name", "email", "phone", "company", "title", "country"]
        .iter()
        .map(|c| table.texts(c))
        .collect::<Result<Vec<_>>>()?;
    let at = |column: usize, row: usize| columns.get(column).and_then(|c| c.get(row)).copied().flatten();
    let keys = table.texts(key)?;
    Ok(keys
        .iter()
        .enumerate()
        .filter_map(|(row, key)| {
            let contact = Contact {
                first_name: at(0, row),
                last_name: at(1, row),
                email: at(2, row),
                phone: at(3, row),
                company: at(4, row),
                title: at(5, row),
                country: at(6, row),
            };
            Some(((*key)?, contact))
        })
        .collect())
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Already {
    Opportunity,
    Customer,
}

/// What the CRMs know of a person and the company.
struct Known<'a> {
    colleagues: String,
    owner: Option<&'a str>,
    already: Option<Already>,
}

/// CRM records by person, and by company or its mail domain.
struct Companies<'a> {
    records: Vec<Record<'a>>,
    of_person: BTreeMap<&'a str, Vec<usize>>,
    of_company: BTreeMap<String, Vec<usize>>,
    of_domain: BTreeMap<String, Vec<usize>>,
}

struct Record<'a> {
    person: Option<&'a str>,
    name: String,
    owner: Option<&'a str>,
    already: Option<Already>,
    touched: i64,
    record_id: &'a str,
}

/// Domains with more records than this are no company's: nobody wants hundreds of colleagues.
const COMPANY: usize = 2_000;

impl<'a> Companies<'a> {
    fn read(records: &'a Table<CrmRecords>) -> Result<Companies<'a>> {
        let text = |name: &str| records.texts(name);
        let (ids, people, owners) = (text("record_id")?, text("person_id")?, text("owner")?);
        let (first, last, company, email) = (text("first_name")?, text("last_name")?, text("company")?, text("email")?);
        let (outcomes, opportunity) = (text("outcome")?, text("opportunity")?);
        let (created, modified) = (records.instants("created_at")?, records.instants("modified_at")?);
        let deleted = records.flags("deleted")?;
        let mut all = Companies {
            records: Vec::new(),
            of_person: BTreeMap::new(),
            of_company: BTreeMap::new(),
            of_domain: BTreeMap::new(),
        };
        for row in (0..records.height()).filter(|row| !deleted[*row]) {
            let at = all.records.len();
            let already = match outcomes[row] {
                Some(outcome::WON) => Some(Already::Customer),
                Some(outcome::LOST) => None,
                _ => opportunity[row].map(|_| Already::Opportunity),
            };
            all.records.push(Record {
                person: people[row],
                name: [first[row], last[row]].into_iter().flatten().collect::<Vec<_>>().join(" "),
                owner: owners[row],
                already,
                touched: modified[row].or(created[row]).unwrap_or(i64::MIN),
                record_id: ids[row].unwrap_or_default(),
            });
            if let Some(person) = people[row] {
                all.of_person.entry(person).or_default().push(at);
            }
            if let Some(key) = company[row].and_then(company_key) {
                all.of_company.entry(key).or_default().push(at);
            }
            if let Some(domain) = email[row].filter(|e| !is_free_mail(e)).and_then(email_domain) {
                all.of_domain.entry(domain).or_default().push(at);
            }
        }
        Ok(all)
    }

    fn known(&self, person: &str, contact: &Contact) -> Known<'a> {
        let domain = contact.email.filter(|e| !is_free_mail(e)).and_then(email_domain);
        let company = contact.company.and_then(company_key);
        let own = self.of_person.get(person);
        let mut found: Vec<usize> = [
            domain.and_then(|d| self.of_domain.get(&d)).filter(|all| all.len() <= COMPANY),
            company.and_then(|c| self.of_company.get(&c)).filter(|all| all.len() <= COMPANY),
            own,
        ]
        .into_iter()
        .flatten()
        .flatten()
        .copied()
        .collect();
        found.sort_unstable();
        found.dedup();
        let mut records: Vec<&Record> = found.iter().filter_map(|at| self.records.get(*at)).collect();
        // The record that says most first: a customer, an opportunity, the person's own, then what was touched last.
        records.sort_by_key(|r| {
            (std::cmp::Reverse(r.already), r.person != Some(person), std::cmp::Reverse(r.touched), r.record_id)
        });
        let mut names: Vec<String> = Vec::new();
        for record in records.iter().filter(|r| r.person != Some(person) || r.person.is_none()) {
            let name = match (record.name.as_str(), record.owner) {
                ("", _) => continue,
                (name, Some(owner)) => format!("{name} (owner {owner})"),
                (name, None) => name.to_owned(),
            };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let more = names.len().saturating_sub(COLLEAGUES);
        names.truncate(COLLEAGUES);
        if more > 0 {
            names.push(format!("and {}", count(more, "other", "others")));
        }
        Known {
            colleagues: names.join(", "),
            owner: records.iter().find_map(|r| r.owner),
            already: records.first().and_then(|r| r.already),
        }
    }
}

#[cfg(test)]
mod tests {
    use polars::prelude::*;

    use super::*;
    use crate::tables::{Grain, Kind};

    /// A table of a few columns; the rest is null, or empty where null is not allowed.
    fn table<T: Grain>(given: DataFrame) -> Table<T> {
        let columns = T::DEFINITION.columns.iter().map(|column| {
            let dtype = column.kind.dtype();
            match (given.column(column.name).is_ok(), column.kind, column.nullable) {
                (true, ..) => col(column.name).cast(dtype),
                (_, Kind::Text, false) => lit("").alias(column.name),
                (_, Kind::Flag, false) => lit(false).alias(column.name),
                (_, _, true) => lit(NULL).cast(dtype).alias(column.name),
                (..) => lit(0).cast(dtype).alias(column.name),
            }
        });
        let rows = given.clone().lazy().with_columns(columns.collect::<Vec<_>>()).collect().unwrap();
        Table::in_order(rows).unwrap()
    }

    struct Case {
        missed: Table<MissedLeads>,
        leads: Table<Leads>,
        people: Table<People>,
        records: Table<CrmRecords>,
    }

    fn micros(text: &str) -> i64 {
        text.parse::<DateTime<Utc>>().unwrap().timestamp_micros()
    }

    fn case() -> Case {
        let (ids, people) = (["l1", "l2", "l3", "l4", "l5", "l6"], ["p1", "p1", "p2", "p3", "p4", "p5"]);
        let emails = [
            "ann@contoso.example", "ann@contoso.example", "bo@web.de", "x@x.example", "eve@out.example", "g@g.example",
        ];
        let missed = table(
            df!("lead_id" => ids, "person_id" => people, "destination" => ["crm", "crm", "crm", "crm", "crm", "gate"],
                "status" => ["new", "open", "open", "closed", "open", "new"],
                "stage" => ["purchase", "interest", "contact", "purchase", "contact", "purchase"],
                "offer" => ["Mesh", "Mesh", "Grid", "Mesh", "Mesh", "Mesh"], "email" => emails,
                "received_at" => vec![micros("2026-05-03T14:02:00Z"); 6])
            .unwrap(),
        );
        let leads = table(
            df!("lead_id" => ids, "kind" => vec!["genuine"; 6], "email" => emails,
                "first_name" => ["Ann", "Ann", "=Bo()", "X", "Eve", "G"],
                "last_name" => ["Lee", "Lee", "Bo", "X", "Eve", "G"],
                "phone" => [None, Some("+49 30 1234567"), None, None, None, None],
                "company" => [Some("Contoso GmbH"), None, None, None, None, None],
                "country" => [Some("Germany"), None, Some("Japan"), None, None, None])
            .unwrap(),
        );
        let people = table(df!("person_id" => ["p1", "p2", "p3", "p4", "p5"]).unwrap());
        let records = table(
            df!("destination" => ["crm", "crm", "crm"], "record_id" => ["r1", "r2", "r3"],
                "first_name" => ["Carl", "Dora", "Eve"], "last_name" => ["Cole", "Dean", "Eve"],
                "owner" => [Some("Olga"), Some("Otto"), None], "company" => [Some("CONTOSO"), None, None],
                "email" => [None, Some("dora@contoso.example"), Some("eve@out.example")],
                "outcome" => [Some("won"), None, None], "opted_out" => [false, false, true])
            .unwrap(),
        );
        Case { missed, leads, people, records }
    }

    fn sheets_of(case: &Case, split_by: Option<SplitBy>) -> Vec<Sheet> {
        sheets(&Inputs {
            missed_leads: &case.missed,
            leads: &case.leads,
            people: &case.people,
            crm_records: &case.records,
            gated: &BTreeSet::from(["gate".to_owned()]),
            dnc_silences_person: false,
            split_by,
            as_of_ends_at: "2026-05-07T00:00:00Z".parse().unwrap(),
            timezone: chrono_tz::Europe::Berlin,
        })
        .unwrap()
    }

    fn cell(sheet: &Sheet, row: usize, title: &str) -> String {
        let at = sheet.columns.iter().position(|c| c.title == title).unwrap();
        match &sheet.rows[row][at] {
            Cell::Text(text) => text.clone(),
            Cell::Count(n) => n.to_string(),
            Cell::Empty => String::new(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn each_open_person_has_one_row_and_nobody_settled_opted_out_or_of_a_gated_destination_has_one() {
        let sheets = sheets_of(&case(), None);
        assert_eq!(sheets.len(), 1);
        let ids: Vec<String> = (0..sheets[0].rows.len()).map(|row| cell(&sheets[0], row, "Lead ID")).collect();
        assert_eq!(ids, ["l1 l2", "l3"], "most urgent first; l4 is settled, l5 opted out, l6 is gated");
        assert!(sheets[0].rows.iter().all(|row| row.len() == sheets[0].columns.len()));
    }

    #[test]
    fn a_row_has_the_best_contact_what_was_done_and_tells_the_owner_of_a_customer() {
        let sheet = &sheets_of(&case(), None)[0];
        assert_eq!(cell(sheet, 0, "Phone"), "+49 30 1234567", "from the other lead of the person");
        assert_eq!(
            cell(sheet, 0, "What they did"),
            "bought Mesh on 3 May 2026, 16:02; asked for Mesh on 3 May 2026, 16:02"
        );
        assert_eq!(cell(sheet, 0, "Days"), "3");
        assert_eq!(cell(sheet, 0, "Do"), "Tell Olga: customer already");
        assert_eq!(cell(sheet, 0, "Colleagues in the CRM"), "Carl Cole (owner Olga), Dora Dean (owner Otto)");
        assert_eq!(cell(sheet, 1, "Do"), "Write: no phone was given");
        assert_eq!((cell(sheet, 1, "Outcome"), cell(sheet, 1, "Note")), (String::new(), String::new()));
    }

    #[test]
    fn the_list_is_divided_as_configured_and_never_loses_a_row() {
        let names = |by| sheets_of(&case(), by).into_iter().map(|s| (s.name, s.rows.len())).collect::<Vec<_>>();
        let pair = |a: &str, n: usize| (a.to_owned(), n);
        assert_eq!(names(Some(SplitBy::Country)), [pair("DE", 1), pair("JP", 1)]);
        assert_eq!(names(Some(SplitBy::Owner)), [pair("No owner", 1), pair("Olga", 1)]);
        assert_eq!(names(Some(SplitBy::Offer)), [pair("Grid", 1), pair("Mesh", 1)]);
    }

    #[test]
    fn what_sales_fill_in_is_read_back_as_settled_leads() {
        let sheet = &sheets_of(&case(), None)[0];
        let mut csv = csv::WriterBuilder::new().delimiter(b';').from_writer("\u{feff}".as_bytes().to_vec());
        csv.write_record(sheet.columns.iter().map(|c| c.title.as_str())).unwrap();
        for row in 0..sheet.rows.len() {
            let cells = sheet.columns.iter().map(|c| match c.title.as_str() {
                "Outcome" => "Called".to_owned(),
                other => cell(sheet, row, other),
            });
            csv.write_record(cells).unwrap();
        }
        let text = String::from_utf8(csv.into_inner().unwrap()).unwrap();
        let worked = crate::worked::parse(&text);
        assert_eq!(worked.problems, Vec::<String>::new());
        assert_eq!(worked.entries.iter().map(|e| e.who.as_str()).collect::<Vec<_>>(), ["l1", "l2", "l3"]);
    }
}
