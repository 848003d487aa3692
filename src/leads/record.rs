//! One stored payload → the fields of a lead, or the reason why not.
//!
//! Shapes: a table entity, a file's JSON record, the body an HTTPS endpoint was sent (in three key casings, perhaps in a
//! logger's envelope), Web-to-Lead form fields, one CSV record with its header. Keys are compared by letters and digits
//! in lower case; of repeated keys the first that says something counts; null, missing, empty and blank are one.
//! Source: Microsoft's lead management pages per destination, and the public issues where they differ from the wire.
//! What the fields mean for a lead is left to [`super`].

use std::borrow::Cow;
use std::fmt;

use encoding_rs::{UTF_16BE, UTF_16LE};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::pairs::pairs;
use crate::codes::quarantine;
use crate::{contact, lead_source, lenient};

/// Largest payload that is read, in bytes: an entity of a table has at most this.
pub(super) const LARGEST: usize = 1 << 20;

/// How often text inside text is unpacked.
const DEEPEST: usize = 4;

/// Why a payload is not a lead: a quarantine reason, and a detail without personal data.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) reason: &'static str,
    pub(super) detail: String,
}

fn refuse<T>(reason: &'static str, detail: impl Into<String>) -> Result<T, Refused> {
    Err(Refused { reason, detail: detail.into() })
}

/// What a key names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Slot {
    FirstName,
    LastName,
    FullName,
    Email,
    Phone,
    Company,
    JobTitle,
    Country,
    LeadSource,
    Source,
    Action,
    Product,
    OfferTitle,
    Offer,
    Description,
    Campaign,
    Created,
    BodyTime,
    Timestamp,
    /// CustomerInfo and UserDetails: the contact, as an object or as text that holds one.
    Contact,
    /// What a logger wraps a body in.
    Envelope,
}

const SLOTS: usize = Slot::Timestamp as usize + 1;

/// The fields found, trimmed; blank ones are absent.
#[derive(Debug, Default)]
pub(super) struct Fields {
    values: [Option<String>; SLOTS],
    /// Whether any key was seen that only leads have.
    lead: bool,
    /// Whether any key of a person was seen, which a lead may have and anything else too.
    person: u8,
    /// Whether the token of a test lead stands anywhere in the record.
    pub(super) test: bool,
}

impl Fields {
    pub(super) fn get(&self, slot: Slot) -> Option<&str> {
        self.values.get(slot as usize)?.as_deref()
    }

    pub(super) fn take(&mut self, slot: Slot) -> Option<String> {
        self.values.get_mut(slot as usize)?.take()
    }

    /// Fills a field that nothing filled yet; blank fills nothing.
    pub(super) fn put(&mut self, slot: Slot, text: &str) {
        let text = trim(text);
        if let Some(value @ None) = self.values.get_mut(slot as usize)
            && !text.is_empty()
        {
            *value = Some(text.to_owned());
        }
    }

    fn seen(&mut self, slot: Slot) {
        match slot {
            Slot::Contact | Slot::LeadSource | Slot::Product | Slot::OfferTitle => self.lead = true,
            Slot::Email => self.person += 2,
            Slot::FirstName | Slot::LastName | Slot::FullName | Slot::Phone | Slot::Action => self.person += 1,
            _ => {}
        }
    }

    /// Whether it has a name that only leads have.
    pub(super) fn is_lead_by_name(&self) -> bool {
        self.lead
    }

    fn is_lead(&self) -> bool {
        self.lead || self.person >= 2
    }
}

