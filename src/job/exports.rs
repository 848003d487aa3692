//! Exports of destinations and witnesses → the landing.
//!
//! They are opened while raw leads are fetched, each on a core of its own; when it is known of which leads there are, they
//! are read to the end for the records that can be about these, and landed in the order of the configuration.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use polars::prelude::DataFrame;
use rayon::prelude::*;
use tracing::{info, warn};

use super::troubles::{Troubles, unreadable_export};
use crate::config::{self, Config, Destination, DestinationKind};
use crate::coverage::{self, NightsRead};
use crate::crm;
use crate::error::{Error, Result, count};
use crate::findings::{AboutExport, Finding};
use crate::identity::Sought;
use crate::io::azure::Cloud;
use crate::io::exports::{self, Gathered, Input};
use crate::io::fetch;
use crate::io::landing::Landing;
use crate::io::landing::content::Marks;
use crate::io::landing::datasets::Dataset;
use crate::io::refresh::{self, Standing};
use crate::queries::as_of_ends_at;
use crate::tables::{Leads, Table};
use crate::tabular::readings::Unread;
use crate::tabular::{Export, Passed};
use crate::who::Who;

/// The exports of one destination or witness, opened before anything is known of leads.
pub(super) struct Offered<'a> {
    destination: &'a Destination,
    opened: crm::Opened<'a>,
    /// The files that were had, and what could not be.
    found: Found,
    /// What became of the command that makes them anew.
    refreshed: Result<()>,
}

/// What patterns name, without the bytes.
struct Found {
    inputs: Vec<Input>,
    unread: Vec<Unread>,
    problems: Vec<Error>,
    /// Files that a source brought as raw leads.
    mistaken: Vec<String>,
    /// Whether all files were had and are exports.
    are_all: bool,
}

impl Found {
    /// What was gathered for `place`, and the files themselves.
    fn of(gathered: Gathered, place: &str, are_all: bool) -> (Found, Vec<Export>) {
        let unread = gathered.unread_of(place);
        let Gathered { exports, files: inputs, problems, .. } = gathered;
        (Found { inputs, unread, problems, mistaken: Vec::new(), are_all }, exports)
    }
}

/// Looks for the files of patterns; from elsewhere none comes where `offline`.
fn files_of(patterns: &[String], cloud: Cloud<'_>, config: &Config, offline: bool) -> (Gathered, bool) {
    let here: Vec<String> = patterns.iter().filter(|p| !(offline && config::is_elsewhere(p))).cloned().collect();
    let keep_out = [config.state_dir.clone(), config.output.dir.clone()];
    let gathered = exports::gather(&here, cloud, &config.base, &keep_out);
    let are_all = gathered.problems.is_empty() && here.len() == patterns.len();
    (gathered, are_all)
}

/// The exports of all witnesses and destinations, opened.
pub struct Offers<'a> {
    pub(super) witnesses: Vec<Offered<'a>>,
    pub(super) destinations: Vec<Offered<'a>>,
}

impl<'a> Offers<'a> {
    /// Makes exports anew where the configuration says how, and opens all; from elsewhere none comes where `offline`.
    ///
    /// # Errors
    /// Only for faults of our own.
    pub(super) fn of(config: &'a Config, offline: bool) -> Result<Self> {
        let witnesses = offered(config, &config.witnesses, offline)?;
        Ok(Offers { witnesses, destinations: offered(config, &config.destinations, offline)? })
    }

    /// The time of the newest record at most `latest`, both in microseconds since 1970; see [`crm::Opened::newest`].
    ///
    /// # Errors
    /// When a large export cannot be read.
    pub(super) fn newest(&mut self, latest: i64) -> Result<Option<i64>> {
        let mut newest = None;
        for one in &mut self.destinations {
            newest = newest.max(one.opened.newest(latest)?);
        }
        Ok(newest)
    }

    /// What could not be read of them so far.
    pub(super) fn problems(&self) -> impl Iterator<Item = &Error> {
        self.destinations.iter().flat_map(|one| one.found.problems.iter().chain(one.opened.problems()))
    }
}

/// Makes exports anew where the configuration says how, one after the other, and opens those of all these destinations.
fn offered<'a>(config: &'a Config, destinations: &'a [Destination], offline: bool) -> Result<Vec<Offered<'a>>> {
    let refreshed = destinations.iter().map(|destination| (destination, refresh(destination, config, offline)));
    let refreshed: Vec<_> = refreshed.collect();
    refreshed
        .into_par_iter()
        .map(|(destination, refreshed)| {
            let (files, are_all) = files_of(&destination.export, Offered::cloud(destination), config, offline);
            let (found, exports) = Found::of(files, &destination.name, are_all);
            Ok(Offered { destination, opened: crm::open(exports, destination)?, found, refreshed })
        })
        .collect()
}

