//! `queries/*.sql` over the tables of a run → report tables, and checks that must return nothing.
//!
//! Queries are files with a header (grain, key, reads), built in from one list; a user's folder adds to it and overrides
//! it by file name. What Polars' SQL gets wrong in silence is refused before anything runs ([`sql`]), and where a
//! file is the user's, every query is collected on empty tables, so that a fault in one is told before the first lead is
//! fetched; ours alone are proven by tests, and planning them all is most of a small run's start. Also here: the tables
//! that stand for what SQL lacks ([`calendar`], [`run_table`]), and [`ask`], any question over finished tables.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use polars::prelude::*;
use polars::sql::SQLContext;
use rayon::prelude::*;

use crate::config::Offer;
use crate::error::{Error, Result, count, without_values};
use crate::tables::{self, Calendar, Definition, Grain, OfferValues, Run, Table};

pub mod answer;
pub mod sql;

use sql::Header;

/// Every built-in query by its path below `queries/`; a test proves that no file is forgotten.
const BUILT_IN: &[(&str, &str)] = &[
    ("journeys.sql", include_str!("../queries/journeys.sql")),
    ("funnel.sql", include_str!("../queries/funnel.sql")),
    ("journey_stages.sql", include_str!("../queries/journey_stages.sql")),
    ("funnel_steps.sql", include_str!("../queries/funnel_steps.sql")),
    ("arrivals.sql", include_str!("../queries/arrivals.sql")),
    ("funnel_groups.sql", include_str!("../queries/funnel_groups.sql")),
    ("funnel_by_country.sql", include_str!("../queries/funnel_by_country.sql")),
    ("funnel_by_campaign.sql", include_str!("../queries/funnel_by_campaign.sql")),
    ("funnel_change.sql", include_str!("../queries/funnel_change.sql")),
    ("at_risk.sql", include_str!("../queries/at_risk.sql")),
    ("outage_losses.sql", include_str!("../queries/outage_losses.sql")),
    ("at_risk_total.sql", include_str!("../queries/at_risk_total.sql")),
    ("cost.sql", include_str!("../queries/cost.sql")),
    ("storage_cost.sql", include_str!("../queries/storage_cost.sql")),
    ("data_quality.sql", include_str!("../queries/data_quality.sql")),
    ("verdicts_by_reason.sql", include_str!("../queries/verdicts_by_reason.sql")),
    ("local_days.sql", include_str!("../queries/local_days.sql")),
    ("weeks.sql", include_str!("../queries/weeks.sql")),
    ("identity_quality.sql", include_str!("../queries/identity_quality.sql")),
    ("untouched_by_owner.sql", include_str!("../queries/untouched_by_owner.sql")),
    (
        "checks/reconciliation__every_lead_has_a_verdict.sql",
        include_str!("../queries/checks/reconciliation__every_lead_has_a_verdict.sql"),
    ),
    (
        "checks/reconciliation__only_genuine_leads_are_matched_or_missed.sql",
        include_str!("../queries/checks/reconciliation__only_genuine_leads_are_matched_or_missed.sql"),
    ),
    (
        "checks/reconciliation__matched_names_a_known_record.sql",
        include_str!("../queries/checks/reconciliation__matched_names_a_known_record.sql"),
    ),
    (
        "checks/missed_leads__none_is_test_withheld_or_do_not_contact.sql",
        include_str!("../queries/checks/missed_leads__none_is_test_withheld_or_do_not_contact.sql"),
    ),
    (
        "checks/missed_leads__are_the_missed_of_reconciliation.sql",
        include_str!("../queries/checks/missed_leads__are_the_missed_of_reconciliation.sql"),
    ),
    (
        "checks/readings__every_row_is_counted_once.sql",
        include_str!("../queries/checks/readings__every_row_is_counted_once.sql"),
    ),
    (
        "checks/funnel__no_stage_exceeds_people.sql",
        include_str!("../queries/checks/funnel__no_stage_exceeds_people.sql"),
    ),
    (
        "checks/funnel__everybody_is_counted_once.sql",
        include_str!("../queries/checks/funnel__everybody_is_counted_once.sql"),
    ),
    (
        "checks/cost__money_is_neither_made_nor_lost.sql",
        include_str!("../queries/checks/cost__money_is_neither_made_nor_lost.sql"),
    ),
];

