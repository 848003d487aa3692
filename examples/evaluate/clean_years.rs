//! Years of two CRMs in which nothing but single leads is lost (none to 2 %): every outage, every cause and every leap of
//! what is excluded is a false one.

use leadrecon::codes::{finding, verdict};
use leadrecon::generate::Plan;

use crate::nights;
use crate::reported::{shown, told_causes, told_outages};

/// Judges the years of these seeds.
pub fn judge(seeds: std::ops::Range<u64>, verbose: bool) {
    let (years, mut false_outages, mut false_causes, mut missed) = (seeds.end - seeds.start, 0, 0, 0);
    let mut leaps = 0;
    for seed in seeds {
        let mut plan = Plan::clean(10_000 + seed, 1825, nights::day(2025, 1, 1), 365);
        for destination in &mut plan.destinations {
            destination.forwarder.lost = [0.0, 0.002, 0.005, 0.01, 0.02][seed as usize % 5];
        }
        let run = nights::by_true_people(&plan);
        missed += run.losses.verdicts.texts("verdict").unwrap().iter().filter(|v| **v == Some(verdict::MISSED)).count();
        let told = told_outages(&run);
        let causes = told_causes(&run);
        for finding in run.routing.findings.iter().filter(|f| f.code() == finding::EXCLUDED_JUMP) {
            println!("clean {seed}: false leap: {} ({})", finding.text(), finding.count);
            leaps += 1;
        }
        if verbose || !told.is_empty() || !causes.is_empty() {
            for outage in &told {
                println!("clean {seed}: false outage: {outage:?} {:?}", outage.times.map(shown));
                let table = &run.losses.verdicts;
                let [ids, people, to, verdicts, reasons, records] =
                    ["lead_id", "person_id", "destination", "verdict", "reason", "record_id"]
                        .map(|name| table.texts(name).unwrap());
                let (at, late) = (table.instants("received_at").unwrap(), table.flags("late").unwrap());
                let trial = table.flags("trial").unwrap();
                for row in (0..table.height()).filter(|row| {
                    to[*row] == Some(&outage.destination) && at[*row] >= outage.times[0] && at[*row] <= outage.times[3]
                }) {
                    println!(
                        "    {} {:?} {:?} {:?} {:?} {:?} late {} trial {}",
                        shown(at[row]),
                        ids[row],
                        people[row],
                        verdicts[row],
                        reasons[row],
                        records[row],
                        late[row],
                        trial[row]
                    );
                }
            }
            for (destination, condition, ..) in &causes {
                println!("clean {seed}: false cause: {destination}: {condition}");
            }
        }
        false_outages += told.len();
        false_causes += causes.len();
    }
    println!(
        "clean years: {years} (1,825 leads, two CRMs, {missed} leads missed): {false_outages} false outages, \
         {false_causes} false causes, {leaps} false leaps of what is excluded"
    );
}
