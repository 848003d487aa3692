//! `leadrecon retract NAME`: takes out of the landing what should never have been landed, such as a report of the CRM that
//! was read as raw leads.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use chrono::NaiveDate;

use super::{Done, Globals, person};
use crate::config::{Config, Pattern};
use crate::contact::normalised_email;
use crate::error::{Error, Result, count};
use crate::io::forgetting;
use crate::io::landing::Landing;
use crate::io::retracting::{self, Found, Selection};
use crate::job::{CRM_RECORDS, READINGS, WITNESSES};
use crate::{crm, place};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A source, destination or witness: configured, or one that was
    name: String,
    /// Only what was found in files or blobs of this name; * any characters, ? one
    #[arg(long, value_name = "GLOB")]
    object: Option<String>,
    /// Only what was landed on this day, UTC
    #[arg(long, value_name = "DATE")]
    landed_on: Option<NaiveDate>,
    /// Do it; without it, it is shown and nothing is done
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    /// Show what would be done, which is the default
    #[arg(long)]
    dry_run: bool,
}

/// Objects that are named one by one.
const NAMED: usize = 20;

pub(super) fn run(args: &Args, globals: &Globals) -> Result<Done> {
    let config = globals.load()?;
    let mut landing = Landing::open(&config.state_dir, Duration::from_secs(10))?;
    if forgetting::pending(&config.state_dir)?.is_some() {
        return Err(Error::usage("an earlier forget or retract was interrupted")
            .hint("`leadrecon run` finishes it; then ask again"));
    }
    let selection =
        Selection { object: args.object.as_deref().map(Pattern::new).transpose()?, landed_on: args.landed_on };
    let (mut found, may_go) = find(&mut landing, &config, &args.name, &selection)?;
    if !found.plan.ids.is_empty() {
        found.plan.addresses = addresses(&config, &landing, &found.plan.ids)?;
    }
    if found.rows() == 0 {
        return Err(Error::usage(format!("nothing of \"{}\" that fits is landed", args.name))
            .hint("leave --object and --landed-on away to see all that is; what was forgotten is not counted"));
    }
    let blocked = if args.yes { may_go.map(|()| None)? } else { may_go.err() };
    if args.yes {
        let places = forgetting::Places {
            state: &config.state_dir,
            out: &config.output.dir,
            records: &[CRM_RECORDS, WITNESSES],
            keep: crm::NOT_PERSONAL,
        };
        forgetting::carry_out(&found.plan, &places, &mut landing)?;
    }
    Ok(Done::ok(if globals.json { as_json(args, &found) } else { as_text(args, &found, blocked.as_ref()) }))
}

/// The addresses of leads that go. What was said of one that other leads have, too, was said of them as well.
fn addresses(config: &Config, landing: &Landing, ids: &BTreeSet<String>) -> Result<BTreeSet<String>> {
    let parsed = person::parsed(config, landing)?;
    let leads = parsed.leads.texts("lead_id")?.into_iter().zip(parsed.leads.texts("email")?);
    let known = leads.filter_map(|(id, email)| Some((id?, normalised_email(email?)?)));
    let (gone, kept): (Vec<_>, Vec<_>) = known.partition(|(id, _)| ids.contains(*id));
    let kept: BTreeSet<String> = kept.into_iter().map(|(_, email)| email).collect();
    Ok(gone.into_iter().map(|(_, email)| email).filter(|email| !kept.contains(email)).collect())
}

/// What fits, and whether it may go: nothing may bring it again.
fn find(landing: &mut Landing, config: &Config, name: &str, selection: &Selection) -> Result<(Found, Result<()>)> {
    let today = crate::io::now().date_naive();
    let destination = config.destinations.iter().find(|d| d.name == name).map(|d| (d, CRM_RECORDS));
    let witness = config.witnesses.iter().find(|w| w.name == name).map(|w| (w, WITNESSES));
    let source = config.sources.iter().find(|source| source.name == name);
    if let (None, Some((destination, records))) = (source, destination.or(witness)) {
        let found = retracting::of_records(landing, (&records, &READINGS), name, selection, today)?;
        let may_go = found.is_not_shown_by(destination, config);
        return Ok((found, may_go));
    }
    if let Some(source) = source {
        let found = retracting::of_source(landing, config, name, selection, today)?;
        let may_go = found.is_not_brought_by(source, config);
        return Ok((found, may_go));
    }
    // One that is configured no longer.
    if landing.rows_by_source()?.contains_key(name) {
        return Ok((retracting::of_source(landing, config, name, selection, today)?, Ok(())));
    }
    for records in [CRM_RECORDS, WITNESSES] {
        let found = retracting::of_records(landing, (&records, &READINGS), name, selection, today)?;
        if found.rows() > 0 {
            return Ok((found, Ok(())));
        }
    }
    Err(Error::usage(format!("\"{name}\" is no source, destination or witness"))
        .hint("give the name of a [[source]], [[destination]] or [[witness]] of the configuration, or one that it had"))
}

fn as_text(args: &Args, found: &Found, blocked: Option<&Error>) -> String {
    let is_source = found.plan.retracted.iter().any(|one| one.is_source);
    let what =
        if is_source { count(found.gone, "raw lead", "raw leads") } else { count(found.gone, "record", "records") };
    let rows = count(found.rows(), "row", "rows");
    let verb = if args.yes { "taken out" } else { "would be taken out" };
    let mut text = format!("{what} of \"{}\" {verb} of the landing ({rows})\n", args.name);
    for (object, rows) in found.objects.iter().take(NAMED) {
        let _ = writeln!(text, "  {}: {}", place::object(object), count(*rows, "row", "rows"));
    }
    if found.objects.len() > NAMED {
        let _ = writeln!(text, "  and {}", count(found.objects.len() - NAMED, "object more", "objects more"));
    }
    match blocked {
        Some(why) => {
            let _ = writeln!(text, "nothing was done, nor can be yet: {}", why.what());
        }
        None if args.yes => text += "the next report tells it; what the source still holds may be landed again\n",
        None => text += "nothing was done: --yes does it\n",
    }
    text
}

fn as_json(args: &Args, found: &Found) -> String {
    let objects: Vec<_> = found
        .objects
        .iter()
        .map(|(object, rows)| serde_json::json!({ "object": place::object(object), "rows": rows }))
        .collect();
    let json = serde_json::json!({
        "name": args.name, "gone": found.gone, "rows": found.rows(), "objects": objects, "done": args.yes,
    });
    format!("{json}\n")
}
