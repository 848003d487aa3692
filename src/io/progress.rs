//! A bar for each source that is read: how many records, blobs or files, and how fast.

use std::sync::LazyLock;
use std::time::Duration;

use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressFinish, ProgressState, ProgressStyle};

/// All bars, so that a line of the log goes above them and not through them.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Writes to standard error while no bar stands in the way.
pub fn aside<T>(write: impl FnOnce() -> T) -> T {
    BARS.suspend(write)
}

/// A line that says what is being done, and since when; a hidden one where none is to be shown.
pub(super) fn stage(shown: bool) -> ProgressBar {
    if !shown {
        return ProgressBar::hidden();
    }
    let line = BARS.add(ProgressBar::new_spinner());
    let line = line.with_finish(ProgressFinish::AndClear);
    line.enable_steady_tick(Duration::from_millis(200));
    match style("{spinner} {msg} ({elapsed})") {
        Some(style) => line.with_style(style),
        None => line,
    }
}

/// A bar that turns until it is known how much there is; a hidden one where none is to be shown.
pub(super) fn bar(name: &str, shown: bool) -> ProgressBar {
    if !shown {
        return ProgressBar::hidden();
    }
    let bar = BARS.add(ProgressBar::new_spinner()).with_prefix(name.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    match style("{spinner} {prefix}: {human_pos} ({rate}, {elapsed})") {
        Some(style) => bar.with_style(style),
        None => bar,
    }
}

/// A style of bars that can tell rates.
pub(super) fn style(template: &str) -> Option<ProgressStyle> {
    let tell = |state: &ProgressState, to: &mut dyn std::fmt::Write| {
        // What cannot be written to a terminal is not shown.
        let _ = to.write_str(&rate(state.per_sec()));
    };
    ProgressStyle::with_template(template).ok().map(|style| style.with_key("rate", tell))
}

/// Records, blobs or files a second: no digits that tell nothing.
fn rate(per_second: f64) -> String {
    if per_second < 10.0 { format!("{per_second:.1}/s") } else { format!("{}/s", HumanCount(per_second as u64)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_tells_rates_without_digits_that_tell_nothing() {
        assert_eq!([5616.7044, 28.0469, 0.333].map(rate), ["5,616/s", "28/s", "0.3/s"]);
        assert!(style("{spinner} {prefix}: {human_pos} of {human_len} ({rate}, {eta} left)").is_some());
    }
}
