//! A contact written as text: names and values in lines or with a sign between, as scripts, mails and shells print an object.
//!
//! `FirstName: Jane` on lines of its own, `FirstName=Jane; LastName=Doe`, `@{FirstName=Jane; LastName=Doe}`, `{FirstName=Jane,
//! LastName=Doe}`. The signs are those under which most names are ones that leads have; what has no name goes on with the
//! value before it, as the `Inc.` of a company does.

/// What parts the pairs, in the order in which they are believed, and what parts name and value.
const BETWEEN: [char; 5] = ['\n', ';', '|', ',', '\t'];
const INSIDE: [char; 2] = [':', '='];
/// Longer ones are no names.
const LONGEST_NAME: usize = 40;

/// The pairs of a text; none where fewer than two names are known.
pub(super) fn pairs(text: &str, is_known: impl Fn(&str) -> bool) -> Option<Vec<(String, String)>> {
    let text = text.trim();
    let inner = text.strip_prefix("@{").or_else(|| text.strip_prefix('{'));
    let text = inner.and_then(|inner| inner.strip_suffix('}')).unwrap_or(text);
    let lines = ["<br>", "<br/>", "<br />", "<BR>"].iter().fold(text.to_owned(), |text, end| text.replace(end, "\n"));
    let mut best: Option<(usize, Vec<(String, String)>)> = None;
    for between in BETWEEN {
        for inside in INSIDE {
            if !lines.contains(inside) {
                continue;
            }
            let Some(found) = parted(&lines, between, inside) else { continue };
            let known = found.iter().filter(|(name, _)| is_known(name)).count();
            if known > 1 && best.as_ref().is_none_or(|(most, _)| known > *most) {
                best = Some((known, found));
            }
        }
    }
    best.map(|(_, found)| found)
}

fn parted(text: &str, between: char, inside: char) -> Option<Vec<(String, String)>> {
    let mut found: Vec<(String, String)> = Vec::new();
    for part in text.split(between) {
        let is_name = |name: &str| {
            (1..=LONGEST_NAME).contains(&name.len())
                && name.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.'))
        };
        let pair = part.split_once(inside).map(|(name, value)| (name.trim().trim_matches(['"', '\'', '*']), value));
        match (pair.filter(|(name, value)| is_name(name) && !value.starts_with("//")), found.last_mut()) {
            (Some((name, value)), _) => found.push((name.to_owned(), bare(value).to_owned())),
            (None, _) if part.trim().is_empty() => {}
            (None, Some((_, value))) => {
                value.push(between);
                value.push_str(part.trim_end());
            }
            (None, None) => return None,
        }
    }
    Some(found)
}

/// A value without the quotes around it.
fn bare(value: &str) -> &str {
    let value = value.trim();
    let quoted = |mark: char| value.strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark));
    quoted('"').or_else(|| quoted('\'')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_parted_by_the_signs_under_which_most_names_are_known() {
        let is_known = |name: &str| ["FirstName", "LastName", "Email", "Company"].contains(&name);
        let wanted = |company: &str| {
            let pairs = [("FirstName", "Jo"), ("Email", "jo@x.de"), ("Company", company)];
            Some(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec())
        };
        for text in [
            "FirstName: Jo\r\nEmail: jo@x.de\r\nCompany: Foo: Bar; Baz\r\n",
            "FirstName=Jo\nEmail=jo@x.de\n\nCompany=Foo: Bar; Baz",
        ] {
            assert_eq!(pairs(text, is_known), wanted("Foo: Bar; Baz"), "{text}");
        }
        for text in [
            "FirstName: Jo; Email: jo@x.de; Company: Foo, Inc.", "@{FirstName=Jo; Email=jo@x.de; Company=Foo, Inc.}",
            "{FirstName=Jo, Email=jo@x.de, Company=Foo, Inc.}",
            "FirstName: Jo<br>Email: jo@x.de<br/>Company: Foo, Inc.",
        ] {
            assert_eq!(pairs(text, is_known), wanted("Foo, Inc."), "{text}");
        }
        for text in ["Jo Li, jo@x.de", "Email: jo@x.de", "see https://x.de/?FirstName=Jo", ""] {
            assert_eq!(pairs(text, is_known), None, "{text}");
        }
    }
}
