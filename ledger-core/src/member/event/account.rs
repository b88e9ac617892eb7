//! Two accounts of one woman become one, and two again.
//!
//! Both streams say what moves, whole, so that the fold of one never needs the other. Consents do not move: what was said
//! on an account was said there. Why an admin did it is in the vault, and the fact names it.

use serde::{Deserialize, Serialize};

use super::{HeldPart, Holding, MemberEvent};
use crate::ids::{MemberId, ReasonId};
use crate::member::books::Books;
use crate::member::coupons::OpenCoupon;
use crate::member::debts::Debt;
use crate::member::premium::Period;
use crate::member::state::StatusTrack;
use crate::money::Bonuses;
use crate::time::Timestamp;

/// A lot that moves, whole: it keeps its id, funder, life and place in the order of spending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EstateLot {
    /// What is left of it, with what makes it anew.
    pub lot: HeldPart,
    /// Where it is.
    pub holding: Holding,
}

/// What an account has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Estate {
    /// Since when she is a member by it.
    pub registered_at: Timestamp,
    /// Lots, in the order of spending.
    pub lots: Vec<EstateLot>,
    /// What is owed for its purchases.
    pub debts: Vec<Debt>,
    /// What was bought.
    pub books: Books,
    /// Coupons that can still be used.
    pub coupons: Vec<OpenCoupon>,
    /// What was paid for Premium.
    pub premium: Vec<Period>,
    /// The status without medical businesses, with the invitation.
    pub ordinary: StatusTrack,
    /// The status with them.
    pub with_medical: StatusTrack,
}

impl Estate {
    /// The lots' sum; at most what an amount holds.
    #[must_use]
    pub fn bonuses(&self) -> Bonuses {
        let amounts = self.lots.iter().map(|moved| moved.lot.part.amount);
        Bonuses::checked_sum(amounts).unwrap_or(Bonuses::from_kopecks(i64::MAX))
    }
}

/// Which way an estate moves, as a stream sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Away from it.
    Out,
    /// To it.
    In,
}

impl MemberEvent {
    /// The estate that moves, if one does.
    #[must_use]
    pub const fn estate(&self) -> Option<(Way, &Estate)> {
        if let Self::AccountMerged(AccountMerged { estate, .. })
        | Self::AccountParted(AccountParted { estate, .. }) = self
        {
            Some((Way::Out, estate))
        } else if let Self::AccountTakenIn(AccountTakenIn { estate, .. })
        | Self::AccountRestored(AccountRestored { estate, .. }) = self
        {
            Some((Way::In, estate))
        } else {
            None
        }
    }

    /// Whether it says of its stream's account that it goes into another, or stands for itself again.
    #[must_use]
    pub const fn is_about_accounts(&self) -> bool {
        matches!(self, Self::AccountMerged(_) | Self::AccountRestored(_))
    }
}

/// The account became one with another, to which all it had went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AccountMerged {
    /// The other, which stands for both.
    pub survivor: MemberId,
    /// Why, in the vault.
    pub reason_id: ReasonId,
    /// What went.
    pub estate: Estate,
}

/// The account took in another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AccountTakenIn {
    /// The other.
    pub absorbed: MemberId,
    /// Why, in the vault.
    pub reason_id: ReasonId,
    /// What came.
    pub estate: Estate,
    /// Whether she is invited to the inner circle after it.
    pub invited: bool,
}

/// An account that was taken in stands for itself again; what is left of what it had goes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AccountParted {
    /// Which.
    pub absorbed: MemberId,
    /// Why, in the vault.
    pub reason_id: ReasonId,
    /// What goes back.
    pub estate: Estate,
    /// Whether she is invited to the inner circle after it.
    pub invited: bool,
}

/// The account stands for itself again, with what is left of what it had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AccountRestored {
    /// The account it was one with.
    pub survivor: MemberId,
    /// Why, in the vault.
    pub reason_id: ReasonId,
    /// What came back.
    pub estate: Estate,
}
