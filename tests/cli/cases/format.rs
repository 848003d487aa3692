//! What a `case.toml` may hold. tests/cases/README.md explains each key; an unknown one is an error.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Value;
use toml::value::Datetime;

/// A whole case.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Why the case is there, in a sentence; for readers only.
    #[serde(default, rename = "why")]
    _why: String,
    #[serde(default)]
    pub people: People,
    #[serde(default)]
    pub write: Vec<Write>,
    #[serde(default)]
    pub times: BTreeMap<String, Datetime>,
    #[serde(default)]
    pub links: BTreeMap<String, String>,
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Texts that occur nowhere in out/, state/ and what the program says.
    #[serde(default)]
    pub refuse: Vec<String>,
    pub server: Option<Server>,
    pub step: Vec<Step>,
}

/// Invented people who leave leads, evenly over some days.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct People {
    pub count: usize,
    pub from: Datetime,
    pub days: f64,
    /// Seconds from a lead to its record; `n % 50` more for the n-th.
    pub delay: i64,
}

impl Default for People {
    fn default() -> People {
        let from = "2026-04-01T08:00:00Z".parse().expect("a time");
        People { count: 0, from, days: 30.0, delay: 180 }
    }
}

/// A file with a row for each of some people.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Write {
    pub file: String,
    /// A form from the list in inputs.rs, whose parts the next four keys overrule.
    #[serde(rename = "as")]
    pub form: Option<String>,
    pub head: Option<String>,
    pub row: Option<String>,
    pub join: Option<String>,
    pub tail: Option<String>,
    pub people: Option<String>,
    #[serde(default)]
    pub without: String,
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    #[serde(default)]
    pub extra: Vec<String>,
    #[serde(default)]
    pub replace: Vec<(String, String)>,
    #[serde(default)]
    pub append: bool,
    pub keep: Option<f64>,
    pub encoding: Option<String>,
    #[serde(default)]
    pub bom: bool,
    pub ends: Option<String>,
    pub sheet: Option<String>,
    pub at: Option<Datetime>,
}

/// A small HTTP server with the answers of a blob container, and canned ones.
#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Folder whose files are the blobs.
    #[serde(default = "blobs_folder")]
    pub blobs: String,
    pub sas: Option<String>,
    pub page: Option<usize>,
    #[serde(default)]
    pub answer: Vec<Answer>,
    #[serde(default)]
    pub blob: Vec<Blob>,
}

fn blobs_folder() -> String {
    "blobs".to_owned()
}

/// A canned answer to requests whose path and query hold a text.
#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    pub path: String,
    #[serde(default = "ok")]
    pub status: u16,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    #[serde(default)]
    pub body: String,
    pub file: Option<String>,
    pub times: Option<usize>,
}

fn ok() -> u16 {
    200
}

/// A blob that is no file, or what is peculiar about blobs that are.
#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub struct Blob {
    pub name: String,
    pub text: Option<String>,
    pub tier: Option<String>,
    pub status: Option<u16>,
    pub at: Option<Datetime>,
    #[serde(default)]
    pub gone: bool,
}

/// What happens before a command, the command, and what is expected of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    // What happens before it, in this order.
    #[serde(default)]
    pub rename: BTreeMap<String, String>,
    #[serde(default)]
    pub remove: Vec<String>,
    pub night: Option<u32>,
    #[serde(default)]
    pub write: Vec<Write>,
    #[serde(default)]
    pub links: BTreeMap<String, String>,
    #[serde(default)]
    pub times: BTreeMap<String, Datetime>,
    #[serde(default)]
    pub unreadable: Vec<String>,
    #[serde(default)]
    pub blob: Vec<Blob>,
    #[serde(default)]
    pub answer: Vec<Answer>,
    /// Milliseconds before the command starts.
    #[serde(default)]
    pub wait: u64,
    // The command.
    pub as_of: Option<String>,
    pub command: Option<Words>,
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    #[serde(default)]
    pub stdin: String,
    pub stdout_to: Option<String>,
    // What is expected of it.
    #[serde(default)]
    pub exit: i32,
    #[serde(default)]
    pub stdout: Text,
    #[serde(default)]
    pub stderr: Text,
    #[serde(default)]
    pub output: Text,
    #[serde(default)]
    pub headline: Text,
    pub all_clear: Option<bool>,
    #[serde(default)]
    pub summary: BTreeMap<String, Value>,
    #[serde(default)]
    pub findings: Vec<BTreeMap<String, Value>>,
    #[serde(default)]
    pub no_findings: Vec<String>,
    #[serde(default)]
    pub called: Vec<String>,
    #[serde(default)]
    pub not_called: Vec<String>,
    #[serde(default)]
    pub table: Vec<Table>,
    #[serde(default)]
    pub file: Vec<File>,
    pub fetched: Option<Vec<String>>,
    #[serde(default)]
    pub posted: Text,
    #[serde(default)]
    pub same_bytes: bool,
}

/// Words of a command line: a list, or one text that is cut at blanks.
#[derive(Deserialize, Clone)]
#[serde(untagged)]
pub enum Words {
    List(Vec<String>),
    Text(String),
}

/// Parts that a text must hold, and must not.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Text {
    #[serde(default)]
    pub contains: Vec<String>,
    #[serde(default)]
    pub lacks: Vec<String>,
}

/// A file after the command; the path may be a glob.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub path: String,
    pub exists: Option<bool>,
    #[serde(default)]
    pub contains: Vec<String>,
    #[serde(default)]
    pub lacks: Vec<String>,
}

/// Rows of a published table, or of an answer to SQL.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    pub name: Option<String>,
    pub sql: Option<String>,
    pub day: Option<String>,
    #[serde(default, rename = "where")]
    pub filter: BTreeMap<String, Value>,
    pub count: Option<usize>,
    #[serde(default)]
    pub by: Vec<String>,
    pub counts: Option<BTreeMap<String, usize>>,
    pub rows: Option<Vec<BTreeMap<String, Value>>>,
    #[serde(default)]
    pub has: Vec<BTreeMap<String, Value>>,
    #[serde(default)]
    pub lacks: Vec<BTreeMap<String, Value>>,
}
