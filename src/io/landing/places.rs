//! Which lead a record without a key of its own is, within one source.
//!
//! A record is known by what it says; the place where it stands only tells where it was found. Equal content with a time
//! of its own is one lead wherever it is stored, the n-th equal one of an object the n-th. Equal content without a time
//! is another lead, unless the object that held the lead holds it no longer (it is gone, was written anew or is shorter
//! now), or this object begins with all that the other holds, as a copied log does: then the lead moved. Other content
//! where a lead stood is a new version of it if the time and one of e-mail, phone and full name are equal, else another
//! lead. What each object holds is remembered with its version; one that could not be listed or read holds what it held.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::content::{keyed_hash, keyed_mark, row_key};
use super::light::LightRow;
use super::raw_lead::{Fate, RawLead, marks_of};
use crate::leads::{Own, OwnReader};
use crate::place;

/// From so many records on, an object that begins with all that another holds is its copy: one equal record may be two
/// people's.
const COPY: usize = 2;
/// Objects that are looked at for being the beginning of another.
const COPIES: usize = 64;

/// What was erased and must not return: keyed hashes of contents, and of own times with e-mail, phone and full name.
#[derive(Debug, Default)]
pub(super) struct Forgotten {
    pub(super) contents: HashSet<u128>,
    pub(super) marks: HashSet<u64>,
}

/// What is known of one source.
#[derive(Debug)]
pub struct Places {
    source: String,
    secret: [u8; 32],
    names: Vec<Arc<str>>,
    ids: HashMap<Arc<str>, u32>,
    /// In the order of landing.
    leads: Vec<Lead>,
    by_key: HashMap<u128, u32>,
    /// By the content of any version; by its keyed hash where it was forgotten.
    by_content: HashMap<u128, Vec<u32>>,
    /// The highest number that a key of an object has.
    highest: HashMap<u32, usize>,
    objects: HashMap<u32, Object>,
    /// In which objects a lead stands, beside the one that its key names.
    holders: HashMap<u32, Vec<u32>>,
    /// Leads of a content that no object holds, once they were asked for.
    free: HashMap<u128, VecDeque<u32>>,
    /// Marks of leads that were forgotten, keyed.
    marks: HashMap<u32, Vec<u64>>,
}

#[derive(Debug)]
struct Lead {
    /// The object that its key names, and the number; 0 where the whole key is the name.
    home: u32,
    number: usize,
    /// Content of the newest version, the object in which it was found, and its row.
    newest: u128,
    found_in: u32,
    sequence: i64,
    forgotten: bool,
}

#[derive(Debug, Default)]
struct Object {
    /// How many records it held, each landed under its own number where `holds` says nothing else.
    records: usize,
    holds: Option<Vec<Option<u32>>>,
    /// Whether it is there tonight, or could not be looked for.
    there: bool,
    /// How often it holds each content tonight, where it was looked at and not yet taken.
    tonight: Option<HashMap<u128, usize>>,
}

/// One object that is being taken.
#[derive(Debug)]
pub struct Look {
    object: u32,
    known: bool,
    held: Vec<Option<u32>>,
    /// Whether what its records say of themselves is asked for: it held leads, or some were forgotten.
    reads: bool,
    /// Leads that it held, by content, as far as they were not met again.
    left: HashMap<u128, VecDeque<u32>>,
    /// Lost leads, by every content that they ever had.
    earlier: HashMap<u128, Vec<u32>>,
    used: HashSet<u32>,
    seen: Vec<Seen>,
    reader: OwnReader,
}

#[derive(Debug)]
struct Seen {
    /// None for a record with a key of its own.
    content: Option<u128>,
    lead: Option<u32>,
    own: Option<Own>,
    /// Kept where it may be the rest of a record that was cut off.
    payload: Vec<u8>,
}

/// What a lead of which a version is sought was landed with.
#[derive(Clone, Debug, Default)]
pub struct Told {
    pub(super) own: Own,
    pub(super) payload: Vec<u8>,
}

impl Places {
    pub(super) fn new(source: &str, secret: [u8; 32]) -> Places {
        Places {
            source: source.to_owned(),
            secret,
            names: Vec::new(),
            ids: HashMap::new(),
            leads: Vec::new(),
            by_key: HashMap::new(),
            by_content: HashMap::new(),
            highest: HashMap::new(),
            objects: HashMap::new(),
            holders: HashMap::new(),
            free: HashMap::new(),
            marks: HashMap::new(),
        }
    }

