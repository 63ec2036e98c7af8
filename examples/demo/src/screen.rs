//! How things are printed: plain lines of at most [`WIDTH`] columns, coloured where that is wanted.

use std::cell::Cell;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use redis::{Cmd, Value};

use crate::failure::Failure;
use crate::{quantity, transcript};

/// Columns.
const WIDTH: usize = 84;

/// Standard output, and how many promises were checked on it.
pub(crate) struct Screen {
    colour: bool,
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
    /// Colours only a terminal, and none if `NO_COLOR` is set.
    pub(crate) fn new() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            colour: io::stdout().is_terminal() && !unwanted,
            kept: Cell::new(0),
        }
    }

    /// The name of the whole.
    pub(crate) fn title(&self, title: &str) {
        self.line("");
        self.line(&format!("  {}", self.paint(Style::Bold, title)));
    }

    /// Begins a scene.
    pub(crate) fn scene(&self, title: &str) {
        let rule = "─".repeat(WIDTH.saturating_sub(title.chars().count() + 6));
        self.line("");
        self.line(&format!(
            "  {} {}",
            self.paint(Style::Bold, title),
            self.paint(Style::Dim, &format!("──{rule}"))
        ));
        self.line("");
    }

    /// A sentence or two that say what is about to happen.
    pub(crate) fn prose(&self, text: &str) {
        for line in wrapped(text.split(' '), WIDTH - 2) {
            self.line(&format!("  {line}"));
        }
        self.line("");
    }

    /// A command as it is typed; `note` says who types it, or how often.
    pub(crate) fn command(&self, prompt: &str, command: &Cmd) {
        let words = transcript::words(command);
        let indent = prompt.len() + 3;
        for (index, line) in wrapped(words.iter().map(String::as_str), WIDTH - indent)
            .iter()
            .enumerate()
        {
            let start = if index == 0 {
                format!("{prompt}>")
            } else {
                " ".repeat(prompt.len() + 1)
            };
            self.line(&format!(
                "  {} {}",
                self.paint(Style::Dim, &start),
                self.paint(Style::Cyan, line)
            ));
        }
    }

    /// The reply, and how long it took.
    pub(crate) fn reply(&self, reply: &Value, took: Duration) {
        let text = transcript::reply(reply);
        let took = quantity::duration(took);
        let mut lines = wrapped(text.split(' '), WIDTH - 4);
        let last = lines.pop().unwrap_or_default();
        for line in lines {
            self.line(&format!("    {line}"));
        }
        let room = (WIDTH - 4).saturating_sub(last.chars().count() + took.chars().count());
        if room > 0 {
            self.line(&format!(
                "    {last}{}{}",
                " ".repeat(room),
                self.paint(Style::Dim, &took)
            ));
        } else {
            self.line(&format!("    {last}"));
            self.line(&format!("{:>WIDTH$}", took));
        }
    }

    /// Something that was measured.
    pub(crate) fn fact(&self, text: impl Display) {
        for line in wrapped(text.to_string().split(' '), WIDTH - 4) {
            self.line(&format!("    {line}"));
        }
    }

    /// A name, and a bar for a number that is at most `largest`.
    pub(crate) fn row(&self, name: &str, number: usize, largest: usize) {
        const LONGEST: usize = 24;
        let bar = "█".repeat((number * LONGEST / largest.max(1)).max(1));
        let name: String = name.chars().take(44).collect();
        self.line(&format!(
            "    {name:<44} {} {}",
            self.paint(Style::Cyan, &bar),
            quantity::count(number)
        ));
    }

    /// Two measured values side by side.
    pub(crate) fn columns(&self, left: &str, right: &str) {
        self.line(format!("    {left:<40}{right}").trim_end());
    }

    /// An empty line.
    pub(crate) fn gap(&self) {
        self.line("");
    }

    /// Holds the demo to what it says.
    ///
    /// # Errors
    /// If the promise was not kept.
    pub(crate) fn check(&self, kept: bool, promise: impl Display) -> Result<(), Failure> {
        let mark = if kept {
            self.paint(Style::Green, "✓")
        } else {
            self.paint(Style::Red, "✗")
        };
        for (index, line) in wrapped(promise.to_string().split(' '), WIDTH - 4)
            .iter()
            .enumerate()
        {
            let start = if index == 0 { mark.as_str() } else { " " };
            self.line(&format!("  {start} {line}"));
        }
        if !kept {
            return Err(Failure::BrokenPromise);
        }
        self.kept.set(self.kept.get() + 1);
        Ok(())
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

    fn paint(&self, style: Style, text: &str) -> String {
        if self.colour {
            format!("\x1b[{}m{text}\x1b[0m", style as u8)
        } else {
            text.to_owned()
        }
    }

    /// Nobody may be left to read it (`| head`); that is no reason to stop.
    fn line(&self, text: &str) {
        let _ = writeln!(io::stdout().lock(), "{text}");
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
        let screen = Screen {
            colour: false,
            kept: Cell::new(0),
        };
        assert!(screen.check(true, "kept").is_ok());
        assert!(screen.check(false, "broken").is_err());
        assert_eq!(screen.kept(), 1);
    }
}
