//! `layouts.toml` as types, and the columns of one export found by it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::LazyLock;

use chrono_tz::Tz;
use polars::prelude::StringChunked;
use serde::Deserialize;

use crate::config::{DateOrder, Destination, DestinationKind};
use crate::contact;
use crate::tabular::{ColumnForm, Sheet, fold, times};

/// All layouts, labels folded.
pub(super) struct Layouts {
    together: HashSet<String>,
    nothing: HashSet<String>,
    nothing_exactly: HashSet<String>,
    nothing_in: HashMap<String, HashSet<String>>,
    /// By first byte the lengths that any of these words has, one bit each: most cells have others.
    lengths: [u64; 256],
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
    columns: BTreeMap<String, Vec<Wanted>>,
    /// Words of other CRMs, in any language, for what says who somebody is and when a record was made: of use where this
    /// one's own words fill no such field.
    shared: BTreeMap<&'static str, Vec<Wanted>>,
    /// Labels of the ids of each object.
    ids: BTreeMap<String, Vec<String>>,
    /// Folded status text to outcome.
    outcome: HashMap<String, &'static str>,
    /// The same for opportunities.
    opportunity: HashMap<String, &'static str>,
    /// Folded parts of the words for a lead that was given up, where the status is the organisation's own.
    given_up: Vec<String>,
    pub advice: Advice,
}

/// A label that is looked for, folded.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    Whole(String),
    /// The beginning of a family of labels: `Opted out of email: …`.
    Family(String),
}

impl Wanted {
    fn of(label: &str) -> Self {
        match label.strip_suffix('*') {
            Some(head) => Wanted::Family(fold(head)),
            None => Wanted::Whole(fold(label)),
        }
    }

    fn is(&self, folded: &str) -> bool {
        match self {
            Wanted::Whole(label) => label == folded,
            Wanted::Family(head) => folded.starts_with(head.as_str()),
        }
    }
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
    #[serde(default)]
    ids: BTreeMap<String, Vec<String>>,
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

/// What programs put where nothing stands: a spreadsheet's error (`#VALUE!`), words in brackets (`<NA>`, `[unbekannt]`).
fn is_machines_nothing(text: &str) -> bool {
    if let Some(error) = text.strip_prefix('#') {
        let word = error.trim_end_matches(['!', '?']);
        let is_word = word.bytes().all(|b| b.is_ascii_uppercase() || matches!(b, b'/' | b'_'));
        return is_word && !word.is_empty() && (word.len() < error.len() || word == "N/A");
    }
    let within = |open, close| text.strip_prefix(open).and_then(|text: &str| text.strip_suffix(close));
    let inside = within('<', '>').or_else(|| within('[', ']'));
    inside.is_some_and(|inside| {
        inside.split_whitespace().count() < 4
            && inside.chars().all(|c| c.is_alphabetic() || matches!(c, ' ' | '/' | '-' | '_' | '\''))
    })
}

/// Whether an address only fills its field, and says so by being the same on both sides (`none@none.com`): most are told by
/// one look.
fn is_fillers_address(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| {
        let is_same = domain.get(..local.len()).is_some_and(|name| name.eq_ignore_ascii_case(local));
        is_same && domain.get(local.len()..).is_some_and(|rest| rest.starts_with('.')) && contact::is_placeholder(text)
    })
}

/// The layouts, read once.
pub(super) fn layouts() -> &'static Layouts {
    static LAYOUTS: LazyLock<Layouts> = LazyLock::new(|| {
        let written: Written = toml::from_str(include_str!("layouts.toml")).expect("layouts.toml is ours");
        Layouts::new(written)
    });
    &LAYOUTS
}

/// Fields that hold ids of other records: a bare zero is none.
const HOLD_IDS: &[&str] = &["owner", "merged_into", "opportunity", "contact_id", "parent", "merged_from"];

