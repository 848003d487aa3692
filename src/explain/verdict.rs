//! What became of one lead at each destination, and why: the records considered, and the one that came nearest.
//!
//! Makes it from the published tables of a run, in words and as data. Which records come into question, and why each
//! does or does not account for the lead, is asked of `reconcile`. Who the lead's person is tells [`super::Person`].

use std::fmt::Write;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Serialize;

use crate::codes::{finding, reason, verdict};
use crate::error::{Result, count};
use crate::reconcile::{Considered, Delivers, Expected, Finished, Why};
use crate::tables::{
    Causes, Coverage, CrmRecords, Findings, Grain, Leads, MissedLeads, Outages, Reconciliation, Table,
    UnexplainedRecords,
};
use crate::time::SECOND;
use crate::who::Who;

/// What verdicts are told from: the published tables of a run, and what the configuration expects where.
#[derive(Clone, Copy)]
pub struct Published<'a> {
    /// The events of the leads and the destinations that they go to.
    pub expected: &'a Expected<'a>,
    /// The leads.
    pub leads: &'a Table<Leads>,
    /// What each export can speak for.
    pub coverage: &'a Table<Coverage>,
    /// One verdict per lead and destination.
    pub reconciliation: &'a Table<Reconciliation>,
    /// All records.
    pub records: &'a Table<CrmRecords>,
    /// Records that are no first delivery.
    pub unexplained: &'a Table<UnexplainedRecords>,
    /// Missed leads, for their status.
    pub missed: &'a Table<MissedLeads>,
    /// Outages.
    pub outages: &'a Table<Outages>,
    /// Causes.
    pub causes: &'a Table<Causes>,
    /// Findings, for what an export cannot show.
    pub findings: &'a Table<Findings>,
}

/// What became of a lead at all destinations.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fate {
    /// The lead.
    pub lead_id: String,
    /// When the marketplace raised it.
    pub received_at: Option<DateTime<Utc>>,
    /// What kind of lead it is.
    pub kind: String,
    /// One for each destination that it is routed to; one without a name where it is routed nowhere.
    pub destinations: Vec<Verdict>,
}

/// What became of a lead at one destination.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Verdict {
    /// Name of the destination; empty for a lead that goes nowhere.
    pub destination: String,
    /// `matched`, `missed`, `pending`, `excluded`.
    pub verdict: String,
    /// See the list of reasons.
    pub reason: String,
    /// The record that accounts for the lead.
    pub record_id: Option<String>,
    /// When that record was made.
    pub delivered_at: Option<DateTime<Utc>>,
    /// Record less lead.
    pub delay_seconds: Option<f64>,
    /// Owner of the record.
    pub owner: Option<String>,
    /// Status of the record as found.
    pub record_status: Option<String>,
    /// Status of a missed lead: `new`, `open`, `replayed`, `closed`, `given-up`.
    pub missed_status: Option<String>,
    /// The first delivery of the same act, where this lead is a further one.
    pub event_id: Option<String>,
    /// The outage that lost it.
    pub outage_id: Option<String>,
    /// The same in words.
    pub outage: Option<String>,
    /// The patterns that missed leads of this destination share, where one of them lost this lead.
    pub causes: Vec<Pattern>,
    /// Where nothing explains the loss: what the destination's export cannot show, so that the lead may have arrived.
    pub not_shown: Option<String>,
    /// Whether no record could be judged, since the destination is not configured any more.
    pub unjudged: bool,
    /// Records of the person, of the address, or with the lead's key; nearest in time first.
    pub considered: Vec<Candidate>,
    /// The nearest record of somebody else that names the same action and offer, and why it was not taken.
    pub nearest_other: Option<Candidate>,
}

/// A pattern by which leads are lost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pattern {
    /// The pattern in words.
    pub condition: String,
    /// Missed leads under it.
    pub missed: i64,
    /// Delivered leads under it.
    pub delivered: i64,
    /// The setting to look at.
    pub advice: String,
}

