//! Which lead a record without a key of its own is; and what the store does with records that have one.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::content::content_of;
use super::{Fate, Landed, Landing, RawLead};

const NOW: &str = "2026-05-01T10:00:00Z";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn state() -> (tempfile::TempDir, Landing) {
    let dir = tempfile::tempdir().unwrap();
    let landing = Landing::open(dir.path(), Duration::ZERO).unwrap();
    (dir, landing)
}

fn again(dir: &tempfile::TempDir, landing: Landing) -> Landing {
    drop(landing);
    Landing::open(dir.path(), Duration::ZERO).unwrap()
}

/// `who`, or `who/company`, perhaps with `@hour` of the request.
fn body(text: &str) -> String {
    let (rest, hour) = text.split_once('@').map_or((text, None), |(rest, hour)| (rest, Some(hour)));
    let (who, company) = rest.split_once('/').unwrap_or((rest, "c"));
    let time = hour.map(|h| format!(",\"createdTime\":\"2026-05-01T{h}:00:00Z\"")).unwrap_or_default();
    format!("{{\"email\":\"{who}@x.example\",\"company\":\"{company}\",\"leadSource\":\"SPZA\"{time}}}")
}

/// One night: the objects that are there and the records of each. Those whose name begins with `=` are there as before.
fn night(landing: &mut Landing, objects: &[(&str, &str)]) -> Landed {
    let mut landed = Landed::default();
    let leads = |name: &str, texts: &str| -> Vec<RawLead> {
        let record = |(n, text): (usize, &str)| {
            let payload = body(text).into_bytes();
            RawLead {
                source_key: crate::place::key(name, n + 1),
                keyed: false,
                stored_at: at(NOW),
                format: "json",
                header: None,
                content: content_of(&[&payload]),
                payload,
                problem: None,
                object: Some(name.into()),
                fate: Fate::ByKey,
            }
        };
        texts.split(' ').filter(|t| !t.is_empty()).enumerate().map(record).collect()
    };
    for (name, texts) in objects {
        let places = landing.places("s").unwrap();
        places.is_there(name.trim_start_matches('='));
        if !name.starts_with('=') && places.knows(name) {
            let contents: Vec<_> = leads(name, texts).iter().map(|l| l.content).collect();
            places.changed(name, &contents);
        }
    }
    for (name, texts) in objects.iter().filter(|(name, _)| !name.starts_with('=')) {
        let mut leads = leads(name, texts);
        let mut look = landing.look("s", name).unwrap();
        for lead in &leads {
            landing.places("s").unwrap().see(&mut look, lead);
        }
        let fates = landing.settle("s", look).unwrap();
        leads.iter_mut().zip(fates).for_each(|(lead, fate)| lead.fate = fate);
        landed += landing.land("s", leads, at(NOW)).unwrap();
    }
    landing.flush().unwrap();
    landed
}

/// What is known of objects in the next night: the holdings go through their text, as they do on disk.
fn next(dir: &tempfile::TempDir, mut landing: Landing, objects: &[(&str, &str)]) -> Landing {
    let remembered: Vec<_> = objects
        .iter()
        .map(|(name, texts)| {
            let name = name.trim_start_matches('=');
            (name, texts.split(' ').filter(|t| !t.is_empty()).count(), landing.places("s").unwrap().holds(name))
        })
        .collect();
    let mut landing = again(dir, landing);
    for (name, records, holds) in remembered {
        landing.places("s").unwrap().remember(name, records, holds.as_deref());
    }
    landing
}

fn payloads(landing: &Landing) -> Vec<(String, String)> {
    let raw = landing.raw_leads().unwrap();
    let (keys, payloads) = (raw.frame().column("source_key").unwrap(), raw.frame().column("payload").unwrap());
    let keys = keys.str().unwrap().iter().flatten().map(str::to_owned);
    let texts = payloads.binary().unwrap().iter().map(|p| String::from_utf8(p.unwrap_or_default().to_vec()).unwrap());
    let mut all: Vec<_> = keys.zip(texts).collect();
    all.sort();
    all
}

fn keys(landing: &Landing) -> Vec<String> {
    payloads(landing).into_iter().map(|(key, _)| key).collect()
}

