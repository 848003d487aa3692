//! Raw leads → leads, and a quarantine row with its reason for each that cannot be read.
//!
//! Takes what is landed and the as-of cut; gives one row for every raw lead received up to it, so that
//! `raw leads = leads + quarantine + after the as-of day + forgotten`. Reading one payload is [`record`]'s, reading a
//! time [`time`]'s, the lead source's grammar [`crate::lead_source`]'s. Who a lead belongs to is left to identity.
//! Rules: the design's words (kind, stage), `received_at`, values and ids.

mod copies;
mod list;
mod own;
mod packed;
mod pairs;
mod part;
mod received;
mod record;
mod time;

pub use list::{List, list};
pub use own::{Own, OwnReader, Signs};
pub use part::Part;
pub use record::{Named, holds_contact, is_column, labels, named, names_nobody};

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use polars::prelude::*;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use self::packed::Packed;
use self::part::Chunk;
use self::received::Orders;
use self::record::{Fields, Layout, Refused, Slot};
use crate::codes::{self, action, kind, level, quarantine, stage, storefront};
use crate::config::{Exclude, Offer};
use crate::contact;
use crate::error::Result;
use crate::findings::{AboutLeads, Finding};
use crate::lead_source::{self, LeadSource};
use crate::tables::{Interned, Leads, Quarantine, RawLeads, Table};

/// Most of a payload that a quarantine row keeps, in bytes; the landing holds the whole.
const KEPT_PAYLOAD: usize = 16_384;

/// Raw leads that one thread reads at a time.
const CHUNK: usize = 4_096;

/// What reading takes of the configuration, and the as-of cut.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// First instant after the as-of day, in the report's time zone.
    pub as_of_ends_at: DateTime<Utc>,
    /// `[stages]`: action, any case, to stage.
    pub stages: &'a BTreeMap<String, String>,
    /// `[[offer]]`
    pub offers: &'a [Offer],
    /// `[exclude]`
    pub exclude: &'a Exclude,
}

/// Every raw lead, in one of four places.
#[derive(Debug)]
pub struct Parsed {
    /// Those that could be read, received up to the as-of day.
    pub leads: Table<Leads>,
    /// Those that could not.
    pub quarantine: Table<Quarantine>,
    /// How many were received after the as-of day.
    pub after_as_of: usize,
    /// When each that was erased on request or by age had been stored, in microseconds, in order.
    pub forgotten: Vec<i64>,
    /// What a person should look at.
    pub findings: Vec<Finding>,
}

impl Parsed {
    /// Whether all that was read was received before an instant: a day that ends there has the same leads.
    ///
    /// # Errors
    /// Only if a table does not have its agreed shape.
    pub fn is_all_before(&self, cut: DateTime<Utc>) -> Result<bool> {
        let (received, stored) = (self.leads.instants("received_at")?, self.quarantine.instants("received_at")?);
        Ok(received.into_iter().chain(stored).flatten().all(|at| at < cut.timestamp_micros()))
    }
}

/// Reads every raw lead at once; what [`Reader`] gives when it is handed them in parts.
///
/// # Errors
/// Only if a table does not have its agreed shape: a raw lead that cannot be read is a quarantine row.
pub fn parse(raw: &Table<RawLeads>, settings: &Settings) -> Result<Parsed> {
    let mut reader = Reader::new(settings);
    reader.take(raw)?;
    reader.finish()
}

/// Reads raw leads part by part, so that their payloads need not be in memory together. What takes all leads, such as
/// an offer known by its title alone, is done at the end, on what was read of them. The parts' order changes nothing.
#[derive(Debug)]
pub struct Reader<'a> {
    settings: &'a Settings<'a>,
    exclude: Internal,
    leads: Vec<Packed>,
    refused: Option<DataFrame>,
    taken: usize,
    after_as_of: usize,
    forgotten: Vec<i64>,
    contradictions: i64,
    orders: Orders,
}

