//! The nightly job on the storage emulator: every lead of a table and a container is read, once, in whatever format.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Output;

use crate::azurite_server::{ACCOUNT, Azurite, KEY};
use crate::program::leadrecon;
use crate::publisher::{self, AS_OF, assert_same, blobs, column, entity, entity_key, export};

const ENTITIES: usize = 10_000;
const BLOBS: usize = 198; // and two that hold no lead
/// Leads that never arrived at the CRM: a day and a half.
const LOST: std::ops::Range<usize> = 5_000..5_180;

/// A configuration with a table and a container behind two addresses.
pub fn configuration(table: &str, blob: &str, deadline: &str) -> String {
    format!(
        r#"
[[source]]
name = "table"
kind = "azure-table"
endpoint = "{table}"
table = "marketplaceleads"
auth = {{ connection_string_env = "LEADS_CONNECTION" }}
overlap = "0s"
deadline = "{deadline}"
[[source]]
name = "blobs"
kind = "azure-blob"
endpoint = "{blob}"
container = "leads"
auth = {{ key_file = "secret.key" }}
deadline = "{deadline}"
[[destination]]
name = "salesforce"
kind = "salesforce"
export = ["salesforce.csv"]
"#
    )
}

/// Writes the configuration, the secret and the export into a folder.
pub fn set_up(folder: &Path, configuration: &str, leads: usize, lost: std::ops::Range<usize>) {
    fs::write(folder.join("leadrecon.toml"), configuration).unwrap();
    fs::write(folder.join("secret.key"), format!("{KEY}\n")).unwrap();
    fs::write(folder.join("salesforce.csv"), export(0..leads, lost)).unwrap();
    // The report tells when an export was written: two folders with the same export must agree on it.
    let written = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_753_990_000);
    fs::File::options().append(true).open(folder.join("salesforce.csv")).unwrap().set_modified(written).unwrap();
}

/// Runs the job with the secret in its environment.
pub fn night(folder: &Path) -> Output {
    let secret = format!("DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};");
    let output =
        leadrecon(folder).env("LEADS_CONNECTION", secret).args(["run", "-v", "--as-of", AS_OF]).output().unwrap();
    let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!told.contains(KEY) && !told.contains("@customer"), "a secret or a person in the talk of a run:\n{told}");
    output
}

#[track_caller]
pub fn expect(output: &Output, status: i32) -> String {
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(status), "{}\n{told}", String::from_utf8_lossy(&output.stdout));
    told
}

/// The records that a source says it read.
fn read(told: &str, source: &str) -> (usize, usize) {
    let line = told.lines().find_map(|l| l.split_once(&format!("source {source}: ")).map(|(_, rest)| rest));
    let line = line.unwrap_or_else(|| panic!("no word of {source} in\n{told}"));
    let numbers: Vec<usize> = line.split_whitespace().filter_map(|w| w.parse().ok()).collect();
    (numbers[0], numbers[1])
}