/// Nights one after the other; gives how many leads there are after each.
fn leads_after(nights: &[&[(&str, &str)]]) -> Vec<usize> {
    let (dir, mut landing) = state();
    let mut counts = Vec::new();
    for objects in nights {
        night(&mut landing, objects);
        counts.push(keys(&landing).len());
        // Whatever a night was, the same night again adds nothing.
        landing = next(&dir, landing, objects);
        assert_eq!(night(&mut landing, objects).new, 0, "{objects:?}");
        landing = next(&dir, landing, objects);
    }
    counts
}

#[test]
fn a_file_written_anew_keeps_the_leads_of_earlier_nights() {
    assert_eq!(leads_after(&[&[("f", "a b")], &[("f", "c d")], &[("f", "e")]]), [2, 4, 5]);
    assert_eq!(leads_after(&[&[("f", "a@01 b@02")], &[("f", "c@03 d@04")]]), [2, 4]);
    let (dir, mut landing) = state();
    night(&mut landing, &[("f", "a b")]);
    landing = next(&dir, landing, &[("f", "a b")]);
    night(&mut landing, &[("f", "c d e")]);
    assert_eq!(keys(&landing), ["f", "f#2", "f#3", "f#4", "f#5"]);
}

#[test]
fn a_lead_with_a_time_is_one_wherever_it_stands_and_the_nth_equal_one_the_nth() {
    assert_eq!(
        leads_after(&[&[("f", "a@01 a@01 b@02")], &[("=f", "a@01 a@01 b@02"), ("g", "b@02 a@01 a@01 a@01")]]),
        [3, 4]
    );
}

#[test]
fn equal_content_without_a_time_is_another_lead_unless_its_place_holds_it_no_longer() {
    // Two bodies, days apart.
    assert_eq!(leads_after(&[&[("a.json", "jo")], &[("=a.json", "jo"), ("b.json", "jo")]]), [1, 2]);
    // Renamed; rotated; rotated through a chain, in whatever order the names come; shortened.
    assert_eq!(leads_after(&[&[("a.json", "jo")], &[("b.json", "jo")]]), [1, 1]);
    assert_eq!(leads_after(&[&[("log", "a b")], &[("log", "c"), ("log.1", "a b")]]), [2, 3]);
    let chain: &[&[(&str, &str)]] = &[
        &[("log", "a b")],
        &[("log", "c d"), ("log.1", "a b")],
        &[("log", "e"), ("log.1", "c d"), ("log.2", "a b")],
        &[("a.log", "x"), ("log", "f"), ("log.1", "e"), ("log.2", "c d"), ("log.3", "a b")],
    ];
    assert_eq!(leads_after(chain), [2, 4, 5, 7]);
    let backwards: &[&[(&str, &str)]] =
        &[&[("9", "a b")], &[("8", "a b"), ("9", "c d")], &[("7", "a b"), ("8", "c d"), ("9", "e")]];
    assert_eq!(leads_after(backwards), [2, 4, 5]);
    assert_eq!(leads_after(&[&[("f", "a b")], &[("f", "a"), ("g", "b")]]), [2, 2]);
    // A copied log beside the one that was copied; a snapshot a day.
    assert_eq!(leads_after(&[&[("f", "a b")], &[("=f", "a b"), ("f.bak", "a b c")]]), [2, 3]);
    assert_eq!(leads_after(&[&[("d1", "a b"), ("d2", "a b c"), ("d3", "a b c d")]]), [4]);
}

#[test]
fn an_object_that_could_not_be_looked_for_holds_what_it_held() {
    let (dir, mut landing) = state();
    night(&mut landing, &[("x/a", "jo")]);
    landing = next(&dir, landing, &[("x/a", "jo")]);
    landing.places("s").unwrap().may_be_there(|name| name.starts_with("x/"));
    night(&mut landing, &[("b", "jo")]);
    assert_eq!(keys(&landing), ["b", "x/a"]);
}

