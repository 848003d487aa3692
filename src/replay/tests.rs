//! Hand-outs from small tables, each import file read by a reader that is not its writer: `csv` with strict settings for
//! tables, `serde_json` for bodies.

use polars::prelude::*;

use super::*;
use crate::codes::finding;
use crate::config::DestinationKind;

struct Case {
    missed: Table<MissedLeads>,
    leads: Table<Leads>,
    records: Table<CrmRecords>,
    people: Table<People>,
    outages: Table<Outages>,
    findings: Table<Findings>,
}

const AWKWARD: &str = "=Müller \"& Söhne\", GmbH;\t#1";

/// l1 lost in an outage, l2 alone and two days older, l3 without last name and company, l4 settled, l5 opted out by
/// address, l6 of another destination, l7 with an address that is none.
fn case() -> Case {
    let ids = ["l1", "l2", "l3", "l4", "l5", "l6", "l7"];
    let at = |day: i64| 1_777_000_000_000_000 + day * 86_400_000_000;
    let missed = Table::sample_in_order(
        df!("lead_id" => ids, "person_id" => ["p1", "p2", "p3", "p4", "p5", "p6", "p7"],
            "destination" => ["crm", "crm", "crm", "crm", "crm", "other", "crm"],
            "status" => ["new", "open", "open", "closed", "open", "new", "replayed"],
            "outage_id" => [Some("o1"), None, None, None, None, None, None],
            "reason" => ["outage", "isolated", "isolated", "isolated", "isolated", "isolated", "isolated"],
            "received_at" => [at(2), at(0), at(1), at(2), at(2), at(2), at(2)],
            "storefront" => vec!["azure-marketplace"; 7], "action" => vec!["PLT"; 7],
            "offer_id" => vec!["contoso.mesh"; 7], "offer" => vec!["Data Mesh"; 7],
            "first_name" => [Some("Zoë"), Some("Bo"), Some("No"), Some("D"), Some("E"), Some("F"), Some("G")],
            "last_name" => [Some("Ünal"), Some("Bo"), None, Some("D"), Some("E"), Some("F"), Some("G")],
            "email" => ["zoe@x.example", "bo@x.example", "no@x.example", "d@x.example", "Out@X.example", "f@x.example",
                "g(at)x.example"],
            "phone" => vec!["+49 30 0012345"; 7],
            "company" => [Some(AWKWARD), Some("Bo Inc"), None, Some("D"), Some("E"), Some("F"), Some("G")])
        .unwrap(),
    );
    let leads = Table::sample_in_order(
        df!("lead_id" => ids,
            "source_key" => ids.iter().map(|id| format!("5:2F3/row-{id}")).collect::<Vec<_>>(),
            "lead_source" => [Some("AzureMarketplace"), Some("SPZA-PLT|contoso.mesh"), None, None, None, None, None],
            "description" => [Some("please,\r\n\"call\""), None, None, None, None, None, None])
        .unwrap(),
    );
    let records = Table::sample_in_order(
        df!("destination" => ["crm"], "record_id" => ["r1"], "email" => ["out@x.example"], "opted_out" => [true])
            .unwrap(),
    );
    Case { missed, leads, records, people: Table::empty(), outages: Table::empty(), findings: Table::empty() }
}

fn destination(kind: DestinationKind, more: &str) -> Destination {
    let text = format!(
        "[[source]]\nname = \"s\"\nkind = \"files\"\npath = \"raw/*\"\n[[destination]]\nname = \"crm\"\nkind = \
         \"{}\"\nexport = [\"x.csv\"]\n{more}",
        kind.name()
    );
    let config = crate::config::Config::parse(&text, std::path::Path::new("/base")).unwrap();
    config.destinations.into_iter().next().unwrap()
}

fn hand(case: &Case, destination: &Destination, selection: &Selection, before: &[&str]) -> Result<HandOut> {
    let tables = Tables {
        missed_leads: &case.missed,
        leads: &case.leads,
        crm_records: &case.records,
        people: &case.people,
        outages: &case.outages,
        findings: &case.findings,
    };
    let before = before.iter().map(|id| ((*id).to_owned(), "crm".to_owned())).collect();
    hand_out(tables, destination, selection, &before)
}

/// Strictly: every row as long as the header, UTF-8, nothing trimmed, nothing lenient.
fn strict(bytes: &[u8]) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::ReaderBuilder::new().flexible(false).trim(csv::Trim::None).from_reader(bytes);
    let header = reader.headers().unwrap().clone();
    let distinct: BTreeSet<&str> = header.iter().collect();
    assert_eq!(distinct.len(), header.len(), "no column twice: {header:?}");
    reader
        .records()
        .map(|row| header.iter().map(str::to_owned).zip(row.unwrap().iter().map(str::to_owned)).collect())
        .collect()
}