/// A record that might account for the lead.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Candidate {
    /// Its id in the CRM.
    pub record_id: String,
    /// lead, contact, task, …
    pub object: String,
    /// When the CRM made it.
    pub created_at: Option<DateTime<Utc>>,
    /// Record less lead; negative where it was there before.
    pub delay_seconds: Option<i64>,
    /// Lead source as found.
    pub lead_source: Option<String>,
    /// What ties it to the lead, best first: `key`, `lead source`, `person and time`; none where it names another lead.
    pub evidence: Option<&'static str>,
    /// Of the record to its person, log2 odds.
    pub match_weight: Option<f64>,
    /// What the person was recognised by.
    pub matched_by: Option<String>,
    /// Contact fields in which record and lead agree.
    pub agrees: Vec<&'static str>,
    /// Contact fields in which they differ.
    pub differs: Vec<&'static str>,
    /// Whether it accounts for this lead.
    pub taken: bool,
    /// Why it does, or does not.
    pub why: String,
}

/// The contact columns that are told, in words.
const CONTACT: [(&str, &str); 5] = [
    ("email", "e-mail"),
    ("phone", "phone"),
    ("first_name", "first name"),
    ("last_name", "last name"),
    ("company", "company"),
];

/// Tells what became of the lead in a row of `leads`.
///
/// # Errors
/// Where a table does not have its shape.
pub fn fate(row: usize, published: &Published<'_>) -> Result<Fate> {
    let leads = published.leads;
    let text = |column: &str| -> Result<Option<&str>> { Ok(leads.texts(column)?.get(row).copied().flatten()) };
    let received = leads.instants("received_at")?.get(row).copied().flatten();
    let lead_id = text("lead_id")?.unwrap_or_default();
    let table = published.reconciliation;
    let of = |column: &str| table.texts(column);
    let ids = of("lead_id")?;
    let [names, verdicts, reasons] = [of("destination")?, of("verdict")?, of("reason")?];
    let [records, outages, events] = [of("record_id")?, of("outage_id")?, of("event_id")?];
    let at = |column: &[Option<&str>], row: usize| column.get(row).copied().flatten().map(str::to_owned);
    let mut destinations = Vec::new();
    for line in (0..table.height()).filter(|line| ids.get(*line).copied().flatten() == Some(lead_id)) {
        let mut told = Verdict {
            destination: at(&names, line).unwrap_or_default(),
            verdict: at(&verdicts, line).unwrap_or_default(),
            reason: at(&reasons, line).unwrap_or_default(),
            record_id: at(&records, line),
            delay_seconds: table.numbers("delay_seconds")?.get(line).copied().flatten(),
            event_id: at(&events, line).filter(|event| event != lead_id),
            outage_id: at(&outages, line),
            ..Verdict::default()
        };
        let at = ("destination", told.destination.as_str());
        told.missed_status = text_of(published.missed, &[("lead_id", lead_id), at], "status")?;
        if let Some(id) = &told.outage_id {
            told.outage = text_of(published.outages, &[("outage_id", id)], "text")?;
        }
        if told.reason == reason::ISOLATED {
            told.not_shown = text_of(published.findings, &[("code", finding::EXPORT_PARTIAL), at], "text")?;
        }
        if told.reason == reason::CAUSE {
            told.causes = causes(published, &told.destination)?;
        }
        describe_record(published, &mut told)?;
        consider(published, row, received, &mut told)?;
        destinations.push(told);
    }
    Ok(Fate {
        lead_id: lead_id.to_owned(),
        received_at: received.and_then(DateTime::from_timestamp_micros),
        kind: text("kind")?.unwrap_or_default().to_owned(),
        destinations,
    })
}

/// The rows of `leads` that a record accounts for, or none where WHO is no record, or accounts for no lead.
///
/// # Errors
/// Where a table does not have its shape.
pub fn rows_of_record(who: &str, leads: &Table<Leads>, reconciliation: &Table<Reconciliation>) -> Result<Vec<usize>> {
    let (ids, records) = (reconciliation.texts("lead_id")?, reconciliation.texts("record_id")?);
    let who = Who::new(who);
    let mut answered: Vec<&str> = ids
        .into_iter()
        .zip(records)
        .filter(|(_, record)| record.is_some_and(|record| who.is_record(record)))
        .filter_map(|(id, _)| id)
        .collect();
    answered.sort_unstable();
    let of = leads.texts("lead_id")?;
    Ok((0..of.len())
        .filter(|row| of.get(*row).copied().flatten().is_some_and(|id| answered.binary_search(&id).is_ok()))
        .collect())
}

