//! Control sums of real exports where they are at hand, and the traps of the others.

use super::*;
use crate::config::Pattern;
use crate::tables::Spend;
use crate::tabular::numbers::decimal;

fn settings(accounts: &[&str]) -> Cost {
    Cost {
        storage_accounts: accounts.iter().map(|a| (*a).to_owned()).collect(),
        campaigns: vec![(Pattern::new("DM-*").unwrap(), "contoso.mesh".into())],
        ..Cost::default()
    }
}

fn export(name: &str, modified: &str, bytes: &[u8]) -> Export {
    Export { name: name.into(), modified: modified.parse().unwrap(), content: bytes.to_vec().into() }
}

fn sample(path: &str) -> Option<Vec<u8>> {
    std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/samples").join(path)).ok()
}

fn texts<T: crate::tables::Grain>(table: &Table<T>, column: &str) -> Vec<String> {
    let column = table.frame().column(column).unwrap().cast(&DataType::String).unwrap();
    column
        .str()
        .unwrap()
        .iter()
        .map(|v| v.unwrap_or("∅").trim_end_matches('0').trim_end_matches('.').to_owned())
        .collect()
}

/// Every line of a file, whatever resource it is of.
fn all_lines(bytes: Vec<u8>) -> (Vec<Line>, ReadFile) {
    let part = tabular::Part { name: "c.csv".into(), content: bytes.into() };
    let sheets =
        tabular::read(&part, &Ask { score: &score, needed: 3, keep: &keep, by_form: false, header: None }).unwrap();
    let mut told = describe(&sheets[0], "c.csv", "2026-01-01T00:00:00Z".parse().unwrap(), "cost");
    let lines = lines(&sheets[0], &Cost::default(), &mut told, &mut Vec::new()).unwrap();
    (lines, told)
}

fn sum<'a>(lines: impl Iterator<Item = &'a Line>) -> String {
    shown(lines.fold(Exact::default(), |sum, line| sum.plus(line.amount)).rounded())
}

#[test]
fn the_sums_of_an_enterprise_export_are_exact_to_the_last_digit() {
    let Some(bytes) = sample("cost/EA_ActualCost_Small.csv") else { return };
    let (lines, told) = all_lines(bytes);
    assert_eq!(lines.len(), 11);
    // 8.5450077867419368 has 16 decimals; the lines have more, and are rounded to 18 each.
    assert_eq!(sum(lines.iter()), "8.5450077867419368");
    let storage = lines.iter().filter(|l| l.meter.as_deref().is_some_and(|m| m.starts_with("Storage / ")));
    assert_eq!(sum(storage), "0.212734819");
    assert!(told.date_order.starts_with("mdy"));
    assert!(lines.iter().all(|l| l.currency == "USD" && l.day.year() == 2023));
}

#[test]
fn a_header_without_lines_is_a_legal_export() {
    let Some(bytes) = sample("cost/EA_NoRows.csv") else { return };
    let read = charges(vec![export("e.csv", "2026-01-01T00:00:00Z", &bytes)], &settings(&["x"])).unwrap();
    assert!(read.problems.is_empty(), "{:?}", read.problems);
    assert_eq!((read.lines.height(), read.files.len()), (0, 1));
}

#[test]
fn the_sums_of_a_focus_export_are_exact() {
    let Some(bytes) = sample("cost/focus_sample.csv") else { return };
    let (lines, told) = all_lines(bytes.clone());
    assert_eq!((lines.len(), told.columns["cost"][0].as_str()), (1000, "BilledCost"));
    assert_eq!(sum(lines.iter()), "20.52022672899");
    // By provider and category, from the same reader.
    let ask = Ask { score: &score, needed: 3, keep: &|_| true, by_form: false, header: None };
    let sheets = tabular::read(&tabular::Part { name: "f".into(), content: bytes.into() }, &ask).unwrap();
    let get = |name: &str, row: usize| sheets[0].column(sheets[0].position(&[name]).unwrap()).unwrap().get(row);
    let total = |test: &dyn Fn(usize) -> bool| {
        let rows: Vec<usize> = (0..1000).filter(|n| test(*n)).collect();
        (rows.len(), shown(rows.iter().map(|n| decimal(get("billedcost", *n).unwrap(), Mark::Point).unwrap()).sum()))
    };
    let is_microsoft = |n: usize| get("providername", n) == Some("Microsoft");
    let is_storage = |n: usize| is_microsoft(n) && get("servicecategory", n) == Some("Storage");
    let is_tables = |n: usize| is_storage(n) && get("chargedescription", n).is_some_and(|d| d.starts_with("Tables"));
    assert_eq!(total(&is_microsoft).1, "1.97651418586");
    assert_eq!(total(&is_storage), (38, "0.0008829155".to_owned()));
    assert_eq!(total(&is_tables), (14, "0.000030762".to_owned()));
}

