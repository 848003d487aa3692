//! Leads and CRM records → people: who is the same person, and why.
//!
//! Takes leads, CRM records, reviewed decisions and who was who in the run before; gives [`Linked`]. Leads of kind test
//! and withheld are nobody. Leads are clustered first, then each CRM record is given to the best-fitting person or to
//! none: an export can never join two people. `person_id` comes from the person's anchor, the lead that was landed
//! first, so that nothing that arrives later can move it (design: output, Ids).

use std::collections::BTreeMap;

use polars::prelude::*;
use sha2::{Digest, Sha256};

use crate::codes::Finding;
use crate::error::{Error, Result};
use crate::tables::{CrmRecords, ExportRecords, Identities, Leads, People, Table};

mod people;
#[cfg(test)]
mod traps;

/// What a person decided about two leads; it holds for ever.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decision {
    /// The one lead.
    pub lead_id_a: String,
    /// The other.
    pub lead_id_b: String,
    /// Whether they are the same person.
    pub same: bool,
}

/// What the stage reads.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// All leads.
    pub leads: &'a Table<Leads>,
    /// All CRM records.
    pub records: &'a Table<ExportRecords>,
    /// Reviewed decisions.
    pub decisions: &'a [Decision],
    /// Who was who in the run before, for the list of changes.
    pub previous: Option<&'a Table<Identities>>,
    /// Match probability from which two leads are one person.
    pub threshold: f64,
    /// A model to use as it is, as [`Linked::model`] wrote it; `None` learns one from the leads.
    pub model: Option<&'a str>,
}

/// Two leads that hold a person together.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// The lead that is attached.
    pub lead_id_a: String,
    /// The lead it is attached to.
    pub lead_id_b: String,
    /// log2 odds.
    pub weight: f64,
    /// The same as a probability.
    pub probability: f64,
    /// One of [`crate::codes::link`].
    pub by: &'static str,
}

/// People who became one, or one who became several, since the run before.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Change {
    /// Whether it is a merge; otherwise a split.
    pub merged: bool,
    /// Persons before, sorted.
    pub before: Vec<String>,
    /// Persons now, sorted.
    pub now: Vec<String>,
    /// The lead that caused it; `None` where no single one did.
    pub cause: Option<String>,
}

/// How good the links are, estimated without labels.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Quality {
    /// Leads that are somebody.
    pub leads: usize,
    /// People.
    pub people: usize,
    /// People with one lead.
    pub alone: usize,
}

/// What the stage gives.
#[derive(Debug)]
pub struct Linked {
    /// Person of each lead.
    pub identities: Table<Identities>,
    /// The people.
    pub people: Table<People>,
    /// The CRM records with their person.
    pub crm_records: Table<CrmRecords>,
    /// The model that was used, as readable JSON without personal data.
    pub model: String,
    /// Merges and splits since the run before.
    pub changes: Vec<Change>,
    /// What a person should look at.
    pub findings: Vec<Finding>,
    /// Estimated quality.
    pub quality: Quality,
    /// The links that hold people together, attached lead first.
    pub links: Vec<Link>,
}

/// First 16 hex digits of SHA-256 over the anchor's lead_id.
pub fn person_id(anchor_lead_id: &str) -> String {
    let mut id = hex::encode(Sha256::digest(anchor_lead_id.as_bytes()));
    id.truncate(16);
    id
}

/// Reads `decisions.csv`: `lead_id_a,lead_id_b,decision` with `same` or `different`; lines that begin with # are notes.
///
/// # Errors
/// Tells every line that cannot be read (exit 2).
pub fn decisions(text: &str) -> Result<Vec<Decision>> {
    let mut reader =
        csv::ReaderBuilder::new().comment(Some(b'#')).trim(csv::Trim::All).flexible(true).from_reader(text.as_bytes());
    let header: Vec<String> = reader
        .headers()
        .map_err(|e| Error::usage("the file of reviewed decisions cannot be read").because(e))?
        .iter()
        .map(|h| h.trim_start_matches('\u{feff}').to_ascii_lowercase())
        .collect();
    let column = |name: &str| {
        header.iter().position(|h| h == name).ok_or_else(|| {
            Error::usage(format!("the file of reviewed decisions has no column {name}"))
                .hint("its header is lead_id_a,lead_id_b,decision")
        })
    };
    let (a, b, word) = (column("lead_id_a")?, column("lead_id_b")?, column("decision")?);
    let mut decisions = Vec::new();
    let mut problems = Vec::new();
    for (n, row) in reader.records().enumerate() {
        let line = n + 2;
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                problems.push(format!("line {line}: {error}"));
                continue;
            }
        };
        let field = |at: usize| row.get(at).unwrap_or("").to_owned();
        let same = match field(word).to_ascii_lowercase().as_str() {
            "same" => true,
            "different" => false,
            _ => {
                problems.push(format!("line {line}: decision is neither same nor different"));
                continue;
            }
        };
        let (first, second) = (field(a), field(b));
        if first.is_empty() || second.is_empty() || first == second {
            problems.push(format!("line {line}: two lead ids are needed"));
            continue;
        }
        decisions.push(Decision { lead_id_a: first, lead_id_b: second, same });
    }
    if problems.is_empty() {
        return Ok(decisions);
    }
    Err(Error::usage("the file of reviewed decisions has lines that cannot be used").because(problems.join("; ")))
}

