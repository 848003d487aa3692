//! The call list from small tables: who is on it, what a row says, and that it can be read back.

use polars::prelude::*;

use super::*;

struct Case {
    missed: Table<MissedLeads>,
    leads: Table<Leads>,
    people: Table<People>,
    records: Table<CrmRecords>,
}

fn micros(text: &str) -> i64 {
    text.parse::<DateTime<Utc>>().unwrap().timestamp_micros()
}

fn case() -> Case {
    let (ids, people) = (["l1", "l2", "l3", "l4", "l5", "l6"], ["p1", "p1", "p2", "p3", "p4", "p5"]);
    let emails =
        ["ann@contoso.example", "ann@contoso.example", "bo@web.de", "x@x.example", "eve@out.example", "g@g.example"];
    let missed = Table::sample_in_order(
        df!("lead_id" => ids, "person_id" => people, "destination" => ["crm", "crm", "crm", "crm", "crm", "gate"],
            "status" => ["new", "open", "open", "closed", "open", "new"],
            "stage" => ["purchase", "interest", "contact", "purchase", "contact", "purchase"],
            "offer" => ["Mesh", "Mesh", "Grid", "Mesh", "Mesh", "Mesh"], "email" => emails,
            "received_at" => vec![micros("2026-05-03T14:02:00Z"); 6])
        .unwrap(),
    );
    let leads = Table::sample_in_order(
        df!("lead_id" => ids, "kind" => vec!["genuine"; 6], "email" => emails,
            "first_name" => ["Ann", "Ann", "=Bo()", "X", "Eve", "G"],
            "last_name" => ["Lee", "Lee", "Bo", "X", "Eve", "G"],
            "phone" => [None, Some("+49 30 1234567"), None, None, None, None],
            "company" => [Some("Contoso GmbH"), None, None, None, None, None],
            "country" => [Some("Germany"), None, Some("Japan"), None, None, None])
        .unwrap(),
    );
    let people = Table::sample_in_order(df!("person_id" => ["p1", "p2", "p3", "p4", "p5"]).unwrap());
    let records = Table::sample_in_order(
        df!("destination" => ["crm", "crm", "crm"], "record_id" => ["r1", "r2", "r3"],
            "first_name" => ["Carl", "Dora", "Eve"], "last_name" => ["Cole", "Dean", "Eve"],
            "owner" => [Some("Olga"), Some("Otto"), None], "company" => [Some("CONTOSO"), None, None],
            "email" => [None, Some("dora@contoso.example"), Some("eve@out.example")],
            "outcome" => [Some("won"), None, None], "opted_out" => [false, false, true])
        .unwrap(),
    );
    Case { missed, leads, people, records }
}

fn sheets_of(case: &Case, split_by: Option<SplitBy>) -> Vec<Sheet> {
    sheets(&Inputs {
        missed_leads: &case.missed,
        leads: &case.leads,
        people: &case.people,
        crm_records: &case.records,
        gated: &BTreeSet::from(["gate".to_owned()]),
        tries: &BTreeMap::new(),
        as_of: "2026-05-06".parse().unwrap(),
        dnc_silences_person: false,
        links: &BTreeMap::from([("crm".to_owned(), "https://crm.example/{record_id}".to_owned())]),
        split_by,
        as_of_ends_at: "2026-05-07T00:00:00Z".parse().unwrap(),
        timezone: chrono_tz::Europe::Berlin,
    })
    .unwrap()
}

fn cell(sheet: &Sheet, row: usize, title: &str) -> String {
    let at = sheet.columns.iter().position(|c| c.title == title).unwrap();
    match &sheet.rows[row][at] {
        Cell::Text(text) => text.clone(),
        Cell::Count(n) => n.to_string(),
        Cell::Empty => String::new(),
        other => format!("{other:?}"),
    }
}

#[test]
fn each_open_person_has_one_row_and_nobody_settled_opted_out_or_of_a_gated_destination_has_one() {
    let sheets = sheets_of(&case(), None);
    assert_eq!(sheets.len(), 1);
    let ids: Vec<String> = (0..sheets[0].rows.len()).map(|row| cell(&sheets[0], row, "Lead ID")).collect();
    assert_eq!(ids, ["l1 l2", "l3"], "most urgent first; l4 is settled, l5 opted out, l6 is gated");
    assert!(sheets[0].rows.iter().all(|row| row.len() == sheets[0].columns.len()));
}

