//! How much may come out of packed bytes: a file of some kilobytes can hold a petabyte of nothing.

use std::cell::Cell;
use std::io::{Error, ErrorKind, Read, Result};
use std::rc::Rc;

/// How much comes out of any packed bytes, whatever their size.
const ALWAYS: u64 = 64 << 20;
/// How many times larger than packed what comes out may be: logs are packed to a tenth, repeated ones to a hundredth.
const TIMES: u64 = 400;

/// A reader that counts what is taken of it.
pub(super) struct Packed<R> {
    reader: R,
    taken: Rc<Cell<u64>>,
}

/// The limit that follows from the count.
pub(super) struct Limit(Rc<Cell<u64>>);

/// What comes out, up to the limit.
pub(super) struct Limited<R> {
    reader: R,
    taken: Rc<Cell<u64>>,
    given: u64,
}

/// Counts packed bytes.
pub(super) fn packed<R: Read>(reader: R) -> (Packed<R>, Limit) {
    let taken = Rc::new(Cell::new(0));
    (Packed { reader, taken: Rc::clone(&taken) }, Limit(taken))
}

/// Why an error is one of a limit that was exceeded.
pub(super) fn exceeded(error: &Error) -> Option<String> {
    (error.kind() == ErrorKind::FileTooLarge).then(|| error.to_string())
}

impl Limit {
    /// Sets the limit over what unpacks them.
    pub(super) fn over<R: Read>(self, reader: R) -> Limited<R> {
        Limited { reader, taken: self.0, given: 0 }
    }
}

impl<R: Read> Read for Packed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let n = self.reader.read(buffer)?;
        self.taken.set(self.taken.get() + n as u64);
        Ok(n)
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let n = self.reader.read(buffer)?;
        self.given += n as u64;
        if self.given > ALWAYS.max(self.taken.get().saturating_mul(TIMES)) {
            let text = format!(
                "{} MB come out of {} kB of packed bytes: this is no file of leads, or a damaged one",
                self.given >> 20,
                self.taken.get().div_ceil(1024)
            );
            return Err(Error::new(ErrorKind::FileTooLarge, text));
        }
        Ok(n)
    }
}
