//! The report's own words, in Russian. What is the installation's own (terms, days, names) comes from its tables and settings;
//! a test holds these words against `retention.rs`.

use ledger_core::member::consent::{ConsentChannel, ConsentVersion, Purpose};
use ledger_core::member::consent_text::ConsentText;

/// A category of data as she reads it.
pub(super) struct Named {
    category: &'static str,
    pub(super) name: &'static str,
    pub(super) purpose: &'static str,
    pub(super) ground: &'static str,
    pub(super) starts: &'static str,
    pub(super) at_end: &'static str,
}

const CONTRACT: &str = "договор с субъектом (п. 5 ч. 1 ст. 6 152-ФЗ)";
const DUTY: &str = "обязанность по закону (п. 2 ч. 1 ст. 6 152-ФЗ)";
const INTEREST: &str = "законный интерес оператора (п. 7 ч. 1 ст. 6 152-ФЗ)";
const HOURLY: &str = "удаляется автоматически, каждый час";
const WITH_HER: &str = "удаляется каждый час; при удалении учётной записи сразу";
const NOBODYS: &str = "остаётся; после удаления учётной записи ни к кому не относится";
const CODE_ENDS: &str = "конец действия кода";

/// In the order of the fields of [`Named`].
const fn named([category, name, purpose, ground, starts, at_end]: [&'static str; 6]) -> Named {
    Named { category, name, purpose, ground, starts, at_end }
}

/// The categories that are about members, in words.
const NAMED: [Named; 13] = [
    named([
        "profile",
        "Учётная запись",
        "участие в программе лояльности",
        "согласие (п. 1 ч. 1 ст. 6 152-ФЗ), договор (п. 5)",
        "регистрация",
        "уничтожается вместе с ключом шифрования при удалении учётной записи",
    ]),
    named(["confirming_codes", "Коды подтверждения", "подтверждение телефона", CONTRACT, CODE_ENDS, HOURLY]),
    named([
        "sessions",
        "Сеансы входа",
        "сохранение входа",
        CONTRACT,
        "конец действия последнего ключа сеанса",
        WITH_HER,
    ]),
    named(["qr_scans", "Использованные QR-коды", "однократность QR-кода", CONTRACT, CODE_ENDS, HOURLY]),
    named([
        "sending_limits",
        "Счётчики сообщений",
        "ограничение числа сообщений",
        INTEREST,
        "начало периода",
        HOURLY,
    ]),
    named(["coupon_codes", "Коды купонов", "использование купонов", CONTRACT, CODE_ENDS, WITH_HER]),
    named([
        "approvals",
        "Согласование начислений вторым лицом",
        "контроль крупных начислений вручную",
        INTEREST,
        "обращение",
        "слова о субъекте уничтожаются при удалении учётной записи",
    ]),
    named([
        "destruction_papers",
        "Акты об уничтожении",
        "подтверждение уничтожения",
        "приказ Роскомнадзора от 28.10.2022 № 179, п. 8",
        "уничтожение",
        HOURLY,
    ]),
    named([
        "accounting_records",
        "Учёт покупок и бонусов",
        "расчёты между партнёрами, налоговый и бухгалтерский учёт",
        "402-ФЗ ст. 29, НК РФ ст. 23 п. 1 пп. 8: пять лет",
        "конец года",
        NOBODYS,
    ]),
    named([
        "consent_evidence",
        "Подтверждения согласий",
        "доказательство согласия (ч. 3 ст. 9 152-ФЗ)",
        DUTY,
        "согласие",
        NOBODYS,
    ]),
    named([
        "access_log",
        "Журнал доступа к данным",
        "регистрация действий (п. 8 ч. 2 ст. 19 152-ФЗ)",
        DUTY,
        "действие",
        NOBODYS,
    ]),
    named([
        "security_log",
        "Журнал безопасности",
        "выявление попыток доступа (ст. 19 152-ФЗ)",
        DUTY,
        "событие",
        NOBODYS,
    ]),
    named([
        "subject_requests",
        "Обращения субъекта о своих данных: вид, способ, дни, ответ",
        "ответ в срок и доказательство ответа (ст. 14, 20, 21 152-ФЗ)",
        DUTY,
        "обращение",
        NOBODYS,
    ]),
];

/// How many categories of `retention.rs` are about members.
#[cfg(test)]
pub(super) const CATEGORIES_ABOUT_HER: usize = NAMED.len();

/// One purpose of each kind.
#[cfg(test)]
pub(super) const PURPOSES: [&str; 8] = [
    "personal_data",
    "marketing",
    "profiling",
    "partner:mindal",
    "medical:klinika",
    "medical_cross_promo",
    "medical_status",
    "recommendation",
];

/// A category of `retention.rs` in words; `None` for one that is not about members.
pub(super) fn category(name: &str) -> Option<&'static Named> {
    const ALL: &[Named] = &NAMED;
    ALL.iter().find(|named| named.category == name)
}

