//! Missed leads → the destination's own import file, or the bodies that the marketplace would have posted.
//!
//! Here: which leads, and what each says. The lead source is rebuilt by the marketplace's grammar and the raw lead's key
//! stands where and as the forwarder writes it, so that a late delivery updates the record instead of doubling it.
//! Files and bodies are made in `replay/files.rs`; what was handed out is remembered in `replay/memory.rs`.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SecondsFormat, Utc};

use crate::codes::{status, storefront};
use crate::config::{Complete, Destination};
use crate::contact;
use crate::coverage;
use crate::error::{Error, Result};
use crate::replay::handout::Row;
use crate::suppression::Suppressed;
use crate::tables::{CrmRecords, Findings, Leads, MissedLeads, Outages, People, Table};

mod files;
mod handout;
mod memory;

pub use handout::HandOut;
pub use memory::{MEMORY_HEADER, memory, memory_lines};

/// The published tables that replay reads.
#[derive(Clone, Copy, Debug)]
pub struct Tables<'a> {
    /// Missed leads, most urgent first.
    pub missed_leads: &'a Table<MissedLeads>,
    /// Leads: their keys, lead sources and descriptions.
    pub leads: &'a Table<Leads>,
    /// What the CRMs know: opt-outs, and the form of the forwarder's key.
    pub crm_records: &'a Table<CrmRecords>,
    /// People.
    pub people: &'a Table<People>,
    /// Outages.
    pub outages: &'a Table<Outages>,
    /// Findings: which exports are probably not complete.
    pub findings: &'a Table<Findings>,
}

/// Which leads to hand out.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only leads that this outage lost.
    pub outage: Option<String>,
    /// Only leads received at or after this.
    pub since: Option<DateTime<Utc>>,
    /// At most so many that the CRM would take, most urgent first.
    pub limit: Option<usize>,
    /// Also those handed out before.
    pub again: bool,
    /// Also into an outage that goes on.
    pub force: bool,
    /// Whether a do-not-contact lead silences the person's other leads.
    pub dnc_silences_person: bool,
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
    let mut handed = HandOut::default();
    let rows = rows(&tables, destination, selection, handed_out, &mut handed)?;
    files::write(rows, destination, selection.limit, &mut handed)?;
    Ok(handed)
}

fn refuse(tables: &Tables, destination: &Destination, selection: &Selection) -> Result<()> {
    let name = destination.name.as_str();
    if destination.complete != Some(Complete::Always) && coverage::is_gated(tables.findings, name)? {
        return Err(Error::usage(format!(
            "the export of \"{name}\" is probably not complete, so nothing of it is replayed"
        ))
        .hint("look at the report; if the leads really are lost, set complete = true under this destination"));
    }
    let (ids, at) = (tables.outages.texts("outage_id")?, tables.outages.texts("destination")?);
    let ongoing = tables.outages.flags("ongoing")?;
    if let Some(wanted) = &selection.outage {
        let own: Vec<&str> =
            ids.iter().zip(&at).filter(|(_, at)| **at == Some(name)).filter_map(|(id, _)| *id).collect();
        if !own.contains(&wanted.as_str()) {
            let known = if own.is_empty() { "none".to_owned() } else { own.join(", ") };
            return Err(Error::usage(format!("\"{name}\" has no outage with the id {wanted}"))
                .hint(format!("outages of \"{name}\" in the last report: {known}")));
        }
    }
    let goes_on = at.iter().zip(&ongoing).any(|(at, on)| *at == Some(name) && *on);
    if goes_on && !selection.force {
        return Err(Error::usage(format!("\"{name}\" has an outage that goes on: replayed leads would be lost again"))
            .hint("repair it first; --force replays all the same"));
    }
    Ok(())
}

