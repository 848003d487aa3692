//! Where a record is opened in its CRM: `[[destination]] link` with the record's id.

use std::collections::BTreeMap;

use crate::config::Destination;

/// What stands for the id.
const ID: &str = "{record_id}";

/// The links of the destinations that have one, by name.
pub fn links(destinations: &[Destination]) -> BTreeMap<String, String> {
    destinations.iter().filter_map(|d| Some((d.name.clone(), d.link.clone()?))).collect()
}

/// The address of a record. Of the id, which a stranger may have written, only letters, digits and `-._~` stay as they are.
pub fn address(link: &str, record_id: &str) -> String {
    let escaped: String = record_id
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    link.replace(ID, &escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_cannot_leave_its_place_in_the_address() {
        let link = "https://crm.example/lead/{record_id}/view";
        assert_eq!(address(link, "00Q5g00000A1b2c"), "https://crm.example/lead/00Q5g00000A1b2c/view");
        assert_eq!(
            address(link, "x\"><script>/../é"),
            "https://crm.example/lead/x%22%3E%3Cscript%3E%2F..%2F%C3%A9/view"
        );
    }
}
