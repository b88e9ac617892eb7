//! From a purchase document to the ledger's answer: the part that single calls, batches and imports share.
//!
//! Order: the business and what it may send, the form of the document, the member, the decision. The natural key decides
//! before a QR code's single use does: a code is claimed for its document, so the same document may come again, even
//! after the code's minute (design L4).

use std::sync::Arc;

use ledger_core::business::Business;
use ledger_core::context::Registry;
use ledger_core::ids::{BusinessId, MemberId, NaturalKey, QuarantineId};
use ledger_core::member::command::{PurchaseDocument, PurchaseMode, RecordPurchase};
use ledger_core::member::{MemberCommand, MemberOutcome, PurchaseOutcome};
use ledger_core::money::Roubles;
use ledger_core::rejection::Rejection;
use ledger_store::{Command, Idempotency, Outcome, Receipt, Repeat, Request};
use metrics::counter;
use pii_vault::access::Purpose;
use pii_vault::auth::QrClaim;
use pii_vault::members::LookUp;
use uuid::Uuid;

use crate::app::find_business;
use crate::call::Call;
use crate::coupon_tries::Guess;
use crate::dto::{Form, ItemOutcome, Member, PurchaseAnswer, Report, forbidden_fields};
use crate::json::{FieldErrors, Fields, Json, text};
use crate::natural_key::purchase_fingerprint;
use crate::problem::{ApiError, Cause, Conflict};

/// A document whose form is good.
pub(crate) struct Reported {
    /// Where.
    pub(crate) business_id: BusinessId,
    /// What.
    pub(crate) report: Report,
    /// Rule D1.
    pub(crate) natural_key: NaturalKey,
}

/// The registry in which the caller's documents find their business, if anybody ever registered it: another process may
/// have, a moment ago.
pub(crate) async fn registry_for(call: &Call, documents: &[Json<'_>]) -> Result<Arc<Registry>, ApiError> {
    if let Some(own) = call.caller()?.business {
        return Ok(call.app.registry_with(own).await);
    }
    let registry = call.app.ledger.registry();
    let is_known = |json: &Json<'_>| {
        let Json::Map(fields) = json else { return true };
        fields.iter().all(|(name, value)| match value {
            Json::Text(business) if name == "business_id" => find_business(&registry, business).is_some(),
            _ => true,
        })
    };
    if documents.iter().all(is_known) {
        return Ok(registry);
    }
    call.app.ledger.refresh().await;
    Ok(call.app.ledger.registry())
}

/// Reads one document of a caller. `path` is where it stands in the body.
pub(crate) fn read(
    call: &Call,
    registry: &Registry,
    mut json: Json<'_>,
    path: &str,
    form: Form,
) -> Result<Reported, ApiError> {
    let business = business_of(call, registry, &mut json, path)?;
    let forbidden = forbidden_fields(&json, business.confidentiality);
    if !forbidden.is_empty() {
        tracing::warn!(business.id = %business.business_id, "a medical business sent a field it may not");
        return Err(ApiError::FieldNotAllowed(forbidden));
    }
    let mut errors = FieldErrors::default();
    let report = Fields::of(json, path, &mut errors).and_then(|mut fields| {
        let report = Report::read(&mut fields, form, business.confidentiality);
        fields.finish();
        report
    });
    let report = report.filter(|_| errors.is_empty()).ok_or(ApiError::Validation(errors))?;
    let business_id = business.business_id;
    let natural_key = call.app.keyed.purchase(business_id, &report.source_system, &report.external_id);
    Ok(Reported { business_id, report, natural_key })
}

/// The business a document is of: the credential's own, or for an admin the one it names.
pub(crate) fn business_of<'a>(
    call: &Call,
    registry: &'a Registry,
    json: &mut Json<'_>,
    path: &str,
) -> Result<&'a Business, ApiError> {
    let caller = call.caller()?;
    let at = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let Json::Map(fields) = json else {
        return Err(ApiError::field(if path.is_empty() { "body" } else { path }, "must be an object"));
    };
    let place = fields.iter().position(|(name, _)| name == "business_id");
    let named = place.map(|place| fields.swap_remove(place).1);
    match (caller.business, named) {
        (Some(_), Some(_)) => Err(ApiError::Forbidden),
        (Some(own), None) => {
            registry.businesses.get(own).ok_or(ApiError::Rejected(Rejection::BusinessNotFound))
        }
        (None, None) => Err(ApiError::field(&at("business_id"), "is required")),
        (None, Some(named)) => {
            let name = text(64)(named).map_err(|message| ApiError::field(&at("business_id"), message))?;
            find_business(registry, &name).ok_or(ApiError::Rejected(Rejection::BusinessNotFound))
        }
    }
}