/// Recognises people across leads, and gives each CRM record to its person.
///
/// # Errors
/// Only where a table does not have its shape.
pub fn link(inputs: &Inputs) -> Result<Linked> {
    let _ = (inputs.threshold, inputs.model, inputs.previous);
    plain::link(inputs)
}

/// Plain keys: normalised e-mail; phone with last name. Replaced by the model.
mod plain {
    use super::*;
    use crate::contact;

    pub(super) fn link(inputs: &Inputs) -> Result<Linked> {
        let frame = inputs.leads.frame();
        let rows = people::Rows::of(frame)?;
        let mut root: Vec<u32> = (0..frame.height() as u32).collect();
        fn find(root: &mut [u32], mut x: u32) -> u32 {
            while root[x as usize] != x {
                root[x as usize] = root[root[x as usize] as usize];
                x = root[x as usize];
            }
            x
        }
        let text = |name: &str| -> Result<StringChunked> { Ok(frame.column(name)?.str()?.clone()) };
        let (email, phone, last, country) = (text("email")?, text("phone")?, text("last_name")?, text("country")?);
        let mut keys: BTreeMap<String, u32> = BTreeMap::new();
        let mut by: Vec<Option<(f64, &'static str)>> = vec![None; frame.height()];
        for &row in &rows.in_order {
            let at = row as usize;
            let mut of_row = Vec::new();
            if let Some(e) = email.get(at).and_then(contact::normalised_email)
                && !contact::is_role_mailbox(&e)
                && !contact::is_placeholder(&e)
            {
                of_row.push((e, crate::codes::link::EMAIL));
            }
            let home = country.get(at).and_then(contact::country_code);
            if let (Some(p), Some(l)) = (
                phone.get(at).and_then(|p| contact::e164(p, home).or_else(|| contact::phone_digits(p))),
                last.get(at).and_then(contact::name_key),
            ) {
                of_row.push((format!("{p} {l}"), crate::codes::link::PHONE));
            }
            for (key, word) in of_row {
                if let Some(&other) = keys.get(&key) {
                    let (x, y) = (find(&mut root, row), find(&mut root, other));
                    root[x.max(y) as usize] = x.min(y);
                    by[at].get_or_insert((10.0, word));
                    by[other as usize].get_or_insert((10.0, word));
                } else {
                    keys.insert(key, row);
                }
            }
        }
        let mut cluster = vec![people::NOBODY; frame.height()];
        for &row in &rows.in_order {
            cluster[row as usize] = find(&mut root, row);
        }
        let assigned = people::Assigned { cluster, strongest: by };
        let person_ids = assigned.person_ids(&rows, frame)?;
        let mut of_email: BTreeMap<String, u32> = BTreeMap::new();
        for &row in &rows.in_order {
            if let Some(e) = email.get(row as usize).and_then(contact::normalised_email) {
                of_email.entry(e).or_insert(row);
            }
        }
        let record_emails = inputs.records.frame().column("email")?.str()?.clone();
        let given: Vec<Option<(u32, f64, &'static str)>> = record_emails
            .iter()
            .map(|e| {
                let row = *of_email.get(&contact::normalised_email(e?)?)?;
                Some((row, 10.0, crate::codes::link::EMAIL))
            })
            .collect();
        Ok(Linked {
            identities: assigned.identities(frame, &person_ids)?,
            people: assigned.people(&rows, frame, &person_ids)?,
            crm_records: people::crm_records(inputs.records.frame(), &person_ids, &given)?,
            model: "{}".to_owned(),
            changes: Vec::new(),
            findings: Vec::new(),
            quality: Quality::default(),
            links: Vec::new(),
        })
    }
}

/// A match weight (log2 odds) as a probability.
pub fn probability(weight: f64) -> f64 {
    1.0 / (1.0 + (-weight).exp2())
}
