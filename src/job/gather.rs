//! From the world into the landing, and from the landing back: what the pure chain begins with.
//!
//! What cannot be read is a [`Troubles`] entry: the job goes on without concluding anything from its absence.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chrono::{DateTime, Utc};
use rayon::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::{info, warn};

use super::exports::{Into, Known, Offers};
use super::prepare::{Options, Ready};
use super::troubles::{Troubles, unreadable_export, unreadable_source};
use crate::config::{self, Config, Destination};
use crate::coverage::NightsRead;
use crate::error::{Result, count};
use crate::findings::{AboutSetting, Finding};
use crate::identity::{self, Decisions, Sought};
use crate::io::azure::Cloud;
use crate::io::cache::Cache;
use crate::io::exports::Input;
use crate::io::fetch::{self, FetchReport};
use crate::io::landing::Landing;
use crate::io::landing::datasets::Dataset;
use crate::io::reviewed::{self, Brought, Held, Named, Network, Reach};
use crate::io::{forgetting, publish, state};
use crate::leads::Parsed;
use crate::pipeline::{Day, Records, Reviewed};
use crate::queries::as_of_ends_at;
use crate::retractions::Retractions;
use crate::reviewed::{File, Memory};
use crate::tables::{
    Charges, EarlierContacts, ExportRecords, Grain, History, Identities, Readings, SetAside, Spend, Table,
};
use crate::tabular::readings::{self, Judged, Tonight, Unread};
use crate::worked::{Closings, Worked};
use crate::{cost, coverage, crm, forget, leads, reconcile, replay, worked};

/// CRM records in the landing.
pub const CRM_RECORDS: Dataset = Dataset { name: "crm_records", key: crm::KEY };

/// Records of witnesses in the landing, as `destination` the witness.
pub const WITNESSES: Dataset = Dataset { name: "witnesses", key: crm::KEY };

/// Readings of exports, witnesses and cost files in the landing.
pub const READINGS: Dataset = Dataset { name: "readings", key: readings::KEY };

/// Memory of what `replay` handed out, below the state folder.
pub const REPLAYED: &str = "replayed.csv";

/// What was read before a run, which need not read it again.
pub struct Ahead<'a> {
    /// How many raw leads are landed, and what they say.
    pub(super) leads: (usize, Parsed),
    /// The exports, opened.
    pub(super) offers: Offers<'a>,
}

/// Everything that was read, and the landing that holds it.
pub(super) struct Gathered {
    /// Held, with the lock of the state folder, until the night is published.
    pub(super) landing: Landing,
    pub(super) fetched: FetchReport,
    /// What each destination's exports gave.
    pub(super) exports: Vec<crm::Read>,
    /// What each witness's exports gave.
    pub(super) witnesses: Vec<crm::Read>,
    pub(super) money: Money,
    /// Every file that went in, for the manifest.
    pub(super) inputs: Vec<Input>,
    /// Files that could not be had at all.
    unread: Vec<Unread>,
    /// Destinations with an export that was not asked for, offline.
    not_asked: BTreeSet<String>,
    pub(super) troubles: Troubles,
    pub(super) reviewed: Reviewed,
    pub(super) retractions: Retractions,
    /// Reports of days before the as-of day.
    pub(super) history: Table<History>,
    /// What was read of each destination, up to this day.
    pub(super) nights: NightsRead,
    /// Who was who on the newest of them.
    pub(super) previous: Option<Table<Identities>>,
    /// Raw leads, and how many are landed: read before the exports, of which only what can be about them is kept.
    parsed: Option<(usize, Parsed)>,
}

/// Cost and spend, which are read anew each time: every export restates its months.
pub(super) struct Money {
    pub(super) charges: cost::Read<Charges>,
    pub(super) spend: cost::Read<Spend>,
}

impl Gathered {
    /// Reads of exports of destinations and witnesses, in the order of the configuration.
    pub(super) fn reads(&self) -> impl Iterator<Item = &crm::Read> {
        self.exports.iter().chain(&self.witnesses)
    }

