//! How things are printed: plain lines of at most [`WIDTH`] columns, coloured where that is wanted.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use redis::{Cmd, Value};

use crate::failure::Failure;
use crate::{quantity, transcript};

/// Columns.
const WIDTH: usize = 84;

/// Commands longer than this many lines are cut.
const COMMAND_LINES: usize = 3;

/// Columns of the longest bar.
const LONGEST_BAR: usize = 28;

/// Where the demo is shown, and how many promises were checked on it.
pub(crate) struct Screen {
    out: RefCell<Box<dyn Write>>,
    colour: bool,
    /// Whether the last line was empty.
    spaced: Cell<bool>,
    kept: Cell<usize>,
}

#[derive(Clone, Copy)]
enum Style {
    Bold = 1,
    Dim = 2,
    Red = 31,
    Green = 32,
    Cyan = 36,
}

impl Screen {
    /// Standard output, coloured if it is a terminal and `NO_COLOR` is not set.
    pub(crate) fn new() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = io::stdout().is_terminal() && !unwanted;
        Self::on(Box::new(io::stdout()), colour)
    }

    fn on(out: Box<dyn Write>, colour: bool) -> Self {
        Self {
            out: RefCell::new(out),
            colour,
            spaced: Cell::new(false),
            kept: Cell::new(0),
        }
    }

    /// The name of the whole.
    pub(crate) fn title(&self, title: &str) {
        self.gap();
        self.line(&format!("  {}", self.paint(Style::Bold, title)));
        self.gap();
    }

    /// Begins a scene.
    pub(crate) fn scene(&self, title: &str) {
        let rule = "─".repeat(WIDTH.saturating_sub(title.chars().count() + 3));
        self.gap();
        self.line(&format!(
            "  {} {}",
            self.paint(Style::Bold, title),
            self.paint(Style::Dim, &rule)
        ));
        self.gap();
    }

    /// A sentence or two that say what is about to happen.
    pub(crate) fn prose(&self, text: &str) {
        for line in wrapped(text.split(' '), WIDTH - 2) {
            self.line(&format!("  {line}"));
        }
        self.gap();
    }

    /// A command as it is typed. The prompt says by whom.
    pub(crate) fn command(&self, prompt: &str, command: &Cmd) {
        let words = transcript::words(command);
        let mut lines = wrapped(words.iter().map(String::as_str), WIDTH - prompt.len() - 5);
        if lines.len() > COMMAND_LINES {
            lines.truncate(COMMAND_LINES);
            lines[COMMAND_LINES - 1].push_str(" …");
        }
        let lines = lines.iter().map(|line| self.paint(Style::Cyan, line));
        self.hanging(&format!("{prompt}>"), Style::Dim, lines);
    }

    /// The reply, and how long it took.
    pub(crate) fn reply(&self, reply: &Value, took: Duration) {
        let text = transcript::reply(reply);
        let took = quantity::duration(took);
        let width = WIDTH - 4;
        let mut lines = wrapped(text.split(' '), width);
        let used = lines.last().map_or(0, |line| line.chars().count()) + took.chars().count();
        if used >= width {
            lines.push(String::new());
        }
        if let Some(last) = lines.last_mut() {
            let room = width - last.chars().count() - took.chars().count();
            *last = format!(
                "{last}{}{}",
                " ".repeat(room),
                self.paint(Style::Dim, &took)
            );
        }
        self.hanging(" ", Style::Dim, lines.into_iter());
    }

    /// Something that was measured.
    pub(crate) fn fact(&self, text: impl Display) {
        self.hanging(
            " ",
            Style::Dim,
            wrapped(text.to_string().split(' '), WIDTH - 4).into_iter(),
        );
    }

    /// A name, and a bar for a number that is at most `largest`.
    pub(crate) fn bar(&self, name: &str, number: usize, largest: usize) {
        let length = (number * LONGEST_BAR / largest.max(1)).max(1);
        let bar = self.paint(Style::Cyan, &"█".repeat(length));
        let name: String = name.chars().take(40).collect();
        self.line(&format!("    {name:<40} {bar} {}", quantity::count(number)));
    }

    /// Two texts side by side.
    pub(crate) fn columns(&self, left: &str, right: &str) {
        self.line(format!("    {left:<41}{right}").trim_end());
    }

    /// An empty line, unless the last one was empty.
    pub(crate) fn gap(&self) {
        if !self.spaced.get() {
            self.line("");
        }
    }

    /// Holds the demo to what it says.
    ///
    /// # Errors
    /// If the promise was not kept.
    pub(crate) fn check(&self, kept: bool, promise: impl Display) -> Result<(), Failure> {
        let (mark, style) = if kept {
            ("✓", Style::Green)
        } else {
            ("✗", Style::Red)
        };
        let lines = wrapped(promise.to_string().split(' '), WIDTH - 4);
        self.hanging(mark, style, lines.into_iter());
        self.kept.set(self.kept.get() + usize::from(kept));
        if kept {
            Ok(())
        } else {
            Err(Failure::BrokenPromise)
        }
    }

    /// How many promises were checked and kept.
    pub(crate) fn kept(&self) -> usize {
        self.kept.get()
    }

    /// Why the demo ends early.
    pub(crate) fn failure(&self, failure: &Failure) {
        self.line("");
        self.line(&format!(
            "  {} {failure}",
            self.paint(Style::Red, "The demo ends here:")
        ));
    }

    /// A progress bar, which shows itself only on a terminal. It must be cleared before the next line.
    pub(crate) fn progress(&self, length: usize) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(Some(length as u64), ProgressDrawTarget::stdout());
        let template = if self.colour {
            "    {bar:48.cyan/dim} {human_pos} of {human_len}"
        } else {
            PLAIN_BAR
        };
        match ProgressStyle::with_template(template) {
            Ok(style) => bar.with_style(style.progress_chars("━━─")),
            Err(_) => bar,
        }
    }

    /// Lines behind a mark, which only the first one shows.
    fn hanging(&self, mark: &str, style: Style, lines: impl Iterator<Item = String>) {
        let blank = " ".repeat(mark.chars().count());
        for (index, line) in lines.enumerate() {
            let start = if index == 0 {
                self.paint(style, mark)
            } else {
                blank.clone()
            };
            self.line(&format!("  {start} {line}"));
        }
    }

    fn paint(&self, style: Style, text: &str) -> String {
        if self.colour && !text.trim().is_empty() {
            format!("\x1b[{}m{text}\x1b[0m", style as u8)
        } else {
            text.to_owned()
        }
    }

    /// Nobody may be left to read it (`| head`); that is no reason to stop.
    fn line(&self, text: &str) {
        let _ = writeln!(self.out.borrow_mut(), "{text}");
        self.spaced.set(text.is_empty());
    }
}

const PLAIN_BAR: &str = "    {bar:48} {human_pos} of {human_len}";

/// Fills lines of at most `width` columns with words; a longer word gets a line of its own.
fn wrapped<'a>(words: impl Iterator<Item = &'a str>, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_filled_but_not_overfilled() {
        assert_eq!(
            wrapped("one two three four".split(' '), 9),
            ["one two", "three", "four"]
        );
        assert_eq!(
            wrapped("a incomprehensibilities b".split(' '), 8),
            ["a", "incomprehensibilities", "b"]
        );
    }

    #[test]
    fn a_broken_promise_ends_the_demo() {
        let screen = Screen::on(Box::new(io::sink()), false);
        assert!(screen.check(true, "kept").is_ok());
        assert!(screen.check(false, "broken").is_err());
        assert_eq!(screen.kept(), 1);
    }
}
