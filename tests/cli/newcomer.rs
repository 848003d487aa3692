//! A newcomer with two files: a Storage Explorer CSV of the lead table and a Salesforce report in German.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::program::run;

const LEADS: usize = 60;
/// Who never arrived.
const LOST: [usize; 3] = [7, 23, 41];
const NAMES: [&str; 6] = ["Ritter", "Müller", "Weiß", "Jäger", "Köhler", "Lang"];

fn email(n: usize) -> String {
    format!("person{n}@firma{n}.example")
}

/// Half a day between leads, from 1 April 2026 08:00 UTC.
fn received(n: usize) -> (usize, usize) {
    (1 + n / 2, 8 + n % 2 * 7)
}

fn set_up(folder: &Path) {
    let mut table = "PartitionKey,RowKey,Timestamp,CustomerInfo,LeadSource,OfferDisplayName,CreatedTime\r\n".to_owned();
    // A report in German: semicolons, days first, times of Berlin (two hours ahead), a copyright at its end.
    let mut report = "\"Vorname\";\"Nachname\";\"Unternehmen / Account\";\"E-Mail\";\"Telefon\";\"Lead-Quelle\";\
        \"Erstelldatum\";\"Letzte Änderung\";\"Lead-Inhaber\";\"Lead-Status\"\n"
        .to_owned();
    for n in 0..LEADS {
        let (day, hour) = received(n);
        let (name, email) = (NAMES[n % NAMES.len()], email(n));
        let source = "AzureMarketplace-PLT|contoso.data-mesh-pro";
        let _ = write!(
            table,
            "p{n},r{n},2026-04-{day:02}T{hour:02}:00:05.1234567Z,\"{{\"\"FirstName\"\":\"\"Ida{n}\"\",\"\"LastName\"\":\
             \"\"{name}{n}\"\",\"\"Email\"\":\"\"{email}\"\",\"\"Company\"\":\"\"Firma {n} GmbH\"\"}}\",{source},Data Mesh \
             Pro,2026-04-{day:02}T{hour:02}:00:00Z\r\n"
        );
        if !LOST.contains(&n) {
            let at = format!("{day:02}.04.2026 {:02}:0{}", hour + 2, 2 + n % 3);
            let _ = writeln!(
                report,
                "\"Ida{n}\";\"{name}{n}\";\"Firma {n} GmbH\";\"{email}\";\"\";\"{source}\";\"{at}\";\"{at}\";\"Kim \
                 Sommer\";\"Offen\""
            );
        }
    }
    report += "\n\"Copyright (c) 2000-2026 salesforce.com, inc. Alle Rechte vorbehalten.\"\n";
    fs::write(folder.join("marketplaceleads.csv"), table).unwrap();
    // As Salesforce writes a report for a German Excel.
    let western: Vec<u8> = report.chars().map(|c| u8::try_from(c).unwrap()).collect();
    fs::write(folder.join("Marketplace Leads.csv"), western).unwrap();
}

/// The tables of a report as CSV, by name.
fn tables(folder: &Path) -> BTreeMap<String, String> {
    let files = fs::read_dir(folder.join("tables")).unwrap().flatten().map(|entry| entry.path());
    let read = |path: &Path| fs::read(path).unwrap();
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    files.map(|path| (name(&path), format!("{:?}", read(&path)))).collect()
}

/// The e-mails of missed leads, sorted.
fn lost(tables: &Path) -> Vec<String> {
    let missed = fs::read_to_string(tables.join("tables/missed_leads.csv")).unwrap();
    let mut lost: Vec<String> =
        missed.lines().skip(1).filter_map(|l| Some(l.split(',').find(|c| c.contains('@'))?.to_owned())).collect();
    lost.sort_unstable();
    lost
}

fn expected() -> Vec<String> {
    let mut expected = LOST.map(email).to_vec();
    expected.sort_unstable();
    expected
}

/// The day of every report here: that of the newest lead or record, which is the last lead.
const DAY: &str = "2026-04-30";

