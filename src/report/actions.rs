//! What is to be done now, by whom and how: the first section of the report.
//!
//! A line is made of a finding, of the call list or of an outage, never of a sentence. Who does it follows from the code;
//! how is the finding's own advice, else what holds for the code.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::words::{Figures, Outage};
use crate::codes::{finding, level};
use crate::history::ToldFinding;

/// Most lines; a list that nobody finishes is a list that nobody begins.
const MOST: usize = 8;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Action {
    /// Who does it.
    pub who: String,
    /// What is to be done, a sentence.
    pub what: String,
    /// How, a sentence or more; empty where that is plain.
    pub how: String,
    /// Where the report says more: an anchor of the page.
    pub more: &'static str,
    /// `page` or `mail`.
    pub level: &'static str,
    /// Whether the file with the people is named in it.
    pub call_list: bool,
}

/// What is to be done, and how many more things are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Actions {
    /// The lines, most urgent first.
    pub lines: Vec<Action>,
    /// How many findings to act on have no line.
    pub left: usize,
}

/// The lines for a day.
pub fn actions(figures: &Figures, outages: &[Outage], findings: &[ToldFinding]) -> Actions {
    let mut lines = Vec::new();
    if figures.to_call > 0 {
        lines.push(Action {
            who: "Sales".to_owned(),
            what: format!("Call {}: what they sent never reached the CRM.", people(figures.to_call)),
            how: "Each row of the call list says who, what they asked for and what to say. Write the outcome into it, and \
                  they are off tomorrow's list."
                .to_owned(),
            more: "people",
            level: level::PAGE,
            call_list: true,
        });
    }
    lines.extend(outages.iter().filter(|o| o.ongoing).map(|outage| repair(outage, findings)));
    let to_act = findings.iter().filter(|told| told.finding.level != level::LIST).filter(|told| !has_a_line(told));
    // What is of one kind is one thing to do, at however many CRMs it was found.
    let mut kinds: BTreeMap<(usize, &str), Vec<&ToldFinding>> = BTreeMap::new();
    for told in to_act {
        kinds.entry((rank(told), told.words.code)).or_default().push(told);
    }
    let left = (lines.len() + kinds.len()).saturating_sub(MOST);
    lines.extend(kinds.into_values().filter_map(|alike| of_findings(&alike)));
    lines.truncate(MOST);
    Actions { lines, left }
}

fn people(n: i64) -> String {
    format!("{} {}", super::filters::count(n), if n == 1 { "person" } else { "people" })
}

/// A destination that takes nothing: what is known of why, and how the lost leads come back.
fn repair(outage: &Outage, findings: &[ToldFinding]) -> Action {
    let at_it = |code: &'static str| {
        findings.iter().find(move |t| t.words.code == code && t.finding.destination == outage.destination)
    };
    let mut how = Vec::new();
    if let Some(told) = at_it(finding::CREDENTIAL_EXPIRING) {
        how.push(sentence(&told.words.brief()));
    }
    if let Some(told) = at_it(finding::CAUSE) {
        how.push(format!("The pattern: {}", sentence(&told.words.text())));
    }
    if how.is_empty() {
        how.push(
            "Look at the forwarder and at what the CRM refused; `leadrecon diagnose` knows its messages.".to_owned(),
        );
    }
    if !outage.is_of_store {
        how.push(format!("Then `leadrecon replay {}` hands the lost leads in again.", outage.destination));
    }
    Action {
        who: format!("IT, {}", outage.destination),
        what: format!("Repair the connection. {}", outage.short),
        how: how.join(" "),
        more: "outages",
        level: level::PAGE,
        call_list: false,
    }
}

/// Missed people are the call list, ongoing outages have their own line, and of one that is over nothing is to be repaired.
fn has_a_line(told: &ToldFinding) -> bool {
    [finding::MISSED, finding::MISSED_URGENT, finding::RECOVERED, finding::OUTAGE, finding::OUTAGE_ONGOING]
        .contains(&told.words.code)
}

fn rank(told: &ToldFinding) -> usize {
    let urgency = level::ALL.iter().position(|l| *l == told.finding.level).unwrap_or(level::ALL.len());
    urgency * 10 + kind(told.words.code).0
}

