//! One request over a connection of its own, so that what is tested is what goes over the wire.

use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Serves the router on a port of its own until the runtime ends.
pub(crate) async fn serve(router: axum::Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// The head of the answer, and its body.
pub(crate) async fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
) -> std::io::Result<(String, String)> {
    let mut stream = TcpStream::connect(address).await?;
    // Version 1.0: the answer is not chunked, and ends with the connection.
    let request = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) => Ok((head.to_owned(), body.to_owned())),
        None => Err(std::io::Error::other(format!("not an answer: {answer:?}"))),
    }
}
