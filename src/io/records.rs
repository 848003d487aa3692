//! Bytes of a blob, a file or a table's page → raw leads, one per record, each with its bytes as stored.
//!
//! What the bytes are is found by looking at them, not at the name: gzip, zstd, an archive or a workbook ([`members`]),
//! Parquet, JSON in four shapes ([`json`]), or delimited text ([`csv`]). What cannot be cut becomes one record with a
//! problem, so that nothing is lost on the way in; what the record means is left to the stages. Text is read as a stream.
//!
//! A record with both PartitionKey and RowKey has its own key, compared and never interpreted. Its versions are told
//! apart by what it says, not by how: without the service's annotations and Timestamp, and whether it stands in JSON
//! or CSV. Other records are told apart by their bytes. Shapes: Azure Table REST reference "Query Entities"; Storage
//! Explorer, AzCopy 7 and Data Factory exports.

mod csv;
mod cutter;
mod events;
mod json;
mod limits;
mod members;
mod parquet;
mod shapes;
mod window;

use std::io::{BufReader, Cursor, Read};
use std::sync::mpsc::sync_channel;

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;

use self::cutter::{Cutter, SAMPLE};
pub use self::cutter::{MAX_RECORD, Stopped};
use self::window::Window;
use crate::codes::quarantine;
use crate::io::landing::content::content_of;
use crate::io::landing::{Fate, RawLead};
use crate::leads::OwnReader;
use crate::{lenient, tabular};

/// What gzip and zstd begin with.
const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// Longer ones are no names of fields.
const LONGEST_NAME: usize = 40;
/// How often packed bytes may hold packed bytes.
const MAX_PACKED: u8 = 3;

/// Cuts an object into raw leads and gives them to `take`, in order. Says how many there were.
///
/// # Errors
/// When the reader or the taker fails. Broken content is no failure but a record with a problem.
pub fn cut(
    reader: impl Read,
    name: &str,
    stored_at: DateTime<Utc>,
    take: &mut dyn FnMut(RawLead) -> Result<(), Stopped>,
) -> Result<usize, Stopped> {
    let mut cutter = Cutter { name: name.into(), stored_at, records: 0, searched: 0, take };
    cutter.any(Box::new(reader), 0)?;
    Ok(cutter.records)
}

/// Records that [`cut_ahead`] hands over at a time, or so many bytes of them, and batches that may wait.
const BATCH: usize = 1000;
const BATCH_BYTES: usize = 4 << 20;
const WAITING: usize = 2;

