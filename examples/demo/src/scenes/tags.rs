//! What the server knows about tags.

use std::collections::HashMap;
use std::time::Instant;

use redis::Connection;

use super::{Stage, command};
use crate::failure::Failure;
use crate::quantity::{count, duration};

pub(super) fn play(stage: &Stage<'_>) -> Result<(), Failure> {
    let screen = stage.screen;
    screen.scene("Tags");
    let expected = stage.catalogue.tag_counts();
    let mut caller = stage.caller("")?;
    let section = stage.catalogue.hero()?.section();
    caller.types(&command(&format!("CACHE.TAGINFO {section}")))?;
    caller.types(&command(&format!("CACHE.TAGSCAN {section} 0 COUNT 3")))?;
    screen.gap();

    let started = Instant::now();
    let listed = list_all(caller.connection())?;
    let took = duration(started.elapsed());
    screen.fact(format!(
        "CACHE.TAGLIST lists all {} tags, 1,000 at a time, in {took}.",
        count(listed.len())
    ));
    let equal = expected
        .iter()
        .all(|(tag, &entries)| listed.get(*tag) == Some(&entries));
    screen.check(
        equal && listed.len() == expected.len(),
        "for every tag the server counts as many entries as the catalogue has packages",
    )?;
    screen.gap();
    show_largest(stage, caller.connection(), expected)
}

/// Every tag with its entries.
fn list_all(connection: &mut Connection) -> Result<HashMap<String, usize>, Failure> {
    let mut tags = HashMap::new();
    let mut cursor = String::from("0");
    loop {
        let reply = command(&format!("CACHE.TAGLIST {cursor} COUNT 1000")).query(connection)?;
        let (next, page): (String, HashMap<String, usize>) = reply;
        tags.extend(page);
        if next == "0" {
            return Ok(tags);
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
        stage.screen.bar(tag, entries, largest[0].1);
    }
    Ok(())
}
