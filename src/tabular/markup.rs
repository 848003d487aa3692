//! Tables of web pages, and of Excel's XML of 2003 (SpreadsheetML): what CRMs and portals hand out as `.xls`.
//!
//! Made from text: the filled cells of each table, row by row. Tags need not be closed, as browsers have it; a table
//! within a table is one of its own. What is not between the tags of a cell is nothing.

use std::collections::BTreeMap;

use crate::contact;

/// One table.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    /// The worksheet's name, where it has one.
    pub name: Option<String>,
    /// Row from 0, and its filled cells by column from 0.
    pub rows: Vec<(u32, Vec<(u32, String)>)>,
    /// Whether the text ended before the table did.
    pub is_open: bool,
}

/// Wider or higher than this no cell is, and into no more columns do cells reach down: each row goes through them all.
const MOST_SPANNED: u32 = 1000;
/// Within this many bytes a tag ends, or its quotes are none.
const LONGEST_TAG: usize = 65_536;

/// What a text says of itself: how the text of such a file is encoded.
pub(super) fn charset(bytes: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    let opening = String::from_utf8_lossy(bytes.get(..2048.min(bytes.len())).unwrap_or_default()).to_ascii_lowercase();
    let said = ["charset=", "encoding="].iter().find_map(|key| opening.split_once(key)).map(|(_, said)| said)?;
    let label = said.trim_start_matches(['"', '\'']);
    let end = label.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':'))).unwrap_or(label.len());
    encoding_rs::Encoding::for_label(label.get(..end)?.as_bytes())
}

/// Whether a text begins as a web page or XML does.
pub(super) fn is_markup(text: &str) -> bool {
    const OPENINGS: [&str; 12] = [
        "<!doctype html", "<html", "<table", "<?xml", "<!--", "<head", "<body", "<meta", "<style", "<title", "<div",
        "<workbook",
    ];
    let start = text.trim_start();
    let opening = start.get(..start.floor_char_boundary(32)).map(str::to_ascii_lowercase).unwrap_or_default();
    OPENINGS.iter().any(|tag| opening.starts_with(tag))
}

/// All tables of a text, in the order in which they end.
pub(super) fn tables(text: &str) -> Vec<Table> {
    let mut reading = Reading::default();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        reading.text(before);
        rest = match () {
            () if tag.starts_with("<!--") => tag.find("-->").map_or("", |end| &tag[end + 3..]),
            () if tag.starts_with("<![CDATA[") => {
                let (inside, after) = tag[9..].split_once("]]>").unwrap_or((&tag[9..], ""));
                reading.plain(inside);
                after
            }
            () if tag[1..].starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) => {
                let Some(end) = end_of(tag) else {
                    rest = "";
                    break;
                };
                let after = &tag[end + 1..];
                match reading.tag(&tag[1..end]) {
                    Some(passed) => passed.end_in(after),
                    None => after,
                }
            }
            () => {
                reading.text("<");
                &tag[1..]
            }
        };
    }
    reading.text(rest);
    reading.finish()
}

