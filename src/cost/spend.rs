//! Marketing spend: reports of Google Ads, LinkedIn, Microsoft Advertising, their API-shaped copies, and plain CSV.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Datelike as _, Days, Months, NaiveDate, Utc};
use chrono_tz::Tz;
use polars::prelude::*;

use super::{Aside, Read, describe, ends_inside, filled, money, refused, shown};
use crate::config::{Cost, DateOrder};
use crate::error::{Error, Result, count};
use crate::findings::{AboutExport, Finding};
use crate::tables::{Spend, Table};
use crate::tabular::numbers::{Mark, decimal, mark_of};
use crate::tabular::readings::Unread;
use crate::tabular::times::{self, Evidence};
use crate::tabular::{self, Ask, ColumnForm, Export, Note, ReadFile, Sheet, fold, is_total};

/// Names of what we need, folded; the first that a report has. Of Google Ads, Microsoft Advertising, LinkedIn Campaign
/// Manager and Meta Ads Manager, in the languages that they write reports in.
const CAMPAIGN: &[&str] = &[
    "campaign", "campaignname", "kampagne", "kampagnenname", "namederkampagne", "campagne", "nomdelacampagne",
    "campaña", "nombredelacampaña", "nombredecampaña", "campanha", "nomedacampanha", "campagna", "nomedellacampagna",
    "nomecampagna", "campagnenaam", "キャンペーン", "キャンペーン名", "kampanj", "kampanjnamn", "kampagnenavn",
    "kampanjenavn", "кампания", "названиекампании", "广告系列", "广告系列名称", "行銷活動名稱", "kampania",
    "nazwakampanii", "kampanyaadı", "kampanya", "캠페인", "캠페인이름", "kampaň", "názevkampaně",
];
const AMOUNT: &[&str] = &[
    "cost", "spend", "totalspent", "amountspent", "costmicros", "metricscostmicros", "costinlocalcurrency",
    "costinusd", "kosten", "coût", "coûts", "dépenses", "montantdépensé", "coste", "costo", "importegastado", "custo",
    "totalgasto", "gesamtausgaben", "ausgaben", "費用", "kostnad", "расход", "费用", "ausgegebenerbetrag", "gasto",
    "inversión", "gastototal", "totaldépensé", "dépensestotales", "valorusado", "valorgasto", "quantiagasta",
    "investimento", "importospeso", "spesa", "spesatotale", "totalespeso", "besteedbedrag", "uitgaven", "bestedingen",
    "totaalbesteed", "消化金額", "利用金額", "花费", "花费金额", "已花费金额", "支出", "花費金額", "wydanakwota",
    "koszt", "wydatki", "harcanantutar", "maliyet", "지출금액", "비용", "суммазатрат", "потраченнаясумма", "затраты",
    "spenderatbelopp", "ausgabeninsgesamt", "utgifter", "omkostninger", "beløbbrugt", "utraceno", "cena", "amount",
    "spent",
];
const CURRENCY: &[&str] = &[
    "currency", "currencycode", "währung", "währungscode", "codedeladevise", "codededevise", "codedevise", "devise",
    "moneda", "códigodemoneda", "códigodelamoneda", "divisa", "moeda", "códigodamoeda", "códigodemoeda", "valuta",
    "valutacode", "valutakod", "通貨", "通貨コード", "货币", "货币代码", "waluta", "kodwaluty", "parabirimi", "валюта",
    "кодвалюты", "통화", "통화코드", "accountcurrency", "customercurrencycode",
];
const ACCOUNT: &[&str] = &[
    "accountid", "accountname", "account", "customerid", "accountnumber", "kontoname", "konto", "nomducompte",
    "compte", "nombredelacuenta", "cuenta", "nomedaconta", "conta", "nomeaccount", "accountnaam", "アカウント名",
    "アカウント",
];
const DAY: &[&str] = &[
    "day", "date", "dateday", "gregoriandate", "timeperiod", "segmentsdate", "startdate", "tag", "datum", "jour",
    "día", "dia", "fecha", "data", "giorno", "dagen", "日", "日付", "dag", "дата", "день", "日期", "天", "dzień",
    "gün", "tarih", "일", "날짜", "일자", "den", "pvm", "päivä",
];
/// The first day of what a line speaks of, where a report has the last one beside it.
const FIRST_DAY: &[&str] = &[
    "reportingstarts", "reportingstart", "datestart", "periodstart", "berichtsstart", "berichtsbeginn",
    "startdatuminutc", "iniciodelinforme", "iniciodelosinformes", "débutdesrapports", "débutdurapport",
    "iníciodosrelatórios", "iníciodorelatório", "iniziodelreport", "iniziodeireport", "iniziodeldati",
    "iniziorapporto", "startrapportage", "beginrapportage", "rapporteringbegint", "レポート開始日", "レポート開始",
    "报告开始日期", "報告開始日期", "分析報告開始", "분석시작일", "보고시작", "보고시작일", "началоотчетности",
    "датаначалаотчетности", "датаначалаотчета", "początekraportowania", "początekraportu", "raporbaşlangıcı",
    "rapportstart", "rapporteringsstart", "startdatumutc", "datededébututc", "fechadeinicioutc", "startdatum",
    "datededébut", "fechadeinicio", "datadeinício", "datadiinizio", "開始日",
];
const LAST_DAY: &[&str] = &[
    "enddate", "to", "reportingends", "reportingend", "datestop", "periodend", "berichtsende", "findelinforme",
    "findelosinformes", "findesrapports", "findurapport", "términodosrelatórios", "encerramentodosrelatórios",
    "términodorelatório", "fimdosrelatórios", "finedelreport", "finedeireport", "finerapporto", "einderapportage",
    "rapporteringslutar", "レポート終了日", "レポート終了", "报告结束日期", "報告結束日期", "分析報告結束",
    "분석종료일", "보고종료", "보고종료일", "окончаниеотчетности", "датаокончанияотчетности", "датаокончанияотчета",
    "zakończenieraportowania", "koniecraportowania", "koniecraportu", "raporbitişi", "rapportslut",
    "rapporteringsslut", "enddatum", "datedefin", "fechadefinalización", "fechadefin", "datadetérmino", "datadifine",
    "終了日",
];
const MONTH: &[&str] = &["month", "monat", "mois", "mes", "mês", "mese", "maand", "månad", "miesiąc", "ay", "月", "월"];
const WEEK: &[&str] =
    &["week", "woche", "semaine", "semana", "settimana", "vecka", "uge", "tydzień", "hafta", "週", "주"];