    /// Takes in a landed row.
    pub(super) fn add(&mut self, row: &LightRow<'_>) {
        let found_in = row.object.map(|object| self.id(object));
        let (lead, home) = self.lead_of(row.source_key);
        if let Some(known) = self.leads.get_mut(lead as usize) {
            known.newest = row.content;
            known.found_in = found_in.unwrap_or(home);
            known.sequence = row.sequence;
            known.forgotten |= row.forgotten;
        }
        self.note_content(row.content, lead);
        if let Some(marks) = row.marks.filter(|_| row.forgotten) {
            self.marks.entry(lead).or_default().extend(marks_of(marks).map(|(_, mark)| mark));
        }
    }

    /// What an object held when it was last read.
    pub fn remember(&mut self, name: &str, records: usize, holds: Option<&str>) {
        let id = self.id(name);
        let holds = holds.map(|text| self.decode(text));
        for lead in holds.iter().flatten().flatten() {
            self.holders.entry(*lead).or_default().push(id);
        }
        self.objects.insert(id, Object { records, holds, ..Object::default() });
    }

    /// Says that an object is there, or that it could not be looked for.
    pub fn is_there(&mut self, name: &str) {
        let id = self.id(name);
        self.objects.entry(id).or_default().there = true;
    }

    /// Says so of all objects that are known and fit.
    pub fn may_be_there(&mut self, fits: impl Fn(&str) -> bool) {
        for (id, object) in &mut self.objects {
            object.there |= self.names.get(*id as usize).is_some_and(|name| fits(name));
        }
    }

    /// Whether an object held records without a key of their own.
    pub fn knows(&self, name: &str) -> bool {
        self.ids.get(name).is_some_and(|id| self.is_known(*id))
    }

    /// What an object that changed holds tonight, so that it is known of others what they took from it.
    pub fn changed(&mut self, name: &str, contents: &[[u8; 16]]) {
        let id = self.id(name);
        let mut tonight: HashMap<u128, usize> = HashMap::new();
        for content in contents {
            *tonight.entry(u128::from_be_bytes(*content)).or_default() += 1;
        }
        self.objects.entry(id).or_default().tonight = Some(tonight);
    }

    /// Begins to take an object.
    pub(super) fn look(&mut self, name: &str, forgotten: &Forgotten) -> Look {
        let object = self.id(name);
        let mut held = self.held_by(object);
        if self.objects.get(&object).is_none_or(|o| o.holds.is_none()) {
            // What a killed run landed of it was never remembered as held.
            while let Some(lead) = self.own_of(object, held.len() + 1) {
                held.push(Some(lead));
            }
        }
        let mut left: HashMap<u128, VecDeque<u32>> = HashMap::new();
        for lead in held.iter().flatten() {
            if let Some(known) = self.leads.get(*lead as usize) {
                left.entry(known.newest).or_default().push_back(*lead);
            }
        }
        let reads = !held.is_empty() || !forgotten.marks.is_empty();
        let (earlier, used, seen, reader) = (HashMap::new(), HashSet::new(), Vec::new(), OwnReader::default());
        Look { object, known: self.is_known(object), held, reads, left, earlier, used, seen, reader }
    }

    /// Notes the next record of an object. Says whether the whole object must be seen before any record is settled:
    /// else records may be settled one by one, by [`Self::one`].
    pub fn see(&self, look: &mut Look, lead: &RawLead) -> bool {
        if lead.keyed {
            look.seen.push(Seen { content: None, lead: None, own: None, payload: Vec::new() });
            return true;
        }
        let content = u128::from_be_bytes(lead.content);
        let keyed = keyed_hash(&self.secret, content);
        let mut met = |c: &u128| look.left.get_mut(c).and_then(VecDeque::pop_front);
        let found = met(&content).or_else(|| met(&keyed));
        look.used.extend(found);
        let is_known = self.by_content.contains_key(&content) || self.by_content.contains_key(&keyed);
        let own = (found.is_none() && (is_known || look.reads))
            .then(|| look.reader.read(lead.format, lead.header.as_deref(), &lead.payload));
        let is_open = look.known || (is_known && own.as_ref().is_some_and(|own| !own.timed));
        let is_last = found.is_none() && look.seen.len() + 1 == look.held.len();
        let payload = if is_last { lead.payload.clone() } else { Vec::new() };
        look.seen.push(Seen { content: Some(content), lead: found, own, payload });
        is_open
    }

