//! A stale value is served while one caller refreshes it.

use redis::Value;

use super::{Stage, command, store};
use crate::failure::Failure;
use crate::quantity::duration;

pub(super) fn play(stage: &Stage<'_>) -> Result<(), Failure> {
    let screen = stage.screen;
    screen.scene("Serving stale while refreshing");
    screen.prose(
        "Where an old answer is better than none, a tag is marked stale instead: its entries are \
         served for their grace, while the first caller to notice computes a new value.",
    );
    let (mut a, mut b) = (stage.caller("A")?, stage.caller("B")?);
    let hero = stage.catalogue.hero()?;
    let ask = command(&format!("CACHE.GETORLOCK {} LEASE 30000", hero.key()));
    a.types(&command(&format!("CACHE.MARKSTALE {}", hero.section())))?;
    let first = a.asks(&ask)?;
    let second = b.asks(&ask)?;
    screen.check(
        first.status == "stale" && first.value.is_some() && first.token.is_some(),
        "A has the old value and the token: it serves the one and computes",
    )?;
    screen.check(
        second.status == "stale" && second.value == first.value && second.token.is_none(),
        "B has the old value at once, and nothing else to do",
    )?;
    screen.gap();

    let started = std::time::Instant::now();
    let text = stage.catalogue.look_up(&hero.name)?;
    screen.fact(format!(
        "A runs {} ({})",
        stage.catalogue.source.look_up_shown(&hero.name),
        duration(started.elapsed())
    ));
    let filled = a.types(&store(hero, &text, Some(first.token()?)))?;
    let third = b.asks(&ask)?;
    screen.check(
        filled == Value::Okay && third.status == "fresh" && third.value == Some(text),
        "B has the new value as soon as it is there",
    )
}
