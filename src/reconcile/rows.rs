//! The rows of `verdicts` and `unexplained_records`, from what was found at each destination.

use std::collections::HashMap;

use polars::prelude::*;

use crate::config::Destination;
use crate::error::Result;
use crate::reconcile::events::{Book, NOBODY, number};
use crate::reconcile::ledger::Ledger;
use crate::reconcile::verdicts::{Outcome, Role};
use crate::tables::{CrmRecords, Kind, Table, UnexplainedRecords, Verdicts};

/// Rows of `verdicts`, as numbers: texts are taken from the tables that hold them when all rows are known, column by
/// column and in the order of the table, so that millions of rows are never in memory twice.
pub(super) struct Rows {
    rows: Vec<Row>,
    /// Names of destinations, verdicts, reasons and evidence; none first.
    words: Vec<String>,
    numbers: HashMap<String, u16>,
}

struct Row {
    lead: u32,
    destination: u16,
    verdict: u16,
    reason: u16,
    matched_by: u16,
    /// Row of `crm_records`.
    record: Option<u32>,
    match_weight: Option<f64>,
    /// In microseconds.
    delay: Option<i64>,
    late: bool,
    trial: bool,
}

impl Rows {
    /// Names of destinations get their numbers first, in the order of the names; the empty one is before all.
    pub(super) fn new(destinations: &[Destination]) -> Self {
        let mut rows = Rows { rows: Vec::new(), words: Vec::new(), numbers: HashMap::new() };
        let mut names: Vec<&str> = destinations.iter().map(|destination| destination.name.as_str()).collect();
        names.sort_unstable();
        for name in std::iter::once("").chain(names) {
            rows.number(name);
        }
        rows
    }

    fn number(&mut self, word: &str) -> u16 {
        if let Some(known) = self.numbers.get(word) {
            return *known;
        }
        // Fewer than a hundred: names in the configuration and codes of ours.
        let next = u16::try_from(self.words.len()).unwrap_or(u16::MAX);
        self.words.push(word.to_owned());
        self.numbers.insert(word.to_owned(), next);
        next
    }

    /// Adds the rows of another, its words by the numbers that they have here.
    pub(super) fn join(&mut self, other: Rows) {
        let numbers: Vec<u16> = other.words.iter().map(|word| self.number(word)).collect();
        let here = |number: u16| numbers.get(usize::from(number)).copied().unwrap_or_default();
        self.rows.extend(other.rows.into_iter().map(|row| Row {
            destination: here(row.destination),
            verdict: here(row.verdict),
            reason: here(row.reason),
            matched_by: here(row.matched_by),
            ..row
        }));
    }

    /// `first_record`: row of `crm_records` at which the destination's records begin.
    pub(super) fn push(&mut self, lead: u32, destination: &str, outcome: &Outcome<'_>, first_record: usize) {
        let row = Row {
            lead,
            destination: self.number(destination),
            verdict: self.number(outcome.verdict),
            reason: self.number(outcome.reason),
            matched_by: self.number(outcome.matched_by.unwrap_or_default()),
            record: outcome.record.map(|record| number(first_record + record as usize)),
            match_weight: outcome.match_weight,
            delay: outcome.delay,
            late: outcome.late,
            trial: outcome.trial,
        };
        self.rows.push(row);
    }

