//! The people of a synthetic publisher: who they really are, before anybody fills in a form.
//!
//! Made from the built-in lists `data/people.txt` and `data/words.txt`; every person and company is a function of the
//! seed and its number, so that nothing has to be kept in memory. What they type is left to `typed`.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// A name in its own script and in Latin letters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spelled {
    /// As its bearer writes it.
    pub native: String,
    /// In Latin letters.
    pub latin: String,
}

impl Spelled {
    fn read(text: &str) -> Self {
        let (native, latin) = text.split_once('=').unwrap_or((text, text));
        Spelled { native: native.to_owned(), latin: latin.to_owned() }
    }

    fn joined(&self, other: &Spelled) -> Self {
        Spelled { native: format!("{}{}", self.native, other.native), latin: format!("{}{}", self.latin, other.latin) }
    }
}

/// One country: how it is written, how its people are called and reached.
#[derive(Debug)]
pub struct Country {
    /// ISO 3166 two letters.
    pub iso2: &'static str,
    /// Every way the country is typed, ISO codes first.
    pub names: Vec<&'static str>,
    dial: &'static str,
    trunk: &'static str,
    ending: &'static str,
    legal: Vec<&'static str>,
    mail: Vec<&'static str>,
    mobiles: Vec<&'static str>,
    landlines: Vec<&'static str>,
    women: Vec<Spelled>,
    men: Vec<Spelled>,
    last: Vec<Spelled>,
    prefixes: Vec<Spelled>,
    suffixes: Vec<Spelled>,
    weight: u32,
}

/// A telephone number, taken apart so that it can be written in many forms.
#[derive(Clone, Debug, Default)]
pub struct Phone {
    /// Country calling code.
    pub dial: String,
    /// What stands before a national number; may be empty.
    pub trunk: String,
    /// The national significant number.
    pub national: String,
}

/// An employer.
#[derive(Clone, Debug)]
pub struct Company {
    /// Name without legal form.
    pub name: String,
    /// Name with legal form, as in the register.
    pub full_name: String,
    /// Mail domain.
    pub domain: String,
    /// The number everybody there gives out.
    pub switchboard: Phone,
}

/// A human being.
#[derive(Clone, Debug)]
pub struct Person {
    /// Number among the people of the publisher: the truth.
    pub id: u64,
    /// Index into [`World::countries`].
    pub country: usize,
    /// First name.
    pub first: Spelled,
    /// Last name today.
    pub last: Spelled,
    /// Last name before a marriage.
    pub maiden: Option<Spelled>,
    /// Address at work.
    pub work_email: String,
    /// Address at home.
    pub private_email: String,
    /// Own number.
    pub mobile: Phone,
    /// Employer.
    pub company: Company,
    /// Job title.
    pub title: String,
}

/// Everything people are made of.
#[derive(Debug)]
pub struct World {
    /// The countries, in the order of the built-in list.
    pub countries: Vec<Country>,
    first: Vec<&'static str>,
    second: Vec<&'static str>,
    third: Vec<&'static str>,
    titles: Vec<&'static str>,
    local_titles: Vec<(&'static str, &'static str)>,
    /// Job titles and another way to say the same.
    pub title_variants: Vec<(&'static str, &'static str)>,
    /// What customers write into the form.
    pub notes: Vec<&'static str>,
    /// Campaign ids of links.
    pub campaigns: Vec<&'static str>,
    /// Names that one person goes by.
    pub nicknames: Vec<Vec<&'static str>>,
    seed: u64,
    slots: u64,
}

/// Staff of the companies in a block of [`BLOCK`] people.
const STAFF: [u64; 16] = [1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 8, 12, 17];
const BLOCK: u64 = 64;

/// Randomness for one thing: the same seed, topic and number always give the same stream.
pub fn dice(seed: u64, topic: u64, number: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(topic));
    rng.set_stream(number);
    rng
}

/// One of a list, which is never empty; the first half is likelier, as with names.
pub fn skewed<'a, T>(rng: &mut ChaCha8Rng, list: &'a [T]) -> Option<&'a T> {
    let u: f64 = rng.random();
    list.get((u.powf(1.7) * list.len() as f64) as usize).or_else(|| list.last())
}

/// One of a list of texts; empty if the list is.
pub fn any<'a>(rng: &mut ChaCha8Rng, list: &[&'a str]) -> &'a str {
    list.choose(rng).copied().unwrap_or_default()
}

