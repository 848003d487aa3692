//! Starts the pinned storage emulator on free ports for one test, fills it, and stops it.
//!
//! `npm ci` puts Azurite under `tests/azurite` the first time. Without Node.js the test fails and says what to install.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use azure_data_tables::clients::{TableClient, TableServiceClientBuilder};
use azure_storage::{CloudLocation, StorageCredentials};
use azure_storage_blobs::prelude::{ClientBuilder, ContainerClient};
use futures::{StreamExt, TryStreamExt};
use serde_json::Value;

/// The emulator's account, which is public.
pub const ACCOUNT: &str = "devstoreaccount1";
/// The emulator's key, which is public.
pub const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A running emulator; it ends when this is dropped.
pub struct Azurite {
    server: Child,
    runtime: tokio::runtime::Runtime,
    pub blob_port: u16,
    pub table_port: u16,
    _folder: tempfile::TempDir,
}

impl Azurite {
    /// Starts an empty emulator.
    pub fn start() -> Azurite {
        Azurite::start_with(&[])
    }

    /// The same behind TLS, which takes any token that says the right things of itself.
    pub fn start_with_sign_in() -> Azurite {
        let tls = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls");
        let [key, certificate] = ["key.pem", "cert.pem"].map(|name| tls.join(name).display().to_string());
        Azurite::start_with(&["--oauth", "basic", "--cert", &certificate, "--key", &key])
    }

    fn start_with(arguments: &[&str]) -> Azurite {
        let azurite_folder = installed();
        for _ in 0..5 {
            let folder = tempfile::tempdir().unwrap();
            let [blob_port, table_port, queue_port] = free_ports();
            let host = "127.0.0.1";
            let server = Command::new("node")
                .arg("-r")
                .arg(azurite_folder.join("leave.js"))
                .arg(azurite_folder.join("node_modules/azurite/dist/src/azurite.js"))
                .args(["--blobHost", host, "--tableHost", host, "--queueHost", host])
                .args(["--blobPort", &blob_port.to_string(), "--tablePort", &table_port.to_string()])
                .args(["--queuePort", &queue_port.to_string()])
                .args(arguments)
                .args(["--inMemoryPersistence", "--disableTelemetry", "--silent"])
                .current_dir(folder.path())
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("Node.js was there a moment ago");
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let mut azurite = Azurite { server, runtime, blob_port, table_port, _folder: folder };
            if azurite.is_up() {
                return azurite;
            }
        }
        panic!("Azurite does not start; try `node tests/azurite/node_modules/azurite/dist/src/azurite.js` by hand");
    }

    fn is_up(&mut self) -> bool {
        let until = Instant::now() + Duration::from_secs(60);
        while Instant::now() < until {
            if self.server.try_wait().unwrap().is_some() {
                return false; // Another process took a port.
            }
            let open = |port| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
            if open(self.blob_port) && open(self.table_port) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    }

    /// Where the table service listens.
    pub fn table_endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/{ACCOUNT}", self.table_port)
    }

