//! One suite for blobs in every place: memory, a folder, a bucket behind a real server of S3's interface.

#![expect(clippy::unwrap_used, reason = "a failure to set up is a failure")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt as _;
use jiff::Timestamp;
use skillsync_core::digest::{ArchiveDigest, EnvelopeDigest};
use skillsync_core::fault::{Fault as _, Kind};
use skillsync_hub::blobs::{BlobInfo, BlobKey, Blobs, Bucket, Error, Place, Put};
use skillsync_testkit::small_disk::SmallDisk;
use tempfile::TempDir;

#[path = "blobs/bucket.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod bucket;

use bucket::BucketServer;

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

/// Runs a case on each place; with it comes the folder in which the blobs can be touched from outside, where there is one.
fn everywhere<F: Future<Output = ()>>(case: impl Fn(Blobs, Option<std::path::PathBuf>) -> F) {
    block_on(async {
        case(Blobs::open(&Place::Memory).unwrap(), None).await;
        let folder = TempDir::new().unwrap();
        let root = folder.path().join("deep/blobs");
        case(Blobs::open(&Place::Folder(root.clone())).unwrap(), Some(root)).await;
        for prefix in ["", "hub/one"] {
            let folder = TempDir::new().unwrap();
            let server = BucketServer::start(folder.path()).await;
            let root = folder.path().join("skills").join(prefix);
            case(Blobs::open(&server.place(prefix)).unwrap(), Some(root)).await;
        }
    });
}

fn tarball(bytes: &[u8]) -> BlobKey {
    BlobKey::Tarball(ArchiveDigest::of(bytes))
}

fn statement(bytes: &[u8]) -> BlobKey {
    BlobKey::Release(EnvelopeDigest::of(bytes))
}

async fn read(blobs: &Blobs, key: &BlobKey) -> Option<Vec<u8>> {
    let mut stream = blobs.stream(key).await.unwrap()?;
    let mut bytes = Vec::new();
    while let Some(piece) = stream.pieces.next().await {
        bytes.extend(piece.unwrap());
    }
    assert_eq!(bytes.len() as u64, stream.size_bytes);
    Some(bytes)
}

/// What lies there, by its path.
async fn listed(blobs: &Blobs) -> BTreeMap<String, BlobInfo> {
    let found: Vec<_> = blobs.list().collect().await;
    found.into_iter().map(|info| info.unwrap()).map(|info| (info.path.clone(), info)).collect()
}

#[test]
fn what_is_stored_reads_back() {
    everywhere(|blobs, _| async move {
        blobs.ping().await.unwrap();
        let large: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        let all: [(BlobKey, &[u8]); 6] = [
            (tarball(b"archive"), b"archive"),
            (tarball(b""), b""),
            (tarball(&large), &large),
            (statement(b"release"), b"release"),
            (BlobKey::Root(1), b"root"),
            (BlobKey::Advisories(12), b"advisories"),
        ];
        for (key, bytes) in all {
            assert_eq!(blobs.size(&key).await.unwrap(), None, "{key:?}");
            assert!(blobs.get(&key).await.unwrap().is_none() && blobs.stream(&key).await.unwrap().is_none());
            assert_eq!(blobs.put(&key, Bytes::copy_from_slice(bytes)).await.unwrap(), Put::Stored);
            assert_eq!(blobs.put(&key, Bytes::copy_from_slice(bytes)).await.unwrap(), Put::Kept);
            assert_eq!(blobs.size(&key).await.unwrap(), Some(bytes.len() as u64));
            assert_eq!(blobs.get(&key).await.unwrap().as_deref(), Some(bytes));
            assert_eq!(read(&blobs, &key).await.as_deref(), Some(bytes));
        }
        let list = listed(&blobs).await;
        assert_eq!(list.len(), all.len());
        for (key, bytes) in all {
            let info = &list[&key.path()];
            assert_eq!((info.key, info.size_bytes), (Some(key), bytes.len() as u64));
        }
    });
}

