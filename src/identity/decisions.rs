//! Reviewed decisions: which two leads a person said are one, or two.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::reviewed::{self, Fields};
use crate::tabular::fold;

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

/// The words for a decision, ours first, then what people write in a list of their own; in the form of [`fold`]. None is
/// of two minds: `x` or `ok` may mean either and is named with its line.
const WORDS: &[(Option<bool>, &[&str])] = &[
    (
        Some(true),
        &[
            "same", "sameperson", "thesame", "match", "matched", "matches", "duplicate", "identical", "merge", "join",
            "yes", "y", "true", "1", "gleich", "diegleichen", "dieselbe", "dieselben", "dergleiche", "gleicheperson",
            "identisch", "dublette", "ja", "j", "wahr", "même", "mêmepersonne", "identique", "doublon", "oui", "vrai",
            "mismo", "misma", "igual", "iguales", "mismapersona", "duplicado", "sí", "si", "verdadero", "stesso",
            "stessa", "uguale", "sì", "vero", "mesmo", "mesma", "iguais", "sim", "verdadeiro", "zelfde", "hetzelfde",
            "dezelfde", "gelijk", "waar", "samma", "samme", "sama", "tensam", "tasama", "tak", "同じ", "同一", "はい",
            "相同", "是", "같음", "예", "да",
        ],
    ),
    (
        Some(false),
        &[
            "different", "differentpeople", "differentperson", "differs", "notsame", "notthesame", "nomatch",
            "notamatch", "unmatched", "distinct", "separate", "two", "keepapart", "noduplicate", "notaduplicate", "no",
            "n", "false", "0", "verschieden", "unterschiedlich", "ungleich", "nichtgleich", "andere", "anders",
            "anderer", "zweipersonen", "keinedublette", "nein", "falsch", "différent", "différents", "différente",
            "différentes", "distinctes", "pasidentique", "non", "faux", "diferente", "diferentes", "distinto",
            "distintos", "distinta", "distintas", "falso", "diverso", "diversi", "diversa", "diverse", "não",
            "verschillend", "nee", "onwaar", "olika", "forskellig", "forskellige", "forskjellig", "eri", "nej", "nei",
            "różne", "inny", "inna", "nie", "違う", "別人", "いいえ", "不同", "否", "다름", "아니요", "нет", "разные",
        ],
    ),
    (
        None,
        &[
            "open", "reopen", "undecided", "undo", "offen", "unentschieden", "ouvert", "indécis", "abierto", "aperto",
            "aberto", "öppen", "åben", "åpen", "otwarte", "未定", "未決定",
        ],
    ),
];

/// Reads `decisions.csv`, however a spreadsheet program saved it: two lead ids, and `same`, `different`, or `open`, which
/// takes an earlier decision back, or the words for them in other languages.
///
/// # Errors
/// A file that is no table, or lacks a column (exit 3).
pub fn decisions(name: &str, bytes: Vec<u8>) -> Result<Read> {
    let read = reviewed::read(name, bytes, FIELDS, &[0, 1, 2])?;
    let mut decisions = Read { lines: Vec::new(), problems: read.problems };
    for line in &read.lines {
        let said = line.cell(2).unwrap_or_default();
        let word = fold(said);
        let decided = WORDS.iter().find(|(_, words)| words.contains(&word.as_str())).map(|(same, _)| *same);
        let ids = [0, 1].map(|field| line.cell(field).map(str::to_lowercase));
        match (ids, decided) {
            // Nobody has decided it yet.
            _ if said.is_empty() => {}
            ([Some(a), Some(b)], Some(same)) if a != b => {
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
        let said = |word: &str| {
            let read = decisions("d.csv", format!("lead_id_a,lead_id_b,decision\na,b,{word}\n").into_bytes()).unwrap();
            read.lines.first().map(|line| line.same)
        };
        for (word, same) in [
            ("SAME ", Some(Some(true))),
            ("Match", Some(Some(true))),
            ("no match", Some(Some(false))),
            ("Gleich", Some(Some(true))),
            ("NEIN", Some(Some(false))),
            ("FALSE", Some(Some(false))),
            ("pas identique", Some(Some(false))),
            ("offen", Some(None)),
            ("x", None),
            ("?", None),
        ] {
            assert_eq!(said(word), same, "{word}");
        }
        let words: Vec<&str> = WORDS.iter().flat_map(|(_, words)| words.iter().copied()).collect();
        assert!(words.iter().all(|word| fold(word) == *word));
        let once: std::collections::BTreeSet<_> = words.iter().collect();
        assert_eq!(once.len(), words.len(), "no word says two things");
        assert!(decisions("d.csv", b"a,b\n1,2\n".to_vec()).is_err());
    }
}
