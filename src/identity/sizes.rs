//! How many contacts people have, and what that says to a pair.
//!
//! A pair is weighed as if it were all the same whom its two have found already. It is not: where nearly everybody is
//! known by two contacts, one alone still looks for the other, and where most come once, two loners stay two. So people
//! are counted by their contacts, as pairs by themselves put them together. Before anything is compared, parts of `a` and
//! of `b` contacts are one person as w(a + b) to w(a) w(b), where w(s) are the people of `s` contacts times s!, for those
//! come in any order; the share of pairs that are one person, which the pair is weighed with, is taken off. Of a times b
//! pairs between two parts the best is looked at, and would be the best by chance as well: what that lifts it is taken off.

/// Most contacts of a part that are told apart.
const LARGEST: usize = 6;
/// People that are supposed, fewer and fewer of more and more contacts, before any is found.
const SUPPOSED: f64 = 50.0;
/// How many people have to be found for what they say to count half.
const HALF_KNOWN: f64 = 200.0;
/// What is taken off besides, in bits. Fitted on generated leads and FEBRL 1 and 2.
const TAKEN_OFF: f64 = 0.5;
/// Most bits that the sizes say for or against a pair.
pub(super) const MOST: f64 = 6.0;

/// What joining two parts is worth, in bits, by their contacts.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    bits: [[f64; LARGEST]; LARGEST],
}

impl Sizes {
    /// Of people that were found with so many contacts; `prior` is log2 of the share of pairs that are one person.
    pub(super) fn of(contacts_of: impl Iterator<Item = usize>, prior: f64) -> Self {
        let mut found = [0.0; 2 * LARGEST];
        let (mut people, mut contacts) = (0.0, 0.0);
        for size in contacts_of {
            if let Some(of_size) = found.get_mut(size.saturating_sub(1)) {
                *of_size += 1.0;
            }
            (people, contacts) = (people + 1.0, contacts + size as f64);
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
        Sizes { bits }
    }

    /// What it is worth to join parts of `a` and of `b` contacts, in bits.
    pub(super) fn bits(&self, a: usize, b: usize) -> f64 {
        let place = |contacts: usize| contacts.clamp(1, LARGEST) - 1;
        self.bits[place(a)][place(b)]
    }
}
