//! The model: how much each comparison level speaks for one person, learned from the leads themselves.
//!
//! Fellegi and Sunter (1969) with four classes instead of two. Beside "the same person" and "strangers" stand "close to
//! each other", relatives with one address and customers of one reseller, and "colleagues". Their e-mail, phone, company
//! or last name agree while they are two people, which is just where the two-class model merges what it must not. The
//! weight of a pair is log2 of the odds of *same* against the other three together. How likely two contacts are
//! colleagues need not be learned: the size of their company tells.
//!
//! Parameters are learned by expectation maximisation (Dempster, Laird, Rubin 1977) over counted patterns in sorted
//! order, with Dirichlet priors worth some hundred pairs: fifty leads are judged by the priors, a million by
//! themselves. Frequent values weigh less (term frequency, Winkler 1988), with a prior share so that in a small table
//! a value is not called frequent because it stands there twice. Missing values take no part.
//!
//! Fields of strangers are not independent: names, titles and languages go with a country. So strangers' probabilities
//! are learned apart for compatriots and for foreigners, and frequencies are those of the country (see `frequency`).
//! With one table for all, the many namesakes at home look like a discovery, and learning follows them astray.
//!
//! The crate `weldrs` 0.2.2 was looked at first and left: it joins candidate pairs with all columns of both sides
//! before comparing (its own example of 119,427 rows was killed at 24 GB), it has no cap per block, no priors, no
//! third class, and its sums follow the order of a parallel group-by.

use serde::{Deserialize, Serialize};

use super::compare::{COMPATRIOTS, FOREIGNERS, GENERATION, HOME, Levels, SWAPPED, levels};
use super::forms::Profile;
use super::frequency;
use super::homes::Contacts;
use super::level_table::{
    COMPANY, COUNTRY, EMAIL, FIELDS, FIRST, LAST, LEVELS, LevelOf, NEAR_DATE, OTHER_DATE, PHONE, TITLE,
};
use super::numbers::NONE;
use crate::error::{Error, Result};

/// Worth of the priors of *same*, in pairs.
const PAIRS_OF_M: f64 = 100.0;
/// The same of *close*, for names and companies: relatives that the blocking rules find have them in common.
const PAIRS_OF_R: f64 = 1_000.0;
/// The same for addresses and numbers. Most relatives have one of their own: where hardly anybody has, those who share
/// one are not relatives but one person with a garbled name.
const PAIRS_OF_R_SHARED: f64 = 5_000.0;
/// Largest share of pairs of one person whose first names are different. People keep their first name; without a bound,
/// learning takes households of one last name for people who change it.
const MOST_RENAMED: f64 = 0.12;
/// Worth of the priors of *strangers*, in pairs of a random sample.
const PAIRS_OF_U: f64 = 1_000.0;
/// The same for levels whose every pair is a candidate, counted over all pairs.
const PAIRS_OF_RARE_U: f64 = 100_000.0;
/// Worth of the share of one person among all pairs, for its share among the pairs that tell the same fields, in pairs of
/// one person.
const PAIRS_OF_TOLD: f64 = 300.0;
/// The fields of which it matters whether two leads have them in common to compare: from one source all of them may
/// come, and there nobody is entered twice.
const TOLD: [usize; 4] = [EMAIL, PHONE, COMPANY, TITLE];
/// Combinations of [`TOLD`].
pub(super) const COMBINATIONS: usize = 1 << TOLD.len();
/// Matching and close pairs that are supposed before any is seen.
const PRIOR_PAIRS: f64 = 5.0;
/// Share of pairs that are colleagues, where nobody names a company.
const SMALLEST_COLLEAGUES: f64 = 1e-6;
/// log2 share of contacts that one company can have; beyond it, it is a place or a trade and makes nobody a colleague.
const LARGEST_COMPANY: f64 = -9.0;
/// In a handful of leads one pair is no habit.
const LARGEST_PRIOR: f64 = 0.03;
/// Most rounds of learning; it ends earlier where nothing moves any more.
const ROUNDS: usize = 100;
/// Relative change of the expected pairs below which nothing moves.
const SETTLED: f64 = 1e-6;

