//! Every table that passes between stages or is published: grain, key, columns, types, meaning.
//!
//! This is the data dictionary. A stage takes and gives [`Table`]s; a table is made only by [`Table::new`], which
//! checks it, so a wrong column is reported at the seam, all problems at once. CSV headers, the empty tables that
//! queries are tried on, and what `leadrecon query` offers come from here.
//!
//! Tables with `published` set are written in every run: those of the contract (whose first columns are the contract's, in
//! its order; ours follow), and what else the built-in queries read, so that they run unchanged on another engine over
//! the same files. The others are passed inside only.

use std::marker::PhantomData;

use polars::prelude::*;

use crate::codes::{
    change, finding, kind, level, link, measure, outcome, quarantine, reason, stage, status, unexplained, verdict,
};
use crate::error::{Error, Result};

pub use self::interned::Interned;
pub use self::lean::{lean, stacked};

mod interned;
mod lean;
mod samples;

/// What a column holds. Each kind is one Polars type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text as typed; never empty: nothing is null.
    Text,
    /// One of the codes of a list.
    Code(&'static [&'static str]),
    /// Raw bytes.
    Bytes,
    /// True or false.
    Flag,
    /// A whole number, Int64.
    Count,
    /// A double: weights, probabilities, rates, ratios.
    Number,
    /// An instant, UTC, microseconds.
    Instant,
    /// A calendar day.
    Day,
    /// Money in the row's currency: Decimal(38,18).
    Money,
}

impl Kind {
    /// The Polars type of the kind.
    pub fn dtype(self) -> DataType {
        match self {
            Kind::Text | Kind::Code(_) => DataType::String,
            Kind::Bytes => DataType::Binary,
            Kind::Flag => DataType::Boolean,
            Kind::Count => DataType::Int64,
            Kind::Number => DataType::Float64,
            Kind::Instant => DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC)),
            Kind::Day => DataType::Date,
            Kind::Money => DataType::Decimal(38, 18),
        }
    }

    /// The type in words that people and other engines know.
    pub fn in_words(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Code(_) => "code",
            Kind::Bytes => "bytes",
            Kind::Flag => "boolean",
            Kind::Count => "integer",
            Kind::Number => "double",
            Kind::Instant => "timestamp, UTC",
            Kind::Day => "date",
            Kind::Money => "decimal(38,18)",
        }
    }
}

/// One column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name, the same in Rust, SQL, CSV and templates.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it may be null.
    pub nullable: bool,
    /// Meaning, unit, and what null says.
    pub meaning: &'static str,
}

/// The description of a table, without its rows.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// Plural noun; file name under `tables/`, name in SQL.
    pub name: &'static str,
    /// What a row is.
    pub grain: &'static str,
    /// The columns that name a row; never null, no two rows alike.
    pub key: &'static [&'static str],
    /// Whether it is published under `tables/`.
    pub published: bool,
    /// All columns in order.
    pub columns: &'static [Column],
}

/// Columns that show a person or lead to one.
const OF_PEOPLE: [&str; 13] = [
    "company", "description", "email", "first_name", "key", "last_name", "lead_id", "payload", "person_id", "phone",
    "record_id", "source_key", "title",
];

/// Tables that programs read, and nobody opens in a spreadsheet: one row for each lead, record or day.
const FOR_PROGRAMS: [&str; 8] =
    ["leads", "identities", "people", "journeys", "reconciliation", "crm_records", "calendar", "charges"];

/// Whether a published table shows people, by its name; one of a user's own query may.
pub fn shows_people(table: &str) -> bool {
    ALL.iter().find(|d| d.name == table).is_none_or(|d| d.columns.iter().any(|c| OF_PEOPLE.contains(&c.name)))
}

/// Whether people open a published table in a spreadsheet.
pub fn is_opened(table: &str) -> bool {
    !FOR_PROGRAMS.contains(&table)
}

impl Definition {
    /// The table with no rows.
    pub fn empty(&self) -> DataFrame {
        let columns =
            self.columns.iter().map(|c| polars::prelude::Column::new_empty(c.name.into(), &c.kind.dtype())).collect();
        DataFrame::new(0, columns).expect("column names of a definition are unique")
    }

    /// Brings a frame into this definition: columns in order, types checked, rows sorted by key, key unique.
    ///
    /// # Errors
    /// Lists every missing, unexpected or wrongly typed column, nulls in required columns, and repeated keys.
    pub fn conform(&self, frame: DataFrame) -> Result<DataFrame> {
        self.check(&frame)?;
        let selected = frame.select(self.columns.iter().map(|c| c.name))?;
        drop(frame);
        let sorted = self.sorted(selected)?;
        self.check_unique(&sorted)?;
        Ok(sorted)
    }

    /// Sorts rows by key, column by column: a table of a million leads is never in memory twice.
    fn sorted(&self, frame: DataFrame) -> Result<DataFrame> {
        if self.key.is_empty() || frame.height() < 2 {
            return Ok(frame);
        }
        const ROW: &str = "\u{0}row";
        let order = frame
            .select(self.key.iter().copied())?
            .with_row_index(ROW.into(), None)?
            .sort(self.key.iter().copied(), SortMultipleOptions::default().with_maintain_order(true))?
            .column(ROW)?
            .idx()?
            .clone();
        if order.iter().zip(0..).all(|(row, n)| row == Some(n)) {
            let mut frame = frame;
            frame.rechunk_mut_par();
            return Ok(frame);
        }
        let height = frame.height();
        let columns = frame
            .into_columns()
            .into_iter()
            .map(|column| column.take(&order))
            .collect::<PolarsResult<Vec<polars::prelude::Column>>>()?;
        Ok(DataFrame::new(height, columns)?)
    }

    /// Like [`Self::conform`], but keeps the order of the rows: for tables whose order is their message.
    ///
    /// # Errors
    /// As [`Self::conform`].
    pub fn conform_in_order(&self, frame: DataFrame) -> Result<DataFrame> {
        self.check(&frame)?;
        let frame = frame.select(self.columns.iter().map(|c| c.name))?;
        self.check_unique(&frame.sort(self.key.iter().copied(), SortMultipleOptions::default())?)?;
        Ok(frame)
    }

