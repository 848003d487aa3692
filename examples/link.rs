//! Links a CSV of leads and nothing else: `cargo run --release --example link -- leads.csv people.csv [threshold,…]`.
//!
//! A threshold is a match probability, or `default`: 1 wrong join in 1000 people.
//! Columns: any of lead_id, first_name, last_name, email, phone, company, title, country. Writes lead_id, person_id; of
//! several thresholds the person at each. `PAIRS=FILE.csv` writes every pair that came near: the match
//! probability with all leads heard, that of the two alone, and the level and weight of every field.
//! For comparing the linking stage with other tools; see benches/identity/README.md.

#![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "a tool for developers, at the edge")]

use leadrecon::config::Threshold;
use leadrecon::identity::{Inputs, link};
use leadrecon::tables::{Grain, Kind, Leads, Table};
use polars::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [from, to, rest @ ..] = arguments.as_slice() else {
        return Err("usage: link LEADS.csv PEOPLE.csv [THRESHOLD]".into());
    };
    let thresholds: Vec<&str> = rest.first().map_or(vec!["default"], |t| t.split(',').collect());
    let [first, others @ ..] = thresholds.as_slice() else { return Err("no threshold".into()) };
    let read_threshold = |text: &str| -> Result<Threshold, Box<dyn std::error::Error>> {
        Ok(if text == "default" { Threshold::WrongJoins(1e-3) } else { Threshold::At(text.parse()?) })
    };
    let threshold = read_threshold(first)?;
    let started = std::time::Instant::now();
    let read = CsvReadOptions::default()
        .with_infer_schema_length(Some(0))
        .try_into_reader_with_file_path(Some(from.into()))?
        .finish()?;
    let n = read.height();
    let mut columns = Vec::new();
    for column in Leads::DEFINITION.columns {
        let dtype = column.kind.dtype();
        let number = || Column::new(column.name.into(), (0..n as i64).collect::<Vec<_>>()).cast(&dtype);
        columns.push(match read.column(column.name) {
            Ok(found) => found.cast(&dtype)?,
            Err(_) if column.name == "lead_id" => {
                Column::new("lead_id".into(), (0..n).map(|i| format!("{i:09}")).collect::<Vec<_>>())
            }
            Err(_) if column.name == "kind" => Column::new("kind".into(), vec!["genuine"; n]),
            Err(_) if column.name == "received_at" => number()?,
            Err(_) if column.nullable => Column::full_null(column.name.into(), n, &dtype),
            Err(_) if dtype == DataType::String => {
                let any = if let Kind::Code([first, ..]) = column.kind { first } else { "x" };
                Column::new(column.name.into(), vec![any; n])
            }
            Err(_) => Column::new(column.name.into(), vec![0i32; n]).cast(&dtype)?,
        });
    }
    let leads = DataFrame::new(n, columns)?.sort(["lead_id"], SortMultipleOptions::default())?;
    let leads = Table::<Leads>::new(leads)?;
    drop(read);
    let loaded = started.elapsed();
    let mut inputs = Inputs {
        leads: &leads,
        records: &Table::empty(),
        earlier: &Table::empty(),
        decisions: &[],
        taught: &[],
        previous: None,
        threshold,
        model: None,
    };
    let linked = link(&inputs)?;
    let done = started.elapsed();
    eprintln!("read {:.2} s, linked {:.2} s", loaded.as_secs_f64(), (done - loaded).as_secs_f64());
    eprintln!("{}", serde_json::to_string(&linked.quality)?);
    if let Ok(lead) = std::env::var("EXPLAIN") {
        let ids = leads.frame().column("lead_id")?.str()?.clone();
        let row = ids.iter().position(|id| id == Some(lead.as_str())).ok_or("no such lead")?;
        let explainer = leadrecon::identity::Explainer::new(&leads, &[], threshold, Some(&linked.model))?;
        eprintln!("{}", serde_json::to_string_pretty(&(explainer.links(row)?, explainer.nearest_other(row)?))?);
    }
    if let Ok(path) = std::env::var("PAIRS") {
        let ids = leads.frame().column("lead_id")?.str()?.clone();
        let explainer = leadrecon::identity::Explainer::new(&leads, &[], threshold, Some(&linked.model))?;
        let found = explainer.pairs();
        let id = |row: u32| ids.get(row as usize).unwrap_or_default().to_owned();
        let step = |pair: &leadrecon::identity::Pair, field: &str| {
            let of_field = pair.alone.as_ref()?.1.iter().find(|step| step.field == field)?;
            Some((of_field.level, of_field.weight))
        };
        let mut columns = vec![
            Column::new("lead_id_a".into(), found.iter().map(|pair| id(pair.row_a)).collect::<Vec<_>>()),
            Column::new("lead_id_b".into(), found.iter().map(|pair| id(pair.row_b)).collect::<Vec<_>>()),
            Column::new("probability".into(), found.iter().map(|pair| pair.probability).collect::<Vec<_>>()),
            Column::new("alone".into(), found.iter().map(|pair| Some(pair.alone.as_ref()?.0)).collect::<Vec<_>>()),
        ];
        for field in ["prior", "email", "phone", "first_name", "last_name", "company", "title", "country", "closeness"]
        {
            let levels = found.iter().map(|pair| step(pair, field).map(|(level, _)| level)).collect::<Vec<_>>();
            let weights = found.iter().map(|pair| step(pair, field).map(|(_, weight)| weight)).collect::<Vec<_>>();
            columns.push(Column::new(field.into(), levels));
            columns.push(Column::new(format!("{field}_weight").into(), weights));
        }
        let mut pairs = DataFrame::new(found.len(), columns)?;
        CsvWriter::new(&mut std::fs::File::create(path)?).finish(&mut pairs)?;
    }
    if std::env::var("MODEL").is_ok() {
        eprintln!("{}", linked.model);
    }
    let mut out = linked.identities.into_frame().select(["lead_id", "person_id"])?;
    if !others.is_empty() {
        out.rename("person_id", format!("person_id_at_{first}").into())?;
    }
    inputs.model = Some(&linked.model);
    for other in others {
        inputs.threshold = read_threshold(other)?;
        let linked = link(&inputs)?;
        eprintln!("{}", serde_json::to_string(&linked.quality)?);
        let people = linked.identities.frame().column("person_id")?.clone();
        out.with_column(people.with_name(format!("person_id_at_{other}").into()))?;
    }
    CsvWriter::new(&mut std::fs::File::create(to)?).finish(&mut out)?;
    Ok(())
}
