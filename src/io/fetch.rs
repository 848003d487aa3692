//! Sources → landing: reads what is new at every source, lands it, and says what came of it.
//!
//! Sources are read one after the other, in the order of the configuration, so that which of two sources had a lead
//! first does not depend on the network. A source that cannot be read is reported and the next one goes on; what was
//! read of it stays landed, and its watermark stays where it was. How each kind is read: [`super::files`],
//! [`super::azure`].

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

pub use super::credentials::findings as credential_findings;
use super::intake::{Intake, kind};
pub use super::intake::{Options, SourceReport};
use super::landing::Landing;
use super::objects::OBJECTS;
use super::{azure, files, progress};
use crate::config::{Place, Source};
use crate::error::{Result, Status};

/// What came of the sources, in the order of the configuration.
#[derive(Debug, Default)]
pub struct FetchReport {
    /// One entry per source.
    pub sources: Vec<SourceReport>,
}

impl FetchReport {
    /// Whether every source was read to its end.
    pub fn complete(&self) -> bool {
        self.sources.iter().all(|s| s.error.is_none())
    }
}

/// Reads every source into the landing.
///
/// # Errors
/// When the landing fails, or a source seems to be a renamed one (exit 4). A source that cannot be read is no error
/// here but in its report.
pub fn fetch(
    sources: &[Source],
    landing: &mut Landing,
    now: DateTime<Utc>,
    options: &Options<'_>,
) -> Result<FetchReport> {
    let mut report = FetchReport::default();
    let mut states = Vec::new();
    for source in sources {
        states.push(landing.source_state(&source.name, &source.formerly)?);
    }
    let configured: BTreeSet<&str> = states.iter().map(|s| s.lands_as.as_str()).collect();
    let landed = landing.rows_by_source()?;
    let vanished: Vec<String> = landed.keys().filter(|n| !configured.contains(n.as_str())).cloned().collect();
    for (source, state) in sources.iter().zip(&states) {
        let fresh = !landed.contains_key(&state.lands_as);
        let due = state.full_read_at.is_none_or(|at| now - at >= source.rescan || at > now);
        let told = SourceReport {
            name: source.name.clone(),
            kind: kind(&source.place),
            full: options.rescan || due,
            ..SourceReport::default()
        };
        let mut intake = Intake::new(source, state.clone(), now, progress::bar(&source.name, options.progress), told);
        intake.suspects = if fresh { vanished.clone() } else { Vec::new() };
        intake.landing = Some(&mut *landing);
        report.sources.push(taken(intake, options)?);
    }
    landing.rest()?;
    Ok(report)
}

/// Hashes of the files that sources brought raw leads from.
///
/// # Errors
/// When the landing cannot be read (exit 4).
pub fn brought(landing: &Landing) -> Result<BTreeSet<String>> {
    let objects = landing.newest(&OBJECTS)?;
    if objects.width() == 0 {
        return Ok(BTreeSet::new());
    }
    let versions = objects.column("version")?.str()?.iter().zip(objects.column("records")?.i64()?.iter());
    let of_leads = versions.filter(|(_, records)| records.is_some_and(|n| n > 0));
    Ok(of_leads.filter_map(|(version, _)| version.map(str::to_owned)).collect())
}

/// Reads one source and remembers what was read of it.
fn taken(mut intake: Intake<'_>, options: &Options<'_>) -> Result<SourceReport> {
    let read = read(&mut intake, options);
    intake.bar.finish_and_clear();
    if let Some(landing) = &mut intake.landing {
        landing.flush()?;
    }
    intake.remember_objects()?;
    match read {
        Ok(()) => {
            if intake.report.full {
                intake.report.proof = intake.state.full_read_at.is_some();
                intake.state.full_read_at = Some(intake.now);
            }
            if let Some(landing) = &mut intake.landing {
                landing.remember(&intake.source.name, &intake.state)?;
            }
        }
        Err(e) if e.status() == Status::Partial => {
            intake.report.error = Some(e.at(format!("source \"{}\"", intake.source.name)));
        }
        Err(e) => return Err(e.at(format!("source \"{}\"", intake.source.name))),
    }
    tracing::info!("{}", intake.report.line());
    for note in &intake.report.notes {
        tracing::warn!("source {}: {note}", intake.source.name);
    }
    Ok(intake.report)
}

