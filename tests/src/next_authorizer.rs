//! The user's own authorizer: real functions in Node and in Python, through Lambda's API, asked as the authorizer asks them.

mod answers;
mod conversions;
mod end_to_end;
mod functions;
