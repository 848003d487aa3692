//! What the lead source of records that follow their leads says, in an export that shows no marketplace lead sources.
//!
//! There any record of the person may be the delivery, so that an import of marketing's hides a lost lead. Mostly the
//! forwarder writes one text into all of its records, and `delivered_by` could name it: that is worth saying.

use std::collections::BTreeMap;

use super::ledger::Ledger;

/// Fewer deliveries in time than this say nothing.
const FEWEST: usize = 50;

/// The text that nearly all records made in time have, and how many matched leads have a record that says another.
///
/// None where the export shows marketplace lead sources, or where the records do not agree.
pub(super) fn usual<'a>(ledger: &Ledger<'_, 'a>) -> Option<(&'a str, usize)> {
    if ledger.records.shows_lead_source {
        return None;
    }
    let mut said: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let (mut in_time, mut all) = (0, 0);
    for (lead, answer) in ledger.answers.iter().filter(|(_, answer)| answer.delivered) {
        let Some((lead, record)) = ledger.lead(*lead).zip(ledger.records.all.get(answer.record as usize)) else {
            continue;
        };
        let Some(text) = record.lead_source.map(str::trim).filter(|text| !text.is_empty()) else { continue };
        let is_prompt = record.span.is_some_and(|span| span.delay(lead.received) <= ledger.grace);
        let counts = said.entry(text).or_default();
        counts.0 += usize::from(is_prompt);
        counts.1 += 1;
        in_time += usize::from(is_prompt);
        all += 1;
    }
    let (text, (prompt, of_text)) = said.into_iter().max_by_key(|(_, (prompt, _))| *prompt)?;
    (in_time >= FEWEST && prompt * 20 >= in_time * 19 && all > of_text).then_some((text, all - of_text))
}
