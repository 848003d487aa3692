//! What can be wrong with an export, or with another file that is read every night, in words.

use chrono::NaiveDate;

use crate::codes::finding;
use crate::config::DestinationKind;
use crate::error::count;
use crate::findings::words::Words;

/// What is wrong with an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AboutExport {
    /// It could not be read, for this reason.
    Unreadable(String),
    /// No file matches the configured names.
    NoneThere,
    /// It has not even a header.
    Empty,
    /// It has a header and no records.
    NoRecords,
    /// It holds records that are no use here.
    OtherObject,
    /// It has rows that were set aside as damaged.
    DamagedRows,
    /// Its record ids are not as the CRM makes them.
    ChangedIds,
    /// Its record ids were cut, or stand at several people.
    DamagedIds,
    /// It has no column by which anybody can be recognised.
    IdentifiesNobody,
    /// It has dates that cannot be read.
    UnreadTimes,
    /// Its records begin on this day, later than leads do.
    BeginsAbruptly(NaiveDate),
    /// It has less than half of the records of the one before.
    HalfSized,
    /// Of so many records that the last whole reading showed, so many are gone; and what those have in common.
    Shrunk {
        /// Records that are gone.
        gone: usize,
        /// Records that were there.
        of: usize,
        /// What the gone ones share.
        common: Option<String>,
        /// The file that held them, if it is not there.
        not_there: Option<String>,
    },
    /// A file of it ends inside a row: a download broke off.
    EndsInside,
    /// A file of it stops at a number of rows that a tool gives at most.
    AtLimit {
        /// So many.
        rows: usize,
    },
    /// Most records show another person than the landing has under their ids.
    OtherPeople {
        /// How many do.
        others: usize,
        /// Of how many that could be compared.
        of: usize,
    },
    /// Leads wait for an export to speak for them, for this reason, longer than they should.
    Unspoken(&'static str),
    /// More leads than complete exports leave without a record have none in it.
    NotComplete {
        /// So many of them.
        missed: usize,
        /// Of so many leads that it should show.
        of: usize,
        /// What it shows no more than; none where it seems to lack nothing.
        limits: Option<Limits>,
    },
    /// It does not show kinds of records that leads may have become.
    Lacks(Limits),
    /// Its times are of this zone, which nobody said.
    ClockOf(String),
    /// The command that makes it anew failed; when the one that stands there was written, and how many days ago.
    NotRefreshed {
        /// Why, without anything that the command said.
        why: String,
        /// The day and the age in days of the newest file; none where there is none.
        last: Option<(NaiveDate, i64)>,
    },
    /// A folder of a cost export has not the rows that its manifest names.
    RunNotWhole(String),
    /// Spend exports speak of the same days.
    SpendRestated,
    /// Spend exports speak in part of the same days, and one is left out.
    SpendOverlaps,
    /// Spend whose days are of several months.
    SpendOfMonths {
        /// With its currency.
        amount: String,
        /// The first of its days.
        first: NaiveDate,
        /// The last of its days.
        last: NaiveDate,
    },
}

/// What an export shows no more than.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Kinds of records that it lacks: converted, qualified, closed, disqualified, deleted.
    pub lacking: Vec<&'static str>,
    /// Whether all its records belong to one owner.
    pub one_owner: bool,
    /// Kind of its CRM, for what to do.
    pub of: DestinationKind,
}

impl AboutExport {
    /// What of an export could not be read, though the rest was: the night is incomplete.
    pub fn unread(&self) -> Option<String> {
        match self {
            AboutExport::Shrunk { not_there: Some(file), .. } => Some(format!("\"{file}\" is not there")),
            AboutExport::EndsInside => Some("an export ends inside a row".to_owned()),
            _ => None,
        }
    }

