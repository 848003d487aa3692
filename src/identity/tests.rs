//! What must not be merged, and what must not be split: one test for each trap.

use polars::prelude::*;

use super::cluster::{Edge, heard};
use super::clustered::lowest_within;
use super::compare::{Shared, compare};
use super::dates::Date;
use super::homes::Contacts;
use super::level_table::{COMPANY, FIRST, LAST, OTHER_DATE, PHONE, TITLE};
use super::model::{COMBINATIONS, Model, Scale, weight};
use super::sizes::{Part, Sizes};
use super::together::Together;
use super::{Decision, Explainer, Inputs, Linked, link};
use crate::config::Threshold;
use crate::tables::{EarlierContacts, ExportRecords, Grain, Leads, Table};
use crate::time::HOUR;

/// first name, last name, e-mail, phone, company, country; empty is null.
pub(super) type Contact = [&'static str; 6];

/// One field of the contacts; empty is null.
fn field(name: &str, of: usize, contacts: impl Iterator<Item = Contact>) -> Column {
    let values: Vec<Option<&str>> = contacts.map(|contact| Some(contact[of]).filter(|v| !v.is_empty())).collect();
    Column::new(name.into(), values)
}

/// A lead of the given number: landed and received in the order of the numbers.
fn table(contacts: &[Contact], kinds: &[&str]) -> Table<Leads> {
    let n = contacts.len();
    let names = ["first_name", "last_name", "email", "phone", "company", "country"];
    let mut columns: Vec<Column> = (0..6).map(|f| field(names[f], f, contacts.iter().copied())).collect();
    let numbered =
        |name: &str, each: i64| Column::new(name.into(), (0..n as i64).map(|i| i * each).collect::<Vec<_>>());
    columns.extend([
        Column::new("lead_id".into(), (0..n).map(|i| format!("lead{i:03}")).collect::<Vec<_>>()),
        Column::new("kind".into(), (0..n).map(|i| kinds.get(i).copied().unwrap_or("genuine")).collect::<Vec<_>>()),
        Column::new("offer_id".into(), vec!["contoso.mesh"; n]),
        numbered("received_at", HOUR),
        numbered("landed_on", 1).cast(&DataType::Int32).unwrap(),
    ]);
    Table::sample(DataFrame::new(n, columns).unwrap())
}

pub(super) fn linked_with(contacts: &[Contact], kinds: &[&str], decisions: &[Decision]) -> Linked {
    link(&Inputs {
        leads: &table(contacts, kinds),
        records: &Table::<ExportRecords>::empty(),
        earlier: &Table::empty(),
        decisions,
        taught: &[],
        previous: None,
        threshold: Threshold::At(0.95),
        model: None,
    })
    .unwrap()
}

/// The person of each lead, as a letter in the order of first sight; `-` for nobody.
pub(super) fn persons(linked: &Linked) -> String {
    let ids = linked.identities.frame().column("person_id").unwrap().str().unwrap().clone();
    let mut seen: Vec<&str> = Vec::new();
    ids.iter()
        .map(|id| {
            id.map_or('-', |id| {
                let at = seen.iter().position(|s| *s == id).unwrap_or_else(|| {
                    seen.push(id);
                    seen.len() - 1
                });
                (b'a' + at as u8) as char
            })
        })
        .collect()
}

fn check(expected: &str, contacts: &[Contact]) {
    assert_eq!(persons(&linked_with(contacts, &[], &[])), expected, "{contacts:?}");
}

#[test]
fn one_address_in_two_spellings_is_one_person() {
    check(
        "aab",
        &[
            ["Ann", "Lee", "ann.lee@contoso.com", "", "Contoso", "US"],
            ["ann", "LEE", " Ann.Lee@Contoso.COM", "", "", ""],
            ["Bob", "Ray", "bob.ray@fabrikam.com", "", "Fabrikam", "US"],
        ],
    );
}

#[test]
fn test_and_withheld_leads_are_nobody() {
    let ann = ["Ann", "Lee", "ann.lee@contoso.com", "", "", ""];
    let found = linked_with(
        &[ann, ann, ["", "", "", "", "", "US"], ann],
        &["test", "genuine", "withheld", "do-not-contact"],
        &[],
    );
    assert_eq!(persons(&found), "-a-a");
    assert_eq!(found.people.height(), 1);
}

// Must not be merged.

#[test]
fn father_and_son_are_two_people_whatever_they_share() {
    let phone = "+1 425 555 0123";
    for (father, son) in
        [("Castellan Sr.", "Castellan Jr."), ("Castellan II", "Castellan III"), ("Castellan sen.", "Castellan jun.")]
    {
        check(
            "ab",
            &[
                ["John", father, "john@castellan.com", phone, "Castellan Farms", "US"],
                ["John", son, "johnny@castellan.com", phone, "Castellan Farms", "US"],
            ],
        );
        // Who leaves it out may be either, and joins them no more.
        let found = persons(&linked_with(
            &[
                ["John", father, "john@castellan.com", phone, "Castellan Farms", "US"],
                ["John", "Castellan", "john@castellan.com", phone, "Castellan Farms", "US"],
                ["John", son, "johnny@castellan.com", phone, "Castellan Farms", "US"],
            ],
            &[],
            &[],
        ));
        assert_ne!(found.as_bytes().first(), found.as_bytes().last(), "{found}");
    }
}

#[test]
fn namesakes_at_two_firms_are_two_people() {
    check(
        "ab",
        &[
            ["John", "Smith", "john.smith@contoso.com", "+1 425 882 8080", "Contoso", "US"],
            ["John", "Smith", "jsmith@fabrikam.com", "+1 212 736 5000", "Fabrikam", "US"],
        ],
    );
}

#[test]
fn a_switchboard_number_joins_nobody() {
    check(
        "abc",
        &[
            ["Anna", "Weber", "anna.weber@contoso.de", "+49 89 1234560", "Contoso GmbH", "DE"],
            ["Peter", "Huber", "peter.huber@contoso.de", "+49 89 1234560", "Contoso GmbH", "DE"],
            ["Jonas", "Krause", "", "+49 89 1234560", "Contoso GmbH", "DE"],
        ],
    );
}

#[test]
fn a_role_mailbox_joins_nobody() {
    check(
        "abc",
        &[
            ["Anna", "Weber", "info@contoso.de", "", "Contoso GmbH", "DE"],
            ["Peter", "Huber", "info@contoso.de", "", "Contoso GmbH", "DE"],
            ["", "", "info@contoso.de", "", "Contoso GmbH", "DE"],
        ],
    );
}

#[test]
fn a_family_address_joins_nobody() {
    check(
        "ab",
        &[
            ["Maria", "Keller", "familie.keller@gmx.de", "+49 30 9873451", "", "DE"],
            ["Thomas", "Keller", "familie.keller@gmx.de", "+49 30 9873451", "", "DE"],
        ],
    );
    // Nor does a lead without a name stand between them.
    check(
        "aba",
        &[
            ["Maria", "Keller", "familie.keller@gmx.de", "", "", "DE"],
            ["Thomas", "Keller", "familie.keller@gmx.de", "", "", "DE"],
            ["Maria", "Keller", "familie.keller@gmx.de", "", "", "DE"],
        ],
    );
}

#[test]
fn a_reseller_does_not_become_his_customers() {
    check(
        "abcd",
        &[
            ["Anna", "Weber", "licences@reseller.example.net", "+44 20 79460018", "Contoso", "GB"],
            ["Oliver", "Brown", "licences@reseller.example.net", "+44 20 79460018", "Fabrikam", "GB"],
            ["Priya", "Patel", "mark@reseller.co.uk", "+44 20 79460018", "Northwind", "GB"],
            ["Mark", "Davies", "mark@reseller.co.uk", "+44 20 79460018", "Reseller", "GB"],
        ],
    );
}

#[test]
fn forms_filled_with_nonsense_are_not_one_person() {
    check(
        "abcde",
        &[
            ["test", "test", "test@test.com", "1234567890", "test", ""],
            ["Test", "test", "test@test.com", "1234567890", "n/a", ""],
            ["n/a", "n/a", "n/a", "n/a", "n/a", ""],
            ["asdf", "asdf", "a@a.com", "0000000000", "asdf", ""],
            ["Ann", "Lee", "ann.lee@contoso.com", "1234567890", "n/a", "US"],
        ],
    );
}

#[test]
fn colleagues_with_the_same_last_name_are_two_people() {
    check(
        "ab",
        &[
            ["Anna", "Schmidt", "a.schmidt@contoso.de", "", "Contoso GmbH", "DE"],
            ["Bernd", "Schmidt", "b.schmidt@contoso.de", "", "Contoso GmbH", "DE"],
        ],
    );
}

#[test]
fn a_chain_of_links_joins_no_contradiction() {
    // The nameless lead goes to one of the two, and never joins them.
    let linked = linked_with(
        &[
            ["Maria", "Keller", "keller@gmx.de", "+49 30 9873451", "", "DE"],
            ["", "", "keller@gmx.de", "+49 30 9873451", "", "DE"],
            ["Thomas", "Keller", "keller@gmx.de", "+49 30 9873451", "", "DE"],
        ],
        &[],
        &[],
    );
    let found = persons(&linked);
    assert_ne!(found.as_bytes()[0], found.as_bytes()[2], "{found}");
}

#[test]
fn names_that_differ_in_a_number_are_two_people() {
    check(
        "ab",
        &[
            ["Shop", "Manager 12", "shop@contoso.com", "+1 425 882 8081", "Contoso", "US"],
            ["Shop", "Manager 13", "shop@contoso.com", "+1 425 882 8081", "Contoso", "US"],
        ],
    );
}

#[test]
fn relatives_with_names_in_two_scripts_are_two_people() {
    for other in ["Tobias", "Francisco"] {
        check(
            "ab",
            &[
                ["أحمد", "Weiß", "weiss107@t-online.de", "+49 170 13265792", "", "DE"],
                [other, "Weiß", "weiss107@t-online.de", "+49 170 13265792", "", "DE"],
            ],
        );
    }
    // What may be a reading of the characters is none of their contradictions.
    check(
        "aa",
        &[
            ["志明", "張", "chang107@gmail.com", "+886 921 217 036", "", "TW"],
            ["Chih-Ming", "Chang", "chang107@gmail.com", "0921 217 036", "", "TW"],
        ],
    );
}

#[test]
fn a_relative_is_told_apart_though_the_first_lead_of_the_mailbox_has_a_name_that_cannot_be_compared() {
    check(
        "aaab",
        &[
            ["伟", "司侯", "weisihou611@sina.com", "018665075494", "", "CN"],
            ["Wei", "Sihou", "weisihou611@sina.com", "+8618665075494", "", "CN"],
            ["Wei", "Sihou", "weisihou611@sina.com", "0186-6507-5494", "", "CN"],
            ["Göran", "Sihou", "weisihou611@sina.com", "0186 6507 5494", "", "CN"],
        ],
    );
}

#[test]
fn an_address_that_follows_from_the_name_does_not_join_namesakes() {
    check(
        "ab",
        &[
            ["Karl-Heinz", "Müller", "k.mueller@rapidmill.de", "+49 160 96525026", "Rapid Mill", "DE"],
            ["Karl-Heinz", "Müller", "k.mueller@westernmoss.de", "+49 171 5550126", "Western Moss", "DE"],
        ],
    );
}

// Must not be split.

#[test]
fn another_address_does_not_split() {
    check(
        "aaa",
        &[
            ["Ann", "Leeds", "ann.leeds@gmail.com", "+1 425 882 8081", "", "US"],
            ["Ann", "Leeds", "ann.leeds@contoso.com", "+1 425 882 8081", "Contoso", "US"],
            ["Ann", "Leeds", "aleeds@contoso.com", "", "Contoso", "US"],
        ],
    );
}

#[test]
fn a_plus_tag_and_a_providers_alias_do_not_split() {
    check(
        "aaa",
        &[
            ["Ann", "Leeds", "ann.leeds@gmail.com", "", "", "US"],
            ["", "", "annleeds+azure@googlemail.com", "", "", "US"],
            ["A.", "Leeds", "ann.leeds+trial@gmail.com", "", "", ""],
        ],
    );
}

#[test]
fn a_maiden_name_does_not_split() {
    check(
        "aa",
        &[
            ["Katharina", "Vogelsang", "katharina.v@gmx.de", "+49 30 9873452", "Contoso", "DE"],
            ["Katharina", "Brandt", "katharina.v@gmx.de", "+49 30 9873452", "Contoso", "DE"],
        ],
    );
}

#[test]
fn swapped_names_do_not_split() {
    check(
        "aa",
        &[
            ["Kenji", "Watanabe", "kenji@contoso.jp", "", "Contoso", "JP"],
            ["Watanabe", "Kenji", "", "", "Contoso", "JP"],
        ],
    );
}

#[test]
fn a_nickname_does_not_split() {
    check(
        "aa",
        &[
            ["Robert", "Raymond", "rraymond@contoso.com", "", "Contoso", "US"],
            ["Bob", "Raymond", "bob.raymond@gmail.com", "", "Contoso Inc.", "US"],
        ],
    );
}

#[test]
fn another_script_does_not_split() {
    check(
        "aa",
        &[
            ["Иван", "Кузнецов", "ivan.kuznetsov@contoso.ru", "", "Контосо", "RU"],
            ["Ivan", "Kuznetsov", "ivan.kuznetsov@mail.ru", "", "Kontoso", "Russia"],
        ],
    );
    check(
        "aa",
        &[
            ["太郎", "田中", "t.tanaka@contoso.jp", "+81 3 1234 5679", "コントソ株式会社", "JP"],
            ["Taro", "Tanaka", "t.tanaka@contoso.jp", "03-1234-5679", "Contoso", "JP"],
        ],
    );
}

#[test]
fn a_typing_error_in_any_one_field_does_not_split() {
    let right = ["Margarethe", "Hollander", "margarethe.hollander@contoso.de", "+49 89 98734520", "Contoso GmbH", "DE"];
    for (field, wrong) in [
        (0, "Margarthe"),
        (1, "Holander"),
        (2, "margarethe.holander@contoso.de"),
        (2, "margarethe.hollander@contso.de"),
        (3, "+49 89 98734250"),
        (3, "+49 89 9834520"),
        (4, "Contosso GmbH"),
        (5, "AT"),
    ] {
        let mut other = right;
        other[field] = wrong;
        check("aa", &[right, other]);
    }
}

#[test]
fn a_missing_field_says_nothing() {
    let whole = ["Margarethe", "Hollander", "margarethe.hollander@contoso.de", "+49 89 98734520", "Contoso GmbH", "DE"];
    check(
        "aaaa",
        &[
            whole,
            ["", "", "margarethe.hollander@contoso.de", "", "", ""],
            ["Margarethe", "Hollander", "", "+49 89 98734520", "", ""],
            ["Margarethe", "Hollander", "", "", "Contoso", "DE"],
        ],
    );
}

// Decisions hold.

fn decision(a: &str, b: &str, same: bool) -> Decision {
    Decision { lead_id_a: a.to_owned(), lead_id_b: b.to_owned(), same }
}

#[test]
fn a_reviewed_decision_wins_over_the_model_both_ways() {
    let keller = ["Maria", "Keller", "familie.keller@gmx.de", "", "", "DE"];
    let thomas = ["Thomas", "Keller", "familie.keller@gmx.de", "", "", "DE"];
    let same = linked_with(&[keller, thomas], &[], &[decision("lead000", "lead001", true)]);
    assert_eq!(persons(&same), "aa");
    let by = same.identities.frame().column("linked_by").unwrap().str().unwrap().get(0).map(str::to_owned);
    assert_eq!(by.as_deref(), Some("decision"));
    let apart = linked_with(&[keller, keller, keller], &[], &[decision("lead001", "lead000", false)]);
    let found = persons(&apart);
    assert_ne!(found.as_bytes()[0], found.as_bytes()[1], "{found}");
}

#[test]
fn decisions_that_contradict_each_other_are_told() {
    let ann = ["Ann", "Leeds", "ann.leeds@gmail.com", "", "", ""];
    let found =
        linked_with(&[ann, ann], &[], &[decision("lead000", "lead001", true), decision("lead000", "lead001", false)]);
    assert_eq!(persons(&found), "ab");
    assert!(found.findings.iter().any(|f| f.text().contains("contradict each other")));
}

/// Households at one address, each member of it with three leads that have the address or a number in common.
fn households() -> Vec<Contact> {
    // Less than a thousand leads, so that their ids of three digits stand in the order of the contacts.
    const STARTS: [&str; 11] = ["Bar", "Cor", "Del", "Fen", "Gor", "Hal", "Jes", "Kel", "Mor", "Nor", "Pel"];
    const ENDS: [&str; 10] = ["ling", "mark", "ton", "wick", "berg", "ford", "hurst", "stad", "vale", "dorf"];
    const FIRST: &str = "Anna Boris Clara David Edith Frank Greta Hugo Ines Jakob Petra Leo Mona Nils Sigrid Paul Quinn Rosa \
        Sven Tilda Ulf Vera Walter Xenia Yusuf Zoe Bruno Celia Dora Emil Fiona Gregor Helga Ivan Judith Kevin Lydia \
        Marcus Norma Otto";
    let text = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    let names: Vec<&'static str> = FIRST.split_whitespace().collect();
    let mut contacts = Vec::new();
    for (n, (start, end)) in STARTS.iter().flat_map(|start| ENDS.iter().map(move |end| (start, end))).enumerate() {
        let (last, street) = (text(format!("{start}{end}")), text(format!("{} {end}{start} Street", n + 11)));
        for member in 0..3 {
            let first = names[(n * 7 + member * 11) % names.len()];
            let phone = text(format!("+1212555{:04}", n * 4 + member));
            contacts.push([first, last, "", "", street, ""]);
            contacts.push([first, last, "", phone, street, ""]);
            contacts.push([first, last, "", phone, "", ""]);
        }
    }
    contacts
}

#[test]
fn where_most_pairs_are_relatives_they_are_not_learned_to_be_one_person() {
    let contacts = households();
    let linked = linked_with(&contacts, &[], &[]);
    let people = linked.identities.texts("person_id").unwrap();
    let mut first_names = std::collections::BTreeMap::new();
    for (person, contact) in people.iter().zip(&contacts) {
        let known = first_names.entry(*person).or_insert(contact[0]);
        assert_eq!(*known, contact[0], "{contact:?}");
    }
    assert_eq!(first_names.len(), contacts.len() / 3, "the leads of each member are one person");
}

/// People of two leads each, with a number of their own; the second lead of some of them has a garbled first name.
#[test]
fn where_nobody_shares_a_number_another_first_name_beside_it_is_a_slip() {
    let people = households();
    let people: Vec<Contact> = people.iter().skip(1).step_by(9).copied().collect();
    let contacts: Vec<Contact> = people
        .iter()
        .enumerate()
        .flat_map(|(n, &[first, last, email, phone, street, country])| {
            let written = if n % 10 == 0 { "Zbygniew" } else { first };
            [[first, last, email, phone, street, country], [written, last, email, phone, street, country]]
        })
        .collect();
    let linked = linked_with(&contacts, &[], &[]);
    let people = linked.identities.texts("person_id").unwrap();
    for (pair, contact) in people.chunks(2).zip(contacts.chunks(2)) {
        assert_eq!(pair[0], pair[1], "{contact:?}");
    }
}

#[test]
fn two_usual_names_that_are_spelled_alike_are_two_people_at_one_address() {
    for (one, other) in [("Mary", "Mark"), ("Eric", "Erin")] {
        check(
            "ab",
            &[[one, "Kusha", "kusha123@gmail.com", "", "", "US"], [other, "Kusha", "kusha123@gmail.com", "", "", "US"]],
        );
    }
    check(
        "aa",
        &[
            ["Kaitlin", "Kusha", "kusha123@gmail.com", "", "", "US"],
            ["Kaitlyn", "Kusha", "kusha123@gmail.com", "", "", "US"],
        ],
    );
}

#[test]
fn half_a_name_fits_whoever_no_other_lead_rules_out() {
    let street = "12 Elm Street";
    let leads = table(
        &[
            ["", "Kusha", "", "+12125559001", street, ""],
            ["Anna", "Kusha", "", "", street, ""],
            ["Anna", "Kusha", "", "+14258828081", street, ""],
            ["Boris", "Kusha", "", "", street, ""],
        ],
        &[],
    );
    let mut contacts = Contacts::default();
    contacts.add_leads(leads.frame(), &[0, 1, 2, 3], &[]).unwrap();
    let (shared, scale) = (Shared::default(), Scale::new(&Model::prior(4)));
    let together = Together { contacts: &contacts, shared: &shared, scale: &scale };
    let of = |other: u32, others: &[u32]| {
        let profiles = &contacts.forms.profiles;
        let levels = compare(&contacts.forms, &shared, &profiles[0], &profiles[other as usize]);
        together.weight(0, &levels, &[0], others)
    };
    assert_eq!(of(1, &[1]), of(3, &[3]), "the two alone say the same");
    assert!(of(1, &[1, 2]) < of(3, &[3]) - 1.0, "her other lead has another number");
}

#[test]
fn the_more_two_leads_tell_the_more_of_one_persons_pairs_the_rules_find() {
    let found = Model::prior(1_000).found(super::block::finds, f64::NEG_INFINITY);
    let of = |fields: &[usize]| found[fields.iter().map(|field| 1 << field).sum::<usize>()];
    let (phone, names) = (of(&[PHONE]), of(&[FIRST, LAST]));
    assert_eq!((of(&[]), of(&[COMPANY])), (0.0, 0.0), "no rule finds two leads by their company alone");
    assert!((phone - 0.69 / 0.96).abs() < 1e-6, "a number that is the same, whoever uses it: {phone}");
    // Whether the number and the names agree has nothing to do with each other.
    let either = 1.0 - (1.0 - phone) * (1.0 - names);
    assert!((of(&[PHONE, FIRST, LAST]) - either).abs() < 1e-6, "{names}");
}

#[test]
fn two_leads_are_as_surely_one_person_as_the_weakest_link_between_them() {
    let leads = table(
        &[
            ["Ann", "Leeds", "ann.leeds@contoso.com", "", "Contoso", "US"],
            ["Ann", "Leeds", "ann.leeds@contoso.com", "+1 425 882 8081", "Contoso", "US"],
            ["", "Leeds", "", "+1 425 882 8081", "", ""],
            ["Bo", "Quist", "bo@northwind.example", "", "Northwind", "DK"],
        ],
        &[],
    );
    let explainer = Explainer::new(&leads, &[], Threshold::At(0.5), None).unwrap();
    let pairs = explainer.pairs();
    let of = |a: u32, b: u32| pairs.iter().find(|pair| (pair.row_a, pair.row_b) == (a, b)).unwrap();
    let alone = of(0, 2).alone.as_ref().map_or(f64::NEG_INFINITY, |(weight, _)| *weight);
    assert!(alone < weight(0.5), "{alone}");
    assert_eq!(of(0, 2).probability, of(0, 1).probability.min(of(1, 2).probability));
    assert!(pairs.iter().all(|pair| ![pair.row_a, pair.row_b].contains(&3) || pair.probability < 0.01));
}

#[test]
fn what_other_leads_say_takes_from_a_weak_link_the_more_the_weaker_it_is_and_nothing_from_a_strong_one() {
    let weights: Vec<f64> = (-40..60).map(|n| f64::from(n) / 4.0).collect();
    for pair in weights.windows(2) {
        for sizes in [(-1.0, true), (0.0, false), (1.0, true)] {
            assert!(heard(pair[0], 1.0, sizes) < heard(pair[1], 1.0, sizes), "{pair:?}");
        }
    }
    // Two namesakes that fit equally well; two people of several contacts each.
    let (namesakes, several) = ((0.0, false), (-2.0, true));
    assert_eq!((heard(3.0, 1.0, namesakes), heard(2.0, 0.0, several), heard(10.0, 5.0, several)), (2.0, -1.0, 10.0));
}

#[test]
fn whoever_is_alone_where_all_are_known_twice_is_looked_for_and_where_all_come_once_is_not() {
    let part = |contacts: usize| Part::of(std::iter::repeat_n(3, contacts));
    let of = |people: &[(usize, usize)], prior: f64| {
        let parts = people.iter().flat_map(|(people, contacts)| std::iter::repeat_n(part(*contacts), *people));
        let sizes = Sizes::counted(parts, prior, [0.0; COMBINATIONS]);
        move |a: usize, b: usize| sizes.of(part(a), part(b)).0
    };
    let twice = of(&[(400, 1), (4_000, 2)], -13.0);
    assert!(twice(1, 1) > 3.0 && twice(2, 2) < -1.0 && twice(1, 2) < 0.0);
    let once = of(&[(8_000, 1), (100, 2)], -13.0);
    assert!(once(1, 1) < -1.0);
    // Of a handful nothing is known: what is supposed speaks neither way.
    let few = of(&[(2, 1), (1, 2)], -4.0);
    assert!(few(1, 1).abs() < 0.2, "{}", few(1, 1));
}

#[test]
fn a_form_that_follows_another_looks_for_it_and_not_for_its_like() {
    // A trial tells the phone, a purchase after it the title: hardly anybody buys who has not tried.
    let (trial, purchase) = (1, 2);
    let people = [(vec![trial], 4_000), (vec![trial, purchase], 4_000), (vec![purchase], 100)];
    let part = |told: &[u8]| Part::of(told.iter().copied());
    let parts = people.iter().flat_map(|(told, people)| std::iter::repeat_n(part(told), *people));
    let sizes = Sizes::counted(parts, -13.0, [0.0; COMBINATIONS]);
    let bits = |a: &[u8], b: &[u8]| sizes.of(part(a), part(b)).0;
    assert!(bits(&[purchase], &[trial]) > bits(&[trial], &[trial]) + 4.0);
    assert!(bits(&[trial], &[trial]) < -2.0, "{}", bits(&[trial], &[trial]));
    assert!((bits(&[purchase], &[trial]) - bits(&[trial], &[purchase])).abs() < 1e-9);
}

#[test]
fn two_dates_of_birth_in_place_of_titles_are_compared_as_dates_whatever_their_notation() {
    let read = |text: &str| Date::read(text);
    let all = ["12/11/1978", "11/12/78", "1978-11-12", "12-nov-78", "12 november 1978", "19781112", "12111978"];
    assert!(all.iter().all(|text| read(text) == read("12.11.1978") && read(text).is_some()), "{:?}", all.map(read));
    assert!(
        ["head of it", "24/7", "3", "2024", "31/31/1980", "12345678", "it manager 3"].iter().all(|t| read(t).is_none())
    );
    let near = |a: &str, b: &str| read(a).zip(read(b)).is_some_and(|(a, b)| a.is_near(b));
    assert!(near("10/27/76", "10/28/76") && near("11/12/78", "11/12/79") && !near("10/10/70", "3/15/90"));

    let mut frame = table(&[["John", "Smith", "", "", "7 Mill Lane", ""]; 4], &[]).frame().clone();
    frame.with_column(Column::new("title".into(), ["10/10/70", "1970-10-10", "3/15/90", "Head of IT"])).unwrap();
    let mut contacts = Contacts::default();
    contacts.add_leads(&frame, &[0, 1, 2, 3], &[]).unwrap();
    let (forms, shared) = (&contacts.forms, Shared::default());
    // The first two are one profile.
    let [dated, other, titled] = [0, 1, 2].map(|n| &forms.profiles[n]);
    assert_eq!(compare(forms, &shared, dated, other)[TITLE], OTHER_DATE);
    assert_eq!(compare(forms, &shared, dated, titled)[TITLE], 4);
}

#[test]
fn two_last_names_at_one_address_are_no_second_family_while_they_may_be_one_persons() {
    let mut contacts = vec![
        ["Ann", "Leeds", "", "", "12 Mill Lane", "GB"],
        ["Ann", "Hughes", "", "", "12 Mill Lane", "GB"],
        ["Bo", "Quist", "", "", "4 Hay Street", "GB"],
        ["Ann", "Wood", "", "", "4 Hay Street", "GB"],
        ["Ann", "Brown", "", "", "4 Hay Street", "GB"],
    ];
    contacts.extend(households());
    let leads = table(&contacts, &[]);
    let rows: Vec<u32> = (0..contacts.len() as u32).collect();
    let mut all = Contacts::default();
    all.add_leads(leads.frame(), &rows, &vec![false; rows.len()]).unwrap();
    let share = |lead: usize, renamed: bool| {
        all.frequencies.of_colleagues(super::frequency::COMPANY, all.forms.profiles[lead].company, renamed)
    };
    assert!(share(0, true) < share(0, false), "nobody else lives there");
    let two_families = share(0, false).exp2();
    assert!(share(3, true).exp2() > two_families, "others do");
}

#[test]
fn the_threshold_is_the_lowest_at_which_no_more_wrong_joins_are_expected_than_accepted() {
    let join = |probability: f64| Edge { a: 0, b: 1, pattern: 0, weight: weight(probability), decided: false };
    let joins: Vec<Edge> = [(0.9999, 2_000), (0.96, 50), (0.75, 40)]
        .into_iter()
        .flat_map(|(probability, n)| std::iter::repeat_n(join(probability), n))
        .collect();
    let at = |accepted: f64| lowest_within(accepted, 10_000, &joins);
    // 0.2 wrong joins are expected among the surest, 2 among the next, 10 among the last.
    assert_eq!([at(0.1), at(1e-3), at(2.6e-4)], [0.5, 0.8, 0.98]);
    assert_eq!(lowest_within(1e-3, 900, &joins[..100]), 0.95, "too few to say");
}

// Records, stability.

fn records(rows: &[(&str, Contact)]) -> Table<ExportRecords> {
    let names = ["first_name", "last_name", "email", "phone", "company", "key"];
    let mut columns: Vec<Column> = (0..6).map(|f| field(names[f], f, rows.iter().map(|row| row.1))).collect();
    columns.push(Column::new("record_id".into(), rows.iter().map(|row| row.0).collect::<Vec<_>>()));
    Table::sample(DataFrame::new(rows.len(), columns).unwrap())
}

fn with_records(contacts: &[Contact], rows: &[(&str, Contact)]) -> Linked {
    let (leads, records) = (table(contacts, &[]), records(rows));
    link(&Inputs {
        leads: &leads,
        records: &records,
        earlier: &Table::empty(),
        decisions: &[],
        taught: &[],
        previous: None,
        threshold: Threshold::At(0.95),
        model: None,
    })
    .unwrap()
}

#[test]
fn a_record_whose_address_sales_corrected_still_belongs_to_its_lead() {
    let leads = table(&[["Ann", "Leeds", "ann.leeds@contoso.com", "", "Contoso", "US"]], &[]);
    let now = records(&[("r1", ["Ann", "Leeds-Quist", "a.quist@northwind.example", "", "Northwind", ""])]);
    let before = [("r1", ["Ann", "Leeds", "ann.leeds@contoso.com", "", "Contoso", ""])];
    let earlier =
        records(&before).frame().clone().lazy().with_column(lit(1i64).cast(DataType::Int64).alias("versions_ago"));
    let earlier = earlier.select(EarlierContacts::DEFINITION.columns.iter().map(|c| col(c.name)).collect::<Vec<_>>());
    let earlier = Table::new(earlier.collect().unwrap()).unwrap();
    let person = |earlier: &Table<EarlierContacts>| {
        let inputs = Inputs {
            leads: &leads,
            records: &now,
            earlier,
            decisions: &[],
            taught: &[],
            previous: None,
            threshold: Threshold::At(0.95),
            model: None,
        };
        let linked = link(&inputs).unwrap();
        assert_eq!(linked.crm_records.height(), 1);
        linked.crm_records.frame().column("person_id").unwrap().str().unwrap().get(0).map(str::to_owned)
    };
    assert_eq!(person(&Table::empty()), None);
    assert!(person(&earlier).is_some());
}

#[test]
fn a_record_goes_to_the_best_fitting_person_or_to_none_and_joins_nobody() {
    let linked = with_records(
        &[
            ["Ann", "Leeds", "ann.leeds@contoso.com", "", "Contoso", "US"],
            ["Maria", "Keller", "familie.keller@gmx.de", "", "", "DE"],
            ["Thomas", "Keller", "familie.keller@gmx.de", "", "", "DE"],
        ],
        &[
            ("r1", ["Ann", "Leeds", "ANN.LEEDS@contoso.com", "", "Contoso Ltd", ""]),
            ("r2", ["", "", "familie.keller@gmx.de", "", "", ""]),
            ("r3", ["Thomas", "Keller", "familie.keller@gmx.de", "", "", ""]),
            ("r4", ["Zoe", "Quist", "zoe@northwind.com", "", "", "lead001"]),
            ("r5", ["Zoe", "Quist", "zoe@northwind.com", "", "", ""]),
        ],
    );
    let leads = linked.identities.frame().column("person_id").unwrap().str().unwrap().clone();
    let frame = linked.crm_records.frame();
    let (ids, by) =
        (frame.column("person_id").unwrap().str().unwrap(), frame.column("matched_by").unwrap().str().unwrap());
    assert_eq!(ids.iter().collect::<Vec<_>>(), [leads.get(0), None, leads.get(2), leads.get(1), None]);
    assert_eq!(by.iter().collect::<Vec<_>>(), [Some("email"), None, Some("email"), Some("key"), None]);
    assert_eq!(persons(&linked), "abc");
}

#[test]
fn a_record_that_somebody_found_for_a_lead_is_of_its_person_whatever_it_says() {
    let leads = table(&[["Ann", "Leeds", "ann.leeds@contoso.com", "", "Contoso", "US"]], &[]);
    let records = records(&[("r1", ["Quist", "", "zoe@northwind.com", "", "", ""]), ("r2", ["", "", "", "", "", ""])]);
    let taught = ["r1", "gone"].map(|record| ("lead000".to_owned(), String::new(), record.to_owned()));
    let linked = link(&Inputs {
        leads: &leads,
        records: &records,
        earlier: &Table::empty(),
        decisions: &[],
        taught: &taught,
        previous: None,
        threshold: Threshold::At(0.95),
        model: None,
    })
    .unwrap();
    let person = linked.identities.texts("person_id").unwrap()[0];
    assert!(person.is_some());
    assert_eq!(linked.crm_records.texts("person_id").unwrap(), [person, None]);
    assert_eq!(linked.crm_records.texts("matched_by").unwrap(), [Some("decision"), None]);
}

#[test]
fn a_person_keeps_its_id_when_later_leads_arrive_and_the_lead_that_merges_two_is_named() {
    let before = linked_with(
        &[
            ["Ann", "Leeds", "ann.leeds@gmail.com", "", "", "US"],
            ["A", "Leeds", "annl@contoso.com", "+1 425 882 8081", "Contoso", "US"],
        ],
        &[],
        &[],
    );
    assert_eq!(persons(&before), "ab");
    let leads = table(
        &[
            ["Ann", "Leeds", "ann.leeds@gmail.com", "", "", "US"],
            ["A", "Leeds", "annl@contoso.com", "+1 425 882 8081", "Contoso", "US"],
            ["Ann", "Leeds", "ann.leeds@gmail.com", "+1 425 882 8081", "", "US"],
        ],
        &[],
    );
    let now = link(&Inputs {
        leads: &leads,
        records: &Table::empty(),
        earlier: &Table::empty(),
        decisions: &[],
        taught: &[],
        previous: Some(&before.identities),
        threshold: Threshold::At(0.95),
        model: None,
    })
    .unwrap();
    assert_eq!(persons(&now), "aaa");
    let id =
        |l: &Linked, at| l.identities.frame().column("person_id").unwrap().str().unwrap().get(at).map(str::to_owned);
    assert_eq!(id(&now, 0), id(&before, 0), "the older anchor wins");
    let told = |name: &str| now.changed_people.texts(name).unwrap()[0].map(str::to_owned);
    assert_eq!(now.changed_people.height(), 1);
    assert_eq!(told("change").as_deref(), Some("merged"));
    assert_eq!((told("person_id_before"), told("person_id")), (id(&before, 1), id(&now, 0)));
    assert_eq!(told("lead_id").as_deref(), Some("lead002"));
}

#[test]
fn a_saved_model_gives_the_same_people_and_a_foreign_one_is_refused() {
    let contacts =
        [["Ann", "Leeds", "ann.leeds@gmail.com", "", "", "US"], ["Ann", "Leeds", "ann.leeds@gmial.com", "", "", "US"]];
    let learned = linked_with(&contacts, &[], &[]);
    let leads = table(&contacts, &[]);
    let with = |model: &str| {
        link(&Inputs {
            leads: &leads,
            records: &Table::empty(),
            earlier: &Table::empty(),
            decisions: &[],
            taught: &[],
            previous: None,
            threshold: Threshold::At(0.95),
            model: Some(model),
        })
    };
    let again = with(&learned.model).unwrap();
    assert_eq!(again.model, learned.model);
    assert!(again.identities.frame().equals_missing(learned.identities.frame()));
    assert!(with("{}").is_err());
    assert!(with(&learned.model.replace("\"version\": 4", "\"version\": 0")).is_err());
}

#[test]
fn the_order_of_rows_and_the_number_of_threads_change_nothing() {
    // Two hundred contacts with all kinds of likeness; the ids go with the contacts, not with the rows.
    let firsts = ["Ann", "Bob", "Robert", "Maria", "Jens", "太郎", "Olga", "Ольга", "Ana", "A."];
    let lasts = ["Lee", "Leeds", "Keller", "Raymond", "Kuznetsova", "田中", "Müller"];
    let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    let contacts: Vec<Contact> = (0..200usize)
        .map(|i| {
            let (first, last) = (firsts[i % firsts.len()], lasts[i / 3 % lasts.len()]);
            let email = leak(format!("{}{}@{}.com", last.len(), i % 40, ["contoso", "gmail", "fabrikam"][i % 3]));
            [first, last, email, leak(format!("+49 30 98734{:03}", i % 60)), ["Contoso", ""][i % 2], "DE"]
        })
        .collect();
    let of = |frame: DataFrame| {
        let leads = Table::<Leads>::new(frame).unwrap();
        let linked = link(&Inputs {
            leads: &leads,
            records: &Table::<ExportRecords>::empty(),
            earlier: &Table::empty(),
            decisions: &[],
            taught: &[],
            previous: None,
            threshold: Threshold::At(0.95),
            model: None,
        })
        .unwrap();
        (linked.identities.into_frame(), linked.model)
    };
    let sorted = table(&contacts, &[]).into_frame();
    let (expected, model) = of(sorted.clone());
    assert!(expected.column("person_id").unwrap().n_unique().unwrap() < 200);
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let (found, of_threads) = pool.install(|| of(sorted.clone()));
        assert!(found.equals_missing(&expected) && of_threads == model, "{threads} threads");
    }
    // The rows of a table are sorted by lead_id; here they are not.
    let shuffled: IdxCa = (0..200u32).map(|i| Some((i * 77 + 13) % 200)).collect();
    let (found, of_shuffled) = of(sorted.take(&shuffled).unwrap());
    let found = found.sort(["lead_id"], SortMultipleOptions::default()).unwrap();
    assert!(found.equals_missing(&expected) && of_shuffled == model, "shuffled");
}

#[test]
fn no_leads_are_no_people() {
    let linked = linked_with(&[], &[], &[]);
    assert_eq!((linked.identities.height(), linked.people.height()), (0, 0));
}

#[test]
fn what_a_form_made_of_a_name_is_undone() {
    check(
        "aabb",
        &[
            ["Sean", "O'Brannagh", "", "", "Smith & Daughters", "IE"],
            ["Sean", "O&#039;Brannagh", "", "", "Smith &amp; Daughters", "IE"],
            ["Zoë", "D'Aubigné", "", "", "Müller & Söhne", "DE"],
            ["Zo&#235;", "D\\'AubignÃ©", "", "", "M&uuml;ller &amp; S&ouml;hne", "DE"],
        ],
    );
}

#[test]
fn junior_and_the_second_are_one() {
    check(
        "aa",
        &[
            ["John", "Castellan Jr.", "john@castellan.com", "", "Castellan Farms", "US"],
            ["John", "Castellan II", "john@castellan.com", "", "", "US"],
        ],
    );
}
