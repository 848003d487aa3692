//! A whole case, three nights long: leads are lost, people are called, the rest is handed back, the books say so.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use calamine::Reader;

use crate::everywhere::holding;
use crate::program::{self, run};

const LEADS: usize = 60;
/// Two whole days in the middle, three leads each.
const LOST: std::ops::Range<usize> = 33..39;

fn received(n: usize) -> String {
    format!("2026-05-{:02}T{:02}:15:00Z", 1 + n / 3, 9 + 3 * (n % 3))
}

fn name(n: usize) -> (&'static str, String) {
    let first = ["Ann", "Bert", "Chloe", "Dmitri", "Erika", "Farid", "Grace", "Hugo", "Ines", "Jonas"][n % 10];
    let last = ["Abel", "Brandt", "Costa", "Dupont", "Eriksen", "Fischer"][n / 10];
    (first, format!("{last}{}", ["", "son", "ova"][n % 3]))
}

fn write_leads(folder: &Path) {
    let mut text = String::new();
    for n in 0..LEADS {
        let (first, last) = name(n);
        let info = serde_json::json!({
            "FirstName": first, "LastName": last, "Email": format!("{first}.{last}@firm{n}.example"),
            "Phone": format!("+49 30 {:07}", 2_345_670 + 13 * n), "Country": "Germany",
            "Company": format!("Firm {n} \"Süd\", GmbH"), "Title": "CTO",
        });
        let entity = serde_json::json!({
            "PartitionKey": "2026-05", "RowKey": format!("row-{n:03}"), "Timestamp": received(n),
            "ProductId": "contoso.mesh", "CustomerInfo": info.to_string(), "LeadSource": "AzureMarketplace",
            "ActionCode": if n % 2 == 0 { "INS" } else { "PLT" }, "PublisherDisplayName": "Contoso",
            "OfferDisplayName": "Data Mesh", "CreatedTime": received(n), "Description": "",
        });
        text += &entity.to_string();
        text.push('\n');
    }
    fs::create_dir_all(folder.join("raw")).unwrap();
    fs::write(folder.join("raw/leads.ndjson"), text).unwrap();
}

/// The CRM's export: what was delivered at once, and rows that were imported later.
fn write_export(folder: &Path, imported: &[BTreeMap<String, String>], at: &str) {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record([
            "Id", "FirstName", "LastName", "Email", "Phone", "Company", "LeadSource", "Status", "OwnerId",
            "CreatedDate", "LastModifiedDate",
        ])
        .unwrap();
    for n in (0..LEADS).filter(|n| !LOST.contains(n)) {
        let (first, last) = name(n);
        let created = received(n).replace(":15:00Z", ":19:00.000Z");
        let source = format!("AzureMarketplace-{}|contoso.mesh", if n % 2 == 0 { "INS" } else { "PLT" });
        let (id, email) = (format!("00Q0000000{n:05}EAA"), format!("{first}.{last}@firm{n}.example"));
        let phone = format!("+49 30 {:07}", 2_345_670 + 13 * n);
        let company = format!("Firm {n} \"Süd\", GmbH");
        writer
            .write_record([&id, first, &last, &email, &phone, &company, &source, "Open", "005A", &created, &created])
            .unwrap();
    }
    for (n, row) in imported.iter().enumerate() {
        let of = |column: &str| row.get(column).cloned().unwrap_or_default();
        let id = format!("00Q0000001{n:05}EAA");
        writer
            .write_record([
                &id,
                &of("FirstName"),
                &of("LastName"),
                &of("Email"),
                &of("Phone"),
                &of("Company"),
                &of("LeadSource"),
                "Open",
                &of("OwnerId"),
                at,
                at,
            ])
            .unwrap();
    }
    fs::create_dir_all(folder.join("exports")).unwrap();
    fs::write(folder.join("exports/leads.csv"), writer.into_inner().unwrap()).unwrap();
}

fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

fn table(folder: &Path, name: &str) -> Vec<BTreeMap<String, String>> {
    let table = program::table(folder, name);
    csv::Reader::from_reader(&table[..]).deserialize().map(Result::unwrap).collect()
}

fn statuses(folder: &Path) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for row in table(folder, "missed_leads") {
        *counts.entry(row["status"].clone()).or_default() += 1;
    }
    counts
}

fn counts(of: &[(&str, usize)]) -> BTreeMap<String, usize> {
    of.iter().map(|(status, n)| ((*status).to_owned(), *n)).collect()
}

/// The call list as a spreadsheet program shows it: headings and rows of texts.
fn call_list(folder: &Path) -> Vec<Vec<String>> {
    let mut book: calamine::Xlsx<_> = calamine::open_workbook(folder.join("out/latest/call-list.xlsx")).unwrap();
    let sheet = book.sheet_names()[0].clone();
    let range = book.worksheet_range(&sheet).unwrap();
    range.rows().map(|row| row.iter().map(ToString::to_string).collect()).collect()
}