const HEADER: &str = "Date,MeterCategory,MeterName,CostInBillingCurrency,BillingCurrencyCode,ResourceId\n";

fn line(day: &str, amount: &str, account: &str) -> String {
    format!(
        "{day},Storage,LRS Data Stored,{amount},EUR,/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/{account}\n"
    )
}

#[test]
fn only_our_accounts_count_and_a_restated_month_is_not_added() {
    let old = format!(
        "{HEADER}{}{}{}",
        line("05/01/2026", "1", "Leads"),
        line("05/02/2026", "2", "leads"),
        line("05/02/2026", "9", "other")
    );
    let new = format!(
        "{HEADER}{}{}{}",
        line("05/01/2026", "1.5", "leads"),
        line("05/02/2026", "2", "leads"),
        line("05/20/2026", "4", "leads")
    );
    let april = format!("{HEADER}{}", line("04/30/2026", "7", "leads"));
    let exports = vec![
        export("b/new.csv", "2026-05-21T00:00:00Z", new.as_bytes()),
        export("a/old.csv", "2026-05-03T00:00:00Z", old.as_bytes()),
        export("a/april.csv", "2026-05-01T00:00:00Z", april.as_bytes()),
    ];
    let read = charges(exports, &settings(&["leads"])).unwrap();
    assert_eq!(texts(&read.lines, "cost"), ["7", "1.5", "2", "4"]);
    assert_eq!(texts(&read.lines, "file"), ["a/april.csv", "b/new.csv", "b/new.csv", "b/new.csv"]);
}

#[test]
fn a_parquet_export_reads_as_its_csv_does() {
    let Some(bytes) = sample("cost/focus_sample.csv") else { return };
    let cursor = std::io::Cursor::new(bytes.as_slice());
    let mut frame = CsvReadOptions::default()
        .with_infer_schema_length(Some(0))
        .into_reader_with_file_handle(cursor)
        .finish()
        .unwrap();
    // As Azure writes it: amounts are doubles or decimals, days are timestamps.
    let cost = frame.column("BilledCost").unwrap().cast(&DataType::Decimal(28, 12)).unwrap();
    let text = frame.column("ChargePeriodStart").unwrap().str().unwrap().clone();
    let days: Vec<Option<i64>> =
        text.iter().map(|t| times::instant(t?, None, Tz::UTC).map(|(at, ..)| at / 1000)).collect();
    let days = Series::new("ChargePeriodStart".into(), days);
    let days = days.cast(&DataType::Datetime(TimeUnit::Milliseconds, Some(polars::prelude::TimeZone::UTC))).unwrap();
    frame.with_column(cost).unwrap().with_column(days.into()).unwrap();
    let mut parquet = Vec::new();
    ParquetWriter::new(&mut parquet).finish(&mut frame).unwrap();
    let (lines, told) = all_lines(parquet);
    assert_eq!((lines.len(), told.form.container.as_str()), (1000, "parquet"));
    assert_eq!(sum(lines.iter()), "20.52022672899");
    let of_csv = all_lines(bytes).0;
    assert!(lines.iter().zip(&of_csv).all(|(a, b)| (a.day, &a.account, &a.meter) == (b.day, &b.account, &b.meter)));
}

