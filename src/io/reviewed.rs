//! Files that people write beside the configuration: reviewed decisions, worked leads, own queries and templates.

use std::fs;
use std::path::Path;

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
