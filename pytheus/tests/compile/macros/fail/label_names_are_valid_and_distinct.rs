use pytheus::LabelSet;

#[derive(LabelSet)]
struct Invalid {
    #[label(name = "1a")]
    digit: u8,
    #[label(name = "content-type")]
    hyphen: u8,
    #[label(name = "")]
    empty: u8,
    größe: u8,
    __reserved: u8,
}

#[derive(LabelSet)]
struct Twice {
    method: &'static str,
    #[label(name = "method")]
    verb: &'static str,
    r#type: &'static str,
    #[label(name = "type")]
    kind: &'static str,
}

fn main() {}
