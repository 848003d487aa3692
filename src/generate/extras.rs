//! What stands beside leads and records: the configuration, cost and spend exports, reviewed files.

use chrono::{DateTime, Datelike, NaiveDate};
use rand::Rng;

use super::exports::{ANY_CSV, KEY_COLUMN};
use super::files::{Files, csv_row};
use super::journeys::{OFFERS, OUR_DOMAIN};
use super::people::dice;
use super::plan::{Plan, Times};
use super::raw::SOURCES;
use crate::config::DestinationKind;
use crate::error::Result;

/// How the configuration of a generated publisher begins: by this one knows that its folder may be written again.
pub const MARK: &str = "# A synthetic publisher";

/// Leads that reviewed files speak of.
#[derive(Debug, Default)]
pub struct Reviewed {
    /// Two leads of one person that nothing but a reviewer can link.
    pub same: Option<(String, String)>,
    /// Two leads of two namesakes.
    pub different: Option<(String, String)>,
    /// Leads that were lost and worked on since.
    pub worked: Vec<String>,
}

/// Writes the configuration of every night; the last is `leadrecon.toml`.
///
/// # Errors
/// When a file cannot be written.
pub fn configurations(plan: &Plan, files: &mut Files<'_>) -> Result<()> {
    for (index, night) in plan.nights.iter().enumerate() {
        let text = configuration(plan, *night, index + 1 == plan.nights.len(), files);
        if index + 1 == plan.nights.len() {
            files.whole("leadrecon.toml", None, text.as_bytes())?;
        }
        if plan.nights.len() > 1 {
            files.whole(&format!("leadrecon-{night}.toml"), None, text.as_bytes())?;
        }
    }
    Ok(())
}

/// `is_worked`: whether sales have begun to work through what was lost.
fn configuration(plan: &Plan, night: NaiveDate, is_worked: bool, files: &Files<'_>) -> String {
    let mut text = format!(
        "{MARK} (seed {}): nobody in it exists. What really happened stands under truth/.\n\
         # leadrecon run --as-of {night}\n\n[output]\ndir = \"out\"\n\n",
        plan.seed
    );
    for (name, path) in SOURCES {
        // A source with nothing in it would be told as a fault, and rightly.
        if !files.is_folder(path.trim_end_matches("/**/*")) {
            continue;
        }
        text += &format!("[[source]]\nname = \"{name}\"\nkind = \"files\"\npath = \"{path}\"\n\n");
    }
    for destination in &plan.destinations {
        let folder = format!("exports/{}/{night}", destination.name);
        text += &format!(
            "[[destination]]\nname = \"{}\"\nkind = \"{}\"\nexport = [\"{folder}/*\"]\n",
            destination.name,
            destination.kind.name()
        );
        if !destination.offers.is_empty() {
            let ids = destination.offers.iter().filter_map(|o| OFFERS.get(*o)).map(|o| format!("\"{}\"", o.id));
            text += &format!("offers = [{}]\n", ids.collect::<Vec<_>>().join(", "));
        }
        if destination.view.key && destination.kind == DestinationKind::Salesforce {
            text += &format!("key = \"{KEY_COLUMN}\"\n");
        }
        if destination.kind == DestinationKind::Csv {
            let ours = [
                "record_id", "first_name", "last_name", "email", "phone", "company", "lead_source", "status", "owner",
                "created_at",
            ];
            let columns = ours.iter().zip(ANY_CSV).map(|(ours, theirs)| format!("{ours} = \"{theirs}\""));
            text += &format!("columns = {{ {} }}\n", columns.collect::<Vec<_>>().join(", "));
            if destination.view.times == Times::Seconds {
                text += "date_order = \"dmy\"\n";
            }
        }
        text.push('\n');
    }
    for offer in OFFERS.iter().take(plan.offers.clamp(1, OFFERS.len())) {
        let mut titles = offer.titles.to_vec();
        titles.dedup();
        let titles: Vec<String> = titles.iter().map(|t| format!("{t:?}")).collect();
        text += &format!("[[offer]]\nid = \"{}\"\ntitle = [{}]\n\n", offer.id, titles.join(", "));
    }
    text += &format!("[exclude]\ndomains = [\"{OUR_DOMAIN}\"]\n");
    if plan.extras {
        text += "\n[identity]\ndecisions = \"decisions.csv\"\n";
        if is_worked {
            text += "\n[missed]\nworked = \"worked.csv\"\n";
        }
        text += "\n[cost]\n";
        text += "azure = [\"exports/cost/*.csv\"]\nstorage_accounts = [\"contosoleads\"]\n";
        text += "spend = [\"exports/spend/*.csv\"]\n";
        text +=
            &format!("campaigns = {{ \"DM-*\" = \"{}\", \"GADS-GENERIC\" = \"{}\" }}\n", OFFERS[0].id, OFFERS[1].id);
    }
    text
}