#[test]
fn a_run_of_the_last_days_only_does_not_erase_the_days_before() {
    let month = format!("{HEADER}{}{}", line("05/01/2026", "1", "leads"), line("05/13/2026", "2", "leads"));
    let week = format!("{HEADER}{}{}", line("05/13/2026", "3", "leads"), line("05/14/2026", "4", "leads"));
    let exports = vec![
        export("month.csv", "2026-05-13T00:00:00Z", month.as_bytes()),
        export("week.csv", "2026-05-15T00:00:00Z", week.as_bytes()),
    ];
    assert_eq!(texts(&charges(exports, &settings(&["leads"])).unwrap().lines, "cost"), ["1", "3", "4"]);
}

/// A line of a FOCUS file: day of the charge, month of the invoice.
fn focus(day: &str, billed: &str, amount: &str) -> String {
    format!(
        "{day}T00:00:00Z,{billed}T00:00:00Z,{amount},USD,/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/leads\n"
    )
}

const FOCUS: &str = "ChargePeriodStart,BillingPeriodStart,BilledCost,BillingCurrency,ResourceId\n";

fn costs(exports: &[(&str, &str, String)]) -> Vec<String> {
    let exports = exports.iter().map(|(name, modified, text)| export(name, modified, text.as_bytes())).collect();
    let read = charges(exports, &settings(&["leads"])).unwrap();
    assert!(read.problems.is_empty(), "{:?}", read.problems);
    texts(&read.lines, "cost")
}

#[test]
fn a_correction_stands_beside_what_it_corrects_and_is_restated_with_its_own_invoice() {
    let may = format!("{FOCUS}{}{}", focus("2026-05-03", "2026-05-01", "1"), focus("2026-05-10", "2026-05-01", "2"));
    let corrected = |day: &str, amount: &str| {
        let (june, correction) = (focus("2026-06-01", "2026-06-01", "5"), focus(day, "2026-06-01", amount));
        format!("{FOCUS}{june}{correction}")
    };
    let (june, again) = (corrected("2026-05-03", "-0.25"), corrected("2026-05-04", "-0.5"));
    let exports =
        [("a-may.csv", "2026-06-05T00:00:00Z", may.clone()), ("b-june.csv", "2026-07-05T00:00:00Z", june.clone())];
    assert_eq!(costs(&exports), ["1", "2", "5", "-0.25"]);
    // A later run of June takes back the correction of the 3rd and makes one of the 4th; May stays.
    let exports = [
        ("a-may.csv", "2026-06-05T00:00:00Z", may.clone()),
        ("b-june.csv", "2026-07-05T00:00:00Z", june),
        ("c-june.csv", "2026-07-06T00:00:00Z", again),
    ];
    assert_eq!(costs(&exports), ["1", "2", "5", "-0.5"]);
    // A file of corrections alone stays beside a later one of June that has none.
    let alone = format!("{FOCUS}{}", focus("2026-05-03", "2026-06-01", "0.125"));
    let exports = [
        ("a-may.csv", "2026-06-05T00:00:00Z", may.clone()),
        ("b-corrections.csv", "2026-07-05T00:00:00Z", alone),
        ("c-june.csv", "2026-07-06T00:00:00Z", format!("{FOCUS}{}", focus("2026-06-01", "2026-06-01", "5"))),
    ];
    assert_eq!(costs(&exports), ["1", "2", "0.125", "5"]);
    // Without billing periods the folder tells them.
    let unbilled = format!("{HEADER}{}{}", line("06/02/2026", "7", "leads"), line("05/10/2026", "0.0625", "leads"));
    let exports =
        [("a-may.csv", "2026-06-05T00:00:00Z", may), ("x/20260601-20260630/c.csv", "2026-07-06T00:00:00Z", unbilled)];
    assert_eq!(costs(&exports), ["1", "2", "7", "0.0625"]);
}

