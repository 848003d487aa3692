//! What is watched beside the verdicts: where leads go, sources that fall silent, leads that a copy gave their time, leads
//! that wait too long for an export, records that nobody touches.

pub mod routing;
pub mod silent_sources;
pub mod undated;
pub mod unspoken;
pub mod untouched;
