//! Peers without end: they cost themselves alone.

use std::time::Duration;

use star_fixture::collector::Collector;
use star_fixture::flood::flood;
use star_fixture::original::Original;
use star_fixture::server::until;
use star_wire::observation::{Reason, State};
use tokio::time::timeout;

/// Far beyond what a busy machine needs, and what a kubelet waits by default is 1 s.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_delay_neither_the_other_resources_nor_healthz() {
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let floods = [
        flood("", "HTTP/1.1 103 Early Hints\r\n\r\n").await,
        flood("HTTP/1.1 200 OK\r\n", "a: b\r\n").await,
        flood(CHUNKED, "0").await,
        flood(CHUNKED, "1\r\nx\r\n").await,
    ];
    let healthy = Original::start().await;
    healthy.tell(&[(true, "http://a/")]);
    let urls: Vec<_> = floods.iter().map(|flood| flood.url()).chain([healthy.url()]).collect();
    let ids = ["early", "lines", "size", "chunks", "healthy"];
    let resources: Vec<_> = ids.into_iter().zip(urls.iter().map(String::as_str)).collect();
    let collector = Collector::start(&resources, Duration::from_millis(200)).await;

    let asked = async || {
        let answer = timeout(PATIENCE, collector.get("/healthz").send()).await.expect("/healthz is silent").unwrap();
        assert_eq!(answer.status(), 200);
        let nodes = timeout(PATIENCE, collector.graph()).await.expect("/api/v1/graph is silent").nodes;
        let node = |id: &str| nodes.iter().find(|node| node.id == id).unwrap().observation.clone();
        ids.map(node)
    };
    // Several polls of each, and none of them is pending.
    let polled = |count| floods.iter().all(|flood| flood.arrivals().len() > count);
    let seen = until(asked, |seen| polled(3) && seen.iter().all(|seen| seen.state != State::Pending)).await;
    let [early, lines, size, chunks, fine] = seen;
    for refused in [early, lines] {
        assert_eq!((refused.state, refused.reason), (State::Unreachable, Some(Reason::InvalidResponse)), "{refused:?}");
    }
    // Reachable, and what is wrong is said: by its end, or by the deadline on a busy machine.
    for odd in [size, chunks] {
        assert_eq!(odd.state, State::Reachable, "{odd:?}");
        assert!(matches!(odd.reason, Some(Reason::InvalidResponse | Reason::ResponseTimeout)), "{odd:?}");
    }
    assert_eq!((fine.state, fine.reason), (State::Reachable, None), "{fine:?}");
    collector.stop().await;
}