/// What became of those who were called.
const WORKED: [(&str, &str); 6] = [
    ("called", "reached at the second try; wants an offer"),
    ("called", "demonstration agreed for next week"),
    ("no-answer", "left a message"),
    ("called", "had bought elsewhere meanwhile"),
    ("junk", "a student's exercise"),
    ("called", "already talks to our partner"),
];

/// Writes `decisions.csv` and `worked.csv`.
///
/// # Errors
/// When a file cannot be written.
pub fn reviewed(plan: &Plan, reviewed: &Reviewed, files: &mut Files<'_>) -> Result<()> {
    if !plan.extras {
        return Ok(());
    }
    let mut decisions = b"lead_id_a,lead_id_b,decision\n".to_vec();
    for (pair, decision) in [(&reviewed.same, "same"), (&reviewed.different, "different")] {
        if let Some((a, b)) = pair {
            csv_row(&mut decisions, &[a, b, decision], b',', false);
        }
    }
    files.whole("decisions.csv", None, &decisions)?;
    let mut worked = b"lead_id,email,outcome,note\n".to_vec();
    for (lead, (outcome, note)) in reviewed.worked.iter().zip(WORKED.iter().cycle()) {
        csv_row(&mut worked, &[lead, "", outcome, note], b',', false);
    }
    files.whole("worked.csv", None, &worked)
}

/// Writes the Azure cost export (EA layout) and a marketing spend report (Microsoft Advertising layout).
///
/// # Errors
/// When a file cannot be written.
pub fn money(plan: &Plan, files: &mut Files<'_>) -> Result<()> {
    if !plan.extras {
        return Ok(());
    }
    let mut rng = dice(plan.seed, 40, 0);
    let (mut day, Some(last)) = (plan.begin, plan.nights.last().copied()) else { return Ok(()) };
    let mut cost = "\u{feff}".as_bytes().to_vec();
    csv_row(&mut cost, COST, b',', false);
    let mut spend_rows = Vec::new();
    let campaigns = ["DM-SPRING-26", "DM-WEBINAR", "GADS-BRAND", "GADS-GENERIC"];
    let mut cost_month = (day.year(), day.month());
    while day <= last {
        if (day.year(), day.month()) != cost_month {
            cost_file(cost_month, &mut cost, files)?;
            cost_month = (day.year(), day.month());
        }
        for (meter, unit, price, quantity) in [
            ("LRS Data Stored", "1 GB/Month", "0.045", format!("{:.6}", rng.random_range(0.001..0.004))),
            ("Batch Write Operations", "10K", "0.00036", format!("{:.4}", rng.random_range(0.001..0.02))),
            ("Scan Operations", "10K", "0.00036", format!("{:.4}", rng.random_range(0.01..0.2))),
        ] {
            let product = quantity.parse::<f64>().unwrap_or(0.0) * price.parse::<f64>().unwrap_or(0.0);
            cost_row(
                &mut cost,
                day,
                "Storage",
                "Tables",
                meter,
                unit,
                &quantity,
                price,
                &format!("{product:.16}"),
                "contosoleads",
            );
        }
        // Somebody else's machine and account, and a Defender line of ours: only the resource tells.
        cost_row(
            &mut cost, day, "Storage", "Tables", "LRS Data Stored", "1 GB/Month", "1.5", "0.045", "0.0675",
            "contosologs",
        );
        if day.day() == 1 {
            cost_row(
                &mut cost, day, "Microsoft Defender for Cloud", "Storage", "Defender for Storage", "1 /Month", "1",
                "10", "10.0", "contosoleads",
            );
            cost_row(&mut cost, day, "Storage", "Tables", "Credit", "1 /Month", "1", "-2.5", "-2.5", "contosoleads");
        }
        for campaign in campaigns {
            if rng.random_bool(0.75) {
                spend_rows.push((day, campaign, rng.random_range(8.0..45.0f64)));
            }
        }
        let Some(next) = day.succ_opt() else { break };
        day = next;
    }
    cost_file(cost_month, &mut cost, files)?;
    let mut spend = format!(
        "\u{feff}\"Report Name: Campaigns\"\r\n\"Report Time: {},{}\"\r\n\"Time Zone: (GMT) Greenwich Mean Time\"\r\n\
         \"Report Aggregation: Daily\"\r\n\"Report Filter: \"\r\n\"Rows: {}\"\r\n\r\n\
         \"GregorianDate\",\"CampaignName\",\"CurrencyCode\",\"Impressions\",\"Clicks\",\"Spend\"\r\n",
        plan.begin.format("%-m/%-d/%Y"),
        last.format("%-m/%-d/%Y"),
        spend_rows.len()
    );
    for (day, campaign, amount) in &spend_rows {
        let impressions = (amount * 90.0) as u32;
        spend += &format!(
            "\"{}\",\"{campaign}\",\"USD\",\"{impressions}\",\"{}\",\"{amount:.2}\"\r\n",
            day.format("%-m/%-d/%Y"),
            impressions / 40
        );
    }
    spend += &format!("\r\n\"©{} Microsoft Corporation. All rights reserved. \"\r\n", last.year());
    files.whole("exports/spend/campaigns.csv", DateTime::from_timestamp(plan.end(), 0), spend.as_bytes())
}

