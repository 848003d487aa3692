//! What the CRMs know already of a person and the company: colleagues, their owner, a deal or a customer.

use std::collections::BTreeSet;

use polars::prelude::PlHashMap;

use crate::codes::outcome;
use crate::contact::{company_key, email_domain, is_free_mail};
use crate::error::{Result, count};
use crate::report::call_list::contacts::Contact;
use crate::tables::{CrmRecords, Table};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Already {
    Opportunity,
    Customer,
}

/// What the CRMs know of a person and the company.
pub(super) struct Known<'a> {
    pub(super) colleagues: String,
    pub(super) owner: Option<&'a str>,
    pub(super) already: Option<Already>,
    /// A record of the person's own, which the lost lead did not reach.
    pub(super) own_record: Option<&'a str>,
    /// The destination of that record.
    pub(super) own_record_at: Option<&'a str>,
}

/// CRM records by person, and by company or its mail domain.
pub(super) struct Companies<'a> {
    records: Vec<Record<'a>>,
    of_person: PlHashMap<&'a str, Vec<usize>>,
    of_company: PlHashMap<String, Vec<usize>>,
    of_domain: PlHashMap<String, Vec<usize>>,
}

/// A mail domain that is a company's.
fn domain_of(email: &str) -> Option<String> {
    Some(email).filter(|email| !is_free_mail(email)).and_then(email_domain)
}

struct Record<'a> {
    person: Option<&'a str>,
    name: String,
    owner: Option<&'a str>,
    already: Option<Already>,
    touched: i64,
    record_id: &'a str,
    destination: &'a str,
}

/// Most colleagues that a cell names.
const COLLEAGUES: usize = 5;

/// Domains with more records than this are no company's: nobody wants hundreds of colleagues.
const COMPANY: usize = 2_000;

/// A name as it is compared with others.
fn folded(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

impl<'a> Companies<'a> {
    /// The records of these people, and of their companies: a CRM holds a hundred times more of others.
    pub(super) fn read(records: &'a Table<CrmRecords>, wanted: &[(&'a str, Contact<'a>)]) -> Result<Companies<'a>> {
        let text = |name: &str| records.texts(name);
        let destinations = text("destination")?;
        let (ids, people, owners) = (text("record_id")?, text("person_id")?, text("owner")?);
        let (first, last, company, email) = (text("first_name")?, text("last_name")?, text("company")?, text("email")?);
        let (outcomes, opportunity) = (text("outcome")?, text("opportunity")?);
        let (created, modified) = (records.instants("created_at")?, records.instants("modified_at")?);
        let deleted = records.flags("deleted")?;
        let mut all = Companies {
            records: Vec::new(),
            of_person: wanted.iter().map(|(person, _)| (*person, Vec::new())).collect(),
            of_company: wanted.iter().filter_map(|(_, c)| Some((company_key(c.company?)?, Vec::new()))).collect(),
            of_domain: wanted.iter().filter_map(|(_, c)| Some((domain_of(c.email?)?, Vec::new()))).collect(),
        };
        // A company is written in few ways, over and over.
        let mut keys: PlHashMap<&str, Option<String>> = PlHashMap::default();
        for row in (0..records.height()).filter(|row| !deleted[*row]) {
            let at = all.records.len();
            let company = company[row].filter(|_| !all.of_company.is_empty());
            let key = company.and_then(|text| keys.entry(text).or_insert_with(|| company_key(text)).as_ref());
            let domain = email[row].filter(|_| !all.of_domain.is_empty()).and_then(domain_of);
            let places = [
                people[row].and_then(|person| all.of_person.get_mut(person)),
                key.and_then(|key| all.of_company.get_mut(key)),
                domain.and_then(|domain| all.of_domain.get_mut(&domain)),
            ];
            let mut is_wanted = false;
            for place in places.into_iter().flatten() {
                place.push(at);
                is_wanted = true;
            }
            if !is_wanted {
                continue;
            }
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
                destination: destinations[row].unwrap_or_default(),
            });
        }
        Ok(all)
    }

    pub(super) fn known(&self, person: &str, contact: &Contact) -> Known<'a> {
        let domain = contact.email.and_then(domain_of);
        let company = contact.company.and_then(company_key);
        let of_person = self.of_person.get(person);
        let mut found: Vec<usize> = [
            domain.and_then(|d| self.of_domain.get(&d)).filter(|all| all.len() <= COMPANY),
            company.and_then(|c| self.of_company.get(&c)).filter(|all| all.len() <= COMPANY),
            of_person,
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
        let own_name = [contact.first_name, contact.last_name].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let (mut names, mut named) = (Vec::new(), BTreeSet::from([folded(&own_name)]));
        for record in records.iter().filter(|r| r.person != Some(person)) {
            let name = match (record.name.as_str(), record.owner) {
                ("", _) => continue,
                (name, Some(owner)) => format!("{name} (owner {owner})"),
                (name, None) => name.to_owned(),
            };
            // A colleague with several records, at several CRMs, is named once: by the record that says most.
            if named.insert(folded(&record.name)) {
                names.push(name);
            }
        }
        let more = names.len().saturating_sub(COLLEAGUES);
        names.truncate(COLLEAGUES);
        if more > 0 {
            names.push(format!("and {}", count(more, "other", "others")));
        }
        let own = records.iter().find(|r| r.person == Some(person));
        Known {
            colleagues: names.join(", "),
            owner: records.iter().find_map(|r| r.owner),
            already: records.first().and_then(|r| r.already),
            own_record: own.map(|r| r.record_id),
            own_record_at: own.map(|r| r.destination),
        }
    }
}
