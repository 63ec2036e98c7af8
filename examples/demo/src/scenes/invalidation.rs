//! A tag is invalidated.

use redis::Value;

use super::{Stage, command, int, wait_until_reclaimed};
use crate::failure::Failure;
use crate::quantity::count;

pub(super) fn play(stage: &Stage<'_>) -> Result<(), Failure> {
    let screen = stage.screen;
    screen.scene("Invalidating a tag");
    screen.prose(
        "The section's packages are about to change. One number is written, and everything stored \
         under the tag before is gone for every reader.",
    );
    let mut caller = stage.caller("")?;
    let hero = stage.catalogue.hero()?;
    let section = hero.section();
    let dead = caller.types(&command(&format!("CACHE.INVALIDATE {section}")))?;
    let gone = caller.types(&command(&format!("CACHE.GET {}", hero.key())))?;
    let carriers = stage
        .catalogue
        .records
        .iter()
        .filter(|record| record.has(section))
        .count();
    let counted = format!("all {} entries of {section} were counted", count(carriers));
    screen.check(dead == int(carriers), counted)?;
    screen.check(
        gone == Value::Nil,
        "what was stored under the tag is not read again",
    )?;
    wait_until_reclaimed(caller.connection())
}
