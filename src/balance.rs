//! Both sides of the books: every lead and every marketplace record is counted once, or the run fails.
//!
//! Makes the balance of the design (section 1) from the final tables and the counts of the landing. Nothing that a
//! stage counted is taken over: routes are tried again, kinds of records are counted again, and each side of an
//! equation comes from another table than the other where there is one.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::NaiveDate;
use polars::prelude::{PlHashMap, PlHashSet};
use serde::Serialize;

use crate::codes::{link, reason, unexplained, verdict};
use crate::config::Destination;
use crate::error::{Error, Result};
use crate::lead_source;
use crate::tables::{CrmRecords, Leads, Quarantine, Readings, Reconciliation, Table, UnexplainedRecords};

/// What the landing counts, apart from the tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RawCounts {
    /// Raw leads landed, each key once.
    pub landed: usize,
    /// Of them received after the as-of day.
    pub after_as_of: usize,
    /// Of them forgotten, on request or by age.
    pub forgotten: usize,
    /// Taken out of the landing by command, beside those landed.
    pub retracted: usize,
}

/// The final tables that the books are made of.
#[derive(Clone, Copy)]
pub struct Books<'a> {
    /// Counts of the landing.
    pub raw: RawCounts,
    /// Leads.
    pub leads: &'a Table<Leads>,
    /// Refused raw leads.
    pub quarantine: &'a Table<Quarantine>,
    /// One verdict per lead and destination.
    pub reconciliation: &'a Table<Reconciliation>,
    /// All records.
    pub crm_records: &'a Table<CrmRecords>,
    /// Marketplace records that are no first delivery.
    pub unexplained: &'a Table<UnexplainedRecords>,
    /// Records of each destination that were taken out of the landing by command.
    pub retracted: &'a BTreeMap<String, usize>,
    /// What was read, and on which day.
    pub readings: &'a Table<Readings>,
    /// The as-of day.
    pub as_of: NaiveDate,
    /// The destinations, for their routes.
    pub destinations: &'a [Destination],
}

/// Both sides of the books, in the order in which they are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Balance {
    /// Every equation.
    pub equations: Vec<Equation>,
    /// Leads by destination, verdict and reason; `person-known` is a column of its own: it proves nothing.
    pub destinations: Vec<DestinationBalance>,
}

/// One equation: a whole and its parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Equation {
    /// Destination it is about; none for the store's own.
    pub destination: Option<String>,
    /// What is divided.
    pub whole: Term,
    /// Into what.
    pub parts: Vec<Term>,
}

/// A count with its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Term {
    /// In words.
    pub name: &'static str,
    /// How many.
    pub count: usize,
}

/// One destination's line in the books.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DestinationBalance {
    /// Name of the destination.
    pub destination: String,
    /// Leads routed to it.
    pub routed: usize,
    /// matched, person-known left out.
    pub delivered: usize,
    /// matched because the person is known; proves no delivery.
    pub person_known: usize,
    /// Lost.
    pub missed: usize,
    /// Not to be told yet.
    pub pending: usize,
    /// Not to be delivered, or out of sight.
    pub excluded: usize,
    /// Leads of each reason.
    pub reasons: BTreeMap<String, usize>,
    /// Marketplace records.
    pub marketplace_records: usize,
    /// First deliveries.
    pub first_deliveries: usize,
    /// Further deliveries.
    pub further_deliveries: usize,
    /// Test and do-not-contact leads that were forwarded.
    pub should_not_be_there: usize,
    /// No lead accounts for them.
    pub unexplained: usize,
}

