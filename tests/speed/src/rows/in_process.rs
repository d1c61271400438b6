//! What takes nanoseconds: the rules, an event and its line of the log.

use crate::{
    bounds::{
        EVENT, EVENT_FLOOR, EVENT_NODE, EVENT_PYTHON, EVENT_TYPED, HMAC, LOG, SIGN, SIGN_HTTPSIG, VERIFY,
        VERIFY_HTTPSIG, VERIFY_NPM, VERIFY_NPM_SIG, VERIFY_PYPI,
    },
    run::Run,
    workers::Side::{Node, Ours, Python, Rust},
};
use anyhow::Result;

pub(crate) fn rules(run: &mut Run<'_>) -> Result<()> {
    let [floor, hmac, sign, verify] =
        run.measure([(Ours, "floor"), (Ours, "hmac"), (Ours, "sign"), (Ours, "verify")])?;
    run.compare(&HMAC, &hmac, &floor);
    run.compare(&SIGN, &sign, &floor);
    run.compare(&VERIFY, &verify, &floor);
    Ok(())
}

pub(crate) fn libraries(run: &mut Run<'_>) -> Result<()> {
    let [sign, verify, httpsig_sign, httpsig_verify] =
        run.measure([(Ours, "sign"), (Ours, "verify"), (Rust, "httpsig-sign"), (Rust, "httpsig-verify")])?;
    run.compare(&SIGN_HTTPSIG, &sign, &httpsig_sign);
    run.compare(&VERIFY_HTTPSIG, &verify, &httpsig_verify);
    let [verify, npm, npm_sig, pypi] = run.measure([
        (Ours, "verify"),
        (Node, "http-message-signatures-verify"),
        (Node, "http-message-sig-verify"),
        (Python, "library-verify"),
    ])?;
    run.compare(&VERIFY_NPM, &verify, &npm);
    run.compare(&VERIFY_NPM_SIG, &verify, &npm_sig);
    run.compare(&VERIFY_PYPI, &verify, &pypi);
    Ok(())
}

pub(crate) fn event(run: &mut Run<'_>) -> Result<()> {
    let event = (Ours, "event@rest.json");
    let [ours, bare, typed, scan, floor] =
        run.measure([event, (Rust, "bare"), (Rust, "typed"), (Ours, "scan@rest.json"), (Ours, "floor")])?;
    run.compare(&EVENT, &ours, &bare);
    run.compare(&EVENT_FLOOR, &ours, &scan.plus(&floor));
    run.compare(&EVENT_TYPED, &ours, &typed);
    let [ours, node, python] = run.measure([event, (Node, "event"), (Python, "event")])?;
    run.compare(&EVENT_NODE, &ours, &node);
    run.compare(&EVENT_PYTHON, &ours, &python);
    Ok(())
}

pub(crate) fn log(run: &mut Run<'_>) -> Result<()> {
    let [line, plainly] = run.measure([(Ours, "log"), (Ours, "log-plainly")])?;
    run.compare(&LOG, &line, &plainly);
    Ok(())
}
