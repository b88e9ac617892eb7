//! What the values of closed lists are called on the page, in Russian. The JSON has them as they are on the wire.
//!
//! One table for each list. The tests walk over every value that the core, the vault and the read models have and demand a
//! word, and hold each word against the name on the wire, which no page shows.

/// A closed list: each value by its name on the wire, and what it is called.
pub(super) struct List(&'static [(&'static str, &'static str)]);

/// Stands for what is in no list.
const OTHER: &str = "иное";

impl List {
    /// What the value with this name is called.
    pub(super) fn call(&self, name: &str) -> &'static str {
        self.0.iter().find(|(known, _)| *known == name).map_or(OTHER, |(_, called)| called)
    }

    /// The names that it has words for.
    #[cfg(test)]
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(name, _)| *name)
    }
}

/// Kinds of facts on a member's stream.
pub(super) const FACT: List = List(&[
    ("MemberRegistered", "Регистрация"),
    ("MembershipBackdated", "Более ранняя дата участия"),
    ("ConsentGranted", "Согласие дано"),
    ("ConsentWithdrawn", "Согласие отозвано"),
    ("PurchaseRecorded", "Покупка"),
    ("PurchaseQuarantined", "Документ о покупке отложен"),
    ("QuarantineApplied", "Отложенный документ принят"),
    ("QuarantineDropped", "Отложенный документ отклонён"),
    ("PurchaseAmended", "Покупка исправлена"),
    ("PurchaseTakenOver", "Покупка перенесена от другого участника"),
    ("BonusAccrued", "Бонусы начислены"),
    ("BonusMatured", "Бонусы стали доступны"),
    ("BonusExpired", "Бонусы сгорели"),
    ("BonusesHeld", "Бонусы зарезервированы"),
    ("HoldReleased", "Резерв снят"),
    ("BonusesRedeemed", "Оплата бонусами"),
    ("PurchaseRefunded", "Возврат покупки"),
    ("BonusReturned", "Бонусы возвращены"),
    ("BonusTakenBack", "Начисление отменено"),
    ("DebtIncurred", "Возник долг по бонусам"),
    ("DebtRepaid", "Долг по бонусам погашен"),
    ("WaitingRefundDropped", "Ожидавший возврат отклонён"),
    ("StatusChanged", "Статус изменён"),
    ("StatusDowngradeScheduled", "Назначено понижение статуса"),
    ("StatusDowngradeCancelled", "Понижение статуса отменено"),
    ("InnerCircleInvited", "Приглашение в ближний круг"),
    ("InnerCircleInvitationWithdrawn", "Приглашение в ближний круг отозвано"),
    ("TopSpendersEntered", "Вход в число самых активных покупателей"),
    ("TopSpendersLeft", "Выход из числа самых активных покупателей"),
    ("PremiumStarted", "Подписка оплачена"),
    ("PremiumRenewed", "Подписка продлена"),
    ("PremiumCancelled", "Подписка отменена"),
    ("PremiumLapsed", "Подписка окончилась"),
    ("MemberBlocked", "Учётная запись заблокирована"),
    ("MemberUnblocked", "Учётная запись разблокирована"),
    ("PhoneChanged", "Телефон изменён"),
    ("BonusGifted", "Бонусы подарены"),
    ("BonusAdjusted", "Бонусы добавлены вручную"),
    ("BonusWithdrawn", "Бонусы списаны вручную"),
    ("CouponIssued", "Купон выдан"),
    ("CouponActivated", "Купон активирован"),
    ("CouponRedeemed", "Купон использован"),
    ("CouponReckoned", "Скидка по купону пересчитана"),
    ("CouponExpired", "Срок купона истёк"),
    ("CouponRevoked", "Купон отозван"),
    ("ChainTriggered", "Сработала цепочка предложений"),
    ("ChainConverted", "Покупка по цепочке предложений"),
    ("CrossBonusAccrued", "Бонусы по цепочке предложений"),
    ("AccountMerged", "Учётная запись присоединена к другой"),
    ("AccountTakenIn", "Присоединена другая учётная запись"),
    ("AccountParted", "Присоединённая учётная запись отделена"),
    ("AccountRestored", "Учётная запись снова отдельная"),
    ("DebtWrittenOff", "Долг по бонусам списан"),
    ("MemberErased", "Данные уничтожены"),
    ("ProcessingBlocked", "Обработка данных заблокирована"),
    ("ProcessingUnblocked", "Обработка данных возобновлена"),
    ("SubjectRequestReceived", "Обращение о данных получено"),
    ("SubjectRequestExtended", "Срок ответа на обращение продлён"),
    ("SubjectRequestAnswered", "На обращение дан ответ"),
]);

