//! Who serves: this process alone, or workers.

use crate::crew::Crew;
use crate::store::Store;
use crate::worker::Job;
use crate::{AnyError, server};
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

#[derive(Debug)]
pub(crate) enum Staff {
    Alone { served: JoinHandle<io::Result<()>>, stop: oneshot::Sender<()> },
    Crew(Crew),
}

impl Staff {
    /// This process serves, beside what else it does.
    pub(crate) fn alone(listener: TcpListener, store: Store) -> Self {
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(server::serve(listener, Arc::new(store), async {
            let _ = stopped.await;
        }));
        Self::Alone { served, stop }
    }

    /// So many processes serve.
    pub(crate) async fn crew(
        listener: TcpListener,
        backend: Option<String>,
        size: u16,
    ) -> Result<Self, AnyError> {
        Ok(Self::Crew(Crew::start(size, Job::new(listener, backend)?).await?))
    }

    /// Finishes what has begun, and ends.
    pub(crate) async fn go_home(self) -> Result<(), AnyError> {
        match self {
            Self::Alone { served, stop } => {
                let _ = stop.send(());
                Ok(served.await??)
            }
            Self::Crew(crew) => crew.close().await,
        }
    }
}
