//! The command that makes an export anew, before it is read: without a shell, within a limit of time, its output in the
//! log. A command that fails, hangs, talks without end, or ends well and makes nothing costs its export and not the night.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::SecretString;

use super::files;
use crate::config::is_elsewhere;
use crate::error::{Error, Result};
use crate::redaction::hide;

/// Lines of a command that the log shows, and letters of a line.
const MOST_LINES: usize = 200;
/// How long the last lines of a program that ended are waited for.
const LAST_LINES: Duration = Duration::from_secs(1);
const MOST_LETTERS: usize = 500;
/// How often it is looked whether the command has ended.
const EVERY: Duration = Duration::from_millis(50);
/// An export that is older is not that of this night.
const A_NIGHT: Duration = Duration::from_secs(24 * 3600);
/// Given to it to end by itself after it was asked to.
const LEAVE: Duration = Duration::from_secs(2);

/// The files of an export on this machine: their sizes and when they were written.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Standing(BTreeMap<PathBuf, (u64, Option<SystemTime>)>);

impl Standing {
    /// What stands there now. Of an export that is elsewhere nothing is known.
    pub fn of(export: &[String], base: &Path) -> Standing {
        let mut files = BTreeMap::new();
        for glob in export.iter().filter(|glob| !is_elsewhere(glob)) {
            for file in files::find(glob, base, &[]).unwrap_or_default().found {
                if let Ok(found) = file.path.metadata() {
                    files.insert(file.path, (found.len(), found.modified().ok()));
                }
            }
        }
        Standing(files)
    }

    /// Whether a command that ended well made an export since: one that left all as it was, and that is older than a day,
    /// made none. A younger one may be what it would have brought.
    ///
    /// # Errors
    /// When it made none (exit 3).
    pub fn is_made_anew(&self, now: &Standing) -> Result<()> {
        let newest = now.0.values().filter_map(|(_, written)| *written).max();
        let is_old = newest.and_then(|at| at.elapsed().ok()).is_some_and(|age| age > A_NIGHT);
        if self != now || !is_old {
            return Ok(());
        }
        const WHY: &str = "its command ended well, and left what stands there as it was";
        Err(Error::partial(format!("no new export was made: {WHY}"))
            .because(WHY)
            .hint("run the command by hand: does it write the files that `export` names?"))
    }
}

/// Runs a command in `folder` and waits for its end.
///
/// # Errors
/// When it cannot be started, fails, or does not end within the limit (exit 3): then it and all that it started are killed.
pub fn run(command: &[String], folder: &Path, within: Duration) -> Result<()> {
    let [program, arguments @ ..] = command else { return Ok(()) };
    let failed = |why: String| {
        Error::partial(format!("`{program} …` made no export: {why}")).because(why).hint(
            "its output stands above; refresh is run as written, without a shell, in the folder of the configuration",
        )
    };
    hide_environment();
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own: what it starts is ended with it.
        .process_group(0)
        .spawn()
        .map_err(|e| failed(format!("it cannot be started ({e})")))?;
    let (told, lines) = mpsc::sync_channel(64);
    for pipe in [child.stdout.take().map(boxed), child.stderr.take().map(boxed)].into_iter().flatten() {
        let told = told.clone();
        // Whoever escaped its group may hold the pipe for ever, so nobody waits for this thread.
        std::thread::spawn(move || read_lines(pipe, &told));
    }
    drop(told);
    let mut shown = 0;
    let ended = watch(&mut child, &lines, within, &mut shown);
    // What it left running would write into an export that is being read.
    end_group(&child, Signal::KILL);
    // What it wrote last may still be on its way; whoever escaped its group may hold the pipe for ever.
    let until = Instant::now() + LAST_LINES;
    while let Ok(line) = lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
        show_line(&line, &mut shown);
    }
    match ended {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(failed(status.to_string())),
        None => {
            let limit = humantime::format_duration(within);
            Err(failed(format!("it had not ended after {limit}"))
                .hint("raise refresh_within, or look why it takes so long"))
        }
    }
}

/// Words in the name of an environment variable that holds a secret.
const TELLING: &[&str] = &[
    "KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASS", "PW", "PWD", "SAS", "CREDENTIAL", "CREDENTIALS",
    "CONNECTION", "AUTH", "AUTHORIZATION", "SIGNATURE", "WEBHOOK",
];

