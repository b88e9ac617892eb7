//! All that is known of a member, told to her: the answer to a demand of 152-ФЗ art. 14 part 7 (compliance S1–S3).
//!
//! What is told is read when it is asked for: data from vault, read models and log, grounds and terms from `retention.rs`,
//! operator and processors from the settings, partners from the consents that hold. Each reading of the vault is in the access
//! log, which is read last, so that the report shows its own making. Decision 22.

mod called;
mod details;
mod document;
mod facts;
mod hers;
pub(crate) mod page;
mod past;
mod words;

use std::collections::HashSet;

use ledger_core::context::Registry;
use ledger_core::ids::{BusinessId, MemberId};
use ledger_core::log::Position;
use ledger_core::member::consent::Purpose as ConsentPurpose;
use ledger_core::rejection::Rejection;
use pii_vault::access::Purpose;
use uuid::Uuid;

use crate::app::App;
use crate::call::Call;
use crate::erasure::papers::Organisation;
use crate::problem::ApiError;
use crate::read::{self, Model};
use crate::retention::CATEGORIES;
use crate::settings::Operator;

pub(crate) use document::SubjectReport;
use document::{
    ReportedConsent, ReportedCrossBorder, ReportedOperator, ReportedProcessing, ReportedPurpose,
    ReportedRecipient, ReportedRegistration, ReportedRight, ReportedTerm,
};
use past::Past;

/// Whose eyes a report is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Her own: nothing is left out.
    Herself,
    /// An admin's: nothing that would tell of a clinic.
    Admin,
}

/// A report, and the position that its data have passed.
pub(crate) struct Told {
    /// The report.
    pub(crate) report: SubjectReport,
    /// The position.
    pub(crate) position: Position,
}

/// Puts the report about a member together; of accounts that are one, whichever is asked about.
///
/// # Errors
/// 404 for nobody, 410 for one who was forgotten, [`ApiError::OperatorUnknown`] in an installation that does not say who operates it.
pub(crate) async fn gather(call: &Call, asked: MemberId, reader: Reader) -> Result<Told, ApiError> {
    // Refused before anything is asked of a server.
    let wanted = read::min_position(call)?;
    call.app.ledger.refresh().await;
    let app: &App = &call.app;
    let registry = app.ledger.registry();
    let member = registry.accounts.survivor(asked);
    let accounts = registry.accounts.one_with(member);
    if accounts.iter().any(|account| app.gone.has(account.as_uuid())) {
        return Err(Rejection::MemberErased.into());
    }
    let mut facts = facts::facts(app, &accounts).await?;
    let past = Past::together(std::mem::take(&mut facts.pasts).into_values());
    let position = passed(call, &accounts, wanted.max(facts.last)).await?;
    let operator = app.operator.as_ref().ok_or(ApiError::OperatorUnknown)?;
    let access = call.vault_access(call.caller()?.accessor(), Purpose::SubjectAccess);
    let about =
        hers::About { app, registry: &registry, member, accounts: &accounts, reader, now: call.now() };
    // Once: its status and since when are of one moment.
    let standing = read::statuses::standing(app, member).await?;
    let data = about.data(&access, &standing, &past).await?;
    let decided = read::statuses::consents(app, member).await?.into_iter().filter(|one| one.granted);
    let granted: HashSet<String> = decided.map(|one| one.purpose).collect();
    let consents = consents(&registry, &facts.decisions, &granted, reader);
    let report = SubjectReport {
        prepared_at: call.now(),
        person: member.as_uuid(),
        accounts: accounts.iter().map(MemberId::as_uuid).collect(),
        withheld: match reader {
            Reader::Herself => Vec::new(),
            Reader::Admin => words::WITHHELD.to_vec(),
        },
        processing: ReportedProcessing {
            confirmed: true,
            since: standing.registered_at,
            records: facts.records(reader),
        },
        purposes: purposes(&consents),
        consents,
        methods: words::METHODS.to_vec(),
        operator: operator_of(operator),
        recipients: recipients(&registry, operator, &granted, reader),
        data,
        sources: words::SOURCES.to_vec(),
        registrations: registrations(&accounts, &facts.decisions),
        terms: terms(),
        rights: rights(operator),
        cross_border: ReportedCrossBorder { is_done: false, statement: words::NO_TRANSFER },
        processors: processor(operator).into_iter().collect(),
        duties: words::DUTIES.to_vec(),
        // Last: what was read for this report is in it.
        accesses: about.accesses().await?,
    };
    Ok(Told { report, position })
}

/// The position that all of what is read about her has passed: what is told of the log and of the models is of one moment.
async fn passed(call: &Call, accounts: &[MemberId], wanted: Position) -> Result<Position, ApiError> {
    let mut least = Position::MAX;
    for model in [Model::Balances, Model::History, Model::Statuses, Model::Directory] {
        for account in accounts {
            least = least.min(read::wait_for(call, model, Some(*account), wanted).await?);
        }
    }
    Ok(least)
}

