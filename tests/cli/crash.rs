//! What a run survives: being killed at any instant, a disk that is full, folders it may not write, another run.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::azurite::copy;
use crate::everywhere::holding;
use crate::program::{leadrecon, run};
use crate::publisher::{AS_OF, assert_same, blobs, email, export, of_files, put_raw};

/// Times that a run is killed, over all rounds. LEADRECON_KILLS asks for another number: CI kills the release binary, of
/// which a run takes a fraction of a second, 100 times.
const KILLS: usize = 25;
/// Kills one after the other before a run may end.
const PER_ROUND: usize = 5;
const NIGHT: [&str; 3] = ["run", "--as-of", AS_OF];

/// A publisher of files, some nights done, whose small segments are due to be joined, and new files come in.
pub fn publisher(folder: &Path) {
    of_files(folder);
    fs::write(folder.join("salesforce.csv"), export(0..40, 10..14)).unwrap();
    put_raw(folder, blobs(12, 0).0);
    run(folder, &["run", "--as-of", "2025-07-30"], 0);
    for night in 1..4 {
        fs::write(folder.join("salesforce.csv"), export(0..40 + night, 10..14)).unwrap();
        put_raw(folder, [blobs(1, 40 + night).0.swap_remove(0)]);
        run(folder, &["run", "--as-of", "2025-07-30"], 0);
    }
    a_month_passes(folder, "2025-07", 4);
    fs::write(folder.join("salesforce.csv"), export(0..140, 60..64)).unwrap();
    put_raw(folder, blobs(12, 100).0);
}

/// Makes the landing look as if what was landed lately had been in a month that is over: at least so many segments of
/// each kind.
pub fn a_month_passes(folder: &Path, month: &str, segments: usize) {
    for data_set in ["raw_leads", "crm_records", "objects"] {
        let data_set = folder.join("state/landing").join(data_set);
        let newest = fs::read_dir(&data_set).unwrap().flatten().map(|e| e.path()).filter(|p| p.is_dir()).max().unwrap();
        let past = data_set.join(format!("month={month}"));
        fs::rename(newest, &past).unwrap();
        assert!(fs::read_dir(past).unwrap().count() >= segments);
    }
}

