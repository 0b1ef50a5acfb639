//! A server of a subject's own, and registries on it.

use crate::BoxError;
use pytheus_backend_redis::{Redis, RedisConfig, ScrapeUnavailable};
use pytheus_test_servers::{Server, SlowCommand, redis};
use std::panic::catch_unwind;
use std::time::Duration;

/// What a call of the server may take, in microseconds, before it is written down.
pub(super) const SLOW_MICROS: u64 = 2_000;

/// Flushes come when they are asked for, and not besides.
pub(super) const NEVER: Duration = Duration::from_secs(3_600);

/// Starts a server that keeps nothing on disk.
pub(super) fn start() -> Result<Server, BoxError> {
    let started = catch_unwind(|| {
        let slow = SLOW_MICROS.to_string();
        let builder = Server::builder();
        builder.args(["--slowlog-log-slower-than", &slow, "--slowlog-max-len", "100000"]).start()
    });
    started.map_err(|why| {
        let why = why.downcast_ref::<String>().cloned();
        why.unwrap_or_else(|| "a redis-server cannot be started".to_owned()).into()
    })
}

/// Connects, to flush once in every `interval`.
pub(super) fn connect(url: &str, interval: Duration) -> Result<Redis, BoxError> {
    connect_with(url, interval, |_| {})
}

/// Likewise, with other options than the usual ones.
pub(super) fn connect_with(
    url: &str,
    interval: Duration,
    configure: impl FnOnce(&mut RedisConfig),
) -> Result<Redis, BoxError> {
    let mut config = RedisConfig::default();
    config.interval = interval;
    config.lease = config.lease.max(interval * 2);
    configure(&mut config);
    Ok(Redis::open_with(url, &config)?)
}

/// A scrape shows what this process knows if the server is away.
pub(super) fn show_own(config: &mut RedisConfig) {
    config.scrape_unavailable = ScrapeUnavailable::Own;
}

/// Seconds of processor time that the server has taken so far.
pub(super) fn processor_seconds(server: &Server) -> Result<f64, BoxError> {
    let field = |name: &str| {
        let seconds = server.info("cpu", name).ok_or_else(|| format!("there is no {name}"))?;
        Ok::<f64, BoxError>(seconds.parse()?)
    };
    Ok(field("used_cpu_user")? + field("used_cpu_sys")?)
}

macro_rules! scripts {
    ($($name:literal)*) => {
        [$(($name, concat!(
            include_str!("../../../../backend-redis/src/scripts/prelude.lua"),
            include_str!(concat!("../../../../backend-redis/src/scripts/", $name, ".lua"))
        ))),*]
    };
}

/// The scripts of the backend, which the server knows by their hashes.
const SCRIPTS: [(&str, &str); 9] =
    scripts!["apply" "describe" "forget" "probe" "read" "refresh" "register" "sweep" "sync"];

/// What was called: the command, or the script.
pub(super) fn name_of(call: &SlowCommand) -> String {
    let hash = call.arguments.get(1).map(String::as_str).unwrap_or_default();
    let script = SCRIPTS.iter().find(|(_, text)| redis::Script::new(text).get_hash() == hash);
    match (script, call.arguments.first()) {
        (Some((name, _)), _) => format!("the script {name}"),
        (None, Some(command)) => command.clone(),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_of_the_backend_is_called_by_its_name() -> Result<(), BoxError> {
        let server = start()?;
        server.command(["CONFIG", "SET", "slowlog-log-slower-than", "0"]);
        let registry = pytheus_core::Registry::new(connect(&server.url(), NEVER)?);
        registry.counter("hits_total", "Hits").register()?.inc();
        registry.flush_blocking()?;
        let names: Vec<_> = server.slowlog().iter().map(name_of).collect();
        for script in ["apply", "describe", "register"] {
            assert!(names.contains(&format!("the script {script}")), "{names:?}");
        }
        Ok(())
    }
}
