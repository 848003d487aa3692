//! The times of one table → instants: the order of day and month column by column, and the zone that the file proves.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use polars::prelude::*;

use super::cells::{Question, TIMES, each};
use super::layouts::Mapping;
use super::zones::{self, Proof};
use crate::config::{DateOrder, Destination};
use crate::tabular::times::{self, Evidence, Order, Resolution, Times};
use crate::tabular::{self, ColumnForm, Doubt, Note, ReadFile};
use crate::time::MINUTE;

/// What is needed to read the times of a table.
pub(super) struct Sheet<'a> {
    pub sheet: &'a tabular::Sheet,
    pub mapping: &'a Mapping,
    pub forms: &'a [ColumnForm],
    pub destination: &'a Destination,
    /// When the file was last written.
    pub written: DateTime<Utc>,
}

/// Times that were read.
pub(super) struct Dated {
    /// By field.
    pub times: BTreeMap<&'static str, Times>,
    orders: BTreeMap<&'static str, Order>,
    /// Order of the dates of creation, for other files of the same columns.
    pub order: Option<DateOrder>,
    /// Labels of the columns of times.
    pub labels: Vec<String>,
    /// Zone of times that have none, where there are such.
    zone: Option<Tz>,
    proof: Option<Proof>,
    /// Label of the column that is known to be UTC.
    utc: String,
}

/// How far the two times of a record that nobody touched are apart.
const SLACK: i64 = 5_000_000;

