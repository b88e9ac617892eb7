//! What one member had, from her own facts alone. Rules B6, T1.

use ledger_core::ids::MemberId;
use ledger_core::log::{Event, Position};
use ledger_core::member::MemberState;
use ledger_core::time::Timestamp;
use serde::Serialize;

use crate::error::AuditError;
use crate::verify::{Events, check};

/// Up to where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The log up to this position, looked at when that was recorded.
    Position(Position),
    /// What the log had taken by this moment, looked at then.
    Moment(Timestamp),
}

impl std::str::FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(position) = text.parse() {
            return Ok(Self::Position(position));
        }
        text.parse().map(Self::Moment).map_err(|_| {
            "neither a position such as 1200 nor a moment such as 2026-03-01T12:00:00Z".to_owned()
        })
    }
}

/// A balance, with where it comes from. Amounts as the HTTP contract writes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Balance {
    /// Whose.
    pub member_id: MemberId,
    /// When it is looked at.
    pub at: Timestamp,
    /// How many of her facts it is made of.
    pub facts: u64,
    /// The newest of them.
    pub position: Position,
    /// Available, held and pending.
    pub total: String,
    /// Spendable.
    pub available: String,
    /// Not yet.
    pub pending: String,
    /// Reserved.
    pub held: String,
    /// Owed.
    pub debt: String,
    /// Her status as shown.
    pub status: String,
}

/// How many days ahead `expiring_soon` looks: it is not shown here.
const SOON_DAYS: u32 = 30;

/// Her balance.
///
/// # Errors
/// [`AuditError`] for a log that cannot be read, or a member whom it does not know.
pub fn balance(events: &mut dyn Events, member: MemberId, at: At) -> Result<Balance, AuditError> {
    let named = member.as_uuid().to_string().into_bytes();
    let (mut state, mut line) = (MemberState::default(), Vec::new());
    let (mut facts, mut newest, mut passed, mut looked_at) = (0, 0, 0_i64, None);
    while let Some(whole) = events.read(&mut line)? {
        passed += 1;
        if matches!(at, At::Position(until) if passed > until) {
            break;
        }
        let is_last = matches!(at, At::Position(until) if passed == until);
        // Most lines are about somebody else; the moment of the last one is asked for, whoever it is about.
        if !is_last && !line.windows(named.len()).any(|window| window == named) {
            continue;
        }
        let checked = check(&line, whole, true);
        if let Some((_, text)) = checked.faults.first() {
            return Err(AuditError::Input(format!(
                "position {passed}: {text}. Run `ledger-audit verify` first"
            )));
        }
        let (Some(row), Some(event)) = (checked.row, checked.event) else { continue };
        if is_last {
            looked_at = Some(row.recorded_at);
        }
        if matches!(at, At::Moment(until) if row.recorded_at > until) || row.stream_id != member.as_uuid() {
            continue;
        }
        if let Event::Member(event) = *event {
            state
                .apply(row.position, row.occurred_at, &event)
                .map_err(|error| AuditError::Input(error.to_string()))?;
            (facts, newest) = (facts + 1, row.position);
        }
    }
    let now = match at {
        At::Moment(at) => at,
        At::Position(position) => looked_at.ok_or_else(|| {
            AuditError::Input(format!("the log ends at position {passed}; {position} was asked for"))
        })?,
    };
    let unknown = || AuditError::Input(format!("the log does not know member {} by then", member.as_uuid()));
    let balance = state.balance(now, SOON_DAYS).filter(|_| state.is_registered()).ok_or_else(unknown)?;
    Ok(Balance {
        member_id: member,
        at: now,
        facts,
        position: newest,
        total: balance.total().map_or_else(String::new, |total| total.to_string()),
        available: balance.available.to_string(),
        pending: balance.pending.to_string(),
        held: balance.held.to_string(),
        debt: balance.debt.to_string(),
        status: state.status_at(now).as_str().to_owned(),
    })
}
