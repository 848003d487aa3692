//! Worked files: what people did about missed leads, by lead or by e-mail.
//!
//! They are written by `leadrecon close` and by people, who save the call list from a spreadsheet program or name the call
//! list itself; both are read as exports are ([`reviewed`]). What was read is remembered, and of several outcomes of a lead
//! the one read last counts. A settled lead leaves the call list and stays in the history; a try settles nothing.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::config::DateOrder;
use crate::contact::normalised_email;
use crate::error::Result;
use crate::findings::{AboutSetting, Finding};
use crate::reviewed::{self, Fields, Said};
use crate::tables::{CrmRecords, Grain, Leads, Table};
use crate::tabular::{fold, times};
use crate::who::Who;

/// What came of a missed lead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Outcome {
    /// Sales spoke to the person.
    Called,
    /// It was known already.
    Duplicate,
    /// Nobody to sell to.
    Junk,
    /// It is this record of the CRM; identity learns it.
    InCrm(String),
    /// Nobody could be reached: it settles nothing, the call list shows the try.
    NoAnswer,
    /// To be called on this day: it settles nothing, the call list shows the person again then.
    CallBack(NaiveDate),
    /// Nothing that was said before counts any more.
    Open,
}

impl TryFrom<String> for Outcome {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Outcome::parse(&text)
    }
}

impl From<Outcome> for String {
    fn from(outcome: Outcome) -> String {
        outcome.to_string()
    }
}

impl Outcome {
    /// Whether nobody needs to call any more.
    pub fn settles(&self) -> bool {
        !matches!(self, Outcome::NoAnswer | Outcome::CallBack(_) | Outcome::Open)
    }

    /// Reads `called`, `duplicate`, `junk`, `in-crm:RECORD_ID`, `no-answer`, `call-back:DATE` or `open`, any case.
    ///
    /// # Errors
    /// The sentence that says what was expected.
    pub fn parse(text: &str) -> Result<Outcome, String> {
        let text = text.trim();
        let word = fold(text);
        if let Some((outcome, _)) = WORDS.iter().find(|(_, words)| words.contains(&word.as_str())) {
            return Ok(outcome.clone());
        }
        match text.split_once(':').map(|(word, what)| (fold(word), what.trim())) {
            Some((word, id)) if word == "incrm" && !id.is_empty() => Ok(Outcome::InCrm(id.to_owned())),
            Some((word, day)) if word == "callback" => day_of(day)
                .map(Outcome::CallBack)
                .ok_or_else(|| "expected the day after call-back: as YYYY-MM-DD".to_owned()),
            _ => Err("expected called, duplicate, junk, in-crm:RECORD_ID, no-answer, call-back:YYYY-MM-DD or open"
                .to_owned()),
        }
    }
}

/// The words for an outcome, ours first, then what sales teams write in a list of their own; in the form of [`fold`].
const WORDS: &[(Outcome, &[&str])] = &[
    (
        Outcome::Called,
        &[
            "called", "contacted", "spoken", "reached", "angerufen", "kontaktiert", "erreicht", "appelé", "contacté",
            "llamado", "contactado", "chiamato", "contattato", "gebeld", "ringd", "kontaktad", "ringet", "zadzwoniono",
            "電話済み",
        ],
    ),
    (
        Outcome::Duplicate,
        &[
            "duplicate", "dup", "dupe", "dublette", "duplikat", "doppelt", "doublon", "duplicado", "duplicato",
            "dubbel", "重複",
        ],
    ),
    (Outcome::Junk, &["junk", "spam", "fake", "müll", "indésirable", "basura", "spazzatura", "lixo", "skräp", "迷惑"]),
    (
        Outcome::NoAnswer,
        &[
            "noanswer", "notreached", "voicemail", "nichterreicht", "pasderéponse", "nonjoint", "sinrespuesta",
            "nocontesta", "nessunarisposta", "semresposta", "geengehoor", "ejsvar", "不在",
        ],
    ),
    (Outcome::Open, &["open"]),
];