    pub(super) fn table(
        mut self,
        book: &Book<'_>,
        lead_ids: &StringChunked,
        crm_records: &Table<CrmRecords>,
    ) -> Result<Table<Verdicts>> {
        // Leads and the numbers of destinations are in the order of the key.
        self.rows.sort_unstable_by_key(|row| (row.lead, row.destination));
        let words: StringChunked = self.words.iter().map(|word| Some(word.as_str())).collect();
        let person_ids: StringChunked = book.person_ids.iter().map(|id| Some(*id)).collect();
        let lead = |row: &Row| book.leads.get(row.lead as usize);
        let taken = |name: &str, from: &StringChunked, which: &dyn Fn(&Row) -> Option<u32>| -> Result<Column> {
            let rows: IdxCa = self.rows.iter().map(which).collect();
            Ok(from.take(&rows)?.with_name(name.into()).into_column())
        };
        let word = |name: &str, which: &dyn Fn(&Row) -> u16| taken(name, &words, &|row| Some(u32::from(which(row))));
        let event = |row: &Row| book.events.get(lead(row)?.event as usize)?.leads.first().copied();
        #[expect(clippy::cast_precision_loss, reason = "microseconds of a few years")]
        let seconds = |row: &Row| row.delay.map(|delay| delay as f64 / 1e6);
        let received = self.rows.iter().map(|row| lead(row).map(|lead| lead.received)).collect();
        let columns = vec![
            taken("lead_id", lead_ids, &|row| Some(row.lead))?,
            taken("person_id", &person_ids, &|row| Some(lead(row)?.person).filter(|person| *person != NOBODY))?,
            word("destination", &|row| row.destination)?,
            word("verdict", &|row| row.verdict)?,
            word("reason", &|row| row.reason)?,
            taken("record_id", crm_records.text("record_id")?, &|row| row.record)?,
            self.numbers_of("match_weight", &|row| row.match_weight),
            taken("matched_by", &words, &|row| Some(u32::from(row.matched_by)).filter(|_| row.matched_by != 0))?,
            self.numbers_of("delay_seconds", &seconds),
            taken("event_id", lead_ids, &|row| event(row).or(Some(row.lead)))?,
            self.flags("late", &|row| row.late),
            self.flags("trial", &|row| row.trial),
            instants("received_at", received)?.into_column(),
        ];
        Table::new(DataFrame::new(self.rows.len(), columns)?)
    }

    fn numbers_of(&self, name: &str, which: &dyn Fn(&Row) -> Option<f64>) -> Column {
        let values: Float64Chunked = self.rows.iter().map(which).collect_ca(name.into());
        values.into_column()
    }

    fn flags(&self, name: &str, which: &dyn Fn(&Row) -> bool) -> Column {
        let values: BooleanChunked = self.rows.iter().map(|row| Some(which(row))).collect_ca(name.into());
        values.into_column()
    }
}

/// Rows of `unexplained_records`.
#[derive(Default)]
pub(super) struct UnexplainedRows {
    destination: Vec<String>,
    record_id: Vec<String>,
    created_at: Vec<Option<i64>>,
    lead_source: Vec<Option<String>>,
    reason: Vec<&'static str>,
    lead_id: Vec<Option<String>>,
}

impl UnexplainedRows {
    pub(super) fn extend(&mut self, ledger: &Ledger<'_, '_>, roles: &[Role]) {
        for role in roles {
            let Some(record) = ledger.record(role.record) else { continue };
            let lead = role.event.and_then(|event| ledger.book.first(ledger.event(event)?));
            self.destination.push(ledger.destination.name.clone());
            self.record_id.push(record.id.to_owned());
            self.created_at.push(record.created);
            self.lead_source.push(record.lead_source.map(str::to_owned));
            self.reason.push(role.why);
            self.lead_id.push(lead.map(|lead| lead.id.to_owned()));
        }
    }

    /// Adds the rows of another.
    pub(super) fn join(&mut self, other: UnexplainedRows) {
        self.destination.extend(other.destination);
        self.record_id.extend(other.record_id);
        self.created_at.extend(other.created_at);
        self.lead_source.extend(other.lead_source);
        self.reason.extend(other.reason);
        self.lead_id.extend(other.lead_id);
    }

    pub(super) fn table(self) -> Result<Table<UnexplainedRecords>> {
        let mut frame = df!(
            "destination" => self.destination,
            "record_id" => self.record_id,
            "lead_source" => self.lead_source,
            "reason" => self.reason,
            "lead_id" => self.lead_id,
        )?;
        frame.with_column(instants("created_at", self.created_at)?.into())?;
        Table::new(frame)
    }
}

fn instants(name: &str, values: Vec<Option<i64>>) -> Result<Series> {
    Ok(Series::new(name.into(), values).cast(&Kind::Instant.dtype())?)
}