/// Which slot a key or a header names, if any.
fn slot(key: &str) -> Option<Slot> {
    if key.contains('@') || key.starts_with("odata.") {
        return None; // annotations: Timestamp@odata.type, Name@type, odata.etag
    }
    let plain: String = key.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    Some(match plain.as_str() {
        "customerinfo" | "userdetails" | "customer" | "contact" => Slot::Contact,
        "firstname" | "givenname" | "first" => Slot::FirstName,
        "lastname" | "surname" | "familyname" | "last" => Slot::LastName,
        "fullname" | "name" | "customername" | "contactname" => Slot::FullName,
        "email" | "emailaddress" | "emailaddress1" | "mail" | "customeremail" | "contactemail" => Slot::Email,
        "phone" | "phonenumber" | "telephone" | "telephone1" | "mobilephone" | "businessphone" => Slot::Phone,
        "company" | "companyname" | "organization" | "organisation" => Slot::Company,
        "title" | "jobtitle" => Slot::JobTitle,
        "country" | "countryregion" | "countrycode" | "address1country" => Slot::Country,
        "leadsource" => Slot::LeadSource,
        "source" | "storefront" => Slot::Source,
        "actioncode" | "action" | "leadaction" => Slot::Action,
        "productid" | "productids" | "offerid" => Slot::Product,
        "offerdisplayname" | "offertitle" | "offername" => Slot::OfferTitle,
        "offer" | "product" => Slot::Offer,
        "description" | "notes" | "comments" => Slot::Description,
        "mktcmpid" | "utmcampaign" | "campaign" | "campaigns" | "campaignid" => Slot::Campaign,
        "createdtime" => Slot::Created,
        "createdat" | "createddate" | "createdon" | "created" | "createddatetime" | "receivedat" | "receivedtime"
        | "received" | "time" | "date" | "datetime" | "eventtime" | "occurredat" | "submittedat" => Slot::BodyTime,
        "timestamp" => Slot::Timestamp,
        "body" | "payload" | "lead" | "data" | "content" | "request" | "requestbody" | "message" | "value"
        | "properties" | "fields" | "record" => Slot::Envelope,
        _ => return None,
    })
}

/// How far the names of an object's members, or of a file's columns, tell that it is a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Named {
    /// Not at all.
    Nothing,
    /// As a person, which a lead has and many a thing beside.
    Person,
    /// By a name that only leads have.
    Lead,
}

/// What names tell together; a prefix that they share (`Content.Email`) is seen through.
pub fn named<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Named {
    let mut fields = Fields::default();
    names.clone().filter_map(slot_of_header).for_each(|slot| fields.seen(slot));
    if !fields.is_lead()
        && let Some(prefix) = shared_prefix(names.clone())
    {
        names.filter_map(|name| slot_behind(name, prefix)).for_each(|slot| fields.seen(slot));
    }
    match () {
        () if fields.lead => Named::Lead,
        () if fields.is_lead() => Named::Person,
        () => Named::Nothing,
    }
}

/// Whether a text is what a column of leads is called.
pub fn is_column(text: &str) -> bool {
    slot_of_header(text).is_some()
}

/// Whether names are those of a raw lead as the marketplace stores it, with the contact in a column of its own. A record
/// whose contact cannot be read is such a lead all the same, and a broken one.
pub fn holds_contact(names: &[String]) -> bool {
    names.iter().any(|name| ["CustomerInfo", "UserDetails"].iter().any(|own| name.eq_ignore_ascii_case(own)))
}

/// The prefix, up to a dot, behind which most names are those of leads, two at least: Power Query writes `Content.Email`.
fn shared_prefix<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut found: Vec<(&str, usize)> = Vec::new();
    for name in names {
        let Some((prefix, rest)) = name.rsplit_once('.') else { continue };
        if slot_of_header(rest).is_none() {
            continue;
        }
        match found.iter_mut().find(|(known, _)| *known == prefix) {
            Some((_, count)) => *count += 1,
            None => found.push((prefix, 1)),
        }
    }
    // Of equally frequent ones the first.
    let most = found.iter().map(|(_, count)| *count).max().filter(|most| *most > 1)?;
    found.into_iter().find(|(_, count)| *count == most).map(|(prefix, _)| prefix)
}

fn slot_behind(name: &str, prefix: &str) -> Option<Slot> {
    name.strip_prefix(prefix)?.strip_prefix('.').and_then(slot_of_header)
}

