//! Azure Blob containers → raw leads, or what exports hold.
//!
//! The container is listed whole, page by page; a blob whose ETag is as it was is not read again. Small blobs are read
//! many at a time and taken in the order of their names; a large one goes through a file aside, so that memory is
//! bounded. A blob replaced while it is read is listed and read anew. A zero-byte blob is empty without being asked for:
//! the service answers a range of nothing with 416.
//!
//! An append blob that grew is read whole. The service gives no proof that its beginning is as it was, since a log can be
//! deleted and begun anew under its name, and a record's number, which is its key, counts from the first. What arrived is
//! compared with the listing by ETag and length; Content-MD5 is not looked at, as TLS guards the way.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek, Write};
use std::path::Path;
use std::sync::Arc;

use azure_core::Continuable;
use azure_storage_blobs::blob::{Blob, BlobType};
use azure_storage_blobs::prelude::{AccessTier, BlobServiceClient, ClientBuilder, ContainerClient};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::StreamExt;

use super::access::Access;
use super::names;
use super::retry::{Failure, Patience};
use crate::config::nearest;
use crate::error::{Error, Result};
use crate::io::aside::Aside;
use crate::io::intake::{Intake, OLD_DAYS, Object};
use crate::io::landing::RawLead;
use crate::io::objects::together;
use crate::io::records::{Stopped, cut, unpack};
use crate::place;
use crate::tabular::Content;

/// Blobs read at a time; more brings nothing.
const AT_ONCE: usize = 16;
/// Bytes asked for at once; a blob that is no larger is held in memory. Above 4 MiB, up to which Microsoft's crate asks
/// for a checksum that the emulator refuses.
const CHUNK: u64 = 8 << 20;
/// How often a blob that is replaced meanwhile is begun anew.
const ANEW: usize = 3;

/// A blob that was read whole.
#[derive(Clone, Debug)]
pub struct Export {
    /// Its name in the container.
    pub name: String,
    /// Its version.
    pub etag: String,
    /// When it was last written.
    pub modified_at: DateTime<Utc>,
    /// What it holds.
    pub content: Content,
}

/// A blob as listed.
#[derive(Clone, Debug)]
struct Listed {
    name: String,
    etag: String,
    length: u64,
    modified_at: DateTime<Utc>,
    archived: bool,
    append: bool,
}

impl Listed {
    /// Its name as keys of raw leads write it.
    fn place(&self) -> String {
        place::name(self.name.as_bytes())
    }
}

impl From<&Blob> for Listed {
    fn from(blob: &Blob) -> Listed {
        Listed {
            name: names::read(blob.name.clone()),
            etag: bare(blob.properties.etag.as_ref()),
            length: blob.properties.content_length,
            modified_at: instant(blob.properties.last_modified),
            archived: matches!(blob.properties.access_tier, Some(AccessTier::Archive)),
            append: matches!(blob.properties.blob_type, BlobType::AppendBlob),
        }
    }
}

/// The bytes of a blob, or why there are none.
enum Body {
    /// Cut into records already.
    Leads(Vec<RawLead>),
    /// Not to be taken in, and why.
    Refused(String),
    /// Too large for that.
    Aside(File),
    /// Deleted between the listing and now.
    Gone,
    /// Replaced again and again.
    Restless,
}

