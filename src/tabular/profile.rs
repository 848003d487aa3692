//! Values of a column → the form that they have: addresses, ids, dates, amounts, lead sources or plain text.
//!
//! A label is what somebody called a column; its form is what stands in it. Both together decide what it is.

use polars::prelude::*;

use super::{numbers, times};
use crate::lead_source;

/// What the values of a column look like, all but one in twenty of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColumnForm {
    /// Nothing stands in it.
    #[default]
    Blank,
    /// `Source-Action|Offer`, as the marketplace writes it, in a fifth of its cells at least.
    LeadSource,
    /// Mail addresses.
    Email,
    /// GUIDs, with or without braces.
    Guid,
    /// 15 or 18 letters and digits of a Salesforce record.
    SalesforceId,
    /// Dates, with or without a time of day.
    Date,
    /// Yes and no.
    Flag,
    /// Numbers and amounts.
    Number,
    /// Telephone numbers.
    Phone,
    /// Anything else.
    Text,
}

impl ColumnForm {
    /// As written in `columns_read`.
    pub fn name(self) -> &'static str {
        match self {
            ColumnForm::Blank => "blank",
            ColumnForm::LeadSource => "lead source",
            ColumnForm::Email => "e-mail",
            ColumnForm::Guid | ColumnForm::SalesforceId => "id",
            ColumnForm::Date => "date",
            ColumnForm::Flag => "flag",
            ColumnForm::Number => "number",
            ColumnForm::Phone => "phone",
            ColumnForm::Text => "text",
        }
    }

    /// The form of a column that was read.
    pub fn of_column(column: &StringChunked) -> Self {
        Self::of(column.iter().flatten())
    }

    /// The form of some values; blank ones say nothing.
    pub fn of<'a>(values: impl Iterator<Item = &'a str>) -> Self {
        let mut tally = Tally::default();
        values.for_each(|value| tally.take(value));
        tally.form()
    }

    /// How many of so many values may be something else.
    fn misses_of(self, filled: usize) -> usize {
        // Leads from elsewhere stand between those of the marketplace.
        if self == ColumnForm::LeadSource { filled * 4 / 5 } else { filled / 20 }
    }
}

/// A count of the values of a column that cannot be of each form: the form follows from all of them, piece by piece.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    filled: usize,
    misses: [usize; TESTS.len()],
    /// Forms that most of the first values were not, one bit each: the others of the piece are not tried for them.
    closed: u16,
    /// Of which open forms the last value cannot be; none where it was blank.
    last: Option<u16>,
    /// Texts that may be lead sources, and whether they are: a column has few, and to parse one takes long.
    sources: Vec<(String, bool)>,
}

/// So many values show which forms are worth a trial.
const SHOWING: usize = 64;

/// Texts of lead sources that are remembered.
const MOST_SOURCES: usize = 32;

impl Tally {
    /// Whether any form is still open: the value itself is looked at only then.
    #[inline]
    pub fn asks(&self) -> bool {
        self.closed != ALL
    }

    /// Counts a value at which nothing has to be looked.
    #[inline]
    pub fn pass(&mut self, is_filled: bool) {
        self.filled += usize::from(is_filled);
    }

    /// Counts a value.
    pub fn take(&mut self, value: &str) {
        let value = trimmed(value);
        self.last = None;
        if value.is_empty() {
            return;
        }
        let mut missed = 0;
        let mut open = !self.closed & ALL;
        while open != 0 {
            let n = open.trailing_zeros() as usize;
            open &= open - 1;
            let Some((form, test)) = TESTS.get(n) else { break };
            let can_be = if *form == ColumnForm::LeadSource { self.is_lead_source(value) } else { test(value) };
            missed |= u16::from(!can_be) << n;
        }
        self.last = Some(missed);
        self.count(missed);
    }

    /// Counts a value that is the last one again.
    #[inline]
    pub fn again(&mut self) {
        if let Some(missed) = self.last {
            self.count(missed);
        }
    }

    /// Counts a value that cannot be of these forms.
    #[inline]
    fn count(&mut self, mut missed: u16) {
        self.filled += 1;
        while missed != 0 {
            if let Some(misses) = self.misses.get_mut(missed.trailing_zeros() as usize) {
                *misses += 1;
            }
            missed &= missed - 1;
        }
        if self.filled == SHOWING {
            for (n, misses) in self.misses.iter().enumerate() {
                if *misses > SHOWING * 24 / 25 || (*misses > SHOWING / 2 && n > 0) {
                    self.closed |= 1 << n;
                }
            }
            self.last = self.last.map(|missed| missed & !self.closed);
        }
    }

