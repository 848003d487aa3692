//! Which CRM wrote a file: what of its header only one of them has, and whose ids stand in it.

use std::collections::BTreeSet;

use crate::config::{Destination, DestinationKind};
use crate::crm::layouts::{Layout, layouts};
use crate::crm::{json, layouts};
use crate::error::Result;
use crate::tabular::{self, Ask, Part, Sheet, fold};

/// How much a file is like the exports of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Likeness {
    /// The kind.
    pub kind: DestinationKind,
    /// Fields that have a column of a name that it uses.
    pub fields: BTreeSet<String>,
    /// Columns whose name no other CRM uses.
    pub own: usize,
    /// Whether records have ids as it makes them.
    pub ids: bool,
}

impl Likeness {
    /// Whether it could be recognised who a record is of.
    pub fn identifies(&self) -> bool {
        ["email", "phone", "last_name", "name"].iter().any(|field| self.fields.contains(*field))
    }
}

/// The CRMs that tell themselves by their names and ids; https and csv are what is left.
pub(super) const PRODUCTS: [DestinationKind; 4] =
    [DestinationKind::Salesforce, DestinationKind::Dynamics, DestinationKind::Marketo, DestinationKind::Hubspot];

/// How much the tables of a file are like the exports of each CRM, the likest first, and of kind csv at the end.
///
/// # Errors
/// When no table is found in it.
pub fn likeness(part: &Part) -> Result<Vec<Likeness>> {
    let kinds = PRODUCTS.into_iter().chain([DestinationKind::Csv]);
    let mut found: Vec<Likeness> =
        kinds.map(|kind| Likeness { kind, fields: BTreeSet::new(), own: 0, ids: false }).collect();
    for sheet in sheets(part)? {
        let labels: Vec<String> = labels_of(&sheet);
        for likeness in &mut found {
            let layout = layouts().of(likeness.kind);
            likeness.fields.extend(layout.fields_of(&labels));
            if likeness.kind != DestinationKind::Csv {
                likeness.own += own_names(likeness.kind, &labels);
                likeness.ids |= layout.has_own_ids(&sheet);
            }
        }
    }
    // Stable: kind csv, which knows names of all, stays behind.
    found.sort_by_key(|l| (l.kind == DestinationKind::Csv, std::cmp::Reverse((l.ids, l.own, l.fields.len()))));
    Ok(found)
}

/// How many of these folded labels no other CRM uses.
pub(super) fn own_names(kind: DestinationKind, labels: &[String]) -> usize {
    let others = PRODUCTS.into_iter().filter(|other| *other != kind);
    let others: Vec<&Layout> = others.map(|kind| layouts().of(kind)).collect();
    let own = |label: &&String| layouts().of(kind).names(label) && !others.iter().any(|other| other.names(label));
    labels.iter().filter(own).count()
}

pub(super) fn sheets(part: &Part) -> Result<Vec<Sheet>> {
    if let Some(sheet) = json::read(part)? {
        return Ok(vec![sheet]);
    }
    let kinds = DestinationKind::ALL.map(|kind| layouts().of(kind));
    let any = Destination::new(String::new(), DestinationKind::Csv, Vec::new());
    let score = |labels: &[String]| kinds.iter().map(|layout| layout.score(labels, &any)).max().unwrap_or(0);
    let ask = Ask { score: &score, needed: 2, keep: &|_| true, by_form: true, header: None };
    tabular::read(part, &ask)
}

/// Labels of a sheet, or the technical names beside them, in comparable form.
pub(super) fn labels_of(sheet: &Sheet) -> Vec<String> {
    let named = |n: usize, label: &String| {
        let name = sheet.names.get(n).and_then(Option::as_ref).unwrap_or(label);
        layouts::told_zone(name).map_or_else(|| fold(name), |(label, _)| fold(&label))
    };
    sheet.header.iter().enumerate().map(|(n, label)| named(n, label)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn likest(text: &str) -> (DestinationKind, bool, bool) {
        let part = Part { name: "x.csv".into(), content: text.as_bytes().to_vec().into() };
        let first = likeness(&part).unwrap().remove(0);
        (first.kind, first.own > 0, first.ids)
    }

    #[test]
    fn a_file_is_known_by_the_names_and_ids_that_one_crm_alone_has() {
        let german = "Vorname;Nachname;E-Mail;Unternehmen / Account;Lead-Quelle;Erstelldatum;Lead-Inhaber\n\
            Ida;Ritter;ida@ritter.example;Ritter AG;SPZA;03.05.2026;Kim Lang\n";
        assert_eq!(likest(german), (DestinationKind::Salesforce, true, false));
        let ids = "Id,Name,Email\n00Q5g00000ABCDEEA4,Ida Ritter,ida@ritter.example\n";
        assert_eq!(likest(ids), (DestinationKind::Salesforce, false, true));
        let dynamics = "leadid,emailaddress1,firstname,lastname,subject,createdon\n\
            5f1c6e6e-6c1b-4f0e-9d53-0c6a6f2b1a01,ida@ritter.example,Ida,Ritter,SPZA-INS,2026-05-03T10:00:00Z\n";
        assert_eq!(likest(dynamics).0, DestinationKind::Dynamics);
        let hubspot = "Record ID,First Name,Last Name,Email,Lifecycle Stage,Create Date,Original Source\n\
            151,Ida,Ritter,ida@ritter.example,lead,2026-05-03 10:00,OFFLINE\n";
        assert_eq!(likest(hubspot).0, DestinationKind::Hubspot);
        let plain = "email,name\nida@ritter.example,Ida Ritter\n";
        assert!(!likest(plain).1 && !likest(plain).2, "nothing tells whose this is");
    }
}
