//! The rules of the house, as far as text can show them.

mod imports;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Functions of more than a hundred lines today. The list may only shrink.
const LONG: &[&str] = &["src/io/azure/blob.rs: read"];

/// Files that still have a span of time of their own. The list may only shrink.
const SPANS: &[&str] = &["src/generate/plan.rs", "src/tabular/times.rs"];

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![repository().join(folder)];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() && path.file_name().is_some_and(|n| n != "node_modules") {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The source files that are not compiled for tests alone, each with what `production` leaves of it.
fn sources() -> Vec<(PathBuf, String)> {
    let is_tests = |path: &Path| name(path).split(['/', '.']).skip(1).any(|part| part == "tests");
    let paths = files("src", "rs").into_iter().filter(|path| !is_tests(path));
    let texts = paths.map(|path| (fs::read_to_string(&path).unwrap(), path));
    texts.filter(|(text, _)| !text.contains("#![cfg(test)]")).map(|(text, path)| (path, production(&text))).collect()
}

fn name(path: &Path) -> String {
    path.strip_prefix(repository()).unwrap().display().to_string()
}

/// A source file without comments and without what is compiled for tests alone. It is formatted: what begins at one depth
/// of indentation ends there.
fn production(text: &str) -> String {
    let mut lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut kept = String::new();
    while let Some(line) = lines.next() {
        if line.trim() == "#[cfg(test)]" {
            let end = format!("{}}}", &line[..line.len() - line.trim_start().len()]);
            lines.by_ref().find(|line| line.ends_with(';') && !line.starts_with(' ') || line.starts_with(&end));
        } else {
            kept += line;
            kept.push('\n');
        }
    }
    kept
}

/// What breaks a rule is what is known to; the list of what is known shrinks and never grows.
fn exactly(found: &BTreeSet<String>, known: &[&str]) {
    let new: Vec<&String> = found.iter().filter(|one| !known.contains(&one.as_str())).collect();
    assert!(new.is_empty(), "this breaks the rule:\n{new:#?}");
    let gone: Vec<&&str> = known.iter().filter(|one| !found.contains(**one)).collect();
    assert!(gone.is_empty(), "this keeps the rule now; take it from the list of exceptions:\n{gone:#?}");
}

#[test]
fn every_source_file_says_what_it_is_for() {
    for path in files("src", "rs").into_iter().chain(files("tests", "rs")) {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//! "), "{} does not start with its purpose (`//! …`)", name(&path));
    }
}

#[test]
fn no_file_is_a_drawer_for_everything() {
    for path in files("src", "rs").into_iter().chain(files("tests", "rs")) {
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(
            !["utils", "util", "common", "helpers", "misc", "manager"].contains(&stem.as_str()),
            "{}: say what it holds",
            name(&path)
        );
    }
}

#[test]
fn only_the_edge_and_the_command_line_are_exempt_from_purity() {
    let mut exempt = Vec::new();
    for path in files("src", "rs") {
        let text = fs::read_to_string(&path).unwrap();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let lint = line.contains("clippy::disallowed_methods") || line.contains("clippy::disallowed_macros");
            if lint && !line.contains("cfg_attr(test") {
                let module = lines
                    .find(|l| l.trim_start().starts_with("pub mod") || l.trim_start().starts_with("mod"))
                    .unwrap_or("");
                exempt.push(format!("{}: {}", name(&path), module.trim()));
            }
        }
    }
    exempt.sort();
    assert_eq!(exempt, ["src/lib.rs: pub mod cli;", "src/lib.rs: pub mod io;"], "a new exemption is a design change");
}

/// ARCHITECTURE.md holds a table of layers: `| layer | modules | may use |`. Every `use crate::…` must fit it.
#[test]
fn imports_follow_the_layers_of_the_architecture() {
    let text = fs::read_to_string(repository().join("ARCHITECTURE.md")).unwrap();
    let mut layer_of: BTreeMap<String, String> = BTreeMap::new();
    let mut may_use: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let words = |cell: &str| {
        cell.split(|c: char| !(c.is_alphanumeric() || c == '_'))
            .filter(|w| !w.is_empty())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let rows = text.lines().skip_while(|l| !l.starts_with("| layer ")).skip(2).take_while(|l| l.starts_with('|'));
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        let layer = cells[0].trim().to_owned();
        for module in words(cells[1]) {
            layer_of.insert(module, layer.clone());
        }
        may_use.insert(layer, words(cells[2]));
    }
    assert!(!layer_of.is_empty(), "ARCHITECTURE.md has no table of layers");
    for (path, code) in sources() {
        let relative = path.strip_prefix(repository().join("src")).unwrap();
        let module = relative.components().next().unwrap().as_os_str().to_string_lossy().replace(".rs", "");
        if module == "lib" || module == "main" {
            continue;
        }
        let layer =
            layer_of.get(&module).unwrap_or_else(|| panic!("{} is in no layer of ARCHITECTURE.md", name(&path)));
        for (at, _) in code.match_indices("crate::") {
            let rest = &code[at + "crate::".len()..];
            let used: Vec<String> = match rest.strip_prefix('{') {
                Some(list) => list
                    .split('}')
                    .next()
                    .unwrap_or_default()
                    .split(',')
                    .map(|p| p.trim().split(':').next().unwrap_or("").to_owned())
                    .collect(),
                None => vec![rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()],
            };
            for other in used.into_iter().filter(|o| !o.is_empty() && *o != module) {
                let Some(target) = layer_of.get(&other) else { continue };
                assert!(
                    may_use[layer].contains(target) || may_use[layer].contains(&other),
                    "{} ({layer}) uses {other} ({target}), which the table of layers does not allow",
                    name(&path)
                );
            }
        }
    }
}

#[test]
fn no_function_is_longer_than_a_hundred_lines() {
    let start = regex::Regex::new(r"^\s*(?:pub(?:\([a-z]+\))? )?(?:const |async )*fn (\w+)").unwrap();
    let mut found = BTreeSet::new();
    for (path, text) in sources() {
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let Some(function) = start.captures(line) else { continue };
            let end = format!("{}}}", &line[..line.len() - line.trim_start().len()]);
            let length = lines[at..].iter().position(|line| *line == end).map_or(1, |length| length + 1);
            if length > 100 && !line.ends_with('}') && !line.ends_with(';') {
                found.insert(format!("{}: {}", name(&path), &function[1]));
            }
        }
    }
    exactly(&found, LONG);
}

#[test]
fn spans_of_time_have_one_home() {
    let span = regex::Regex::new(r"\b(?:const|static) (?:SECOND|MINUTE|HOUR|DAY): [iuf]\d").unwrap();
    let others = sources().into_iter().filter(|(path, _)| name(path) != "src/time.rs");
    let found = others.filter(|(_, text)| span.is_match(text)).map(|(path, _)| name(&path));
    exactly(&found.collect(), SPANS);
}
