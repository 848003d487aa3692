//! What `retract` takes out of the landing: the rows that a source, destination or witness brought, by object or by day.
//!
//! Nothing is done here: the plan says it all, and `forgetting` carries it out.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use polars::prelude::*;

use super::azure::Cloud;
use super::exports;
use super::landing::datasets::Dataset;
use super::landing::segments::SEQUENCE;
use super::landing::{Landing, RAW};
use super::objects::OBJECTS;
use super::{azure, files, state};
use crate::config::{Config, Destination, Pattern, Place, Source};
use crate::error::{Error, Result, count};
use crate::forget::Plan;
use crate::retractions::Retraction;
use crate::{crm, leads, place};

/// Which of its rows.
#[derive(Debug, Default)]
pub struct Selection {
    /// Found in objects (files, blobs) whose name fits.
    pub object: Option<Pattern>,
    /// Landed on this day, UTC.
    pub landed_on: Option<NaiveDate>,
}

/// What would be taken out.
#[derive(Debug)]
pub struct Found {
    /// The plan.
    pub plan: Plan,
    /// Objects that held it, with the rows of each, as far as it is known.
    pub objects: BTreeMap<String, usize>,
    /// Leads, or records, of which nothing is left.
    pub gone: usize,
    /// Ids of the records that rows were chosen of, with the address that each shows.
    shown: BTreeSet<(String, String)>,
}

/// The rows of a source.
///
/// # Errors
/// When the state cannot be read (exit 4).
pub fn of_source(
    landing: &mut Landing,
    config: &Config,
    name: &str,
    selection: &Selection,
    today: NaiveDate,
) -> Result<Found> {
    let formerly = config.sources.iter().find(|source| source.name == name).map(|source| source.formerly.clone());
    let lands_as = landing.source_state(name, &formerly.unwrap_or_default())?.lands_as;
    let (mut plan, mut objects) = (Plan::default(), BTreeMap::new());
    let (mut chosen, mut kept) = (BTreeSet::new(), BTreeSet::new());
    let rows = plan.versions.entry(RAW.to_owned()).or_default();
    for row in landing.stored(&lands_as)? {
        let fits = |pattern: &Pattern| row.object.as_deref().is_some_and(|o| pattern.matches(&place::object(o)));
        let is_chosen =
            selection.object.as_ref().is_none_or(fits) && selection.landed_on.is_none_or(|day| day == row.landed_on);
        if !is_chosen {
            kept.insert(row.source_key);
            continue;
        }
        rows.insert(row.row);
        if let Some(object) = row.object {
            *objects.entry(object).or_default() += 1;
        }
        chosen.insert(row.source_key);
    }
    let gone: BTreeSet<String> = chosen.difference(&kept).cloned().collect();
    let first = rows.first().copied().unwrap_or_default();
    plan.ids.extend(gone.iter().map(|key| leads::lead_id(&lands_as, key)));
    people_of(config, &mut plan)?;
    let seen = landing.versions_of(&OBJECTS, Some(&["source", "name", SEQUENCE]))?;
    if seen.width() > 0 {
        let (sources, names) = (seen.column("source")?.str()?, seen.column("name")?.str()?);
        let numbers = seen.column(SEQUENCE)?.i64()?;
        let of_chosen = (0..seen.height()).filter(|row| {
            sources.get(*row) == Some(lands_as.as_str())
                && names.get(*row).is_some_and(|name| objects.contains_key(name))
        });
        plan.versions.insert(OBJECTS.name.to_owned(), of_chosen.filter_map(|row| numbers.get(row)).collect());
    }
    let count = gone.len();
    plan.leads.insert(lands_as, gone);
    plan.reread.insert(name.to_owned());
    plan.retracted.push(Retraction { on: today, name: name.to_owned(), is_source: true, count, first, told_on: None });
    Ok(Found { plan, objects, gone: count, shown: BTreeSet::new() })
}

/// People of the last report all of whose leads go.
fn people_of(config: &Config, plan: &mut Plan) -> Result<()> {
    let Some(identities) = state::identities_before(&config.state_dir, NaiveDate::MAX)? else { return Ok(()) };
    let mut gone: BTreeMap<&str, bool> = BTreeMap::new();
    for (lead, person) in identities.texts("lead_id")?.into_iter().zip(identities.texts("person_id")?) {
        if let (Some(lead), Some(person)) = (lead, person) {
            *gone.entry(person).or_insert(true) &= plan.ids.contains(lead);
        }
    }
    let gone: Vec<String> = gone.into_iter().filter(|(_, gone)| *gone).map(|(person, _)| person.to_owned()).collect();
    plan.ids.extend(gone);
    Ok(())
}

