//! Files that people write, in Blob storage: a job without a disk has no other place for them.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::azurite_server::{Azurite, KEY};
use crate::program::run;

const DAY: &str = "2026-04-20";
/// Leads that never arrived.
const LOST: [usize; 4] = [3, 7, 11, 15];

fn set_up(azurite: &Azurite, folder: &Path) {
    let (mut raw, mut export) = (String::new(), "Id,Email,LastName,LeadSource,OwnerId,CreatedDate\n".to_owned());
    for n in 0..18 {
        let (day, email) = (1 + n, format!("person{n}@firma{n}.example"));
        raw += &format!(
            "{{\"PartitionKey\":\"p\",\"RowKey\":\"r{n}\",\"Email\":\"{email}\",\"LastName\":\"Ritter{n}\",\
             \"LeadSource\":\"AzureMarketplace-PLT|contoso.mesh\",\"CreatedTime\":\"2026-04-{day:02}T08:00:00Z\"}}\n"
        );
        if !LOST.contains(&n) {
            export += &format!(
                "00Q5g0000{n:06}AAA,{email},Ritter{n},AzureMarketplace-PLT|contoso.mesh,0055g00000AAAAAQA4,\
                 2026-04-{day:02}T08:03:00Z\n"
            );
        }
    }
    let auth = format!("auth = {{ key_file = \"secret.key\" }}\nendpoint = \"{}\"", azurite.blob_endpoint());
    let at = "az://devstoreaccount1/people";
    let text = format!(
        "[output]\nqueries = \"{at}/own/queries\"\ntemplates = [\"{at}/own/templates/*\"]\n{auth}\n\
         [missed]\nworked = [\"{at}/worked/*.csv\", \"{at}/not-yet.csv\"]\n{auth}\n\
         [identity]\ndecisions = \"{at}/decisions.csv\"\n{auth}\n\
         [[source]]\nname = \"raw\"\nkind = \"files\"\npath = \"raw.ndjson\"\n\
         [[destination]]\nname = \"crm\"\nkind = \"salesforce\"\nexport = [\"leads.csv\"]\nusers = \"{at}/users.csv\"\n{auth}\n"
    );
    for (name, text) in
        [("raw.ndjson", raw), ("leads.csv", export), ("secret.key", KEY.into()), ("leadrecon.toml", text)]
    {
        fs::write(folder.join(name), text).unwrap();
    }
}

fn put(azurite: &Azurite, name: &str, text: &str) {
    azurite.put_blobs("people", &[(name.to_owned(), text.as_bytes().to_vec())]);
}

