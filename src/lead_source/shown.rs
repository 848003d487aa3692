//! Which exports show marketplace lead sources at all. Coverage, reconciliation, explanations and the books ask here:
//! the one rule that the two sides of the books must share.

use std::collections::{HashMap, HashSet};

use crate::config::Destination;
use crate::error::Result;
use crate::tables::{Grain, Table};

/// An export shows lead sources where at least one in this many of the records of people who left leads has one.
const LEAST_SHARE_SHOWING: usize = 20;

/// Which records are test leads: MSFT_TEST_ and digits in any field.
///
/// # Errors
/// When the table lacks a column: a fault of ours.
pub fn tests<T: Grain>(records: &Table<T>) -> Result<Vec<bool>> {
    let mut tests = vec![false; records.height()];
    for column in ["first_name", "last_name", "email", "phone", "company", "lead_source", "title", "description"] {
        for (test, text) in tests.iter_mut().zip(records.texts(column)?) {
            *test = *test || text.is_some_and(super::is_test);
        }
    }
    Ok(tests)
}

/// Whether only records with a marketplace lead source deliver at this destination: where the configuration says which
/// they are, or where its export shows them. `own` are the records of this destination alone, `tests` as for
/// [`shown_by`].
///
/// # Errors
/// When the table lacks a column: a fault of ours.
pub fn is_shown<T: Grain>(own: &Table<T>, tests: &[bool], destination: &Destination) -> Result<bool> {
    Ok(!destination.delivered_by.is_empty() || !shown_by(own, tests)?.is_empty())
}

/// The destinations whose exports show marketplace lead sources, as those of a forwarder that copies them do: there,
/// only such records deliver. `tests` are [`tests`] of the same records.
///
/// Asked are the records of people who left leads. A test lead, which says in its own words what it is, or a few records
/// of others who came another way, in an export that shows some default for all the rest, would else make every
/// delivered lead a missed one. Before people are recognised any record but a test lead tells.
///
/// # Errors
/// When the table lacks a column: a fault of ours.
pub fn shown_by<'a, T: Grain>(records: &'a Table<T>, tests: &[bool]) -> Result<HashSet<&'a str>> {
    // Records of people who left leads, those of them that show a lead source, and any that shows one.
    let mut counts: HashMap<&str, (usize, usize, bool)> = HashMap::new();
    let is_recognised = T::DEFINITION.columns.iter().any(|column| column.name == "person_id");
    let people = if is_recognised { records.texts("person_id")? } else { vec![None; records.height()] };
    let people = people.into_iter().zip(records.texts("object")?);
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
