//! Missed leads → the destination's own import file, or the bodies that the marketplace would have posted.
//!
//! Values are exact: what an import reads must not be neutralised. The lead source is rebuilt by the marketplace's
//! grammar and the raw lead's key stands where the forwarder writes it, so that a late delivery updates the record
//! instead of doubling it. What the CRM would refuse again goes to a second file that names the empty cell. Formats:
//! `replay/formats.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use chrono::{DateTime, SecondsFormat, Utc};
use polars::prelude::*;
use serde::Deserialize;

use crate::codes::{status, storefront};
use crate::config::{Destination, DestinationKind};
use crate::error::{Error, Result};

/// The published tables that replay reads.
#[derive(Clone, Copy, Debug)]
pub struct Tables<'a> {
    /// `missed_leads`
    pub missed_leads: &'a DataFrame,
    /// `leads`
    pub leads: &'a DataFrame,
    /// `crm_records`
    pub crm_records: &'a DataFrame,
    /// `people`
    pub people: &'a DataFrame,
    /// `outages`
    pub outages: &'a DataFrame,
    /// `findings`
    pub findings: &'a DataFrame,
}

/// Which leads to hand out.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only leads that this outage lost.
    pub outage: Option<String>,
    /// Only leads received at or after this.
    pub since: Option<DateTime<Utc>>,
    /// At most so many, most urgent first.
    pub limit: Option<usize>,
    /// Also those handed out before.
    pub again: bool,
    /// Also into an outage that goes on.
    pub force: bool,
    /// Whether a do-not-contact lead silences the person's other leads.
    pub dnc_silences_person: bool,
}

/// What is handed out.
#[derive(Debug, Default)]
pub struct HandOut {
    /// Leads in the file, in its order.
    pub lead_ids: Vec<String>,
    /// The import file, or one posted body per line; empty when nothing is handed out.
    pub file: Vec<u8>,
    /// The ending of the file's name.
    pub ending: &'static str,
    /// Leads that the CRM would refuse.
    pub to_fix: usize,
    /// The same file for them, with a last column `fix` that names the empty cells; empty when there are none.
    pub fix: Vec<u8>,
    /// Left out because they were handed out before.
    pub before: usize,
    /// Left out because the person opted out or must not be contacted.
    pub silenced: usize,
}

#[derive(Deserialize)]
struct Format {
    bom: bool,
    line_end: String,
    required: Vec<String>,
    /// Field of ours, column, longest value in characters.
    columns: Vec<(String, String, usize)>,
}

static FORMATS: LazyLock<BTreeMap<String, Format>> =
    LazyLock::new(|| toml::from_str(include_str!("replay/formats.toml")).unwrap_or_default());

/// One lead on its way back.
struct Row {
    lead_id: String,
    fields: BTreeMap<&'static str, String>,
    action: String,
    offer: String,
    source: String,
    note: String,
}

/// Makes the import file of a destination. `handed_out` holds lead id and destination of earlier replays.
///
/// # Errors
/// Exit 2: the destination takes no leads right now (an ongoing outage, without `force`), its export is probably not
/// complete, or the outage is unknown.
pub fn hand_out(
    tables: Tables,
    destination: &Destination,
    selection: &Selection,
    handed_out: &BTreeSet<(String, String)>,
) -> Result<HandOut> {
    refuse(&tables, destination, selection)?;
    let mut handed = HandOut { ending: "csv", ..HandOut::default() };
    let rows = rows(&tables, destination, selection, handed_out, &mut handed)?;
    if destination.kind == DestinationKind::Https {
        handed.ending = "ndjson";
        for row in rows {
            handed.file.extend_from_slice(body(&row, destination).to_string().as_bytes());
            handed.file.push(b'\n');
            handed.lead_ids.push(row.lead_id);
        }
        return Ok(handed);
    }
    let Some(format) = FORMATS.get(destination.kind.name()) else {
        return Err(Error::failed(format!("no import format for kind {}", destination.kind.name())));
    };
    write_csv(rows, format, destination, &mut handed)?;
    Ok(handed)
}

