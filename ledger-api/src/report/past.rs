//! What the log says of her that no read model keeps: lots as they were given, earlier statuses, refunds, steps of chains, changes
//! of her phone.
//!
//! Each account has a past of its own, since accounts that are one may have been two before: what went back to another account when
//! they parted is that one's to be told of. Those that are one now are told together.

use std::collections::{BTreeMap, BTreeSet};

use ledger_core::ids::{BusinessId, ChainId, LotId, MemberId, PurchaseId};
use ledger_core::member::event::{
    AccountParted, ChainConverted, Estate, FromChain, MemberEvent, PurchaseRefunded, StatusChanged,
};
use ledger_core::member::lot::{Lot, LotOrigin};
use ledger_core::money::Bonuses;
use ledger_core::time::Timestamp;

use super::Reader;
use super::details::{
    ReportedDetails, ReportedLot, ReportedPeriod, ReportedPhoneChange, ReportedRefund, ReportedStatusChange,
    ReportedTrigger,
};
use super::hers::About;
use crate::problem::ApiError;
use crate::read;

/// What a step brings that gives a coupon; the core names what else it may bring.
pub(super) const COUPON: &str = "coupon";

/// A lot as it was given, or as it came.
struct Given {
    at: Timestamp,
    origin: LotOrigin,
    amount: Bonuses,
    available_from: Timestamp,
    expires_at: Timestamp,
    /// The account it came with, if it came with one.
    with: Option<MemberId>,
}

/// A step that a purchase triggered.
struct Trigger {
    key: (ChainId, u32, u32, PurchaseId),
    bought_at: Timestamp,
    until: Timestamp,
    from: Option<BusinessId>,
    to: BusinessId,
    brings: &'static str,
}

/// What one account's stream says, or those of accounts that are one.
#[derive(Default)]
pub(super) struct Past {
    given: BTreeMap<LotId, Given>,
    /// Lots that came with another account.
    came: BTreeMap<LotId, Given>,
    statuses: Vec<(Timestamp, StatusChanged)>,
    refunds: Vec<(Timestamp, PurchaseRefunded)>,
    triggers: Vec<Trigger>,
    followed: BTreeMap<(ChainId, u32, u32, PurchaseId), Timestamp>,
    phones: Vec<Timestamp>,
}

impl Past {
    /// One more fact of its account; most say nothing that is told here.
    pub(super) fn add(&mut self, at: Timestamp, fact: &MemberEvent) {
        match fact {
            MemberEvent::BonusAccrued(fact) => {
                fact.lots.iter().for_each(|lot| self.give(at, lot, fact.origin()));
            }
            MemberEvent::BonusGifted(fact) => self.give(at, &fact.lot, fact.origin()),
            MemberEvent::BonusAdjusted(fact) => self.give(at, &fact.lot, fact.origin()),
            MemberEvent::CouponRedeemed(fact) => {
                fact.lot.iter().for_each(|lot| self.give(at, lot, fact.origin()));
            }
            MemberEvent::CouponReckoned(fact) => {
                fact.lot.iter().for_each(|lot| self.give(at, lot, fact.origin()));
            }
            MemberEvent::CrossBonusAccrued(fact) => {
                fact.lot.iter().for_each(|lot| self.give(at, lot, fact.origin()));
            }
            MemberEvent::BonusReturned(fact) => {
                fact.instead.iter().for_each(|lot| self.give(at, lot, fact.origin()));
            }
            MemberEvent::StatusChanged(fact) => self.statuses.push((at, fact.clone())),
            MemberEvent::PurchaseRefunded(fact) => self.refunds.push((at, fact.clone())),
            MemberEvent::CouponIssued(fact) => {
                fact.chain.iter().for_each(|chain| self.trigger(chain, fact.business_id, COUPON));
            }
            MemberEvent::ChainTriggered(fact) => {
                self.trigger(&fact.chain, fact.business_id, fact.promise.as_str());
            }
            MemberEvent::ChainConverted(fact) => self.follow(fact),
            MemberEvent::PhoneChanged(_) => self.phones.push(at),
            MemberEvent::AccountTakenIn(fact) => self.come(at, fact.absorbed, &fact.estate),
            MemberEvent::AccountRestored(fact) => self.come(at, fact.survivor, &fact.estate),
            MemberEvent::AccountParted(fact) => self.part(fact),
            _ => {}
        }
    }

    fn give(&mut self, at: Timestamp, lot: &Lot, origin: LotOrigin) {
        let Lot { lot_id, amount, available_from, expires_at, .. } = *lot;
        self.given.insert(lot_id, Given { at, origin, amount, available_from, expires_at, with: None });
    }

    fn trigger(&mut self, chain: &FromChain, to: BusinessId, brings: &'static str) {
        self.triggers.push(Trigger {
            key: (chain.chain_id, chain.version, chain.step, chain.purchase_id),
            bought_at: chain.bought_at,
            until: chain.until,
            from: chain.trail.last().copied(),
            to,
            brings,
        });
    }

