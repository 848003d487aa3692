//! Any date and time that a person or a program wrote → its parts.
//!
//! Not a list of forms but a grammar: a text is cut into numbers, words and marks; words are looked up in a hundred
//! languages; the numbers that are a time are taken out, and what is left must be a date, in whatever order, with
//! whatever words before, between and after it. A word that stands in no date, or a number too many, makes it none.
//! `2026. 5. 3. 오후 2:02`, `٣‏/٥‏/٢٠٢٦، ٢:٠٢ م`, `令和8年5月3日 14時02分` and `den 3 maj 2569 kl. 14.02` are all read so.

use unicode_normalization::UnicodeNormalization as _;

use super::calendars;
use super::parts::{Clock, Date, Parts};
use super::words::{self, EVERY_LANGUAGE, Languages};
use crate::tabular::numbers;

/// Longer texts are no dates.
const MOST_BYTES: usize = 120;

/// Reads a text, its month named in one of the languages. `said`: words that say nothing, beside those that are known.
pub(super) fn read(text: &str, languages: Languages, said: &[String]) -> Option<Parts> {
    let mut pieces = pieces(text, languages, said)?;
    colons_of_a_date(&mut pieces);
    let time = take_time(&mut pieces)?;
    let offset = take_offset(&mut pieces)?;
    let date = date(&pieces)?;
    Some(Parts { date, time, offset })
}

/// `2026:05:03 14:02:07`, as cameras write it: the colons behind a year are those of the date.
fn colons_of_a_date(pieces: &mut [Piece]) {
    let is_date = matches!(number(pieces, 0), Some((_, 4)))
        && [1, 3].iter().all(|at| is_mark(pieces, *at, &[':']))
        && [2, 4].iter().all(|at| number(pieces, *at).is_some())
        && !is_mark(pieces, 5, &[':']);
    for at in [1, 3].into_iter().filter(|_| is_date) {
        if let Some(piece) = pieces.get_mut(at) {
            piece.what = What::Mark('-');
        }
    }
}

/// The languages that have the month of a text, where it names one.
pub(super) fn languages(text: &str) -> Option<Languages> {
    let pieces = pieces(text, EVERY_LANGUAGE, &[])?;
    pieces.iter().find_map(|piece| match &piece.what {
        What::Months(months, false) => Some(months.iter().fold(0, |all, (_, languages)| all | languages)),
        _ => None,
    })
}

