//! Reviewed decisions: which two leads a person said are one, or two.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::reviewed::{self, Fields};

/// What a person decided about two leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decision {
    /// The one lead.
    pub lead_id_a: String,
    /// The other.
    pub lead_id_b: String,
    /// Whether they are the same person.
    pub same: bool,
}

/// One line of a file of reviewed decisions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// The one lead.
    pub lead_id_a: String,
    /// The other.
    pub lead_id_b: String,
    /// Whether they are the same person; none takes an earlier decision back.
    pub same: Option<bool>,
}

/// What a file of reviewed decisions says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// In the order of the file.
    pub lines: Vec<Decided>,
    /// A sentence for each line that cannot be used, without personal data.
    pub problems: Vec<String>,
}

/// Reviewed decisions, as they hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    /// One for each two leads.
    pub made: Vec<Decision>,
    /// A sentence for each line of tonight's files that cannot be used, without personal data.
    pub problems: Vec<String>,
}

/// Of all that was decided, in the order in which it was read, what holds: of each two leads the last word.
pub fn holding<'a>(decided: impl IntoIterator<Item = &'a Decided>) -> Vec<Decision> {
    let mut last: BTreeMap<(&str, &str), Option<bool>> = BTreeMap::new();
    for one in decided {
        let (a, b) = (one.lead_id_a.as_str(), one.lead_id_b.as_str());
        last.insert((a.min(b), a.max(b)), one.same);
    }
    let made = last
        .into_iter()
        .filter_map(|((a, b), same)| Some(Decision { lead_id_a: a.to_owned(), lead_id_b: b.to_owned(), same: same? }));
    made.collect()
}

const FIELDS: &Fields = &[
    ("lead_id_a", &["leadida", "leada", "leadid1", "lead1"]),
    ("lead_id_b", &["leadidb", "leadb", "leadid2", "lead2"]),
    ("decision", &["decision", "verdict", "sameordifferent", "entscheidung", "décision", "decisión", "decisione"]),
];

/// Reads `decisions.csv`, however a spreadsheet program saved it: two lead ids, and `same`, `different`, or `open`, which
/// takes an earlier decision back.
///
/// # Errors
/// A file that is no table, or lacks a column (exit 3).
pub fn decisions(name: &str, bytes: Vec<u8>) -> Result<Read> {
    let read = reviewed::read(name, bytes, FIELDS, &[0, 1, 2])?;
    let mut decisions = Read { lines: Vec::new(), problems: read.problems };
    for line in &read.lines {
        let word = line.cell(2).unwrap_or_default().to_lowercase();
        let ids = [0, 1].map(|field| line.cell(field).map(str::to_lowercase));
        match (ids, word.as_str()) {
            // Nobody has decided it yet.
            (_, "") => {}
            ([Some(a), Some(b)], "same" | "different" | "open") if a != b => {
                let same = (word != "open").then_some(word == "same");
                decisions.lines.push(Decided { lead_id_a: a, lead_id_b: b, same });
            }
            ([Some(a), Some(b)], _) if a != b => {
                let text = format!("line {}: decision is none of same, different and open", line.number);
                decisions.problems.push(text);
            }
            _ => decisions.problems.push(format!("line {}: two lead ids are needed", line.number)),
        }
    }
    Ok(decisions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_are_read_as_people_save_them_and_a_bad_line_costs_itself() {
        let text = "\u{feff}sep=;\r\nName;Lead ID A;Lead ID B;Decision\r\n# reviewed in May\r\nx;AA;bb;Same\r\ny;cc;dd;different\r\n\
                    z;ee;ff;perhaps\r\nz;gg;;same\r\nz;hh;ii;\r\n";
        let read = decisions("d.csv", text.as_bytes().to_vec()).unwrap();
        let decided = |a: &str, b: &str, same| Decided { lead_id_a: a.into(), lead_id_b: b.into(), same };
        assert_eq!(read.lines, [decided("aa", "bb", Some(true)), decided("cc", "dd", Some(false))]);
        let later = [decided("bb", "aa", Some(false)), decided("dd", "cc", None)];
        let decision = Decision { lead_id_a: "aa".into(), lead_id_b: "bb".into(), same: false };
        assert_eq!(holding(read.lines.iter().chain(&later)), [decision], "the last word of two leads, in any order");
        assert_eq!(
            read.problems,
            ["line 6: decision is none of same, different and open", "line 7: two lead ids are needed"]
        );
        assert_eq!(decisions("d.csv", Vec::new()).unwrap(), Read::default());
        assert!(decisions("d.csv", b"a,b\n1,2\n".to_vec()).is_err());
    }
}
