//! Outages that were put in are found with their true ends inside; chance is not.

use chrono::DateTime;

use super::*;
use crate::tables::Kind;
use crate::time::MINUTE;

/// One lead at the destination `crm`: minutes since 1 May 2026, person, offer, and what became of it.
#[derive(Clone)]
struct Case {
    minutes: i64,
    person: String,
    offer: &'static str,
    fate: char,
}

/// Hourly leads, one letter each: `.` delivered, `x` missed, `c` missed for a cause that takes every second lead,
/// `l` late, `k` known person, `n` no trial, `?` after the last record.
fn hourly(fates: &str, offer: &'static str) -> Vec<Case> {
    fates
        .chars()
        .enumerate()
        .map(|(at, fate)| Case { minutes: at as i64 * 60, person: format!("p{at}"), offer, fate })
        .collect()
}

fn start() -> i64 {
    DateTime::parse_from_rfc3339("2026-05-01T00:00:00Z").unwrap().timestamp_micros()
}

fn text<T: AsRef<str>>(name: &str, values: Vec<T>) -> Column {
    Column::new(name.into(), values.iter().map(|v| Some(v.as_ref()).filter(|v| !v.is_empty())).collect::<Vec<_>>())
}

fn times(name: &str, values: Vec<Option<i64>>) -> Column {
    Column::new(name.into(), values).cast(&Kind::Instant.dtype()).unwrap()
}

fn found(cases: &[Case], earlier: &Table<History>, lost: &Table<LostAtSource>) -> Found {
    let n = cases.len();
    let ids: Vec<String> = (0..n).map(|at| format!("lead{at:06}")).collect();
    let received: Vec<Option<i64>> = cases.iter().map(|c| Some(start() + c.minutes * MINUTE)).collect();
    let leads: Table<Leads> = Table::sample(
        DataFrame::new(
            n,
            vec![
                text("lead_id", ids.clone()),
                text("offer_id", cases.iter().map(|c| c.offer).collect()),
                text("action", vec!["INS"; n]),
                times("received_at", received.clone()),
            ],
        )
        .unwrap(),
    );
    let fate = |of: fn(char) -> &'static str| cases.iter().map(|c| of(c.fate)).collect::<Vec<_>>();
    let verdicts: Table<Verdicts> = Table::sample(
        DataFrame::new(
            n,
            vec![
                text("lead_id", ids.clone()),
                text("event_id", ids),
                text("person_id", cases.iter().map(|c| c.person.as_str()).collect()),
                text("destination", vec!["crm"; n]),
                text(
                    "verdict",
                    fate(|f| {
                        if matches!(f, 'x' | 'c') {
                            "missed"
                        } else if matches!(f, '?' | 'p') {
                            "pending"
                        } else {
                            "matched"
                        }
                    }),
                ),
                text(
                    "reason",
                    fate(|f| match f {
                        'x' | 'c' => "isolated",
                        '?' | 'p' => "after-last-record",
                        'k' => "person-known",
                        _ => "delivered",
                    }),
                ),
                times("received_at", received),
                Column::new("late".into(), cases.iter().map(|c| c.fate == 'l').collect::<Vec<_>>()),
                Column::new("trial".into(), cases.iter().map(|c| c.fate != 'n').collect::<Vec<_>>()),
                Column::new("delay_seconds".into(), vec![90_000.0; n]),
            ],
        )
        .unwrap(),
    );
    let settings = Settings {
        alpha: 0.0001,
        timezone: Tz::UTC,
        grace_seconds: BTreeMap::from([("crm".into(), 3_600)]),
        undated: std::collections::BTreeSet::new(),
    };
    let coverage = Table::empty();
    let caused: Vec<String> =
        (0..n).filter(|at| matches!(cases[*at].fate, 'c' | 'p')).map(|at| format!("lead{at:06}")).collect();
    let explained = df!(
        "destination" => vec!["crm"; caused.len()],
        "share" => vec![0.5; caused.len()],
        "lead_id" => caused,
    );
    let explained = explained.unwrap();
    let explained = Some(&explained);
    find(Input { verdicts: &verdicts, leads: &leads, coverage: &coverage, lost, earlier, explained }, &settings)
        .unwrap()
}

