use pytheus::LabelSet;
use std::time::Duration;

#[derive(LabelSet)]
struct Request {
    method: &'static str,
    took: Duration,
}

#[derive(LabelSet)]
struct Of<T> {
    value: T,
}

fn values(labels: &impl LabelSet) {
    labels.values(|_| ());
}

fn main() {
    values(&Of { value: Duration::ZERO });
}