/// The words that people write of some CRMs, and no technical names, for fields that mean the same in all of them.
fn shared(kinds: &BTreeMap<String, WrittenLayout>) -> BTreeMap<&'static str, Vec<Wanted>> {
    const FIELDS: [&str; 6] = ["created_at", "first_name", "last_name", "email", "phone", "company"];
    const KINDS: [&str; 3] = ["salesforce", "dynamics", "hubspot"];
    let is_word = |label: &&String| !label.is_ascii() || label.contains(' ');
    let of = |field: &'static str| {
        let layouts = KINDS.iter().filter_map(|kind| kinds.get(*kind)?.columns.get(field));
        (field, layouts.flatten().filter(is_word).map(|label| Wanted::of(label)).collect())
    };
    FIELDS.into_iter().map(of).collect()
}

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
        let shared = shared(&written.kinds);
        let mut kinds = HashMap::new();
        for kind in DestinationKind::ALL {
            let Some(layout) = written.kinds.remove(kind.name()) else { continue };
            let signatures = layout
                .signature
                .into_iter()
                .map(|s| Signature { object: s.object, any: folded(&s.any), none: folded(&s.none) })
                .collect();
            let columns = layout
                .columns
                .into_iter()
                .map(|(field, labels)| (field, labels.iter().map(|label| Wanted::of(label)).collect()))
                .collect();
            let ids = layout.ids.into_iter().map(|(object, labels)| (object, labels.iter().map(|l| fold(l)).collect()));
            let layout = Layout {
                id: layout.id,
                hidden: layout.hidden,
                prefix: fold(&layout.prefix),
                prefixes: layout.prefixes,
                objects: layout.objects,
                signatures,
                columns,
                shared: shared.clone(),
                ids: ids.collect(),
                outcome: outcomes(&layout.outcome),
                opportunity: outcomes(&layout.opportunity),
                given_up: layout.outcome.get("given_up").into_iter().flatten().map(|text| fold(text)).collect(),
                advice: layout.advice,
            };
            kinds.insert(kind.name(), layout);
        }
        let words = written.nothing.iter().chain(&written.nothing_exactly).chain(written.nothing_in.values().flatten());
        let mut lengths = [0u64; 256];
        for word in words {
            // In either case, as the cell may be in either.
            for form in [word.to_lowercase(), word.to_uppercase()] {
                if let Some(byte) = form.bytes().next() {
                    lengths[usize::from(byte)] |= 1 << form.len().min(63);
                }
            }
        }
        Layouts {
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
        if matches!(first, b'0' | b'{' | b'(') && super::null_ids::is_null_id(text, HOLD_IDS.contains(&field)) {
            return true;
        }
        if matches!(first, b'#' | b'<' | b'[') && is_machines_nothing(text) {
            return true;
        }
        if field == "email" && is_fillers_address(text) {
            return true;
        }
        if self.lengths[usize::from(first)] >> text.len().min(63) & 1 == 0 {
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
                named.iter().any(|n| n == label) || self.is_known(label)
            })
            .count()
    }

    /// Whether a column may be of use: some field has its label, or the configuration names it, or it may be hidden.
    pub fn knows(&self, label: &str, destination: &Destination) -> bool {
        let folded = fold(label);
        self.is_known(self.bare(&folded))
            || self.is_shared(None, &folded)
            || qualified(label).is_some_and(|(_, rest)| self.is_known(&fold(&rest)))
            || told_zone(label).is_some_and(|(label, _)| self.is_known(&fold(&label)))
            || named(destination).contains(&folded)
            || (!self.hidden.is_empty() && label.starts_with(['(', '（']))
    }

    /// Whether some field has this folded label.
    pub fn names(&self, folded: &str) -> bool {
        self.is_known(self.bare(folded))
    }

    /// The fields that some of these folded labels stand for.
    pub fn fields_of(&self, labels: &[String]) -> Vec<String> {
        let has = |wanted: &[Wanted]| labels.iter().any(|label| wanted.iter().any(|w| w.is(self.bare(label))));
        self.columns.iter().filter(|(_, wanted)| has(wanted)).map(|(field, _)| field.clone()).collect()
    }

    /// Whether a column holds ids of records as only this CRM makes them.
    pub fn has_own_ids(&self, sheet: &Sheet) -> bool {
        // A GUID is anybody's; an id that begins with the object it is of is not.
        !self.prefixes.is_empty()
            && (0..sheet.header.len())
                .filter(|n| sheet.form(*n) == ColumnForm::SalesforceId)
                .any(|n| sheet.column(n).is_some_and(|column| self.holds_ids(column)))
    }

    /// Whether a label is one of a field's.
    pub fn has(&self, field: &str, label: &str) -> bool {
        let folded = fold(label);
        let bare = self.bare(&folded);
        self.columns.get(field).into_iter().flatten().any(|wanted| wanted.is(bare))
    }

    /// Whether other CRMs call some field so, or that one.
    fn is_shared(&self, field: Option<&str>, folded: &str) -> bool {
        let asked = self.shared.iter().filter(|(name, _)| field.is_none_or(|field| field == **name));
        asked.flat_map(|(_, labels)| labels).any(|label| label.is(folded))
    }

    fn is_known(&self, folded: &str) -> bool {
        self.columns.values().flatten().any(|wanted| wanted.is(folded))
    }

    /// What a file holds, by what it says itself, else by its header as a whole; `None` for an object that is none of
    /// ours.
    pub fn object(&self, sheet: &Sheet) -> Option<&str> {
        if let Some(entity) = &sheet.entity {
            let ours = |name: &&str| *name == entity;
            return self.signatures.iter().map(|s| s.object.as_str()).filter(|name| *name != OTHER).find(ours);
        }
        if self.signatures.iter().all(|s| s.any.is_empty()) {
            return self.signatures.first().map(|s| s.object.as_str());
        }
        let labels: HashSet<String> = sheet.header.iter().map(|label| self.bare(&fold(label)).to_owned()).collect();
        let found = self.signatures.iter().find(|s| !s.any.is_disjoint(&labels) && s.none.is_disjoint(&labels));
        match found.map(|s| s.object.as_str()) {
            Some(OTHER) => None,
            Some(object) => Some(object),
            // A header of labels that tell no object, or of none that is known: its people are what this CRM mostly has.
            None if labels.iter().all(|label| !self.is_known(label)) || self.holds_people(sheet) => {
                self.signatures.last().map(|s| s.object.as_str())
            }
            None => None,
        }
    }

    /// Whether the values show addresses of people, and texts of lead sources or names beside them.
    fn holds_people(&self, sheet: &Sheet) -> bool {
        let labels = || sheet.header.iter().map(|label| fold(label));
        let names = |field: &str| labels().any(|label| self.has(field, &label) || self.is_shared(Some(field), &label));
        sheet.forms.contains(&ColumnForm::Email)
            && (sheet.forms.contains(&ColumnForm::LeadSource) || (names("first_name") && names("last_name")))
    }

    /// The object that an id begins with. One without any capital lost those that it had.
    pub fn object_of_id(&self, id: &str) -> Option<&str> {
        let prefix = id.get(..3)?;
        let is_flattened = || id.bytes().take(15).all(|b| !b.is_ascii_uppercase());
        let flattened = || self.prefixes.get(&prefix.to_ascii_uppercase()).filter(|_| is_flattened());
        self.prefixes.get(prefix).or_else(flattened).map(String::as_str)
    }

    /// Outcome of a status text of a lead or contact.
    pub fn outcome(&self, status: &str) -> Option<&'static str> {
        self.outcome.get(&fold(status)).copied()
    }

    /// Whether a status text of a lead says that it was given up.
    pub fn is_given_up(&self, status: &str) -> bool {
        let status = fold(status);
        self.given_up.iter().any(|part| status.contains(part))
    }

    /// Outcome of a status text of an opportunity.
    pub fn opportunity_outcome(&self, status: &str) -> Option<&'static str> {
        let map = if self.opportunity.is_empty() { &self.outcome } else { &self.opportunity };
        map.get(&fold(status)).copied()
    }

    fn bare<'a>(&self, folded: &'a str) -> &'a str {
        if self.prefix.is_empty() { folded } else { folded.strip_prefix(&self.prefix).unwrap_or(folded) }
    }

    /// Finds each field's columns: by what the file itself says, the labels, the forms of the values.
    pub fn map(&self, sheet: &Sheet, forms: &[ColumnForm], destination: &Destination) -> Mapping {
        let object = self.object(sheet);
        let columns = self.named_columns(sheet, object);
        let mut mapping = Mapping { joined: vec![None; sheet.header.len()], ..Mapping::default() };
        for (place, column) in mapping.joined.iter_mut().zip(&columns) {
            place.clone_from(&column.joined);
        }
        for (field, labels) in &self.columns {
            if object == Some("opportunity") && OF_A_PERSON.contains(&field.as_str()) {
                continue;
            }
            let found = self.columns_of(field, labels, &columns, sheet, forms, object);
            if !found.is_empty() {
                mapping.fields.insert(field.clone(), found);
            }
        }
        for (field, labels) in self.shared.iter().filter(|_| object != Some("opportunity")) {
            if !mapping.fields.contains_key(*field) {
                let found = self.columns_of(field, labels, &columns, sheet, forms, object);
                let free: Vec<usize> = found.into_iter().filter(|n| !mapping.uses(*n)).collect();
                if !free.is_empty() {
                    mapping.fields.insert((*field).to_owned(), free);
                }
            }
        }
        self.map_hidden(&sheet.header, &mut mapping);
        // The id of a lead is that of another record in an activity, and its own in a lead.
        if let (Some(own), Some(parent)) = (mapping.fields.get("record_id").cloned(), mapping.fields.get_mut("parent"))
        {
            parent.retain(|n| !own.contains(n));
        }
        mapping.fields.retain(|_, found| !found.is_empty());
        let configured = destination.columns.iter().map(|(field, label)| (field.as_str(), label));
        for (field, label) in configured.chain(destination.key.iter().map(|label| ("key", label))) {
            match position(&sheet.header, label) {
                // A column stands for one field: where it was taken by its usual name, the configuration wins.
                Some(at) => {
                    mapping.fields.insert(field.to_owned(), vec![at]);
                    mapping.why.insert(at, "configured");
                }
                None => mapping.missing.push(label.clone()),
            }
        }
        mapping.delivered =
            destination.delivered_by.keys().filter_map(|l| Some((l.clone(), position(&sheet.header, l)?))).collect();
        self.map_by_form(sheet, forms, object, &mut mapping);
        for (n, name) in sheet.names.iter().enumerate().filter(|(_, name)| name.is_some()) {
            if name.is_some() && mapping.uses(n) {
                mapping.why.entry(n).or_insert("named by the file");
            }
        }
        let folded: Vec<String> = sheet.header.iter().map(|label| self.bare(&fold(label)).to_owned()).collect();
        mapping.repeated = repeated(&sheet.header, &folded);
        mapping
    }

    /// The columns of one field, the likeliest first.
    fn columns_of(
        &self,
        field: &str,
        labels: &[Wanted],
        columns: &[Named],
        sheet: &Sheet,
        forms: &[ColumnForm],
        object: Option<&str>,
    ) -> Vec<usize> {
        // An id that is another object's is not the record's own.
        let is_foreign = |name: &str| {
            field == "record_id"
                && self.ids.iter().any(|(of, labels)| Some(of.as_str()) != object && labels.iter().any(|l| l == name))
                && !object.and_then(|object| self.ids.get(object)).is_some_and(|own| own.iter().any(|l| l == name))
        };
        let mut found: Vec<usize> = Vec::new();
        for joined in [false, true] {
            // Only the company of a person's company is the person's too.
            if joined && field != "company" {
                break;
            }
            for label in labels {
                let is = |column: &Named| match &column.joined {
                    None => !joined && label.is(&column.name),
                    Some(of) => joined && matches!(of.as_str(), "company" | "account") && label.is(&column.name),
                };
                let here = columns.iter().enumerate().filter(|(_, c)| is(c) && !is_foreign(&c.name)).map(|(n, _)| n);
                found.extend(here);
            }
        }
        // Two labels of ours may be one when folded.
        let mut seen = HashSet::new();
        found.retain(|n| seen.insert(*n));
        // Of one time told twice, that whose zone is told is sure.
        let is_local = |n: usize| sheet.header.get(n).is_none_or(|label| told_zone(label).is_none());
        found.sort_by_key(|n| (contradicts(field, sheet, forms, *n), is_local(*n)));
        let fits = found.iter().filter(|n| !contradicts(field, sheet, forms, **n)).count();
        if layouts().together.contains(field) {
            found.truncate(fits.max(1));
        } else {
            found.truncate(1);
        }
        if found.len() == 1 && fits == 0 && MUST_FIT.contains(&field) {
            found.clear();
        }
        found
    }

    /// Columns that no label tells, by what stands in them: addresses of many people, lead sources, ids of our objects.
    fn map_by_form(&self, sheet: &Sheet, forms: &[ColumnForm], object: Option<&str>, mapping: &mut Mapping) {
        let free = |mapping: &Mapping, n: &usize| !mapping.uses(*n) && mapping.joined.get(*n) == Some(&None);
        let of = |form: ColumnForm| (0..forms.len()).filter(move |n| forms.get(*n) == Some(&form));
        let is_opportunity = object == Some("opportunity");
        let mut found: Vec<(&str, Vec<usize>)> = Vec::new();
        if !mapping.fields.contains_key("email") && !is_opportunity {
            let own = of(ColumnForm::Email).filter(|n| free(mapping, n) && sheet.column(*n).is_some_and(is_of_many));
            found.push(("email", own.collect()));
        }
        if !mapping.fields.contains_key("lead_source") {
            found.push(("lead_source", of(ColumnForm::LeadSource).filter(|n| free(mapping, n)).take(1).collect()));
        }
        if !mapping.fields.contains_key("record_id") && self.id != Id::Text {
            let form = if self.id == Id::Guid { ColumnForm::Guid } else { ColumnForm::SalesforceId };
            let is_ours = |n: &usize| sheet.column(*n).is_some_and(|column| self.holds_ids(column));
            let own: Vec<usize> = of(form).filter(|n| free(mapping, n) && is_ours(n)).collect();
            // Of two such columns nobody knows which is the record's own.
            found.push(("record_id", if own.len() == 1 { own } else { Vec::new() }));
        }
        for (field, columns) in found.into_iter().filter(|(_, columns)| !columns.is_empty()) {
            for n in &columns {
                mapping.why.insert(*n, "its values");
            }
            mapping.fields.insert(field.to_owned(), columns);
        }
    }

    /// Whether every value is the id of a record of its own, of an object of ours where ids tell it.
    fn holds_ids(&self, column: &StringChunked) -> bool {
        let mut seen = HashSet::new();
        column.iter().all(|cell| {
            cell.is_some_and(|id| {
                let is_ours = self.prefixes.is_empty() || id.get(..3).is_some_and(|p| self.prefixes.contains_key(p));
                is_ours && seen.insert(id)
            })
        })
    }

    /// What each column is called, and whose it is.
    fn named_columns(&self, sheet: &Sheet, object: Option<&str>) -> Vec<Named> {
        let own = |word: &str| object.is_some_and(|object| is_word_for(object, word));
        let mut block: Option<String> = None;
        let mut seen: HashSet<String> = HashSet::new();
        let column = |(n, label): (usize, &String)| {
            if let Some(name) = sheet.names.get(n).and_then(Option::as_ref) {
                return Named { name: fold(name), joined: None };
            }
            let folded = fold(label);
            let mut named = Named { name: self.bare(&folded).to_owned(), joined: None };
            if let Some((of, rest)) = qualified(label) {
                if fold(&rest) == "recordid" {
                    // Everything behind the id of a joined record is that record's.
                    block = (!own(&of)).then(|| of.clone());
                }
                if !self.is_known(&named.name) {
                    named = Named { name: fold(&rest), joined: (!own(&of)).then_some(of) };
                }
            }
            let utc = told_zone(label).map(|(label, _)| self.bare(&fold(&label)).to_owned());
            let is_utc = utc.as_ref().is_some_and(|name| self.is_known(name));
            if let Some(name) = utc.filter(|name| !self.is_known(&named.name) && self.is_known(name)) {
                named.name = name;
            }
            if let Some(of) = &block {
                named.joined = Some(of.clone());
            } else if named.joined.is_none() && !is_utc && !named.name.is_empty() && !seen.insert(named.name.clone()) {
                named.joined = Some(REPEATED.to_owned());
            }
            named
        };
        sheet.header.iter().enumerate().map(column).collect()
    }

    /// Columns whose label opens with a bracketed remark, by place: `(Do Not Modify) Lead` in any language.
    fn map_hidden(&self, header: &[String], mapping: &mut Mapping) {
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
                mapping.fields.insert(field.clone(), vec![place]);
                mapping.why.insert(place, "its place before the others");
            }
            // What such a column holds of times is the server's.
            mapping.utc.insert(place);
        }
    }
}