/// Reads the container into the intake.
pub(super) async fn read(
    access: &Access,
    container: &str,
    prefix: &str,
    patience: &Patience,
    intake: &mut Intake<'_>,
) -> Result<()> {
    let service = service(access, patience);
    let client = service.container_client(container);
    let what = format!("container \"{container}\" at {}", access.endpoint);
    let listed = match list(&client, prefix, patience).await {
        Ok(listed) => listed,
        Err(failure) if failure.is_status(&[404]) => {
            return Err(not_there(&service, container, &what, patience).await);
        }
        Err(failure) => return Err(failure.tell(&what, access.auth)),
    };
    match listed.iter().map(|l| l.modified_at).max() {
        None if prefix.is_empty() => intake.report.notes.push(format!("{what} is there and empty")),
        None => intake.report.notes.push(format!("{what} holds nothing under \"{prefix}\"")),
        Some(newest) if (intake.now - newest).num_days() >= OLD_DAYS && intake.sample.is_none() => {
            let days = (intake.now - newest).num_days();
            intake.report.notes.push(format!("the newest blob of {what} is {days} days old"));
        }
        Some(_) => {}
    }
    let known = intake.known_objects()?;
    let as_before = |blob: &Listed| known.get(&blob.place()) == Some(&blob.etag);
    for blob in &listed {
        intake.is_there(&blob.place())?;
    }
    let total = listed.len();
    // What is landed and was archived since need not be had again.
    let is_wanted = |b: &Listed| if as_before(b) { intake.report.full && !b.archived } else { true };
    let mut wanted: Vec<Listed> = listed.into_iter().filter(is_wanted).collect();
    if let Some(sample) = intake.sample {
        wanted.sort_by_key(|b| std::cmp::Reverse(b.modified_at));
        wanted.truncate(sample);
    }
    intake.report.unchanged_objects = total - wanted.len();
    intake.expect(wanted.len() as u64);

    let client = Arc::new(client);
    let folder = intake.aside();
    let get = |blob: Listed| {
        let (client, patience, folder) = (client.clone(), patience.clone(), folder.clone());
        // On the runtime's threads: unpacking and parsing one blob while others are under way.
        tokio::spawn(async move { body(&client, blob, &folder, &patience).await })
    };
    // All that changed are looked at before any is taken: one may hold now what another held.
    let mut changed = Vec::new();
    for blob in wanted.iter().filter(|b| !as_before(b) && !b.archived) {
        if intake.is_to_be_looked_at(&blob.place())? {
            changed.push(blob.clone());
        }
    }
    if changed.len() > 1 || (changed.len() == 1 && wanted.len() > 1) {
        let mut bodies = futures::stream::iter(changed).map(get).buffered(AT_ONCE);
        while let Some(done) = bodies.next().await {
            let (blob, body) = done.map_err(stopped)?;
            // What cannot be had is told when it is to be taken.
            if let Ok(body) = body {
                look_at(&blob, body, intake)?;
            }
        }
    }
    let mut bodies = futures::stream::iter(wanted).map(get).buffered(AT_ONCE);
    let mut failures: Vec<(String, Failure)> = Vec::new();
    let mut refused: Vec<(String, String)> = Vec::new();
    while let Some(done) = bodies.next().await {
        let (blob, body) = done.map_err(stopped)?;
        intake.bar.inc(1);
        let known = as_before(&blob);
        let taken = match body {
            Ok(body) => take(&blob, body, known, intake)?,
            Err(failure) => {
                // What concerns this blob alone does not keep the others away.
                let alone = failure.is_status(&[400, 403, 404, 409, 412]);
                failures.push((blob.name, failure));
                if alone {
                    continue;
                }
                break;
            }
        };
        match taken {
            Taken::Records(records) => intake.object_taken(Object {
                name: blob.place(),
                version: blob.etag,
                bytes: blob.length,
                modified_at: blob.modified_at,
                records,
            }),
            Taken::Gone => {}
            Taken::Refused(why) => refused.push((blob.name, why)),
            Taken::Restless => {
                let note = format!("blob \"{}\" is being written; the next run reads it again", blob.name);
                intake.report.notes.push(note);
            }
        }
    }
    drop(bodies);
    let unread =
        failures.iter().map(|(name, failure)| failure.tell(&format!("blob \"{name}\" in {what}"), access.auth));
    let refused = refused
        .iter()
        .map(|(name, why)| Error::partial(format!("blob \"{name}\" in {what} was not taken in")).because(why));
    together(unread.chain(refused).collect())
}

/// What came of a blob.
enum Taken {
    Records(usize),
    Gone,
    Restless,
    Refused(String),
}

/// Lands what a blob holds.
fn take(blob: &Listed, body: Body, known: bool, intake: &mut Intake<'_>) -> Result<Taken> {
    let place = blob.place();
    let taken = match body {
        Body::Leads(leads) => intake.take_leads(&place, leads, known),
        Body::Aside(file) => intake.take_object(&place, blob.modified_at, known, &mut || again(&file)),
        Body::Refused(why) => Err(Stopped::Refused(why)),
        Body::Gone => return Ok(Taken::Gone),
        Body::Restless => Err(Stopped::Changing),
    };
    match taken {
        Ok(records) => Ok(Taken::Records(records)),
        Err(Stopped::Taker(e)) => Err(e),
        Err(Stopped::Refused(why)) => Ok(Taken::Refused(why)),
        Err(Stopped::Enough | Stopped::Changing) => Ok(Taken::Restless),
        Err(Stopped::Read(e)) => Err(unread(blob, e)),
    }
}

