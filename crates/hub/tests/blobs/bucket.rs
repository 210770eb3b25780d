//! A bucket in this process: a server that speaks S3, checks signatures, keeps its objects in a folder, and can be told
//! to let everybody wait.

use std::path::Path;

use hyper::Request;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use skillsync_hub::blobs::{Bucket, Place};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Its credentials.
const ID: &str = "test-id";
const SECRET: &str = "test-secret";

/// A running server with one bucket. It stops when it is dropped.
pub(crate) struct BucketServer {
    endpoint: String,
    serving: JoinHandle<()>,
    waits: watch::Sender<bool>,
}

impl BucketServer {
    /// Starts it with its objects below `folder`.
    pub(crate) async fn start(folder: &Path) -> Self {
        std::fs::create_dir_all(folder.join("skills")).unwrap();
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder).unwrap());
        builder.set_auth(SimpleAuth::from_single(ID, SECRET));
        let service = builder.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (waits, waiting) = watch::channel(false);
        let serving = tokio::spawn(async move {
            // The connections end with the task that accepts them.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let (service, waiting) = (service.clone(), waiting.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let (service, mut waiting) = (service.clone(), waiting.clone());
                    async move {
                        let _ = waiting.wait_for(|waits| !waits).await;
                        Service::call(&service, request).await
                    }
                });
                connections.spawn(async move {
                    let _ = Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(socket), service)
                        .await;
                });
            }
        });
        Self { endpoint, serving, waits }
    }

    /// Whether nobody gets an answer from now on.
    pub(crate) fn wait(&self, waits: bool) {
        self.waits.send_replace(waits);
    }

    /// The bucket, with these bytes before every path.
    pub(crate) fn place(&self, prefix: &str) -> Place {
        Place::Bucket(self.bucket(prefix))
    }

    /// How the bucket is reached.
    pub(crate) fn bucket(&self, prefix: &str) -> Bucket {
        Bucket {
            name: "skills".to_owned(),
            prefix: prefix.to_owned(),
            endpoint: Some(self.endpoint.clone()),
            region: "us-east-1".to_owned(),
            access_key_id: ID.to_owned(),
            secret_access_key: SECRET.to_owned(),
            session_token: None,
        }
    }
}

impl Drop for BucketServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
