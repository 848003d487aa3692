//! Who is told of a night, and exports that are made anew: servers and commands that succeed, fail, hang and lie.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::program::leadrecon;

/// What a server does with a request.
#[derive(Clone, Copy, PartialEq)]
enum Does {
    Succeed,
    Fail,
    Hang,
    /// Answers 200 and says that nothing was delivered.
    Lie,
    /// Sends whoever asks elsewhere, who would take the secret along.
    Redirect,
}

/// A server on this machine that keeps what it is sent.
struct Server {
    port: u16,
    does: Arc<Mutex<Does>>,
    got: Arc<Mutex<Vec<(String, String)>>>,
}

impl Server {
    fn start() -> Server {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (does, got) = (Arc::new(Mutex::new(Does::Succeed)), Arc::new(Mutex::new(Vec::new())));
        let server = Server { port, does: does.clone(), got: got.clone() };
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (does, got) = (*does.lock().unwrap(), got.clone());
                std::thread::spawn(move || answer(client, does, &got));
            }
        });
        server
    }

    fn address(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    fn does(&self, what: Does) {
        *self.does.lock().unwrap() = what;
    }

    /// What came in since it was asked last: path and body.
    fn got(&self) -> Vec<(String, String)> {
        std::mem::take(&mut *self.got.lock().unwrap())
    }
}

fn answer(client: TcpStream, does: Does, got: &Mutex<Vec<(String, String)>>) {
    let mut reader = BufReader::new(client.try_clone().unwrap());
    let (mut line, mut length) = (String::new(), 0);
    reader.read_line(&mut line).unwrap_or_default();
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).unwrap_or_default() < 3 {
            break;
        }
        if let Some(n) = header.to_lowercase().strip_prefix("content-length:") {
            length = n.trim().parse().unwrap_or_default();
        }
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    got.lock().unwrap().push((path, String::from_utf8_lossy(&body).into_owned()));
    let mut client = client;
    let (status, text) = match does {
        Does::Succeed => ("200 OK", "ok"),
        Does::Fail => ("503 Busy", "no"),
        Does::Lie => ("200 OK", "Webhook message delivery failed with error: HTTP error 429"),
        Does::Redirect => ("302 Found\r\nLocation: http://127.0.0.1:1/stolen", ""),
        Does::Hang => {
            std::thread::sleep(Duration::from_secs(60));
            return;
        }
    };
    let _ = write!(client, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}", text.len());
}

const SECRET: &str = "hook-4711-secret";

fn set_up(folder: &Path, more: &str, of_destination: &str) {
    let mut raw = String::new();
    let mut export = "Id,Email,LastName,LeadSource,CreatedDate\n".to_owned();
    for n in 0..30 {
        let (day, email) = (1 + n, format!("person{n}@firma{n}.example"));
        raw += &format!(
            "{{\"PartitionKey\":\"p\",\"RowKey\":\"r{n}\",\"Email\":\"{email}\",\"LastName\":\"Ritter{n}\",\
             \"LeadSource\":\"AzureMarketplace-PLT|contoso.mesh\",\"CreatedTime\":\"2026-04-{day:02}T08:00:00Z\"}}\n"
        );
        if n != 12 {
            export += &format!(
                "00Q5g0000{n:06}AAA,{email},Ritter{n},AzureMarketplace-PLT|contoso.mesh,2026-04-{day:02}T08:03:00Z\n"
            );
        }
    }
    fs::write(folder.join("raw.ndjson"), raw).unwrap();
    fs::write(folder.join("leads.csv"), &export).unwrap();
    fs::write(folder.join("kept.csv"), export).unwrap();
    let text = format!(
        "[output]\nurl = \"https://reports.example/latest/report.html\"\n\
         [[source]]\nname = \"raw\"\nkind = \"files\"\npath = \"raw.ndjson\"\n\
         [[destination]]\nname = \"crm\"\nkind = \"salesforce\"\nexport = [\"leads.csv\"]\n{of_destination}\n{more}"
    );
    fs::write(folder.join("leadrecon.toml"), text).unwrap();
}

/// Runs the job with the server's addresses, expects an exit status, and gives what was said. No secret may be in it.
fn night(folder: &Path, server: &Server, day: &str, status: i32) -> String {
    let hook = server.address(SECRET);
    let output = leadrecon(folder)
        .args(["run", "--as-of", day])
        .env("HOOK", &hook)
        .env("WATCH", format!("{hook}?x=1"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{said}");
    assert!(!said.contains(SECRET), "{said}");
    for path in [folder.join("state/notified.json"), folder.join("out").join(day).join("manifest.json")] {
        assert!(!fs::read_to_string(path).unwrap_or_default().contains(SECRET));
    }
    said
}

#[test]
fn a_webhook_is_told_once_whatever_the_server_does_and_the_night_goes_on() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start());
    let hooks = "[[notify]]\nurl_env = \"HOOK\"\nkind = \"teams\"\non = [\"page\", \"mail\", \"failure\"]\n";
    set_up(dir.path(), hooks, "");

    // It cannot be told: a warning, and the next run tries again.
    for (does, why) in [
        (Does::Fail, "it answered 503"),
        (Does::Lie, "says that it did not deliver"),
        (Does::Redirect, "it answered 302"),
    ] {
        server.does(does);
        let said = night(dir.path(), &server, "2026-04-30", 0);
        assert!(said.contains("HOOK could not be told") && said.contains(why), "{said}");
        assert!(!server.got().is_empty());
    }
    server.does(Does::Hang);
    let begun = Instant::now();
    let said = night(dir.path(), &server, "2026-04-30", 0);
    assert!(said.contains("no answer within") && begun.elapsed() < Duration::from_secs(60), "{said}");
    server.got();

    // It is told, once: an hourly job is silent from then on.
    server.does(Does::Succeed);
    night(dir.path(), &server, "2026-04-30", 0);
    let got = server.got();
    assert_eq!(got.len(), 1, "{got:?}");
    let card: serde_json::Value = serde_json::from_str(&got[0].1).unwrap();
    let text = card.to_string();
    assert!(text.contains("1 lead of 1 person never reached") && text.contains("https://reports.example/"), "{text}");
    assert!(!text.contains("person12") && !text.contains("Ritter"), "no personal data: {text}");
    night(dir.path(), &server, "2026-04-30", 0);
    assert_eq!(server.got(), []);
}

