//! The original's probe, byte for byte.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::sync::{Arc, Mutex};

use tokio::io::AsyncWriteExt;

use crate::fixture::{Fixture, head};

/// Answers `GET /status`, and nothing else; or is down and resets every connection.
pub(crate) struct Original {
    pub(crate) server: Fixture,
    body: Arc<Mutex<Option<String>>>,
}

impl Original {
    pub(crate) async fn start() -> Self {
        let body = Arc::new(Mutex::new(None::<String>));
        let shared = Arc::clone(&body);
        let server = Fixture::start(move |mut stream| {
            let body = shared.lock().unwrap().clone();
            async move {
                let Some(head) = head(&mut stream).await else { return };
                let answer = match (body, head.lines().next()) {
                    (None, _) => return stream.set_zero_linger().unwrap(),
                    (Some(body), Some("GET /status HTTP/1.1")) => {
                        let kind = "Content-Type: application/json; charset=utf-8";
                        format!("HTTP/1.1 200 OK\r\n{kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
                    }
                    _ => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
                };
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { server: server.await, body }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// From now on it tells of these.
    pub(crate) fn tell(&self, targets: &[(bool, &str)]) {
        *self.body.lock().unwrap() = Some(status(targets));
    }

    pub(crate) fn fall(&self) {
        *self.body.lock().unwrap() = None;
    }
}

/// The body of its `GET /status`.
pub(crate) fn status(targets: &[(bool, &str)]) -> String {
    let targets = targets.iter().map(|(reachable, url)| format!(r#"{{"reachable":{reachable},"url":"{url}"}}"#));
    format!(r#"{{"status":{{"targets":[{}]}}}}"#, targets.collect::<Vec<_>>().join(","))
}
