//! The tail of the binomial distribution: how likely so many of so many are by chance.

/// P(X ≥ `seen`), X binomial of `trials` with this rate.
#[expect(clippy::cast_precision_loss, reason = "counts of leads are far below 2^52")]
pub fn tail(seen: usize, trials: usize, rate: f64) -> f64 {
    if seen > trials {
        return 0.0;
    }
    let ln_choose: f64 = (1..=seen).map(|n| ((trials - seen + n) as f64 / n as f64).ln()).sum();
    let mut term = (ln_choose + seen as f64 * rate.ln() + (trials - seen) as f64 * (1.0 - rate).ln()).exp();
    let mut sum = 0.0;
    for n in seen..=trials {
        sum += term;
        if term < 1e-15 * sum {
            break;
        }
        term *= (trials - n) as f64 / (n + 1) as f64 * rate / (1.0 - rate);
    }
    sum.min(1.0)
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
}
