//! The nightly job: prepare, gather, the pure chain, publish.
//!
//! Everything that a report shows is computed by the pure [`pipeline`] from the landing, the history of earlier days, the
//! reviewed files, the configuration and the as-of date. What cannot be read is told and the job goes on without
//! concluding anything from its absence; what breaks the books stops it before anything is published.

mod exports;
mod gather;
pub mod newest;
mod notify;
mod prepare;
mod publish;
mod troubles;

use chrono::{DateTime, Utc};
use tracing::info;

use crate::config::Config;
use crate::error::{Result, count};
use crate::history;
use crate::io::mirror::Session;
use crate::io::timings::Timings;
use crate::pipeline::{self, Findings, Results};

pub use gather::{Ahead, CRM_RECORDS, READINGS, REPLAYED, WITNESSES};
pub use prepare::{Options, queries_and_templates};
pub use publish::{Done, keep_metrics};

/// Runs the job, and tells of it whom the configuration names.
///
/// # Errors
/// As the night itself: nobody who could not be told stops it.
pub fn run(config: &Config, options: &Options, now: DateTime<Utc>) -> Result<Done> {
    run_on(config, options, now, None)
}

/// Runs the job on what may have been read already.
///
/// # Errors
/// As [`run`].
pub fn run_on(config: &Config, options: &Options, now: DateTime<Utc>, ahead: Option<Ahead>) -> Result<Done> {
    notify::begin(config);
    let night = mirrored(config, options, now, ahead);
    // What a good night tells is remembered in the state before that is sent.
    if let Err(error) = &night {
        notify::end(config, Err(error), now);
    }
    night
}

/// The night, between bringing in the state and sending it with the report.
fn mirrored(config: &Config, options: &Options, now: DateTime<Utc>, ahead: Option<Ahead>) -> Result<Done> {
    let session = if options.offline { None } else { mirror_of(config, options.wait)? };
    let done = night(config, options, now, ahead)?;
    notify::end(config, Ok(&done), now);
    if let Some(session) = session {
        session.send()?;
    }
    if let Some(mirror) = config.output.mirror.as_ref().filter(|_| !options.offline) {
        publish::mirror(mirror, config, &done.folder, now)?;
    }
    Ok(done)
}

/// Takes the mirror of the state, where there is one, for a command that writes state.
///
/// # Errors
/// As [`Session::begin`].
pub fn mirror_of(config: &Config, wait: std::time::Duration) -> Result<Option<Session>> {
    let beside: Vec<&std::path::Path> = config.prometheus.iter().map(std::path::PathBuf::as_path).collect();
    let begin = |mirror| Session::begin(mirror, &config.state_dir, &beside, wait);
    config.state_mirror.as_ref().map(begin).transpose()
}

/// The night. Memory is given back as soon as a phase is done with it; the lock is held until the night is published.
///
/// # Errors
/// Exit 5 while another run holds the lock; 2 for a configuration, query or template that cannot work, before any
/// work; 4 when something fails, earlier output left as it was.
fn night(config: &Config, options: &Options, now: DateTime<Utc>, ahead: Option<Ahead>) -> Result<Done> {
    let mut timings = Timings::begin(options.progress);
    let ready = prepare::prepare(config, options, now)?;
    let day = &ready.day;
    let mut gathered = gather::everything(&ready, options, ahead)?;
    timings.done("all was landed");

    let (landed, parsed) = gather::leads(&ready, &mut gathered)?;
    timings.done("all leads were read");
    let (read, refused) = (parsed.leads.height(), parsed.quarantine.height());
    info!("{} landed: {read} read, {refused} quarantined", count(landed, "raw lead", "raw leads"));
    let records = gather::records(&ready, &gathered)?;
    timings.done("all records were read");

    let previous = gathered.previous.take();
    let (people, crm_records) = pipeline::people(day, &parsed.leads, records, &gathered.reviewed, previous.as_ref())?;
    drop(previous);
    info!("{} recognised", count(people.people.height(), "person", "people"));
    timings.done("people were recognised");

    let marks = gathered.landing.marks()?;
    let verdicts =
        pipeline::verdicts(day, &parsed.leads, &people.identities, crm_records, &gathered.nights, &|named| {
            marks.of(named)
        })?;
    timings.done("verdicts were given");

    std::thread::scope(|scope| {
        // The largest tables are finished: a thread of its own writes them while the chain goes on.
        let writing = scope.spawn(|| publish::begun(day, &parsed, &people, &verdicts));
        let witnesses = gather::witnesses(&ready, &gathered)?;
        let (losses, doubts) = pipeline::losses(
            day,
            &parsed.leads,
            &verdicts,
            &witnesses,
            (&gathered.history, &history::isolated_shares(&gathered.history)?),
        )?;
        timings.done("outages and causes were found");

        let retracted = gathered.retractions.until(day.as_of);
        let readings = gathered.readings(day)?;
        let of_stages = [&parsed.findings, &people.findings, &verdicts.findings, &losses.findings];
        let findings = Findings {
            of_stages: of_stages.into_iter().flatten().cloned().collect(),
            of_reading: gathered.findings(day),
        };
        let (balance, conclusions) = rayon::join(
            || pipeline::balance(day, landed, &parsed, &verdicts, &losses, &retracted, &readings),
            || {
                let past = (&gathered.history, &gathered.nights);
                pipeline::conclude(day, &parsed, &verdicts, (&losses, &doubts), findings, &gathered.reviewed, past)
            },
        );
        let (balance, conclusions) = (balance?, conclusions?);
        let results = Results {
            parsed: &parsed,
            people: &people,
            verdicts: &verdicts,
            losses: &losses,
            conclusions: &conclusions,
            set_aside: &gathered.set_aside()?,
            readings: &readings,
            columns_read: &crate::tabular::columns_read(gathered.files().into_iter())?,
            history: &gathered.history,
            charges: &gathered.money.charges.lines,
            spend: &gathered.money.spend.lines,
        };
        let (tables, calls) =
            rayon::join(|| pipeline::tables(day, &ready.library, results), || publish::calls(day, results));
        let (tables, calls) = (tables?, calls?);
        timings.done("queries had run");
        let folder = writing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        publish::night(&ready, &gathered, (results, &calls), &balance, &tables, (folder, &mut timings))
    })
}
