//! Real runs, and the metrics that they leave behind: the functions' own out of their logs, AWS's own out of what `local` counts.

pub(crate) mod functions;
pub(crate) mod minutes;
pub(crate) mod rotations;
pub(crate) mod servers;
pub(crate) mod websocket;
