//! The state in Blob storage, for a job whose machine keeps no disk.
//!
//! ```text
//! head.json          generation, its id, the ids before it, and every file with its hash
//! files/<sha256>     the files, named by what they hold
//! ```
//!
//! A command that writes state holds a lease on the head while it works, brings in the head if it is newer, and at its end
//! sends files first and then the head, on the condition that it is still the one it began from. Whoever lost the lease
//! ends 5 and leaves the head alone. Nothing is merged: a state of a generation that the head does not know is refused.
//! What the new head does not name is deleted, so that what was forgotten is gone from here, too.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{NaiveDate, TimeDelta};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tracing::info;

use super::azure::store::{Lease, On, Store};
use super::landing;
use super::publish::{self, MANIFEST, cannot, hash_file, private_dir, write_atomically};
use crate::config::Mirror;
use crate::error::{Error, Result, Status, count};

const HEAD: &str = "head.json";
/// What this machine knows of the mirror, in the state folder.
const KNOWN: &str = "mirror.json";
/// What of the state folder is of this machine alone.
const OF_THIS_MACHINE: [&str; 3] = [KNOWN, "lock", "cache"];
/// How long bringing in and sending may take together.
const DEADLINE: TimeDelta = TimeDelta::hours(6);
/// Generations that a head remembers.
const REMEMBERED: usize = 5_000;

/// What a mirror holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    generation: u64,
    id: String,
    /// Ids of the generations before, the newest last.
    before: Vec<String>,
    files: BTreeMap<String, File>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct File {
    sha256: String,
    bytes: u64,
}

/// What this machine has of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    generation: u64,
    id: String,
    /// Set while a head is brought in: until it is whole, the files are of no generation.
    half: bool,
}

/// A command at work on a mirrored state.
pub struct Session {
    store: Arc<Store>,
    lease: Lease,
    state: PathBuf,
    /// Files in the state folder that are not mirrored.
    beside: Vec<PathBuf>,
    head: Head,
    version: String,
}

impl Session {
    /// Takes the lease, waiting up to `wait` for another, and brings in the head if it is newer.
    ///
    /// # Errors
    /// Exit 5 while another machine holds the lease; 4 where the mirror cannot be reached, or the state here is of a
    /// generation that the head does not know.
    pub fn begin(mirror: &Mirror, state: &Path, beside: &[&Path], wait: Duration) -> Result<Session> {
        let open = || -> Result<(Arc<Store>, Lease)> {
            let store = Store::open(&mirror.address, &mirror.auth, mirror.endpoint.as_deref(), DEADLINE)?;
            let store = Arc::new(store);
            // The first machine makes the head that is leased; of two the service takes one.
            store.put(HEAD, &json(&Head::default())?, On::Absent)?;
            let until = Instant::now() + wait;
            loop {
                if let Some(lease) = store.lease(HEAD)? {
                    return Ok((store, lease));
                }
                if Instant::now() >= until {
                    return Err(Error::locked("another machine is using the mirror of this state")
                        .at(&mirror.address)
                        .hint(
                            "wait for it to end, or let this one wait with --wait 10m; after a crash, for a minute",
                        ));
                }
                std::thread::sleep(Duration::from_millis(500).min(until.saturating_duration_since(Instant::now())));
            }
        };
        let (store, lease) = open().map_err(fatal)?;
        let (bytes, version) = store
            .get(HEAD)
            .map_err(fatal)?
            .ok_or_else(|| Error::failed("the head of the mirror is gone").at(&mirror.address))?;
        let head: Head = serde_json::from_slice(&bytes).map_err(|e| {
            Error::failed("the head of the mirror is damaged").at(&mirror.address).because(e).hint(
                "restore head.json from an earlier version of the blob; the files beside it are named by their hashes",
            )
        })?;
        let beside = beside.iter().map(|path| (*path).to_owned()).collect();
        let session = Session { store, lease, state: state.to_owned(), beside, head, version };
        // A run that is offline may be using the folder.
        let _lock = landing::lock(state, wait)?;
        session.bring_in()?;
        Ok(session)
    }

