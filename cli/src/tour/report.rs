//! What the tour tried, what it expected and what came, as a table.

use crate::output::line;
use comfy_table::{ColumnConstraint, Table, Width, presets::NOTHING};

/// Widths of the columns, so that those of all chapters stand under each other.
const WIDTHS: [u16; 3] = [64, 38, 38];

/// The rows so far.
pub(crate) struct Report {
    part: &'static str,
    chapters: Vec<(String, Table)>,
    rows: usize,
    wrong: usize,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { part: "", chapters: Vec::new(), rows: 0, wrong: 0 }
    }

    /// Begins a part, whose name stands before the title of each of its chapters.
    pub(crate) fn part(&mut self, name: &'static str) {
        self.part = name;
    }

    /// Begins a chapter.
    pub(crate) fn chapter(&mut self, title: &str) {
        let mut table = Table::new();
        table.load_style(NOTHING).set_header(["tried", "expected", "came", ""]);
        table.set_constraints(WIDTHS.map(|width| ColumnConstraint::LowerBoundary(Width::Fixed(width))));
        self.chapters.push((format!("{}: {title}", self.part), table));
    }

    /// Adds a row; what came is right if it is, to the letter, what was expected.
    pub(crate) fn row(&mut self, tried: &str, expected: &str, came: String) {
        let right = came == expected;
        self.rows += 1;
        self.wrong += usize::from(!right);
        if let Some((_, table)) = self.chapters.last_mut() {
            table.add_row([tried, expected, &came, if right { "ok" } else { "WRONG" }]);
        }
    }

    /// Prints everything; returns whether all is right.
    pub(crate) fn print(&self) -> bool {
        for (title, table) in &self.chapters {
            line(format_args!("{title}\n{}\n", table.trim_fmt()));
        }
        line(format_args!("{} of {} as expected", self.rows - self.wrong, self.rows));
        self.wrong == 0
    }
}
