//! Runs the built program in a folder of its own.

use std::path::Path;
use std::process::{Command, Output};

/// The program, with nothing of the caller's environment that could change what it does. LEADRECON_PROGRAM names another
/// build of it, such as the release binary, which is many times as fast.
pub fn leadrecon(folder: &Path) -> Command {
    let other = std::env::var_os("LEADRECON_PROGRAM").map(|p| std::path::absolute(p).unwrap());
    let mut command = Command::new(other.unwrap_or_else(|| env!("CARGO_BIN_EXE_leadrecon").into()));
    command.current_dir(folder).env_remove("RUST_LOG").env_remove("POLARS_MAX_THREADS");
    command
}

/// A table of the last run as CSV: the published file, or where it is published as Parquet only, as `query` gives it.
#[allow(dead_code, reason = "not every test module needs it")]
pub fn table(folder: &Path, name: &str) -> Vec<u8> {
    let path = folder.join(format!("out/latest/tables/{name}.csv"));
    std::fs::read(path)
        .unwrap_or_else(|_| run(folder, &["query", "-q", "--csv", &format!("select * from {name}")], 0).stdout)
}

/// A folder with a configuration of one source and nothing in it.
#[allow(dead_code, reason = "not every test module needs it")]
pub fn only_a_source() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("raw")).unwrap();
    std::fs::write(
        folder.path().join("leadrecon.toml"),
        "[[source]]\nname = \"dump\"\nkind = \"files\"\npath = \"raw/*\"\n",
    )
    .unwrap();
    folder
}

/// Runs it and expects an exit status; shows both outputs when it is another.
#[track_caller]
#[allow(dead_code, reason = "not every test module needs it")]
pub fn run(folder: &Path, args: &[&str], status: i32) -> Output {
    let output = leadrecon(folder).args(args).output().expect("the program can be started");
    assert_eq!(
        output.status.code(),
        Some(status),
        "leadrecon {}\n--- standard output\n{}\n--- standard error\n{}",
        args.join(" "),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}