impl Equation {
    fn new(
        destination: Option<&str>,
        whole: (&'static str, usize),
        parts: impl IntoIterator<Item = (&'static str, usize)>,
    ) -> Self {
        let term = |(name, count)| Term { name, count };
        Equation {
            destination: destination.map(str::to_owned),
            whole: term(whole),
            parts: parts.into_iter().map(term).collect(),
        }
    }

    /// The parts together.
    pub fn sum(&self) -> usize {
        self.parts.iter().map(|part| part.count).sum()
    }

    /// Whether both sides are equal.
    pub fn holds(&self) -> bool {
        self.sum() == self.whole.count
    }
}

impl std::fmt::Display for Equation {
    /// `12 leads = 10 routed + 2 not routed`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(destination) = &self.destination {
            write!(f, "{destination}: ")?;
        }
        write!(f, "{} {} =", self.whole.count, unit(self.whole.name, self.whole.count))?;
        for (place, part) in self.parts.iter().enumerate() {
            write!(f, "{} {} {}", if place > 0 { " +" } else { "" }, part.count, unit(part.name, part.count))?;
        }
        Ok(())
    }
}

/// What a term counts, as it is said beside its number: `1 lead`.
pub fn unit(name: &str, count: usize) -> &str {
    match name {
        _ if count != 1 => name,
        "raw leads landed" => "raw lead landed",
        "raw leads ever landed" => "raw lead ever landed",
        "leads" => "lead",
        "records" => "record",
        "records ever landed" => "record ever landed",
        "marketplace records" => "marketplace record",
        "first deliveries" => "first delivery",
        "further deliveries" => "further delivery",
        "rows of exports" => "row of exports",
        "records of strangers" => "record of strangers",
        _ => name,
    }
}

/// Balances the books.
///
/// # Errors
/// When an equation does not hold (exit 4): it is named, with both sides and their difference.
pub fn check(books: Books<'_>) -> Result<Balance> {
    let balance = balance(books)?;
    match balance.equations.iter().find(|equation| !equation.holds()) {
        None => Ok(balance),
        Some(broken) => Err(Error::failed("the books do not balance")
            .at(broken)
            .because(format!(
                "{} is {}, its parts make {}: {} too {}",
                broken.whole.name,
                broken.whole.count,
                broken.sum(),
                broken.sum().abs_diff(broken.whole.count),
                if broken.sum() > broken.whole.count { "many" } else { "few" },
            ))
            .hint("a lead or record is counted twice or not at all: please report this with the version")),
    }
}

fn balance(books: Books<'_>) -> Result<Balance> {
    let mut equations = vec![Equation::new(
        None,
        ("raw leads landed", books.raw.landed),
        [
            ("leads", books.leads.height()),
            ("quarantined", books.quarantine.height()),
            ("received after the as-of day", books.raw.after_as_of),
            ("forgotten", books.raw.forgotten),
        ],
    )];
    if books.raw.retracted > 0 {
        equations.push(Equation::new(
            None,
            ("raw leads ever landed", books.raw.landed + books.raw.retracted),
            [("raw leads landed", books.raw.landed), ("retracted", books.raw.retracted)],
        ));
    }
    for (name, retracted) in books.retracted.iter().filter(|(_, n)| **n > 0) {
        let names = books.crm_records.texts("destination")?;
        let landed = names.into_iter().filter(|landed| *landed == Some(name.as_str())).count();
        equations.push(Equation::new(
            Some(name.as_str()),
            ("records ever landed", landed + retracted),
            [("records", landed), ("retracted", *retracted)],
        ));
    }
    let verdicts = Verdicts::read(books.reconciliation)?;
    let routed: PlHashSet<&str> =
        verdicts.rows().filter(|row| !row.destination.is_empty()).map(|row| row.lead).collect();
    let not_routed: PlHashSet<&str> =
        verdicts.rows().filter(|row| row.destination.is_empty()).map(|row| row.lead).collect();
    equations.push(Equation::new(
        None,
        ("leads", books.leads.height()),
        [("routed", routed.len()), ("not routed", not_routed.len())],
    ));
    let showing = lead_source::shown_by(books.crm_records, &lead_source::test_records(books.crm_records)?)?;
    let mut destinations = Vec::new();
    for destination in books.destinations {
        let line = line(&books, &verdicts, &showing, destination)?;
        equations.push(Equation::new(
            Some(&destination.name),
            ("routed", line.routed),
            [
                ("matched", line.delivered),
                ("matched, person known only", line.person_known),
                ("missed", line.missed),
                ("pending", line.pending),
                ("excluded", line.excluded),
            ],
        ));
        equations.push(Equation::new(
            Some(&destination.name),
            ("marketplace records", line.marketplace_records),
            [
                ("first deliveries", line.first_deliveries),
                ("further deliveries", line.further_deliveries),
                ("should not be there", line.should_not_be_there),
                ("unexplained", line.unexplained),
            ],
        ));
        equations.extend(rows_of_exports(&books, &destination.name)?);
        destinations.push(line);
    }
    Ok(Balance { equations, destinations })
}

