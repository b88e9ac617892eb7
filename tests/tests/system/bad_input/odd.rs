//! What has no shape: bytes, sizes, headers, addresses, credentials; rules that a well-formed body breaks.

use serde_json::{Value, json};

use super::case::{Case, INVALID, SECRET, Whom};
use super::fields::purchase;
use crate::{machine_now, recently};

/// All of them.
pub(super) fn cases(member_id: &str) -> Vec<Case> {
    let mut cases = byte_cases(member_id);
    cases.extend(size_cases());
    cases.extend(type_cases(member_id));
    cases.extend(rule_cases(member_id));
    cases.extend(clinic_cases(member_id));
    cases.extend(address_cases());
    cases
}

fn till(name: &str, status: u16, code: &'static str) -> Case {
    Case::new(Whom::Till, "POST", "/transactions", name, status, code)
}

fn byte_cases(member_id: &str) -> Vec<Case> {
    let right = purchase(member_id).to_string();
    let with = |from: &str, to: &str| right.replace(from, to);
    let till = |name: &str| till(name, 400, INVALID);
    let hash = json!({"external_id": "h", "member": {"phone_hash": SECRET}, "amount": "1.00", "occurred_at": recently()});
    let mut parameter = till("a parameter nobody knows").raw(right.clone()).names("unheard_of");
    parameter.path = "/transactions?unheard_of=1".to_owned();
    vec![
        parameter,
        till("not UTF-8")
            .raw([b"{\"external_id\": \"".as_slice(), &[0xff, 0xfe], b"\"}"].concat())
            .names("body"),
        till("a byte order mark").raw(format!("\u{feff}{right}")).names("body"),
        till("NUL").raw(with(SECRET, "a\\u0000b")).names("body"),
        till("half a surrogate pair").raw(with(SECRET, "a\\ud800b")).names("body"),
        till("a key twice").raw(with("{\"amount\"", "{\"amount\":\"1.00\",\"amount\"")).names("body"),
        till("40 levels").raw(format!("{}{}", "[".repeat(40), "]".repeat(40))).names("body"),
        till("1e400").raw(with("\"100.00\"", "1e400")).names("amount"),
        till("1e3").raw(with("\"100.00\"", "1e3")).names("amount"),
        till("three decimals in a number").raw(with("\"100.00\"", "100.001")).names("amount"),
        till("NaN in a number").raw(with("\"100.00\"", "NaN")).names("body"),
        till("a long exponent").raw(with("\"100.00\"", "1e99999999999999999999")).names("amount"),
        till("no id in member").raw(with(member_id, "no id")).names("member.member_id"),
        till("a broken phone hash").json(&hash).names("member.phone_hash"),
    ]
}

fn size_cases() -> Vec<Case> {
    let large = "PAYLOAD_TOO_LARGE";
    let batch =
        |name: &str, status, code| Case::new(Whom::Till, "POST", "/transactions/batch", name, status, code);
    let many: Vec<Value> = (0..1_001).map(|_| json!({})).collect();
    vec![
        till("64 KiB and one byte", 413, large).raw(vec![b' '; 64 * 1024 + 1]),
        till("3 MiB", 413, large).raw(vec![b' '; 3 * 1024 * 1024]),
        batch("1 MiB and one byte", 413, large).raw(vec![b' '; 1024 * 1024 + 1]),
        batch("1,001 items", 400, INVALID).json(&json!({"transactions": many})).names("transactions"),
        batch("no list", 400, INVALID).json(&json!({"transactions": {}})).names("transactions"),
        batch("nothing", 400, INVALID).json(&json!({})).names("transactions"),
    ]
}

fn type_cases(member_id: &str) -> Vec<Case> {
    let right = purchase(member_id).to_string();
    let till = |name: &str| till(name, 415, "UNSUPPORTED_MEDIA_TYPE").raw(right.clone());
    vec![
        till("packed").header("Content-Encoding", "gzip"),
        till("no type").kind(""),
        till("another character set").kind("application/json; charset=cp1251"),
        till("a form").kind("application/x-www-form-urlencoded"),
    ]
}

fn rule_cases(member_id: &str) -> Vec<Case> {
    let with = |field: &str, value: &str| {
        let mut body = purchase(member_id);
        body[field] = json!(value);
        body
    };
    let soon = (machine_now() + chrono::TimeDelta::minutes(10)).to_rfc3339();
    let admin =
        |name: &str, status, code| Case::new(Whom::Admin, "POST", "/transactions", name, status, code);
    vec![
        till("in ten minutes", 422, "OCCURRED_IN_FUTURE").json(&with("occurred_at", &soon)),
        till("in 8000 years", 422, "OCCURRED_IN_FUTURE").json(&with("occurred_at", "9998-12-31T23:59:59Z")),
        till("for another business", 403, "FORBIDDEN").json(&with("business_id", "klinika")),
        till("for its own business", 403, "FORBIDDEN").json(&with("business_id", "mindal")),
        till("with a hold nobody has", 404, "HOLD_NOT_FOUND").json(&with("redemption_id", member_id)),
        till("with a coupon nobody has", 404, "COUPON_NOT_VALID").json(&with("coupon_code", "ABC234")),
        admin("for nobody's business", 422, "BUSINESS_NOT_FOUND").json(&with("business_id", "nobody")),
        admin("for no business", 400, INVALID).json(&purchase(member_id)).names("business_id"),
    ]
}

