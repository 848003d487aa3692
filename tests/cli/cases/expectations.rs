//! Compares what a command left behind with what its case expects: streams, report, findings, rows of tables, files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use toml::Value;

use super::format::{Step, Table, Text};
use super::inputs::matching;
use super::people::World;
use crate::everywhere;
use crate::program::leadrecon;

type Row = BTreeMap<String, String>;

/// What a command said.
pub struct Said {
    pub exit: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Collects what is not as expected, in sentences.
pub struct Judge<'a> {
    pub folder: &'a Path,
    pub world: &'a World,
    pub failures: Vec<String>,
}

impl Judge<'_> {
    fn expect(&mut self, holds: bool, what: &str, expected: impl std::fmt::Display, found: impl std::fmt::Display) {
        if !holds {
            self.failures.push(format!("{what}\n    expected: {expected}\n    found:    {found}"));
        }
    }

    /// Everything that a step expects but what concerns the server.
    pub fn step(&mut self, step: &Step, said: &Said) {
        let status = said.exit.map_or("killed by a signal".to_owned(), |status| status.to_string());
        self.expect(said.exit == Some(step.exit), "exit status", step.exit, status);
        self.text("standard output", &step.stdout, &said.stdout);
        self.text("standard error", &step.stderr, &said.stderr);
        self.text("output", &step.output, &[&*said.stdout, &said.stderr].join("\n"));
        self.headline(step);
        self.summary(step);
        self.call_list(step);
        let mut known = BTreeMap::new();
        step.table.iter().for_each(|table| self.table(table, &mut known));
        for file in &step.file {
            self.file(file);
        }
    }

    pub fn text(&mut self, what: &str, expected: &Text, found: &str) {
        for part in expected.contains.iter().map(|part| self.world.fill(part)) {
            self.expect(found.contains(&part), &format!("{what} contains"), &part, shortened(found));
        }
        for part in expected.lacks.iter().map(|part| self.world.fill(part)) {
            self.expect(!found.contains(&part), &format!("{what} lacks"), &part, shortened(found));
        }
    }

    fn headline(&mut self, step: &Step) {
        if step.all_clear.is_none() && step.headline.contains.is_empty() && step.headline.lacks.is_empty() {
            return;
        }
        let summary = fs::read_to_string(self.folder.join("out/latest/summary.txt")).unwrap_or_default();
        let first = summary.lines().next().unwrap_or_default();
        self.text("headline", &step.headline, first);
        if let Some(clear) = step.all_clear {
            let claim = regex::Regex::new("(?i)no leads? (is|are) lost|leads? (is|are) (all )?accounted for").unwrap();
            self.expect(claim.is_match(first) == clear, "the headline says that nothing is lost", clear, first);
        }
    }

    fn summary(&mut self, step: &Step) {
        if step.summary.is_empty() && step.findings.is_empty() && step.no_findings.is_empty() {
            return;
        }
        let text = fs::read_to_string(self.folder.join("out/latest/summary.json")).unwrap_or_default();
        let summary: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        for (pointer, expected) in &step.summary {
            let found = summary.pointer(pointer).map(plain).unwrap_or_default();
            self.expect(self.equals(expected, &found), &format!("summary.json {pointer}"), expected, found);
        }
        let findings = summary["findings"].as_array().cloned().unwrap_or_default();
        let row = |finding: &serde_json::Value| {
            finding.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), plain(value))).collect()
        };
        let findings: Vec<Row> = findings.iter().map(row).collect();
        for expected in &step.findings {
            self.expect(
                findings.iter().any(|f| self.fits(expected, f)),
                "findings",
                shown(expected),
                listed(&findings),
            );
        }
        for code in &step.no_findings {
            let glob = super::inputs::matcher(code);
            let there: Vec<Row> = findings.iter().filter(|f| glob.is_match(&f["code"])).cloned().collect();
            self.expect(there.is_empty(), "no_findings", format!("no {code}"), listed(&there));
        }
    }

    fn call_list(&mut self, step: &Step) {
        if step.called.is_empty() && step.not_called.is_empty() {
            return;
        }
        let texts = everywhere::readable(&self.folder.join("out/latest/call-list.xlsx")).to_lowercase();
        for (people, there) in [(&step.called, true), (&step.not_called, false)] {
            for person in people.iter().map(|person| self.world.fill(person)) {
                let words = if there { "stands in it" } else { "does not stand in it" };
                let found = if there { "not there" } else { "there" };
                self.expect(
                    texts.contains(&person.to_lowercase()) == there,
                    "call-list.xlsx",
                    format!("{person} {words}"),
                    found,
                );
            }
        }
    }

    fn file(&mut self, file: &super::format::File) {
        let found = matching(self.folder, &self.world.fill(&file.path));
        if let Some(exists) = file.exists {
            let words = |exists| if exists { "there" } else { "not there" };
            self.expect(found.is_empty() != exists, &file.path, words(exists), words(!found.is_empty()));
        } else if found.is_empty() {
            self.expect(false, &file.path, "a file", "none");
        }
        let texts: Vec<String> = found.iter().map(|path| everywhere::readable(path)).collect();
        for part in file.contains.iter().map(|part| self.world.fill(part)) {
            self.expect(texts.iter().any(|text| text.contains(&part)), &file.path, format!("it contains {part}"), "no");
        }
        for part in file.lacks.iter().map(|part| self.world.fill(part)) {
            self.expect(
                !texts.iter().any(|text| text.contains(&part)),
                &file.path,
                format!("it lacks {part}"),
                "it is there",
            );
        }
    }

    fn table(&mut self, table: &Table, known: &mut BTreeMap<String, Vec<Row>>) {
        let what = match (&table.name, &table.sql) {
            (Some(name), None) => format!("table {name}"),
            (None, Some(sql)) => sql.trim().to_owned(),
            _ => panic!("a table has either a name or sql"),
        };
        let key = format!("{what} {:?}", table.day);
        if !known.contains_key(&key) {
            match self.rows(table) {
                Ok(rows) => known.insert(key.clone(), rows),
                Err(problem) => return self.expect(false, &what, "rows", problem),
            };
        }
        let rows: Vec<&Row> = known[&key].iter().filter(|row| self.fits(&table.filter, row)).collect();
        if let Some(count) = table.count {
            self.expect(rows.len() == count, &format!("{what}, count"), count, format!("{}{}", rows.len(), few(&rows)));
        }
        if let Some(expected) = &table.counts {
            let mut found = BTreeMap::new();
            for row in &rows {
                let group: Vec<&str> = table.by.iter().map(|column| at(row, column)).collect();
                *found.entry(group.join("/")).or_insert(0) += 1;
            }
            self.expect(&found == expected, &format!("{what}, counts"), format!("{expected:?}"), format!("{found:?}"));
        }
        for expected in &table.has {
            self.expect(
                rows.iter().any(|row| self.fits(expected, row)),
                &what,
                shown(expected),
                listed(&cut(&rows, expected)),
            );
        }
        for expected in &table.lacks {
            let there = rows.iter().any(|row| self.fits(expected, row));
            self.expect(!there, &what, format!("no row {}", shown(expected)), "there is one");
        }
        if let Some(expected) = &table.rows {
            self.exactly(&what, expected, rows);
        }
    }

    /// Each expected row has a row of its own, and none is left over.
    fn exactly(&mut self, what: &str, expected: &[BTreeMap<String, Value>], mut rows: Vec<&Row>) {
        let columns: BTreeMap<String, Value> = expected.iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
        for wanted in expected {
            match rows.iter().position(|row| self.fits(wanted, row)) {
                Some(place) => drop(rows.remove(place)),
                None => self.expect(false, &format!("{what}, rows"), shown(wanted), listed(&cut(&rows, &columns))),
            }
        }
        self.expect(rows.is_empty(), &format!("{what}, rows"), "no further row", listed(&cut(&rows, &columns)));
    }

    /// The rows of a table or of an answer; `fates` is each verdict beside its lead.
    fn rows(&self, table: &Table) -> Result<Vec<Row>, String> {
        let day = table.day.as_deref();
        match (&table.name, &table.sql) {
            (Some(name), _) if name == "fates" => {
                let mut rows = self.published("reconciliation", day)?;
                let leads = self.published("leads", day)?;
                let leads: BTreeMap<&str, &Row> = leads.iter().map(|lead| (at(lead, "lead_id"), lead)).collect();
                for row in &mut rows {
                    let lead = leads.get(at(row, "lead_id")).copied().cloned().unwrap_or_default();
                    for (column, value) in lead {
                        row.entry(column).or_insert(value);
                    }
                }
                Ok(rows)
            }
            (Some(name), _) => self.published(name, day),
            (None, sql) => self.asked(&self.world.fill(sql.as_deref().unwrap_or_default()), day),
        }
    }

    fn published(&self, name: &str, day: Option<&str>) -> Result<Vec<Row>, String> {
        let path = self.folder.join("out").join(day.unwrap_or("latest")).join(format!("tables/{name}.csv"));
        match fs::read(&path) {
            Ok(bytes) => Ok(read(&bytes)),
            Err(_) => self.asked(&format!("select * from {name}"), day),
        }
    }

    fn asked(&self, sql: &str, day: Option<&str>) -> Result<Vec<Row>, String> {
        let day = day.into_iter().flat_map(|day| ["--as-of", day]);
        let answer = leadrecon(self.folder).args(["query", sql, "--csv"]).args(day).output().unwrap();
        match answer.status.success() {
            true => Ok(read(&answer.stdout)),
            false => Err(shortened(&String::from_utf8_lossy(&answer.stderr))),
        }
    }

    fn fits(&self, expected: &BTreeMap<String, Value>, row: &Row) -> bool {
        expected.iter().all(|(column, value)| row.get(column).is_some_and(|found| self.equals(value, found)))
    }

    /// Whether a value of a table is what a case says: equal, as a number or as a text, or of a form.
    fn equals(&self, expected: &Value, found: &str) -> bool {
        let tell = |value: &Value| self.world.fill(value.as_str().unwrap_or_else(|| panic!("{value} is no text")));
        match expected {
            Value::String(text) => self.world.fill(text) == found,
            Value::Boolean(flag) => flag.to_string() == found,
            Value::Integer(whole) => found.parse() == Ok(*whole) || found.parse() == Ok(*whole as f64),
            Value::Float(number) => {
                found.parse::<f64>().is_ok_and(|found| (found - number).abs() <= number.abs().max(1.0) * 1e-9)
            }
            Value::Array(any) => any.iter().any(|one| self.equals(one, found)),
            Value::Table(form) => form.iter().all(|(how, value)| match how.as_str() {
                "contains" => found.contains(&tell(value)),
                "lacks" => !found.contains(&tell(value)),
                "starts" => found.starts_with(&tell(value)),
                "ends" => found.ends_with(&tell(value)),
                "not" => !self.equals(value, found),
                "least" | "most" => {
                    let bound = value.as_float().or(value.as_integer().map(|whole| whole as f64)).expect("a number");
                    found.parse::<f64>().is_ok_and(|found| if how == "least" { found >= bound } else { found <= bound })
                }
                _ => panic!("{how:?} is no form: contains, lacks, starts, ends, not, least, most"),
            }),
            Value::Datetime(at) => panic!("write the time {at} as a text, as the table shows it"),
        }
    }

    /// Fails for each of these texts that stands in a file of out/ or state/, in a name there, or in what was said.
    pub fn refuse(&mut self, texts: &[String], said: &Said) {
        let texts: Vec<String> = texts.iter().map(|text| self.world.fill(text)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        for place in ["out", "state"].map(|place| self.folder.join(place)).iter().filter(|place| place.exists()) {
            for found in everywhere::holding(place, &texts) {
                self.expect(
                    false,
                    "refuse",
                    "nowhere in out/ and state/",
                    found.replace(&self.folder.display().to_string(), ""),
                );
            }
        }
        for (stream, said) in [("standard output", &said.stdout), ("standard error", &said.stderr)] {
            for text in texts.iter().filter(|text| said.to_lowercase().contains(&text.to_lowercase())) {
                self.expect(false, "refuse", format!("{text} is not said"), format!("it stands in {stream}"));
            }
        }
    }
}

