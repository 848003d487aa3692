//! What is concluded from exports that do not show what they should, held against what may honestly be said.
//!
//! Small publishers, one CRM, four nights, one trouble of [`Plan::TROUBLES`] for each seed, in turn. Judged are genuine
//! events on the last night. Where an export lacks what complete ones show, isolated losses are not knowable, and in one
//! owner's view none is:
//!
//! | figure | meaning |
//! |---|---|
//! | called | told missed at a destination that is believed, though a record of that very lead is in the CRM |
//! | found | of the knowable losses (lost two days before the last believed export, in sight) those told missed |
//! | told delivered | lost, and told matched by a record that another lead made (same person, action and offer apart) |
//! | false outages | told at a destination that is believed, or still going on at any, and no true one is then |

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use leadrecon::codes::{reason, verdict};
use leadrecon::generate::Plan;
use leadrecon::generate::plan::{DAY, Trouble};

use crate::nights::{self, Night};
use crate::truth::{Row, micros, rows};

/// What one trouble, or all, came to.
#[derive(Default)]
struct Score {
    judged: usize,
    called: usize,
    beside_doubtful: usize,
    knowable: usize,
    found: usize,
    told_delivered: usize,
    false_outages: usize,
    held: usize,
    publishers: usize,
}

impl Score {
    fn add(&mut self, other: &Score) {
        self.judged += other.judged;
        self.called += other.called;
        self.beside_doubtful += other.beside_doubtful;
        self.knowable += other.knowable;
        self.found += other.found;
        self.told_delivered += other.told_delivered;
        self.false_outages += other.false_outages;
        self.held += other.held;
        self.publishers += other.publishers;
    }

    fn line(&self) -> String {
        format!(
            "{} publishers ({} not believed), {} judged: called {}, beside a doubtful export {}; found {} of {} knowable; \
             told delivered {}; false outages {}",
            self.publishers,
            self.held,
            self.judged,
            self.called,
            self.beside_doubtful,
            self.found,
            self.knowable,
            self.told_delivered,
            self.false_outages
        )
    }
}

/// Verdict, reason and record of a lead.
type Said<'a> = (&'a str, &'a str, Option<&'a str>);

/// Judges a publisher for each seed.
pub fn judge(seeds: Range<u64>, verbose: bool) {
    let mut by_trouble: BTreeMap<&str, Score> = BTreeMap::new();
    let mut all = Score::default();
    for seed in seeds {
        let name = Plan::TROUBLES[seed as usize % Plan::TROUBLES.len()];
        let plan = Plan::troubled(name, seed);
        let mut told = Vec::new();
        let Some(night) = nights::last(&plan, false, &mut told) else {
            println!("seed {seed} {name}: {}", told.join("; "));
            continue;
        };
        let score = score(&plan, &night, name, verbose);
        println!("seed {seed:>3} {name:<16} {}", score.line());
        by_trouble.entry(name).or_default().add(&score);
        all.add(&score);
    }
    for (name, score) in &by_trouble {
        println!("{name:<24} {}", score.line());
    }
    println!("{:<24} {}", "all", all.line());
}

/// What the ids of a lead of Salesforce and of the contact that it became have in common.
fn serial_of(id: &str) -> &str {
    if id.len() == 18 { &id[3..15] } else { id }
}

