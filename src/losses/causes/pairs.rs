//! Two conditions together: what a rule refuses that looks at two fields, such as "a phone is required in Germany".
//!
//! Only plain conditions are paired (empty fields, values, characters, known people, days, the CRM's own limits of
//! length), so that the pairs are few and each is counted. A condition under which many leads get through is refined by
//! a second one that parts the missed from the delivered among them; where no condition alone explains anything, all
//! pairs are tried at once, on sets of bits.

use crate::config::DestinationKind;
use crate::losses::causes::conditions::{Condition, Family, Row, Texts};
use crate::losses::causes::fisher::{ALPHA, Contrast, LEAST_MISSED, as_number, e_value};
use crate::losses::causes::pattern::{Pattern, PatternFound};

/// A condition under which fewer than this share of leads are missed is tried with a second one.
const PLAIN_SHARE: f64 = 0.8;

/// Of what a condition explains, the second one must leave this share explained: else it is another cause.
const KEPT: f64 = 0.8;

/// Values of one column that are paired, the most frequent first.
const MOST_VALUES: usize = 64;

/// The plain conditions that these rows can meet.
fn plain(families: &[Family], rows: &[Row], texts: &Texts, kind: Option<DestinationKind>) -> Vec<Condition> {
    families.iter().flat_map(|family| plain_of(family, rows, texts, kind)).collect()
}

fn plain_of(family: &Family, rows: &[Row], texts: &Texts, kind: Option<DestinationKind>) -> Vec<Condition> {
    let met = |most: usize| {
        let mut values = family.conditions(rows, texts);
        values.sort_by_key(|(condition, missed, delivered)| (usize::MAX - missed - delivered, condition.from));
        values.into_iter().take(most).map(|(condition, ..)| condition).collect()
    };
    match family {
        Family::Empty(_)
        | Family::NonAscii(_)
        | Family::Emoji
        | Family::LineBreak
        | Family::Known
        | Family::Weekday => met(usize::MAX),
        Family::Value(..) => met(MOST_VALUES),
        Family::Longer(_) => family.at_limits(kind),
        Family::Load(_) | Family::Hour | Family::Minute => Vec::new(),
    }
}

/// A pattern under which many leads get through, with a second condition that says which do not.
pub(super) fn refined(found: PatternFound, families: &[Family], rows: &[Row], texts: &Texts) -> PatternFound {
    let share = as_number(found.missed) / as_number(found.missed + found.delivered);
    if share >= PLAIN_SHARE {
        return found;
    }
    let inside: Vec<&Row> = rows.iter().filter(|row| found.pattern.holds(row, texts)).collect();
    let whole = Contrast::of(inside.iter().copied());
    let first = &found.pattern.first;
    let seconds = plain(families, rows, texts, None);
    let mut best: Option<(f64, &Condition, usize, usize)> = None;
    for second in seconds.iter().filter(|second| !second.is_of(first)) {
        let met = inside.iter().filter(|row| second.holds(row, texts));
        let (missed, delivered) = met.fold((0, 0), |n, r| if r.missed { (n.0 + 1, n.1) } else { (n.0, n.1 + 1) });
        if as_number(missed) < KEPT * as_number(found.missed) {
            continue;
        }
        let Some(p) = whole.ln_p(missed, delivered) else { continue };
        if best.is_none_or(|(least, ..)| p < least - 1e-9) {
            best = Some((p, second, missed, delivered));
        }
    }
    let Some((p, second, missed, delivered)) = best else { return found };
    if e_value(p, seconds.len()) > ALPHA {
        return found;
    }
    // A threshold was placed where others got through as well: now only those count that meet the second condition.
    let met: Vec<&Row> = rows.iter().filter(|row| second.holds(row, texts)).collect();
    let whole = Contrast::of(met.iter().copied());
    let mut sharp = (whole.ln_p(missed, delivered).unwrap_or(0.0), first.clone(), missed, delivered);
    if matches!(first.family, Family::Longer(_) | Family::Load(_)) {
        for (condition, missed, delivered) in first.family.conditions_of(met.iter().copied(), texts) {
            let Some(p) = whole.ln_p(missed, delivered).filter(|p| *p < sharp.0 - 1e-9) else { continue };
            sharp = (p, condition, missed, delivered);
        }
    }
    let (_, first, missed, delivered) = sharp;
    PatternFound { pattern: Pattern::two(&first, second), missed, delivered, e_value: found.e_value }
}

/// The most telling of all pairs; `destinations` share the bound.
pub(super) fn most_telling(
    families: &[Family],
    rows: &[Row],
    texts: &Texts,
    kind: Option<DestinationKind>,
    destinations: usize,
) -> Option<PatternFound> {
    let whole = Contrast::of(rows.iter());
    if whole.missed < LEAST_MISSED {
        return None;
    }
    let (mut conditions, mut sets) = (Vec::new(), Vec::new());
    for family in families {
        let of_family = plain_of(family, rows, texts, kind);
        if of_family.is_empty() {
            continue;
        }
        let numbers = [true, false].map(|missed| {
            let rows = rows.iter().filter(|row| row.missed == missed);
            rows.map(|row| family.number(row, texts)).collect::<Vec<u32>>()
        });
        sets.extend(of_family.iter().map(|condition| [0, 1].map(|side| bits(condition, &numbers[side]))));
        conditions.extend(of_family);
    }
    let (mut pairs, mut best) = (0usize, None::<(f64, usize, usize, usize, usize)>);
    for (one, (first, [missed, delivered])) in conditions.iter().zip(&sets).enumerate() {
        for (other, (second, [also_missed, also_delivered])) in conditions.iter().zip(&sets).enumerate().skip(one + 1) {
            if first.is_of(second) {
                continue;
            }
            pairs += 1;
            let missed = common(missed, also_missed);
            if missed < LEAST_MISSED {
                continue;
            }
            let delivered = common(delivered, also_delivered);
            let Some(p) = whole.ln_p(missed, delivered) else { continue };
            if best.is_none_or(|(least, ..)| p < least - 1e-9) {
                best = Some((p, one, other, missed, delivered));
            }
        }
    }
    let (p, one, other, missed, delivered) = best?;
    let e_value = e_value(p, pairs * destinations);
    let pattern = Pattern::two(conditions.get(one)?, conditions.get(other)?);
    (e_value <= ALPHA).then_some(PatternFound { pattern, missed, delivered, e_value })
}

/// One bit for each row, by its number: whether it meets the condition.
fn bits(condition: &Condition, numbers: &[u32]) -> Vec<u64> {
    let word = |numbers: &[u32]| {
        numbers.iter().enumerate().fold(0, |word, (at, number)| word | u64::from(condition.holds_for(*number)) << at)
    };
    numbers.chunks(64).map(word).collect()
}

fn common(one: &[u64], other: &[u64]) -> usize {
    one.iter().zip(other).map(|(a, b)| (a & b).count_ones() as usize).sum()
}
