//! https targets: what is trusted, and peers that misbehave behind TLS. By the program, for trust comes from its environment.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustix::process::Signal;
use serde_json::Value;
use star_fixture::process::{End, Process, folder, refuses};
use star_fixture::server::{Fixture, OK, until};
use star_fixture::tls::{Authority, Identity, secure, showing};
use star_wire::Timestamp;
use star_wire::status::{StatusBody, Target};
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
    let file = trusted(&folder("good"), &server.authority);
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
    let good = trusted(&folder, &server.authority);
    let path = |name: &str| folder.join(name).display().to_string();
    let [missing, none, text, damaged] = ["missing", "none", "text.pem", "damaged.pem"].map(path);
    fs::create_dir(&none).unwrap();
    fs::write(&text, "no certificate").unwrap();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    fs::write(&damaged, [broken, &server.authority].concat()).unwrap();
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
        let file = trusted(&folder("flood"), &server.authority);
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
    let file = trusted(&folder("early"), &server.authority);
    for _ in 0..20 {
        let end = check(&server.url, &[("SSL_CERT_FILE", &file)]);
        assert!(end.code == Some(0) && end.stdout.contains("HTTP 503"), "{end:?}");
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A day of the last and of the next weeks, to the second, as certificates tell time.
fn at(days: i64) -> SystemTime {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    SystemTime::UNIX_EPOCH + Duration::from_secs(now.checked_add_signed(days * DAY.as_secs() as i64).unwrap())
}

async fn answer(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin) {
    let _ = stream.read(&mut [0; 1024]).await;
    let _ = stream.write_all(OK.as_bytes()).await;
    let _ = stream.flush().await;
}

/// Writes `text` to a file in `folder` and gives `--flag=PATH`.
fn flag(folder: &Path, flag: &str, text: &str) -> String {
    let path = folder.join(flag);
    fs::write(&path, text).unwrap();
    format!("--{flag}={}", path.display())
}

/// The flags for `identity`.
fn shown(folder: &Path, identity: &Identity) -> [String; 2] {
    [flag(folder, "client-certificate", &identity.pem()), flag(folder, "client-key", &identity.key_pem())]
}

fn check_with(url: &str, flags: &[&str]) -> End {
    Process::start(PROBE, &[&["check", "--timeout-seconds=5", url], flags].concat(), &[]).end()
}

async fn target(address: SocketAddr) -> Target {
    let response = reqwest::get(format!("http://{address}/status")).await.unwrap();
    Arc::unwrap_or_clone(response.json::<StatusBody>().await.unwrap().status.targets.remove(0))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ca_file_is_trusted_in_place_of_the_systems() {
    let (server, other) = (secure(answer).await, Authority::new());
    let folder = folder("ca");
    let right = flag(&folder, "ca-file", &server.authority);
    let end = check_with(&server.url, &[&right]);
    assert!(end.code == Some(0) && end.stderr.is_empty(), "{end:?}");
    let wrong = flag(&folder, "ca-file", &other.pem());
    let system = folder.join("system.pem");
    fs::write(&system, &server.authority).unwrap();
    let args = ["check", "--timeout-seconds=5", &*server.url, &wrong];
    let end = Process::start(PROBE, &args, &[("SSL_CERT_FILE", system.to_str().unwrap())]).end();
    assert!(
        end.code == Some(1) && end.stdout.contains("(tls_failed)") && end.stdout.contains("invalid peer certificate"),
        "{end:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_asks_who_we_are_is_shown_our_certificate() {
    let (authority, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let server = showing(&authority, &authority.sign(at(90)), Some(&clients), answer).await;
    let folder = folder("client");
    let ca = flag(&folder, "ca-file", &authority.pem());
    let [certificate, key] = shown(&folder, &clients.sign(at(90)));
    let end = check_with(&server.url, &[&ca, &certificate, &key]);
    assert_eq!(end.code, Some(0), "{end:?}");
    let end = check_with(&server.url, &[&ca]);
    assert!(end.code == Some(1) && end.stdout.contains("(tls_failed)"), "{end:?}");
    assert!(end.stdout.contains("CertificateRequired"), "{end:?}");
    let [certificate, key] = shown(&folder, &strangers.sign(at(90)));
    let end = check_with(&server.url, &[&ca, &certificate, &key]);
    assert!(end.code == Some(1) && end.stdout.contains("(tls_failed)"), "{end:?}");
}

#[test]
fn a_file_for_tls_that_cannot_be_used_is_told_with_its_flag() {
    let (authority, folder) = (Authority::new(), folder("unusable"));
    let [certificate, key] = shown(&folder, &authority.sign(at(90)));
    let other = flag(&folder, "other-key", &authority.sign(at(90)).key_pem()).replace("other-key=", "client-key=");
    let no = |name: &str| format!("--{name}={}", folder.join("none").display());
    for (args, code, part) in [
        (&[&*certificate, &*other][..], 1, "is not the key of the first certificate in --client-certificate="),
        (&[&certificate], 2, "--client-key"),
        (&[&key], 2, "--client-certificate"),
        (&[&certificate, &no("client-key")], 1, "name a file with a private key in PEM"),
        (&[&no("client-certificate"), &key], 1, "name a file of certificates in PEM"),
        (&[&key.replace("client-key=", "client-certificate="), &key], 1, "has no certificate in it"),
        (&[&no("ca-file")], 1, "name a file of CA certificates"),
    ] {
        let flag = args.iter().find(|_| code == 1).map_or("", |arg| arg.split('=').next().unwrap());
        let named =
            if part.contains("private key") || part.contains("is not the key") { "--client-key=" } else { flag };
        refuses(PROBE, &[&["--urls="], args].concat(), code, &[part, named]);
        refuses(PROBE, &[&["check", "https://127.0.0.1:9/"], args].concat(), code, &[part, named]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_ends_is_told_and_said_whether_it_is_trusted_or_not() {
    let (authority, folder) = (Authority::new(), folder("expiry"));
    let ca = flag(&folder, "ca-file", &authority.pem());
    for (days, flags, reachable, said) in [
        (15, &[&*ca][..], true, None),
        (13, &[&ca], true, Some("the certificate expires soon")),
        (-1, &[&ca], false, Some("the certificate has expired")),
        (-1, &["--tls-skip-verify"], true, Some("the certificate has expired")),
        (13, &["--tls-skip-verify"], true, Some("the certificate expires soon")),
    ] {
        let ends = at(days);
        let server = showing(&authority, &authority.sign(ends), None, answer).await;
        let urls = format!("--urls={}", server.url);
        let args = [&[&*urls, "--http-probe-seconds=0.2"], flags].concat();
        let mut probe = Process::start(PROBE, &args, &[]);
        let address = probe.address();
        let ends = Timestamp::try_from(ends).unwrap();
        let told = |target: &Target| {
            target.reachable == reachable && target.observation.certificate_expires.as_deref() == Some(&ends)
        };
        let first = until(async || target(address).await, told).await.observation.checked_at;
        // Checked again, and said once all the same.
        until(async || target(address).await, |again| told(again) && again.observation.checked_at > first).await;
        probe.signal(Signal::TERM);
        let end = probe.end();
        let times = |part: &str| end.stderr.lines().filter(|line| line.contains(part)).count();
        assert_eq!(times("the certificate"), usize::from(said.is_some()), "{days}: {end:?}");
        assert!(said.is_none_or(|said| times(said) == 1), "{days}: {end:?}");
        assert_eq!(times("--tls-skip-verify: "), usize::from(flags.contains(&"--tls-skip-verify")), "{end:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_is_replaced_while_it_runs_is_used_by_both_sides() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let server = showing(&authority, &authority.sign(at(90)), Some(&clients), answer).await;
    let folder = folder("rotated");
    let ca = flag(&folder, "ca-file", &authority.pem());
    let [certificate, key] = shown(&folder, &Authority::new().sign(at(90)));
    let urls = format!("--urls={}", server.url);
    let args = [&*urls, "--http-probe-seconds=0.5", &ca, &certificate, &key];
    let mut probe = Process::start(PROBE, &args, &[]);
    let address = probe.address();
    until(async || target(address).await, |target| target.observation.reason.is_some()).await;
    shown(&folder, &clients.sign(at(90)));
    until(async || target(address).await, |target| target.reachable).await;
    let ends = at(60);
    server.show(&authority.sign(ends));
    let ends = Timestamp::try_from(ends).unwrap();
    until(
        async || target(address).await,
        |target| target.reachable && target.observation.certificate_expires.as_deref() == Some(&ends),
    )
    .await;
}