/// A record that no lead goes by, in words; `None` where no record has this id.
///
/// # Errors
/// Where a table does not have its shape.
pub fn record(who: &str, published: &Published<'_>, zone: Tz) -> Result<Option<String>> {
    let (ids, names) = (published.records.texts("record_id")?, published.records.texts("destination")?);
    let asked = Who::new(who);
    let Some(row) = ids.iter().position(|id| id.is_some_and(|id| asked.is_record(id))) else { return Ok(None) };
    let name = names.get(row).copied().flatten().unwrap_or_default();
    let created = published.records.instants("created_at")?.get(row).copied().flatten();
    let source = published.records.texts("lead_source")?.get(row).copied().flatten().unwrap_or("none");
    let of = [("destination", name), ("record_id", ids.get(row).copied().flatten().unwrap_or_default())];
    let why = text_of(published.unexplained, &of, "reason")?;
    let why = why.as_deref().unwrap_or("no marketplace record");
    let made = created.map_or("at an unknown time".to_owned(), |at| instant(at, zone));
    Ok(Some(format!(
        "record {} of {name}, made {made}, lead source {source}: {why}\nno lead accounts for it\n",
        who.trim()
    )))
}

/// The text of the first row in which all these columns have these values.
fn text_of<T: Grain>(table: &Table<T>, of: &[(&str, &str)], column: &str) -> Result<Option<String>> {
    let columns = of.iter().map(|(name, value)| Ok((table.text(name)?, *value))).collect::<Result<Vec<_>>>()?;
    let is_meant = |row: &usize| columns.iter().all(|(column, value)| column.get(*row) == Some(value));
    let row = (0..table.height()).find(is_meant);
    Ok(row.and_then(|row| table.text(column).ok()?.get(row)).map(str::to_owned))
}

fn causes(published: &Published<'_>, destination: &str) -> Result<Vec<Pattern>> {
    let table = published.causes;
    let (names, conditions, advice) = (table.texts("destination")?, table.texts("text")?, table.texts("advice")?);
    let (missed, delivered) = (table.frame().column("missed")?.i64()?, table.frame().column("delivered")?.i64()?);
    let text = |column: &[Option<&str>], row: usize| column.get(row).copied().flatten().unwrap_or_default().to_owned();
    Ok((0..names.len())
        .filter(|row| names.get(*row).copied().flatten() == Some(destination))
        .map(|row| Pattern {
            condition: text(&conditions, row),
            missed: missed.get(row).unwrap_or(0),
            delivered: delivered.get(row).unwrap_or(0),
            advice: text(&advice, row),
        })
        .collect())
}

/// Fills in what the CRM says of the record that was taken.
fn describe_record(published: &Published<'_>, told: &mut Verdict) -> Result<()> {
    let (records, Some(id)) = (published.records, told.record_id.as_deref()) else { return Ok(()) };
    let ids = records.text("record_id")?;
    let Some(row) = records.rows_of(&told.destination)?.find(|row| ids.get(*row) == Some(id)) else { return Ok(()) };
    told.owner = records.text("owner")?.get(row).map(str::to_owned);
    told.record_status = records.text("status")?.get(row).map(str::to_owned);
    if told.reason != reason::PERSON_KNOWN {
        told.delivered_at = created_at(records, row)?;
    }
    Ok(())
}

fn created_at(records: &Table<CrmRecords>, row: usize) -> Result<Option<DateTime<Utc>>> {
    let at = records.frame().column("created_at")?.datetime()?.physical().get(row);
    Ok(at.and_then(DateTime::from_timestamp_micros))
}

/// Fills in the records that were considered, and the nearest of somebody else.
fn consider(published: &Published<'_>, lead: usize, received: Option<i64>, told: &mut Verdict) -> Result<()> {
    let Published { records, coverage, reconciliation, unexplained, .. } = *published;
    let finished = Finished { records, coverage, reconciliation, unexplained };
    let found = published.expected.considered(lead, &told.destination, finished)?;
    told.unjudged = found.is_none() && !told.destination.is_empty();
    for found in found.into_iter().flatten() {
        let mut candidate = candidate(published, lead, received, &found)?;
        if candidate.taken && told.reason == reason::PERSON_KNOWN {
            "the person is known by it".clone_into(&mut candidate.why);
        }
        if found.own {
            told.considered.push(candidate);
        } else {
            told.nearest_other = Some(candidate);
        }
    }
    told.considered.sort_by_key(|c| (!c.taken, c.delay_seconds.map_or(i64::MAX, i64::abs), c.record_id.clone()));
    Ok(())
}