/// Each decision, and whether it is what holds: the newest that says what the read model has for its purpose.
fn consents(
    registry: &Registry,
    decisions: &[facts::Decision],
    granted: &HashSet<String>,
    reader: Reader,
) -> Vec<ReportedConsent> {
    let mut known = HashSet::new();
    let told = decisions.iter().rev().filter_map(|one| {
        let purpose = one.purpose.to_string();
        let holds = one.granted == granted.contains(&purpose);
        let stands = holds && known.insert(purpose.clone());
        if reader == Reader::Admin && is_withheld(&one.purpose) {
            return None;
        }
        Some(ReportedConsent {
            purpose,
            name: words::purpose(&one.purpose, business_of(registry, &one.purpose).as_deref()),
            granted: one.granted,
            stands,
            version: one.version.clone(),
            text_hash: one.text_hash.clone(),
            channel: words::channel(one.channel),
            evidence: one.evidence,
            session: one.session,
            at: one.at,
        })
    });
    let mut told: Vec<ReportedConsent> = told.collect();
    told.reverse();
    told
}

/// Whether a consent is left out of an admin's copy: what is to a clinic, or about clinics, and what is to any partner, for a
/// purchase of one who lets no shop report is a visit to a clinic (compliance M4).
const fn is_withheld(purpose: &ConsentPurpose) -> bool {
    match purpose {
        ConsentPurpose::Partner(_)
        | ConsentPurpose::Medical(_)
        | ConsentPurpose::MedicalCrossPromo
        | ConsentPurpose::MedicalStatus => true,
        ConsentPurpose::PersonalData
        | ConsentPurpose::Marketing
        | ConsentPurpose::Profiling
        | ConsentPurpose::Recommendation => false,
    }
}

/// The name of the partner that a purpose is about.
fn business_of(registry: &Registry, purpose: &ConsentPurpose) -> Option<String> {
    let (ConsentPurpose::Partner(slug) | ConsentPurpose::Medical(slug)) = purpose else { return None };
    registry.businesses.by_slug(slug).map(|business| business.name.clone())
}

/// The name of a business.
fn business_named(registry: &Registry, id: Uuid) -> Option<String> {
    registry.businesses.get(BusinessId::from_uuid(id)).map(|business| business.name.clone())
}

/// Item 4: the operator's people, whom it has process for it, and partners whose consent holds.
fn recipients(
    registry: &Registry,
    operator: &Operator,
    granted: &HashSet<String>,
    reader: Reader,
) -> Vec<ReportedRecipient> {
    let mut told = vec![ReportedRecipient {
        name: format!("Работники: {}", operator.name),
        gets: "доступ в пределах роли; каждое обращение к данным регистрируется",
        ground: "трудовые обязанности".to_owned(),
    }];
    told.extend(processor(operator).map(|processor| ReportedRecipient {
        name: processor.name,
        gets: "обработка по поручению оператора",
        ground: "поручение (ч. 3 ст. 6 152-ФЗ)".to_owned(),
    }));
    let mut partners: Vec<ConsentPurpose> = granted.iter().filter_map(|name| name.parse().ok()).collect();
    partners.sort();
    for purpose in partners {
        let is_shown = match &purpose {
            ConsentPurpose::Partner(_) | ConsentPurpose::Medical(_) => reader == Reader::Herself,
            _ => false,
        };
        if is_shown {
            let named = business_of(registry, &purpose);
            told.push(ReportedRecipient {
                name: named.clone().unwrap_or_else(|| "Партнёр программы".to_owned()),
                gets: "при покупке у него: что покупатель участвует в программе, доступные бонусы, скидка по купону и статус",
                ground: format!("согласие: {}", words::purpose(&purpose, named.as_deref())),
            });
        }
    }
    told
}

/// The consent without which nobody is a member is the registration's own.
fn registrations(accounts: &[MemberId], decisions: &[facts::Decision]) -> Vec<ReportedRegistration> {
    let of = |account: &MemberId| {
        let mut hers = decisions.iter().filter(|one| one.account == *account);
        let first = hers.find(|one| one.granted && one.purpose == ConsentPurpose::PersonalData)?;
        let channel = words::channel(first.channel);
        Some(ReportedRegistration { account: account.as_uuid(), channel, at: first.at })
    };
    accounts.iter().filter_map(of).collect()
}

/// Each category, and what is processed by each consent that is told and stands: as its text says, in the version she agreed to.
fn purposes(consents: &[ReportedConsent]) -> Vec<ReportedPurpose> {
    let categories = CATEGORIES.iter().filter_map(|one| {
        let named = words::category(one.category)?;
        Some(ReportedPurpose {
            category: one.category.to_owned(),
            name: named.name.to_owned(),
            purpose: named.purpose.to_owned(),
            ground: named.ground,
        })
    });
    let by_consent = consents.iter().filter(|one| one.granted && one.stands).filter_map(|one| {
        let purpose: ConsentPurpose = one.purpose.parse().ok()?;
        let (aim, data) = words::aim_and_data(&purpose, &one.version)?;
        Some(ReportedPurpose {
            category: one.purpose.clone(),
            name: format!("{}: {data}", one.name),
            purpose: aim,
            ground: words::ground(&purpose),
        })
    });
    categories.chain(by_consent).collect()
}

