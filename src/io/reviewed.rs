//! Files that people write beside the configuration: reviewed decisions, worked leads, own queries and templates.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::azure::{self, Cloud};
use super::exports::Input;
use super::files;
use crate::config::{Config, Reviewed, is_elsewhere};
use crate::crm::Users;
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

/// A reviewed file: its name relative to the configuration file, or its address, and what it holds or why that is not known.
pub struct Named {
    /// As messages name it.
    pub name: String,
    /// Its bytes and when they were written, or why they cannot be read (exit 3).
    pub read: Result<Held>,
}

/// What a file holds.
pub struct Held {
    /// All of it.
    pub bytes: Vec<u8>,
    /// When it was last written.
    pub modified: DateTime<Utc>,
    /// Its version, where it is a blob.
    pub etag: Option<String>,
}

impl Named {
    /// The file without its bytes, for the manifest; nothing where they are not known.
    pub fn input(&self) -> Option<Input> {
        let held = self.read.as_ref().ok()?;
        Some(Input {
            name: self.name.clone(),
            bytes: held.bytes.len(),
            sha256: hash(&held.bytes),
            modified: held.modified,
            etag: held.etag.clone(),
        })
    }
}

/// From where, and how far, reviewed files are looked for.
#[derive(Clone, Copy, Debug)]
pub struct Reach<'a> {
    /// Folder of the configuration file.
    pub base: &'a Path,
    /// Folders of ours that no glob reaches into.
    pub keep_out: [&'a Path; 2],
    /// Whether what stands at `az://` is asked for.
    pub network: Network,
}

/// Whether what stands elsewhere is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// It is.
    Asked,
    /// It is, and what does not answer at once is told at once: somebody waits.
    Tried,
    /// It is not: what was read of it last holds.
    Offline,
}

impl<'a> Reach<'a> {
    /// From the configuration's own folder, past state and output.
    pub fn of(config: &'a Config, network: Network) -> Reach<'a> {
        Reach { base: &config.base, keep_out: [&config.state_dir, &config.output.dir], network }
    }
}

/// The reviewed files that paths and globs name, in the order of their names. A file that is not there yet is none; what is
/// there and cannot be read is named.
pub fn files(from: &Reviewed, reach: Reach<'_>) -> Vec<Named> {
    let mut found: Vec<Named> = Vec::new();
    for glob in from.at.iter().filter(|glob| !is_elsewhere(glob)) {
        let path = reach.base.join(glob);
        let is_new = !glob.contains(azure::GLOB) && path.symlink_metadata().is_err();
        if is_new && path.parent().is_some_and(Path::is_dir) {
            continue;
        }
        match files::find(glob, reach.base, &reach.keep_out.map(Path::to_path_buf)) {
            Ok(listing) => {
                found.extend(listing.found.into_iter().map(|file| Named { name: file.key, read: held(&file.path) }));
                let unread = listing.unread.into_iter();
                found.extend(unread.map(|(_, problem)| Named { name: glob.clone(), read: Err(problem) }));
            }
            Err(problem) => found.push(Named { name: glob.clone(), read: Err(problem) }),
        }
    }
    found.extend(elsewhere(from, reach));
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found.dedup_by(|a, b| a.name == b.name && a.read.is_ok() && b.read.is_ok());
    found
}

/// The user's own files that may name people: worked leads and decisions. Somebody waits for the answer.
pub fn naming_people(config: &Config) -> Vec<Named> {
    let reach = Reach::of(config, Network::Tried);
    [&config.missed.worked, &config.identity.decisions].into_iter().flat_map(|from| files(from, reach)).collect()
}

/// The files at `az://`, by their addresses.
fn elsewhere(from: &Reviewed, reach: Reach<'_>) -> Vec<Named> {
    let cloud = Cloud {
        auth: from.auth.as_ref(),
        endpoint: from.endpoint.as_deref(),
        is_tried: reach.network == Network::Tried,
    };
    let mut found = Vec::new();
    for address in from.at.iter().filter(|at| is_elsewhere(at) && reach.network != Network::Offline) {
        match azure::files(address, cloud, LARGEST) {
            Ok(blobs) => found.extend(blobs.into_iter().map(|(name, read)| {
                let read = read.and_then(|blob| {
                    let cannot = |e| Error::partial(format!("cannot read \"{name}\"")).because(e);
                    let bytes = blob.content.whole().map_err(cannot)?.into_owned();
                    Ok(Held { bytes, modified: blob.modified_at, etag: Some(blob.etag) })
                });
                Named { name, read }
            })),
            Err(problem) => found.push(Named { name: address.clone(), read: Err(under(address, &problem)) }),
        }
    }
    found
}

/// A problem under the address that the configuration names.
fn under(address: &str, problem: &Error) -> Error {
    let told = Error::partial(format!("{address}: {}", problem.what()));
    let told = problem.cause().map(str::to_owned).into_iter().fold(told, |told, cause| told.because(cause));
    problem.advice().map(str::to_owned).into_iter().fold(told, |told, hint| told.hint(hint))
}

/// The bytes of a file on this machine.
fn held(path: &Path) -> Result<Held> {
    let bytes = bytes(Some(path))?;
    let modified = fs::metadata(path).and_then(|found| found.modified());
    Ok(Held { bytes, modified: modified.map(DateTime::from).unwrap_or_default(), etag: None })
}

/// The file that `close` keeps, where it is there.
pub fn own(path: &Path, base: &Path) -> Option<Named> {
    path.symlink_metadata().ok()?;
    Some(Named { name: path.strip_prefix(base).unwrap_or(path).display().to_string(), read: held(path) })
}

/// The hash by which a reviewed file is known under another name.
pub fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Texts that stand elsewhere: under each address their paths below its folder.
pub type Texts = BTreeMap<String, BTreeMap<String, String>>;

/// What was read last of files that no landing and no memory of statements keeps. It holds when they cannot be had.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brought {
    /// Own queries at `az://`.
    pub queries: Texts,
    /// Own templates at `az://`.
    pub templates: Texts,
    /// Users of each destination.
    pub users: BTreeMap<String, Users>,
}

