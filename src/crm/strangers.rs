//! Which records of an export can ever be about a lead; all others are strangers', counted and passed over.
//!
//! A record is kept if it has a marketplace lead source or a key, shares something with a lead or a witness's lead, shows
//! only fillers, was kept before, or if a kept record or a closing names it (design: CRM records are landed). What is
//! passed over is tried again on every night that shows it: only a window shows it no more, so its young ones are kept.

use std::collections::{BTreeSet, HashMap, HashSet};

use polars::prelude::*;

use super::cells;
use super::deals::{self, Deals};
use super::layouts::{Layout, layouts};
use super::loaded::{Loaded, Wanted, compact, hash_of};
use super::records::{Texts, Words, flag, is_activity, names_marketplace, state};
use crate::codes::outcome::{LOST, QUALIFIED, WON};
use crate::config::Destination;
use crate::error::Result;
use crate::lead_source;
use crate::tabular::Passed;
use crate::who::Who;

/// Whose records are kept.
#[derive(Clone, Copy)]
pub enum Keep<'a> {
    /// Everybody's: those of witnesses, and where nothing is landed.
    All,
    /// Those that can be about leads.
    OfLeads(&'a OfLeads<'a>),
}

/// What tells whose records can be about leads.
pub struct OfLeads<'a> {
    /// Of each of some records whether it has anything in common with a lead or a witness's lead, by its contact columns
    /// and `also`; none for one that names nobody.
    pub shares: &'a (dyn Fn(&DataFrame) -> Result<Vec<Option<bool>>> + Sync),
    /// Records that closings name.
    pub named: &'a [Who<'a>],
    /// Whether an export of all these records shows only what is new, and from when on its strangers are kept then.
    pub is_window: &'a (dyn Fn(&Passed) -> bool + Sync),
    /// In microseconds.
    pub young_since: i64,
}

/// A text that this many kept records carry, and four in five of all that carry it, may be the forwarder's own.
const FEWEST_OF_TEXT: usize = 20;

/// Columns by which one record names another.
const NAMING: &[&str] = &["merged_into", "opportunity", "contact_id", "parent"];

/// The columns of texts of a record.
pub(super) fn columns() -> Vec<&'static str> {
    cells::TEXTS.iter().copied().chain(["record_id"]).collect()
}

/// What one destination's records are kept by.
pub(super) struct Rule<'a> {
    keep: &'a OfLeads<'a>,
    destination: &'a Destination,
    layout: &'static Layout,
    words: Words<'a>,
    /// Ids of its landed records: once kept, a record stays.
    known: PlHashSet<String>,
}

/// What came of letting strangers pass.
pub(super) enum Passage {
    /// Strangers in current files, opportunities left out.
    Done(usize),
    /// Of files that were read in parts this was passed over, and is to be kept.
    Lacks(Wanted),
}

impl<'a> Rule<'a> {
    /// `landed`: the newest landed version of each record, of any destination.
    pub fn new(keep: &'a OfLeads<'a>, destination: &'a Destination, landed: &DataFrame) -> Result<Self> {
        let mut known = PlHashSet::default();
        if landed.width() > 0 {
            let (names, ids) = (landed.column("destination")?.str()?, landed.column("record_id")?.str()?);
            let own = names.iter().zip(ids.iter()).filter(|(name, _)| *name == Some(destination.name.as_str()));
            known.extend(own.filter_map(|(_, id)| id.map(str::to_owned)));
        }
        let words = Words::new(destination);
        Ok(Rule { keep, destination, layout: layouts().of(destination.kind), words, known })
    }

