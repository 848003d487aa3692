//! Doing a whole page or body again until it succeeds, within bounds.
//!
//! Microsoft's retry ends where the headers end, and a body cut short is a failure at once; so the unit of retrying is
//! ours: the request and its whole answer. Waits double with full jitter (AWS Architecture Blog, "Exponential Backoff
//! And Jitter"), the service's Retry-After is obeyed, and one deadline holds for the whole source.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use azure_core::error::{Error as AzureError, ErrorKind};
use azure_core::{ClientOptions, RetryOptions, TransportOptions};
use chrono::TimeDelta;

use super::names::ExactNames;
use super::wire::Wire;
use crate::error::Error;

/// Times that one page or body is tried. One request in five failing, ten in a row do in one of ten million.
const ATTEMPTS: u32 = 10;
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// Where somebody waits for it, a service that has not answered for so long is not there.
const ANSWERS_WITHIN: Duration = Duration::from_secs(4);

/// How long a source may try, and over which connection.
#[derive(Clone, Debug)]
pub(super) struct Patience {
    pub(super) wire: Arc<Wire>,
    deadline: Instant,
    allowed: TimeDelta,
    /// What to do when time is up.
    advice: &'static str,
    /// Until when the service must have answered once, where somebody waits for it.
    first_answer: Option<Instant>,
    answered: Arc<AtomicBool>,
}

impl Patience {
    /// Gives up early on a service that does not answer at all: somebody is waiting.
    pub(super) fn wants_an_answer(&mut self) {
        self.first_answer = Some(Instant::now() + ANSWERS_WITHIN);
    }

    /// When to give up, as things stand.
    fn until(&self) -> Instant {
        match self.first_answer {
            Some(first) if !self.answered.load(Ordering::Relaxed) => first.min(self.deadline),
            _ => self.deadline,
        }
    }

    pub(super) fn new(deadline: TimeDelta, advice: &'static str) -> Patience {
        // A stall is noticed after a twentieth of the time there is.
        let stall = (deadline.to_std().unwrap_or_default() / 20).clamp(Duration::from_secs(1), Duration::from_secs(30));
        Patience {
            wire: Arc::new(Wire::new(stall)),
            deadline: Instant::now() + deadline.to_std().unwrap_or_default(),
            allowed: deadline,
            advice,
            first_answer: None,
            answered: Arc::default(),
        }
    }

    /// Options for Microsoft's clients: our connection, and no retries of theirs.
    pub(super) fn options(&self) -> ClientOptions {
        let wire: Arc<dyn azure_core::HttpClient> = self.wire.clone();
        let mut options = ClientOptions::default().transport(TransportOptions::new(wire)).retry(RetryOptions::none());
        options.per_call_policies_mut().push(Arc::new(ExactNames));
        options
    }

    /// Does something until it succeeds, fails for good, or time is up.
    pub(super) async fn insist<T, F>(&self, mut attempt: impl FnMut() -> F) -> Result<T, Failure>
    where
        F: Future<Output = azure_core::Result<T>>,
    {
        let mut tried = 0;
        loop {
            tried += 1;
            let left = self.until().saturating_duration_since(Instant::now());
            let error = match tokio::time::timeout(left, attempt()).await {
                Ok(Ok(done)) => {
                    self.answered.store(true, Ordering::Relaxed);
                    return Ok(done);
                }
                Ok(Err(error)) => error,
                Err(_) if Instant::now() < self.deadline => {
                    let why = format!("no answer within {} seconds", ANSWERS_WITHIN.as_secs());
                    return Err(Failure::Connection(why));
                }
                Err(_) => return Err(Failure::Deadline(self.allowed, self.advice)),
            };
            let failure = Failure::of(&error);
            if !failure.passes() {
                return Err(failure);
            }
            if tried >= ATTEMPTS {
                return Err(failure);
            }
            let wait = jittered(tried).max(self.wire.pause());
            if Instant::now() + wait >= self.until() {
                return Err(failure);
            }
            self.wire.retried();
            tokio::time::sleep(wait).await;
        }
    }
}

