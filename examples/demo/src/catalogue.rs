//! The data: the packages this machine could install, as its package manager describes them.

use std::collections::HashMap;
use std::process::{Command, Stdio};

use crate::failure::Failure;

/// Real records of Debian's catalogue, for machines that have none of their own.
const SAMPLE: &str = include_str!("../sample.txt");

/// `apt-cache` knows at least the installed packages; fewer records than this mean that the package
/// lists themselves were never downloaded.
const WORTHWHILE: usize = 2_000;

/// One package.
pub(crate) struct Record {
    /// Its name, unique in the catalogue.
    pub(crate) name: String,
    /// Its description as the package manager prints it: the value to cache.
    pub(crate) text: String,
    /// What it is filed under: section, maintainer, priority and its own tags.
    pub(crate) tags: Vec<String>,
}

impl Record {
    /// The key its description is cached under.
    pub(crate) fn key(&self) -> String {
        format!("pkg:{}", self.name)
    }

    /// Whether it carries the tag.
    pub(crate) fn has(&self, tag: &str) -> bool {
        self.tags.iter().any(|own| own == tag)
    }

    /// The tag of its section, which Debian's policy asks of every package.
    pub(crate) fn section(&self) -> &str {
        self.tags
            .iter()
            .find(|tag| tag.starts_with("section:"))
            .map_or("section:", String::as_str)
    }
}

/// Where the records come from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// `apt-cache`, Debian's and Ubuntu's catalogue.
    Apt,
    /// The sample kept with the demo.
    Sample,
}

/// All packages, in the order of their source.
pub(crate) struct Catalogue {
    pub(crate) records: Vec<Record>,
    pub(crate) source: Source,
}

impl Catalogue {
    /// This machine's own catalogue if it has one worth showing, else the sample.
    pub(crate) fn of_this_machine() -> Self {
        let own = apt_cache(&["dumpavail"]).map_or_else(|_| Vec::new(), |text| parse(&text));
        if own.len() < WORTHWHILE {
            return Self::sample();
        }
        Self {
            records: own,
            source: Source::Apt,
        }
    }

    /// The sample kept with the demo.
    pub(crate) fn sample() -> Self {
        Self {
            records: parse(SAMPLE),
            source: Source::Sample,
        }
    }

    /// The package the scenes follow: a well-known one, or the one with the most tags.
    pub(crate) fn hero(&self) -> Result<&Record, Failure> {
        let known = self.records.iter().find(|record| record.name == "vim");
        known
            .or_else(|| self.records.iter().max_by_key(|record| record.tags.len()))
            .ok_or_else(|| Failure::Machine("the catalogue is empty".into()))
    }

    /// How many records carry each tag.
    pub(crate) fn tag_counts(&self) -> HashMap<&str, usize> {
        let mut counts = HashMap::new();
        for tag in self.records.iter().flat_map(|record| &record.tags) {
            *counts.entry(tag.as_str()).or_default() += 1;
        }
        counts
    }

    /// The tag that most records carry.
    pub(crate) fn largest_tag(&self) -> &str {
        let largest = self
            .tag_counts()
            .into_iter()
            .max_by_key(|(_, records)| *records);
        largest.map_or("", |(tag, _)| tag)
    }

    /// Asks the source itself for one package, as an application does on a miss.
    ///
    /// # Errors
    /// If the package manager cannot be run or does not know the package.
    pub(crate) fn look_up(&self, name: &str) -> Result<String, Failure> {
        match self.source {
            Source::Apt => apt_cache(&["show", "--no-all-versions", name]),
            Source::Sample => parse(SAMPLE)
                .into_iter()
                .find(|record| record.name == name)
                .map(|record| record.text)
                .ok_or_else(|| Failure::Machine(format!("the sample has no package {name}"))),
        }
    }
}

impl Source {
    /// The command [`Catalogue::look_up`] stands for.
    pub(crate) fn look_up_shown(self, name: &str) -> String {
        match self {
            Self::Apt => format!("apt-cache show --no-all-versions {name}"),
            Self::Sample => format!("a search for {name} in the sample"),
        }
    }
}

fn apt_cache(arguments: &[&str]) -> Result<String, Failure> {
    let output = Command::new("apt-cache")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(Failure::while_doing("apt-cache"))?;
    if !output.status.success() {
        return Err(Failure::Machine(format!(
            "apt-cache {} failed",
            arguments.join(" ")
        )));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Reads a catalogue in Debian's control format: paragraphs of `Field: value`, where a line that
/// begins with a space continues the field before it. A name's first paragraph counts.
fn parse(text: &str) -> Vec<Record> {
    let mut seen = std::collections::HashSet::new();
    text.split("\n\n")
        .filter_map(record)
        .filter(|record| seen.insert(record.name.clone()))
        .collect()
}

fn record(paragraph: &str) -> Option<Record> {
    let fields = fields(paragraph);
    let mut tags = Vec::new();
    tags.extend(
        fields
            .get("Section")
            .map(|section| format!("section:{section}")),
    );
    tags.extend(
        fields
            .get("Maintainer")
            .map(|person| format!("maintainer:{}", address(person))),
    );
    tags.extend(
        fields
            .get("Priority")
            .map(|priority| format!("priority:{priority}")),
    );
    let own = fields
        .get("Tag")
        .map_or("", String::as_str)
        .split(',')
        .map(str::trim);
    tags.extend(own.filter(|tag| !tag.is_empty()).map(str::to_owned));
    Some(Record {
        name: fields.get("Package")?.clone(),
        text: paragraph.trim_end().to_owned(),
        tags,
    })
}

fn fields(paragraph: &str) -> HashMap<&str, String> {
    let mut fields: HashMap<&str, String> = HashMap::new();
    let mut current = "";
    for line in paragraph.lines() {
        if line.starts_with(' ') {
            fields.entry(current).or_default().push_str(line);
        } else if let Some((name, value)) = line.split_once(':') {
            current = name;
            fields.insert(name, value.trim().to_owned());
        }
    }
    fields
}

/// `ann@example.org` of `Ann <ann@example.org>`.
fn address(maintainer: &str) -> &str {
    let inside = maintainer
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    inside.map_or(maintainer, |(address, _)| address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_becomes_a_record_with_all_its_tags() {
        let text = "Package: ed\nMaintainer: Ann <ann@example.org>\nTag: role::program,\n use::editing\n\
                    Section: editors\nPriority: optional\n";
        let records = parse(text);
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].key(), "pkg:ed");
        assert_eq!(records[0].text, text.trim_end());
        let tags = [
            "section:editors",
            "maintainer:ann@example.org",
            "priority:optional",
            "role::program",
            "use::editing",
        ];
        assert_eq!(records[0].tags, tags);
    }

    #[test]
    fn paragraphs_without_a_name_and_repeated_names_are_skipped() {
        let records = parse("Package: a\nVersion: 2\n\nVersion: 1\n\nPackage: a\nVersion: 1\n\n");
        assert_eq!(records.len(), 1);
        assert!(records[0].text.contains("Version: 2"));
    }

    #[test]
    fn the_sample_has_what_the_scenes_need() {
        let sample = Catalogue::sample();
        assert!(sample.records.len() >= 50);
        assert_eq!(sample.hero().unwrap().name, "vim");
        assert!(sample.look_up("vim").unwrap().starts_with("Package: vim\n"));
        let largest = sample.tag_counts().into_values().max().unwrap();
        assert!(
            largest < sample.records.len(),
            "some record must survive the largest tag's invalidation"
        );
    }
}
