//! `skillsync-hub serve`

use std::future::Future;
use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::app::Settings;
use crate::config::{Identity, LogFormat, MetricsListen, Serving, Storage, Switch};
use crate::db::Role;
use crate::http::{Behaviour, Http};
use crate::{limits, secret, serve};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

use super::{Stop, first_start, open};

#[derive(Debug, clap::Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    storage: Storage,
    #[command(flatten)]
    identity: Identity,
    #[command(flatten)]
    serving: Serving,
}

pub(crate) async fn run(args: ServeArgs) -> Result<(), Stop> {
    let ServeArgs { storage, identity, serving } = args;
    log(&serving)?;
    let settings = Settings {
        manifest_ttl_s: serving.manifest_ttl.seconds(),
        public_url: identity.public_url.clone(),
        cdn_url: serving.cdn_url.clone(),
    };
    // Bound first: what is printed below must be true.
    let listener = bind(serving.listen).await?;
    let listen = listener.local_addr().unwrap_or(serving.listen);
    let opened = open(&storage, &identity, None, settings, Role::Server).await?;
    let address = identity.public_url.clone().unwrap_or_else(|| format!("http://{listen}"));
    first_start(&opened, &address)?;

    let hub = opened.app.signer().hub().to_string();
    let behaviour = Behaviour {
        limited: serving.rate_limits == Switch::On,
        trusted_proxies: serving.trusted_proxies.clone(),
        in_flight: limits::IN_FLIGHT,
    };
    let http = Http::new(opened.app, behaviour, u32::from_be_bytes(secret::random::<4>()?));
    let (stopping, stop) = watch::channel(false);
    let stopped = move || {
        let mut stop = stop.clone();
        async move {
            // An error says that nobody can say it any more.
            let _ = stop.wait_for(|stop| *stop).await;
        }
    };
    let metrics = metrics_listener(serving.metrics_listen).await?;
    let metrics =
        metrics.map(|listener| tokio::spawn(serve::serve_metrics(listener, http.clone(), stopped())));
    tokio::spawn(signals(http.clone(), stopping)?);
    tracing::info!(%listen, hub, root = opened.first_root.hex(), "the hub serves");
    let looking = http.clone();
    tokio::spawn(async move {
        // What it leaves undone is done for who asks first.
        if let Err(error) = looking.app().look_into_offers().await {
            tracing::warn!("the open indexes: {}", skillsync_core::fault::with_causes(&error));
        }
    });
    serve::serve(listener, http.clone(), stopped()).await;
    if let Some(metrics) = metrics {
        metrics.abort();
    }
    // A long listing for the open indexes holds a connection, and nobody waits for it any more.
    if tokio::time::timeout(limits::DRAIN, http.app().close()).await.is_err() {
        tracing::warn!("not all questions to the database ended in time");
    }
    tracing::info!("the hub stopped");
    Ok(())
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Stop> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| Stop::io(format!("cannot listen on {address}"), &error))
}

/// Where nobody asked for them, metrics may be missing: a second hub on one machine should start.
async fn metrics_listener(asked: Option<MetricsListen>) -> Result<Option<TcpListener>, Stop> {
    match asked {
        Some(MetricsListen::Off) => Ok(None),
        Some(MetricsListen::At(address)) => bind(address).await.map(Some),
        None => match TcpListener::bind(MetricsListen::default_address()).await {
            Ok(listener) => Ok(Some(listener)),
            Err(error) => {
                tracing::warn!("no metrics: {} cannot be had: {error}", MetricsListen::default_address());
                Ok(None)
            }
        },
    }
}

/// Stops on SIGTERM and SIGINT; reads keys and root again on SIGHUP.
fn signals(http: Arc<Http>, stopping: watch::Sender<bool>) -> Result<impl Future<Output = ()>, Stop> {
    let on = |kind| signal(kind).map_err(|error| Stop::io("signals cannot be waited for".to_owned(), &error));
    let mut terminate = on(SignalKind::terminate())?;
    let mut interrupt = on(SignalKind::interrupt())?;
    let mut hang_up = on(SignalKind::hangup())?;
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hang_up.recv() => match http.app().reload().await {
                    Ok(()) => tracing::info!("keys and root were read again"),
                    Err(error) => tracing::error!("{}", skillsync_core::fault::with_causes(&error)),
                },
            }
        }
        tracing::info!("stopping");
        let _ = stopping.send(true);
    })
}

fn log(serving: &Serving) -> Result<(), Stop> {
    let filter = EnvFilter::try_new(&serving.log).map_err(|error| Stop {
        message: format!("`{}` is no filter of a log: {error}", serving.log),
        hint: Some("for example `info`, or `info,access=warn`".to_owned()),
        code: 2,
    })?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Colours are for people who look.
    let log = log.with_ansi(std::io::stderr().is_terminal());
    match serving.log_format {
        LogFormat::Text => log.with_target(false).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
}