impl<'a> Reader<'a> {
    /// A reader that has seen nothing yet.
    pub fn new(settings: &'a Settings<'a>) -> Self {
        Reader {
            settings,
            exclude: Internal::new(settings.exclude),
            leads: Vec::new(),
            refused: None,
            taken: 0,
            after_as_of: 0,
            forgotten: Vec::new(),
            contradictions: 0,
            orders: Orders::default(),
        }
    }

    /// How many raw leads it was handed.
    pub fn taken(&self) -> usize {
        self.taken
    }

    /// Reads some raw leads, and takes them in.
    ///
    /// # Errors
    /// Only if a table does not have its agreed shape.
    pub fn take(&mut self, raw: &Table<RawLeads>) -> Result<()> {
        let part = self.read(raw)?;
        self.add(part)
    }

    /// Reads some raw leads, of which nothing is taken in yet.
    ///
    /// # Errors
    /// Only if a table does not have its agreed shape.
    pub fn read(&self, raw: &Table<RawLeads>) -> Result<Part> {
        let cut = self.settings.as_of_ends_at.timestamp_micros();
        let frame = raw.frame();
        let starts: Vec<usize> = (0..frame.height()).step_by(CHUNK).collect();
        // The chunks stay in order, so the number of threads changes nothing.
        let chunk = |start: &usize| {
            let part = frame.slice(i64::try_from(*start).unwrap_or(i64::MAX), CHUNK);
            read_chunk(&part, cut, &self.exclude)
        };
        let chunks = starts.par_iter().map(chunk).collect::<Result<Vec<Chunk>>>()?;
        Ok(Part { taken: frame.height(), chunks })
    }

    /// What reading gave another time, as [`Part::bytes`]; none if it cannot be used.
    pub fn kept(&self, bytes: &[u8]) -> Option<Part> {
        Part::of_bytes(bytes, self.settings.as_of_ends_at.timestamp_micros())
    }

    /// Takes in what was read.
    ///
    /// # Errors
    /// Only if a table does not have its agreed shape.
    pub fn add(&mut self, part: Part) -> Result<()> {
        self.taken += part.taken;
        for chunk in part.chunks {
            self.leads.extend(chunk.leads);
            stack(&mut self.refused, chunk.quarantine)?;
            self.after_as_of += chunk.after_as_of;
            self.forgotten.extend(chunk.forgotten);
            self.contradictions += chunk.contradictions;
            self.orders.join(chunk.orders);
        }
        Ok(())
    }

    /// All that was read, in its tables.
    ///
    /// # Errors
    /// Only if a table does not have its agreed shape.
    pub fn finish(self) -> Result<Parsed> {
        let mut late = 0;
        let leads = match self.leads.is_empty() {
            true => Table::empty(),
            false => {
                let frame = packed::unpack(self.leads, "lead_id")?;
                let (frame, after) = self.orders.settle(frame, self.settings.as_of_ends_at.timestamp_micros())?;
                late = after;
                let frame = copies::settle(frame)?;
                let mut frame = name_offers(frame, &Catalogue::new(self.settings.offers), self.settings)?;
                frame.with_column(crate::contact::home_codes(&frame)?)?;
                Table::new(frame)?
            }
        };
        let quarantine = self.refused.map_or_else(|| Ok(Table::empty()), Table::new)?;
        let mut findings = refusals(&quarantine)?;
        if self.contradictions > 0 {
            findings.push(Finding::list("", AboutLeads::Contradiction, self.contradictions));
        }
        let Reader { after_as_of, mut forgotten, .. } = self;
        forgotten.sort_unstable();
        Ok(Parsed { leads, quarantine, after_as_of: after_as_of + late, forgotten, findings })
    }
}

/// `lead_id`: first 16 hex digits of SHA-256 over source, a zero byte and source_key.
pub fn lead_id(source: &str, source_key: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(source);
    hash.update([0]);
    hash.update(source_key);
    hex::encode(hash.finalize().get(..8).unwrap_or_default())
}