fn searched(cases: &[Case]) -> Found {
    found(cases, &Table::empty(), &Table::empty())
}

fn cell(found: &Found, column: &str, row: usize) -> String {
    let column = found.outages.frame().column(column).unwrap().cast(&DataType::String).unwrap();
    column.str().unwrap().get(row).unwrap_or("_").to_owned()
}

#[test]
fn an_outage_is_one_row_with_its_neighbours_its_cost_and_words() {
    let mut cases = hourly(&format!("{}xxxxxxx{}", ".".repeat(200), ".".repeat(100)), "c.mesh");
    cases[203].person = "p202".into(); // tried again after an hour: a trial of its own, but no further person
    let all = searched(&cases);
    assert_eq!(all.outages.height(), 1);
    assert_eq!(cell(&all, "scope", 0), "all");
    assert_eq!(
        ["began_after", "began_by", "ended_after", "ended_by"].map(|c| cell(&all, c, 0)[5..16].to_owned()),
        ["05-09 07:00", "05-09 08:00", "05-09 14:00", "05-09 15:00"]
    );
    assert_eq!(["leads", "missed", "people", "ongoing"].map(|c| cell(&all, c, 0)), ["7", "7", "6", "false"]);
    let words = cell(&all, "text", 0);
    assert!(
        words.starts_with(
            "Crm took no leads from 9 May 07:00–08:00 to 9 May 14:00–15:00: 7 leads of 6 people; by \
             chance less than once in a million such years"
        ),
        "{words}"
    );
    assert_eq!(all.members.height(), 7);
    assert_eq!(all.findings.len(), 1);
    assert_eq!((all.findings[0].level, all.findings[0].code()), ("page", "outage"));
    assert!(all.findings[0].text().contains("9 May 2026 07:00–08:00"), "a finding's text holds for ever");
}

#[test]
fn how_likely_chance_is_is_said_in_years() {
    // Four trials of a hundred fail anyway, so six in a row come by chance once in some thousand years.
    let calm: String = (0..1_200).map(|at| if at % 25 == 7 { 'x' } else { '.' }).collect();
    let all = searched(&hourly(&format!("{calm}xxxxxx{calm}"), "c.mesh"));
    assert_eq!(all.outages.height(), 1);
    let words = cell(&all, "text", 0);
    let (_, years) = words.split_once("by chance once in ").unwrap_or_else(|| panic!("{words}"));
    let years: u64 = years.strip_suffix(" such years").unwrap().parse().unwrap();
    assert!((1_000..100_000).contains(&years), "{words}");
}

#[test]
fn a_partial_outage_is_one_row_and_a_known_person_neither_breaks_nor_proves_it() {
    let calm = ".".repeat(200);
    let all = searched(&hourly(&format!("{calm}xxxxx.xx..xxxx.xx..xxxxx{calm}"), "c.mesh"));
    assert_eq!(["missed", "leads"].map(|c| cell(&all, c, 0)), ["18", "24"]);
    assert_eq!(all.outages.height(), 1);
    assert!(cell(&all, "text", 0).starts_with("Crm lost most leads from"));

    let all = searched(&hourly(&format!("{calm}xxxkkxxxx{calm}"), "c.mesh"));
    assert_eq!(["missed", "leads"].map(|c| cell(&all, c, 0)), ["7", "7"]);
    assert!(cell(&all, "text", 0).starts_with("Crm took no leads from"));
}

#[test]
fn one_offer_that_fails_while_others_arrive_is_an_outage_of_the_offer() {
    let mut cases = hourly(&".".repeat(300), "c.good");
    let mut other = hourly(&format!("{}{}{}", ".".repeat(100), "x".repeat(20), ".".repeat(180)), "c.bad");
    other.iter_mut().for_each(|c| {
        c.minutes += 30;
        c.person.push('b');
    });
    cases.append(&mut other);
    let all = searched(&cases);
    assert_eq!(all.outages.height(), 1, "{:?}", all.findings);
    assert_eq!(["scope", "missed", "leads"].map(|c| cell(&all, c, 0)), ["offer=c.bad", "20", "20"]);
}