/// The member a document names; `None` for a stranger.
pub(crate) async fn find_member(call: &Call, reported: &Reported) -> Result<Option<MemberId>, ApiError> {
    find(call, reported.business_id, &reported.report.member, reported.natural_key.as_bytes()).await
}

/// The member that a request of `business` with this key names; `None` for a stranger.
pub(crate) async fn find(
    call: &Call,
    business: BusinessId,
    named: &Member,
    key: &[u8; 32],
) -> Result<Option<MemberId>, ApiError> {
    let access = || Ok::<_, ApiError>(call.vault_access(call.caller()?.accessor(), Purpose::Attribution));
    let members = call.app.vault.members();
    match named {
        Member::Id(id) => Ok(Some(*id)),
        Member::Phone(phone) => Ok(members.find_by_phone(phone, &access()?).await?),
        Member::PhoneHash(hash) => {
            let question = [LookUp::PartnerHash(business, *hash)];
            Ok(members.look_up(&question, &access()?).await?.pop().flatten())
        }
        Member::Qr(token) => scanned(call, token, key).await.map(Some),
    }
}

/// Whether a request with this key was answered before.
pub(crate) async fn is_known(call: &Call, key: &[u8; 32]) -> Result<bool, ApiError> {
    let known = sqlx::query_scalar("SELECT EXISTS (SELECT FROM ledger.idempotency WHERE key = $1)");
    Ok(known.bind(key.as_slice()).fetch_one(&call.app.log_pool).await?)
}

async fn scanned(call: &Call, token: &str, key: &[u8; 32]) -> Result<MemberId, ApiError> {
    counter!("qr_scans_total").increment(1);
    let token = call.app.tokens.scanned(token).ok_or(ApiError::QrInvalid)?;
    if call.now() > token.expires_at {
        // Only a document that was recorded while the code was good may come again.
        if !is_known(call, key).await? {
            return Err(ApiError::QrExpired);
        }
    }
    let claims = call.app.vault.qr_claims();
    match claims.claim(token.jti, key, token.expires_at.to_utc()).await? {
        QrClaim::Granted => Ok(token.member_id),
        QrClaim::UsedByOther => Err(ApiError::Conflict(Conflict::QrUsed)),
    }
}

/// Has the ledger decide a document of `member`.
pub(crate) async fn decide(
    call: &Call,
    reported: &Reported,
    member_id: MemberId,
    form: Form,
) -> Result<Receipt, ApiError> {
    let report = &reported.report;
    let document = PurchaseDocument {
        business_id: reported.business_id,
        natural_key: reported.natural_key,
        revision: report.revision,
        amount: report.amount,
        occurred_at: report.occurred_at,
        source: report.source,
        source_system: call.app.keyed.source(reported.business_id, &report.source_system),
        cancelled: report.cancelled,
        redemption_id: report.redemption_id,
        redeem_amount: report.redeem_amount,
        coupon_code: report.coupon_code.as_deref().map(|code| call.app.keyed.coupon_code(code)),
    };
    let idempotency = Idempotency {
        key: *reported.natural_key.as_bytes(),
        revision: report.revision,
        fingerprint: purchase_fingerprint(member_id, &document),
    };
    let (mode, source) = match form {
        Form::Single | Form::Scan => (PurchaseMode::Live, "api"),
        Form::Import => (PurchaseMode::Import { registered_at: report.registered_at }, "import"),
    };
    let command = MemberCommand::RecordPurchase(RecordPurchase {
        quarantine_id: QuarantineId::from_uuid(Uuid::now_v7()),
        document,
        mode,
    });
    let request = Request {
        command: Command::Member { member_id, command },
        idempotency,
        actor: call.caller()?.actor(),
        source,
        correlation_id: call.correlation_id(),
    };
    // History uses no coupon, whatever code it names: there is nothing to guess.
    if report.coupon_code.is_none() || matches!(form, Form::Import) {
        return Ok(call.app.ledger.execute(request).await?);
    }
    let guess = Guess { business: reported.business_id, member: call.survivor(member_id) };
    let repeat = request.idempotency;
    guess.of(call, &repeat, || call.app.ledger.execute(request)).await
}

