//! Runs the cases of tests/cases/, each a folder, and says of each that fails what was expected and what was found.
//!
//! tests/cases/README.md says how to write one. Each runs in a copy of its own; CASE=name runs those alone whose name
//! holds the text, and KEEP=1 leaves their folders behind.

mod expectations;
mod format;
mod inputs;
mod people;
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

use crate::program::leadrecon;
use expectations::{Judge, Said};
use format::{Case, Step, Words};
use inputs::Bench;
use people::World;
use server::Server;

/// What a single command may take, on a busy machine.
const LIMIT: Duration = Duration::from_secs(180);
const THREADS: usize = 4;

#[test]
fn every_case_holds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let wanted = std::env::var("CASE").unwrap_or_default();
    let entries = fs::read_dir(&root).unwrap().flatten().map(|entry| entry.path());
    let mut cases: Vec<PathBuf> = entries.filter(|path| path.is_dir() && name(path).contains(&wanted)).collect();
    cases.sort();
    assert!(!cases.is_empty(), "no case's name holds {wanted:?}");
    let (queue, failed) = (Mutex::new(cases.into_iter()), Mutex::new(BTreeMap::new()));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(case) = { queue.lock().unwrap().next() } {
                    let failures = judged(&case);
                    if !failures.is_empty() {
                        failed.lock().unwrap().insert(name(&case), failures.join("\n  "));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    let told: Vec<String> = failed.iter().map(|(case, failures)| format!("{case}\n  {failures}\n")).collect();
    assert!(told.is_empty(), "{} cases fail\n\n{}", told.len(), told.join("\n"));
}

#[test]
fn what_is_not_as_expected_is_said_with_what_was_found() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[[step]]\ncommand = \"diagnose qwertz\"\nexit = 0\nstderr = { contains = [\"xyzzy\"] }\n";
    fs::write(folder.path().join("case.toml"), text).unwrap();
    let failures = judged(folder.path()).join("\n");
    for part in
        ["step 1 (diagnose qwertz): exit status", "expected: 0", "found:    1", "standard error contains", "xyzzy"]
    {
        assert!(failures.contains(part), "{part} is missing in\n{failures}");
    }
    fs::write(folder.path().join("case.toml"), "[[step]]\ncomand = \"check\"\n").unwrap();
    assert!(judged(folder.path())[0].contains("comand"), "a key that does not exist is refused");
}

fn name(case: &Path) -> String {
    case.file_name().unwrap().to_string_lossy().into_owned()
}

/// What is wrong with a case; a panic of the harness is wrong with it, too.
fn judged(case: &Path) -> Vec<String> {
    catch_unwind(AssertUnwindSafe(|| hold(case))).unwrap_or_else(|cause| {
        let text = cause.downcast_ref::<String>().cloned();
        let text = text.or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        vec![text.unwrap_or_default()]
    })
}

fn hold(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join("case.toml")).unwrap_or_else(|e| panic!("case.toml: {e}"));
    let mut case: Case = toml::from_str(&text).unwrap_or_else(|e| panic!("case.toml: {e}"));
    let mut work = tempfile::Builder::new().prefix("case-").tempdir().unwrap();
    if std::env::var_os("KEEP").is_some() {
        work.disable_cleanup(true);
        eprintln!("{}: {}", name(folder), work.path().display());
    }
    let server = case.server.as_ref().map(|of| Server::start(of, work.path().join(&of.blobs)));
    let endpoint = server.as_ref().map(|server| server.endpoint.clone()).unwrap_or_default();
    let world = World { people: std::mem::take(&mut case.people), server: endpoint };
    let mut played = Played { case: &case, folder, work: work.path(), world: &world, server: server.as_ref() };
    every_night_is_used(&case, folder);
    let mut failures = Vec::new();
    for (n, step) in case.step.iter().enumerate() {
        failures.extend(played.step(n, step));
    }
    failures
}

fn every_night_is_used(case: &Case, folder: &Path) {
    let nights = fs::read_dir(folder.join("nights")).into_iter().flatten().flatten();
    let there: BTreeSet<String> = nights.map(|night| night.file_name().to_string_lossy().into_owned()).collect();
    let used: BTreeSet<String> = case.step.iter().filter_map(|step| step.night).map(|n| n.to_string()).collect();
    assert_eq!(there, used, "the folders of nights/ are those that steps name with `night`");
}

/// A case while it runs.
struct Played<'a> {
    case: &'a Case,
    folder: &'a Path,
    work: &'a Path,
    world: &'a World,
    server: Option<&'a Server>,
}