#[test]
fn no_lead_of_a_table_and_a_container_is_lost_and_the_second_night_reads_only_what_is_new() {
    let azurite = Azurite::start();
    azurite.make_table("marketplaceleads");
    azurite.make_container("leads");
    azurite.put_entities("marketplaceleads", &(0..ENTITIES).map(entity).collect::<Vec<_>>());
    let (files, mut keys) = blobs(BLOBS, ENTITIES);
    azurite.put_blobs("leads", &files);
    keys.extend((0..ENTITIES).map(entity_key));

    let dir = tempfile::tempdir().unwrap();
    let text = configuration(&azurite.table_endpoint(), &azurite.blob_endpoint(), "5m");
    set_up(dir.path(), &text, keys.len(), LOST);
    let told = expect(&night(dir.path()), 0);
    assert_eq!(read(&told, "table"), (ENTITIES, ENTITIES));
    let seen: BTreeSet<String> =
        ["leads", "quarantine"].iter().flat_map(|t| column(dir.path(), t, "source_key")).collect();
    assert!(seen == keys, "{} of {} raw leads are accounted for", seen.len(), keys.len());
    assert!(column(dir.path(), "quarantine", "reason").is_empty());

    // The outage put in is the outage found.
    let missed: BTreeSet<String> = column(dir.path(), "missed_leads", "email").into_iter().collect();
    let lost: BTreeSet<String> = LOST.map(publisher::email).collect();
    assert_eq!(missed, lost);
    let began = publisher::received(LOST.start).format("%Y-%m-%dT%H:%M:%S").to_string();
    let found = column(dir.path(), "outages", "began_by");
    assert!(found.len() == 1 && found[0].starts_with(&began), "{found:?} instead of {began}");

    // Nothing new: hardly anything is read, and every byte stays.
    let first = tempfile::tempdir().unwrap();
    copy(&dir.path().join("out"), &first.path().join("out"));
    let told = expect(&night(dir.path()), 0);
    let (read_again, new) = read(&told, "table");
    assert!(read_again < 1000 && new == 0, "{read_again} read, {new} new");
    assert_eq!(read(&told, "blobs"), (0, 0));
    assert_same(dir.path(), first.path());

    // Something new, something grown, something deleted.
    azurite.put_entities("marketplaceleads", &[entity(ENTITIES + 900)]);
    azurite.append_blob("leads", "log.ndjson", "{\"leadSource\":\"AzureMarketplace-INS|contoso.mesh\",\"userDetails\":{\"email\":\"a@b.example\"},\"createdTime\":\"2025-07-01T00:00:00Z\"}\n", true);
    azurite.delete_blob("leads", &files[0].0);
    let told = expect(&night(dir.path()), 0);
    assert_eq!((read(&told, "table").1, read(&told, "blobs")), (1, (1, 1)));
    azurite.append_blob("leads", "log.ndjson", "{\"leadSource\":\"AzureMarketplace-PLT|contoso.mesh\",\"userDetails\":{\"email\":\"c@d.example\"},\"createdTime\":\"2025-07-02T00:00:00Z\"}\n", false);
    let told = expect(&night(dir.path()), 0);
    assert_eq!(read(&told, "blobs"), (2, 1));
    let seen: BTreeSet<String> =
        ["leads", "quarantine"].iter().flat_map(|t| column(dir.path(), t, "source_key")).collect();
    assert_eq!(seen.len(), keys.len() + 3, "the deleted blob stays, the new ones come");
}

#[test]
fn a_wrong_name_an_empty_table_and_a_wrong_key_are_told_apart_and_the_rest_of_the_job_is_done() {
    let azurite = Azurite::start();
    azurite.make_table("marketplaceleads");
    azurite.make_container("leads");
    azurite.put_blobs("leads", &blobs(3, 0).0);
    let dir = tempfile::tempdir().unwrap();
    let good = configuration(&azurite.table_endpoint(), &azurite.blob_endpoint(), "60s");
    set_up(dir.path(), &good, 10, 0..0);
    let told = expect(&night(dir.path()), 0);
    assert!(told.contains("is there and empty"), "{told}");

    fs::write(dir.path().join("leadrecon.toml"), good.replace("\"marketplaceleads\"", "\"marketplacelead\"")).unwrap();
    let told = expect(&night(dir.path()), 3);
    assert!(told.contains("does not exist") && told.contains("did you mean \"marketplaceleads\"?"), "{told}");
    assert!(!column(dir.path(), "leads", "lead_id").is_empty(), "the other source is reported");

    fs::write(dir.path().join("leadrecon.toml"), &good).unwrap();
    fs::write(dir.path().join("secret.key"), KEY.replace("Eby8", "Abcd")).unwrap();
    let told = expect(&night(dir.path()), 3);
    assert!(told.contains("access to container \"leads\"") && told.contains("is refused"), "{told}");
    fs::remove_file(dir.path().join("secret.key")).unwrap();
    let told = expect(&night(dir.path()), 3);
    assert!(told.contains("secret.key cannot be read"), "{told}");
}

/// Copies a folder.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&path).unwrap(), &target).unwrap();
        } else if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
            // The report tells when an export was written, so a copy must be as old as what it was copied from.
            let written = fs::metadata(&path).unwrap().modified().unwrap();
            fs::File::options().append(true).open(&target).unwrap().set_modified(written).unwrap();
        }
    }
}