/// What became of a document.
pub(crate) enum Became {
    /// It is on the log.
    Recorded(PurchaseAnswer),
    /// It is not, or another revision is.
    Other {
        /// unmatched, quarantined, before_membership or stale.
        outcome: &'static str,
        /// What the admin names it by.
        quarantine_id: Option<Uuid>,
        /// Whether it came before.
        replayed: bool,
        /// Where on the log.
        position: Option<i64>,
    },
}

/// A document that names a stranger. Nothing is stored.
pub(crate) const UNMATCHED: Became =
    Became::Other { outcome: "unmatched", quarantine_id: None, replayed: false, position: None };

/// Reads a receipt.
pub(crate) fn result_of(receipt: &Receipt, member_id: MemberId) -> Result<Became, ApiError> {
    let replayed = receipt.repeat == Repeat::Replayed;
    let position = receipt.position;
    let other = |outcome, quarantine_id| Ok(Became::Other { outcome, quarantine_id, replayed, position });
    if receipt.repeat == Repeat::Stale {
        return other("stale", None);
    }
    let Outcome::Member(MemberOutcome::Purchase(outcome)) = &receipt.outcome else {
        return Err(ApiError::Unavailable(Cause::Impossible("a purchase was answered with another outcome")));
    };
    match outcome {
        PurchaseOutcome::Recorded {
            purchase_id,
            bonuses_earned,
            bonuses_available_from,
            bonuses_expire_at,
            bonuses_redeemed,
            coupon,
            status,
            amended,
        } => {
            let amended = *amended && !replayed;
            if !replayed && !amended {
                let hundredths = u64::try_from(bonuses_earned.kopecks()).unwrap_or(0);
                counter!("bonus_accrued_total").increment(hundredths);
                counter!("coupons_redeemed_total").increment(u64::from(coupon.is_some()));
            }
            Ok(Became::Recorded(PurchaseAnswer {
                transaction_id: purchase_id.as_uuid(),
                member_id: member_id.as_uuid(),
                bonuses_earned: *bonuses_earned,
                bonuses_available_from: *bonuses_available_from,
                bonuses_expire_at: *bonuses_expire_at,
                bonuses_redeemed: *bonuses_redeemed,
                coupon_id: coupon.map(|used| used.coupon_id.as_uuid()),
                coupon_discount: coupon.map_or(Roubles::ZERO, |used| used.discount),
                status: status.as_str(),
                position,
                replayed,
                amended,
            }))
        }
        PurchaseOutcome::Quarantined { quarantine_id } => other("quarantined", Some(quarantine_id.as_uuid())),
        PurchaseOutcome::Unmatched => other("unmatched", None),
        PurchaseOutcome::BeforeMembership => other("before_membership", None),
    }
}

/// What a batch or an import says about one document.
pub(crate) fn item(external_id: Option<String>, result: Result<Became, ApiError>) -> ItemOutcome {
    let bare = |external_id, outcome| ItemOutcome {
        external_id,
        outcome,
        code: None,
        details: None,
        transaction_id: None,
        position: None,
    };
    match result {
        Ok(Became::Recorded(answer)) => ItemOutcome {
            transaction_id: Some(answer.transaction_id),
            position: answer.position,
            ..bare(external_id, answer.outcome())
        },
        Ok(Became::Other { outcome, position, .. }) => ItemOutcome { position, ..bare(external_id, outcome) },
        Err(error) => {
            let details =
                Some(error.details()).filter(|facts| facts.as_object().is_some_and(|map| !map.is_empty()));
            ItemOutcome { code: Some(error.code()), details, ..bare(external_id, "refused") }
        }
    }
}

/// The partner's own number in a document of any quality, for its outcome.
pub(crate) fn external_id_of(json: &Json<'_>) -> Option<String> {
    let Json::Map(fields) = json else { return None };
    let (_, value) = fields.iter().find(|(name, _)| name == "external_id")?;
    text(128)(value.clone()).ok()
}