    /// The leads that an object held and that were not met again in it, with the rows that tell what they said; none
    /// where no record of it can be a new version of one.
    pub(super) fn lost(&self, look: &Look) -> Vec<(u32, i64)> {
        if look.seen.iter().all(|s| s.content.is_none() || s.lead.is_some()) {
            return Vec::new();
        }
        let lost = look.held.iter().flatten().filter(|lead| !look.used.contains(lead));
        lost.filter_map(|lead| Some((*lead, self.leads.get(*lead as usize)?.sequence))).collect()
    }

    /// Decides which lead each record of an object is. `told`: what the lost leads said.
    pub(super) fn settle(&mut self, mut look: Look, told: &HashMap<u32, Told>, forgotten: &Forgotten) -> Vec<Fate> {
        let mut seen = std::mem::take(&mut look.seen);
        self.find_copy(&mut look, &mut seen);
        let lost: HashSet<u32> = look.held.iter().flatten().filter(|l| !look.used.contains(l)).copied().collect();
        if !lost.is_empty() {
            for content in seen.iter().filter(|s| s.lead.is_none()).filter_map(|s| s.content) {
                look.earlier.insert(content, self.alike(content).filter(|lead| lost.contains(lead)).collect());
            }
        }
        for record in seen.iter_mut().filter(|s| s.lead.is_none()) {
            if let (Some(content), Some(own)) = (record.content, &record.own) {
                record.lead = self.elsewhere(&mut look, content, own.timed);
            }
        }
        self.find_versions(&mut look, &mut seen, told);
        let all = seen.len();
        let fates = seen.iter_mut().enumerate();
        let fates: Vec<Fate> = fates.map(|(n, record)| self.fate(look.object, n + 1, all, record, forgotten)).collect();
        self.hold(look.object, seen.into_iter().map(|s| s.lead).collect());
        fates
    }

    /// Decides about the next record of an object of which nothing is known and that is no copy.
    pub(super) fn one(&mut self, look: &mut Look, lead: &RawLead, forgotten: &Forgotten) -> Fate {
        self.see(look, lead);
        let Some(mut record) = look.seen.pop() else { return Fate::ByKey };
        if let (None, Some(content), Some(own)) = (record.lead, record.content, &record.own) {
            record.lead = self.elsewhere(look, content, own.timed);
        }
        let n = look.held.len() + 1;
        let fate = self.fate(look.object, n, n, &mut record, forgotten);
        look.used.extend(record.lead);
        look.held.push(record.lead);
        fate
    }

    /// Notes what an object holds whose records were settled one by one.
    pub fn end(&mut self, look: Look) {
        self.hold(look.object, look.held);
    }

    /// What an object holds, as it is remembered; nothing where each record is landed under its own number.
    pub fn holds(&self, name: &str) -> Option<String> {
        let holds = self.objects.get(self.ids.get(name)?)?.holds.as_ref()?;
        let mut runs: Vec<(Option<String>, usize)> = Vec::new();
        let mut before: Option<Option<u32>> = None;
        for lead in holds {
            let follows = match (before, lead) {
                (Some(None), None) => true,
                (Some(Some(a)), Some(b)) => self.follows(a, *b),
                _ => false,
            };
            match runs.last_mut().filter(|_| follows) {
                Some((_, count)) => *count += 1,
                None => runs.push((lead.map(|l| self.key(l)), 1)),
            }
            before = Some(*lead);
        }
        serde_json::to_string(&runs).ok()
    }

    fn decode(&self, text: &str) -> Vec<Option<u32>> {
        let runs: Vec<(Option<String>, usize)> = serde_json::from_str(text).unwrap_or_default();
        let mut holds = Vec::new();
        for (key, count) in runs {
            let Some(key) = key else {
                holds.extend(std::iter::repeat_n(None, count));
                continue;
            };
            let (name, number) = place::read(&key);
            let known = |key: &str| self.by_key.get(&row_key(&self.source, key)).copied();
            holds.push(known(&key));
            holds.extend((1..count).map(|n| known(&place::key(name, number + n))));
        }
        holds
    }

    fn follows(&self, a: u32, b: u32) -> bool {
        match (self.leads.get(a as usize), self.leads.get(b as usize)) {
            (Some(a), Some(b)) => a.home == b.home && a.number > 0 && a.number + 1 == b.number,
            _ => false,
        }
    }

