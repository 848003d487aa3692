//! Leads of files that were copied: without a time of their own they have that of the copy, and are told by what they say.
//!
//! One lead that says what an earlier one said is another act, and counts. Several that do, stored in one moment, are copies
//! of files beside their originals: they were received when those were.

use std::collections::HashMap;

use polars::prelude::*;

use crate::error::Result;
use crate::time::{COPYING, FEWEST_COPIES};

/// What is equal in a lead and in its copy.
const SAID: [&str; 13] = [
    "source", "storefront", "action", "offer_id", "offer", "first_name", "last_name", "email", "phone", "company",
    "title", "country", "description",
];

/// Gives copies the time of what they are copies of.
pub(super) fn settle(mut frame: DataFrame) -> Result<DataFrame> {
    let froms = frame.column("received_from")?.str()?.clone();
    let stored: Vec<usize> = (0..frame.height()).filter(|row| froms.get(*row) == Some("stored")).collect();
    if stored.len() < FEWEST_COPIES {
        return Ok(frame);
    }
    let said =
        SAID.iter().map(|name| Ok(frame.column(name)?.str()?.clone())).collect::<Result<Vec<StringChunked>>>()?;
    let mut at: Vec<Option<i64>> = frame.column("received_at")?.datetime()?.physical().iter().collect();
    let mut alike: HashMap<Vec<Option<&str>>, Vec<(i64, usize)>> = HashMap::new();
    for row in stored {
        if let Some(time) = at.get(row).copied().flatten() {
            alike.entry(said.iter().map(|column| column.get(row)).collect()).or_default().push((time, row));
        }
    }
    // The later ones of each group: when they were stored, what they say, which they are, and the time of the first.
    let mut later: Vec<(i64, usize, usize, i64)> = Vec::new();
    for group in alike.into_values() {
        let Some((first, original)) = group.iter().min().copied() else { continue };
        later.extend(
            group.into_iter().filter(|(_, row)| *row != original).map(|(time, row)| (time, original, row, first)),
        );
    }
    later.sort_unstable();
    let copies = together(&later);
    if copies.is_empty() {
        return Ok(frame);
    }
    for (row, first) in copies {
        if let Some(time) = at.get_mut(row) {
            *time = Some(first);
        }
    }
    let settled = Series::new("received_at".into(), at).cast(&crate::tables::Kind::Instant.dtype())?;
    frame.with_column(settled.into_column())?;
    Ok(frame)
}

/// The rows, with their new times, of those among which several different ones were stored in one moment.
fn together(later: &[(i64, usize, usize, i64)]) -> Vec<(usize, i64)> {
    let mut within: HashMap<usize, usize> = HashMap::new();
    let (mut begin, mut taken) = (0, 0);
    let mut found = Vec::new();
    for (end, (time, original, ..)) in later.iter().enumerate() {
        *within.entry(*original).or_default() += 1;
        while let Some((_, gone, ..)) = later.get(begin).filter(|first| *time - first.0 > COPYING) {
            if let Some(left) = within.get_mut(gone) {
                *left -= 1;
                if *left == 0 {
                    within.remove(gone);
                }
            }
            begin += 1;
        }
        if within.len() >= FEWEST_COPIES {
            let from = begin.max(taken);
            found.extend(later.get(from..=end).into_iter().flatten().map(|(_, _, row, first)| (*row, *first)));
            taken = end + 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{DAY, MINUTE};

    /// When leads of these contents and stored at these minutes were received, in minutes.
    fn received(leads: &[(&str, i64)]) -> Vec<i64> {
        let mut frame = df!("received_from" => vec!["stored"; leads.len()]).unwrap();
        for name in SAID {
            let texts: Vec<&str> = leads.iter().map(|(said, _)| if name == "email" { *said } else { "same" }).collect();
            frame.with_column(Column::new(name.into(), texts)).unwrap();
        }
        let at: Vec<i64> = leads.iter().map(|(_, minute)| minute * MINUTE).collect();
        let at = Column::new("received_at".into(), at).cast(&crate::tables::Kind::Instant.dtype()).unwrap();
        frame.with_column(at).unwrap();
        let settled = settle(frame).unwrap();
        let at = settled.column("received_at").unwrap().datetime().unwrap().physical().clone();
        at.iter().map(|at| at.unwrap() / MINUTE).collect()
    }

    #[test]
    fn several_leads_that_say_again_what_others_said_in_one_moment_are_copies() {
        let day = DAY / MINUTE;
        let originals = [("a", 0), ("b", 60), ("c", 120), ("d", 180), ("e", 240)];
        let copied: Vec<(&str, i64)> = originals.iter().map(|(said, n)| (*said, 9 * day + n / 60)).collect();
        let times = received(&[originals.as_slice(), &copied].concat());
        assert_eq!(times, [0, 60, 120, 180, 240, 0, 60, 120, 180, 240]);
        let one_by_one: Vec<(&str, i64)> = originals.iter().map(|(said, n)| (*said, 9 * day + n)).collect();
        let times = received(&[originals.as_slice(), &one_by_one].concat());
        assert_eq!(times[5..], [9 * day, 9 * day + 60, 9 * day + 120, 9 * day + 180, 9 * day + 240]);
        let again: Vec<(&str, i64)> = (0..8).map(|n| ("a", 9 * day + n)).collect();
        assert_eq!(received(&[originals.as_slice(), &again].concat())[12], 9 * day + 7, "one person's clicks");
    }
}
