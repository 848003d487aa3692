//! Amounts of money as text → whole numbers of 10⁻¹⁸, exactly.
//!
//! Floats would lose cents over a million rows and more than that on Azure's 28 decimals. More than 18 decimals are
//! rounded half away from zero. Thousands marks and the decimal mark are told apart over a whole column.

/// Decimals kept.
pub const SCALE: u32 = 18;

/// Which mark stands before the decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// `1,234.56`
    Point,
    /// `1.234,56`
    Comma,
}

/// Finds the decimal mark of a column by the values that admit one reading only; `None` if there is no such value.
pub fn mark_of<'a>(values: impl Iterator<Item = &'a str>) -> Option<Mark> {
    let (mut point, mut comma) = (0usize, 0usize);
    for value in values {
        match evidence(value) {
            Some(Mark::Point) => point += 1,
            Some(Mark::Comma) => comma += 1,
            None => {}
        }
    }
    match (point, comma) {
        (0, 0) => None,
        (p, c) => Some(if p >= c { Mark::Point } else { Mark::Comma }),
    }
}

fn evidence(value: &str) -> Option<Mark> {
    let points = value.matches('.').count();
    let commas = value.matches(',').count();
    let (last_point, last_comma) = (value.rfind('.'), value.rfind(','));
    let tail = |at: Option<usize>| {
        at.and_then(|n| value.get(n + 1..)).map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count())
    };
    match (points, commas) {
        (0, 0) => None,
        (p, c) if p > 0 && c > 0 => Some(if last_point > last_comma { Mark::Point } else { Mark::Comma }),
        (1, 0) if tail(last_point) != 3 => Some(Mark::Point),
        (0, 1) if tail(last_comma) != 3 => Some(Mark::Comma),
        (p, 0) if p > 1 => Some(Mark::Comma),
        (0, c) if c > 1 => Some(Mark::Point),
        _ => None,
    }
}

/// An amount to 36 decimals: what [`SCALE`] can hold, and what is left below it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exact {
    /// In units of the last decimal kept.
    units: i128,
    /// The rest, in units of 10^-36, of the same sign.
    rest: i128,
}

/// One unit of the last decimal kept, in units of [`Exact::rest`].
const ONE: i128 = 10i128.pow(SCALE);

impl Exact {
    /// The sum of two; it stays at the greatest amount that fits.
    #[must_use]
    pub fn plus(self, other: Exact) -> Exact {
        Exact { units: self.units.saturating_add(other.units), rest: self.rest.saturating_add(other.rest) }
    }

    /// In units of the last decimal kept, rounded half away from zero.
    pub fn rounded(self) -> i128 {
        // The rest as a part of one unit, never negative.
        let (units, rest) = (self.units.saturating_add(self.rest.div_euclid(ONE)), self.rest.rem_euclid(ONE));
        let up = if units < 0 { rest > ONE / 2 } else { rest >= ONE / 2 };
        units.saturating_add(i128::from(up))
    }
}

/// Reads an amount as [`exact`] does, rounded to [`SCALE`] decimals.
pub fn decimal(text: &str, mark: Mark) -> Option<i128> {
    exact(text, mark).map(Exact::rounded)
}

/// Reads an amount. Currency signs and letters, blanks of every kind, apostrophes and thousands marks are passed over;
/// `(1.00)`, `1.00-` and U+2212 are negative; `5.04E-6` is read. `None` if it is no number or does not fit.
pub fn exact(text: &str, mark: Mark) -> Option<Exact> {
    let (point, thousands) = match mark {
        Mark::Point => ('.', ','),
        Mark::Comma => (',', '.'),
    };
    // Digits and marks of other scripts are digits and marks.
    let plain = |c: char| match c {
        '٫' | '．' => '.',
        '٬' | '，' => ',',
        '－' => '-',
        c => digit(c).unwrap_or(c),
    };
    let written: String;
    let text = if text.is_ascii() {
        text.trim()
    } else {
        written = text.chars().map(plain).collect();
        written.trim()
    };
    let mut negative = (text.starts_with('(') && text.ends_with(')')) || text.ends_with(['-', '−']);
    let mut digits: Vec<u8> = Vec::with_capacity(text.len());
    // Digits before the decimal mark, once that was seen.
    let mut whole: Option<usize> = None;
    let mut exponent: i64 = 0;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let any = !digits.is_empty();
        match c {
            '0'..='9' => digits.push(c as u8 - b'0'),
            c if c == point && whole.is_none() && (any || rest.peek().is_some_and(char::is_ascii_digit)) => {
                whole = Some(digits.len());
            }
            c if c == thousands => {}
            '-' | '−' if !any => negative = true,
            '-' | '−' if rest.peek().is_some_and(char::is_ascii_digit) => return None,
            'e' | 'E' if any && rest.peek().is_some_and(|n| n.is_ascii_digit() || matches!(n, '-' | '+')) => {
                let power: String = rest.by_ref().collect();
                exponent = power.trim().trim_start_matches('+').parse().ok()?;
                break;
            }
            c if c.is_alphanumeric() && any => {
                // A unit or currency after the number; digits after it would make it something else.
                if rest.any(|c| c.is_ascii_digit()) {
                    return None;
                }
                break;
            }
            '%' | '/' | ':' | '<' | '>' => return None,
            _ => {}
        }
    }
    if digits.is_empty() {
        return None;
    }
    let before = i64::try_from(whole.unwrap_or(digits.len())).ok()?.checked_add(exponent)?;
    let amount = placed(&digits, before)?;
    Some(if negative { Exact { units: -amount.units, rest: -amount.rest } } else { amount })
}