/// What stands behind the name of a day that is one of UTC.
const IN_UTC: &str = "inutc";

/// What to do about a file in which these are not found.
const NEEDED: &str = "a report of spend needs a column of the amount (Cost, Spend, Amount spent), one of the day (Day, \
    Date, Month, or the report's first and last day) and, where there are several, one of the campaign";

/// `Amount spent (EUR)` is an amount, in euro.
fn name_and_unit(label: &str) -> (String, Option<String>) {
    let label = label.replace('（', "(").replace('）', ")");
    let label = label.trim();
    if let Some((name, unit)) = label.strip_suffix(')').and_then(|rest| rest.rsplit_once('('))
        && unit.len() == 3
        && unit.bytes().all(|b| b.is_ascii_uppercase())
        && unit != "UTC"
    {
        return (fold(name), Some(unit.to_owned()));
    }
    // `Fecha de inicio (en UTC)`, as LinkedIn writes it in each language.
    if let Some((name, zone)) = label.strip_suffix(')').and_then(|rest| rest.rsplit_once('('))
        && zone.ends_with("UTC")
    {
        return (fold(name) + IN_UTC, None);
    }
    (fold(label), None)
}

pub(super) fn score(labels: &[String]) -> usize {
    let ends = |names: &[&str]| {
        labels.iter().any(|l| names.iter().any(|name| l == name || (l.len() == name.len() + 3 && l.starts_with(name))))
    };
    if !ends(AMOUNT) {
        return 0;
    }
    1 + [CAMPAIGN, CURRENCY, DAY, FIRST_DAY, MONTH, WEEK].iter().filter(|names| ends(names)).count()
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
    /// Which report it is of: copies of one report restate each other, reports of two networks or accounts add up.
    report: String,
    /// Whether the file is whole, and when it was written: what broke off stands behind all others.
    order: (bool, DateTime<Utc>, String),
}

impl Line {
    /// The first day of the month that it is spend of; none where its days are of several.
    fn month(&self) -> Option<NaiveDate> {
        let month = |day: NaiveDate| day.with_day(1);
        month(self.first).filter(|first| Some(*first) == month(self.last))
    }
}