    fn check(&self, frame: &DataFrame) -> Result<()> {
        let mut problems = Vec::new();
        for column in self.columns {
            match frame.column(column.name) {
                Err(_) => problems.push(format!("column {} is missing", column.name)),
                Ok(found) if found.dtype() != &column.kind.dtype() => {
                    problems.push(format!(
                        "column {} is {}, expected {}",
                        column.name,
                        found.dtype(),
                        column.kind.dtype()
                    ));
                }
                Ok(found) if !column.nullable && found.null_count() > 0 => {
                    let nulls = crate::error::count(found.null_count(), "null", "nulls");
                    problems.push(format!("column {} has {nulls}, expected none", column.name));
                }
                Ok(found) => problems.extend(strange(column, found)?),
            }
        }
        for name in frame.get_column_names() {
            if !self.columns.iter().any(|c| c.name == name.as_str()) {
                problems.push(format!("column {name} is not part of the table"));
            }
        }
        if problems.is_empty() {
            return Ok(());
        }
        Err(Error::failed(format!("table {} does not have its agreed shape", self.name))
            .because(problems.join("; "))
            .hint("this is a fault in leadrecon or in a query of yours that replaces a built-in one"))
    }

    /// `sorted` is sorted by key, so equal keys are neighbours.
    fn check_unique(&self, sorted: &DataFrame) -> Result<()> {
        if sorted.height() < 2 || self.key.is_empty() {
            return Ok(());
        }
        let repeats = sorted
            .clone()
            .lazy()
            .select([all_horizontal(
                self.key.iter().map(|k| col(*k).eq_missing(col(*k).shift(lit(1)))).collect::<Vec<_>>(),
            )?
            .slice(lit(1), lit(u32::MAX))
            .sum()
            .cast(DataType::Int64)
            .alias("repeats")])
            .collect()?
            .column("repeats")?
            .i64()?
            .get(0)
            .unwrap_or(0);
        if repeats == 0 {
            return Ok(());
        }
        Err(Error::failed(format!(
            "table {} holds {} whose key ({}) another row has",
            self.name,
            crate::error::count(usize::try_from(repeats).unwrap_or(usize::MAX), "row", "rows"),
            self.key.join(", ")
        ))
        .hint("a row counted twice breaks the books; please report this with the version"))
    }
}

/// The problem of a code column with values that its list does not have; their text is not told, it may be anybody's.
fn strange(column: &Column, found: &polars::prelude::Column) -> Result<Option<String>> {
    let Kind::Code(list) = column.kind else { return Ok(None) };
    let strange = found.str()?.iter().flatten().filter(|code| !list.contains(code)).count();
    let name = column.name;
    Ok((strange > 0).then(|| {
        let strange = crate::error::count(strange, "value that is", "values that are");
        format!("column {name} has {strange} none of {}", list.join(", "))
    }))
}

/// A column of amounts in units of 10⁻¹⁸.
///
/// # Errors
/// Never in practice.
pub fn money(name: &str, amounts: impl Iterator<Item = Option<i128>>) -> Result<polars::prelude::Column> {
    let DataType::Decimal(precision, scale) = Kind::Money.dtype() else {
        return Err(Error::failed("money is no decimal any more"));
    };
    let values = Int128Chunked::from_iter_options(name.into(), amounts);
    Ok(values.into_decimal(precision, scale)?.into_column())
}

/// The published tables as a page: of each what a row is, its key, and of each column type and meaning. `own` are tables that
/// a user's queries made: name, grain and title.
pub fn in_markdown<'a>(own: impl Iterator<Item = (&'a str, &'a str, &'a str)>) -> String {
    let mut page = String::from(
        "# Tables\n\nEvery table of this folder, as Parquet (exact) and, for those that people open, as CSV. Times are UTC. \
         `leadrecon query --describe TABLE` shows the same.\n",
    );
    let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
    for table in ALL.iter().filter(|table| table.published) {
        page += &format!("\n## {}\n\nOne row per {}. Key: {}.\n\n", table.name, table.grain, table.key.join(", "));
        page += "| column | type | null | meaning |\n|---|---|---|---|\n";
        for column in table.columns {
            let null = if column.nullable { "may be" } else { "never" };
            page +=
                &format!("| `{}` | {} | {null} | {} |\n", column.name, column.kind.in_words(), cell(column.meaning));
        }
    }
    for (name, grain, title) in own {
        page += &format!("\n## {name}\n\nOf a query of yours: {}. {}.\n", cell(title), cell(grain));
    }
    page
}

/// A type that names one table.
pub trait Grain: Send + Sync + 'static {
    /// The table's description.
    const DEFINITION: Definition;
}

/// A frame that is known to have the shape of `T`.
pub struct Table<T: Grain> {
    frame: DataFrame,
    of: PhantomData<T>,
}

impl<T: Grain> Clone for Table<T> {
    fn clone(&self) -> Self {
        Table { frame: self.frame.clone(), of: PhantomData }
    }
}

impl<T: Grain> std::fmt::Debug for Table<T> {
    /// Shape only: rows are personal data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Table {} ({} rows)", T::DEFINITION.name, self.frame.height())
    }
}

impl<T: Grain> Table<T> {
    /// Checks a frame, puts its columns in order and sorts it by key.
    ///
    /// # Errors
    /// See [`Definition::conform`].
    pub fn new(frame: DataFrame) -> Result<Self> {
        Ok(Table { frame: T::DEFINITION.conform(frame)?, of: PhantomData })
    }

    /// Checks a frame and keeps the order of its rows.
    ///
    /// # Errors
    /// See [`Definition::conform`].
    pub fn in_order(frame: DataFrame) -> Result<Self> {
        Ok(Table { frame: T::DEFINITION.conform_in_order(frame)?, of: PhantomData })
    }

    /// No rows.
    pub fn empty() -> Self {
        Table { frame: T::DEFINITION.empty(), of: PhantomData }
    }

    /// The rows.
    pub fn frame(&self) -> &DataFrame {
        &self.frame
    }

    /// The rows as a lazy plan.
    pub fn lazy(&self) -> LazyFrame {
        self.frame.clone().lazy()
    }

    /// Number of rows.
    pub fn height(&self) -> usize {
        self.frame.height()
    }

    /// The rows, without the check mark.
    pub fn into_frame(self) -> DataFrame {
        self.frame
    }

    /// A text column, row by row.
    ///
    /// # Errors
    /// When the table has no such column of that kind: a fault of ours.
    pub fn texts(&self, column: &str) -> Result<Vec<Option<&str>>> {
        Ok(self.frame.column(column)?.str()?.iter().collect())
    }

    /// A text column as it is stored: to look up single rows, without a list of them all in memory.
    ///
    /// # Errors
    /// As [`Self::texts`].
    pub fn text(&self, column: &str) -> Result<&StringChunked> {
        Ok(self.frame.column(column)?.str()?)
    }

    /// Some neighbouring rows; nothing is copied.
    #[must_use]
    pub fn part(&self, rows: std::ops::Range<usize>) -> Self {
        let from = i64::try_from(rows.start).unwrap_or(i64::MAX);
        Table { frame: self.frame.slice(from, rows.len()), of: PhantomData }
    }