#[test]
fn other_content_in_a_place_is_a_version_if_the_time_and_the_person_are_the_same() {
    assert_eq!(leads_after(&[&[("f", "a/old@01 b@02")], &[("f", "x@03 a/new@01 b@02")]]), [2, 3]);
    assert_eq!(leads_after(&[&[("f", "a/old b c")], &[("f", "a/new b c")], &[("f", "n a/newer b c")]]), [3, 3, 4]);
    assert_eq!(leads_after(&[&[("f", "a/old@01")], &[("f", "a/new@02")]]), [1, 2], "another time is another request");
    let (dir, mut landing) = state();
    for text in ["a/old", "a/new", "a/old", "a/old"] {
        night(&mut landing, &[("f", text)]);
        landing = next(&dir, landing, &[("f", text)]);
    }
    assert_eq!(payloads(&landing), [("f".to_owned(), body("a/old"))], "set back to an earlier content");
    // An older copy elsewhere does not bring the older content back.
    night(&mut landing, &[("f", "a/new")]);
    landing = next(&dir, landing, &[("f", "a/new")]);
    night(&mut landing, &[("=f", "a/new"), ("old", "a/old")]);
    assert!(payloads(&landing).contains(&("f".to_owned(), body("a/new"))));
}

#[test]
fn no_two_places_share_a_key() {
    let (_dir, mut landing) = state();
    let name = crate::place::name(b"f#2");
    night(&mut landing, &[("f", "a b"), (&name, "c")]);
    assert_eq!(keys(&landing), ["f", "f##2", "f#2"]);
}

#[test]
fn what_was_forgotten_stays_away_corrected_renamed_and_moved() {
    let (dir, mut landing) = state();
    night(&mut landing, &[("f", "a/old@01 b@02"), ("u", "c/old")]);
    assert_eq!(landing.forget(|_, key| key != "f#2").unwrap(), 2);
    landing = next(&dir, landing, &[("f", "a/old@01 b@02"), ("u", "c/old")]);
    let landed = night(&mut landing, &[("f", "b@02 a/new@01"), ("g", "a/newer@01 a/old@01"), ("u", "c/new")]);
    assert_eq!(landed, Landed { new: 0, changed: 0, unchanged: 1, forgotten: 4 });
    let other = night(&mut landing, &[("h", "a@03 c/other")]);
    assert_eq!(other.new, 2, "another request of the same person is another lead");
    assert_eq!(landing.payloads_with(b"old").unwrap(), 0);
}

#[test]
fn a_killed_night_begun_again_gives_the_same_keys() {
    let objects: &[(&str, &str)] = &[("f", "c a d a"), ("g", "a b b"), ("h", "e@01 e@01")];
    let (dir, mut landing) = state();
    night(&mut landing, &[("f", "a b"), ("old", "b")]);
    landing = next(&dir, landing, &[("f", "a b"), ("old", "b")]);
    night(&mut landing, objects);
    let whole = payloads(&landing);
    for killed in 1..objects.len() + 1 {
        let (dir, mut landing) = state();
        night(&mut landing, &[("f", "a b"), ("old", "b")]);
        let before = [("f", "a b"), ("old", "b")];
        let remembered: Vec<_> = before.iter().map(|(n, _)| (*n, landing.places("s").unwrap().holds(n))).collect();
        landing = next(&dir, landing, &before);
        // What was landed stands; what the objects hold was not remembered.
        for (name, texts) in objects.iter().take(killed) {
            landing.places("s").unwrap().is_there(name);
            night(&mut landing, &[(name, texts)]);
        }
        landing = again(&dir, landing);
        for ((name, holds), records) in remembered.into_iter().zip([2, 1]) {
            landing.places("s").unwrap().remember(name, records, holds.as_deref());
        }
        night(&mut landing, objects);
        assert_eq!(payloads(&landing).len(), whole.len(), "killed after {killed}");
    }
}

mod store {
    use crate::io::landing::content::content_of;
    use crate::io::landing::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn lead(key: &str, payload: &str, stored: &str) -> RawLead {
        RawLead {
            source_key: key.into(),
            keyed: key.contains('/'),
            stored_at: at(stored),
            format: "json",
            header: None,
            payload: payload.into(),
            problem: None,
            content: content_of(&[payload.as_bytes()]),
            object: None,
            fate: Fate::ByKey,
        }
    }

    fn state() -> (tempfile::TempDir, Landing) {
        let dir = tempfile::tempdir().unwrap();
        let landing = Landing::open(dir.path(), Duration::ZERO).unwrap();
        (dir, landing)
    }

    fn text(table: &Table<RawLeads>, column: &str) -> Vec<Option<String>> {
        let column = table.frame().column(column).unwrap().cast(&DataType::String).unwrap();
        column.str().unwrap().iter().map(|v| v.map(str::to_owned)).collect()
    }

