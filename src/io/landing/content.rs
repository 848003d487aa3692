//! Hashes by which the landing knows keys and contents, plain and keyed.

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

/// Half a SHA-256 over what a record says.
pub type Content = [u8; 16];

/// Half a SHA-256 over parts, with a zero byte between them.
pub(super) fn hash(parts: &[&[u8]]) -> u128 {
    let mut hasher = Sha256::new();
    for (n, part) in parts.iter().enumerate() {
        if n > 0 {
            hasher.update([0]);
        }
        hasher.update(part);
    }
    first_half(&hasher.finalize())
}

/// The hash of a source and a key.
pub(super) fn row_key(source: &str, key: &str) -> u128 {
    hash(&[source.as_bytes(), key.as_bytes()])
}

/// Key and content together. Both are hashes already.
pub(super) fn mix(key: u128, content: u128) -> u128 {
    key.rotate_left(64) ^ content
}

/// What is kept of a content that was forgotten: without the secret it tells nothing.
pub(super) fn keyed_hash(secret: &[u8; 32], content: u128) -> u128 {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(&content.to_be_bytes());
    first_half(&mac.finalize().into_bytes())
}

/// What is kept of a mark of a record that was forgotten; see [`crate::leads::Own`].
pub(super) fn keyed_mark(secret: &[u8; 32], mark: u64) -> u64 {
    (keyed_hash(secret, u128::from(mark)) >> 64) as u64
}

/// Makes keyed hashes of texts: two are equal where the texts are, and without the secret they tell nothing.
#[derive(Clone)]
pub struct Marks {
    secret: [u8; 32],
}

impl Marks {
    pub(super) fn new(secret: [u8; 32]) -> Marks {
        Marks { secret }
    }

    /// The mark of a text.
    pub fn of(&self, text: &str) -> String {
        format!("{:016x}", keyed_hash(&self.secret, hash(&[b"mark", text.as_bytes()])) >> 64)
    }
}

fn first_half(digest: &[u8]) -> u128 {
    digest.iter().take(16).fold(0, |all, byte| all << 8 | u128::from(*byte))
}

/// Half a SHA-256, as [`RawLead::content`].
pub fn content_of(parts: &[&[u8]]) -> Content {
    hash(parts).to_be_bytes()
}
