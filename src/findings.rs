//! What a person should act on, as data, and the one place that puts it into words.
//!
//! A finding is a level, a destination or source, what it is about, and a count. What it is about is one variant of an
//! enum with the data that its words need; from it follow the code, the subject and the sentence. Code, destination and
//! subject are the finding's identity: the history compares them, so that a sentence can be reworded, and nothing that
//! was told before becomes new. The sentence is made where it is shown, and never read again.

mod exports;
mod finding;
mod leads;
mod losses;
mod outage;
mod people;
mod reported;
mod settings;
mod titles;
mod words;

pub use self::exports::{AboutExport, Limits};
pub use self::finding::{About, Finding};
pub use self::leads::{AboutLeads, Measure, Offer};
pub use self::losses::{AboutLoss, Cause};
pub use self::outage::{Calendar, OutageWords, Stretch};
pub use self::people::AboutPeople;
pub use self::reported::{Report, Reported};
pub use self::settings::AboutSetting;
pub use self::titles::{clicked, titles};
pub use self::words::{Words, unit};
