//! A member's consents: facts on the log, and the vault's index of phone hashes in step with them.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use ledger_core::ids::SessionId;
use ledger_core::member::MemberCommand;
use ledger_core::member::consent::{
    ConsentChange, ConsentChannel, ConsentChoice, ConsentOrigin, ConsentVersion, NotAPurpose, Purpose,
};
use ledger_core::member::consent_text::ConsentText;
use ledger_store::{Command, Request};
use pii_vault::access;

use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto;
use crate::joining::{check_texts, note_partners};
use crate::json::{FieldErrors, parse};
use crate::problem::ApiError;
use crate::query::{self, Query};
use crate::read::{self, Model};

/// The words that a consent is to, by purpose and version: what the log's hash of them is of. Compliance C3.
pub(crate) async fn text(call: Call, _: Payload) -> Answer {
    let mut query = Query::of(&call.http)?;
    let version = query.take("version").map(|version| version.parse::<ConsentVersion>());
    if let Some(Err(wrong)) = &version {
        query.wrong("version", &wrong.to_string());
    }
    query.finish()?;
    let purpose: Result<Purpose, NotAPurpose> = call.path("purpose").parse();
    let purpose = purpose.map_err(|wrong| ApiError::field("purpose", wrong.to_string()))?;
    let text = match version.transpose().ok().flatten() {
        Some(version) => ConsentText::of(&purpose, &version),
        None => ConsentText::newest(&purpose),
    };
    call.ok(&dto::ConsentWords::from(text.ok_or(ApiError::NotFound)?))
}

pub(crate) async fn list(call: Call, _: Payload) -> Answer {
    query::none(&call)?;
    let member = call.member()?;
    let position = read::wait(&call, Model::Statuses, Some(member)).await?;
    let items = read::statuses::consents(&call.app, member).await?;
    call.read(&dto::Consents { items }, position)
}

/// The log decides first; the index follows by the log's order, and a retry repeats both. In between a withdrawn hash finds her still, and
/// her purchase is `unmatched` all the same: the ledger asks for the consent itself.
pub(crate) async fn change(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let member_id = call.member()?;
    let body = call.body(payload, Limit::Document).await?;
    let mut errors = FieldErrors::default();
    let changes = dto::ConsentChange::list(parse(&body)?, &mut errors);
    let changes = changes.filter(|_| errors.is_empty()).ok_or(ApiError::Validation(errors))?;
    let changes: Vec<ConsentChange> = changes.into_iter().map(dto::ConsentChange::into_change).collect();
    check_texts(call.app.profile, ConsentChannel::App, &changes)?;
    let session = call.caller()?.session.map(SessionId::from_uuid);
    let origin = ConsentOrigin { channel: ConsentChannel::App, evidence: None, session };
    let request = Request {
        command: Command::Member {
            member_id,
            command: MemberCommand::ChangeConsents { changes: changes.clone(), origin },
        },
        idempotency: Call::fresh_key(),
        actor: call.caller()?.actor(),
        source: "api",
        correlation_id: call.correlation_id(),
    };
    let receipt = call.app.ledger.execute(request).await?;
    let access = call.vault_access(call.caller()?.accessor(), access::Purpose::PartnerIndex);
    // A phone of any account that is one with hers finds her.
    for account in call.accounts(member_id) {
        note_partners(&call.app, account, &changes, receipt.as_of, &access).await?;
    }
    let items = changes.iter().map(|change| dto::Consent {
        purpose: change.purpose.to_string(),
        granted: change.choice == ConsentChoice::Granted,
        version: change.version.to_string(),
    });
    call.answer(StatusCode::OK, &dto::Consents { items: items.collect() }, receipt.position)
}
