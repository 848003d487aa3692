//! Who imports whom, file by file: no circle, and nothing taken from the file above.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use super::{exactly, name, sources};

/// Files that take items from the file above today. The list may only shrink.
const FROM_ABOVE: &[&str] = &[
    "contact/company", "contact/country", "contact/generation", "contact/name", "contact/phone", "cost/runs",
    "cost/spend", "crm/layouts", "crm/records", "lead_source/shown", "tabular/times/parse",
];

static PATH: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b(?:crate|super|self)(?:::\w+)*::(?:\w+|\{|\*)").unwrap());

/// A source file as a module: its path from the crate's root, such as `io/landing`.
type Module = String;

/// For each module those that it imports from.
fn imports() -> BTreeMap<Module, BTreeSet<Module>> {
    let module = |path: &Path| name(path).trim_start_matches("src/").trim_end_matches(".rs").to_owned();
    let sources: Vec<(Module, String)> = sources().into_iter().map(|(path, text)| (module(&path), text)).collect();
    let known: BTreeSet<&str> = sources.iter().map(|(module, _)| module.as_str()).collect();
    let named = sources.iter().filter(|(module, _)| module != "lib" && module != "main");
    named.map(|(module, text)| (module.clone(), used(module, text, &known))).collect()
}

/// What a module's text names by `crate::`, `super::` or `self::`, braces unfolded.
fn used(module: &str, text: &str, known: &BTreeSet<&str>) -> BTreeSet<Module> {
    let mut found = BTreeSet::new();
    for start in PATH.find_iter(text) {
        let rest = &text[start.start()..];
        for path in unfolded(rest) {
            let mut at: Vec<&str> = module.split('/').collect();
            let mut names = path.iter().map(String::as_str).peekable();
            while let Some(step) = names.next_if(|step| ["crate", "super", "self"].contains(step)) {
                match step {
                    "crate" => at.clear(),
                    "super" => drop(at.pop()),
                    _ => {}
                }
            }
            while let Some(step) = names.next_if(|step| known.contains([&at[..], &[step]].concat().join("/").as_str()))
            {
                at.push(step);
            }
            let of = at.join("/");
            if of != module && known.contains(of.as_str()) {
                found.insert(of);
            }
        }
    }
    found
}

/// `a::{b, c::{d, e}}` as its paths.
fn unfolded(text: &str) -> Vec<Vec<String>> {
    let mut path = Vec::new();
    let mut rest = text;
    loop {
        let word: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == '*').collect();
        rest = &rest[word.len()..];
        path.extend(Some(word).filter(|word| !word.is_empty()));
        let Some(after) = rest.strip_prefix("::") else { return vec![path] };
        rest = after;
        if let Some(list) = rest.strip_prefix('{') {
            let paths = parts(list).into_iter().flat_map(|part| unfolded(part.trim()));
            return paths.map(|tail| [path.clone(), tail].concat()).collect();
        }
    }
}

/// The parts of a list up to its closing brace, cut at the commas that stand in no inner list.
fn parts(list: &str) -> Vec<&str> {
    let (mut depth, mut from, mut parts) = (0, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                parts.push(&list[from..at]);
                from = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    parts.into_iter().filter(|part| !part.trim().is_empty()).collect()
}

fn is_above(module: &str, of: &str) -> bool {
    module.strip_prefix(of).is_some_and(|rest| rest.starts_with('/'))
}

/// A file that gives to the files below it what it is made of makes a circle with each; what several need has a file of its
/// own. The command line's shared arguments are the exception.
#[test]
fn nothing_is_taken_from_the_file_above() {
    let below = imports().into_iter().filter(|(module, _)| !module.starts_with("cli/"));
    let found = below.filter(|(module, imports)| imports.iter().any(|of| is_above(module, of)));
    exactly(&found.map(|(module, _)| module).collect(), FROM_ABOVE);
}

/// A circle is named by its shortest way round.
#[test]
fn no_files_import_each_other_in_a_circle() {
    let imports = imports();
    let mut arrows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (module, imports) in &imports {
        let of = imports.iter().map(String::as_str).filter(|of| !is_above(module, of));
        arrows.entry(module).or_default().extend(of);
        // A file is made of those in its folder.
        if let Some((above, _)) = module.rsplit_once('/') {
            arrows.entry(above).or_default().insert(module);
        }
    }
    let ways = arrows.keys().filter_map(|module| way_back(&arrows, module));
    let circles = ways.map(|mut way| {
        let first = way.iter().enumerate().min_by_key(|(_, module)| **module).map_or(0, |(at, _)| at);
        way.rotate_left(first);
        way.join(" -> ")
    });
    exactly(&circles.collect(), &[]);
}

/// The shortest way from a module back to itself.
fn way_back<'a>(arrows: &BTreeMap<&'a str, BTreeSet<&'a str>>, start: &'a str) -> Option<Vec<&'a str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut open = VecDeque::from([start]);
    while let Some(at) = open.pop_front() {
        for next in arrows.get(at).into_iter().flatten() {
            if *next == start {
                let mut way = vec![at];
                while let Some(before) = came_from.get(way[way.len() - 1]).filter(|_| way[way.len() - 1] != start) {
                    way.push(before);
                }
                way.reverse();
                return Some(way);
            }
            if !came_from.contains_key(next) {
                came_from.insert(next, at);
                open.push_back(next);
            }
        }
    }
    None
}

#[test]
fn imports_are_read_from_lists_and_a_circle_is_found() {
    let known = BTreeSet::from(["a", "a/b", "c", "c/d"]);
    let text = "use super::b::X;\nuse crate::{c::{self, d::Y}, e};\nfn f() { crate::a::g(); }";
    assert_eq!(used("a/z", text, &known), ["a", "a/b", "c", "c/d"].map(str::to_owned).into());
    let arrows = [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")].map(|(from, to)| (from, BTreeSet::from([to])));
    assert_eq!(way_back(&arrows.clone().into(), "b"), Some(vec!["b", "c", "a"]));
    assert_eq!(way_back(&arrows.into(), "d"), None);
}
