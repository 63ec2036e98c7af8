//! A disk that is full when a test wants it to be.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::server::fresh_dir;
use super::skip::say_skipped;

/// A small file system in memory; it goes away with the value. The server that uses it must be
/// dropped first.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one of 8 MiB. Where that is not allowed, says on the terminal that `test` is skipped.
    pub fn mount(test: &str) -> Option<Self> {
        let dir = fresh_dir();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=8m", "larder-test"]);
        let mounted = mount.arg(&dir).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(dir));
        }
        fs::remove_dir(&dir).ok();
        say_skipped(test, "only root may mount a small disk");
        None
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Takes all space but so many bytes.
    pub fn fill(&self, leave: u64) {
        let mut ballast = File::create(self.ballast()).expect("a file");
        while ballast.write_all(&[0; 4096]).is_ok() {}
        let size = ballast.metadata().expect("its size").len();
        ballast
            .set_len(size.saturating_sub(leave))
            .expect("a smaller file");
    }

    /// Gives the space back.
    pub fn clear(&self) {
        fs::remove_file(self.ballast()).expect("a full disk");
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
        fs::remove_dir(&self.0).ok();
    }
}
