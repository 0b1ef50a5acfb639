//! One way of doing an operation, and the loop around it.

use super::case::BoxError;
use super::effect::Reading;
use super::gate::Gate;
use super::values::{CYCLE, values};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Something that can do a case's operation; made by [`subject`] or [`subject_with_finish`].
///
/// # Examples
///
/// ```
/// use pytheus_benchmarks::{Reading, Subject, subject};
///
/// let idle: Box<dyn Subject> = subject(|| (), |(), _| {}, || Ok(Reading::Number(0.0)));
/// assert_eq!(idle.read()?, Reading::Number(0.0));
/// # Ok::<(), pytheus_benchmarks::BoxError>(())
/// ```
pub trait Subject: Send + Sync {
    /// One thread's part of a block: gets ready, waits at the gate, and says how long its `ops`
    /// operations took. The operations before the gate and after it are number `first`,
    /// `first + 1`, …
    fn run(&self, gate: &Gate, first: usize, warm_up: usize, ops: usize) -> Duration;

    /// Reads back what all operations so far have come to.
    ///
    /// # Errors
    ///
    /// Whatever the library, or the parser of its exposition, has to say.
    fn read(&self) -> Result<Reading, BoxError>;
}

/// Which operation it is: its number, and the value that goes with it.
///
/// # Examples
///
/// ```
/// use pytheus_benchmarks::{Reading, subject};
///
/// // Counts down every fourth time.
/// let up_and_down = |step: pytheus_benchmarks::Step<'_>| if step.index() % 4 == 3 { -1 } else { 1 };
/// let _ = subject(|| (), move |(), step| { let _ = up_and_down(step); }, || Ok(Reading::Number(0.0)));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    index: usize,
    values: &'a [f64; CYCLE],
}

impl Step<'_> {
    /// The number of the operation.
    #[inline(always)]
    pub fn index(self) -> usize {
        self.index
    }

    /// The value to observe or to set, opaque to the compiler.
    #[inline(always)]
    pub fn value(self) -> f64 {
        self.pick(self.values)
    }

    /// The same place of another table, for a library that wants its values in another unit.
    #[inline(always)]
    pub fn pick<T: Copy>(self, table: &[T; CYCLE]) -> T {
        black_box(table[self.index % CYCLE])
    }
}

/// A subject from three closures: `handle` is called once in each thread, before the clock starts;
/// `operation` is what is timed; `read` reads the total back.
///
/// Look up, resolve and allocate in `handle`. Operations see the handle through
/// [`black_box`](std::hint::black_box), so nothing of it stays in a register from one to the next, as
/// it would not in a program that does something in between.
pub fn subject<H: 'static>(
    handle: impl Fn() -> H + Send + Sync + 'static,
    operation: impl Fn(&H, Step<'_>) + Send + Sync + 'static,
    read: impl Fn() -> Result<Reading, BoxError> + Send + Sync + 'static,
) -> Box<dyn Subject> {
    subject_with_finish(handle, operation, drop, read)
}

/// Like [`subject`], for a library whose threads have something left to do at the end, such as
/// flushing what they kept to themselves. `finish` is called once in each thread after the clock has
/// stopped.
pub fn subject_with_finish<H: 'static>(
    handle: impl Fn() -> H + Send + Sync + 'static,
    operation: impl Fn(&H, Step<'_>) + Send + Sync + 'static,
    finish: impl Fn(H) + Send + Sync + 'static,
    read: impl Fn() -> Result<Reading, BoxError> + Send + Sync + 'static,
) -> Box<dyn Subject> {
    Box::new(Closures { handle, operation, finish, read })
}

struct Closures<Handle, Operation, Finish, Read> {
    handle: Handle,
    operation: Operation,
    finish: Finish,
    read: Read,
}

impl<H, Handle, Operation, Finish, Read> Subject for Closures<Handle, Operation, Finish, Read>
where
    Handle: Fn() -> H + Send + Sync,
    Operation: Fn(&H, Step<'_>) + Send + Sync,
    Finish: Fn(H) + Send + Sync,
    Read: Fn() -> Result<Reading, BoxError> + Send + Sync,
{
    fn run(&self, gate: &Gate, first: usize, warm_up: usize, ops: usize) -> Duration {
        let handle = (self.handle)();
        repeat(&handle, &self.operation, first, warm_up);
        gate.wait();
        let began = Instant::now();
        repeat(&handle, &self.operation, first + warm_up, ops);
        let took = began.elapsed();
        (self.finish)(handle);
        took
    }

    fn read(&self) -> Result<Reading, BoxError> {
        (self.read)()
    }
}

/// Never inlined: so there is one loop, into which the operation is inlined, and the warm-up warms
/// the very instructions that are timed.
#[inline(never)]
fn repeat<H>(handle: &H, operation: &impl Fn(&H, Step<'_>), first: usize, ops: usize) {
    let values = values();
    for index in first..first + ops {
        operation(black_box(handle), Step { index, values });
    }
}
