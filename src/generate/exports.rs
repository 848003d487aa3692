//! CRM exports of each night, in the layouts that the products write.

use chrono::{DateTime, Days, Utc};

use super::delivery::{Change, Record};
use super::files::{FileNumber, Files, csv_row, json_object, json_text};
use super::journeys::{OFFERS, iso_time, title};
use super::plan::{DAY, Destination, HOUR, OfferText, Plan, Times, Trouble};
use super::typed::Form;
use crate::config::DestinationKind;
use crate::error::Result;

/// Writes one destination's exports, one folder for each night.
#[derive(Debug)]
pub struct ExportWriter<'a> {
    plan: &'a Plan,
    destination: &'a Destination,
    nights: Vec<Night>,
}

#[derive(Debug)]
struct Night {
    taken: i64,
    folder: String,
    leads: Option<FileNumber>,
    part: u32,
    opportunities: Option<FileNumber>,
    contacts: Option<FileNumber>,
}

/// A record as it stands at a time.
struct State<'a> {
    form: &'a Form,
    source: Option<(&'static str, &'static str, Option<usize>)>,
    modified: i64,
    active: Option<i64>,
    stage: Stage,
    converted: Option<i64>,
    closed: Option<i64>,
    merged: Option<u64>,
    deleted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    New,
    Working,
    Disqualified,
    Converted,
    Won,
    Lost,
}

/// Rows of one file before the next is begun.
const PART: u64 = 1_000_000;
/// The view of one owner shows this one.
const THE_OWNER: usize = 1;
const OWNER_NAMES: [&str; 5] = ["Dana Ortiz", "Kim Berg", "Lee Novak", "Marketplace Queue", "Sam Okoye"];

impl<'a> ExportWriter<'a> {
    /// Nothing is written yet.
    pub fn new(plan: &'a Plan, destination: &'a Destination) -> Self {
        let nights = plan.nights.iter().map(|night| Night {
            taken: Plan::midnight(*night) + DAY - destination.view.taken_before_midnight,
            folder: format!("exports/{}/{night}", destination.name),
            leads: None,
            part: 0,
            opportunities: None,
            contacts: None,
        });
        ExportWriter { plan, destination, nights: nights.collect() }
    }

