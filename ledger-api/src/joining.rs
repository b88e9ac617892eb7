//! A member comes into being in two databases. `pii_vault::members` says why the steps survive a crash between them.

use ledger_core::ids::{EvidenceId, MemberId};
use ledger_core::log::{Actor, ActorKind, Event, Position, Row};
use ledger_core::member::MemberCommand;
use ledger_core::member::consent::{ConsentChange, ConsentChannel, ConsentChoice, ConsentOrigin, Purpose};
use ledger_core::member::event::MemberEvent;
use ledger_core::rejection::Rejection;
use ledger_core::time::Timestamp;
use ledger_ops::settings::Profile;
use ledger_store::log::{self, StoredRow};
use ledger_store::{Command, ExecuteError, Idempotency, Receipt, Repeat, Request};
use pii_vault::access::{self, Access};
use pii_vault::members::{PartnerConsent, Registered, Registration};
use pii_vault::phone::Phone;
use uuid::Uuid;

use crate::app::App;
use crate::call::Call;
use crate::natural_key::fingerprint;
use crate::problem::{ApiError, Cause, Conflict};

/// Somebody who joins.
pub(crate) struct Joining {
    /// The phone that makes her one person.
    pub(crate) phone: Phone,
    /// What the vault keeps.
    pub(crate) profile: pii_vault::members::ProfileChanges,
    /// Since when; now when absent.
    pub(crate) registered_at: Option<Timestamp>,
    /// What she consents to.
    pub(crate) consents: Vec<ConsentChange>,
    /// The key of the request.
    pub(crate) key: [u8; 32],
    /// Who registers her.
    pub(crate) by: Registrar,
    /// The access to the vault.
    pub(crate) access: Access,
}

/// Who registers a member.
#[derive(Clone, Copy)]
pub(crate) enum Registrar {
    /// She herself, by the code that was sent in answer to this request.
    Herself {
        /// The confirming code request.
        code_id: Uuid,
    },
    /// The programme's staff.
    Staff(Actor),
}

impl Registrar {
    fn actor(self, member_id: MemberId) -> Actor {
        match self {
            Self::Herself { .. } => Actor { kind: ActorKind::Member, id: member_id.as_uuid() },
            Self::Staff(actor) => actor,
        }
    }

    /// What proves the consents (compliance C3). Staff say since when she is a member where they bring in a history.
    fn origin(self, registered_at: Option<Timestamp>) -> ConsentOrigin {
        match self {
            Self::Herself { code_id } => ConsentOrigin {
                evidence: Some(EvidenceId::from_uuid(code_id)),
                ..ConsentOrigin::from_channel(ConsentChannel::App)
            },
            Self::Staff(_) if registered_at.is_some() => ConsentOrigin::from_channel(ConsentChannel::Import),
            Self::Staff(_) => ConsentOrigin::from_channel(ConsentChannel::Admin),
        }
    }
}

/// A member after it.
pub(crate) struct Joined {
    /// Who.
    pub(crate) member_id: MemberId,
    /// The ledger's receipt.
    pub(crate) receipt: Receipt,
}

/// Registers her, or finds that an earlier try of the same request did.
///
/// # Errors
/// [`Conflict::MemberExists`] for a phone that is a member's already.
pub(crate) async fn join(call: &Call, who: Joining) -> Result<Joined, ApiError> {
    // Refused before the vault is touched: a pending row of someone who may not join would only be litter.
    check(call, &who.consents).await?;
    check_texts(call.app.profile, who.by.origin(who.registered_at).channel, &who.consents)?;
    let Joining { phone, profile, registered_at, consents, key, by, access } = who;
    let members = call.app.vault.members();
    let registration = Registration { fresh_id: MemberId::from_uuid(Uuid::now_v7()), key, phone, profile };
    let registered = members.register(&registration, &access).await?;
    let member_id = registered.member_id();
    let fingerprint = fingerprint_of(member_id, registered_at, &consents);
    let command = MemberCommand::Register {
        registered_at: registered_at.unwrap_or_else(|| call.now()),
        consents: consents.clone(),
        origin: by.origin(registered_at),
    };
    let request = Request {
        command: Command::Member { member_id, command },
        idempotency: Idempotency { key, revision: 1, fingerprint },
        actor: by.actor(member_id),
        source: "api",
        correlation_id: call.correlation_id(),
    };
    match call.app.ledger.execute(request).await {
        Ok(receipt) => {
            members.settle(member_id, &key, &access).await?;
            note_partners(&call.app, member_id, &consents, receipt.as_of, &access).await?;
            Ok(Joined { member_id, receipt })
        }
        Err(ExecuteError::Refused(rejection)) => {
            if !matches!(registered, Registered::Existing(_)) {
                take_back(call, &registration, member_id, &access).await?;
            }
            Err(match rejection {
                Rejection::MemberExists => ApiError::Conflict(Conflict::MemberExists),
                other => other.into(),
            })
        }
        // It may be on the log all the same: the row waits for a retry, or for housekeeping.
        Err(unknown) => Err(unknown.into()),
    }
}

/// Leaves nothing of a refused registration, and nothing of another one undone: if the log knows her, one that stopped
/// before its last step, or is about to take it, made her a member.
async fn take_back(
    call: &Call,
    registration: &Registration,
    member_id: MemberId,
    access: &Access,
) -> Result<(), ApiError> {
    settle_as_logged(&call.app, member_id, access).await?;
    Ok(call.app.vault.members().withdraw(registration, member_id, access).await?)
}

