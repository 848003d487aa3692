//! Stretches of a sequence of trials in which too many failed, with a bound on false alarms.
//!
//! Each failure scores `ln(p1/p0)`, each success `ln((1-p1)/(1-p0))`; all maximal-scoring segments come from one pass
//! (Ruzzo and Tompa, "A linear time algorithm for finding all maximal scoring subsequences", ISMB 1999). Without an
//! outage the running likelihood ratio from any start is a non-negative martingale of mean 1, so it ever reaches `e^S`
//! with probability at most `e^-S` (Ville's inequality, 1939); over n starts that is `n·e^-S`, the e-value.
//! Under the condition of a cause, say on Wednesdays, of which half is lost, the cause's own share q stands for p0: an
//! outage that holds a Wednesday is found whole, and Wednesdays alone are none.
//! Where the accepted stretches begin and end is then the most probable course of three states, up, down and partly down
//! (Viterbi, "Error bounds for convolutional codes", 1967): a lone failure beside an outage is not part of it, and what
//! a partial outage let through does not cut it in two.
//! Scores are whole micro-nats: sums are exact and do not depend on their order.

/// Failure rate inside an outage by which stretches are sought: some leads get through, or are put in by hand.
const INSIDE: f64 = 0.9;

/// Failure rates inside an outage by which a stretch is judged, and their weights: a mean of likelihood ratios is one
/// too. Most outages take nothing at all, and of those the short ones need all the power there is.
const JUDGED: [(f64, f64); 2] = [(INSIDE, 0.25), (0.998, 0.75)];

/// Failure rates that an outage may have, each with the share of outages that have it: most take nothing at all. They
/// place the ends of a stretch, and say whether two near each other are one.
const KINDS: [(f64, f64); 3] = [(0.998, 0.9), (0.85, 0.06), (0.65, 0.04)];

/// Trials that an outage lasts, in the order of magnitude; with the number of trials it says how unlikely a second
/// outage is to stand beside one.
const USUAL_LENGTH: f64 = 20.0;

/// The share of leads lost outside outages is never taken to be less: losses are less independent than a model has it.
const LEAST_BASE: f64 = 0.005;

/// Nor more: a destination that loses every second lead is down, not unlucky.
const MOST_BASE: f64 = 0.5;

/// Successes outside a stretch without which nothing says that it is out of the ordinary.
const LEAST_HITS: u32 = 5;

/// Stretches with an e-value up to this are left out of the base rate by which the others are judged: two small outages
/// must not hide each other. Chance gives one of them once in a hundred runs.
const NEARLY: f64 = 0.01;

/// What a position of the sequence holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trial {
    Hit,
    Miss,
    /// A failure that a cause explains, under which so many in a million fail at any time.
    Likely(u32),
    /// A success under the condition of such a cause.
    Spared(u32),
    /// Nobody knows yet: a failure if it belongs to an outage, else nothing.
    Tentative,
    /// Explained already; no stretch crosses it.
    Barrier,
}

impl Trial {
    pub(super) fn is_success(self) -> bool {
        matches!(self, Trial::Hit | Trial::Spared(_))
    }
}

/// A stretch of positions, both ends failures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stretch {
    pub(super) first: usize,
    pub(super) last: usize,
    /// Share of trials failing outside this stretch and outside the accepted ones.
    pub(super) base: f64,
    pub(super) e_value: f64,
}

