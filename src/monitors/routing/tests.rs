//! What is odd about where leads go is told, once, and on the right level.

use polars::prelude::*;

use super::*;
use crate::tables::Kind;

fn on(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// One lead: days before the end of the as-of day, offer, reason of its verdict.
#[derive(Clone, Copy)]
struct Case(f64, &'static str, &'static str);

const AS_OF: &str = "2026-05-31";

/// Two leads a day for a hundred days.
fn calm() -> Vec<Case> {
    (0..200).map(|at| Case(0.2 + f64::from(at) / 2.0, "c.mesh", "delivered")).collect()
}

fn told(cases: &[Case], earlier: &Table<History>) -> Found {
    told_beside(cases, earlier, &[])
}

/// `forgotten`: when erased leads had been stored.
fn told_beside(cases: &[Case], earlier: &Table<History>, forgotten: &[i64]) -> Found {
    let n = cases.len();
    let ids: Vec<String> = (0..n).map(|at| format!("lead{at:06}")).collect();
    let end = on(AS_OF).succ_opt().unwrap().and_time(chrono::NaiveTime::MIN).and_utc();
    let received: Vec<i64> = cases.iter().map(|c| end.timestamp_micros() - (c.0 * DAY as f64) as i64).collect();
    let texts = |name: &str, of: &dyn Fn(&Case) -> &'static str| {
        Column::new(name.into(), cases.iter().map(of).collect::<Vec<_>>())
    };
    let kind_of = |c: &Case| if c.2 == reason::TEST_LEAD { kind::TEST } else { kind::GENUINE };
    let leads: Table<Leads> = Table::sample(
        DataFrame::new(
            n,
            vec![
                Column::new("lead_id".into(), &ids),
                texts("offer_id", &|c| c.1),
                texts("action", &|_| "INS"),
                texts("storefront", &|_| "appsource"),
                texts("kind", &kind_of),
                Column::new("received_at".into(), received).cast(&Kind::Instant.dtype()).unwrap(),
            ],
        )
        .unwrap(),
    );
    let verdict_of = |c: &Case| if c.2 == "delivered" { verdict::MATCHED } else { verdict::EXCLUDED };
    let reconciliation: Table<Reconciliation> = Table::sample(
        DataFrame::new(
            n,
            vec![
                Column::new("lead_id".into(), &ids),
                Column::new("person_id".into(), ids.iter().map(|id| format!("p{id}")).collect::<Vec<_>>()),
                texts("destination", &|c| if c.2 == reason::NOT_ROUTED { "" } else { "crm" }),
                texts("verdict", &verdict_of),
                texts("reason", &|c| c.2),
            ],
        )
        .unwrap(),
    );
    find(&Inputs {
        as_of: on(AS_OF),
        as_of_ends_at: end,
        leads: &leads,
        forgotten,
        keep_dnc: Some(TimeDelta::days(30)),
        reconciliation: &reconciliation,
        earlier,
        has_destinations: true,
    })
    .unwrap()
}

/// Entries of a report: kind of entry, what it is about, destination, code, value.
fn report(day: &str, entries: &[(&str, &str, &str, &str, f64)]) -> Table<History> {
    let texts = |name: &str, of: fn(&(&str, &str, &str, &str, f64)) -> String| {
        Column::new(name.into(), entries.iter().map(of).collect::<Vec<_>>())
    };
    Table::sample(
        DataFrame::new(
            entries.len(),
            vec![
                Column::new("as_of".into(), vec![on(day); entries.len()]),
                texts("entry", |e| e.0.to_owned()),
                texts("destination", |e| e.2.to_owned()),
                texts("code", |e| e.3.to_owned()),
                texts("about", |e| e.1.to_owned()),
                Column::new("value".into(), entries.iter().map(|e| e.4).collect::<Vec<_>>()),
            ],
        )
        .unwrap(),
    )
}

/// What a report of the day before kept, where all was as in [`calm`].
fn usual() -> Vec<(&'static str, &'static str, &'static str, &'static str, f64)> {
    vec![
        (entry::SEEN, "c.mesh", "", "offer", 200.0),
        (entry::SEEN, "appsource", "", "storefront", 200.0),
        (entry::SEEN, "INS", "", "action", 200.0),
        (entry::SHARE, "", "crm", entry::ISOLATED_SHARE, 0.0),
    ]
}

fn shown(found: &Found) -> Vec<(&str, &str, String, i64)> {
    found.findings.iter().map(|f| (f.level, f.code(), f.text(), f.count)).collect()
}

#[test]
fn a_new_offer_is_told_against_the_history_and_not_on_the_very_first_run() {
    let mut cases = calm();
    cases.extend([Case(0.1, "c.vault", "delivered"), Case(0.3, "c.vault", "delivered")]);
    assert_eq!(shown(&told(&cases, &Table::empty())), []);
    let found = told(&cases, &report("2026-05-30", &usual()));
    assert_eq!(shown(&found), [("list", "new-offer", "offer \"c.vault\" was seen for the first time".to_owned(), 2)]);
    assert_eq!(found.seen[&("offer", "c.vault".to_owned())], 2);
    let mut known = usual();
    known.push((entry::SEEN, "c.vault", "", "offer", 2.0));
    assert_eq!(shown(&told(&cases, &report("2026-05-30", &known))), []);
}

