//! Ids that stand at others in another file, or on another night → ids of their own.
//!
//! What a vendor makes is one record's wherever it stands. Numbers are not: two lists are each numbered from 1, a deal and
//! a contact have one number, a list whose newest row is the first has another person at 1 every night. Equal ids of one
//! file: [`super::ids`].

use std::collections::BTreeMap;

use polars::prelude::*;

use super::deals;
use super::ids::{People, counted, hash_of};
use super::layouts::{Id, layouts};
use super::loaded::Loaded;
use super::records::is_activity;
use crate::config::{Destination, DestinationKind};
use crate::error::Result;
use crate::tabular::{Doubt, Note};

/// Fewer rows may be numbered by chance.
const FEWEST_NUMBERED: usize = 5;

/// Gives each record of tonight's files an id of its own where that of its file tells it from nobody. `landed`: the newest
/// landed version of each record of any destination; without columns if there is none.
///
/// # Errors
/// Only for faults of our own.
pub(super) fn tell_apart(loaded: &mut [Loaded], landed: &DataFrame, destination: &Destination) -> Result<()> {
    if layouts().of(destination.kind).id != Id::Text || destination.kind == DestinationKind::Https {
        return Ok(());
    }
    let past = View::of(landed, Some(&destination.name))?;
    let views = loaded.iter().map(|one| View::of(&one.records.frame, None)).collect::<Result<Vec<_>>>()?;
    let mut apart: Vec<Vec<bool>> = views.iter().map(|view| vec![view.is_numbered(); view.ids.len()]).collect();
    let mut persons: PlHashMap<&str, (usize, usize)> = PlHashMap::default();
    for (file, view) in views.iter().enumerate() {
        for (row, id) in view.persons() {
            match persons.get(id) {
                None => drop(persons.insert(id, (file, row))),
                Some((other, before)) if *other != file => {
                    let is_other = views.get(*other).is_some_and(|other| !view.is_same(row, other, *before));
                    for (file, row) in [(file, row), (*other, *before)].into_iter().filter(|_| is_other) {
                        apart.get_mut(file).and_then(|rows| rows.get_mut(row)).into_iter().for_each(|one| *one = true);
                    }
                }
                Some(_) => {}
            }
        }
    }
    let known: PlHashMap<&str, usize> = past.persons().map(|(row, id)| (id, row)).collect();
    for (view, apart) in views.iter().zip(&mut apart) {
        for (row, id) in view.persons() {
            let is_other = known.get(id).is_some_and(|before| !view.is_same(row, &past, *before));
            apart.get_mut(row).into_iter().for_each(|one| *one |= is_other);
        }
    }
    let is_persons = |id: &str| persons.contains_key(id) || known.contains_key(id);
    let ids = views.iter().zip(&apart).map(|(view, apart)| view.own_ids(apart, &is_persons));
    let ids: Vec<Option<Vec<Option<String>>>> = ids.collect();
    for ((one, ids), apart) in loaded.iter_mut().zip(ids).zip(&apart) {
        let Some(ids) = ids else { continue };
        one.records.frame.with_column(Column::new("record_id".into(), ids))?;
        let count = apart.iter().filter(|one| **one).count();
        if count > 0 {
            const APART: &str = "not used: the records are told apart by what they say";
            let told = |what: &str| {
                format!("{what} a number of this list, or stands at another person elsewhere, and {APART}")
            };
            one.records.file.doubts.insert(Doubt::DamagedIds);
            one.records.file.notes.push(Note::counted(count, told("record id is"), told("record ids are each")));
        }
    }
    Ok(())
}

/// How many records show another person than was landed under their id, and how many could: somebody's data is made up,
/// in a sandbox or for a test. `rows`: those of tonight; `landed` as for [`tell_apart`].
///
/// # Errors
/// Only for faults of our own.
pub fn other_people(rows: &DataFrame, landed: &DataFrame, destination: &str) -> Result<(usize, usize)> {
    let (now, past) = (View::of(rows, None)?, View::of(landed, Some(destination))?);
    let known: PlHashMap<&str, usize> = past.persons().map(|(row, id)| (id, row)).collect();
    let (mut others, mut of) = (0, 0);
    for (row, before) in now.persons().filter_map(|(row, id)| Some((row, *known.get(id)?))) {
        // Nearly all are as they were, and need no comparable form of all that they say.
        if now.people.is_as_before(row, &past.people, before) {
            of += usize::from(now.people.is_anybody(row));
            continue;
        }
        let (a, b) = (now.people.of(row), past.people.of(before));
        let is_told = a.iter().zip(&b).any(|(a, b)| a.is_some() && b.is_some());
        of += usize::from(is_told);
        others += usize::from(is_told && !People::are_one(&a, &b));
    }
    Ok((others, of))
}

