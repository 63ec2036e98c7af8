//! Larder and its rivals, measured on the same machine in the same run.

fn main() {}
