//! Fisher's exact test of a part of the leads against the rest, one-sided (Fisher 1935), and when it says enough.

use crate::losses::causes::conditions::Row;

/// Expected number of false causes in a run.
pub(super) const ALPHA: f64 = 0.001;

/// Fewer missed leads are no pattern.
pub(super) const LEAST_MISSED: usize = 4;

/// A condition under which fewer leads are missed may be true, but explains none of them.
pub(super) const LEAST_SHARE: f64 = 0.15;

/// How much more often leads must be missed under the condition than otherwise: by this factor,
pub(super) const LEAST_LIFT: f64 = 3.0;

/// or, where many are missed anyhow, so that this share is lost of those that would have arrived.
pub(super) const LEAST_GAP: f64 = 0.25;

/// Missed and delivered leads, and the test of a part of them against the rest.
pub(super) struct Contrast {
    pub(super) missed: usize,
    delivered: usize,
    factorials: Factorials,
}

impl Contrast {
    pub(super) fn of<'r, 'a: 'r>(rows: impl Iterator<Item = &'r Row<'a>>) -> Self {
        let (missed, delivered) = rows.fold((0, 0), |n, r| if r.missed { (n.0 + 1, n.1) } else { (n.0, n.1 + 1) });
        Contrast { missed, delivered, factorials: Factorials::new(missed + delivered) }
    }

    /// ln p of so many missed and delivered under a condition; none where it explains too little to be said.
    pub(super) fn ln_p(&self, missed: usize, delivered: usize) -> Option<f64> {
        if missed < LEAST_MISSED {
            return None;
        }
        let share = |part: usize, other: usize| as_number(part) / as_number((part + other).max(1));
        let (inside, outside) = (share(missed, delivered), share(self.missed - missed, self.delivered - delivered));
        let says_enough = inside >= LEAST_SHARE
            && (inside >= LEAST_LIFT * outside || inside - outside >= LEAST_GAP * (1.0 - outside));
        says_enough
            .then(|| self.factorials.ln_tail(missed, missed + delivered, self.missed, self.missed + self.delivered))
    }
}

/// Whether leads under a condition were missed from some time on, or until some time, and not before or after it.
pub(super) fn changes_in_time(rows: &[&Row]) -> bool {
    /// Where the change is, need not be known to the lead.
    const SPLITS: usize = 200;
    let mut rows: Vec<&Row> = rows.iter().copied().filter(|row| row.missed || !row.set_aside).collect();
    rows.sort_by_key(|row| row.at);
    let whole = Contrast::of(rows.iter().copied());
    let step = rows.len().div_ceil(SPLITS).max(1);
    let (mut missed, mut delivered) = (0, 0);
    for part in rows.chunks(step) {
        let lost = part.iter().filter(|row| row.missed).count();
        (missed, delivered) = (missed + lost, delivered + part.len() - lost);
        let sides = [(missed, delivered), (whole.missed - missed, whole.delivered - delivered)];
        let telling = |p: f64| e_value(p, 2 * SPLITS) <= ALPHA;
        if sides.into_iter().filter_map(|(missed, delivered)| whole.ln_p(missed, delivered)).any(telling) {
            return true;
        }
    }
    false
}

/// Expected number of conditions as telling as one of this ln p, among so many. Conditions alone and pairs have half
/// of the bound each.
pub(super) fn e_value(p: f64, tests: usize) -> f64 {
    (p + as_number(tests.max(1) * 2).ln()).exp()
}

#[expect(clippy::cast_precision_loss, reason = "counts of leads are far below 2^52")]
pub(super) fn as_number(count: usize) -> f64 {
    count as f64
}

/// Logarithms of factorials, summed in order so that they are the same everywhere.
struct Factorials(Vec<f64>);

impl Factorials {
    fn new(most: usize) -> Self {
        let mut sum = 0.0;
        let rest = (1..=most).map(|n| {
            sum += as_number(n).ln();
            sum
        });
        Factorials(std::iter::once(0.0).chain(rest.collect::<Vec<_>>()).collect())
    }

    fn ln(&self, n: usize) -> f64 {
        self.0.get(n).copied().unwrap_or(f64::INFINITY)
    }

    fn ln_choose(&self, n: usize, k: usize) -> f64 {
        self.ln(n) - self.ln(k) - self.ln(n - k)
    }

    /// ln P(X ≥ `seen`), X hypergeometric: of `all` leads `missed` are missed, `drawn` are under the condition.
    fn ln_tail(&self, seen: usize, drawn: usize, missed: usize, all: usize) -> f64 {
        let delivered = all - missed;
        let term =
            |x: usize| self.ln_choose(missed, x) + self.ln_choose(delivered, drawn - x) - self.ln_choose(all, drawn);
        let first = term(seen);
        // Beyond the mode terms fall geometrically; relative to the first, so that nothing underflows.
        let mut sum = 0.0;
        for x in seen..=drawn.min(missed) {
            let part = (term(x) - first).exp();
            sum += part;
            if part < 1e-15 * sum {
                break;
            }
        }
        (first + sum.ln()).min(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_of_the_hypergeometric_distribution_is_exact() {
        let factorials = Factorials::new(20);
        // 5 of 20 missed; 6 leads under the condition, of them at least 4 missed: (5·C(15,2) + 15) / C(20,6).
        let p = factorials.ln_tail(4, 6, 5, 20).exp();
        assert!((p - (5.0 * 105.0 + 15.0) / 38_760.0).abs() < 1e-12, "{p}");
        assert!(factorials.ln_tail(0, 6, 5, 20).abs() < 1e-12);
    }
}
