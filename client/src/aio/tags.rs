//! Whatever concerns many entries at once: by tag, in no time; by the beginning of their keys, in
//! small steps.

use std::sync::Arc;

use redis::Cmd;

use super::cache::Cache;
use super::link::Link;
use crate::error::Result;
use crate::invalidated::Invalidated;
use crate::protocol::{command, reply};
#[cfg(feature = "cluster")]
use crate::servers::Servers;
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
    pub async fn invalidate<I>(&self, tags: I) -> Result<Invalidated>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.invalidate_reachable(tags).await?.completed()
    }

    /// The same, but content with those primaries of a cluster that can be reached. How many that
    /// were is in the result.
    ///
    /// # Errors
    ///
    /// If Redis fails, or one of them refuses.
    pub async fn invalidate_reachable<I>(&self, tags: I) -> Result<Invalidated>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let tags = self.tags_of(tags);
        self.tell_all(&tags, command::invalidate).await
    }

    /// Makes all entries with any of these tags stale: they are served for their grace while they are
    /// recomputed. Entries without a grace are gone.
    ///
    /// # Errors
    ///
    /// As [`invalidate`](Self::invalidate).
    pub async fn mark_stale<I>(&self, tags: I) -> Result<Invalidated>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let tags = self.tags_of(tags);
        self.tell_all(&tags, command::mark_stale).await?.completed()
    }

    /// Deletes all keys that begin with `prefix`, and says how many. It looks at every key of the
    /// database, a few hundred at a time, so that the server goes on with other work meanwhile; give
    /// entries a tag where that is too slow.
    ///
    /// # Errors
    ///
    /// If Redis fails: some keys may be left.
    pub async fn clear_prefix(&self, prefix: &str) -> Result<u64> {
        let glob = self.core.settings.namespace.glob(prefix);
        let deleted = match &self.core.link.servers {
            #[cfg(feature = "cluster")]
            Servers::Cluster(_) => {
                self.core
                    .primaries
                    .clear(&self.core.link, &glob, STEP)
                    .await
            }
            _ => clear(&self.core.link, &glob).await,
        };
        self.core.changed_all();
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

    async fn tell_all(
        &self,
        tags: &[String],
        command: impl Fn(&[String]) -> Cmd,
    ) -> Result<Invalidated> {
        if tags.is_empty() {
            return Ok(Invalidated::NOTHING);
        }
        let command = command(tags);
        self.core.flights.close_all();
        let told = match &self.core.link.servers {
            #[cfg(feature = "cluster")]
            Servers::Cluster(_) => {
                let told = self.core.primaries.tell(&command).await;
                // The primaries are not spoken to by way of the link, which counts its own errors.
                told.inspect_err(|_| self.core.metrics.record(Event::Error))
            }
            _ => tell_one(&self.core.link, &command).await,
        };
        self.core.changed_tags(tags);
        let told = told?;
        self.core.metrics.record(Event::Invalidate);
        Ok(told)
    }
}

async fn tell_one(link: &Arc<Link>, command: &Cmd) -> Result<Invalidated> {
    // It can be repeated: twice is as good as once.
    Invalidated::by_one(&link.read(command).await?)
}

async fn clear(link: &Arc<Link>, glob: &str) -> Result<u64> {
    let (mut cursor, mut deleted) = (0, 0);
    loop {
        let reply = link.read(&command::scan(cursor, glob, STEP)).await?;
        let (next, keys) = reply::scanned(reply)?;
        if !keys.is_empty() {
            deleted += reply::count(&link.write(&command::unlink(&keys)).await?, "UNLINK")?;
        }
        if next == 0 {
            return Ok(deleted);
        }
        cursor = next;
    }
}
