//! An object, a file or blob, on its way into the landing: which lead each of its records is, and what is remembered of
//! it between runs.
//!
//! The records of an object of which nothing is known are settled one by one as they come. One that was read before, or
//! that may be a copy of another, is seen whole first and then read again, so that no record is taken for another.

use std::collections::HashMap;
use std::io::Read;

use chrono::{DateTime, Utc};
use polars::prelude::*;

use super::intake::{Intake, Object};
use super::landing::content::Content;
use super::landing::datasets::Dataset;
use super::landing::{Fate, RawLead};
use super::records::{Stopped, cut, cut_ahead, unpack};
use crate::config::DestinationKind;
use crate::cost;
use crate::crm::mistaken::{self, Looks};
use crate::error::{Error, Result, count};
use crate::leads::{List, OwnReader, holds_contact, labels, list, names_nobody};
use crate::{lenient, tabular};

/// Blobs and files whose records are landed, by version.
pub(super) const OBJECTS: Dataset = Dataset { name: "objects", key: &["source", "name"] };

/// Records of an object handed over at a time.
const BATCH: usize = 1000;

/// Opens an object from its beginning.
pub(super) type Open<'o> = &'o mut dyn FnMut() -> std::io::Result<Box<dyn Read + Send>>;

impl Intake<'_> {
    /// The versions of the objects that are landed already, and what they hold is known from now on.
    pub(super) fn known_objects(&mut self) -> Result<HashMap<String, String>> {
        let Some(landing) = &mut self.landing else { return Ok(HashMap::new()) };
        let newest = landing.newest(&OBJECTS)?;
        if newest.height() == 0 {
            return Ok(HashMap::new());
        }
        let text = |name: &str| newest.column(name).ok().and_then(|c| c.str().ok());
        let (sources, names, versions, holds) = (text("source"), text("name"), text("version"), text("holds"));
        let records = newest.column("records")?.i64()?;
        let places = landing.places(&self.state.lands_as)?;
        let mut known = HashMap::new();
        for n in 0..newest.height() {
            let of = |column: Option<&'_ StringChunked>| column.and_then(|c| c.get(n)).map(str::to_owned);
            let (Some(source), Some(name), Some(version)) = (of(sources), of(names), of(versions)) else { continue };
            if source == self.state.lands_as {
                let records = records.get(n).and_then(|r| usize::try_from(r).ok()).unwrap_or(0);
                places.remember(&name, records, of(holds).as_deref());
                known.insert(name, version);
            }
        }
        Ok(known)
    }

    /// Says that an object is there.
    pub(super) fn is_there(&mut self, name: &str) -> Result<()> {
        if let Some(landing) = &mut self.landing {
            landing.places(&self.state.lands_as)?.is_there(name);
        }
        Ok(())
    }

    /// Says of the known objects that fit that they could not be looked for.
    pub(super) fn may_be_there(&mut self, fits: impl Fn(&str) -> bool) -> Result<()> {
        if let Some(landing) = &mut self.landing {
            landing.places(&self.state.lands_as)?.may_be_there(fits);
        }
        Ok(())
    }

    /// Whether an object that changed must be looked at before any is taken: others may have what it held.
    pub(super) fn is_to_be_looked_at(&mut self, name: &str) -> Result<bool> {
        match &mut self.landing {
            Some(landing) => Ok(landing.places(&self.state.lands_as)?.knows(name)),
            None => Ok(false),
        }
    }

    /// Looks at an object that changed.
    pub(super) fn look_at(&mut self, name: &str, modified_at: DateTime<Utc>, open: Open<'_>) -> Result<(), Stopped> {
        let mut contents = Vec::new();
        cut(open()?, name, modified_at, &mut |lead| {
            contents.extend((!lead.keyed).then_some(lead.content));
            Ok(())
        })?;
        if let Some(landing) = &mut self.landing {
            landing.places(&self.state.lands_as)?.changed(name, &contents);
        }
        Ok(())
    }

    /// Says what an object that changed holds.
    pub(super) fn seen(&mut self, name: &str, leads: &[RawLead]) -> Result<()> {
        if let Some(landing) = &mut self.landing {
            let contents: Vec<Content> = leads.iter().filter(|l| !l.keyed).map(|l| l.content).collect();
            landing.places(&self.state.lands_as)?.changed(name, &contents);
        }
        Ok(())
    }

    /// Cuts an object and lands its records.
    pub(super) fn take_object(
        &mut self,
        name: &str,
        modified_at: DateTime<Utc>,
        known: bool,
        open: Open<'_>,
    ) -> Result<usize, Stopped> {
        unpack(open()?)?;
        let settled = match self.must_be_seen(name, modified_at, open)? {
            true => Some(self.settled(name, modified_at, open)?),
            false => None,
        };
        let mut look = match &mut self.landing {
            Some(landing) if settled.is_none() => Some(landing.look(&self.state.lands_as, name)?),
            _ => None,
        };
        let (mut batch, mut n) = (Vec::new(), 0);
        let records = cut_ahead(open()?, name, modified_at, &mut |mut lead| {
            if let Some((contents, fates)) = &settled {
                // Whoever writes to the object meanwhile will be read by the next run.
                if contents.get(n) != Some(&lead.content) {
                    return Err(Stopped::Changing);
                }
                lead.fate = fates.get(n).cloned().unwrap_or_default();
            } else if let (Some(landing), Some(look)) = (&mut self.landing, &mut look) {
                lead.fate = landing.settle_one(&self.state.lands_as, look, &lead)?;
            }
            if n == 0 {
                refuse_tables(&lead)?;
            }
            n += 1;
            batch.push(lead);
            if batch.len() < BATCH {
                return Ok(());
            }
            if n == BATCH {
                self.refuse_misplaced(name, &batch)?;
            }
            Ok(self.take(std::mem::take(&mut batch), known)?)
        })?;
        if n < BATCH {
            self.refuse_misplaced(name, &batch)?;
        }
        self.take(batch, known)?;
        if let (Some(landing), Some(look)) = (&mut self.landing, look) {
            landing.places(&self.state.lands_as)?.end(look);
        }
        Ok(records)
    }

    /// Lands the records of an object that is in memory.
    pub(super) fn take_leads(&mut self, name: &str, mut leads: Vec<RawLead>, known: bool) -> Result<usize, Stopped> {
        let records = leads.len();
        if let Some(first) = leads.first() {
            refuse_tables(first)?;
        }
        self.refuse_misplaced(name, leads.get(..BATCH).unwrap_or(&leads))?;
        if let Some(landing) = &mut self.landing {
            let source = &self.state.lands_as;
            let mut look = landing.look(source, name)?;
            let mut whole = look.is_known();
            for (n, lead) in leads.iter().enumerate() {
                let is_open = landing.places(source)?.see(&mut look, lead);
                whole |= n == 0 && is_open && !lead.keyed;
                if !whole {
                    break;
                }
            }
            let fates = match whole {
                true => landing.settle(source, look)?,
                false => {
                    let mut look = landing.look(source, name)?;
                    let mut fates = Vec::with_capacity(records);
                    for lead in &leads {
                        fates.push(landing.settle_one(source, &mut look, lead)?);
                    }
                    landing.places(source)?.end(look);
                    fates
                }
            };
            for (lead, fate) in leads.iter_mut().zip(fates) {
                lead.fate = fate;
            }
        }
        self.take(leads, known)?;
        Ok(records)
    }

    /// Refuses an object that shows that it is something else, and says of the first that might be.
    fn refuse_misplaced(&mut self, name: &str, leads: &[RawLead]) -> Result<(), Stopped> {
        if refuse_misplaced(leads)? == Some(List::Either) && !self.report.has_list {
            self.report.has_list = true;
            self.report.notes.push(format!(
                "{name} holds people and lead sources alone, as a report of a CRM does too: if it is one, take it out of \
                 this source's path, and out of the landing with `leadrecon retract {}`",
                self.source.name
            ));
        }
        Ok(())
    }

    /// Whether an object must be seen whole before its records are settled.
    fn must_be_seen(&mut self, name: &str, modified_at: DateTime<Utc>, open: Open<'_>) -> Result<bool, Stopped> {
        let Some(landing) = &mut self.landing else { return Ok(false) };
        let mut look = landing.look(&self.state.lands_as, name)?;
        if look.is_known() {
            return Ok(true);
        }
        let places = landing.places(&self.state.lands_as)?;
        let mut may_be_a_copy = false;
        let first = cut(open()?, name, modified_at, &mut |lead| {
            may_be_a_copy = !lead.keyed && places.see(&mut look, &lead);
            Err(Stopped::Enough)
        });
        match first {
            Ok(_) | Err(Stopped::Enough) => Ok(may_be_a_copy),
            Err(stopped) => Err(stopped),
        }
    }

    fn settled(
        &mut self,
        name: &str,
        modified_at: DateTime<Utc>,
        open: Open<'_>,
    ) -> Result<(Vec<Content>, Vec<Fate>), Stopped> {
        let Some(landing) = &mut self.landing else { return Ok((Vec::new(), Vec::new())) };
        let mut look = landing.look(&self.state.lands_as, name)?;
        let places = landing.places(&self.state.lands_as)?;
        let mut contents = Vec::new();
        cut(open()?, name, modified_at, &mut |lead| {
            contents.push(lead.content);
            places.see(&mut look, &lead);
            Ok(())
        })?;
        Ok((contents, landing.settle(&self.state.lands_as, look)?))
    }

    /// Notes that all records of an object were taken.
    pub(super) fn object_taken(&mut self, object: Object) {
        self.report.objects += 1;
        self.objects.push(object);
    }

    /// Objects are remembered only after their records are on disk.
    pub(super) fn remember_objects(&mut self) -> Result<()> {
        let objects = std::mem::take(&mut self.objects);
        let Some(landing) = &mut self.landing else { return Ok(()) };
        let places = landing.places(&self.state.lands_as)?;
        let instants: Vec<i64> = objects.iter().map(|o| o.modified_at.timestamp_micros()).collect();
        let frame = df!(
            "source" => vec![self.state.lands_as.as_str(); objects.len()],
            "name" => objects.iter().map(|o| o.name.as_str()).collect::<Vec<_>>(),
            "version" => objects.iter().map(|o| o.version.as_str()).collect::<Vec<_>>(),
            "bytes" => objects.iter().map(|o| o.bytes as i64).collect::<Vec<_>>(),
            "modified_at" => instants,
            "records" => objects.iter().map(|o| o.records as i64).collect::<Vec<_>>(),
            "holds" => objects.iter().map(|o| places.holds(&o.name)).collect::<Vec<_>>(),
        )?;
        landing.append_versions(&OBJECTS, &frame, self.now)?;
        Ok(())
    }
}

