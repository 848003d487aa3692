//! The balance and findings → a text file for the Prometheus node exporter's textfile collector.
//!
//! Exposition format 0.0.4: no time stamps, so the time of the run is a value. Written only after a run that published;
//! an alert on `leadrecon_last_success_seconds` then covers the runs that never came to an end.

use std::fmt::Write;

use chrono::{DateTime, Utc};

use crate::balance::Balance;
use crate::codes::level;
use crate::error::Result;
use crate::tables::{Findings, Outages, Table};

/// What the file tells beside the balance.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// When the run ended.
    pub ended_at: DateTime<Utc>,
    /// Whether a source or export could not be read.
    pub incomplete: bool,
    /// Outages that go on.
    pub ongoing_outages: usize,
    /// New findings by level: page, mail, list.
    pub new_findings: [(&'static str, usize); 3],
}

impl Run {
    /// Counts what is new and what goes on.
    ///
    /// # Errors
    /// Only when a table does not have its agreed shape.
    pub fn of(
        findings: &Table<Findings>,
        outages: &Table<Outages>,
        ended_at: DateTime<Utc>,
        incomplete: bool,
    ) -> Result<Run> {
        let (levels, new) = (findings.frame().column("level")?.str()?, findings.frame().column("new")?.bool()?);
        let of_level = |l: &str| {
            levels.iter().zip(new.iter()).filter(|(level, new)| *level == Some(l) && *new == Some(true)).count()
        };
        let ongoing_outages = outages.frame().column("ongoing")?.bool()?.sum().unwrap_or(0) as usize;
        Ok(Run { ended_at, incomplete, ongoing_outages, new_findings: level::ALL.map(|l| (l, of_level(l))) })
    }
}

/// The whole text of the file.
pub fn prometheus(balance: &Balance, run: &Run) -> String {
    let mut text = String::new();
    let mut gauge = |name: &str, help: &str, values: &[(String, i64)]| {
        let _ = writeln!(text, "# HELP leadrecon_{name} {help}\n# TYPE leadrecon_{name} gauge");
        for (labels, value) in values {
            let _ = writeln!(text, "leadrecon_{name}{labels} {value}");
        }
    };
    let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    gauge(
        "last_success_seconds",
        "Unix time of the end of the last run that published.",
        &[(String::new(), run.ended_at.timestamp())],
    );
    gauge("incomplete", "1 if a source or export could not be read.", &[(String::new(), i64::from(run.incomplete))]);
    gauge("outages_ongoing", "Outages that go on.", &[(String::new(), number(run.ongoing_outages))]);
    let levels: Vec<_> = run.new_findings.iter().map(|(l, n)| (format!("{{level=\"{l}\"}}"), number(*n))).collect();
    gauge("findings_new", "Findings that no earlier day reported.", &levels);
    let verdicts: Vec<_> = balance
        .destinations
        .iter()
        .flat_map(|d| {
            [
                ("delivered", d.delivered),
                ("person-known", d.person_known),
                ("missed", d.missed),
                ("pending", d.pending),
                ("excluded", d.excluded),
            ]
            .map(|(verdict, n)| (format!("{{destination=\"{}\",verdict=\"{verdict}\"}}", d.destination), number(n)))
        })
        .collect();
    gauge("leads", "Leads routed to a destination, by verdict.", &verdicts);
    text
}