    /// Writes the records of one group into every night's export that shows them; for each record, what each night does
    /// with it: `1` shows it, `-` leaves it out although the CRM holds it, `0` has none (any more).
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&mut self, records: &[Record], files: &mut Files<'_>) -> Result<Vec<String>> {
        let mut seen = vec![String::new(); records.len()];
        for index in 0..self.nights.len() {
            for (record, seen) in records.iter().zip(&mut seen) {
                seen.push(self.row(index, record, files)?);
            }
        }
        Ok(seen)
    }

    fn row(&mut self, index: usize, record: &Record, files: &mut Files<'_>) -> Result<char> {
        let Some(night) = self.nights.get(index) else { return Ok('0') };
        let (taken, view, kind) = (night.taken, self.destination.view, self.destination.kind);
        if record.created > taken {
            return Ok('0');
        }
        let state = state(record, taken);
        // Only Salesforce can show what was deleted; a merge Dynamics can show too.
        let gone = match kind {
            DestinationKind::Salesforce => (state.deleted || state.merged.is_some()) && !view.deleted,
            DestinationKind::Dynamics => state.deleted || (state.merged.is_some() && !view.deleted),
            _ => state.deleted || state.merged.is_some(),
        };
        let hidden = view.window_days.is_some_and(|days| record.created < taken - days * DAY)
            || (view.one_owner && record.owner != THE_OWNER)
            || (!view.converted && state.converted.is_some());
        if gone {
            return Ok('0');
        }
        if hidden || self.is_troubled(index, record, &state) {
            return Ok('-');
        }
        let mut bytes = Vec::with_capacity(400);
        let source = self.source_text(record, &state);
        if view.trouble == Some(Trouble::ByContact) && state.converted.is_some() {
            self.contact(index, record, &state, &source, files)?;
            return Ok('1');
        }
        match kind {
            DestinationKind::Salesforce => self.salesforce(&mut bytes, record, &state, &source),
            DestinationKind::Hubspot => self.hubspot(&mut bytes, record, &state, &source),
            DestinationKind::Dynamics => self.dynamics(&mut bytes, record, &state, &source),
            DestinationKind::Marketo => self.marketo(&mut bytes, record, &state, &source),
            DestinationKind::Csv => self.any_csv(&mut bytes, record, &state, &source),
            DestinationKind::Https => self.posted(&mut bytes, record, &state),
        }
        let file = self.file(index, files)?;
        files.record(file, &bytes)?;
        if kind == DestinationKind::Salesforce && view.opportunities && state.converted.is_some() {
            self.opportunity(index, record, &state, files)?;
        }
        Ok('1')
    }

    /// Whether the export's trouble leaves this record out of a night.
    fn is_troubled(&self, index: usize, record: &Record, state: &State<'_>) -> bool {
        let is_last = index + 1 == self.nights.len();
        let taken = self.nights.get(index).map_or(0, |night| night.taken);
        match self.destination.view.trouble {
            Some(Trouble::Missing) => is_last,
            Some(Trouble::Shrunk) => is_last && record.owner == THE_OWNER,
            Some(Trouble::CutOff) => is_last && record.created > taken - 4 * DAY,
            Some(Trouble::Modified(days)) => state.modified < taken - days * DAY,
            Some(Trouble::WithoutClosed) => {
                state.closed.is_some() || matches!(state.stage, Stage::Disqualified | Stage::Won | Stage::Lost)
            }
            Some(Trouble::SourceChanged | Trouble::KeyOfPlace | Trouble::HalfTranslated | Trouble::ByContact)
            | None => false,
        }
    }

    fn file(&mut self, index: usize, files: &mut Files<'_>) -> Result<FileNumber> {
        if let Some(file) = self.nights.get(index).and_then(|night| night.leads) {
            if files.records(file) < PART {
                return Ok(file);
            }
            files.finish(file)?;
        }
        let (header, ending) = self.header();
        let Some(night) = self.nights.get_mut(index) else { unreachable!("nights are counted by their own length") };
        night.part += 1;
        let part = if night.part == 1 { String::new() } else { format!("-{}", night.part) };
        let path = format!("{}/leads{part}{ending}", night.folder);
        let file = files.start(&path, instant(night.taken), &header, b"")?;
        night.leads = Some(file);
        Ok(file)
    }

    /// Makes sure that every night has a file, if only with its header.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn finish(&mut self, files: &mut Files<'_>) -> Result<()> {
        for index in 0..self.nights.len() {
            if self.destination.view.trouble == Some(Trouble::Missing) && index + 1 == self.nights.len() {
                continue;
            }
            self.file(index, files)?;
        }
        Ok(())
    }

    /// The record id as the CRM writes it.
    pub fn record_id(&self, serial: u64) -> String {
        let scattered = scatter(serial);
        match self.destination.kind {
            DestinationKind::Salesforce => salesforce_id("00Q", scattered),
            DestinationKind::Dynamics => format!(
                "{:08x}-{:04x}-f011-8aef-{:012x}",
                scattered >> 32,
                (scattered >> 16) & 0xffff,
                0x000d_3a00_0000 + serial
            ),
            DestinationKind::Hubspot => (76_000_000_000 + serial * 3).to_string(),
            DestinationKind::Marketo => (1_031_000 + serial).to_string(),
            DestinationKind::Csv => format!("C-{serial:07}"),
            DestinationKind::Https => {
                format!("exports/{}#{serial}", self.destination.name)
            }
        }
    }

    fn source_text(&self, record: &Record, state: &State<'_>) -> String {
        let Some((storefront, action, offer)) = state.source else { return record.source_text.clone() };
        let is_later = record.created > (self.plan.start() + self.plan.end()) / 2;
        if is_later && self.destination.view.trouble == Some(Trouble::SourceChanged) {
            return "Partner channel / inbound".to_owned();
        }
        if !self.destination.view.lead_source {
            return "Microsoft.com Referral".to_owned();
        }
        let offer = offer.map_or("", |o| match self.destination.view.offer {
            OfferText::Id => OFFERS.get(o).map_or("", |o| o.id),
            OfferText::Title => title(o, record.created, self.plan),
        });
        match (storefront, action, offer) {
            // An add-in lead says nothing; the forwarder writes where it came from.
            ("", "", "") => "AppSource".to_owned(),
            (storefront, action, "") => format!("{storefront}-{action}"),
            (storefront, action, offer) => format!("{storefront}-{action}|{offer}"),
        }
    }

    fn time(&self, at: i64, exact: &str) -> String {
        let view = self.destination.view;
        let shown = at + view.shifted_hours * HOUR;
        if view.times == Times::Seconds && view.shifted_hours == 0 {
            // By far the most usual, and three times as quick as formatting by a pattern.
            let iso = iso_time(shown);
            match exact {
                "%Y-%m-%dT%H:%M:%SZ" => return iso,
                "%Y-%m-%dT%H:%M:%S.000Z" => return iso.replace('Z', ".000Z"),
                _ => {}
            }
        }
        let format = match view.times {
            Times::Seconds if view.shifted_hours != 0 => "%Y-%m-%d %H:%M:%S",
            Times::Seconds => exact,
            Times::Minutes => "%Y-%m-%d %H:%M",
            Times::Days => "%Y-%m-%d",
        };
        instant(shown).map(|t| t.format(format).to_string()).unwrap_or_default()
    }

    fn header(&self) -> (Vec<u8>, &'static str) {
        let mut out = Vec::new();
        match self.destination.kind {
            DestinationKind::Salesforce => {
                out.extend_from_slice("\u{feff}".as_bytes());
                let mut columns = SALESFORCE.to_vec();
                if self.destination.view.trouble == Some(Trouble::HalfTranslated) {
                    for (label, other) in TRANSLATED {
                        columns.iter_mut().filter(|column| *column == label).for_each(|column| *column = other);
                    }
                }
                if self.destination.view.key {
                    columns.push(KEY_COLUMN);
                }
                csv_row(&mut out, &columns, b',', true);
            }
            DestinationKind::Hubspot => csv_row(&mut out, HUBSPOT, b',', true),
            DestinationKind::Dynamics => csv_row(&mut out, DYNAMICS, b',', false),
            DestinationKind::Marketo => csv_row(&mut out, MARKETO, b',', false),
            DestinationKind::Csv => csv_row(&mut out, ANY_CSV, b';', false),
            DestinationKind::Https => return (out, ".ndjson"),
        }
        (out, ".csv")
    }

    fn salesforce(&self, out: &mut Vec<u8>, record: &Record, state: &State<'_>, source: &str) {
        let exact = "%Y-%m-%dT%H:%M:%S.000Z";
        let master = state.merged.map(|serial| self.record_id(serial)).unwrap_or_default();
        let opportunity = state.converted.map(|_| salesforce_id("006", scatter(record.serial))).unwrap_or_default();
        let status = match state.stage {
            Stage::New => "Open - Not Contacted",
            Stage::Working => "Working - Contacted",
            Stage::Disqualified => "Closed - Not Converted",
            Stage::Converted | Stage::Won | Stage::Lost => "Closed - Converted",
        };
        let placeholder = if state.form.company.is_empty() { "[not provided]" } else { &state.form.company };
        let id = self.record_id(record.serial);
        let owner = format!("0055g00000{}AAA", OWNER_IDS.get(record.owner).copied().unwrap_or("A1b2c"));
        let date = |at: Option<i64>| at.and_then(instant).map(|t| t.date_naive().to_string()).unwrap_or_default();
        let flag = |on: bool| if on { "true" } else { "false" };
        let (converted_on, activity) = (date(state.converted), date(state.active));
        let (created, modified) = (self.time(record.created, exact), self.time(state.modified, exact));
        let key = match self.destination.view.trouble {
            Some(Trouble::KeyOfPlace) => format!("leads/2025/{}.json", record.row_key),
            _ => record.row_key.clone(),
        };
        let form = state.form;
        let last = if form.last.is_empty() { "[not provided]" } else { &form.last };
        let mut fields = vec![
            id.as_str(),
            flag(state.deleted || state.merged.is_some()),
            &master,
            last,
            &form.first,
            &form.title,
            placeholder,
            form.email.trim(),
            &form.phone,
            &form.country,
            &record.description,
            source,
            status,
            &owner,
            OWNER_NAMES.get(record.owner).copied().unwrap_or_default(),
            flag(state.converted.is_some()),
            &converted_on,
            &opportunity,
            flag(record.opted_out),
            &created,
            &modified,
            &activity,
        ];
        if self.destination.view.key {
            fields.push(key.as_str());
        }
        csv_row(out, &fields, b',', true);
    }

    /// What Salesforce makes of a lead that is converted, in a file of its own.
    fn contact(
        &mut self,
        index: usize,
        record: &Record,
        state: &State<'_>,
        source: &str,
        files: &mut Files<'_>,
    ) -> Result<()> {
        let exact = "%Y-%m-%dT%H:%M:%S.000Z";
        let made = self.time(state.converted.unwrap_or(record.created), exact);
        let modified = self.time(state.modified, exact);
        let Some(Night { folder, taken, contacts, .. }) = self.nights.get_mut(index) else { return Ok(()) };
        let file = begun(contacts, &format!("{folder}/contacts.csv"), *taken, CONTACT, files)?;
        let (form, mut bytes) = (state.form, Vec::new());
        csv_row(
            &mut bytes,
            &[
                &salesforce_id("003", scatter(record.serial)),
                &salesforce_id("001", scatter(record.serial)),
                &form.last,
                &form.first,
                &form.title,
                form.email.trim(),
                &form.phone,
                &form.country,
                source,
                OWNER_NAMES.get(record.owner).copied().unwrap_or_default(),
                &made,
                &modified,
            ],
            b',',
            true,
        );
        files.record(file, &bytes).map(|_| ())
    }

    fn opportunity(&mut self, index: usize, record: &Record, state: &State<'_>, files: &mut Files<'_>) -> Result<()> {
        let Some(Night { folder, taken, opportunities, .. }) = self.nights.get_mut(index) else { return Ok(()) };
        let file = begun(opportunities, &format!("{folder}/opportunities.csv"), *taken, OPPORTUNITY, files)?;
        let (stage, closed, won) = match state.stage {
            Stage::Won => ("Closed Won", "true", "true"),
            Stage::Lost => ("Closed Lost", "true", "false"),
            _ => ("Qualification", "false", "false"),
        };
        let at = state.converted.unwrap_or(record.created);
        let text = |at: i64, format: &str| instant(at).map(|t| t.format(format).to_string()).unwrap_or_default();
        let closes = instant(state.closed.unwrap_or(at))
            .and_then(|t| t.date_naive().checked_add_days(Days::new(if state.closed.is_some() { 0 } else { 60 })))
            .map(|d| d.to_string())
            .unwrap_or_default();
        let name = format!("{} - {}", state.form.company, record.serial);
        let amount = format!("{}.0", 1_200 + scatter(record.serial) % 400 * 100);
        // Two of the offers are sold in Europe.
        let offer = record.source.and_then(|(_, _, offer)| offer);
        let currency = if matches!(offer, Some(2 | 4)) { "EUR" } else { "USD" };
        let mut bytes = Vec::new();
        let exact = "%Y-%m-%dT%H:%M:%S.000Z";
        csv_row(
            &mut bytes,
            &[
                &salesforce_id("006", scatter(record.serial)),
                &salesforce_id("001", scatter(record.serial)),
                &name,
                stage,
                &amount,
                currency,
                &closes,
                closed,
                won,
                &text(at, exact),
                &text(state.closed.unwrap_or(at), exact),
            ],
            b',',
            true,
        );
        files.record(file, &bytes).map(|_| ())
    }

    fn hubspot(&self, out: &mut Vec<u8>, record: &Record, state: &State<'_>, source: &str) {
        let form = state.form;
        let (status, lifecycle) = match state.stage {
            Stage::New => ("New", "Lead"),
            Stage::Working => ("In progress", "Marketing Qualified Lead"),
            Stage::Disqualified => ("Unqualified", "Lead"),
            Stage::Converted | Stage::Lost => ("Open deal", "Opportunity"),
            Stage::Won => ("Open deal", "Customer"),
        };
        let exact = "%Y-%m-%d %H:%M:%S";
        let fields = [
            self.record_id(record.serial),
            form.first.clone(),
            form.last.clone(),
            form.email.trim().to_lowercase(),
            form.phone.clone(),
            form.title.clone(),
            form.company.clone(),
            form.country.clone(),
            OWNER_NAMES.get(record.owner).copied().unwrap_or_default().to_owned(),
            status.to_owned(),
            lifecycle.to_owned(),
            self.time(record.created, exact),
            self.time(state.modified, exact),
            state.active.map(|at| self.time(at, exact)).unwrap_or_default(),
            source.to_owned(),
            record.description.clone(),
        ];
        csv_row(out, &fields.each_ref().map(String::as_str), b',', true);
    }

    fn dynamics(&self, out: &mut Vec<u8>, record: &Record, state: &State<'_>, source: &str) {
        let form = state.form;
        let (status, reason) = match state.stage {
            Stage::New => ("Open", "New"),
            Stage::Working => ("Open", "Contacted"),
            Stage::Disqualified => ("Disqualified", "Lost"),
            Stage::Converted | Stage::Won | Stage::Lost => ("Qualified", "Qualified"),
        };
        let exact = "%Y-%m-%dT%H:%M:%SZ";
        let cut = |text: &str, limit: usize| text.chars().take(limit).collect::<String>();
        let channel = if state.source.is_some() || source.contains("MSFT_TEST") { "Web" } else { "Trade Show" };
        let fields = [
            self.record_id(record.serial),
            format!("{:x}==", scatter(record.serial)),
            self.time(state.modified, exact),
            source.to_owned(),
            cut(&form.first, 50),
            cut(&form.last, 50),
            cut(&form.title, 100),
            cut(&form.company, 100),
            form.email.trim().to_owned(),
            cut(&form.phone, 50),
            form.country.clone(),
            cut(&record.description, 2000),
            channel.to_owned(),
            status.to_owned(),
            reason.to_owned(),
            OWNER_NAMES.get(record.owner).copied().unwrap_or_default().to_owned(),
            state.merged.map(|serial| self.record_id(serial)).unwrap_or_default(),
            self.time(record.created, exact),
        ];
        csv_row(out, &fields.each_ref().map(String::as_str), b',', false);
    }

    fn marketo(&self, out: &mut Vec<u8>, record: &Record, state: &State<'_>, source: &str) {
        let form = state.form;
        let null = |text: &str| if text.is_empty() { "null".to_owned() } else { text.to_owned() };
        let status = match state.stage {
            Stage::New => "New",
            Stage::Working => "Working",
            Stage::Disqualified => "Disqualified",
            Stage::Converted | Stage::Lost => "Qualified",
            Stage::Won => "Customer",
        };
        let exact = "%Y-%m-%dT%H:%M:%SZ";
        let fields = [
            self.record_id(record.serial),
            null(&form.first),
            null(&form.last),
            null(form.email.trim()),
            null(&form.company),
            null(&form.title),
            null(&form.phone),
            null(&form.country),
            null(source),
            status.to_owned(),
            record.opted_out.to_string(),
            self.time(record.created, exact),
            self.time(state.modified, exact),
        ];
        csv_row(out, &fields.each_ref().map(String::as_str), b',', false);
    }

    fn any_csv(&self, out: &mut Vec<u8>, record: &Record, state: &State<'_>, source: &str) {
        let form = state.form;
        let stage = match state.stage {
            Stage::New => "new",
            Stage::Working => "in contact",
            Stage::Disqualified => "rejected",
            Stage::Converted | Stage::Lost => "offer made",
            Stage::Won => "customer",
        };
        let fields = [
            self.record_id(record.serial),
            form.first.clone(),
            form.last.clone(),
            form.email.trim().to_owned(),
            form.phone.clone(),
            form.company.clone(),
            source.to_owned(),
            stage.to_owned(),
            OWNER_NAMES.get(record.owner).copied().unwrap_or_default().to_owned(),
            self.time(record.created, "%d.%m.%Y %H:%M:%S"),
        ];
        csv_row(out, &fields.each_ref().map(String::as_str), b';', false);
    }

    fn posted(&self, out: &mut Vec<u8>, record: &Record, state: &State<'_>) {
        let form = state.form;
        let (storefront, action, offer) = state.source.unwrap_or(("Web", "", None));
        out.extend_from_slice(b"{\"receivedAt\":");
        json_text(out, &iso_time(record.created));
        out.extend_from_slice(b",\"userDetails\":");
        json_object(
            out,
            &[
                ("firstName", &form.first),
                ("lastName", &form.last),
                ("email", &form.email),
                ("phone", &form.phone),
                ("country", &form.country),
                ("company", &form.company),
                ("title", &form.title),
            ],
        );
        let offer = offer.map_or("", |o| title(o, record.created, self.plan));
        for (key, value) in [
            ("leadSource", storefront),
            ("actionCode", action),
            ("offerTitle", offer),
            ("description", record.description.as_str()),
        ] {
            out.push(b',');
            json_text(out, key);
            out.push(b':');
            json_text(out, value);
        }
        out.extend_from_slice(b"}\n");
    }
}

