//! What stages tell, on standard error: one line each, without colours, beside the bars and not through them.

use std::io::{IsTerminal, Write};

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use super::Globals;
use crate::io::outlet;

/// How lines of the log are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON document a line: time, level, message.
    Json,
}

/// Sends what stages tell to standard error. `quietly`: warnings only, for a command that tells by itself what it did.
/// Of a fault of ours the place is told; its text may hold a row.
pub(super) fn listen(globals: &Globals, quietly: bool) {
    std::panic::set_hook(Box::new(|fault| {
        let place = fault.location().map_or_else(String::new, ToString::to_string);
        outlet::tell(&format!("fault at {place}"));
    }));
    let filter = match (globals.quiet, globals.verbose) {
        (true, _) => "leadrecon=warn",
        (_, 0) if quietly => "leadrecon=warn",
        (_, 0) => "leadrecon=info",
        (_, 1) => "leadrecon=debug",
        // These print whole requests, a shared access signature included.
        _ => "debug,azure_core=warn,azure_identity=warn,azure_storage=warn",
    };
    let log = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_writer(Beside)
        // It would tell of a full disk where nothing can be told, and die of it.
        .log_internal_errors(false)
        .with_ansi(false)
        .with_target(false);
    // A terminal shows when; a journal and a container's log have the time of each line by themselves.
    let _ = match (globals.log_format, is_file()) {
        (Format::Json, _) => log.json().flatten_event(true).with_timer(Rfc3339).try_init(),
        (Format::Text, true) => log.with_timer(Rfc3339).try_init(),
        (Format::Text, false) => log.without_time().try_init(),
    };
}

/// Whether standard error goes to a file.
fn is_file() -> bool {
    let error = std::io::stderr();
    !error.is_terminal()
        && rustix::fs::fstat(&error)
            .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::RegularFile)
}

/// `2026-05-03T06:15:00Z`
struct Rfc3339;

impl FormatTime for Rfc3339 {
    fn format_time(&self, to: &mut Writer<'_>) -> std::fmt::Result {
        write!(to, "{}", crate::io::now().format("%Y-%m-%dT%H:%M:%SZ"))
    }
}

/// Standard error, where bars step aside for a line.
#[derive(Clone, Copy)]
struct Beside;

impl Write for Beside {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        crate::io::bars_aside(|| outlet::tell(line.trim_end_matches('\n')));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Beside {
    type Writer = Beside;

    fn make_writer(&'a self) -> Beside {
        *self
    }
}
