//! All exports of one destination → the tables in them: read whole, or in parts where they are large.

use chrono::{DateTime, NaiveDate, Utc};

use super::asked::{is_companion, misplaced, tables};
use super::in_parts::{LARGE, Large};
use super::layouts::{Layout, layouts};
use super::loaded::{Loaded, Night, Wanted, absent, identifies, is_timed, newest, supersede};
use super::strangers::{Passage, Rule};
use super::{apart, cells, dates, json, mistaken, sheets};
use crate::config::Destination;
use crate::error::{Error, Result};
use crate::tabular::readings::Unread;
use crate::tabular::{self, Export, Part, Sheet};
use polars::prelude::DataFrame;

/// A table whose dates read both ways, kept until the others are read.
struct Waiting {
    sheet: Sheet,
    part: String,
    written: DateTime<Utc>,
    order_at: DateTime<Utc>,
    bytes: usize,
    problem: Error,
}

/// Reads the exports of one destination.
pub(super) struct Reader<'a> {
    layout: &'static Layout,
    destination: &'a Destination,
    models: Vec<json::Model>,
    /// Tables that were read.
    pub loaded: Vec<Loaded>,
    /// Files of fewer bytes are read whole.
    pub least: u64,
    /// Exports that are read in parts.
    large: Vec<(Large, Written)>,
    waiting: Vec<Waiting>,
    /// What could not be read.
    pub problems: Vec<Error>,
    /// The same by file.
    pub unread: Vec<Unread>,
    /// Files in which no table is, and when their content was true.
    pub empty: Vec<(String, DateTime<Utc>)>,
    /// Whether the names of all files have a date.
    all_dated: bool,
}

/// When a file was written, and when its content was true.
#[derive(Clone, Copy)]
struct Written {
    at: DateTime<Utc>,
    order_at: DateTime<Utc>,
}

impl<'a> Reader<'a> {
    pub fn new(exports: &[Export], destination: &'a Destination) -> Self {
        Reader {
            layout: layouts().of(destination.kind),
            destination,
            models: json::models(exports),
            loaded: Vec::new(),
            least: LARGE,
            large: Vec::new(),
            waiting: Vec::new(),
            problems: Vec::new(),
            unread: Vec::new(),
            empty: Vec::new(),
            all_dated: false,
        }
    }

    fn fails(&mut self, file: &str, problem: Error) {
        self.unread.push(Unread::new(&self.destination.name, file, &problem));
        self.problems.push(problem.at(format!("destination \"{}\"", self.destination.name)));
    }

    /// Reads all files that are read whole; those whose dates read both ways wait for the others, and large ones, which are
    /// profiled, for [`Self::read_large`].
    pub fn open(&mut self, exports: Vec<Export>) -> Result<()> {
        let dated = exports.iter().map(|export| date_in_name(&export.name)).collect::<Vec<_>>();
        self.all_dated = !dated.is_empty() && dated.iter().all(Option::is_some);
        for (export, dated) in exports.into_iter().zip(dated) {
            let order_at = if self.all_dated { dated.unwrap_or(export.modified) } else { export.modified };
            let written = Written { at: export.modified, order_at };
            if is_companion(&export.name) {
                continue;
            }
            let parts = match tabular::unpack(&export.name, export.content) {
                Ok(parts) => parts,
                Err(problem) => {
                    self.fails(&export.name, problem);
                    continue;
                }
            };
            for part in parts.into_iter().filter(|part| !is_companion(&part.name)) {
                let name = part.name.clone();
                match self.large(part, written) {
                    Ok(Some(part)) => self.whole(&part, written)?,
                    Ok(None) => {}
                    Err(problem) => self.fails(&name, problem),
                }
            }
        }
        Ok(())
    }

    /// Profiles a large part; gives back what is to be read whole.
    fn large(&mut self, part: Part, written: Written) -> Result<Option<Part>> {
        if tabular::bytes_read(&part) < self.least {
            return Ok(Some(part));
        }
        match Large::profile(part, written.at, self.layout, self.destination, &self.models)? {
            Ok(large) => self.large.push((large, written)),
            Err(part) => return Ok(Some(part)),
        }
        Ok(None)
    }

    /// Reads the large files: in parts where a rule says what is kept of them, else whole.
    pub fn read_large(&mut self, rule: Option<&Rule>) -> Result<()> {
        for (large, written) in std::mem::take(&mut self.large) {
            let read = match rule {
                Some(rule) => self.again(&large, written.order_at, rule, &Wanted::default()),
                None => Ok(false),
            };
            match read {
                Ok(true) => self.large.push((large, written)),
                Ok(false) => self.whole(&large.whole(), written)?,
                Err(problem) => self.fails(large.name(), problem),
            }
        }
        Ok(())
    }

    /// The time of the newest record at most `latest`, both in microseconds since 1970.
    ///
    /// # Errors
    /// When a large file cannot be read.
    pub fn newest(&self, latest: i64) -> Result<Option<i64>> {
        let mut newest = None;
        for one in &self.loaded {
            newest = newest.max(one.records.newest(latest)?);
        }
        for (large, _) in &self.large {
            newest = newest.max(large.newest(self.layout, self.destination, &self.models, latest)?);
        }
        Ok(newest)
    }

    /// Reads a large export for what is kept of it. False where it is to be read whole.
    fn again(&mut self, large: &Large, order_at: DateTime<Utc>, rule: &Rule, wanted: &Wanted) -> Result<bool> {
        let read = large.read(self.layout, self.destination, &self.models, (rule, wanted))?;
        let Some((records, dropped)) = read else { return Ok(false) };
        let mut loaded = Loaded::new(records, order_at, large.bytes());
        loaded.dropped = Some(dropped);
        self.loaded.push(loaded);
        Ok(true)
    }

