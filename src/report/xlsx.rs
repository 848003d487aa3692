//! Sheets of cells → the bytes of one `.xlsx` workbook, the same bytes for the same cells.
//!
//! One row of headings, then rows: a sheet that is saved as CSV can be read back. Texts of strangers are neutralised,
//! phones and ids are texts, nothing is a formula, and a
//! link only where the publisher configured one. Used for `report.xlsx` and `call-list.xlsx`. Limits are
//! Excel's (support.microsoft.com, "Excel specifications and limits").

use chrono::{DateTime, NaiveDate, TimeZone as _, Utc};
use chrono_tz::Tz;
use rayon::prelude::*;
use rust_xlsxwriter::{
    Color, DataValidation, DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, FormatUnderline,
    IgnoreError, Url, Workbook, Worksheet, XlsxError,
};

use crate::csv_injection::neutralise;
use crate::error::{Error, Result, count};

/// Most rows of a sheet; what is more stands in the tables, and a last row says so.
pub const MOST_ROWS: usize = 100_000;
/// Characters of a line of landscape A4 that can still be read; a wider sheet is printed on several pages side by side.
const PAGE: f64 = 210.0;
/// Most UTF-16 units of a cell.
const MOST_TEXT: usize = 32_767;

/// One cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Nothing known.
    Empty,
    /// Text, a phone, an id.
    Text(String),
    /// A whole number.
    Count(i64),
    /// Any number, shown with up to four decimals.
    Number(f64),
    /// A share, shown as per cent.
    Share(f64),
    /// Money, shown with as many decimals as it needs.
    Money(f64),
    /// An instant, shown in the report's time zone.
    Instant(DateTime<Utc>),
    /// A day.
    Day(NaiveDate),
    /// True or false, shown as yes or no.
    Flag(bool),
    /// A text that opens an https address.
    Link {
        /// What is shown.
        text: String,
        /// Where it leads.
        address: String,
    },
}

impl Cell {
    /// How many characters it shows, about.
    pub fn characters(&self) -> usize {
        match self {
            Cell::Empty => 0,
            Cell::Text(text) => text.lines().map(|line| line.chars().count()).max().unwrap_or(0),
            Cell::Instant(_) => 16,
            Cell::Day(_) => 10,
            Cell::Flag(_) => 3,
            Cell::Link { text, .. } => text.chars().count(),
            Cell::Count(_) | Cell::Number(_) | Cell::Share(_) | Cell::Money(_) => 9,
        }
    }
}

impl From<Option<&str>> for Cell {
    fn from(text: Option<&str>) -> Self {
        text.map_or(Cell::Empty, |t| Cell::Text(t.to_owned()))
    }
}

/// One column of a sheet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Column {
    /// Heading.
    pub title: String,
    /// Width in characters of the default font.
    pub width: f64,
    /// Words offered by a drop-down list; others may be typed. Empty for none. Together at most 255 characters.
    pub choices: Vec<String>,
}

impl Column {
    /// A column without choices.
    pub fn new(title: impl Into<String>, width: f64) -> Self {
        Column { title: title.into(), width, choices: Vec::new() }
    }
}

/// One sheet: headings in row 1, then the rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sheet {
    /// Name on the tab; made to fit Excel's rules and to be unique.
    pub name: String,
    /// Columns.
    pub columns: Vec<Column>,
    /// Rows, each as long as `columns`.
    pub rows: Vec<Vec<Cell>>,
    /// How many of the first columns are printed; none: all of them.
    pub printed: Option<usize>,
}

/// The bytes of a workbook. `as_of` is its creation time, so that a second run gives the same bytes.
///
/// # Errors
/// When the writer refuses (exit 4).
pub fn workbook(title: &str, as_of: NaiveDate, timezone: Tz, sheets: &[Sheet]) -> Result<Vec<u8>> {
    write(title, as_of, timezone, sheets)
        .map_err(|e| Error::failed(format!("cannot write the workbook \"{title}\"")).because(e))
}

