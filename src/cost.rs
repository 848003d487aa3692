//! Azure cost exports → charges of our storage accounts, and marketing spend → spend by campaign and offer.
//!
//! Every Azure agreement names the same things differently, and every run restates the month so far: of several runs
//! that speak of the same account and days the newest counts, and none is added to another. Amounts are exact decimals.
//! What they cost per lead is left to `queries/cost.sql`. Sources: Microsoft's cost details schemas, FOCUS 1.0–1.2, the
//! fact sheet on export formats.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use chrono_tz::Tz;
use polars::prelude::*;

use crate::config::{Cost, DateOrder};
use crate::error::{Error, Result};
use crate::findings::{AboutExport, AboutSetting, Finding};
use crate::tables::{Charges, Kind, SetAside, Table};
use crate::tabular::numbers::{Mark, decimal};
use crate::tabular::times::{self, Evidence};
use crate::tabular::{self, Ask, Export, ReadFile, Sheet, fold};

mod spend;

pub use spend::spend;

/// What was read: the lines, and an account of the reading.
#[derive(Debug)]
pub struct Read<T: crate::tables::Grain> {
    /// The lines that count.
    pub lines: Table<T>,
    /// What was read, file by file.
    pub files: Vec<ReadFile>,
    /// Rows that could not be used.
    pub set_aside: Table<SetAside>,
    /// What a person should know.
    pub findings: Vec<Finding>,
    /// Files that could not be read (exit 3).
    pub problems: Vec<Error>,
}

/// Names of what we need, folded; the first that a file has.
const DAY: &[&str] = &["date", "chargeperiodstart", "usagedatetime", "usagedate"];
const AMOUNT: &[&str] = &["billedcost", "costinbillingcurrency", "cost", "pretaxcost"];
const CURRENCY: &[&str] = &["billingcurrencycode", "billingcurrency", "currency"];
const RESOURCE: &[&str] = &["resourceid", "instanceid"];
const CATEGORY: &[&str] = &["metercategory", "xskumetercategory", "servicename"];
const METER: &[&str] = &["metername", "xskumetername", "skumeter", "chargedescription"];

/// A localised header keeps the product's own name in its last brackets: `Abonnement-GUID (SubscriptionGuid)`.
fn product_name(label: &str) -> String {
    let inner = label.strip_suffix(')').and_then(|rest| rest.rsplit_once('(')).map(|(_, inner)| inner);
    fold(inner.filter(|inner| !inner.is_empty()).unwrap_or(label))
}

/// One line of a cost export, of any resource.
struct Line {
    row: u32,
    day: NaiveDate,
    account: Option<String>,
    meter: Option<String>,
    currency: String,
    amount: i128,
}

/// One export run: a folder with a manifest or with parts, else one file.
struct Run {
    /// When it was made.
    order: (DateTime<Utc>, String),
    /// Lines by file.
    files: Vec<(String, Vec<Line>)>,
}