#[test]
fn each_crms_file_is_what_its_import_takes_and_holds_every_value_as_typed() {
    for (kind, name, company, phone, mark) in [
        (DestinationKind::Salesforce, "LastName", "Company", "Phone", false),
        (DestinationKind::Dynamics, "Last Name", "Company Name", "Business Phone", true),
        (DestinationKind::Marketo, "lastName", "company", "phone", false),
        (DestinationKind::Hubspot, "Last Name", "Company Name", "Phone Number", false),
    ] {
        let handed = hand(&case(), &destination(kind, ""), &Selection::default(), &[]).unwrap();
        let text = std::str::from_utf8(&handed.file).unwrap();
        assert_eq!(text.starts_with('\u{feff}'), mark, "{kind:?}");
        let rows = strict(text.trim_start_matches('\u{feff}').as_bytes());
        assert_eq!(rows[0][name], "Ünal", "{kind:?}");
        assert_eq!(rows[0][company], AWKWARD, "{kind:?}");
        assert_eq!(rows[0][phone], "+49 30 0012345", "{kind:?}");
        // Line ends: one kind only outside of quotes, as each import is told.
        let outside: String = text.split('"').step_by(2).collect();
        assert_eq!(outside.matches('\n').count(), rows.len() + 1, "{kind:?}");
        assert_eq!(outside.matches('\r').count(), if mark { rows.len() + 1 } else { 0 }, "{kind:?}");
        assert_eq!(handed.suppressed, 1, "{kind:?}: opted out by address, in other capitals");
        assert_eq!(rows.len(), handed.lead_ids.len());
        assert!(!handed.lead_ids.iter().any(|id| ["l4", "l5", "l6"].contains(&id.as_str())), "{kind:?}");
    }
}

#[test]
fn the_lead_source_is_rebuilt_and_time_reason_and_the_customers_words_stand_in_the_description() {
    let handed = hand(&case(), &destination(DestinationKind::Salesforce, ""), &Selection::default(), &[]).unwrap();
    let rows = strict(&handed.file);
    let sources: Vec<&str> = rows.iter().map(|r| r["LeadSource"].as_str()).collect();
    assert_eq!(sources, ["AzureMarketplace-PLT|contoso.mesh", "SPZA-PLT|contoso.mesh"], "made, and as found");
    let told = &rows[0]["Description"];
    assert!(told.starts_with("please,\r\n\"call\"\n"), "{told}");
    assert!(told.contains("Received 2026-04-26T03:06:40Z, lost on the way (outage)"), "{told}");
}

#[test]
fn what_the_crm_would_refuse_goes_to_a_file_that_names_the_cell_and_has_the_column() {
    let with_state = destination(DestinationKind::Salesforce, "[destination.replay]\nrequired = [\"State\"]\n");
    let handed = hand(&case(), &with_state, &Selection::default(), &[]).unwrap();
    assert!(handed.file.is_empty() && handed.lead_ids.is_empty());
    let rows = strict(&handed.fix);
    assert_eq!(rows[0]["fix"], "empty: State (lead l1)");
    assert_eq!(rows[0]["State"], "", "a column to fill in");
    assert_eq!(rows[2]["fix"], "empty: LastName; empty: Company; empty: State (lead l3)");
    assert!(rows[3]["fix"].starts_with("no address the CRM takes: Email"), "{}", rows[3]["fix"]);

    let set = destination(
        DestinationKind::Salesforce,
        "[destination.replay]\nrequired = [\"State\"]\nset = { State = \"Berlin\", Company = \"(unknown)\" }\n",
    );
    let handed = hand(&case(), &set, &Selection::default(), &[]).unwrap();
    assert_eq!(handed.lead_ids, ["l1", "l2"]);
    assert!(strict(&handed.file).iter().all(|row| row["State"] == "Berlin" && row["Company"] == "(unknown)"));
    assert_eq!(strict(&handed.fix).len(), 2);
}

#[test]
fn a_word_for_nothing_is_no_address_and_holds_no_lead_back_where_none_is_required() {
    let mut case = case();
    case.missed = Table::sample_in_order(case.missed.lazy().with_column(lit("n/a").alias("email")).collect().unwrap());
    let handed = hand(&case, &destination(DestinationKind::Salesforce, ""), &Selection::default(), &[]).unwrap();
    assert!(
        strict(&handed.file).iter().all(|row| row["Email"].is_empty()) && handed.lead_ids.contains(&"l7".to_owned())
    );
    let handed = hand(&case, &destination(DestinationKind::Marketo, ""), &Selection::default(), &[]).unwrap();
    assert!(handed.file.is_empty());
    assert!(strict(&handed.fix).iter().all(|row| row["fix"].starts_with("empty: email")));
}