/// A medical business: any field beyond the list is refused before all else, and never named by its value.
fn clinic_cases(member_id: &str) -> Vec<Case> {
    let fields = ["description", "diagnosis", "service", "doctor", "МКБ-10", SECRET];
    let mut cases: Vec<Case> = fields
        .iter()
        .map(|field| {
            let mut body = purchase(member_id);
            body[*field] = json!(SECRET);
            Case::new(
                Whom::Clinic,
                "POST",
                "/transactions",
                &format!("{} from a clinic", &field[..field.len().min(8)]),
                422,
                "FIELD_NOT_ALLOWED",
            )
            .json(&body)
        })
        .collect();
    let mut body = purchase(member_id);
    body["member"]["note"] = json!(SECRET);
    body["amount"] = json!("wrong too");
    cases.push(
        Case::new(
            Whom::Clinic,
            "POST",
            "/transactions",
            "a note in member from a clinic",
            422,
            "FIELD_NOT_ALLOWED",
        )
        .json(&body),
    );
    cases
}

fn address_cases() -> Vec<Case> {
    let case = |whom, method, path: &str, status, code| {
        Case::new(whom, method, path, "as it is", status, code).raw("{}")
    };
    let key = "Idempotency-Key";
    let mut cases = vec![
        case(Whom::Till, "GET", "/nowhere", 404, "NOT_FOUND"),
        case(Whom::Till, "GET", "/docs/..%2F..%2Fetc%2Fpasswd", 404, "NOT_FOUND"),
        case(Whom::Till, "DELETE", "/transactions", 405, "METHOD_NOT_ALLOWED"),
        case(Whom::Till, "PUT", "/auth/send-code", 405, "METHOD_NOT_ALLOWED"),
        case(Whom::Till, "GET", "/transactions/not-an-id", 400, INVALID).names("id"),
        case(Whom::Till, "GET", "/transactions/018f4d4e-7b5a-7c3e-8a51-2f1d1c0e9a10", 404, "NOT_FOUND"),
        case(Whom::Till, "GET", "/coupons/not-an-id", 400, INVALID).names("id"),
        case(Whom::Till, "GET", "/coupons/018f4d4e-7b5a-7c3e-8a51-2f1d1c0e9a10", 404, "NOT_FOUND"),
        case(Whom::Member, "GET", "/loyalty/coupons?state=used", 400, INVALID).names("state"),
        case(Whom::Till, "GET", "/loyalty/coupons", 403, "FORBIDDEN"),
        case(Whom::Member, "POST", "/coupons", 403, "FORBIDDEN"),
        case(Whom::Till, "GET", "/loyalty/balance", 403, "FORBIDDEN"),
        case(Whom::Till, "GET", "/admin/policies", 403, "FORBIDDEN"),
        case(Whom::Till, "POST", "/admin/import", 403, "FORBIDDEN"),
        case(Whom::Member, "POST", "/transactions", 403, "FORBIDDEN"),
        case(Whom::Member, "GET", "/loyalty/transactions?limit=0", 400, INVALID).names("limit"),
        case(Whom::Member, "GET", "/loyalty/transactions?limit=-1", 400, INVALID).names("limit"),
        case(Whom::Member, "GET", "/loyalty/transactions?limit=x", 400, INVALID).names("limit"),
        case(Whom::Member, "GET", "/loyalty/transactions?cursor=altered", 400, INVALID).names("cursor"),
        case(Whom::Member, "GET", "/loyalty/transactions?offset=-1", 400, INVALID).names("offset"),
        case(Whom::Member, "GET", "/loyalty/transactions?sort=amount", 400, INVALID).names("sort"),
        case(Whom::Member, "GET", "/loyalty/balance?x=1", 400, INVALID).names("x"),
        case(Whom::Member, "GET", "/loyalty/balance", 400, INVALID)
            .header("X-Min-Position", "soon")
            .names("X-Min-Position"),
        case(Whom::Member, "GET", "/loyalty/balance", 400, INVALID)
            .header("X-Min-Position", "-1")
            .names("X-Min-Position"),
        case(Whom::Member, "PUT", "/users/me/consents", 400, INVALID).names("body"),
        case(Whom::Member, "PUT", "/users/me/consents", 400, INVALID)
            .raw("[{\"purpose\": \"fame\", \"granted\": true, \"version\": \"1\"}]"),
        case(Whom::Member, "PUT", "/users/me/consents", 400, INVALID)
            .raw("[{\"purpose\": \"marketing\", \"granted\": 1, \"version\": \"1\"}]"),
        case(Whom::Member, "PUT", "/users/me/consents", 422, "CONSENT_REQUIRED")
            .raw("[{\"purpose\": \"personal_data\", \"granted\": false, \"version\": \"1\"}]"),
        case(Whom::Member, "PATCH", "/users/me", 400, INVALID)
            .raw("{\"first_name\": null}")
            .names("first_name"),
        case(Whom::Member, "PATCH", "/users/me", 400, INVALID)
            .raw("{\"email\": \"zqx-7731-value\"}")
            .names("email"),
        case(Whom::Admin, "POST", "/admin/businesses", 400, INVALID).header(key, "").names(key),
        case(Whom::Admin, "POST", "/admin/businesses", 400, INVALID).header(key, &"k".repeat(65)).names(key),
        case(Whom::Admin, "POST", "/admin/businesses", 400, INVALID).header(key, "ключ").names(key),
        case(Whom::Admin, "GET", "/admin/businesses/nobody", 404, "NOT_FOUND"),
        case(Whom::Admin, "POST", "/admin/policies", 400, INVALID)
            .raw("{\"parameters\": {\"rates.insider\": \"1.5\"}}"),
        case(Whom::Admin, "POST", "/admin/policies", 400, INVALID)
            .raw("{\"parameters\": {\"unheard.of\": 1}}"),
        case(Whom::Admin, "POST", "/admin/policies", 422, "POLICY_IN_THE_PAST")
            .raw("{\"effective_from\": \"2020-01-01T00:00:00Z\", \"parameters\": {\"bonus.life_days\": 91}}"),
        case(Whom::Till, "POST", "/admin/policies/simulate", 403, "FORBIDDEN"),
        case(Whom::Admin, "POST", "/admin/policies/simulate", 422, "PERIOD_REVERSED")
            .raw("{\"from\": \"2026-01-02T00:00:00Z\", \"to\": \"2026-01-02T00:00:00Z\", \"parameters\": {\"bonus.life_days\": 91}}"),
        case(Whom::Till, "POST", "/cross-promo/chains/simulate", 403, "FORBIDDEN"),
        case(Whom::Nobody, "GET", "/dev/outbox", 400, INVALID).names("phone"),
        case(Whom::Nobody, "GET", "/dev/outbox?phone=1", 400, INVALID).names("phone"),
    ];
    let mut keyless = case(Whom::Admin, "POST", "/admin/businesses", 400, INVALID).names(key);
    keyless.headers.clear();
    cases.push(keyless);
    cases.extend(quarantine_cases());
    cases.extend(credential_cases());
    cases
}

