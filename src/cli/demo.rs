//! `leadrecon demo [DIR]`: a small, realistic publisher with fixed dates, and the nightly job on its nights.

use std::path::{Path, PathBuf};

use chrono::NaiveDate;

use super::{Done, Globals};
use crate::error::{Error, Result};
use crate::generate::{Plan, write};
use crate::io::generated::Generated;
use crate::job;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder to write into: empty, new, or of an earlier demo
    #[arg(default_value = "leadrecon-demo")]
    dir: PathBuf,
}

pub(super) fn run(args: &Args, globals: &Globals) -> Result<Done> {
    let plan = Plan::demo();
    write(&plan, &mut Generated::new(&args.dir)?)?;
    let (last, before) = plan.nights.split_last().ok_or_else(|| Error::failed("the demo has no night"))?;
    let run = |night: NaiveDate, config: &Path| {
        let config = Globals { config: config.to_owned(), ..globals.clone() }.load()?;
        let options =
            job::Options { as_of: Some(night), progress: globals.shows_progress(), ..job::Options::default() };
        job::run(&config, &options, crate::io::now())
    };
    for night in before {
        run(*night, &args.dir.join(format!("leadrecon-{night}.toml")))?;
    }
    let config = args.dir.join("leadrecon.toml");
    let report = run(*last, &config)?;
    let output = if globals.json {
        report.summary_json
    } else {
        format!(
            "{}\nThe report:  {}\nAgain:       leadrecon run --config {} --as-of {last}\n",
            report.summary_text,
            report.folder.join("report.html").display(),
            config.display()
        )
    };
    Ok(Done::ok(output))
}