/// Which way a consent, or a registration, came.
pub(super) const CHANNEL: List =
    List(&[("app", "в приложении"), ("admin", "через работников оператора"), ("import", "перенос истории")]);

/// Statuses.
pub(super) const STATUS: List =
    List(&[("insider", "Инсайдер"), ("vip", "ВИП"), ("elite", "Элита"), ("inner_circle", "Ближний круг")]);

/// Types of coupons.
pub(super) const COUPON: List = List(&[
    ("discount_fixed", "скидка в рублях"),
    ("discount_percent", "скидка в процентах"),
    ("bonus", "бонусы"),
    ("gift", "подарок"),
]);

/// Where a coupon stands.
pub(super) const COUPON_STATE: List = List(&[
    ("issued", "выдан"),
    ("activated", "активирован"),
    ("redeemed", "использован"),
    ("expired", "истёк"),
    ("revoked", "отозван"),
]);

/// What businesses do.
pub(super) const CATEGORY: List = List(&[
    ("beauty_salon", "салон красоты"),
    ("cosmetology", "косметология"),
    ("dentistry", "стоматология"),
    ("medicine", "медицина"),
    ("gastronomy", "гастрономия"),
    ("floristry", "флористика"),
    ("optics", "оптика"),
    ("home_textile", "домашний текстиль"),
    ("legal", "юридические услуги"),
]);

/// What moved bonuses.
pub(super) const LINE: List = List(&[
    ("earned", "начислено"),
    ("spent", "потрачено"),
    ("expired", "сгорело"),
    ("returned", "возвращено"),
    ("revoked", "отменено"),
    ("adjusted", "корректировка"),
    ("gift", "подарок"),
]);

/// What gave bonuses.
pub(super) const LOT: List = List(&[
    ("purchase", "покупка"),
    ("coupon", "купон"),
    ("cross_bonus", "цепочка предложений"),
    ("gift", "подарок"),
    ("referral", "приглашённый участник"),
    ("adjustment", "корректировка"),
]);

/// Which of her two statuses.
pub(super) const TRACK: List = List(&[
    ("ordinary", "без учёта медицинских организаций"),
    ("with_medical", "с учётом медицинских организаций"),
    ("both", "с их учётом и без него"),
]);

/// Why a status changed.
pub(super) const STATUS_REASON: List = List(&[
    ("reached", "выполнены условия"),
    ("invited", "приглашение"),
    ("top_spender", "в числе самых активных покупателей"),
    ("grace_ended", "условия не выполнены, отсрочка окончилась"),
    ("no_grace", "условия не выполнены"),
]);

/// What a step of a chain brought.
pub(super) const BRINGS: List = List(&[
    ("coupon", "купон"),
    ("cross_bonus", "бонусы за следующую покупку"),
    ("held_out", "ничего: контрольная группа"),
    ("nothing", "ничего"),
]);

/// Why a document waits.
pub(super) const WAITS: List = List(&[
    ("too_old", "старше допустимого срока"),
    ("suspected_duplicate", "похож на уже учтённую покупку"),
]);

