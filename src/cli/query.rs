//! `leadrecon query`: any SQL over the tables of a run.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use polars::prelude::*;

use super::{Done, Globals};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::io::publish::{LATEST, write_atomically, write_csv, write_parquet};
use crate::io::{aging, state};
use crate::queries::{self, answer};

/// Table that stands in the state and in no dated folder.
const HISTORY: &str = "history";

/// Lines of help are the doc comments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A select, the path of a .sql file, or - for standard input; without one, the tables are listed
    ///
    /// Polars' SQL, over the tables of a run and what earlier reports said (history), and nothing else: no file is read,
    /// no table is made.
    #[arg(value_name = "SQL|FILE.sql|-")]
    question: Option<String>,
    /// What the columns of a table mean; without a name, what a row of each table is
    #[arg(long, value_name = "TABLE", num_args = 0..=1, default_missing_value = "", conflicts_with_all = ["question", "show"])]
    describe: Option<String>,
    /// Prints the SQL of a built-in query, to copy and change; without a name, which there are
    #[arg(long, value_name = "QUERY", num_args = 0..=1, default_missing_value = "", conflicts_with = "question")]
    show: Option<String>,
    /// The day to ask; default: the newest
    #[arg(long, value_name = "DAY")]
    as_of: Option<NaiveDate>,
    /// Writes the answer to a file: .csv, .parquet or .json
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// CSV instead of a table
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

pub(super) fn run(args: &Args, globals: &Globals) -> Result<Done> {
    if let Some(name) = &args.show {
        return show(name);
    }
    if let Some(name) = args.describe.as_deref().filter(|name| queries::described(name).is_some()) {
        let frame = queries::described(name).unwrap_or_default();
        return answered(frame, args, globals);
    }
    let config = globals.load()?;
    let folder = tables_of(&config, args.as_of)?;
    let mut names = tables_in(&folder)?;
    names.push(HISTORY.to_owned());
    names.sort_unstable();
    if let Some(name) = args.describe.as_deref().filter(|name| !name.is_empty()) {
        if !names.iter().any(|known| known == name) {
            return Err(
                Error::usage(format!("there is no table \"{name}\"")).hint(format!("tables: {}", names.join(", ")))
            );
        }
        return answered(queries::described_by_shape(&open(&folder, name)?.collect()?)?, args, globals);
    }
    let Some(question) = &args.question else { return answered(listed(&names)?, args, globals) };
    let text = asked(question)?;
    let found = queries::ask(&text, &names, |name| match name {
        HISTORY => {
            let day = args.as_of.or_else(|| day_of(&folder)).unwrap_or(NaiveDate::MAX);
            Ok(state::history_before(&config.state_dir, day.succ_opt().unwrap_or(day))?.lazy())
        }
        name => open(&folder, name),
    })
    .map_err(|error| match aging::without_people(folder.parent().unwrap_or(&folder)) {
        Some((since, again)) => error.hint(format!(
            "tables that show people were taken out of this report on {since} (keep_people_days); `{again}` brings them back"
        )),
        None => error,
    })?;
    answered(found, args, globals)
}

/// The question itself.
fn asked(question: &str) -> Result<String> {
    if question == "-" {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(|e| Error::usage("cannot read the query from standard input").because(e))?;
        return Ok(text);
    }
    if Path::new(question).extension().is_some_and(|e| e.eq_ignore_ascii_case("sql")) {
        return std::fs::read_to_string(question)
            .map_err(|e| Error::usage("cannot read the query").at(question).because(e));
    }
    Ok(question.to_owned())
}

