//! How many contacts people have, and of which kind, and what that says to a pair.
//!
//! A pair is weighed as if it were all the same whom its two have found already. It is not: where nearly everybody is
//! known by two contacts, one alone still looks for the other, and where most come once, two loners stay two. So people
//! are counted by their contacts, as pairs by themselves put them together. Before anything is compared, parts of `a` and
//! of `b` contacts are one person as w(a + b) to w(a) w(b), where w(s) are the people of `s` contacts times s!, for those
//! come in any order; the share of pairs that are one person, which the pair is weighed with, is taken off. Of a times b
//! pairs between two parts the best is looked at, and would be the best by chance as well: what that lifts it is taken off.
//!
//! Contacts differ by where they come from, and that shows in the fields they tell: one form asks for a telephone, another
//! for a title. Whoever fills in the second may have filled in the first as a rule, and not the other way round; then one
//! of the second alone still looks for one of the first, however many of the first are alone. So people are counted by
//! which fields each of their contacts tells as well, beside how many there would be if contacts told what they tell
//! whoever has them. What the fields of a pair say by themselves (see `model`) is taken off.

use std::collections::HashMap;

use super::model::COMBINATIONS;

/// Most contacts of a part that are told apart.
const LARGEST: usize = 6;
/// People that are supposed, fewer and fewer of more and more contacts, before any is found.
const SUPPOSED: f64 = 50.0;
/// How many people have to be found for what they say to count half.
const HALF_KNOWN: f64 = 200.0;
/// People of contacts that tell just so, that are supposed as they would be by chance before any is found. Fitted on
/// generated leads.
const SUPPOSED_TO_TELL: f64 = 20.0;
/// What is taken off besides, in bits. Fitted on generated leads and FEBRL 1 and 2.
const TAKEN_OFF: f64 = 0.5;
/// Most bits that contacts say for or against a pair.
pub(super) const MOST: f64 = 6.0;

/// The contacts of a part of a person: how many, and for the first so many the combination of fields that each tells, in
/// order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Part {
    contacts: u32,
    told: [u8; LARGEST],
}

impl Part {
    /// Of the fields that each contact tells.
    pub(super) fn of(told: impl Iterator<Item = u8>) -> Self {
        let mut part = Part::default();
        for told in told {
            if let Some(place) = part.told.get_mut(part.contacts as usize) {
                *place = told;
            }
            part.contacts += 1;
        }
        let known = part.known().len();
        if let Some(known) = part.told.get_mut(..known) {
            known.sort_unstable();
        }
        part
    }

    fn known(&self) -> &[u8] {
        self.told.get(..self.contacts as usize).unwrap_or(&self.told)
    }

    fn is_small(&self) -> bool {
        self.contacts as usize <= LARGEST
    }
}

/// What joining two parts is worth, in bits, by their contacts.
#[derive(Clone)]
pub(super) struct Sizes {
    /// By how many contacts both have.
    bits: [[f64; LARGEST]; LARGEST],
    /// How far what people tell is known.
    known: f64,
    /// How many people were found with so many contacts.
    people: [f64; 2 * LARGEST],
    /// Share of contacts that tell each combination of fields.
    shares: [f64; COMBINATIONS],
    /// What the fields that two contacts have in common add to a pair by themselves, in bits.
    told: [f64; COMBINATIONS],
    /// log2 of how many times as many people there are of just these contacts as by chance.
    more: HashMap<Part, f64>,
}