/// Own queries or templates: their paths below the folder, and their texts.
#[derive(Default)]
pub struct Overrides {
    /// In the order of their paths.
    pub texts: Vec<(String, String)>,
    /// Those of them that stand elsewhere.
    pub brought: Texts,
    /// The same, for the manifest.
    pub inputs: Vec<Input>,
    /// What stands elsewhere and could not be had (exit 3): what was read last holds in its place.
    pub problems: Vec<Error>,
}

/// Files of a user's folders, those with this ending (all if empty). `last`: what was read of those elsewhere before.
///
/// # Errors
/// When a folder of this machine cannot be read, or a file is no text (exit 2).
pub fn overrides(from: &Reviewed, ending: &str, reach: Reach<'_>, last: &Texts) -> Result<Overrides> {
    let mut found = Overrides::default();
    let fits = |name: &str| ending.is_empty() || Path::new(name).extension().is_some_and(|e| e == ending);
    for folder in from.at.iter().filter(|path| !is_elsewhere(path)) {
        let folder = reach.base.join(folder);
        for entry in walkdir::WalkDir::new(&folder).sort_by_file_name().max_depth(4) {
            let entry = entry.map_err(|e| {
                Error::usage(format!("cannot read the folder {}", folder.display()))
                    .because(e)
                    .hint("[output] queries and templates name folders; leave them out for the built-in ones")
            })?;
            let name = entry.path().strip_prefix(&folder).unwrap_or(entry.path()).to_string_lossy().into_owned();
            if entry.file_type().is_file() && fits(&name) {
                found.texts.push((name, text(Some(entry.path()))?));
            }
        }
    }
    for address in from.at.iter().filter(|path| is_elsewhere(path)) {
        let mut texts = BTreeMap::new();
        let before = last.get(address).cloned();
        if reach.network == Network::Offline && before.is_none() {
            let never = format!("{address} was never read, and nothing is asked for offline");
            found.problems.push(Error::partial(never));
        } else if reach.network == Network::Offline {
            texts.extend(before.clone().unwrap_or_default());
        }
        let alone = Reviewed { at: vec![address.clone()], ..from.clone() };
        for file in elsewhere(&alone, reach) {
            let input = file.input();
            let below = below(address, &file.name);
            match file.read {
                Ok(held) if fits(&below) => {
                    let text = String::from_utf8(held.bytes);
                    texts.insert(below, text.map_err(|_| no_text(&file.name).because("it is no UTF-8"))?);
                    found.inputs.extend(input);
                }
                Ok(_) => {}
                Err(problem) => {
                    let is_all = file.name == *address;
                    let before = before.iter().flatten().filter(|(name, _)| is_all || **name == below);
                    texts.extend(before.map(|(name, text)| (name.clone(), text.clone())));
                    found.problems.push(problem);
                }
            }
        }
        found.texts.extend(texts.clone());
        found.brought.insert(address.clone(), texts);
    }
    found.texts.sort();
    Ok(found)
}

/// The path of a blob below the folder that its address names: what stands before a glob, or the address itself.
fn below(address: &str, blob: &str) -> String {
    let folder = match address.find(azure::GLOB) {
        Some(glob) => address.get(..glob).and_then(|before| before.rsplit_once('/')).map_or("", |(folder, _)| folder),
        None => address.trim_end_matches('/'),
    };
    let below = blob.strip_prefix(folder).unwrap_or(blob).trim_start_matches('/');
    // The address of a single blob is its own.
    if below.is_empty() { blob.rsplit('/').next().unwrap_or(blob).to_owned() } else { below.to_owned() }
}

fn cannot_read(path: &Path, error: &std::io::Error) -> Error {
    no_text(&path.display().to_string()).because(error)
}

fn no_text(name: &str) -> Error {
    Error::usage(format!("cannot read {name}")).hint("it must be a UTF-8 text file that this user may read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_named_below_the_folder_of_its_address() {
        for (address, blob, expected) in [
            ("az://a/c/own", "az://a/c/own/x.sql", "x.sql"),
            ("az://a/c/own/", "az://a/c/own/sub/x.sql", "sub/x.sql"),
            ("az://a/c/own/**/*.sql", "az://a/c/own/sub/x.sql", "sub/x.sql"),
            ("az://a/c/own*/x.sql", "az://a/c/own-2/x.sql", "own-2/x.sql"),
            ("az://a/c/own/x.sql", "az://a/c/own/x.sql", "x.sql"),
        ] {
            assert_eq!(below(address, blob), expected, "{address}");
        }
    }
}
