//! The built-in queries on a case made by hand, and what is refused.

use serde_json::{Value, json};

use super::*;
use crate::tables::{Cost, Funnel, Journeys};

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// Two people and a test lead, two CRMs, money in two currencies; Berlin's months.
pub(crate) fn case() -> Catalog {
    let mut catalog = Catalog::empty();
    let mut put = |name: &str, rows: Value| {
        let definition = tables::ALL.iter().find(|d| d.name == name).unwrap();
        let frame = definition.conform(definition.sample_of(&rows)).unwrap();
        catalog.insert(name, frame);
    };
    let lead = |id: &str,
                at: &str,
                storefront: &str,
                stage: &str,
                kind: &str,
                offer: Option<&str>,
                campaign: Option<&str>| {
        json!({"lead_id": id, "source": "table", "source_key": format!("p/{id}"), "received_at": at, "storefront": storefront,
            "action": "INS", "stage": stage, "kind": kind, "offer_id": offer, "campaign": campaign, "received_from": "body",
            "landed_on": "2026-04-01", "first_name": "Ada", "last_name": "Lovelace", "email": format!("{id}@contoso.com")})
    };
    put(
        "leads",
        json!([
            // Already April in Berlin.
            lead("a1", "2026-03-31T22:30:00Z", "appsource", "trial", "genuine", Some("contoso.mesh"), Some("spring")),
            lead("a2", "2026-05-02T09:00:00Z", "azure-marketplace", "purchase", "genuine", Some("contoso.mesh"), None),
            // The same event told twice.
            lead("a3", "2026-05-02T09:05:00Z", "azure-marketplace", "purchase", "genuine", Some("contoso.mesh"), None),
            lead("b1", "2026-05-03T10:00:00Z", "appsource", "interest", "genuine", None, None),
            lead("b2", "2026-05-04T10:00:00Z", "appsource", "contact", "genuine", Some("contoso.vault"), None),
            lead("t1", "2026-05-03T11:00:00Z", "appsource", "interest", "test", Some("contoso.mesh"), None),
        ]),
    );
    put(
        "identities",
        json!([
            {"lead_id": "a1", "person_id": "A", "linked_by": "email", "match_probability": 0.99},
            {"lead_id": "a2", "person_id": "A", "linked_by": "email", "match_probability": 0.99},
            {"lead_id": "a3", "person_id": "A", "linked_by": "email", "match_probability": 0.98},
            {"lead_id": "b1", "person_id": "B"}, {"lead_id": "b2", "person_id": "B"}, {"lead_id": "t1"},
        ]),
    );
    let verdict = |id: &str,
                   person: Option<&str>,
                   to: &str,
                   verdict: &str,
                   reason: &str,
                   record: Option<&str>,
                   event: &str,
                   at: &str| {
        json!({"lead_id": id, "person_id": person, "destination": to, "verdict": verdict, "reason": reason, "record_id": record,
            "event_id": event, "received_at": at})
    };
    put(
        "reconciliation",
        json!([
            verdict("a1", Some("A"), "sf", "matched", "delivered", Some("r1"), "a1", "2026-03-31T22:30:00Z"),
            verdict("a2", Some("A"), "sf", "matched", "converted", Some("r2"), "a2", "2026-05-02T09:00:00Z"),
            verdict("a3", Some("A"), "sf", "excluded", "repeat-delivery", None, "a2", "2026-05-02T09:05:00Z"),
            verdict("b1", Some("B"), "", "excluded", "not-routed", None, "b1", "2026-05-03T10:00:00Z"),
            verdict("b2", Some("B"), "sf", "missed", "isolated", None, "b2", "2026-05-04T10:00:00Z"),
            verdict("t1", None, "sf", "excluded", "test-lead", None, "t1", "2026-05-03T11:00:00Z"),
        ]),
    );
    put(
        "missed_leads",
        json!([{"lead_id": "b2", "person_id": "B", "destination": "sf", "stage": "contact", "reason": "isolated",
        "received_at": "2026-05-04T10:00:00Z", "first_reported_on": "2026-05-10", "status": "new"}]),
    );
    put(
        "crm_records",
        json!([
            {"destination": "sf", "record_id": "r1", "object": "lead", "outcome": "open", "resolution": "second"},
            {"destination": "sf", "record_id": "r2", "object": "lead", "merged_into": "r3", "resolution": "second"},
            {"destination": "sf", "record_id": "r3", "object": "lead", "outcome": "won", "resolution": "second"},
        ]),
    );
    put("coverage", json!([{"destination": "sf", "readable": true, "records": 3, "has_opportunities": true}]));
    put(
        "charges",
        json!([
            {"file": "c.csv", "row": 2, "day": "2026-05-01", "currency": "USD", "cost": "0.000000000000000036"},
            {"file": "c.csv", "row": 3, "day": "2026-05-02", "currency": "USD", "cost": "0.1"},
            {"file": "c.csv", "row": 4, "day": "2026-06-02", "currency": "USD", "cost": "7"},
        ]),
    );
    put(
        "spend",
        json!([
            {"file": "s.csv", "row": 2, "day": "2026-05-01", "period_start": "2026-05-01", "period_end": "2026-05-01", "month": "2026-05-01",
                "campaign": "DM-Search", "offer_id": "contoso.mesh", "currency": "USD", "spend": "100.10"},
            {"file": "s.csv", "row": 3, "day": "2026-05-01", "period_start": "2026-05-01", "period_end": "2026-05-01", "month": "2026-05-01",
                "campaign": "Brand", "currency": "USD", "spend": "0.20"},
            {"file": "s.csv", "row": 6, "day": "2025-12-31", "period_start": "2025-12-31", "period_end": "2025-12-31", "month": "2025-12-01",
            "currency": "USD", "spend": "9"},
        {"file": "s.csv", "row": 4, "period_start": "2026-04-01", "period_end": "2026-04-30", "month": "2026-04-01", "campaign": "spring",
                "offer_id": "contoso.mesh", "currency": "EUR", "spend": "30"},
            {"file": "s.csv", "row": 5, "day": "2026-05-02", "period_start": "2026-05-02", "period_end": "2026-05-02", "month": "2026-05-01",
                "offer_id": "contoso.vault", "currency": "USD", "spend": "50"},
        ]),
    );
    let berlin = chrono_tz::Europe::Berlin;
    let days = calendar_of(&catalog, day("2026-05-10"), berlin).unwrap();
    catalog.with(&days).with(&run_table(day("2026-05-10"), berlin).unwrap())
}

