//! `leadrecon.toml` as written → as checked, all problems together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::Deserialize;

use super::*;
use crate::codes::stage;
use crate::error::{Error, Result};

pub(super) fn parse(text: &str, base: &Path) -> Result<Config> {
    let document: toml::Table = toml::from_str(text).map_err(|e| {
        Error::usage("the configuration is not valid TOML")
            .because(e.to_string().trim_end())
            .hint("text values stand in double quotes; see leadrecon.example.toml")
    })?;
    let mut problems = Problems::default();
    unknown_keys(&document, "", &mut problems);

    let output: RawOutput = section(&document, "output", &mut problems);
    let state: RawState = section(&document, "state", &mut problems);
    let report: RawReport = section(&document, "report", &mut problems);
    let identity: RawIdentity = section(&document, "identity", &mut problems);
    let missed: RawMissed = section(&document, "missed", &mut problems);
    let sales: RawSales = section(&document, "sales", &mut problems);
    let outages: RawOutages = section(&document, "outages", &mut problems);
    let privacy: RawPrivacy = section(&document, "privacy", &mut problems);
    let cost: RawCost = section(&document, "cost", &mut problems);
    let metrics: RawMetrics = section(&document, "metrics", &mut problems);
    let stages: BTreeMap<String, String> = section(&document, "stages", &mut problems);

    let sources = sections::<RawSource>(&document, "source", &mut problems)
        .into_iter()
        .filter_map(|raw| source(raw, &mut problems))
        .collect::<Vec<_>>();
    let destinations = sections::<RawDestination>(&document, "destination", &mut problems)
        .into_iter()
        .map(|raw| destination(raw, &mut problems))
        .collect::<Vec<_>>();
    let offers = sections::<RawOffer>(&document, "offer", &mut problems)
        .into_iter()
        .map(|raw| offer(raw, &mut problems))
        .collect::<Vec<_>>();
    let witnesses = sections::<RawWitness>(&document, "witness", &mut problems)
        .into_iter()
        .map(|raw| witness(raw, &mut problems))
        .collect::<Vec<_>>();

    if sources.is_empty() && !document.contains_key("source") {
        problems.add("no [[source]]: name at least one place where raw leads are read");
    }
    names_unique("source", sources.iter().map(|s| s.name.as_str()), &mut problems);
    names_unique("destination", destinations.iter().map(|d| d.name.as_str()), &mut problems);
    names_unique("witness", witnesses.iter().map(|w| w.name.as_str()), &mut problems);
    check_stages("stages", &stages, &mut problems);

    let mut config = Config {
        base: base.to_owned(),
        output: Output {
            dir: base.join(output.dir.unwrap_or_else(|| "out".into())),
            keep_days: positive("[output] keep_days", output.keep_days.unwrap_or(90), &mut problems),
            queries: output.queries.map(|p| base.join(p)),
            templates: output.templates.map(|p| base.join(p)),
        },
        state_dir: base.join(state.dir.unwrap_or_else(|| "state".into())),
        report: Report {
            timezone: problems.take(zone("[report] timezone", report.timezone.as_deref()), None).unwrap_or(Tz::UTC),
            pii: match report.pii.as_deref() {
                None | Some("masked") => Pii::Masked,
                Some("full") => Pii::Full,
                Some(other) => {
                    problems.add(format!("[report] pii = \"{other}\": expected \"masked\" or \"full\""));
                    Pii::Masked
                }
            },
        },
        sources,
        destinations,
        offers,
        exclude: section(&document, "exclude", &mut problems),
        identity: Identity {
            threshold: share("[identity] threshold", identity.threshold.unwrap_or(0.95), &mut problems),
            decisions: identity.decisions.map(|p| base.join(p)),
        },
        missed: Missed {
            worked: missed.worked.map(|p| base.join(p)),
            give_up: span("[missed] give_up", missed.give_up.as_deref(), "60d", &mut problems),
        },
        call_list: section(&document, "call_list", &mut problems),
        sales: Sales { touch_within: span("[sales] touch_within", sales.touch_within.as_deref(), "1d", &mut problems) },
        outages: Outages { alpha: share("[outages] alpha", outages.alpha.unwrap_or(0.001), &mut problems) },
        privacy: Privacy {
            keep: span_or_never("[privacy] keep", privacy.keep.as_deref(), "25 months", &mut problems),
            keep_dnc: span_or_never("[privacy] keep_dnc", privacy.keep_dnc.as_deref(), "30d", &mut problems),
            dnc_silences_person: privacy.dnc_silences_person,
        },
        stages: stages.into_iter().collect(),
        cost: Cost {
            auth: auth_for_exports("[cost]", cost.auth.as_ref(), cost.azure.iter().chain(&cost.spend), &mut problems),
            endpoint: cost.endpoint,
            azure: cost.azure,
            storage_accounts: cost.storage_accounts.iter().map(|a| a.to_lowercase()).collect(),
            spend: cost.spend,
            campaigns: cost
                .campaigns
                .into_iter()
                .filter_map(|(campaign, offer)| match Pattern::new(&campaign) {
                    Ok(pattern) => Some((pattern, offer.to_lowercase())),
                    Err(error) => {
                        problems.add(format!("[cost] campaigns: {}", error.what()));
                        None
                    }
                })
                .collect(),
            date_order: cost.date_order,
            currency: cost.currency,
        },
        prometheus: metrics.prometheus.map(|p| base.join(p)),
        witnesses,
    };
    find_secret_files(&mut config);
    if problems.0.is_empty() {
        return Ok(config);
    }
    let mut error = Error::usage(match problems.0.len() {
        1 => "the configuration has a problem".to_owned(),
        n => format!("the configuration has {n} problems"),
    });
    for problem in problems.0 {
        error = error.at(problem);
    }
    Err(error.hint("leadrecon.example.toml holds every key with its meaning; `leadrecon check` tries the settings"))
}

