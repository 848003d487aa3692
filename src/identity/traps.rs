//! What must not be merged, and what must not be split: one test for each trap.

use polars::prelude::*;

use super::{Decision, Inputs, Linked, link};
use crate::tables::{ExportRecords, Grain, Leads, Table};

/// first name, last name, e-mail, phone, company, country; empty is null.
pub(super) type Contact = [&'static str; 6];

/// A lead of the given number: landed and received in the order of the numbers.
fn table(contacts: &[Contact], kinds: &[&str]) -> Table<Leads> {
    let n = contacts.len();
    let mut columns = Vec::new();
    for column in Leads::DEFINITION.columns {
        let dtype = column.kind.dtype();
        let numbers = || (0..n as i64).collect::<Vec<_>>();
        let text = |f: &dyn Fn(usize) -> String| {
            let values: Vec<Option<String>> = (0..n).map(|i| Some(f(i)).filter(|v| !v.is_empty())).collect();
            Column::new(column.name.into(), values)
        };
        let field =
            ["first_name", "last_name", "email", "phone", "company", "country"].iter().position(|f| *f == column.name);
        columns.push(match (column.name, field) {
            (_, Some(f)) => text(&|i| contacts[i][f].to_owned()),
            ("lead_id", _) => text(&|i| format!("lead{i:03}")),
            ("kind", _) => text(&|i| kinds.get(i).copied().unwrap_or("genuine").to_owned()),
            ("offer_id", _) => text(&|_| "contoso.mesh".to_owned()),
            ("received_at", _) => {
                Column::new(column.name.into(), numbers().iter().map(|i| i * 3_600_000_000).collect::<Vec<_>>())
                    .cast(&dtype)
                    .unwrap()
            }
            ("landed_on", _) => {
                Column::new(column.name.into(), numbers().iter().map(|i| *i as i32).collect::<Vec<_>>())
                    .cast(&dtype)
                    .unwrap()
            }
            (_, _) if !column.nullable && dtype == DataType::String => text(&|_| "x".to_owned()),
            (_, _) if !column.nullable => Column::new(column.name.into(), numbers()).cast(&dtype).unwrap(),
            _ => Column::full_null(column.name.into(), n, &dtype),
        });
    }
    Table::new(DataFrame::new(n, columns).unwrap()).unwrap()
}

pub(super) fn linked_with(contacts: &[Contact], kinds: &[&str], decisions: &[Decision]) -> Linked {
    link(&Inputs {
        leads: &table(contacts, kinds),
        records: &Table::<ExportRecords>::empty(),
        decisions,
        previous: None,
        threshold: 0.95,
        model: None,
    })
    .unwrap()
}

/// The person of each lead, as a letter in the order of first sight; `-` for nobody.
pub(super) fn persons(linked: &Linked) -> String {
    let ids = linked.identities.frame().column("person_id").unwrap().str().unwrap().clone();
    let mut seen: Vec<&str> = Vec::new();
    ids.iter()
        .map(|id| {
            id.map_or('-', |id| {
                let at = seen.iter().position(|s| *s == id).unwrap_or_else(|| {
                    seen.push(id);
                    seen.len() - 1
                });
                (b'a' + at as u8) as char
            })
        })
        .collect()
}

fn check(expected: &str, contacts: &[Contact]) {
    assert_eq!(persons(&linked_with(contacts, &[], &[])), expected, "{contacts:?}");
}

#[test]
fn one_address_in_two_spellings_is_one_person() {
    check(
        "aab",
        &[
            ["Ann", "Lee", "ann.lee@contoso.com", "", "Contoso", "US"],
            ["ann", "LEE", " Ann.Lee@Contoso.COM", "", "", ""],
            ["Bob", "Ray", "bob.ray@fabrikam.com", "", "Fabrikam", "US"],
        ],
    );
}

#[test]
fn test_and_withheld_leads_are_nobody() {
    let ann = ["Ann", "Lee", "ann.lee@contoso.com", "", "", ""];
    let found = linked_with(
        &[ann, ann, ["", "", "", "", "", "US"], ann],
        &["test", "genuine", "withheld", "do-not-contact"],
        &[],
    );
    assert_eq!(persons(&found), "-a-a");
    assert_eq!(found.people.height(), 1);
}
