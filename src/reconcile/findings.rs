//! What a destination's export tells about itself, and what a person should act on.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::codes::unexplained;
use crate::config::Grace;
use crate::findings::{AboutExport, AboutLoss, AboutSetting, Finding};
use crate::reconcile::answers::Answers;
use crate::reconcile::clock::Clock;
use crate::reconcile::inference;
use crate::reconcile::ledger::Ledger;
use crate::reconcile::verdicts::{Roles, Settled};
use crate::time::SECOND;

/// What a destination's export tells about itself, shown by `check` and in the report.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Inferred {
    /// Name of the destination.
    pub destination: String,
    /// `lead` or `person`.
    pub records_per: &'static str,
    /// `configured`, `inferred`, or `kind` where too few people tell.
    pub records_per_from: &'static str,
    /// People with several leads and a record, by which `records_per` is inferred.
    pub people_with_several_leads: usize,
    /// Those of them with one record only.
    pub people_with_one_record: usize,
    /// Time within which a delivered lead shows up.
    pub grace_seconds: i64,
    /// `configured`, `delays`, or `default` until there are fifty delays.
    pub grace_from: &'static str,
    /// Delays seen.
    pub delays: usize,
    /// Median of the delays seen, in seconds.
    pub median_delay_seconds: Option<i64>,
    /// Zone that the export's times are of, where they were read in another.
    pub zone: Option<String>,
    /// Whether only records with a marketplace lead source deliver.
    pub shows_lead_source: bool,
    /// Leads before this are out of sight.
    pub from: Option<DateTime<Utc>>,
    /// The export speaks for leads up to this, less grace.
    pub until: Option<DateTime<Utc>>,
    /// Records that account for a lead.
    pub first_deliveries: usize,
    /// Records of leads that have one.
    pub further_deliveries: usize,
    /// Records of test and do-not-contact leads.
    pub should_not_be_there: usize,
    /// Records that no lead accounts for.
    pub unexplained: usize,
}

/// What was inferred and counted.
pub(super) fn inferred(settled: &Settled<'_, '_>, roles: &Roles) -> Inferred {
    let instant = |at: Option<i64>| at.and_then(DateTime::from_timestamp_micros);
    let Settled { ledger, clock, keeps, answers, .. } = settled;
    let mut delays = answers.waited.delays.clone();
    delays.sort_unstable();
    let count = |wanted: &[&str]| roles.others.iter().filter(|role| wanted.contains(&role.why)).count();
    Inferred {
        destination: ledger.destination.name.clone(),
        records_per: if keeps.per_person { "person" } else { "lead" },
        records_per_from: keeps.from,
        people_with_several_leads: keeps.weighed.people,
        people_with_one_record: keeps.weighed.single,
        grace_seconds: answers.waited.grace / SECOND,
        grace_from: match ledger.destination.grace {
            Grace::Fixed(_) => "configured",
            Grace::Auto if delays.len() >= inference::FEWEST_DELAYS => "delays",
            Grace::Auto => "default",
        },
        delays: delays.len(),
        median_delay_seconds: delays.get(delays.len() / 2).map(|delay| delay / SECOND),
        zone: (*clock != Clock::AsRead).then(|| clock.name()),
        shows_lead_source: ledger.records.shows_lead_source,
        from: instant(ledger.view.from),
        until: instant(ledger.view.until),
        first_deliveries: roles.first_deliveries,
        further_deliveries: count(&[unexplained::FURTHER_DELIVERY]),
        should_not_be_there: count(&[unexplained::TEST_LEAD, unexplained::DO_NOT_CONTACT]),
        unexplained: count(&[unexplained::NO_LEAD, unexplained::UNKNOWN_OFFER]),
    }
}

/// What a person should act on.
pub(super) fn findings(settled: &Settled<'_, '_>, roles: &Roles) -> Vec<Finding> {
    let Settled { ledger, clock, answers, .. } = settled;
    let name = ledger.destination.name.as_str();
    let of = |role: &str| roles.others.iter().filter(|other| other.why == role).count();
    let mut findings = vec![
        Finding::list(name, AboutLoss::TestForwarded, of(unexplained::TEST_LEAD)),
        Finding::mail(name, AboutLoss::DoNotContactForwarded, of(unexplained::DO_NOT_CONTACT)),
        Finding::mail(name, AboutLoss::RecordWithoutLead, of(unexplained::NO_LEAD)),
        Finding::list(name, AboutLoss::RecordOfUnknownOffer, of(unexplained::UNKNOWN_OFFER)),
    ];
    if *clock != Clock::AsRead {
        findings.push(Finding::mail(name, AboutExport::ClockOf(clock.name()), 1));
    }
    if let Some((text, others)) = usual_lead_source(ledger, answers) {
        findings.push(Finding::list(name, AboutSetting::TextUnnamed(text.to_owned()), others));
    }
    if answers.keys_unknown {
        findings.push(Finding::mail(name, AboutSetting::KeyOfNoLead, 1));
    }
    findings.retain(|finding| finding.count > 0);
    findings
}

/// Fewer deliveries in time than this say nothing.
const FEWEST_PROMPT: usize = 50;

/// In an export that shows no marketplace lead sources: the text that nearly all records made in time have, and how many
/// matched leads have a record that says another.
///
/// There any record of the person may be the delivery, so that an import of marketing's hides a lost lead. Mostly the
/// forwarder writes one text into all of its records, and `delivered_by` could name it. None where the export shows marketplace lead sources, or where the records do not agree.
fn usual_lead_source<'a>(ledger: &Ledger<'_, 'a>, answers: &Answers) -> Option<(&'a str, usize)> {
    if ledger.records.shows_lead_source {
        return None;
    }
    let mut said: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let (mut in_time, mut all) = (0, 0);
    for (lead, answer) in answers.of_lead.iter().filter(|(_, answer)| answer.delivered) {
        let Some((lead, record)) = ledger.lead(*lead).zip(ledger.record(answer.record)) else {
            continue;
        };
        let Some(text) = record.lead_source.map(str::trim).filter(|text| !text.is_empty()) else { continue };
        let is_prompt = record.span.is_some_and(|span| span.delay(lead.received) <= answers.waited.grace);
        let counts = said.entry(text).or_default();
        counts.0 += usize::from(is_prompt);
        counts.1 += 1;
        in_time += usize::from(is_prompt);
        all += 1;
    }
    let (text, (prompt, of_text)) = said.into_iter().max_by_key(|(_, (prompt, _))| *prompt)?;
    (in_time >= FEWEST_PROMPT && prompt * 20 >= in_time * 19 && all > of_text).then_some((text, all - of_text))
}
