//! The version of a state folder: `state/VERSION`, a number that grows when an older program would read it wrongly.
//!
//! Version 0.1 wrote no such file; what it wrote is taken over as it is.

use std::fs;
use std::path::Path;

use super::segments::{cannot, put};
use crate::error::{Error, Result};

/// The version that this program writes. 1 is what version 0.1 left, without the file; 2 remembers which leads each
/// object holds.
const VERSION: u32 = 2;

/// The file's name.
const FILE: &str = "VERSION";

/// Refuses a state that a newer program wrote.
///
/// # Errors
/// When it is newer than this program or the file is damaged (exit 4).
pub(super) fn check(state_dir: &Path) -> Result<()> {
    let path = state_dir.join(FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(cannot("read", &path, &e)),
    };
    match text.trim().parse::<u32>() {
        Ok(version) if version <= VERSION => Ok(()),
        Ok(version) => Err(Error::failed("this state was written by a newer leadrecon")
            .at(path.display())
            .because(format!("it is of version {version}, this program knows up to {VERSION}"))
            .hint("install that version again, or give this one another [state] dir; nothing was changed")),
        Err(_) => Err(Error::failed("the version of the state is damaged")
            .at(path.display())
            .hint(format!("expected a number; if no newer leadrecon ran here, write {VERSION} into the file"))),
    }
}

/// Says that the state is of this program's version from now on. Call it under the lock, after [`check`].
///
/// # Errors
/// When it cannot be written (exit 4).
pub(super) fn write(state_dir: &Path) -> Result<()> {
    let (path, text) = (state_dir.join(FILE), format!("{VERSION}\n"));
    if fs::read_to_string(&path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    put(&path, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_and_a_damaged_state_are_refused_and_an_older_one_is_taken_over() {
        let dir = tempfile::tempdir().unwrap();
        check(dir.path()).unwrap();
        write(dir.path()).unwrap();
        check(dir.path()).unwrap();
        for (text, what) in [("3\n", "newer leadrecon"), ("x", "is damaged")] {
            fs::write(dir.path().join(FILE), text).unwrap();
            let error = check(dir.path()).unwrap_err();
            assert_eq!(error.status() as u8, 4);
            assert!(error.to_string().contains(what), "{error}");
        }
    }
}
