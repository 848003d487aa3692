//! What the numbers mean, in sentences: the headline, and each outage. No personal data.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use polars::prelude::*;
use serde::Serialize;

use super::filters::count;
use super::rows::View;
use crate::codes::{finding, level, reason, status, unexplained, verdict};
use crate::error::Result;
use crate::findings::{OutageWords, clicked};
use crate::history::ToldFinding;
use crate::monitors::unspoken::without_time;
use crate::queries::Catalog;

/// The counts that the headline, the summary and the sections speak of.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Leads received up to the as-of day, of every kind.
    pub leads: i64,
    /// Of them genuine.
    pub genuine: i64,
    /// People.
    pub people: i64,
    /// Destinations.
    pub destinations: i64,
    /// Rows of reconciliation by verdict.
    pub matched: i64,
    /// Lost, all states.
    pub missed: i64,
    /// Too early to tell.
    pub pending: i64,
    /// Genuine leads of which no export could speak: none was there, or it is not believed.
    pub unknown: i64,
    /// Other genuine leads that wait for an export to show them.
    pub waiting: i64,
    /// Other genuine leads from before what an export shows.
    pub out_of_sight: i64,
    /// Not to be delivered.
    pub excluded: i64,
    /// Missed and still to be settled: new, open or replayed.
    pub open: i64,
    /// People of the open.
    pub open_people: i64,
    /// People on the call list; the tables do not tell, so whoever makes it sets it.
    pub to_call: i64,
    /// First reported today.
    pub new: i64,
    /// People of the new.
    pub new_people: i64,
    /// Settled by a person.
    pub closed: i64,
    /// Open for too long.
    pub given_up: i64,
    /// Handed out for import.
    pub replayed: i64,
    /// Missed before, arrived now.
    pub recovered: i64,
    /// Outages, all.
    pub outages: i64,
    /// Destinations of what is unknown, waits, and is out of sight.
    pub unspoken: [Vec<String>; 3],
    /// Of them ongoing.
    pub ongoing: i64,
    /// Patterns.
    pub causes: i64,
    /// Delivered, and nobody touched it.
    pub untouched: i64,
    /// Raw leads that could not be read.
    pub quarantined: i64,
    /// Records no lead accounts for.
    pub unexplained: i64,
    /// Leads only a witness saw.
    pub lost_at_source: i64,
    /// Rows of exports that could not be used.
    pub set_aside: i64,
    /// Findings by level: page, mail, list.
    pub findings: [i64; 3],
    /// Of them new.
    pub new_findings: [i64; 3],
}

