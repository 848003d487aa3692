//! Marketing spend: reports of Google Ads, LinkedIn, Microsoft Advertising, their API-shaped copies, and plain CSV.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Datelike as _, Days, Months, NaiveDate, Utc};
use chrono_tz::Tz;
use polars::prelude::*;

use super::{Read, describe, filled, money, refused};
use crate::config::{Cost, DateOrder};
use crate::error::{Error, Result};
use crate::findings::{AboutExport, Finding};
use crate::tables::{Spend, Table};
use crate::tabular::numbers::{Mark, decimal, mark_of};
use crate::tabular::times::{self, Evidence};
use crate::tabular::{self, Ask, Export, ReadFile, Sheet, fold, is_total};

/// Names of what we need, folded; the first that a report has.
const CAMPAIGN: &[&str] = &[
    "campaign", "campaignname", "kampagne", "kampagnenname", "campagne", "nomdelacampagne", "campaña",
    "nombredelacampaña", "campanha", "nomedacampanha", "キャンペーン", "kampanj", "кампания", "广告系列",
];
const AMOUNT: &[&str] = &[
    "cost", "spend", "totalspent", "amountspent", "costmicros", "metricscostmicros", "costinlocalcurrency",
    "costinusd", "kosten", "coût", "coûts", "dépenses", "montantdépensé", "coste", "costo", "importegastado", "custo",
    "totalgasto", "gesamtausgaben", "ausgaben", "費用", "kostnad", "расход", "费用", "amount", "spent",
];
const CURRENCY: &[&str] = &[
    "currency", "currencycode", "währung", "währungscode", "codedeladevise", "devise", "moneda", "códigodemoneda",
    "moeda", "códigodamoeda", "通貨コード", "accountcurrency", "customercurrencycode",
];
const DAY: &[&str] = &[
    "day", "date", "dateday", "gregoriandate", "timeperiod", "segmentsdate", "startdateinutc", "startdate", "tag",
    "datum", "jour", "día", "dia", "fecha", "data", "日", "日付", "dag", "дата", "日期",
];
const LAST_DAY: &[&str] = &["enddateinutc", "enddate", "to"];
const MONTH: &[&str] = &["month", "monat", "mois", "mes", "mês", "月"];
const WEEK: &[&str] = &["week", "woche", "semaine", "semana", "週"];

/// `Amount spent (EUR)` is an amount, in euro.
fn name_and_unit(label: &str) -> (String, Option<String>) {
    if let Some((name, unit)) = label.strip_suffix(')').and_then(|rest| rest.rsplit_once('('))
        && unit.len() == 3
        && unit.bytes().all(|b| b.is_ascii_uppercase())
        && unit != "UTC"
    {
        return (fold(name), Some(unit.to_owned()));
    }
    (fold(label), None)
}

fn score(labels: &[String]) -> usize {
    let ends = |names: &[&str]| {
        labels.iter().any(|l| names.iter().any(|name| l == name || (l.len() == name.len() + 3 && l.starts_with(name))))
    };
    if !ends(AMOUNT) {
        return 0;
    }
    1 + [CAMPAIGN, CURRENCY, DAY, MONTH, WEEK].iter().filter(|names| ends(names)).count()
}

/// One line of spend.
struct Line {
    file: String,
    row: u32,
    day: Option<NaiveDate>,
    first: NaiveDate,
    last: NaiveDate,
    campaign: Option<String>,
    currency: String,
    amount: i128,
    /// Which report it is of: copies of one report restate each other, reports of two networks add up.
    report: String,
    order: (DateTime<Utc>, String),
}

