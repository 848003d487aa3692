//! One table of `leadrecon.toml`, read key by key: what is of another kind, out of bounds, missing or unknown is told with
//! its place, all of it, and no text is repeated that could be a secret.
//!
//! Whoever reads a table asks for each of its keys, also for those that do not fit together: what nobody asked for is
//! unknown.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use toml::{Table, Value};

use crate::config::pattern::Pattern;
use crate::config::settings::Complete;
use crate::config::spelling::nearest;

/// What the reading of one file collects.
pub(super) struct Reading<'a> {
    /// Folder that relative paths start at.
    base: &'a Path,
    problems: RefCell<Vec<String>>,
    /// The keys that were asked for, by the path of their table.
    asked: RefCell<BTreeMap<String, BTreeSet<&'static str>>>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(base: &'a Path) -> Self {
        Reading { base, problems: RefCell::default(), asked: RefCell::default() }
    }

    pub(super) fn add(&self, problem: impl Into<String>) {
        self.problems.borrow_mut().push(problem.into());
    }

    /// What is wrong, and which keys there are.
    pub(super) fn into_parts(self) -> (Vec<String>, BTreeMap<String, BTreeSet<&'static str>>) {
        (self.problems.into_inner(), self.asked.into_inner())
    }
}

/// One table, or the lack of one. When it goes, it tells which of its keys nobody asked for.
pub(super) struct Section<'a> {
    reading: &'a Reading<'a>,
    /// None where the file has no such table: then every key is absent.
    table: Option<&'a Table>,
    /// Its place for people: `[report]`, `[[source]] "dump"`; empty for the file itself.
    place: String,
    /// Its path: `destination.replay`; empty for the file itself.
    path: String,
    asked: Vec<&'static str>,
}

impl Drop for Section<'_> {
    fn drop(&mut self) {
        let place = if self.place.is_empty() { "top level" } else { &self.place };
        let keys = self.table.into_iter().flat_map(Table::keys);
        for key in keys.filter(|key| !self.asked.contains(&key.as_str())) {
            let advice = advice(key, &self.asked, "known here");
            self.reading.add(format!("{place}: unknown key \"{key}\"; {advice}"));
        }
    }
}

/// `did you mean "grace"?`, or all there are.
fn advice(word: &str, known: &[&str], all: &str) -> String {
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("{all}: {}", known.join(", ")),
    }
}

impl<'a> Section<'a> {
    /// The file itself.
    pub(super) fn of_file(reading: &'a Reading<'a>, table: &'a Table) -> Self {
        Section { reading, table: Some(table), place: String::new(), path: String::new(), asked: Vec::new() }
    }

    /// Whether there is such a table.
    pub(super) fn is_there(&self) -> bool {
        self.table.is_some()
    }

    /// Whether the key is there, whatever it holds. It must be asked for as well.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// Tells what is wrong with the table.
    pub(super) fn add(&self, problem: &str) {
        self.reading.add(format!("{}: {problem}", self.place));
    }

    /// Tells what is wrong with a key of it.
    pub(super) fn add_at(&self, key: &str, problem: &str) {
        self.reading.add(format!("{}: {problem}", self.at(key)));
    }

    /// `[report] timezone`; a table of the file is `[report]`.
    fn at(&self, key: &str) -> String {
        if self.place.is_empty() { format!("[{key}]") } else { format!("{} {key}", self.place) }
    }

    fn value(&mut self, key: &'static str) -> Option<&'a Value> {
        self.asked.push(key);
        self.reading.asked.borrow_mut().entry(self.path.clone()).or_default().insert(key);
        self.table?.get(key)
    }

    /// Lets a key pass that an earlier version had and that has no effect: no example names it.
    pub(super) fn retired(&mut self, key: &'static str) {
        self.asked.push(key);
    }

    /// The value as `of` takes it; one that it does not take is told with what was expected.
    fn take<T>(&mut self, key: &'static str, expected: &str, of: impl FnOnce(&'a Value) -> Option<T>) -> Option<T> {
        let value = self.value(key)?;
        let taken = of(value);
        if taken.is_none() {
            self.add_at(key, &format!("expected {expected}, found {}", found(value)));
        }
        taken
    }

