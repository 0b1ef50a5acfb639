use super::*;
use pytheus_core::BackendErrorKind::{Denied, Other, TimedOut, Unavailable};
use pytheus_test_servers::{Certificates, Server};
use std::time::Instant;

fn trusting(certificates: &Certificates) -> String {
    format!("ca_file = {:?}", certificates.authority())
}

fn identified(certificates: &Certificates) -> String {
    let (certificate, key) = (certificates.client(), certificates.client_key());
    format!("{}\ncert_file = {certificate:?}\nkey_file = {key:?}", trusting(certificates))
}

#[test]
fn a_server_is_trusted_by_its_authority_without_settings_of_the_process() {
    assert!(rustls::crypto::CryptoProvider::get_default().is_none());
    let server = Server::builder().tls().start();
    let options = trusting(server.certificates().unwrap());
    let mut connection = open(&server.url(), &options).unwrap();
    for _ in 0..3 {
        assert_eq!(connection.ask(&["SET k v", "GET k"]).unwrap(), [Value::Okay, bulk("v")]);
    }
    let by_name = server.url().replace("127.0.0.1", "localhost");
    let mut connection = open(&by_name, &options).unwrap();
    assert_eq!(connection.ask(&["GET k"]).unwrap(), [bulk("v")]);
    assert!(rustls::crypto::CryptoProvider::get_default().is_none());
}

/// Which authorities the system trusts is said by a variable, and so to a process of its own.
#[test]
fn the_authorities_of_the_system_are_trusted_unless_told_otherwise() {
    const URL: &str = "PYTHEUS_TEST_URL";
    if let Ok(url) = std::env::var(URL) {
        assert_eq!(open(&url, "").unwrap().ask(&["SET k v"]).unwrap(), [Value::Okay]);
        return;
    }
    let server = Server::builder().tls().start();
    let certificates = server.certificates().unwrap();
    let (_, module) = module_path!().split_once("::").unwrap();
    let name = "the_authorities_of_the_system_are_trusted_unless_told_otherwise";
    for (trusted, good) in [(certificates.authority(), true), (certificates.client_key(), false)] {
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("{module}::{name}")])
            .env(URL, server.url())
            .env("SSL_CERT_FILE", trusted)
            .env_remove("SSL_CERT_DIR")
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&child.stdout);
        assert_eq!(child.status.success(), good, "{output}");
        assert!(output.contains("running 1 test"), "{output}");
        assert!(good || output.contains("give option \\\"ca_file\\\""), "{output}");
    }
}

#[test]
fn a_server_that_nobody_known_vouches_for_is_refused() {
    let server = Server::builder().tls().start();
    let other = Server::builder().tls().start();
    let options = trusting(other.certificates().unwrap());
    let error = open(&server.url(), &options).unwrap_err();
    assert_eq!(error.kind, Denied);
    let begin = format!("the certificate of 127.0.0.1:{} is not trusted: ", server.port());
    assert!(error.message.starts_with(&begin), "{error}");
    assert!(error.message.contains("\"ca_file\""), "{error}");
}

#[test]
fn a_server_with_a_certificate_for_another_host_is_refused() {
    let server = Server::builder().tls().start();
    let options = trusting(server.certificates().unwrap());
    let error = open(&server.url().replace("127.0.0.1", "127.0.0.2"), &options).unwrap_err();
    // Nobody listens there, or whoever does is not who the certificate says.
    assert!(error.message.contains("127.0.0.2"), "{error}");
    let listener = std::net::TcpListener::bind("127.0.0.2:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let upstream = server.port();
    std::thread::spawn(move || {
        let (mut near, _) = listener.accept().unwrap();
        let mut far = std::net::TcpStream::connect(("127.0.0.1", upstream)).unwrap();
        let (mut near_too, mut far_too) = (near.try_clone().unwrap(), far.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut near_too, &mut far_too));
        let _ = std::io::copy(&mut far, &mut near);
    });
    let error = open(&format!("rediss://127.0.0.2:{port}"), &options).unwrap_err();
    assert_eq!(error.kind, Denied);
    assert!(error.message.contains("not trusted"), "{error}");
}

#[test]
fn a_server_can_ask_for_a_certificate() {
    let server = Server::builder().mutual_tls().start();
    let certificates = server.certificates().unwrap();
    let mut connection = open(&server.url(), &identified(certificates)).unwrap();
    assert_eq!(connection.ask(&["SET k v"]).unwrap(), [Value::Okay]);
    let error = open(&server.url(), &trusting(certificates)).unwrap_err();
    assert_eq!(error.kind, Denied, "{error}");
    assert!(error.message.contains("\"cert_file\" and \"key_file\""), "{error}");
}

#[test]
fn a_server_that_goes_and_comes_back_is_used_again() {
    let server = Server::builder().tls().start();
    let mut connection = open(&server.url(), &trusting(server.certificates().unwrap())).unwrap();
    server.restart();
    assert_eq!(connection.ask(&["SET k v"]).unwrap(), [Value::Okay]);
}

#[test]
fn a_server_that_stands_still_is_not_waited_for_longer_because_of_tls() {
    let server = Server::builder().tls().start();
    let options = format!("{}\n{IMPATIENT}", trusting(server.certificates().unwrap()));
    let mut connection = open(&server.url(), &options).unwrap();
    server.pause();
    let begun = Instant::now();
    assert_eq!(connection.ask(&["GET k"]).unwrap_err().kind, TimedOut);
    assert_eq!(open(&server.url(), &options).unwrap_err().kind, TimedOut);
    let took = begun.elapsed();
    assert!((2 * TIMEOUT..20 * TIMEOUT).contains(&took), "{took:?}");
    server.resume();
}

#[test]
fn tls_and_no_tls_are_not_mixed_up_silently() {
    let with = Server::builder().tls().start();
    let without = Server::start();
    let options = format!("{}\n{IMPATIENT}", trusting(with.certificates().unwrap()));
    let error = open(&without.url().replace("redis:", "rediss:"), &options).unwrap_err();
    // It may answer in its own words, wait for more, or hang up.
    assert!([Other, TimedOut, Unavailable].contains(&error.kind), "{error}");
    assert!(error.message.contains("write redis:// instead of rediss://"), "{error}");
    let error = open(&with.url().replace("rediss:", "redis:"), "").unwrap_err();
    assert!(error.message.contains("write rediss:// instead of redis://"), "{error}");
}

#[test]
fn files_that_are_no_certificates_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("empty.pem");
    std::fs::write(&file, "nothing").unwrap();
    let server = Server::builder().tls().start();
    let certificates = server.certificates().unwrap();
    let (certificate, key) = (certificates.client(), certificates.client_key());
    for (options, message) in [
        (format!("ca_file = {file:?}"), "\"ca_file\" is"),
        (format!("cert_file = {file:?}\nkey_file = {key:?}"), "\"cert_file\" is"),
        (format!("cert_file = {certificate:?}\nkey_file = {file:?}"), "\"key_file\" is"),
        ("ca_file = '/no/such'".to_owned(), "\"ca_file\" is \"/no/such\": it cannot be read"),
    ] {
        let options = if options.starts_with("ca_file") {
            options
        } else {
            format!("{}\n{options}", trusting(certificates))
        };
        let config: RedisConfig = toml::from_str(&options).unwrap();
        let error = config.locate(&server.url()).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}
