//! Serves the metrics in a segment that other programs write: `exporter --segment /dev/shm/shop`.
//!
//! It only reads, so it may belong to another user who has permission to read the file, and it goes on
//! when the programs that write have ended. While there is no segment, the answer is an error that says
//! so; once there is one again, that is served.

#![forbid(unsafe_code)]

mod segment;
mod serve;

fn main() -> std::process::ExitCode {
    serve::main()
}
