//! Raw leads as the marketplace and publishers store them: table dumps, endpoint bodies, CSV blobs.
//!
//! The shapes are those of public samples and documents: decomposed and combined lead source, three key casings,
//! `CustomerInfo` as JSON in a text, US-style CreatedTime, escaped US dates as PartitionKey.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Utc};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use super::files::{FileNumber, Files, csv_row, json_object, json_text};
use super::journeys::{Lead, OFFERS, iso_time, title, us_time};
use super::people::{any, dice};
use super::plan::Plan;
use super::typed::Form;
use crate::codes::quarantine;
use crate::error::Result;

/// Sources of the generated configuration, in its order: name and glob.
pub const SOURCES: [(&str, &str); 4] = [
    ("marketplace-table", "raw/table/**/*"),
    ("endpoint", "raw/endpoint/**/*"),
    ("blobs", "raw/blobs/**/*"),
    ("backup", "raw/backup/**/*"),
];

/// Where a lead ended up.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Name of the source.
    pub source: &'static str,
    /// `PartitionKey/RowKey`, or path and number.
    pub key: String,
    /// As the contract makes it.
    pub lead_id: String,
    /// The RowKey, if the shape has one.
    pub row_key: String,
}

/// A record that no reader can make a lead of.
#[derive(Clone, Debug)]
pub struct Broken {
    /// Name of the source.
    pub source: &'static str,
    /// As in the contract.
    pub key: String,
    /// One of `codes::quarantine`.
    pub reason: &'static str,
}

/// First 16 hex digits of SHA-256 over source, a zero byte, source_key: computed here on its own, as a witness.
pub fn lead_id(source: &str, key: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(source);
    hash.update([0]);
    hash.update(key);
    hex::encode(hash.finalize().get(..8).unwrap_or_default())
}

/// Writes raw leads.
#[derive(Debug)]
pub struct RawWriter<'a> {
    plan: &'a Plan,
    rng: ChaCha8Rng,
    files: BTreeMap<String, (FileNumber, u32)>,
    add_ins: u32,
    bodies: u32,
    /// What was written and can't be read.
    pub broken: Vec<Broken>,
}

/// How table rows of a month are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dump {
    Ndjson,
    Json,
    TypedCsv,
    Gzip,
    Zstd,
}

const TYPED: &[&str] = &[
    "PartitionKey", "RowKey", "Timestamp", "ProductId", "ProductId@type", "CustomerInfo", "CustomerInfo@type",
    "LeadSource", "LeadSource@type", "ActionCode", "ActionCode@type", "OfferDisplayName", "OfferDisplayName@type",
    "CreatedTime", "CreatedTime@type", "Description", "Description@type",
];
const FLAT: &[&str] = &[
    "FirstName", "LastName", "Email", "Phone", "Country", "Company", "Title", "LeadSource", "Description",
    "CreatedTime",
];
const DECOMPOSED: &[&str] =
    &["CreatedTime", "ProductId", "CustomerInfo", "LeadSource", "ActionCode", "OfferDisplayName", "Description"];

/// Leads and broken records in files of their own; what comes after them stands in the table.
const SINGLE_FILES: u32 = 500;
/// Leads in one file before the next part is begun.
const PART: u64 = 250_000;

impl<'a> RawWriter<'a> {
    /// Nothing is written yet.
    pub fn new(plan: &'a Plan) -> Self {
        RawWriter {
            plan,
            rng: dice(plan.seed, 20, 0),
            files: BTreeMap::new(),
            add_ins: 0,
            bodies: 0,
            broken: Vec::new(),
        }
    }

