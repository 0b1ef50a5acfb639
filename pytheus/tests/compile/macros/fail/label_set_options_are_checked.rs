use pytheus::LabelSet;

#[derive(LabelSet)]
#[label_set(rename_all = "snake_case")]
struct UnknownOption {
    method: &'static str,
}

#[derive(LabelSet)]
#[label_set(crate = "not a path")]
struct NotAPath {
    method: &'static str,
}

#[derive(LabelSet)]
#[label(crate = "pytheus")]
struct Misplaced {
    method: &'static str,
}

#[derive(LabelSet)]
struct UnknownFieldOptions {
    #[label(rename = "verb")]
    method: &'static str,
    #[label(name = verb)]
    no_text: &'static str,
    #[label(name)]
    no_value: &'static str,
    #[label]
    nothing: &'static str,
}

#[derive(LabelSet)]
struct Contradictions {
    #[label(name = "verb", name = "method")]
    twice: &'static str,
    #[label(skip, name = "verb")]
    skipped: &'static str,
}

fn main() {}
