//! Everything ever landed of the destinations → CRM records, and what each destination's exports can speak for.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Datelike as _, NaiveDate, TimeDelta, Utc};
use polars::prelude::*;

use super::layouts::{Layout, layouts};
use super::{LOST, OPEN, QUALIFIED, Read, WON, exported_at};
use crate::codes::{Finding, finding, kind, level};
use crate::config::{Destination, DestinationKind, ExportedAt};
use crate::error::Result;
use crate::lead_source::{self, LeadSource, Offer};
use crate::tables::{Coverage, ExportRecords, Grain, Leads, Table};
use crate::tabular::fold;

/// Columns that pass from the landed rows into the records as they are.
const AS_LANDED: &[&str] = &[
    "destination", "record_id", "object", "created_at", "modified_at", "status", "owner", "last_activity_at",
    "opted_out", "email", "phone", "first_name", "last_name", "company", "key", "title", "country", "description",
    "present",
];

/// The newest version of each record of the configured destinations, made before `end` as its export tells the time.
///
/// `versions`: all landed rows in the order of landing, with `landed_on`; without columns if there are none.
///
/// # Errors
/// Only for faults of our own.
pub fn records(versions: &DataFrame, destinations: &[Destination], end: DateTime<Utc>) -> Result<Table<ExportRecords>> {
    if versions.width() == 0 {
        return Ok(Table::empty());
    }
    let newest = newest(versions)?;
    let mut frames = Vec::new();
    for destination in destinations {
        let own = newest.clone().lazy().filter(col("destination").eq(lit(destination.name.as_str()))).collect()?;
        if own.height() > 0 {
            // Opportunities are joined before the cut: a deal won later is cut by its own lead's record.
            let made = made(own, destination)?.lazy();
            let end = lit(end.timestamp_micros()).cast(DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC)));
            frames.push(made.filter(col("created_at").is_null().or(col("created_at").lt(end))));
        }
    }
    if frames.is_empty() {
        return Ok(Table::empty());
    }
    Table::new(concat(frames, UnionArgs::default())?.collect()?)
}

/// Newest version of each key, with the day of the first.
fn newest(versions: &DataFrame) -> Result<DataFrame> {
    let sorted =
        versions.sort(["destination", "record_id"], SortMultipleOptions::default().with_maintain_order(true))?;
    let (destinations, ids) = (sorted.column("destination")?.str()?, sorted.column("record_id")?.str()?);
    let days = sorted.column("landed_on")?.date()?.physical().clone();
    let keys: Vec<(Option<&str>, Option<&str>)> = destinations.iter().zip(ids.iter()).collect();
    let mut last = Vec::with_capacity(keys.len());
    let mut first_day = Vec::with_capacity(keys.len());
    let mut first = None;
    for (n, key) in keys.iter().enumerate() {
        if n == 0 || keys.get(n - 1) != Some(key) {
            first = days.get(n);
        }
        last.push(keys.get(n + 1) != Some(key));
        first_day.push(first);
    }
    let first_day = Int32Chunked::from_iter_options("first_landed_on".into(), first_day.into_iter()).into_date();
    let mut sorted = sorted.clone();
    sorted.with_column(first_day.into_column())?;
    Ok(sorted.filter(&BooleanChunked::from_slice("last".into(), &last))?)
}

/// What a record says of the lead it was made for.
#[derive(Clone, Default)]
struct Said {
    text: Option<String>,
    storefront: Option<String>,
    action: Option<String>,
    offer_id: Option<String>,
    offer: Option<String>,
    marketplace: bool,
}

impl Said {
    fn of(parsed: LeadSource, text: Option<&str>) -> Self {
        let (offer_id, offer) = match parsed.offer {
            Some(offer) => match offer.id() {
                Some(id) => (Some(id.to_owned()), None),
                None => (None, Some(offer.as_str().to_owned())),
            },
            None => (None, None),
        };
        Said {
            text: text.map(str::to_owned),
            storefront: parsed.storefront,
            action: parsed.action,
            offer_id,
            offer,
            marketplace: parsed.is_marketplace,
        }
    }
}

