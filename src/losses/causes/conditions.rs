//! The conditions that leads are sorted by: for each family of them, one number per lead, and how often each number was
//! missed and delivered.
//!
//! Limits of fields: Salesforce object reference (Lead), Common Data Model (lead), Marketo's standard fields.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Datelike, TimeZone, Timelike};
use chrono_tz::Tz;
use polars::prelude::{PlHashMap, PlHashSet, StringChunked};

use crate::config::DestinationKind;
use crate::error::Result;
use crate::tables::{CrmRecords, Leads, Table};
use crate::time::{DAY, HOUR, MINUTE, SECOND};

/// Values that fewer leads have are not tested.
const LEAST_LEADS: usize = 5;

/// How long before a lead a record must be for its person to count as known: clocks differ.
const BEFORE: i64 = 10 * MINUTE;

/// Windows of a burst; the day in the report's time zone and in UTC come after them.
const WINDOWS: [(i64, &str); 4] =
    [(MINUTE, "one minute"), (5 * MINUTE, "5 minutes"), (HOUR, "one hour"), (DAY, "24 hours")];

/// Number of ways to count a burst.
const LOADS: usize = WINDOWS.len() + 2;

/// Fields that a form or CRM may require, cut or refuse.
pub(super) const FIELDS: [(&str, &str); 8] = [
    ("first_name", "first name"),
    ("last_name", "last name"),
    ("email", "e-mail"),
    ("phone", "phone"),
    ("company", "company"),
    ("title", "job title"),
    ("country", "country"),
    ("description", "description"),
];

/// Columns whose values are tested one by one.
pub(super) const VALUES: [(&str, &str); 5] = [
    ("offer_id", "offer"),
    ("action", "action"),
    ("storefront", "storefront"),
    ("country", "country"),
    ("source", "source"),
];

/// Longer texts count as this long: no limit of a field lies above.
const LONGEST: usize = 65_535;

/// What the texts of the leads are like, by number of the lead: nothing of the texts themselves but frequent values.
pub(super) struct Texts<'a> {
    /// Characters of each field.
    lengths: Vec<Vec<u16>>,
    /// One bit for each field with letters outside ASCII, then emoji, then line breaks.
    marks: Vec<u16>,
    /// Number of each column's value among `values`.
    codes: Vec<Vec<u32>>,
    /// The distinct values of each column, in order; the first is none.
    values: Vec<Vec<String>>,
    numbers: PlHashMap<&'a str, usize>,
}

const EMOJI: u16 = 1 << FIELDS.len();
const LINE_BREAK: u16 = EMOJI << 1;

impl<'a> Texts<'a> {
    pub(super) fn read(leads: &'a Table<Leads>) -> Result<Self> {
        let frame = leads.frame();
        let ids = frame.column("lead_id")?.str()?;
        let mut all = Texts {
            lengths: Vec::new(),
            marks: vec![0; ids.len()],
            codes: Vec::new(),
            values: Vec::new(),
            numbers: ids.iter().enumerate().filter_map(|(at, id)| Some((id?, at))).collect(),
        };
        for (field, (name, _)) in FIELDS.iter().enumerate() {
            let texts = frame.column(name)?.str()?;
            let lengths = texts.iter().zip(&mut all.marks).map(|(text, marks)| {
                let text = text.unwrap_or_default();
                if !text.is_ascii() {
                    *marks |= 1 << field;
                    if text.chars().any(|c| c as u32 > 0xffff) {
                        *marks |= EMOJI;
                    }
                }
                if text.contains('\n') {
                    *marks |= LINE_BREAK;
                }
                u16::try_from(text.chars().count().min(LONGEST)).unwrap_or(u16::MAX)
            });
            let lengths = lengths.collect();
            all.lengths.push(lengths);
        }
        for (name, _) in VALUES {
            // Countries are typed in any case; codes are not.
            let in_form = |text: Option<&str>| match text.unwrap_or_default() {
                text if name == "country" => text.to_uppercase(),
                text => text.to_owned(),
            };
            let texts = frame.column(name)?.str()?;
            // Each text is looked at once, however many leads have it.
            let typed: PlHashSet<Option<&str>> = texts.iter().collect();
            let distinct: BTreeSet<String> = typed.iter().map(|text| in_form(*text)).chain([String::new()]).collect();
            let distinct: Vec<String> = distinct.into_iter().collect();
            let code = |text| u32::try_from(distinct.binary_search(&in_form(text)).unwrap_or(0)).unwrap_or(0);
            let codes: PlHashMap<Option<&str>, u32> = typed.into_iter().map(|text| (text, code(text))).collect();
            all.codes.push(texts.iter().map(|text| codes.get(&text).copied().unwrap_or(0)).collect());
            all.values.push(distinct);
        }
        Ok(all)
    }