impl Figures {
    /// Counts the tables.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn of(catalog: &Catalog) -> Result<Figures> {
        let height = |name: &str| catalog.get(name).map_or(0, |f| f.height() as i64);
        let rows = |name: &str, filter: Expr| -> Result<i64> {
            let Some(frame) = catalog.get(name) else { return Ok(0) };
            // The mask is summed: to keep rows only to count them copies every column.
            let found = frame.clone().lazy().select([filter.cast(DataType::Int64).sum()]).collect()?;
            Ok(found.columns().first().and_then(|c| c.i64().ok()?.get(0)).unwrap_or(0))
        };
        let people = |filter: Expr| -> Result<i64> {
            let Some(frame) = catalog.get("missed_leads") else { return Ok(0) };
            let who = coalesce(&[col("person_id"), col("lead_id")]).filter(filter);
            let who = frame.clone().lazy().select([who]).collect()?;
            Ok(who.columns().first().map(|c| c.n_unique()).transpose()?.unwrap_or(0) as i64)
        };
        let is = |column: &str, value: &str| col(column).eq(lit(value));
        let open = || is("status", status::NEW).or(is("status", status::OPEN)).or(is("status", status::REPLAYED));
        let no_lead = is("reason", unexplained::NO_LEAD).or(is("reason", unexplained::UNKNOWN_OFFER));
        let verdict = |value: &str| rows("reconciliation", is("verdict", value));
        let by_level = |new: bool| -> Result<[i64; 3]> {
            let mut counts = [0; 3];
            for (at, name) in counts.iter_mut().zip(level::ALL) {
                let filter = is("level", name);
                *at = rows("findings", if new { filter.and(col("new")) } else { filter })?;
            }
            Ok(counts)
        };
        let unspoken = unspoken(catalog)?;
        Ok(Figures {
            unspoken: unspoken.clone().map(|of| of.destinations),
            leads: height("leads"),
            genuine: rows("leads", is("kind", crate::codes::kind::GENUINE))?,
            people: height("people"),
            destinations: height("coverage"),
            matched: verdict(crate::codes::verdict::MATCHED)?,
            missed: verdict(crate::codes::verdict::MISSED)?,
            pending: verdict(crate::codes::verdict::PENDING)?,
            unknown: unspoken[0].leads,
            waiting: unspoken[1].leads,
            out_of_sight: unspoken[2].leads,
            excluded: verdict(crate::codes::verdict::EXCLUDED)?,
            open: rows("missed_leads", open())?,
            open_people: people(open())?,
            to_call: 0,
            new: rows("missed_leads", is("status", status::NEW))?,
            new_people: people(is("status", status::NEW))?,
            closed: rows("missed_leads", is("status", status::CLOSED))?,
            given_up: rows("missed_leads", is("status", status::GIVEN_UP))?,
            replayed: rows("missed_leads", is("status", status::REPLAYED))?,
            recovered: height("recovered_leads"),
            outages: height("outages"),
            ongoing: rows("outages", col("ongoing"))?,
            causes: height("causes"),
            untouched: height("untouched"),
            quarantined: height("quarantine"),
            unexplained: rows("unexplained_records", no_lead)?,
            lost_at_source: height("lost_at_source"),
            set_aside: height("set_aside"),
            findings: by_level(false)?,
            new_findings: by_level(true)?,
        })
    }
}

/// Leads of which nothing is known for one reason: each once, and the destinations whose exports are asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Unspoken {
    /// So many leads.
    pub leads: i64,
    /// Names of the destinations.
    pub destinations: Vec<String>,
}

/// Leads of which no export could speak, that wait for one, and that are out of its sight: each lead once.
fn unspoken(catalog: &Catalog) -> Result<[Unspoken; 3]> {
    let mut found: [Unspoken; 3] = Default::default();
    let Some(frame) = catalog.get("reconciliation") else { return Ok(found) };
    let text = |name: &str| -> Result<StringChunked> { Ok(frame.column(name)?.str()?.clone()) };
    let (leads, verdicts, reasons) = (text("lead_id")?, text("verdict")?, text("reason")?);
    let names = text("destination")?;
    let untimed = match catalog.get("crm_records") {
        Some(records) => without_time(frame, records)?,
        None => Vec::new(),
    };
    let mut state: BTreeMap<&str, usize> = BTreeMap::new();
    let mut asked: [BTreeSet<&str>; 3] = Default::default();
    for row in 0..frame.height() {
        let of = match (verdicts.get(row), reasons.get(row)) {
            (Some(verdict::PENDING), Some(reason::GRACE | reason::AFTER_LAST_RECORD)) => 1,
            (Some(verdict::PENDING), _) => 0,
            (_, Some(reason::OUT_OF_SIGHT)) => 2,
            _ if untimed.get(row) == Some(&true) => 0,
            _ => continue,
        };
        asked[of].extend(names.get(row));
        let known = state.entry(leads.get(row).unwrap_or_default()).or_insert(of);
        *known = of.min(*known);
    }
    for of in state.into_values() {
        found[of].leads += 1;
    }
    for (found, asked) in found.iter_mut().zip(asked) {
        found.destinations = asked.into_iter().map(str::to_owned).collect();
    }
    Ok(found)
}

/// The first thing anybody reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Headline {
    /// `bad`, `warn` or `good`.
    pub tone: &'static str,
    /// One sentence.
    pub text: String,
    /// What else has to be said, a sentence each.
    pub more: Vec<String>,
}

