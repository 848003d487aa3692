//! Where a raw lead without a key of its own was first found, as the text that is its key.
//!
//! Record 1 of an object, a file or blob, has the object's name for its key; record n has the name, `#` and n. So that
//! no two places share a key whatever bytes a name holds, a `#` in a name is written `##`, and a byte that is no UTF-8
//! `#x` and two hex digits; every other name stands as it is. Version 0.1 left a `#` as it was: its keys stay, and are
//! only ever compared whole.

/// An object's name as keys write it.
pub fn name(bytes: &[u8]) -> String {
    let mut written = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        written += &chunk.valid().replace('#', "##");
        for byte in chunk.invalid() {
            written += &format!("#x{byte:02x}");
        }
    }
    written
}

/// The key of record `n`, from 1, of an object whose name is written so.
pub fn key(name: &str, n: usize) -> String {
    if n <= 1 { name.to_owned() } else { format!("{name}#{n}") }
}

/// The written name and the number of a key.
pub fn read(key: &str) -> (&str, usize) {
    let digits = key.len() - key.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let head = key.get(..key.len() - digits).unwrap_or(key);
    let marks = head.len() - head.trim_end_matches('#').len();
    // `##` is a `#` of the name, so the last of an odd number of them parts name and number.
    let number = key.get(head.len()..).and_then(|n| n.parse().ok()).filter(|_| marks % 2 == 1);
    match number {
        Some(n) => (head.get(..head.len() - 1).unwrap_or(head), n),
        None => (key, 1),
    }
}

/// The object's name in a key, with a stand-in for bytes that are no UTF-8.
pub fn object(key: &str) -> String {
    let mut name = String::new();
    let mut rest = read(key).0;
    while let Some((before, after)) = rest.split_once('#') {
        name += before;
        match after.strip_prefix('#') {
            Some(after) => {
                name.push('#');
                rest = after;
            }
            None if after.starts_with('x') && after.is_char_boundary(3.min(after.len())) => {
                name.push('\u{fffd}');
                rest = after.get(3..).unwrap_or_default();
            }
            // A key of version 0.1.
            None => {
                name.push('#');
                rest = after;
            }
        }
    }
    name + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn usual_names_stand_as_they_are() {
        for name_ in ["raw/a b.json", "/2026//c?.json", "täglich%.csv", "a.b/"] {
            assert_eq!((name(name_.as_bytes()), object(name_)), (name_.to_owned(), name_.to_owned()));
        }
        assert_eq!((key("a.json", 1), key("a.json", 12)), ("a.json".to_owned(), "a.json#12".to_owned()));
        assert_eq!((name(b"form.json#2"), name(b"a\xff")), ("form.json##2".to_owned(), "a#xff".to_owned()));
        assert_eq!((object("form.json##2"), object("a##b#7")), ("form.json#2".to_owned(), "a#b".to_owned()));
    }

    proptest! {
        #[test]
        fn two_places_never_share_a_key(a in "[a#x1/]{0,6}", b in "[a#x1/]{0,6}", n in 1usize..30, m in 1usize..30, byte in any::<u8>()) {
            let b = [b.as_bytes(), &[byte]].concat();
            for (a, b) in [(a.as_bytes(), b.as_slice()), (b.as_slice(), b.as_slice())] {
                let (one, two) = (key(&name(a), n), key(&name(b), m));
                prop_assert_eq!(one == two, a == b && n == m);
                let written = name(b);
                prop_assert_eq!(read(&two), (written.as_str(), m));
            }
        }
    }
}
