//! Everything that can be wrong without data: found out before the first fetch.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::config::Config;
use crate::error::{Error, Result};
use crate::io::exports::Input;
use crate::io::reviewed::{self, Brought, Network, Reach};
use crate::io::state;
use crate::pipeline::Day;
use crate::queries::Library;
use crate::report::Templates;

/// How to run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The day of the report; today in the report's time zone if none.
    pub as_of: Option<NaiveDate>,
    /// Fetch nothing: no source and nothing from the network.
    pub offline: bool,
    /// Read every source whole.
    pub rescan: bool,
    /// How long to wait for another run.
    pub wait: Duration,
    /// Shows progress bars.
    pub progress: bool,
}

/// What a run needs that depends on no lead.
pub(super) struct Ready<'a> {
    pub(super) day: Day<'a>,
    /// The clock's day in the report's time zone, from which retention counts.
    pub(super) today: NaiveDate,
    /// When the run began.
    pub(super) now: DateTime<Utc>,
    pub(super) library: Library,
    pub(super) templates: Templates,
    /// Own queries and templates that stand elsewhere, with what was read last of those that could not be had.
    pub(super) brought: Brought,
    /// Those that were read tonight, for the manifest.
    pub(super) inputs: Vec<Input>,
    /// Why others were not.
    pub(super) missing: Vec<Error>,
}

/// Makes a run ready.
///
/// # Errors
/// Exit 2 for a query or template that cannot work, and for a day that has not begun.
pub(super) fn prepare<'a>(config: &'a Config, options: &Options, now: DateTime<Utc>) -> Result<Ready<'a>> {
    let today = now.with_timezone(&config.report.timezone).date_naive();
    let as_of = options.as_of.unwrap_or(today);
    begun(as_of, now)?;
    let network = if options.offline { Network::Offline } else { Network::Asked };
    let Own { library, templates, brought, inputs, missing } = queries_and_templates(config, network)?;
    Ok(Ready { day: Day::new(config, as_of), today, now, library, templates, brought, inputs, missing })
}

/// Hours by which the first place on earth to begin a day is ahead of UTC.
const EARLIEST_ZONE: i64 = 14;

/// Refuses a day that has begun nowhere on earth: nothing can be known of it, and its report would stand before every
/// later one as the latest.
fn begun(as_of: NaiveDate, now: DateTime<Utc>) -> Result<()> {
    let newest = (now + TimeDelta::hours(EARLIEST_ZONE)).date_naive();
    if as_of <= newest {
        return Ok(());
    }
    Err(Error::usage(format!("{as_of} has begun nowhere on earth yet"))
        .at("--as-of")
        .hint(format!("name a day up to {newest}, or leave --as-of away for today")))
}

/// The queries and templates of a run, ours and the user's.
pub struct Own {
    /// Queries.
    pub library: Library,
    /// Templates.
    pub templates: Templates,
    /// Those of them that stand elsewhere, with what was read last of those that could not be had; nothing of users.
    pub brought: Brought,
    /// Those elsewhere that were read, for the manifest.
    pub inputs: Vec<Input>,
    /// Why others were not (exit 3).
    pub missing: Vec<Error>,
}

/// The queries and templates of a run. Where one is the user's, all are tried on no rows, so that a fault is told before
/// any work. One elsewhere that cannot be had costs itself.
///
/// # Errors
/// Exit 2 for a query or template that cannot work.
pub fn queries_and_templates(config: &Config, network: Network) -> Result<Own> {
    let (reach, last) = (Reach::of(config, network), state::kept::<Brought>(&config.state_dir, state::BROUGHT)?);
    let queries = reviewed::overrides(&config.output.queries, "sql", reach, &last.queries)?;
    let templates = reviewed::overrides(&config.output.templates, "", reach, &last.templates)?;
    let library = Library::new(&queries.texts)?;
    let ours_alone = queries.texts.is_empty() && templates.texts.is_empty();
    Ok(Own {
        templates: Templates::new(&templates.texts, if ours_alone { None } else { Some(library.empty()?) })?,
        library,
        brought: Brought { queries: queries.brought, templates: templates.brought, users: BTreeMap::new() },
        inputs: queries.inputs.into_iter().chain(templates.inputs).collect(),
        missing: queries.problems.into_iter().chain(templates.problems).collect(),
    })
}
