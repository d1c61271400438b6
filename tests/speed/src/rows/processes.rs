//! The authorizer as a process, as Lambda runs it: its start, its invocations and its memory.

use crate::{
    aws,
    bounds::{
        AUTHORIZER_FRESH, AUTHORIZER_FRESH_NODE, AUTHORIZER_FRESH_PYTHON, RESIDENT, RESIDENT_PYTHON, WARM, WARM_NODE,
        WARM_PYTHON, WARM_SLOW,
    },
    fixtures::ARN,
    run::Run,
    runtime_api::{self, Life},
};
use anyhow::Result;
use std::{fs, process::Command};

#[derive(Clone, Copy)]
enum Runtime {
    Ours,
    Bare,
    Node,
    Python,
}

pub(crate) fn authorizer(run: &mut Run<'_>) -> Result<()> {
    let event = fs::read_to_string(run.fixtures.path("rest.json"))?;
    let endpoint = aws::with_secret(&run.fixtures.secret)?;
    let [ours, bare, node, python] = run.start(
        "authorizer",
        [Runtime::Ours, Runtime::Bare, Runtime::Node, Runtime::Python],
        ["first answer", "warm, median", "warm, 99th percentile", "resident"],
        |run, runtime| {
            let mut command = command(run, runtime);
            command.env("AWS_ENDPOINT_URL", &endpoint).env("COUNTERSIGN_SECRET", ARN);
            let Life { first, warm, resident } =
                runtime_api::live(run.environment, &mut command, &event, "verified", run.pace.warm)?;
            Ok([first, warm.median(), warm.percentile(0.99), resident])
        },
    )?;
    let [first, warm, slow, resident] = ours;
    let [bare_first, bare_warm, bare_slow, _] = bare;
    let [node_first, node_warm, _, node_resident] = node;
    let [python_first, python_warm, _, python_resident] = python;
    run.compare(&AUTHORIZER_FRESH, &first, &bare_first);
    run.compare(&AUTHORIZER_FRESH_NODE, &first, &node_first);
    run.compare(&AUTHORIZER_FRESH_PYTHON, &first, &python_first);
    run.compare(&WARM, &warm, &bare_warm);
    run.compare(&WARM_NODE, &warm, &node_warm);
    run.compare(&WARM_PYTHON, &warm, &python_warm);
    run.compare(&WARM_SLOW, &slow, &bare_slow);
    run.compare(&RESIDENT, &resident, &node_resident);
    run.compare(&RESIDENT_PYTHON, &resident, &python_resident);
    Ok(())
}

fn command(run: &Run<'_>, runtime: Runtime) -> Command {
    let environment = run.environment;
    match runtime {
        Runtime::Ours => environment.command(&environment.function("authorizer/bootstrap")),
        Runtime::Bare => environment.command(&environment.program("bare-loop")),
        Runtime::Node => environment.node("runtime.mjs"),
        Runtime::Python => {
            let mut command = environment.bare_python();
            command.args(["-m", "awslambdaric", "handler.handler"]);
            command
        }
    }
}
