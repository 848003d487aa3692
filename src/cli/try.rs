//! `leadrecon try FILE…`: the first answer about one's own data, without a configuration.
//!
//! It is `init` and `run` in one: the same configuration, held in memory, and a state that is thrown away.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;

use super::{Done, Globals, init};
use crate::config::Config;
use crate::error::{Error, Result, Status, count};
use crate::io::publish;
use crate::io::recognise::Kind;
use crate::job;
use crate::job::newest::{Newest, Received};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    leadrecon try leads.csv report.csv           two files, one answer\n  \
    leadrecon try raw/ exports/ cost.csv         everything in folders\n  \
    leadrecon try leads.csv csv=people.xlsx      say what a file is that is taken for something else")]
pub(super) struct Args {
    /// Files and folders with raw leads, CRM exports, cost and spend, recognised by what stands in them; KIND=FILE says
    /// what one is (leads, salesforce, dynamics, marketo, hubspot, https, csv, cost, spend, witness)
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,
    /// Report as of the end of this day (UTC); default: the day of the newest lead or record
    #[arg(long, value_name = "DATE")]
    as_of: Option<NaiveDate>,
    /// Where the report is written; an earlier try's is replaced
    #[arg(long, value_name = "DIR", default_value = "leadrecon-try")]
    to: PathBuf,
}

pub(super) fn run(args: &Args, globals: &Globals) -> Result<Done> {
    let cannot = |e: std::io::Error| Error::failed("cannot make a temporary folder").because(e);
    let base = std::env::current_dir().map_err(cannot)?;
    let out = base.join(&args.to);
    let found = init::found(&args.files, &base, std::slice::from_ref(&out))?;
    if !found.iter().any(|file| file.kind == Some(Kind::Leads)) {
        let understood = init::understood(&found);
        let seen = if found.is_empty() { "no file is there" } else { understood.trim_end() };
        return Err(Error::usage("no raw leads are among these files")
            .because(seen.replace('\n', "\n         "))
            .hint("name the file that Microsoft's leads stand in; if it is among them, say so with leads=FILE"));
    }
    let state = tempfile::Builder::new().prefix("leadrecon-").tempdir().map_err(cannot)?;
    let mut config = Config::parse(&init::configuration(&found, &base), &base)?;
    config.state_dir = state.path().to_owned();
    config.output.dir = out;
    // Nothing is kept, so nothing is erased by age: the first answer is about all that is there.
    (config.privacy.keep, config.privacy.keep_dnc) = (None, None);
    let now = crate::io::now();
    let Newest { day, received, ahead, problem } = job::newest::newest(&config, now)?;
    let day = args.as_of.or(day).ok_or_else(|| {
        let error = Error::usage("no lead in these files can be read");
        match problem {
            Some(problem) => error.because(problem).hint("KIND=FILE says what a file is"),
            None => error.hint("say of which day the report is with --as-of DATE"),
        }
    })?;
    clear(&config.output.dir)?;
    let options = job::Options { as_of: Some(day), progress: globals.shows_progress(), ..job::Options::default() };
    let report = job::run_on(&config, &options, now, Some(ahead))?;
    let page = report.folder.join("report.html");
    let left_out = found.iter().any(|file| file.kind.is_none() && file.named);
    let output = if globals.json {
        let files: Vec<_> = found.iter().map(init::as_json).collect();
        let summary: serde_json::Value = serde_json::from_str(&report.summary_json).unwrap_or_default();
        format!("{}\n", serde_json::json!({ "summary": summary, "report": page, "files": files, "read": report.files }))
    } else {
        format!(
            "{}\nHow the files were understood\n{}{}\nThe report:  {}\nEvery night: leadrecon init {}\n",
            report.summary_text,
            indented(&init::understood(&found)),
            indented(&read(&received, &report)),
            shown(&page, &base),
            args.files.iter().map(|file| quoted(file)).collect::<Vec<_>>().join(" "),
        )
    };
    let status = if report.incomplete || left_out { Status::Partial } else { Status::Done };
    Ok(Done { output: output.into(), status })
}

/// Takes away what an earlier try wrote there, and nothing else: a report of a later day would be the latest.
fn clear(out: &Path) -> Result<()> {
    if !out.is_dir() {
        return Ok(());
    }
    for (_, folder) in publish::dated_folders(out)? {
        if folder.join(publish::MANIFEST).is_file() {
            std::fs::remove_dir_all(&folder)
                .map_err(|e| Error::failed(format!("cannot clear {}", folder.display())).because(e))?;
        }
    }
    Ok(())
}

/// What was read: columns, rows, times, zones.
fn read(received: &Received, report: &job::Done) -> String {
    let mut text = String::new();
    if let Some((first, last)) = received.between {
        let refused = if received.refused > 0 { format!(", {} refused", received.refused) } else { String::new() };
        let _ = writeln!(
            text,
            "raw leads: {}{refused}; received {} to {} UTC",
            count(received.leads, "lead", "leads"),
            first.format("%Y-%m-%d %H:%M"),
            last.format("%Y-%m-%d %H:%M")
        );
    }
    const SHOWN: usize = 12;
    for file in report.files.iter().take(SHOWN) {
        let lines = file.lines();
        let _ = writeln!(text, "{}", lines.join("\n  "));
    }
    if report.files.len() > SHOWN {
        let more = crate::error::count(report.files.len() - SHOWN, "more export", "more exports");
        let _ = writeln!(text, "and {more}, as `--json` tells");
    }
    for problem in &report.errors {
        let _ = writeln!(text, "{}", problem.replace('\n', "\n  "));
    }
    text
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// A path as short as it can be said here.
fn shown(path: &Path, base: &Path) -> String {
    path.strip_prefix(base).unwrap_or(path).display().to_string()
}

/// An argument as a shell takes it.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "._-/=:,+".contains(c);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}