/// What the headline needs beside the tables.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside<'a> {
    /// The rows of `findings`, as data.
    pub findings: &'a [ToldFinding],
    /// How much could not be read.
    pub problems: usize,
    /// Whether no report was made before.
    pub is_first: bool,
}

/// The headline: what stops anybody from believing the numbers first, then an outage that goes on, what is lost, what
/// nobody knows, and only then that nothing is lost. An outage that this report tells first stands in it, also when it is
/// over.
///
/// # Errors
/// When the engine fails.
pub fn headline(figures: &Figures, catalog: &Catalog, outages: &[Outage], facts: &Beside) -> Result<Headline> {
    let mut more = Vec::new();
    let mut doubtful = texts_of(catalog, finding::EXPORT_INCOMPLETE)?;
    doubtful.extend(texts_of(catalog, finding::EXPORT_DOUBTFUL)?);
    let ongoing: Vec<&str> = outages.iter().filter(|o| o.ongoing).map(|o| o.short.as_str()).collect();
    let is_new = |outage: &&Outage| {
        let told =
            facts.findings.iter().find(|told| told.words.code == finding::OUTAGE && told.words.subject == outage.id);
        !outage.ongoing && told.is_some_and(|told| told.is_new)
    };
    let over: Vec<&str> = outages.iter().filter(is_new).map(|o| o.short.as_str()).collect();
    let unknown = figures.unknown > 0 || !texts_of(catalog, finding::UNKNOWN)?.is_empty();
    let told: Vec<&str> = ongoing.iter().chain(&over).copied().collect();
    let first = told.first().map(|outage| format!("{outage} ")).unwrap_or_default();
    let rest = |more: &mut Vec<String>| more.extend(told.iter().skip(1).map(|outage| (*outage).to_owned()));
    let (tone, text) = if let Some((first, others)) = doubtful.split_first() {
        more.extend(others.iter().cloned());
        more.extend(told.iter().map(|outage| (*outage).to_owned()));
        if figures.open > 0 {
            more.push(format!("As far as the exports tell, {}.", lost(figures.open, figures.open_people)));
        }
        ("warn", format!("{first}{}", figures.unspoken_clause()))
    } else if figures.destinations == 0 {
        let read = were(figures.leads, "lead was", "leads were");
        ("warn", format!("{read} read. No destination is configured, so nobody can say whether any is missing."))
    } else if figures.open > 0 {
        rest(&mut more);
        ("bad", format!("{first}{}{}", figures.losses(facts.is_first, &mut more), figures.unspoken_clause()))
    } else if !ongoing.is_empty() {
        rest(&mut more);
        ("bad", format!("{first}Nothing lost by it is open.{}", figures.unspoken_clause()))
    } else {
        more.extend(over.iter().map(|outage| (*outage).to_owned()));
        if unknown {
            ("warn", figures.unknowns())
        } else if facts.problems > 0 {
            let unspoken = figures.unspoken_clause();
            ("warn", format!("No lead is known to be lost, but not everything could be read.{unspoken}"))
        } else {
            figures.none_lost()
        }
    };
    // How old the export is comes first: everything after it is said of that day.
    let stale = texts_of(catalog, finding::EXPORT_NOT_REFRESHED)?;
    let (tone, text) = match stale.split_first() {
        Some((first, rest)) => {
            more.extend(rest.iter().cloned());
            (if tone == "bad" { tone } else { "warn" }, format!("{}. {text}", first.trim_end_matches('.')))
        }
        None => (tone, text),
    };
    if figures.lost_at_source > 0 {
        more.push(format!(
            "{} lost before they reached the store.",
            were(figures.lost_at_source, "lead was", "leads were")
        ));
    }
    more.extend(maybe_arrived(facts.findings));
    let arrived = facts.findings.iter().filter(|told| told.words.code == finding::RECOVERED && told.is_new);
    let arrived: i64 = arrived.map(|told| told.finding.count).sum();
    if arrived > 0 {
        let arrived = were(arrived, "lead", "leads");
        more.push(format!("{arrived} that had been reported as lost arrived since the last report."));
    }
    if figures.pending > 0 && figures.unspoken().is_none() {
        more.push(format!(
            "{} too young to tell, or the export cannot speak for them yet.",
            were(figures.pending, "delivery is", "deliveries are")
        ));
    }
    Ok(Headline { tone, text, more })
}