    pub(super) fn lead(&self, lead_id: &str) -> Option<usize> {
        self.numbers.get(lead_id).copied()
    }

    fn length(&self, field: usize, lead: usize) -> u32 {
        self.lengths.get(field).and_then(|l| l.get(lead)).map_or(0, |l| u32::from(*l))
    }

    fn marked(&self, lead: usize, mark: u16) -> u32 {
        u32::from(self.marks.get(lead).is_some_and(|marks| marks & mark != 0))
    }

    fn code(&self, column: usize, lead: usize) -> u32 {
        self.codes.get(column).and_then(|c| c.get(lead)).copied().unwrap_or(0)
    }
}

/// When the first two records of somebody were made, and which they are.
type FirstTwo<'a> = [Option<(i64, &'a str)>; 2];

/// Since when each person is known to each destination.
pub(super) struct People<'a>(BTreeMap<&'a str, PlHashMap<&'a str, FirstTwo<'a>>>);

impl<'a> People<'a> {
    pub(super) fn read(records: &'a Table<CrmRecords>) -> Result<Self> {
        let frame = records.frame();
        let times = frame.column("created_at")?.datetime()?.physical();
        let text = |name: &str| -> Result<&'a StringChunked> { Ok(frame.column(name)?.str()?) };
        let (destinations, people, ids) = (text("destination")?, text("person_id")?, text("record_id")?);
        let mut first: BTreeMap<&str, PlHashMap<&str, FirstTwo<'_>>> = BTreeMap::new();
        for (((destination, person), id), at) in
            destinations.iter().zip(people.iter()).zip(ids.iter()).zip(times.iter())
        {
            if let (Some(destination), Some(person), Some(id), Some(at)) = (destination, person, id, at) {
                let two = first.entry(destination).or_default().entry(person).or_default();
                let mut all = [two[0], two[1], Some((at, id))];
                all.sort_unstable_by_key(|record| record.map_or((i64::MAX, ""), |record| record));
                *two = [all[0], all[1]];
            }
        }
        Ok(People(first))
    }

    /// Whether it had a record of the person before that time, other than the one that answers the lead itself: an
    /// export without hours has that one made at midnight, before the lead.
    pub(super) fn knows_before(&self, destination: &str, person: Option<&str>, at: i64, own: Option<&str>) -> bool {
        let records = person.and_then(|person| self.0.get(destination)?.get(person));
        let mut others = records.into_iter().flatten().flatten().filter(|(_, id)| Some(*id) != own);
        others.next().is_some_and(|(made, _)| *made < at - BEFORE)
    }
}

/// One lead at one destination.
#[derive(Debug)]
pub(super) struct Row<'a> {
    /// Row of the verdicts.
    pub(super) verdict: usize,
    pub(super) lead_id: &'a str,
    lead: usize,
    pub(super) person: Option<&'a str>,
    pub(super) at: i64,
    pub(super) missed: bool,
    /// Imported later, or still pending: it speaks neither for a cause nor against one.
    pub(super) set_aside: bool,
    /// The record that answers it.
    pub(super) record: Option<&'a str>,
    /// Whether the destination had another record of the person before.
    pub(super) known: bool,
    minute: u32,
    hour: u32,
    weekday: u32,
    /// Leads within each window, this one included.
    pub(super) loads: [u32; LOADS],
}