    /// Makes the state folder that of the head, where it is older.
    fn bring_in(&self) -> Result<()> {
        let path = self.state.join(KNOWN);
        let known: Option<Known> = match fs::read(&path) {
            Ok(bytes) => Some(serde_json::from_slice(&bytes).map_err(|e| {
                Error::failed(format!("{} is damaged", path.display())).because(e).hint("move the state folder away")
            })?),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
            Err(e) => return Err(cannot("read", &path, &e)),
        };
        let here = self.files_here()?;
        let refused = |why: &str| {
            Error::failed("the state here is not one that the mirror knows").at(self.state.display()).because(why).hint(
                "nothing is merged: if the mirror is right, move this state folder away and run again; if this state is \
                 right, name another prefix for the mirror",
            )
        };
        match &known {
            None if self.head.generation == 0 => return Ok(()),
            // Taking the lock wrote the version.
            None if here.iter().all(|name| name == "VERSION") => {}
            None => return Err(refused("it was never mirrored there, and the mirror holds another")),
            Some(known) if known.half => {}
            Some(known) if known.id == self.head.id => return Ok(()),
            Some(known) if self.head.before.contains(&known.id) => {}
            Some(known) => return Err(refused(&format!("its generation is {}", known.generation))),
        }
        let half = Known { half: true, ..known.unwrap_or_default() };
        write_atomically(&path, &json(&half)?)?;
        let mut brought = 0;
        for (name, file) in &self.head.files {
            let path = self.state.join(name);
            if !hash_file(&path).is_ok_and(|(_, sha256)| sha256 == file.sha256) {
                write_atomically(&path, &self.file(name, file)?)?;
                brought += 1;
            }
        }
        for name in here.iter().filter(|name| !self.head.files.contains_key(*name)) {
            let path = self.state.join(name);
            fs::remove_file(&path).map_err(|e| cannot("delete", &path, &e))?;
        }
        write_atomically(&path, &json(&self.known())?)?;
        info!("generation {} of the state brought in: {}", self.head.generation, count(brought, "file", "files"));
        Ok(())
    }

    fn known(&self) -> Known {
        Known { generation: self.head.generation, id: self.head.id.clone(), half: false }
    }

    /// A file of the head, which is what its name says.
    fn file(&self, name: &str, file: &File) -> Result<Vec<u8>> {
        if file.bytes == 0 {
            return Ok(Vec::new());
        }
        let got = self.store.get(&format!("files/{}", file.sha256)).map_err(fatal)?;
        let bytes = got.map(|(bytes, _)| bytes).unwrap_or_default();
        if hex::encode(Sha256::digest(&bytes)) != file.sha256 {
            return Err(Error::failed(format!("{name} is missing or damaged in the mirror"))
                .hint("restore the blob from an earlier version, or from a machine that has the state"));
        }
        Ok(bytes)
    }

    /// The names of the files that are mirrored, relative to the state folder.
    fn files_here(&self) -> Result<BTreeSet<String>> {
        let mut found = BTreeSet::new();
        if !self.state.is_dir() {
            return Ok(found);
        }
        let is_ours = |entry: &walkdir::DirEntry| {
            let name = entry.file_name().to_string_lossy();
            let of_this_machine = entry.depth() == 1 && OF_THIS_MACHINE.contains(&name.as_ref());
            // What begins with a dot is being written, or was when the process ended.
            entry.depth() == 0
                || !(name.starts_with('.') || of_this_machine || self.beside.iter().any(|path| path == entry.path()))
        };
        for entry in walkdir::WalkDir::new(&self.state).into_iter().filter_entry(is_ours) {
            let entry = entry.map_err(|e| Error::failed("cannot list the state folder").because(e))?;
            let relative = entry.path().strip_prefix(&self.state).unwrap_or(entry.path());
            if entry.file_type().is_file()
                && let Some(name) = relative.to_str()
            {
                found.insert(name.to_owned());
            }
        }
        Ok(found)
    }

    /// Sends what changed, files first, then the head; what the head does not name any more is deleted.
    ///
    /// # Errors
    /// Exit 5 where the lease was lost: the head is as it was. 4 where the mirror cannot be written: the state here goes
    /// with the next run.
    pub fn send(mut self) -> Result<()> {
        let lock = landing::lock(&self.state, Duration::from_secs(10))?;
        let lost = || {
            Error::locked("another machine took the mirror of this state while this one worked")
                .hint("what this one did is not in the mirror; run it again")
        };
        let mut files = BTreeMap::new();
        let mut sent = 0;
        let stands: BTreeSet<String> = self.head.files.values().map(|file| file.sha256.clone()).collect();
        for name in self.files_here()? {
            let path = self.state.join(&name);
            let (bytes, sha256) = hash_file(&path).map_err(|e| cannot("read", &path, &e))?;
            if bytes > 0 && !stands.contains(&sha256) && !files.values().any(|file: &File| file.sha256 == sha256) {
                if self.lease.is_lost() {
                    return Err(lost());
                }
                let held = fs::read(&path).map_err(|e| cannot("read", &path, &e))?;
                self.store.put(&format!("files/{sha256}"), &held, On::Any).map_err(fatal)?;
                sent += 1;
            }
            files.insert(name, File { sha256, bytes });
        }
        if files != self.head.files {
            self.advance(files, lost)?;
            info!("generation {} of the state sent: {}", self.head.generation, count(sent, "file", "files"));
        }
        self.sweep()?;
        drop(lock);
        Ok(())
    }

