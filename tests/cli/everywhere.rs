//! Looks for a text in every file below a folder as whoever opens the file would: tables, sheets and packed files are
//! unpacked.

use std::fs;
use std::io::Read;
use std::path::Path;

use memchr::memmem;

const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The files below a folder that hold one of the texts, any case, each with the text.
pub fn holding(folder: &Path, texts: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).unwrap().flatten() {
            let path = entry.path();
            if path.is_symlink() {
                continue;
            }
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let name = path.display().to_string();
            let content = [name.to_lowercase(), readable(&path).to_lowercase()].join("\n");
            for text in texts.iter().filter(|t| content.contains(&t.to_lowercase())) {
                found.push(format!("{name}: {text}"));
            }
        }
    }
    found.sort();
    found
}

/// All that a file says, in clear.
pub fn readable(path: &Path) -> String {
    let bytes = fs::read(path).unwrap();
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    if bytes.starts_with(b"PAR1") {
        // A Parquet file's pages are zstd frames; texts stand in them, and in the statistics beside, byte by byte.
        for at in memmem::find_iter(&bytes, &ZSTD) {
            let mut page = Vec::new();
            if let Ok(decoder) = zstd::Decoder::new(&bytes[at..]) {
                let _ = decoder.single_frame().read_to_end(&mut page);
            }
            text += &String::from_utf8_lossy(&page);
            text.push('\n');
        }
    } else if bytes.starts_with(b"PK") {
        let mut workbook: calamine::Xlsx<_> = calamine::open_workbook(path).unwrap();
        for (_, sheet) in calamine::Reader::worksheets(&mut workbook) {
            sheet.used_cells().for_each(|(_, _, cell)| text += &format!("{cell}\n"));
        }
    } else if bytes.starts_with(&[0x1f, 0x8b]) {
        flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    } else if bytes.starts_with(&ZSTD) {
        text += &String::from_utf8_lossy(&zstd::decode_all(&bytes[..]).unwrap());
    }
    text
}