/// The open missed leads of the destination that are wanted, most urgent first.
fn rows(
    tables: &Tables,
    destination: &Destination,
    selection: &Selection,
    handed_out: &BTreeSet<(String, String)>,
    handed: &mut HandOut,
) -> Result<Vec<Row>> {
    let suppressed = Suppressed::read(tables.crm_records, tables.people, selection.dnc_silences_person)?;
    let key_form = key_form(tables, destination)?;
    let missed = tables.missed_leads;
    let (ids, destinations, statuses) =
        (missed.texts("lead_id")?, missed.texts("destination")?, missed.texts("status")?);
    let (people, outages, reasons) = (missed.texts("person_id")?, missed.texts("outage_id")?, missed.texts("reason")?);
    let (storefronts, actions) = (missed.texts("storefront")?, missed.texts("action")?);
    let (offer_ids, offers) = (missed.texts("offer_id")?, missed.texts("offer")?);
    let received = missed.instants("received_at")?;
    let contact = contact::COLUMNS.iter().map(|name| missed.texts(name)).collect::<Result<Vec<_>>>()?;
    let typed = |name: &str, row: usize| {
        let column = contact::COLUMNS.iter().position(|n| *n == name).and_then(|at| contact.get(at));
        column.and_then(|c| c.get(row)).copied().flatten()
    };
    let (lead_ids, source_keys) = (tables.leads.texts("lead_id")?, tables.leads.texts("source_key")?);
    let (lead_sources, descriptions) = (tables.leads.texts("lead_source")?, tables.leads.texts("description")?);
    let place: BTreeMap<&str, usize> = lead_ids.iter().enumerate().filter_map(|(at, id)| Some(((*id)?, at))).collect();
    let mut rows = Vec::new();
    for row in 0..missed.height() {
        let (Some(lead_id), Some(status)) = (ids[row], statuses[row]) else { continue };
        let received_at = received[row].and_then(DateTime::from_timestamp_micros).unwrap_or_default();
        let open = [status::NEW, status::OPEN, status::REPLAYED].contains(&status);
        let wanted = selection.outage.as_deref().is_none_or(|id| outages[row] == Some(id))
            && selection.since.is_none_or(|since| received_at >= since);
        if destinations[row] != Some(destination.name.as_str()) || !open || !wanted {
            continue;
        }
        if suppressed.holds(people[row], typed("email", row)) {
            handed.suppressed += 1;
            continue;
        }
        if handed_out.contains(&(lead_id.to_owned(), destination.name.clone())) && !selection.again {
            handed.before += 1;
            continue;
        }
        let at = place.get(lead_id).copied();
        let of_lead = |column: &[Option<&str>]| {
            at.and_then(|at| column.get(at)).copied().flatten().unwrap_or_default().to_owned()
        };
        let mut fields: BTreeMap<&'static str, String> =
            contact::COLUMNS.iter().map(|name| (*name, typed(name, row).unwrap_or_default().to_owned())).collect();
        let action = actions[row].unwrap_or_default();
        let token = source_token(storefronts[row].unwrap_or_default());
        let found = of_lead(&lead_sources);
        let lead_source = if found.contains('|') {
            found.clone()
        } else {
            let offer = offer_ids[row].filter(|o| !o.is_empty()).or(offers[row]).unwrap_or_default();
            format!("{token}-{action}|{offer}")
        };
        let note = format!(
            "Received {}, lost on the way ({}), handed in again by leadrecon: lead {lead_id}",
            received_at.to_rfc3339_opts(SecondsFormat::Secs, true),
            reasons[row].unwrap_or_default()
        );
        let description = of_lead(&descriptions);
        let told = [description.as_str(), &lead_source, &note].map(str::trim);
        fields.insert("description", told.into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join("\n"));
        fields.insert("lead_source", lead_source);
        fields.insert("key", key_form.of(lead_id, &of_lead(&source_keys)).to_owned());
        rows.push(Row {
            lead_id: lead_id.to_owned(),
            fields,
            action: action.to_owned(),
            offer: offers[row].or(offer_ids[row]).unwrap_or_default().to_owned(),
            source: if found.trim().is_empty() { token.to_owned() } else { found },
        });
    }
    Ok(rows)
}

/// How the forwarder writes a raw lead's key; `reconcile` reads each form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyForm {
    Row,
    Whole,
    LeadId,
}

impl KeyForm {
    fn of<'a>(self, lead_id: &'a str, source_key: &'a str) -> &'a str {
        match self {
            KeyForm::Row => source_key.rsplit_once('/').map_or(source_key, |(_, row)| row),
            KeyForm::Whole => source_key,
            KeyForm::LeadId => lead_id,
        }
    }
}

/// The form that most of the destination's records show; the RowKey where none shows any.
fn key_form(tables: &Tables, destination: &Destination) -> Result<KeyForm> {
    let (keys, at) = (tables.crm_records.texts("key")?, tables.crm_records.texts("destination")?);
    let own = keys.iter().zip(&at).filter(|(_, at)| **at == Some(destination.name.as_str()));
    let known: BTreeSet<String> = own.filter_map(|(key, _)| key.map(str::to_lowercase)).collect();
    let (ids, source_keys) = (tables.leads.texts("lead_id")?, tables.leads.texts("source_key")?);
    let seen = |form: KeyForm| {
        let pairs = ids.iter().zip(&source_keys);
        pairs
            .filter_map(|(id, key)| Some(form.of((*id)?, (*key)?)))
            .filter(|k| known.contains(&k.to_lowercase()))
            .count()
    };
    // The first of equals: a key without a partition is its own RowKey.
    let forms = [(seen(KeyForm::LeadId), KeyForm::LeadId), (seen(KeyForm::Whole), KeyForm::Whole)];
    let row = (seen(KeyForm::Row), KeyForm::Row);
    Ok(forms.into_iter().fold(row, |best, next| if next.0 > best.0 { next } else { best }).1)
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

#[cfg(test)]
mod tests;