/// The stage that an action stands for where the configuration says nothing.
pub fn default_stage(action: Option<&str>, storefront: Option<&str>) -> &'static str {
    match action {
        Some(action::START_TEST_DRIVE) => stage::TRIAL,
        Some(action::INS) => stage::INTEREST,
        Some(action::PLT) => stage::CONTACT,
        Some(action::CREATE) => stage::PURCHASE,
        None if storefront == Some(storefront::TEST_DRIVE) => stage::TRIAL,
        _ => stage::NONE,
    }
}

fn stack(all: &mut Option<DataFrame>, more: DataFrame) -> Result<()> {
    match all {
        Some(all) => {
            all.vstack_mut(&more)?;
        }
        None => *all = Some(more),
    }
    Ok(())
}

/// Text columns of a chunk that are filled row by row.
const TEXTS: [&str; 20] = [
    "lead_id", "source", "source_key", "storefront", "action", "kind", "offer_id", "offer", "first_name", "last_name",
    "email", "phone", "company", "title", "country", "description", "campaign", "lead_source", "received_from",
    // What the ProductId field says where that is no id: it names an offer if nothing better does.
    "product",
];

/// Those that say the same few things again and again, mostly in more than a view's twelve bytes.
const FEW: [&str; 8] = ["source", "storefront", "action", "offer_id", "offer", "country", "lead_source", "product"];

/// A text column in the making.
enum Texts {
    Each(StringChunkedBuilder),
    Few(Interned),
}

impl Texts {
    fn new(name: &str, rows: usize) -> Texts {
        match FEW.contains(&name) {
            true => Texts::Few(Interned::new(name, rows)),
            false => Texts::Each(StringChunkedBuilder::new(name.into(), rows)),
        }
    }

    fn push(&mut self, value: Option<String>) {
        match self {
            Texts::Each(texts) => texts.append_option(value),
            Texts::Few(few) => few.push(value.as_deref()),
        }
    }

    fn finish(self) -> PolarsResult<Column> {
        match self {
            Texts::Each(texts) => Ok(texts.finish().into_column()),
            Texts::Few(few) => few.finish(),
        }
    }
}

