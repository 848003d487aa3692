//! Reports that show a group once, above its first record → each record with its group.

use polars::prelude::*;

/// Fills the first columns down that are filled where a group begins and nowhere else. `begins`: how many records stand above
/// each line of totals; `height`: how many there are in all.
pub(super) fn fill_down(columns: &mut [Option<StringChunked>], begins: &[usize], height: usize) {
    let begins: Vec<usize> = std::iter::once(0).chain(begins.iter().copied()).filter(|at| *at < height).collect();
    // A total below all records heads no group.
    if begins.len() < 2 || begins.last() == Some(&0) {
        return;
    }
    for column in columns.iter_mut() {
        let Some(cells) = column else { return };
        let filled: Vec<usize> = cells.iter().enumerate().filter(|(_, cell)| cell.is_some()).map(|(n, _)| n).collect();
        let shows_groups = filled.len() > 1 && filled.first() == Some(&0) && filled.iter().all(|n| begins.contains(n));
        if !shows_groups || filled.len() == height {
            return;
        }
        let mut builder = StringChunkedBuilder::new(cells.name().clone(), height);
        let mut group = None;
        for cell in cells.iter() {
            group = cell.or(group);
            builder.append_option(group);
        }
        *column = Some(builder.finish());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_that_of_all_its_records() {
        let column = |cells: &[Option<&str>]| Some(StringChunked::from_slice_options("c".into(), cells));
        let cells = |column: &Option<StringChunked>| -> Vec<Option<String>> {
            column.iter().flat_map(|cells| cells.iter()).map(|cell| cell.map(str::to_owned)).collect()
        };
        let group = column(&[Some("a"), None, Some("b"), None]);
        let sparse = column(&[Some("x"), None, None, Some("y")]);
        let mut columns = [group.clone(), sparse.clone()];
        fill_down(&mut columns, &[2, 4], 4);
        assert_eq!(cells(&columns[0]), ["a", "a", "b", "b"].map(|c| Some(c.to_owned())));
        assert_eq!(cells(&columns[1]), cells(&sparse), "what is no group is no other record's");
        let mut columns = [column(&[Some("a"), None, None, None])];
        fill_down(&mut columns, &[4], 4);
        assert_eq!(cells(&columns[0]).iter().flatten().count(), 1, "one total below tells of no groups");
    }
}
