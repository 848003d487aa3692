//! Names as numbers: every distinct one in comparable form once, and how it sounds.

use polars::prelude::*;

use super::numbers::{self, NONE};
use super::typed::{self, Columns, Script, Waiting};
use crate::contact;

/// A first or last name.
pub(super) struct Name {
    pub key: String,
    /// Number of how it sounds.
    pub sound: u32,
    /// Nicknames' groups of its first word.
    pub groups: &'static [u16],
    /// How far the key is to be trusted as a reading.
    pub script: Script,
    /// Whether it may be how somebody reads a name in Chinese characters.
    pub may_be_a_reading: bool,
    pub letters: u32,
    /// Whether there are several words in it.
    pub has_words: bool,
}

/// Every name that was met, by its number.
#[derive(Default)]
pub(super) struct Names {
    all: Vec<Name>,
    /// How names sound.
    pub sounds: Vec<String>,
    numbers: PlHashMap<String, u32>,
    of_sounds: PlHashMap<String, u32>,
}

/// Who a row is by name, in numbers; [`NONE`] where it tells none.
#[derive(Clone, Copy)]
pub(super) struct Named {
    pub first: u32,
    pub last: u32,
    /// See [`contact::generation`]; 0 where nothing tells.
    pub generation: u8,
}

/// Names as typed, and what they were found to be.
#[derive(Default)]
pub(super) struct Seen<'a> {
    numbers: PlHashMap<&'a str, u32>,
    generations: PlHashMap<&'a str, Option<u8>>,
}

impl Names {
    /// A name by its number.
    pub(super) fn get(&self, number: usize) -> Option<&Name> {
        self.all.get(number)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// The names of rows. What was typed before has its number already.
    pub(super) fn of_rows<'a>(&mut self, columns: &'a Columns, rows: &[u32], seen: &mut Seen<'a>) -> Vec<Named> {
        let texts = |column: &'a StringChunked| rows.iter().filter_map(|row| column.get(*row as usize));
        let both = texts(&columns.firsts).chain(texts(&columns.lasts));
        let mut ready = Waiting::of(both, |text| seen.numbers.contains_key(text), typed::name);
        rows.iter().map(|row| self.of_row(*row as usize, columns, seen, &mut ready)).collect()
    }

    fn of_row<'a>(
        &mut self,
        at: usize,
        columns: &'a Columns,
        seen: &mut Seen<'a>,
        ready: &mut Waiting<&'a str, (String, Script)>,
    ) -> Named {
        let (first, last) = (columns.firsts.get(at), columns.lasts.get(at));
        let mut generation = |name| *seen.generations.entry(name).or_insert_with(|| contact::generation(name));
        let generation = [last, first].into_iter().flatten().find_map(&mut generation).unwrap_or(0);
        let mut name = |text: Option<&'a str>| {
            let mut new = |text| ready.take(text).map_or(NONE, |(key, script)| self.number(&key, script));
            text.map_or(NONE, |text| *seen.numbers.entry(text).or_insert_with(|| new(text)))
        };
        let (mut first, mut last) = (name(first), name(last));
        // A whole name in one field.
        if (first == NONE) != (last == NONE) {
            let whole = self.get(if first == NONE { last } else { first } as usize);
            let (key, script) = whole.map_or(("", Script::Letters), |n| (n.key.as_str(), n.script));
            if let Some((head, tail)) = typed::parted(key) {
                let (head, tail) = (head.to_owned(), tail.to_owned());
                (first, last) = (self.number(&head, script), self.number(&tail, script));
            }
        }
        Named { first, last, generation }
    }

    fn number(&mut self, key: &str, script: Script) -> u32 {
        // One key in two scripts is two names: how sure the reading is differs.
        let (at, new) = match script {
            Script::Letters => numbers::number(&mut self.numbers, key),
            Script::Consonants => numbers::number(&mut self.numbers, &format!("{key}:")),
            Script::Characters => numbers::number(&mut self.numbers, &format!("{key}::")),
        };
        if new {
            let sounds = contact::sound_key(key);
            let (sound, new_sound) = numbers::number(&mut self.of_sounds, &sounds);
            if new_sound {
                self.sounds.push(sounds);
            }
            let may_be_a_reading = script == Script::Letters && typed::may_be_a_reading(key);
            let groups = contact::nickname_groups(key.split(' ').next().unwrap_or(key));
            self.all.push(Name {
                key: key.to_owned(),
                sound,
                groups,
                script,
                may_be_a_reading,
                letters: numbers::letters(key),
                has_words: key.contains(' '),
            });
        }
        at
    }
}
