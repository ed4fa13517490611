//! The REST API: as the original answers, as its README promised, and refused where that is due.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::{Value, json};
use star_fixture::collector::Collector;
use star_fixture::server::{Fixture, until};
use star_wire::graph::Graph;
use star_wire::observation::{Reason, State};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

const INTERVAL: Duration = Duration::from_millis(200);

macro_rules! golden {
    ($file:literal) => {
        include_str!(concat!("../../wire/golden/", $file, ".json"))
    };
}

fn parse(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

/// The lab's resources; their names lead nowhere here.
const LAB: [(&str, &str); 3] = [
    ("F", "http://frontend.stars:80/status"),
    ("C", "http://client.client:9000/status"),
    ("B", "http://backend.stars:6379/status"),
];

/// One of them, at an address that answers what the golden file has, and one that nobody answers for; and a golden file
/// that tells of that address.
async fn fetched() -> (Collector, impl Fn(&str) -> Value) {
    let golden = parse(golden!("responses"));
    let body = golden["responses"]["C"]["json"].to_string();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let url = Fixture::answering(head + &body).await.url();
    let collector = Collector::start(&[("C", &url), LAB[2]], INTERVAL).await;
    until(async || collector.json("/responses").await, |body| !body["responses"]["C"].is_null()).await;
    (collector, move |golden: &str| parse(&golden.replace("http://client.client:9000/status", &url)))
}

#[tokio::test]
async fn resources_are_listed_by_id() {
    let collector = Collector::start(&LAB, INTERVAL).await;
    let text = collector.get("/resources").send().await.unwrap().text().await.unwrap();
    assert_eq!(text, parse(golden!("resources")).to_string());
    assert_eq!(collector.json("/resources").await, parse(golden!("resources")));
    assert_eq!(collector.json("/resources/B").await, parse(golden!("resource")));
    let unknown = collector.get("/resources/A").send().await.unwrap();
    assert_eq!(unknown.status(), 404);
    assert!(unknown.text().await.unwrap().contains("`A`"));
}

#[tokio::test]
async fn responses_are_what_the_resources_answered_and_null_before() {
    let silent = Collector::start(&LAB, Duration::from_secs(60)).await;
    assert_eq!(silent.json("/responses").await, json!({"responses": {"B": null, "C": null, "F": null}}));
    assert_eq!(silent.json("/responses/B").await, json!({"response": {"B": null}}));

    let (collector, golden) = fetched().await;
    assert_eq!(collector.json("/responses").await, golden(golden!("responses")));
    assert_eq!(collector.json("/responses/C").await, golden(golden!("response")));
    assert_eq!(collector.get("/responses/A").send().await.unwrap().status(), 404);
    assert_eq!(collector.json("/responses/example").await, parse(golden!("responses-example")));
}

#[tokio::test]
async fn the_page_is_there_also_with_sample_data() {
    let collector = Collector::start(&[], INTERVAL).await;
    for path in ["/", "/?example=true"] {
        let page = collector.get(path).send().await.unwrap();
        assert_eq!((page.status().as_u16(), path), (200, path));
        assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
        assert!(page.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    }
}

#[tokio::test]
async fn a_resource_is_posted_whatever_the_content_type_replaced_and_deleted() {
    let collector = Collector::start(&[], INTERVAL).await;
    let kinds = [None, Some("application/json"), Some("text/plain"), Some("application/x-www-form-urlencoded")];
    for (number, kind) in kinds.into_iter().enumerate() {
        let url = format!("http://127.0.0.1:{}/status", 1 + number);
        let body = json!({"url": url, "colour": "red", "id": "A"}).to_string();
        let mut post = collector.request(Method::POST, "/resources").body(body);
        if let Some(kind) = kind {
            post = post.header("content-type", kind);
        }
        let response = post.send().await.unwrap();
        assert_eq!((response.status().as_u16(), kind), (200, kind));
        assert_eq!(response.json::<Value>().await.unwrap(), json!({"id": "A", "url": url}));
        assert_eq!(collector.json("/resources").await, json!({"resources": [{"id": "A", "url": url}]}));
    }
    let delete = || collector.request(Method::DELETE, "/resources/A").send();
    assert_eq!(delete().await.unwrap().status(), 204);
    assert_eq!(collector.json("/resources").await, json!({"resources": []}));
    assert_eq!(collector.json("/responses").await, json!({"responses": {}}));
    assert_eq!(delete().await.unwrap().status(), 404);
}

#[tokio::test]
async fn what_cannot_be_a_resource_is_refused_with_the_reason_and_nothing_is_lost() {
    let collector = Collector::start(&LAB, INTERVAL).await;
    let entry = |id: &str| json!({"id": id, "url": "http://a/"}).to_string();
    for (body, part) in [
        ("nonsense".to_owned(), "expected ident at line 1 column 2"),
        (String::new(), "EOF while parsing"),
        (json!({"id": "A"}).to_string(), "missing field `url`"),
        (json!({"id": "A", "url": 1}).to_string(), "invalid type: integer `1`"),
        (
            json!({"id": "A", "url": "ftp://a/"}).to_string(),
            "another scheme than a probe's status; give an http or https",
        ),
        (json!({"id": "A", "url": "http://a b/"}).to_string(), "it is not a URL ("),
        (entry(""), "the id is empty"),
        (entry(&"x".repeat(254)), "254 bytes"),
        (entry("a\nb"), "control or invisible"),
        (entry(" a"), "blanks"),
        (entry("example"), "/responses/example"),
        (entry("http://a"), "reads as a URL"),
    ] {
        let response = collector.request(Method::POST, "/resources").body(body.clone()).send().await.unwrap();
        assert_eq!((response.status().as_u16(), &*body), (400, &*body));
        assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
        let text = response.text().await.unwrap();
        assert!(text.contains(part) && text.lines().count() == 1, "{body}: {text}");
    }
    assert_eq!(collector.json("/resources").await, parse(golden!("resources")));
}

#[tokio::test]
async fn who_may_not_change_the_resources_cannot() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("token");
    fs::create_dir_all(&folder).unwrap();
    let token = folder.join("token");
    fs::write(&token, "secret\n").unwrap();
    let open = Collector::start(&[], INTERVAL).await;
    let guarded = Collector::with_token(&[], INTERVAL, Some(token.clone())).await;
    let try_as = async |collector: &Collector, headers: &[(&str, &str)]| {
        let mut codes = Vec::new();
        for (method, path) in [(Method::POST, "/resources"), (Method::DELETE, "/resources/A")] {
            let mut request = collector.request(method, path).body(r#"{"id":"A","url":"http://127.0.0.1:1/"}"#);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            codes.push(request.send().await.unwrap().status().as_u16());
        }
        codes
    };
    const DONE: [u16; 2] = [200, 204];
    const EVIL: (&str, &str) = ("host", "evil.example");
    const TOKEN: (&str, &str) = ("authorization", "Bearer secret");
    assert_eq!(try_as(&open, &[]).await, DONE);
    assert_eq!(try_as(&open, &[("host", "localhost:9001")]).await, DONE);
    assert_eq!(try_as(&open, &[EVIL]).await, [403, 403]);
    assert_eq!(try_as(&open, &[EVIL, TOKEN]).await, [403, 403]);

    for proxied in [
        "Forwarded",
        "Via",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Prefix",
        "X-Forwarded-Client-Cert",
        "X-Real-IP",
        "CF-Connecting-IP",
        "CF-Ray",
        "True-Client-IP",
        "X-Original-Forwarded-For",
        "X-Envoy-External-Address",
        "X-Envoy-Expected-Rq-Timeout-Ms",
        "X-Request-ID",
        "X-Azure-ClientIP",
        "X-Amzn-Trace-Id",
        "Fastly-Client-IP",
        "CDN-Loop",
    ] {
        assert_eq!(try_as(&open, &[(proxied, "x")]).await, [403, 403], "{proxied}");
        assert_eq!(try_as(&guarded, &[(proxied, "x"), TOKEN]).await, DONE, "{proxied}");
    }
    // From there a service mesh hands on what came from afar.
    let mesh = Client::builder().local_address(IpAddr::from([127, 0, 0, 6])).build().unwrap();
    let delete = mesh.delete(format!("http://{}/resources/A", open.address)).send().await.unwrap();
    assert_eq!(delete.status(), 403);

    // Where there is a token, loopback alone does not do: a proxy beside us is loopback, too.
    assert_eq!(try_as(&guarded, &[]).await, [401, 401]);
    assert_eq!(try_as(&guarded, &[("host", "localhost:9001")]).await, [401, 401]);
    assert_eq!(try_as(&guarded, &[TOKEN]).await, DONE);
    assert_eq!(try_as(&guarded, &[EVIL, TOKEN]).await, DONE);
    for wrong in [None, Some("Bearer secreT"), Some("Bearer secret1"), Some("Bearer "), Some("Basic secret")] {
        let headers = [Some(EVIL), wrong.map(|wrong| ("authorization", wrong))];
        assert_eq!(try_as(&guarded, &headers.into_iter().flatten().collect::<Vec<_>>()).await, [401, 401], "{wrong:?}");
    }
    for foreign in [("origin", "http://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")] {
        assert_eq!(try_as(&guarded, &[foreign, TOKEN]).await, [403, 403], "{foreign:?}");
        assert_eq!(try_as(&open, &[foreign]).await, [403, 403], "{foreign:?}");
    }
    let own = format!("http://{}", guarded.address);
    assert_eq!(try_as(&guarded, &[("origin", &own), ("sec-fetch-site", "same-origin"), TOKEN]).await, DONE);

    fs::write(&token, "other").unwrap();
    assert_eq!(try_as(&guarded, &[EVIL, TOKEN]).await, [401, 401]);
    assert_eq!(try_as(&guarded, &[EVIL, ("authorization", "bearer other")]).await, DONE);
    fs::remove_file(&token).unwrap();
    assert_eq!(try_as(&guarded, &[EVIL, TOKEN]).await, [500, 500]);
    assert_eq!(try_as(&guarded, &[]).await, [500, 500]);
}

#[tokio::test]
async fn a_metadata_address_is_refused_however_it_is_written() {
    let resources = [("A", "http://169.254.169.254/latest"), ("B", "http://[::ffff:169.254.169.254]/latest")];
    let collector = Collector::start(&resources, INTERVAL).await;
    let refused = Some(Reason::AddressRefused);
    until(async || collector.graph().await.nodes, |nodes| nodes.iter().all(|node| node.observation.reason == refused))
        .await;
}

#[tokio::test]
async fn a_peers_texts_are_bounded_and_a_bad_one_costs_itself_alone() {
    let good = json!({"reachable": true, "url": "http://good/"});
    let long = |size| "x".repeat(size);
    let bad = [
        json!({"reachable": true, "url": format!("http://{}", long(2042))}),
        json!({"reachable": true, "url": "http://a/", "id": long(254)}),
        json!({"reachable": false, "url": "http://a/", "message": format!("{}\u{202e}", long(5000))}),
        json!({"reachable": true, "url": "http://a/", "since": "yesterday", "latency_ms": -5}),
        json!({"reachable": false, "url": "http://a/", "state": "reachable"}),
    ];
    let ok = |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let mut urls = Vec::new();
    for target in bad {
        let body = json!({"status": {"targets": [good, target, {"reachable": false, "url": "http://b/"}]}});
        urls.push(Fixture::answering(ok(&body.to_string())).await.url());
    }
    // serde quotes all of it.
    let wrong = json!({"status": format!("\u{1b}[2J\n{}", long(7_000_000))});
    urls.push(Fixture::answering(ok(&wrong.to_string())).await.url());
    let ids = ["A", "B", "C", "D", "E", "F"];
    let resources: Vec<_> = ids.into_iter().zip(urls.iter().map(String::as_str)).collect();
    let collector = Collector::start(&resources, INTERVAL).await;
    let fetched = |graph: &Graph| graph.nodes[..6].iter().all(|node| node.observation.since.is_some());
    let graph = until(async || collector.graph().await, fetched).await;

    let edges = |id: &str| graph.edges.iter().filter(move |edge| edge.source == id).collect::<Vec<_>>();
    assert_eq!(ids.map(|id| edges(id).len()), [2, 3, 3, 3, 3, 0]);
    for id in &ids[..5] {
        let (first, last) = (edges(id)[0].observation.state, edges(id).pop().unwrap().observation.state);
        assert_eq!((first, last), (State::Reachable, State::Unreachable), "{id}");
    }
    assert_eq!(edges("E")[1].observation.state, State::Unknown, "it contradicts itself");
    let message = edges("C")[1].observation.message.clone().unwrap();
    assert!(message.len() <= 512 && message.ends_with('…'), "{message}");
    let told: Vec<_> = graph.nodes[..6].iter().map(|node| node.observation.clone()).collect();
    let says = |place: usize, what: &str| {
        let (reason, message) = (told[place].reason, told[place].message.as_deref().unwrap_or_default());
        assert!(reason == Some(Reason::InvalidResponse) && message.contains(what), "{place}: {reason:?} {message}");
        assert!(message.len() <= 512 && !message.contains(char::is_control), "{message}");
    };
    says(0, "a target whose URL has 2049 bytes");
    says(1, "the long id of http://a/");
    assert_eq!(told[2].reason, None, "a text that is cut is no fault");
    says(3, "`since` of http://a/");
    says(4, "the contradictory verdict of http://a/");
    says(5, "does the URL end in /status?");
    let history = collector.get("/api/v1/history").send().await.unwrap().bytes().await.unwrap();
    assert!(history.len() < 20_000, "{}", history.len());
}

/// Sends the beginning of a POST; what came back by the end of the connection, and when.
async fn post(collector: &Collector, fields: &str, body: impl Iterator<Item = Vec<u8>>) -> (String, Duration) {
    let started = Instant::now();
    let mut stream = TcpStream::connect(collector.address).await.unwrap();
    let head = format!("POST /resources HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    for part in body {
        if stream.write_all(&part).await.is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    // A reset is an end, too.
    let _ = timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await.expect("it stays open");
    (String::from_utf8(answer).unwrap(), started.elapsed())
}

/// Asks again and again while `doing` goes on: each answer comes at once.
async fn answered_all_the_time<T>(collector: &Collector, doing: impl Future<Output = T>) -> T {
    let asking = async {
        loop {
            let asked = Instant::now();
            collector.json("/resources").await;
            assert!(asked.elapsed() < Duration::from_secs(1), "answered after {:?}", asked.elapsed());
        }
    };
    tokio::select! {
        done = doing => done,
        () = asking => unreachable!(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_never_comes_is_given_up() {
    let collector = Collector::start(&LAB, INTERVAL).await;
    let posting = post(&collector, "Content-Length: 10", std::iter::empty());
    let (answer, took) = answered_all_the_time(&collector, posting).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && took < Duration::from_secs(7), "{answer} after {took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_100_mb_is_not_read() {
    let collector = Collector::start(&LAB, INTERVAL).await;
    let megabytes = || (0..100).map(|_| vec![b' '; 1 << 20]);
    let chunks = || megabytes().map(|part| [b"100000\r\n", &*part, b"\r\n"].concat());
    let posting = post(&collector, "Content-Length: 104857600", megabytes());
    let (answer, _) = answered_all_the_time(&collector, posting).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let posting = post(&collector, "Transfer-Encoding: chunked", chunks());
    let (answer, _) = answered_all_the_time(&collector, posting).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413 "), "{answer}");
    // What is only a little too long is on its way before the answer, which therefore arrives.
    let posting = post(&collector, "Connection: close\r\nContent-Length: 65537", [vec![b' '; 65537]].into_iter());
    let (answer, _) = posting.await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn a_body_is_never_taken_for_a_request() {
    let collector = Collector::start(&LAB, INTERVAL).await;
    let inner = "DELETE /resources/B HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let next = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    // Once refused without being read, once read and refused.
    for fields in ["Origin: http://evil.example", "X: y"] {
        let fields = format!("{fields}\r\nContent-Length: {}", inner.len());
        let (answer, _) = post(&collector, &fields, [inner.into(), next.into()].into_iter()).await;
        let codes: Vec<_> = answer.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
        assert!(matches!(codes[..], ["403"] | ["403" | "400", "200"]), "{answer}");
    }
    assert_eq!(collector.json("/resources").await, parse(golden!("resources")));
}

#[tokio::test]
async fn responses_are_compressed_for_those_who_ask() {
    let (collector, _) = fetched().await;
    let plain = collector.get("/responses").send().await.unwrap();
    assert!(!plain.headers().contains_key("content-encoding"));
    let gzip = collector.get("/responses").header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(gzip.headers()["content-encoding"], "gzip");
    let (plain, gzip) = (plain.bytes().await.unwrap(), gzip.bytes().await.unwrap());
    assert!(gzip.starts_with(&[0x1f, 0x8b]) && gzip.len() < plain.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_are_rendered_and_compressed_while_health_is_answered() {
    let text = "x".repeat(1 << 20);
    let body = json!({"status": {"targets": []}, "more": text}).to_string();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let url = Fixture::answering(head + &body).await.url();
    let ids: Vec<_> = (0..8).map(|number| format!("R{number}")).collect();
    let resources: Vec<_> = ids.iter().map(|id| (&**id, &*url)).collect();
    let collector = Collector::start(&resources, INTERVAL).await;
    let responses = async || collector.get("/responses").header("accept-encoding", "gzip").send().await.unwrap();
    until(async || collector.json("/responses").await.to_string().len(), |size| *size > 8 << 20).await;
    let asking = async {
        let mut clients = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let answer = responses().await;
            assert_eq!(answer.headers()["content-encoding"], "gzip");
            clients.spawn(async move { answer.bytes().await.unwrap().len() });
        }
        clients.join_all().await
    };
    let sizes = answered_all_the_time(&collector, asking).await;
    assert!(sizes.iter().all(|size| *size < 1 << 20), "{sizes:?}");
}

#[tokio::test]
async fn an_event_stream_asks_proxies_not_to_keep_it_back() {
    let collector = Collector::start(&LAB, INTERVAL).await;
    let stream = collector.get("/api/v1/graph/events").send().await.unwrap();
    assert_eq!(stream.headers()["x-accel-buffering"], "no");
    assert_eq!(stream.headers()["cache-control"], "no-cache");
}

#[tokio::test]
async fn below_a_base_path_and_at_the_root_all_is_the_same() {
    let collector = Collector::at(&LAB, INTERVAL, "/a/stars").await;
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let get = async |path: &str| client.get(format!("http://{}{path}", collector.address)).send().await.unwrap();
    let index = get("/").await.text().await.unwrap();
    let script = index.split_once("src=\".").unwrap().1.split_once('"').unwrap().0;
    for path in ["/", script, "/resources", "/resources/B", "/api/v1/graph?example=true", "/responses/example"] {
        let (root, below) = (get(path).await, get(&format!("/a/stars{path}")).await);
        assert_eq!((root.status().as_u16(), below.status().as_u16(), path), (200, 200, path));
        assert_eq!(root.text().await.unwrap(), below.text().await.unwrap(), "{path}");
    }
    for (path, location) in [("/a/stars", "stars/"), ("/a/stars?example=true", "stars/?example=true")] {
        let answer = get(path).await;
        assert_eq!((answer.status().as_u16(), &answer.headers()["location"]), (308, &location.parse().unwrap()));
    }
    for path in ["/a/starsish", "/a", "/a/stars/nowhere", "/a/stars/a/stars/"] {
        assert_eq!((get(path).await.status().as_u16(), path), (404, path));
    }
    // What a client says of a prefix is its word alone.
    let said = client.get(format!("http://{}/b/resources", collector.address)).header("x-forwarded-prefix", "/b");
    assert_eq!(said.send().await.unwrap().status(), 404);
    assert_eq!(get("/healthz").await.status(), 200);
    // And nobody comes past the guard below it.
    let afar = client.post(format!("http://{}/a/stars/resources", collector.address)).header("host", "evil.example");
    assert_eq!(afar.body(r#"{"id":"A","url":"http://127.0.0.1:1/"}"#).send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn head_tells_what_get_would() {
    let (collector, _) = fetched().await;
    for path in ["/", "/resources", "/resources/B", "/responses", "/responses/C", "/responses/example", "/api/v1/graph"]
    {
        let head = collector.request(Method::HEAD, path).send().await.unwrap();
        let get = collector.get(path).send().await.unwrap();
        assert_eq!((head.status(), path), (get.status(), path));
        for name in ["content-type", "content-length"] {
            assert_eq!(head.headers()[name], get.headers()[name], "{path}");
        }
        assert!(head.bytes().await.unwrap().is_empty());
    }
}
