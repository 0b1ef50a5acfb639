use pytheus::{Counter, Histogram, LabelSet, TypedFamily};
use std::sync::LazyLock;

#[derive(LabelSet)]
struct Request<'a> {
    path: &'a str,
}

static REQUESTS: LazyLock<TypedFamily<Counter, Request<'static>>> =
    LazyLock::new(|| unreachable!("this only has to compile"));

fn shorter<'f, 'a>(
    family: &'f TypedFamily<Histogram, Request<'static>>,
    _: &'a str,
) -> &'f TypedFamily<Histogram, Request<'a>> {
    family
}

fn look_up(family: &TypedFamily<Histogram, Request<'static>>) -> (Histogram, Counter) {
    let path = String::from("/cart");
    let request = Request { path: &path };
    (shorter(family, &path).with(&request), REQUESTS.with(&request))
}

fn main() {
    let _ = look_up;
}