/// A day as somebody wrote it, where only one day can be meant.
fn day_of(text: &str) -> Option<NaiveDate> {
    let read = |order| {
        let (at, ..) = times::instant(text, Some(order), chrono_tz::UTC)?;
        Some(DateTime::from_timestamp_micros(at)?.date_naive())
    };
    match (read(DateOrder::Dmy), read(DateOrder::Mdy)) {
        (Some(day_first), Some(month_first)) if day_first != month_first => {
            Some(day_first).filter(|_| text.contains('.'))
        }
        (day_first, month_first) => day_first.or(month_first),
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Outcome::Called => f.write_str("called"),
            Outcome::Duplicate => f.write_str("duplicate"),
            Outcome::Junk => f.write_str("junk"),
            Outcome::InCrm(id) => write!(f, "in-crm:{id}"),
            Outcome::NoAnswer => f.write_str("no-answer"),
            Outcome::CallBack(day) => write!(f, "call-back:{day}"),
            Outcome::Open => f.write_str("open"),
        }
    }
}

/// One line of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// A lead id, or an e-mail that stands for all leads of that address that had come when it was said.
    pub who: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Free text.
    pub note: String,
}

/// What people said of missed leads, in the order in which it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Closings {
    /// All that is remembered.
    made: Vec<Closing>,
    /// What tonight's files say.
    tonight: Worked,
}

/// One statement that is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Closing {
    entry: Entry,
    read_on: NaiveDate,
    /// The end of that day, in microseconds: of leads that came later nobody spoke.
    until: i64,
}

impl Closings {
    /// Records of a CRM that are said to be somebody's lead.
    pub fn in_crm(&self) -> Vec<Who<'_>> {
        let typed = self.made.iter().filter_map(|one| match &one.entry.outcome {
            Outcome::InCrm(typed) => Some(Who::new(typed)),
            _ => None,
        });
        typed.collect()
    }

    /// What is remembered, and what tonight's files say. `ends_at` gives the first instant after a day.
    pub fn new<'a>(
        said: impl Iterator<Item = &'a Said<Entry>>,
        tonight: Worked,
        ends_at: impl Fn(NaiveDate) -> DateTime<Utc>,
    ) -> Closings {
        let made = said.map(|said| Closing {
            entry: said.what.clone(),
            read_on: said.read_on,
            until: ends_at(said.read_on).timestamp_micros(),
        });
        Closings { made: made.collect(), tonight }
    }
}

/// The tries to reach somebody since the lead was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tries {
    /// How many there were.
    pub count: usize,
    /// When the last was read.
    pub last_on: NaiveDate,
    /// Until when the person waits for no call, by the last of them.
    pub call_on: Option<NaiveDate>,
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

/// The columns, in the order of the constants below.
const FIELDS: &Fields = &[
    ("lead_id", &["leadid", "lead", "leadids", "id", "idlead", "iddulead", "iddellead", "iddelead", "iddolead"]),
    (
        "email",
        &[
            "email", "mail", "emailaddress", "emailadresse", "adresseemail", "courriel", "correoelectrónico", "correo",
            "indirizzoemail", "emailadres", "epost", "epostadress", "メール", "メールアドレス",
        ],
    ),
    (
        "outcome",
        &[
            "outcome", "result", "ergebnis", "résultat", "resultado", "risultato", "esito", "resultaat", "uitkomst",
            "resultat", "utfall", "wynik", "結果",
        ],
    ),
    (
        "note",
        &[
            "note", "notes", "notiz", "notizen", "comment", "comments", "bemerkung", "kommentar", "remarque",
            "commentaire", "nota", "notas", "comentario", "opmerking", "anteckning", "メモ",
        ],
    ),
];
const LEAD: usize = 0;
const EMAIL: usize = 1;
const OUTCOME: usize = 2;
const NOTE: usize = 3;

/// Reads the file. Rows without an outcome are rows that nobody has worked yet.
///
/// # Errors
/// A file that is no table, or has no column for the outcome (exit 3).
pub fn read(name: &str, bytes: Vec<u8>) -> Result<Worked> {
    let read = reviewed::read(name, bytes, FIELDS, &[OUTCOME])?;
    let mut worked = Worked { entries: Vec::new(), problems: read.problems };
    for line in &read.lines {
        let Some(text) = line.cell(OUTCOME) else { continue };
        let number = line.number;
        // A lead id that became a number names nobody; the address beside it still does.
        let is_whole = |who: &&str| !is_made_a_number(who) || line.cell(EMAIL).is_none();
        let Some(who) = line.cell(LEAD).filter(is_whole).or_else(|| line.cell(EMAIL)) else {
            worked.problems.push(format!("line {number}: neither lead_id nor email"));
            continue;
        };
        if is_made_a_number(who) {
            worked.problems.push(format!("line {number}: the spreadsheet program made a number of the lead id"));
            continue;
        }
        match Outcome::parse(text) {
            Ok(outcome) => {
                worked.entries.extend(names_in(who).map(|who| Entry {
                    who: who.to_owned(),
                    outcome: outcome.clone(),
                    note: line.cell(NOTE).unwrap_or_default().to_owned(),
                }));
            }
            Err(expected) => worked.problems.push(format!("line {number}: {expected}")),
        }
    }
    Ok(worked)
}

