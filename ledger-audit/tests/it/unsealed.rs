//! What nobody has signed for is not called right.

use ledger_audit::verify::{Trust, Verdict};

use crate::tampering::{judge, log};

#[test]
fn what_nobody_sealed_is_not_called_right() {
    let mut log = log();
    log.shape.checkpoints.clear();
    let told = judge(&log.shape, &Trust::default());
    assert_eq!((told.verdict, told.verdict.exit_code()), (Verdict::Undecided, 2));
    log.shape.events.clear();
    assert_eq!(judge(&log.shape, &Trust::default()).verdict, Verdict::Undecided);
}
