//! WHO: what a person types to name a lead, a CRM record or a human being; every command reads it here.
//!
//! It is a lead id in any case, a raw lead's key (whole, or what stands behind its partition or folder), the id of a CRM
//! record as the CRM shows it, or an e-mail as it was typed.

use std::collections::BTreeSet;

use crate::contact::normalised_email;
use crate::error::Result;
use crate::tables::{CrmRecords, Identities, Leads, Table};

/// What was typed, in comparable form.
#[derive(Clone, Debug)]
pub struct Who<'a> {
    text: &'a str,
    email: Option<String>,
}

impl<'a> Who<'a> {
    /// Reads what was typed.
    pub fn new(text: &'a str) -> Self {
        let text = text.trim();
        Who { text, email: normalised_email(text) }
    }

    /// The e-mail in comparable form, where it is one.
    pub fn email(&self) -> Option<&str> {
        self.email.as_deref()
    }

    /// Whether it is this lead id.
    pub fn is_lead(&self, id: &str) -> bool {
        id.eq_ignore_ascii_case(self.text)
    }

    /// Whether it is this `source_key`, or the part of it that people see: the RowKey, a blob without its folder.
    pub fn is_key(&self, key: &str) -> bool {
        let behind = [key.split_once('/'), key.rsplit_once('/')];
        key == self.text || behind.into_iter().flatten().any(|(_, part)| part == self.text)
    }

    /// Whether it is this address, however the two are written.
    pub fn is_email(&self, email: Option<&str>) -> bool {
        self.email.is_some() && email.and_then(normalised_email) == self.email
    }

    /// Whether it is this record's id: Salesforce shows ids of 15 characters beside those of 18, and GUIDs stand in
    /// braces and in any case (Salesforce, "ID Field Type").
    pub fn is_record(&self, id: &str) -> bool {
        let bare = self.text.trim_matches(['{', '}']);
        bare == id
            || (bare.len() == 15 && id.len() == 18 && id.starts_with(bare))
            || (bare.len() == 36 && bare.eq_ignore_ascii_case(id))
    }
}

/// Rows of the leads that are meant: by lead id, else by key, else by e-mail, else all leads of a CRM record's person.
///
/// # Errors
/// Where a table does not have its shape.
pub fn rows_of(
    who: &str,
    leads: &Table<Leads>,
    identities: &Table<Identities>,
    records: &Table<CrmRecords>,
) -> Result<Vec<usize>> {
    let who = Who::new(who);
    let rows = |column: Vec<Option<&str>>, is: &dyn Fn(&str) -> bool| -> Vec<usize> {
        (0..).zip(column).filter(|(_, cell)| cell.is_some_and(is)).map(|(row, _)| row).collect()
    };
    let by_id = rows(leads.texts("lead_id")?, &|id| who.is_lead(id));
    if !by_id.is_empty() {
        return Ok(by_id);
    }
    let by_key = rows(leads.texts("source_key")?, &|key| who.is_key(key));
    if !by_key.is_empty() {
        return Ok(by_key);
    }
    let by_email = rows(leads.texts("email")?, &|email| who.is_email(Some(email)));
    if !by_email.is_empty() {
        return Ok(by_email);
    }
    let persons = records.texts("record_id")?.into_iter().zip(records.texts("person_id")?);
    let persons: BTreeSet<&str> =
        persons.filter(|(id, _)| id.is_some_and(|id| who.is_record(id))).filter_map(|(_, person)| person).collect();
    Ok(rows(identities.texts("person_id")?, &|person| persons.contains(person)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lead_is_named_by_its_id_its_key_or_the_part_of_the_key_that_people_see() {
        assert!(Who::new(" 00AA11BB22CC33DD ").is_lead("00aa11bb22cc33dd"));
        for (typed, key) in [
            ("5:2F3:2F2026/row-1", "5:2F3:2F2026/row-1"),
            ("row-1", "5:2F3:2F2026/row-1"),
            ("2026/05/a.json#2", "leads/2026/05/a.json#2"),
            ("a.json#2", "leads/2026/05/a.json#2"),
        ] {
            assert!(Who::new(typed).is_key(key), "{typed}");
        }
        assert!(!Who::new("05/a.json").is_key("leads/2026/05/a.json"));
        assert!(Who::new("Ann.Lee@Contoso.com").is_email(Some(" ann.lee@contoso.com")));
        assert!(!Who::new("nobody").is_email(None));
    }

    #[test]
    fn a_record_is_named_by_its_id_as_the_crm_shows_it() {
        let who = |text| Who::new(text);
        assert!(who("00Q000000000001").is_record("00Q000000000001AAA"));
        assert!(!who("00q000000000001").is_record("00Q000000000001AAA"));
        assert!(who("{5F1D0000-0000-0000-0000-00000000000A}").is_record("5f1d0000-0000-0000-0000-00000000000a"));
    }
}
