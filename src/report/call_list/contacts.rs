//! What people typed, lead by lead → the best of it for one row of the call list.

use polars::prelude::{PlHashMap, PlHashSet};

use crate::codes::kind;
use crate::contact::{is_placeholder, normalised_email, phone_digits};
use crate::error::Result;
use crate::tables::{Grain, Leads, People, Table};

/// The best of what a person typed.
#[derive(Clone, Copy, Default)]
pub(super) struct Contact<'a> {
    pub(super) first_name: Option<&'a str>,
    pub(super) last_name: Option<&'a str>,
    pub(super) email: Option<&'a str>,
    pub(super) phone: Option<&'a str>,
    pub(super) company: Option<&'a str>,
    pub(super) title: Option<&'a str>,
    pub(super) country: Option<&'a str>,
}

/// What people typed, lead by lead, and what is newest of it.
pub(super) struct Contacts<'a> {
    pub(super) genuine: PlHashSet<&'a str>,
    leads: PlHashMap<&'a str, Contact<'a>>,
    people: PlHashMap<&'a str, Contact<'a>>,
}

impl<'a> Contacts<'a> {
    pub(super) fn read(leads: &'a Table<Leads>, people: &'a Table<People>) -> Result<Contacts<'a>> {
        let (ids, kinds) = (leads.texts("lead_id")?, leads.texts("kind")?);
        let genuine = ids.iter().zip(&kinds).filter(|(_, k)| **k == Some(kind::GENUINE)).filter_map(|(id, _)| *id);
        Ok(Contacts {
            genuine: genuine.collect(),
            leads: typed(leads, "lead_id")?,
            people: typed(people, "person_id")?,
        })
    }

    /// Of each field the value of the most urgent lead that has one worth using, else the person's newest.
    pub(super) fn of<'l>(&self, person: &str, lead_ids: impl Iterator<Item = &'l str>) -> Contact<'a> {
        let mut found: Vec<Contact<'a>> = lead_ids.filter_map(|id| self.leads.get(id).copied()).collect();
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
            // Any other text there is what forms are filled with to get past them: nobody answers.
            phone: first(|c| c.phone, |v| phone_digits(v).is_some()).filter(|v| phone_digits(v).is_some()),
            company: first(|c| c.company, any),
            title: first(|c| c.title, any),
            country: first(|c| c.country, any),
        }
    }
}

fn typed<'a, T: Grain>(table: &'a Table<T>, key: &str) -> Result<PlHashMap<&'a str, Contact<'a>>> {
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