    fn id(&mut self, name: &str) -> u32 {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let (id, name): (u32, Arc<str>) = (self.names.len() as u32, name.into());
        self.names.push(Arc::clone(&name));
        self.ids.insert(name, id);
        id
    }

    fn key(&self, lead: u32) -> String {
        let Some(lead) = self.leads.get(lead as usize) else { return String::new() };
        let name = self.names.get(lead.home as usize).map_or("", |n| n);
        if lead.number == 0 { name.to_owned() } else { place::key(name, lead.number) }
    }

    /// The lead of a key, new if it is not known, and the object that the key names.
    fn lead_of(&mut self, key: &str) -> (u32, u32) {
        let hash = row_key(&self.source, key);
        if let Some(lead) = self.by_key.get(&hash) {
            return (*lead, self.leads.get(*lead as usize).map_or(0, |l| l.home));
        }
        let (name, number) = match place::read(key) {
            (name, number) if place::key(name, number) == key => (name, number),
            _ => (key, 0),
        };
        let (home, lead) = (self.id(name), self.leads.len() as u32);
        self.leads.push(Lead { home, number, newest: 0, found_in: home, sequence: -1, forgotten: false });
        self.by_key.insert(hash, lead);
        let highest = self.highest.entry(home).or_default();
        *highest = (*highest).max(number);
        (lead, home)
    }

    fn note_content(&mut self, content: u128, lead: u32) {
        let leads = self.by_content.entry(content).or_default();
        if leads.last() != Some(&lead) {
            leads.push(lead);
        }
    }

    fn is_known(&self, object: u32) -> bool {
        self.highest.contains_key(&object) || self.objects.get(&object).is_some_and(|o| o.holds.is_some())
    }

    fn own_of(&self, object: u32, n: usize) -> Option<u32> {
        let name = self.names.get(object as usize)?;
        self.by_key.get(&row_key(&self.source, &place::key(name, n))).copied()
    }

    /// The leads that an object held when it was last read, record by record.
    fn held_by(&self, object: u32) -> Vec<Option<u32>> {
        match self.objects.get(&object) {
            Some(Object { holds: Some(holds), .. }) => holds.clone(),
            Some(Object { records, .. }) => (1..=*records).map(|n| self.own_of(object, n)).collect(),
            None => Vec::new(),
        }
    }

    /// Whether any object holds a lead tonight.
    fn is_held(&self, lead: u32, content: u128) -> bool {
        let home = self.leads.get(lead as usize).and_then(|l| {
            let object = self.objects.get(&l.home)?;
            (object.holds.is_none() && (1..=object.records).contains(&l.number)).then_some(l.home)
        });
        let holders = self.holders.get(&lead).map(Vec::as_slice).unwrap_or_default();
        home.iter().chain(holders).any(|object| self.holds_still(*object, lead, content))
    }

    fn holds_still(&self, id: u32, lead: u32, content: u128) -> bool {
        let Some(object) = self.objects.get(&id) else { return false };
        let Some(tonight) = object.tonight.as_ref().filter(|_| object.there) else { return object.there };
        // Of equal records it keeps as many as it has, the first ones.
        let keeps = tonight.get(&content).copied().unwrap_or(0);
        let alike = |l: &u32| self.leads.get(*l as usize).is_some_and(|l| l.newest == content);
        let held = self.held_by(id);
        held.iter().flatten().filter(|l| alike(l)).position(|l| *l == lead).is_some_and(|rank| rank < keeps)
    }

    /// All leads of a content, in the order of landing.
    fn alike(&self, content: u128) -> impl DoubleEndedIterator<Item = u32> {
        let of = |content: &u128| self.by_content.get(content).map(Vec::as_slice).unwrap_or_default();
        of(&keyed_hash(&self.secret, content)).iter().chain(of(&content)).copied()
    }

