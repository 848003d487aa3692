//! What an export cannot show, and how many of the missed leads may be that.
//!
//! A view of open leads, or of one owner, holds no record of a lead that sales converted, closed, deleted or that is
//! somebody else's: delivered leads look missed, and no rule can tell them from lost ones. So it is said, with what to
//! export instead (design: what an export can speak for). The gate acts only where the share is implausible.

use std::collections::BTreeMap;

use crate::codes::{Finding, finding, level, reason, verdict};
use crate::config::{Destination, DestinationKind};
use crate::error::Result;
use crate::tables::{Coverage, Reconciliation, Table};

/// In fewer records nothing need have been converted or deleted yet.
const FEWEST: i64 = 50;

const CONVERTED: &str = "converted";
const QUALIFIED: &str = "qualified";

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
) -> Result<Vec<Finding>> {
    let mut unexplained: BTreeMap<&str, i64> = BTreeMap::new();
    let (names, reasons) = (reconciliation.texts("destination")?, reconciliation.texts("reason")?);
    for ((name, reason), verdict) in names.into_iter().zip(reasons).zip(reconciliation.texts("verdict")?) {
        if let (Some(name), Some(reason::ISOLATED), Some(verdict::MISSED)) = (name, reason, verdict) {
            *unexplained.entry(name).or_default() += 1;
        }
    }
    let names = coverage.texts("destination")?;
    let mut findings = Vec::new();
    for destination in destinations {
        let Some(row) = names.iter().position(|name| *name == Some(&destination.name)) else { continue };
        let count_of =
            |column: &str| -> Result<i64> { Ok(coverage.frame().column(column)?.i64()?.get(row).unwrap_or(0)) };
        if destination.complete == Some(true) || count_of("records")? < FEWEST {
            continue;
        }
        let lacking = lacking(coverage, row, destination.kind)?;
        let one_owner = count_of("owners")? == 1;
        let seen = match (lacking.as_slice(), one_owner) {
            ([], false) => continue,
            ([], true) => "one owner's records only".to_owned(),
            (kinds, false) => format!("no {} records", either(kinds)),
            (kinds, true) => format!("one owner's records only, and no {} ones", either(kinds)),
        };
        findings.push(Finding {
            // Without these, sales would call people whose lead they have: that is said once where it is read.
            level: if one_owner || lacking.contains(&CONVERTED) || lacking.contains(&QUALIFIED) {
                level::MAIL
            } else {
                level::LIST
            },
            code: finding::EXPORT_PARTIAL,
            destination: destination.name.clone(),
            text: format!(
                "its export shows {seen}: a delivered lead whose record it leaves out looks missed, and any missed lead \
                 outside outages and causes may be that. {}",
                advice(destination.kind, &lacking, one_owner)
            ),
            count: unexplained.get(destination.name.as_str()).copied().unwrap_or(0),
        });
    }
    Ok(findings)
}

/// `a`, `a or b`, `a, b or c`.
fn either(kinds: &[&str]) -> String {
    match kinds {
        [rest @ .., last] if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        one => one.concat(),
    }
}

/// Kinds of records that an export of all records of this kind of CRM would show, and this one does not.
fn lacking(coverage: &Table<Coverage>, row: usize, kind: DestinationKind) -> Result<Vec<&'static str>> {
    let lacks = |column: &str| -> Result<bool> { Ok(!coverage.flags(column)?.get(row).copied().unwrap_or_default()) };
    let mut kinds = Vec::new();
    // Elsewhere a conversion changes a field of the record and hides nothing.
    if matches!(kind, DestinationKind::Salesforce | DestinationKind::Dynamics) {
        if lacks("has_converted")? {
            kinds.push(if kind == DestinationKind::Salesforce { CONVERTED } else { QUALIFIED });
        }
        if lacks("has_closed")? {
            kinds.push(if kind == DestinationKind::Salesforce { "closed" } else { "disqualified" });
        }
    }
    // Nothing is deleted from a log.
    if kind != DestinationKind::Https && lacks("has_deleted")? {
        kinds.push("deleted");
    }
    Ok(kinds)
}

/// What to export instead.
fn advice(kind: DestinationKind, lacking: &[&str], one_owner: bool) -> String {
    let mut advice = Vec::new();
    match kind {
        DestinationKind::Salesforce => advice.push(
            "Export all leads, converted and deleted ones too: by the query that leadrecon check prints, with --all-rows, \
             and not from a list view or a report of open leads.",
        ),
        _ if !one_owner && lacking == ["deleted"] => {}
        DestinationKind::Dynamics => {
            advice.push("Export the view All Leads, whatever the state and the owner, and not My Open Leads.");
        }
        _ => advice.push("Export all records of all owners, without a view or a filter."),
    }
    if kind != DestinationKind::Salesforce && lacking.contains(&"deleted") {
        advice.push("Deleted records cannot be exported there: export every night, then later deletions are seen.");
    }
    if one_owner || lacking != ["deleted"] {
        advice.push("If it does show all there is, set complete = true.");
    }
    advice.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::tests::{Cell, Value, destination, table};

    fn told(kind: DestinationKind, coverage: &[Cell], complete: Option<bool>) -> Vec<Finding> {
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
        cannot_show(&reconciliation, &table(&[row]), &[crm]).unwrap()
    }

    #[test]
    fn an_export_without_converted_or_deleted_records_is_told_with_the_missed_leads_that_may_be_such() {
        use DestinationKind::{Dynamics, Hubspot, Salesforce};
        assert!(told(Salesforce, &[], None).is_empty());
        let found = told(Salesforce, &[("has_converted", false.into()), ("has_deleted", false.into())], None);
        assert_eq!(found[0].count, 2, "what an outage or a cause explains is lost");
        assert_eq!(found[0].level, level::MAIL);
        assert_eq!(told(Salesforce, &[("has_deleted", false.into())], None)[0].level, level::LIST);
        assert!(found[0].text.starts_with("its export shows no converted or deleted records: "), "{found:?}");
        let found = told(Dynamics, &[("owners", Value::Count(1))], None);
        assert!(found[0].text.starts_with("its export shows one owner's records only: "), "{found:?}");
        // HubSpot cannot export what was deleted; a conversion hides nothing there.
        assert!(told(Hubspot, &[("has_converted", false.into())], None).is_empty());
        let found = told(Hubspot, &[("has_deleted", false.into())], None);
        assert_eq!(found[0].level, level::LIST);
        assert!(found[0].text.contains("may be that. Deleted records cannot be exported there"), "{found:?}");
    }

    #[test]
    fn nothing_is_said_of_a_young_export_nor_of_one_that_is_said_to_be_complete() {
        let lacks = ("has_converted", Value::Flag(false));
        let young = [lacks.clone(), ("records", Value::Count(49))];
        assert!(told(DestinationKind::Salesforce, &young, None).is_empty());
        assert!(told(DestinationKind::Salesforce, &[lacks], Some(true)).is_empty());
    }
}
