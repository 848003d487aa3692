//! Forgetting by request and by age, looked at as whoever opens the files would: every page of every table, every sheet.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::crash::{a_month_passes, publisher};
use crate::everywhere::holding;
use crate::program::run;
use crate::publisher::{contact, email, export};

/// All that tells who lead `n` is.
fn person(n: usize) -> Vec<String> {
    let contact = contact(n);
    ["FirstName", "LastName", "Email", "Phone", "Company"].map(|f| contact[f].as_str().unwrap().to_owned()).to_vec()
}

/// The files of ours that hold one of the texts.
fn ours(folder: &Path, texts: &[impl AsRef<str>]) -> Vec<String> {
    let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
    ["state", "out"].iter().flat_map(|place| holding(&folder.join(place), &texts)).collect()
}

fn night(folder: &Path, day: &str) {
    run(folder, &["run", "--as-of", day], 0);
}

#[test]
fn a_forgotten_person_is_in_no_file_of_ours_whatever_is_read_changed_or_joined_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    publisher(folder);
    let configuration = fs::read_to_string(folder.join("leadrecon.toml")).unwrap();
    let witness = "[[witness]]\nname = \"portal\"\nexport = [\"portal.csv\"]\n";
    fs::write(folder.join("leadrecon.toml"), configuration + witness).unwrap();
    let who = email(105); // a raw lead and a record
    fs::write(folder.join("portal.csv"), format!("Id,Email,Created date\n1,{who},2025-05-10T10:00:00Z\n")).unwrap();
    night(folder, "2025-07-31");
    // Sales correct the address: there are two versions of the record, and two reports.
    let corrected = "another.address@of-the-same.example";
    let exported = export(0..140, 60..64);
    fs::write(folder.join("salesforce.csv"), exported.replace(&who, corrected)).unwrap();
    night(folder, "2025-08-01");
    let mut texts = person(105);
    texts.push(corrected.to_owned());
    for text in &texts {
        for place in ["state/landing/crm_records", "out/2025-07-31", "out/2025-08-01"] {
            let there = !holding(&folder.join(place), &[text]).is_empty();
            assert!(there || text == corrected || text == &who, "{text} can be found in {place}");
        }
    }

    run(folder, &["forget", &who, "--yes"], 0);
    assert_eq!(ours(folder, &texts), Vec::<String>::new());
    // The source, the CRM and the witness still show the person; the CRM's record even changes.
    fs::write(folder.join("salesforce.csv"), exported.replace("Open - Not Contacted", "Working")).unwrap();
    run(folder, &["run", "--as-of", "2025-08-02", "--rescan"], 0);
    assert_eq!(ours(folder, &texts), Vec::<String>::new());
    for n in 1..4 {
        fs::write(folder.join("salesforce.csv"), exported.replace("Open - Not Contacted", &format!("Step {n}")))
            .unwrap();
        let next = folder.join("raw/2025-9.json");
        fs::write(next, serde_json::json!({ "leadSource": "AzureMarketplace-INS|contoso.mesh", "n": n }).to_string())
            .unwrap();
        night(folder, "2025-08-02");
    }
    a_month_passes(folder, "2025-08", 4);
    let said = run(folder, &["run", "--as-of", "2025-08-03", "--rescan"], 0);
    assert!(String::from_utf8_lossy(&said.stderr).contains("small segments of the landing joined"));
    assert_eq!(ours(folder, &texts), Vec::<String>::new());
}

#[test]
fn by_age_go_leads_and_what_the_crm_corrected_or_no_longer_shows_and_not_what_it_shows() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    publisher(folder);
    fs::write(folder.join("salesforce.csv"), export(0..140, 105..107)).unwrap();
    night(folder, "2025-07-31");
    run(folder, &["replay", "salesforce"], 0);
    let handed_out = || holding(&folder.join("out/replay"), &[&email(105)]);
    assert!(!handed_out().is_empty());
    let (vanished, corrected, lead) = (person(112), email(111), email(113));
    let exported: String =
        export(0..140, 60..64).lines().filter(|l| !l.contains(&vanished[2])).map(|l| format!("{l}\n")).collect();
    fs::write(folder.join("salesforce.csv"), exported.replace(&corrected, "new@of-the-same.example")).unwrap();
    night(folder, "2025-08-01");
    assert!(!ours(folder, &[&corrected]).is_empty());
    // Of leads that came after the day nothing is kept: now all came before it.
    run(folder, &["run"], 0);
    thread::sleep(Duration::from_millis(1100));
    let configuration = fs::read_to_string(folder.join("leadrecon.toml")).unwrap();
    fs::write(folder.join("leadrecon.toml"), format!("[privacy]\nkeep = \"1s\"\n{configuration}")).unwrap();
    let kept = || -> BTreeSet<String> {
        let files = fs::read_dir(folder.join("state/cache")).unwrap().flatten();
        files.map(|file| file.file_name().into_string().unwrap()).collect()
    };
    let before = kept();
    assert!(!before.is_empty());

    for _ in 0..2 {
        run(folder, &["run"], 0);
        assert!(kept().is_disjoint(&before), "what was read of whom is erased is kept no longer");
        assert_eq!(ours(folder, &vanished), Vec::<String>::new());
        assert_eq!(handed_out(), Vec::<String>::new());
        assert_eq!(ours(folder, &[&corrected]), Vec::<String>::new());
        assert!(!ours(folder, &["new@of-the-same.example"]).is_empty(), "the CRM shows it");
        let with_lead = ours(folder, &[&lead]);
        assert!(with_lead.iter().all(|file| file.contains("crm_records")), "{with_lead:?}");
    }
    // It is in the CRM again.
    fs::write(folder.join("salesforce.csv"), export(0..140, 60..64)).unwrap();
    run(folder, &["run"], 0);
    assert!(!ours(folder, &vanished).is_empty(), "what the CRM shows again is known again");
}
