//! What an export cannot show, and how many of the missed leads may be that.
//!
//! A view of open leads, or of one owner, holds no record of a lead that sales converted, closed, deleted or that is
//! somebody else's: delivered leads look missed, and no rule can tell them from lost ones. So it is said, with what to
//! export instead (design: what an export can speak for). [`crate::coverage::gates`] acts only where
//! the share is implausible.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::codes::{level, reason, verdict};
use crate::config::{Destination, DestinationKind};
use crate::error::{Result, count};
use crate::findings::{AboutExport, Finding, Limits};
use crate::tables::{Coverage, Reconciliation, Table};

/// In fewer records nothing need have been converted or deleted yet.
const FEWEST: i64 = 50;

const CONVERTED: &str = "converted";
const QUALIFIED: &str = "qualified";
const DELETED: &str = "deleted";

/// What a destination's export shows: its row of `coverage`.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    kind: DestinationKind,
    /// Records of the newest export.
    pub records: i64,
    /// Records of the export before.
    pub previous_records: Option<i64>,
    owners: i64,
    lead_sources: bool,
    converted: bool,
    closed: bool,
    deleted: bool,
    opportunities: bool,
}

impl Shown {
    /// None where `coverage` does not know the destination.
    ///
    /// # Errors
    /// When the table lacks a column: a fault of ours.
    pub fn of(coverage: &Table<Coverage>, destination: &Destination) -> Result<Option<Self>> {
        let Some(row) = coverage.rows_of(&destination.name)?.next() else { return Ok(None) };
        let flag =
            |column: &str| -> Result<bool> { Ok(coverage.frame().column(column)?.bool()?.get(row) == Some(true)) };
        let number = |column: &str| -> Result<Option<i64>> { Ok(coverage.frame().column(column)?.i64()?.get(row)) };
        Ok(Some(Shown {
            kind: destination.kind,
            records: number("records")?.unwrap_or(0),
            previous_records: number("previous_records")?,
            owners: number("owners")?.unwrap_or(0),
            lead_sources: flag("shows_lead_source")?,
            converted: flag("has_converted")?,
            closed: flag("has_closed")?,
            deleted: flag("has_deleted")?,
            opportunities: flag("has_opportunities")?,
        }))
    }

    /// What it holds and what it lacks, in words.
    pub fn summary(self) -> String {
        let owners = match usize::try_from(self.owners) {
            Ok(owners) if owners > 0 => (true, count(owners, "owner", "owners")),
            _ => (false, "owners".to_owned()),
        };
        let [converted, closed] = self.words().map(|word| format!("{word} records"));
        let all = [
            owners,
            (self.lead_sources, "marketplace lead sources".to_owned()),
            (self.converted, converted),
            (self.closed, closed),
            (self.deleted, format!("{DELETED} records")),
            (self.opportunities, "opportunities".to_owned()),
        ];
        let list = |wanted: bool| {
            let words: Vec<&str> =
                all.iter().filter(|(holds, _)| *holds == wanted).map(|(_, word)| word.as_str()).collect();
            if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
        };
        format!("it holds {}; it lacks {}", list(true), list(false))
    }

    /// How this kind of CRM calls a lead that was won over, and one that was given up.
    fn words(self) -> [&'static str; 2] {
        match self.kind {
            DestinationKind::Dynamics => [QUALIFIED, "disqualified"],
            _ => [CONVERTED, "closed"],
        }
    }

    /// Kinds of records that an export of all records of this kind of CRM would show, and this one does not.
    fn lacks(self) -> Vec<&'static str> {
        let [converted, closed] = self.words();
        // Elsewhere a conversion changes a field of the record and hides nothing.
        let hides = matches!(self.kind, DestinationKind::Salesforce | DestinationKind::Dynamics);
        let lacking = [
            (hides && !self.converted, converted),
            (hides && !self.closed, closed),
            // Nothing is deleted from a log.
            (self.kind != DestinationKind::Https && !self.deleted, DELETED),
        ];
        lacking.into_iter().filter(|(lacks, _)| *lacks).map(|(_, word)| word).collect()
    }

    fn has_one_owner(self) -> bool {
        self.owners == 1
    }

    /// What it shows no more than; none where it lacks nothing.
    pub fn limits(self) -> Option<Limits> {
        let limits = Limits { lacking: self.lacks(), one_owner: self.has_one_owner(), of: self.kind };
        (limits.one_owner || !limits.lacking.is_empty()).then_some(limits)
    }

    /// Whether there are enough records to tell what it lacks, and it lacks any.
    pub(super) fn lacks_any(self) -> bool {
        self.records >= FEWEST && self.limits().is_some()
    }

    /// Whether it leaves out what becomes of many leads, or leads of others.
    pub(super) fn hides_many(self) -> bool {
        let lacks = self.lacks();
        self.records >= FEWEST && (self.has_one_owner() || lacks.iter().any(|kind| *kind != DELETED))
    }

    /// Without these, sales would call people whose lead they have: that is said once where it is read.
    fn level(self) -> &'static str {
        let lacks = self.lacks();
        let hides_many = self.has_one_owner() || lacks.contains(&CONVERTED) || lacks.contains(&QUALIFIED);
        if hides_many { level::MAIL } else { level::LIST }
    }
}

