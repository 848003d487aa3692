//! `leadrecon.toml`: as written, then as checked.
//!
//! Reading is pure: text in, [`Config`] out, every problem at once. No secret stands in the configuration; what
//! [`Secret`] names is read by the edge. Relative paths are relative to the file; [`Config::resolve`] makes them absolute.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use globset::{Glob, GlobBuilder, GlobMatcher};
use serde::Deserialize;

use crate::codes::stage;
use crate::error::{Error, Result};

/// The whole configuration, checked, with defaults filled in.
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder of the configuration file; relative paths start here.
    pub base: PathBuf,
    /// `[output]`
    pub output: Output,
    /// `[state] dir`
    pub state_dir: PathBuf,
    /// `[report]`
    pub report: Report,
    /// `[[source]]`, in the order of the file.
    pub sources: Vec<Source>,
    /// `[[destination]]`, in the order of the file.
    pub destinations: Vec<Destination>,
    /// `[[offer]]`
    pub offers: Vec<Offer>,
    /// `[exclude]`
    pub exclude: Exclude,
    /// `[identity]`
    pub identity: Identity,
    /// `[missed]`
    pub missed: Missed,
    /// `[call_list]`
    pub call_list: CallList,
    /// `[sales]`
    pub sales: Sales,
    /// `[outages]`
    pub outages: Outages,
    /// `[privacy]`
    pub privacy: Privacy,
    /// `[stages]`: action, any case, to stage.
    pub stages: BTreeMap<String, String>,
    /// `[cost]`
    pub cost: Cost,
    /// `[metrics] prometheus`
    pub prometheus: Option<PathBuf>,
    /// `[[witness]]`
    pub witnesses: Vec<Witness>,
}

/// `[output]`
#[derive(Clone, Debug)]
pub struct Output {
    /// Where dated folders are written.
    pub dir: PathBuf,
    /// Dated folders older than this many days before the as-of date are deleted.
    pub keep_days: i64,
    /// Folder whose `.sql` files add to and override the built-in queries.
    pub queries: Option<PathBuf>,
    /// Folder whose files add to and override the built-in templates.
    pub templates: Option<PathBuf>,
}

/// `[report]`
#[derive(Clone, Debug)]
pub struct Report {
    /// Days, weeks, months and times shown; tables stay UTC.
    pub timezone: Tz,
    /// Whether report.html and report.xlsx show people in full.
    pub pii: Pii,
}

/// How people are shown in report.html and report.xlsx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pii {
    /// First letters only.
    Masked,
    /// As typed.
    Full,
}

/// Where a secret is read from; never the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    /// An environment variable of this name.
    Env(String),
    /// A file, whose trailing line break does not count.
    File(PathBuf),
}

/// How to sign in to a storage account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// A connection string with a key or a SAS.
    ConnectionString(Secret),
    /// The account key.
    Key(Secret),
    /// A shared access signature, with or without the leading `?`.
    Sas(Secret),
    /// The machine's Azure identity: managed, workload, environment or command line.
    Identity,
}

/// `[[source]]`: where raw leads are read.
#[derive(Clone, Debug)]
pub struct Source {
    /// Name, `[a-z0-9-]`, unique.
    pub name: String,
    /// What it is and where.
    pub place: Place,
    /// How far before the watermark each read starts.
    pub overlap: TimeDelta,
    /// How often everything is read again.
    pub rescan: TimeDelta,
    /// How long a read may take, retries included.
    pub deadline: TimeDelta,
    /// Names it had before; lead ids survive a renaming.
    pub formerly: Vec<String>,
}

/// What a source is and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An Azure Table.
    Table {
        /// The storage account.
        account: Account,
        /// Name of the table.
        table: String,
        /// How to sign in.
        auth: Auth,
    },
    /// An Azure Blob container.
    Blobs {
        /// The storage account.
        account: Account,
        /// Name of the container.
        container: String,
        /// Only blobs whose name starts so; empty for all.
        prefix: String,
        /// How to sign in.
        auth: Auth,
    },
    /// Files by glob, relative to the configuration file.
    Files {
        /// The glob.
        path: String,
    },
}

