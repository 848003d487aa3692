//! What files are, by what stands in them: raw leads, exports of a CRM, Azure cost, marketing spend.
//!
//! Evidence in order: keys of an Azure Table, record ids as one CRM makes them, the columns of cost, fields that only the
//! marketplace's leads have, names that only one CRM uses, those of spend, a lead source in the marketplace's grammar.
//! What could be raw leads or anybody's list of people is decided by what the other files are. Nothing is guessed in
//! silence: each file comes with what it was recognised by, and what nobody recognised is told.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::config::{Cost, DestinationKind, nearest};
use crate::cost;
use crate::crm::{self, Likeness};
use crate::error::{Error, Result};
use crate::io::azure::Cloud;
use crate::io::exports;
use crate::io::files;
use crate::io::records::{self, Stopped};
use crate::leads::OwnReader;
use crate::tabular::{self, Content, Export, Part};

/// What a file can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Raw leads.
    Leads,
    /// The export of a CRM.
    Crm(DestinationKind),
    /// Azure cost.
    Cost,
    /// Marketing spend.
    Spend,
    /// Of somebody else who saw leads. Only a person can know that.
    Witness,
}

impl Kind {
    /// As written before a file.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Leads => "leads",
            Kind::Crm(kind) => kind.name(),
            Kind::Cost => "cost",
            Kind::Spend => "spend",
            Kind::Witness => "witness",
        }
    }

    fn all() -> impl Iterator<Item = Kind> {
        let others = [Kind::Cost, Kind::Spend, Kind::Witness];
        std::iter::once(Kind::Leads).chain(DestinationKind::ALL.map(Kind::Crm)).chain(others)
    }
}

/// A file or folder as given, and what its user says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    kind: Option<Kind>,
    path: PathBuf,
}

/// Reads `FILE` or `KIND=FILE`. A file whose own name holds `=` is taken as it is.
///
/// # Errors
/// When the kind is none (exit 2).
pub fn given(text: &str) -> Result<Given> {
    let plain = Given { kind: None, path: text.into() };
    let Some((word, path)) = text.split_once('=').filter(|_| !plain.path.exists()) else { return Ok(plain) };
    if let Some(kind) = Kind::all().find(|kind| kind.name() == word) {
        return Ok(Given { kind: Some(kind), path: path.into() });
    }
    let names: Vec<&str> = Kind::all().map(Kind::name).collect();
    let near = nearest(word, names.iter().copied()).map(|near| format!("did you mean {near}={path}? "));
    Err(Error::usage(format!("\"{word}\" is no kind of file")).hint(format!(
        "{}known: {}",
        near.unwrap_or_default(),
        names.join(", ")
    )))
}

/// A file that was recognised, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognised {
    /// Its path relative to the folder of the configuration, with `/`.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// What it is; none where nothing tells.
    pub kind: Option<Kind>,
    /// By what it was recognised, or why not.
    pub why: String,
    /// Whether it was named itself, and not found in a folder.
    pub named: bool,
}

/// Recognises files, and those in folders. `base`: the folder that names are relative to; `keep_out`: folders of ours.
///
/// # Errors
/// When a file or folder is not there (exit 2).
pub fn recognise(given: &[Given], base: &Path, keep_out: &[PathBuf]) -> Result<Vec<Recognised>> {
    let mut found: Vec<(Recognised, Option<Guess>, PathBuf)> = Vec::new();
    let mut seen = BTreeSet::new();
    for one in given {
        let missing =
            |e: std::io::Error| Error::usage(format!("there is no file or folder {}", one.path.display())).because(e);
        let path = std::path::absolute(&one.path).map_err(missing)?;
        let is_folder = std::fs::metadata(&path).map_err(missing)?.is_dir();
        let glob = pattern_of(&path) + if is_folder { "/**/*" } else { "" };
        let listing = files::find(&glob, base, keep_out)?;
        for file in listing.found.into_iter().filter(|f| !is_ours(&f.path, &path) && seen.insert(f.path.clone())) {
            if is_folder && is_beside(&file.key) {
                continue;
            }
            let (guess, why) = match one.kind {
                Some(kind) => (Some(Guess::Sure(kind)), "as you say".to_owned()),
                None => (None, String::new()),
            };
            let recognised = Recognised { name: file.key, path: file.path, kind: None, why, named: !is_folder };
            found.push((recognised, guess, path.clone()));
        }
        for (unread, error) in listing.unread {
            let name = unread.strip_prefix(base).unwrap_or(&unread).display().to_string();
            let why = error.what().to_owned();
            found.push((
                Recognised { name, path: unread, kind: None, why, named: true },
                Some(Guess::Empty),
                path.clone(),
            ));
        }
    }
    // Each is looked into by itself.
    let looked = |(file, guess, top): (Recognised, Option<Guess>, PathBuf)| match guess {
        Some(guess) => (file, guess, top),
        None => {
            let (guess, why) = look(&file.name, base);
            (Recognised { why, ..file }, guess, top)
        }
    };
    Ok(settled(found.into_par_iter().with_max_len(1).map(looked).collect()))
}