/// Refuses an object whose beginning shows that it is something else: a glob or prefix reaches too far, or two are swapped.
/// Nothing of it is landed. `leads`: its first records, all of it where they are few. Gives what they are where they are
/// people's, and not surely raw leads.
fn refuse_misplaced(leads: &[RawLead]) -> Result<Option<List>, Stopped> {
    let Some(first) = leads.first() else { return Ok(None) };
    let names = |lead: &RawLead| labels(lead.format, lead.header.as_deref(), &lead.payload);
    let look = leads.get(..PROVING).unwrap_or(leads);
    if first.header.is_none() && leads.len() > 1 {
        let looks = |lead: &RawLead| mistaken::among_raw_leads(&names(lead), false);
        let all: Option<Vec<Looks>> = look.iter().map(looks).collect();
        if let Some(looks) = all.and_then(|all| all.first().copied()) {
            return Err(misplaced(looks));
        }
    }
    let list = list_of(look);
    match list {
        Some(List::People) => {
            let why = "this looks like a list of people, and like no raw leads: nothing in it says what they asked for, as \
                       LeadSource, ActionCode or CustomerInfo do";
            return Err(Stopped::Refused(why.to_owned()));
        }
        Some(List::Report) => return Err(misplaced(Looks::Report(DestinationKind::Csv))),
        Some(List::Either) | None => {}
    }
    let mut reader = OwnReader::default();
    let mut is_lead = |l: &RawLead| l.problem.is_none() && reader.is_lead(l.format, l.header.as_deref(), &l.payload);
    // A few broken records are quarantined, one by one; a table of something else is not one of leads.
    let header = names(first);
    let is_table = || !header.is_empty() && !holds_contact(&header) && leads.iter().all(|lead| names(lead) == header);
    if leads.iter().any(&mut is_lead) || leads.len() < FEW || (leads.len() < BATCH && !is_table()) {
        return Ok(list);
    }
    if let Some(money) = cost::named_by(&header) {
        return Err(Stopped::Refused(format!("this looks like {money}, and like no raw leads")));
    }
    // A first row that the others do not prove to be a header may be somebody's, and is not shown.
    let rows = leads.iter().map(|lead| lead.payload.as_slice()).take(PROVING);
    let header = first.header.as_deref().map(|header| {
        let lines: Vec<String> =
            std::iter::once(header).chain(rows).map(|line| lenient::text(line).into_owned()).collect();
        match tabular::proven_labels(&lines) {
            Some(labels) => format!("; its header is \"{}\"", labels.join(", ")),
            None => "; no header tells what its columns are".to_owned(),
        }
    });
    Err(Stopped::Refused(format!("none of its first {} records is a lead{}", leads.len(), header.unwrap_or_default())))
}

