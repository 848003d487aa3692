//! What ops watch: the file of metrics and the alerts over it, the summary and its schema.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::program::run;

const PUBLISHER: &str = "[metrics]\nprometheus = \"metrics/leadrecon.prom\"\n\
    [[source]]\nname = \"dump\"\nkind = \"files\"\npath = \"raw/*\"\n\
    [[destination]]\nname = \"crm\"\nkind = \"salesforce\"\nexport = [\"exports/*.csv\"]\n";

fn publisher(folder: &Path) {
    for place in ["raw", "exports"] {
        fs::create_dir(folder.join(place)).unwrap();
    }
    let lead = |n: usize| {
        format!(
            "{{\"UserDetails\":{{\"FirstName\":\"Ada\",\"LastName\":\"Lovelace{n}\",\"Email\":\"ada{n}@northwind.example\"}},\
             \"LeadSource\":\"AzureMarketplace-INS|contoso.mesh\",\"CreatedTime\":\"2026-05-0{n}T08:00:00Z\"}}"
        )
    };
    fs::write(folder.join("raw/leads.ndjson"), (1..5).map(lead).collect::<Vec<_>>().join("\n")).unwrap();
    fs::write(
        folder.join("exports/leads.csv"),
        "Id,Email,First Name,Last Name,Lead Source,Created Date\n\
         00Q5g00000abcde001,ada1@northwind.example,Ada,Lovelace1,AzureMarketplace-INS|contoso.mesh,2026-05-01T08:03:00Z\n",
    )
    .unwrap();
    fs::write(folder.join("leadrecon.toml"), PUBLISHER).unwrap();
}

fn metrics(folder: &Path) -> String {
    let path = folder.join("metrics/leadrecon.prom");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644, "the collector is another user");
    fs::read_to_string(path).unwrap()
}

#[track_caller]
fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{series} is not in\n{text}")).parse().unwrap()
}

#[test]
fn the_file_of_metrics_tells_of_every_run_however_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    publisher(folder.path());
    run(folder.path(), &["run", "-q", "--as-of", "2026-05-06"], 0);
    let good = metrics(folder.path());
    for (series, expected) in [
        ("leadrecon_last_run_exit_status", 0.0),
        ("leadrecon_balance_ok", 1.0),
        ("leadrecon_incomplete", 0.0),
        ("leadrecon_quarantined_leads", 0.0),
        ("leadrecon_leads{destination=\"crm\",verdict=\"delivered\"}", 1.0),
        ("leadrecon_source_newest_timestamp_seconds{source=\"dump\"}", 1_777_881_600.0),
    ] {
        assert!((value(&good, series) - expected).abs() < 0.5, "{series}\n{good}");
    }
    assert!(value(&good, "leadrecon_source_age_seconds{source=\"dump\"}") > 0.0);
    // Done in part.
    fs::write(folder.path().join("exports/broken.csv"), "nothing,known\n1,2\n").unwrap();
    run(folder.path(), &["run", "-q", "--as-of", "2026-05-06"], 3);
    let partial = metrics(folder.path());
    assert!((value(&partial, "leadrecon_last_run_exit_status") - 3.0).abs() < 0.1);
    assert!((value(&partial, "leadrecon_incomplete") - 1.0).abs() < 0.1);
    // Failed: the key of what was forgotten is damaged.
    fs::write(folder.path().join("state/landing/forget.key"), "x").unwrap();
    run(folder.path(), &["run", "-q", "--as-of", "2026-05-06"], 4);
    let failed = metrics(folder.path());
    assert!((value(&failed, "leadrecon_last_run_exit_status") - 4.0).abs() < 0.1);
    assert!(value(&failed, "leadrecon_balance_ok").abs() < 0.1);
    let leads = "leadrecon_leads{destination=\"crm\",verdict=\"delivered\"}";
    assert!((value(&failed, leads) - value(&partial, leads)).abs() < 0.1, "what was measured before stays");
}

#[test]
fn alerts_use_only_metrics_that_are_there() {
    let folder = tempfile::tempdir().unwrap();
    publisher(folder.path());
    run(folder.path(), &["run", "-q", "--as-of", "2026-05-06"], 0);
    let written = metrics(folder.path());
    let there: BTreeSet<&str> =
        written.lines().filter(|l| !l.starts_with('#')).filter_map(|l| l.split(['{', ' ']).next()).collect();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut used = 0;
    for file in ["deploy/prometheus-alerts.yml", "README.md"] {
        let text = fs::read_to_string(repository.join(file)).unwrap();
        for name in text.split(|c: char| !(c.is_ascii_lowercase() || c == '_')).filter(|w| w.starts_with("leadrecon_"))
        {
            assert!(there.contains(name), "{file} names {name}, which no run writes");
            used += 1;
        }
    }
    assert!(used > 10, "{used}");
}

#[test]
fn the_published_schema_describes_every_field_of_a_summary() {
    let folder = tempfile::tempdir().unwrap();
    publisher(folder.path());
    run(folder.path(), &["run", "-q", "--as-of", "2026-05-06"], 0);
    let read = |path: &Path| -> serde_json::Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
    let schema = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/summary.schema.json"));
    let summary = read(&folder.path().join("out/latest/summary.json"));
    let mut wrong = Vec::new();
    hold(&summary, &schema, &schema, "", &mut wrong);
    assert!(wrong.is_empty(), "{wrong:#?}");
    let mut other = summary;
    other["counts"]["open"] = serde_json::json!("many");
    hold(&other, &schema, &schema, "", &mut wrong);
    assert_eq!(wrong, ["/counts/open: \"many\" is no integer"]);
}

/// Holds a value against the part of JSON Schema that our schema uses; a field that it does not describe is wrong too.
fn hold(
    value: &serde_json::Value,
    schema: &serde_json::Value,
    root: &serde_json::Value,
    place: &str,
    wrong: &mut Vec<String>,
) {
    if let Some(name) = schema["$ref"].as_str().and_then(|r| r.strip_prefix("#")) {
        return hold(value, root.pointer(name).unwrap(), root, place, wrong);
    }
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("the test does not know the type {other}"),
    };
    let of_type = match &schema["type"] {
        serde_json::Value::String(name) => is(name),
        serde_json::Value::Array(names) => names.iter().filter_map(|n| n.as_str()).any(is),
        _ => {
            schema.get("enum").is_none_or(|words| words.as_array().unwrap().contains(value))
                && schema.get("const").is_none_or(|constant| constant == value)
        }
    };
    if !of_type {
        wrong.push(format!("{place}: {value} is no {}", schema["type"].as_str().unwrap_or("value of these")));
        return;
    }
    for item in value.as_array().into_iter().flatten() {
        hold(item, &schema["items"], root, &format!("{place}/item"), wrong);
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(|n| n.as_str()) {
        if value.get(name).is_none() {
            wrong.push(format!("{place}/{name} is missing"));
        }
    }
    // What is told of a destination differs with its kind: only what is common is promised.
    let is_open = place.ends_with("/item") && !schema["properties"]["destination"].is_null();
    for (name, below) in value.as_object().into_iter().flatten() {
        let place = format!("{place}/{name}");
        match schema["properties"].get(name).or(schema.get("additionalProperties")) {
            Some(schema) => hold(below, schema, root, &place, wrong),
            None if is_open => {}
            None => wrong.push(format!("{place} is not described")),
        }
    }
}