/// A storage account: by name in the public cloud, or by endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Account name, where given.
    pub name: Option<String>,
    /// `https://account.table.core.windows.net`, a sovereign or private endpoint, or an emulator; wins over the name
    /// and over one inside a connection string. No trailing slash.
    pub endpoint: Option<String>,
}

/// What kind of CRM a destination is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DestinationKind {
    /// Salesforce.
    Salesforce,
    /// Dynamics 365 Sales, Dataverse.
    Dynamics,
    /// Adobe Marketo Engage.
    Marketo,
    /// HubSpot.
    Hubspot,
    /// Log of bodies posted to an HTTPS endpoint.
    Https,
    /// Any other CSV or workbook, by `columns`.
    Csv,
}

impl DestinationKind {
    /// As written in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Salesforce => "salesforce",
            Self::Dynamics => "dynamics",
            Self::Marketo => "marketo",
            Self::Hubspot => "hubspot",
            Self::Https => "https",
            Self::Csv => "csv",
        }
    }
}

/// What a destination keeps one record of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordsPer {
    /// One record for each lead.
    Lead,
    /// One record for each person, merged by e-mail.
    Person,
    /// Inferred from people with several leads.
    Auto,
}

/// Time within which a delivered lead shows up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grace {
    /// 99.5th percentile of the delays seen, at least 1 h; 48 h until there are 50.
    Auto,
    /// As configured.
    Fixed(TimeDelta),
}

/// Until when an export speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportedAt {
    /// Latest created or modified time of any record in it.
    Records,
    /// The file's own time.
    FileTime,
    /// A given instant.
    At(DateTime<Utc>),
}

/// Order of day and month in numeric dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DateOrder {
    /// 31/12/2026
    Dmy,
    /// 12/31/2026
    Mdy,
    /// 2026/12/31
    Ymd,
}

/// `[[destination]]`: a CRM that leads are forwarded to.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Name, `[a-z0-9-]`, unique.
    pub name: String,
    /// Kind of CRM.
    pub kind: DestinationKind,
    /// Globs relative to the configuration file, or `az://account/container/prefix`.
    pub export: Vec<String>,
    /// How to sign in for `az://`.
    pub auth: Option<Auth>,
    /// Endpoint for `az://` where it is not the public cloud's.
    pub endpoint: Option<String>,
    /// Which offers go here; `*` is every lead.
    pub offers: Vec<Pattern>,
    /// Lead, person, or to be inferred.
    pub records_per: RecordsPer,
    /// See [`Grace`].
    pub grace: Grace,
    /// The export cannot speak for leads before this.
    pub since: Option<DateTime<Utc>>,
    /// See [`ExportedAt`].
    pub exported_at: ExportedAt,
    /// Column in which the forwarder keeps the raw lead's RowKey or lead_id.
    pub key: Option<String>,
    /// Column to patterns of values: only such records deliver.
    pub delivered_by: BTreeMap<String, Vec<Pattern>>,
    /// Our field to the export's header, where it differs from the kind's.
    pub columns: BTreeMap<String, String>,
    /// Order of numeric dates, where evidence cannot decide.
    pub date_order: Option<DateOrder>,
    /// Zone of times without one; default UTC.
    pub timezone: Option<Tz>,
    /// Status texts that count as qualified, before the kind's own rules.
    pub qualified: Vec<String>,
    /// Status texts that count as won (kind csv).
    pub won: Vec<String>,
    /// Overrides the plausibility gate.
    pub complete: Option<bool>,
    /// `[destination.replay]`
    pub replay: Replay,
}

/// `[destination.replay]`
#[derive(Clone, Debug, Default)]
pub struct Replay {
    /// Field to value, in every replayed row.
    pub set: BTreeMap<String, String>,
    /// Fields that the CRM refuses a record without.
    pub required: Vec<String>,
    /// Where `replay --send` posts, for kind https.
    pub url: Option<String>,
    /// Headers of that post, by name, each value from an environment variable or file.
    pub headers: BTreeMap<String, Secret>,
}

