//! Pictures for the results, readable on a light and on a dark page.

use crate::figures::{grouped, round_time};
use std::fmt::{self, Write};

const WIDTH: f64 = 720.0;

const STYLE: &str = r#"  <style>
    text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
    .head { font-weight: 600 }
    .soft { fill: #656d76; font-size: 12px }
    .grid { stroke: #d0d7de; stroke-width: 1 }
    .line { fill: none; stroke: #8c959f; stroke-width: 2 }
    .dot, .bar { fill: #8c959f }
    .ours.line { stroke: #0969da; stroke-width: 3 }
    .ours.dot, .ours.bar { fill: #0969da }
    .ours.name { fill: #0969da; font-weight: 600 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .soft { fill: #9198a1 }
      .grid { stroke: #30363d }
      .line { stroke: #6e7681 }
      .dot, .bar { fill: #6e7681 }
      .ours.line { stroke: #4493f8 }
      .ours.dot, .ours.bar { fill: #4493f8 }
      .ours.name { fill: #4493f8 }
    }
  </style>
"#;

/// Points of one contender.
pub(crate) struct Curve {
    name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

impl Curve {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            points: Vec::new(),
        }
    }

    pub(crate) fn is_of(&self, name: &str) -> bool {
        self.name == name
    }

    pub(crate) fn add(&mut self, x: f64, y: f64) {
        self.points.push((x, y));
    }
}

/// Times in µs by a number, both on logarithmic scales.
pub(crate) struct LogChart {
    pub(crate) title: &'static str,
    pub(crate) about: &'static str,
    pub(crate) across: &'static str,
    pub(crate) up: &'static str,
    pub(crate) curves: Vec<Curve>,
}

/// A bar for each contender.
pub(crate) struct Bars {
    pub(crate) title: String,
    pub(crate) about: &'static str,
    pub(crate) rows: Vec<(String, f64)>,
    pub(crate) label: fn(f64) -> String,
}

/// Where powers of ten stand between two pixels.
struct Scale {
    from: i32,
    to: i32,
    pixels: (f64, f64),
}

impl Scale {
    fn over(values: impl Iterator<Item = f64> + Clone, pixels: (f64, f64)) -> Self {
        let least = values.clone().fold(f64::INFINITY, f64::min);
        let most = values.fold(0.0, f64::max);
        let from = least.log10().floor() as i32;
        Self {
            from,
            to: (most.log10().ceil() as i32).max(from + 1),
            pixels,
        }
    }

    fn at(&self, value: f64) -> f64 {
        let share = (value.log10() - f64::from(self.from)) / f64::from(self.to - self.from);
        self.pixels.0 + share * (self.pixels.1 - self.pixels.0)
    }

    /// The powers of ten, each with its place.
    fn ticks(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        let powers = (self.from..=self.to).map(|power| 10f64.powi(power));
        powers.map(|value| (value, self.at(value)))
    }
}

impl fmt::Display for LogChart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let points = self.curves.iter().flat_map(|curve| &curve.points);
        let x = Scale::over(points.clone().map(|point| point.0), (80.0, 560.0));
        let y = Scale::over(points.map(|point| point.1), (320.0, 70.0));
        open(f, 375.0, self.title, self.about)?;
        text(f, "soft", 80.0, 50.0, "start", self.up)?;
        text(f, "soft", 320.0, 362.0, "middle", self.across)?;
        for (value, at) in y.ticks() {
            writeln!(f, r#"  <path class="grid" d="M80 {at:.1}H560"/>"#)?;
            text(f, "soft", 72.0, at + 4.0, "end", &round_time(value))?;
        }
        for (value, at) in x.ticks() {
            text(f, "soft", at, 340.0, "middle", &grouped(value))?;
        }
        let mut names = Vec::new();
        // Larder, the first, is drawn last: over the others.
        for (n, curve) in self.curves.iter().enumerate().rev() {
            draw(f, curve, ours(n), &x, &y)?;
            if let Some(last) = curve.points.last() {
                names.push((y.at(last.1), n));
            }
        }
        for (at, n) in apart(names) {
            let class = format!("{}name", ours(n));
            text(f, &class, 572.0, at + 4.0, "start", &self.curves[n].name)?;
        }
        f.write_str("</svg>\n")
    }
}

impl fmt::Display for Bars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const STEP: f64 = 30.0;
        let most = self.rows.iter().map(|row| row.1).fold(1.0, f64::max);
        let height = 55.0 + STEP * self.rows.len() as f64;
        open(f, height, &self.title, self.about)?;
        for (n, (name, value)) in self.rows.iter().enumerate() {
            let (at, ours) = (45.0 + STEP * n as f64, ours_by_name(name));
            let width = (value / most * 360.0).max(1.0);
            text(f, &format!("{ours}name"), 190.0, at + 15.0, "end", name)?;
            writeln!(
                f,
                r#"  <rect class="{ours}bar" x="200" y="{at}" width="{width:.1}" height="20" rx="2"/>"#
            )?;
            let label = (self.label)(*value);
            text(f, "soft", 208.0 + width, at + 15.0, "start", &label)?;
        }
        f.write_str("</svg>\n")
    }
}

/// Whose class an element is of: the first curve is Larder's.
fn ours(n: usize) -> &'static str {
    if n == 0 { "ours " } else { "" }
}

fn ours_by_name(name: &str) -> &'static str {
    ours(usize::from(!name.starts_with("Larder")))
}

fn open(f: &mut fmt::Formatter<'_>, height: f64, title: &str, about: &str) -> fmt::Result {
    writeln!(
        f,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="title desc">
  <title id="title">{title}</title>
  <desc id="desc">{about}</desc>"#
    )?;
    f.write_str(STYLE)?;
    text(f, "head", 20.0, 26.0, "start", title)
}

fn text(
    f: &mut fmt::Formatter<'_>,
    class: &str,
    x: f64,
    y: f64,
    anchor: &str,
    words: &str,
) -> fmt::Result {
    writeln!(
        f,
        r#"  <text class="{class}" x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{words}</text>"#
    )
}

fn draw(
    f: &mut fmt::Formatter<'_>,
    curve: &Curve,
    ours: &str,
    x: &Scale,
    y: &Scale,
) -> fmt::Result {
    let places = curve.points.iter().map(|(px, py)| (x.at(*px), y.at(*py)));
    let mut path = String::new();
    for (n, (px, py)) in places.clone().enumerate() {
        let command = if n == 0 { 'M' } else { 'L' };
        write!(path, "{command}{px:.1} {py:.1}")?;
    }
    writeln!(f, r#"  <path class="{ours}line" d="{path}"/>"#)?;
    for (px, py) in places {
        writeln!(
            f,
            r#"  <circle class="{ours}dot" cx="{px:.1}" cy="{py:.1}" r="4"/>"#
        )?;
    }
    Ok(())
}

/// Moves names down until none covers another.
fn apart(mut names: Vec<(f64, usize)>) -> Vec<(f64, usize)> {
    names.sort_by(|a, b| a.0.total_cmp(&b.0));
    for n in 1..names.len() {
        names[n].0 = names[n].0.max(names[n - 1].0 + 16.0);
    }
    names
}