/// The rows of tonight's exports of a destination, and of each file of which they are not counted once; none where
/// nothing was read.
fn rows_of_exports(books: &Books<'_>, destination: &str) -> Result<Vec<Equation>> {
    let readings = books.readings;
    let count = |name: &str| -> Result<Vec<usize>> {
        let counts = readings.frame().column(name)?.i64()?;
        Ok(counts.iter().map(|n| usize::try_from(n.unwrap_or(0)).unwrap_or(0)).collect())
    };
    let (rows, records) = (count("rows")?, count("records")?);
    let (strangers, set_aside) = (count("strangers")?, count("set_aside")?);
    let (names, days) = (readings.texts("destination")?, readings.frame().column("as_of")?.date()?);
    let is_tonight = |row: &usize| {
        let day = days.physical().get(*row).and_then(NaiveDate::from_epoch_days);
        names.get(*row) == Some(&Some(destination)) && day == Some(books.as_of)
    };
    let equation = |of: &[usize]| {
        let sum = |counts: &[usize]| of.iter().filter_map(|row| counts.get(*row)).sum::<usize>();
        let parts =
            [("records", sum(&records)), ("records of strangers", sum(&strangers)), ("set aside", sum(&set_aside))];
        Equation::new(Some(destination), ("rows of exports", sum(&rows)), parts)
    };
    let tonight: Vec<usize> = (0..names.len()).filter(is_tonight).collect();
    let broken = tonight.iter().map(|row| equation(&[*row])).filter(|equation| !equation.holds());
    let all = (!tonight.is_empty()).then(|| equation(&tonight));
    Ok(broken.chain(all).collect())
}

