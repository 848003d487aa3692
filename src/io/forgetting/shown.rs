//! Whether a file of any format shows one of some texts: what proves that a person is gone.

use std::io::{Cursor, Read};

use polars::prelude::*;

use crate::tabular;

/// How much of a packed part is looked at: no file of ours unpacks to more.
const MOST: u64 = 1 << 30;

/// Whether a file holds one of the texts, in any case: a table in the cells of its columns, a workbook in each of its
/// parts, a text in any encoding.
///
/// # Errors
/// The sentence that says why it cannot be read.
pub(super) fn holds(bytes: &[u8], texts: &[String]) -> Result<bool, String> {
    if bytes.starts_with(b"PAR1") {
        let frame = ParquetReader::new(Cursor::new(bytes)).finish().map_err(|e| e.to_string())?;
        return Ok(cells(&frame, texts) > 0);
    }
    if bytes.starts_with(b"PK\x03\x04") {
        let mut archive = ::zip::ZipArchive::new(Cursor::new(bytes)).map_err(|e| e.to_string())?;
        for n in 0..archive.len() {
            let mut part = Vec::new();
            let file = archive.by_index(n).map_err(|e| e.to_string())?;
            file.take(MOST).read_to_end(&mut part).map_err(|e| e.to_string())?;
            if in_text(&part, texts) {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    Ok(in_text(bytes, texts) || tabular::text_of(bytes).is_some_and(|text| in_text(text.as_bytes(), texts)))
}

/// How many cells of texts hold one of the texts.
pub(super) fn cells(frame: &DataFrame, texts: &[String]) -> usize {
    let columns = frame.columns().iter().filter_map(|column| column.str().ok());
    columns.flat_map(|column| column.iter().flatten()).filter(|cell| in_text(cell.as_bytes(), texts)).count()
}

/// As the texts stand, and as XML and HTML write them.
fn in_text(bytes: &[u8], texts: &[String]) -> bool {
    let lower = bytes.to_ascii_lowercase();
    texts.iter().any(|text| {
        let plain = text.to_ascii_lowercase();
        let escaped = plain.replace('&', "&amp;").replace('\'', "&#39;");
        let is_there = |text: &str| !text.is_empty() && memchr::memmem::find(&lower, text.as_bytes()).is_some();
        is_there(&plain) || is_there(&escaped)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_in_every_format_of_ours() {
        let texts = ["Ann@contoso.example".to_owned()];
        let mut frame = df!("email" => ["ann@contoso.example"], "n" => [1]).unwrap();
        let (mut parquet, mut csv) = (Vec::new(), Vec::new());
        ParquetWriter::new(&mut parquet).finish(&mut frame).unwrap();
        CsvWriter::new(&mut csv).finish(&mut frame).unwrap();
        let mut workbook = rust_xlsxwriter::Workbook::new();
        workbook.add_worksheet().write(0, 0, "ann@contoso.example").unwrap();
        let workbook = workbook.save_to_buffer().unwrap();
        let utf16: Vec<u8> = "\u{feff}x;ann@contoso.example\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [parquet, csv, workbook, utf16, br#"{"email":"ANN@contoso.example"}"#.to_vec()] {
            assert!(holds(&bytes, &texts).unwrap());
            assert!(!holds(&bytes, &["bob@contoso.example".to_owned()]).unwrap());
        }
    }
}