/// A path as a glob that finds it alone.
fn pattern_of(path: &Path) -> String {
    globset::escape(&path.to_string_lossy())
}

/// What describes the files beside it, and is read with them.
fn is_beside(key: &str) -> bool {
    let last = key.rsplit('/').next().unwrap_or(key).to_lowercase();
    last.ends_with(".manifest")
        || last.ends_with(".schema.csv")
        || last.ends_with(".toml")
        || ["model.json", "manifest.json", "_success", "thumbs.db"].contains(&last.as_str())
}

/// Whether a file stands in a folder that runs of ours wrote: a report with its manifest, or a landing.
fn is_ours(file: &Path, below: &Path) -> bool {
    file.ancestors().skip(1).take_while(|folder| folder.starts_with(below)).any(|folder| {
        folder.join("summary.json").is_file() && folder.join("tables").is_dir() || folder.join("landing").is_dir()
    })
}

/// What one file shows by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guess {
    Sure(Kind),
    /// People with lead sources: raw leads, or the list of a CRM that nothing tells.
    LeadsOrList,
    Nothing,
    /// Nothing stands in it, or nothing of it can be read.
    Empty,
}

/// What a file does not show by itself, the others tell: first those of its folder, then of the folders above it up to the
/// one that was named. Beside raw leads alone it is raw leads, broken ones included, which a run then quarantines.
fn settled(found: Vec<(Recognised, Guess, PathBuf)>) -> Vec<Recognised> {
    let sure: Vec<(PathBuf, Kind)> = found
        .iter()
        .filter_map(|(file, guess, _)| match guess {
            Guess::Sure(kind) => Some((file.path.clone(), *kind)),
            _ => None,
        })
        .collect();
    let leads_are_known = sure.iter().any(|(_, kind)| *kind == Kind::Leads);
    let among_leads = |file: &Recognised, top: &Path| {
        let folders = file.path.ancestors().skip(1).take_while(|folder| folder.starts_with(top));
        let neighbours = |folder: &Path| -> Vec<Kind> {
            sure.iter().filter(|(path, _)| path.starts_with(folder)).map(|(_, kind)| *kind).collect()
        };
        let nearest = folders.map(neighbours).find(|kinds| !kinds.is_empty());
        nearest.is_some_and(|kinds| kinds.iter().all(|kind| *kind == Kind::Leads))
    };
    let settle = |(file, guess, top): (Recognised, Guess, PathBuf)| {
        let (kind, told) = match guess {
            Guess::Sure(kind) => (Some(kind), ""),
            Guess::Empty => (None, ""),
            _ if among_leads(&file, &top) => (Some(Kind::Leads), "; raw leads, as all others of its folder"),
            Guess::LeadsOrList if leads_are_known => {
                (Some(Kind::Crm(DestinationKind::Csv)), "; a list, as other files are the raw leads")
            }
            Guess::LeadsOrList => (Some(Kind::Leads), "; raw leads, as no other file is surely them"),
            Guess::Nothing => (None, ""),
        };
        Recognised { kind, why: file.why.clone() + told, ..file }
    };
    found.into_iter().map(settle).collect()
}

/// Records and bytes of a file that are looked at.
const RECORDS: usize = 200;
const BYTES: u64 = 256 << 10;

