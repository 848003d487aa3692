//! Records of people → whether they are raw leads, or the list that somebody made of people: of users, of guests, of what a
//! CRM holds.
//!
//! What the marketplace writes says what a lead is about. Where nothing does but a lead source, which forwarders copy into
//! a CRM, the other sources beside it tell, and times that are days: a marketplace writes instants, a report shows days.

use super::own::Signs;

/// So many records tell.
const FEW: usize = 5;

/// Fields of the leads of an Office add-in: first name, last name and address, and nothing that says what they are about.
const OF_AN_ADD_IN: usize = 3;

/// What records of people are, where they are not surely raw leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Anybody's list of people: nothing in it is of the marketplace.
    People,
    /// A report of a CRM: lead sources of other campaigns, or days instead of instants.
    Report,
    /// Raw leads, or the leads of the marketplace in a report of a CRM: nothing tells.
    Either,
}

/// What the first records of a file are; none where they are raw leads, or too few to tell. `names`: what their fields are
/// called. One row under a header (`is_table`) tells whether any column says what it is about.
pub fn list(leads: &[Signs], names: usize, is_table: bool) -> Option<List> {
    let is_marked = |signs: &&Signs| signs.words || signs.source;
    let marked = leads.iter().filter(is_marked).count();
    if leads.is_empty() || leads.iter().any(|signs| signs.words) {
        return None;
    }
    let is_many = leads.len() >= FEW;
    // A form that the marketplace posts to a CRM has a lead source alone, and no header.
    let either = (is_many && is_table).then_some(List::Either);
    if marked == 0 && !leads.iter().any(|signs| signs.named) {
        return if names <= OF_AN_ADD_IN { either } else { (is_many || is_table).then_some(List::People) };
    }
    let is_report = marked * 2 < leads.len() || leads.iter().all(|signs| signs.is_day);
    if is_many && is_report { Some(List::Report) } else { either }
}

#[cfg(test)]
mod tests {
    use super::super::OwnReader;
    use super::*;

    fn of(header: &str, row: impl Fn(usize) -> String) -> Option<List> {
        let mut reader = OwnReader::default();
        let rows: Vec<String> = (0..6).map(row).collect();
        let signs = rows.iter().map(|row| reader.signs("csv", Some(header.as_bytes()), row.as_bytes()));
        list(&signs.collect::<Option<Vec<_>>>().unwrap(), header.split(',').count(), true)
    }

    #[test]
    fn a_list_of_people_is_told_from_raw_leads_by_what_stands_in_it() {
        let ours = "AzureMarketplace-INS|contoso.mesh";
        let report = "First Name,Last Name,Lead Source,Created Date";
        assert_eq!(
            of("Id,Username,FirstName,LastName,Email", |n| format!("{n},u{n},A,B,a{n}@b.example")),
            Some(List::People)
        );
        assert_eq!(
            of("First Name,Last Name,E-mail,Registered", |n| format!("A,B,a{n}@b.example,2026-04-0{}", n + 1)),
            Some(List::People)
        );
        assert_eq!(of(report, |n| format!("A,B,{ours},4/{}/2026", n + 1)), Some(List::Report), "days");
        let mixed = |n: usize| format!("A,B,{},2026-04-01T10:0{n}:00Z", if n == 0 { ours } else { "Trade Show" });
        assert_eq!(of(report, mixed), Some(List::Report), "sources of other campaigns");
        assert_eq!(of(report, |n| format!("A,B,{ours},2026-04-01T10:0{n}:00Z")), Some(List::Either));
        assert_eq!(of("Name,Email,LeadSource", |n| format!("A B,a{n}@b.example,{ours}")), Some(List::Either));
        let add_in = |n: usize| format!("A,B,a{n}@b.example");
        assert_eq!(of("First Name,Last Name,Email Address", add_in), Some(List::Either), "leads of an Office add-in");
        let flat = "FirstName,LastName,Email,LeadSource,ActionCode,OfferDisplayName,CreatedTime";
        assert_eq!(of(flat, |n| format!("A,B,a{n}@b.example,{ours},INS,Mesh,2026-04-0{}", n + 1)), None);
    }
}
