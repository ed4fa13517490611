//! Servers of one answer, with nothing of ours: what the frameworks themselves cost.

use std::convert::Infallible;
use std::net::SocketAddr;

use anyhow::Context;
use axum::Router;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONNECTION, CONTENT_LENGTH, DATE, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::Framework;

#[tokio::main]
pub(super) async fn run(framework: Framework, address: SocketAddr, answer: &str) -> anyhow::Result<()> {
    let (headers, body) = parse(answer)?;
    let listener = TcpListener::bind(address).await?;
    match framework {
        Framework::Hyper => hyper(listener, headers, body).await,
        Framework::Axum => axum(listener, headers, body).await,
    }
}

/// An answer's headers, without those that hyper adds by itself, and its body.
fn parse(answer: &str) -> anyhow::Result<(HeaderMap, Bytes)> {
    let (head, body) = answer.split_once("\r\n\r\n").context("an answer has a head")?;
    let mut headers = HeaderMap::new();
    for (name, value) in head.lines().skip(1).filter_map(|line| line.split_once(": ")) {
        headers.append(name.parse::<HeaderName>()?, HeaderValue::from_str(value)?);
    }
    for name in [CONNECTION, CONTENT_LENGTH, DATE] {
        headers.remove(name);
    }
    Ok((headers, body.to_owned().into()))
}

async fn hyper(listener: TcpListener, headers: HeaderMap, body: Bytes) -> anyhow::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let (headers, body) = (headers.clone(), body.clone());
        tokio::spawn(async move {
            let service = service_fn(async |_| {
                let mut response = Response::new(Full::new(body.clone()));
                *response.headers_mut() = headers.clone();
                Ok::<_, Infallible>(response)
            });
            // A client that leaves early is its own affair.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn axum(listener: TcpListener, headers: HeaderMap, body: Bytes) -> anyhow::Result<()> {
    let app = Router::new().fallback(async move || (headers, body));
    Ok(axum::serve(listener, app).await?)
}