/// The records of a destination or witness, with their readings.
///
/// # Errors
/// When the landing cannot be read (exit 4), and for `--object` where records do not name their file (exit 2).
pub fn of_records(
    landing: &Landing,
    (records, readings): (&Dataset, &Dataset),
    name: &str,
    selection: &Selection,
    today: NaiveDate,
) -> Result<Found> {
    let (mut plan, mut objects, mut shown) = (Plan::default(), BTreeMap::new(), BTreeSet::new());
    let (mut chosen, mut kept) = (BTreeSet::new(), BTreeSet::new());
    let versions = landing.versions_where(records, "destination", name)?;
    let mut rows = BTreeSet::new();
    if versions.width() > 0 {
        let text = |column: &str| versions.column(column).ok().and_then(|c| c.str().ok());
        let (ids, emails, files) = (text("record_id"), text("email"), text("file"));
        if selection.object.is_some() && files.is_none() {
            return Err(Error::usage(format!("the records of \"{name}\" do not say which file they came from"))
                .hint("choose them by the day on which they were landed: --landed-on DATE"));
        }
        let numbers = versions.column(SEQUENCE)?.i64()?;
        let is_chosen = chosen_rows(&versions, selection)?;
        for row in 0..versions.height() {
            let cell = |column: Option<&StringChunked>| column.and_then(|c| c.get(row)).unwrap_or_default().to_owned();
            if !is_chosen.get(row).copied().unwrap_or(false) {
                kept.insert(cell(ids));
                continue;
            }
            rows.extend(numbers.get(row));
            shown.insert((cell(ids), cell(emails)));
            chosen.insert(cell(ids));
            if files.is_some() {
                *objects.entry(cell(files)).or_default() += 1;
            }
        }
    }
    let first = rows.first().copied().unwrap_or_default();
    let gone: BTreeSet<String> = chosen.difference(&kept).cloned().collect();
    let count = gone.len();
    plan.records.insert(name.to_owned(), gone);
    plan.versions.insert(records.name.to_owned(), rows);
    let read = landing.versions_where(readings, "destination", name)?;
    if read.width() > 0 {
        let numbers = read.column(SEQUENCE)?.i64()?;
        let is_chosen = chosen_rows(&read, selection)?;
        let rows = (0..read.height()).filter(|row| is_chosen.get(*row) == Some(&true));
        plan.versions.insert(readings.name.to_owned(), rows.filter_map(|row| numbers.get(row)).collect());
    }
    plan.retracted.push(Retraction { on: today, name: name.to_owned(), is_source: false, count, first, told_on: None });
    Ok(Found { plan, objects, gone: count, shown })
}

/// Which rows of landed records or readings are chosen; what was forgotten stays, so that it is kept away.
fn chosen_rows(frame: &DataFrame, selection: &Selection) -> Result<Vec<bool>> {
    let files = frame.column("file").ok().and_then(|c| c.str().ok());
    let forgotten = frame.column("forgotten")?.bool()?;
    let landed_on = frame.column("landed_on")?.date()?.physical();
    let day = selection.landed_on.map(|day| (day - NaiveDate::default()).num_days());
    Ok((0..frame.height())
        .map(|row| {
            let fits = |pattern: &Pattern| files.and_then(|f| f.get(row)).is_some_and(|file| pattern.matches(file));
            forgotten.get(row) != Some(true)
                && selection.object.as_ref().is_none_or(fits)
                && day.is_none_or(|day| landed_on.get(row).map(i64::from) == Some(day))
        })
        .collect())
}

impl Found {
    /// Rows that would go.
    pub fn rows(&self) -> usize {
        [RAW, "crm_records", "witnesses"]
            .iter()
            .filter_map(|name| self.plan.versions.get(*name))
            .map(BTreeSet::len)
            .sum()
    }

    /// Refuses while the source is configured so that the next run would bring the same objects again.
    ///
    /// # Errors
    /// Exit 2, with the objects; 3 where it cannot be told.
    pub fn is_not_brought_by(&self, source: &Source, config: &Config) -> Result<()> {
        let keep_out = [config.state_dir.clone(), config.output.dir.clone()];
        let there: BTreeSet<String> = match &source.place {
            Place::Files { path } => match files::find(path, &config.base, &keep_out) {
                Ok(listing) => listing.found.into_iter().map(|file| file.place).collect(),
                // A folder that is not there brings nothing.
                Err(_) => BTreeSet::new(),
            },
            Place::Blobs { .. } => azure::brought(source)?,
            Place::Table { .. } => BTreeSet::new(),
        };
        let again: Vec<String> =
            self.objects.keys().filter(|object| there.contains(*object)).map(|object| place::object(object)).collect();
        match again.first() {
            None => Ok(()),
            Some(first) => Err(Error::usage(format!(
                "source \"{}\" still brings {} of these objects, such as \"{first}\": the next run would land them again",
                source.name,
                again.len()
            ))
            .hint("first let its path or prefix leave them out, or move them away")),
        }
    }

    /// Refuses while the exports that are configured show the same records.
    ///
    /// # Errors
    /// Exit 2, with their number.
    pub fn is_not_shown_by(&self, destination: &Destination, config: &Config) -> Result<()> {
        let cloud =
            Cloud { auth: destination.auth.as_ref(), endpoint: destination.endpoint.as_deref(), is_tried: true };
        let keep_out = [config.state_dir.clone(), config.output.dir.clone()];
        let gathered = exports::gather(&destination.export, cloud, &config.base, &keep_out);
        let named = gathered.exports.iter().find(|export| self.objects.contains_key(&export.name));
        let again = |what: String| {
            Err(Error::usage(format!(
                "export of \"{}\" still brings {what}: the next run would land them again",
                destination.name
            ))
            .hint("first let its export leave them out, or move the files away"))
        };
        if let Some(export) = named {
            return again(format!("\"{}\"", export.name));
        }
        if !self.objects.is_empty() {
            return Ok(());
        }
        let read = crm::read(gathered.exports, destination, &DataFrame::empty(), crm::Keep::All)?;
        let (ids, emails) = (read.rows.column("record_id")?.str()?, read.rows.column("email")?.str()?);
        let shown = ids.iter().zip(emails.iter()).filter(|(id, email)| {
            self.shown.contains(&(id.unwrap_or_default().to_owned(), email.unwrap_or_default().to_owned()))
        });
        match shown.count() {
            0 => Ok(()),
            n => again(count(n, "of these records", "of these records")),
        }
    }
}
