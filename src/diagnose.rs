//! An error message, whole or in part, in any language of the pages → what causes it, what repairs it, and the page.
//!
//! Messages are compared by pieces of words (three letters; two in scripts without blanks), each weighted by how few of
//! the known errors contain it, so that "could not save the lead to Dynamics CRM", which half of them begin with,
//! decides nothing. What is known: `diagnose/known.toml`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// One known error.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// Stable name.
    pub id: String,
    /// What happens, in a line.
    pub title: String,
    /// Why.
    pub cause: String,
    /// What to do.
    pub fix: String,
    /// Title of the page that tells more.
    pub page: String,
    /// Its address.
    pub url: String,
    /// Where messages stand that the page does not print, or that they are general knowledge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages_from: Option<String>,
    /// Distinguishing parts of the messages, in every known language.
    #[serde(skip_serializing)]
    messages: Vec<String>,
}

/// What a text was found to be.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
pub enum Diagnosis {
    /// One error, beyond doubt.
    Found {
        /// The error.
        known: Known,
    },
    /// A text that several errors share; the likeliest first.
    Ambiguous {
        /// The errors it may be.
        candidates: Vec<Known>,
    },
    /// Nothing known; the nearest are named.
    Unknown {
        /// The nearest, which need not be near.
        nearest: Vec<Known>,
    },
}

/// Share of a text's or a message's weight that must be found to call it known.
const ENOUGH: f64 = 0.6;
/// The same for a text so long that the letters of a short message occur in it by chance.
const ENOUGH_OF_LONG: f64 = 0.8;
/// How far ahead of the second the first must be.
const AHEAD: f64 = 0.12;

#[derive(Deserialize)]
struct File {
    shared: Vec<String>,
    known: Vec<Known>,
}

fn file() -> Result<File> {
    toml::from_str(include_str!("diagnose/known.toml"))
        .map_err(|e| Error::failed("the list of known errors cannot be read").because(e))
}

/// Finds what an error message means.
///
/// # Errors
/// Never in a built program: the list is part of it.
pub fn diagnose(text: &str) -> Result<Diagnosis> {
    let File { shared, known } = file()?;
    let shared: BTreeSet<String> = shared.iter().flat_map(|s| pieces(s)).collect();
    let queries = windows(text);
    let whole = pieces(text);
    if !whole.is_empty() && whole.is_subset(&shared) {
        let candidates = known.into_iter().filter(|k| k.cause.contains("Dynamics") || k.page.contains("Dynamics"));
        return Ok(Diagnosis::Ambiguous { candidates: candidates.collect() });
    }
    let messages: Vec<Vec<BTreeSet<String>>> =
        known.iter().map(|k| k.messages.iter().map(|m| pieces(m)).collect()).collect();
    let mut found_in: BTreeMap<&str, usize> = BTreeMap::new();
    for of_one in &messages {
        let all: BTreeSet<&str> = of_one.iter().flatten().map(String::as_str).collect();
        for piece in all {
            *found_in.entry(piece).or_default() += 1;
        }
    }
    // A piece that no known error holds speaks against all of them, but no more than a telling one speaks for one.
    let weight = |piece: &str| {
        if shared.contains(piece) {
            return 0.0;
        }
        let n = found_in.get(piece).copied().unwrap_or(2);
        ((known.len() as f64 + 1.0) / n as f64).ln()
    };
    let sum = |pieces: &mut dyn Iterator<Item = &String>| pieces.map(|p| weight(p)).sum::<f64>();
    let asked: Vec<f64> = queries.iter().map(|query| sum(&mut query.iter())).collect();
    let mut scored: Vec<(f64, usize)> = messages
        .iter()
        .enumerate()
        .map(|(at, of_one)| {
            let pairs = of_one.iter().flat_map(|message| queries.iter().zip(&asked).map(move |query| (message, query)));
            let best = pairs.map(|(message, (query, asked))| {
                let common = sum(&mut query.intersection(message));
                let all = sum(&mut message.iter());
                // Part of a message, or a message within a longer text; a long part of a longer message counts too.
                let part = if query.len() >= FEWEST && *asked > 0.0 { common / asked } else { 0.0 };
                let whole = common / all.max(f64::MIN_POSITIVE);
                let mean = 2.0 * common / (asked + all).max(f64::MIN_POSITIVE);
                part.max(whole) + 0.1 * mean
            });
            (best.fold(0.0, f64::max), at)
        })
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let pick =
        |scored: &[(f64, usize)]| scored.iter().filter_map(|(_, at)| known.get(*at).cloned()).collect::<Vec<_>>();
    let enough = if queries.len() > 1 { ENOUGH_OF_LONG } else { ENOUGH };
    let likely: Vec<(f64, usize)> = scored.iter().copied().filter(|(score, _)| *score >= enough).collect();
    Ok(match likely.as_slice() {
        [] => Diagnosis::Unknown {
            nearest: pick(&scored.iter().copied().filter(|(score, _)| *score > 0.0).take(3).collect::<Vec<_>>()),
        },
        [(first, _), (second, _), ..] if first - second < AHEAD => {
            let close = likely.iter().copied().take_while(|(score, _)| first - score < AHEAD).collect::<Vec<_>>();
            Diagnosis::Ambiguous { candidates: pick(&close) }
        }
        [first, ..] => match pick(&[*first]).pop() {
            Some(known) => Diagnosis::Found { known },
            None => Diagnosis::Unknown { nearest: Vec::new() },
        },
    })
}