/// Takes the last steps of the registration that the log took, whoever began it; `false` when the log does not know her.
/// May be repeated, and race with that registration itself: both do the same.
pub(crate) async fn settle_as_logged(
    app: &App,
    member_id: MemberId,
    access: &Access,
) -> Result<bool, ApiError> {
    let rows = log::read_stream(&app.log_pool, member_id.as_uuid(), 0).await?;
    let Some(first) = rows.first() else { return Ok(false) };
    let taken = hex::decode(&first.row.metadata.idempotency_key)
        .map_err(|_| ApiError::Unavailable(Cause::Impossible("a key on the log is not hexadecimal")))?;
    app.vault.members().settle(member_id, &taken, access).await?;
    note_logged(app, member_id, &rows, access).await?;
    Ok(true)
}

/// Has `account` be found by its phone's hash as the account that stands for it consents: after it went into another, and
/// after it came back. May be repeated.
pub(crate) async fn find_as_it_stands(call: &Call, account: MemberId) -> Result<(), ApiError> {
    let rows = log::read_stream(&call.app.log_pool, call.survivor(account).as_uuid(), 0).await?;
    let access = call.vault_access(call.caller()?.accessor(), access::Purpose::PartnerIndex);
    note_logged(&call.app, account, &rows, &access).await
}

/// Notes for `member_id` every consent of a stream.
async fn note_logged(
    app: &App,
    member_id: MemberId,
    rows: &[StoredRow],
    access: &Access,
) -> Result<(), ApiError> {
    let Some(last) = rows.last() else { return Ok(()) };
    let consents: Vec<ConsentChange> = rows.iter().filter_map(|stored| consent_of(&stored.row)).collect();
    note_partners(app, member_id, &consents, last.row.position, access).await
}

fn consent_of(row: &Row) -> Option<ConsentChange> {
    let (purpose, choice, version, text_hash) = match row.event().ok()? {
        Event::Member(MemberEvent::ConsentGranted(fact)) => {
            (fact.purpose, ConsentChoice::Granted, fact.version, fact.text_hash)
        }
        Event::Member(MemberEvent::ConsentWithdrawn(fact)) => {
            (fact.purpose, ConsentChoice::Withdrawn, fact.version, fact.text_hash)
        }
        _ => return None,
    };
    Some(ConsentChange { purpose, choice, version, text_hash })
}

/// What the domain would refuse of the consents, found before the vault is written.
async fn check(call: &Call, consents: &[ConsentChange]) -> Result<(), ApiError> {
    if !consents.iter().any(|consent| consent.purpose == Purpose::PersonalData) {
        return Err(Rejection::ConsentRequired.into());
    }
    for consent in consents {
        let slug = match &consent.purpose {
            Purpose::Partner(slug) | Purpose::Medical(slug) => slug,
            _ => continue,
        };
        let business = call.app.business(&slug.to_string()).await.ok_or(Rejection::BusinessNotFound)?;
        let right = Purpose::to_report(business.slug.clone(), business.confidentiality);
        // `partner:` of a medical business is taken and opens nothing, as in the domain.
        if right != consent.purpose && !matches!(consent.purpose, Purpose::Partner(_)) {
            return Err(Rejection::BusinessNotFound.into());
        }
    }
    Ok(())
}

/// Whoever consents has seen a text that is kept here, so that it can be shown for ever (compliance C3). Of a consent that was
/// given before this ledger the proof is elsewhere. A developer's clients may name what versions they like; then the log
/// has no hash.
pub(crate) fn check_texts(
    profile: Profile,
    channel: ConsentChannel,
    consents: &[ConsentChange],
) -> Result<(), ApiError> {
    let is_held_to_it = profile == Profile::Production && channel != ConsentChannel::Import;
    let is_of_no_text =
        |consent: &ConsentChange| consent.choice == ConsentChoice::Granted && consent.text_hash.is_none();
    if is_held_to_it && consents.iter().any(is_of_no_text) {
        return Err(ApiError::ConsentTextUnknown);
    }
    Ok(())
}

/// Keeps the vault's index of `phone_hash` in step with consents that stood at `as_of`; may be repeated, and come in any
/// order.
pub(crate) async fn note_partners(
    app: &App,
    member_id: MemberId,
    consents: &[ConsentChange],
    as_of: Position,
    access: &Access,
) -> Result<(), ApiError> {
    let registry = app.ledger.registry();
    let mut noted = std::collections::BTreeMap::new();
    for consent in consents {
        let slug = match &consent.purpose {
            Purpose::Partner(slug) | Purpose::Medical(slug) => slug,
            _ => continue,
        };
        let Some(business) = registry.businesses.by_slug(slug) else { continue };
        // Only the consent that opens the door decides whether the business finds her.
        if Purpose::to_report(business.slug.clone(), business.confidentiality) != consent.purpose {
            continue;
        }
        let choice = match consent.choice {
            ConsentChoice::Granted => PartnerConsent::Granted,
            ConsentChoice::Withdrawn => PartnerConsent::Withdrawn,
        };
        noted.insert(business.business_id, choice);
    }
    if noted.is_empty() {
        return Ok(());
    }
    let noted: Vec<_> = noted.into_iter().collect();
    Ok(app.vault.members().partner_consents(member_id, &noted, as_of, access).await?)
}

/// An id stands where the phone stood; names are not part of it.
fn fingerprint_of(
    member: MemberId,
    registered_at: Option<Timestamp>,
    consents: &[ConsentChange],
) -> [u8; 32] {
    let mut parts = vec![member.as_uuid().as_bytes().to_vec()];
    parts.push(registered_at.map_or_else(Vec::new, |at| at.micros().to_be_bytes().to_vec()));
    for consent in consents {
        parts.push(consent.purpose.to_string().into_bytes());
        parts.push(consent.version.to_string().into_bytes());
    }
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    fingerprint(&parts)
}

/// Whether a receipt is of an earlier execution.
pub(crate) fn is_replayed(receipt: &Receipt) -> bool {
    receipt.repeat == Repeat::Replayed
}
