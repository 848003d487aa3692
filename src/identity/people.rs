//! Clusters of leads → the tables identities, people and crm_records.
//!
//! Ids and "newest known value" are decided here; who belongs together is decided before.

use std::collections::HashMap;

use polars::prelude::*;
use sha2::{Digest, Sha256};

use super::model::probability;
use crate::codes::kind;
use crate::contact::{COLUMNS, home_codes, is_placeholder};
use crate::error::Result;
use crate::tables::{CrmRecords, Identities, People, Table};

/// First 16 hex digits of SHA-256 over the anchor's lead_id.
pub fn person_id(anchor_lead_id: &str) -> String {
    let mut id = hex::encode(Sha256::digest(anchor_lead_id.as_bytes()));
    id.truncate(16);
    id
}

/// A lead that is nobody.
pub(super) const NOBODY: u32 = u32::MAX;

/// Rows of leads that are somebody.
pub(super) struct Rows {
    /// In the order of landing: UTC day of first landing, received_at, lead_id. The first of a person is its anchor.
    pub in_order: Vec<u32>,
    /// In the order of receipt: received_at, lead_id.
    pub by_receipt: Vec<u32>,
}

impl Rows {
    pub(super) fn of(leads: &DataFrame) -> Result<Self> {
        let kinds = leads.column("kind")?.str()?;
        let received = leads.column("received_at")?.datetime()?.physical().clone();
        let landed = leads.column("landed_on")?.date()?.physical().clone();
        // The table is sorted by lead_id, so the row number stands for it.
        let mut in_order: Vec<u32> = kinds
            .iter()
            .enumerate()
            .filter(|(_, k)| !matches!(*k, Some(kind::TEST | kind::WITHHELD)))
            .map(|(row, _)| row as u32)
            .collect();
        in_order.sort_by_key(|&row| (landed.get(row as usize), received.get(row as usize), row));
        let mut by_receipt = in_order.clone();
        by_receipt.sort_by_key(|&row| (received.get(row as usize), row));
        Ok(Rows { in_order, by_receipt })
    }
}