/// Files of secrets stand where the configuration says, and not where the command was started.
fn find_secret_files(config: &mut Config) {
    let Config { base, sources, destinations, cost, .. } = config;
    let of_sources = sources.iter_mut().filter_map(|s| match &mut s.place {
        Place::Table { auth, .. } | Place::Blobs { auth, .. } => Some(auth),
        Place::Files { .. } => None,
    });
    let of_exports = destinations.iter_mut().filter_map(|d| d.auth.as_mut());
    for auth in of_sources.chain(of_exports).chain(cost.auth.as_mut()) {
        if let Auth::ConnectionString(Secret::File(path))
        | Auth::Key(Secret::File(path))
        | Auth::Sas(Secret::File(path)) = auth
        {
            *path = base.join(&*path);
        }
    }
}

/// Every table of the file and its keys; `*` is a table with free keys.
pub(super) const KEYS: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "output", "state", "report", "source", "destination", "offer", "exclude", "identity", "missed",
            "call_list", "sales", "outages", "privacy", "stages", "cost", "metrics", "witness",
        ],
    ),
    ("output", &["dir", "keep_days", "queries", "templates"]),
    ("state", &["dir"]),
    ("report", &["timezone", "pii"]),
    (
        "source",
        &[
            "name", "kind", "account", "endpoint", "table", "container", "prefix", "path", "auth", "overlap", "rescan",
            "deadline", "formerly",
        ],
    ),
    ("source.auth", AUTH_KEYS),
    (
        "destination",
        &[
            "name", "kind", "export", "auth", "endpoint", "offers", "records_per", "grace", "since", "exported_at",
            "key", "delivered_by", "columns", "date_order", "timezone", "qualified", "won", "complete", "replay",
        ],
    ),
    ("destination.auth", AUTH_KEYS),
    ("destination.delivered_by", &["*"]),
    ("destination.columns", &["*"]),
    ("destination.replay", &["set", "required", "url", "headers"]),
    ("destination.replay.set", &["*"]),
    ("destination.replay.headers", &["*"]),
    ("offer", &["id", "title", "formerly", "type", "stages"]),
    ("offer.stages", &["*"]),
    ("exclude", &["domains", "emails", "companies"]),
    ("identity", &["threshold", "decisions"]),
    ("missed", &["worked", "give_up"]),
    ("call_list", &["split_by"]),
    ("sales", &["touch_within"]),
    ("outages", &["alpha"]),
    ("privacy", &["keep", "keep_dnc", "dnc_silences_person"]),
    ("stages", &["*"]),
    ("cost", &["azure", "storage_accounts", "spend", "campaigns", "date_order", "currency", "auth", "endpoint"]),
    ("cost.auth", AUTH_KEYS),
    ("cost.campaigns", &["*"]),
    ("metrics", &["prometheus"]),
    ("witness", &["name", "export", "columns", "date_order", "timezone"]),
    ("witness.columns", &["*"]),
];
const AUTH_KEYS: &[&str] =
    &["connection_string_env", "connection_string_file", "key_env", "key_file", "sas_env", "sas_file", "default"];

