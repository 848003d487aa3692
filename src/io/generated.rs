//! A generated publisher on disk: files written in pieces, each with the time it shall carry.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::{DateTime, Utc};

use crate::error::{Error, Result};
use crate::generate::{MARK, Sink};

/// A file being written: itself, its path and the time it shall carry.
type Open = (File, PathBuf, Option<DateTime<Utc>>);

/// A folder that a publisher is written into.
#[derive(Debug)]
pub struct Generated {
    dir: PathBuf,
    open: Vec<Option<Open>>,
}

/// What an earlier publisher and the runs on it may have left in the folder, besides single files that are overwritten.
const OURS: [&str; 5] = ["raw", "exports", "truth", "state", "out"];

impl Generated {
    /// Takes a folder that is empty, is not there, or holds an earlier generated publisher, whose data are deleted.
    ///
    /// # Errors
    /// When it holds anything else (exit 2), or cannot be made (exit 4).
    pub fn new(dir: &Path) -> Result<Generated> {
        let mark = fs::read_to_string(dir.join("leadrecon.toml")).unwrap_or_default();
        if mark.starts_with(MARK) {
            for folder in OURS {
                match fs::remove_dir_all(dir.join(folder)) {
                    Err(e) if e.kind() != ErrorKind::NotFound => return Err(cannot("delete", &dir.join(folder), &e)),
                    _ => {}
                }
            }
        } else if fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(Error::usage(format!("{} is not empty and no generated publisher", dir.display()))
                .hint("name a folder that does not exist yet"));
        }
        fs::create_dir_all(dir).map_err(|e| cannot("make", dir, &e))?;
        Ok(Generated { dir: dir.to_owned(), open: Vec::new() })
    }
}