    /// Every export and cost file that was read.
    pub(super) fn files(&self) -> Vec<&crm::ReadFile> {
        let of_exports = self.reads().flat_map(|read| &read.files);
        of_exports.chain(&self.money.charges.files).chain(&self.money.spend.files).collect()
    }

    /// Refused rows of every file.
    pub(super) fn set_aside(&self) -> Result<Table<SetAside>> {
        let mut rows = SetAside::DEFINITION.empty();
        for read in self.reads() {
            rows.vstack_mut(read.set_aside.frame())?;
        }
        rows.vstack_mut(self.money.charges.set_aside.frame())?;
        rows.vstack_mut(self.money.spend.set_aside.frame())?;
        Table::new(rows)
    }

    /// Readings of days up to the as-of day.
    pub(super) fn readings(&self, day: &Day) -> Result<Table<Readings>> {
        readings::table(&self.landing.newest(&READINGS)?, day.as_of)
    }

    /// Lands what each file gave, and which could not be read. A run that found nothing to read, or was not to ask for
    /// what is elsewhere, takes nothing from what an earlier one of the same day read.
    fn land_readings(&mut self, ready: &Ready) -> Result<()> {
        let as_of = ready.day.as_of;
        let marks = self.landing.marks()?;
        let newest = self.landing.newest(&READINGS)?;
        let nights = NightsRead::of(&newest, as_of)?;
        let hashes: BTreeMap<&str, &str> =
            self.inputs.iter().map(|input| (input.name.as_str(), input.sha256.as_str())).collect();
        let is_kept = |read: &&crm::Read| {
            nights.tonight(&read.destination).is_some()
                && (read.files.is_empty() || self.not_asked.contains(&read.destination))
        };
        let kept: BTreeSet<&str> = self.reads().filter(is_kept).map(|read| read.destination.as_str()).collect();
        let of_reads = self.reads().flat_map(|read| &read.unread);
        let of_money = self.money.charges.unread.iter().chain(&self.money.spend.unread);
        let unread = of_reads.chain(of_money).chain(&self.unread);
        let unread: Vec<Unread> = unread.filter(|one| !kept.contains(one.destination.as_str())).cloned().collect();
        let files: Vec<&crm::ReadFile> =
            self.files().into_iter().filter(|file| !kept.contains(file.destination.as_str())).collect();
        let judged: BTreeMap<&str, Judged> =
            self.reads().map(|read| (read.destination.as_str(), coverage::judged(read, &nights))).collect();
        let mark = |named: &str| marks.of(named);
        let tonight = Tonight { files: &files, unread: &unread, judged: &judged, hashes: &hashes, mark: &mark, as_of };
        let rows = readings::with_outdated(readings::landed(&tonight)?, &newest, as_of)?;
        self.landing.append_versions(&READINGS, &rows, ready.now)?;
        self.nights = NightsRead::of(&self.landing.newest(&READINGS)?, as_of)?;
        Ok(())
    }

    /// What reading found.
    pub(super) fn findings(&self, day: &Day) -> Vec<Finding> {
        let of_money = self.money.charges.findings.iter().chain(&self.money.spend.findings);
        let of_exports = self.reads().flat_map(|read| &read.findings);
        let mut findings: Vec<Finding> = of_money.chain(of_exports).cloned().collect();
        findings.extend(self.fetched.sources.iter().filter_map(fetch::SourceReport::clock_finding));
        findings.extend(fetch::credential_findings(day.config, day.as_of_ends_at));
        findings.extend(self.retractions.findings(day.as_of));
        findings.extend(self.troubles.findings.iter().cloned());
        findings
    }
}

