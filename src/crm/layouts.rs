//! `layouts.toml` as types, and the columns of one export found by it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

use serde::Deserialize;

use crate::config::{Destination, DestinationKind};
use crate::tabular::fold;

/// All layouts, labels folded.
pub(super) struct Layouts {
    together: HashSet<String>,
    nothing: HashSet<String>,
    nothing_exactly: HashSet<String>,
    nothing_in: HashMap<String, HashSet<String>>,
    /// Which first bytes, and which lengths, any of these words has: most cells have others.
    openings: [bool; 256],
    lengths: [bool; 64],
    yes: HashSet<String>,
    no: HashSet<String>,
    kinds: HashMap<&'static str, Layout>,
}

/// How one CRM names things.
pub(super) struct Layout {
    pub id: Id,
    hidden: Vec<String>,
    prefix: String,
    pub prefixes: BTreeMap<String, String>,
    /// What a row's own word for its object means; rows with any other word are of no use.
    pub objects: BTreeMap<String, String>,
    signatures: Vec<Signature>,
    columns: BTreeMap<String, Vec<String>>,
    /// Folded status text to outcome.
    outcome: HashMap<String, &'static str>,
    /// The same for opportunities.
    opportunity: HashMap<String, &'static str>,
    pub advice: Advice,
}

/// The form of a CRM's ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Id {
    /// 15 characters, or 18 with a checksum of case.
    Salesforce,
    /// Any case, with or without braces.
    Guid,
    /// As found.
    Text,
}

/// What `check` tells.
#[derive(Clone, Debug, Deserialize)]
pub struct Advice {
    /// The key column to add, and how.
    pub key: String,
    /// How to make the export.
    pub export: String,
}

struct Signature {
    object: String,
    any: HashSet<String>,
    none: HashSet<String>,
}

#[derive(Deserialize)]
struct Written {
    together: Vec<String>,
    nothing: Vec<String>,
    nothing_exactly: Vec<String>,
    nothing_in: BTreeMap<String, Vec<String>>,
    words: BTreeMap<String, Vec<String>>,
    #[serde(flatten)]
    kinds: BTreeMap<String, WrittenLayout>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLayout {
    id: Id,
    #[serde(default)]
    hidden: Vec<String>,
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    prefixes: BTreeMap<String, String>,
    #[serde(default)]
    objects: BTreeMap<String, String>,
    signature: Vec<WrittenSignature>,
    columns: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    outcome: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    opportunity: BTreeMap<String, Vec<String>>,
    advice: Advice,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSignature {
    object: String,
    any: Vec<String>,
    #[serde(default)]
    none: Vec<String>,
}

/// The layouts, read once.
pub(super) fn layouts() -> &'static Layouts {
    static LAYOUTS: LazyLock<Layouts> = LazyLock::new(|| {
        let written: Written = toml::from_str(include_str!("layouts.toml")).expect("layouts.toml is ours");
        Layouts::new(written)
    });
    &LAYOUTS
}

const KINDS: [DestinationKind; 6] = [
    DestinationKind::Salesforce,
    DestinationKind::Dynamics,
    DestinationKind::Marketo,
    DestinationKind::Hubspot,
    DestinationKind::Https,
    DestinationKind::Csv,
];

impl Layouts {
    fn new(mut written: Written) -> Self {
        let lower = |words: &[String]| words.iter().map(|w| w.to_lowercase()).collect::<HashSet<_>>();
        let folded = |words: &[String]| words.iter().map(|w| fold(w)).collect::<HashSet<_>>();
        let outcomes = |written: &BTreeMap<String, Vec<String>>| {
            let mut map = HashMap::new();
            for name in [super::OPEN, super::QUALIFIED, super::WON, super::LOST] {
                for text in written.get(name).into_iter().flatten() {
                    map.insert(fold(text), name);
                }
            }
            map
        };
        let mut kinds = HashMap::new();
        for kind in KINDS {
            let Some(layout) = written.kinds.remove(kind.name()) else { continue };
            let signatures = layout
                .signature
                .into_iter()
                .map(|s| Signature { object: s.object, any: folded(&s.any), none: folded(&s.none) })
                .collect();
            let columns = layout
                .columns
                .into_iter()
                .map(|(field, labels)| (field, labels.iter().map(|label| fold(label)).collect()))
                .collect();
            let layout = Layout {
                id: layout.id,
                hidden: layout.hidden,
                prefix: fold(&layout.prefix),
                prefixes: layout.prefixes,
                objects: layout.objects,
                signatures,
                columns,
                outcome: outcomes(&layout.outcome),
                opportunity: outcomes(&layout.opportunity),
                advice: layout.advice,
            };
            kinds.insert(kind.name(), layout);
        }
        let words = written.nothing.iter().chain(&written.nothing_exactly).chain(written.nothing_in.values().flatten());
        let (mut openings, mut lengths) = ([false; 256], [false; 64]);
        for word in words {
            // In either case, as the cell may be in either.
            for form in [word.to_lowercase(), word.to_uppercase()] {
                if let Some(byte) = form.bytes().next() {
                    openings[usize::from(byte)] = true;
                }
                lengths[form.len().min(63)] = true;
            }
        }
        Layouts {
            openings,
            lengths,
            together: written.together.into_iter().collect(),
            nothing: lower(&written.nothing),
            nothing_exactly: written.nothing_exactly.into_iter().collect(),
            nothing_in: written.nothing_in.iter().map(|(field, words)| (field.clone(), lower(words))).collect(),
            yes: lower(written.words.get("yes").map_or(&[], Vec::as_slice)),
            no: lower(written.words.get("no").map_or(&[], Vec::as_slice)),
            kinds,
        }
    }

