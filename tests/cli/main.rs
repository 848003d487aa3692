//! The one black-box test crate: it runs the built program and reads the repository, and never links the library,
//! so that it builds in a moment.

mod program;
mod tidy;