/// Reads what is new at a source into its intake.
pub(super) fn read(intake: &mut Intake<'_>, options: &Options<'_>) -> Result<()> {
    match &intake.source.place {
        Place::Files { path } => files::read(path, options, intake),
        Place::Table { .. } | Place::Blobs { .. } => azure::read(intake),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use std::fs;
    use std::path::Path;
    use std::time::Duration;

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

    fn run(dir: &Path, sources: &[Source], now: &str) -> Result<FetchReport> {
        let mut landing = Landing::open(&dir.join("state"), Duration::ZERO)?;
        let keep_out = vec!["state".into()];
        let options = Options { base: dir, keep_out, rescan: false, progress: false };
        fetch(sources, &mut landing, now.parse().unwrap(), &options)
    }

    fn keys(dir: &Path) -> Vec<String> {
        let raw = Landing::open_read_only(&dir.join("state")).unwrap().raw_leads().unwrap();
        raw.frame().column("source_key").unwrap().str().unwrap().iter().flatten().map(str::to_owned).collect()
    }

    #[test]
    fn only_what_is_new_is_read_and_a_full_read_finds_nothing_overlooked() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("raw/sub")).unwrap();
        fs::write(dir.path().join("raw/a.json"), "{\"x\":1}\n{\"x\":2}\n").unwrap();
        fs::write(dir.path().join("raw/sub/b.csv"), "Email,Name\na@b.c,A\n").unwrap();
        fs::write(dir.path().join("raw/empty.json"), "").unwrap();
        fs::write(dir.path().join("raw/dump.manifest"), "x").unwrap();
        let sources = [source("dump", "**/*")];
        let first = run(dir.path(), &sources, "2026-05-01T01:00:00Z").unwrap();
        assert_eq!((first.sources[0].objects, first.sources[0].landed.new), (3, 3));
        assert_eq!(keys(dir.path()), ["raw/a.json", "raw/a.json#2", "raw/sub/b.csv"]);

        fs::write(dir.path().join("raw/a.json"), "{\"x\":1}\n{\"x\":2}\n{\"x\":3}\n").unwrap();
        fs::remove_file(dir.path().join("raw/sub/b.csv")).unwrap();
        let second = run(dir.path(), &sources, "2026-05-02T01:00:00Z").unwrap();
        let report = &second.sources[0];
        assert_eq!((report.objects, report.unchanged_objects, report.landed.new), (1, 1, 1));
        assert_eq!(keys(dir.path()).len(), 4, "what was deleted at the source stays");

        let third = run(dir.path(), &sources, "2026-05-09T01:00:00Z").unwrap();
        assert_eq!((third.sources[0].objects, third.sources[0].full, third.sources[0].overlooked), (2, true, 0));
        assert!(third.sources[0].line().contains("had missed nothing"));
    }

    #[test]
    fn a_file_of_the_last_leads_only_loses_none_of_those_that_dropped_out_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let sources = [source("rolling", "*.csv")];
        for (night, rows) in [["c", "b", "a"], ["d", "c", "b"], ["f", "e", "d"]].iter().enumerate() {
            fs::write(dir.path().join("last.csv"), format!("Email\n{}@x.y\n", rows.join("@x.y\n"))).unwrap();
            run(dir.path(), &sources, &format!("2026-05-0{}T01:00:00Z", night + 1)).unwrap();
        }
        let raw = Landing::open_read_only(&dir.path().join("state")).unwrap().raw_leads().unwrap();
        let mut payloads: Vec<_> = raw.frame().column("payload").unwrap().binary().unwrap().iter().flatten().collect();
        payloads.sort();
        assert_eq!(payloads, [b"a@x.y", b"b@x.y", b"c@x.y", b"d@x.y", b"e@x.y", b"f@x.y"]);
        let again = run(dir.path(), &sources, "2026-05-20T01:00:00Z").unwrap();
        assert_eq!((again.sources[0].full, again.sources[0].overlooked), (true, 0));
    }

    #[test]
    fn a_missing_folder_is_reported_and_the_next_source_is_read() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.json"), "{}").unwrap();
        let report =
            run(dir.path(), &[source("gone", "nowhere/*"), source("here", "*.json")], "2026-05-01T01:00:00Z").unwrap();
        let error = report.sources[0].error.as_ref().unwrap();
        assert_eq!(error.status() as u8, 3);
        assert!(error.to_string().contains("does not exist"), "{error}");
        assert_eq!(report.sources[1].landed.new, 1);
    }

    #[test]
    fn a_renamed_source_stops_the_run_until_it_says_so() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.json"), "{\"x\":1}").unwrap();
        run(dir.path(), &[source("old", "*.json")], "2026-05-01T01:00:00Z").unwrap();
        let error = run(dir.path(), &[source("new", "*.json")], "2026-05-02T01:00:00Z").unwrap_err();
        assert_eq!(error.status() as u8, 4);
        assert!(error.to_string().contains("formerly = [\"old\"]"), "{error}");
        let renamed = Source { formerly: vec!["old".into()], ..source("new", "*.json") };
        run(dir.path(), &[renamed], "2026-05-02T01:00:00Z").unwrap();
        let raw = Landing::open_read_only(&dir.path().join("state")).unwrap().raw_leads().unwrap();
        assert_eq!(raw.frame().column("source").unwrap().str().unwrap().get(0), Some("old"), "ids are made from it");
        assert_eq!(raw.height(), 1);
    }
}