/// Text columns of a frame by name; absent ones (landed by an earlier version) are null.
struct Texts(HashMap<&'static str, StringChunked>);

impl Texts {
    fn of(frame: &DataFrame, names: &[&'static str]) -> Self {
        let column = |name: &str| {
            let found = frame.column(name).ok().and_then(|c| c.str().ok().cloned());
            found.unwrap_or_else(|| StringChunked::full_null(PlSmallStr::EMPTY, frame.height()))
        };
        Texts(names.iter().map(|name| (*name, column(name))).collect())
    }

    fn get(&self, name: &str, row: usize) -> Option<&str> {
        self.0.get(name).and_then(|column| column.get(row))
    }
}

fn flag(frame: &DataFrame, name: &str) -> BooleanChunked {
    let found = frame.column(name).ok().and_then(|c| c.bool().ok().cloned());
    found.unwrap_or_else(|| BooleanChunked::full_null(PlSmallStr::EMPTY, frame.height()))
}

/// One destination's newest rows → its records.
fn made(newest: DataFrame, destination: &Destination) -> Result<DataFrame> {
    let layout = layouts().of(destination.kind);
    let names: Vec<&'static str> = super::sheets::TEXTS.iter().copied().chain(["record_id"]).collect();
    let texts = Texts::of(&newest, &names);
    let [deleted, converted, won, closed] = ["deleted", "converted", "won", "closed"].map(|name| flag(&newest, name));
    let height = newest.height();
    let deals = Deals::new(&texts, &won, &closed, height, layout);
    let converted_contacts: HashMap<&str, &str> = (0..height)
        .filter(|row| texts.get("object", *row) == Some("lead"))
        .filter_map(|row| Some((texts.get("contact_id", row)?, texts.get("record_id", row)?)))
        .collect();
    let words = Words::new(destination);
    let mut known: HashMap<&str, Said> = HashMap::new();
    let mut columns: BTreeMap<&str, StringChunkedBuilder> = [
        "outcome", "lead_source", "storefront", "action", "offer_id", "offer", "merged_into", "opportunity",
        "resolution",
    ]
    .into_iter()
    .map(|name| (name, StringChunkedBuilder::new(name.into(), height)))
    .collect();
    let mut marketplace = Vec::with_capacity(height);
    for row in 0..height {
        let get = |name: &str| texts.get(name, row);
        let object = get("object").unwrap_or("lead");
        let is_opportunity = object == "opportunity";
        let mut said = match get("lead_source") {
            Some(text) => known.entry(text).or_insert_with(|| Said::of(lead_source::parse(text), Some(text))).clone(),
            None => Said::default(),
        };
        if !said.marketplace {
            said = elsewhere(get("subject"), get("description"), get("lead_source"));
        }
        separate(&mut said, get("action"), get("offer_id"), get("offer"), get("storefront"));
        said.marketplace |= destination.kind == DestinationKind::Https;
        let mut delivers = match words.delivered(get) {
            Some(delivers) => delivers,
            None => said.marketplace,
        };
        // A conversion copies the lead's source to the contact and the opportunity: they are no deliveries.
        let converted_from = (object == "contact").then(|| converted_contacts.get(get("record_id")?)).flatten();
        delivers &= !is_opportunity && converted_from.is_none();
        marketplace.push(delivers);
        let status = Status {
            object,
            status: get("status"),
            state: get("state"),
            outcome: get("outcome"),
            converted: converted.get(row),
            won: won.get(row),
            closed: closed.get(row),
            deal: get("opportunity").and_then(|ids| deals.outcome(ids)),
        };
        let merged_into = get("merged_into").filter(|into| get("record_id") != Some(*into));
        for (name, value) in [
            ("outcome", words.outcome(&status, layout, destination.kind)),
            ("lead_source", said.text.as_deref()),
            ("storefront", said.storefront.as_deref()),
            ("action", said.action.as_deref()),
            ("offer_id", said.offer_id.as_deref()),
            ("offer", said.offer.as_deref()),
            ("merged_into", merged_into.or(converted_from.copied())),
            ("opportunity", get("opportunity")),
            ("resolution", Some(get("resolution").unwrap_or("none"))),
        ] {
            if let Some(builder) = columns.get_mut(name) {
                builder.append_option(value);
            }
        }
    }
    let mut result: Vec<Column> = Vec::new();
    for name in AS_LANDED.iter().chain(&["first_landed_on"]) {
        result.push(newest.column(name)?.clone());
    }
    result.extend(columns.into_values().map(|c| c.finish().into_column()));
    result.push(Column::new("marketplace".into(), marketplace));
    let deleted: BooleanChunked = deleted.iter().map(|d| Some(d.unwrap_or(false))).collect_ca("deleted".into());
    result.push(deleted.into_column());
    Ok(DataFrame::new(height, result)?)
}

/// The lead source in the subject or the notes; else the field's own text, which names no marketplace.
fn elsewhere(subject: Option<&str>, description: Option<&str>, field: Option<&str>) -> Said {
    if let Some(subject) = subject {
        let whole = lead_source::parse(subject);
        // The name of a storefront within a sentence is a word that people write; alone it is what a connector writes
        // for a lead that names no action and no offer, as add-in leads do.
        let is_bare = lead_source::known_storefront(subject).is_some();
        if whole.is_marketplace && (whole.action.is_some() || whole.is_test || is_bare) {
            return Said::of(whole, Some(subject));
        }
        if let Some(found) = lead_source::find(subject) {
            return Said::of(found, Some(subject));
        }
    }
    if let Some(found) = description.and_then(lead_source::find) {
        return Said::of(found, field);
    }
    Said { text: field.map(str::to_owned), ..Said::default() }
}

/// Fields of their own for the parts of a lead source.
fn separate(said: &mut Said, action: Option<&str>, id: Option<&str>, title: Option<&str>, storefront: Option<&str>) {
    if let Some(action) = action.and_then(lead_source::parse_action) {
        said.marketplace |= lead_source::known_action(&action).is_some();
        said.action = Some(action);
    }
    if let Some(storefront) = storefront {
        let known = lead_source::known_storefront(storefront);
        said.marketplace |= known.is_some();
        said.storefront = Some(known.unwrap_or(storefront).to_owned());
    }
    for text in [id, title].into_iter().flatten() {
        match lead_source::parse_offer(text) {
            Some(offer) if offer.id().is_some() => said.offer_id = offer.id().map(str::to_owned),
            Some(offer) => said.offer = Some(Offer::as_str(&offer).to_owned()),
            None => {}
        }
    }
}

/// Opportunities by id and by name.
struct Deals<'a> {
    outcomes: HashMap<&'a str, &'static str>,
}

impl<'a> Deals<'a> {
    fn new(texts: &'a Texts, won: &BooleanChunked, closed: &BooleanChunked, height: usize, layout: &Layout) -> Self {
        let mut outcomes = HashMap::new();
        let mut names: HashMap<&str, Option<&'static str>> = HashMap::new();
        for row in (0..height).filter(|row| texts.get("object", *row) == Some("opportunity")) {
            let outcome =
                deal(won.get(row), closed.get(row), texts.get("state", row), texts.get("status", row), layout);
            if let Some(id) = texts.get("record_id", row) {
                outcomes.insert(id, outcome);
            }
            // A lookup in a workbook is the name; one that two deals share names none.
            if let Some(name) = texts.get("subject", row) {
                names.entry(name).and_modify(|o| *o = None).or_insert(Some(outcome));
            }
        }
        for (name, outcome) in names {
            if let Some(outcome) = outcome {
                outcomes.entry(name).or_insert(outcome);
            }
        }
        Deals { outcomes }
    }

    /// Of several deals one that is won counts, lost only if all are; none if none is known.
    fn outcome(&self, ids: &str) -> Option<&'static str> {
        let known: Vec<&str> = match self.outcomes.get(ids) {
            Some(one) => vec![*one],
            None => ids.split(';').filter_map(|id| self.outcomes.get(id.trim()).copied()).collect(),
        };
        if known.is_empty() {
            None
        } else if known.contains(&WON) {
            Some(WON)
        } else if known.iter().all(|o| *o == LOST) {
            Some(LOST)
        } else {
            Some(QUALIFIED)
        }
    }
}

