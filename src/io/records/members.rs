//! Archives, workbooks and pages: a folder of raw files that somebody packed, a table that somebody opened in a spreadsheet
//! and saved, one that a console or a page shows to people.
//!
//! The members of an archive are cut one after the other, in the order of their names, as if one file held them all. The
//! rows of a worksheet are written as delimited text again and cut as such; a sheet of one column is the lines of a text.
//! Only sheets with names of columns that leads have are read, where any has. How much may come out is bounded before
//! anything is given.

use std::io::{Cursor, Read};

use super::cutter::{Cutter, Stopped};
use super::window::Window;
use crate::codes::quarantine;
use crate::error::Error;
use crate::leads::{Named, named};
use crate::lenient;
use crate::tabular::{self, Part};

/// The largest archive or workbook that is taken into memory.
const MOST: usize = 512 << 20;
/// The longest text that is laid out for people.
const MOST_TEXT: usize = 64 << 20;
/// The header is among the first rows of a sheet.
const HEADER_WITHIN: usize = 20;

/// What kind of archive it is that nobody here opens.
pub(super) fn closed_to_us(head: &[u8]) -> Option<&'static str> {
    let known: [(&[u8], &str); 5] = [
        (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
        (b"Rar!\x1a\x07", "a RAR archive"),
        (b"\xfd7zXZ\0", "an xz archive"),
        (b"BZh91AY&SY", "a bzip2 archive"),
        (b"LZIP", "an lzip archive"),
    ];
    let is_tar = head.get(257..262) == Some(b"ustar");
    known.iter().find(|(mark, _)| head.starts_with(mark)).map(|(_, kind)| *kind).or(is_tar.then_some("a tar archive"))
}

/// All bytes of a stream, as many as an archive of leads can have and one more.
pub(super) fn whole<R: Read>(window: &mut Window<R>) -> std::io::Result<Vec<u8>> {
    let bytes = window.peek(MOST + 1)?;
    Ok(bytes.get(..bytes.len().min(MOST + 1)).unwrap_or_default().to_vec())
}

/// Unpacks an archive and gives it to nobody, so that what is too large is known before any of it is taken.
pub(super) fn measured(bytes: Vec<u8>) -> Result<(), Stopped> {
    parts(bytes).map(drop)
}

/// What is in an archive; a workbook stays one.
fn parts(bytes: Vec<u8>) -> Result<Vec<Part>, Stopped> {
    if bytes.len() > MOST {
        return Err(Stopped::Refused("it is an archive or workbook of more than 512 MB; unpack it".to_owned()));
    }
    tabular::unpack("it", bytes.into()).map_err(|e| Stopped::Refused(told(&e)))
}

fn told(error: &Error) -> String {
    [Some(error.what()), error.cause(), error.advice()].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

impl Cutter<'_> {
    /// The records in an archive or workbook.
    pub(super) fn members(&mut self, bytes: Vec<u8>, packed: u8) -> Result<(), Stopped> {
        for part in parts(bytes)? {
            let is_member = part.name != "it";
            let opening = part.content.opening(8)?;
            if !tabular::is_workbook(&opening) {
                self.any(part.content.reader()?, packed + 1)?;
                continue;
            }
            let bytes = part.content.whole()?;
            match tabular::worksheets("it", &bytes) {
                Ok(sheets) => self.worksheets(sheets, packed)?,
                // One of many costs itself; what no spreadsheet wrote is no workbook.
                Err(_) if is_member || !is_of_a_spreadsheet(&bytes) => {
                    let start = bytes.get(..8.min(bytes.len())).unwrap_or_default().to_vec();
                    self.problem(start, quarantine::NOT_TEXT, "binary data")?;
                }
                Err(e) => return Err(Stopped::Refused(told(&e))),
            }
        }
        Ok(())
    }

    /// The records of tables in a web page, or of one that was laid out for people. Says whether there was one of leads.
    pub(super) fn tables<R: Read>(&mut self, window: &mut Window<R>, packed: u8) -> Result<bool, Stopped> {
        let looked_at = lenient::text(window.ready());
        if !looked_at.trim_start().starts_with('<') && tabular::tables(&looked_at).is_none() {
            return Ok(false);
        }
        drop(looked_at);
        let text = lenient::text(window.peek(MOST_TEXT)?).into_owned();
        let tables = tabular::tables(&text).unwrap_or_default();
        if !tables.iter().any(|table| is_of_leads(table)) {
            return Ok(false);
        }
        self.worksheets(tables, packed)?;
        Ok(true)
    }

    fn worksheets(&mut self, sheets: Vec<Vec<Vec<String>>>, packed: u8) -> Result<(), Stopped> {
        let any = sheets.iter().any(|sheet| is_of_leads(sheet));
        for sheet in sheets.into_iter().filter(|sheet| !any || is_of_leads(sheet)) {
            let text = written(&sheet).map_err(|e| Stopped::Refused(format!("its rows cannot be written: {e}")))?;
            self.any(Box::new(Cursor::new(text)), packed + 1)?;
        }
        Ok(())
    }
}

/// Whether a row near the top of a sheet holds names of columns that leads have.
fn is_of_leads(sheet: &[Vec<String>]) -> bool {
    let names = |row: &Vec<String>| named(row.iter().map(String::as_str)) != Named::Nothing;
    sheet.iter().take(HEADER_WITHIN).any(names)
}

