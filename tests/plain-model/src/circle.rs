//! What all members share: policies, businesses, refunds that wait. Rules P1, B3, D4.
//!
//! Readings:
//! - P1: the lag that decides between the two moments is the one of the policy in force now.
//! - B3, B5, R2: a business's own terms are looked up at the same moment as the policy.
//! - B3: of two periods that overlap, the one set last counts.

use chrono::TimeDelta;
use ledger_core::category::Category;
use ledger_core::ids::{PurchaseId, RefundId};
use ledger_core::time::Timestamp;

use crate::chain::Chain;
use crate::status::Status;
use crate::{Kopecks, calendar};

/// One version of the policy. Rates in ten-thousandths, multipliers in hundredths, amounts in kopecks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the rule book")]
pub struct Policy {
    pub effective_from: Timestamp,
    /// By status, insider first.
    pub rates: [i128; 4],
    pub premium_rate: i128,
    /// By status, insider first.
    pub new_category: [i128; 4],
    pub life_days: u32,
    pub hold_days: u32,
    pub expiring_soon_days: u32,
    pub returned_life_days: u32,
    pub expired_to_coalition: bool,
    pub redeem_share: i128,
    pub redeem_min: Kopecks,
    pub hold_minutes: i64,
    pub max_age_days: i64,
    pub duplicate_minutes: i64,
    pub future_minutes: i64,
    pub policy_lag_hours: i64,
    pub before_membership_hours: i64,
    pub orphan_days: i64,
    pub activation_days: i64,
    pub cross_bonus_rate: i128,
    pub chain_max_depth: usize,
    /// In hundredths of a percent.
    pub chain_holdout: u32,
    /// For vip, elite, inner circle.
    pub spent: [Kopecks; 3],
    /// For vip, elite; the inner circle needs all.
    pub categories: [usize; 2],
    pub window_months: u32,
    pub grace_days: u32,
}

impl Default for Policy {
    /// The rule book's last paragraph.
    fn default() -> Self {
        Self {
            effective_from: Timestamp::BEGINNING,
            rates: [500, 700, 1_000, 1_000],
            premium_rate: 1_000,
            new_category: [150, 200, 200, 200],
            life_days: 90,
            hold_days: 0,
            expiring_soon_days: 30,
            returned_life_days: 7,
            expired_to_coalition: false,
            redeem_share: 5_000,
            redeem_min: 100,
            hold_minutes: 15,
            max_age_days: 90,
            duplicate_minutes: 30,
            future_minutes: 5,
            policy_lag_hours: 24,
            before_membership_hours: 24,
            orphan_days: 30,
            activation_days: 5,
            cross_bonus_rate: 1_000,
            chain_max_depth: 4,
            chain_holdout: 0,
            spent: [3_000_000, 10_000_000, 20_000_000],
            categories: [3, 5],
            window_months: 12,
            grace_days: 30,
        }
    }
}

impl Policy {
    /// Rule B1.
    #[must_use]
    pub const fn rate(&self, status: Status) -> i128 {
        self.rates[status.place()]
    }

    /// Rule B2.
    #[must_use]
    pub const fn new_category(&self, status: Status) -> i128 {
        self.new_category[status.place()]
    }
}

/// A business's own terms; what is absent is the policy's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the contract")]
pub struct Terms {
    pub multiplier: Option<i128>,
    pub hold_days: Option<u32>,
    pub redeem_share: Option<i128>,
}

/// A refund whose purchase has not come. Rule D4.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Waiting {
    pub purchase: PurchaseId,
    pub refund: RefundId,
    pub amount: Kopecks,
    /// The last moment at which it still takes effect.
    pub until: Timestamp,
}

/// A partner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Business {
    /// Its short name.
    pub slug: String,
    /// Its registered category.
    pub category: Category,
    /// Whether a visit is a medical secret.
    pub is_medical: bool,
    /// All terms it ever had, with the moment each began.
    pub terms: Vec<(Timestamp, Terms)>,
    /// Periods with a multiplier of their own: first moment, first moment after, value.
    pub periods: Vec<(Timestamp, Timestamp, i128)>,
    /// Refunds that wait.
    pub waiting: Vec<Waiting>,
}

