//! Damaged files of raw leads: whatever is done to their bytes, they are cut and read without a failure, in bounded time.
//!
//! A short run with each build; `MUTATIONS=1000000` makes it as long as one likes, `SEED` begins elsewhere (`scripts/mutate.sh`).

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::cut_bytes;
use crate::lead_source;
use crate::leads::OwnReader;

/// How long one input of some kilobytes may take, in a build without optimisation on a busy machine.
const LONGEST: Duration = Duration::from_secs(5);

fn seeds() -> Vec<Vec<u8>> {
    let lead = |n: usize| {
        format!(
            r#"{{"userDetails":{{"firstName":"Jö{n}","email":"p{n}@x.example"}},"leadSource":"SPZA-INS|a.b","createdTime":"0{n}/12/2025 08:00:00"}}"#
        )
    };
    let entity = |n: usize| {
        format!(
            r#"{{"PartitionKey":"9:2F28:2F2018","RowKey":"{n}","Timestamp":"2026-05-01T10:00:00Z","CustomerInfo":"{{\"Email\":\"p{n}@x.example\"}}","LeadSource":"AzureMarketplace","ActionCode":"INS"}}"#
        )
    };
    let many = |of: &dyn Fn(usize) -> String, join: &str| (1..6).map(of).collect::<Vec<_>>().join(join);
    let csv = "FirstName,LastName,Email,LeadSource,CreatedTime\r\nJo,\"Li, Jr.\",j@x.example,AzureMarketplace-INS|a.b,5/3/2026 2:02:18 PM\r\n\"a \"\"b\"\"\",,b@x.example,SPZA,\r\n";
    let texts = [
        many(&lead, "\n"),
        format!("[{}]", many(&lead, ",\n")),
        format!(r#"{{"odata.metadata":"m","value":[{}]}}"#, many(&entity, ",")),
        format!(r#"{{"statusCode":200,"body":{{"value":[{}]}}}}"#, many(&entity, ",")),
        serde_json::json!({ "body": format!("[{}]", many(&lead, ",")) }).to_string(),
        csv.to_owned(),
        csv.replace(',', ";"),
        "company = x\nemail = a@x.example\nlead_source = SPZA-PLT | a.b\n".to_owned(),
    ];
    let mut seeds: Vec<Vec<u8>> = texts.iter().map(|t| t.clone().into_bytes()).collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(csv.as_bytes()).unwrap();
    seeds.push(gzip.finish().unwrap());
    seeds.push(zstd::encode_all(texts[0].as_bytes(), 1).unwrap());
    seeds.push([0xff, 0xfe].into_iter().chain(csv.encode_utf16().flat_map(u16::to_le_bytes)).collect());
    seeds
}

/// What breaks files: bytes that mean something, and pieces of them.
const PIECES: [&[u8]; 24] = [
    b"\"", b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\n", b"\r", b"\0", b"\xff", b"\xc3", b"NaN", b"\\ud83d",
    b"\"\"", b";", b"\t", b"|", b"sep=;\n", b"\x1e", b"0001-01-01", b"},{\"", b"\xef\xbb\xbf",
];

fn mutate(bytes: &mut Vec<u8>, random: &mut ChaCha8Rng) {
    for _ in 0..random.random_range(1..6) {
        let at = random.random_range(0..bytes.len().max(1)).min(bytes.len());
        let end = (at + random.random_range(0..40)).min(bytes.len());
        match random.random_range(0..6) {
            0 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.random_range(0..8);
                }
            }
            1 => {
                let piece = PIECES[random.random_range(0..PIECES.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
            2 => drop(bytes.drain(at..end)),
            3 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            4 => bytes.truncate(at),
            _ => {
                let piece = PIECES[random.random_range(0..PIECES.len())];
                let many = piece.repeat(random.random_range(1..300));
                bytes.splice(at..at, many);
            }
        }
    }
}

#[test]
fn damaged_files_are_cut_and_read_without_a_failure_in_bounded_time() {
    let number = |name: &str, usual: u64| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(usual);
    let (wanted, first) = (number("MUTATIONS", 3000), number("SEED", 0) * 1_000_000_007);
    let seeds = seeds();
    let mut slowest: BTreeMap<Duration, u64> = BTreeMap::new();
    for seed in first..first + wanted {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut bytes = seeds[random.random_range(0..seeds.len())].clone();
        mutate(&mut bytes, &mut random);
        let read = || {
            let began = Instant::now();
            let mut reader = OwnReader::default();
            // A refusal of the whole is an answer too.
            for lead in cut_bytes(&bytes, "f", chrono::DateTime::UNIX_EPOCH).unwrap_or_default() {
                let _ = reader.read(lead.format, lead.header.as_deref(), &lead.payload);
            }
            let text = String::from_utf8_lossy(&bytes);
            for line in text.lines().take(20) {
                let found = lead_source::parse(line);
                assert_eq!(lead_source::parse(&found.to_string()).action, found.action, "seed {seed}: {line:?}");
                let _ = lead_source::find(line);
            }
            began.elapsed()
        };
        let mut took = read();
        // A machine that stood still meanwhile is no fault of the reader: what is slow is slow again.
        if took >= LONGEST {
            took = took.min(read());
        }
        slowest.insert(took, seed);
        if slowest.len() > 3 {
            slowest.pop_first();
        }
    }
    let (longest, seed) = slowest.pop_last().unwrap();
    assert!(longest < LONGEST, "seed {seed} took {longest:?}");
}