/// The same as [`cut`] on a thread of its own: what is cut is taken meanwhile. Bounded in memory: cutting waits for the
/// taker.
///
/// # Errors
/// As [`cut`]; what the taker says comes first.
pub fn cut_ahead(
    reader: impl Read + Send,
    name: &str,
    stored_at: DateTime<Utc>,
    take: &mut dyn FnMut(RawLead) -> Result<(), Stopped>,
) -> Result<usize, Stopped> {
    let (send, receive) = sync_channel::<Vec<RawLead>>(WAITING);
    std::thread::scope(|scope| {
        let cutting = scope.spawn(move || {
            let (mut batch, mut bytes) = (Vec::new(), 0);
            // Nobody receives any more where the taker has stopped.
            let records = cut(reader, name, stored_at, &mut |lead| {
                bytes += lead.payload.len();
                batch.push(lead);
                if batch.len() < BATCH && bytes < BATCH_BYTES {
                    return Ok(());
                }
                bytes = 0;
                send.send(std::mem::take(&mut batch)).map_err(|_| Stopped::Enough)
            });
            let _ = send.send(batch);
            records
        });
        receive.into_iter().flatten().try_for_each(take)?;
        cutting.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// An entity of a table, as the service sent it.
pub fn entity(json: &RawValue, read_at: DateTime<Utc>) -> RawLead {
    let bytes = json.get().as_bytes();
    let mut lead = None;
    let mut cutter = Cutter {
        name: "".into(),
        stored_at: read_at,
        records: 0,
        searched: 0,
        take: &mut |record| {
            lead = Some(record);
            Ok(())
        },
    };
    // The taker above cannot fail.
    let _ = cutter.json(bytes);
    lead.unwrap_or_else(|| RawLead {
        source_key: String::new(),
        keyed: false,
        stored_at: read_at,
        format: "bytes",
        header: None,
        payload: bytes.to_vec(),
        problem: Some(format!("{}: an empty entity", quarantine::NOT_JSON)),
        content: content_of(&[bytes]),
        object: None,
        fate: Fate::ByKey,
    })
}

impl Cutter<'_> {
    fn any<'r>(&mut self, reader: Box<dyn Read + 'r>, packed: u8) -> Result<(), Stopped> {
        let mut window = Window::new(reader);
        let sample = window.peek(SAMPLE).map(<[u8]>::len);
        if let Err(e) = sample {
            return self.broken(&mut window, e, packed);
        }
        if window.ready().is_empty() {
            return Ok(());
        }
        if wide_encoding(window.ready()).is_none() && !self.skip_gap(&mut window)? {
            return self.problem(vec![0], quarantine::NOT_TEXT, "nothing but zero bytes");
        }
        let head = window.ready();
        if head.starts_with(GZIP) && packed < MAX_PACKED {
            let (reader, limit) = limits::packed(BufReader::new(window.into_reader()));
            return self.any(Box::new(limit.over(flate2::read::MultiGzDecoder::new(reader))), packed + 1);
        }
        if head.starts_with(ZSTD) && packed < MAX_PACKED {
            let (reader, limit) = limits::packed(window.into_reader());
            return self.any(Box::new(limit.over(zstd::stream::read::Decoder::new(reader)?)), packed + 1);
        }
        if let Some(kind) = members::closed_to_us(head) {
            return Err(Stopped::Refused(format!(
                "it is {kind}, which is not opened; unpack it, or pack it as .zip or .gz"
            )));
        }
        if tabular::is_workbook(head) {
            return match members::whole(&mut window) {
                Ok(bytes) => self.members(bytes, packed),
                Err(e) => self.broken(&mut window, e, packed),
            };
        }
        if head.starts_with(b"PAR1") {
            return match window.rest() {
                Ok(bytes) => self.parquet(bytes),
                Err(e) => self.broken(&mut window, e, packed),
            };
        }
        if let Some((encoding, mark)) = wide_encoding(head) {
            window.consume(mark);
            return self.any(Box::new(window::Transcoder::new(window.into_reader(), encoding)), packed);
        }
        if head.starts_with(&[0xef, 0xbb, 0xbf]) {
            window.consume(3);
        }
        if packed < MAX_PACKED && events::is_stream(window.ready()) {
            return self.any(Box::new(events::Data::new(window.into_reader())), packed + 1);
        }
        let head = window.ready();
        if is_binary(head) {
            let bytes = head.get(..SAMPLE.min(head.len())).unwrap_or(head).to_vec();
            return self.problem(bytes, quarantine::NOT_TEXT, "binary data");
        }
        let result = match head.iter().copied().find(|b| !b.is_ascii_whitespace()) {
            None => Ok(()),
            Some(b'{' | b'[' | 0x1e) => self.json_stream(&mut window),
            // A row of it may end in JSON.
            Some(_) if self.tables(&mut window, packed)? => Ok(()),
            // JSON in a JSON text, behind a name or a comment, or at the ends of a log's lines.
            Some(_) if json::stands_behind_text(window.ready()) => self.json_stream(&mut window),
            Some(b'<') => {
                let head = window.ready();
                let bytes = head.get(..SAMPLE.min(head.len())).unwrap_or(head).to_vec();
                self.problem(bytes, quarantine::NOT_JSON, "looks like XML or HTML")
            }
            Some(_) => match printed(window.ready()) {
                Some(leads) => leads.into_iter().try_for_each(|lead| self.give("json", None, lead, None, None)),
                None => self.csv_stream(&mut window),
            },
        };
        match result {
            Err(Stopped::Read(e)) => self.broken(&mut window, e, packed),
            other => other,
        }
    }

    /// Passes the zero bytes that a log begins with which was cut while it was written to. Says whether more follows.
    fn skip_gap<R: Read>(&mut self, window: &mut Window<R>) -> Result<bool, Stopped> {
        while window.at(0)? == Some(0) {
            let zeros = window.ready().iter().take_while(|b| **b == 0).count();
            window.consume(zeros);
        }
        window.peek(SAMPLE)?;
        Ok(!window.ready().is_empty())
    }

    /// Packed bytes that are cut or damaged are a record with a problem; a failing disk or network is a failure.
    fn broken<R: Read>(&mut self, window: &mut Window<R>, e: std::io::Error, packed: u8) -> Result<(), Stopped> {
        use std::io::ErrorKind;
        if let Some(why) = limits::exceeded(&e) {
            return Err(Stopped::Refused(why));
        }
        let damaged = matches!(e.kind(), ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::UnexpectedEof);
        // zstd reports damage as `Other`.
        if packed == 0 || !(damaged || e.kind() == ErrorKind::Other) {
            return Err(Stopped::Read(e));
        }
        let rest = window.ready();
        let bytes = rest.get(..MAX_RECORD.min(rest.len())).unwrap_or(rest).to_vec();
        self.problem(bytes, quarantine::NOT_TEXT, "packed data that is cut or damaged")
    }
}

/// The leads that a short text of names and values holds, such as a mail's; none where it is anything else.
fn printed(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    let is_pair = |line: &[u8]| memchr::memchr2(b':', b'=', line).is_some_and(|at| at > 0 && at < LONGEST_NAME);
    let first = text.split(|b| *b == b'\n').find(|line| !line.trim_ascii().is_empty())?;
    if text.len() >= SAMPLE || !is_pair(first) {
        return None;
    }
    let text = lenient::text(text);
    Some(OwnReader::default().printed(&text)?.into_iter().map(|lead| lead.as_bytes().to_vec()).collect())
}

/// UTF-16 by its mark, or by the zero bytes of plain letters; and the length of the mark.
fn wide_encoding(head: &[u8]) -> Option<(&'static encoding_rs::Encoding, usize)> {
    match head {
        [0xff, 0xfe, ..] => Some((encoding_rs::UTF_16LE, 2)),
        [0xfe, 0xff, ..] => Some((encoding_rs::UTF_16BE, 2)),
        [a, 0, b, 0, ..] if *a != 0 && *b != 0 => Some((encoding_rs::UTF_16LE, 0)),
        [0, a, 0, b, ..] if *a != 0 && *b != 0 => Some((encoding_rs::UTF_16BE, 0)),
        _ => None,
    }
}

/// Whether bytes are no text: those of a known kind, or many control characters. A zero byte or two are in many a text.
fn is_binary(head: &[u8]) -> bool {
    let head = head.get(..8192.min(head.len())).unwrap_or(head);
    // Storage that comes in pages is filled up with zeros, and so is a file that lost its end.
    let filled = head.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    let head = head.get(..filled).unwrap_or(head);
    let control = head.iter().filter(|b| **b < 0x20 && !b"\t\r\n\x0c\x1e".contains(b)).count();
    let known: [&[u8]; 3] = [b"%PDF-", b"\x89PNG", b"SQLite format 3"];
    known.iter().any(|mark| head.starts_with(mark)) || control * 20 > head.len()
}

/// Unpacks bytes that are packed and gives them to nobody, so that what is too large is known before any of it is taken.
///
/// # Errors
/// When the reader fails, or more comes out than may.
pub fn unpack(reader: impl Read) -> Result<(), Stopped> {
    let mut window = Window::new(reader);
    let head = window.peek(4)?;
    if tabular::is_workbook(head) {
        return members::measured(members::whole(&mut window)?);
    }
    let is_gzip = head.starts_with(GZIP);
    if !is_gzip && !head.starts_with(ZSTD) {
        return Ok(());
    }
    let (reader, limit) = limits::packed(BufReader::new(window.into_reader()));
    let unpacked = match is_gzip {
        true => std::io::copy(&mut limit.over(flate2::read::MultiGzDecoder::new(reader)), &mut std::io::sink()),
        false => std::io::copy(&mut limit.over(zstd::stream::read::Decoder::new(reader)?), &mut std::io::sink()),
    };
    match unpacked.err().and_then(|e| limits::exceeded(&e)) {
        Some(why) => Err(Stopped::Refused(why)),
        // Damage is a record with a problem, and told as one.
        None => Ok(()),
    }
}

/// All raw leads of bytes in memory, for tests and small objects.
///
/// # Errors
/// As [`cut`].
pub fn cut_bytes(bytes: &[u8], name: &str, stored_at: DateTime<Utc>) -> Result<Vec<RawLead>, Stopped> {
    let mut leads = Vec::new();
    cut(Cursor::new(bytes), name, stored_at, &mut |lead| {
        leads.push(lead);
        Ok(())
    })?;
    Ok(leads)
}

#[cfg(test)]
mod tests {
    mod mutations;

    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn cut_all(bytes: &[u8]) -> Vec<RawLead> {
        cut_bytes(bytes, "f", "2026-05-01T00:00:00Z".parse().unwrap()).unwrap()
    }

    /// Key, format and payload; a problem in place of the payload.
    fn short(bytes: &[u8]) -> Vec<(String, &'static str, String)> {
        cut_all(bytes)
            .into_iter()
            .map(|l| (l.source_key, l.format, l.problem.unwrap_or_else(|| String::from_utf8(l.payload).unwrap())))
            .collect()
    }

    fn rows(rows: &[(&str, &'static str, &str)]) -> Vec<(String, &'static str, String)> {
        rows.iter().map(|(k, f, p)| (k.to_string(), *f, p.to_string())).collect()
    }

    const TWO: &[(&str, &str, &str)] = &[("f", "json", r#"{"a": 1}"#), ("f#2", "json", r#"{"b":"}"}"#)];

    #[test]
    fn json_is_cut_in_every_shape_and_payloads_stay_as_stored() {
        for text in [
            "[{\"a\": 1},\n {\"b\":\"}\"}]",
            "{\"a\": 1}\n{\"b\":\"}\"}\n",
            "{\"a\": 1}\r\n\r\n{\"b\":\"}\"}",
            "{\"a\": 1} {\"b\":\"}\"}",
            "\u{feff}{\"odata.metadata\":\"http://x\",\"value\":[{\"a\": 1},{\"b\":\"}\"}]}",
            "{\"items\": [{\"a\": 1},{\"b\":\"}\"}], \"nextMarker\": {\"x\": 1}}",
            "{\"value\":[{\"a\": 1}]}\n{\"value\":[{\"b\":\"}\"}]}\n",
        ] {
            assert_eq!(short(text.as_bytes()), rows(TWO), "{text}");
        }
        let pretty = "{\n  \"userDetails\": { \"a\": [1, 2] },\n  \"x\": \"{\"\n}\n";
        assert_eq!(short(pretty.as_bytes()), rows(&[("f", "json", pretty.trim_end())]));
    }

    #[test]
    fn what_is_cut_ahead_is_the_same_and_whoever_stops_taking_is_heard() {
        let text: String = (0..2 * BATCH + 1).map(|n| format!("{{\"a\": {n}}}\n")).collect::<String>() + "{\"a\": \"x";
        let at = "2026-05-01T00:00:00Z".parse().unwrap();
        let mut taken = Vec::new();
        let records = cut_ahead(text.as_bytes(), "f", at, &mut |lead| {
            taken.push((lead.source_key, lead.payload, lead.problem));
            Ok(())
        });
        let all: Vec<_> =
            cut_all(text.as_bytes()).into_iter().map(|lead| (lead.source_key, lead.payload, lead.problem)).collect();
        assert_eq!((records.unwrap(), taken), (all.len(), all));
        let mut left = 10;
        let stopped = cut_ahead(text.as_bytes(), "f", at, &mut |_| {
            left -= 1;
            if left > 0 { Ok(()) } else { Err(Stopped::Refused("enough of it".to_owned())) }
        });
        assert!(matches!(stopped, Err(Stopped::Refused(why)) if why == "enough of it"));
        assert_eq!(left, 0);
    }

    #[test]
    fn a_broken_record_does_not_hide_its_neighbours() {
        let lines = "{\"a\": 1}\n{\"a\": \"x}\n{\"b\":\"}\"}\n";
        let cut = short(lines.as_bytes());
        assert_eq!((cut.len(), &cut[0].2, &cut[2].2), (3, &"{\"a\": 1}".to_owned(), &"{\"b\":\"}\"}".to_owned()));
        assert!(cut[1].2.starts_with("not-json: "), "{cut:?}");
        let array = short(b"[{\"a\": 1}, {\"a\" 2}, {\"b\":\"}\"}]");
        assert_eq!((array.len(), &array[2].2), (3, &"{\"b\":\"}\"}".to_owned()));
        assert!(array[1].2.starts_with("not-json: "), "{array:?}");
        let cut_off = short(b"[{\"a\": 1}, {\"a\": ");
        assert_eq!(cut_off.len(), 2);
        assert!(cut_off[1].2.starts_with("not-json: "), "{cut_off:?}");
    }

    #[test]
    fn csv_is_cut_whatever_its_delimiter_quoting_and_line_ends() {
        let comma = b"Email,CustomerInfo\r\na@b.c,\"{\"\"x\"\": \"\"1\r\n2\"\"}\"\r\n\r\nd@e.f,\r\n";
        let cut = cut_all(comma);
        let payloads: Vec<_> = cut.iter().map(|l| std::str::from_utf8(&l.payload).unwrap()).collect();
        assert_eq!(payloads, ["a@b.c,\"{\"\"x\"\": \"\"1\r\n2\"\"}\"", "d@e.f,"]);
        assert!(cut.iter().all(|l| l.format == "csv" && l.header.as_deref() == Some(b"Email,CustomerInfo".as_slice())));
        assert_eq!(cut[1].source_key, "f#2");
        assert_eq!(short(b"sep=;\nEmail;Name\na;\"b;\"\n").len(), 1);
        assert_eq!(short(b"Email\tName\na\tb\rc\n").len(), 1);
        let backslash =
            b"Email,CustomerInfo,X\na,\"{\\\"x\\\": \\\"1,\\\",\\\"y\\\": 2}\",x\nb,\"{\\\"x\\\": \\\"a\nb\\\"}\",y\n";
        assert_eq!(short(backslash).len(), 2);
        assert_eq!(short(b"Email,Name\na,\"open\nb,c\nd,e\n").len(), 3, "a quote left open costs one row");
        let headless = cut_all(b"jane@contoso.com,Jane,2026-05-01\njoe@contoso.com,Joe,2026-05-02\n");
        assert_eq!((headless.len(), headless[0].header.is_none()), (2, true));
    }

    #[test]
    fn an_entity_has_its_own_key_and_says_the_same_in_json_and_csv() {
        let rest = r#"{"odata.metadata":"m","value":[{"odata.etag":"W/x","PartitionKey":"9:2F28:2F2018","RowKey":"a/b","Timestamp":"2018-09-28T18:24:20.1234567Z","N@odata.type":"Edm.Int64","N":"5","B":true,"Info":"{\"x\":\"1\"}","Empty":""}]}"#;
        let dump = "PartitionKey,RowKey,Timestamp,B,B@type,N,N@type,Info,Empty\r\n9:2F28:2F2018,a/b,2018-09-28T18:24:20.123Z,true,Edm.Boolean,5,Edm.Int64,\"{\"\"x\"\":\"\"1\"\"}\",\r\n";
        let (a, b) = (cut_all(rest.as_bytes()), cut_all(dump.as_bytes()));
        assert_eq!((a[0].source_key.as_str(), b[0].source_key.as_str()), ("9:2F28:2F2018/a/b", "9:2F28:2F2018/a/b"));
        assert_eq!(a[0].content, b[0].content);
        assert_eq!(a[0].stored_at.to_rfc3339(), "2018-09-28T18:24:20.123456700+00:00");
        assert_eq!((a[0].format, b[0].format), ("entity", "csv"));
        let touched = rest.replace("18:24:20", "19:00:00").replace("W/x", "W/y");
        assert_eq!(cut_all(touched.as_bytes())[0].content, a[0].content, "a touch is no change");
        let changed = rest.replace("\"5\"", "\"6\"");
        assert_ne!(cut_all(changed.as_bytes())[0].content, a[0].content);
    }

    #[test]
    fn packed_and_wide_texts_are_unpacked_and_damage_is_told() {
        let text = "{\"a\": 1}\n{\"b\":\"}\"}\n";
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(text.as_bytes()).unwrap();
        let gzip = gzip.finish().unwrap();
        assert_eq!(short(&gzip), rows(TWO));
        assert_eq!(short(&zstd::encode_all(text.as_bytes(), 3).unwrap()), rows(TWO));
        let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        assert_eq!(short(&utf16), rows(TWO));
        let damaged = short(&gzip[..gzip.len() - 12]);
        assert!(damaged.last().unwrap().2.starts_with("not-text: packed data"), "{damaged:?}");
        assert!(short(&[0x89, b'P', b'N', b'G', 0, 0, 1, 2])[0].2.starts_with("not-text: binary"));
        assert!(short(b"<html><body/></html>")[0].2.starts_with("not-json: looks like XML"));
    }

    #[test]
    fn parquet_rows_are_rendered_as_json() {
        use polars::prelude::*;
        let mut frame =
            df!("PartitionKey" => ["p", "p"], "RowKey" => ["1", "2"], "Email" => [Some("a"), None], "N" => [1i64, 2])
                .unwrap();
        let mut bytes = Vec::new();
        ParquetWriter::new(&mut bytes).finish(&mut frame).unwrap();
        let expected = [
            ("p/1", "entity", r#"{"PartitionKey":"p","RowKey":"1","Email":"a","N":1}"#),
            ("p/2", "entity", r#"{"PartitionKey":"p","RowKey":"2","N":2}"#),
        ];
        assert_eq!(short(&bytes), rows(&expected));
    }

    #[test]
    fn what_is_nested_deeper_than_leads_are_costs_no_more_than_its_bytes() {
        for unit in ["{\"a\":", "[", "[{\"a\":", "{\"a\":[{\"b\":1},"] {
            let deep = unit.repeat((3 << 20) / unit.len());
            let cut = short(deep.as_bytes());
            assert!(!cut.is_empty() && cut.len() < 1000, "{unit}: {}", cut.len());
            assert!(cut.iter().all(|(_, format, _)| *format != "entity"));
        }
    }

    #[test]
    fn nothing_in_it_is_no_record_and_too_much_in_one_is_told() {
        for empty in ["", "\u{feff}", " \r\n ", "Email,Name\r\n", "[]", "{\"value\":[]}", "\u{feff}Email;Name"] {
            assert_eq!(short(empty.as_bytes()), [], "{empty:?}");
        }
        let joined = "\u{feff}{\"a\": 1}\n\u{feff}{\"a\": 2}\n";
        assert!(
            short(joined.as_bytes()).iter().all(|(.., payload)| payload.starts_with('{')),
            "files that were joined"
        );
        let page = [b"{\"a\": 1}".as_slice(), &[0; 512]].concat();
        assert_eq!(short(&page).len(), 1, "a page of storage is filled up with zeros");
        let large = format!("[{{\"a\":\"{}\"}},{{\"a\": 1}}]", "x".repeat(MAX_RECORD + 10));
        let cut = short(large.as_bytes());
        assert_eq!((cut.len(), &cut[1].2), (2, &"{\"a\": 1}".to_owned()));
        assert!(cut[0].2.starts_with("too-large: "));
        let line = format!("Email,Name\na,{}\nb,c\n", "x".repeat(MAX_RECORD + 10));
        let cut = short(line.as_bytes());
        assert_eq!((cut.len(), &cut[1].2), (2, &"b,c".to_owned()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_cut_without_a_failure(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            cut_all(&bytes);
        }

        #[test]
        fn any_text_is_cut_without_a_failure(text in "[\\[{]?[ \"\\\\{}\\[\\],:;\r\na-c1]{0,200}") {
            cut_all(text.as_bytes());
        }

        #[test]
        fn records_are_found_however_small_the_reads(names in proptest::collection::vec("[a-z\"\\\\\n]{0,9}", 1..30), step in 1usize..40) {
            struct Slow<'a>(&'a [u8], usize);
            impl Read for Slow<'_> {
                fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                    let n = self.1.min(self.0.len()).min(buffer.len());
                    buffer[..n].copy_from_slice(&self.0[..n]);
                    self.0 = &self.0[n..];
                    Ok(n)
                }
            }
            let values: Vec<_> = names.iter().map(|n| serde_json::json!({ "n": n }).to_string()).collect();
            for text in [values.join("\n"), format!("[{}]", values.join(",\n"))] {
                let mut payloads = Vec::new();
                cut(Slow(text.as_bytes(), step), "f", DateTime::UNIX_EPOCH, &mut |l| {
                    payloads.push(String::from_utf8(l.payload).unwrap());
                    Ok(())
                }).unwrap();
                prop_assert_eq!(&payloads, &values);
            }
        }
    }
}
