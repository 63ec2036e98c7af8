//! The inputs that the fuzzers start from, what they found before among them.

use std::path::Path;

/// Hands every seed of a fuzz target to `check`. The name of the file is printed, for it to be seen
/// if that fails.
pub(crate) fn each(target: &str, check: impl Fn(&[u8])) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("../fuzz/seeds").join(target);
    let files = std::fs::read_dir(&folder).expect("the seeds are part of the repository");
    let mut seen = 0;
    for file in files {
        let path = file.expect("readable").path();
        println!("{}", path.display());
        check(&std::fs::read(&path).expect("readable"));
        seen += 1;
    }
    assert!(seen > 0, "no seeds in {}", folder.display());
}