#[test]
fn a_run_killed_at_any_instant_and_begun_again_writes_what_an_undisturbed_one_writes() {
    let kills = std::env::var("LEADRECON_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(KILLS);
    let before = tempfile::tempdir().unwrap();
    publisher(before.path());
    let undisturbed = tempfile::tempdir().unwrap();
    copy(before.path(), undisturbed.path());
    let began = Instant::now();
    run(undisturbed.path(), &NIGHT, 0);
    let whole = began.elapsed();
    let joined = undisturbed.path().join("state/landing/raw_leads/month=2025-07");
    assert_eq!(fs::read_dir(joined).unwrap().count(), 1, "small segments are joined on the way");

    let mut random = 20_250_731_u64;
    let mut hit = 0;
    let mut tried = 0;
    // On a busy machine the undisturbed run may have taken longer than those that are killed: more are tried then.
    while tried < kills || (hit * 2 <= kills && tried < 4 * kills) {
        let folder = tempfile::tempdir().unwrap();
        copy(before.path(), folder.path());
        for _ in 0..PER_ROUND {
            hit += usize::from(kill(folder.path(), &NIGHT, whole, &mut random));
            tried += 1;
        }
        run(folder.path(), &NIGHT, 0);
        assert_same(folder.path(), undisturbed.path());
    }
    assert!(hit * 2 > kills, "only {hit} of {tried} runs were still under way when they were killed");
}

/// Starts a command and kills it at some instant of `whole`. Says whether it was still under way.
fn kill(folder: &Path, args: &[&str], whole: Duration, random: &mut u64) -> bool {
    // Knuth's MMIX generator; the high bits are good.
    *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let instant = whole.mul_f64((*random >> 11) as f64 / (1u64 << 53) as f64);
    let mut child = leadrecon(folder).args(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    thread::sleep(instant);
    let under_way = child.try_wait().unwrap().is_none();
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    under_way
}

#[test]
fn a_forgetting_killed_at_any_instant_is_finished_by_the_next_run() {
    let before = tempfile::tempdir().unwrap();
    publisher(before.path());
    run(before.path(), &NIGHT, 0);
    let who = email(70); // delivered: a raw lead and a CRM record
    let forget = ["forget", who.as_str(), "--yes"];
    let undisturbed = tempfile::tempdir().unwrap();
    copy(before.path(), undisturbed.path());
    let began = Instant::now();
    run(undisturbed.path(), &forget, 0);
    let whole = began.elapsed();
    run(undisturbed.path(), &NIGHT, 0);

    // On a busy machine every early instant may miss the middle: more are tried until one hits it.
    let (mut random, mut begun, mut tried) = (1_904_u64, 0, 0);
    while tried < 8 || (begun == 0 && tried < 60) {
        tried += 1;
        let folder = tempfile::tempdir().unwrap();
        copy(before.path(), folder.path());
        kill(folder.path(), &forget, whole, &mut random);
        let pending = folder.path().join("state/forgetting.json");
        if pending.exists() {
            begun += 1;
        } else {
            // Killed before it began, or after it was done: then nobody is found.
            let status = leadrecon(folder.path()).args(forget).output().unwrap().status.code();
            assert!(matches!(status, Some(0 | 2)), "{status:?}");
        }
        run(folder.path(), &NIGHT, 0);
        assert!(!pending.exists());
        assert_same(folder.path(), undisturbed.path());
        for place in ["state", "out"] {
            assert_eq!(holding(&folder.path().join(place), &[&who]), Vec::<String>::new());
        }
    }
    assert!(begun > 0, "no forgetting was killed in the middle");
}

#[test]
fn a_full_disk_stops_the_run_and_the_next_one_makes_good() {
    let dir = tempfile::tempdir().unwrap();
    publisher(dir.path());
    let undisturbed = tempfile::tempdir().unwrap();
    copy(dir.path(), undisturbed.path());
    run(undisturbed.path(), &NIGHT, 0);
    // No file may grow past so many half kilobytes: the first write beyond fails as on a full disk.
    for blocks in [0, 2, 8, 20] {
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" run --as-of {AS_OF}");
        let output = Command::new("sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_leadrecon")])
            .current_dir(dir.path())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(4), "{blocks} blocks: {told}");
        assert!(told.contains("error: cannot"), "{told}");
        assert!(!dir.path().join("out").join(AS_OF).exists(), "nothing half done is published");
    }
    run(dir.path(), &NIGHT, 0);
    assert_same(dir.path(), undisturbed.path());
}

#[test]
fn a_folder_that_cannot_be_written_is_told_before_anything_is_done() {
    let dir = tempfile::tempdir().unwrap();
    publisher(dir.path());
    let text = fs::read_to_string(dir.path().join("leadrecon.toml")).unwrap();
    // Nobody can make a folder there, not even root.
    for section in ["[state]\ndir = \"/proc/leadrecon\"\n", "[output]\ndir = \"/proc/leadrecon\"\n"] {
        fs::write(dir.path().join("leadrecon.toml"), format!("{section}{text}")).unwrap();
        let output = run(dir.path(), &NIGHT, 4);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains("/proc/leadrecon"), "{told}");
    }
}

#[test]
fn a_second_run_exits_5_or_waits() {
    let dir = tempfile::tempdir().unwrap();
    publisher(dir.path());
    let lock = File::options().write(true).open(dir.path().join("state/lock")).unwrap();
    lock.lock().unwrap();
    let output = run(dir.path(), &NIGHT, 5);
    assert!(String::from_utf8_lossy(&output.stderr).contains("another run"));
    let child = leadrecon(dir.path()).args(NIGHT).args(["--wait", "60s"]).stderr(Stdio::piped()).spawn().unwrap();
    thread::sleep(Duration::from_millis(500));
    lock.unlock().unwrap();
    assert!(child.wait_with_output().unwrap().status.success());
}

#[test]
fn a_landing_that_somebody_altered_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    publisher(dir.path());
    let mut open = vec![dir.path().join("state/landing/raw_leads")];
    let segment = loop {
        let next = open.pop().expect("a segment");
        if next.extension().is_some_and(|e| e == "parquet") {
            break next;
        }
        open.extend(fs::read_dir(&next).into_iter().flatten().flatten().map(|e| e.path()));
    };
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let output = run(dir.path(), &NIGHT, 4);
    assert!(String::from_utf8_lossy(&output.stderr).contains("checksum"));
}
