//! A lead that was lost is not hidden by the second delivery of another one of its person.

use super::*;

const DAY: i64 = 1440;

/// Ann left lead a, which got no record in time, and two days later b, which got r1 at once.
fn ann(named: bool) -> Case {
    let mut case = Case::new();
    case.lead("a", "ann", 0).extend([("phone", "0749 865 4521".into()), ("company", "Fabrikam".into())]);
    case.lead("b", "ann", 2 * DAY).extend([("phone", "0749 865 4521".into()), ("company", "Fabrikam Ltd.".into())]);
    record(&mut case, named, "r1", 2 * DAY + 5, "Fabrikam Ltd.");
    // Enough leads of others that grace is known, and that the export shows what was typed.
    for n in 0..60 {
        let id: &'static str = Box::leak(format!("x{n:02}").into_boxed_str());
        let made: &'static str = Box::leak(format!("y{n:02}").into_boxed_str());
        case.lead(id, id, n * 60).push(("company", "Wingtip Ltd.".into()));
        let row = if named { case.record(made, id, n * 60 + 5) } else { case.bare_record(made, id, n * 60 + 5) };
        row.push(("company", "Wingtip Ltd.".into()));
    }
    case
}

fn record(case: &mut Case, named: bool, id: &'static str, minutes: i64, company: &'static str) {
    let row = if named { case.record(id, "ann", minutes) } else { case.bare_record(id, "ann", minutes) };
    row.extend([("phone", "0749 865 4521".into()), ("company", company.into())]);
}

fn of_ann(case: &Case) -> Vec<String> {
    case.verdicts().into_iter().take(2).collect()
}

#[test]
fn a_second_delivery_days_later_does_not_hide_the_loss_of_an_older_lead() {
    for named in [true, false] {
        let mut case = ann(named);
        record(&mut case, named, "r2", 9 * DAY, "Fabrikam Ltd.");
        assert_eq!(of_ann(&case), ["a missed/isolated", "b matched/delivered r1"], "lead sources shown: {named}");
        assert_eq!(case.unexplained(), ["r2 further-delivery"]);
        let odd = case.run().unexplained;
        assert_eq!(odd.texts("lead_id").unwrap(), [Some("b")]);
    }
}

#[test]
fn a_late_import_still_matches_though_a_second_delivery_came_before_it() {
    let mut case = ann(false);
    record(&mut case, false, "r3", 4 * DAY, "Fabrikam");
    assert_eq!(of_ann(&case), ["a matched/delivered r3", "b matched/delivered r1"]);
    // Nearer in time, but it is b's; what is left is the import.
    record(&mut case, false, "r2", 3 * DAY, "Fabrikam Ltd.");
    assert_eq!(of_ann(&case), ["a matched/delivered r3", "b matched/delivered r1"]);
    // Edited by sales it shows what nobody typed.
    let mut case = ann(false);
    record(&mut case, false, "r3", 4 * DAY, "Fabrikam Group");
    assert_eq!(of_ann(&case), ["a matched/delivered r3", "b matched/delivered r1"]);
}

#[test]
fn a_record_that_sales_edited_matches_in_time() {
    let mut case = ann(true);
    record(&mut case, true, "r2", 30, "Fabrikam Ltd.");
    assert_eq!(of_ann(&case), ["a matched/delivered r2", "b matched/delivered r1"]);
}

#[test]
fn where_both_typed_the_same_the_late_record_answers_the_older_lead() {
    let mut case = ann(true);
    for row in case.leads.iter_mut().take(2) {
        row.push(("company", "Fabrikam Ltd.".into()));
    }
    record(&mut case, true, "r2", 9 * DAY, "Fabrikam Ltd.");
    assert_eq!(of_ann(&case), ["a matched/delivered r2", "b matched/delivered r1"]);
}

#[test]
fn two_lost_leads_imported_together_in_the_wrong_order_have_each_its_own_record() {
    let mut case = ann(false);
    case.records.remove(0);
    record(&mut case, false, "r1", 3 * DAY, "Fabrikam Ltd.");
    record(&mut case, false, "r2", 3 * DAY + 1, "Fabrikam");
    assert_eq!(of_ann(&case), ["a matched/delivered r2", "b matched/delivered r1"]);
    case.records.swap_remove(60);
    record(&mut case, false, "r1", 3 * DAY + 2, "Fabrikam Ltd.");
    assert_eq!(of_ann(&case), ["a matched/delivered r2", "b matched/delivered r1"]);
}

#[test]
fn a_record_imported_late_is_of_the_lead_whose_writing_it_shows_and_not_of_a_nearer_one() {
    let mut case = ann(false);
    case.records.remove(0);
    record(&mut case, false, "r1", 4 * DAY, "Fabrikam");
    assert_eq!(of_ann(&case), ["a matched/delivered r1", "b missed/isolated"]);
}

#[test]
fn within_grace_two_fields_must_say_whose_a_record_is() {
    // b came half an hour after a and was delivered twice; a was lost.
    let mut case = ann(true);
    case.leads[1].push(("received_at", Value::At(at(30))));
    case.records[0].push(("created_at", Value::At(at(32))));
    record(&mut case, true, "r2", 40, "Fabrikam Ltd.");
    assert_eq!(of_ann(&case)[0], "a matched/delivered r2", "sales may have edited the company");
    for row in [&mut case.leads[1], &mut case.records[0]] {
        row.push(("phone", "+49 30 2093 7041".into()));
    }
    case.records.last_mut().unwrap().push(("phone", "+49 30 2093 7041".into()));
    assert_eq!(of_ann(&case), ["a missed/isolated", "b matched/delivered r1"]);
    case.records.last_mut().unwrap().push(("record_id", "r2".into()));
    case.record("r0", "ann", 500).extend([("merged_into", "r2".into()), ("deleted", true.into())]);
    assert_eq!(of_ann(&case)[0], "a matched/delivered r2", "what sales merge has the values of both");
}

#[test]
fn another_way_to_write_a_phone_number_tells_leads_apart_only_where_the_export_keeps_what_was_typed() {
    let mut case = ann(true);
    case.leads[0].extend([("company", "Fabrikam Ltd.".into()), ("phone", "00447498654521".into())]);
    record(&mut case, true, "r2", 9 * DAY, "Fabrikam Ltd.");
    assert_eq!(of_ann(&case)[0], "a missed/isolated");
    // An export that writes all numbers in its own way.
    for row in case.leads.iter_mut().skip(2) {
        row.push(("phone", "+1 (425) 555-0100".into()));
    }
    for row in case.records.iter_mut().skip(1) {
        row.extend([("phone", "4255550100".into())]);
    }
    case.records[0].push(("phone", "0749 865 4521".into()));
    case.records.last_mut().unwrap().push(("phone", "0749 865 4521".into()));
    assert_eq!(of_ann(&case)[0], "a matched/delivered r2");
}
