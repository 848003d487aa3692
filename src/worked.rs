//! The reviewed file `worked.csv`: what people did about missed leads, by lead or by e-mail.
//!
//! It is written by `leadrecon close` and by people, who save the call list from a spreadsheet program: with a BOM, with
//! `;` or a tab, with more columns than ours, in any order and case. A settled lead leaves the call list and stays in
//! the history.

use std::collections::{BTreeMap, BTreeSet};

use crate::contact::normalised_email;
use crate::error::Result;
use crate::tables::{Leads, Table};

/// What came of a missed lead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Sales spoke to the person.
    Called,
    /// It was known already.
    Duplicate,
    /// Nobody to sell to.
    Junk,
    /// It is this record of the CRM; identity learns it.
    InCrm(String),
}

impl Outcome {
    /// Reads `called`, `duplicate`, `junk` or `in-crm:RECORD_ID`, any case.
    ///
    /// # Errors
    /// The sentence that says what was expected.
    pub fn parse(text: &str) -> Result<Outcome, String> {
        let text = text.trim();
        match text.to_ascii_lowercase().as_str() {
            "called" => return Ok(Outcome::Called),
            "duplicate" => return Ok(Outcome::Duplicate),
            "junk" => return Ok(Outcome::Junk),
            _ => {}
        }
        let id = text
            .split_once(':')
            .filter(|(word, _)| word.trim().eq_ignore_ascii_case("in-crm"))
            .map(|(_, id)| id.trim());
        match id {
            Some(id) if !id.is_empty() => Ok(Outcome::InCrm(id.to_owned())),
            _ => Err("expected called, duplicate, junk or in-crm:RECORD_ID".to_owned()),
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Outcome::Called => f.write_str("called"),
            Outcome::Duplicate => f.write_str("duplicate"),
            Outcome::Junk => f.write_str("junk"),
            Outcome::InCrm(id) => write!(f, "in-crm:{id}"),
        }
    }
}

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// A lead id, or an e-mail that stands for all leads of that address.
    pub who: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Free text.
    pub note: String,
}

/// The file's lines that can be used, and a sentence for each that cannot, without personal data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Worked {
    /// In the order of the file; a later line of the same lead wins.
    pub entries: Vec<Entry>,
    /// `line 7: …`
    pub problems: Vec<String>,
}

/// Header that `close` writes.
pub const HEADER: &str = "lead_id,email,outcome,note\n";

/// Reads the file. Rows without an outcome are rows that nobody has worked yet.
pub fn parse(text: &str) -> Worked {
    let text = text.trim_start_matches('\u{feff}');
    let mut worked = Worked::default();
    if text.trim().is_empty() {
        return worked;
    }
    let Some((delimiter, columns)) = header(text) else {
        worked.problems.push("line 1: it cannot be read as a header".to_owned());
        return worked;
    };
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let at = |names: &[&str]| names.iter().find_map(|n| columns.get(*n)).copied();
    let (lead, email) = (at(LEAD), at(&["email", "e_mail", "mail"]));
    let (Some(outcome), note) = (at(OUTCOME), at(NOTE)) else {
        worked.problems.push("line 1: no column \"outcome\"; expected lead_id or email, outcome, note".to_owned());
        return worked;
    };
    for row in reader.records() {
        let row = match row {
            Ok(row) => row,
            Err(e) => {
                worked.problems.push(format!(
                    "line {}: {}",
                    e.position().map_or(0, csv::Position::line),
                    "not UTF-8 or damaged quotes"
                ));
                continue;
            }
        };
        let line = row.position().map_or(0, csv::Position::line);
        let cell = |at: Option<usize>| {
            at.and_then(|at| row.get(at)).map(|c| c.trim_start_matches('\'').trim()).filter(|c| !c.is_empty())
        };
        let Some(text) = cell(Some(outcome)) else { continue };
        let Some(who) = cell(lead).or_else(|| cell(email)) else {
            worked.problems.push(format!("line {line}: neither lead_id nor email"));
            continue;
        };
        match Outcome::parse(text) {
            // A row of the call list stands for a person and may name several leads.
            Ok(outcome) => worked.entries.extend(who.split([' ', '+']).filter(|w| !w.is_empty()).map(|who| Entry {
                who: who.to_owned(),
                outcome: outcome.clone(),
                note: cell(note).unwrap_or_default().to_owned(),
            })),
            Err(expected) => worked.problems.push(format!("line {line}: {expected}")),
        }
    }
    worked
}

/// File below the state folder that `close` writes where the configuration names none.
pub const FILE: &str = "worked.csv";

/// The file's text with more lines, whatever columns and delimiter it has: they go to columns of ours.
///
/// # Errors
/// The sentence that says why the file cannot take them.
pub fn append(text: &str, entries: &[Entry]) -> Result<String, String> {
    if text.trim_start_matches('\u{feff}').trim().is_empty() {
        return Ok(HEADER.to_owned() + &entries.iter().map(line).collect::<String>());
    }
    let plain = text.trim_start_matches('\u{feff}');
    let (delimiter, columns) = header(plain).ok_or("its header cannot be read")?;
    let at = |names: &[&str]| names.iter().find_map(|n| columns.get(*n)).copied();
    let (Some(lead), Some(outcome)) = (at(LEAD), at(OUTCOME)) else {
        return Err("it has no columns \"lead_id\" and \"outcome\"".to_owned());
    };
    let width = columns.values().max().map_or(0, |most| most + 1);
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
    for entry in entries {
        let mut row = vec![String::new(); width];
        for (place, value) in [
            (Some(lead), entry.who.clone()),
            (Some(outcome), entry.outcome.to_string()),
            (at(NOTE), entry.note.clone()),
        ] {
            if let Some(cell) = place.and_then(|place| row.get_mut(place)) {
                *cell = value;
            }
        }
        writer.write_record(&row).map_err(|e| e.to_string())?;
    }
    let more = writer.into_inner().map_err(|e| e.error().to_string())?;
    let end = if text.ends_with('\n') { "" } else { "\n" };
    Ok(format!("{text}{end}{}", String::from_utf8_lossy(&more)))
}

