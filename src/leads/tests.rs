//! Raw leads in every shape become leads or quarantine rows.

use super::*;
use proptest::prelude::*;

/// A raw lead of a test: key, format, header, payload.
type Raw<'a> = (&'a str, &'a str, Option<&'a [u8]>, &'a [u8]);

fn raw(rows: &[Raw]) -> Table<RawLeads> {
    let n = rows.len();
    let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros();
    let stored = vec![at("2026-05-03T14:05:00Z"); n];
    let columns = vec![
        Column::new("source".into(), vec!["table"; n]),
        Column::new("source_key".into(), rows.iter().map(|r| r.0).collect::<Vec<_>>()),
        instants("stored_at", stored).unwrap(),
        Column::new("landed_on".into(), vec![20_576i32; n]).cast(&DataType::Date).unwrap(),
        Column::new("format".into(), rows.iter().map(|r| r.1).collect::<Vec<_>>()),
        Column::new("header".into(), rows.iter().map(|r| r.2).collect::<Vec<_>>()),
        Column::new("payload".into(), rows.iter().map(|r| Some(r.3)).collect::<Vec<_>>()),
        Column::new("problem".into(), vec![None::<&str>; n]),
        Column::new("origins".into(), vec![1i64; n]),
        Column::new("versions".into(), vec![1i64; n]),
        Column::new("forgotten".into(), vec![false; n]),
    ];
    Table::new(DataFrame::new(n, columns).unwrap()).unwrap()
}

fn parsed(rows: &[Raw], offers: &[Offer], exclude: &Exclude) -> Parsed {
    let as_of_ends_at = DateTime::parse_from_rfc3339("2026-05-04T00:00:00Z").unwrap().to_utc();
    let stages = BTreeMap::from([("plt".to_owned(), "interest".to_owned())]);
    let settings = Settings { as_of_ends_at, stages: &stages, offers, exclude };
    let whole = parse(&raw(rows), &settings).unwrap();
    // Whatever is read, it is the same in parts and in another order.
    let mut reader = Reader::new(&settings);
    for row in rows.iter().rev() {
        reader.take(&raw(std::slice::from_ref(row))).unwrap();
    }
    assert_eq!(reader.taken(), rows.len());
    let parts = reader.finish().unwrap();
    assert!(parts.leads.frame().equals_missing(whole.leads.frame()), "leads differ when they are read in parts");
    assert!(parts.quarantine.frame().equals_missing(whole.quarantine.frame()));
    assert_eq!(
        (parts.after_as_of, &parts.forgotten, &parts.findings),
        (whole.after_as_of, &whole.forgotten, &whole.findings)
    );
    whole
}

/// One JSON document → the named columns of its lead, `_` where null, or `! reason detail`.
fn shown(format: &str, header: Option<&str>, payload: &str, columns: &[&str]) -> String {
    let all = parsed(&[("k", format, header.map(str::as_bytes), payload.as_bytes())], &[], &Exclude::default());
    let text = |frame: &DataFrame, name: &str| {
        let column = frame.column(name).unwrap().cast(&DataType::String).unwrap();
        column.str().unwrap().get(0).unwrap_or("_").to_owned()
    };
    if all.quarantine.height() == 1 {
        return format!("! {} {}", text(all.quarantine.frame(), "reason"), text(all.quarantine.frame(), "detail"));
    }
    columns.iter().map(|name| text(all.leads.frame(), name)).collect::<Vec<_>>().join(" / ")
}

const CONTACT: [&str; 7] = ["first_name", "last_name", "email", "phone", "country", "company", "title"];
const ORIGIN: [&str; 6] = ["storefront", "action", "offer_id", "offer", "stage", "kind"];
const JOHN: &str = "John / Smith / jsmith@microsoft.com / 1234567890 / US / Microsoft / CTO";
const INFO: &str = r#"{\"FirstName\":\"John\",\"LastName\":\"Smith\",\"Email\":\" jsmith@microsoft.com \",\"Phone\":\"1234567890\",\"Country\":\"US\",\"Company\":\"Microsoft\",\"Title\":\"CTO\"}"#;