/// The words of a text that stand in no date as far as is known, and before a number: behind the time they may be a zone.
pub(super) fn unknown(text: &str) -> Vec<String> {
    let Some(tokens) = tokens(text).filter(|_| text.len() <= MOST_BYTES) else { return Vec::new() };
    let last = tokens.iter().rposition(|(token, _)| matches!(token, Token::Number(..))).unwrap_or(0);
    let words = tokens.iter().enumerate().take(last).filter_map(|(at, (token, _))| match token {
        Token::Word(found) if word(&tokens, at, &[], EVERY_LANGUAGE).is_none() => Some(found.clone()),
        _ => None,
    });
    words.collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

#[derive(Clone, Debug, PartialEq)]
enum What {
    Number {
        value: u32,
        digits: usize,
    },
    /// Months that a word can be, and whether it can stand for nothing (a weekday) as well.
    Months(Vec<(u32, Languages)>, bool),
    /// Parts of the day, in minutes, and whether the word can stand for nothing in another language.
    PartOfDay(Vec<(u32, u32, Languages)>, bool),
    Era(i32),
    /// Behind its number; before it in Vietnamese.
    Unit(Unit),
    Zone(i32),
    Mark(char),
    /// Where a time was taken out.
    Time,
    Filler,
}

#[derive(Clone, Debug)]
struct Piece {
    what: What,
    /// No blank stands before it.
    glued: bool,
}

/// What a text is made of, before words are looked up.
enum Token {
    Number(u32, usize),
    Word(String),
    Mark(char),
}

/// One form for all writing: compatibility forms, case, digits, blanks and dashes; marks of direction go.
fn normal(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfkc()
        .flat_map(char::to_lowercase)
        .filter(|c| !matches!(c, '\u{200b}'..='\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'))
        .map(|c| match c {
            c if c.is_whitespace() => ' ',
            '，' | '、' | '،' => ',',
            '−' | '–' | '—' | '‐' | '‑' => '-',
            '’' | '‘' | 'ʼ' => '\'',
            '٫' => '.',
            c => numbers::digit(c).unwrap_or(c),
        })
        .collect()
}

const MARKS: &str = "/-.,:;|()[]+'";

fn unit(c: char) -> Option<Unit> {
    Some(match c {
        '年' | '년' => Unit::Year,
        '月' | '월' => Unit::Month,
        '日' | '일' | '号' => Unit::Day,
        '時' | '时' | '點' | '点' | '시' => Unit::Hour,
        '分' | '분' => Unit::Minute,
        '秒' | '초' => Unit::Second,
        _ => return None,
    })
}

fn tokens(text: &str) -> Option<Vec<(Token, bool)>> {
    let chars: Vec<char> = normal(text).chars().collect();
    let mut tokens: Vec<(Token, bool)> = Vec::new();
    let mut at = 0;
    let mut glued = false;
    while let Some(c) = chars.get(at).copied() {
        let from = at;
        if c == ' ' {
            (glued, at) = (false, at + 1);
            continue;
        }
        let token = if c.is_ascii_digit() {
            while chars.get(at).is_some_and(char::is_ascii_digit) {
                at += 1;
            }
            let digits: String = chars.get(from..at)?.iter().collect();
            if digits.len() > 9 {
                return None;
            }
            Token::Number(digits.parse().ok()?, digits.len())
        } else if MARKS.contains(c) {
            at += 1;
            Token::Mark(c)
        } else if c == '@' {
            at += 1;
            Token::Word(c.to_string())
        } else if c.is_ascii() && !c.is_alphabetic() {
            return None;
        } else if c == '元' {
            // The first year of an era.
            at += 1;
            Token::Number(1, 1)
        } else if unit(c).is_some() && matches!(tokens.last(), Some((Token::Number(..), _))) {
            at += 1;
            Token::Word(c.to_string())
        } else {
            let mut word = String::new();
            while let Some(c) = chars.get(at).copied().filter(|c| !c.is_ascii_digit() && *c != ' ') {
                match c {
                    '.' | '\'' | '`' | '"' | '״' | '׳' => {}
                    c if MARKS.contains(c) => break,
                    c => word.push(c),
                }
                at += 1;
            }
            for part in parted(&word) {
                tokens.push((Token::Word(part), glued));
                glued = true;
            }
            continue;
        };
        tokens.push((token, glued));
        glued = true;
    }
    Some(tokens)
}

/// Chinese and Japanese put no blanks between words: the longest that is known is cut off, and the next.
fn parted(word: &str) -> Vec<String> {
    if word.chars().all(|c| c < '\u{2e80}') {
        return vec![word.to_owned()];
    }
    let chars: Vec<char> = word.chars().collect();
    let (mut parts, mut at) = (Vec::new(), 0);
    while at < chars.len() {
        let known = (at + 1..=chars.len()).rev().find_map(|to| {
            let part: String = chars.get(at..to)?.iter().collect();
            (words::is_known(&part) || calendars::era(&part).is_some()).then_some((part, to))
        });
        match known {
            Some((part, to)) => {
                parts.push(part);
                at = to;
            }
            None => {
                parts.push(chars.get(at..).unwrap_or_default().iter().collect());
                break;
            }
        }
    }
    parts
}

fn pieces(text: &str, languages: Languages, said: &[String]) -> Option<Vec<Piece>> {
    if text.len() > MOST_BYTES {
        return None;
    }
    let tokens = tokens(text)?;
    let mut pieces: Vec<Piece> = Vec::with_capacity(tokens.len());
    let (mut at, mut depth) = (0usize, 0usize);
    while let Some((token, glued)) = tokens.get(at) {
        let mut taken = 1;
        let what = match token {
            Token::Number(value, digits) => What::Number { value: *value, digits: *digits },
            Token::Mark(mark) => {
                match mark {
                    '(' | '[' => depth += 1,
                    ')' | ']' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                What::Mark(*mark)
            }
            Token::Word(found) => match word(&tokens, at, &pieces, languages) {
                Some((what, words)) => {
                    taken = words;
                    what
                }
                // A zone's long name in brackets, and whatever else stands in some.
                None if depth > 0 || said.contains(found) => What::Filler,
                None => return None,
            },
        };
        pieces.push(Piece { what, glued: *glued });
        at += taken;
    }
    in_one_language(&mut pieces);
    Some(pieces)
}

/// A letter, or a word that may say nothing, is a part of the day only in a language that has the month, too: `v` is the
/// morning in Afrikaans, and `at` in Czech.
fn in_one_language(pieces: &mut [Piece]) {
    let of_month = pieces.iter().find_map(|piece| match &piece.what {
        What::Months(months, false) => Some(months.iter().fold(0, |all, (_, languages)| all | languages)),
        _ => None,
    });
    for piece in pieces {
        if let (What::PartOfDay(parts, true), Some(of_month)) = (&mut piece.what, of_month) {
            parts.retain(|(.., languages)| languages & of_month != 0);
            if parts.is_empty() {
                piece.what = What::Filler;
            }
        }
    }
}

/// What the words from `at` on mean, the longest run of them that is known, and how many they are.
fn word(tokens: &[(Token, bool)], at: usize, before: &[Piece], languages: Languages) -> Option<(What, usize)> {
    let words: Vec<&str> = tokens
        .get(at..)?
        .iter()
        .map_while(|(token, _)| match token {
            Token::Word(word) => Some(word.as_str()),
            _ => None,
        })
        .take(4)
        .collect();
    let follows_number = matches!(before.last().map(|p| &p.what), Some(What::Number { .. }));
    let next_number = matches!(tokens.get(at + 1), Some((Token::Number(..), _)));
    let next_is_glued = matches!(tokens.get(at + 1), Some((Token::Number(..), true)));
    if let [first, ..] = words.as_slice() {
        let mut chars = first.chars();
        if let (Some(c), None) = (chars.next(), chars.next())
            && let Some(unit) = unit(c).filter(|_| follows_number)
        {
            return Some((What::Unit(unit), 1));
        }
        let unit = match *first {
            "h" | "u" | "godz" | "ч" if follows_number && next_number => Some(Unit::Hour),
            "h" if follows_number => Some(Unit::Hour),
            "min" if follows_number => Some(Unit::Minute),
            "s" | "sec" | "sek" if follows_number && !next_number => Some(Unit::Second),
            "ngày" => Some(Unit::Day),
            "tháng" => Some(Unit::Month),
            "năm" => Some(Unit::Year),
            _ => None,
        };
        if let Some(unit) = unit {
            return Some((What::Unit(unit), 1));
        }
    }
    for many in (1..=words.len()).rev() {
        let word = words.get(..many)?.join(" ");
        let has_number = before.iter().any(|p| matches!(p.what, What::Number { .. }));
        if let Some(years) = calendars::era(&word)
            && (!calendars::is_letter(&word) || (next_is_glued && !has_number))
        {
            return Some((What::Era(years), many));
        }
        if let Some(seconds) = zone(&word) {
            return Some((What::Zone(seconds), many));
        }
        let Some(meanings) = words::meanings(&word) else { continue };
        let months: Vec<(u32, Languages)> =
            meanings.months.into_iter().filter(|(_, known)| known & languages != 0).collect();
        return Some(match (months.is_empty(), meanings.parts_of_day.is_empty()) {
            (false, _) => (What::Months(months, meanings.filler), many),
            (true, false) => (What::PartOfDay(meanings.parts_of_day, meanings.filler), many),
            _ => (What::Filler, many),
        });
    }
    None
}

/// Names of zones that mean one thing in reports; seconds east of UTC.
fn zone(word: &str) -> Option<i32> {
    const MINUTES: &[(&str, i32)] = &[
        ("z", 0),
        ("utc", 0),
        ("gmt", 0),
        ("coordinated universal time", 0),
        ("est", -300),
        ("edt", -240),
        ("cst", -360),
        ("cdt", -300),
        ("mst", -420),
        ("mdt", -360),
        ("pst", -480),
        ("pdt", -420),
        ("cet", 60),
        ("cest", 120),
        ("mez", 60),
        ("mesz", 120),
        ("eet", 120),
        ("eest", 180),
        ("msk", 180),
        ("jst", 540),
        ("kst", 540),
        ("aest", 600),
        ("aedt", 660),
        ("nzst", 720),
        ("nzdt", 780),
    ];
    MINUTES.iter().find(|(name, _)| *name == word).map(|(_, minutes)| minutes * 60)
}

fn number(pieces: &[Piece], at: usize) -> Option<(u32, usize)> {
    match pieces.get(at)?.what {
        What::Number { value, digits } => Some((value, digits)),
        _ => None,
    }
}

fn is_mark(pieces: &[Piece], at: usize, marks: &[char]) -> bool {
    matches!(pieces.get(at).map(|p| &p.what), Some(What::Mark(mark)) if marks.contains(mark))
}

fn has_unit(pieces: &[Piece], at: usize, unit: Unit) -> bool {
    matches!(pieces.get(at).map(|p| &p.what), Some(What::Unit(found)) if *found == unit)
}

fn is_glued(pieces: &[Piece], at: usize) -> bool {
    pieces.get(at).is_some_and(|p| p.glued)
}

/// Hour, minute, second and microsecond as written, and where they stand.
struct Found {
    hour: u32,
    minute: u32,
    second: Option<u32>,
    micro: u32,
    from: usize,
    to: usize,
}

/// Takes the time of day out; `None` where what looks like one is none.
#[expect(clippy::option_option, reason = "no time and no sense are two answers")]
fn take_time(pieces: &mut Vec<Piece>) -> Option<Option<Clock>> {
    // One vendor writes the hour of the day once more, behind a bar.
    if let [.., Piece { what: What::Mark('|'), .. }, Piece { what: What::Number { .. }, .. }] = pieces.as_slice() {
        pieces.truncate(pieces.len() - 2);
    }
    let found =
        by_colons(pieces).or_else(|| by_units(pieces)).or_else(|| by_place(pieces)).or_else(|| by_part_of_day(pieces));
    let Some(found) = found else { return Some(None) };
    let parts = parts_of_day(pieces, &found);
    let hour = hour_of(found.hour, found.minute, &parts)?;
    if hour > 23 || found.minute > 59 || found.second.is_some_and(|second| second > 60) {
        return None;
    }
    let glued = is_glued(pieces, found.from);
    pieces.splice(found.from..found.to, [Piece { what: What::Time, glued }]);
    pieces.retain(|piece| !matches!(piece.what, What::PartOfDay(..)));
    let (seconds, second) = (found.second.is_some(), found.second.unwrap_or(0).min(59));
    Some(Some(Clock { hour, minute: found.minute, second, micro: found.micro, seconds }))
}

/// The parts of the day that are told; a word that may say nothing counts beside the time only, and where no other does.
fn parts_of_day(pieces: &[Piece], found: &Found) -> Vec<(u32, u32)> {
    let of = |counts: &dyn Fn(usize, bool) -> bool| -> Vec<(u32, u32)> {
        let parts = pieces.iter().enumerate().filter_map(|(at, piece)| match &piece.what {
            What::PartOfDay(parts, filler) if counts(at, *filler) => {
                Some(parts.iter().map(|(from, to, _)| (*from, *to)))
            }
            _ => None,
        });
        parts.flatten().collect()
    };
    let sure = of(&|_, filler| !filler);
    if sure.is_empty() { of(&|at, _| at + 1 == found.from || at == found.to) } else { sure }
}

/// The hour of 24 that an hour is in a part of the day; as it is where none is told.
fn hour_of(hour: u32, minute: u32, parts: &[(u32, u32)]) -> Option<u32> {
    if parts.is_empty() {
        return Some(hour);
    }
    let within = |hour: u32| parts.iter().any(|(from, to)| (*from..*to).contains(&(hour * 60 + minute)));
    if hour > 12 {
        return within(hour).then_some(hour);
    }
    match (within(hour % 12), within(hour % 12 + 12)) {
        (true, false) => Some(hour % 12),
        (false, true) => Some(hour % 12 + 12),
        _ => None,
    }
}

/// `14:02`, `14:02:07.123`.
fn by_colons(pieces: &[Piece]) -> Option<Found> {
    // `01APR2026:08:03`: a year is no hour.
    let from = (0..pieces.len()).find(|at| {
        number(pieces, *at).is_some_and(|(_, digits)| digits <= 2)
            && is_mark(pieces, at + 1, &[':'])
            && number(pieces, at + 2).is_some()
    })?;
    let (hour, minute) = (number(pieces, from)?.0, number(pieces, from + 2)?.0);
    let mut found = Found { hour, minute, second: None, micro: 0, from, to: from + 3 };
    seconds(pieces, &mut found, &[':']);
    Some(found)
}

/// What follows hours and minutes: seconds after the same mark, and their fraction.
fn seconds(pieces: &[Piece], found: &mut Found, marks: &[char]) {
    if !is_mark(pieces, found.to, marks) || !is_glued(pieces, found.to + 1) {
        return;
    }
    let Some((second, _)) = number(pieces, found.to + 1) else { return };
    found.second = Some(second);
    found.to += 2;
    if !is_mark(pieces, found.to, &['.', ',', ':']) || !is_glued(pieces, found.to + 1) {
        return;
    }
    let Some((value, digits)) = number(pieces, found.to + 1) else { return };
    let digits = u32::try_from(digits).unwrap_or(9);
    found.micro = if digits <= 6 { value * 10u32.pow(6 - digits) } else { value / 10u32.pow(digits - 6) };
    found.to += 2;
}

/// `14時02分07秒`, `14h02`, `14 h 02`.
fn by_units(pieces: &[Piece]) -> Option<Found> {
    let from = (0..pieces.len()).find(|at| number(pieces, *at).is_some() && has_unit(pieces, at + 1, Unit::Hour))?;
    let mut found = Found { hour: number(pieces, from)?.0, minute: 0, second: None, micro: 0, from, to: from + 2 };
    let is_date = |at: usize| [Unit::Year, Unit::Month, Unit::Day].iter().any(|unit| has_unit(pieces, at, *unit));
    if let Some((minute, 1 | 2)) = number(pieces, found.to)
        && !is_date(found.to + 1)
        && !is_mark(pieces, found.to + 1, &['/', '-'])
    {
        found.minute = minute;
        found.to += 1 + usize::from(has_unit(pieces, found.to + 1, Unit::Minute));
        if let Some((second, _)) = number(pieces, found.to)
            && has_unit(pieces, found.to + 1, Unit::Second)
        {
            found.second = Some(second);
            found.to += 2;
        }
    }
    Some(found)
}

/// How many numbers a date of these pieces has.
fn numbers_of_date(pieces: &[Piece]) -> usize {
    let eight = pieces.iter().any(|p| matches!(p.what, What::Number { digits: 8, .. }));
    let named = pieces.iter().any(|p| matches!(p.what, What::Months(_, false)))
        || (pieces.iter().any(|p| matches!(p.what, What::Months(..))) && numbers(pieces).len().is_multiple_of(2));
    if eight { 1 } else { 3 - usize::from(named) }
}

fn numbers(pieces: &[Piece]) -> Vec<usize> {
    (0..pieces.len()).filter(|at| number(pieces, *at).is_some()).collect()
}

/// `3.5.2026 14.02`, `20260503T140207`: numbers behind those of the date.
fn by_place(pieces: &[Piece]) -> Option<Found> {
    let places = numbers(pieces);
    let rest = places.get(numbers_of_date(pieces)..)?;
    let from = *rest.first()?;
    if rest.len() == 1 {
        let (value, digits) = number(pieces, from)?;
        let (hour, minute, second) = match digits {
            4 => (value / 100, value % 100, None),
            6 => (value / 10_000, value / 100 % 100, Some(value % 100)),
            _ => return None,
        };
        return Some(Found { hour, minute, second, micro: 0, from, to: from + 1 });
    }
    if !is_mark(pieces, from + 1, &['.']) || !is_glued(pieces, from + 2) {
        return None;
    }
    let mut found = Found {
        hour: number(pieces, from)?.0,
        minute: number(pieces, from + 2)?.0,
        second: None,
        micro: 0,
        from,
        to: from + 3,
    };
    seconds(pieces, &mut found, &['.']);
    Some(found)
}

/// `2 PM`, `下午2`: one number too many for a date, beside a part of the day.
fn by_part_of_day(pieces: &[Piece]) -> Option<Found> {
    let part = pieces.iter().position(|p| matches!(p.what, What::PartOfDay(..)))?;
    if numbers(pieces).len() != numbers_of_date(pieces) + 1 {
        return None;
    }
    let from = [part.checked_sub(1), Some(part + 1)].into_iter().flatten().find(|at| number(pieces, *at).is_some())?;
    Some(Found { hour: number(pieces, from)?.0, minute: 0, second: None, micro: 0, from, to: from + 1 })
}

/// Takes the distance from UTC out; `None` where it makes no sense.
#[expect(clippy::option_option, reason = "no zone and no sense are two answers")]
fn take_offset(pieces: &mut Vec<Piece>) -> Option<Option<i32>> {
    let named = pieces.iter().position(|p| matches!(p.what, What::Zone(_)));
    let base = named.and_then(|at| match pieces.get(at)?.what {
        What::Zone(seconds) => Some(seconds),
        _ => None,
    });
    let time = pieces.iter().position(|p| p.what == What::Time);
    // `14:02:07 +0000 UTC`: of a number and a name the number tells.
    if let (Some(time), Some(_)) = (time, named)
        && let Some((seconds, to)) = distance(pieces, time + 1, true)?
    {
        pieces.drain(time + 1..to);
        pieces.retain(|piece| !matches!(piece.what, What::Zone(_)));
        return Some(Some(seconds));
    }
    let Some(after) = named.or(time) else { return Some(base) };
    let (mut to, mut offset) = (after + 1, base);
    if let Some((seconds, end)) = distance(pieces, to, named.is_some())? {
        (offset, to) = (Some(seconds), end);
    }
    let from = named.unwrap_or(after + 1);
    pieces.drain(from..to.max(from));
    // `GMT+0000 (Coordinated Universal Time)` says it twice.
    if offset.is_some() {
        pieces.retain(|piece| !matches!(piece.what, What::Zone(_)));
    }
    Some(offset)
}

/// A distance from UTC that begins at a place, in seconds, and where it ends; the outer `None` where it makes no sense.
#[expect(clippy::option_option, reason = "no distance and no sense are two answers")]
fn distance(pieces: &[Piece], at: usize, is_named: bool) -> Option<Option<(i32, usize)>> {
    let minutes = number(pieces, at + 3).filter(|_| is_mark(pieces, at + 2, &[':']));
    // Behind a blank, `-0700` and `-07:00` at the end are one, where `-7` may be a part of the date.
    let ends = || match (number(pieces, at + 1), minutes) {
        (Some((_, 2)), Some((_, 2))) => pieces.len() == at + 4,
        (Some((value, 4)), None) => pieces.len() == at + 2 && value / 100 <= 14 && value % 100 < 60,
        _ => false,
    };
    let sign = if is_mark(pieces, at, &['+']) {
        1
    } else if is_mark(pieces, at, &['-']) && is_glued(pieces, at + 1) && (is_glued(pieces, at) || is_named || ends()) {
        -1
    } else {
        return Some(None);
    };
    let Some((value, digits)) = number(pieces, at + 1) else { return Some(None) };
    let (hours, minutes, taken) = match (digits, minutes) {
        (1 | 2, Some((minutes, 2))) => (value, minutes, 4),
        (4, None) => (value / 100, value % 100, 2),
        (1 | 2, None) if sign > 0 || is_named || pieces.len() == at + 2 => (value, 0, 2),
        _ if sign > 0 => return None,
        _ => return Some(None),
    };
    if hours > 14 || minutes > 59 {
        return None;
    }
    Some(Some((sign * i32::try_from(hours * 3600 + minutes * 60).ok()?, at + taken)))
}

/// What is left is a date, or nothing.
fn date(pieces: &[Piece]) -> Option<Date> {
    let is_stray = |(at, piece): (usize, &Piece)| match piece.what {
        // `01APR2026:08:03`.
        What::Mark(':') => pieces.get(at + 1).is_none_or(|next| next.what != What::Time),
        What::Zone(_) | What::Mark('+' | '|') => true,
        _ => false,
    };
    if pieces.iter().enumerate().any(is_stray) {
        return None;
    }
    let places = numbers(pieces);
    let values: Vec<(u32, usize)> = places.iter().filter_map(|at| number(pieces, *at)).collect();
    let era = pieces.iter().find_map(|p| match p.what {
        What::Era(years) => Some(years),
        _ => None,
    });
    if let Some(date) = by_date_units(pieces, &places, era) {
        return date.map(Date::Known);
    }
    match values.as_slice() {
        [first, second] => named(pieces, &places, *first, *second, era),
        [first, second, third] => numeric(pieces, &places, [*first, *second, *third], era),
        [(value, 8)] => {
            calendars::date(i32::try_from(value / 10_000).ok()?, value / 100 % 100, value % 100).map(Date::Known)
        }
        _ => None,
    }
}

/// `2026年5月3日`, `ngày 3 tháng 5 năm 2026`.
#[expect(clippy::option_option, reason = "no units and no date are two answers")]
fn by_date_units(pieces: &[Piece], places: &[usize], era: Option<i32>) -> Option<Option<chrono::NaiveDate>> {
    let before = pieces.iter().position(|p| matches!(p.what, What::Unit(Unit::Day | Unit::Month | Unit::Year)))?;
    let is_before =
        number(pieces, before + 1).is_some() && before.checked_sub(1).is_none_or(|n| number(pieces, n).is_none());
    let of = |unit: Unit| {
        places.iter().find_map(|at| {
            let beside = if is_before { at.checked_sub(1)? } else { at + 1 };
            number(pieces, *at).filter(|_| has_unit(pieces, beside, unit))
        })
    };
    let (year, month, day) = (of(Unit::Year)?, of(Unit::Month)?, of(Unit::Day)?);
    if places.len() != 3 {
        return Some(None);
    }
    Some(year_of(year, era, false).and_then(|year| calendars::date(year, month.0, day.0)))
}

/// A year as written → the Gregorian one, or one of four digits of another calendar.
fn year_of((value, digits): (u32, usize), era: Option<i32>, may_be_republic: bool) -> Option<i32> {
    let value = i32::try_from(value).ok()?;
    match (era, digits) {
        (Some(years), _) => Some(value + years),
        (None, 4) => Some(value),
        (None, 2) => Some(if value < 80 { 2000 + value } else { 1900 + value }),
        (None, 3) if may_be_republic && (100..200).contains(&value) => Some(value + 1911),
        _ => None,
    }
}

/// `3 May 2026`, `May 3, 2026`, `2026 m. gegužės 3 d.`
fn named(
    pieces: &[Piece],
    places: &[usize],
    first: (u32, usize),
    second: (u32, usize),
    era: Option<i32>,
) -> Option<Date> {
    // A word that can be a weekday as well is the month only where no other word is.
    let names: Vec<_> = pieces
        .iter()
        .enumerate()
        .filter_map(|(at, piece)| match &piece.what {
            What::Months(months, filler) => Some((at, months, *filler)),
            _ => None,
        })
        .collect();
    let (at, months, _) = names.iter().find(|(_, _, filler)| !filler).or(names.last())?;
    let mut distinct: Vec<u32> = months.iter().map(|(month, _)| *month).collect();
    distinct.dedup();
    let [month] = distinct.as_slice() else { return None };
    let is_first_year = match (first.1, second.1) {
        (4, _) => true,
        (_, 4) => false,
        _ => era_before(pieces, places.first()?) || (first.0 > 31 && second.0 <= 31 && *at > *places.first()?),
    };
    let (year, day) = if is_first_year { (first, second) } else { (second, first) };
    calendars::date(year_of(year, era, false)?, *month, day.0).map(Date::Known)
}

fn era_before(pieces: &[Piece], at: &usize) -> bool {
    at.checked_sub(1).and_then(|n| pieces.get(n)).is_some_and(|p| matches!(p.what, What::Era(_)))
}

/// `7/11/2024`, `2026. 5. 3.`, `R8.5.3`, `115/05/03`, `26/05/03`.
fn numeric(pieces: &[Piece], places: &[usize], values: [(u32, usize); 3], era: Option<i32>) -> Option<Date> {
    let [first, second, third] = values;
    let separator = pieces
        .get(places.first()? + 1..*places.get(1)?)?
        .iter()
        .find_map(|p| match p.what {
            What::Mark(mark @ ('/' | '.' | '-')) => u8::try_from(mark).ok(),
            _ => None,
        })
        .unwrap_or(b' ');
    let year_first = era_before(pieces, places.first()?);
    if year_first || first.1 >= 3 {
        // The day in the middle is the business of the whole column.
        let year = year_of(first, era.filter(|_| year_first), true)?;
        return calendars::date(year, second.0, third.0).map(Date::Known);
    }
    if first.1 > 2 || second.1 > 2 {
        return None;
    }
    let (a, b) = (first.0, second.0);
    match third.1 {
        4 => {
            let plausible = (1..=31).contains(&a) && (1..=31).contains(&b) && (a <= 12 || b <= 12);
            let year = calendars::year(year_of(third, era, false)?);
            plausible.then_some(Date::Numeric { a, b, year, separator })
        }
        2 => Some(Date::Short { parts: [a, b, third.0], separator }).filter(Date::is_possible),
        _ => None,
    }
}
