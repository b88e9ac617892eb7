//! What was decided again, against the other sides that were named. What was not compared is said.

use crate::audit::Audit;
use crate::database::{self, Compared};
use crate::error::AuditError;
use crate::warehouse::Reached;

/// Balances against the read models; what was not compared is said.
pub(super) fn read_models(audited: &mut Audit, address: Option<&str>, head: u64) -> Result<(), AuditError> {
    let Some(address) = address else {
        audited.compare("Not compared: the read models (give --read-url).".to_owned(), Vec::new());
        return Ok(());
    };
    match database::balances(address, head, std::mem::take(&mut audited.sums))? {
        Compared::Done { members, differences } => {
            audited.compare(format!("Compared with the read models: the balances of {members} members."), differences);
        }
        Compared::Elsewhere { passed } => audited.cannot_decide(format!(
            "the read models are at position {passed}, this log ends at {head}: take both while nothing is written, or \
             run `projectors check`"
        )),
    }
    Ok(())
}

/// Against ClickHouse. One that is away, or has not been sent all of the log, leaves it undecided.
pub(super) fn clickhouse(audited: &mut Audit, reached: Option<Reached>) {
    let warehouse = match reached {
        Some(Reached::There(warehouse)) => warehouse,
        Some(Reached::Not(why)) => return audited.cannot_decide(why),
        None => {
            return audited
                .compare("Not compared: ClickHouse (give --clickhouse-url).".to_owned(), Vec::new());
        }
    };
    let Some(expected) = audited.expected.take() else { return };
    let compared = warehouse.compare(expected, &mut |text| audited.differs(text));
    match compared {
        Ok(said) => audited.compare(said, Vec::new()),
        Err(error) => audited.cannot_decide(error.to_string()),
    }
    if let Some(why) = warehouse.behind() {
        audited.cannot_decide(why);
    }
}
