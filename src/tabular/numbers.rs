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

/// Reads an amount. Currency signs and letters, blanks of every kind, apostrophes and thousands marks are passed over;
/// `(1.00)`, `1.00-` and U+2212 are negative; `5.04E-6` is read. `None` if it is no number or does not fit.
pub fn decimal(text: &str, mark: Mark) -> Option<i128> {
    let (point, thousands) = match mark {
        Mark::Point => ('.', ','),
        Mark::Comma => (',', '.'),
    };
    let text = text.trim();
    let mut negative = (text.starts_with('(') && text.ends_with(')')) || text.ends_with(['-', '−']);
    let mut digits: i128 = 0;
    let mut decimals: i64 = 0;
    let (mut seen_point, mut any) = (false, false);
    // Digits beyond what fits: only the first decides the rounding.
    let mut dropped: Option<u8> = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '0'..='9' => {
                any = true;
                let digit = c as u8 - b'0';
                if seen_point && decimals >= i64::from(SCALE) + 9 {
                    continue;
                }
                match digits.checked_mul(10).and_then(|d| d.checked_add(i128::from(digit))) {
                    Some(d) if dropped.is_none() => {
                        digits = d;
                        decimals += i64::from(seen_point);
                    }
                    _ if seen_point => {
                        dropped.get_or_insert(digit);
                    }
                    _ => return None,
                }
            }
            c if c == point && !seen_point && (any || rest.peek().is_some_and(char::is_ascii_digit)) => {
                seen_point = true
            }
            c if c == thousands => {}
            '-' | '−' if !any => negative = true,
            '-' | '−' if rest.peek().is_some_and(char::is_ascii_digit) => return None,
            'e' | 'E' if any && rest.peek().is_some_and(|n| n.is_ascii_digit() || matches!(n, '-' | '+')) => {
                let exponent: String = rest.by_ref().collect();
                decimals -= exponent.trim().trim_start_matches('+').parse::<i64>().ok()?;
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
    if !any {
        return None;
    }
    let scaled = rescale(digits, i64::from(SCALE) - decimals)?;
    Some(if negative { -scaled } else { scaled })
}

/// `digits × 10^power`, rounded half away from zero where the power is negative.
fn rescale(digits: i128, power: i64) -> Option<i128> {
    if digits == 0 {
        return Some(0);
    }
    if power >= 0 {
        return digits.checked_mul(10i128.checked_pow(u32::try_from(power).ok()?)?);
    }
    let Some(divisor) = u32::try_from(-power).ok().and_then(|p| 10i128.checked_pow(p)) else { return Some(0) };
    let half = divisor / 2;
    Some((digits + half) / divisor)
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