/// Weight of a link, and by what it is one.
pub(super) type Strength = (f64, &'static str);

/// Which leads belong together.
pub(super) struct Assigned {
    /// Of each row of leads, any number that its person's leads share; [`NOBODY`] for none.
    pub cluster: Vec<u32>,
    /// Of each row, weight and kind of the strongest link to the person's other leads.
    pub strongest: Vec<Option<Strength>>,
}

impl Assigned {
    /// The person_id of each row of leads.
    pub(super) fn person_ids(&self, rows: &Rows, leads: &DataFrame) -> Result<StringChunked> {
        let lead_ids = leads.column("lead_id")?.str()?;
        let mut of_cluster: HashMap<u32, String> = HashMap::new();
        for &row in &rows.in_order {
            let cluster = self.cluster[row as usize];
            if cluster != NOBODY {
                of_cluster.entry(cluster).or_insert_with(|| person_id(lead_ids.get(row as usize).unwrap_or("")));
            }
        }
        let ids = self.cluster.iter().map(|cluster| of_cluster.get(cluster).map(String::as_str));
        Ok(StringChunked::from_iter_options("person_id".into(), ids))
    }

    pub(super) fn identities(&self, leads: &DataFrame, person_ids: &StringChunked) -> Result<Table<Identities>> {
        let weights: Vec<Option<f64>> = self.strongest.iter().map(|s| s.map(|(w, _)| w)).collect();
        let probabilities: Vec<Option<f64>> = weights.iter().map(|w| w.map(probability)).collect();
        let by: Vec<Option<&str>> = self.strongest.iter().map(|s| s.map(|(_, by)| by)).collect();
        Table::new(DataFrame::new(
            leads.height(),
            vec![
                leads.column("lead_id")?.clone(),
                person_ids.clone().into_column(),
                Column::new("match_weight".into(), weights),
                Column::new("match_probability".into(), probabilities),
                Column::new("linked_by".into(), by),
            ],
        )?)
    }

    pub(super) fn people(&self, rows: &Rows, leads: &DataFrame, person_ids: &StringChunked) -> Result<Table<People>> {
        let mut number_of: HashMap<u32, usize> = HashMap::new();
        let mut persons: Vec<Person> = Vec::new();
        let received = leads.column("received_at")?.datetime()?.physical().clone();
        let kinds = leads.column("kind")?.str()?;
        let offers = leads.column("offer_id")?.str()?;
        let fields = COLUMNS.iter().map(|name| Ok(leads.column(name)?.str()?.clone())).collect::<Result<Vec<_>>>()?;
        for &row in &rows.by_receipt {
            let at = row as usize;
            if self.cluster[at] == NOBODY {
                continue;
            }
            let number = *number_of.entry(self.cluster[at]).or_insert_with(|| {
                persons.push(Person { first_row: row, newest: [None; COLUMNS.len()], ..Person::default() });
                persons.len() - 1
            });
            let person = &mut persons[number];
            person.leads += 1;
            person.last_seen = received.get(at).unwrap_or(0);
            person.do_not_contact |= kinds.get(at) == Some(kind::DO_NOT_CONTACT);
            if let Some(offer) = offers.get(at)
                && !person.offers.contains(&offer)
            {
                person.offers.push(offer);
            }
            for (newest, field) in person.newest.iter_mut().zip(&fields) {
                if field.get(at).is_some_and(|value| !is_placeholder(value)) {
                    *newest = Some(row);
                }
            }
        }
        let rows_of = |pick: &dyn Fn(&Person) -> Option<u32>| -> IdxCa {
            IdxCa::from_iter_options("row".into(), persons.iter().map(pick))
        };
        let first_rows = rows_of(&|p| Some(p.first_row));
        let mut columns = vec![person_ids.clone().into_column().take(&first_rows)?];
        for (n, name) in COLUMNS.iter().enumerate() {
            columns.push(leads.column(name)?.take(&rows_of(&|p| p.newest[n]))?);
        }
        let instant = tables_instant();
        columns.push(leads.column("received_at")?.take(&first_rows)?.with_name("first_seen".into()));
        columns.push(
            Column::new("last_seen".into(), persons.iter().map(|p| p.last_seen).collect::<Vec<i64>>())
                .cast(&instant)?,
        );
        columns.push(Column::new("leads".into(), persons.iter().map(|p| p.leads).collect::<Vec<i64>>()));
        columns.push(Column::new("offers".into(), persons.iter().map(|p| p.offers.len() as i64).collect::<Vec<_>>()));
        columns
            .push(Column::new("do_not_contact".into(), persons.iter().map(|p| p.do_not_contact).collect::<Vec<_>>()));
        let mut frame = DataFrame::new(persons.len(), columns)?;
        frame.with_column(home_codes(&frame)?)?;
        Table::new(frame)
    }
}

#[derive(Default)]
struct Person<'a> {
    first_row: u32,
    newest: [Option<u32>; COLUMNS.len()],
    last_seen: i64,
    leads: i64,
    offers: Vec<&'a str>,
    do_not_contact: bool,
}

fn tables_instant() -> DataType {
    crate::tables::Kind::Instant.dtype()
}

/// The export's records with the person each was given to: row of one of the person's leads, weight, and by what.
pub(super) fn crm_records(
    records: &DataFrame,
    person_ids: &StringChunked,
    given: &[Option<(u32, f64, &'static str)>],
) -> Result<Table<CrmRecords>> {
    // Taken by row, so that the ids of millions of records are those of the leads and not copies.
    let rows: IdxCa = given.iter().map(|g| g.map(|(row, ..)| row)).collect_ca("person_id".into());
    let mut frame = records.clone();
    frame.with_column(home_codes(records)?)?;
    frame.with_column(person_ids.take(&rows)?.with_name("person_id".into()).into_column())?;
    frame.with_column(Column::new(
        "match_weight".into(),
        given.iter().map(|g| g.map(|(_, w, _)| w)).collect::<Vec<_>>(),
    ))?;
    frame.with_column(Column::new(
        "matched_by".into(),
        given.iter().map(|g| g.map(|(.., by)| by)).collect::<Vec<_>>(),
    ))?;
    Table::new(frame)
}
