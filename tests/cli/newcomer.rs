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

#[test]
fn two_files_and_one_command_tell_the_exact_losses_and_the_configuration_written_for_them_tells_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    set_up(folder);
    let files = ["marketplaceleads.csv", "Marketplace Leads.csv"];
    let told = String::from_utf8(run(folder, &["try", files[0], files[1]], 0).stdout).unwrap();
    for expected in
        ["leads (", "salesforce (", "60 leads; received 2026-04-01", "57 records of 57 rows", "email = E-Mail"]
    {
        assert!(told.contains(expected), "{expected} is missing in\n{told}");
    }
    // The day is that of the newest lead or record: that of the last lead.
    let tried = folder.join("leadrecon-try/2026-04-30");
    let missed = fs::read_to_string(tried.join("tables/missed_leads.csv")).unwrap();
    let mut lost: Vec<&str> = missed.lines().skip(1).filter_map(|l| l.split(',').find(|c| c.contains('@'))).collect();
    lost.sort_unstable();
    let mut expected = LOST.map(email);
    expected.sort();
    assert_eq!(lost, expected, "{missed}");
    assert!(!folder.join("state").exists() && !folder.join("out").exists() && !folder.join("leadrecon.toml").exists());

    let told = String::from_utf8(run(folder, &["init", files[0], files[1]], 0).stdout).unwrap();
    assert!(told.contains("written: leadrecon.toml"), "{told}");
    let written = fs::read_to_string(folder.join("leadrecon.toml")).unwrap();
    assert!(
        written.contains("path = \"marketplaceleads.csv\"") && written.contains("kind = \"salesforce\""),
        "{written}"
    );
    run(folder, &["run", "--as-of", "2026-04-30"], 0);
    let (tried, ran) = (tables(&tried), tables(&folder.join("out/2026-04-30")));
    assert_eq!(tried.keys().collect::<Vec<_>>(), ran.keys().collect::<Vec<_>>());
    for (name, bytes) in &tried {
        assert!(ran[name] == *bytes, "{name} is another with the configuration");
    }

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
