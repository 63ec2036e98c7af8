//! `rediss://`. Whom to trust is a setting of the process, so the callers are this test program once
//! more, in which only [`a_caller`] runs.

use std::env;
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use larder_client::{Cache, Source, blocking};
use larder_test_support::Server;

use crate::support::minute;

/// What the caller has to know; it is a test that is run on request only.
const PORT: &str = "LARDER_TLS_PORT";

/// A server that also listens for TLS, at this port, and the file with its certificate.
fn secured() -> (Server, u16, PathBuf) {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let port = free.unwrap().port();
    let signed = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let file = |name: &str, text: String| {
        let path =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("tls-{port}-{name}.pem"));
        fs::write(&path, text).unwrap();
        path
    };
    let certificate = file("certificate", signed.cert.pem());
    let key = file("key", signed.signing_key.serialize_pem());
    let server = Server::with(&format!(
        "tls-port {port}\ntls-auth-clients no\ntls-cert-file {0}\ntls-key-file {1}\ntls-ca-cert-file {0}",
        certificate.display(),
        key.display(),
    ));
    fs::remove_file(key).unwrap();
    (server, port, certificate)
}

fn url(port: u16) -> String {
    format!("rediss://127.0.0.1:{port}")
}

#[tokio::test]
#[ignore = "started by the other tests"]
async fn a_caller() {
    let url = url(env::var(PORT).unwrap().parse().unwrap());
    let cache = Cache::builder(&url).build().unwrap();
    let one = cache.get_or_compute("k", minute(), async || Ok::<_, ()>(1));
    assert_eq!(one.await, Ok(1));
    assert_eq!(cache.get("k").await.unwrap(), Some(1));
    let threads = tokio::task::spawn_blocking(move || {
        let cache = blocking::Cache::builder(url).build_blocking().unwrap();
        cache.get_or_compute("k", minute(), || Ok::<_, ()>(2))
    });
    assert_eq!(threads.await.unwrap(), Ok(1));
}

#[test]
fn a_server_whose_certificate_is_trusted_is_used() {
    let (server, port, certificate) = secured();
    let caller = Command::new(env::current_exe().unwrap())
        .args(["--ignored", "--exact", "tls::a_caller"])
        .env(PORT, port.to_string())
        .env("SSL_CERT_FILE", &certificate)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    fs::remove_file(certificate).unwrap();
    assert!(
        caller.status.success(),
        "{}",
        String::from_utf8_lossy(&caller.stdout)
    );
    assert_eq!(server.client().text("CACHE.GET k"), "1");
}

#[tokio::test]
async fn one_that_nobody_vouches_for_is_not() {
    let (server, port, certificate) = secured();
    let cache = Cache::builder(url(port)).build().unwrap();
    assert!(cache.set("k", &1, minute()).await.is_err());
    let fetched = cache
        .fetch("k", minute(), async || {
            Ok::<_, ()>(larder_client::Computed::new(2))
        })
        .await
        .unwrap();
    assert_eq!((fetched.value, fetched.source), (2, Source::Bypassed));
    server.client().check("CACHE.EXISTS k", ":0");
    fs::remove_file(certificate).unwrap();
}
