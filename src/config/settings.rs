//! The configuration as checked, with defaults filled in.
//!
//! No secret stands in it; what [`Secret`] names is read by the edge. Paths are absolute.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::config::pattern::Pattern;
use crate::config::spelling::nearest;
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
    /// `[state] mirror`: where the state is kept for a machine without a disk.
    pub state_mirror: Option<Mirror>,
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
    /// `[[notify]]`
    pub notify: Vec<Notify>,
    /// `[ping]`: whom the start, the success and the failure of each run are told, so that a job that does not run at all
    /// is noticed.
    pub ping: Option<Secret>,
    /// `[metrics] prometheus`
    pub prometheus: Option<PathBuf>,
    /// `[[witness]]`: exports of somebody else who saw leads, read as destinations that no lead goes to.
    pub witnesses: Vec<Destination>,
}

/// `[output]`
#[derive(Clone, Debug)]
pub struct Output {
    /// Where dated folders are written.
    pub dir: PathBuf,
    /// Dated folders older than this many days before the as-of date are deleted.
    pub keep_days: i64,
    /// Dated folders older than this many days lose what shows people.
    pub keep_people_days: i64,
    /// Which tables stand as CSV beside their Parquet.
    pub csv: Csv,
    /// Folder whose `.sql` files add to and override the built-in queries.
    pub queries: Reviewed,
    /// Folder whose files add to and override the built-in templates.
    pub templates: Reviewed,
    /// Where readers find the report; messages link it.
    pub url: Option<String>,
    /// Where a copy of each report is kept.
    pub mirror: Option<Mirror>,
}

/// Where files stand that people write beside the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reviewed {
    /// Paths or globs relative to the configuration file, or `az://account/container/blob-or-glob`; empty where there are none.
    pub at: Vec<String>,
    /// How to sign in for `az://`.
    pub auth: Option<Auth>,
    /// Endpoint for `az://` where it is not the public cloud's.
    pub endpoint: Option<String>,
}

impl Reviewed {
    /// Whether some of it stands in Blob storage.
    pub fn is_elsewhere(&self) -> bool {
        self.at.iter().any(|at| is_elsewhere(at))
    }
}

/// Whether a path or pattern is the address of something in Blob storage.
pub fn is_elsewhere(path: &str) -> bool {
    path.starts_with("az://")
}

/// A place in Blob storage that holds a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// `az://account/container/prefix`
    pub address: String,
    /// How to sign in.
    pub auth: Auth,
    /// Endpoint where it is not the public cloud's.
    pub endpoint: Option<String>,
}

/// `[[notify]]`: a webhook that is told of a night.
#[derive(Clone, Debug)]
pub struct Notify {
    /// Its address, which is a secret.
    pub url: Secret,
    /// What it understands.
    pub kind: NotifyKind,
    /// What it is told of.
    pub on: Vec<Tell>,
}

/// What a webhook understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotifyKind {
    /// A plain JSON document.
    Json,
    /// An adaptive card.
    Teams,
    /// An incoming webhook of Slack.
    Slack,
}

impl NotifyKind {
    /// As written in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Teams => "teams",
            Self::Slack => "slack",
        }
    }
}

/// What a webhook is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tell {
    /// New findings to wake somebody for.
    Page,
    /// New findings for the morning.
    Mail,
    /// The headline, once a day.
    Daily,
    /// A run that failed or was done in part.
    Failure,
}

/// Which tables are written as CSV too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Csv {
    /// Those that people open.
    PeopleOpen,
    /// Every one.
    All,
    /// None.
    None,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
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

impl Destination {
    /// One without any setting but these: what holds without the other keys.
    pub fn new(name: String, kind: DestinationKind, export: Vec<String>) -> Destination {
        Destination {
            name,
            kind,
            export,
            auth: None,
            endpoint: None,
            offers: Vec::new(),
            records_per: if kind == DestinationKind::Marketo { RecordsPer::Person } else { RecordsPer::Auto },
            grace: Grace::Auto,
            since: None,
            exported_at: ExportedAt::Records,
            key: None,
            delivered_by: BTreeMap::new(),
            columns: BTreeMap::new(),
            date_order: None,
            timezone: None,
            qualified: Vec::new(),
            won: Vec::new(),
            complete: None,
            refresh: Vec::new(),
            refresh_within: TimeDelta::minutes(30),
            users: Reviewed::default(),
            link: None,
            replay: Replay::default(),
        }
    }