/// For each destination whose export lacks kinds of records that others show: one finding, which counts the missed leads
/// that no outage and no cause explains.
///
/// The text depends only on the export, so that it is told once as new.
///
/// # Errors
/// When the tables lack a column: a fault of ours.
pub fn cannot_show(
    reconciliation: &Table<Reconciliation>,
    coverage: &Table<Coverage>,
    destinations: &[Destination],
    as_of: NaiveDate,
) -> Result<Vec<Finding>> {
    let mut unexplained: BTreeMap<&str, i64> = BTreeMap::new();
    let (names, reasons) = (reconciliation.texts("destination")?, reconciliation.texts("reason")?);
    for ((name, reason), verdict) in names.into_iter().zip(reasons).zip(reconciliation.texts("verdict")?) {
        if let (Some(name), Some(reason::ISOLATED), Some(verdict::MISSED)) = (name, reason, verdict) {
            *unexplained.entry(name).or_default() += 1;
        }
    }
    let mut findings = Vec::new();
    for destination in destinations.iter().filter(|destination| !destination.is_believed_on(as_of)) {
        let Some(shown) = Shown::of(coverage, destination)?.filter(|shown| shown.records >= FEWEST) else { continue };
        let Some(limits) = shown.limits() else { continue };
        let count = unexplained.get(destination.name.as_str()).copied().unwrap_or(0);
        findings.push(Finding::new(shown.level(), &destination.name, AboutExport::Lacks(limits), count));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Complete;
    use crate::reconcile::tests::{Cell, Value, destination, table};

    fn told(kind: DestinationKind, coverage: &[Cell], complete: Option<Complete>) -> Vec<Finding> {
        let line = |n: i64, reason: &'static str| -> Vec<Cell> {
            vec![
                ("lead_id", Value::Text(format!("{n:04}"))),
                ("destination", "crm".into()),
                ("verdict", "missed".into()),
                ("reason", reason.into()),
            ]
        };
        let mut row: Vec<Cell> = vec![
            ("destination", "crm".into()),
            ("records", Value::Count(300)),
            ("owners", Value::Count(4)),
            ("has_converted", true.into()),
            ("has_closed", true.into()),
            ("has_deleted", true.into()),
        ];
        row.extend(coverage.iter().cloned());
        let mut crm = destination();
        (crm.kind, crm.complete) = (kind, complete);
        let reconciliation = table(&[line(1, "isolated"), line(2, "outage"), line(3, "cause"), line(4, "isolated")]);
        cannot_show(&reconciliation, &table(&[row]), &[crm], NaiveDate::default()).unwrap()
    }

    #[test]
    fn an_export_without_converted_or_deleted_records_is_told_with_the_missed_leads_that_may_be_such() {
        use DestinationKind::{Dynamics, Hubspot, Salesforce};
        assert!(told(Salesforce, &[], None).is_empty());
        let found = told(Salesforce, &[("has_converted", false.into()), ("has_deleted", false.into())], None);
        assert_eq!(found[0].count, 2, "what an outage or a cause explains is lost");
        assert_eq!(found[0].level, level::MAIL);
        assert_eq!(told(Salesforce, &[("has_deleted", false.into())], None)[0].level, level::LIST);
        assert!(found[0].text().starts_with("its export shows no converted or deleted records: "), "{found:?}");
        let found = told(Dynamics, &[("owners", Value::Count(1))], None);
        assert!(found[0].text().starts_with("its export shows one owner's records only: "), "{found:?}");
        // HubSpot cannot export what was deleted; a conversion hides nothing there.
        assert!(told(Hubspot, &[("has_converted", false.into())], None).is_empty());
        let found = told(Hubspot, &[("has_deleted", false.into())], None);
        assert_eq!(found[0].level, level::LIST);
        assert!(found[0].text().contains("may be that. Deleted records cannot be exported there"), "{found:?}");
    }

    #[test]
    fn nothing_is_said_of_a_young_export_nor_of_one_that_is_said_to_be_complete() {
        let lacks = ("has_converted", Value::Flag(false));
        let young = [lacks.clone(), ("records", Value::Count(49))];
        assert!(told(DestinationKind::Salesforce, &young, None).is_empty());
        assert!(told(DestinationKind::Salesforce, &[lacks], Some(Complete::Always)).is_empty());
    }
}
