//! Who must not be called, written to or handed back: people and addresses that opted out in any CRM and, where so
//! configured, people with a do-not-contact lead.
//!
//! `call_list` and `replay` obey it. An opt-out is kept by address too: the CRM's record may belong to nobody we know.

use std::collections::BTreeSet;

use crate::contact::normalised_email;
use crate::error::Result;
use crate::tables::{CrmRecords, People, Table};

/// People and normalised addresses that are to be left alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suppressed {
    people: BTreeSet<String>,
    addresses: BTreeSet<String>,
}

impl Suppressed {
    /// Reads opt-outs of every CRM record, deleted and vanished ones too, and the do-not-contact marks of people.
    ///
    /// # Errors
    /// Only when a table does not have its agreed shape.
    pub fn read(records: &Table<CrmRecords>, people: &Table<People>, dnc_silences_person: bool) -> Result<Suppressed> {
        let (persons, emails, opted) =
            (records.texts("person_id")?, records.texts("email")?, records.flags("opted_out")?);
        let mut suppressed = Suppressed::default();
        for row in (0..records.height()).filter(|row| opted[*row]) {
            suppressed.people.extend(persons[row].map(str::to_owned));
            suppressed.addresses.extend(emails[row].and_then(normalised_email));
        }
        if dnc_silences_person {
            let (persons, dnc) = (people.texts("person_id")?, people.flags("do_not_contact")?);
            let marked = (0..persons.len()).filter(|row| dnc[*row]).filter_map(|row| persons[row]);
            suppressed.people.extend(marked.map(str::to_owned));
        }
        Ok(suppressed)
    }

    /// Whether this person, or this address in any spelling, is to be left alone.
    pub fn holds(&self, person: Option<&str>, email: Option<&str>) -> bool {
        person.is_some_and(|p| self.people.contains(p))
            || email.and_then(normalised_email).is_some_and(|e| self.addresses.contains(&e))
    }
}