    /// An object that begins with all that another one holds is its copy, and its records are the leads of the other.
    fn find_copy(&self, look: &mut Look, seen: &mut [Seen]) {
        let is_open = |s: &Seen| s.lead.is_none() && s.own.as_ref().is_some_and(|own| !own.timed);
        let Some(first) = seen.first().filter(|s| is_open(s)).and_then(|s| s.content) else { return };
        let holders = |lead: u32| {
            let home = self.leads.get(lead as usize).map(|l| l.home);
            self.holders.get(&lead).into_iter().flatten().copied().chain(home).collect::<Vec<_>>()
        };
        let objects = self.alike(first).rev().take(COPIES).flat_map(holders).filter(|object| *object != look.object);
        let says = |lead: u32, content: u128| {
            let newest = self.leads.get(lead as usize).map(|l| l.newest);
            newest == Some(content) || newest == Some(keyed_hash(&self.secret, content))
        };
        let is_beginning = |held: &Vec<Option<u32>>| {
            (COPY..=seen.len()).contains(&held.len())
                && held.iter().zip(seen.iter()).all(|(lead, seen)| match (lead, seen.content) {
                    (Some(lead), Some(content)) => says(*lead, content),
                    (lead, content) => lead.is_none() && content.is_none(),
                })
        };
        let copied = objects.map(|object| self.held_by(object)).filter(is_beginning).max_by_key(Vec::len);
        for (record, lead) in seen.iter_mut().zip(copied.unwrap_or_default()) {
            if record.lead.is_none() && lead.is_some_and(|l| look.used.insert(l)) {
                record.lead = lead;
            }
        }
    }

    /// The lead that a record is which its object did not hold.
    fn elsewhere(&mut self, look: &mut Look, content: u128, timed: bool) -> Option<u32> {
        let found = match timed {
            true => self.alike(content).find(|lead| !look.used.contains(lead)),
            // An earlier version of what it held, or a lead that no object holds any more.
            false => {
                let earlier =
                    look.earlier.get(&content).into_iter().flatten().find(|l| !look.used.contains(l)).copied();
                earlier.or_else(|| self.freed(look, content))
            }
        };
        look.used.extend(found);
        found
    }

    fn freed(&mut self, look: &Look, content: u128) -> Option<u32> {
        if !self.free.contains_key(&content) {
            let mut met = HashSet::new();
            let free = self.alike(content).filter(|lead| met.insert(*lead) && !self.is_held(*lead, content)).collect();
            self.free.insert(content, free);
        }
        let own = |lead: &u32| self.leads.get(*lead as usize).is_some_and(|l| l.home == look.object);
        let free = self.free.get_mut(&content)?;
        // Its own first, which a killed run landed.
        let at = if look.known { free.iter().position(|l| own(l) && !look.used.contains(l)) } else { None };
        match at {
            Some(at) => free.remove(at),
            None => std::iter::from_fn(|| free.pop_front()).find(|lead| !look.used.contains(lead)),
        }
    }

    /// Records that took the place of a lead and are new versions of it.
    fn find_versions(&self, look: &mut Look, seen: &mut [Seen], told: &HashMap<u32, Told>) {
        let mut by_mark: HashMap<u64, Vec<usize>> = HashMap::new();
        for (n, lead) in look.held.iter().enumerate() {
            let Some(lead) = lead.filter(|l| !look.used.contains(l)) else { continue };
            let forgotten = self.marks.get(&lead).into_iter().flatten().copied();
            for mark in told.get(&lead).into_iter().flat_map(|t| t.own.marks.iter().copied()).chain(forgotten) {
                by_mark.entry(mark).or_default().push(n);
            }
        }
        let stood = places_of_neighbours(look, seen);
        for (record, stood) in seen.iter_mut().zip(stood) {
            let (Some(own), Some(_), None) = (&record.own, record.content, record.lead) else { continue };
            let keyed = |mark: &u64| keyed_mark(&self.secret, *mark);
            let marks = own.marks.iter().copied().chain(own.marks.iter().map(keyed));
            let mut fitting: Vec<usize> = marks.filter_map(|mark| by_mark.get(&mark)).flatten().copied().collect();
            fitting.sort_unstable();
            fitting.retain(|was| look.held.get(*was).copied().flatten().is_some_and(|l| !look.used.contains(&l)));
            // With a time of its own a record is known wherever it moved within its object.
            let found = fitting.iter().find(|was| stood.contains(was));
            let found = found.or(fitting.first().filter(|_| own.timed)).copied();
            let lead = found.or_else(|| stood.into_iter().find(|was| is_rest(look, *was, record, told)));
            record.lead = lead.and_then(|was| look.held.get(was).copied().flatten());
            look.used.extend(record.lead);
        }
    }

