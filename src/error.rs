//! What stops a run, or a part of one: what failed, where, why, what to do, and the exit status.
//!
//! An error is made where the knowledge is; callers add the place, never replace the text.
//! It is shown to people at 3 a.m.: one lower-case line, the places, the cause, then a hint.
//! It never holds a secret, a payload or a contact: an error about a row carries its key, and every part of one passes
//! [`shown`], since what it says is also kept, in findings and in the history.

use std::fmt;

use crate::redaction::shown;

/// Result of anything that can stop a run.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Exit status of the process, in the order in which the first that applies is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 5: another run holds the lock.
    Locked = 5,
    /// 2: usage or configuration wrong, nothing was done.
    Usage = 2,
    /// 4: failed, earlier output left as it was.
    Failed = 4,
    /// 3: done in part; a source or export could not be read, the report is marked incomplete.
    Partial = 3,
    /// 1: done, and there is a finding of a level that `--fail-on` names.
    Findings = 1,
    /// 0: done.
    Done = 0,
}

/// One failure, worded for the person who has to act on it.
///
/// Boxed inside, so that `Result` stays small on the happy path.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    status: Status,
    what: String,
    places: Vec<String>,
    cause: Option<String>,
    hint: Option<String>,
}

impl Error {
    fn new(status: Status, what: impl Into<String>) -> Self {
        Error(Box::new(Inner {
            status,
            what: shown(&what.into()).into_owned(),
            places: Vec::new(),
            cause: None,
            hint: None,
        }))
    }

    /// The configuration or the command line is wrong (exit 2). `what` is a lower-case line without a full stop.
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(Status::Usage, what)
    }

    /// The run cannot go on (exit 4).
    pub fn failed(what: impl Into<String>) -> Self {
        Self::new(Status::Failed, what)
    }

    /// One source or export cannot be read; the rest of the job goes on (exit 3).
    pub fn partial(what: impl Into<String>) -> Self {
        Self::new(Status::Partial, what)
    }

    /// Another run holds the lock (exit 5).
    pub fn locked(what: impl Into<String>) -> Self {
        Self::new(Status::Locked, what)
    }

    /// Adds a place, from the inside out: `row 7, column "CreatedDate"`, then `export "salesforce/leads.csv"`.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.0.places.push(shown(&place.to_string()).into_owned());
        self
    }

    /// The underlying cause, as the library said it. Must hold no secret and no personal data.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.0.cause = Some(shown(&cause.to_string()).into_owned());
        self
    }

    /// What the reader can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(shown(&hint.into()).into_owned());
        self
    }

    /// The same where nobody who knew more has said it: advice names keys and columns, which only the caller knows.
    #[must_use]
    pub fn or_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint.get_or_insert_with(|| shown(&hint.into()).into_owned());
        self
    }

    /// The exit status this failure asks for.
    pub fn status(&self) -> Status {
        self.0.status
    }

    /// The first line only: what failed.
    pub fn what(&self) -> &str {
        &self.0.what
    }

    /// The underlying cause, if there is one.
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// The advice, if there is one.
    pub fn advice(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        f.write_str(&inner.what)?;
        for place in &inner.places {
            write!(f, "\n  at: {place}")?;
        }
        if let Some(cause) = &inner.cause {
            write!(f, "\n  cause: {cause}")?;
        }
        if let Some(hint) = &inner.hint {
            write!(f, "\n\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// A Polars failure in our own plan is a bug of ours, not the user's: it stops the run with the engine's words.
impl From<polars::error::PolarsError> for Error {
    fn from(error: polars::error::PolarsError) -> Self {
        Error::failed("a table operation failed")
            .because(without_values(&error.to_string(), ""))
            .hint("this is a fault in leadrecon; please report it with the version and this message")
    }
}

/// What the engine says, without what it shows of the data: lists of values, and whatever it quotes that neither the
/// `question` holds nor can be a column's name.
pub fn without_values(said: &str, question: &str) -> String {
    const LIST: &str = ": [";
    let said = said.split_once(LIST).map_or_else(|| said.to_owned(), |(before, _)| format!("{before}: […]"));
    let is_name = |text: &str| text.contains('_') && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let quoted = |(n, piece): (usize, &str)| {
        let is_shown = n % 2 == 0 || question.contains(piece) || is_name(piece);
        if is_shown { piece.to_owned() } else { "…".to_owned() }
    };
    said.split('"').enumerate().map(quoted).collect::<Vec<_>>().join("\"")
}

/// `1 lead`, `2 leads`: a count with its noun, for messages and reports.
pub fn count(n: usize, singular: &str, plural: &str) -> String {
    format!("{n} {}", if n == 1 { singular } else { plural })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_engine_says_of_a_failure_shows_no_value() {
        let said = "conversion from `str` to `i32` failed in column 'email' for 2 out of 2 values: [\"a@b.example\", \"c\"]\n\nmore";
        let words = without_values(said, "select cast(email as int) from leads");
        assert_eq!(words, "conversion from `str` to `i32` failed in column 'email' for 2 out of 2 values: […]");
        let of = |said: &str| without_values(said, "select \"x\"");
        assert_eq!(of("names: \"created_at\", \"x\" and \"Ada\""), "names: \"created_at\", \"x\" and \"…\"");
    }

    #[test]
    fn an_error_reads_from_what_failed_to_what_to_do() {
        let error = Error::partial("cannot read export \"leads.csv\": no column for e-mail")
            .at("destination \"salesforce\"")
            .because("header found: Id, Name")
            .hint("name it under [[destination]] columns = { email = \"…\" }");
        assert_eq!(
            error.to_string(),
            "cannot read export \"leads.csv\": no column for e-mail\n  at: destination \"salesforce\"\n  cause: \
             header found: Id, Name\n\nhint: name it under [[destination]] columns = { email = \"…\" }"
        );
        assert_eq!(error.status() as u8, 3);
    }
}