/// A pattern over a whole text, any case: `*` any characters, `?` one.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    matcher: GlobMatcher,
}

impl Pattern {
    /// Reads a pattern; everything but `*` and `?` stands for itself.
    ///
    /// # Errors
    /// When it cannot be compiled (over-long).
    pub fn new(text: &str) -> Result<Self> {
        let mut escaped = String::with_capacity(text.len());
        for c in text.chars() {
            if matches!(c, '[' | ']' | '{' | '}' | '!' | '\\' | ',') {
                escaped.push('\\');
            }
            escaped.push(c);
        }
        let glob: Glob = GlobBuilder::new(&escaped)
            .case_insensitive(true)
            .literal_separator(false)
            .backslash_escape(true)
            .build()
            .map_err(|e| Error::usage(format!("pattern \"{text}\" cannot be used")).because(e))?;
        Ok(Pattern { text: text.to_owned(), matcher: glob.compile_matcher() })
    }

    /// Whether the whole text fits.
    pub fn matches(&self, text: &str) -> bool {
        self.matcher.is_match(text.to_lowercase()) || self.matcher.is_match(text)
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl std::fmt::Debug for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pattern({:?})", self.text)
    }
}

/// `[[offer]]`: one entry of the catalogue.
#[derive(Clone, Debug)]
pub struct Offer {
    /// `publisher.offer`, lower case.
    pub id: String,
    /// Titles it has or had.
    pub title: Vec<String>,
    /// Ids it had before, lower case.
    pub formerly: Vec<String>,
    /// transact, contact-me, trial or private.
    pub kind: Option<String>,
    /// Stages of its actions, over `[stages]`.
    pub stages: BTreeMap<String, String>,
}

/// `[exclude]`: our own staff.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Exclude {
    /// Mail domains, with their subdomains.
    pub domains: Vec<String>,
    /// Addresses.
    pub emails: Vec<String>,
    /// Companies, any case.
    pub companies: Vec<String>,
}

/// `[identity]`
#[derive(Clone, Debug)]
pub struct Identity {
    /// Match probability from which two records are one person.
    pub threshold: f64,
    /// Reviewed decisions.
    pub decisions: Option<PathBuf>,
}

/// `[missed]`
#[derive(Clone, Debug)]
pub struct Missed {
    /// Reviewed file that settles missed leads.
    pub worked: Option<PathBuf>,
    /// Open missed leads end as given-up after this.
    pub give_up: TimeDelta,
}

/// How call-list.xlsx is divided into sheets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SplitBy {
    /// One sheet per country.
    Country,
    /// One sheet per owner of the company in the CRM.
    Owner,
    /// One sheet per offer.
    Offer,
}

/// `[call_list]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct CallList {
    /// Null: one sheet.
    pub split_by: Option<SplitBy>,
}

/// `[sales]`
#[derive(Clone, Debug)]
pub struct Sales {
    /// Delivered and untouched for longer than this many working days is a row of `untouched`.
    pub touch_within: TimeDelta,
}

/// `[outages]`
#[derive(Clone, Debug)]
pub struct Outages {
    /// Expected number of false outages in a run.
    pub alpha: f64,
}

/// `[privacy]`
#[derive(Clone, Debug)]
pub struct Privacy {
    /// Leads older than this are forgotten; null: never.
    pub keep: Option<TimeDelta>,
    /// Do-not-contact leads older than this are forgotten; null: never.
    pub keep_dnc: Option<TimeDelta>,
    /// Whether a do-not-contact lead silences the person's other leads.
    pub dnc_silences_person: bool,
}

/// `[cost]`
#[derive(Clone, Debug, Default)]
pub struct Cost {
    /// Globs of Azure cost exports.
    pub azure: Vec<String>,
    /// Storage accounts that hold leads, lower case.
    pub storage_accounts: Vec<String>,
    /// Globs of marketing spend exports.
    pub spend: Vec<String>,
    /// Campaign pattern to offer id, in the order of the file's keys.
    pub campaigns: Vec<(Pattern, String)>,
    /// Order of numeric dates in spend exports, where evidence cannot decide.
    pub date_order: Option<DateOrder>,
    /// Currency of spend exports that name none.
    pub currency: Option<String>,
}