/// Brings sources and exports into the landing, and reads cost and spend. `ahead`: what was read of them already.
///
/// # Errors
/// Exit 5 while another run holds the lock; 4 when the state or output folder cannot be used.
pub(super) fn everything(ready: &Ready, options: &Options, ahead: Option<Ahead>) -> Result<Gathered> {
    let Ready { day: Day { config, as_of, .. }, now, .. } = *ready;
    let mut landing = Landing::open(&config.state_dir, options.wait)?;
    publish::prepare(&config.output.dir)?;
    if let Some(plan) = forgetting::pending(&config.state_dir)? {
        forgetting::carry_out(&plan, &places(config), &mut landing)?;
        info!("finished an interrupted forgetting");
    }
    let mut retractions: Retractions = state::kept(&config.state_dir, state::RETRACTED)?;
    retractions.tell(as_of);
    state::keep(&config.state_dir, state::RETRACTED, &retractions)?;
    let history = state::history_before(&config.state_dir, as_of)?;
    let previous = state::identities_before(&config.state_dir, as_of)?;
    let mut troubles = Troubles::default();
    for missing in &ready.missing {
        troubles.add(|why| AboutSetting::ReviewedUnusable(why).into(), "queries and templates", missing);
    }
    let mut inputs = ready.inputs.clone();
    let reviewed = reviewed(ready, options.offline, &mut landing, (&mut troubles, &mut inputs))?;

    let (leads, offers) = ahead.map(|Ahead { leads, offers }| (leads, offers)).unzip();
    let (raw, offers) = std::thread::scope(|scope| {
        // Exports are opened meanwhile: nothing of that asks for leads.
        let opening = scope.spawn(|| offers.map_or_else(|| Offers::of(config, options.offline), Ok));
        let raw = raw(ready, options, leads, &mut landing, &mut troubles);
        (raw, opening.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    let ((fetched, parsed), offers) = (raw?, offers?);
    let past = NightsRead::of(&landing.newest(&READINGS)?, as_of)?;
    let mut into = Into {
        offline: options.offline,
        config,
        as_of,
        landing: &mut landing,
        now,
        troubles: &mut troubles,
        past,
        inputs,
        unread: Vec::new(),
        not_asked: BTreeSet::new(),
    };
    let witnesses = into.land(offers.witnesses, &WITNESSES, None)?;
    let mut sought = Sought::default();
    if !config.destinations.is_empty() {
        sought.add(parsed.1.leads.frame())?;
        let seen = into.landing.newest(&WITNESSES)?;
        if seen.height() > 0 {
            sought.add(&seen)?;
        }
    }
    let known = Known { leads: &parsed.1.leads, sought, named: reviewed.worked.in_crm() };
    let exports = into.land(offers.destinations, &CRM_RECORDS, Some(&known))?;
    drop(known);
    let money = read_money(&mut into)?;
    let Into { inputs, unread, not_asked, past: nights, .. } = into;
    let mut gathered = Gathered {
        landing,
        fetched,
        exports,
        witnesses,
        money,
        inputs,
        unread,
        not_asked,
        troubles,
        reviewed,
        retractions,
        history,
        nights,
        previous,
        parsed: Some(parsed),
    };
    gathered.land_readings(ready)?;
    let joined = gathered.landing.compact(now)?;
    if joined > 0 {
        info!("{} of the landing joined", count(joined, "small segment", "small segments"));
    }
    Ok(gathered)
}

/// Fetches raw leads and reads them, but for those that were read already.
fn raw(
    ready: &Ready,
    options: &Options,
    ahead: Option<(usize, Parsed)>,
    landing: &mut Landing,
    troubles: &mut Troubles,
) -> Result<(FetchReport, (usize, Parsed))> {
    let Ready { day: Day { config, as_of, .. }, now, .. } = *ready;
    let fetched = fetch_sources(config, options, landing, now, troubles)?;
    if let Some(report) = state::began_beside_report(&config.state_dir, &config.output.dir, as_of)? {
        warn!("the state is new, but the output holds a report of {report}: nobody is paged today");
        troubles.findings.push(Finding::mail("", AboutSetting::StateBegan(report), 1));
    }
    let is_as_before = fetched.sources.iter().all(|source| source.landed.new + source.landed.changed == 0);
    if let Some(read) = ahead.filter(|_| is_as_before)
        && read.1.is_all_before(ready.day.as_of_ends_at)?
    {
        return Ok((fetched, read));
    }
    Ok((fetched, read_leads(landing, &settings(&ready.day), &config.state_dir)?))
}

/// Raw leads, read. What is too old is erased before anything is said of it, and read again so that this run says what
/// the next will. Gives how many raw leads are landed, too.
///
/// # Errors
/// When the landing cannot be read or rewritten (exit 4).
pub(super) fn leads(ready: &Ready, gathered: &mut Gathered) -> Result<(usize, Parsed)> {
    let Day { config, as_of_ends_at, .. } = ready.day;
    let settings = settings(&ready.day);
    let (landed, parsed) = match gathered.parsed.take() {
        Some(parsed) => parsed,
        None => read_leads(&gathered.landing, &settings, &config.state_dir)?,
    };
    // Age is never counted from a day to come: a slip in --as-of must not erase the landing.
    let old = as_of_ends_at.min(ready.now);
    let previous = gathered.previous.as_ref();
    let mut aged = forget::by_age(&parsed.leads, &parsed.quarantine, previous, &config.privacy, old)?;
    let places = places(config);
    for dataset in places.records.iter().filter(|_| config.privacy.keep.is_some()) {
        let versions = gathered.landing.versions_of(dataset, Some(&forget::VERSIONS))?;
        forget::records_by_age(&mut aged, dataset.name, &versions, &config.privacy, old)?;
    }
    if aged.is_empty() {
        return Ok((landed, parsed));
    }
    let erased = forgetting::carry_out(&aged, &places, &mut gathered.landing)?;
    info!(
        "{} and {} erased by age ([privacy] keep, keep_dnc)",
        raw_leads(erased.raw_rows),
        count(erased.record_versions, "version of a record", "versions of records")
    );
    if aged.leads.is_empty() {
        return Ok((landed, parsed));
    }
    drop(parsed);
    Ok((landed, read_leads(&gathered.landing, &settings, &config.state_dir)?.1))
}

/// The CRM records and how they described their person before. What is not of the
/// as-of day is left out when it is known by which clock each export tells time.
///
/// # Errors
/// When the landing cannot be read (exit 4).
pub(super) fn records(ready: &Ready, gathered: &Gathered) -> Result<Records> {
    let end = ready.day.as_of_ends_at + reconcile::farthest_clock();
    let landing = &gathered.landing;
    let of_one = |destination: &Destination| -> Result<(crm::Made, Table<EarlierContacts>)> {
        let versions = landing.versions_where(&CRM_RECORDS, "destination", &destination.name)?;
        let before = crm::earlier(&versions)?;
        let mut made = crm::Made::default();
        made.add(versions, destination, end)?;
        Ok((made, before))
    };
    let all = ready.day.config.destinations.par_iter().map(of_one).collect::<Result<Vec<_>>>()?;
    let (mut records, mut before) = (crm::Made::default(), EarlierContacts::DEFINITION.empty());
    for (made, earlier) in all {
        records.join(made);
        before.vstack_mut_owned(earlier.into_frame())?;
    }
    let records = crm::named(records.table()?, &gathered.reviewed.users)?;
    Ok(Records { records, earlier: Table::new(before)? })
}

/// Rows of witnesses, newest versions.
///
/// # Errors
/// When the landing cannot be read (exit 4).
pub(super) fn witnesses(ready: &Ready, gathered: &Gathered) -> Result<Table<ExportRecords>> {
    crm::records(&gathered.landing.versions(&WITNESSES)?, &ready.day.config.witnesses, ready.day.as_of_ends_at)
}

/// What people said, tonight and ever. It is read under the lock: `close` and `replay` write it. Of a file that cannot be
/// used what it said before holds, and the report is made all the same.
fn reviewed(
    ready: &Ready,
    offline: bool,
    landing: &mut Landing,
    (troubles, inputs): (&mut Troubles, &mut Vec<Input>),
) -> Result<Reviewed> {
    let Day { config, as_of, .. } = ready.day;
    let reach = Reach::of(config, if offline { Network::Offline } else { Network::Asked });
    let mut files_of = |from: &config::Reviewed| {
        let files = reviewed::files(from, reach);
        inputs.extend(files.iter().filter_map(Named::input));
        files
    };
    // What `close` keeps comes last: a command is meant for tonight.
    let mut files = files_of(&config.missed.worked);
    files.extend(reviewed::own(&config.state_dir.join(worked::FILE), &config.base));
    let mut tonight = Worked::default();
    let closings = remembered(ready, landing, (state::CLOSINGS, "worked"), files, troubles, |name, bytes, alone| {
        let read = worked::read(name, bytes)?;
        tonight.problems.extend(named(name, read.problems, alone));
        tonight.entries.extend(read.entries.iter().cloned());
        Ok(read.entries)
    })?;
    let files = files_of(&config.identity.decisions);
    let mut problems = Vec::new();
    let decided =
        remembered(ready, landing, (state::DECISIONS, "decisions"), files, troubles, |name, bytes, alone| {
            let read = identity::decisions(name, bytes)?;
            problems.extend(named(name, read.problems, alone));
            Ok(read.lines)
        })?;
    let made = identity::holding(decided.until(as_of).map(|said| &said.what));
    let worked = Closings::new(closings.until(as_of), tonight, |day| as_of_ends_at(day, config.report.timezone));
    let replayed = reviewed::text(Some(&config.state_dir.join(REPLAYED)))?;
    let decisions = Decisions { made, problems };
    let mut brought: Brought = state::kept(&config.state_dir, state::BROUGHT)?;
    let mut users = BTreeMap::new();
    for destination in config.destinations.iter().filter(|destination| !destination.users.at.is_empty()) {
        let mut of = crm::Users::new();
        let files = files_of(&destination.users);
        let is_out_of_reach = offline && destination.users.is_elsewhere();
        let mut are_all = !files.is_empty() && !is_out_of_reach;
        for Named { name, read } in files {
            match read.and_then(|held| crm::users(&name, held.bytes)) {
                Ok(named) => of.extend(named),
                Err(error) => {
                    are_all = false;
                    troubles.add(|why| AboutSetting::ReviewedUnusable(why).into(), "users", &error);
                }
            }
        }
        let last = brought.users.remove(&destination.name).unwrap_or_default();
        for (id, name) in last.into_iter().filter(|_| !are_all) {
            of.entry(id).or_insert(name);
        }
        users.insert(destination.name.clone(), of);
    }
    brought = Brought { users: users.clone(), ..ready.brought.clone() };
    state::keep(&config.state_dir, state::BROUGHT, &brought)?;
    Ok(Reviewed { decisions, worked, users, replayed: replay::memory(&replayed, Some(as_of)) })
}

/// Reads reviewed files of one kind and takes what they say into its memory, which is kept before any work is done.
fn remembered<S: Serialize + DeserializeOwned + PartialEq>(
    ready: &Ready,
    landing: &mut Landing,
    (memory_file, what): (&str, &str),
    files: Vec<Named>,
    troubles: &mut Troubles,
    mut read: impl FnMut(&str, Vec<u8>, bool) -> Result<Vec<S>>,
) -> Result<Memory<S>> {
    let (state, as_of) = (&ready.day.config.state_dir, ready.day.as_of);
    let mut memory = state::kept::<Memory<S>>(state, memory_file)?;
    let alone = files.len() == 1;
    // Made before it is needed: that it cannot be had is no fault of a file.
    let marks = landing.marks()?;
    for Named { name, read: held } in files {
        let taken = held.and_then(|Held { bytes, .. }| {
            let sha256 = reviewed::hash(&bytes);
            Ok(File { lines: read(&name, bytes, alone)?, name, sha256 })
        });
        match taken {
            Ok(file) => memory.take(file, as_of, |line| marks.of(line)),
            Err(error) => troubles.add(|why| AboutSetting::ReviewedUnusable(why).into(), what, &error),
        }
    }
    state::keep(state, memory_file, &memory)?;
    Ok(memory)
}

/// Problems of lines, with the name of their file where there are several.
fn named(file: &str, problems: Vec<String>, alone: bool) -> Vec<String> {
    if alone { problems } else { problems.into_iter().map(|problem| format!("{file}, {problem}")).collect() }
}

/// The count in words.
pub(super) fn raw_leads(n: usize) -> String {
    count(n, "raw lead", "raw leads")
}

fn places(config: &Config) -> forgetting::Places<'_> {
    forgetting::Places {
        state: &config.state_dir,
        out: &config.output.dir,
        records: &[CRM_RECORDS, WITNESSES],
        keep: crm::NOT_PERSONAL,
    }
}

fn fetch_sources(
    config: &Config,
    options: &Options,
    landing: &mut Landing,
    now: DateTime<Utc>,
    troubles: &mut Troubles,
) -> Result<FetchReport> {
    if options.offline {
        return Ok(FetchReport::default());
    }
    let how = fetch::Options {
        base: &config.base,
        keep_out: vec![config.state_dir.clone(), config.output.dir.clone()],
        rescan: options.rescan,
        progress: options.progress,
    };
    let report = fetch::fetch(&config.sources, landing, now, &how)?;
    for source in &report.sources {
        if let Some(error) = &source.error {
            troubles.add(unreadable_source, &source.name, error);
        }
    }
    Ok(report)
}

/// What reading raw leads takes of the configuration.
fn settings<'a>(day: &Day<'a>) -> leads::Settings<'a> {
    let Day { config, as_of_ends_at, .. } = *day;
    leads::Settings { as_of_ends_at, stages: &config.stages, offers: &config.offers, exclude: &config.exclude }
}