/// What a repeated label is joined to.
pub(super) const REPEATED: &str = "repeated";

/// The object of a signature that tells files which are none of ours.
const OTHER: &str = "other";

/// Fields that say who somebody is: none of them is an opportunity's own.
const OF_A_PERSON: &[&str] = &[
    "first_name", "last_name", "suffix", "name", "email", "phone", "title", "country", "opted_out", "converted",
    "contact_id", "opportunity", "parent", "merged_from",
];

/// Fields that another thing under their label does not fill.
const MUST_FIT: &[&str] = &["first_name", "last_name", "name", "company", "phone", "country"];

/// A column as its file names it.
struct Named {
    /// Folded; without the object that it is qualified by.
    name: String,
    /// The object that it belongs to, where that is another than the file's, or [`REPEATED`].
    joined: Option<String>,
}

/// `Account: Phone`, `Owner.Email`, `Phone (Account)`, `Record ID - Company`: the object, folded, and the rest.
fn qualified(label: &str) -> Option<(String, String)> {
    const OBJECTS: &[&str] = &[
        "account", "accounts", "company", "companies", "organization", "organisation", "contact", "contacts", "lead",
        "leads", "opportunity", "opportunities", "deal", "deals", "campaign", "owner", "user", "createdby",
        "createdbyuser", "lastmodifiedby", "manager", "reportsto", "ticket", "case", "person", "konto", "firma",
        "unternehmen", "compte", "cuenta", "conta", "recordtype", "parent", "parentaccount", "regarding", "team",
        "businessunit",
    ];
    let is_object = |text: &str| Some(fold(text)).filter(|folded| OBJECTS.contains(&folded.as_str()));
    let label = label.trim();
    if let Some((rest, of)) = label.strip_suffix(')').and_then(|l| l.rsplit_once('('))
        && let Some(of) = is_object(of)
        && !rest.trim().is_empty()
    {
        return Some((of, rest.trim().to_owned()));
    }
    for mark in [": ", " - ", " – ", "."] {
        if let Some((of, rest)) = label.split_once(mark)
            && let Some(of) = is_object(of)
        {
            return Some((of, rest.trim().to_owned()));
        }
        if let Some((rest, of)) = label.rsplit_once(mark).filter(|_| mark != ".")
            && let Some(of) = is_object(of)
        {
            return Some((of, rest.trim().to_owned()));
        }
    }
    None
}