/// `[[witness]]`: an export of somebody else who saw leads.
#[derive(Clone, Debug)]
pub struct Witness {
    /// Name, unique among witnesses.
    pub name: String,
    /// Globs or `az://`.
    pub export: Vec<String>,
    /// Our field to the export's header.
    pub columns: BTreeMap<String, String>,
    /// Order of numeric dates.
    pub date_order: Option<DateOrder>,
    /// Zone of times without one.
    pub timezone: Option<Tz>,
}

/// Every table of the file and its keys; `*` is a table with free keys.
const KEYS: &[(&str, &[&str])] = &[
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
    ("cost", &["azure", "storage_accounts", "spend", "campaigns", "date_order", "currency"]),
    ("cost.campaigns", &["*"]),
    ("metrics", &["prometheus"]),
    ("witness", &["name", "export", "columns", "date_order", "timezone"]),
    ("witness.columns", &["*"]),
];
const AUTH_KEYS: &[&str] =
    &["connection_string_env", "connection_string_file", "key_env", "key_file", "sas_env", "sas_file", "default"];

/// Fields of ours that `columns` may map.
pub const FIELDS: &[&str] = &[
    "record_id", "object", "created_at", "modified_at", "status", "owner", "last_activity_at", "opted_out", "email",
    "phone", "first_name", "last_name", "name", "company", "title", "country", "description", "key", "lead_source",
    "action", "offer_id", "offer", "storefront", "merged_into", "deleted", "converted", "opportunity", "outcome",
];

/// The configuration that is written by `leadrecon demo` and shipped as the documented example.
pub const EXAMPLE: &str = include_str!("../leadrecon.example.toml");

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