#[derive(Deserialize)]
struct RawSource {
    name: String,
    kind: String,
    account: Option<String>,
    endpoint: Option<String>,
    table: Option<String>,
    container: Option<String>,
    prefix: Option<String>,
    path: Option<String>,
    auth: Option<toml::Table>,
    overlap: Option<String>,
    rescan: Option<String>,
    deadline: Option<String>,
    #[serde(default)]
    formerly: Vec<String>,
}

#[derive(Deserialize)]
struct RawDestination {
    name: String,
    kind: DestinationKind,
    export: OneOrMany,
    auth: Option<toml::Table>,
    endpoint: Option<String>,
    offers: Option<OneOrMany>,
    records_per: Option<RecordsPer>,
    grace: Option<String>,
    since: Option<toml::Value>,
    exported_at: Option<toml::Value>,
    key: Option<String>,
    #[serde(default)]
    delivered_by: BTreeMap<String, OneOrMany>,
    #[serde(default)]
    columns: BTreeMap<String, String>,
    date_order: Option<DateOrder>,
    timezone: Option<String>,
    #[serde(default)]
    qualified: Vec<String>,
    #[serde(default)]
    won: Vec<String>,
    complete: Option<bool>,
    replay: Option<RawReplay>,
}

#[derive(Deserialize)]
struct RawReplay {
    #[serde(default)]
    set: BTreeMap<String, toml::Value>,
    #[serde(default)]
    required: Vec<String>,
    url: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn into_vec(self) -> Vec<String> {
        match self {
            OneOrMany::One(one) => vec![one],
            OneOrMany::Many(many) => many,
        }
    }
}

