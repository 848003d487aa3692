//! How well people are recognised, through the program, on publishers whose truth is known.

use std::collections::HashMap;
use std::fs;

use crate::program::{run, table};

/// One column of a CSV by another; empty values are left out.
fn column(table: &[u8], key: &str, value: &str) -> HashMap<String, String> {
    let mut reader = csv::Reader::from_reader(table);
    let headers = reader.headers().unwrap().clone();
    let [key, value] = [key, value].map(|name| headers.iter().position(|h| h == name).unwrap());
    reader
        .records()
        .map(|record| record.unwrap())
        .filter(|record| !record[value].is_empty())
        .map(|record| (record[key].to_owned(), record[value].to_owned()))
        .collect()
}

/// Pairs within groups of these sizes.
fn pairs<K>(sizes: HashMap<K, usize>) -> usize {
    sizes.into_values().map(|n| n * (n - 1) / 2).sum()
}

#[test]
fn of_the_pairs_of_leads_that_are_called_one_person_99_in_100_are_and_of_those_that_are_93_in_100_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let (mut both, mut called, mut true_pairs) = (0, 0, 0);
    for seed in ["3", "4"] {
        run(folder.path(), &["generate", seed, "--leads", "2500", "--seed", seed], 0);
        let publisher = folder.path().join(seed);
        run(&publisher, &["run", "--as-of", "2026-10-29", "--quiet"], 0);
        let found = column(&table(&publisher, "identities"), "lead_id", "person_id");
        let truth = column(&fs::read(publisher.join("truth/people.csv")).unwrap(), "lead_id", "person");
        let (mut cells, mut ours, mut theirs) = (HashMap::new(), HashMap::new(), HashMap::new());
        for (lead, person) in &found {
            if let Some(one) = truth.get(lead) {
                *cells.entry((person, one)).or_insert(0) += 1;
                *ours.entry(person).or_insert(0) += 1;
                *theirs.entry(one).or_insert(0) += 1;
            }
        }
        (both, called, true_pairs) = (both + pairs(cells), called + pairs(ours), true_pairs + pairs(theirs));
    }
    assert!(true_pairs > 2000, "{true_pairs} pairs are too few to judge by");
    assert!(both * 100 >= called * 99, "{both} of {called} pairs that were called one person are one");
    assert!(both * 100 >= true_pairs * 93, "{both} of {true_pairs} pairs of one person were found");
}
