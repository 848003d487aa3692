//! What a file is that stands in the wrong place, told by its own labels: a report of a CRM among raw leads, raw leads
//! among the exports of a CRM. Read as what it is not, it would be landed as hundreds of genuine leads.

use std::collections::BTreeSet;

use super::layouts::{Layout, layouts};
use super::likeness::{PRODUCTS, labels_of, own_names};
use crate::config::{Destination, DestinationKind};
use crate::tabular::{Sheet, fold};

/// Fields by which a CRM keeps its records, and a marketplace no lead.
const KEPT_BY_A_CRM: [&str; 8] =
    ["record_id", "status", "owner", "modified_at", "created_at", "last_activity_at", "converted", "opted_out"];

/// Fields that say how a CRM keeps a record, and nothing of its person.
const OF_A_RECORD: [&str; 10] = [
    "record_id", "status", "state", "owner", "subject", "converted", "opted_out", "merged_into", "opportunity",
    "contact_id",
];

/// Labels of what only the marketplace writes, folded.
const OF_THE_MARKETPLACE: [&str; 9] = [
    "customerinfo", "userdetails", "actioncode", "offerdisplayname", "offertitle", "productid", "partitionkey",
    "rowkey", "publisherdisplayname",
];

/// What a file is that stands in the wrong place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looks {
    /// Records of a CRM.
    Report(DestinationKind),
    /// What the marketplace wrote.
    RawLeads,
    /// A file of ours: what people review, or a table of a report.
    Ours,
}

impl Looks {
    /// As a message says it.
    pub fn words(self) -> &'static str {
        match self {
            Looks::Report(DestinationKind::Salesforce) => "a Salesforce report",
            Looks::Report(DestinationKind::Dynamics) => "a Dynamics 365 report",
            Looks::Report(DestinationKind::Marketo) => "a Marketo report",
            Looks::Report(DestinationKind::Hubspot) => "a HubSpot report",
            Looks::Report(DestinationKind::Https | DestinationKind::Csv) => "a report of a CRM",
            Looks::RawLeads => "raw leads of the marketplace",
            Looks::Ours => "a file of leadrecon's own, such as a call list, a file of worked leads or a table",
        }
    }
}

/// What stands among raw leads, by its labels, which are those of a table's header or, where `is_table` is not said, the
/// names that records have in common; none where it may be raw leads.
pub fn among_raw_leads(labels: &[String], is_table: bool) -> Option<Looks> {
    let folded: Vec<String> = labels.iter().map(|label| fold(label)).collect();
    if is_ours(&folded) {
        return Some(Looks::Ours);
    }
    if marks(labels).next().is_some() {
        return None;
    }
    let report = |kind: DestinationKind| {
        let kept = kept_fields(kind, labels);
        let has = |field: &str| kept.contains(field);
        // A store of raw leads may well number its records and say what became of them, and be no CRM.
        let is_told = own_names(kind, &folded) > 0;
        let by_id = has("record_id") && (has("status") || has("owner")) && kept.len() >= 3 && (is_table || is_told);
        let by_keeping =
            is_told && kept.iter().filter(|field| !["record_id", "created_at"].contains(field)).count() > 1;
        (by_id || by_keeping).then_some((kept.len(), kind))
    };
    // Of those that fit alike the first.
    let found = PRODUCTS.into_iter().filter_map(report).rev().max_by_key(|(n, _)| *n);
    found.map(|(_, kind)| Looks::Report(kind))
}