impl<'a> Row<'a> {
    pub(super) fn new(
        of: (usize, &'a str),
        lead: usize,
        person: Option<&'a str>,
        at: i64,
        missed: bool,
        zone: Tz,
    ) -> Self {
        let (verdict, lead_id) = of;
        let local = local(at, zone);
        let (minute, hour, weekday) = (local.minute(), local.hour(), local.weekday().num_days_from_monday());
        Row {
            verdict,
            lead_id,
            lead,
            person,
            at,
            missed,
            set_aside: false,
            record: None,
            known: false,
            minute,
            hour,
            weekday,
            loads: [0; LOADS],
        }
    }
}

fn local(micros: i64, zone: Tz) -> DateTime<Tz> {
    zone.from_utc_datetime(&DateTime::from_timestamp_micros(micros).unwrap_or_default().naive_utc())
}

/// How many leads came within each window, up to and with each one; `times` in order.
pub(super) fn loads(times: &[i64], zone: Tz) -> Vec<Vec<u32>> {
    let rolling = WINDOWS.iter().map(|(window, _)| {
        let mut first = 0;
        let count = |(at, time): (usize, &i64)| {
            while times.get(first).is_some_and(|start| time - start >= *window) {
                first += 1;
            }
            u32::try_from(at + 1 - first).unwrap_or(u32::MAX)
        };
        times.iter().enumerate().map(count).collect()
    });
    let days = [zone, Tz::UTC].map(|zone| {
        let (mut day, mut rank) = (i32::MIN, 0);
        let next = |time: &i64| {
            let today = local(*time, zone).num_days_from_ce();
            rank = if today == day { rank + 1 } else { 1 };
            day = today;
            rank
        };
        times.iter().map(next).collect::<Vec<u32>>()
    });
    rolling.chain(days).collect()
}

/// A kind of condition: from a lead to a number.
#[derive(Clone, Debug)]
pub(super) enum Family {
    Empty(usize),
    /// A column, and for each of its values the text, empty where too few leads have it.
    Value(usize, Arc<[String]>),
    Longer(usize),
    NonAscii(usize),
    /// Characters that take four bytes in UTF-8, such as emoji, in any field.
    Emoji,
    LineBreak,
    Known,
    Load(usize),
    Weekday,
    Hour,
    Minute,
}

/// One condition: a family and the numbers that meet it, from … up to but not with … (around the clock where it wraps).
#[derive(Clone, Debug)]
pub(super) struct Condition {
    pub(super) family: Family,
    pub(super) from: u32,
    pub(super) to: u32,
    /// For thresholds: the least number that meets it in the data.
    least: u32,
}

impl Family {
    /// All families for these leads, from the plain to the far-fetched: of equally telling ones the first is taken.
    pub(super) fn all(rows: &[Row], texts: &Texts) -> Vec<Family> {
        let fields = 0..FIELDS.len();
        let mut all: Vec<Family> = fields.clone().map(Family::Empty).collect();
        for column in 0..VALUES.len() {
            let values = texts.values.get(column).map(Vec::as_slice).unwrap_or_default();
            let mut counts = vec![0usize; values.len()];
            for row in rows {
                if let Some(count) = counts.get_mut(texts.code(column, row.lead) as usize) {
                    *count += 1;
                }
            }
            if counts.iter().filter(|n| **n > 0).count() > 1 {
                let kept =
                    counts.iter().zip(values).map(|(n, v)| if *n >= LEAST_LEADS { v.clone() } else { String::new() });
                all.push(Family::Value(column, kept.collect()));
            }
        }
        all.push(Family::Known);
        all.extend(fields.clone().map(Family::Longer));
        all.push(Family::Emoji);
        all.extend(fields.map(Family::NonAscii));
        all.push(Family::LineBreak);
        all.extend((0..LOADS).map(Family::Load));
        all.extend([Family::Weekday, Family::Hour, Family::Minute]);
        all
    }

