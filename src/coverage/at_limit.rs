//! Whether an export holds just as many rows as a tool gives at most: what is newest is left out of it, and seems lost.
//!
//! Sources: Salesforce, Reports and Dashboards REST API (2,000 rows of a report); Dataverse, Web API (5,000 rows of a page);
//! HubSpot, CRM search API (10,000 results); Dynamics 365, "Export to Excel" (10,000, 50,000, later 100,000 rows); Excel's
//! sheets (65,536 and 1,048,576 rows, the header among them).

use super::nights::{FileRead, Night};
use crate::tabular::ReadFile;

const LIMITS: [usize; 7] = [2_000, 5_000, 10_000, 50_000, 65_535, 100_000, 1_048_575];

/// The number of rows at which a file of tonight stops, though it goes on: it had fewer when it was last read in whole, or as
/// many and no older ones. `files`: those of tonight; `last`: the last whole night.
pub(super) fn stops_at(files: &[ReadFile], last: &Night) -> Option<usize> {
    let current: Vec<&ReadFile> = files.iter().filter(|file| !file.superseded).collect();
    let is_full = |file: &&&ReadFile| LIMITS.contains(&file.rows);
    // Of pages the last is shorter.
    let is_last =
        |file: &&&ReadFile| current.iter().all(|other| other.object != file.object || other.rows == file.rows);
    let goes_on = |file: &&&ReadFile| {
        let before = |before: &FileRead| {
            before.rows < file.rows || (before.rows == file.rows && before.last_made == file.last_made())
        };
        last.files.get(&file.file).filter(|before| before.rows > 0).is_some_and(before)
    };
    current.iter().filter(is_full).filter(is_last).find(goes_on).map(|file| file.rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tabular::readings::Judged;

    fn file(name: &str, rows: usize, last_made: i64) -> ReadFile {
        let times = [("created_at".to_owned(), (0, last_made))].into();
        ReadFile { file: name.to_owned(), object: "lead".to_owned(), rows, times, ..ReadFile::default() }
    }

    #[test]
    fn an_export_stops_at_a_limit_that_it_reaches_and_keeps() {
        let stops = |before: &[ReadFile], now: &[ReadFile]| stops_at(now, &Night::of_files(Judged::default(), before));
        assert_eq!(stops(&[file("a", 1_990, 7)], &[file("a", 2_000, 8)]), Some(2_000));
        assert_eq!(stops(&[file("a", 2_000, 8)], &[file("a", 2_000, 8)]), Some(2_000));
        assert_eq!(stops(&[file("a", 2_000, 8)], &[file("a", 2_000, 9)]), None, "the newest so many are a window");
        assert_eq!(stops(&[file("a", 2_005, 8)], &[file("a", 2_000, 8)]), None, "some were deleted");
        assert_eq!(stops(&[file("a", 1_995, 7)], &[file("a", 2_005, 8)]), None);
        assert_eq!(stops(&[], &[file("a", 2_000, 8)]), None, "a first night says nothing");
        let pages = [file("1", 5_000, 5), file("2", 5_000, 7), file("3", 17, 8)];
        assert_eq!(stops(&pages, &pages), None);
    }
}
