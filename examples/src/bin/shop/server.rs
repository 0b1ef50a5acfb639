//! From a socket to an answer. The socket and the serving of it are apart, so that several processes
//! can serve one socket.

use crate::routes;
use crate::store::Store;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// A client that never finishes its request does not keep the shop open for longer.
const FINISH_WITHIN: Duration = Duration::from_secs(2);

/// The shop's address cannot be taken.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address:?}; --listen takes another address, and port 0 a free one")]
pub(crate) struct ListenError {
    address: String,
    source: io::Error,
}

/// Takes the address. Connections wait from now on.
pub(crate) fn listen(address: &str) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address)
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
        .map_err(|source| ListenError { address: address.to_owned(), source })
}

/// Answers until `stop` is ready, then finishes what has begun.
pub(crate) async fn serve(
    listener: TcpListener,
    store: Arc<Store>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let (stopping, stopped) = oneshot::channel();
    let stop = async {
        stop.await;
        let _ = stopping.send(());
    };
    let served =
        async { axum::serve(listener, routes::router(store)).with_graceful_shutdown(stop).await };
    let out_of_patience = async {
        let _ = stopped.await;
        tokio::time::sleep(FINISH_WITHIN).await;
    };
    tokio::select! {
        ended = served => ended,
        () = out_of_patience => Ok(()),
    }
}

/// Listens for signals from now on; ready with Ctrl-C, or with a request to terminate.
pub(crate) fn asked_to_stop() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    })
}
