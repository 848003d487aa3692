//! An export that is too large for memory → the records that are kept of it, in two passes over its parts.
//!
//! The first pass profiles it: the forms of all its columns, ids that stand twice, whether its times are plain instants.
//! The second reads its records part by part and lets strangers pass. What only a whole column tells (the order of day
//! and month, a zone, words that stand before every time) is no matter of such an export; one that needs it is read whole.

use std::sync::mpsc::{Receiver, sync_channel};

use chrono::{DateTime, Utc};
use polars::prelude::*;
use rayon::prelude::*;

use super::asked::with_ask;
use super::cells::TIMES;
use super::documents::Columns;
use super::layouts::{Layout, Mapping};
use super::loaded::{Dropped, Wanted, compact, hash_of};
use super::records::{Texts, is_activity};
use super::strangers::{Rule, columns};
use super::{json, mistaken, sheets, streamed};
use crate::config::{Destination, DestinationKind};
use crate::error::Result;
use crate::tabular::{self, Ask, ColumnForm, Part, Sheet};

/// Smaller exports are read whole.
pub(super) const LARGE: u64 = 96 << 20;
/// Rows that are in memory at a time; few in tests, so that small exports have several parts.
const ROWS: usize = if cfg!(test) { 9 } else { 50_000 };
/// Tables of which records are made at once: each is in memory until then.
const MOST_AT_ONCE: usize = 4;

/// An export that can be read in parts, profiled.
pub(super) struct Large {
    part: Part,
    written: DateTime<Utc>,
    forms: Vec<ColumnForm>,
    /// Of JSON: all columns that its documents have.
    columns: Option<Columns>,
    /// Which columns each field is read from.
    mapping: Vec<(String, Vec<usize>)>,
    /// Hashes of ids that stand more than once: those rows are looked at together.
    twice: PlHashSet<u64>,
}

/// Whether the cells of a column are all instants that need no column to be read, or blank.
fn are_plain(column: &StringChunked) -> bool {
    column.iter().flatten().map(str::trim).all(|cell| {
        let bytes = cell.as_bytes();
        let is_iso = |at: usize, mark: u8| bytes.get(at) == Some(&mark);
        cell.is_empty()
            || (bytes.len() >= 20
                && bytes.iter().take(4).all(u8::is_ascii_digit)
                && is_iso(4, b'-')
                && is_iso(7, b'-')
                && (bytes.ends_with(b"Z") || bytes.ends_with(b"+0000") || bytes.ends_with(b"+00:00")))
    })
}

/// Whether the cells of a column are all days, the month before the day, or blank.
fn are_days(column: &StringChunked) -> bool {
    column.iter().flatten().map(str::trim).all(|cell| {
        let bytes = cell.as_bytes();
        let is_mark = |at: usize| bytes.get(at) == Some(&b'-');
        let is_month = cell.get(5..7).and_then(|month| month.parse::<u8>().ok()).is_some_and(|month| month <= 12);
        let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
        cell.is_empty() || (bytes.len() == 10 && digits == 8 && is_mark(4) && is_mark(7) && is_month)
    })
}

/// Whether any of these instants has seconds.
fn has_any_seconds(column: &StringChunked) -> bool {
    column.iter().flatten().any(|cell| cell.trim().as_bytes().get(17..19).is_some_and(|seconds| seconds != b"00"))
}

/// Reads a part for its tables of some rows each, of JSON or of text.
fn read_in_parts(
    part: &Part,
    ask: &Ask,
    columns: Option<&mut Columns>,
    forms: Option<&[ColumnForm]>,
    take: &mut dyn FnMut(Sheet) -> Result<bool>,
) -> Result<bool> {
    match columns {
        Some(columns) => streamed::read_in_parts(part, columns, ROWS, take),
        None => tabular::read_in_parts(part, ask, forms, ROWS, take),
    }
}

