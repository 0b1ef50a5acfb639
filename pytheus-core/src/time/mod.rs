//! Time: clocks, and guards that measure and count.

mod clock;
mod guards;

pub use clock::{Clock, ManualClock, SystemClock};
pub use guards::{InFlight, Timer};
