//! Blocking: which pairs of profiles are compared at all.
//!
//! A rule gives every profile a key; profiles with equal keys are candidates. Pairs are made block by block and compared
//! at once, never kept as a table: what is kept is a count for each pattern and the few pairs that could be links.
//! A block larger than its rule allows is not compared whole. What that skips is counted and told.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::compare::{Levels, Shared, are_numbered_apart, compare, names_contradict, pattern};
use super::forms::{Forms, Profile};
use super::homes::Contacts;
use super::level_table::{COMPANY, EMAIL, FIRST, LAST, PHONE, TITLE};
use super::model::Scale;
use super::numbers::NONE;

/// A blocking rule.
pub(super) struct Rule {
    pub name: &'static str,
    /// Blocks of more profiles are compared only with their neighbours by name, or not at all.
    cap: usize,
    /// How many neighbours, in the order of names; 0 where an oversized block proves nothing (a frequent name).
    neighbours: usize,
    key: fn(&Forms, &Profile) -> Option<[u32; 2]>,
}

pub(super) const RULES: [Rule; 12] = [
    Rule { name: "mailbox", cap: 60, neighbours: 6, key: |f, p| mailbox(f, p).map(|m| [m, 0]) },
    Rule { name: "phone", cap: 60, neighbours: 6, key: |f, p| tail(f, p).map(|t| [t, 0]) },
    Rule {
        name: "both names",
        cap: 100,
        neighbours: 0,
        key: |f, p| {
            let (first, last) = (sound(f, p.first)?, sound(f, p.last)?);
            Some([first.min(last), first.max(last)])
        },
    },
    Rule { name: "local part", cap: 60, neighbours: 0, key: |f, p| local(f, p).map(|l| [l, 0]) },
    Rule {
        name: "company and last name",
        cap: 60,
        neighbours: 6,
        key: |f, p| Some([known(p.company)?, sound(f, p.last)?]),
    },
    Rule {
        name: "domain and last name",
        cap: 60,
        neighbours: 6,
        key: |f, p| Some([known(f.company_domain(p))?, sound(f, p.last)?]),
    },
    Rule {
        name: "company and first name",
        cap: 60,
        neighbours: 0,
        key: |f, p| Some([known(p.company)?, sound(f, p.first)?]),
    },
    Rule {
        name: "domain and first name",
        cap: 60,
        neighbours: 0,
        key: |f, p| Some([known(f.company_domain(p))?, sound(f, p.first)?]),
    },
    Rule {
        name: "last name and initial",
        cap: 40,
        neighbours: 0,
        key: |f, p| Some([sound(f, p.last)?, initial(f, p.first)?]),
    },
    Rule {
        name: "first name and initial",
        cap: 40,
        neighbours: 0,
        key: |f, p| Some([sound(f, p.first)?, initial(f, p.last)?]),
    },
    Rule {
        name: "title and first name",
        cap: 40,
        neighbours: 0,
        key: |f, p| Some([known(p.title)?, sound(f, p.first)?]),
    },
    Rule {
        name: "title and last name",
        cap: 40,
        neighbours: 0,
        key: |f, p| Some([known(p.title)?, sound(f, p.last)?]),
    },
];

fn known(value: u32) -> Option<u32> {
    (value != NONE).then_some(value)
}

fn mailbox(f: &Forms, p: &Profile) -> Option<u32> {
    f.emails.get(p.email as usize).filter(|e| !e.role).map(|e| e.mailbox)
}

fn local(f: &Forms, p: &Profile) -> Option<u32> {
    f.emails.get(p.email as usize).filter(|e| !e.role && e.text.find('@') >= Some(4)).map(|e| e.local)
}

fn tail(f: &Forms, p: &Profile) -> Option<u32> {
    f.phones.get(p.phone as usize).map(|t| t.tail)
}

fn sound(f: &Forms, name: u32) -> Option<u32> {
    f.names.get(name as usize).map(|n| n.sound)
}

fn initial(f: &Forms, name: u32) -> Option<u32> {
    f.names.get(name as usize).and_then(|n| n.key.bytes().next()).map(u32::from)
}

