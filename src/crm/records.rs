//! Everything ever landed of the destinations → CRM records, and how they described their person before.
//!
//! The newest version of a record counts. What it says of the lead it was made for is parsed wherever it stands; won and
//! lost come from its opportunity; an activity is a record of the person it is filed under. What was made after the
//! as-of day is left to `reconcile`, which knows the clocks; what the exports can speak for to `coverage`.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};
use polars::prelude::*;

use super::deals::{Deals, deal};
use super::layouts::{Layout, layouts};
use super::{KEY, LOST, OPEN, QUALIFIED, WON};
use crate::config::{Destination, DestinationKind};
use crate::error::Result;
use crate::lead_source::{self, LeadSource, Offer};
use crate::tables::{EarlierContacts, ExportRecords, Grain as _, Interned, Table};
use crate::tabular::fold;

/// Columns that pass from the landed rows into the records as they are.
const AS_LANDED: &[&str] = &[
    "destination", "record_id", "object", "created_at", "modified_at", "status", "owner", "last_activity_at",
    "opted_out", "email", "phone", "first_name", "last_name", "company", "key", "title", "country", "description",
    "present",
];

/// Columns that describe a person.
const CONTACT: &[&str] = &["email", "phone", "first_name", "last_name", "company", "title", "country"];

/// The newest version of each record of the configured destinations, made before `end` as its export tells the time.
///
/// `versions`: all landed rows in the order of landing, with `landed_on`; without columns if there are none.
///
/// # Errors
/// Only for faults of our own.
pub fn records(versions: &DataFrame, destinations: &[Destination], end: DateTime<Utc>) -> Result<Table<ExportRecords>> {
    let mut all = Made::default();
    for destination in destinations.iter().filter(|_| versions.width() > 0) {
        let own = versions.clone().lazy().filter(col("destination").eq(lit(destination.name.as_str()))).collect()?;
        all.add(own, destination, end)?;
    }
    all.table()
}

/// The records of destinations, made destination by destination: the versions of all of them need not be in memory
/// together.
#[derive(Debug, Default)]
pub struct Made {
    /// By name of the destination, which is the order of the table.
    frames: BTreeMap<String, DataFrame>,
}

impl Made {
    /// Makes the records of one destination, as [`records`] does. `versions` are its own, and given back as they are used.
    ///
    /// # Errors
    /// Only for faults of our own.
    pub fn add(&mut self, versions: DataFrame, destination: &Destination, end: DateTime<Utc>) -> Result<()> {
        if versions.height() == 0 {
            return Ok(());
        }
        // Opportunities are joined before the cut: a deal won later is cut by its own lead's record.
        let mut made = made(newest(versions)?, destination)?;
        let end = end.timestamp_micros();
        let times = made.column("created_at")?.datetime()?.physical();
        let keep: BooleanChunked = times.iter().map(|at| Some(at.is_none_or(|at| at < end))).collect();
        if !keep.all() {
            made = made.filter(&keep)?;
        }
        self.frames.insert(destination.name.clone(), made);
        Ok(())
    }

    /// Adds those of other destinations.
    pub fn join(&mut self, others: Made) {
        self.frames.extend(others.frames);
    }

    /// All records that were made.
    ///
    /// # Errors
    /// Only for faults of our own.
    pub fn table(self) -> Result<Table<ExportRecords>> {
        let mut frames = self.frames.into_values();
        let Some(mut all) = frames.next() else { return Ok(Table::empty()) };
        for frame in frames {
            all.vstack_mut_owned(frame)?;
        }
        Table::new(all)
    }
}

