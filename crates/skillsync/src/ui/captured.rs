//! A terminal for unit tests: what would have been printed, as text.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use anstream::AutoStream;

use crate::ui::ask::Audience;
use crate::ui::{Manner, Ui};

#[derive(Clone, Default)]
struct Buffer(Rc<RefCell<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a `Ui` made by hand has printed so far.
pub(crate) struct Captured {
    out: Buffer,
    err: Buffer,
}

impl Captured {
    /// All of stdout.
    pub(crate) fn out(&self) -> String {
        String::from_utf8_lossy(&self.out.0.borrow()).into_owned()
    }

    /// All of stderr.
    pub(crate) fn err(&self) -> String {
        String::from_utf8_lossy(&self.err.0.borrow()).into_owned()
    }
}

impl Ui {
    /// A `Ui` on two pipes, without colour, with nobody to ask.
    pub(crate) fn by_hand(manner: Manner) -> (Ui, Captured) {
        let (out, err) = (Buffer::default(), Buffer::default());
        let ui = Ui {
            manner,
            audience: Audience::NoTerminal,
            out: Box::new(AutoStream::never(Box::new(out.clone()) as Box<dyn Write>)),
            err: Box::new(AutoStream::never(Box::new(err.clone()) as Box<dyn Write>)),
            stdin_is_terminal: false,
            stdout_is_terminal: false,
            stderr_is_terminal: false,
            columns: None,
            working: None,
            has_document: false,
        };
        (ui, Captured { out, err })
    }
}
