//! Why a line of a member's history is what it is: the facts of its decision, in words. Rule P5.
//!
//! Words and numbers come from what was recorded with the decision alone, never from the policy of today.

use ledger_core::ids::{LotId, RefundId};
use ledger_core::log::{Event, Position, Row};
use ledger_core::member::accrual::split;
use ledger_core::member::event::{
    BonusAccrued, BonusReturned, BonusTakenBack, CrossBonusAccrued, HeldPart, LotPart, MemberEvent,
    PolicyMoment, PurchaseAmended, PurchaseRefunded, RateRule,
};
use ledger_core::member::lot::{Funder, Lot, LotOrigin};
use ledger_core::member::movement::Movement;
use ledger_core::money::Bonuses;
use ledger_core::time::Timestamp;
use ledger_store::log::read_decision;
use rust_decimal::Decimal;

use crate::app::App;
use crate::dto::{Calculation, Explanation, HistoryLine, MovedLot};
use crate::problem::{ApiError, Cause};

/// A fact and its row.
type Fact = (Row, MemberEvent);

/// Explains the line at `position`.
///
/// # Errors
/// What the log's database says; [`ApiError::Unavailable`] for a line whose facts are not on the log.
pub(crate) async fn explain(
    app: &App,
    position: Position,
    line: HistoryLine,
) -> Result<Explanation, ApiError> {
    let impossible = || ApiError::Unavailable(Cause::Impossible("a line of the history has no facts"));
    let mut decision: Vec<Fact> = Vec::new();
    for stored in read_decision(&app.log_pool, position).await? {
        if let Event::Member(fact) = stored.row.event().map_err(|_| ApiError::HistoryUnreadable)? {
            decision.push((stored.row, fact));
        }
    }
    let of_line = facts_of_line(&decision, position);
    let (first, _) = of_line.first().ok_or_else(impossible)?;
    let mut told = Told::default();
    for (row, fact) in &of_line {
        told.tell(row, fact, &decision);
    }
    Ok(Explanation {
        recorded_at: first.recorded_at,
        position,
        policy_version: first.metadata.policy_version,
        rules_revision: first.metadata.rules_revision,
        steps: told.steps,
        calculation: told.calculation,
        lots: told.lots,
        line,
    })
}

/// The facts that make the line which begins at `position`: movements of the same cause that follow one another.
fn facts_of_line(decision: &[Fact], position: Position) -> Vec<&Fact> {
    let movements = decision.iter().filter(|(row, _)| row.position >= position);
    let mut movements =
        movements.filter_map(|fact| Movement::of(&fact.1).map(|movement| (fact, movement))).peekable();
    let cause = |(fact, movement): &(&Fact, Movement)| movement.cause(fact.0.metadata.correlation_id);
    let first = movements.peek().map(cause);
    movements.take_while(|movement| Some(cause(movement)) == first).map(|(fact, _)| fact).collect()
}

/// The explanation as it grows, fact by fact.
#[derive(Default)]
struct Told {
    steps: Vec<String>,
    calculation: Option<Calculation>,
    lots: Vec<MovedLot>,
}

impl Told {
    fn say(&mut self, step: impl Into<String>) {
        self.steps.push(step.into());
    }