/// Between nothing and twice as much as the time before.
fn jittered(tried: u32) -> Duration {
    let most = FIRST_WAIT.saturating_mul(1 << (tried - 1).min(10)).min(LONGEST_WAIT);
    // Without random bytes the wait is merely not random.
    let random = getrandom::u32().unwrap_or(u32::MAX);
    most.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

/// Why something could not be read, in words of ours.
#[derive(Debug)]
pub(super) enum Failure {
    /// The service refused.
    Status(u16, String),
    /// The connection failed.
    Connection(String),
    /// No token was given.
    SignIn,
    /// The answer made no sense.
    Nonsense,
    /// Time is up.
    Deadline(TimeDelta, &'static str),
}

impl Failure {
    pub(super) fn of(error: &AzureError) -> Failure {
        match error.kind() {
            ErrorKind::HttpResponse { status, error_code } => {
                Failure::Status(u16::from(*status), error_code.clone().unwrap_or_default())
            }
            // The text is ours, or of the body's reader: see `wire`.
            ErrorKind::Io => Failure::Connection(error.to_string()),
            ErrorKind::Credential => Failure::SignIn,
            _ => Failure::Nonsense,
        }
    }

    /// Whether it may be better next time.
    fn passes(&self) -> bool {
        match self {
            Failure::Status(status, _) => matches!(status, 408 | 429 | 500 | 502 | 503 | 504),
            Failure::Connection(_) | Failure::Nonsense => true,
            Failure::SignIn | Failure::Deadline(..) => false,
        }
    }

    /// Whether the service said that this very thing does not exist or cannot be read, and others may.
    pub(super) fn is_status(&self, statuses: &[u16]) -> bool {
        matches!(self, Failure::Status(status, _) if statuses.contains(status))
    }

    /// As told to the operator. `what` is `table "leads"` or alike; `auth` says how we signed in.
    pub(super) fn tell(&self, what: &str, auth: &str) -> Error {
        match self {
            Failure::Status(status @ (401 | 403), code) => {
                let hint = match code.as_str() {
                    "AuthenticationFailed" | "InvalidAuthenticationInfo" | "NoAuthenticationInformation" => {
                        "the key is not this account's, the signature has expired or was cut when copied, or this \
                         machine's clock is off by more than 15 minutes"
                    }
                    "AuthorizationPermissionMismatch" => {
                        "give the identity the role \"Storage Table Data Reader\" or \"Storage Blob Data Reader\", or the \
                         signature the permissions read and list"
                    }
                    "AuthorizationResourceTypeMismatch" | "AuthorizationServiceMismatch"
                    | "AuthorizationProtocolMismatch" => {
                        "the signature is for something else: it must allow this service, and service, container and \
                         object (ss=bt, srt=sco, sp=rl)"
                    }
                    _ => {
                        "check the key or signature, and whether the account's firewall lets this machine in \
                         (Networking, in the portal)"
                    }
                };
                Error::partial(format!("access to {what} is refused")).because(format!("{status} {code}, signed in with {auth}")).hint(hint)
            }
            Failure::Status(status, code) => {
                let hint = match status {
                    429 | 500..=599 => "the service is busy or out of order; the next run goes on where this one ended",
                    _ => "see the service's error codes in the Azure Storage REST reference",
                };
                Error::partial(format!("{what} cannot be read")).because(format!("{status} {code}").trim_end()).hint(hint)
            }
            Failure::Connection(text) => Error::partial(format!("{what} cannot be reached")).because(text).hint(
                "check the account's name, the endpoint and its suffix (core.windows.net), DNS, proxy and firewall; the \
                 next run goes on where this one ended",
            ),
            Failure::SignIn => Error::partial(format!("cannot sign in to read {what}"))
                .because(format!("signed in with {auth}"))
                .hint(
                    "auth = { default = true } tries environment variables (AZURE_CLIENT_ID, …), workload identity, \
                     managed identity, then `az login`",
                ),
            Failure::Nonsense => Error::partial(format!("{what} gave answers that are not understood"))
                .hint("is the endpoint that of Azure Storage, and of this service (table or blob)?"),
            Failure::Deadline(allowed, advice) => {
                let allowed = humantime::format_duration(allowed.to_std().unwrap_or_default());
                Error::partial(format!("{what} was not read to its end within {allowed}"))
                    .hint(*advice)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_within_their_bound() {
        for tried in 1..40 {
            assert!(jittered(tried) <= LONGEST_WAIT.min(FIRST_WAIT * (1 << (tried - 1).min(10))));
        }
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for (status, passes) in [(403, false), (404, false), (409, false), (429, true), (500, true), (503, true)] {
            assert_eq!(Failure::Status(status, String::new()).passes(), passes, "{status}");
        }
        assert!(Failure::Connection(String::new()).passes());
        assert!(!Failure::Deadline(TimeDelta::seconds(1), "").passes());
    }
}