fn read_chunk(raw: &DataFrame, cut: i64, exclude: &Internal) -> Result<Chunk> {
    let mut raw = raw.clone();
    raw.rechunk_mut();
    let (source, key) = (raw.column("source")?.str()?.clone(), raw.column("source_key")?.str()?.clone());
    let stored_at = raw.column("stored_at")?.datetime()?.physical().clone();
    let format = raw.column("format")?.str()?.clone();
    let (header, payload) = (raw.column("header")?.binary()?.clone(), raw.column("payload")?.binary()?.clone());
    let problem = raw.column("problem")?.str()?.clone();
    let erased = raw.column("forgotten")?.bool()?.clone();

    let mut texts = TEXTS.map(|name| Texts::new(name, raw.height()));
    let mut received = Vec::with_capacity(raw.height());
    let mut rows: Vec<IdxSize> = Vec::with_capacity(raw.height());
    let mut refused = Refusals::default();
    let mut layout: Option<(&[u8], std::result::Result<Layout, Refused>)> = None;
    let (mut after_as_of, mut forgotten, mut contradictions, mut newest) = (0, Vec::new(), 0, i64::MIN);
    let mut orders = Orders::default();
    let (mut others, mut locals) = (Vec::with_capacity(raw.height()), Vec::with_capacity(raw.height()));

    for row in 0..raw.height() {
        let (Some(source), Some(key), Some(stored)) = (source.get(row), key.get(row), stored_at.get(row)) else {
            continue;
        };
        let Some(payload) = payload.get(row).filter(|_| erased.get(row) != Some(true)) else {
            forgotten.push(stored);
            continue;
        };
        let read = match (problem.get(row), format.get(row)) {
            (Some(problem), _) => Err(known_problem(problem)),
            (None, Some("csv")) => {
                let header = header.get(row).unwrap_or_default();
                if layout.as_ref().is_none_or(|(of, _)| *of != header) {
                    layout = Some((header, Layout::read(header)));
                }
                match &mut layout {
                    Some((_, Ok(layout))) => layout.record(payload),
                    Some((_, Err(Refused { reason, detail }))) => {
                        Err(Refused { reason, detail: format!("header: {detail}") })
                    }
                    None => record::read_text(payload),
                }
            }
            _ => record::read_text(payload),
        };
        let fields = match read {
            Ok(fields) => fields,
            Err(_) if stored >= cut => {
                after_as_of += 1;
                continue;
            }
            Err(Refused { reason, detail }) => {
                newest = newest.max(stored);
                refused.push(source, key, stored, reason, &detail, payload);
                continue;
            }
        };
        let at = orders.received((source, key), &fields, stored, format.get(row) == Some("entity"));
        let is_settled = at.other.is_none() && at.local.is_none();
        if at.at >= cut && is_settled {
            after_as_of += 1;
            continue;
        }
        if is_settled {
            newest = newest.max(at.at);
        }
        let found = lead_source_of(&fields, &mut contradictions);
        let values = values_of((source, key), fields, found, at.from, exclude);
        for (column, value) in texts.iter_mut().zip(values) {
            column.push(value);
        }
        received.push(at.at);
        others.push(at.other);
        locals.push(at.local);
        rows.push(IdxSize::try_from(row).unwrap_or(IdxSize::MAX));
    }

    let taken = raw.select(["landed_on", "origins", "versions"])?.take(&IdxCa::from_vec("row".into(), rows))?;
    let mut columns = texts.into_iter().map(Texts::finish).collect::<PolarsResult<Vec<Column>>>()?;
    columns.push(instants("received_at", received)?);
    columns.push(Column::new("other_at".into(), others));
    columns.push(Column::new("local_at".into(), locals));
    columns.extend(taken.columns().iter().cloned());
    let leads = DataFrame::new(taken.height(), columns)?;
    Ok(Chunk {
        leads: if leads.height() > 0 { Some(Packed::new(leads)?) } else { None },
        quarantine: refused.into_frame()?,
        after_as_of,
        forgotten,
        contradictions,
        orders,
        newest,
    })
}

/// The texts of one lead, as [`TEXTS`] names them.
fn values_of(
    (source, key): (&str, &str),
    mut fields: Fields,
    found: LeadSource,
    received_from: &str,
    exclude: &Internal,
) -> [Option<String>; TEXTS.len()] {
    let kind = if fields.test { kind::TEST } else { kind_of(&fields, &found, exclude) };
    name_from_full(&mut fields);
    let offer_id = found.offer.as_ref().and_then(lead_source::Offer::id).map(str::to_owned);
    let product = fields.take(Slot::Product).or_else(|| fields.take(Slot::Offer));
    let product = product.as_deref().and_then(lead_source::parse_offer);
    let title = fields.take(Slot::OfferTitle).or_else(|| match &found.offer {
        Some(lead_source::Offer::Title(title)) => Some(title.clone()),
        _ => None,
    });
    let description = fields.take(Slot::Description);
    let campaign = fields.take(Slot::Campaign).or_else(|| description.as_deref().and_then(record::campaign));
    let product_id = product.as_ref().and_then(lead_source::Offer::id).map(str::to_owned);
    [
        Some(lead_id(source, key)),
        Some(source.to_owned()),
        Some(key.to_owned()),
        found.storefront,
        found.action,
        Some(kind.to_owned()),
        offer_id.or(product_id),
        title,
        fields.take(Slot::FirstName),
        fields.take(Slot::LastName),
        fields.take(Slot::Email),
        fields.take(Slot::Phone),
        fields.take(Slot::Company),
        fields.take(Slot::JobTitle),
        fields.take(Slot::Country),
        description,
        campaign,
        fields.take(Slot::LeadSource),
        Some(received_from.to_owned()),
        product.filter(|p| p.id().is_none()).map(|p| p.as_str().to_owned()),
    ]
}