    /// Writes the next head, on the condition that it follows the one that was brought in.
    fn advance(&mut self, files: BTreeMap<String, File>, lost: impl Fn() -> Error) -> Result<()> {
        let mut id = [0; 8];
        getrandom::fill(&mut id).map_err(|e| Error::failed("the system gives no random bytes").because(e))?;
        let mut before = self.head.before.clone();
        if self.head.generation > 0 {
            before.push(self.head.id.clone());
        }
        let too_many = before.len().saturating_sub(REMEMBERED);
        before.drain(..too_many);
        let next = Head { generation: self.head.generation + 1, id: hex::encode(id), before, files };
        if self.lease.is_lost() {
            return Err(lost());
        }
        if !self.store.put(HEAD, &json(&next)?, On::Version(&self.version, self.lease.id)).map_err(fatal)? {
            // The answer to a head that was taken may have been lost on the way.
            let stands = self.store.get(HEAD).map_err(fatal)?;
            if !stands.is_some_and(|(bytes, _)| serde_json::from_slice::<Head>(&bytes).is_ok_and(|h| h.id == next.id)) {
                return Err(lost());
            }
        }
        self.head = next;
        write_atomically(&self.state.join(KNOWN), &json(&self.known())?)
    }

    /// Deletes what the head does not name: what was joined, forgotten, or sent by a run that did not come to its end.
    fn sweep(&self) -> Result<()> {
        let named: BTreeSet<String> = self.head.files.values().map(|file| format!("files/{}", file.sha256)).collect();
        for name in self.store.list("files/").map_err(fatal)? {
            if !named.contains(&name) {
                // Whoever has the lease now may be sending it; the next run sweeps.
                if !self.lease.is_held() {
                    return Ok(());
                }
                self.store.delete(&name).map_err(fatal)?;
            }
        }
        Ok(())
    }
}

/// What a mirror holds, in words, and whether it can be read at all. Nothing is changed.
///
/// # Errors
/// When it cannot be reached or read (exit 3).
pub fn told(mirror: &Mirror) -> Result<String> {
    const TRIED_FOR: TimeDelta = TimeDelta::seconds(20);
    let store = Store::open(&mirror.address, &mirror.auth, mirror.endpoint.as_deref(), TRIED_FOR)?.tried();
    if let Some((bytes, _)) = store.get(HEAD)? {
        let head: Head = serde_json::from_slice(&bytes).map_err(|e| {
            Error::partial("its head is damaged")
                .because(e)
                .hint("restore head.json from an earlier version of the blob")
        })?;
        let files = count(head.files.len(), "file", "files");
        return Ok(format!("readable; generation {} of the state, {files}", head.generation));
    }
    Ok(match store.list("latest/")?.len() {
        0 => "readable, and empty".to_owned(),
        n => format!("readable; the latest report has {}", count(n, "file", "files")),
    })
}

/// A mirror that cannot be used stops a command: without it the state would go its own way.
fn fatal(error: Error) -> Error {
    if error.status() != Status::Partial {
        return error;
    }
    let failed = Error::failed(error.what());
    let failed = error.cause().map(str::to_owned).into_iter().fold(failed, |failed, cause| failed.because(cause));
    failed.hint(error.advice().unwrap_or("the state here is as it was; run again when the mirror can be reached"))
}

fn json(of: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(of).map_err(|e| Error::failed("cannot write JSON").because(e))
}

/// Sends a dated folder, and then `latest/`, whose manifest comes last: a reader who begins there finds the hash of every
/// file that belongs to it. Dated folders of days before `oldest` go, unless they were written since.
///
/// # Errors
/// When the mirror cannot be written (exit 4).
pub fn send_output(mirror: &Mirror, folder: &Path, is_latest: bool, oldest: NaiveDate) -> Result<()> {
    let store = Store::open(&mirror.address, &mirror.auth, mirror.endpoint.as_deref(), DEADLINE).map_err(fatal)?;
    let day = name_of(folder);
    send_folder(&store, folder, is_latest)?;
    let is_old = |day: &str| NaiveDate::parse_from_str(day, "%Y-%m-%d").is_ok_and(|day| day < oldest);
    delete_days(&store, |other, written| is_old(other) && written < oldest && other != day)?;
    info!("the report of {day} sent to its mirror");
    Ok(())
}

