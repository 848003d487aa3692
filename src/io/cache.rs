//! `state/cache/`: what can be made again, so that a night need not make it twice.
//!
//! A file is named by the hash of all that its content follows from, the program itself included, and begins with a
//! hash of name and content: what is spoiled or of another program is not found. It may be deleted at any time, and is where
//! leads or records are erased. What cannot be written is left out: it costs time and nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};
use tracing::debug;

use super::publish::{ASIDE, write_atomically};

/// Folder of the state.
pub const FOLDER: &str = "cache";

/// Bytes of the hash that a file begins with.
const HASH: usize = 32;

/// What is kept of one kind.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    /// What it is, as `leads`; the names of its files begin so.
    kind: &'static str,
    /// Tells this build from others of the same version.
    program: String,
    used: BTreeSet<String>,
}

impl Cache {
    /// What is kept of one kind below a state folder.
    pub fn open(state: &Path, kind: &'static str) -> Cache {
        Cache { folder: state.join(FOLDER), kind, program: program(), used: BTreeSet::new() }
    }

    /// The name for what follows from these texts, in this order, and from the program.
    pub fn name(&self, from: &[&str]) -> String {
        let mut hasher = Sha256::new();
        for text in std::iter::once(self.program.as_str()).chain(from.iter().copied()) {
            hasher.update((text.len() as u64).to_le_bytes());
            hasher.update(text);
        }
        format!("{}-{}", self.kind, hex::encode(hasher.finalize()))
    }

    /// What is kept under a name, if its bytes are those that were written.
    pub fn get(&mut self, name: &str) -> Option<Vec<u8>> {
        let mut bytes = fs::read(self.folder.join(name)).ok()?;
        let content = bytes.split_off(bytes.len().min(HASH));
        (bytes == hash(name, &content)).then(|| {
            self.used.insert(name.to_owned());
            content
        })
    }

    /// Keeps something under a name.
    pub fn put(&mut self, name: &str, content: &[u8]) {
        let bytes = [&hash(name, content), content].concat();
        match write_atomically(&self.folder.join(name), &bytes) {
            Ok(()) => drop(self.used.insert(name.to_owned())),
            Err(error) => debug!("nothing is kept for the next night: {error}"),
        }
    }

    /// Deletes what was neither asked for nor kept since it was opened, and what a killed run left half written.
    pub fn sweep(self) {
        let Ok(files) = fs::read_dir(&self.folder) else { return };
        let prefix = format!("{}-", self.kind);
        for file in files.flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            if name.starts_with(ASIDE) || (name.starts_with(&prefix) && !self.used.contains(&name)) {
                // It stays at worst.
                let _ = fs::remove_file(file.path());
            }
        }
    }
}

/// A hash of name and content: neither may be another's.
fn hash(name: &str, content: &[u8]) -> [u8; HASH] {
    Sha256::new().chain_update(name).chain_update(content).finalize().into()
}

/// The version, and size and time of the program's own file: another build may read the same bytes in another way.
fn program() -> String {
    let file = std::env::current_exe().and_then(fs::metadata);
    let written = file.as_ref().ok().and_then(|file| file.modified().ok()?.duration_since(UNIX_EPOCH).ok());
    let size = file.map(|file| file.len()).unwrap_or_default();
    format!("{} {size} {}", env!("CARGO_PKG_VERSION"), written.unwrap_or_default().as_nanos())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_kept_comes_back_and_what_is_spoiled_or_unused_does_not() {
        let state = tempfile::tempdir().unwrap();
        let mut cache = Cache::open(state.path(), "leads");
        let (one, other) = (cache.name(&["a", "bc"]), cache.name(&["ab", "c"]));
        assert_ne!(one, other);
        assert_eq!(cache.get(&one), None);
        cache.put(&one, b"content");
        cache.put(&other, b"");
        assert_eq!((cache.get(&one).unwrap(), cache.get(&other).unwrap()), (b"content".to_vec(), Vec::new()));
        let path = state.path().join(FOLDER).join(&one);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        let mut next = Cache::open(state.path(), "leads");
        for spoiled in [&b"short"[..], &[0; 40], b""] {
            fs::write(&path, spoiled).unwrap();
            assert_eq!(next.get(&one), None);
        }
        assert!(next.get(&other).is_some());
        fs::copy(path.with_file_name(&other), &path).unwrap();
        assert_eq!(next.get(&one), None, "it is another's");
        next.sweep();
        assert!(!path.exists() && path.with_file_name(&other).exists());
    }
}
