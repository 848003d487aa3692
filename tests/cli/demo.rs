//! The newcomer's first command, and the promise that a day run again is the same day.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::program::{run, table};

/// Every file below a folder but the manifest, with its bytes.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap().flatten() {
            let path = entry.path();
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            if path.is_dir() {
                open.push(path);
            } else if name != "manifest.json" {
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn the_demo_tells_the_balance_the_losses_the_outages_and_where_the_report_is_and_a_second_run_changes_no_byte() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["demo", "publisher"], 0);
    let text = String::from_utf8(output.stdout).unwrap();
    for expected in ["Missed:", "Outages:", "Balance:", "raw leads landed = ", "report.html"] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
    let publisher = folder.path().join("publisher");
    let latest = publisher.join("out/latest");
    let outages = fs::read_to_string(latest.join("tables/outages.csv")).unwrap();
    assert!(outages.contains("salesforce,all,"), "the total outage of Salesforce is found:\n{outages}");
    assert!(
        outages.contains("hubspot,offer=contoso.firewall-r77-10sg-byol,"),
        "the outage of one offer is found:\n{outages}"
    );

    let before = contents(&latest);
    let threads = crate::program::leadrecon(&publisher)
        .args(["run", "--as-of", "2026-06-30", "--quiet"])
        .env("POLARS_MAX_THREADS", "1")
        .output()
        .unwrap();
    assert!(threads.status.success(), "{}", String::from_utf8_lossy(&threads.stderr));
    let after = contents(&latest);
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    for (name, bytes) in &before {
        assert!(after[name] == *bytes, "{name} has other bytes after a second run with one thread");
    }

    // What may fail does so with a sentence.
    let help = String::from_utf8(run(&publisher, &["run", "--config", "nowhere.toml"], 2).stderr).unwrap();
    assert!(help.contains("cannot read the configuration nowhere.toml") && help.contains("hint:"), "{help}");
}

#[test]
fn no_personal_data_stands_in_the_summary_or_in_what_is_said_on_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["demo"], 0);
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).to_lowercase();
    let leads = String::from_utf8(table(&folder.path().join("leadrecon-demo"), "leads")).unwrap();
    let mut reader = leads.lines();
    let at = reader.next().unwrap().split(',').position(|c| c == "email").unwrap();
    let emails: Vec<String> =
        reader.filter_map(|l| l.split(',').nth(at).map(str::to_lowercase)).filter(|e| e.contains('@')).collect();
    assert!(emails.len() > 100);
    for email in emails {
        assert!(!said.contains(&email), "an address was said aloud");
    }
}
