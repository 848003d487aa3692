//! What a user meets when something is wrong: the exit status, and a sentence to act on.

use std::fs;
use std::path::Path;

use crate::program::{leadrecon, run};

const LEAD: &str = r#"{"userDetails":{"firstName":"Some","lastName":"One","email":"someone@contoso.example","phone":"16175555555","country":"USA","company":"Contoso","title":"Esquire"},"leadSource":"AzureMarketplace","actionCode":"INS","offerTitle":"Test Microsoft","description":""}"#;
const FILES: &str = "[[source]]\nname = \"dump\"\nkind = \"files\"\npath = \"raw/*\"\n";

fn publisher(configuration: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("raw")).unwrap();
    fs::write(folder.path().join("raw/lead.json"), LEAD).unwrap();
    fs::write(folder.path().join("leadrecon.toml"), configuration).unwrap();
    folder
}

fn error(folder: &Path, args: &[&str], status: i32) -> String {
    String::from_utf8(run(folder, args, status).stderr).unwrap()
}

#[test]
fn a_source_alone_is_a_configuration_and_a_lead_that_goes_nowhere_is_said() {
    let folder = publisher(FILES);
    run(folder.path(), &["run", "--quiet"], 0);
    let findings = fs::read_to_string(folder.path().join("out/latest/tables/findings.csv")).unwrap();
    assert!(findings.contains("not-routed"), "{findings}");
    run(folder.path(), &["run", "--quiet", "--fail-on", "page,mail,list"], 1);
}

#[test]
fn a_wrong_configuration_stops_before_any_work_with_every_problem_and_the_key_that_was_meant() {
    let folder = publisher("[outptu]\ndir = \"x\"\n[[source]]\nname = \"A b\"\nkind = \"files\"\n");
    let text = error(folder.path(), &["run"], 2);
    for expected in ["3 problems", "did you mean \"output\"?", "path is missing", "hint:"] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
    assert!(!folder.path().join("state").exists() && !folder.path().join("out").exists());
}

#[test]
fn a_missing_secret_and_a_missing_export_make_the_run_incomplete_and_name_what_to_set() {
    let folder = publisher(&format!(
        "{FILES}[[source]]\nname = \"table\"\nkind = \"azure-table\"\naccount = \"nosuch\"\ntable = \"leads\"\nauth = {{ key_env = \"NO_SUCH_KEY\" }}\n\
         [[destination]]\nname = \"crm\"\nkind = \"salesforce\"\nexport = [\"exports/*.csv\"]\n"
    ));
    let text = error(folder.path(), &["run"], 3);
    assert!(text.contains("NO_SUCH_KEY"), "{text}");
    let verdicts = fs::read_to_string(folder.path().join("out/latest/tables/reconciliation.csv")).unwrap();
    assert!(
        verdicts.contains("pending,no-export"),
        "nothing is concluded from an export that is not there:\n{verdicts}"
    );
    let summary = fs::read_to_string(folder.path().join("out/latest/summary.txt")).unwrap();
    assert!(summary.contains("INCOMPLETE"), "{summary}");
}

#[test]
fn a_broken_record_is_quarantined_with_its_reason_and_the_others_are_read() {
    let folder = publisher(FILES);
    fs::write(folder.path().join("raw/broken.json"), "{\"userDetails\": {\"firstName\": \"Ada\"").unwrap();
    fs::write(folder.path().join("raw/noise.bin"), [0u8, 159, 146, 150, 1, 2, 255]).unwrap();
    run(folder.path(), &["run", "--quiet"], 0);
    let tables = folder.path().join("out/latest/tables");
    let quarantine = fs::read_to_string(tables.join("quarantine.csv")).unwrap();
    assert!(quarantine.contains("not-json") && quarantine.contains("not-text"), "{quarantine}");
    assert_eq!(fs::read_to_string(tables.join("leads.csv")).unwrap().lines().count(), 2);
}

#[test]
fn a_run_that_finds_another_at_work_exits_5_and_one_for_an_older_day_leaves_latest_alone() {
    let folder = publisher(FILES);
    run(folder.path(), &["run", "--quiet", "--as-of", "2026-05-04"], 0);
    run(folder.path(), &["run", "--quiet", "--as-of", "2026-05-01"], 0);
    assert_eq!(fs::read_link(folder.path().join("out/latest")).unwrap(), Path::new("2026-05-04"));
    let lock = fs::File::open(folder.path().join("state/lock")).unwrap();
    lock.lock().unwrap();
    let output = leadrecon(folder.path()).args(["run"]).output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{}", String::from_utf8_lossy(&output.stderr));
}