    const T1: &str = "2026-05-01T10:00:00Z";
    const T2: &str = "2026-05-02T10:00:00Z";

    #[test]
    fn of_several_versions_the_newest_counts_and_the_first_landing_keeps_its_times() {
        let (dir, mut landing) = state();
        let first = landing.land("t", vec![lead("p/1", "a", T1)], at(T1)).unwrap();
        assert_eq!(first.new, 1);
        landing.flush().unwrap();
        drop(landing);
        let mut landing = Landing::open(dir.path(), Duration::ZERO).unwrap();
        let second = landing.land("t", vec![lead("p/1", "b", T2), lead("p/1", "a", T1)], at(T2)).unwrap();
        assert_eq!(second, Landed { new: 0, changed: 1, unchanged: 1, forgotten: 0 });
        landing.flush().unwrap();
        let raw = landing.raw_leads().unwrap();
        assert_eq!(text(&raw, "payload"), [Some("b".into())]);
        assert_eq!(text(&raw, "versions"), [Some("2".into())]);
        assert!(text(&raw, "landed_on").iter().all(|d| d.as_deref() == Some("2026-05-01")));
        assert!(text(&raw, "stored_at")[0].as_deref().unwrap().starts_with("2026-05-01"));
    }

    #[test]
    fn equal_key_and_payload_in_two_sources_is_one_lead_with_two_origins() {
        let (_dir, mut landing) = state();
        landing.land("old", vec![lead("p/1", "a", T1), lead("p/2", "a", T1)], at(T1)).unwrap();
        landing.land("new", vec![lead("p/1", "a", T1), lead("p/1", "c", T2), lead("p/2", "b", T1)], at(T2)).unwrap();
        landing.flush().unwrap();
        let raw = landing.raw_leads().unwrap();
        let rows: Vec<_> = (0..raw.height())
            .map(|n| ["source", "source_key", "payload", "origins"].map(|c| text(&raw, c)[n].clone().unwrap()))
            .collect();
        assert_eq!(
            rows,
            [["new", "p/2", "b", "1"], ["old", "p/1", "c", "2"], ["old", "p/2", "a", "1"]].map(|r| r.map(String::from))
        );
    }

    #[test]
    fn what_was_forgotten_is_gone_and_does_not_come_back() {
        let (dir, mut landing) = state();
        let leads = || vec![lead("p/1", "jane@contoso.com", T1), lead("p/2", "x", T1)];
        landing.land("t", leads(), at(T1)).unwrap();
        let erased = landing.forget(|_, key| key != "p/2").unwrap();
        assert_eq!((erased, landing.payloads_with(b"CONTOSO.com").unwrap()), (1, 0));
        drop(landing);
        let mut landing = Landing::open(dir.path(), Duration::ZERO).unwrap();
        let mut again = leads();
        again.push(lead("p/1", "jane@contoso.com touched", T2)); // the same entity, touched
        assert_eq!(
            landing.land("t", again, at(T2)).unwrap(),
            Landed { new: 0, changed: 0, unchanged: 1, forgotten: 2 }
        );
        landing.flush().unwrap();
        let raw = landing.raw_leads().unwrap();
        assert_eq!(text(&raw, "forgotten"), [Some("true".into()), Some("false".into())]);
        assert_eq!(text(&raw, "payload"), [None, Some("x".into())]);
        assert_eq!(landing.forget(|_, key| key != "p/2").unwrap(), 0);
    }

    #[test]
    fn a_second_run_is_turned_away_and_a_renamed_source_keeps_its_name_for_ids() {
        let (dir, mut landing) = state();
        assert_eq!(Landing::open(dir.path(), Duration::ZERO).unwrap_err().status() as u8, 5);
        landing.land("old", vec![lead("p/1", "a", T1)], at(T1)).unwrap();
        landing.remember("old", &SourceState { lands_as: "old".into(), ..Default::default() }).unwrap();
        let state = landing.source_state("middle", &["old".into()]).unwrap();
        landing.remember("middle", &state).unwrap();
        assert_eq!(landing.source_state("newest", &["middle".into()]).unwrap().lands_as, "old");
        assert_eq!(landing.source_state("fresh", &[]).unwrap().lands_as, "fresh");
    }
}