/// Every stretch whose e-value, times `tests`, is at most `alpha`: disjoint, in order.
///
/// `starts` is the number of trials in which a stretch could have begun, explained ones included.
pub(super) fn stretches(trials: &[Trial], starts: usize, tests: f64, alpha: f64) -> Vec<Stretch> {
    let mut left = trials.to_vec();
    let mut accepted: Vec<Stretch> = Vec::new();
    // Each round frees the base rate of the outages found so far; the next may then show smaller ones.
    loop {
        let counts = Counts::new(&left);
        let scores = Scores::new(INSIDE, counts.base_rate(None));
        let mut found: Vec<Stretch> = segments(&left, &scores)
            .into_iter()
            .filter_map(|(first, last)| {
                let base = counts.base_rate(Some((first, last)));
                let e_value = counts.e_value(first, last, base, starts) * tests;
                let is_one = e_value <= alpha.max(NEARLY) && counts.is_ordinary_outside(first, last);
                is_one.then_some(Stretch { first, last, base, e_value })
            })
            .collect();
        if found.len() > 1 {
            let mut outside = left.clone();
            for stretch in &found {
                outside.get_mut(stretch.first..=stretch.last).into_iter().flatten().for_each(|t| *t = Trial::Barrier);
            }
            let base = base_rate(&outside);
            for stretch in &mut found {
                stretch.base = base;
                stretch.e_value = counts.e_value(stretch.first, stretch.last, base, starts) * tests;
            }
        }
        found.retain(|stretch| stretch.e_value <= alpha);
        if found.is_empty() {
            break;
        }
        for stretch in &found {
            left.get_mut(stretch.first..=stretch.last).into_iter().flatten().for_each(|t| *t = Trial::Barrier);
        }
        accepted.append(&mut found);
    }
    if accepted.is_empty() {
        return accepted;
    }
    let (counts, base) = (Counts::new(trials), base_rate(&left));
    let overlap = |one: &Stretch, other: &Stretch| one.first <= other.last && other.first <= one.last;
    let mut sharp: Vec<Stretch> = course(trials, base, starts)
        .into_iter()
        .map(|(first, last)| Stretch { first, last, base, e_value: counts.e_value(first, last, base, starts) * tests })
        .filter(|stretch| stretch.e_value <= alpha && accepted.iter().any(|whole| overlap(stretch, whole)))
        .collect();
    accepted.retain(|whole| !sharp.iter().any(|stretch| overlap(stretch, whole)));
    sharp.append(&mut accepted);
    sharp.sort_by_key(|s| s.first);
    sharp
}

/// How much better an outage explains these trials than the base rate does, in micro-nats.
pub(super) fn gain(trials: &[Trial], base: f64) -> i64 {
    let scores = Scores::new(INSIDE, base);
    trials.iter().fold(0, |sum, trial| sum.saturating_add(scores.of(*trial)))
}

/// Share of failures in the whole sequence, by the rule of succession, within bounds.
pub(super) fn base_rate(trials: &[Trial]) -> f64 {
    Counts::new(trials).base_rate(None)
}

/// Failures and successes before each position, so that any segment is counted at once.
struct Counts {
    hits: Vec<u32>,
    misses: Vec<u32>,
    tentative: Vec<u32>,
    /// Scores of the trials under causes, for each rate of [`JUDGED`]: the base rate takes no part in them.
    caused: [Vec<i64>; 2],
}

impl Counts {
    fn new(trials: &[Trial]) -> Self {
        let sums = |of: Trial| {
            let mut sum = 0u32;
            std::iter::once(0)
                .chain(trials.iter().map(|t| {
                    sum += u32::from(*t == of);
                    sum
                }))
                .collect::<Vec<u32>>()
        };
        let caused = JUDGED.map(|(inside, _)| {
            let mut sum = 0i64;
            let sums = trials.iter().map(|trial| of_caused(*trial, inside).unwrap_or(0)).map(|score| {
                sum += score;
                sum
            });
            std::iter::once(0).chain(sums).collect::<Vec<i64>>()
        });
        Counts { hits: sums(Trial::Hit), misses: sums(Trial::Miss), tentative: sums(Trial::Tentative), caused }
    }

    fn within(sums: &[u32], first: usize, last: usize) -> u32 {
        let at = |i: usize| sums.get(i).or(sums.last()).copied().unwrap_or(0);
        at(last + 1) - at(first)
    }

    /// Share of failures outside a segment. What is tentative counts nowhere: it may be nothing.
    fn base_rate(&self, without: Option<(usize, usize)>) -> f64 {
        let outside = |sums: &[u32]| {
            let inside = without.map_or(0, |(first, last)| Self::within(sums, first, last));
            sums.last().copied().unwrap_or(0) - inside
        };
        let (misses, hits) = (outside(&self.misses), outside(&self.hits));
        ((f64::from(misses) + 0.5) / f64::from(misses + hits + 1)).clamp(LEAST_BASE, MOST_BASE)
    }