#[test]
fn a_table_row_is_read_decomposed_and_combined_and_in_any_casing() {
    let row = format!(
        r#"{{"PartitionKey":"9:2F28:2F2018","RowKey":"r","Timestamp":"2026-05-03T14:05:00Z","Timestamp@odata.type":"Edm.DateTime",
        "ProductId":"Bitnami.openedxcypress","CustomerInfo":"{INFO}","LeadSource":"AzureMarketplace","ActionCode":"INS",
        "OfferDisplayName":"Contoso Test","CreatedTime":"5/3/2026 2:02:18 PM","Description":" "}}"#
    );
    assert_eq!(shown("entity", None, &row, &CONTACT), JOHN);
    assert_eq!(
        shown("entity", None, &row, &ORIGIN),
        "azure-marketplace / INS / bitnami.openedxcypress / Contoso Test / interest / genuine"
    );
    assert_eq!(
        shown("entity", None, &row, &["received_at", "received_from", "description", "publisher"]),
        "2026-05-03 14:02:18.000000+00:00 / created-time / _ / bitnami"
    );
    let combined =
        row.replace("\"AzureMarketplace\",\"ActionCode\":\"INS\"", "\"SPZA-PLT | pub.x-1\",\"ActionCode\":null");
    assert_eq!(
        shown("entity", None, &combined, &ORIGIN),
        "appsource / PLT / pub.x-1 / Contoso Test / interest / genuine",
        "the configuration moved PLT"
    );
    let camel = r#"{"userDetails":{"firstName":"John","lastName":"Smith","email":"jsmith@microsoft.com","phone":1234567890,
        "country":"US","company":"Microsoft","title":"CTO"},"leadSource":"SPZA","actionCode":"dnc","offerTitle":"T","description":"Hi"}"#;
    for document in [camel.to_owned(), camel.to_uppercase().replace("NULL", "null"), format!("{{\"body\":{camel}}}")] {
        let expected = if document.contains("JOHN") { JOHN.to_uppercase() } else { JOHN.to_owned() };
        assert_eq!(shown("json", None, &document, &CONTACT), expected);
    }
    assert_eq!(shown("json", None, camel, &ORIGIN), "appsource / DNC / _ / T / none / do-not-contact");
    assert_eq!(shown("json", None, camel, &["received_from"]), "stored");
}