/// A fragment of fewer pieces says too little to be anybody's part.
const FEWEST: usize = 3;

impl Diagnosis {
    /// In words, for a person.
    pub fn text(&self) -> String {
        let one = |k: &Known| {
            let from = k.messages_from.as_ref().map_or_else(String::new, |from| format!("From:  {from}\n"));
            format!("{}\n\nCause: {}\nFix:   {}\nPage:  {}\n       {}\n{from}", k.title, k.cause, k.fix, k.page, k.url)
        };
        match self {
            Diagnosis::Found { known } => one(known),
            Diagnosis::Ambiguous { candidates } => {
                let all: Vec<String> = candidates.iter().map(one).collect();
                format!("Several errors say this; more of the message would tell them apart.\n\n{}", all.join("\n"))
            }
            Diagnosis::Unknown { nearest } if nearest.is_empty() => {
                "This message is not known, and nothing is near it.\n".into()
            }
            Diagnosis::Unknown { nearest } => {
                let names: Vec<String> = nearest.iter().map(|k| format!("  {} ({})\n", k.title, k.page)).collect();
                format!("This message is not known. The nearest known ones:\n{}", names.concat())
            }
        }
    }
}

/// A message is shorter than this, in characters; a longer text holds it somewhere.
const LONGEST: usize = 600;

/// The pieces of a text, window by window: a page that is pasted whole holds the letters of every short message
/// somewhere, but not side by side.
fn windows(text: &str) -> Vec<BTreeSet<String>> {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= LONGEST {
        return vec![pieces(text)];
    }
    let starts = (0..letters.len()).step_by(LONGEST / 2);
    let window = |start: usize| letters.iter().skip(start).take(LONGEST).collect::<String>();
    starts.map(|start| pieces(&window(start))).collect()
}

/// Pieces of a text: three letters of each word with its ends, two characters in scripts without blanks.
fn pieces(text: &str) -> BTreeSet<String> {
    use unicode_normalization::UnicodeNormalization;
    let folded: String = text.nfkc().flat_map(char::to_lowercase).collect();
    let mut found = BTreeSet::new();
    // A change of script ends a word: "Dynamics CRM にサインイン" and "CRMに" alike.
    let mut word: Vec<char> = Vec::new();
    for c in folded.chars().chain([' ']) {
        let fits = c.is_alphanumeric() && word.last().is_none_or(|last| unspaced(*last) == unspaced(c));
        if !fits {
            take(&word, &mut found);
            word.clear();
        }
        if c.is_alphanumeric() {
            word.push(c);
        }
    }
    found
}

fn take(word: &[char], found: &mut BTreeSet<String>) {
    let Some(first) = word.first() else { return };
    if unspaced(*first) {
        if word.len() == 1 {
            found.insert(first.to_string());
        }
        found.extend(word.windows(2).map(|w| w.iter().collect::<String>()));
    } else {
        let ends: Vec<char> = std::iter::once(' ').chain(word.iter().copied()).chain([' ']).collect();
        found.extend(ends.windows(3).map(|w| w.iter().collect::<String>()));
    }
}