#[test]
fn a_row_has_the_best_contact_what_was_done_and_tells_the_owner_of_a_customer() {
    let sheet = &sheets_of(&case(), None)[0];
    assert_eq!(cell(sheet, 0, "Phone"), "+49 30 1234567", "from the other lead of the person");
    assert_eq!(
        cell(sheet, 0, "What they did"),
        "bought Mesh on 3 May 2026, 16:02; asked for Mesh on 3 May 2026, 16:02"
    );
    assert_eq!(cell(sheet, 0, "Days waiting"), "3");
    assert_eq!(cell(sheet, 0, "Do"), "Tell Olga: customer already");
    assert_eq!(cell(sheet, 0, "Colleagues in the CRM"), "Carl Cole (owner Olga), Dora Dean (owner Otto)");
    assert_eq!(cell(sheet, 1, "Do"), "Write: no phone was given");
    assert_eq!((cell(sheet, 1, "Outcome"), cell(sheet, 1, "Note")), (String::new(), String::new()));
}

#[test]
fn the_list_is_divided_as_configured_and_never_loses_a_row() {
    let names = |by| sheets_of(&case(), by).into_iter().map(|s| (s.name, s.rows.len())).collect::<Vec<_>>();
    let pair = |a: &str, n: usize| (a.to_owned(), n);
    assert_eq!(names(Some(SplitBy::Country)), [pair("DE", 1), pair("JP", 1)]);
    assert_eq!(names(Some(SplitBy::Owner)), [pair("No owner", 1), pair("Olga", 1)]);
    assert_eq!(names(Some(SplitBy::Offer)), [pair("Grid", 1), pair("Mesh", 1)]);
}

#[test]
fn what_sales_fill_in_is_read_back_as_settled_leads() {
    let sheet = &sheets_of(&case(), None)[0];
    let mut csv = csv::WriterBuilder::new().delimiter(b';').from_writer("\u{feff}".as_bytes().to_vec());
    csv.write_record(sheet.columns.iter().map(|c| c.title.as_str())).unwrap();
    for row in 0..sheet.rows.len() {
        let cells = sheet.columns.iter().map(|c| match c.title.as_str() {
            "Outcome" => "Called".to_owned(),
            other => cell(sheet, row, other),
        });
        csv.write_record(cells).unwrap();
    }
    let text = String::from_utf8(csv.into_inner().unwrap()).unwrap();
    let worked = crate::worked::read("worked.csv", text.into_bytes()).unwrap();
    assert_eq!(worked.problems, Vec::<String>::new());
    assert_eq!(worked.entries.iter().map(|e| e.who.as_str()).collect::<Vec<_>>(), ["l1", "l2", "l3"]);
}

#[test]
fn test_do_not_contact_withheld_and_internal_leads_are_never_on_the_list_whatever_the_books_say() {
    use crate::codes::kind;
    let rows = |case: &Case| sheets_of(case, None).iter().map(|s| s.rows.len()).sum::<usize>();
    assert_eq!(rows(&case()), 2);
    for never in [kind::TEST, kind::DO_NOT_CONTACT, kind::WITHHELD, kind::INTERNAL] {
        let mut case = case();
        case.leads = Table::sample_in_order(case.leads.lazy().with_column(lit(never).alias("kind")).collect().unwrap());
        assert_eq!(rows(&case), 0, "{never}");
    }
    let mut given_up = case();
    given_up.missed =
        Table::sample_in_order(given_up.missed.lazy().with_column(lit("given-up").alias("status")).collect().unwrap());
    assert_eq!(rows(&given_up), 0);
}

#[test]
fn what_the_crm_knows_of_the_person_is_said_before_anybody_calls() {
    let mut case = case();
    case.records = Table::sample_in_order(
        df!("destination" => ["crm", "crm"], "record_id" => ["r7", "r8"], "person_id" => ["p1", "p2"],
            "first_name" => ["Ann", "Bo"], "last_name" => ["Lee", "Bo"], "owner" => ["Olga", "Otto"],
            "outcome" => [Some("qualified"), None], "opportunity" => [Some("006A"), None])
        .unwrap(),
    );
    let sheet = &sheets_of(&case, None)[0];
    assert_eq!(cell(sheet, 0, "Do"), "Tell Olga: open opportunity");
    assert_eq!(cell(sheet, 1, "Do"), "Write: no phone was given");
    assert!(cell(sheet, 1, "What to say").contains("They stand in the CRM already, as r8: read it first."));
    assert_eq!(cell(sheet, 1, "Owner"), "Otto");
    let at = sheet.columns.iter().position(|c| c.title == "Record").unwrap();
    let opened = Cell::Link { text: "r8".to_owned(), address: "https://crm.example/r8".to_owned() };
    assert_eq!(sheet.rows[1][at], opened);
}
