//! A connection that is kept, beside the checks that each open one of their own: what a flow does that was established
//! before a policy came that now denies it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::CONNECTION;
use http::{HeaderMap, Response, Version};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use star_wire::observation::KeptState;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::bounded::{Allowance, Bounded};
use super::{Checker, Failure, Millis, Phases, STALL, exchange, tls, within};
use crate::target::TargetUrl;

/// A connection that is silent for longer is closed, and counts as ended.
const SILENT_FOR: Duration = Duration::from_secs(30);

/// A peer that keeps no connection open is not asked for one again sooner.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// Longer than a connection lives: the beats have deadlines of their own.
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The kept connection to one target, if there is one.
pub struct Kept {
    line: Option<Line>,
    state: KeptState,
    not_before: Instant,
}

impl Default for Kept {
    /// None yet.
    fn default() -> Self {
        Self { line: None, state: KeptState::None, not_before: Instant::now() }
    }
}

/// An open connection.
struct Line {
    /// Makes progress only while it is polled.
    connection: BoxFuture<'static, ()>,
    allowance: Arc<Allowance>,
    request: Request,
    silent_since: Option<Instant>,
}

type Answered = (SendRequest<Empty<Bytes>>, hyper::Result<Response<Incoming>>);

/// What a connection carries.
enum Request {
    None(SendRequest<Empty<Bytes>>),
    UnderWay(BoxFuture<'static, Answered>),
    /// It is over.
    Ended,
}

/// What one beat came to.
enum Beat {
    Answered { stays: bool },
    Ended,
    Silence,
}

/// Any connection.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Kept {
    /// Sends one HEAD for `target` on the connection, and waits for its answer for `timeout`. Where there is none, one is
    /// opened if a new one was `reached` just before: else a policy that denies would be asked again and again.
    ///
    /// It must be called at regular intervals, for the connection makes no progress between. Dropping the future loses
    /// nothing.
    pub async fn beat(&mut self, checker: &Checker, target: &TargetUrl, timeout: Duration, reached: bool) -> KeptState {
        let (began, lost) = (Instant::now(), checker.pulse.lost());
        let deadline = began + timeout;
        let is_new = self.line.is_none();
        if is_new {
            if !reached || began < self.not_before {
                return self.state;
            }
            let Ok(Ok(line)) = within(deadline, Line::open(checker, target, deadline, timeout)).await else {
                return self.state;
            };
            self.line = Some(line);
        }
        let Some(line) = &mut self.line else { return self.state };
        let beat = within(deadline, line.beat(target)).await;
        let stood_still = checker.pulse.lost().saturating_sub(lost) >= STALL;
        let beat = match beat {
            Ok(beat) => beat,
            Err(late) if stood_still || late.is_ours() => return self.state,
            Err(_) => Beat::Silence,
        };
        self.state = match beat {
            Beat::Answered { stays: true } => {
                line.silent_since = None;
                KeptState::Flowing
            }
            // It keeps none.
            Beat::Answered { stays: false } | Beat::Ended if is_new => {
                (self.line, self.not_before) = (None, began + ASK_AGAIN_AFTER);
                KeptState::None
            }
            Beat::Answered { stays: false } | Beat::Ended => {
                self.line = None;
                KeptState::Ended
            }
            Beat::Silence if line.silent_since.get_or_insert(began).elapsed() < SILENT_FOR => KeptState::Silent,
            Beat::Silence => {
                self.line = None;
                KeptState::Ended
            }
        };
        self.state
    }
}

impl Line {
    async fn open(
        checker: &Checker,
        target: &TargetUrl,
        deadline: Instant,
        timeout: Duration,
    ) -> Result<Self, Failure> {
        let mut phases = Phases::default();
        let stream = checker.connect(target, deadline, Millis(timeout), &mut phases).await?;
        let (stream, allowance) = Bounded::new(stream, Instant::now() + NEVER);
        let stream: Box<dyn Stream> = match target.tls {
            false => Box::new(stream),
            true => {
                let connector = checker.tls.connector().await?;
                Box::new(tls::handshake(&checker.tls, &connector, &target.host, stream).await?)
            }
        };
        let (sender, connection) = exchange::open(stream).await?;
        let connection = Box::pin(async { drop(connection.await) });
        Ok(Self { connection, allowance, request: Request::None(sender), silent_since: None })
    }

    /// Sends a request, unless the last one is still under way, and waits for its answer.
    async fn beat(&mut self, target: &TargetUrl) -> Beat {
        if let Request::None(_) = self.request
            && let Request::None(mut sender) = std::mem::replace(&mut self.request, Request::Ended)
        {
            self.allowance.renew();
            let head = exchange::head(target);
            self.request = Request::UnderWay(Box::pin(async {
                let answer = match sender.ready().await {
                    Ok(()) => sender.send_request(head).await,
                    Err(error) => Err(error),
                };
                (sender, answer)
            }));
        }
        let Request::UnderWay(under_way) = &mut self.request else { return Beat::Ended };
        let (sender, answer) = tokio::select! {
            biased;
            answered = &mut *under_way => answered,
            () = &mut self.connection => under_way.await,
        };
        match answer {
            Ok(answer) => {
                let stays = answer.version() == Version::HTTP_11 && !closes(answer.headers());
                self.request = Request::None(sender);
                Beat::Answered { stays }
            }
            Err(_) => {
                self.request = Request::Ended;
                Beat::Ended
            }
        }
    }
}

/// Whether a peer says that it closes the connection.
fn closes(headers: &HeaderMap) -> bool {
    let options = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    options.flat_map(|value| value.split(',')).any(|option| option.trim().eq_ignore_ascii_case("close"))
}
