//! No secret and no character that acts leaves the program, wherever a person or a stranger put it.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;

use crate::everywhere::readable;
use crate::program::{leadrecon, only_a_source, run, table};

/// A key, a signature and a token as the services make them: what is pasted in place of a name.
const KEY: &str = "q7Zs0LmV2xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq7K1SZFPTOtrLKBHBeksoGMGw==";
const SIGNATURE: &str = "Zm9vYmFyQmF6cXV4MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=";
const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.Y2FuYXJ5LXNpZ25hdHVyZQ";

/// A part of a webhook's address that looks like nothing.
const HOOK: &str = "the-right-to-post-here";

/// What must stand nowhere: pieces of them that survive any encoding.
const CANARIES: [&str; 5] = [
    "FlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq7K1SZFPTOtr",
    "FyQmF6cXV4MTIzNDU2Nzg5MDEyM",
    "Y2FuYXJ5LXNpZ25h",
    "correct horse battery staple",
    HOOK,
];

fn pasted() -> [String; 5] {
    let encoded = SIGNATURE.replace('=', "%3D");
    [
        format!("DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey={KEY};EndpointSuffix=core.windows.net"),
        format!("https://contoso.blob.core.windows.net/leads?sv=2022-11-02&sp=rl&sig={encoded}"),
        format!("sv=2022-11-02&sp=rl&sig={SIGNATURE}"),
        KEY.to_owned(),
        TOKEN.to_owned(),
    ]
}

fn said(output: &Output) -> String {
    [String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)].concat()
}

#[track_caller]
fn silent_about_canaries(text: &str, place: &str) {
    for canary in CANARIES {
        assert!(!text.contains(canary), "{place} tells {canary}:\n{text}");
    }
}

/// The paths of all texts of a document.
fn leaves(value: &toml::Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    match value {
        toml::Value::Table(table) => {
            for (key, below) in table {
                path.push(key.clone());
                leaves(below, path, found);
                path.pop();
            }
        }
        toml::Value::Array(items) => {
            for (n, below) in items.iter().enumerate() {
                path.push(n.to_string());
                leaves(below, path, found);
                path.pop();
            }
        }
        _ => found.push(path.clone()),
    }
}

fn at<'a>(value: &'a mut toml::Value, path: &[String]) -> &'a mut toml::Value {
    path.iter().fold(value, |value, step| match value {
        toml::Value::Array(items) => &mut items[step.parse::<usize>().unwrap()],
        toml::Value::Table(table) => table.get_mut(step).unwrap(),
        _ => unreachable!("a path leads through tables and lists"),
    })
}

#[test]
fn a_secret_in_any_field_of_the_configuration_is_refused_and_shown_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let example = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("leadrecon.example.toml")).unwrap();
    let document: toml::Value = toml::Value::Table(toml::from_str(&example).unwrap());
    let mut fields = Vec::new();
    leaves(&document, &mut Vec::new(), &mut fields);
    assert!(fields.len() > 80, "{}", fields.len());
    let pasted = pasted();
    for (n, path) in fields.iter().enumerate() {
        // Two forms for each field, all forms over all fields.
        for form in [&pasted[n % pasted.len()], &pasted[(n + 2) % pasted.len()]] {
            let mut changed = document.clone();
            *at(&mut changed, path) = toml::Value::String(form.clone());
            let name = path.last().unwrap().clone();
            refused(folder.path(), &toml::to_string(&changed).unwrap(), &path.join("."));
            // The same as a name.
            let mut changed = document.clone();
            if let toml::Value::Table(table) = at(&mut changed, &path[..path.len() - 1]) {
                let value = table.remove(&name).unwrap();
                table.insert(form.clone(), value);
                refused(folder.path(), &toml::to_string(&changed).unwrap(), &path.join("."));
            }
        }
    }
}

#[test]
fn a_secret_in_a_configuration_that_is_no_toml_is_shown_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let head = "[[source]]\nname = \"t\"\nkind = \"azure-table\"\ntable = \"x\"\naccount = \"a\"\n";
    for form in pasted() {
        for line in [
            format!("auth = {{ sas_env = {form} }}"),
            format!("auth = {{ {form} }}"),
            form.clone(),
            format!("auth = \"{form}"),
            format!("auth = {{ sas_env = \"{form}\" \"{form}\" }}"),
            format!("auth = {{ key_env = '{form}', key_env = '{form}' }}"),
            format!("[[{form}]]"),
            format!("\"{form}\" = 1\n\"{form}\" = 2"),
        ] {
            refused(folder.path(), &format!("{head}{line}\n"), &line);
        }
    }
}

#[track_caller]
fn refused(folder: &Path, configuration: &str, place: &str) {
    fs::write(folder.join("leadrecon.toml"), configuration).unwrap();
    let output = run(folder, &["run", "-vv"], 2);
    silent_about_canaries(&said(&output), place);
    assert!(!folder.join("state").exists() && !folder.join("out").exists(), "{place}: nothing is begun");
}

