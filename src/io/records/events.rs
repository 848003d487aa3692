//! Server-sent events, as a proxy or a browser's tools keep them: the lines of `data:` without their name.
//!
//! Source: WHATWG HTML Living Standard, "Server-sent events", section "Interpreting an event stream".

use std::io::{BufRead, BufReader, Read, Result};

/// The field with what was sent.
const DATA: &[u8] = b"data:";
/// The names of an event's other fields; a comment has none.
const FIELDS: [&[u8]; 4] = [b"event:", b"id:", b"retry:", b":"];
/// Longer lines are handed on as they are, in pieces.
const LONGEST: u64 = 1 << 20;

/// Whether text is a stream of events: each of its first lines is a field of one, and some are data.
pub(super) fn is_stream(head: &[u8]) -> bool {
    const LOOKED_AT: usize = 20;
    let lines = head.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty()).take(LOOKED_AT);
    let mut data = false;
    for line in lines {
        match line.starts_with(DATA) {
            true => data = true,
            false if FIELDS.iter().any(|field| line.starts_with(field)) => {}
            false => return false,
        }
    }
    data
}

/// Whether data is the word in brackets by which many a program says that the stream is over: `[DONE]`.
fn is_end(data: &[u8]) -> bool {
    let word = data.trim_ascii().strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
    word.is_some_and(|word| word.iter().all(u8::is_ascii_uppercase))
}

/// The data of a stream of events.
pub(super) struct Data<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    given: usize,
}

impl<R: Read> Data<R> {
    pub(super) fn new(reader: R) -> Self {
        Data { reader: BufReader::new(reader), line: Vec::new(), given: 0 }
    }
}

impl<R: Read> Read for Data<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while self.given == self.line.len() {
            self.line.clear();
            if (&mut self.reader).take(LONGEST).read_until(b'\n', &mut self.line)? == 0 {
                return Ok(0);
            }
            self.given = match self.line.strip_prefix(DATA) {
                Some(data) if !is_end(data) => DATA.len(),
                None if !FIELDS.iter().any(|field| self.line.starts_with(field)) => 0,
                _ => self.line.len(),
            };
        }
        let n = self.line.get(self.given..).unwrap_or_default().read(buffer)?;
        self.given += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_of_events_is_what_was_sent() {
        let text = ": welcome\n\nevent: lead\nid: 7\ndata: {\"a\":\ndata: 1}\n\nretry: 3000\ndata:{\"a\":2}\n\ndata: [DONE]\n\n";
        assert!(is_stream(text.as_bytes()));
        let mut read = String::new();
        Data::new(text.as_bytes()).read_to_string(&mut read).unwrap();
        assert_eq!(read.trim(), "{\"a\":\n 1}\n\n{\"a\":2}");
        assert!(!is_stream(b"data: x\nEmail,Name\n") && !is_stream(b"id:,event:\n1,2\n") && !is_stream(b""));
    }
}