    /// For lengths: one condition for each limit that a field of the CRM may have.
    pub(super) fn at_limits(&self, kind: Option<DestinationKind>) -> Vec<Condition> {
        let Family::Longer(field) = self else { return Vec::new() };
        let limits = FIELDS.get(*field).map_or(&[][..], |(name, _)| limits(name, kind));
        let condition =
            |limit: &u32| Condition { family: self.clone(), from: limit + 1, to: u32::MAX, least: limit + 1 };
        limits.iter().map(condition).collect()
    }

    /// The number of a lead; conditions are ranges of numbers.
    pub(super) fn number(&self, row: &Row, texts: &Texts) -> u32 {
        match self {
            Family::Empty(field) => u32::from(texts.length(*field, row.lead) == 0),
            Family::Value(column, values) => {
                let code = texts.code(*column, row.lead);
                if values.get(code as usize).is_none_or(String::is_empty) { 0 } else { code }
            }
            Family::Longer(field) => texts.length(*field, row.lead),
            Family::NonAscii(field) => texts.marked(row.lead, 1 << field),
            Family::Emoji => texts.marked(row.lead, EMOJI),
            Family::LineBreak => texts.marked(row.lead, LINE_BREAK),
            Family::Known => u32::from(row.known),
            Family::Load(window) => row.loads.get(*window).copied().unwrap_or(0),
            Family::Weekday => row.weekday,
            Family::Hour => row.hour,
            Family::Minute => row.minute,
        }
    }

    /// Every condition of the family that these leads can meet, with the missed and the delivered that do.
    pub(super) fn conditions(&self, rows: &[Row], texts: &Texts) -> Vec<(Condition, usize, usize)> {
        self.conditions_of(rows.iter(), texts)
    }

    /// The same of some of the leads.
    pub(super) fn conditions_of<'r, 'a: 'r>(
        &self,
        rows: impl Iterator<Item = &'r Row<'a>>,
        texts: &Texts,
    ) -> Vec<(Condition, usize, usize)> {
        let mut dense: Vec<(usize, usize)> = Vec::new();
        for row in rows {
            let number = (self.number(row, texts) as usize).min(LONGEST);
            if number >= dense.len() {
                dense.resize(number + 1, (0, 0));
            }
            if let Some((missed, delivered)) = dense.get_mut(number) {
                if row.missed { *missed += 1 } else { *delivered += 1 }
            }
        }
        let occurring = (0u32..).zip(dense).filter(|(_, counts)| *counts != (0, 0));
        let counts: BTreeMap<u32, (usize, usize)> = occurring.collect();
        let condition = |from, to, least| Condition { family: self.clone(), from, to, least };
        let span = |from: u32, width: u32, cycle: u32| {
            let inside = (0..width).filter_map(|step| counts.get(&((from + step) % cycle)));
            let (missed, delivered) = inside.fold((0, 0), |sum, n| (sum.0 + n.0, sum.1 + n.1));
            (condition(from, from + width, from), missed, delivered)
        };
        match self {
            Family::Longer(_) | Family::Load(_) => {
                // Above each number that occurs, from the greatest down.
                let mut all = Vec::new();
                let (mut missed, mut delivered, mut least) = (0, 0, 0);
                for (number, (of_missed, of_delivered)) in counts.iter().rev() {
                    if missed + delivered > 0 {
                        all.push((condition(number + 1, u32::MAX, least), missed, delivered));
                    }
                    missed += of_missed;
                    delivered += of_delivered;
                    least = *number;
                }
                all
            }
            Family::Weekday => (0..7).map(|d| span(d, 1, 7)).chain([span(5, 2, 7)]).collect(),
            Family::Hour => {
                [1, 2, 3, 4, 6].iter().flat_map(|w| (0..24).map(|h| span(h, *w, 24)).collect::<Vec<_>>()).collect()
            }
            Family::Minute => {
                [1, 2, 5, 10, 15].iter().flat_map(|w| (0..60).map(|m| span(m, *w, 60)).collect::<Vec<_>>()).collect()
            }
            _ => counts.iter().filter(|(n, _)| **n > 0).map(|(n, (m, d))| (condition(*n, n + 1, *n), *m, *d)).collect(),
        }
    }
}

