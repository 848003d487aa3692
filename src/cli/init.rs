//! `leadrecon init [FILE…]`: a configuration for files that somebody has, with a word on each line that is theirs to change.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::{Done, Globals};
use crate::config::DestinationKind;
use crate::error::{Error, Result, Status, count};
use crate::io::recognise::{self, Kind, Recognised};

/// Every key, with its meaning.
const EXAMPLE: &str = include_str!("../../leadrecon.example.toml");

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    leadrecon init leads.csv report.csv          recognise two files by what stands in them\n  \
    leadrecon init raw/ salesforce=exports/      say what a folder holds\n  \
    leadrecon init --example                     print every key with its meaning")]
pub(super) struct Args {
    /// Files and folders with raw leads, CRM exports, cost and spend; KIND=FILE says what one is
    #[arg(value_name = "FILE")]
    files: Vec<String>,
    /// Print every key with its meaning, and write nothing
    #[arg(long, conflicts_with = "files")]
    example: bool,
}

pub(super) fn run(args: &Args, globals: &Globals) -> Result<Done> {
    if args.example {
        return Ok(Done::ok(EXAMPLE));
    }
    let path = std::path::absolute(&globals.config).unwrap_or_else(|_| globals.config.clone());
    if path.exists() {
        return Err(Error::usage(format!("{} is there already", globals.config.display()))
            .hint("name another with --config FILE, or move it away; `leadrecon init --example` prints every key"));
    }
    let base = path.parent().unwrap_or(Path::new("."));
    let found = found(&args.files, base, &[base.join("state"), base.join("out")])?;
    let text = configuration(&found, base);
    write_new(&path, &text)?;
    let unknown = found.iter().filter(|file| file.kind.is_none() && file.named).count();
    let mut output = understood(&found);
    let _ = write!(output, "\nwritten: {}\nnext:    leadrecon check", globals.config.display());
    if globals.config != Path::new("leadrecon.toml") {
        let _ = write!(output, " --config {}", globals.config.display());
    }
    output.push('\n');
    if globals.json {
        let files: Vec<_> = found.iter().map(as_json).collect();
        output = format!("{}\n", serde_json::json!({ "configuration": path, "files": files }));
    }
    Ok(Done { output: output.into(), status: if unknown > 0 { Status::Partial } else { Status::Done } })
}

/// Recognises what was named.
pub(super) fn found(files: &[String], base: &Path, keep_out: &[PathBuf]) -> Result<Vec<Recognised>> {
    let given = files.iter().map(|file| recognise::given(file)).collect::<Result<Vec<_>>>()?;
    recognise::recognise(&given, base, keep_out)
}

/// A new file: one that is there stays.
fn write_new(path: &Path, text: &str) -> Result<()> {
    let cannot = |e: std::io::Error| {
        Error::failed(format!("cannot write {}", path.display())).because(e).hint("name another with --config FILE")
    };
    let mut file = std::fs::File::options().write(true).create_new(true).open(path).map_err(cannot)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(cannot)
}

/// What the files are, and by what that is known: one line for each, or for the files of a folder that are alike.
pub(super) fn understood(found: &[Recognised]) -> String {
    // Of a folder of ten thousand blobs one line tells.
    const ALIKE: usize = 3;
    let folder_of =
        |file: &Recognised| file.name.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
    let mut groups: BTreeMap<(String, Option<&str>, &str), Vec<&Recognised>> = BTreeMap::new();
    for file in found {
        groups.entry((folder_of(file), file.kind.map(Kind::name), file.why.as_str())).or_default().push(file);
    }
    let mut lines: Vec<(String, Option<&str>, &str)> = Vec::new();
    for ((folder, kind, why), files) in groups {
        if files.len() > ALIKE {
            lines.push((format!("{folder}/ ({} files)", files.len()), kind, why));
        } else {
            lines.extend(files.into_iter().map(|file| (file.name.clone(), kind, why)));
        }
    }
    let width = lines.iter().map(|(name, ..)| name.chars().count()).max().unwrap_or(0).min(48);
    let mut text = String::new();
    for (name, kind, why) in lines {
        let _ = writeln!(text, "{name:width$}  {} ({why})", kind.unwrap_or("not recognised"));
    }
    let unknown = found.iter().filter(|file| file.kind.is_none()).count();
    if unknown > 0 {
        let _ = writeln!(
            text,
            "{} left out; say what one is with leads=FILE, salesforce=FILE, csv=FILE, cost=FILE …",
            count(unknown, "file", "files")
        );
    }
    text
}

/// The same for a program.
pub(super) fn as_json(file: &Recognised) -> serde_json::Value {
    serde_json::json!({ "file": file.name, "kind": file.kind.map(Kind::name), "because": file.why })
}

