//! A job whose machine keeps no disk: the state and the report live in Blob storage.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::azurite_server::{Azurite, KEY};
use crate::everywhere::holding;
use crate::faults::Faulty;
use crate::program::leadrecon;

const DAYS: [&str; 2] = ["2026-04-15", "2026-04-30"];

/// Lays down what a machine has: the configuration, and the leads and the export of that day.
fn machine(azurite: &Azurite, folder: &Path, day: &str, refresh: &str) {
    machine_at(&azurite.blob_endpoint(), folder, day, refresh);
}

fn machine_at(endpoint: &str, folder: &Path, day: &str, refresh: &str) {
    let until: usize = day[8..].parse().unwrap();
    let mut raw = String::new();
    let mut export = "Id,Email,LastName,LeadSource,CreatedDate\n".to_owned();
    for n in 0..until {
        let (day, email) = (1 + n, format!("person{n}@firma{n}.example"));
        raw += &format!(
            "{{\"PartitionKey\":\"p\",\"RowKey\":\"r{n}\",\"Email\":\"{email}\",\"LastName\":\"Ritter{n}\",\
             \"LeadSource\":\"AzureMarketplace-PLT|contoso.mesh\",\"CreatedTime\":\"2026-04-{day:02}T08:00:00Z\"}}\n"
        );
        if n != 5 && n != 20 {
            export += &format!(
                "00Q5g0000{n:06}AAA,{email},Ritter{n},AzureMarketplace-PLT|contoso.mesh,2026-04-{day:02}T08:03:00Z\n"
            );
        }
    }
    for (name, text) in [("raw.ndjson", raw), ("leads.csv", export), ("secret.key", KEY.to_owned())] {
        fs::write(folder.join(name), text).unwrap();
        let at = std::time::UNIX_EPOCH + Duration::from_secs(1_777_593_600);
        fs::File::options().append(true).open(folder.join(name)).unwrap().set_modified(at).unwrap();
    }
    let auth = format!("auth = {{ key_file = \"secret.key\" }}\nendpoint = \"{endpoint}\"");
    let text = format!(
        "[state]\nmirror = \"az://devstoreaccount1/job/state\"\n{auth}\n\
         [output]\nmirror = \"az://devstoreaccount1/job/out\"\n{auth}\n\
         [[source]]\nname = \"raw\"\nkind = \"files\"\npath = \"raw.ndjson\"\n\
         [[destination]]\nname = \"crm\"\nkind = \"salesforce\"\nexport = [\"leads.csv\"]\n{refresh}\n"
    );
    fs::write(folder.join("leadrecon.toml"), text).unwrap();
}

#[track_caller]
fn expect(output: &Output, status: i32) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{said}");
    assert!(!said.contains(KEY), "{said}");
    said
}

fn night(folder: &Path, day: &str) -> Output {
    leadrecon(folder).args(["run", "--as-of", day]).output().unwrap()
}

