//! The way back to an endpoint, three nights long: bodies shown, then posted with retries; what nobody settles is given
//! up; and an old day run again does not know what was handed out after it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::program::run;
use crate::publisher::{entity, received};

const LEADS: usize = 400;
/// Four hours of 80.
const LOST: std::ops::Range<usize> = 150..170;

/// Raw leads, and the endpoint's log of the bodies it took.
fn write_publisher(folder: &Path, port: u16) {
    let (mut raw, mut log) = (String::new(), String::new());
    for n in 0..LEADS {
        let entity = entity(n);
        raw += &format!("{entity}\n");
        if !LOST.contains(&n) {
            let contact: Value = serde_json::from_str(entity["CustomerInfo"].as_str().unwrap()).unwrap();
            let at = (received(n) + TimeDelta::seconds(40)).to_rfc3339();
            let body = json!({
                "userDetails": contact, "leadSource": "AzureMarketplace", "actionCode": "INS",
                "offerTitle": "Data Mesh", "description": "",
            });
            log += &format!("{}\n", json!({ "receivedAt": at, "id": format!("e-{n}"), "body": body }));
        }
    }
    // Somebody typed a lead in by hand, under another name and address: sales will know whose it is.
    let stranger = json!({
        "userDetails": { "firstName": "Quirin", "lastName": "Xaver", "email": "qx@elsewhere.example" },
        "leadSource": "AzureMarketplace", "actionCode": "INS", "offerTitle": "Data Mesh", "description": "",
    });
    let at = (received(LEADS) + TimeDelta::hours(1)).to_rfc3339();
    log += &format!("{}\n", json!({ "receivedAt": at, "id": "e-by-hand", "body": stranger }));
    for (name, text) in [("raw/leads.ndjson", raw), ("log/bodies.ndjson", log)] {
        fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
        fs::write(folder.join(name), text).unwrap();
    }
    let text = format!(
        "[missed]\ngive_up = \"2d\"\n[[source]]\nname = \"dump\"\nkind = \"files\"\npath = \"raw/*\"\n\
         [[destination]]\nname = \"endpoint\"\nkind = \"https\"\nexport = [\"log/*\"]\nkey = \"rowKey\"\n\
         [destination.replay]\nurl = \"http://127.0.0.1:{port}/leads?tenant=topsecret\"\n"
    );
    fs::write(folder.join("leadrecon.toml"), text).unwrap();
}