/// One level's probabilities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Level {
    level: String,
    /// Among pairs of one person.
    m: f64,
    /// Among strangers.
    u: f64,
    /// Among strangers at home in the same country.
    u_compatriots: f64,
    /// Among strangers at home in different countries.
    u_foreigners: f64,
    /// Among people close to each other.
    r: f64,
    /// Among colleagues.
    c: f64,
}

impl Level {
    /// Among strangers who are at home as `home` says. The country itself is judged among all, and so are equal addresses
    /// and numbers: they are so rare that only counting over all pairs tells how rare.
    fn of_strangers(&self, field: usize, level: usize, home: u8) -> f64 {
        match home {
            _ if field == COUNTRY || (matches!(field, EMAIL | PHONE) && level < 3) => self.u,
            COMPATRIOTS => self.u_compatriots,
            FOREIGNERS => self.u_foreigners,
            _ => self.u,
        }
    }

    /// Among people close to each other, `strangers` being how often strangers have it: relatives are given first names
    /// that are as much alike as those of strangers, and more where a family likes to.
    fn of_close(&self, field: usize, level: usize, strangers: f64) -> f64 {
        match field {
            FIRST => self.r.max(strangers),
            TITLE if is_of_dates(level) => strangers,
            _ => self.r,
        }
    }

    /// The same among colleagues, who are called as other people at home are.
    fn of_colleagues(&self, field: usize, level: usize, strangers: f64) -> f64 {
        match field {
            FIRST | LAST => strangers,
            TITLE if is_of_dates(level) => strangers,
            _ => self.c,
        }
    }
}

/// One field's levels, strongest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Field {
    field: String,
    levels: Vec<Level>,
}

/// All parameters, without personal data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Model {
    /// Of this description.
    version: u32,
    /// Share of pairs that are one person.
    pub prior_same: f64,
    /// The same among the pairs that tell the same fields, as a multiple, for each combination of [`TOLD`].
    told: Vec<f64>,
    /// Share of pairs that are close to each other.
    pub prior_close: f64,
    /// Share of pairs that are colleagues.
    pub prior_colleagues: f64,
    fields: Vec<Field>,
    /// Profiles it was learned from.
    pub profiles: usize,
    /// Candidate pairs it was learned from.
    pub candidate_pairs: u64,
    /// Pairs of one person that were expected among them.
    pub expected_pairs: f64,
}

const VERSION: u32 = 4;

/// Counted patterns of comparison.
#[derive(Default)]
pub(super) struct Counted {
    /// Candidate pairs: pattern and count, sorted by pattern.
    pub candidates: Vec<(u32, u64)>,
    /// Random pairs, likewise.
    pub random: Vec<(u32, u64)>,
    /// Profiles.
    pub profiles: usize,
    /// Share of pairs that name the same company.
    pub colleagues: f64,
}

/// Nine significant digits: what the JSON holds is what was used.
fn rounded(x: f64) -> f64 {
    if x == 0.0 || !x.is_finite() {
        return x;
    }
    format!("{x:.8e}").parse().unwrap_or(x)
}

fn all_pairs(profiles: usize) -> f64 {
    let n = profiles as f64;
    (n * (n - 1.0) / 2.0).max(1.0)
}

impl Model {
    /// The priors alone, for so many profiles.
    pub(super) fn prior(profiles: usize) -> Self {
        let pairs = all_pairs(profiles);
        let expected = 0.5 * profiles as f64;
        let fields = FIELDS
            .iter()
            .zip(LEVELS)
            .map(|(field, levels)| {
                let of_level = |of: &LevelOf| of.priors.map(|priors| (of.name, priors));
                let sum = |class: usize| levels.iter().filter_map(|of| Some(of.priors?[class])).sum::<f64>();
                let levels = levels.iter().filter_map(of_level).map(|(name, priors)| {
                    let [m, u, r, c] = std::array::from_fn(|class| rounded(priors[class] / sum(class)));
                    Level { level: name.to_owned(), m, u, u_compatriots: u, u_foreigners: u, r, c }
                });
                Field { field: (*field).to_owned(), levels: levels.collect() }
            })
            .collect();
        Model {
            version: VERSION,
            prior_same: rounded(((expected + PRIOR_PAIRS) / pairs).min(LARGEST_PRIOR)),
            told: vec![1.0; COMBINATIONS],
            prior_close: rounded(((expected + PRIOR_PAIRS) / pairs).min(LARGEST_PRIOR)),
            prior_colleagues: SMALLEST_COLLEAGUES,
            fields,
            profiles,
            candidate_pairs: 0,
            expected_pairs: rounded(expected),
        }
    }

