//! Chains that run, and purchases that trigger them, in few words.

use uuid::Uuid;

use super::{Ask, World, business_id, coupon_id, purchase_id, rub};
use crate::chain::definition::{
    Audience, ChainFunder, ChainKind, CouponTemplate, Definition, Limits, Reward, Step,
};
use crate::chain::event::{ChainActivated, ChainDrafted, ChainEvent};
use crate::ids::{ChainId, CouponId, MemberId, ReasonId};
use crate::log::Event;
use crate::member::command::MemberCommand;
use crate::member::cross_bonus::{FollowedStep, GiveCrossBonus};
use crate::member::event::{CouponBenefit, MemberEvent};
use crate::member::reward::TakeReward;

/// The serial of the coupon that the first step of chain 1 gives for the first purchase.
pub(crate) const TRIGGERED: u8 = 111;

/// The chain with this serial.
pub(crate) fn chain_id(serial: u8) -> ChainId {
    ChainId::from_uuid(Uuid::from_u128(0xc4a1_0000 + u128::from(serial)))
}

/// A fan, mutual or linear chain of these steps: 500 ₽ off a bill of 1,500 at least, for a purchase of 2,000 at least within
/// 14 days, at the source's cost.
pub(crate) fn steps(kind: ChainKind, pairs: &[(&str, &str)]) -> Definition {
    let coupon = CouponTemplate {
        gives: CouponBenefit::DiscountFixed { value: rub("500.00") },
        min_bill: Some(rub("1500.00")),
        life_days: 30,
        description: Some(ReasonId::from_uuid(Uuid::from_u128(2))),
        gift: None,
    };
    let step = |(from, to): &(&str, &str)| Step {
        from: business_id(from),
        to: business_id(to),
        window_days: 14,
        min_amount: Some(rub("2000.00")),
        reward: Reward::Coupon { coupon: coupon.clone() },
    };
    Definition {
        name: ReasonId::from_uuid(Uuid::from_u128(1)),
        kind,
        steps: pairs.iter().map(step).collect(),
        audience: Audience::default(),
        limits: Limits::default(),
        from: None,
        to: None,
        funded_by: ChainFunder::Source,
        holdout_percent: None,
    }
}

impl World {
    /// The chain with this serial runs from now on.
    pub(crate) fn running(mut self, serial: u8, definition: Definition) -> Self {
        let (chain_id, version, at) = (chain_id(serial), 1, self.now);
        let drafted = ChainDrafted { chain_id, version, definition: Box::new(definition) };
        for fact in [
            ChainEvent::ChainDrafted(drafted),
            ChainEvent::ChainActivated(ChainActivated { chain_id, version, at }),
        ] {
            self.registry.chains.apply(&fact).expect("a new chain");
        }
        self
    }
}

/// Who it is that draws a lot for the hold-out.
fn anna_id() -> MemberId {
    MemberId::from_uuid(Uuid::from_u128(0xa11a))
}

/// A purchase triggers a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Take {
    chain: u8,
    step: u32,
    purchase: u8,
}

/// The `purchase`th purchase triggers this step of the first version of this chain.
pub(crate) const fn take(chain: u8, step: u32, purchase: u8) -> Take {
    Take { chain, step, purchase }
}

/// A purchase followed from a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Follow {
    chain: u8,
    step: u32,
    trigger: u8,
    purchase: u8,
}

/// The `purchase`th purchase followed from this step of the first version of this chain, which the `trigger`th triggered.
pub(crate) const fn follow(chain: u8, step: u32, trigger: u8, purchase: u8) -> Follow {
    Follow { chain, step, trigger, purchase }
}

impl Ask for Follow {
    fn command(self, world: &mut World) -> MemberCommand {
        let Self { chain, step, trigger, purchase } = self;
        let trigger_id = purchase_id(trigger);
        let known_at = world.now;
        let earned_by = FollowedStep { chain_id: chain_id(chain), version: 1, step, trigger_id, known_at };
        let file = world.file(purchase).expect("a recorded purchase");
        MemberCommand::GiveCrossBonus(Box::new(GiveCrossBonus { earned_by, file }))
    }
}

impl Ask for Take {
    fn command(self, world: &mut World) -> MemberCommand {
        let Self { chain, step, purchase } = self;
        let accrual = world.log.iter().find_map(|(at, event)| match event {
            Event::Member(MemberEvent::BonusAccrued(fact)) if fact.purchase_id == purchase_id(purchase) => {
                Some((*at, fact))
            }
            _ => None,
        });
        let (bought_at, fact) = accrual.expect("a recorded purchase");
        let looked_up_at = fact.inputs.policy_moment.of_chains(bought_at, world.now);
        MemberCommand::TakeReward(Box::new(TakeReward {
            member_id: anna_id(),
            chain_id: chain_id(chain),
            version: 1,
            step,
            purchase_id: purchase_id(purchase),
            business_id: fact.business_id,
            bought_at,
            net: fact.inputs.base,
            looked_up_at,
            status: fact.inputs.status,
            coupon_id: given_by(chain, u8::try_from(step).expect("few steps"), purchase),
        }))
    }
}

/// The coupon that a purchase gets of a step, one for each; [`coupon_id`] knows those of the first step of chain 1.
fn given_by(chain: u8, step: u8, purchase: u8) -> CouponId {
    if (chain, step) == (1, 0) {
        return coupon_id(purchase.wrapping_add(TRIGGERED - 1));
    }
    CouponId::of_key(&std::array::from_fn(|index| [chain, step, purchase, 0][index % 4]))
}
