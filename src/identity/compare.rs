//! Two profiles → one comparison level for each field.
//!
//! Levels are ordered from strongest to weakest; 0 says nothing, because one side has no value. What a level weighs is
//! learned in `model`; here stands only what is seen. Distances: Jaro–Winkler and optimal string alignment (strsim).

use super::forms::{Email, Forms, Phone, Profile, Words};
use super::level_table::{COMPANY, EMAIL, FIRST, LAST, NEAR_DATE, OTHER_DATE, PHONE};
use super::names::Name;
use super::numbers::{DIGITS, NONE};
use super::typed::Script;
use crate::codes;

/// After the fields: whether the two are at home in the same country. It is not weighed; it tells by which strangers the
/// other fields are judged.
pub(super) const HOME: usize = 7;
/// Values of [`HOME`].
pub(super) const COMPATRIOTS: u8 = 1;
pub(super) const FOREIGNERS: u8 = 2;

/// Levels of a pair, one for each field, and [`HOME`].
pub(super) type Levels = [u8; 8];

/// Levels as one number, four bits each.
pub(super) fn pattern(levels: &Levels) -> u32 {
    levels.iter().rev().fold(0, |packed, level| packed << 4 | u32::from(*level))
}

/// The levels of a pattern.
pub(super) fn levels(pattern: u32) -> Levels {
    std::array::from_fn(|field| (pattern >> (4 * field) & 15) as u8)
}

/// Addresses and numbers that people with different names use, by number of mailbox and of phone.
#[derive(Default)]
pub(super) struct Shared {
    pub mailboxes: Vec<bool>,
    pub phones: Vec<bool>,
}

/// Compares two profiles in every field.
pub(super) fn compare(forms: &Forms, shared: &Shared, a: &Profile, b: &Profile) -> Levels {
    let (first, last) = names(forms, a, b);
    let other_generation = a.generation != 0 && b.generation != 0 && a.generation != b.generation;
    let last = if other_generation && last != 5 { GENERATION } else { last };
    [
        emails(forms, shared, a, b, first == 5 || matches!(last, 5 | GENERATION)),
        phones(forms, shared, a.phone, b.phone),
        first,
        last,
        companies(forms, a, b),
        titles(forms, a.title, b.title),
        match (a.country, b.country) {
            (NONE, _) | (_, NONE) => 0,
            (x, y) if x == y => 1,
            _ => 2,
        },
        match (a.home, b.home) {
            (NONE, _) | (_, NONE) => 0,
            (x, y) if x == y => COMPATRIOTS,
            _ => FOREIGNERS,
        },
    ]
}

/// The level of swapped names: as good as the same names, so the model has no probabilities of its own for it.
pub(super) const SWAPPED: u8 = 6;

/// The level of last names that say they are another generation's: it is not weighed against what agrees, for father and
/// son have first name, firm and telephone in common.
pub(super) const GENERATION: u8 = 7;

/// Whether two profiles have names that were numbered to be told apart.
pub(super) fn are_numbered_apart(forms: &Forms, a: &Profile, b: &Profile) -> bool {
    [(a.first, b.first), (a.last, b.last)].into_iter().any(|(x, y)| {
        match (forms.names.get(x as usize), forms.names.get(y as usize)) {
            (Some(x), Some(y)) => digits_differ(x, y),
            _ => false,
        }
    })
}

/// Whether two profiles have names that cannot be one person's, whatever else is equal.
pub(super) fn names_contradict(forms: &Forms, levels: &Levels, a: &Profile, b: &Profile) -> bool {
    let apart = |x: u32, y: u32| match (forms.names.get(x as usize), forms.names.get(y as usize)) {
        (Some(x), Some(y)) => is_of_other_sex(&x.key, &y.key) || digits_differ(x, y) || !is_garbled(&x.key, &y.key),
        _ => false,
    };
    let (first, last) = (levels[FIRST] == 5 && apart(a.first, b.first), levels[LAST] == 5 && apart(a.last, b.last));
    // With the first name the same, short, or alike, another last name is a marriage and no contradiction.
    let is_numbered = || match (forms.names.get(a.last as usize), forms.names.get(b.last as usize)) {
        (Some(x), Some(y)) => digits_differ(x, y),
        _ => false,
    };
    levels[LAST] == GENERATION || first || (last && (matches!(levels[FIRST], 0 | 5) || is_numbered()))
}

