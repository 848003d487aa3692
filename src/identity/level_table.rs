//! The one table of constants of the model: every comparison level with its words and its prior probabilities.
//!
//! What a level means is decided in `compare`; how the priors become weights, in `model`. Priors are from what forms look
//! like: people keep their name and firm, change or hide address and phone. They are shares, and need not add up to one.

/// One level of a field.
pub(super) struct LevelOf {
    /// As it stands in the saved model and in `explain --json`.
    pub name: &'static str,
    /// As `explain` says it.
    pub words: &'static str,
    /// Prior probability, given that both sides have a value, among pairs of: one person, strangers, people close to
    /// each other, colleagues. `None` for what says nothing, and for levels that are weighed as another one is.
    pub priors: Option<[f64; 4]>,
}

const fn level(name: &'static str, words: &'static str, priors: [f64; 4]) -> LevelOf {
    LevelOf { name, words, priors: Some(priors) }
}

const fn unweighed(name: &'static str, words: &'static str) -> LevelOf {
    LevelOf { name, words, priors: None }
}

/// The compared fields, in the order of a pattern.
pub(super) const FIELDS: [&str; 7] = ["email", "phone", "first_name", "last_name", "company", "title", "country"];
pub(super) const EMAIL: usize = 0;
pub(super) const PHONE: usize = 1;
pub(super) const FIRST: usize = 2;
pub(super) const LAST: usize = 3;
pub(super) const COMPANY: usize = 4;
pub(super) const TITLE: usize = 5;
pub(super) const COUNTRY: usize = 6;

/// The levels of [`TITLE`] that two dates have. Nothing but chance makes them alike for two people, be they relatives.
pub(super) const NEAR_DATE: u8 = 2;
pub(super) const OTHER_DATE: u8 = 5;

/// The levels of each field, strongest first, after the one that says nothing. Relatives' first names are as much alike as
/// strangers' (see `model`), which their priors leave room for.
pub(super) const LEVELS: [&[LevelOf]; 7] = [
    &[
        unweighed("missing", "no e-mail to compare"),
        level("same", "same e-mail", [0.65, 1e-8, 0.01, 1e-5]),
        level("mailbox", "same mailbox (plus-tag, dots or provider's alias)", [0.03, 2e-9, 0.001, 1e-6]),
        level("shared", "same e-mail, but people with different names use it", [0.02, 1e-7, 0.12, 0.002]),
        level("typing", "e-mail with a typing error", [0.05, 3e-7, 0.01, 0.001]),
        level("local-part", "same name before the @ at another domain", [0.05, 2e-4, 0.01, 0.005]),
        level("colleague", "other mailbox at the same company", [0.03, 2e-3, 0.45, 0.57]),
        level("private", "another e-mail, at least one at a free provider", [0.14, 0.55, 0.249, 0.37]),
        level("different", "e-mails at different companies", [0.03, 0.45, 0.15, 0.05]),
    ],
    &[
        unweighed("missing", "no phone to compare"),
        level("same", "same phone", [0.62, 1e-7, 0.10, 0.005]),
        level("last-digits", "same phone by its last eight digits", [0.04, 2e-8, 0.01, 0.001]),
        level("shared", "same phone, but people with different names use it", [0.03, 3e-7, 0.25, 0.02]),
        level("typing", "phone with a typing error", [0.05, 2e-6, 0.03, 0.002]),
        level("exchange", "another extension of the same exchange", [0.03, 1e-5, 0.15, 0.05]),
        level("two-errors", "phone but for two digits", [0.02, 1e-4, 0.03, 0.002]),
        level("different", "different phones", [0.17, 1.0, 0.43, 0.92]),
    ],
    &[
        unweighed("missing", "no first name to compare"),
        level("same", "same first name", [0.80, 5e-3, 1.5e-3, 5e-3]),
        level("nickname", "forms of the same first name", [0.05, 4e-3, 1.2e-3, 4e-3]),
        level("initial", "initial of the first name", [0.05, 3e-2, 9e-3, 3e-2]),
        level("close", "first names spelled alike", [0.06, 2e-2, 6e-3, 2e-2]),
        level("different", "different first names", [0.02, 0.94, 0.94, 0.94]),
        unweighed("swapped", "same names, first and last swapped"),
    ],
    &[
        unweighed("missing", "no last name to compare"),
        level("same", "same last name", [0.84, 2e-3, 0.25, 4e-3]),
        level("close", "last names spelled alike", [0.06, 8e-3, 0.02, 1e-2]),
        level("part", "part of a double name", [0.02, 1e-3, 0.01, 2e-3]),
        level("initial", "initial of the last name", [0.02, 3e-2, 0.03, 3e-2]),
        level("different", "different last names", [0.04, 0.96, 0.69, 0.96]),
        unweighed("swapped", "same names, first and last swapped"),
        unweighed("generation", "another generation of one name (Sr., Jr., II, III)"),
    ],
    &[
        unweighed("missing", "no company to compare"),
        level("same", "same company", [0.72, 1e-3, 0.60, 0.80]),
        level("domain", "same company domain", [0.08, 1e-3, 0.15, 0.12]),
        level("close", "companies spelled alike", [0.10, 3e-3, 0.07, 0.06]),
        level("different", "different companies", [0.06, 0.995, 0.18, 0.02]),
    ],
    &[
        unweighed("missing", "no job title to compare"),
        level("same", "same job title", [0.55, 3e-2, 0.06, 0.06]),
        level("near-date", "a date of birth but for one number", [0.02, 3e-3, 3e-3, 3e-3]),
        level("close", "job titles alike", [0.20, 8e-2, 0.14, 0.12]),
        level("different", "different job titles", [0.25, 0.89, 0.80, 0.82]),
        level("other-date", "another date of birth", [0.02, 3e-2, 3e-2, 3e-2]),
    ],
    &[
        unweighed("missing", "no country to compare"),
        level("same", "same country", [0.95, 0.25, 0.93, 0.93]),
        level("different", "different countries", [0.05, 0.75, 0.07, 0.07]),
    ],
];
