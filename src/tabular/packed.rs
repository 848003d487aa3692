//! Packed files → what they hold: gzip, zstd and zip, by content, however often one is packed in another.
//!
//! What is large is unpacked anew at each reading and never in memory as a whole. It is unpacked once before, to see how
//! much it is: what a hostile file could cost is bounded before anything is kept.

use std::io::{BufReader, Read, Take};

use zip::{CompressionMethod, ZipArchive};

use super::content::{Content, Part};
use crate::error::{Error, Result};

/// Largest file, unpacked or as it is.
pub const MOST_BYTES: u64 = 4 << 30;
/// What is smaller unpacked is no bomb, however well it was packed.
const SURELY_FINE: u64 = 256 << 20;
/// Exports shrink to a tenth or a thirtieth. What shrinks to less than this holds the same thing over and over.
const MOST_RATIO: u64 = 200;
/// Archives in archives.
const MOST_DEEP: usize = 4;
/// Files in an archive.
const MOST_MEMBERS: usize = 10_000;
/// What is packed in fewer bytes is unpacked in memory; few in tests, so that small files are read both ways.
const AT_ONCE: u64 = if cfg!(test) { 64 } else { 8 << 20 };
const TOO_LARGE: &str = "it unpacks to more than an export holds: the same thing over and over, or several gigabytes";

/// Decompresses gzip, zstd and zip, by content. A workbook, which is a zip too, stays whole.
///
/// # Errors
/// A damaged or protected archive, or one that unpacks to more than an export can hold.
pub fn unpack(name: &str, content: Content) -> Result<Vec<Part>> {
    let mut left = MOST_BYTES;
    unpack_within(name, content, 0, &mut left)
}

fn unpack_within(name: &str, content: Content, depth: usize, left: &mut u64) -> Result<Vec<Part>> {
    let opening = content.opening(4).map_err(|e| unreadable(name, e))?.into_owned();
    let Some(method) = method_of(&opening) else { return Ok(vec![Part { name: name.to_owned(), content }]) };
    if depth > MOST_DEEP {
        return Err(Error::partial(format!("cannot unpack \"{name}\": archives in archives in archives"))
            .hint("export it as CSV (UTF-8), packed once at most"));
    }
    if method == Method::Zip {
        return members(name, content, depth, left);
    }
    let stream = Packed { length: content.length(), content, from: 0, method };
    let inner = stream.unpacked(left).map_err(|e| damaged(name, method.name(), e))?;
    unpack_within(name, inner, depth + 1, left)
}

/// The error for a file that cannot be read from where it is.
pub(super) fn unreadable(name: &str, cause: std::io::Error) -> Error {
    Error::partial(format!("cannot read export \"{name}\"")).because(cause).hint("make the file readable for this user")
}

fn damaged(name: &str, kind: &str, cause: String) -> Error {
    Error::partial(format!("cannot unpack \"{name}\": damaged {kind} data"))
        .because(cause)
        .hint("copy or export the file again; it may have been read while it was being written")
}

/// The files in an archive, in the order of their names.
fn members(name: &str, content: Content, depth: usize, left: &mut u64) -> Result<Vec<Part>> {
    let damaged = |kind: &str, cause: String| damaged(name, kind, cause);
    let mut archive = ZipArchive::new(BufReader::new(content.seekable())).map_err(|e| damaged("zip", e.to_string()))?;
    if archive.len() > MOST_MEMBERS {
        return Err(damaged("zip", format!("it holds {} files", archive.len())));
    }
    let names: Vec<String> = archive.file_names().flatten().map(std::borrow::Cow::into_owned).collect();
    let is_workbook = names.iter().any(|m| m.starts_with("xl/") || m == "[Content_Types].xml" || m == "content.xml");
    let mut parts = Vec::new();
    for index in 0..archive.len() {
        let file = archive.by_index(index).map_err(|e| damaged("zip", e.to_string()))?;
        let packed = file.compressed_size();
        if is_workbook {
            // Its own reader unpacks it without a bound: so it is unpacked once before, and thrown away.
            measured(file, packed, left).map_err(|e| damaged("workbook", e))?;
            continue;
        }
        let member = file.name().map_err(|e| damaged("zip", e.to_string()))?.into_owned();
        let last = member.rsplit('/').next().unwrap_or_default();
        if file.is_dir() || last.starts_with('.') || member.starts_with("__MACOSX/") {
            continue;
        }
        let method = match file.compression() {
            CompressionMethod::Stored => Some(Method::Stored),
            CompressionMethod::Deflated => Some(Method::Deflate),
            _ => None,
        };
        let inner = match (method, file.data_start()) {
            (Some(method), Some(from)) if packed >= AT_ONCE => {
                // Its sum is compared by who knows the archive; later readings find the same bytes.
                let size = size(file, packed, left).map_err(|e| damaged("zip", e))?;
                Packed { content: content.clone(), from, length: packed, method }.elsewhere(size)
            }
            _ => bounded(file, packed, left).map_err(|e| damaged("zip", e))?.into(),
        };
        parts.extend(unpack_within(&format!("{name}!{member}"), inner, depth + 1, left)?);
    }
    if is_workbook {
        return Ok(vec![Part { name: name.to_owned(), content }]);
    }
    parts.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(parts)
}