/// Sends every report that stands here and deletes all others from the mirror: after a person was forgotten, none that
/// still holds them may stay. What is deleted can be made again from the state.
///
/// # Errors
/// When the mirror cannot be written (exit 4).
pub fn send_only_these(mirror: &Mirror, out: &Path) -> Result<()> {
    let store = Store::open(&mirror.address, &mirror.auth, mirror.endpoint.as_deref(), DEADLINE).map_err(fatal)?;
    let folders = publish::dated_folders(out)?;
    let last = folders.last().map(|(_, folder)| folder.clone());
    for (_, folder) in &folders {
        send_folder(&store, folder, last.as_ref() == Some(folder))?;
    }
    delete_days(&store, |day, _| !folders.iter().any(|(_, folder)| name_of(folder) == day))
}

fn name_of(folder: &Path) -> String {
    folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn send_folder(store: &Store, folder: &Path, is_latest: bool) -> Result<()> {
    let mut files: Vec<String> = Vec::new();
    for entry in walkdir::WalkDir::new(folder) {
        let entry = entry.map_err(|e| Error::failed("cannot list the report").because(e))?;
        if entry.file_type().is_file()
            && let Some(name) = entry.path().strip_prefix(folder).ok().and_then(Path::to_str)
        {
            files.push(name.to_owned());
        }
    }
    files.sort_by_key(|name| (name == MANIFEST, name.clone()));
    let day = name_of(folder);
    for place in std::iter::once(day.as_str()).chain(is_latest.then_some("latest")) {
        for name in &files {
            let path = folder.join(name);
            let bytes = fs::read(&path).map_err(|e| cannot("read", &path, &e))?;
            store.put(&format!("{place}/{name}"), &bytes, On::Any).map_err(fatal)?;
        }
        let below = format!("{place}/");
        for stale in store.list(&below).map_err(fatal)? {
            if stale.strip_prefix(&below).is_some_and(|name| !files.iter().any(|file| file == name)) {
                store.delete(&stale).map_err(fatal)?;
            }
        }
    }
    Ok(())
}

/// Deletes the dated folders that are told by their day and by the day on which they were written last.
fn delete_days(store: &Store, is_one: impl Fn(&str, NaiveDate) -> bool) -> Result<()> {
    let listed = store.list_written("").map_err(fatal)?;
    let day_of = |name: &str| -> Option<String> {
        let day = name.split('/').next().unwrap_or_default();
        let is_day = day.len() == 10 && NaiveDate::parse_from_str(day, "%Y-%m-%d").is_ok();
        is_day.then(|| day.to_owned())
    };
    let mut written: BTreeMap<String, NaiveDate> = BTreeMap::new();
    for (day, at) in listed.iter().filter_map(|(name, at)| Some((day_of(name)?, at.date_naive()))) {
        let last = written.entry(day).or_insert(at);
        *last = at.max(*last);
    }
    for (name, _) in &listed {
        if day_of(name).is_some_and(|day| written.get(&day).is_some_and(|at| is_one(&day, *at))) {
            store.delete(name).map_err(fatal)?;
        }
    }
    Ok(())
}

/// Brings in the latest report, where none stands here.
///
/// # Errors
/// When the mirror cannot be read (exit 4).
pub fn bring_output(mirror: &Mirror, out: &Path) -> Result<()> {
    if out.join("latest").exists() {
        return Ok(());
    }
    let store = Store::open(&mirror.address, &mirror.auth, mirror.endpoint.as_deref(), DEADLINE).map_err(fatal)?;
    let names = store.list("latest/").map_err(fatal)?;
    let Some((manifest, _)) = store.get(&format!("latest/{MANIFEST}")).map_err(fatal)? else { return Ok(()) };
    let told: serde_json::Value =
        serde_json::from_slice(&manifest).map_err(|e| Error::failed("the mirrored report is damaged").because(e))?;
    let day = told["as_of"].as_str().filter(|day| NaiveDate::parse_from_str(day, "%Y-%m-%d").is_ok());
    let day = day.ok_or_else(|| Error::failed("the mirrored report names no day"))?.to_owned();
    private_dir(out)?;
    for name in names {
        let relative = name.strip_prefix("latest/").unwrap_or(&name);
        if relative.split('/').any(|step| step.is_empty() || step == "..") {
            continue;
        }
        if let Some((bytes, _)) = store.get(&name).map_err(fatal)? {
            write_atomically(&out.join(&day).join(relative), &bytes)?;
        }
    }
    let link = out.join("latest");
    std::os::unix::fs::symlink(&day, &link).map_err(|e| cannot("write", &link, &e))
}
