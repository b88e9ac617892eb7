//! The servers. Those that a test stops or kills are its own; the others are shared while any test uses them.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use local_stack::{Stack, StackOptions};

static SHARED: Mutex<Weak<Stack>> = Mutex::new(Weak::new());

/// The servers that the tests of this binary share. They stop, and their folder goes, with the last test that holds them.
#[must_use]
pub fn shared() -> Arc<Stack> {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(stack) = shared.upgrade() {
        return stack;
    }
    let stack = own();
    *shared = Arc::downgrade(&stack);
    stack
}

/// Servers of one's own.
#[must_use]
pub fn own() -> Arc<Stack> {
    Arc::new(Stack::start(&StackOptions::temporary()).expect("the servers start"))
}
