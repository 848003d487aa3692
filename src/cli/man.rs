//! `leadrecon man DIR`: a man page for each command, made of the same definitions as the help.

use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};

use super::{Cli, Done};
use crate::error::{Error, Result, count};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder to write into, such as /usr/local/share/man/man1
    dir: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<Done> {
    std::fs::create_dir_all(&args.dir).map_err(|e| cannot(&args.dir, e))?;
    let mut program = Cli::command();
    program.build();
    let mut written = 0;
    let commands: Vec<Command> = program.get_subcommands().filter(|c| c.get_name() != "help").cloned().collect();
    for command in std::iter::once(program).chain(commands) {
        let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
        let path = args.dir.join(format!("{name}.1"));
        let mut page = Vec::new();
        // A date would make other bytes every day.
        clap_mangen::Man::new(command).title(name).date("").render(&mut page).map_err(|e| cannot(&path, e))?;
        std::fs::write(&path, page).map_err(|e| cannot(&path, e))?;
        written += 1;
    }
    Ok(Done::ok(format!("{} in {}\n", count(written, "man page", "man pages"), args.dir.display())))
}

fn cannot(path: &Path, e: std::io::Error) -> Error {
    Error::failed(format!("cannot write {}", path.display())).because(e)
}