/// A purpose of a consent.
pub(super) fn purpose(purpose: &Purpose, business: Option<&str>) -> String {
    let of = business.map(|name| format!(" «{name}»")).unwrap_or_default();
    match purpose {
        Purpose::PersonalData => "Обработка персональных данных для участия в программе".to_owned(),
        Purpose::Marketing => "Рекламные сообщения".to_owned(),
        Purpose::Profiling => "Составление профиля предпочтений".to_owned(),
        Purpose::Partner(_) => format!("Получение сведений о покупках от партнёра{of}"),
        Purpose::Medical(_) => format!("Получение сумм и дат посещений от медицинской организации{of}"),
        Purpose::MedicalCrossPromo => "Предложения в связи с посещением медицинской организации".to_owned(),
        Purpose::MedicalStatus => "Учёт посещений медицинских организаций в статусе".to_owned(),
        Purpose::Recommendation => "Рекомендации".to_owned(),
    }
}

/// What a consent is for and which data it is about, as its text says; the newest text for a version that has none.
pub(super) fn aim_and_data(purpose: &Purpose, version: &str) -> Option<(String, String)> {
    let version = version.parse::<ConsentVersion>().ok();
    let agreed = version.and_then(|version| ConsentText::of(purpose, &version));
    let text = agreed.or_else(|| ConsentText::newest(purpose))?.text;
    let said = |place: &str| Some(text.lines().find_map(|line| line.strip_prefix(place))?.to_owned());
    Some((said("Цель: ")?, said("Данные: ")?))
}

/// On what ground data are processed by a consent.
pub(super) const fn ground(purpose: &Purpose) -> &'static str {
    match purpose {
        Purpose::PersonalData | Purpose::Profiling | Purpose::Partner(_) | Purpose::Recommendation => {
            "согласие (п. 1 ч. 1 ст. 6 152-ФЗ)"
        }
        Purpose::Marketing => "согласие (ч. 1 ст. 15 152-ФЗ, ч. 1 ст. 18 38-ФЗ)",
        Purpose::Medical(_) | Purpose::MedicalCrossPromo | Purpose::MedicalStatus => {
            "согласие (п. 1 ч. 2 ст. 10 152-ФЗ, ч. 3 ст. 13 323-ФЗ)"
        }
    }
}

/// Which way a consent came.
pub(super) const fn channel(channel: ConsentChannel) -> &'static str {
    match channel {
        ConsentChannel::App => "app",
        ConsentChannel::Admin => "admin",
        ConsentChannel::Import => "import",
    }
}

/// Item 3.
pub(super) const METHODS: [&str; 2] = [
    "Автоматизированная обработка: сбор, запись, систематизация, накопление, хранение, уточнение, извлечение, использование, \
     передача партнёрам с согласия субъекта, блокирование, удаление, уничтожение",
    "Имя, телефон, почта, дата рождения и город хранятся зашифрованными ключом субъекта; учёт бонусов ведётся под случайным \
     идентификатором",
];

/// Item 5, the second half.
pub(super) const SOURCES: [&str; 4] = [
    "Сам субъект: при регистрации, в профиле, при входе и в согласиях",
    "Партнёры, к которым дано согласие: сумма, дата и место покупки",
    "Работники оператора: корректировки, подарки, купоны и их обоснования",
    "Вычислено программой: баланс, статус, бонусы и купоны по правилам программы",
];

/// Item 8: there is no part of the product that sends anything of hers anywhere but to partners, on their asking (compliance X2).
pub(super) const NO_TRANSFER: &str = "Трансграничная передача не осуществляется";

/// Item 9.1.
pub(super) const DUTIES: [&str; 5] = [
    "Ответственный за обработку указан выше, вместе с оператором",
    "Доступ ограничен по ролям; работники входят по паролю и одноразовому коду",
    "Каждое действие с данными регистрируется в журнале, который нельзя изменить незаметно",
    "Данные каждого субъекта зашифрованы его собственным ключом, ключи хранятся отдельно",
    "Категории, цели, основания и сроки хранения заданы одной таблицей, по которой данные удаляются",
];

/// What an admin's copy leaves out.
pub(super) const WITHHELD: [&str; 5] = [
    "Названия партнёров и номера при покупках, начислениях и обращениях к данным: по ним было бы видно, какие из остальных \
     относятся к медицинским организациям",
    "Согласия, данные партнёрам и о медицинских организациях, их число, цели обработки и получатели данных по ним",
    "Купоны",
    "Отдельные начисления бонусов с их сроками, изменения статуса, возвраты и сработавшие цепочки предложений",
    "Полный отчёт субъект получает сам, в приложении",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retention::CATEGORIES;

    #[test]
    fn s1_every_category_about_members_has_its_words() {
        let unnamed: Vec<&str> =
            CATEGORIES.iter().map(|one| one.category).filter(|name| category(name).is_none()).collect();
        assert_eq!(
            unnamed,
            ["dev_messages", "staff", "api_keys", "partner_words"],
            "these are not about members"
        );
        let about = CATEGORIES.iter().filter_map(|one| category(one.category));
        for one in about {
            let texts = [one.name, one.purpose, one.ground, one.starts, one.at_end];
            assert!(texts.iter().all(|text| !text.is_empty()), "{}", one.category);
        }
        assert!(NAMED.iter().all(|named| CATEGORIES.iter().any(|one| one.category == named.category)));
    }

    #[test]
    fn every_consent_says_what_for_and_which_data() {
        for name in PURPOSES {
            let purpose: Purpose = name.parse().expect("a purpose");
            for version in ["1", "2090-01-01"] {
                let (aim, data) = aim_and_data(&purpose, version).expect("both are said");
                assert!(!aim.is_empty() && !data.is_empty(), "{name}");
            }
        }
    }
}
