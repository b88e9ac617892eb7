//! Bodies with every field that a call takes.

use serde_json::{Value, json};

use crate::operations::Operation;

pub(super) const ID: &str = "018f4d4e-7b5a-7c3e-8a51-2f1d1c0e9a10";
const AT: &str = "2026-03-02T10:00:00+03:00";

fn consents() -> Value {
    json!([{ "purpose": "personal_data", "version": "1" }])
}

/// Bodies with every field that a call takes; several where fields exclude each other.
pub(super) fn bodies(operation: Operation) -> Vec<Value> {
    match operation {
        Operation::SendCode => vec![json!({ "phone": "+7 900 000-00-00" })],
        Operation::VerifyCode | Operation::ChangePhone | Operation::DeleteAccount => {
            vec![json!({ "code_id": ID, "code": "000000" })]
        }
        Operation::Register => vec![json!({
            "code_id": ID, "code": "000000", "first_name": "Анна", "last_name": "Иванова", "email": "a@example.org",
            "birth_date": "1990-01-31", "city": "Москва", "referral_code": "abc", "consents": consents(),
        })],
        Operation::Refresh | Operation::StaffRefresh | Operation::Logout => {
            vec![json!({ "refresh_token": "token" })]
        }
        Operation::ChangeProfile => vec![json!({
            "first_name": "Анна", "last_name": "Иванова", "email": "a@example.org", "birth_date": "1990-01-31",
            "city": "Москва",
        })],
        Operation::ChangeConsents => vec![json!([{ "purpose": "marketing", "granted": true, "version": 2 }])],
        Operation::RecordPurchase => purchases(),
        Operation::RecordBatch => {
            purchases().into_iter().map(|one| json!({ "transactions": [one] })).collect()
        }
        Operation::RecordScan => both_kinds(&json!({ "qr": "scanned" })),
        Operation::Import => {
            let past = |mut member: Value| {
                member["registered_at"] = json!("2024-01-01T00:00:00");
                both_kinds(&json!({ "member": member, "occurred_at": "2024-03-02T10:00:00" }))
            };
            [past(json!({ "member_id": ID })), past(json!({ "phone": "+79990000000" }))].concat()
        }
        Operation::RefundPurchase => vec![json!({
            "external_id": "f1", "amount": 10, "reason": "returned", "business_id": "mindal",
        })],
        Operation::RefundByNumber => vec![json!({
            "source_system": "pos", "purchase_external_id": "r1", "external_id": "f1", "amount": "10.00",
            "reason": "returned", "occurred_at": AT, "business_id": "mindal",
        })],
        Operation::HoldBonuses => members()
            .into_iter()
            .map(|member| {
                json!({
                    "member": member, "bill_amount": "100.00", "amount": 10, "business_id": "mindal",
                })
            })
            .collect(),
        Operation::CaptureHold => vec![json!({
            "external_id": "r1", "source_system": "pos", "amount": "100.00", "redeem_amount": "10.00",
            "occurred_at": AT, "business_id": "mindal",
        })],
        Operation::CancelHold => vec![json!({ "business_id": "mindal" })],
        Operation::ActivateCoupon => vec![json!({})],
        Operation::IssueCoupon => coupons(),
        Operation::RevokeCoupon => vec![json!({ "reason": "a mistake" })],
        Operation::DraftChain | Operation::ChangeChain => chains(),
        Operation::SubmitChain
        | Operation::ApproveChain
        | Operation::ActivateChain
        | Operation::PauseChain
        | Operation::EndChain => vec![json!({})],
        Operation::ConsentToChain => vec![json!({ "version": 2 })],
        Operation::SimulateChain => {
            let drafts = chains().into_iter().map(|chain| with(&chain, &json!({ "days": 30 })));
            drafts.chain([json!({ "chain_id": ID, "days": 30 })]).collect()
        }
        Operation::RejectChain => vec![json!({ "reason": "too dear" })],
        other => offer_bodies(other),
    }
}