impl Condition {
    /// Where it stands among the families, from the plain to the far-fetched: of two conditions the plainer is said first.
    pub(super) fn rank(&self) -> (usize, u32) {
        let rank = match self.family {
            Family::Empty(_) => 0,
            Family::Value(..) => 1,
            Family::Known => 2,
            Family::Longer(_) => 3,
            Family::Emoji => 4,
            Family::NonAscii(_) => 5,
            Family::LineBreak => 6,
            Family::Load(_) => 7,
            Family::Weekday | Family::Hour | Family::Minute => 8,
        };
        (rank, self.from)
    }

    /// How far apart leads may be, in microseconds, of which a condition over moments holds of one and not of the other;
    /// none of a condition that looks at what a lead is, or at the shifts of people.
    pub(super) fn moment(&self) -> Option<i64> {
        match self.family {
            Family::Load(at) => Some(WINDOWS.get(at).map_or(DAY, |(window, _)| *window)),
            Family::Minute => Some(HOUR),
            _ => None,
        }
    }

    /// Whether it looks at what the other one looks at.
    pub(super) fn is_of(&self, other: &Condition) -> bool {
        let field = |family: &Family| match family {
            Family::Empty(at) | Family::Longer(at) | Family::NonAscii(at) => FIELDS.get(*at).map(|(name, _)| *name),
            Family::Value(at, _) => VALUES.get(*at).map(|(name, _)| *name),
            Family::Weekday | Family::Hour | Family::Minute => Some("time"),
            Family::Load(_) => Some("load"),
            Family::Emoji | Family::LineBreak | Family::Known => None,
        };
        let same = std::mem::discriminant(&self.family) == std::mem::discriminant(&other.family);
        match (field(&self.family), field(&other.family)) {
            (Some(one), Some(two)) => one == two,
            _ => same,
        }
    }

    pub(super) fn holds(&self, row: &Row, texts: &Texts) -> bool {
        self.holds_for(self.family.number(row, texts))
    }

    /// Whether leads of this number meet it.
    pub(super) fn holds_for(&self, number: u32) -> bool {
        let cycle = match self.family {
            Family::Weekday => 7,
            Family::Hour => 24,
            Family::Minute => 60,
            _ => return (self.from..self.to).contains(&number),
        };
        (self.from..self.to).contains(&number) || (self.from..self.to).contains(&(number + cycle))
    }

    /// A limit that the data place between two lengths is the CRM's own, where that lies between them.
    pub(super) fn sharpened(mut self, kind: Option<DestinationKind>) -> Self {
        if let Family::Longer(field) = self.family {
            let limits = FIELDS.get(field).map_or(&[][..], |(name, _)| limits(name, kind));
            if let Some(limit) = limits.iter().find(|limit| **limit + 1 >= self.from && **limit < self.least) {
                self.from = limit + 1;
            }
        }
        self
    }

    /// The condition in a form that no rewording changes: `empty:phone`, `longer:company:100`, `hour:5:7`.
    pub(super) fn subject(&self) -> String {
        let field = |at: &usize| FIELDS.get(*at).map_or("", |(name, _)| name);
        let (from, to, limit) = (self.from, self.to, self.from.saturating_sub(1));
        match &self.family {
            Family::Empty(at) => format!("empty:{}", field(at)),
            Family::Value(column, values) => {
                let value = usize::try_from(from).ok().and_then(|at| values.get(at));
                format!("{}:{}", VALUES.get(*column).map_or("", |(name, _)| name), value.map_or("", String::as_str))
            }
            Family::Longer(at) => format!("longer:{}:{limit}", field(at)),
            Family::NonAscii(at) => format!("non-ascii:{}", field(at)),
            Family::Emoji => "emoji".into(),
            Family::LineBreak => "line-break".into(),
            Family::Known => "known".into(),
            Family::Load(window) => match WINDOWS.get(*window) {
                Some((micros, _)) => format!("load:{}s:{limit}", micros / SECOND),
                None if *window == WINDOWS.len() => format!("load:day:{limit}"),
                None => format!("load:utc-day:{limit}"),
            },
            Family::Weekday => format!("weekday:{from}:{to}"),
            Family::Hour => format!("hour:{from}:{to}"),
            Family::Minute => format!("minute:{from}:{to}"),
        }
    }