impl Sheet<'_> {
    /// Reads them. The labels of the columns, where day and month cannot be told apart.
    pub fn read(
        &self,
        text: &dyn Fn(&str) -> StringChunked,
        ids: &[Option<String>],
        settle: &dyn Fn(&Question) -> Option<Order>,
    ) -> Result<Dated, Vec<String>> {
        let cells: Vec<(&'static str, StringChunked)> = TIMES.iter().map(|field| (*field, text(field))).collect();
        let labels = self.labels();
        let configured = self.destination.timezone;
        let zone = configured.unwrap_or(Tz::UTC);
        let question = Question { labels: &labels, ids, made: &text("created_at"), zone };
        let Some(orders) = self.orders(&cells, &question, settle) else { return Err(labels) };
        let order_of = |field: &str| orders.get(field).and_then(|order| order.order);
        let height = self.sheet.height();
        let told = |field: &str| self.mapping.told_zone(field, &self.sheet.header);
        let is_utc = |field: &str| told(field) == Some(Tz::UTC);
        let in_zone = |field: &str, zone: Tz| told(field).unwrap_or(zone);
        let read = each(&cells, height, |(field, cells)| times::read(cells, order_of(field), in_zone(field, zone)));
        let mut times: BTreeMap<&'static str, Times> = cells.iter().map(|(field, _)| *field).zip(read).collect();
        let proof = if configured.is_none() {
            self.proof(&times, is_utc("modified_at"), told("created_at").is_some())
        } else {
            None
        };
        let proven = proof.map(|proof| proof.zone).filter(|zone| *zone != Tz::UTC);
        for (field, column) in cells.iter().filter(|(field, _)| told(field).is_none()) {
            if let Some(zone) = proven.filter(|_| times.get(field).is_some_and(|times| times.zoneless)) {
                times.insert(field, times::read(column, order_of(field), zone));
            }
        }
        let is_local = times.iter().any(|(field, times)| times.zoneless && told(field).is_none());
        let utc = self.mapping.fields.get("modified_at").and_then(|columns| columns.first());
        Ok(Dated {
            order: order_of("created_at"),
            labels,
            zone: if is_local {
                Some(proven.unwrap_or(zone))
            } else {
                told("created_at").filter(|zone| *zone != Tz::UTC)
            },
            proof,
            utc: utc.and_then(|n| self.sheet.header.get(*n)).cloned().unwrap_or_default(),
            times,
            orders,
        })
    }

    fn labels(&self) -> Vec<String> {
        let columns = TIMES.iter().filter_map(|field| self.mapping.fields.get(*field)?.first());
        columns.filter_map(|n| self.sheet.header.get(*n)).cloned().collect()
    }

    /// The order of each column: by its own dates, else by all dates of the file, read or not.
    fn orders(
        &self,
        cells: &[(&'static str, StringChunked)],
        question: &Question,
        settle: &dyn Fn(&Question) -> Option<Order>,
    ) -> Option<BTreeMap<&'static str, Order>> {
        let configured = self.destination.date_order;
        let own: Vec<Evidence> = each(cells, self.sheet.height(), |(_, column)| {
            let mut evidence = Evidence::default();
            evidence.weigh(column, Some(self.written));
            evidence
        });
        let mut whole = Evidence::default();
        own.iter().for_each(|evidence| whole.add(evidence));
        let beside = |n: &usize| {
            self.forms.get(*n) == Some(&ColumnForm::Date)
                && self.mapping.field_of(*n).is_none_or(|field| !TIMES.contains(&field))
        };
        // Others are looked at only where it matters: most files have one reading.
        if own.iter().any(|evidence| evidence.matters() && evidence.decided().is_none()) {
            for column in (0..self.forms.len()).filter(beside).filter_map(|n| self.sheet.column(n)) {
                whole.weigh(column, Some(self.written));
            }
        }
        let mut changes: Option<Evidence> = None;
        let mut orders = BTreeMap::new();
        for ((field, _), evidence) in cells.iter().zip(&own) {
            let decided = evidence.decide_beside(&whole, configured).or_else(|| {
                let changes = changes.get_or_insert_with(|| {
                    let mut all = whole.clone();
                    let of = |name: &str| cells.iter().find(|(field, _)| *field == name).map(|(_, column)| column);
                    if let (Some(made), Some(changed)) = (of("created_at"), of("modified_at")) {
                        all.weigh_changes(made, changed);
                    }
                    all
                });
                changes.decide(None).or_else(|| settle(question))
            });
            orders.insert(*field, decided?);
        }
        Some(orders)
    }

    /// What the file proves of its zone, if one of its columns is known to be UTC and the other is not.
    fn proof(&self, times: &BTreeMap<&'static str, Times>, changed_is_utc: bool, made_is_told: bool) -> Option<Proof> {
        let (made, changed) = (times.get("created_at")?, times.get("modified_at")?);
        let has_offsets = !changed.zoneless && changed.micros.iter().any(Option::is_some);
        if !(changed_is_utc || has_offsets) || made_is_told || !made.zoneless {
            return None;
        }
        let finest = |times: &Times| times.resolution.iter().copied().filter(|r| *r != Resolution::None).min();
        let slack = match finest(made).max(finest(changed))? {
            Resolution::Second => SLACK,
            Resolution::Minute => MINUTE,
            Resolution::Day | Resolution::None => return None,
        };
        zones::prove(&made.micros, &changed.micros, slack)
    }
}

impl Dated {
    /// When records were made.
    pub fn created(&self) -> &Times {
        static NONE: Times = Times { micros: Vec::new(), resolution: Vec::new(), bad: Vec::new(), zoneless: false };
        self.times.get("created_at").unwrap_or(&NONE)
    }

    /// What a person should know of it.
    pub fn tell(&self, file: &mut ReadFile, sheet: &tabular::Sheet) {
        let mut told: Vec<&str> = Vec::new();
        for order in self.orders.values().map(|order| order.because.as_str()) {
            if !told.contains(&order) && (order != "iso" || self.orders.values().all(|o| o.because == "iso")) {
                told.push(order);
            }
        }
        file.date_order = told.join("; ");
        if let Some(zone) = self.zone {
            file.timezone = zone.name().to_owned();
        }
        if let Some(proof) = self.proof {
            file.notes.push(Note::from(format!(
                "its local times are of {}: {} the same instant in \"{}\", which is UTC",
                proof.zone.name(),
                crate::error::count(
                    proof.untouched, "record that nobody touched has", "records that nobody touched have"
                ),
                self.utc
            )));
        }
        for (field, times) in self.times.iter().filter(|(_, times)| !times.bad.is_empty()) {
            file.doubts.insert(Doubt::UnreadTimes);
            let first = times.bad.first().and_then(|n| sheet.rows.get(*n)).copied().unwrap_or_default();
            let one = format!("cell of {field} is no time (row {first}); the record is kept without");
            let many = format!("cells of {field} are no times (first in row {first}); the records are kept without");
            file.notes.push(Note::counted(times.bad.len(), one, many));
        }
        let finest = self.created().resolution.iter().copied().filter(|r| *r != Resolution::None).min();
        file.resolution = finest.unwrap_or(Resolution::None).name().to_owned();
        for column in &mut file.columns_read {
            let order = column.role.as_deref().and_then(|role| self.orders.get(role)).and_then(|order| order.order);
            if let Some(order) = order.filter(|_| column.form == "date") {
                column.form = format!("date, {}", times::name_of(order));
            }
        }
    }
}