/// Documents in quarantine: who may decide on them, and on which.
fn quarantine_cases() -> Vec<Case> {
    let unknown = "018f4d4e-7b5a-7c3e-8a51-2f1d1c0e9a10";
    let calls = ["apply", "drop"].into_iter().flat_map(|call| {
        let case = |whom, id: &str, status, code| {
            Case::new(whom, "POST", &format!("/admin/quarantine/{id}/{call}"), id, status, code).raw("{}")
        };
        [
            case(Whom::Till, unknown, 403, "FORBIDDEN"),
            case(Whom::Member, unknown, 403, "FORBIDDEN"),
            case(Whom::Nobody, unknown, 401, "UNAUTHENTICATED"),
            case(Whom::Admin, unknown, 404, "NOT_FOUND"),
            case(Whom::Admin, "not-an-id", 400, INVALID).names("id"),
        ]
    });
    calls.collect()
}

/// No credential, or one that proves nothing: one answer for all.
fn credential_cases() -> Vec<Case> {
    let case = |whom, method, path: &str, status, code| {
        Case::new(whom, method, path, "as it is", status, code).raw("{}")
    };
    let token = |value: &str| {
        case(Whom::Nobody, "GET", "/users/me", 401, "UNAUTHENTICATED").header("Authorization", value)
    };
    vec![
        case(Whom::Nobody, "GET", "/users/me", 401, "UNAUTHENTICATED"),
        case(Whom::Nobody, "POST", "/transactions", 401, "UNAUTHENTICATED"),
        token("Bearer "),
        token("Bearer a.b.c"),
        token("Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIiwicm9sZSI6Im1lbWJlciJ9."),
        token("Basic YTpi"),
        token("ApiKey no-such-key"),
        token("Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIiwicm9sZSI6InN1cGVyYWRtaW4iLCJleHAiOiI5OTk5In0.AAAA"),
    ]
}
