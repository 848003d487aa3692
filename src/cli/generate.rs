//! `leadrecon generate DIR`: a synthetic publisher of any size, with the truth about it.

use std::path::PathBuf;

use super::Done;
use crate::error::{Error, Result, count};
use crate::generate::{Plan, scenarios::SCENARIOS, write};
use crate::io::generated::Generated;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder to write into: empty, new, or of an earlier generated publisher
    #[arg(required_unless_present = "scenario")]
    dir: Option<PathBuf>,
    /// How many raw leads that can be read
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    leads: u64,
    /// The same seed gives the same bytes
    #[arg(long, default_value_t = 1, value_name = "S")]
    seed: u64,
    /// What it shall be like: everything at once, or one difficulty at a time (`list` names them)
    #[arg(long, default_value = "publisher", value_name = "NAME")]
    scenario: String,
}

pub(super) fn run(args: &Args) -> Result<Done> {
    if args.scenario == "list" {
        return Ok(Done::ok(
            SCENARIOS.iter().map(|(name, meaning)| format!("{name:18} {meaning}\n")).collect::<String>(),
        ));
    }
    let plan = Plan::scenario(&args.scenario, args.leads.max(1), args.seed).ok_or_else(|| {
        Error::usage(format!("there is no scenario \"{}\"", args.scenario))
            .hint("`leadrecon generate --scenario list` names them")
    })?;
    let dir = args.dir.as_deref().ok_or_else(|| Error::usage("say which folder to write into: generate DIR"))?;
    let summary = write(&plan, &mut Generated::new(dir)?)?;
    let counted = |n: u64, one, many| count(usize::try_from(n).unwrap_or(usize::MAX), one, many);
    let mut text = format!(
        "{} of {} and {} in {}\n",
        counted(summary.leads, "raw lead", "raw leads"),
        counted(summary.people, "person", "people"),
        counted(summary.broken, "broken record", "broken records"),
        dir.display()
    );
    for (name, (lost, records)) in &summary.destinations {
        text +=
            &format!("{name}: {}, {} lost\n", counted(*records, "record", "records"), counted(*lost, "lead", "leads"));
    }
    for night in &plan.nights {
        text += &format!(
            "next: leadrecon run --config {} --as-of {night}\n",
            dir.join(configuration(&plan, *night)).display()
        );
    }
    text += &format!("the truth stands in {}\n", dir.join("truth").display());
    Ok(Done::ok(text))
}

/// The configuration file of a night.
fn configuration(plan: &Plan, night: chrono::NaiveDate) -> String {
    if plan.nights.len() > 1 { format!("leadrecon-{night}.toml") } else { "leadrecon.toml".to_owned() }
}