/// Column in which forwarders keep the raw lead's RowKey.
pub const KEY_COLUMN: &str = "Marketplace_Row__c";

const SALESFORCE: &[&str] = &[
    "Id", "IsDeleted", "MasterRecordId", "LastName", "FirstName", "Title", "Company", "Email", "Phone", "Country",
    "Description", "LeadSource", "Status", "OwnerId", "Owner.Name", "IsConverted", "ConvertedDate",
    "ConvertedOpportunityId", "HasOptedOutOfEmail", "CreatedDate", "LastModifiedDate", "LastActivityDate",
];
/// Headers as somebody's report names them, by those of the product.
const TRANSLATED: &[(&str, &str)] = &[
    ("LastName", "Nachname"),
    ("Email", "E-Mail"),
    ("Company", "Firma"),
    ("CreatedDate", "Erstelldatum"),
    ("LeadSource", "Lead-Quelle"),
];
const CONTACT: &[&str] = &[
    "Id", "AccountId", "LastName", "FirstName", "Title", "Email", "Phone", "MailingCountry", "LeadSource",
    "Owner.Name", "CreatedDate", "LastModifiedDate",
];
const OPPORTUNITY: &[&str] = &[
    "Id", "AccountId", "Name", "StageName", "Amount", "CurrencyIsoCode", "CloseDate", "IsClosed", "IsWon",
    "CreatedDate", "LastModifiedDate",
];
const HUBSPOT: &[&str] = &[
    "Record ID", "First Name", "Last Name", "Email", "Phone Number", "Job Title", "Company Name", "Country/Region",
    "Contact owner", "Lead Status", "Lifecycle Stage", "Create Date", "Last Modified Date", "Last Activity Date",
    "Original Source", "Message",
];
const DYNAMICS: &[&str] = &[
    "(Do Not Modify) Lead", "(Do Not Modify) Row Checksum", "(Do Not Modify) Modified On", "Topic", "First Name",
    "Last Name", "Job Title", "Company Name", "Email", "Business Phone", "Country/Region", "Description",
    "Lead Source", "Status", "Status Reason", "Owner", "Master ID", "Created On",
];
const MARKETO: &[&str] = &[
    "id", "firstName", "lastName", "email", "company", "title", "phone", "country", "leadSource", "leadStatus",
    "unsubscribed", "createdAt", "updatedAt",
];
/// Headers of the CSV of no particular product; the generated configuration says what they are.
pub const ANY_CSV: &[&str] = &[
    "Record", "Forename", "Surname", "Mail", "Telephone number", "Organisation", "Came from", "Phase", "Handled by",
    "Added on",
];
const OWNER_IDS: [&str; 5] = ["A1b2c", "B2c3d", "C3d4e", "D4e5f", "E5f6g"];

