//! Source `files`: raw leads in files found by a glob, such as dumps of a table or a container.
//!
//! A file is known by the SHA-256 of its bytes; one that is as it was is not cut again. Its key is its path relative to
//! the configuration file. What AzCopy 7 writes beside a dump (`.manifest`, `.schema.csv`), hidden files, and our own
//! state and output are passed over. Files come in the order of their paths.

use std::fs::{File, Metadata};
use std::io::{BufReader, Read, Seek};
use std::path::{Component, Path, PathBuf};

use chrono::{DateTime, Utc};
use globset::GlobBuilder;
use sha2::{Digest, Sha256};
use walkdir::{DirEntry, WalkDir};

use super::fetch::{Intake, Object, Options};
use super::records::Stopped;
use crate::error::{Error, Result};

/// A file found by a glob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// Its path relative to the configuration file, with `/`.
    pub key: String,
}

/// The files that fit a glob, in the order of their keys. Relative globs start at `base`.
///
/// # Errors
/// When the glob is wrong (exit 2), or its folder does not exist or cannot be read (exit 3).
pub fn find(glob: &str, base: &Path, keep_out: &[PathBuf]) -> Result<Vec<Found>> {
    let whole = tidy(&base.join(glob));
    let is_pattern = |c: &Component<'_>| c.as_os_str().to_string_lossy().contains(['*', '?', '[', '{']);
    let root: PathBuf = whole.components().take_while(|c| !is_pattern(c)).collect();
    if root == whole {
        return match root.metadata() {
            Ok(meta) if meta.is_dir() => find(&format!("{}/**/*", glob.trim_end_matches('/')), base, keep_out),
            Ok(_) => Ok(vec![Found { key: key_of(&root, base), path: root }]),
            Err(e) => Err(Error::partial(format!("cannot read file \"{glob}\"")).because(e)),
        };
    }
    let matcher = GlobBuilder::new(&whole.to_string_lossy())
        .literal_separator(true)
        .build()
        .map_err(|e| Error::usage(format!("glob \"{glob}\" cannot be used")).because(e))?
        .compile_matcher();
    if !root.is_dir() {
        return Err(Error::partial(format!("folder \"{}\" of glob \"{glob}\" does not exist", root.display()))
            .hint("paths are relative to the configuration file"));
    }
    let keep_out: Vec<PathBuf> = keep_out.iter().map(|p| tidy(&base.join(p))).collect();
    let enter = |entry: &DirEntry| {
        let hidden = entry.depth() > 0 && entry.file_name().to_string_lossy().starts_with('.');
        !hidden && !keep_out.iter().any(|k| k == entry.path())
    };
    let mut found = Vec::new();
    for entry in WalkDir::new(&root).follow_links(true).into_iter().filter_entry(enter) {
        let entry = entry.map_err(|e| Error::partial(format!("cannot list the files of \"{glob}\"")).because(e))?;
        if entry.file_type().is_file() && matcher.is_match(entry.path()) {
            found.push(Found { key: key_of(entry.path(), base), path: entry.into_path() });
        }
    }
    found.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(found)
}

/// Reads a source of files.
pub(super) fn read(glob: &str, options: &Options<'_>, intake: &mut Intake<'_>) -> Result<()> {
    let found = find(glob, options.base, &options.keep_out)?;
    let mut known = intake.known_objects()?;
    let (leads, beside): (Vec<Found>, Vec<Found>) =
        found.into_iter().partition(|f| !f.key.ends_with(".manifest") && !f.key.ends_with(".schema.csv"));
    if !beside.is_empty() {
        tracing::debug!("{} files of export tools passed over", beside.len());
    }
    if leads.is_empty() {
        intake.report.notes.push(format!("no file fits \"{glob}\""));
    }
    let mut leads = leads;
    if let Some(sample) = intake.sample {
        let newest_first = |f: &Found| std::cmp::Reverse(f.path.metadata().and_then(|m| m.modified()).ok());
        leads.sort_by_cached_key(newest_first);
        leads.truncate(sample);
    }
    intake.expect(leads.len() as u64);
    let mut failures = Vec::new();
    for file in leads {
        intake.bar.inc(1);
        if let Err(e) = one(&file, known.remove(&file.key), intake) {
            if e.status() != crate::error::Status::Partial {
                return Err(e);
            }
            failures.push(e);
        }
    }
    match failures.len() {
        0 => Ok(()),
        1 => Err(failures.remove(0)),
        n => Err(failures.remove(0).because(format!("{n} files cannot be read; this is the first"))),
    }
}

/// Lands one file, if it is not as it was.
fn one(found: &Found, known: Option<String>, intake: &mut Intake<'_>) -> Result<()> {
    let cannot = |e: std::io::Error| Error::partial(format!("cannot read file \"{}\"", found.key)).because(e);
    let mut file = File::open(&found.path).map_err(cannot)?;
    let before = file.metadata().map_err(cannot)?;
    let version = hash(&mut file).map_err(cannot)?;
    let as_before = known.as_ref() == Some(&version);
    if as_before && !intake.report.full {
        intake.report.unchanged_objects += 1;
        return Ok(());
    }
    let modified_at = modified(&before).unwrap_or(intake.now);
    let open = || {
        let mut again = file.try_clone()?;
        again.rewind()?;
        Ok(Box::new(BufReader::new(again)) as Box<dyn Read>)
    };
    let records = intake.take_object(&found.key, modified_at, as_before, open).map_err(|e| match e {
        Stopped::Read(e) => cannot(e),
        Stopped::Taker(e) => e,
    })?;
    let after = file.metadata().map_err(cannot)?;
    if (before.len(), modified(&before)) != (after.len(), modified(&after)) {
        intake.report.notes.push(format!("file \"{}\" is being written; the next run reads it again", found.key));
        return Ok(());
    }
    intake.object_taken(Object { name: found.key.clone(), version, bytes: before.len(), modified_at, records });
    Ok(())
}

fn hash(file: &mut File) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            return Ok(hex::encode(hasher.finalize()));
        }
        hasher.update(buffer.get(..n).unwrap_or_default());
    }
}