impl Large {
    /// Profiles an export; gives it back where it cannot be read in parts.
    pub fn profile(
        part: Part,
        written: DateTime<Utc>,
        layout: &Layout,
        destination: &Destination,
        models: &[json::Model],
    ) -> Result<std::result::Result<Large, Part>> {
        if destination.kind == DestinationKind::Https {
            return Ok(Err(part));
        }
        let mut columns = json::is(&part)?.then(Columns::default);
        let mut seen: Vec<u64> = Vec::new();
        let mut forms: Vec<ColumnForm> = Vec::new();
        let mut known: Option<(usize, Mapping)> = None;
        // Times that are all cut to minutes or days are known as such by the whole column.
        let mut has_seconds = false;
        let is_plain = with_ask(&part, layout, destination, models, &mut |ask: &Ask| {
            read_in_parts(&part, ask, columns.as_mut(), None, &mut |sheet| {
                if mistaken::among_exports(&sheet, destination).is_some() {
                    return Ok(false);
                }
                // Of documents, later ones may have more columns; what was read of the earlier ones must hold.
                if known.as_ref().is_none_or(|(width, _)| *width != sheet.header.len()) {
                    let mapping = layout.map(&sheet, &sheet.forms, destination);
                    let holds = |(_, before): &(_, Mapping)| {
                        before.fields.iter().all(|(f, of)| mapping.fields.get(f) == Some(of))
                    };
                    if !known.as_ref().is_none_or(holds) {
                        return Ok(false);
                    }
                    known = Some((sheet.header.len(), mapping));
                }
                let Some((_, mapping)) = &known else { return Ok(false) };
                let of = |field: &str| mapping.fields.get(field).and_then(|columns| sheet.column(*columns.first()?));
                let Some(ids) = of("record_id") else { return Ok(false) };
                seen.extend(ids.iter().flatten().map(|id| hash_of(id.trim())));
                has_seconds |= of("created_at").is_some_and(has_any_seconds);
                // Of the last activity products tell the day.
                let is_plain = |field: &str, column: &StringChunked| {
                    are_plain(column) || (field == "last_activity_at" && are_days(column))
                };
                let plain = TIMES.iter().all(|field| of(field).is_none_or(|column| is_plain(field, column)));
                forms.clone_from(&sheet.forms);
                Ok(plain && mapping.why.values().all(|why| *why != "its values"))
            })
        })?;
        let Some((_, known)) = known.filter(|_| is_plain && has_seconds) else { return Ok(Err(part)) };
        seen.sort_unstable();
        let twice = seen.windows(2).filter_map(|pair| match pair {
            [a, b] if a == b => Some(*a),
            _ => None,
        });
        let twice = twice.collect();
        let mapping = known.fields.into_iter().collect();
        Ok(Ok(Large { part, written, forms, columns, mapping, twice }))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.part.name
    }

    /// Its size.
    pub fn bytes(&self) -> usize {
        self.part.content.size()
    }

    /// The export, to be read whole.
    pub fn whole(self) -> Part {
        self.part
    }

    /// Reads it: its records that are kept, and what was passed over. None where a part shows that it is to be read whole.
    pub fn read(
        &self,
        layout: &Layout,
        destination: &Destination,
        models: &[json::Model],
        (rule, wanted): (&Rule, &Wanted),
    ) -> Result<Option<(sheets::Records, Dropped)>> {
        let file = InParts { part: &self.part, written: self.written, layout, destination, rule, wanted };
        std::thread::scope(|scope| {
            // While records are made of some tables, those behind them are read: by a thread of its own, for it waits, and
            // those that work for all must not.
            let (sender, tables) = sync_channel(1);
            let read = scope
                .spawn(move || self.hand_on(layout, destination, models, &mut |sheet| Ok(sender.send(sheet).is_ok())));
            let made = file.records(tables);
            let is_read = read.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            let (made, is_read) = (made?, is_read?);
            Ok(made.filter(|_| is_read))
        })
    }

    /// Hands its tables on, one after the other; rows whose ids stand more than once come together in the last. False where
    /// it cannot be read so, or `take` refused one.
    fn hand_on(
        &self,
        layout: &Layout,
        destination: &Destination,
        models: &[json::Model],
        take: &mut dyn FnMut(Sheet) -> Result<bool>,
    ) -> Result<bool> {
        let mut held: Option<Sheet> = None;
        let mut columns = self.columns.as_ref().map(Columns::begun_anew);
        let is_read = with_ask(&self.part, layout, destination, models, &mut |ask: &Ask| {
            read_in_parts(&self.part, ask, columns.as_mut(), Some(&self.forms), &mut |mut sheet| {
                sheet.forms.clone_from(&self.forms);
                let mapping: Vec<_> = layout.map(&sheet, &self.forms, destination).fields.into_iter().collect();
                if mapping != self.mapping {
                    return Ok(false);
                }
                if let Some(again) = self.take_twice(&mut sheet) {
                    match &mut held {
                        None => held = Some(again),
                        Some(all) => all.append(again),
                    }
                }
                take(sheet)
            })
        })?;
        match held {
            Some(held) if is_read => take(held),
            _ => Ok(is_read),
        }
    }

