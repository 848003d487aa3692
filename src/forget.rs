//! Whom to forget, and what forgetting leaves of a table's rows: keys, ids and times, no payload and no contact.
//!
//! The books still hold after it: a forgotten raw lead is counted as such. A plan holds ids only, so that it can be kept
//! on disk while it is carried out and finished after a kill. Carrying it out is `io::forgetting`'s.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use polars::prelude::*;
use serde::{Deserialize, Serialize};

use crate::codes::kind;
use crate::config::Privacy;
use crate::contact::normalised_email;
use crate::error::Result;
use crate::retractions::Retraction;
use crate::tables::{Identities, Leads, Quarantine, Table};
use crate::who::Who;

/// Names in two levels: source to keys, destination to record ids.
pub type Keys = BTreeMap<String, BTreeSet<String>>;

/// What is to be erased, by ids.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Source to keys of raw leads.
    pub leads: Keys,
    /// Keys that stand in several sources with the same payload.
    pub copied: BTreeSet<String>,
    /// Lead ids and person ids.
    pub ids: BTreeSet<String>,
    /// Their addresses as they stand, for the proof: they are never written down.
    #[serde(skip)]
    pub addresses: BTreeSet<String>,
    /// Digests of their addresses in comparable form, which only the landing's secret makes.
    #[serde(default)]
    pub mails: BTreeSet<String>,
    /// Destination, or witness, to record ids.
    pub records: Keys,
    /// Data set to the numbers of those landed versions of records that are too old.
    #[serde(default)]
    pub versions: BTreeMap<String, BTreeSet<i64>>,
    /// Destination, or witness, to records whose older versions are too old: reports of days before `before` show them so.
    #[serde(default)]
    pub replaced: Keys,
    /// See `replaced`.
    #[serde(default)]
    pub before: Option<NaiveDate>,
    /// What is to be remembered of it, where it was landed by mistake: the rows of `versions` are taken out for good, without
    /// a hash that would keep them away.
    #[serde(default)]
    pub retracted: Vec<Retraction>,
    /// Sources that are to be read anew from their beginning.
    #[serde(default)]
    pub reread: BTreeSet<String>,
    /// Whether it is for their age that they go, and not because a person is to be forgotten.
    #[serde(default)]
    pub by_age: bool,
}

impl Plan {
    /// Whether there is nothing to erase.
    pub fn is_empty(&self) -> bool {
        self.leads.is_empty() && self.records.is_empty() && self.versions.is_empty() && self.retracted.is_empty()
    }

    /// Whether a stored raw lead is to be erased.
    pub fn holds_lead(&self, source: &str, key: &str) -> bool {
        self.copied.contains(key) || self.leads.get(source).is_some_and(|keys| keys.contains(key))
    }

    /// Whether a CRM record is to be erased.
    pub fn holds_record(&self, destination: &str, record_id: &str) -> bool {
        self.records.get(destination).is_some_and(|ids| ids.contains(record_id))
    }

    /// The plan for what a report of a day shows.
    pub fn for_report(&self, day: NaiveDate) -> Plan {
        let mut plan = self.clone();
        if self.before.is_some_and(|before| day < before) {
            for (destination, records) in &self.replaced {
                plan.records.entry(destination.clone()).or_default().extend(records.iter().cloned());
            }
        }
        plan
    }

    /// Takes up what an earlier, unfinished plan wanted.
    pub fn join(&mut self, other: Plan) {
        self.before = self.before.max(other.before);
        let theirs = [other.leads, other.records, other.replaced];
        for (mine, theirs) in [&mut self.leads, &mut self.records, &mut self.replaced].into_iter().zip(theirs) {
            for (name, keys) in theirs {
                mine.entry(name).or_default().extend(keys);
            }
        }
        for (dataset, numbers) in other.versions {
            self.versions.entry(dataset).or_default().extend(numbers);
        }
        self.copied.extend(other.copied);
        self.retracted.extend(other.retracted);
        self.reread.extend(other.reread);
        self.ids.extend(other.ids);
        self.addresses.extend(other.addresses);
        self.mails.extend(other.mails);
        self.by_age &= other.by_age;
    }
}

