//! A function of the user: a folder with its code, and how Lambda would run it.

use crate::lambda::process::{Interpreter, Launch};
use std::{
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// Runs a handler of a module in Node. Its arguments are the module and the name of the handler.
const NODE_RUNTIME: &str = include_str!("node_runtime.mjs");

/// The same for Python.
const PYTHON_RUNTIME: &str = include_str!("python_runtime.py");

/// The extensions of Node's modules, in the order in which Lambda looks for them.
const NODE_EXTENSIONS: [&str; 3] = ["js", "mjs", "cjs"];

/// A function of the user: Node, Python, or a program `bootstrap`.
#[derive(Clone)]
pub struct UserFunction {
    launch: Launch,
}

/// Why a folder is not a function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserFunctionError {
    /// The folder cannot be read.
    #[error("the folder cannot be read: {0}")]
    Folder(String),
    /// There is nothing in it that Lambda could run.
    #[error(
        "the folder has neither an executable file bootstrap, nor index.js, index.mjs or index.cjs, nor lambda_function.py"
    )]
    Nothing,
    /// The text is not a handler.
    #[error("the handler {0:?} is not FILE.NAME, like index.handler")]
    Handler(String),
    /// The file of the handler is missing.
    #[error(
        "the folder has no file for the handler {handler}: accepted are {file}.js, {file}.mjs, {file}.cjs and {file}.py"
    )]
    NoFile {
        /// The handler.
        handler: String,
        /// Its part before the dot.
        file: String,
    },
}

impl UserFunction {
    /// Finds the function in a folder. `handler` is Lambda's setting, like `index.handler`. Without it the function is the program
    /// `bootstrap`, or the handler that new functions have: `index.handler` in Node, `lambda_function.lambda_handler` in Python.
    ///
    /// # Errors
    /// If there is none.
    pub fn find(name: &str, folder: &Path, handler: Option<&str>) -> Result<Self, UserFunctionError> {
        // The process runs in the folder, where a relative path would lead elsewhere.
        let folder = fs::canonicalize(folder).map_err(|error| UserFunctionError::Folder(error.to_string()))?;
        let bootstrap = folder.join("bootstrap");
        let is_program =
            fs::metadata(&bootstrap).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0);
        if is_program {
            let mut launch = Launch::new(name, bootstrap.into_os_string());
            // A program on `provided.al2023` gets its handler in this variable.
            launch.environment.extend(handler.map(|handler| ("_HANDLER".to_owned(), handler.to_owned())));
            return Ok(Self::in_folder(folder, launch));
        }
        let Some(handler) = handler else {
            let default = ["index.handler", "lambda_function.lambda_handler"];
            let mut found = default.iter().filter_map(|handler| Self::of_handler(name, &folder, handler).ok());
            return found.next().ok_or(UserFunctionError::Nothing);
        };
        Self::of_handler(name, &folder, handler)
    }

    /// How a process of it is started.
    pub(crate) fn launch(&self, environment: &[(String, String)]) -> Launch {
        let mut launch = self.launch.clone();
        launch.environment.extend_from_slice(environment);
        launch
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.launch.name
    }

    fn of_handler(name: &str, folder: &Path, handler: &str) -> Result<Self, UserFunctionError> {
        // Of `src/auth.v2.handler` the file is `src/auth.v2`.
        let parts = handler.rsplit_once('.').filter(|(file, name)| {
            !file.is_empty() && !name.is_empty() && !name.contains('/') && Path::new(file).is_relative()
        });
        let (file, function) = parts.ok_or_else(|| UserFunctionError::Handler(handler.to_owned()))?;
        let found = |extension: &str| Some(folder.join(format!("{file}.{extension}"))).filter(|path| path.is_file());
        let launch = if let Some(module) = NODE_EXTENSIONS.iter().find_map(|extension| found(extension)) {
            let arguments: [OsString; 5] =
                ["--input-type=module".into(), "--eval".into(), NODE_RUNTIME.into(), module.into(), function.into()];
            Launch {
                interpreter: Some(Interpreter::Node),
                arguments: arguments.into(),
                ..Launch::new(name, "node".into())
            }
        } else if let Some(module) = found("py") {
            let arguments: [OsString; 4] = ["-c".into(), PYTHON_RUNTIME.into(), module.into(), function.into()];
            Launch {
                interpreter: Some(Interpreter::Python),
                arguments: arguments.into(),
                ..Launch::new(name, "python3".into())
            }
        } else {
            return Err(UserFunctionError::NoFile { handler: handler.to_owned(), file: file.to_owned() });
        };
        Ok(Self::in_folder(folder.to_owned(), launch))
    }

    fn in_folder(folder: PathBuf, launch: Launch) -> Self {
        Self { launch: Launch { folder: Some(folder), ..launch } }
    }
}
