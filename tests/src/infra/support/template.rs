//! The templates of `infra`, as CloudFormation sees them: `tests/templates/render.py` works them out.

use crate::support::{artifacts::templates_python, patience::PATIENCE};
use serde_json::{Map, Value, json};
use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{LazyLock, Mutex, mpsc},
    thread,
};

/// A template in JSON.
#[derive(Debug)]
pub(crate) struct Template(Value);

impl Template {
    /// A file of `infra` as it is, with the long names of functions.
    #[track_caller]
    pub(crate) fn raw(name: &str) -> Self {
        Self(ask(&json!({"text": template(name)})).expect("it is a template"))
    }

    /// A file of `infra` with these parameters, pseudo parameters among them, and the defaults of all others.
    ///
    /// Conditions and functions are evaluated, and the parts that conditions omit are removed. Values that only a
    /// deployment knows stay: `{"Ref": "Bucket"}`, `{"Fn::GetAtt": ["Bucket", "Arn"]}`, `{"Fn::Sub":
    /// "arn:aws:s3:::${Bucket}/*"}`.
    #[track_caller]
    pub(crate) fn rendered(name: &str, parameters: &[(&str, &str)]) -> Self {
        Self::of(&template(name), parameters).expect("the template takes these parameters")
    }

    /// Why these parameters are refused, as CloudFormation would before it makes anything.
    #[track_caller]
    pub(crate) fn refusal(name: &str, parameters: &[(&str, &str)]) -> String {
        Self::of(&template(name), parameters).expect_err("the template does not take these parameters")
    }

    /// A text with these parameters, or why it is refused.
    pub(crate) fn of(text: &str, parameters: &[(&str, &str)]) -> Result<Self, String> {
        let parameters: Map<_, _> = parameters.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        ask(&json!({"text": text, "parameters": parameters})).map(Self)
    }

    /// All of it: `Parameters`, `Conditions`, `Resources`, `Outputs`.
    pub(crate) fn value(&self) -> &Value {
        &self.0
    }

    /// The resource of this name, which must exist.
    #[track_caller]
    pub(crate) fn resource(&self, name: &str) -> &Value {
        self.resources().get(name).unwrap_or_else(|| panic!("there is no resource {name}"))
    }

    /// Its resources by their names.
    pub(crate) fn resources(&self) -> &Map<String, Value> {
        self.0["Resources"].as_object().expect("a template has resources")
    }
}

/// The text of a file of `infra`.
pub(crate) fn template(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../infra").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The blocks of a document that are in this language. Those in a list are indented.
pub(crate) fn blocks(document: &str, language: &str) -> Vec<String> {
    let (text, begin) = (template(document), format!("```{language}\n"));
    let blocks = text.split(&begin).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    blocks.collect()
}

/// The value of an origin custom header.
pub(crate) fn custom_header(stack: &Template, name: &str) -> Option<Value> {
    let place = "/Properties/DistributionConfig/Origins/0/OriginCustomHeaders";
    let headers = stack.resource("CFDistribution").pointer(place).unwrap().as_array().unwrap();
    let mut values = headers.iter().filter(|header| header["HeaderName"] == name);
    let value = values.next().map(|header| header["HeaderValue"].clone());
    assert_eq!(values.next(), None, "{name} appears twice");
    value
}

/// A text that is made of names, as it is in the template.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(function) => match (function.get("Ref"), function.get("Fn::GetAtt"), function.get("Fn::Sub")) {
            (Some(Value::String(name)), None, None) => name.clone(),
            (None, Some(Value::Array(parts)), None) => parts.iter().map(text).collect::<Vec<_>>().join("."),
            (None, None, Some(Value::String(text))) => text.clone(),
            (None, None, Some(Value::Array(parts))) => text(&parts[0]),
            _ => panic!("{value} is not a text"),
        },
        _ => panic!("{value} is not a text"),
    }
}

fn ask(question: &Value) -> Result<Value, String> {
    static SHARED: LazyLock<Mutex<Renderer>> = LazyLock::new(|| Mutex::new(Renderer::start()));
    // What a test leaves behind that has panicked is a question without its answer: the next would get that.
    let mut answer = SHARED.lock().expect("the renderer has answered before").ask(question);
    match answer["refused"].as_str() {
        Some(reason) => Err(reason.to_owned()),
        None => Ok(answer["template"].take()),
    }
}

/// One for all tests of a program: it takes most of a second to start, and a few milliseconds to answer.
struct Renderer {
    /// Open as long as this process lives; the renderer ends with it.
    stdin: ChildStdin,
    lines: mpsc::Receiver<String>,
    _child: Child,
}

impl Renderer {
    fn start() -> Self {
        let mut child = Command::new(templates_python())
            .arg("-I")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/render.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the renderer starts");
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (tell, lines) = mpsc::channel();
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Self { stdin: child.stdin.take().unwrap(), lines, _child: child }
    }

    fn ask(&mut self, question: &Value) -> Value {
        writeln!(self.stdin, "{question}").expect("the renderer lives");
        let line = self.lines.recv_timeout(PATIENCE).expect("the renderer answers: above is what it says");
        serde_json::from_str(&line).expect("its answer is JSON")
    }
}
