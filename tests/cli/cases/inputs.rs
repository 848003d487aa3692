//! Lays down the files of a case: its own, those of a night over them, generated ones, links and file times.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use globset::{GlobBuilder, GlobMatcher};

use super::format::Write;
use super::people::{World, instant};

/// A known form of file: what stands before the rows, a row, between rows, after them.
type Form = [&'static str; 4];

/// An Azure Table as Storage Explorer saves it.
const TABLE: Form = [
    r#"{"value":["#,
    r#"{"PartitionKey":"{received:%-m:2F%-d:2F%Y}","RowKey":"row-{n:5}","Timestamp":"{received+2s}","ProductId":"{offer}","CustomerInfo":{info_string},"LeadSource":"{storefront}","ActionCode":"{action}","OfferDisplayName":"{offer_title}","CreatedTime":"{received}","Description":" "}"#,
    ",\n",
    "]}",
];
/// What an HTTPS endpoint is sent, one to a line, with the time of arrival beside it.
const LOG: Form = ["", r#"{"receivedAt":"{received}","body":{body}}"#, "\n", "\n"];
/// What an HTTPS endpoint is sent, with nothing that tells its time.
const BODIES: Form = ["", "{body}", "\n", "\n"];
const BODY: &str = r#"{"userDetails":{"firstName":"{first}","lastName":"{last}","email":"{email}","phone":"{phone}","country":"{country}","company":"{company}","title":"{title}"},"leadSource":"{storefront}","actionCode":"{action}","offerTitle":"{offer_title}","description":""}"#;
/// Raw leads as a flat CSV file.
const LEADS: Form = [
    "FirstName,LastName,Email,Phone,Company,LeadSource,CreatedTime\n",
    "{first},{last},{email},{phone},{company},{source},{received}",
    "\n",
    "\n",
];
const SALESFORCE: Form = [
    "Id,IsDeleted,FirstName,LastName,Company,Email,Phone,Country,Title,LeadSource,Status,IsConverted,CreatedDate,LastModifiedDate\n",
    "{id},false,{first},{last},{company},{email},{phone},{country},{title},{source},{status},false,{created:%Y-%m-%dT%H:%M:%S.000Z},{created:%Y-%m-%dT%H:%M:%S.000Z}",
    "\n",
    "\n",
];
const DYNAMICS: Form = [
    "(Do Not Modify) Lead,(Do Not Modify) Row Checksum,(Do Not Modify) Modified On,Topic,First Name,Last Name,Job Title,Company Name,Email,Business Phone,Country/Region,Status,Status Reason,Lead Source,Created On\n",
    "{guid},x,{created:%Y-%m-%d %H:%M:%S},{source},{first},{last},{title},{company},{email},{phone},{country},Open,New,Web,{created:%Y-%m-%d %H:%M:%S}",
    "\n",
    "\n",
];
const HUBSPOT: Form = [
    "Record ID,First Name,Last Name,Email,Phone Number,Job Title,Company Name,Country/Region,Lifecycle Stage,Lead Status,Lead Source,Create Date,Last Modified Date\n",
    "{number},{first},{last},{email},{phone},{title},{company},{country},Lead,New,{source},{created:%Y-%m-%d %H:%M},{created:%Y-%m-%d %H:%M}",
    "\n",
    "\n",
];

fn form(name: &str) -> Form {
    match name {
        "table" => TABLE,
        "log" => LOG,
        "bodies" => BODIES,
        "leads" => LEADS,
        "salesforce" => SALESFORCE,
        "dynamics" => DYNAMICS,
        "hubspot" => HUBSPOT,
        _ => panic!("as = {name:?} is no known form"),
    }
}

/// The working folder of a case, and the time that files laid down now are given.
pub struct Bench<'a> {
    pub folder: &'a Path,
    pub world: &'a World,
    pub now: DateTime<Utc>,
}

impl Bench<'_> {
    /// Copies a folder over the working folder; links stay links, `leadrecon.toml` is filled in.
    pub fn lay(&self, from: &Path, but: &[&str]) {
        for entry in fs::read_dir(from).unwrap_or_else(|e| panic!("{}: {e}", from.display())).flatten() {
            if !but.iter().any(|name| entry.file_name() == *name) {
                self.copy(&entry.path(), &self.folder.join(entry.file_name()));
            }
        }
    }

    fn copy(&self, from: &Path, to: &Path) {
        if from.is_symlink() {
            let _ = fs::remove_file(to);
            std::os::unix::fs::symlink(fs::read_link(from).unwrap(), to).unwrap();
        } else if from.is_dir() {
            fs::create_dir_all(to).unwrap();
            for entry in fs::read_dir(from).unwrap().flatten() {
                self.copy(&entry.path(), &to.join(entry.file_name()));
            }
        } else {
            let mut bytes = fs::read(from).unwrap();
            if from.file_name().is_some_and(|name| name == "leadrecon.toml") {
                bytes = self.world.fill(&String::from_utf8(bytes).unwrap()).into_bytes();
            }
            self.put(to, &bytes, self.now);
        }
    }

    fn put(&self, path: &Path, bytes: &[u8], at: DateTime<Utc>) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        touch(path, at);
    }

    /// Writes a generated file, or one for each person where its name says who.
    pub fn write(&self, write: &Write) {
        let [head, row, join, tail] = write.form.as_deref().map_or(["", "", "\n", "\n"], form);
        let parts = [(&write.head, head), (&write.row, row), (&write.join, join), (&write.tail, tail)];
        let [head, row, join, tail] = parts.map(|(own, form)| own.as_deref().unwrap_or(form).replace("{body}", BODY));
        let without = numbers(&write.without);
        let all = write.people.as_deref().map_or_else(|| (0..self.world.people.count).collect(), numbers);
        let people: Vec<usize> = all.into_iter().filter(|n| !without.contains(n)).collect();
        let fill = |text: &str, n: usize| self.world.fill_for(text, n, &write.set);
        if people.iter().any(|n| fill(&write.file, *n) != self.world.fill(&write.file)) {
            for n in people {
                self.finish(write, &fill(&write.file, n), self.world.fill(&head) + &fill(&row, n) + &tail);
            }
            return;
        }
        let rows = if row.is_empty() { Vec::new() } else { people.iter().map(|n| fill(&row, *n)).collect() };
        let extra = write.extra.iter().map(|line| self.world.fill(line));
        let rows: Vec<String> = rows.into_iter().chain(extra).collect();
        let tail = if rows.is_empty() && tail == "\n" { "" } else { &tail };
        self.finish(write, &write.file, self.world.fill(&head) + &rows.join(&join) + &self.world.fill(tail));
    }

    /// Encodes, packs and writes a text as its keys and the ending of its name say.
    fn finish(&self, write: &Write, name: &str, mut text: String) {
        for (of, with) in &write.replace {
            let (of, with) = (self.world.fill(of), self.world.fill(with));
            assert!(text.contains(&of), "{name}: {of:?} does not stand there and cannot be replaced");
            text = text.replace(&of, &with);
        }
        if let Some(ends) = &write.ends {
            text = text.replace('\n', ends);
        }
        if write.bom {
            text.insert(0, '\u{feff}');
        }
        let mut bytes = encoded(&text, write.encoding.as_deref().unwrap_or("utf-8"));
        if let Some(share) = write.keep {
            bytes.truncate((bytes.len() as f64 * share) as usize);
        }
        let bytes = match name.rsplit('.').next() {
            Some("gz") => {
                let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                packer.write_all(&bytes).unwrap();
                packer.finish().unwrap()
            }
            Some("zst") => zstd::encode_all(&bytes[..], 0).unwrap(),
            Some("xlsx") => workbook(&bytes, write.sheet.as_deref().unwrap_or("Sheet1")),
            Some("zip") => archive(name.trim_end_matches(".zip"), &bytes),
            _ => bytes,
        };
        let path = self.folder.join(bytes_of(name));
        let before = if write.append { fs::read(&path).unwrap_or_default() } else { Vec::new() };
        self.put(&path, &[before, bytes].concat(), write.at.as_ref().map_or(self.now, instant));
    }

    /// Makes links: name to target.
    pub fn link(&self, links: &BTreeMap<String, String>) {
        for (name, target) in links {
            let path = self.folder.join(bytes_of(name));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let _ = fs::remove_file(&path);
            std::os::unix::fs::symlink(target, path).unwrap();
        }
    }

    /// Gives the files that fit a glob their time of last change.
    pub fn times(&self, times: &BTreeMap<String, toml::value::Datetime>) {
        for (glob, at) in times {
            self.found(glob).iter().for_each(|path| touch(path, instant(at)));
        }
    }

    /// The files and links that fit a glob; at least one does.
    pub fn found(&self, glob: &str) -> Vec<PathBuf> {
        let found = matching(self.folder, glob);
        assert!(!found.is_empty(), "no file fits {glob:?}");
        found
    }
}