/// Reads Azure cost exports of any agreement.
///
/// # Errors
/// Only for faults of our own.
pub fn charges(exports: Vec<Export>, settings: &Cost) -> Result<Read<Charges>> {
    let mut files = Vec::new();
    let mut problems = Vec::new();
    let mut aside: Vec<(String, i64, &str, String)> = Vec::new();
    let mut findings = Vec::new();
    let manifests = manifests(&exports);
    let mut runs: BTreeMap<String, Run> = BTreeMap::new();
    let mut rows_by_run: BTreeMap<String, u64> = BTreeMap::new();
    for export in exports {
        if is_description(&export.name) {
            continue;
        }
        let (run, made) = run_of(&export, &manifests);
        let parts = match tabular::unpack(&export.name, export.bytes) {
            Ok(parts) => parts,
            Err(problem) => {
                problems.push(problem.at("[cost] azure"));
                continue;
            }
        };
        for part in parts {
            let ask = Ask { score: &score, needed: 3, keep: &keep, header: None };
            let sheets = match tabular::read(&part, &ask) {
                Ok(sheets) => sheets,
                Err(problem) => {
                    problems.push(problem.at("[cost] azure"));
                    continue;
                }
            };
            for sheet in sheets {
                let mut told = describe(&sheet, &part.name, export.modified, "cost");
                told.bytes = part.bytes.len();
                match lines(&sheet, &part.name, &settings.storage_accounts, &mut told, &mut aside) {
                    Ok(lines) => {
                        *rows_by_run.entry(run.clone()).or_default() += sheet.height() as u64;
                        let entry = runs
                            .entry(run.clone())
                            .or_insert_with(|| Run { order: (made, run.clone()), files: Vec::new() });
                        entry.files.push((told.file.clone(), lines));
                        files.push(told);
                    }
                    Err(problem) => problems.push(problem.at("[cost] azure")),
                }
            }
        }
    }
    for (folder, manifest) in &manifests {
        let read = rows_by_run.get(folder).copied().unwrap_or_default();
        if manifest.rows.is_some_and(|rows| rows != read) {
            // Half a run would stand for a whole month.
            runs.remove(folder);
            findings.push(Finding::mail("cost", AboutExport::RunNotWhole(folder.clone()), read));
        }
    }
    let accounts: BTreeSet<&str> = settings.storage_accounts.iter().map(String::as_str).collect();
    let kept = newest_runs(runs.into_values().collect(), &accounts);
    if !accounts.is_empty() && kept.is_empty() && files.iter().any(|f| f.rows > 0) {
        findings.push(Finding::mail("cost", AboutSetting::AccountWithoutCost, 0));
    }
    let mut lines = charges_of(kept)?;
    lines.sort_in_place(["file", "row"], SortMultipleOptions::default())?;
    Ok(Read { lines: Table::new(lines)?, files, set_aside: tabular::set_aside("cost", aside)?, findings, problems })
}

fn score(labels: &[String]) -> usize {
    // Labels come folded, so brackets are gone: a product name at the end of one is enough.
    let known = |names: &[&str]| usize::from(labels.iter().any(|l| names.iter().any(|name| l.ends_with(name))));
    let needed = known(AMOUNT) + known(DAY) + known(CURRENCY) + known(RESOURCE);
    if known(AMOUNT) == 0 { 0 } else { needed + known(METER) }
}

fn keep(label: &str) -> bool {
    let name = product_name(label);
    [DAY, AMOUNT, CURRENCY, RESOURCE, CATEGORY, METER].iter().any(|names| names.contains(&name.as_str()))
}

/// The column of a sheet that has one of these product names.
fn column<'a>(sheet: &'a Sheet, names: &[&str], field: &str, told: &mut ReadFile) -> Option<&'a StringChunked> {
    let labels: Vec<String> = sheet.header.iter().map(|label| product_name(label)).collect();
    let at = names.iter().find_map(|name| labels.iter().position(|label| label == name))?;
    told.columns.insert(field.to_owned(), vec![sheet.header.get(at)?.clone()]);
    sheet.column(at)
}

fn describe(sheet: &Sheet, name: &str, written: DateTime<Utc>, reader: &str) -> ReadFile {
    ReadFile {
        destination: reader.to_owned(),
        file: sheet.name.as_ref().map_or_else(|| name.to_owned(), |sheet| format!("{name}#{sheet}")),
        modified: Some(written),
        kind: reader.to_owned(),
        object: reader.to_owned(),
        form: sheet.form.clone(),
        header_row: sheet.header_row,
        rows: sheet.height(),
        ..ReadFile::default()
    }
}

