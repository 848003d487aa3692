//! CRM records → the person each belongs to, or none.
//!
//! A record never joins two people: it is given to the one that fits best, and where two fit equally well the odds are
//! shared and neither reaches the threshold. The raw lead's key in a record says more than any comparison.

use std::collections::{BTreeMap, HashMap};

use polars::prelude::*;
use rayon::prelude::*;

use super::block::{self, Capped};
use super::cluster::{Clusters, edges};
use super::compare::{Shared, levels, linked_by};
use super::homes::Contacts;
use super::model::{CERTAIN, Model, Scale, probability};
use crate::codes::link;
use crate::contact::COLUMNS;
use crate::error::Result;

/// Row of a lead of the person, weight, and what decided.
pub(super) type Given = Option<(u32, f64, &'static str)>;

/// Share of CRM records that are expected to be of a lead's person.
const OF_A_LEAD: f64 = 0.5;

/// What the records of all exports were given.
pub(super) struct Assignment {
    pub given: Vec<Given>,
    pub capped: Vec<Capped>,
}

/// The records, below them how they described their person before, and for each row below the record that it is of.
pub(super) fn with_earlier(records: &DataFrame, earlier: &DataFrame) -> Result<(DataFrame, Vec<usize>)> {
    let read = || COLUMNS.into_iter().chain(["key"]);
    if earlier.height() == 0 {
        return Ok((records.clone(), Vec::new()));
    }
    let keys = |frame: &DataFrame| -> Result<Vec<(String, String)>> {
        let (destinations, ids) = (frame.column("destination")?.str()?, frame.column("record_id")?.str()?);
        let text = |cell: Option<&str>| cell.unwrap_or_default().to_owned();
        Ok(destinations.iter().zip(ids.iter()).map(|(d, r)| (text(d), text(r))).collect())
    };
    let rows: HashMap<(String, String), usize> = keys(records)?.into_iter().zip(0..).collect();
    let of: Vec<Option<usize>> = keys(earlier)?.iter().map(|key| rows.get(key).copied()).collect();
    let known: BooleanChunked = of.iter().map(|row| Some(row.is_some())).collect();
    let below = earlier.filter(&known)?.select(read())?;
    Ok((records.select(read())?.vstack(&below)?, of.into_iter().flatten().collect()))
}

/// Of what a record was given by each of its descriptions, the one that fits best: sales correct addresses, and the
/// lead has the one that stood there first. `of`: the record of each row below the records.
pub(super) fn best(mut given: Vec<Given>, of: &[usize]) -> Vec<Given> {
    let below = given.split_off(given.len().saturating_sub(of.len()));
    for (found, record) in below.into_iter().zip(of) {
        let Some(known) = given.get_mut(*record) else { continue };
        if let Some((_, weight, _)) = found
            && known.is_none_or(|(_, of_newest, _)| weight > of_newest)
        {
            *known = found;
        }
    }
    given
}

/// Everything that is known of the leads.
pub(super) struct People<'a> {
    pub leads: &'a DataFrame,
    /// Rows of leads that are somebody, in the order of landing.
    pub rows: &'a [u32],
    /// Row of the first lead of each profile.
    pub first_row: &'a [u32],
    /// Cluster of each row.
    pub cluster: &'a [u32],
}

/// A record's profile and a cluster that it fits.
struct Fit {
    /// Both, by their numbers.
    of: (u32, u32),
    /// Its place among all, strongest first.
    rank: u32,
    weight: f64,
    lead: u32,
    pattern: u32,
}

