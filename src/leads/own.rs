//! What a record says of itself by which its copies and its corrections are known: its own time, and with it each of
//! e-mail, phone and full name, as hashes.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::record::{Fields, Layout, Refused, Slot, is_column, read_text};
use super::time;
use crate::contact::normalised_email;
use crate::lead_source;

/// What one record says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// Whether it says when it was raised.
    pub timed: bool,
    /// Hashes of its time, or of its having none, with e-mail, phone and full name, as far as it says them.
    pub marks: Vec<u64>,
}

/// How far a record shows that the marketplace wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signs {
    /// Fields that only the marketplace's leads have: the offer, the action, CustomerInfo.
    pub words: bool,
    /// A lead source in the marketplace's grammar, which a forwarder may have copied into a CRM.
    pub source: bool,
    /// Any lead source, storefront or offer at all.
    pub named: bool,
    /// Its time is a day without hours.
    pub is_day: bool,
}

/// Reads records one after the other; the header of a file is read once.
#[derive(Debug, Default)]
pub struct OwnReader {
    layout: Option<(Vec<u8>, Option<Layout>)>,
}

impl OwnReader {
    /// Reads a stored record; one that is no lead says nothing.
    pub fn read(&mut self, format: &str, header: Option<&[u8]>, payload: &[u8]) -> Own {
        self.fields(format, header, payload).map(|fields| own(&fields)).unwrap_or_default()
    }

    /// Whether a stored record is a lead, as far as can be told from it alone.
    pub fn is_lead(&mut self, format: &str, header: Option<&[u8]>, payload: &[u8]) -> bool {
        self.fields(format, header, payload).is_ok()
    }

    /// What a stored record shows of the marketplace; nothing where it is no lead.
    pub fn signs(&mut self, format: &str, header: Option<&[u8]>, payload: &[u8]) -> Option<Signs> {
        let fields = self.fields(format, header, payload).ok()?;
        let source = fields.get(Slot::LeadSource).or(fields.get(Slot::Source)).map(lead_source::parse);
        let words = [Slot::Product, Slot::OfferTitle, Slot::Action, Slot::Created];
        Some(Signs {
            // A contact inside the record, as CustomerInfo and UserDetails are, is unpacked by now.
            words: words.iter().any(|slot| fields.get(*slot).is_some())
                || fields.is_lead_by_name() && fields.get(Slot::LeadSource).is_none(),
            source: source.is_some_and(|source| source.is_marketplace),
            named: [Slot::LeadSource, Slot::Source, Slot::Offer].iter().any(|slot| fields.get(*slot).is_some()),
            is_day: [Slot::BodyTime, Slot::Timestamp]
                .iter()
                .find_map(|slot| fields.get(*slot))
                .is_some_and(time::is_day),
        })
    }

    /// Whether a line is the body of a form, `first_name=…&last_name=…`.
    pub fn is_form(&self, line: &[u8]) -> bool {
        line.contains(&b'&') && line.contains(&b'=') && !line.starts_with(b"\"") && read_text(line).is_ok()
    }

    /// The leads in a text of names and values, as mails and shells print them: each begins with the name with which the
    /// first begins. None where a part of it is none, or says something twice.
    pub fn printed<'t>(&self, text: &'t str) -> Option<Vec<&'t str>> {
        let name_of = |line: &str| -> Option<String> {
            let (name, _) = line.split_once([':', '='])?;
            is_column(name).then(|| name.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase())
        };
        let (mut starts, mut first, mut seen, mut at) = (Vec::new(), None, BTreeSet::new(), 0);
        for line in text.split_inclusive('\n') {
            if let Some(name) = name_of(line) {
                if *first.get_or_insert_with(|| name.clone()) == name {
                    starts.push(at);
                    seen.clear();
                }
                if !seen.insert(name) {
                    return None;
                }
            }
            at += line.len();
        }
        let ends = starts.iter().skip(1).copied().chain([text.len()]);
        let leads = starts.iter().zip(ends).map(|(from, to)| text.get(*from..to).map(str::trim));
        let is_lead = |lead: &&str| lead.contains('\n') && read_text(lead.as_bytes()).is_ok();
        let leads: Vec<&str> = leads.collect::<Option<_>>()?;
        (!leads.is_empty() && leads.iter().all(is_lead)).then_some(leads)
    }

    fn fields(&mut self, format: &str, header: Option<&[u8]>, payload: &[u8]) -> Result<Fields, Option<Refused>> {
        if format != "csv" {
            return read_text(payload).map_err(Some);
        }
        let header = header.unwrap_or_default();
        if self.layout.as_ref().is_none_or(|(of, _)| of != header) {
            self.layout = Some((header.to_vec(), Layout::read(header).ok()));
        }
        let layout = self.layout.as_mut().and_then(|(_, layout)| layout.as_mut()).ok_or(None)?;
        layout.record(payload).map_err(Some)
    }
}