/// What is known of everybody.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// All leads, also those received after the last report.
    pub leads: &'a Table<Leads>,
    /// Raw leads that cannot be read.
    pub quarantine: &'a Table<Quarantine>,
    /// Who is who in the last report; none before the first.
    pub identities: Option<&'a Table<Identities>>,
    /// Landed records of CRMs and of witnesses, every version; frames without columns if there are none.
    pub versions: &'a [&'a DataFrame],
    /// Destination, record and person of the last report's CRM records.
    pub given: &'a [(String, String, String)],
}

/// Finds a person by lead id, key or e-mail: all leads and records that are known to be theirs.
///
/// # Errors
/// Only when a table does not have its agreed shape.
pub fn find(who: &str, known: &Known) -> Result<Plan> {
    let who = Who::new(who);
    let (ids, emails, keys) =
        (known.leads.texts("lead_id")?, known.leads.texts("email")?, known.leads.texts("source_key")?);
    let sources = known.leads.texts("source")?;
    let origins = known.leads.frame().column("origins")?.i64()?;
    let person_of: BTreeMap<&str, &str> = match known.identities {
        None => BTreeMap::new(),
        Some(table) => {
            let pairs = table.texts("lead_id")?.into_iter().zip(table.texts("person_id")?);
            pairs.filter_map(|(lead, person)| Some((lead?, person?))).collect()
        }
    };
    let named = |row: usize| {
        ids[row].is_some_and(|id| who.is_lead(id))
            || keys[row].is_some_and(|key| who.is_key(key))
            || who.is_email(emails[row])
    };
    let first: Vec<usize> = (0..known.leads.height()).filter(|row| named(*row)).collect();
    let people: BTreeSet<&str> = first.iter().filter_map(|row| person_of.get(ids[*row]?)).copied().collect();
    let mut plan = Plan::default();
    let mut addresses: BTreeSet<String> = who.email().map(str::to_owned).into_iter().collect();
    for row in 0..known.leads.height() {
        let (Some(id), Some(source), Some(key)) = (ids[row], sources[row], keys[row]) else { continue };
        let theirs = person_of.get(id).is_some_and(|person| people.contains(person));
        if !theirs && first.binary_search(&row).is_err() {
            continue;
        }
        plan.leads.entry(source.to_owned()).or_default().insert(key.to_owned());
        if origins.get(row).unwrap_or(1) > 1 {
            plan.copied.insert(key.to_owned());
        }
        plan.ids.insert(id.to_owned());
        addresses.extend(emails[row].filter(|e| normalised_email(e).is_some()).map(str::to_owned));
    }
    plan.ids.extend(people.iter().map(|p| (*p).to_owned()));
    quarantined(known.quarantine, &addresses, &mut plan)?;
    records(known, &people, &mut addresses, &mut plan)?;
    plan.addresses = addresses;
    Ok(plan)
}

/// Raw leads that cannot be read and hold one of the addresses.
fn quarantined(quarantine: &Table<Quarantine>, addresses: &BTreeSet<String>, plan: &mut Plan) -> Result<()> {
    let (sources, keys) = (quarantine.texts("source")?, quarantine.texts("source_key")?);
    for (row, payload) in quarantine.texts("payload")?.into_iter().enumerate() {
        let lower = payload.unwrap_or_default().to_lowercase();
        if let (Some(source), Some(key)) = (sources[row], keys[row])
            && addresses.iter().any(|a| lower.contains(&a.to_lowercase()))
        {
            plan.leads.entry(source.to_owned()).or_default().insert(key.to_owned());
        }
    }
    Ok(())
}

/// CRM records with one of the addresses, or given to the person in the last report.
fn records(known: &Known, people: &BTreeSet<&str>, addresses: &mut BTreeSet<String>, plan: &mut Plan) -> Result<()> {
    for (destination, record, person) in known.given {
        if people.contains(person.as_str()) {
            plan.records.entry(destination.clone()).or_default().insert(record.clone());
        }
    }
    let normal: BTreeSet<String> = addresses.iter().filter_map(|a| normalised_email(a)).collect();
    for versions in known.versions.iter().filter(|v| v.width() > 0) {
        let text = |name: &str| -> Result<StringChunked> { Ok(versions.column(name)?.str()?.clone()) };
        let (destinations, ids, emails) = (text("destination")?, text("record_id")?, text("email")?);
        for row in 0..versions.height() {
            let (Some(destination), Some(id)) = (destinations.get(row), ids.get(row)) else { continue };
            let same = emails.get(row).and_then(normalised_email).is_some_and(|e| normal.contains(&e));
            if same {
                plan.records.entry(destination.to_owned()).or_default().insert(id.to_owned());
            }
            if same || plan.holds_record(destination, id) {
                addresses.extend(emails.get(row).filter(|e| normalised_email(e).is_some()).map(str::to_owned));
            }
        }
    }
    Ok(())
}

