//! An export of a CRM's users → names of owners, where an export of records has only their ids.

use std::collections::{BTreeMap, HashMap};

use crate::error::{Error, Result};
use crate::reviewed::{self, Fields};
use crate::tables::{ExportRecords, Interned, Table};

/// Names of users by id.
pub type Users = BTreeMap<String, String>;

const ID: usize = 0;
const NAME: usize = 1;
const FIRST: usize = 2;
const LAST: usize = 3;
const COLUMNS: &Fields = &[
    ("id", &["id", "userid", "ownerid", "hubspotownerid", "systemuserid", "user", "benutzerid", "owner"]),
    (
        "name",
        &[
            "name", "fullname", "ownername", "username", "displayname", "vollständigername", "nomcomplet",
            "nombrecompleto",
        ],
    ),
    ("first name", &["firstname", "vorname", "prénom"]),
    ("last name", &["lastname", "nachname", "nom"]),
];

/// Reads an export of users: an id, and a name or a first and a last one.
///
/// # Errors
/// A file that is no table, has no id, or is an export of records (exit 3).
pub fn users(name: &str, bytes: Vec<u8>) -> Result<Users> {
    let lines = reviewed::read(name, bytes, COLUMNS, &[ID])?.lines;
    let named = lines.iter().filter_map(|line| {
        let parts: Vec<&str> = [FIRST, LAST].into_iter().filter_map(|field| line.cell(field)).collect();
        let name = line.cell(NAME).map_or_else(|| parts.join(" "), str::to_owned);
        Some((comparable(line.cell(ID)?), name)).filter(|(_, name)| !name.is_empty())
    });
    let users: Users = named.collect();
    if !users.is_empty() && users.keys().all(|id| is_of_a_record(id)) {
        return Err(Error::partial(format!("cannot read \"{name}\": its ids are those of records, and of no user"))
            .hint("give the export of users (Salesforce's begin with 005)"));
    }
    Ok(users)
}

/// Whether it is an id as Salesforce makes them, and neither a user's nor a queue's: by such a file a lead would own leads.
fn is_of_a_record(id: &str) -> bool {
    let is_theirs = id.len() == 15 && id.starts_with("00") && id.chars().all(|c| c.is_ascii_alphanumeric());
    is_theirs && !["005", "00G"].iter().any(|of| id.starts_with(of))
}

/// Records with the names of their owners; an id that the users do not have stays.
///
/// # Errors
/// Only when a table does not have its agreed shape.
pub fn named(records: Table<ExportRecords>, users: &BTreeMap<String, Users>) -> Result<Table<ExportRecords>> {
    if users.values().all(BTreeMap::is_empty) {
        return Ok(records);
    }
    let mut owners = Interned::new("owner", records.height());
    let mut known: HashMap<(&str, &str), Option<&str>> = HashMap::new();
    for (destination, owner) in records.texts("destination")?.into_iter().zip(records.texts("owner")?) {
        let name = destination.zip(owner).and_then(|(at, owner)| {
            *known.entry((at, owner)).or_insert_with(|| Some(users.get(at)?.get(&comparable(owner))?.as_str()))
        });
        owners.push(name.or(owner));
    }
    let owners = owners.finish()?;
    let mut frame = records.into_frame();
    frame.with_column(owners)?;
    Table::new(frame)
}

/// An id as it is compared: Salesforce writes one in 15 characters or, with three more that check them, in 18.
fn comparable(id: &str) -> String {
    let id = id.trim();
    match id.get(..15) {
        Some(short) if id.len() == 18 && id.chars().all(|c| c.is_ascii_alphanumeric()) => short.to_owned(),
        _ => id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use polars::prelude::*;

    use super::*;

    #[test]
    fn owners_are_named_by_the_users_of_their_own_crm_and_stay_ids_without_one() {
        let text = "Id,FirstName,LastName\n0055g00000A1b2cAAA,Dana,Ortiz\n77,Kim,\n";
        let users = BTreeMap::from([("sf".to_owned(), users("users.csv", text.as_bytes().to_vec()).unwrap())]);
        let records = Table::sample(
            df!("destination" => ["hub", "sf", "sf", "sf"], "record_id" => ["0", "1", "2", "3"],
                "owner" => [Some("77"), Some("0055g00000A1b2c"), Some("77"), Some("0059")])
            .unwrap(),
        );
        let named = named(records, &users).unwrap();
        assert_eq!(named.texts("owner").unwrap(), [Some("77"), Some("Dana Ortiz"), Some("Kim"), Some("0059")]);
        assert!(super::users("users.csv", b"Name,Mail\nDana,x\n".to_vec()).is_err());
        let leads = super::users("leads.csv", b"Id,Name\n00Q5g00000ABCDEEA4,Ida Ritter\n".to_vec());
        assert!(leads.unwrap_err().what().contains("no user"));
    }
}
