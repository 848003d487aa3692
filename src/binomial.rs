//! The tail of the binomial distribution: how likely so many of so many are by chance.

/// P(X ≥ `seen`), X binomial of `trials` with this rate, above 0 and below 1.
///
/// The terms are summed away from the mean, where each is smaller than the one before: from the mean's other side the
/// first of thousands of trials would be 0 to a computer, and with it the sum.
#[expect(clippy::cast_precision_loss, reason = "counts of leads are far below 2^52")]
pub fn tail(seen: usize, trials: usize, rate: f64) -> f64 {
    if seen > trials {
        return 0.0;
    }
    let odds = rate / (1.0 - rate);
    if seen as f64 > trials as f64 * rate {
        let upwards = (seen..trials).map(|n| (trials - n) as f64 / (n + 1) as f64 * odds);
        return sum_from(probability(seen, trials, rate), upwards).min(1.0);
    }
    let Some(below) = seen.checked_sub(1) else { return 1.0 };
    let downwards = (1..=below).rev().map(|n| n as f64 / (trials - n + 1) as f64 / odds);
    (1.0 - sum_from(probability(below, trials, rate), downwards)).max(0.0)
}

/// P(X = `seen`).
#[expect(clippy::cast_precision_loss, reason = "counts of leads are far below 2^52")]
fn probability(seen: usize, trials: usize, rate: f64) -> f64 {
    let ln_choose: f64 = (1..=seen).map(|n| ((trials - seen + n) as f64 / n as f64).ln()).sum();
    (ln_choose + seen as f64 * rate.ln() + (trials - seen) as f64 * (1.0 - rate).ln()).exp()
}

/// The sum of a first term and those that follow it, each by its ratio to the one before, until they no longer count.
fn sum_from(first: f64, ratios: impl Iterator<Item = f64>) -> f64 {
    let (mut term, mut sum) = (first, first);
    for ratio in ratios {
        term *= ratio;
        sum += term;
        if term <= 1e-15 * sum {
            break;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_of_the_binomial_distribution_is_exact() {
        // P(X ≥ 2) of 3 with one half: 4 of 8.
        assert!((tail(2, 3, 0.5) - 0.5).abs() < 1e-12);
        assert!((tail(0, 7, 0.3) - 1.0).abs() < 1e-12);
        assert!((tail(7, 7, 0.3) - 0.3f64.powi(7)).abs() < 1e-15);
    }
    #[test]
    fn fewer_than_the_mean_are_no_surprise_however_many_were_tried() {
        assert!(tail(18, 5043, 0.2) > 0.999_999);
        assert!(tail(900, 5000, 0.2) > 0.999 && tail(900, 5000, 0.2) <= 1.0);
        assert!(tail(1100, 5000, 0.2) < 0.001 && tail(1100, 5000, 0.2) > 0.0);
        // P(X ≥ 1000) of 5000 with a fifth is a little over one half, from either side of the mean.
        assert!((tail(1000, 5000, 0.2) - 0.507).abs() < 0.002);
        assert!((tail(1001, 5000, 0.2) - 0.493).abs() < 0.002);
        assert!(tail(4000, 5000, 0.2).abs() < f64::MIN_POSITIVE);
    }

    #[test]
    fn both_tails_together_hold_every_outcome() {
        for (trials, rate) in [(7, 0.3), (40, 0.5), (300, 0.01), (2000, 0.9)] {
            for seen in 0..=trials {
                let upper = tail(seen, trials, rate);
                // At least so many successes are at most so many failures.
                let lower = 1.0 - tail(trials - seen + 1, trials, 1.0 - rate);
                assert!((upper - lower).abs() < 1e-9, "{seen} of {trials} at {rate}: {upper} and {lower}");
            }
        }
    }
}
