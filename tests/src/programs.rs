//! What every program owes to the person or the program that started it: how it says that something failed.

mod stopped_functions;