impl World {
    /// The world for at most `people` people.
    pub fn new(seed: u64, people: u64) -> World {
        let words = include_str!("data/words.txt");
        let list = |name: &str| -> Vec<&'static str> {
            words
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
                .map(|line| line.split('|').collect())
                .unwrap_or_default()
        };
        World {
            countries: countries(include_str!("data/people.txt")),
            first: list("first"),
            second: list("second"),
            third: list("third"),
            titles: list("titles"),
            local_titles: list("local_titles").into_iter().filter_map(|pair| pair.split_once('=')).collect(),
            title_variants: list("title_variants").into_iter().filter_map(|pair| pair.split_once('=')).collect(),
            notes: list("notes"),
            campaigns: list("campaigns"),
            nicknames: list("nicknames").into_iter().map(|group| group.split(' ').collect()).collect(),
            seed,
            // One half for the people who come, one for strangers.
            slots: 2 * people.max(BLOCK).next_power_of_two(),
        }
    }

    /// Scatters consecutive numbers over all slots, each slot once.
    fn slot(&self, number: u64) -> u64 {
        let mask = self.slots - 1;
        let step = |x: u64, odd: u64| x.wrapping_mul(odd).wrapping_add(self.seed) & mask;
        let half = self.slots.trailing_zeros() / 2;
        let x = step(number & mask, 0x2545_F491_4F6C_DD1D);
        step(x ^ (x >> half.max(1)), 0x9E37_79B9_7F4A_7C15)
    }

    /// The person of this number. Different numbers are different people with different addresses and telephones.
    pub fn person(&self, id: u64) -> Person {
        let slot = self.slot(id);
        let (company_number, place) = employer(slot);
        let country_index = self.country_of(company_number);
        let company = self.company(company_number, country_index);
        let Some(country) = self.countries.get(country_index) else { unreachable!("country_of gives an index") };
        let mut rng = dice(self.seed, 1, slot);
        let (first, last, local) = self.name(country, &mut rng);
        let clash = (1..=place)
            .filter(|back| {
                let mut other = dice(self.seed, 1, slot - back);
                self.name(country, &mut other).2 == local
            })
            .count();
        let local = if clash > 0 { format!("{local}{}", clash + 1) } else { local };
        let maiden = (rng.random_bool(0.06)).then(|| last_name(country, &mut rng));
        let given = slug(&first.latin, country.iso2);
        let family = slug(&last.latin, country.iso2);
        // Providers do not give out addresses with a hyphen, or read it as the beginning of a tag.
        let (given, family) = (given.replace('-', ""), family.replace('-', ""));
        let private = match rng.random_range(0..4) {
            0 => format!("{given}.{family}{slot}"),
            1 => format!("{given}{slot}"),
            2 => format!("{family}_{}{slot}", given.chars().next().unwrap_or('x')),
            _ => format!("{given}{family}{slot}"),
        };
        Person {
            id,
            country: country_index,
            private_email: format!("{private}@{}", skewed(&mut rng, &country.mail).copied().unwrap_or("gmail.com")),
            work_email: format!("{local}@{}", company.domain),
            mobile: phone(country, &country.mobiles, slot),
            title: self.job_title(country, &mut rng).to_owned(),
            first,
            last,
            maiden,
            company,
        }
    }

    /// Somebody who never comes through the marketplace.
    pub fn stranger(&self, number: u64) -> Person {
        let half = self.slots / 2;
        self.person(half + number % half)
    }

    fn job_title(&self, country: &Country, rng: &mut ChaCha8Rng) -> &'static str {
        let local: Vec<&'static str> =
            self.local_titles.iter().filter(|(iso2, _)| *iso2 == country.iso2).map(|(_, title)| *title).collect();
        let list = if local.is_empty() || rng.random_bool(0.55) { &self.titles } else { &local };
        list.choose(rng).copied().unwrap_or_default()
    }

    fn name(&self, country: &Country, rng: &mut ChaCha8Rng) -> (Spelled, Spelled, String) {
        let list = if rng.random_bool(0.4) { &country.women } else { &country.men };
        let first = skewed(rng, list).cloned();
        let first = first.unwrap_or_default();
        let last = last_name(country, rng);
        let (given, family) = (slug(&first.latin, country.iso2), slug(&last.latin, country.iso2));
        let initial = given.chars().next().unwrap_or('x');
        let local = match rng.random_range(0..10) {
            0..=4 => format!("{given}.{family}"),
            5 | 6 => format!("{initial}{family}"),
            7 => format!("{initial}.{family}"),
            8 => given,
            _ => format!("{given}_{family}"),
        };
        (first, last, local)
    }

    fn country_of(&self, company: u64) -> usize {
        let total: u32 = self.countries.iter().map(|c| c.weight).sum();
        let mut at = dice(self.seed, 2, company).random_range(0..total.max(1));
        for (index, country) in self.countries.iter().enumerate() {
            if at < country.weight {
                return index;
            }
            at -= country.weight;
        }
        0
    }

    fn company(&self, number: u64, country: usize) -> Company {
        let Some(country) = self.countries.get(country) else { unreachable!("an index of countries") };
        let (a, b, c) = (self.first.len() as u64, self.second.len() as u64, self.third.len() as u64);
        let all = a * b * c;
        // 7,368,787 is a prime larger than any factor of the number of names: consecutive companies sound different.
        let scattered = (number % all).wrapping_mul(7_368_787).wrapping_add(self.seed % all) % all;
        let word = |list: &[&'static str], at: u64| list.get(at as usize).copied().unwrap_or_default();
        let (first, second, third) = (
            word(&self.first, scattered % a),
            word(&self.second, scattered / a % b),
            word(&self.third, scattered / a / b),
        );
        let more = ["", " Group", " Holdings", " International", " Europe", " Asia", " Americas", " Partners"];
        let tail = more.get((number / all) as usize).copied().unwrap_or(" Worldwide");
        let mut rng = dice(self.seed, 3, number);
        let name = match rng.random_range(0..3) {
            0 => format!("{first}{} {third}{tail}", second.to_lowercase()),
            _ => format!("{first} {second} {third}{tail}"),
        };
        let form = skewed(&mut rng, &country.legal).copied().unwrap_or("{}");
        let domain = format!("{first}{second}-{third}{}", tail.trim()).to_lowercase();
        Company {
            full_name: form.replace("{}", &name),
            domain: format!("{domain}.{}", if rng.random_bool(0.35) { "com" } else { country.ending }),
            switchboard: phone(country, &country.landlines, number),
            name,
        }
    }

    /// The mail provider, name and number style of the person's country.
    pub fn country(&self, person: &Person) -> &Country {
        match self.countries.get(person.country) {
            Some(country) => country,
            None => unreachable!("a person's country is an index of countries"),
        }
    }
}

