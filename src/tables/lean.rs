//! Columns without a value take no room: as a column of its own, each missing text is sixteen bytes, and an export fills a
//! half of the columns that records have.

use polars::prelude::*;

/// The frame with each column that has no value held as one null, whatever its height.
pub fn lean(frame: DataFrame) -> DataFrame {
    let height = frame.height();
    let own = |column: Column| if column.null_count() == height { without_values(&column, height) } else { column };
    let columns = frame.columns().iter().cloned().map(own).collect();
    DataFrame::new(height, columns).unwrap_or(frame)
}

fn without_values(like: &Column, height: usize) -> Column {
    Column::full_null(like.name().clone(), height, like.dtype())
}

/// Frames of the same columns below each other; a column that none of them fills stays without room.
///
/// # Errors
/// When a frame lacks a column of the first, or has it with another type.
pub fn stacked(frames: &[DataFrame]) -> PolarsResult<DataFrame> {
    let height = frames.iter().map(DataFrame::height).sum();
    let filled: Vec<&DataFrame> = frames.iter().filter(|frame| frame.height() > 0).collect();
    let Some(first) = filled.first().copied().or(frames.first()) else { return Ok(DataFrame::empty()) };
    let column = |column: &Column| {
        let parts = filled.iter().map(|frame| frame.column(column.name())).collect::<PolarsResult<Vec<_>>>()?;
        if parts.iter().all(|part| part.null_count() == part.len()) {
            return Ok(without_values(column, height));
        }
        let mut parts = parts.into_iter();
        let mut whole = parts.next().unwrap_or(column).clone();
        parts.try_for_each(|part| whole.append(part).map(drop))?;
        Ok(whole)
    };
    DataFrame::new(height, first.columns().iter().map(column).collect::<PolarsResult<_>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stacked_is_the_same_rows_and_what_nobody_fills_is_one_null() {
        let one = df!("a" => [Some("x"), None], "b" => [None::<&str>, None], "c" => [1i64, 2]).unwrap();
        let other = df!("a" => [None::<&str>], "b" => [None::<&str>], "c" => [3i64]).unwrap();
        let stacked = stacked(&[lean(one.clone()), lean(other.clone()), lean(other.clear())]).unwrap();
        assert!(stacked.equals_missing(&one.vstack(&other).unwrap()));
        let is_one_null = |frame: &DataFrame, name: &str| frame.column(name).unwrap().as_scalar_column().is_some();
        assert_eq!(["a", "b", "c"].map(|name| is_one_null(&stacked, name)), [false, true, false]);
    }
}