fn own(fields: &Fields) -> Own {
    let slots = [Slot::Created, Slot::BodyTime, Slot::Timestamp];
    let at = slots.into_iter().find_map(|slot| fields.get(slot).and_then(time::own));
    let email = fields.get(Slot::Email).and_then(normalised_email);
    let digits = fields.get(Slot::Phone).map(|p| p.chars().filter(char::is_ascii_digit).collect::<String>());
    let phone = digits.filter(|d| d.len() > 5);
    let name = match (fields.get(Slot::FirstName), fields.get(Slot::LastName), fields.get(Slot::FullName)) {
        (Some(first), Some(last), _) => Some(format!("{first} {last}")),
        (_, _, full) => full.filter(|f| f.contains(char::is_whitespace)).map(str::to_owned),
    };
    let name = name.map(|n| n.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase());
    let when = at.clone().unwrap_or_default();
    let said = [("email", email), ("phone", phone), ("name", name)];
    let marks = said.into_iter().filter_map(|(what, value)| Some(mark(&when, what, &value?))).collect();
    Own { timed: at.is_some(), marks }
}

fn mark(when: &str, what: &str, value: &str) -> u64 {
    let mut hash = Sha256::new();
    for part in [when, what, value] {
        hash.update(part);
        hash.update([0]);
    }
    hash.finalize().iter().take(8).fold(0, |all, byte| all << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_leads_begin_with_the_same_name_and_say_nothing_twice() {
        let of = |text: &str| OwnReader::default().printed(text).map(|leads| leads.len());
        assert_eq!(of("Email: a@x\nFirst name: A\nNotes: b\n\n c\n"), Some(1));
        assert_eq!(of("items:\n- Email: a@x\n  LastName: A\n- Email: b@x\n  Phone: 1\n  LastName: B\n"), Some(2));
        assert_eq!(of("\r\nEmail : a@x\r\nLastName : A\r\n\r\nEmail : b@x\r\nLastName : B\r\n"), Some(2));
        assert_eq!(of("Email: a@x\nLastName: A\nLastName: B\n"), None);
        assert_eq!(of("Email: a@x\nLastName: A\n\nEmail: b@x\nsomething else\n"), None);
        assert_eq!(of("Email,LastName\na@x,A\n"), None);
    }

    #[test]
    fn a_correction_shares_time_and_one_of_address_phone_and_name() {
        let mut reader = OwnReader::default();
        let mut of = |text: &str| reader.read("json", None, text.as_bytes());
        let first = of(
            r#"{"FirstName":"Jo","LastName":"Li","Email":"JO@x.de","LeadSource":"SPZA","CreatedTime":"2026-05-01T10:00:00Z"}"#,
        );
        let corrected = of(
            r#"{"FirstName":"Joe","LastName":"Li","Email":"jo@x.de","LeadSource":"SPZA","CreatedTime":"2026-05-01T12:00:00+02:00"}"#,
        );
        let later = of(
            r#"{"FirstName":"Jo","LastName":"Li","Email":"jo@x.de","LeadSource":"SPZA","CreatedTime":"2026-05-01T10:00:01Z"}"#,
        );
        let share = |a: &Own, b: &Own| a.marks.iter().any(|m| b.marks.contains(m));
        assert!(first.timed && first.marks.len() == 2 && share(&first, &corrected) && !share(&first, &later));
        assert_eq!(of("no lead"), Own::default());
    }
}
