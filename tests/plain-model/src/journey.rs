//! A whole purchase history by the rules of history import (Rule T6), and its totals per member and per business.
//!
//! Readings:
//! - Every member is registered by the import with her first purchase, with every consent that it needs.
//! - What expired is what is past its life at the moment that is asked about, whether or not it was written.
//! - A status is the one after her last purchase; [`Journey::review`] evaluates all of them at a real time.

use std::collections::BTreeMap;

use ledger_core::ids::PurchaseId;
use ledger_core::time::Timestamp;

use crate::circle::Circle;
use crate::member::{Command, Document, Member, Outcome};
use crate::status::Status;
use crate::{Kopecks, Refusal};

/// One purchase of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Line {
    pub id: PurchaseId,
    /// Whatever names the member.
    pub member: String,
    /// The slug.
    pub business: String,
    pub amount: Kopecks,
    pub occurred_at: Timestamp,
}

/// What came of a history for one member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct OfMember {
    pub purchases: usize,
    pub accrued: Kopecks,
    pub expired: Kopecks,
    /// Available and pending.
    pub balance: Kopecks,
    pub status: Status,
}

/// What came of a history for one business: of the lots that were earned there, whoever funds them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct OfBusiness {
    pub purchases: usize,
    pub accrued: Kopecks,
    /// What of it the business funds.
    pub funded: Kopecks,
    pub expired: Kopecks,
    pub outstanding: Kopecks,
}

/// A history as it is read, line by line.
#[derive(Debug, Clone)]
pub struct Journey {
    circle: Circle,
    members: BTreeMap<String, Member>,
    now: Timestamp,
}

impl Journey {
    /// Nobody has bought anything; the import runs at `now`.
    #[must_use]
    pub const fn new(circle: Circle, now: Timestamp) -> Self {
        Self { circle, members: BTreeMap::new(), now }
    }

    /// Takes the next line. Rule T6: sorted by time.
    ///
    /// # Errors
    /// The code of a refusal, or the outcome of a line that is not recorded.
    pub fn take(&mut self, line: &Line) -> Result<(), Refusal> {
        let member = self.members.entry(line.member.clone()).or_default();
        if member.registered_at.is_none() {
            let mut consents: Vec<_> =
                self.circle.businesses.iter().map(|business| (business.consent(), true)).collect();
            consents.push(("personal_data".to_owned(), true));
            let command = Command::Register { at: line.occurred_at, consents };
            member.command(&self.circle, self.now, &command)?;
        }
        let document = Document {
            id: line.id,
            business: line.business.clone(),
            revision: 1,
            amount: line.amount,
            occurred_at: line.occurred_at,
            source: 0,
            redemption: None,
            redeem_amount: None,
            coupon: None,
            import: Some(None),
        };
        // Not through `Member::command`: what an import refuses, it refuses before it changes anything.
        match member.purchase(&self.circle, self.now, &document)? {
            Outcome::Recorded { .. } => Ok(()),
            _ => Err("NOT_RECORDED"),
        }
    }

    /// The daily review of all members at a real time, after the import. Rules S2, T6.
    pub fn review(&mut self, at: Timestamp) {
        self.members.values_mut().for_each(|member| member.review(&self.circle, at));
    }

    /// The totals at `now`, per member and per business.
    #[must_use]
    pub fn totals(&self, now: Timestamp) -> (BTreeMap<String, OfMember>, BTreeMap<String, OfBusiness>) {
        let mut of_members = BTreeMap::new();
        let mut of_businesses = BTreeMap::<String, OfBusiness>::new();
        for (name, member) in &self.members {
            let after = member.at(&self.circle, now);
            let expired = |member: &Member| member.lots.iter().map(crate::lot::Lot::expired).sum();
            of_members.insert(
                name.clone(),
                OfMember {
                    purchases: after.purchases.len(),
                    accrued: after.purchases.iter().map(|purchase| purchase.accrual).sum(),
                    expired: expired(&after),
                    balance: after.balance(&self.circle, now).total,
                    status: after.shown(now),
                },
            );
            for purchase in &after.purchases {
                let business = of_businesses.entry(purchase.business.clone()).or_default();
                business.purchases += 1;
                business.accrued += purchase.accrual;
                for lot in after.lots.iter().filter(|lot| lot.purchase == Some(purchase.id)) {
                    business.funded += if lot.funder == purchase.business { lot.issued() } else { 0 };
                    business.expired += lot.expired();
                    business.outstanding += lot.issued() - lot.expired();
                }
            }
        }
        (of_members, of_businesses)
    }
}
