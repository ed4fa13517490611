//! A probe, run as its program does.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::net::SocketAddr;
use std::time::Duration;

use star_daemon::check::{Checker, Guard, Resolver};
use star_daemon::target::TargetUrl;
use star_probe::Config;
use star_wire::status::StatusBody;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(crate) struct Probe {
    pub(crate) address: SocketAddr,
    /// Just before its checks began.
    pub(crate) started: Instant,
    shutdown: CancellationToken,
    running: JoinHandle<anyhow::Result<()>>,
}

impl Probe {
    pub(crate) async fn start(urls: &[String], resolver: Resolver, interval: Duration, timeout: Duration) -> Self {
        let targets = urls.iter().map(|url| TargetUrl::parse(url).unwrap()).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, shutdown) = (listener.local_addr().unwrap(), CancellationToken::new());
        let checker = Checker::new(resolver, Guard::Open);
        let config = Config { targets, interval, timeout };
        let started = Instant::now();
        let running = tokio::spawn(star_probe::run(config, checker, listener, shutdown.clone()));
        Self { address, started, shutdown, running }
    }

    pub(crate) async fn status(&self) -> StatusBody {
        reqwest::get(format!("http://{}/status", self.address)).await.unwrap().json().await.unwrap()
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.running.await.unwrap().unwrap();
    }
}
