//! What earlier reports told: which findings are no news.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};

use crate::codes::entry;
use crate::error::Result;
use crate::findings::finding::Finding;
use crate::tables::{History, Table};

/// A finding that no report told for so long before the newest one is new when it comes back.
const TOLD_FOR: Days = Days::new(7);

/// What reports told of one finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The first report that told it, of those that told it without a break.
    pub since: NaiveDate,
    /// The newest report that told it.
    pub on: NaiveDate,
    /// What that one counted.
    pub count: i64,
}

/// What earlier reports told of findings.
#[derive(Clone, Debug, Default)]
pub struct Reported {
    /// By code, destination and subject.
    told: BTreeMap<(String, String, String), Report>,
    /// The newest report, whatever it told.
    pub newest: Option<NaiveDate>,
}

impl Reported {
    /// Reads the entries of earlier reports.
    ///
    /// # Errors
    /// Only when the table does not have its agreed shape.
    pub fn of(earlier: &Table<History>) -> Result<Reported> {
        let frame = earlier.frame();
        let (entries, codes) = (earlier.texts("entry")?, earlier.texts("code")?);
        let (destinations, subjects) = (earlier.texts("destination")?, earlier.texts("about")?);
        let (days, firsts) = (frame.column("as_of")?.date()?, frame.column("first_reported_on")?.date()?);
        let counts = frame.column("value")?.f64()?;
        let mut reported = Reported { newest: days.as_date_iter().flatten().max(), ..Reported::default() };
        // Rows are in the order of their days.
        for (row, (on, first)) in days.as_date_iter().zip(firsts.as_date_iter()).enumerate() {
            let at = |column: &[Option<&str>]| column.get(row).copied().flatten().unwrap_or_default().to_owned();
            let Some(on) = on.filter(|_| at(&entries) == entry::FINDING) else { continue };
            let key = (at(&codes), at(&destinations), at(&subjects));
            let before = reported.told.get(&key).filter(|before| before.on + TOLD_FOR >= on);
            let since = first.or(before.map(|before| before.since)).unwrap_or(on);
            #[expect(clippy::cast_possible_truncation, reason = "a count that was kept as a number")]
            let count = counts.get(row).unwrap_or(0.0) as i64;
            reported.told.insert(key, Report { since, on, count });
        }
        Ok(reported)
    }

    /// What reports told of it, however long ago. Reports before version 0.2 kept the sentence for the subject.
    pub fn ever(&self, finding: &Finding) -> Option<Report> {
        let words = finding.words();
        let key = |subject| (words.code.to_owned(), finding.destination.clone(), subject);
        self.told.get(&key(words.subject.clone())).or_else(|| self.told.get(&key(words.text()))).copied()
    }

    /// What reports told of it of late: it is no news.
    pub fn lately(&self, finding: &Finding) -> Option<Report> {
        let from = self.newest.and_then(|newest| newest.checked_sub_days(TOLD_FOR));
        self.ever(finding).filter(|report| from.is_none_or(|from| report.on > from))
    }
}
