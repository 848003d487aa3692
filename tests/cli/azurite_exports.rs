//! Exports kept in Blob storage, on the storage emulator: a Synapse Link folder of a CRM, Azure cost and spend.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::azurite_server::{Azurite, KEY};
use crate::program::run;
use crate::publisher::{AS_OF, column, email, entity, received};

const LEADS: usize = 60;
/// Leads that never arrived at the CRM.
const LOST: [usize; 2] = [20, 31];

fn configuration(blob: &str) -> String {
    format!(
        r#"
[[source]]
name = "raw"
kind = "files"
path = "raw.ndjson"
[[destination]]
name = "dynamics"
kind = "dynamics"
export = ["az://devstoreaccount1/exports/crm/lead/"]
endpoint = "{blob}"
auth = {{ key_file = "secret.key" }}
[cost]
azure = ["az://devstoreaccount1/exports/cost/"]
spend = ["az://devstoreaccount1/exports/spend/"]
storage_accounts = ["contosoleads"]
endpoint = "{blob}"
auth = {{ key_file = "secret.key" }}
"#
    )
}

/// The rows of a Synapse Link table: no header, times in two forms, a column that was added later.
fn leads() -> String {
    (0..LEADS)
        .filter(|n| !LOST.contains(n))
        .map(|n| {
            let made = received(n) + chrono::TimeDelta::seconds(40);
            let sink = made.format("%-m/%-d/%Y %-I:%M:%S %p");
            let id = format!("5f1d3a52-{n:04}-e811-a95e-000d3a1b2c3d");
            let contact: Value = serde_json::from_str(entity(n)["CustomerInfo"].as_str().unwrap()).unwrap();
            let [first, last] = ["FirstName", "LastName"].map(|f| contact[f].as_str().unwrap().to_owned());
            let subject = "AzureMarketplace-INS|contoso.mesh";
            let created = made.format("%Y-%m-%dT%H:%M:%S.0000000+00:00");
            format!(
                "\"{id}\",\"{sink}\",\"{sink}\",\"{subject}\",\"{first}\",\"{last}\",\"{}\",\"0\",\"{created}\"\n",
                email(n)
            )
        })
        .collect()
}

fn model() -> Value {
    let columns = [
        "Id", "SinkCreatedOn", "SinkModifiedOn", "subject", "firstname", "lastname", "emailaddress1", "statecode",
        "createdon", "added_later",
    ];
    let attributes: Vec<Value> = columns.iter().map(|name| json!({ "name": name, "dataType": "string" })).collect();
    let format = json!({ "columnHeaders": "false", "delimiter": ",", "csvStyle": "CsvStyle.QuoteAlways" });
    let partitions = json!([{ "name": "2025", "location": "crm/lead/2025.csv", "fileFormatSettings": format }]);
    json!({ "name": "cdm", "entities": [{ "name": "lead", "attributes": attributes, "partitions": partitions }] })
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(text.as_bytes()).unwrap();
    packer.finish().unwrap()
}

fn set_up(azurite: &Azurite, folder: &Path) {
    azurite.make_container("exports");
    let account = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/ContosoLeads";
    let cost = format!(
        "Date,MeterCategory,MeterName,ResourceId,CostInBillingCurrency,BillingCurrencyCode\n\
         05/14/2025,Storage,Tables,{account},0.0012,USD\n05/15/2025,Storage,Tables,{account},0.0034,USD\n\
         05/15/2025,Virtual Machines,D2,/subscriptions/s/other,71.5,USD\n"
    );
    let spend = "Campaign report\nMay 1, 2025 - May 31, 2025\nDay,Campaign,Currency code,Cost\n\
        2025-05-14,DM-search,USD,\"1,234.50\"\nTotal: Account,,USD,\"1,234.50\"\n";
    azurite.put_blobs(
        "exports",
        &[
            ("crm/lead/2025.csv".to_owned(), leads().into_bytes()),
            ("crm/model.json".to_owned(), model().to_string().into_bytes()),
            ("cost/20250501-20250531/part_0_0001.csv.gz".to_owned(), gzip(&cost)),
            ("spend/campaigns.csv".to_owned(), spend.into()),
        ],
    );
    let raw: String = (0..LEADS).map(|n| entity(n).to_string() + "\n").collect();
    fs::write(folder.join("raw.ndjson"), raw).unwrap();
    fs::write(folder.join("secret.key"), KEY).unwrap();
    fs::write(folder.join("leadrecon.toml"), configuration(&azurite.blob_endpoint())).unwrap();
}

#[test]
fn exports_of_crm_cost_and_spend_are_read_from_blob_storage_and_the_model_above_them_is_found() {
    let azurite = Azurite::start();
    let dir = tempfile::tempdir().unwrap();
    set_up(&azurite, dir.path());
    let told = String::from_utf8(run(dir.path(), &["check", "-v"], 0).stdout).unwrap();
    assert!(told.contains("cost and spend") && told.contains("2 of our accounts"), "{told}");

    run(dir.path(), &["run", "--as-of", AS_OF], 0);
    let missed = column(dir.path(), "reconciliation", "verdict").iter().filter(|v| *v == "missed").count();
    let matched = column(dir.path(), "reconciliation", "verdict").iter().filter(|v| *v == "matched").count();
    assert_eq!((matched, missed), (LEADS - LOST.len(), LOST.len()));
    let told = String::from_utf8(run(dir.path(), &["check", "-v"], 0).stdout).unwrap();
    assert!(told.contains("it holds marketplace lead sources; it lacks owners, qualified records"), "{told}");
    let charges = column(dir.path(), "cost", "storage_cost");
    assert!(charges.iter().any(|c| c.starts_with("0.0046")), "{charges:?}");
    let spent = column(dir.path(), "cost", "spend");
    assert!(spent.iter().any(|s| s.starts_with("1234.5")), "{spent:?}");

    // A key that is refused is told for each place, and what was landed still vouches; offline nobody is asked.
    fs::write(dir.path().join("secret.key"), KEY.replace("Eby8", "Abcd")).unwrap();
    let told = run(dir.path(), &["run", "--as-of", AS_OF], 3);
    let told = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(told.contains("cost:") && told.contains("spend:") && told.contains("is refused"), "{told}");
    run(dir.path(), &["run", "--offline", "--as-of", AS_OF], 0);
    let matched = column(dir.path(), "reconciliation", "verdict").iter().filter(|v| *v == "matched").count();
    assert_eq!(matched, LEADS - LOST.len());
}