/// The slots of a header's names.
fn slots<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Vec<Option<Slot>> {
    let plain: Vec<Option<Slot>> = names.clone().map(slot_of_header).collect();
    let mut fields = Fields::default();
    plain.iter().flatten().for_each(|slot| fields.seen(*slot));
    match shared_prefix(names.clone()).filter(|_| !fields.is_lead()) {
        Some(prefix) => names.zip(plain).map(|(name, slot)| slot.or_else(|| slot_behind(name, prefix))).collect(),
        None => plain,
    }
}

/// Reads a JSON payload or form fields.
pub(super) fn read_text(payload: &[u8]) -> Result<Fields, Refused> {
    let text = decode(payload, payload)?;
    let text = trim(&text);
    let mut fields = Fields { test: lead_source::is_test(text), ..Fields::default() };
    if !text.starts_with(['{', '[', '"']) && read_form(text, &mut fields) {
        return Ok(fields);
    }
    if text.is_empty() {
        return refuse(quarantine::NOT_JSON, "expected a JSON object, found nothing");
    }
    let value = match parse_json(text) {
        Ok(value) => value,
        Err(why) => return refuse(quarantine::NOT_JSON, why),
    };
    read_value(&value, &mut fields, 0)?;
    if fields.is_lead() {
        return Ok(fields);
    }
    refuse(quarantine::NOT_A_LEAD, format!("expected the fields of a lead, found {}", shape(&value)))
}

/// How one CSV header is read: its delimiter, and the slot of each column.
#[derive(Debug)]
pub(super) struct Layout {
    cutter: Cutter,
    columns: Vec<Option<Slot>>,
    encoding: Vec<u8>,
}

impl Layout {
    /// Reads a header record: of the usual delimiters the one under which most columns are known.
    pub(super) fn read(header: &[u8]) -> Result<Layout, Refused> {
        let text = decode(header, header)?;
        let mut best: Option<(usize, Layout)> = None;
        // One that is not there cuts as any other that is not there.
        let is_there = |delimiter: &u8| *delimiter == b',' || text.as_bytes().contains(delimiter);
        for delimiter in [b',', b';', b'\t', b'|'].into_iter().filter(is_there) {
            let mut cutter = Cutter::new(delimiter);
            let Some(names) = cutter.cut(trim_line(&text), false) else { continue };
            let columns = slots(names.iter().collect::<Vec<_>>().into_iter());
            let known = columns.iter().flatten().count();
            if best.as_ref().is_none_or(|(most, _)| known > *most) {
                best = Some((known, Layout { cutter, columns, encoding: header.iter().take(3).copied().collect() }));
            }
        }
        best.map(|(_, layout)| layout).map_or_else(|| refuse(quarantine::NOT_A_LEAD, "the header record is empty"), Ok)
    }

    /// Reads one record under this header.
    pub(super) fn record(&mut self, payload: &[u8]) -> Result<Fields, Refused> {
        let text = decode(payload, &self.encoding)?;
        let text = trim_line(&text);
        let first = self.fill(text, false);
        // Some exporters write \" inside a quoted field where CSV (RFC 4180) has "".
        match first {
            Err(_) if text.contains("\\\"") => self.fill(text, true).or(first),
            other => other,
        }
    }

    fn fill(&mut self, text: &str, backslashes: bool) -> Result<Fields, Refused> {
        let Some(values) = self.cutter.cut(text, backslashes) else {
            return refuse(quarantine::NOT_A_LEAD, "expected one CSV record, found nothing");
        };
        let surplus = values.iter().skip(self.columns.len()).any(|v| !trim(v).is_empty());
        if surplus {
            let detail = format!("the record has {} fields, its header {}", values.len(), self.columns.len());
            return refuse(quarantine::NOT_A_LEAD, detail);
        }
        let mut fields = Fields { test: lead_source::is_test(text), ..Fields::default() };
        for (column, value) in self.columns.iter().zip(values.iter()) {
            match column {
                Some(Slot::Contact) => {
                    fields.seen(Slot::Contact);
                    read_contact(&Json::Text(Cow::Borrowed(value)), &mut fields)?;
                }
                Some(Slot::Envelope) | None => {}
                Some(slot) => {
                    fields.seen(*slot);
                    fields.put(*slot, value);
                }
            }
        }
        // A log kept as a table: the lead is the JSON in one of its cells.
        for value in values.iter().filter_map(ends_in_object) {
            if !fields.is_lead()
                && let Ok(body) = parse_packed(value)
            {
                read_value(&body, &mut fields, 0)?;
            }
        }
        if fields.is_lead() {
            return Ok(fields);
        }
        let detail = match self.columns.len() {
            1 => "the only column of its header belongs to no lead".to_owned(),
            several => format!("none of the {several} columns of its header belongs to a lead"),
        };
        refuse(quarantine::NOT_A_LEAD, detail)
    }
}

