//! Whether an export is plausible at all: an export that is not complete makes every lead look lost.
//!
//! Where a destination's missed share is above a fifth, or five times the last run's, nothing of it goes into call list
//! or replay until the publisher says `complete = true` (design: what an export can speak for). A proven outage of the
//! whole destination explains a jump; a jump beside outages is the mark of an export that leaves records out.

use std::collections::BTreeMap;

use crate::codes::{finding, reason, verdict};
use crate::config::Destination;
use crate::coverage::lacking::Shown;
use crate::error::Result;
use crate::findings::{AboutExport, Finding};
use crate::tables::{Coverage, Findings, Reconciliation, Table};

/// A destination whose export is probably not complete.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Gated {
    /// Name of the destination.
    pub destination: String,
    /// Genuine events missed.
    pub missed: usize,
    /// Genuine events matched or missed.
    pub tried: usize,
    /// Share of the last run, where it is known.
    pub last_share: Option<f64>,
    /// What speaks for an export that leaves something out, sentences without personal data.
    pub evidence: Vec<String>,
}

impl Gated {
    /// The headline.
    pub fn finding(&self) -> Finding {
        Finding::page(&self.destination, AboutExport::NotComplete, self.missed)
    }
}

/// Fewer events than this prove nothing about an export.
const FEWEST: usize = 20;

/// Destinations whose missed share is implausible, and what the share of every destination is, for the history.
///
/// `last_shares` are the shares that the last run told.
///
/// # Errors
/// When the tables lack a column: a fault of ours.
#[expect(clippy::cast_precision_loss, reason = "counts of events")]
pub fn gates(
    reconciliation: &Table<Reconciliation>,
    coverage: &Table<Coverage>,
    destinations: &[Destination],
    last_shares: &BTreeMap<String, f64>,
) -> Result<(Vec<Gated>, BTreeMap<String, f64>)> {
    // Destination to matched, missed, and missed outside outages.
    let mut counts: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::new();
    let (names, verdicts) = (reconciliation.texts("destination")?, reconciliation.texts("verdict")?);
    for ((name, verdict), reason) in names.into_iter().zip(verdicts).zip(reconciliation.texts("reason")?) {
        let (matched, missed, unproven) = counts.entry(name.unwrap_or_default()).or_default();
        match verdict {
            Some(verdict::MATCHED) => *matched += 1,
            Some(verdict::MISSED) => {
                *missed += 1;
                *unproven += usize::from(reason != Some(reason::OUTAGE));
            }
            _ => {}
        }
    }
    let mut gated = Vec::new();
    let mut shares = BTreeMap::new();
    for destination in destinations {
        let (matched, missed, unproven) = counts.get(destination.name.as_str()).copied().unwrap_or_default();
        let tried = matched + missed;
        if tried == 0 {
            continue;
        }
        let share = missed as f64 / tried as f64;
        let unproven_share = unproven as f64 / tried as f64;
        shares.insert(destination.name.clone(), share);
        let last_share = last_shares.get(&destination.name).copied();
        let jumped = last_share.is_some_and(|last| last > 0.0 && unproven_share > 5.0 * last && unproven >= 10);
        if destination.complete == Some(true) || tried < FEWEST || !(share > 0.2 || jumped) {
            continue;
        }
        let mut evidence = vec![format!("{missed} of {tried} leads that should be there are not")];
        if let Some(last) = last_share {
            evidence.push(format!(
                "the last run missed {:.1} % of them, this one {:.1} %",
                100.0 * last,
                100.0 * share
            ));
        }
        if let Some(shown) = Shown::of(coverage, destination)? {
            evidence.extend(shown.limits().map(|limits| format!("it shows {}", limits.text())));
            if let Some(before) = shown.previous_records.filter(|before| shown.records * 10 < before * 9) {
                evidence.push(format!("it holds {} records, the one before held {before}", shown.records));
            }
        }
        gated.push(Gated { destination: destination.name.clone(), missed, tried, last_share, evidence });
    }
    Ok((gated, shares))
}

/// Whether a published report held this destination back.
///
/// # Errors
/// When the table lacks a column: a fault of ours.
pub fn is_gated(findings: &Table<Findings>, destination: &str) -> Result<bool> {
    let mut found = findings.texts("code")?.into_iter().zip(findings.texts("destination")?);
    Ok(found.any(|(code, about)| code == Some(finding::EXPORT_INCOMPLETE) && about == Some(destination)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::tests::{Cell, Value, destination, table};

    /// Shares by the gate of one destination: so many matched, missed in an outage, missed otherwise.
    fn gated(matched: usize, in_outage: usize, missed: usize, last: Option<f64>, complete: Option<bool>) -> Vec<Gated> {
        let line = |n: usize| -> Vec<Cell> {
            let (verdict, reason) = match n {
                n if n < matched => ("matched", "delivered"),
                n if n < matched + in_outage => ("missed", "outage"),
                _ => ("missed", "isolated"),
            };
            vec![
                ("lead_id", Value::Text(format!("{n:04}"))),
                ("destination", "crm".into()),
                ("verdict", verdict.into()),
                ("reason", reason.into()),
            ]
        };
        let lines: Vec<Vec<Cell>> = (0..matched + in_outage + missed).map(line).collect();
        let coverage = vec![
            ("destination", "crm".into()),
            ("owners", Value::Count(1)),
            ("records", Value::Count(70)),
            ("previous_records", Value::Count(300)),
            ("has_closed", true.into()),
        ];
        let mut crm = destination();
        crm.complete = complete;
        let last = last.map(|share| ("crm".to_owned(), share)).into_iter().collect();
        gates(&table(&lines), &table(&[coverage]), &[crm], &last).unwrap().0
    }

    #[test]
    fn more_than_a_fifth_missed_is_held_back_with_the_evidence_until_the_export_is_said_to_be_complete() {
        assert!(gated(80, 0, 20, None, None).is_empty(), "a fifth is not above a fifth");
        let held = gated(79, 0, 21, None, None);
        assert_eq!(
            held[0].evidence,
            [
                "21 of 100 leads that should be there are not",
                "it shows one owner's records only, and no converted or deleted ones",
                "it holds 70 records, the one before held 300",
            ]
        );
        assert_eq!(held[0].finding().level, crate::codes::level::PAGE);
        assert!(gated(79, 0, 21, None, Some(true)).is_empty());
        assert!(gated(5, 0, 14, None, None).is_empty(), "nineteen leads prove nothing about an export");
    }

    #[test]
    fn five_times_the_last_share_is_held_back_unless_an_outage_explains_it() {
        assert!(gated(188, 0, 12, Some(0.012), None).is_empty(), "five times 1.2 % is 6 %");
        let held = gated(187, 0, 13, Some(0.012), None);
        assert_eq!(held[0].evidence[1], "the last run missed 1.2 % of them, this one 6.5 %");
        assert!(gated(187, 12, 1, Some(0.012), None).is_empty());
        assert!(gated(187, 0, 13, None, None).is_empty() && gated(187, 0, 13, Some(0.0), None).is_empty());
    }
}
