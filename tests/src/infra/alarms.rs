//! The alarms of the templates: that each rings in its outage, and is silent where all is well.

pub(crate) mod cloudwatch;