/// Whether some rule finds a pair of such levels, as far as levels tell. To be kept in step with [`RULES`].
pub(super) fn finds(levels: &Levels) -> bool {
    let alike = |field: usize| matches!((field, levels[field]), (_, 1 | 2) | (LAST, 3));
    let (first, last, company) = (alike(FIRST), alike(LAST), matches!(levels[COMPANY], 1 | 2));
    let begins_alike = |field: usize| matches!(levels[field], 1..=4);
    matches!(levels[EMAIL], 1..=3 | 5)
        || matches!(levels[PHONE], 1..=3)
        || (company && (first || last))
        || (levels[TITLE] == 1 && (first || last))
        || (last && begins_alike(FIRST))
        || (first && begins_alike(LAST))
}

/// Two numbers as one, well spread and never 0; that two different pairs meet costs a comparison, no error.
fn mixed(key: [u32; 2]) -> u64 {
    let mut x = (u64::from(key[0]) << 32 | u64::from(key[1])).wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (x ^ (x >> 31)).max(1)
}

/// Key of each rule for a profile; 0 for none.
type Keys = [u64; RULES.len()];

/// A pair that could be a link: two profiles, the smaller first, and what was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    pub a: u32,
    pub b: u32,
    pub pattern: u32,
}

/// What a rule did not compare.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Capped {
    /// The rule.
    pub rule: &'static str,
    /// Blocks that were too large.
    pub blocks: u64,
    /// Pairs in them that were not compared by this rule (another rule may have).
    pub pairs: u64,
}

/// All pairs that the rules found.
#[derive(Default)]
pub(super) struct Candidates {
    pub pairs: Vec<Candidate>,
    /// Pattern and count, sorted.
    pub patterns: BTreeMap<u32, u64>,
    pub capped: Vec<Capped>,
}

/// log2 odds by the priors below which a pair that has no address or number in common is counted and forgotten.
const FORGOTTEN: f64 = -12.0;

/// Compares all candidate pairs. With `of_leads` less than the number of profiles, only pairs of a lead's profile with
/// a record's are made.
pub(super) fn candidates(contacts: &Contacts, shared: &Shared, scale: &Scale, between: bool) -> Candidates {
    let forms = &contacts.forms;
    let profiles = &forms.profiles;
    let range = if between { profiles.len() } else { forms.of_leads };
    let mut keys: Vec<Keys> = profiles
        .par_iter()
        .take(range)
        .map(|p| std::array::from_fn(|r| (RULES[r].key)(forms, p).map_or(0, mixed)))
        .collect();
    let mut found = Candidates::default();
    for (r, rule) in RULES.iter().enumerate() {
        let mut members: Vec<(u64, u32)> =
            keys.iter().enumerate().filter(|(_, k)| k[r] != 0).map(|(n, k)| (k[r], n as u32)).collect();
        members.par_sort_unstable();
        let blocks: Vec<&[(u64, u32)]> = members.chunk_by(|x, y| x.0 == y.0).filter(|block| block.len() > 1).collect();
        let whole = Block { contacts, forms, shared, scale, keys: &keys, rule: r, between };
        // Blocks of one piece are worked on by one thread; pieces are put together in order.
        let pieces: Vec<Piece> = blocks.par_chunks(256).map(|blocks| whole.compared(blocks)).collect();
        let mut capped = Capped { rule: rule.name, ..Capped::default() };
        for piece in pieces {
            found.pairs.extend(piece.pairs);
            for (pattern, n) in piece.patterns {
                *found.patterns.entry(pattern).or_default() += n;
            }
            capped.blocks += piece.capped_blocks;
            capped.pairs += piece.capped_pairs;
        }
        // A later rule may compare what this one had to skip.
        let skipped: Vec<u32> = blocks
            .iter()
            .filter(|block| whole.is_oversized(block))
            .flat_map(|block| block.iter().map(|(_, n)| *n))
            .collect();
        for n in skipped {
            if let Some(k) = keys.get_mut(n as usize) {
                k[r] = 0;
            }
        }
        if capped.blocks > 0 {
            found.capped.push(capped);
        }
    }
    found.pairs.par_sort_unstable();
    found.pairs.dedup();
    found
}