fn candidate(published: &Published<'_>, lead: usize, received: Option<i64>, found: &Considered) -> Result<Candidate> {
    let records = published.records;
    let cell = |column: &str| -> Result<Option<&str>> { Ok(records.text(column)?.get(found.row)) };
    let created = created_at(records, found.row)?;
    let in_words = |columns: &[&str]| -> Vec<&'static str> {
        CONTACT.into_iter().filter(|(column, _)| columns.contains(column)).map(|(_, words)| words).collect()
    };
    let differs = in_words(&found.differs);
    let action = published.leads.text("action")?.get(lead).unwrap_or_default();
    let named = (cell("action")?.unwrap_or_default(), cell("offer_id")?, cell("offer")?.unwrap_or_default());
    Ok(Candidate {
        record_id: cell("record_id")?.unwrap_or_default().to_owned(),
        object: cell("object")?.unwrap_or_default().to_owned(),
        created_at: created,
        delay_seconds: created.zip(received).map(|(made, at)| (made.timestamp_micros() - at).div_euclid(SECOND)),
        lead_source: cell("lead_source")?.map(str::to_owned),
        evidence: found.evidence,
        match_weight: records.frame().column("match_weight")?.f64()?.get(found.row),
        matched_by: cell("matched_by")?.map(str::to_owned),
        agrees: in_words(&found.agrees),
        taken: found.why == Why::Taken,
        why: why(&found.why, action, named, &differs),
        differs,
    })
}

/// Why a record accounts for the lead, or does not, in words. `action`: the lead's; `named`: what the record's lead
/// source names, action, offer id and offer title.
fn why(why: &Why, action: &str, named: (&str, Option<&str>, &str), differs: &[&str]) -> String {
    match why {
        Why::Taken => "it accounts for this lead".to_owned(),
        Why::Test => "it is a test lead".to_owned(),
        Why::CannotDeliver(why) => match why {
            Delivers::Opportunity => "an opportunity delivers no lead",
            Delivers::ContactBesideLeads => {
                "a contact delivers no lead where the export holds leads, from which the CRM makes contacts"
            }
            Delivers::ActivityBesidePeople => {
                "an activity without a marketplace lead source delivers no lead where people have records of their own"
            }
            Delivers::NoLeadSource | Delivers::Yes => "it shows no marketplace lead source",
        }
        .to_owned(),
        Why::OtherAction => format!("its lead source names action {}, not {action}", named.0),
        Why::OtherOffer => match named.1 {
            Some(id) => format!("its lead source names offer {id}"),
            None => format!("its lead source names offer \"{}\"", named.2),
        },
        Why::OtherKey => "its key is that of another lead".to_owned(),
        Why::Before => "it was there before the lead".to_owned(),
        Why::AnswersOthers(leads) => {
            format!("it accounts for lead {}, to which it is nearer or fits better", leads.join(", "))
        }
        Why::Again(None) => "it delivers this lead again".to_owned(),
        Why::Again(Some(lead)) => again(lead, differs),
        Why::Unexplained(reason) => format!("it accounts for no lead: {reason}"),
        Why::OtherPerson => "it is of somebody else".to_owned(),
        Why::Spare => "another record of this lead fits it better".to_owned(),
        Why::NotChosen => "it accounts for no lead by that run's verdicts".to_owned(),
    }
}

/// Why a record that this lead could have made is of another lead that has one already.
fn again(lead: &str, differs: &[&str]) -> String {
    let text = format!("it delivers lead {lead} again, which has a record of its own");
    match differs {
        [] => text,
        fields => format!("{text}: it shows what was typed there, here {} is other", fields.join(", ")),
    }
}

impl Fate {
    /// In words: first line arrived, delivered when, owner, status; then why.
    pub fn text(&self, zone: Tz) -> String {
        let arrived =
            self.received_at.map_or("at an unknown time".to_owned(), |at| instant(at.timestamp_micros(), zone));
        let short: Vec<String> = self.destinations.iter().map(|told| told.short(zone)).collect();
        let mut text = format!("arrived {arrived}; {}\n", short.join("; "));
        let kind = if self.kind == crate::codes::kind::GENUINE { String::new() } else { format!(", {}", self.kind) };
        let _ = writeln!(text, "lead {}{kind}", self.lead_id);
        for told in self.destinations.iter().filter(|told| !told.destination.is_empty()) {
            told.long(&mut text, zone);
        }
        text
    }
}