/// Looks into a file.
fn look(key: &str, base: &Path) -> (Guess, String) {
    let gathered = exports::gather(&[globset::escape(key)], Cloud::default(), base, &[]);
    if let Some(problem) = gathered.problems.first() {
        return (Guess::Empty, problem.what().to_owned());
    }
    let Some(export) = gathered.exports.into_iter().find(|export| export.name == key) else {
        return (Guess::Empty, "it could not be read".to_owned());
    };
    match export.content.opening(BYTES) {
        Ok(bytes) if bytes.iter().all(u8::is_ascii_whitespace) => return (Guess::Empty, "it is empty".to_owned()),
        Ok(_) => {}
        Err(problem) => return (Guess::Empty, problem.to_string()),
    }
    let shows = raw(&export);
    if shows.keyed > 0 {
        return (Guess::Sure(Kind::Leads), "leads with PartitionKey and RowKey".to_owned());
    }
    let (name, modified) = (export.name.clone(), export.modified);
    let parts = tabular::unpack(&export.name, export.content).unwrap_or_default();
    let Some(part) = parts.into_iter().next() else { return (Guess::Nothing, "it cannot be unpacked".to_owned()) };
    let part = Part { content: head(part.content), ..part };
    let (likeness, problem) = match crm::likeness(&part) {
        Ok(likeness) => (likeness, None),
        Err(problem) => (Vec::new(), Some(problem.what().to_owned())),
    };
    let money = |part: &Part| Export { name: name.clone(), modified, content: part.content.clone() };
    // A file without rows, or without a currency, is known by its header.
    let named = cost::named(&part);
    let is_cost = || named == Some(cost::OF_AZURE) || is_read(&cost::charges(vec![money(&part)], &Cost::default()));
    let is_spend = || named.is_some() || is_read(&cost::spend(vec![money(&part)], &Cost::default()));
    let (guess, why) = decide(&shows, &likeness, &is_cost, &is_spend);
    match problem {
        Some(problem) if guess == Guess::Nothing => (guess, problem),
        _ => (guess, why),
    }
}

/// Whether a reader of money could use a file.
fn is_read<T: crate::tables::Grain>(read: &Result<cost::Read<T>>) -> bool {
    read.as_ref().is_ok_and(|read| read.problems.is_empty() && read.files.iter().any(|file| file.rows > 0))
}

/// The beginning of a long text, whole lines; everything else whole.
fn head(content: Content) -> Content {
    let Ok(bytes) = content.opening(BYTES) else { return content };
    let is_text = !bytes.starts_with(b"PK") && !bytes.starts_with(b"PAR1") && !bytes.starts_with(&[0xd0, 0xcf]);
    let is_json = bytes.iter().find(|b| !b.is_ascii_whitespace()).is_some_and(|b| matches!(b, b'{' | b'['));
    if !is_text || is_json || content.length() <= BYTES {
        drop(bytes);
        return content;
    }
    let end = memchr::memrchr(b'\n', &bytes).map_or(bytes.len(), |end| end + 1);
    bytes.get(..end).unwrap_or_default().to_vec().into()
}

/// What the first records show.
#[derive(Clone, Copy, Debug, Default)]
struct Shows {
    records: usize,
    leads: usize,
    keyed: usize,
    words: usize,
    sources: usize,
}

/// Cuts the first records out of a file, as a source would, and counts what they show.
fn raw(export: &Export) -> Shows {
    let (mut shows, mut reader) = (Shows::default(), OwnReader::default());
    let mut take = |lead: crate::io::landing::RawLead| {
        if shows.records == RECORDS {
            return Err(Stopped::Enough);
        }
        shows.records += 1;
        let signs = match lead.problem {
            None => reader.signs(lead.format, lead.header.as_deref(), &lead.payload),
            Some(_) => None,
        };
        if let Some(signs) = signs {
            shows.leads += 1;
            shows.keyed += usize::from(lead.keyed);
            shows.words += usize::from(signs.words);
            shows.sources += usize::from(signs.source);
        }
        Ok(())
    };
    // What cannot be cut shows nothing, and what was cut before counts.
    if let Ok(source) = export.content.reader() {
        let _ = records::cut(source, &export.name, export.modified, &mut take);
    }
    shows
}

