//! Opportunities by id and by name: what became of them, and what they bring.

use polars::prelude::*;

use super::layouts::Layout;
use crate::codes::outcome::{LOST, QUALIFIED, WON};
use crate::tabular::numbers::{Mark, decimal, mark_of};

/// What an opportunity says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deal<'a> {
    pub outcome: &'static str,
    /// In units of 10⁻¹⁸.
    pub amount: Option<i128>,
    pub currency: Option<&'a str>,
    /// When it was last changed, in microseconds since 1970.
    pub changed_at: Option<i64>,
}

/// The id of a record of an object where a person has the same number.
pub(super) fn named_apart(object: &str, id: &str) -> String {
    format!("{object}-{id}")
}

/// The id that others know an opportunity by.
pub(super) fn as_named(id: &str) -> &str {
    id.strip_prefix("opportunity-").unwrap_or(id)
}

/// Opportunities by id and by name.
pub(super) struct Deals<'a> {
    known: PlHashMap<&'a str, Deal<'a>>,
}

impl<'a> Deals<'a> {
    /// `text` gives a cell of a column; `newest` are the rows.
    pub(super) fn new(
        text: impl Fn(&'static str, usize) -> Option<&'a str>,
        newest: &DataFrame,
        won: &BooleanChunked,
        closed: &BooleanChunked,
        layout: &Layout,
    ) -> PolarsResult<Self> {
        let changed = newest.column("modified_at")?.datetime()?.physical().clone();
        let of_deals = || (0..newest.height()).filter(|row| text("object", *row) == Some("opportunity"));
        // One mark for the column: where nothing decides, a point is a decimal point.
        let mark = mark_of(of_deals().filter_map(|row| text("amount", row))).unwrap_or(Mark::Point);
        let mut known = PlHashMap::default();
        let mut names: PlHashMap<&str, Option<Deal>> = PlHashMap::default();
        for row in of_deals() {
            let outcome = deal(won.get(row), closed.get(row), text("state", row), text("status", row), layout);
            let found = Deal {
                outcome,
                amount: text("amount", row).and_then(|text| decimal(text, mark)),
                currency: text("currency", row),
                changed_at: changed.get(row),
            };
            if let Some(id) = text("record_id", row) {
                known.insert(as_named(id), found);
            }
            // A lookup in a workbook is the name; one that two deals share names none.
            if let Some(name) = text("subject", row) {
                names.entry(name).and_modify(|o| *o = None).or_insert(Some(found));
            }
        }
        for (name, found) in names {
            if let Some(found) = found {
                known.entry(name).or_insert(found);
            }
        }
        Ok(Deals { known })
    }

    fn all(&self, ids: &str) -> Vec<Deal<'a>> {
        match self.known.get(ids) {
            Some(one) => vec![*one],
            None => ids.split(';').filter_map(|id| self.known.get(id.trim()).copied()).collect(),
        }
    }

    /// The deal of one id.
    pub(super) fn of(&self, id: &str) -> Option<Deal<'a>> {
        self.known.get(as_named(id)).copied()
    }

    /// Of several deals one that is won counts, lost only if all are; none if none is known.
    pub(super) fn outcome(&self, ids: &str) -> Option<&'static str> {
        let known = self.all(ids);
        if known.is_empty() {
            None
        } else if known.iter().any(|d| d.outcome == WON) {
            Some(WON)
        } else if known.iter().all(|d| d.outcome == LOST) {
            Some(LOST)
        } else {
            Some(QUALIFIED)
        }
    }

    /// What the won ones bring together, where all say it in one currency, and when the first was last changed.
    pub(super) fn won(&self, ids: &str) -> Option<Deal<'a>> {
        let won: Vec<Deal> = self.all(ids).into_iter().filter(|d| d.outcome == WON).collect();
        let first = won.first()?;
        let is_one_currency = won.iter().all(|d| d.currency == first.currency);
        let sum = won.iter().try_fold(0i128, |sum, d| sum.checked_add(d.amount?));
        Some(Deal {
            amount: sum.filter(|_| is_one_currency),
            changed_at: won.iter().filter_map(|d| d.changed_at).min(),
            ..*first
        })
    }
}

/// What became of an opportunity.
pub(super) fn deal(
    won: Option<bool>,
    closed: Option<bool>,
    state: Option<&str>,
    status: Option<&str>,
    layout: &Layout,
) -> &'static str {
    match (won, closed) {
        (Some(true), _) => WON,
        (_, Some(true)) if won == Some(false) => LOST,
        _ => [state, status].into_iter().flatten().find_map(|t| layout.opportunity_outcome(t)).unwrap_or(QUALIFIED),
    }
}
