//! Leads that were read and wait until all are there.
//!
//! Frames of a few thousand rows live in blocks that the allocator cannot give back once larger ones are made of them: a
//! million leads took twice their size. So chunks wait packed, a tenth as large, and are unpacked column by column.

use std::io::Cursor;
use std::sync::Arc;

use polars::prelude::*;

/// One chunk of rows.
#[derive(Clone, Debug)]
pub(super) struct Packed(Arc<[u8]>);

impl Packed {
    /// Packs a frame.
    ///
    /// # Errors
    /// When the engine fails.
    pub(super) fn new(mut frame: DataFrame) -> PolarsResult<Packed> {
        let mut bytes = Vec::new();
        ParquetWriter::new(&mut bytes)
            .with_compression(ParquetCompression::Zstd(None))
            .with_statistics(StatisticsOptions::empty())
            .set_parallel(false)
            .finish(&mut frame)?;
        Ok(Packed(bytes.into()))
    }

    /// Its bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The same of bytes that [`Self::bytes`] gave.
    pub(super) fn of_bytes(bytes: &[u8]) -> Packed {
        Packed(bytes.into())
    }

    fn column(&self, name: &str) -> PolarsResult<Column> {
        let frame = ParquetReader::new(Cursor::new(self.0.clone()))
            .with_columns(Some(vec![name.to_owned()]))
            .read_parallel(ParallelStrategy::None)
            .finish()?;
        frame.column(name).cloned()
    }
}

/// All rows of the chunks, sorted by a column that names them.
///
/// # Errors
/// When the engine fails.
pub(super) fn unpack(packed: Vec<Packed>, key: &str) -> PolarsResult<DataFrame> {
    let Some(first) = packed.first() else { return Ok(DataFrame::empty()) };
    let schema = ParquetReader::new(Cursor::new(first.0.clone())).schema()?;
    let all = |name: &str| -> PolarsResult<Column> {
        let mut column = first.column(name)?;
        for more in packed.iter().skip(1) {
            column.append_owned(more.column(name)?)?;
        }
        Ok(column)
    };
    let order = all(key)?.arg_sort(SortOptions::default().with_maintain_order(true));
    let columns =
        schema.iter_names().map(|name| all(name.as_str())?.take(&order)).collect::<PolarsResult<Vec<Column>>>()?;
    DataFrame::new(order.len(), columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_come_back_whole_and_in_the_order_of_their_keys() {
        let chunk = |keys: &[&str], days: &[Option<i32>]| {
            df!("key" => keys, "text" => keys.iter().map(|k| (*k != "b").then(|| k.repeat(20))).collect::<Vec<_>>(),
                "day" => Series::new("day".into(), days).cast(&DataType::Date).unwrap())
            .unwrap()
        };
        let (one, two) = (chunk(&["d", "b"], &[Some(1), None]), chunk(&["c", "a"], &[Some(3), Some(4)]));
        let packed = [&one, &two].map(|f| Packed::new(f.clone()).unwrap()).to_vec();
        let expected = one.vstack(&two).unwrap().sort(["key"], SortMultipleOptions::default()).unwrap();
        assert!(unpack(packed, "key").unwrap().equals_missing(&expected));
        assert_eq!(unpack(Vec::new(), "key").unwrap().height(), 0);
    }
}
