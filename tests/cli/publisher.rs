//! A small publisher for tests: leads in a table and in blobs, a CRM export, an outage put in on purpose.
//!
//! All times are fixed; nothing here is random.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::program;

/// The as-of date that all leads lie before.
pub const AS_OF: &str = "2025-07-31";
/// Minutes between two leads.
const STEP: i64 = 12;

/// Makes a folder that of a publisher whose raw leads are files and whose CRM's export is `salesforce.csv`.
pub fn of_files(folder: &Path) {
    fs::create_dir(folder.join("raw")).unwrap();
    fs::write(
        folder.join("leadrecon.toml"),
        "[[source]]\nname = \"dump\"\nkind = \"files\"\npath = \"raw/*\"\n\
         [[destination]]\nname = \"salesforce\"\nkind = \"salesforce\"\nexport = [\"salesforce.csv\"]\n",
    )
    .unwrap();
}

/// Adds what would be blobs to such a folder's raw leads.
pub fn put_raw(folder: &Path, blobs: impl IntoIterator<Item = (String, Vec<u8>)>) {
    for (name, bytes) in blobs {
        fs::write(folder.join("raw").join(name.replace('/', "-")), bytes).unwrap();
    }
}

/// When lead `n` was received.
pub fn received(n: usize) -> DateTime<Utc> {
    let start: DateTime<Utc> = "2025-05-01T00:00:00Z".parse().unwrap();
    start + TimeDelta::minutes(STEP * n as i64)
}

/// A word that can be a name: numbers that differ little make names that differ as names do.
fn word(n: usize) -> String {
    const SYLLABLES: [&str; 10] = ["ba", "ke", "li", "mo", "nu", "pra", "re", "si", "to", "vu"];
    let digits = format!("{:05}", n * 7919 % 100_003);
    let text: String = digits.bytes().map(|d| SYLLABLES[usize::from(d - b'0')]).collect();
    text[..1].to_uppercase() + &text[1..]
}

fn names(n: usize) -> (String, String, String) {
    (word(n), word(n * 31 + 17), word(n * 577 + 5))
}

/// The address of lead `n`.
pub fn email(n: usize) -> String {
    let (first, last, company) = names(n);
    format!("{first}.{last}@customer-{company}.example").to_lowercase()
}

/// What lead `n` tells of its person.
pub fn contact(n: usize) -> Value {
    let (first, last, company) = names(n);
    json!({
        "FirstName": first, "LastName": last, "Email": email(n),
        "Phone": format!("+1206{:07}", 2_000_000 + n * 7919 % 7_000_003), "Country": "US", "Company": company, "Title": "CTO",
    })
}

/// Lead `n` as an entity of the marketplace's table, a partition per day.
pub fn entity(n: usize) -> Value {
    let at = received(n);
    json!({
        "PartitionKey": at.format("%-m:2F%-d:2F%Y").to_string(),
        "RowKey": format!("row-{n:06}"),
        "ProductId": "contoso.mesh",
        "CustomerInfo": contact(n).to_string(),
        "LeadSource": "AzureMarketplace",
        "ActionCode": "INS",
        "OfferDisplayName": "Data Mesh",
        "CreatedTime": at.format("%-m/%-d/%Y %-I:%M:%S %p").to_string(),
        "Description": " ",
    })
}

/// The source_key of [`entity`].
pub fn entity_key(n: usize) -> String {
    format!("{}/row-{n:06}", received(n).format("%-m:2F%-d:2F%Y"))
}

/// Lead `n` as a body posted to an HTTPS endpoint.
fn body(n: usize) -> Value {
    json!({
        "userDetails": contact(n), "leadSource": "AzureMarketplace-INS|contoso.mesh", "actionCode": "INS",
        "offerTitle": "Data Mesh", "createdTime": received(n).to_rfc3339(), "description": "",
    })
}

