//! Azure cost exports → charges of our storage accounts, and marketing spend → spend by campaign and offer.
//!
//! Every Azure agreement names the same things differently, and every run restates the month so far: of several runs
//! that speak of the same account, days and invoice the newest counts, and none is added to another ([`runs`]). Amounts
//! are exact decimals, and a month's sum is rounded once. What they cost per lead is left to `queries/cost.sql`. Sources: Microsoft's cost details schemas, FOCUS 1.0–1.2, the
//! fact sheet on export formats.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use chrono_tz::Tz;
use polars::prelude::*;

use crate::config::{Cost, DateOrder};
use crate::error::{Error, Result, count};
use crate::findings::{AboutExport, AboutSetting, Finding};
use crate::tables::{Charges, Kind, SetAside, Table};
use crate::tabular::numbers::{Exact, Mark, exact, mark_of};
use crate::tabular::readings::Unread;
use crate::tabular::times::{self, Evidence};
use crate::tabular::{self, Ask, Export, Note, Part, ReadFile, Sheet, fold};

mod runs;
mod spend;

use runs::{Manifests, Place, Run, Standing};
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
    /// The same by file, for the readings.
    pub unread: Vec<Unread>,
}

/// Names of what we need, folded; the first that a file has.
const DAY: &[&str] = &["date", "chargeperiodstart", "usagedatetime", "usagedate", "serviceperiodstartdate"];
const AMOUNT: &[&str] = &["billedcost", "costinbillingcurrency", "cost", "pretaxcost", "extendedcost"];
const CURRENCY: &[&str] = &["billingcurrencycode", "billingcurrency", "currency", "currencycode"];
const RESOURCE: &[&str] = &["resourceid", "instanceid", "instancename"];
const CATEGORY: &[&str] = &["metercategory", "xskumetercategory", "servicename"];
const METER: &[&str] = &["metername", "xskumetername", "skumeter", "chargedescription"];
const BILLED: &[&str] = &["billingperiodstart", "billingperiodstartdate"];
const INVOICE: &[&str] = &["invoiceid", "xinvoiceid"];

/// What to do about a file in which none of these is found.
const NEEDED: &str = "a cost export needs the columns of the cost, the day (Date or ChargePeriodStart), the currency and \
    the resource id: export the cost details dataset (actual cost) or FOCUS from Azure Cost Management";

/// A localised header keeps the product's own name in its last brackets: `Abonnement-GUID (SubscriptionGuid)`.
fn product_name(label: &str) -> String {
    let inner = label.strip_suffix(')').and_then(|rest| rest.rsplit_once('(')).map(|(_, inner)| inner);
    fold(inner.filter(|inner| !inner.is_empty()).unwrap_or(label))
}

/// One line of a cost export, of any resource.
struct Line {
    row: u32,
    day: NaiveDate,
    /// First day of the billing period, and the invoice, where the file tells them.
    billed: Option<NaiveDate>,
    invoice: Option<String>,
    account: Option<String>,
    meter: Option<String>,
    currency: String,
    amount: Exact,
}

/// Rows that could not be used: file, row, reason, detail.
type Aside = Vec<(String, i64, &'static str, String)>;

/// What a message calls a cost export.
pub const OF_AZURE: &str = "an export of Azure cost";

/// Whether folded labels are those of Azure cost: an amount, its day or currency, and the resource that it is of.
fn is_azure(folded: &[String]) -> bool {
    let names_resource = folded.iter().any(|label| RESOURCE.iter().any(|name| label.ends_with(name)));
    names_resource && score(folded) > 2
}

/// What these labels name, where they are those of cost or spend, as a message says it.
pub fn named_by(labels: &[String]) -> Option<&'static str> {
    let folded: Vec<String> = labels.iter().map(|label| fold(label)).collect();
    match () {
        () if is_azure(&folded) => Some(OF_AZURE),
        () if spend::score(&folded) > 2 => Some("a report of marketing spend"),
        () => None,
    }
}

/// What a file is by the labels of its table, rows or none, where they are those of cost or spend.
pub fn named(part: &Part) -> Option<&'static str> {
    let score = |labels: &[String]| score(labels).max(spend::score(labels));
    let ask = Ask { score: &score, needed: 3, keep: &|_| true, by_form: false, header: None };
    tabular::read(part, &ask).ok()?.iter().find_map(|sheet| named_by(&sheet.header))
}

