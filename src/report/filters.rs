//! How the report writes numbers, money, shares and people. Deterministic: no locale, no "two hours ago".

use minijinja::Value;
use minijinja::value::ValueKind;

use crate::balance;
use crate::findings::unit;

/// Every filter that [`register`] adds.
pub const NAMES: &[&str] = &[
    "count", "percent", "money", "duration", "expected", "cell", "plural", "per_hundred", "per_hundred_less", "code",
    "points", "link", "month", "words", "counted", "whole", "unit",
];

/// Stands where nothing is known.
pub const NOTHING: &str = "–";

/// `1234567` as `1,234,567`.
pub fn count(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if n < 0 {
        grouped.push('−');
    }
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A share as per cent: whole numbers, one decimal below ten, `<0.1 %` for what would vanish.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if !percent.is_finite() {
        NOTHING.to_owned()
    } else if percent > 0.0 && percent < 0.1 {
        "<0.1 %".to_owned()
    } else if percent < 9.95 && percent > 0.0 {
        format!("{percent:.1} %")
    } else {
        format!("{percent:.0} %")
    }
}

/// A difference of shares in percentage points: `+3.9`, `−12.0`, `0.0`.
pub fn points(difference: f64) -> String {
    let tenths = (difference * 1000.0).round() / 10.0;
    match tenths {
        t if !t.is_finite() => NOTHING.to_owned(),
        t if t > 0.0 => format!("+{t:.1}"),
        t if t < 0.0 => format!("−{:.1}", -t),
        _ => "0.0".to_owned(),
    }
}

/// An amount with as many decimals as it needs: two from 1 upwards, up to eight below, never a false zero.
pub fn money(amount: f64) -> String {
    let size = amount.abs();
    if !amount.is_finite() {
        return NOTHING.to_owned();
    }
    if size == 0.0 {
        return "0.00".to_owned();
    }
    if size < 0.000_000_005 {
        return "<0.00000001".to_owned();
    }
    let decimals = if size >= 0.995 {
        2
    } else if size >= 0.01 {
        4
    } else {
        8
    };
    let text = format!("{size:.decimals$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, "00"));
    let (cents, finer) = fraction.split_at(2.min(fraction.len()));
    let finer = finer.trim_end_matches('0');
    let sign = if amount < 0.0 { "−" } else { "" };
    format!("{sign}{}.{cents}{finer}", count(whole.parse().unwrap_or(0)))
}

/// An estimate: whole units of money from 100 upwards, as nobody knows the cents.
pub fn whole(amount: f64) -> String {
    if amount.abs() < 99.5 || !amount.is_finite() { money(amount) } else { count(amount.round() as i64) }
}

/// What a finding of a code has counted, with its unit: `3 raw leads`.
pub fn counted(n: i64, code: &str) -> String {
    let (one, many) = unit(code);
    plural(n, one, many)
}

/// A count with its unit.
fn plural(n: i64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// Seconds in the two largest units.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return NOTHING.to_owned();
    }
    let sign = if seconds < 0.0 { "−" } else { "" };
    let minutes = (seconds.abs() / 60.0).round() as i64;
    let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    let text = match (days, hours, minutes) {
        (0, 0, _) if seconds.abs() < 59.5 => format!("{:.0} s", seconds.abs()),
        (0, 0, m) => format!("{m} min"),
        (0, h, 0) => format!("{h} h"),
        (0, h, m) => format!("{h} h {m} min"),
        (d, 0, _) => format!("{d} d"),
        (d, h, _) => format!("{d} d {h} h"),
    };
    format!("{sign}{text}")
}

/// An expected number of chance findings: `0.00003`, `1e-12`.
pub fn expected(value: f64) -> String {
    match value {
        v if !v.is_finite() => NOTHING.to_owned(),
        0.0 => "0".to_owned(),
        v if v < 1e-4 => format!("{v:.0e}"),
        v if v < 1.0 => format!("{v:.4}").trim_end_matches('0').to_owned(),
        v => format!("{v:.1}"),
    }
}

/// First letters of an e-mail: `j•••@c•••.com`.
pub fn mask_email(text: &str) -> String {
    let initial = |part: &str| part.chars().next().map(String::from).unwrap_or_default();
    match text.trim().rsplit_once('@') {
        Some((local, domain)) => {
            let end = domain.rsplit_once('.').map(|(_, last)| format!(".{last}")).unwrap_or_default();
            format!("{}•••@{}•••{end}", initial(local), initial(domain))
        }
        None => format!("{}•••", initial(text.trim())),
    }
}

/// Country code and last two digits of a phone, and nothing that a spreadsheet would take for a formula: `(+49) ••• 67`.
pub fn mask_phone(text: &str) -> String {
    let digits: Vec<char> = text.chars().filter(char::is_ascii_digit).collect();
    if digits.is_empty() {
        return String::new();
    }
    let last: String = digits.iter().skip(digits.len().saturating_sub(2).max(1)).collect();
    match text.trim().strip_prefix('+') {
        Some(rest) if digits.len() > 6 => {
            let code: String = rest.chars().take_while(char::is_ascii_digit).take(3).collect();
            format!("(+{}) ••• {last}", code.get(..2.min(code.len())).unwrap_or_default())
        }
        _ => format!("••• {last}"),
    }
}

