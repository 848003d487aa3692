//! How long each stage of a run took and how much memory it left: for the log and the manifest, and for whoever must say
//! how large a machine the job needs. No output that is compared holds any of it.

use std::time::Instant;

use indicatif::ProgressBar;

use super::{process, progress};

/// One stage that is done.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Timing {
    /// What was done, as "verdicts were given".
    pub done: &'static str,
    /// Seconds since the stage before.
    pub seconds: f64,
    /// Processor time of all threads within them; 0 where the system does not tell.
    pub cpu_seconds: f64,
    /// Memory held at its end, in bytes; 0 where the system does not tell.
    pub memory_bytes: u64,
    /// The most held at once up to its end.
    pub peak_memory_bytes: u64,
}

/// What comes after each stage.
const NEXT: &[(&str, &str)] = &[
    ("all was landed", "reading leads"),
    ("all leads were read", "reading records"),
    ("all records were read", "recognising people"),
    ("people were recognised", "setting leads against records"),
    ("verdicts were given", "looking for outages and causes"),
    ("outages and causes were found", "making the tables"),
    ("queries had run", "writing the report"),
];

/// The stages of one run, in the order in which they were done.
#[derive(Debug)]
pub struct Timings {
    begun: Instant,
    cpu: f64,
    /// What is being done now, for whoever watches.
    line: ProgressBar,
    done: Vec<Timing>,
}

impl Timings {
    /// Starts the clock. `shown`: on a terminal a line says what is being done.
    #[must_use]
    pub fn begin(shown: bool) -> Self {
        let line = progress::stage(shown);
        line.set_message("reading sources and exports");
        Timings { begun: Instant::now(), cpu: process::cpu_seconds(), line, done: Vec::new() }
    }

    /// Notes that a stage is done, and tells the log.
    pub fn done(&mut self, what: &'static str) {
        let (now, cpu) = (Instant::now(), process::cpu_seconds());
        let stage = Timing {
            done: what,
            seconds: (now - self.begun).as_secs_f64(),
            cpu_seconds: cpu - self.cpu,
            memory_bytes: process::memory(),
            peak_memory_bytes: process::peak_memory(),
        };
        (self.begun, self.cpu) = (now, cpu);
        tracing::debug!(
            "{what}: {:.1} s, {:.1} s of processor time; memory {} MB, at most {} MB",
            stage.seconds,
            stage.cpu_seconds,
            stage.memory_bytes >> 20,
            stage.peak_memory_bytes >> 20
        );
        self.done.push(stage);
        match NEXT.iter().find(|(done, _)| *done == what) {
            Some((_, next)) => self.line.set_message(*next),
            None => self.line.finish_and_clear(),
        }
    }

    /// All that are done so far.
    #[must_use]
    pub fn all(&self) -> &[Timing] {
        &self.done
    }
}