impl Played<'_> {
    fn step(&mut self, n: usize, step: &Step) -> Vec<String> {
        let words = self.words(step);
        let bench = Bench { folder: self.work, world: self.world, now: written_at(n, &words) };
        self.prepare(&bench, n, step);
        if let Some(server) = self.server {
            server.begin(&step.blob, &step.answer);
        }
        let shut = if step.unreadable.is_empty() { Vec::new() } else { shut(&bench, &step.unreadable) };
        let before = step.same_bytes.then(|| self.published());
        thread::sleep(Duration::from_millis(step.wait));
        let said = self.run(step, &words);
        shut.iter().for_each(|path| mode(path, 0o700));

        let mut judge = Judge { folder: self.work, world: self.world, failures: Vec::new() };
        judge.step(step, &said);
        judge.refuse(&self.case.refuse, &said);
        if let Some(server) = self.server {
            judge.text("posted", &step.posted, &server.posted());
            if let Some(expected) = &step.fetched {
                let found = server.fetched();
                if &found != expected {
                    judge.failures.push(format!("fetched\n    expected: {expected:?}\n    found:    {found:?}"));
                }
            }
        }
        if before.is_some_and(|before| before != self.published()) {
            judge.failures.push("same_bytes: a published file is not what it was before the step".to_owned());
        }
        let at = format!("step {} ({}): ", n + 1, words.join(" "));
        let mut failures: Vec<String> = judge.failures.into_iter().map(|failure| at.clone() + &failure).collect();
        if let Some(last) = failures.last_mut().filter(|_| said.exit != Some(step.exit)) {
            *last += &format!("\n    it said:  {}", said.stderr.trim().replace('\n', "\n              "));
        }
        failures
    }

    fn words(&self, step: &Step) -> Vec<String> {
        let words = match (&step.as_of, &step.command) {
            (Some(day), None) => vec!["run".to_owned(), "--as-of".to_owned(), day.clone()],
            (None, Some(Words::List(words))) => words.clone(),
            (None, Some(Words::Text(text))) => text.split_whitespace().map(str::to_owned).collect(),
            _ => panic!("a step has either as_of or command"),
        };
        words.iter().map(|word| self.world.fill(word)).collect()
    }

    fn prepare(&self, bench: &Bench, n: usize, step: &Step) {
        if n == 0 {
            bench.lay(self.folder, &["case.toml", "README.md", "nights"]);
            self.case.write.iter().for_each(|write| bench.write(write));
            bench.link(&self.case.links);
            bench.times(&self.case.times);
        }
        for (from, to) in &step.rename {
            let to = self.work.join(inputs::bytes_of(to));
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::rename(self.work.join(inputs::bytes_of(from)), to).unwrap_or_else(|e| panic!("{from}: {e}"));
        }
        for glob in &step.remove {
            bench.found(glob).iter().for_each(|path| match path.is_dir() && !path.is_symlink() {
                true => fs::remove_dir_all(path).unwrap(),
                false => fs::remove_file(path).unwrap(),
            });
        }
        if let Some(night) = step.night {
            bench.lay(&self.folder.join("nights").join(night.to_string()), &[]);
        }
        step.write.iter().for_each(|write| bench.write(write));
        bench.link(&step.links);
        bench.times(&step.times);
    }

    fn run(&self, step: &Step, words: &[String]) -> Said {
        let mut command = leadrecon(self.work);
        if !step.unreadable.is_empty() && rustix::process::getuid().is_root() {
            command = without_roots_rights(&command);
        }
        for (key, value) in self.case.env.iter().chain(&step.env) {
            command.env(key, self.world.fill(value));
        }
        let out = step.stdout_to.as_ref().map(|path| fs::File::options().write(true).open(path).unwrap());
        command
            .args(words)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .stdout(out.map_or(Stdio::piped(), Stdio::from));
        let mut child = command.spawn().expect("the program can be started");
        let _ = child.stdin.take().unwrap().write_all(self.world.fill(&step.stdin).as_bytes());
        let [stdout, stderr] = [child.stdout.take().map(listen), child.stderr.take().map(listen)];
        let exit = ended(&mut child);
        let text = |heard: Option<thread::JoinHandle<String>>| heard.map(|h| h.join().unwrap()).unwrap_or_default();
        Said { exit, stdout: text(stdout), stderr: text(stderr) }
    }

    /// What is published but the manifests, which tell of the run itself.
    fn published(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let files = walkdir::WalkDir::new(self.work.join("out")).into_iter().filter_map(Result::ok);
        let files = files.filter(|file| file.file_type().is_file() && file.file_name() != "manifest.json");
        files.map(|file| (file.path().to_owned(), fs::read(file.path()).unwrap())).collect()
    }
}

/// Files have the time of the night: the beginning of the step's `--as-of` day, or of some day in June 2026; each step's a
/// second later than those of the step before, so that a changed file shows.
fn written_at(n: usize, words: &[String]) -> DateTime<Utc> {
    let day = words.iter().skip_while(|word| *word != "--as-of").nth(1).map_or("2026-06-01", String::as_str);
    let midnight: DateTime<Utc> =
        format!("{day}T00:00:00Z").parse().unwrap_or_else(|_| "2026-06-01T00:00:00Z".parse().unwrap());
    midnight + TimeDelta::seconds(n as i64)
}

fn listen(mut stream: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The exit status; none if the program was killed, as it is when it takes too long.
fn ended(child: &mut Child) -> Option<i32> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if begun.elapsed() > LIMIT {
            child.kill().unwrap();
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Takes the right to read from files, or from all below a folder.
fn shut(bench: &Bench, globs: &[String]) -> Vec<PathBuf> {
    let paths: Vec<PathBuf> = globs.iter().flat_map(|glob| bench.found(glob)).collect();
    paths.iter().for_each(|path| mode(path, 0o000));
    paths
}

fn mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Root reads everything, also what it may not, unless it gives up that power (util-linux's setpriv does).
fn without_roots_rights(of: &Command) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set=-dac_override,-dac_read_search", "--"]).arg(of.get_program());
    command.current_dir(of.get_current_dir().expect("a working folder"));
    for (key, value) in of.get_envs() {
        match value {
            Some(value) => command.env(key, value),
            None => command.env_remove(key),
        };
    }
    command
}
