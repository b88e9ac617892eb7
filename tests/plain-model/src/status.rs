//! Statuses. Rules S1–S3, S5–S7.
//!
//! Readings:
//! - S1: a bill of the tolerated future (T3) counts at once; an import counts what happened up to its own time, no more.
//! - P1, S2: what evaluates after a purchase is the policy that decided on the purchase.
//! - S1: a category counts while something of a purchase in it stands (F6).
//! - S1: the inner circle cannot be reached by spending while no ordinary business is active.
//! - S3: the day of a fall is the Moscow day of the evaluation plus the grace; what she falls to is what she meets then.
//! - S3: a policy without grace ends a grace that runs, at the next evaluation.

use chrono::NaiveDate;
use ledger_core::category::Category;
use ledger_core::time::Timestamp;

use crate::circle::{Circle, Policy};
use crate::member::Member;
use crate::{Kopecks, calendar};

/// A status, the lowest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are those of the rule book")]
pub enum Status {
    #[default]
    Insider,
    Vip,
    Elite,
    InnerCircle,
}

impl Status {
    pub(crate) const fn place(self) -> usize {
        match self {
            Self::Insider => 0,
            Self::Vip => 1,
            Self::Elite => 2,
            Self::InnerCircle => 3,
        }
    }

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        ["insider", "vip", "elite", "inner_circle"][self.place()]
    }
}

/// One of the two statuses of a member. Rule S7.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Track {
    /// The status.
    pub status: Status,
    /// The day of the fall, if one is scheduled. Rule S3.
    pub falls_on: Option<NaiveDate>,
    /// Whether she is among the top spenders. Rule S1.
    pub is_top: bool,
}

/// What she spent in a window, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Spent {
    pub amount: Kopecks,
    pub categories: Vec<Category>,
}

impl Spent {
    /// Meets what `status` demands. Rule S1.
    fn meets(&self, status: Status, policy: &Policy, all: &[Category]) -> bool {
        let (spent, needed) = match status {
            Status::Insider => return true,
            Status::Vip => (policy.spent[0], policy.categories[0]),
            Status::Elite => (policy.spent[1], policy.categories[1]),
            Status::InnerCircle => {
                let everywhere = all.iter().all(|category| self.categories.contains(category));
                return self.amount >= policy.spent[2] && everywhere && !all.is_empty();
            }
        };
        self.amount >= spent && self.categories.len() >= needed
    }
}

impl Member {
    /// Rule S1: after the same moment a year ago.
    #[must_use]
    pub fn spent(
        &self,
        circle: &Circle,
        policy: &Policy,
        at: Timestamp,
        upto: Option<Timestamp>,
        with_medical: bool,
    ) -> Spent {
        let after = calendar::months_before(at, policy.window_months);
        let mut spent = Spent { amount: 0, categories: Vec::new() };
        for purchase in &self.purchases {
            let business = circle.business(&purchase.business).expect("known");
            let counts = purchase.occurred_at > after
                && upto.is_none_or(|upto| purchase.occurred_at <= upto)
                && (with_medical || !business.is_medical);
            if counts && purchase.net() > 0 {
                spent.amount += purchase.net();
                spent.categories.push(business.category);
            }
        }
        spent.categories.sort_unstable();
        spent.categories.dedup();
        spent
    }

    /// Both statuses, as of now. Rule S2.
    pub(crate) fn review(&mut self, circle: &Circle, now: Timestamp) {
        self.evaluate(circle, circle.policy(now), now, None, false);
        self.evaluate(circle, circle.policy(now), now, None, true);
    }

    /// Rules S1, S3; as of the imported purchase's own time if there is one (T6).
    pub(crate) fn evaluate(
        &mut self,
        circle: &Circle,
        policy: &Policy,
        now: Timestamp,
        imported: Option<Timestamp>,
        with_medical: bool,
    ) {
        let at = imported.unwrap_or(now);
        let spent = self.spent(circle, policy, at, imported, with_medical);
        let all = circle.all_categories();
        let by_spending = [Status::InnerCircle, Status::Elite, Status::Vip];
        let met = by_spending.into_iter().find(|status| spent.meets(*status, policy, &all));
        let is_invited = self.is_invited;
        let track = if with_medical { &mut self.with_medical } else { &mut self.ordinary };
        let mut target = met.unwrap_or(Status::Insider);
        if track.is_top {
            target = target.max(Status::Elite);
        }
        if is_invited {
            target = Status::InnerCircle;
        }
        let today = calendar::day(at);
        let is_over = policy.grace_days == 0 || track.falls_on.is_some_and(|day| day <= today);
        if target >= track.status || is_over {
            track.status = target;
            track.falls_on = None;
        } else if track.falls_on.is_none() {
            track.falls_on = Some(calendar::days_after(at, policy.grace_days));
        }
    }

    /// Progress to the next status in percent; `None` at the top. Rule S5.
    #[must_use]
    pub fn progress(&self, circle: &Circle, now: Timestamp) -> Option<u32> {
        let policy = circle.policy(now);
        let spent = self.spent(circle, policy, now, None, self.consents_to("medical_status"));
        let all = circle.all_categories();
        let (money, needed, visited) = match self.shown(now) {
            Status::Insider => (policy.spent[0], policy.categories[0], spent.categories.len()),
            Status::Vip => (policy.spent[1], policy.categories[1], spent.categories.len()),
            Status::Elite => {
                let visited = all.iter().filter(|it| spent.categories.contains(it)).count();
                (policy.spent[2], all.len(), visited)
            }
            Status::InnerCircle => return None,
        };
        // 100 × (a/b + c/d) / 2 = 50 × (a·d + c·b) / (b·d), cut.
        let share = |have: i128, need: i128| if need == 0 { (1, 1) } else { (have.min(need), need) };
        let count = |number: usize| i128::try_from(number).expect("few");
        let (a, b) = share(spent.amount, money);
        let (c, d) = share(count(visited), count(needed));
        u32::try_from(50 * (a * d + c * b) / (b * d)).ok()
    }
}