fn deal(
    won: Option<bool>,
    closed: Option<bool>,
    state: Option<&str>,
    status: Option<&str>,
    layout: &Layout,
) -> &'static str {
    match (won, closed) {
        (Some(true), _) => WON,
        (_, Some(true)) if won == Some(false) => LOST,
        _ => [state, status].into_iter().flatten().find_map(|t| layout.opportunity_outcome(t)).unwrap_or(QUALIFIED),
    }
}

/// What a record says of its own state.
struct Status<'a> {
    object: &'a str,
    status: Option<&'a str>,
    state: Option<&'a str>,
    outcome: Option<&'a str>,
    converted: Option<bool>,
    won: Option<bool>,
    closed: Option<bool>,
    deal: Option<&'static str>,
}

/// The configured words of a destination, folded.
struct Words<'a> {
    qualified: HashSet<String>,
    won: HashSet<String>,
    destination: &'a Destination,
}

impl<'a> Words<'a> {
    fn new(destination: &'a Destination) -> Self {
        let folded = |words: &[String]| words.iter().map(|w| fold(w)).collect();
        Words { qualified: folded(&destination.qualified), won: folded(&destination.won), destination }
    }

    fn outcome(&self, s: &Status, layout: &Layout, kind: DestinationKind) -> Option<&'static str> {
        if s.object == "opportunity" {
            return Some(match deal(s.won, s.closed, s.state, s.status, layout) {
                QUALIFIED => OPEN,
                closed => closed,
            });
        }
        let texts = || [s.outcome, s.state, s.status].into_iter().flatten();
        if texts().any(|t| self.won.contains(&fold(t))) {
            return Some(WON);
        }
        if let Some(deal @ (WON | LOST)) = s.deal {
            return Some(deal);
        }
        if texts().any(|t| self.qualified.contains(&fold(t))) || s.deal.is_some() {
            return Some(QUALIFIED);
        }
        match kind {
            // The status is the organisation's own word; only the flag is the product's.
            DestinationKind::Salesforce => s.converted.map(|yes| if yes { QUALIFIED } else { OPEN }),
            DestinationKind::Dynamics => {
                let by_reason = || match s.status?.trim() {
                    "1" | "2" => Some(OPEN),
                    "3" => Some(QUALIFIED),
                    "4" | "5" | "6" | "7" => Some(LOST),
                    text => layout.outcome(text),
                };
                s.state.and_then(|t| layout.outcome(t)).or_else(by_reason)
            }
            DestinationKind::Marketo | DestinationKind::Hubspot => {
                let said: Vec<&str> =
                    [s.state, s.status].into_iter().flatten().filter_map(|t| layout.outcome(t)).collect();
                [WON, LOST, QUALIFIED, OPEN].into_iter().find(|o| said.contains(o))
            }
            DestinationKind::Csv => {
                let word = s.outcome.map(str::to_lowercase);
                let named = [OPEN, QUALIFIED, WON, LOST].into_iter().find(|o| word.as_deref() == Some(o));
                let flagged = match (s.won, s.converted) {
                    (Some(true), _) => Some(WON),
                    (_, Some(true)) => Some(QUALIFIED),
                    (_, Some(false)) => Some(OPEN),
                    _ => None,
                };
                let told = !(self.qualified.is_empty() && self.won.is_empty()) && s.status.is_some();
                named.or(flagged).or(told.then_some(OPEN))
            }
            DestinationKind::Https => None,
        }
    }

    /// Whether `delivered_by` names the record; `None` where it is not configured.
    fn delivered<'t>(&self, get: impl Fn(&str) -> Option<&'t str>) -> Option<bool> {
        let rules = &self.destination.delivered_by;
        if rules.is_empty() {
            return None;
        }
        let landed: serde_json::Map<String, serde_json::Value> =
            get("delivered").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        // A record landed before the setting has only the fields of every record.
        let field = |label: &str| match fold(label).as_str() {
            "leadsource" => get("lead_source"),
            "topic" | "subject" => get("subject"),
            "status" | "leadstatus" => get("status"),
            "owner" | "leadowner" => get("owner"),
            "description" => get("description"),
            _ => None,
        };
        Some(rules.iter().any(|(label, patterns)| {
            let text = landed.get(label).and_then(|v| v.as_str()).or_else(|| field(label));
            text.is_some_and(|text| patterns.iter().any(|pattern| pattern.matches(text.trim())))
        }))
    }
}