/// Answers each request in turn and gives the bodies that came.
fn serve(server: TcpListener, answers: &'static [&'static str]) -> std::thread::JoinHandle<Vec<Value>> {
    std::thread::spawn(move || {
        let mut bodies = Vec::new();
        for answer in answers {
            let (mut stream, _) = server.accept().unwrap();
            let mut request = Vec::new();
            let mut part = [0; 4096];
            let body = loop {
                let n = stream.read(&mut part).unwrap();
                request.extend_from_slice(&part[..n]);
                let text = String::from_utf8_lossy(&request).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length = head.lines().find_map(|l| l.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
                if body.len() >= length.unwrap_or(0) {
                    break body.to_owned();
                }
            };
            bodies.push(serde_json::from_str(&body).unwrap());
            write!(stream, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
        }
        bodies
    })
}

fn table(folder: &Path, name: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(folder.join(format!("out/latest/tables/{name}.csv"))).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

fn statuses(folder: &Path) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for row in table(folder, "missed_leads") {
        *counts.entry(row["status"].clone()).or_default() += 1;
    }
    counts
}

#[test]
fn bodies_are_posted_only_when_told_and_what_is_not_settled_is_given_up_in_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    write_publisher(folder, server.local_addr().unwrap().port());
    run(folder, &["run", "--as-of", "2025-05-05"], 0);
    assert_eq!(statuses(folder), BTreeMap::from([("new".to_owned(), LOST.len())]));
    let outage = table(folder, "outages")[0]["outage_id"].clone();
    let first_report = fs::read(folder.join("out/2025-05-05/summary.json")).unwrap();

    // Without --send nothing leaves the machine and nothing counts as handed out.
    let shown = run(folder, &["replay", "endpoint", "--outage", &outage], 0);
    assert!(
        String::from_utf8_lossy(&shown.stdout).contains("20 leads in") && !folder.join("state/replayed.csv").exists()
    );
    run(folder, &["replay", "endpoint", "--outage", "none-such"], 2);
    let served = serve(server, &["503 Busy\r\nRetry-After: 0", "202 Accepted", "202 Accepted", "400 Bad Request"]);
    let sent = run(folder, &["replay", "endpoint", "--send", "--limit", "3"], 3);
    let said = [sent.stdout, sent.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("2 leads posted") && said.contains("was refused: the endpoint answered 400"), "{said}");
    assert!(!said.contains("topsecret"), "{said}");
    let bodies = served.join().unwrap();
    assert_eq!(bodies.len(), 4);
    assert_eq!(bodies[0], bodies[1], "the throttled body is posted again");
    assert!(bodies[1]["rowKey"].as_str().unwrap().starts_with("row-0001"), "the raw lead's own key: {}", bodies[1]);
    assert_eq!((&bodies[1]["leadSource"], &bodies[1]["offerTitle"]), (&"AzureMarketplace".into(), &"Data Mesh".into()));
    let memory = fs::read_to_string(folder.join("state/replayed.csv")).unwrap();
    assert_eq!(memory.lines().count(), 3, "a header and what the endpoint took: {memory}");

    // The day that was handed out from, run again, says the same.
    run(folder, &["run", "--as-of", "2025-05-05"], 0);
    assert_eq!(fs::read(folder.join("out/2025-05-05/summary.json")).unwrap(), first_report);

    // A lead that sales found in the log; a slip of the pen; and a line that says nothing.
    let open = table(folder, "missed_leads");
    let taken: Vec<&str> = memory.lines().skip(1).filter_map(|l| l.split(',').next()).collect();
    let found = open.iter().map(|row| row["lead_id"].as_str()).find(|id| !taken.contains(id)).unwrap();
    run(folder, &["close", found, "--as", "in-crm:e-9999"], 2);
    run(folder, &["close", found, "--as", "in-crm:e-by-hand"], 0);
    let worked = fs::read_to_string(folder.join("state/worked.csv")).unwrap();
    assert!(worked.contains(&format!("{found},,in-crm:e-by-hand")), "{worked}");
    fs::write(folder.join("state/worked.csv"), format!("{worked}{},,perhaps,\n", open[9]["lead_id"])).unwrap();

    run(folder, &["run", "--as-of", "2025-05-06"], 0);
    let counts = statuses(folder);
    assert_eq!((counts["replayed"], counts["open"]), (2, LOST.len() - 3), "{counts:?}");
    // Settled, or matched as identity has learned whose the record is: either way nobody calls.
    assert!(table(folder, "missed_leads").iter().all(|row| row["lead_id"] != found || row["status"] == "closed"));
    let doubtful = table(folder, "findings").into_iter().find(|row| row["code"] == "setting-doubtful").unwrap();
    assert!(doubtful["text"].contains("line 3"), "{doubtful:?}");
    let summary: Value = serde_json::from_slice(&fs::read(folder.join("out/latest/summary.json")).unwrap()).unwrap();
    assert!(summary.to_string().contains("\"median_hours_to_settled\":24.0"), "{summary}");

    // The second day after the first report: whoever waits still is given up and called no more.
    run(folder, &["run", "--as-of", "2025-05-07"], 0);
    let counts = statuses(folder);
    assert_eq!((counts["given-up"], counts.get("open"), counts.get("replayed")), (LOST.len() - 1, None, None));
    let nothing = run(folder, &["replay", "endpoint", "--again"], 0);
    assert!(String::from_utf8_lossy(&nothing.stdout).contains("no lead to hand out"));
}
