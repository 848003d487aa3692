//! A place for files of ours below `az://account/container/prefix`: written under conditions and a lease, read, listed.

use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use azure_core::prelude::{IfMatchCondition, LeaseDuration, LeaseId, ProposedLeaseId, Range};
use azure_storage_blobs::prelude::{BlobClient, ContainerClient};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt;

use super::access::Access;
use super::retry::{Failure, Patience};
use super::{blob, names, wire};
use crate::config::{Account, Auth};
use crate::error::{Error, Result};

/// How long a lease holds without being renewed, and how often it is.
const LEASE_SECONDS: u8 = 60;
const RENEWED_EVERY: Duration = Duration::from_secs(15);
/// Bytes asked for at once; see `blob`.
const CHUNK: u64 = 8 << 20;

/// A place in a container.
pub struct Store {
    access: Access,
    container: ContainerClient,
    prefix: String,
    patience: Patience,
    runtime: tokio::runtime::Runtime,
    /// For messages.
    what: String,
}

/// Under which condition a blob is written.
#[derive(Clone, Copy, Debug)]
pub enum On<'a> {
    /// None.
    Any,
    /// Nothing stands there.
    Absent,
    /// What stands there is this version, and the lease is ours.
    Version(&'a str, LeaseId),
}

impl Store {
    /// Opens a place. `deadline` holds for all that is done with it.
    ///
    /// # Errors
    /// When the address is of the wrong shape (exit 2) or a secret cannot be read (exit 3).
    pub fn open(address: &str, auth: &Auth, endpoint: Option<&str>, deadline: TimeDelta) -> Result<Store> {
        let (account, container, prefix) = names::parts(address)?;
        let prefix = prefix.trim_matches('/');
        let account = Account { name: Some(account.to_owned()), endpoint: endpoint.map(str::to_owned) };
        let patience = Patience::new(deadline, "the service or the network is slow; the next run tries again");
        let access = Access::new(&account, auth, "blob", &patience)?;
        let what = format!("mirror \"{address}\"");
        let container = blob::service(&access, &patience).container_client(container);
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Ok(Store { access, container, prefix, patience, runtime: wire::runtime()?, what })
    }

    /// The same for somebody who waits: what does not answer at once is told at once.
    pub fn tried(mut self) -> Store {
        self.patience.wants_an_answer();
        self
    }

    fn blob(&self, name: &str) -> BlobClient {
        self.container.blob_client(names::written(&format!("{}{name}", self.prefix)))
    }

    fn tell(&self, failure: &Failure) -> Error {
        if failure.is_status(&[404]) {
            return Error::partial(format!("the container of {} does not exist", self.what))
                .hint("make the container, or check the names of the account and of the container");
        }
        failure.tell(&self.what, self.access.auth)
    }

    /// The bytes of a blob and their version; nothing where there is none.
    ///
    /// # Errors
    /// When it cannot be read (exit 3).
    pub fn get(&self, name: &str) -> Result<Option<(Vec<u8>, String)>> {
        let got = self.runtime.block_on(self.patience.insist(|| {
            let mut pages = self.blob(name).get().chunk_size(CHUNK).into_stream();
            async move {
                let (mut bytes, mut version) = (Vec::new(), String::new());
                while let Some(page) = pages.next().await {
                    let page = page?;
                    let etag = page.blob.properties.etag.as_ref().to_owned();
                    if !version.is_empty() && version != etag {
                        let changed = "it was replaced while it was read";
                        return Err(azure_core::Error::message(azure_core::error::ErrorKind::Io, changed));
                    }
                    version = etag;
                    let promised = page.content_range.as_ref().and_then(length);
                    let part: Bytes = page.data.collect().await?;
                    if promised.is_some_and(|promised| promised != part.len() as u64) {
                        let short = "fewer bytes came than the service said";
                        return Err(azure_core::Error::message(azure_core::error::ErrorKind::Io, short));
                    }
                    bytes.extend_from_slice(&part);
                }
                Ok((bytes, version))
            }
        }));
        match got {
            Ok(got) => Ok(Some(got)),
            Err(failure) if failure.is_status(&[404]) => Ok(None),
            Err(failure) => Err(self.tell(&failure)),
        }
    }

    /// Writes a blob whole. Says no where the condition does not hold, or the lease is another's.
    ///
    /// # Errors
    /// When it cannot be written (exit 3).
    pub fn put(&self, name: &str, bytes: &[u8], on: On<'_>) -> Result<bool> {
        let bytes = Bytes::copy_from_slice(bytes);
        let done = self.runtime.block_on(self.patience.insist(|| {
            let put = self.blob(name).put_block_blob(bytes.clone());
            let put = match on {
                On::Any => put,
                On::Absent => put.if_match(IfMatchCondition::NotMatch("*".to_owned())),
                On::Version(version, lease) => {
                    put.if_match(IfMatchCondition::Match(version.to_owned())).lease_id(lease)
                }
            };
            async move { put.into_future().await.map(drop) }
        }));
        match done {
            Ok(()) => Ok(true),
            Err(failure) if failure.is_status(&[409, 412]) => Ok(false),
            Err(failure) => Err(self.tell(&failure)),
        }
    }

