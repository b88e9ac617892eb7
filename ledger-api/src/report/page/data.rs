//! The tables of what is known of her.

use super::super::called;
use super::super::document::{ReportedData, ReportedProfile};
use super::{details, number, pairs, section, table, text, yes};
use crate::erasure::moment;

fn profile(html: &mut String, profile: &ReportedProfile) {
    pairs(
        html,
        [
            ("Учётная запись", profile.account.to_string()),
            ("Телефон", profile.phone.clone()),
            ("Имя", text(profile.first_name.as_deref())),
            ("Фамилия", text(profile.last_name.as_deref())),
            ("Электронная почта", text(profile.email.as_deref())),
            ("Дата рождения", text(profile.birth_date.as_deref())),
            ("Город", text(profile.city.as_deref())),
        ],
    );
}

/// Item 5: the data themselves.
pub(super) fn put(html: &mut String, data: &ReportedData) {
    section(html, "5. Персональные данные");
    for one in &data.profiles {
        profile(html, one);
    }
    let balance = &data.balance;
    pairs(
        html,
        [
            ("Статус", called::STATUS.call(data.status).to_owned()),
            ("Подписка Premium", yes(data.premium)),
            ("Заблокирована", yes(data.blocked)),
            ("Обработка заблокирована (ст. 21)", yes(data.processing_blocked)),
            ("Приглашена в ближний круг", yes(data.invited)),
            ("Бонусы всего", balance.total.to_string()),
            ("из них доступно", balance.available.to_string()),
            ("ожидают", balance.pending.to_string()),
            ("зарезервировано", balance.held.to_string()),
            ("Долг", balance.debt.to_string()),
        ],
    );
    bought(html, data);
    section(html, "Купоны");
    table(
        html,
        ["Партнёр", "Вид", "Что даёт", "Состояние", "До", "Описание"],
        data.coupons.iter().map(|one| {
            [
                text(one.business.as_deref()),
                called::COUPON.call(&one.terms.kind).to_owned(),
                text(one.terms.value.as_deref()),
                called::COUPON_STATE.call(one.terms.state).to_owned(),
                moment(one.terms.expires_at),
                text(one.terms.description.as_deref()),
            ]
        }),
    );
    section(html, "Сведения в свободной форме");
    let remarks = data.remarks.iter();
    table(html, ["Когда", "Текст"], remarks.map(|one| [moment(one.written_at), one.text.clone()]));
    section(html, "Сеансы входа");
    table(
        html,
        ["Начат", "Последнее обращение", "До"],
        data.sessions.iter().map(|one| [one.created_at, one.last_seen_at, one.expires_at].map(moment)),
    );
    details::put(html, &data.details);
}

fn bought(html: &mut String, data: &ReportedData) {
    section(html, "Покупки");
    table(
        html,
        ["Когда", "Партнёр", "Категория", "Сумма за вычетом возвратов", "Номер"],
        data.purchases.iter().map(|one| {
            [
                moment(one.occurred_at),
                text(one.business.as_deref()),
                text(one.category.as_deref().map(|category| called::CATEGORY.call(category))),
                one.amount.to_string(),
                number(one.transaction_id),
            ]
        }),
    );
    section(html, "Движение бонусов");
    table(
        html,
        ["Когда", "Вид", "Что", "Бонусы", "Всего после"],
        data.history.iter().map(|one| {
            [
                moment(one.occurred_at),
                called::LINE.call(&one.kind).to_owned(),
                one.description.clone(),
                one.amount.to_string(),
                one.balance_after.to_string(),
            ]
        }),
    );
    section(html, "Резервы бонусов");
    let holds = data.holds.iter();
    table(
        html,
        ["До", "Бонусы", "Номер"],
        holds.map(|one| [moment(one.expires_at), one.amount.to_string(), number(one.redemption_id)]),
    );
    section(html, "Документы, ожидающие решения");
    table(
        html,
        ["Когда", "Партнёр", "Сумма", "Почему"],
        data.waiting.iter().map(|one| {
            let business = text(one.business.as_deref());
            let reason = called::WAITS.call(&one.reason).to_owned();
            [moment(one.occurred_at), business, one.amount.to_string(), reason]
        }),
    );
    requests(html, data);
}

fn requests(html: &mut String, data: &ReportedData) {
    section(html, "Обращения о данных");
    table(
        html,
        ["Получено", "О чём", "Как", "Ответить до", "Состояние", "Почему"],
        data.requests.iter().map(|one| {
            let refused = one.refused_because.as_deref().map(|why| called::REFUSED.call(why));
            let extended = one.extended_because.as_deref().map(|why| called::EXTENDED.call(why));
            [
                moment(one.received_at),
                called::REQUEST.call(&one.kind).to_owned(),
                called::REQUEST_CHANNEL.call(&one.channel).to_owned(),
                moment(one.due_at),
                called::REQUEST_STATE.call(&one.state).to_owned(),
                text(refused.or(extended)),
            ]
        }),
    );
}
