//! What an export itself tells about how it is to be read: grace, and whether it keeps a record per lead or per person.

use super::events::HOUR;
use crate::config::DestinationKind;

/// Fewer delays than this say nothing about grace.
pub(super) const FEWEST_DELAYS: usize = 50;
/// Grace until there are enough delays.
const GRACE_AT_FIRST: i64 = 48 * HOUR;

/// Time within which a delivered lead shows up: the 99.5th percentile of the delays, at least an hour; 48 hours until
/// there are fifty. `delays` are in the order in which their leads were received.
pub(super) fn grace(delays: &[i64]) -> i64 {
    let mut usual = without_backlogs(delays);
    if usual.len() < FEWEST_DELAYS {
        return GRACE_AT_FIRST;
    }
    usual.sort_unstable();
    let rank = (usual.len() * 995).div_ceil(1000).max(1);
    usual.get(rank - 1).copied().unwrap_or(GRACE_AT_FIRST).max(HOUR)
}

/// Delays but for backlogs: three and more neighbours that all waited ten times as long as three leads in four do, and
/// over an hour. They are leads of an outage imported later; counted, they would make every outage look like grace.
pub(super) fn without_backlogs(delays: &[i64]) -> Vec<i64> {
    let mut sorted = delays.to_vec();
    sorted.sort_unstable();
    let three_in_four = sorted.get(sorted.len() * 3 / 4).copied().unwrap_or(0);
    let fence = HOUR.max(three_in_four.saturating_mul(10));
    let mut usual = Vec::with_capacity(delays.len());
    for run in delays.chunk_by(|a, b| (*a > fence) == (*b > fence)) {
        if run.len() < 3 || run.first().is_none_or(|delay| *delay <= fence) {
            usual.extend_from_slice(run);
        }
    }
    usual
}

/// People of a destination by how many events and how many records they have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Repeats {
    /// People with one event, and those of them with a record.
    pub once: (usize, usize),
    /// For each person with several events and a record: events, and whether there is one record only.
    pub several: Vec<(usize, bool)>,
}

/// What the export says about `records_per`, in the likelihood of one person against one lead.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Weighed {
    /// People with several events and a record.
    pub people: usize,
    /// Those with one record only.
    pub single: usize,
    /// Natural logarithm of how much likelier a record per person is.
    pub for_person: f64,
}

/// Weighs the two readings. A destination that keeps a record per lead and lost some of them shows single records too,
/// but not more than its losses explain.
#[expect(clippy::cast_precision_loss, reason = "counts of people")]
pub(super) fn weigh(repeats: &Repeats) -> Weighed {
    let (people, found) = repeats.once;
    // Without people of one event a tenth is taken as lost.
    let share = (found as f64 + 9.0) / (people as f64 + 10.0);
    let mut for_person = 0.0;
    for (events, single) in &repeats.several {
        let k = *events as f64;
        let one = k * share * (1.0 - share).powf(k - 1.0) / (1.0 - (1.0 - share).powf(k));
        let (by_person, by_lead) = (0.9_f64, one.clamp(0.05, 0.95));
        for_person += if *single { (by_person / by_lead).ln() } else { ((1.0 - by_person) / (1.0 - by_lead)).ln() };
    }
    Weighed {
        people: repeats.several.len(),
        single: repeats.several.iter().filter(|(_, single)| *single).count(),
        for_person,
    }
}

/// Whether the destination keeps a record per person: by its people where they tell, else by its kind.
pub(super) fn keeps_a_record_per_person(weighed: Weighed, kind: DestinationKind) -> bool {
    // Odds of twenty.
    if weighed.for_person.abs() >= 3.0 {
        return weighed.for_person > 0.0;
    }
    matches!(kind, DestinationKind::Marketo | DestinationKind::Hubspot)
}

/// Odds at which a setting is contradicted rather than doubted: ten thousand to one, from twenty people at least.
///
/// Four people in five must say so as well: a mixture is no reason to stop a run.
pub(super) fn contradicts(weighed: Weighed, configured_person: bool) -> bool {
    let (against, saying_so) = if configured_person {
        (-weighed.for_person, weighed.people - weighed.single)
    } else {
        (weighed.for_person, weighed.single)
    };
    weighed.people >= 20 && against > 9.2 && saying_so * 5 >= weighed.people * 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grace_is_two_days_until_there_are_fifty_delays_and_then_the_99_5th_percentile() {
        let minute = HOUR / 60;
        assert_eq!(grace(&[5 * minute; 49]), 48 * HOUR);
        assert_eq!(grace(&[5 * minute; 50]), HOUR);
        let mut delays: Vec<i64> = (1..=1000).map(|n| n * minute).collect();
        delays.reverse();
        assert_eq!(grace(&delays), 995 * minute);
    }

    #[test]
    fn a_backlog_imported_late_does_not_stretch_grace_and_single_late_leads_do() {
        let minute = HOUR / 60;
        let mut delays = vec![5 * minute; 300];
        delays[100..120].fill(72 * HOUR);
        assert_eq!(grace(&delays), HOUR);
        delays[10] = 30 * HOUR;
        delays[200] = 31 * HOUR;
        assert_eq!(grace(&delays), 30 * HOUR, "one in a hundred waits more than a day");
    }

    #[test]
    fn one_record_for_people_with_several_leads_means_a_record_per_person() {
        let person = weigh(&Repeats { once: (100, 97), several: vec![(2, true); 25] });
        assert!(keeps_a_record_per_person(person, DestinationKind::Salesforce) && contradicts(person, false));
        let lead = weigh(&Repeats { once: (100, 97), several: vec![(2, false); 25] });
        assert!(!keeps_a_record_per_person(lead, DestinationKind::Hubspot) && contradicts(lead, true));
    }

    #[test]
    fn a_view_of_one_owner_is_not_taken_for_a_record_per_person() {
        // A quarter of all records is shown: most people with two leads have one record.
        let mut several = vec![(2, true); 86];
        several.extend([(2, false); 14]);
        let view = weigh(&Repeats { once: (400, 100), several });
        assert!(!keeps_a_record_per_person(view, DestinationKind::Salesforce) && !contradicts(view, false));
    }

    #[test]
    fn too_few_people_leave_it_to_the_kind_of_crm() {
        let few = weigh(&Repeats { once: (3, 3), several: vec![(2, true)] });
        assert!(!keeps_a_record_per_person(few, DestinationKind::Dynamics));
        assert!(keeps_a_record_per_person(few, DestinationKind::Marketo));
    }
}
