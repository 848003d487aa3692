//! What a file is that stands in the wrong place, told by its own labels: a report of a CRM among raw leads, raw leads
//! among the exports of a CRM. Read as what it is not, it would be landed as hundreds of genuine leads.

use std::collections::BTreeSet;

use super::layouts::layouts;
use crate::config::DestinationKind;
use crate::tabular::fold;

/// Fields by which a CRM keeps its records, and a marketplace no lead.
const KEPT_BY_A_CRM: [&str; 8] =
    ["record_id", "status", "owner", "modified_at", "created_at", "last_activity_at", "converted", "opted_out"];

/// Labels of what only the marketplace writes, folded.
const OF_THE_MARKETPLACE: [&str; 9] = [
    "customerinfo", "userdetails", "actioncode", "offerdisplayname", "offertitle", "productid", "partitionkey",
    "rowkey", "publisherdisplayname",
];

/// The CRM whose report has such a header; none where it may be one of raw leads. Such a report has a record's id, its
/// status or owner, and one more field by which a CRM keeps records.
pub fn report_of(labels: &[String]) -> Option<DestinationKind> {
    if marks(labels).next().is_some() {
        return None;
    }
    let kinds =
        [DestinationKind::Salesforce, DestinationKind::Dynamics, DestinationKind::Hubspot, DestinationKind::Marketo];
    let fields = |kind: &DestinationKind| -> BTreeSet<&'static str> {
        let layout = layouts().of(*kind);
        KEPT_BY_A_CRM.into_iter().filter(|field| labels.iter().any(|label| layout.has(field, label))).collect()
    };
    let is_report = |fields: &BTreeSet<&str>| {
        fields.contains("record_id") && (fields.contains("status") || fields.contains("owner")) && fields.len() >= 3
    };
    kinds
        .into_iter()
        .map(|kind| (fields(&kind).len(), kind))
        .filter(|(_, kind)| is_report(&fields(kind)))
        // Of those that fit alike the first.
        .rev()
        .max_by_key(|(n, _)| *n)
        .map(|(_, kind)| kind)
}

/// Whether such a header is one of raw leads: it has what the marketplace writes, and nothing by which a CRM keeps records.
pub fn is_raw_leads(labels: &[String]) -> bool {
    let marks: BTreeSet<&str> = marks(labels).collect();
    let has = |label: &str| marks.contains(label);
    let written = (has("partitionkey") && has("rowkey")) || has("customerinfo") || has("userdetails");
    let named = has("actioncode") && (has("offerdisplayname") || has("offertitle") || has("productid"));
    let kept = layouts().of(DestinationKind::Salesforce);
    let by_a_crm = ["status", "owner"].iter().any(|field| labels.iter().any(|label| kept.has(field, label)));
    (written || named) && !by_a_crm
}

/// Labels that only the marketplace writes, also behind the prefix of an unpacked column.
fn marks(labels: &[String]) -> impl Iterator<Item = &'static str> {
    let folded: Vec<String> =
        labels.iter().map(|label| fold(label.rsplit(['.', '/']).next().unwrap_or(label))).collect();
    let whole: Vec<String> = labels.iter().map(|label| fold(label)).collect();
    OF_THE_MARKETPLACE.into_iter().filter(move |mark| {
        folded
            .iter()
            .chain(&whole)
            .any(|label| label == mark || label.starts_with("customerinfo") && *mark == "customerinfo")
    })
}

/// What a person calls a CRM.
pub fn called(kind: DestinationKind) -> &'static str {
    match kind {
        DestinationKind::Salesforce => "Salesforce",
        DestinationKind::Dynamics => "Dynamics 365",
        DestinationKind::Marketo => "Marketo",
        DestinationKind::Hubspot => "HubSpot",
        DestinationKind::Https | DestinationKind::Csv => "CRM",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> Vec<String> {
        text.split(',').map(str::to_owned).collect()
    }

    #[test]
    fn a_report_of_a_crm_is_told_from_raw_leads_by_its_labels() {
        for (header, kind) in [
            (
                "Lead ID,First Name,Last Name,Email,Lead Source,Lead Status,Created Date,Lead Owner",
                DestinationKind::Salesforce,
            ),
            (
                "Id,FirstName,LastName,Email,LeadSource,Status,OwnerId,CreatedDate,IsConverted",
                DestinationKind::Salesforce,
            ),
            (
                "(Do Not Modify) Lead,Topic,First Name,Last Name,Email,Status Reason,Owner,Created On",
                DestinationKind::Dynamics,
            ),
            ("Record ID,First Name,Last Name,Email,Contact owner,Lead Status,Create Date", DestinationKind::Hubspot),
        ] {
            assert_eq!(report_of(&labels(header)), Some(kind), "{header}");
            assert!(!is_raw_leads(&labels(header)), "{header}");
        }
        for header in [
            "PartitionKey,RowKey,Timestamp,CustomerInfo,LeadSource,ActionCode,ProductId",
            "FirstName,LastName,Email,Phone,Company,LeadSource,ActionCode,OfferDisplayName,CreatedTime",
        ] {
            assert_eq!(report_of(&labels(header)), None, "{header}");
            assert!(is_raw_leads(&labels(header)), "{header}");
        }
        // Neither: read as what the configuration says.
        for header in ["First Name,Last Name,Email,Lead Source,Created", "id,email,name,created"] {
            assert!(report_of(&labels(header)).is_none() && !is_raw_leads(&labels(header)), "{header}");
        }
    }
}