/// Where a tag ends: at the first `>` outside quotes.
fn end_of(tag: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in tag.bytes().enumerate().take(LONGEST_TAG) {
        match (quote, byte) {
            (None, b'>') => return Some(at),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    tag.find('>')
}

/// An element whose content is no text.
struct Passed(&'static str);

impl Passed {
    /// What stands behind its end.
    fn end_in<'a>(&self, text: &'a str) -> &'a str {
        let is_end = |at: &usize| {
            let tag = text.get(at + 2..).unwrap_or_default();
            let name = tag.get(..tag.find('>').unwrap_or(tag.len())).unwrap_or_default();
            name.rsplit(':').next().is_some_and(|name| name.trim_end().eq_ignore_ascii_case(self.0))
        };
        text.match_indices("</").map(|(at, _)| at).find(is_end).and_then(|at| text.get(at..)).unwrap_or("")
    }
}

/// What is open while a text is read.
#[derive(Default)]
struct Reading {
    /// Whether cells hold their text in elements of their own, as those of SpreadsheetML do.
    is_xml: bool,
    worksheet: Option<String>,
    open: Vec<Open>,
    done: Vec<Table>,
}

/// A table that is being read.
#[derive(Default)]
struct Open {
    table: Table,
    row: Option<Row>,
    cell: Option<Cell>,
    /// The rows so far, blank ones too.
    height: u32,
    /// Text that reaches down into further rows, and how many, by its column.
    down: BTreeMap<u32, (u32, String)>,
}

#[derive(Default)]
struct Row {
    next: u32,
    cells: Vec<(u32, String)>,
}

struct Cell {
    /// The column that it names, from 0.
    at: Option<u32>,
    wide: u32,
    high: u32,
    text: String,
    /// Whether text counts here.
    counts: bool,
}

impl Reading {
    /// Text of a page: entities undone, blanks of all kinds one.
    fn text(&mut self, text: &str) {
        let is_xml = self.is_xml;
        let Some(cell) = self.open.last_mut().and_then(|open| open.cell.as_mut()).filter(|cell| cell.counts) else {
            return;
        };
        if is_xml {
            let breaks = text.replace("&#10;", "\n").replace("&#13;", "");
            cell.text.push_str(&contact::without_entities(&breaks));
            return;
        }
        let plain = contact::without_entities(text).replace('\u{a0}', " ");
        let mut words = plain.split_ascii_whitespace().peekable();
        let has_blank = |text: &str| text.is_empty() || text.ends_with(char::is_whitespace);
        if plain.starts_with(|c: char| c.is_ascii_whitespace()) && !has_blank(&cell.text) {
            cell.text.push(' ');
        }
        while let Some(word) = words.next() {
            cell.text.push_str(word);
            if words.peek().is_some() || plain.ends_with(|c: char| c.is_ascii_whitespace()) {
                cell.text.push(' ');
            }
        }
    }

    /// Text as it stands.
    fn plain(&mut self, text: &str) {
        if let Some(cell) = self.open.last_mut().and_then(|open| open.cell.as_mut()).filter(|cell| cell.counts) {
            cell.text.push_str(text);
        }
    }

    /// Follows a tag; of an element that holds no text, gives it.
    fn tag(&mut self, tag: &str) -> Option<Passed> {
        let (ends, tag) = tag.strip_prefix('/').map_or((false, tag), |tag| (true, tag));
        let length = tag.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(tag.len());
        let (name, attributes) = tag.split_at(length);
        let name = name.rsplit(':').next().unwrap_or_default().to_ascii_lowercase();
        let is_empty = attributes.ends_with('/');
        match (name.as_str(), ends) {
            ("workbook", false) => self.is_xml = true,
            ("worksheet", false) => self.worksheet = attribute(attributes, "name").map(str::to_owned),
            ("table", false) => {
                let table = Table { name: self.worksheet.clone(), ..Table::default() };
                self.open.push(Open { table, ..Open::default() });
            }
            ("table", true) => self.close(false),
            ("tr" | "row", _) => {
                let open = self.open.last_mut()?;
                open.end_row();
                if !ends {
                    let named = attribute(attributes, "index").and_then(|n| n.parse::<u32>().ok());
                    open.height = named.map_or(open.height, |n| n.saturating_sub(1).max(open.height));
                    open.row = Some(Row::default());
                    if is_empty {
                        open.end_row();
                    }
                }
            }
            ("td" | "th" | "cell", _) => {
                let is_xml = self.is_xml;
                let open = self.open.last_mut()?;
                open.end_cell(is_xml);
                if !ends {
                    let number = |key: &str| attribute(attributes, key).and_then(|n| n.trim().parse::<u32>().ok());
                    let span =
                        |key: &str, more: u32| number(key).map_or(1, |n| n.saturating_add(more)).clamp(1, MOST_SPANNED);
                    open.row.get_or_insert_default();
                    open.cell = Some(Cell {
                        at: number("index").filter(|_| is_xml).map(|n| n.saturating_sub(1)),
                        wide: if is_xml { span("mergeacross", 1) } else { span("colspan", 0) },
                        high: if is_xml { 1 } else { span("rowspan", 0) },
                        text: String::new(),
                        counts: !is_xml,
                    });
                    if is_empty && is_xml {
                        open.end_cell(is_xml);
                    }
                }
            }
            ("data", _) if self.is_xml => self.counts(!ends && !is_empty),
            // What somebody remarked on a cell is not what it holds.
            ("comment", false) if self.is_xml && !is_empty => return Some(Passed("comment")),
            ("br", _) | ("p" | "div" | "li", true) if !self.is_xml => self.plain("\n"),
            ("script", false) => return Some(Passed("script")),
            ("style", false) => return Some(Passed("style")),
            _ => {}
        }
        None
    }

    fn counts(&mut self, counts: bool) {
        if let Some(cell) = self.open.last_mut().and_then(|open| open.cell.as_mut()) {
            cell.counts = counts;
        }
    }

    fn close(&mut self, is_open: bool) {
        let is_xml = self.is_xml;
        let Some(mut open) = self.open.pop() else { return };
        open.end_cell(is_xml);
        open.end_row();
        open.table.is_open = is_open;
        self.done.push(open.table);
    }

    fn finish(mut self) -> Vec<Table> {
        while !self.open.is_empty() {
            self.close(true);
        }
        self.done.retain(|table| !table.rows.is_empty());
        self.done
    }
}

impl Open {
    fn end_cell(&mut self, is_xml: bool) {
        let Some(cell) = self.cell.take() else { return };
        let row = self.row.get_or_insert_default();
        let at = match cell.at {
            Some(at) => at.max(row.next),
            None => free(&mut self.down, row),
        };
        row.next = at.saturating_add(cell.wide);
        let text = if is_xml { cell.text } else { cell.text.trim().to_owned() };
        let room = (MOST_SPANNED as usize).saturating_sub(self.down.len());
        if cell.high > 1 && room > 0 {
            self.down.insert(at, (cell.high - 1, text.clone()));
            // Of a cell that is wide as well the others are blank, and taken.
            for column in (at + 1..row.next).take(room - 1) {
                self.down.insert(column, (cell.high - 1, String::new()));
            }
        }
        if !text.is_empty() {
            row.cells.push((at, text));
        }
    }

    fn end_row(&mut self) {
        self.end_cell(false);
        let Some(mut row) = self.row.take() else { return };
        // What reaches down behind the last cell.
        while self.down.range(row.next..).next().is_some() {
            let column = free(&mut self.down, &mut row);
            row.next = column.saturating_add(1);
        }
        if !row.cells.is_empty() {
            self.table.rows.push((self.height, row.cells));
        }
        self.height = self.height.saturating_add(1);
        self.down.retain(|_, (left, _)| *left > 0);
    }
}

/// The next column of a row that no cell above reaches down into; those that do are filled.
fn free(down: &mut BTreeMap<u32, (u32, String)>, row: &mut Row) -> u32 {
    while let Some((left, text)) = down.get_mut(&row.next).filter(|(left, _)| *left > 0) {
        *left -= 1;
        if !text.is_empty() {
            row.cells.push((row.next, text.clone()));
        }
        row.next = row.next.saturating_add(1);
    }
    row.next
}

/// The value of an attribute, under any prefix and in any case.
fn attribute<'a>(attributes: &'a str, wanted: &str) -> Option<&'a str> {
    let mut rest = attributes;
    while let Some((key, after)) = rest.split_once('=') {
        let key = key.rsplit(|c: char| c.is_whitespace() || c == ':').next().unwrap_or_default();
        let after = after.trim_start();
        let (value, behind) = match after.chars().next() {
            Some(quote @ ('"' | '\'')) => after.get(1..)?.split_once(quote)?,
            _ => after.split_at(after.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(after.len())),
        };
        if key.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = behind;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_that_reach_down_everywhere_cost_no_more_than_their_rows() {
        let text = format!("<table>{}", "<tr><td rowspan=1000 colspan=1000>a".repeat(3000));
        let begun = std::time::Instant::now();
        assert_eq!(tables(&text)[0].rows.len(), 3000);
        assert!(begun.elapsed().as_secs() < 20);
    }

    fn rows(text: &str) -> Vec<Vec<String>> {
        let tables = tables(text);
        let table = tables.iter().max_by_key(|table| table.rows.len()).expect("a table");
        let width = table.rows.iter().flat_map(|(_, cells)| cells).map(|(at, _)| at + 1).max().unwrap_or(0);
        let row = |(_, cells): &(u32, Vec<(u32, String)>)| {
            let mut row = vec![String::new(); width as usize];
            for (at, text) in cells {
                row[*at as usize].clone_from(text);
            }
            row
        };
        table.rows.iter().map(row).collect()
    }

    #[test]
    fn cells_of_a_page_stand_in_their_columns() {
        let page = "<html><head><style>td { color: red } </style></head><!-- <table><tr><td>no</td></tr></table> -->
            <BODY><Table border=1><tr><th>Name<th colspan=2>Mail &amp; more<tr><td rowspan='2'>A&#228;&nbsp;b
            <td title=\"a > b\">x@y.example<br/>z<td>1 < 2</tr><tr><td>second</tr></table><script>'<table>'</script>";
        assert_eq!(
            rows(page),
            [["Name", "Mail & more", ""], ["Aä b", "x@y.example\nz", "1 < 2"], ["Aä b", "second", ""]]
        );
        assert!(!tables(page)[0].is_open && tables("<table><tr><td>a")[0].is_open);
    }

    #[test]
    fn a_table_within_a_table_is_its_own() {
        let found = tables("<table><tr><td>menu<td><table><tr><td>a<td>b</table></td></tr></table>");
        assert_eq!(found[0].rows, [(0, vec![(0, "a".to_owned()), (1, "b".to_owned())])]);
        assert_eq!(found[1].rows, [(0, vec![(0, "menu".to_owned())])]);
    }

    #[test]
    fn cells_of_spreadsheet_xml_may_name_their_column() {
        let xml = r#"<?xml version="1.0"?><ss:Workbook xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">
            <ss:Worksheet ss:Name="Leads"><ss:Table><ss:Row><ss:Cell><ss:Data ss:Type="String">A</ss:Data></ss:Cell>
            <ss:Cell ss:Index="3"><ss:Data>C&#10;c</ss:Data><ss:Comment><ss:Data>remark</ss:Data></ss:Comment></ss:Cell>
            </ss:Row><ss:Row/><ss:Row><ss:Cell/><ss:Cell><ss:Data>b</ss:Data></ss:Cell></ss:Row></ss:Table>"#;
        assert_eq!(rows(xml), [["A", "", "C\nc"], ["", "b", ""]]);
        let found = tables(xml);
        assert_eq!((found[0].name.as_deref(), found[0].rows[1].0, found[0].is_open), (Some("Leads"), 2, false));
    }
}
