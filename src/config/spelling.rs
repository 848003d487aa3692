//! What somebody meant who wrote another word.

/// The known word nearest to an unknown one, if it is near enough to be a slip of the finger.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|k| (strsim::damerau_levenshtein(word, k), k))
        .filter(|(distance, k)| *distance <= 1 + k.len().max(word.len()) / 4)
        .min()
        .map(|(_, k)| k)
}
