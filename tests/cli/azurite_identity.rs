//! A job that signs in as the machine it runs on: the emulator behind TLS, and a token endpoint on this machine in the
//! manner of Container Apps.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::azurite_server::{ACCOUNT, Azurite};
use crate::program::leadrecon;

const SECRET: &str = "header-4711-secret";

/// What has no `=` at its end, as tokens are written.
fn base64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = chunk.iter().fold(0u32, |all, byte| all << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for n in 0..=chunk.len() {
            out.push(char::from(LETTERS[(bits >> (18 - 6 * n)) as usize & 63]));
        }
    }
    out
}

/// A token that the emulator takes; nobody checks its signature there.
fn token(now: u64) -> String {
    let claims = serde_json::json!({
        "aud": "https://storage.azure.com", "iss": "https://sts.windows.net/00000000-0000-0000-0000-000000000001/",
        "iat": now - 60, "nbf": now - 60, "exp": now + 3600, "sub": "job",
    });
    let head = serde_json::json!({ "alg": "RS256", "typ": "JWT" });
    format!("{}.{}.{}", base64(&head.to_string()), base64(&claims.to_string()), base64("nobody checks it"))
}

/// A token endpoint; keeps what it is asked.
fn endpoint() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = format!("http://127.0.0.1:{}/msi/token", listener.local_addr().unwrap().port());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = asked.clone();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut request = String::new();
            for line in BufReader::new(client.try_clone().unwrap()).lines().map_while(Result::ok) {
                if line.is_empty() {
                    break;
                }
                request += &(line + "\n");
            }
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
            let is_ours = request.to_lowercase().contains(&format!("x-identity-header: {SECRET}"));
            kept.lock().unwrap().push(request);
            let body = serde_json::json!({
                "access_token": token(now), "expires_on": (now + 3600).to_string(), "resource": "https://storage.azure.com",
                "token_type": "Bearer",
            })
            .to_string();
            let status = if is_ours { "200 OK" } else { "401 Unauthorized" };
            let _ = write!(
                client,
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    (address, asked)
}

#[test]
fn a_job_reads_and_mirrors_as_the_machine_that_it_runs_on() {
    let azurite = Azurite::start_with_sign_in();
    let blob = format!("https://127.0.0.1:{}/{ACCOUNT}", azurite.blob_port);
    let (address, asked) = endpoint();
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("raw.json"), "{\"LeadSource\":\"SPZA-INS|c.o\",\"Email\":\"a@b.example\"}").unwrap();
    fs::write(
        dir.path().join("leadrecon.toml"),
        format!(
            "[state]\nmirror = \"az://{ACCOUNT}/job/state\"\nendpoint = \"{blob}\"\nauth = {{ default = true }}\n\
             [[source]]\nname = \"raw\"\nkind = \"files\"\npath = \"raw.json\"\n"
        ),
    )
    .unwrap();
    let tls = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls/cert.pem");
    let night = |secret: &str| {
        let output = leadrecon(dir.path())
            .args(["run", "--as-of", "2026-11-20"])
            .env("IDENTITY_ENDPOINT", &address)
            .env("IDENTITY_HEADER", secret)
            .env("SSL_CERT_FILE", &tls)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains(SECRET), "{said}");
        (output.status.code(), said)
    };
    // The container does not exist: the service was reached, and took the token.
    let (status, said) = night(SECRET);
    assert!(status == Some(4) && said.contains("does not exist") && !asked.lock().unwrap().is_empty(), "{said}");
    let (status, said) = night("another");
    assert!(status == Some(4) && said.contains("sign in"), "{said}");
}
