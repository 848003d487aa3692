//! Texts as numbers, in the order in which they are first met, and as the letters that occur in them.

use polars::prelude::PlHashMap;

/// No value.
pub(super) const NONE: u32 = u32::MAX;

/// The number of a text, and whether it is a new one.
pub(super) fn number(numbers: &mut PlHashMap<String, u32>, text: &str) -> (u32, bool) {
    if let Some(&known) = numbers.get(text) {
        return (known, false);
    }
    let next = numbers.len() as u32;
    numbers.insert(text.to_owned(), next);
    (next, true)
}

/// The bits of [`letters`] that digits have.
pub(super) const DIGITS: u32 = 0b11111 << 26;

/// One bit for each letter that occurs, digits two by two in five more.
pub(super) fn letters(text: &str) -> u32 {
    text.bytes().fold(0, |mask, b| match b {
        b'a'..=b'z' => mask | 1 << (b - b'a'),
        b'0'..=b'9' => mask | 1 << (26 + (b - b'0') / 2),
        _ => mask,
    })
}