/// Reads Azure cost exports of any agreement.
///
/// # Errors
/// Only for faults of our own.
pub fn charges(exports: Vec<Export>, settings: &Cost) -> Result<Read<Charges>> {
    let mut files = Vec::new();
    let (mut problems, mut unread) = (Vec::new(), Vec::new());
    let mut aside: Aside = Vec::new();
    let manifests = Manifests::of(&exports);
    let mut runs: BTreeMap<String, Run> = BTreeMap::new();
    let mut rows_by_run: BTreeMap<String, u64> = BTreeMap::new();
    for export in exports.into_iter().filter(|export| !runs::is_description(&export.name)) {
        let (name, run) = match manifests.place(&export) {
            Place::Run(name, run) => (name, run),
            Place::LeftOut(why) => {
                files.push(left_out(&export, why));
                continue;
            }
        };
        let run = runs.entry(name.clone()).or_insert(run);
        let file = export.name.clone();
        match sheets_of(export) {
            Ok(sheets) => {
                for (mut told, sheet) in sheets {
                    match lines(&sheet, settings, &mut told, &mut aside) {
                        Ok(lines) => {
                            told.tell_columns(&sheet);
                            *rows_by_run.entry(name.clone()).or_default() += sheet.height() as u64;
                            run.files.push((told.file.clone(), lines));
                            if told.ends_inside {
                                run.order.0 = Standing::Cut;
                                problems.push(ends_inside(&told.file).at("[cost] azure"));
                            }
                            files.push(told);
                        }
                        Err(problem) => {
                            unread.push(Unread::new("cost", &told.file, &problem));
                            problems.push(problem.at("[cost] azure"));
                        }
                    }
                }
            }
            Err(problem) => {
                unread.push(Unread::new("cost", &file, &problem));
                problems.push(problem.at("[cost] azure"));
            }
        }
    }
    let mut findings = cut_runs(&manifests, &mut runs, &rows_by_run);
    let accounts: BTreeSet<&str> = settings.storage_accounts.iter().map(String::as_str).collect();
    let has_lines = runs.values().any(|run| run.files.iter().any(|(_, lines)| !lines.is_empty()));
    let mut kept = runs::newest(runs.into_values().collect(), &accounts);
    if !accounts.is_empty() && kept.is_empty() && has_lines {
        findings.push(Finding::mail("cost", AboutSetting::AccountWithoutCost, 0));
    }
    kept.sort_by(|(file, line), (other, later)| (file, line.row).cmp(&(other, later.row)));
    let lines = Table::new(charges_of(&kept)?)?;
    Ok(Read { lines, files, set_aside: tabular::set_aside("cost", aside)?, findings, problems, unread })
}

/// The tables of an export, each with what is told of it.
fn sheets_of(export: Export) -> Result<Vec<(ReadFile, Sheet)>> {
    let mut all = Vec::new();
    for part in tabular::unpack(&export.name, export.content)? {
        let read = |keep: &dyn Fn(&str) -> bool| {
            let ask = Ask { score: &score, needed: 3, keep, by_form: false, header: None };
            tabular::read(&part, &ask).map_err(|problem| problem.or_hint(NEEDED))
        };
        let mut sheets = read(&keep)?;
        // A column that is not called as we know is found by what stands in it.
        if sheets.iter().any(|sheet| position(sheet, RESOURCE).is_none()) {
            sheets = read(&|_| true)?;
        }
        all.extend(sheets.into_iter().map(|sheet| {
            let told = describe(&sheet, &part.name, export.modified, "cost");
            (ReadFile { bytes: part.content.size(), ..told }, sheet)
        }));
    }
    Ok(all)
}

/// What is said of a file that breaks off. What it holds counts where no other speaks of the same days.
fn ends_inside(file: &str) -> Error {
    Error::partial(format!("\"{file}\" ends inside a row"))
        .because("the download broke off")
        .hint("download it again; what an older file says of its days counts until then")
}

/// A file that is not read, and why.
fn left_out(export: &Export, why: &str) -> ReadFile {
    ReadFile {
        destination: "cost".to_owned(),
        file: export.name.clone(),
        modified: Some(export.modified),
        bytes: export.content.size(),
        kind: "cost".to_owned(),
        object: "cost".to_owned(),
        notes: vec![why.into()],
        ..ReadFile::default()
    }
}