    /// Reads a model that [`Self::json`] wrote.
    pub(super) fn read(json: &str) -> Result<Self> {
        let refused = |why: String| {
            Error::usage("the saved identity model cannot be used")
                .because(why)
                .hint("remove it to have it learned anew")
        };
        let model: Model = serde_json::from_str(json).map_err(|e| refused(e.to_string()))?;
        let prior = Model::prior(model.profiles);
        let shape = |m: &Model| -> Vec<(String, Vec<String>)> {
            m.fields.iter().map(|f| (f.field.clone(), f.levels.iter().map(|l| l.level.clone()).collect())).collect()
        };
        let is_probability = |p: &f64| p.is_finite() && *p > 0.0 && *p <= 1.0;
        let sound = model
            .fields
            .iter()
            .flat_map(|f| &f.levels)
            .flat_map(|l| [l.m, l.u, l.u_compatriots, l.u_foreigners, l.r, l.c]);
        let sound = sound.into_iter().all(|p| is_probability(&p))
            && model.told.len() == COMBINATIONS
            && model.told.iter().all(|times| times.is_finite() && *times > 0.0);
        if model.version != VERSION || shape(&model) != shape(&prior) {
            return Err(refused("it was written by another version".to_owned()));
        }
        if !sound || ![model.prior_same, model.prior_close, model.prior_colleagues].iter().all(is_probability) {
            return Err(refused("a probability in it is not between 0 and 1".to_owned()));
        }
        Ok(model)
    }

    /// Readable JSON.
    pub(super) fn json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Learns from counted patterns, starting from the priors.
    pub(super) fn learned(counted: &Counted) -> Self {
        let mut model = Model::prior(counted.profiles);
        let prior = model.clone();
        let pairs = all_pairs(counted.profiles);
        model.colleagues_from(counted, 0.0);
        model.strangers_from(&counted.random);
        let pairs_by_told = by_told(&counted.random, pairs);
        for _ in 0..ROUNDS {
            let before = (model.expected_pairs, model.prior_close);
            model.maximise(counted, &prior, &pairs_by_told);
            let moved = |now: f64, before: f64| (now - before).abs() > SETTLED * before;
            if !moved(model.expected_pairs, before.0) && !moved(model.prior_close, before.1) {
                break;
            }
        }
        model.candidate_pairs = counted.candidates.iter().map(|(_, n)| n).sum();
        model
    }

    /// Levels of random pairs, those left out that are likely one person: in a small table they are no rarity.
    fn strangers_from(&mut self, random: &[(u32, u64)]) {
        let (mut all, mut compatriots, mut foreigners) = (self.zeros(), self.zeros(), self.zeros());
        for (pattern, count) in random {
            let levels = levels(*pattern);
            let [same, close, colleagues, strangers] = self.shares(&levels);
            if same < strangers + close + colleagues {
                add(&mut all, &levels, *count as f64);
                match levels[HOME] {
                    COMPATRIOTS => add(&mut compatriots, &levels, *count as f64),
                    FOREIGNERS => add(&mut foreigners, &levels, *count as f64),
                    _ => {}
                }
            }
        }
        let share = |sums: &[Vec<f64>], f: usize, l: usize, before: f64| {
            let total: f64 = sums.get(f).map_or(0.0, |s| s.iter().sum());
            let seen = sums.get(f).and_then(|s| s.get(l)).copied().unwrap_or(0.0);
            rounded((seen + PAIRS_OF_U * before) / (total + PAIRS_OF_U))
        };
        for (f, field) in self.fields.iter_mut().enumerate() {
            for (l, level) in field.levels.iter_mut().enumerate() {
                level.u = share(&all, f, l, level.u);
                level.u_compatriots = share(&compatriots, f, l, level.u);
                level.u_foreigners = share(&foreigners, f, l, level.u);
            }
        }
    }