#[test]
fn a_name_holds_for_its_bytes_alone() {
    everywhere(|blobs, _| async move {
        for (key, bytes) in [
            (tarball(b"a"), &b"b"[..]),
            (statement(b"a"), b"ab"),
            (BlobKey::Root(1), &[0; skillsync_wire::limits::ROOT_BYTES + 1]),
        ] {
            let error = blobs.put(&key, Bytes::copy_from_slice(bytes)).await.unwrap_err();
            assert!(matches!(error, Error::Misnamed { .. }), "{error:?}");
        }
        // A number counts once the database says so: until then another attempt may replace it.
        for bytes in ["first", "other"] {
            assert_eq!(blobs.put(&BlobKey::Advisories(3), Bytes::from(bytes)).await.unwrap(), Put::Stored);
            assert_eq!(blobs.get(&BlobKey::Advisories(3)).await.unwrap().as_deref(), Some(bytes.as_bytes()));
        }
        assert_eq!(listed(&blobs).await.len(), 1, "what is refused leaves nothing");
    });
}

#[test]
fn folders_that_it_makes_are_for_nobody_else() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("deep/blobs");
    let opened = || Blobs::open(&Place::Folder(root.clone())).unwrap();
    opened();
    for made in
        ["../../deep", ".", "blobs", "blobs/sha256", "releases/sha256", "trust/root", "trust/advisories"]
    {
        assert_eq!(mode(&root.join(made)), 0o700, "{made}");
    }
    // What was there is its owner's affair.
    fs::set_permissions(&root, fs::Permissions::from_mode(0o750)).unwrap();
    opened();
    assert_eq!((mode(&root), mode(&root.join("blobs"))), (0o750, 0o700));
}

#[test]
fn many_may_store_the_same_at_once() {
    everywhere(|blobs, _| async move {
        let bytes = Bytes::from(vec![7; 300_000]);
        let key = tarball(&bytes);
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (blobs, bytes) = (blobs.clone(), bytes.clone());
            tasks.spawn(async move { blobs.put(&key, bytes).await.unwrap() });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        assert_eq!(blobs.get(&key).await.unwrap(), Some(bytes));
        assert_eq!(listed(&blobs).await.len(), 1);
    });
}

#[test]
fn damage_is_seen_and_mended_by_storing_again() {
    everywhere(|blobs, folder| async move {
        let Some(folder) = folder else { return };
        let (key, bytes) = (statement(b"whole"), Bytes::from("whole"));
        blobs.put(&key, bytes.clone()).await.unwrap();
        fs::write(folder.join(key.path()), "wh").unwrap();
        let error = blobs.get(&key).await.unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }) && error.kind() == Kind::Io, "{error:?}");
        assert_eq!(blobs.put(&key, bytes.clone()).await.unwrap(), Put::Stored, "it was cut off");
        assert_eq!(blobs.get(&key).await.unwrap(), Some(bytes));
        let huge = vec![0; skillsync_wire::limits::RELEASE_BYTES + 1];
        fs::write(folder.join(key.path()), huge).unwrap();
        assert!(matches!(blobs.get(&key).await.unwrap_err(), Error::Damaged { .. }));
        assert!(blobs.stream(&key).await.is_err());
        fs::write(folder.join("releases/sha256/foreign"), "x").unwrap();
        assert_eq!(listed(&blobs).await["releases/sha256/foreign"].key, None);
    });
}