fn read(bytes: &[u8]) -> Vec<Row> {
    csv::Reader::from_reader(bytes).deserialize().map(Result::unwrap).collect()
}

fn at<'a>(row: &'a Row, column: &str) -> &'a str {
    row.get(column).map_or_else(|| panic!("there is no column {column}: {:?}", row.keys()), String::as_str)
}

fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn shown(expected: &BTreeMap<String, Value>) -> String {
    let cells: Vec<String> = expected.iter().map(|(column, value)| format!("{column} = {value}")).collect();
    cells.join(", ")
}

/// The columns that are compared, of each row.
fn cut(rows: &[&Row], columns: &BTreeMap<String, Value>) -> Vec<Row> {
    let cell = |row: &Row, column: &str| row.get(column).cloned().unwrap_or_else(|| "no such column".to_owned());
    rows.iter().map(|row| columns.keys().map(|column| (column.clone(), cell(row, column))).collect()).collect()
}

fn listed(rows: &[Row]) -> String {
    let lines = rows.iter().take(12).map(|row| {
        let cells: Vec<String> = row.iter().map(|(column, value)| format!("{column} = {value:?}")).collect();
        cells.join(", ")
    });
    let more = if rows.len() > 12 { format!("\n              and {} more", rows.len() - 12) } else { String::new() };
    if rows.is_empty() { "none".to_owned() } else { lines.collect::<Vec<_>>().join("\n              ") + &more }
}

fn few(rows: &[&Row]) -> String {
    let some: Vec<Row> = rows.iter().take(3).map(|row| (*row).clone()).collect();
    if some.is_empty() { String::new() } else { format!(", such as {}", listed(&some)) }
}

fn shortened(text: &str) -> String {
    let text = text.trim();
    let lines: Vec<&str> = text.lines().rev().take(15).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n              ")
}