/// Rows of one file, or those landed of a destination.
struct View {
    ids: StringChunked,
    objects: StringChunked,
    created: Int64Chunked,
    people: People,
    /// What tells a record where its id does not.
    content: Vec<(&'static str, StringChunked)>,
    /// Rows that are of this destination; all where there is no question.
    own: Option<BooleanChunked>,
}

impl View {
    fn of(frame: &DataFrame, destination: Option<&str>) -> Result<View> {
        let text = |name: &str| -> StringChunked {
            let found = frame.column(name).ok().and_then(|column| column.str().ok().cloned());
            found.unwrap_or_else(|| StringChunked::full_null(PlSmallStr::EMPTY, frame.height()))
        };
        let created = match frame.column("created_at") {
            Ok(created) => created.cast(&DataType::Int64)?.i64()?.clone(),
            Err(_) => Int64Chunked::full_null(PlSmallStr::EMPTY, frame.height()),
        };
        const CONTENT: [&str; 6] = ["email", "phone", "first_name", "last_name", "company", "lead_source"];
        let own = destination.map(|wanted| text("destination").iter().map(|name| Some(name == Some(wanted))).collect());
        Ok(View {
            ids: text("record_id"),
            objects: text("object"),
            created,
            people: People::new(&text),
            content: CONTENT.into_iter().map(|name| (name, text(name))).collect(),
            own,
        })
    }

    fn is_person(&self, row: usize) -> bool {
        let object = self.objects.get(row).unwrap_or("lead");
        object != "opportunity"
            && !is_activity(object)
            && self.own.as_ref().is_none_or(|own| own.get(row) == Some(true))
    }

    fn persons(&self) -> impl Iterator<Item = (usize, &str)> {
        let rows = self.ids.iter().enumerate().filter_map(|(row, id)| Some((row, id?)));
        rows.filter(|(row, _)| self.is_person(*row))
    }

    /// Whether two rows can be one record: made at one instant, or of one person.
    fn is_same(&self, row: usize, other: &View, before: usize) -> bool {
        let made = self.created.get(row).zip(other.created.get(before));
        made.is_some_and(|(a, b)| a == b) || People::are_one(&self.people.of(row), &other.people.of(before))
    }

    /// Whether the ids number the rows, the newest first: tomorrow another will be 1.
    fn is_numbered(&self) -> bool {
        let is_number = |(n, id): (usize, Option<&str>)| id.and_then(|id| id.parse::<usize>().ok()) == Some(n + 1);
        let made: Vec<Option<i64>> = self.created.iter().collect();
        self.ids.len() >= FEWEST_NUMBERED
            && self.ids.iter().enumerate().all(is_number)
            && made.windows(2).all(|two| matches!(two, [Some(a), Some(b)] if a >= b))
            && made.first() != made.last()
    }

    /// The ids of all rows, where any is another than it was.
    fn own_ids(&self, apart: &[bool], is_persons: &dyn Fn(&str) -> bool) -> Option<Vec<Option<String>>> {
        let is_taken = |row: usize, id: &str| !self.is_person(row) && is_persons(id);
        let any = apart.contains(&true)
            || self.ids.iter().enumerate().any(|(row, id)| id.is_some_and(|id| is_taken(row, id)));
        if !any {
            return None;
        }
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let ids = self.ids.iter().zip(apart).enumerate().map(|(row, (id, apart))| {
            let id = id?;
            if is_taken(row, id) {
                return Some(deals::named_apart(self.objects.get(row).unwrap_or_default(), id));
            }
            let content = if *apart { hash_of(&self.content, row) } else { None };
            let made = self.created.get(row).unwrap_or_default() / 1_000_000;
            Some(content.map_or_else(|| id.to_owned(), |content| counted(format!("{content}-{made:x}"), &mut seen)))
        });
        Some(ids.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_numbered_with_the_newest_first_has_no_ids() {
        let view = |ids: [&str; 5], made: [i64; 5]| {
            let created = Column::new("created_at".into(), made);
            let frame = DataFrame::new(5, vec![Column::new("record_id".into(), ids), created]).unwrap();
            View::of(&frame, None).unwrap().is_numbered()
        };
        let numbers = ["1", "2", "3", "4", "5"];
        assert!(view(numbers, [9, 8, 8, 2, 1]));
        assert!(!view(numbers, [1, 2, 8, 8, 9]), "a new record is 6");
        assert!(!view(["1", "2", "3", "4", "6"], [9, 8, 8, 2, 1]) && !view(numbers, [9; 5]));
    }
}