/// Reads spend exports.
///
/// # Errors
/// Only for faults of our own.
pub fn spend(exports: Vec<Export>, settings: &Cost) -> Result<Read<Spend>> {
    let mut files = Vec::new();
    let mut problems = Vec::new();
    let mut findings = Vec::new();
    let mut aside: Vec<(String, i64, &str, String)> = Vec::new();
    let mut lines: Vec<Line> = Vec::new();
    for export in exports {
        let modified = export.modified;
        let read = tabular::unpack(&export.name, export.bytes).and_then(|parts| {
            let mut read = Vec::new();
            for part in parts {
                let ask = Ask { score: &score, needed: 2, keep: &|_| true, header: None };
                for sheet in tabular::read(&part, &ask)? {
                    let mut told = describe(&sheet, &part.name, modified, "spend");
                    told.bytes = part.bytes.len();
                    let lines = lines_of(&sheet, &part.name, settings, &mut told, &mut aside)?;
                    read.push((told, lines));
                }
            }
            Ok(read)
        });
        match read {
            Ok(read) => {
                for (told, more) in read {
                    files.push(told);
                    lines.extend(more);
                }
            }
            Err(problem) => problems.push(problem.at("[cost] spend")),
        }
    }
    let (kept, restated) = newest(lines);
    if restated > 0 {
        findings.push(Finding::list("spend", AboutExport::SpendRestated, restated));
    }
    Ok(Read {
        lines: table(&kept, settings)?,
        files,
        set_aside: tabular::set_aside("spend", aside)?,
        findings,
        problems,
    })
}