impl Sizes {
    /// Of people that were found with such contacts; `prior` is log2 of the share of pairs that are one person, `told` what
    /// is added to it for the fields that both tell.
    pub(super) fn counted(parts: impl Iterator<Item = Part>, prior: f64, told: [f64; COMBINATIONS]) -> Self {
        let mut found = [0.0; 2 * LARGEST];
        let mut shares = [0.0; COMBINATIONS];
        let (mut people, mut contacts) = (0.0, 0.0);
        let mut alike: HashMap<Part, f64> = HashMap::new();
        for part in parts {
            let size = part.contacts.max(1);
            if let Some(of_size) = found.get_mut(size as usize - 1) {
                *of_size += 1.0;
            }
            for told in part.known() {
                if let Some(share) = shares.get_mut(usize::from(*told)) {
                    *share += 1.0;
                }
            }
            if part.is_small() {
                *alike.entry(part).or_default() += 1.0;
            }
            (people, contacts) = (people + 1.0, contacts + f64::from(size));
        }
        let people = f64::max(people, 1.0);
        let others = (1.0 - people / f64::max(contacts, 1.0)).max(0.01);
        let supposed = (0..).map(|more| SUPPOSED * (1.0 - others) * others.powi(more));
        let orders = (1..).scan(0.0, |sum, size| {
            *sum += f64::from(size).log2();
            Some(*sum)
        });
        let scale = people / (people + SUPPOSED);
        let ways: Vec<f64> = (found.iter().zip(supposed).zip(orders))
            .map(|((n, supposed), orders)| ((n + supposed) * scale).log2() + orders)
            .collect();
        let known = people / (people + HALF_KNOWN);
        let bits = std::array::from_fn(|a| {
            std::array::from_fn(|b| {
                let chances = (((a + 1) * (b + 1)) as f64).log2();
                let bits = ways[a + b + 1] - ways[a] - ways[b] - prior - chances - TAKEN_OFF;
                known * bits.clamp(-MOST, MOST)
            })
        });
        let all = shares.iter().sum::<f64>().max(1.0);
        let shares = shares.map(|n| n / all);
        let mut sizes = Sizes { bits, known, people: found, shares, told, more: HashMap::new() };
        sizes.more = alike.into_iter().map(|(part, n)| (part, sizes.log2_more(&part, n))).collect();
        sizes
    }

    /// What it is worth to join two parts, in bits, and whether both have several contacts.
    pub(super) fn of(&self, a: Part, b: Part) -> (f64, bool) {
        let of_size = self.bits(a.contacts, b.contacts);
        let both = Part::of(a.known().iter().chain(b.known()).copied());
        let bits = if a.is_small() && b.is_small() && both.is_small() {
            let pairs = a.known().iter().flat_map(|x| b.known().iter().map(move |y| usize::from(x & y)));
            let of_pairs: f64 = pairs.filter_map(|told| self.told.get(told)).sum();
            let of_pairs = of_pairs / f64::from((a.contacts * b.contacts).max(1));
            let by_told = self.more(&both) - self.more(&a) - self.more(&b) - of_pairs;
            (of_size + self.known * by_told).clamp(-MOST, MOST)
        } else {
            of_size
        };
        (bits, a.contacts.min(b.contacts) > 1)
    }

    /// The same by how many they are alone.
    fn bits(&self, a: u32, b: u32) -> f64 {
        let place = |contacts: u32| (contacts as usize).clamp(1, LARGEST) - 1;
        self.bits[place(a)][place(b)]
    }

    fn more(&self, part: &Part) -> f64 {
        self.more.get(part).copied().unwrap_or_else(|| self.log2_more(part, 0.0))
    }

    /// log2 of how many times as many people `n` of just these contacts are as there would be by chance.
    fn log2_more(&self, part: &Part, n: f64) -> f64 {
        let mut by_chance = self.people.get((part.contacts as usize).saturating_sub(1)).copied().unwrap_or(0.0);
        // In whatever order: one more contact has one place more, but for those that tell the same.
        let (mut before, mut alike) = (None, 0.0);
        for (place, told) in (1u8..).zip(part.known()) {
            alike = if before == Some(*told) { alike + 1.0 } else { 1.0 };
            before = Some(*told);
            let share = self.shares.get(usize::from(*told)).copied().unwrap_or(0.0);
            by_chance *= share * f64::from(place) / alike;
        }
        ((n + SUPPOSED_TO_TELL) / (by_chance + SUPPOSED_TO_TELL)).log2()
    }
}