/// Gives each record its person.
pub(super) fn assign(
    contacts: &mut Contacts,
    shared: &Shared,
    model: &Model,
    clusters: &mut Clusters,
    people: &People,
    records: &DataFrame,
    threshold: f64,
) -> Result<Assignment> {
    let all: Vec<u32> = (0..records.height() as u32).collect();
    let of_leads = contacts.forms.of_leads;
    let profiles = contacts.add_records(records, &all)?;
    let prior = (OF_A_LEAD / (of_leads as f64).max(1.0)).min(0.03).log2();
    let scale = Scale::new(model).with_prior(prior, prior);
    let found = block::candidates(contacts, shared, &scale, true);
    // A record of the son's is not the father's, whichever of his leads leaves out what tells them apart.
    let told = contacts.forms.profiles.iter().enumerate().take(of_leads).filter(|(_, profile)| profile.generation != 0);
    let told: Vec<(u32, u8)> = told.map(|(number, profile)| (number as u32, profile.generation)).collect();
    let generations: HashMap<u32, u8> = told.into_iter().map(|(number, of)| (clusters.find(number), of)).collect();
    let generation = |record: u32| contacts.forms.profiles.get(record as usize).map_or(0, |profile| profile.generation);
    let mut fits: Vec<Fit> = Vec::new();
    for edge in edges(contacts, &scale, &found.pairs, 0.0) {
        let (lead, record) = if (edge.a as usize) < of_leads { (edge.a, edge.b) } else { (edge.b, edge.a) };
        let (of_lead, of_record) = (generations.get(&clusters.find(lead)).copied(), generation(record));
        if of_record != 0 && of_lead.is_some_and(|of_lead| of_lead != of_record) {
            continue;
        }
        let of = (record, clusters.find(lead));
        fits.push(Fit { of, rank: fits.len() as u32, weight: edge.weight, lead, pattern: edge.pattern });
    }
    // Strongest first: of each record's profile and each cluster the first counts.
    fits.par_sort_unstable_by_key(|fit| (fit.of, fit.rank));
    fits.dedup_by_key(|fit| fit.of);
    let keys = Keys::of(people)?;
    let key = records.column("key")?.str()?;
    let given = profiles
        .par_iter()
        .enumerate()
        .map(|(row, profile)| {
            if let Some(lead_row) = key.get(row).and_then(|k| keys.find(k)) {
                return Some((lead_row, CERTAIN, link::KEY));
            }
            let from = fits.partition_point(|fit| fit.of.0 < *profile);
            let own = || fits.iter().skip(from).take_while(|fit| fit.of.0 == *profile);
            let top = own().max_by(|x, y| x.weight.total_cmp(&y.weight).then(y.lead.cmp(&x.lead)))?;
            // Odds against everybody else who fits.
            let others: f64 = own().filter(|fit| fit.lead != top.lead).map(|fit| fit.weight.exp2()).sum();
            let weight = top.weight - (1.0 + others).log2();
            if probability(weight) < threshold {
                return None;
            }
            Some((*people.first_row.get(top.lead as usize)?, weight, linked_by(&levels(top.pattern))))
        })
        .collect();
    Ok(Assignment { given, capped: found.capped })
}

/// What a person saw stands above key and model: the record of such a closing is of the lead's person.
pub(super) fn teach(
    given: &mut [Given],
    taught: &[(String, String, String)],
    people: &People,
    records: &DataFrame,
) -> Result<()> {
    if taught.is_empty() {
        return Ok(());
    }
    let ids = people.leads.column("lead_id")?.str()?;
    let rows: HashMap<&str, u32> = people.rows.iter().filter_map(|row| Some((ids.get(*row as usize)?, *row))).collect();
    // Who said two things of one record is taken by the first lead, in the order of ids.
    let mut said: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    let mut in_order: Vec<_> = taught.iter().collect();
    in_order.sort();
    for (lead, destination, record) in in_order {
        if let Some(row) = rows.get(lead.as_str()) {
            said.entry((destination, record)).or_insert(*row);
        }
    }
    let (destinations, record_ids) = (records.column("destination")?.str()?, records.column("record_id")?.str()?);
    for (place, key) in given.iter_mut().zip(destinations.iter().zip(record_ids.iter())) {
        if let (Some(destination), Some(record)) = key
            && let Some(row) = said.get(&(destination, record))
        {
            *place = Some((*row, CERTAIN, link::DECISION));
        }
    }
    Ok(())
}

/// What a forwarder may have kept of a raw lead: its lead_id, its source_key, or the RowKey alone.
struct Keys<'a> {
    rows: HashMap<&'a str, Option<u32>>,
}

impl<'a> Keys<'a> {
    fn of(people: &People<'a>) -> Result<Self> {
        let (ids, keys) = (people.leads.column("lead_id")?.str()?, people.leads.column("source_key")?.str()?);
        let mut rows: HashMap<&str, Option<u32>> = HashMap::new();
        for &row in people.rows {
            let (id, key) = (ids.get(row as usize), keys.get(row as usize));
            let row_key = key.and_then(|k| k.split_once('/')).map(|(_, row_key)| row_key);
            for text in [id, key, row_key].into_iter().flatten() {
                // A key of two people's leads names nobody.
                rows.entry(text)
                    .and_modify(|known| {
                        let other = known.and_then(|k| people.cluster.get(k as usize));
                        if other != people.cluster.get(row as usize) {
                            *known = None;
                        }
                    })
                    .or_insert(Some(row));
            }
        }
        Ok(Keys { rows })
    }

    fn find(&self, key: &str) -> Option<u32> {
        let key = key.trim();
        self.rows.get(key).or_else(|| self.rows.get(key.to_ascii_lowercase().as_str())).copied().flatten()
    }
}