/// The labels by which a stored record names its fields: those of its header, or the keys of its JSON and of the objects
/// in it.
pub fn labels(format: &str, header: Option<&[u8]>, payload: &[u8]) -> Vec<String> {
    if format == "csv" {
        let header = header.unwrap_or_default();
        let (Ok(mut layout), Ok(text)) = (Layout::read(header), decode(header, header)) else { return Vec::new() };
        let names = layout.cutter.cut(trim_line(&text), false);
        return names.map_or_else(Vec::new, |names| names.iter().map(|name| trim(name).to_owned()).collect());
    }
    let Ok(record) = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(payload) else {
        return Vec::new();
    };
    let inner = record.values().filter_map(serde_json::Value::as_object).flat_map(|object| object.keys().cloned());
    record.keys().cloned().chain(inner).collect()
}

/// Whether a header is one of raw leads, and no column of it can hold a contact.
pub fn names_nobody(header: &[u8]) -> bool {
    let Ok(layout) = Layout::read(header) else { return false };
    let may_hold_one = |slot: &Slot| {
        use Slot::*;
        matches!(slot, FirstName | LastName | FullName | Email | Phone | Contact | Envelope | Description)
    };
    let keys = ["partitionkey", "rowkey", "etag"];
    let of_a_key = labels("csv", Some(header), &[]);
    let of_a_key = of_a_key.iter().filter(|label| keys.contains(&label.to_lowercase().as_str())).count();
    let known: Vec<Slot> = layout.columns.iter().flatten().copied().collect();
    // A column of no known label may hold anything.
    known.len() >= 2 && known.len() + of_a_key == layout.columns.len() && !known.iter().any(may_hold_one)
}

fn slot_of_header(name: &str) -> Option<Slot> {
    slot(trim(name))
}

/// Cuts CSV records one by one. It is made once for a header: to make it costs more than to cut many records. It is never
/// cloned: a clone of csv-core's reader has lost a part of its tables.
#[derive(Debug)]
struct Cutter {
    delimiter: u8,
    /// With `""` for a quote, and with `\"`; each is made when it is asked for.
    readers: [Option<csv_core::Reader>; 2],
}

impl Cutter {
    fn new(delimiter: u8) -> Cutter {
        Cutter { delimiter, readers: [None, None] }
    }

    /// One record; `None` if there is none.
    fn cut(&mut self, text: &str, backslashes: bool) -> Option<csv::StringRecord> {
        let delimiter = self.delimiter;
        let reader = self.readers.get_mut(usize::from(backslashes))?.get_or_insert_with(|| {
            let mut builder = csv_core::ReaderBuilder::new();
            builder.delimiter(delimiter).escape(backslashes.then_some(b'\\')).double_quote(!backslashes).build()
        });
        reader.reset();
        let mut input = text.as_bytes();
        // What is cut is no longer than what it is cut from, and no cell is without a delimiter or an end.
        let cells = memchr::memchr_iter(delimiter, input).count() + 1;
        let (mut bytes, mut ends) = (vec![0; input.len() + 1], vec![0; cells + 1]);
        let (mut filled, mut found) = (0, 0);
        loop {
            let (result, read, written, ended) =
                reader.read_record(input, bytes.get_mut(filled..)?, ends.get_mut(found..)?);
            input = input.get(read..)?;
            filled += written;
            found += ended;
            match result {
                // Asked again with nothing, it ends the record.
                csv_core::ReadRecordResult::InputEmpty => {}
                csv_core::ReadRecordResult::Record => break,
                // There is room for all.
                _ => return None,
            }
        }
        let mut record = csv::StringRecord::with_capacity(filled, found);
        let mut start = 0;
        for end in ends.iter().take(found) {
            record.push_field(std::str::from_utf8(bytes.get(start..*end)?).ok()?);
            start = *end;
        }
        Some(record)
    }
}

