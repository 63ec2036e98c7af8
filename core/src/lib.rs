//! larder-core: the pure heart of Larder. Work in progress; see `DESIGN.md`.
#![forbid(unsafe_code)]
