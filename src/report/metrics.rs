//! Finished tables and how the run went → a text file for the Prometheus node exporter's textfile collector.
//!
//! Exposition format 0.0.4: no time stamps, so times are values. Two groups: how the last run went, written whatever became
//! of it, and what the last published run measured, which stays as it is when a later run fails.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use chrono::{DateTime, Utc};

use crate::balance::Balance;
use crate::codes::{level, reason, verdict};
use crate::error::{Result, Status};
use crate::queries::Catalog;
use crate::report::words::Figures;
use crate::time::SECOND;

/// How a run went.
#[derive(Clone, Copy, Debug)]
pub struct Ran {
    /// What it ended with.
    pub status: Status,
    /// When it ended.
    pub ended_at: DateTime<Utc>,
    /// How long it took.
    pub seconds: f64,
}

/// Families of the first group, and the books, which a failed run has not closed.
const OF_THE_RUN: [&str; 5] =
    ["build_info", "last_run_exit_status", "last_run_timestamp_seconds", "last_run_duration_seconds", "balance_ok"];

/// The text of the file after a run. `measured` is what it measured, where it published; otherwise what stands in the file
/// of before is kept.
pub fn file(ran: &Ran, measured: Option<&str>, before: &str) -> String {
    let mut text = Text::default();
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    text.gauge("build_info", "The program that wrote this file.", [(labels(&version), 1.0)]);
    text.single(
        "last_run_exit_status",
        "Exit status of the last run, see leadrecon --help.",
        f64::from(ran.status as u8),
    );
    text.single("last_run_timestamp_seconds", "Unix time of the end of the last run.", seconds(ran.ended_at));
    text.single("last_run_duration_seconds", "How long the last run took.", (ran.seconds * 1000.0).round() / 1000.0);
    // Nothing is published unless both sides of the books are equal.
    text.single(
        "balance_ok",
        "1 if the books of the last run balanced, 0 if they did not or it failed before they were closed.",
        f64::from(u8::from(measured.is_some())),
    );
    text.0 + &measured.map_or_else(|| kept(before), str::to_owned)
}

/// The families of the second group in a file.
fn kept(before: &str) -> String {
    let is_kept = |line: &&str| {
        let name = line.trim_start_matches("# HELP ").trim_start_matches("# TYPE ");
        let name = name.strip_prefix("leadrecon_").map(|rest| rest.split([' ', '{']).next().unwrap_or_default());
        name.is_some_and(|name| !OF_THE_RUN.contains(&name))
    };
    before.lines().filter(is_kept).fold(String::new(), |text, line| text + line + "\n")
}

/// What a run measured that published.
///
/// # Errors
/// Only when a table does not have its agreed shape.
pub fn measured(
    catalog: &Catalog,
    figures: &Figures,
    balance: &Balance,
    incomplete: bool,
    ended_at: DateTime<Utc>,
) -> Result<String> {
    let mut text = Text::default();
    text.single("last_success_seconds", "Unix time of the end of the last run that published.", seconds(ended_at));
    text.single(
        "incomplete",
        "1 if a source, export or reviewed file could not be read.",
        f64::from(u8::from(incomplete)),
    );
    let sources = newest(catalog, "leads", "source", "received_at")?;
    let exports = newest(catalog, "coverage", "destination", "until")?;
    for (name, of, newest, what) in [
        ("source_newest", "source", &sources, "when the newest lead of a source was received"),
        ("export_until", "destination", &exports, "until when the exports of a destination speak"),
    ] {
        let named = |value: &dyn Fn(f64) -> f64| {
            newest.iter().map(|(name, at)| (labels(&[(of, name)]), value(*at))).collect::<Vec<_>>()
        };
        text.gauge(&format!("{name}_timestamp_seconds"), &format!("Unix time of {what}."), named(&|at| at));
        let ended = seconds(ended_at);
        let age = format!("{}_age_seconds", name.split('_').next().unwrap_or_default());
        text.gauge(&age, &format!("How long before the end of the run that was: {what}."), named(&|at| ended - at));
    }
    text.single("open_people", "People whose leads were lost and are still to be called.", count(figures.open_people));
    text.single(
        "unknown_people",
        "People of whose leads no export could speak.",
        of_people(catalog, "reconciliation")?,
    );
    text.single(
        "untouched_people",
        "People who were delivered and whom nobody touched.",
        of_people(catalog, "untouched")?,
    );
    text.single("open_leads", "Lost leads that are still to be settled.", count(figures.open));
    text.single("quarantined_leads", "Raw leads that could not be read.", count(figures.quarantined));
    text.single("unexplained_records", "CRM records that no lead accounts for.", count(figures.unexplained));
    text.single("outages_ongoing", "Outages that go on.", count(figures.ongoing));
    for (name, help, counts) in [
        ("findings", "Findings, by level.", figures.findings),
        ("findings_new", "Findings that no earlier day reported, by level.", figures.new_findings),
    ] {
        text.gauge(name, help, level::ALL.iter().zip(counts).map(|(l, n)| (labels(&[("level", l)]), count(n))));
    }
    let verdicts = balance.destinations.iter().flat_map(|d| {
        let counts = [
            ("delivered", d.delivered),
            ("person-known", d.person_known),
            ("missed", d.missed),
            ("pending", d.pending),
            ("excluded", d.excluded),
        ];
        counts.map(|(verdict, n)| {
            (
                labels(&[("destination", &d.destination), ("verdict", verdict)]),
                count(i64::try_from(n).unwrap_or(i64::MAX)),
            )
        })
    });
    text.gauge("leads", "Leads routed to a destination, by verdict.", verdicts.collect::<Vec<_>>());
    Ok(text.0)
}