/// The object with which the text of a cell ends, behind whatever a log says before it.
fn ends_in_object(cell: &str) -> Option<&str> {
    let cell = trim(cell);
    cell.find('{').filter(|_| cell.ends_with('}')).and_then(|at| cell.get(at..))
}

/// Web-to-Lead fields: `name = value` lines, a form body `name=value&…`, or pairs as programs print them. Whether it was one.
fn read_form(text: &str, fields: &mut Fields) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let one_line = text.lines().count() == 1;
    if one_line && text.contains('&') {
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            if let Some(slot) = slot(&name).filter(|s| (*s as usize) < SLOTS) {
                fields.seen(slot);
                fields.put(slot, &value);
            }
        }
        return fields.is_lead();
    }
    if !lines.clone().all(|line| line.contains('=')) {
        let printed = pairs_of(text).unwrap_or_default();
        for (name, value) in &printed {
            let Some(slot) = slot(name) else { continue };
            fields.seen(slot);
            if slot == Slot::Contact {
                let _ = read_contact(value, fields);
            } else if let Some(text) = scalar(value, slot) {
                fields.put(slot, &text);
            }
        }
        return fields.is_lead();
    }
    lines.by_ref().filter_map(|line| line.split_once('=')).for_each(|(name, value)| {
        if let Some(slot) = slot(name).filter(|s| (*s as usize) < SLOTS) {
            fields.seen(slot);
            fields.put(slot, value);
        }
    });
    fields.is_lead()
}

/// Takes the fields of an object, and of what it wraps.
fn read_value(value: &Json, fields: &mut Fields, depth: usize) -> Result<(), Refused> {
    if depth > DEEPEST {
        return Ok(());
    }
    match value {
        Json::Object(members) => {
            let slots = slots(members.iter().map(|(key, _)| key.as_ref()));
            for ((_, value), slot) in members.iter().zip(slots) {
                match slot {
                    Some(Slot::Contact) => {
                        fields.seen(Slot::Contact);
                        read_contact(value, fields)?;
                    }
                    Some(Slot::Envelope) | None => {}
                    Some(slot) => {
                        fields.seen(slot);
                        if let Some(text) = scalar(value, slot) {
                            fields.put(slot, &text);
                        }
                    }
                }
            }
            if !fields.is_lead() {
                for (key, value) in members {
                    if slot(key) == Some(Slot::Envelope) {
                        read_value(value, fields, depth + 1)?;
                    }
                }
            }
            Ok(())
        }
        Json::Array(items) if items.len() == 1 => {
            items.first().map_or(Ok(()), |item| read_value(item, fields, depth + 1))
        }
        // A document that was stored as a JSON string.
        Json::Text(text) if trim(text).starts_with(['{', '[', '"']) => match parse_json(trim(text)) {
            Ok(inner) => read_value(&inner, fields, depth + 1),
            Err(_) => Ok(()),
        },
        _ => Ok(()),
    }
}

/// CustomerInfo: an object, text that holds one, or nothing.
fn read_contact(value: &Json, fields: &mut Fields) -> Result<(), Refused> {
    let mut unpacked;
    let mut value = value;
    for _ in 0..DEEPEST {
        match value {
            Json::Null => return Ok(()),
            Json::Object(members) => {
                // Some table tools write a property as { "value": …, "type": … }.
                if let Some(inner) = typed_value(members) {
                    unpacked = inner.clone();
                    value = &unpacked;
                    continue;
                }
                return contact_members(members, fields);
            }
            Json::Text(text) if trim(text).is_empty() => return Ok(()),
            Json::Text(text) => match parse_packed(trim(text)) {
                Ok(inner) => {
                    unpacked = inner.into_owned();
                    value = &unpacked;
                }
                Err(why) => match pairs_of(text) {
                    Some(members) => return contact_members(&members, fields),
                    None => return refuse(quarantine::CUSTOMER_INFO, format!("CustomerInfo: {why}")),
                },
            },
            other => {
                return refuse(
                    quarantine::CUSTOMER_INFO,
                    format!("CustomerInfo: expected an object, found {}", shape(other)),
                );
            }
        }
    }
    refuse(quarantine::CUSTOMER_INFO, format!("CustomerInfo: text inside text more than {DEEPEST} deep"))
}