/// What records are where they are people's, and not surely raw leads.
fn list_of(look: &[RawLead]) -> Option<List> {
    let (mut reader, mut all) = (OwnReader::default(), Vec::new());
    for lead in look.iter().filter(|lead| lead.problem.is_none()) {
        let signs = reader.signs(lead.format, lead.header.as_deref(), &lead.payload);
        // Raw leads mostly tell themselves at once.
        if lead.keyed || signs.is_some_and(|signs| signs.words) {
            return None;
        }
        all.extend(signs);
    }
    let first = look.first()?;
    let names = labels(first.format, first.header.as_deref(), &first.payload).len();
    list(&all, names, first.header.is_some())
}

/// Refuses a table that says itself, by its header, that it is something else, or in which no column is one of a contact.
fn refuse_tables(lead: &RawLead) -> Result<(), Stopped> {
    let Some(header) = lead.header.as_deref() else { return Ok(()) };
    let labels = labels(lead.format, Some(header), &lead.payload);
    if let Some(looks) = mistaken::among_raw_leads(&labels, true) {
        return Err(misplaced(looks));
    }
    // An offer and a product stand in it too.
    if cost::named_by(&labels) == Some(cost::OF_AZURE) {
        return Err(Stopped::Refused(format!("this looks like {}, and like no raw leads", cost::OF_AZURE)));
    }
    if names_nobody(header) {
        let shown: String = labels.join(", ").chars().take(200).collect();
        return Err(Stopped::Refused(format!("no contact column: its header is \"{shown}\"")));
    }
    Ok(())
}

