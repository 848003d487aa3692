//! Patterns over whole texts, as the configuration writes them.

use globset::{Glob, GlobBuilder, GlobMatcher};

use crate::error::{Error, Result};

/// A pattern over a whole text, any case: `*` any characters, `?` one.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    matcher: GlobMatcher,
}

impl Pattern {
    /// Reads a pattern; everything but `*` and `?` stands for itself.
    ///
    /// # Errors
    /// When it cannot be compiled (over-long).
    pub fn new(text: &str) -> Result<Self> {
        let mut escaped = String::with_capacity(text.len());
        for c in text.chars() {
            if matches!(c, '[' | ']' | '{' | '}' | '!' | '\\' | ',') {
                escaped.push('\\');
            }
            escaped.push(c);
        }
        let glob: Glob = GlobBuilder::new(&escaped)
            .case_insensitive(true)
            .literal_separator(false)
            .backslash_escape(true)
            .build()
            .map_err(|e| Error::usage(format!("pattern \"{text}\" cannot be used")).because(e))?;
        Ok(Pattern { text: text.to_owned(), matcher: glob.compile_matcher() })
    }

    /// Whether the whole text fits.
    pub fn matches(&self, text: &str) -> bool {
        self.matcher.is_match(text.to_lowercase()) || self.matcher.is_match(text)
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl std::fmt::Debug for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pattern({:?})", self.text)
    }
}
