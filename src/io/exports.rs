//! Exports of destinations, of cost and of spend: names and globs → bytes with their time.
//!
//! Local files come by the same globs as source files; `az://account/container/prefix` comes from Blob storage. What
//! cannot be read is told beside what can. Unpacking, decoding and meaning are left to `tabular`, `crm` and `cost`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::azure::Cloud;
use super::{azure, files};
use crate::config::is_elsewhere;
use crate::error::{Error, Result};
use crate::tabular::readings::Unread;
use crate::tabular::{Content, Export, MOST_BYTES};

/// What was found under the names of one destination, or of one kind of cost file.
#[derive(Debug, Default)]
pub struct Gathered {
    /// The files, in the order of their names.
    pub exports: Vec<Export>,
    /// The same files without their bytes, for the manifest.
    pub files: Vec<Input>,
    /// What could not be read (exit 3).
    pub problems: Vec<Error>,
    /// Where among it a file is known, its name and the place in `problems`.
    pub unread: Vec<(String, usize)>,
}

/// A file that was read.
#[derive(Clone, Debug, Serialize)]
pub struct Input {
    /// Path relative to the configuration file, or blob name.
    pub name: String,
    /// Size.
    pub bytes: usize,
    /// Hash of the content.
    pub sha256: String,
    /// When it was last written.
    pub modified: DateTime<Utc>,
    /// Its version, where it is a blob.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
}

impl Gathered {
    /// Adds a file, unless another pattern found it already. It is read once for its hash, and held nowhere.
    fn add(&mut self, export: Export, etag: Option<String>) {
        if self.exports.iter().any(|known| known.name == export.name) {
            return;
        }
        let sha256 = match hash_of(&export.content) {
            Ok(hash) => hash,
            Err(cause) => return self.fails(&export.name, unreadable(&export.name, cause)),
        };
        self.files.push(Input {
            name: export.name.clone(),
            bytes: export.content.size(),
            sha256,
            modified: export.modified,
            etag,
        });
        self.exports.push(export);
    }

    /// Adds what was read of blobs.
    fn add_blobs(&mut self, read: Vec<azure::Read>) {
        for (name, read) in read {
            match read {
                Ok(azure::Export { name, etag, modified_at, content }) => {
                    self.add(Export { name, modified: modified_at, content }, Some(etag));
                }
                Err(problem) => self.fails(&name, problem),
            }
        }
    }

    /// Remembers a file that could not be read.
    fn fails(&mut self, name: &str, problem: Error) {
        self.unread.push((name.to_owned(), self.problems.len()));
        self.problems.push(problem);
    }

    /// The files that could not be read, as those of a destination, or of `cost` or `spend`.
    pub fn unread_of(&self, destination: &str) -> Vec<Unread> {
        let of = |(name, at): &(String, usize)| Some(Unread::new(destination, name, self.problems.get(*at)?));
        self.unread.iter().filter_map(of).collect()
    }
}

/// Files that tell of the files beside or below them.
const COMPANIONS: &[&str] = &["model.json", "manifest.json"];

/// Reads all files that fit the patterns, which are relative to `base`. `keep_out`: folders of ours.
pub fn gather(patterns: &[String], cloud: Cloud<'_>, base: &Path, keep_out: &[PathBuf]) -> Gathered {
    let mut gathered = Gathered::default();
    let mut folders = BTreeSet::new();
    for pattern in patterns.iter().filter(|pattern| !is_elsewhere(pattern)) {
        match files::find(pattern, base, keep_out) {
            Ok(files::Listing { found, unread }) => {
                for (path, problem) in unread {
                    let name = path.strip_prefix(base).unwrap_or(&path).to_string_lossy().into_owned();
                    gathered.fails(&name, problem);
                }
                for file in found {
                    folders.extend(file.path.ancestors().skip(1).take(4).map(Path::to_path_buf));
                    match local(&file) {
                        Ok(export) => gathered.add(export, None),
                        Err(problem) => gathered.fails(&file.key, problem),
                    }
                }
            }
            Err(problem) => gathered.problems.push(problem),
        }
    }
    for folder in folders.into_iter().filter(|folder| folder.starts_with(base) && folder != base) {
        for name in COMPANIONS.iter().filter(|name| folder.join(name).is_file()) {
            let pattern = folder.join(name).to_string_lossy().into_owned();
            for file in files::find(&pattern, base, keep_out).unwrap_or_default().found {
                match local(&file) {
                    Ok(export) => gathered.add(export, None),
                    Err(problem) => gathered.fails(&file.key, problem),
                }
            }
        }
    }
    let folder = keep_out.iter().map(|ours| base.join(ours)).find(|ours| ours.is_dir());
    let folder = folder.unwrap_or_else(std::env::temp_dir);
    for address in patterns.iter().filter(|pattern| is_elsewhere(pattern)) {
        match azure::exports(address, cloud, &folder) {
            Ok(blobs) => {
                gathered.add_blobs(blobs);
                // What tells of the files stands above them; that it is not there is no problem.
                for above in companions_above(address) {
                    gathered.add_blobs(azure::exports(&above, cloud, &folder).unwrap_or_default());
                }
            }
            Err(problem) => gathered.problems.push(problem),
        }
    }
    gathered.exports.sort_by(|a, b| a.name.cmp(&b.name));
    gathered.files.sort_by(|a, b| a.name.cmp(&b.name));
    gathered
}

