//! The built-in templates on no row, on a case made by hand, and on hostile rows; golden files.

use std::sync::OnceLock;

use calamine::{Reader, Xlsx};

use super::*;
use crate::findings::{AboutLoss, Finding, Words};
use crate::queries::Library;
use crate::queries::tests::case;
use crate::tables::Definition;

fn library() -> &'static Library {
    static ONCE: OnceLock<Library> = OnceLock::new();
    ONCE.get_or_init(|| Library::built_in().unwrap())
}

fn templates() -> &'static Templates {
    static ONCE: OnceLock<Templates> = OnceLock::new();
    ONCE.get_or_init(|| Templates::new(&[], Some(library().empty().unwrap())).unwrap())
}

fn definition(name: &str) -> &'static Definition {
    tables::ALL.iter().find(|d| d.name == name).unwrap()
}

/// The case of the queries, with an outage, findings and what the stages tell.
fn told() -> &'static (Catalog, Computed, Facts) {
    static ONCE: OnceLock<(Catalog, Computed, Facts)> = OnceLock::new();
    ONCE.get_or_init(|| {
        let mut catalog = case();
        catalog.insert("missed_leads", definition("missed_leads").sample_of(&json!([{
            "lead_id": "b2", "person_id": "B", "destination": "sf", "received_at": "2026-05-04T10:00:00Z", "stage": "contact",
            "offer_id": "contoso.vault", "offer": "Vault", "first_name": "Grace", "last_name": "Hopper",
            "email": "grace.hopper@navy.mil", "phone": "+1 202 555 0143", "company": "Navy", "country": "US",
            "reason": "outage", "outage_id": "0123456789abcdef", "first_reported_on": "2026-05-10", "status": "new",
        }])));
        catalog.insert("outages", definition("outages").sample_of(&json!([{
            "outage_id": "0123456789abcdef", "destination": "sf", "scope": "all", "began_after": "2026-05-03T12:10:00Z",
            "began_by": "2026-05-03T14:10:00Z", "ended_after": "2026-05-04T10:00:00Z", "ended_by": "2026-05-04T11:30:00Z",
            "ongoing": false, "leads": 11, "missed": 11, "people": 10, "base_miss_rate": 0.004, "e_value": 2.5e-9,
        }])));
        catalog.insert("findings", definition("findings").sample_of(&json!([
            {"level": "list", "code": "new-offer", "destination": "", "text": "offer contoso.vault was seen for the first time", "count": 1, "new": true},
            {"level": "page", "code": "missed-urgent", "destination": "sf", "text": "a contact request was lost at sf", "count": 1, "new": true},
        ])));
        let computed = library().run(&catalog).unwrap();
        for table in &computed.tables {
            catalog.insert(&table.name, table.frame.clone());
        }
        let mut facts = made_up_facts();
        facts.balance["equations"][0] = json!({"whole": {"name": "raw leads landed", "count": 6},
            "parts": [{"name": "leads", "count": 6}, {"name": "quarantined", "count": 0}]});
        facts.problems = Vec::new();
        let first_reported_on = NaiveDate::from_ymd_opt(2026, 5, 10).unwrap();
        let finding = Finding::page("sf", AboutLoss::Missed { is_urgent: true, first_reported_on }, 1);
        let words = Words { what: "a contact request was lost at sf".to_owned(), ..finding.words() };
        facts.findings = vec![ToldFinding { finding, words, is_new: true }];
        (catalog, computed, facts)
    })
}

fn inputs(pii: Pii) -> Inputs<'static> {
    let (catalog, computed, facts) = told();
    let as_of = NaiveDate::from_ymd_opt(2026, 5, 10).unwrap();
    Inputs { as_of, timezone: chrono_tz::Europe::Berlin, pii, catalog, computed, facts }
}

/// Compares with the file of this name under tests/golden; `UPDATE_GOLDEN=1` writes it, for a person to look at.
fn golden(name: &str, found: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == found, "{name} differs from {}: look, then run with UPDATE_GOLDEN=1", path.display());
}

fn sheets(bytes: Vec<u8>) -> Vec<(String, Vec<Vec<String>>)> {
    let mut book = Xlsx::new(std::io::Cursor::new(bytes)).unwrap();
    let names = book.sheet_names();
    let mut read = Vec::new();
    for name in names {
        assert!(book.worksheet_formula(&name).unwrap().is_empty(), "{name} holds a formula");
        let range = book.worksheet_range(&name).unwrap();
        read.push((name, range.rows().map(|r| r.iter().map(ToString::to_string).collect()).collect()));
    }
    read
}

