//! How the exports of one publisher of the evaluation differ from those of the next.

use leadrecon::config::DestinationKind;
use leadrecon::generate::Plan;
use leadrecon::generate::plan::{Burst, Cause, Condition, Field, OfferText, Outage, Scope, Times};

/// Makes one publisher's exports differ from the next one's in everything that exports differ in.
pub fn spoil(mut plan: Plan, seed: u64) -> Plan {
    let (start, end) = (plan.start(), plan.end());
    let hour = 3600;
    let mut crowded = false;
    for (place, destination) in plan.destinations.iter_mut().enumerate() {
        let way = (seed + 5 * place as u64) % 12;
        let view = &mut destination.view;
        match way {
            0 => view.times = Times::Days,
            1 => view.shifted_hours = -7,
            2 => view.shifted_hours = 9,
            3 => view.window_days = Some(60),
            4 => view.offer = OfferText::Title,
            5 => view.lead_source = false,
            6 => view.deleted = false,
            7 => view.converted = false,
            8 => view.times = Times::Minutes,
            9 => view.key = destination.kind == DestinationKind::Salesforce,
            10 => destination.forwarder.merges_repeats = true,
            _ => {
                destination.forwarder.doubled_minutes = 0.05;
                destination.forwarder.doubled_days = 0.02;
                destination.sales.other_channel_of_lost = 0.5;
            }
        }
        // A partial outage, and one of a part.
        let span = end - start;
        destination.outages.push(Outage {
            scope: Scope::All,
            begin: start + span * 7 / 10 + (seed as i64 % 9) * hour,
            end: Some(start + span * 7 / 10 + (seed as i64 % 9) * hour + 18 * hour),
            share: 0.8,
            imported_after: seed.is_multiple_of(3).then_some(26 * hour),
        });
        // A rule that looks at two fields, or a cap on the leads of a day.
        if place == 1 {
            match seed % 5 {
                1 => destination.causes.push(Cause {
                    condition: Condition::Both(&[Condition::Empty(Field::Phone), Condition::Country("DE")]),
                    share: 1.0,
                }),
                3 => {
                    destination.causes.push(Cause { condition: Condition::DailyCap(75), share: 1.0 });
                    crowded = true;
                }
                _ => {}
            }
        }
        if place == 0 {
            destination.causes.push(match seed % 7 {
                0 => Cause { condition: Condition::Empty(Field::Title), share: 1.0 },
                1 => Cause { condition: Condition::Country("DE"), share: 1.0 },
                2 => Cause { condition: Condition::Longer(Field::Company, 30), share: 1.0 },
                3 => Cause { condition: Condition::Known, share: 0.3 },
                4 => Cause { condition: Condition::Minutes(50, 54), share: 1.0 },
                5 => Cause { condition: Condition::Weekday(2), share: 0.5 },
                _ => Cause { condition: Condition::NonAscii(Field::LastName), share: 0.9 },
            });
        }
    }
    if crowded {
        for part in [2, 5, 8] {
            let at = (start + (end - start) * part / 10) / (24 * hour) * 24 * hour + 6 * hour;
            plan.bursts.push(Burst { at, people: 75, within: 14 * hour });
        }
        plan.bursts.sort_by_key(|burst| burst.at);
    }
    if seed % 10 == 7
        && let Some(first) = plan.destinations.first_mut()
    {
        first.view.one_owner = true;
    }
    plan
}