/// What each destination's exports can speak for, and what a person should know of it.
///
/// `records`: those of [`records`], their times as they are meant, up to the end of the as-of day. `reads`: tonight's reading, one for each destination that could be read at all. `versions`: as for [`records`].
///
/// # Errors
/// Only for faults of our own.
pub fn coverage<T: Grain>(
    versions: &DataFrame,
    records: &Table<T>,
    reads: &[Read],
    leads: &Table<Leads>,
    destinations: &[Destination],
    as_of_ends_at: DateTime<Utc>,
) -> Result<(Table<Coverage>, Vec<Finding>)> {
    let mut rows: Vec<Spoken> = Vec::new();
    let mut findings = Vec::new();
    for destination in destinations {
        let own = records.lazy().filter(col("destination").eq(lit(destination.name.as_str()))).collect()?;
        let read = reads.iter().find(|read| read.destination == destination.name);
        let previous = previous(versions, &destination.name, as_of_ends_at)?;
        let spoken = spoken(&own, destination, read, previous, leads, as_of_ends_at)?;
        tell(&spoken, read, destination, &mut findings);
        rows.push(spoken);
    }
    Ok((table(rows)?, findings))
}

struct Spoken {
    destination: String,
    readable: bool,
    records: i64,
    previous: Option<i64>,
    from: Option<DateTime<Utc>>,
    /// Whether `from` was found and not configured.
    from_found: bool,
    until: Option<DateTime<Utc>>,
    shows_lead_source: bool,
    has_converted: bool,
    has_closed: bool,
    has_deleted: bool,
    owners: i64,
    has_opportunities: bool,
    exported_at: Option<DateTime<Utc>>,
}