#[test]
fn every_template_file_is_built_in() {
    let mut found: Vec<String> = std::fs::read_dir(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("reports"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut listed: Vec<String> = BUILT_IN.iter().map(|(n, _)| (*n).to_owned()).collect();
    found.sort_unstable();
    listed.sort_unstable();
    assert_eq!(found, listed);
}

#[test]
fn the_report_of_the_case_is_the_golden_one() {
    let page = Report::of(inputs(Pii::Masked)).unwrap().html(templates()).unwrap();
    golden("report.html", &page);
    golden("summary.txt", &Report::of(inputs(Pii::Masked)).unwrap().summary_text(templates()).unwrap());
    golden(
        "summary.json",
        &serde_json::to_string_pretty(&Report::of(inputs(Pii::Masked)).unwrap().summary_json().unwrap()).unwrap(),
    );
    assert_eq!(page, Report::of(inputs(Pii::Masked)).unwrap().html(templates()).unwrap());
    assert!(!page.contains("http:") && !page.contains("https:") && !page.contains("<script") && !page.contains("url("));
}

#[test]
fn a_person_is_masked_unless_the_configuration_says_in_full() {
    let page = Report::of(inputs(Pii::Masked)).unwrap().html(templates()).unwrap();
    let sheet = format!("{:?}", sheets(Report::of(inputs(Pii::Masked)).unwrap().workbook().unwrap()));
    let summary = Report::of(inputs(Pii::Full)).unwrap().summary_json().unwrap().to_string()
        + &Report::of(inputs(Pii::Full)).unwrap().summary_text(templates()).unwrap();
    for secret in ["grace.hopper", "Hopper", "Grace", "555", "navy.mil"] {
        assert!(!page.contains(secret) && !sheet.contains(secret) && !summary.contains(secret), "{secret}");
    }
    assert!(page.contains("g•••@n•••.mil") && sheet.contains("(+1) ••• 43"));
    let full = Report::of(inputs(Pii::Full)).unwrap().html(templates()).unwrap();
    assert!(full.contains("grace.hopper@navy.mil") && full.contains("+1 202 555 0143"));
}

#[test]
fn sections_without_rows_say_so_and_why() {
    let catalog = Catalog::empty();
    let (computed, facts) = (library().empty().unwrap(), Facts::default());
    let inputs = Inputs { catalog: &catalog, computed, facts: &facts, ..inputs(Pii::Masked) };
    let page = Report::of(inputs).unwrap().html(templates()).unwrap();
    for said in [
        "No destination is configured", "Nothing to act on", "No lost lead is open", "No stretch of time",
        "No pattern", "No lead that an earlier report called lost", "Every lead that arrived has been worked on",
        "there is no funnel", "No cost export", "Nothing was read", "nobody to recognise",
    ] {
        assert!(page.contains(said), "{said}");
    }
    assert_eq!(Report::of(inputs).unwrap().summary_text(templates()).unwrap().lines().count(), 10);
    assert!(!sheets(Report::of(inputs).unwrap().workbook().unwrap()).is_empty());
}

#[test]
fn an_incomplete_run_is_marked_on_top() {
    let facts = Facts { problems: vec!["cannot read export <leads>.csv".to_owned()], ..told().2.clone() };
    let inputs = Inputs { facts: &facts, ..inputs(Pii::Masked) };
    let page = Report::of(inputs).unwrap().html(templates()).unwrap();
    let (mark, headline) =
        (page.find("This report is incomplete").unwrap(), page.find("aria-label=\"Headline\"").unwrap());
    assert!(mark < headline && page.contains("&lt;leads&gt;.csv"));
    assert!(Report::of(inputs).unwrap().summary_text(templates()).unwrap().contains("INCOMPLETE"));
    assert_eq!(Report::of(inputs).unwrap().summary_json().unwrap()["complete"], json!(false));
}

#[test]
fn hostile_rows_act_nowhere() {
    for hostile in ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "=cmd|' /C calc'!A0", "{{ 7 * 7 }}"]
    {
        let (catalog, computed, _) = told();
        let mut catalog = catalog.clone();
        let poison = |frame: &DataFrame| {
            let columns = frame.columns().iter().map(|c| match c.dtype() {
                DataType::String => polars::prelude::Column::new(c.name().clone(), vec![hostile]),
                other => Series::from_any_values(c.name().clone(), &[AnyValue::Int64(0)], false)
                    .unwrap()
                    .cast(other)
                    .unwrap()
                    .into(),
            });
            DataFrame::new(1, columns.collect()).unwrap()
        };
        let names: Vec<String> = catalog.names().map(str::to_owned).collect();
        for name in names {
            let poisoned = poison(catalog.get(&name).unwrap());
            catalog.insert(&name, poisoned);
        }
        let mut computed = computed.clone();
        for table in &mut computed.tables {
            table.frame = catalog.get(&table.name).unwrap().clone();
            table.title = hostile.to_owned();
            table.own = true;
        }
        let mut facts = made_up_facts();
        facts.problems = vec![hostile.to_owned()];
        facts.exports[0]["file"] = json!(hostile);
        facts.exports[0]["columns"] = json!({hostile: [hostile]});
        let inputs = Inputs { catalog: &catalog, computed: &computed, facts: &facts, ..inputs(Pii::Full) };
        let page = Report::of(inputs).unwrap().html(templates()).unwrap();
        assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("49"), "{hostile}");
        for (name, rows) in sheets(Report::of(inputs).unwrap().workbook().unwrap()) {
            for cell in rows.iter().flatten() {
                assert!(!cell.starts_with('='), "{name}: {cell}");
            }
        }
        Report::of(inputs).unwrap().summary_json().unwrap();
    }
}

