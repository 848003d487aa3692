//! Whether a file ends inside its last cell, as a download does that broke off: its rows are all as wide as they should be,
//! and only what the other rows have in that column tells.
//!
//! Each sign is of the other rows alone: cells of one length throughout (times, ids), a few values that come again and again
//! (`true`, a status), a column that is filled in every row, addresses. A last cell that can be whole is taken for whole.

/// Rows before the last that are looked at, and how many must be there.
const LOOKED_AT: usize = 400;
const FEWEST: usize = 20;
/// So many rows that fill a column prove that the last one would, too: of a column that is filled now and then fewer do by chance.
const FEWEST_FILLED: usize = 100;

/// Whether a text whose last line has no end is cut in the last cell of it.
pub(super) fn ends_inside_a_cell(text: &str, delimiter: u8) -> bool {
    let delimiter = char::from(delimiter);
    if text.ends_with(['\n', '\r']) {
        return false;
    }
    let mut lines = text.rsplit('\n').map(|line| line.trim_end_matches('\r'));
    let Some(last) = lines.next() else { return false };
    let width = last.split(delimiter).count();
    let cell = |line: &str| line.rsplit_once(delimiter).map(|(_, cell)| cell.trim().trim_matches('"').to_owned());
    let Some(cut) = cell(last).filter(|_| width > 1) else { return false };
    // The header is none of them, and a row with a line end in a cell is another length by itself.
    let others: Vec<String> =
        lines.take(LOOKED_AT).filter(|line| line.split(delimiter).count() == width).filter_map(cell).collect();
    let others = others.split_last().map_or(&[][..], |(_, rows)| rows);
    if others.len() < FEWEST || others.contains(&cut) {
        return false;
    }
    let length = others.first().map_or(0, String::len);
    let is_of_one_length = length > 3 && others.iter().all(|other| other.len() == length);
    let is_filled = others.iter().all(|other| !other.is_empty());
    let begins = others.iter().filter(|other| other.len() > cut.len() && other.starts_with(&cut)).count();
    let is_address = |text: &str| text.split_once('@').is_some_and(|(_, domain)| domain.contains('.'));
    match cut.is_empty() {
        true => is_filled && (is_of_one_length || others.len() >= FEWEST_FILLED),
        false => {
            is_of_one_length && cut.len() < length
                || begins * 5 >= others.len()
                || is_filled && others.iter().all(|other| is_address(other)) && !is_address(&cut)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_cut(cells: impl Fn(usize) -> String, last: &str) -> bool {
        let rows: String = (0..30).map(|n| format!("{n},{}\r\n", cells(n))).collect();
        ends_inside_a_cell(&format!("Id,Cell\r\n{rows}30,{last}"), b',')
    }

    #[test]
    fn what_the_other_rows_have_tells_that_a_cell_is_cut() {
        let time = |n: usize| format!("2026-04-{:02}T10:00:00.000Z", n + 1);
        assert!(is_cut(time, "2026-05-01T10:0") && is_cut(time, "") && !is_cut(time, "2026-05-01T10:00:00.000Z"));
        let quoted = |n: usize| format!("\"{}\"", time(n));
        assert!(is_cut(quoted, "\"2026-05-01T10:00") && !is_cut(quoted, "\"2026-05-01T10:00:00.000Z\""));
        let flag = |n: usize| if n.is_multiple_of(7) { "true" } else { "false" }.to_owned();
        assert!(is_cut(flag, "fal") && !is_cut(flag, "true") && !is_cut(flag, "maybe"));
        let address = |n: usize| format!("a{n}@contoso.example");
        assert!(is_cut(address, "jane@conto") && !is_cut(address, "jane@contoso.ex"));
        let name = |n: usize| format!("Name{}", "e".repeat(n % 4));
        assert!(!is_cut(name, ""));
        let company = |n: usize| ["Alma", "", "Birkhof Metall", "Kivi"][n % 4].to_owned();
        assert!(is_cut(company, "Birkhof Me") && !is_cut(company, "Norrsken") && !is_cut(company, ""));
    }

    #[test]
    fn a_file_that_ends_with_its_line_or_has_few_rows_is_not_cut() {
        assert!(!ends_inside_a_cell("a,b\n1,true\n2,tr", b','));
        let rows: String = (0..30).map(|n| format!("{n},true\n")).collect();
        assert!(!ends_inside_a_cell(&format!("a,b\n{rows}"), b','));
        assert!(!ends_inside_a_cell(&format!("a,b\n{rows}end of report"), b','));
    }
}