    pub(super) fn words(&self) -> Words {
        use AboutExport as It;
        let suspicious = |subject: &str, what: &str| Words::new(finding::EXPORT_SUSPICIOUS, subject, what);
        match self {
            It::Unreadable(why) => Words::new(finding::EXPORT_UNREADABLE, why, why),
            It::NoneThere => Words::new(
                finding::EXPORT_UNREADABLE,
                "none-there",
                "no export is there: no file matches the configured names",
            ),
            It::Empty => suspicious("empty", "an export is empty, without even a header"),
            It::NoRecords => suspicious("no-records", "the export has a header and no records"),
            It::OtherObject => suspicious(
                "other-object",
                "an export holds another object than leads, contacts, activities and opportunities; it is not used",
            ),
            It::DamagedRows => suspicious("damaged-rows", "rows of an export are damaged and were set aside"),
            It::ChangedIds => suspicious(
                "changed-ids",
                "record ids of an export do not check: they were made up or changed, and are taken as written",
            ),
            It::DamagedIds => suspicious(
                "damaged-ids",
                "record ids of an export were cut by a spreadsheet, or stand at several people; they are not used",
            ),
            It::IdentifiesNobody => suspicious(
                "identifies-nobody",
                "an export has no column for e-mail, phone, name or key; nobody in it can be recognised",
            ),
            It::UnreadTimes => suspicious("unread-times", "an export holds dates that cannot be read"),
            It::BeginsAbruptly(on) => suspicious("begins-abruptly", &format!("its records begin abruptly on {on}"))
                .because("earlier leads are out of sight; if they were lost, set since"),
            It::HalfSized => suspicious(
                "half-sized",
                "the export is less than half of the last one: a filter, a view or an interrupted export",
            ),
            It::Shrunk { gone, of, common, not_there } => {
                let shared = common.as_ref().map(|shared| format!(", {shared}"));
                let file = not_there.as_ref().map(|file| format!(", and its file \"{file}\" is not there"));
                let shared = file.or(shared).unwrap_or_default();
                Words::new(
                    finding::EXPORT_DOUBTFUL,
                    "shrunk",
                    format!("{gone} of {of} records of the last whole export are gone from this one{shared}"),
                )
                .because("it is not believed, and nothing new is concluded from it")
                .advise("Export all records again; if the CRM was cleaned up, set complete to the day of this report.")
            }
            It::OtherPeople { others, of } => Words::new(
                finding::EXPORT_DOUBTFUL,
                "other-people",
                format!("{others} of {of} records show other people than the last whole export did under their ids"),
            )
            .because("it is not believed, and nothing of it is landed")
            .advise(
                "Is it of a sandbox, made anonymous, or are its columns exchanged? If it is right, set complete to the day of \
                 this report.",
            ),
            It::EndsInside => {
                Words::new(finding::EXPORT_DOUBTFUL, "ends-inside", "an export ends inside a row: it was not written to its end")
                    .because("it is not believed, and nothing new is concluded from it")
                    .advise("Export it again.")
            }
            It::AtLimit { rows } => at_limit(*rows),
            It::Unspoken(reason) => Words::new(
                finding::UNKNOWN,
                *reason,
                format!("leads wait for an export to speak for them ({reason}): nobody knows whether they arrived"),
            )
            .advise("See what leadrecon check says of this destination's exports."),
            It::NotComplete { missed, of, limits } => not_complete(*missed, *of, limits.as_ref()),
            It::Lacks(limits) => limits.words(),
            It::ClockOf(zone) => Words::new(
                finding::CLOCK_SHIFT,
                zone,
                format!(
                    "the export's times are of {zone}: set timezone for this destination; they were read so tonight"
                ),
            ),
            It::NotRefreshed { why, last } => not_refreshed(why, *last),
            It::RunNotWhole(folder) => suspicious(
                &format!("run-not-whole {folder}"),
                &format!("cost export \"{folder}\" has not the rows its manifest names; it is left out"),
            ),
            It::SpendRestated => {
                suspicious("spend-restated", "spend exports restate days of each other; the newest counts")
            }
            It::SpendOverlaps => suspicious(
                "spend-overlaps",
                "spend exports overlap in part, and their sums cannot be told apart: the newest counts, the other is left out",
            )
            .advise("Add the column Day to the report."),
            It::SpendOfMonths { amount, first, last } => suspicious(
                &format!("spend-of-months {first} {last} {amount}"),
                &format!("{amount} of spend from {first} to {last} cannot be ascribed to one month"),
            )
            .because("it stands in table spend and goes into no cost per lead")
            .advise("Add the column Day to the report."),
        }
    }
}