/// The same globs as few as one source each can read: those below one folder together. What leads out of the folder of the
/// configuration stands before the alternatives, for files are looked for below what stands there.
fn by_folder(patterns: &[String]) -> Vec<String> {
    let mut groups: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for pattern in patterns {
        let steps: Vec<&str> = pattern.split('/').collect();
        let out = steps.iter().take_while(|step| matches!(**step, "" | "..")).count();
        let folder = if out == 0 { String::new() } else { steps.get(..=out).unwrap_or(&steps).join("/") + "/" };
        groups.entry(folder).or_default().push(pattern);
    }
    let of_group = |(folder, patterns): (String, Vec<&str>)| match patterns.as_slice() {
        [one] => (*one).to_owned(),
        several => {
            let below: Vec<&str> = several.iter().map(|one| one.strip_prefix(&folder).unwrap_or(one)).collect();
            format!("{folder}{{{}}}", below.join(","))
        }
    };
    groups.into_iter().map(of_group).collect()
}

/// The configuration with which a run reads exactly these files. Without any it is one to be filled in.
pub(super) fn configuration(found: &[Recognised], base: &Path) -> String {
    let keep_out = [base.join("state"), base.join("out")];
    let of = |kind: Kind| -> Vec<&Recognised> { found.iter().filter(|file| file.kind == Some(kind)).collect() };
    let mut text = "# Written by `leadrecon init`. Paths are relative to this file; no secret is ever written in it.\n\
        # `leadrecon check` tries it, `leadrecon run` is the nightly job, `leadrecon init --example` prints every key.\n"
        .to_owned();
    let leads = of(Kind::Leads);
    text += "\n# Where raw leads are read, as Microsoft wrote them.\n";
    told(&mut text, &leads);
    if leads.is_empty() {
        text += STORAGE;
    } else {
        for (n, path) in by_folder(&recognise::patterns(&leads, base, &keep_out)).iter().enumerate() {
            let name = if n == 0 { "raw-leads".to_owned() } else { format!("raw-leads-{}", n + 1) };
            let _ = writeln!(text, "[[source]]\nname = \"{name}\"\nkind = \"files\"\npath = {}", quoted(path));
        }
        text += "\n# Straight from the storage account, every night:\n";
        for line in STORAGE.lines() {
            let _ = writeln!(text, "# {line}");
        }
    }
    let kinds: Vec<DestinationKind> =
        DestinationKind::ALL.into_iter().filter(|kind| !of(Kind::Crm(*kind)).is_empty()).collect();
    text += "\n# Where leads are forwarded to, and what that CRM exports. A pattern such as \"exports/*.csv\" takes each\n\
        # night's file; `leadrecon check --recipe KIND` prints how to make it.\n";
    for kind in &kinds {
        let files = of(Kind::Crm(*kind));
        told(&mut text, &files);
        let export = list(&recognise::patterns(&files, base, &keep_out));
        let _ =
            write!(text, "[[destination]]\nname = \"{0}\"\nkind = \"{0}\"\nexport = {export}\n{1}", kind.name(), KEY);
    }
    if kinds.is_empty() {
        let all_or_nothing = if found.is_empty() { "" } else { "# " };
        for line in DESTINATION.lines() {
            let _ = writeln!(text, "{all_or_nothing}{line}");
        }
    }
    let witnesses = of(Kind::Witness);
    if !witnesses.is_empty() {
        told(&mut text, &witnesses);
        let export = list(&recognise::patterns(&witnesses, base, &keep_out));
        let _ = write!(text, "\n[[witness]]\nname = \"witness\"\nexport = {export}\n");
    }
    let (cost, spend) = (of(Kind::Cost), of(Kind::Spend));
    if !cost.is_empty() || !spend.is_empty() {
        text += "\n[cost]\n";
        for (key, files) in [("azure", cost), ("spend", spend)].into_iter().filter(|(_, files)| !files.is_empty()) {
            told(&mut text, &files);
            let _ = writeln!(text, "{key} = {}", list(&recognise::patterns(&files, base, &keep_out)));
        }
        text += "# storage_accounts = [\"contosoleads\"]   # whose cost is meant\n";
    }
    text += REST;
    text
}

/// By what files were recognised, as comments: the first few.
fn told(text: &mut String, files: &[&Recognised]) {
    const SHOWN: usize = 3;
    for file in files.iter().take(SHOWN) {
        let _ = writeln!(text, "# {}: {}", file.name.replace(['\n', '\r'], " "), file.why);
    }
    if files.len() > SHOWN {
        let _ = writeln!(text, "# and {} more", files.len() - SHOWN);
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn list(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "))
}

const STORAGE: &str = "[[source]]
name = \"marketplace\"
kind = \"azure-table\"              # or azure-blob, with container in place of table
account = \"contosoleads\"
table = \"marketplaceleads\"
auth = { connection_string_env = \"LEADS_CONNECTION\" }   # the name of a variable that holds it
";

const DESTINATION: &str = "[[destination]]
name = \"salesforce\"
kind = \"salesforce\"               # salesforce | dynamics | marketo | hubspot | https (log of posted bodies) | csv
export = [\"exports/salesforce/*.csv\"]
";

const KEY: &str =
    "# key = \"Marketplace_Row__c\"         # the column in which the forwarder keeps the raw lead's RowKey
# timezone = \"Europe/Berlin\"       # of times without a zone, where the export does not prove it; default UTC
";

const REST: &str = "
[report]
timezone = \"UTC\"                  # days, weeks and times shown

# [missed]
# worked = \"call-list-done.xlsx\"   # the call list, filled in: settles missed leads
# [exclude]
# domains = [\"contoso.com\"]        # our own staff
";
