//! The tables of what is told one by one.

use super::super::called;
use super::super::details::ReportedDetails;
use super::{perhaps, section, table, text};
use crate::erasure::moment;

/// What is told one by one.
pub(super) fn put(html: &mut String, details: &ReportedDetails) {
    bonuses(html, details);
    section(html, "Изменения статуса");
    table(
        html,
        ["Когда", "Какой из расчётов", "Был", "Стал", "Почему"],
        details.statuses.iter().map(|one| {
            [
                moment(one.at),
                called::TRACK.call(one.track).to_owned(),
                called::STATUS.call(one.from).to_owned(),
                called::STATUS.call(one.to).to_owned(),
                called::STATUS_REASON.call(one.reason).to_owned(),
            ]
        }),
    );
    section(html, "Оплаченные периоды Premium");
    let periods = details.premium_periods.iter();
    table(html, ["С", "До"], periods.map(|one| [one.from, one.to].map(moment)));
    section(html, "Сработавшие цепочки предложений");
    table(
        html,
        ["Покупка", "Где", "Куда ведёт", "Что даёт", "До", "Следующая покупка", "Номер цепочки"],
        details.chain_triggers.iter().map(|one| {
            [
                moment(one.at),
                text(one.from.as_deref()),
                text(one.to.as_deref()),
                called::BRINGS.call(one.brings).to_owned(),
                moment(one.until),
                perhaps(one.followed_at),
                one.chain_id.to_string(),
            ]
        }),
    );
    section(html, "Изменения телефона");
    table(html, ["Когда"], details.phone_changes.iter().map(|one| [moment(one.at)]));
}

fn bonuses(html: &mut String, details: &ReportedDetails) {
    section(html, "Начисления бонусов и их сроки");
    table(
        html,
        ["Когда", "За что", "Партнёр", "Начислено", "Осталось", "Доступны с", "Действуют до"],
        details.lots.iter().map(|one| {
            [
                moment(one.at),
                called::LOT.call(one.origin).to_owned(),
                text(one.business.as_deref()),
                one.amount.to_string(),
                one.left.to_string(),
                moment(one.available_from),
                moment(one.expires_at),
            ]
        }),
    );
    section(html, "Возвраты");
    table(
        html,
        ["Когда", "Партнёр", "Сумма покупки", "Возвращено", "Номер покупки"],
        details.refunds.iter().map(|one| {
            let business = text(one.business.as_deref());
            let (bill, amount) = (one.bill.to_string(), one.amount.to_string());
            [moment(one.at), business, bill, amount, one.transaction_id.to_string()]
        }),
    );
}