#[test]
fn lost_leads_are_called_closed_handed_back_and_recovered_and_nothing_is_handed_out_twice() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_leads(folder);
    write_export(folder, &[], "");
    configure(folder);

    // First night: six are lost, all new, all on the call list.
    run(folder, &["run", "--as-of", "2026-05-21"], 0);
    assert_eq!(statuses(folder), counts(&[("new", 6)]));
    assert_eq!(table(folder, "outages").len(), 1);
    let list = call_list(folder);
    assert_eq!(list.len(), 7);
    let column = |title: &str| list[0].iter().position(|heading| heading == title).unwrap();
    assert!(list[1][column("Phone")].starts_with("+49 30 "), "phones are texts: {}", list[1][column("Phone")]);
    assert!(list[1..4].iter().all(|row| row[column("What they did")].starts_with("asked to be contacted")));

    // Two are settled in the list, saved by a spreadsheet program as CSV; one by command.
    let mut saved = csv::WriterBuilder::new().delimiter(b';').from_writer("\u{feff}".as_bytes().to_vec());
    for (n, row) in list.iter().enumerate() {
        let mut row = row.clone();
        if n == 1 || n == 2 {
            row[column("Outcome")] = "called".to_owned();
        }
        saved.write_record(&row).unwrap();
    }
    fs::write(folder.join("worked.csv"), saved.into_inner().unwrap()).unwrap();
    let third = list[3][column("Lead ID")].clone();
    run(folder, &["close", &third, "--as", "junk", "--note", "a student"], 0);
    run(folder, &["close", "nobody@nowhere.example", "--as", "junk"], 2);
    run(folder, &["close", &third, "--as", "perhaps"], 2);

    // Second night: three are settled and stay in the history; three are open and handed back.
    run(folder, &["run", "--as-of", "2026-05-22"], 0);
    assert_eq!(statuses(folder), counts(&[("closed", 3), ("open", 3)]));
    assert_eq!(call_list(folder).len(), 4);
    run(folder, &["replay", "salesforce", "--limit", "1"], 0);
    run(folder, &["replay", "salesforce"], 0);
    let nothing = run(folder, &["replay", "salesforce"], 0);
    assert!(String::from_utf8_lossy(&nothing.stdout).contains("handed out before"));
    let mut files: Vec<_> = fs::read_dir(folder.join("out/replay")).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 2);
    let mut imported: Vec<BTreeMap<String, String>> = files.iter().flat_map(|file| rows(file)).collect();
    imported.sort();
    imported.dedup();
    assert_eq!(imported.len(), 3, "three leads, each handed out once");
    for row in &imported {
        assert!(
            ["AzureMarketplace-INS|contoso.mesh", "AzureMarketplace-PLT|contoso.mesh"].contains(&&*row["LeadSource"])
        );
        assert_eq!(row["OwnerId"], "005A");
        assert!(row["Phone"].starts_with("+49 30 "), "exact, not neutralised");
        assert!(row["Company"].contains("\"Süd\", GmbH"));
        assert!(row["Description"].contains("Received 2026-05-1"), "the original time: {}", row["Description"]);
    }

    // Third night: the CRM's next export holds them.
    write_export(folder, &imported, "2026-05-23T08:00:00.000Z");
    run(folder, &["run", "--as-of", "2026-05-23"], 0);
    assert_eq!(statuses(folder), counts(&[("closed", 3)]));
    let recovered = table(folder, "recovered_leads");
    assert_eq!(recovered.len(), 3);
    assert!(
        recovered.iter().all(|row| row["first_reported_on"] == "2026-05-21" && row["recovered_on"] == "2026-05-23")
    );
    assert!(recovered.iter().all(|row| row["waited_seconds"].parse::<f64>().unwrap() > 86_400.0));
    assert_eq!(call_list(folder).len(), 1, "nobody is left to call");
    run(folder, &["replay", "salesforce"], 0);
    assert_eq!(fs::read_dir(folder.join("out/replay")).unwrap().count(), 2);

    // A day that is run again says the same.
    let before = fs::read(folder.join("out/2026-05-23/summary.json")).unwrap();
    run(folder, &["run", "--as-of", "2026-05-23"], 0);
    assert_eq!(fs::read(folder.join("out/2026-05-23/summary.json")).unwrap(), before);
    assert_eq!(statuses(folder), counts(&[("closed", 3)]));
}

fn configure(folder: &Path) {
    fs::write(
        folder.join("leadrecon.toml"),
        "[missed]\nworked = \"worked.csv\"\n[[source]]\nname = \"dump\"\nkind = \"files\"\npath = \"raw/*\"\n\
         [[destination]]\nname = \"salesforce\"\nkind = \"salesforce\"\nexport = [\"exports/*.csv\"]\n\
         [destination.replay]\nset = { OwnerId = \"005A\" }\n",
    )
    .unwrap();
}