    /// One round of expectation and maximisation.
    fn maximise(&mut self, counted: &Counted, prior: &Model, pairs_by_told: &[f64; COMBINATIONS]) {
        let pairs = all_pairs(counted.profiles);
        let (mut m, mut u, mut r) = (self.zeros(), self.zeros(), self.zeros());
        let (mut all_same, mut all_close, mut no_colleagues) = (0.0, 0.0, 0.0);
        let mut same_by_told = [0.0; COMBINATIONS];
        for (pattern, count) in &counted.candidates {
            let levels = levels(*pattern);
            let [same, close, colleagues, strangers] = self.shares(&levels);
            let sum = same + close + colleagues + strangers;
            let n = *count as f64;
            all_same += n * same / sum;
            all_close += n * close / sum;
            same_by_told[told(&levels)] += n * same / sum;
            if levels[COMPANY] == 1 {
                no_colleagues += n * (same + close) / sum;
            }
            add(&mut m, &levels, n * same / sum);
            add(&mut u, &levels, n * strangers / sum);
            add(&mut r, &levels, n * close / sum);
        }
        for (f, field) in self.fields.iter_mut().enumerate() {
            let (Some(m), Some(u), Some(before)) = (m.get(f), u.get(f), prior.fields.get(f)) else { continue };
            let total: f64 = m.iter().sum();
            for (l, level) in field.levels.iter_mut().enumerate() {
                let (Some(m), Some(u), Some(before)) = (m.get(l), u.get(l), before.levels.get(l)) else { continue };
                level.m = rounded((m + PAIRS_OF_M * before.m) / (total + PAIRS_OF_M));
                // Every pair of these levels is a candidate, so strangers among them can be counted.
                if (f == EMAIL || f == PHONE) && l < 3 {
                    level.u = rounded((u + PAIRS_OF_RARE_U * before.u) / (pairs + PAIRS_OF_RARE_U));
                }
            }
        }
        self.bound_renamed();
        self.close_from(&r, all_close, prior);
        self.prior_same = rounded(((all_same + PRIOR_PAIRS) / pairs).min(LARGEST_PRIOR));
        self.prior_close = rounded(((all_close + PRIOR_PAIRS) / pairs).min(LARGEST_PRIOR));
        for (times, (same, pairs)) in self.told.iter_mut().zip(same_by_told.iter().zip(pairs_by_told)) {
            let share = (same + PAIRS_OF_TOLD) / (pairs + PAIRS_OF_TOLD / self.prior_same);
            *times = rounded(share / self.prior_same);
        }
        self.colleagues_from(counted, no_colleagues);
        self.expected_pairs = rounded(all_same);
    }

    /// Share of pairs that are colleagues: those that name the same company, but for `others` that are one person or
    /// close to each other.
    fn colleagues_from(&mut self, counted: &Counted, others: f64) {
        let pairs = all_pairs(counted.profiles);
        let share = (counted.colleagues * pairs - others).max(0.0) / pairs;
        // Where more pairs than could be one person name the same company, it is a place or a trade.
        self.prior_colleagues = rounded(share.min(self.prior_same).max(SMALLEST_COLLEAGUES));
    }

    /// Holds different first names of one person to [`MOST_RENAMED`]; the other levels take what is over.
    fn bound_renamed(&mut self) {
        let Some(field) = self.fields.get_mut(FIRST) else { return };
        let Some((different, others)) = field.levels.split_last_mut().filter(|(d, _)| d.m > MOST_RENAMED) else {
            return;
        };
        let over = (1.0 - MOST_RENAMED) / (1.0 - different.m).max(f64::MIN_POSITIVE);
        different.m = MOST_RENAMED;
        for level in others {
            level.m = rounded(level.m * over);
        }
    }

