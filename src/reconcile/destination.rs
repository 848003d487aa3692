//! The phases of reconciliation at one destination, in order.

use polars::prelude::PlHashSet;

use crate::error::Result;
use crate::reconcile::clock::{self, Clock};
use crate::reconcile::evidence::Slack;
use crate::reconcile::inference::{self, Keeps};
use crate::reconcile::ledger::Ledger;
use crate::reconcile::verdicts::Settled;
use crate::reconcile::{by_content, per_lead, per_person};

/// The clock by which its records follow their leads.
pub(super) fn clock(ledger: &Ledger<'_, '_>) -> Clock {
    clock::recognise(&inference::lone_pairs(ledger), ledger.destination.timezone.unwrap_or(chrono_tz::UTC))
}

/// How early its records may be, and whether it keeps one for each lead or for each person.
pub(super) fn measure(ledger: &Ledger<'_, '_>) -> (Slack, Keeps) {
    (inference::slack(ledger), Keeps::of(ledger))
}

/// Finds which record accounts for which lead. `clock`: the one that the records' times were read by.
pub(super) fn settle<'b, 'a>(mut ledger: Ledger<'b, 'a>, clock: Clock) -> Result<Settled<'b, 'a>> {
    let (slack, keeps) = measure(&ledger);
    keeps.refuse_contradiction(ledger.destination)?;
    let answers_of = if keeps.per_person { per_person::answers } else { per_lead::answers };
    let mut answers = answers_of(&ledger, slack)?;
    let claims = by_content::claims(&ledger, slack, &answers);
    if !claims.is_empty() {
        for claim in claims {
            ledger.records.give(claim.record, claim.person, claim.matched_by);
        }
        answers = answers_of(&ledger, slack)?;
    }
    let known_out_of_sight =
        if keeps.per_person { per_person::known_out_of_sight(&ledger) } else { PlHashSet::default() };
    let unreadable = PlHashSet::default();
    Ok(Settled { ledger, clock, slack, keeps, answers, known_out_of_sight, unreadable })
}