#[test]
fn no_credential_is_in_any_byte_that_is_written_or_said() {
    let folder = tempfile::tempdir().unwrap();
    let encoded = SIGNATURE.replace('=', "%3D");
    fs::create_dir(folder.path().join("raw")).unwrap();
    fs::write(folder.path().join("raw/a.json"), "{\"email\": \"ada@northwind.example\"}").unwrap();
    fs::write(folder.path().join("exports.sas"), format!("\u{feff}?sv=2022-11-02&sp=rl&sig={encoded}\r\n")).unwrap();
    fs::write(folder.path().join("broken.key"), format!("{KEY}!")).unwrap();
    let configuration = "[metrics]\nprometheus = \"leadrecon.prom\"\n\
         [[source]]\nname = \"dump\"\nkind = \"files\"\npath = \"raw/*\"\n\
         [[source]]\nname = \"by-key\"\nkind = \"azure-table\"\ntable = \"x\"\ndeadline = \"1s\"\naccount = \"a\"\n\
         endpoint = \"{server}\"\nauth = { key_env = \"A_KEY\" }\n\
         [[source]]\nname = \"by-string\"\nkind = \"azure-blob\"\ncontainer = \"x\"\ndeadline = \"1s\"\n\
         endpoint = \"{server}\"\nauth = { connection_string_env = \"A_STRING\" }\n\
         [[source]]\nname = \"broken\"\nkind = \"azure-table\"\ntable = \"x\"\naccount = \"a\"\n\
         auth = { key_file = \"broken.key\" }\n\
         [[source]]\nname = \"misused\"\nkind = \"azure-table\"\ntable = \"x\"\n\
         auth = { connection_string_env = \"A_SIGNATURE\" }\n\
         [[destination]]\nname = \"crm\"\nkind = \"salesforce\"\nexport = [\"az://a/exports/crm\"]\n\
         endpoint = \"{server}\"\nauth = { sas_file = \"exports.sas\" }\n\
         refresh = [\"sh\", \"-c\", \"echo $A_KEY $A_PASSWORD; env >&2; exit 3\"]\n\
         [destination.replay]\nheaders = { Authorization = \"A_PASSWORD\" }\n\
         [[notify]]\nurl_env = \"A_HOOK\"\non = [\"mail\", \"page\", \"failure\"]\n[ping]\nurl_env = \"A_HOOK\"\n";
    let server = refusing_server();
    fs::write(folder.path().join("leadrecon.toml"), configuration.replace("{server}", &server)).unwrap();
    for command in [&["check", "-vv"][..], &["run", "-v"], &["run", "-vv", "--rescan"], &["check", "--json", "-v"]] {
        let output = leadrecon(folder.path())
            .args(command)
            .env("A_KEY", KEY)
            .env("A_PASSWORD", "correct horse battery staple")
            .env("A_HOOK", format!("{server}/hook-{HOOK}?sig={encoded}"))
            .env("A_STRING", format!("AccountName=a;SharedAccessSignature=sv=1&sp=rl&sig={encoded}"))
            .env("A_SIGNATURE", format!("sv=1&sp=rl&sig={encoded}"))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(3), "{}", said(&output));
        silent_about_canaries(&said(&output), &command.join(" "));
        for place in ["out", "state", "leadrecon.prom"] {
            below(&folder.path().join(place), &mut |path, text| silent_about_canaries(text, path));
        }
    }
}

