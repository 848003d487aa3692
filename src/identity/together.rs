//! What the leads of two people say together.
//!
//! A lead leaves things out: where the pair at hand has no number to compare, another lead of the same person may have
//! one, and it differs, or is the same. What the pair itself tells stands; what it leaves out is taken from whichever two
//! of the other leads agree best in it. Without that a lead of half a name fits every member of a family, those as well
//! whose other leads rule it out.

use super::compare::{Levels, Shared, compare};
use super::homes::Contacts;
use super::level_table::FIELDS;
use super::model::Scale;

/// Profiles of each side that are asked.
const ASKED: usize = 8;

/// What is needed to compare profiles again.
#[derive(Clone, Copy)]
pub(super) struct Together<'a> {
    pub contacts: &'a Contacts,
    pub shared: &'a Shared,
    pub scale: &'a Scale,
}

impl Together<'_> {
    /// log2 odds that two people are one: of the pair `(a, b)` that shows `levels`, the profiles `left` beside `a` and
    /// those `right` beside `b` heard where it says nothing.
    pub(super) fn weight(&self, a: u32, levels: &Levels, left: &[u32], right: &[u32]) -> f64 {
        let mut others: [Option<(Levels, u32)>; FIELDS.len()] = [None; FIELDS.len()];
        if left.len() + right.len() > 2 && levels.iter().take(FIELDS.len()).any(|level| *level == 0) {
            for x in left.iter().take(ASKED) {
                for y in right.iter().take(ASKED) {
                    self.hear(*x, *y, levels, &mut others);
                }
            }
        }
        self.scale.weight_with(self.contacts, levels, a, &others)
    }

    fn hear(&self, x: u32, y: u32, levels: &Levels, others: &mut [Option<(Levels, u32)>; FIELDS.len()]) {
        let profiles = &self.contacts.forms.profiles;
        let (Some(p), Some(q)) = (profiles.get(x as usize), profiles.get(y as usize)) else { return };
        let seen = compare(&self.contacts.forms, self.shared, p, q);
        for (field, other) in others.iter_mut().enumerate() {
            let is_heard = levels[field] == 0 && seen[field] > 0;
            if is_heard && other.as_ref().is_none_or(|(known, _)| seen[field] < known[field]) {
                *other = Some((seen, x));
            }
        }
    }
}