/// Looks at a blob that changed.
fn look_at(blob: &Listed, body: Body, intake: &mut Intake<'_>) -> Result<()> {
    match body {
        Body::Leads(leads) => intake.seen(&blob.place(), &leads),
        Body::Aside(file) => match intake.look_at(&blob.place(), blob.modified_at, &mut || again(&file)) {
            Err(Stopped::Taker(e)) => Err(e),
            Err(Stopped::Read(e)) => Err(unread(blob, e)),
            // Told when it is taken.
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// A file aside from its beginning.
fn again(file: &File) -> std::io::Result<Box<dyn Read + Send>> {
    let mut again = file.try_clone()?;
    again.rewind()?;
    Ok(Box::new(BufReader::new(again)))
}

/// A file aside fails only with the disk.
fn unread(blob: &Listed, e: std::io::Error) -> Error {
    Error::failed(format!("cannot read blob \"{}\" from its file aside", blob.name)).because(e)
}

fn stopped(e: tokio::task::JoinError) -> Error {
    Error::failed("reading a blob stopped").because(e)
}

/// The names of the blobs under a prefix, as keys of raw leads write them.
pub(super) async fn listed(
    access: &Access,
    container: &str,
    prefix: &str,
    patience: &Patience,
) -> Result<BTreeSet<String>> {
    let client = service(access, patience).container_client(container);
    match list(&client, prefix, patience).await {
        Ok(listed) => Ok(listed.iter().map(Listed::place).collect()),
        // A container that is gone brings nothing.
        Err(failure) if failure.is_status(&[404]) => Ok(BTreeSet::new()),
        Err(failure) => Err(failure.tell(&format!("container \"{container}\" at {}", access.endpoint), access.auth)),
    }
}

/// Which blobs of a container are wanted whole.
pub(super) struct Wanted<'a> {
    /// Those under this prefix,
    pub(super) prefix: &'a str,
    /// whose name fits,
    pub(super) fits: &'a dyn Fn(&str) -> bool,
    /// of at most so many bytes.
    pub(super) most: u64,
    /// A folder of ours for those that are too large for memory.
    pub(super) folder: &'a Path,
}

/// Reads the wanted blobs whole, in the order of their names. One that cannot be read costs itself.
pub(super) async fn whole(
    access: &Access,
    container: &str,
    wanted: &Wanted<'_>,
    patience: &Patience,
) -> Result<Vec<(String, Result<Export>)>> {
    let service = service(access, patience);
    let client = service.container_client(container);
    let what = format!("container \"{container}\" at {}", access.endpoint);
    let listed = match list(&client, wanted.prefix, patience).await {
        Ok(listed) => listed,
        Err(failure) if failure.is_status(&[404]) => return Err(not_there(&service, container, &what, patience).await),
        Err(failure) => return Err(failure.tell(&what, access.auth)),
    };
    let mut read = Vec::new();
    let mut aside = Aside::below(wanted.folder.to_owned());
    for blob in listed.into_iter().filter(|blob| (wanted.fits)(&blob.name)) {
        let name = blob.name.clone();
        let called = format!("blob \"{name}\" in {what}");
        match one(&client, blob, wanted.most, (patience, &mut aside)).await {
            Ok(Whole::Read(export)) => read.push((name, Ok(export))),
            // Deleted between the listing and now.
            Ok(Whole::Gone) => {}
            Ok(Whole::Refused(why)) => {
                read.push((name, Err(Error::partial(format!("{called} cannot be read")).because(why))));
            }
            Err(failure) => read.push((name, Err(failure.tell(&called, access.auth)))),
        }
    }
    Ok(read)
}

/// What came of a blob that is wanted whole.
enum Whole {
    Read(Export),
    Gone,
    Refused(String),
}

/// Reads one blob whole, anew if it was replaced meanwhile.
async fn one(
    client: &ContainerClient,
    mut blob: Listed,
    most: u64,
    (patience, aside): (&Patience, &mut Aside),
) -> Result<Whole, Failure> {
    for _ in 0..ANEW {
        if blob.archived {
            return Err(Failure::Status(409, "BlobArchived".into()));
        }
        if blob.length > most {
            return Ok(Whole::Refused(format!("it has {} bytes, at most {most}", blob.length)));
        }
        let read = if blob.length <= CHUNK {
            let mut bytes = Vec::new();
            download(client, &blob, patience, &mut bytes).await.map(|whole| whole.then(|| bytes.into()))
        } else {
            aside.begin();
            download(client, &blob, patience, aside).await.map(|whole| whole.then(|| aside.take()))
        };
        match read {
            Ok(Some(content)) => {
                let Listed { name, etag, modified_at, .. } = blob;
                return Ok(Whole::Read(Export { name, etag, modified_at, content }));
            }
            Ok(None) => {}
            Err(failure) if failure.is_status(&[404, 416]) => {}
            Err(failure) => return Err(failure),
        }
        match list(client, &blob.name, patience).await?.into_iter().find(|now| now.name == blob.name) {
            Some(now) => blob = now,
            None => return Ok(Whole::Gone),
        }
    }
    Ok(Whole::Refused("it is being written; the next run reads it again".to_owned()))
}

pub(super) fn service(access: &Access, patience: &Patience) -> BlobServiceClient {
    ClientBuilder::with_location(access.location.clone(), access.credentials.clone())
        .client_options(patience.options())
        .blob_service_client()
}

/// The names of all blobs under a prefix, in order, and when each was written.
pub(super) async fn names(
    client: &ContainerClient,
    prefix: &str,
    patience: &Patience,
) -> Result<Vec<(String, DateTime<Utc>)>, Failure> {
    Ok(list(client, prefix, patience).await?.into_iter().map(|blob| (blob.name, blob.modified_at)).collect())
}

/// Every blob under a prefix, in the order of names.
async fn list(client: &ContainerClient, prefix: &str, patience: &Patience) -> Result<Vec<Listed>, Failure> {
    let mut listed = Vec::new();
    let mut marker: Option<azure_core::prelude::NextMarker> = None;
    loop {
        let (page, next) = patience
            .insist(|| {
                let mut list = client.list_blobs();
                if !prefix.is_empty() {
                    list = list.prefix(prefix.to_owned());
                }
                if let Some(marker) = marker.clone() {
                    list = list.marker(marker);
                }
                async move {
                    match list.into_stream().next().await {
                        Some(page) => page.map(|page| {
                            let next = page.continuation();
                            (page.blobs.blobs().map(Listed::from).collect::<Vec<_>>(), next)
                        }),
                        None => Ok((Vec::new(), None)),
                    }
                }
            })
            .await?;
        listed.extend(page);
        match next {
            Some(next) if marker.as_ref() != Some(&next) => marker = Some(next),
            Some(_) => return Err(Failure::Nonsense),
            None => break,
        }
    }
    listed.sort_by(|a, b| a.name.cmp(&b.name));
    listed.dedup_by(|a, b| a.name == b.name);
    Ok(listed)
}

/// Reads one blob, anew if it was replaced meanwhile.
async fn body(
    client: &ContainerClient,
    mut blob: Listed,
    folder: &Path,
    patience: &Patience,
) -> (Listed, Result<Body, Failure>) {
    let mut absent = None;
    for _ in 0..ANEW {
        if blob.archived {
            return (blob, Err(Failure::Status(409, "BlobArchived".into())));
        }
        let read = if blob.length <= CHUNK {
            let mut bytes = Vec::new();
            download(client, &blob, patience, &mut bytes).await.map(|whole| whole.then(|| leads(&blob, bytes)))
        } else {
            aside(client, &blob, folder, patience).await
        };
        absent = match read {
            Ok(Some(body)) => return (blob, Ok(body)),
            Ok(None) => None,
            Err(failure) if failure.is_status(&[404]) => Some(failure),
            Err(failure) if failure.is_status(&[416]) => None,
            Err(failure) => return (blob, Err(failure)),
        };
        let now = list(client, &blob.name, patience).await;
        match now.map(|l| l.into_iter().find(|b| b.name == blob.name)) {
            Ok(Some(now)) => blob = now,
            Ok(None) => return (blob, Ok(Body::Gone)),
            Err(failure) => return (blob, Err(failure)),
        }
    }
    match absent {
        // Listed again and again, and never to be had.
        Some(failure) => (blob, Err(failure)),
        None => (blob, Ok(Body::Restless)),
    }
}

fn leads(blob: &Listed, bytes: Vec<u8>) -> Body {
    let mut leads = Vec::new();
    let unpacked = unpack(Cursor::new(&bytes));
    let cut = unpacked.and_then(|()| {
        cut(Cursor::new(&bytes), &blob.place(), blob.modified_at, &mut |lead| {
            leads.push(lead);
            Ok(())
        })
    });
    match cut {
        Err(Stopped::Refused(why)) => Body::Refused(why),
        // Neither bytes in memory nor this taker can fail.
        _ => Body::Leads(leads),
    }
}

/// Puts a large blob into a file without a name, which is gone when it is closed.
async fn aside(
    client: &ContainerClient,
    blob: &Listed,
    folder: &Path,
    patience: &Patience,
) -> Result<Option<Body>, Failure> {
    let local = |e: std::io::Error| Failure::Connection(format!("no room for a file aside: {e}"));
    let mut file = tempfile::tempfile_in(folder).map_err(local)?;
    if !download(client, blob, patience, &mut file).await? {
        return Ok(None);
    }
    file.rewind().map_err(local)?;
    Ok(Some(Body::Aside(file)))
}

/// Writes a blob's bytes, range by range. Says no if it is no longer the blob that was listed.
async fn download(
    client: &ContainerClient,
    blob: &Listed,
    patience: &Patience,
    to: &mut impl Write,
) -> Result<bool, Failure> {
    let client = client.blob_client(names::written(&blob.name));
    let mut start = 0;
    while start < blob.length {
        let end = (start + CHUNK).min(blob.length);
        let (bytes, etag) = patience
            .insist(|| {
                let get = client.get().range(start..start + CHUNK).chunk_size(CHUNK);
                async move {
                    let answer = get.into_stream().next().await.ok_or_else(cut_short)??;
                    let etag = bare(answer.blob.properties.etag.as_ref());
                    let bytes: Bytes = answer.data.collect().await?;
                    Ok((bytes, etag))
                }
            })
            .await?;
        // An append blob only grows: what was listed is still its beginning.
        if etag != blob.etag && !blob.append {
            return Ok(false);
        }
        // An append blob may have grown past what was listed.
        let Some(bytes) = usize::try_from(end - start).ok().and_then(|n| bytes.get(..n)) else { return Ok(false) };
        to.write_all(bytes).map_err(|e| Failure::Connection(format!("no room for a file aside: {e}")))?;
        start = end;
    }
    Ok(true)
}

fn cut_short() -> azure_core::Error {
    azure_core::Error::message(azure_core::error::ErrorKind::Io, "the answer is empty")
}

/// The message for a container that does not exist, with the nearest name that does.
async fn not_there(service: &BlobServiceClient, name: &str, what: &str, patience: &Patience) -> Error {
    let names: Vec<String> = patience
        .insist(|| async {
            match service.list_containers().into_stream().next().await {
                Some(page) => page.map(|p| p.containers.into_iter().map(|c| c.name).collect()),
                None => Ok(Vec::new()),
            }
        })
        .await
        .unwrap_or_default();
    let error = Error::partial(format!("{what} does not exist"));
    match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => error.hint(format!("did you mean \"{near}\"?")),
        None if names.is_empty() => error.hint("check the names of the account and of the container"),
        None => error.hint(format!("the account has {}", names.join(", "))),
    }
}

/// Listings write ETags without quotes, answers with them.
fn bare(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}

/// Microsoft's time type as ours.
fn instant(time: time::OffsetDateTime) -> DateTime<Utc> {
    DateTime::from_timestamp(time.unix_timestamp(), time.nanosecond()).unwrap_or_default()
}