    fn tell(&mut self, row: &Row, fact: &MemberEvent, decision: &[Fact]) {
        match fact {
            MemberEvent::BonusAccrued(fact) => self.accrued(fact, decision),
            MemberEvent::BonusesRedeemed(fact) => {
                let share = percent(fact.max_share.to_decimal());
                self.say(format!(
                    "Бонусами оплачено {} ₽; бонусами можно оплатить не больше {share} % чека",
                    fact.amount
                ));
                let is_revision = |(_, fact): &Fact| {
                    matches!(fact, MemberEvent::PurchaseAmended(_) | MemberEvent::PurchaseTakenOver(_))
                };
                self.say(if decision.iter().any(is_revision) {
                    "Документ изменён: снова списаны бонусы, которые за эту покупку возвращались"
                } else {
                    "Первыми тратятся бонусы, срок которых истекает раньше"
                });
                self.held(&fact.parts);
            }
            MemberEvent::BonusReturned(fact) => self.returned(fact, decision),
            MemberEvent::BonusTakenBack(fact) => self.taken_back(fact, decision),
            MemberEvent::DebtRepaid(fact) => {
                self.say(format!(
                    "Ставшие доступными бонусы погасили долг за возвращённую покупку: {} ₽",
                    fact.amount
                ));
                self.parts(fact.parts.iter());
            }
            MemberEvent::BonusExpired(fact) => {
                let day = row.occurred_at.moscow_day();
                self.say(format!("Срок действия истёк {day}, не потрачено {} ₽", fact.amount));
                self.moved(fact.lot_id, &fact.funder, fact.amount, None);
            }
            MemberEvent::BonusGifted(fact) => {
                self.say(format!("Подарок программы: {} ₽", fact.lot.amount));
                self.opened(&fact.lot);
            }
            MemberEvent::CouponRedeemed(fact) => self.given_by_coupon(fact.lot.as_ref()),
            MemberEvent::CouponReckoned(fact) => {
                self.say("Чек изменился: пересчитано то, что даёт купон");
                self.given_by_coupon(fact.lot.as_ref());
            }
            MemberEvent::CrossBonusAccrued(fact) => self.given_by_chain(fact),
            MemberEvent::BonusAdjusted(fact) => {
                self.say(format!("Сотрудник программы вручную добавил {} ₽", fact.lot.amount));
                self.opened(&fact.lot);
            }
            MemberEvent::BonusWithdrawn(fact) => {
                self.say(format!("Сотрудник программы вручную списал {} ₽", fact.amount));
                self.moved(fact.lot_id, &fact.funder, fact.amount, None);
            }
            // Only movements make lines: see `facts_of_line`.
            other => self.moved_between_accounts(other),
        }
    }

    /// Two accounts of hers became one, or two again; nothing for what is something else.
    fn moved_between_accounts(&mut self, fact: &MemberEvent) {
        let Some((_, estate)) = fact.estate() else { return };
        let amount = estate.bonuses();
        self.say(format!("Перенос между вашими счетами: {amount} ₽; срок действия бонусов не меняется"));
        self.parts(estate.lots.iter().map(|moved| &moved.lot.part));
    }

