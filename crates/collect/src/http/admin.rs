//! Who may change the resources.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use anyhow::{Context, ensure};
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::{AUTHORIZATION, HOST, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use tower_http::csrf::{CsrfLayer, ProtectionError};

use super::App;

/// No other loopback address: a service mesh hands on from 127.0.0.6 what came from afar.
const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// What a proxy in front of us adds to a request from afar: the standard's, everybody's, and those of nginx, Cloudflare,
/// Akamai, Envoy, ingress-nginx, Azure, Fastly, Fly, Google's load balancer, traefik and App Engine. All that begin like
/// [`FORWARDED_PREFIXES`] are meant, too.
const FORWARDED: [&str; 14] = [
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-host",
    "x-original-url",
    "x-proxyuser-ip",
    "x-request-id",
    "true-client-ip",
    "client-ip",
    "cdn-loop",
    "fastly-client-ip",
    "fly-client-ip",
];

const FORWARDED_PREFIXES: [&str; 9] = [
    "x-forwarded",
    "x-original-forwarded",
    "x-envoy-",
    "cf-",
    "x-azure-",
    "x-amzn-",
    "x-appengine-",
    "x-goog-",
    "x-b3-",
];

/// Proof that a request may change the resources. Where there is a token, it bears it, wherever it comes from: what comes from
/// this machine may be a proxy's. Where there is none, it comes from this machine under this machine's name, as through `kubectl
/// port-forward`, and bears no proxy's mark. The name is asked for because a page of the wide web can have its own name resolve
/// to this machine.
pub(super) struct Admin;

/// Why a request may not.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error(
        "changing the resources from afar needs a token: start star-collect with --admin-token-file and send \
         `Authorization: Bearer TOKEN`, or come by loopback (kubectl port-forward) under the name localhost"
    )]
    Afar,
    #[error("the token is missing or not the one in --admin-token-file; send `Authorization: Bearer TOKEN`")]
    Token,
    #[error("the token cannot be read: {0:#}")]
    Unreadable(anyhow::Error),
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let text = format!("{self}\n");
        match self {
            Self::Afar => (StatusCode::FORBIDDEN, text).into_response(),
            Self::Token => (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")], text).into_response(),
            Self::Unreadable(_) => (StatusCode::INTERNAL_SERVER_ERROR, text).into_response(),
        }
    }
}

impl FromRequestParts<App> for Admin {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refused> {
        // Read anew each time, so that a token can be replaced while we run.
        if let Some(path) = &app.admin_token_file {
            let expected = token(path).map_err(Refused::Unreadable)?;
            let header = parts.headers.get(AUTHORIZATION).map(|value| value.as_bytes());
            return match header.and_then(|header| header.split_at_checked("Bearer ".len())) {
                Some((scheme, token))
                    if scheme.eq_ignore_ascii_case(b"Bearer ") && same(token, expected.as_bytes()) =>
                {
                    Ok(Self)
                }
                _ => Err(Refused::Token),
            };
        }
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let near = peer.is_some_and(|ConnectInfo(peer)| LOOPBACK.contains(&peer.ip().to_canonical()));
        let forwarded =
            parts.headers.keys().map(HeaderName::as_str).any(|name| {
                FORWARDED.contains(&name) || FORWARDED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            });
        match near && !forwarded && is_local_name(&parts.headers) {
            true => Ok(Self),
            false => Err(Refused::Afar),
        }
    }
}

/// Refuses what a page of another origin asks a browser to send, whoever asks.
pub(super) fn same_origin() -> CsrfLayer<impl Fn(ProtectionError) -> Response + Clone + Send + Sync + 'static> {
    CsrfLayer::new().with_rejection_response(|_| {
        (StatusCode::FORBIDDEN, "a page of another origin may not change the resources\n").into_response()
    })
}

/// The token in a file, without the blanks around it.
pub(crate) fn token(path: &Path) -> anyhow::Result<String> {
    let token = fs::read_to_string(path).context("cannot be read; name a file that can")?;
    let token = token.trim();
    ensure!(!token.is_empty(), "holds no token; write one into it");
    Ok(token.to_owned())
}

fn is_local_name(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Ok(authority) = Authority::try_from(host.as_bytes()) else { return false };
    let name = authority.host();
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let local = name.eq_ignore_ascii_case("localhost") || address.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    local && !authority.as_str().contains('@')
}

/// Whether both are the same, in a time that says nothing about where they differ.
fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).fold(0, |difference, (left, right)| difference | (left ^ right)) == 0
}