/// The newest instant of each name, in seconds.
fn newest(catalog: &Catalog, table: &str, name: &str, at: &str) -> Result<BTreeMap<String, f64>> {
    let mut newest: BTreeMap<String, f64> = BTreeMap::new();
    let Some(frame) = catalog.get(table) else { return Ok(newest) };
    let (names, instants) = (frame.column(name)?.str()?, frame.column(at)?.datetime()?);
    for (name, at) in names.iter().zip(instants.physical().iter()) {
        if let (Some(name), Some(at)) = (name, at) {
            let at = count(at / SECOND);
            newest.entry(name.to_owned()).and_modify(|known| *known = known.max(at)).or_insert(at);
        }
    }
    Ok(newest)
}

/// How many people stand in a table; of the reconciliation only those of whose lead no export could speak.
fn of_people(catalog: &Catalog, table: &str) -> Result<f64> {
    let Some(frame) = catalog.get(table) else { return Ok(0.0) };
    let (people, leads) = (frame.column("person_id")?.str()?, frame.column("lead_id")?.str()?);
    let spoken = match frame.column("verdict") {
        Ok(verdicts) => {
            let rows = verdicts.str()?.iter().zip(frame.column("reason")?.str()?.iter());
            rows.map(|(v, r)| {
                v != Some(verdict::PENDING) || matches!(r, Some(reason::GRACE | reason::AFTER_LAST_RECORD))
            })
            .collect()
        }
        Err(_) => vec![false; frame.height()],
    };
    let who = people.iter().zip(leads.iter()).zip(spoken).filter(|(_, spoken)| !spoken);
    let who: BTreeSet<&str> = who.filter_map(|((person, lead), _)| person.or(lead)).collect();
    Ok(count(i64::try_from(who.len()).unwrap_or(i64::MAX)))
}

#[expect(clippy::cast_precision_loss, reason = "the format knows doubles only")]
fn count(n: i64) -> f64 {
    n as f64
}

fn seconds(at: DateTime<Utc>) -> f64 {
    count(at.timestamp())
}

/// `{level="page"}`, with the format's own escapes.
fn labels(pairs: &[(&str, &str)]) -> String {
    let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    format!("{{{}}}", pairs.join(","))
}

/// The file as it grows.
#[derive(Default)]
struct Text(String);

impl Text {
    fn gauge(&mut self, name: &str, help: &str, values: impl IntoIterator<Item = (String, f64)>) {
        let _ = writeln!(self.0, "# HELP leadrecon_{name} {help}\n# TYPE leadrecon_{name} gauge");
        for (labels, value) in values {
            let _ = writeln!(self.0, "leadrecon_{name}{labels} {value}");
        }
    }

    fn single(&mut self, name: &str, help: &str, value: f64) {
        self.gauge(name, help, [(String::new(), value)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_fails_says_so_and_keeps_what_was_measured() {
        let ran = |status, second: u32| Ran {
            status,
            ended_at: format!("2026-05-04T05:00:{second:02}Z").parse().unwrap(),
            seconds: 1.23456,
        };
        let measured =
            "# HELP leadrecon_leads x\n# TYPE leadrecon_leads gauge\nleadrecon_leads{destination=\"crm\"} 5\n";
        let good = file(&ran(Status::Done, 1), Some(measured), "");
        for line in
            ["leadrecon_last_run_exit_status 0", "leadrecon_balance_ok 1", "leadrecon_last_run_duration_seconds 1.235"]
        {
            assert!(good.lines().any(|l| l == line), "{line} not in {good}");
        }
        let failed = file(&ran(Status::Failed, 2), None, &good);
        assert!(failed.contains("leadrecon_last_run_exit_status 4\n") && failed.contains("leadrecon_balance_ok 0\n"));
        assert!(failed.ends_with(measured), "{failed}");
        assert_eq!(failed.lines().count(), good.lines().count(), "no family stands twice");
    }
}