#[derive(Default)]
struct Piece {
    pairs: Vec<Candidate>,
    patterns: BTreeMap<u32, u64>,
    capped_blocks: u64,
    capped_pairs: u64,
}

struct Block<'a> {
    contacts: &'a Contacts,
    forms: &'a Forms,
    shared: &'a Shared,
    scale: &'a Scale,
    keys: &'a [Keys],
    rule: usize,
    between: bool,
}

impl Block<'_> {
    /// In a block of leads and records, only pairs between the two are made.
    fn pairs_in(&self, block: &[(u64, u32)]) -> u64 {
        let n = block.len() as u64;
        if !self.between {
            return n * (n - 1) / 2;
        }
        let leads = block.iter().filter(|(_, p)| (*p as usize) < self.forms.of_leads).count() as u64;
        leads * (n - leads)
    }

    fn is_oversized(&self, block: &[(u64, u32)]) -> bool {
        let cap = RULES[self.rule].cap as u64;
        self.pairs_in(block) > cap * (cap - 1) / 2
    }

    fn compared(&self, blocks: &[&[(u64, u32)]]) -> Piece {
        let mut piece = Piece::default();
        for block in blocks {
            if !self.is_oversized(block) {
                // In the order of profiles, so leads stand before records: two records are not looked at together.
                let of_leads = block.partition_point(|(_, n)| (*n as usize) < self.forms.of_leads);
                let firsts = if self.between { of_leads } else { block.len() };
                for (i, (_, a)) in block.iter().enumerate().take(firsts) {
                    for (_, b) in block.iter().skip(if self.between { of_leads } else { i + 1 }) {
                        self.pair(*a, *b, &mut piece);
                    }
                }
                continue;
            }
            let neighbours = RULES[self.rule].neighbours;
            let mut compared = 0;
            if neighbours > 0 {
                let mut members: Vec<u32> = block.iter().map(|(_, n)| *n).collect();
                let by_name = |n: &u32| {
                    let p = self.forms.profiles.get(*n as usize);
                    p.map(|p| (sound(self.forms, p.last), sound(self.forms, p.first), p.email, *n))
                };
                members.sort_by_key(by_name);
                for (i, a) in members.iter().enumerate() {
                    for b in members.iter().skip(i + 1).take(neighbours) {
                        self.pair(*a.min(b), *a.max(b), &mut piece);
                        compared += 1;
                    }
                }
            }
            piece.capped_blocks += 1;
            piece.capped_pairs += self.pairs_in(block).saturating_sub(compared);
        }
        piece
    }

    fn pair(&self, a: u32, b: u32, piece: &mut Piece) {
        let of_leads = self.forms.of_leads;
        if self.between && ((a as usize) < of_leads) == ((b as usize) < of_leads) {
            return;
        }
        let (Some(ka), Some(kb)) = (self.keys.get(a as usize), self.keys.get(b as usize)) else { return };
        // An earlier rule has made this pair.
        if ka.iter().zip(kb).take(self.rule).any(|(x, y)| x == y && *x != 0) {
            return;
        }
        let (Some(x), Some(y)) = (self.forms.profiles.get(a as usize), self.forms.profiles.get(b as usize)) else {
            return;
        };
        let levels = compare(self.forms, self.shared, x, y);
        let pattern = pattern(&levels);
        *piece.patterns.entry(pattern).or_default() += 1;
        // Before anything is learned, another name outweighs an address or a number; afterwards it may not.
        let same_address = matches!(levels[EMAIL], 1..=4) || matches!(levels[PHONE], 1..=4);
        if same_address || self.scale.weight(self.contacts, &levels, a) > FORGOTTEN {
            piece.pairs.push(Candidate { a, b, pattern });
        }
    }
}

/// Named profiles of a mailbox or phone that are looked at for other names.
const NAMED_OF_SHARED: usize = 200;
/// Of these, how many are compared with all of the others.
const STANDING_FOR_ONE: usize = 6;

