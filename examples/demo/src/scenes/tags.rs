//! What the server knows about tags.

use std::collections::HashMap;
use std::time::Instant;

use redis::{Connection, Value};

use super::{Stage, command};
use crate::caller::read;
use crate::failure::Failure;
use crate::quantity::{count, duration};

pub(super) fn play(stage: &Stage<'_>) -> Result<(), Failure> {
    let screen = stage.screen;
    screen.scene("Tags");
    let expected = stage.catalogue.tag_counts();
    let mut caller = stage.caller("")?;
    let section = stage.catalogue.hero()?.section().map_or("", String::as_str);
    caller.types(&command(&format!("CACHE.TAGINFO {section}")))?;
    caller.types(&command(&format!("CACHE.TAGSCAN {section} 0 COUNT 3")))?;
    screen.gap();

    let started = Instant::now();
    let (listed, replies) = list_all(caller.connection())?;
    let took = duration(started.elapsed());
    screen.fact(format!(
        "CACHE.TAGLIST lists all {} tags in {replies} replies and {took}.",
        count(listed.len())
    ));
    screen.check(
        listed.len() == expected.len()
            && expected
                .iter()
                .all(|(tag, &n)| listed.get(*tag) == Some(&n)),
        "for every tag the server counts as many entries as the catalogue has packages",
    )?;
    screen.gap();
    show_largest(stage, caller.connection(), expected)
}

/// Every tag with its entries, and how many replies that took.
fn list_all(connection: &mut Connection) -> Result<(HashMap<String, usize>, usize), Failure> {
    let mut tags = HashMap::new();
    let (mut cursor, mut replies) = (String::from("0"), 0);
    loop {
        let reply = command(&format!("CACHE.TAGLIST {cursor} COUNT 1000")).query(connection)?;
        let (next, page): (String, Vec<Value>) = read(reply)?;
        for pair in page.chunks_exact(2) {
            tags.insert(read(pair[0].clone())?, read(pair[1].clone())?);
        }
        replies += 1;
        if next == "0" {
            return Ok((tags, replies));
        }
        cursor = next;
    }
}

fn show_largest(
    stage: &Stage<'_>,
    connection: &mut Connection,
    expected: HashMap<&str, usize>,
) -> Result<(), Failure> {
    let mut largest: Vec<(&str, usize)> = expected.into_iter().collect();
    largest.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    stage.screen.fact("CACHE.TAGINFO of the largest:");
    for (tag, _) in largest.iter().take(6) {
        let info: HashMap<String, usize> =
            redis::cmd("CACHE.TAGINFO").arg(tag).query(connection)?;
        let entries = info.get("entries").copied().unwrap_or_default();
        stage.screen.row(tag, entries, largest[0].1);
    }
    Ok(())
}