/// Scripts that set no blanks between words: kana, Han, half and full width forms.
fn unspaced(c: char) -> bool {
    matches!(c, '\u{3005}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> String {
        match diagnose(text).unwrap() {
            Diagnosis::Found { known } => known.id,
            Diagnosis::Ambiguous { candidates } => {
                format!("ambiguous: {}", candidates.iter().map(|k| k.id.as_str()).collect::<Vec<_>>().join(" "))
            }
            Diagnosis::Unknown { nearest } => {
                format!("unknown: {}", nearest.iter().map(|k| k.id.as_str()).collect::<Vec<_>>().join(" "))
            }
        }
    }

    /// Lines of Microsoft's page in Japanese, Swedish, traditional Chinese and Russian, each with the error it is.
    fn published() -> Vec<(&'static str, &'static str)> {
        include_str!("diagnose/published.txt").lines().filter_map(|l| l.split_once('\t')).collect()
    }

    #[test]
    fn every_published_message_is_known_whole_and_inside_a_log_line() {
        assert_eq!(published().len(), 32);
        for (expected, line) in published() {
            assert_eq!(id(line), expected, "{line}");
            let logged = format!(
                "2026-05-03T14:02:00Z ERROR [req 7f3a] publishing step 4 of 9 stopped: {line} (activity 12-34)"
            );
            assert_eq!(id(&logged), expected, "{logged}");
        }
    }

    #[test]
    fn the_telling_half_of_a_published_message_is_enough() {
        for (expected, line) in published() {
            // What follows the first sentence, which most messages share.
            let end = line.char_indices().find(|(_, c)| ".。".contains(*c)).map_or(0, |(at, c)| at + c.len_utf8());
            let rest = &line[end..];
            assert_eq!(id(rest), expected, "{rest}");
        }
    }

    #[test]
    fn the_questions_that_the_pages_answer_are_known_in_each_language() {
        let asked = include_str!("diagnose/asked.txt").lines().filter_map(|l| l.split_once('\t'));
        let wrong: Vec<_> = asked.filter(|(expected, line)| id(line) != *expected).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }

    #[test]
    fn four_words_of_the_english_messages_are_enough() {
        // Microsoft, "Lead management for commercial marketplace", common errors: the part that tells them apart.
        for (expected, line) in [
            ("dynamics-sign-in", "Unable to sign in to Dynamics CRM"),
            (
                "dynamics-create-permission",
                "User does not have create permissions for the leadsourcecode attribute in the lead entity",
            ),
            ("directory-not-found", "Exception:: Tenant not found"),
            ("dynamics-no-roles", "SecLib::RetrievePrivilegeForUser failed - no roles are assigned to user"),
            ("application-not-found", "Application with identifier was not found in the directory"),
            ("directory-id-invalid", "Requested tenant identifier is not valid and not valid external domain format"),
            ("secret-invalid", "Error validating credentials.: Invalid client secret is provided"),
            ("dynamics-url", "The request channel timed out while waiting for a reply after 00:02:00"),
        ] {
            assert_eq!(id(line), expected, "{line}");
            let words: Vec<&str> = line.split(' ').collect();
            for four in words.windows(4).map(|w| w.join(" ")).filter(|f| f != "in to Dynamics CRM") {
                assert_eq!(id(&four), expected, "{four}");
            }
        }
    }

    #[test]
    fn a_long_text_is_not_a_message_because_its_letters_occur_in_it_and_one_inside_is_found() {
        let long =
            "Kunder kan i mitten av alla bra verksamheter. Leads are customers who deploy your products from the \
                    marketplace, and every one of them is worth a call. "
                .repeat(20);
        assert!(id(&long).starts_with("unknown"), "{}", id(&long));
        let with = format!("{long}Ogiltig klienthemlighet har angetts. Fel vid validering av uppgifter. {long}");
        assert_eq!(id(&with), "secret-invalid");
    }

    #[test]
    fn fragments_as_people_type_them_are_known() {
        for (text, expected) in [
            ("tenant not found", "directory-not-found"),
            ("invalid client secret", "secret-invalid"),
            ("no roles are assigned", "dynamics-no-roles"),
            ("leadsourcecode", "dynamics-create-permission"),
            ("Unable to sign in to Dynamics CRM", "dynamics-sign-in"),
            ("timed out after 00:02:00", "dynamics-url"),
            ("inga roller har tilldelats", "dynamics-no-roles"),
            ("テナントが見つかりません", "directory-not-found"),
            ("找不到租使用者", "directory-not-found"),
            ("нет разрешений на создание атрибута", "dynamics-create-permission"),
            ("Ogiltig klienthemlighet", "secret-invalid"),
            ("クライアント シークレットが指定されています", "secret-invalid"),
            ("用戶端密碼", "secret-invalid"),
            (
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST: Country: bad value for restricted picklist field: Germany",
                "salesforce-picklist",
            ),
            ("TriggerInputSchemaMismatch", "https-refused"),
        ] {
            assert_eq!(id(text), expected, "{text}");
        }
    }

    #[test]
    fn what_all_messages_share_decides_nothing_and_strange_text_is_unknown() {
        for text in
            ["", "xyzzy", "The quick brown fox jumps over the lazy dog", "disk full", "Дорогая редакция", "日本語"]
        {
            assert!(id(text).starts_with("unknown"), "{text}: {}", id(text));
        }
        let shared = id("Could not save the lead to Dynamics CRM.");
        assert!(shared.starts_with("ambiguous"), "{shared}");
        let nearest = diagnose("the tenant wants to move its furniture into the garage").unwrap();
        assert!(nearest.text().contains("nearest known ones"), "{}", nearest.text());
    }
}
