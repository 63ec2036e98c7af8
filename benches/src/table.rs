//! A table, as Markdown that also reads well in a terminal.

use std::fmt;

pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(head: [&str; N]) -> Self {
        Self {
            rows: vec![head.map(str::to_owned).to_vec()],
        }
    }

    /// Adds a row; a benchmark that has nothing to say in a cell is broken.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        assert_eq!(N, self.rows[0].len(), "as many cells as in the head");
        assert!(cells.iter().all(|cell| !cell.is_empty()), "{cells:?}");
        self.rows.push(Vec::from(cells));
    }

    fn widths(&self) -> Vec<usize> {
        let columns = 0..self.rows[0].len();
        let width = |column: usize| self.rows.iter().map(move |row| row[column].chars().count());
        columns
            .map(|column| width(column).max().unwrap_or(0))
            .collect()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        assert!(self.rows.len() > 1, "a table without a row");
        let widths = self.widths();
        for (n, row) in self.rows.iter().enumerate() {
            for (column, cell) in row.iter().enumerate() {
                let width = widths[column];
                match column {
                    0 => write!(f, "| {cell:<width$} ")?,
                    _ => write!(f, "| {cell:>width$} ")?,
                }
            }
            writeln!(f, "|")?;
            if n == 0 {
                for (column, width) in widths.iter().enumerate() {
                    let rule = "-".repeat(width + 1);
                    let (left, right) = if column == 0 { ("-", "") } else { ("", ":") };
                    write!(f, "|{left}{rule}{right}")?;
                }
                writeln!(f, "|")?;
            }
        }
        Ok(())
    }
}