    /// Where the rows stand whose first key column is this: the table is in the order of its key.
    ///
    /// # Errors
    /// As [`Self::texts`].
    pub fn rows_of(&self, first: &str) -> Result<std::ops::Range<usize>> {
        let column = self.text(T::DEFINITION.key.first().copied().unwrap_or_default())?;
        let place = |is_before: &dyn Fn(&str) -> bool| {
            let (mut from, mut to) = (0, column.len());
            while from < to {
                let middle = from.midpoint(to);
                if is_before(column.get(middle).unwrap_or_default()) { from = middle + 1 } else { to = middle }
            }
            from
        };
        Ok(place(&|value| value < first)..place(&|value| value <= first))
    }

    /// An instant column, row by row, in microseconds since 1970.
    ///
    /// # Errors
    /// As [`Self::texts`].
    pub fn instants(&self, column: &str) -> Result<Vec<Option<i64>>> {
        Ok(self.frame.column(column)?.datetime()?.physical().iter().collect())
    }

    /// A flag column, row by row; null is false.
    ///
    /// # Errors
    /// As [`Self::texts`].
    pub fn flags(&self, column: &str) -> Result<Vec<bool>> {
        Ok(self.frame.column(column)?.bool()?.iter().map(|flag| flag == Some(true)).collect())
    }

    /// A column of doubles, row by row.
    ///
    /// # Errors
    /// As [`Self::texts`].
    pub fn numbers(&self, column: &str) -> Result<Vec<Option<f64>>> {
        Ok(self.frame.column(column)?.f64()?.iter().collect())
    }
}

macro_rules! nullable {
    () => {
        false
    };
    (?) => {
        true
    };
}

macro_rules! kind {
    (Code[$list:expr]) => {
        Kind::Code($list)
    };
    ($kind:ident) => {
        Kind::$kind
    };
}

macro_rules! tables {
    ($( $(#[$doc:meta])* $type:ident $name:literal, one row per $grain:literal, key [$($key:ident),*], published $published:literal;
        { $( $column:ident : $kind:ident $([$list:expr])? $(($null:tt))? $meaning:literal, )+ } )+) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub struct $type;
            impl Grain for $type {
                const DEFINITION: Definition = Definition {
                    name: $name,
                    grain: $grain,
                    key: &[$(stringify!($key)),*],
                    published: $published,
                    columns: &[$( Column {
                        name: stringify!($column),
                        kind: kind!($kind $([$list])?),
                        nullable: nullable!($($null)?),
                        meaning: $meaning,
                    } ),+],
                };
            }
        )+
        /// Every table there is, contract tables first in the contract's order.
        pub const ALL: &[Definition] = &[$($type::DEFINITION),+];
    };
}

