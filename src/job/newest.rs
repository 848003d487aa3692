//! The day that files speak of: that of the newest lead or record in them, for a report on files that somebody was given.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::config::Config;
use crate::cost;
use crate::crm;
use crate::error::{Error, Result};
use crate::io::azure::Cloud;
use crate::io::exports;
use crate::io::fetch;
use crate::io::landing::Landing;
use crate::job::gather;
use crate::leads;
use crate::tabular::{Export, ReadFile};

/// What sources and exports hold, read as a run reads them.
#[derive(Debug, Default)]
pub struct Newest {
    /// The day of the newest lead or record, in the report's time zone; none where nothing has a time.
    pub day: Option<NaiveDate>,
    /// Raw leads that were read, and that were refused.
    pub leads: usize,
    /// See `leads`.
    pub refused: usize,
    /// When the first and the last lead was received.
    pub received: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// What was read of each export, and of each cost file.
    pub files: Vec<ReadFile>,
    /// What could not be read.
    pub problems: Vec<Error>,
}

/// Lands what the sources hold and reads the exports. Times to come are no times of what happened.
///
/// # Errors
/// As a run's reading.
pub fn newest(config: &Config, now: DateTime<Utc>) -> Result<Newest> {
    let mut newest = Newest::default();
    // No place on earth is further ahead.
    let latest = now + TimeDelta::hours(14);
    let leads = received(config, now, latest, &mut newest)?;
    let keep_out = [config.state_dir.clone(), config.output.dir.clone()];
    let mut gather = |patterns: &[String]| -> Vec<Export> {
        let gathered = exports::gather(patterns, Cloud::default(), &config.base, &keep_out);
        newest.problems.extend(gathered.problems);
        gathered.exports
    };
    let exports: Vec<_> = config.destinations.iter().map(|d| (d, gather(&d.export))).collect();
    let (azure, spend) = (gather(&config.cost.azure), gather(&config.cost.spend));
    let mut last = leads;
    for (destination, exports) in exports {
        let read = crm::read(exports, destination, &polars::prelude::DataFrame::empty(), crm::Keep::All)?;
        for name in ["created_at", "modified_at"] {
            let times = read.rows.column(name)?.cast(&polars::prelude::DataType::Int64)?;
            let times = times.i64()?.iter().flatten();
            last = last.max(times.filter(|at| *at <= latest.timestamp_micros()).max());
        }
        newest.files.extend(read.files);
        newest.problems.extend(read.problems);
    }
    let (charges, spend) = (cost::charges(azure, &config.cost)?, cost::spend(spend, &config.cost)?);
    newest.files.extend(charges.files.into_iter().chain(spend.files));
    newest.problems.extend(charges.problems.into_iter().chain(spend.problems));
    let at = last.and_then(DateTime::<Utc>::from_timestamp_micros);
    newest.day = at.map(|at| at.with_timezone(&config.report.timezone).date_naive());
    Ok(newest)
}

/// Lands the raw leads, and tells when the newest was received.
fn received(config: &Config, now: DateTime<Utc>, latest: DateTime<Utc>, told: &mut Newest) -> Result<Option<i64>> {
    let mut landing = Landing::open(&config.state_dir, Duration::ZERO)?;
    let how = fetch::Options {
        base: &config.base,
        keep_out: vec![config.state_dir.clone(), config.output.dir.clone()],
        rescan: false,
        progress: false,
    };
    let fetched = fetch::fetch(&config.sources, &mut landing, now, &how)?;
    told.problems.extend(fetched.sources.into_iter().filter_map(|source| source.error));
    let settings = leads::Settings {
        as_of_ends_at: latest,
        stages: &config.stages,
        offers: &config.offers,
        exclude: &config.exclude,
    };
    // What is read here is kept for the run that follows.
    let (_, parsed) = gather::read_leads(&landing, &settings, &config.state_dir)?;
    (told.leads, told.refused) = (parsed.leads.height(), parsed.quarantine.height());
    let times = parsed.leads.instants("received_at")?;
    let (first, last) = (times.iter().flatten().min().copied(), times.iter().flatten().max().copied());
    let instant = |micros: Option<i64>| micros.and_then(DateTime::<Utc>::from_timestamp_micros);
    told.received = instant(first).zip(instant(last));
    Ok(last)
}
