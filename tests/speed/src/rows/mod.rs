//! The rows of the table, by the way in which they are measured.

mod counts;
mod edge;
mod growth;
mod in_process;
mod processes;
mod second_check;

use crate::run::Run;
use anyhow::{Context as _, Result};
use std::collections::BTreeSet;

/// The last row.
pub(crate) const LAST: u8 = 16;

type Measure = fn(&mut Run<'_>) -> Result<()>;

/// Each measurement with the rows that it fills.
const MEASUREMENTS: [(&[u8], Measure); 12] = [
    (&[1, 2, 3], in_process::rules),
    (&[2, 3], in_process::libraries),
    (&[4], in_process::event),
    (&[5], in_process::log),
    (&[6], edge::warm),
    (&[7], edge::fresh),
    (&[8], edge::fetched),
    (&[9, 10, 15], processes::authorizer),
    (&[11], edge::body),
    (&[12], growth::decisions),
    (&[11, 13, 14], counts::all),
    (&[16], second_check::authorizer),
];

/// Fills these rows.
pub(crate) fn measure(run: &mut Run<'_>, rows: &BTreeSet<u8>, begun: impl Fn(&[u8])) -> Result<()> {
    for (of, measure) in MEASUREMENTS {
        if of.iter().any(|row| rows.contains(row)) {
            begun(of);
            measure(run).with_context(|| format!("rows {of:?} cannot be measured"))?;
        }
    }
    run.findings.retain(|finding| rows.contains(&finding.row.number));
    run.findings.sort_by_key(|finding| finding.row.number);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_measured() {
        let filled: BTreeSet<u8> = MEASUREMENTS.iter().flat_map(|(rows, _)| *rows).copied().collect();
        assert_eq!(filled, (1..=LAST).collect());
    }
}
