//! Tables for people: aligned columns without borders, fitted to the terminal. Programs take `--json`.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Row, Width, presets};

use crate::ui::text;

/// Blanks between two columns.
const GAP: usize = 2;
/// A text cut to less than this says nothing; its column is left out.
const LEAST_TEXT: usize = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    Whole,
    Number,
    Spare,
    Cut,
}

/// A column: its title, and what may be done to fit it.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    title: &'static str,
    fit: Fit,
}

impl Column {
    /// A name, id or word: never wrapped or cut, since people copy it.
    pub const fn id(title: &'static str) -> Column {
        Column { title, fit: Fit::Whole }
    }

    /// An id that is left out where prose would have to be cut for it.
    pub const fn spare(title: &'static str) -> Column {
        Column { title, fit: Fit::Spare }
    }

    /// A number: never cut, aligned right.
    pub const fn number(title: &'static str) -> Column {
        Column { title, fit: Fit::Number }
    }

    /// Prose: cut with an ellipsis where the terminal ends, left out where nothing of it would fit. One a table,
    /// best the last.
    pub const fn text(title: &'static str) -> Column {
        Column { title, fit: Fit::Cut }
    }
}

/// Rows under titles.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns and no row.
    pub fn new(columns: impl Into<Vec<Column>>) -> Table {
        Table { columns: columns.into(), rows: Vec::new() }
    }

    /// Adds a row; a cell too few is empty, a cell too many is dropped.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let mut cells: Vec<String> =
            cells.into_iter().map(|cell| text::one_line(&cell.into()).into_owned()).collect();
        cells.resize(self.columns.len(), String::new());
        self.rows.push(cells);
    }

    /// Whether there is no row. Say so in words then, rather than print lonely titles.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines, titles first. With `width`, prose is cut to keep a line within so many columns; without it
    /// nothing is cut, so a pipe gets the same text whatever the terminal.
    pub(crate) fn lines(&self, width: Option<usize>) -> Vec<String> {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING).set_truncation_indicator("…");
        table.set_header(self.columns.iter().map(|column| column.title));
        for cells in &self.rows {
            let mut row = Row::from(cells);
            row.max_height(1);
            table.add_row(row);
        }
        let mut constraints = vec![ColumnConstraint::ContentWidth; self.columns.len()];
        if let Some(width) = width {
            let content: Vec<usize> =
                table.column_max_content_widths().into_iter().map(usize::from).collect();
            let is_cut = |index: &usize| self.columns[*index].fit == Fit::Cut;
            let taken = |index: usize| content[index] + GAP;
            let mut whole: usize = (0..content.len()).filter(|i| !is_cut(i)).map(taken).sum();
            let prose: usize = (0..content.len()).filter(is_cut).map(|i| content[i]).sum();
            for index in (0..content.len()).filter(|i| self.columns[*i].fit == Fit::Spare) {
                if whole + prose > width {
                    constraints[index] = ColumnConstraint::Hidden;
                    whole -= taken(index);
                }
            }
            let left = width.saturating_sub(whole);
            for index in (0..content.len()).filter(is_cut) {
                constraints[index] = if left < LEAST_TEXT.min(content[index]) {
                    ColumnConstraint::Hidden
                } else {
                    // The gap after it counts as its width here, and falls off with the end of the line.
                    let most = left.min(content[index]) + GAP;
                    ColumnConstraint::Absolute(Width::Fixed(u16::try_from(most).unwrap_or(u16::MAX)))
                };
            }
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(u16::MAX);
        }
        table.set_constraints(constraints);
        for (column, shape) in table.column_iter_mut().zip(&self.columns) {
            column.set_padding((0, GAP as u16));
            if shape.fit == Fit::Number {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table.lines().map(|line| line.trim_end().to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn sample() -> Table {
        let mut table =
            Table::new([Column::id("NAME"), Column::number("VERSION"), Column::text("DESCRIPTION")]);
        table.row([
            "pdf",
            "3",
            "Extract text and tables from PDF files, fill forms, merge documents. Use when \
                   the user mentions PDFs, forms, or document extraction.",
        ]);
        table.row([
            "a-skill-with-a-long-name",
            "12",
            "漢字の説明をここに書いて、端末の幅に合わせて切ることを確かめる。長い文は切られる。",
        ]);
        table.row(["hostile", "1", "first\nsecond \u{1b}[2J"]);
        table
    }

    fn check(width: Option<usize>, expected: expect_test::Expect) {
        let lines = sample().lines(width);
        expected.assert_eq(&(lines.join("\n") + "\n"));
    }

    #[test]
    fn a_table_fits_its_terminal() {
        check(
            Some(40),
            expect![[r#"
            NAME                      VERSION
            pdf                             3
            a-skill-with-a-long-name       12
            hostile                         1
        "#]],
        );
        check(
            Some(80),
            expect![[r#"
            NAME                      VERSION  DESCRIPTION
            pdf                             3  Extract text and tables from PDF files, fill…
            a-skill-with-a-long-name       12  漢字の説明をここに書いて、端末の幅に合わせて…
            hostile                         1  first second \u{1b}[2J
        "#]],
        );
        check(
            Some(200),
            expect![[r#"
            NAME                      VERSION  DESCRIPTION
            pdf                             3  Extract text and tables from PDF files, fill forms, merge documents. Use when the user mentions PDFs, forms, or document extraction.
            a-skill-with-a-long-name       12  漢字の説明をここに書いて、端末の幅に合わせて切ることを確かめる。長い文は切られる。
            hostile                         1  first second \u{1b}[2J
        "#]],
        );
        check(
            None,
            expect![[r#"
            NAME                      VERSION  DESCRIPTION
            pdf                             3  Extract text and tables from PDF files, fill forms, merge documents. Use when the user mentions PDFs, forms, or document extraction.
            a-skill-with-a-long-name       12  漢字の説明をここに書いて、端末の幅に合わせて切ることを確かめる。長い文は切られる。
            hostile                         1  first second \u{1b}[2J
        "#]],
        );
    }

    #[test]
    fn a_spare_column_goes_before_prose_is_cut() {
        let mut table = Table::new([Column::id("NAME"), Column::spare("HASH"), Column::text("REASON")]);
        table.row(["pdf", "0a1b2c3d", "twelve chars and some"]);
        let shown = |width| table.lines(Some(width))[1].clone();
        assert_eq!(shown(40), "pdf   0a1b2c3d  twelve chars and some");
        assert_eq!(shown(30), "pdf   twelve chars and some");
        assert_eq!(shown(20), "pdf   twelve chars…");
    }

    #[test]
    fn ids_are_never_cut_and_nothing_else_passes_the_edge() {
        for width in [1, 20, 40, 60, 80, 200] {
            let lines = sample().lines(Some(width));
            assert_eq!(lines.len(), 4, "one line a row at {width}");
            assert!(lines[2].contains("a-skill-with-a-long-name"), "{width}: {lines:?}");
        }
    }
}
