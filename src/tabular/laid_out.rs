//! Texts whose cells end where no single character is → the same with one between them.
//!
//! Consoles of databases lay a table out for people: columns of fixed width under a ruler of dashes. Programs that fear a
//! delimiter in their values join several characters to one (`||`, `~|~`, `::`), or take one that no keyboard has.

use std::fmt::Write as _;

/// What stands between the cells of what is given.
pub(super) const BETWEEN: char = '\u{1f}';

/// Lines that are looked at.
const LOOKED_AT: usize = 250;
/// How many times longer a text may become by what is put between its cells.
const MOST_GROWN: usize = 8;
/// A table has no more columns.
const WIDEST: usize = 2000;
/// Lines within which a header or a ruler stands.
const WITHIN: usize = 50;

/// Several characters, or one beyond ASCII, that stand between cells; the longer first.
const DELIMITERS: &[&str] = &[
    "~|~", "|~|", "|;|", "^|^", "|^|", "|#|", "#|#", "|@|", "*|*", "<|>", "[|]", "~^~", "\t|\t", "|||", ":::", "||",
    "::", ";;", "~~", "^^", "##", "$$", "@@", "%%", "&&", "¦", "¬", "§", "þ", "¤", "\u{14}", "\u{1e}", "\u{1c}",
];

/// The text of a table laid out for people, or with a delimiter of several characters, with [`BETWEEN`] between its cells,
/// all in quotes. None for any other.
pub(super) fn parted(text: &str) -> Option<String> {
    let cut = Cut::of(text)?;
    let mut parted = String::with_capacity(text.len() + text.len() / 8);
    for line in text.lines() {
        let cells = cut.cells(line);
        for (n, cell) in cells.iter().enumerate() {
            if n > 0 {
                parted.push(BETWEEN);
            }
            // Writing into a string cannot fail.
            let _ = write!(parted, "\"{}\"", cell.replace('"', "\"\""));
        }
        parted.push('\n');
        // Lines that end far before their ruler does are no rows of it.
        if parted.len() > text.len().saturating_mul(MOST_GROWN).saturating_add(1 << 20) {
            return None;
        }
    }
    Some(parted)
}

/// The rows of such a table, without its rulers and blank lines.
pub(super) fn rows(text: &str) -> Option<Vec<Vec<String>>> {
    let cut = Cut::of(text)?;
    let is_row = |line: &&str| !line.trim().is_empty() && Ruled::by(line).is_none();
    let filled = |line: &str| {
        let mut cells = cut.cells(line);
        cells.truncate(cells.iter().rposition(|cell| !cell.is_empty()).map_or(0, |last| last + 1));
        cells
    };
    Some(text.lines().filter(is_row).map(filled).collect())
}

/// How the lines of a text are cut.
enum Cut {
    Ruled(Ruled),
    By(&'static str),
}

impl Cut {
    fn of(text: &str) -> Option<Cut> {
        Ruled::of(text).map(Cut::Ruled).or_else(|| delimiter_of(text).map(Cut::By))
    }

    fn cells(&self, line: &str) -> Vec<String> {
        match self {
            Cut::Ruled(ruled) => ruled.cells(line),
            Cut::By(delimiter) => line.split(delimiter).map(|cell| bare(cell).to_owned()).collect(),
        }
    }
}

/// A cell without the quotes around it.
fn bare(cell: &str) -> &str {
    let cell = cell.trim();
    cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"')).unwrap_or(cell)
}

/// The delimiter under which the first lines have as many cells as each other, three at least.
fn delimiter_of(text: &str) -> Option<&'static str> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).take(LOOKED_AT).collect();
    DELIMITERS.iter().copied().find(|delimiter| {
        let cells = |line: &&str| line.split(delimiter).count();
        lines.iter().take(WITHIN).any(|line| {
            let width = cells(line);
            width > 2
                && lines.len() > 1
                && lines.iter().filter(|line| cells(line) == width).count() * 10 >= lines.len() * 9
        })
    })
}

/// The columns of a table under whose header a ruler stands: `--- ----- ---`, `----+-----+---`.
struct Ruled {
    /// First character of each column, and the one behind its last.
    columns: Vec<(usize, usize)>,
}