    /// What is to be done with a record, and notes it.
    fn fate(&mut self, object: u32, n: usize, all: usize, record: &mut Seen, forgotten: &Forgotten) -> Fate {
        let Some(content) = record.content else { return Fate::ByKey };
        if let Some(id) = record.lead {
            let Some(lead) = self.leads.get_mut(id as usize) else { return Fate::Known };
            if lead.forgotten {
                return Fate::Forgotten;
            }
            let is_new = !self.by_content.get(&content).is_some_and(|leads| leads.contains(&id));
            // An earlier content counts again only where the newest stood.
            if lead.newest == content || !(is_new || lead.found_in == object) {
                return Fate::Known;
            }
            (lead.newest, lead.found_in, lead.sequence) = (content, object, -1);
            self.note_content(content, id);
            return Fate::Version(self.key(id));
        }
        let returns = |own: &Own| {
            own.timed && own.marks.iter().any(|mark| forgotten.marks.contains(&keyed_mark(&self.secret, *mark)))
        };
        if forgotten.contents.contains(&keyed_hash(&self.secret, content)) || record.own.as_ref().is_some_and(returns) {
            return Fate::Forgotten;
        }
        let key = self.new_key(object, n, all);
        let (lead, _) = self.lead_of(&key);
        if let Some(known) = self.leads.get_mut(lead as usize) {
            (known.newest, known.found_in) = (content, object);
        }
        self.note_content(content, lead);
        record.lead = Some(lead);
        Fate::New(key)
    }

    /// The place of a record; a number of its own where that place is another lead's for ever.
    fn new_key(&self, object: u32, n: usize, all: usize) -> String {
        let name = self.names.get(object as usize).map_or("", |n| n);
        let free = |key: &String| !self.by_key.contains_key(&row_key(&self.source, key));
        let next = self.highest.get(&object).copied().unwrap_or(0).max(all) + 1;
        let keys = std::iter::once(n).chain(next..).map(|n| place::key(name, n));
        keys.into_iter().find(free).unwrap_or_default()
    }

    fn hold(&mut self, id: u32, holds: Vec<Option<u32>>) {
        for lead in self.held_by(id).into_iter().flatten() {
            if let Some(holders) = self.holders.get_mut(&lead) {
                holders.retain(|holder| *holder != id);
            }
        }
        let records = holds.len();
        let is_plain = holds.iter().enumerate().all(|(n, lead)| *lead == self.own_of(id, n + 1));
        if !is_plain {
            for lead in holds.iter().flatten() {
                self.holders.entry(*lead).or_default().push(id);
            }
        }
        let holds = (!is_plain).then_some(holds);
        self.objects.insert(id, Object { records, holds, there: true, tonight: None });
    }
}

/// Where each record stood before, if it moved as far as the one before it, or after it, that was met again.
fn places_of_neighbours(look: &Look, seen: &[Seen]) -> Vec<Vec<usize>> {
    let at: HashMap<u32, usize> = look.held.iter().enumerate().filter_map(|(n, l)| Some(((*l)?, n))).collect();
    let moved: Vec<Option<isize>> =
        seen.iter().enumerate().map(|(n, record)| Some(*at.get(&record.lead?)? as isize - n as isize)).collect();
    let mut places: Vec<Vec<usize>> = vec![Vec::new(); seen.len()];
    let mut note = |n: usize, by: isize| {
        if let (Ok(place), Some(places)) = (usize::try_from(n as isize + by), places.get_mut(n)) {
            places.push(place);
        }
    };
    let mut before = 0;
    for (n, by) in moved.iter().enumerate() {
        before = by.unwrap_or(before);
        note(n, before);
    }
    let mut after = None;
    for (n, by) in moved.iter().enumerate().rev() {
        after = by.or(after);
        after.into_iter().for_each(|by| note(n, by));
    }
    places
}

impl Look {
    /// Whether the object may be a copy, or something is known of it: then it must be seen whole.
    pub fn is_known(&self) -> bool {
        self.known
    }

    /// The last lead that the object held.
    pub(super) fn last(&self) -> Option<u32> {
        self.held.last().copied().flatten()
    }
}

/// Whether a record is the whole of the last one that an object held cut off, as a log that is being written does.
fn is_rest(look: &Look, was: usize, record: &Seen, told: &HashMap<u32, Told>) -> bool {
    let lead = look.held.get(was).copied().flatten().filter(|l| was + 1 == look.held.len() && !look.used.contains(l));
    let start = lead.and_then(|lead| told.get(&lead)).map(|told| told.payload.as_slice()).unwrap_or_default();
    !start.is_empty() && record.payload.starts_with(start)
}