/// A label without what it says of the zone of its times, and that zone: `Created (UTC)`, `createdAtUtc`,
/// `Created Date (GMT+09:00)`, `Created [Europe/Berlin]`. `None` for one that does not say so.
pub(super) fn told_zone(label: &str) -> Option<(String, Tz)> {
    if let Some((at, open)) = label.char_indices().rev().find(|(_, c)| matches!(c, '(' | '['))
        && let Some((inside, rest)) = label.get(at + open.len_utf8()..)?.split_once([')', ']'])
        && let Some(zone) = zone_of(inside)
    {
        return Some((format!("{} {}", label.get(..at)?.trim(), rest.trim()).trim().to_owned(), zone));
    }
    let is_utc = |word: &&str| ["utc", "gmt"].contains(&word.to_lowercase().as_str());
    let words: Vec<&str> = label.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    if words.iter().any(is_utc) {
        let has_digits = words.iter().any(|word| word.bytes().any(|b| b.is_ascii_digit()));
        let rest = words.into_iter().filter(|word| !is_utc(word)).collect::<Vec<_>>().join(" ");
        // `UTC+2` without brackets.
        return if has_digits && label.contains(['+', '-', '\u{2212}']) { None } else { Some((rest, Tz::UTC)) };
    }
    // createdAtUtc
    let rest = label.strip_suffix("Utc").or_else(|| label.strip_suffix("UTC"))?;
    Some((rest.to_owned(), Tz::UTC))
}

