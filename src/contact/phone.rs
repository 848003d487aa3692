//! Telephone numbers: E.164 by the numbering plan of the country, and digits where no country is known.
//!
//! Only what comparison needs: calling code, trunk and international prefix (ITU-T E.164, libphonenumber's table).
//! Whether a number is in service, mobile or premium is nobody's question here, so no regular expression is run.

use super::country;

/// The digits of a number as typed, without extension; `None` for placeholders and for fewer than 6 or more than 18.
pub fn phone_digits(phone: &str) -> Option<String> {
    let (digits, _) = dialled(phone)?;
    Some(digits)
}

/// Digits, and whether they began with a plus.
fn dialled(phone: &str) -> Option<(String, bool)> {
    let mut digits = String::with_capacity(18);
    let mut plus = false;
    let text = super::unescaped(phone).replace("(0)", " ");
    for c in text.chars() {
        match c {
            '+' | '＋' if digits.is_empty() => plus = true,
            // Extensions: "x12", "ext. 12", "Durchwahl 12", "#12". What stands before any digit is a label ("Tel.").
            'x' | 'X' | 'e' | 'E' | 'd' | 'D' | '#' | ';' | ',' if digits.len() >= 6 => break,
            // A second number.
            '/' | '|' if digits.len() >= 9 => break,
            _ => {
                if let Some(d) = c.to_digit(10).or_else(|| wide_digit(c)) {
                    digits.push(char::from_digit(d, 10)?);
                }
            }
        }
    }
    ((6..=18).contains(&digits.len()) && !is_made_up(&digits)).then_some((digits, plus))
}

/// Full-width, Arabic-Indic and Persian digits.
fn wide_digit(c: char) -> Option<u32> {
    [0xFF10, 0x0660, 0x06F0].iter().find_map(|zero| (c as u32).checked_sub(*zero).filter(|d| *d < 10))
}

/// `000000`, `1234567890`, `9876543210`, `555-555-5555`: what forms are filled with to get past them.
fn is_made_up(digits: &str) -> bool {
    let d = digits.trim_start_matches('0').as_bytes();
    if d.len() < 4 {
        return true;
    }
    let steps =
        |step: i16| d.windows(2).all(|w| matches!(w, [a, b] if (i16::from(*b) - i16::from(*a) - step) % 10 == 0));
    let mut kinds: Vec<u8> = d.to_vec();
    kinds.sort_unstable();
    kinds.dedup();
    // One digit repeated, after whatever prefix was put before it.
    let longest_run = d.chunk_by(|a, b| a == b).map(<[u8]>::len).max().unwrap_or(0);
    steps(1)
        || steps(-1)
        || kinds.len() == 1
        || longest_run >= 7
        || digits.contains("123456789")
        || digits.contains("5555555")
}

/// `+4989123456` of a number as typed, by the rules of `country` (alpha-2) where it is not international.
///
/// `None` where there is no such number, or no country to read it by.
pub fn e164(phone: &str, country: Option<&str>) -> Option<String> {
    let (digits, plus) = dialled(phone)?;
    let home = country.and_then(country::country).filter(|c| !c.calling.is_empty());
    let abroad = home.map_or("00", |c| if c.abroad.is_empty() { "00" } else { c.abroad });
    let international = if plus {
        Some(digits.as_str())
    } else {
        digits.strip_prefix(abroad).or_else(|| digits.strip_prefix("00")).filter(|rest| rest.len() >= 8)
    };
    if let Some(rest) = international.map(|d| if plus { d.strip_prefix("00").unwrap_or(d) } else { d })
        && let Some((found, national)) = country::by_calling_code(rest)
    {
        return Some(assembled(found.calling, national_number(found, national)));
    }
    let home = home?;
    // The calling code without its plus: only where the number is too long to be a national one that begins so.
    if let Some(national) = digits.strip_prefix(home.calling) {
        let fits = (home.lengths.0..=home.lengths.1).contains(&national.len());
        if fits && (digits.len() > home.lengths.1 || (home.lengths.1 > 11 && digits.len() >= 11)) {
            return Some(assembled(home.calling, national_number(home, national)));
        }
    }
    Some(assembled(home.calling, national_number(home, &digits)))
}

fn assembled(calling: &str, national: &str) -> String {
    format!("+{calling}{national}")
}

/// A national number without the trunk prefix. A trunk of 0 is never part of a number; another digit only if too long.
fn national_number<'a>(country: &country::Country, digits: &'a str) -> &'a str {
    match digits.strip_prefix(country.trunk) {
        Some(rest) if country.trunk == "0" => rest,
        Some(rest) if !country.trunk.is_empty() && digits.len() > country.lengths.1.min(10) => rest,
        _ => digits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_number_written_in_many_ways_is_one_e164() {
        for (phone, country, expected) in [
            ("+49 (0)89 123 45-67", None, Some("+49891234567")),
            ("+49 089 1234567", None, Some("+49891234567")),
            ("089/1234567", Some("DE"), Some("+49891234567")),
            ("0049 89 1234567", Some("DE"), Some("+49891234567")),
            ("0049 89 1234567", Some("US"), Some("+49891234567")),
            ("49 89 1234567", Some("DE"), Some("+49891234567")),
            ("Tel.: 089 1234567 Durchwahl 12", Some("DE"), Some("+49891234567")),
            ("(425) 555-0123", Some("US"), Some("+14255550123")),
            ("1-425-555-0123 x99", Some("US"), Some("+14255550123")),
            ("011 49 89 1234567", Some("US"), Some("+49891234567")),
            ("06 1234 5679", Some("IT"), Some("+390612345679")),
            ("8 (912) 345-67-90", Some("RU"), Some("+79123456790")),
            ("07911 123457", Some("GB"), Some("+447911123457")),
            ("+33 6 12 34 56 79", Some("DE"), Some("+33612345679")),
            ("０３-１２３４-５６７９", Some("JP"), Some("+81312345679")),
            ("089 1234567", None, None),
            ("n/a", Some("DE"), None),
            ("1234567890", Some("US"), None),
            ("555-555-5555", Some("US"), None),
            ("0000000000", Some("US"), None),
            ("99999999", None, None),
        ] {
            assert_eq!(e164(phone, country).as_deref(), expected, "{phone} in {country:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic_and_an_e164_stays_what_it_is(phone in "\\PC{0,30}", country in "[A-Z]{2}") {
            if let Some(number) = e164(&phone, Some(&country)) {
                prop_assert!(number.len() <= 22 && number.starts_with('+'));
                if let Some(again) = e164(&number, None) {
                    // A number that still carries its trunk prefix may lose it once more, never anything else.
                    prop_assert!(number.ends_with(again.trim_start_matches('+').get(4..).unwrap_or("")));
                }
            }
        }
    }
}