#[test]
fn what_is_cut_off_while_it_is_read_ends_in_an_error() {
    block_on(async {
        let folder = TempDir::new().unwrap();
        let blobs = Blobs::open(&Place::Folder(folder.path().to_path_buf())).unwrap();
        let bytes = Bytes::from(vec![7; 1_000_000]);
        let key = tarball(&bytes);
        blobs.put(&key, bytes).await.unwrap();
        let stream = blobs.stream(&key).await.unwrap().unwrap();
        let file = fs::OpenOptions::new().write(true).open(folder.path().join(key.path())).unwrap();
        file.set_len(10).unwrap();
        let mut pieces = stream.pieces.take(1_000);
        let error = loop {
            match pieces.next().await.expect("it does not end") {
                Ok(piece) => assert!(!piece.is_empty()),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
    });
}

#[test]
fn a_full_disk_is_told_and_leaves_nothing_half_written() {
    let Some(disk) = SmallDisk::of(1 << 20, "storing blobs") else { return };
    block_on(async {
        let root = disk.path().join("blobs");
        let blobs = Blobs::open(&Place::Folder(root.clone())).unwrap();
        let small = Bytes::from(vec![1; 1_000]);
        blobs.put(&tarball(&small), small.clone()).await.unwrap();
        let large = Bytes::from(vec![2; 2 << 20]);
        let error = blobs.put(&tarball(&large), large.clone()).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::Io, "blobs-full"), "{error:?}");
        assert_eq!(names(&root.join("blobs/sha256")), [tarball(&small).path().rsplit('/').next().unwrap()]);
        let filler = disk.fill();
        let medium = Bytes::from(vec![3; 10_000]);
        let error = blobs.put(&statement(&medium), medium.clone()).await.unwrap_err();
        assert_eq!(error.code(), "blobs-full", "{error:?}");
        assert_eq!(blobs.get(&tarball(&small)).await.unwrap(), Some(small));
        fs::remove_file(filler).unwrap();
        assert_eq!(blobs.put(&statement(&medium), medium.clone()).await.unwrap(), Put::Stored);
    });
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn what_a_killed_hub_left_is_cleared_once_it_is_old() {
    block_on(async {
        let folder = TempDir::new().unwrap();
        let blobs = Blobs::open(&Place::Folder(folder.path().to_path_buf())).unwrap();
        assert_eq!(blobs.clear_leftovers(Timestamp::MAX, 9).await.unwrap(), 0, "nothing is there yet");
        let key = tarball(b"a");
        blobs.put(&key, Bytes::from("a")).await.unwrap();
        let staged = folder.path().join(format!("{}#1", key.path()));
        fs::write(&staged, "half").unwrap();
        assert_eq!(listed(&blobs).await.len(), 1, "it is no blob");
        assert_eq!(
            blobs.clear_leftovers(Timestamp::UNIX_EPOCH, 9).await.unwrap(),
            0,
            "somebody may be at it"
        );
        assert_eq!(blobs.clear_leftovers(Timestamp::MAX, 0).await.unwrap(), 0, "no more than was said");
        assert_eq!(blobs.clear_leftovers(Timestamp::MAX, 9).await.unwrap(), 1);
        assert!(!staged.exists());
        assert_eq!(blobs.get(&key).await.unwrap().as_deref(), Some(&b"a"[..]));
        fs::remove_dir_all(folder.path()).unwrap();
        assert!(blobs.ping().await.is_err());
    });
}

#[test]
fn a_bucket_refuses_wrong_credentials_and_its_absence_is_told_soon() {
    block_on(async {
        let folder = TempDir::new().unwrap();
        let server = BucketServer::start(folder.path()).await;
        let wrong = Bucket { secret_access_key: "hunter2".to_owned(), ..server.bucket("") };
        assert!(!format!("{wrong:?}").contains("hunter2"));
        let blobs = Blobs::open(&Place::Bucket(wrong)).unwrap();
        for error in [
            blobs.ping().await.unwrap_err(),
            blobs.put(&tarball(b"a"), Bytes::from("a")).await.unwrap_err(),
            blobs.get(&tarball(b"a")).await.unwrap_err(),
        ] {
            assert!(matches!(error, Error::Refused { .. }), "{error:?}");
            assert!(!format!("{error:?}").contains("hunter2"));
        }
        let blobs = Blobs::open(&server.place("")).unwrap();
        blobs.put(&tarball(b"a"), Bytes::from("a")).await.unwrap();
        drop(server);
        let gone =
            tokio::time::timeout(Duration::from_secs(60), blobs.put(&tarball(b"b"), Bytes::from("b"))).await;
        let error = gone.expect("it hangs").unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::Offline, "blobs-offline"), "{error:?}");
        assert_eq!(blobs.ping().await.unwrap_err().kind(), Kind::Offline);
    });
}