/// What two profiles were linked by, in a word.
pub(super) fn linked_by(levels: &Levels) -> &'static str {
    match () {
        () if matches!(levels[EMAIL], 1..=3) => codes::link::EMAIL,
        () if matches!(levels[PHONE], 1..=3) => codes::link::PHONE,
        () if matches!(levels[FIRST], 1..=4 | 6)
            && matches!(levels[LAST], 1..=4 | 6)
            && matches!(levels[COMPANY], 0..=3) =>
        {
            codes::link::NAME
        }
        () => codes::link::MODEL,
    }
}

/// Still recognisable as one word: a letter or two differ, in whatever order.
fn is_garbled(a: &str, b: &str) -> bool {
    if a.len().min(b.len()) < 4 {
        return a == b;
    }
    let allowed = match a.len().max(b.len()) {
        4..6 => 1,
        6..9 => 2,
        _ => 3,
    };
    unlike_letters(a, b) <= allowed
}

/// `renamed`: a name of the two differs, so addresses made of names must differ as well, and not by a slip.
fn emails(forms: &Forms, shared: &Shared, p: &Profile, q: &Profile, renamed: bool) -> u8 {
    let (a, b) = (p.email, q.email);
    let (Some(x), Some(y)) = (forms.emails.get(a as usize), forms.emails.get(b as usize)) else { return 0 };
    // A function's mailbox says where somebody works, not who it is: that is the company's matter.
    if x.role || y.role {
        return 0;
    }
    if x.mailbox == y.mailbox {
        return match shared.mailboxes.get(x.mailbox as usize) {
            Some(true) => 3,
            _ if a == b => 1,
            _ => 2,
        };
    }
    if is_typing_error(x, y) && !(renamed && x.local != y.local) {
        return 4;
    }
    match () {
        () if x.local == y.local && !is_made_of_names(forms, &x.text, p) && !is_made_of_names(forms, &y.text, q) => 5,
        () if x.domain == y.domain && !x.free => 6,
        () if x.free || y.free => 7,
        () => 8,
    }
}

/// Whether the part before the @ follows from the name, so that an equal one tells nothing that equal names do not:
/// `ann.lee@`, `alee@`, `k.mueller@` of Müller; not `ann.lee1987@`. Names in another script may be
/// spelled as anything.
fn is_made_of_names(forms: &Forms, address: &str, profile: &Profile) -> bool {
    let local = address.split('@').next().unwrap_or(address);
    if local.bytes().filter(u8::is_ascii_digit).count() >= 2 {
        return false;
    }
    let plain = |text: &str| {
        let letters: String = text.chars().filter(char::is_ascii_alphabetic).collect();
        letters.replace("ae", "a").replace("oe", "o").replace("ue", "u")
    };
    let local = plain(local);
    [profile.first, profile.last].into_iter().filter_map(|n| forms.names.get(n as usize)).any(|name| {
        let word = plain(name.key.split(' ').next().unwrap_or(&name.key));
        name.script != Script::Letters || (word.len() >= 2 && local.contains(&word))
    })
}

/// An edit or two, more in a long address, or the same characters in another order. A difference in digits alone is
/// another mailbox (`smith1@`, `smith2@`), and so is one in the first letter (`a.smith@`, `b.smith@`).
fn is_typing_error(a: &Email, b: &Email) -> bool {
    let (x, y) = (a.text.as_str(), b.text.as_str());
    if x.len().abs_diff(y.len()) > 2 || (a.letters ^ b.letters).count_ones() > 4 {
        return false;
    }
    if x.len() >= 8 && a.letters == b.letters && unlike_letters(x, y) == 0 {
        return true;
    }
    let allowed = match x.len().min(y.len()) {
        0..12 => 1,
        12..20 => 2,
        _ => 3,
    };
    if x.as_bytes().first() != y.as_bytes().first() || strsim::osa_distance(x, y) > allowed {
        return false;
    }
    let plain = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    plain(x) != plain(y)
}

/// How many characters of the one the other does not have, order aside.
fn unlike_letters(a: &str, b: &str) -> usize {
    let mut counts = [0i16; 128];
    for byte in a.bytes() {
        counts[usize::from(byte & 127)] += 1;
    }
    for byte in b.bytes() {
        counts[usize::from(byte & 127)] -= 1;
    }
    counts.iter().map(|n| usize::from(n.unsigned_abs())).sum()
}