/// Tables by name: what queries read.
#[derive(Clone, Default)]
pub struct Catalog {
    frames: BTreeMap<String, DataFrame>,
}

impl std::fmt::Debug for Catalog {
    /// Names and heights only: rows are personal data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.frames.iter().map(|(name, frame)| (name, frame.height()))).finish()
    }
}

impl Catalog {
    /// No tables.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every table there is, without rows.
    pub fn empty() -> Self {
        Catalog { frames: tables::ALL.iter().map(|d| (d.name.to_owned(), d.empty())).collect() }
    }

    /// Adds a table, replacing one of the same name.
    #[must_use]
    pub fn with<T: Grain>(mut self, table: &Table<T>) -> Self {
        self.insert(T::DEFINITION.name, table.frame().clone());
        self
    }

    /// Adds a frame under a name, replacing one of the same name.
    pub fn insert(&mut self, name: &str, frame: DataFrame) {
        self.frames.insert(name.to_owned(), frame);
    }

    /// A table by name.
    pub fn get(&self, name: &str) -> Option<&DataFrame> {
        self.frames.get(name)
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.frames.keys().map(String::as_str)
    }
}

/// A query that passed every test that needs no data.
#[derive(Clone, Debug)]
struct Query {
    name: String,
    header: Header,
    text: String,
    own: bool,
}

/// The queries and checks of a run, built-in and the user's.
#[derive(Clone, Debug)]
pub struct Library {
    /// In the order in which they can run: a query stands after what it reads.
    queries: Vec<Query>,
    checks: Vec<Query>,
    empty: OnceLock<Computed>,
}

/// What the queries gave.
#[derive(Clone, Debug)]
pub struct Computed {
    /// Result tables in the order of their computation.
    pub tables: Vec<ComputedTable>,
    /// Names and claims of the checks, all kept (a broken one is an error).
    pub checks: Vec<Check>,
}

/// One result table.
#[derive(Clone, Debug)]
pub struct ComputedTable {
    /// Name: the file's name without `.sql`.
    pub name: String,
    /// First line of the file.
    pub title: String,
    /// What a row is.
    pub grain: String,
    /// The columns that name a row.
    pub key: Vec<String>,
    /// Whether the file is the user's and the name none of ours.
    pub own: bool,
    /// The rows, sorted by key.
    pub frame: DataFrame,
}

/// One promise that was kept.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Check {
    /// Name: the file's name without `.sql`.
    pub name: String,
    /// First line of the file.
    pub claim: String,
}

impl Computed {
    /// A result as the table of the contract.
    ///
    /// # Errors
    /// When it is not there or not of the table's shape: a user's query that replaces ours.
    pub fn table<T: Grain>(&self) -> Result<Table<T>> {
        let name = T::DEFINITION.name;
        let found = self.tables.iter().find(|t| t.name == name);
        let found = found.ok_or_else(|| Error::failed(format!("no query makes table {name}")))?;
        Table::new(found.frame.clone()).map_err(|e| e.at(format!("queries/{name}.sql")))
    }
}

impl Library {
    /// The built-in queries.
    ///
    /// # Errors
    /// Never, as tests prove.
    pub fn built_in() -> Result<Library> {
        Self::new(&[])
    }

    /// The built-in queries, overridden and added to by the user's: (path below his folder, text). Each is checked, and
    /// if any is the user's, all are collected on empty tables.
    ///
    /// # Errors
    /// Exit 2, naming the file: a header that lacks a part, a statement that is no query, what Polars' SQL would compute
    /// wrongly, a table or column that is not there.
    pub fn new(users: &[(String, String)]) -> Result<Library> {
        let mut files: BTreeMap<&str, (&str, bool)> =
            BUILT_IN.iter().map(|(path, text)| (*path, (*text, false))).collect();
        for (path, text) in users {
            files.insert(path, (text, true));
        }
        let made: BTreeSet<String> = files.keys().filter(|p| !p.starts_with("checks/")).map(|p| stem(p)).collect();
        let mut reserved: BTreeSet<String> = tables::ALL.iter().map(|d| d.name.to_owned()).collect();
        reserved.extend(made);

        let (mut queries, mut checks) = (Vec::new(), Vec::new());
        for (path, (text, users)) in files {
            let header = if users { sql::read_own(&stem(path), text, &reserved) } else { sql::read(text, &reserved) };
            let header = header.map_err(|e| e.at(format!("query \"{path}\"")))?;
            let known = BUILT_IN.iter().any(|(ours, _)| *ours == path);
            let query = Query { name: stem(path), header, text: text.to_owned(), own: users && !known };
            if path.starts_with("checks/") { checks.push(query) } else { queries.push(query) }
        }
        let library = Library { queries: in_order(queries)?, checks, empty: OnceLock::new() };
        if !users.is_empty() {
            library.empty()?;
        }
        Ok(library)
    }

