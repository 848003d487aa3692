//! One outage before it is a row, and what part of a destination it concerns.

/// A destination or a part of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope<'a> {
    All,
    Part(usize, Option<&'a str>),
    Source,
}

pub(super) const PARTS: [&str; 3] = ["offer", "action", "storefront"];

impl Scope<'_> {
    pub(super) fn text(&self) -> String {
        match self {
            Scope::All => "all".into(),
            Scope::Source => "source".into(),
            Scope::Part(part, value) => {
                format!("{}={}", PARTS.get(*part).unwrap_or(&""), value.unwrap_or("(none)"))
            }
        }
    }
}

/// One outage, before it is a row.
#[derive(Debug)]
pub(super) struct Outage<'a> {
    pub(super) id: String,
    pub(super) destination: &'a str,
    pub(super) scope: Scope<'a>,
    pub(super) began_after: Option<i64>,
    pub(super) began_by: i64,
    pub(super) ended_after: i64,
    pub(super) ended_by: Option<i64>,
    pub(super) leads: usize,
    pub(super) missed: usize,
    pub(super) late: usize,
    pub(super) people: usize,
    pub(super) base: f64,
    pub(super) e_value: f64,
    /// Whether leads after the export's last record are part of it.
    pub(super) beyond_export: bool,
    /// Rows of the leads it cost, in order of time.
    pub(super) lost: Vec<usize>,
    /// Of them, those that were pending.
    pub(super) turned: Vec<usize>,
    pub(super) first_lead: &'a str,
    pub(super) text: String,
}
