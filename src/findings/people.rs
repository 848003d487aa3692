//! What can be odd about people and how leads were joined to them, in words.

use crate::codes::finding;
use crate::findings::words::Words;

/// What is odd about people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AboutPeople {
    /// People of the run before became one.
    Merged,
    /// A person of the run before became several.
    Split,
    /// Pairs of leads that this rule gives were too many to compare.
    TooManyPairs(String),
    /// Links between leads that contradict each other were cut.
    LinksCut,
    /// Links that would have made too large a person were cut.
    TooLarge,
}

impl AboutPeople {
    pub(super) fn words(&self) -> Words {
        use AboutPeople as It;
        match self {
            It::Merged => Words::new(
                finding::PEOPLE_CHANGED,
                "merged",
                "people of the run before became one: table changed_people says who, by which lead",
            ),
            It::Split => Words::new(
                finding::PEOPLE_CHANGED,
                "split",
                "a person of the run before became several: table changed_people says who, by which lead",
            ),
            It::TooManyPairs(rule) => Words::new(
                finding::IDENTITY_LIMITED,
                format!("pairs {rule}"),
                format!("pairs of leads with the same {rule} were too many to compare one by one"),
            ),
            It::LinksCut => Words::new(
                finding::IDENTITY_LIMITED,
                "links-cut",
                "links would have joined leads that contradict each other, and were cut",
            ),
            It::TooLarge => Words::new(
                finding::IDENTITY_LIMITED,
                "too-large",
                "links would have made a person of more contacts than one can have, and were cut",
            ),
        }
    }
}