fn instants(name: &str, micros: Vec<i64>) -> PolarsResult<Column> {
    Series::new(name.into(), micros).cast(&tables_instant()).map(Series::into_column)
}

fn tables_instant() -> DataType {
    crate::tables::Kind::Instant.dtype()
}

/// The landing's `reason: detail`.
fn known_problem(problem: &str) -> Refused {
    let (reason, detail) = problem.split_once(": ").unwrap_or((problem, "the record could not be cut out of its file"));
    let known = [quarantine::NOT_TEXT, quarantine::NOT_A_LEAD, quarantine::CUSTOMER_INFO, quarantine::TOO_LARGE];
    let reason = known.into_iter().find(|known| *known == reason).unwrap_or(quarantine::NOT_JSON);
    Refused { reason, detail: detail.to_owned() }
}

/// The lead source, combined or in fields of its own; what the combined form lacks comes from the fields.
fn lead_source_of(fields: &Fields, contradictions: &mut i64) -> LeadSource {
    let mut found = fields.get(Slot::LeadSource).map(lead_source::parse).unwrap_or_default();
    let field = fields.get(Slot::Action).and_then(lead_source::parse_action);
    match (&found.action, field) {
        (None, field) => found.action = field,
        (Some(combined), Some(field)) if *combined != field && !found.is_test => {
            *contradictions += 1;
            if field == action::DNC {
                found.action = Some(field);
            }
        }
        _ => {}
    }
    if found.storefront.is_none() {
        found.storefront = fields.get(Slot::Source).and_then(lead_source::known_storefront).map(str::to_owned);
    }
    found
}

/// The first that applies, after test.
fn kind_of(fields: &Fields, found: &LeadSource, exclude: &Internal) -> &'static str {
    if found.action.as_deref() == Some(action::DNC) {
        kind::DO_NOT_CONTACT
    } else if [Slot::FirstName, Slot::LastName, Slot::FullName, Slot::Email, Slot::Phone]
        .iter()
        .all(|s| fields.get(*s).is_none())
    {
        kind::WITHHELD
    } else if exclude.matches(fields.get(Slot::Email), fields.get(Slot::Company)) {
        kind::INTERNAL
    } else {
        kind::GENUINE
    }
}

/// Where only a full name is given, its last word is the last name.
fn name_from_full(fields: &mut Fields) {
    if fields.get(Slot::FirstName).is_some() || fields.get(Slot::LastName).is_some() {
        return;
    }
    let Some(full) = fields.take(Slot::FullName) else { return };
    let (first, last) = full.rsplit_once(char::is_whitespace).unwrap_or(("", &full));
    fields.put(Slot::FirstName, first);
    fields.put(Slot::LastName, last);
}

/// Our own staff, in comparable form.
#[derive(Debug)]
struct Internal {
    domains: Vec<String>,
    emails: Vec<String>,
    companies: Vec<String>,
}

impl Internal {
    fn new(exclude: &Exclude) -> Self {
        let lower = |texts: &[String]| texts.iter().map(|t| t.trim().trim_start_matches('@').to_lowercase()).collect();
        Internal {
            domains: lower(&exclude.domains),
            emails: lower(&exclude.emails),
            companies: lower(&exclude.companies),
        }
    }

    fn matches(&self, email: Option<&str>, company: Option<&str>) -> bool {
        let company = company.map(|c| c.trim().to_lowercase());
        if company.is_some_and(|company| self.companies.contains(&company)) {
            return true;
        }
        let Some(email) = email.filter(|_| !self.domains.is_empty() || !self.emails.is_empty()) else { return false };
        let email = email.trim().replace("\\@", "@").to_lowercase();
        let domain = email.rsplit('@').next().filter(|_| email.contains('@')).unwrap_or_default();
        let under =
            |d: &String| domain.strip_suffix(d.as_str()).is_some_and(|sub| sub.is_empty() || sub.ends_with('.'));
        self.emails.contains(&email) || (!domain.is_empty() && self.domains.iter().any(under))
    }
}

