//! Publishers with one cause each, for every cause that the generator knows: named or not, and what else was named.

use leadrecon::codes::reason;
use leadrecon::generate::Plan;
use leadrecon::generate::plan::{Burst, Cause, Condition, DAY, Field, HOUR};

use crate::nights;
use crate::reported::{told_causes, told_outages};
use crate::truth::rows;

/// Every cause that the generator knows, and how a right answer begins.
fn known_causes() -> Vec<(&'static str, Cause, &'static str)> {
    let cause = |condition, share| Cause { condition, share };
    vec![
        ("empty title", cause(Condition::Empty(Field::Title), 1.0), "job title is empty"),
        ("empty company", cause(Condition::Empty(Field::Company), 1.0), "company is empty"),
        ("empty phone, half", cause(Condition::Empty(Field::Phone), 0.5), "phone is empty"),
        ("empty country", cause(Condition::Empty(Field::Country), 1.0), "country is empty"),
        ("wrong destination of an offer", cause(Condition::Offer(3), 1.0), "offer is"),
        ("country DE", cause(Condition::Country("DE"), 1.0), "country is DE"),
        ("country BR", cause(Condition::Country("BR"), 1.0), "country is BR"),
        ("description over 255", cause(Condition::Longer(Field::Description, 255), 1.0), "description is longer than"),
        ("company over 24", cause(Condition::Longer(Field::Company, 24), 1.0), "company is longer than"),
        (
            "last name not ASCII",
            cause(Condition::NonAscii(Field::LastName), 0.9),
            "last name has letters outside ASCII",
        ),
        ("known person, half", cause(Condition::Known, 0.5), "the person is in the CRM already"),
        ("known person, a third", cause(Condition::Known, 0.33), "the person is in the CRM already"),
        ("minutes 50-54", cause(Condition::Minutes(50, 54), 1.0), "the minute of the hour is from"),
        ("minutes 0-1", cause(Condition::Minutes(0, 1), 1.0), "the minute of the hour is from"),
        ("Wednesday, half", cause(Condition::Weekday(2), 0.5), "the day is Wednesday"),
        ("Sunday", cause(Condition::Weekday(6), 1.0), "the day is Sunday"),
        ("rank in burst above 25", cause(Condition::Rank(25), 1.0), "more than"),
        ("daily cap of 45", cause(Condition::DailyCap(45), 1.0), "more than"),
        (
            "country DE and no phone",
            cause(Condition::Both(&[Condition::Empty(Field::Phone), Condition::Country("DE")]), 1.0),
            "phone is empty and country is DE",
        ),
        (
            "an offer and a long description",
            cause(Condition::Both(&[Condition::Offer(0), Condition::Longer(Field::Description, 255)]), 1.0),
            "offer is contoso.data-mesh-pro and description is longer than",
        ),
    ]
}

/// Judges the publishers of these seeds.
pub fn judge(seeds: std::ops::Range<u64>, verbose: bool) {
    let (mut all, mut all_named, mut others, mut outages) = (0, 0, 0, 0);
    for (name, cause, answer) in known_causes() {
        let (mut runs, mut named, mut more, mut explained, mut lost_in_all) = (0, 0, 0, 0, 0);
        for seed in seeds.clone() {
            let mut plan = Plan::clean(30_000 + seed, 2500, nights::day(2025, 1, 1), 240);
            for destination in &mut plan.destinations {
                destination.forwarder.lost = [0.002, 0.01, 0.02][seed as usize % 3];
            }
            if matches!(cause.condition, Condition::Rank(_)) {
                let (start, end) = (plan.start(), plan.end());
                for part in 1..4 {
                    let at = (start + (end - start) * part / 4) / DAY * DAY + 10 * HOUR;
                    plan.bursts.push(Burst { at, people: 34 + 5 * part as usize, within: 12 * 60 });
                }
            }
            if matches!(cause.condition, Condition::DailyCap(_)) {
                let (start, end) = (plan.start(), plan.end());
                for part in 1..4 {
                    let at = (start + (end - start) * part / 4) / DAY * DAY + 6 * HOUR;
                    plan.bursts.push(Burst { at, people: 60 + 5 * part as usize, within: 14 * HOUR });
                }
            }
            plan.destinations[0].causes.push(cause);
            let run = nights::by_true_people(&plan);
            let truth = rows(&run.publisher, "causes");
            let lost: usize = truth[0]["lost"].parse().unwrap();
            if lost < 5 {
                continue;
            }
            runs += 1;
            lost_in_all += lost;
            let told = told_causes(&run);
            let is_right = |(destination, condition, ..): &&(String, String, i64, i64)| {
                destination == &truth[0]["destination"] && condition.starts_with(answer)
            };
            let right = told.iter().filter(is_right).count();
            named += usize::from(right > 0);
            more += told.len() - right;
            let reasons = run.losses.reconciliation.texts("reason").unwrap();
            explained += reasons.iter().filter(|r| **r == Some(reason::CAUSE)).count();
            let false_outages = told_outages(&run);
            outages += false_outages.len();
            if verbose || right == 0 || told.len() != right {
                for (destination, condition, missed, delivered) in &told {
                    println!(
                        "    seed {seed} {name}: {destination}: {condition} ({missed} missed, {delivered} delivered)"
                    );
                }
                if right == 0 {
                    println!("    seed {seed} {name}: NOT NAMED, {lost} lost");
                }
            }
            for outage in false_outages {
                println!("    seed {seed} {name}: outage {outage:?}");
            }
        }
        println!(
            "{name:<32} named in {named} of {runs}; {more} other causes; {explained} leads explained, {lost_in_all} events lost by it"
        );
        all += runs;
        all_named += named;
        others += more;
    }
    println!("causes: {all_named} of {all} named, {others} other causes told, {outages} outages told");
}