fn score(plan: &Plan, night: &Night, name: &str, verbose: bool) -> Score {
    let mut score = Score { publishers: 1, ..Score::default() };
    let crm = &plan.destinations[0];
    let silent = night.verdicts.coverage.texts("silent").unwrap()[0].map(str::to_owned);
    let is_doubtful = silent.is_some() || !night.gated.is_empty();
    score.held = usize::from(is_doubtful);
    let table = &night.losses.reconciliation;
    let [ids, verdicts, reasons, records] =
        ["lead_id", "verdict", "reason", "record_id"].map(|name| table.texts(name).unwrap());
    let told: HashMap<&str, Said> = (0..table.height())
        .map(|row| (ids[row].unwrap(), (verdicts[row].unwrap(), reasons[row].unwrap(), records[row])))
        .collect();
    let people = rows(&night.publisher, "people");
    let lead: HashMap<&str, &Row> = people.iter().map(|row| (row["lead_id"].as_str(), row)).collect();
    let made = rows(&night.publisher, "records");
    let maker: HashMap<&str, &str> =
        made.iter().map(|row| (serial_of(&row["record_id"]), row["lead_id"].as_str())).collect();
    let mut events: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in rows(&night.publisher, "deliveries") {
        if lead[row["lead_id"].as_str()]["kind"] == "genuine" {
            events.entry(row["event_id"].clone()).or_default().push(row);
        }
    }
    let lacks = crm.view.one_owner || !crm.view.converted || crm.view.trouble == Some(Trouble::WithoutClosed);
    let nights_unread = match crm.view.trouble {
        Some(Trouble::Missing | Trouble::Shrunk | Trouble::CutOff) => 1,
        _ => 0,
    };
    let shown_until = (plan.end() - (nights_unread + 2) * DAY) * 1_000_000;
    for event in events.values() {
        let mine: Vec<(&Row, Said)> =
            event.iter().filter_map(|row| Some((row, *told.get(row["lead_id"].as_str())?))).collect();
        let Some((first, (said, why, record))) =
            mine.iter().find(|(_, line)| line.1 != reason::REPEAT_DELIVERY).or(mine.first()).copied()
        else {
            continue;
        };
        score.judged += 1;
        let is_lost = event.iter().all(|row| row["outcome"] == "lost");
        let received = micros(&lead[first["lead_id"].as_str()]["received_at"]).unwrap_or(0);
        if !is_lost {
            // What was deleted before any night could show it is in no CRM any more.
            let is_there = first["shown_on"].contains(['1', '-']);
            if is_there && mine.iter().any(|(_, line)| line.0 == verdict::MISSED) && first["outcome"] != "lost" {
                // Nobody is called beside an export that is not believed; what was missed before it broke counts all the same.
                let is_held = is_doubtful && silent.is_none();
                score.called += usize::from(!is_held);
                score.beside_doubtful += usize::from(silent.is_some() && received > shown_until);
                if verbose && !is_held {
                    println!("          called: {first:?} {why}");
                }
            }
            continue;
        }
        // In one owner's view four of five look lost at any time, so that nothing shows in it.
        let shows = !crm.view.one_owner && (first["why"] == "outage" || !lacks);
        // A CRM with one record per person cannot show that a further lead of somebody whom it knows was lost.
        let is_of_known = crm.per_person && first["known"] == "yes";
        let is_knowable = received < shown_until && why != reason::OUT_OF_SIGHT && shows && !is_of_known;
        if is_knowable {
            score.knowable += 1;
            score.found += usize::from(said == verdict::MISSED);
            if verbose && said != verdict::MISSED {
                println!("          not found: {first:?} {said}/{why} {record:?}");
            }
        }
        let is_twins =
            |other: &str| lead.get(other).is_some_and(|row| row["person"] == lead[first["lead_id"].as_str()]["person"]);
        if said == verdict::MATCHED && why != reason::PERSON_KNOWN {
            let of = record.and_then(|record| maker.get(serial_of(record))).copied().unwrap_or_default();
            score.told_delivered += usize::from(!is_twins(of));
            if verbose && !is_twins(of) {
                println!("          told delivered: {first:?} by {record:?} of {of}");
            }
        }
    }
    let outages = &night.losses.outages;
    let [began, ended] = ["began_by", "ended_after"].map(|name| outages.instants(name).unwrap());
    let true_ones: BTreeSet<(i64, i64)> = crm.outages.iter().map(|o| (o.begin, o.end.unwrap_or(plan.end()))).collect();
    for row in 0..outages.height() {
        let (began, ended) = (began[row].unwrap_or(0) / 1_000_000, ended[row].unwrap_or(0) / 1_000_000);
        let is_true = true_ones.iter().any(|(from, to)| began <= to + DAY / 4 && ended >= from - DAY / 4);
        score.false_outages += usize::from(!is_true);
        if verbose && !is_true {
            println!("          false outage at {name}: {began} to {ended}");
        }
    }
    score
}
