//! Commands and flags; their doc comments are the help. One file below for each command.
//!
//! Progress and talk go to standard error, the summary to standard output.

mod check;
mod close;
mod completions;
mod demo;
mod diagnose;
mod explain;
mod forget;
mod generate;
mod held;
mod init;
mod log;
mod man;
mod person;
mod query;
mod replay;
mod retract;
mod run;
mod r#try;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::{ArgAction, Parser, Subcommand};

use crate::config::Config;
use crate::error::{Error, Result, Status};
use crate::io::mirror;
use crate::io::outlet::{self, Painted};

/// Every raw marketplace lead is accounted for: reads raw leads of Azure Marketplace and AppSource, reconciles them
/// with CRM exports, names what was lost and since when, and writes the files that bring it back.
#[derive(Debug, Parser)]
#[command(name = "leadrecon", version, max_term_width = 100, after_help = EXIT_STATUS, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    globals: Globals,
}

const EXIT_STATUS: &str = "\
Exit status, the first that applies:
  5  another run holds the lock
  2  usage or configuration wrong, nothing was done
  4  failed, earlier output left as it was
  1  done, or done in part, and there is a finding of a level that --fail-on names
  3  done in part: a source, export or reviewed file could not be read; the report says which
  0  done";

/// What every command takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Globals {
    /// The configuration; relative paths in it are relative to it
    #[arg(long, global = true, value_name = "FILE", default_value = "leadrecon.toml")]
    pub config: PathBuf,
    /// One JSON document on standard output
    #[arg(long, global = true)]
    pub json: bool,
    /// How lines of the log are written; those in a file begin with their time
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value_t = log::Format::Text)]
    pub log_format: log::Format,
    /// Only warnings and errors on standard error
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// More on standard error: requests, without secrets or personal data (-vv: the libraries' talk too)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The nightly job: read, reconcile, report
    Run(run::Args),
    /// Tries configuration, credentials, sources and exports, and says what to fix
    Check(check::Args),
    /// Writes a small, realistic publisher and runs the job on it; no account, no network
    Demo(demo::Args),
    /// Answers at once what was lost, of any raw leads and CRM exports; no configuration
    Try(r#try::Args),
    /// Writes a configuration for the files that you have
    Init(init::Args),
    /// Tells who a lead is and why: the links, their weights, and the nearest lead that is not linked
    Explain(explain::Args),
    /// Writes the missed leads of a destination as its own import file
    Replay(replay::Args),
    /// Settles a missed lead: called, duplicate, junk, or in the CRM after all
    Close(close::Args),
    /// A publishing or delivery error message to its cause and fix
    Diagnose(diagnose::Args),
    /// Erases a person from everything stored and published, and proves it
    Forget(forget::Args),
    /// Takes out of the landing what should never have been landed; shows it first
    Retract(retract::Args),
    /// Writes a synthetic publisher of any size, with the truth about it
    Generate(generate::Args),
    /// Answers any SQL over the tables of the last run
    Query(query::Args),
    /// Prints a completion script for a shell
    Completions(completions::Args),
    /// Writes man pages into a folder
    Man(man::Args),
}

/// What a command leaves behind.
#[derive(Debug)]
pub struct Done {
    /// For standard output.
    pub output: Painted,
    /// For the exit status.
    pub status: Status,
}

impl Done {
    /// Done, with something to print.
    pub fn ok(output: impl Into<Painted>) -> Done {
        Done { output: output.into(), status: Status::Done }
    }
}

/// Runs the command line and returns the exit status.
pub fn main(args: impl IntoIterator<Item = OsString>) -> u8 {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // The help goes to standard output.
            if error.use_stderr() {
                outlet::tell(error.render().to_string().trim_end());
                return Status::Usage as u8;
            }
            return ended(Status::Done, outlet::print(&error.render().to_string().into()));
        }
    };
    log::listen(&cli.globals, matches!(cli.command, Command::Try(_)));
    crate::io::leave_no_dump();
    let json = cli.globals.json;
    let done = std::panic::catch_unwind(move || command(cli)).unwrap_or_else(|_| {
        Err(Error::failed("a fault in leadrecon stopped it; earlier output is as it was")
            .hint("please report it with the version and the place that stands above"))
    });
    match done {
        Ok(done) => ended(done.status, outlet::print(&done.output)),
        Err(error) => {
            if json {
                // The exit status says already that this is no success.
                let _ = outlet::print(&format!("{}\n", error_json(&error)).into());
            } else {
                outlet::tell(&format!("error: {error}"));
            }
            error.status() as u8
        }
    }
}

