//! A service that fails: what it costs, and what it does not.

use std::net::{Ipv4Addr, TcpListener};

use crate::azurite::{configuration, expect, night, set_up};
use crate::azurite_server::ACCOUNT;
use crate::publisher::blobs;

#[test]
fn a_service_that_is_down_costs_its_source_and_not_the_night() {
    let dir = tempfile::tempdir().unwrap();
    // Nobody listens there.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let dead = format!("http://127.0.0.1:{port}/{ACCOUNT}");
    let text = configuration(&dead, "http://no-such-host.invalid", "3s")
        + "[[source]]\nname = \"dump\"\nkind = \"files\"\npath = \"raw/*\"\n";
    set_up(dir.path(), &text, 10, 0..0);
    std::fs::create_dir(dir.path().join("raw")).unwrap();
    for (name, bytes) in blobs(3, 0).0 {
        std::fs::write(dir.path().join("raw").join(name.replace('/', "-")), bytes).unwrap();
    }
    let told = expect(&night(dir.path()), 3);
    assert!(told.contains("no connection"), "{told}");
    assert!(!crate::publisher::column(dir.path(), "leads", "lead_id").is_empty());
}