/// Reads spend exports.
///
/// # Errors
/// Only for faults of our own.
pub fn spend(exports: Vec<Export>, settings: &Cost) -> Result<Read<Spend>> {
    let mut files = Vec::new();
    let (mut problems, mut unread) = (Vec::new(), Vec::new());
    let mut aside: Aside = Vec::new();
    let mut lines: Vec<Line> = Vec::new();
    for export in exports {
        let (modified, file) = (export.modified, export.name.clone());
        let read = tabular::unpack(&export.name, export.content).and_then(|parts| {
            let mut read = Vec::new();
            for part in parts {
                let ask = Ask { score: &score, needed: 2, keep: &|_| true, by_form: false, header: None };
                for sheet in tabular::read(&part, &ask).map_err(|problem| problem.or_hint(NEEDED))? {
                    let mut told = describe(&sheet, &part.name, modified, "spend");
                    told.bytes = part.content.size();
                    let lines = lines_of(&sheet, &part.name, settings, &mut told, &mut aside)?;
                    told.tell_columns(&sheet);
                    read.push((told, lines));
                }
            }
            Ok(read)
        });
        match read {
            Ok(read) => {
                for (told, more) in read {
                    if told.ends_inside {
                        problems.push(ends_inside(&told.file).at("[cost] spend"));
                    }
                    files.push(told);
                    lines.extend(more);
                }
            }
            Err(problem) => {
                unread.push(Unread::new("spend", &file, &problem));
                problems.push(problem.at("[cost] spend"));
            }
        }
    }
    let (kept, restated, overlapping) = newest(lines);
    Ok(Read {
        findings: findings(&kept, restated, overlapping),
        lines: table(&kept, settings)?,
        files,
        set_aside: tabular::set_aside("spend", aside)?,
        problems,
        unread,
    })
}

fn findings(kept: &[Line], restated: usize, overlapping: usize) -> Vec<Finding> {
    let mut findings = Vec::new();
    if restated > 0 {
        findings.push(Finding::list("spend", AboutExport::SpendRestated, restated));
    }
    if overlapping > 0 {
        findings.push(Finding::mail("spend", AboutExport::SpendOverlaps, overlapping));
    }
    for ((first, last, currency), (amount, lines)) in over_months(kept) {
        let amount = format!("{} {currency}", shown(amount));
        findings.push(Finding::mail("spend", AboutExport::SpendOfMonths { amount, first, last }, lines));
    }
    findings
}

/// Amount and number of the lines whose days are of several months, by period and currency.
fn over_months(lines: &[Line]) -> BTreeMap<(NaiveDate, NaiveDate, &str), (i128, usize)> {
    let mut all: BTreeMap<(NaiveDate, NaiveDate, &str), (i128, usize)> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.month().is_none()) {
        let (amount, n) = all.entry((line.first, line.last, &line.currency)).or_default();
        (*amount, *n) = (amount.saturating_add(line.amount), *n + 1);
    }
    all
}

/// Where a report has what we need.
struct Columns {
    /// Labels, folded, and the unit in the brackets of each.
    labels: Vec<(String, Option<String>)>,
    amount: usize,
    campaign: Option<usize>,
    account: Option<usize>,
    currency: Option<usize>,
    day: Option<usize>,
    last_day: Option<usize>,
    month: Option<usize>,
    week: Option<usize>,
}

impl Columns {
    fn of(sheet: &Sheet, told: &mut ReadFile) -> Option<Self> {
        let labels: Vec<(String, Option<String>)> = sheet.header.iter().map(|label| name_and_unit(label)).collect();
        let mut find = |names: &[&str], field: &str| {
            let is = |label: &str, wanted: &str| label == wanted || label.strip_suffix(IN_UTC) == Some(wanted);
            let at = names.iter().find_map(|wanted| labels.iter().position(|(label, _)| is(label, wanted)))?;
            told.columns.insert(field.to_owned(), vec![sheet.header.get(at)?.clone()]);
            Some(at)
        };
        let amount = find(AMOUNT, "spend")?;
        let (campaign, account, currency) =
            (find(CAMPAIGN, "campaign"), find(ACCOUNT, "account"), find(CURRENCY, "currency"));
        // A day says more than the days of the whole report, which may stand beside it.
        let last_day = find(LAST_DAY, "period_end");
        let day = find(DAY, "day");
        let (day, last_day) = match day {
            Some(day) if labels.get(day).is_some_and(|(label, _)| !label.starts_with("startdate")) => (Some(day), None),
            Some(day) => (Some(day), last_day),
            None => (find(FIRST_DAY, "day"), last_day),
        };
        let (month, week) = (find(MONTH, "month"), find(WEEK, "week"));
        let day = day.or_else(|| {
            // In whatever language it is called, the one column of dates is the day.
            let is_date = |at: &usize| sheet.form(*at) == ColumnForm::Date;
            let mut dates = (0..sheet.header.len()).filter(is_date).filter(|_| month.or(week).is_none());
            let at = dates.next().filter(|_| dates.next().is_none())?;
            told.columns.insert("day".to_owned(), vec![sheet.header.get(at)?.clone()]);
            Some(at)
        });
        Some(Columns { labels, amount, campaign, account, currency, day, last_day, month, week })
    }

