//! What goes wrong in a night without stopping it.

use tracing::warn;

use crate::error::Error;
use crate::findings::{About, AboutExport, AboutLeads, Finding};

/// What goes wrong without stopping the run: it makes the run incomplete and stands in the report.
#[derive(Default)]
pub(super) struct Troubles {
    pub(super) findings: Vec<Finding>,
    /// `place: what`, without personal data.
    pub(super) sentences: Vec<String>,
    /// What could not be read, with its cause and what to do.
    pub(super) errors: Vec<String>,
}

impl Troubles {
    pub(super) fn add(&mut self, about: fn(String) -> About, place: &str, error: &Error) {
        warn!("{place}: {error}");
        self.sentences.push(format!("{place}: {}", error.what()));
        self.errors.push(error.to_string());
        self.findings.push(Finding::mail(place, about(error.what().to_owned()), 1));
    }
}

pub(super) fn unreadable_source(why: String) -> About {
    AboutLeads::SourceUnreadable(why).into()
}

pub(super) fn unreadable_export(why: String) -> About {
    AboutExport::Unreadable(why).into()
}