#[test]
fn days_between_those_of_a_newer_file_stay_unless_its_own_period_covers_them() {
    let month = ["05/01/2026", "05/02/2026", "05/03/2026"].map(|day| line(day, "1", "leads")).concat();
    let ends = format!("{HEADER}{}{}", line("05/01/2026", "3", "leads"), line("05/03/2026", "4", "leads"));
    let month = format!("{HEADER}{month}");
    let later = "2026-06-02T00:00:00Z";
    assert_eq!(
        costs(&[("a.csv", "2026-06-01T00:00:00Z", month.clone()), ("b.csv", later, ends.clone())]),
        ["1", "3", "4"]
    );
    assert_eq!(
        costs(&[("a.csv", "2026-06-01T00:00:00Z", month), ("r/20260501-20260531/b.csv", later, ends)]),
        ["3", "4"]
    );
}

#[test]
fn another_invoice_of_the_same_days_is_added() {
    let header = HEADER.trim_end().to_owned() + ",invoiceId\n";
    let file =
        |amount: &str, invoice: &str| format!("{header}{},{invoice}\n", line("05/01/2026", amount, "leads").trim_end());
    let (first, second, again) = (file("1", "E1"), file("2", "E2"), file("4", "E2"));
    let exports = [
        ("a.csv", "2026-06-01T00:00:00Z", first),
        ("b.csv", "2026-06-02T00:00:00Z", second),
        ("c.csv", "2026-06-03T00:00:00Z", again),
    ];
    assert_eq!(costs(&exports), ["1", "4"]);
}

#[test]
fn parts_that_no_manifest_names_and_runs_that_are_not_finished_are_left_out() {
    let part = |name: &str, amount: &str| {
        export(name, "2026-05-10T00:00:00Z", format!("{HEADER}{}", line("05/13/2026", amount, "leads")).as_bytes())
    };
    let manifest = r#"{"blobs": [{"blobName": "container/x/r1/part_0_0001.csv.gz", "dataRowCount": 1}]}"#;
    let exports = vec![
        part("x/r1/part_0_0001.csv", "1"),
        part("x/r1/part_1_0001.csv", "2"),
        export("x/r1/manifest.json", "2026-05-14T00:00:00Z", manifest.as_bytes()),
        part("x/r2/part_0_0001.csv", "4"),
    ];
    let read = charges(exports, &settings(&["leads"])).unwrap();
    assert_eq!(texts(&read.lines, "cost"), ["1"]);
    let notes: Vec<&str> = read.files.iter().filter_map(|file| file.notes.first()).map(|note| &**note).collect();
    assert!(notes[1].contains("does not name it") && notes[2].contains("not finished"), "{notes:?}");
    assert!(read.findings.is_empty(), "{:?}", read.findings);
}

#[test]
fn a_resource_is_known_by_its_form_where_its_column_has_another_name() {
    let text = line("05/01/2026", "1", "leads");
    for name in ["InstanceName", "Ressourcen-ID", "whatever"] {
        let text = format!("{}{text}", HEADER.replace("ResourceId", name));
        assert_eq!(costs(&[("a.csv", "2026-06-01T00:00:00Z", text)]), ["1"], "{name}");
    }
}

#[test]
fn a_month_is_summed_to_the_last_decimal_and_rounded_once() {
    let day = |n: usize| format!("05/0{n}/2026");
    let lines: String = (1..4).map(|n| line(&day(n), "0.0000000000000000004", "leads")).collect();
    let text = format!("{HEADER}{lines}");
    let read = charges(vec![export("a.csv", "2026-06-01T00:00:00Z", text.as_bytes())], &settings(&["leads"])).unwrap();
    let sum: i128 = read.lines.frame().column("cost").unwrap().decimal().unwrap().physical().iter().flatten().sum();
    assert_eq!(sum, 1);
}

