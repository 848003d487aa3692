//! What a person types into the form: the truth of `people`, with all the mess of real forms.
//!
//! At most one field of a form is mistyped, as the identity model is promised; other freedoms (nickname, script, number
//! format, which address) come on top.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::people::{Person, Phone, Spelled, World, any};
use super::plan::Mess;

/// The contact fields of one lead; an empty text is a field that was not given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// First name.
    pub first: String,
    /// Last name.
    pub last: String,
    /// E-mail.
    pub email: String,
    /// Telephone.
    pub phone: String,
    /// Company.
    pub company: String,
    /// Job title.
    pub title: String,
    /// Country.
    pub country: String,
}

/// In which role somebody fills in a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// From work.
    Work,
    /// From home.
    Home,
}

/// Fills in the form.
pub fn form(world: &World, person: &Person, role: Role, mess: &Mess, rng: &mut ChaCha8Rng) -> Form {
    let country = world.country(person);
    let foreign = person.first.native != person.first.latin;
    let native = foreign && person.id.is_multiple_of(2) != rng.random_bool(mess.other_script);
    let spell = |name: &Spelled| if native { name.native.clone() } else { name.latin.clone() };
    let surname = match &person.maiden {
        Some(maiden) if rng.random_bool(0.5) => maiden,
        _ => &person.last,
    };
    let mut form = Form {
        first: spell(&person.first),
        last: spell(surname),
        email: match role {
            Role::Work => person.work_email.clone(),
            Role::Home => person.private_email.clone(),
        },
        phone: match role {
            Role::Work if rng.random_bool(0.12) => write_phone(&person.company.switchboard, rng),
            _ => write_phone(&person.mobile, rng),
        },
        company: write_company(person, rng),
        title: write_title(world, person, rng),
        country: match rng.random_range(0..10) {
            0..=5 => country.iso2.to_owned(),
            _ => any(rng, &country.names).to_owned(),
        },
    };
    if rng.random_bool(mess.nickname)
        && let Some(group) = world.nicknames.iter().find(|g| g.contains(&form.first.as_str()))
    {
        form.first = any(rng, group).to_owned();
    }
    if rng.random_bool(mess.initial)
        && let Some(initial) = form.first.chars().next()
    {
        form.first = format!("{initial}.");
    }
    if rng.random_bool(mess.swapped) {
        std::mem::swap(&mut form.first, &mut form.last);
    }
    if rng.random_bool(mess.case) {
        let upper = rng.random_bool(0.5);
        for name in [&mut form.first, &mut form.last] {
            *name = if upper { name.to_uppercase() } else { name.to_lowercase() };
        }
    }
    if rng.random_bool(mess.email_case) {
        form.email = match rng.random_range(0..3) {
            0 => form.email.to_uppercase(),
            1 => capitalised(&form.email),
            _ => format!(" {} ", form.email),
        };
    }
    if rng.random_bool(mess.plus_tag)
        && let Some((local, domain)) = form.email.split_once('@')
    {
        form.email = format!("{local}+{}@{domain}", any(rng, &["azure", "ms", "trial", "test", "news"]));
    }
    blank(&mut form, role, mess, rng);
    if rng.random_bool(mess.typo) {
        let mut fields = [&mut form.first, &mut form.last, &mut form.email, &mut form.phone, &mut form.company];
        let at = rng.random_range(0..fields.len());
        if let Some(field) = fields.get_mut(at) {
            **field = mistyped(field, rng);
        }
    }
    form
}

fn blank(form: &mut Form, role: Role, mess: &Mess, rng: &mut ChaCha8Rng) {
    if rng.random_bool(mess.no_phone) {
        form.phone = any(rng, &["", "", "", "", "-", "n/a", "0"]).to_owned();
    }
    if rng.random_bool(if role == Role::Home { 0.5 } else { mess.no_company }) {
        form.company.clear();
    }
    if rng.random_bool(mess.no_title) {
        form.title.clear();
    }
    if rng.random_bool(mess.no_country) {
        form.country.clear();
    }
    if rng.random_bool(mess.no_first_name) {
        form.first.clear();
    }
    if rng.random_bool(mess.no_email) && !form.phone.is_empty() {
        form.email.clear();
    }
}

fn write_company(person: &Person, rng: &mut ChaCha8Rng) -> String {
    let company = &person.company;
    match rng.random_range(0..20) {
        0..=9 => company.full_name.clone(),
        10..=16 => company.name.clone(),
        17 => company.name.to_uppercase(),
        18 => company.full_name.to_lowercase(),
        _ => company.domain.clone(),
    }
}

fn write_title(world: &World, person: &Person, rng: &mut ChaCha8Rng) -> String {
    if rng.random_bool(0.2)
        && let Some((_, other)) = world.title_variants.iter().find(|(title, _)| *title == person.title)
    {
        return (*other).to_owned();
    }
    person.title.clone()
}

/// One of the many ways to write a number.
pub fn write_phone(phone: &Phone, rng: &mut ChaCha8Rng) -> String {
    let Phone { dial, trunk, national } = phone;
    let grouped = |separator: &str| {
        let digits: Vec<char> = national.chars().collect();
        let (area, rest) = digits.split_at(3.min(digits.len()));
        let middle = rest.len() / 2;
        let (left, right) = rest.split_at(middle);
        [area, left, right]
            .iter()
            .filter(|part| !part.is_empty())
            .map(|part| part.iter().collect::<String>())
            .collect::<Vec<_>>()
            .join(separator)
    };
    match rng.random_range(0..9) {
        0 | 1 => format!("+{dial} {}", grouped(" ")),
        2 => format!("+{dial}{national}"),
        3 => format!("00{dial}{national}"),
        4 => format!("{trunk}{national}"),
        5 => format!("{trunk}{}", grouped("-")),
        6 => format!("+{dial} ({trunk}){}", grouped(" ")),
        7 => format!("{dial}{national}"),
        _ => format!("{trunk}{}", grouped(" ")),
    }
}

/// The text with one slip of the fingers: two letters exchanged, one left out, doubled or replaced.
pub fn mistyped(text: &str, rng: &mut ChaCha8Rng) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let usable: Vec<usize> =
        (0..letters.len()).filter(|i| letters.get(*i).is_some_and(|c| c.is_alphanumeric())).collect();
    let Some(&at) = usable.choose(rng).filter(|_| letters.len() > 2) else { return text.to_owned() };
    match rng.random_range(0..4) {
        0 if at + 1 < letters.len() => letters.swap(at, at + 1),
        1 => {
            letters.remove(at);
        }
        2 => {
            if let Some(c) = letters.get(at).copied() {
                letters.insert(at, c);
            }
        }
        _ => {
            if let Some(c) = letters.get_mut(at) {
                let digit = c.is_ascii_digit();
                let other = if digit { rng.random_range(b'0'..=b'9') } else { rng.random_range(b'a'..=b'z') };
                *c = char::from(other);
            }
        }
    }
    letters.into_iter().collect()
}

fn capitalised(email: &str) -> String {
    let mut letters = email.chars();
    letters.next().map(|c| c.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