    /// Which report it is: what it calls the columns that are read. Others are added to a report and taken out of it.
    fn name(&self) -> String {
        let read = [Some(self.amount), self.campaign, self.account, self.currency];
        let label = |at: usize| self.labels.get(at).map(|(label, _)| label.as_str());
        read.into_iter().flatten().filter_map(label).collect::<Vec<_>>().join(",")
    }

    /// The label of the amount, and the unit in its brackets.
    fn amount_label(&self) -> (&str, Option<&str>) {
        self.labels.get(self.amount).map_or(("", None), |(label, unit)| (label.as_str(), unit.as_deref()))
    }
}

/// A report, and how its cells are read.
struct Report<'a> {
    sheet: &'a Sheet,
    columns: Columns,
    order: Option<DateOrder>,
    mark: Mark,
    /// The days that its first lines tell.
    range: Option<(NaiveDate, NaiveDate)>,
    /// What a day of its lines stands for.
    unit_of_time: Aggregation,
    /// The currency that its labels or first lines tell.
    unit: Option<String>,
}

impl<'a> Report<'a> {
    /// Finds out how a report is read.
    fn of(sheet: &'a Sheet, name: &str, settings: &Cost, told: &mut ReadFile) -> Result<Self> {
        let cannot = |what: &str| Error::partial(format!("cannot read \"{name}\": {what}"));
        let columns = Columns::of(sheet, told).ok_or_else(|| cannot("no column for the spend").hint(NEEDED))?;
        let range = preamble_range(sheet, settings.date_order);
        if columns.day.or(columns.month).or(columns.week).is_none() && range.is_none() {
            return Err(cannot("neither a column nor its first lines say which days it is of")
                .hint("add the column Day to the report"));
        }
        let mut evidence = Evidence::default();
        for at in [columns.day, columns.last_day, columns.month, columns.week].into_iter().flatten() {
            if let Some(column) = sheet.column(at) {
                evidence.weigh(column, told.modified);
            }
        }
        // Microsoft Advertising and LinkedIn write months first, whatever the user's language.
        let is_american = columns
            .labels
            .iter()
            .any(|(l, _)| l.ends_with(IN_UTC) || matches!(l.as_str(), "gregoriandate" | "timeperiod"));
        let order = evidence
            .decide(settings.date_order)
            .or_else(|| is_american.then(|| times::Order::new(DateOrder::Mdy, "as the network documents")))
            .ok_or_else(|| {
                cannot("its dates can be read with the day or the month first")
                    .hint("set date_order = \"dmy\" or \"mdy\" under [cost]")
            })?;
        told.date_order.clone_from(&order.because);
        let amounts = sheet.column(columns.amount).ok_or_else(|| cannot("no column for the spend"))?;
        let by_delimiter = if sheet.form.delimiter == "semicolon" { Mark::Comma } else { Mark::Point };
        let mark = mark_of(amounts.iter().flatten()).unwrap_or(by_delimiter);
        let (label, unit) = columns.amount_label();
        let unit = unit.or((label == "costinusd").then_some("USD")).map(str::to_owned);
        let unit = unit.or_else(|| preamble_currency(sheet));
        let unit_of_time = Aggregation::of(sheet);
        Ok(Report { sheet, columns, order: order.order, mark, range, unit_of_time, unit })
    }

