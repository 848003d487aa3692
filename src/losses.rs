//! What was lost and by what: leads that never reached the store, outages, causes.

pub mod causes;
pub mod lost_at_source;
pub mod outages;