fn phones(forms: &Forms, shared: &Shared, a: u32, b: u32) -> u8 {
    let (Some(x), Some(y)) = (forms.phones.get(a as usize), forms.phones.get(b as usize)) else { return 0 };
    if a == b || is_same_line(x, y) {
        let is_shared = |phone: u32| shared.phones.get(phone as usize) == Some(&true);
        return match () {
            () if is_shared(a) || is_shared(b) => 3,
            () if a == b => 1,
            () => 2,
        };
    }
    match () {
        () if is_misdialled(x, y) => 4,
        () if is_same_exchange(&x.text, &y.text) => 5,
        () if differ_in_two(&x.text, &y.text) => 6,
        () => 7,
    }
}

/// The same number, once with and once without its country's code or trunk prefix, or read by the rules of the wrong
/// country. Two numbers of one country are the same only if all digits are.
fn is_same_line(a: &Phone, b: &Phone) -> bool {
    if a.tail != b.tail || (a.country == b.country && a.country != NONE) {
        return false;
    }
    let (x, y) = (a.text.as_bytes(), b.text.as_bytes());
    let common = x.iter().rev().zip(y.iter().rev()).take_while(|(p, q)| p == q).count();
    common >= 8 && common + 3 >= x.len().min(y.len())
}

/// One digit wrong, left out, doubled, or two swapped; not in the last two, where extensions differ.
fn is_misdialled(a: &Phone, b: &Phone) -> bool {
    let (x, y) = (a.text.trim_start_matches('+').as_bytes(), b.text.trim_start_matches('+').as_bytes());
    if x.len().abs_diff(y.len()) > 1 || x.len() < 7 || y.len() < 7 {
        return false;
    }
    // What stands before and after the difference.
    let head = x.iter().zip(y).take_while(|(p, q)| p == q).count();
    let tail = x.iter().rev().zip(y.iter().rev()).take_while(|(p, q)| p == q).count();
    let longest = x.len().max(y.len());
    let differing = longest.saturating_sub(head + tail);
    match differing {
        0 | 1 => true,
        // Two neighbours swapped.
        2 => x.len() == y.len() && x.get(head) == y.get(head + 1) && x.get(head + 1) == y.get(head),
        _ => false,
    }
}

/// Equal but for the last three digits, with at least five before.
fn is_same_exchange(a: &str, b: &str) -> bool {
    let trunk = |text: &str| text.len().checked_sub(3).filter(|n| *n >= 6);
    match (trunk(a), trunk(b)) {
        (Some(x), Some(y)) => a.get(..x) == b.get(..y),
        _ => false,
    }
}

/// Two digits replaced.
fn differ_in_two(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).filter(|(x, y)| x != y).count() <= 2
}

/// Levels of first and last name together: swapped names are seen only together.
fn names(forms: &Forms, a: &Profile, b: &Profile) -> (u8, u8) {
    let (straight_first, straight_last) = (first_names(forms, a.first, b.first), last_names(forms, a.last, b.last));
    let is_good = |first: u8, last: u8| matches!(first, 1..=4) && matches!(last, 1..=3);
    if is_good(straight_first, straight_last)
        || (a.first == NONE && a.last == NONE)
        || (b.first == NONE && b.last == NONE)
    {
        return (straight_first, straight_last);
    }
    // One name alone may stand in the wrong field.
    if a.first == NONE || a.last == NONE || b.first == NONE || b.last == NONE {
        if matches!(straight_first, 1..=4) || matches!(straight_last, 1..=4) {
            return (straight_first, straight_last);
        }
        let only = |p: &Profile| if p.first == NONE { p.last } else { p.first };
        let (one, other) = if a.first == NONE || a.last == NONE { (only(a), b) } else { (only(b), a) };
        return match () {
            () if last_names(forms, one, other.last) == 1 => (0, SWAPPED),
            () if last_names(forms, one, other.first) == 1 => (SWAPPED, 0),
            () if last_names(forms, one, other.last) == 2 => (0, 2),
            () if last_names(forms, one, other.first) == 2 => (4, 0),
            () => (straight_first, straight_last),
        };
    }
    match (last_names(forms, a.first, b.last), last_names(forms, a.last, b.first)) {
        (1, 1) => (SWAPPED, SWAPPED),
        (1 | 2, 1 | 2) => (4, 2),
        _ => (straight_first, straight_last),
    }
}

