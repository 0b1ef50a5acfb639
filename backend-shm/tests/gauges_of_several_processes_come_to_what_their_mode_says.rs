//! Two processes set a gauge of each mode to 1 and to 2: what is shown is what the mode says, while both
//! live, when one is dead, and when both are.
#![cfg(target_os = "linux")]

mod folder;
mod page;
mod worker;

use folder::Folder;
use page::Page;
use pytheus_backend_shm::{Reader, Shm, ShmConfig};
use pytheus_core::{GaugeMode, Registry};
use worker::{Role, Worker, role};

const MODES: [(&str, GaugeMode); 11] = [
    ("shared", GaugeMode::Shared),
    ("everyone", GaugeMode::All),
    ("least", GaugeMode::Min),
    ("greatest", GaugeMode::Max),
    ("total", GaugeMode::Sum),
    ("recent", GaugeMode::MostRecent),
    ("live_everyone", GaugeMode::LiveAll),
    ("live_least", GaugeMode::LiveMin),
    ("live_greatest", GaugeMode::LiveMax),
    ("live_total", GaugeMode::LiveSum),
    ("live_recent", GaugeMode::LiveMostRecent),
];

#[test]
fn gauges_of_two_processes_come_to_what_their_mode_says() {
    if let Some(role) = role() {
        return set(role);
    }
    let folder = Folder::new();
    let segment = folder.file("segment");
    let start = |number| {
        let name = "gauges_of_two_processes_come_to_what_their_mode_says";
        let mut worker = Worker::start(name, "worker", &segment, number);
        worker.expect("set");
        worker
    };
    let (one, two) = (start(1), start(2));
    let (first, second) = (pid(&one), pid(&two));
    let reader = Reader::open(&segment).unwrap();
    let registry = Registry::new(Shm::open(&segment).unwrap());
    let shows = |when: &str, expected: &[(&str, f64)]| {
        let page = Page::of(&reader);
        assert_eq!(Page::of(&registry), page, "{when}");
        let expected = expected.iter().map(|(sample, value)| ((*sample).to_owned(), *value));
        assert_eq!(page.samples, expected.collect(), "{when}");
    };
    let everyone = [format!("everyone{first}"), format!("everyone{second}")];
    let live_everyone = [format!("live_everyone{first}"), format!("live_everyone{second}")];
    let dead_or_alive = [
        (everyone[0].as_str(), 1.0),
        (&everyone[1], 2.0),
        ("shared", 2.0),
        ("least", 1.0),
        ("greatest", 2.0),
        ("total", 3.0),
        ("recent", 2.0),
    ];
    let both_live = [
        (live_everyone[0].as_str(), 1.0),
        (&live_everyone[1], 2.0),
        ("live_least", 1.0),
        ("live_greatest", 2.0),
        ("live_total", 3.0),
        ("live_recent", 2.0),
    ];
    shows("while both live", &[&dead_or_alive[..], &both_live].concat());
    two.kill();
    let one_lives = [
        (live_everyone[0].as_str(), 1.0),
        ("live_least", 1.0),
        ("live_greatest", 1.0),
        ("live_total", 1.0),
        ("live_recent", 1.0),
    ];
    shows("when the second was killed", &[&dead_or_alive[..], &one_lives].concat());
    one.end_now();
    shows("when both are dead", &dead_or_alive);

    // A third one puts away what a dead one left, and is not taken for it.
    let three = start(4);
    let third = pid(&three);
    let (everyone_three, live_three) =
        (format!("everyone{third}"), format!("live_everyone{third}"));
    shows(
        "when a third one has come",
        &[
            (&everyone[0], 1.0),
            (&everyone[1], 2.0),
            (&everyone_three, 4.0),
            ("shared", 4.0),
            ("least", 1.0),
            ("greatest", 4.0),
            ("total", 7.0),
            ("recent", 4.0),
            (&live_three, 4.0),
            ("live_least", 4.0),
            ("live_greatest", 4.0),
            ("live_total", 4.0),
            ("live_recent", 4.0),
        ],
    );
    drop(three);
}

#[test]
fn processes_that_come_after_one_another_keep_the_sum_of_all() {
    if let Some(role) = role() {
        return set(role);
    }
    const PROCESSES: usize = 12;
    let folder = Folder::new();
    let segment = folder.file("segment");
    for number in 1..=PROCESSES {
        let name = "processes_that_come_after_one_another_keep_the_sum_of_all";
        let mut worker = Worker::start(name, "worker", &segment, number);
        worker.expect("set");
        if number % 2 == 0 { drop(worker.kill()) } else { worker.end_now() }
    }
    let page = Page::of(&Reader::open(&segment).unwrap());
    let sum = PROCESSES * (PROCESSES + 1) / 2;
    for (gauge, value) in [("total", sum), ("least", 1), ("greatest", PROCESSES)] {
        assert_eq!(page.get(gauge), Some(value as f64), "{gauge}");
    }
    assert_eq!(page.family("everyone").len(), PROCESSES);
    assert_eq!(page.family("live_everyone"), []);
}

#[test]
fn the_mode_of_the_configuration_is_that_of_gauges_that_choose_none() {
    if let Some(role) = role() {
        return set(role);
    }
    let folder = Folder::new();
    let segment = folder.file("segment");
    let workers = [1, 2].map(|number| {
        let name = "the_mode_of_the_configuration_is_that_of_gauges_that_choose_none";
        let mut worker = Worker::start(name, "by configuration", &segment, number);
        worker.expect("set");
        worker
    });
    let reader = Reader::open(&segment).unwrap();
    assert_eq!(Page::of(&reader).get("gauge"), Some(3.0));
    assert_eq!(Page::of(&reader).get("shared"), Some(2.0), "a mode that was chosen stays");
    let [one, two] = workers;
    one.kill();
    assert_eq!(Page::of(&reader).get("gauge"), Some(2.0));
    two.kill();
    assert_eq!(Page::of(&reader).get("gauge"), None);
}

fn pid(worker: &Worker) -> String {
    format!("{{pid=\"{}\"}}", worker.pid())
}

fn set(mut role: Role) {
    let mut config = ShmConfig::default();
    config.gauge_mode = GaugeMode::LiveSum;
    let registry = Registry::new(Shm::open_with(&role.segment, config).unwrap());
    let value = role.number as u32;
    if role.name == "by configuration" {
        registry.gauge("gauge", "d").register().unwrap().set(value);
        registry.gauge("shared", "d").mode(GaugeMode::Shared).register().unwrap().set(value);
    } else {
        for (name, mode) in MODES {
            let gauge = registry.gauge(name, "d").mode(mode).register().unwrap();
            gauge.set(value + 1);
            gauge.dec();
        }
    }
    role.line.say("set");
    let _ = role.line.hear();
}