#[test]
fn parts_of_a_run_are_added_and_a_run_short_of_its_manifest_is_left_out() {
    let part = |name: &str, amount: &str| {
        export(name, "2026-05-10T00:00:00Z", format!("{HEADER}{}", line("05/13/2026", amount, "leads")).as_bytes())
    };
    let manifest = |name: &str, rows: usize| {
        let text =
            format!("{{\"dataRowCount\": {rows}, \"runInfo\": {{\"submittedTime\": \"2026-05-14T00:00:00Z\"}}}}");
        export(name, "2026-05-14T00:00:00Z", text.as_bytes())
    };
    let exports = |rows| {
        vec![part("r1/part_0_0001.csv", "1"), part("r1/part_1_0001.csv", "2"), manifest("r1/manifest.json", rows)]
    };
    let whole = charges(exports(2), &settings(&["leads"])).unwrap();
    assert_eq!(texts(&whole.lines, "cost"), ["1", "2"]);
    let short = charges(exports(3), &settings(&["leads"])).unwrap();
    assert_eq!(short.lines.height(), 0);
    assert!(short.findings.iter().any(|f| f.text().contains("manifest")));
}

#[test]
fn a_german_header_is_read_by_the_name_in_its_brackets() {
    let text = "Verwendungsdatum (UsageDateTime),Kosten vor Steuern (PreTaxCost),Währung (Currency),Instanz-ID (InstanceId)\n\
        2026-05-02,0.0000000072922557592391990000,EUR,/providers/microsoft.storage/storageaccounts/leads/blobServices\n";
    let read = charges(vec![export("de.csv", "2026-06-01T00:00:00Z", text.as_bytes())], &settings(&["leads"])).unwrap();
    assert!(read.problems.is_empty(), "{:?}", read.problems);
    assert_eq!(texts(&read.lines, "cost"), ["0.000000007292255759"]);
}

fn read_spend(name: &str, bytes: &[u8]) -> Read<Spend> {
    spend(vec![export(name, "2026-09-01T00:00:00Z", bytes)], &settings(&[])).unwrap()
}

#[test]
fn a_microsoft_advertising_report_is_read_between_preamble_and_copyright() {
    let Some(bytes) = sample("spend/microsoft-advertising-campaign_performance_report.csv") else { return };
    let settings = Cost { currency: Some("EUR".into()), ..settings(&[]) };
    let read = spend(vec![export("m.csv", "2019-02-01T00:00:00Z", &bytes)], &settings).unwrap();
    assert!(read.problems.is_empty(), "{:?}", read.problems);
    assert_eq!(texts(&read.lines, "spend"), ["60.35"]);
    assert_eq!(texts(&read.lines, "day"), ["2019-01-23"]);
    assert_eq!(texts(&read.lines, "campaign"), ["Look at my terrible website!"]);
    assert!(read.files[0].notes.is_empty(), "{:?}", read.files[0].notes);
    // Without a currency anywhere nothing is guessed.
    let unread = read_spend("m.csv", &bytes);
    assert!(unread.problems[0].to_string().contains("currency under [cost]"));
}

#[test]
fn google_totals_do_not_multiply_the_spend_and_a_range_stands_for_the_days() {
    let text = "Campaign report\n\"July 14, 2026 - August 10, 2026\"\nCampaign status,Campaign,Currency code,Cost\n\
        Enabled,DM-Brand,EUR,\"1,234.56\"\nPaused,Other, EUR, --\nEnabled,Total Care,EUR,1.00\n\
        Total: Campaigns, --,EUR,\"1,235.56\"\nTotal: Account, --,EUR,\"1,235.56\"\n";
    let read = read_spend("g.csv", text.as_bytes());
    assert!(read.problems.is_empty(), "{:?}", read.problems);
    assert_eq!(texts(&read.lines, "spend"), ["1234.56", "1"]);
    assert_eq!(texts(&read.lines, "offer_id"), ["contoso.mesh", "∅"]);
    assert_eq!(texts(&read.lines, "period_start"), ["2026-07-14"; 2]);
    assert_eq!(texts(&read.lines, "period_end"), ["2026-08-1"; 2], "the helper cuts the last zero");
    assert_eq!(read.set_aside.height(), 2);
}