/// Tries the files, writes a configuration for them, runs it, and expects the same tables.
#[track_caller]
fn tells_the_same(folder: &Path, files: &[&str]) -> String {
    let told = String::from_utf8(run(folder, &[&["try"], files].concat(), 0).stdout).unwrap();
    let tried = folder.join("leadrecon-try").join(DAY);
    assert_eq!(lost(&tried), expected(), "{told}");
    for ours in ["state", "out", "leadrecon.toml"] {
        assert!(!folder.join(ours).exists(), "{ours} was left behind by try");
    }
    let written = String::from_utf8(run(folder, &[&["init"], files].concat(), 0).stdout).unwrap();
    assert!(written.contains("written: leadrecon.toml"), "{written}");
    run(folder, &["run", "--as-of", DAY], 0);
    let (tried, ran) = (tables(&tried), tables(&folder.join("out").join(DAY)));
    assert_eq!(tried.keys().collect::<Vec<_>>(), ran.keys().collect::<Vec<_>>());
    for (name, bytes) in &tried {
        assert!(ran[name] == *bytes, "{name} is another with the configuration");
    }
    told
}

/// A workbook of one sheet.
fn workbook(rows: &[Vec<String>]) -> Vec<u8> {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (row, cells) in rows.iter().enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            sheet.write_string(u32::try_from(row).unwrap(), u16::try_from(column).unwrap(), cell).unwrap();
        }
    }
    book.save_to_buffer().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// An export under these labels, of every lead but the lost: `row` gives the cells before name, e-mail, source and time.
fn export(labels: &str, first: impl Fn(usize) -> String) -> Vec<Vec<String>> {
    let row = |n: usize| {
        let (day, hour) = received(n);
        let name = format!("{}{n}", NAMES[n % NAMES.len()]);
        let at = format!("2026-04-{day:02} {hour:02}:0{}:00", 2 + n % 3);
        let source = "AzureMarketplace-PLT|contoso.data-mesh-pro".to_owned();
        vec![first(n), format!("Ida{n}"), name, email(n), format!("Firma {n} GmbH"), source, at]
    };
    let header = labels.split(',').map(str::to_owned).collect();
    std::iter::once(header).chain((0..LEADS).filter(|n| !LOST.contains(n)).map(row)).collect()
}

#[test]
fn leads_in_several_files_beside_the_folder_are_all_read() {
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path().join("here");
    fs::create_dir(&here).unwrap();
    fs::create_dir_all(dir.path().join("raw/more")).unwrap();
    set_up(dir.path());
    let table = fs::read_to_string(dir.path().join("marketplaceleads.csv")).unwrap();
    let lines: Vec<&str> = table.split_inclusive('\n').collect();
    let (header, rows) = lines.split_first().unwrap();
    let (first, second) = rows.split_at(LEADS / 2);
    for (name, rows) in [("raw/a.csv", first), ("raw/more/b.txt", second)] {
        fs::write(dir.path().join(name), (*header).to_owned() + &rows.concat()).unwrap();
    }
    fs::write(dir.path().join("raw/note.txt"), "what these are\n").unwrap();
    tells_the_same(&here, &["../raw/a.csv", "../raw/more/b.txt", "../Marketplace Leads.csv"]);
}

#[test]
fn workbooks_packed_files_folders_and_posted_bodies_are_understood_and_the_configuration_for_them_tells_the_same() {
    let hubspot = "Record ID,First Name,Last Name,Email,Company Name,Lead Source,Create Date";
    let dynamics = "(Do Not Modify) Lead,First Name,Last Name,Email,Company Name,Topic,Created On";
    let marketo = "Id,First Name,Last Name,Email Address,Company Name,Lead Source,Created At";
    let bodies: String = (0..LEADS)
        .map(|n| {
            let (day, hour) = received(n);
            format!(
                "{{\"userDetails\":{{\"firstName\":\"Ida{n}\",\"lastName\":\"{}{n}\",\"email\":\"{}\",\"company\":\
                 \"Firma {n} GmbH\"}},\"leadSource\":\"AzureMarketplace-PLT|contoso.data-mesh-pro\",\"createdTime\":\
                 \"2026-04-{day:02}T{hour:02}:00:00Z\"}}\n",
                NAMES[n % NAMES.len()],
                email(n)
            )
        })
        .collect();

    let dir = tempfile::tempdir().unwrap();
    set_up(dir.path());
    let contacts = workbook(&export(hubspot, |n| (100_000_001 + n).to_string()));
    fs::write(dir.path().join("all contacts.xlsx"), contacts).unwrap();
    let told = tells_the_same(dir.path(), &["marketplaceleads.csv", "all contacts.xlsx"]);
    assert!(told.contains("hubspot (") && told.contains("workbook"), "{told}");

    let dir = tempfile::tempdir().unwrap();
    for folder in ["raw", "crm"] {
        fs::create_dir(dir.path().join(folder)).unwrap();
    }
    fs::write(dir.path().join("raw/bodies.ndjson"), &bodies).unwrap();
    let view = workbook(&export(dynamics, |n| format!("5f1d3a52-{n:04}-e811-a95e-000d3a1b2c3d")));
    fs::write(dir.path().join("crm/My Open Leads.xlsx"), view).unwrap();
    let told = tells_the_same(dir.path(), &["raw", "crm"]);
    assert!(told.contains("dynamics ("), "{told}");

    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("bodies.ndjson.gz"), gzip(bodies.as_bytes())).unwrap();
    let people: String = export(marketo, |n| (1000 + n).to_string()).iter().map(|row| row.join(",") + "\n").collect();
    fs::write(dir.path().join("People [all].csv.gz"), gzip(people.as_bytes())).unwrap();
    let told = tells_the_same(dir.path(), &["bodies.ndjson.gz", "People [all].csv.gz"]);
    assert!(told.contains("marketo ("), "{told}");
}

