//! Bodies rendered and compressed once for all who ask, apart from the threads that serve.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::sync::{Mutex, Semaphore, watch};
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::Problem;
use crate::graph::{Difference, Snapshot, size};

/// A shorter body gains nothing.
const COMPRESSED_FROM: usize = 64;

/// A longer one is compressed apart.
const COMPRESSED_HERE: usize = 16 * 1024;

/// A step of fewer nodes and edges takes no time worth a thread.
const SHORT: usize = 1000;

/// For how long a body does though the next snapshot has other latencies, or other words.
const FRESH: Duration = Duration::from_millis(250);

/// What one asks for, made by whoever asks first. Whoever waits for it meanwhile has it, too; and if the first one leaves,
/// it is made to its end all the same, so that coming and going cannot start it twice.
struct Once<T>(Arc<Mutex<Option<T>>>);

/// How something is made.
enum Make<M> {
    /// At once: it is short.
    Here(M),
    /// On a thread of its own, apart from those that serve.
    Apart(M),
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: Clone + Send + 'static> Once<T> {
    /// What is there, if it `serves`; else what `prepare` makes.
    async fn get<M: FnOnce() -> T + Send + 'static>(
        &self,
        serves: impl FnOnce(&T) -> bool,
        prepare: impl AsyncFnOnce() -> Result<Make<M>, Problem>,
    ) -> Result<T, Problem> {
        let mut place = Arc::clone(&self.0).lock_owned().await;
        if let Some(known) = place.as_ref().filter(|known| serves(known)) {
            return Ok(known.clone());
        }
        let make = match prepare().await? {
            Make::Here(make) => return Ok(place.insert(make()).clone()),
            Make::Apart(make) => make,
        };
        let making = spawn_blocking(move || {
            let made = make();
            *place = Some(made.clone());
            made
        });
        making.await.map_err(|_| Problem::ShuttingDown)
    }
}

/// One body, plain and compressed.
pub(super) struct Representation {
    kind: HeaderValue,
    pub(super) plain: Bytes,
    gzip: Once<Bytes>,
}

impl Representation {
    pub(super) fn new(kind: &'static str, plain: Bytes) -> Self {
        Self { kind: HeaderValue::from_static(kind), plain, gzip: Once::default() }
    }

    /// The answer to a request with these headers.
    pub(super) async fn answer(&self, headers: &HeaderMap) -> Result<Response, Problem> {
        const VARIES: HeaderValue = HeaderValue::from_static("accept-encoding");
        const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
        let fields = [(CONTENT_TYPE, self.kind.clone()), (CACHE_CONTROL, NO_CACHE), (VARY, VARIES)];
        if self.plain.len() < COMPRESSED_FROM || !takes_gzip(headers) {
            return Ok((fields, self.plain.clone()).into_response());
        }
        let plain = self.plain.clone();
        let gzip = self
            .gzip
            .get(
                |_| true,
                async || {
                    let here = plain.len() <= COMPRESSED_HERE;
                    let make = move || gzip(&plain);
                    Ok(if here { Make::Here(make) } else { Make::Apart(make) })
                },
            )
            .await?;
        Ok((fields, [(CONTENT_ENCODING, "gzip")], gzip).into_response())
    }
}

/// Whether a client takes gzip (RFC 9110, 12.5.3).
fn takes_gzip(headers: &HeaderMap) -> bool {
    let weight = |name: &str| {
        let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).find_map(|coding| {
            let (coding, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
            let weight = weight.trim().strip_prefix("q=")?.parse::<f32>().ok()?;
            coding.trim().eq_ignore_ascii_case(name).then_some(weight)
        })
    };
    weight("gzip").or_else(|| weight("*")).is_some_and(|weight| weight > 0.0)
}

fn gzip(plain: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).and_then(|()| encoder.finish()).expect("memory takes all that is written").into()
}

/// One body of the newest snapshot, for all who ask.
#[derive(Default)]
pub(super) struct Rendering(Once<Rendered>);

#[derive(Clone)]
pub(super) struct Rendered {
    pub(super) of: Arc<Snapshot>,
    taken: Instant,
    pub(super) body: Arc<Representation>,
}

impl Rendering {
    /// What `prepare` renders of the newest snapshot. `turn` lets one large body be rendered at a time.
    pub(super) async fn newest<R: FnOnce() -> Representation + Send + 'static>(
        &self,
        latest: &watch::Receiver<Arc<Snapshot>>,
        turn: &Arc<Semaphore>,
        prepare: impl AsyncFnOnce(Arc<Snapshot>) -> Result<R, Problem>,
    ) -> Result<Rendered, Problem> {
        let asked = Instant::now();
        let serves = |known: &Rendered| {
            let newest = latest.borrow();
            let same = known.of.seq == newest.seq && known.taken + FRESH >= asked;
            // What was taken since we asked is new enough: who waited has it.
            same || known.taken >= asked || Arc::ptr_eq(&known.of, &newest)
        };
        let prepare = async || {
            let turn = Arc::clone(turn).acquire_owned().await.map_err(|_| Problem::ShuttingDown)?;
            let (of, taken) = (Arc::clone(&latest.borrow()), Instant::now());
            let render = prepare(Arc::clone(&of)).await?;
            Ok(Make::Apart(move || {
                let _turn = turn;
                Rendered { of, taken, body: Arc::new(render()) }
            }))
        };
        self.0.get(serves, prepare).await
    }
}

/// What leads from one snapshot to a later one, for all streams that are at the same place.
#[derive(Default)]
pub(super) struct Step(Once<([Arc<Snapshot>; 2], Option<Bytes>)>);

impl Step {
    /// What leads from `before` to `after`, as `render` makes it; `None` if nobody would see a difference.
    pub(super) async fn between(
        &self,
        before: &Arc<Snapshot>,
        after: &Arc<Snapshot>,
        render: impl FnOnce(&Snapshot, Difference) -> Bytes + Send + 'static,
    ) -> Result<Option<Bytes>, Problem> {
        let places = [Arc::clone(before), Arc::clone(after)];
        let serves = |([known_before, known_after], _): &([Arc<Snapshot>; 2], _)| {
            Arc::ptr_eq(known_before, before) && Arc::ptr_eq(known_after, after)
        };
        let prepare = async || {
            let difference = after.since(before);
            let short = match &difference {
                None => true,
                Some(Difference::Nodes) => false,
                Some(Difference::Patch(patch)) => size(patch) < SHORT,
            };
            let make = move || {
                let step = difference.map(|difference| render(&places[1], difference));
                (places, step)
            };
            // Another thread would come later.
            Ok(if short { Make::Here(make) } else { Make::Apart(make) })
        };
        Ok(self.0.get(serves, prepare).await?.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        let takes = |value: &'static str| {
            takes_gzip(&HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(value))]))
        };
        for value in ["gzip", "deflate, gzip;q=0.5", "br, GZIP ; q=1", "*", "identity;q=0, *;q=0.1"] {
            assert!(takes(value), "{value}");
        }
        for value in ["", "br", "gzip;q=0", "gzip; q=0.0, *", "x-gzip2", "*;q=0"] {
            assert!(!takes(value), "{value}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