const LEAD: &[&str] = &["lead_id", "lead", "id"];
const OUTCOME: &[&str] = &["outcome", "result"];
const NOTE: &[&str] = &["note", "notes"];

/// Delimiter, and column of each name, of a text without a BOM.
fn header(text: &str) -> Option<(u8, BTreeMap<String, usize>)> {
    let first = text.lines().next()?;
    let delimiter = [b',', b';', b'\t'].into_iter().max_by_key(|d| first.bytes().filter(|b| b == d).count())?;
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).trim(csv::Trim::All).from_reader(first.as_bytes());
    let names = reader.headers().ok()?;
    let columns = names.iter().enumerate().map(|(at, name)| (name.to_lowercase().replace([' ', '-'], "_"), at));
    Some((delimiter, columns.collect()))
}

/// One line for [`parse`] to read.
pub fn line(entry: &Entry) -> String {
    let (lead, email) = if entry.who.contains('@') { ("", entry.who.as_str()) } else { (entry.who.as_str(), "") };
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    let written = writer.write_record([lead, email, &entry.outcome.to_string(), &entry.note]).is_ok();
    let bytes = writer.into_inner().unwrap_or_default();
    if written { String::from_utf8_lossy(&bytes).into_owned() } else { String::new() }
}

/// The leads that are settled: those named, and all of an address that is named.
///
/// # Errors
/// Only when the table does not have its agreed shape.
pub fn settled(worked: &Worked, leads: &Table<Leads>) -> Result<BTreeSet<String>> {
    Ok(outcomes(worked, leads)?.into_keys().collect())
}

/// Lead id to what came of it.
///
/// # Errors
/// Only when the table does not have its agreed shape.
pub fn outcomes(worked: &Worked, leads: &Table<Leads>) -> Result<BTreeMap<String, Outcome>> {
    let frame = leads.frame();
    let (ids, emails) = (frame.column("lead_id")?.str()?, frame.column("email")?.str()?);
    let mut by_email: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    if worked.entries.iter().any(|e| e.who.contains('@')) {
        for (id, email) in ids.iter().zip(emails.iter()) {
            if let (Some(id), Some(email)) = (id, email.and_then(normalised_email)) {
                by_email.entry(email).or_default().push(id);
            }
        }
    }
    let mut outcomes = BTreeMap::new();
    for entry in &worked.entries {
        if entry.who.contains('@') {
            for id in normalised_email(&entry.who).and_then(|e| by_email.get(&e)).into_iter().flatten() {
                outcomes.insert((*id).to_owned(), entry.outcome.clone());
            }
        } else {
            outcomes.insert(entry.who.to_lowercase(), entry.outcome.clone());
        }
    }
    Ok(outcomes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_list_saved_by_a_spreadsheet_is_read_whatever_its_delimiter_and_columns() {
        let text = "\u{feff}Name;Phone;Outcome;Note;Lead ID\r\nAda;'+49 30;called;\"will; buy\";00aa11bb22cc33dd\r\n\
                    Bob;;;;11aa11bb22cc33dd\r\nEve;;maybe;;22aa11bb22cc33dd\r\nNo;;junk;;\r\n";
        let worked = parse(text);
        assert_eq!(
            worked.entries,
            [Entry { who: "00aa11bb22cc33dd".into(), outcome: Outcome::Called, note: "will; buy".into() }]
        );
        assert_eq!(worked.problems.len(), 2);
        assert!(
            worked.problems.iter().all(|p| !p.contains("Eve") && !p.contains("maybe")),
            "no personal data: {:?}",
            worked.problems
        );
    }

    #[test]
    fn what_close_writes_is_what_is_read() {
        for (who, outcome) in [("00aa11bb22cc33dd", "in-crm:00Q, \"1\""), ("a@b.example", "duplicate")] {
            let entry =
                Entry { who: who.into(), outcome: Outcome::parse(outcome).unwrap(), note: "a, \"b\"\nc".into() };
            assert_eq!(parse(&format!("{HEADER}{}", line(&entry))).entries, [entry]);
        }
        assert!(Outcome::parse("in-crm:").is_err());
    }

    #[test]
    fn close_adds_to_a_file_that_a_spreadsheet_saved() {
        let entry = Entry { who: "00aa11bb22cc33dd".into(), outcome: Outcome::Junk, note: "a;b".into() };
        let saved = "\u{feff}Name;Outcome;Note;Lead ID\r\nAda;called;;11aa11bb22cc33dd";
        let both = parse(&append(saved, std::slice::from_ref(&entry)).unwrap());
        assert_eq!(both.entries.len(), 2);
        assert_eq!(both.entries[1], entry);
        assert!(append("a,b\n", &[entry]).is_err());
    }

    #[test]
    fn an_empty_or_foreign_file_settles_nothing_and_says_why() {
        assert_eq!(parse(""), Worked::default());
        assert!(parse("a,b\n1,2\n").problems[0].contains("no column \"outcome\""));
    }
}
