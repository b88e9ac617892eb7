//! What a member has at a moment. Rule B6.

use std::collections::BTreeMap;

use crate::member::event::Holding;
use crate::member::state::{LiveLot, MemberState};
use crate::money::Bonuses;
use crate::time::Timestamp;

/// A balance at a moment, whether or not what is due has been written. Rules B5, B6.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Balance {
    /// Spendable now.
    pub available: Bonuses,
    /// Earned, not yet spendable.
    pub pending: Bonuses,
    /// Reserved for a redemption.
    pub held: Bonuses,
    /// Owed back. Rule F3.
    pub debt: Bonuses,
    /// What expires soon, by its last moment.
    pub expiring_soon: BTreeMap<Timestamp, Bonuses>,
}

impl Balance {
    /// available + held + pending; `None` when the sum does not fit. Rule B6.
    #[must_use]
    pub fn total(&self) -> Option<Bonuses> {
        Bonuses::checked_sum([self.available, self.held, self.pending])
    }
}

/// Where a lot's rest counts at `now`; `None` once it is past its life. Rules B5, B6.
#[must_use]
pub fn holding_at(available_from: Timestamp, expires_at: Timestamp, now: Timestamp) -> Option<Holding> {
    if now > expires_at {
        None
    } else if now < available_from {
        Some(Holding::Pending)
    } else {
        Some(Holding::Available)
    }
}

/// The balance of `lots` at `now`; `None` when a sum does not fit. Rule B6.
///
/// The lots come in the order of spending (Rule B7), each with what overdue holds will give back of it (Rule R1). What is
/// available pays `debt` first, as it will be written (Rule F3).
#[must_use]
pub fn balance_of<'a>(
    lots: impl Iterator<Item = (&'a LiveLot, Bonuses)>,
    debt: Bonuses,
    now: Timestamp,
    expiring_soon_days: u32,
) -> Option<Balance> {
    let soon = now.moscow_day().plus_days(expiring_soon_days).end();
    let mut balance = Balance { debt, ..Balance::default() };
    for (lot, overdue) in lots {
        balance.held = balance.held.checked_add(lot.held)?.checked_sub(overdue)?;
        let Some(holding) = holding_at(lot.available_from, lot.expires_at, now) else { continue };
        let mut left = lot.left.checked_add(overdue)?;
        let account = match holding {
            Holding::Pending => &mut balance.pending,
            Holding::Available => {
                let pays = left.min(balance.debt);
                balance.debt = balance.debt.checked_sub(pays)?;
                left = left.checked_sub(pays)?;
                &mut balance.available
            }
        };
        *account = account.checked_add(left)?;
        if lot.expires_at <= soon && left.is_positive() {
            let expiring = balance.expiring_soon.entry(lot.expires_at).or_default();
            *expiring = expiring.checked_add(left)?;
        }
    }
    Some(balance)
}

impl MemberState {
    /// Her balance at `now`; `None` when a sum does not fit. Rule B6.
    #[must_use]
    pub fn balance(&self, now: Timestamp, expiring_soon_days: u32) -> Option<Balance> {
        let lots = self.live_lots().map(|lot| {
            let overdue =
                if lot.held.is_positive() { self.overdue_of(lot.lot_id, now) } else { Bonuses::ZERO };
            (lot, overdue)
        });
        balance_of(lots, self.debt()?, now, expiring_soon_days)
    }
}
