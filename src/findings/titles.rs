//! What offers and actions are called where people read of them.

use std::collections::BTreeMap;

use polars::prelude::*;

use crate::codes::action;
use crate::error::Result;

/// The title of each offer that leads name, by its id: the one most often given, of equals the first of the alphabet.
/// `leads`: any frame with columns `offer_id` and `offer`.
///
/// # Errors
/// When a column is not there.
pub fn titles(leads: &DataFrame) -> Result<BTreeMap<String, String>> {
    let named = leads
        .clone()
        .lazy()
        .filter(col("offer_id").is_not_null().and(col("offer").is_not_null()))
        .group_by([col("offer_id"), col("offer")])
        .agg([len().alias("times")])
        .sort_by_exprs(
            [col("offer_id"), col("times"), col("offer")],
            SortMultipleOptions::default().with_order_descending_multi([false, true, false]),
        )
        .collect()?;
    let (ids, offers) = (named.column("offer_id")?.str()?, named.column("offer")?.str()?);
    let mut titles = BTreeMap::new();
    for (id, title) in ids.iter().zip(offers.iter()) {
        if let (Some(id), Some(title)) = (id, title) {
            titles.entry(id.to_owned()).or_insert_with(|| title.to_owned());
        }
    }
    Ok(titles)
}

/// `PLT (contact me)`: the code of an action, and what the customer clicked where it is known.
pub fn clicked(code: &str) -> String {
    let clicked = match code {
        action::INS => "get it now",
        action::PLT => "contact me",
        action::DNC => "do not contact",
        action::CREATE => "created in the portal",
        action::START_TEST_DRIVE => "test drive",
        _ => return code.to_owned(),
    };
    format!("{code} ({clicked})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_is_called_what_most_of_its_leads_call_it() {
        let leads = df!(
            "offer_id" => ["a", "a", "a", "b", "b", "c"],
            "offer" => [Some("Old"), Some("New"), Some("New"), Some("Y"), Some("X"), None],
        );
        let found = titles(&leads.unwrap()).unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [("a".into(), "New".into()), ("b".into(), "X".into())]);
    }
}
