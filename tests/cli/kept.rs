//! What is kept between nights: it saves time, changes no byte, and holds nobody who was forgotten.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::azurite::copy;
use crate::program::run;
use crate::publisher::{AS_OF, assert_same, blobs, email, export, of_files, put_raw};

const NIGHT: [&str; 3] = ["run", "--as-of", AS_OF];

/// A publisher of files whose leads come in two nights.
fn publisher(folder: &Path) {
    of_files(folder);
    fs::write(folder.join("salesforce.csv"), export(0..60, 10..14)).unwrap();
    for first in [0, 40] {
        // The last two are no leads, stored after the as-of day: where such a thing stands, nothing is kept.
        put_raw(folder, blobs(12, first).0.into_iter().take(12));
        run(folder, &NIGHT, 0);
    }
}

/// The kept files of a state, each with its inode: a file that is written again is another.
fn kept(folder: &Path) -> BTreeMap<String, u64> {
    let files = fs::read_dir(folder.join("state/cache")).unwrap().flatten();
    files.map(|file| (file.file_name().into_string().unwrap(), file.metadata().unwrap().ino())).collect()
}

#[test]
fn a_night_gives_the_same_bytes_with_without_and_with_a_spoiled_cache() {
    let [with, without, spoiled] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
    publisher(with.path());
    copy(with.path(), without.path());
    copy(with.path(), spoiled.path());
    fs::remove_dir_all(without.path().join("state/cache")).unwrap();
    for (n, name) in kept(spoiled.path()).into_keys().enumerate() {
        let path = spoiled.path().join("state/cache").join(name);
        let mut bytes = fs::read(&path).unwrap();
        let at = bytes.len() / (n + 2);
        bytes[at] ^= 1;
        fs::write(path, bytes).unwrap();
    }
    let before = [with.path(), spoiled.path()].map(kept);
    for folder in [&with, &without, &spoiled] {
        run(folder.path(), &NIGHT, 0);
    }
    assert_same(without.path(), with.path());
    assert_same(spoiled.path(), with.path());
    assert!(before[0].len() == 2 && kept(with.path()) == before[0], "it is used");
    let again = kept(spoiled.path());
    assert!(again.keys().eq(before[1].keys()), "it is made again");
    assert!(again.iter().all(|(name, inode)| before[1][name] != *inode), "it is made again");

    run(with.path(), &["forget", &email(5), "--yes"], 0);
    assert!(!with.path().join("state/cache").exists(), "it may hold whom nobody may hold");
}
