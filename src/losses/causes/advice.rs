//! What to look at, for each condition: the forwarder first (Power Automate, Logic App, Function), then the CRM.

use crate::config::DestinationKind;
use crate::losses::causes::conditions::{Condition, FIELDS, Family, VALUES};

/// One or two sentences that name the setting.
pub(super) fn advice(condition: &Condition, kind: Option<DestinationKind>) -> String {
    let forwarder = match &condition.family {
        Family::Empty(field) => format!(
            "Forwarder: give {} a default in the step that creates the record (Power Automate: coalesce(…); a Parse JSON \
             schema must allow null)",
            FIELDS.get(*field).map_or("", |(_, label)| label)
        ),
        Family::Value(column, _) => match VALUES.get(*column).map_or("", |(name, _)| name) {
            "offer_id" => "Partner Center: this offer's lead destination (Offer setup, Customer leads); forwarder: \
                           conditions and filters on the offer"
                .into(),
            "source" => "Forwarder: it does not read this source; add a trigger for it".into(),
            "country" => "Forwarder: map country names and codes to the CRM's own values before the record is made".into(),
            _ => "Forwarder: conditions, switches and filters on LeadSource and ActionCode; an unknown code needs a \
                  default branch"
                .into(),
        },
        Family::Longer(_) => "Forwarder: cut the text with substring(…) before the record is made".into(),
        Family::NonAscii(_) | Family::Emoji => {
            "Forwarder: encoding of the request (UTF-8 in Content-Type, uriComponent(…) for form posts)".into()
        }
        Family::LineBreak => "Forwarder: text that is pasted into JSON or CSV by hand must be escaped (json(…), string(…))".into(),
        Family::Known => "Forwarder: what it does when the CRM answers that the record is a duplicate; it must not end there".into(),
        Family::Load(_) => "Forwarder: trigger batch size and concurrency (Power Automate: Split On, Top count, concurrency \
                            control; a table query gives at most 1,000 rows), its runs per day and retry policy for 429"
            .into(),
        Family::Weekday | Family::Hour | Family::Minute => {
            "Forwarder: its schedule and the look-back of its filter; a late run must not leave a gap (overlap the windows)".into()
        }
    };
    match crm(condition, kind) {
        Some(crm) => format!("{forwarder}. {crm}."),
        None => format!("{forwarder}."),
    }
}

fn crm(condition: &Condition, kind: Option<DestinationKind>) -> Option<&'static str> {
    use DestinationKind::{Dynamics, Hubspot, Marketo, Salesforce};
    Some(match (&condition.family, kind?) {
        (Family::Empty(_), Salesforce) => {
            "Salesforce: required fields and validation rules of Lead (Web-to-Lead drops what breaks them)"
        }
        (Family::Empty(_), Dynamics) => "Dynamics: business-required columns and business rules of Lead",
        (Family::Empty(_), Marketo) => "Marketo: required fields of the form",
        (Family::Empty(_), Hubspot) => "HubSpot: required properties of the object or form",
        (Family::Value(..), Salesforce) => {
            "Salesforce: restricted pick-lists, validation rules and assignment rules of Lead"
        }
        (Family::Value(..), Dynamics) => "Dynamics: choice columns, plug-ins and workflows of Lead",
        (Family::Value(..), Marketo) => "Marketo: pick-list fields of the form and smart campaigns that delete",
        (Family::Value(..), Hubspot) => "HubSpot: drop-down properties refuse values they do not list",
        (Family::Longer(_), Salesforce) => "Salesforce: length of the field on Lead (STRING_TOO_LONG)",
        (Family::Longer(_), Dynamics) => "Dynamics: maximum length of the column on Lead",
        (Family::Known, Salesforce) => {
            "Salesforce: Setup, Duplicate Rules for Lead: Block drops Web-to-Lead posts without a word; choose Allow with Report"
        }
        (Family::Known, Dynamics) => {
            "Dynamics: duplicate detection rules and SuppressDuplicateDetection of the request"
        }
        (Family::Known, Marketo) => "Marketo: it keeps one record per e-mail: set records_per = \"person\"",
        (Family::Known, Hubspot) => {
            "HubSpot: it keeps one contact per e-mail (409 Conflict): set records_per = \"person\""
        }
        (Family::Load(_), Salesforce) => {
            "Salesforce: 500 Web-to-Lead records in 24 hours, then a queue; API request limits"
        }
        (Family::Load(_), Dynamics) => "Dataverse: service protection limits (6,000 requests in 5 minutes)",
        (Family::Load(_), Marketo) => "Marketo: 100 API calls in 20 seconds",
        (Family::Load(_), Hubspot) => "HubSpot: API calls in 10 seconds and a day",
        _ => return None,
    })
}
