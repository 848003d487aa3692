//! Sources `azure-table` and `azure-blob`, and exports at `az://account/container/prefix`.
//!
//! Microsoft's frozen 0.21 crates do the signing, paging and parsing; everything that decides whether a lead is lost is
//! ours: the HTTP client ([`wire`]), retries around whole pages and bodies ([`retry`]), credentials ([`access`]), what
//! is read ([`table`], [`blob`]). No crate of theirs is seen outside this module, and no text of theirs in an error.

pub(super) mod access;
mod blob;
mod names;
mod retry;
mod sas;
pub mod store;
mod table;
mod wire;

pub use access::credential_ends;
pub use blob::Export;

use std::collections::BTreeSet;
use std::future::Future;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use globset::GlobBuilder;

use self::access::Access;
use self::blob::Wanted;
use self::names::parts;
use self::retry::Patience;
use super::intake::{CLOCKS_DIFFER_MINUTES, EXPIRES_WITHIN_DAYS, Intake};
use crate::config::{Account, Auth, Place, Source};
use crate::error::{Error, Result, Status};
use crate::tabular::MOST_BYTES;

/// Reads a source in Azure Storage.
pub(super) fn read(intake: &mut Intake<'_>) -> Result<()> {
    let source = intake.source;
    let mut patience =
        Patience::new(source.deadline, "what was read is kept; raise `deadline` of this source if this goes on");
    if intake.sample.is_some() {
        patience.wants_an_answer();
    }
    match &source.place {
        Place::Table { account, table, auth } => {
            let access = Access::new(account, auth, "table", &patience)?;
            let read = block_on(table::read(&access, table, &patience, intake)).and_then(|read| read);
            tell(&access, &patience, intake);
            read.map_err(|e| out_of_time(&access, intake.now, e))
        }
        Place::Blobs { account, container, prefix, auth } => {
            let access = Access::new(account, auth, "blob", &patience)?;
            let read = block_on(blob::read(&access, container, prefix, &patience, intake)).and_then(|read| read);
            tell(&access, &patience, intake);
            read.map_err(|e| out_of_time(&access, intake.now, e))
        }
        Place::Files { .. } => Ok(()),
    }
}

/// How to reach what stands at `az://`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cloud<'a> {
    /// How to sign in.
    pub auth: Option<&'a Auth>,
    /// Endpoint where it is not the public cloud's.
    pub endpoint: Option<&'a str>,
    /// Whether it is only tried: then what does not answer at once is told at once.
    pub is_tried: bool,
}

/// How long one listing with its downloads may take.
const DEADLINE: TimeDelta = TimeDelta::minutes(10);

/// A blob by its name, and what it holds or why they cannot be had (exit 3).
pub type Read = (String, Result<Export>);

/// Reads the exports at `az://account/container/prefix`; the large ones are put aside in `folder`, one of ours. One that
/// cannot be read costs itself.
///
/// # Errors
/// Exit 2 for an address of the wrong shape, 3 when the container cannot be listed.
pub fn exports(address: &str, cloud: Cloud<'_>, folder: &Path) -> Result<Vec<Read>> {
    let (_, _, prefix) = parts(address)?;
    read_whole(address, cloud, &Wanted { prefix, fits: &|_| true, most: MOST_BYTES, folder })
}

/// Reads the files of at most `most` bytes at `az://account/container/blob-or-glob`: the blob, those below a folder, or
/// those that fit. What hidden files and office programs' locks are on a disk is no input here. Names are whole addresses.
///
/// # Errors
/// As [`exports`].
pub fn files(address: &str, cloud: Cloud<'_>, most: u64) -> Result<Vec<Read>> {
    let (account, container, name) = parts(address)?;
    let name = name.trim_end_matches('/');
    let prefix = name.split(GLOB).next().unwrap_or_default();
    let wrong = |e| Error::usage(format!("\"{address}\" cannot be used")).because(e);
    let glob = GlobBuilder::new(name).literal_separator(true).build();
    let glob = if prefix.len() < name.len() { Some(glob.map_err(wrong)?.compile_matcher()) } else { None };
    let fits = |blob: &str| {
        let last = blob.rsplit('/').next().unwrap_or_default();
        let is_below = blob.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let is_named = glob.as_ref().map_or(is_below, |glob| glob.is_match(blob));
        is_named && !last.is_empty() && !last.starts_with('.') && !last.starts_with("~$")
    };
    let mut read = read_whole(address, cloud, &Wanted { prefix, fits: &fits, most, folder: &std::env::temp_dir() })?;
    for (name, _) in &mut read {
        *name = format!("az://{account}/{container}/{name}");
    }
    Ok(read)
}