/// Quarantine rows in the making.
#[derive(Default)]
struct Refusals {
    texts: [Vec<String>; 5],
    received: Vec<i64>,
}

impl Refusals {
    fn push(&mut self, source: &str, key: &str, stored: i64, reason: &str, detail: &str, payload: &[u8]) {
        let kept = payload.get(..KEPT_PAYLOAD).unwrap_or(payload);
        let mut text = String::from_utf8_lossy(kept).into_owned();
        if kept.len() < payload.len() && text.ends_with('\u{fffd}') {
            text.pop(); // the cut went through a character
        }
        for (column, value) in self.texts.iter_mut().zip([source, key, reason, detail, &text]) {
            column.push(value.to_owned());
        }
        self.received.push(stored);
    }

    fn into_frame(self) -> Result<DataFrame> {
        let height = self.received.len();
        let names = ["source", "source_key", "reason", "detail", "payload"];
        let mut columns: Vec<Column> =
            names.into_iter().zip(self.texts).map(|(name, texts)| Column::new(name.into(), texts)).collect();
        columns.push(instants("received_at", self.received)?);
        Ok(DataFrame::new(height, columns)?)
    }
}

/// The publisher's offers by id, by earlier id and by title.
struct Catalogue {
    /// Lower-case id, also an earlier one, to the id of today.
    ids: HashMap<String, String>,
    /// Comparable title to id.
    titles: HashMap<String, String>,
    /// Id to its first title.
    names: HashMap<String, String>,
    /// Id to its own stages, action in lower case.
    stages: HashMap<String, BTreeMap<String, String>>,
}

impl Catalogue {
    fn new(offers: &[Offer]) -> Self {
        let mut all =
            Catalogue { ids: HashMap::new(), titles: HashMap::new(), names: HashMap::new(), stages: HashMap::new() };
        for offer in offers {
            let id = offer.id.to_lowercase();
            for earlier in std::iter::once(&offer.id).chain(&offer.formerly) {
                all.ids.entry(earlier.to_lowercase()).or_insert_with(|| id.clone());
            }
            for title in &offer.title {
                all.titles.entry(comparable(title)).or_insert_with(|| id.clone());
            }
            if let Some(title) = offer.title.first() {
                all.names.entry(id.clone()).or_insert_with(|| title.clone());
            }
            let stages = offer.stages.iter().map(|(action, stage)| (action.to_lowercase(), stage.clone())).collect();
            all.stages.entry(id).or_insert(stages);
        }
        all
    }

    /// Today's id of what stands where an id should; ids nobody listed are kept.
    fn id(&self, found: &str) -> String {
        let by_title = || self.titles.get(&comparable(found)); // a title such as Node.js has the form of an id
        self.ids.get(found).or_else(by_title).cloned().unwrap_or_else(|| found.to_owned())
    }

    /// An id that lacks its publisher: the one offer of the catalogue that ends so.
    fn without_publisher(&self, found: &str) -> Option<String> {
        let found = found.to_lowercase();
        let mut fitting = self.ids.iter().filter(|(id, _)| id.split_once('.').is_some_and(|(_, offer)| offer == found));
        fitting.next().filter(|_| fitting.next().is_none()).map(|(_, id)| id.clone())
    }
}

