//! Every code that a table, a file or a message of the contract may hold, in one place.
//!
//! Codes are kebab-case (but for the marketplace's own actions), name the pattern and not the cure, and never change
//! their meaning: other tools read them.

/// Lists of codes: a module each, with its constants and `ALL` of them. A table's code column names its list, and a value
/// outside it is refused where the table is made (`tables`), so a code exists once it stands here.
macro_rules! codes {
    ($( $(#[$of:meta])* pub mod $list:ident { $( $(#[$meaning:meta])* pub const $name:ident: &str = $code:literal; )+ } )+) => {
        $(
            $(#[$of])*
            pub mod $list {
                $( $(#[$meaning])* pub const $name: &str = $code; )+
                /// All of them, the plainest first.
                pub const ALL: &[&str] = &[$($name),+];
            }
        )+
    };
}

codes! {
/// `verdict` of `reconciliation`.
pub mod verdict {
    /// The lead arrived.
    pub const MATCHED: &str = "matched";
    /// The lead was lost.
    pub const MISSED: &str = "missed";
    /// Too young, or the export cannot speak for it yet.
    pub const PENDING: &str = "pending";
    /// It was not to be delivered, or nobody can tell any more.
    pub const EXCLUDED: &str = "excluded";
}

/// `reason` of `reconciliation`.
pub mod reason {
    /// matched: a record made by this lead.
    pub const DELIVERED: &str = "delivered";
    /// matched: delivered, and the record was converted since.
    pub const CONVERTED: &str = "converted";
    /// matched: the destination knows the person; it proves no delivery.
    pub const PERSON_KNOWN: &str = "person-known";
    /// matched: delivered, the record vanished from the export since.
    pub const GONE_SINCE: &str = "gone-since";
    /// missed: inside an outage.
    pub const OUTAGE: &str = "outage";
    /// missed: shares a pattern with other missed leads.
    pub const CAUSE: &str = "cause";
    /// missed: neither.
    pub const ISOLATED: &str = "isolated";
    /// pending: younger than what delays allow for.
    pub const GRACE: &str = "grace";
    /// pending: no export could be read.
    pub const NO_EXPORT: &str = "no-export";
    /// pending: later than the last record of the export.
    pub const AFTER_LAST_RECORD: &str = "after-last-record";
    /// pending: somebody of this address or phone stands in a row of the export that was set aside.
    pub const RECORD_UNREADABLE: &str = "record-unreadable";
    /// pending: nothing in the export identifies anybody.
    pub const NO_IDENTITY: &str = "no-identity";
    /// pending: tonight's export shows less than the last whole one, or so little of what it should that misses prove
    /// nothing, and is not believed.
    pub const EXPORT_DOUBTFUL: &str = "export-doubtful";
    /// excluded: sent by Microsoft to try the connection.
    pub const TEST_LEAD: &str = "test-lead";
    /// excluded: the customer asked for another partner.
    pub const DO_NOT_CONTACT: &str = "do-not-contact";
    /// excluded: personal data was withheld, as with .edu.
    pub const WITHHELD: &str = "withheld";
    /// excluded: our own staff.
    pub const INTERNAL: &str = "internal";
    /// excluded: no destination's `offers` match.
    pub const NOT_ROUTED: &str = "not-routed";
    /// excluded: a second delivery of an event.
    pub const REPEAT_DELIVERY: &str = "repeat-delivery";
    /// excluded: before what the export can speak for.
    pub const OUT_OF_SIGHT: &str = "out-of-sight";
}

/// `reason` of `quarantine`.
pub mod quarantine {
    /// The bytes are no text.
    pub const NOT_TEXT: &str = "not-text";
    /// The text should be JSON and is not.
    pub const NOT_JSON: &str = "not-json";
    /// It can be read, and nothing in it belongs to a lead.
    pub const NOT_A_LEAD: &str = "not-a-lead";
    /// CustomerInfo is there and cannot be read.
    pub const CUSTOMER_INFO: &str = "customer-info";
    /// Larger than a lead may be.
    pub const TOO_LARGE: &str = "too-large";
}

/// `kind` of `leads`.
pub mod kind {
    /// A customer.
    pub const GENUINE: &str = "genuine";
    /// MSFT_TEST_ and digits in any field.
    pub const TEST: &str = "test";
    /// Action DNC.
    pub const DO_NOT_CONTACT: &str = "do-not-contact";
    /// No first name, last name, e-mail and phone.
    pub const WITHHELD: &str = "withheld";
    /// Our own staff, by `[exclude]`.
    pub const INTERNAL: &str = "internal";
}

/// `stage` of `leads`, in the order of the funnel.
pub mod stage {
    /// Started a test drive.
    pub const TRIAL: &str = "trial";
    /// Asked to get it.
    pub const INTEREST: &str = "interest";
    /// Asked to be contacted.
    pub const CONTACT: &str = "contact";
    /// Bought in the portal.
    pub const PURCHASE: &str = "purchase";
    /// None of these.
    pub const NONE: &str = "none";
}

/// `storefront` of `leads`, where it is a known one.
pub mod storefront {
    /// Azure Marketplace.
    pub const AZURE_MARKETPLACE: &str = "azure-marketplace";
    /// AppSource, also SPZA.
    pub const APPSOURCE: &str = "appsource";
    /// The Azure portal.
    pub const AZURE_PORTAL: &str = "azure-portal";
    /// A test drive.
    pub const TEST_DRIVE: &str = "test-drive";
}

/// `action` of `leads`, where it is a known one; the marketplace's own spelling.
pub mod action {
    /// Get it now.
    pub const INS: &str = "INS";
    /// Partner led trial: contact me.
    pub const PLT: &str = "PLT";
    /// Do not contact.
    pub const DNC: &str = "DNC";
    /// Created in the Azure portal.
    pub const CREATE: &str = "Create";
    /// Started a test drive.
    pub const START_TEST_DRIVE: &str = "StartTestDrive";
}

/// `status` of `missed_leads`.
pub mod status {
    /// First reported by this day's report.
    pub const NEW: &str = "new";
    /// Reported before and still missed.
    pub const OPEN: &str = "open";
    /// Handed out by `replay`.
    pub const REPLAYED: &str = "replayed";
    /// Settled by a person.
    pub const CLOSED: &str = "closed";
    /// Open for longer than `[missed] give_up`.
    pub const GIVEN_UP: &str = "given-up";
}

/// `outcome` of `crm_records`.
pub mod outcome {
    /// Being worked on.
    pub const OPEN: &str = "open";
    /// Qualified or converted.
    pub const QUALIFIED: &str = "qualified";
    /// Its opportunity was won.
    pub const WON: &str = "won";
    /// Disqualified or lost.
    pub const LOST: &str = "lost";
}

/// `change` of `changed_people`.
pub mod change {
    /// Several people of the run before are one.
    pub const MERGED: &str = "merged";
    /// One person of the run before is several.
    pub const SPLIT: &str = "split";
}

/// `linked_by` and `matched_by`.
pub mod link {
    /// Equal key of the raw lead.
    pub const KEY: &str = "key";
    /// Same e-mail.
    pub const EMAIL: &str = "email";
    /// Same phone.
    pub const PHONE: &str = "phone";
    /// Same name.
    pub const NAME: &str = "name";
    /// By the sum of the model's weights.
    pub const MODEL: &str = "model";
    /// By a reviewed decision.
    pub const DECISION: &str = "decision";
}

/// `reason` of `unexplained_records`.
pub mod unexplained {
    /// A second record for a lead that has one.
    pub const FURTHER_DELIVERY: &str = "further-delivery";
    /// A test lead was forwarded.
    pub const TEST_LEAD: &str = "test-lead";
    /// A do-not-contact lead was forwarded.
    pub const DO_NOT_CONTACT: &str = "do-not-contact";
    /// No lead of the landing accounts for it.
    pub const NO_LEAD: &str = "no-lead";
    /// Its offer is known to the CRM only.
    pub const UNKNOWN_OFFER: &str = "unknown-offer";
}
}

/// `level` of `findings`, most urgent first.
pub mod level {
    /// Wake somebody.
    pub const PAGE: &str = "page";
    /// Tell somebody in the morning.
    pub const MAIL: &str = "mail";
    /// Keep in the report.
    pub const LIST: &str = "list";
    /// All levels, most urgent first.
    pub const ALL: [&str; 3] = [PAGE, MAIL, LIST];
}

codes! {
/// `code` of `findings`.
pub mod finding {
    /// A new outage.
    pub const OUTAGE: &str = "outage";
    /// An outage that goes on.
    pub const OUTAGE_ONGOING: &str = "outage-ongoing";
    /// An outage of the store itself.
    pub const SOURCE_OUTAGE: &str = "source-outage";
    /// So many leads were expected of a source, none was seen.
    pub const SOURCE_SILENT: &str = "source-silent";
    /// A source could not be read.
    pub const SOURCE_UNREADABLE: &str = "source-unreadable";
    /// An export could not be read.
    pub const EXPORT_UNREADABLE: &str = "export-unreadable";
    /// An export is empty, another object, one view, or much smaller than the last.
    pub const EXPORT_SUSPICIOUS: &str = "export-suspicious";
    /// An export does not show kinds of records that leads may have become.
    pub const EXPORT_PARTIAL: &str = "export-partial";
    /// An export shows less than the last whole one: nothing new is concluded from it.
    pub const EXPORT_DOUBTFUL: &str = "export-doubtful";
    /// The command that makes an export anew failed.
    pub const EXPORT_NOT_REFRESHED: &str = "export-not-refreshed";
    /// The missed share is implausible: the destination is gated.
    pub const EXPORT_INCOMPLETE: &str = "export-incomplete";
    /// Leads of which no export has spoken for too long.
    pub const UNKNOWN: &str = "unknown";
    /// A missed purchase or contact request.
    pub const MISSED_URGENT: &str = "missed-urgent";
    /// Missed leads.
    pub const MISSED: &str = "missed";
    /// Missed leads that arrived after all.
    pub const RECOVERED: &str = "recovered";
    /// A pattern that missed leads share.
    pub const CAUSE: &str = "cause";
    /// A genuine lead that goes to no destination.
    pub const NOT_ROUTED: &str = "not-routed";
    /// First sight of an offer.
    pub const NEW_OFFER: &str = "new-offer";
    /// First sight of a storefront.
    pub const NEW_STOREFRONT: &str = "new-storefront";
    /// First sight of an action.
    pub const NEW_ACTION: &str = "new-action";
    /// The share of an excluded reason jumped.
    pub const EXCLUDED_JUMP: &str = "excluded-jump";
    /// Raw leads that could not be read.
    pub const QUARANTINED: &str = "quarantined";
    /// Do-not-contact or test leads that were forwarded.
    pub const FORWARDED: &str = "forwarded";
    /// Records no lead accounts for.
    pub const UNEXPLAINED: &str = "unexplained";
    /// A lead only a witness saw.
    pub const LOST_AT_SOURCE: &str = "lost-at-source";
    /// Delivered, and nobody touched it.
    pub const UNTOUCHED: &str = "untouched";
    /// Leads or records were taken out of the landing by command.
    pub const RETRACTED: &str = "retracted";
    /// Fields of one raw lead name different actions.
    pub const CONTRADICTION: &str = "contradiction";
    /// A raw lead changed under its key.
    pub const CHANGED: &str = "changed";
    /// People merged or split since the last run.
    pub const PEOPLE_CHANGED: &str = "people-changed";
    /// A block of the identity model was capped, or a cluster cut.
    pub const IDENTITY_LIMITED: &str = "identity-limited";
    /// The export's clock is off by whole hours.
    pub const CLOCK_SHIFT: &str = "clock-shift";
    /// This machine's clock and a source's differ.
    pub const CLOCK_WRONG: &str = "clock-wrong";
    /// Leads without a time of their own have that of a copy of their files.
    pub const FILES_COPIED: &str = "files-copied";
    /// A credential expires soon.
    pub const CREDENTIAL_EXPIRING: &str = "credential-expiring";
    /// A setting is contradicted by the data or names something unknown.
    pub const SETTING_DOUBTFUL: &str = "setting-doubtful";
    /// The state knows of no earlier report, but the output holds one.
    pub const STATE_BEGAN: &str = "state-began";
}
}

codes! {
/// `measure` of `nights`.
pub mod measure {
    /// Missed leads that are still to be settled.
    pub const OPEN_LEADS: &str = "open-leads";
    /// People of them.
    pub const OPEN_PEOPLE: &str = "open-people";
    /// Missed leads first reported that night.
    pub const NEW_LEADS: &str = "new-leads";
    /// Leads that arrived after all, first seen that night.
    pub const RECOVERED_LEADS: &str = "recovered-leads";
    /// Median time to arrive of the leads of thirty days.
    pub const MEDIAN_DELAY_SECONDS: &str = "median-delay-seconds";
    /// Share of the leads of thirty days that arrived within an hour, of all that an export has spoken for.
    pub const WITHIN_HOUR: &str = "within-hour";
    /// Time from until when an export speaks to the end of the day.
    pub const EXPORT_AGE_SECONDS: &str = "export-age-seconds";
    /// Estimated share of joined leads that are rightly joined.
    pub const IDENTITY_PRECISION: &str = "identity-precision";
    /// Estimated share of leads of one person that were joined.
    pub const IDENTITY_RECALL: &str = "identity-recall";
}
}

/// `entry` of `history`, and the codes of its shares.
pub mod entry {
    /// A lead that was missed, or recovered.
    pub const LEAD: &str = "lead";
    /// An outage.
    pub const OUTAGE: &str = "outage";
    /// A finding that was told.
    pub const FINDING: &str = "finding";
    /// A share of a destination's rows.
    pub const SHARE: &str = "share";
    /// An offer, storefront or action that leads had.
    pub const SEEN: &str = "seen";
    /// What a night was measured by.
    pub const NIGHT: &str = "night";
    /// Code of the share of a believed export's leads that are missed and neither in an outage nor of a cause.
    pub const ISOLATED_SHARE: &str = "isolated-share";
    /// Code of the share of an excluded reason.
    pub const EXCLUDED_SHARE: &str = "excluded-share";
    /// Code of how many rows a destination had, of which its shares are.
    pub const ROWS: &str = "rows";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_stands_once_in_its_list_and_a_reason_once_in_all_of_them() {
        let lists = [
            verdict::ALL,
            &[reason::ALL, quarantine::ALL].concat(),
            kind::ALL,
            stage::ALL,
            storefront::ALL,
            status::ALL,
            outcome::ALL,
            change::ALL,
            link::ALL,
            unexplained::ALL,
            &level::ALL,
            finding::ALL,
        ];
        for list in lists {
            let mut seen = list.to_vec();
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), list.len(), "{list:?}");
            assert!(list.iter().all(|code| code.chars().all(|c| c.is_ascii_lowercase() || c == '-')), "{list:?}");
        }
    }
}