    /// Where the blob service listens.
    pub fn blob_endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/{ACCOUNT}", self.blob_port)
    }

    fn table(&self, name: &str) -> TableClient {
        let location = CloudLocation::Custom { account: ACCOUNT.into(), uri: self.table_endpoint() };
        TableServiceClientBuilder::with_location(location, StorageCredentials::access_key(ACCOUNT, KEY))
            .build()
            .table_client(name)
    }

    fn container(&self, name: &str) -> ContainerClient {
        let location = CloudLocation::Custom { account: ACCOUNT.into(), uri: self.blob_endpoint() };
        ClientBuilder::with_location(location, StorageCredentials::access_key(ACCOUNT, KEY)).container_client(name)
    }

    /// Makes a table.
    pub fn make_table(&self, name: &str) {
        self.runtime.block_on(async { self.table(name).create().await.unwrap() });
    }

    /// Writes entities, those of one partition a hundred at a time.
    pub fn put_entities(&self, table: &str, entities: &[Value]) {
        let table = self.table(table);
        let mut sorted = entities.to_vec();
        let key = |e: &Value| e["PartitionKey"].as_str().unwrap().to_owned();
        sorted.sort_by_key(key);
        let transactions: Vec<Vec<Value>> =
            sorted.chunk_by(|a, b| key(a) == key(b)).flat_map(|c| c.chunks(100).map(<[Value]>::to_vec)).collect();
        let writes = futures::stream::iter(transactions).map(|entities| {
            let table = table.clone();
            async move {
                let partition = table.partition_key_client(entities[0]["PartitionKey"].as_str().unwrap());
                let mut transaction = partition.transaction();
                for entity in &entities {
                    transaction =
                        transaction.insert_or_replace(entity["RowKey"].as_str().unwrap().to_owned(), entity).unwrap();
                }
                transaction.await
            }
        });
        self.runtime.block_on(writes.buffer_unordered(4).try_collect::<Vec<_>>()).unwrap();
    }

    /// Makes a container.
    pub fn make_container(&self, name: &str) {
        self.runtime.block_on(async { self.container(name).create().await.unwrap() });
    }

    /// Writes blobs.
    pub fn put_blobs(&self, container: &str, blobs: &[(String, Vec<u8>)]) {
        let container = self.container(container);
        let writes =
            futures::stream::iter(blobs.to_vec()).map(|(name, bytes)| {
                let container = container.clone();
                async move {
                    container.blob_client(name).put_block_blob(bytes).content_type("application/octet-stream").await
                }
            });
        self.runtime.block_on(writes.buffer_unordered(8).try_collect::<Vec<_>>()).unwrap();
    }

    /// Makes an append blob of some bytes, or adds them to it.
    pub fn append_blob(&self, container: &str, name: &str, bytes: &str, make: bool) {
        let blob = self.container(container).blob_client(name);
        self.runtime.block_on(async {
            if make {
                blob.put_append_blob().await.unwrap();
            }
            blob.append_block(bytes.to_owned()).await.unwrap();
        });
    }

    /// The names of all blobs.
    pub fn blob_names(&self, container: &str) -> Vec<String> {
        let pages = self.container(container).list_blobs().into_stream().try_collect::<Vec<_>>();
        let pages = self.runtime.block_on(pages).unwrap();
        pages.iter().flat_map(|page| page.blobs.blobs().map(|blob| blob.name.clone())).collect()
    }

    /// The bytes of a blob.
    pub fn get_blob(&self, container: &str, name: &str) -> Vec<u8> {
        let blob = self.container(container).blob_client(name);
        self.runtime.block_on(async { blob.get_content().await.unwrap_or_default() })
    }

    /// Takes the lease on a blob away from whoever has it.
    pub fn break_lease(&self, container: &str, name: &str) {
        let blob = self.container(container).blob_client(name);
        // None may have been taken yet.
        let _ = self.runtime.block_on(async { blob.break_lease().lease_break_period(Duration::ZERO).await });
    }

    /// Deletes a blob.
    pub fn delete_blob(&self, container: &str, name: &str) {
        let blob = self.container(container).blob_client(name);
        self.runtime.block_on(async { blob.delete().await.unwrap() });
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Installs the emulator if need be, one test at a time, and gives its folder.
fn installed() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/azurite");
    let node = Command::new("node").arg("--version").stdout(Stdio::null()).status();
    assert!(
        node.is_ok_and(|s| s.success()),
        "these tests run the storage emulator Azurite: install Node.js 18 or later with npm (https://nodejs.org, or \
         your system's packages nodejs and npm), so that `node --version` works"
    );
    let lock = File::create(Path::new(env!("CARGO_TARGET_TMPDIR")).join("azurite.lock")).unwrap();
    lock.lock().unwrap();
    let wanted = fs::read(folder.join("package-lock.json")).unwrap();
    let mark = folder.join("node_modules/.installed-package-lock.json");
    if fs::read(&mark).is_ok_and(|m| m == wanted) {
        return folder;
    }
    let output = Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder).output();
    let output = output.expect("these tests need npm beside Node.js: install it");
    assert!(
        output.status.success(),
        "npm ci in tests/azurite failed; is the npm registry reachable?\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    fs::write(&mark, wanted).unwrap();
    folder
}

fn free_ports() -> [u16; 3] {
    // All held at once, so that they differ.
    let listeners = [(); 3].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    listeners.map(|l| l.local_addr().unwrap().port())
}