/// Newest version of each record of one destination, with the day of the first, in the order of record_id. Column by
/// column, so that no more than one of them is in memory twice.
fn newest(versions: DataFrame) -> Result<DataFrame> {
    const ROW: &str = "\u{0}row";
    let order = versions
        .select(["record_id"])?
        .with_row_index(ROW.into(), None)?
        .sort(["record_id"], SortMultipleOptions::default().with_maintain_order(true))?
        .column(ROW)?
        .idx()?
        .clone();
    let days = versions.column("landed_on")?.date()?.physical().clone();
    let (mut rows, mut first_days) = (Vec::new(), Vec::new());
    {
        let ids = versions.column("record_id")?.str()?;
        let id = |row: Option<IdxSize>| row.and_then(|row| ids.get(row as usize));
        let mut first = None;
        for (n, row) in order.iter().enumerate() {
            if n == 0 || id(order.get(n - 1)) != id(row) {
                first = row.and_then(|row| days.get(row as usize));
            }
            if n + 1 == order.len() || id(order.get(n + 1)) != id(row) {
                rows.extend(row);
                first_days.push(first);
            }
        }
    }
    let height = rows.len();
    let as_landed = height == versions.height() && rows.iter().zip(0..).all(|(row, n)| *row == n);
    let rows = IdxCa::from_vec("row".into(), rows);
    let mut columns = Vec::with_capacity(versions.width() + 1);
    for column in versions.into_columns() {
        columns.push(if as_landed { column } else { column.take(&rows)? });
    }
    let first_day = Int32Chunked::from_iter_options("first_landed_on".into(), first_days.into_iter()).into_date();
    columns.push(first_day.into_column());
    Ok(DataFrame::new(height, columns)?)
}

/// What a record says of the lead it was made for.
#[derive(Clone, Default)]
struct Said {
    text: Option<String>,
    storefront: Option<String>,
    action: Option<String>,
    offer_id: Option<String>,
    offer: Option<String>,
    marketplace: bool,
}

impl Said {
    /// Whether both name the same action and offer.
    fn is_of(&self, other: &Said) -> bool {
        (&self.action, &self.offer_id, &self.offer) == (&other.action, &other.offer_id, &other.offer)
    }

    fn of(parsed: LeadSource, text: Option<&str>) -> Self {
        let (offer_id, offer) = match parsed.offer {
            Some(offer) => match offer.id() {
                Some(id) => (Some(id.to_owned()), None),
                None => (None, Some(offer.as_str().to_owned())),
            },
            None => (None, None),
        };
        Said {
            text: text.map(str::to_owned),
            storefront: parsed.storefront,
            action: parsed.action,
            offer_id,
            offer,
            marketplace: parsed.is_marketplace,
        }
    }
}

