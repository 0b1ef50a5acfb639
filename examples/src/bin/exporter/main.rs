//! Serves the metrics in a segment that other programs write: `exporter --segment /dev/shm/shop`.
//!
//! It only reads, so it may belong to another user who has permission to read the file, and it goes on
//! when the programs that write have ended. While there is no segment, the answer is an error that says
//! so; once there is one again, that is served.

#![forbid(unsafe_code)]

#[cfg(target_os = "linux")]
mod segment;
#[cfg(target_os = "linux")]
mod serve;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    serve::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
    eprintln!("exporter: segments need Linux");
    std::process::ExitCode::FAILURE
}