fn first_names(forms: &Forms, a: u32, b: u32) -> u8 {
    let (Some(x), Some(y)) = (forms.names.get(a as usize), forms.names.get(b as usize)) else { return 0 };
    if x.key == y.key {
        // An initial twice is no more than an initial.
        return if is_initial(x) { 3 } else { 1 };
    }
    if is_of_other_sex(&x.key, &y.key) || digits_differ(x, y) {
        return 5;
    }
    if share_a_group(x.groups, y.groups) {
        return 2;
    }
    if is_initial(x) || is_initial(y) {
        return if x.key.as_bytes().first() == y.key.as_bytes().first() {
            3
        } else {
            between_scripts(forms, x, y, 0, 5)
        };
    }
    if are_two_names(x, y) {
        return 5;
    }
    if are_close(x, y, 0.88) || one_word_in_common(x, y) || is_long_prefix(&x.key, &y.key) {
        return 4;
    }
    if are_initials(x, y) {
        return 3;
    }
    between_scripts(forms, x, y, 4, 5)
}

fn last_names(forms: &Forms, a: u32, b: u32) -> u8 {
    let (Some(x), Some(y)) = (forms.names.get(a as usize), forms.names.get(b as usize)) else { return 0 };
    if x.key == y.key {
        return if is_initial(x) { 4 } else { 1 };
    }
    if digits_differ(x, y) {
        return 5;
    }
    if is_initial(x) || is_initial(y) {
        return if x.key.as_bytes().first() == y.key.as_bytes().first() {
            4
        } else {
            between_scripts(forms, x, y, 0, 5)
        };
    }
    if are_close(x, y, 0.90) {
        return 2;
    }
    if one_word_in_common(x, y) {
        return 3;
    }
    between_scripts(forms, x, y, 2, 5)
}

fn is_initial(name: &Name) -> bool {
    name.key.len() == 1 && name.script == Script::Letters
}

/// `lead 12` and `lead 13`: what differs in nothing but a number was numbered to be told apart.
fn digits_differ(a: &Name, b: &Name) -> bool {
    let digits = |name: &Name| name.key.bytes().filter(u8::is_ascii_digit).collect::<Vec<_>>();
    let is_numbered = |name: &Name| name.letters & DIGITS != 0;
    is_numbered(a) && is_numbered(b) && digits(a) != digits(b)
}

/// The level of two names that are not spelled alike: `close` or `different`, or 0 where they are written in two
/// scripts and the one may be a reading of the other.
fn between_scripts(forms: &Forms, a: &Name, b: &Name, close: u8, different: u8) -> u8 {
    let shortest = if close == 2 { 4 } else { 3 };
    let (letters, other) = match (a.script, b.script) {
        (Script::Letters, Script::Letters | Script::Consonants | Script::Characters) => (a, b),
        (_, Script::Letters) => (b, a),
        // Two names in one foreign script are compared as they stand.
        (x, y) if x == y => return different,
        _ => return 0,
    };
    match other.script {
        Script::Letters => different,
        // Short surnames have conventions of their own: Lee for a syllable read "i".
        Script::Consonants if other.key.len() < shortest || letters.key.len() < shortest => 0,
        Script::Consonants => {
            let sound = |name: &Name| forms.names.sounds.get(name.sound as usize).map_or("", String::as_str);
            let alike = strsim::jaro_winkler(sound(a), sound(b));
            match () {
                () if alike >= 0.84 => close,
                () if alike >= 0.62 => 0,
                () => different,
            }
        }
        Script::Characters if letters.may_be_a_reading => 0,
        Script::Characters => different,
    }
}

/// `martin` and `martina`, `mario` and `maria`: one letter apart, and as a rule two people.
fn is_of_other_sex(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if short.len() < 3 {
        return false;
    }
    if long.strip_suffix('a') == Some(short) {
        return !short.ends_with(['a', 'e', 'i', 'o', 'u', 'h']);
    }
    match (short.strip_suffix('o'), long.strip_suffix('a'), short.strip_suffix('a'), long.strip_suffix('o')) {
        (Some(x), Some(y), ..) | (.., Some(x), Some(y)) => x == y,
        _ => false,
    }
}

/// `mary` and `mark`, `patrick` and `patricia`: both are usual names, and no forms or spellings of one. A slip makes a usual
/// name of another so rarely that they are two people's.
fn are_two_names(a: &Name, b: &Name) -> bool {
    let is_usual = |name: &Name| !name.groups.is_empty() && !name.has_words;
    is_usual(a) && is_usual(b) && a.sound != b.sound && !is_long_prefix(&a.key, &b.key)
}