fn write(title: &str, as_of: NaiveDate, timezone: Tz, sheets: &[Sheet]) -> Result<Vec<u8>, XlsxError> {
    use chrono::Datelike;
    let mut book = Workbook::new();
    let (year, month, day) = (as_of.year().clamp(1900, 9999), as_of.month(), as_of.day());
    let created = ExcelDateTime::from_ymd(year as u16, month as u8, day as u8)?;
    book.set_properties(&DocProperties::new().set_title(title).set_author("leadrecon").set_creation_datetime(&created));
    let formats = Formats::new();
    let mut names: Vec<String> = Vec::new();
    for sheet in sheets {
        names.push(tab_name(&sheet.name, &names));
    }
    // Sheets are filled side by side.
    let filled = names.par_iter().zip(sheets).map(|(name, sheet)| {
        let mut tab = Worksheet::new();
        fill(&mut tab, name, sheet, timezone, &formats).map(|()| tab)
    });
    for tab in filled.collect::<Result<Vec<_>, _>>()? {
        book.push_worksheet(tab);
    }
    if sheets.is_empty() {
        book.add_worksheet().set_name("empty")?;
    }
    book.save_to_buffer()
}

struct Formats {
    heading: Format,
    text: Format,
    count: Format,
    number: Format,
    share: Format,
    money: Format,
    small_money: Format,
    instant: Format,
    day: Format,
    link: Format,
}

impl Formats {
    fn new() -> Self {
        let cell = || Format::new().set_align(FormatAlign::Top).set_border_bottom(FormatBorder::Hair);
        // Numbers stand to the right, and not against the text of the next column.
        let number = || cell().set_align(FormatAlign::Right).set_indent(1);
        Formats {
            heading: Format::new()
                .set_bold()
                .set_text_wrap()
                .set_align(FormatAlign::VerticalCenter)
                .set_background_color(Color::RGB(0x1F_3A_5F))
                .set_font_color(Color::White)
                .set_border_bottom(FormatBorder::Thin),
            // "@" keeps phones and ids as text when a person edits the cell.
            text: cell().set_num_format("@").set_text_wrap(),
            count: number().set_num_format("#,##0"),
            number: number().set_num_format("#,##0.####"),
            share: number().set_num_format("0.0%"),
            money: number().set_num_format("#,##0.00"),
            small_money: number().set_num_format("0.00######"),
            instant: cell().set_num_format("yyyy-mm-dd hh:mm"),
            day: cell().set_num_format("yyyy-mm-dd"),
            link: cell().set_font_color(Color::RGB(0x1F_4E_8C)).set_underline(FormatUnderline::Single),
        }
    }
}

