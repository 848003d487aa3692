//! The country of a contact as a code: of what was typed, else of an international phone; nothing where neither is sure.

use polars::prelude::*;

use super::country::{country_code, phone_country};
use super::phone::e164;
use crate::error::Result;
use crate::tables::Interned;

/// Calling codes that several large countries share: a number alone does not tell which.
const SHARED: [&str; 2] = ["US", "RU"];

/// ISO 3166-1 alpha-2 of a contact; none where unsure.
///
/// ```
/// use leadrecon::contact::home_code;
/// assert_eq!(home_code(Some("Alemania"), None), Some("DE"));
/// assert_eq!(home_code(None, Some("+49 30 901820")), Some("DE"));
/// assert_eq!(home_code(None, Some("030 901820")), None);
/// assert_eq!(home_code(None, Some("+1 206 555 0100")), None);
/// ```
pub fn home_code(country: Option<&str>, phone: Option<&str>) -> Option<&'static str> {
    if let Some(code) = country.and_then(country_code) {
        return Some(code);
    }
    let dialled = e164(phone?.trim().starts_with(['+', '＋']).then_some(phone?)?, None)?;
    phone_country(&dialled).filter(|code| !SHARED.contains(code))
}

/// The column `country_code` of rows with `country` and `phone`.
///
/// # Errors
/// When one of them is not there.
pub fn home_codes(frame: &DataFrame) -> Result<Column> {
    let (countries, phones) = (frame.column("country")?.str()?, frame.column("phone")?.str()?);
    let mut codes = Interned::new("country_code", frame.height());
    // Neighbours often say the same; a name is looked up once in a row.
    let mut known: (Option<&str>, Option<&'static str>) = (None, None);
    for (country, phone) in countries.iter().zip(phones.iter()) {
        if country.is_some() && country != known.0 {
            known = (country, home_code(country, None));
        }
        let code = if country.is_some() { known.1 } else { None };
        codes.push(code.or_else(|| home_code(None, phone)));
    }
    Ok(codes.finish()?)
}
