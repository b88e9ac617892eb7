//! The papers of a destruction (Roskomnadzor's order 179 of 28.10.2022): the extract of the log and the act, both from the one
//! fact of the log. The act names the extract's hash. Neither names the person: her id does (compliance E10).

use chrono::{DateTime, Utc};
use ledger_core::member::event::{DemandedBy, ErasureGround, MemberErased, PersonalCategory};
use ledger_core::time::Timestamp;
use ledger_store::log::StoredRow;
use pii_vault::erasure::Papers;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::problem::{ApiError, Cause};
use crate::settings::Operator;

/// The extract of the log (выгрузка из журнала), as the order wants it for automated processing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Extract {
    /// Information that points to the person: her id.
    pub(crate) person: Uuid,
    /// Accounts that were one with hers.
    pub(crate) accounts: Vec<Uuid>,
    /// What was destroyed.
    pub(crate) categories: Vec<String>,
    /// The information system.
    pub(crate) information_system: String,
    /// Why.
    pub(crate) reason: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) destroyed_at: Timestamp,
    /// Where on the log it stands.
    pub(crate) log_position: i64,
    /// When the log took it.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) log_recorded_at: Timestamp,
    /// The leaf hash of that event, hexadecimal: a proof of inclusion shows that it is sealed.
    pub(crate) log_leaf_hash: String,
}

/// Somebody who answers for the destruction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Responsible {
    /// The name.
    pub(crate) name: String,
    /// The position.
    pub(crate) position: String,
}

/// An organisation and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Organisation {
    /// The name.
    pub(crate) name: String,
    /// The address.
    pub(crate) address: String,
}

/// The act of destruction (акт об уничтожении персональных данных).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Act {
    /// Its number.
    pub(crate) act_id: Uuid,
    /// 1. The operator.
    pub(crate) operator: Organisation,
    /// 2. Who processed on the operator's behalf, if anybody.
    pub(crate) processor: Option<Organisation>,
    /// 3. Information that points to the person: her id.
    pub(crate) person: Uuid,
    /// Accounts that were one with hers.
    pub(crate) accounts: Vec<Uuid>,
    /// 4. Who destroyed. The signature is put on the printed form, or on this text by an electronic signature.
    pub(crate) destroyed_by: Responsible,
    /// 5. What was destroyed.
    pub(crate) categories: Vec<String>,
    /// 6. Paper media and sheets: none, the processing is automated.
    pub(crate) paper_media: Option<String>,
    /// 7. The information system.
    pub(crate) information_system: String,
    /// 8. How.
    pub(crate) method: String,
    /// 9. Why.
    pub(crate) reason: String,
    /// On whose demand.
    pub(crate) demanded_by: String,
    /// 10. When.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) destroyed_at: Timestamp,
    /// The SHA-256 of the extract of the log, hexadecimal.
    pub(crate) extract_sha256: String,
}

/// How it is done; one way for all.
const METHOD: &str =
    "Удаление записей базы данных персональных данных и уничтожение ключа шифрования субъекта";

/// Both papers of one erasure.
///
/// # Errors
/// Never for what is given; a writer's error type keeps the door open.
pub(crate) fn of(
    operator: &Operator,
    said: &StoredRow,
    fact: &MemberErased,
    destroyed_at: DateTime<Utc>,
) -> Result<Papers, ApiError> {
    let destroyed_at = Timestamp::new(destroyed_at);
    let categories: Vec<String> = fact.categories.iter().map(|it| name_of(*it).to_owned()).collect();
    let reason = reason_of(fact.ground).to_owned();
    let extract = Extract {
        person: said.row.stream_id,
        accounts: fact.accounts.iter().map(|id| id.as_uuid()).collect(),
        categories: categories.clone(),
        information_system: operator.information_system.clone(),
        reason: reason.clone(),
        destroyed_at,
        log_position: said.row.position,
        log_recorded_at: said.row.recorded_at,
        log_leaf_hash: hex::encode(said.leaf_hash.as_bytes()),
    };
    let unwritten = |_| ApiError::Unavailable(Cause::Impossible("a paper cannot be written"));
    let extract = serde_json::to_string(&extract).map_err(unwritten)?;
    let extract_hash: [u8; 32] = Sha256::digest(&extract).into();
    let act = Act {
        act_id: fact.act_id.as_uuid(),
        operator: Organisation { name: operator.name.clone(), address: operator.address.clone() },
        processor: operator
            .processor_name
            .clone()
            .zip(operator.processor_address.clone())
            .map(|(name, address)| Organisation { name, address }),
        person: said.row.stream_id,
        accounts: fact.accounts.iter().map(|id| id.as_uuid()).collect(),
        destroyed_by: Responsible {
            name: operator.responsible_name.clone(),
            position: operator.responsible_position.clone(),
        },
        categories,
        paper_media: None,
        information_system: operator.information_system.clone(),
        method: METHOD.to_owned(),
        reason,
        demanded_by: match fact.demanded_by {
            DemandedBy::Herself => "По требованию субъекта персональных данных".to_owned(),
            DemandedBy::Admin => "По решению оператора".to_owned(),
        },
        destroyed_at,
        extract_sha256: hex::encode(extract_hash),
    };
    let act = serde_json::to_string(&act).map_err(unwritten)?;
    Ok(Papers { extract, extract_hash, act })
}

/// A category as the papers name it.
const fn name_of(category: PersonalCategory) -> &'static str {
    match category {
        PersonalCategory::Name => "Фамилия, имя",
        PersonalCategory::Phone => "Номер телефона и поисковые значения, полученные из него",
        PersonalCategory::Email => "Адрес электронной почты",
        PersonalCategory::BirthDate => "Дата рождения",
        PersonalCategory::City => "Город",
        PersonalCategory::Words => "Сведения о субъекте в свободной форме, коды купонов",
        PersonalCategory::SignIns => "Данные входа: коды подтверждения, сеансы, сообщения",
        PersonalCategory::DataKey => "Ключ шифрования данных субъекта",
    }
}

/// A ground as the papers name it: articles of 152-ФЗ.
const fn reason_of(ground: ErasureGround) -> &'static str {
    match ground {
        ErasureGround::ConsentWithdrawn => {
            "Отзыв согласия на обработку персональных данных (ч. 5 ст. 21 152-ФЗ)"
        }
        ErasureGround::DemandToStop => "Требование о прекращении обработки (ч. 5.1 ст. 21 152-ФЗ)",
        ErasureGround::PurposeReached => "Достижение цели обработки (ч. 4 ст. 21 152-ФЗ)",
        ErasureGround::Unlawful => "Выявление неправомерной обработки (ч. 3 ст. 21 152-ФЗ)",
        ErasureGround::Needless => {
            "Данные получены незаконно или не нужны для заявленной цели (ч. 3 ст. 20 152-ФЗ)"
        }
    }
}