    /// Whether most trials outside the segment succeed. Where most fail everywhere, as in the export of one owner's
    /// records, or nothing else is known, no stretch stands out.
    fn is_ordinary_outside(&self, first: usize, last: usize) -> bool {
        let outside = |sums: &[u32]| sums.last().copied().unwrap_or(0) - Self::within(sums, first, last);
        let (misses, hits) = (outside(&self.misses), outside(&self.hits));
        hits > misses && hits >= LEAST_HITS
    }

    /// How many stretches as extreme as the segment chance would give.
    fn e_value(&self, first: usize, last: usize, base: f64, starts: usize) -> f64 {
        let count = |sums: &[u32]| i64::from(Self::within(sums, first, last));
        let caused = |sums: &[i64]| {
            let at = |i: usize| sums.get(i).or(sums.last()).copied().unwrap_or(0);
            at(last + 1) - at(first)
        };
        let nats = [0, 1].map(|rate| {
            let scores = Scores::new(JUDGED[rate].0, base);
            let score = scores.miss * (count(&self.misses) + count(&self.tentative)) + scores.hit * count(&self.hits);
            #[expect(clippy::cast_precision_loss, reason = "scores are far below 2^52")]
            let score = (score + caused(&self.caused[rate])) as f64;
            score / 1e6
        });
        let most = nats[0].max(nats[1]);
        let mean = JUDGED[0].1 * (nats[0] - most).exp() + JUDGED[1].1 * (nats[1] - most).exp();
        #[expect(clippy::cast_precision_loss, reason = "a count of trials")]
        let starts = starts as f64;
        starts * (-most - mean.ln()).exp()
    }
}

struct Scores {
    inside: f64,
    miss: i64,
    hit: i64,
}

impl Scores {
    fn new(inside: f64, base: f64) -> Self {
        let (miss, hit) = (inside / base, (1.0 - inside) / (1.0 - base));
        Scores { inside, miss: micro_nats(miss.ln()), hit: micro_nats(hit.ln()) }
    }

    fn of(&self, trial: Trial) -> i64 {
        of_caused(trial, self.inside).unwrap_or(if trial.is_success() { self.hit } else { self.miss })
    }
}