/// Where a name at `az://` is a glob.
pub const GLOB: [char; 4] = ['*', '?', '[', '{'];

fn read_whole(address: &str, cloud: Cloud<'_>, wanted: &Wanted<'_>) -> Result<Vec<Read>> {
    let (account, container, _) = parts(address)?;
    let auth = cloud.auth.ok_or_else(|| {
        Error::usage(format!("\"{address}\" needs auth")).hint("add auth = { sas_env = \"…\" } where it stands")
    })?;
    let account = Account { name: Some(account.to_owned()), endpoint: cloud.endpoint.map(str::to_owned) };
    let mut patience = Patience::new(DEADLINE, "the service or the network is slow; the next run tries again");
    if cloud.is_tried {
        patience.wants_an_answer();
    }
    let access = Access::new(&account, auth, "blob", &patience)?;
    let told = |e| out_of_time(&access, Utc::now(), e);
    let read = block_on(blob::whole(&access, container, wanted, &patience)).and_then(|read| read).map_err(told)?;
    Ok(read.into_iter().map(|(name, read)| (name, read.map_err(told))).collect())
}

/// The names of the blobs that a source brings, as keys of raw leads write them; none for any other kind.
///
/// # Errors
/// When they cannot be listed (exit 3).
pub fn brought(source: &Source) -> Result<BTreeSet<String>> {
    let Place::Blobs { account, container, prefix, auth } = &source.place else { return Ok(BTreeSet::new()) };
    let patience = Patience::new(source.deadline, "try again when the service can be reached");
    let access = Access::new(account, auth, "blob", &patience)?;
    block_on(blob::listed(&access, container, prefix, &patience))
        .and_then(|listed| listed)
        .map_err(|e| out_of_time(&access, Utc::now(), e))
}

/// What the operator should know of the account.
fn tell(access: &Access, patience: &Patience, intake: &mut Intake<'_>) {
    if let Some(expires) = access.expires
        && expires - intake.now < TimeDelta::days(EXPIRES_WITHIN_DAYS)
    {
        let verb = if expires < intake.now { "expired" } else { "expires" };
        intake
            .report
            .notes
            .push(format!("the shared access signature {verb} on {}", expires.format("%Y-%m-%d %H:%M UTC")));
    }
    if let Some(skew) = patience.wire.skew().filter(|s| s.abs() > TimeDelta::minutes(CLOCKS_DIFFER_MINUTES)) {
        intake.report.clock_skew = Some(skew);
        let minutes = skew.num_minutes().abs();
        let which = if skew > TimeDelta::zero() { "behind" } else { "ahead of" };
        intake.report.notes.push(format!("this machine's clock is {minutes} minutes {which} the service's"));
    }
    let (requests, retries) = patience.wire.counts();
    if retries > 0 {
        intake.report.notes.push(format!("{retries} of {requests} requests failed and were made again"));
    }
}

/// What failed because the signature had ended, or has not begun, says so, whatever code the service gave.
fn out_of_time(access: &Access, now: DateTime<Utc>, error: Error) -> Error {
    let shown = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M UTC").to_string();
    match (access.starts, access.expires) {
        _ if error.status() != Status::Partial => error,
        (_, Some(ended)) if ended < now => {
            error.hint(format!("the shared access signature ended on {}: make a new one", shown(ended)))
        }
        (Some(starts), _) if starts > now => error.hint(format!(
            "the shared access signature is not valid before {}: wait, or make a new one without a start",
            shown(starts)
        )),
        _ => error,
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> Result<T> {
    Ok(wire::runtime()?.block_on(future))
}
