//! Four months with everything that can go wrong on the way, through the built program: a late import does not erase an
//! outage, a capped burst is a cause and no outage, an outage goes on behind an export that was not renewed, the store
//! itself was down, and a new offer goes nowhere. Each is told once as new.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};

use crate::program::run;

/// What became of a lead.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Delivered,
    /// Typed in by hand two days later.
    Imported,
    Lost,
    /// Never reached the store; the portal saw it.
    Unstored,
    /// After the export was made.
    Unshown,
}

struct Lead {
    at: DateTime<Utc>,
    fate: Fate,
}

/// A lead every six hours, and a burst on the fortieth day.
fn leads() -> Vec<Lead> {
    let start: DateTime<Utc> = "2026-01-01T01:00:00Z".parse().unwrap();
    let mut leads: Vec<Lead> = (0..480)
        .map(|n| {
            let fate = match n {
                120..130 => Fate::Imported,
                300..309 => Fate::Unstored,
                468.. => Fate::Unshown,
                _ => Fate::Delivered,
            };
            Lead { at: start + TimeDelta::minutes(360 * n + n * 37 % 120), fate }
        })
        .collect();
    let burst = start + TimeDelta::days(40) + TimeDelta::hours(4);
    leads.extend((0..60).map(|n| Lead {
        at: burst + TimeDelta::seconds(12 * n),
        fate: if n < 35 { Fate::Delivered } else { Fate::Lost },
    }));
    leads.sort_by_key(|lead| lead.at);
    leads
}

fn word(n: usize) -> String {
    const SYLLABLES: [&str; 10] = ["ba", "ke", "li", "mo", "nu", "pra", "re", "si", "to", "vu"];
    let digits = format!("{:05}", n * 7919 % 100_003);
    let text: String = digits.bytes().map(|d| SYLLABLES[usize::from(d - b'0')]).collect();
    text[..1].to_uppercase() + &text[1..]
}

fn person(n: usize) -> (String, String, String) {
    let (first, last, company) = (word(n), word(n * 31 + 17), word(n * 577 + 5));
    let email = format!("{first}.{last}@customer-{company}.example").to_lowercase();
    (first, last, email)
}

fn write(folder: &Path, leads: &[Lead]) {
    let (mut raw, mut crm, mut portal) =
        (String::new(), csv::Writer::from_writer(vec![]), csv::Writer::from_writer(vec![]));
    crm.write_record([
        "Id", "FirstName", "LastName", "Email", "LeadSource", "Status", "OwnerId", "CreatedDate", "LastModifiedDate",
    ])
    .unwrap();
    portal.write_record(["Lead number", "First name", "Last name", "Customer email", "Created date", "Offer"]).unwrap();
    for (n, lead) in leads.iter().enumerate() {
        let ((first, last, email), at) = (person(n), lead.at.format("%Y-%m-%dT%H:%M:%SZ").to_string());
        portal.write_record([&format!("P{n}"), &first, &last, &email, &at, "contoso.mesh"]).unwrap();
        if lead.fate == Fate::Unstored {
            continue;
        }
        raw += &entity(n, "contoso.mesh", &at);
        let created = match lead.fate {
            Fate::Delivered => lead.at + TimeDelta::seconds(90),
            Fate::Imported => lead.at + TimeDelta::days(4),
            _ => continue,
        };
        let created = created.format("%Y-%m-%dT%H:%M:%S.000Z").to_string();
        let id = format!("00Q0000000{n:05}EAA");
        let source = "AzureMarketplace-INS|contoso.mesh";
        crm.write_record([&id, &first, &last, &email, source, "Open", "005A", &created, &created]).unwrap();
    }
    fs::create_dir_all(folder.join("raw")).unwrap();
    fs::write(folder.join("raw/leads.ndjson"), raw).unwrap();
    fs::write(folder.join("salesforce.csv"), crm.into_inner().unwrap()).unwrap();
    fs::write(folder.join("portal.csv"), portal.into_inner().unwrap()).unwrap();
    fs::write(
        folder.join("leadrecon.toml"),
        "[[source]]\nname = \"dump\"\nkind = \"files\"\npath = \"raw/*\"\n\
         [[destination]]\nname = \"salesforce\"\nkind = \"salesforce\"\nexport = [\"salesforce.csv\"]\n\
         offers = [\"contoso.mesh\"]\n\
         [[witness]]\nname = \"portal\"\nexport = [\"portal.csv\"]\n\
         columns = { record_id = \"Lead number\", email = \"Customer email\", created_at = \"Created date\" }\n",
    )
    .unwrap();
}

