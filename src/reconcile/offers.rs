//! Offers and actions in comparable form: small numbers for ids and titles, under every name that they have or had.
//!
//! CRMs cut ids and titles at their limits, forwarders write the one where the other belongs, offers are renamed.

use polars::prelude::PlHashMap;

use crate::config::Offer;
use crate::contact;

/// What a lead or a record names, or 0 where it names nothing.
pub(super) type Code = u32;

/// Small numbers for texts: equal texts, equal numbers. 0 stands for none.
#[derive(Default)]
pub(super) struct Codes(PlHashMap<String, Code>);

impl Codes {
    pub(super) fn of(&mut self, text: &str) -> Code {
        let next = Code::try_from(self.0.len() + 1).unwrap_or(Code::MAX);
        *self.0.entry(text.to_owned()).or_insert(next)
    }

    pub(super) fn find(&self, text: &str) -> Option<Code> {
        self.0.get(text).copied()
    }
}

/// An offer as named: by id, by a title that belongs to no known id, or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Named {
    Nothing,
    Id(Code),
    Title(Code),
}

/// Every offer of leads and catalogue, under every name it has or had.
#[derive(Default)]
pub(super) struct Offers {
    pub ids: Codes,
    titles: Codes,
    /// Title to id; none where two ids carry it.
    id_of_title: PlHashMap<Code, Option<Code>>,
}

/// Shortest text that may be a cut-off offer id: CRMs cut at limits, people do not use such short ids.
const SHORTEST_CUT: usize = 30;

impl Offers {
    pub(super) fn new(catalogue: &[Offer]) -> Self {
        let mut offers = Offers::default();
        for offer in catalogue {
            let id = offers.ids.of(&offer.id.to_lowercase());
            for former in &offer.formerly {
                offers.ids.0.insert(former.to_lowercase(), id);
            }
            for title in &offer.title {
                offers.learn(id, title);
            }
        }
        offers
    }

    pub(super) fn learn(&mut self, id: Code, title: &str) {
        let title = self.titles.of(&fold_spaces(title));
        self.id_of_title.entry(title).and_modify(|known| *known = known.filter(|k| *k == id)).or_insert(Some(id));
    }

    /// A lead's offer; a new id or title becomes known.
    pub(super) fn of_lead(&mut self, id: Option<&str>, title: Option<&str>) -> Named {
        if let Some(id) = id {
            return Named::Id(self.ids.of(&id.to_lowercase()));
        }
        let Some(title) = title else { return Named::Nothing };
        let code = self.titles.of(&fold_spaces(title));
        self.id_of_title.get(&code).copied().flatten().map_or(Named::Title(code), Named::Id)
    }

    /// A record's offer, and whether leads or catalogue know it. CRMs cut ids and titles at their limits.
    pub(super) fn of_record(&self, id: Option<&str>, title: Option<&str>) -> (Named, bool) {
        if let Some(id) = id {
            let id = id.to_lowercase();
            return match self.ids.find(&id).or_else(|| uncut(&self.ids, &id)) {
                Some(code) => (Named::Id(code), true),
                None => (Named::Id(Code::MAX), false),
            };
        }
        let Some(title) = title else { return (Named::Nothing, true) };
        let title = fold_spaces(title);
        if title.is_empty() {
            return (Named::Nothing, true);
        }
        match self.titles.find(&title).or_else(|| uncut(&self.titles, &title)) {
            Some(code) => (self.id_of_title.get(&code).copied().flatten().map_or(Named::Title(code), Named::Id), true),
            // A forwarder may write the bare id where others write a title.
            None => match self.ids.find(&title) {
                Some(code) => (Named::Id(code), true),
                None => (Named::Title(Code::MAX), false),
            },
        }
    }
}

/// The one known text that begins with a long, cut-off one.
fn uncut(codes: &Codes, text: &str) -> Option<Code> {
    if text.len() < SHORTEST_CUT {
        return None;
    }
    let mut found = codes.0.iter().filter(|(known, _)| known.starts_with(text)).map(|(_, code)| *code);
    let first = found.next()?;
    found.all(|other| other == first).then_some(first)
}

pub(super) fn fold_spaces(text: &str) -> String {
    contact::fold(text).split_whitespace().collect::<Vec<_>>().join(" ")
}
