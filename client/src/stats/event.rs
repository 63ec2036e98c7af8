//! What is counted.

/// Something that happened in a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A read was answered by the cache with a fresh value.
    Hit,
    /// A read was answered by the cache with a value within its grace.
    StaleHit,
    /// A read was answered by the near cache.
    NearHit,
    /// A read found nothing.
    Miss,
    /// A read was answered by somebody else's computation.
    Shared,
    /// A read was answered from the source, because the cache could not help.
    Bypassed,
    /// A computation succeeded.
    Computed,
    /// A computation failed.
    ComputeFailed,
    /// Redis failed or did not answer in time.
    Error,
    /// The server did not take a computed value: its lease was lost, or the key was invalidated.
    FillRefused,
    /// What was stored was no value of the type that was asked for.
    Undecodable,
    /// A value was stored.
    Set,
    /// A key was deleted.
    Delete,
    /// Tags were invalidated or marked stale.
    Invalidate,
}

impl Event {
    /// In the order of their declaration.
    pub(crate) const ALL: [Self; 14] = [
        Self::Hit,
        Self::StaleHit,
        Self::NearHit,
        Self::Miss,
        Self::Shared,
        Self::Bypassed,
        Self::Computed,
        Self::ComputeFailed,
        Self::Error,
        Self::FillRefused,
        Self::Undecodable,
        Self::Set,
        Self::Delete,
        Self::Invalidate,
    ];
}
