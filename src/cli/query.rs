//! `leadrecon query`: any SQL over the tables of the last run.

use std::path::Path;

use polars::prelude::*;

use super::{Done, Globals};
use crate::error::{Error, Result};
use crate::io::aging;
use crate::io::publish::{LATEST, write_csv};
use crate::queries::{self, answer};

/// Lines of help are the doc comments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A select, or the path of a .sql file; without one, the tables are listed
    ///
    /// Polars' SQL, over the tables of the last run and nothing else: no file is read, no table is made.
    #[arg(value_name = "SQL|FILE.sql")]
    question: Option<String>,
    /// CSV instead of a table
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

pub(super) fn run(args: &Args, globals: &Globals) -> Result<Done> {
    let config = globals.load()?;
    let latest = config.output.dir.join(LATEST);
    // The folder itself, not the link: a run that ends meanwhile does not mix two days.
    let folder = latest.canonicalize().map_err(|e| {
        Error::usage("there is no finished run to ask")
            .at(latest.display())
            .because(e)
            .hint("`leadrecon run` makes one")
    })?;
    let folder = folder.join("tables");
    let names = tables_in(&folder)?;
    let Some(question) = &args.question else { return list(&names, globals) };
    let text = if Path::new(question).extension().is_some_and(|e| e.eq_ignore_ascii_case("sql")) {
        std::fs::read_to_string(question).map_err(|e| Error::usage("cannot read the query").at(question).because(e))?
    } else {
        question.clone()
    };
    let taken = aging::without_people(folder.parent().unwrap_or(&folder));
    let found = queries::ask(&text, &names, |name| {
        let path = folder.join(format!("{name}.parquet"));
        let path = path.to_str().ok_or_else(|| Error::usage("the output folder's path is not UTF-8"))?;
        Ok(LazyFrame::scan_parquet(PlRefPath::new(path), ScanArgsParquet::default())?)
    })
    .map_err(|error| match taken {
        Some((since, again)) => error.hint(format!(
            "tables that show people were taken out of this report on {since} (keep_people_days); `{again}` brings them back"
        )),
        None => error,
    })?;
    Ok(Done::ok(if globals.json {
        format!("{}\n", answer::json(&found)?)
    } else if args.csv {
        let mut bytes = Vec::new();
        write_csv(&found, &mut bytes)?;
        String::from_utf8_lossy(&bytes).into_owned()
    } else {
        answer::table(&found)?
    }))
}

/// Names of the Parquet files, sorted.
fn tables_in(folder: &Path) -> Result<Vec<String>> {
    let cannot = |e| Error::failed("cannot list the tables of the last run").at(folder.display()).because(e);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let name = entry.map_err(cannot)?.file_name();
        names.extend(name.to_str().and_then(|n| n.strip_suffix(".parquet")).map(str::to_owned));
    }
    names.sort_unstable();
    Ok(names)
}

/// What can be asked: each table with what a row is.
fn list(names: &[String], globals: &Globals) -> Result<Done> {
    let grain = |name: &str| queries::offered().find(|d| d.name == name).map_or("row of your query", |d| d.grain);
    let grains: Vec<&str> = names.iter().map(|n| grain(n)).collect();
    let frame = df!("table" => names, "one_row_per" => grains)?;
    Ok(Done::ok(if globals.json { format!("{}\n", answer::json(&frame)?) } else { answer::table(&frame)? }))
}
