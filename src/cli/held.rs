//! `leadrecon explain WHO --all --json`: everything that is held on one person, for whoever asks what is stored of them.

use polars::prelude::*;
use serde_json::{Value, json};

use super::person::{Person, known};
use super::{Done, Globals};
use crate::config::Config;
use crate::contact::normalised_email;
use crate::error::{Error, Result};
use crate::forget::Plan;
use crate::identity::Decided;
use crate::io::landing::Landing;
use crate::io::{forgetting, reviewed, state};
use crate::job::REPLAYED;
use crate::queries::answer;
use crate::reviewed::Memory;
use crate::worked::Entry;

/// Everything, as one JSON document.
///
/// # Errors
/// When nobody goes by that (exit 2), or something cannot be read (exit 4).
pub(super) fn all(who: &str, globals: &Globals) -> Result<Done> {
    let config = globals.load()?;
    let landing = Landing::open_read_only(&config.state_dir)?;
    let Person { plan, parsed, versions: [records, witnesses] } = known(who, &config, &landing)?;
    if plan.is_empty() {
        return Err(Error::usage("nobody of that e-mail, lead id or key is stored")
            .hint("who was forgotten before cannot be found any more"));
    }
    let of_lead = |frame: &DataFrame| -> Result<Value> {
        let (sources, keys) = (frame.column("source")?.str()?, frame.column("source_key")?.str()?);
        rows(frame, |row| sources.get(row).zip(keys.get(row)).is_some_and(|(s, k)| plan.holds_lead(s, k)))
    };
    let of_record = |frame: &DataFrame| -> Result<Value> {
        if frame.width() == 0 {
            return Ok(json!([]));
        }
        let (destinations, ids) = (frame.column("destination")?.str()?, frame.column("record_id")?.str()?);
        rows(frame, |row| destinations.get(row).zip(ids.get(row)).is_some_and(|(d, r)| plan.holds_record(d, r)))
    };
    let (closings, decisions, handed_out) = said(&config, &plan)?;
    let places = [config.state_dir.as_path(), config.output.dir.as_path()];
    let held = json!({
        "leads": of_lead(parsed.leads.frame())?,
        "quarantine": of_lead(parsed.quarantine.frame())?,
        "payloads": answer::json(&texts(landing.payloads_of(|source, key| plan.holds_lead(source, key))?)?)?,
        "crm_records": of_record(&records)?,
        "witnesses": of_record(&witnesses)?,
        "closings": closings,
        "decisions": decisions,
        "handed_out": handed_out,
        "files": forgetting::files_naming(&places, landing.folder(), &plan)?,
        "reviewed_files": forgetting::naming(reviewed::naming_people(&config), &plan),
    });
    let text = serde_json::to_string_pretty(&held).map_err(|e| Error::failed("cannot write JSON").because(e))?;
    Ok(Done::ok(text + "\n"))
}

/// What people said of them, and what was handed out of theirs.
fn said(config: &Config, plan: &Plan) -> Result<(Value, Value, Value)> {
    let state = &config.state_dir;
    let mails: Vec<String> = plan.addresses.iter().filter_map(|address| normalised_email(address)).collect();
    let is_theirs = |who: &str| {
        plan.ids.contains(&who.to_lowercase()) || normalised_email(who).is_some_and(|mail| mails.contains(&mail))
    };
    let closings: Memory<Entry> = state::kept(state, state::CLOSINGS)?;
    let closings: Vec<_> = closings.all().iter().filter(|said| is_theirs(&said.what.who)).collect();
    let decided: Memory<Decided> = state::kept(state, state::DECISIONS)?;
    let of_them = |one: &Decided| plan.ids.contains(&one.lead_id_a) || plan.ids.contains(&one.lead_id_b);
    let decided: Vec<_> = decided.all().iter().filter(|said| of_them(&said.what)).collect();
    let replayed = reviewed::text(Some(&state.join(REPLAYED)))?;
    let replayed: Vec<&str> =
        replayed.lines().filter(|line| line.split(',').next().is_some_and(|id| plan.ids.contains(id))).collect();
    Ok((json!(closings), json!(decided), json!(replayed)))
}

/// The rows that fit, without the columns that hold nothing in them.
fn rows(frame: &DataFrame, fits: impl Fn(usize) -> bool) -> Result<Value> {
    let fits: Vec<bool> = (0..frame.height()).map(fits).collect();
    answer::json(&texts(frame.filter(&BooleanChunked::from_slice("fits".into(), &fits))?)?)
}

/// Bytes as the texts that they are.
fn texts(mut frame: DataFrame) -> Result<DataFrame> {
    for name in frame.get_column_names_owned() {
        let Ok(bytes) = frame.column(&name)?.binary().cloned() else { continue };
        let text: StringChunked =
            bytes.iter().map(|bytes| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned())).collect_ca(name);
        frame.with_column(text.into_column())?;
    }
    Ok(frame)
}