#[test]
fn what_is_taken_slowly_out_of_a_bucket_is_not_cut_off() {
    block_on(async {
        let folder = TempDir::new().unwrap();
        let server = BucketServer::start(folder.path()).await;
        let blobs = Blobs::open(&server.place("")).unwrap();
        // More than the system holds for a reader who comes later.
        let bytes = Bytes::from(vec![7; 15_000_000]);
        let key = tarball(&bytes);
        blobs.put(&key, bytes.clone()).await.unwrap();
        let mut stream = blobs.stream(&key).await.unwrap().unwrap();
        let (begun, mut taken) = (Instant::now(), 0);
        while let Some(piece) = stream.pieces.next().await {
            taken += piece.unwrap().len();
            if begun.elapsed() <= skillsync_hub::limits::BUCKET_ANSWER {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        assert_eq!(taken, bytes.len());
    });
}

/// Asks as a client does that has nothing but the address.
async fn fetch(url: &str) -> (u16, Vec<(String, String)>, Vec<u8>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let asked = format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(asked.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers =
        lines.filter_map(|line| line.split_once(": ")).map(|(k, v)| (k.to_lowercase(), v.to_owned()));
    (status, headers.collect(), bytes[end + 4..].to_vec())
}

#[test]
fn a_signed_address_opens_one_blob_and_nothing_else() {
    block_on(async {
        let folder = TempDir::new().unwrap();
        let server = BucketServer::start(folder.path()).await;
        let blobs = Blobs::open(&server.place("hub")).unwrap();
        let (key, other) = (tarball(b"archive"), tarball(b"other"));
        blobs.put(&key, Bytes::from("archive")).await.unwrap();
        blobs.put(&other, Bytes::from("other")).await.unwrap();
        let url = blobs.signed_url(&key, Duration::from_secs(600)).await.unwrap().unwrap();
        let (status, headers, body) = fetch(&url).await;
        assert_eq!((status, &*body), (200, &b"archive"[..]));
        let said = |name: &str| headers.iter().find(|(k, _)| k == name).map(|(_, v)| &**v);
        assert_eq!(said("content-type"), Some("application/gzip"));
        let (plain, _) = url.split_once('?').unwrap();
        let hex = |key: &BlobKey| key.path().rsplit('/').next().unwrap().to_owned();
        for forged in [
            plain.to_owned(),
            url.replace(&hex(&key), &hex(&other)),
            url.replace("Expires=600", "Expires=601"),
        ] {
            let (status, _, body) = fetch(&forged).await;
            assert!(status == 403 && body != b"other", "{status} for {forged}");
        }
        let memory = Blobs::open(&Place::Memory).unwrap();
        assert_eq!(memory.signed_url(&key, Duration::from_secs(600)).await.unwrap(), None);
    });
}

#[test]
fn the_token_of_a_session_goes_along_to_the_bucket() {
    block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let folder = TempDir::new().unwrap();
        let bucket = Bucket {
            endpoint: Some(format!("http://{}", listener.local_addr().unwrap())),
            session_token: Some("of-a-session".to_owned()),
            ..BucketServer::start(folder.path()).await.bucket("")
        };
        assert!(!format!("{bucket:?}").contains("of-a-session"));
        let blobs = Blobs::open(&Place::Bucket(bucket)).unwrap();
        let asking = tokio::spawn(async move { blobs.ping().await });
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(tokio::io::AsyncReadExt::read_u8(&mut socket).await.unwrap());
        }
        asking.abort();
        let head = String::from_utf8(head).unwrap().to_lowercase();
        assert!(head.contains("x-amz-security-token: of-a-session"), "{head}");
    });
}
