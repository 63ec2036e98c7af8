//! What is measured.

mod instructions;
mod invalidating;
mod large;
mod memory;
mod pages;
mod pauses;
mod reading;
mod replicated;
mod stampede;
mod storing;

use crate::options::Options;
use crate::report::Report;

/// A subject, and the code that measures it.
pub(crate) struct Section {
    pub(crate) name: &'static str,
    pub(crate) measure: fn(&Options, &mut Report),
    /// Whether it is part of a run that names no sections.
    included: fn(&Options) -> bool,
}

impl Section {
    const fn new(name: &'static str, measure: fn(&Options, &mut Report)) -> Self {
        Self {
            name,
            measure,
            included: |_| true,
        }
    }

    const fn only_if(mut self, included: fn(&Options) -> bool) -> Self {
        self.included = included;
        self
    }
}

pub(crate) const ALL: &[Section] = &[
    Section::new("reading", reading::measure),
    Section::new("storing", storing::measure),
    Section::new("replicated", replicated::measure),
    Section::new("invalidating", invalidating::measure),
    Section::new("pauses", pauses::measure),
    Section::new("stampede", stampede::measure),
    Section::new("pages", pages::measure),
    Section::new("memory", memory::measure),
    Section::new("large", large::measure).only_if(|options| options.large || options.short),
    Section::new("instructions", instructions::measure).only_if(|options| options.instructions),
];

/// Those named on the command line, or all that its options include.
pub(crate) fn chosen(options: &Options) -> impl Iterator<Item = &'static Section> {
    let named = &options.sections;
    ALL.iter().filter(move |section| match named.as_slice() {
        [] => (section.included)(options),
        _ => named.iter().any(|name| name == section.name),
    })
}