fn night(folder: &Path, arguments: &[&str], status: i32) -> String {
    let output = run(folder, &[&["run", "--as-of", DAY], arguments].concat(), status);
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Open and closed missed leads.
fn missed(folder: &Path) -> [usize; 2] {
    ["new", "closed"].map(|status| {
        let found = crate::publisher::column(folder, "missed_leads", "status");
        found.iter().filter(|is| *is == status).count()
    })
}

#[test]
fn what_people_write_is_read_from_blob_storage_and_what_it_said_holds_when_it_cannot_be_had() {
    let azurite = Azurite::start();
    azurite.make_container("people");
    let dir = tempfile::tempdir().unwrap();
    set_up(&azurite, dir.path());
    put(&azurite, "worked/a.csv", "email,outcome\nperson3@firma3.example,called\n");
    put(&azurite, "worked/~$b.csv", "an office program's lock");
    put(&azurite, "worked/deep/c.csv", "email,outcome\nperson15@firma15.example,called\n");
    put(&azurite, "users.csv", "Id,Name\n0055g00000AAAAAQA4,Vera Vertrieb\n");
    put(&azurite, "own/queries/arrived.sql", "select count(*) as n from leads");
    put(&azurite, "own/queries/notes.md", "no query");
    put(&azurite, "own/templates/board.txt", "headline: {{ headline.text }}\n");
    let told = String::from_utf8(run(dir.path(), &["check", "-v"], 0).stdout).unwrap();
    for expected in ["az://devstoreaccount1/people/worked/a.csv", "users.csv", "queries and templates can be used"] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    assert!(!told.contains("~$b") && !told.contains("deep/c"), "{told}");

    night(dir.path(), &[], 0);
    assert_eq!(missed(dir.path()), [3, 1], "one was called");
    let latest = dir.path().join("out/latest");
    assert!(fs::read_to_string(latest.join("board.txt")).unwrap().starts_with("headline: "));
    assert!(latest.join("tables/arrived.parquet").exists());
    let owners = crate::publisher::column(dir.path(), "crm_records", "owner");
    assert!(owners.iter().all(|owner| owner == "Vera Vertrieb"), "{owners:?}");
    let manifest: Value = serde_json::from_slice(&fs::read(latest.join("manifest.json")).unwrap()).unwrap();
    for name in ["worked/a.csv", "users.csv", "own/queries/arrived.sql", "own/templates/board.txt"] {
        let input = manifest["inputs"]
            .as_array()
            .unwrap()
            .iter()
            .find(|input| input["name"].as_str() == Some(&format!("az://devstoreaccount1/people/{name}")));
        let input = input.unwrap_or_else(|| panic!("{name} is no input: {}", manifest["inputs"]));
        assert!(input["etag"].is_string() && input["modified"].is_string(), "{input}");
    }

    // A file that is gone takes nothing back; one that is larger than anybody writes, or no table, costs itself.
    azurite.delete_blob("people", "worked/a.csv");
    put(&azurite, "worked/b.csv", "colour,shape\nred,round\n");
    azurite.put_blobs("people", &[("worked/huge.csv".to_owned(), vec![b'x'; (64 << 20) + 1])]);
    put(&azurite, "worked/z.csv", "email,outcome\nperson7@firma7.example,junk\n");
    let told = night(dir.path(), &[], 3);
    assert_eq!(missed(dir.path()), [2, 2]);
    for expected in ["worked/b.csv", "worked/huge.csv", "67108865 bytes"] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    assert!(!told.contains("worked/z.csv"), "{told}");
    for name in ["worked/b.csv", "worked/huge.csv"] {
        azurite.delete_blob("people", name);
    }
    let alone = String::from_utf8(run(dir.path(), &["explain", "person7@firma7.example", "--all", "--json"], 0).stdout);
    let alone: Value = serde_json::from_str(&alone.unwrap()).unwrap();
    assert_eq!(alone["reviewed_files"], serde_json::json!(["az://devstoreaccount1/people/worked/z.csv"]));

    // Offline nobody is asked; a key that is refused is told for each place. What was said holds.
    night(dir.path(), &["--offline"], 0);
    assert_eq!(missed(dir.path()), [2, 2]);
    let as_ever = |what: &str| {
        assert!(latest.join("board.txt").exists() && latest.join("tables/arrived.parquet").exists(), "{what}");
        let owners = crate::publisher::column(dir.path(), "crm_records", "owner");
        assert!(owners.iter().all(|owner| owner == "Vera Vertrieb"), "{what}: {owners:?}");
    };
    as_ever("offline");
    fs::write(dir.path().join("secret.key"), KEY.replace("Eby8", "Abcd")).unwrap();
    let told = night(dir.path(), &[], 3);
    for place in ["queries and templates:", "worked:", "decisions:", "users:"] {
        assert!(told.contains(place), "{place}: {told}");
    }
    for name in ["own/queries", "own/templates/*", "worked/*.csv", "not-yet.csv", "decisions.csv", "users.csv"] {
        assert!(told.contains(&format!("az://devstoreaccount1/people/{name}: access")), "{name}: {told}");
    }
    assert_eq!(missed(dir.path()), [2, 2]);
    as_ever("refused");

    // A query that cannot work stops the night before any work, wherever it stands.
    fs::write(dir.path().join("secret.key"), KEY).unwrap();
    put(&azurite, "own/queries/wrong.sql", "select nothing from nowhere");
    let told = night(dir.path(), &[], 2);
    assert!(told.contains("wrong.sql"), "{told}");
    // And an address needs a way to sign in beside it.
    let text = fs::read_to_string(dir.path().join("leadrecon.toml")).unwrap();
    let without = text.replacen("auth = { key_file = \"secret.key\" }", "", 1);
    fs::write(dir.path().join("leadrecon.toml"), without).unwrap();
    let told = night(dir.path(), &[], 2);
    assert!(told.contains("queries") && told.contains("needs auth"), "{told}");
}