    /// How often people close to each other have last name and company in common, and share an address or a number. Of
    /// the rest of their levels, and of their other fields, only what the blocking rules happen to find is seen: there
    /// the priors stay.
    fn close_from(&mut self, r: &[Vec<f64>], close_pairs: f64, prior: &Model) {
        for f in [LAST, COMPANY] {
            let (Some(field), Some(seen), Some(before)) = (self.fields.get_mut(f), r.get(f), prior.fields.get(f))
            else {
                continue;
            };
            let total: f64 = seen.iter().sum();
            for ((level, seen), before) in field.levels.iter_mut().zip(seen).zip(&before.levels) {
                level.r = rounded((seen + PAIRS_OF_R * before.r) / (total + PAIRS_OF_R));
            }
        }
        for f in [EMAIL, PHONE] {
            let (Some(field), Some(seen), Some(before)) = (self.fields.get_mut(f), r.get(f), prior.fields.get(f))
            else {
                continue;
            };
            let has_value = seen.iter().sum::<f64>() / seen_in(r).max(1.0);
            let (mut told, mut told_before) = (0.0, 0.0);
            for ((level, seen), before) in field.levels.iter_mut().zip(seen).zip(&before.levels).take(3) {
                let all = close_pairs * has_value + PAIRS_OF_R_SHARED;
                level.r = rounded((seen + PAIRS_OF_R_SHARED * before.r) / all);
                (told, told_before) = (told + level.r, told_before + before.r);
            }
            let rest = (1.0 - told).max(0.01) / (1.0 - told_before).max(0.01);
            for (level, before) in field.levels.iter_mut().zip(&before.levels).skip(3) {
                level.r = rounded(before.r * rest);
            }
        }
    }

    /// Share of pairs of one person whose first names have nothing in common.
    pub(super) fn renamed(&self) -> f64 {
        self.fields.get(FIRST).and_then(|field| field.levels.last()).map_or(0.0, |different| different.m)
    }

    /// Of the pairs of one person that tell the same fields, the share that `finds` finds and that come near: at least
    /// `near` log2 odds. By [`told_of`].
    pub(super) fn found(&self, finds: fn(&Levels) -> bool, near: f64) -> [f64; TOLD_BY_ALL] {
        let mut found = [0.0; TOLD_BY_ALL];
        let mut levels: Levels = [0; 8];
        loop {
            if finds(&levels) {
                let [same, close, colleagues, strangers] = self.shares(&levels);
                if (same / (close + colleagues + strangers)).log2() >= near {
                    found[told_of(&levels)] += same / (self.prior_same * self.told.get(told(&levels)).unwrap_or(&1.0));
                }
            }
            // The next combination of levels; the country tells no rule anything.
            let mut field = 0;
            while let Some(known) = self.fields.get(field).filter(|_| field < COUNTRY) {
                if usize::from(levels[field]) < known.levels.len() {
                    levels[field] += 1;
                    break;
                }
                levels[field] = 0;
                field += 1;
            }
            if field >= COUNTRY {
                return found;
            }
        }
    }

    fn zeros(&self) -> Vec<Vec<f64>> {
        self.fields.iter().map(|f| vec![0.0; f.levels.len()]).collect()
    }

    /// Joint probability of the levels with each class: same, close, colleagues, strangers.
    fn shares(&self, levels: &Levels) -> [f64; 4] {
        let strangers = 1.0 - self.prior_same - self.prior_close - self.prior_colleagues;
        let same = self.prior_same * self.told.get(told(levels)).unwrap_or(&1.0);
        let mut shares = [same, self.prior_close, self.prior_colleagues, strangers.max(0.1)];
        for (f, (field, level)) in self.fields.iter().zip(levels).enumerate() {
            if let Some((l, p)) = place(f, *level).and_then(|l| Some((l, field.levels.get(l)?))) {
                let u = p.of_strangers(f, l, levels[HOME]);
                let (r, c) = (p.of_close(f, l, u), p.of_colleagues(f, l, u));
                shares = [shares[0] * p.m, shares[1] * r, shares[2] * c, shares[3] * u];
            }
        }
        if levels[LAST] == GENERATION {
            shares[0] *= (-CERTAIN).exp2();
        }
        shares
    }
}