#[test]
fn a_users_template_overrides_ours_and_its_faults_are_told_at_once_without_rows() {
    let empty = library().empty().unwrap();
    let own = |name: &str, text: &str| Templates::new(&[(name.to_owned(), text.to_owned())], Some(empty));
    let ours = own("causes.html", "<p>{{ figures.causes|count }} causes, as we like them</p>\n").unwrap();
    assert!(Report::of(inputs(Pii::Masked)).unwrap().html(&ours).unwrap().contains("0 causes, as we like them"));
    // A typo inside a loop, which no empty table shows.
    let error = own("causes.html", "{% for row in causes.rows %}\n{{ row.misssed }}{% endfor %}").unwrap_err();
    let text = error.to_string();
    assert!(error.status() as u8 == 2 && text.contains("causes.html:2"), "{text}");
    let error = Report::of(inputs(Pii::Masked))
        .unwrap()
        .html(&{
            let mut env = templates().env.clone();
            env.add_template_owned(
                "missed_leads.html".to_owned(),
                "{% for row in missed_leads.rows %}{{ row.x }}{% endfor %}".to_owned(),
            )
            .unwrap();
            Templates { env, added: Vec::new() }
        })
        .unwrap_err();
    assert!(!error.to_string().contains("navy"), "{error}");
    assert!(own("causes.html", "{% for").is_err());
    assert!(text.contains("there stands: {{ row.misssed }}"), "{text}");
}

#[test]
fn a_users_added_file_is_a_page_of_its_own_and_one_with_an_underscore_a_part() {
    let files = [
        ("_who.html", "{{ figures.open_people|count }} people"),
        ("board.html", "<p>{% include \"_who.html\" %} at {{ outages.rows[0].destination }}</p>"),
    ];
    let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let templates = Templates::new(&files, None).unwrap();
    let pages = Report::of(inputs(Pii::Masked)).unwrap().own_pages(&templates).unwrap();
    assert_eq!(pages, [("board.html".to_owned(), "<p>1 people at sf</p>".to_owned())]);
}

#[test]
fn the_page_on_templates_lists_every_variable_and_filter() {
    let page = include_str!("../../docs/templates.md");
    let context = Report::of(inputs(Pii::Masked)).unwrap().context().unwrap();
    let mut given: Vec<String> = context.try_iter().unwrap().map(|name| name.to_string()).collect();
    given.sort_unstable();
    let listed = |heading: &str| {
        let part = page.split("\n## ").find(|part| part.starts_with(heading)).unwrap();
        let mut names: Vec<String> =
            part.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split('`').next()?.to_owned())).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(listed("Variables"), given);
    let mut filters: Vec<String> = filters::NAMES.iter().map(|name| (*name).to_owned()).collect();
    filters.sort_unstable();
    assert_eq!(listed("Filters"), filters);
    for name in filters::NAMES {
        let text = format!("{{{{ 1|{name} }}}}");
        let known = templates()
            .env
            .render_str(&text, ())
            .map_or_else(|e| e.kind() != minijinja::ErrorKind::UnknownFilter, |_| true);
        assert!(known, "{name} is no filter");
    }
}

#[test]
fn the_workbook_is_the_same_bytes_and_an_independent_reader_opens_it() {
    let bytes = Report::of(inputs(Pii::Masked)).unwrap().workbook().unwrap();
    assert_eq!(bytes, Report::of(inputs(Pii::Masked)).unwrap().workbook().unwrap());
    let sheets = sheets(bytes);
    assert_eq!(sheets[0].0, "Overview");
    let missed = &sheets.iter().find(|(name, _)| name == "missed leads").unwrap().1;
    assert_eq!(missed[1][11], "(+1) ••• 43");
}