impl Business {
    fn terms_at(&self, at: Timestamp) -> Terms {
        let mut begun = self.terms.iter().filter(|(from, _)| *from <= at);
        begun.next_back().or(self.terms.first()).map(|(_, terms)| *terms).unwrap_or_default()
    }

    /// Rule B3.
    #[must_use]
    pub fn multiplier(&self, at: Timestamp) -> i128 {
        let mut inside = self.periods.iter().filter(|(from, to, _)| *from <= at && at < *to);
        inside.next_back().map(|(_, _, value)| *value).or(self.terms_at(at).multiplier).unwrap_or(100)
    }

    /// Rule B5.
    #[must_use]
    pub fn hold_days(&self, at: Timestamp, policy: &Policy) -> u32 {
        self.terms_at(at).hold_days.unwrap_or(policy.hold_days)
    }

    /// The most of `bill` that may be paid in bonuses: the share, cut to whole kopecks. Rule R2.
    #[must_use]
    pub fn redeem_limit(&self, bill: Kopecks, at: Timestamp, policy: &Policy) -> Kopecks {
        bill * self.redeem_share(at, policy) / 10_000
    }

    pub(crate) fn redeem_share(&self, at: Timestamp, policy: &Policy) -> i128 {
        self.terms_at(at).redeem_share.unwrap_or(policy.redeem_share)
    }

    /// The consent without which its purchases do not reach a member.
    #[must_use]
    pub fn consent(&self) -> String {
        let kind = if self.is_medical { "medical" } else { "partner" };
        format!("{kind}:{}", self.slug)
    }
}

/// Policies, businesses and chains.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Circle {
    /// All policies, version 1 first.
    pub policies: Vec<Policy>,
    /// All businesses.
    pub businesses: Vec<Business>,
    /// All chains, by their ids.
    pub chains: Vec<Chain>,
}

impl Circle {
    /// The highest version in force at `at`; version 1 from the beginning of time. Rule P1.
    ///
    /// # Panics
    /// Without a policy.
    #[must_use]
    pub fn policy(&self, at: Timestamp) -> &Policy {
        self.policies.get(self.policy_number(at)).expect("version 1")
    }

    /// Which of them that is, from 0.
    pub(crate) fn policy_number(&self, at: Timestamp) -> usize {
        self.policies.iter().rposition(|policy| policy.effective_from <= at).unwrap_or(0)
    }

    /// As of which moment a fact is decided: its own when it was recorded soon enough, else now. Rule P1.
    #[must_use]
    pub fn moment(&self, occurred_at: Timestamp, now: Timestamp) -> Timestamp {
        let lag = TimeDelta::hours(self.policy(now).policy_lag_hours);
        if calendar::between(occurred_at, now) <= lag { occurred_at } else { now }
    }

    /// The categories with an ordinary business. Rule S1.
    #[must_use]
    pub fn all_categories(&self) -> Vec<Category> {
        let mut all: Vec<_> =
            self.businesses.iter().filter(|it| !it.is_medical).map(|it| it.category).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The business called `slug`.
    #[must_use]
    pub fn business(&self, slug: &str) -> Option<&Business> {
        self.businesses.iter().find(|business| business.slug == slug)
    }

    /// A refund of a purchase nobody has reported waits. Rule D4.
    pub fn wait(
        &mut self,
        slug: &str,
        now: Timestamp,
        purchase: PurchaseId,
        refund: RefundId,
        amount: Kopecks,
    ) {
        let until = calendar::later(now, TimeDelta::days(self.policy(now).orphan_days));
        let waiting = Waiting { purchase, refund, amount, until };
        if let Some(business) = self.businesses.iter_mut().find(|business| business.slug == slug) {
            business.waiting.push(waiting);
        }
    }
}