/// Raw leads that are older than they may be kept; do-not-contact leads sooner. With them go the people of the last
/// report (`identities`) who have no other lead. CRM records that the CRM still shows stay, as how long it keeps them is
/// decided there; for others see [`records_by_age`].
///
/// # Errors
/// Only when a table does not have its agreed shape.
pub fn by_age(
    leads: &Table<Leads>,
    quarantine: &Table<Quarantine>,
    identities: Option<&Table<Identities>>,
    privacy: &Privacy,
    as_of_ends_at: DateTime<Utc>,
) -> Result<Plan> {
    let before = |keep| before(keep, as_of_ends_at);
    let (any, dnc) = (before(privacy.keep), before(privacy.keep_dnc));
    let mut plan = Plan { by_age: true, ..Plan::default() };
    let (kinds, ids, emails) = (leads.texts("kind")?, leads.texts("lead_id")?, leads.texts("email")?);
    let mut kept = BTreeSet::new();
    let (sources, keys, received) =
        (leads.texts("source")?, leads.texts("source_key")?, leads.instants("received_at")?);
    let origins = leads.frame().column("origins")?.i64()?;
    for row in 0..leads.height() {
        let (Some(source), Some(key), Some(at)) = (sources[row], keys[row], received[row]) else { continue };
        let mail = emails[row].and_then(normalised_email);
        if !(at < any || (at < dnc && kinds[row] == Some(kind::DO_NOT_CONTACT))) {
            kept.extend(mail);
        } else {
            plan.addresses.extend(mail);
            plan.leads.entry(source.to_owned()).or_default().insert(key.to_owned());
            plan.ids.extend(ids[row].map(str::to_owned));
            if origins.get(row).unwrap_or(1) > 1 {
                plan.copied.insert(key.to_owned());
            }
        }
    }
    // Whoever came again lately is known by the address still.
    plan.addresses.retain(|mail| !kept.contains(mail));
    let (sources, keys) = (quarantine.texts("source")?, quarantine.texts("source_key")?);
    for (row, at) in quarantine.instants("received_at")?.into_iter().enumerate() {
        if let (Some(source), Some(key), Some(at)) = (sources[row], keys[row], at)
            && at < any
        {
            plan.leads.entry(source.to_owned()).or_default().insert(key.to_owned());
        }
    }
    if let Some(table) = identities.filter(|_| !plan.ids.is_empty()) {
        let mut gone: BTreeMap<&str, bool> = BTreeMap::new();
        for (lead, person) in table.texts("lead_id")?.into_iter().zip(table.texts("person_id")?) {
            if let (Some(lead), Some(person)) = (lead, person) {
                *gone.entry(person).or_insert(true) &= plan.ids.contains(lead);
            }
        }
        plan.ids.extend(gone.into_iter().filter(|(_, gone)| *gone).map(|(person, _)| person.to_owned()));
    }
    Ok(plan)
}

fn before(keep: Option<chrono::TimeDelta>, as_of_ends_at: DateTime<Utc>) -> i64 {
    keep.and_then(|k| as_of_ends_at.checked_sub_signed(k)).map_or(i64::MIN, |at| at.timestamp_micros())
}

/// The columns that [`records_by_age`] needs.
pub const VERSIONS: [&str; 6] = ["destination", "record_id", "present", "landed_at", "forgotten", "sequence"];

