//! Dates that stand where a lead says what it is: a date of birth in the column of titles. A title is worded in many ways
//! and changes; a date of birth does neither, so a wholly different one speaks for another person.

/// A date of birth, in whatever order and notation it was typed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Date {
    /// Of the century: many leave that out.
    year: u8,
    /// Day and month, the smaller first: nobody says which is which.
    less: u8,
    more: u8,
}

impl Date {
    /// Of a text in small letters: `12/11/1978`, `3/1/70`, `15-mar-92`, `1970-03-01`, `19700301`.
    pub(super) fn read(text: &str) -> Option<Date> {
        let parts: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).collect();
        match parts.as_slice() {
            [whole] if whole.len() == 8 && is_number(whole) => {
                let (first, last) = whole.split_at(4);
                Date::of(first, last.split_at(2)).or_else(|| Date::of(last, first.split_at(2)))
            }
            [a, b, c] => Date::of(c, (a, b)).or_else(|| Date::of(a, (b, c))),
            _ => None,
        }
    }

    fn of(year: &str, (a, b): (&str, &str)) -> Option<Date> {
        let year: u16 = year.parse().ok().filter(|_| matches!(year.len(), 2 | 4) && is_number(year))?;
        if year > 99 && !(1900..2100).contains(&year) {
            return None;
        }
        let (a, b) = (day_or_month(a)?, day_or_month(b)?);
        let (less, more) = (a.min(b), a.max(b));
        let year = u8::try_from(year % 100).ok()?;
        ((1..=12).contains(&less) && more <= 31).then_some(Date { year, less, more })
    }

    /// The same text for every notation.
    pub(super) fn text(self) -> String {
        let Date { year, less, more } = self;
        format!("{year:02}-{less:02}-{more:02}")
    }

    /// Whether two of its three numbers are those of another date: a slip, not another birthday.
    pub(super) fn is_near(self, other: Date) -> bool {
        let agree = [self.year == other.year, self.less == other.less, self.more == other.more];
        agree.into_iter().filter(|agree| *agree).count() >= 2
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn day_or_month(text: &str) -> Option<u8> {
    const MONTHS: [&str; 12] = [
        "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
        "december",
    ];
    let is_of = |month: &&str| text.len() >= 3 && month.starts_with(text);
    let month = MONTHS.iter().position(is_of).and_then(|n| u8::try_from(n + 1).ok());
    month.or_else(|| text.parse().ok().filter(|_| text.len() <= 2 && is_number(text)))
}