fn lost(n: i64, people: i64) -> String {
    format!("{} of {} never reached the CRM", leads(n), were(people, "person", "people"))
}

impl Figures {
    /// What is lost, new first.
    fn losses(&self, is_first: bool, more: &mut Vec<String>) -> String {
        if self.new == 0 {
            let people = were(self.open_people, "person", "people");
            let are = if self.open == 1 { "is" } else { "are" };
            return format!("Nothing new is lost. {} of {people}, lost earlier, {are} still open.", leads(self.open));
        }
        if self.open > self.new {
            let people = were(self.open_people, "person", "people");
            more.push(format!("With those of earlier days, {} are open, of {people}.", leads(self.open)));
        }
        let when = if is_first { "This is the first report." } else { "New since the last report." };
        format!("{}. {when}", lost(self.new, self.new_people))
    }

    /// Genuine leads that exports have spoken for.
    fn spoken(&self) -> i64 {
        (self.genuine - self.unknown - self.waiting - self.out_of_sight).max(0)
    }

    /// How many leads nothing is known of yet, and why; none if there are none.
    fn unspoken(&self) -> Option<String> {
        let of = |at: usize| match self.unspoken[at].as_slice() {
            [] => "the export".to_owned(),
            [one] => format!("the export of {one}"),
            several => format!("the exports of {}", several.join(", ")),
        };
        let parts = [
            (self.unknown, format!("cannot be told by {}", of(0))),
            (self.waiting, format!("may still come with the next {}", of(1).trim_start_matches("the "))),
            (self.out_of_sight, format!("came before {} begins", of(2))),
        ];
        let all = self.unknown + self.waiting + self.out_of_sight;
        let told: Vec<(i64, &String)> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, why)| (*n, why)).collect();
        Some(match told.as_slice() {
            [] => return None,
            [(n, why)] => {
                format!("Whether {} arrived is unknown: {} {why}.", leads(*n), if *n == 1 { "it" } else { "they" })
            }
            several => {
                let told: Vec<String> = several.iter().map(|(n, why)| format!("{} {why}", count(*n))).collect();
                format!("Whether {} arrived is unknown: {}.", leads(all), told.join(", "))
            }
        })
    }

    fn unspoken_clause(&self) -> String {
        self.unspoken().map(|told| format!(" {told}")).unwrap_or_default()
    }

    /// What to say where nothing is known to be lost, and of some leads nobody can know.
    fn unknowns(&self) -> String {
        let rest = match self.spoken() {
            0 if self.matched > 0 => "None is known to have arrived everywhere".to_owned(),
            0 => "None is known to have arrived".to_owned(),
            spoken => format!("The other {} arrived, or need not", were(spoken, "genuine lead", "genuine leads")),
        };
        format!("{} {rest}.", self.unspoken().unwrap_or_default()).trim_start().to_owned()
    }

    /// That nothing is lost, of what exports have spoken for.
    fn none_lost(&self) -> (&'static str, String) {
        let spoken = self.spoken();
        if spoken == 0 && self.genuine > 0 {
            return ("warn", self.unknowns());
        }
        let accounted = were(spoken, "genuine lead is", "genuine leads are");
        let text = match self.given_up {
            0 => format!("No lead is lost: {accounted} accounted for."),
            n => format!(
                "No lost lead is open: {accounted} accounted for, {} given up.",
                were(n, "loss was", "losses were")
            ),
        };
        ("good", format!("{text}{}", self.unspoken_clause()))
    }
}

fn leads(n: i64) -> String {
    were(n, "lead", "leads")
}