/// What a file is, and by what that is known.
fn decide(
    shows: &Shows,
    likeness: &[Likeness],
    is_cost: &dyn Fn() -> bool,
    is_spend: &dyn Fn() -> bool,
) -> (Guess, String) {
    let sure = |kind, why: &str| (Guess::Sure(kind), why.to_owned());
    let most = |n: usize| n * 2 >= shows.records && n > 0;
    let likest = likeness.first().filter(|likest| likest.kind != DestinationKind::Csv);
    let names = likest.map_or(0, |likest| likest.own);
    if let Some(likest) = likest.filter(|likest| likest.ids) {
        return sure(Kind::Crm(likest.kind), "record ids as it makes them");
    }
    if is_cost() {
        return sure(Kind::Cost, "day, amount, currency and resource");
    }
    if most(shows.words) && names < 2 {
        return sure(Kind::Leads, "fields that only the marketplace's leads have");
    }
    if let Some(likest) = likest.filter(|likest| likest.own > 0 && (likest.identifies() || likest.own > 2)) {
        let why = format!("{} that no other CRM uses", crate::error::count(likest.own, "column name", "column names"));
        return (Guess::Sure(Kind::Crm(likest.kind)), why);
    }
    if most(shows.words) {
        return sure(Kind::Leads, "fields that only the marketplace's leads have");
    }
    if is_spend() {
        return sure(Kind::Spend, "day, campaign and amount");
    }
    let list = likeness.iter().find(|l| l.kind == DestinationKind::Csv).filter(|list| list.identifies());
    match list {
        Some(_) if most(shows.sources) => {
            (Guess::LeadsOrList, "people with lead sources of the marketplace".to_owned())
        }
        Some(list) if most(shows.leads) && !["record_id", "created_at"].iter().any(|f| list.fields.contains(*f)) => {
            (Guess::LeadsOrList, "people, and nothing that a CRM makes".to_owned())
        }
        Some(_) => sure(Kind::Crm(DestinationKind::Csv), "people, by names that no CRM has for itself"),
        None if most(shows.leads) => sure(Kind::Leads, "the fields of a person and a lead"),
        None => (Guess::Nothing, "neither raw leads nor an export that is known".to_owned()),
    }
}

/// The globs, relative to `base`, that find these files and no others; as few as that takes.
pub fn patterns(files: &[&Recognised], base: &Path, keep_out: &[PathBuf]) -> Vec<String> {
    let paths: BTreeSet<&Path> = files.iter().map(|file| file.path.as_path()).collect();
    if let Some(all) = one_folder(files).and_then(|glob| finds_exactly(&glob, &paths, base, keep_out).then_some(glob)) {
        return vec![all];
    }
    let mut groups: std::collections::BTreeMap<String, Vec<&Recognised>> = std::collections::BTreeMap::new();
    for file in files {
        let (folder, last) = file.name.rsplit_once('/').unwrap_or(("", &file.name));
        let ending =
            last.rsplit_once('.').map_or("*".to_owned(), |(_, ending)| format!("*.{}", globset::escape(ending)));
        let folder = globset::escape(folder);
        groups.entry(if folder.is_empty() { ending } else { format!("{folder}/{ending}") }).or_default().push(file);
    }
    let of_group = |(glob, files): (String, Vec<&Recognised>)| {
        let paths = files.iter().map(|file| file.path.as_path()).collect();
        match files.len() > 1 && finds_exactly(&glob, &paths, base, keep_out) {
            true => vec![glob],
            false => files.iter().map(|file| globset::escape(&file.name)).collect(),
        }
    };
    groups.into_iter().flat_map(of_group).collect()
}

/// Everything in the deepest folder that holds them all, where they are several.
fn one_folder(files: &[&Recognised]) -> Option<String> {
    let mut folders = files.iter().map(|file| file.name.rsplit_once('/').map_or("", |(folder, _)| folder));
    let first = folders.next()?.to_owned();
    let shared = folders.fold(first, |shared, folder| {
        let steps = shared.split('/').zip(folder.split('/')).take_while(|(a, b)| a == b).map(|(a, _)| a);
        steps.collect::<Vec<_>>().join("/")
    });
    (files.len() > 1 && !shared.is_empty()).then(|| globset::escape(&shared) + "/**/*")
}