    /// What the queries give without any lead: what templates are tried on. Computed when first asked for.
    ///
    /// # Errors
    /// Exit 2, for a query that cannot be run.
    pub fn empty(&self) -> Result<&Computed> {
        if self.empty.get().is_none() {
            let computed = self.evaluate(&Catalog::empty()).map_err(|e| {
                Error::usage(e.what().to_owned())
                    .because(e)
                    .hint("queries are tried on empty tables before anything is fetched")
            })?;
            let _ = self.empty.set(computed);
        }
        self.empty.get().ok_or_else(|| Error::failed("the queries' empty results are gone"))
    }

    /// Runs every query, then every check.
    ///
    /// # Errors
    /// Exit 4: a query fails or repeats a key, or a check returns rows, which names the check and the first offenders.
    pub fn run(&self, catalog: &Catalog) -> Result<Computed> {
        self.evaluate(catalog)
    }

    fn evaluate(&self, catalog: &Catalog) -> Result<Computed> {
        let mut catalog = catalog.clone();
        let mut made: Vec<Option<ComputedTable>> = self.queries.iter().map(|_| None).collect();
        // Those that read nothing of each other run side by side.
        for wave in waves(&self.queries) {
            let frames: Vec<Result<DataFrame>> = wave.par_iter().map(|(_, query)| query.made(&catalog)).collect();
            for ((n, query), frame) in wave.into_iter().zip(frames) {
                let frame = frame.map_err(|e| e.at(format!("query \"{}\"", query.name)))?;
                catalog.insert(&query.name, frame.clone());
                let table = ComputedTable {
                    name: query.name.clone(),
                    title: query.header.title.clone(),
                    grain: query.header.grain.clone(),
                    key: query.header.key.clone(),
                    own: query.own,
                    frame,
                };
                if let Some(place) = made.get_mut(n) {
                    *place = Some(table);
                }
            }
        }
        let offenders: Vec<Result<DataFrame>> = self.checks.par_iter().map(|check| check.collect(&catalog)).collect();
        let mut kept = Vec::with_capacity(self.checks.len());
        for (check, offenders) in self.checks.iter().zip(offenders) {
            let offenders = offenders.map_err(|e| e.at(format!("check \"{}\"", check.name)))?;
            if offenders.height() > 0 {
                return Err(broken(check, &offenders));
            }
            kept.push(Check { name: check.name.clone(), claim: check.header.title.clone() });
        }
        Ok(Computed { tables: made.into_iter().flatten().collect(), checks: kept })
    }
}

impl Query {
    /// What the query gives, in the agreed shape and order.
    fn made(&self, catalog: &Catalog) -> Result<DataFrame> {
        let frame = self.collect(catalog)?;
        match tables::ALL.iter().find(|d| d.name == self.name) {
            Some(definition) => definition.conform(frame),
            None if self.header.key.is_empty() => unkeyed(frame, self.header.ordered),
            None => sorted_by_key(frame, &self.header.key),
        }
    }

    /// Runs the query over the tables its header names, and no others.
    fn collect(&self, catalog: &Catalog) -> Result<DataFrame> {
        let context = SQLContext::new();
        for name in &self.header.reads {
            let frame =
                catalog.get(name).ok_or_else(|| Error::failed(format!("table {name} is not there to be read")))?;
            context.register(name, frame.clone().lazy());
        }
        execute(context, &self.text).map_err(|e| {
            Error::failed(format!("query {} cannot be run", self.name))
                .because(without_values(&e.to_string(), &self.text))
        })
    }
}