/// Digits of which the first `before` stand before the decimal mark; `None` if they do not fit.
fn placed(digits: &[u8], before: i64) -> Option<Exact> {
    let mut amount = Exact::default();
    for (digit, place) in digits.iter().zip((0..).map(|n| before.saturating_sub(1).saturating_sub(n))) {
        let (digit, scale) = (i128::from(*digit), i64::from(SCALE));
        if digit == 0 || place < -2 * scale {
            continue;
        }
        let (part, power) =
            if place >= -scale { (&mut amount.units, place + scale) } else { (&mut amount.rest, place + 2 * scale) };
        let value = 10i128.checked_pow(u32::try_from(power).ok()?)?.checked_mul(digit)?;
        *part = part.checked_add(value)?;
    }
    Some(amount)
}

/// A digit of any script as one of ours.
pub(super) fn digit(c: char) -> Option<char> {
    const ZEROS: [u32; 20] = [
        0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0, 0xf20,
        0x1040, 0x17e0, 0x1810, 0x1090,
    ];
    let code = u32::from(c);
    ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code)).and_then(|zero| char::from_digit(code - zero, 10))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_are_read_exactly_in_every_spelling() {
        let one = 10i128.pow(SCALE);
        for (text, mark, expected) in [
            ("1,234.50", Mark::Point, Some(1_234 * one + one / 2)),
            ("1.234,50 €", Mark::Comma, Some(1_234 * one + one / 2)),
            ("1\u{202f}234,5", Mark::Comma, Some(1_234 * one + one / 2)),
            ("1'234.5 CHF", Mark::Point, Some(1_234 * one + one / 2)),
            ("US$60.35", Mark::Point, Some(60 * one + 35 * one / 100)),
            ("-0.5", Mark::Point, Some(-one / 2)),
            ("(0.5)", Mark::Point, Some(-one / 2)),
            ("5.04E-6", Mark::Point, Some(5_040_000_000_000)),
            ("0.0000000072922557592391990000", Mark::Point, Some(7_292_255_759)),
            ("0.0000000000000000005", Mark::Point, Some(1)),
            (".5", Mark::Point, Some(one / 2)),
            ("--", Mark::Point, None),
            (" --", Mark::Point, None),
            ("< 10%", Mark::Point, None),
            ("29.45%", Mark::Point, None),
            ("NULL", Mark::Point, None),
            ("", Mark::Point, None),
            ("2026-05-01", Mark::Point, None),
        ] {
            assert_eq!(decimal(text, mark), expected, "{text}");
        }
    }

    #[test]
    fn what_lies_below_the_last_decimal_counts_in_a_sum() {
        let sum = |texts: &[&str]| {
            texts.iter().fold(Exact::default(), |sum, text| sum.plus(exact(text, Mark::Point).unwrap())).rounded()
        };
        assert_eq!(sum(&["0.0000000000000000004"; 3]), 1);
        assert_eq!(sum(&["-0.0000000000000000004"; 3]), -1);
        assert_eq!(sum(&["-0.0000000000000000005"]), -1);
        assert_eq!(sum(&["1e-18", "-0.0000000000000000006"]), 0);
        assert_eq!(sum(&["0.0000000072922557592391990000", "7E-28"]), 7_292_255_759);
        assert_eq!(exact("1e30", Mark::Point), None);
    }

    #[test]
    fn the_decimal_mark_is_found_over_the_whole_column() {
        assert_eq!(mark_of(["1,234", "12,50"].into_iter()), Some(Mark::Comma));
        assert_eq!(mark_of(["1,234", "1,234.5"].into_iter()), Some(Mark::Point));
        assert_eq!(mark_of(["1.234", "1.234.567"].into_iter()), Some(Mark::Comma));
        assert_eq!(mark_of(["1,234", "5"].into_iter()), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(units in -10_000_000_000i64..10_000_000_000, micros in 0i64..1_000_000) {
            let text = format!("{units}.{micros:06}");
            let sign = if units < 0 || text.starts_with('-') { -1 } else { 1 };
            let expected = i128::from(units) * 10i128.pow(18) + sign * i128::from(micros) * 10i128.pow(12);
            prop_assert_eq!(decimal(&text, Mark::Point), Some(expected));
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,40}") {
            let _ = decimal(&text, Mark::Point);
            let _ = decimal(&text, Mark::Comma);
        }
    }
}