/// Hides what the environment holds under a telling name: a command has all of it, and may say it.
fn hide_environment() {
    for (name, value) in std::env::vars_os() {
        let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else { continue };
        let is_telling = name.split('_').any(|word| TELLING.contains(&word.to_ascii_uppercase().as_str()));
        // Where a secret lies is none.
        if is_telling && !["PWD", "OLDPWD"].contains(&name) && !value.starts_with('/') {
            hide(&SecretString::from(value));
        }
    }
}

fn boxed<R: Read + Send + 'static>(pipe: R) -> Box<dyn Read + Send> {
    Box::new(pipe)
}

/// How it ended; none where it was ended at the limit.
fn watch(child: &mut Child, lines: &mpsc::Receiver<String>, within: Duration, shown: &mut usize) -> Option<ExitStatus> {
    let until = Instant::now() + within;
    let mut asked_to_end = false;
    loop {
        show(lines, shown);
        if let Ok(Some(status)) = child.try_wait() {
            return (!asked_to_end).then_some(status);
        }
        let now = Instant::now();
        if now >= until + LEAVE {
            end_group(child, Signal::KILL);
            // A killed process is gone in a moment.
            let _ = child.wait();
            return None;
        }
        if now >= until && !asked_to_end {
            asked_to_end = true;
            end_group(child, Signal::TERM);
        }
        std::thread::sleep(EVERY);
    }
}

/// Sends a signal to the command and to all that it started.
fn end_group(child: &Child, signal: Signal) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // A group without members is what is wanted.
        let _ = kill_process_group(group, signal);
    }
}

/// Cuts what a command says into lines of bounded length. The pipe is read to its end, so that nobody who writes waits.
fn read_lines(pipe: Box<dyn Read + Send>, told: &mpsc::SyncSender<String>) {
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    while let Ok(bytes) = reader.fill_buf() {
        if bytes.is_empty() {
            break;
        }
        let end = bytes.iter().position(|b| *b == b'\n');
        let part = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        let room = (MOST_LETTERS * 4).saturating_sub(line.len());
        line.extend_from_slice(part.get(..part.len().min(room)).unwrap_or_default());
        let used = part.len() + usize::from(end.is_some());
        reader.consume(used);
        if end.is_some() {
            send(&mut line, told);
        }
    }
    send(&mut line, told);
}

fn send(line: &mut Vec<u8>, told: &mpsc::SyncSender<String>) {
    let text: String = String::from_utf8_lossy(line).chars().filter(|c| !c.is_control()).take(MOST_LETTERS).collect();
    line.clear();
    if !text.trim().is_empty() {
        // Nobody listens any more once the command has ended.
        let _ = told.send(text);
    }
}

fn show(lines: &mpsc::Receiver<String>, shown: &mut usize) {
    while let Ok(line) = lines.try_recv() {
        show_line(&line, shown);
    }
}

fn show_line(line: &str, shown: &mut usize) {
    *shown += 1;
    match *shown {
        n if n <= MOST_LINES => tracing::info!("refresh: {line}"),
        n if n == MOST_LINES + 1 => tracing::info!("refresh: and more that is not shown"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, within: u64) -> Result<()> {
        let command = ["sh", "-c", script].map(str::to_owned);
        run(&command, &std::env::temp_dir(), Duration::from_millis(within))
    }

    #[test]
    fn a_command_succeeds_fails_hangs_or_talks_without_end() {
        assert!(sh("echo done; echo talk >&2", 5000).is_ok());
        assert!(sh("exit 7", 5000).unwrap_err().what().contains("exit status: 7"));
        assert!(run(&["no-such-program".into()], &std::env::temp_dir(), EVERY).unwrap_err().what().contains("started"));
        let begun = Instant::now();
        let told = sh("trap '' TERM; (sleep 60 & wait) & yes | head -c 3000000; wait", 300).unwrap_err();
        assert!(told.what().contains("had not ended after 300ms") && begun.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn what_a_command_started_ends_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let mark = dir.path().join("mark");
        sh(&format!("(sleep 1; touch {}) & exit 0", mark.display()), 5000).unwrap();
        std::thread::sleep(Duration::from_millis(1500));
        assert!(!mark.exists());
    }
}