/// The case, computed once: building the library collects every query.
fn computed() -> &'static Computed {
    static ONCE: std::sync::OnceLock<Computed> = std::sync::OnceLock::new();
    ONCE.get_or_init(|| Library::built_in().unwrap().run(&case()).unwrap())
}

/// The rows that fulfil an SQL condition, as JSON-like text: columns `shown`, separated by blanks.
fn shown(frame: &DataFrame, condition: &str, columns: &str) -> Vec<String> {
    let mut context = SQLContext::new();
    context.register("t", frame.clone().lazy());
    let found = context.execute(&format!("select {columns} from t where {condition}")).unwrap().collect().unwrap();
    (0..found.height())
        .map(|i| {
            found.columns().iter().map(|c| c.get(i).unwrap().str_value().into_owned()).collect::<Vec<_>>().join(" ")
        })
        .collect()
}

#[test]
fn every_query_file_is_built_in_and_passes_on_empty_tables() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("queries");
    let mut found = Vec::new();
    for folder in ["", "checks/"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".sql") {
                found.push(format!("{folder}{name}"));
            }
        }
    }
    let mut listed: Vec<String> = BUILT_IN.iter().map(|(path, _)| (*path).to_owned()).collect();
    found.sort_unstable();
    listed.sort_unstable();
    assert_eq!(found, listed);
    let computed = Library::built_in().unwrap().run(&Catalog::empty()).unwrap();
    assert_eq!(computed.tables.len() + computed.checks.len(), BUILT_IN.len());
    assert!(computed.table::<Funnel>().unwrap().height() == 0 && computed.table::<Cost>().unwrap().height() == 0);
}

#[test]
fn a_journey_holds_each_event_once_and_the_storefront_of_the_first_lead() {
    let journeys = computed().table::<Journeys>().unwrap().into_frame();
    assert_eq!(
        shown(&journeys, "1 = 1", "person_id, offer_id, storefront, furthest_stage, leads, next_step"),
        [
            "A contoso.mesh appsource purchase 2 welcome and onboard",
            "B (none) appsource interest 1 wait: not delivered yet",
            "B contoso.vault appsource contact 1 call: a lead never reached the CRM",
        ]
    );
    assert_eq!(
        shown(&journeys, "person_id = 'A'", "trial_at, purchase_at"),
        ["2026-03-31 22:30:00 UTC 2026-05-02 09:00:00 UTC"]
    );
}