fn not_refreshed(why: &str, last: Option<(NaiveDate, i64)>) -> Words {
    let last = match last {
        Some((day, 0)) => format!("the last good one is of {day}, not a day old"),
        Some((day, days)) => {
            let age = count(usize::try_from(days).unwrap_or_default(), "day", "days");
            format!("the last good one is of {day}, {age} old")
        }
        None => "no earlier one is there".to_owned(),
    };
    Words::new(finding::EXPORT_NOT_REFRESHED, "", format!("its export could not be made anew ({why}); {last}"))
        .because("what happened since is unknown")
}

fn at_limit(rows: usize) -> Words {
    let what = format!("an export stops at {rows} rows, as many as some tool gives at most");
    Words::new(finding::EXPORT_DOUBTFUL, "at-limit", what)
        .because("what is newest may be left out: it is not believed, and nothing new is concluded from it")
        .advise("Export all pages, or the newest first; if the CRM has just so many, set complete to the day of this report.")
}

fn not_complete(missed: usize, of: usize, limits: Option<&Limits>) -> Words {
    let shows = limits.map(|limits| format!(", and it shows {}", limits.text())).unwrap_or_default();
    let why = format!(
        "{missed} of {} have no record in it and neither an outage nor a change in time explains it, beside a complete \
         export about 2 in 1,000{shows}. Those are held back, and nobody is called about them",
        count(of, "lead", "leads")
    );
    let advice = limits.map_or_else(
        || "Export all records of all owners, without a view or a filter. If it does show all there is, set complete = true.".to_owned(),
        Limits::advice,
    );
    Words::new(finding::EXPORT_INCOMPLETE, "", "this export is probably not complete").because(why).advise(advice)
}

impl Limits {
    /// `no converted or deleted records`
    pub fn text(&self) -> String {
        match (self.lacking.as_slice(), self.one_owner) {
            ([], _) => "one owner's records only".to_owned(),
            (kinds, false) => format!("no {} records", either(kinds)),
            (kinds, true) => format!("one owner's records only, and no {} ones", either(kinds)),
        }
    }

    fn words(&self) -> Words {
        let mut subject = self.lacking.clone();
        subject.extend(self.one_owner.then_some("other-owners"));
        Words::new(finding::EXPORT_PARTIAL, subject.join(" "), format!("its export shows {}", self.text()))
            .because(
                "a delivered lead whose record it leaves out looks missed, and any missed lead outside outages and causes \
                 may be that",
            )
            .advise(self.advice())
    }

    /// What to export instead.
    fn advice(&self) -> String {
        let only_deleted = !self.one_owner && self.lacking == ["deleted"];
        let mut advice = Vec::new();
        match self.of {
            DestinationKind::Salesforce => advice.push(
                "Export all leads, converted and deleted ones too: by the query that leadrecon check --recipe salesforce prints, with \
                 --all-rows, and not from a list view or a report of open leads.",
            ),
            _ if only_deleted => {}
            DestinationKind::Dynamics => {
                advice.push("Export the view All Leads, whatever the state and the owner, and not My Open Leads.");
            }
            _ => advice.push("Export all records of all owners, without a view or a filter."),
        }
        if self.of != DestinationKind::Salesforce && self.lacking.contains(&"deleted") {
            advice.push("Deleted records cannot be exported there: export every night, then later deletions are seen.");
        }
        if !only_deleted {
            advice.push("If it does show all there is, set complete = true.");
        }
        advice.join(" ")
    }
}

/// `a`, `a or b`, `a, b or c`.
fn either(kinds: &[&str]) -> String {
    match kinds {
        [rest @ .., last] if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        one => one.concat(),
    }
}
