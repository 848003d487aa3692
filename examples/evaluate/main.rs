//! How well verdicts, outages and causes agree with the truth of generated publishers: figures, misses and why.
//!
//! `cargo run --release --example evaluate` — 20 publishers, three nights each, exports spoilt in all the ways that
//! `spoil` lists. `--seeds 1..5`, `--clean 300` (clean years in which every outage is a false one), `--true-people`
//! (links of the truth instead of identity's), `--verbose` (every miss).
//!
//! How each is judged, and what is left out of the judgement and why, stands in `verdicts`, `outages` and `causes`.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros, clippy::unwrap_used, reason = "a measuring tool")]

use std::collections::BTreeMap;
use std::time::Instant;

use chrono::NaiveDate;
use leadrecon::generate::Plan;

mod causes;
mod outages;
mod pipeline;
mod spoil;
mod truth;
mod verdicts;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| arguments.iter().position(|a| a == name).and_then(|at| arguments.get(at + 1)).cloned();
    let range = value("--seeds").unwrap_or_else(|| "1..21".to_owned());
    let (from, to) = range.split_once("..").expect("--seeds FROM..TO");
    let seeds: Vec<u64> = (from.parse().unwrap()..to.parse().unwrap()).collect();
    let clean: u64 = value("--clean").map_or(0, |n| n.parse().unwrap());
    let flag = |name: &str| arguments.iter().any(|a| a == name);
    let options = Options { true_people: flag("--true-people"), verbose: flag("--verbose") };
    let mut total = Score::default();
    let begun = Instant::now();
    for seed in seeds {
        let plan = spoil::spoil(Plan::evaluation(seed), seed);
        let score = pipeline::evaluate(&plan, &options);
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
    let mut false_outages = 0;
    for seed in 0..clean {
        let mut plan = Plan::clean(10_000 + seed, 1500, NaiveDate::from_ymd_opt(2025, 1, 1).unwrap(), 365);
        for destination in &mut plan.destinations {
            destination.forwarder.lost = 0.002 * (seed % 10) as f64;
        }
        let score = pipeline::evaluate(&plan, &options);
        if score.outages_false > 0 {
            println!("clean {seed:>3}: {} false outages; {}", score.outages_false, score.line());
        }
        false_outages += score.outages_false;
    }
    if clean > 0 {
        println!("clean years: {clean}, false outages: {false_outages}");
    }
    println!("{:.0} s", begun.elapsed().as_secs_f64());
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
        self.causes_more += other.causes_more;
        for (fault, count) in other.faults {
            *self.faults.entry(fault).or_default() += count;
        }
    }

    fn line(&self) -> String {
        format!(
            "{}; outages {}/{} false {} not provable {}; causes {}/{} more {}",
            self.verdicts.line(),
            self.outages_found,
            self.outages_true,
            self.outages_false,
            self.outages_unprovable,
            self.causes_found,
            self.causes_true,
            self.causes_more,
        )
    }
}