tables! {
    /// Leads: raw leads that could be read, received up to the as-of day.
    Leads "leads", one row per "lead", key [lead_id], published true;
    {
        lead_id: Text "first 16 hex digits of SHA-256 over source, a zero byte, source_key",
        source: Text "name of the source it was first landed from",
        source_key: Text "PartitionKey/RowKey, or blob name or file path with #n for record n ≥ 2",
        received_at: Instant "when the marketplace raised it: its own time, else the store's",
        storefront: Text(?) "azure-marketplace, appsource, azure-portal, test-drive, or the text as found",
        action: Text(?) "INS, PLT, DNC, Create, StartTestDrive, or the text as found",
        stage: Code[stage::ALL] "trial, interest, contact, purchase or none",
        kind: Code[kind::ALL] "test, do-not-contact, withheld, internal or genuine",
        offer_id: Text(?) "publisher.offer in lower case",
        publisher: Text(?) "part of offer_id before the first dot",
        offer: Text(?) "title of the offer",
        first_name: Text(?) "as typed, trimmed",
        last_name: Text(?) "as typed, trimmed",
        email: Text(?) "as typed, trimmed",
        phone: Text(?) "as typed, trimmed",
        company: Text(?) "as typed, trimmed",
        title: Text(?) "job title as typed, trimmed",
        country: Text(?) "as typed, trimmed",
        description: Text(?) "notes of the customer or parameters of the link, as found",
        campaign: Text(?) "campaign id of the storefront link",
        lead_source: Text(?) "lead source as found, before parsing",
        received_from: Text "which time received_at is: created-time, body, timestamp or stored",
        landed_on: Day "UTC day of its first landing",
        origins: Count "in how many sources the same key and payload stands",
        versions: Count "how many payloads the key has had",
        country_code: Text(?) "ISO 3166-1 alpha-2 of country, else of an international phone; null where unsure",
    }

    /// Raw leads that cannot be read. Protect it like the leads: the payload is personal data.
    Quarantine "quarantine", one row per "refused raw lead", key [source, source_key], published true;
    {
        source: Text "name of the source",
        source_key: Text "as in leads",
        received_at: Instant "the store's time",
        reason: Code[quarantine::ALL] "not-text, not-json, not-a-lead, customer-info or too-large",
        detail: Text "what was expected and what was found, without personal data",
        payload: Text(?) "what was stored, bounded in size; bytes that are not text as U+FFFD",
    }

    /// Which person each lead belongs to.
    Identities "identities", one row per "lead", key [lead_id], published true;
    {
        lead_id: Text "the lead",
        person_id: Text(?) "the person; null for test and withheld leads, which are nobody",
        match_weight: Number(?) "log2 odds of the strongest link to the person's other leads; null if alone",
        match_probability: Number(?) "probability of that link",
        linked_by: Code[link::ALL](?) "key, email, phone, name, model, decision; null if alone",
    }

    /// People, recognised across leads.
    People "people", one row per "person", key [person_id], published true;
    {
        person_id: Text "first 16 hex digits of SHA-256 over the anchor's lead_id",
        first_name: Text(?) "newest known value",
        last_name: Text(?) "newest known value",
        email: Text(?) "newest known value",
        phone: Text(?) "newest known value",
        company: Text(?) "newest known value",
        title: Text(?) "newest known value",
        country: Text(?) "newest known value",
        first_seen: Instant "received_at of the first lead",
        last_seen: Instant "received_at of the last lead",
        leads: Count "leads of the person, of every kind",
        offers: Count "distinct offers",
        do_not_contact: Flag "whether any lead is do-not-contact",
        country_code: Text(?) "ISO 3166-1 alpha-2 of country, else of an international phone; null where unsure",
    }

    /// One person's way through one offer's stages, genuine leads only, each event once.
    Journeys "journeys", one row per "person and offer", key [person_id, offer_id], published true;
    {
        person_id: Text "the person",
        offer_id: Text "the offer; (none) where no lead names one",
        storefront: Text "of the first lead; (none) where it names none",
        trial_at: Instant(?) "first trial",
        interest_at: Instant(?) "first interest",
        contact_at: Instant(?) "first contact request",
        purchase_at: Instant(?) "first purchase",
        furthest_stage: Code[stage::ALL] "the highest stage reached: trial, interest, contact, purchase, none",
        leads: Count "genuine leads of the journey, each event once",
        next_step: Text "what sales would do next",
        first_at: Instant "received_at of the first lead: the period the journey counts in",
    }

    /// CRM records of every export ever read, newest version of each, with the person they were given to.
    CrmRecords "crm_records", one row per "destination and record", key [destination, record_id], published true;
    {
        destination: Text "name of the destination",
        record_id: Text "the CRM's own id, in the CRM's long form",
        object: Text "lead, contact, task, campaign-member, form-activity, opportunity",
        created_at: Instant(?) "when the CRM made it; null where the export has no such column",
        modified_at: Instant(?) "last modification",
        status: Text(?) "status text as found",
        outcome: Code[outcome::ALL](?) "open, qualified, won, lost; null if unknown",
        owner: Text(?) "owner as found",
        last_activity_at: Instant(?) "last activity of sales",
        opted_out: Flag(?) "opted out of mail or calls",
        email: Text(?) "as found; placeholders are null",
        phone: Text(?) "as found",
        first_name: Text(?) "as found",
        last_name: Text(?) "as found",
        company: Text(?) "as found",
        person_id: Text(?) "best-fitting person above the threshold, or null",
        key: Text(?) "the raw lead's RowKey or lead_id, where the forwarder keeps it",
        lead_source: Text(?) "lead source text as found",
        storefront: Text(?) "parsed from lead_source",
        action: Text(?) "parsed from lead_source",
        offer_id: Text(?) "parsed from lead_source",
        merged_into: Text(?) "record_id of the survivor of a merge",
        deleted: Flag "whether the CRM says it is deleted",
        title: Text(?) "job title as found",
        country: Text(?) "as found",
        description: Text(?) "as found",
        offer: Text(?) "offer title, where the lead source names a title instead of an id",
        resolution: Text "of created_at: second, minute, day, none; hour-twice where clocks went back",
        marketplace: Flag "whether it shows a marketplace lead source, or delivered_by names it",
        opportunity: Text(?) "id of the opportunity it was converted to",
        present: Flag "whether it stands in the newest export",
        first_landed_on: Day "UTC day on which it was first read",
        match_weight: Number(?) "of the record to its person",
        matched_by: Code[link::ALL](?) "key, email, phone, name, model, decision",
        country_code: Text(?) "ISO 3166-1 alpha-2 of country, else of an international phone; null where unsure",
        amount: Money(?) "of an opportunity its amount; of another record what its won opportunities bring together",
        currency: Text(?) "ISO 4217 of amount; null where the export does not say",
        won_at: Instant(?) "last change of the won opportunity: the nearest to when it was won that exports tell",
    }

    /// What each column of every file was taken for.
    ColumnsRead "columns_read", one row per "column of an export, source or cost file", key [destination, file, column], published true;
    {
        destination: Text "name of the destination, of the witness, or cost, or spend",
        file: Text "path relative to the configuration file, or blob name",
        column: Text "its label; (2) behind one that stands before, (column n) for one without",
        role: Text(?) "the field that it is read as; null if it is not used",
        form: Text "what its values look like: e-mail, phone, id, date with its order, number, flag, lead source, text, blank",
        evidence: Text "by what it was recognised: its label, named by the file, its values, configured; or why it was not",
    }

    /// What each night's reading of each file gave.
    Readings "readings", one row per "reading of an export, witness or cost file", key [destination, file, as_of], published true;
    {
        destination: Text "name of the destination, of the witness, or cost, or spend",
        file: Text "path relative to the configuration file, or blob name",
        read_at: Instant "day on which it was first read for this as-of day",
        whole: Flag "whether it was read to its end, and ends with a row",
        problem: Text(?) "why it was not read, or not whole",
        rows: Count "rows that it has, without headers, blanks and totals",
        records: Count "records made of them",
        strangers: Count "rows that can concern no lead and were passed over",
        set_aside: Count "rows that could not be used",
        first_at: Instant(?) "earliest time of any record",
        last_at: Instant(?) "latest time of any record",
        as_of: Day "the as-of day of the run that read it",
        object: Text(?) "what its rows are",
        silent: Code[reason::ALL](?) "why nothing new was concluded from all that was read of the destination that day",
    }

    /// Rows of exports that could not be used.
    SetAside "set_aside", one row per "refused export row", key [destination, file, row], published true;
    {
        destination: Text "name of the destination, of the witness, or cost, or spend",
        file: Text "path relative to the configuration file, or blob name",
        row: Count "1 is the header's line or the first record",
        reason: Text "trailer, ragged, no-id, no-time, bad-time, bad-amount, other-object, duplicate",
        detail: Text "without personal data",
    }

    /// One verdict for every lead at every destination it is routed to (and one row, destination empty, if to none).
    Reconciliation "reconciliation", one row per "lead and destination routed to", key [lead_id, destination], published true;
    {
        lead_id: Text "the lead",
        person_id: Text(?) "its person",
        destination: Text "name of the destination; empty for not-routed",
        verdict: Code[verdict::ALL] "matched, missed, pending or excluded",
        reason: Code[reason::ALL] "see the list of reasons",
        record_id: Text(?) "the record that accounts for it",
        match_weight: Number(?) "of the record to the person",
        matched_by: Code[link::ALL](?) "key, email, phone, name, model, decision",
        delay_seconds: Number(?) "created_at of the record less received_at",
        outage_id: Text(?) "the outage that lost it",
        event_id: Text "lead_id of the event's first delivery",
        received_at: Instant "of the lead",
    }

    /// Open and settled missed leads, most urgent first.
    MissedLeads "missed_leads", one row per "lead missed at a destination", key [lead_id, destination], published true;
    {
        lead_id: Text "the lead",
        person_id: Text(?) "its person",
        destination: Text "where it did not arrive",
        received_at: Instant "when the marketplace raised it",
        storefront: Text(?) "as in leads",
        action: Text(?) "as in leads",
        stage: Code[stage::ALL] "as in leads",
        offer_id: Text(?) "as in leads",
        first_name: Text(?) "as typed",
        last_name: Text(?) "as typed",
        email: Text(?) "as typed",
        phone: Text(?) "as typed",
        company: Text(?) "as typed",
        title: Text(?) "as typed",
        country: Text(?) "as typed",
        reason: Code[reason::ALL] "outage, cause or isolated",
        outage_id: Text(?) "the outage that lost it",
        first_reported_on: Day "as-of date of the first report that named it",
        status: Code[status::ALL] "new, open, replayed, closed or given-up",
        settled_on: Day(?) "as-of date of the first report that found it closed",
        offer: Text(?) "title of the offer",
    }

    /// Leads that were missed on an earlier day and are matched now.
    RecoveredLeads "recovered_leads", one row per "lead missed on an earlier day, matched now", key [lead_id, destination], published true;
    {
        lead_id: Text "the lead",
        person_id: Text(?) "its person",
        destination: Text "where it arrived after all",
        first_reported_on: Day "first report that called it missed",
        recovered_on: Day "first report that calls it matched",
        record_id: Text(?) "the record that accounts for it",
        outage_id: Text(?) "the outage that had lost it, by the last report that called it missed",
        waited_seconds: Number(?) "created_at of the record less received_at of the lead",
    }

    /// Marketplace records of a destination that no lead accounts for.
    UnexplainedRecords "unexplained_records", one row per "marketplace record no lead accounts for", key [destination, record_id], published true;
    {
        destination: Text "name of the destination",
        record_id: Text "the record",
        created_at: Instant(?) "of the record",
        lead_source: Text(?) "as found",
        reason: Code[unexplained::ALL] "further-delivery, test-lead, do-not-contact, no-lead, unknown-offer",
        lead_id: Text(?) "the lead that it delivers again, or that should not have been sent",
    }

    /// Leads that only a witness or a CRM saw: lost before they reached the store.
    LostAtSource "lost_at_source", one row per "lead only a witness saw", key [witness, record_id], published true;
    {
        witness: Text "name of the witness, or of the destination whose record nobody sent",
        record_id: Text "the witness's id of it",
        received_at: Instant(?) "when the witness saw it",
        offer_id: Text(?) "the offer",
        first_name: Text(?) "as found",
        last_name: Text(?) "as found",
        email: Text(?) "as found",
        company: Text(?) "as found",
        outage_id: Text(?) "the outage of the store, scope source",
    }

    /// Delivered, and nobody touched it.
    Untouched "untouched", one row per "lead delivered and untouched", key [lead_id, destination], published true;
    {
        lead_id: Text "the lead",
        person_id: Text(?) "its person",
        destination: Text "name of the destination",
        record_id: Text "the record that waits",
        owner: Text(?) "owner or queue",
        status: Text(?) "status as found",
        created_at: Instant(?) "of the record",
        working_days: Count "working days waited, Monday to Friday, up to the as-of day",
    }

    /// People of the run before who became one, or one of whom became several.
    ChangedPeople "changed_people", one row per "person before and person now",
        key [person_id_before, person_id, change], published true;
    {
        person_id_before: Text "the person in the run before",
        person_id: Text "the person now",
        change: Code[change::ALL] "merged or split",
        lead_id: Text(?) "the lead that caused it; null where no single one did",
    }

    /// Stretches of time in which a destination, or a part of it, took no leads.
    Outages "outages", one row per "outage", key [outage_id], published true;
    {
        outage_id: Text "first 16 hex digits of SHA-256 over destination, scope and lead_id of the first missed lead",
        destination: Text "name of the destination; empty for an outage of the store",
        scope: Text "all, offer=…, action=…, storefront=… or source",
        began_after: Instant(?) "received_at of the last delivered trial before; null if none",
        began_by: Instant "received_at of the first missed trial",
        ended_after: Instant "received_at of the last missed trial",
        ended_by: Instant(?) "received_at of the first delivered trial after; null while ongoing",
        ongoing: Flag "whether no delivered trial follows",
        leads: Count "leads of the trials inside",
        missed: Count "of them missed",
        people: Count "people of the missed",
        base_miss_rate: Number "share of trials missed outside outages",
        e_value: Number "expected number of such stretches by chance in a run",
        imported_late: Count "of the missed, those a record was made for later than grace: lost then, not any more",
        last_imported_at: Instant(?) "created_at of the last of those records; null if there is none",
        text: Text "the outage in words",
    }

    /// Patterns that missed leads outside outages share and delivered ones do not.
    Causes "causes", one row per "pattern", key [destination, condition], published true;
    {
        destination: Text "name of the destination",
        condition: Text "the pattern in words, without personal data",
        missed: Count "missed leads under the condition",
        delivered: Count "delivered leads under the condition",
        e_value: Number "expected number of such patterns by chance in a run",
        advice: Text "the setting to look at",
        text: Text "the pattern as people read it: an offer by its title, with its id",
    }

    /// What a person should act on.
    Findings "findings", one row per "finding", key [level, code, destination, text], published true;
    {
        level: Code[&level::ALL] "page, mail or list",
        code: Code[finding::ALL] "stable kebab-case code",
        destination: Text "name of the destination or source; empty if none",
        text: Text "a sentence without personal data",
        count: Count "how many it speaks of",
        new: Flag "whether no earlier day reported it",
    }

    /// How many people reach each stage. A journey counts in the month and storefront of its first lead.
    Funnel "funnel", one row per "period, offer and storefront", key [period, offer_id, storefront], published true;
    {
        period: Day "first day of the month, in the report's time zone",
        offer_id: Text "the offer, (none), or (all)",
        storefront: Text "the storefront, (none), or (all)",
        people: Count "distinct people",
        trial: Count "people who reached the stage",
        interest: Count "people who reached the stage",
        contact: Count "people who reached the stage",
        purchase: Count "people who reached the stage",
        in_crm: Count "people with a matched lead",
        qualified: Count "people whose lead's record is qualified or won",
        won: Count(?) "people whose lead's record is won; null without opportunities",
        trial_rate: Number(?) "trial ÷ people; null when people is 0",
        trial_rate_low: Number(?) "Wilson 95 % lower bound",
        trial_rate_high: Number(?) "Wilson 95 % upper bound",
        interest_rate: Number(?) "interest ÷ people",
        interest_rate_low: Number(?) "Wilson 95 % lower bound",
        interest_rate_high: Number(?) "Wilson 95 % upper bound",
        contact_rate: Number(?) "contact ÷ people",
        contact_rate_low: Number(?) "Wilson 95 % lower bound",
        contact_rate_high: Number(?) "Wilson 95 % upper bound",
        purchase_rate: Number(?) "purchase ÷ people",
        purchase_rate_low: Number(?) "Wilson 95 % lower bound",
        purchase_rate_high: Number(?) "Wilson 95 % upper bound",
        in_crm_rate: Number(?) "in_crm ÷ people",
        in_crm_rate_low: Number(?) "Wilson 95 % lower bound",
        in_crm_rate_high: Number(?) "Wilson 95 % upper bound",
        qualified_rate: Number(?) "qualified ÷ people",
        qualified_rate_low: Number(?) "Wilson 95 % lower bound",
        qualified_rate_high: Number(?) "Wilson 95 % upper bound",
        won_rate: Number(?) "won ÷ people",
        won_rate_low: Number(?) "Wilson 95 % lower bound",
        won_rate_high: Number(?) "Wilson 95 % upper bound",
    }

    /// How far people get in a sale. Whoever is at a later step has come past the earlier ones, whatever was skipped.
    FunnelSteps "funnel_steps", one row per "offer and step of a sale", key [offer_id, step], published true;
    {
        offer_id: Text "the offer, (none), or (all), which counts each person once",
        step: Count "1 trial, 2 interest, 3 contact, 4 qualified, 5 purchase, 6 won; won only where opportunities are known",
        stage: Text "name of the step",
        people: Count "people with a genuine lead",
        reached: Count "people who reached this step or a later one",
        itself: Count "people who reached this very step",
        rate: Number(?) "reached ÷ people",
        rate_low: Number(?) "Wilson 95 % lower bound",
        rate_high: Number(?) "Wilson 95 % upper bound",
        step_rate: Number(?) "reached ÷ reached of the step before; null if that is 0",
        step_rate_low: Number(?) "Wilson 95 % lower bound",
        step_rate_high: Number(?) "Wilson 95 % upper bound",
        timed: Count "people of whom the time from an act of an earlier stage is known; CRMs do not tell when they qualified",
        median_seconds: Number(?) "time from the latest act of an earlier stage to the first of this one, that half do not exceed",
        p90_seconds: Number(?) "the same for nine in ten",
    }

    /// Of how many people everything, something or nothing arrived, over all CRMs that an export has spoken for.
    Arrivals "arrivals", one row per "offer", key [offer_id], published true;
    {
        offer_id: Text "the offer, (none), or (all), which counts each person once",
        people: Count "people with a genuine lead",
        all_arrived: Count "people with matched leads and no missed one",
        some_arrived: Count "people with matched and missed leads",
        none_arrived: Count "people with missed leads and no matched one",
        unspoken: Count "people of whom no export has spoken",
    }

    /// How many people of each country reach each stage.
    FunnelByCountry "funnel_by_country", one row per "country", key [country_code], published true;
    {
        country_code: Text "ISO 3166-1 alpha-2 of the person; (none) where unsure",
        people: Count "distinct people",
        trial: Count "people who reached the stage",
        interest: Count "people who reached the stage",
        contact: Count "people who reached the stage",
        purchase: Count "people who reached the stage",
        in_crm: Count "people with a matched lead",
        qualified: Count "people whose lead's record is qualified or won",
        won: Count(?) "people whose lead's record is won; null without opportunities",
        purchase_rate: Number(?) "purchase ÷ people",
        purchase_rate_low: Number(?) "Wilson 95 % lower bound",
        purchase_rate_high: Number(?) "Wilson 95 % upper bound",
    }

    /// How many people of each campaign reach each stage, by first and by last touch.
    FunnelByCampaign "funnel_by_campaign", one row per "touch and campaign", key [touch, campaign], published true;
    {
        touch: Text "first or last: of which genuine lead of the person the campaign is",
        campaign: Text "campaign id of the storefront link, or (none)",
        people: Count "distinct people",
        trial: Count "people who reached the stage",
        interest: Count "people who reached the stage",
        contact: Count "people who reached the stage",
        purchase: Count "people who reached the stage",
        in_crm: Count "people with a matched lead",
        qualified: Count "people whose lead's record is qualified or won",
        won: Count(?) "people whose lead's record is won; null without opportunities",
        purchase_rate: Number(?) "purchase ÷ people",
        purchase_rate_low: Number(?) "Wilson 95 % lower bound",
        purchase_rate_high: Number(?) "Wilson 95 % upper bound",
    }

    /// The last whole month against the month before.
    FunnelChange "funnel_change", one row per "offer and stage", key [offer_id, stage], published true;
    {
        offer_id: Text "the offer, (none), or (all)",
        stage: Text "interest, contact, qualified, purchase, in_crm or won",
        period: Day "first day of the last month that is over",
        period_before: Day "first day of the month before",
        people: Count "people whose first lead is of the period",
        people_before: Count "the same of the month before",
        rate: Number "share of them who reached the stage",
        rate_before: Number "the same of the month before",
        difference: Number "rate less rate_before",
        difference_low: Number "lower bound of its 95 % interval (Newcombe 1998, method 10)",
        difference_high: Number "upper bound",
    }

    /// What open missed people would bring, by what people like them brought before. What history cannot say is null.
    AtRisk "at_risk", one row per "destination, outage, offer and stage of open missed people", key [destination, outage_id, offer_id, stage], published true;
    {
        destination: Text "where they did not arrive",
        outage_id: Text "the outage that lost them, or (none)",
        offer_id: Text "the offer, or (none)",
        stage: Text "stage of the missed lead",
        people: Count "distinct people; whoever is missed in two rows counts in both",
        won_rate: Number(?) "share of the people who reached the stage, were delivered and began longer ago than nine in ten won deals took, whose deal was won; null below 30 such people or without opportunities",
        won_rate_low: Number(?) "Wilson 95 % lower bound",
        won_rate_high: Number(?) "Wilson 95 % upper bound",
        median_won: Number(?) "median amount of the offer's won deals in its commonest currency, else [[offer]] value",
        currency: Text(?) "of median_won; (unknown) where the export names none",
        expected: Number(?) "people × won_rate × median_won",
        expected_low: Number(?) "with won_rate_low",
        expected_high: Number(?) "with won_rate_high",
        history: Text "whose share it is: offer, all offers, or too thin",
        history_people: Count(?) "people that the share is of",
    }

    /// What each outage cost, and how long it took until somebody was told.
    OutageLosses "outage_losses", one row per "outage and currency of what is at risk", key [outage_id, currency], published true;
    {
        outage_id: Text "the outage",
        currency: Text "of what is at risk; (none) where history is too thin to say",
        destination: Text "name of the destination; empty for an outage of the store",
        people: Count "people of the missed",
        missed: Count "leads missed in it",
        recovered: Count "of them those that came after all: a record was made later than grace",
        closed: Count "of them those that people settled",
        open_people: Count "people of it who wait to be called",
        first_reported_on: Day(?) "first report that named a lead of it",
        hours_until_reported: Count(?) "from its first missed lead to the end of that day",
        hours_until_settled: Count(?) "from its first missed lead to its last one's record or, if later, to the end of the day whose report found the last one closed; null while any is neither",
        expected: Number(?) "sum of at_risk",
        expected_low: Number(?) "the same of expected_low",
        expected_high: Number(?) "the same of expected_high",
    }

    /// What a won deal of an offer brings, as configured.
    OfferValues "offer_values", one row per "offer with a configured value", key [offer_id], published true;
    {
        offer_id: Text "the offer",
        amount: Money "[[offer]] value",
        currency: Text "its currency",
    }

    /// What leads cost. What cannot be ascribed stands under (shared) and is never spread.
    Cost "cost", one row per "period, offer, campaign and currency", key [period, offer_id, campaign, currency], published true;
    {
        period: Day "first day of the month",
        offer_id: Text "the offer, (none), (shared) for what cannot be ascribed, or (all)",
        campaign: Text "the campaign, (none), or (all)",
        currency: Text "ISO 4217; (none) where only leads are known",
        spend: Money(?) "marketing spend",
        storage_cost: Money(?) "cost of the storage accounts named",
        leads: Count "genuine leads, each event once",
        people: Count "distinct people",
        delivered: Count "people with a matched lead",
        purchase: Count "people who reached purchase",
        won: Count(?) "people whose lead's record is won; null without opportunities",
        cost_per_lead: Number(?) "(spend + storage_cost) ÷ leads; null if either is missing",
        cost_per_person: Number(?) "… ÷ people",
        cost_per_purchase: Number(?) "… ÷ purchase",
        cost_per_won: Number(?) "… ÷ won",
        spend_on_missed: Number(?) "spend × share of genuine leads that were missed somewhere",
        spend_per_lead: Number(?) "spend ÷ leads, where storage cannot be ascribed",
        spend_per_person: Number(?) "spend ÷ people",
    }

    /// What is landed: every raw lead, newest version of each key, equal key and payload of two sources once.
    RawLeads "raw_leads", one row per "raw lead", key [source, source_key], published false;
    {
        source: Text "name of the source it was first landed from",
        source_key: Text "PartitionKey/RowKey, or blob name or file path with #n for record n ≥ 2",
        stored_at: Instant "the entity's Timestamp, or the blob's or file's time as first landed",
        landed_on: Day "UTC day of first landing",
        format: Text "entity (a table's row as JSON), json, csv (one record; header in `header`) or bytes (could not be cut into records)",
        header: Bytes(?) "header record of a CSV file, as stored",
        payload: Bytes(?) "as stored, byte for byte; null where forgotten",
        problem: Text(?) "why a record could not be cut out: a quarantine reason and detail, separated by a colon and a space",
        origins: Count "in how many sources the same key and payload stands",
        versions: Count "how many payloads the key has had",
        forgotten: Flag "whether the payload was erased on request or by age",
    }

    /// CRM records before identity: as CrmRecords, without the person.
    ExportRecords "export_records", one row per "destination and record", key [destination, record_id], published false;
    {
        destination: Text "name of the destination",
        record_id: Text "the CRM's own id",
        object: Text "lead, contact, task, campaign-member, form-activity, opportunity",
        created_at: Instant(?) "when the CRM made it",
        modified_at: Instant(?) "last modification",
        status: Text(?) "status text as found",
        outcome: Code[outcome::ALL](?) "open, qualified, won, lost; null if unknown",
        owner: Text(?) "owner as found",
        last_activity_at: Instant(?) "last activity of sales",
        opted_out: Flag(?) "opted out",
        email: Text(?) "as found; placeholders are null",
        phone: Text(?) "as found",
        first_name: Text(?) "as found",
        last_name: Text(?) "as found",
        company: Text(?) "as found",
        key: Text(?) "the raw lead's RowKey or lead_id",
        lead_source: Text(?) "lead source text as found",
        storefront: Text(?) "parsed from lead_source",
        action: Text(?) "parsed from lead_source",
        offer_id: Text(?) "parsed from lead_source",
        merged_into: Text(?) "record_id of the survivor of a merge",
        deleted: Flag "whether the CRM says it is deleted",
        title: Text(?) "job title as found",
        country: Text(?) "as found",
        description: Text(?) "as found",
        offer: Text(?) "offer title",
        resolution: Text "of created_at: second, minute, day, none",
        marketplace: Flag "whether it shows a marketplace lead source, or delivered_by names it",
        opportunity: Text(?) "id of the opportunity it was converted to",
        present: Flag "whether it stands in the newest export",
        first_landed_on: Day "UTC day on which it was first read",
        amount: Money(?) "of an opportunity its amount; of another record what its won opportunities bring together",
        currency: Text(?) "ISO 4217 of amount; null where the export does not say",
        won_at: Instant(?) "last change of the won opportunity: the nearest to when it was won that exports tell",
    }

    /// How CRM records described their person before: distinct earlier versions, where they differ from the newest.
    EarlierContacts "earlier_contacts", one row per "record and earlier description of its person", key [destination, record_id, versions_ago], published false;
    {
        destination: Text "name of the destination",
        record_id: Text "the CRM's own id",
        versions_ago: Count "how many landed versions before the newest",
        email: Text(?) "as found then",
        phone: Text(?) "as found then",
        first_name: Text(?) "as found then",
        last_name: Text(?) "as found then",
        company: Text(?) "as found then",
        title: Text(?) "as found then",
        country: Text(?) "as found then",
        key: Text(?) "the raw lead's RowKey or lead_id, as found then",
    }

    /// What each destination's exports can speak for.
    Coverage "coverage", one row per "destination", key [destination], published true;
    {
        destination: Text "name of the destination",
        readable: Flag "whether any export of it could be read, tonight or before",
        records: Count "records of the newest export",
        previous_records: Count(?) "records of the export of the run before; null if none",
        from: Instant(?) "leads before this are out of sight",
        until: Instant(?) "latest created or modified time, or exported_at; null without records",
        shows_lead_source: Flag "whether it shows marketplace lead sources at all",
        has_converted: Flag "whether it holds converted or qualified records",
        has_closed: Flag "whether it holds closed, lost or disqualified records",
        has_deleted: Flag "whether it holds deleted records",
        owners: Count "distinct owners",
        has_opportunities: Flag "whether opportunities were given, so that won is known",
        exported_at: Instant(?) "time of the export itself, where known",
        silent: Code[reason::ALL](?) "why nothing new is concluded from tonight's reading; null where it is believed",
        silent_since: Instant(?) "end of the day of the last whole reading: leads received later are pending; null if there was none",
    }

    /// Verdicts before outages and causes are known: as Reconciliation, missed without its final reason.
    Verdicts "verdicts", one row per "lead and destination routed to", key [lead_id, destination], published false;
    {
        lead_id: Text "the lead",
        person_id: Text(?) "its person",
        destination: Text "name of the destination; empty for not-routed",
        verdict: Code[verdict::ALL] "matched, missed, pending or excluded",
        reason: Code[reason::ALL] "as in reconciliation; isolated for every missed lead",
        record_id: Text(?) "the record that accounts for it",
        match_weight: Number(?) "of the record to the person",
        matched_by: Text(?) "how",
        delay_seconds: Number(?) "created_at of the record less received_at",
        event_id: Text "lead_id of the event's first delivery",
        received_at: Instant "of the lead",
        late: Flag "matched, but by a record made more than grace after the lead: a failure for outages",
        trial: Flag "whether the event counts as a trial for outages (in a person destination only people without an earlier record)",
    }

    /// What earlier runs reported.
    History "history", one row per "as-of date, lead and destination reported, or finding told", key [as_of, entry, lead_id, destination, code, about], published false;
    {
        as_of: Day "date of the report",
        entry: Text "lead, outage, finding, share, seen (an offer, storefront or action that leads had), or night (a measure of `nights`)",
        lead_id: Text "the lead; empty in other entries",
        destination: Text "name of the destination; empty if none",
        code: Text "for a lead its verdict; for an outage its scope; for a finding its code; for a share what is counted; offer, storefront or action",
        about: Text "an outage's id, the subject of a finding, the reason of an excluded share, what was seen; empty for a lead",
        text: Text(?) "of a finding its sentence that day",
        person_id: Text(?) "of the lead, on that day",
        reason: Text(?) "reason of the verdict",
        status: Text(?) "status of a missed lead",
        first_reported_on: Day(?) "first report that named the lead, or told the finding without a break",
        outage_id: Text(?) "of a missed lead",
        received_at: Instant(?) "of the lead; for an outage began_by",
        until_at: Instant(?) "for an outage ended_after",
        value: Number(?) "for a finding its count, for a share that share, for what was seen its leads, for a night the measure",
    }

    /// What every night was measured by: how it went, night after night.
    Nights "nights", one row per "night, destination and measure", key [as_of, destination, measure], published true;
    {
        as_of: Day "the as-of date",
        destination: Text "name of the destination; empty for all together",
        measure: Code[measure::ALL] "open-leads, open-people, new-leads, recovered-leads, median-delay-seconds, within-hour, export-age-seconds, identity-precision, identity-recall",
        value: Number "the number: leads, people, seconds or a share",
    }

    /// Lines of cost exports, storage accounts of ours only.
    Charges "charges", one row per "charge line", key [file, row], published true;
    {
        file: Text "the export",
        row: Count "line of the record",
        day: Day "day of usage",
        account: Text(?) "storage account in lower case; null if none",
        meter: Text(?) "meter category and name",
        currency: Text "ISO 4217",
        cost: Money "billed cost, rounded so that the sum of a month is the exact one, rounded once",
    }

    /// Lines of marketing spend exports.
    Spend "spend", one row per "spend line", key [file, row], published true;
    {
        file: Text "the export",
        row: Count "line of the record",
        day: Day(?) "day of the spend; null where the report has only a range",
        period_start: Day "first day the line speaks of",
        period_end: Day "last day the line speaks of",
        month: Day(?) "first day of the month that these days lie in; null where they are of several months",
        campaign: Text(?) "campaign name as found",
        offer_id: Text(?) "the offer that [cost] campaigns ascribes it to",
        currency: Text "ISO 4217",
        spend: Money "amount",
    }

    /// One row per day from the first lead, charge or spend to the as-of day, in the report's time zone.
    Calendar "calendar", one row per "day", key [day], published true;
    {
        day: Day "the day",
        week: Day "Monday of its week",
        month: Day "first day of its month",
        quarter: Day "first day of its quarter",
        starts_at: Instant "its first instant",
        ends_at: Instant "the first instant of the next day",
    }

    /// The run itself, one row: what SQL would take as parameters.
    Run "run", one row per "run", key [as_of], published true;
    {
        as_of: Day "the as-of date",
        as_of_ends_at: Instant "first instant after the as-of day, in the report's time zone",
        timezone: Text "the report's time zone",
    }
}

