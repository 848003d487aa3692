//! Reviewed decisions: which two leads a person said are one, or two.

use crate::error::{Error, Result};

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

/// Reads `decisions.csv`: `lead_id_a,lead_id_b,decision` with `same` or `different`; lines that begin with # are notes.
///
/// # Errors
/// Tells every line that cannot be read (exit 2).
pub fn decisions(text: &str) -> Result<Vec<Decision>> {
    // No file, or one that nobody has written into yet.
    if text.trim_start_matches('\u{feff}').trim().is_empty() {
        return Ok(Vec::new());
    }
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
