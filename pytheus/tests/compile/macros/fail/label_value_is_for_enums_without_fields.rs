use pytheus::LabelValue;

#[derive(LabelValue)]
struct Path(String);

#[derive(LabelValue)]
enum Outcome {
    Ok,
    Failed(u16),
    Redirected { to: String },
}

fn main() {}
