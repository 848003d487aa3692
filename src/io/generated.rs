//! A generated publisher on disk: files written in pieces, each with the time it shall carry.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::{DateTime, Utc};

use crate::error::{Error, Result};
use crate::generate::{MARK, Sink};

/// A folder that a publisher is written into.
#[derive(Debug)]
pub struct Generated {
    dir: PathBuf,
    open: Vec<Option<(File, PathBuf, Option<DateTime<Utc>>)>>,
}

/// What an earlier publisher may have left in the folder, besides single files that are overwritten.
const OURS: [&str; 3] = ["raw", "exports", "truth"];

impl Generated {
    /// Takes a folder that is empty, is not there, or holds an earlier generated publisher, whose data are deleted.
    ///
    /// # Errors
    /// When it holds anything else (exit 2), or cannot be made (exit 4).
    pub fn new(dir: &Path) -> Result<Generated> {
        let mark = fs::read_to_string(dir.join("leadrecon.toml")).unwrap_or_default();
        if mark.starts_with(MARK) {
            for folder in OURS {
                match fs::remove_dir_all(dir.join(folder)) {
                    Err(e) if e.kind() != ErrorKind::NotFound => return Err(cannot("delete", &dir.join(folder), &e)),
                    _ => {}
                }
            }
        } else if fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(Error::usage(format!("{} is not empty and no generated publisher", dir.display()))
                .hint("name a folder that does not exist yet"));
        }
        fs::create_dir_all(dir).map_err(|e| cannot("make", dir, &e))?;
        Ok(Generated { dir: dir.to_owned(), open: Vec::new() })
    }
}

impl Sink for Generated {
    fn create(&mut self, path: &str, modified: Option<DateTime<Utc>>) -> Result<usize> {
        let path = self.dir.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|e| cannot("make", parent, &e))?;
        }
        let file = File::create(&path).map_err(|e| cannot("write", &path, &e))?;
        self.open.push(Some((file, path, modified)));
        Ok(self.open.len() - 1)
    }

    fn append(&mut self, file: usize, bytes: &[u8]) -> Result<()> {
        match self.open.get_mut(file) {
            Some(Some((file, path, _))) => file.write_all(bytes).map_err(|e| cannot("write", path, &e)),
            _ => Ok(()),
        }
    }

    fn close(&mut self, file: usize) -> Result<()> {
        let Some(Some((file, path, modified))) = self.open.get_mut(file).map(Option::take) else { return Ok(()) };
        match modified {
            Some(time) => file.set_modified(SystemTime::from(time)).map_err(|e| cannot("date", &path, &e)),
            None => Ok(()),
        }
    }
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::failed(format!("cannot {what} {}", path.display())).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::{Plan, write};

    #[test]
    fn a_folder_of_somebody_else_is_left_alone_and_one_of_ours_is_written_again() {
        let dir = tempfile::tempdir().unwrap();
        let plan = Plan { leads: 20, ..Plan::demo() };
        for _ in 0..2 {
            write(&plan, &mut Generated::new(dir.path()).unwrap()).unwrap();
            fs::write(dir.path().join("raw/table/left-over.ndjson"), b"{}").unwrap();
        }
        write(&plan, &mut Generated::new(dir.path()).unwrap()).unwrap();
        assert!(!dir.path().join("raw/table/left-over.ndjson").exists());
        fs::write(dir.path().join("leadrecon.toml"), b"# mine\n").unwrap();
        assert_eq!(Generated::new(dir.path()).unwrap_err().status() as u8, 2);
    }
}
