//! `leadrecon diagnose`: an error message of publishing or delivery to its cause and fix.

use std::io::Read;

use super::{Done, Globals};
use crate::diagnose::{Diagnosis, diagnose};
use crate::error::{Error, Result, Status};

/// Longest message that is read from standard input, in bytes.
const LONGEST: u64 = 1 << 20;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The message, whole or a part of it, in any language; without it, standard input is read
    #[arg(value_name = "TEXT", allow_hyphen_values = true)]
    text: Vec<String>,
}

pub(super) fn run(args: &Args, globals: &Globals) -> Result<Done> {
    let mut text = args.text.join(" ");
    if args.text.is_empty() {
        let mut bytes = Vec::new();
        std::io::stdin().lock().take(LONGEST).read_to_end(&mut bytes).map_err(|e| {
            Error::usage("cannot read the message from standard input").because(e).hint("or give it as an argument")
        })?;
        text = String::from_utf8_lossy(&bytes).into_owned();
    }
    if text.trim().is_empty() {
        return Err(Error::usage("there is no message to diagnose").hint("leadrecon diagnose \"Tenant not found\""));
    }
    let found = diagnose(&text)?;
    let output = if globals.json {
        serde_json::to_string_pretty(&found).map_err(|e| Error::failed("cannot write JSON").because(e))? + "\n"
    } else {
        found.text()
    };
    // A script can tell by the status whether something was found.
    let status = if matches!(found, Diagnosis::Unknown { .. }) { Status::Findings } else { Status::Done };
    Ok(Done { output: output.into(), status })
}