#[test]
fn bodies_are_the_marketplaces_own_with_the_raw_leads_key_beside_them() {
    let https = destination(
        DestinationKind::Https,
        "key = \"rowKey\"\n[destination.replay]\nset = { origin = \"replay\" }\nrequired = [\"lastName\"]\n",
    );
    let handed = hand(&case(), &https, &Selection::default(), &[]).unwrap();
    let bodies: Vec<serde_json::Value> =
        std::str::from_utf8(&handed.file).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(handed.lead_ids, ["l1", "l2", "l7"]);
    assert_eq!(bodies[0]["userDetails"]["company"], AWKWARD);
    assert_eq!(bodies[0]["leadSource"], "AzureMarketplace", "as the marketplace posts it");
    assert_eq!((&bodies[0]["actionCode"], &bodies[0]["offerTitle"]), (&"PLT".into(), &"Data Mesh".into()));
    assert_eq!((&bodies[0]["rowKey"], &bodies[0]["origin"]), (&"row-l1".into(), &"replay".into()));
    let fix: serde_json::Value = serde_json::from_slice(handed.fix.trim_ascii_end()).unwrap();
    assert_eq!(fix["fix"], "empty: lastName (lead l3)");
}

#[test]
fn the_key_is_written_in_the_form_that_the_forwarder_writes() {
    let crm = destination(DestinationKind::Salesforce, "key = \"Row__c\"\n");
    let key_with = |key: Option<&str>| {
        let mut case = case();
        case.records =
            Table::sample_in_order(df!("destination" => ["crm"], "record_id" => ["r9"], "key" => [key]).unwrap());
        strict(&hand(&case, &crm, &Selection::default(), &[]).unwrap().file)[0]["Row__c"].clone()
    };
    assert_eq!(key_with(None), "row-l1", "nothing is known: the RowKey");
    assert_eq!(key_with(Some("ROW-L6")), "row-l1");
    assert_eq!(key_with(Some("5:2F3/row-l6")), "5:2F3/row-l1");
    assert_eq!(key_with(Some("l6")), "l1");
}

#[test]
fn outage_since_limit_and_again_choose_and_nothing_is_handed_out_twice_by_itself() {
    let mut case = case();
    case.outages = Table::sample_in_order(
        df!("outage_id" => ["o1", "o9"], "destination" => ["crm", "other"], "ongoing" => [false, true]).unwrap(),
    );
    let crm = destination(DestinationKind::Salesforce, "");
    let ids = |selection: Selection, before: &[&str]| hand(&case, &crm, &selection, before).map(|h| h.lead_ids);
    let all = Selection::default;
    assert_eq!(ids(all(), &[]).unwrap(), ["l1", "l2"]);
    assert_eq!(ids(Selection { outage: Some("o1".into()), ..all() }, &[]).unwrap(), ["l1"]);
    let unknown = ids(Selection { outage: Some("o9".into()), ..all() }, &[]).unwrap_err();
    assert!(unknown.to_string().contains("no outage"), "o9 is another destination's: {unknown}");
    let since = DateTime::from_timestamp_micros(1_777_000_000_000_000 + 86_400_000_000);
    assert_eq!(ids(Selection { since, ..all() }, &[]).unwrap(), ["l1"]);
    assert_eq!(ids(Selection { limit: Some(1), ..all() }, &[]).unwrap(), ["l1"]);
    assert_eq!(ids(all(), &["l1"]).unwrap(), ["l2"]);
    assert_eq!(ids(Selection { again: true, ..all() }, &["l1"]).unwrap(), ["l1", "l2"]);
}

#[test]
fn nothing_goes_into_an_outage_that_goes_on_or_by_an_export_that_is_not_complete() {
    let crm = destination(DestinationKind::Salesforce, "");
    let mut ongoing = case();
    ongoing.outages =
        Table::sample_in_order(df!("outage_id" => ["o1"], "destination" => ["crm"], "ongoing" => [true]).unwrap());
    assert!(hand(&ongoing, &crm, &Selection::default(), &[]).unwrap_err().to_string().contains("goes on"));
    assert!(hand(&ongoing, &crm, &Selection { force: true, ..Selection::default() }, &[]).is_ok());
    let mut gated = case();
    gated.findings =
        Table::sample_in_order(df!("code" => [finding::EXPORT_INCOMPLETE], "destination" => ["crm"]).unwrap());
    let force = Selection { force: true, ..Selection::default() };
    assert!(hand(&gated, &crm, &force, &[]).unwrap_err().to_string().contains("not complete"));
    assert!(hand(&gated, &destination(DestinationKind::Salesforce, "complete = true\n"), &force, &[]).is_ok());
}