    /// Which records are kept for what they say themselves, or because they were before.
    pub fn own(&self, rows: &DataFrame, texts: &Texts) -> Result<Vec<bool>> {
        const TESTED: &[&str] = &["email", "first_name", "last_name", "company", "title"];
        let is_known = |row: &usize| texts.get("record_id", *row).is_some_and(|id| self.known.contains(id));
        let new: Vec<usize> = (0..rows.height()).filter(|row| !is_known(row)).collect();
        let mut kept = vec![true; rows.height()];
        if new.is_empty() {
            return Ok(kept);
        }
        let says = names_marketplace(texts, &new, self.destination);
        // What a record has in common with leads takes longest to see: of most records nobody needs to ask.
        let asked: IdxCa = new.iter().map(|row| *row as IdxSize).collect_ca("row".into());
        let shares = match new.len() == rows.height() {
            true => (self.keep.shares)(rows)?,
            false => (self.keep.shares)(&rows.take(&asked)?)?,
        };
        for ((row, says), shares) in new.into_iter().zip(says).zip(shares) {
            let get = |name: &str| texts.get(name, row);
            let object = get("object").unwrap_or("lead");
            let is_filed = is_activity(object) && get("parent").is_some();
            let is_named = |id: &str| self.keep.named.iter().any(|who| who.is_record(id));
            let is_kept = says
                || shares == Some(true)
                || (shares.is_none() && object != "opportunity" && !is_filed)
                || get("key").is_some()
                || get("record_id").is_some_and(is_named)
                || TESTED.iter().any(|name| get(name).is_some_and(lead_source::is_test));
            if let Some(kept) = kept.get_mut(row) {
                *kept = is_kept;
            }
        }
        Ok(kept)
    }

    /// Takes the strangers out of `rows`, the newest version of each record of the night, and counts them in the files.
    pub fn pass_by(&self, rows: &mut DataFrame, loaded: &mut [Loaded], landed: &DataFrame) -> Result<Passage> {
        let texts = Texts::of(rows, &columns());
        let mut kept = self.own(rows, &texts)?;
        let mut lacks = Wanted::default();
        by_text(&texts, &mut kept, loaded, &mut lacks);
        self.by_age(rows, &texts, &mut kept, loaded, &mut lacks)?;
        let (named, of_kept) = self.by_name(&texts, &mut kept, landed);
        let named: PlHashSet<u64> = named.iter().map(|id| hash_of(id)).collect();
        let of_kept: PlHashSet<u64> = of_kept.iter().map(|id| hash_of(id)).collect();
        for dropped in loaded.iter().filter_map(|one| one.dropped.as_ref()) {
            lacks.ids.extend(named.iter().filter(|id| dropped.ids.binary_search(id).is_ok()));
            lacks.ids.extend(dropped.naming.iter().filter(|(of, _)| of_kept.contains(of)).map(|(_, id)| *id));
        }
        if lacks != Wanted::default() {
            return Ok(Passage::Lacks(lacks));
        }
        let current = loaded.iter().filter(|one| !one.superseded).filter_map(|one| one.dropped.as_ref());
        let mut passed: usize = current.map(|dropped| dropped.passed.records).sum();
        let ids = rows.column("record_id")?.str()?.clone();
        let strangers: PlHashSet<&str> =
            ids.iter().zip(&kept).filter(|(_, kept)| !**kept).filter_map(|(id, _)| id).collect();
        let present = rows.column("present")?.bool()?;
        let shown = present.iter().zip(&kept).map(|(present, kept)| present == Some(true) && !*kept);
        passed += shown.enumerate().filter(|(row, is)| *is && texts.get("object", *row) != Some("opportunity")).count();
        let [won, closed] = ["won", "closed"].map(|name| flag(rows, name));
        let deals = Deals::new(|name, row| texts.get(name, row), rows, &won, &closed, self.layout)?;
        for one in loaded.iter_mut() {
            let (mut of_file, mut owners) = match &one.dropped {
                Some(dropped) => (dropped.passed.clone(), dropped.owners.clone()),
                None => (Passed::default(), BTreeSet::new()),
            };
            let frame = &one.records.frame;
            let own = Texts::of(frame, &columns());
            let is_kept = |row| own.get("record_id", row).is_some_and(|id| !strangers.contains(id));
            let kept: Vec<bool> = (0..frame.height()).map(is_kept).collect();
            self.count_by(frame, (&own, &deals), &kept, &mut of_file, &mut owners)?;
            let file = &mut one.records.file;
            file.strangers = of_file.records + of_file.opportunities;
            file.records -= file.strangers;
            if file.strangers > 0 {
                of_file.owners = owners;
            }
            file.passed = of_file;
        }
        drop(deals);
        drop(texts);
        if kept.iter().any(|kept| !kept) {
            *rows = compact(rows.filter(&BooleanChunked::from_slice("kept".into(), &kept))?)?;
        }
        Ok(Passage::Done(passed))
    }