    /// The condition in words, without anything that a person typed but for values many leads have.
    /// The condition in words; an offer that has one of these titles by it, with its id.
    pub(super) fn text(&self, titles: &BTreeMap<String, String>) -> String {
        let field = |at: &usize| FIELDS.get(*at).map_or("", |(_, label)| label);
        let limit = self.from.saturating_sub(1);
        match &self.family {
            Family::Empty(at) => format!("{} is empty", field(at)),
            Family::Value(column, values) => {
                let (name, label) = VALUES.get(*column).copied().unwrap_or_default();
                let value = usize::try_from(self.from).ok().and_then(|at| values.get(at));
                let value = value.map_or("", String::as_str);
                match titles.get(value).filter(|_| name == "offer_id") {
                    Some(title) => format!("{label} is {title} ({value})"),
                    None => format!("{label} is {value}"),
                }
            }
            Family::Longer(at) => format!("{} is longer than {limit} characters", field(at)),
            Family::NonAscii(at) => format!("{} has letters outside ASCII", field(at)),
            Family::Emoji => "a field has characters of four bytes, such as emoji".into(),
            Family::LineBreak => "a field has a line break".into(),
            Family::Known => "the person is in the CRM already".into(),
            Family::Load(window) => {
                let came = if limit == 1 { "lead came" } else { "leads came" };
                match WINDOWS.get(*window) {
                    Some((_, name)) => format!("more than {limit} {came} within {name}"),
                    None if *window == WINDOWS.len() => format!("more than {limit} {came} that day"),
                    None => format!("more than {limit} {came} that day (UTC)"),
                }
            }
            Family::Weekday => match (self.from, self.to) {
                (5, 7) => "the day is Saturday or Sunday".into(),
                (day, _) => format!("the day is {}", DAYS.get(day as usize).unwrap_or(&"")),
            },
            Family::Hour => format!("the hour is from {:02}:00 to {:02}:00", self.from, self.to % 24),
            Family::Minute if self.to == self.from + 1 => format!("the minute of the hour is {}", self.from),
            Family::Minute => format!("the minute of the hour is from {} to {}", self.from, (self.to - 1) % 60),
        }
    }
}

const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// How many characters a field may have, the destination's own limits first.
fn limits(field: &str, kind: Option<DestinationKind>) -> &'static [u32] {
    use DestinationKind::{Dynamics, Marketo, Salesforce};
    match (field, kind) {
        ("first_name", Some(Salesforce)) => &[40, 50, 255],
        ("last_name", Some(Salesforce)) => &[80, 50, 255],
        ("first_name" | "last_name", Some(Marketo)) => &[255, 50, 40, 80],
        ("first_name" | "last_name", _) => &[50, 40, 80, 255],
        ("company", Some(Dynamics)) => &[100, 255, 128],
        ("company", _) => &[255, 100, 128],
        ("title", Some(Salesforce)) => &[128, 100, 255],
        ("title", _) => &[100, 128, 255],
        ("email", Some(Salesforce)) => &[80, 100, 255],
        ("email", _) => &[100, 80, 255],
        ("phone", Some(Salesforce)) => &[40, 50, 20, 255],
        ("phone", _) => &[50, 40, 20, 255],
        ("country", _) => &[80, 100, 255],
        ("description", Some(Salesforce)) => &[32_000, 2_000, 255],
        ("description", _) => &[2_000, 32_000, 255],
        _ => &[],
    }
}
