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

use super::intake::{Intake, Object, Options};
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
