//! Threads that do what they are told.

use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

type Job = Box<dyn FnOnce() + Send>;

pub(crate) struct Workers {
    threads: Vec<(Sender<Job>, JoinHandle<()>)>,
}

impl Workers {
    pub(crate) fn new(threads: usize) -> Self {
        Self { threads: (0..threads).map(|_| start()).collect() }
    }

    /// Runs `job` on a thread and waits for its end.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        on: usize,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        self.begin(on, job)()
    }

    /// Has `job` run on a thread; the result waits for its end.
    pub(crate) fn begin<T: Send + 'static, J: FnOnce() -> T + Send + 'static>(
        &self,
        on: usize,
        job: J,
    ) -> impl FnOnce() -> T + use<T, J> {
        let (done, result) = channel();
        let job = Box::new(move || {
            let _ = done.send(job());
        });
        self.threads[on].0.send(job).expect("the thread has ended");
        move || result.recv().expect("the job panicked")
    }

    /// Ends a thread, and starts another one in its place.
    pub(crate) fn replace(&mut self, on: usize) {
        let (jobs, thread) = std::mem::replace(&mut self.threads[on], start());
        drop(jobs);
        thread.join().expect("the thread panicked");
    }
}

fn start() -> (Sender<Job>, JoinHandle<()>) {
    let (jobs, to_do) = channel::<Job>();
    (jobs, std::thread::spawn(move || to_do.iter().for_each(|job| job())))
}