/// How bytes are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Gzip,
    Zstd,
    Zip,
    Deflate,
    Stored,
}

/// By which method something is packed that begins with these bytes.
fn method_of(opening: &[u8]) -> Option<Method> {
    match opening {
        [0x1f, 0x8b, ..] => Some(Method::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Method::Zstd),
        [b'P', b'K', 3, 4, ..] => Some(Method::Zip),
        _ => None,
    }
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Method::Gzip => "gzip",
            Method::Zstd => "zstd",
            Method::Zip | Method::Deflate | Method::Stored => "zip",
        }
    }
}

/// One stream of packed bytes in a file.
#[derive(Clone)]
struct Packed {
    content: Content,
    from: u64,
    length: u64,
    method: Method,
}

impl Packed {
    fn reader(&self) -> std::io::Result<Box<dyn Read + Send>> {
        let packed: BufReader<Take<_>> = BufReader::new(self.content.reader_from(self.from)?.take(self.length));
        Ok(match self.method {
            Method::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(packed)),
            Method::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(packed)?),
            Method::Deflate => Box::new(flate2::bufread::DeflateDecoder::new(packed)),
            Method::Zip | Method::Stored => Box::new(packed),
        })
    }

    /// What it holds; in memory where that is little, or packed once more.
    fn unpacked(self, left: &mut u64) -> std::result::Result<Content, String> {
        let told = |e: std::io::Error| e.to_string();
        let mut first = [0; 4];
        let begins = self.reader().and_then(|mut inner| inner.read(&mut first)).map_err(told)?;
        let reader = self.reader().map_err(told)?;
        if self.length < AT_ONCE || method_of(first.get(..begins).unwrap_or_default()).is_some() {
            return Ok(bounded(reader, self.length, left)?.into());
        }
        let size = size(reader, self.length, left)?;
        Ok(self.elsewhere(size))
    }

    /// What it holds, unpacked anew at each reading.
    fn elsewhere(self, size: u64) -> Content {
        Content::elsewhere(size, move |at| {
            let mut inner = self.reader()?;
            std::io::copy(&mut inner.by_ref().take(at), &mut std::io::sink())?;
            Ok(inner)
        })
    }
}

/// How much a packed file may unpack to, and what it is called when it does not keep to that.
fn most(packed: u64, left: u64) -> u64 {
    SURELY_FINE.max(packed.saturating_mul(MOST_RATIO)).min(left)
}

fn bounded(reader: impl Read, packed: u64, left: &mut u64) -> std::result::Result<Vec<u8>, String> {
    let most = most(packed, *left);
    let mut bytes = Vec::new();
    reader.take(most + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() as u64 > most {
        return Err(TOO_LARGE.to_owned());
    }
    *left -= bytes.len() as u64;
    Ok(bytes)
}

/// Unpacks to nowhere, to see how much it is.
fn size(reader: impl Read, packed: u64, left: &mut u64) -> std::result::Result<u64, String> {
    let most = most(packed, *left);
    let size = std::io::copy(&mut reader.take(most + 1), &mut std::io::sink()).map_err(|e| e.to_string())?;
    if size > most {
        return Err(TOO_LARGE.to_owned());
    }
    *left -= size;
    Ok(size)
}

/// The same where what cannot grow beyond bounds is believed to be small.
fn measured(reader: impl Read, packed: u64, left: &mut u64) -> std::result::Result<(), String> {
    const DEFLATE_RATIO: u64 = 1032;
    if packed.saturating_mul(DEFLATE_RATIO) < (64 << 20) {
        return Ok(());
    }
    size(reader, packed, left).map(drop)
}
