//! Behind the proxies that people have, with the configurations that these come with: real ones, on loopback.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs};

use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response};
use star_fixture::collector::Collector;
use star_fixture::process::folder;
use star_fixture::server::until;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const LAB: [(&str, &str); 1] = [("F", "http://frontend.stars:80/status")];
const INTERVAL: Duration = Duration::from_millis(200);
const RESOURCE: &str = r#"{"id":"A","url":"http://127.0.0.1:1/"}"#;

/// A proxy, killed when the test is through with it.
struct Proxy {
    child: Child,
    address: SocketAddr,
}

impl Proxy {
    /// nginx with nothing in its configuration but `locations` and what lets it run beside others, also without root.
    async fn nginx(name: &str, locations: &str) -> Option<Self> {
        let (folder, address) = (folder(name), free().await);
        let path = folder.display();
        let temporary =
            ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|kind| format!("{kind}_temp_path {path}/{kind};"));
        let text = format!(
            "daemon off;\nmaster_process off;\npid {path}/pid;\nerror_log {path}/error.log;\nevents {{}}\nhttp {{\naccess_log off;\n{}\n\
             server {{\nlisten {address};\n{locations}\n}}\n}}\n",
            temporary.join("\n")
        );
        Self::start(
            "nginx",
            &["-p", &path.to_string(), "-e", &format!("{path}/error.log"), "-c"],
            &folder,
            &text,
            address,
        )
        .await
    }

    /// haproxy with Debian's defaults and this `backend`.
    async fn haproxy(name: &str, mode: &str, backend: &str) -> Option<Self> {
        let (folder, address) = (folder(name), free().await);
        let text = format!(
            "defaults\nmode {mode}\ntimeout connect 5000\ntimeout client 50000\ntimeout server 50000\n\
             frontend star\nbind {address}\ndefault_backend star\nbackend star\n{backend}\n"
        );
        Self::start("haproxy", &["-db", "-f"], &folder, &text, address).await
    }

    async fn start(program: &str, args: &[&str], folder: &Path, text: &str, address: SocketAddr) -> Option<Self> {
        // Where Debian has them, which is not on everybody's path.
        let path = format!("{}:/usr/sbin:/sbin", env::var("PATH").unwrap_or_default());
        let file = folder.join("conf");
        fs::write(&file, text).unwrap();
        let mut command = Command::new(program);
        command.args(args).arg(&file).env("PATH", &path).stdin(Stdio::null()).stdout(Stdio::null());
        let Ok(child) = command.spawn() else {
            assert!(env::var_os("CI").is_none(), "{program} is not installed: .ci/tools does it");
            eprintln!("skipped: {program} is not installed; .ci/tools does it");
            return None;
        };
        let mut proxy = Self { child, address };
        let connected = async || {
            assert!(proxy.child.try_wait().unwrap().is_none(), "{program} does not run with {text}");
            TcpStream::connect(address).await.is_ok()
        };
        until(connected, |connected| *connected).await;
        Some(proxy)
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn get(&self, path: &str) -> Response {
        let client = Client::builder().redirect(Policy::none()).build().unwrap();
        timeout(Duration::from_secs(20), client.get(self.url(path)).send()).await.expect("no answer").unwrap()
    }

    /// The first event of the stream comes though a buffer could hold much more.
    async fn streams(&self, path: &str) {
        let mut stream = self.get(path).await;
        assert_eq!(stream.headers()["content-type"], "text/event-stream");
        let first = timeout(Duration::from_secs(20), stream.chunk()).await.expect("no event").unwrap().unwrap();
        assert!(first.starts_with(b"event: snapshot\n"), "{first:?}");
        // And those after it: a heartbeat every 2 s.
        let next = timeout(Duration::from_secs(20), stream.chunk()).await.expect("no further event").unwrap().unwrap();
        assert!(next.starts_with(b"event: "), "{next:?}");
    }

    async fn post(&self, path: &str, host: Option<&str>) -> u16 {
        let mut request = Client::new().request(Method::POST, self.url(path)).body(RESOURCE);
        if let Some(host) = host {
            request = request.header("host", host);
        }
        request.send().await.unwrap().status().as_u16()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that nobody listens on.
async fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_nginx_with_its_defaults_the_page_comes_and_its_stream() {
    let collector = Collector::start(&LAB, INTERVAL).await;
    let pass = format!("location / {{ proxy_pass http://{}; }}", collector.address);
    let Some(nginx) = Proxy::nginx("plain", &pass).await else { return };
    assert!(nginx.get("/").await.text().await.unwrap().contains("<html"));
    assert_eq!(nginx.get("/api/v1/graph").await.status(), 200);
    nginx.streams("/api/v1/graph/events").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_proxy_that_strips_a_path_and_one_that_does_not_all_is_below_it() {
    let stripped = Collector::start(&LAB, INTERVAL).await;
    let kept = Collector::at(&LAB, INTERVAL, "/kept").await;
    let pass = format!(
        "location /stripped/ {{ proxy_pass http://{}/; }} location /kept {{ proxy_pass http://{}; }}",
        stripped.address, kept.address
    );
    let Some(nginx) = Proxy::nginx("paths", &pass).await else { return };
    for path in ["/stripped/", "/kept/"] {
        let index = nginx.get(path).await.text().await.unwrap();
        let script = index.split_once("src=\"./").expect("it is the page").1.split_once('"').unwrap().0;
        assert_eq!(nginx.get(&format!("{path}{script}")).await.status(), 200, "{path}");
        nginx.streams(&format!("{path}api/v1/graph/events")).await;
    }
    // The slash, without which relative paths would lead past it: ours is relative, so that it holds under any name.
    let answer = nginx.get("/kept").await;
    assert_eq!((answer.status().as_u16(), &answer.headers()["location"]), (308, &"kept/".parse().unwrap()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_haproxy_the_page_comes_and_its_stream() {
    let collector = Collector::at(&LAB, INTERVAL, "/stars").await;
    for mode in ["http", "tcp"] {
        let backend = format!("server collector {}", collector.address);
        let Some(haproxy) = Proxy::haproxy(&format!("haproxy-{mode}"), mode, &backend).await else { return };
        assert!(haproxy.get("/stars/").await.text().await.unwrap().contains("<html"), "{mode}");
        assert_eq!(haproxy.get("/stars").await.headers()["location"], "stars/", "{mode}");
        haproxy.streams("/stars/api/v1/graph/events").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_beside_us_opens_the_resources_to_nobody_where_there_is_a_token() {
    let token = folder("token").join("token");
    fs::write(&token, "secret").unwrap();
    let collector = Collector::with_token(&LAB, INTERVAL, Some(token)).await;
    // nginx sends our own address as the Host; a TCP proxy lets the client choose.
    let pass = format!("location / {{ proxy_pass http://{}; }}", collector.address);
    if let Some(nginx) = Proxy::nginx("guard", &pass).await {
        assert_eq!(nginx.post("/resources", None).await, 401);
    }
    let backend = format!("server collector {}", collector.address);
    if let Some(haproxy) = Proxy::haproxy("guard-tcp", "tcp", &backend).await {
        assert_eq!(haproxy.post("/resources", Some("localhost:9001")).await, 401);
    }
    assert_eq!(collector.graph().await.nodes.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_token_a_proxy_that_says_that_it_is_one_opens_them_to_nobody() {
    let collector = Collector::start(&LAB, INTERVAL).await;
    for header in ["X-Real-IP $remote_addr", "X-Forwarded-For $proxy_add_x_forwarded_for"] {
        let pass = format!("location / {{ proxy_pass http://{}; proxy_set_header {header}; }}", collector.address);
        let Some(nginx) = Proxy::nginx("marked", &pass).await else { return };
        assert_eq!(nginx.post("/resources", None).await, 403, "{header}");
    }
    let backend = format!("option forwardfor\nserver collector {}", collector.address);
    if let Some(haproxy) = Proxy::haproxy("marked-haproxy", "http", &backend).await {
        assert_eq!(haproxy.post("/resources", Some("localhost")).await, 403);
    }
}