/// Text columns of a frame by name; absent ones (landed by an earlier version) are null.
pub(super) struct Texts(PlHashMap<&'static str, StringChunked>);

impl Texts {
    pub(super) fn of(frame: &DataFrame, names: &[&'static str]) -> Self {
        let filled = |name: &&'static str| {
            let column = frame.column(name).ok().filter(|column| column.null_count() < column.len())?;
            Some((*name, column.str().ok()?.clone()))
        };
        Texts(names.iter().filter_map(filled).collect())
    }

    pub(super) fn get(&self, name: &str, row: usize) -> Option<&str> {
        self.0.get(name).and_then(|column| column.get(row))
    }
}

pub(super) fn flag(frame: &DataFrame, name: &str) -> BooleanChunked {
    let found = frame.column(name).ok().and_then(|c| c.bool().ok().cloned());
    found.unwrap_or_else(|| BooleanChunked::full_null(PlSmallStr::EMPTY, frame.height()))
}

/// One destination's newest rows → its records.
fn made(newest: DataFrame, destination: &Destination) -> Result<DataFrame> {
    let layout = layouts().of(destination.kind);
    let names: Vec<&'static str> = super::cells::TEXTS.iter().copied().chain(["record_id"]).collect();
    let texts = Texts::of(&newest, &names);
    let [deleted, converted, won, closed] = ["deleted", "converted", "won", "closed"].map(|name| flag(&newest, name));
    let height = newest.height();
    let deals = Deals::new(|name, row| texts.get(name, row), &newest, &won, &closed, layout)?;
    let converted_contacts: PlHashMap<&str, &str> = (0..height)
        .filter(|row| texts.get("object", *row) == Some("lead"))
        .filter_map(|row| Some((texts.get("contact_id", row)?, texts.get("record_id", row)?)))
        .collect();
    let persons = Persons::of(&texts, height);
    let words = Words::new(destination);
    let mut known: PlHashMap<&str, Said> = PlHashMap::default();
    let mut columns: BTreeMap<&str, Interned> = BTreeMap::new();
    let mut marketplace = Vec::with_capacity(height);
    let (mut amounts, mut won_at) = (Vec::with_capacity(height), Vec::with_capacity(height));
    for row in 0..height {
        let get = |name: &str| texts.get(name, row);
        let object = get("object").unwrap_or("lead");
        let is_opportunity = object == "opportunity";
        let said = said(get, destination.kind, &mut known);
        let mut delivers = match words.delivered(get) {
            Some(delivers) => delivers,
            // What an activity says of its person's lead is that lead's delivery, not another one.
            None => {
                let repeats =
                    |person: usize| said.is_of(&self::said(|n| texts.get(n, person), destination.kind, &mut known));
                said.marketplace && !persons.of_activity(row).is_some_and(repeats)
            }
        };
        // A conversion copies the lead's source to the contact and the opportunity: they are no deliveries.
        let converted_from = (object == "contact").then(|| converted_contacts.get(get("record_id")?)).flatten();
        delivers &= !is_opportunity && converted_from.is_none();
        marketplace.push(delivers);
        let outcome = state(get, (converted.get(row), won.get(row), closed.get(row)), &deals, (&words, layout));
        let worth = match is_opportunity {
            true => get("record_id").and_then(|id| deals.of(id)),
            false => get("opportunity").and_then(|ids| deals.won(ids)),
        };
        amounts.push(worth.and_then(|deal| deal.amount));
        won_at.push(worth.filter(|deal| deal.outcome == WON).and_then(|deal| deal.changed_at));
        let currency = worth.filter(|deal| deal.amount.is_some()).and_then(|deal| deal.currency);
        let merged_into = get("merged_into").filter(|into| get("record_id") != Some(*into));
        for (name, value) in [
            ("outcome", outcome),
            ("lead_source", said.text.as_deref()),
            ("storefront", said.storefront.as_deref()),
            ("action", said.action.as_deref()),
            ("offer_id", said.offer_id.as_deref()),
            ("offer", said.offer.as_deref()),
            ("merged_into", merged_into.or(converted_from.copied())),
            ("opportunity", get("opportunity")),
            ("currency", currency),
            ("resolution", Some(get("resolution").unwrap_or("none"))),
        ] {
            columns.entry(name).or_insert_with(|| Interned::new(name, height)).push(value);
        }
    }
    let mut result: Vec<Column> = Vec::new();
    for name in AS_LANDED.iter().chain(&["first_landed_on"]) {
        let landed = newest.column(name)?;
        result.push(if CONTACT.contains(name) { persons.fill(landed)? } else { landed.clone() });
    }
    for interned in columns.into_values() {
        result.push(interned.finish()?);
    }
    result.push(Column::new("marketplace".into(), marketplace));
    result.push(crate::tables::money("amount", amounts.into_iter())?);
    result.push(Column::new("won_at".into(), won_at).cast(&crate::tables::Kind::Instant.dtype())?);
    let deleted: BooleanChunked = deleted.iter().map(|d| Some(d.unwrap_or(false))).collect_ca("deleted".into());
    result.push(deleted.into_column());
    Ok(DataFrame::new(height, result)?)
}

/// What became of a record, by its texts and its flags converted, won and closed.
pub(super) fn state<'t>(
    get: impl Fn(&str) -> Option<&'t str>,
    (converted, won, closed): (Option<bool>, Option<bool>, Option<bool>),
    deals: &Deals,
    (words, layout): (&Words, &Layout),
) -> Option<&'static str> {
    let object = get("object").unwrap_or("lead");
    let status = Status {
        object,
        status: get("status"),
        state: get("state"),
        outcome: get("outcome"),
        converted,
        won,
        closed,
        deal: get("opportunity").and_then(|ids| deals.outcome(ids)),
    };
    // The state of an activity is not that of its person.
    words.outcome(&status, layout, words.destination.kind).filter(|_| !is_activity(object))
}

/// Which of these rows say that they are of a marketplace lead, wherever they say it, or as the configuration says.
pub(super) fn names_marketplace(texts: &Texts, rows: &[usize], destination: &Destination) -> Vec<bool> {
    let words = Words::new(destination);
    let mut known: PlHashMap<&str, Said> = PlHashMap::default();
    rows.iter()
        .map(|row| {
            let get = |name: &str| texts.get(name, *row);
            words.delivered(get) == Some(true) || said(get, destination.kind, &mut known).marketplace
        })
        .collect()
}