/// What is demanded about data.
pub(super) const REQUEST: List = List(&[
    ("access", "сведения об обработке"),
    ("correction", "уточнение данных"),
    ("blocking", "блокирование"),
    ("erasure", "удаление"),
    ("withdrawal", "отзыв согласия"),
    ("stop", "прекращение обработки"),
    ("objection", "возражение против решения"),
]);

/// How a demand came.
pub(super) const REQUEST_CHANNEL: List = List(&[
    ("app", "в приложении"),
    ("email", "по электронной почте"),
    ("letter", "письмом"),
    ("phone", "по телефону"),
    ("office", "лично"),
    ("authority", "через Роскомнадзор"),
]);

/// Where a demand stands.
pub(super) const REQUEST_STATE: List = List(&[
    ("open", "ожидает ответа"),
    ("fulfilled", "исполнено"),
    ("refused", "отказано"),
    ("erased", "данные уничтожены"),
]);

/// Why an answer takes longer.
pub(super) const EXTENDED: List = List(&[
    ("volume", "большой объём сведений"),
    ("inquiry", "нужна дополнительная проверка"),
    ("third_party", "нужен ответ третьего лица"),
]);

/// Why a demand was refused.
pub(super) const REFUSED: List = List(&[
    ("not_identified", "личность не подтверждена"),
    ("repeated", "повторное обращение раньше срока"),
    ("limited_by_law", "право ограничено законом"),
    ("data_confirmed", "данные верны и обрабатываются законно"),
    ("other_ground", "есть иное основание обработки"),
]);

/// Who touched data.
pub(super) const ACTOR: List = List(&[
    ("member", "субъект"),
    ("code_holder", "владелец телефона по коду"),
    ("business", "партнёр"),
    ("admin", "работник оператора"),
    ("system", "программа"),
]);

/// What was done with them.
pub(super) const ACTION: List =
    List(&[("look_up", "поиск"), ("read", "чтение"), ("write", "запись"), ("delete", "удаление")]);

/// Fields.
pub(super) const FIELD: List = List(&[
    ("phone", "телефон"),
    ("first_name", "имя"),
    ("last_name", "фамилия"),
    ("email", "электронная почта"),
    ("birth_date", "дата рождения"),
    ("city", "город"),
    ("reason", "сведения в свободной форме"),
    ("coupon_code", "код купона"),
    ("words", "тексты партнёров"),
]);

/// Why they were touched.
pub(super) const ACCESS: List = List(&[
    ("registration", "регистрация"),
    ("sign_in", "вход"),
    ("attribution", "покупка или оплата бонусами"),
    ("own_profile", "свой профиль"),
    ("support", "работа по обращению"),
    ("coupons", "купоны"),
    ("chains", "цепочки предложений"),
    ("offers", "предложения"),
    ("partner_index", "согласие партнёру"),
    ("erasure", "удаление данных"),
    ("recovery", "восстановление после сбоя"),
    ("subject_access", "отчёт субъекту"),
]);

/// How it ended.
pub(super) const OUTCOME: List =
    List(&[("done", "выполнено"), ("not_found", "не найдено"), ("failed", "не удалось")]);

#[cfg(test)]
pub(super) mod tests {
    use ledger_core::category::Category;
    use ledger_core::log::{Event, StreamType};
    use ledger_core::member::consent::ConsentChannel;
    use ledger_core::member::event::{
        CouponBenefit, ExtensionGround, Promise, QuarantineReason, RefusalGround, RequestAnswer,
        RequestChannel, RequestKind, StatusReason, Track,
    };
    use ledger_core::member::lot::LotOrigin;
    use ledger_core::member::movement::LineKind;
    use ledger_core::member::status::Status;
    use pii_vault::access::{Accessor, Action, Outcome, Purpose};
    use pii_vault::cipher::Field;
    use serde::Serialize;

    use super::super::past::COUPON as COUPON_OF_CHAIN;
    use super::*;

    /// The tables of read models, which have a list that is in no enum.
    const DIRECTORY: &str = include_str!("../../../migrations/read/directory.sql");

