//! `leadrecon completions SHELL`.

use clap::CommandFactory;

use super::{Cli, Done};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell
    shell: clap_complete::Shell,
}

pub(super) fn run(args: &Args) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "leadrecon", &mut script);
    Done::ok(String::from_utf8_lossy(&script))
}