    /// Names below one, without the prefix of the place.
    ///
    /// # Errors
    /// When they cannot be listed (exit 3).
    pub fn list(&self, below: &str) -> Result<Vec<String>> {
        Ok(self.list_written(below)?.into_iter().map(|(name, _)| name).collect())
    }

    /// The same, and when each was written.
    ///
    /// # Errors
    /// When they cannot be listed (exit 3).
    pub fn list_written(&self, below: &str) -> Result<Vec<(String, DateTime<Utc>)>> {
        let prefix = format!("{}{below}", self.prefix);
        let listed = self.runtime.block_on(blob::names(&self.container, &prefix, &self.patience));
        let listed = listed.map_err(|failure| self.tell(&failure))?;
        Ok(listed
            .into_iter()
            .filter_map(|(name, at)| Some((name.strip_prefix(&self.prefix)?.to_owned(), at)))
            .collect())
    }

    /// Deletes a blob, if it is there.
    ///
    /// # Errors
    /// When it cannot be deleted (exit 3).
    pub fn delete(&self, name: &str) -> Result<()> {
        let done = self.runtime.block_on(self.patience.insist(|| {
            let delete = self.blob(name).delete();
            async move { delete.into_future().await.map(drop) }
        }));
        match done {
            Err(failure) if !failure.is_status(&[404]) => Err(self.tell(&failure)),
            _ => Ok(()),
        }
    }

    /// Takes a lease on a blob; none where another holds it.
    ///
    /// # Errors
    /// When the service cannot be asked (exit 3).
    pub fn lease(self: &Arc<Store>, name: &str) -> Result<Option<Lease>> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|e| Error::failed("the system gives no random bytes").because(e))?;
        let id = LeaseId::from_str(&hex::encode(random))
            .map_err(|e| Error::failed("no lease can be asked for").because(e))?;
        let done = self.runtime.block_on(self.patience.insist(|| {
            // The same wish twice is one: an answer may be lost on the way.
            let acquire = self.blob(name).acquire_lease(LeaseDuration::Seconds(LEASE_SECONDS));
            let acquire = acquire.proposed_lease_id(ProposedLeaseId::from(id));
            async move { acquire.into_future().await.map(drop) }
        }));
        match done {
            Ok(()) => Ok(Some(Lease::kept(self.clone(), name.to_owned(), id))),
            Err(failure) if failure.is_status(&[409, 412]) => Ok(None),
            Err(failure) => Err(self.tell(&failure)),
        }
    }
}

/// How many bytes an answer says that it holds: it names its first and its last one.
fn length(range: &Range) -> Option<u64> {
    match range {
        Range::Range(bytes) => Some(bytes.end + 1 - bytes.start),
        Range::RangeFrom(_) => None,
    }
}

/// A lease that is renewed until it is given back.
pub struct Lease {
    /// Its id.
    pub id: LeaseId,
    lost: Arc<AtomicBool>,
    renewed: Arc<Mutex<Instant>>,
    stop: Option<mpsc::Sender<()>>,
    keeper: Option<JoinHandle<()>>,
    store: Arc<Store>,
    name: String,
}

impl Lease {
    fn kept(store: Arc<Store>, name: String, id: LeaseId) -> Lease {
        let lost = Arc::new(AtomicBool::new(false));
        let (stop, stopped) = mpsc::channel();
        let renewed = Arc::new(Mutex::new(Instant::now()));
        let keeper = {
            let (store, name, lost, renewed) = (store.clone(), name.clone(), lost.clone(), renewed.clone());
            std::thread::spawn(move || {
                while stopped.recv_timeout(RENEWED_EVERY) == Err(RecvTimeoutError::Timeout) {
                    let renew = store.blob(&name).blob_lease_client(id).renew();
                    let asked = Instant::now();
                    match store.runtime.block_on(async move { renew.into_future().await }) {
                        Ok(_) => {
                            if let Ok(mut renewed) = renewed.lock() {
                                *renewed = asked;
                            }
                        }
                        Err(e) if Failure::of(&e).is_status(&[404, 409, 412]) => lost.store(true, Ordering::Relaxed),
                        // The network may come back before the lease ends; if not, the head is refused.
                        Err(_) => tracing::debug!("the lease on the mirror could not be renewed"),
                    }
                }
            })
        };
        Lease { id, lost, renewed, stop: Some(stop), keeper: Some(keeper), store, name }
    }

    /// Whether somebody took it away.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Whether it is certainly ours for the next while, as it was renewed a moment ago.
    pub fn is_held(&self) -> bool {
        const SURELY: Duration = Duration::from_secs(35);
        !self.is_lost() && self.renewed.lock().is_ok_and(|renewed| renewed.elapsed() < SURELY)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(keeper) = self.keeper.take() {
            // A keeper that panicked keeps nothing any more.
            let _ = keeper.join();
        }
        let (store, id) = (&self.store, self.id);
        // Given back twice it is refused, which ends the trying. What cannot be given back ends by itself within a minute.
        let release = store.patience.insist(|| {
            let release = store.blob(&self.name).blob_lease_client(id).release();
            async move { release.into_future().await.map(drop) }
        });
        let _ = store.runtime.block_on(async move { tokio::time::timeout(Duration::from_secs(10), release).await });
    }
}