/// A zone as labels name it: `UTC`, `GMT+9`, `UTC-05:00`, `Europe/Berlin`, `CET`.
fn zone_of(text: &str) -> Option<Tz> {
    /// Zones of offsets that are no whole hours and never change.
    const OF_MINUTES: &[(i32, Tz)] = &[
        (330, Tz::Asia__Kolkata),
        (345, Tz::Asia__Kathmandu),
        (390, Tz::Asia__Yangon),
        (270, Tz::Asia__Kabul),
        (570, Tz::Australia__Darwin),
    ];
    let text = text.trim();
    let upper = text.to_uppercase();
    let Some(offset) = ["UTC", "GMT"].iter().find_map(|word| upper.strip_prefix(word)) else {
        let is_name = text.contains('/') || (text.len() >= 3 && text.bytes().all(|b| b.is_ascii_uppercase()));
        return is_name.then(|| text.parse().ok()).flatten();
    };
    let offset = offset.trim().replace('\u{2212}', "-");
    if offset.is_empty() {
        return Some(Tz::UTC);
    }
    let (sign, clock) = (if offset.starts_with('-') { -1 } else { 1 }, offset.strip_prefix(['+', '-'])?);
    let (hours, minutes) = match clock.split_once([':', '.']) {
        Some((hours, minutes)) => (hours, minutes),
        None if clock.len() == 4 => clock.split_at_checked(2)?,
        None => (clock, "0"),
    };
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    match (hours, minutes) {
        (0, 0) => Some(Tz::UTC),
        // POSIX counts to the west.
        (1..=14, 0) => format!("Etc/GMT{}{hours}", if sign > 0 { '-' } else { '+' }).parse().ok(),
        _ => OF_MINUTES.iter().find(|(east, _)| *east == sign * (hours * 60 + minutes)).map(|(_, zone)| *zone),
    }
}

