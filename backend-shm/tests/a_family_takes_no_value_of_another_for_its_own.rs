//! The record of a family that was unregistered is used for the next one. What its series held, such as
//! the states of a state set or the number a gauge had, is not taken for what the new ones hold.
#![cfg(target_os = "linux")]

mod folder;

use folder::Folder;
use pytheus_backend_shm::Shm;
use pytheus_core::{GaugeMode, Registry};

#[test]
fn a_family_takes_no_value_of_another_for_its_own() {
    const ROUNDS: usize = 200;
    // Floats whose lower halves, as numbers, would be places in the table.
    let values = [1.0, 0.1, 1.0 + f64::EPSILON, f64::from_bits(f64::to_bits(2.5) | 40)];
    let modes = [GaugeMode::Shared, GaugeMode::Min, GaugeMode::LiveSum, GaugeMode::All];
    let folder = Folder::new();
    let registry = Registry::new(Shm::open(folder.file("segment")).unwrap());
    let before = registry.counter("before_total", "d").register().unwrap();
    before.inc();
    for round in 0..ROUNDS {
        let value = values[round % values.len()];
        let states = registry.state_set("f", "d").states(["a", "b", "c"]).register().unwrap();
        states.set(["a", "b", "c"][round % 3], true).unwrap();
        assert!(registry.unregister("f"));
        drop(states);
        for mode in modes {
            let gauge = registry.gauge("f", "d").mode(mode).register().unwrap();
            assert_eq!(gauge.get(), Some(0.0), "{mode:?} in round {round}");
            gauge.set(value);
            let pid = std::process::id().to_string();
            let labels = [("pid", pid.as_str())];
            let labels = if mode == GaugeMode::All { &labels[..] } else { &[] };
            let shown = registry.value("f", labels.iter().copied()).unwrap();
            assert_eq!(shown, Some(value), "{mode:?} in round {round}");
            assert!(registry.unregister("f"));
        }
        before.inc();
        assert_eq!(registry.value("before_total", []).unwrap(), Some(round as f64 + 2.0));
    }
}