fn offer_bodies(operation: Operation) -> Vec<Value> {
    match operation {
        Operation::DraftOffer => {
            let of = |offer: &Value| with(offer, &json!({ "business_id": "mindal" }));
            offers().iter().map(of).collect()
        }
        Operation::ChangeOffer => offers(),
        Operation::PreviewOffer => {
            let audience = |offer: &Value| json!({ "business_id": "mindal", "audience": offer["audience"] });
            offers().iter().map(audience).collect()
        }
        Operation::SubmitOffer | Operation::PublishOffer | Operation::EndOffer => vec![json!({})],
        Operation::ApproveOffer => vec![json!({ "version": 2 })],
        Operation::RejectOffer => vec![json!({ "reason": "too dear" })],
        Operation::CommentOnOffer => vec![json!({ "text": "когда начнём?" })],
        other => staff_bodies(other),
    }
}

fn offers() -> Vec<Value> {
    let coupon = json!({
        "type": "discount_percent", "value": "12.50", "cap": 1000, "min_bill": "1500.00", "life_days": 30,
        "with_bonuses": false, "description": "за верность",
    });
    let all = json!({
        "title": "Спасибо", "text": "за верность", "from": AT, "to": "2026-04-02T10:00:00Z", "limit": 500,
        "budget": "100000.00", "funded_by": "coalition",
        "audience": {
            "statuses": ["vip", "elite"], "rfm": ["champions", "loyal"], "new_customers": false,
            "bought_category": { "categories": ["gastronomy", "floristry"], "within_days": 90 },
        },
    });
    let rewards =
        [json!({ "type": "coupon", "coupon": coupon }), json!({ "type": "multiplier", "value": "1.5" })];
    rewards.iter().map(|reward| with(&all, &json!({ "reward": reward }))).collect()
}

fn coupons() -> Vec<Value> {
    let all = json!({
        "business_id": "mindal", "min_bill": "1000.00", "new_customers_only": true, "statuses": ["vip", "elite"],
        "with_bonuses": false, "valid_from": AT, "expires_at": "2026-04-02T10:00:00Z", "description": "за визит",
        "funded_by": "coalition",
    });
    let gives = [
        json!({ "type": "discount_fixed", "value": "500.00" }),
        json!({ "type": "discount_percent", "value": "12.50", "cap": 1000 }),
        json!({ "type": "bonus", "value": 300 }),
        json!({ "type": "gift", "value": "чашка кофе" }),
    ];
    let gives = gives.iter().zip(members());
    gives.map(|(gives, member)| with(&with(&all, gives), &json!({ "member": member }))).collect()
}

fn chains() -> Vec<Value> {
    let coupon = json!({
        "type": "discount_percent", "value": "12.50", "cap": 1000, "min_bill": "1500.00", "life_days": 30,
        "description": "ужин после маникюра",
    });
    let rewards =
        [json!({ "type": "coupon", "coupon": coupon }), json!({ "type": "cross_bonus", "rate": "0.15" })];
    let chain = |reward: &Value| {
        json!({
            "name": "ужин после маникюра", "kind": "linear",
            "steps": [{
                "from": "mindal", "to": "clinic", "window_days": 14, "min_amount": "2000.00", "reward": reward,
            }],
            "audience": { "statuses": ["vip", "elite"], "new_customers_of_target": true },
            "limits": { "per_member": 1, "total": 500, "budget": "100000.00" },
            "from": AT, "to": "2026-04-02T10:00:00Z", "funded_by": "target", "holdout_percent": 10,
        })
    };
    rewards.iter().map(chain).collect()
}

