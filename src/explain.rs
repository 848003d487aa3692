//! One lead: who it is, why it is that person, and what came nearest without being it.
//!
//! A view: it takes finished tables and asks `identity` for the weights of pairs. What became of the lead at each
//! destination is told by [`verdict`].

use std::fmt::Write;

use serde::Serialize;

use crate::error::Result;
use crate::identity::{Explainer, Waterfall};
use crate::tables::{Identities, Leads, Table};

pub mod verdict;

/// The person part of an explanation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Person {
    /// The lead asked about.
    pub lead_id: String,
    /// Its person; `None` for test and withheld leads, which are nobody.
    pub person_id: Option<String>,
    /// All leads of the person, oldest first.
    pub leads: Vec<String>,
    /// The links that hold the person together, strongest first; the last one is the weakest bridge.
    pub links: Vec<Waterfall>,
    /// The nearest lead that is not linked, and why not.
    pub nearest_other: Option<Waterfall>,
    /// The match probability from which two leads are one person.
    pub threshold: f64,
}

/// Explains the person of the lead in a row.
///
/// # Errors
/// Where a table does not have its shape.
pub fn person(
    row: usize,
    leads: &Table<Leads>,
    identities: &Table<Identities>,
    explainer: &Explainer,
) -> Result<Person> {
    let ids = leads.frame().column("lead_id")?.str()?;
    let received = leads.frame().column("received_at")?.datetime()?.physical();
    let of = identities.frame().column("person_id")?.str()?;
    let person_id = of.get(row);
    let mut rows: Vec<usize> = match person_id {
        Some(person) => (0..of.len()).filter(|r| of.get(*r) == Some(person)).collect(),
        None => vec![row],
    };
    rows.sort_by_key(|r| (received.get(*r), *r));
    Ok(Person {
        lead_id: ids.get(row).unwrap_or("").to_owned(),
        person_id: person_id.map(str::to_owned),
        leads: rows.iter().filter_map(|r| ids.get(*r)).map(str::to_owned).collect(),
        links: explainer.links(row)?,
        nearest_other: explainer.nearest_other(row)?,
        threshold: explainer.threshold(),
    })
}

impl Person {
    /// In words.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let Some(person) = &self.person_id else {
            return format!("lead {} is nobody: a test lead, or one whose personal data was withheld\n", self.lead_id);
        };
        let leads = crate::error::count(self.leads.len(), "lead", "leads");
        let _ = writeln!(text, "person {person}: {leads}");
        for lead in &self.leads {
            let _ = writeln!(text, "  {lead}{}", if *lead == self.lead_id { "  (asked about)" } else { "" });
        }
        if self.links.is_empty() {
            text.push_str("\nno other lead was linked to it\n");
        }
        for (n, link) in self.links.iter().enumerate() {
            let weakest = n + 1 == self.links.len() && n > 0;
            let by = link.linked_by.unwrap_or("model");
            let _ = writeln!(
                text,
                "\n{} and {} are one person, by {by}{}",
                link.lead_id_a,
                link.lead_id_b,
                if weakest { " (the weakest bridge)" } else { "" }
            );
            bars(&mut text, link);
        }
        match &self.nearest_other {
            None => text.push_str("\nno other lead comes near\n"),
            Some(other) => {
                let why = other.not_linked_because.unwrap_or("");
                let _ = writeln!(
                    text,
                    "\nnearest lead that was not linked: {} to {}\n  because {why}",
                    other.lead_id_b, other.lead_id_a
                );
                bars(&mut text, other);
            }
        }
        let _ = writeln!(text, "\ntwo leads are one person from probability {} on", self.threshold);
        text
    }
}

/// One line for each bar of the waterfall, and the total.
fn bars(text: &mut String, pair: &Waterfall) {
    for step in &pair.steps {
        let frequency =
            step.term_frequency.map_or(String::new(), |f| format!("; {:.2} % of contacts have it", f * 100.0));
        let _ = writeln!(text, "  {:>+7.1}  {}{frequency}", step.weight, step.words);
    }
    if pair.linked_by == Some(crate::codes::link::DECISION) {
        let _ = writeln!(text, "  a reviewed decision stands above the model");
        return;
    }
    let _ = writeln!(text, "  {:>+7.1}  in all: probability {:.4}", pair.weight, pair.probability);
}
