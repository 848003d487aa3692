//! What reviewed files ever said, each statement with the day on which it was first read.
//!
//! A file is read every night, and what it says counts from the night that first shows it. So a call list saved over
//! yesterday's file, a file that cannot be opened tonight and a row that was deleted take nothing back: only a later
//! statement does. A statement is new if the last reading of its file did not hold it, or held it less often; a file of
//! unchanged bytes under another name says nothing new.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// A statement, and when it was first read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said<S> {
    /// The as-of day of the run that first read it.
    pub read_on: NaiveDate,
    /// What was said.
    #[serde(flatten)]
    pub what: S,
}

/// The last reading of a file. It holds no statement, only digests of them: nobody needs to be forgotten here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Reading {
    sha256: String,
    lines: Vec<String>,
}

/// What files of one kind ever said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory<S> {
    files: BTreeMap<String, Reading>,
    /// In the order in which they were first read.
    said: Vec<Said<S>>,
}

impl<S> Default for Memory<S> {
    fn default() -> Self {
        Memory { files: BTreeMap::new(), said: Vec::new() }
    }
}

/// A file as it was read tonight: its name, the hash of its bytes, and its statements in order.
#[derive(Clone, Debug)]
pub struct File<S> {
    /// As messages name it.
    pub name: String,
    /// Of all its bytes.
    pub sha256: String,
    /// In the order of its lines.
    pub lines: Vec<S>,
}

impl<S: Serialize> Memory<S> {
    /// Takes in a file that the run for `day` reads. `digest` makes a text unreadable, always in the same way.
    pub fn take(&mut self, file: File<S>, day: NaiveDate, mut digest: impl FnMut(&str) -> String) {
        // A run for an older day comes later all the same: what is read last counts.
        let read_on = self.said.last().map_or(day, |last| last.read_on.max(day));
        let digests: Vec<String> =
            file.lines.iter().map(|line| digest(&serde_json::to_string(line).unwrap_or_default())).collect();
        let renamed = !self.files.contains_key(&file.name) && self.files.values().any(|r| r.sha256 == file.sha256);
        if !renamed {
            let mut before: BTreeMap<&str, usize> = BTreeMap::new();
            for line in self.files.get(&file.name).iter().flat_map(|reading| &reading.lines) {
                *before.entry(line).or_default() += 1;
            }
            for (what, digest) in file.lines.into_iter().zip(&digests) {
                match before.get_mut(digest.as_str()).filter(|left| **left > 0) {
                    Some(left) => *left -= 1,
                    None => self.said.push(Said { read_on, what }),
                }
            }
        }
        self.files.insert(file.name, Reading { sha256: file.sha256, lines: digests });
    }
}

impl<S> Memory<S> {
    /// What was read up to a day, in the order in which it was first read.
    pub fn until(&self, day: NaiveDate) -> impl Iterator<Item = &Said<S>> {
        self.said.iter().filter(move |said| said.read_on <= day)
    }

    /// All that was ever said, in the order in which it was first read.
    pub fn all(&self) -> &[Said<S>] {
        &self.said
    }

    /// Forgets what was said of some. Gives how many statements went.
    pub fn forget(&mut self, mut is_gone: impl FnMut(&S) -> bool) -> usize {
        let before = self.said.len();
        self.said.retain(|said| !is_gone(&said.what));
        before - self.said.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(memory: &mut Memory<String>, day: &str, name: &str, text: &str) {
        let lines = text.split_whitespace().map(str::to_owned).collect();
        let file = File { name: name.into(), sha256: text.into(), lines };
        memory.take(file, day.parse().unwrap(), |line| format!("hash of {line}"));
    }

    fn said(memory: &Memory<String>, day: &str) -> Vec<String> {
        memory.until(day.parse().unwrap()).map(|said| said.what.clone()).collect()
    }

    #[test]
    fn what_was_said_holds_whatever_becomes_of_the_row_or_the_file_and_the_last_word_counts() {
        let mut memory = Memory::default();
        read(&mut memory, "2026-05-01", "a.csv", "ann=called bob=junk");
        read(&mut memory, "2026-05-02", "a.csv", "bob=junk");
        read(&mut memory, "2026-05-03", "a.csv", "bob=junk ann=open");
        read(&mut memory, "2026-05-04", "b.csv", "bob=junk ann=open");
        assert_eq!(said(&memory, "2026-05-04"), ["ann=called", "bob=junk", "ann=open"], "b.csv is a.csv renamed");
        read(&mut memory, "2026-05-05", "a.csv", "bob=junk ann=open bob=junk");
        assert_eq!(said(&memory, "2026-05-05").len(), 4, "said again behind another word it is a new one");
        assert_eq!(said(&memory, "2026-05-02"), ["ann=called", "bob=junk"], "an earlier day knows what it knew");
        read(&mut memory, "2026-05-01", "a.csv", "ann=called");
        assert_eq!(memory.all().last().unwrap().read_on.to_string(), "2026-05-05", "read last");
        assert_eq!(memory.forget(|said| said.starts_with("ann")), 3);
        assert_eq!(memory.all().len(), 2);
    }
}