    fn is_lead_source(&mut self, value: &str) -> bool {
        if !value.contains('|') {
            return false;
        }
        if let Some((_, is)) = self.sources.iter().find(|(known, _)| known == value) {
            return *is;
        }
        let is = is_lead_source(value);
        if self.sources.len() < MOST_SOURCES {
            self.sources.push((value.to_owned(), is));
        }
        is
    }

    /// Adds the count of another piece.
    pub fn add(&mut self, other: &Tally) {
        self.filled += other.filled;
        for (n, (all, misses)) in self.misses.iter_mut().zip(other.misses).enumerate() {
            *all += if other.closed >> n & 1 == 1 { other.filled } else { misses };
        }
    }

    /// The form of all values: the first that all but one in twenty can be.
    pub fn form(&self) -> ColumnForm {
        if self.filled == 0 {
            return ColumnForm::Blank;
        }
        let can_be = |(n, (form, _)): &(usize, &(ColumnForm, Test))| {
            let misses = self.misses.get(*n).copied().unwrap_or(usize::MAX);
            self.closed >> n & 1 == 0 && misses <= form.misses_of(self.filled) && misses < self.filled
        };
        TESTS.iter().enumerate().find(can_be).map_or(ColumnForm::Text, |(_, (form, _))| *form)
    }
}

/// A value without the blanks around it; most have none, and are told by their ends.
pub fn trimmed(value: &str) -> &str {
    let is_plain = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    let bytes = value.as_bytes();
    if is_plain(bytes.first()) && is_plain(bytes.last()) { value } else { value.trim() }
}

/// One bit for each form that is tried.
const ALL: u16 = (1 << TESTS.len()) - 1;

/// Whether a value can be of a form.
type Test = fn(&str) -> bool;

const TESTS: &[(ColumnForm, Test)] = &[
    (ColumnForm::LeadSource, is_lead_source),
    (ColumnForm::Email, is_email),
    (ColumnForm::Guid, is_guid),
    (ColumnForm::SalesforceId, is_salesforce_id),
    (ColumnForm::Date, is_date),
    (ColumnForm::Flag, is_flag),
    (ColumnForm::Number, is_number),
    (ColumnForm::Phone, is_phone),
];

fn is_lead_source(text: &str) -> bool {
    text.contains('|') && lead_source::parse(text).is_marketplace
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let has_blank = || match domain.is_ascii() {
        true => domain.bytes().any(|b| matches!(b, b'\t'..=b'\r' | b' ')),
        false => domain.contains(char::is_whitespace),
    };
    !local.is_empty() && domain.contains('.') && !has_blank()
}

fn is_guid(text: &str) -> bool {
    let bare = text.trim_matches(['{', '}']);
    bare.len() == 36
        && bare.bytes().filter(|b| *b == b'-').count() == 4
        && bare.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

fn is_salesforce_id(text: &str) -> bool {
    // A zero stands in fourth place of no word of 15 letters.
    matches!(text.len(), 15 | 18)
        && text.bytes().all(|b| b.is_ascii_alphanumeric())
        && text.bytes().any(|b| b.is_ascii_digit())
        && text.bytes().any(|b| b.is_ascii_alphabetic())
}

fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.get(4) == Some(&b'-') && bytes.get(7) == Some(&b'-') && bytes.iter().take(4).all(u8::is_ascii_digit) {
        return true;
    }
    // A number alone may be anything; `13.05.2026` is none.
    let marks = bytes.iter().filter(|b| !b.is_ascii_digit()).count();
    let is_number = marks == 0 || marks == 1 && bytes.iter().any(|b| matches!(b, b'.' | b','));
    // Without a figure there is no day.
    let has_figures = !text.is_ascii() || bytes.iter().any(u8::is_ascii_digit);
    !is_number && bytes.len() >= 6 && has_figures && times::is_instant(text)
}

fn is_flag(text: &str) -> bool {
    text.len() <= 5
        && ["0", "1", "true", "false", "yes", "no", "y", "n"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn is_number(text: &str) -> bool {
    if text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit()) {
        return !text.is_empty();
    }
    text.bytes().next().is_some_and(|b| b.is_ascii_digit() || matches!(b, b'-' | b'.' | b'$' | 0x80..))
        && !text.contains("--")
        && (numbers::decimal(text, numbers::Mark::Point).is_some()
            || numbers::decimal(text, numbers::Mark::Comma).is_some())
}

fn is_phone(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    (6..=18).contains(&digits)
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '+' | '(' | ')' | '-' | '.' | '/' | ' ' | '\u{a0}' | 'x'))
}

