//! A finding in words: what it is, what follows from it, and what to do about it.

use crate::codes::finding as code;

/// What a finding of this code counts: one, and several.
pub fn unit(of: &str) -> (&'static str, &'static str) {
    match of {
        code::QUARANTINED | code::CONTRADICTION | code::CHANGED => ("raw lead", "raw leads"),
        code::FORWARDED | code::UNEXPLAINED | code::EXPORT_SUSPICIOUS => ("record", "records"),
        code::PEOPLE_CHANGED => ("person", "people"),
        code::SOURCE_UNREADABLE
        | code::EXPORT_UNREADABLE
        | code::EXPORT_NOT_REFRESHED
        | code::RETRACTED
        | code::IDENTITY_LIMITED
        | code::CLOCK_SHIFT
        | code::CLOCK_WRONG
        | code::CREDENTIAL_EXPIRING
        | code::SETTING_DOUBTFUL
        | code::STATE_BEGAN => ("case", "cases"),
        _ => ("lead", "leads"),
    }
}

/// A finding in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// One of [`crate::codes::finding`].
    pub code: &'static str,
    /// What of this code, in a form that no rewording changes; empty where code and destination say it all.
    pub subject: String,
    /// What it is, without personal data.
    pub what: String,
    /// What follows from it.
    pub why: Option<String>,
    /// What to do about it.
    pub advice: Option<String>,
}

impl Words {
    pub(super) fn new(code: &'static str, subject: impl Into<String>, what: impl Into<String>) -> Words {
        Words { code, subject: subject.into(), what: what.into(), why: None, advice: None }
    }

    pub(super) fn because(mut self, why: impl Into<String>) -> Words {
        self.why = Some(why.into());
        self
    }

    pub(super) fn advise(mut self, advice: impl Into<String>) -> Words {
        self.advice = Some(advice.into());
        self
    }

    /// What it is and what follows from it, for one line.
    pub fn brief(&self) -> String {
        match &self.why {
            Some(why) => format!("{}: {why}", self.what),
            None => self.what.clone(),
        }
    }

    /// All of it.
    pub fn text(&self) -> String {
        match &self.advice {
            Some(advice) => format!("{}. {advice}", self.brief()),
            None => self.brief(),
        }
    }
}