/// What a row says of its lead, wherever it says it.
fn said<'t>(
    get: impl Fn(&str) -> Option<&'t str>,
    kind: DestinationKind,
    known: &mut PlHashMap<&'t str, Said>,
) -> Said {
    let mut said = match get("lead_source") {
        Some(text) => known.entry(text).or_insert_with(|| Said::of(lead_source::parse(text), Some(text))).clone(),
        None => Said::default(),
    };
    if !said.marketplace {
        said = elsewhere(get("subject"), get("description"), get("lead_source"));
    }
    separate(&mut said, get("action"), get("offer_id"), get("offer"), get("storefront"));
    said.marketplace |= kind == DestinationKind::Https;
    said
}

/// Whether rows of this object are filed under a person.
pub(super) fn is_activity(object: &str) -> bool {
    matches!(object, "task" | "campaign-member" | "form-activity")
}

/// The lead or contact that each activity is filed under.
struct Persons {
    /// Row of the person, for rows that are activities of one in the exports; empty where there is none.
    of: Vec<Option<u32>>,
}

impl Persons {
    fn of(texts: &Texts, height: usize) -> Self {
        let activities = (0..height).filter(|row| texts.get("object", *row).is_some_and(is_activity));
        let filed: Vec<(usize, &str)> = activities.filter_map(|row| Some((row, texts.get("parent", row)?))).collect();
        if filed.is_empty() {
            return Persons { of: Vec::new() };
        }
        let rows: PlHashMap<&str, u32> = (0..height)
            .filter(|row| !texts.get("object", *row).is_some_and(|o| is_activity(o) || o == "opportunity"))
            .filter_map(|row| Some((texts.get("record_id", row)?, u32::try_from(row).ok()?)))
            .collect();
        let mut of = vec![None; height];
        for (row, person) in filed {
            if let Some(place) = of.get_mut(row) {
                *place = rows.get(person).copied();
            }
        }
        Persons { of }
    }

    fn of_activity(&self, row: usize) -> Option<usize> {
        self.of.get(row).copied().flatten().map(|person| person as usize)
    }

    /// A contact column, an activity's blanks filled from its person.
    fn fill(&self, landed: &Column) -> Result<Column> {
        if self.of.is_empty() {
            return Ok(landed.clone());
        }
        let cells = landed.str()?;
        let filled: StringChunked = cells
            .iter()
            .enumerate()
            .map(|(row, cell)| cell.or_else(|| cells.get(self.of_activity(row)?)))
            .collect_ca(landed.name().clone());
        Ok(filled.into_column())
    }
}

/// How the same records described their person in earlier versions: sales correct addresses, and the lead has the old
/// one. `versions` as for [`records`].
///
/// # Errors
/// Only for faults of our own.
pub fn earlier(versions: &DataFrame) -> Result<Table<EarlierContacts>> {
    if versions.width() == 0 {
        return Ok(Table::empty());
    }
    let versions = &with_others(versions)?;
    let several = versions.clone().lazy().group_by(KEY.iter().map(|k| col(*k)).collect::<Vec<_>>()).agg([len()]);
    let several = several.filter(col("len").gt(lit(1))).select(KEY.iter().map(|k| col(*k)).collect::<Vec<_>>());
    let fields: Vec<&'static str> = CONTACT.iter().chain(&["key"]).copied().collect();
    let wanted: Vec<Expr> = KEY.iter().chain(&fields).map(|name| col(*name)).collect();
    let on: Vec<Expr> = KEY.iter().map(|k| col(*k)).collect();
    let arguments = JoinArgs { maintain_order: MaintainOrderJoin::Left, ..JoinArgs::new(JoinType::Semi) };
    let order = SortMultipleOptions::default().with_maintain_order(true);
    let again = versions.clone().lazy().select(wanted).join(several, on.clone(), on, arguments);
    let again = again.collect()?.sort(KEY.iter().copied(), order)?;
    let names: Vec<&'static str> = KEY.iter().chain(&fields).copied().collect();
    let texts = Texts::of(&again, &names);
    let of = |row: usize, names: &[&'static str]| -> Vec<Option<&str>> {
        names.iter().map(|name| texts.get(name, row)).collect()
    };
    // From the last row of each record, its newest version, back to the first.
    let (mut keep, mut numbers) = (Vec::new(), Vec::new());
    let mut seen: Vec<Vec<Option<&str>>> = Vec::new();
    for row in (0..again.height()).rev() {
        if row + 1 == again.height() || of(row, KEY) != of(row + 1, KEY) {
            seen.clear();
        }
        let contact = of(row, &fields);
        if !seen.is_empty() && contact.iter().any(Option::is_some) && !seen.contains(&contact) {
            keep.push(IdxSize::try_from(row).unwrap_or_default());
            numbers.push(i64::try_from(seen.len()).unwrap_or(i64::MAX));
        }
        seen.push(contact);
    }
    let mut frame = again.take(&IdxCa::from_vec("row".into(), keep))?;
    frame.with_column(Column::new("versions_ago".into(), numbers))?;
    Table::new(frame.select(EarlierContacts::DEFINITION.columns.iter().map(|c| c.name))?)
}

