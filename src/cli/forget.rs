//! `leadrecon forget WHO`: erases a person from the landing and everything published, and proves it.

use chrono::{DateTime, NaiveDate, Utc};

use super::{Done, Globals};
use crate::error::{Error, Result, count};
use crate::io::landing::Landing;
use crate::io::{forgetting, last_run, reviewed, state};
use crate::job::{CRM_RECORDS, WITNESSES};
use crate::tables::CrmRecords;
use crate::{crm, forget, leads};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// An e-mail, a lead id or a row key
    who: String,
}

pub(super) fn run(args: &Args, globals: &Globals) -> Result<Done> {
    let config = globals.load()?;
    let mut landing = Landing::open(&config.state_dir, std::time::Duration::from_secs(10))?;
    let settings = leads::Settings {
        // Also what came after the last report.
        as_of_ends_at: DateTime::<Utc>::MAX_UTC,
        stages: &config.stages,
        offers: &config.offers,
        exclude: &config.exclude,
    };
    let mut reader = leads::Reader::new(&settings);
    landing.each_part(|part| reader.take(&part))?;
    let parsed = reader.finish()?;
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
    let versions = (landing.versions(&CRM_RECORDS)?, landing.versions(&WITNESSES)?);
    let mut plan = forget::find(
        args.who.trim(),
        &forget::Known {
            leads: &parsed.leads,
            quarantine: &parsed.quarantine,
            identities: identities.as_ref(),
            versions: &[&versions.0, &versions.1],
            given: &given,
        },
    )?;
    drop(versions);
    if let Some(unfinished) = forgetting::pending(&config.state_dir)? {
        plan.join(unfinished);
    }
    if plan.is_empty() {
        return Err(Error::usage("nobody of that e-mail, lead id or key is stored")
            .hint("who was forgotten before cannot be found any more"));
    }
    let leads = plan.leads.values().map(std::collections::BTreeSet::len).sum();
    let records = plan.records.values().map(std::collections::BTreeSet::len).sum();
    let places = forgetting::Places {
        state: &config.state_dir,
        out: &config.output.dir,
        records: &[CRM_RECORDS, WITNESSES],
        keep: crm::NOT_PERSONAL,
    };
    let addresses = plan.addresses.clone();
    let carried = forgetting::carry_out(&plan, &places, &mut landing)?;
    let (payloads, cells) = forgetting::remaining(&addresses, &places, &landing)?;
    // The user's own files are theirs to edit; the one that `close` keeps in the state folder is ours.
    let globs: Vec<String> = config.missed.worked.iter().chain(&config.identity.decisions).cloned().collect();
    let keep_out = [config.state_dir.clone(), config.output.dir.clone()];
    let theirs = forgetting::naming(reviewed::files(&globs, &config.base, &keep_out), &plan);
    if payloads + cells > 0 {
        return Err(Error::failed(format!(
            "{} and {} still hold an address of the person",
            count(payloads, "stored payload", "stored payloads"),
            count(cells, "cell of landed records or reports", "cells of landed records or reports")
        ))
        .hint("another lead or record names the address; `leadrecon query` finds it in the tables"));
    }
    if globals.json {
        let json = serde_json::json!({ "leads": leads, "records": records, "erased": carried, "remaining": 0, "left_in": theirs });
        return Ok(Done::ok(format!("{json}\n")));
    }
    Ok(Done::ok(format!(
        "forgotten: {} ({} in the landing) and {} ({})\nwritten again: {}; taken away: {}, made again by the next run\n\
         proof: no stored payload, no landed record and no cell of a published table holds one of {}\n\
         left to you: the lead in the marketplace's own store, the person in the CRM and its exports{}\n",
        count(leads, "raw lead", "raw leads"),
        count(carried.raw_rows, "row", "rows"),
        count(records, "CRM record", "CRM records"),
        count(carried.record_versions, "version", "versions"),
        count(carried.tables, "table", "tables"),
        count(carried.files_removed, "file that showed people", "files that showed people"),
        count(addresses.len(), "address of theirs", "addresses of theirs"),
        if theirs.is_empty() { String::new() } else { format!(", and lines of {}", theirs.join(", ")) },
    )))
}