/// The files and links below a folder whose path from there is, or fits, a glob; sorted.
pub fn matching(folder: &Path, glob: &str) -> Vec<PathBuf> {
    let exact = folder.join(bytes_of(glob));
    if exact.symlink_metadata().is_ok() {
        return vec![exact];
    }
    let glob = matcher(glob);
    // Links are followed, as `out/latest` must be; one that leads nowhere is itself what fits.
    let walk = walkdir::WalkDir::new(folder).follow_links(true).sort_by_file_name().into_iter();
    let paths = walk.filter_map(|entry| match entry {
        Ok(entry) => Some(entry.into_path()).filter(|path| !path.is_dir()),
        Err(problem) => problem.path().map(Path::to_owned),
    });
    paths.filter(|path| glob.is_match(path.strip_prefix(folder).unwrap())).collect()
}

/// A glob whose `*` stays within a folder.
pub fn matcher(glob: &str) -> GlobMatcher {
    GlobBuilder::new(glob).literal_separator(true).build().unwrap_or_else(|e| panic!("{e}")).compile_matcher()
}

fn touch(path: &Path, at: DateTime<Utc>) {
    fs::File::options().read(true).open(path).unwrap().set_modified(SystemTime::from(at)).unwrap();
}

/// `0..20,25,30..40` as numbers.
fn numbers(text: &str) -> Vec<usize> {
    let number = |n: &str| n.trim().parse::<usize>().unwrap_or_else(|e| panic!("{text:?}: {e}"));
    let parts = text.split(',').filter(|part| !part.trim().is_empty());
    parts
        .flat_map(|part| match part.split_once("..") {
            Some((from, to)) => (number(from)..number(to)).collect(),
            None => vec![number(part)],
        })
        .collect()
}

