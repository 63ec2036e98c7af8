//! What the compiler says about uses of `#[cached]`, right ones and wrong ones.
//!
//! Only messages of the attribute itself are compared: those of the compiler change from one version
//! to the next.
#![cfg(all(feature = "macros", feature = "tokio"))]

#[test]
fn messages_are_to_the_point() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
