//! What a caller can do about an error: its kind, a stable code, a hint. Each face maps kinds; no face reads messages.

/// What went wrong, seen from the caller: the one thing that exit codes and HTTP statuses are made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The input is wrong: a name, a file's content, an option.
    Invalid,
    /// The named thing does not exist.
    NotFound,
    /// A thing of that name is already there.
    Exists,
    /// Somebody else holds it.
    Locked,
    /// Two changes disagree; somebody must decide.
    Conflict,
    /// A signature or digest does not hold.
    Untrusted,
    /// Not permitted.
    Denied,
    /// A bound of `limits` was reached.
    Limit,
    /// What was asked for needs a network that is not there.
    Offline,
    /// The machine refused: disk full, permission, broken device.
    Io,
}

/// An error that a face can show: a kind, a stable code for programs, and a hint with the next step.
pub trait Fault: std::error::Error + Send + Sync + 'static {
    /// What a caller can do about it.
    fn kind(&self) -> Kind;

    /// A stable identifier in kebab-case (`skill-not-found`), listed in `docs/exit-codes.md`.
    fn code(&self) -> &'static str;

    /// What to do next, apart from what failed. A command to type where there is one.
    fn hint(&self) -> Option<String> {
        None
    }
}

/// An error with all its causes as one line, for reports that have one line for each thing.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}
