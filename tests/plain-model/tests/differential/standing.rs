//! What an admin's hand, the daily ranking and payments for Premium do. Rules B10, S1, S3, S4.

use chrono::TimeDelta;
use ledger_core::ids::{GrantId, LotId, NaturalKey, ReasonId};
use ledger_core::member::MemberCommand;
use ledger_core::member::event::GiftKind;
use ledger_core::member::gift::{Adjustment, Gift};
use ledger_core::member::premium::PayPremium;
use ledger_core::member::standing::{Ranking, Rankings};
use ledger_core::time::Timestamp;
use plain_model::Kopecks;
use plain_model::member::Command;
use proptest::prelude::*;
use uuid::Uuid;

use crate::domain::{bonuses, roubles};

/// One such thing.
#[derive(Debug, Clone)]
pub(crate) enum Hand {
    Invite(bool),
    Block(bool),
    PayPremium { in_days: i64, days: i64 },
    CancelPremium,
    Gift { kopecks: i64, life_days: Option<u32> },
    AdjustUp { kopecks: i64 },
    AdjustDown { permille: i64 },
    Rank { ordinary: Option<[i64; 2]>, with_medical: Option<[i64; 2]> },
}

pub(crate) fn hands() -> impl Strategy<Value = Hand> {
    let amounts =
        || prop_oneof![8 => 1..200_000_i64, 1 => -5..1_i64, 1 => 10_000_000_000..10_000_000_002_i64];
    let measure = (0..6_000_000_i64, 0..100_i64).prop_map(|(enter, percent)| [enter, enter * percent / 100]);
    let measures = proptest::option::weighted(0.8, measure);
    prop_oneof![
        2 => proptest::bool::weighted(0.4).prop_map(Hand::Invite),
        2 => proptest::bool::weighted(0.3).prop_map(Hand::Block),
        3 => (-40..40_i64, -2..60_i64).prop_map(|(in_days, days)| Hand::PayPremium { in_days, days }),
        1 => Just(Hand::CancelPremium),
        3 => (amounts(), proptest::option::of(0..100_u32))
            .prop_map(|(kopecks, life_days)| Hand::Gift { kopecks, life_days }),
        2 => amounts().prop_map(|kopecks| Hand::AdjustUp { kopecks }),
        3 => prop_oneof![Just(1_000_i64), 0..1_010_i64].prop_map(|permille| Hand::AdjustDown { permille }),
        4 => (measures.clone(), measures)
            .prop_map(|(ordinary, with_medical)| Hand::Rank { ordinary, with_medical }),
    ]
}

fn grant(serial: u32) -> GrantId {
    GrantId::from_uuid(Uuid::from_u128(u128::from(serial)))
}

/// What is asked; `serial` is nobody else's.
pub(crate) fn command(hand: &Hand, now: Timestamp, available: Kopecks, serial: u32) -> Command {
    let lot = LotId::of_grant(grant(serial));
    let kopecks = |pair: &[i64; 2]| pair.map(Kopecks::from);
    match hand {
        Hand::Invite(is_invited) => Command::Invite(*is_invited),
        Hand::Block(is_blocked) => Command::Block(*is_blocked),
        Hand::PayPremium { in_days, days } => {
            let day = TimeDelta::days(1);
            let from = now.plus(day * i32::try_from(*in_days).expect("few"));
            Command::PayPremium { from, to: from.plus(day * i32::try_from(*days).expect("few")) }
        }
        Hand::CancelPremium => Command::CancelPremium,
        Hand::Gift { kopecks, life_days } => {
            Command::Gift { lot, serial, amount: Kopecks::from(*kopecks), life_days: *life_days }
        }
        Hand::AdjustUp { kopecks } => Command::Adjust { lot, serial, amount: Kopecks::from(*kopecks) },
        Hand::AdjustDown { permille } => {
            let amount = (available * Kopecks::from(*permille) / 1_000).max(1);
            Command::Adjust { lot, serial, amount: -amount }
        }
        Hand::Rank { ordinary, with_medical } => Command::Rank {
            ordinary: ordinary.as_ref().map(kopecks),
            with_medical: with_medical.as_ref().map(kopecks),
        },
    }
}

/// The same for the domain; `None` for what is not about her standing.
pub(crate) fn translate(command: &Command) -> Option<MemberCommand> {
    let reason = ReasonId::from_uuid(Uuid::nil());
    let ranking = |measures: &Option<[Kopecks; 2]>| Ranking {
        members: 100,
        enter_above: measures.map(|[enter, _]| roubles(enter)),
        stay_above: measures.map(|[_, stay]| roubles(stay)),
    };
    Some(match command {
        Command::Rank { ordinary, with_medical } => MemberCommand::RankSpending(Rankings {
            ordinary: ranking(ordinary),
            with_medical: ranking(with_medical),
        }),
        Command::Invite(is_invited) => MemberCommand::Invite(*is_invited),
        Command::Block(is_blocked) => MemberCommand::Block(is_blocked.then_some(reason)),
        Command::PayPremium { from, to } => MemberCommand::PayPremium(PayPremium {
            payment: NaturalKey::from_bytes([9; 32]),
            from: *from,
            to: *to,
        }),
        Command::CancelPremium => MemberCommand::CancelPremium,
        Command::Gift { serial, amount, life_days, .. } => MemberCommand::Gift(Gift {
            grant_id: grant(*serial),
            kind: GiftKind::Goodwill,
            reason_id: Some(reason),
            amount: bonuses(*amount),
            life_days: *life_days,
        }),
        Command::Adjust { serial, amount, .. } => MemberCommand::Adjust(Adjustment {
            grant_id: grant(*serial),
            reason_id: reason,
            amount: bonuses(*amount),
        }),
        _ => return None,
    })
}