    /// The layout of a kind.
    pub fn of(&self, kind: DestinationKind) -> &Layout {
        &self.kinds[kind.name()]
    }

    /// Whether a trimmed cell of a field says "nothing".
    pub fn is_nothing(&self, field: &str, text: &str) -> bool {
        let Some(first) = text.bytes().next() else { return true };
        if !self.openings[usize::from(first)] || !self.lengths[text.len().min(63)] {
            return false;
        }
        if self.nothing_exactly.contains(text) {
            return true;
        }
        let lower = text.to_lowercase();
        self.nothing.contains(&lower) || self.nothing_in.get(field).is_some_and(|words| words.contains(&lower))
    }

    /// Yes or no, in the languages known; none for anything else.
    pub fn flag(&self, text: &str) -> Option<bool> {
        let lower = text.trim().to_lowercase();
        if self.yes.contains(&lower) {
            Some(true)
        } else if self.no.contains(&lower) {
            Some(false)
        } else {
            None
        }
    }
}

impl Layout {
    /// How many of the labels this CRM, or the destination's configuration, knows.
    pub fn score(&self, labels: &[String], destination: &Destination) -> usize {
        let named = named(destination);
        labels
            .iter()
            .filter(|label| {
                let label = self.bare(label);
                named.iter().any(|n| n == label) || self.columns.values().flatten().any(|known| known == label)
            })
            .count()
    }

    /// Whether a column may be of use: some field has its label, or the configuration names it, or it may be hidden.
    pub fn knows(&self, label: &str, destination: &Destination) -> bool {
        let folded = fold(label);
        let bare = self.bare(&folded);
        self.columns.values().flatten().any(|known| known == bare)
            || named(destination).contains(&folded)
            || (!self.hidden.is_empty() && label.starts_with(['(', '（']))
    }

    /// What the export holds, by its header; `None` for an object that is none of ours.
    pub fn object(&self, header: &[String]) -> Option<&str> {
        if self.signatures.iter().all(|s| s.any.is_empty()) {
            return self.signatures.first().map(|s| s.object.as_str());
        }
        let labels: HashSet<String> = header.iter().map(|label| self.bare(&fold(label)).to_owned()).collect();
        self.signatures
            .iter()
            .find(|s| !s.any.is_disjoint(&labels) && s.none.is_disjoint(&labels))
            .map(|s| s.object.as_str())
    }

    /// Outcome of a status text of a lead or contact.
    pub fn outcome(&self, status: &str) -> Option<&'static str> {
        self.outcome.get(&fold(status)).copied()
    }

