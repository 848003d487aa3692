//! The day that files speak of: that of the newest lead or record in them, for a report on files that somebody was given.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::config::Config;
use crate::error::Result;
use crate::io::fetch;
use crate::io::landing::Landing;
use crate::job::exports::Offers;
use crate::job::gather::{self, Ahead};
use crate::leads::{self, Parsed};

/// What sources and exports hold, read as far as a run on them reads them.
pub struct Newest<'a> {
    /// The day of the newest lead or record, in the report's time zone; none where nothing has a time.
    pub day: Option<NaiveDate>,
    /// The raw leads.
    pub received: Received,
    /// The leads and the exports, for the run.
    pub ahead: Ahead<'a>,
    /// Why something could not be read, the first of several.
    pub problem: Option<String>,
}

/// What raw leads were landed.
#[derive(Debug, Default)]
pub struct Received {
    /// How many were read.
    pub leads: usize,
    /// How many were refused.
    pub refused: usize,
    /// When the first and the last of them was received.
    pub between: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

/// Lands what the sources hold and opens the exports. Times to come are no times of what happened.
///
/// # Errors
/// As a run's reading.
pub fn newest(config: &Config, now: DateTime<Utc>) -> Result<Newest<'_>> {
    // No place on earth is further ahead.
    let latest = now + TimeDelta::hours(14);
    let (received, offers) = rayon::join(|| received(config, now, latest), || Offers::of(config, false));
    let ((received, leads, problem), mut offers) = (received?, offers?);
    let of_leads = received.between.map(|(_, last)| last.timestamp_micros());
    let last = of_leads.max(offers.newest(latest.timestamp_micros())?);
    let at = last.and_then(DateTime::<Utc>::from_timestamp_micros);
    let problem = problem.or_else(|| offers.problems().next().map(|error| error.what().to_owned()));
    let day = at.map(|at| at.with_timezone(&config.report.timezone).date_naive());
    Ok(Newest { day, received, ahead: Ahead { leads, offers }, problem })
}

/// Lands the raw leads and reads them, and says why some could not be had.
fn received(
    config: &Config,
    now: DateTime<Utc>,
    latest: DateTime<Utc>,
) -> Result<(Received, (usize, Parsed), Option<String>)> {
    let mut landing = Landing::open(&config.state_dir, Duration::ZERO)?;
    let how = fetch::Options {
        base: &config.base,
        keep_out: vec![config.state_dir.clone(), config.output.dir.clone()],
        rescan: false,
        progress: false,
    };
    let fetched = fetch::fetch(&config.sources, &mut landing, now, &how)?;
    let problem = fetched.sources.iter().find_map(|source| Some(source.error.as_ref()?.what().to_owned()));
    let settings = leads::Settings {
        as_of_ends_at: latest,
        stages: &config.stages,
        offers: &config.offers,
        exclude: &config.exclude,
    };
    let (landed, parsed) = gather::read_leads(&landing, &settings, &config.state_dir)?;
    let times = parsed.leads.instants("received_at")?;
    let (first, last) = (times.iter().flatten().min().copied(), times.iter().flatten().max().copied());
    let instant = |micros: Option<i64>| micros.and_then(DateTime::<Utc>::from_timestamp_micros);
    let between = instant(first).zip(instant(last));
    let received = Received { leads: parsed.leads.height(), refused: parsed.quarantine.height(), between };
    Ok((received, (landed, parsed), problem))
}
