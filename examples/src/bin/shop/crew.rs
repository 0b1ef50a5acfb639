//! The workers of a shop, each replaced when it ends.

use crate::worker::{Job, Worker};
use crate::{AnyError, complain, say};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

/// When a worker cannot be replaced, how long until the next try.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Worker processes that serve one socket.
#[derive(Debug)]
pub(crate) struct Crew {
    posts: Vec<Post>,
    keepers: JoinSet<Result<(), AnyError>>,
    closing: watch::Sender<bool>,
}

/// The place of one worker, whoever has it now.
#[derive(Debug)]
struct Post {
    /// The process that serves, or the last one that did.
    pid: watch::Receiver<u32>,
    kill: Arc<Notify>,
    send_home: Arc<Notify>,
}

/// How a worker leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    /// Killed, at whatever it does.
    Killed,
    /// Having finished what it had begun, and told what it had counted.
    SentHome,
}

impl Crew {
    /// Starts `size` workers, and waits until all of them serve.
    pub(crate) async fn start(size: u16, job: Job) -> Result<Self, AnyError> {
        let job = Arc::new(job);
        let mut workers = Vec::new();
        for number in 1..=size {
            let worker = job.start().await?;
            say(&format!("worker {number} is process {}\n", worker.pid()))?;
            workers.push(worker);
        }
        let (closing, _) = watch::channel(false);
        let mut crew = Self { posts: Vec::new(), keepers: JoinSet::new(), closing };
        for (number, worker) in (1..).zip(workers) {
            let (says, pid) = watch::channel(worker.pid());
            let (kill, send_home) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
            let mut closing = crew.closing.subscribe();
            let keeper = Keeper {
                number,
                job: job.clone(),
                says,
                kill: kill.clone(),
                send_home: send_home.clone(),
            };
            crew.keepers.spawn(async move { keeper.keep(worker, &mut closing).await });
            crew.posts.push(Post { pid, kill, send_home });
        }
        Ok(crew)
    }

    pub(crate) fn size(&self) -> usize {
        self.posts.len()
    }

    /// Has the worker that is this process leave, and waits until another one serves in its place. Gives
    /// the new one.
    pub(crate) async fn replace(&self, pid: u32, leave: Leave) -> Result<u32, AnyError> {
        let post = self.posts.iter().find(|post| *post.pid.borrow() == pid);
        let post = post.ok_or_else(|| format!("no worker is process {pid}"))?;
        let mut now = post.pid.clone();
        match leave {
            Leave::Killed => post.kill.notify_one(),
            Leave::SentHome => post.send_home.notify_one(),
        }
        Ok(*now.wait_for(|now| *now != pid).await?)
    }

    /// Lets the workers finish what they have begun, and waits until they have ended.
    pub(crate) async fn close(mut self) -> Result<(), AnyError> {
        self.closing.send_replace(true);
        while let Some(kept) = self.keepers.join_next().await {
            kept??;
        }
        Ok(())
    }
}

/// Who sees to it that a post is never empty for long.
struct Keeper {
    number: u16,
    job: Arc<Job>,
    says: watch::Sender<u32>,
    kill: Arc<Notify>,
    send_home: Arc<Notify>,
}

impl Keeper {
    async fn keep(
        self,
        mut worker: Worker,
        closing: &mut watch::Receiver<bool>,
    ) -> Result<(), AnyError> {
        loop {
            let pid = worker.pid();
            let status = tokio::select! {
                status = worker.ended() => status?,
                () = self.kill.notified() => {
                    worker.kill()?;
                    continue;
                }
                () = self.send_home.notified() => worker.end().await?,
                () = said(closing) => {
                    worker.end().await?;
                    return Ok(());
                }
            };
            let number = self.number;
            worker = tokio::select! {
                worker = self.replacement() => worker,
                () = said(closing) => return Ok(()),
            };
            let new = worker.pid();
            say(&format!("worker {number}, process {pid}, ended: {status}; now it is {new}\n"))?;
            self.says.send_replace(new);
        }
    }

    /// A new worker, as soon as one can be had.
    async fn replacement(&self) -> Worker {
        loop {
            match self.job.start().await {
                Ok(worker) => return worker,
                Err(error) => complain(&*error),
            }
            tokio::time::sleep(TRY_AGAIN_AFTER).await;
        }
    }
}

/// Ready once the crew closes, or is gone.
async fn said(closing: &mut watch::Receiver<bool>) {
    let _ = closing.wait_for(|closing| *closing).await;
}
