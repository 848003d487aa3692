//! Tries a source for real, in seconds, and verifies the state; changes nothing: what `leadrecon check` says of them.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use indicatif::ProgressBar;

use super::fetch::read;
use super::intake::{Intake, OLD_DAYS, Options, SourceReport, kind};
use super::landing::source_state::SourceState;
use super::{landing, state};
use crate::config::{Place, Source};
use crate::error::Error;
use crate::findings::{AboutLeads, Finding};
use crate::monitors::undated;

/// How far back, how long and at how many objects a check looks.
const CHECK_DAYS: i64 = 35;
const CHECK_WITHIN: TimeDelta = TimeDelta::seconds(20);
const CHECK_OBJECTS: usize = 50;
/// How a try of a source went, one line of `leadrecon check`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckLine {
    /// How good it is.
    pub verdict: Verdict,
    /// What was found.
    pub text: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// How good what a check found is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Worth a look.
    Doubtful,
    /// The source cannot be read.
    Bad,
}

/// Verifies the state folder: what `leadrecon check` says of it.
pub fn check_state(state_dir: &Path) -> Vec<CheckLine> {
    if !state_dir.exists() {
        let text = "none yet: the first run makes it".to_owned();
        return vec![CheckLine { verdict: Verdict::Good, text, hint: None }];
    }
    let parts = landing::verify::verify(state_dir).into_iter().chain(state::verify(state_dir));
    let line = |part: landing::verify::Verified| match part.found {
        Ok(found) => CheckLine { verdict: Verdict::Good, text: format!("{}: {found}", part.part), hint: None },
        Err(error) => {
            let hint = error.advice().map(str::to_owned);
            let text = error.to_string();
            let told = text.split("\n\nhint: ").next().unwrap_or_default();
            CheckLine { verdict: Verdict::Bad, text: format!("{}: {told}", part.part), hint }
        }
    };
    parts.map(line).collect()
}

/// What the last report knows of a source, which looked at everything and not only at what is new.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reported {
    /// When its newest lead was received.
    pub newest: Option<DateTime<Utc>>,
    /// When the newest that is a test of Microsoft's was received.
    pub newest_test: Option<DateTime<Utc>>,
}

/// Tries a source: the leads of the last weeks, or the newest files. What is
/// older is told from the last report. Gives when leads without a time of their own were stored, too.
pub fn check_source(
    source: &Source,
    reported: Reported,
    now: DateTime<Utc>,
    options: &Options<'_>,
) -> (Vec<CheckLine>, Vec<i64>) {
    let line = |verdict, text: String| CheckLine { verdict, text, hint: None };
    let quick = Source { deadline: source.deadline.min(CHECK_WITHIN), overlap: TimeDelta::zero(), ..source.clone() };
    let since = now - TimeDelta::days(CHECK_DAYS);
    let state = SourceState { watermark: Some(since), full_read_at: Some(now), ..SourceState::default() };
    let report = SourceReport { kind: kind(&source.place), ..SourceReport::default() };
    let mut intake = Intake::new(&quick, state, now, ProgressBar::hidden(), report);
    intake.sample = Some(CHECK_OBJECTS);
    let read = read(&mut intake, options);
    let report = intake.report;
    if let Err(e) = read {
        let hint = e.advice().map(str::to_owned);
        return (vec![CheckLine { verdict: Verdict::Bad, text: with_cause(&e), hint }], report.stored);
    }
    let mut lines = vec![line(Verdict::Good, format!("readable ({})", report.kind))];
    let ago = |at: DateTime<Utc>| format!("{}, {}", at.format("%Y-%m-%d %H:%M UTC"), days_ago(now - at));
    let looked_at = match &source.place {
        Place::Table { .. } => format!("of the last {CHECK_DAYS} days"),
        Place::Blobs { .. } => format!("in the newest {CHECK_OBJECTS} blobs"),
        Place::Files { .. } => format!("in the newest {CHECK_OBJECTS} files"),
    };
    let before = |at: Option<DateTime<Utc>>| match at {
        Some(at) => format!("the last report knows one of {}", ago(at)),
        None => "the last report, if there is one, knows none".to_owned(),
    };
    lines.push(match report.newest {
        Some(at) if now - at < TimeDelta::days(OLD_DAYS) => line(Verdict::Good, format!("newest lead: {}", ago(at))),
        Some(at) => CheckLine {
            hint: Some("look at the offer's lead destination in Partner Center, and send a test lead".into()),
            ..line(Verdict::Doubtful, format!("newest lead: {}", ago(at)))
        },
        None => CheckLine {
            hint: Some(
                "right if nothing was delivered here for so long; else check the names, and look at the offer's lead \
                 destination in Partner Center; `run` reads everything"
                    .into(),
            ),
            ..line(Verdict::Doubtful, format!("no lead {looked_at}; {}", before(reported.newest)))
        },
    });
    lines.push(match report.newest_test {
        Some(at) => line(Verdict::Good, format!("newest test lead (MSFT_TEST): {}", ago(at))),
        None => CheckLine {
            hint: Some("Validate in Partner Center sends one; it proves the way from the marketplace to here".into()),
            ..line(Verdict::Doubtful, format!("no test lead (MSFT_TEST) {looked_at}; {}", before(reported.newest_test)))
        },
    });
    lines.extend(report.notes.into_iter().map(|n| line(Verdict::Doubtful, n)));
    (lines, report.stored)
}

