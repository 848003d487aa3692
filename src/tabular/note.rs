//! What a person should know of a file that was read, in a sentence; of a file that is read in parts one sentence for all.

use std::ops::Deref;

use serde::{Serialize, Serializer};

use crate::error::count;

/// A sentence without personal data. What it counts, if it begins with a count, is kept beside it: no sentence is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    counted: Option<Counted>,
}

/// A count, and how the sentence goes on after one and after several.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Counted {
    n: usize,
    one: String,
    many: String,
}

impl Note {
    /// A sentence that begins with a count: `one` follows a single thing, `many` any other number.
    pub fn counted(n: usize, one: impl Into<String>, many: impl Into<String>) -> Note {
        let counted = Counted { n, one: one.into(), many: many.into() };
        Note { text: count(n, &counted.one, &counted.many), counted: Some(counted) }
    }

    /// Takes up what another part of the same file says. False if that is something else.
    pub fn joins(&mut self, other: &Note) -> bool {
        match (&self.counted, &other.counted) {
            (Some(own), Some(more)) if (&own.one, &own.many) == (&more.one, &more.many) => {
                *self = Note::counted(own.n + more.n, own.one.clone(), own.many.clone());
                true
            }
            _ => self == other,
        }
    }
}

impl From<String> for Note {
    fn from(text: String) -> Note {
        Note { text, counted: None }
    }
}

impl From<&str> for Note {
    fn from(text: &str) -> Note {
        Note::from(text.to_owned())
    }
}

impl Deref for Note {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl Serialize for Note {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_parts_count_is_one_sentence_and_what_they_say_alike_is_said_once() {
        let cut = |n| Note::counted(n, "id was cut", "ids were cut");
        let mut known = cut(1);
        assert_eq!(&*known, "1 id was cut");
        assert!(known.joins(&cut(2)));
        assert_eq!(&*known, "3 ids were cut");
        assert!(
            !known.joins(&Note::counted(2, "row ends early", "rows end early")) && !known.joins(&"a header".into())
        );
        assert!(Note::from("a header").joins(&"a header".into()));
        assert_eq!(&*known, "3 ids were cut");
    }
}