    /// Stores one lead.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&mut self, lead: &Lead, files: &mut Files<'_>) -> Result<Stored> {
        let https = self.plan.raw.https && self.plan.offers > 1 && lead.offer == Some(self.plan.offers - 2);
        let stored = if lead.trap == "add-in" && self.add_ins < SINGLE_FILES {
            self.add_in(lead, files)?
        } else if https {
            self.body(lead, files)?
        } else if self.rng.random_bool(self.plan.raw.blobs) {
            self.blob(lead, files)?
        } else {
            self.entity(lead, files)?
        };
        if self.rng.random_bool(self.plan.traps.broken) {
            self.broken(lead.at, files)?;
        }
        Ok(stored)
    }

    /// The open file of this name; a new part where the last is full.
    fn file(
        &mut self,
        files: &mut Files<'_>,
        stem: &str,
        ending: &str,
        header: &dyn Fn() -> Vec<u8>,
        footer: &'static [u8],
    ) -> Result<(FileNumber, String)> {
        let name = format!("{stem}{ending}");
        let (file, part) = match self.files.get(&name) {
            Some((file, part)) if files.records(*file) < PART => (Some(*file), *part),
            Some((file, part)) => {
                files.finish(*file)?;
                (None, part + 1)
            }
            None => (None, 1),
        };
        let path = if part == 1 { name.clone() } else { format!("{stem}.part{part}{ending}") };
        let file = match file {
            Some(file) => file,
            None => {
                let file = files.start(&path, None, &header(), footer)?;
                self.files.insert(name, (file, part));
                file
            }
        };
        Ok((file, path))
    }

    fn entity(&mut self, lead: &Lead, files: &mut Files<'_>) -> Result<Stored> {
        let Some(time) = DateTime::<Utc>::from_timestamp(lead.at, 0) else { unreachable!("plans stay within years") };
        let partition = format!("{}:2F{}:2F{}", time.month(), time.day(), time.year());
        let row = self.guid();
        let combined = self.rng.random_bool(0.15);
        let offer_id = lead.offer.and_then(|o| OFFERS.get(o)).map_or("", |o| o.id);
        let offer_title = lead.offer.map_or("", |o| title(o, lead.at, self.plan));
        let combined_source = combined_source(lead, self.plan);
        let source = if combined { combined_source.as_str() } else { lead.storefront };
        let created = if self.rng.random_bool(0.8) { us_time(lead.at) } else { iso_time(lead.at) };
        let stamp = format!(
            "{}.{:07}Z",
            iso_time(lead.at + self.rng.random_range(1..5)).trim_end_matches('Z'),
            self.rng.random_range(0..10_000_000)
        );
        let info = self.customer_info(&lead.form);
        let description = if lead.description.is_empty() { " " } else { &lead.description };
        let dump = self.dump(time);
        let stem = format!("raw/table/marketplaceleads-{}", time.format("%Y-%m"));
        let columns: &[(&str, &str)] = &[
            ("PartitionKey", &partition),
            ("RowKey", &row),
            ("Timestamp", &stamp),
            ("ProductId", offer_id),
            ("CustomerInfo", &info),
            ("LeadSource", source),
            ("ActionCode", lead.action),
            ("OfferDisplayName", offer_title),
            ("CreatedTime", &created),
            ("Description", description),
        ];
        let mut bytes = Vec::with_capacity(700);
        match dump {
            Dump::TypedCsv => {
                let (file, _) = self.file(files, &stem, ".typed.csv", &|| header(TYPED, b','), b"")?;
                let mut fields: Vec<&str> = Vec::with_capacity(TYPED.len());
                for (at, (_, value)) in columns.iter().enumerate() {
                    fields.push(value);
                    if at > 2 {
                        fields.push("Edm.String");
                    }
                }
                csv_row(&mut bytes, &fields, b',', false);
                files.record(file, &bytes)?;
            }
            Dump::Json => {
                const WRAPPER: &[u8] = br#"{"odata.metadata":"https://contosoleads.table.core.windows.net/$metadata#marketplaceleads","value":["#;
                let (file, _) = self.file(files, &stem, ".json", &|| WRAPPER.to_vec(), b"\n]}\n")?;
                bytes.extend_from_slice(if files.records(file) == 0 { b"\n" } else { b",\n" });
                json_object(&mut bytes, columns);
                files.record(file, &bytes)?;
            }
            Dump::Ndjson | Dump::Gzip | Dump::Zstd => {
                json_object(&mut bytes, columns);
                bytes.push(b'\n');
                let ending = match dump {
                    Dump::Gzip => ".ndjson.gz",
                    Dump::Zstd => ".ndjson.zst",
                    _ => ".ndjson",
                };
                let (file, _) = self.file(files, &stem, ending, &Vec::new, b"")?;
                files.record(file, &bytes)?;
                // A copy of the same row in another source: one lead with two origins.
                if dump == Dump::Ndjson && self.rng.random_bool(self.plan.raw.copied) {
                    let (copy, _) = self.file(files, "raw/backup/marketplaceleads", ".ndjson", &Vec::new, b"")?;
                    files.record(copy, &bytes)?;
                }
            }
        }
        let key = format!("{partition}/{row}");
        Ok(Stored { source: "marketplace-table", lead_id: lead_id("marketplace-table", &key), key, row_key: row })
    }

    fn dump(&self, time: DateTime<Utc>) -> Dump {
        if !self.plan.raw.all_shapes {
            return Dump::Ndjson;
        }
        match time.month0() % 6 {
            0 | 3 => Dump::Json,
            1 | 4 => Dump::TypedCsv,
            2 if time.day() > 20 => Dump::Gzip,
            2 if time.day() > 10 => Dump::Zstd,
            _ => Dump::Ndjson,
        }
    }

    /// A body posted to an endpoint: a title and no offer id, three casings.
    fn body(&mut self, lead: &Lead, files: &mut Files<'_>) -> Result<Stored> {
        let form = &lead.form;
        let camel = self.rng.random_bool(0.6);
        let keys: [&str; 7] = if camel {
            ["firstName", "lastName", "email", "phone", "country", "company", "title"]
        } else {
            ["FirstName", "LastName", "Email", "Phone", "Country", "Company", "Title"]
        };
        let values = [&form.first, &form.last, &form.email, &form.phone, &form.country, &form.company, &form.title];
        let details: Vec<(&str, &str)> = keys.into_iter().zip(values.into_iter().map(String::as_str)).collect();
        let offer_title = lead.offer.map_or("", |o| title(o, lead.at, self.plan));
        let outer: [&str; 5] = if camel {
            ["userDetails", "leadSource", "actionCode", "offerTitle", "description"]
        } else {
            [
                any(&mut self.rng, &["UserDetails", "userDetails"]),
                "LeadSource",
                "ActionCode",
                "OfferTitle",
                "Description",
            ]
        };
        let single = self.bodies < 40 && self.rng.random_bool(0.2);
        let mut bytes = Vec::with_capacity(500);
        bytes.push(b'{');
        if !single {
            bytes.extend_from_slice(b"\"receivedAt\":");
            json_text(&mut bytes, &iso_time(lead.at));
            bytes.push(b',');
        }
        json_text(&mut bytes, outer[0]);
        bytes.push(b':');
        json_object(&mut bytes, &details);
        for (key, value) in [
            (outer[1], lead.storefront),
            (outer[2], lead.action),
            (outer[3], offer_title),
            (outer[4], &lead.description),
        ] {
            bytes.push(b',');
            json_text(&mut bytes, key);
            bytes.push(b':');
            json_text(&mut bytes, value);
        }
        bytes.extend_from_slice(b"}\n");
        let key = if single {
            self.bodies += 1;
            let path = format!("raw/endpoint/body-{:04}.json", self.bodies);
            files.whole(&path, DateTime::from_timestamp(lead.at, 0), &bytes)?;
            path
        } else {
            let (file, path) = self.file(files, "raw/endpoint/log", ".ndjson", &Vec::new, b"")?;
            numbered(&path, files.record(file, &bytes)?)
        };
        Ok(Stored { source: "endpoint", lead_id: lead_id("endpoint", &key), key, row_key: String::new() })
    }

    fn blob(&mut self, lead: &Lead, files: &mut Files<'_>) -> Result<Stored> {
        let created = iso_time(lead.at);
        let form = &lead.form;
        let mut bytes = Vec::with_capacity(400);
        let flat = self.rng.random_bool(0.6);
        let (file, path) = if flat {
            let source = combined_source(lead, self.plan);
            let fields = [
                &form.first, &form.last, &form.email, &form.phone, &form.country, &form.company, &form.title, &source,
                &lead.description, &created,
            ];
            csv_row(&mut bytes, &fields.map(String::as_str), b',', false);
            self.file(files, "raw/blobs/leads", ".csv", &|| header(FLAT, b','), b"")?
        } else {
            let info = self.customer_info(form);
            let offer_id = lead.offer.and_then(|o| OFFERS.get(o)).map_or("", |o| o.id);
            let offer_title = lead.offer.map_or("", |o| title(o, lead.at, self.plan));
            let fields = [&created, offer_id, &info, lead.storefront, lead.action, offer_title, &lead.description];
            csv_row(&mut bytes, &fields, b';', false);
            let ending = if self.plan.raw.all_shapes { ".csv.gz" } else { ".csv" };
            self.file(files, "raw/blobs/export", ending, &|| [BOM, &header(DECOMPOSED, b';')].concat(), b"")?
        };
        let key = numbered(&path, files.record(file, &bytes)?);
        Ok(Stored { source: "blobs", lead_id: lead_id("blobs", &key), key, row_key: String::new() })
    }

    /// An add-in lead: three columns, and only the file knows when it came.
    fn add_in(&mut self, lead: &Lead, files: &mut Files<'_>) -> Result<Stored> {
        self.add_ins += 1;
        let mut bytes = b"First Name,Last Name,Email Address\r\n".to_vec();
        csv_row(&mut bytes, &[&lead.form.first, &lead.form.last, &lead.form.email], b',', false);
        let key = format!("raw/blobs/add-in/{:05}.csv", self.add_ins);
        files.whole(&key, DateTime::from_timestamp(lead.at, 0), &bytes)?;
        Ok(Stored { source: "blobs", lead_id: lead_id("blobs", &key), key, row_key: String::new() })
    }

    fn broken(&mut self, at: i64, files: &mut Files<'_>) -> Result<()> {
        let modified = DateTime::from_timestamp(at, 0);
        let number = self.broken.len() + 1;
        let kinds = if number > SINGLE_FILES as usize { 3..4 } else { 0..4 };
        let (source, key, reason) = match self.rng.random_range(kinds) {
            0 => {
                // The documented test lead, with the comma that its documentation forgot.
                let path = format!("raw/endpoint/broken-{number:04}.json");
                let body = b"{\"userDetails\":{\"FirstName\":\"John\"},\"OfferTitle\":\"Contoso Test\"\n\"Description\":\"x\"}\n";
                files.whole(&path, modified, body)?;
                ("endpoint", path, quarantine::NOT_JSON)
            }
            1 => {
                let path = format!("raw/endpoint/broken-{number:04}.json");
                files.whole(&path, modified, &[b'{', b'"', 0xC3, 0x28, 0xA0, 0xA1, 0x00, 0xFF, b'"', b'}'])?;
                ("endpoint", path, quarantine::NOT_TEXT)
            }
            2 => {
                let path = format!("raw/endpoint/broken-{number:04}.json");
                files.whole(&path, modified, b"{\"watermark\":\"2026-04-01T00:00:00Z\",\"tool\":\"poller\"}\n")?;
                ("endpoint", path, quarantine::NOT_A_LEAD)
            }
            _ => {
                let Some(time) = modified else { return Ok(()) };
                let row = self.guid();
                let partition = format!("{}:2F{}:2F{}", time.month(), time.day(), time.year());
                let mut bytes = Vec::new();
                json_object(
                    &mut bytes,
                    &[
                        ("PartitionKey", &partition),
                        ("RowKey", &row),
                        ("Timestamp", &iso_time(at)),
                        ("CustomerInfo", "{\"FirstName\":\"John\", cut off by the"),
                        ("LeadSource", "AzureMarketplace"),
                        ("ActionCode", "INS"),
                    ],
                );
                bytes.push(b'\n');
                let (file, _) = self.file(files, "raw/table/marketplaceleads-odd", ".ndjson", &Vec::new, b"")?;
                files.record(file, &bytes)?;
                ("marketplace-table", format!("{partition}/{row}"), quarantine::CUSTOMER_INFO)
            }
        };
        self.broken.push(Broken { source, key, reason });
        Ok(())
    }

    /// `CustomerInfo`: JSON in a text; absent fields are empty, null or not there at all; now and then pretty-printed.
    fn customer_info(&mut self, form: &Form) -> String {
        let fields = [
            ("FirstName", &form.first),
            ("LastName", &form.last),
            ("Email", &form.email),
            ("Phone", &form.phone),
            ("Country", &form.country),
            ("Company", &form.company),
            ("Title", &form.title),
        ];
        let absent = self.rng.random_range(0..3);
        let kept: Vec<(&str, &str)> = fields
            .iter()
            .filter(|(_, value)| absent != 1 || !value.is_empty())
            .map(|(key, value)| (*key, value.as_str()))
            .collect();
        let mut out = Vec::with_capacity(250);
        json_object(&mut out, &kept);
        let text = String::from_utf8_lossy(&out).into_owned();
        match absent {
            2 => text.replace(":\"\"", ":null"),
            _ if self.rng.random_bool(0.05) => text.replace("\",\"", "\",\n  \"").replace("{\"", "{\n  \""),
            _ => text,
        }
    }

    fn guid(&mut self) -> String {
        guid(&mut self.rng)
    }
}