impl Ruled {
    fn of(text: &str) -> Option<Ruled> {
        let lines: Vec<&str> = text.lines().take(LOOKED_AT).collect();
        let below = |n: &usize| {
            let is_header = lines.get(n.checked_sub(1)?).is_some_and(|line| line.chars().any(char::is_alphabetic));
            is_header.then(|| Ruled::by(lines.get(*n)?)).flatten()
        };
        let (at, ruled) = (0..lines.len().min(WITHIN)).find_map(|n| Some((n, below(&n)?)))?;
        let rows = || lines.iter().skip(at + 1).filter(|line| !line.trim().is_empty() && Ruled::by(line).is_none());
        let fitting = rows().filter(|line| ruled.fits(line)).count();
        // A line below it says how many rows there are.
        (fitting > 0 && fitting * 10 >= (rows().count() - 1) * 8).then_some(ruled)
    }

    fn by(line: &str) -> Option<Ruled> {
        if !line.bytes().all(|b| matches!(b, b'-' | b'+' | b' ' | b'|' | b'=')) {
            return None;
        }
        let (mut columns, mut begin) = (Vec::new(), None);
        for (at, byte) in line.bytes().chain([b' ']).enumerate() {
            match (matches!(byte, b'-' | b'='), begin) {
                (true, None) => begin = Some(at),
                (false, Some(from)) => {
                    columns.push((from, at));
                    begin = None;
                }
                _ => {}
            }
        }
        (3..=WIDEST).contains(&columns.len()).then_some(Ruled { columns })
    }

    /// Whether nothing of a line stands between its columns.
    fn fits(&self, line: &str) -> bool {
        let mut between = self.columns.iter().skip(1).map(|(from, _)| from - 1).peekable();
        line.chars().enumerate().all(|(at, c)| between.next_if_eq(&at).is_none() || matches!(c, ' ' | '|' | '+' | '\t'))
    }

    /// The cells of a line; a line that has not these columns is one cell.
    fn cells(&self, line: &str) -> Vec<String> {
        if !self.fits(line) || line.chars().count() <= self.columns.get(1).map_or(0, |(from, _)| *from) {
            return vec![line.trim().to_owned()];
        }
        let mut cells = vec![String::new(); self.columns.len()];
        let mut column = 0;
        for (at, c) in line.chars().enumerate() {
            // A last cell may be longer than its ruler.
            while column + 1 < self.columns.len() && self.columns.get(column).is_some_and(|(_, to)| at >= *to) {
                column += 1;
            }
            if let (Some(cell), Some((from, _))) = (cells.get_mut(column), self.columns.get(column))
                && at >= *from
            {
                cell.push(c);
            }
        }
        if let Some(last) = cells.last_mut() {
            *last = last.trim_end_matches(['|', ' ']).to_owned();
        }
        cells.into_iter().map(|cell| cell.trim().to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Vec<Vec<String>> {
        let parted = parted(text).unwrap_or_default();
        let line = |line: &str| line.split(BETWEEN).map(|cell| cell.trim_matches('"').to_owned()).collect();
        parted.lines().map(line).collect()
    }

    #[test]
    fn a_table_laid_out_for_people_has_the_columns_of_its_ruler() {
        for text in [
            "id  name     source\n--- -------- ------\n1   Ann Lee  A|b\n22           C|d\n\n(2 rows affected)\n",
            " id |  name   | source \n----+---------+--------\n 1  | Ann Lee | A|b\n 22 |         | C|d\n(2 rows)\n",
            "+----+---------+--------+\n| id | name    | source |\n+----+---------+--------+\n| 1  | Ann Lee | A|b    |\n\
             | 22 |         | C|d    |\n+----+---------+--------+\n",
        ] {
            let cells = cells(text);
            assert!(cells.contains(&["1", "Ann Lee", "A|b"].map(str::to_owned).to_vec()), "{cells:?}");
            assert!(cells.contains(&["22", "", "C|d"].map(str::to_owned).to_vec()), "{cells:?}");
        }
        assert_eq!(parted("id name source\n1 Ann x\n"), None);
        assert_eq!(parted("- a\n- b\n---\n"), None);
        let wide = format!("a b c\n{}\n{}", "- ".repeat(1500), "1 2\n".repeat(3000));
        assert!(parted(&wide).is_none(), "a ruler wider than its rows would make gigabytes of a small file");
        assert!(rows(&wide).unwrap().iter().all(|row| row.len() < 4));
    }

    #[test]
    fn several_characters_may_be_one_delimiter() {
        for delimiter in ["||", "~|~", "::", "¦"] {
            let text =
                ["id~name~source", "1~\"Ann\"~A|b", "2~~C:d"].map(|line| line.replace('~', delimiter)).join("\r\n");
            let expected = [["id", "name", "source"], ["1", "Ann", "A|b"], ["2", "", "C:d"]];
            assert_eq!(cells(&text), expected.map(|row| row.map(str::to_owned).to_vec()), "{delimiter}");
        }
        assert_eq!(parted("id,name\n1,a::b\n"), None);
    }
}
