//! The pages outside the crate say the same as those that are compiled.

/// Blocks of Rust, without what is hidden and without indentation.
fn lines(page: &str) -> Vec<String> {
    let visible = page
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("# ") && *line != "#");
    visible.map(str::to_owned).collect()
}

#[test]
fn the_readme_shows_the_first_example_of_the_crate() {
    let start = lines(include_str!("../../src/guide/start.md")).join("\n");
    let readme = include_str!("../../../README.md");
    let shown = readme
        .split("```rust\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let shown = lines(shown).join("\n");
    assert!(
        start.contains(shown.trim()),
        "not in the crate's first example:\n{shown}"
    );
}