    fn cell(&self, at: Option<usize>, n: usize) -> Option<&'a str> {
        value(self.sheet.column(at?)?.get(n))
    }

    fn date(&self, text: &str) -> Option<NaiveDate> {
        let (micros, ..) = times::instant(text, self.order, Tz::UTC)?;
        DateTime::from_timestamp_micros(micros).map(|at| at.date_naive())
    }

    /// The amount of a row, as written; none for a campaign that did not run.
    fn amount_text(&self, n: usize) -> Option<&'a str> {
        self.cell(Some(self.columns.amount), n)
    }

    fn amount(&self, text: &str) -> Option<i128> {
        let amount = decimal(text, self.mark)?;
        Some(if self.columns.amount_label().0.ends_with("micros") { amount / 1_000_000 } else { amount })
    }

    /// The days that a row speaks of: the one day, if it is one, the first and the last.
    fn period(&self, n: usize) -> Option<(Option<NaiveDate>, NaiveDate, NaiveDate)> {
        let columns = &self.columns;
        let days = |first: NaiveDate, last: NaiveDate| ((first == last).then_some(first), first, last);
        match (self.cell(columns.day, n), self.cell(columns.month, n), self.cell(columns.week, n)) {
            (Some(text), ..) => {
                let first = self.date(text)?;
                let last = self.cell(columns.last_day, n).and_then(|text| self.date(text));
                match (last, self.unit_of_time) {
                    (Some(last), _) => (first <= last).then(|| days(first, last)),
                    (None, Aggregation::Day) => Some(days(first, first)),
                    (None, Aggregation::Week) => week_from(first),
                    (None, Aggregation::Month) => whole_month(first),
                }
            }
            (None, Some(text), _) => self.date(text).or_else(|| first_of(text)).and_then(whole_month),
            (None, None, Some(text)) => self.date(text).and_then(week_from),
            _ => self.range.map(|(first, last)| days(first, last)),
        }
    }

    /// The row that holds the sum of all others without saying so: it names no campaign, and they do.
    fn unnamed_sum(&self) -> Option<usize> {
        let campaign = self.columns.campaign?;
        let rows: Vec<(usize, i128)> =
            (0..self.sheet.height()).filter_map(|n| Some((n, self.amount(self.amount_text(n)?)?))).collect();
        let mut unnamed = rows.iter().filter(|(n, _)| self.cell(Some(campaign), *n).is_none());
        let (sum, amount) = unnamed.next()?;
        if unnamed.next().is_some() || rows.len() < 3 {
            return None;
        }
        let others: i128 = rows.iter().filter(|(n, _)| n != sum).map(|(_, amount)| amount).sum();
        (others == *amount).then_some(*sum)
    }
}

fn lines_of(sheet: &Sheet, name: &str, settings: &Cost, told: &mut ReadFile, aside: &mut Aside) -> Result<Vec<Line>> {
    if super::named_by(&sheet.header) == Some(super::OF_AZURE) {
        return Err(Error::partial(format!("cannot read \"{name}\": this looks like {}", super::OF_AZURE))
            .hint("name it under azure of [cost], and not under spend"));
    }
    let report = Report::of(sheet, name, settings, told)?;
    refused(sheet, &told.file, aside);
    let columns = &report.columns;
    let unnamed_sum = report.unnamed_sum();
    let mut lines = Vec::new();
    let mut missing_currency = false;
    for (n, row) in sheet.rows.iter().enumerate() {
        let mut refuse =
            |reason, detail: &str| aside.push((told.file.clone(), i64::from(*row), reason, detail.to_owned()));
        if is_sum(sheet, n, columns.campaign, columns.day) || unnamed_sum == Some(n) {
            refuse("trailer", "total");
            continue;
        }
        let Some(text) = report.amount_text(n) else { continue };
        let Some(amount) = report.amount(text) else {
            refuse("bad-amount", "the spend is no number");
            continue;
        };
        let Some((day, first, last)) = report.period(n) else {
            refuse("bad-time", "no day can be read");
            continue;
        };
        let currency = report
            .cell(columns.currency, n)
            .map(str::to_uppercase)
            .or_else(|| report.unit.clone())
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
            campaign: report.cell(columns.campaign, n).map(str::to_owned),
            currency,
            amount,
            report: format!("{}\n{}", columns.name(), report.cell(columns.account, n).unwrap_or_default()),
            order: (!told.ends_inside, told.modified.unwrap_or_default(), told.file.clone()),
        });
    }
    if missing_currency {
        return Err(Error::partial(format!("cannot read \"{name}\": it names no currency"))
            .hint("add the currency column to the report, or set currency under [cost]"));
    }
    told.records = lines.len();
    check_count(sheet, told);
    for ((first, last, currency), (amount, _)) in over_months(&lines) {
        told.notes.push(Note::from(format!(
            "{} {currency} from {first} to {last} cannot be ascribed to one month; add the column Day to the report",
            shown(amount)
        )));
    }
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