/// The members of an object that was printed as pairs.
fn pairs_of(text: &str) -> Option<Vec<(Cow<'static, str>, Json<'static>)>> {
    let is_known = |name: &str| slot(name).is_some_and(|slot| (slot as usize) < SLOTS);
    let is_form = text.contains('&') && text.contains('=') && !text.contains(char::is_whitespace);
    let form = || -> Vec<(String, String)> { url::form_urlencoded::parse(text.as_bytes()).into_owned().collect() };
    let found = match is_form.then(form).filter(|form| form.iter().filter(|(name, _)| is_known(name)).count() > 1) {
        Some(form) => form,
        None => pairs(text, is_known)?,
    };
    Some(found.into_iter().map(|(name, value)| (Cow::Owned(name), Json::Text(Cow::Owned(value)))).collect())
}

fn contact_members(members: &[(Cow<'_, str>, Json<'_>)], fields: &mut Fields) -> Result<(), Refused> {
    let mut known = members.is_empty();
    for (key, value) in members {
        let Some(slot) = slot(key).filter(|s| (*s as usize) < SLOTS) else { continue };
        known = true;
        if let Some(text) = scalar(value, slot) {
            fields.put(slot, &text);
        }
    }
    if known {
        return Ok(());
    }
    let detail = match members.len() {
        1 => "CustomerInfo: its only member is no field of a contact".to_owned(),
        several => format!("CustomerInfo: none of its {several} members is a field of a contact"),
    };
    refuse(quarantine::CUSTOMER_INFO, detail)
}

/// JSON that an export may have escaped once more: `{\"a\":…`, `{""a"":…`, or with raw line breaks in its texts.
fn parse_packed(text: &str) -> Result<Json<'_>, String> {
    let why = match parse_json(text) {
        Ok(value) => return Ok(value),
        Err(why) => why,
    };
    let head: String = text.chars().filter(|c| !c.is_whitespace()).take(3).collect();
    let again = |text: String| parse_json(&text).ok().map(Json::into_owned);
    let rescued = if head.starts_with("{\\\"") {
        again(format!("\"{}\"", escape_controls(text)))
    } else if head.starts_with("{\"\"") {
        again(text.replace("\"\"", "\""))
    } else if head.starts_with("{&") {
        // A page or an XML log has its quotes as entities.
        again(contact::without_entities(text).into_owned())
    } else {
        None
    };
    rescued.ok_or(why)
}

/// Control characters that stand raw in what is to be one JSON text, escaped.
fn escape_controls(text: &str) -> String {
    let mut result = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c as u32 {
            control @ 0..0x20 => result.push_str(&format!("\\u{control:04x}")),
            _ => result.push(c),
        }
    }
    result
}

/// The text of a scalar; of a list its first; of other things their JSON where it is a note.
fn scalar<'a>(value: &'a Json, slot: Slot) -> Option<Cow<'a, str>> {
    match value {
        Json::Null => None,
        Json::Text(text) => Some(Cow::Borrowed(text)),
        Json::Other(text) => Some(Cow::Borrowed(text)),
        Json::Object(members) => match typed_value(members) {
            Some(inner) if !matches!(inner, Json::Object(_)) => scalar(inner, slot),
            _ => matches!(slot, Slot::Description).then(|| Cow::Owned(value.to_string())),
        },
        Json::Array(items) if slot != Slot::Description => {
            items.iter().filter(|i| !matches!(i, Json::Object(_) | Json::Array(_))).find_map(|i| scalar(i, slot))
        }
        Json::Array(_) => Some(Cow::Owned(value.to_string())),
    }
}