/// A row of the call list stands for a person and may name several leads, joined by a plus; an address may have one in it.
fn names_in(cell: &str) -> impl Iterator<Item = &str> {
    let parts = cell.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';'));
    let names = parts.flat_map(|part| part.split(if part.contains('@') { '\n' } else { '+' }));
    names.map(|name| name.trim_start_matches('\'')).filter(|name| !name.is_empty())
}

/// `1.23457E+15`: what is left of a lead id that a spreadsheet program took for a number.
fn is_made_a_number(who: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b','));
    who.to_ascii_uppercase().split_once("E+").is_some_and(|(mantissa, power)| number(mantissa) && number(power))
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
    let (Some(lead), Some(outcome)) = (place(&columns, LEAD), place(&columns, OUTCOME)) else {
        return Err("it has no columns \"lead_id\" and \"outcome\"".to_owned());
    };
    let width = columns.values().max().map_or(0, |most| most + 1);
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
    for entry in entries {
        let mut row = vec![String::new(); width];
        for (place, value) in [
            (Some(lead), entry.who.clone()),
            (Some(outcome), entry.outcome.to_string()),
            (place(&columns, NOTE), entry.note.clone()),
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

/// The file's text without the lines of some people, by lead id or by e-mail; nothing where it has none. A line that
/// names several leads is one person's and goes whole.
///
/// # Errors
/// The sentence that says why the file cannot be read, without any of its text.
pub fn without(text: &str, mut is_gone: impl FnMut(&str) -> bool) -> Result<Option<String>, String> {
    let plain = text.trim_start_matches('\u{feff}');
    if plain.trim().is_empty() {
        return Ok(None);
    }
    let (delimiter, columns) = header(plain).ok_or("its header cannot be read")?;
    let places: Vec<usize> = [LEAD, EMAIL].into_iter().filter_map(|field| place(&columns, field)).collect();
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).has_headers(false).from_reader(plain.as_bytes());
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).flexible(true).from_writer(Vec::new());
    let mut dropped = false;
    for (n, row) in reader.records().enumerate() {
        let row = row.map_err(|e| format!("line {} cannot be read", e.position().map_or(0, csv::Position::line)))?;
        let mut names = places.iter().filter_map(|at| row.get(*at)).flat_map(names_in);
        if n > 0 && names.any(&mut is_gone) {
            dropped = true;
            continue;
        }
        writer.write_record(&row).map_err(|e| e.to_string())?;
    }
    let kept = writer.into_inner().map_err(|e| e.error().to_string())?;
    Ok(dropped.then(|| String::from_utf8_lossy(&kept).into_owned()))
}

/// Delimiter, and place of each column by its folded name, of a text without a BOM.
fn header(text: &str) -> Option<(u8, BTreeMap<String, usize>)> {
    let mut lines = text.lines();
    let first = lines.next()?;
    let first = if first.trim_matches('"').to_ascii_lowercase().starts_with("sep=") { lines.next()? } else { first };
    let delimiter = [b',', b';', b'\t'].into_iter().max_by_key(|d| first.bytes().filter(|b| b == d).count())?;
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).trim(csv::Trim::All).from_reader(first.as_bytes());
    let names = reader.headers().ok()?;
    Some((delimiter, names.iter().enumerate().map(|(at, name)| (fold(name), at)).collect()))
}

/// Where the column of a field stands.
fn place(columns: &BTreeMap<String, usize>, field: usize) -> Option<usize> {
    FIELDS.get(field)?.1.iter().find_map(|name| columns.get(*name)).copied()
}

/// One line for [`read`] to read.
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
pub fn settled(closings: &Closings, leads: &Table<Leads>) -> Result<BTreeSet<String>> {
    Ok(outcomes(closings, leads)?.into_keys().collect())
}