/// Whether a word that qualifies a label means the object of the file.
fn is_word_for(object: &str, word: &str) -> bool {
    let words: &[&str] = match object {
        "lead" => &["lead", "leads", "person"],
        "contact" => &["contact", "contacts", "person"],
        "opportunity" => &["opportunity", "opportunities", "deal", "deals"],
        _ => &[],
    };
    words.contains(&word)
}

/// Whether the values of a column are none of the field that its label promises.
fn contradicts(field: &str, sheet: &Sheet, forms: &[ColumnForm], n: usize) -> bool {
    use ColumnForm::{Blank, Date, Email, Guid, LeadSource, SalesforceId};
    let form = forms.get(n).copied().unwrap_or_default();
    let holds_none = |test: &dyn Fn(&str) -> bool| {
        sheet.column(n).is_some_and(|column| column.iter().flatten().take(10_000).all(|cell| !test(cell)))
    };
    match field {
        _ if form == Blank => false,
        "email" => form != Email && holds_none(&|cell| cell.contains('@')),
        "created_at" | "modified_at" | "last_activity_at" => {
            form != Date
                && holds_none(&|cell| {
                    times::instant(cell, Some(DateOrder::Dmy), Tz::UTC).is_some()
                        || times::instant(cell, Some(DateOrder::Mdy), Tz::UTC).is_some()
                })
        }
        "first_name" | "last_name" => matches!(form, Email | Date | Guid | LeadSource | SalesforceId),
        // A title is no person's name.
        "name" => matches!(form, Email | Date | Guid | LeadSource | SalesforceId) || are_titles(sheet, n),
        "phone" | "country" => matches!(form, Email | Date | LeadSource),
        "company" => matches!(form, Email | Date | LeadSource),
        "lead_source" => matches!(form, Email | Date),
        _ => false,
    }
}

