//! What a kept connection does, beside the checks that each open one of their own. On real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use star_daemon::check::Resolver;
use star_fixture::probe::Probe;
use star_fixture::server::{Fixture, OK, head, until};
use star_probe::Keep;
use star_wire::observation::{KeptState, Observation, State};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::sleep;

const INTERVAL: Duration = Duration::from_millis(200);

/// A server whose kept connections a test has in its hand.
#[derive(Clone, Default)]
struct Peer {
    /// What it answers to a HEAD.
    answer: Arc<Mutex<String>>,
    /// Whether it leaves HEADs unanswered.
    silent: Arc<AtomicBool>,
    /// Whether new connections are refused by reset.
    refusing: Arc<AtomicBool>,
    heads: Arc<AtomicUsize>,
    /// Connections that carried a HEAD.
    kept: Arc<AtomicUsize>,
}

const STAR: &str = "HTTP/1.1 200 OK\r\nServer: star/0.1.0\r\nContent-Length: 2\r\n\r\n";

impl Peer {
    async fn start(answer: &str) -> (Self, Fixture) {
        let peer = Self { answer: Arc::new(Mutex::new(answer.to_owned())), ..Self::default() };
        let serving = peer.clone();
        let server = Fixture::start(move |stream| serving.clone().serve(stream)).await;
        (peer, server)
    }

    async fn serve(self, mut stream: TcpStream) {
        let mut kept = false;
        while let Some(request) = head(&mut stream).await {
            if self.refusing.load(SeqCst) && !kept {
                return stream.set_zero_linger().unwrap();
            }
            let answer = self.answer.lock().unwrap().clone();
            if request.starts_with("GET ") {
                let _ = stream.write_all(format!("{answer}ok").as_bytes()).await;
                return;
            }
            self.heads.fetch_add(1, SeqCst);
            if !std::mem::replace(&mut kept, true) {
                self.kept.fetch_add(1, SeqCst);
            }
            if answer.is_empty() {
                return;
            }
            while self.silent.load(SeqCst) {
                sleep(Duration::from_millis(10)).await;
            }
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

async fn keeping(whom: Keep, server: &Fixture) -> Probe {
    let resolver = Resolver::from_servers(&[([127, 0, 0, 1], 9).into()], &[], 1);
    Probe::keeping(whom, &[server.url()], resolver, INTERVAL, INTERVAL).await
}

async fn shows(probe: &Probe, state: State, kept: KeptState) -> Observation {
    let ask = async || probe.status().await.status.targets[0].observation.clone();
    until(ask, |shown| shown.state == state && shown.kept.is_some_and(|shown| shown.state == kept)).await
}

#[tokio::test]
async fn a_kept_connection_flows_while_new_ones_are_refused_and_the_other_way_round() {
    let (peer, server) = Peer::start(STAR).await;
    let probe = keeping(Keep::Star, &server).await;
    let flowing = shows(&probe, State::Reachable, KeptState::Flowing).await;
    peer.refusing.store(true, SeqCst);
    let still = shows(&probe, State::Unreachable, KeptState::Flowing).await;
    assert_eq!(still.kept, flowing.kept, "since the same moment");
    assert_eq!(peer.kept.load(SeqCst), 1, "it is the same connection");
    peer.silent.store(true, SeqCst);
    peer.refusing.store(false, SeqCst);
    shows(&probe, State::Reachable, KeptState::Silent).await;
    // A late answer is one.
    peer.silent.store(false, SeqCst);
    shows(&probe, State::Reachable, KeptState::Flowing).await;
    assert_eq!(peer.kept.load(SeqCst), 1, "silence alone closes nothing at once");
    probe.stop().await;
}

#[tokio::test]
async fn a_connection_that_ended_comes_again_only_after_a_new_one_was_made() {
    let (peer, server) = Peer::start(STAR).await;
    let probe = keeping(Keep::Star, &server).await;
    shows(&probe, State::Reachable, KeptState::Flowing).await;
    peer.refusing.store(true, SeqCst);
    *peer.answer.lock().unwrap() = String::new();
    shows(&probe, State::Unreachable, KeptState::Ended).await;
    *peer.answer.lock().unwrap() = STAR.to_owned();
    let (checks, kept) = (server.arrivals().len(), peer.kept.load(SeqCst));
    until(async || server.arrivals().len(), |now| *now > checks + 3).await;
    assert_eq!(peer.kept.load(SeqCst), kept, "while new ones fail, none is asked for");
    peer.refusing.store(false, SeqCst);
    shows(&probe, State::Reachable, KeptState::Flowing).await;
    probe.stop().await;
}

#[tokio::test]
async fn a_peer_that_keeps_no_connection_is_not_held_and_who_is_not_stars_is_not_asked() {
    for (answer, whom, heads) in [
        (STAR.replace("HTTP/1.1", "HTTP/1.0"), Keep::Star, 1),
        (STAR.replace("Server", "Connection: close\r\nServer"), Keep::Star, 1),
        (OK.replace("ok", ""), Keep::Star, 0),
    ] {
        let (peer, server) = Peer::start(&answer).await;
        let probe = keeping(whom, &server).await;
        shows(&probe, State::Reachable, KeptState::None).await;
        let checks = server.arrivals().len();
        until(async || server.arrivals().len(), |now| *now > checks + 8).await;
        assert_eq!(peer.heads.load(SeqCst), heads, "{answer}");
        probe.stop().await;
    }
    let (_, server) = Peer::start(&OK.replace("ok", "")).await;
    let probe = keeping(Keep::All, &server).await;
    shows(&probe, State::Reachable, KeptState::Flowing).await;
    probe.stop().await;
}

#[tokio::test]
async fn a_silent_kept_connection_delays_no_verdict_of_the_new_ones() {
    let (peer, server) = Peer::start(STAR).await;
    let resolver = Resolver::from_servers(&[([127, 0, 0, 1], 9).into()], &[], 1);
    let second = Duration::from_secs(1);
    let probe = Probe::keeping(Keep::Star, &[server.url()], resolver, second, second).await;
    shows(&probe, State::Reachable, KeptState::Flowing).await;
    peer.silent.store(true, SeqCst);
    shows(&probe, State::Reachable, KeptState::Silent).await;
    peer.refusing.store(true, SeqCst);
    let unreachable = shows(&probe, State::Unreachable, KeptState::Silent).await;
    let took = unreachable.since.unwrap().duration_since(unreachable.checked_at.unwrap());
    assert!(took.as_secs_f64() < 0.9, "{took:?}: it waited for the kept one");
    probe.stop().await;
}

#[tokio::test]
async fn two_of_ours_keep_a_connection() {
    let resolver = || Resolver::from_servers(&[([127, 0, 0, 1], 9).into()], &[], 1);
    let peer = Probe::start(&[], resolver(), INTERVAL, INTERVAL).await;
    let urls = [format!("http://{}/status", peer.address)];
    let probe = Probe::keeping(Keep::Star, &urls, resolver(), INTERVAL, INTERVAL).await;
    let flowing = shows(&probe, State::Reachable, KeptState::Flowing).await;
    let checks = flowing.checked_at;
    let later =
        until(async || probe.status().await.status.targets[0].observation.clone(), |now| now.checked_at > checks).await;
    assert_eq!(later.kept, flowing.kept);
    peer.stop().await;
    shows(&probe, State::Unreachable, KeptState::Ended).await;
    probe.stop().await;
}
