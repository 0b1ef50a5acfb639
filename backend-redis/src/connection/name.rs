//! How this process is called.

use crate::config::Target;

/// As the option says, or host and process. Asked at every connect: a forked child is another process.
pub(super) fn client_name(target: &Target) -> String {
    target.client_name.clone().unwrap_or_else(|| format!("{}:{}", host(), std::process::id()))
}

fn host() -> String {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let name = read("/proc/sys/kernel/hostname")
        .or_else(|| read("/etc/hostname"))
        .or_else(|| std::env::var("HOSTNAME").ok())
        .unwrap_or_default();
    // A server refuses a name with anything else in it.
    let name: String = name.chars().filter(char::is_ascii_graphic).collect();
    if name.is_empty() { "unknown".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RedisConfig;

    #[test]
    fn a_process_is_called_by_host_and_number_unless_told_otherwise() {
        let name = |options: &str| {
            let config: RedisConfig = toml::from_str(options).unwrap();
            client_name(&config.locate("redis://db").unwrap())
        };
        let (host, process) =
            name("").rsplit_once(':').map(|(h, p)| (h.len(), p.to_owned())).unwrap();
        assert!(host > 0);
        assert_eq!(process, std::process::id().to_string());
        assert_eq!(name("client_name = 'shop-1'"), "shop-1");
    }
}