impl Config {
    /// Reads and checks a configuration.
    ///
    /// # Errors
    /// One error (exit 2) that lists every problem: syntax with line and column, unknown keys with the nearest known
    /// one, missing and contradicting settings.
    pub fn parse(text: &str, base: &Path) -> Result<Config> {
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

        let config = Config {
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
            sales: Sales {
                touch_within: span("[sales] touch_within", sales.touch_within.as_deref(), "1d", &mut problems),
            },
            outages: Outages { alpha: share("[outages] alpha", outages.alpha.unwrap_or(0.0001), &mut problems) },
            privacy: Privacy {
                keep: span_or_never("[privacy] keep", privacy.keep.as_deref(), "25 months", &mut problems),
                keep_dnc: span_or_never("[privacy] keep_dnc", privacy.keep_dnc.as_deref(), "30d", &mut problems),
                dnc_silences_person: privacy.dnc_silences_person,
            },
            stages: stages.into_iter().collect(),
            cost: Cost {
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

    /// A path of the configuration, made absolute.
    pub fn resolve(&self, path: &str) -> PathBuf {
        self.base.join(path)
    }

    /// The destination of this name.
    ///
    /// # Errors
    /// Names the known destinations (exit 2).
    pub fn destination(&self, name: &str) -> Result<&Destination> {
        self.destinations.iter().find(|d| d.name == name).ok_or_else(|| {
            let known: Vec<&str> = self.destinations.iter().map(|d| d.name.as_str()).collect();
            let error = Error::usage(format!("no destination is named \"{name}\""));
            match nearest(name, known.iter().copied()) {
                Some(near) => error.hint(format!("did you mean \"{near}\"?")),
                None => error.hint(format!(
                    "known destinations: {}",
                    if known.is_empty() { "none".into() } else { known.join(", ") }
                )),
            }
        })
    }
}

/// The known word nearest to an unknown one, if it is near enough to be a slip of the finger.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|k| (strsim::damerau_levenshtein(word, k), k))
        .filter(|(distance, k)| *distance <= 1 + k.len().max(word.len()) / 4)
        .min()
        .map(|(_, k)| k)
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
    let auth = raw.auth.as_ref().and_then(|table| auth(&place, Some(table), problems));
    if export.iter().any(|e| e.starts_with("az://")) && auth.is_none() {
        problems.add(format!("{place}: an export at az:// needs auth, e.g. auth = {{ sas_env = \"CRM_EXPORT_SAS\" }}"));
    }
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

/// A duration such as "48h", "7d" or "25 months".
///
/// # Errors
/// The sentence that says what was expected.
pub fn parse_span(text: &str) -> Result<TimeDelta, String> {
    let compact: String = text.split_whitespace().collect();
    humantime::parse_duration(&compact).ok().and_then(|d| TimeDelta::from_std(d).ok()).ok_or_else(|| {
        format!("\"{text}\" is not a duration; write for example \"90m\", \"48h\", \"7d\" or \"25 months\"")
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config> {
        Config::parse(text, Path::new("/base"))
    }

    #[test]
    fn the_shortest_configuration_is_a_source_and_a_destination() {
        let config = parse(
            "[[source]]\nname = \"dump\"\nkind = \"files\"\npath = \"raw/**/*\"\n\
             [[destination]]\nname = \"crm\"\nkind = \"salesforce\"\nexport = [\"a.csv\"]\n",
        )
        .unwrap();
        assert_eq!(config.output.dir, Path::new("/base/out"));
        assert_eq!(config.sources[0].overlap, TimeDelta::hours(24));
        assert_eq!(config.missed.give_up, TimeDelta::days(60));
        assert!(config.destinations[0].offers[0].matches("anything"));
    }

    #[test]
    fn every_problem_is_told_at_once_with_the_nearest_key() {
        let message = parse(
            "[outptu]\ndir = \"x\"\n[report]\ntimezone = \"Europe/Berln\"\n[[source]]\nname = \"My Dump\"\nkind = \"files\"\n\
             [[destination]]\nname = \"crm\"\nkind = \"salesforce\"\nexport = []\ngracee = \"1h\"\n",
        )
        .unwrap_err()
        .to_string();
        for expected in [
            "6 problems", "did you mean \"output\"", "Europe/Berln", "a-z, 0-9", "path is missing", "export is empty",
            "did you mean \"grace\"",
        ] {
            assert!(message.contains(expected), "{expected} not in {message}");
        }
    }

    #[test]
    fn a_secret_in_the_configuration_is_refused_as_an_unknown_key() {
        let message = parse("[[source]]\nname = \"t\"\nkind = \"azure-table\"\ntable = \"x\"\naccount = \"a\"\nauth = { key = \"c2VjcmV0\" }\n")
            .unwrap_err()
            .to_string();
        assert!(message.contains("unknown key \"key\"") && !message.contains("c2VjcmV0"), "{message}");
    }

    #[test]
    fn the_example_parses_and_holds_every_key() {
        parse(EXAMPLE).unwrap();
        for (path, keys) in KEYS {
            for key in keys.iter().filter(|k| **k != "*") {
                let word = regex::Regex::new(&format!(r"\b{key}\b")).unwrap();
                assert!(word.is_match(EXAMPLE), "[{path}] {key} is missing from leadrecon.example.toml");
            }
        }
    }

    #[test]
    fn patterns_match_the_whole_text_in_any_case() {
        let pattern = Pattern::new("contoso.*").unwrap();
        assert!(pattern.matches("Contoso.Data-Mesh/Pro"));
        assert!(!pattern.matches("xcontoso.a"));
        assert!(Pattern::new("a[b]?").unwrap().matches("A[B]c"));
        assert!(!Pattern::new("a?").unwrap().matches("abc"));
    }

    #[test]
    fn durations_are_read_with_and_without_a_space() {
        assert_eq!(parse_span("48h").unwrap(), TimeDelta::hours(48));
        assert_eq!(parse_span("25 months").unwrap(), parse_span("25months").unwrap());
        assert!(parse_span("soon").is_err());
    }
}