    /// Whether the configuration says that the reading of this as-of day is to be believed whatever it shows.
    pub fn is_believed_on(&self, as_of: NaiveDate) -> bool {
        match self.complete {
            Some(Complete::Always) => true,
            Some(Complete::On(day)) => day == as_of,
            None => false,
        }
    }

    /// Whether leads for this offer go here: its id, or the title of one that has no id.
    pub fn takes(&self, offer: &str) -> bool {
        self.offers.iter().any(|pattern| pattern.matches(offer))
    }
}

impl DestinationKind {
    /// All kinds, in the order in which they are told.
    pub const ALL: [Self; 6] = [Self::Salesforce, Self::Dynamics, Self::Marketo, Self::Hubspot, Self::Https, Self::Csv];

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Which of its readings are believed whatever they show.
    pub complete: Option<Complete>,
    /// The command that makes the export anew before it is read; empty: none.
    pub refresh: Vec<String>,
    /// How long that may take.
    pub refresh_within: TimeDelta,
    /// An export of the CRM's users: ids of owners to names.
    pub users: Reviewed,
    /// Where a record is opened in the CRM; `{record_id}` stands for its id.
    pub link: Option<String>,
    /// `[destination.replay]`
    pub replay: Replay,
}

/// Which readings of an export are believed whatever they show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Complete {
    /// Every one.
    Always,
    /// That of this as-of day, and what is like it.
    On(NaiveDate),
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

/// `[[offer]]`: one entry of the catalogue.
#[derive(Clone, Debug)]
pub struct Offer {
    /// `publisher.offer`, lower case.
    pub id: String,
    /// Titles it has or had.
    pub title: Vec<String>,
    /// Ids it had before, lower case.
    pub formerly: Vec<String>,
    /// Stages of its actions, over `[stages]`.
    pub stages: BTreeMap<String, String>,
    /// What a won deal brings, where the export holds no amounts: units of 10⁻¹⁸, and the currency.
    pub value: Option<(i128, String)>,
}

/// `[exclude]`: our own staff.
#[derive(Clone, Debug, Default)]
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
    /// From which match probability two records are one person.
    pub threshold: Threshold,
    /// Files of reviewed decisions.
    pub decisions: Reviewed,
}

/// What decides from which match probability two records are one person.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold {
    /// This share of people may be joined with somebody else: the probability follows from that and from the leads.
    WrongJoins(f64),
    /// This probability.
    At(f64),
}

/// `[missed]`
#[derive(Clone, Debug)]
pub struct Missed {
    /// Files that settle missed leads.
    pub worked: Reviewed,
    /// Open missed leads end as given-up after this.
    pub give_up: TimeDelta,
}

/// How call-list.xlsx is divided into sheets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitBy {
    /// One sheet per country.
    Country,
    /// One sheet per owner of the company in the CRM.
    Owner,
    /// One sheet per offer.
    Offer,
}

/// `[call_list]`
#[derive(Clone, Debug, Default)]
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
    /// Bound on false outages: expected number of them in a run over leads of which none was lost in an outage, and share
    /// of them among the outages told. 0.001 unless given.
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
    /// How to sign in, for `az://` exports.
    pub auth: Option<Auth>,
    /// Endpoint for `az://` where it is not the public cloud's.
    pub endpoint: Option<String>,
}

/// Fields of ours that `columns` may map.
pub const FIELDS: &[&str] = &[
    "record_id", "object", "created_at", "modified_at", "status", "owner", "last_activity_at", "opted_out", "email",
    "phone", "first_name", "last_name", "name", "company", "title", "country", "description", "key", "lead_source",
    "action", "offer_id", "offer", "storefront", "merged_into", "deleted", "converted", "opportunity", "outcome",
    "amount", "currency",
];

impl Config {
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