#[test]
fn the_funnel_counts_a_journey_in_the_local_month_of_its_first_lead() {
    let funnel = computed().table::<Funnel>().unwrap().into_frame();
    let counts = "period, offer_id, storefront, people, trial, interest, contact, purchase, in_crm, qualified, won";
    assert_eq!(
        shown(&funnel, "1 = 1", counts),
        [
            "2026-04-01 (all) (all) 1 1 0 0 1 1 1 1", "2026-04-01 (all) appsource 1 1 0 0 1 1 1 1",
            "2026-04-01 contoso.mesh (all) 1 1 0 0 1 1 1 1", "2026-04-01 contoso.mesh appsource 1 1 0 0 1 1 1 1",
            "2026-05-01 (all) (all) 1 0 1 1 0 0 0 0", "2026-05-01 (all) appsource 1 0 1 1 0 0 0 0",
            "2026-05-01 (none) (all) 1 0 1 0 0 0 0 0", "2026-05-01 (none) appsource 1 0 1 0 0 0 0 0",
            "2026-05-01 contoso.vault (all) 1 0 0 1 0 0 0 0", "2026-05-01 contoso.vault appsource 1 0 0 1 0 0 0 0",
        ]
    );
}

#[test]
fn wilson_bounds_are_those_of_the_textbook() {
    // 8 of 10: 0.4902, 0.9433 (Newcombe 1998, method 3, and R's prop.test without correction).
    let lead = |i: usize| {
        json!({"person_id": format!("p{i}"), "offer_id": "o", "storefront": "s", "leads": 1,
        "furthest_stage": "trial", "next_step": "", "first_at": "2026-05-01T10:00:00Z",
        "trial_at": if i < 8 { json!("2026-05-01T10:00:00Z") } else { Value::Null }})
    };
    let journeys = Table::<Journeys>::sample_of(&json!((0..10).map(lead).collect::<Vec<_>>()));
    let first = Some("2026-05-01T10:00:00Z".parse().unwrap());
    let mut catalog = Catalog::empty().with(&journeys).with(&calendar(first, day("2026-05-02"), Tz::UTC).unwrap());
    let library = Library::built_in().unwrap();
    let query = |name: &str| library.queries.iter().find(|q| q.name == name).unwrap();
    for needed in ["local_days", "journey_stages"] {
        catalog.insert(needed, query(needed).collect(&catalog).unwrap());
    }
    let funnel = query("funnel").collect(&catalog).unwrap();
    let number = |name: &str| funnel.column(name).unwrap().f64().unwrap().get(0);
    assert_eq!(number("trial_rate"), Some(0.8));
    assert!((number("trial_rate_low").unwrap() - 0.490_162).abs() < 1e-6);
    assert!((number("trial_rate_high").unwrap() - 0.943_318).abs() < 1e-6);
    assert_eq!((number("purchase_rate"), number("purchase_rate_low")), (Some(0.0), Some(0.0)));
    assert!((number("purchase_rate_high").unwrap() - 0.277_533).abs() < 1e-6);
    assert_eq!(number("won_rate"), None, "without opportunities nobody knows who won");
}

