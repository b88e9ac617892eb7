//! Statuses: conditions, what is missing, progress. Rules S1, S3, S5, S6.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::category::Category;
use crate::money::Roubles;
use crate::policy::Parameters;
use crate::rate::{NewCategoryMultiplier, Rate};

/// A member's status, lowest first. Rule S1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// From registration. Rule S6.
    #[default]
    Insider,
    /// Rule S1.
    Vip,
    /// Rule S1.
    Elite,
    /// Rule S1.
    InnerCircle,
}

impl Status {
    /// All of them, lowest first.
    pub const ALL: [Self; 4] = [Self::Insider, Self::Vip, Self::Elite, Self::InnerCircle];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Insider => "insider",
            Self::Vip => "vip",
            Self::Elite => "elite",
            Self::InnerCircle => "inner_circle",
        }
    }

    /// The next higher status; `None` at the top.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match self {
            Self::Insider => Some(Self::Vip),
            Self::Vip => Some(Self::Elite),
            Self::Elite => Some(Self::InnerCircle),
            Self::InnerCircle => None,
        }
    }

    /// The rate of the status. Rule B1.
    #[must_use]
    pub const fn rate(self, policy: &Parameters) -> Rate {
        match self {
            Self::Insider => policy.rate_insider,
            Self::Vip => policy.rate_vip,
            Self::Elite => policy.rate_elite,
            Self::InnerCircle => policy.rate_inner_circle,
        }
    }

    /// The multiplier of a new category for the status. Rule B2.
    #[must_use]
    pub const fn new_category(self, policy: &Parameters) -> NewCategoryMultiplier {
        match self {
            Self::Insider => policy.new_category_insider,
            Self::Vip => policy.new_category_vip,
            Self::Elite => policy.new_category_elite,
            Self::InnerCircle => policy.new_category_inner_circle,
        }
    }
}

/// What a member spent in the window of Rule S1, and in which categories.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spent {
    /// The bills, net of refunds.
    pub amount: Roubles,
    /// The categories visited.
    pub categories: BTreeSet<Category>,
}

/// What a status demands. Rule S1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requirement {
    /// The least spent in the window.
    pub spent: Roubles,
    /// The number of categories.
    pub categories: usize,
}

/// What `status` demands; nothing for insider. Rule S1: inner_circle demands every category that has an active ordinary
/// business.
#[must_use]
pub fn requirement(status: Status, policy: &Parameters, all: &BTreeSet<Category>) -> Requirement {
    let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    match status {
        Status::Insider => Requirement { spent: Roubles::ZERO, categories: 0 },
        Status::Vip => {
            Requirement { spent: policy.status_vip_spent, categories: count(policy.status_vip_categories) }
        }
        Status::Elite => Requirement {
            spent: policy.status_elite_spent,
            categories: count(policy.status_elite_categories),
        },
        Status::InnerCircle => Requirement { spent: policy.status_inner_circle_spent, categories: all.len() },
    }
}

/// How many of the categories that count for `status` she visited: any, but for inner_circle those with an active
/// ordinary business. Rule S1.
#[must_use]
pub fn visited_for(status: Status, spent: &Spent, all: &BTreeSet<Category>) -> usize {
    match status {
        Status::InnerCircle => spent.categories.intersection(all).count(),
        Status::Insider | Status::Vip | Status::Elite => spent.categories.len(),
    }
}

/// What `spent` lacks of what `status` demands: money, and categories. Rule S3.
#[must_use]
pub fn missing(
    status: Status,
    spent: &Spent,
    policy: &Parameters,
    all: &BTreeSet<Category>,
) -> (Roubles, usize) {
    let needed = requirement(status, policy, all);
    let money = needed.spent.checked_sub(spent.amount).unwrap_or_default().max(Roubles::ZERO);
    (money, needed.categories.saturating_sub(visited_for(status, spent, all)))
}

/// The highest status whose conditions `spent` meets. Rule S1.
///
/// Inner circle cannot be reached by spending while no ordinary business is active: "all categories" of none is not an
/// achievement.
#[must_use]
pub fn earned(spent: &Spent, policy: &Parameters, all: &BTreeSet<Category>) -> Status {
    let meets = |status: &Status| {
        let needed = requirement(*status, policy, all);
        let possible = *status != Status::InnerCircle || !all.is_empty();
        possible && spent.amount >= needed.spent && visited_for(*status, spent, all) >= needed.categories
    };
    [Status::InnerCircle, Status::Elite, Status::Vip].into_iter().find(meets).unwrap_or(Status::Insider)
}

/// Progress to a status in whole percent: floor(100 × mean(min(1, spent/required), min(1, categories/required))).
/// Rule S5. What demands nothing is fulfilled.
#[must_use]
pub fn progress_percent(spent: &Spent, needed: Requirement, visited: usize) -> u32 {
    // Whole numbers over a common denominator: nothing is rounded before the floor.
    let share = |have: i64, need: i64| {
        if need <= 0 { (1, 1) } else { (i128::from(have.clamp(0, need)), i128::from(need)) }
    };
    let places = |number: usize| i64::from(u32::try_from(number).unwrap_or(u32::MAX));
    let (money, all_money) = share(spent.amount.kopecks(), needed.spent.kopecks());
    let (here, everywhere) = share(places(visited), places(needed.categories));
    let percent = || {
        let sum = money.checked_mul(everywhere)?.checked_add(here.checked_mul(all_money)?)?;
        sum.checked_mul(50)?.checked_div(all_money.checked_mul(everywhere)?)
    };
    percent().and_then(|percent| u32::try_from(percent).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(roubles: i64, categories: usize) -> Spent {
        Spent {
            amount: Roubles::from_kopecks(roubles * 100),
            categories: Category::ALL.into_iter().take(categories).collect(),
        }
    }

    #[test]
    fn rule_s1_conditions_of_each_status() {
        let policy = Parameters::defaults().expect("defaults");
        let all = Category::ALL.into_iter().take(7).collect();
        for (roubles, categories, status) in [
            (29_999, 3, Status::Insider),
            (30_000, 2, Status::Insider),
            (30_000, 3, Status::Vip),
            (100_000, 4, Status::Vip),
            (100_000, 5, Status::Elite),
            (200_000, 6, Status::Elite),
            (200_000, 7, Status::InnerCircle),
        ] {
            assert_eq!(earned(&spent(roubles, categories), &policy, &all), status, "{roubles} {categories}");
        }
    }

    #[test]
    fn rule_s1_inner_circle_counts_only_categories_with_an_ordinary_business() {
        let policy = Parameters::defaults().expect("defaults");
        let all = BTreeSet::from([Category::Legal, Category::Optics]);
        assert_eq!(earned(&spent(200_000, 6), &policy, &all), Status::Elite);
        assert_eq!(earned(&spent(200_000, 9), &policy, &all), Status::InnerCircle);
        assert_eq!(earned(&spent(200_000, 9), &policy, &BTreeSet::new()), Status::Elite);
    }

    #[test]
    fn rule_s5_progress_is_floored_once() {
        let policy = Parameters::defaults().expect("defaults");
        let needed = requirement(Status::Vip, &policy, &BTreeSet::new());
        let golden =
            Spent { amount: Roubles::from_kopecks(303_330), categories: [Category::BeautySalon].into() };
        assert_eq!(progress_percent(&golden, needed, 1), 21);
        assert_eq!(progress_percent(&spent(29_999, 3), needed, 3), 99);
        assert_eq!(progress_percent(&spent(90_000, 9), needed, 9), 100);
        assert_eq!(progress_percent(&spent(0, 0), needed, 0), 0);
    }
}