fn share_a_group(a: &[u16], b: &[u16]) -> bool {
    !a.is_empty() && !b.is_empty() && a.iter().any(|group| b.binary_search(group).is_ok())
}

/// Sounds the same, is the same without spaces, or is spelled alike.
fn are_close(a: &Name, b: &Name, threshold: f64) -> bool {
    let (x, y) = (a.key.as_str(), b.key.as_str());
    // Few consonants say little: `jean` sounds like `jihoon`.
    if a.sound == b.sound
        && x.as_bytes().first() == y.as_bytes().first()
        && x.len().min(y.len()) >= 3
        && are_alike((x, a.letters), (y, b.letters), 0.7)
    {
        return true;
    }
    if (a.letters ^ b.letters).count_ones() > 5 || x.len().abs_diff(y.len()) > 4 {
        return false;
    }
    // The same letters in another order, one more or less in a long name.
    let shortest = x.len().min(y.len());
    let unlike = usize::from(shortest >= 6);
    if shortest >= 4 && (a.letters ^ b.letters).count_ones() as usize <= unlike && unlike_letters(x, y) <= unlike {
        return true;
    }
    if x.len().min(y.len()) >= 4 && is_one_slip(x, y) {
        return true;
    }
    x.len().min(y.len()) >= 3
        && (are_alike((x, a.letters), (y, b.letters), threshold) || without(x, b' ').eq(without(y, b' ')))
}

/// Whether Jaro–Winkler similarity reaches a threshold; texts with the letters that occur in them. It is not computed
/// where the letters alone forbid it: one that the other does not have is matched by nothing.
fn are_alike((x, in_x): (&str, u32), (y, in_y): (&str, u32), threshold: f64) -> bool {
    if x.is_ascii() && y.is_ascii() && !x.is_empty() && !y.is_empty() {
        let left = |text: &str, missing: u32| text.len().saturating_sub(missing.count_ones() as usize);
        let matches = left(x, in_x & !in_y).min(left(y, in_y & !in_x)) as f64;
        let most = (matches / x.len() as f64 + matches / y.len() as f64 + 1.0) / 3.0;
        let prefix = x.bytes().zip(y.bytes()).take(4).take_while(|(p, q)| p == q).count() as f64;
        if most + 0.1 * prefix * (1.0 - most) < threshold - 1e-6 {
            return false;
        }
    }
    strsim::jaro_winkler(x, y) >= threshold
}

/// Whether one character is another, left out or doubled, or two neighbours are swapped: an optimal string alignment of
/// distance 1 at most.
fn is_one_slip(x: &str, y: &str) -> bool {
    if !x.is_ascii() || !y.is_ascii() {
        return strsim::osa_distance(x, y) <= 1;
    }
    let (x, y) = (x.as_bytes(), y.as_bytes());
    let head = x.iter().zip(y).take_while(|(p, q)| p == q).count();
    let (x, y) = (x.get(head..).unwrap_or_default(), y.get(head..).unwrap_or_default());
    let tail = x.iter().rev().zip(y.iter().rev()).take_while(|(p, q)| p == q).count();
    match (x.len() - tail, y.len() - tail) {
        (0 | 1, 0 | 1) => true,
        (2, 2) => x.first() == y.get(1) && x.get(1) == y.first(),
        _ => false,
    }
}

/// The bytes of a text but for one.
fn without(text: &str, one: u8) -> impl Iterator<Item = u8> {
    text.bytes().filter(move |byte| *byte != one)
}

/// A whole word of at least three letters in common: `juan carlos` and `carlos`, `smith jones` and `smith`.
fn one_word_in_common(a: &Name, b: &Name) -> bool {
    if !a.has_words && !b.has_words {
        return false;
    }
    a.key.split(' ').any(|word| word.len() >= 3 && b.key.split(' ').any(|other| other == word))
}

/// `alex` of `alexander`: cut short, at least three letters.
fn is_long_prefix(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    short.len() >= 3 && long.starts_with(short)
}

/// `j p` of `jean pierre`, `jp` likewise.
fn are_initials(a: &Name, b: &Name) -> bool {
    let (short, long) = if a.key.len() <= b.key.len() { (a, b) } else { (b, a) };
    // One word has one initial.
    if !long.has_words && long.key.is_ascii() {
        return false;
    }
    let initials: String = long.key.split(' ').filter_map(|word| word.chars().next()).collect();
    initials.len() >= 2 && short.key.replace(' ', "") == initials
}