    /// Keeps, of a window, what was made lately or at a time that is not known.
    fn by_age(
        &self,
        rows: &DataFrame,
        texts: &Texts,
        kept: &mut [bool],
        loaded: &[Loaded],
        lacks: &mut Wanted,
    ) -> Result<()> {
        let dropped: Vec<&Passed> = loaded.iter().filter_map(|one| Some(&one.dropped.as_ref()?.passed)).collect();
        if kept.iter().all(|kept| *kept) && dropped.iter().all(|passed| passed.is_empty()) {
            return Ok(());
        }
        let mut all = of_all(rows, texts)?;
        dropped.iter().for_each(|passed| all.add(passed));
        if !(self.keep.is_window)(&all) {
            return Ok(());
        }
        let since = self.keep.young_since;
        let is_young = |passed: &&Passed| passed.latest.is_some_and(|latest| latest >= since);
        if dropped.iter().any(is_young) {
            lacks.young_since = Some(since);
        }
        let (made, changed) = (rows.column("created_at")?.datetime()?, rows.column("modified_at")?.datetime()?);
        for ((kept, made), changed) in kept.iter_mut().zip(made.physical().iter()).zip(changed.physical().iter()) {
            *kept = *kept || made.max(changed).is_none_or(|at| at >= since);
        }
        Ok(())
    }

    /// Keeps whom kept records name, landed ones too, whoever names those in turn, and activities of kept people. Gives
    /// what is named, and the ids of all that are kept.
    fn by_name(&self, texts: &Texts, kept: &mut [bool], landed: &DataFrame) -> (HashSet<String>, HashSet<String>) {
        let names = |cell: &str| -> Vec<String> {
            let parts = cell.split(';').map(|id| id.trim().to_owned());
            // A lookup may hold a name, with anything in it.
            [cell.trim().to_owned()].into_iter().chain(parts.filter(|part| part != cell.trim())).collect()
        };
        let mut named: HashSet<String> = HashSet::new();
        if landed.width() > 0 {
            let columns: Vec<&'static str> = NAMING.iter().copied().chain(["destination"]).collect();
            let before = Texts::of(landed, &columns);
            let is_own = |row: &usize| before.get("destination", *row) == Some(self.destination.name.as_str());
            for row in (0..landed.height()).filter(is_own) {
                named.extend(NAMING.iter().filter_map(|name| before.get(name, row)).flat_map(names));
            }
        }
        let mut of_kept: HashSet<String> = HashSet::new();
        let mut told = vec![false; kept.len()];
        loop {
            for (row, told) in
                told.iter_mut().enumerate().filter(|(row, told)| kept.get(*row) == Some(&true) && !**told)
            {
                *told = true;
                named.extend(NAMING.iter().filter_map(|name| texts.get(name, row)).flat_map(names));
                of_kept.extend(texts.get("record_id", row).map(str::to_owned));
            }
            let mut is_more = false;
            for (row, kept) in kept.iter_mut().enumerate().filter(|(_, kept)| !**kept) {
                let get = |name: &str| texts.get(name, row);
                let object = get("object").unwrap_or("lead");
                let is_named = get("record_id").is_some_and(|id| named.contains(deals::as_named(id)))
                    || (object == "opportunity" && get("subject").is_some_and(|name| named.contains(name.trim())));
                // An activity is a record of its person; whom another was merged into is known by both.
                let names_kept = |name: &str| get(name).is_some_and(|id| of_kept.contains(id));
                *kept = is_named
                    || (is_activity(object) && names_kept("parent"))
                    || names_kept("contact_id")
                    || names_kept("merged_into");
                is_more |= *kept;
            }
            if !is_more {
                return (named, of_kept);
            }
        }
    }

    /// Counts the strangers of a part of a file, and what they tell of the export; deals are those of the part.
    pub fn count(
        &self,
        frame: &DataFrame,
        texts: &Texts,
        kept: &[bool],
        passed: &mut Passed,
        owners: &mut BTreeSet<String>,
    ) -> Result<()> {
        let [won, closed] = ["won", "closed"].map(|name| flag(frame, name));
        let deals = Deals::new(|name, row| texts.get(name, row), frame, &won, &closed, self.layout)?;
        self.count_by(frame, (texts, &deals), kept, passed, owners)
    }