/// The versions, and before each of them one for every other address and phone that it has: the record is found by any.
fn with_others(versions: &DataFrame) -> Result<DataFrame> {
    let fields: Vec<&str> = KEY.iter().chain(CONTACT).chain(&["key"]).copied().collect();
    let plain = versions.select(fields.iter().copied())?;
    let Some(also) = versions.column("also").ok().and_then(|c| c.str().ok()).filter(|c| c.null_count() < c.len())
    else {
        return Ok(plain);
    };
    let (mut rows, mut others): (Vec<IdxSize>, Vec<Option<&str>>) = (Vec::new(), Vec::new());
    for (row, items) in (0..).zip(also.iter()) {
        for item in items.into_iter().flat_map(str::lines) {
            rows.push(row);
            others.push(Some(item));
        }
        rows.push(row);
        others.push(None);
    }
    let mut all = plain.take(&IdxCa::from_vec("row".into(), rows))?;
    for (name, is_address) in [("email", true), ("phone", false)] {
        let typed = all.column(name)?.str()?.clone();
        let other = |item: &&str| item.contains('@') == is_address;
        let column: StringChunked =
            typed.iter().zip(&others).map(|(typed, item)| item.filter(|i| other(i)).or(typed)).collect_ca(name.into());
        all.with_column(column.into_column())?;
    }
    Ok(all)
}

/// The lead source in the subject or the notes; else the field's own text, which names no marketplace.
fn elsewhere(subject: Option<&str>, description: Option<&str>, field: Option<&str>) -> Said {
    if let Some(subject) = subject {
        let whole = lead_source::parse(subject);
        // The name of a storefront within a sentence is a word that people write; alone it is what a connector writes
        // for a lead that names no action and no offer, as add-in leads do.
        let is_bare = lead_source::known_storefront(subject).is_some();
        if whole.is_marketplace && (whole.action.is_some() || whole.is_test || is_bare) {
            return Said::of(whole, Some(subject));
        }
        if let Some(found) = lead_source::find(subject) {
            return Said::of(found, Some(subject));
        }
    }
    if let Some(found) = description.and_then(lead_source::find) {
        return Said::of(found, field);
    }
    Said { text: field.map(str::to_owned), ..Said::default() }
}

/// Fields of their own for the parts of a lead source.
fn separate(said: &mut Said, action: Option<&str>, id: Option<&str>, title: Option<&str>, storefront: Option<&str>) {
    if let Some(action) = action.and_then(lead_source::parse_action) {
        said.marketplace |= lead_source::known_action(&action).is_some();
        said.action = Some(action);
    }
    if let Some(storefront) = storefront {
        let known = lead_source::known_storefront(storefront);
        said.marketplace |= known.is_some();
        said.storefront = Some(known.unwrap_or(storefront).to_owned());
    }
    for text in [id, title].into_iter().flatten() {
        match lead_source::parse_offer(text) {
            Some(offer) if offer.id().is_some() => said.offer_id = offer.id().map(str::to_owned),
            Some(offer) => said.offer = Some(Offer::as_str(&offer).to_owned()),
            None => {}
        }
    }
}

