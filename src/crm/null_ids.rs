//! How CRMs write that there is no id.

/// Whether a text is how a CRM writes that there is no id: `000000000000000AAA`, the zero GUID; a bare zero where only ids
/// stand.
pub(super) fn is_null_id(text: &str, holds_ids: bool) -> bool {
    let bare = text.trim_matches(['{', '}', '(', ')', ' ']);
    let zeros = bare.trim_start_matches(['0', '-']);
    match bare.len() {
        15 | 32 | 36 => zeros.is_empty(),
        18 => zeros.is_empty() || zeros.eq_ignore_ascii_case("AAA"),
        1 => holds_ids && zeros.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_null_of_a_vendor_is_no_id_in_any_field() {
        let nulls =
            ["000000000000000AAA", "000000000000000", "{00000000-0000-0000-0000-000000000000}", "000000000000000aaa"];
        assert!(nulls.iter().all(|text| is_null_id(text, false)));
        assert!(is_null_id("0", true) && !is_null_id("0", false) && !is_null_id("000000000000001AAA", true));
    }
}
