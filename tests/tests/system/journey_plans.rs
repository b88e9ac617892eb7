//! Five chains, as the service is asked for them and as the plain model knows them. Rule X1.

use ledger_core::ids::ChainId;
use ledger_core::time::Timestamp;
use plain_model::Kopecks;
use plain_model::chain::{Bears, Chain, Reward, Step, Version};
use plain_model::coupon::Gives;
use serde_json::{Value, json};
use system_tests::system::{Business, Site};

use crate::chains::activated;

/// A chain as planned.
pub(crate) struct Plan {
    kind: &'static str,
    steps: Vec<Step>,
    bears: Bears,
    per_member: Option<usize>,
    total: Option<usize>,
    budget: Option<Kopecks>,
    new_customers: bool,
    holdout: u32,
}

/// From, to, days, least amount.
type Way = (&'static str, &'static str, i64, Option<Kopecks>);

fn step((from, to, window_days, min_amount): Way, reward: Reward) -> Step {
    Step { from: from.to_owned(), to: to.to_owned(), window_days, min_amount, reward }
}

const fn coupon(gives: Gives) -> Reward {
    Reward::Coupon { gives, min_bill: None, life_days: 20 }
}

/// All kinds, rewards and limits; one leads to the doctor, one gives bonuses.
pub(crate) fn five() -> Vec<Plan> {
    let fixed = || coupon(Gives::Fixed(30_000));
    let percent = || coupon(Gives::Percent { hundredths: 1_000, cap: Some(20_000) });
    let plan = |kind, steps, bears| Plan {
        kind,
        steps,
        bears,
        per_member: None,
        total: None,
        budget: None,
        new_customers: false,
        holdout: 0,
    };
    vec![
        Plan {
            budget: Some(3_000_000),
            per_member: Some(3),
            ..plan(
                "linear",
                vec![
                    step(("gastronomy", "beauty-salon", 10, Some(50_000)), fixed()),
                    step(("beauty-salon", "cosmetology", 14, None), coupon(Gives::Bonus(15_000))),
                ],
                Bears::Source,
            )
        },
        Plan {
            total: Some(40),
            ..plan(
                "mutual",
                vec![
                    step(("gastronomy", "dentistry", 7, Some(100_000)), percent()),
                    step(("dentistry", "gastronomy", 7, None), percent()),
                ],
                Bears::Target,
            )
        },
        Plan {
            budget: Some(4_000_000),
            holdout: 25,
            ..plan(
                "fan",
                vec![
                    step(("gastronomy", "medicine", 5, Some(70_000)), coupon(Gives::Fixed(20_000))),
                    step(("gastronomy", "floristry", 9, Some(70_000)), coupon(Gives::Gift)),
                    step(("gastronomy", "cosmetology", 12, Some(70_000)), fixed()),
                ],
                Bears::Coalition,
            )
        },
        Plan {
            budget: Some(150_000),
            ..plan(
                "linear",
                vec![step(("dentistry", "gastronomy", 14, None), Reward::CrossBonus { rate: None })],
                Bears::Source,
            )
        },
        Plan {
            new_customers: true,
            per_member: Some(1),
            total: Some(25),
            ..plan("linear", vec![step(("gastronomy", "beauty-salon", 21, None), percent())], Bears::Target)
        },
    ]
}

fn roubles(kopecks: Kopecks) -> String {
    format!("{}.{:02}", kopecks / 100, kopecks % 100)
}

fn reward(step: &Step) -> Value {
    let Reward::Coupon { gives, life_days, .. } = &step.reward else { return json!({"type": "cross_bonus"}) };
    let mut coupon = match gives {
        Gives::Fixed(value) => json!({"type": "discount_fixed", "value": roubles(*value)}),
        Gives::Bonus(value) => json!({"type": "bonus", "value": roubles(*value)}),
        Gives::Gift => json!({"type": "gift", "value": "Чашка чая"}),
        Gives::Percent { hundredths, cap } => {
            let cap = cap.map(roubles);
            json!({"type": "discount_percent", "value": roubles(*hundredths), "cap": cap})
        }
    };
    coupon["life_days"] = json!(life_days);
    // Of a clinic's coupon nothing is said.
    if step.to != "medicine" {
        coupon["description"] = json!("Скидка");
    }
    json!({"type": "coupon", "coupon": coupon})
}

impl Plan {
    fn body(&self) -> Value {
        let step = |it: &Step| {
            let mut step = json!({
                "from": it.from, "to": it.to, "window_days": it.window_days, "reward": reward(it),
            });
            if let Some(least) = it.min_amount {
                step["min_amount"] = json!(roubles(least));
            }
            step
        };
        let steps: Vec<Value> = self.steps.iter().map(step).collect();
        let funded_by = match self.bears {
            Bears::Source => "source",
            Bears::Target => "target",
            Bears::Coalition => "coalition",
        };
        let mut limits = json!({});
        for (name, limit) in [("per_member", self.per_member), ("total", self.total)] {
            if let Some(limit) = limit {
                limits[name] = json!(limit);
            }
        }
        if let Some(budget) = self.budget {
            limits["budget"] = json!(roubles(budget));
        }
        let mut body = json!({
            "name": "Ужин", "kind": self.kind, "steps": steps, "funded_by": funded_by, "limits": limits,
            "holdout_percent": self.holdout,
        });
        if self.new_customers {
            body["audience"] = json!({"new_customers_of_target": true});
        }
        body
    }

    /// It runs from `now` on: as the plain model knows it.
    pub(crate) async fn run(&self, site: &Site, businesses: &[Business], now: Timestamp) -> Chain {
        let takes_part = |business: &&Business| {
            self.steps.iter().any(|step| [&step.from, &step.to].contains(&&business.slug))
        };
        let parties: Vec<Business> = businesses.iter().filter(takes_part).cloned().collect();
        let id = ChainId::from_uuid(activated(site, &parties, &self.body()).await);
        let version = Version {
            number: 1,
            steps: self.steps.clone(),
            statuses: Vec::new(),
            new_customers_of_target: self.new_customers,
            per_member: self.per_member,
            total: self.total,
            budget: self.budget,
            from: None,
            to: None,
            bears: self.bears,
            holdout: Some(self.holdout),
            runs: vec![(now, None)],
        };
        Chain { id, versions: vec![version], given: Vec::new() }
    }
}