    fn whole(&mut self, part: &Part, written: Written) -> Result<()> {
        let sheets = match tables(part, self.layout, self.destination, &self.models) {
            Ok(sheets) => sheets,
            Err(problem) => {
                self.fails(&part.name, problem);
                return Ok(());
            }
        };
        if let Some(looks) = sheets.iter().find_map(|sheet| mistaken::among_exports(sheet, self.destination)) {
            self.fails(&part.name, misplaced(&part.name, looks));
            return Ok(());
        }
        if sheets.is_empty() {
            self.empty.push((part.name.clone(), written.order_at));
        }
        let bytes = part.content.size();
        for sheet in sheets {
            match sheets::read(&sheet, &part.name, written.at, self.layout, self.destination, &|_| None)? {
                sheets::Outcome::Read(records) => {
                    self.loaded.push(Loaded::new(*records, written.order_at, bytes));
                }
                sheets::Outcome::Undecided(problem) => {
                    let (part, order_at) = (part.name.clone(), written.order_at);
                    self.waiting.push(Waiting { sheet, part, written: written.at, order_at, bytes, problem });
                }
            }
        }
        Ok(())
    }

    /// Reads what waits, by what the others and the landed records tell.
    pub fn settle(&mut self, landed: &DataFrame) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let known = dates::Known::new(self.loaded.iter().map(|l| &l.records), landed, self.destination)?;
        for one in std::mem::take(&mut self.waiting) {
            let settle = |question: &cells::Question| known.settle(question);
            match sheets::read(&one.sheet, &one.part, one.written, self.layout, self.destination, &settle)? {
                sheets::Outcome::Read(records) => {
                    self.loaded.push(Loaded::new(*records, one.order_at, one.bytes));
                }
                sheets::Outcome::Undecided(_) => self.fails(&one.part, one.problem),
            }
        }
        Ok(())
    }

    /// The newest version of each record that is kept. What was passed over too soon is read again.
    pub fn night(&mut self, rule: Option<&Rule>, landed: &DataFrame) -> Result<Night> {
        self.loaded.sort_by(|a, b| a.order.cmp(&b.order));
        for (file, problem) in absent(&self.loaded, &self.empty, self.all_dated) {
            self.fails(&file, problem);
        }
        let mut wanted = Wanted::default();
        loop {
            self.loaded.sort_by(|a, b| a.order.cmp(&b.order));
            apart::tell_apart(&mut self.loaded, landed, self.destination)?;
            supersede(&mut self.loaded);
            let mut rows = newest(&self.loaded, self.destination)?;
            let identifies = identifies(&rows, &self.loaded)?;
            let timed = is_timed(&rows, &self.loaded)?;
            let some = rows.height() > 0 || self.loaded.iter().any(|one| one.records.file.records > 0);
            let strangers = match rule {
                None => 0,
                Some(rule) => match rule.pass_by(&mut rows, &mut self.loaded, landed)? {
                    Passage::Done(strangers) => strangers,
                    Passage::Lacks(more) => {
                        wanted.add(more);
                        self.loaded.retain(|one| one.dropped.is_none());
                        for (large, written) in std::mem::take(&mut self.large) {
                            match self.again(&large, written.order_at, rule, &wanted) {
                                Ok(true) => self.large.push((large, written)),
                                Ok(false) => self.fails(large.name(), changed(large.name())),
                                Err(problem) => self.fails(large.name(), problem),
                            }
                        }
                        continue;
                    }
                },
            };
            return Ok(Night { rows, strangers, identifies, timed, some });
        }
    }
}

fn changed(file: &str) -> Error {
    Error::partial(format!("cannot read \"{file}\": it was another a moment ago")).hint("run again when it is whole")
}

/// A date, or milliseconds since 1970, in a file's name.
fn date_in_name(name: &str) -> Option<DateTime<Utc>> {
    let bytes = name.as_bytes();
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (n, byte) in bytes.iter().enumerate() {
        match runs.last_mut() {
            Some((_, to)) if byte.is_ascii_digit() && *to == n => *to = n + 1,
            _ if byte.is_ascii_digit() => runs.push((n, n + 1)),
            _ => {}
        }
    }
    let number = |(from, to): (usize, usize)| name.get(from..to)?.parse::<i64>().ok();
    let day = |year: i64, month: i64, day: i64| {
        let plausible = (2000..2100).contains(&year);
        let date =
            NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, u32::try_from(month).ok()?, u32::try_from(day).ok()?)?;
        plausible.then(|| date.and_time(chrono::NaiveTime::MIN).and_utc())
    };
    for (n, run) in runs.iter().enumerate() {
        let (from, to) = *run;
        let found = match to - from {
            13 => DateTime::from_timestamp_millis(number(*run)?).filter(|at| at.timestamp() > 946_684_800),
            8 | 12 | 14 => {
                let date = day(number((from, from + 4))?, number((from + 4, from + 6))?, number((from + 6, from + 8))?);
                date.map(|d| {
                    let part = |at: usize| if to >= at + 2 { number((at, at + 2)).unwrap_or(0) } else { 0 };
                    d + chrono::TimeDelta::seconds(part(from + 8) * 3600 + part(from + 10) * 60 + part(from + 12))
                })
            }
            4 => match (runs.get(n + 1), runs.get(n + 2)) {
                (Some(b), Some(c)) if b.0 == to + 1 && c.0 == b.1 + 1 && b.1 - b.0 <= 2 && c.1 - c.0 <= 2 => {
                    day(number(*run)?, number(*b)?, number(*c)?)
                }
                _ => None,
            },
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}
