//! What a replay hands out, and one lead of it on its way.

use std::collections::BTreeMap;

/// What is handed out.
#[derive(Debug, Default)]
pub struct HandOut {
    /// Leads in the file, in its order.
    pub lead_ids: Vec<String>,
    /// The import file, or one posted body per line; empty when nothing is handed out.
    pub file: Vec<u8>,
    /// The ending of the file's name.
    pub ending: &'static str,
    /// Leads that the CRM would refuse.
    pub to_fix: usize,
    /// The same file for them, with a last column `fix` that names the cells; empty when there are none.
    pub fix: Vec<u8>,
    /// Left out because they were handed out before.
    pub before: usize,
    /// Left out because the person opted out or must not be contacted.
    pub suppressed: usize,
    /// What a person should know before the import, without personal data.
    pub notes: Vec<String>,
}

/// One lead on its way back.
pub(super) struct Row {
    pub(super) lead_id: String,
    /// Field of ours to value: contact, lead_source, description, key.
    pub(super) fields: BTreeMap<&'static str, String>,
    pub(super) action: String,
    /// Its title where it has one, which is what the marketplace posts.
    pub(super) offer: String,
    /// The lead source as the marketplace posts it beside the action.
    pub(super) source: String,
}