/// A server that refuses everything and repeats what it was asked, as proxies do.
fn refusing_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut asked = vec![0; 1 << 14];
            let n = stream.read(&mut asked).unwrap_or(0);
            let asked = String::from_utf8_lossy(&asked[..n]);
            let answer = format!(
                "HTTP/1.1 403 Forbidden\r\nx-ms-error-code: AuthenticationFailed\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{asked}",
                asked.len()
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

/// Every file at or below a path.
fn below(path: &Path, look: &mut dyn FnMut(&str, &str)) {
    if path.is_dir() {
        let mut entries: Vec<_> = fs::read_dir(path).unwrap().flatten().collect();
        entries.sort_by_key(fs::DirEntry::path);
        entries.iter().for_each(|entry| below(&entry.path(), look));
    } else if path.is_file() && !path.is_symlink() {
        look(&path.display().to_string(), &readable(path));
    }
}

#[test]
fn no_character_that_acts_reaches_a_terminal_or_what_people_open() {
    let folder = tempfile::tempdir().unwrap();
    let (escape, turned) = ("\u{1b}[2J\u{1b}]0;owned\u{7}", "\u{202e}fdp.exe");
    for place in ["raw", "exports"] {
        fs::create_dir(folder.path().join(place)).unwrap();
    }
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    let lead = |n: usize, name: &str| {
        format!(
            "{{\"UserDetails\":{{\"FirstName\":{},\"LastName\":\"Lovelace{n}\",\"Email\":\"ada{n}@northwind.example\",\"Phone\":\"\",\
             \"Company\":{},\"Country\":\"US\",\"Title\":{}}},\"LeadSource\":{},\"ActionCode\":\"INS\",\
             \"OfferTitle\":{},\"CreatedTime\":\"2026-05-0{n}T08:00:00Z\"}}",
            quoted(name),
            quoted(&format!("Northwind{escape}")),
            quoted(turned),
            quoted(&format!("AzureMarketplace-INS|contoso.{escape}")),
            quoted(&format!("Mesh {turned}")),
        )
    };
    let leads: Vec<String> = (1..5).map(|n| lead(n, &format!("Ada{escape}"))).collect();
    fs::write(folder.path().join(format!("raw/{escape}{turned}.ndjson")), leads.join("\n")).unwrap();
    fs::write(folder.path().join(format!("raw/broken{escape}.json")), "{\"a\": ").unwrap();
    let export = format!(
        "Id,Email,First Name,Last Name,Lead Source,Created Date,Status\n\
         00Q5g00000abcde001,ada1@northwind.example,Ada{escape},Lovelace1,AzureMarketplace-INS|contoso.mesh,2026-05-01T08:03:00Z,{turned}\n\
         {escape},{turned},,,,,\n"
    );
    fs::write(folder.path().join(format!("exports/{turned}{escape}.csv")), export).unwrap();
    fs::write(folder.path().join("exports/broken.csv"), format!("{escape}{turned}\n{escape}\n")).unwrap();
    fs::write(
        folder.path().join("leadrecon.toml"),
        "[report]\npii = \"full\"\n[[source]]\nname = \"dump\"\nkind = \"files\"\npath = \"raw/*\"\n\
         [[destination]]\nname = \"crm\"\nkind = \"salesforce\"\nexport = [\"exports/*.csv\"]\n",
    )
    .unwrap();
    let acts = |c: char| (c.is_control() && !"\n\r\t".contains(c)) || ('\u{202a}'..='\u{202e}').contains(&c);
    for command in [
        &["run", "--as-of", "2026-05-06", "-v"][..],
        &["check"],
        &["explain", "ada1@northwind.example"],
        &["query", "select * from leads"],
        &["query", &format!("select {escape}")],
        &["explain", &format!("{escape}{turned}")],
        &[&format!("--{escape}")],
    ] {
        let output = leadrecon(folder.path()).args(command).output().unwrap();
        let text = said(&output);
        assert!(!text.contains(acts), "{command:?}\n{text:?}");
        assert!(output.status.code().is_some_and(|status| status < 5), "{text}");
    }
    let mut seen = 0;
    below(&folder.path().join("out/2026-05-06"), &mut |path, text| {
        if ["csv", "json", "html", "txt", "md"].iter().any(|ending| path.ends_with(ending)) {
            assert!(!text.contains(acts) && !text.contains("\\u001b"), "{path}");
            seen += 1;
        }
    });
    assert!(seen > 10, "{seen}");
    let leads = String::from_utf8(table(folder.path(), "leads")).unwrap();
    assert!(leads.contains("Ada\u{fffd}[2J"), "the text is shown otherwise: {leads}");
}

#[test]
fn talk_that_cannot_be_written_is_dropped_and_a_summary_that_cannot_is_no_success() {
    let folder = only_a_source();
    let full = || fs::File::options().write(true).open("/dev/full").unwrap();
    let status = |out: Option<fs::File>, err: Option<fs::File>, args: &[&str]| {
        let mut command = leadrecon(folder.path());
        command.args(args).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        if let Some(out) = out {
            command.stdout(out);
        }
        if let Some(err) = err {
            command.stderr(err);
        }
        command.status().unwrap().code()
    };
    let night = ["run", "-vv", "--as-of", "2026-05-06"];
    assert_eq!(status(None, Some(full()), &night), Some(0));
    assert_eq!(status(Some(full()), Some(full()), &night), Some(4));
    assert_eq!(status(None, Some(full()), &["run", "--config", "nowhere.toml"]), Some(2));
    assert_eq!(status(None, Some(full()), &["run", "--no-such-flag"]), Some(2));
    // Closed, not only full.
    let closed = leadrecon(folder.path()).get_program().to_owned();
    let shell = std::process::Command::new("sh")
        .current_dir(folder.path())
        .args(["-c", "exec \"$0\" run -vv --as-of 2026-05-06 2>&- >/dev/null"])
        .arg(closed)
        .status()
        .unwrap();
    assert_eq!(shell.code(), Some(0));
}