    /// Names as serde writes them.
    fn written<T: Serialize>(all: &[T]) -> Vec<String> {
        let name = |one| serde_json::to_value(one).expect("json").as_str().expect("a name").to_owned();
        all.iter().map(name).collect()
    }

    fn named(all: impl IntoIterator<Item = &'static str>) -> Vec<String> {
        all.into_iter().map(str::to_owned).collect()
    }

    /// The states that a coupon's row may have.
    fn coupon_states() -> Vec<String> {
        let (_, list) = DIRECTORY.split_once("CHECK (state IN (").expect("a list");
        let (list, _) = list.split_once("))").expect("its end");
        list.split(", ").map(|name| name.trim_matches('\'').to_owned()).collect()
    }

    fn facts() -> Vec<String> {
        let all = Event::CATALOGUE.iter().map(|(event_type, _)| *event_type);
        named(all.filter(|event_type| Event::stream_of(event_type) == Some(StreamType::Member)))
    }

    fn request_states() -> Vec<String> {
        let refused = RequestAnswer::Refused { ground: RefusalGround::OtherGround };
        let answers = [RequestAnswer::Fulfilled {}, refused, RequestAnswer::Erased {}];
        named(std::iter::once("open").chain(answers.map(RequestAnswer::as_str)))
    }

    fn brought() -> Vec<String> {
        named(std::iter::once(COUPON_OF_CHAIN).chain(Promise::ALL.map(Promise::as_str)))
    }

    /// Every list, with every value there is of it.
    pub(in crate::report) fn all() -> Vec<(&'static List, Vec<String>)> {
        vec![
            (&FACT, facts()),
            (&CHANNEL, written(&ConsentChannel::ALL)),
            (&STATUS, named(Status::ALL.map(Status::as_str))),
            (&COUPON, named(CouponBenefit::KINDS)),
            (&COUPON_STATE, coupon_states()),
            (&CATEGORY, named(Category::ALL.map(Category::as_str))),
            (&LINE, named(LineKind::ALL.map(LineKind::as_str))),
            (&LOT, named(LotOrigin::KINDS)),
            (&TRACK, named(Track::ALL.map(Track::as_str))),
            (&STATUS_REASON, named(StatusReason::ALL.map(StatusReason::as_str))),
            (&BRINGS, brought()),
            (&WAITS, written(&QuarantineReason::ALL)),
            (&REQUEST, named(RequestKind::ALL.map(RequestKind::as_str))),
            (&REQUEST_CHANNEL, named(RequestChannel::ALL.map(RequestChannel::as_str))),
            (&REQUEST_STATE, request_states()),
            (&EXTENDED, named(ExtensionGround::ALL.map(ExtensionGround::as_str))),
            (&REFUSED, named(RefusalGround::ALL.map(RefusalGround::as_str))),
            (&ACTOR, named(Accessor::KINDS)),
            (&ACTION, named(Action::ALL.map(Action::as_str))),
            (&FIELD, named(Field::EVERY.map(Field::as_str))),
            (&ACCESS, named(Purpose::ALL.map(Purpose::as_str))),
            (&OUTCOME, named(Outcome::ALL.map(Outcome::as_str))),
        ]
    }

    #[test]
    fn every_value_of_a_closed_list_has_a_russian_word() {
        let is_russian = |text: &str| {
            text.chars().any(|letter| ('а'..='я').contains(&letter) || ('А'..='Я').contains(&letter))
        };
        for (list, values) in all() {
            assert!(values.len() > 1, "{values:?}");
            for value in &values {
                let called = list.call(value);
                assert!(called != OTHER && is_russian(called), "{value} is called {called}");
            }
            let unknown: Vec<_> =
                list.0.iter().filter(|(name, _)| !values.iter().any(|it| it == name)).collect();
            assert!(unknown.is_empty(), "no value has these names: {unknown:?}");
        }
    }

    #[test]
    fn what_nobody_knows_is_not_shown_as_it_is() {
        assert_eq!(STATUS.call("grand_duchess"), OTHER);
    }
}
