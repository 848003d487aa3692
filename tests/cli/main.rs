//! The one black-box test crate: it runs the built program and reads the repository, and never links the library,
//! so that it builds in a moment.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    reason = "a test touches the world and may panic"
)]

mod azurite;
mod azurite_exports;
mod azurite_identity;
mod azurite_mirror;
mod azurite_reviewed;
mod azurite_server;
mod case;
mod cases;
mod crash;
mod demo;
mod everywhere;
mod failures;
mod faults;
mod forget;
mod kept;
mod monitoring;
mod newcomer;
mod outages;
mod people;
mod program;
mod publisher;
mod secrets;
mod tidy;
mod told;
mod way_back;
