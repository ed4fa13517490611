//! The collector's routes.

pub(crate) mod admin;
pub(crate) mod base_path;
mod page;
mod rendering;
mod stream;

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;
use star_daemon::serve::Limits;
use star_wire::resource::{Resource, ResourceBody};
use star_wire::response::ResponseBody;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower_http::set_header::SetResponseHeaderLayer;

use self::admin::Admin;
use self::base_path::BasePath;
use self::rendering::{Rendering, Representation, Step};
use crate::collector::Command;
use crate::example;
use crate::graph::{Snapshot, render};
use crate::resource::{Entry, Misfit};

/// An id and a URL are far shorter.
const MAX_BODY: usize = 64 * 1024;

/// How long the body of a request may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// How many event streams there are at most, or half as many as connections, if that is less. Each costs little while nothing
/// changes, but all of them are written to when something does.
const MAX_STREAMS: usize = 512;

const JSON: &str = "application/json; charset=utf-8";

#[derive(Clone)]
struct App(Arc<Shared>);

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// What all requests share.
struct Shared {
    real: View,
    example: View,
    /// Says nothing, but a stream lasts only as long as who could.
    _example: watch::Sender<Arc<Snapshot>>,
    responses: Rendering,
    history: Rendering,
    commands: mpsc::Sender<Command>,
    streams: Arc<Semaphore>,
    rendering: Arc<Semaphore>,
    admin_token_file: Option<PathBuf>,
    shutdown: CancellationToken,
}

/// A graph that is looked at: the real one, or the sample.
struct View {
    latest: watch::Receiver<Arc<Snapshot>>,
    graph: Rendering,
    /// What a stream begins with.
    opening: Rendering,
    /// How it goes on.
    step: Step,
}

impl View {
    fn of(latest: watch::Receiver<Arc<Snapshot>>) -> Self {
        Self { latest, graph: Rendering::default(), opening: Rendering::default(), step: Step::default() }
    }
}

/// All routes.
pub(crate) fn router(
    latest: watch::Receiver<Arc<Snapshot>>,
    commands: mpsc::Sender<Command>,
    admin_token_file: Option<PathBuf>,
    base_path: Option<BasePath>,
    limits: &Limits,
    shutdown: CancellationToken,
) -> Router {
    // Never changes; kept as a channel so that a stream of it is a stream like any other.
    let (sender, example) = watch::channel(Arc::new(example::snapshot()));
    let shared = Shared {
        real: View::of(latest),
        example: View::of(example),
        _example: sender,
        responses: Rendering::default(),
        history: Rendering::default(),
        commands,
        streams: Arc::new(Semaphore::new((limits.connections / 2).clamp(1, MAX_STREAMS))),
        rendering: Arc::new(Semaphore::new(1)),
        admin_token_file,
        shutdown,
    };
    let nosniff = HeaderValue::from_static("nosniff");
    let router = Router::new()
        .route("/resources", get(resources).post(put))
        .route("/resources/{id}", get(resource).delete(delete))
        .layer(admin::same_origin())
        .route("/responses", get(responses))
        .route("/responses/{id}", get(response))
        .route("/responses/example", get(async || json(example::responses_body())))
        .route("/api/v1/graph", get(graph))
        .route("/api/v1/graph/events", get(stream::events))
        .route("/api/v1/history", get(history))
        .merge(page::router())
        .layer(SetResponseHeaderLayer::if_not_present(X_CONTENT_TYPE_OPTIONS, nosniff))
        .with_state(App(Arc::new(shared)));
    match base_path {
        None => router,
        Some(path) => path.wrap(router),
    }
}

/// `?example=true` asks for the sample data instead of the real.
#[derive(Deserialize)]
struct Source {
    #[serde(default)]
    example: bool,
}

impl Shared {
    fn latest(&self) -> Arc<Snapshot> {
        Arc::clone(&self.real.latest.borrow())
    }

    fn view(&self, source: &Source) -> &View {
        if source.example { &self.example } else { &self.real }
    }

    /// What the collector answers to a command; it is gone only when the process ends.
    async fn command<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Problem> {
        let (sender, answer) = oneshot::channel();
        self.commands.send(command(sender)).await.map_err(|_| Problem::ShuttingDown)?;
        answer.await.map_err(|_| Problem::ShuttingDown)
    }
}

