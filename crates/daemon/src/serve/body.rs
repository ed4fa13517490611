//! Bodies on their way to clients, however slowly those take them, within one bound for all.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use super::pace::Pace;
use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

/// A longer body is handed to the socket in pieces of this size, each a copy: a client's last piece then holds no more
/// than itself.
const PIECE: usize = 16 * 1024;

/// The long bodies that clients have not taken yet. One that several of them read counts once.
#[derive(Debug)]
pub(super) struct UnderWay {
    /// How many bytes there may be; the newest two may always be.
    limit: usize,
    /// The oldest first. Locked for as long as it takes to enter or leave a list of a few.
    held: Mutex<Vec<Held>>,
}

#[derive(Debug)]
struct Held {
    /// Where it is in memory, and how long: it stays there while somebody reads it.
    place: (usize, usize),
    /// The connections that read it.
    readers: Vec<Arc<Pace>>,
}

impl UnderWay {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, held: Mutex::default() })
    }

    fn held(&self) -> MutexGuard<'_, Vec<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that another client reads `body`. If that is too much in all, those who have read the oldest body until now
    /// are cut off.
    fn enter(self: &Arc<Self>, body: &Bytes, pace: &Arc<Pace>) -> Reading {
        let (mut held, place) = (self.held(), (body.as_ptr().addr(), body.len()));
        match held.iter_mut().find(|known| known.place == place) {
            Some(known) => known.readers.push(Arc::clone(pace)),
            None => held.push(Held { place, readers: vec![Arc::clone(pace)] }),
        }
        let mut size: usize = held.iter().map(|held| held.place.1).sum();
        for index in 0..held.len().saturating_sub(2) {
            if size <= self.limit {
                break;
            }
            size -= held[index].place.1;
            for reader in &held[index].readers {
                reader.cut.cancel();
            }
        }
        Reading { under_way: Arc::clone(self), pace: Arc::clone(pace), whole: body.clone() }
    }
}

/// That a client reads a body.
struct Reading {
    under_way: Arc<UnderWay>,
    pace: Arc<Pace>,
    whole: Bytes,
}

impl Drop for Reading {
    fn drop(&mut self) {
        let (mut held, place) = (self.under_way.held(), (self.whole.as_ptr().addr(), self.whole.len()));
        let Some(index) = held.iter().position(|known| known.place == place) else { return };
        let readers = &mut held[index].readers;
        if let Some(reader) = readers.iter().position(|reader| Arc::ptr_eq(reader, &self.pace)) {
            readers.swap_remove(reader);
        }
        if readers.is_empty() {
            held.remove(index);
        }
    }
}

/// An answer's body on its way.
pub(super) struct Sent {
    body: Body,
    /// What has come of it and is not handed on yet.
    rest: Bytes,
    reading: Option<Reading>,
    under_way: Arc<UnderWay>,
    pace: Arc<Pace>,
}

impl Sent {
    pub(super) fn new(body: Body, under_way: Arc<UnderWay>, pace: Arc<Pace>) -> Self {
        Self { body, rest: Bytes::new(), reading: None, under_way, pace }
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        self.pace.answered();
    }
}

impl HttpBody for Sent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)).map(|frame| frame.map(Frame::into_data)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(Err(frame))) => return Poll::Ready(Some(Ok(frame))),
                Some(Ok(Ok(data))) if data.len() <= PIECE => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Some(Ok(Ok(data))) => {
                    self.reading = Some(self.under_way.enter(&data, &self.pace));
                    self.rest = data;
                }
            }
        }
        let length = self.rest.len().min(PIECE);
        let piece = Bytes::copy_from_slice(&self.rest.split_to(length));
        if self.rest.is_empty() {
            (self.rest, self.reading) = (Bytes::new(), None);
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        match hint.exact() {
            Some(size) => SizeHint::with_exact(size + rest),
            None => SizeHint::default(),
        }
    }
}
