//! `BackendSettings` as a field of somebody else's struct.

mod probe;

use probe::shown;
use pytheus::BackendSettings;
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    listen: String,
    #[serde(default)]
    metrics: BackendSettings,
    #[serde(default)]
    spare: Option<BackendSettings>,
}

const TOML: &str = r#"
listen = ":8080"

[metrics]
url = "probe://here?retries=3"
name = "shop"
ratio = 0.5
"#;

#[test]
fn in_toml_with_options_beside_the_url() {
    probe::register();
    let config: Config = toml::from_str(TOML).unwrap();
    let shown = shown(config.metrics.connect());
    for part in ["probe://here", "retries: Some(3)", "name: \"shop\"", "ratio: 0.5"] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
}

#[test]
fn in_json_as_in_toml() {
    let toml: Config = toml::from_str(TOML).unwrap();
    let json = r#"{"listen": ":8080", "metrics":
        {"url": "probe://here?retries=3", "name": "shop", "ratio": 0.5}}"#;
    assert_eq!(serde_json::from_str::<Config>(json).unwrap(), toml);
}

#[test]
fn left_out_it_is_local() {
    let config: Config = toml::from_str("listen = \":8080\"").unwrap();
    assert_eq!(config.metrics.connect().unwrap().name(), "local");
    assert_eq!(config.spare, None);
}

#[test]
fn as_a_url_alone() {
    probe::register();
    let config: Config =
        toml::from_str("listen = \":8080\"\nmetrics = \"probe://here?retries=3\"").unwrap();
    assert_eq!(config.metrics, BackendSettings::new("probe://here?retries=3"));
    assert!(shown(config.metrics.connect()).contains("retries: Some(3)"));
}

#[test]
fn beside_other_keys_when_flattened() {
    #[derive(Deserialize)]
    struct Flat {
        listen: String,
        #[serde(flatten)]
        metrics: BackendSettings,
    }
    probe::register();
    let flat: Flat = toml::from_str("listen = \":1\"\nurl = \"probe:\"\nretries = 3").unwrap();
    assert_eq!(flat.listen, ":1");
    assert!(shown(flat.metrics.connect()).contains("retries: Some(3)"));
}

#[test]
fn written_out_it_reads_back_the_same() {
    let config: Config = toml::from_str(TOML).unwrap();
    let json = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<Config>(&json).unwrap(), config);

    let extremes =
        BackendSettings::new("probe:").option("size", u64::MAX).option("offset", i64::MIN);
    let json = serde_json::to_string(&extremes).unwrap();
    assert_eq!(serde_json::from_str::<BackendSettings>(&json).unwrap(), extremes);
}