#[test]
fn customer_info_is_unpacked_however_often_it_was_packed_and_else_quarantined() {
    let row = |info: &str| format!(r#"{{"LeadSource":"AzureMarketplace","CustomerInfo":{info}}}"#);
    let plain = r#"{"FirstName":"John","Company":"a \"b\"","Email":"j@x.de"}"#;
    let text = |t: &str| serde_json::to_string(t).unwrap();
    let columns = ["first_name", "company", "email", "kind"];
    let expected = "John / a \"b\" / j@x.de / genuine";
    let pretty = plain.replace(',', ",\n\n  ");
    for info in [plain.to_owned(), text(plain), text(&text(plain)), text(&pretty)] {
        assert_eq!(shown("entity", None, &row(&info), &columns), expected, "{info}");
    }
    let unquoted = text(plain.replace("\"a \\\"b\\\"\"", "\"a\"").replace('"', "\\\"").as_str());
    assert_eq!(shown("entity", None, &row(&unquoted), &columns), "John / a / j@x.de / genuine");
    let page = text(&r#"{"FirstName":"John","Company":"a","Email":"j@x.de"}"#.replace('"', "&quot;"));
    assert_eq!(shown("entity", None, &row(&page), &columns), "John / a / j@x.de / genuine");
    for nothing in ["null", "\"\"", "\" \"", "\"null\"", "{}", r#""{\"FirstName\":null,\"Email\":\" \"}""#] {
        assert_eq!(shown("entity", None, &row(nothing), &["kind", "first_name"]), "withheld / _", "{nothing}");
    }
    for damaged in ["[1]", "7", "\"John\"", "\"{\\\"FirstName\\\":\"", r#"{"Foo":1}"#] {
        let found = shown("entity", None, &row(damaged), &columns);
        assert!(found.starts_with("! customer-info") && !found.contains("John"), "{damaged}: {found}");
    }
}

#[test]
fn csv_is_read_by_its_header_whatever_the_order_delimiter_and_encoding() {
    let header = "Description;CustomerInfo@type;CustomerInfo;ProductId;LeadSource;ActionCode\r\n";
    let record = "\"a;b\";Edm.String;\"{\"\"FirstName\"\":\"\"John\"\",\"\"LastName\"\":\"\"Smith\"\"}\";pub.x;AzurePortal;create\r\n";
    assert_eq!(shown("csv", Some(header), record, &["first_name", "last_name", "description"]), "John / Smith / a;b");
    assert_eq!(shown("csv", Some(header), record, &ORIGIN), "azure-portal / Create / pub.x / _ / purchase / genuine");
    let backslashes =
        "x;Edm.String;\"{\\\"FirstName\\\":\\\"John\\\",\\\"Email\\\":\\\"j@x.de\\\"}\";pub.x;AzurePortal;create";
    assert_eq!(shown("csv", Some(header), backslashes, &["first_name", "email"]), "John / j@x.de");
    let office = Some("\u{feff}First Name\tLast Name\tEmail Address");
    assert_eq!(
        shown("csv", office, "John\tSmith\tj@x.de", &["first_name", "email", "kind"]),
        "John / j@x.de / genuine"
    );
    let latin = parsed(&[("k", "csv", Some(b"First Name,Email"), b"J\xfcrgen,j@x.de")], &[], &Exclude::default());
    assert_eq!(latin.leads.frame().column("first_name").unwrap().str().unwrap().get(0), Some("Jürgen"));
    assert!(shown("csv", Some("City,Temperature"), "Berlin,7", &[]).starts_with("! not-a-lead none of the 2 columns"));
    assert!(shown("csv", Some("Email,Phone"), "a,b,c", &[]).starts_with("! not-a-lead the record has 3 fields"));
}

#[test]
fn web_to_lead_fields_are_read_with_their_repeated_key() {
    let form = "company = MSFT_TEST_636573304831318844\nemail = MSFT_TEST_636573304831318844@test.com\nencoding = UTF-8\n\
        encoding = UTF-8\nfirst_name = MSFT_TEST_636573304831318844\nlead_source = MSFT_TEST_636573304831318844-MSFT_TEST_636573304831318844|<Offer Name>\n";
    assert_eq!(shown("bytes", None, form, &["kind", "offer"]), "test / <Offer Name>");
    let body = "first_name=J%C3%BCrgen&last_name=Fu%C3%9F+M&lead_source=SPZA-INS%7Ca.b&oid=00D";
    assert_eq!(shown("json", None, body, &["first_name", "last_name", "offer_id"]), "Jürgen / Fuß M / a.b");
}

#[test]
fn what_is_no_lead_is_refused_with_its_reason_and_nothing_of_its_content() {
    for (payload, expected) in [
        ("", "! not-json"),
        ("hello Jane", "! not-json"),
        ("{\"Jane\":", "! not-json the text ends too early"),
        ("[]", "! not-a-lead"),
        ("{\"PartitionKey\":\"p\",\"RowKey\":\"r\",\"LastRun\":\"Jane\"}", "! not-a-lead"),
        ("{\"LeadSource\":\"SPZA\"\n\"OfferTitle\":\"Jane\"}", "! not-json"),
    ] {
        let found = shown("json", None, payload, &[]);
        assert!(found.starts_with(expected) && !found.contains("Jane"), "{payload}: {found}");
    }
    let big = vec![b' '; record::LARGEST + 1];
    let all = parsed(&[("a", "json", None, b"{\"LeadSource\":"), ("b", "json", None, &big)], &[], &Exclude::default());
    let reasons: Vec<_> =
        all.quarantine.frame().column("reason").unwrap().str().unwrap().iter().flatten().map(str::to_owned).collect();
    assert_eq!(reasons, ["not-json", "too-large"]);
    assert_eq!(all.findings.len(), 2);
    let longest = all.quarantine.frame().column("payload").unwrap().str().unwrap().iter().flatten().map(str::len).max();
    assert!(longest <= Some(KEPT_PAYLOAD));
}

#[test]
fn offers_are_named_by_lead_source_product_catalogue_and_other_leads_in_that_order() {
    let offer = |id: &str, title: &[&str], formerly: &[&str]| Offer {
        id: id.into(),
        title: title.iter().map(|t| (*t).into()).collect(),
        formerly: formerly.iter().map(|t| (*t).into()).collect(),
        stages: BTreeMap::from([("INS".to_owned(), "purchase".to_owned())]),
        value: None,
    };
    let row = |rest: &str| {
        format!(r#"{{"LeadSource":"AzureMarketplace","ActionCode":"INS","CustomerInfo":{{"Email":"a@b.de"}}{rest}}}"#)
    };
    let rows = [
        row(r#","ProductId":"other.one","OfferDisplayName":"Other  One""#),
        row(r#","OfferDisplayName":"other one""#),
        row(r#","OfferDisplayName":"Data Mesh""#),
        row(r#","ProductId":"contoso.mesh""#),
        row(r#","ProductId":"mesh-pro""#),
        row(r#","OfferDisplayName":"Unknown""#),
        row(r#","OfferTitle":"Same","ProductId":["a.b"]"#),
        row(r#","OfferTitle":"Same","ProductId":"a.c""#),
        row(r#","OfferTitle":"Same""#),
    ];
    let keys = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];
    let rows: Vec<Raw> = keys.iter().zip(&rows).map(|(k, r)| (*k, "entity", None, r.as_bytes())).collect();
    let all = parsed(&rows, &[offer("contoso.mesh-pro", &["Data Mesh"], &["contoso.mesh"])], &Exclude::default());
    let frame = all.leads.frame().sort(["source_key"], SortMultipleOptions::default()).unwrap();
    let column = |name: &str| -> Vec<Option<String>> {
        frame.column(name).unwrap().str().unwrap().iter().map(|t| t.map(str::to_owned)).collect()
    };
    let ids = column("offer_id");
    let ids: Vec<_> = ids.iter().map(|i| i.as_deref().unwrap_or("_")).collect();
    let pro = "contoso.mesh-pro";
    assert_eq!(ids, ["other.one", "other.one", pro, pro, pro, "_", "a.b", "a.c", "_"]);
    assert_eq!(column("stage")[3].as_deref(), Some("purchase"), "the offer's own stages win");
    assert_eq!(column("offer")[3].as_deref(), Some("Data Mesh"));
}

#[test]
fn our_own_staff_is_internal_by_domain_address_or_company() {
    let exclude = Exclude {
        domains: vec!["Contoso.com".into()],
        emails: vec!["x@y.de".into()],
        companies: vec!["Fabrikam".into()],
    };
    for (email, company, expected) in [
        ("a@contoso.com", "", kind::INTERNAL),
        ("a@eu.contoso.com", "", kind::INTERNAL),
        ("a@notcontoso.com", "", kind::GENUINE),
        ("X@y.de", "", kind::INTERNAL),
        ("a@b.de", " fabrikam ", kind::INTERNAL),
    ] {
        let document = format!(r#"{{"Email":"{email}","Company":"{company}","LeadSource":"SPZA"}}"#);
        let all = parsed(&[("k", "json", None, document.as_bytes())], &[], &exclude);
        assert_eq!(all.leads.frame().column("kind").unwrap().str().unwrap().get(0), Some(expected), "{email}");
    }
}

#[test]
fn campaigns_are_read_from_every_form_of_notes() {
    for (notes, expected) in [
        ("Campaigns: ", None),
        ("Campaigns: DM-7", Some("DM-7")),
        (r#"{"mktcmpid":"1234","partnerid":"9"}"#, Some("1234")),
        (r#"{\"UTM_Campaign\":\"x\"}"#, Some("x")),
        ("{ not json, a customer's note", None),
        ("https://x/y?src=a&mktcmpid=New1", Some("New1")),
        ("please call", None),
    ] {
        assert_eq!(record::campaign(notes).as_deref(), expected, "{notes}");
    }
}

#[test]
fn the_published_test_lead_is_a_test() {
    let Ok(info) = std::fs::read_to_string("../shared/samples/leads/customer-info-test-lead.json") else { return };
    let row =
        serde_json::json!({ "LeadSource": "AzureMarketplace", "ActionCode": "INS", "CustomerInfo": info }).to_string();
    assert_eq!(shown("entity", None, &row, &["kind", "first_name"]), "test / MSFT_TEST_636737558587117715");
}

#[test]
fn what_is_received_after_the_day_or_erased_is_counted_and_nothing_is_lost() {
    let rows: Vec<(String, String)> = (0..40)
        .map(|i| {
            (
                format!("k{i}"),
                match i % 4 {
                    0 => format!(r#"{{"LeadSource":"SPZA","CreatedTime":"2026-05-0{}T10:00:00Z"}}"#, 1 + i % 7),
                    1 => "not json".to_owned(),
                    _ => r#"{"Email":"a@b.de"}"#.to_owned(),
                },
            )
        })
        .collect();
    let rows: Vec<Raw> = rows.iter().map(|(k, p)| (k.as_str(), "json", None, p.as_bytes())).collect();
    let all = parsed(&rows, &[], &Exclude::default());
    assert_eq!(all.leads.height() + all.quarantine.height() + all.after_as_of + all.forgotten.len(), 40);
    assert!(all.after_as_of > 0 && all.quarantine.height() == 10);
    let none = parsed(&[], &[], &Exclude::default());
    assert_eq!((none.leads.height(), none.quarantine.height()), (0, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_bytes_become_a_lead_or_a_quarantine_row(
        payload in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..80),
            "\\{\"(CustomerInfo|Email|LeadSource|body)\":(\"\\PC{0,20}\"|null|\\[1\\]|\\{\"Email\":\"\\PC{0,9}\"\\})\\}".prop_map(String::into_bytes),
        ],
        header in "[A-Za-z ,;\"@]{0,30}",
        format in 0..3usize,
    ) {
        let format = ["entity", "csv", "bytes"][format];
        let all = parsed(&[("k", format, Some(header.as_bytes()), &payload)], &[], &Exclude::default());
        prop_assert_eq!(all.leads.height() + all.quarantine.height() + all.after_as_of, 1);
    }
}