    fn count_by(
        &self,
        frame: &DataFrame,
        (texts, deals): (&Texts, &Deals),
        kept: &[bool],
        passed: &mut Passed,
        owners: &mut BTreeSet<String>,
    ) -> Result<()> {
        let flags = ["converted", "won", "closed", "deleted"].map(|name| flag(frame, name));
        let [converted, won, closed, deleted] = &flags;
        let (made, changed) = (frame.column("created_at")?.datetime()?, frame.column("modified_at")?.datetime()?);
        let times = made.physical().iter().zip(changed.physical().iter());
        let mut given_up: PlHashMap<&str, bool> = PlHashMap::default();
        for ((row, (made, changed)), kept) in times.enumerate().zip(kept) {
            let get = |name: &str| texts.get(name, row);
            let is_opportunity = get("object") == Some("opportunity");
            if let Some(owner) = get("owner").filter(|owner| !is_opportunity && !owners.contains(*owner)) {
                owners.insert(owner.to_owned());
            }
            if *kept {
                continue;
            }
            let flags = (converted.get(row), won.get(row), closed.get(row));
            let outcome = state(get, flags, deals, (&self.words, self.layout));
            // Whose opportunity it is may stand in another file: that one was closed says that closed ones are shown.
            passed.closed |= matches!(outcome, Some(LOST | WON));
            if is_opportunity {
                passed.opportunities += 1;
                continue;
            }
            // Where closing is the organisation's own word, no outcome says so.
            passed.closed |= !passed.closed
                && outcome != Some(QUALIFIED)
                && get("status")
                    .is_some_and(|text| *given_up.entry(text).or_insert_with(|| self.layout.is_given_up(text)));
            passed.take(made, get("resolution") == Some("day"), changed);
            passed.converted |= matches!(outcome, Some(QUALIFIED | WON));
            passed.deleted |= deleted.get(row) == Some(true);
        }
        Ok(())
    }
}

/// Keeps all that carry a text which hardly any but kept records carry: it may be what the forwarder writes.
fn by_text(texts: &Texts, kept: &mut [bool], loaded: &[Loaded], lacks: &mut Wanted) {
    let mut counts: HashMap<u64, (usize, usize)> = HashMap::new();
    let of = |row: usize| texts.get("lead_source", row).map(|text| hash_of(text.trim()));
    for (row, kept) in kept.iter().enumerate() {
        if let Some(text) = of(row) {
            let (of_kept, all) = counts.entry(text).or_default();
            (*of_kept, *all) = (*of_kept + usize::from(*kept), *all + 1);
        }
    }
    let dropped = || loaded.iter().filter_map(|one| one.dropped.as_ref()).flat_map(|dropped| &dropped.texts);
    for (text, (of_kept, all)) in dropped() {
        counts.entry(*text).or_default().1 += all - of_kept;
    }
    counts.retain(|_, (of_kept, all)| *of_kept >= FEWEST_OF_TEXT && *of_kept * 5 >= *all * 4);
    lacks.texts.extend(
        dropped()
            .filter(|(_, (of_kept, all))| of_kept < all)
            .map(|(text, _)| *text)
            .filter(|text| counts.contains_key(text)),
    );
    for (row, kept) in kept.iter_mut().enumerate().filter(|(_, kept)| !**kept) {
        *kept = of(row).is_some_and(|text| counts.contains_key(&text));
    }
}

/// All records of a night as though they were strangers', but for opportunities: what tells whether it is a window.
fn of_all(rows: &DataFrame, texts: &Texts) -> Result<Passed> {
    let mut all = Passed::default();
    let (made, changed) = (rows.column("created_at")?.datetime()?, rows.column("modified_at")?.datetime()?);
    let times = made.physical().iter().zip(changed.physical().iter());
    for (row, (made, changed)) in times.enumerate().filter(|(row, _)| texts.get("object", *row) != Some("opportunity"))
    {
        all.take(made, texts.get("resolution", row) == Some("day"), changed);
    }
    Ok(all)
}
