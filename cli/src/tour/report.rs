//! What the tour tries, what it expects and what it sees: printed chapter by chapter as text, or at the end as JSON.

use crate::{
    output::{self, Format, line},
    progress,
    tour::chapters::Chapter,
};
use anyhow::Result;
use clap::ValueEnum as _;
use serde::Serialize;

/// The widths of the first two columns. With the third, a line has at most 100 characters.
const STATE: usize = 5;
const TRIED: usize = 50;

/// The chapters that are to run, and the results of those that did.
pub(crate) struct Report {
    /// All, if it is empty.
    only: Vec<Chapter>,
    format: Format,
    results: Results,
}

/// All results, as JSON.
#[derive(Default, Serialize)]
struct Results {
    chapters: Vec<Rows>,
    /// How many rows there are, and how many of them are as expected.
    rows: usize,
    rows_ok: usize,
    /// Whether all rows are as expected and the tour came to its end.
    ok: bool,
    /// Why the tour stopped before its end, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// The rows of a chapter.
#[derive(Serialize)]
pub(crate) struct Rows {
    slug: String,
    title: String,
    ok: bool,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    tried: String,
    expected: String,
    seen: String,
    ok: bool,
}

impl Report {
    pub(crate) fn new(only: Vec<Chapter>, format: Format) -> Self {
        Self { only, format, results: Results::default() }
    }

    /// How many chapters are to run.
    pub(crate) fn chapters(&self) -> u64 {
        let chapters = Chapter::value_variants().iter().filter(|chapter| self.includes(**chapter));
        chapters.map(|_| 1).sum()
    }

    /// Whether a chapter is to run. Without a place to print it, none is.
    pub(crate) fn includes(&self, chapter: Chapter) -> bool {
        output::is_written() && (self.only.is_empty() || self.only.contains(&chapter))
    }

    /// Runs a chapter, if it is to run. What it has seen is printed when it ends, even if it fails.
    pub(crate) async fn chapter(
        &mut self,
        chapter: Chapter,
        run: impl AsyncFnOnce(&mut Rows) -> Result<()>,
    ) -> Result<()> {
        if !self.includes(chapter) {
            return Ok(());
        }
        let mut rows = Rows { slug: chapter.slug(), title: chapter.title(), ok: true, rows: Vec::new() };
        let part = progress::part(&rows.slug);
        let ended = run(&mut rows).await;
        drop(part);
        if self.format == Format::Text {
            line(rows.text());
        }
        self.results.rows += rows.rows.len();
        self.results.rows_ok += rows.rows.iter().filter(|row| row.ok).count();
        self.results.chapters.push(rows);
        ended
    }

    /// Prints how it ended; returns whether all is as expected.
    pub(crate) fn end(mut self, ended: Result<()>) -> Result<bool> {
        let results = &mut self.results;
        results.ok = ended.is_ok() && results.rows == results.rows_ok;
        results.error = ended.as_ref().err().map(output::chain);
        match self.format {
            Format::Text if ended.is_ok() => line(format_args!("{} of {} as expected", results.rows_ok, results.rows)),
            Format::Text => {}
            Format::Json => output::json(results)?,
        }
        ended.map(|()| results.ok)
    }
}

impl Rows {
    /// Adds a row. It is ok if what was seen is, to the letter, what was expected.
    pub(crate) fn row(&mut self, tried: &str, expected: &str, seen: String) {
        let ok = seen == expected;
        self.ok &= ok;
        self.rows.push(Row { tried: tried.to_owned(), expected: expected.to_owned(), seen, ok });
    }

    /// What was seen has a line of its own if it is not what was expected.
    fn text(&self) -> String {
        let Self { slug, title, rows, .. } = self;
        let mut text = format!("{slug}  {title}\n{:STATE$}  {:TRIED$}  expected\n", "", "tried");
        for Row { tried, expected, seen, ok } in rows {
            let state = if *ok { "ok" } else { "WRONG" };
            text += &format!("{state:STATE$}  {tried:TRIED$}  {expected}\n");
            if !ok {
                text += &format!("{:STATE$}  {:TRIED$}  {seen}\n", "", "  seen instead:");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_not_as_expected_is_shown_and_counted() {
        let mut report = Report::new(vec![Chapter::RestDoors], Format::Json);
        let run = async |rows: &mut Rows| {
            rows.row("a", "200 admitted", "200 admitted".to_owned());
            rows.row("b", "403 refused: path", "200 admitted".to_owned());
            Ok(())
        };
        report.chapter(Chapter::RestDoors, run).await.unwrap();
        report.chapter(Chapter::HttpDoors, async |_| panic!("is not to run")).await.unwrap();
        let [rows] = &report.results.chapters[..] else { panic!("one chapter") };
        let a = format!("a{}", " ".repeat(TRIED - 1));
        let b = format!("b{}", " ".repeat(TRIED - 1));
        let seen = format!("  seen instead:{}", " ".repeat(TRIED - 15));
        assert_eq!(
            rows.text(),
            format!(
                "rest-doors  REST API: the back door is closed, the front door is open\n\
                 \u{20}      tried{}  expected\n\
                 ok     {a}  200 admitted\n\
                 WRONG  {b}  403 refused: path\n\
                 \u{20}      {seen}  200 admitted\n",
                " ".repeat(TRIED - 5)
            )
        );
        assert_eq!(
            serde_json::to_value(&report.results).unwrap(),
            serde_json::json!({
                "chapters": [{
                    "slug": "rest-doors",
                    "title": "REST API: the back door is closed, the front door is open",
                    "ok": false,
                    "rows": [
                        {"tried": "a", "expected": "200 admitted", "seen": "200 admitted", "ok": true},
                        {"tried": "b", "expected": "403 refused: path", "seen": "200 admitted", "ok": false},
                    ],
                }],
                "rows": 2,
                "rows_ok": 1,
                "ok": false,
            })
        );
        assert!(!report.end(Ok(())).unwrap());
    }
}