/// Microsoft Advertising writes weeks and months under the same label as days, and says so above them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Aggregation {
    Day,
    Week,
    Month,
}

impl Aggregation {
    fn of(sheet: &Sheet) -> Self {
        let said = sheet.preamble.iter().map(|line| fold(line)).find(|line| line.starts_with("reportaggregation"));
        match said {
            Some(line) if line.contains("week") => Aggregation::Week,
            Some(line) if line.contains("month") => Aggregation::Month,
            _ => Aggregation::Day,
        }
    }
}

fn week_from(first: NaiveDate) -> Option<(Option<NaiveDate>, NaiveDate, NaiveDate)> {
    Some((None, first, first.checked_add_days(Days::new(6))?))
}

/// The first day of a month that stands alone: `2026-04`, `04/2026`, `April 2026`.
fn first_of(text: &str) -> Option<NaiveDate> {
    let numbers: Vec<&str> = text.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty()).collect();
    let day = match numbers.as_slice() {
        [year, month] if year.len() == 4 && month.len() < 3 => format!("{year}-{month:0>2}-01"),
        [month, year] if year.len() == 4 && month.len() < 3 => format!("{year}-{month:0>2}-01"),
        _ => format!("1 {text}"),
    };
    let (micros, ..) = times::instant(&day, None, chrono_tz::Tz::UTC)?;
    chrono::DateTime::from_timestamp_micros(micros).map(|at| at.date_naive())
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
        let [named, read] = [named, sheet.height()].map(|rows| count(rows, "row", "rows"));
        let problem = format!("the report says it has {named}, and {read} could be read");
        told.notes.push(problem.into());
    }
}

/// Of the same report's lines for the same campaign and days in several files, those of the newest; how many lines it
/// restates, and how many are left out because their days are only in part those of a newer file.
fn newest(mut lines: Vec<Line>) -> (Vec<Line>, usize, usize) {
    type Of = (String, Option<String>, String);
    type Spoken = BTreeMap<(NaiveDate, NaiveDate), (bool, DateTime<Utc>, String)>;
    let (mut restated, mut overlapping) = (0, 0);
    let mut spoken: HashMap<Of, Spoken> = HashMap::new();
    // Newest first: what stands already is of the same file or of a newer one.
    lines.sort_by(|a, b| b.order.cmp(&a.order).then(a.row.cmp(&b.row)));
    lines.retain(|line| {
        let key = (line.report.clone(), line.campaign.clone(), line.currency.clone());
        let known = spoken.entry(key).or_default();
        let newer = || known.iter().filter(|(_, order)| **order != line.order).map(|(period, _)| *period);
        let within = newer().any(|(first, last)| first <= line.first && line.last <= last);
        // Several newer lines may have the days of an older one together.
        let all_days = || line.first.iter_days().take_while(|day| *day <= line.last).take(400);
        let is_told = |day: NaiveDate| newer().any(|(first, last)| (first..=last).contains(&day));
        let told = if within { 1 } else { all_days().filter(|day| is_told(*day)).count() };
        let is_whole = within || (told > 0 && told == all_days().count());
        restated += usize::from(is_whole);
        overlapping += usize::from(!is_whole && told > 0);
        known.entry((line.first, line.last)).or_insert_with(|| line.order.clone());
        told == 0
    });
    lines.sort_by(|a, b| (&a.file, a.row).cmp(&(&b.file, b.row)));
    (lines, restated, overlapping)
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
        Column::new("month".into(), lines.iter().map(Line::month).collect::<Vec<_>>()),
        Column::new("campaign".into(), lines.iter().map(|l| l.campaign.as_deref()).collect::<Vec<_>>()),
        Column::new("offer_id".into(), lines.iter().map(offer).collect::<Vec<_>>()),
        Column::new("currency".into(), lines.iter().map(|l| l.currency.as_str()).collect::<Vec<_>>()),
        money("spend", lines.iter().map(|l| l.amount))?,
    ];
    Table::new(DataFrame::new(lines.len(), columns)?)
}