fn command(cli: Cli) -> Result<Done> {
    match cli.command {
        Command::Run(args) => run::run(&args, &cli.globals),
        Command::Check(args) => check::run(&args, &cli.globals),
        Command::Demo(args) => demo::run(&args, &cli.globals),
        Command::Try(args) => r#try::run(&args, &cli.globals),
        Command::Init(args) => init::run(&args, &cli.globals),
        Command::Man(args) => man::run(&args),
        Command::Replay(args) => mirrored(&cli.globals, || replay::run(&args, &cli.globals)),
        Command::Close(args) => mirrored(&cli.globals, || close::run(&args, &cli.globals)),
        Command::Diagnose(args) => diagnose::run(&args, &cli.globals),
        Command::Forget(args) => mirrored(&cli.globals, || {
            let done = forget::run(&args, &cli.globals)?;
            let config = cli.globals.load()?;
            config.output.mirror.iter().try_for_each(|to| mirror::send_only_these(to, &config.output.dir))?;
            Ok(done)
        }),
        Command::Retract(args) => mirrored(&cli.globals, || {
            let done = retract::run(&args, &cli.globals)?;
            let config = cli.globals.load()?;
            config.output.mirror.iter().try_for_each(|to| mirror::send_only_these(to, &config.output.dir))?;
            Ok(done)
        }),
        Command::Generate(args) => generate::run(&args),
        Command::Query(args) => over_the_report(&cli.globals, || query::run(&args, &cli.globals)),
        Command::Explain(args) => over_the_report(&cli.globals, || explain::run(&args, &cli.globals)),
        Command::Completions(args) => Ok(completions::run(&args)),
    }
}

/// A command that writes state, between bringing in the mirrored state and sending it.
fn mirrored(globals: &Globals, work: impl FnOnce() -> Result<Done>) -> Result<Done> {
    // A configuration that cannot be read is told by the command itself.
    let Ok(config) = globals.load() else { return work() };
    let session = crate::job::mirror_of(&config, std::time::Duration::from_secs(10))?;
    let done = over_the_report(globals, work)?;
    session.map_or(Ok(()), mirror::Session::send)?;
    Ok(done)
}

/// A command that asks the last report, which is brought in from its mirror where none stands here.
fn over_the_report(globals: &Globals, work: impl FnOnce() -> Result<Done>) -> Result<Done> {
    if let Ok(config) = globals.load()
        && let Some(mirror) = &config.output.mirror
    {
        mirror::bring_output(mirror, &config.output.dir)?;
    }
    work()
}

/// The exit status of what was done and then written: what could not be written must not look like success. A reader
/// that went away (`| head`) has what it wanted.
fn ended(done: Status, written: std::io::Result<()>) -> u8 {
    match written {
        Err(failed) if failed.kind() != std::io::ErrorKind::BrokenPipe && done != Status::Usage => {
            let error = Error::failed("cannot write to standard output")
                .because(failed)
                .hint("what was done is done; make room where the output goes, and ask again");
            outlet::tell(&format!("error: {error}"));
            Status::Failed as u8
        }
        _ => done as u8,
    }
}

fn error_json(error: &Error) -> serde_json::Value {
    serde_json::json!({ "error": error.what(), "status": error.status() as u8, "text": error.to_string(), "hint": error.advice() })
}

impl Globals {
    /// Whether somebody watches standard error, and no requests are told there, which a bar would be torn by.
    pub fn shows_progress(&self) -> bool {
        !self.quiet && self.verbose == 0 && std::io::stderr().is_terminal()
    }

    /// Reads the configuration.
    ///
    /// # Errors
    /// When it cannot be read or has problems (exit 2).
    pub fn load(&self) -> Result<Config> {
        let text = std::fs::read_to_string(&self.config).map_err(|e| {
            Error::usage(format!("cannot read the configuration {}", self.config.display()))
                .because(e)
                .hint("name it with --config FILE; `leadrecon init FILE…` writes one for your files, `leadrecon init --example` prints every key")
        })?;
        let path = std::path::absolute(&self.config).unwrap_or_else(|_| self.config.clone());
        let base = path.parent().unwrap_or(Path::new("."));
        Config::parse(&text, base).map_err(|e| e.at(self.config.display()))
    }
}
