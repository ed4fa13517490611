//! https targets: what is trusted, and peers that misbehave behind TLS. By the program, for trust comes from its environment.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;
use star_fixture::process::{End, Process, folder};
use star_fixture::server::{Fixture, OK};
use star_fixture::tls::secure;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const PROBE: &str = env!("CARGO_BIN_EXE_star-probe");

/// `star-probe check`, with time enough for a busy machine.
fn check(url: &str, env: &[(&str, &str)]) -> End {
    Process::start(PROBE, &["check", "--timeout-seconds=5", url], env).end()
}

fn trusted(folder: &Path, certificate: &str) -> String {
    let path = folder.join("trusted.pem");
    fs::write(&path, certificate).unwrap();
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_a_trusted_authority_is_good_for_its_name_with_a_dot_or_without() {
    let server = secure(async |mut stream| {
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream.write_all(OK.as_bytes()).await;
    })
    .await;
    let file = trusted(&folder("good"), &server.certificate);
    for url in
        [&*server.url, &format!("https://localhost:{}/", server.port), &format!("https://localhost.:{}/", server.port)]
    {
        let end = check(url, &[("SSL_CERT_FILE", &file)]);
        assert_eq!((end.code, &*end.stderr), (Some(0), ""), "{end:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ca_file_that_cannot_be_used_is_named_at_the_start_and_by_check() {
    let server = secure(async |_| {}).await;
    let folder = folder("bad");
    let good = trusted(&folder, &server.certificate);
    let path = |name: &str| folder.join(name).display().to_string();
    let [missing, none, text, damaged] = ["missing", "none", "text.pem", "damaged.pem"].map(path);
    fs::create_dir(&none).unwrap();
    fs::write(&text, "no certificate").unwrap();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    fs::write(&damaged, [broken, &server.certificate].concat()).unwrap();
    for (env, parts) in [
        (&[("SSL_CERT_FILE", &*missing)][..], &["SSL_CERT_FILE=", &*missing, "cannot be used (", "No such file"][..]),
        (&[("SSL_CERT_FILE", &missing), ("SSL_CERT_DIR", &none)], &[&missing, &none, "has no certificate in it"]),
        (&[("SSL_CERT_FILE", &good), ("SSL_CERT_DIR", &missing)], &["SSL_CERT_DIR=", &missing, "cannot be used"]),
        (&[("SSL_CERT_FILE", &text)], &["SSL_CERT_FILE=", &text, "has no certificate in it; name a file"]),
        (&[("SSL_CERT_FILE", &damaged)], &[&damaged, "has entries that cannot be used: 1"]),
    ] {
        let names = |line: &str| parts.iter().all(|part| line.contains(part));
        let end = check(&server.url, env);
        assert!(end.stderr.lines().count() == 1 && names(&end.stderr), "{parts:?}: {end:?}");
        let untrusted = end.stdout.contains("UnknownIssuer");
        assert!(!untrusted || names(end.stdout.lines().last().unwrap()), "{parts:?}: {end:?}");

        let mut probe = Process::start(PROBE, &[&format!("--urls={0},{0}", server.url)], env);
        // It serves when it has read them.
        reqwest::get(format!("http://{}/status", probe.address())).await.unwrap();
        probe.signal(Signal::TERM);
        let end = probe.end();
        let lines = end.stderr.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let warned: Vec<_> = lines.filter(|line| line["level"] == "WARN").map(|line| line.to_string()).collect();
        assert!(matches!(&warned[..], [line] if names(line)), "{parts:?}: {warned:?}");
    }

    let mut probe = Process::start(PROBE, &["--urls=http://127.0.0.1:9/"], &[("SSL_CERT_FILE", &missing)]);
    reqwest::get(format!("http://{}/status", probe.address())).await.unwrap();
    probe.signal(Signal::TERM);
    let end = probe.end();
    assert!(!end.stderr.contains("SSL_CERT_FILE"), "nobody needs it: {end:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_never_ends_behind_tls_is_told_as_what_it_is() {
    for (answer, part) in [
        ("HTTP/1.1 103 Early Hints\r\n\r\n", "(invalid_response): connected, but the peer answers 1xx without end"),
        ("\r\n", "(invalid_response): connected, but the head of the response has no end within 64 KiB"),
    ] {
        let server = secure(async move |mut stream| {
            // A record for each, which is 22 bytes longer.
            while stream.write_all(answer.as_bytes()).await.is_ok() && stream.flush().await.is_ok() {}
        })
        .await;
        let file = trusted(&folder("flood"), &server.certificate);
        let end = check(&server.url, &[("SSL_CERT_FILE", &file)]);
        assert!(end.code == Some(1) && end.stdout.contains(part), "{end:?}");
    }
    // A handshake message of 65,535 bytes, one byte a record.
    let server = Fixture::start(async |mut stream| {
        let mut sent = stream.write_all(&[22, 3, 3, 0, 4, 2, 0, 0xff, 0xff]).await;
        while sent.is_ok() {
            sent = stream.write_all(&[22, 3, 3, 0, 1, 0].repeat(1000)).await;
        }
    })
    .await;
    let end = check(&server.url().replace("http:", "https:"), &[]);
    let part = "(tls_failed): the TLS handshake failed: ";
    assert!(end.code == Some(1) && end.stdout.contains(part), "{end:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_comes_before_the_request_counts_behind_tls_too() {
    let server = secure(async |mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n").await;
        let _ = stream.flush().await;
    })
    .await;
    let file = trusted(&folder("early"), &server.certificate);
    for _ in 0..20 {
        let end = check(&server.url, &[("SSL_CERT_FILE", &file)]);
        assert!(end.code == Some(0) && end.stdout.contains("HTTP 503"), "{end:?}");
    }
}