    /// Rules B1–B5.
    fn accrued(&mut self, fact: &BonusAccrued, decision: &[Fact]) {
        let inputs = &fact.inputs;
        let amended = decision.iter().find_map(|(_, other)| match other {
            MemberEvent::PurchaseAmended(other) if fact.revision == Some(other.revision) => Some(other),
            _ => None,
        });
        let factors = [
            inputs.base.to_decimal(),
            inputs.rate.to_decimal(),
            inputs.new_category.to_decimal(),
            inputs.business_multiplier.to_decimal(),
        ];
        let exact = factors.iter().try_fold(Decimal::ONE, |product, factor| product.checked_mul(*factor));
        let exact = exact.map(|exact| exact.normalize().to_string()).unwrap_or_default();
        let accrual = split(inputs).map_or(fact.amount, |split| split.total);
        self.say(format!("В расчёт идёт {} ₽: чек за вычетом бонусов и скидки по купону", inputs.base));
        let (rate, own) = (percent(inputs.rate.to_decimal()), percent(inputs.status_rate.to_decimal()));
        let status = inputs.status.as_str();
        self.say(match inputs.rate_rule {
            RateRule::Status => format!("Статус на момент покупки: {status}, ставка {rate} %"),
            RateRule::Premium => format!("Подписка Premium: ставка {rate} % вместо {own} % статуса {status}"),
        });
        let new_category = inputs.new_category.to_decimal().normalize();
        self.say(if new_category == Decimal::ONE {
            "Категория для вас не новая: множитель 1".to_owned()
        } else {
            format!("Первая покупка в новой категории: множитель {new_category}")
        });
        self.say(format!("Множитель партнёра: {}", inputs.business_multiplier.to_decimal().normalize()));
        let [base, rate, new_category, multiplier] = factors.map(|factor| factor.normalize());
        self.say(format!(
            "{base} × {rate} × {new_category} × {multiplier} = {exact}; округлено один раз до копейки: {accrual} ₽"
        ));
        if let Some(amended) = amended {
            let before = amended.accrual_before;
            self.say(format!(
                "Партнёр исправил чек: раньше было начислено {before} ₽, добавлено {} ₽",
                fact.amount
            ));
        }
        let (policy_moment, when) = match inputs.policy_moment {
            PolicyMoment::OccurredAt => ("occurred_at", "покупки"),
            PolicyMoment::RecordedAt => ("recorded_at", "записи"),
        };
        self.say(format!(
            "Правила программы версии {}, действовавшие в момент {when}",
            inputs.policy_version
        ));
        fact.lots.iter().for_each(|lot| self.opened(lot));
        self.calculation = Some(Calculation {
            base: inputs.base,
            status,
            rate_rule: if inputs.rate_rule == RateRule::Premium { "premium" } else { "status" },
            rate: inputs.rate,
            status_rate: inputs.status_rate,
            new_category: inputs.new_category,
            business_multiplier: inputs.business_multiplier,
            policy_moment,
            exact,
            accrual,
            accrued_before: amended.map(|amended| amended.accrual_before),
        });
    }

    /// Rule F4.
    fn returned(&mut self, fact: &BonusReturned, decision: &[Fact]) {
        self.refunded(fact.refund_id, decision);
        self.say(format!("Вернулась та же доля бонусов, которыми она была оплачена: {} ₽", fact.amount));
        self.held(&fact.parts);
        if let Some(lot) = &fact.instead {
            self.say("Срок части этих бонусов уже истёк: вместо них выданы новые");
            self.opened(lot);
        }
    }

    /// Rules F2, F3.
    fn taken_back(&mut self, fact: &BonusTakenBack, decision: &[Fact]) {
        self.refunded(fact.refund_id, decision);
        let with_coupon = decision.iter().any(|(_, other)| {
            matches!(other, MemberEvent::CouponReckoned(reckoned) if reckoned.refund_id == fact.refund_id)
        });
        let of_chain = |part: &LotPart| matches!(part.origin, LotOrigin::CrossBonus { .. });
        let with_chain = fact.own.iter().any(|own| of_chain(&own.part));
        let what = match (with_coupon, with_chain) {
            (false, false) => "из них к списанию",
            (true, false) => "к списанию вместе с бонусами купона",
            (false, true) => "к списанию вместе с кросс-бонусом",
            (true, true) => "к списанию вместе с бонусами купона и кросс-бонусом",
        };
        self.say(format!("За покупку было начислено {} ₽; {what} {} ₽", fact.accrual, fact.amount));
        let sum = |amounts: Vec<Bonuses>| Bonuses::checked_sum(amounts).unwrap_or_default();
        let own = sum(fact.own.iter().map(|own| own.part.amount).collect());
        let expired = sum(fact.expired.iter().map(|part| part.amount).collect());
        let others = sum(fact.others.iter().map(|other| other.part.amount).collect());
        for (what, amount) in [
            ("Из бонусов за эту же покупку", own),
            ("Уже сгорело раньше и засчитано", expired),
            ("Из других доступных бонусов", others),
        ] {
            if amount.is_positive() {
                self.say(format!("{what}: {amount} ₽"));
            }
        }
        let owed = decision.iter().filter_map(|(_, other)| match other {
            MemberEvent::DebtIncurred(debt) if debt.refund_id == fact.refund_id => Some(debt.amount),
            _ => None,
        });
        let owed = sum(owed.collect());
        if owed.is_positive() {
            self.say(format!("Остаток записан как долг: {owed} ₽"));
        }
        self.parts(fact.own.iter().map(|own| &own.part).chain(fact.others.iter().map(|other| &other.part)));
    }

