//! `leadrecon close WHO --as OUTCOME`: settles a missed lead, or all of a person's by e-mail, notes a try, or reopens it.

use std::collections::BTreeSet;

use super::{Done, Globals};
use crate::codes::status;
use crate::error::{Error, Result, count};
use crate::io::{landing, last_run, publish, reviewed};
use crate::tables::{CrmRecords, MissedLeads, Readings};
use crate::tabular;
use crate::who::Who;
use crate::worked::{self, Entry, Outcome};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A lead id, or the e-mail of a person
    who: String,
    /// called, duplicate, junk, or in-crm:RECORD_ID (the CRM record that is this lead) settle it; no-answer and
    /// call-back:YYYY-MM-DD (the call list shows the person again then) do not; open reopens it
    #[arg(long = "as", value_name = "OUTCOME", value_parser = Outcome::parse)]
    outcome: Outcome,
    /// Free text, kept beside the outcome
    #[arg(long, default_value = "")]
    note: String,
    /// Show what would be settled, and settle nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args, globals: &Globals) -> Result<Done> {
    let config = globals.load()?;
    let missed = last_run::table::<MissedLeads>(&config.output.dir)?;
    let who = Who::new(&args.who);
    let (ids, emails, statuses) = (missed.texts("lead_id")?, missed.texts("email")?, missed.texts("status")?);
    let mut found: BTreeSet<&str> = BTreeSet::new();
    let mut settled = 0;
    for row in 0..missed.height() {
        let Some(id) = ids[row] else { continue };
        if who.is_lead(id) || who.is_email(emails[row]) {
            found.insert(id);
            settled += usize::from(statuses[row] == Some(status::CLOSED));
        }
    }
    if found.is_empty() {
        return Err(Error::usage("the last report has no missed lead of that id or e-mail")
            .hint("lead ids stand in missed_leads and in the last column of the call list"));
    }
    let outcome = match &args.outcome {
        Outcome::InCrm(typed) => Outcome::InCrm(record(typed, &config.output.dir)?),
        other => other.clone(),
    };
    let path = config.state_dir.join(worked::FILE);
    if args.dry_run {
        return Ok(told(&found, &outcome, settled, true, globals));
    }
    // Under the lock, so that a run reads the file before or after and two closings do not lose each other.
    let _lock = landing::lock(&config.state_dir, std::time::Duration::from_secs(10))?;
    let mut text = reviewed_text(&path)?;
    let entries =
        found.iter().map(|id| Entry { who: (*id).to_owned(), outcome: outcome.clone(), note: args.note.clone() });
    text = worked::append(&text, &entries.collect::<Vec<_>>())
        .map_err(|why| Error::usage("cannot add to the reviewed file").at(path.display()).because(why))?;
    publish::write_atomically(&path, text.as_bytes())?;
    Ok(told(&found, &outcome, settled, false, globals))
}

/// What is said of leads that were settled, or would be.
fn told(found: &BTreeSet<&str>, outcome: &Outcome, settled: usize, dry_run: bool, globals: &Globals) -> Done {
    if globals.json {
        let json = serde_json::json!({ "lead_ids": found, "outcome": outcome.to_string(), "dry_run": dry_run });
        return Done::ok(format!("{json}\n"));
    }
    let would = if dry_run { "would be " } else { "" };
    let done = if outcome.settles() { "settled" } else { "noted" };
    let mut output = format!("{} {would}{done} as {outcome}", count(found.len(), "missed lead", "missed leads"));
    if settled > 0 {
        output += &format!(" ({settled} had been settled before; the last word counts)");
    }
    Done::ok(output + "\n")
}

/// The text of the reviewed file, to which lines can be added: what a spreadsheet program saved in another encoding is
/// UTF-8 with a mark from then on, which such programs read.
fn reviewed_text(path: &std::path::Path) -> Result<String> {
    let bytes = reviewed::bytes(Some(path))?;
    let is_workbook = bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]);
    match if is_workbook { None } else { tabular::text_of(&bytes) } {
        Some(text) if std::str::from_utf8(&bytes).is_err() => Ok(format!("\u{feff}{text}")),
        Some(_) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        None => Err(Error::usage("nothing can be added to the reviewed file: it is no text")
            .at(path.display())
            .hint("write the outcome into the workbook itself, or name a .csv file under [missed] worked")),
    }
}

/// The id of a record in its CRM's long form: a slip would settle a lead that nobody has seen. One that was passed over as
/// a stranger's is looked for by the next run, which tells where no export holds it.
fn record(text: &str, out: &std::path::Path) -> Result<String> {
    let records = last_run::table::<CrmRecords>(out)?;
    let (ids, typed) = (records.texts("record_id")?, Who::new(text));
    let found = ids.into_iter().flatten().find(|id| typed.is_record(id));
    if found.is_none() && worked::looks_like_id(text.trim()) {
        let readings = last_run::table::<Readings>(out)?;
        if readings.frame().column("strangers")?.i64()?.iter().flatten().any(|passed| passed > 0) {
            return Ok(text.trim().to_owned());
        }
    }
    found.map(str::to_owned).ok_or_else(|| {
        Error::usage("the exports of the last report hold no CRM record of that id")
            .hint("copy the record's id from the CRM; is it newer than the export, close the lead after the next run")
    })
}
