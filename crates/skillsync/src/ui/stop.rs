//! Why a command stops: an error of some room, a wrong command line, an answer, or an output that takes no more.

use std::io;

use skillsync_core::fault::Fault;

/// What ends a command before its end. `?` makes one of every room's error.
#[derive(Debug)]
pub enum Stop {
    /// Something failed below.
    Fault(Box<dyn Fault>),
    /// The command line asks for what cannot be done as asked.
    Usage(Usage),
    /// A word on the command line that a type of ours refused: said as that type says it, ended as a wrong use.
    Argument(Box<dyn Fault>),
    /// The person answered no. Nothing was changed since the question.
    Declined,
    /// The report could not be written; a reader that closed the pipe is no failure.
    Output(io::Error),
}

/// A wrong command line: what is wrong, and what to type instead.
#[derive(Debug)]
pub struct Usage {
    /// What is wrong, without a full stop.
    pub message: String,
    /// What to type instead.
    pub hint: Option<String>,
}

impl Stop {
    /// A wrong use that clap cannot see: a path where a name is due, two options that need each other.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Stop {
        Stop::Usage(Usage { message: message.into(), hint: Some(hint.into()) })
    }
}

impl<E: Fault> From<E> for Stop {
    fn from(fault: E) -> Stop {
        Stop::Fault(Box::new(fault))
    }
}
