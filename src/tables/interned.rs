//! A text column of few different values: each is held once, and the rows point at it.
//!
//! A million leads repeat the same sources, offers and lead sources; as texts of their own they would be a quarter of a
//! run's memory. The column is an ordinary one: only its bytes are shared.

use std::collections::HashMap;

use polars::prelude::*;

/// The column in the making.
#[derive(Debug)]
pub struct Interned {
    name: PlSmallStr,
    known: HashMap<String, IdxSize>,
    distinct: Vec<String>,
    rows: Vec<Option<IdxSize>>,
}

impl Interned {
    /// For so many rows.
    pub fn new(name: &str, rows: usize) -> Interned {
        Interned { name: name.into(), known: HashMap::new(), distinct: Vec::new(), rows: Vec::with_capacity(rows) }
    }

    /// Appends a value.
    pub fn push(&mut self, value: Option<&str>) {
        let row = value.map(|value| {
            if let Some(row) = self.known.get(value) {
                return *row;
            }
            let row = self.distinct.len() as IdxSize;
            self.known.insert(value.to_owned(), row);
            self.distinct.push(value.to_owned());
            row
        });
        self.rows.push(row);
    }

    /// The column.
    ///
    /// # Errors
    /// Never: every row points at a value.
    pub fn finish(self) -> PolarsResult<Column> {
        let distinct = StringChunked::from_iter_values(self.name.clone(), self.distinct.iter().map(String::as_str));
        let rows: IdxCa = self.rows.into_iter().collect_ca(self.name);
        Ok(distinct.take(&rows)?.into_column())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_in_the_order_they_were_given_and_long_ones_are_held_once() {
        let long = "AzureMarketplace-INS|contoso.data-mesh-pro";
        let mut interned = Interned::new("x", 4);
        for value in [Some(long), None, Some(""), Some(long), Some("b")] {
            interned.push(value);
        }
        let column = interned.finish().unwrap();
        let texts = column.str().unwrap();
        assert_eq!(texts.iter().collect::<Vec<_>>(), [Some(long), None, Some(""), Some(long), Some("b")]);
        let shared: usize = texts.downcast_iter().flat_map(|a| a.data_buffers().iter()).map(|b| b.len()).sum();
        assert_eq!(shared, long.len());
    }
}
