//! `leadrecon run`: the nightly job.

use chrono::NaiveDate;
use tracing::warn;

use super::{Done, Globals};
use crate::codes::level;
use crate::config::parse_span;
use crate::error::{Result, Status};
use crate::job;
use crate::report::metrics;

/// Lines of help are the doc comments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Report as of the end of this day, in the report's time zone; default: today
    #[arg(long, value_name = "DATE")]
    as_of: Option<NaiveDate>,
    /// Fetch nothing: report on what is landed and on the exports as they are
    #[arg(long)]
    offline: bool,
    /// Read every source whole, whatever the watermarks say
    #[arg(long, conflicts_with = "offline")]
    rescan: bool,
    /// Exit 1 when there is a finding of one of these levels: page, mail, list
    #[arg(long, value_name = "LEVEL", value_delimiter = ',', value_parser = level::ALL)]
    fail_on: Vec<String>,
    /// Wait this long for another run to end, e.g. 10m
    #[arg(long, value_name = "DURATION", value_parser = parse_span)]
    wait: Option<chrono::TimeDelta>,
}

pub(super) fn run(args: &Args, globals: &Globals) -> Result<Done> {
    let config = globals.load()?;
    let options = job::Options {
        as_of: args.as_of,
        offline: args.offline,
        rescan: args.rescan,
        progress: globals.shows_progress(),
        wait: args.wait.and_then(|w| w.to_std().ok()).unwrap_or_default(),
    };
    let begun = crate::io::now();
    let report = job::run(&config, &options, begun);
    let status = status_of(&report, &args.fail_on);
    // Whoever holds the lock writes the metrics.
    if status != Status::Locked {
        let ended_at = crate::io::now();
        let seconds = (ended_at - begun).as_seconds_f64();
        let ran = metrics::Ran { status, ended_at, seconds };
        let kept = job::keep_metrics(&config, &ran, report.as_ref().ok().map(|done| done.measured.as_str()));
        match (&report, kept) {
            (Ok(_), kept) => kept?,
            (Err(_), Err(error)) => warn!("{error}"),
            (Err(_), Ok(())) => {}
        }
    }
    let report = report?;
    let output = if globals.json { format!("{}\n", report.summary_json) } else { report.summary_text };
    Ok(Done { output: output.into(), status })
}

fn status_of(report: &Result<job::Done>, fail_on: &[String]) -> Status {
    match report {
        Err(error) => error.status(),
        Ok(done) if done.levels.iter().any(|l| fail_on.iter().any(|f| f == l)) => Status::Findings,
        Ok(done) if done.incomplete => Status::Partial,
        Ok(_) => Status::Done,
    }
}