fn fill(at: &mut Worksheet, name: &str, sheet: &Sheet, timezone: Tz, formats: &Formats) -> Result<(), XlsxError> {
    at.set_name(name)?;
    let printed = sheet.printed.unwrap_or(sheet.columns.len());
    let width: f64 = sheet.columns.iter().take(printed).map(|column| column.width).sum();
    let pages = (width / PAGE).ceil().max(1.0) as u16;
    at.set_landscape().set_paper_size(9).set_print_fit_to_pages(pages, 0);
    at.set_margins(0.4, 0.4, 0.6, 0.6, 0.3, 0.3).set_footer("&L&A&RPage &P of &N");
    at.set_repeat_rows(0, 0)?;
    at.set_freeze_panes(1, 0)?;
    let shown = sheet.rows.len().min(MOST_ROWS);
    let last_row = shown as u32;
    for (place, column) in sheet.columns.iter().enumerate() {
        let place = place as u16;
        at.set_column_width(place, column.width)?;
        at.write_string_with_format(0, place, &column.title, &formats.heading)?;
        if !column.choices.is_empty() {
            // Other words are allowed (`in-crm:…`): the list helps and does not forbid.
            let list = DataValidation::new().allow_list_strings(&column.choices)?.show_error_message(false);
            at.add_data_validation(1, place, last_row.max(1), place, &list)?;
        }
    }
    at.set_row_height(0, height(sheet.columns.iter().map(|c| (c.title.as_str(), c.width))))?;
    for (row, cells) in (1u32..).zip(sheet.rows.iter().take(MOST_ROWS)) {
        at.set_row_height(
            row,
            height(cells.iter().zip(&sheet.columns).filter_map(|(cell, column)| match cell {
                Cell::Text(text) => Some((text.as_str(), column.width)),
                _ => None,
            })),
        )?;
        for (place, cell) in (0u16..).zip(cells) {
            put(at, row, place, cell, timezone, formats)?;
        }
    }
    if let Some(last_column) = sheet.columns.len().checked_sub(1) {
        let last_column = last_column as u16;
        at.autofilter(0, 0, last_row, last_column)?;
        at.ignore_error_range(0, 0, last_row, last_column, IgnoreError::NumberStoredAsText)?;
        let printed = sheet.printed.map_or(last_column, |n| last_column.min((n as u16).saturating_sub(1)));
        at.set_print_area(0, 0, last_row, printed)?;
    }
    if sheet.rows.len() > shown {
        let left = count(sheet.rows.len() - shown, "row", "rows");
        at.write_string(last_row + 1, 0, format!("{left} more: see the tables"))?;
    }
    Ok(())
}

fn put(at: &mut Worksheet, row: u32, column: u16, cell: &Cell, timezone: Tz, f: &Formats) -> Result<(), XlsxError> {
    match cell {
        // A blank with the text format, so that what a person types into an empty cell stays as typed.
        Cell::Empty => at.write_blank(row, column, &f.text)?,
        Cell::Text(text) => at.write_string_with_format(row, column, bounded(&neutralise(text)), &f.text)?,
        Cell::Count(n) => at.write_number_with_format(row, column, *n as f64, &f.count)?,
        Cell::Number(n) | Cell::Share(n) | Cell::Money(n) if !n.is_finite() => at.write_blank(row, column, &f.text)?,
        Cell::Number(n) => at.write_number_with_format(row, column, *n, &f.number)?,
        Cell::Share(n) => at.write_number_with_format(row, column, *n, &f.share)?,
        Cell::Money(n) if n.abs() >= 1.0 => at.write_number_with_format(row, column, *n, &f.money)?,
        Cell::Money(n) => at.write_number_with_format(row, column, *n, &f.small_money)?,
        Cell::Instant(t) => {
            let local = timezone.from_utc_datetime(&t.naive_utc()).naive_local();
            let days =
                serial(local.date()) + f64::from(chrono::Timelike::num_seconds_from_midnight(&local.time())) / 86_400.0;
            at.write_number_with_format(row, column, days, &f.instant)?
        }
        Cell::Day(day) => at.write_number_with_format(row, column, serial(*day), &f.day)?,
        Cell::Link { text, address } => {
            let url = Url::new(address.as_str()).set_text(bounded(&neutralise(text)));
            at.write_url_with_format(row, column, url, &f.link)?
        }
        Cell::Flag(yes) => at.write_string_with_format(row, column, if *yes { "yes" } else { "no" }, &f.text)?,
    };
    Ok(())
}

/// The height of a row in points. Written down, because a row whose texts wrap is else as high as the program that opens it
/// guesses: LibreOffice prints such rows over each other.
fn height<'a>(texts: impl Iterator<Item = (&'a str, f64)>) -> f64 {
    const LINE: f64 = 15.0;
    const MOST: f64 = 409.0; // Excel's limit
    let lines = texts.map(|(text, width)| lines(text, width)).max().unwrap_or(1).max(1);
    (lines as f64 * LINE).min(MOST)
}

