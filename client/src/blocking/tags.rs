//! Whatever concerns many entries at once: by tag, in no time; by the beginning of their keys, in
//! small steps.

use std::sync::Arc;

use redis::Cmd;

use super::cache::Cache;
use super::link::{Link, Nodes};
use crate::error::Result;
use crate::invalidated::Invalidated;
use crate::protocol::{command, reply};
use crate::stats::Event;

/// How many keys the server looks at in one step, and how many are deleted at once.
const STEP: usize = 500;

impl Cache {
    /// Invalidates all entries with any of these tags. From then on none of them is served, and no
    /// value that was computed before is stored under these tags. It costs the server the same for ten
    /// entries and ten million. Without a tag nothing is sent, and all counts are zero.
    ///
    /// # Errors
    ///
    /// If Redis fails. In a cluster every primary has to confirm:
    /// [`Error::Partial`](crate::Error::Partial) if one could not be reached, and its entries may still be
    /// served. Repeat it: that does no harm.
    pub fn invalidate<I>(&self, tags: I) -> Result<Invalidated>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.invalidate_reachable(tags)?.completed()
    }

    /// The same, but content with those primaries of a cluster that can be reached. How many that
    /// were is in the result.
    ///
    /// # Errors
    ///
    /// If Redis fails, or one of them refuses.
    pub fn invalidate_reachable<I>(&self, tags: I) -> Result<Invalidated>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.tell_all(&self.tags_of(tags), command::invalidate)
    }

    /// Makes all entries with any of these tags stale: they are served for their grace while they are
    /// recomputed. Entries without a grace are gone.
    ///
    /// # Errors
    ///
    /// As [`invalidate`](Self::invalidate).
    pub fn mark_stale<I>(&self, tags: I) -> Result<Invalidated>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.tell_all(&self.tags_of(tags), command::mark_stale)?
            .completed()
    }

    /// Deletes all keys that begin with `prefix`, and says how many. It looks at every key of the
    /// database, a few hundred at a time, so that the server goes on with other work meanwhile; give
    /// entries a tag where that is too slow.
    ///
    /// # Errors
    ///
    /// If Redis fails: some keys may be left.
    pub fn clear_prefix(&self, prefix: &str) -> Result<u64> {
        let glob = self.core.settings.namespace.glob(prefix);
        let deleted = match &self.core.link.servers {
            #[cfg(feature = "cluster")]
            Nodes::Cluster(cluster) => cluster.clear(&glob, STEP),
            Nodes::One(_) => clear(&self.core.link, &glob),
        };
        self.core.flights.close_all();
        deleted
    }

    fn tags_of<I>(&self, tags: I) -> Vec<String>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        tags.into_iter()
            .map(|tag| self.core.settings.namespace.tag(tag.as_ref()))
            .collect()
    }

    fn tell_all(&self, tags: &[String], command: impl Fn(&[String]) -> Cmd) -> Result<Invalidated> {
        if tags.is_empty() {
            return Ok(Invalidated::NOTHING);
        }
        let command = command(tags);
        self.core.flights.close_all();
        let told = match &self.core.link.servers {
            #[cfg(feature = "cluster")]
            // The primaries are not spoken to by way of the link, which counts its own errors.
            Nodes::Cluster(cluster) => cluster
                .tell(&command)
                .inspect_err(|_| self.core.metrics.record(Event::Error)),
            Nodes::One(_) => tell_one(&self.core.link, &command),
        };
        self.core.flights.close_all();
        let told = told?;
        self.core.metrics.record(Event::Invalidate);
        Ok(told)
    }
}

fn tell_one(link: &Arc<Link>, command: &Cmd) -> Result<Invalidated> {
    // It can be repeated: twice is as good as once.
    Invalidated::by_one(&link.read(command)?)
}

fn clear(link: &Arc<Link>, glob: &str) -> Result<u64> {
    let (mut cursor, mut deleted) = (0, 0);
    loop {
        let reply = link.read(&command::scan(cursor, glob, STEP))?;
        let (next, keys) = reply::scanned(reply)?;
        if !keys.is_empty() {
            deleted += reply::count(&link.write(&command::unlink(&keys))?, "UNLINK")?;
        }
        if next == 0 {
            return Ok(deleted);
        }
        cursor = next;
    }
}