    /// The time of its newest record at most `latest`, both in microseconds since 1970.
    pub fn newest(
        &self,
        layout: &Layout,
        destination: &Destination,
        models: &[json::Model],
        latest: i64,
    ) -> Result<Option<i64>> {
        let mut newest = None;
        self.hand_on(layout, destination, models, &mut |sheet| {
            let read = sheets::read(&sheet, &self.part.name, self.written, layout, destination, &|_| None)?;
            if let sheets::Outcome::Read(records) = read {
                newest = newest.max(records.newest(latest)?);
            }
            Ok(true)
        })?;
        Ok(newest)
    }

    /// Takes the rows out of a part whose ids stand more than once.
    fn take_twice(&self, sheet: &mut Sheet) -> Option<Sheet> {
        if self.twice.is_empty() {
            return None;
        }
        let column = self.mapping.iter().find(|(field, _)| field == "record_id")?.1.first()?;
        let ids = sheet.column(*column)?;
        let is_twice = |id: Option<&str>| Some(id.is_some_and(|id| self.twice.contains(&hash_of(id.trim()))));
        let again: BooleanChunked = ids.iter().map(is_twice).collect();
        again.any().then(|| sheet.split(&again))
    }
}

/// An export of which records are made table by table.
struct InParts<'a> {
    part: &'a Part,
    written: DateTime<Utc>,
    layout: &'a Layout,
    destination: &'a Destination,
    rule: &'a Rule<'a>,
    wanted: &'a Wanted,
}

impl InParts<'_> {
    /// Its records that are kept, and what was passed over. None where a table shows that it is to be read whole.
    fn records(&self, tables: Receiver<Sheet>) -> Result<Option<(sheets::Records, Dropped)>> {
        let mut so_far: Option<sheets::Records> = None;
        let mut dropped = Dropped::default();
        loop {
            let some: Vec<Sheet> = tables.iter().take(rayon::current_num_threads().min(MOST_AT_ONCE)).collect();
            if some.is_empty() {
                break;
            }
            let read: Vec<Option<_>> = some.into_par_iter().map(|sheet| self.table(sheet)).collect::<Result<_>>()?;
            for read in read {
                let Some((records, of_table)) = read else { return Ok(None) };
                dropped.add(of_table);
                match &mut so_far {
                    None => so_far = Some(records),
                    Some(all) => all.add(records)?,
                }
            }
        }
        dropped.ids.sort_unstable();
        Ok(so_far.map(|records| (records, dropped)))
    }

    /// The same of one table.
    fn table(&self, sheet: Sheet) -> Result<Option<(sheets::Records, Dropped)>> {
        let InParts { layout, destination, rule, wanted, .. } = *self;
        let read = sheets::read(&sheet, &self.part.name, self.written, layout, destination, &|_| None)?;
        let sheets::Outcome::Read(mut records) = read else { return Ok(None) };
        drop(sheet);
        let dropped = pass_by(&mut records.frame, rule, wanted)?;
        Ok(Some((*records, dropped)))
    }
}