fn misplaced(looks: Looks) -> Stopped {
    let why = match looks {
        Looks::Report(_) => {
            "with what a CRM keeps of its records, and like no raw leads; are the paths of a source and of a \
            destination swapped?"
        }
        Looks::RawLeads | Looks::Ours => "and like no raw leads; does the path of this source reach too far?",
    };
    Stopped::Refused(format!("this looks like {}, {why}", looks.words()))
}

/// So many records that are no leads, all of one header, are a table of something else.
const FEW: usize = 5;

/// So many rows prove a header, or do not.
const PROVING: usize = 50;

/// How many objects that cannot be read are named.
const NAMED: usize = 5;

/// What cannot be read of a source, each by its name; the hint is the first one's.
pub(super) fn together(mut failures: Vec<Error>) -> Result<()> {
    if failures.len() < 2 {
        return failures.pop().map_or(Ok(()), Err);
    }
    let named: Vec<&str> = failures.iter().take(NAMED).map(Error::what).collect();
    let more = failures.len() - named.len();
    let and = if more > 0 { format!("; and {}", count(more, "other", "others")) } else { String::new() };
    let error = Error::partial(format!("{}{and}", named.join("; ")));
    Err(match failures.first().and_then(Error::advice) {
        Some(hint) => error.hint(hint),
        None => error,
    })
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Stopped::Taker(error)
    }
}
