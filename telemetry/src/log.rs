//! The log of a program on `provided.al2023`: one flat line of JSON for each event, with the metrics in it.

use crate::{embed, function_name};
use serde_json::{Map, Value};
use std::{
    fmt,
    io::{self, Write as _},
    time::SystemTime,
};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
};
use tracing_subscriber::{
    Layer,
    filter::filter_fn,
    fmt::{
        MakeWriter,
        format::Writer,
        time::{FormatTime as _, SystemTime as Rfc3339},
    },
    layer::{Context, SubscriberExt as _},
};

/// The crates whose events are logged: those of ours that a program is made of. What else is linked in, an SDK or an HTTP
/// client, says nothing here: nobody knows whether a line of theirs holds a secret.
pub const OURS: [&str; 6] = ["authorizer", "key_store", "rotator", "settings", "signing", "telemetry"];

/// Logs to standard output from now on, under the name that Lambda gives the function. Where a log is set up already it stays.
///
/// A line that cannot be written is lost, without a word: whoever reads the log may have gone, and that ends no function.
pub fn init() {
    let _ = tracing::subscriber::set_global_default(subscriber(function_name(), io::stdout));
}

/// The same log to anywhere, which a test can read.
pub fn subscriber<W>(function_name: String, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let ours = filter_fn(is_ours).with_max_level_hint(LevelFilter::INFO);
    tracing_subscriber::registry().with(ours).with(Lines { function_name, writer })
}

/// INFO and above of a crate of ours.
fn is_ours(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let name = target.split_once("::").map_or(target, |(name, _)| name);
    *metadata.level() <= Level::INFO && OURS.contains(&name)
}

/// Writes each event as a line: its time and level, then its fields in their order, then what [`embed`] adds.
struct Lines<W> {
    function_name: String,
    writer: W,
}

impl<S: Subscriber, W: for<'a> MakeWriter<'a> + 'static> Layer<S> for Lines<W> {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut timestamp = String::new();
        // A text takes whatever is written to it.
        let _ = Rfc3339.format_time(&mut Writer::new(&mut timestamp));
        let mut members = Members::default();
        members.put("timestamp", timestamp);
        members.put("level", event.metadata().level().as_str());
        event.record(&mut members);
        let line = members.into_line(&self.function_name, SystemTime::now());
        // In one piece, so that lines do not mix. One that cannot be written is lost.
        let _ = self.writer.make_writer().write_all(line.as_bytes());
    }
}

/// The members of a line, and the order in which they came.
#[derive(Default)]
struct Members {
    order: Vec<&'static str>,
    map: Map<String, Value>,
}

impl Members {
    /// The first of a name stays: a field takes the place neither of the line's time nor of its level.
    fn put(&mut self, name: &'static str, value: impl Into<Value>) {
        if !self.map.contains_key(name) {
            self.order.push(name);
            self.map.insert(name.to_owned(), value.into());
        }
    }

    fn into_line(self, function_name: &str, now: SystemTime) -> String {
        let Self { order, mut map } = self;
        embed(&mut map, function_name, now);
        let mut members: Vec<_> = order.into_iter().filter_map(|name| map.remove_entry(name)).collect();
        members.extend(map);
        let members: Vec<_> =
            members.into_iter().map(|(name, value)| format!("{}:{value}", Value::String(name))).collect();
        format!("{{{}}}\n", members.join(","))
    }
}

/// The field whose text is JSON, and stands in the line as such: what a rotation has done, to be searched by its members.
const REPORT: &str = "report";

