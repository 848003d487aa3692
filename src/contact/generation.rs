//! The part of a name that tells father and son apart: Sr., Jr., II, III, and their like in other languages.
//!
//! It is no part of a name in comparable form, since people leave it out; where two names both have one and they differ,
//! they are two people's. `Jr.` and `II` are one generation: the same man writes either.

use super::fold;

/// What a word says, and where it must stand to say so.
struct Word {
    text: &'static str,
    generation: u8,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It is nothing else.
    Anywhere,
    /// Before a name it is something else, such as the Spanish `Sr.`.
    NotFirst,
    /// It is a name or a word as well: only behind another name, at the end.
    Last,
    /// Only before a name, as in Hungarian.
    First,
    /// A letter or two that are mostly something else: at the end, in capitals, without a point.
    LastInCapitals,
}

const fn word(text: &'static str, generation: u8, place: Place) -> Word {
    Word { text, generation, place }
}

/// Words in comparable form. The nephew who is named after his uncle is no generation further: he has a number of his own.
const WORDS: &[Word] = &[
    word("sr", 1, Place::NotFirst),
    word("snr", 1, Place::Anywhere),
    word("senr", 1, Place::Anywhere),
    word("senior", 1, Place::Last),
    word("sen", 1, Place::Last),
    word("1st", 1, Place::Anywhere),
    word("i", 1, Place::LastInCapitals),
    word("elder", 1, Place::Last),
    word("altere", 1, Place::Last),
    word("aeltere", 1, Place::Last),
    word("pere", 1, Place::Last),
    word("aine", 1, Place::Last),
    word("padre", 1, Place::Last),
    word("pai", 1, Place::Last),
    word("id", 1, Place::First),
    word("idosb", 1, Place::Anywhere),
    word("st", 1, Place::Last),
    word("starsi", 1, Place::Last),
    word("starszy", 1, Place::Last),
    word("starshiy", 1, Place::Last),
    word("stariji", 1, Place::Last),
    word("vanhempi", 1, Place::Last),
    word("aldre", 1, Place::Last),
    word("eldre", 1, Place::Last),
    word("jr", 2, Place::Anywhere),
    word("jnr", 2, Place::Anywhere),
    word("junr", 2, Place::Anywhere),
    word("junior", 2, Place::Last),
    word("jun", 2, Place::Last),
    word("ii", 2, Place::Anywhere),
    word("2nd", 2, Place::Anywhere),
    word("second", 2, Place::Last),
    word("younger", 2, Place::Last),
    word("jungere", 2, Place::Last),
    word("juengere", 2, Place::Last),
    word("fils", 2, Place::Last),
    word("hijo", 2, Place::Last),
    word("filho", 2, Place::Last),
    word("figlio", 2, Place::Last),
    word("ifj", 2, Place::Anywhere),
    word("ifjabb", 2, Place::Anywhere),
    word("ml", 2, Place::Last),
    word("mladsi", 2, Place::Last),
    word("mlodszy", 2, Place::Last),
    word("mladshiy", 2, Place::Last),
    word("mladi", 2, Place::Last),
    word("nuorempi", 2, Place::Last),
    word("yngre", 2, Place::Last),
    word("iii", 3, Place::Anywhere),
    word("3rd", 3, Place::Anywhere),
    word("third", 3, Place::Last),
    word("neto", 3, Place::Last),
    word("netto", 3, Place::Last),
    word("iv", 4, Place::Anywhere),
    word("4th", 4, Place::Anywhere),
    word("fourth", 4, Place::Last),
    word("v", 5, Place::LastInCapitals),
    word("5th", 5, Place::Anywhere),
    word("vi", 6, Place::LastInCapitals),
    word("sobrinho", 9, Place::Last),
];

/// Longest word, in bytes, that can be one of them in any script.
const LONGEST: usize = 24;

/// The generation that a first, last or whole name tells: 1 of the elder, 2 of the younger, 3 of the third.
///
/// ```
/// use leadrecon::contact::generation;
/// assert_eq!((generation("Castellan, Sr."), generation("Castellan Jr"), generation("Castellan")), (Some(1), Some(2), None));
/// ```
pub fn generation(name: &str) -> Option<u8> {
    let unescaped = super::unescaped(name);
    let mut words: Vec<(&str, bool)> = Vec::new();
    for word in unescaped.split_inclusive(|c: char| !(c.is_alphanumeric() || c == '\'')) {
        let letters = word.trim_end_matches(|c: char| !(c.is_alphanumeric() || c == '\''));
        if !letters.is_empty() {
            words.push((letters, word.ends_with('.')));
        }
    }
    let last = words.len().checked_sub(1)?;
    if let [.., (d, _), (letter, _)] = words.as_slice()
        && last > 0
        && fold(d) == "d"
    {
        // d. Ä. and d. J. in German, d. ä. and d. y. in Swedish.
        match fold(letter).as_ref() {
            "j" | "y" => return Some(2),
            "a" | "ae" => return Some(1),
            _ => {}
        }
    }
    words.iter().enumerate().rev().find_map(|(at, (word, pointed))| {
        // Letters of other scripts become more in ASCII, hardly less.
        let folded = (word.len() <= LONGEST).then(|| fold(word))?;
        let known = WORDS.iter().find(|known| folded == known.text)?;
        let holds = match known.place {
            Place::Anywhere => true,
            Place::NotFirst => at > 0,
            Place::Last => at > 0 && at == last,
            Place::First => at == 0 && last > 0,
            Place::LastInCapitals => at > 0 && at == last && !pointed && word.chars().all(char::is_uppercase),
        };
        holds.then_some(known.generation)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_is_read_wherever_it_stands_and_in_several_languages() {
        for (name, expected) in [
            ("Castellan Sr.", Some(1)),
            ("CASTELLAN, SR", Some(1)),
            ("Castellan Jr., John", Some(2)),
            ("Jr. Castellan", Some(2)),
            ("John (Jr)", Some(2)),
            ("Pemberton II", Some(2)),
            ("Pemberton III", Some(3)),
            ("Pemberton the Third", Some(3)),
            ("Pemberton V", Some(5)),
            ("Silva Filho", Some(2)),
            ("Silva Neto", Some(3)),
            ("Müller sen.", Some(1)),
            ("Müller d. J.", Some(2)),
            ("Dumas fils", Some(2)),
            ("ifj. Nagy", Some(2)),
            ("id. Nagy", Some(1)),
            ("Novák ml.", Some(2)),
            ("Иванов младший", Some(2)),
            ("O&#039;Neil Jr.", Some(2)),
            // What is no generation.
            ("Sr. Pérez", None),
            ("Junior", None),
            ("St. John", None),
            ("Vi", None),
            ("Ann V.", None),
            ("Castellan", None),
            ("", None),
        ] {
            assert_eq!(generation(name), expected, "{name}");
        }
    }
}