    /// The same of what was read: the reason why it does not do is told.
    fn checked<T>(&self, key: &str, of: Result<T, String>) -> Option<T> {
        of.map_err(|problem| self.add_at(key, &problem)).ok()
    }

    /// A key that the table cannot do without.
    pub(super) fn needed<T>(&self, key: &str, value: Option<T>, example: &str) -> Option<T> {
        if value.is_none() && !self.has(key) {
            self.add(&format!("{key} is missing, e.g. {key} = {example}"));
        }
        value
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        self.take(key, "a text", Value::as_str).map(str::to_owned)
    }

    /// The name of an environment variable. What is none is not shown: a secret was pasted where its name belongs.
    pub(super) fn variable(&mut self, key: &'static str) -> Option<String> {
        let name = self.text(key)?;
        let checked = if is_variable_name(&name) { Ok(name) } else { Err(NO_VARIABLE.to_owned()) };
        self.checked(key, checked)
    }

    /// An account, a container or an address in the cloud, which is shown in messages and kept with what is read from it.
    pub(super) fn address(&mut self, key: &'static str) -> Option<String> {
        let address = self.text(key)?;
        let checked = if address.contains(NOT_IN_AN_ADDRESS) { Err(NO_ADDRESS.to_owned()) } else { Ok(address) };
        self.checked(key, checked)
    }

    /// Free names to names of environment variables.
    pub(super) fn variable_by_name(&mut self, key: &'static str) -> BTreeMap<String, String> {
        let (named, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
            self.text_by_name(key).into_iter().partition(|(_, name)| is_variable_name(name));
        for header in others.keys() {
            self.reading.add(format!("{} \"{header}\": {NO_VARIABLE}", self.at(key)));
        }
        named
    }

    /// A text or several.
    pub(super) fn texts(&mut self, key: &'static str) -> Option<Vec<String>> {
        self.take(key, A_TEXT_OR_TEXTS, texts)
    }

    /// A path, from the folder of the file.
    pub(super) fn path(&mut self, key: &'static str) -> Option<PathBuf> {
        self.text(key).map(|path| self.reading.base.join(path))
    }

    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        self.take(key, "true or false", Value::as_bool)
    }

    /// Whether an export is believed whatever it shows: always, or the reading of one day.
    pub(super) fn complete(&mut self) -> Option<Complete> {
        let day = |value: &Value| match value {
            Value::Boolean(always) => Some(always.then_some(Complete::Always)),
            Value::Datetime(at) => at.to_string().parse().ok().map(|day| Some(Complete::On(day))),
            Value::String(text) => text.parse().ok().map(|day| Some(Complete::On(day))),
            _ => None,
        };
        self.take("complete", "true, false or a day such as 2026-05-03", day).flatten()
    }

    /// A whole number of one and more.
    pub(super) fn count(&mut self, key: &'static str) -> Option<i64> {
        let count = self.take(key, "a whole number", Value::as_integer)?;
        let checked = if count < 1 { Err(format!("expected at least 1, found {count}")) } else { Ok(count) };
        self.checked(key, checked)
    }