/// Which row is a header though no label of it is known: the first whose cells are labels and nothing else, over rows
/// in which a column has a form that its label has not. `None` where the rows could be data from the first on: a row
/// that may be somebody's is never shown to anybody.
pub(super) fn proven_header(rows: &[Vec<String>]) -> Option<usize> {
    const TRIED: usize = 20;
    (0..rows.len().min(TRIED)).find(|index| {
        let Some(labels) = rows.get(*index).filter(|row| row.len() > 1 && are_labels(row)) else { return false };
        let below: Vec<&Vec<String>> =
            rows.iter().skip(index + 1).filter(|row| row.len() == labels.len()).take(200).collect();
        // Where a label stands in a column of addresses, dates or ids: no record has another thing there.
        let strong =
            labels.iter().enumerate().filter(|(_, label)| !crate::contact::is_placeholder(label)).any(|(n, _)| {
                let form = ColumnForm::of(below.iter().filter_map(|row| row.get(n)).map(String::as_str));
                matches!(
                    form,
                    ColumnForm::Email
                        | ColumnForm::Date
                        | ColumnForm::Guid
                        | ColumnForm::SalesforceId
                        | ColumnForm::LeadSource
                )
            });
        let recurs = |(column, label): (usize, &String)| below.iter().any(|row| row.get(column) == Some(label));
        strong && !labels.iter().enumerate().filter(|(_, label)| !label.trim().is_empty()).any(recurs)
    })
}

/// Whether every cell of a row can be a label: letters, no address, no date, hardly a digit, and none twice.
fn are_labels(row: &[String]) -> bool {
    let filled: Vec<&str> = row.iter().map(|cell| cell.trim()).filter(|cell| !cell.is_empty()).collect();
    let is_label = |cell: &&str| {
        cell.chars().any(char::is_alphabetic)
            && cell.chars().filter(char::is_ascii_digit).count() <= 3
            && cell.chars().count() <= 80
            && !cell.contains('@')
            && !is_date(cell)
            && !is_salesforce_id(cell)
    };
    let mut distinct: Vec<String> = filled.iter().map(|cell| cell.to_lowercase()).collect();
    distinct.sort();
    distinct.dedup();
    filled.len() * 5 >= row.len() * 4 && distinct.len() * 10 >= filled.len() * 8 && filled.iter().all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_has_the_form_of_its_values_and_not_of_its_label() {
        for (values, form) in [
            (&["a@x.de", "b@y.com", ""][..], ColumnForm::Email),
            (&["AzureMarketplace-INS|contoso.mesh", "Web", "Web", ""], ColumnForm::LeadSource),
            (&["13.05.2026", "1.2.2026 14:02"], ColumnForm::Date),
            (&["2026-05-03T14:02:00Z"], ColumnForm::Date),
            (&["a7010000-0000-4000-8000-000000000000"], ColumnForm::Guid),
            (&["00Qbm00000Orxk5EAB"], ColumnForm::SalesforceId),
            (&["1", "0"], ColumnForm::Flag),
            (&["12", "1.234,50"], ColumnForm::Number),
            (&["+49 30 5550101", "(555) 010-1647"], ColumnForm::Phone),
            (&["New", "Contacted"], ColumnForm::Text),
            (&["", " "], ColumnForm::Blank),
        ] {
            assert_eq!(ColumnForm::of(values.iter().copied()), form, "{values:?}");
        }
    }

    #[test]
    fn a_row_that_may_be_a_persons_is_no_header() {
        let rows = |text: &str| -> Vec<Vec<String>> {
            text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
        };
        assert_eq!(proven_header(&rows("Imie,Nazw,Poczta\nAnn,Lee,a@x.de\nBo,Berg,b@x.de\n")), Some(0));
        assert_eq!(proven_header(&rows("Report,,\n,,\nImie,Nazw,Poczta\nAnn,Lee,a@x.de\n")), Some(2));
        assert_eq!(proven_header(&rows("Ann,Lee,a@x.de\nBo,Berg,b@x.de\n")), None);
        assert_eq!(proven_header(&rows("Ann,Lee,Contoso\nBo,Berg,Fabrikam\n")), None);
    }
}
