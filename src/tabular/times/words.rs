//! Words of dates in a hundred languages → months, parts of the day, and words that say nothing.
//!
//! The list is the Unicode CLDR's (`scripts/time_words.py`). One word may be a month in one language and another month,
//! or a weekday, in the next: each meaning comes with the languages that have it, and the caller finds which fit.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Languages, one bit for each.
pub(super) type Languages = u128;

/// All of them.
pub(super) const EVERY_LANGUAGE: Languages = Languages::MAX;

/// What a word can be.
#[derive(Clone, Debug, Default)]
pub(super) struct Meanings {
    /// Months, from 1, and the languages that call them so.
    pub months: Vec<(u32, Languages)>,
    /// Parts of the day, from and before which minute, and the languages that call them so.
    pub parts_of_day: Vec<(u32, u32, Languages)>,
    /// Whether it may stand in a date without a meaning for it: a weekday, an article, `at`.
    pub filler: bool,
}

/// Words that programs write into dates and that the CLDR's patterns do not have.
const FILLERS: &[&str] = &[
    "at", "um", "o'clock", "oclock", "hrs", "hr", "hs", "h", "uur", "น", "น.", "г", "в", "om", "à", "às", "as", "a",
    "kl", "klo", "le", "on", "of", "the", "st", "nd", "rd", "th", "er", "º", "ª", "um", "ש", "בשעה", "요일", "曜日",
    "曜", "星期", "周", "週", "년", "년도", "t", "den", "las", "les", "la", "al", "alle", "ore", "ora", "orë", "o",
    "v", "u", "ob", "godz", "godzinie", "hod", "hodin", "kell", "plkst", "klukkan", "klokken", "στις", "στη", "во",
    "у", "о", "година", "في", "الساعة", "ساعت", "को", "बजे", "เวลา", "lúc", "pukul", "jam", "saat", "saati", "d", "m",
    "@",
];

/// Letters that some languages glue to the word after them.
const GLUED: &[&str] = &["ב", "ה", "و", "في"];

static WORDS: LazyLock<BTreeMap<&'static str, Meanings>> = LazyLock::new(|| {
    let mut words: BTreeMap<&'static str, Meanings> = BTreeMap::new();
    for line in include_str!("words.txt").lines().filter(|line| !line.starts_with('#')) {
        let mut cells = line.split('\t');
        let (Some(kind), Some(languages), Some(word)) = (cells.next(), cells.next(), cells.next()) else { continue };
        let languages = languages
            .split(',')
            .filter_map(|n| n.parse::<u32>().ok())
            .fold(0, |all, n| all | 1u128.checked_shl(n).unwrap_or(0));
        let meanings = words.entry(word).or_default();
        match kind.split_at_checked(1) {
            Some(("m", month)) => meanings.months.extend(month.parse().ok().map(|month| (month, languages))),
            Some(("p", minutes)) => {
                let range = minutes
                    .split_once('-')
                    .and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?, languages)));
                meanings.parts_of_day.extend(range);
            }
            _ => meanings.filler = true,
        }
    }
    for word in FILLERS {
        words.entry(word).or_default().filler = true;
    }
    words
});

/// Whether a word stands in the list as it is.
pub(super) fn is_known(word: &str) -> bool {
    WORDS.contains_key(word)
}

/// What a word, in lower case and without points, can be; none for one that stands in no date.
pub(super) fn meanings(word: &str) -> Option<Meanings> {
    if let Some(found) = WORDS.get(word) {
        return Some(found.clone());
    }
    if let Some(found) = shortened(word) {
        return Some(found);
    }
    let bare = GLUED.iter().find_map(|letter| word.strip_prefix(letter)).filter(|bare| !bare.is_empty())?;
    WORDS.get(bare).cloned()
}

/// A month that was cut to its first letters, three at least: those that could be meant.
fn shortened(word: &str) -> Option<Meanings> {
    if word.chars().count() < 3 {
        return None;
    }
    let mut found = Meanings::default();
    for (_, longer) in WORDS.range(word..).take_while(|(longer, _)| longer.starts_with(word)) {
        for (month, languages) in &longer.months {
            match found.months.iter_mut().find(|(known, _)| known == month) {
                Some((_, all)) => *all |= languages,
                None => found.months.push((*month, *languages)),
            }
        }
    }
    (!found.months.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_two_languages_use_for_two_months_has_both_meanings() {
        let months = |word: &str| meanings(word).map(|m| m.months.iter().map(|(month, _)| *month).collect::<Vec<_>>());
        assert_eq!(months("mai"), Some(vec![5]));
        assert_eq!(months("listopad").map(|m| m.len()), Some(2), "October in Croatian, November in Polish");
        assert_eq!(months("septemb"), Some(vec![9]));
        assert_eq!(months("soon"), None);
        assert!(
            meanings("오후").is_some_and(|m| m.parts_of_day.iter().any(|(from, to, _)| (*from, *to) == (720, 1440)))
        );
    }
}
