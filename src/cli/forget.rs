//! `leadrecon forget WHO`: erases a person from the landing and everything published, and proves it.

use std::io::IsTerminal;

use super::{Done, Globals, person};
use crate::crm;
use crate::error::{Error, Result, count};
use crate::io::landing::Landing;
use crate::io::{forgetting, outlet, reviewed};
use crate::job::{CRM_RECORDS, WITNESSES};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// An e-mail, a lead id or a row key
    who: String,
    /// Do it without asking: needed where nobody can be asked
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    /// Show what would be erased, and erase nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args, globals: &Globals) -> Result<Done> {
    let config = globals.load()?;
    let mut landing = Landing::open(&config.state_dir, std::time::Duration::from_secs(10))?;
    let mut plan = person::known(&args.who, &config, &landing)?.plan;
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
    let what = format!("{} and {}", count(leads, "raw lead", "raw leads"), count(records, "CRM record", "CRM records"));
    if args.dry_run {
        return Ok(shown(&what, (leads, records), globals));
    }
    if !args.yes && !agreed(&what)? {
        return Ok(Done::ok("nothing was erased\n"));
    }
    let addresses = plan.addresses.clone();
    let carried = forgetting::carry_out(&plan, &places, &mut landing)?;
    let remaining = forgetting::remaining(&addresses, &places, &landing)?;
    // The user's own files are theirs to edit; the one that `close` keeps in the state folder is ours.
    let theirs = forgetting::naming(reviewed::naming_people(&config), &plan);
    if let Some(still) = remaining.told() {
        return Err(Error::failed(format!("{still} an address of the person"))
            .hint("another lead or record names the address; `leadrecon query` finds it in the tables"));
    }
    if globals.json {
        let json = serde_json::json!({ "leads": leads, "records": records, "erased": carried, "remaining": 0, "left_in": theirs });
        return Ok(Done::ok(format!("{json}\n")));
    }
    Ok(Done::ok(format!(
        "forgotten: {} ({} in the landing) and {} ({})\nwritten again: {}; taken away: {}, made again by the next run\n\
         proof: no stored payload, no landed record and no file of the state and the output folder holds one of {}\n\
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

/// What would be erased.
fn shown(what: &str, (leads, records): (usize, usize), globals: &Globals) -> Done {
    if globals.json {
        let json = serde_json::json!({ "leads": leads, "records": records, "dry_run": true });
        return Done::ok(format!("{json}\n"));
    }
    Done::ok(format!("{what} would be erased from the landing and from everything published; nothing was\n"))
}

/// Asks whoever sits at the terminal: what is erased cannot be brought back.
///
/// # Errors
/// Where nobody can be asked (exit 2).
fn agreed(what: &str) -> Result<bool> {
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return Err(Error::usage("nobody can be asked here whether to erase the person")
            .because(format!("{what} would be erased for good"))
            .hint("--yes erases them, --dry-run shows what would be erased"));
    }
    outlet::tell(&format!("{what} will be erased for good. Type yes to go on:"));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(|e| Error::failed("cannot read the answer").because(e))?;
    Ok(answer.trim().eq_ignore_ascii_case("yes"))
}