fn companies(forms: &Forms, a: &Profile, b: &Profile) -> u8 {
    let company = |p: &Profile| forms.companies.get(p.company as usize);
    let domain = |p: &Profile| Some(forms.company_domain(p)).filter(|d| *d != NONE);
    let (ca, cb, da, db) = (company(a), company(b), domain(a), domain(b));
    if a.company != NONE && a.company == b.company {
        return 1;
    }
    if da.is_some() && da == db {
        return 2;
    }
    let label = |d: Option<u32>| d.and_then(|d| forms.labels.get(d as usize)).map(String::as_str);
    if let (Some(x), Some(y)) = (ca, cb)
        && words_are_close(x, y, 0.92)
    {
        return 3;
    }
    let named_by = |c: Option<&Words>, d: Option<u32>| match (c, label(d)) {
        (Some(c), Some(label)) => label.len() >= 3 && is_label_of(label, &c.key),
        _ => false,
    };
    if named_by(ca, db) || named_by(cb, da) || (label(da).is_some_and(|l| l.len() >= 4) && label(da) == label(db)) {
        return 3;
    }
    if (ca.is_some() && cb.is_some()) || (da.is_some() && db.is_some()) { 4 } else { 0 }
}

/// `contoso` or `contoso-group` of `contoso group`, `cg` too short to say.
fn is_label_of(label: &str, key: &str) -> bool {
    let (mut label, mut key) = (without(label, b'-'), without(key, b' '));
    for n in 0.. {
        match (label.next(), key.next()) {
            (None, None) => return true,
            (None, _) | (_, None) => return n >= 5,
            (p, q) if p != q => return false,
            _ => {}
        }
    }
    false
}

fn titles(forms: &Forms, a: u32, b: u32) -> u8 {
    let (Some(x), Some(y)) = (forms.titles.get(a as usize), forms.titles.get(b as usize)) else { return 0 };
    let date = |title: u32| forms.dates.get(title as usize).copied().flatten();
    match (date(a), date(b)) {
        _ if a == b => 1,
        (Some(p), Some(q)) if p.is_near(q) => NEAR_DATE,
        (Some(_), Some(_)) => OTHER_DATE,
        _ if words_are_close(x, y, 0.90) => 3,
        _ => 4,
    }
}

fn words_are_close(a: &Words, b: &Words, threshold: f64) -> bool {
    let (x, y) = (a.key.as_str(), b.key.as_str());
    if x.len().min(y.len()) < 3 {
        return false;
    }
    // The words of the one begin the other: `contoso` and `contoso deutschland`.
    let (short, long) = if x.len() <= y.len() { (x, y) } else { (y, x) };
    if short.len() >= 4 && long.strip_prefix(short).is_some_and(|rest| rest.starts_with(' ')) {
        return true;
    }
    if (a.letters ^ b.letters).count_ones() > 6 || short.len() * 2 < long.len() {
        return false;
    }
    are_alike((x, a.letters), (y, b.letters), threshold) || without(x, b' ').eq(without(y, b' '))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::numbers::letters;
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]
        #[test]
        fn short_ways_say_what_the_distances_say(x in "[abé1 ]{0,7}", y in "[abé1 ]{0,7}", threshold in 0.5..1.0) {
            prop_assert_eq!(is_one_slip(&x, &y), strsim::osa_distance(&x, &y) <= 1);
            let alike = are_alike((&x, letters(&x)), (&y, letters(&y)), threshold);
            prop_assert_eq!(alike, strsim::jaro_winkler(&x, &y) >= threshold);
            prop_assert_eq!(without(&x, b' ').eq(without(&y, b' ')), x.replace(' ', "") == y.replace(' ', ""));
        }

        #[test]
        fn a_label_is_that_of_a_company_whose_words_it_begins_or_that_begin_it(x in "[ab-]{0,8}", y in "[ab ]{0,8}") {
            let (label, key) = (x.replace('-', ""), y.replace(' ', ""));
            let begins = |short: &str, long: &str| short.len() >= 5 && long.starts_with(short);
            prop_assert_eq!(is_label_of(&x, &y), label == key || begins(&label, &key) || begins(&key, &label));
        }
    }
}
