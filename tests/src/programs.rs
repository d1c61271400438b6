//! What every program owes to the person or the program that started it: it says why it failed, and it fails if its output cannot
//! be written.

mod on_a_terminal;
mod stopped_functions;
mod unwritten_keys;
mod unwritten_logs;
mod unwritten_output;