/// What stands among the exports of a destination; none where it may be one. Whoever names columns of it knows what it is.
pub(super) fn among_exports(sheet: &Sheet, destination: &Destination) -> Option<Looks> {
    if !destination.columns.is_empty() || destination.key.is_some() {
        return None;
    }
    let folded = labels_of(sheet);
    if is_ours(&folded) {
        return Some(Looks::Ours);
    }
    let kind = destination.kind;
    // The log of an endpoint holds raw leads, a witness may show them, and anything can be somebody's list.
    if !PRODUCTS.contains(&kind) {
        return None;
    }
    if is_raw_leads(&sheet.header) {
        return Some(Looks::RawLeads);
    }
    let own = layouts().of(kind);
    if sheet.entity.is_some() || own_names(kind, &folded) > 0 || own.has_own_ids(sheet) {
        return None;
    }
    let is_of = |other: &DestinationKind| {
        let layout = layouts().of(*other);
        // What a person is called may be in a language that one layout alone has.
        let told: Vec<String> =
            folded.iter().filter(|label| OF_A_RECORD.iter().any(|field| layout.has(field, label))).cloned().collect();
        let is_named = |layout: &Layout| sheet.header.iter().any(|label| layout.has("record_id", label));
        // It has what this CRM lacks words for, though it reads the names of people: no other language.
        let lacks =
            |one: &Layout, by: &Layout| folded.iter().filter(|label| by.names(label) && !one.names(label)).count();
        let is_beyond = || {
            let is_read = own.fields_of(&folded).len() > 2;
            is_read && own_names(*other, &folded) > 0 && lacks(own, layout) > 1 && lacks(layout, own) == 0
        };
        layout.has_own_ids(sheet) || !is_named(own) && (own_names(*other, &told) > 1 || is_beyond())
    };
    PRODUCTS.into_iter().filter(|other| *other != kind).find(is_of).map(Looks::Report)
}

/// Fields by which a CRM keeps records and that these labels stand for.
fn kept_fields(kind: DestinationKind, labels: &[String]) -> BTreeSet<&'static str> {
    let layout = layouts().of(kind);
    KEPT_BY_A_CRM.into_iter().filter(|field| labels.iter().any(|label| layout.has(field, label))).collect()
}

/// Whether such a header is one of raw leads: it has what the marketplace writes, and nothing by which a CRM keeps records.
fn is_raw_leads(labels: &[String]) -> bool {
    let marks: BTreeSet<&str> = marks(labels).collect();
    let has = |label: &str| marks.contains(label);
    let written = (has("partitionkey") && has("rowkey")) || has("customerinfo") || has("userdetails");
    let named = has("actioncode") && (has("offerdisplayname") || has("offertitle") || has("productid"));
    let kept = |fields: &[&str]| {
        let is =
            |label: &String| fields.iter().any(|field| layouts().of(DestinationKind::Salesforce).has(field, label));
        labels.iter().any(is)
    };
    // Flat ones have a time of the marketplace's own name, and nothing that a CRM would give a record.
    let is = |wanted: &str| labels.iter().any(|label| fold(label) == wanted);
    let flat = is("createdtime") && is("leadsource") && !kept(&["record_id", "modified_at", "opted_out", "converted"]);
    (written || named || flat) && !kept(&["status", "owner"])
}

