//! Dates that read both ways in one export → how they are meant, by what else is known of the destination.
//!
//! First by records landed before, whose times are known; then by the other exports of the same columns. Nothing is
//! taken from what looks likely: where neither tells, the export is not read, and the key to set is named.

use std::collections::HashMap;

use polars::prelude::*;

use super::cells::Question;
use super::sheets::Records;
use crate::config::{DateOrder, Destination};
use crate::error::{Result, count};
use crate::tabular::times::{self, Order};

/// What is known of a destination beside the export in question.
pub(super) struct Known {
    /// When landed records were made.
    made: HashMap<String, i64>,
    /// Exports whose dates were decided: labels of their columns of times, order, file.
    others: Vec<(Vec<String>, DateOrder, String)>,
}

impl Known {
    /// Gathers it from tonight's other exports and from the newest landed versions.
    pub fn new<'a>(
        others: impl Iterator<Item = &'a Records>,
        landed: &DataFrame,
        destination: &Destination,
    ) -> Result<Self> {
        let mut made = HashMap::new();
        if landed.width() > 0 {
            let (names, ids) = (landed.column("destination")?.str()?, landed.column("record_id")?.str()?);
            let times = landed.column("created_at")?.datetime()?.physical().clone();
            for ((name, id), at) in names.iter().zip(ids.iter()).zip(times.iter()) {
                if let (true, Some(id), Some(at)) = (name == Some(&destination.name), id, at) {
                    made.insert(id.to_owned(), at);
                }
            }
        }
        let others = others
            .filter_map(|o| o.dates.as_ref().map(|(order, labels)| (labels.clone(), *order, o.file.file.clone())))
            .collect();
        Ok(Known { made, others })
    }

    /// The order of day and month; `None` if nothing tells, or not all of it tells the same.
    pub fn settle(&self, question: &Question) -> Option<Order> {
        self.by_records(question).or_else(|| self.by_others(question))
    }

    fn by_records(&self, question: &Question) -> Option<Order> {
        let (mut day_first, mut month_first) = (0usize, 0usize);
        for (id, text) in question.ids.iter().zip(question.made.iter()) {
            let known = id.as_ref().and_then(|id| self.made.get(id)).copied();
            let (Some(known), Some(text)) = (known, text) else { continue };
            let reads = |order| times::instant(text, Some(order), question.zone).map(|(at, ..)| at) == Some(known);
            match (reads(DateOrder::Dmy), reads(DateOrder::Mdy)) {
                (true, false) => day_first += 1,
                (false, true) => month_first += 1,
                _ => {}
            }
        }
        let (order, n) = match (day_first, month_first) {
            (n, 0) if n > 0 => (DateOrder::Dmy, n),
            (0, n) if n > 0 => (DateOrder::Mdy, n),
            _ => return None,
        };
        Some(Order::new(order, &format!("by {} read before", count(n, "record that was", "records that were"))))
    }

    fn by_others(&self, question: &Question) -> Option<Order> {
        let mut alike = self.others.iter().filter(|(labels, ..)| labels == question.labels);
        let (_, order, file) = alike.next()?;
        alike.all(|(_, other, _)| other == order).then(|| Order::new(*order, &format!("as in {file}")))
    }
}