/// Plans and collects step by step, on a thread with a deep stack: the planner recurses over what is nested, and
/// overflows the usual two megabytes with fifteen common table expressions in a query that cannot be done in steps.
fn execute(mut context: SQLContext, text: &str) -> PolarsResult<DataFrame> {
    const STACK: usize = 256 << 20; // reserved, not used: pages are taken as they are touched
    std::thread::scope(|scope| {
        let work = move || {
            let sql::Steps { named, last } = sql::steps(text);
            for (name, text) in named {
                let rows = context.execute(&text)?.collect()?;
                context.register(&name, rows.lazy());
            }
            context.execute(&last)?.collect()
        };
        let thread =
            std::thread::Builder::new().name("query".to_owned()).stack_size(STACK).spawn_scoped(scope, work)?;
        thread.join().unwrap_or_else(|_| Err(polars_err!(ComputeError: "the SQL engine gave up on this query")))
    })
}

/// `checks/funnel__x.sql` → `funnel__x`.
fn stem(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.strip_suffix(".sql").unwrap_or(file).to_owned()
}

/// Puts each query after those it reads; equal candidates stay in alphabetical order.
fn in_order(mut waiting: Vec<Query>) -> Result<Vec<Query>> {
    let mut ordered: Vec<Query> = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let ready = waiting.iter().position(|q| !q.header.reads.iter().any(|r| waiting.iter().any(|w| w.name == *r)));
        let Some(ready) = ready else {
            let names: Vec<&str> = waiting.iter().map(|q| q.name.as_str()).collect();
            return Err(Error::usage(format!("queries read each other in a circle: {}", names.join(", "))));
        };
        ordered.push(waiting.remove(ready));
    }
    Ok(ordered)
}

/// Queries with their places, those that read no other query first, then those that read these, and so on. `queries`
/// stand after those that they read.
fn waves(queries: &[Query]) -> Vec<Vec<(usize, &Query)>> {
    let mut wave_of: BTreeMap<&str, usize> = BTreeMap::new();
    let mut waves: Vec<Vec<(usize, &Query)>> = Vec::new();
    for (n, query) in queries.iter().enumerate() {
        let after = query.header.reads.iter().filter_map(|read| wave_of.get(read.as_str())).max();
        let wave = after.map_or(0, |wave| wave + 1);
        wave_of.insert(&query.name, wave);
        if waves.len() <= wave {
            waves.push(Vec::new());
        }
        if let Some(wave) = waves.get_mut(wave) {
            wave.push((n, query));
        }
    }
    waves
}

/// Sorts by key and refuses keys that are null or stand twice.
fn sorted_by_key(frame: DataFrame, key: &[String]) -> Result<DataFrame> {
    for name in key {
        let column =
            frame.column(name).map_err(|_| Error::failed(format!("its key column {name} is not in the result")))?;
        if column.null_count() > 0 {
            return Err(Error::failed(format!("its key column {name} is null in {} rows", column.null_count())));
        }
    }
    let sorted = frame.sort(key.iter().cloned(), SortMultipleOptions::default().with_maintain_order(true))?;
    let keys = sorted.select(key.iter().map(String::as_str))?;
    if keys.unique_stable(None, UniqueKeepStrategy::First, None)?.height() < keys.height() {
        return Err(Error::failed(format!("it gives several rows for one key ({})", key.join(", "))));
    }
    Ok(sorted)
}

/// The rows of a query without a key: as it puts them, else by all columns, so that the same day gives the same bytes.
fn unkeyed(frame: DataFrame, is_ordered: bool) -> Result<DataFrame> {
    if is_ordered || frame.width() == 0 {
        return Ok(frame);
    }
    let names: Vec<String> = frame.get_column_names().iter().map(ToString::to_string).collect();
    Ok(frame.sort(names, SortMultipleOptions::default().with_nulls_last(true).with_maintain_order(true))?)
}

fn broken(check: &Query, offenders: &DataFrame) -> Error {
    let first: Vec<String> = (0..offenders.height().min(3))
        .map(|row| {
            let cells = check.header.key.iter().map(|name| {
                let value = offenders.column(name).and_then(|c| c.get(row).map(|v| v.str_value().into_owned()));
                format!("{name} {}", value.unwrap_or_else(|_| "?".to_owned()))
            });
            cells.collect::<Vec<_>>().join(", ")
        })
        .collect();
    Error::failed(format!("check {} is broken by {}", check.name, count(offenders.height(), "row", "rows")))
        .because(format!("{}; first: {}", check.header.title, first.join("; ")))
        .hint(
            "nothing was published; `leadrecon explain ID` tells about a lead; if the check is ours, please report it",
        )
}