/// A name in which `\xFF` stands for a byte.
pub fn bytes_of(name: &str) -> OsString {
    let (mut bytes, mut rest) = (Vec::new(), name);
    while let Some((before, after)) = rest.split_once("\\x") {
        bytes.extend(before.bytes());
        bytes.push(u8::from_str_radix(&after[..2], 16).unwrap_or_else(|e| panic!("{name:?}: {e}")));
        rest = &after[2..];
    }
    bytes.extend(rest.bytes());
    OsString::from_vec(bytes)
}

fn encoded(text: &str, encoding: &str) -> Vec<u8> {
    match encoding {
        "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "utf-16be" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        _ => {
            let known = encoding_rs::Encoding::for_label(encoding.as_bytes());
            let known = known.unwrap_or_else(|| panic!("{encoding:?} is no known encoding"));
            let (bytes, _, lossy) = known.encode(text);
            assert!(!lossy, "a character of the text does not exist in {encoding}");
            bytes.into_owned()
        }
    }
}

/// An archive of one file.
fn archive(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
    archive.write_all(bytes).unwrap();
    archive.finish().unwrap().into_inner()
}

/// A workbook with the cells of a CSV text, all of them texts.
fn workbook(text: &[u8], sheet: &str) -> Vec<u8> {
    let mut book = rust_xlsxwriter::Workbook::new();
    let page = book.add_worksheet().set_name(sheet).unwrap();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
    for (y, record) in reader.records().enumerate() {
        for (x, cell) in record.unwrap().iter().enumerate() {
            page.write_string(y as u32, x as u16, cell).unwrap();
        }
    }
    book.save_to_buffer().unwrap()
}