/// The file of one night that holds what another one does not, begun with its first row. Salesforce's mark comes first.
fn begun(
    file: &mut Option<FileNumber>,
    path: &str,
    taken: i64,
    labels: &[&str],
    files: &mut Files<'_>,
) -> Result<FileNumber> {
    if let Some(begun) = file {
        return Ok(*begun);
    }
    let mut header = "\u{feff}".as_bytes().to_vec();
    csv_row(&mut header, labels, b',', true);
    let begun = files.start(path, instant(taken), &header, b"")?;
    *file = Some(begun);
    Ok(begun)
}

fn instant(at: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(at, 0)
}

/// The record as it stood at `taken`.
fn state(record: &Record, taken: i64) -> State<'_> {
    let mut changes: Vec<&(i64, Change)> = record.changes.iter().filter(|(at, _)| *at <= taken).collect();
    changes.sort_by_key(|(at, _)| *at);
    let mut state = State {
        form: &record.form,
        source: record.source,
        modified: record.created,
        active: None,
        stage: Stage::New,
        converted: None,
        closed: None,
        merged: None,
        deleted: false,
    };
    for (at, change) in changes {
        if state.deleted || state.merged.is_some() {
            break;
        }
        state.modified = *at;
        match change {
            Change::Working => (state.stage, state.active) = (Stage::Working, Some(*at)),
            Change::Disqualified => (state.stage, state.active) = (Stage::Disqualified, Some(*at)),
            Change::Converted => {
                (state.stage, state.converted, state.active) = (Stage::Converted, Some(*at), Some(*at))
            }
            Change::Closed(won) if state.converted.is_some() => {
                (state.stage, state.closed) = (if *won { Stage::Won } else { Stage::Lost }, Some(*at));
            }
            Change::Closed(_) => {}
            Change::Edited(form) => state.form = form,
            // The first source stays where there is one: the CRM keeps where the contact came from originally.
            Change::Updated(form, source) => (state.form, state.source) = (form, state.source.or(Some(*source))),
            Change::Merged(into) => state.merged = Some(*into),
            Change::Deleted => state.deleted = true,
        }
    }
    state
}

/// A number that looks random, different for different serials.
fn scatter(serial: u64) -> u64 {
    let mut x = serial.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x ^= x >> 31;
    x.wrapping_mul(0xBF58_476D_1CE4_E5B9)
}

/// An 18-character id: prefix, 12 letters and digits, and the checksum of capitals.
fn salesforce_id(prefix: &str, number: u64) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const CHECK: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
    let mut id: Vec<u8> = prefix.bytes().chain(*b"5g").collect();
    let mut rest = number;
    for _ in 0..10 {
        id.push(DIGITS.get((rest % 62) as usize).copied().unwrap_or(b'0'));
        rest /= 62;
    }
    for part in id.clone().chunks(5) {
        let bits = part.iter().enumerate().fold(0, |bits, (at, c)| bits | (usize::from(c.is_ascii_uppercase()) << at));
        id.push(CHECK.get(bits).copied().unwrap_or(b'A'));
    }
    String::from_utf8_lossy(&id).into_owned()
}