/// Takes out the runs that have not the rows of their manifests: half a run would stand for a whole month.
fn cut_runs(
    manifests: &Manifests,
    runs: &mut BTreeMap<String, Run>,
    rows_by_run: &BTreeMap<String, u64>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (folder, manifest) in manifests.iter() {
        let read = rows_by_run.get(folder).copied().unwrap_or_default();
        if manifest.rows.is_some_and(|rows| rows != read) {
            runs.remove(folder);
            findings.push(Finding::mail("cost", AboutExport::RunNotWhole(folder.clone()), read));
        }
    }
    findings
}

fn score(labels: &[String]) -> usize {
    // Labels come folded, so brackets are gone: a product name at the end of one is enough.
    let known = |names: &[&str]| usize::from(labels.iter().any(|l| names.iter().any(|name| l.ends_with(name))));
    let needed = known(AMOUNT) + known(DAY) + known(CURRENCY) + known(RESOURCE);
    if known(AMOUNT) == 0 { 0 } else { needed + known(METER) }
}

fn keep(label: &str) -> bool {
    let name = product_name(label);
    [DAY, AMOUNT, CURRENCY, RESOURCE, CATEGORY, METER, BILLED, INVOICE]
        .iter()
        .any(|names| names.contains(&name.as_str()))
}

/// Where the column of a sheet stands that has one of these product names.
fn position(sheet: &Sheet, names: &[&str]) -> Option<usize> {
    let labels: Vec<String> = sheet.header.iter().map(|label| product_name(label)).collect();
    names.iter().find_map(|name| labels.iter().position(|label| label == name))
}

/// The column of a sheet that has one of these product names.
fn column<'a>(sheet: &'a Sheet, names: &[&str], field: &str, told: &mut ReadFile) -> Option<&'a StringChunked> {
    used(sheet, position(sheet, names)?, field, told)
}

fn used<'a>(sheet: &'a Sheet, at: usize, field: &str, told: &mut ReadFile) -> Option<&'a StringChunked> {
    told.columns.insert(field.to_owned(), vec![sheet.header.get(at)?.clone()]);
    sheet.column(at)
}

/// The column of the resource, by its name, else by the form of what stands in it.
fn resources<'a>(sheet: &'a Sheet, told: &mut ReadFile) -> Option<&'a StringChunked> {
    let is_resource = |text: &str| text.trim_start().to_ascii_lowercase().starts_with("/subscriptions/");
    let filled_with = |at: usize| {
        let mut values = sheet.column(at).into_iter().flat_map(|column| column.iter()).filter_map(filled).peekable();
        values.peek().is_some() && values.all(|text| is_resource(text) && text.contains("/providers/"))
    };
    let at = position(sheet, RESOURCE).or_else(|| (0..sheet.header.len()).find(|at| filled_with(*at)))?;
    used(sheet, at, "account", told)
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
        ends_inside: sheet.ends_inside,
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

/// Dates of one column, each text read once.
struct Days<'a> {
    column: Option<&'a StringChunked>,
    order: Option<DateOrder>,
    seen: BTreeMap<&'a str, Option<NaiveDate>>,
}

impl<'a> Days<'a> {
    fn new(column: Option<&'a StringChunked>, order: Option<DateOrder>) -> Self {
        Days { column, order, seen: BTreeMap::new() }
    }

    fn get(&mut self, n: usize) -> Option<NaiveDate> {
        let text = filled(self.column?.get(n))?;
        *self.seen.entry(text).or_insert_with(|| {
            let (micros, ..) = times::instant(text, self.order, Tz::UTC)?;
            DateTime::from_timestamp_micros(micros).map(|at| at.date_naive())
        })
    }
}