fn employer(slot: u64) -> (u64, u64) {
    let mut place = slot % BLOCK;
    for (index, staff) in STAFF.iter().enumerate() {
        if place < *staff {
            return (slot / BLOCK * STAFF.len() as u64 + index as u64, place);
        }
        place -= staff;
    }
    (slot / BLOCK * STAFF.len() as u64, 0)
}

fn last_name(country: &Country, rng: &mut ChaCha8Rng) -> Spelled {
    if !country.prefixes.is_empty() && rng.random_bool(0.5) {
        let (prefix, suffix) = (country.prefixes.choose(rng), country.suffixes.choose(rng));
        if let (Some(prefix), Some(suffix)) = (prefix, suffix) {
            return prefix.joined(suffix);
        }
    }
    skewed(rng, &country.last).cloned().unwrap_or_default()
}

const STEPS: [u64; 6] = [7919, 104_729, 1_299_709, 15_485_863, 179_424_673, 982_451_653];

fn phone(country: &Country, templates: &[&str], number: u64) -> Phone {
    let count = templates.len().max(1) as u64;
    let template = templates.get((number % count) as usize).copied().unwrap_or("#########");
    let free = template.bytes().filter(|b| *b == b'#').count() as u32;
    let space = 10u64.pow(free);
    // Primes have no factor in common with ten, so that different numbers stay different; another one for each prefix,
    // so that neighbours do not differ in the prefix alone.
    let step = STEPS.get((number % count) as usize % STEPS.len()).copied().unwrap_or(7919);
    let mut digits = (number / count).wrapping_mul(step).wrapping_add(1_234_567) % space;
    let mut national = template.to_owned().into_bytes();
    for place in national.iter_mut().rev().filter(|b| **b == b'#') {
        *place = b'0' + (digits % 10) as u8;
        digits /= 10;
    }
    Phone {
        dial: country.dial.to_owned(),
        trunk: country.trunk.to_owned(),
        national: String::from_utf8_lossy(&national).into_owned(),
    }
}

