//! What a record says of itself by which its copies and its corrections are known: its own time, and with it each of
//! e-mail, phone and full name, as hashes.

use sha2::{Digest, Sha256};

use super::record::{Fields, Layout, Refused, Slot, read_text};
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
