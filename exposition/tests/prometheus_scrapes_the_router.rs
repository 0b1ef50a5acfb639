//! A real Prometheus scrapes an axum application and is asked for what it has understood.
//!
//! Needs `prometheus`, which is in the Debian package of that name.
#![cfg(feature = "axum")]

mod fixed;
mod http;
mod tools;

use fixed::Fixed;
use http::{ask, serve};
use pytheus_core::{FamilyDesc, Identity, Kind, Labels, LabelsBuf, Number, Source, Value, Visitor};
use pytheus_exposition::router;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{Instant, interval, timeout_at};
use tools::{start, tool};

/// From its start to the first scrape Prometheus needs a few seconds; a busy machine needs more.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at what it has.
const PAUSE: Duration = Duration::from_millis(100);

/// A Prometheus with a directory and a port of its own, ended when it is dropped.
struct Prometheus {
    process: Child,
    address: SocketAddr,
    dir: TempDir,
}

impl Prometheus {
    fn start(target: SocketAddr) -> Self {
        let dir = TempDir::new().unwrap();
        let config = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
             scrape_configs:\n- {{job_name: shop, static_configs: [{{targets: ['{target}']}}]}}\n"
        );
        fs::write(dir.path().join("prometheus.yml"), config).unwrap();
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let process = start(
            tool("prometheus")
                .current_dir(dir.path())
                .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
                .arg(format!("--web.listen-address={address}"))
                .stdout(Stdio::null())
                .stderr(File::create(dir.path().join("log")).unwrap()),
        );
        Self { process, address, dir }
    }

    /// The answer of its API, once it is one and `enough`.
    async fn ask_until(&mut self, path: &str, enough: impl Fn(&Json) -> bool) -> Json {
        let deadline = Instant::now() + PATIENCE;
        let mut pause = interval(PAUSE);
        let mut last = String::from("nothing");
        while Instant::now() < deadline && self.process.try_wait().unwrap().is_none() {
            match timeout_at(deadline, ask(self.address, "GET", path)).await {
                Ok(Ok((_, body))) => {
                    let data = serde_json::from_str(&body).unwrap_or(Json::Null)["data"].take();
                    if enough(&data) {
                        return data;
                    }
                    last = body;
                }
                Ok(Err(error)) => last = error.to_string(),
                Err(_) => last = "none within the time there is".into(),
            }
            pause.tick().await;
        }
        let log = fs::read_to_string(self.dir.path().join("log")).unwrap();
        panic!("{path} is not as expected; the last answer was {last}; Prometheus logged:\n{log}");
    }

    /// The samples with this name: the labels other than those that scraping adds, and the value.
    async fn samples(&mut self, name: &str) -> BTreeMap<String, f64> {
        let path = format!("/api/v1/query?query={name}");
        let data = self
            .ask_until(&path, |data| !data["result"].as_array().is_none_or(Vec::is_empty))
            .await;
        let samples = data["result"].as_array().unwrap().iter().map(|sample| {
            let mut labels = sample["metric"].as_object().unwrap().clone();
            labels.retain(|label, _| !["__name__", "instance", "job"].contains(&label.as_str()));
            (
                Json::Object(labels).to_string(),
                sample["value"][1].as_str().unwrap().parse().unwrap(),
            )
        });
        samples.collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // Neither can fail for a child that has not been waited for, and nothing could be done.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const HELP: &str = "Orders \"placed\" \\ by\nchannel";
const ODD: &str = "a\\b\n\"c\", é";

fn shop() -> impl Source {
    Fixed(|visitor: &mut dyn Visitor| {
        let identity = Identity::new("build", Kind::Info).label_names(["version"]);
        visitor.family(&FamilyDesc::new(identity, ""))?;
        visitor.series(Labels::from_canonical("version=\"1.2\""), &Value::Info)?;

        let identity = Identity::new("door", Kind::StateSet).states(["open", "shut"]);
        visitor.family(&FamilyDesc::new(identity, "d"))?;
        visitor.series(Labels::none(), &Value::StateSet { active: &[false, true] })?;

        let identity =
            Identity::new("http.size", Kind::Summary).label_names(["url.path", "url_path"]);
        visitor.family(&FamilyDesc::new(identity, "d"))?;
        let labels = LabelsBuf::from_pairs([("url.path", "1"), ("url_path", "2")]);
        let size = Value::Summary { count: 3, sum: -0.25, created: None };
        visitor.series(labels.as_labels(), &size)?;
        visitor.family(&FamilyDesc::new(Identity::new("http_size", Kind::Gauge), "left out"))?;

        let identity = Identity::new("latency_seconds", Kind::Histogram).buckets([0.5, 1e16]);
        visitor.family(&FamilyDesc::new(identity, "d"))?;
        let counts = &[2, 0, 1];
        let latency = Value::Histogram { counts, sum: 1e300, created: None, exemplars: &[] };
        visitor.series(Labels::none(), &latency)?;

        let identity = Identity::new("orders_total", Kind::Counter).label_names(["channel"]);
        visitor.family(&FamilyDesc::new(identity, HELP))?;
        for (channel, total) in [("web", Number::Int(3)), (ODD, Number::Float(1e-7))] {
            let total = Value::Counter { total, created: None, exemplar: None };
            visitor.series(LabelsBuf::from_pairs([("channel", channel)]).as_labels(), &total)?;
        }
        visitor.series(Labels::none(), &Value::Info)
    })
}

#[tokio::test]
async fn prometheus_has_every_sample_its_type_and_its_help() {
    let target = serve(router(shop())).await;
    let mut prometheus = Prometheus::start(target);

    let odd = serde_json::json!({ "channel": ODD }).to_string();
    let paths = r#"{"url_path":"1","url_path2":"2"}"#;
    for (name, samples) in [
        ("orders_total", vec![(r#"{"channel":"web"}"#, 3.0), (&odd, 1e-7)]),
        ("up", vec![("{}", 1.0)]),
        ("build_info", vec![(r#"{"version":"1.2"}"#, 1.0)]),
        ("door", vec![(r#"{"door":"open"}"#, 0.0), (r#"{"door":"shut"}"#, 1.0)]),
        ("http_size_sum", vec![(paths, -0.25)]),
        ("http_size_count", vec![(paths, 3.0)]),
        (
            "latency_seconds_bucket",
            vec![(r#"{"le":"0.5"}"#, 2.0), (r#"{"le":"1e+16"}"#, 2.0), (r#"{"le":"+Inf"}"#, 3.0)],
        ),
        ("latency_seconds_sum", vec![("{}", 1e300)]),
        ("latency_seconds_count", vec![("{}", 3.0)]),
    ] {
        let samples = samples.into_iter().map(|(labels, value)| (labels.to_owned(), value));
        assert_eq!(prometheus.samples(name).await, samples.collect(), "{name}");
    }

    let about =
        prometheus.ask_until("/api/v1/metadata", |data| data["orders_total"].is_array()).await;
    for (name, kind, help) in [
        ("orders_total", "counter", HELP),
        ("build_info", "gauge", ""),
        ("door", "gauge", "d"),
        ("http_size", "summary", "d"),
        ("latency_seconds", "histogram", "d"),
    ] {
        assert_eq!(about[name][0]["type"], kind, "{name}");
        assert_eq!(about[name][0]["help"], help, "{name}");
    }
}