/// Takes the strangers out of a table's records, and gives what was passed over.
fn pass_by(frame: &mut DataFrame, rule: &Rule, wanted: &Wanted) -> Result<Dropped> {
    let mut dropped = Dropped::default();
    if frame.height() == 0 {
        return Ok(dropped);
    }
    let texts = Texts::of(frame, &columns());
    let mut kept = rule.own(frame, &texts)?;
    let (made, changed) = (frame.column("created_at")?.datetime()?, frame.column("modified_at")?.datetime()?);
    let (made, changed) = (made.physical(), changed.physical());
    for (row, kept) in kept.iter_mut().enumerate() {
        let get = |name: &str| texts.get(name, row);
        let text = get("lead_source").map(|text| hash_of(text.trim()));
        let id = get("record_id").map(hash_of);
        let name = get("subject").filter(|_| get("object") == Some("opportunity")).map(|name| hash_of(name.trim()));
        let at = made.get(row).max(changed.get(row));
        *kept = *kept
            || [id, name].into_iter().flatten().any(|hash| wanted.ids.contains(&hash))
            || text.is_some_and(|text| wanted.texts.contains(&text))
            || wanted.young_since.is_some_and(|since| at.is_none_or(|at| at >= since));
        if let Some(text) = text {
            let (of_kept, all) = dropped.texts.entry(text).or_default();
            (*of_kept, *all) = (*of_kept + usize::from(*kept), *all + 1);
        }
        if *kept {
            continue;
        }
        let Some(id) = id else { continue };
        dropped.ids.push(id);
        dropped.ids.extend(name);
        let is_filed = get("object").is_some_and(is_activity);
        let naming = ["contact_id", "merged_into", "parent"];
        let naming = naming.iter().take(if is_filed { 3 } else { 2 }).filter_map(|name| get(name));
        dropped.naming.extend(naming.map(|of| (hash_of(of), id)));
    }
    rule.count(frame, &texts, &kept, &mut dropped.passed, &mut dropped.owners)?;
    drop(texts);
    *frame = compact(frame.filter(&BooleanChunked::from_slice("kept".into(), &kept))?)?;
    Ok(dropped)
}

