//! Whom leads and witnesses name, by everything that identity compares: who shares nothing of it is somebody else.
//!
//! A CRM is a hundred times larger than the leads in it. What is asked here of a record is what blocking asks of a pair,
//! and more: a record that no rule would ever hold against a lead is a stranger's (design: CRM records are landed).

use std::hash::{DefaultHasher, Hash, Hasher};

use polars::prelude::*;
use rayon::prelude::*;

use super::forms::{Forms, NONE, Profile};
use crate::contact;
use crate::error::Result;

/// Rows whose values are compared at a time.
const CHUNK: usize = 65_536;

/// People who left leads, or whom a witness saw.
#[derive(Clone, Debug, Default)]
pub struct Sought {
    keys: PlHashSet<u64>,
}

impl Sought {
    /// Adds those whom a frame with the contact columns names.
    ///
    /// # Errors
    /// When a contact column is missing: a fault of ours.
    pub fn add(&mut self, frame: &DataFrame) -> Result<()> {
        let (described, _) = described(frame)?;
        let chunks: Vec<Result<Vec<u64>>> = chunks_of(&described).par_iter().map(keys_in).collect();
        for keys in chunks {
            self.keys.extend(keys?);
        }
        Ok(())
    }

    /// Whether each row of a frame with the contact columns has anything in common with those who are sought; none for a
    /// row without address, phone and name, or with fillers in their place. Every other address and phone of a row
    /// (column `also`) counts.
    ///
    /// # Errors
    /// When a contact column is missing: a fault of ours.
    pub fn finds(&self, frame: &DataFrame) -> Result<Vec<Option<bool>>> {
        let (described, of) = described(frame)?;
        let chunks: Vec<Result<Vec<Option<bool>>>> =
            chunks_of(&described).par_iter().map(|chunk| self.finds_in(chunk)).collect();
        let mut found = Vec::with_capacity(described.height());
        for chunk in chunks {
            found.append(&mut chunk?);
        }
        let others = found.split_off(frame.height());
        for (row, other) in of.into_iter().zip(others) {
            if let Some(place) = found.get_mut(row as usize).filter(|_| other == Some(true)) {
                *place = other;
            }
        }
        Ok(found)
    }

    fn finds_in(&self, frame: &DataFrame) -> Result<Vec<Option<bool>>> {
        let rows: Vec<u32> = (0u32..).take(frame.height()).collect();
        let mut forms = Forms::default();
        let numbers = forms.add_records(frame, &rows)?;
        let values = Values::of(&forms);
        let of_profile: Vec<Option<bool>> = forms
            .profiles
            .iter()
            .map(|profile| {
                if [profile.email, profile.phone, profile.first, profile.last].iter().all(|value| *value == NONE) {
                    None
                } else {
                    Some(values.each_key(profile, |key| self.keys.contains(&key)))
                }
            })
            .collect();
        Ok(numbers.iter().map(|n| of_profile.get(*n as usize).copied().flatten()).collect())
    }
}

/// The frame in parts, on which threads can work.
fn chunks_of(frame: &DataFrame) -> Vec<DataFrame> {
    let starts = (0..frame.height()).step_by(CHUNK);
    starts.map(|start| frame.slice(i64::try_from(start).unwrap_or(i64::MAX), CHUNK)).collect()
}

/// What all rows of a frame are known by.
fn keys_in(frame: &DataFrame) -> Result<Vec<u64>> {
    let rows: Vec<u32> = (0u32..).take(frame.height()).collect();
    let mut forms = Forms::default();
    forms.add_records(frame, &rows)?;
    let values = Values::of(&forms);
    let mut keys = Vec::with_capacity(forms.profiles.len() * 8);
    for profile in &forms.profiles {
        values.each_key(profile, |key| {
            keys.push(key);
            false
        });
    }
    Ok(keys)
}

/// The contact columns, and below them a row for every other address or phone, with the row that it is of.
fn described(frame: &DataFrame) -> Result<(DataFrame, Vec<u32>)> {
    let plain = frame.select(contact::COLUMNS)?;
    let Some(also) = frame.column("also").ok().and_then(|c| c.str().ok()).filter(|c| c.null_count() < c.len()) else {
        return Ok((plain, Vec::new()));
    };
    let (mut of, mut items): (Vec<u32>, Vec<&str>) = (Vec::new(), Vec::new());
    for (row, cell) in (0u32..).zip(also.iter()) {
        for item in cell.into_iter().flat_map(str::lines) {
            of.push(row);
            items.push(item);
        }
    }
    let mut below = plain.take(&IdxCa::from_slice("row".into(), &of))?;
    for (name, is_address) in [("email", true), ("phone", false)] {
        let of_kind = items.iter().map(|item| (item.contains('@') == is_address).then_some(*item));
        below.with_column(StringChunked::from_iter_options(name.into(), of_kind).into_column())?;
    }
    Ok((plain.vstack(&below)?, of))
}

/// Distinct values of some profiles as numbers that are the same in every frame.
struct Values {
    /// Of each address: its mailbox; its local part, where that tells of a person; its domain, where that tells of a company.
    emails: Vec<(u64, Option<u64>, Option<u64>)>,
    phones: Vec<u64>,
    names: Vec<u64>,
    companies: Vec<u64>,
}

