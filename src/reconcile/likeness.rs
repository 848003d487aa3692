//! How alike two contacts are: what was typed in a lead, and what a CRM record shows.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::codes::link;
use crate::contact;
use crate::reconcile::offers::fold_spaces;

/// What was typed, or is shown, in the order of [`contact::COLUMNS`].
pub(super) type Typed<'a> = [Option<&'a str>; 7];

/// First and last name stand before the address.
const EMAIL: usize = 2;
const PHONE: usize = 3;
const COMPANY: usize = 4;
const COUNTRY: usize = 6;

/// Fields that must agree where a record may follow its lead by any time. The country tells nobody apart.
pub(super) const ENOUGH: usize = 2;

/// Length at which CRMs begin to cut texts.
const MAY_BE_CUT: usize = 40;

/// A field in the form in which two of them can be compared.
pub(super) fn comparable(field: usize, text: &str) -> String {
    let normal = match field {
        EMAIL => contact::normalised_email(text),
        PHONE => contact::phone_digits(text),
        COMPANY => contact::company_key(text),
        COUNTRY => contact::country_code(text).map(str::to_owned),
        _ => None,
    };
    match field {
        ..EMAIL if text.contains(char::REPLACEMENT_CHARACTER) => {
            fold_spaces(&text.replace(char::REPLACEMENT_CHARACTER, LOST))
        }
        _ => normal.unwrap_or_else(|| fold_spaces(text)),
    }
}

/// What stands for a letter, or a byte of one, that a program could not write.
const LOST: &str = "?";

/// Whether two names are one, be it that letters were lost in one of them (`m?ller`, `mc?lvaine`) or that they came to
/// Latin letters by another way: `dmitriy` and `dmitry`, `kuznetsova` and `kuznecova`.
fn is_same_name(a: &str, b: &str) -> bool {
    a == b || is_left_of(a, b) || is_left_of(b, a) || sounds_alike(a, b)
}

fn sounds_alike(a: &str, b: &str) -> bool {
    // Jonas and Jens sound alike, too, and are two.
    const ALIKE: f64 = 0.85;
    let sound = |name: &str| Some(contact::sound_key(name)).filter(|key| key.len() >= 2 && !name.contains(LOST));
    sound(a).is_some_and(|own| sound(b) == Some(own)) && strsim::jaro_winkler(a, b) >= ALIKE
}

/// Whether a name with lost letters is what is left of another: each stands for one or two letters.
fn is_left_of(left: &str, whole: &str) -> bool {
    let known = left.chars().filter(|c| c.is_alphanumeric()).count();
    left.contains(LOST) && known >= 2 && fits(left.as_bytes(), whole.as_bytes())
}

/// Follows all readings of the marks at once.
fn fits(left: &[u8], whole: &[u8]) -> bool {
    let mut ends = BTreeSet::from([0]);
    for letter in left {
        ends = match letter {
            b'?' => ends.iter().flat_map(|end| [*end, end + 1, end + 2]).filter(|end| *end <= whole.len()).collect(),
            _ => ends.iter().filter(|end| whole.get(**end) == Some(letter)).map(|end| end + 1).collect(),
        };
    }
    ends.contains(&whole.len())
}

/// A contact in comparable form.
pub(super) struct Contact {
    pub(super) fields: [Option<String>; 7],
    /// Whether the value only fills the field.
    pub(super) filler: [bool; 7],
}

impl Contact {
    pub(super) fn of(typed: Typed<'_>) -> Self {
        let filler = std::array::from_fn(|field| typed[field].is_some_and(contact::is_placeholder));
        let fields = std::array::from_fn(|field| {
            let text = typed[field].map(str::trim).filter(|text| !text.is_empty())?;
            // Some write the country before a phone number: its last eight digits tell.
            let end_of_number = if field == PHONE { contact::phone_digits(text).map(last_eight) } else { None };
            let text = end_of_number.unwrap_or_else(|| comparable(field, text));
            Some(text).filter(|text| text.chars().any(char::is_alphanumeric))
        });
        Contact { fields, filler }
    }

    /// Whether first and last name are those of the other, and no fillers.
    pub(super) fn has_name_of(&self, other: &Contact) -> bool {
        let is_same = |field: usize| {
            let both = self.fields[field].as_deref().zip(other.fields[field].as_deref());
            both.is_some_and(|(a, b)| is_same_name(a, b)) && !other.filler[field]
        };
        (is_same(0) && is_same(1)) || self.has_words_of(other)
    }

