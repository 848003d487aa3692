//! leadrecon: every raw marketplace lead is accounted for at every destination.
//!
//! The way of the data, and the order to read the modules in: configuration → sources and exports → landing → leads →
//! people → reconciliation → outages and causes → history → reports. Each stage is a function from tables to tables;
//! only [`io`] and the command line touch the world.

#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::disallowed_macros, clippy::unwrap_used))]

// Words: what everything else speaks in.
pub mod codes;
pub mod config;
pub mod contact;
pub mod control_characters;
pub mod csv_injection;
pub mod error;
pub mod findings;
pub mod lead_source;
pub mod lenient;
pub mod merges;
pub mod place;
pub mod redaction;
pub mod retractions;
pub mod reviewed;
pub mod tables;
pub mod tabular;
pub mod time;
pub mod who;

// Stages: tables in, tables out.
pub mod balance;
pub mod binomial;
pub mod cost;
pub mod coverage;
pub mod crm;
pub mod forget;
pub mod history;
pub mod identity;
pub mod leads;
pub mod losses;
pub mod monitors;
pub mod reconcile;
pub mod suppression;
pub mod worked;

// Core: finished tables in, report tables and bytes out.
pub mod queries;
pub mod report;

// The chain of all stages, from leads and records to report tables.
pub mod pipeline;

// Beside the job: one file for each command.
pub mod diagnose;
pub mod explain;
pub mod generate;
pub mod replay;

// Edge: files, network, clock.
#[expect(clippy::disallowed_methods, reason = "the edge is where files, network and clock are touched")]
pub mod io;

// Wiring.
#[expect(clippy::disallowed_methods, reason = "the command line reads its configuration file")]
pub mod cli;
pub mod job;