#[test]
fn leads_after_the_last_record_are_missed_if_they_prove_an_outage_and_else_wait() {
    let going_on = searched(&hourly(&format!("{}xx{}", ".".repeat(200), "?".repeat(12)), "c.mesh"));
    assert_eq!(["ongoing", "missed", "ended_by"].map(|c| cell(&going_on, c, 0)), ["true", "14", "_"]);
    let verdicts = going_on.verdicts.frame().column("verdict").unwrap().str().unwrap().clone();
    assert_eq!(verdicts.iter().flatten().filter(|v| *v == "missed").count(), 14);
    assert_eq!((going_on.findings[0].code(), going_on.findings[0].level), ("outage-ongoing", "page"));
    assert_eq!(going_on.members.height(), 14);

    let waiting = searched(&hourly(&format!("{}??", ".".repeat(200)), "c.mesh"));
    assert_eq!((waiting.outages.height(), waiting.members.height()), (0, 0));
}

#[test]
fn leads_after_the_last_record_that_a_cause_takes_anyhow_prove_no_outage() {
    let calm = ".".repeat(200);
    assert_eq!(searched(&hourly(&format!("{calm}????????.."), "c.mesh")).outages.height(), 1);
    assert_eq!(searched(&hourly(&format!("{calm}pppppppp.."), "c.mesh")).outages.height(), 0);
}

#[test]
fn each_outage_told_makes_room_for_another_as_doubtful() {
    let calm = format!("{}x", ".".repeat(39)).repeat(4);
    let doubtful = format!("{calm}.xxxx.{calm}");
    assert_eq!(searched(&hourly(&doubtful, "c.mesh")).outages.height(), 0);
    let sure = format!("{}........", "x".repeat(9)).repeat(3);
    assert_eq!(searched(&hourly(&format!("{doubtful}{sure}"), "c.mesh")).outages.height(), 4);
}

#[test]
fn a_late_import_does_not_erase_the_outage() {
    let all = searched(&hourly(&format!("{}lllllxxx{}", ".".repeat(200), ".".repeat(50)), "c.mesh"));
    assert_eq!(["missed", "imported_late"].map(|c| cell(&all, c, 0)), ["8", "5"]);
    assert_eq!(cell(&all, "last_imported_at", 0)[5..16], *"05-10 13:00", "a day and an hour after the fifth lead");
    assert_eq!(all.members.height(), 3, "only what is still missing has a reason to give");
}

#[test]
fn clicks_of_one_person_are_one_trial() {
    let mut cases = hourly(&".".repeat(200), "c.mesh");
    cases.extend((0..6).map(|at| Case { minutes: 6_001 + at * 4, person: "eager".into(), offer: "c.mesh", fate: 'x' }));
    assert_eq!(searched(&cases).outages.height(), 0);
}

#[test]
fn a_person_whom_a_person_destination_does_not_take_is_one_failure() {
    let mut cases = hourly(&".".repeat(400), "c.mesh");
    cases[10].fate = 'n'; // a delivery of somebody known: this CRM keeps one record per person
    let again = |at: i64| Case { minutes: 6_001 + at * 300, person: "no address".into(), offer: "c.cup", fate: 'x' };
    cases.extend((0..8).map(again));
    cases.extend((0..60).map(|at| Case { minutes: at * 90 + 7, person: format!("c{at}"), offer: "c.cup", fate: '.' }));
    assert_eq!(searched(&cases).outages.height(), 0);
    cases[10].fate = '.';
    assert_eq!(searched(&cases).outages.height(), 1, "where each lead has a record, each is a trial");
}

