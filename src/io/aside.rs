//! Bytes that are too many for memory, in a file without a name: personal data of which nothing is left, however this
//! program ends.

use std::fs::File;
use std::io::{Read, Result, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::tabular::Content;

/// Room for what is put aside, one thing behind the other. The file is there once something is.
pub(super) struct Aside {
    folder: PathBuf,
    file: Option<Arc<File>>,
    /// Where the thing begins that is being written, and ends so far.
    begins: u64,
    ends: u64,
}

impl Aside {
    /// Room in a private folder.
    pub fn below(folder: PathBuf) -> Self {
        Aside { folder, file: None, begins: 0, ends: 0 }
    }

    /// Begins another thing; what was written of one that was not taken stays unread.
    pub fn begin(&mut self) {
        self.begins = self.ends;
    }

    /// What was written since the beginning.
    pub fn take(&mut self) -> Content {
        let (begins, ends) = (self.begins, self.ends);
        self.begin();
        match &self.file {
            None => Vec::new().into(),
            Some(file) => {
                let file = file.clone();
                Content::elsewhere(ends - begins, move |at| {
                    Ok(Box::new(Piece { file: file.clone(), at: begins.saturating_add(at), ends }))
                })
            }
        }
    }
}

impl Write for Aside {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(Arc::new(tempfile::tempfile_in(&self.folder)?)),
        };
        let written = file.write_at(bytes, self.ends)?;
        self.ends += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// One thing that was put aside, from a byte on.
struct Piece {
    file: Arc<File>,
    at: u64,
    ends: u64,
}

impl Read for Piece {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let left = usize::try_from(self.ends.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let most = left.min(buffer.len());
        let taken = self.file.read_at(buffer.get_mut(..most).unwrap_or_default(), self.at)?;
        self.at += taken as u64;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_aside_is_read_from_any_byte_and_stands_in_no_folder() {
        let dir = tempfile::tempdir().unwrap();
        let mut aside = Aside::below(dir.path().to_owned());
        aside.write_all(b"broke o").unwrap();
        aside.begin();
        aside.write_all(b"one").unwrap();
        let one = aside.take();
        aside.write_all(b"another").unwrap();
        let another = aside.take();
        assert_eq!((one.whole().unwrap().as_ref(), another.length()), (b"one".as_slice(), 7));
        let mut rest = String::new();
        another.reader_from(3).unwrap().read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "ther");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