#[derive(Deserialize)]
struct RawOffer {
    id: String,
    #[serde(default)]
    title: Vec<String>,
    #[serde(default)]
    formerly: Vec<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    stages: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct RawWitness {
    name: String,
    export: OneOrMany,
    #[serde(default)]
    columns: BTreeMap<String, String>,
    date_order: Option<DateOrder>,
    timezone: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawOutput {
    dir: Option<PathBuf>,
    keep_days: Option<i64>,
    queries: Option<PathBuf>,
    templates: Option<PathBuf>,
}
#[derive(Default, Deserialize)]
#[serde(default)]
struct RawState {
    dir: Option<PathBuf>,
}
#[derive(Default, Deserialize)]
#[serde(default)]
struct RawReport {
    timezone: Option<String>,
    pii: Option<String>,
}
#[derive(Default, Deserialize)]
#[serde(default)]
struct RawIdentity {
    threshold: Option<f64>,
    decisions: Option<PathBuf>,
}
#[derive(Default, Deserialize)]
#[serde(default)]
struct RawMissed {
    worked: Option<PathBuf>,
    give_up: Option<String>,
}
#[derive(Default, Deserialize)]
#[serde(default)]
struct RawSales {
    touch_within: Option<String>,
}
#[derive(Default, Deserialize)]
#[serde(default)]
struct RawOutages {
    alpha: Option<f64>,
}
#[derive(Default, Deserialize)]
#[serde(default)]
struct RawPrivacy {
    keep: Option<String>,
    keep_dnc: Option<String>,
    dnc_silences_person: bool,
}
#[derive(Default, Deserialize)]
#[serde(default)]
struct RawCost {
    azure: Vec<String>,
    storage_accounts: Vec<String>,
    spend: Vec<String>,
    campaigns: BTreeMap<String, String>,
    date_order: Option<DateOrder>,
    currency: Option<String>,
    auth: Option<toml::Table>,
    endpoint: Option<String>,
}
#[derive(Default, Deserialize)]
#[serde(default)]
struct RawMetrics {
    prometheus: Option<PathBuf>,
}

/// What is wrong with a configuration, collected.
#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn add(&mut self, problem: impl Into<String>) {
        self.0.push(problem.into());
    }

    /// The value, or its default with the problem noted.
    fn take<T>(&mut self, result: Result<T, String>, otherwise: T) -> T {
        result.unwrap_or_else(|problem| {
            self.add(problem);
            otherwise
        })
    }
}

fn unknown_keys(table: &toml::Table, path: &str, problems: &mut Problems) {
    let Some((_, known)) = KEYS.iter().find(|(p, _)| *p == path) else { return };
    if known == &["*"] {
        return;
    }
    let place = if path.is_empty() { "top level".to_owned() } else { format!("[{path}]") };
    for (key, value) in table {
        if !known.contains(&key.as_str()) {
            let advice = match nearest(key, known.iter().copied()) {
                Some(near) => format!("; did you mean \"{near}\"?"),
                None => format!("; known here: {}", known.join(", ")),
            };
            problems.add(format!("{place}: unknown key \"{key}\"{advice}"));
            continue;
        }
        let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match value {
            toml::Value::Table(inner) => unknown_keys(inner, &below, problems),
            toml::Value::Array(items) => {
                for item in items {
                    if let toml::Value::Table(inner) = item {
                        unknown_keys(inner, &below, problems);
                    }
                }
            }
            _ => {}
        }
    }
}

fn section<T: Default + for<'de> Deserialize<'de>>(document: &toml::Table, name: &str, problems: &mut Problems) -> T {
    match document.get(name) {
        None => T::default(),
        Some(value) => value.clone().try_into().unwrap_or_else(|e: toml::de::Error| {
            problems.add(format!("[{name}]: {}", one_line(&e)));
            T::default()
        }),
    }
}

fn sections<T: for<'de> Deserialize<'de>>(document: &toml::Table, name: &str, problems: &mut Problems) -> Vec<T> {
    let Some(value) = document.get(name) else { return Vec::new() };
    let toml::Value::Array(items) = value else {
        problems.add(format!("[{name}] is a list: write it with two brackets, [[{name}]]"));
        return Vec::new();
    };
    let mut read = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let called = item.get("name").or_else(|| item.get("id")).and_then(toml::Value::as_str);
        match item.clone().try_into() {
            Ok(value) => read.push(value),
            Err(e) => problems.add(match called {
                Some(called) => format!("[[{name}]] \"{called}\": {}", one_line(&e)),
                None => format!("[[{name}]] number {}: {}", at + 1, one_line(&e)),
            }),
        }
    }
    read
}