/// Whether most values of a column are longer than a name, or hold figures: titles of deals, topics.
fn are_titles(sheet: &Sheet, n: usize) -> bool {
    let Some(column) = sheet.column(n) else { return false };
    let (mut titles, mut filled) = (0usize, 0usize);
    for cell in column.iter().flatten().take(10_000).map(str::trim).filter(|cell| !cell.is_empty()) {
        filled += 1;
        let words = cell.split_whitespace().count();
        titles +=
            usize::from(words > 5 || cell.contains(['|', '#', ':', '@']) || cell.bytes().any(|b| b.is_ascii_digit()));
    }
    titles * 2 > filled
}

/// Whether the addresses are those of many people, and not of the few who own the records.
fn is_of_many(column: &StringChunked) -> bool {
    let filled = column.len() - column.null_count();
    let distinct = column.iter().flatten().collect::<HashSet<_>>().len();
    distinct * 2 > filled
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
    /// Of each column the object that it belongs to, where that is another than the file's.
    pub joined: Vec<Option<String>>,
    /// How a column was recognised, where not by its label.
    pub why: BTreeMap<usize, &'static str>,
    /// Columns whose times are UTC whatever the zone of the export.
    pub utc: BTreeSet<usize>,
}

impl Mapping {
    /// The field that a column is read as.
    pub fn field_of(&self, column: usize) -> Option<&str> {
        let mapped = self.fields.iter().find(|(_, columns)| columns.contains(&column)).map(|(field, _)| field.as_str());
        mapped.or_else(|| self.delivered.iter().any(|(_, n)| *n == column).then_some("delivered_by"))
    }