/// Lower-case Latin letters and digits, as in a mail address.
pub fn slug(text: &str, country: &str) -> String {
    let german = matches!(country, "DE" | "CH");
    let mut out = String::with_capacity(text.len());
    for c in text.to_lowercase().chars() {
        match c {
            'ä' if german => out.push_str("ae"),
            'ö' if german => out.push_str("oe"),
            'ü' if german => out.push_str("ue"),
            'a'..='z' | '0'..='9' => out.push(c),
            '-' => out.push('-'),
            c if c.is_ascii() => {}
            c => out.extend(
                any_ascii::any_ascii_char(c)
                    .chars()
                    .filter(char::is_ascii_alphanumeric)
                    .map(|c| c.to_ascii_lowercase()),
            ),
        }
    }
    let trimmed = out.trim_matches('-');
    if trimmed.is_empty() { "x".to_owned() } else { trimmed.to_owned() }
}

fn countries(text: &'static str) -> Vec<Country> {
    let mut countries: Vec<Country> = Vec::new();
    for line in text.lines().filter(|l| !l.starts_with('#') && !l.is_empty()) {
        if let Some(head) = line.strip_prefix('[') {
            let mut words = head.split([']', ' ']).filter(|w| !w.is_empty());
            let mut word = || words.next().unwrap_or_default();
            let (iso2, weight, dial, trunk, ending) = (word(), word(), word(), word(), word());
            countries.push(Country {
                iso2,
                names: Vec::new(),
                dial,
                trunk: trunk.trim_start_matches('-'),
                ending,
                legal: Vec::new(),
                mail: Vec::new(),
                mobiles: Vec::new(),
                landlines: Vec::new(),
                women: Vec::new(),
                men: Vec::new(),
                last: Vec::new(),
                prefixes: Vec::new(),
                suffixes: Vec::new(),
                weight: weight.parse().unwrap_or(1),
            });
            continue;
        }
        let (Some(country), Some((key, values))) = (countries.last_mut(), line.split_once(": ")) else { continue };
        let texts = || values.split('|').collect::<Vec<_>>();
        let spelled = || values.split('|').map(Spelled::read).collect::<Vec<_>>();
        match key {
            "names" => country.names = texts(),
            "legal" => country.legal = texts(),
            "mail" => country.mail = texts(),
            "m" => country.mobiles = texts(),
            "t" => country.landlines = texts(),
            "f" => country.women = spelled(),
            "g" => country.men = spelled(),
            "l" => country.last = spelled(),
            "p" => country.prefixes = spelled(),
            "s" => country.suffixes = spelled(),
            _ => {}
        }
    }
    countries
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_country_has_everything_its_people_need() {
        for c in countries(include_str!("data/people.txt")) {
            for (what, size) in [
                ("names", c.names.len()),
                ("legal", c.legal.len()),
                ("mail", c.mail.len()),
                ("mobiles", c.mobiles.len()),
                ("landlines", c.landlines.len()),
                ("women", c.women.len()),
                ("men", c.men.len()),
                ("last", c.last.len()),
                ("prefixes", c.prefixes.len()),
                ("suffixes", c.suffixes.len()),
            ] {
                assert!(size > 0, "{} has no {what}", c.iso2);
            }
            assert!(c.names.contains(&c.iso2), "{}", c.iso2);
        }
    }

    #[test]
    fn no_two_people_share_an_address_or_a_telephone_unless_they_are_told_to() {
        let world = World::new(3, 20_000);
        let mut seen = BTreeSet::new();
        for id in 0..20_000 {
            let p = world.person(id);
            for value in [p.work_email, p.private_email, format!("+{}{}", p.mobile.dial, p.mobile.national)] {
                assert!(seen.insert(value.clone()), "person {id}: {value}");
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_people_and_another_seed_others() {
        let name = |seed, id| format!("{:?}", World::new(seed, 1000).person(id));
        assert_eq!(name(1, 77), name(1, 77));
        assert_ne!(name(1, 77), name(2, 77));
    }
}
