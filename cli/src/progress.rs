//! What a command waits for, in one line on standard error: only on a terminal, only after half a second, and removed before
//! anything else is printed.
//!
//! The cursor is never hidden and nothing has a colour, so that an end by any signal leaves the terminal as it was. Ctrl-C also
//! removes the line.

use crate::{diagnosis::printable::printable, ignored::is_ignored};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle, TermLike};
use rustix::termios::tcgetwinsize;
use signal_hook::{consts::SIGINT, flag, low_level::emulate_default_handler};
use std::{
    fmt::{self, Write as _},
    io::{self, IsTerminal as _, Write},
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, Once, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::spawn_blocking,
    time::timeout,
};

/// What takes less time is not worth a line that appears and disappears.
const DELAY: Duration = Duration::from_millis(500);

/// How often the line is drawn: the seconds in it and its first character show that the command still runs.
const TICK: Duration = Duration::from_millis(200);

/// How long an interrupted command may take to clean the terminal, which may take no output.
const CLEANING: Duration = Duration::from_millis(500);

/// The terminal prints `^C` behind the line. That must not begin another line, which would be cleared in the place of this one.
const MARGIN: u16 = 3;

const TEMPLATE: &str = "{spinner} {since}  {wide_msg}";

/// The line that is on the terminal now. A command has one at a time.
static SHOWN: Mutex<Option<Arc<Line>>> = Mutex::new(None);

/// Whether SIGINT has come that is to end the command.
static INTERRUPTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// A line about what the command waits for. It is removed when this is dropped. Without a terminal there is none.
pub(crate) struct Progress(Option<Arc<Line>>);

/// A part of the work, which is under way until this is dropped.
pub(crate) struct Part {
    of: Option<Arc<Line>>,
    name: String,
}

/// What Ctrl-C does while the line is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interrupt {
    /// It ends the command.
    Ends,
    /// The command handles the signal itself.
    IsHandled,
}

impl Progress {
    /// Shows what the command does until Ctrl-C ends it.
    pub(crate) fn start(what: impl Into<String>) -> Self {
        Self::start_with(what, Interrupt::Ends)
    }

    /// Shows what the command does.
    pub(crate) fn start_with(what: impl Into<String>, interrupt: Interrupt) -> Self {
        let is_dumb = std::env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
        if is_dumb || !io::stderr().is_terminal() {
            return Self(None);
        }
        if interrupt == Interrupt::Ends {
            end_on_interrupt();
        }
        let hidden_until = Arc::new(Mutex::new(Instant::now() + DELAY));
        let screen = Screen { hidden_until: Arc::clone(&hidden_until), buffer: Mutex::default() };
        let line = Arc::new(Line::new(what.into(), ProgressDrawTarget::term_like(Box::new(screen)), hidden_until));
        *lock(&SHOWN) = Some(Arc::clone(&line));
        line.bar.enable_steady_tick(TICK);
        Self(Some(line))
    }

    /// Removes the line.
    pub(crate) fn done(self) {}
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.0.is_some() {
            clear();
            end_if_interrupted();
        }
    }
}

/// Shows in the line that the command does something else now.
pub(crate) fn now(what: impl Into<String>) {
    if let Some(line) = shown() {
        line.change(|state| state.what = what.into());
    }
}

/// Shows in the line of how many parts the work consists.
pub(crate) fn of(total: u64) {
    if let Some(line) = shown() {
        line.change(|state| state.total = Some(total));
    }
}

/// Shows in the line a part that is under way, perhaps beside others. It counts as done when it is dropped.
pub(crate) fn part(name: impl Into<String>) -> Part {
    let part = Part { of: shown(), name: name.into() };
    if let Some(line) = &part.of {
        line.change(|state| state.parts.push(part.name.clone()));
    }
    part
}

impl Drop for Part {
    fn drop(&mut self) {
        let Some(line) = &self.of else { return };
        line.change(|state| {
            if let Some(at) = state.parts.iter().position(|part| *part == self.name) {
                state.parts.remove(at);
            }
            state.done += 1;
        });
    }
}

fn shown() -> Option<Arc<Line>> {
    lock(&SHOWN).clone()
}

/// Prints something without the line. It appears again below it, after a pause: where a pipe leads to the same terminal, its reader
/// needs a moment.
pub(crate) fn beside<T>(print: impl FnOnce() -> T) -> T {
    let Some(line) = shown() else { return print() };
    if INTERRUPTED.load(Ordering::SeqCst) {
        clear();
        end_if_interrupted();
    }
    line.bar.suspend(|| {
        let printed = print();
        *lock(&line.hidden_until) = Instant::now() + DELAY;
        printed
    })
}

/// A writer of whole lines, which prints them [`beside`] the line.
pub(crate) struct Beside<W>(pub(crate) W);