#[test]
fn cost_is_exact_never_spread_and_never_mixes_currencies() {
    let cost = computed().table::<Cost>().unwrap().into_frame();
    let money = "period, offer_id, campaign, currency, coalesce(cast(spend as varchar), '-'), coalesce(cast(storage_cost as varchar), '-'), leads, people, delivered, purchase, won";
    assert_eq!(
        shown(&cost, "1 = 1", money),
        [
            // Spent before the first lead, and not lost.
            "2025-12-01 (all) (all) USD 9.000000000000000000 - 0 0 0 0 0",
            "2025-12-01 (shared) (all) USD 9.000000000000000000 - 0 0 0 0 0",
            "2025-12-01 (shared) (none) USD 9.000000000000000000 - 0 0 0 0 0",
            "2026-04-01 (all) (all) EUR 30.000000000000000000 - 1 1 1 1 1",
            "2026-04-01 contoso.mesh (all) EUR 30.000000000000000000 - 1 1 1 1 1",
            "2026-04-01 contoso.mesh spring EUR 30.000000000000000000 - 1 1 1 1 1",
            "2026-05-01 (all) (all) USD 150.300000000000000000 0.100000000000000036 3 2 1 1 1",
            "2026-05-01 (none) (all) (none) - - 1 1 0 0 0",
            "2026-05-01 (none) (none) (none) - - 1 1 0 0 0",
            "2026-05-01 (shared) (all) USD 0.200000000000000000 0.100000000000000036 0 0 0 0 0",
            "2026-05-01 (shared) (none) USD - 0.100000000000000036 0 0 0 0 0",
            "2026-05-01 (shared) Brand USD 0.200000000000000000 - 0 0 0 0 0",
            "2026-05-01 contoso.mesh (all) USD 100.100000000000000000 - 1 1 1 1 1",
            "2026-05-01 contoso.mesh (none) (none) - - 1 1 1 1 1",
            "2026-05-01 contoso.mesh DM-Search USD 100.100000000000000000 - 0 0 0 0 0",
            "2026-05-01 contoso.vault (all) USD 50.000000000000000000 - 1 1 0 0 0",
            "2026-05-01 contoso.vault (none) USD 50.000000000000000000 - 1 1 0 0 0",
        ]
    );
    let all = cost
        .clone()
        .lazy()
        .filter(col("offer_id").eq(lit("(all)")).and(col("currency").eq(lit("USD"))).and(col("leads").gt(lit(0))))
        .collect()
        .unwrap();
    let number = |name: &str| all.column(name).unwrap().f64().unwrap().get(0).unwrap();
    assert!((number("cost_per_lead") - 150.4 / 3.0).abs() < 1e-9);
    assert!((number("cost_per_person") - 150.4 / 2.0).abs() < 1e-9);
    assert!((number("spend_on_missed") - 150.3 / 3.0).abs() < 1e-9);
    // Storage cannot be ascribed to an offer: its cost stays unknown, its spend does not.
    assert_eq!(
        shown(
            &cost, "offer_id = 'contoso.vault' and campaign = '(all)'",
            "cost_per_lead, spend_per_lead, spend_on_missed"
        ),
        ["null 50.0 50.0"]
    );
}

#[test]
fn an_outage_is_settled_when_its_last_lead_came_after_all_or_was_closed() {
    let mut catalog = Catalog::empty();
    let mut put = |name: &str, rows: Value| {
        let definition = tables::ALL.iter().find(|d| d.name == name).unwrap();
        catalog.insert(name, definition.conform(definition.sample_of(&rows)).unwrap());
    };
    let outage = |id: &str, at: &str, late: i64, last: Option<&str>| {
        json!({"outage_id": id, "destination": at, "scope": "all", "began_by": "2026-05-01T10:20:00Z", "missed": 3, "people": 3,
            "ended_after": "2026-05-01T20:00:00Z", "imported_late": late, "last_imported_at": last})
    };
    put(
        "outages",
        json!([
            outage("imported", "sf", 3, Some("2026-05-03T12:40:00Z")),
            outage("closed", "sf", 2, Some("2026-05-03T12:40:00Z")),
            outage("open", "sf", 1, Some("2026-05-03T12:40:00Z")),
            outage("store", "", 0, None),
        ]),
    );
    let lead = |id: &str, outage: &str, status: &str, settled: Option<&str>| {
        json!({"lead_id": id, "person_id": id, "destination": "sf", "stage": "contact", "reason": "outage", "outage_id": outage,
            "received_at": "2026-05-01T11:00:00Z", "first_reported_on": "2026-05-02", "status": status, "settled_on": settled})
    };
    put(
        "missed_leads",
        json!([
            lead("a", "closed", "closed", Some("2026-05-06")),
            lead("b", "open", "open", None),
            lead("c", "open", "closed", Some("2026-05-06")),
        ]),
    );
    let missed = |id: &str, outage: &str| {
        json!({"lead_id": id, "person_id": id, "destination": "sf", "verdict": "missed", "reason": "outage", "outage_id": outage,
            "event_id": id, "received_at": "2026-05-01T11:00:00Z"})
    };
    put("reconciliation", json!([missed("a", "closed"), missed("b", "open"), missed("c", "open")]));
    put(
        "recovered_leads",
        json!([{"lead_id": "d", "destination": "sf", "outage_id": "imported", "first_reported_on": "2026-05-01",
            "recovered_on": "2026-05-03"}]),
    );
    catalog.insert(
        "calendar",
        calendar(Some("2026-05-01T00:00:00Z".parse().unwrap()), day("2026-05-10"), chrono_tz::UTC)
            .unwrap()
            .frame()
            .clone(),
    );
    let computed = Library::built_in().unwrap().run(&catalog).unwrap();
    let losses = computed.tables.iter().find(|t| t.name == "outage_losses").unwrap();
    assert_eq!(
        shown(
            &losses.frame,
            "true",
            "outage_id, recovered, closed, open_people, hours_until_reported, hours_until_settled"
        ),
        [
            // Until the end of the day whose report found the last one closed, though the others came before.
            "closed 2 1 0 38 134", "imported 3 0 0 14 50", // One of it still waits.
            "open 1 1 1 38 null",
            // Of an outage of the store nobody can say that all of it came back.
            "store 0 0 0 null null",
        ]
    );
}

