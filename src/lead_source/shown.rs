//! Which exports show marketplace lead sources at all. Reconciliation and the books both ask here: the one rule that the
//! two sides of the books must share.

use std::collections::{HashMap, HashSet};

use crate::error::Result;
use crate::tables::{CrmRecords, Table};

/// An export shows lead sources where at least one in this many of the records of people who left leads has one.
const LEAST_SHARE_SHOWING: usize = 20;

/// Which records are test leads: MSFT_TEST_ and digits in any field.
///
/// # Errors
/// When the table lacks a column: a fault of ours.
pub fn tests(records: &Table<CrmRecords>) -> Result<Vec<bool>> {
    let mut tests = vec![false; records.height()];
    for column in ["first_name", "last_name", "email", "phone", "company", "lead_source", "title", "description"] {
        for (test, text) in tests.iter_mut().zip(records.texts(column)?) {
            *test = *test || text.is_some_and(super::is_test);
        }
    }
    Ok(tests)
}

/// The destinations whose exports show marketplace lead sources, as those of a forwarder that copies them do: there,
/// only such records deliver. `tests` are [`tests`] of the same records.
///
/// Asked are the records of people who left leads. A test lead, which says in its own words what it is, or a few records
/// of others who came another way, in an export that shows some default for all the rest, would else make every
/// delivered lead a missed one.
///
/// # Errors
/// When the table lacks a column: a fault of ours.
pub fn shown_by<'a>(records: &'a Table<CrmRecords>, tests: &[bool]) -> Result<HashSet<&'a str>> {
    // Records of people who left leads, those of them that show a lead source, and any that shows one.
    let mut counts: HashMap<&str, (usize, usize, bool)> = HashMap::new();
    let people = records.texts("person_id")?.into_iter().zip(records.texts("object")?);
    let rows = records.texts("destination")?.into_iter().zip(people).zip(records.flags("marketplace")?).zip(tests);
    for (((destination, (person, object)), shows), is_test) in rows {
        if *is_test || object == Some("opportunity") {
            continue;
        }
        let (of_leads, showing, any) = counts.entry(destination.unwrap_or_default()).or_default();
        *any |= shows;
        if person.is_some() {
            *of_leads += 1;
            *showing += usize::from(shows);
        }
    }
    let shows = |(of_leads, showing, any): (usize, usize, bool)| any && showing * LEAST_SHARE_SHOWING >= of_leads;
    Ok(counts.into_iter().filter(|(_, counts)| shows(*counts)).map(|(name, _)| name).collect())
}
