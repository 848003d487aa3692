//! Names of people: one spelling for case, order of scripts, titles and punctuation; sound and nickname keys.
//!
//! Nicknames: `nicknames.csv` (see `scripts/contact_data.py`). Transliteration: the any_ascii crate.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::{fold, is_placeholder};

/// Words before and after names that are none.
const TITLES: &[&str] = &[
    "mr", "mrs", "ms", "miss", "mx", "dr", "prof", "professor", "herr", "frau", "hr", "fr", "dipl", "ing", "mag",
    "mme", "mlle", "monsieur", "madame", "sr", "sra", "srta", "senor", "senora", "don", "dona", "sig", "signor",
    "signora", "dott", "ir", "drs", "mba", "phd", "msc", "bsc", "jr", "jnr", "snr", "ii", "iii", "iv", "2nd", "3rd",
    "4th", "ifj", "esq", "md", "cpa", "sir", "dame",
];

/// Lower-case ASCII words of a name, without titles; `None` for blanks and placeholders. Digits stay: who is called
/// `user 12` is not `user 13`.
///
/// ```
/// assert_eq!(leadrecon::contact::name_key("Dr. Łukasz  O'Brien-Müller").as_deref(), Some("lukasz obrien muller"));
/// assert_eq!(leadrecon::contact::name_key("Иванов").as_deref(), Some("ivanov"));
/// assert_eq!(leadrecon::contact::name_key("Nil").as_deref(), Some("nil"));
/// assert_eq!(leadrecon::contact::name_key("nil"), None);
/// assert_eq!(leadrecon::contact::name_key("?i?ka"), None); // who could not write Žižka
/// ```
pub fn name_key(name: &str) -> Option<String> {
    // A cross where the name should stand. People are called Nil, Na and Ka, and write it so.
    let is_somebody = matches!(name.trim(), "Nil" | "Na" | "Ka");
    if (is_placeholder(name) && !is_somebody) || matches!(name.trim(), "x" | "X") || has_lost_letters(name) {
        return None;
    }
    let folded = fold(name);
    let mut key = String::with_capacity(folded.len());
    let words = || {
        folded
            .split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '\'' | '`')))
            .map(|word| word.chars().filter(char::is_ascii_alphanumeric).collect::<String>())
            .filter(|word| !word.is_empty())
    };
    let titles_only = words().all(|word| TITLES.contains(&word.as_str()));
    for word in words() {
        if titles_only || !TITLES.contains(&word.as_str()) {
            if !key.is_empty() {
                key.push(' ');
            }
            key.push_str(&word);
        }
    }
    (!key.is_empty()).then_some(key)
}

/// Whether a program that could not write a letter put a mark in its place (`Zo?`): what is left of such a name tells
/// nobody from anybody.
fn has_lost_letters(name: &str) -> bool {
    let is_mark = |c: char| c == '?' && name.chars().any(char::is_alphabetic);
    name.chars().any(|c| c == char::REPLACEMENT_CHARACTER || is_mark(c))
}

/// How a name sounds, roughly and across languages and transliterations: first letter and consonants.
///
/// `Mohammed`, `Muhammad` and `محمد` are one; so are `Schmidt` and `Schmitt`, `Meyer` and `Maier`, `Ivanov` and `Iwanow`.
pub fn sound_key(key: &str) -> String {
    let mut text: String = key.chars().filter(char::is_ascii_alphabetic).collect();
    for (from, to) in [
        ("tsch", "c"),
        ("tch", "c"),
        ("sch", "s"),
        ("sh", "s"),
        ("ch", "k"),
        ("ck", "k"),
        ("ph", "f"),
        ("th", "t"),
        ("dt", "t"),
        ("tz", "z"),
        ("ts", "z"),
        ("cz", "c"),
        ("zh", "s"),
        ("kh", "k"),
        ("gh", "g"),
        ("wh", "w"),
        ("qu", "kv"),
        ("x", "ks"),
    ] {
        if text.contains(from) {
            text = text.replace(from, to);
        }
    }
    let mut sound = String::with_capacity(text.len());
    let mut last = '\0';
    for (i, c) in text.chars().enumerate() {
        let c = match c {
            'w' => 'v',
            'c' | 'q' => 'k',
            'j' | 'y' => 'i',
            'd' if i > 0 => 't',
            'b' if i > 0 => 'p',
            'z' => 's',
            other => other,
        };
        let vowel = matches!(c, 'a' | 'e' | 'i' | 'o' | 'u' | 'h');
        if i == 0 && vowel {
            sound.push('a');
        } else if !vowel && c != last {
            sound.push(c);
        }
        last = c;
    }
    sound
}

/// Sorted groups of forms of one name: two names are forms of one if they share a group.
static GROUPS: LazyLock<HashMap<&'static str, Vec<u16>>> = LazyLock::new(|| {
    let mut groups: HashMap<&'static str, Vec<u16>> = HashMap::new();
    let lines = include_str!("nicknames.csv").lines().filter(|line| !line.starts_with('#'));
    for (n, line) in lines.enumerate() {
        for name in line.split(',') {
            groups.entry(name).or_default().push(u16::try_from(n).unwrap_or(u16::MAX));
        }
    }
    groups
});

/// The nickname groups of a first name's key, sorted; empty for a name without known short forms.
pub fn nickname_groups(first: &str) -> &'static [u16] {
    GROUPS.get(first).map_or(&[], Vec::as_slice)
}

/// Whether two first names are forms of one (`Bob`, `Robert`), by their keys.
///
/// ```
/// assert!(leadrecon::contact::are_nicknames("bill", "william"));
/// assert!(!leadrecon::contact::are_nicknames("bob", "william"));
/// ```
pub fn are_nicknames(a: &str, b: &str) -> bool {
    let (a, b) = (nickname_groups(a), nickname_groups(b));
    a.iter().any(|group| b.binary_search(group).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_sound_alike_and_others_do_not() {
        for (a, b) in [
            ("Mohammed", "Muhammad"),
            ("محمد", "Mohamed"),
            ("Schmidt", "Schmitt"),
            ("Meyer", "Maier"),
            ("Иванов", "Iwanow"),
            ("Stefan", "Stephan"),
            ("Müller", "Mueller"),
        ] {
            let key = |name| sound_key(&name_key(name).unwrap());
            assert_eq!(key(a), key(b), "{a} {b}");
        }
        for (a, b) in [("Smith", "Jones"), ("Anna", "Peter"), ("Miller", "Muster")] {
            assert_ne!(sound_key(&name_key(a).unwrap()), sound_key(&name_key(b).unwrap()), "{a} {b}");
        }
    }

    #[test]
    fn titles_are_no_part_of_a_name_unless_they_are_all_there_is() {
        assert_eq!(name_key("Prof. Dr. Anna").as_deref(), Some("anna"));
        assert_eq!(name_key("Don").as_deref(), Some("don"));
        assert_eq!(name_key("test"), None);
        assert_eq!(name_key(" -- "), None);
        assert_eq!((name_key("x"), name_key("X.").as_deref()), (None, Some("x")));
        assert_eq!(name_key("User 12").as_deref(), Some("user 12"));
    }

    #[test]
    fn nicknames_are_found_both_ways() {
        for (a, b) in
            [("robert", "bob"), ("bob", "robert"), ("sepp", "josef"), ("sasha", "alexander"), ("paco", "francisco")]
        {
            assert!(are_nicknames(a, b), "{a} {b}");
        }
        assert!(!are_nicknames("anna", "peter"));
    }
}
