//! Under `ulimit -v`, however tight: a backend is had, what does not fit is counted in overflow series
//! or refused with an error, and nothing crashes.
#![cfg(target_os = "linux")]

use pytheus_backend_local::Local;
use pytheus_core::{BackendErrorKind, RegisterError, Registry};
use pytheus_exposition::render_blocking;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

/// Set in the process that lives under a limit: how much it is left.
const LIMIT: &str = "PYTHEUS_TEST_ADDRESS_SPACE_MIB";

#[test]
fn a_limit_on_address_space_is_survived() {
    for limit in (24..160).step_by(16).chain([256, 320, 400, 512, 768, 1_024, 4_096, 16_384]) {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "what_is_done_under_a_limit", "--nocapture"]);
        // The C library would reserve address space for every thread.
        command.env(LIMIT, limit.to_string()).env("MALLOC_ARENA_MAX", "1");
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.contains("survived"),
            "with {limit} MiB: {:?}, signal {:?}\n{said}\n{}",
            output.status,
            output.status.signal(),
            String::from_utf8_lossy(&output.stderr),
        );
    }
}

/// Allows this process so many MiB of address space more than it has.
fn limit_address_space(more: u64) {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').next().unwrap().parse().unwrap();
    // SAFETY: has no requirements.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as u64;
    let bytes = pages * page + (more << 20);
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: reads the limit; lowers one of this process.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
}

#[test]
fn what_is_done_under_a_limit() {
    let Ok(limit) = std::env::var(LIMIT) else { return };
    limit_address_space(limit.parse().unwrap());
    let registry = Registry::new(Local::new());
    // The program needs memory, too.
    let own = std::hint::black_box(vec![1_u8; 8 << 20]);

    let hits = registry.counter("hits_total", "d").register().unwrap();
    let routes = registry.counter("routes_total", "d").label_names(["route"]).register().unwrap();
    let routes_in_all = 8_000;
    for n in 0..routes_in_all {
        routes.with([&n.to_string()]).inc();
    }
    std::thread::scope(|scope| {
        for _ in 0..12 {
            let thread = std::thread::Builder::new().stack_size(64 << 10);
            let work = || (0..100).for_each(|_| hits.inc());
            thread.spawn_scoped(scope, work).unwrap();
        }
    });
    assert_eq!(hits.get(), Some(1_200.0));

    let mut refused = None;
    let before = page(&registry);
    for n in 0..400 {
        let name = format!("times_{n}");
        let buckets = pytheus_core::linear_buckets(0.0, 1.0, 4_096);
        match registry.histogram(&name, "d").buckets(buckets).register() {
            Ok(times) => {
                times.observe(1.0);
                assert_eq!(times.get(), Some((1.0, 1)));
            }
            Err(RegisterError::Backend(error)) => {
                assert_eq!(error.kind, BackendErrorKind::Full);
                assert!(error.message.contains(&name), "{error}");
                assert_eq!(page(&registry), before, "something was registered in spite of {error}");
                refused = Some(error);
                break;
            }
            Err(other) => panic!("{other}"),
        }
        registry.unregister(&name);
    }
    let page = page(&registry);
    let counted: u64 = page
        .lines()
        .filter_map(|line| line.strip_prefix("routes_total{")?.split_once("} "))
        .map(|(_, count)| count.parse::<u64>().unwrap())
        .sum();
    assert_eq!(counted, routes_in_all);
    println!("survived on {:?}, {} bytes of its own, {refused:?}", registry, own.len());
}

fn page(registry: &Registry) -> String {
    String::from_utf8(render_blocking(registry).unwrap()).unwrap()
}