/// Adds the landed versions of records that are older than they may be kept: those that another replaced so long ago,
/// and all versions of a record that vanished from its export so long ago. `versions`: of one data set, in the order of
/// landing, with the columns of [`VERSIONS`]; without columns if there are none.
///
/// # Errors
/// Only when a column is missing.
pub fn records_by_age(
    plan: &mut Plan,
    dataset: &str,
    versions: &DataFrame,
    privacy: &Privacy,
    as_of_ends_at: DateTime<Utc>,
) -> Result<()> {
    let cut = before(privacy.keep, as_of_ends_at);
    if cut == i64::MIN || versions.width() == 0 {
        return Ok(());
    }
    let sorted =
        versions.sort(["destination", "record_id"], SortMultipleOptions::default().with_maintain_order(true))?;
    let (destinations, ids) = (sorted.column("destination")?.str()?, sorted.column("record_id")?.str()?);
    let (present, gone) = (sorted.column("present")?.bool()?, sorted.column("forgotten")?.bool()?);
    let landed = sorted.column("landed_at")?.datetime()?.physical();
    let numbers = sorted.column("sequence")?.i64()?;
    let key = |row: usize| destinations.get(row).zip(ids.get(row));
    let mut old = BTreeSet::new();
    // Backwards, so that what replaced a version is known before it.
    let mut later: Option<(bool, bool)> = None;
    for row in (0..sorted.height()).rev() {
        let is_last = row + 1 == sorted.height() || key(row) != key(row + 1);
        let is_old = landed.get(row).is_some_and(|at| at < cut);
        let vanished = match later {
            Some((vanished, _)) if !is_last => vanished,
            _ => is_old && present.get(row) == Some(false),
        };
        let replaced = !is_last && later.is_some_and(|(_, is_old)| is_old);
        later = Some((vanished, is_old));
        if gone.get(row) == Some(true) || !(vanished || replaced) {
            continue;
        }
        old.extend(numbers.get(row));
        if let Some((destination, record)) = key(row) {
            let keys = if vanished { &mut plan.records } else { &mut plan.replaced };
            keys.entry(destination.to_owned()).or_default().insert(record.to_owned());
        }
    }
    if !old.is_empty() {
        plan.versions.entry(dataset.to_owned()).or_default().extend(old);
        plan.before = DateTime::from_timestamp_micros(cut).map(|at| at.date_naive());
    }
    Ok(())
}

/// Columns of published tables that hold what a person typed or what is known of one.
const PERSONAL: &[&str] =
    &["first_name", "last_name", "email", "phone", "company", "title", "country", "description", "payload", "campaign"];

/// Whether a published table with these columns can show a person.
pub fn shows_people<'a>(columns: impl IntoIterator<Item = &'a str>) -> bool {
    columns.into_iter().any(|c| PERSONAL.contains(&c))
}