fn terms() -> Vec<ReportedTerm> {
    let told = CATEGORIES.iter().filter_map(|one| {
        let named = words::category(one.category)?;
        Some(ReportedTerm {
            category: one.category,
            name: named.name,
            starts: named.starts,
            days: one.days,
            at_end: named.at_end,
        })
    });
    told.collect()
}

fn operator_of(operator: &Operator) -> ReportedOperator {
    ReportedOperator {
        name: operator.name.clone(),
        address: operator.address.clone(),
        information_system: operator.information_system.clone(),
        responsible: format!("{}, {}", operator.responsible_name, operator.responsible_position),
    }
}

/// Item 9: whom the settings name.
fn processor(operator: &Operator) -> Option<Organisation> {
    let named = operator.processor_name.clone().zip(operator.processor_address.clone());
    named.map(|(name, address)| Organisation { name, address })
}

/// Item 7. Terms are the law's: `deadlines.rs` of the core reckons them.
fn rights(operator: &Operator) -> Vec<ReportedRight> {
    let write = format!("или обращением к оператору: {}, {}", operator.name, operator.address);
    let right = |right, how: &str| ReportedRight { right, how: format!("{how} {write}") };
    vec![
        right("Получить сведения об обработке (ст. 14)", "в приложении, этим отчётом,"),
        right("Уточнить данные (ч. 1 ст. 14, ч. 3 ст. 20)", "в профиле приложения"),
        right("Отозвать согласие, каждое отдельно (ч. 2 ст. 9)", "в приложении, в разделе согласий,"),
        right("Удалить учётную запись и данные (ч. 5 ст. 21)", "в профиле приложения"),
        right("Потребовать блокирования или прекращения обработки (ст. 21)", "через поддержку"),
        ReportedRight {
            right: "Обжаловать действия оператора (ст. 17)",
            how: "в Роскомнадзор или в суд".to_owned(),
        },
    ]
}

#[cfg(test)]
mod tests {
    use ledger_core::member::consent::ConsentChannel;
    use ledger_core::time::Timestamp;

    use super::*;

    #[test]
    fn what_was_withdrawn_does_not_hold_and_no_clinic_is_in_an_admins_copy() {
        let said = |position, purpose: &str, granted| facts::Decision {
            account: MemberId::from_uuid(Uuid::nil()),
            position,
            at: Timestamp::BEGINNING,
            granted,
            purpose: purpose.parse().expect("a purpose"),
            version: "1".to_owned(),
            text_hash: None,
            channel: ConsentChannel::App,
            evidence: None,
            session: None,
        };
        let decisions =
            [said(1, "marketing", true), said(2, "medical:klinika", true), said(3, "marketing", false)];
        let granted = HashSet::from(["medical:klinika".to_owned()]);
        let told = |reader| {
            let all = consents(&Registry::default(), &decisions, &granted, reader);
            all.iter().map(|one| (one.purpose.clone(), one.stands)).collect::<Vec<_>>()
        };
        let of = |purpose: &str, stands| (purpose.to_owned(), stands);
        let marketing = [of("marketing", false), of("marketing", true)];
        let hers = [marketing[0].clone(), of("medical:klinika", true), marketing[1].clone()];
        assert_eq!(told(Reader::Herself), hers);
        assert_eq!(told(Reader::Admin), marketing);
        let purposes = |reader| {
            let all = purposes(&consents(&Registry::default(), &decisions, &granted, reader));
            let of_consents = all.into_iter().skip(words::CATEGORIES_ABOUT_HER);
            of_consents.map(|one| (one.category, one.purpose)).collect::<Vec<_>>()
        };
        let aim = "начисление и списание бонусов у этого партнёра.".to_owned();
        assert_eq!(purposes(Reader::Herself), [("medical:klinika".to_owned(), aim)]);
        assert!(purposes(Reader::Admin).is_empty());
    }

    #[test]
    fn a_registration_came_the_way_her_first_consent_did() {
        let [old, hers] = [1, 2].map(|number| MemberId::from_uuid(Uuid::from_u128(number)));
        let said = |account, purpose: &str, channel| facts::Decision {
            account,
            position: 1,
            at: Timestamp::BEGINNING,
            granted: true,
            purpose: purpose.parse().expect("a purpose"),
            version: "1".to_owned(),
            text_hash: None,
            channel,
            evidence: None,
            session: None,
        };
        let decisions = [
            said(hers, "marketing", ConsentChannel::App),
            said(old, "personal_data", ConsentChannel::Import),
            said(hers, "personal_data", ConsentChannel::Admin),
            said(hers, "personal_data", ConsentChannel::App),
        ];
        let told = registrations(&[old, hers], &decisions);
        let told: Vec<_> = told.iter().map(|one| (one.account, one.channel)).collect();
        assert_eq!(told, [(old.as_uuid(), "import"), (hers.as_uuid(), "admin")]);
    }
}
