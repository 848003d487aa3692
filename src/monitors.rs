//! What is watched beside the verdicts: where leads go, sources that fall silent, records that nobody touches.

pub mod routing;
pub mod silent_sources;
pub mod untouched;