/// Score of a trial under the condition of a cause. Where that takes more than an outage would, it says nothing.
fn of_caused(trial: Trial, inside: f64) -> Option<i64> {
    let share = |in_a_million: u32| f64::from(in_a_million.clamp(1, 999_999)) / 1e6;
    match trial {
        Trial::Likely(of) => Some(micro_nats((inside / share(of)).ln()).max(0)),
        Trial::Spared(of) => Some(micro_nats(((1.0 - inside) / (1.0 - share(of))).ln()).min(0)),
        Trial::Hit | Trial::Miss | Trial::Tentative | Trial::Barrier => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a logarithm of rates and counts within bounds is small")]
fn micro_nats(nats: f64) -> i64 {
    (nats * 1e6).round() as i64
}

/// All maximal-scoring segments between barriers.
fn segments(trials: &[Trial], scores: &Scores) -> Vec<(usize, usize)> {
    struct Segment {
        /// Sum of all scores before it, and up to its end.
        left: i64,
        right: i64,
        first: usize,
        last: usize,
        /// The nearest earlier segment with a smaller left sum.
        before: Option<usize>,
    }
    let mut all = Vec::new();
    let mut open: Vec<Segment> = Vec::new();
    let mut sum = 0i64;
    for (at, trial) in trials.iter().enumerate() {
        if *trial == Trial::Barrier {
            all.extend(open.drain(..).map(|s| (s.first, s.last)));
            sum = 0;
            continue;
        }
        let score = scores.of(*trial);
        let mut new = Segment { left: sum, right: sum + score, first: at, last: at, before: None };
        sum += score;
        if score <= 0 {
            continue;
        }
        loop {
            let mut candidate = open.len().checked_sub(1);
            while let Some(segment) = candidate.and_then(|c| open.get(c)).filter(|s| s.left >= new.left) {
                candidate = segment.before;
            }
            match candidate.and_then(|c| open.get(c)) {
                Some(segment) if segment.right < new.right => {
                    (new.left, new.first) = (segment.left, segment.first);
                    open.truncate(candidate.unwrap_or_default());
                }
                _ => {
                    new.before = candidate;
                    open.push(new);
                    break;
                }
            }
        }
    }
    all.extend(open.into_iter().map(|s| (s.first, s.last)));
    all
}

/// The most probable course: from … to of each time that it is down or partly down. One that goes on for longer costs
/// nothing; another one costs as much as it is unlikely to begin and to end just there.
fn course(trials: &[Trial], base: f64, starts: usize) -> Vec<(usize, usize)> {
    const UP: usize = KINDS.len();
    const NEVER: i64 = i64::MIN / 4;
    #[expect(clippy::cast_precision_loss, reason = "a count of trials")]
    let rare = (starts.max(1) as f64 * USUAL_LENGTH).ln();
    let kinds = KINDS.map(|(inside, share)| (Scores::new(inside, base), micro_nats(share.ln() - rare)));
    // Gain over being up all the time, for each state; and for each position the state that each state came from.
    let mut gains = [NEVER; UP + 1];
    gains[UP] = 0;
    let mut came_from: Vec<[u8; UP + 1]> = Vec::with_capacity(trials.len());
    for trial in trials {
        let (mut next, mut from) = ([NEVER; UP + 1], [0u8; UP + 1]);
        // Of equals the one that is up: an outage must be worth it.
        let mut best = UP;
        for state in 0..UP {
            if gains[state] > gains[best] {
                best = state;
            }
        }
        (next[UP], from[UP]) = (gains[best], best as u8);
        if *trial != Trial::Barrier {
            for (state, (scores, enter)) in kinds.iter().enumerate() {
                let entered = gains[UP].saturating_add(*enter);
                let (gain, before) = if gains[state] >= entered { (gains[state], state) } else { (entered, UP) };
                (next[state], from[state]) = (gain.saturating_add(scores.of(*trial)).max(NEVER), before as u8);
            }
        }
        gains = next;
        came_from.push(from);
    }
    let mut state = (0..UP).fold(UP, |best, state| if gains[state] > gains[best] { state } else { best });
    let mut found: Vec<(usize, usize)> = Vec::new();
    let mut end = None;
    for (at, from) in came_from.iter().enumerate().rev() {
        let before = usize::from(from[state]);
        if state != UP {
            let last = *end.get_or_insert(at);
            if before == UP {
                found.push((at, last));
                end = None;
            }
        }
        state = before;
    }
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn from(text: &str) -> Vec<Trial> {
        text.chars()
            .filter_map(|c| match c {
                '.' => Some(Trial::Hit),
                'x' => Some(Trial::Miss),
                '?' => Some(Trial::Tentative),
                'c' => Some(Trial::Likely(500_000)),
                's' => Some(Trial::Spared(500_000)),
                '|' => Some(Trial::Barrier),
                _ => None,
            })
            .collect()
    }

    fn shown(text: &str) -> Vec<(usize, usize)> {
        let trials = from(text);
        stretches(&trials, trials.len(), 6.0, 0.0001).iter().map(|s| (s.first, s.last)).collect()
    }

    #[test]
    fn a_stretch_is_found_with_its_true_ends() {
        let calm = ".".repeat(150);
        for (inside, expected) in [
            ("xxxxx", vec![(150, 154)]),
            ("xxxxxxxx.xxxxxx", vec![(150, 164)]),
            ("xxxxxxxx.x", vec![(150, 157)]),
            ("x.xxxxxxxx", vec![(152, 159)]),
            ("xxxxxxx...xxxxxxx", vec![(150, 156), (160, 166)]),
            ("xxxxx.xx..xxxx.xx..xxxxx", vec![(150, 173)]),
            ("xxxxxxx.x.....x.xxxxxxx", vec![(150, 172)]),
            ("xxxxxxx.........xxxxxxx", vec![(150, 156), (166, 172)]),
            ("xxcxcccxcxx", vec![(150, 160)]),
            ("cccsccccscccxxxxxx.xxxxxx", vec![(150, 174)]),
            ("cscscscssscxxxxxxxxx", vec![(160, 169)]),
            ("ccsccccsccccscccc", vec![]),
            ("cc.ccc.c.cccc.cc", vec![]),
            ("ccccccccccccccccccccc", vec![]),
            ("xx.x", vec![]),
            ("xxx", vec![]),
        ] {
            assert_eq!(shown(&format!("{calm}{inside}{calm}")), expected, "{inside}");
        }
        assert_eq!(shown(&format!("{calm}????????")), [(150, 157)], "an outage that goes on");
        assert_eq!(shown(&format!("{calm}xxx|xxx{calm}")), []);
        assert_eq!(shown(""), []);
        assert_eq!(shown(&"xxxx.".repeat(100)), [], "an export that shows one record in five");
        assert_eq!(shown(&"x".repeat(100)), [], "a destination that never took a lead");
    }

    #[test]
    fn two_small_outages_do_not_hide_each_other() {
        let calm = format!("{}x", ".".repeat(45)).repeat(6);
        let trials = from(&format!("{calm}.xxxxx.{calm}.xxxxx.{calm}"));
        let found = stretches(&trials, trials.len(), 6.0, 0.0001);
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn no_false_outage_in_three_hundred_clean_years() {
        let mut random = ChaCha8Rng::seed_from_u64(6);
        for year in 0..300 {
            let rate = [0.0, 0.005, 0.01, 0.02, 0.05, 0.1][year % 6];
            let trials: Vec<Trial> =
                (0..1_800).map(|_| if random.random_bool(rate) { Trial::Miss } else { Trial::Hit }).collect();
            assert!(stretches(&trials, trials.len(), 2.0, 0.0001).is_empty(), "year {year}, base rate {rate}");
        }
    }

    #[test]
    fn false_alarms_stay_under_the_bound_where_it_is_loose_enough_to_be_seen() {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        for (length, rate) in [(100, 0.01), (100, 0.04), (300, 0.02), (300, 0.1), (1_000, 0.05)] {
            let alarms = (0..500)
                .filter(|_| {
                    let trials: Vec<Trial> =
                        (0..length).map(|_| if random.random_bool(rate) { Trial::Miss } else { Trial::Hit }).collect();
                    !stretches(&trials, length, 1.0, 0.05).is_empty()
                })
                .count();
            assert!(alarms <= 25, "{alarms} of 500 clean histories alarm at base rate {rate}, length {length}");
        }
    }

    #[test]
    fn every_outage_of_five_is_found_and_its_ends_lie_between_the_neighbouring_leads() {
        let mut random = ChaCha8Rng::seed_from_u64(8);
        let (mut found, mut sharp, runs) = (0, 0, 600);
        for run in 0..runs {
            let rate = [0.0, 0.005, 0.01, 0.02][run % 4];
            let mut trials: Vec<Trial> =
                (0..600).map(|_| if random.random_bool(rate) { Trial::Miss } else { Trial::Hit }).collect();
            let (first, length) = (random.random_range(20..550), random.random_range(5..25));
            trials[first..first + length].fill(Trial::Miss);
            let stretches = stretches(&trials, trials.len(), 6.0, 0.0001);
            let hit = stretches.iter().find(|s| s.first < first + length && s.last >= first);
            found += usize::from(hit.is_some());
            // A lost lead that touches the outage belongs to it, for all that anybody can see.
            let begin = (0..first).rev().take_while(|at| trials[*at] == Trial::Miss).last().unwrap_or(first);
            let end =
                (first + length..600).take_while(|at| trials[*at] == Trial::Miss).last().unwrap_or(first + length - 1);
            sharp += usize::from(hit.is_some_and(|s| (s.first, s.last) == (begin, end)));
        }
        assert_eq!(found, runs);
        assert!(sharp * 1000 >= runs * 990, "{sharp} of {runs} with the true ends");
    }

    proptest! {
        #[test]
        fn stretches_are_disjoint_and_begin_and_end_in_failures(text in "[.xcs?|]{0,200}|[x]{0,60}[.]{0,60}[x]{0,60}") {
            let trials = from(&text);
            let mut after = 0;
            for stretch in stretches(&trials, trials.len(), 1.0, 0.05) {
                prop_assert!(stretch.first >= after && stretch.first <= stretch.last);
                for end in [trials[stretch.first], trials[stretch.last]] {
                    prop_assert!(!end.is_success() && end != Trial::Barrier);
                }
                prop_assert!(stretch.e_value <= 0.05);
                after = stretch.last + 1;
            }
        }
    }
}
