use pytheus::LabelValue;

#[derive(LabelValue)]
#[label(rename_all = "camelCase")]
enum UnknownSpelling {
    Get,
}

#[derive(LabelValue)]
#[label(name = "get")]
enum UnknownOption {
    Get,
}

#[derive(LabelValue)]
enum UnknownVariantOption {
    #[label(skip)]
    Get,
}

#[derive(LabelValue)]
enum Twice {
    Get,
    #[label(name = "get")]
    Fetch,
    #[label(name = "put")]
    Store,
    Put,
}

fn main() {}
