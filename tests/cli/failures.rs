//! A run beside another run, and one for an older day. What else goes wrong stands in tests/cases.

use std::fs;
use std::path::Path;

use crate::program::{leadrecon, only_a_source, run};

#[test]
fn a_run_that_finds_another_at_work_exits_5_and_one_for_an_older_day_leaves_latest_alone() {
    let folder = only_a_source();
    run(folder.path(), &["run", "--quiet", "--as-of", "2026-05-04"], 0);
    run(folder.path(), &["run", "--quiet", "--as-of", "2026-05-01"], 0);
    assert_eq!(fs::read_link(folder.path().join("out/latest")).unwrap(), Path::new("2026-05-04"));
    let lock = fs::File::open(folder.path().join("state/lock")).unwrap();
    lock.lock().unwrap();
    let output = leadrecon(folder.path()).args(["run"]).output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{}", String::from_utf8_lossy(&output.stderr));
}