/// What a record says of its own state.
struct Status<'a> {
    object: &'a str,
    status: Option<&'a str>,
    state: Option<&'a str>,
    outcome: Option<&'a str>,
    converted: Option<bool>,
    won: Option<bool>,
    closed: Option<bool>,
    deal: Option<&'static str>,
}

/// The configured words of a destination, folded.
pub(super) struct Words<'a> {
    qualified: HashSet<String>,
    won: HashSet<String>,
    destination: &'a Destination,
}

impl<'a> Words<'a> {
    pub(super) fn new(destination: &'a Destination) -> Self {
        let folded = |words: &[String]| words.iter().map(|w| fold(w)).collect();
        Words { qualified: folded(&destination.qualified), won: folded(&destination.won), destination }
    }

    fn outcome(&self, s: &Status, layout: &Layout, kind: DestinationKind) -> Option<&'static str> {
        if s.object == "opportunity" {
            return Some(match deal(s.won, s.closed, s.state, s.status, layout) {
                QUALIFIED => OPEN,
                closed => closed,
            });
        }
        let texts = || [s.outcome, s.state, s.status].into_iter().flatten();
        // Hardly anybody configures words of its own.
        let says = |words: &HashSet<String>| !words.is_empty() && texts().any(|t| words.contains(&fold(t)));
        if says(&self.won) {
            return Some(WON);
        }
        if let Some(deal @ (WON | LOST)) = s.deal {
            return Some(deal);
        }
        if says(&self.qualified) || s.deal.is_some() {
            return Some(QUALIFIED);
        }
        match kind {
            // The status is the organisation's own word; only the flag is the product's.
            DestinationKind::Salesforce => s.converted.map(|yes| if yes { QUALIFIED } else { OPEN }),
            DestinationKind::Dynamics => {
                let by_reason = || match s.status?.trim() {
                    "1" | "2" => Some(OPEN),
                    "3" => Some(QUALIFIED),
                    "4" | "5" | "6" | "7" => Some(LOST),
                    text => layout.outcome(text),
                };
                s.state.and_then(|t| layout.outcome(t)).or_else(by_reason)
            }
            DestinationKind::Marketo | DestinationKind::Hubspot => {
                let said: Vec<&str> =
                    [s.state, s.status].into_iter().flatten().filter_map(|t| layout.outcome(t)).collect();
                [WON, LOST, QUALIFIED, OPEN].into_iter().find(|o| said.contains(o))
            }
            DestinationKind::Csv => {
                let word = s.outcome.map(str::to_lowercase);
                let named = [OPEN, QUALIFIED, WON, LOST].into_iter().find(|o| word.as_deref() == Some(o));
                let flagged = match (s.won, s.converted) {
                    (Some(true), _) => Some(WON),
                    (_, Some(true)) => Some(QUALIFIED),
                    (_, Some(false)) => Some(OPEN),
                    _ => None,
                };
                let told = !(self.qualified.is_empty() && self.won.is_empty()) && s.status.is_some();
                named.or(flagged).or(told.then_some(OPEN))
            }
            DestinationKind::Https => None,
        }
    }

    /// Whether `delivered_by` names the record; `None` where it is not configured.
    fn delivered<'t>(&self, get: impl Fn(&str) -> Option<&'t str>) -> Option<bool> {
        let rules = &self.destination.delivered_by;
        if rules.is_empty() {
            return None;
        }
        let landed: serde_json::Map<String, serde_json::Value> =
            get("delivered").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        // A record landed before the setting has only the fields of every record.
        let field = |label: &str| match fold(label).as_str() {
            "leadsource" => get("lead_source"),
            "topic" | "subject" => get("subject"),
            "status" | "leadstatus" => get("status"),
            "owner" | "leadowner" => get("owner"),
            "description" => get("description"),
            _ => None,
        };
        Some(rules.iter().any(|(label, patterns)| {
            let text = landed.get(label).and_then(|v| v.as_str()).or_else(|| field(label));
            text.is_some_and(|text| patterns.iter().any(|pattern| pattern.matches(text.trim())))
        }))
    }
}