/// The calendar of a run: from its first lead, charge or line of spend.
///
/// # Errors
/// When a table of the catalog lacks a column.
pub fn calendar_of(catalog: &Catalog, as_of: NaiveDate, timezone: Tz) -> Result<Table<Calendar>> {
    let least = |table: &str, column: &str| -> Result<Option<i64>> {
        let Some(frame) = catalog.get(table) else { return Ok(None) };
        Ok(frame.column(column)?.cast(&DataType::Int64)?.i64()?.min())
    };
    let lead = least("leads", "received_at")?.and_then(DateTime::from_timestamp_micros);
    let days = [least("charges", "day")?, least("spend", "day")?, least("spend", "period_start")?];
    let money =
        days.into_iter().flatten().min().and_then(|d| NaiveDate::default().checked_add_signed(TimeDelta::days(d)));
    calendar([lead, money.map(|day| starts_at(day, timezone))].into_iter().flatten().min(), as_of, timezone)
}

/// One row per day from the first instant to the as-of day, in the report's time zone: what SQL's date functions would
/// give, were they the same in every engine.
///
/// # Errors
/// Never in practice.
pub fn calendar(first: Option<DateTime<Utc>>, as_of: NaiveDate, timezone: Tz) -> Result<Table<Calendar>> {
    let first = first.map_or(as_of, |t| t.with_timezone(&timezone).date_naive()).min(as_of);
    let days: Vec<NaiveDate> = first.iter_days().take_while(|d| *d <= as_of).collect();
    let dates = |name: &str, of: fn(NaiveDate) -> NaiveDate| {
        let values: Vec<i32> = days.iter().map(|d| days_since_epoch(of(*d))).collect();
        polars::prelude::Column::new(name.into(), values).cast(&DataType::Date)
    };
    let starts: Vec<i64> = days.iter().map(|d| starts_at(*d, timezone).timestamp_micros()).collect();
    let ends: Vec<i64> = days.iter().map(|d| starts_at(*d + Days::new(1), timezone).timestamp_micros()).collect();
    let instants = |name: &str, values: Vec<i64>| {
        polars::prelude::Column::new(name.into(), values).cast(&tables::Kind::Instant.dtype())
    };
    Table::new(DataFrame::new(
        days.len(),
        vec![
            dates("day", |d| d)?,
            dates("week", |d| d - Days::new(u64::from(d.weekday().num_days_from_monday())))?,
            dates("month", |d| d.with_day(1).unwrap_or(d))?,
            dates("quarter", |d| d.with_day(1).and_then(|d| d.with_month0(d.month0() / 3 * 3)).unwrap_or(d))?,
            instants("starts_at", starts)?,
            instants("ends_at", ends)?,
        ],
    )?)
}

/// The run itself, one row: queries take it instead of parameters.
///
/// # Errors
/// Never in practice.
pub fn run_table(as_of: NaiveDate, timezone: Tz) -> Result<Table<Run>> {
    let ends = as_of_ends_at(as_of, timezone).timestamp_micros();
    Table::new(df!(
        "as_of" => Series::new("as_of".into(), [days_since_epoch(as_of)]).cast(&DataType::Date)?,
        "as_of_ends_at" => Series::new("as_of_ends_at".into(), [ends]).cast(&tables::Kind::Instant.dtype())?,
        "timezone" => [timezone.name()],
    )?)
}

/// What a won deal of each offer brings, as configured.
///
/// # Errors
/// When an offer stands twice.
pub fn offer_values(offers: &[Offer]) -> Result<Table<OfferValues>> {
    let valued: Vec<(&str, i128, &str)> = offers
        .iter()
        .filter_map(|offer| offer.value.as_ref().map(|(amount, code)| (offer.id.as_str(), *amount, code.as_str())))
        .collect();
    Table::new(DataFrame::new(
        valued.len(),
        vec![
            polars::prelude::Column::new("offer_id".into(), valued.iter().map(|v| v.0).collect::<Vec<_>>()),
            tables::money("amount", valued.iter().map(|v| Some(v.1)))?,
            polars::prelude::Column::new("currency".into(), valued.iter().map(|v| v.2).collect::<Vec<_>>()),
        ],
    )?)
}