    /// Whether first and last name have the same words, in whichever of both fields: two or more, and no fillers.
    fn has_words_of(&self, other: &Contact) -> bool {
        let words = |contact: &Contact| {
            let names = || contact.fields.iter().zip(contact.filler).take(EMAIL);
            let mut words: Vec<String> = names()
                .filter(|(_, is_filler)| !is_filler)
                .filter_map(|(name, _)| name.as_deref())
                .flat_map(|name| name.split([' ', ',', '.']).filter(|word| !word.is_empty()).map(str::to_owned))
                .collect();
            words.sort_unstable();
            words
        };
        let own = words(self);
        own.len() >= 2 && own == words(other)
    }

    /// What tells it from others: values of which at least one is equal where two fields agree.
    pub(super) fn keys(&self) -> impl Iterator<Item = (usize, &str)> {
        self.fields.iter().enumerate().filter(|(field, _)| *field != COUNTRY).filter_map(|(field, text)| {
            let text = text.as_deref().filter(|_| !self.filler.get(field).copied().unwrap_or_default())?;
            Some((field, text))
        })
    }
}

fn last_eight(digits: String) -> String {
    let from = digits.len().saturating_sub(8);
    digits.get(from..).map_or(digits.clone(), str::to_owned)
}

/// How a record fits a lead; the smaller, the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fit {
    pub differ: usize,
    agree: Reverse<usize>,
    /// Equal values that only fill the field.
    fillers: Reverse<usize>,
}

/// Whether the record shows nothing that was not typed, the country apart, which CRMs fill in themselves.
pub(super) fn shows_no_more(record: &Contact, lead: &Contact) -> bool {
    let fields = record.fields.iter().zip(&lead.fields).enumerate();
    fields.filter(|(field, _)| *field != COUNTRY).all(|(_, (shown, typed))| shown.is_none() || typed.is_some())
}

/// Whether a record shows what was typed, be it cut off.
pub(super) fn is_same(typed: &str, shown: &str) -> bool {
    typed == shown || (shown.len() >= MAY_BE_CUT && typed.starts_with(shown))
}

fn local(address: &str) -> &str {
    address.split('@').next().unwrap_or(address)
}

impl Fit {
    /// Compares what was typed with what a record shows; `shown` says which columns the export has at all.
    pub(super) fn of(lead: &Contact, record: &Contact, shown: &[bool; 7]) -> Fit {
        let (mut differ, mut agree, mut fillers) = (0, 0, 0);
        for (field, &is_shown) in shown.iter().enumerate() {
            let is_filler = lead.filler[field];
            match (&lead.fields[field], &record.fields[field]) {
                (Some(a), Some(b)) if is_same(a, b) || (field < EMAIL && is_same_name(a, b)) => {
                    match (is_filler, field) {
                        (true, _) => fillers += 1,
                        (false, COUNTRY) => {}
                        (false, _) => agree += 1,
                    }
                }
                // Sales may have typed over a filler; the same name before the @ may be a move to another domain.
                (Some(_), Some(_)) if is_filler => {}
                (Some(a), Some(b)) if field == EMAIL && local(a) == local(b) => {}
                (Some(_), Some(_)) => differ += 1,
                // What was typed and is not in the record was not copied from there.
                (Some(_), None) if is_shown && !is_filler => differ += 1,
                _ => {}
            }
        }
        Fit { differ, agree: Reverse(agree), fillers: Reverse(fillers) }
    }

    /// Fields that agree and tell people apart.
    pub(super) fn agree(self) -> usize {
        self.agree.0
    }

    /// All but one field are the same, and they tell people apart.
    pub(super) fn is_enough(self) -> bool {
        self.differ <= 1 && self.agree() >= ENOUGH
    }

    /// Little was typed, and the record shows it.
    pub(super) fn is_all_there_is(self) -> bool {
        self.differ == 0 || (self.differ == 1 && self.agree() > 0)
    }

    /// All of it is the same, if only fillers: such a lead may be typed in by hand after an outage.
    pub(super) fn is_the_same(self) -> bool {
        self.differ == 0 && self.agree() + self.fillers.0 >= ENOUGH
    }

    /// Fields that differ, less those that agree.
    pub(super) fn unlikeness(self) -> i64 {
        i64::try_from(self.differ).unwrap_or(0) - i64::try_from(self.agree()).unwrap_or(0)
    }
}

