//! The shop as a server: asked, scraped and stopped from outside.

mod program;

use program::{Outcome, Server};
use std::io::Write;
use std::net::TcpStream;

#[test]
fn orders_are_counted_by_channel_and_country() -> Outcome {
    let shop = Server::shop(&[])?;
    assert!(shop.ask("POST /checkout?country=de")?.0.starts_with("HTTP/1.0 201"));
    assert!(shop.ask("POST /checkout?country=de&channel=app")?.0.starts_with("HTTP/1.0 201"));
    // A default given explicitly is the same series.
    assert!(shop.ask("POST /checkout?country=de&channel=web")?.0.starts_with("HTTP/1.0 201"));
    let (head, why) = shop.ask("POST /checkout?country=atlantis")?;
    assert!(head.starts_with("HTTP/1.0 400"), "{head}");
    assert!(why.contains(r#"no delivery to "atlantis""#), "{why}");

    let page = shop.scrape()?;
    for line in [
        concat!("shop_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\",backend=\"local\"} 1"),
        r#"shop_orders_total{channel="web",country="de"} 2"#,
        r#"shop_orders_total{channel="app",country="de"} 1"#,
        r#"shop_items_sold_total{product="abacus"} 6"#,
        "shop_basket_items_sum 6",
        "shop_checkout_errors_total 1",
        "shop_checkout_seconds_count 4",
        "shop_requests_in_flight 0",
        r#"shop_requests_total{method="POST",route="/checkout",status="201"} 3"#,
        r#"shop_requests_total{method="POST",route="/checkout",status="400"} 1"#,
    ] {
        assert!(page.lines().any(|other| other == line), "{line}\n{page}");
    }
    assert!(!page.contains("atlantis"), "{page}");
    Ok(())
}

#[test]
fn what_a_client_makes_up_never_becomes_a_label() -> Outcome {
    let shop = Server::shop(&[])?;
    assert!(shop.ask("GET /no/such/page")?.0.starts_with("HTTP/1.0 404"));
    assert!(shop.ask("BREW /products/1")?.0.starts_with("HTTP/1.0 405"));
    assert!(shop.ask("GET /products/none")?.0.starts_with("HTTP/1.0 400"));

    let page = shop.scrape()?;
    for line in [
        r#"shop_requests_total{method="GET",route="none",status="404"} 1"#,
        r#"shop_requests_total{method="OTHER",route="/products/{id}",status="405"} 1"#,
        r#"shop_requests_total{method="GET",route="/products/{id}",status="400"} 1"#,
    ] {
        assert!(page.lines().any(|other| other == line), "{line}\n{page}");
    }
    for word in ["such", "BREW", "/products/none"] {
        assert!(!page.contains(word), "{word}\n{page}");
    }
    Ok(())
}

#[test]
fn it_closes_on_ctrl_c_and_on_a_request_to_terminate() -> Outcome {
    for signal in ["-INT", "-TERM"] {
        let shop = Server::shop(&[])?;
        let (status, rest) = shop.end_with(signal)?;
        assert_eq!(status.code(), Some(0), "{signal}: {rest}");
        assert!(rest.ends_with("the shop is closed\n"), "{signal}: {rest}");
    }
    Ok(())
}

#[test]
fn a_client_that_never_finishes_does_not_keep_it_open() -> Outcome {
    let shop = Server::shop(&[])?;
    let mut endless = TcpStream::connect(&shop.address)?;
    endless.write_all(b"GET / HTTP/1.1\r\nHost: sh")?;
    shop.scrape()?;
    let (status, rest) = shop.end_with("-INT")?;
    assert_eq!(status.code(), Some(0), "{rest}");
    Ok(())
}