#[test]
fn a_broken_check_stops_the_run_and_names_the_offender() {
    let definition = tables::ALL.iter().find(|d| d.name == "missed_leads").unwrap();
    let mut catalog = case();
    catalog.insert("missed_leads", definition.empty());
    let error = Library::built_in().unwrap().run(&catalog).unwrap_err();
    assert_eq!(error.status() as u8, 4);
    let text = error.to_string();
    assert!(
        text.contains("missed_leads__are_the_missed_of_reconciliation is broken by 1 row")
            && text.contains("lead_id b2"),
        "{text}"
    );
}

#[test]
fn what_polars_would_compute_wrongly_or_read_from_disk_is_refused() {
    let tables: BTreeSet<String> = ["leads", "people"].map(str::to_owned).into();
    for (text, expected) in [
        ("with leads as (select 1 as a) select * from leads", "has a table's name"),
        ("select * from (with people as (select 1 as a) select * from people) as x", "has a table's name"),
        ("select count(*) * 1.0 / sum(count(*)) over () from leads", "window function stands over an aggregate"),
        ("select kind, row_number() over (order by kind) from leads group by kind", "window function stands over"),
        ("select * from read_csv('/etc/passwd')", "reads tables by name"),
        ("select * from leads where lead_id in (select a from read_parquet('x'))", "reads tables by name"),
        ("create table x as select * from leads", "only a query"),
        ("drop table leads", "only a query"),
        ("select * into x from leads", "select … into"),
        ("select 1; select 2", "only one statement"),
        ("selec 1", "no SQL that can be read"),
        ("select * from lead", "there is no table \"lead\""),
    ] {
        let error = sql::tables_of(text, &tables).unwrap_err();
        assert!(error.what().contains(expected), "{text}: {error}");
        assert_eq!(error.status() as u8, 2);
    }
    let names =
        sql::tables_of("with x as (select * from leads) select * from x join people on x.a = people.a", &tables)
            .unwrap();
    assert_eq!(names, tables);
}

#[test]
fn a_statement_done_in_steps_gives_what_it_gives_as_one() {
    let names = |text: &str| sql::steps(text).named.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names("with a as (select 1 as n), b as (select n from a) select * from b"), ["a", "b"]);
    for whole in [
        "select 1 as n",
        "with recursive a as (select 1 as n) select * from a",
        "with a (n) as (select 1) select * from a",
        "with a as (select 1 as n), b as (with A as (select 2 as n) select n from A) select * from b",
        "no query",
    ] {
        assert_eq!(sql::steps(whole), sql::Steps { named: Vec::new(), last: whole.to_owned() });
    }
    let mut catalog = case();
    let mut done = 0;
    for query in Library::built_in().unwrap().queries {
        let context = SQLContext::new();
        for name in &query.header.reads {
            context.register(name, catalog.get(name).unwrap().clone().lazy());
        }
        let text = query.text.clone();
        let as_one = move || context.clone().execute(&text)?.collect();
        let as_one = std::thread::Builder::new().stack_size(256 << 20).spawn(as_one).unwrap().join().unwrap().unwrap();
        assert!(query.collect(&catalog).unwrap().equals_missing(&as_one), "{}", query.name);
        catalog.insert(&query.name, query.made(&catalog).unwrap());
        done += usize::from(!sql::steps(&query.text).named.is_empty());
    }
    assert!(done > 10, "{done}");
}