fn line(
    books: &Books<'_>,
    verdicts: &Verdicts<'_>,
    showing: &HashSet<&str>,
    destination: &Destination,
) -> Result<DestinationBalance> {
    let mut line = DestinationBalance { destination: destination.name.clone(), ..DestinationBalance::default() };
    line.routed = routed_by_pattern(books.leads, destination)?;
    let mut accounted: BTreeSet<&str> = BTreeSet::new();
    let mut keyed: PlHashSet<&str> = PlHashSet::default();
    let mut seen: PlHashSet<&str> = PlHashSet::default();
    for row in verdicts.rows().filter(|row| row.destination == destination.name) {
        if !seen.insert(row.lead) {
            continue; // a lead told twice makes the parts too few
        }
        *line.reasons.entry(row.reason.to_owned()).or_default() += 1;
        match (row.verdict, row.reason) {
            (verdict::MATCHED, reason::PERSON_KNOWN) => line.person_known += 1,
            (verdict::MATCHED, _) => line.delivered += 1,
            (verdict::MISSED, _) => line.missed += 1,
            (verdict::PENDING, _) => line.pending += 1,
            (verdict::EXCLUDED, _) => line.excluded += 1,
            _ => {}
        }
        if let Some(record) = row.record {
            accounted.insert(record);
            if row.matched_by == Some(link::KEY) {
                keyed.insert(record);
            }
        }
    }

    let mut odd: PlHashMap<&str, &str> = PlHashMap::default();
    let (names, ids) = (books.unexplained.texts("destination")?, books.unexplained.texts("record_id")?);
    for ((name, id), why) in names.into_iter().zip(ids).zip(books.unexplained.texts("reason")?) {
        if let (true, Some(id), Some(why)) = (name == Some(&destination.name), id, why) {
            odd.insert(id, why);
            match why {
                unexplained::FURTHER_DELIVERY => line.further_deliveries += 1,
                unexplained::TEST_LEAD | unexplained::DO_NOT_CONTACT => line.should_not_be_there += 1,
                _ => line.unexplained += 1,
            }
        }
    }

    // A record is a marketplace record where it shows so itself; where the forwarder's key names its lead; and, in an
    // export that shows no lead source anywhere, where it accounts for a lead or is plainly a test.
    let (names, ids) = (books.crm_records.texts("destination")?, books.crm_records.texts("record_id")?);
    let (objects, flags) = (books.crm_records.texts("object")?, books.crm_records.flags("marketplace")?);
    let rows: Vec<usize> = (0..ids.len()).filter(|row| names.get(*row) == Some(&Some(&*destination.name))).collect();
    let object = |row: usize| objects.get(row).copied().flatten().unwrap_or_default();
    let has_leads = rows.iter().any(|row| object(*row) == "lead");
    let shows_any = !destination.delivered_by.is_empty() || showing.contains(destination.name.as_str());
    for row in rows {
        let Some(id) = ids.get(row).copied().flatten() else { continue };
        // A CRM makes contacts and opportunities from leads: they are no deliveries of their own.
        let is_delivery = match object(row) {
            "opportunity" => false,
            "contact" => !has_leads,
            _ => true,
        };
        let shown = flags.get(row) == Some(&true) && is_delivery;
        let is_marketplace =
            shown || keyed.contains(id) || (!shows_any && (accounted.contains(id) || odd.contains_key(id)));
        if is_marketplace {
            line.marketplace_records += 1;
            if accounted.contains(id) && !odd.contains_key(id) {
                line.first_deliveries += 1;
            }
        }
    }
    Ok(line)
}

/// Leads that the destination's patterns name, tried again.
fn routed_by_pattern(leads: &Table<Leads>, destination: &Destination) -> Result<usize> {
    let mut known: PlHashMap<&str, bool> = PlHashMap::default();
    let names = leads.texts("offer_id")?.into_iter().zip(leads.texts("offer")?);
    Ok(names
        .filter(|(id, title)| {
            let name = id.or(*title).unwrap_or_default();
            *known.entry(name).or_insert_with(|| destination.offers.iter().any(|pattern| pattern.matches(name)))
        })
        .count())
}

struct Verdicts<'a> {
    leads: Vec<Option<&'a str>>,
    destinations: Vec<Option<&'a str>>,
    verdicts: Vec<Option<&'a str>>,
    reasons: Vec<Option<&'a str>>,
    records: Vec<Option<&'a str>>,
    matched_by: Vec<Option<&'a str>>,
}

#[derive(Clone, Copy)]
struct Row<'a> {
    lead: &'a str,
    destination: &'a str,
    verdict: &'a str,
    reason: &'a str,
    record: Option<&'a str>,
    matched_by: Option<&'a str>,
}

impl<'a> Verdicts<'a> {
    fn read(table: &'a Table<Reconciliation>) -> Result<Self> {
        Ok(Verdicts {
            leads: table.texts("lead_id")?,
            destinations: table.texts("destination")?,
            verdicts: table.texts("verdict")?,
            reasons: table.texts("reason")?,
            records: table.texts("record_id")?,
            matched_by: table.texts("matched_by")?,
        })
    }

