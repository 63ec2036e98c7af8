//! The sessions shown in the documents, typed into `redis-cli` and compared.
//!
//! A fenced block marked `redis-cli` holds lines to type after `redis> `, each followed by the
//! reply as `redis-cli --no-raw` prints it. `<any>` stands for any text within a line, a line
//! `...` for any number of lines, `<token>` for the last one that `CACHE.GETORLOCK` granted.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::Server;

/// A block of a document: where it starts, and the parts it is typed in.
struct Session {
    line: usize,
    parts: Vec<Part>,
}

/// What is typed without knowing what is printed, and what is to be printed.
#[derive(Default)]
struct Part {
    typed: Vec<String>,
    printed: Vec<String>,
}

impl Session {
    fn add(&mut self, line: &str) {
        if line.starts_with("redis> ") && line.contains("<token>") {
            self.parts.push(Part::default());
        }
        let Some(part) = self.parts.last_mut() else {
            return;
        };
        match line.strip_prefix("redis> ") {
            Some(typed) => part.typed.push(typed.into()),
            None => part
                .printed
                .push(line.trim_end().replace("<token>", "<any>")),
        }
    }

    /// Types all parts; where the document is wrong, gives what it shows and what is real.
    fn check(&self, server: &Server) -> Result<(), String> {
        let mut token = String::new();
        for Part { typed, printed } in &self.parts {
            let typed: Vec<_> = typed
                .iter()
                .map(|line| line.replace("<token>", &token))
                .collect();
            let output = type_in(server, &typed);
            let lines: Vec<_> = output.lines().map(str::trim_end).collect();
            if !fits(printed, &lines) {
                return Err(format!(
                    "--- shown\n{}\n--- real\n{output}",
                    printed.join("\n")
                ));
            }
            if let Some(granted) = lines
                .iter()
                .filter_map(|l| l.strip_prefix("3) (integer) "))
                .next_back()
            {
                token = granted.into();
            }
        }
        Ok(())
    }
}

fn sessions(document: &str, mark: &str) -> Vec<Session> {
    let mut sessions: Vec<Session> = vec![];
    let mut inside = false;
    for (i, line) in document.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            inside = !inside && line.trim().strip_prefix("```") == Some(mark);
            if inside {
                sessions.push(Session {
                    line: i + 1,
                    parts: vec![Part::default()],
                });
            }
        } else if let Some(session) = sessions.last_mut().filter(|_| inside) {
            session.add(line);
        }
    }
    sessions
}

/// Whether `text` fits a line in which `<any>` stands for any text.
fn line_fits(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once("<any>") else {
        return pattern == text;
    };
    text.strip_prefix(before).is_some_and(|rest| {
        (0..=rest.len()).any(|i| rest.get(i..).is_some_and(|r| line_fits(after, r)))
    })
}

/// Whether the lines fit a pattern in which `...` stands for any number of lines.
fn fits(pattern: &[String], lines: &[&str]) -> bool {
    match (pattern.split_first(), lines.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if first == "..." => {
            (0..=lines.len()).any(|i| fits(rest, &lines[i..]))
        }
        (Some((first, rest)), Some((line, more))) => line_fits(first, line) && fits(rest, more),
        _ => false,
    }
}

/// Types the lines into `redis-cli` and gives what it prints.
fn type_in(server: &Server, typed: &[String]) -> String {
    let mut cli = Command::new("redis-cli")
        .args(["--no-raw", "-s"])
        .arg(server.socket())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("redis-cli is installed");
    let mut input = cli.stdin.take().expect("an input");
    writeln!(input, "{}", typed.join("\n")).expect("redis-cli reads");
    drop(input);
    let output = cli.wait_with_output().expect("redis-cli ends");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn check_document(path: &str) {
    check_marked(path, "redis-cli");
}

/// Checks the blocks with this mark.
pub(crate) fn check_marked(path: &str, mark: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let document =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let sessions = sessions(&document, mark);
    assert!(!sessions.is_empty(), "{} shows no session", path.display());
    let mut wrong = vec![];
    for session in sessions {
        if let Err(difference) = session.check(&Server::start()) {
            wrong.push(format!("{}:{}\n{difference}", path.display(), session.line));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} sessions differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn the_readme_shows_what_happens() {
    check_document("README.md");
}

#[test]
fn the_reference_shows_what_happens() {
    check_document("docs/commands.md");
}

#[test]
fn a_pattern_fits_only_what_it_says() {
    assert!(line_fits("a<any>c<any>", "abcd") && line_fits("<any>", ""));
    assert!(!line_fits("a<any>c", "abcd") && !line_fits("a", "ab"));
    let pattern = ["1".to_owned(), "...".to_owned(), "2".to_owned()];
    assert!(fits(&pattern, &["1", "2"]) && fits(&pattern, &["1", "x", "2", "2"]));
    assert!(!fits(&pattern, &["1", "x"]) && !fits(&pattern, &["1", "2", "3"]));
}