/// First letter of a name: `J.`.
pub fn mask_name(text: &str) -> String {
    text.trim().chars().next().map(|c| format!("{c}.")).unwrap_or_default()
}

/// Registers the filters that templates may use; each shows [`NOTHING`] for what is not known.
pub fn register(env: &mut minijinja::Environment<'_>) {
    fn number(
        write: impl Fn(f64) -> String + Send + Sync + 'static,
    ) -> impl Fn(Value) -> String + Send + Sync + 'static {
        move |value: Value| match f64::try_from(value) {
            Ok(number) => write(number),
            Err(_) => NOTHING.to_owned(),
        }
    }
    env.add_filter("count", |value: Value| i64::try_from(value).map_or_else(|_| NOTHING.to_owned(), count));
    env.add_filter("percent", number(percent));
    env.add_filter("money", number(money));
    env.add_filter("whole", number(whole));
    env.add_filter("duration", number(duration));
    env.add_filter("expected", number(expected));
    env.add_filter("cell", |value: Value| match value.kind() {
        ValueKind::Number if value.is_integer() => i64::try_from(value).map_or_else(|_| NOTHING.to_owned(), count),
        ValueKind::Number => f64::try_from(value).map_or_else(
            |_| NOTHING.to_owned(),
            |n| format!("{n:.4}").trim_end_matches('0').trim_end_matches('.').to_owned(),
        ),
        ValueKind::None => NOTHING.to_owned(),
        ValueKind::Bool => {
            if value.is_true() {
                "yes".to_owned()
            } else {
                "no".to_owned()
            }
        }
        _ => value.to_string(),
    });
    // `{{ n | plural("lead", "leads") }}` → `1,234 leads`
    env.add_filter("plural", plural);
    // `{{ n | counted(code) }}` → `3 raw leads`
    env.add_filter("counted", counted);
    // `{{ "leads" | unit(1) }}` → `lead`
    env.add_filter("unit", |name: &str, n: usize| balance::unit(name, n).to_owned());
    // Shares as units of a drawing that is 100 wide.
    env.add_filter("per_hundred", number(|share| format!("{:.2}", share.clamp(0.0, 1.0) * 100.0)));
    env.add_filter("per_hundred_less", |high: f64, low: f64| format!("{:.2}", (high - low).clamp(0.0, 1.0) * 100.0));
    // Text with names between backticks → the same with them as code; everything is escaped.
    env.add_filter("code", |text: &str| {
        let parts = text.split('`').enumerate().map(|(at, part)| {
            let part = minijinja::HtmlEscape(part);
            if at % 2 == 1 { format!("<code>{part}</code>") } else { part.to_string() }
        });
        Value::from_safe_string(parts.collect())
    });
    // A difference of shares in percentage points, with its sign.
    env.add_filter("points", number(points));
    // `{{ links[destination]|link(record_id) }}`: where the record is opened.
    env.add_filter("link", |link: &str, record_id: &str| super::links::address(link, record_id));
    env.add_filter("month", |day: &str| day.get(..7).unwrap_or(day).to_owned());
    env.add_filter("words", |text: &str| text.replace(['-', '_'], " "));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_one_way() {
        for (n, expected) in [(0, "0"), (999, "999"), (1000, "1,000"), (-1_234_567, "−1,234,567")] {
            assert_eq!(count(n), expected);
        }
        for (share, expected) in
            [(0.0, "0 %"), (0.0004, "<0.1 %"), (0.0341, "3.4 %"), (0.412, "41 %"), (1.0, "100 %"), (f64::NAN, "–")]
        {
            assert_eq!(percent(share), expected);
        }
        for (amount, expected) in [
            (0.0, "0.00"),
            (1234.5, "1,234.50"),
            (0.1234, "0.1234"),
            (0.000_036, "0.000036"),
            (3.6e-12, "<0.00000001"),
            (-2.5, "−2.50"),
            (0.5, "0.50"),
            (0.999, "1.00"),
        ] {
            assert_eq!(money(amount), expected);
        }
        for (amount, expected) in [(190_842.10, "190,842"), (99.4, "99.40"), (-1234.5, "−1,235"), (0.0, "0.00")] {
            assert_eq!(whole(amount), expected);
        }
        assert_eq!([counted(1, "unexplained"), counted(2, "missed")], ["1 record", "2 leads"]);
        for (difference, expected) in [(0.0394, "+3.9"), (-0.1203, "−12.0"), (-0.000_01, "0.0"), (f64::NAN, "–")] {
            assert_eq!(points(difference), expected);
        }
        for (seconds, expected) in
            [(5.0, "5 s"), (41.0, "41 s"), (600.0, "10 min"), (3600.0, "1 h"), (93_600.0, "1 d 2 h"), (-60.0, "−1 min")]
        {
            assert_eq!(duration(seconds), expected);
        }
    }

    #[test]
    fn a_masked_person_cannot_be_read() {
        assert_eq!(mask_email("jane.doe@contoso.co.uk"), "j•••@c•••.uk");
        assert_eq!(mask_email("not an address"), "n•••");
        assert_eq!(mask_phone("+49 30 1234567"), "(+49) ••• 67");
        assert_eq!(mask_phone("(206) 555-0100"), "••• 00");
        assert_eq!(mask_phone("7"), "••• ");
        assert_eq!(mask_phone("n/a"), "", "no number, so none is hidden");
        assert_eq!(mask_name("Ødegård"), "Ø.");
    }
}