/// What is wrong with leads without a time of their own, which were stored at these times, where many of them were after
/// the newest record: `newest`.
pub fn copied(source: &Source, stored: &[i64], newest: Option<i64>) -> Option<CheckLine> {
    let mut later: Vec<(i64, usize)> = stored
        .iter()
        .enumerate()
        .filter(|(_, at)| newest.is_some_and(|newest| **at > newest))
        .map(|(n, at)| (*at, n))
        .collect();
    later.sort_unstable();
    let together = undated::together(&later).len();
    let text = Finding::mail(&source.name, AboutLeads::Copied, together).text();
    (together > 0).then(|| CheckLine { verdict: Verdict::Doubtful, text: format!("{together} {text}"), hint: None })
}

/// What failed, with the cause in brackets, on one line.
pub fn with_cause(error: &Error) -> String {
    match error.cause().and_then(|cause| cause.lines().next()) {
        Some(cause) => format!("{} ({cause})", error.what()),
        None => error.what().to_owned(),
    }
}

fn days_ago(age: TimeDelta) -> String {
    match age.num_days() {
        0 => "today".to_owned(),
        1 => "a day ago".to_owned(),
        n => format!("{n} days ago"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn source(name: &str, glob: &str) -> Source {
        Source {
            name: name.into(),
            place: Place::Files { path: glob.into() },
            overlap: TimeDelta::hours(24),
            rescan: TimeDelta::days(7),
            deadline: TimeDelta::minutes(10),
            formerly: Vec::new(),
        }
    }

    #[test]
    fn a_check_tells_the_age_of_the_newest_lead_and_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.json"), "{\"x\":\"MSFT_TEST_1\"}").unwrap();
        let options = Options { base: dir.path(), keep_out: Vec::new(), rescan: false, progress: false };
        let (lines, _) = check_source(&source("here", "*.json"), Reported::default(), crate::io::now(), &options);
        let texts: Vec<_> = lines.iter().map(|l| l.text.split(": ").next().unwrap()).collect();
        assert_eq!(texts, ["readable (files)", "newest lead", "newest test lead (MSFT_TEST)"]);
        assert!(lines.iter().all(|l| l.verdict == Verdict::Good && !l.text.contains("a.json")), "{lines:?}");
        fs::write(dir.path().join("a.json"), "{\"x\":1}").unwrap();
        let reported = Reported { newest: None, newest_test: Some("2026-05-01T10:00:00Z".parse().unwrap()) };
        let (lines, _) = check_source(&source("here", "*.json"), reported, crate::io::now(), &options);
        let told = "no test lead (MSFT_TEST) in the newest 50 files; the last report knows one of 2026-05-01 10:00 UTC";
        assert!(lines[2].verdict == Verdict::Doubtful && lines[2].text.starts_with(told), "{lines:?}");
        let (lines, _) = check_source(&source("gone", "nowhere/*"), Reported::default(), crate::io::now(), &options);
        assert_eq!((lines.len(), lines[0].verdict), (1, Verdict::Bad));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