fn lines_of(
    sheet: &Sheet,
    name: &str,
    settings: &Cost,
    told: &mut ReadFile,
    aside: &mut Vec<(String, i64, &'static str, String)>,
) -> Result<Vec<Line>> {
    let labels: Vec<(String, Option<String>)> = sheet.header.iter().map(|label| name_and_unit(label)).collect();
    let mut find = |names: &[&str], field: &str| {
        let at = names.iter().find_map(|wanted| labels.iter().position(|(label, _)| label == wanted))?;
        told.columns.insert(field.to_owned(), vec![sheet.header.get(at)?.clone()]);
        Some(at)
    };
    let cannot = |what: &str| Error::partial(format!("cannot read \"{name}\": {what}"));
    let amount = find(AMOUNT, "spend").ok_or_else(|| cannot("no column for the spend"))?;
    let (campaign, currency) = (find(CAMPAIGN, "campaign"), find(CURRENCY, "currency"));
    let day = find(DAY, "day");
    let (last_day, month, week) = (find(LAST_DAY, "period_end"), find(MONTH, "month"), find(WEEK, "week"));
    let cell = |at: Option<usize>, n: usize| at.and_then(|at| sheet.column(at)).and_then(|c| value(c.get(n)));
    let amounts = sheet.column(amount).ok_or_else(|| cannot("no column for the spend"))?;

    let range = preamble_range(sheet, settings.date_order);
    if day.is_none() && month.is_none() && week.is_none() && range.is_none() {
        return Err(cannot("neither a column nor its first lines say which days it is of")
            .hint("add the column Day to the report"));
    }
    let mut evidence = Evidence::default();
    for at in [day, last_day, month, week].into_iter().flatten() {
        if let Some(column) = sheet.column(at) {
            evidence.weigh(column, told.modified);
        }
    }
    // Microsoft Advertising and LinkedIn write months first, whatever the user's language.
    let is_american =
        labels.iter().any(|(l, _)| matches!(l.as_str(), "gregoriandate" | "timeperiod" | "startdateinutc"));
    let order = evidence
        .decide(settings.date_order)
        .or_else(|| {
            is_american
                .then(|| times::Order { order: Some(DateOrder::Mdy), because: "mdy, as the network documents".into() })
        })
        .ok_or_else(|| {
            cannot("its dates can be read with the day or the month first")
                .hint("set date_order = \"dmy\" or \"mdy\" under [cost]")
        })?;
    told.date_order.clone_from(&order.because);
    let date = |text: &str| {
        let (micros, ..) = times::instant(text, order.order, Tz::UTC)?;
        DateTime::from_timestamp_micros(micros).map(|at| at.date_naive())
    };
    let micros = labels.get(amount).is_some_and(|(label, _)| label.ends_with("micros"));
    let mark = mark_of(amounts.iter().flatten()).unwrap_or(if sheet.form.delimiter == "semicolon" {
        Mark::Comma
    } else {
        Mark::Point
    });
    let unit = labels.get(amount).and_then(|(label, unit)| {
        unit.clone().or_else(|| (label == "costinusd").then(|| "USD".to_owned())).or_else(|| preamble_currency(sheet))
    });

    refused(sheet, &told.file, aside);
    let mut lines = Vec::new();
    let mut missing_currency = false;
    for (n, row) in sheet.rows.iter().enumerate() {
        let mut refuse =
            |reason, detail: &str| aside.push((told.file.clone(), i64::from(*row), reason, detail.to_owned()));
        if is_sum(sheet, n, campaign, day) {
            refuse("trailer", "total");
            continue;
        }
        let Some(text) = value(amounts.get(n)) else {
            // A campaign that did not run that day.
            continue;
        };
        let Some(mut spent) = decimal(text, mark) else {
            refuse("bad-amount", "the spend is no number");
            continue;
        };
        if micros {
            spent /= 1_000_000;
        }
        let period = match (cell(day, n), cell(month, n), cell(week, n)) {
            (Some(text), ..) => date(text).map(|first| {
                let last = cell(last_day, n).and_then(&date).unwrap_or(first);
                ((first == last).then_some(first), first, last)
            }),
            (None, Some(text), _) => date(text).and_then(whole_month),
            (None, None, Some(text)) => {
                date(text).and_then(|first| Some((None, first, first.checked_add_days(Days::new(6))?)))
            }
            _ => range.map(|(first, last)| ((first == last).then_some(first), first, last)),
        };
        let Some((day, first, last)) = period else {
            refuse("bad-time", "no day can be read");
            continue;
        };
        let currency = cell(currency, n)
            .map(str::to_uppercase)
            .or_else(|| unit.clone())
            .or_else(|| symbol(text))
            .or_else(|| settings.currency.clone());
        let Some(currency) = currency else {
            missing_currency = true;
            continue;
        };
        lines.push(Line {
            file: told.file.clone(),
            row: *row,
            day,
            first,
            last,
            campaign: cell(campaign, n).map(str::to_owned),
            currency,
            amount: spent,
            report: labels.iter().map(|(label, _)| label.as_str()).collect::<Vec<_>>().join(","),
            order: (told.modified.unwrap_or_default(), told.file.clone()),
        });
    }
    if missing_currency {
        return Err(
            cannot("it names no currency").hint("add the currency column to the report, or set currency under [cost]")
        );
    }
    told.records = lines.len();
    check_count(sheet, told);
    Ok(lines)
}

/// Nulls in the spellings of advertising networks.
fn value(cell: Option<&str>) -> Option<&str> {
    filled(cell).filter(|text| !matches!(*text, "--" | "-" | "—"))
}

/// A line of totals: its first words say so, or nothing says which campaign or day it is of.
fn is_sum(sheet: &Sheet, n: usize, campaign: Option<usize>, day: Option<usize>) -> bool {
    let get = |at: usize| sheet.column(at).and_then(|c| value(c.get(n)));
    let opens = (0..sheet.header.len()).find_map(get).is_some_and(is_total);
    let blank = |at: Option<usize>| at.is_some_and(|at| get(at).is_none());
    let whole_line = campaign.is_none_or(|at| get(at).is_none_or(is_total)) || blank(day);
    opens && whole_line
}

fn whole_month(day: NaiveDate) -> Option<(Option<NaiveDate>, NaiveDate, NaiveDate)> {
    let first = day.with_day(1)?;
    Some((None, first, first.checked_add_months(Months::new(1))?.pred_opt()?))
}

/// The days that the lines above the header speak of: `July 14, 2026 - August 10, 2026`, `Report Start: …`.
fn preamble_range(sheet: &Sheet, order: Option<DateOrder>) -> Option<(NaiveDate, NaiveDate)> {
    let date = |text: &str| {
        let text = text.trim().trim_matches(['"', ',', '.']);
        // Ad networks write numeric dates in their preamble months first.
        let (micros, ..) = times::instant(text, order.or(Some(DateOrder::Mdy)), Tz::UTC)?;
        DateTime::from_timestamp_micros(micros).map(|at| at.date_naive())
    };
    let (mut start, mut end) = (None, None);
    for line in &sheet.preamble {
        let line = line.trim_matches(['"', ',', ' ']);
        let lower = line.to_lowercase();
        let rest = line.split_once(':').map_or(line, |(_, rest)| rest).trim();
        if lower.contains("start") && !lower.contains("generated") {
            start = start.or_else(|| date(rest));
        } else if lower.contains("end:") || lower.contains("end date") || lower.contains("report end") {
            end = end.or_else(|| date(rest));
        } else if lower.starts_with("last completed") || lower.contains("generated") {
            continue;
        } else {
            for separator in [" - ", " – ", " — ", " to ", " bis ", " au ", ",", "-"] {
                if let Some((first, last)) = rest.split_once(separator)
                    && let (Some(first), Some(last)) = (date(first), date(last))
                    && first <= last
                {
                    return Some((first, last));
                }
            }
            if lower.starts_with("report time")
                && let Some(one) = date(rest)
            {
                return Some((one, one));
            }
        }
    }
    start.zip(end).filter(|(first, last)| first <= last)
}

fn preamble_currency(sheet: &Sheet) -> Option<String> {
    let line = sheet.preamble.iter().find(|line| fold(line).starts_with("currency"))?;
    let code: String = line.rsplit([':', ' ', ',']).find(|part| part.len() == 3)?.to_uppercase();
    code.bytes().all(|b| b.is_ascii_uppercase()).then_some(code)
}

/// The currency of a sign that only one currency has, or of a code beside the amount.
fn symbol(amount: &str) -> Option<String> {
    for (sign, code) in [("€", "EUR"), ("£", "GBP"), ("₹", "INR"), ("US$", "USD"), ("₩", "KRW"), ("zł", "PLN")]
    {
        if amount.contains(sign) {
            return Some(code.to_owned());
        }
    }
    let letters: String = amount.chars().filter(char::is_ascii_alphabetic).collect();
    (letters.len() == 3 && letters.bytes().all(|b| b.is_ascii_uppercase())).then_some(letters)
}

/// Microsoft Advertising says how many rows a report has.
fn check_count(sheet: &Sheet, told: &mut ReadFile) {
    let named = sheet
        .preamble
        .iter()
        .find_map(|line| line.trim_matches('"').strip_prefix("Rows:")?.trim().parse::<usize>().ok());
    if let Some(named) = named
        && named != sheet.height()
    {
        told.notes.push(format!("the report says it has {named} rows, {} were read", sheet.height()));
    }
}

/// Of the same report's lines for the same campaign and days in several files, those of the newest.
fn newest(lines: Vec<Line>) -> (Vec<Line>, usize) {
    type Of = (String, Option<String>, NaiveDate, NaiveDate, String);
    let key = |l: &Line| -> Of { (l.report.clone(), l.campaign.clone(), l.first, l.last, l.currency.clone()) };
    let mut latest: HashMap<Of, (DateTime<Utc>, String)> = HashMap::new();
    for line in &lines {
        let order = latest.entry(key(line)).or_insert_with(|| line.order.clone());
        if *order < line.order {
            order.clone_from(&line.order);
        }
    }
    let before = lines.len();
    let kept: Vec<Line> = lines.into_iter().filter(|line| latest.get(&key(line)) == Some(&line.order)).collect();
    let restated = before - kept.len();
    (kept, restated)
}

fn table(lines: &[Line], settings: &Cost) -> Result<Table<Spend>> {
    let mut offers: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for campaign in lines.iter().filter_map(|l| l.campaign.as_deref()) {
        offers.entry(campaign).or_insert_with(|| {
            settings.campaigns.iter().find(|(pattern, _)| pattern.matches(campaign)).map(|(_, offer)| offer.as_str())
        });
    }
    let offer = |l: &Line| l.campaign.as_deref().and_then(|c| offers.get(c).copied().flatten());
    let columns = vec![
        Column::new("file".into(), lines.iter().map(|l| l.file.as_str()).collect::<Vec<_>>()),
        Column::new("row".into(), lines.iter().map(|l| i64::from(l.row)).collect::<Vec<_>>()),
        Column::new("day".into(), lines.iter().map(|l| l.day).collect::<Vec<_>>()),
        Column::new("period_start".into(), lines.iter().map(|l| l.first).collect::<Vec<_>>()),
        Column::new("period_end".into(), lines.iter().map(|l| l.last).collect::<Vec<_>>()),
        Column::new("campaign".into(), lines.iter().map(|l| l.campaign.as_deref()).collect::<Vec<_>>()),
        Column::new("offer_id".into(), lines.iter().map(offer).collect::<Vec<_>>()),
        Column::new("currency".into(), lines.iter().map(|l| l.currency.as_str()).collect::<Vec<_>>()),
        money("spend", lines.iter().map(|l| l.amount))?,
    ];
    Table::new(DataFrame::new(lines.len(), columns)?)
}