#[test]
fn a_burst_that_runs_into_a_cap_is_no_outage() {
    let mut cases = hourly(&".".repeat(300), "c.mesh");
    cases.extend((0..60).map(|at| Case {
        minutes: 6_001 + at / 30,
        person: format!("webinar{at}"),
        offer: "c.mesh",
        fate: if at < 35 { '.' } else { 'x' },
    }));
    let all = searched(&cases);
    assert_eq!((all.outages.height(), all.members.height()), (0, 0), "{:?}", all.findings);
}

#[test]
fn a_cap_of_a_day_is_no_outage_though_most_of_that_days_people_are_known_already() {
    // Thirty leads a day get through, whoever sent them; on three days there are twice as many.
    let mut cases = Vec::new();
    for day in 0..60 {
        let leads = if day % 20 == 10 { 60 } else { 10 + day % 15 };
        cases.extend((0..leads).map(|at| Case {
            minutes: day * 1440 + at * 20,
            person: format!("p{day}-{at}"),
            offer: "c.mesh",
            fate: match at {
                30.. => 'x',
                at if day % 20 == 10 && at % 3 > 0 => 'k',
                at if day % 20 != 10 && at % 2 == 0 => 'k',
                _ => '.',
            },
        }));
    }
    let all = searched(&cases);
    assert_eq!((all.outages.height(), all.members.height()), (0, 0), "{:?}", all.findings);
}

#[test]
fn an_outage_over_a_day_on_which_half_is_lost_anyhow_is_found_whole_and_such_days_alone_are_none() {
    let day = "c.cc.c..c.c.".repeat(2);
    let week = format!("{}{day}", ".".repeat(144));
    let cases =
        hourly(&format!("{}{}xxxxx{}{}", week.repeat(3), "c".repeat(20), ".".repeat(60), week.repeat(2)), "c.mesh");
    let all = searched(&cases);
    assert_eq!(all.outages.height(), 1, "{:?}", all.findings);
    assert_eq!(cell(&all, "missed", 0), "25", "with the twenty that the cause would explain");
}

#[test]
fn an_outage_that_the_history_knows_keeps_its_id_and_is_no_longer_news() {
    let cases = hourly(&format!("{}xxxxxxx{}", ".".repeat(200), ".".repeat(100)), "c.mesh");
    let began = start() + 201 * 60 * MINUTE;
    let earlier: Table<History> = Table::sample(
        DataFrame::new(
            1,
            vec![
                text("entry", vec!["outage"]),
                text("about", vec!["0123456789abcdef"]),
                text("destination", vec!["crm"]),
                text("code", vec!["all"]),
                times("received_at", vec![Some(began)]),
                times("until_at", vec![Some(began + MINUTE)]),
            ],
        )
        .unwrap(),
    );
    let all = found(&cases, &earlier, &Table::empty());
    assert_eq!(cell(&all, "outage_id", 0), "0123456789abcdef");
    assert_eq!(all.findings[0].level, "list");
    assert_ne!(cell(&searched(&cases), "outage_id", 0), "0123456789abcdef");
}

#[test]
fn what_only_witnesses_saw_proves_an_outage_of_the_store() {
    let mut cases = hourly(&".".repeat(200), "c.mesh");
    cases.drain(100..110);
    let lost: Table<LostAtSource> = Table::sample(
        DataFrame::new(
            10,
            vec![
                text("record_id", (0..10).map(|at| format!("w{at}")).collect()),
                text("email", (0..10).map(|at| format!("{at}@x.de")).collect()),
                times("received_at", (100..110).map(|at| Some(start() + at * 60 * MINUTE)).collect()),
            ],
        )
        .unwrap(),
    );
    let all = found(&cases, &Table::empty(), &lost);
    assert_eq!(["destination", "scope", "missed"].map(|c| cell(&all, c, 0)), ["", "source", "10"]);
    assert_eq!(all.lost.frame().column("outage_id").unwrap().null_count(), 0);
    assert!(cell(&all, "text", 0).starts_with("The store took no leads from "));
}

#[test]
fn nothing_gives_nothing() {
    let all = searched(&[]);
    assert_eq!((all.outages.height(), all.members.height(), all.findings.len()), (0, 0, 0));
}