fn staff_bodies(operation: Operation) -> Vec<Value> {
    let terms = json!({
        "name": "Миндаль", "cashback_multiplier": "1.5", "hold_days": 14, "max_redeem_share": "0.30",
        "purchase_sources": ["pos"],
    });
    match operation {
        Operation::RegisterBusiness => {
            let own = json!({ "slug": "rosa", "category": "beauty_salon", "confidentiality": "medical" });
            vec![with(&terms, &own)]
        }
        Operation::ChangeBusiness => vec![terms],
        Operation::SetMultiplier => {
            vec![json!({ "from": AT, "to": "2026-04-02T10:00:00Z", "value": 2 })]
        }
        Operation::IssueKey => vec![json!({ "name": "till", "scopes": ["purchases:write", "redemptions"] })],
        Operation::PhoneKey => vec![json!({})],
        Operation::RegisterMember => vec![json!({
            "phone": "89990000000", "first_name": "Анна", "last_name": "Иванова", "registered_at": AT,
            "consents": consents(),
        })],
        Operation::InviteInnerCircle
        | Operation::Uninvite
        | Operation::UnblockMember
        | Operation::ApplyQuarantined
        | Operation::DropQuarantined
        | Operation::CancelPremium => vec![json!({})],
        Operation::EraseMember => vec![json!({ "reason": "consent_withdrawn" })],
        Operation::BlockMember => vec![json!({ "reason": "a dispute" })],
        Operation::AskAboutOwnData => vec![json!({ "kind": "access" })],
        Operation::ReceiveRequest => {
            vec![json!({ "kind": "correction", "channel": "letter", "received_at": AT })]
        }
        Operation::AnswerRequest => vec![json!({})],
        Operation::RefuseRequest => vec![json!({ "reason": "repeated" })],
        Operation::ExtendRequest => vec![json!({ "reason": "volume" })],
        Operation::BlockProcessing => vec![json!({ "reason": "accuracy_disputed" })],
        Operation::UnblockProcessing => vec![json!({ "reason": "corrected" })],
        Operation::MergeMembers | Operation::UnmergeMembers => {
            vec![json!({ "from_member_id": ID, "reason": "a second phone" })]
        }
        Operation::AdjustBonuses => vec![
            json!({ "amount": "-150.00", "reason": "a till's mistake" }),
            json!({ "amount": 150.5, "reason": "a till's mistake" }),
        ],
        Operation::GiftBonuses => {
            vec![json!({ "amount": "500.00", "reason": "an apology", "life_days": 30 })]
        }
        Operation::PayPremium => {
            vec![json!({ "from": AT, "to": "2026-04-02T10:00:00Z", "payment_ref": "p-1" })]
        }
        Operation::Cosign => vec![json!({ "tree_size": 7, "cosignature": "— witness.example AAAA" })],
        Operation::PublishPolicy => {
            vec![json!({ "effective_from": AT, "parameters": { "rates.insider": "0.06" } })]
        }
        Operation::SimulatePolicy => {
            vec![
                json!({ "from": "2026-02-01T00:00:00Z", "to": AT, "parameters": { "rates.insider": "0.06" } }),
            ]
        }
        Operation::SetClock => vec![json!({ "now": AT })],
        other => access_bodies(other),
    }
}

fn access_bodies(operation: Operation) -> Vec<Value> {
    match operation {
        Operation::StaffEnrol => vec![json!({ "enrolment_token": "token", "password": "correct horse" })],
        Operation::StaffSignIn => {
            vec![json!({ "login": "anna@mindal.ru", "password": "correct horse", "code": "000000" })]
        }
        Operation::InviteBusinessStaff => {
            vec![json!({ "login": "anna@mindal.ru", "role": "business_staff" })]
        }
        Operation::InviteProgrammeStaff => vec![json!({ "login": "anna@mindal.ru", "role": "support" })],
        Operation::ChangeBusinessStaff | Operation::ChangeProgrammeStaff => {
            vec![json!({ "role": "business_staff" })]
        }
        Operation::ResetBusinessStaff | Operation::ResetProgrammeStaff => vec![json!({})],
        Operation::Approve => vec![json!({})],
        Operation::RejectApproval => vec![json!({ "reason": "too much" })],
        other => panic!("{} has a body and no example", other.name()),
    }
}

fn with(one: &Value, other: &Value) -> Value {
    let fields = [one, other].into_iter().flat_map(|part| part.as_object().expect("an object").clone());
    Value::Object(fields.collect())
}

/// A document at an ordinary business and one at a medical business, named by an admin.
fn both_kinds(own: &Value) -> Vec<Value> {
    let medical = json!({
        "external_id": "r1", "source_system": "pos", "revision": 1, "cancelled": false, "amount": 3000.5,
        "occurred_at": AT, "redemption_id": ID, "redeem_amount": "10.00", "coupon_code": "C1", "source": "csv",
        "business_id": "clinic",
    });
    let ordinary = with(&medical, &json!({ "business_id": "mindal", "description": "маникюр" }));
    vec![with(&ordinary, own), with(&medical, own)]
}

/// Every way of naming the member.
fn members() -> [Value; 4] {
    let hash = "0".repeat(64);
    [
        json!({ "member_id": ID }),
        json!({ "phone": "+79990000000" }),
        json!({ "qr": "scanned" }),
        json!({ "phone_hash": hash }),
    ]
}

fn purchases() -> Vec<Value> {
    members().iter().flat_map(|member| both_kinds(&json!({ "member": member }))).collect()
}