/// How many lines a text takes in a column of so many characters, words kept whole where they fit.
fn lines(text: &str, width: f64) -> usize {
    // A digit is the unit of widths; most letters are narrower, capitals and East Asian letters wider.
    let room = (width - 1.0).max(1.0);
    let size = |word: &str| -> f64 {
        word.chars()
            .map(|c| {
                if c as u32 >= 0x1100 {
                    2.0
                } else if c.is_uppercase() || c == '@' {
                    1.25
                } else {
                    1.0
                }
            })
            .sum()
    };
    let mut lines = 0;
    for paragraph in text.lines().take(200) {
        let (mut taken, mut here) = (0.0_f64, 1);
        for word in paragraph.split(' ') {
            let wide = size(word);
            let with_space = if taken == 0.0 { wide } else { taken + 1.0 + wide };
            if with_space <= room {
                taken = with_space;
                continue;
            }
            here += usize::from(taken > 0.0);
            let whole = ((wide / room).ceil() as usize).max(1);
            here += whole - 1;
            taken = wide - (whole - 1) as f64 * room;
        }
        lines += here;
    }
    lines.max(1)
}

/// Excel's serial number of a day: days since 1899-12-30.
fn serial(day: NaiveDate) -> f64 {
    const EXCEL_DAY_ZERO: i64 = -25_569; // days from the Unix epoch to 1899-12-30
    ((day - NaiveDate::default()).num_days() - EXCEL_DAY_ZERO) as f64
}

/// The text, cut to what a cell can hold. Control characters that XML forbids become U+FFFD.
fn bounded(text: &str) -> String {
    let mut units = 0;
    text.chars()
        .map(|c| {
            if c.is_control() && !matches!(c, '\t' | '\n' | '\r') || matches!(c, '\u{fffe}' | '\u{ffff}') {
                '\u{fffd}'
            } else {
                c
            }
        })
        .take_while(|c| {
            units += c.len_utf16();
            units <= MOST_TEXT
        })
        .collect()
}