    fn follow(&mut self, fact: &ChainConverted) {
        let key = (fact.chain_id, fact.version, fact.step, fact.trigger_id);
        self.followed.insert(key, fact.bought_at);
    }

    fn come(&mut self, at: Timestamp, with: MemberId, estate: &Estate) {
        for moved in &estate.lots {
            let (held, part) = (&moved.lot, &moved.lot.part);
            self.came.insert(
                part.lot_id,
                Given {
                    at,
                    origin: part.origin,
                    amount: part.amount,
                    available_from: held.available_from,
                    expires_at: held.expires_at,
                    with: Some(with),
                },
            );
        }
    }

    /// What came with the account, and what became of its purchases, is the other's again.
    fn part(&mut self, fact: &AccountParted) {
        let lots: BTreeSet<LotId> = fact.estate.lots.iter().map(|moved| moved.lot.part.lot_id).collect();
        let purchases: BTreeSet<PurchaseId> = fact.estate.books.purchases().collect();
        self.came.retain(|id, lot| lot.with != Some(fact.absorbed) && !lots.contains(id));
        self.given.retain(|id, _| !lots.contains(id));
        self.refunds.retain(|(_, refund)| !purchases.contains(&refund.purchase_id));
        self.triggers.retain(|trigger| !purchases.contains(&trigger.key.3));
    }

    /// The pasts of accounts that are one, as one.
    pub(super) fn together(pasts: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self::default();
        for past in pasts {
            all.given.extend(past.given);
            all.came.extend(past.came);
            all.statuses.extend(past.statuses);
            all.refunds.extend(past.refunds);
            all.triggers.extend(past.triggers);
            all.followed.extend(past.followed);
            all.phones.extend(past.phones);
        }
        // Of a lot that one of them was given it is told as it was given.
        let Self { given, came, .. } = &mut all;
        came.retain(|id, _| !given.contains_key(id));
        all.statuses.sort_by_key(|(at, _)| *at);
        all.refunds.sort_by_key(|(at, _)| *at);
        all.triggers.sort_by_key(|trigger| trigger.bought_at);
        all.phones.sort();
        all
    }
}

impl About<'_> {
    /// What is told one by one; of what an admin could learn of clinics by, nothing in an admin's copy.
    pub(super) async fn details(&self, past: &Past) -> Result<ReportedDetails, ApiError> {
        let periods = read::report::premium(self.app, self.accounts).await?;
        let open = ReportedDetails {
            premium_periods: periods.into_iter().map(|(from, to)| ReportedPeriod { from, to }).collect(),
            phone_changes: past.phones.iter().map(|at| ReportedPhoneChange { at: *at }).collect(),
            ..ReportedDetails::default()
        };
        if self.reader == Reader::Admin {
            return Ok(open);
        }
        Ok(ReportedDetails {
            lots: self.lots(past).await?,
            statuses: past.statuses.iter().map(|(at, fact)| status(*at, fact)).collect(),
            refunds: past.refunds.iter().map(|(at, fact)| self.refund(*at, fact)).collect(),
            chain_triggers: past.triggers.iter().map(|trigger| self.trigger(past, trigger)).collect(),
            ..open
        })
    }

    async fn lots(&self, past: &Past) -> Result<Vec<ReportedLot>, ApiError> {
        let left = read::report::left(self.app, self.accounts, self.now).await?;
        let told = past.given.iter().chain(&past.came).map(|(id, lot)| ReportedLot {
            at: lot.at,
            origin: lot.origin.kind(),
            business: lot.origin.business_id().and_then(|business| self.named(business.as_uuid())),
            amount: lot.amount,
            left: left.get(&id.as_uuid()).copied().unwrap_or(Bonuses::ZERO),
            available_from: lot.available_from,
            expires_at: lot.expires_at,
        });
        let mut told: Vec<ReportedLot> = told.collect();
        told.sort_by_key(|lot| (lot.at, lot.expires_at));
        Ok(told)
    }

    fn refund(&self, at: Timestamp, fact: &PurchaseRefunded) -> ReportedRefund {
        ReportedRefund {
            at,
            business: self.named(fact.business_id.as_uuid()),
            transaction_id: fact.purchase_id.as_uuid(),
            bill: fact.bill,
            amount: fact.amount,
        }
    }

    fn trigger(&self, past: &Past, trigger: &Trigger) -> ReportedTrigger {
        ReportedTrigger {
            at: trigger.bought_at,
            chain_id: trigger.key.0.as_uuid(),
            from: trigger.from.and_then(|business| self.named(business.as_uuid())),
            to: self.named(trigger.to.as_uuid()),
            until: trigger.until,
            brings: trigger.brings,
            followed_at: past.followed.get(&trigger.key).copied(),
        }
    }
}

fn status(at: Timestamp, fact: &StatusChanged) -> ReportedStatusChange {
    ReportedStatusChange {
        at,
        track: fact.track.as_str(),
        from: fact.from.as_str(),
        to: fact.to.as_str(),
        reason: fact.reason.as_str(),
    }
}

#[cfg(test)]
mod tests;