/// Whether a level of the titles, by its place among their probabilities, is one of two dates.
fn is_of_dates(level: usize) -> bool {
    [NEAR_DATE, OTHER_DATE].iter().any(|of_dates| usize::from(*of_dates) == level + 1)
}

/// Which of [`TOLD`] a contact has, as a number.
pub(super) fn told_by(profile: &Profile) -> u8 {
    let told = [profile.email, profile.phone, profile.company, profile.title];
    told.iter().enumerate().map(|(n, value)| u8::from(*value != NONE) << n).sum()
}

/// Which of [`TOLD`] both sides of a pair have, as a number.
fn told(levels: &Levels) -> usize {
    TOLD.iter().enumerate().map(|(n, field)| usize::from(levels[*field] > 0) << n).sum()
}

/// Combinations of all fields but the country.
pub(super) const TOLD_BY_ALL: usize = 1 << COUNTRY;

/// Which fields but the country both sides of a pair have, as a number.
pub(super) fn told_of(levels: &Levels) -> usize {
    levels.iter().take(COUNTRY).enumerate().map(|(field, level)| usize::from(*level > 0) << field).sum()
}

/// How many of all pairs tell each combination of [`TOLD`], by a random sample.
fn by_told(random: &[(u32, u64)], pairs: f64) -> [f64; COMBINATIONS] {
    let mut sums = [0.0; COMBINATIONS];
    for (pattern, count) in random {
        sums[told(&levels(*pattern))] += *count as f64;
    }
    let all: f64 = sums.iter().sum();
    sums.map(|sum| sum / all.max(1.0) * pairs)
}

/// Where a field's probabilities of a level stand. Strangers of equal names swap them as often as one person does, so
/// swapped names count as the same.
fn place(field: usize, level: u8) -> Option<usize> {
    match (field, level) {
        (FIRST | LAST, SWAPPED) => Some(0),
        _ => usize::from(level).checked_sub(1),
    }
}

/// Pairs that were counted at all: the field that most of them have.
fn seen_in(sums: &[Vec<f64>]) -> f64 {
    sums.iter().map(|s| s.iter().sum::<f64>()).fold(0.0, f64::max)
}

fn add(sums: &mut [Vec<f64>], levels: &Levels, n: f64) {
    for (f, (sums, level)) in sums.iter_mut().zip(levels).enumerate() {
        if let Some(sum) = place(f, *level).and_then(|l| sums.get_mut(l)) {
            *sum += n;
        }
    }
}

/// One bar of a pair's waterfall.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// The field, `prior`, `closeness` or `others`.
    pub field: &'static str,
    /// The comparison level.
    pub level: &'static str,
    /// The level in words.
    pub words: &'static str,
    /// log2 of the Bayes factor, term frequency included.
    pub weight: f64,
    /// Share of profiles that have the value, where that matters.
    pub term_frequency: Option<f64>,
}

impl Step {
    /// What other leads say to a pair.
    pub(super) fn others(weight: f64) -> Self {
        Step {
            field: "others",
            level: "others",
            words: "what other leads say: who else fits, and how many leads each of the two has",
            weight,
            term_frequency: None,
        }
    }
}

/// log2 probabilities in each class.
#[derive(Clone, Copy, Default)]
struct Log2 {
    same: f64,
    strangers: f64,
    close: f64,
    colleagues: f64,
}

impl Log2 {
    fn add(&mut self, other: Log2) {
        self.same += other.same;
        self.strangers += other.strangers;
        self.close += other.close;
        self.colleagues += other.colleagues;
    }

    /// Everybody but the same person.
    fn others(&self) -> f64 {
        log2_sum(log2_sum(self.strangers, self.close), self.colleagues)
    }
}

/// A model made ready to weigh pairs of one set of profiles.
pub(super) struct Scale {
    /// By where the two are at home, field and level; zero where nothing is said.
    table: [[[Log2; 9]; 7]; 3],
    prior: Log2,
    /// What the fields that both have add to the prior of *same*.
    told: [f64; COMBINATIONS],
}