fn instants(column: &Column) -> Result<Vec<Option<i64>>> {
    Ok(column.datetime()?.physical().iter().collect())
}

fn spoken(
    own: &DataFrame,
    destination: &Destination,
    read: Option<&Read>,
    previous: Option<i64>,
    leads: &Table<Leads>,
    as_of_ends_at: DateTime<Utc>,
) -> Result<Spoken> {
    let texts = Texts::of(own, &["object", "outcome", "owner"]);
    let (created, modified) = (instants(own.column("created_at")?)?, instants(own.column("modified_at")?)?);
    let (present, marketplace) = (own.column("present")?.bool()?, own.column("marketplace")?.bool()?);
    let deleted = own.column("deleted")?.bool()?;
    let mut spoken = Spoken {
        destination: destination.name.clone(),
        readable: read.is_some_and(Read::is_conclusive) || own.height() > 0,
        records: 0,
        previous,
        from: destination.since,
        from_found: false,
        until: None,
        shows_lead_source: !destination.delivered_by.is_empty(),
        has_converted: false,
        has_closed: false,
        has_deleted: false,
        owners: 0,
        has_opportunities: false,
        exported_at: exported_at(destination, read),
    };
    let mut owners = HashSet::new();
    let mut latest: Option<i64> = None;
    let mut made = Vec::new();
    for row in 0..own.height() {
        if texts.get("object", row) == Some("opportunity") {
            spoken.has_opportunities = true;
            continue;
        }
        let outcome = texts.get("outcome", row);
        spoken.has_converted |= matches!(outcome, Some(QUALIFIED | WON));
        spoken.has_closed |= matches!(outcome, Some(LOST | WON));
        spoken.has_deleted |= deleted.get(row) == Some(true);
        spoken.shows_lead_source |= marketplace.get(row) == Some(true);
        let times = [created.get(row).copied().flatten(), modified.get(row).copied().flatten()];
        made.extend(times.first().copied().flatten());
        if present.get(row) == Some(true) {
            spoken.records += 1;
            owners.extend(texts.get("owner", row));
            latest = latest.max(times.into_iter().flatten().max());
        }
    }
    spoken.owners = i64::try_from(owners.len()).unwrap_or(i64::MAX);
    spoken.until = match destination.exported_at {
        ExportedAt::Records => latest.and_then(DateTime::from_timestamp_micros),
        ExportedAt::FileTime | ExportedAt::At(_) => {
            spoken.exported_at.or_else(|| latest.and_then(DateTime::from_timestamp_micros))
        }
    }
    .map(|until| until.min(as_of_ends_at));
    if spoken.from.is_none() {
        made.sort_unstable();
        spoken.from = begin(&made, &routed(leads, destination)?);
        spoken.from_found = spoken.from.is_some();
    }
    Ok(spoken)
}

