//! `leadrecon explain`: one lead, what became of it, who it is and why.

use super::{Done, Globals, held};
use crate::error::{Error, Result, count};
use crate::explain;
use crate::explain::verdict::{self, Published};
use crate::identity::{self, Explainer};
use crate::io::{last_run, state};
use crate::reconcile::Expected;
use crate::reviewed::Memory;
use crate::who;

/// Lines of help are the doc comments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A lead id, row key, id of a CRM record, or e-mail
    #[arg(value_name = "WHO")]
    who: String,
    /// With --json: everything that is held on the person, payloads, versions, closings and files
    #[arg(long)]
    all: bool,
}

pub(super) fn run(args: &Args, globals: &Globals) -> Result<Done> {
    if args.all {
        if !globals.json {
            return Err(Error::usage("--all gives one JSON document").hint("add --json"));
        }
        return held::all(&args.who, globals);
    }
    let config = globals.load()?;
    let out = &config.output.dir;
    let (leads, identities, records) = (last_run::table(out)?, last_run::table(out)?, last_run::table(out)?);
    let (reconciliation, unexplained, missed) = (last_run::table(out)?, last_run::table(out)?, last_run::table(out)?);
    let (outages, causes, findings) = (last_run::table(out)?, last_run::table(out)?, last_run::table(out)?);
    let coverage = last_run::table(out)?;
    // The tables end with the run's as-of day.
    let end = chrono::DateTime::<chrono::Utc>::MAX_UTC;
    let expected = Expected::new(&leads, &identities, &config.destinations, &config.offers, end)?;
    let published = Published {
        expected: &expected,
        coverage: &coverage,
        leads: &leads,
        reconciliation: &reconciliation,
        records: &records,
        unexplained: &unexplained,
        missed: &missed,
        outages: &outages,
        causes: &causes,
        findings: &findings,
    };
    // A record is asked about for the lead that it accounts for, not for any lead of the same person.
    let mut rows = verdict::rows_of_record(&args.who, &leads, &reconciliation)?;
    let mut lonely = None;
    if rows.is_empty() {
        lonely = verdict::record(&args.who, &published, config.report.timezone)?;
        rows = who::rows_of(&args.who, &leads, &identities, &records)?;
        if let (Some(text), true) = (&lonely, rows.is_empty()) {
            let json = serde_json::json!({ "record": text.trim_end() });
            return Ok(Done::ok(if globals.json { format!("{json:#}\n") } else { text.clone() }));
        }
    }
    let Some(&row) = rows.first() else {
        return Err(Error::usage("no lead of the last run goes by that")
            .hint("give a lead id, a row key, the id of a CRM record, or an e-mail as it was typed"));
    };
    // As the last run read them.
    let decided: Memory<identity::Decided> = state::kept(&config.state_dir, state::DECISIONS)?;
    let decisions = identity::holding(decided.all().iter().map(|said| &said.what));
    let explainer = Explainer::new(&leads, &decisions, config.identity.threshold, None)?;
    let person = explain::person(row, &leads, &identities, &explainer)?;
    let fate = verdict::fate(row, &published)?;
    if globals.json {
        let all = serde_json::json!({ "record": lonely, "fate": fate, "person": person });
        let json = serde_json::to_string_pretty(&all).unwrap_or_default();
        return Ok(Done::ok(format!("{json}\n")));
    }
    let mut text = lonely.map_or_else(String::new, |text| text + "\n");
    text += &format!("{}\n{}", fate.text(config.report.timezone), person.text());
    if rows.len() > 1 && person.leads.len() < rows.len() {
        let others = count(rows.len() - 1, "other lead goes", "other leads go");
        text.push_str(&format!("\n{others} by the same; ask by lead id for one of them\n"));
    }
    Ok(Done::ok(text))
}