fn header(columns: &[&str], separator: u8) -> Vec<u8> {
    let mut out = Vec::new();
    csv_row(&mut out, columns, separator, false);
    out
}

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// A random GUID, version 4.
pub fn guid(rng: &mut ChaCha8Rng) -> String {
    let (a, b): (u64, u64) = (rng.random(), rng.random());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        a >> 32,
        (a >> 16) & 0xffff,
        a & 0xfff,
        0x8000 | ((b >> 48) & 0x3fff),
        b & 0xffff_ffff_ffff
    )
}

fn numbered(path: &str, record: u64) -> String {
    if record <= 1 { path.to_owned() } else { format!("{path}#{record}") }
}

/// `Source-Action|Offer` as this lead's sources write it; for test leads the token twice and the title.
pub fn combined_source(lead: &Lead, plan: &Plan) -> String {
    let offer = lead.offer.and_then(|o| OFFERS.get(o)).map_or("", |o| o.id);
    if lead.trap == "test-lead" {
        let offer_title = lead.offer.map_or("", |o| title(o, lead.at, plan));
        return format!("{0}-{0}|{offer_title}", lead.form.first);
    }
    match (lead.storefront, lead.action, offer) {
        ("", "", "") => String::new(),
        (storefront, "", "") => storefront.to_owned(),
        (storefront, action, offer) => format!("{storefront}-{action}|{offer}"),
    }
}