fn refuse(tables: &Tables, destination: &Destination, selection: &Selection) -> Result<()> {
    let text = |frame: &DataFrame, name: &str| -> Result<StringChunked> { Ok(frame.column(name)?.str()?.clone()) };
    let (codes, about) = (text(tables.findings, "code")?, text(tables.findings, "destination")?);
    let gated = codes.iter().zip(about.iter()).any(|(code, about)| {
        code == Some(crate::codes::finding::EXPORT_INCOMPLETE) && about == Some(destination.name.as_str())
    });
    if gated && destination.complete != Some(true) {
        return Err(Error::usage(format!(
            "the export of \"{}\" is probably not complete, so nothing of it is replayed",
            destination.name
        ))
        .hint("look at the report; if the leads really are lost, set complete = true under this destination"));
    }
    let (ids, at) = (text(tables.outages, "outage_id")?, text(tables.outages, "destination")?);
    let ongoing = tables.outages.column("ongoing")?.bool()?.clone();
    if let Some(wanted) = &selection.outage
        && !ids.iter().any(|id| id == Some(wanted.as_str()))
    {
        let known: Vec<&str> = ids.iter().flatten().collect();
        return Err(Error::usage(format!("no outage has the id {wanted}"))
            .hint(format!("known outages: {}", if known.is_empty() { "none".to_owned() } else { known.join(", ") })));
    }
    let goes_on =
        at.iter().zip(ongoing.iter()).any(|(at, on)| at == Some(destination.name.as_str()) && on == Some(true));
    if goes_on && !selection.force {
        return Err(Error::usage(format!(
            "\"{}\" has an outage that goes on: replayed leads would be lost again",
            destination.name
        ))
        .hint("repair it first; --force replays all the same"));
    }
    Ok(())
}

fn rows(
    tables: &Tables,
    destination: &Destination,
    selection: &Selection,
    handed_out: &BTreeSet<(String, String)>,
    handed: &mut HandOut,
) -> Result<Vec<Row>> {
    let more =
        tables.leads.clone().lazy().select([col("lead_id"), col("source_key"), col("lead_source"), col("description")]);
    // In the table's own order, which is most urgent first.
    let frame = tables
        .missed_leads
        .clone()
        .lazy()
        .with_row_index("order", None)
        .filter(col("destination").eq(lit(destination.name.as_str())))
        .join(more, [col("lead_id")], [col("lead_id")], JoinArgs::new(JoinType::Left))
        .sort(["order"], SortMultipleOptions::default())
        .collect()?;
    let silent = silenced(tables, selection)?;
    let key_is_row_key = key_is_row_key(tables)?;
    let text = |name: &str| -> Result<StringChunked> { Ok(frame.column(name)?.str()?.clone()) };
    let names = ["first_name", "last_name", "email", "phone", "company", "title", "country"];
    let contact = names.iter().map(|n| text(n)).collect::<Result<Vec<_>>>()?;
    let columns = [
        "lead_id", "status", "person_id", "outage_id", "source_key", "lead_source", "description", "reason",
        "storefront", "action", "offer_id", "offer",
    ];
    let columns = columns.iter().map(|n| Ok((*n, text(n)?))).collect::<Result<BTreeMap<_, _>>>()?;
    let received = frame.column("received_at")?.datetime()?.clone();
    let mut rows = Vec::new();
    for row in 0..frame.height() {
        let of = |name: &str| columns.get(name).and_then(|c| c.get(row)).unwrap_or_default();
        let lead_id = of("lead_id").to_owned();
        let received_at = received.physical().get(row).and_then(DateTime::from_timestamp_micros).unwrap_or_default();
        let open = [status::NEW, status::OPEN, status::REPLAYED].contains(&of("status"));
        let wanted = selection.outage.as_deref().is_none_or(|id| id == of("outage_id"))
            && selection.since.is_none_or(|since| received_at >= since);
        if !open || !wanted {
            continue;
        }
        if silent.contains(of("person_id")) {
            handed.silenced += 1;
            continue;
        }
        if handed_out.contains(&(lead_id.clone(), destination.name.clone())) && !selection.again {
            handed.before += 1;
            continue;
        }
        if selection.limit.is_some_and(|most| rows.len() >= most) {
            break;
        }
        let mut fields: BTreeMap<&'static str, String> =
            names.iter().zip(&contact).map(|(n, c)| (*n, c.get(row).unwrap_or_default().to_owned())).collect();
        let source = source_token(of("storefront")).to_owned();
        let offer = Some(of("offer_id")).filter(|o| !o.is_empty()).unwrap_or(of("offer")).to_owned();
        let found = of("lead_source");
        let lead_source =
            if found.contains('|') { found.to_owned() } else { format!("{source}-{}|{offer}", of("action")) };
        let note = format!(
            "Received {}, lost on the way ({}), handed in again by leadrecon: lead {lead_id}",
            received_at.to_rfc3339_opts(SecondsFormat::Secs, true),
            of("reason")
        );
        let described = [of("description"), &lead_source, &note]
            .iter()
            .filter(|t| !t.trim().is_empty())
            .copied()
            .collect::<Vec<_>>();
        fields.insert("description", described.join("\n"));
        fields.insert("lead_source", lead_source);
        let row_key = of("source_key").split_once('/').map_or(of("source_key"), |(_, row_key)| row_key);
        fields.insert("key", if key_is_row_key { row_key.to_owned() } else { lead_id.clone() });
        rows.push(Row {
            lead_id,
            fields,
            action: of("action").to_owned(),
            offer: of("offer").to_owned(),
            source,
            note,
        });
    }
    Ok(rows)
}