/// Makes the export of a destination anew, where the configuration says how.
fn refresh(destination: &Destination, config: &Config, offline: bool) -> Result<()> {
    if offline || destination.refresh.is_empty() {
        return Ok(());
    }
    info!("{}: its export is made anew", destination.name);
    let within = destination.refresh_within.to_std().unwrap_or_default();
    let (export, base) = (&destination.export, &config.base);
    let before = Standing::of(export, base);
    refresh::run(&destination.refresh, base, within)?;
    before.is_made_anew(&Standing::of(export, base))
}

impl<'a> Offered<'a> {
    fn cloud(destination: &Destination) -> Cloud<'_> {
        Cloud { auth: destination.auth.as_ref(), endpoint: destination.endpoint.as_deref(), is_tried: false }
    }

    /// Takes out the files that a source brought as raw leads: the others are opened again without them.
    fn without_raw_leads(mut self, brought: &BTreeSet<String>, config: &Config, offline: bool) -> Result<Self> {
        let mistaken = self.found.inputs.iter().filter(|input| brought.contains(&input.sha256));
        self.found.mistaken = mistaken.map(|input| input.name.clone()).collect();
        if !self.found.mistaken.is_empty() {
            let (files, _) = files_of(&self.destination.export, Self::cloud(self.destination), config, offline);
            let is_export = |export: &Export| !self.found.mistaken.contains(&export.name);
            self.opened = crm::open(files.exports.into_iter().filter(is_export).collect(), self.destination)?;
            self.found.are_all = false;
        }
        Ok(self)
    }
}

/// What is known of leads when exports are read: whose records are kept.
pub(super) struct Known<'a> {
    pub(super) leads: &'a Table<Leads>,
    pub(super) sought: Sought,
    /// Records that closings name.
    pub(super) named: Vec<Who<'a>>,
}

/// What every destination's exports are held against.
struct Against<'a> {
    known: Option<&'a Known<'a>>,
    /// The newest landed version of each record.
    landed: &'a DataFrame,
    past: &'a NightsRead,
    marks: Marks,
    /// In microseconds; see [`crm::OfLeads`].
    young_since: i64,
}

impl Against<'_> {
    /// Reads what is offered to the end, and says whether it is believed. Gives the rows that are to be landed, too.
    fn read(&self, opened: crm::Opened, destination: &Destination, are_all: bool) -> Result<(crm::Read, DataFrame)> {
        let Against { known, landed, past, young_since, .. } = *self;
        let is_window = |shown: &Passed| {
            known.is_some_and(|known| {
                coverage::is_window(shown, past, known.leads, destination, young_since).unwrap_or(true)
            })
        };
        let shares = |records: &DataFrame| match known {
            Some(known) => known.sought.finds(records),
            None => Ok(vec![Some(true); records.height()]),
        };
        let of_leads = known.map(|Known { named, .. }| crm::OfLeads {
            shares: &shares,
            named,
            is_window: &is_window,
            young_since,
        });
        let mut read = opened.read(landed, of_leads.as_ref().map_or(crm::Keep::All, crm::Keep::OfLeads))?;
        read.complete &= are_all;
        read.fetched = are_all;
        let mark = |owner: &str| self.marks.of(owner);
        read.doubt = coverage::judge(&read, destination, landed, past, Some(&mark))?;
        let rows = crm::to_land(&read, landed)?;
        // What identifies nobody is no record of anybody.
        let rows = if read.identifies { rows } else { rows.clear() };
        Ok((read, rows))
    }
}

/// Where files are read into: the network is left alone when offline.
pub(super) struct Into<'a> {
    pub(super) offline: bool,
    pub(super) config: &'a Config,
    pub(super) as_of: NaiveDate,
    pub(super) landing: &'a mut Landing,
    pub(super) now: DateTime<Utc>,
    pub(super) troubles: &'a mut Troubles,
    /// What was read before.
    pub(super) past: NightsRead,
    pub(super) inputs: Vec<Input>,
    /// Files that could not be had at all.
    pub(super) unread: Vec<Unread>,
    /// Destinations with an export that was not asked for, offline.
    pub(super) not_asked: BTreeSet<String>,
}

