//! What was lost and by what: leads that never reached the store, and the search for outages and causes.
//!
//! Outages and causes explain each other: leads that a cause takes hide smaller outages, and an outage's leads are no
//! evidence for a cause. So outages are searched twice, the second time knowing the causes of the first.

pub mod causes;
pub mod lost_at_source;
pub mod outages;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use polars::prelude::*;

use crate::codes::{reason, verdict};
use crate::error::Result;
use crate::findings::{Finding, OutageWords};
use crate::tables::{
    Causes, Coverage, CrmRecords, ExportRecords, History, Leads, LostAtSource, Outages, Reconciliation, Table,
    UnexplainedRecords, Verdicts,
};

/// The tables that the search takes.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The leads.
    pub leads: &'a Table<Leads>,
    /// One row per lead and destination, before outages and causes.
    pub verdicts: &'a Table<Verdicts>,
    /// What the exports can speak for.
    pub coverage: &'a Table<Coverage>,
    /// The destinations' records, with their people.
    pub crm_records: &'a Table<CrmRecords>,
    /// Marketplace records that no lead accounts for.
    pub unexplained: &'a Table<UnexplainedRecords>,
    /// Rows of witness exports.
    pub witnesses: &'a Table<ExportRecords>,
    /// Reports of earlier days.
    pub earlier: &'a Table<History>,
    /// First instant after the as-of day.
    pub as_of_ends_at: DateTime<Utc>,
}

/// What the search needs beside the tables.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Of the search for outages.
    pub outages: outages::Settings,
    /// Of the search for causes.
    pub causes: causes::Settings,
}

/// What the search gives.
#[derive(Debug)]
pub struct Found {
    /// The verdicts, leads of an ongoing outage turned from pending into missed.
    pub verdicts: Table<Verdicts>,
    /// The verdicts with their final reasons and outages.
    pub reconciliation: Table<Reconciliation>,
    /// The outages.
    pub outages: Table<Outages>,
    /// Each outage in words, by its id.
    pub outage_words: BTreeMap<String, OutageWords>,
    /// The patterns that missed leads share.
    pub causes: Table<Causes>,
    /// What of them neither begins nor ends.
    pub timeless: causes::Timeless,
    /// What a person should act on, one for each cause.
    pub of_causes: Vec<Finding>,
    /// What only witnesses saw, with the outage of the store.
    pub lost: Table<LostAtSource>,
    /// What a person should act on.
    pub findings: Vec<Finding>,
}

/// Since when what a destination shows is not believed: since it was last read in whole, in microseconds.
fn doubtful_since(coverage: &Table<Coverage>) -> Result<BTreeMap<String, i64>> {
    let since = coverage.texts("silent")?.into_iter().zip(coverage.instants("silent_since")?);
    let doubtful = coverage.texts("destination")?.into_iter().zip(since);
    let doubtful = doubtful.filter(|(_, (why, _))| *why == Some(reason::EXPORT_DOUBTFUL));
    Ok(doubtful.filter_map(|(name, (_, since))| Some((name?.to_owned(), since.unwrap_or(i64::MIN)))).collect())
}

/// Finds what only witnesses saw, the outages of every destination and of the store, and the causes.
///
/// # Errors
/// Only if a table does not have its agreed shape.
pub fn find(input: Input, settings: &Settings) -> Result<Found> {
    let doubtful = doubtful_since(input.coverage)?;
    let (witnessed, asked) = rayon::join(
        || {
            lost_at_source::witnessed(
                input.leads, input.witnesses, input.unexplained, input.crm_records, &doubtful, input.as_of_ends_at,
            )
        },
        || causes::Asked::of(input.leads, input.crm_records),
    );
    let (witnessed, asked) = (witnessed?, asked?);
    let first = search(&input, (&witnessed.lost, &asked), None, settings)?.1.explained;
    let (outages, causes) = search(&input, (&witnessed.lost, &asked), Some(&first), settings)?;
    let mut findings = witnessed.findings;
    findings.extend(outages.findings);
    Ok(Found {
        verdicts: outages.verdicts,
        reconciliation: causes.reconciliation,
        outages: outages.outages,
        outage_words: outages.words,
        causes: causes.causes,
        timeless: causes.timeless,
        of_causes: causes.findings,
        lost: outages.lost,
        findings,
    })
}

impl Found {
    /// Holds back what rests on exports that are not believed: isolated misses, and those of causes that neither begin
    /// nor end, wait for another export. `held`: their destinations.
    ///
    /// # Errors
    /// Only if a table does not have its agreed shape.
    pub fn hold_back(&mut self, held: &BTreeSet<String>) -> Result<()> {
        if held.is_empty() {
            return Ok(());
        }
        let is_held = |name: Option<&str>| name.is_some_and(|name| held.contains(name));
        let mut frame = self.reconciliation.frame().clone();
        let text = |name: &str| -> Result<StringChunked> { Ok(frame.column(name)?.str()?.clone()) };
        let (names, verdicts, reasons) = (text("destination")?, text("verdict")?, text("reason")?);
        let waits: Vec<bool> = (0..frame.height())
            .map(|row| {
                let rests = match reasons.get(row) {
                    Some(reason::ISOLATED) => true,
                    Some(reason::CAUSE) => self.timeless.rows.contains(&row),
                    _ => false,
                };
                rests && verdicts.get(row) == Some(verdict::MISSED) && is_held(names.get(row))
            })
            .collect();
        let turned = |column: &StringChunked, to: &'static str| -> Column {
            let cells = column.iter().zip(&waits).map(|(cell, waits)| if *waits { Some(to) } else { cell });
            let cells: StringChunked = cells.collect_ca(column.name().clone());
            cells.into_column()
        };
        frame.with_column(turned(&verdicts, verdict::PENDING))?;
        frame.with_column(turned(&reasons, reason::EXPORT_DOUBTFUL))?;
        self.reconciliation = Table::new(frame)?;
        let names: Vec<Option<String>> =
            self.causes.texts("destination")?.into_iter().map(|name| name.map(str::to_owned)).collect();
        let stays: Vec<bool> = names
            .iter()
            .enumerate()
            .map(|(row, name)| !(is_held(name.as_deref()) && self.timeless.causes.contains(&row)))
            .collect();
        self.causes = Table::new(self.causes.frame().filter(&stays.iter().copied().map(Some).collect())?)?;
        let mut kept = stays.into_iter();
        self.of_causes.retain(|_| kept.next().unwrap_or(true));
        self.timeless.causes.clear();
        Ok(())
    }
}

/// Outages, then the causes of what they leave. Leads that a cause explains are no trials: without them the base rate is
/// lower and smaller outages show.
fn search(
    input: &Input,
    (lost, asked): (&Table<LostAtSource>, &causes::Asked),
    explained: Option<&DataFrame>,
    settings: &Settings,
) -> Result<(outages::Found, causes::Found)> {
    let outages = outages::find(
        outages::Input {
            verdicts: input.verdicts,
            leads: input.leads,
            coverage: input.coverage,
            lost,
            earlier: input.earlier,
            explained,
        },
        &settings.outages,
    )?;
    let causes = causes::find(
        causes::Input { verdicts: &outages.verdicts, members: &outages.members, asked },
        &settings.causes,
    )?;
    Ok((outages, causes))
}
