//! The lock of a state folder: one run at a time. The file says who holds it, for whoever finds it held.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::segments::{cannot, make_dir};
use super::version;
use crate::error::{Error, Result};
use crate::io::process::host;

/// Who holds the lock, and since when.
fn sign(mut file: &File) -> std::io::Result<()> {
    let since = chrono::Utc::now().format("%Y-%m-%d %H:%M:%S UTC");
    file.set_len(0)?;
    file.write_all(format!("process {} on {} since {since}\n", std::process::id(), host()).as_bytes())
}

/// Takes the lock of a state folder, waiting up to `wait` for another run to end. It is held while the file lives.
///
/// # Errors
/// Exit 5 when another run holds it, 4 when the folder cannot be written or a newer program wrote it.
pub fn lock(state_dir: &Path, wait: Duration) -> Result<File> {
    make_dir(state_dir)?;
    let path = state_dir.join("lock");
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|e| cannot("open", &path, &e).hint("make the state folder writable for this user"))?;
    let until = Instant::now() + wait;
    loop {
        match file.try_lock() {
            Ok(()) => {
                version::check(state_dir)?;
                version::write(state_dir)?;
                sign(&file).map_err(|e| cannot("write", &path, &e))?;
                return Ok(file);
            }
            Err(TryLockError::Error(e)) => return Err(cannot("lock", &path, &e)),
            Err(TryLockError::WouldBlock) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(200).min(until - Instant::now()));
            }
            Err(TryLockError::WouldBlock) => {
                let holder = fs::read_to_string(&path).unwrap_or_default();
                let holder = if holder.is_empty() { "it does not say who it is" } else { holder.trim_end() };
                return Err(Error::locked("another run of leadrecon is using this state folder")
                    .at(state_dir.display())
                    .because(holder)
                    .hint("wait for it to end, or let this one wait with --wait 10m"));
            }
        }
    }
}