fn were(n: i64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// The texts of the findings of a code, each after the destination it speaks of.
fn texts_of(catalog: &Catalog, code: &str) -> Result<Vec<String>> {
    let Some(frame) = catalog.get("findings") else { return Ok(Vec::new()) };
    let found =
        frame.clone().lazy().filter(col("code").eq(lit(code))).select([col("destination"), col("text")]).collect()?;
    let names = found.column("destination")?.str()?.iter();
    let named = names.zip(found.column("text")?.str()?.iter()).filter_map(|(name, text)| match (name, text) {
        (Some(name), Some(text)) if !name.is_empty() => Some(format!("{name}: {text}")),
        (_, text) => text.map(str::to_owned),
    });
    Ok(named.collect())
}

/// Of each destination whose export leaves records out: how many of its missed leads may have arrived.
fn maybe_arrived(findings: &[ToldFinding]) -> Vec<String> {
    // Those of the list are of records deleted long ago: few, and told in their own place.
    let partial = findings.iter().filter(|told| told.words.code == finding::EXPORT_PARTIAL);
    let partial = partial.filter(|told| told.finding.level != level::LIST && told.finding.count > 0);
    let sentence = |ToldFinding { finding, words, .. }: &ToldFinding| {
        format!("{} missed at {} may have arrived: {}.", leads(finding.count), finding.destination, words.what)
    };
    partial.map(sentence).collect()
}

/// One outage, in words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outage {
    /// Its id.
    pub id: String,
    /// Name of the destination; `the store` for an outage of the store.
    pub destination: String,
    /// Whether the store itself was down, and no CRM.
    pub is_of_store: bool,
    /// Whether it goes on.
    pub ongoing: bool,
    /// One sentence for the headline.
    pub short: String,
    /// When and how many, in brief: for one line.
    pub brief: String,
    /// When and how many, in full.
    pub text: String,
    /// How sure it is.
    pub evidence: String,
    /// When it began at the latest and was over at the earliest, for the drawing.
    #[serde(skip)]
    pub certain: (DateTime<Utc>, DateTime<Utc>),
    /// When it began at the earliest and was over at the latest; none where nothing bounds it.
    #[serde(skip)]
    pub possible: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
}

/// A name at the beginning of a sentence.
fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default() + letters.as_str()
}