/// Times of the genuine leads that are routed to a destination, sorted.
fn routed(leads: &Table<Leads>, destination: &Destination) -> Result<Vec<i64>> {
    let frame = leads.frame();
    let (ids, titles) = (frame.column("offer_id")?.str()?, frame.column("offer")?.str()?);
    let kinds = frame.column("kind")?.str()?;
    let mut matches: HashMap<&str, bool> = HashMap::new();
    let mut times = Vec::new();
    for (row, at) in instants(frame.column("received_at")?)?.into_iter().enumerate() {
        if kinds.get(row) != Some(kind::GENUINE) {
            continue;
        }
        let offer = ids.get(row).or_else(|| titles.get(row)).unwrap_or("");
        let here = *matches.entry(offer).or_insert_with(|| destination.offers.iter().any(|p| p.matches(offer)));
        times.extend(at.filter(|_| here));
    }
    times.sort_unstable();
    Ok(times)
}

/// Where records begin abruptly, later than leads: the export, or the destination, knows nothing earlier.
///
/// Abruptly means that from the first record on there are about as many records as leads. A destination that lost its
/// first leads for another reason looks alike, so this is told as a finding.
fn begin(made: &[i64], leads: &[i64]) -> Option<DateTime<Utc>> {
    const WINDOW: usize = 50;
    let first = *made.first()?;
    let skew = TimeDelta::minutes(10).num_microseconds().unwrap_or(0);
    let before = leads.partition_point(|at| *at < first - skew);
    let after: Vec<i64> = leads.iter().skip(before).take(WINDOW).copied().collect();
    let window_end = *after.last()?;
    let records = made.iter().take_while(|at| **at <= window_end).count();
    let abrupt = before >= 3 && after.len() >= 5 && records * 5 >= after.len() * 2;
    abrupt.then(|| DateTime::from_timestamp_micros(first - skew)).flatten()
}

