//! One finding: level, place, what it is about, and count.

use chrono::NaiveDate;

use crate::codes::level;
use crate::findings::exports::AboutExport;
use crate::findings::leads::AboutLeads;
use crate::findings::losses::AboutLoss;
use crate::findings::people::AboutPeople;
use crate::findings::settings::AboutSetting;
use crate::findings::words::Words;

/// One thing a person should act on, before the history says whether it is new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// One of [`level`].
    pub level: &'static str,
    /// Destination or source it is about; empty if none.
    pub destination: String,
    /// What it is about.
    pub about: About,
    /// How many it speaks of.
    pub count: i64,
}

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// An export, or another file that is read every night.
    Export(AboutExport),
    /// Leads and where they come from.
    Leads(AboutLeads),
    /// People, and how leads were joined to them.
    People(AboutPeople),
    /// What became of leads on their way.
    Loss(AboutLoss),
    /// The configuration and what people reviewed.
    Setting(AboutSetting),
    /// What came since an earlier report to a finding that counts single things.
    More(Box<About>, NaiveDate),
}

impl Finding {
    /// A finding of a level that its circumstances decide.
    pub fn new(
        level: &'static str,
        destination: impl Into<String>,
        about: impl Into<About>,
        count: impl TryInto<i64>,
    ) -> Finding {
        let count = count.try_into().unwrap_or(i64::MAX);
        Finding { level, destination: destination.into(), about: about.into(), count }
    }

    /// One to wake somebody for.
    pub fn page(destination: impl Into<String>, about: impl Into<About>, count: impl TryInto<i64>) -> Finding {
        Self::new(level::PAGE, destination, about, count)
    }

    /// One to tell somebody in the morning.
    pub fn mail(destination: impl Into<String>, about: impl Into<About>, count: impl TryInto<i64>) -> Finding {
        Self::new(level::MAIL, destination, about, count)
    }

    /// One to keep in the report.
    pub fn list(destination: impl Into<String>, about: impl Into<About>, count: impl TryInto<i64>) -> Finding {
        Self::new(level::LIST, destination, about, count)
    }

    /// The finding in words, with its code and its subject.
    pub fn words(&self) -> Words {
        self.about.words(&self.destination)
    }

    /// One of [`crate::codes::finding`].
    pub fn code(&self) -> &'static str {
        self.words().code
    }

    /// Whether leads wait for an export for this reason.
    pub fn is_unspoken_for(&self, reason: &str) -> bool {
        matches!(&self.about, About::Export(AboutExport::Unspoken(why)) if *why == reason)
    }

    /// A sentence without personal data.
    pub fn text(&self) -> String {
        self.words().text()
    }
}

impl About {
    fn words(&self, destination: &str) -> Words {
        match self {
            About::Export(about) => about.words(),
            About::Leads(about) => about.words(destination),
            About::People(about) => about.words(),
            About::Loss(about) => about.words(destination),
            About::Setting(about) => about.words(),
            About::More(about, since) => {
                let of = about.words(destination);
                let subject = format!("{} more since {since}", of.subject).trim_start().to_owned();
                Words::new(of.code, subject, of.text()).because(format!("these are more than in the report of {since}"))
            }
        }
    }
}

impl From<AboutExport> for About {
    fn from(about: AboutExport) -> About {
        About::Export(about)
    }
}

impl From<AboutLeads> for About {
    fn from(about: AboutLeads) -> About {
        About::Leads(about)
    }
}

impl From<AboutPeople> for About {
    fn from(about: AboutPeople) -> About {
        About::People(about)
    }
}

impl From<AboutLoss> for About {
    fn from(about: AboutLoss) -> About {
        About::Loss(about)
    }
}

impl From<AboutSetting> for About {
    fn from(about: AboutSetting) -> About {
        About::Setting(about)
    }
}