/// The field by which a record is known to be of who typed this.
pub(super) fn matched_by(lead: &Contact, record: &Contact) -> Option<&'static str> {
    let same = |field: usize| {
        !lead.filler[field] && lead.fields[field].is_some() && lead.fields[field] == record.fields[field]
    };
    match () {
        () if same(EMAIL) => Some(link::EMAIL),
        () if same(PHONE) => Some(link::PHONE),
        () if same(0) || same(1) => Some(link::NAME),
        () => None,
    }
}

/// Fields in which a record must differ from what was typed before it is taken for another lead's.
pub(super) fn enough(is_late: bool) -> usize {
    if is_late { 1 } else { 2 }
}

/// Contact fields in the form in which lead and record of this export can be compared.
pub(super) type Written = [Option<String>; 7];

/// Which fields an export shows as they were typed: another way to write a phone number then tells two leads apart.
pub(super) struct Writing {
    as_typed: [bool; 7],
}

impl Writing {
    /// `samples`: what was typed in leads, and what their records show.
    pub(super) fn of<'a>(samples: impl Iterator<Item = (Typed<'a>, Typed<'a>)>) -> Self {
        let (mut same, mut equal) = ([0usize; 7], [0usize; 7]);
        for (typed, shown) in samples {
            let (normal, normal_shown) = (Contact::of(typed), Contact::of(shown));
            for field in 0..same.len() {
                if let (Some(a), Some(b)) = (&normal.fields[field], &normal_shown.fields[field])
                    && is_same(a, b)
                {
                    same[field] += 1;
                    let (typed, shown) = (typed[field].unwrap_or_default(), shown[field].unwrap_or_default());
                    equal[field] += usize::from(is_same(typed.trim(), shown.trim()));
                }
            }
        }
        // One in twenty may have been written anew by sales.
        Writing { as_typed: std::array::from_fn(|field| equal[field] * 20 >= same[field] * 19) }
    }

    pub(super) fn written(&self, contact: Typed<'_>) -> Written {
        let Contact { mut fields, filler } = Contact::of(contact);
        for (field, value) in fields.iter_mut().enumerate() {
            if filler[field] {
                *value = None;
            }
            if let (true, Some(value), Some(text)) = (self.as_typed[field], value.as_mut(), contact[field]) {
                text.trim().clone_into(value);
            }
        }
        fields
    }
}

/// How much rather a record shows what one lead typed than what another did. What is empty says nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Explained {
    /// Fields that the one typed so and the other typed otherwise.
    better: usize,
    /// Fields that only the other typed so.
    worse: usize,
    /// Fields that the one typed otherwise.
    pub differs: usize,
}

impl Explained {
    pub(super) fn of(this: &Written, that: &Written, record: &Written) -> Self {
        let mut by = Explained { better: 0, worse: 0, differs: 0 };
        for ((this, that), shown) in this.iter().zip(that).zip(record) {
            let Some(shown) = shown else { continue };
            let agrees = |typed: &Option<String>| typed.as_ref().map(|typed| is_same(typed, shown));
            let (here, there) = (agrees(this), agrees(that));
            by.better += usize::from((here, there) == (Some(true), Some(false)));
            by.worse += usize::from(here != Some(true) && there == Some(true));
            by.differs += usize::from(here == Some(false));
        }
        by
    }

    pub(super) fn is_better(self, is_late: bool) -> bool {
        self.worse == 0 && self.better >= enough(is_late) && (is_late || self.differs == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_lost_letters_is_the_name_that_it_is_left_of() {
        let named = |first, last| Contact::of([Some(first), Some(last), None, None, None, None, None]);
        let lead = named("Zoë", "Groß-Sørensen");
        for last in ["Gro?-S?rensen", "Gro??-S??rensen", "Gro\u{fffd}-S\u{fffd}rensen", "Gross-Sorensen"] {
            assert!(named("Zo?", last).has_name_of(&lead), "{last}");
        }
        assert!(named("Sørensen", "Ada").has_name_of(&named("Ada", "Sorensen")));
        assert!(named("Dmitry", "Sokolov").has_name_of(&named("Дмитрий", "Соколов")));
        assert!(!named("Dmitry", "Sokolov").has_name_of(&named("Дарья", "Соколова")));
        assert!(!named("Jonas", "Weber").has_name_of(&named("Jens", "Weber")));
        assert!(
            Contact::of([None, Some("Sørensen, Ada"), None, None, None, None, None])
                .has_name_of(&named("Ada", "Sørensen"))
        );
        assert!(!named("Ada", "").has_name_of(&named("", "Ada")));
        assert!(!named("Zo?", "Gro?-S?renson").has_name_of(&lead) && !named("?", "Gro?-S?rensen").has_name_of(&lead));
    }
}