/// Starts a night that waits in the middle, and says when it is there.
fn begun(folder: &Path, day: &str) -> Child {
    let child =
        leadrecon(folder).args(["run", "--as-of", day]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while !folder.join("in-the-middle").exists() {
        assert!(Instant::now() < until, "the night did not come to its middle");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

const WAITS: &str = "refresh = [\"sh\", \"-c\", \"touch leads.csv in-the-middle; sleep 4\"]";

/// The published files but the manifest.
fn published(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap().flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if path.is_dir() {
                open.push(path);
            } else if name != "manifest.json" {
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn start() -> Azurite {
    let azurite = Azurite::start();
    azurite.make_container("job");
    azurite
}

#[test]
fn each_night_on_an_empty_machine_is_the_night_of_one_machine_and_the_mirrors_hold_what_is_needed() {
    let azurite = start();
    let one = tempfile::tempdir().unwrap();
    let mut last = tempfile::tempdir().unwrap();
    for day in DAYS {
        last = tempfile::tempdir().unwrap();
        machine(&azurite, last.path(), day, "");
        expect(&night(last.path(), day), 0);
        // The same on a machine with a disk, and without mirrors.
        machine(&azurite, one.path(), day, "");
        without_mirrors(one.path());
        expect(&night(one.path(), day), 0);
    }
    let day = DAYS[1];
    let (mirrored, plain) =
        (published(&last.path().join("out").join(day)), published(&one.path().join("out").join(day)));
    assert_eq!(mirrored.keys().collect::<Vec<_>>(), plain.keys().collect::<Vec<_>>());
    for (name, bytes) in &plain {
        assert!(mirrored[name] == *bytes, "{name} is another on an empty machine");
    }
    let names = azurite.blob_names("job");
    for expected in
        ["state/head.json", "out/2026-04-15/report.html", "out/2026-04-30/report.html", "out/latest/report.html"]
    {
        assert!(names.iter().any(|name| name == expected), "{expected} is not in {names:?}");
    }

    // A question is answered, a lead closed and a person forgotten from a machine that has nothing.
    let far = tempfile::tempdir().unwrap();
    machine(&azurite, far.path(), day, "");
    let ask = |args: &[&str]| leadrecon(far.path()).args(args).output().unwrap();
    let said = expect(&ask(&["query", "select email from missed_leads order by email"]), 0);
    assert!(said.contains("person20@") && said.contains("person5@"), "{said}");
    expect(&ask(&["close", "person5@firma5.example", "--as", "called"]), 0);
    expect(&ask(&["forget", "person20@firma20.example", "--yes"]), 0);
    let next = tempfile::tempdir().unwrap();
    machine(&azurite, next.path(), day, "");
    let said = expect(&night(next.path(), day), 0);
    assert!(said.contains("1 closed"), "the closing came along: {said}");
    assert_eq!(blobs_with(&azurite, "person20@firma20.example"), Vec::<String>::new(), "forgotten here, too");
    assert!(!blobs_with(&azurite, "person5@firma5.example").is_empty(), "another person is not");
    assert!(!azurite.blob_names("job").iter().any(|name| name.starts_with("out/2026-04-15")), "no old copy stays");
}

/// The blobs of both mirrors that hold a text, looked at as whoever opens them would.
fn blobs_with(azurite: &Azurite, text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for (n, name) in azurite.blob_names("job").iter().enumerate() {
        fs::write(folder.path().join(format!("{n}-{}", name.replace('/', "+"))), azurite.get_blob("job", name))
            .unwrap();
    }
    holding(folder.path(), &[text])
}

#[test]
fn what_goes_by_age_goes_from_both_mirrors_too() {
    let azurite = start();
    let first = tempfile::tempdir().unwrap();
    machine(&azurite, first.path(), DAYS[1], "");
    expect(&night(first.path(), DAYS[1]), 0);
    let lost = "person20@firma20.example";
    for mirror in ["state+files", "out+2026-04-30", "out+latest"] {
        let held = blobs_with(&azurite, lost);
        assert!(held.iter().any(|name| name.contains(mirror)), "{mirror}: {held:?}");
    }
    // The CRM shows the others and never showed this one.
    let later = tempfile::tempdir().unwrap();
    machine(&azurite, later.path(), DAYS[1], "");
    let configuration = fs::read_to_string(later.path().join("leadrecon.toml")).unwrap();
    fs::write(later.path().join("leadrecon.toml"), format!("[privacy]\nkeep = \"1d\"\n{configuration}")).unwrap();
    expect(&night(later.path(), DAYS[1]), 0);
    assert_eq!(blobs_with(&azurite, lost), Vec::<String>::new());
    assert!(!blobs_with(&azurite, "person21@firma21.example").is_empty(), "the CRM shows that one");
}

#[test]
fn of_two_machines_at_once_one_works_and_who_loses_the_lease_leaves_the_head_alone() {
    let azurite = start();
    let [a, b] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    machine(&azurite, a.path(), DAYS[0], WAITS);
    machine(&azurite, b.path(), DAYS[0], "");
    let at_work = begun(a.path(), DAYS[0]);
    let said = expect(&night(b.path(), DAYS[0]), 5);
    assert!(said.contains("another machine is using the mirror"), "{said}");
    let waited = leadrecon(b.path()).args(["run", "--as-of", DAYS[0], "--wait", "60s"]).output().unwrap();
    expect(&waited, 0);
    expect(&at_work.wait_with_output().unwrap(), 0);

    // Somebody takes the lease away in the middle, and another machine works.
    fs::remove_file(a.path().join("in-the-middle")).unwrap();
    machine(&azurite, a.path(), DAYS[1], WAITS);
    let robbed = begun(a.path(), DAYS[1]);
    azurite.break_lease("job", "state/head.json");
    machine(&azurite, b.path(), DAYS[1], "");
    expect(&night(b.path(), DAYS[1]), 0);
    let head = azurite.get_blob("job", "state/head.json");
    let said = expect(&robbed.wait_with_output().unwrap(), 5);
    assert!(said.contains("another machine took the mirror"), "{said}");
    assert_eq!(azurite.get_blob("job", "state/head.json"), head);
}

#[test]
fn an_old_state_is_brought_up_to_the_head_and_a_foreign_one_is_refused() {
    let azurite = start();
    let [old, new] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    machine(&azurite, old.path(), DAYS[0], "");
    expect(&night(old.path(), DAYS[0]), 0);
    machine(&azurite, new.path(), DAYS[1], "");
    expect(&night(new.path(), DAYS[1]), 0);
    // It comes back: what happened meanwhile is brought in, so nothing is new to it.
    machine(&azurite, old.path(), DAYS[1], "");
    let said = expect(&night(old.path(), DAYS[1]), 0);
    assert!(said.contains("generation 2 of the state brought in"), "{said}");
    let [a, b] = [&old, &new].map(|dir| published(&dir.path().join("out").join(DAYS[1])));
    assert!(a == b, "both machines publish the same bytes");

    let foreign = tempfile::tempdir().unwrap();
    machine(&azurite, foreign.path(), DAYS[1], "");
    expect(&leadrecon(foreign.path()).args(["run", "--as-of", DAYS[1], "--offline"]).output().unwrap(), 0);
    let head = azurite.get_blob("job", "state/head.json");
    let said = expect(&night(foreign.path(), DAYS[1]), 4);
    assert!(said.contains("not one that the mirror knows") && said.contains("nothing is merged"), "{said}");
    assert_eq!(azurite.get_blob("job", "state/head.json"), head);
}

#[test]
fn a_service_that_fails_one_request_in_five_loses_nothing_of_the_mirrors() {
    let azurite = start();
    let plain = tempfile::tempdir().unwrap();
    let faulty = Faulty::before(azurite.blob_port, 5, Duration::from_secs(1));
    for day in DAYS {
        let empty = tempfile::tempdir().unwrap();
        machine_at(&faulty.endpoint(), empty.path(), day, "");
        // A lease whose giving back was never heard of ends within a minute.
        expect(&leadrecon(empty.path()).args(["run", "--as-of", day, "--wait", "90s"]).output().unwrap(), 0);
        machine(&azurite, plain.path(), day, "");
        without_mirrors(plain.path());
        expect(&night(plain.path(), day), 0);
    }
    let (requests, faults) = (faulty.requests.load(Ordering::Relaxed), faulty.faults.load(Ordering::Relaxed));
    assert!(requests > 100 && faults * 10 > requests, "{faults} of {requests} requests were disturbed");
    let expected = published(&plain.path().join("out").join(DAYS[1]));
    for (name, bytes) in &expected {
        for place in [DAYS[1], "latest"] {
            let found = azurite.blob_names("job").into_iter().find(|blob| {
                blob.strip_prefix(&format!("out/{place}/")).is_some_and(|blob| blob.rsplit('/').next() == Some(name))
            });
            assert!(found.is_some_and(|blob| azurite.get_blob("job", &blob) == *bytes), "{name} of {place}");
        }
    }
    // Whoever comes next finds a whole state: nothing is new to it.
    let next = tempfile::tempdir().unwrap();
    machine(&azurite, next.path(), DAYS[1], "");
    let said = expect(&night(next.path(), DAYS[1]), 0);
    assert!(said.contains("generation 2 of the state brought in"), "{said}");
    assert!(published(&next.path().join("out").join(DAYS[1])) == expected);
}

/// Takes the mirrors out of a machine's configuration.
fn without_mirrors(folder: &Path) {
    let text = fs::read_to_string(folder.join("leadrecon.toml")).unwrap();
    fs::write(folder.join("leadrecon.toml"), &text[text.find("[[source]]").unwrap()..]).unwrap();
}

#[test]
fn a_night_killed_at_any_instant_is_made_up_for_by_an_empty_machine() {
    let azurite = start();
    let undisturbed = tempfile::tempdir().unwrap();
    machine(&azurite, undisturbed.path(), DAYS[1], "");
    without_mirrors(undisturbed.path());
    let begun = Instant::now();
    expect(&night(undisturbed.path(), DAYS[1]), 0);
    let whole = begun.elapsed();
    let expected = published(&undisturbed.path().join("out").join(DAYS[1]));
    let kills: u64 = std::env::var("LEADRECON_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(4);
    for n in 0..kills {
        let killed = tempfile::tempdir().unwrap();
        machine(&azurite, killed.path(), DAYS[1], "");
        let mut child = leadrecon(killed.path())
            .args(["run", "--as-of", DAYS[1], "--quiet"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Seeded: the same instants each time, spread over a night and its sending.
        let share = (n * 7919 % 997) as f64 / 997.0;
        std::thread::sleep(whole.mul_f64(share * 2.0));
        let _ = child.kill();
        let _ = child.wait();
        // A killed machine gives nothing back; its lease would end within a minute.
        azurite.break_lease("job", "state/head.json");
        let empty = tempfile::tempdir().unwrap();
        machine(&azurite, empty.path(), DAYS[1], "");
        expect(&night(empty.path(), DAYS[1]), 0);
        let found = published(&empty.path().join("out").join(DAYS[1]));
        for (name, bytes) in &expected {
            assert!(found[name] == *bytes, "{name} is another after kill {n}");
        }
    }
}