/// People who opted out in any CRM, and, if so configured, those with a do-not-contact lead.
fn silenced(tables: &Tables, selection: &Selection) -> Result<BTreeSet<String>> {
    let (people, opted) = (
        tables.crm_records.column("person_id")?.str()?.clone(),
        tables.crm_records.column("opted_out")?.bool()?.clone(),
    );
    let mut silent: BTreeSet<String> = people
        .iter()
        .zip(opted.iter())
        .filter(|(_, o)| *o == Some(true))
        .filter_map(|(p, _)| p.map(str::to_owned))
        .collect();
    if selection.dnc_silences_person {
        let (people, dnc) = (
            tables.people.column("person_id")?.str()?.clone(),
            tables.people.column("do_not_contact")?.bool()?.clone(),
        );
        silent.extend(
            people.iter().zip(dnc.iter()).filter(|(_, d)| *d == Some(true)).filter_map(|(p, _)| p.map(str::to_owned)),
        );
    }
    Ok(silent)
}

/// Whether the forwarder writes the RowKey into the key column; otherwise it is the lead id.
fn key_is_row_key(tables: &Tables) -> Result<bool> {
    let keys: BTreeSet<&str> = tables.crm_records.column("key")?.str()?.iter().flatten().collect();
    let source_keys = tables.leads.column("source_key")?.str()?;
    Ok(source_keys.iter().flatten().any(|k| k.split_once('/').is_some_and(|(_, row_key)| keys.contains(row_key))))
}

/// The token that the marketplace writes for a storefront.
fn source_token(of: &str) -> &str {
    match of {
        storefront::AZURE_MARKETPLACE | "" => "AzureMarketplace",
        storefront::APPSOURCE => "SPZA",
        storefront::AZURE_PORTAL => "AzurePortal",
        storefront::TEST_DRIVE => "TestDrive",
        other => other,
    }
}