/// A published table without the contacts of those to be forgotten; nothing where it holds none.
///
/// # Errors
/// When the engine fails.
pub fn erase(frame: &DataFrame, plan: &Plan) -> Result<Option<DataFrame>> {
    let texts = |name: &str| frame.column(name).ok().and_then(|c| c.str().ok());
    // For the age of their leads, people do not lose their CRM records: those are the CRM's to keep.
    let keeps_records = (plan.by_age || !plan.retracted.is_empty()) && frame.column("record_id").is_ok();
    let (lead, person) = (texts("lead_id"), texts("person_id").filter(|_| !keeps_records));
    let (source, key) = (texts("source"), texts("source_key"));
    let (destination, witness, record) = (texts("destination"), texts("witness"), texts("record_id"));
    let is_one = |column: Option<&StringChunked>, row: usize| {
        column.and_then(|c| c.get(row)).is_some_and(|id| plan.ids.contains(id))
    };
    let pair =
        |a: Option<&StringChunked>, b: Option<&StringChunked>, row: usize, holds: &dyn Fn(&str, &str) -> bool| {
            a.and_then(|c| c.get(row)).zip(b.and_then(|c| c.get(row))).is_some_and(|(a, b)| holds(a, b))
        };
    let gone: Vec<bool> = (0..frame.height())
        .map(|row| {
            is_one(lead, row)
                || is_one(person, row)
                || pair(source, key, row, &|s, k| plan.holds_lead(s, k))
                || pair(destination, record, row, &|d, r| plan.holds_record(d, r))
                || pair(witness, record, row, &|w, r| plan.holds_record(w, r))
        })
        .collect();
    let gone = BooleanChunked::from_slice("gone".into(), &gone);
    let mut erased = frame.clone();
    let mut changed = false;
    for name in PERSONAL {
        let Ok(column) = frame.column(name) else { continue };
        let column = column.as_materialized_series().clone();
        if (&gone & &column.is_not_null()).any() {
            let null = Series::full_null((*name).into(), column.len(), column.dtype());
            erased.with_column(null.zip_with(&gone, &column)?.with_name((*name).into()).into_column())?;
            changed = true;
        }
    }
    Ok(changed.then_some(erased))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan {
            leads: BTreeMap::from([("s".to_owned(), BTreeSet::from(["k1".to_owned()]))]),
            ids: BTreeSet::from(["l1".to_owned(), "p1".to_owned()]),
            records: BTreeMap::from([("crm".to_owned(), BTreeSet::from(["r1".to_owned()]))]),
            ..Plan::default()
        }
    }

    #[test]
    fn only_the_rows_of_the_forgotten_lose_their_contacts_and_keys_stay() {
        let frame =
            df!("lead_id" => ["l1", "l2"], "email" => ["a@a.example", "b@b.example"], "stage" => ["trial", "trial"])
                .unwrap();
        let erased = erase(&frame, &plan()).unwrap().unwrap();
        let emails: Vec<Option<&str>> = erased.column("email").unwrap().str().unwrap().iter().collect();
        assert_eq!(emails, [None, Some("b@b.example")]);
        assert_eq!(erased.column("stage").unwrap().null_count(), 0);
        assert!(erase(&erased, &plan()).unwrap().is_none(), "a second time there is nothing to do");
        let records =
            df!("destination" => ["crm", "other"], "record_id" => ["r1", "r1"], "phone" => ["1", "2"]).unwrap();
        let erased = erase(&records, &plan()).unwrap().unwrap();
        assert_eq!(erased.column("phone").unwrap().str().unwrap().get(1), Some("2"));
        assert_eq!(erased.column("phone").unwrap().null_count(), 1);
        let witnessed = df!("witness" => ["crm", "crm"], "record_id" => ["r1", "r2"], "email" => ["1", "2"]).unwrap();
        let erased = erase(&witnessed, &plan()).unwrap().unwrap();
        assert_eq!(erased.column("email").unwrap().str().unwrap().iter().collect::<Vec<_>>(), [None, Some("2")]);
    }

    #[test]
    fn of_records_go_versions_that_were_replaced_long_ago_and_those_that_vanished_long_ago() {
        let day = |n: i64| n * 86_400_000_000;
        let instant = DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC));
        let rows = [
            // (record, present, landed on day, forgotten)
            ("stays", true, 1, false),
            ("replaced", true, 1, false),
            ("vanished", true, 1, false),
            ("erased", true, 1, true),
            ("replaced", true, 2, false),
            ("vanished", false, 3, false),
            ("erased", false, 3, true),
            ("replaced", true, 9, false),
            ("vanished lately", true, 1, false),
            ("vanished lately", false, 9, false),
        ];
        let versions = df!(
            "destination" => vec!["crm"; rows.len()],
            "record_id" => rows.map(|r| r.0),
            "present" => rows.map(|r| r.1),
            "landed_at" => Series::new("landed_at".into(), rows.map(|r| day(r.2))).cast(&instant).unwrap(),
            "forgotten" => rows.map(|r| r.3),
            "sequence" => (1..=rows.len() as i64).collect::<Vec<_>>(),
        )
        .unwrap();
        let privacy = Privacy { keep: Some(chrono::TimeDelta::days(5)), keep_dnc: None, dnc_silences_person: false };
        let mut plan = Plan { by_age: true, ..Plan::default() };
        let now = DateTime::from_timestamp_micros(day(10)).unwrap();
        records_by_age(&mut plan, "crm_records", &versions, &privacy, now).unwrap();
        assert_eq!(plan.versions["crm_records"], BTreeSet::from([2, 3, 6]));
        assert_eq!(plan.records["crm"], BTreeSet::from(["vanished".to_owned()]));
        let of_report = |day: &str| plan.for_report(day.parse().unwrap()).records["crm"].contains("replaced");
        assert!(of_report("1970-01-05") && !of_report("1970-01-06"));
        let mut none = Plan::default();
        records_by_age(&mut none, "crm_records", &versions, &Privacy { keep: None, ..privacy }, now).unwrap();
        assert!(none.is_empty());
    }

    #[test]
    fn an_unfinished_plan_is_taken_up() {
        let mut later = Plan { ids: BTreeSet::from(["l9".to_owned()]), ..Plan::default() };
        assert!(later.is_empty());
        later.join(plan());
        assert!(later.holds_lead("s", "k1") && later.holds_record("crm", "r1") && later.ids.len() == 3);
        assert!(!later.holds_lead("t", "k1"));
    }
}
