use pytheus::LabelSet;

#[derive(LabelSet)]
struct Tuple(&'static str);

#[derive(LabelSet)]
enum Choice {
    One { label: &'static str },
}

#[derive(LabelSet)]
union Either {
    number: u8,
    letter: char,
}

fn main() {}