/// The value of `{ "value": …, "type": … }` or `{ "_": …, "$": … }`, as table tools write a property.
fn typed_value<'a, 'de>(members: &'a [(Cow<'de, str>, Json<'de>)]) -> Option<&'a Json<'de>> {
    if members.len() > 2 {
        return None;
    }
    // Databases tell the type by the name: `{ "S": … }`, `{ "$date": … }`, `{ "stringValue": … }`.
    const TYPES: &[&str] = &[
        "S", "N", "BOOL", "M", "L", "B", "$date", "$oid", "$uuid", "$numberLong", "$numberInt", "$numberDouble",
        "$numberDecimal", "stringValue", "timestampValue", "integerValue", "doubleValue", "booleanValue", "mapValue",
        "#text", "$t", "$value",
    ];
    if let [(key, value)] = members
        && TYPES.contains(&key.as_ref())
    {
        return Some(value);
    }
    members.iter().find(|(key, _)| key == "_" || key.eq_ignore_ascii_case("value")).map(|(_, value)| value)
}

/// A JSON value that keeps repeated keys and the text of numbers.
#[derive(Clone, Debug)]
enum Json<'de> {
    Null,
    Text(Cow<'de, str>),
    /// A number or a boolean, as written.
    Other(Cow<'de, str>),
    Array(Vec<Json<'de>>),
    Object(Vec<(Cow<'de, str>, Json<'de>)>),
}

impl Json<'_> {
    fn into_owned(self) -> Json<'static> {
        match self {
            Json::Null => Json::Null,
            Json::Text(text) => Json::Text(Cow::Owned(text.into_owned())),
            Json::Other(text) => Json::Other(Cow::Owned(text.into_owned())),
            Json::Array(items) => Json::Array(items.into_iter().map(Json::into_owned).collect()),
            Json::Object(members) => Json::Object(
                members.into_iter().map(|(key, value)| (Cow::Owned(key.into_owned()), value.into_owned())).collect(),
            ),
        }
    }
}

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: &str| serde_json::to_string(text).unwrap_or_default();
        match self {
            Json::Null => f.write_str("null"),
            Json::Text(text) => f.write_str(&quoted(text)),
            Json::Other(text) => f.write_str(text),
            Json::Array(items) => {
                let items: Vec<_> = items.iter().map(Json::to_string).collect();
                write!(f, "[{}]", items.join(","))
            }
            Json::Object(members) => {
                let members: Vec<_> = members.iter().map(|(key, value)| format!("{}:{value}", quoted(key))).collect();
                write!(f, "{{{}}}", members.join(","))
            }
        }
    }
}

/// The member under which serde_json hands over a number that keeps its digits.
const NUMBER: &str = "$serde_json::private::Number";

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Json<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }
            fn visit_unit<E>(self) -> Result<Json<'de>, E> {
                Ok(Json::Null)
            }
            fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
                Ok(Json::Other(Cow::Borrowed(if value { "true" } else { "false" })))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
                Ok(Json::Other(Cow::Owned(value.to_string())))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
                Ok(Json::Other(Cow::Owned(value.to_string())))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Json<'de>, E> {
                Ok(Json::Other(Cow::Owned(value.to_string())))
            }
            fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Json<'de>, E> {
                Ok(Json::Text(Cow::Borrowed(value)))
            }
            fn visit_str<E>(self, value: &str) -> Result<Json<'de>, E> {
                Ok(Json::Text(Cow::Owned(value.to_owned())))
            }
            fn visit_string<E>(self, value: String) -> Result<Json<'de>, E> {
                Ok(Json::Text(Cow::Owned(value)))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json<'de>, A::Error> {
                let mut all = Vec::new();
                while let Some(item) = items.next_element()? {
                    all.push(item);
                }
                Ok(Json::Array(all))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json<'de>, A::Error> {
                let mut all: Vec<(Cow<'de, str>, Json<'de>)> = Vec::new();
                while let Some(key) = members.next_key::<Json<'de>>()? {
                    let key = match key {
                        Json::Text(key) | Json::Other(key) => key,
                        _ => Cow::Borrowed(""),
                    };
                    let value = members.next_value::<Json<'de>>()?;
                    if key == NUMBER
                        && all.is_empty()
                        && let Json::Text(digits) = value
                    {
                        return Ok(Json::Other(digits));
                    }
                    all.push((key, value));
                }
                Ok(Json::Object(all))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// Parses JSON, mended where a reading is safe; the message says where it ends being JSON, never what stands there.