impl Scale {
    pub(super) fn new(model: &Model) -> Self {
        let mut table = [[[Log2::default(); 9]; 7]; 3];
        for (home, table) in table.iter_mut().enumerate() {
            for (f, (row, field)) in table.iter_mut().zip(&model.fields).enumerate() {
                for (l, (place, p)) in row.iter_mut().skip(1).zip(&field.levels).enumerate() {
                    let u = p.of_strangers(f, l, home as u8);
                    let (close, colleagues) = (p.of_close(f, l, u).log2(), p.of_colleagues(f, l, u).log2());
                    *place = Log2 { same: p.m.log2(), strangers: u.log2(), close, colleagues };
                }
            }
            for name in [FIRST, LAST] {
                table[name][usize::from(SWAPPED)] = table[name][1];
            }
            table[LAST][usize::from(GENERATION)].same = -CERTAIN;
        }
        let strangers = (1.0 - model.prior_same - model.prior_close - model.prior_colleagues).max(0.1);
        let prior = Log2 {
            same: model.prior_same.log2(),
            strangers: strangers.log2(),
            close: model.prior_close.log2(),
            colleagues: model.prior_colleagues.log2(),
        };
        let told = std::array::from_fn(|n| model.told.get(n).map_or(0.0, |times| times.log2()));
        Scale { table, prior, told }
    }

    /// The same with other prior odds, whatever the pairs tell: log2 of the share of pairs that are one person, and that
    /// are close.
    pub(super) fn with_prior(&self, same: f64, close: f64) -> Self {
        Scale { table: self.table, prior: Log2 { same, close, ..self.prior }, told: [0.0; COMBINATIONS] }
    }

    /// log2 of the share of pairs that are one person.
    pub(super) fn prior_same(&self) -> f64 {
        self.prior.same
    }

    /// What it adds to that, in bits, which of [`TOLD`] two contacts have in common.
    pub(super) fn told(&self) -> [f64; COMBINATIONS] {
        self.told
    }

    /// The prior of a pair with such levels.
    fn prior(&self, levels: &Levels) -> Log2 {
        Log2 { same: self.prior.same + self.told[told(levels)], ..self.prior }
    }

    /// log2 share of the value that both have, where its frequency matters at this level.
    fn share(&self, contacts: &Contacts, field: usize, levels: &Levels, profile: u32) -> Option<f64> {
        let Contacts { forms, frequencies: kept } = contacts;
        let a = forms.profiles.get(profile as usize)?;
        let compatriots = levels[HOME] == COMPATRIOTS;
        let of_own = |kind: usize, value: u32| {
            kept.of_profile(kind, profile, compatriots).unwrap_or(kept.among_all(kind, value))
        };
        Some(match (field, levels[field]) {
            (FIRST, 1) => of_own(frequency::FIRST, a.first),
            (LAST, 1) => of_own(frequency::LAST, a.last),
            (TITLE, 1) => of_own(frequency::TITLE, a.title),
            (COMPANY, 1) => kept.of_colleagues(frequency::COMPANY, a.company, levels[LAST] > 1),
            (COMPANY, 2) => kept.of_colleagues(frequency::DOMAIN, forms.company_domain(a), levels[LAST] > 1),
            (EMAIL, 5) => {
                kept.among_all(frequency::LOCAL, forms.emails.get(a.email as usize).map_or(NONE, |e| e.local))
            }
            (COUNTRY, 1) => kept.among_all(frequency::COUNTRY, a.country),
            (FIRST | LAST, SWAPPED) => {
                // In whichever order the names are the more usual.
                let of = |kind: usize, value: u32| match compatriots {
                    true => kept.among_compatriots(kind, value, a.home),
                    false => kept.among_all(kind, value),
                };
                let orders = [(a.first, a.last), (a.last, a.first)]
                    .map(|(first, last)| (of(frequency::FIRST, first), of(frequency::LAST, last)));
                let usual = if orders[0].0 + orders[0].1 >= orders[1].0 + orders[1].1 { orders[0] } else { orders[1] };
                if field == FIRST { usual.0 } else { usual.1 }
            }
            _ => return None,
        })
    }

