//! Waiting for the flusher: from any runtime, or from none.

use crate::engine::ForkMutex;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Where an answer is waited for.
pub(super) struct Answer<T>(Arc<ForkMutex<Slot<T>>>);

/// Who gives the answer, once.
pub(super) struct Promise<T>(Option<Arc<ForkMutex<Slot<T>>>>);

struct Slot<T> {
    answer: Option<T>,
    /// Nobody is left to give one.
    is_broken: bool,
    waker: Option<Waker>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        // What a forked child finds: whoever was to answer stayed with the parent.
        Self { answer: None, is_broken: true, waker: None }
    }
}

pub(super) fn promise<T>() -> (Promise<T>, Answer<T>) {
    let slot = Slot { answer: None, is_broken: false, waker: None };
    let slot = Arc::new(ForkMutex::new(slot));
    (Promise(Some(slot.clone())), Answer(slot))
}

impl<T> Promise<T> {
    pub(super) fn keep(mut self, answer: T) {
        if let Some(slot) = self.0.take() {
            give(&slot, Some(answer));
        }
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        if let Some(slot) = self.0.take() {
            give(&slot, None);
        }
    }
}

fn give<T>(slot: &ForkMutex<Slot<T>>, answer: Option<T>) {
    let waker = {
        let mut slot = slot.lock();
        slot.is_broken = answer.is_none();
        slot.answer = answer;
        slot.waker.take()
    };
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl<T> Future for Answer<T> {
    /// `None` if the flusher is gone.
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut slot = self.0.lock();
        if slot.is_broken {
            return Poll::Ready(None);
        }
        match slot.answer.take() {
            Some(answer) => Poll::Ready(Some(answer)),
            None => {
                slot.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::backend::block_on;

    #[test]
    fn an_answer_comes_from_another_thread_or_not_at_all() {
        let (promise, answer) = super::promise();
        std::thread::spawn(move || promise.keep(42));
        assert_eq!(block_on(answer), Some(42));
        let (promise, answer) = super::promise::<()>();
        std::thread::spawn(move || drop(promise));
        assert_eq!(block_on(answer), None);
    }
}
