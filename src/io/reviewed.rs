//! Files that people write beside the configuration: reviewed decisions, worked leads, own queries and templates.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::files;
use crate::error::{Error, Result};

/// Larger files than this are no hand-written ones, in bytes.
const LARGEST: u64 = 64 << 20;

/// The text of a reviewed file; nothing if none is configured or it is not there yet.
///
/// # Errors
/// When it cannot be read, is too large or no UTF-8 (exit 2).
pub fn text(path: Option<&Path>) -> Result<String> {
    let Some(path) = path else { return Ok(String::new()) };
    match fs::metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(String::new()),
        Ok(found) if found.len() > LARGEST => {
            return Err(Error::usage(format!("{} is too large for a reviewed file", path.display()))
                .because(format!("{} bytes, at most {LARGEST}", found.len())));
        }
        _ => {}
    }
    fs::read_to_string(path).map_err(|e| cannot_read(path, &e))
}

/// The bytes of a reviewed file, whatever program saved it; nothing if none is configured or it is not there yet.
///
/// # Errors
/// When it cannot be read or is too large (exit 3): the night's report is made without it.
pub fn bytes(path: Option<&Path>) -> Result<Vec<u8>> {
    let Some(path) = path else { return Ok(Vec::new()) };
    let cannot = |why: String| {
        Error::partial(format!("cannot read {}", path.display()))
            .because(why)
            .hint("it must be a table of at most 64 MiB that this user may read: CSV or an .xlsx workbook")
    };
    match fs::metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Ok(found) if found.len() > LARGEST => {
            return Err(cannot(format!("it has {} bytes, at most {LARGEST}", found.len())));
        }
        _ => {}
    }
    fs::read(path).map_err(|e| cannot(e.to_string()))
}

/// A reviewed file: its name relative to the configuration file, and its bytes, or why they cannot be read.
pub type Named = (String, Result<Vec<u8>>);

/// The reviewed files that globs name, in the order of their names. A file that is not there yet is none; what is there
/// and cannot be read is named. `keep_out`: folders of ours that no glob reaches into.
pub fn files(globs: &[String], base: &Path, keep_out: &[std::path::PathBuf]) -> Vec<Named> {
    let mut found: Vec<Named> = Vec::new();
    for glob in globs {
        let path = base.join(glob);
        let is_new = !glob.contains(['*', '?', '[', '{']) && path.symlink_metadata().is_err();
        if is_new && path.parent().is_some_and(Path::is_dir) {
            continue;
        }
        match files::find(glob, base, keep_out) {
            Ok(listing) => {
                found.extend(listing.found.into_iter().map(|file| (file.key, bytes(Some(&file.path)))));
                found.extend(listing.unread.into_iter().map(|(_, problem)| (glob.clone(), Err(problem))));
            }
            Err(problem) => found.push((glob.clone(), Err(problem))),
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found.dedup_by(|a, b| a.0 == b.0 && a.1.is_ok() && b.1.is_ok());
    found
}

/// The file that `close` keeps, where it is there.
pub fn own(path: &Path, base: &Path) -> Option<Named> {
    path.symlink_metadata().ok()?;
    Some((path.strip_prefix(base).unwrap_or(path).display().to_string(), bytes(Some(path))))
}

/// The hash by which a reviewed file is known under another name.
pub fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Files of a user's folder, those with this ending (all if empty), as (path below the folder, text), sorted.
///
/// # Errors
/// When the folder is configured and cannot be read (exit 2).
pub fn overrides(folder: Option<&Path>, ending: &str) -> Result<Vec<(String, String)>> {
    let Some(folder) = folder else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name().max_depth(4) {
        let entry = entry.map_err(|e| {
            Error::usage(format!("cannot read the folder {}", folder.display()))
                .because(e)
                .hint("[output] queries and templates name folders; leave them out for the built-in ones")
        })?;
        let fits = ending.is_empty() || entry.path().extension().is_some_and(|e| e == ending);
        if entry.file_type().is_file() && fits {
            let name = entry.path().strip_prefix(folder).unwrap_or(entry.path()).to_string_lossy().into_owned();
            found.push((name, text(Some(entry.path()))?));
        }
    }
    Ok(found)
}

fn cannot_read(path: &Path, error: &std::io::Error) -> Error {
    Error::usage(format!("cannot read {}", path.display()))
        .because(error)
        .hint("it must be a UTF-8 text file that this user may read")
}