/// Prints an answer, or writes it where it was wanted.
fn answered(mut found: DataFrame, args: &Args, globals: &Globals) -> Result<Done> {
    let csv = |found: &DataFrame| {
        let mut bytes = Vec::new();
        write_csv(found, &mut bytes).map(|()| bytes)
    };
    if let Some(path) = &args.output {
        let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_lowercase();
        let bytes = match ending.as_str() {
            "csv" => csv(&found)?,
            "parquet" => {
                found.align_chunks_par();
                let mut bytes = Vec::new();
                write_parquet(&mut found, &mut bytes)?;
                bytes
            }
            "json" => format!("{}\n", answer::json(&found)?).into_bytes(),
            _ => {
                return Err(Error::usage("the answer can be written as .csv, .parquet or .json")
                    .at(path.display())
                    .hint("the ending of the file's name says which"));
            }
        };
        write_atomically(path, &bytes)?;
        return Ok(Done::ok(format!(
            "{} written to {}\n",
            crate::error::count(found.height(), "row", "rows"),
            path.display()
        )));
    }
    Ok(Done::ok(if globals.json {
        format!("{}\n", answer::json(&found)?)
    } else if args.csv {
        String::from_utf8_lossy(&csv(&found)?).into_owned()
    } else {
        answer::table(&found, width())?
    }))
}

/// Columns of the terminal that standard output goes to; none elsewhere.
fn width() -> Option<usize> {
    use std::io::IsTerminal as _;
    let out = std::io::stdout();
    out.is_terminal().then(|| terminal_size::terminal_size_of(out)).flatten().map(|(width, _)| usize::from(width.0))
}

/// The tables of a day; of the newest without one.
fn tables_of(config: &Config, as_of: Option<NaiveDate>) -> Result<PathBuf> {
    let dir = &config.output.dir;
    let wanted = as_of.map_or_else(|| dir.join(LATEST), |day| dir.join(day.to_string()));
    // The folder itself, not the link: a run that ends meanwhile does not mix two days.
    let folder = wanted.canonicalize().map_err(|e| {
        let error = Error::usage("there is no finished run to ask").at(wanted.display()).because(e);
        match as_of {
            Some(day) => error.hint(format!("`leadrecon run --as-of {day} --offline` makes it again")),
            None => error.hint("`leadrecon run` makes one"),
        }
    })?;
    Ok(folder.join("tables"))
}

/// The day that a folder of tables is of.
fn day_of(tables: &Path) -> Option<NaiveDate> {
    tables.parent()?.file_name()?.to_str()?.parse().ok()
}

fn open(folder: &Path, name: &str) -> Result<LazyFrame> {
    let path = folder.join(format!("{name}.parquet"));
    let path = path.to_str().ok_or_else(|| Error::usage("the output folder's path is not UTF-8"))?;
    Ok(LazyFrame::scan_parquet(PlRefPath::new(path), ScanArgsParquet::default())?)
}

/// Names of the Parquet files, sorted.
fn tables_in(folder: &Path) -> Result<Vec<String>> {
    let cannot = |e| Error::failed("cannot list the tables of the run").at(folder.display()).because(e);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let name = entry.map_err(cannot)?.file_name();
        names.extend(name.to_str().and_then(|n| n.strip_suffix(".parquet")).map(str::to_owned));
    }
    Ok(names)
}

/// What can be asked: each table with what a row is.
fn listed(names: &[String]) -> Result<DataFrame> {
    let grain = |name: &str| queries::offered().find(|d| d.name == name).map_or("row of your query", |d| d.grain);
    let grains: Vec<&str> = names.iter().map(|n| grain(n)).collect();
    Ok(df!("table" => names, "one_row_per" => grains)?)
}

/// The text of a built-in query.
fn show(name: &str) -> Result<Done> {
    let known = queries::built_in_texts();
    if name.is_empty() {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        return Ok(Done::ok(format!("{}\n", names.join("\n"))));
    }
    match known.iter().find(|(known, _)| *known == name) {
        Some((_, text)) => Ok(Done::ok((*text).to_owned())),
        None => {
            let near = crate::config::nearest(name, known.iter().map(|(name, _)| *name));
            let error = Error::usage(format!("no built-in query is named \"{name}\""));
            Err(match near {
                Some(near) => error.hint(format!("did you mean \"{near}\"?")),
                None => error.hint("`leadrecon query --show` lists them"),
            })
        }
    }
}