impl Verdict {
    fn short(&self, zone: Tz) -> String {
        if self.destination.is_empty() {
            return format!("goes to no destination ({})", self.reason);
        }
        let mut text = format!("{}: ", self.destination);
        match (self.verdict.as_str(), self.delivered_at) {
            (verdict::MATCHED, Some(at)) if self.reason != reason::PERSON_KNOWN => {
                let _ = write!(text, "delivered {}", instant(at.timestamp_micros(), zone));
            }
            (verdict::MATCHED, _) => text.push_str("the person is known there, which proves no delivery"),
            (verdict::MISSED, _) => {
                let _ = write!(text, "missed, {}", self.missed_status.as_deref().unwrap_or("not handed out"));
            }
            (verdict, _) => {
                let _ = write!(text, "{verdict}, {}", self.reason);
            }
        }
        if self.record_id.is_some() {
            let _ = write!(text, ", owner {}", self.owner.as_deref().unwrap_or("unknown"));
            let _ = write!(text, ", status {}", self.record_status.as_deref().unwrap_or("unknown"));
        }
        text
    }

    fn long(&self, text: &mut String, zone: Tz) {
        let _ = writeln!(text, "\n{}: {}, {}", self.destination, self.verdict, self.reason);
        if let Some(event) = &self.event_id {
            let _ = writeln!(text, "  the same act as lead {event}, delivered again");
        }
        if let Some(outage) = &self.outage {
            let _ = writeln!(text, "  {outage}");
        }
        if self.causes.len() > 1 {
            text.push_str("  lost by one of these patterns:\n");
        }
        for cause in &self.causes {
            let _ = writeln!(
                text,
                "  leads are lost where {}: {} missed, {} delivered. {}",
                cause.condition, cause.missed, cause.delivered, cause.advice
            );
        }
        if let Some(not_shown) = &self.not_shown {
            let _ = writeln!(text, "  it may have arrived: {not_shown}");
        }
        match self.considered.len() {
            _ if self.unjudged => text.push_str("  it is not configured any more, so no record can be judged\n"),
            0 => text.push_str("  no record of the person, of the address, or with the lead's key\n"),
            n => {
                let _ = writeln!(text, "  {} considered", count(n, "record", "records"));
            }
        }
        for candidate in &self.considered {
            candidate.tell(text, zone);
        }
        if let Some(other) = &self.nearest_other {
            text.push_str("  nearest record of somebody else\n");
            other.tell(text, zone);
        }
    }
}

impl Candidate {
    fn tell(&self, text: &mut String, zone: Tz) {
        let made = self.created_at.map_or("at an unknown time".to_owned(), |at| instant(at.timestamp_micros(), zone));
        let delay = self.delay_seconds.map_or(String::new(), |delay| format!(", {}", apart(delay)));
        let _ = writeln!(text, "    {} {} made {made}{delay}: {}", self.object, self.record_id, self.why);
        let mut signs = vec![format!("evidence: {}", self.evidence.unwrap_or("none"))];
        signs.extend(self.lead_source.as_ref().map(|source| format!("lead source {source}")));
        let by = self.matched_by.as_deref().map_or(String::new(), |by| format!(" by {by}"));
        signs.extend(self.match_weight.map(|weight| format!("person {weight:+.1}{by}")));
        if !self.agrees.is_empty() {
            signs.push(format!("same {}", self.agrees.join(", ")));
        }
        if !self.differs.is_empty() {
            signs.push(format!("other {}", self.differs.join(", ")));
        }
        let _ = writeln!(text, "      {}", signs.join("; "));
    }
}

fn instant(micros: i64, zone: Tz) -> String {
    let at = DateTime::from_timestamp_micros(micros).unwrap_or_default().with_timezone(&zone);
    at.format("%-d %B %Y %H:%M").to_string()
}

