//! What is written: to the terminal while it goes on, and to files at the end.

use crate::host;
use crate::load::{CONNECTIONS, PIPELINE};
use crate::options::Options;
use crate::table::Table;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;
use std::{env, fs};

pub(crate) struct Report {
    text: String,
    /// File names and contents.
    pictures: Vec<(&'static str, String)>,
    out: PathBuf,
    started: Instant,
}

impl Report {
    pub(crate) fn new(options: &Options) -> Self {
        let mut report = Self {
            text: String::new(),
            pictures: Vec::new(),
            out: options.out.clone(),
            started: Instant::now(),
        };
        report.say("# Results\n");
        if options.short {
            report.say(
                "The short form: it shows that the benchmark works. The figures mean nothing.\n",
            );
        }
        report.say(&circumstances(options));
        report
    }

    /// Says on the terminal what comes next.
    pub(crate) fn step(&self, what: &str) {
        eprintln!("[{:>5.0} s] {what}", self.started.elapsed().as_secs_f64());
    }

    pub(crate) fn heading(&mut self, text: &str) {
        self.say(&format!("\n## {text}\n"));
    }

    pub(crate) fn paragraph(&mut self, text: &str) {
        self.say(&format!("{text}\n"));
    }

    pub(crate) fn table(&mut self, table: &Table) {
        self.say(&table.to_string());
    }

    /// A picture, which also appears in the text.
    pub(crate) fn picture(&mut self, file: &'static str, about: &str, svg: String) {
        self.say(&format!("![{about}]({file})\n"));
        self.pictures.push((file, svg));
    }

    /// Writes the files.
    pub(crate) fn save(mut self) {
        self.say(&format!(
            "\n---\nTook {:.0} s. Load average at the end: {}.",
            self.started.elapsed().as_secs_f64(),
            host::load_average()
        ));
        fs::create_dir_all(&self.out).expect("a directory for the results");
        for (file, svg) in &self.pictures {
            fs::write(self.out.join(file), svg).expect("a picture");
        }
        fs::write(self.out.join("results.md"), &self.text).expect("a file for the results");
        self.step(&format!("written to {}", self.out.display()));
    }

    fn say(&mut self, text: &str) {
        println!("{text}");
        self.text.push_str(text);
        self.text.push('\n');
    }
}

fn circumstances(options: &Options) -> String {
    let scale = &options.scale;
    let pinned = match host::processors() {
        Some((server, others)) => {
            format!("the server's main thread on processor {server}, everything else on {others}")
        }
        None => "everything on one processor".into(),
    };
    let words: Vec<String> = env::args().skip(1).collect();
    format!(
        "| | |\n| --- | --- |\n\
         | machine | {} |\n| server | {} |\n| module | Larder {} |\n\
         | load | {CONNECTIONS} connections over TCP on this machine, pipelines of {PIPELINE}, one thread; {pinned} |\n\
         | repeated | {} rounds in alternating order; medians, in brackets the extremes |\n\
         | load average at the start | {} |\n| command | `larder-bench {}` |\n",
        host::description(),
        server_version(),
        env!("CARGO_PKG_VERSION"),
        scale.rounds,
        host::load_average(),
        words.join(" "),
    )
}

fn server_version() -> String {
    let server = env::var_os("LARDER_SERVER").unwrap_or_else(|| "redis-server".into());
    let output = Command::new(&server).arg("--version").output();
    let output = output.unwrap_or_else(|error| panic!("cannot run {server:?}: {error}"));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
