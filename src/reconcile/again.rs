//! Records that deliver an event a second time, though in time they pair with another one, which was lost.
//!
//! A forwarder delivers twice, minutes or days apart. The second record is of a person one of whose other leads may
//! wait: pairing gives it to him, and his loss is hidden. What was typed tells them apart: a forwarder copies it, so
//! where the record shows what the delivered event typed and the waiting one typed something else, it is no answer to
//! that one. Where both typed the same nothing tells, and the pair stands.
//!
//! Refused are only pairs later than grace, for an event whose own record came in time: sales that edit a record in
//! time, and leads of an outage that are imported together later, change nothing.

use std::collections::HashMap;

use super::events::Event;
use super::ledger::Ledger;
use super::pairing::{self, Evidence, Pair};
use super::records::Record;
use super::unclaimed::{Contact, as_typed, is_same};

/// Pairs by which it is seen whether an export shows values as they were typed.
const SAMPLE: usize = 2000;

/// The records among `pairs` that deliver another event of the person again, each with that event.
///
/// `grace` in microseconds; `events_of` are the events of each person.
pub(super) fn delivered_again(
    ledger: &Ledger<'_, '_>,
    pairs: &[Pair],
    grace: i64,
    events_of: &HashMap<u32, Vec<u32>>,
) -> Vec<(u32, u32)> {
    let others_of = |event: u32| -> &[u32] {
        let of = ledger.event(event).and_then(|event| events_of.get(&event.person));
        of.map_or(&[], Vec::as_slice)
    };
    let late = |pair: &&Pair| pair.evidence != Evidence::Key && pair.delay > grace && others_of(pair.event).len() > 1;
    let late: Vec<&Pair> = pairs.iter().filter(late).collect();
    if late.is_empty() {
        return Vec::new();
    }
    let mut in_time: HashMap<u32, Vec<u32>> = HashMap::new();
    for pair in pairs.iter().filter(|pair| pair.delay <= grace && others_of(pair.event).len() > 1) {
        in_time.entry(pair.event).or_default().push(pair.record);
    }
    let writing = Writing::of(ledger, pairs, grace);
    let mut found = Vec::new();
    for pair in late {
        let (Some(event), Some(record)) = (ledger.event(pair.event), ledger.records.all.get(pair.record as usize))
        else {
            continue;
        };
        let (typed, shown) = (writing.typed(ledger, event), writing.shown(ledger, pair.record));
        let of = others_of(pair.event).iter().copied().find(|number| {
            let Some(other) = ledger.event(*number).filter(|_| *number != pair.event) else { return false };
            let own = in_time.get(number).map_or(&[][..], Vec::as_slice);
            let typed_there = writing.typed(ledger, other);
            // Its own record must be its own by what it shows: of two leads imported in the wrong order neither is.
            let is_own = |row: &u32| !explains_better(&typed, &typed_there, &writing.shown(ledger, *row));
            may_be_of(ledger, other, record, pair.evidence)
                && explains_better(&typed_there, &typed, &shown)
                && own.iter().any(is_own)
        });
        found.extend(of.map(|event| (pair.record, event)));
    }
    found
}

/// Whether the record can have been made by this event, by its time and what its lead source names.
fn may_be_of(ledger: &Ledger<'_, '_>, event: &Event, record: &Record<'_>, at_least: Evidence) -> bool {
    pairing::evidence(event, record.action, record.offer).is_some_and(|evidence| evidence <= at_least)
        && pairing::could_answer(ledger.book, event, record, ledger.slack)
}

/// Contact fields in the form in which lead and record can be compared.
type Written = [Option<String>; 7];

/// Which fields an export shows as they were typed: another way to write a phone number then tells two leads apart.
struct Writing {
    as_typed: [bool; 7],
}

impl Writing {
    fn of(ledger: &Ledger<'_, '_>, pairs: &[Pair], grace: i64) -> Self {
        let step = pairs.len().div_ceil(SAMPLE).max(1);
        let (mut same, mut equal) = ([0usize; 7], [0usize; 7]);
        for pair in pairs.iter().step_by(step).filter(|pair| pair.delay <= grace) {
            let Some(event) = ledger.event(pair.event) else { continue };
            let (typed, shown) = (as_typed(ledger.book, event), ledger.contact(pair.record));
            let (normal, normal_shown) = (Contact::of(typed), Contact::of(shown));
            for field in 0..same.len() {
                if let (Some(a), Some(b)) = (&normal.fields[field], &normal_shown.fields[field])
                    && is_same(a, b)
                {
                    same[field] += 1;
                    let (typed, shown) = (typed[field].unwrap_or_default(), shown[field].unwrap_or_default());
                    equal[field] += usize::from(is_same(typed.trim(), shown.trim()));
                }
            }
        }
        // One in twenty may have been written anew by sales.
        Writing { as_typed: std::array::from_fn(|field| equal[field] * 20 >= same[field] * 19) }
    }

    fn written(&self, contact: [Option<&str>; 7]) -> Written {
        let Contact { mut fields, filler } = Contact::of(contact);
        for (field, value) in fields.iter_mut().enumerate() {
            if filler[field] {
                *value = None;
            }
            if let (true, Some(value), Some(text)) = (self.as_typed[field], value.as_mut(), contact[field]) {
                text.trim().clone_into(value);
            }
        }
        fields
    }

    fn typed(&self, ledger: &Ledger<'_, '_>, event: &Event) -> Written {
        self.written(as_typed(ledger.book, event))
    }

    fn shown(&self, ledger: &Ledger<'_, '_>, record: u32) -> Written {
        self.written(ledger.contact(record))
    }
}

/// Whether a record shows what this lead typed rather than what that one did: all that agrees with that one agrees with
/// this one too, and in one field at least that one typed something else. What is empty says nothing.
fn explains_better(this: &Written, that: &Written, record: &Written) -> bool {
    let mut is_better = false;
    for ((this, that), shown) in this.iter().zip(that).zip(record) {
        let Some(shown) = shown else { continue };
        let agrees = |typed: &Option<String>| typed.as_ref().map(|typed| is_same(typed, shown));
        match (agrees(this), agrees(that)) {
            (Some(true), Some(false)) => is_better = true,
            (Some(false) | None, Some(true)) => return false,
            _ => {}
        }
    }
    is_better
}