    /// log2 odds that two profiles are one person: the one numbered `a` and whoever gave these levels.
    pub(super) fn weight(&self, contacts: &Contacts, levels: &Levels, a: u32) -> f64 {
        let mut sum = self.prior(levels);
        for field in 0..FIELDS.len() {
            if levels[field] > 0 {
                sum.add(self.log2(contacts, field, levels, a));
            }
        }
        sum.same - sum.others()
    }

    /// The same where other leads of the two people tell what the pair leaves out: for each field, what a pair of theirs
    /// shows in it, and the first profile of that pair.
    pub(super) fn weight_with(
        &self,
        contacts: &Contacts,
        levels: &Levels,
        a: u32,
        others: &[Option<(Levels, u32)>; FIELDS.len()],
    ) -> f64 {
        let mut all = *levels;
        for (field, other) in others.iter().enumerate() {
            if let Some((seen, _)) = other {
                all[field] = seen[field];
            }
        }
        let mut sum = self.prior(&all);
        for (field, other) in others.iter().enumerate() {
            let (seen, profile) = other.as_ref().map_or((levels, a), |(seen, profile)| (seen, *profile));
            if seen[field] > 0 {
                sum.add(self.log2(contacts, field, seen, profile));
            }
        }
        sum.same - sum.others()
    }

    /// log2 probabilities of one field, term frequency included.
    fn log2(&self, contacts: &Contacts, field: usize, levels: &Levels, a: u32) -> Log2 {
        let mut of = self.table[usize::from(levels[HOME])][field][usize::from(levels[field])];
        if let Some(share) = self.share(contacts, field, levels, a) {
            of.strangers = share;
            match field {
                // Relatives and colleagues share a first name no more than strangers do.
                FIRST => (of.close, of.colleagues) = (share, share),
                LAST => (of.close, of.colleagues) = (log2_sum(of.close, share), share),
                // Nor a title much more.
                TITLE => {
                    of.close = log2_sum(share, -7.0);
                    of.colleagues = of.close;
                }
                // The larger the company, the likelier two contacts are colleagues and no more.
                COMPANY => of.colleagues += share.min(LARGEST_COMPANY) - self.prior.colleagues,
                _ => {}
            }
        }
        of
    }

    /// The bars that add up to [`Self::weight`].
    pub(super) fn waterfall(&self, contacts: &Contacts, levels: &Levels, a: u32) -> Vec<Step> {
        let mut sum = self.prior(levels);
        let mut steps = vec![Step {
            field: "prior",
            level: "prior",
            words: "how rarely two leads are one person",
            weight: sum.same - sum.strangers,
            term_frequency: None,
        }];
        for (field, level) in levels.iter().enumerate().take(FIELDS.len()) {
            if *level == 0 {
                continue;
            }
            let of = self.log2(contacts, field, levels, a);
            sum.add(of);
            let LevelOf { name, words, .. } = &LEVELS[field][usize::from(*level)];
            let term_frequency = self.share(contacts, field, levels, a).map(f64::exp2);
            steps.push(Step {
                field: FIELDS[field],
                level: name,
                words,
                weight: of.same - of.strangers,
                term_frequency,
            });
        }
        steps.push(Step {
            field: "closeness",
            level: "closeness",
            words: "how well two relatives or colleagues would explain the same",
            weight: sum.strangers - sum.others(),
            term_frequency: None,
        });
        steps
    }
}

/// log2(2^a + 2^b).
fn log2_sum(a: f64, b: f64) -> f64 {
    let (high, low) = if a >= b { (a, b) } else { (b, a) };
    high + (1.0 + (low - high).exp2()).log2()
}

/// Match weight of what is certain: a reviewed decision, the key of the raw lead.
pub(super) const CERTAIN: f64 = 40.0;

/// A match weight (log2 odds) as a probability.
pub fn probability(weight: f64) -> f64 {
    1.0 / (1.0 + (-weight).exp2())
}

/// A probability as a match weight.
pub fn weight(probability: f64) -> f64 {
    (probability / (1.0 - probability)).log2()
}