/// Lead id to the tries to reach its person, of leads that are not settled.
///
/// # Errors
/// Only when the table does not have its agreed shape.
pub fn tries(closings: &Closings, leads: &Table<Leads>) -> Result<BTreeMap<String, Tries>> {
    let mut tries = BTreeMap::new();
    for (lead_id, said) in by_lead(closings, leads)? {
        let settled = said.iter().rposition(|one| one.entry.outcome.settles() || one.entry.outcome == Outcome::Open);
        let tried = said.get(settled.map_or(0, |at| at + 1)..).unwrap_or_default();
        if let Some(last) = tried.last() {
            let call_on = match last.entry.outcome {
                Outcome::CallBack(day) => Some(day),
                _ => None,
            };
            tries.insert(lead_id, Tries { count: tried.len(), last_on: last.read_on, call_on });
        }
    }
    Ok(tries)
}

/// Lead id to what came of it, of leads that are settled.
///
/// # Errors
/// Only when the table does not have its agreed shape.
pub fn outcomes(closings: &Closings, leads: &Table<Leads>) -> Result<BTreeMap<String, Outcome>> {
    let mut outcomes = BTreeMap::new();
    for (lead_id, said) in by_lead(closings, leads)? {
        // A try takes no outcome back: somebody wrote down late that nobody answered at first.
        let word = said.into_iter().rfind(|one| one.entry.outcome.settles() || one.entry.outcome == Outcome::Open);
        if let Some(word) = word.filter(|one| one.entry.outcome.settles()) {
            outcomes.insert(lead_id, word.entry.outcome.clone());
        }
    }
    Ok(outcomes)
}

/// All that was said of each lead, in the order in which it was read.
fn by_lead<'a>(closings: &'a Closings, leads: &Table<Leads>) -> Result<BTreeMap<String, Vec<&'a Closing>>> {
    let mut by_email: BTreeMap<String, Vec<(&str, i64)>> = BTreeMap::new();
    if closings.made.iter().any(|one| one.entry.who.contains('@')) {
        let received = leads.instants("received_at")?.into_iter();
        for ((id, email), at) in leads.texts("lead_id")?.into_iter().zip(leads.texts("email")?).zip(received) {
            if let (Some(id), Some(email)) = (id, email.and_then(normalised_email)) {
                by_email.entry(email).or_default().push((id, at.unwrap_or(i64::MIN)));
            }
        }
    }
    let mut said: BTreeMap<String, Vec<&Closing>> = BTreeMap::new();
    for one in &closings.made {
        let who = &one.entry.who;
        if who.contains('@') {
            let theirs = normalised_email(who).and_then(|email| by_email.get(&email));
            for (id, _) in theirs.into_iter().flatten().filter(|(_, at)| *at < one.until) {
                said.entry((*id).to_owned()).or_default().push(one);
            }
        } else {
            said.entry(who.to_lowercase()).or_default().push(one);
        }
    }
    Ok(said)
}

/// The leads that a person found in a CRM: lead id, destination and the record's id in the CRM's long form.
///
/// # Errors
/// Only when a table does not have its agreed shape.
pub fn taught<Records: Grain>(
    closings: &Closings,
    leads: &Table<Leads>,
    records: &Table<Records>,
) -> Result<Vec<(String, String, String)>> {
    let (destinations, ids) = (records.texts("destination")?, records.texts("record_id")?);
    let mut taught = Vec::new();
    for (lead_id, outcome) in outcomes(closings, leads)? {
        let Outcome::InCrm(typed) = outcome else { continue };
        let typed = Who::new(&typed);
        for (destination, id) in destinations.iter().zip(&ids) {
            if let (Some(destination), Some(id)) = (destination, id)
                && typed.is_record(id)
            {
                taught.push((lead_id.clone(), (*destination).to_owned(), (*id).to_owned()));
            }
        }
    }
    Ok(taught)
}

/// Most lines and records that are named one by one.
const NAMED: usize = 10;

