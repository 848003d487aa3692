//! Source `files`: raw leads in files found by a glob, such as dumps of a table or a container.
//!
//! A file is known by the SHA-256 of its bytes; one that is as it was is not cut again. Its key is its path relative to
//! the configuration file. What AzCopy 7 writes beside a dump (`.manifest`, `.schema.csv`), hidden files, and our own
//! state and output are passed over. Files come in the order of their paths.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{BufReader, Read, Seek};
use std::path::{Component, Path, PathBuf};

use chrono::{DateTime, Utc};
use globset::GlobBuilder;
use sha2::{Digest, Sha256};
use walkdir::{DirEntry, WalkDir};

use super::intake::{Intake, Object, Options};
use super::objects::together;
use super::records::Stopped;
use crate::error::{Error, Result, Status};
use crate::place;

/// A file found by a glob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// Its path relative to the configuration file, with `/`.
    pub key: String,
    /// The same as keys of raw leads write it: no two files share it, whatever bytes their names hold.
    pub place: String,
}

/// What a glob finds.
#[derive(Debug, Default)]
pub struct Listing {
    /// The files that fit, in the order of their keys.
    pub found: Vec<Found>,
    /// What may fit and cannot be looked at: where it is, and why (exit 3).
    pub unread: Vec<(PathBuf, Error)>,
}

