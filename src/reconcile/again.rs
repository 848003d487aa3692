//! Whose a record is by what it shows, where time gives it to another lead of the same person.
//!
//! A forwarder delivers twice, minutes or days apart, or late; pairing goes by time, and gives the record to a lead of
//! the person that was lost in between, whose loss is hidden. What was typed tells them apart: a forwarder copies it, so
//! where the record shows what one lead typed and the other typed something else, it is of the first. Where both typed
//! the same nothing tells, and the pair stands.
//!
//! Sales edit a record, one thing at a time: a record made within grace is only taken away where two fields say so and
//! none speaks against it. Where the other lead has a record of its own, the one in question delivers it again; that
//! own one must have come in time, so that of leads imported together late none is called lost for an edit.

use polars::prelude::{PlHashMap, PlHashSet};

use super::events::Event;
use super::ledger::{ByPerson, Ledger};
use super::pairing::{self, Evidence, Pair};
use super::unclaimed::{Contact, as_typed, is_same};

/// Pairs by which it is seen whether an export shows values as they were typed.
const SAMPLE: usize = 2000;

/// Whose a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// It delivers this event again, which has a record of its own.
    Again { record: u32, event: u32 },
    /// It is the record of this event.
    First(Pair),
}

/// The records among `pairs` that are another event's of the person by what they show.
///
/// `grace` in microseconds; `events_of` are the events of each person; `among` these people, or all.
pub(super) fn misplaced(
    ledger: &Ledger<'_, '_>,
    pairs: &[Pair],
    grace: i64,
    events_of: &ByPerson,
    among: Option<&PlHashSet<u32>>,
) -> Vec<Whose> {
    let others_of = |event: u32| -> &[u32] {
        let person = ledger.event(event).map(|event| event.person);
        let person = person.filter(|person| among.is_none_or(|among| among.contains(person)));
        person.map(|person| events_of.get(person)).filter(|events| events.len() > 1).unwrap_or_default()
    };
    // Nearly all records show what their lead typed, to the letter.
    let is_doubtful = |pair: &&Pair| {
        pair.evidence != Evidence::Key
            && !others_of(pair.event).is_empty()
            && ledger.event(pair.event).is_some_and(|event| {
                let (typed, shown) = (as_typed(ledger.book, event), ledger.contact(pair.record));
                let fields = typed
                    .iter()
                    .zip(&shown)
                    .filter(|(typed, shown)| typed.zip(**shown).is_some_and(|(typed, shown)| typed != shown));
                fields.count() >= enough(pair.delay > grace)
            })
    };
    let doubtful: Vec<&Pair> = pairs.iter().filter(is_doubtful).collect();
    if doubtful.is_empty() {
        return Vec::new();
    }
    let concerned: PlHashSet<u32> = doubtful.iter().flat_map(|pair| others_of(pair.event)).copied().collect();
    let mut pairs_of: PlHashMap<u32, Vec<Pair>> = PlHashMap::default();
    for pair in pairs.iter().filter(|pair| concerned.contains(&pair.event)) {
        pairs_of.entry(pair.event).or_default().push(*pair);
    }
    let writing = Writing::of(ledger, pairs, grace);
    doubtful
        .into_iter()
        .filter_map(|pair| whose(ledger, &writing, *pair, others_of(pair.event), &pairs_of, grace))
        .collect()
}

/// Fields in which a record must differ from what was typed before it is taken for another lead's.
fn enough(is_late: bool) -> usize {
    if is_late { 1 } else { 2 }
}

/// Whose the record of a pair is, if not of the event that it is paired with.
fn whose(
    ledger: &Ledger<'_, '_>,
    writing: &Writing,
    pair: Pair,
    of_person: &[u32],
    pairs_of: &PlHashMap<u32, Vec<Pair>>,
    grace: i64,
) -> Option<Whose> {
    let (event, record) = (ledger.event(pair.event)?, ledger.records.all.get(pair.record as usize)?);
    // What sales merged into a record may have given it its values.
    if record.absorbed {
        return None;
    }
    let (typed, shown) = (writing.typed(ledger, event), writing.shown(ledger, pair.record));
    let better = of_person.iter().filter(|number| **number != pair.event).filter_map(|number| {
        let other = ledger.event(*number)?;
        let (evidence, delay) = pairing::delay(ledger.book, other, record, ledger.slack)?;
        if evidence > pair.evidence {
            return None;
        }
        let by = Explained::of(&writing.typed(ledger, other), &typed, &shown);
        by.is_better(pair.delay > grace).then_some((by.differs, delay.abs(), *number, delay))
    });
    let (_, _, number, delay) = better.min()?;
    let typed_there = writing.typed(ledger, ledger.event(number)?);
    let has = pairs_of.get(&number).map_or(&[][..], Vec::as_slice);
    // A record that shows what is typed here was given there for the same reason.
    let is_own = |own: &&Pair| {
        own.evidence == Evidence::Key
            || !Explained::of(&typed, &typed_there, &writing.shown(ledger, own.record)).is_better(true)
    };
    match has.iter().filter(is_own).map(|own| own.delay).min() {
        Some(delay) if delay <= grace => Some(Whose::Again { record: pair.record, event: number }),
        Some(_) => None,
        None => Some(Whose::First(Pair { event: number, delay, ..pair })),
    }
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

/// How much rather a record shows what one lead typed than what another did. What is empty says nothing.
#[derive(Clone, Copy, Debug)]
struct Explained {
    /// Fields that the one typed so and the other typed otherwise.
    better: usize,
    /// Fields that only the other typed so.
    worse: usize,
    /// Fields that the one typed otherwise.
    differs: usize,
}

impl Explained {
    fn of(this: &Written, that: &Written, record: &Written) -> Self {
        let mut by = Explained { better: 0, worse: 0, differs: 0 };
        for ((this, that), shown) in this.iter().zip(that).zip(record) {
            let Some(shown) = shown else { continue };
            let agrees = |typed: &Option<String>| typed.as_ref().map(|typed| is_same(typed, shown));
            let (here, there) = (agrees(this), agrees(that));
            by.better += usize::from((here, there) == (Some(true), Some(false)));
            by.worse += usize::from(here != Some(true) && there == Some(true));
            by.differs += usize::from(here == Some(false));
        }
        by
    }

    fn is_better(self, is_late: bool) -> bool {
        self.worse == 0 && self.better >= enough(is_late) && (is_late || self.differs == 0)
    }
}