/// What a person should look at again: lines that cannot be used, leads and records that are not there.
///
/// # Errors
/// Only when a table does not have its agreed shape.
pub fn findings(closings: &Closings, leads: &Table<Leads>, records: &Table<CrmRecords>) -> Result<Vec<Finding>> {
    let worked = &closings.tonight;
    let mut found: Vec<Finding> = Vec::new();
    for problem in worked.problems.iter().take(NAMED) {
        found.push(Finding::mail("", AboutSetting::WorkedLine(problem.clone()), 1));
    }
    if worked.problems.len() > NAMED {
        found.push(Finding::mail("", AboutSetting::WorkedLines, worked.problems.len() - NAMED));
    }
    let known: BTreeSet<&str> = leads.texts("lead_id")?.into_iter().flatten().collect();
    // What was remembered before may speak of leads that are gone since, forgotten or too old.
    let named: BTreeSet<String> = worked.entries.iter().map(|entry| entry.who.to_lowercase()).collect();
    let unknown = named.iter().filter(|who| !who.contains('@') && !known.contains(who.as_str())).count();
    let by_mail: BTreeSet<&str> = worked.entries.iter().map(|e| e.who.as_str()).filter(|w| w.contains('@')).collect();
    let addresses: BTreeSet<String> = if by_mail.is_empty() {
        BTreeSet::new()
    } else {
        leads.texts("email")?.into_iter().flatten().filter_map(normalised_email).collect()
    };
    let nobody = by_mail.iter().filter(|who| normalised_email(who).is_none_or(|who| !addresses.contains(&who)));
    let unknown = unknown + nobody.count();
    if unknown > 0 {
        found.push(Finding::list("", AboutSetting::WorkedNobody, unknown));
    }
    let ids = records.texts("record_id")?;
    let mut wrong: Vec<(String, String)> = Vec::new();
    for (lead_id, outcome) in outcomes(closings, leads)? {
        if let Outcome::InCrm(typed) = outcome
            && known.contains(lead_id.as_str())
            && !ids.iter().flatten().any(|id| Who::new(&typed).is_record(id))
        {
            wrong.push((lead_id, typed));
        }
    }
    for (lead_id, typed) in wrong.iter().take(NAMED) {
        // What was typed may be anything, a name too: only what looks like an id is repeated.
        let record_id = looks_like_id(typed).then(|| typed.clone());
        let about = AboutSetting::WorkedWithoutRecord { lead_id: lead_id.clone(), record_id };
        found.push(Finding::mail("", about, 1));
    }
    if wrong.len() > NAMED {
        found.push(Finding::mail("", AboutSetting::WorkedWithoutRecords, wrong.len() - NAMED));
    }
    Ok(found)
}