/// Order among equals, who, what to do in general, and the section that says more.
fn kind(code: &str) -> (usize, &'static str, &'static str, &'static str) {
    use finding as f;
    match code {
        f::SOURCE_OUTAGE | f::SOURCE_SILENT | f::SOURCE_UNREADABLE | f::LOST_AT_SOURCE => (
            0,
            "IT",
            "Publish the offer's connection again in Partner Center, or send a test lead; `leadrecon check` says when the last one came.",
            "outages",
        ),
        f::EXPORT_INCOMPLETE | f::EXPORT_DOUBTFUL | f::EXPORT_UNREADABLE | f::UNKNOWN => {
            (1, "CRM administrator", "Make the export again; `leadrecon check` prints how.", "exports")
        }
        f::CAUSE => (2, "IT", "", "causes"),
        f::EXPORT_PARTIAL | f::EXPORT_SUSPICIOUS | f::CLOCK_SHIFT => {
            (3, "CRM administrator", "Make this export again; `leadrecon check` prints how.", "exports")
        }
        f::CREDENTIAL_EXPIRING | f::CLOCK_WRONG | f::FILES_COPIED => (4, "IT", "", "exports"),
        f::NOT_ROUTED | f::NEW_OFFER | f::NEW_STOREFRONT | f::NEW_ACTION => {
            (5, "Offers", "Say in `offers` of a destination where its leads go.", "noticed")
        }
        f::UNTOUCHED => (6, "Sales lead", "The list of owners says with whom they wait.", "untouched"),
        f::FORWARDED | f::UNEXPLAINED => (7, "IT", "Table unexplained_records names the records.", "quality"),
        f::QUARANTINED | f::CONTRADICTION | f::CHANGED | f::EXCLUDED_JUMP => {
            (8, "IT", "Table quarantine and the section on quality say which.", "quality")
        }
        _ => (9, "IT", "", "noticed"),
    }
}

/// One line of findings of one kind.
fn of_findings(alike: &[&ToldFinding]) -> Option<Action> {
    let first = alike.first()?;
    let (_, who, general, more) = kind(first.words.code);
    let places: BTreeSet<&str> =
        alike.iter().map(|told| told.finding.destination.as_str()).filter(|place| !place.is_empty()).collect();
    let who = [who].into_iter().chain(places).collect::<Vec<_>>().join(", ");
    let mut counted: Vec<(String, i64)> = Vec::new();
    for told in alike {
        let what = sentence(&told.words.brief());
        match counted.iter_mut().find(|(known, _)| *known == what) {
            Some((_, n)) => *n += told.finding.count,
            None => counted.push((what, told.finding.count)),
        }
    }
    let what: Vec<String> = counted
        .into_iter()
        .map(
            |(what, n)| if n > 1 { format!("{what} ({})", super::filters::counted(n, first.words.code)) } else { what },
        )
        .collect();
    Some(Action {
        who,
        what: what.join(" "),
        how: first.words.advice.as_deref().map_or_else(|| general.to_owned(), sentence),
        more,
        level: first.finding.level,
        call_list: false,
    })
}

/// With a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let text = text.trim();
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::{AboutExport, AboutLoss, Finding};

    fn told(finding: Finding) -> ToldFinding {
        let words = finding.words();
        ToldFinding { finding, words, is_new: true }
    }

    #[test]
    fn who_calls_stands_first_and_what_is_only_to_know_has_no_line() {
        let figures = Figures { to_call: 75, ..Figures::default() };
        let findings = [
            told(Finding::mail("sf", AboutLoss::Untouched, 31)),
            told(Finding::list("sf", AboutExport::HalfSized, 1)),
            told(Finding::page("sf", AboutExport::NotComplete { missed: 1, of: 20, limits: None }, 1)),
        ];
        let found = actions(&figures, &[], &findings);
        let who: Vec<&str> = found.lines.iter().map(|a| a.who.as_str()).collect();
        assert_eq!(who, ["Sales", "CRM administrator, sf", "Sales lead, sf"]);
        assert_eq!(found.lines[0].what, "Call 75 people: what they sent never reached the CRM.");
        assert!(found.lines[1].what.starts_with("This export is probably not complete: 1 of 20 leads"));
        assert_eq!(found.left, 0);
    }

    #[test]
    fn what_is_of_one_kind_is_one_line_at_however_many_crms() {
        let findings: Vec<ToldFinding> =
            (0..12).map(|n| told(Finding::mail(format!("crm-{n:02}"), AboutLoss::Untouched, 2))).collect();
        let found = actions(&Figures::default(), &[], &findings);
        assert_eq!((found.lines.len(), found.left), (1, 0));
        assert_eq!(found.lines[0].what, "Delivered leads that nobody has touched. (24 leads)");
        assert!(found.lines[0].who.starts_with("Sales lead, crm-00, crm-01"), "{}", found.lines[0].who);
    }
}
