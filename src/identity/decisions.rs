//! Reviewed decisions: which two leads a person said are one, or two.

use crate::error::Result;
use crate::reviewed::{self, Fields};

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

/// What a file of reviewed decisions says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    /// In the order of the file.
    pub made: Vec<Decision>,
    /// A sentence for each line that cannot be used, without personal data.
    pub problems: Vec<String>,
}

const FIELDS: &Fields = &[
    ("lead_id_a", &["leadida", "leada", "leadid1", "lead1"]),
    ("lead_id_b", &["leadidb", "leadb", "leadid2", "lead2"]),
    ("decision", &["decision", "verdict", "sameordifferent"]),
];

/// Reads `decisions.csv`, however a spreadsheet program saved it: two lead ids, and `same` or `different`.
///
/// # Errors
/// A file that is no table, or lacks a column (exit 3).
pub fn decisions(name: &str, bytes: Vec<u8>) -> Result<Decisions> {
    let read = reviewed::read(name, bytes, FIELDS, &[0, 1, 2])?;
    let mut decisions = Decisions { made: Vec::new(), problems: read.problems };
    for line in &read.lines {
        let word = line.cell(2).unwrap_or_default().to_lowercase();
        let ids = [0, 1].map(|field| line.cell(field).map(str::to_lowercase));
        match (ids, word.as_str()) {
            // Nobody has decided it yet.
            (_, "") => {}
            ([Some(a), Some(b)], "same" | "different") if a != b => {
                decisions.made.push(Decision { lead_id_a: a, lead_id_b: b, same: word == "same" });
            }
            ([Some(a), Some(b)], _) if a != b => {
                let text = format!("line {}: decision is neither same nor different", line.number);
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
        let decision = |a: &str, b: &str, same| Decision { lead_id_a: a.into(), lead_id_b: b.into(), same };
        assert_eq!(read.made, [decision("aa", "bb", true), decision("cc", "dd", false)]);
        assert_eq!(
            read.problems,
            ["line 6: decision is neither same nor different", "line 7: two lead ids are needed"]
        );
        assert_eq!(decisions("d.csv", Vec::new()).unwrap(), Decisions::default());
        assert!(decisions("d.csv", b"a,b\n1,2\n".to_vec()).is_err());
    }
}