fn entity(n: usize, offer: &str, at: &str) -> String {
    let (first, last, email) = person(n);
    let info = serde_json::json!({ "FirstName": first, "LastName": last, "Email": email, "Country": "US" });
    let entity = serde_json::json!({
        "PartitionKey": "p", "RowKey": format!("row-{n:05}"), "Timestamp": at, "ProductId": offer,
        "CustomerInfo": info.to_string(), "LeadSource": "AzureMarketplace", "ActionCode": "INS", "CreatedTime": at,
    });
    entity.to_string() + "\n"
}

fn table(folder: &Path, day: &str, name: &str) -> Vec<BTreeMap<String, String>> {
    let file = fs::File::open(folder.join(format!("out/{day}/tables/{name}.csv"))).unwrap();
    csv::Reader::from_reader(file).deserialize().map(Result::unwrap).collect()
}

/// Level, code and whether it is new, of the findings about delivery.
fn findings(folder: &Path, day: &str) -> Vec<(String, String, String)> {
    let about = ["outage", "outage-ongoing", "source-outage", "cause", "not-routed", "new-offer"];
    table(folder, day, "findings")
        .into_iter()
        .filter(|row| about.contains(&row["code"].as_str()))
        .map(|row| (row["level"].clone(), row["code"].clone(), row["new"].clone()))
        .collect()
}

#[test]
fn outages_causes_and_a_new_offer_are_told_as_they_happened_and_once_as_new() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let leads = leads();
    write(folder, &leads);
    run(folder, &["run", "--as-of", "2026-05-01"], 0);

    let mut outages = table(folder, "2026-05-01", "outages");
    outages.sort_by_key(|row| (row["destination"].clone(), row["began_by"].clone()));
    let told: Vec<[&str; 6]> = outages
        .iter()
        .map(|row| ["destination", "scope", "missed", "leads", "imported_late", "ongoing"].map(|c| row[c].as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ["", "source", "9", "9", "0", "false"],
            ["salesforce", "all", "10", "10", "10", "false"],
            ["salesforce", "all", "12", "12", "0", "true"],
        ]
    );
    // The true begin lies between the last lead that was taken and the first that was not.
    let first = leads.iter().position(|lead| lead.fate == Fate::Imported).unwrap();
    let shown = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%M:%S.000000Z").to_string();
    assert_eq!(
        ["began_after", "began_by", "ended_after", "ended_by"].map(|c| outages[1][c].clone()),
        [first - 1, first, first + 9, first + 10].map(|n| shown(leads[n].at))
    );
    assert!(outages[1]["text"].starts_with("Salesforce took no leads from 30 January "), "{}", outages[1]["text"]);

    let causes = table(folder, "2026-05-01", "causes");
    assert_eq!(causes.len(), 1, "{causes:?}");
    assert!(causes[0]["condition"].starts_with("more than 3") && causes[0]["missed"] == "25", "{causes:?}");
    let missed = table(folder, "2026-05-01", "missed_leads");
    let of = |reason: &str| missed.iter().filter(|row| row["reason"] == reason).count();
    assert_eq!((of("outage"), of("cause"), missed.len()), (12, 25, 37));
    let lost = table(folder, "2026-05-01", "lost_at_source");
    assert_eq!(lost.len(), 9);
    assert!(lost.iter().all(|row| row["witness"] == "portal" && row["outage_id"] == outages[0]["outage_id"]));

    let line = |level: &str, code: &str, new: &str| (level.to_owned(), code.to_owned(), new.to_owned());
    assert_eq!(
        findings(folder, "2026-05-01"),
        [
            line("page", "outage", "true"),
            line("page", "outage-ongoing", "true"),
            line("page", "source-outage", "true"),
            line("mail", "cause", "true"),
        ]
    );
    let summary = fs::read_to_string(folder.join("out/2026-05-01/summary.txt")).unwrap();
    assert!(summary.lines().all(|line| line.chars().count() <= 200), "{summary}");

    // The next day an offer comes that nobody routes.
    fs::write(folder.join("raw/more.ndjson"), entity(900, "contoso.vault", "2026-05-02T08:00:00Z")).unwrap();
    run(folder, &["run", "--as-of", "2026-05-02"], 0);
    assert_eq!(
        findings(folder, "2026-05-02"),
        [
            line("page", "not-routed", "true"),
            line("page", "outage-ongoing", "false"),
            line("mail", "cause", "false"),
            line("list", "new-offer", "true"),
            line("list", "outage", "false"),
            line("list", "source-outage", "false"),
        ]
    );
    run(folder, &["run", "--as-of", "2026-05-03"], 0);
    let third = findings(folder, "2026-05-03");
    assert!(third.contains(&line("list", "not-routed", "false")), "{third:?}");
    assert!(third.iter().all(|(_, code, new)| code != "new-offer" && new == "false"), "{third:?}");
}