/// Whether it is a file that people review, or a table of a report.
fn is_ours(folded: &[String]) -> bool {
    let has = |wanted: &str| folded.iter().any(|label| label == wanted);
    let of_a_crm = ["status", "owner", "createdat", "createddate", "modifiedat"].into_iter().any(has);
    has("leadida") && has("leadidb")
        || has("sourcekey") && (has("leadid") || has("receivedat"))
        || has("leadid") && has("personid") && has("destination")
        || has("outcome") && (has("leadid") || has("email")) && (!of_a_crm || has("whattheydid"))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tabular::Part;

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
            assert_eq!(among_raw_leads(&labels(header), true), Some(Looks::Report(kind)), "{header}");
            assert!(!is_raw_leads(&labels(header)), "{header}");
        }
        for header in [
            "PartitionKey,RowKey,Timestamp,CustomerInfo,LeadSource,ActionCode,ProductId",
            "FirstName,LastName,Email,Phone,Company,LeadSource,ActionCode,OfferDisplayName,CreatedTime",
        ] {
            assert_eq!(among_raw_leads(&labels(header), true), None, "{header}");
            assert!(is_raw_leads(&labels(header)), "{header}");
        }
        // Neither: read as what the configuration says.
        for header in ["First Name,Last Name,Email,Lead Source,Created", "id,email,name,created"] {
            assert!(among_raw_leads(&labels(header), true).is_none() && !is_raw_leads(&labels(header)), "{header}");
        }
        // What a store of raw leads says of its own records makes no CRM of it.
        let own = labels("id,status,createdDate,firstName,lastName,email,leadSource");
        assert_eq!(among_raw_leads(&own, false), None);
        // Without a record's id, by what a CRM alone keeps.
        let report =
            labels("First Name,Last Name,Email,Company / Account,Lead Source,Lead Status,Created Date,Lead Owner");
        assert_eq!(among_raw_leads(&report, true), Some(Looks::Report(DestinationKind::Salesforce)));
        for header in ["lead_id,email,outcome,note", "lead_id_a,lead_id_b,decision", "lead_id,source,source_key,email"]
        {
            assert_eq!(among_raw_leads(&labels(header), true), Some(Looks::Ours), "{header}");
        }
    }

    #[test]
    fn an_export_of_another_crm_is_told_by_its_names_and_ids() {
        let looks = |kind, text: &str| {
            let part = Part { name: "x.csv".into(), content: text.as_bytes().to_vec().into() };
            let sheet = crate::crm::likeness::sheets(&part).unwrap().remove(0);
            among_exports(&sheet, &Destination::new("crm".into(), kind, Vec::new()))
        };
        use DestinationKind::{Csv, Dynamics, Hubspot, Marketo, Salesforce};
        let exports = [
            (
                Salesforce,
                "Id,FirstName,LastName,Email,LeadSource,Status,CreatedDate,IsConverted\n\
                00Q5g00000ABCDEEA4,Ida,Ritter,ida@ritter.example,SPZA,Open,2026-05-03T10:00:00Z,false\n",
            ),
            (
                Hubspot,
                "Record ID,First Name,Last Name,Email,Lifecycle Stage,Lead Status,Create Date,Last Modified Date\n\
                151,Ida,Ritter,ida@ritter.example,lead,New,2026-05-03 10:00,2026-05-03 10:00\n",
            ),
            (
                Dynamics,
                "(Do Not Modify) Lead,(Do Not Modify) Row Checksum,(Do Not Modify) Modified On,Topic,First Name,\
                Last Name,Email,Status Reason,Created On\n5f1c6e6e-6c1b-4f0e-9d53-0c6a6f2b1a01,x,2026-05-03,SPZA,Ida,\
                Ritter,ida@ritter.example,New,2026-05-03\n",
            ),
        ];
        for (kind, text) in exports {
            for place in [Salesforce, Hubspot, Dynamics, Marketo] {
                let expected = (place != kind).then_some(Looks::Report(kind));
                assert_eq!(looks(place, text), expected, "{kind:?} at {place:?}");
            }
            assert_eq!(looks(Csv, text), None, "a list may be anybody's");
        }
        let flat = "FirstName,LastName,Email,LeadSource,CreatedTime\nIda,Ritter,ida@ritter.example,SPZA,2026-05-03T10:00:00Z\n";
        assert_eq!(looks(Salesforce, flat), Some(Looks::RawLeads));
        let report =
            "First Name,Last Name,Email,Lead Source,Created Date\nIda,Ritter,ida@ritter.example,SPZA,5/3/2026\n";
        assert_eq!(looks(Salesforce, report), None);
        // Without ids, as a person picks the columns of a report.
        let picked = "First Name,Last Name,Email,Company / Account,Lead Source,Lead Status,Created Date,Lead Owner\n\
            Ida,Ritter,ida@ritter.example,Ritter AG,SPZA,Open,5/3/2026,Kim Berg\n";
        for place in [Hubspot, Dynamics, Marketo] {
            assert_eq!(looks(place, picked), Some(Looks::Report(Salesforce)), "{place:?}");
        }
        assert_eq!(looks(Salesforce, picked), None);
        let other_words = "Jméno,Příjmení,E-mail,Vytvořeno\nIda,Ritter,ida@ritter.example,2026-05-03\n";
        assert_eq!(looks(Hubspot, other_words), None, "a language is no CRM");
    }
}