impl<W: Write> Write for Beside<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        beside(|| self.0.write(bytes))
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        beside(|| self.0.write_all(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

struct Line {
    bar: ProgressBar,
    state: Mutex<State>,
    hidden_until: Arc<Mutex<Instant>>,
}

impl Line {
    fn new(what: String, target: ProgressDrawTarget, hidden_until: Arc<Mutex<Instant>>) -> Self {
        let state = State { what, total: None, done: 0, parts: Vec::new() };
        // The template is a constant, which a test shows to be right.
        let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_spinner());
        let since = |state: &ProgressState, text: &mut dyn fmt::Write| {
            let _ = write!(text, "{} s", state.elapsed().as_secs());
        };
        let style = style.tick_chars("-\\|/ ").with_key("since", since);
        let bar = ProgressBar::with_draw_target(None, target).with_style(style).with_message(state.text());
        Self { bar, state: Mutex::new(state), hidden_until }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = lock(&self.state);
        change(&mut state);
        self.bar.set_message(state.text());
    }
}

/// What the line says.
struct State {
    what: String,
    total: Option<u64>,
    done: u64,
    /// What is under way.
    parts: Vec<String>,
}

impl State {
    /// `reading the stack pets, 3 of 9 done: cloudwatch describe-alarms, lambda get-function-configuration`
    fn text(&self) -> String {
        let Self { what, total, done, parts } = self;
        let mut text = what.clone();
        if let Some(total) = total {
            let _ = write!(text, ", {done} of {total} done");
        }
        if !parts.is_empty() {
            let _ = write!(text, ": {}", parts.join(", "));
        }
        printable(&text)
    }
}

/// Standard error as the terminal of the line.
#[derive(Debug)]
struct Screen {
    /// What is drawn before that is not shown.
    hidden_until: Arc<Mutex<Instant>>,
    /// Written in one piece.
    buffer: Mutex<String>,
}

/// ECMA-48 has the sequences. There is one line, so that the cursor does not move up or down.
impl TermLike for Screen {
    fn width(&self) -> u16 {
        let columns = tcgetwinsize(io::stderr()).map_or(0, |size| size.ws_col);
        let columns = if columns == 0 { 80 } else { columns };
        columns.saturating_sub(MARGIN).max(1)
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        // What only fills the line up to its end, which is clear.
        if !text.trim_end().is_empty() {
            lock(&self.buffer).push_str(text);
        }
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        lock(&self.buffer).push_str("\r\x1b[2K");
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let text = std::mem::take(&mut *lock(&self.buffer));
        if text.is_empty() || Instant::now() < *lock(&self.hidden_until) {
            return Ok(());
        }
        let mut stderr = io::stderr().lock();
        stderr.write_all(text.as_bytes())?;
        stderr.flush()
    }
}

/// From now on SIGINT removes the line, and then ends the command as it does without this: a shell sees that a signal ended it. One that is
/// ignored stays so.
fn end_on_interrupt() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if is_ignored(SIGINT) {
            return;
        }
        // Without either of them the signal ends the command and leaves the line.
        let Ok(mut interrupt) = signal(SignalKind::interrupt()) else { return };
        let _ = flag::register(SIGINT, Arc::clone(&INTERRUPTED));
        tokio::spawn(async move {
            interrupt.recv().await;
            let _ = timeout(CLEANING, spawn_blocking(clear)).await;
            let _ = emulate_default_handler(SIGINT);
        });
    });
}

/// Ctrl-C also ends the processes that the command waits for. What it would print about that is not what was asked.
fn end_if_interrupted() {
    if INTERRUPTED.load(Ordering::SeqCst) {
        let _ = emulate_default_handler(SIGINT);
    }
}

/// Locked to its end: of two threads that clear, the second must not go on before the line is removed.
fn clear() {
    let mut shown = lock(&SHOWN);
    if let Some(line) = shown.take() {
        line.bar.finish_and_clear();
    }
}

/// A thread that panicked leaves a text, which is still a text.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(total: Option<u64>, parts: &[&str]) -> State {
        State { what: "reading".to_owned(), total, done: 3, parts: parts.iter().map(|&part| part.to_owned()).collect() }
    }

    #[test]
    fn the_line_says_what_how_far_and_what_is_under_way() {
        for (total, parts, expected) in [
            (None, &[][..], "reading"),
            (Some(9), &[], "reading, 3 of 9 done"),
            (None, &["a"], "reading: a"),
            (Some(9), &["a", "b"], "reading, 3 of 9 done: a, b"),
            // A terminal would obey it.
            (None, &["\u{1b}[2J"], "reading: \\u{1b}[2J"),
        ] {
            assert_eq!(state(total, parts).text(), expected);
        }
    }

    #[test]
    fn a_part_counts_when_it_ends() {
        let now = Arc::new(Mutex::new(Instant::now()));
        let line = Arc::new(Line::new("reading".to_owned(), ProgressDrawTarget::hidden(), now));
        *lock(&SHOWN) = Some(Arc::clone(&line));
        let text = || line.bar.message();
        assert_eq!(text(), "reading");
        of(9);
        let (first, second) = (part("a"), part("a"));
        assert_eq!(text(), "reading, 0 of 9 done: a, a");
        drop(first);
        assert_eq!(text(), "reading, 1 of 9 done: a");
        drop(second);
        super::now("writing");
        assert_eq!(text(), "writing, 2 of 9 done");
        Progress(Some(line)).done();
        assert!(shown().is_none());
        // Without a line it does nothing.
        drop(part("a"));
    }

    #[test]
    fn the_template_is_right() {
        ProgressStyle::with_template(TEMPLATE).unwrap();
    }
}
