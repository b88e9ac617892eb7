//! Where something stands that waits for a second person, or did.

use chrono::{DateTime, TimeDelta, Utc};
use pii_vault::auth::{Approval, ApprovalKind};

use crate::auth::{Permission, Role};
use crate::call::Call;
use crate::intake;
use crate::problem::ApiError;

/// How long after the decision what was approved may be carried out, in hours.
const CARRY_OUT_HOURS: i64 = 72;

/// Where something stands that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Open,
    Approved,
    CarriedOut,
    Rejected,
    Expired,
    Lapsed,
}

/// What an approval's row alone does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    /// The log has what was asked for.
    is_done: bool,
    /// Whoever asked could ask for it now, and the member it is about is there.
    is_live: bool,
}

impl State {
    fn of(approval: &Approval, now: DateTime<Utc>, Seen { is_done, is_live }: Seen) -> Self {
        let over = |since: DateTime<Utc>| since + TimeDelta::hours(CARRY_OUT_HOURS) <= now;
        match approval.decided {
            _ if is_done => Self::CarriedOut,
            Some((_, _, false)) => Self::Rejected,
            None if approval.expires_at <= now => Self::Expired,
            _ if !is_live || approval.ended_at.is_some() => Self::Lapsed,
            Some((_, decided_at, true)) if over(decided_at) => Self::Lapsed,
            Some((_, _, true)) => Self::Approved,
            None => Self::Open,
        }
    }

    /// Where it stands now.
    pub(super) async fn now(call: &Call, approval: &Approval) -> Result<Self, ApiError> {
        let is_done = approval.carried_out_at.is_some() || intake::is_known(call, &approval.key).await?;
        let is_gone = approval.subject.is_some_and(|member| call.app.gone.has(member));
        let is_live = !is_gone && asker_may(call, approval).await?;
        Ok(Self::of(approval, call.now().to_utc(), Seen { is_done, is_live }))
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Approved => "approved",
            Self::CarriedOut => "carried_out",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Lapsed => "lapsed",
        }
    }
}

/// What whoever asked must be allowed to do.
const fn needed_for(kind: ApprovalKind) -> Permission {
    match kind {
        // A coupon whose bonuses the coalition bears is a gift of its admins', not of a business's people.
        ApprovalKind::ManualBonus | ApprovalKind::CoalitionCoupon => Permission::GrantBonuses,
        ApprovalKind::BonusLimit => Permission::PublishPolicies,
    }
}

/// Whether whoever asked is there and could ask for it now.
async fn asker_may(call: &Call, approval: &Approval) -> Result<bool, ApiError> {
    let role = call.app.vault.approvals().live_role(approval.asked_by, approval.asked_at).await?;
    let role = role.as_deref().and_then(Role::of);
    Ok(role.is_some_and(|role| role.may(needed_for(approval.kind))))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(hours)
    }

    fn decided(decided: Option<(i64, bool)>) -> Approval {
        Approval {
            approval_id: Uuid::from_u128(1),
            number: 1,
            kind: ApprovalKind::ManualBonus,
            subject: None,
            key: [1; 32],
            inputs: Vec::new(),
            asked_by: Uuid::from_u128(2),
            asked_at: at(0),
            expires_at: at(72),
            decided: decided.map(|(hours, approved)| (Uuid::from_u128(3), at(hours), approved)),
            carried_out_at: None,
            ended_at: None,
        }
    }

    #[test]
    fn what_was_approved_lapses_unless_it_is_carried_out_in_time() {
        let live = Seen { is_done: false, is_live: true };
        let (open, approved, rejected) =
            (decided(None), decided(Some((70, true))), decided(Some((70, false))));
        for (approval, hours, state) in [
            (&open, 71, State::Open),
            (&open, 72, State::Expired),
            (&approved, 72, State::Approved),
            (&approved, 141, State::Approved),
            (&approved, 142, State::Lapsed),
            (&rejected, 200, State::Rejected),
        ] {
            assert_eq!(State::of(approval, at(hours), live), state, "{hours}");
        }
        let gone = Seen { is_done: false, is_live: false };
        assert_eq!(State::of(&open, at(1), gone), State::Lapsed, "who asked is gone");
        assert_eq!(State::of(&approved, at(71), gone), State::Lapsed);
        let ended = Approval { ended_at: Some(at(1)), ..decided(None) };
        assert_eq!(State::of(&ended, at(2), live), State::Lapsed, "she was forgotten");
        let done = Seen { is_done: true, is_live: false };
        assert_eq!(State::of(&approved, at(200), done), State::CarriedOut, "the log has it for ever");
    }
}
