//! The hub on a real socket: heads that are too large or do not come, and an end in order.

use std::net::SocketAddr;

use skillsync_hub::serve::serve;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::*;

async fn listening(house: &House) -> (SocketAddr, oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let done = async {
        let _ = stopped.await;
    };
    (address, stop, tokio::spawn(serve(listener, house.http.clone(), done)))
}

async fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    // A connection that is closed on us has said what it had to say.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn it_answers_on_a_socket_and_stops_in_order() {
    on_lite(|house| async move {
        let (address, stop, served) = listening(&house).await;
        let request = "GET /healthz HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n\r\n";
        let answer = exchange(address, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("ok\n"), "{answer}");

        // A request in the middle of its body is waited for; a connection that idles is closed.
        let idle = TcpStream::connect(address).await.unwrap();
        let mut busy = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST /api/state HTTP/1.1\r\nhost: hub\r\nx-api-key: {}\r\ncontent-type: application/json\r\n\
             content-length: 13\r\n\r\n{{\"ski",
            house.admin
        );
        busy.write_all(head.as_bytes()).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        stop.send(()).unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        busy.write_all(b"lls\":[]}").await.unwrap();
        let mut answer = String::new();
        busy.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 204 No Content\r\n"), "{answer}");
        served.await.unwrap();
        drop(idle);
        assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
    });
}

#[test]
fn a_head_is_bounded_in_size_and_time() {
    on_lite(|house| async move {
        let (address, _stop, _served) = listening(&house).await;
        let large = format!("GET /healthz HTTP/1.1\r\nhost: hub\r\nx-a: {}\r\n\r\n", "a".repeat(20_000));
        let answer = exchange(address, large.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
        let many = format!("GET /healthz HTTP/1.1\r\nhost: hub\r\n{}\r\n", "x-a: 1\r\n".repeat(200));
        let answer = exchange(address, many.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
        // Whoever never ends its head is cut off; the reading itself would else wait for ever.
        let slow = exchange(address, b"GET /healthz HTTP/1.1\r\nhost: h");
        let ended = tokio::time::timeout(std::time::Duration::from_secs(30), slow).await;
        let answer = ended.expect("the connection is closed");
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
        for garbage in [
            "\0\0\0\0\r\n\r\n",
            "GET / HTTP/9.9\r\n\r\n",
            "GET /healthz HTTP/1.1\r\nhost: a\r\ntransfer-encoding: x\r\ncontent-length: 1\r\n\r\n",
        ] {
            let answer = exchange(address, garbage.as_bytes()).await;
            assert!(
                answer.is_empty() || answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.0 4"),
                "{answer}"
            );
        }
    });
}