/// A title for comparison: case and spacing don't count.
fn comparable(title: &str) -> String {
    contact::unescaped(title).split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Adds offer_id, publisher, offer and stage, which need the catalogue and the other leads.
fn name_offers(mut frame: DataFrame, catalogue: &Catalogue, settings: &Settings) -> Result<DataFrame> {
    let text = |name: &str| -> Result<StringChunked> { Ok(frame.column(name)?.str()?.rechunk().into_owned()) };
    let (ids, titles, products) = (text("offer_id")?, text("offer")?, text("product")?);
    let (actions, storefronts) = (text("action")?, text("storefront")?);
    // A title that leads with one single id bear names that id; a title of two offers names none.
    let mut by_title: HashMap<&str, Option<String>> = HashMap::new();
    for (id, title) in ids.iter().zip(titles.iter()) {
        let (Some(id), Some(title)) = (id, title) else { continue };
        match by_title.get_mut(title) {
            Some(Some(known)) if *known == id => {}
            Some(known) => {
                if known.as_ref().is_some_and(|k| *k != catalogue.id(id)) {
                    *known = None;
                }
            }
            None => {
                by_title.insert(title, Some(catalogue.id(id)));
            }
        }
    }
    let mut comparable_titles: BTreeMap<String, Option<String>> = BTreeMap::new();
    for (title, id) in by_title {
        comparable_titles
            .entry(comparable(title))
            .and_modify(|known| {
                if *known != id {
                    *known = None;
                }
            })
            .or_insert(id);
    }
    let stages: BTreeMap<String, &String> = settings.stages.iter().map(|(a, s)| (a.to_lowercase(), s)).collect();
    let of_title = |title: &str| {
        let title = comparable(title);
        catalogue.titles.get(&title).cloned().or_else(|| comparable_titles.get(&title).cloned().flatten())
    };
    let mut cache: HashMap<[Option<&str>; 3], Option<String>> = HashMap::new();
    let height = frame.height();
    let mut columns = ["offer_id", "publisher", "offer", "stage"].map(|n| Interned::new(n, height));
    for row in 0..height {
        let (id, title, product) = (ids.get(row), titles.get(row), products.get(row));
        let id = cache.entry([id, title, product]).or_insert_with(|| {
            id.map(|id| catalogue.id(id))
                .or_else(|| {
                    product.and_then(|p| {
                        catalogue.without_publisher(p).or_else(|| catalogue.titles.get(&comparable(p)).cloned())
                    })
                })
                .or_else(|| title.and_then(of_title))
                .or_else(|| product.filter(|p| !p.contains(char::is_whitespace)).map(str::to_lowercase))
        });
        let id = id.as_deref();
        let (act, storefront) = (actions.get(row), storefronts.get(row));
        let configured = act.map(str::to_lowercase).and_then(|act| {
            let own = id.and_then(|id| catalogue.stages.get(id)).and_then(|stages| stages.get(&act));
            own.or_else(|| stages.get(&act).copied())
        });
        let [ids, publishers, offers, stages] = &mut columns;
        ids.push(id);
        publishers.push(id.and_then(|id| id.split_once('.')).map(|(publisher, _)| publisher));
        offers.push(title.or_else(|| id.and_then(|id| catalogue.names.get(id)).map(String::as_str)));
        stages.push(Some(configured.map_or_else(|| default_stage(act, storefront), String::as_str)));
    }
    drop(cache);
    let columns = columns.map(Interned::finish);
    drop((ids, titles, products, actions, storefronts));
    frame.drop_in_place("product")?;
    for column in columns {
        frame.with_column(column?)?;
    }
    Ok(frame)
}

/// One finding for each source and reason.
fn refusals(quarantine: &Table<Quarantine>) -> Result<Vec<Finding>> {
    let frame = quarantine.frame();
    let mut counts: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for (source, reason) in frame.column("source")?.str()?.iter().zip(frame.column("reason")?.str()?.iter()) {
        if let (Some(source), Some(reason)) = (source, reason) {
            *counts.entry((source, reason)).or_default() += 1;
        }
    }
    let finding = |((source, reason), count): ((&str, &str), i64)| {
        let level = if reason == codes::quarantine::NOT_A_LEAD { level::LIST } else { level::MAIL };
        Finding::new(level, source, AboutLeads::Refused(reason.to_owned()), count)
    };
    Ok(counts.into_iter().map(finding).collect())
}

#[cfg(test)]
mod tests;