fn modified(metadata: &Metadata) -> Option<DateTime<Utc>> {
    metadata.modified().ok().map(DateTime::<Utc>::from)
}

/// A path without `.` and with `..` resolved by name, so that a glob finds what the user means.
fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(tidy.components().next_back(), Some(Component::Normal(_))) => {
                tidy.pop();
            }
            other => tidy.push(other),
        }
    }
    tidy
}

/// A path relative to the configuration file's folder, with `/` on every system.
fn key_of(path: &Path, base: &Path) -> String {
    let base = tidy(base);
    let mut up = base.as_path();
    let mut steps = 0;
    let rest = loop {
        if let Ok(rest) = path.strip_prefix(up) {
            break rest;
        }
        match up.parent() {
            Some(parent) => up = parent,
            None => break path,
        }
        steps += 1;
    };
    let parts = std::iter::repeat_n("..".into(), steps).chain(rest.iter().map(|p| p.to_string_lossy()));
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Place, Source};
    use crate::io::fetch::{FetchReport, Reported, Verdict, check_source, fetch};
    use crate::io::landing::Landing;
    use chrono::TimeDelta;
    use std::fs;
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
    fn a_check_tells_the_age_of_the_newest_lead_and_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.json"), "{\"x\":\"MSFT_TEST_1\"}").unwrap();
        let options = Options { base: dir.path(), keep_out: Vec::new(), rescan: false, progress: false };
        let lines = check_source(&source("here", "*.json"), Reported::default(), crate::io::now(), &options);
        let texts: Vec<_> = lines.iter().map(|l| l.text.split(": ").next().unwrap()).collect();
        assert_eq!(texts, ["readable (files)", "newest lead", "newest test lead (MSFT_TEST)"]);
        assert!(lines.iter().all(|l| l.verdict == Verdict::Good && !l.text.contains("a.json")), "{lines:?}");
        fs::write(dir.path().join("a.json"), "{\"x\":1}").unwrap();
        let reported = Reported { newest: None, newest_test: Some("2026-05-01T10:00:00Z".parse().unwrap()) };
        let lines = check_source(&source("here", "*.json"), reported, crate::io::now(), &options);
        let told = "no test lead (MSFT_TEST) in the newest 50 files; the last report knows one of 2026-05-01 10:00 UTC";
        assert!(lines[2].verdict == Verdict::Doubtful && lines[2].text.starts_with(told), "{lines:?}");
        let lines = check_source(&source("gone", "nowhere/*"), Reported::default(), crate::io::now(), &options);
        assert_eq!((lines.len(), lines[0].verdict), (1, Verdict::Bad));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
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

    #[test]
    fn keys_are_relative_to_the_configuration() {
        for (path, base, key) in [
            ("/a/b/c.json", "/a", "b/c.json"),
            ("/a/x/c.json", "/a/b", "../x/c.json"),
            ("/a/c.json", "/a/./b/..", "c.json"),
        ] {
            assert_eq!(key_of(Path::new(path), Path::new(base)), key);
        }
    }
}