impl Visit for Members {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let report = (field.name() == REPORT).then(|| serde_json::from_str::<Value>(value).ok()).flatten();
        self.put(field.name(), report.unwrap_or_else(|| value.into()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field.name(), format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::{
        sync::{Arc, Mutex},
        time::Duration,
    };
    use tracing::{error, info, subscriber::with_default, warn};

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Memory {
        /// The lines, without their times.
        fn lines(&self) -> Vec<String> {
            let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
            assert!(text.is_empty() || text.ends_with('\n'));
            let timeless = |line: &str| {
                let rest = line.strip_prefix("{\"timestamp\":\"20").unwrap();
                let (time, rest) = rest.split_once("Z\",").unwrap();
                assert_eq!(time.len(), "26-11-22T11:18:05.123456".len(), "{line}");
                format!("{{{rest}")
            };
            text.lines().map(timeless).collect()
        }
    }

    fn ours(events: impl FnOnce()) -> Vec<String> {
        let memory = Memory::default();
        let writer = memory.clone();
        with_default(subscriber("f".to_owned(), move || writer.clone()), events);
        memory.lines()
    }

    /// What these programs logged before, and `countersign local` still does.
    fn theirs(events: impl FnOnce()) -> Vec<String> {
        let memory = Memory::default();
        let writer = memory.clone();
        let theirs = tracing_subscriber::fmt().json().flatten_event(true).with_target(false).with_current_span(false);
        with_default(theirs.with_writer(move || writer.clone()).finish(), events);
        memory.lines()
    }

    fn events() {
        let absent: Option<&str> = None;
        let lost = io::Error::other("lost");
        let lost: &dyn std::error::Error = &lost;
        info!("a text with \"quotes\",\na line feed and ä");
        warn!(zebra = "text", apple = 1_u64, message = "in its place", below = -1, half = 0.5, on = true, absent);
        error!(shown = %Duration::from_millis(1).as_millis(), told = ?Some("x"), nan = f64::NAN, "m");
        info!(error = lost, wide = u128::MAX, "{} of {}", 1, 2);
        tracing::debug!("not this");
    }

    #[test]
    fn a_field_takes_the_place_of_neither_time_nor_level() {
        let mut members = Members::default();
        for (name, value) in [("timestamp", "t"), ("level", "INFO"), ("timestamp", "x"), ("level", "y"), ("z", "1")] {
            members.put(name, value);
        }
        let line = members.into_line("f", SystemTime::UNIX_EPOCH);
        assert_eq!(line, "{\"timestamp\":\"t\",\"level\":\"INFO\",\"z\":\"1\"}\n");
    }

    #[test]
    fn a_line_has_the_shape_of_the_subscribers_own_json() {
        let lines = ours(events);
        assert_eq!(lines, theirs(events));
        assert_eq!(lines.len(), 4);
        assert_eq!(
            lines[1],
            r#"{"level":"WARN","zebra":"text","apple":1,"message":"in its place","below":-1,"half":0.5,"on":true}"#
        );
    }

    #[test]
    fn metrics_come_last_with_the_name_of_the_function_and_the_time() {
        let milliseconds = || SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
        let before = milliseconds();
        let lines = ours(|| info!(decision = "admitted", key_set_age = 5_u64, method = "GET"));
        let Ok([line]) = <[String; 1]>::try_from(lines) else { panic!("one line") };
        assert!(
            line.starts_with(r#"{"level":"INFO","decision":"admitted","key_set_age":5,"method":"GET",""#),
            "{line}"
        );
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&line["FunctionName"], &line["Allowed"], &line["KeySetAge"]), (&json!("f"), &json!(1), &json!(5)));
        let timestamp = u128::from(line["_aws"]["Timestamp"].as_u64().unwrap());
        assert!((before..=milliseconds()).contains(&timestamp));
    }

    #[test]
    fn a_report_stands_in_the_line_as_json() {
        let lines = ours(|| {
            info!(report = "[{\"id\":\"a\",\"versions\":[]}]", other = "[1]");
            info!(report = "no JSON {");
            info!(report = None::<String>, step = "end");
        });
        let expected = [
            r#"{"level":"INFO","report":[{"id":"a","versions":[]}],"other":"[1]"}"#,
            r#"{"level":"INFO","report":"no JSON {"}"#,
            r#"{"level":"INFO","step":"end"}"#,
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn of_other_crates_nothing_is_logged() {
        let lines = ours(|| {
            error!(target: "hyper::client", "x");
            warn!(target: "aws_config", token = "secret", "x");
            info!(target: "authorizers", "x");
            info!(target: "", "x");
            let span = tracing::error_span!(target: "lambda_runtime", "invoke", secret = "secret");
            span.in_scope(|| info!(target: "authorizer", "1"));
            info!(target: "rotator::main", "2");
            tracing::debug!(target: "rotator", "x");
        });
        assert_eq!(lines, [r#"{"level":"INFO","message":"1"}"#, r#"{"level":"INFO","message":"2"}"#]);
    }

    #[test]
    fn a_line_that_cannot_be_written_is_lost() {
        struct Full;

        impl io::Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }

        with_default(subscriber("f".to_owned(), || Full), events);
    }
}