impl Sink for Generated {
    fn create(&mut self, path: &str, modified: Option<DateTime<Utc>>) -> Result<usize> {
        let path = self.dir.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|e| cannot("make", parent, &e))?;
        }
        let file = File::create(&path).map_err(|e| cannot("write", &path, &e))?;
        self.open.push(Some((file, path, modified)));
        Ok(self.open.len() - 1)
    }

    fn append(&mut self, file: usize, bytes: &[u8]) -> Result<()> {
        match self.open.get_mut(file) {
            Some(Some((file, path, _))) => file.write_all(bytes).map_err(|e| cannot("write", path, &e)),
            _ => Ok(()),
        }
    }

    fn close(&mut self, file: usize) -> Result<()> {
        let Some(Some((file, path, modified))) = self.open.get_mut(file).map(Option::take) else { return Ok(()) };
        match modified {
            Some(time) => file.set_modified(SystemTime::from(time)).map_err(|e| cannot("date", &path, &e)),
            None => Ok(()),
        }
    }
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::failed(format!("cannot {what} {}", path.display())).because(error)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use polars::prelude::{IntoLazy, col, lit};

    use crate::config::Config;
    use crate::generate::{Plan, Publisher, write};
    use crate::io::fetch::{Options, fetch};
    use crate::io::landing::Landing;
    use crate::leads::{self, Settings};

    #[test]
    fn a_folder_of_somebody_else_is_left_alone_and_one_of_ours_is_written_again() {
        let dir = tempfile::tempdir().unwrap();
        let plan = Plan { leads: 20, ..Plan::demo() };
        for _ in 0..2 {
            write(&plan, &mut Generated::new(dir.path()).unwrap()).unwrap();
            fs::write(dir.path().join("raw/table/left-over.ndjson"), b"{}").unwrap();
        }
        write(&plan, &mut Generated::new(dir.path()).unwrap()).unwrap();
        assert!(!dir.path().join("raw/table/left-over.ndjson").exists());
        fs::write(dir.path().join("leadrecon.toml"), b"# mine\n").unwrap();
        assert_eq!(Generated::new(dir.path()).unwrap_err().status() as u8, 2);
    }

    fn truth(publisher: &Publisher, file: &str, columns: &[&str]) -> BTreeMap<String, Vec<String>> {
        let mut reader = csv::Reader::from_reader(publisher.files[&format!("truth/{file}.csv")].as_slice());
        let rows = reader.deserialize().map(|row| row.unwrap());
        rows.map(|row: BTreeMap<String, String>| {
            (row[columns[0]].clone(), columns[1..].iter().map(|c| row[*c].clone()).collect())
        })
        .collect()
    }

    #[test]
    fn the_readers_find_every_lead_of_the_truth_and_refuse_every_broken_record() {
        let dir = tempfile::tempdir().unwrap();
        let plan = Plan::demo();
        write(&plan, &mut Generated::new(dir.path()).unwrap()).unwrap();
        let mut publisher = Publisher::default();
        write(&plan, &mut publisher).unwrap();
        let text = fs::read_to_string(dir.path().join("leadrecon.toml")).unwrap();
        let config = Config::parse(&text, dir.path()).unwrap();
        let mut landing = Landing::open(&config.state_dir, Duration::ZERO).unwrap();
        let options = Options { base: dir.path(), keep_out: Vec::new(), rescan: false, progress: false };
        let now = DateTime::from_timestamp(plan.end(), 0).unwrap();
        assert!(fetch(&config.sources, &mut landing, now, &options).unwrap().complete());
        let raw = landing.raw_leads().unwrap();
        let settings = Settings {
            as_of_ends_at: now + chrono::TimeDelta::days(1),
            stages: &config.stages,
            offers: &config.offers,
            exclude: &config.exclude,
        };
        let parsed = leads::parse(&raw, &settings).unwrap();
        let column = |frame: &polars::prelude::DataFrame, name: &str| -> Vec<String> {
            let texts = frame.column(name).unwrap().str().unwrap().clone();
            (0..frame.height()).map(|row| texts.get(row).unwrap_or_default().to_owned()).collect()
        };
        let frame = parsed.leads.frame();
        let times = frame.column("received_at").unwrap().datetime().unwrap().physical().clone();
        let found: BTreeMap<String, Vec<String>> = column(frame, "lead_id")
            .into_iter()
            .zip(column(frame, "kind"))
            .enumerate()
            .map(|(row, (id, kind))| {
                let at = DateTime::from_timestamp_micros(times.get(row).unwrap()).unwrap();
                (id, vec![kind, at.format("%Y-%m-%dT%H:%M:%SZ").to_string()])
            })
            .collect();
        let expected = truth(&publisher, "people", &["lead_id", "kind", "received_at"]);
        for (lead, expected) in &expected {
            assert_eq!(found.get(lead), Some(expected), "{lead}");
        }
        assert_eq!(found.len(), expected.len());
        let refused: BTreeMap<String, Vec<String>> = column(parsed.quarantine.frame(), "source_key")
            .into_iter()
            .zip(column(parsed.quarantine.frame(), "reason"))
            .map(|(key, reason)| (key, vec![reason]))
            .collect();
        assert_eq!(refused, truth(&publisher, "quarantine", &["source_key", "reason"]));
    }

    #[test]
    fn the_readers_find_every_record_of_every_kind_of_crm() {
        use crate::config::DestinationKind::{Csv, Dynamics, Hubspot, Marketo, Salesforce};
        use crate::generate::plan::{Destination, Times};
        for times in [Times::Seconds, Times::Minutes, Times::Days] {
            let mut plan = Plan::clean(7, 150, chrono::NaiveDate::from_ymd_opt(2026, 4, 1).unwrap(), 60);
            plan.destinations = [Salesforce, Hubspot, Dynamics, Marketo, Csv].map(Destination::new).into();
            plan.destinations.iter_mut().for_each(|d| d.view.times = times);
            let mut publisher = Publisher::default();
            write(&plan, &mut publisher).unwrap();
            let text = String::from_utf8(publisher.files["leadrecon.toml"].clone()).unwrap();
            let config = Config::parse(&text, Path::new("")).unwrap();
            for destination in &config.destinations {
                let folder = destination.export[0].trim_end_matches('*');
                let exports = publisher.files.iter().filter(|(path, _)| path.starts_with(folder));
                let exports: Vec<_> = exports
                    .map(|(name, bytes)| crate::tabular::Export {
                        name: name.clone(),
                        modified: publisher.modified[name],
                        content: bytes.clone().into(),
                    })
                    .collect();
                let read =
                    crate::crm::read(exports, destination, &polars::prelude::DataFrame::empty(), crate::crm::Keep::All)
                        .unwrap();
                assert!(read.problems.is_empty(), "{}: {:?}", destination.name, read.problems);
                assert_eq!(read.set_aside.height(), 0, "{}: {:?}", destination.name, read.set_aside.frame());
                let leads = read.rows.clone().lazy().filter(col("object").neq(lit("opportunity"))).collect().unwrap();
                let ids = leads.column("record_id").unwrap().str().unwrap().clone();
                let created = leads.column("created_at").unwrap().datetime().unwrap().physical().clone();
                let truth = truth(&publisher, "records", &["record_id", "destination", "shown_on", "created_at"]);
                let shown: BTreeMap<_, _> =
                    truth.iter().filter(|(_, r)| r[0] == destination.name && r[1] == "1").collect();
                assert_eq!(ids.len(), shown.len(), "{}", destination.name);
                for row in 0..ids.len() {
                    let expected = &shown[&ids.get(row).unwrap().to_owned()][2];
                    let expected = DateTime::parse_from_rfc3339(expected).unwrap().timestamp();
                    let unit = match times {
                        Times::Seconds => 1,
                        Times::Minutes => 60,
                        Times::Days => 86_400,
                    };
                    let found = created.get(row).map(|at| at / 1_000_000);
                    assert_eq!(found, Some(expected / unit * unit), "{} row {row}", destination.name);
                }
            }
        }
    }
}