    /// What money went back, or how the document changed.
    fn refunded(&mut self, refund_id: RefundId, decision: &[Fact]) {
        let refund = decision.iter().find_map(|(_, other)| match other {
            MemberEvent::PurchaseRefunded(refund) if refund.refund_id == refund_id => Some(refund),
            _ => None,
        });
        let amended = decision.iter().find_map(|(_, other)| match other {
            MemberEvent::PurchaseAmended(amended) => Some(amended),
            _ => None,
        });
        if let (None, Some(PurchaseAmended { bill_before, bill, .. })) = (refund, amended) {
            self.say(format!("Партнёр исправил чек: было {bill_before} ₽, стало {bill} ₽"));
        }
        if let Some(PurchaseRefunded { amount, bill, refunded_before, .. }) = refund {
            let before = if refunded_before.is_positive() {
                format!(" (раньше возвращено {refunded_before} ₽)")
            } else {
                String::new()
            };
            self.say(format!("Партнёр вернул {amount} ₽ из чека {bill} ₽{before}"));
        }
    }

    /// Rule C1.
    fn given_by_coupon(&mut self, lot: Option<&Lot>) {
        if let Some(lot) = lot {
            self.say(format!("Купон, использованный с этой покупкой, даёт {} ₽ бонусами", lot.amount));
            self.opened(lot);
        }
    }

    /// Rule B9.
    fn given_by_chain(&mut self, fact: &CrossBonusAccrued) {
        let rate = percent(fact.rate.to_decimal());
        self.say(if fact.revision.is_some() {
            format!("Чек исправлен: пересчитан кросс-бонус, {rate} % чека за вычетом возвратов")
        } else {
            format!(
                "Кросс-бонус за покупку после покупки у другого партнёра: {rate} % чека за вычетом возвратов"
            )
        });
        fact.lot.iter().for_each(|lot| self.opened(lot));
    }

    /// A lot that the line opened.
    fn opened(&mut self, lot: &Lot) {
        let (from, until) = (lot.available_from, lot.expires_at);
        let payer = if lot.funder == Funder::Coalition { "программа" } else { "партнёр" };
        self.say(format!(
            "{} ₽ оплачивает {payer}: доступны с {}, действуют по {} включительно",
            lot.amount,
            from.moscow_day(),
            until.moscow_day()
        ));
        self.moved(lot.lot_id, &lot.funder, lot.amount, Some((from, until)));
    }

    fn held(&mut self, parts: &[HeldPart]) {
        for HeldPart { part, available_from, expires_at, .. } in parts {
            self.moved(part.lot_id, &part.funder, part.amount, Some((*available_from, *expires_at)));
        }
    }

    fn parts<'a>(&mut self, parts: impl Iterator<Item = &'a LotPart>) {
        for part in parts {
            self.moved(part.lot_id, &part.funder, part.amount, None);
        }
    }

    fn moved(
        &mut self,
        lot_id: LotId,
        funder: &Funder,
        amount: Bonuses,
        life: Option<(Timestamp, Timestamp)>,
    ) {
        self.lots.push(MovedLot {
            lot_id: lot_id.as_uuid(),
            funded_by: if *funder == Funder::Coalition { "coalition" } else { "business" },
            amount,
            available_from: life.map(|(from, _)| from),
            expires_at: life.map(|(_, until)| until),
        });
    }
}

/// A share in per cent, without needless digits.
pub(crate) fn percent(share: Decimal) -> Decimal {
    share.checked_mul(Decimal::ONE_HUNDRED).unwrap_or_default().normalize()
}