/// Rows that are no lines, as every reader tells them.
fn refused(sheet: &Sheet, file: &str, aside: &mut Vec<(String, i64, &'static str, String)>) {
    for (rows, reason) in [(&sheet.trailer, "trailer"), (&sheet.ragged, "ragged")] {
        aside.extend(rows.iter().map(|r| (file.to_owned(), i64::from(r.row), reason, r.detail.clone())));
    }
}

/// Nulls in the spellings of cost files.
fn filled(cell: Option<&str>) -> Option<&str> {
    cell.map(str::trim).filter(|t| !t.is_empty() && !t.eq_ignore_ascii_case("null") && !t.eq_ignore_ascii_case("n/a"))
}

/// All lines of one file, whatever resource they are of.
fn lines(
    sheet: &Sheet,
    name: &str,
    ours: &[String],
    told: &mut ReadFile,
    aside: &mut Vec<(String, i64, &'static str, String)>,
) -> Result<Vec<Line>> {
    let missing = |what: &str| {
        Error::partial(format!("cannot read \"{name}\": no column for {what}"))
            .because(format!("header found: {}", sheet.header.join(", ")))
            .hint("export the cost details dataset (actual cost) or FOCUS from Azure Cost Management")
    };
    let amounts = column(sheet, AMOUNT, "cost", told).ok_or_else(|| missing("the cost"))?;
    let days = column(sheet, DAY, "day", told).ok_or_else(|| missing("the day"))?;
    let currencies = column(sheet, CURRENCY, "currency", told).ok_or_else(|| missing("the currency"))?;
    let resources = column(sheet, RESOURCE, "account", told).ok_or_else(|| missing("the resource"))?;
    let (categories, meters) = (column(sheet, CATEGORY, "category", told), column(sheet, METER, "meter", told));
    let mut evidence = Evidence::default();
    evidence.weigh(days, told.modified);
    // Cost Management writes months first wherever it does not write ISO dates.
    let order = evidence.decide(None).unwrap_or(times::Order {
        order: Some(DateOrder::Mdy),
        because: "mdy, as Azure Cost Management documents".into(),
    });
    told.date_order.clone_from(&order.because);
    refused(sheet, &told.file, aside);
    let mut lines = Vec::with_capacity(sheet.height());
    let mut total: i128 = 0;
    let mut seen: BTreeMap<String, Option<NaiveDate>> = BTreeMap::new();
    for (n, row) in sheet.rows.iter().enumerate() {
        let account = filled(resources.get(n)).and_then(storage_account);
        let text = filled(days.get(n)).unwrap_or_default();
        let day = *seen.entry(text.to_owned()).or_insert_with(|| {
            let (micros, ..) = times::instant(text, order.order, Tz::UTC)?;
            DateTime::from_timestamp_micros(micros).map(|at| at.date_naive())
        });
        let amount = filled(amounts.get(n)).and_then(|text| decimal(text, Mark::Point));
        let currency = filled(currencies.get(n));
        let (Some(day), Some(amount), Some(currency)) = (day, amount, currency) else {
            // Only our own lines are missed if they cannot be read.
            if account.as_ref().is_some_and(|a| ours.contains(a)) {
                let reason = if day.is_none() { "bad-time" } else { "bad-amount" };
                aside.push((told.file.clone(), i64::from(*row), reason, "no day, amount or currency".into()));
            }
            continue;
        };
        total = total.saturating_add(amount);
        let cell = |column: Option<&StringChunked>| column.and_then(|c| filled(c.get(n))).map(str::to_owned);
        let meter = match (cell(categories), cell(meters)) {
            (Some(category), Some(meter)) => Some(format!("{category} / {meter}")),
            (category, meter) => category.or(meter),
        };
        lines.push(Line { row: *row, day, account, meter, currency: currency.to_uppercase(), amount });
    }
    told.records = lines.iter().filter(|l| l.account.as_ref().is_some_and(|a| ours.contains(a))).count();
    told.notes.push(format!(
        "{} lines of all resources, {} in sum; {} of our accounts",
        lines.len(),
        shown(total),
        told.records
    ));
    if sheet.height() == 0 {
        told.notes.push("a header and no lines".into());
    }
    Ok(lines)
}

/// An amount for a note, without trailing zeros.
fn shown(amount: i128) -> String {
    let one = 10i128.pow(tabular::numbers::SCALE);
    let text = format!("{}{}.{:018}", if amount < 0 { "-" } else { "" }, (amount / one).abs(), (amount % one).abs());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The storage account in a resource id, in lower case.
fn storage_account(resource: &str) -> Option<String> {
    let lower = resource.to_lowercase();
    let (_, rest) = lower.split_once("/microsoft.storage/storageaccounts/")?;
    rest.split('/').next().filter(|name| !name.is_empty()).map(str::to_owned)
}

/// Files beside exports that describe them.
fn is_description(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name).to_lowercase();
    matches!(last.as_str(), "manifest.json" | "model.json" | "_manifest.json")
}

struct Manifest {
    made: DateTime<Utc>,
    rows: Option<u64>,
}

/// Manifests by folder. They are written last: a run with one is whole.
fn manifests(exports: &[Export]) -> BTreeMap<String, Manifest> {
    let of = |export: &Export| {
        let bytes = export.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&export.bytes);
        let document: serde_json::Value = serde_json::from_slice(bytes).ok()?;
        let time = |path: &str| document.pointer(path)?.as_str()?.parse::<DateTime<Utc>>().ok();
        let made =
            time("/runInfo/submittedTime").or_else(|| time("/runInfo/processingStartTime")).unwrap_or(export.modified);
        let rows = document.get("dataRowCount").and_then(serde_json::Value::as_u64);
        Some((folder(&export.name).to_owned(), Manifest { made, rows }))
    };
    exports.iter().filter(|e| is_description(&e.name)).filter_map(of).collect()
}

fn folder(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The run that a file belongs to, and when that was made.
fn run_of(export: &Export, manifests: &BTreeMap<String, Manifest>) -> (String, DateTime<Utc>) {
    // A manifest stands beside its parts or above them.
    let mut above = folder(&export.name);
    loop {
        if let Some(manifest) = manifests.get(above) {
            return (above.to_owned(), manifest.made);
        }
        if above.is_empty() {
            break;
        }
        above = folder(above);
    }
    let last = export.name.rsplit('/').next().unwrap_or(&export.name).to_lowercase();
    let stem = last.split('.').next().unwrap_or_default();
    let is_part = stem.starts_with("part_") || (stem.len() == 6 && stem.bytes().all(|b| b.is_ascii_digit()));
    if is_part {
        return (folder(&export.name).to_owned(), export.modified);
    }
    (export.name.clone(), export.modified)
}

/// For each account and month, from the newest run to the oldest: the days that no newer run speaks of.
fn newest_runs(mut runs: Vec<Run>, accounts: &BTreeSet<&str>) -> Vec<(String, Line)> {
    runs.sort_by(|a, b| b.order.cmp(&a.order));
    let mut covered: BTreeMap<(String, i32, u32), (NaiveDate, NaiveDate)> = BTreeMap::new();
    let mut kept = Vec::new();
    for run in runs {
        // What a run speaks of, by month, over all its resources.
        let mut spans: BTreeMap<(i32, u32), (NaiveDate, NaiveDate)> = BTreeMap::new();
        for line in run.files.iter().flat_map(|(_, lines)| lines) {
            let span = spans.entry((line.day.year(), line.day.month())).or_insert((line.day, line.day));
            *span = (span.0.min(line.day), span.1.max(line.day));
        }
        let mut own: BTreeMap<(String, i32, u32), (NaiveDate, NaiveDate)> = BTreeMap::new();
        for (file, lines) in run.files {
            for line in lines {
                let Some(account) = line.account.clone().filter(|a| accounts.contains(a.as_str())) else { continue };
                let month = (line.day.year(), line.day.month());
                let key = (account, month.0, month.1);
                if covered.get(&key).is_some_and(|(from, to)| (*from..=*to).contains(&line.day)) {
                    continue;
                }
                if let Some(span) = spans.get(&month) {
                    own.insert(key, *span);
                }
                kept.push((file.clone(), line));
            }
        }
        for (key, span) in own {
            let all = covered.entry(key).or_insert(span);
            *all = (all.0.min(span.0), all.1.max(span.1));
        }
    }
    kept
}

fn charges_of(kept: Vec<(String, Line)>) -> Result<DataFrame> {
    let height = kept.len();
    let columns = vec![
        Column::new("file".into(), kept.iter().map(|(file, _)| file.as_str()).collect::<Vec<_>>()),
        Column::new("row".into(), kept.iter().map(|(_, l)| i64::from(l.row)).collect::<Vec<_>>()),
        Column::new("day".into(), kept.iter().map(|(_, l)| l.day).collect::<Vec<_>>()),
        Column::new("account".into(), kept.iter().map(|(_, l)| l.account.as_deref()).collect::<Vec<_>>()),
        Column::new("meter".into(), kept.iter().map(|(_, l)| l.meter.as_deref()).collect::<Vec<_>>()),
        Column::new("currency".into(), kept.iter().map(|(_, l)| l.currency.as_str()).collect::<Vec<_>>()),
        money("cost", kept.iter().map(|(_, l)| l.amount))?,
    ];
    Ok(DataFrame::new(height, columns)?)
}

/// A column of amounts.
fn money(name: &str, amounts: impl Iterator<Item = i128>) -> Result<Column> {
    let DataType::Decimal(precision, scale) = Kind::Money.dtype() else {
        return Err(Error::failed("money is no decimal any more"));
    };
    let values = Int128Chunked::from_iter_values(name.into(), amounts);
    Ok(values.into_decimal(precision, scale)?.into_column())
}

#[cfg(test)]
mod tests;