/// The rows of a worksheet as delimited text; documents in a single column as they are, without the name of the column.
fn written(sheet: &[Vec<String>]) -> Result<Vec<u8>, csv::Error> {
    let is_document = |row: &Vec<String>| row.iter().any(|cell| cell.trim_start().starts_with(['{', '[']));
    if sheet.iter().all(|row| row.len() == 1) {
        let named = sheet.iter().position(is_document).unwrap_or(0);
        let cells = sheet.iter().skip(named).flatten();
        return Ok(cells.flat_map(|cell| [cell.as_bytes(), b"\n"]).flatten().copied().collect());
    }
    let mut text = csv::WriterBuilder::new().flexible(true).from_writer(b"sep=,\n".to_vec());
    sheet.iter().try_for_each(|row| text.write_record(row))?;
    text.into_inner().map_err(|e| csv::Error::from(e.into_error()))
}

/// Whether an office program's file is that of a spreadsheet, perhaps under a password.
fn is_of_a_spreadsheet(bytes: &[u8]) -> bool {
    let is_said = |word: &str| {
        let wide: Vec<u8> = word.encode_utf16().flat_map(u16::to_le_bytes).collect();
        memchr::memmem::find(bytes, &wide).is_some()
    };
    bytes.starts_with(b"PK") || ["Workbook", "Book", "EncryptedPackage"].into_iter().any(is_said)
}

#[cfg(test)]
mod tests {
    use super::super::cut_bytes;
    use super::*;
    use std::io::Write;

    fn workbook(sheets: &[&[&[&str]]]) -> Vec<u8> {
        let mut book = rust_xlsxwriter::Workbook::new();
        for rows in sheets {
            let page = book.add_worksheet();
            for (y, row) in rows.iter().enumerate() {
                for (x, cell) in row.iter().enumerate() {
                    page.write_string(y as u32, x as u16, *cell).unwrap();
                }
            }
        }
        book.save_to_buffer().unwrap()
    }

    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in members {
            archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            archive.write_all(bytes).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    fn payloads(bytes: &[u8]) -> Vec<String> {
        let at = "2026-05-01T00:00:00Z".parse().unwrap();
        let leads = cut_bytes(bytes, "f", at).unwrap().into_iter();
        leads.map(|lead| lead.problem.unwrap_or_else(|| String::from_utf8(lead.payload).unwrap())).collect()
    }

    #[test]
    fn a_sheet_with_the_names_of_leads_is_cut_below_its_header_and_others_are_not_read() {
        let table: &[&[&str]] = &[&["April"], &["Email", "LeadSource"], &["a@x", "SPZA, y"], &["b@x", "SPZA"]];
        let other: &[&[&str]] = &[&["Sheet", "Rows"], &["April", "2"]];
        assert_eq!(payloads(&workbook(&[other, table])), ["a@x,\"SPZA, y\"", "b@x,SPZA"]);
        let documents: &[&[&str]] = &[&["Body"], &["{\"email\":\n\"a@x\"}"], &["{\"email\":\"b@x\"}"]];
        assert_eq!(payloads(&workbook(&[documents])), ["{\"email\":\n\"a@x\"}", "{\"email\":\"b@x\"}"]);
    }

    #[test]
    fn the_members_of_an_archive_are_cut_in_the_order_of_their_names_and_a_broken_one_costs_itself() {
        let broken = archive(&[("xl/workbook.xml", b"<a>")]);
        let inner = archive(&[("x.json", b"{\"email\":\"c@x\"}")]);
        let folder = archive(&[
            ("leads/b.json", b"{\"email\":\"b@x\"}"),
            ("leads/a.csv", b"Email,LeadSource\na@x,SPZA\n"),
            ("leads/.DS_Store", b"\0\0\0\x01Bud1"),
            ("leads/c.zip", &inner),
            ("leads/d.xlsx", &broken),
        ]);
        assert_eq!(
            payloads(&folder),
            ["a@x,SPZA", "{\"email\":\"b@x\"}", "{\"email\":\"c@x\"}", "not-text: binary data"]
        );
    }

    #[test]
    fn tables_that_a_console_or_a_page_shows_are_those_of_a_sheet() {
        let ruled = "Email  LeadSource  CustomerInfo\n-----  ----------  --------------------\na@x    SPZA        {\"FirstName\": \"A\"}\n\
                     b@x    SPZA\n\n(2 rows affected)\n";
        assert_eq!(payloads(ruled.as_bytes())[..2], ["a@x,SPZA,\"{\"\"FirstName\"\": \"\"A\"\"}\"", "b@x,SPZA"]);
        let page = "<html><p>x</p><table><tr><th>Email<th>LeadSource<tr><td>a@x<td>SPZA</table></html>";
        assert_eq!(payloads(page.as_bytes()), ["a@x,SPZA"]);
        assert!(payloads(b"<html><table><tr><td>Menu<td>Help</table></html>")[0].starts_with("not-json: "));
    }

    #[test]
    fn what_cannot_be_opened_or_unpacks_to_too_much_is_refused_as_a_whole() {
        let zeros = archive(&[("a.csv", &vec![b'0'; 300 << 20])]);
        let damaged = archive(&[("xl/workbook.xml", b"<a>")]);
        for bytes in [zeros, damaged, b"7z\xbc\xaf\x27\x1c\0\x04".to_vec(), b"Rar!\x1a\x07\0".to_vec()] {
            let cut = cut_bytes(&bytes, "f", "2026-05-01T00:00:00Z".parse().unwrap());
            assert!(matches!(cut, Err(Stopped::Refused(_))), "{cut:?}");
        }
    }
}
