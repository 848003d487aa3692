//! Finished tables and the balance → report.html, report.xlsx, summary.txt, summary.json.

pub mod xlsx;
