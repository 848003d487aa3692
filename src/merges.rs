//! Merged records: a CRM joins two records of one person, and what was the one lives on in the other.

/// The record that one lives on in, itself where it was not merged or the survivor is not known. `merged_into` tells the
/// next one of a chain.
pub fn survivor(record: usize, merged_into: impl Fn(usize) -> Option<usize>) -> usize {
    let mut found = record;
    // Merges chain; a ring can only be a broken export.
    for _ in 0..16 {
        match merged_into(found) {
            Some(next) if next != found => found = next,
            _ => break,
        }
    }
    found
}