impl sheets::Records {
    /// Adds those of the next part of the same table.
    fn add(&mut self, next: sheets::Records) -> Result<()> {
        self.frame.vstack_mut_owned(next.frame)?;
        self.aside.extend(next.aside);
        self.merged.extend(next.merged);
        self.file.add_part(next.file);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::crm::loaded::Night;
    use crate::crm::reader::Reader;
    use crate::crm::strangers::OfLeads;
    use crate::tabular::{Export, Passed};
    use crate::who::Who;

    fn destination() -> Destination {
        let text = "[[source]]\nname = \"raw\"\nkind = \"files\"\npath = \"raw/*\"\n\
                    [[destination]]\nname = \"crm\"\nkind = \"salesforce\"\nexport = [\"*.csv\"]\n";
        crate::config::Config::parse(text, std::path::Path::new(".")).unwrap().destinations.remove(0)
    }

    fn exports() -> Vec<Export> {
        let file = |name: &str, text: String| Export {
            name: name.to_owned(),
            modified: "2026-05-01T00:00:00Z".parse().unwrap(),
            content: text.into_bytes().into(),
        };
        let at = "2026-04-01T08:00:07.000Z";
        let mut leads = "Id,LastName,FirstName,Company,Email,LeadSource,IsConverted,ConvertedContactId,\
                         ConvertedOpportunityId,MasterRecordId,OwnerId,LastActivityDate,CreatedDate\n"
            .to_owned();
        for n in 0..80 {
            let source = if n % 2 == 0 { "Web" } else { "Connector" };
            let email =
                if n % 2 == 1 && n < 70 { format!("lead{n}@contoso.example") } else { format!("x{n}@else.example") };
            leads += &format!(
                "00Q0000000001{n:02},Last{n},First{n},Firm{n},{email},{source},false,,,,00500000000000{},2026-04-{:02},{at}\n",
                n % 7,
                n % 28 + 1
            );
        }
        leads += &format!(
            "00Q000000000201,Con,Verted,Firm,lead1@contoso.example,Web,true,003000000000001,006000000000001,,,,{at}\n"
        );
        leads += &format!("00Q000000000202,Mer,Ged,Firm,lead2@contoso.example,Web,false,,,00Q000000000203,,,{at}\n");
        leads += &format!("00Q000000000203,Sur,Vivor,Sole,s@sole.example,Web,false,,,,,,{at}\n");
        // One id at two people, and one row twice.
        leads += &format!("00Q000000000204,Ann,Twin,Sole,ann@twin.example,Web,false,,,,,,{at}\n");
        leads += &format!("00Q000000000204,Bo,Berg,Other,lead3@contoso.example,Web,false,,,,,,{at}\n");
        leads += &format!("00Q000000000205,Same,Same,Sole,lead5@contoso.example,Web,false,,,,,2026-04-02,{at}\n");
        leads += &format!("00Q000000000205,Same,Same,Sole,lead5@contoso.example,Web,false,,,,,2026-04-02,{at}\n");
        let contacts = format!(
            "Id,LastName,FirstName,Email,CreatedDate\n003000000000001,Now,Contact,n@else.example,{at}\n\
             003000000000002,No,Body,no@else.example,{at}\n"
        );
        let deals = format!(
            "Id,Name,StageName,IsWon,IsClosed,CreatedDate\n006000000000001,Deal,Closed Won,true,true,{at}\n\
             006000000000002,Deal 2,Open,false,false,{at}\n"
        );
        vec![file("Contact.csv", contacts), file("Lead.csv", leads), file("Opportunity.csv", deals)]
    }

    /// Of each file its name, records, strangers and rows set aside.
    type Counted = Vec<(String, usize, usize, usize)>;

    /// What a night gives, and of how many records it was asked whether they are about a lead.
    fn night(least: u64, landed: &DataFrame) -> (Night, Counted, usize) {
        night_of(&exports(), least, landed)
    }

    fn night_of(exports: &[Export], least: u64, landed: &DataFrame) -> (Night, Counted, usize) {
        let destination = destination();
        let asked = AtomicUsize::new(0);
        let shares = |records: &DataFrame| {
            asked.fetch_add(records.height(), Ordering::Relaxed);
            let emails = records.column("email")?.str()?;
            let is_leads = |email: &str| email.starts_with("lead");
            Ok(emails.iter().map(|email| Some(email.is_some_and(is_leads))).collect())
        };
        let named: Vec<Who> = Vec::new();
        let keep = OfLeads { shares: &shares, named: &named, is_window: &|_: &Passed| false, young_since: 0 };
        let rule = Rule::new(&keep, &destination, landed).unwrap();
        let mut reader = Reader::new(exports, &destination);
        reader.least = least;
        reader.open(exports.to_vec()).unwrap();
        reader.read_large(Some(&rule)).unwrap();
        let night = reader.night(Some(&rule), landed).unwrap();
        assert!(reader.problems.is_empty(), "{:?}", reader.problems);
        assert_eq!(reader.loaded.iter().filter(|one| one.dropped.is_some()).count(), if least == 0 { 3 } else { 0 });
        let files = reader.loaded.iter().map(|one| &one.records.file);
        let counted = files.map(|f| (f.file.clone(), f.records, f.strangers, f.set_aside.values().sum()));
        (night, counted.collect(), asked.into_inner())
    }

    fn sorted(night: &Night) -> DataFrame {
        night.rows.sort(["record_id"], SortMultipleOptions::default()).unwrap()
    }

    #[test]
    fn what_is_read_in_parts_is_what_is_read_whole() {
        let nothing = DataFrame::empty();
        let ((whole, of_whole, _), (parts, of_parts, _)) = (night(u64::MAX, &nothing), night(0, &nothing));
        assert!(sorted(&whole).equals_missing(&sorted(&parts)), "{:?}\n{:?}", whole.rows, parts.rows);
        assert_eq!((whole.strangers, whole.identifies), (parts.strangers, parts.identifies));
        assert_eq!(of_whole, of_parts);
        let ids: Vec<&str> = whole.rows.column("record_id").unwrap().str().unwrap().iter().flatten().collect();
        let has = |id: &str| ids.iter().any(|known| known.starts_with(id));
        assert!(has("003000000000001") && has("006000000000001") && has("00Q000000000203"), "who is named is kept");
        assert!(!has("003000000000002") && !has("006000000000002") && !has("00Q000000000100"));
        assert!(has("00Q000000000171"), "most that carry its text are leads' people");
    }

    /// The same exports, each in another form.
    fn formed(form: impl Fn(&str, &[u8]) -> Vec<u8>) -> Vec<Export> {
        let formed = |export: Export| {
            let content = form(&export.name, &export.content.whole().unwrap()).into();
            Export { content, ..export }
        };
        exports().into_iter().map(formed).collect()
    }

    fn documents_of(csv: &[u8]) -> Vec<serde_json::Value> {
        let mut reader = csv::Reader::from_reader(csv);
        let header = reader.headers().unwrap().clone();
        let document = |row: csv::StringRecord| {
            let fields = header.iter().zip(row.iter()).filter(|(_, cell)| !cell.is_empty());
            fields.map(|(name, cell)| (name.to_owned(), cell.into())).collect::<serde_json::Map<_, _>>().into()
        };
        reader.records().map(|row| document(row.unwrap())).collect()
    }

    fn lines(_: &str, csv: &[u8]) -> Vec<u8> {
        documents_of(csv).iter().map(|document| format!("{document}\r\n")).collect::<String>().into_bytes()
    }

    #[test]
    fn in_whatever_it_is_packed_or_written_an_export_reads_the_same_whole_and_in_parts() {
        use std::io::Write as _;
        let zipped = |method: ::zip::CompressionMethod| {
            move |name: &str, csv: &[u8]| {
                let mut archive = ::zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
                let options = ::zip::write::SimpleFileOptions::default();
                archive.start_file(name, options.compression_method(method)).unwrap();
                archive.write_all(csv).unwrap();
                archive.finish().unwrap().into_inner()
            }
        };
        let gzipped = |_: &str, csv: &[u8]| {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gzip.write_all(csv).unwrap();
            gzip.finish().unwrap()
        };
        let answer = |_: &str, csv: &[u8]| {
            let page = serde_json::json!({ "totalSize": 9, "done": true, "records": documents_of(csv), "next": null });
            serde_json::to_vec_pretty(&page).unwrap()
        };
        let list = |_: &str, csv: &[u8]| serde_json::to_vec(&documents_of(csv)).unwrap();
        let parquet = |_: &str, csv: &[u8]| {
            let texts = CsvReadOptions::default().with_infer_schema_length(Some(0));
            let mut frame = texts.into_reader_with_file_handle(std::io::Cursor::new(csv)).finish().unwrap();
            let mut file = Vec::new();
            // Ten groups of rows, none of which ends where a part does.
            ParquetWriter::new(&mut file)
                .with_row_group_size(Some(frame.height().div_ceil(10)))
                .finish(&mut frame)
                .unwrap();
            file
        };
        let nothing = DataFrame::empty();
        let (plain, counted, _) = night(u64::MAX, &nothing);
        let numbers = |counted: Counted| counted.into_iter().map(|(_, a, b, c)| (a, b, c)).collect::<Vec<_>>();
        let counted = numbers(counted);
        let forms = [
            ("gzip", formed(gzipped)),
            ("stored", formed(zipped(::zip::CompressionMethod::Stored))),
            ("deflated", formed(zipped(::zip::CompressionMethod::Deflated))),
            ("lines", formed(lines)),
            ("answer", formed(answer)),
            ("list", formed(list)),
            ("parquet", formed(parquet)),
        ];
        for (form, exports) in forms {
            for least in [0, u64::MAX] {
                let (read, again, _) = night_of(&exports, least, &nothing);
                assert!(sorted(&plain).equals_missing(&sorted(&read)), "{form}: {:?}\n{:?}", plain.rows, read.rows);
                assert_eq!((numbers(again), read.strangers), (counted.clone(), plain.strangers), "{form}");
            }
        }
    }

    #[test]
    fn the_newest_record_is_the_same_read_in_parts_or_whole() {
        let destination = destination();
        let newest = |exports: &[Export], least: u64, latest: &str| {
            let mut reader = Reader::new(exports, &destination);
            reader.least = least;
            reader.open(exports.to_vec()).unwrap();
            let latest: DateTime<Utc> = latest.parse().unwrap();
            reader.newest(latest.timestamp_micros()).unwrap().and_then(DateTime::from_timestamp_micros)
        };
        let expected = "2026-04-01T08:00:07Z".parse::<DateTime<Utc>>().ok();
        for exports in [exports(), formed(lines)] {
            for least in [0, u64::MAX] {
                assert_eq!(newest(&exports, least, "2026-04-02T00:00:00Z"), expected);
                let none = newest(&exports, least, "2026-03-01T00:00:00Z");
                assert_eq!(none, None, "no time to come is one of what happened");
            }
        }
    }

    #[test]
    fn whether_it_is_about_a_lead_is_asked_only_of_a_record_that_is_not_landed() {
        let (first, counted, all) = night(u64::MAX, &DataFrame::empty());
        let (next, again, asked) = night(u64::MAX, &first.rows);
        assert!(sorted(&first).equals_missing(&sorted(&next)) && counted == again);
        assert_eq!((all - asked, first.strangers > 0), (first.rows.height(), true));
    }
}