/// Whether a text can be the id of a record, and nothing else that somebody may have typed.
pub fn looks_like_id(text: &str) -> bool {
    text.len() <= 64
        && text.bytes().any(|b| b.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Worked {
        read("worked.csv", text.as_bytes().to_vec()).unwrap()
    }

    /// A file that each of these nights in May read.
    fn closings(nights: &[(u32, &str)]) -> Closings {
        let mut said = Vec::new();
        let mut tonight = Worked::default();
        for (day, text) in nights {
            let read_on = NaiveDate::from_ymd_opt(2026, 5, *day).unwrap();
            tonight = parse(text);
            said.extend(tonight.entries.iter().cloned().map(|what| Said { read_on, what }));
        }
        Closings::new(said.iter(), tonight, |day| {
            (day + chrono::Days::new(1)).and_time(chrono::NaiveTime::MIN).and_utc()
        })
    }

    #[test]
    fn the_last_word_counts_a_try_settles_nothing_and_open_reopens() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap().timestamp_micros();
        let leads = Table::<Leads>::sample(
            polars::df!("lead_id" => ["l1", "l2", "l3", "l4"],
                "email" => ["a@b.example", "c@d.example", "A@b.example", "e@f.example"],
                "received_at" => [at("2026-05-01T00:00:00Z"), at("2026-05-01T00:00:00Z"), at("2026-05-09T00:00:00Z"),
                    at("2026-05-01T00:00:00Z")])
            .unwrap(),
        );
        let head = "lead_id,email,outcome\n";
        let nights = [
            (3, format!("{head},a@b.example,called\nl2,,no answer\nl4,,junk\n")),
            (4, format!("{head}L2,,Call back: 2026-05-12\nl4,,open\n")),
        ];
        let nights: Vec<(u32, &str)> = nights.iter().map(|(day, text)| (*day, text.as_str())).collect();
        let said = closings(&nights);
        let settled = settled(&said, &leads).unwrap();
        assert_eq!(settled, BTreeSet::from(["l1".to_owned()]), "the lead of 9 May came after the call");
        let tries = tries(&said, &leads).unwrap();
        assert_eq!(tries.keys().collect::<Vec<_>>(), ["l2"]);
        let (last_on, call_on) = ("2026-05-04".parse().unwrap(), Some("2026-05-12".parse().unwrap()));
        assert_eq!(tries["l2"], Tries { count: 2, last_on, call_on });
    }

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
    fn a_lead_id_that_became_a_number_is_told_and_an_address_keeps_its_plus() {
        let beside =
            parse("lead_id,email,outcome\n1.23457E+15,a@b.example,Angerufen\n,c@d.example,call-back: 15.05.2026\n");
        let said: Vec<_> = beside.entries.iter().map(|one| (one.who.as_str(), one.outcome.to_string())).collect();
        assert_eq!(said, [("a@b.example", "called".to_owned()), ("c@d.example", "call-back:2026-05-15".to_owned())]);
        assert!(Outcome::parse("call-back:05/06/2026").is_err(), "two days could be meant");
        let worked = parse("lead_id,email,outcome\n1.23457E+15,,called\n,ann+azure@contoso.com,junk\nl1 + l2,,junk\n");
        assert_eq!(worked.problems, ["line 2: the spreadsheet program made a number of the lead id"]);
        let who: Vec<&str> = worked.entries.iter().map(|entry| entry.who.as_str()).collect();
        assert_eq!(who, ["ann+azure@contoso.com", "l1", "l2"]);
    }

    #[test]
    fn what_close_writes_is_what_is_read() {
        for (who, outcome) in [
            ("00aa11bb22cc33dd", "in-crm:00Q, \"1\""),
            ("a@b.example", "duplicate"),
            ("l1", "no-answer"),
            ("l1", "call-back:2026-05-12"),
            ("l1", "open"),
        ] {
            let entry =
                Entry { who: who.into(), outcome: Outcome::parse(outcome).unwrap(), note: "a, \"b\"\nc".into() };
            assert_eq!(parse(&format!("{HEADER}{}", line(&entry))).entries, [entry]);
        }
        assert!(Outcome::parse("in-crm:").is_err() && Outcome::parse("call-back: Tuesday").is_err());
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
    fn a_record_that_no_export_holds_a_lead_that_is_not_there_and_an_unusable_line_are_told() {
        let leads = Table::<Leads>::sample(
            polars::df!("lead_id" => ["l1", "l2"], "email" => ["a@b.example", "c@d.example"]).unwrap(),
        );
        let records = Table::<CrmRecords>::sample(
            polars::df!("destination" => ["crm"], "record_id" => ["00Q5g00000AbCdEAAV"]).unwrap(),
        );
        let text = "email,lead_id,outcome\n,l1,in-crm:00Q5g00000AbCdE\nc@d.example,,in-crm:77\n,l9,junk\n\
                    x@y.example,,junk\n,l2,maybe\n";
        let worked = closings(&[(3, text)]);
        assert_eq!(
            taught(&worked, &leads, &records).unwrap(),
            [("l1".to_owned(), "crm".to_owned(), "00Q5g00000AbCdEAAV".to_owned())],
            "a person copies the short form of an id"
        );
        let said = findings(&worked, &leads, &records).unwrap();
        let said: Vec<(String, i64)> = said.iter().map(|f| (f.text(), f.count)).collect();
        assert_eq!(said[0].1, 1);
        assert!(said[0].0.contains("line 6: expected called"), "{said:?}");
        assert_eq!(said[1], ("the file of worked leads names leads or addresses that no lead has".to_owned(), 2));
        assert_eq!(said[2], ("lead l2 is settled as in-crm, and no export holds that record 77".to_owned(), 1));
        assert_eq!(said.len(), 3);
    }

    #[test]
    fn the_lines_of_the_forgotten_leave_the_file_and_the_others_stay_as_they_are() {
        let text = format!(
            "{HEADER}l1,,called,\"Jane, home\"\n,a@b.example,junk,\nl2,,called,\"x, \"\"y\"\"\"\n'l1 + l3,,junk,\n"
        );
        let kept = without(&text, |who| ["l1", "a@b.example"].contains(&who)).unwrap().unwrap();
        assert_eq!(kept, format!("{HEADER}l2,,called,\"x, \"\"y\"\"\"\n"));
        assert_eq!(without(&kept, |who| who == "l1").unwrap(), None);
        assert_eq!(without("", |_| true).unwrap(), None);
    }

    #[test]
    fn an_empty_or_foreign_file_settles_nothing_and_says_why() {
        assert_eq!(parse(""), Worked::default());
        let error = read("worked.csv", b"lead_id,email\nl1,\n".to_vec()).unwrap_err();
        assert!(error.to_string().contains("no column outcome"), "{error}");
    }
}