fn one_line(error: &toml::de::Error) -> String {
    error.message().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn source(raw: RawSource, problems: &mut Problems) -> Option<Source> {
    let place = format!("[[source]] \"{}\"", raw.name);
    check_name(&place, &raw.name, problems);
    for former in &raw.formerly {
        check_name(&format!("{place} formerly"), former, problems);
    }
    let overlap = span(&format!("{place} overlap"), raw.overlap.as_deref(), "24h", problems);
    let rescan = span(&format!("{place} rescan"), raw.rescan.as_deref(), "7d", problems);
    let deadline = span(&format!("{place} deadline"), raw.deadline.as_deref(), "10m", problems);
    let is = |kind: &str| raw.kind == kind;
    for (key, given, fits) in [
        ("table", raw.table.is_some(), is("azure-table")),
        ("container", raw.container.is_some(), is("azure-blob")),
        ("prefix", raw.prefix.is_some(), is("azure-blob")),
        ("path", raw.path.is_some(), is("files")),
        ("account", raw.account.is_some(), is("azure-table") || is("azure-blob")),
        ("endpoint", raw.endpoint.is_some(), is("azure-table") || is("azure-blob")),
        ("auth", raw.auth.is_some(), is("azure-table") || is("azure-blob")),
    ] {
        if given && !fits {
            problems.add(format!("{place}: {key} does not belong to kind \"{}\"", raw.kind));
        }
    }
    let what = match raw.kind.as_str() {
        "files" => match raw.path {
            Some(path) => Place::Files { path },
            None => {
                problems.add(format!("{place}: path is missing, e.g. path = \"raw/**/*\""));
                return None;
            }
        },
        kind @ ("azure-table" | "azure-blob") => {
            let auth = auth(&place, raw.auth.as_ref(), problems)?;
            let account =
                Account { name: raw.account, endpoint: raw.endpoint.map(|e| e.trim_end_matches('/').to_owned()) };
            if account.name.is_none() && account.endpoint.is_none() && !matches!(auth, Auth::ConnectionString(_)) {
                problems.add(format!("{place}: account or endpoint is missing"));
            }
            match (kind, raw.table, raw.container) {
                ("azure-table", Some(table), _) => Place::Table { account, table, auth },
                ("azure-blob", _, Some(container)) => {
                    Place::Blobs { account, container, prefix: raw.prefix.unwrap_or_default(), auth }
                }
                ("azure-table", ..) => {
                    problems.add(format!("{place}: table is missing, e.g. table = \"marketplaceleads\""));
                    return None;
                }
                _ => {
                    problems.add(format!("{place}: container is missing, e.g. container = \"leads\""));
                    return None;
                }
            }
        }
        other => {
            problems.add(format!("{place}: kind \"{other}\" is unknown; expected azure-table, azure-blob or files"));
            return None;
        }
    };
    Some(Source { name: raw.name, place: what, overlap, rescan, deadline, formerly: raw.formerly })
}

fn destination(raw: RawDestination, problems: &mut Problems) -> Destination {
    let place = format!("[[destination]] \"{}\"", raw.name);
    check_name(&place, &raw.name, problems);
    let export = raw.export.into_vec();
    if export.is_empty() {
        problems.add(format!("{place}: export is empty"));
    }
    for field in raw.columns.keys() {
        if !FIELDS.contains(&field.as_str()) {
            let advice = match nearest(field, FIELDS.iter().copied()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("known: {}", FIELDS.join(", ")),
            };
            problems.add(format!("{place} columns: unknown field \"{field}\"; {advice}"));
        }
    }
    let mut patterns = |texts: Vec<String>| {
        texts
            .iter()
            .filter_map(|t| match Pattern::new(t) {
                Ok(pattern) => Some(pattern),
                Err(e) => {
                    problems.add(format!("{place}: {}", e.what()));
                    None
                }
            })
            .collect::<Vec<_>>()
    };
    let offers = patterns(raw.offers.map_or_else(|| vec!["*".to_owned()], OneOrMany::into_vec));
    let delivered_by =
        raw.delivered_by.into_iter().map(|(column, texts)| (column, patterns(texts.into_vec()))).collect();
    let grace = match raw.grace.as_deref() {
        None | Some("auto") => Grace::Auto,
        Some(text) => Grace::Fixed(span(&format!("{place} grace"), Some(text), "48h", problems)),
    };
    let since = raw.since.and_then(|value| {
        let read = instant(&value);
        if read.is_none() {
            problems.add(format!("{place} since: expected a date such as 2025-01-01 or an RFC 3339 time"));
        }
        read
    });
    let exported_at = match &raw.exported_at {
        None => ExportedAt::Records,
        Some(toml::Value::String(s)) if s == "records" => ExportedAt::Records,
        Some(toml::Value::String(s)) if s == "file-time" => ExportedAt::FileTime,
        Some(value) => match instant(value) {
            Some(at) => ExportedAt::At(at),
            None => {
                problems.add(format!("{place} exported_at: expected \"records\", \"file-time\" or an RFC 3339 time"));
                ExportedAt::Records
            }
        },
    };
    let auth = auth_for_exports(&place, raw.auth.as_ref(), export.iter(), problems);
    let replay = raw.replay.map_or_else(Replay::default, |replay| Replay {
        set: replay.set.into_iter().map(|(k, v)| (k, plain_text(&v))).collect(),
        required: replay.required,
        url: replay.url,
        headers: replay.headers.into_iter().map(|(k, v)| (k, Secret::Env(v))).collect(),
    });
    Destination {
        kind: raw.kind,
        export,
        auth,
        endpoint: raw.endpoint,
        offers,
        records_per: raw.records_per.unwrap_or(if raw.kind == DestinationKind::Marketo {
            RecordsPer::Person
        } else {
            RecordsPer::Auto
        }),
        grace,
        since,
        exported_at,
        key: raw.key,
        delivered_by,
        columns: raw.columns,
        date_order: raw.date_order,
        timezone: problems.take(zone(&format!("{place} timezone"), raw.timezone.as_deref()), None),
        qualified: raw.qualified,
        won: raw.won,
        complete: raw.complete,
        replay,
        name: raw.name,
    }
}

fn offer(raw: RawOffer, problems: &mut Problems) -> Offer {
    let place = format!("[[offer]] \"{}\"", raw.id);
    check_stages(&place, &raw.stages, problems);
    if let Some(kind) = &raw.kind
        && !["transact", "contact-me", "trial", "private"].contains(&kind.as_str())
    {
        problems.add(format!("{place} type = \"{kind}\": expected transact, contact-me, trial or private"));
    }
    Offer {
        id: raw.id.to_lowercase(),
        title: raw.title,
        formerly: raw.formerly.iter().map(|f| f.to_lowercase()).collect(),
        kind: raw.kind,
        stages: raw.stages,
    }
}

fn witness(raw: RawWitness, problems: &mut Problems) -> Witness {
    let place = format!("[[witness]] \"{}\"", raw.name);
    check_name(&place, &raw.name, problems);
    Witness {
        export: raw.export.into_vec(),
        columns: raw.columns,
        date_order: raw.date_order,
        timezone: problems.take(zone(&format!("{place} timezone"), raw.timezone.as_deref()), None),
        name: raw.name,
    }
}

/// How to sign in where exports are at `az://`.
fn auth_for_exports<'a>(
    place: &str,
    table: Option<&toml::Table>,
    mut exports: impl Iterator<Item = &'a String>,
    problems: &mut Problems,
) -> Option<Auth> {
    let auth = table.and_then(|table| auth(place, Some(table), problems));
    if exports.any(|e| e.starts_with("az://")) && table.is_none() {
        problems.add(format!("{place}: an export at az:// needs auth, e.g. auth = {{ sas_env = \"EXPORTS_SAS\" }}"));
    }
    auth
}

