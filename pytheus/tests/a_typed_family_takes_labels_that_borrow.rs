//! A family declared with `Request<'static>` is looked up with a `Request` that borrows: the family
//! is covariant in its labels, and the derived implementation holds for every lifetime.

use pytheus::{Counter, LabelSet, LabelValue, Local, Registry, TypedFamily};

#[derive(Debug, Clone, Copy, LabelValue)]
#[label(rename_all = "UPPERCASE")]
enum Method {
    Get,
    Post,
}

#[derive(LabelSet)]
struct Request<'a> {
    method: Method,
    #[label(name = "route")]
    path: &'a str,
}

struct Server {
    registry: Registry,
    requests: TypedFamily<Counter, Request<'static>>,
}

impl Server {
    fn start() -> Self {
        let registry = Registry::new(Local::new());
        let requests = registry
            .counter("requests_total", "Requests answered")
            .labels_of::<Request<'_>>()
            .register()
            .unwrap();
        Self { registry, requests }
    }

    fn answer(&self, method: Method, path: &str) {
        self.requests.with(&Request { method, path }).inc();
    }

    fn answered(&self, method: &str, path: &str) -> Option<f64> {
        self.registry.value("requests_total", [("method", method), ("route", path)]).unwrap()
    }
}

#[test]
fn labels_may_live_for_the_call_only() {
    let server = Server::start();
    for n in 0..3 {
        let path = format!("/orders/{}", n % 2);
        server.answer(Method::Get, &path);
    }
    server.answer(Method::Post, "/orders/0");
    assert_eq!(server.answered("GET", "/orders/0"), Some(2.0));
    assert_eq!(server.answered("GET", "/orders/1"), Some(1.0));
    assert_eq!(server.answered("POST", "/orders/0"), Some(1.0));
    assert_eq!(server.answered("POST", "/orders/1"), None);
}