fn finds_exactly(glob: &str, paths: &BTreeSet<&Path>, base: &Path, keep_out: &[PathBuf]) -> bool {
    let Ok(listing) = files::find(glob, base, keep_out) else { return false };
    let found: BTreeSet<&Path> =
        listing.found.iter().filter(|f| !is_beside(&f.key)).map(|f| f.path.as_path()).collect();
    listing.unread.is_empty() && found == *paths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recognised(files: &[(&str, &str)]) -> Vec<(String, Option<&'static str>)> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let given = [Given { kind: None, path: dir.path().to_owned() }];
        let found = recognise(&given, dir.path(), &[]).unwrap();
        found.into_iter().map(|file| (file.name, file.kind.map(Kind::name))).collect()
    }

    const RAW: &str = "PartitionKey,RowKey,Timestamp,CustomerInfo,LeadSource\n\
        p,r,2026-05-03T10:00:00Z,\"{\"\"FirstName\"\":\"\"Ida\"\",\"\"Email\"\":\"\"i@r.example\"\"}\",SPZA-INS|c.o\n";
    const BODY: &str = "{\"userDetails\":{\"firstName\":\"Ida\",\"email\":\"i@r.example\"},\"leadSource\":\"SPZA-INS|c.o\",\
        \"actionCode\":\"INS\",\"offerTitle\":\"O\"}\n";
    const LIST: &str = "Name,Email,Lead Source\nIda Ritter,i@r.example,SPZA-INS|c.o\n";

    #[test]
    fn a_file_is_recognised_by_what_stands_in_it_whatever_its_name() {
        let found = recognised(&[
            ("a.txt", RAW),
            ("b/c.csv", BODY),
            ("d.csv", "Id,Email,LeadSource\n00Q5g00000ABCDEEA4,i@r.example,SPZA-INS|c.o\n"),
            ("e.csv", LIST),
            ("f.csv", "Date,Cost,BillingCurrency,ResourceId\n2026-05-03,1.5,EUR,/subscriptions/x/y\n"),
            ("g.csv", "Day,Campaign,Cost,Currency code\n2026-05-03,Spring,1.5,EUR\n"),
            ("g2.csv", "CampaignName,TimePeriod,Spend\n"),
            ("g3.csv", "Date,Cost,BillingCurrency,ResourceId,OfferId,ProductOrderName\n"),
            ("g4.csv", "Date,Cost,BillingCurrency,ResourceId,OfferId\n05/03/2026,1.5,USD,/x/y,MS-AZR-0017P\n"),
            ("h.txt", "a word\n"),
            ("i.csv", ""),
        ]);
        let kinds: Vec<_> = found.iter().map(|(_, kind)| *kind).collect();
        let (cost, spend) = (Some("cost"), Some("spend"));
        let expected =
            [Some("leads"), Some("leads"), Some("salesforce"), Some("csv"), cost, spend, spend, cost, cost, None, None];
        assert_eq!(kinds, expected, "{found:?}");
        assert_eq!(recognised(&[("e.csv", LIST)])[0].1, Some("leads"), "alone, such a list is what came in");
        let people = "First Name,Last Name,Email Address\nIda,Ritter,i@r.example\n";
        let folder =
            [("raw/t.csv", RAW), ("raw/x/p.csv", people), ("raw/x/broken.json", "{\"a\": "), ("b/p.csv", people)];
        let kinds: Vec<_> = recognised(&folder).into_iter().map(|(_, kind)| kind).collect();
        assert_eq!(kinds, [Some("leads"); 4], "a folder's others tell");
    }

    #[test]
    fn a_kind_before_a_file_is_a_word_that_is_known() {
        assert_eq!(given("salesforce=x.csv").unwrap().kind, Some(Kind::Crm(DestinationKind::Salesforce)));
        assert!(given("saleforce=x.csv").unwrap_err().to_string().contains("did you mean salesforce=x.csv?"));
    }
}