/// Numbers as a reader sees them: digits with marks of thousands and decimals.
fn numbers(text: &str) -> Vec<String> {
    let number = regex::Regex::new(r"\d[\d,]*(?:\.\d+)?").unwrap();
    number.find_iter(text).map(|found| found.as_str().trim_end_matches(',').to_owned()).collect()
}

/// What stands between the tags of a page, style left out.
fn visible(page: &str) -> String {
    let without_style = regex::Regex::new(r"(?s)<style>.*?</style>").unwrap().replace_all(page, " ");
    regex::Regex::new(r"(?s)<[^>]*>").unwrap().replace_all(&without_style, " ").into_owned()
}

/// Every way in which the report may write a value of a table.
fn written(value: &AnyValue<'_>, column: &str, view: View, into: &mut std::collections::BTreeSet<String>) {
    let text = match view.cell(column, value.clone()) {
        xlsx::Cell::Empty => return,
        xlsx::Cell::Text(text) | xlsx::Cell::Link { text, .. } => text,
        xlsx::Cell::Count(n) => {
            let hours = filters::duration(n as f64 * 3600.0);
            format!("{} {n} {hours}", filters::count(n))
        }
        xlsx::Cell::Number(n) | xlsx::Cell::Share(n) | xlsx::Cell::Money(n) => [
            filters::percent(n),
            filters::points(n),
            filters::money(n),
            filters::duration(n),
            filters::expected(n),
            filters::count(n as i64),
            format!("{n:.4}"),
        ]
        .join(" "),
        xlsx::Cell::Instant(t) => format!("{} {}", view.minute(t), view.spoken(t)),
        xlsx::Cell::Day(day) => format!("{day} {}", day.format("%Y-%m")),
        xlsx::Cell::Flag(_) => return,
    };
    into.extend(numbers(&text));
}

/// Of a JSON document every number, and the numbers of every text.
fn written_in(document: &Json, into: &mut std::collections::BTreeSet<String>) {
    match document {
        Json::Number(n) => {
            into.insert(n.to_string());
            into.extend(n.as_i64().map(filters::count));
        }
        Json::String(text) => into.extend(numbers(text)),
        Json::Array(list) => list.iter().for_each(|item| written_in(item, into)),
        Json::Object(map) => map.values().for_each(|item| written_in(item, into)),
        Json::Bool(_) | Json::Null => {}
    }
}

#[test]
fn every_number_of_the_page_stands_in_the_summary_or_in_a_table() {
    let inputs = inputs(Pii::Masked);
    let view = View { pii: inputs.pii, timezone: inputs.timezone };
    let mut known = std::collections::BTreeSet::new();
    written_in(&Report::of(inputs).unwrap().summary_json().unwrap(), &mut known);
    for part in [&inputs.facts.balance, &inputs.facts.exports, &inputs.facts.inferred, &inputs.facts.identity] {
        written_in(part, &mut known);
    }
    for name in inputs.catalog.names() {
        let frame = inputs.catalog.get(name).unwrap();
        known.insert(filters::count(frame.height() as i64));
        for column in frame.columns() {
            for row in 0..frame.height() {
                written(&column.get(row).unwrap(), column.name(), view, &mut known);
            }
        }
    }
    // How the outages read, and what the templates and the claims of the checks say themselves.
    for outage in words::outages(inputs.catalog, &inputs.facts.outages, &BTreeMap::new(), view).unwrap() {
        known.extend(numbers(&format!("{} {}", outage.text, outage.evidence)));
    }
    let own_words = regex::Regex::new(r"(?s)\{[{%].*?[%}]\}").unwrap();
    for (_, template) in BUILT_IN {
        known.extend(numbers(&visible(&own_words.replace_all(template, " "))));
    }
    known.extend(inputs.computed.checks.iter().flat_map(|check| numbers(&check.claim)));
    known.extend(inputs.computed.tables.iter().flat_map(|table| numbers(&table.grain)));
    known.extend([inputs.computed.checks.len(), 1].map(|n| n.to_string()));
    known.extend(numbers(&format!("{} {}", inputs.as_of.format("%A %-d %B %Y"), env!("CARGO_PKG_VERSION"))));
    let page = visible(&Report::of(inputs).unwrap().html(templates()).unwrap());
    let strange: Vec<String> = numbers(&page).into_iter().filter(|number| !known.contains(number)).collect();
    assert_eq!(strange, Vec::<String>::new(), "numbers that no table and no summary has");
    // A number that is wrong by a digit would be found.
    assert!(!known.contains("4,711") && numbers("of 4,711 people, 3.5 %") == ["4,711", "3.5"]);
}