    fn rows(&self) -> impl Iterator<Item = Row<'a>> {
        (0..self.leads.len()).map(|row| {
            let at = |column: &[Option<&'a str>]| column.get(row).copied().flatten();
            Row {
                lead: at(&self.leads).unwrap_or_default(),
                destination: at(&self.destinations).unwrap_or_default(),
                verdict: at(&self.verdicts).unwrap_or_default(),
                reason: at(&self.reasons).unwrap_or_default(),
                record: at(&self.records),
                matched_by: at(&self.matched_by),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::tests::{Cell, Value, at, destination, table};

    fn lead(id: &'static str) -> Vec<Cell> {
        vec![("lead_id", id.into()), ("received_at", Value::At(at(0))), ("kind", "genuine".into())]
    }

    fn verdict(lead: &'static str, destination: &'static str, code: &'static str, reason: &'static str) -> Vec<Cell> {
        vec![
            ("lead_id", lead.into()),
            ("destination", destination.into()),
            ("verdict", code.into()),
            ("reason", reason.into()),
            ("received_at", Value::At(at(0))),
        ]
    }

    fn record(id: &'static str) -> Vec<Cell> {
        vec![
            ("destination", "crm".into()),
            ("record_id", id.into()),
            ("object", "lead".into()),
            ("marketplace", true.into()),
        ]
    }

    fn odd(id: &'static str, reason: &'static str) -> Vec<Cell> {
        vec![("destination", "crm".into()), ("record_id", id.into()), ("reason", reason.into())]
    }

    struct Case {
        raw: RawCounts,
        leads: Vec<Vec<Cell>>,
        verdicts: Vec<Vec<Cell>>,
        records: Vec<Vec<Cell>>,
        odd: Vec<Vec<Cell>>,
    }

    /// Two raw leads of which one came after the as-of day and one is delivered; a further delivery, and a webinar.
    fn sound() -> Case {
        let mut delivered = verdict("a", "crm", "matched", "delivered");
        delivered.push(("record_id", "r1".into()));
        let mut webinar = record("w");
        webinar.push(("marketplace", false.into()));
        Case {
            raw: RawCounts { landed: 3, after_as_of: 1, forgotten: 0, retracted: 0 },
            leads: vec![lead("a"), lead("b")],
            verdicts: vec![delivered, verdict("b", "crm", "matched", "person-known")],
            records: vec![record("r1"), record("r2"), webinar],
            odd: vec![odd("r2", "further-delivery")],
        }
    }

    impl Case {
        fn check(&self) -> Result<Balance> {
            check(Books {
                raw: self.raw,
                leads: &table(&self.leads),
                quarantine: &Table::empty(),
                reconciliation: &table(&self.verdicts),
                crm_records: &table(&self.records),
                unexplained: &table(&self.odd),
                retracted: &BTreeMap::new(),
                readings: &Table::empty(),
                as_of: NaiveDate::default(),
                destinations: &[destination()],
            })
        }
    }

    #[test]
    fn both_sides_of_the_books_balance_with_their_numbers() {
        let balance = sound().check().unwrap();
        let told: Vec<String> = balance.equations.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "3 raw leads landed = 2 leads + 0 quarantined + 1 received after the as-of day + 0 forgotten",
                "2 leads = 2 routed + 0 not routed",
                "crm: 2 routed = 1 matched + 1 matched, person known only + 0 missed + 0 pending + 0 excluded",
                "crm: 2 marketplace records = 1 first delivery + 1 further delivery + 0 should not be there + 0 \
                 unexplained",
            ]
        );
    }

    #[test]
    fn a_lead_or_record_that_is_lost_on_the_way_fails_the_run() {
        type Break = (&'static str, fn(&mut Case));
        // A verdict that is none of the four is refused before, where the table is made.
        let breaks: [Break; 4] = [
            ("raw leads landed", |case| case.raw.landed += 1),
            ("leads =", |case| drop(case.verdicts.pop())),
            ("crm: 3 marketplace records", |case| case.records.push(record("r3"))),
            ("crm: 2 marketplace records", |case| case.odd.push(odd("r9", "no-lead"))),
        ];
        for (equation, break_it) in breaks {
            let mut case = sound();
            break_it(&mut case);
            let error = case.check().unwrap_err();
            assert_eq!(error.status() as u8, 4);
            assert!(error.to_string().contains(equation), "{equation}: {error}");
        }
    }
}