/// Every outage, ongoing ones first, then the latest first. `titles`: what each offer is called.
///
/// # Errors
/// When the table lacks a column.
pub fn outages(
    catalog: &Catalog,
    words: &BTreeMap<String, OutageWords>,
    titles: &BTreeMap<String, String>,
    view: View,
) -> Result<Vec<Outage>> {
    let Some(frame) = catalog.get("outages") else { return Ok(Vec::new()) };
    let text = |name: &str, row: usize| -> Result<String> {
        Ok(frame.column(name)?.str()?.get(row).unwrap_or_default().to_owned())
    };
    let number = |name: &str, row: usize| -> Result<i64> { Ok(frame.column(name)?.i64()?.get(row).unwrap_or(0)) };
    let double =
        |name: &str, row: usize| -> Result<f64> { Ok(frame.column(name)?.f64()?.get(row).unwrap_or(f64::NAN)) };
    let time = |name: &str, row: usize| -> Result<Option<DateTime<Utc>>> {
        let micros = frame.column(name)?.cast(&DataType::Int64)?;
        Ok(micros.i64()?.get(row).and_then(DateTime::from_timestamp_micros))
    };
    let mut told = Vec::with_capacity(frame.height());
    for row in 0..frame.height() {
        let ongoing = frame.column("ongoing")?.bool()?.get(row).unwrap_or(false);
        let (began_by, ended_after) =
            (time("began_by", row)?.unwrap_or_default(), time("ended_after", row)?.unwrap_or_default());
        let (began_after, ended_by) = (time("began_after", row)?, time("ended_by", row)?);
        let destination = Some(text("destination", row)?).filter(|d| !d.is_empty()).unwrap_or("the store".to_owned());
        let scope = text("scope", row)?;
        let (missed, all, people) = (number("missed", row)?, number("leads", row)?, number("people", row)?);
        // A few that came through do not end an outage; the words must not hide them.
        let none = match (missed, all) {
            (missed, all) if missed >= all => "no leads",
            (missed, all) if missed * 5 >= all * 4 => "hardly any leads",
            _ => "only a part of the leads",
        };
        let what = match scope.as_str() {
            "all" | "source" => none.to_owned(),
            part => match part.split_once('=') {
                Some(("offer", offer)) => format!("{none} of {}", titles.get(offer).map_or(offer, String::as_str)),
                Some(("action", action)) => format!("{none} with action {}", clicked(action)),
                _ => format!("{none} of {}", part.replace('=', " ")),
            },
        };
        let lost = format!("{} of {} lost", were(missed, "lead", "leads"), were(people, "person", "people"));
        let begin = match began_after {
            Some(after) => format!("It began between {} and {}", view.spoken(after), view.spoken(began_by)),
            None => format!("It began by {}; nothing was delivered before", view.spoken(began_by)),
        };
        let end = match (ongoing, ended_by) {
            (true, _) => format!("and goes on: the last lost lead is of {}", view.spoken(ended_after)),
            (false, Some(by)) => format!("and ended between {} and {}", view.spoken(ended_after), view.spoken(by)),
            (false, None) => format!("and ended after {}", view.spoken(ended_after)),
        };
        let stretch = if ongoing {
            format!("{} has taken {what} since {}", capital(&destination), view.spoken(began_by))
        } else {
            format!(
                "{} took {what} from {} to {}",
                capital(&destination),
                view.spoken(began_by),
                view.spoken(ended_after)
            )
        };
        let base = super::filters::percent(double("base_miss_rate", row)?);
        let id = text("outage_id", row)?;
        let (full, chance) = match words.get(&id) {
            Some(words) => (format!("{}.", words.sentence), words.chance.clone()),
            None => (
                format!("{stretch}: {lost}. {begin} {end}."),
                format!("{} times in a run", super::filters::expected(double("e_value", row)?)),
            ),
        };
        told.push(Outage {
            id,
            is_of_store: scope == "source",
            ongoing,
            short: format!("{stretch}."),
            brief: format!("{stretch}: {lost}"),
            text: full,
            evidence: format!(
                "{missed} of {all} leads in this time are missing; outside outages it is {base}. So long a stretch would come \
                 about by chance {chance}.",
            ),
            destination,
            certain: (began_by, ended_after),
            possible: (began_after, ended_by),
        });
    }
    told.sort_by(|a, b| (b.ongoing, b.certain, &a.id).cmp(&(a.ongoing, a.certain, &b.id)));
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::{AboutLoss, Finding};

    #[test]
    fn that_no_lead_is_lost_is_said_only_where_none_was_given_up() {
        let said = |given_up| {
            let figures = Figures { genuine: 1200, destinations: 1, given_up, ..Figures::default() };
            headline(&figures, &Catalog::empty(), &[], &Beside::default()).unwrap().text
        };
        assert_eq!(said(0), "No lead is lost: 1,200 genuine leads are accounted for.");
        assert_eq!(said(3), "No lost lead is open: 1,200 genuine leads are accounted for, 3 losses were given up.");
    }

    #[test]
    fn what_arrived_after_all_is_told_once_and_not_every_day_after() {
        let said = |is_new| {
            let finding = Finding::list("", AboutLoss::Recovered("2026-05-04".parse().unwrap()), 2);
            let told = [ToldFinding { words: finding.words(), finding, is_new }];
            let figures = Figures { genuine: 9, destinations: 1, recovered: 7, ..Figures::default() };
            let facts = Beside { findings: &told, ..Beside::default() };
            headline(&figures, &Catalog::empty(), &[], &facts).unwrap().more
        };
        assert_eq!(said(true), ["2 leads that had been reported as lost arrived since the last report."]);
        assert!(said(false).is_empty(), "seven arrived in all, none of them now");
    }
}