/// Mailboxes and phones that people use whose names cannot be one person's.
pub(super) fn shared(forms: &Forms) -> Shared {
    let all = Shared::default();
    // The profiles of each number that `number` gives, as a table of flags by that number: whether two named profiles
    // contradict each other.
    let of = |number: fn(&Profile, &Forms) -> Option<u32>, least: usize| -> Vec<bool> {
        let mut members: Vec<(u32, u32)> = forms
            .profiles
            .iter()
            .enumerate()
            .take(forms.of_leads)
            .filter_map(|(n, p)| Some((number(p, forms)?, n as u32)))
            .collect();
        members.par_sort_unstable();
        let size = members.last().map_or(0, |(number, _)| *number as usize + 1);
        let mut shared = vec![false; size];
        let is_contradicted = |group: &&[(u32, u32)]| -> bool {
            let named: Vec<&Profile> = group
                .iter()
                .filter_map(|(_, n)| forms.profiles.get(*n as usize))
                .filter(|p| p.first != NONE || p.last != NONE)
                .take(NAMED_OF_SHARED)
                .collect();
            // Each of the first few stands for one person, whoever contradicts it is another. One alone will not do: it
            // may have no first name, or one in a script that cannot be compared with that of the others.
            let relation = |one: &Profile, other: &Profile| {
                let levels = compare(forms, &all, one, other);
                let contradict = names_contradict(forms, &levels, one, other);
                (contradict, !contradict && !matches!(levels[FIRST], 0 | 5))
            };
            let is_certain =
                |one: &Profile, other: &Profile| group.len() >= least || are_numbered_apart(forms, one, other);
            named.iter().take(STANDING_FOR_ONE).enumerate().any(|(n, one)| {
                named.iter().skip(n + 1).any(|other| {
                    // Two garbled spellings of one name contradict each other; a third resembles both.
                    let resembles = |p: &&Profile| relation(p, one).1 && relation(p, other).1;
                    relation(one, other).0 && is_certain(one, other) && !named.iter().any(resembles)
                })
            })
        };
        let groups: Vec<&[(u32, u32)]> = members.chunk_by(|x, y| x.0 == y.0).filter(|g| g.len() > 1).collect();
        let contradicted: Vec<&[(u32, u32)]> = groups.into_par_iter().filter(is_contradicted).collect();
        for (number, _) in contradicted.into_iter().filter_map(<[_]>::first) {
            if let Some(flag) = shared.get_mut(*number as usize) {
                *flag = true;
            }
        }
        shared
    };
    // Of two profiles with one number and two names nobody knows whether they share it or one of them is garbled: whether
    // people here change their names or share their numbers is learned. An address is made of its owner's name.
    Shared {
        mailboxes: of(|p, f| mailbox(f, p), 2),
        phones: of(|p, f| f.phones.get(p.phone as usize).map(|_| p.phone), 3),
    }
}

/// Patterns of pairs taken at random, the same ones every time.
pub(super) fn random_pairs(forms: &Forms, shared: &Shared) -> Vec<(u32, u64)> {
    // How frequent names are among strangers is a share of some thousandths: a hundred thousand pairs tell it to some
    // hundredths, and more profiles know more combinations of fields.
    const LEAST: u64 = 100_000;
    const OF_EACH: u64 = 20;
    const MOST: u64 = 400_000;
    let n = forms.of_leads as u64;
    let wanted = (n * OF_EACH).clamp(LEAST, MOST);
    let seen = |a: u64, b: u64| {
        let (a, b) = (forms.profiles.get(a as usize)?, forms.profiles.get(b as usize)?);
        Some(pattern(&compare(forms, shared, a, b)))
    };
    let count = |patterns: Vec<u32>| {
        let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
        for pattern in patterns {
            *counts.entry(pattern).or_default() += 1;
        }
        counts.into_iter().collect()
    };
    if n * n.saturating_sub(1) / 2 <= wanted {
        return count((0..n).into_par_iter().flat_map_iter(|a| (a + 1..n).filter_map(move |b| seen(a, b))).collect());
    }
    let spread = |k: u64| mixed([k as u32, 0x5EED]);
    count(
        (0..wanted)
            .into_par_iter()
            .filter_map(|k| {
                let (a, b) = (spread(2 * k) % n, spread(2 * k + 1) % n);
                if a == b { None } else { seen(a, b) }
            })
            .collect(),
    )
}