/// A tab name by Excel's rules: 1 to 31 characters, none of `[]:*?/\`, no apostrophe at either end, no two alike.
fn tab_name(wanted: &str, taken: &[String]) -> String {
    let plain: String =
        wanted.chars().map(|c| if "[]:*?/\\".contains(c) || c.is_control() { '-' } else { c }).collect();
    let plain = plain.trim_matches(['\'', ' ']);
    let plain = if plain.is_empty() || plain.eq_ignore_ascii_case("history") {
        format!("{plain} ").replace(' ', "_")
    } else {
        plain.to_owned()
    };
    let cut = |n: usize| plain.chars().take(n).collect::<String>().trim_end_matches(['\'', ' ']).to_owned();
    let free = |name: &String| !taken.iter().any(|t| t.to_lowercase() == name.to_lowercase());
    let numbered = (2..).map(|n| format!("{} ({n})", cut(25)));
    std::iter::once(cut(31)).chain(numbered).find(free).unwrap_or(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use calamine::{Data, Reader, Xlsx};

    fn read(bytes: Vec<u8>) -> Xlsx<std::io::Cursor<Vec<u8>>> {
        Xlsx::new(std::io::Cursor::new(bytes)).unwrap()
    }

    fn sheet(name: &str, rows: Vec<Vec<Cell>>) -> Sheet {
        let mut outcome = Column::new("Outcome", 12.0);
        outcome.choices = vec!["called".into(), "duplicate".into(), "junk".into()];
        Sheet { name: name.into(), columns: vec![Column::new("Phone", 20.0), outcome], rows, printed: None }
    }

    #[test]
    fn an_independent_reader_sees_texts_as_texts_and_times_in_the_reports_zone() {
        let rows = vec![
            vec![Cell::Text("+49 30 0123".into()), Cell::Text("=cmd|' /C calc'!A0".into())],
            vec![Cell::Text("0049".into()), Cell::Empty],
            vec![Cell::Instant("2026-05-03T22:30:00Z".parse().unwrap()), Cell::Day("2026-05-03".parse().unwrap())],
            vec![Cell::Text("nul\u{0}led".into()), Cell::Number(f64::NAN)],
        ];
        let bytes =
            workbook("t", "2026-05-10".parse().unwrap(), chrono_tz::Europe::Berlin, &[sheet("Calls", rows)]).unwrap();
        let mut book = read(bytes);
        let range = book.worksheet_range("Calls").unwrap();
        let text = |row, column| {
            range.get_value((row, column)).and_then(|d| match d {
                Data::String(s) => Some(s.clone()),
                Data::DateTime(t) => Some(format!("{:?}", t.to_ymd_hms_milli())),
                _ => None,
            })
        };
        assert_eq!(text(0, 0).as_deref(), Some("Phone"));
        assert_eq!(text(1, 0).as_deref(), Some("+49 30 0123"));
        assert_eq!(text(1, 1).as_deref(), Some("'=cmd|' /C calc'!A0"));
        assert_eq!(text(2, 0).as_deref(), Some("0049"));
        assert_eq!(text(3, 0).as_deref(), Some("(2026, 5, 4, 0, 30, 0, 0)"));
        assert_eq!(text(3, 1).as_deref(), Some("(2026, 5, 3, 0, 0, 0, 0)"));
        assert_eq!(text(4, 0).as_deref(), Some("nul\u{fffd}led"));
        assert!(book.worksheet_formula("Calls").unwrap().is_empty());
    }

    #[test]
    fn a_row_is_as_high_as_its_longest_text_wraps() {
        for (text, width, expected) in [
            ("short", 20.0, 1),
            ("two words", 8.0, 2),
            ("a line\nand another", 40.0, 2),
            ("unbreakable-and-longer-than-the-column", 20.0, 2),
            ("", 20.0, 1),
            ("株式会社ナニガシ", 10.0, 2),
        ] {
            assert_eq!(lines(text, width), expected, "{text}");
        }
        assert!((height([("two words", 8.0), ("one", 8.0)].into_iter()) - 30.0).abs() < f64::EPSILON);
        let long = "word ".repeat(5_000);
        assert!((height(std::iter::once((long.as_str(), 10.0))) - 409.0).abs() < f64::EPSILON);
    }

    #[test]
    fn equal_sheets_give_equal_bytes() {
        let make = || {
            workbook(
                "t",
                "2026-05-10".parse().unwrap(),
                Tz::UTC,
                &[sheet("a", vec![vec![Cell::Count(1), Cell::Empty]]), sheet("b", vec![])],
            )
            .unwrap()
        };
        assert_eq!(make(), make());
    }

    #[test]
    fn tab_names_fit_excels_rules_and_are_unique() {
        let mut taken = Vec::new();
        for wanted in ["a/b:c", "A-B-C", "", "History", &"x".repeat(40), &"x".repeat(40), "'quoted'"] {
            let name = tab_name(wanted, &taken);
            assert!((1..=31).contains(&name.chars().count()), "{name}");
            taken.push(name);
        }
        assert_eq!(
            taken,
            ["a-b-c", "A-B-C (2)", "_", "History_", &"x".repeat(31), &format!("{} (2)", "x".repeat(25)), "quoted"]
        );
        let sheets: Vec<Sheet> = taken.iter().map(|n| sheet(n, vec![])).collect();
        workbook("t", "2026-05-10".parse().unwrap(), Tz::UTC, &sheets).unwrap();
    }

    #[test]
    fn a_text_longer_than_a_cell_is_cut_and_not_refused() {
        let rows = vec![vec![Cell::Text("😀".repeat(20_000)), Cell::Empty]];
        workbook("t", "2026-05-10".parse().unwrap(), Tz::UTC, &[sheet("a", rows)]).unwrap();
    }
}