#[test]
fn two_files_and_one_command_tell_the_exact_losses_and_the_configuration_written_for_them_tells_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    set_up(folder);
    let files = ["marketplaceleads.csv", "Marketplace Leads.csv"];
    let told = tells_the_same(folder, &files);
    for expected in
        ["leads (", "salesforce (", "60 leads; received 2026-04-01", "57 records of 57 rows", "email = E-Mail"]
    {
        assert!(told.contains(expected), "{expected} is missing in\n{told}");
    }
    let written = fs::read_to_string(folder.join("leadrecon.toml")).unwrap();
    assert!(
        written.contains("path = \"marketplaceleads.csv\"") && written.contains("kind = \"salesforce\""),
        "{written}"
    );

    // What is there is never written over; what nobody can read is said.
    let refused = run(folder, &["init", files[0]], 2);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is there already"));
    assert_eq!(fs::read_to_string(folder.join("leadrecon.toml")).unwrap(), written);
    let refused = run(folder, &["try", files[1]], 2);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no raw leads"));
    let overruled = run(folder, &["try", files[0], "csv=Marketplace Leads.csv", "--as-of", "2026-04-29"], 0);
    let overruled = String::from_utf8(overruled.stdout).unwrap();
    assert!(overruled.contains("csv (as you say)") && overruled.contains("as of 2026-04-29"), "{overruled}");
}

#[test]
fn every_key_and_a_man_page_for_each_command_are_printed() {
    let dir = tempfile::tempdir().unwrap();
    let example = String::from_utf8(run(dir.path(), &["init", "--example"], 0).stdout).unwrap();
    assert!(example.contains("[[destination]]") && fs::read_dir(dir.path()).unwrap().next().is_none());
    run(dir.path(), &["init"], 0);
    let told = String::from_utf8(run(dir.path(), &["check"], 3).stdout).unwrap();
    assert!(
        told.contains("LEADS_CONNECTION") && told.contains("to fix"),
        "the starter parses, and is to be filled in: {told}"
    );
    run(dir.path(), &["man", "pages"], 0);
    let page = fs::read_to_string(dir.path().join("pages/leadrecon-try.1")).unwrap();
    assert!(page.contains("Examples:") && dir.path().join("pages/leadrecon.1").is_file(), "{page}");
    let recipe = String::from_utf8(run(dir.path(), &["check", "--recipe", "salesforce"], 0).stdout).unwrap();
    assert!(recipe.contains("sf data") && recipe.contains("Marketplace_Row__c"), "{recipe}");
}

#[test]
fn lines_of_the_log_have_a_time_in_a_file_and_are_json_where_asked() {
    let dir = tempfile::tempdir().unwrap();
    set_up(dir.path());
    run(dir.path(), &["init", "marketplaceleads.csv"], 0);
    let logged = |arguments: &[&str]| {
        let log = fs::File::create(dir.path().join("log")).unwrap();
        let mut program = crate::program::leadrecon(dir.path());
        program.args(arguments).stderr(log).stdout(std::process::Stdio::null());
        assert!(program.status().unwrap().success());
        fs::read_to_string(dir.path().join("log")).unwrap()
    };
    let text = logged(&["run", "--as-of", "2026-04-30"]);
    let is_time = |word: &str| word.len() == 20 && word.starts_with("20") && word.ends_with('Z');
    assert!(!text.is_empty() && text.lines().all(|l| l.split(' ').next().is_some_and(is_time)), "{text}");
    let json = logged(&["run", "--as-of", "2026-04-30", "--log-format", "json"]);
    for line in json.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(is_time(line["timestamp"].as_str().unwrap()) && line["message"].is_string(), "{line}");
    }
    assert!(json.lines().count() > 3, "{json}");
}
