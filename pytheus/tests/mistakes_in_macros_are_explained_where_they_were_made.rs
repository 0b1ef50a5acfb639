//! What the compiler says about a wrong derive or attribute, and what it takes in silence. After a
//! change of wording, or of the compiler, `TRYBUILD=overwrite` writes the expected output anew.

#[test]
fn mistakes_in_macros_are_explained_where_they_were_made() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/compile/macros/pass/*.rs");
    cases.compile_fail("tests/compile/macros/fail/*.rs");
}
