//! Is every injected cause named, by its own condition and value?
//!
//! Judged is a cause that cost five events and more that the CRM can show. It is named where a reported condition of the
//! destination is of the same family and, where the family has values, of the same value. One that is not named where an
//! export is rightly held back, because it leaves out what may look like a cause, is counted apart; so is what was
//! reported and not injected.

use std::collections::{BTreeMap, BTreeSet};

use crate::Score;
use crate::judged::Judged;
use crate::truth::rows;

/// Judges the causes of the last night.
pub fn judge(judged: &Judged<'_>, score: &mut Score) {
    let (names, conditions) = (judged.causes.texts("destination").unwrap(), judged.causes.texts("condition").unwrap());
    let told: Vec<(&str, String)> =
        names.iter().zip(conditions).map(|(d, c)| (d.unwrap(), c.unwrap().to_lowercase())).collect();
    let mut explained = vec![false; told.len()];
    // Events that a cause took, but for those of people whom a CRM with one record per person knows anyhow.
    let deliveries = rows(judged.publisher, "deliveries");
    let mut shown: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in deliveries.iter().filter(|row| row["outcome"] == "lost") {
        if !judged.destination(&row["destination"]).per_person || row["known"] != "yes" {
            shown.entry(&row["cause"]).or_default().insert(&row["event_id"]);
        }
    }
    for truth in rows(judged.publisher, "causes") {
        let lost = shown.get(truth["cause"].as_str()).map_or(0, BTreeSet::len);
        let words = words(&truth["condition"].to_lowercase());
        let mut named = false;
        for ((destination, condition), explained) in told.iter().zip(&mut explained) {
            let is_it = *destination == truth["destination"] && words.iter().all(|word| condition.contains(word));
            named |= is_it;
            *explained |= is_it;
        }
        if lost < 5 {
            continue;
        }
        if !named && judged.holds_causes_back(&truth["destination"]) {
            score.causes_held += 1;
            continue;
        }
        score.causes_true += 1;
        if named {
            score.causes_found += 1;
        } else {
            let fault = format!(
                "cause not named: {} {}, {lost} lost and {} delivered under it",
                truth["destination"], truth["condition"], truth["delivered"]
            );
            *score.faults.entry(fault).or_default() += 1;
        }
    }
    for ((destination, condition), explained) in told.iter().zip(explained) {
        if !explained && !judged.holds_causes_back(destination) {
            score.causes_more += 1;
            *score.faults.entry(format!("cause told and not injected: {destination} {condition}")).or_default() += 1;
        }
    }
    if judged.options.verbose {
        score.told.extend(told.iter().map(|(d, c)| format!("cause told: {d}: {c}")));
    }
}

/// What a reported condition must say to be the one of the truth, as the generator words it.
fn words(truth: &str) -> Vec<String> {
    if let Some((one, other)) = truth.split_once(" and ") {
        return words(one).into_iter().chain(words(other)).collect();
    }
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let field = truth.split(' ').next().unwrap_or_default().replace('_', " ");
    match () {
        () if truth.ends_with(" empty") => owned(&[&field, "empty"]),
        () if truth.contains(" longer than ") => owned(&[&field, "longer than"]),
        () if truth.ends_with(" not ascii") => owned(&[&field, "ascii"]),
        () if truth.starts_with("person known") => owned(&["already"]),
        () if truth.starts_with("minute ") => owned(&["minute"]),
        () if truth.starts_with("rank ") => owned(&["more than"]),
        () if truth.starts_with("more than ") => owned(&["more than", "leads came"]),
        () if truth.starts_with("weekday ") => {
            let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
            let day = truth.rsplit(' ').next().and_then(|n| n.parse::<usize>().ok()).unwrap_or(1);
            owned(&["day", days[day - 1]])
        }
        () => match truth.split_once('=') {
            Some((name, value)) => owned(&[name, &format!("is {value}")]),
            None => owned(&[truth]),
        },
    }
}
