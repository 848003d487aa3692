//! Whom leads and witnesses name, by everything that identity compares: who shares nothing of it is somebody else.
//!
//! A CRM is a hundred times larger than the leads in it. What is asked here of a record is what blocking asks of a pair,
//! and more: a record that no rule would ever hold against a lead is a stranger's (design: CRM records are landed).

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use polars::prelude::*;
use rayon::prelude::*;

use super::typed::{self, Columns};
use crate::contact;
use crate::error::Result;

/// Rows that one thread looks at before it takes more: at most, and at least where there are several threads to share.
const CHUNK: usize = 8_192;
const LEAST: usize = 512;

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
        let columns = Columns::of(&described)?;
        let keys_in = |rows: Range<usize>| {
            let (mut known, mut keys) = (Known::new(&columns), Vec::with_capacity(rows.len() * 8));
            for row in rows {
                known.each_key(row, &mut |key| {
                    keys.push(key);
                    false
                });
            }
            keys
        };
        let chunks: Vec<Vec<u64>> = chunks_of(&described).into_par_iter().map(keys_in).collect();
        self.keys.extend(chunks.into_iter().flatten());
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
        let columns = Columns::of(&described)?;
        let finds_in = |rows: Range<usize>| {
            let mut known = Known::new(&columns);
            rows.map(|row| known.each_key(row, &mut |key| self.keys.contains(&key))).collect()
        };
        let chunks: Vec<Vec<Option<bool>>> = chunks_of(&described).into_par_iter().map(finds_in).collect();
        let mut found: Vec<Option<bool>> = chunks.into_iter().flatten().collect();
        let others = found.split_off(frame.height());
        for (row, other) in of.into_iter().zip(others) {
            if let Some(place) = found.get_mut(row as usize).filter(|_| other == Some(true)) {
                *place = other;
            }
        }
        Ok(found)
    }
}

/// The rows of a frame in parts, on which threads can work.
fn chunks_of(frame: &DataFrame) -> Vec<Range<usize>> {
    let height = frame.height();
    let share = height.div_ceil(rayon::current_num_threads()).clamp(LEAST, CHUNK);
    (0..height).step_by(share).map(|start| start..(start + share).min(height)).collect()
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

/// A text as a number that is the same in every frame.
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

/// How a name sounds, and how its first word and its last do where it has several.
#[derive(Clone, Copy)]
struct Name {
    whole: u64,
    parts: Option<(u64, u64)>,
}

impl Name {
    fn of(typed: &str) -> Option<Self> {
        let (key, _) = typed::name(typed)?;
        let of = |key: &str| hash_of(b'n', &contact::sound_key(key));
        Some(Name { whole: of(&key), parts: typed::parted(&key).map(|(first, last)| (of(first), of(last))) })
    }
}

/// What people are known by. Names, companies and countries come again and again, and are looked at once.
struct Known<'a> {
    columns: &'a Columns,
    names: PlHashMap<&'a str, Option<Name>>,
    companies: PlHashMap<&'a str, Option<u64>>,
    countries: PlHashMap<&'a str, Option<&'static str>>,
}

impl<'a> Known<'a> {
    fn new(columns: &'a Columns) -> Self {
        let (names, companies, countries) = Default::default();
        Known { columns, names, companies, countries }
    }

    /// Hands out what a row is known by, until one is taken: a mailbox or its local part, a phone, both names, or company
    /// or mail domain with either name. Says whether one was; none for a row without address, phone and name.
    fn each_key(&mut self, row: usize, take: &mut dyn FnMut(u64) -> bool) -> Option<bool> {
        let Columns { firsts, lasts, emails, phones, companies, countries, .. } = self.columns;
        let address = emails.get(row).and_then(typed::address);
        let mut domain = None;
        if let Some(address) = &address {
            let (local, _) = address.mailbox.rsplit_once('@').unwrap_or((&address.mailbox, ""));
            let tells = !address.role && local.len() >= 4;
            if take(hash_of(b'm', &address.mailbox)) || (tells && take(hash_of(b'l', local))) {
                return Some(true);
            }
            domain = (!address.free).then(|| hash_of(b'd', &address.domain));
        }
        let code = |text| *self.countries.entry(text).or_insert_with(|| contact::country_code(text));
        let phone = phones.get(row).and_then(|phone| typed::phone((phone, countries.get(row).and_then(code))));
        if phone.as_deref().is_some_and(|phone| take(hash_of(b't', typed::tail(phone)))) {
            return Some(true);
        }
        let mut name = |text| *self.names.entry(text).or_insert_with(|| Name::of(text));
        let (first, last) = (firsts.get(row).and_then(&mut name), lasts.get(row).and_then(&mut name));
        let (first, last) = match (first, last) {
            // A whole name in one field.
            (Some(Name { parts: Some((first, last)), .. }), None)
            | (None, Some(Name { parts: Some((first, last)), .. })) => (Some(first), Some(last)),
            (first, last) => (first.map(|name| name.whole), last.map(|name| name.whole)),
        };
        let both = first.zip(last).map(|(a, b)| hash_of_both(b'b', a.min(b), a.max(b)));
        let key =
            |text| *self.companies.entry(text).or_insert_with(|| Some(hash_of(b'c', &contact::company_key(text)?)));
        let company = companies.get(row).and_then(key);
        let of_company = [domain, company].into_iter().flatten();
        let with_name = of_company.flat_map(|of| [first, last].into_iter().flatten().map(move |name| (of, name)));
        let is_taken = both.into_iter().chain(with_name.map(|(of, name)| hash_of_both(b'w', of, name))).any(take);
        let is_anybody = address.is_some() || phone.is_some() || first.is_some() || last.is_some();
        is_anybody.then_some(is_taken)
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