/// `3 minutes later`, `2 days earlier`.
fn apart(seconds: i64) -> String {
    let side = if seconds < 0 { "earlier" } else { "later" };
    let (number, one, several) = match seconds.unsigned_abs() {
        s @ 0..120 => (s, "second", "seconds"),
        s @ 120..7_200 => (s / 60, "minute", "minutes"),
        s @ 7_200..172_800 => (s / 3_600, "hour", "hours"),
        s => (s / 86_400, "day", "days"),
    };
    format!("{} {side}", count(usize::try_from(number).unwrap_or(usize::MAX), one, several))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::tests::{Cell, Value, at, destination, table};

    fn lead(id: &'static str, minutes: i64) -> Vec<Cell> {
        vec![
            ("lead_id", id.into()),
            ("source_key", Value::Text(format!("p/{id}"))),
            ("received_at", Value::At(at(minutes))),
            ("action", "INS".into()),
            ("offer_id", "contoso.mesh".into()),
            ("kind", "genuine".into()),
            ("email", "ann@fabrikam.com".into()),
            ("last_name", "Lee".into()),
        ]
    }

    fn person(lead: &'static str) -> Vec<Cell> {
        vec![("lead_id", lead.into()), ("person_id", "ann".into())]
    }

    fn told(lead: &'static str, verdict: &'static str, reason: &'static str) -> Vec<Cell> {
        vec![
            ("lead_id", lead.into()),
            ("person_id", "ann".into()),
            ("destination", "crm".into()),
            ("verdict", verdict.into()),
            ("reason", reason.into()),
            ("event_id", lead.into()),
        ]
    }

    fn made(id: &'static str, person: &'static str, minutes: i64, action: &'static str) -> Vec<Cell> {
        vec![
            ("destination", "crm".into()),
            ("record_id", id.into()),
            ("object", "lead".into()),
            ("created_at", Value::At(at(minutes))),
            ("person_id", person.into()),
            ("action", action.into()),
            ("offer_id", "contoso.mesh".into()),
            ("lead_source", Value::Text(format!("AzureMarketplace-{action}|contoso.mesh"))),
            ("marketplace", true.into()),
            ("owner", "Dana".into()),
            ("status", "Working".into()),
            ("last_name", "Lee".into()),
        ]
    }

    #[test]
    fn a_delivered_and_a_lost_lead_are_told_with_every_record_considered_and_why_not() {
        let leads = table(&[lead("a", 0), lead("b", 3000)]);
        let mut delivered = told("a", "matched", "delivered");
        delivered.push(("record_id", "r1".into()));
        let mut lost = told("b", "missed", "outage");
        lost.push(("outage_id", "o1".into()));
        let reconciliation = table(&[delivered, lost]);
        let mut webinar = made("r3", "ann", 3010, "INS");
        webinar.extend([("marketplace", false.into()), ("lead_source", "Webinar".into())]);
        let mut stranger = made("r4", "", 3020, "INS");
        stranger.push(("last_name", "Diaz".into()));
        let records = table(&[made("r1", "ann", 2, "INS"), made("r2", "ann", 3001, "PLT"), webinar, stranger]);
        let unexplained =
            table(&[vec![("destination", "crm".into()), ("record_id", "r4".into()), ("reason", "no-lead".into())]]);
        let missed = table(&[vec![("lead_id", "b".into()), ("destination", "crm".into()), ("status", "new".into())]]);
        let outages = table(&[vec![("outage_id", "o1".into()), ("text", "crm took no leads: 11 of 9 people".into())]]);
        let people = table(&[person("a"), person("b")]);
        let destinations = [destination()];
        let expected = Expected::new(&leads, &people, &destinations, &[], DateTime::UNIX_EPOCH).unwrap();
        let published = Published {
            expected: &expected,
            coverage: &Table::empty(),
            leads: &leads,
            reconciliation: &reconciliation,
            records: &records,
            unexplained: &unexplained,
            missed: &missed,
            outages: &outages,
            causes: &Table::empty(),
            findings: &Table::empty(),
        };
        let first = fate(0, &published).unwrap().text(Tz::UTC);
        let expected =
            "arrived 1 May 2026 00:00; crm: delivered 1 May 2026 00:02, owner Dana, status Working\nlead a\n";
        assert!(first.starts_with(expected), "{first}");
        let expected = "\
arrived 3 May 2026 02:00; crm: missed, new
lead b

crm: missed, outage
  crm took no leads: 11 of 9 people
  3 records considered
    lead r2 made 3 May 2026 02:01, 60 seconds later: its lead source names action PLT, not INS
      evidence: none; lead source AzureMarketplace-PLT|contoso.mesh; same last name
    lead r3 made 3 May 2026 02:10, 10 minutes later: it shows no marketplace lead source
      evidence: none; lead source Webinar; same last name
    lead r1 made 1 May 2026 00:02, 2 days earlier: it was there before the lead
      evidence: lead source; lead source AzureMarketplace-INS|contoso.mesh; same last name
  nearest record of somebody else
    lead r4 made 3 May 2026 02:20, 20 minutes later: it accounts for no lead: no-lead
      evidence: lead source; lead source AzureMarketplace-INS|contoso.mesh; other last name
";
        assert_eq!(fate(1, &published).unwrap().text(Tz::UTC), expected);
        let nowhere = Expected::new(&leads, &people, &[], &[], DateTime::UNIX_EPOCH).unwrap();
        let first = fate(0, &Published { expected: &nowhere, ..published }).unwrap().text(Tz::UTC);
        assert!(first.contains("crm: delivered 1 May 2026 00:02, owner Dana"), "{first}");
        assert!(first.contains("it is not configured any more, so no record can be judged"), "{first}");
        assert_eq!(rows_of_record("r1", &leads, &reconciliation).unwrap(), [0]);
        let lonely = record("r4", &published, Tz::UTC).unwrap();
        assert!(lonely.is_some_and(|text| text.contains("no lead accounts for it")));
    }

    #[test]
    fn a_record_that_delivers_another_lead_again_and_what_the_export_leaves_out_are_told_in_words() {
        let leads = table(&[lead("a", 0), lead("b", 3000)]);
        let mut delivered = told("b", "matched", "delivered");
        delivered.push(("record_id", "r1".into()));
        let reconciliation = table(&[told("a", "missed", "isolated"), delivered]);
        let mut second = made("r2", "ann", 9000, "INS");
        second.push(("email", "a.lee@fabrikam.com".into()));
        let records = table(&[made("r1", "ann", 3002, "INS"), second]);
        let odd = [("destination", "crm"), ("record_id", "r2"), ("reason", "further-delivery"), ("lead_id", "b")];
        let said =
            [("destination", "crm"), ("code", "export-partial"), ("text", "its export shows no converted records")];
        let row = |cells: &[(&'static str, &str)]| cells.iter().map(|(name, text)| (*name, (*text).into())).collect();
        let people = table(&[person("a"), person("b")]);
        let destinations = [destination()];
        let expected = Expected::new(&leads, &people, &destinations, &[], DateTime::UNIX_EPOCH).unwrap();
        let published = Published {
            expected: &expected,
            coverage: &Table::empty(),
            leads: &leads,
            reconciliation: &reconciliation,
            records: &records,
            unexplained: &table(&[row(&odd)]),
            missed: &Table::empty(),
            outages: &Table::empty(),
            causes: &Table::empty(),
            findings: &table(&[row(&said)]),
        };
        let lost = fate(0, &published).unwrap();
        let text = lost.text(Tz::UTC);
        assert!(text.contains("it may have arrived: its export shows no converted records"), "{text}");
        let again = "it delivers lead b again, which has a record of its own: it shows what was typed there, here e-mail is other";
        assert!(text.contains(again), "{text}");
        assert!(serde_json::to_string(&lost).unwrap().contains(again));
        let other = fate(1, &published).unwrap().text(Tz::UTC);
        assert!(other.contains("it delivers this lead again") && !other.contains("may have arrived"), "{other}");
    }

    #[test]
    fn the_leads_own_contact_is_not_said_to_be_of_somebody_else() {
        let leads = table(&[lead("a", 0)]);
        let people = table(&[person("a")]);
        let mut contact = made("r1", "ann", 4, "INS");
        contact.extend([("object", "contact".into()), ("marketplace", false.into())]);
        contact.push(("email", "ann@fabrikam.com".into()));
        let mut bobs = made("r2", "bob", 4, "INS");
        bobs.push(("email", "ann@fabrikam.com".into()));
        let records = table(&[contact, bobs]);
        let destinations = [destination()];
        let expected = Expected::new(&leads, &people, &destinations, &[], DateTime::UNIX_EPOCH).unwrap();
        let published = Published {
            expected: &expected,
            leads: &leads,
            coverage: &Table::empty(),
            reconciliation: &table(&[told("a", "missed", "isolated")]),
            records: &records,
            unexplained: &Table::empty(),
            missed: &Table::empty(),
            outages: &Table::empty(),
            causes: &Table::empty(),
            findings: &Table::empty(),
        };
        let considered = fate(0, &published).unwrap().destinations.remove(0).considered;
        let whys: Vec<_> = considered.iter().map(|c| (c.record_id.as_str(), c.why.as_str())).collect();
        let of_leads = "a contact delivers no lead where the export holds leads, from which the CRM makes contacts";
        assert_eq!(whys, [("r1", of_leads), ("r2", "it is of somebody else")], "his record, her address");
    }
}
