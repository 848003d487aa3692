//! All that is stored of one person: what `forget` erases and `explain --all` shows.

use chrono::{DateTime, NaiveDate, Utc};
use polars::prelude::*;

use crate::config::Config;
use crate::error::Result;
use crate::forget::{self, Plan};
use crate::io::landing::Landing;
use crate::io::{last_run, state};
use crate::job::{CRM_RECORDS, WITNESSES};
use crate::leads::{self, Parsed};
use crate::tables::CrmRecords;

/// What is known.
pub(super) struct Person {
    /// Its leads, records and addresses.
    pub(super) plan: Plan,
    /// All raw leads, read.
    pub(super) parsed: Parsed,
    /// Every landed version of every record, of CRMs and of witnesses.
    pub(super) versions: [DataFrame; 2],
}

/// All raw leads that are landed, read, whenever they were received.
///
/// # Errors
/// When the landing cannot be read (exit 4).
pub(super) fn parsed(config: &Config, landing: &Landing) -> Result<Parsed> {
    let settings = leads::Settings {
        as_of_ends_at: DateTime::<Utc>::MAX_UTC,
        stages: &config.stages,
        offers: &config.offers,
        exclude: &config.exclude,
    };
    let mut reader = leads::Reader::new(&settings);
    landing.each_part(|part| reader.take(&part))?;
    reader.finish()
}

/// Looks for a person in everything that is landed, also in what came after the last report.
///
/// # Errors
/// When the state cannot be read (exit 4).
pub(super) fn known(who: &str, config: &Config, landing: &Landing) -> Result<Person> {
    let parsed = parsed(config, landing)?;
    let identities = state::identities_before(&config.state_dir, NaiveDate::MAX)?;
    let given = match last_run::table::<CrmRecords>(&config.output.dir) {
        Ok(records) => {
            let columns = (records.texts("destination")?, records.texts("record_id")?, records.texts("person_id")?);
            let rows = columns.0.into_iter().zip(columns.1).zip(columns.2);
            rows.filter_map(|((d, r), p)| Some((d?.to_owned(), r?.to_owned(), p?.to_owned()))).collect()
        }
        // Nothing was reported yet.
        Err(_) => Vec::new(),
    };
    let versions = [landing.versions(&CRM_RECORDS)?, landing.versions(&WITNESSES)?];
    let plan = forget::find(
        who.trim(),
        &forget::Known {
            leads: &parsed.leads,
            quarantine: &parsed.quarantine,
            identities: identities.as_ref(),
            versions: &[&versions[0], &versions[1]],
            given: &given,
        },
    )?;
    Ok(Person { plan, parsed, versions })
}