    /// Outcome of a status text of an opportunity.
    pub fn opportunity_outcome(&self, status: &str) -> Option<&'static str> {
        let map = if self.opportunity.is_empty() { &self.outcome } else { &self.opportunity };
        map.get(&fold(status)).copied()
    }

    fn bare<'a>(&self, folded: &'a str) -> &'a str {
        if self.prefix.is_empty() { folded } else { folded.strip_prefix(&self.prefix).unwrap_or(folded) }
    }

    /// Finds each field's columns in a header.
    pub fn map(&self, header: &[String], destination: &Destination) -> Mapping {
        let together = &layouts().together;
        let folded: Vec<String> = header.iter().map(|label| self.bare(&fold(label)).to_owned()).collect();
        let mut fields: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut missing = Vec::new();
        for (field, labels) in &self.columns {
            let mut found: Vec<usize> = Vec::new();
            for label in labels {
                let here = folded.iter().enumerate().filter(|(_, l)| *l == label).map(|(n, _)| n);
                found.extend(here);
            }
            // Two labels of ours may be one when folded.
            let mut seen = HashSet::new();
            found.retain(|n| seen.insert(*n));
            if !together.contains(field) {
                found.truncate(1);
            }
            if !found.is_empty() {
                fields.insert(field.clone(), found);
            }
        }
        self.map_hidden(header, &mut fields);
        // The id of a lead is that of another record in an activity, and its own in a lead.
        if let (Some(own), Some(parent)) = (fields.get("record_id").cloned(), fields.get_mut("parent")) {
            parent.retain(|n| !own.contains(n));
        }
        fields.retain(|_, found| !found.is_empty());
        let configured = destination.columns.iter().map(|(field, label)| (field.as_str(), label));
        for (field, label) in configured.chain(destination.key.iter().map(|label| ("key", label))) {
            match position(header, label) {
                // A column stands for one field: where it was taken by its usual name, the configuration wins.
                Some(at) => {
                    fields.insert(field.to_owned(), vec![at]);
                }
                None => missing.push(label.clone()),
            }
        }
        let delivered =
            destination.delivered_by.keys().filter_map(|l| Some((l.clone(), position(header, l)?))).collect();
        Mapping { fields, delivered, missing, repeated: repeated(header, &folded) }
    }

    /// Columns whose label opens with a bracketed remark, by place: `(Do Not Modify) Lead` in any language.
    fn map_hidden(&self, header: &[String], fields: &mut BTreeMap<String, Vec<usize>>) {
        if self.hidden.is_empty() {
            return;
        }
        let marked = |label: &str| {
            matches!(label.chars().next(), Some('(' | '（'))
                && label.contains([')', '）'])
                && !label.ends_with([')', '）'])
        };
        let places: Vec<usize> =
            header.iter().take(self.hidden.len()).enumerate().filter(|(_, l)| marked(l)).map(|(n, _)| n).collect();
        if places.len() != self.hidden.len() {
            return;
        }
        for (field, place) in self.hidden.iter().zip(places) {
            if field != "checksum" {
                fields.insert(field.clone(), vec![place]);
            }
        }
    }
}

/// Labels that the configuration of a destination names, folded.
fn named(destination: &Destination) -> Vec<String> {
    let columns = destination.columns.values().chain(&destination.key).chain(destination.delivered_by.keys());
    columns.map(|label| fold(label)).collect()
}

/// A configured label in a header: as written, else folded.
fn position(header: &[String], label: &str) -> Option<usize> {
    header.iter().position(|h| h == label.trim()).or_else(|| {
        let label = fold(label);
        header.iter().position(|h| fold(h) == label)
    })
}

fn repeated(header: &[String], folded: &[String]) -> Vec<String> {
    let mut seen = HashSet::new();
    let twice = folded.iter().zip(header).filter(|(f, _)| !f.is_empty() && !seen.insert(f.as_str()));
    let mut labels: Vec<String> = twice.map(|(_, label)| label.clone()).collect();
    labels.dedup();
    labels
}

/// Which columns of an export hold which field.
#[derive(Clone, Debug, Default)]
pub(super) struct Mapping {
    /// Field to columns, first filled cell first.
    pub fields: BTreeMap<String, Vec<usize>>,
    /// Columns of `delivered_by`: label and place.
    pub delivered: Vec<(String, usize)>,
    /// Labels of the configuration that the export has not.
    pub missing: Vec<String>,
    /// Labels that stand more than once.
    pub repeated: Vec<String>,
}

impl Mapping {
    /// Whether a column is used for anything.
    pub fn uses(&self, column: usize) -> bool {
        self.fields.values().flatten().any(|n| *n == column) || self.delivered.iter().any(|(_, n)| *n == column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_layout_and_every_field_of_it_can_be_configured() {
        let layouts = layouts();
        for kind in KINDS {
            let layout = layouts.of(kind);
            let ours = ["subject", "state", "won", "closed", "contact_id", "merged_from", "parent"];
            for field in layout.columns.keys() {
                let known = crate::config::FIELDS.contains(&field.as_str()) || ours.contains(&field.as_str());
                assert!(known, "{}: {field}", kind.name());
            }
            assert!(layout.columns.contains_key("email") && layout.columns.contains_key("created_at"));
            assert!(!layout.advice.export.is_empty());
        }
    }

    #[test]
    fn placeholders_are_nothing_and_a_person_called_null_is_somebody() {
        let layouts = layouts();
        for text in ["[not provided]", "[Not Provided]", "n/a", "-", "null", "NULL"] {
            assert!(layouts.is_nothing("last_name", text), "{text}");
        }
        assert!(!layouts.is_nothing("last_name", "Null"));
        assert!(!layouts.is_nothing("last_name", "None"));
        assert!(layouts.is_nothing("company", "None"));
    }
}
