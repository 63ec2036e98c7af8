//! What holds of an index, whatever happens: it agrees with a naive model that knows every entry by
//! heart, and its books are right.

#[path = "../allocations.rs"]
mod allocations;
mod blocks;
mod compare;
mod events;
pub(crate) mod op;
pub(crate) mod world;

use op::Op;
use world::World;

/// Applies operations to an empty world, with a full comparison after every `stride` of them, for
/// that takes longer than an operation.
pub(crate) fn run(ops: impl IntoIterator<Item = Op>, stride: usize) {
    let mut world = World::new();
    for (n, op) in ops.into_iter().enumerate() {
        world.apply(op);
        if n % stride == stride - 1 {
            world.check();
        }
    }
    world.check();
    world.end();
}

/// The operations that bytes stand for, whatever they are.
pub(crate) fn ops(bytes: &[u8]) -> impl Iterator<Item = Op> {
    let (ops, _) = bytes.as_chunks();
    ops.iter().copied().map(Op::of)
}
