//! Listens, hands each connection to the routes, and stops in order. Bounds what a connection may take before it has said
//! anything: its head in time and size, and how long it may take nothing of what it is sent.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use crate::http::{Http, Peer, router};
use crate::limits;
use crate::metrics::{self, Metrics};

mod paced;

/// How long to wait before the next connection is taken where there was no room for one.
const NO_ROOM: Duration = Duration::from_millis(50);
/// How often what nobody waits for is done.
const CHORES: Duration = Duration::from_secs(30);

/// Serves until `stop` is done, and then until what is under way is done, or [`limits::DRAIN`] is over.
pub async fn serve(listener: TcpListener, http: Arc<Http>, stop: impl Future<Output = ()>) {
    let chores = tokio::spawn(chores(http.clone()));
    let count = {
        let http = http.clone();
        move |by| http.app().metrics().connection(by)
    };
    listen(listener, router(http), count, stop).await;
    chores.abort();
}

/// Serves the metrics of `http` until `stop` is done.
pub async fn serve_metrics(listener: TcpListener, http: Arc<Http>, stop: impl Future<Output = ()>) {
    let text =
        move || async move { ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], Metrics::text(http.app().metrics())) };
    let router = Router::new().route("/metrics", get(text));
    listen(listener, router, |_| {}, stop).await;
}

async fn chores(http: Arc<Http>) {
    if let Err(error) = http.app().clear_leftovers().await {
        tracing::warn!("leftovers stay: {}", skillsync_core::fault::with_causes(&error));
    }
    let mut times = tokio::time::interval(CHORES);
    loop {
        times.tick().await;
        http.tidy();
        if let Err(error) = http.app().clear_lists().await {
            tracing::warn!("lists stay: {}", skillsync_core::fault::with_causes(&error));
        }
        // Sets the gauge, and finds a root that another process replaced.
        if http.app().ready().await
            && let Err(error) = http.app().current_signer().await
        {
            tracing::error!("{}", skillsync_core::fault::with_causes(&error));
        }
    }
}

async fn listen(
    listener: TcpListener,
    router: Router,
    count: impl Fn(i64) + Clone + Send + 'static,
    stop: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(limits::CONNECTIONS));
    let (stopping, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        while connections.try_join_next().is_some() {}
        let next = async {
            let place = places.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = &mut stop => break,
            next = next => next,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Of one connection, or of all: too many open files. Both pass.
                if !is_of_one(&error) {
                    tracing::warn!("no connection can be taken: {error}");
                    tokio::time::sleep(NO_ROOM).await;
                }
                continue;
            }
        };
        let (router, stopped, count) = (router.clone(), stopped.clone(), count.clone());
        connections.spawn(async move {
            count(1);
            connection(stream, Peer(peer), router, stopped).await;
            count(-1);
            drop(place);
        });
    }
    drop(listener);
    let _ = stopping.send(());
    let drained =
        tokio::time::timeout(limits::DRAIN, async { while connections.join_next().await.is_some() {} });
    if drained.await.is_err() {
        tracing::warn!(cut_off = connections.len(), "not all requests ended in time");
    }
}

async fn connection(stream: TcpStream, peer: Peer, router: Router, mut stopped: watch::Receiver<()>) {
    // Small writes leave at once: with Nagle's algorithm a streamed answer waits 40 ms for the other side's word.
    let _ = stream.set_nodelay(true);
    let answer = move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request)
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEADER_TIMEOUT)
        .max_buf_size(limits::HEADER_BYTES)
        .serve_connection(TokioIo::new(paced::Paced::new(stream)), service_fn(answer));
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("a connection ended: {error}");
    }
}

fn is_of_one(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}