/// Blobs in every format, plain and packed, holding leads from `first` on; and the keys of their records.
pub fn blobs(count: usize, first: usize) -> (Vec<(String, Vec<u8>)>, BTreeSet<String>) {
    let (mut blobs, mut keys, mut lead) = (Vec::new(), BTreeSet::new(), first);
    for n in 0..count {
        let (ending, records, text) = match n % 5 {
            0 => ("json", 1, body(lead).to_string()),
            1 => ("json", 3, Value::from((lead..lead + 3).map(body).collect::<Vec<_>>()).to_string()),
            2 => ("ndjson", 4, (lead..lead + 4).map(|l| body(l).to_string() + "\n").collect()),
            3 => ("csv", 2, csv(lead..lead + 2)),
            _ => ("txt", 1, serde_json::to_string_pretty(&body(lead)).unwrap()),
        };
        let (bytes, packed) = match n % 3 {
            0 => (text.into_bytes(), ""),
            1 => (gzip(text.as_bytes()), ".gz"),
            _ => (zstd::encode_all(text.as_bytes(), 3).unwrap(), ".zst"),
        };
        let name = format!("2025/{first}-{n:04}.{ending}{packed}");
        keys.extend((1..=records).map(|r| if r == 1 { name.clone() } else { format!("{name}#{r}") }));
        blobs.push((name, bytes));
        lead += records;
    }
    // What is no lead must neither stop the run nor be lost.
    blobs.push((format!("2025/{first}-empty.json"), Vec::new()));
    blobs.push((format!("2025/{first}-picture.png"), b"\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR".to_vec()));
    // The picture is stored now, after the as-of day: it stands in neither table.
    (blobs, keys)
}

/// Leads as a CSV file with a column for each contact field.
fn csv(leads: std::ops::Range<usize>) -> String {
    let mut text = "FirstName,LastName,Email,Phone,Country,Company,Title,LeadSource,CreatedTime\n".to_owned();
    for n in leads {
        let c = contact(n);
        let cell = |name: &str| c[name].as_str().unwrap().to_owned();
        let cells = ["FirstName", "LastName", "Email", "Phone", "Country", "Company", "Title"].map(cell);
        text += &format!("{},AzureMarketplace-INS|contoso.mesh,{}\n", cells.join(","), received(n).to_rfc3339());
    }
    text
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// A Salesforce export with a record for each lead but those in `lost`.
pub fn export(leads: impl Iterator<Item = usize>, lost: std::ops::Range<usize>) -> String {
    let mut text = "Id,FirstName,LastName,Email,Phone,Company,Title,Country,LeadSource,Status,CreatedDate,LastModifiedDate,OwnerId,IsConverted\n".to_owned();
    for n in leads.filter(|n| !lost.contains(n)) {
        let c = contact(n);
        let cell = |name: &str| c[name].as_str().unwrap().to_owned();
        let cells = ["FirstName", "LastName", "Email", "Phone", "Company", "Title", "Country"].map(cell);
        let at = (received(n) + TimeDelta::seconds(40)).format("%Y-%m-%dT%H:%M:%S.000Z");
        let source = "AzureMarketplace-INS|contoso.mesh";
        text += &format!(
            "00Q{n:012},{},{source},Open - Not Contacted,{at},{at},005000000000001AAA,false\n",
            cells.join(",")
        );
    }
    text
}

/// Every published file but the manifest, by path below the dated folder.
pub fn published(folder: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    let root = folder.join("out").join(AS_OF);
    let mut files = std::collections::BTreeMap::new();
    let mut open = vec![root.clone()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).unwrap_or_else(|e| panic!("{}: {e}", next.display())).flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.file_name().is_some_and(|n| n != "manifest.json") {
                files.insert(path.strip_prefix(&root).unwrap().display().to_string(), fs::read(&path).unwrap());
            }
        }
    }
    files
}

/// Fails with the names of the files that differ, not with their bytes.
#[track_caller]
pub fn assert_same(found: &Path, expected: &Path) {
    let (found, expected) = (published(found), published(expected));
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    let different: Vec<_> = found.iter().filter(|(name, bytes)| expected[*name] != **bytes).map(|(n, _)| n).collect();
    assert!(different.is_empty(), "other bytes than in an undisturbed run: {different:?}");
    assert!(found.contains_key("tables/leads.parquet"));
}

/// One column of a published table.
pub fn column(folder: &Path, table: &str, name: &str) -> Vec<String> {
    let table = program::table(folder, table);
    let mut reader = ::csv::Reader::from_reader(&table[..]);
    let at = reader.headers().unwrap().iter().position(|h| h == name).unwrap();
    reader.records().map(|r| r.unwrap()[at].to_owned()).collect()
}
