//! The chapter on backends quotes this example, which it cannot compile.

use std::fs;
use std::path::Path;

#[test]
fn the_chapter_quotes_what_is_here() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(here.join(path)).unwrap();
    let chapter = read("../../pytheus-core/src/backend.rs");
    let code = [read("src/lib.rs"), read("src/schema.sql")].concat();
    let is_here = |line: &str| code.lines().any(|here| here.trim() == line);
    let (mut is_quote, mut quoted) = (false, 0);
    let (_, section) = chapter.split_once("//! ## A table in a database").unwrap();
    let (section, _) = section.split_once("//! ## ").unwrap();
    for line in section.lines().map(|line| line.trim_start_matches("//!").trim()) {
        if line.starts_with("```") {
            is_quote = matches!(line, "```sql" | "```rust,ignore");
        } else if is_quote && !line.is_empty() {
            assert!(is_here(line), "{line:?} is not in the example any more");
            quoted += 1;
        }
    }
    assert!(quoted > 20, "{quoted} lines were found");
}