#[test]
fn a_forgotten_person_is_gone_from_everything_and_is_not_landed_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_leads(folder);
    write_export(folder, &[], "");
    configure(folder);
    run(folder, &["run", "--as-of", "2026-05-21"], 0);
    let lost = &table(folder, "missed_leads")[0];
    let (mail, id) = (lost["email"].clone(), lost["lead_id"].clone());
    run(folder, &["replay", "salesforce"], 0);
    assert!(!holding(&folder.join("out"), &[&mail]).is_empty());
    let (first, last) = name(0);
    let delivered = format!("{first}.{last}@firm0.example");

    run(folder, &["close", &id, "--as", "called"], 0);
    fs::write(folder.join("worked.csv"), format!("lead_id,outcome\n{id},called\n")).unwrap();
    let said = run(folder, &["forget", &mail, "--yes"], 0);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("proof") && !said.contains(&mail), "{said}");
    assert!(said.contains("worked.csv"), "a file of the user's that names the person is said: {said}");
    let said = run(folder, &["forget", &delivered, "--yes"], 0);
    assert!(!String::from_utf8_lossy(&said.stdout).contains("worked.csv"));
    run(folder, &["forget", &delivered, "--yes"], 2);
    for gone in [&mail, &delivered] {
        assert_eq!(holding(&folder.join("out"), &[gone]), Vec::<String>::new());
        assert_eq!(holding(&folder.join("state"), &[gone]), Vec::<String>::new());
    }
    assert!(
        table(folder, "missed_leads").iter().any(|row| row["lead_id"] == id && row["email"].is_empty()),
        "ids stay"
    );

    // The source still holds them; the next night neither lands them again nor loses its balance.
    run(folder, &["run", "--as-of", "2026-05-22", "--rescan"], 0);
    assert_eq!(table(folder, "leads").len(), LEADS - 2);
    for gone in [&mail, &delivered] {
        assert_eq!(holding(&folder.join("out"), &[gone]), Vec::<String>::new());
    }
    let summary = fs::read_to_string(folder.join("out/latest/summary.txt")).unwrap();
    assert!(summary.contains("60 raw leads landed = 58 leads") && summary.contains("2 forgotten"), "{summary}");
}

#[test]
fn a_forgotten_person_leaves_what_witnesses_told_and_what_close_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_leads(folder);
    write_export(folder, &[], "");
    configure(folder);
    let text = fs::read_to_string(folder.join("leadrecon.toml")).unwrap();
    let text = text.replace("[missed]\nworked = \"worked.csv\"\n", "")
        + "[[witness]]\nname = \"portal\"\nexport = [\"portal.csv\"]\n";
    fs::write(folder.join("leadrecon.toml"), text).unwrap();
    let stranger = "no.lead@nowhere.example";
    fs::write(
        folder.join("portal.csv"),
        format!(
            "Id,Email,Created date\n1,{stranger},2026-05-10T10:00:00Z\n2,other@nowhere.example,2026-05-11T10:00:00Z\n"
        ),
    )
    .unwrap();
    run(folder, &["run", "--as-of", "2026-05-21"], 0);
    assert!(table(folder, "lost_at_source").iter().any(|row| row["email"] == stranger));
    let lost = table(folder, "missed_leads").swap_remove(0);
    run(folder, &["close", &lost["lead_id"], "--as", "called", "--note", &lost["email"]], 0);
    assert!(!holding(&folder.join("state"), &[&lost["email"]]).is_empty(), "the note names the person");

    for gone in [stranger, &lost["email"]] {
        run(folder, &["forget", gone, "--yes"], 0);
        for place in ["out", "state"] {
            assert_eq!(holding(&folder.join(place), &[gone]), Vec::<String>::new());
        }
    }
    run(folder, &["run", "--as-of", "2026-05-22"], 0);
    assert_eq!(holding(&folder.join("out"), &[stranger]), Vec::<String>::new(), "the witness still has it, we do not");
}

#[test]
fn leads_that_are_too_old_are_erased_from_the_landing_and_from_older_reports() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_leads(folder);
    write_export(folder, &[], "");
    configure(folder);
    let text = fs::read_to_string(folder.join("leadrecon.toml")).unwrap();
    fs::write(folder.join("leadrecon.toml"), format!("[output]\ncsv = \"all\"\n{text}")).unwrap();
    run(folder, &["run", "--as-of", "2026-05-21"], 0);
    // Leads 0 to 20 are of the first seven days.
    fs::write(folder.join("leadrecon.toml"), format!("[output]\ncsv = \"all\"\n[privacy]\nkeep = \"15d\"\n{text}"))
        .unwrap();
    run(folder, &["run", "--as-of", "2026-05-22"], 0);
    for day in ["2026-05-21", "2026-05-22"] {
        let tables = folder.join("out").join(day).join("tables");
        for name in ["leads", "people"] {
            let named = rows(&tables.join(format!("{name}.csv"))).iter().filter(|r| !r["email"].is_empty()).count();
            assert_eq!(named, LEADS - 21, "{name} of {day}");
        }
        assert!(folder.join("out").join(day).join("report.html").exists(), "nobody so old is listed in it");
    }
    let summary = fs::read_to_string(folder.join("out/latest/summary.txt")).unwrap();
    assert!(summary.contains("60 raw leads landed = 39 leads") && summary.contains("21 forgotten"), "{summary}");
}
