//! Credentials that end soon: a finding of the report, before a source or an export can no longer be read.

use chrono::{DateTime, TimeDelta, Utc};

use super::azure;
use super::intake::EXPIRES_WITHIN_DAYS;
use crate::config::{Config, Place};
use crate::findings::{AboutLeads, Finding};

/// Credentials of the configuration, of sources and of exports, that end within two weeks of a day, for the report.
/// Reads the secrets, and asks nobody.
pub fn findings(config: &Config, day_ends_at: DateTime<Utc>) -> Vec<Finding> {
    let sources = config.sources.iter().filter_map(|s| match &s.place {
        Place::Table { auth, .. } | Place::Blobs { auth, .. } => Some((s.name.as_str(), auth)),
        Place::Files { .. } => None,
    });
    let exports =
        config.destinations.iter().chain(&config.witnesses).filter_map(|d| Some((d.name.as_str(), d.auth.as_ref()?)));
    let cost = config.cost.auth.iter().map(|auth| ("cost", auth));
    let ending = sources.chain(exports).chain(cost).filter_map(|(name, auth)| {
        let ends = azure::credential_ends(auth)?;
        let about = AboutLeads::CredentialEnds { on: ends.date_naive(), has_ended: ends < day_ends_at };
        (ends - day_ends_at < TimeDelta::days(EXPIRES_WITHIN_DAYS)).then(|| Finding::mail(name, about, 1))
    });
    ending.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_that_ends_within_two_weeks_of_the_day_is_a_finding_and_shows_no_secret() {
        let dir = tempfile::tempdir().unwrap();
        let text = "[[source]]\nname = \"t\"\nkind = \"azure-table\"\naccount = \"a\"\ntable = \"leads\"\n\
                    auth = { sas_file = \"sas\" }\n[[destination]]\nname = \"crm\"\nkind = \"salesforce\"\n\
                    export = [\"az://a/exports/x\"]\nauth = { connection_string_file = \"whole\" }\n";
        std::fs::write(dir.path().join("sas"), "sv=1&se=2026-05-20T00%3A00%3A00Z&sig=SECRET").unwrap();
        let whole = "BlobEndpoint=https://a.blob.core.windows.net;SharedAccessSignature=sv=1&se=2026-06-20&sig=SECRET";
        std::fs::write(dir.path().join("whole"), whole).unwrap();
        let config = Config::parse(text, dir.path()).unwrap();
        let names = |day: &str| -> Vec<String> {
            let found = findings(&config, day.parse().unwrap());
            assert!(
                found
                    .iter()
                    .all(|f| !f.text().contains("SECRET") && f.code() == crate::codes::finding::CREDENTIAL_EXPIRING)
            );
            found.into_iter().map(|f| f.destination).collect()
        };
        assert!(names("2026-05-04T00:00:00Z").is_empty());
        assert_eq!(names("2026-05-07T00:00:00Z"), ["t"]);
        assert_eq!(names("2026-06-19T00:00:00Z"), ["t", "crm"]);
    }
}
