//! What tests of every subject need: the programs, keys, clients, moto, and the search for secrets in texts.

pub(crate) mod artifacts;
pub(crate) mod aws_clients;
pub(crate) mod bootstrap;
pub(crate) mod client;
pub(crate) mod echo;
pub(crate) mod edge_process;
pub(crate) mod keys;
pub(crate) mod leaks;
pub(crate) mod moto;
pub(crate) mod patience;
pub(crate) mod said_once;
pub(crate) mod terminal;
pub(crate) mod tls;
pub(crate) mod whole_path;