#[test]
fn a_watch_hears_of_start_success_and_failure_and_a_failure_is_told_once_until_a_good_night() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start());
    let hooks = "[[notify]]\nurl_env = \"HOOK\"\non = [\"failure\", \"daily\"]\n[ping]\nurl_env = \"WATCH\"\n";
    set_up(dir.path(), hooks, "");
    let paths = |got: &[(String, String)]| got.iter().map(|(path, _)| path.replace(SECRET, "hook")).collect::<Vec<_>>();
    night(dir.path(), &server, "2026-04-30", 0);
    assert_eq!(paths(&server.got()), ["/hook/start?x=1", "/hook?x=1", "/hook"]);
    fs::remove_file(dir.path().join("raw.ndjson")).unwrap();
    night(dir.path(), &server, "2026-04-30", 3);
    let got = server.got();
    assert_eq!(paths(&got), ["/hook/start?x=1", "/hook/fail?x=1", "/hook"]);
    let told: serde_json::Value = serde_json::from_str(&got[2].1).unwrap();
    assert!(told["failure"].as_str().unwrap().contains("done in part") && told["counts"]["open"] == 1, "{told}");
    night(dir.path(), &server, "2026-04-30", 3);
    assert_eq!(paths(&server.got()), ["/hook/start?x=1", "/hook/fail?x=1"]);
    // A night that fails outright is told as well, each why once, and a good one makes the next failure new.
    for (wrong, status, why) in [("queries", 2, "cannot read the folder"), ("state", 4, "cannot read")] {
        let written = fs::read_to_string(dir.path().join("leadrecon.toml")).unwrap();
        if wrong == "queries" {
            fs::write(
                dir.path().join("leadrecon.toml"),
                written.replacen("[output]", "[output]\nqueries = \"gone\"", 1),
            )
            .unwrap();
        } else {
            fs::write(dir.path().join("state/retracted.json"), "damaged").unwrap();
        }
        for told in [vec!["/hook/start?x=1", "/hook/fail?x=1", "/hook"], vec!["/hook/start?x=1", "/hook/fail?x=1"]] {
            night(dir.path(), &server, "2026-04-30", status);
            let got = server.got();
            assert_eq!(paths(&got), told, "{wrong}");
            let told_why = got.last().unwrap().1.clone();
            assert!(told_why.contains(why) && !told_why.contains("person"), "{told_why}");
        }
        fs::write(dir.path().join("leadrecon.toml"), written).unwrap();
        let _ = fs::remove_file(dir.path().join("state/retracted.json"));
    }
    // A variable that is not set costs itself.
    let output = leadrecon(dir.path()).args(["run", "--as-of", "2026-04-30"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("environment variable WATCH is not set"));
}

#[test]
fn an_export_is_made_anew_before_it_is_read_and_a_command_that_fails_or_hangs_tells_the_age_of_the_last() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start());
    let folder = dir.path();
    set_up(folder, "", "refresh = [\"cp\", \"kept.csv\", \"leads.csv\"]");
    fs::remove_file(folder.join("leads.csv")).unwrap();
    let said = night(folder, &server, "2026-04-30", 0);
    assert!(said.contains("29 matched"), "{said}");

    let day = |n: u64| std::time::UNIX_EPOCH + Duration::from_secs(1_777_420_800 + n * 86_400); // 29 April 2026
    fs::File::options().write(true).open(folder.join("leads.csv")).unwrap().set_modified(day(0)).unwrap();
    for (command, within, why) in [
        ("[\"sh\", \"-c\", \"echo refused by the CRM; exit 9\"]", "1m", "exit status: 9"),
        ("[\"sh\", \"-c\", \"sleep 77 & sleep 77\"]", "1s", "had not ended after 1s"),
        ("[\"no-such-exporter\"]", "1m", "cannot be started"),
        ("[\"true\"]", "1m", "left what stands there as it was"),
    ] {
        set_up_keeping(folder, &format!("refresh = {command}\nrefresh_within = \"{within}\""));
        let said = night(folder, &server, "2026-04-30", 3);
        assert!(said.contains(why) && said.contains("the last good one is of 2026-04-29, 1 day old"), "{said}");
        let headline = said.lines().find(|l| l.starts_with("Leads as of")).unwrap_or_default();
        assert!(headline.contains("1 day old: what happened since is unknown. "), "{said}");
        assert!(said.contains("29 matched"), "what the old one shows still counts: {said}");
        assert_eq!(
            said.contains("refused by the CRM"),
            command.contains("refused"),
            "its output is in the log: {said}"
        );
    }
    // Offline nothing is made.
    let output = leadrecon(folder).args(["run", "--as-of", "2026-04-30", "--offline"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Another configuration over the same files.
fn set_up_keeping(folder: &Path, of_destination: &str) {
    let [leads, modified] = [folder.join("leads.csv"), folder.join("leads.csv")];
    let (bytes, at) = (fs::read(&leads).unwrap(), fs::metadata(modified).unwrap().modified().unwrap());
    set_up(folder, "", of_destination);
    fs::write(&leads, bytes).unwrap();
    fs::File::options().write(true).open(leads).unwrap().set_modified(at).unwrap();
}
