//! `leadrecon run`: the nightly job.

use chrono::NaiveDate;

use super::{Done, Globals};
use crate::codes::level;
use crate::config::parse_span;
use crate::error::{Result, Status};
use crate::job;

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
    let report = job::run(&config, &options, crate::io::now())?;
    let output = if globals.json { format!("{}\n", report.summary_json) } else { report.summary_text };
    let status = if report.levels.iter().any(|l| args.fail_on.iter().any(|f| f == l)) {
        Status::Findings
    } else if report.incomplete {
        Status::Partial
    } else {
        Status::Done
    };
    Ok(Done { output, status })
}
