//! The edge: the only code that touches the world (files, network, clock, environment).
//!
//! Everything below this module is exempt from the lint that keeps the core pure; nothing else is, but for `cli`.

pub mod aging;
mod aside;
pub mod azure;
pub mod cache;
pub mod check;
pub mod credentials;
pub mod exports;
pub mod fetch;
pub mod files;
pub mod forgetting;
pub mod generated;
pub mod handout;
mod intake;
pub mod landing;
pub mod last_run;
pub mod mirror;
mod objects;
pub mod outlet;
mod process;
mod progress;
pub mod publish;
pub mod recognise;
pub mod records;
pub mod refresh;
pub mod retracting;
pub mod reviewed;
pub mod state;
pub mod timings;
pub mod webhook;

use chrono::{DateTime, Utc};

pub use self::process::{cpu_seconds, host, leave_no_dump, memory, peak_memory};
pub use self::progress::aside as bars_aside;

/// The wall clock. Read once by the command and handed down, so that every stage is a function of its arguments.
pub fn now() -> DateTime<Utc> {
    Utc::now()
}