fn cost_file((year, month): (i32, u32), rows: &mut Vec<u8>, files: &mut Files<'_>) -> Result<()> {
    files.whole(&format!("exports/cost/ActualCost-{year}-{month:02}.csv"), None, rows)?;
    rows.clear();
    rows.extend_from_slice("\u{feff}".as_bytes());
    csv_row(rows, COST, b',', false);
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "the columns of one line")]
fn cost_row(
    out: &mut Vec<u8>,
    day: NaiveDate,
    category: &str,
    subcategory: &str,
    meter: &str,
    unit: &str,
    quantity: &str,
    price: &str,
    cost: &str,
    account: &str,
) {
    let resource = format!(
        "/subscriptions/64e355d7-997c-491d-b0c1-8414dccfcf42/resourceGroups/leads/providers/Microsoft.Storage/storageAccounts/{account}"
    );
    let first = day.with_day(1).unwrap_or(day);
    let next = first.checked_add_months(chrono::Months::new(1)).unwrap_or(first);
    let (begins, ends) =
        (first.format("%m/%d/%Y").to_string(), next.pred_opt().unwrap_or(next).format("%m/%d/%Y").to_string());
    let date = day.format("%m/%d/%Y").to_string();
    csv_row(
        out,
        &[
            "8611537", "Contoso", &begins, &ends, "64e355d7-997c-491d-b0c1-8414dccfcf42", &date, "Compute", category,
            subcategory, meter, quantity, price, cost, "USD", "westeurope", "Microsoft.Storage", &resource, account,
            "\"env\": \"prod\",\"team\": \"partners\"", unit, "leads", "Usage", "Azure",
        ],
        b',',
        false,
    );
}

const COST: &[&str] = &[
    "BillingAccountId", "BillingAccountName", "BillingPeriodStartDate", "BillingPeriodEndDate", "SubscriptionId",
    "Date", "ServiceFamily", "MeterCategory", "MeterSubCategory", "MeterName", "Quantity", "EffectivePrice", "Cost",
    "BillingCurrency", "ResourceLocation", "ConsumedService", "ResourceId", "ResourceName", "Tags", "UnitOfMeasure",
    "ResourceGroup", "ChargeType", "PublisherType",
];