/// Why a request is not granted, each with its status and a line of text.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("no resource has the id `{0}`; GET /resources lists them")]
    UnknownId(String),
    #[error("{0}; send {{\"id\":\"F\",\"url\":\"http://frontend.stars:80/status\"}}")]
    Invalid(String),
    #[error("the body is longer than {MAX_BODY} bytes; send one resource at a time")]
    TooLarge,
    #[error("the body did not come within {} s", BODY_TIMEOUT.as_secs())]
    Slow,
    #[error(transparent)]
    Refused(#[from] crate::collector::Refused),
    #[error("there are as many event streams as there may be; close one, or ask /api/v1/graph")]
    TooManyStreams,
    #[error("shutting down")]
    ShuttingDown,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = match self {
            Self::UnknownId(_) => StatusCode::NOT_FOUND,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Refused(_) | Self::TooManyStreams | Self::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, format!("{self}\n")).into_response()
    }
}

/// A short body, made for one.
fn json(body: Bytes) -> Response {
    ([(CONTENT_TYPE, JSON), (CACHE_CONTROL, "no-cache")], body).into_response()
}

async fn resources(State(app): State<App>) -> Response {
    json(render(&app.latest().resources_body()))
}

async fn resource(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Problem> {
    let resources = app.latest().resources_body().resources;
    let resource = resources.into_iter().find(|resource| resource.id == id).ok_or(Problem::UnknownId(id))?;
    Ok(json(render(&ResourceBody { resource })))
}

/// Answers as the original does: 200 and the resource without a wrapper, whatever the content type.
async fn put(_: Admin, State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let reading = timeout(BODY_TIMEOUT, Limited::new(request.into_body(), MAX_BODY).collect());
    let body = match reading.await.map_err(|_| Problem::Slow)? {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(Problem::TooLarge),
        Err(error) => return Err(Problem::Invalid(format!("the body could not be read: {error}"))),
    };
    let invalid = |error: &dyn std::error::Error| Problem::Invalid(error.to_string());
    let resource: Resource = serde_json::from_slice(&body).map_err(|error| invalid(&Misfit(error)))?;
    let entry = Entry::try_from(resource).map_err(|error| invalid(&error))?;
    let resource = Resource::from(&entry);
    app.command(|done| Command::Put(entry, done)).await??;
    Ok(json(render(&resource)))
}

async fn delete(_: Admin, State(app): State<App>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    match app.command(|done| Command::Delete(id.clone(), done)).await?? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::UnknownId(id)),
    }
}

async fn responses(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    let prepare =
        async |snapshot: Arc<Snapshot>| Ok(move || Representation::new(JSON, render(&snapshot.responses_body())));
    let rendered = app.responses.newest(&app.real.latest, &app.rendering, prepare).await?;
    rendered.body.answer(&headers).await
}

async fn response(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Problem> {
    let snapshot = app.latest();
    let place = snapshot.place(&id).ok_or_else(|| Problem::UnknownId(id.clone()))?;
    let response = snapshot.responses[place].clone();
    let turn = Arc::clone(&app.rendering).acquire_owned().await.map_err(|_| Problem::ShuttingDown)?;
    let rendering = spawn_blocking(move || {
        let _turn = turn;
        render(&ResponseBody { response: [(id, response.as_deref().cloned())].into() })
    });
    Ok(json(rendering.await.map_err(|_| Problem::ShuttingDown)?))
}

async fn graph(State(app): State<App>, Query(source): Query<Source>, headers: HeaderMap) -> Result<Response, Problem> {
    let view = app.view(&source);
    let prepare = async |snapshot: Arc<Snapshot>| Ok(move || Representation::new(JSON, render(&snapshot.graph())));
    view.graph.newest(&view.latest, &app.rendering, prepare).await?.body.answer(&headers).await
}

async fn history(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    let prepare = async |_| {
        let history = app.command(Command::History).await?;
        Ok(move || Representation::new(JSON, render(&history.body())))
    };
    app.history.newest(&app.real.latest, &app.rendering, prepare).await?.body.answer(&headers).await
}
