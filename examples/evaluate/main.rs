//! How well verdicts, outages and causes agree with the truth of generated publishers: figures, misses and why.
//!
//! `cargo run --release --example evaluate` — 20 publishers, three nights each, exports spoilt in all the ways that
//! `spoil` lists. `--seeds 1..5`, `--keep-strangers` (records that can concern no lead are landed, too), `--true-people`
//! (links of the truth instead of identity's), `--verbose` (every miss).
//!
//! Outages and causes alone, by true people, with `--from SEED`: `--clean N` (years in which every outage and cause is a
//! false one), `--injected N` (years with outages of known times), `--causes N` (publishers for each cause that the
//! generator knows), `--troubles N` (exports that do not show what they should), `--size LEADS` (how long the search takes).
//!
//! How each is judged, and what is left out of the judgement and why, stands in `verdicts`, `outages`, `causes`,
//! `clean_years`, `injected_outages`, `known_causes` and `troubles`.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros, clippy::unwrap_used, reason = "a measuring tool")]

use std::collections::BTreeMap;
use std::time::Instant;

use leadrecon::generate::Plan;

mod causes;
mod clean_years;
mod injected_outages;
mod judged;
mod known_causes;
mod nights;
mod outages;
mod reported;
mod spoil;
mod troubles;
mod truth;
mod verdicts;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| arguments.iter().position(|a| a == name).and_then(|at| arguments.get(at + 1)).cloned();
    let number = |name: &str| value(name).map_or(0, |n| n.parse::<u64>().unwrap());
    let flag = |name: &str| arguments.iter().any(|a| a == name);
    let options = Options { true_people: flag("--true-people"), verbose: flag("--verbose") };
    let first = number("--from");
    let seeds = |n: u64| first..first + n;
    let begun = Instant::now();
    let (clean, injected, causes, size) =
        (number("--clean"), number("--injected"), number("--causes"), number("--size"));
    if clean > 0 {
        clean_years::judge(seeds(clean), options.verbose);
    }
    if injected > 0 {
        injected_outages::judge(seeds(injected), options.verbose);
    }
    if causes > 0 {
        known_causes::judge(seeds(causes), options.verbose);
    }
    let troubled = number("--troubles");
    if troubled > 0 {
        troubles::judge(seeds(troubled), options.verbose);
    }
    if size > 0 {
        time_of_the_search(size);
    }
    if clean + injected + causes + size + troubled == 0 || value("--seeds").is_some() {
        publishers(&value("--seeds").unwrap_or_else(|| "1..21".to_owned()), &options);
    }
    println!("{:.0} s", begun.elapsed().as_secs_f64());
}

/// Whole publishers, three nights, all stages.
fn publishers(range: &str, options: &Options) {
    let (from, to) = range.split_once("..").expect("--seeds FROM..TO");
    let mut total = Score::default();
    for seed in from.parse::<u64>().unwrap()..to.parse().unwrap() {
        let plan = spoil::spoil(Plan::evaluation(seed), seed);
        let score = judged::evaluate(&plan, options);
        println!("seed {seed:>3}: {}", score.line());
        for finding in &score.told {
            println!("          {finding}");
        }
        total.add(score);
    }
    println!("\nall     : {}", total.line());
    for (fault, count) in &total.faults {
        println!("          {count:>6} {fault}");
    }
}

/// How long the search for outages and causes takes.
fn time_of_the_search(leads: u64) {
    let mut plan = Plan::publisher(leads, 7);
    plan.destinations.truncate(2);
    let begun = Instant::now();
    let night = nights::by_true_people(&plan);
    println!(
        "{leads} leads, {} verdicts, {} outages, {} causes: both searches, twice each, {:.1} s of processor time (all {:.0} s)",
        night.losses.verdicts.height(),
        night.losses.outages.height(),
        night.losses.causes.height(),
        night.seconds,
        begun.elapsed().as_secs_f64()
    );
}

/// How to run and what to tell.
pub(crate) struct Options {
    pub(crate) true_people: bool,
    pub(crate) verbose: bool,
}

/// What one publisher, or all of them, came to.
#[derive(Default)]
pub(crate) struct Score {
    pub(crate) verdicts: verdicts::Tally,
    pub(crate) outages_true: usize,
    pub(crate) outages_found: usize,
    pub(crate) outages_false: usize,
    /// Total outages that chance alone could have made.
    pub(crate) outages_unprovable: usize,
    pub(crate) causes_true: usize,
    pub(crate) causes_found: usize,
    /// Causes held back with the export of their destination.
    pub(crate) causes_held: usize,
    /// Causes that were told and not injected.
    pub(crate) causes_more: usize,
    /// Faults in words, and how often.
    pub(crate) faults: BTreeMap<String, usize>,
    /// What a reader should see of one publisher.
    pub(crate) told: Vec<String>,
}

impl Score {
    fn add(&mut self, other: Score) {
        self.verdicts.add(&other.verdicts);
        self.outages_true += other.outages_true;
        self.outages_found += other.outages_found;
        self.outages_false += other.outages_false;
        self.outages_unprovable += other.outages_unprovable;
        self.causes_true += other.causes_true;
        self.causes_found += other.causes_found;
        self.causes_held += other.causes_held;
        self.causes_more += other.causes_more;
        for (fault, count) in other.faults {
            *self.faults.entry(fault).or_default() += count;
        }
    }

    fn line(&self) -> String {
        format!(
            "{}; outages {}/{} false {} not provable {}; causes {}/{} held back {} more {}",
            self.verdicts.line(),
            self.outages_found,
            self.outages_true,
            self.outages_false,
            self.outages_unprovable,
            self.causes_found,
            self.causes_true,
            self.causes_held,
            self.causes_more,
        )
    }
}