    /// A number between nought and one.
    pub(super) fn share(&mut self, key: &'static str) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a share written as a whole number is out of bounds anyhow")]
        let number = |value: &Value| value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64));
        let share = self.take(key, "a number", number)?;
        let is_share = share > 0.0 && share < 1.0;
        let checked =
            if is_share { Ok(share) } else { Err(format!("expected a number above 0 and below 1, found {share}")) };
        self.checked(key, checked)
    }

    /// A share of people, said as "1 in 1000 people".
    pub(super) fn one_in_people(&mut self, key: &'static str) -> Option<f64> {
        let text = self.text(key)?;
        self.checked(key, parse_one_in_people(&text))
    }

    /// One of a few words.
    pub(super) fn one_of<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        self.checked(key, found.ok_or_else(|| format!("\"{text}\" is unknown; {}", advice(&text, &known, "expected"))))
    }

    /// A duration.
    pub(super) fn span(&mut self, key: &'static str) -> Option<TimeDelta> {
        let text = self.text(key)?;
        self.checked(key, parse_span(&text))
    }

    /// A duration, or a word that stands for none.
    pub(super) fn span_or(&mut self, key: &'static str, word: &str) -> Option<Option<TimeDelta>> {
        let text = self.text(key)?;
        if text == word { Some(None) } else { self.checked(key, parse_span(&text)).map(Some) }
    }

    pub(super) fn zone(&mut self, key: &'static str) -> Option<Tz> {
        let name = self.text(key)?;
        let zone = name.parse();
        self.checked(key, zone.map_err(|_| format!("\"{name}\" is no zone of the IANA list, e.g. \"Europe/Berlin\"")))
    }

    /// A TOML date or time, or the same as text; or one of a few words.
    pub(super) fn instant<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&str, T)],
        of: fn(DateTime<Utc>) -> T,
    ) -> Option<T> {
        let names: String = words.iter().map(|(word, _)| format!("\"{word}\", ")).collect();
        self.take(key, &format!("{names}a date such as 2025-01-01 or an RFC 3339 time"), |value| {
            let word = words.iter().find(|(word, _)| value.as_str() == Some(word)).map(|(_, value)| *value);
            word.or_else(|| instant(value).map(of))
        })
    }

    /// Patterns; one that cannot be used is told, and the others hold.
    pub(super) fn patterns(&mut self, key: &'static str) -> Option<Vec<Pattern>> {
        self.texts(key).map(|texts| self.patterns_of(key, &texts))
    }

    fn patterns_of(&self, key: &str, texts: &[String]) -> Vec<Pattern> {
        let pattern = |text: &String| Pattern::new(text).map_err(|error| error.what().to_owned());
        texts.iter().filter_map(|text| self.checked(key, pattern(text))).collect()
    }

    /// The table under a key, whose keys are free, as `of` takes its values.
    fn free<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        of: impl Fn(&'a Value) -> Option<T>,
    ) -> BTreeMap<String, T> {
        let table = self.take(key, "a table", Value::as_table);
        let mut read = BTreeMap::new();
        for (name, value) in table.into_iter().flatten() {
            match of(value) {
                Some(taken) => drop(read.insert(name.clone(), taken)),
                None => {
                    let problem = format!("expected {expected}, found {}", found(value));
                    self.reading.add(format!("{} \"{name}\": {problem}", self.at(key)));
                }
            }
        }
        read
    }

    /// Names to texts.
    pub(super) fn text_by_name(&mut self, key: &'static str) -> BTreeMap<String, String> {
        self.free(key, "a text", |value| value.as_str().map(str::to_owned))
    }

    /// Names to single values, as text.
    pub(super) fn value_by_name(&mut self, key: &'static str) -> BTreeMap<String, String> {
        self.free(key, "a text, a number, true or false", |value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Table(_) | Value::Array(_) => None,
            other => Some(other.to_string()),
        })
    }

    /// Names to patterns.
    pub(super) fn patterns_by_name(&mut self, key: &'static str) -> BTreeMap<String, Vec<Pattern>> {
        let by_name = self.free(key, A_TEXT_OR_TEXTS, texts);
        by_name.into_iter().map(|(name, texts)| (name, self.patterns_of(key, &texts))).collect()
    }

    /// The table under a key.
    pub(super) fn section(&mut self, key: &'static str) -> Section<'a> {
        let table = self.take(key, "a table", Value::as_table);
        self.below(key, self.at(key), table)
    }

    /// The list of tables under a key.
    pub(super) fn sections(&mut self, key: &'static str) -> Vec<Section<'a>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(items) = value.as_array().filter(|items| items.iter().all(Value::is_table)) else {
            self.reading.add(format!("[{key}] is a list: write it with two brackets, [[{key}]]"));
            return Vec::new();
        };
        let place = |(at, table): (usize, &Table)| match table
            .get("name")
            .or_else(|| table.get("id"))
            .and_then(Value::as_str)
        {
            Some(name) => format!("[[{key}]] \"{name}\""),
            None => format!("[[{key}]] number {}", at + 1),
        };
        let tables = items.iter().filter_map(Value::as_table).enumerate();
        tables.map(|(at, table)| self.below(key, place((at, table)), Some(table))).collect()
    }

    fn below(&self, key: &str, place: String, table: Option<&'a Table>) -> Section<'a> {
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        Section { reading: self.reading, table, place, path, asked: Vec::new() }
    }
}

const NO_VARIABLE: &str = "expected the name of an environment variable, such as LEADS_SAS; what stands here is not \
                           shown, since it may be the secret itself";

/// Whether a text can be the name of an environment variable and is not likely to be the secret: names are words, secrets
/// mix cases and digits, or are longer than any name.
fn is_variable_name(text: &str) -> bool {
    let count = |of: fn(&u8) -> bool| text.bytes().filter(of).count();
    let digits = count(u8::is_ascii_digit);
    let is_mixed = count(u8::is_ascii_lowercase) > 0 && count(u8::is_ascii_uppercase) > 0;
    text.len() <= 64
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && digits <= if is_mixed { 2 } else { 8 }
        && (text.len() <= 24 || text.contains('_'))
        && !text.is_empty()
}

const NO_ADDRESS: &str = "expected a name or an address without a query; a signature, key or connection string belongs into \
                          an environment variable or a file, which auth names";

/// Where an address ends that is safe to show: what follows would be a query, which is where signatures stand.
const NOT_IN_AN_ADDRESS: [char; 6] = ['?', '&', ';', '=', '#', '@'];

const A_TEXT_OR_TEXTS: &str = "a text or a list of texts";

fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

/// What a value is. A text is not shown: where something else was expected it may be a secret.
fn found(value: &Value) -> String {
    match value {
        Value::String(_) => "a text".to_owned(),
        Value::Integer(number) => format!("the number {number}"),
        Value::Float(number) => format!("the number {number}"),
        Value::Boolean(flag) => flag.to_string(),
        Value::Datetime(at) => format!("the date {at}"),
        Value::Array(_) => "a list".to_owned(),
        Value::Table(_) => "a table".to_owned(),
    }
}

/// Days start at midnight UTC.
fn instant(value: &Value) -> Option<DateTime<Utc>> {
    let text = match value {
        Value::Datetime(at) => at.to_string(),
        Value::String(text) => text.clone(),
        _ => return None,
    };
    if let Ok(at) = DateTime::parse_from_rfc3339(&text) {
        return Some(at.with_timezone(&Utc));
    }
    let day = text.parse::<NaiveDate>().ok()?;
    Some(day.and_hms_opt(0, 0, 0)?.and_utc())
}

/// A share such as "1 in 1000 people", more than none and at most one in ten.
fn parse_one_in_people(text: &str) -> Result<f64, String> {
    let whole = |number: &str| number.replace(',', "").parse::<u32>().ok().filter(|number| *number > 0);
    let share = match text.split_whitespace().collect::<Vec<_>>().as_slice() {
        [some, "in", all, "people"] => whole(some).zip(whole(all)).map(|(some, all)| f64::from(some) / f64::from(all)),
        _ => None,
    };
    share.filter(|share| *share <= 0.1).ok_or_else(|| {
        format!("\"{text}\" is no share of people; write for example \"1 in 1000 people\", at most \"1 in 10 people\"")
    })
}

/// A duration such as "48h", "7d" or "25 months".
///
/// # Errors
/// The sentence that says what was expected.
pub fn parse_span(text: &str) -> Result<TimeDelta, String> {
    let compact: String = text.split_whitespace().collect();
    humantime::parse_duration(&compact).ok().and_then(|d| TimeDelta::from_std(d).ok()).ok_or_else(|| {
        format!("\"{text}\" is not a duration; write for example \"90m\", \"48h\", \"7d\" or \"25 months\"")
    })
}
