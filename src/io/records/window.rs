//! A look ahead into a stream: as much as is asked for, whatever the reads give; and UTF-16 as UTF-8.

use std::io::{Chain, Cursor, Read, Result};

/// The unread beginning of a stream, growing on demand.
pub(super) struct Window<R> {
    reader: R,
    bytes: Vec<u8>,
    start: usize,
    ended: bool,
}

impl<R: Read> Window<R> {
    pub(super) fn new(reader: R) -> Self {
        Window { reader, bytes: Vec::new(), start: 0, ended: false }
    }

    /// What is at hand.
    pub(super) fn ready(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// At least `n` bytes, if the stream has as many.
    pub(super) fn peek(&mut self, n: usize) -> Result<&[u8]> {
        while self.ready().len() < n && self.grow()? {}
        Ok(self.ready())
    }

    /// The byte at an offset; none at the end.
    pub(super) fn at(&mut self, offset: usize) -> Result<Option<u8>> {
        loop {
            if let Some(byte) = self.ready().get(offset) {
                return Ok(Some(*byte));
            }
            if !self.grow()? {
                return Ok(None);
            }
        }
    }

    /// Leaves bytes behind.
    pub(super) fn consume(&mut self, n: usize) {
        self.start = (self.start + n).min(self.bytes.len());
    }

    /// Leaves bytes behind that may not be at hand yet.
    pub(super) fn skip(&mut self, n: usize) -> Result<()> {
        self.peek(n)?;
        self.consume(n);
        Ok(())
    }

    /// Everything up to the end.
    pub(super) fn rest(&mut self) -> Result<Vec<u8>> {
        while self.grow()? {}
        Ok(self.ready().to_vec())
    }

    /// The stream from here on.
    pub(super) fn into_reader(self) -> Chain<Cursor<Vec<u8>>, R> {
        let mut cursor = Cursor::new(self.bytes);
        cursor.set_position(self.start as u64);
        cursor.chain(self.reader)
    }

    fn grow(&mut self) -> Result<bool> {
        if self.ended {
            return Ok(false);
        }
        if self.start > 0 && self.start * 2 >= self.bytes.len() {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        let before = self.bytes.len();
        let read = (&mut self.reader).take(1 << 16).read_to_end(&mut self.bytes);
        // What was read before a failure stays at hand.
        self.ended = self.bytes.len() < before + (1 << 16);
        read?;
        Ok(self.bytes.len() > before)
    }
}

/// Reads another encoding as UTF-8.
pub(super) struct Transcoder<R> {
    reader: R,
    decoder: encoding_rs::Decoder,
    text: Vec<u8>,
    given: usize,
    ended: bool,
}

impl<R: Read> Transcoder<R> {
    pub(super) fn new(reader: R, encoding: &'static encoding_rs::Encoding) -> Self {
        let decoder = encoding.new_decoder_without_bom_handling();
        Transcoder { reader, decoder, text: Vec::new(), given: 0, ended: false }
    }
}

impl<R: Read> Read for Transcoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while self.given == self.text.len() && !self.ended {
            let mut raw = Vec::with_capacity(1 << 14);
            let read = (&mut self.reader).take(1 << 14).read_to_end(&mut raw)?;
            self.ended = read == 0;
            let mut text = String::with_capacity(raw.len() * 3 + 16);
            // The capacity holds the worst case, so one call takes all.
            let _ = self.decoder.decode_to_string(&raw, &mut text, self.ended);
            self.text = text.into_bytes();
            self.given = 0;
        }
        let n = self.text.get(self.given..).unwrap_or_default().read(buffer)?;
        self.given += n;
        Ok(n)
    }
}