/// The files that fit a glob. Relative globs start at `base`. What need not be read costs nothing: hidden files, links
/// to nowhere that do not fit, links that lead back to a folder above them.
///
/// # Errors
/// When the glob is wrong (exit 2), or its folder does not exist (exit 3).
pub fn find(glob: &str, base: &Path, keep_out: &[PathBuf]) -> Result<Listing> {
    let whole = tidy(&base.join(glob));
    let is_pattern = |c: &Component<'_>| c.as_os_str().to_string_lossy().contains(['*', '?', '[', '{']);
    let root: PathBuf = whole.components().take_while(|c| !is_pattern(c)).collect();
    if root == whole {
        return match root.metadata() {
            Ok(meta) if meta.is_dir() => find(&format!("{}/**/*", glob.trim_end_matches('/')), base, keep_out),
            Ok(_) => Ok(Listing { found: vec![Found::new(root, base)], unread: Vec::new() }),
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
    let is_hidden = |path: &Path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'));
    // What an office program keeps beside a file while it is open is no input.
    let is_lock = |path: &Path| path.file_name().is_some_and(|n| n.as_encoded_bytes().starts_with(b"~$"));
    let enter = |entry: &DirEntry| {
        let hidden = entry.depth() > 0 && (is_hidden(entry.path()) || is_lock(entry.path()));
        !hidden && !keep_out.iter().any(|k| k == entry.path())
    };
    let mut listing = Listing::default();
    for entry in WalkDir::new(&root).follow_links(true).into_iter().filter_entry(enter) {
        match entry {
            Ok(entry) if entry.file_type().is_file() && matcher.is_match(entry.path()) => {
                listing.found.push(Found::new(entry.into_path(), base));
            }
            Ok(_) => {}
            // All that is below such a link is found where it really is.
            Err(e) if e.loop_ancestor().is_some() => tracing::debug!("passed over a link to a folder above it"),
            Err(e) => {
                let path = e.path().unwrap_or(&root).to_path_buf();
                let is_folder = path.is_dir();
                if !is_hidden(&path) && !is_lock(&path) && (is_folder || matcher.is_match(&path)) {
                    let what = if is_folder { "folder" } else { "file" };
                    let why = e.io_error().map_or_else(|| e.to_string(), ToString::to_string);
                    let error = Error::partial(format!("cannot read {what} \"{}\"", key_of(&path, base)))
                        .because(why)
                        .hint("make it readable for this user, or take it away if it is a link to nowhere");
                    listing.unread.push((path, error));
                }
            }
        }
    }
    listing.found.sort_by(|a, b| a.key.cmp(&b.key).then_with(|| a.place.cmp(&b.place)));
    listing.unread.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(listing)
}

/// Reads a source of files.
pub(super) fn read(glob: &str, options: &Options<'_>, intake: &mut Intake<'_>) -> Result<()> {
    let Listing { found, unread } = find(glob, options.base, &options.keep_out)?;
    let known = intake.known_objects()?;
    let (mut leads, beside): (Vec<Found>, Vec<Found>) =
        found.into_iter().partition(|f| !f.key.ends_with(".manifest") && !f.key.ends_with(".schema.csv"));
    if !beside.is_empty() {
        tracing::debug!("{} files of export tools passed over", beside.len());
    }
    if leads.is_empty() && unread.is_empty() {
        intake.report.notes.push(format!("no file fits \"{glob}\""));
    }
    if let Some(sample) = intake.sample {
        let newest_first = |f: &Found| std::cmp::Reverse(f.path.metadata().and_then(|m| m.modified()).ok());
        leads.sort_by_cached_key(newest_first);
        leads.truncate(sample);
    }
    intake.expect(leads.len() as u64);
    let mut failures = Vec::new();
    for (path, error) in unread {
        let place = place_of(&path, options.base);
        intake.may_be_there(|name| {
            name.strip_prefix(&place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })?;
        failures.push(error);
    }
    for file in &leads {
        intake.is_there(&file.place)?;
    }
    // All that changed are looked at before any is taken: one may hold now what another held.
    let mut opened = Vec::new();
    for file in leads {
        match open(&file, known.get(&file.place), intake) {
            Ok(Some(ready)) => opened.push((file, ready)),
            Ok(None) => intake.bar.inc(1),
            Err(e) if e.status() == Status::Partial => failures.push(e),
            Err(e) => return Err(e),
        }
    }
    for (file, ready) in opened {
        intake.bar.inc(1);
        match one(&file, ready, intake) {
            Ok(()) => {}
            Err(e) if e.status() == Status::Partial => failures.push(e),
            Err(e) => return Err(e),
        }
    }
    together(failures)
}

/// A file that is to be taken.
struct Ready {
    before: (u64, Option<DateTime<Utc>>),
    version: String,
    as_before: bool,
}

/// What a file's bytes are, and what it holds if it changed; nothing where it is as it was and need not be read.
fn open(found: &Found, known: Option<&String>, intake: &mut Intake<'_>) -> Result<Option<Ready>> {
    let cannot = |e: std::io::Error| cannot(found, e);
    let mut file = File::open(&found.path).map_err(cannot)?;
    let metadata = file.metadata().map_err(cannot)?;
    let version = hash(&mut file).map_err(cannot)?;
    let as_before = known == Some(&version);
    if as_before && !intake.report.full {
        intake.report.unchanged_objects += 1;
        return Ok(None);
    }
    let before = (metadata.len(), modified(&metadata));
    if !as_before && intake.is_to_be_looked_at(&found.place)? {
        let modified_at = before.1.unwrap_or(intake.now);
        let looked = intake.look_at(&found.place, modified_at, &mut || again(&file));
        looked.map_err(|stopped| refused(found, stopped))?;
    }
    Ok(Some(Ready { before, version, as_before }))
}

/// Lands one file.
fn one(found: &Found, ready: Ready, intake: &mut Intake<'_>) -> Result<()> {
    let cannot = |e: std::io::Error| cannot(found, e);
    let file = File::open(&found.path).map_err(cannot)?;
    let modified_at = ready.before.1.unwrap_or(intake.now);
    let taken = intake.take_object(&found.place, modified_at, ready.as_before, &mut || again(&file));
    let after = file.metadata().map_err(cannot)?;
    let records = match taken {
        Ok(records) if ready.before == (after.len(), modified(&after)) => records,
        Ok(_) | Err(Stopped::Changing) => {
            intake.report.notes.push(format!("file \"{}\" is being written; the next run reads it again", found.key));
            return Ok(());
        }
        Err(stopped) => return Err(refused(found, stopped)),
    };
    let Ready { before: (bytes, _), version, .. } = ready;
    intake.object_taken(Object { name: found.place.clone(), version, bytes, modified_at, records });
    Ok(())
}

/// A file from its beginning.
fn again(file: &File) -> std::io::Result<Box<dyn Read + Send>> {
    let mut again = file.try_clone()?;
    again.rewind()?;
    Ok(Box::new(BufReader::new(again)))
}

fn cannot(found: &Found, e: std::io::Error) -> Error {
    Error::partial(format!("cannot read file \"{}\"", found.key)).because(e)
}

fn refused(found: &Found, stopped: Stopped) -> Error {
    match stopped {
        Stopped::Taker(e) => e,
        Stopped::Read(e) => cannot(found, e),
        Stopped::Refused(why) => Error::partial(format!("file \"{}\" was not taken in: {why}", found.key)),
        Stopped::Enough | Stopped::Changing => Error::partial(format!("file \"{}\" is being written", found.key)),
    }
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

impl Found {
    fn new(path: PathBuf, base: &Path) -> Found {
        Found { key: key_of(&path, base), place: place_of(&path, base), path }
    }
}

/// A path relative to the configuration file's folder, with `/` on every system, and a stand-in for what is no text.
fn key_of(path: &Path, base: &Path) -> String {
    relative(path, base).iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// The same as keys of raw leads write it.
fn place_of(path: &Path, base: &Path) -> String {
    relative(path, base).iter().map(|part| place::name(part.as_encoded_bytes())).collect::<Vec<_>>().join("/")
}

fn relative<'p>(path: &'p Path, base: &Path) -> Vec<&'p OsStr> {
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
    std::iter::repeat_n(OsStr::new(".."), steps).chain(rest.iter()).collect()
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