#[test]
fn a_users_query_adds_to_overrides_and_is_tried_before_the_run() {
    let own = |path: &str, text: &str| Library::new(&[(path.to_owned(), text.to_owned())]);
    let header = "-- Ours.\n-- grain: one row per kind\n-- key: kind\n-- reads: leads\n";
    let library = own(
        "kinds.sql",
        &format!("{header}select kind, cast(count(lead_id) as bigint) as n from leads group by kind order by kind"),
    )
    .unwrap();
    let computed = library.run(&case()).unwrap();
    let kinds = computed.tables.iter().find(|t| t.name == "kinds").unwrap();
    assert!(kinds.own && shown(&kinds.frame, "1 = 1", "kind, n") == ["genuine 5", "test 1"]);

    for (text, expected) in [
        (format!("{header}select kind from lead order by kind"), "there is no table \"lead\""),
        (format!("{header}select knd as kind from leads order by kind"), "cannot be run"),
    ] {
        let error = own("kinds.sql", &text).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.status() as u8 == 2 && error.to_string().contains("kinds"), "{error}");
    }
    assert!(
        own("funnel.sql", &format!("{header}select kind from leads order by kind"))
            .unwrap_err()
            .to_string()
            .contains("agreed shape")
    );
}

#[test]
fn a_users_query_needs_no_header_and_keeps_the_order_it_asks_for() {
    let made = |text: &str| {
        let library = Library::new(&[("lead_kinds.sql".to_owned(), text.to_owned())]).unwrap();
        let computed = library.run(&case()).unwrap();
        computed.tables.into_iter().find(|t| t.name == "lead_kinds").unwrap()
    };
    let kinds = |table: &ComputedTable| {
        table.frame.column("kind").unwrap().str().unwrap().iter().flatten().map(str::to_owned).collect::<Vec<_>>()
    };
    let grouped = "select kind, count(*) as n from leads group by kind";
    let by_number = made(&format!("{grouped} order by n, kind desc"));
    assert_eq!(
        (by_number.title.as_str(), kinds(&by_number)),
        ("lead kinds", vec!["test".to_owned(), "genuine".to_owned()])
    );
    let unordered = made(&format!("-- Kinds of leads\n{grouped}"));
    assert_eq!(unordered.title, "Kinds of leads");
    assert_eq!(kinds(&unordered), ["genuine", "test"], "by all columns, so that every run gives the same bytes");
}

#[test]
fn every_offered_table_is_described_from_the_dictionary() {
    for definition in offered() {
        let described = described(definition.name).unwrap();
        assert_eq!(described.height(), definition.columns.len(), "{}", definition.name);
    }
    assert!(described("").unwrap().height() == offered().count() && described("nothing").is_none());
    assert!(built_in_texts().iter().any(|(name, text)| *name == "funnel" && text.contains("group by")));
}

#[test]
fn the_calendar_follows_the_clock_of_its_zone() {
    let days =
        calendar(Some("2026-03-27T23:30:00Z".parse().unwrap()), day("2026-03-30"), chrono_tz::Europe::Berlin).unwrap();
    assert_eq!(
        shown(days.frame(), "1 = 1", "day, week, month, quarter, starts_at, ends_at"),
        [
            "2026-03-28 2026-03-23 2026-03-01 2026-01-01 2026-03-27 23:00:00 UTC 2026-03-28 23:00:00 UTC",
            "2026-03-29 2026-03-23 2026-03-01 2026-01-01 2026-03-28 23:00:00 UTC 2026-03-29 22:00:00 UTC",
            "2026-03-30 2026-03-30 2026-03-01 2026-01-01 2026-03-29 22:00:00 UTC 2026-03-30 22:00:00 UTC",
        ]
    );
    // Beirut skips midnight when summer time begins.
    assert_eq!(starts_at(day("2022-03-27"), chrono_tz::Asia::Beirut).to_rfc3339(), "2022-03-26T22:00:00+00:00");
}

#[test]
fn a_question_opens_only_the_tables_it_names() {
    let names: Vec<String> = offered().map(|d| d.name.to_owned()).collect();
    let catalog = case();
    let mut opened = Vec::new();
    let answer = ask("select kind, count(*) as n from leads group by kind order by kind", &names, |name| {
        opened.push(name.to_owned());
        Ok(catalog.get(name).unwrap().clone().lazy())
    });
    assert_eq!(answer.unwrap().height(), 2);
    assert_eq!(opened, ["leads"]);
}