fn auth(place: &str, table: Option<&toml::Table>, problems: &mut Problems) -> Option<Auth> {
    let Some(table) = table else {
        problems
            .add(format!("{place}: auth is missing, e.g. auth = {{ connection_string_env = \"LEADS_CONNECTION\" }}"));
        return None;
    };
    let mut found = Vec::new();
    for (key, value) in table {
        let text = || value.as_str().unwrap_or_default().to_owned();
        found.push(match key.as_str() {
            "connection_string_env" => Auth::ConnectionString(Secret::Env(text())),
            "connection_string_file" => Auth::ConnectionString(Secret::File(text().into())),
            "key_env" => Auth::Key(Secret::Env(text())),
            "key_file" => Auth::Key(Secret::File(text().into())),
            "sas_env" => Auth::Sas(Secret::Env(text())),
            "sas_file" => Auth::Sas(Secret::File(text().into())),
            "default" if value.as_bool() == Some(true) => Auth::Identity,
            _ => continue,
        });
    }
    if found.len() == 1 {
        return found.pop();
    }
    problems.add(format!("{place} auth: name exactly one of {}", AUTH_KEYS.join(", ")));
    None
}

fn check_name(place: &str, name: &str, problems: &mut Problems) {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || !name.chars().all(allowed) {
        problems.add(format!("{place}: a name is made of a-z, 0-9 and -"));
    }
}

