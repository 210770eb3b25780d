//! A panic as a verdict: runs a closure full of assertions and gives what failed, and where, as text.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    /// While a judge runs on this thread: what its panic said, and where.
    static SAID: RefCell<Option<String>> = const { RefCell::new(None) };
    static JUDGES: Cell<bool> = const { Cell::new(false) };
}

/// Runs a judge. Its panic is a verdict, so it is returned in words and not printed.
pub(crate) fn quietly(judge: impl FnOnce()) -> Result<(), String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if JUDGES.get() {
                let place = info.location().map(|l| format!("{}:{}", l.file(), l.line())).unwrap_or_default();
                let words = info.payload_as_str().unwrap_or("a panic without words");
                SAID.set(Some(format!("{place}: {words}")));
            } else {
                usual(info);
            }
        }));
    });
    JUDGES.set(true);
    let judged = catch_unwind(AssertUnwindSafe(judge));
    JUDGES.set(false);
    judged.map_err(|_| SAID.take().unwrap_or_default())
}