/// All raw leads, read segment by segment: their payloads are never in memory together. What an earlier night read of
/// the same rows is not read again. Gives how many there are, too.
pub(super) fn read_leads(landing: &Landing, settings: &leads::Settings, state: &Path) -> Result<(usize, Parsed)> {
    let mut reader = leads::Reader::new(settings);
    let mut cache = Cache::open(state, "leads");
    let exclude = format!("{:?}", settings.exclude);
    for unread in landing.parts()? {
        let name = cache.name(&[&unread.fingerprint(), &exclude]);
        let part = match cache.get(&name).and_then(|bytes| reader.kept(&bytes)) {
            Some(part) => part,
            None => {
                let part = reader.read(&unread.read()?)?;
                if let Some(bytes) = part.bytes()? {
                    cache.put(&name, &bytes);
                }
                part
            }
        };
        reader.add(part)?;
    }
    cache.sweep();
    Ok((reader.taken(), reader.finish()?))
}

fn read_money(into: &mut Into<'_>) -> Result<Money> {
    let cost = &into.config.cost;
    let cloud = Cloud { auth: cost.auth.as_ref(), endpoint: cost.endpoint.as_deref(), is_tried: false };
    let (azure, spend) = (into.files(&cost.azure, cloud, "cost"), into.files(&cost.spend, cloud, "spend"));
    let money = Money { charges: cost::charges(azure, cost)?, spend: cost::spend(spend, cost)? };
    for (place, problems) in [("cost", &money.charges.problems), ("spend", &money.spend.problems)] {
        for problem in problems {
            into.troubles.add(unreadable_export, place, problem);
        }
    }
    Ok(money)
}
