//! leadrecon: every raw marketplace lead is accounted for at every destination.

pub mod codes;
pub mod config;
pub mod error;
pub mod tables;
