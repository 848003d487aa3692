//! How long a Salesforce export of a million leads takes to read, against Polars' own CSV reader on the same bytes.
//!
//! `cargo run --release --example export_speed [ROWS]`
#![expect(clippy::disallowed_macros, clippy::disallowed_methods, reason = "it measures, and tells")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use leadrecon::config::Config;
use leadrecon::crm;
use leadrecon::tabular::{Ask, Export, Part, fold, read};
use polars::prelude::*;

fn main() {
    let rows: usize = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let text = export(rows);
    println!("{rows} rows, {} MB", text.len() >> 20);
    // Nobody in it is about a lead, and nothing in it names the marketplace.
    let strangers = text.replace(SOURCE, "Web").into_bytes();
    let bytes = text.into_bytes();
    let mut best = [f64::MAX; 4];
    for _ in 0..3 {
        let start = Instant::now();
        let cursor = std::io::Cursor::new(bytes.as_slice());
        black_box(CsvReadOptions::default().into_reader_with_file_handle(cursor).finish().expect("polars reads it"));
        best[0] = best[0].min(start.elapsed().as_secs_f64());

        let part = Part { name: "Lead.csv".into(), content: bytes.clone().into() };
        let score = |labels: &[String]| labels.iter().filter(|l| *l == &fold("Id") || *l == &fold("Email")).count();
        let start = Instant::now();
        black_box(
            read(&part, &Ask { score: &score, needed: 2, keep: &|_| true, by_form: false, header: None })
                .expect("we read it"),
        );
        best[1] = best[1].min(start.elapsed().as_secs_f64());

        let exports = vec![Export { name: part.name, modified: chrono::DateTime::UNIX_EPOCH, content: part.content }];
        let start = Instant::now();
        let read = crm::read(exports, &destination(), &DataFrame::empty(), crm::Keep::All).expect("we read it");
        assert_eq!(read.rows.height(), rows);
        best[2] = best[2].min(start.elapsed().as_secs_f64());
        drop(read);

        let exports = vec![Export {
            name: "Lead.csv".into(),
            modified: chrono::DateTime::UNIX_EPOCH,
            content: strangers.clone().into(),
        }];
        let nobody = |records: &DataFrame| Ok(vec![Some(false); records.height()]);
        let keep = crm::OfLeads { shares: &nobody, named: &[], is_window: &|_| false, young_since: 0 };
        let start = Instant::now();
        let read =
            crm::read(exports, &destination(), &DataFrame::empty(), crm::Keep::OfLeads(&keep)).expect("we read it");
        assert_eq!(read.rows.height() + read.strangers, rows);
        best[3] = best[3].min(start.elapsed().as_secs_f64());
    }
    println!("Polars, all columns as it infers them   {:6.2} s", best[0]);
    println!("tabular, all columns as text            {:6.2} s  {:.2} ×", best[1], best[1] / best[0]);
    println!("crm, columns of use to finished records {:6.2} s  {:.2} ×", best[2], best[2] / best[0]);
    println!("crm as in a night, strangers passed by  {:6.2} s  {:.2} ×", best[3], best[3] / best[0]);
}

/// The lead source of all records.
const SOURCE: &str = "AzureMarketplace-INS|contoso.data-mesh-pro";

fn destination() -> leadrecon::config::Destination {
    let text = "[[source]]\nname = \"raw\"\nkind = \"files\"\npath = \"raw/*\"\n\
                [[destination]]\nname = \"crm\"\nkind = \"salesforce\"\nexport = [\"*.csv\"]\n";
    Config::parse(text, std::path::Path::new(".")).expect("the configuration is ours").destinations.remove(0)
}

/// Every value quoted, as Data Loader writes it; the columns of a common query.
fn export(rows: usize) -> String {
    let mut text = String::from(
        "\"ID\",\"ISDELETED\",\"MASTERRECORDID\",\"LASTNAME\",\"FIRSTNAME\",\"TITLE\",\"COMPANY\",\"STREET\",\"CITY\",\"STATE\",\
         \"POSTALCODE\",\"COUNTRY\",\"PHONE\",\"MOBILEPHONE\",\"EMAIL\",\"WEBSITE\",\"DESCRIPTION\",\"LEADSOURCE\",\"STATUS\",\
         \"INDUSTRY\",\"RATING\",\"OWNERID\",\"ISCONVERTED\",\"CONVERTEDDATE\",\"CONVERTEDOPPORTUNITYID\",\"CREATEDDATE\",\
         \"LASTMODIFIEDDATE\",\"SYSTEMMODSTAMP\"\n",
    );
    let start = chrono::DateTime::from_timestamp(1_750_000_000, 0).expect("a time");
    for n in 0..rows {
        let at =
            (start + chrono::TimeDelta::seconds(i64::try_from(n).unwrap_or(0) * 37)).format("%Y-%m-%dT%H:%M:%S.000Z");
        let digits = format!("{n:09}");
        let note = if n % 7 == 0 { "Asked for a call,\r\nsaid \"\"soon\"\"" } else { "Signed up with the marketplace" };
        let _ = writeln!(
            text,
            "\"00Q5g0{digits}\",\"false\",\"\",\"Mustermann{n}\",\"Erika\",\"Director of Purchasing\",\"Contoso {digits} GmbH\",\
             \"Hauptstr. 7\",\"Berlin\",\"\",\"10115\",\"Germany\",\"+49 30 {digits}\",\"\",\"erika.mustermann{n}@contoso{}.example\",\
             \"\",\"{note}\",\"{SOURCE}\",\"Open - Not Contacted\",\"Manufacturing\",\"Warm\",\
             \"0055g00000Abcde\",\"false\",\"\",\"\",\"{at}\",\"{at}\",\"{at}\"",
            n % 1000
        );
    }
    text
}