#[test]
fn spend_of_several_months_is_told_and_belongs_to_none() {
    let text =
        "Campaign report\n\"January 26, 2026 - February 22, 2026\"\nCampaign,Currency code,Cost\nMesh,GBP,412.80\n";
    let read = read_spend("g.csv", text.as_bytes());
    assert_eq!(texts(&read.lines, "month"), ["∅"]);
    let told = read.findings[0].text();
    assert!(told.starts_with("412.8 GBP of spend from 2026-01-26 to 2026-02-22"), "{told}");
    assert!(read.files[0].notes[0].contains("add the column Day"), "{:?}", read.files[0].notes);
    let weekly = "\"Report Name: x\"\n\"Report Aggregation: Weekly\"\n\n\"GregorianDate\",\"CampaignName\",\"CurrencyCode\",\"Spend\"\n\
        \"6/28/2026\",\"A\",\"EUR\",\"7\"\n\"6/14/2026\",\"A\",\"EUR\",\"7\"\n";
    assert_eq!(texts(&read_spend("m.csv", weekly.as_bytes()).lines, "month"), ["∅", "2026-06-01"]);
    let weeks = "Week,Campaign,Currency,Cost\n2026-05-04,A,EUR,1\n2026-06-29,A,EUR,2\n";
    let read = read_spend("w.csv", weeks.as_bytes());
    assert_eq!(texts(&read.lines, "month"), ["2026-05-01", "∅"]);
}

#[test]
fn reports_of_meta_are_read_in_their_languages_with_their_first_and_last_day() {
    for text in [
        "Campaign name,Amount spent (EUR),Reporting starts,Reporting ends\nA,1234.56,2026-05-01,2026-05-31\nB,65.44,2026-05-01,2026-05-31\n,1300.00,2026-05-01,2026-05-31\n",
        "Kampagnenname,Ausgegebener Betrag (EUR),Berichtsstart,Berichtsende\nA,\"1234,56\",2026-05-01,2026-05-31\nB,\"65,44\",2026-05-01,2026-05-31\n",
        "Nombre de la campaña,Importe gastado (EUR),Inicio del informe,Fin del informe\nA,1234.56,2026-05-01,2026-05-31\nB,65.44,2026-05-01,2026-05-31\n",
        "Nom de la campagne,Montant dépensé (EUR),Début des rapports,Fin des rapports\nA,1234.56,2026-05-01,2026-05-31\nB,65.44,2026-05-01,2026-05-31\n",
    ] {
        let read = read_spend("meta.csv", text.as_bytes());
        assert!(read.problems.is_empty(), "{:?}", read.problems);
        assert_eq!(texts(&read.lines, "spend"), ["1234.56", "65.44"], "{text}");
        assert_eq!(texts(&read.lines, "month"), ["2026-05-01"; 2]);
        assert_eq!(texts(&read.lines, "period_end"), ["2026-05-31"; 2]);
        assert_eq!(texts(&read.lines, "currency"), ["EUR"; 2]);
    }
    let by_day =
        "Campaign name,Day,Amount spent (EUR),Reporting starts,Reporting ends\nA,2026-05-02,1,2026-05-02,2026-05-02\n";
    assert_eq!(texts(&read_spend("meta.csv", by_day.as_bytes()).lines, "day"), ["2026-05-02"]);
}

#[test]
fn a_report_of_more_days_stands_for_those_within_it_and_an_overlap_is_told() {
    let file = |range: &str, amount: &str| {
        format!("Campaign report\n\"{range}\"\nCampaign,Currency code,Cost\nMesh,EUR,{amount}\n").into_bytes()
    };
    let spend_of = |exports| spend(exports, &settings(&[])).unwrap();
    let half = export("a.csv", "2026-05-16T00:00:00Z", &file("May 1, 2026 - May 15, 2026", "10"));
    let whole = export("b.csv", "2026-06-01T00:00:00Z", &file("May 1, 2026 - May 31, 2026", "30"));
    let read = spend_of(vec![half.clone(), whole]);
    assert_eq!(texts(&read.lines, "spend"), ["30"]);
    assert_eq!(read.findings[0].count, 1);
    let later = export("b.csv", "2026-06-01T00:00:00Z", &file("May 10, 2026 - May 31, 2026", "20"));
    let read = spend_of(vec![half, later]);
    assert_eq!(texts(&read.lines, "spend"), ["20"]);
    assert!(read.findings[0].text().contains("overlap in part"), "{:?}", read.findings);
}

