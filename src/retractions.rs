//! What was taken out of the landing because it should never have been landed, remembered: the books tell it on both
//! sides, and the next report tells it once.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::findings::{AboutLeads, Finding};

/// One retraction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retraction {
    /// The clock's day.
    pub on: NaiveDate,
    /// Of the source, destination or witness.
    pub name: String,
    /// Whether raw leads went, and not records.
    pub is_source: bool,
    /// How many leads, or records, went.
    pub count: usize,
    /// The number of the first row that went: it tells one retraction from another.
    #[serde(default)]
    pub first: i64,
    /// As-of day of the report that told it first; none while no report did.
    #[serde(default)]
    pub told_on: Option<NaiveDate>,
}

/// All retractions, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Retractions(Vec<Retraction>);

impl Retractions {
    /// Adds one, unless an interrupted retraction had added it.
    pub fn add(&mut self, retraction: Retraction) {
        let is_it =
            |one: &Retraction| (&one.name, one.first, one.on) == (&retraction.name, retraction.first, retraction.on);
        if !self.0.iter().any(is_it) {
            self.0.push(retraction);
        }
    }

    /// Says that the report of a day tells those that none has told.
    pub fn tell(&mut self, day: NaiveDate) {
        for one in self.0.iter_mut().filter(|one| one.told_on.is_none()) {
            one.told_on = Some(day);
        }
    }

    /// How many raw leads were retracted by the end of a day, and how many records of each destination.
    pub fn until(&self, day: NaiveDate) -> (usize, BTreeMap<String, usize>) {
        let (mut leads, mut records) = (0, BTreeMap::new());
        for one in self.0.iter().filter(|one| one.told_on.is_some_and(|told| told <= day)) {
            if one.is_source {
                leads += one.count;
            } else {
                *records.entry(one.name.clone()).or_default() += one.count;
            }
        }
        (leads, records)
    }

    /// What the report of a day tells.
    pub fn findings(&self, day: NaiveDate) -> Vec<Finding> {
        let told = self.0.iter().filter(|one| one.told_on == Some(day));
        let finding = |one: &Retraction| {
            Finding::mail(&one.name, AboutLeads::Retracted { on: one.on, is_source: one.is_source }, one.count)
        };
        told.map(finding).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_by_the_first_report_afterwards_and_counted_from_then_on() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let mut all = Retractions::default();
        let one = |name: &str, is_source| Retraction {
            on: day("2026-05-03"),
            name: name.to_owned(),
            is_source,
            count: 7,
            first: 1,
            told_on: None,
        };
        all.add(one("dump", true));
        assert_eq!(all.until(day("2026-05-09")), (0, BTreeMap::new()));
        all.tell(day("2026-05-04"));
        all.add(one("crm", false));
        all.tell(day("2026-05-05"));
        assert_eq!(all.findings(day("2026-05-04")).len(), 1);
        assert_eq!(all.until(day("2026-05-04")), (7, BTreeMap::new()));
        assert_eq!(all.until(day("2026-05-05")), (7, BTreeMap::from([("crm".to_owned(), 7)])));
        assert!(all.findings(day("2026-05-06")).is_empty());
    }
}