/// Addresses of the files that may tell of those under a prefix, in the folders above it.
fn companions_above(address: &str) -> Vec<String> {
    // az: / / account / container / folders
    let parts: Vec<&str> = address.split('/').collect();
    let folders = parts.len().saturating_sub(1).min(7);
    (4..folders + 1)
        .filter_map(|n| parts.get(..n))
        .flat_map(|above| COMPANIONS.iter().map(|name| format!("{}/{name}", above.join("/"))))
        .filter(|companion| !companion.starts_with(address))
        .collect()
}

/// The hash of a file, read piece by piece.
fn hash_of(content: &Content) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    let mut source = content.reader()?;
    let mut piece = vec![0; 1 << 20];
    loop {
        match source.read(&mut piece)? {
            0 => return Ok(hex::encode(hash.finalize())),
            taken => hash.update(piece.get(..taken).unwrap_or_default()),
        }
    }
}

fn unreadable(name: &str, cause: std::io::Error) -> Error {
    if cause.kind() == std::io::ErrorKind::ResourceBusy {
        return Error::partial(format!("export \"{name}\" is being written"))
            .hint("run again when it is whole; write exports under another name and rename them");
    }
    Error::partial(format!("cannot read export \"{name}\"")).because(cause).hint("make the file readable for this user")
}

fn local(file: &files::Found) -> Result<Export> {
    let (length, modified) = state_of(&file.path).map_err(|cause| unreadable(&file.key, cause))?;
    if length > MOST_BYTES {
        return Err(Error::partial(format!("cannot read export \"{}\": it has {} GB", file.key, length >> 30))
            .hint("split it, or export the columns that are needed: at most 4 GB are read"));
    }
    let path = file.path.clone();
    let open = move |at: u64| -> std::io::Result<Box<dyn Read + Send>> {
        let mut source = File::open(&path)?;
        source.seek(SeekFrom::Start(at))?;
        Ok(Box::new(Unchanged { source, path: path.clone(), state: (length, modified) }))
    };
    Ok(Export { name: file.key.clone(), modified, content: Content::elsewhere(length, open) })
}

/// Length of a file, and when it was last written.
fn state_of(path: &Path) -> std::io::Result<(u64, DateTime<Utc>)> {
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.len(), metadata.modified()?.into()))
}

/// A file of which every reading gives the same bytes, or fails at its end.
struct Unchanged {
    source: File,
    path: PathBuf,
    state: (u64, DateTime<Utc>),
}

impl Read for Unchanged {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let taken = self.source.read(buffer)?;
        if taken == 0 && !buffer.is_empty() && state_of(&self.path)? != self.state {
            return Err(std::io::Error::new(std::io::ErrorKind::ResourceBusy, "it is being written"));
        }
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn companions_are_looked_for_in_the_folders_above_a_prefix() {
        let models = |address: &str| -> Vec<String> {
            companions_above(address).into_iter().filter(|c| c.ends_with("model.json")).collect()
        };
        assert_eq!(
            models("az://acc/dataverse/crm/lead/"),
            ["az://acc/dataverse/model.json", "az://acc/dataverse/crm/model.json"]
        );
        assert_eq!(models("az://acc/dataverse/lead"), ["az://acc/dataverse/model.json"]);
        assert!(models("az://acc/dataverse/").is_empty() && models("az://acc/dataverse").is_empty());
    }

    #[test]
    fn files_of_several_globs_come_once_in_the_order_of_their_names_with_the_model_above_them() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("exports/lead")).unwrap();
        for name in ["exports/b.csv", "exports/lead/2026.csv", "exports/model.json", "exports/x.txt", "model.json"] {
            fs::write(dir.path().join(name), name).unwrap();
        }
        let patterns = ["exports/*.csv", "exports/**/*.csv", "nowhere/*.csv"].map(str::to_owned);
        let gathered = gather(&patterns, Cloud::default(), dir.path(), &[]);
        let names: Vec<&str> = gathered.exports.iter().map(|e| e.name.as_str()).collect();
        assert_eq!(names, ["exports/b.csv", "exports/lead/2026.csv", "exports/model.json"]);
        assert_eq!(gathered.problems.len(), 1);
        assert_eq!(gathered.files[0].bytes, 13);
    }
}