#[test]
fn linkedin_writes_months_first_in_every_language() {
    let text =
        "Fecha de inicio (en UTC),Nombre de la campaña,Moneda,Gasto total\n09/01/2026,A,EUR,1\n09/02/2026,A,EUR,2\n";
    let read = spend(vec![export("l.csv", "2026-12-01T00:00:00Z", text.as_bytes())], &settings(&[])).unwrap();
    assert!(read.problems.is_empty(), "{:?}", read.problems);
    assert_eq!(texts(&read.lines, "day"), ["2026-09-01", "2026-09-02"]);
}

#[test]
fn accounts_of_one_network_add_up() {
    let file = |account: &str| {
        format!("Account name,Campaign,Day,Currency,Cost\n{account},Brand,2026-05-01,EUR,1\n").into_bytes()
    };
    let exports = vec![
        export("a.csv", "2026-05-16T00:00:00Z", &file("North")),
        export("b.csv", "2026-05-17T00:00:00Z", &file("South")),
    ];
    assert_eq!(texts(&spend(exports, &settings(&[])).unwrap().lines, "spend"), ["1", "1"]);
}

#[test]
fn german_amounts_with_points_and_french_ones_with_blanks_are_read() {
    let german = "Kampagnenbericht\nKampagne;Tag;Währungscode;Kosten\nDM-A;01.08.2026;EUR;\"1.234,56\"\nGesamt: Konto; --;EUR;\"1.234,56\"\n";
    assert_eq!(texts(&read_spend("de.csv", german.as_bytes()).lines, "spend"), ["1234.56"]);
    let french = "Campagne;Jour;Code de la devise;Coût\nDM-A;2026-08-01;EUR;1\u{202f}234,50\nTotal : compte;;EUR;1\u{202f}234,50\n";
    assert_eq!(texts(&read_spend("fr.csv", french.as_bytes()).lines, "spend"), ["1234.5"]);
}

#[test]
fn a_linkedin_report_in_utf16_is_read_months_first() {
    let text = "\u{feff}Campaign Performance Report (in UTC)\nReport Start: 9/1/2026\nReport End: 9/2/2026\n\n\
        Start Date (in UTC)\tAccount Name\tCurrency\tCampaign Name\tTotal Spent\n\
        09/01/2026\tContoso\tUSD\tDM-A\t10.00\n09/02/2026\tContoso\tUSD\tDM-A\t0.35\nTotal\t\t\t\t10.35\n";
    let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let read = spend(vec![export("l.csv", "2026-12-01T00:00:00Z", &bytes)], &settings(&[])).unwrap();
    assert!(read.problems.is_empty(), "{:?}", read.problems);
    assert_eq!(texts(&read.lines, "day"), ["2026-09-01", "2026-09-02"]);
    assert_eq!(texts(&read.lines, "spend"), ["10", "0.35"]);
}

#[test]
fn micros_are_millionths_and_a_restated_day_is_not_added() {
    let file =
        |amount: &str| format!("campaign_name,date_day,currency_code,cost_micros\nDM-A,2026-05-01,USD,{amount}\n");
    let exports = vec![
        export("a.csv", "2026-05-02T00:00:00Z", file("36150000").as_bytes()),
        export("b.csv", "2026-05-03T00:00:00Z", file("36150001").as_bytes()),
    ];
    let read = spend(exports, &settings(&[])).unwrap();
    assert_eq!(texts(&read.lines, "spend"), ["36.150001"]);
    assert_eq!(read.findings[0].count, 1);
}

#[test]
fn a_settings_file_of_campaigns_is_not_taken_for_spend() {
    let text = "Type,Status,Id,Name,Start Date,Time Zone\nFormat Version,,,,,6.0\nCampaign,Active,1,A,01/24/2019,x\n";
    assert_eq!(read_spend("bulk.csv", text.as_bytes()).problems.len(), 1);
}
