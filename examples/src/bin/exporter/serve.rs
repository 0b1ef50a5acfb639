//! From the command line to an open port.

use crate::segment::Segment;
use pytheus::exposition;
use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

const HELP: &str = "\
Serves the metrics in a segment that other programs write.

usage: exporter --segment FILE [--listen ADDRESS]

  --segment FILE     the segment: of shm:///dev/shm/shop it is /dev/shm/shop
  --listen ADDRESS   where to serve; port 0 takes a free one (127.0.0.1:9464)
  --help             this text

exit status: 0 it was stopped, 1 it cannot serve, 2 the command line makes no sense
";

/// The port of exporters of this kind, as OpenTelemetry has it
/// (<https://opentelemetry.io/docs/specs/otel/metrics/sdk_exporters/prometheus/>).
const LISTEN: &str = "127.0.0.1:9464";
const MISUSED: u8 = 2;

type AnyError = Box<dyn Error + Send + Sync>;

enum Asked {
    Help,
    Serve { segment: PathBuf, listen: String },
}

pub(crate) fn main() -> ExitCode {
    let outcome = match parse(std::env::args_os().skip(1)) {
        Ok(Asked::Serve { segment, listen }) => serve(segment, &listen),
        Ok(Asked::Help) => say(HELP.to_owned()),
        Err(mistake) => {
            eprintln!("exporter: {mistake}\nexporter --help tells what is allowed");
            return MISUSED.into();
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("exporter: {error}");
            ExitCode::FAILURE
        }
    }
}

fn say(text: String) -> Result<(), AnyError> {
    Ok(io::stdout().write_all(text.as_bytes())?)
}

fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Asked, String> {
    let (mut segment, mut listen) = (None, LISTEN.to_owned());
    while let Some(argument) = arguments.next() {
        let mut value =
            |option| arguments.next().ok_or(format!("{option} needs a value behind it"));
        match argument.to_str() {
            Some("--help" | "-h") => return Ok(Asked::Help),
            Some("--segment") => segment = Some(PathBuf::from(value("--segment")?)),
            Some("--listen") => {
                let address = value("--listen")?;
                listen = address.into_string().map_err(|other| format!("--listen {other:?}"))?;
            }
            _ => return Err(format!("unknown argument {argument:?}")),
        }
    }
    let segment = segment.ok_or("which segment? --segment FILE names it")?;
    Ok(Asked::Serve { segment, listen })
}

#[tokio::main(flavor = "current_thread")]
async fn serve(segment: PathBuf, listen: &str) -> Result<(), AnyError> {
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| format!("cannot listen on {listen:?}: {error}"))?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let address = listener.local_addr()?;
    say(format!("the metrics in {} are at http://{address}/metrics\n", segment.display()))?;

    let app = exposition::router(Segment::new(segment));
    // Nothing is lost when a scrape is cut off.
    tokio::select! {
        served = async { axum::serve(listener, app).await } => served?,
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    Ok(())
}
