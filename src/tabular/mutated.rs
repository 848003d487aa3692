//! Texts changed at random, for the tests: what may be done to a value on its way through programs and people.
//!
//! A short run with each build; `MUTATIONS=1000000` makes it as long as one likes (`scripts/mutate.sh`), `SEED=…` begins
//! elsewhere.

use std::time::{Duration, Instant};

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// How long one short text may take, in a build without optimisation on a busy machine.
const LONGEST: Duration = Duration::from_secs(2);

/// Puts `texts`, changed at random, through `test`, `usual` times or as often as the environment says. `pieces` are what
/// means something in such texts. Fails when one takes long; the seed and the number tell which it was.
pub(crate) fn try_texts(texts: &[&str], pieces: &[&str], usual: u64, mut test: impl FnMut(&str)) {
    let number = |name: &str, usual: u64| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(usual);
    let seed = number("SEED", 1);
    for n in 0..number("MUTATIONS", usual) {
        // Each input by itself: what fails is made again from two numbers.
        let mut random = ChaCha8Rng::seed_from_u64(seed.wrapping_mul(1_000_000_007).wrapping_add(n));
        let text = changed(texts[random.random_range(0..texts.len())], texts, pieces, &mut random);
        let began = Instant::now();
        test(&text);
        assert!(began.elapsed() < LONGEST, "seed {seed}, text {n} took {:?}", began.elapsed());
    }
}

fn changed(text: &str, texts: &[&str], pieces: &[&str], random: &mut ChaCha8Rng) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..random.random_range(0..6) {
        let at = random.random_range(0..=chars.len());
        let end = (at + random.random_range(0..12)).min(chars.len());
        match random.random_range(0..8) {
            0 => drop(chars.drain(at..end)),
            1 => {
                let again = chars[at..end].to_vec();
                chars.splice(at..at, again);
            }
            2 => chars.truncate(at),
            3 => {
                if let Some(place) = chars.get_mut(at) {
                    *place = char::from_u32(random.random_range(0..0x1_1000)).unwrap_or('\u{fffd}');
                }
            }
            4 => {
                if let Some(place) = chars.get_mut(at) {
                    *place = char::from(random.random_range(b'0'..=b'9'));
                }
            }
            5 => {
                let other: Vec<char> = texts[random.random_range(0..texts.len())].chars().collect();
                let from = random.random_range(0..=other.len());
                chars.truncate(at);
                chars.extend(&other[from..]);
            }
            6 => {
                let piece = pieces[random.random_range(0..pieces.len())];
                let many = piece.repeat(random.random_range(1..60));
                chars.splice(at..at, many.chars());
            }
            _ => {
                let piece = pieces[random.random_range(0..pieces.len())];
                chars.splice(at..end, piece.chars());
            }
        }
    }
    chars.into_iter().collect()
}