impl Into<'_> {
    /// Reads the exports of destinations, or of witnesses, and lands their records: those that can be about `known`, all
    /// of a witness.
    pub(super) fn land(
        &mut self,
        offered: Vec<Offered>,
        dataset: &Dataset,
        known: Option<&Known<'_>>,
    ) -> Result<Vec<crm::Read>> {
        let ends = as_of_ends_at(self.as_of, self.config.report.timezone);
        let landed = self.landing.newest(dataset)?;
        let against = Against {
            known,
            landed: &landed,
            past: &self.past,
            marks: self.landing.marks()?,
            young_since: (ends - self.config.missed.give_up).timestamp_micros(),
        };
        let brought = fetch::brought(self.landing)?;
        let (config, offline) = (self.config, self.offline);
        let read = offered.into_par_iter().map(|one| {
            // The log of an endpoint may be a source and a destination at once, and whatever a witness has is told apart.
            let is_told_apart = known.is_none() || one.destination.kind == DestinationKind::Https;
            let one = if is_told_apart { one } else { one.without_raw_leads(&brought, config, offline)? };
            let Offered { destination, opened, found, refreshed } = one;
            let (read, rows) = against.read(opened, destination, found.are_all)?;
            Ok((destination, found, refreshed, read, rows))
        });
        let read: Vec<_> = read.collect::<Result<_>>()?;
        let rows: Vec<&DataFrame> = read.iter().map(|(_, _, _, _, rows)| rows).collect();
        let appended = self.landing.append_all_versions(dataset, &rows, self.now)?;
        let mut reads = Vec::new();
        for ((destination, found, refreshed, mut read, _), appended) in read.into_iter().zip(appended) {
            let stale = self.had_its_say(destination, &found);
            self.found(found, &destination.name);
            self.tell(&mut read, destination, known.is_none());
            if let Err(error) = refreshed {
                read.stale = stale;
                self.not_refreshed(destination, &error, read.exported_at);
            }
            info!(
                "{}: {} in {} and {} passed over, {} new, {} changed",
                destination.name,
                count(read.rows.height(), "record", "records"),
                count(read.files.len(), "export", "exports"),
                count(read.strangers, "stranger", "strangers"),
                appended.new,
                appended.changed
            );
            read.forget_rows();
            reads.push(read);
        }
        Ok(reads)
    }

    /// Whether these files were read before, on an earlier night, or are the first ever seen: where they could not be
    /// made anew, nobody knows how old they are.
    fn had_its_say(&self, destination: &Destination, found: &Found) -> bool {
        let holds = |night: &coverage::Night| {
            let known: BTreeSet<_> = night.files.values().filter_map(|file| file.sha256.as_deref()).collect();
            found.inputs.iter().all(|input| known.contains(input.sha256.as_str()))
        };
        let tonight = self.past.tonight(&destination.name).filter(|night| night.judged.silent.is_none());
        let last = self.past.last_whole(&destination.name).map(|(_, night)| night);
        !tonight.is_some_and(holds) && last.is_none_or(holds)
    }

    /// Notes the files that were had, and tells of those that could not be.
    fn found(&mut self, found: Found, place: &str) {
        for problem in &found.problems {
            self.troubles.add(unreadable_export, place, problem);
        }
        self.unread.extend(found.unread);
        self.inputs.extend(found.inputs);
        for name in &found.mistaken {
            let error = Error::partial(format!("\"{name}\" was not taken in: a source has the same file as raw leads"))
                .hint(
                    "an export holds records of the CRM: let the paths of source and destination name different files",
                );
            self.unread.push(Unread::new(place, name, &error));
            self.troubles.add(unreadable_export, place, &error);
        }
    }

    /// Tells what was not read of a destination, and what is not believed of it.
    fn tell(&mut self, read: &mut crm::Read, destination: &Destination, is_witness: bool) {
        if self.offline && destination.export.iter().any(|pattern| config::is_elsewhere(pattern)) {
            self.not_asked.insert(destination.name.clone());
        } else if read.exported_at.is_none() && read.fetched {
            self.troubles.sentences.push(format!("{}: no export is there", destination.name));
        }
        read.tell_unread(&destination.export, self.offline);
        let unread = read.doubt.as_ref().and_then(AboutExport::unread);
        // That a witness saw nobody is an answer.
        let showed_some = self.past.last_whole(&destination.name).is_some_and(|(_, night)| night.judged.present > 0);
        let nothing = read.says_nothing(showed_some).filter(|_| !is_witness);
        let not_read = unread.or_else(|| nothing.map(str::to_owned));
        self.troubles.sentences.extend(not_read.map(|what| format!("{}: {what}", destination.name)));
        read.findings.extend(read.doubt.clone().map(|doubt| Finding::mail(&destination.name, doubt, 1usize)));
        for problem in &read.problems {
            self.troubles.add(unreadable_export, &destination.name, problem);
        }
    }

    /// An export that could not be made anew: the one that stands there is read, and its age is told.
    fn not_refreshed(&mut self, destination: &Destination, error: &Error, exported_at: Option<DateTime<Utc>>) {
        warn!("{}: {error}", destination.name);
        self.troubles.sentences.push(format!("{}: {}", destination.name, error.what()));
        let why = error.cause().unwrap_or_default().to_owned();
        let last = exported_at.map(|at| at.with_timezone(&self.config.report.timezone).date_naive());
        let last = last.map(|day| (day, (self.as_of - day).num_days().max(0)));
        self.troubles.findings.push(Finding::mail(&destination.name, AboutExport::NotRefreshed { why, last }, 1));
    }

    /// The files of a kind that is read anew each night, for `place`.
    pub(super) fn files(&mut self, patterns: &[String], cloud: Cloud<'_>, place: &str) -> Vec<Export> {
        let (files, are_all) = files_of(patterns, cloud, self.config, self.offline);
        let (found, exports) = Found::of(files, place, are_all);
        self.found(found, place);
        exports
    }
}
