//! What the configuration or a reviewed file says that the data contradict, in words.

use chrono::NaiveDate;

use crate::codes::finding;
use crate::findings::words::Words;

/// What of the configuration or of a reviewed file is doubtful.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AboutSetting {
    /// `columns` names a column that no export has.
    ColumnNowhere,
    /// The export has no lead sources, but nearly all records that follow their lead have this text.
    TextUnnamed(String),
    /// Records of this text, which names no marketplace, stand minutes after leads time after time: they deliver.
    TextDelivers(String),
    /// The same of records each of which has a text of its own, in which anybody may be named.
    TextsDeliver,
    /// The values of the column that `key` names belong to no lead.
    KeyOfNoLead,
    /// No line of cost belongs to a storage account of `[cost] storage_accounts`.
    AccountWithoutCost,
    /// Reviewed decisions name leads that are not there.
    DecisionOnNoLead,
    /// Reviewed decisions contradict each other.
    DecisionsContradict,
    /// A line of the file of reviewed decisions cannot be used, for this reason, which names the line.
    DecisionLine(String),
    /// More such lines than are named.
    DecisionLines,
    /// A reviewed file cannot be used, for this reason.
    ReviewedUnusable(String),
    /// A line of a file of worked leads cannot be used, for this reason, which names the line.
    WorkedLine(String),
    /// More such lines than are named.
    WorkedLines,
    /// A file of worked leads names leads or addresses that no lead has.
    WorkedNobody,
    /// A lead is settled by a record that no export holds.
    WorkedWithoutRecord {
        /// The lead.
        lead_id: String,
        /// The record, where what was typed looks like an id.
        record_id: Option<String>,
    },
    /// More such leads than are named.
    WorkedWithoutRecords,
    /// The state knows of no earlier report, but one of this day stands in the output.
    StateBegan(NaiveDate),
}

impl AboutSetting {
    pub(super) fn words(&self) -> Words {
        use AboutSetting as It;
        let doubtful = |subject: &str, what: &str| Words::new(finding::SETTING_DOUBTFUL, subject, what);
        match self {
            It::ColumnNowhere => doubtful("columns", "the configuration names a column that no export has"),
            It::TextUnnamed(text) => doubtful(
                &format!("delivered-by {text}"),
                &format!(
                    "its records show no marketplace lead source, but nearly all that follow their lead say \"{text}\": \
                     name the column and this text in delivered_by, so that a record of another origin hides no lost lead"
                ),
            ),
            It::TextDelivers(text) if text.is_empty() => doubtful(
                "text-delivers",
                "records without a lead source follow leads within minutes, since those with one ended: they are taken as \
                 deliveries",
            )
            .advise("Let the forwarder fill in the lead source again."),
            It::TextDelivers(text) => doubtful(
                &format!("text-delivers {text}"),
                &format!(
                    "records that say \"{text}\" follow leads within minutes, time after time: they are taken as deliveries"
                ),
            )
            .advise("Name the column and this text in delivered_by."),
            It::TextsDeliver => doubtful(
                "texts-deliver",
                "records each with a lead source of its own follow leads within minutes, time after time: they are taken \
                 as deliveries",
            )
            .advise("Let the forwarder write one lead source for all, or set key."),
            It::KeyOfNoLead => {
                doubtful("key", "most values of the column that `key` names belong to no lead: is it the right column?")
            }
            It::AccountWithoutCost => doubtful(
                "storage-accounts",
                "no line of the cost exports belongs to a storage account that [cost] storage_accounts names",
            ),
            It::DecisionOnNoLead => doubtful("decision-on-no-lead", "reviewed decisions name leads that are not there"),
            It::DecisionsContradict => doubtful(
                "decisions-contradict",
                "reviewed decisions contradict each other: a lead was said to be the same as one it differs from",
            ),
            It::DecisionLine(problem) => doubtful(
                &format!("decision-line {problem}"),
                &format!("the file of reviewed decisions, {problem}: this line decides nothing"),
            ),
            It::DecisionLines => {
                doubtful("decision-lines", "the file of reviewed decisions has more lines that decide nothing")
            }
            It::ReviewedUnusable(why) => doubtful(&format!("reviewed-unusable {why}"), why),
            It::WorkedLine(problem) => doubtful(
                &format!("worked-line {problem}"),
                &format!("the file of worked leads, {problem}: this line settles nothing"),
            ),
            It::WorkedLines => doubtful("worked-lines", "the file of worked leads has more lines that settle nothing"),
            It::WorkedNobody => {
                doubtful("worked-nobody", "the file of worked leads names leads or addresses that no lead has")
            }
            It::WorkedWithoutRecord { lead_id, record_id } => {
                let shown = record_id.as_ref().map(|id| format!(" {id}")).unwrap_or_default();
                doubtful(
                    &format!("in-crm {lead_id}{shown}"),
                    &format!("lead {lead_id} is settled as in-crm, and no export holds that record{shown}"),
                )
            }
            It::StateBegan(report) => Words::new(
                finding::STATE_BEGAN,
                "state-began",
                format!(
                    "the state is new, but the output holds a report of {report}: what was told then is told again as new, so \
                     nobody is paged today"
                ),
            )
            .advise("If the state folder was lost, bring it back from a backup; if [state] dir was changed, name the old one."),
            It::WorkedWithoutRecords => {
                doubtful("in-crm-more", "more leads are settled as in-crm with records that no export holds")
            }
        }
    }
}
