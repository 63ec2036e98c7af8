//! The sessions of the page about access, on servers with and without categories.

use crate::access_servers::has_categories;
use crate::common::Server;
use crate::docs::check_marked;

const PAGE: &str = "docs/access.md";

#[test]
fn the_page_about_access_shows_what_happens() {
    check_marked(PAGE, "redis-cli");
}

#[test]
fn the_page_about_access_shows_what_categories_do() {
    if has_categories(&Server::start()) {
        check_marked(PAGE, "redis-cli-7.2");
    } else {
        eprintln!("skipped: this server puts no module's commands into categories");
    }
}