/// First instant after a day, in a time zone: where the as-of cut is made.
pub fn as_of_ends_at(as_of: NaiveDate, timezone: Tz) -> DateTime<Utc> {
    starts_at(as_of + Days::new(1), timezone)
}

/// First instant of a day in a time zone; where the clock skips midnight, the first that exists.
fn starts_at(day: NaiveDate, timezone: Tz) -> DateTime<Utc> {
    let mut local = day.and_time(NaiveTime::MIN);
    // The longest skip on record is a whole day (Samoa, 2011).
    for _ in 0..=96 {
        if let Some(instant) = timezone.from_local_datetime(&local).earliest() {
            return instant.with_timezone(&Utc);
        }
        local += TimeDelta::minutes(15);
    }
    day.and_time(NaiveTime::MIN).and_utc()
}

fn days_since_epoch(day: NaiveDate) -> i32 {
    i32::try_from((day - NaiveDate::default()).num_days()).unwrap_or(0)
}

/// Answers any one `select` over tables. `open` gives a table by name, or nothing if there is none; only what the
/// question names is opened, and no file is read, whatever it says.
///
/// # Errors
/// Exit 2 for a question that is no query, reads files, names an unknown table, or that Polars would answer wrongly.
pub fn ask(question: &str, names: &[String], mut open: impl FnMut(&str) -> Result<LazyFrame>) -> Result<DataFrame> {
    let reserved: BTreeSet<String> = names.iter().cloned().collect();
    let reads = sql::tables_of(question, &reserved)?;
    let context = SQLContext::new();
    for name in &reads {
        context.register(name, open(name)?);
    }
    execute(context, question).map_err(|e| {
        Error::usage("the query cannot be run")
            .because(without_values(&e.to_string(), question))
            .hint("Polars' SQL: lower-case names; `/ nullif(x, 0)`; no date_trunc")
    })
}

/// The tables that a question can be asked over, with what a row is: the published ones, and the history.
pub fn offered() -> impl Iterator<Item = &'static Definition> {
    tables::ALL.iter().filter(|d| d.published || d.name == tables::History::DEFINITION.name)
}

/// The built-in queries by name with their text; not the checks.
pub fn built_in_texts() -> Vec<(&'static str, &'static str)> {
    let queries = BUILT_IN.iter().filter(|(path, _)| !path.starts_with("checks/"));
    queries.filter_map(|(path, text)| Some((path.strip_suffix(".sql")?, *text))).collect()
}

/// The columns of a table of the dictionary with key, type and meaning; without a name, what a row of each table is.
/// None for a table that is not in it.
pub fn described(name: &str) -> Option<DataFrame> {
    if name.is_empty() {
        let all: Vec<&Definition> = offered().collect();
        let texts = |of: fn(&Definition) -> String| all.iter().map(|d| of(d)).collect::<Vec<String>>();
        return df!("table" => texts(|d| d.name.to_owned()), "one_row_per" => texts(|d| d.grain.to_owned()),
            "key" => texts(|d| d.key.join(", ")))
        .ok();
    }
    let definition = offered().find(|d| d.name == name)?;
    let texts = |of: &dyn Fn(&tables::Column) -> String| definition.columns.iter().map(of).collect::<Vec<String>>();
    df!(
        "column" => texts(&|c| c.name.to_owned()),
        "key" => texts(&|c| if definition.key.contains(&c.name) { "key".to_owned() } else { String::new() }),
        "type" => texts(&|c| c.kind.in_words().to_owned()),
        "null" => texts(&|c| if c.nullable { "may be".to_owned() } else { "never".to_owned() }),
        "meaning" => texts(&|c| c.meaning.to_owned()),
    )
    .ok()
}

/// What a table of a user's own says of itself: columns and types.
///
/// # Errors
/// Never in practice.
pub fn described_by_shape(frame: &DataFrame) -> Result<DataFrame> {
    let names: Vec<String> = frame.get_column_names().iter().map(ToString::to_string).collect();
    let types: Vec<String> = frame.dtypes().iter().map(ToString::to_string).collect();
    Ok(df!("column" => names, "type" => types)?)
}

#[cfg(test)]
pub(crate) mod tests;
