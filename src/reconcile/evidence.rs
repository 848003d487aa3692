//! Whether a record can be of an event, and how sure that is: by key, by what its lead source names, by time.

use crate::reconcile::events::{Book, Event, Lead, TEN_MINUTES};
use crate::reconcile::offers::{Code, Named};
use crate::reconcile::records::Record;
use crate::time::DAY;

/// How sure a pair is, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Evidence {
    /// The record carries the lead's own key.
    Key,
    /// The record's lead source names the lead's action or offer.
    LeadSource,
    /// Person and time only.
    Time,
}

/// How much earlier than its lead a record may be, by the width of its time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slack {
    /// For days without hours, whose zone is not known.
    pub day: i64,
    /// How much further away than it looks a record is that was made before its lead: where this export's clock is seen
    /// never to be early, it is rather of the lead before.
    pub early: i64,
}

impl Default for Slack {
    fn default() -> Self {
        Slack { day: TEN_MINUTES, early: 0 }
    }
}

impl Slack {
    pub(super) fn of(self, width: i64) -> i64 {
        if width >= DAY { self.day } else { TEN_MINUTES }
    }

    /// How near a record is that was made so much later than its lead, or earlier.
    pub(super) fn distance(self, delay: i64) -> i64 {
        if delay < 0 { self.early.saturating_sub(delay) } else { delay }
    }
}

/// What a record's lead source says for or against an event; none where it names another action or offer.
pub(super) fn evidence(event: &Event, action: Code, offer: Named) -> Option<Evidence> {
    let mut named = false;
    if action != 0 && event.action != 0 {
        if action != event.action {
            return None;
        }
        named = true;
    }
    match (event.offer, offer) {
        (Named::Id(a), Named::Id(b)) | (Named::Title(a), Named::Title(b)) => {
            if a != b {
                return None;
            }
            named = true;
        }
        // A title that belongs to no id, or none at all, cannot be compared.
        _ => {}
    }
    Some(if named { Evidence::LeadSource } else { Evidence::Time })
}

/// Endings of objects that hold raw leads.
const ENDINGS: [&str; 9] = [".gz", ".zst", ".json", ".ndjson", ".jsonl", ".csv", ".txt", ".xml", ".parquet"];

/// The forms of a raw lead's key that forwarders keep, any case: lead_id, the RowKey, or the object's name, with or
/// without its folders and its ending.
pub(super) fn key_forms(lead: &Lead<'_>) -> Vec<String> {
    let key = lead.source_key.to_lowercase();
    let below = key.match_indices('/').filter_map(|(at, _)| key.get(at + 1..));
    let names: Vec<&str> = std::iter::once(key.as_str()).chain(below).filter(|name| !name.is_empty()).collect();
    let stems = names.iter().map(|name| stem(name)).filter(|stem| !names.contains(stem));
    let mut forms: Vec<String> = names.iter().copied().chain(stems).map(str::to_owned).collect();
    forms.push(lead.id.to_lowercase());
    forms
}

/// The forms of a key that a record keeps, the fullest first: as it is, of an address the part behind the host and that
/// behind the container, each with and without its ending.
pub(super) fn forms_of_key(key: &str) -> Vec<String> {
    let key = key.trim().to_lowercase();
    let path = key.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, path)| path);
    let path = path.map(|path| path.split(['?', '#']).next().unwrap_or(path));
    let names = [Some(key.trim_start_matches('/')), path, path.and_then(|path| Some(path.split_once('/')?.1))];
    let names = names.into_iter().flatten().filter(|name| !name.is_empty());
    names.flat_map(|name| [name.to_owned(), stem(name).to_owned()]).collect()
}

/// A name without the ending of an object that holds leads.
fn stem(name: &str) -> &str {
    let mut stem = name;
    while let Some(shorter) = ENDINGS.iter().find_map(|ending| stem.strip_suffix(ending)).filter(|s| !s.is_empty()) {
        stem = shorter;
    }
    stem
}

/// Whether a record's key is one of these forms of a lead's.
pub(super) fn is_key_of(key: &str, forms: &[String]) -> bool {
    forms_of_key(key).iter().any(|form| forms.contains(form))
}

/// What the record's lead source says of the event, and the least delay; none where it cannot be of it by time or by
/// what it names.
pub(super) fn delay(book: &Book<'_>, event: &Event, record: &Record<'_>, slack: Slack) -> Option<(Evidence, i64)> {
    let evidence = evidence(event, record.action, record.offer)?;
    let span = record.span?;
    let delays = book.leads_of(event).map(|lead| span.delay(lead.received));
    let delay = delays.filter(|delay| *delay >= -slack.of(span.width)).min_by_key(|delay| delay.abs())?;
    Some((evidence, delay))
}

/// Whether a record could have been made by this event, were the event not answered already; one that tells no time
/// could have been made at any.
pub(super) fn could_answer(book: &Book<'_>, event: &Event, record: &Record<'_>, slack: Slack) -> bool {
    match record.span {
        Some(_) => delay(book, event, record, slack).is_some(),
        None => evidence(event, record.action, record.offer).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_any_of_the_names_of_its_lead() {
        let lead = |source_key: &'static str| Lead {
            id: "0123456789abcdef",
            source_key,
            person: 0,
            received: 0,
            kind: "genuine",
            offer_id: None,
            title: None,
            email: None,
            event: 0,
        };
        let forms = key_forms(&lead("leads/2026/04/01/Feed-17.json.gz"));
        for key in [
            "feed-17",
            "Feed-17.json.gz",
            "2026/04/01/Feed-17",
            "/leads/2026/04/01/feed-17.json.gz",
            "0123456789ABCDEF",
            "https://contoso.blob.core.windows.net/box/leads/2026/04/01/Feed-17.json.gz?sv=1",
        ] {
            assert!(is_key_of(key, &forms), "{key} {forms:?}");
        }
        assert!(!is_key_of("17", &forms) && !is_key_of("json", &forms) && !is_key_of("04/01", &forms));
        assert!(is_key_of("row.1", &key_forms(&lead("partition/row.1"))), "a RowKey is no file");
    }
}