fn hash_of(kind: u8, text: &str) -> u64 {
    let mut hash = DefaultHasher::new();
    (kind, text).hash(&mut hash);
    hash.finish()
}

fn hash_of_both(kind: u8, a: u64, b: u64) -> u64 {
    let mut hash = DefaultHasher::new();
    (kind, a, b).hash(&mut hash);
    hash.finish()
}

impl Values {
    fn of(forms: &Forms) -> Self {
        let of_email = |email: &super::forms::Email| {
            let mailbox = contact::mailbox(&email.text);
            let (local, domain) = mailbox.rsplit_once('@').unwrap_or((&mailbox, ""));
            let own = (!email.role && local.len() >= 4).then(|| hash_of(b'l', local));
            (hash_of(b'm', &mailbox), own, (!email.free).then(|| hash_of(b'd', contact::registrable(domain))))
        };
        let tail = |text: &str| {
            let digits = text.trim_start_matches('+');
            hash_of(b't', digits.get(digits.len().saturating_sub(8)..).unwrap_or(digits))
        };
        Values {
            emails: forms.emails.iter().map(of_email).collect(),
            phones: forms.phones.iter().map(|phone| tail(&phone.text)).collect(),
            names: forms.names.iter().map(|name| hash_of(b'n', &contact::sound_key(&name.key))).collect(),
            companies: forms.companies.iter().map(|company| hash_of(b'c', &company.key)).collect(),
        }
    }

    /// Hands out what a profile is known by, until one is taken: a mailbox or its local part, a phone, both names, or
    /// company or mail domain with either name.
    fn each_key(&self, profile: &Profile, mut take: impl FnMut(u64) -> bool) -> bool {
        let email = self.emails.get(profile.email as usize);
        let phone = self.phones.get(profile.phone as usize);
        let name = |number: u32| self.names.get(number as usize).copied();
        let (first, last) = (name(profile.first), name(profile.last));
        let alone = email.into_iter().flat_map(|(mailbox, local, _)| [Some(*mailbox), *local]).flatten();
        let both = first.zip(last).map(|(a, b)| hash_of_both(b'b', a.min(b), a.max(b)));
        let domain = email.and_then(|(.., domain)| *domain);
        let company = self.companies.get(profile.company as usize).copied();
        let of_company = [domain, company].into_iter().flatten();
        let with_name = of_company.flat_map(|of| [first, last].into_iter().flatten().map(move |name| (of, name)));
        alone
            .chain(phone.copied())
            .chain(both)
            .chain(with_name.map(|(of, name)| hash_of_both(b'w', of, name)))
            .any(&mut take)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people(rows: &[[&str; 5]]) -> DataFrame {
        let column = |name: &str, n: usize| {
            let cells: Vec<Option<&str>> =
                rows.iter().map(|row| Some(row[n]).filter(|cell| !cell.is_empty())).collect();
            Column::new(name.into(), cells)
        };
        let none = |name: &str| Column::new(name.into(), vec![None::<&str>; rows.len()]);
        let columns = vec![
            column("first_name", 0),
            column("last_name", 1),
            column("email", 2),
            column("phone", 3),
            column("company", 4),
            none("title"),
            none("country"),
        ];
        DataFrame::new(rows.len(), columns).unwrap()
    }

    #[test]
    fn who_shares_an_address_a_number_both_names_or_a_name_at_a_company_is_found() {
        let mut sought = Sought::default();
        sought.add(&people(&[["Ann", "Lee", "ann.lee@contoso.example", "+49 30 5550 7171", "Contoso GmbH"]])).unwrap();
        let records = people(&[
            ["", "", "ANN.LEE+crm@contoso.example", "", ""],
            ["Bo", "Berg", "", "030/5550-7171", ""],
            ["Lee", "Ann", "", "", "Fabrikam"],
            ["Ann", "Miller", "", "", "CONTOSO"],
            ["B.", "Lee", "lee@contoso.example", "", ""],
            ["", "Ann Lee", "", "", ""],
            ["[not provided]", "[not provided]", "", "", "Fabrikam"],
            ["Bo", "Berg", "bo@contoso.example", "030 5550 7172", "Contoso GmbH"],
            ["Ann", "Berg", "ann@fabrikam.example", "", "Fabrikam"],
        ]);
        let found = sought.finds(&records).unwrap();
        assert_eq!(found[..6], [Some(true); 6]);
        assert_eq!(found[6], None);
        assert_eq!(found[7..], [Some(false); 2], "a colleague, a namesake elsewhere");
    }

    #[test]
    fn every_address_of_a_record_finds_it() {
        let mut sought = Sought::default();
        sought.add(&people(&[["Ann", "Lee", "ann.lee@contoso.example", "", ""]])).unwrap();
        let mut records = people(&[["A", "L", "a@fabrikam.example", "", ""], ["B", "B", "b@fabrikam.example", "", ""]]);
        let also = [Some("+49 30 1\nann.lee@contoso.example"), None];
        records.with_column(Column::new("also".into(), also)).unwrap();
        assert_eq!(sought.finds(&records).unwrap(), [Some(true), Some(false)]);
    }
}
