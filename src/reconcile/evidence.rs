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

/// The forms of a raw lead's key that forwarders keep: lead_id, the whole key, the RowKey alone; any case.
pub(super) fn key_forms(lead: &Lead<'_>) -> [String; 3] {
    let row_key = lead.source_key.rsplit_once('/').map_or(lead.source_key, |(_, row)| row);
    [lead.id, lead.source_key, row_key].map(str::to_lowercase)
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