/// All lines of one file, whatever resource they are of.
fn lines(sheet: &Sheet, settings: &Cost, told: &mut ReadFile, aside: &mut Aside) -> Result<Vec<Line>> {
    let name = told.file.clone();
    let missing = |what: &str| {
        Error::partial(format!("cannot read \"{name}\": no column for {what}"))
            .because(format!("header found: {}", sheet.header.join(", ")))
            .hint(NEEDED)
    };
    let amounts = column(sheet, AMOUNT, "cost", told).ok_or_else(|| missing("the cost"))?;
    let days = column(sheet, DAY, "day", told).ok_or_else(|| missing("the day"))?;
    let currencies = column(sheet, CURRENCY, "currency", told);
    if currencies.is_none() && settings.currency.is_none() {
        return Err(missing("the currency").hint("add the currency column to the export, or set currency under [cost]"));
    }
    let resources = resources(sheet, told).ok_or_else(|| missing("the resource"))?;
    let (categories, meters) = (column(sheet, CATEGORY, "category", told), column(sheet, METER, "meter", told));
    let (billed, invoices) = (column(sheet, BILLED, "billed", told), column(sheet, INVOICE, "invoice", told));
    let mut evidence = Evidence::default();
    for dates in [Some(days), billed].into_iter().flatten() {
        evidence.weigh(dates, told.modified);
    }
    // Cost Management writes months first wherever it does not write ISO dates.
    let order = evidence
        .decide(None)
        .unwrap_or_else(|| times::Order::new(DateOrder::Mdy, "as Azure Cost Management documents"));
    told.date_order.clone_from(&order.because);
    refused(sheet, &told.file, aside);
    let (mut days, mut billed) = (Days::new(Some(days), order.order), Days::new(billed, order.order));
    let mark = mark_of(amounts.iter().flatten()).unwrap_or(Mark::Point);
    let is_ours = |account: &Option<String>| account.as_ref().is_some_and(|a| settings.storage_accounts.contains(a));
    let mut lines = Vec::with_capacity(sheet.height());
    let mut total = Exact::default();
    for (n, row) in sheet.rows.iter().enumerate() {
        let cell = |column: Option<&StringChunked>| column.and_then(|c| filled(c.get(n))).map(str::to_owned);
        let account = filled(resources.get(n)).and_then(storage_account);
        let amount = filled(amounts.get(n)).and_then(|text| exact(text, mark));
        let currency = cell(currencies).or_else(|| settings.currency.clone());
        let (Some(day), Some(amount), Some(currency)) = (days.get(n), amount, currency) else {
            // Only our own lines are missed if they cannot be read.
            if is_ours(&account) {
                let reason = if days.get(n).is_none() { "bad-time" } else { "bad-amount" };
                aside.push((told.file.clone(), i64::from(*row), reason, "no day, amount or currency".into()));
            }
            continue;
        };
        total = total.plus(amount);
        let meter = match (cell(categories), cell(meters)) {
            (Some(category), Some(meter)) => Some(format!("{category} / {meter}")),
            (category, meter) => category.or(meter),
        };
        let (billed, invoice, currency) = (billed.get(n), cell(invoices), currency.to_uppercase());
        lines.push(Line { row: *row, day, billed, invoice, account, meter, currency, amount });
    }
    told.records = lines.iter().filter(|line| is_ours(&line.account)).count();
    told.notes.push(Note::from(format!(
        "{} of all resources, {} in sum; {} of our accounts",
        count(lines.len(), "line", "lines"),
        shown(total.rounded()),
        told.records
    )));
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

fn charges_of(kept: &[(String, Line)]) -> Result<DataFrame> {
    let columns = vec![
        Column::new("file".into(), kept.iter().map(|(file, _)| file.as_str()).collect::<Vec<_>>()),
        Column::new("row".into(), kept.iter().map(|(_, l)| i64::from(l.row)).collect::<Vec<_>>()),
        Column::new("day".into(), kept.iter().map(|(_, l)| l.day).collect::<Vec<_>>()),
        Column::new("account".into(), kept.iter().map(|(_, l)| l.account.as_deref()).collect::<Vec<_>>()),
        Column::new("meter".into(), kept.iter().map(|(_, l)| l.meter.as_deref()).collect::<Vec<_>>()),
        Column::new("currency".into(), kept.iter().map(|(_, l)| l.currency.as_str()).collect::<Vec<_>>()),
        money("cost", rounded_once(kept).into_iter())?,
    ];
    Ok(DataFrame::new(kept.len(), columns)?)
}

/// The amounts, rounded so that the sum of each month in each currency is that of the exact amounts, rounded once: each
/// line is what it adds to the rounded sum of those before it.
fn rounded_once(kept: &[(String, Line)]) -> Vec<i128> {
    let mut sums: BTreeMap<(i32, u32, &str), Exact> = BTreeMap::new();
    let amounts = kept.iter().map(|(_, line)| {
        let sum = sums.entry((line.day.year(), line.day.month(), &line.currency)).or_default();
        let before = *sum;
        *sum = sum.plus(line.amount);
        sum.rounded() - before.rounded()
    });
    amounts.collect()
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
