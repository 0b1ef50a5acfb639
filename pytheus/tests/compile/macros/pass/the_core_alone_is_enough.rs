//! Those who depend on `pytheus-core` without the facade name it in the derives; the attributes
//! name no crate.

use pytheus_core::{Counter, Histogram, LabelSet, TypedFamily, UpDownCounter};
use pytheus_macros::{LabelSet, LabelValue, counted_errors, in_flight, timed};

#[derive(LabelValue)]
#[label(crate = "pytheus_core")]
enum Method {
    Get,
}

#[derive(LabelSet)]
#[label_set(crate = "::pytheus_core")]
struct Request<'a, T> {
    method: Method,
    path: &'a str,
    user: T,
}

struct Shop {
    latency: Histogram,
    busy: UpDownCounter,
    errors: TypedFamily<Counter, Request<'static, u64>>,
}

impl Shop {
    #[timed(self.latency)]
    #[in_flight(self.busy)]
    #[counted_errors(self.errors.with(&Request { method: Method::Get, path, user }))]
    async fn answer(&self, path: &str, user: u64) -> Result<(), ()> {
        if path.is_empty() { Err(()) } else { Ok(()) }
    }
}

fn main() {
    let request = Request { method: Method::Get, path: "/", user: 7 };
    request.values(|values| assert_eq!(values, ["get", "/", "7"]));
    let _ = |shop: Shop| drop(shop.answer("/", 7));
}