/// Records of the export before the as-of day, from what was landed until then.
fn previous(versions: &DataFrame, destination: &str, as_of_ends_at: DateTime<Utc>) -> Result<Option<i64>> {
    if versions.width() == 0 {
        return Ok(None);
    }
    // The instant before the end is on the as-of day, whatever the zone of the report.
    let day = (as_of_ends_at - TimeDelta::microseconds(1)).date_naive();
    let epoch = NaiveDate::from_ymd_opt(1970, 1, 1).map_or(0, |d| d.num_days_from_ce());
    let earlier = versions
        .clone()
        .lazy()
        .filter(
            col("destination")
                .eq(lit(destination))
                .and(col("object").neq_missing(lit("opportunity")))
                .and(col("landed_on").lt(lit(day.num_days_from_ce() - epoch).cast(DataType::Date))),
        )
        .collect()?;
    if earlier.height() == 0 {
        return Ok(None);
    }
    let newest = newest(&earlier)?;
    Ok(Some(i64::from(newest.column("present")?.bool()?.sum().unwrap_or(0))))
}

fn tell(spoken: &Spoken, read: Option<&Read>, destination: &Destination, findings: &mut Vec<Finding>) {
    let mut say = |code: &'static str, level: &'static str, text: String, count: i64| {
        findings.push(Finding { level, code, destination: destination.name.clone(), text, count });
    };
    if spoken.from_found
        && let Some(from) = spoken.from
    {
        let text = format!(
            "its records begin abruptly on {}: earlier leads are out of sight; if they were lost, set since",
            from.date_naive()
        );
        say(finding::EXPORT_SUSPICIOUS, level::LIST, text, spoken.records);
    }
    if !read.is_some_and(Read::is_conclusive) {
        return;
    }
    if let Some(previous) = spoken.previous
        && previous >= 20
        && spoken.records * 2 < previous
    {
        let text = "the export is less than half of the last one: a filter, a view or an interrupted export".into();
        say(finding::EXPORT_SUSPICIOUS, level::MAIL, text, previous - spoken.records);
    }
    if spoken.owners == 1 && spoken.records >= 50 {
        let text = "all records of the export have one owner: it may be one person's view".into();
        say(finding::EXPORT_SUSPICIOUS, level::LIST, text, spoken.records);
    }
    let keeps_state = matches!(destination.kind, DestinationKind::Salesforce | DestinationKind::Dynamics);
    if keeps_state && spoken.records >= 50 && !spoken.has_converted && !spoken.has_closed {
        let text = "the export holds no converted or closed records: it may be a view of open leads".into();
        say(finding::EXPORT_SUSPICIOUS, level::LIST, text, spoken.records);
    }
}

fn table(rows: Vec<Spoken>) -> Result<Table<Coverage>> {
    let time = |name: &str, get: &dyn Fn(&Spoken) -> Option<DateTime<Utc>>| {
        Int64Chunked::from_iter_options(name.into(), rows.iter().map(|r| get(r).map(|at| at.timestamp_micros())))
            .into_datetime(TimeUnit::Microseconds, Some(TimeZone::UTC))
            .into_column()
    };
    let yes =
        |name: &str, get: &dyn Fn(&Spoken) -> bool| Column::new(name.into(), rows.iter().map(get).collect::<Vec<_>>());
    let columns = vec![
        Column::new("destination".into(), rows.iter().map(|r| r.destination.as_str()).collect::<Vec<_>>()),
        yes("readable", &|r| r.readable),
        Column::new("records".into(), rows.iter().map(|r| r.records).collect::<Vec<_>>()),
        Column::new("previous_records".into(), rows.iter().map(|r| r.previous).collect::<Vec<_>>()),
        time("from", &|r| r.from),
        time("until", &|r| r.until),
        yes("shows_lead_source", &|r| r.shows_lead_source),
        yes("has_converted", &|r| r.has_converted),
        yes("has_closed", &|r| r.has_closed),
        yes("has_deleted", &|r| r.has_deleted),
        Column::new("owners".into(), rows.iter().map(|r| r.owners).collect::<Vec<_>>()),
        yes("has_opportunities", &|r| r.has_opportunities),
        time("exported_at", &|r| r.exported_at),
    ];
    Table::new(DataFrame::new(rows.len(), columns)?)
}