impl CrmRecords {
    /// Columns that [`ExportRecords`] does not have: what identity adds.
    pub const ADDED: &'static [&'static str] = &["person_id", "match_weight", "matched_by", "country_code"];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_definition_makes_an_empty_table_that_conforms_to_itself() {
        for definition in ALL {
            let empty = definition.conform(definition.empty()).unwrap();
            assert_eq!(empty.width(), definition.columns.len(), "{}", definition.name);
            for key in definition.key {
                let column = definition.columns.iter().find(|c| c.name == *key);
                assert!(
                    column.is_some_and(|c| !c.nullable),
                    "{}: key {key} must exist and not be null",
                    definition.name
                );
            }
        }
    }

    #[test]
    fn all_problems_of_a_frame_are_reported_together() {
        let frame = df!("lead_id" => ["a", "a"], "person_id" => [1i64, 2], "extra" => [0i64, 0]).unwrap();
        let message = Table::<Identities>::new(frame).unwrap_err().to_string();
        for expected in ["person_id is i64", "match_weight is missing", "extra is not part"] {
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn a_code_that_its_list_does_not_have_is_refused_by_its_column_alone() {
        let sample = |verdict: &str| {
            Reconciliation::DEFINITION.sample(df!("lead_id" => ["a", "b"], "verdict" => ["missed", verdict]).unwrap())
        };
        assert!(Table::<Reconciliation>::new(sample("pending")).is_ok());
        let message = Table::<Reconciliation>::new(sample("ann@lee.example")).unwrap_err().to_string();
        assert!(message.contains("column verdict has 1 value that is none of matched, missed"), "{message}");
        assert!(!message.contains("ann"), "{message}");
    }

    #[test]
    fn a_repeated_key_is_refused() {
        let frame =
            df!("lead_id" => ["a", "b", "a"], "person_id" => ["p", "q", "p"], "match_weight" => [0.0, 1.0, 2.0],
            "match_probability" => [0.5, 0.5, 0.5], "linked_by" => ["email", "email", "email"])
            .unwrap();
        assert!(Table::<Identities>::new(frame).unwrap_err().what().contains("1 row whose key"));
    }

    #[test]
    fn crm_records_are_export_records_and_what_identity_adds() {
        let names = |d: &Definition| d.columns.iter().map(|c| c.name).collect::<Vec<_>>();
        let mut expected = names(&ExportRecords::DEFINITION);
        expected.extend(CrmRecords::ADDED);
        let mut found = names(&CrmRecords::DEFINITION);
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected);
    }
}
