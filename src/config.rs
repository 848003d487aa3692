//! `leadrecon.toml`: text in, [`Config`] out, every problem at once.
//!
//! [`settings`] is what was checked, [`section`] reads a table key by key and tells what is wrong with it, [`read`] says
//! which keys there are. What nobody asks for is unknown, so that no list of keys stands anywhere.

mod pattern;
mod read;
mod secrets;
mod section;
mod settings;
mod spelling;

pub use self::pattern::Pattern;
pub use self::section::parse_span;
pub use self::settings::*;
pub use self::spelling::nearest;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use chrono::TimeDelta;

    use super::*;
    use crate::config::section::Reading;
    use crate::error::Result;

    const EXAMPLE: &str = include_str!("../leadrecon.example.toml");

    fn parse(text: &str) -> Result<Config> {
        Config::parse(text, Path::new("/base"))
    }

    #[test]
    fn the_shortest_configuration_is_a_source_and_a_destination() {
        let config = parse(
            "[[source]]\nname = \"dump\"\nkind = \"files\"\npath = \"raw/**/*\"\n\
             [[destination]]\nname = \"crm\"\nkind = \"salesforce\"\nexport = [\"a.csv\"]\n",
        )
        .unwrap();
        assert_eq!(config.output.dir, Path::new("/base/out"));
        assert_eq!(config.sources[0].overlap, TimeDelta::hours(24));
        assert_eq!(config.missed.give_up, TimeDelta::days(60));
        assert!(config.destinations[0].offers[0].matches("anything"));
    }

    #[test]
    fn every_problem_is_told_at_once_with_the_nearest_key() {
        let message = parse(
            "[outptu]\ndir = \"x\"\n[report]\ntimezone = \"Europe/Berln\"\n[[source]]\nname = \"My Dump\"\nkind = \"files\"\n\
             [[destination]]\nname = \"crm\"\nkind = \"salesforce\"\nexport = []\ngracee = \"1h\"\n",
        )
        .unwrap_err()
        .to_string();
        for expected in [
            "6 problems", "did you mean \"output\"", "Europe/Berln", "a-z, 0-9", "path is missing", "export is empty",
            "did you mean \"grace\"",
        ] {
            assert!(message.contains(expected), "{expected} not in {message}");
        }
    }

    #[test]
    fn a_secret_in_the_configuration_is_refused_as_an_unknown_key() {
        let message = parse("[[source]]\nname = \"t\"\nkind = \"azure-table\"\ntable = \"x\"\naccount = \"a\"\nauth = { key = \"c2VjcmV0\" }\n")
            .unwrap_err()
            .to_string();
        assert!(message.contains("unknown key \"key\"") && !message.contains("c2VjcmV0"), "{message}");
    }

    #[test]
    fn a_secret_where_a_name_or_an_address_belongs_is_refused_unprinted() {
        let table = |more: &str| {
            parse(&format!("[[source]]\nname = \"t\"\nkind = \"azure-table\"\ntable = \"x\"\n{more}\n"))
                .unwrap_err()
                .to_string()
        };
        let named = "auth = { sas_env = \"LEADS_SAS\" }";
        for (wrong, told) in [
            (
                "account = \"a\"\nauth = { sas_env = \"sv=2022&sig=c2VjcmV0c2VjcmV0\" }".to_owned(),
                "source[1].auth.sas_env",
            ),
            (
                "account = \"a\"\nauth = { key_env = \"c2VjcmV0-c2VjcmV0\" }".to_owned(),
                "expected the name of an environment",
            ),
            (
                "account = \"a\"\nauth = { key_env = \"c2VjcmV0c2VjcmV0c2VjcmV0\" }".to_owned(),
                "expected the name of an environment",
            ),
            (format!("endpoint = \"https://a.example?se=c2VjcmV0\"\n{named}"), "without a query"),
            (format!("account = \"AccountName=c2VjcmV0;x\"\n{named}"), "without a query"),
            ("account = \"a\"\nauth = { sas_env = \"LEADS_SAS\"".to_owned(), "line 6"),
            (format!("account = c2VjcmV0\n{named}"), "line 5"),
        ] {
            let message = table(&wrong);
            assert!(message.contains(told) && !message.contains("c2VjcmV0"), "{told}: {message}");
        }
    }

    /// The keys that stand in the tables of this path.
    fn keys<'a>(value: &'a toml::Value, path: &[&str], keys: &mut BTreeSet<&'a str>) {
        match (value, path) {
            (toml::Value::Array(items), _) => items.iter().for_each(|item| self::keys(item, path, keys)),
            (toml::Value::Table(table), []) => keys.extend(table.keys().map(String::as_str)),
            (toml::Value::Table(table), [first, rest @ ..]) => {
                table.get(*first).into_iter().for_each(|below| self::keys(below, rest, keys));
            }
            _ => {}
        }
    }

    #[test]
    fn the_example_parses_and_holds_every_key() {
        let document: toml::Table = toml::from_str(EXAMPLE).unwrap();
        let reading = Reading::new(Path::new("/base"));
        read::config(&document, Path::new("/base"), &reading);
        let (problems, asked) = reading.into_parts();
        assert_eq!(problems, Vec::<String>::new());
        let document = toml::Value::Table(document);
        for (path, asked) in asked {
            let path: Vec<&str> = path.split('.').filter(|step| !step.is_empty()).collect();
            let mut held = BTreeSet::new();
            keys(&document, &path, &mut held);
            for key in asked {
                // Of the ways to sign in one is taken, and the others are told of.
                let is_named = path.last() == Some(&"auth") && EXAMPLE.contains(key);
                assert!(held.contains(key) || is_named, "{path:?} {key} is missing from leadrecon.example.toml");
            }
        }
    }

    #[test]
    fn a_value_of_another_kind_is_told_with_what_was_expected_and_what_was_found() {
        let message = parse(
            "sales = 1\n[output]\nkeep_days = \"ninety\"\n[report]\ntimezone = true\npii = \"open\"\n\
             [[source]]\nname = \"t\"\nkind = \"azure-tables\"\nauth = \"c2VjcmV0\"\n\
             [[destination]]\nname = \"crm\"\nkind = \"salesforce\"\nexport = 5\noffers = [1]\ngrace = 48\n\
             exported_at = \"yesterday\"\ncolumns = { email = 5, e_mail = \"x\" }\n",
        )
        .unwrap_err()
        .to_string();
        for expected in [
            "12 problems",
            "[sales]: expected a table, found the number 1",
            "[output] keep_days: expected a whole number, found a text",
            "[report] timezone: expected a text, found true",
            "[report] pii: \"open\" is unknown; expected: masked, full",
            "[[source]] \"t\" kind: \"azure-tables\" is unknown; did you mean \"azure-table\"?",
            "[[source]] \"t\" auth: expected a table, found a text",
            "[[destination]] \"crm\" export: expected a text or a list of texts, found the number 5",
            "[[destination]] \"crm\" offers: expected a text or a list of texts, found a list",
            "[[destination]] \"crm\" grace: expected a text, found the number 48",
            "exported_at: expected \"records\", \"file-time\", a date such as 2025-01-01 or an RFC 3339 time, found a text",
            "[[destination]] \"crm\" columns \"email\": expected a text, found the number 5",
            "unknown field \"e_mail\"; did you mean \"email\"?",
        ] {
            assert!(message.contains(expected), "{expected} not in {message}");
        }
        assert!(!message.contains("c2VjcmV0"), "{message}");
    }

    #[test]
    fn a_witness_signs_in_where_its_exports_are_in_a_container() {
        let witness = |more: &str| {
            parse(&format!(
                "[[source]]\nname = \"dump\"\nkind = \"files\"\npath = \"raw/**/*\"\n\
                 [[witness]]\nname = \"portal\"\nexport = \"az://acme/exports/portal/\"\n{more}"
            ))
        };
        assert!(witness("").unwrap_err().to_string().contains("[[witness]] \"portal\": an export at az:// needs auth"));
        let config = witness("auth = { key_file = \"portal.key\" }\n").unwrap();
        assert_eq!(config.witnesses[0].auth, Some(Auth::Key(Secret::File("/base/portal.key".into()))));
    }

    #[test]
    fn what_the_example_calls_a_default_is_one() {
        let stated = |line: &&str| line.contains("# default;") || line.ends_with("# default");
        assert!(EXAMPLE.lines().any(|line| stated(&line)));
        let without: Vec<&str> = EXAMPLE.lines().filter(|line| !stated(line)).collect();
        let [all, without] = [EXAMPLE, &without.join("\n")].map(|text| format!("{:#?}", parse(text).unwrap()));
        assert_eq!(all, without);
    }

    #[test]
    fn accepted_wrong_joins_are_said_in_people_and_a_threshold_overrides_them() {
        let source = "[[source]]\nname = \"dump\"\nkind = \"files\"\npath = \"raw/*\"\n";
        let threshold =
            |text: &str| parse(&format!("{source}[identity]\n{text}\n")).map(|config| config.identity.threshold);
        assert_eq!(threshold("").unwrap(), Threshold::WrongJoins(1e-3));
        assert_eq!(threshold("wrong_joins = \"2 in 1,000 people\"").unwrap(), Threshold::WrongJoins(2e-3));
        assert_eq!(threshold("wrong_joins = \"1 in 50 people\"\nthreshold = 0.9").unwrap(), Threshold::At(0.9));
        for text in ["few", "1 in 0 people", "1 in 5 people", "0 in 1000 people", "1 in 1000"] {
            let error = threshold(&format!("wrong_joins = \"{text}\"")).unwrap_err().to_string();
            assert!(error.contains("wrong_joins") && error.contains("1 in 1000 people"), "{error}");
        }
    }

    #[test]
    fn patterns_match_the_whole_text_in_any_case() {
        let pattern = Pattern::new("contoso.*").unwrap();
        assert!(pattern.matches("Contoso.Data-Mesh/Pro"));
        assert!(!pattern.matches("xcontoso.a"));
        assert!(Pattern::new("a[b]?").unwrap().matches("A[B]c"));
        assert!(!Pattern::new("a?").unwrap().matches("abc"));
    }

    #[test]
    fn durations_are_read_with_and_without_a_space() {
        assert_eq!(parse_span("48h").unwrap(), TimeDelta::hours(48));
        assert_eq!(parse_span("25 months").unwrap(), parse_span("25months").unwrap());
        assert!(parse_span("soon").is_err());
    }
}