#[test]
fn test_leads_are_no_first_sight() {
    let mut cases = calm();
    cases.push(Case(0.1, "msft_test_1", reason::TEST_LEAD));
    assert_eq!(shown(&told(&cases, &report("2026-05-30", &usual()))), []);
}

#[test]
fn an_offer_that_goes_nowhere_is_a_page_once_and_then_stays_in_the_list() {
    let mut cases = calm();
    cases.push(Case(40.0, "c.vault", reason::NOT_ROUTED));
    let mut known = usual();
    known.push((entry::SEEN, "c.vault", "", "offer", 2.0));
    let text = "leads of offer \"c.vault\" go to no destination";
    assert_eq!(shown(&told(&cases, &report("2026-05-30", &known))), [("page", "not-routed", text.to_owned(), 1)]);
    // By its subject, or by the sentence that version 0.1 kept for it.
    for about in ["offer c.vault", text] {
        let mut known = known.clone();
        known.push((entry::FINDING, about, "", "not-routed", 1.0));
        assert_eq!(shown(&told(&cases, &report("2026-05-30", &known))), [("list", "not-routed", text.to_owned(), 1)]);
    }
}

#[test]
fn a_leap_of_an_excluded_reason_is_told_with_one_text_while_it_lasts() {
    let mut cases = calm();
    for (at, case) in cases.iter_mut().enumerate().filter(|(at, _)| at % 40 == 7) {
        case.2 = if at % 80 == 7 { reason::WITHHELD } else { reason::DO_NOT_CONTACT };
    }
    assert_eq!(shown(&told(&cases, &report("2026-05-30", &usual()))), [], "the usual share");
    for case in cases.iter_mut().filter(|case| case.0 < 6.0).skip(3) {
        case.2 = reason::WITHHELD;
    }
    let text = "far more leads than usual are excluded as withheld, since about 2026-05-25";
    let mut known = usual();
    known.push((entry::SHARE, "withheld", "crm", entry::EXCLUDED_SHARE, 0.06));
    assert_eq!(shown(&told(&cases, &report("2026-05-30", &known))), [("mail", "excluded-jump", text.to_owned(), 9)]);
    let before = "far more leads than usual are excluded as withheld, since about 2026-05-23";
    for (about, first_told_on) in [("withheld usual", "2026-05-29"), (before, "2026-05-30")] {
        let mut known = known.clone();
        known.push((entry::FINDING, about, "", "excluded-jump", 6.0));
        assert_eq!(shown(&told(&cases, &report(first_told_on, &known)))[0].2, before);
    }
}

#[test]
fn what_an_export_suddenly_shows_no_longer_is_told_against_the_last_report() {
    let mut cases = calm();
    for case in cases.iter_mut().filter(|case| case.0 > 60.0) {
        case.2 = reason::OUT_OF_SIGHT;
    }
    assert_eq!(shown(&told(&cases, &Table::empty())), [], "nothing to hold it against");
    let found = told(&cases, &report("2026-05-30", &usual()));
    let text = "far more leads than in the last report are excluded as out-of-sight, since 2026-05-31";
    assert_eq!(shown(&found), [("mail", "excluded-jump", text.to_owned(), 80)]);
    assert!((found.excluded[&("crm".to_owned(), "out-of-sight".to_owned())] - 0.4).abs() < 1e-9);
    let mut known = usual();
    known.push((entry::SHARE, "out-of-sight", "crm", entry::EXCLUDED_SHARE, 0.39));
    assert_eq!(shown(&told(&cases, &report("2026-05-30", &known))), []);
}

#[test]
fn what_was_erased_makes_no_leap_of_what_is_left() {
    // One in eight is do-not-contact, and those older than thirty days are erased.
    let erased_after = |days: f64| -> Vec<Case> {
        let mut cases = calm();
        for case in cases.iter_mut().step_by(8) {
            case.2 = reason::DO_NOT_CONTACT;
        }
        cases.retain(|case| case.0 < days || case.2 != reason::DO_NOT_CONTACT);
        cases
    };
    let known = report("2026-05-30", &usual());
    let leaps = |found: &Found| found.findings.iter().filter(|f| f.code() == "excluded-jump").count();
    let mut told_before = usual();
    told_before.push((entry::SHARE, "do-not-contact", "crm", entry::EXCLUDED_SHARE, 0.04));
    let told_before = report("2026-05-30", &told_before);
    assert_eq!(leaps(&told(&erased_after(30.0), &told_before)), 0);
    // A later run erased more of them, of which the time when they were stored is left.
    let end = on(AS_OF).succ_opt().unwrap().and_time(chrono::NaiveTime::MIN).and_utc().timestamp_micros();
    let erased: Vec<i64> = (1..6).map(|n| end - (6 - n) * 4 * DAY - DAY).collect();
    assert_eq!(leaps(&told_beside(&erased_after(8.0), &told_before, &erased)), 0);
    // Where all leads of a year were erased, the last report's share was of more rows.
    let mut then = usual();
    then.push((entry::SHARE, "withheld", "crm", entry::EXCLUDED_SHARE, 0.02));
    then.push((entry::SHARE, "", "crm", entry::ROWS, 2000.0));
    let mut cases = calm();
    for case in cases.iter_mut().step_by(5) {
        case.2 = reason::WITHHELD;
    }
    assert_eq!(leaps(&told(&cases, &report("2026-05-30", &then))), 0, "forty then and forty now");
    assert_eq!(leaps(&told(&cases, &known)), 1);
}
