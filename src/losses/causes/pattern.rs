//! What missed leads share: one condition or two together, in words and with its advice.

use std::collections::BTreeMap;

use crate::config::DestinationKind;
use crate::losses::causes::advice;
use crate::losses::causes::conditions::{Condition, Row, Texts};
use crate::losses::causes::fisher::{ALPHA, Contrast, e_value};

/// One condition, or two together.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub(super) first: Condition,
    second: Option<Condition>,
}

impl Pattern {
    pub(super) fn one(first: Condition) -> Self {
        Pattern { first, second: None }
    }

    /// Two together; the order in which they were found does not matter.
    pub(super) fn two(one: &Condition, other: &Condition) -> Self {
        let (first, second) = if one.rank() <= other.rank() { (one, other) } else { (other, one) };
        Pattern { first: first.clone(), second: Some(second.clone()) }
    }

    pub(super) fn holds(&self, row: &Row, texts: &Texts) -> bool {
        self.first.holds(row, texts) && self.second.as_ref().is_none_or(|second| second.holds(row, texts))
    }

    /// Whether it tells moments apart in which as much else was alike: a minute of the hour, or what came after so many
    /// leads of the same hour or day and not before them. No export leaves records out by that.
    pub(super) fn tells_moments_apart(&self, rows: &[Row], texts: &Texts) -> bool {
        let Some(within) = self.first.moment() else { return false };
        let (inside, outside): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| self.holds(row, texts));
        let mut times: Vec<i64> = inside.iter().map(|row| row.at).collect();
        times.sort_unstable();
        let is_beside = |row: &&&Row| {
            let next = times.partition_point(|at| *at < row.at);
            times.get(next).is_some_and(|at| at - row.at <= within)
        };
        let whole = Contrast::of(inside.iter().chain(outside.iter().filter(is_beside)).copied());
        let missed = inside.iter().filter(|row| row.missed).count();
        whole.ln_p(missed, inside.len() - missed).is_some_and(|p| e_value(p, 1) <= ALPHA)
    }

    pub(super) fn sharpened(self, kind: Option<DestinationKind>) -> Self {
        Pattern { first: self.first.sharpened(kind), second: self.second.map(|second| second.sharpened(kind)) }
    }

    /// The pattern in words; an offer that has one of these titles by it, with its id.
    pub(super) fn text(&self, titles: &BTreeMap<String, String>) -> String {
        match &self.second {
            Some(second) => format!("{} and {}", self.first.text(titles), second.text(titles)),
            None => self.first.text(titles),
        }
    }

    /// The pattern in a form that no rewording changes.
    pub(super) fn subject(&self) -> String {
        match &self.second {
            Some(second) => format!("{} {}", self.first.subject(), second.subject()),
            None => self.first.subject(),
        }
    }

    pub(super) fn advice(&self, kind: Option<DestinationKind>) -> String {
        let first = advice::advice(&self.first, kind);
        match self.second.as_ref().map(|second| advice::advice(second, kind)) {
            Some(second) if second != first => format!("A rule that looks at both at once. {first} {second}"),
            Some(_) => format!("A rule that looks at both at once. {first}"),
            None => first,
        }
    }
}

/// A pattern that passed its test.
pub(super) struct PatternFound {
    pub(super) pattern: Pattern,
    pub(super) missed: usize,
    pub(super) delivered: usize,
    pub(super) e_value: f64,
}
