//! Which processor measures, and which does everything else.

use anyhow::{Context as _, Result, ensure};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// All that is measured runs on one processor, the harness on the others.
#[derive(Clone, Debug)]
pub(crate) struct Processors {
    pub(crate) measured: usize,
    pub(crate) others: Vec<usize>,
}

impl Processors {
    /// Keeps this thread, and all that it starts from now on, off the processor that measures.
    pub(crate) fn choose() -> Result<Self> {
        let allowed = sched_getaffinity(None).context("the system does not say which processors may be used")?;
        let mut others: Vec<_> = (0..CpuSet::MAX_CPU).filter(|at| allowed.is_set(*at)).collect();
        let measured = others.pop().context("no processor may be used")?;
        ensure!(
            !others.is_empty(),
            "this machine has one processor, and the comparison needs two: one measures, one does the rest\n\
             hint: run it on a machine, or in a container, with two processors"
        );
        let processors = Self { measured, others };
        bind(&processors.others)?;
        Ok(processors)
    }

    /// Runs this with what it starts on the processor that measures.
    pub(crate) fn on_measured<T>(&self, act: impl FnOnce() -> T) -> Result<T> {
        bind(&[self.measured])?;
        let done = act();
        bind(&self.others)?;
        Ok(done)
    }
}

/// This thread, and the threads and processes that it starts.
fn bind(processors: &[usize]) -> Result<()> {
    let mut set = CpuSet::new();
    processors.iter().for_each(|at| set.set(*at));
    sched_setaffinity(None, &set).context("the processor cannot be chosen")
}
