//! A value that was invalidated while it was being computed is refused.

use redis::Value;

use super::{Stage, command, store};
use crate::failure::Failure;

pub(super) fn play(stage: &Stage<'_>) -> Result<(), Failure> {
    let screen = stage.screen;
    screen.scene("Refusing a value that came too late");
    screen.prose(
        "A reads the source, then the data changes, then A stores what it read. From outside this \
         race cannot be seen, and the old value would stay. The server sees it: the token is older \
         than the tag's invalidation.",
    );
    let (mut a, mut b) = (stage.caller("A")?, stage.caller("B")?);
    let hero = stage.catalogue.hero()?;
    let ask = command(&format!("CACHE.GETORLOCK {} LEASE 30000", hero.key()));
    a.types(&command(&format!("DEL {}", hero.key())))?;
    let first = a.asks(&ask)?;
    let outdated = stage.catalogue.look_up(&hero.name)?;
    b.types(&command(&format!("CACHE.INVALIDATE {}", hero.section())))?;
    let refused = a.types(&store(hero, &outdated, Some(first.token()?)))?;
    let value = b.types(&command(&format!("CACHE.GET {}", hero.key())))?;
    screen.check(
        refused == Value::Nil && value == Value::Nil,
        "A's value was refused, and nothing is stored",
    )?;
    screen.gap();

    let next = b.asks(&ask)?;
    screen.check(
        next.status == "miss" && next.token > first.token,
        "B is the next to compute, with a larger token",
    )?;
    let given_up = b.types(&command(&format!(
        "CACHE.UNLOCK {} {}",
        hero.key(),
        next.token()?
    )))?;
    screen.check(
        given_up == Value::Int(1),
        "B gives its lease up again, and leaves nothing behind",
    )
}