fn names_unique<'a>(what: &str, names: impl Iterator<Item = &'a str>, problems: &mut Problems) {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    for pair in names.windows(2) {
        if pair[0] == pair[1] {
            problems.add(format!("two [[{what}]] are named \"{}\"", pair[0]));
        }
    }
}

fn check_stages(place: &str, stages: &BTreeMap<String, String>, problems: &mut Problems) {
    const KNOWN: [&str; 5] = [stage::TRIAL, stage::INTEREST, stage::CONTACT, stage::PURCHASE, stage::NONE];
    for (action, stage) in stages {
        if !KNOWN.contains(&stage.as_str()) {
            problems.add(format!("[{place}] {action} = \"{stage}\": expected {}", KNOWN.join(", ")));
        }
    }
}

fn zone(place: &str, name: Option<&str>) -> Result<Option<Tz>, String> {
    name.map(|n| {
        n.parse::<Tz>().map_err(|_| format!("{place} = \"{n}\": not a zone of the IANA list, e.g. \"Europe/Berlin\""))
    })
    .transpose()
}

fn span(place: &str, text: Option<&str>, default: &str, problems: &mut Problems) -> TimeDelta {
    let read = parse_span(text.unwrap_or(default)).map_err(|e| format!("{place}: {e}"));
    problems.take(read, TimeDelta::zero())
}

fn span_or_never(place: &str, text: Option<&str>, default: &str, problems: &mut Problems) -> Option<TimeDelta> {
    match text {
        Some("never") => None,
        _ => Some(span(place, text, default, problems)),
    }
}

fn positive(place: &str, value: i64, problems: &mut Problems) -> i64 {
    if value < 1 {
        problems.add(format!("{place} = {value}: expected at least 1"));
    }
    value
}

fn share(place: &str, value: f64, problems: &mut Problems) -> f64 {
    if !(value > 0.0 && value < 1.0) {
        problems.add(format!("{place} = {value}: expected a number above 0 and below 1"));
    }
    value
}

/// A TOML date or time, or the same as text; days start at midnight UTC.
fn instant(value: &toml::Value) -> Option<DateTime<Utc>> {
    let text = match value {
        toml::Value::Datetime(at) => at.to_string(),
        toml::Value::String(text) => text.clone(),
        _ => return None,
    };
    if let Ok(at) = DateTime::parse_from_rfc3339(&text) {
        return Some(at.with_timezone(&Utc));
    }
    let day = text.parse::<NaiveDate>().ok()?;
    Some(day.and_hms_opt(0, 0, 0)?.and_utc())
}

fn plain_text(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