    /// The zone of the times of a field, where the column or its label says it.
    pub fn told_zone(&self, field: &str, header: &[String]) -> Option<Tz> {
        let n = self.fields.get(field)?.first()?;
        let by_label = || Some(told_zone(header.get(*n)?)?.1);
        if self.utc.contains(n) { Some(Tz::UTC) } else { by_label() }
    }

    /// Whether a column is used for anything.
    pub fn uses(&self, column: usize) -> bool {
        self.fields.values().flatten().any(|n| *n == column) || self.delivered.iter().any(|(_, n)| *n == column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_lost_its_capitals_is_still_of_its_object() {
        let layout = layouts().of(DestinationKind::Salesforce);
        let objects = ["00Q5g00000AbCde", "00q5g00000abcde", "00v5g00000abcde", "00q5g00000AbCde", "0"];
        let objects = objects.map(|id| layout.object_of_id(id));
        assert_eq!(objects, [Some("lead"), Some("lead"), Some("campaign-member"), None, None]);
    }

    #[test]
    fn every_kind_has_a_layout_and_every_field_of_it_can_be_configured() {
        let layouts = layouts();
        for kind in DestinationKind::ALL {
            let layout = layouts.of(kind);
            let ours = ["subject", "state", "won", "closed", "contact_id", "merged_from", "parent", "suffix"];
            for field in layout.columns.keys() {
                let known = crate::config::FIELDS.contains(&field.as_str()) || ours.contains(&field.as_str());
                assert!(known, "{}: {field}", kind.name());
            }
            assert!(layout.columns.contains_key("email") && layout.columns.contains_key("created_at"));
            assert!(!layout.advice.export.is_empty());
        }
    }

    #[test]
    fn a_label_may_say_the_zone_of_its_times() {
        for (label, rest, zone) in [
            ("Created Date (UTC+09:00)", "Created Date", "Etc/GMT-9"),
            ("Created Date [GMT-5]", "Created Date", "Etc/GMT+5"),
            ("Created (Europe/Berlin)", "Created", "Europe/Berlin"),
            ("Created On (UTC)", "Created On", "UTC"),
            ("CreatedTime_UTC", "CreatedTime", "UTC"),
            ("createdAtUtc", "createdAt", "UTC"),
            ("Created (GMT+0530)", "Created", "Asia/Kolkata"),
        ] {
            assert_eq!(told_zone(label), Some((rest.to_owned(), zone.parse().unwrap())), "{label}");
        }
        for label in ["Created Date", "Created (Lead)", "Amount (EUR)", "Created UTC+2", "Phone (1)", "Name (ID)"] {
            assert_eq!(told_zone(label), None, "{label}");
        }
    }

    #[test]
    fn placeholders_are_nothing_and_a_person_called_null_is_somebody() {
        let layouts = layouts();
        for text in
            ["[not provided]", "n/a", "-", "null", "NULL", "#VALUE!", "#NAME?", "<NA>", "[Unbekannt]", "keine Angabe"]
        {
            assert!(layouts.is_nothing("last_name", text), "{text}");
        }
        assert!(!layouts.is_nothing("last_name", "Null"));
        assert!(!layouts.is_nothing("last_name", "None"));
        for text in ["[a@x.example]", "#1 Fan", "[24]7", "<3>", "#GO"] {
            assert!(!layouts.is_nothing("company", text), "{text}");
        }
        assert!(layouts.is_nothing("company", "None"));
        for text in ["nil", "TBD", "none@none.com", "Unknown@unknown.com"] {
            assert!(layouts.is_nothing("email", text), "{text}");
        }
        for text in ["info@contoso.com", "otto@otto.de", "nil@contoso.com"] {
            assert!(!layouts.is_nothing("email", text), "{text}");
        }
    }
}