fn write_csv(rows: Vec<Row>, format: &Format, destination: &Destination, handed: &mut HandOut) -> Result<()> {
    let mut columns: Vec<(&str, &str, usize)> = format
        .columns
        .iter()
        .map(|(field, column, longest)| {
            let column = destination.columns.get(field.as_str()).map_or(column.as_str(), String::as_str);
            (field.as_str(), column, *longest)
        })
        .collect();
    if let Some(key) = destination.key.as_deref() {
        columns.push(("key", key, 255));
    }
    let set: Vec<(&String, &String)> =
        destination.replay.set.iter().filter(|(name, _)| !columns.iter().any(|(_, c, _)| c == name)).collect();
    let header: Vec<&str> = columns.iter().map(|(_, c, _)| *c).chain(set.iter().map(|(n, _)| n.as_str())).collect();
    let required: Vec<&String> = format.required.iter().chain(&destination.replay.required).collect();
    let terminator = if format.line_end == "\r\n" { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
    let new = || {
        csv::WriterBuilder::new().terminator(terminator).from_writer(if format.bom {
            "\u{feff}".as_bytes().to_vec()
        } else {
            Vec::new()
        })
    };
    let (mut good, mut fix) = (new(), new());
    let failed = |e: csv::Error| Error::failed("cannot write the replay file").because(e);
    good.write_record(&header).map_err(failed)?;
    fix.write_record(header.iter().chain([&"fix"])).map_err(failed)?;
    for row in rows {
        let values: Vec<String> = columns
            .iter()
            .map(|(field, column, longest)| {
                let own = destination.replay.set.get(*column);
                let value = own.or_else(|| row.fields.get(field)).map_or("", String::as_str);
                shorten(value, *longest)
            })
            .chain(set.iter().map(|(_, v)| (*v).clone()))
            .collect();
        let empty: Vec<&str> = required
            .iter()
            .filter(|r| {
                header
                    .iter()
                    .position(|h| *h == r.as_str())
                    .and_then(|at| values.get(at))
                    .is_none_or(|v| v.trim().is_empty())
            })
            .map(|r| r.as_str())
            .collect();
        if empty.is_empty() {
            good.write_record(&values).map_err(failed)?;
            handed.lead_ids.push(row.lead_id);
        } else {
            let named = format!("empty: {} (lead {})", empty.join(", "), row.lead_id);
            fix.write_record(values.iter().map(String::as_str).chain([named.as_str()])).map_err(failed)?;
            handed.to_fix += 1;
        }
    }
    let bytes = |writer: csv::Writer<Vec<u8>>| {
        writer.into_inner().map_err(|e| Error::failed("cannot write the replay file").because(e.error()))
    };
    if !handed.lead_ids.is_empty() {
        handed.file = bytes(good)?;
    }
    if handed.to_fix > 0 {
        handed.fix = bytes(fix)?;
    }
    Ok(())
}

/// At most so many characters, without a cut inside one.
fn shorten(value: &str, longest: usize) -> String {
    value.chars().take(longest).collect()
}

/// A body as the marketplace posts it (Microsoft, "Use an HTTPS endpoint to manage commercial marketplace leads").
fn body(row: &Row, destination: &Destination) -> serde_json::Value {
    let of = |name: &str| row.fields.get(name).map_or("", String::as_str);
    let mut body = serde_json::json!({
        "userDetails": {
            "firstName": of("first_name"), "lastName": of("last_name"), "email": of("email"), "phone": of("phone"),
            "country": of("country"), "company": of("company"), "title": of("title"),
        },
        "leadSource": row.source,
        "actionCode": row.action,
        "offerTitle": row.offer,
        "description": row.note,
    });
    if let Some(object) = body.as_object_mut() {
        if let Some(key) = &destination.key {
            object.insert(key.clone(), of("key").into());
        }
        for (name, value) in &destination.replay.set {
            object.insert(name.clone(), value.clone().into());
        }
    }
    body
}

/// Header of the memory of what was handed out.
pub const MEMORY_HEADER: &str = "lead_id,destination,handed_out_at\n";

/// Reads the memory of what was handed out.
pub fn memory(text: &str) -> BTreeSet<(String, String)> {
    let cells = |line: &str| {
        let mut cells = line.split(',');
        Some((cells.next()?.trim().to_owned(), cells.next()?.trim().to_owned()))
    };
    text.lines().skip(1).filter_map(cells).collect()
}

/// Lines for the memory.
pub fn memory_lines(lead_ids: &[String], destination: &str, now: DateTime<Utc>) -> String {
    let at = now.to_rfc3339_opts(SecondsFormat::Secs, true);
    lead_ids.iter().map(|id| format!("{id},{destination},{at}\n")).collect()
}
