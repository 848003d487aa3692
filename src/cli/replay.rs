//! `leadrecon replay DESTINATION`: missed leads as the destination's own import file, or posted to an endpoint.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::NaiveDate;

use super::{Done, Globals};
use crate::config::DestinationKind;
use crate::error::{Error, Result, Status, count};
use crate::io::{handout, landing, last_run, reviewed};
use crate::job::REPLAYED;
use crate::queries::as_of_ends_at;
use crate::replay::{self, HandOut, Selection, Tables};
use crate::tables::{CrmRecords, Findings, Leads, MissedLeads, Outages, People};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A destination of the configuration
    destination: String,
    /// Only leads that this outage lost
    #[arg(long, value_name = "ID")]
    outage: Option<String>,
    /// Only leads received on or after this day
    #[arg(long, value_name = "DATE")]
    since: Option<NaiveDate>,
    /// At most so many, most urgent first: try one first
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Although an outage goes on
    #[arg(long)]
    force: bool,
    /// Also leads that were handed out before
    #[arg(long)]
    again: bool,
    /// Kind https: post the bodies to `[destination.replay] url`; without it nothing leaves the machine
    #[arg(long, conflicts_with = "dry_run")]
    send: bool,
    /// Show how many leads would be handed out: no file is written and none counts as handed out
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args, globals: &Globals) -> Result<Done> {
    let config = globals.load()?;
    let destination = config.destination(&args.destination)?;
    let url = match (args.send, destination.kind, &destination.replay.url) {
        (false, ..) => None,
        (true, DestinationKind::Https, Some(url)) => Some(url.as_str()),
        (true, DestinationKind::Https, None) => {
            return Err(Error::usage(format!("destination \"{}\" has no address to post to", destination.name))
                .hint("set url under its [destination.replay]"));
        }
        (true, ..) => {
            return Err(Error::usage("--send posts to destinations of kind https only").hint(
                "the file that replay writes is imported with the CRM's own tool; README, \"Bringing leads back\"",
            ));
        }
    };
    let _lock = landing::lock(&config.state_dir, std::time::Duration::ZERO)?;
    let out = &config.output.dir;
    let missed = last_run::table::<MissedLeads>(out)?;
    let (leads, people) = (last_run::table::<Leads>(out)?, last_run::table::<People>(out)?);
    let (records, outages) = (last_run::table::<CrmRecords>(out)?, last_run::table::<Outages>(out)?);
    let findings = last_run::table::<Findings>(out)?;
    let day = last_run::day(out)?;
    let memory = config.state_dir.join(REPLAYED);
    let handed = replay::hand_out(
        Tables {
            missed_leads: &missed,
            leads: &leads,
            crm_records: &records,
            people: &people,
            outages: &outages,
            findings: &findings,
        },
        destination,
        &Selection {
            outage: args.outage.clone(),
            since: args.since.map(|day| as_of_ends_at(day.pred_opt().unwrap_or(day), config.report.timezone)),
            limit: args.limit,
            again: args.again,
            force: args.force,
            dnc_silences_person: config.privacy.dnc_silences_person,
        },
        &replay::memory(&reviewed::text(Some(&memory))?, None),
    )?;
    let now = crate::io::now();
    if let Some(url) = url {
        let headers: BTreeMap<_, _> = destination.replay.headers.clone();
        let posted = handout::post(url, &headers, &handed, |lead_id| {
            let line = replay::memory_lines(std::slice::from_ref(lead_id), &destination.name, now, day);
            handout::remember(&memory, replay::MEMORY_HEADER, &line)
        })?;
        let status = if posted.refused.is_empty() { Status::Done } else { Status::Partial };
        if globals.json {
            let refused: BTreeMap<_, _> = posted.refused.iter().map(|(id, why)| (id, why)).collect();
            let json = serde_json::json!({
                "destination": destination.name, "lead_ids": posted.accepted, "refused": refused,
                "to_fix": handed.to_fix, "before": handed.before, "silenced": handed.suppressed, "dry_run": false,
            });
            return Ok(Done { output: format!("{json}\n").into(), status });
        }
        let mut output = format!("{} posted", count(posted.accepted.len(), "lead", "leads"));
        for (lead_id, why) in &posted.refused {
            output += &format!("\nlead {lead_id} was refused: {why}");
        }
        let fix = handout::write_fix(&out.join("replay"), &format!("{}-{day}", destination.name), &handed)?;
        return Ok(Done { output: told(&handed, fix.as_deref(), output).into(), status });
    }
    if args.dry_run {
        return Ok(shown(&handed, &destination.name, globals));
    }
    let written = handout::write(&out.join("replay"), &format!("{}-{day}", destination.name), &handed)?;
    // Bodies for an endpoint are only shown: they count as handed out when they are posted.
    let dry = destination.kind == DestinationKind::Https;
    if !dry && !handed.lead_ids.is_empty() {
        let lines = replay::memory_lines(&handed.lead_ids, &destination.name, now, day);
        handout::remember(&memory, replay::MEMORY_HEADER, &lines)?;
    }
    if globals.json {
        let json = serde_json::json!({
            "destination": destination.name, "lead_ids": handed.lead_ids, "file": written.file, "fix": written.fix,
            "to_fix": handed.to_fix, "before": handed.before, "silenced": handed.suppressed, "dry_run": dry,
            "notes": handed.notes,
        });
        return Ok(Done::ok(format!("{json}\n")));
    }
    let mut output = match &written.file {
        Some(path) => format!("{} in {}", count(handed.lead_ids.len(), "lead", "leads"), path.display()),
        None => format!("no lead to hand out to \"{}\"", destination.name),
    };
    if dry && written.file.is_some() {
        output += "\nnothing was posted: --send does";
    }
    Ok(Done::ok(told(&handed, written.fix.as_deref(), output)))
}

/// What would be handed out.
fn shown(handed: &HandOut, destination: &str, globals: &Globals) -> Done {
    if globals.json {
        let json = serde_json::json!({
            "destination": destination, "lead_ids": handed.lead_ids, "file": null, "fix": null,
            "to_fix": handed.to_fix, "before": handed.before, "silenced": handed.suppressed, "dry_run": true,
            "notes": handed.notes,
        });
        return Done::ok(format!("{json}\n"));
    }
    let would = count(handed.lead_ids.len(), "lead", "leads");
    Done::ok(told(handed, None, format!("{would} would be handed out to \"{destination}\"; nothing was")))
}

/// What else is to be said of a hand-out.
fn told(handed: &HandOut, fix: Option<&Path>, mut output: String) -> String {
    if let Some(path) = fix {
        output += &format!(
            "\n{} would be refused again; the cells are named in {}",
            count(handed.to_fix, "lead", "leads"),
            path.display()
        );
    }
    for note in &handed.notes {
        output += &format!("\nnote: {note}");
    }
    if handed.before > 0 {
        output += &format!("\n{} handed out before: --again repeats", count(handed.before, "lead was", "leads were"));
    }
    if handed.suppressed > 0 {
        output +=
            &format!("\n{} left out: opted out or not to be contacted", count(handed.suppressed, "lead", "leads"));
    }
    output + "\n"
}

impl handout::Content for HandOut {
    fn file(&self) -> &[u8] {
        &self.file
    }

    fn fix(&self) -> &[u8] {
        &self.fix
    }

    fn ending(&self) -> &str {
        self.ending
    }

    fn bodies(&self) -> Vec<(&String, &[u8])> {
        self.lead_ids.iter().zip(self.file.split(|b| *b == b'\n')).collect()
    }
}