fn parse_json(text: &str) -> Result<Json<'_>, String> {
    let why = match serde_json::from_str(text) {
        Ok(value) => return Ok(value),
        Err(why) => why,
    };
    if let Some(mended) = lenient::json(text)
        && let Ok(value) = serde_json::from_str::<Json<'_>>(&mended)
    {
        return Ok(value.into_owned());
    }
    let what = match why.classify() {
        serde_json::error::Category::Eof => "ends too early",
        _ => "is not JSON",
    };
    Err(format!("the text {what} at line {} column {}", why.line(), why.column()))
}

/// What a value is, without what it says.
fn shape(value: &Json) -> String {
    match value {
        Json::Null => "null".into(),
        Json::Text(_) => "a text".into(),
        Json::Other(_) => "a number or a truth value".into(),
        Json::Array(items) => format!("a list of {}", items.len()),
        Json::Object(members) => format!("an object of {} other members", members.len()),
    }
}

/// Bytes → text: UTF-16 behind a byte order mark (`start`: of the file, of which this may be a piece), else UTF-8 in
/// which a wrong byte costs its character.
fn decode<'a>(bytes: &'a [u8], start: &[u8]) -> Result<Cow<'a, str>, Refused> {
    if bytes.len() > LARGEST {
        return refuse(quarantine::TOO_LARGE, format!("{} bytes, expected at most {LARGEST}", bytes.len()));
    }
    let utf16 = match start {
        [0xff, 0xfe, ..] => Some(UTF_16LE),
        [0xfe, 0xff, ..] => Some(UTF_16BE),
        _ => None,
    };
    let Some(encoding) = utf16 else { return Ok(lenient::text(bytes)) };
    match encoding.decode_with_bom_removal(bytes) {
        (_, true) => refuse(quarantine::NOT_TEXT, "expected UTF-16 text, found other bytes"),
        (text, false) => Ok(text),
    }
}

/// White space and the byte order mark off both ends.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
}

/// Line ends and the byte order mark only: a tab at an end is an empty field.
fn trim_line(text: &str) -> &str {
    text.trim_matches(['\r', '\n', '\u{feff}'])
}

/// The campaign that notes name: `Campaigns: x`, or the parameters of the storefront link as JSON text or as a query.
pub(super) fn campaign(notes: &str) -> Option<String> {
    let notes = trim(notes);
    let text = if let Some(label) = notes.get(..10).filter(|l| l.eq_ignore_ascii_case("campaigns:")) {
        notes.get(label.len()..).and_then(|rest| rest.lines().next()).map(str::to_owned)
    } else if notes.starts_with(['{', '"']) {
        let mut value = parse_packed(notes).ok()?.into_owned();
        for _ in 0..DEEPEST {
            let Json::Text(text) = &value else { break };
            value = parse_packed(trim(text)).ok()?.into_owned();
        }
        let Json::Object(members) = value else { return None };
        ["mktcmpid", "utm_campaign", "campaign", "campaignid", "campaigns"].iter().find_map(|name| {
            let (_, value) = members.iter().find(|(key, _)| trim(key).eq_ignore_ascii_case(name))?;
            scalar(value, Slot::Campaign).map(Cow::into_owned).filter(|text| !trim(text).is_empty())
        })
    } else if notes.contains("mktcmpid=") || notes.contains("utm_campaign=") {
        let query = notes.rsplit('?').next().unwrap_or_default().split_whitespace().next().unwrap_or_default();
        let find = |name| url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name);
        find("mktcmpid").or_else(|| find("utm_campaign")).map(|(_, value)| value.into_owned())
    } else {
        None
    };
    text.map(|text| trim(&text).chars().take(255).collect::<String>()).filter(|text| !text.is_empty())
}
