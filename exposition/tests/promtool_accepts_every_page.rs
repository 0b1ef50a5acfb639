//! Prometheus' own checker reads the page.
//!
//! Needs `promtool`, which is in the Debian package `prometheus`.

mod fixed;
mod tools;

use fixed::Fixed;
use pytheus_core::{FamilyDesc, Identity, Kind, Labels, LabelsBuf, Number, Stop, Value, Visitor};
use pytheus_exposition::render_blocking;
use std::io::Write;
use std::process::Stdio;
use tools::{start, tool};

/// How `promtool check metrics` ends for a page that it can read but would name differently.
const READ_WITH_ADVICE: i32 = 3;

struct Verdict {
    code: Option<i32>,
    said: String,
}

fn check(page: &[u8]) -> Verdict {
    let mut promtool = start(
        tool("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    );
    // Dropped at the end of the statement, which ends the input.
    promtool.stdin.take().unwrap().write_all(page).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    Verdict { code: output.status.code(), said: String::from_utf8_lossy(&said).into_owned() }
}

fn page(show: impl fixed::Show) -> Vec<u8> {
    render_blocking(&Fixed(show)).unwrap()
}

fn announce(visitor: &mut dyn Visitor, identity: Identity, help: &str) -> Result<(), Stop> {
    visitor.family(&FamilyDesc::new(identity, help))
}

fn counter(total: Number) -> Value<'static> {
    Value::Counter { total, created: None, exemplar: None }
}

#[test]
fn a_page_of_every_kind_is_accepted_without_a_word() {
    let page = page(|v| {
        announce(v, Identity::new("build", Kind::Info).label_names(["version"]), "The build")?;
        v.series(Labels::from_canonical("version=\"1\""), &Value::Info)?;
        let latency = Identity::new("latency_seconds", Kind::Histogram).label_names(["path"]);
        announce(v, latency.buckets([1e-7, 0.5, 1.0, 1e16]), "Time to answer")?;
        for path in ["/", "/\"x\"\\\n"] {
            let labels = LabelsBuf::from_pairs([("path", path)]);
            let counts = &[0, 1, 0, 2, u64::from(u32::MAX)];
            let value = Value::Histogram { counts, sum: 1e300, created: None, exemplars: &[] };
            v.series(labels.as_labels(), &value)?;
        }
        announce(v, Identity::new("light", Kind::StateSet).states(["red", "green"]), "The light")?;
        v.series(Labels::none(), &Value::StateSet { active: &[true, false] })?;
        announce(v, Identity::new("orders_total", Kind::Counter), "Orders: a \\ b \n \"c\"")?;
        v.series(Labels::none(), &counter(Number::Int(u64::MAX)))?;
        announce(v, Identity::new("other", Kind::Unknown), "Anything")?;
        v.series(Labels::none(), &Value::Unknown { value: f64::NEG_INFINITY })?;
        announce(v, Identity::new("queue_length", Kind::UpDownCounter), "Waiting")?;
        v.series(Labels::none(), &Value::Gauge { value: -0.0 })?;
        announce(v, Identity::new("size_bytes", Kind::Summary).label_names(["of"]), "Sizes")?;
        let value = Value::Summary { count: 0, sum: f64::NAN, created: None };
        v.series(Labels::from_canonical("of=\"x\""), &value)?;
        announce(
            v,
            Identity::new("temperature_celsius", Kind::Gauge).label_names(["room"]),
            "Warmth",
        )
    });
    let verdict = check(&page);
    assert_eq!((verdict.code, verdict.said.as_str()), (Some(0), ""));
}

#[test]
fn a_page_of_everything_odd_can_be_read() {
    let page = page(|v| {
        v.series(Labels::none(), &Value::Info)?;
        announce(v, Identity::new("", Kind::Gauge).open_labels(), "")?;
        for (n, value) in
            [5e-324, f64::MAX, 1e16, -1e-7, f64::NAN, f64::INFINITY].iter().enumerate()
        {
            let n = n.to_string();
            let pairs = [("a.b", n.as_str()), ("a_b", ""), ("..name..", "\r\t\0"), ("é", "é")];
            v.series(LabelsBuf::from_pairs(pairs).as_labels(), &Value::Gauge { value: *value })?;
        }
        announce(v, Identity::new("a.b", Kind::Counter), "\r")?;
        v.series(Labels::none(), &counter(Number::Float(0.1)))?;
        announce(v, Identity::new("a_b", Kind::Counter), "the same name")?;
        v.series(Labels::none(), &counter(Number::Int(1)))?;
        announce(v, Identity::new("h.x", Kind::Histogram).open_labels(), " ")?;
        v.series(
            Labels::from_canonical("le=\"x\""),
            &Value::Histogram { counts: &[1], sum: 1.0, created: None, exemplars: &[] },
        )?;
        v.series(Labels::none(), &Value::Info)?;
        announce(v, Identity::new("h_x_count", Kind::Counter), "a name of the histogram's")?;
        v.series(Labels::none(), &counter(Number::Int(1)))?;
        announce(
            v,
            Identity::new("x:state", Kind::StateSet).states(["\"\n"]).label_names(["x_state"]),
            "d",
        )?;
        v.series(Labels::from_canonical("x_state=\"own\""), &Value::StateSet { active: &[true] })
    });
    let verdict = check(&page);
    let read = matches!(verdict.code, Some(0 | READ_WITH_ADVICE));
    assert!(read, "{:?}: {}\n{}", verdict.code, verdict.said, String::from_utf8_lossy(&page));
    assert!(!verdict.said.contains("error"), "{}", verdict.said);
}

#[test]
fn a_broken_page_is_refused() {
    for page in
        ["c{a=\"1\" 1\n", "c inf-\n", "# HELP c a\n# HELP c b\nc 1\n", "c{a=\"1\",a=\"2\"} 1\n"]
    {
        let verdict = check(page.as_bytes());
        assert_eq!(verdict.code, Some(1), "{page}: {}", verdict.said);
    }
}
