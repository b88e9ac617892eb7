//! Calls with a body: what is right, and what each field may not be.

use serde_json::{Value, json};

use super::case::{Case, INVALID, SECRET, Whom};
use crate::recently;

/// A body that is right, and what its fields may not be.
pub(super) struct Shape {
    whom: Whom,
    method: &'static str,
    path: &'static str,
    right: Value,
    required: &'static [&'static str],
    wrong: Vec<(&'static str, Value)>,
}

/// Wrong everywhere a text of a certain form is wanted.
pub(super) fn wrong_texts(field: &'static str) -> Vec<(&'static str, Value)> {
    let long = "я".repeat(20_000);
    [json!(""), json!(7), json!([SECRET]), json!({"a": SECRET}), json!(true), json!(long), json!("a\u{7}b")]
        .into_iter()
        .map(|value| (field, value))
        .collect()
}

pub(super) fn wrong_amounts(field: &'static str) -> Vec<(&'static str, Value)> {
    let texts = [
        "0",
        "0.00",
        "-5.00",
        "12.345",
        "NaN",
        "Infinity",
        "1e3",
        "１００",
        " 5",
        "5,00",
        "0x10",
        "",
        "+5.00",
        "100000000.01",
        "99999999999999999999",
    ];
    let mut all: Vec<_> = texts.iter().map(|text| (field, json!(text))).collect();
    all.extend([json!(0), json!(-1), json!(true), json!(["5.00"])].into_iter().map(|value| (field, value)));
    all
}

pub(super) fn wrong_times(field: &'static str) -> Vec<(&'static str, Value)> {
    let texts = [
        "",
        "yesterday",
        "2026-03-02",
        "2026-03-02T10:00:00",
        "2026-02-30T10:00:00Z",
        "9999-12-31T23:59:59Z",
        "2026-03-02T25:00:00Z",
        "2026-03-02 10:00:00Z",
        "２０２６-03-02T10:00:00Z",
    ];
    let mut all: Vec<_> = texts.iter().map(|text| (field, json!(text))).collect();
    all.push((field, json!(1_700_000_000)));
    all
}

fn wrong_phones(field: &'static str) -> Vec<(&'static str, Value)> {
    let texts = ["", "12345", "phone", "+7", "8 999", "+79990000000000000", "７９９９５５５００００"];
    let mut all: Vec<_> = texts.iter().map(|text| (field, json!(text))).collect();
    all.push((field, json!(79_995_550_000_u64)));
    all
}

pub(super) fn purchase(member_id: &str) -> Value {
    json!({"external_id": SECRET, "member": {"member_id": member_id}, "amount": "100.00", "occurred_at": recently()})
}

/// The shape of a POST.
pub(super) fn post(
    whom: Whom,
    path: &'static str,
    right: Value,
    required: &'static [&'static str],
    wrong: Vec<(&'static str, Value)>,
) -> Shape {
    Shape { whom, method: "POST", path, right, required, wrong }
}

fn purchase_shape(member_id: &str) -> Shape {
    let mut purchases = wrong_texts("external_id");
    purchases.extend(wrong_amounts("amount"));
    purchases.extend(wrong_times("occurred_at"));
    purchases.extend(wrong_texts("source_system"));
    let numbers = [json!(0), json!(-1), json!(1.5), json!("1"), json!(4_294_967_296_u64)];
    purchases.extend(numbers.into_iter().map(|value| ("revision", value)));
    purchases.extend([json!(1), json!("true")].map(|value| ("cancelled", value)));
    purchases.extend([json!("fax"), json!(1)].map(|value| ("source", value)));
    purchases.extend([json!(SECRET), json!(1)].map(|value| ("redemption_id", value)));
    purchases.extend(wrong_amounts("redeem_amount").into_iter().take(4));
    let members = [
        json!(1),
        json!(SECRET),
        json!([]),
        json!({}),
        json!({"member_id": member_id, "phone": "+79995550000"}),
    ];
    purchases.extend(members.map(|value| ("member", value)));
    let right = purchase(member_id);
    let required = &["external_id", "member", "amount", "occurred_at"];
    post(Whom::Till, "/transactions", right, required, purchases)
}

/// A call that proves a phone.
fn code_shape(whom: Whom, path: &'static str, id: &str) -> Shape {
    let wrong = vec![
        ("code", json!("12345")),
        ("code", json!(123_456)),
        ("code", json!("１２３４５６")),
        ("code_id", json!(SECRET)),
    ];
    post(whom, path, json!({"code_id": id, "code": "123456"}), &["code_id", "code"], wrong)
}

/// Calls without a credential.
fn open_shapes(member_id: &str) -> Vec<Shape> {
    vec![
        post(
            Whom::Nobody,
            "/auth/send-code",
            json!({"phone": "+79995550000"}),
            &["phone"],
            wrong_phones("phone"),
        ),
        code_shape(Whom::Nobody, "/auth/verify-code", member_id),
        post(
            Whom::Nobody,
            "/auth/register",
            json!({"code_id": member_id, "code": "123456", "first_name": "Анна", "last_name": "О",
                "consents": [{"purpose": "personal_data", "version": "1"}]}),
            &["code_id", "code", "first_name", "last_name", "consents"],
            vec![
                ("first_name", json!("")),
                ("first_name", json!("12345")),
                ("last_name", json!(1)),
                ("email", json!(SECRET)),
                ("email", json!(1)),
                ("birth_date", json!("2990-01-01")),
                ("birth_date", json!("1990-02-30")),
                ("city", json!("")),
                ("consents", json!("all")),
                ("consents", json!({})),
            ],
        ),
        post(
            Whom::Nobody,
            "/auth/refresh",
            json!({"refresh_token": "x"}),
            &["refresh_token"],
            wrong_texts("refresh_token"),
        ),
        post(Whom::Nobody, "/dev/clock", json!({"now": null}), &["now"], wrong_times("now")),
    ]
}

fn business_shape() -> Shape {
    post(
        Whom::Admin,
        "/admin/businesses",
        json!({"slug": "fine", "category": "optics"}),
        &["slug", "category"],
        vec![
            ("slug", json!("")),
            ("slug", json!("Капс")),
            ("slug", json!("-a")),
            ("slug", json!("coalition")),
            ("slug", json!("a".repeat(41))),
            ("slug", json!(1)),
            ("category", json!(SECRET)),
            ("category", json!(1)),
            ("confidentiality", json!("secret")),
            ("cashback_multiplier", json!("0.09")),
            ("cashback_multiplier", json!("10.01")),
            ("cashback_multiplier", json!("1.001")),
            ("cashback_multiplier", json!("NaN")),
            ("hold_days", json!(-1)),
            ("hold_days", json!("1")),
            ("hold_days", json!(999_999)),
            ("max_redeem_share", json!("1.01")),
            ("max_redeem_share", json!("-0.1")),
            ("purchase_sources", json!("api")),
            ("purchase_sources", json!([1])),
            ("name", json!("")),
        ],
    )
}

/// Calls of an admin.
fn admin_shapes() -> Vec<Shape> {
    vec![
        business_shape(),
        post(
            Whom::Admin,
            "/admin/members",
            json!({"phone": "+79995558888", "first_name": "Анна"}),
            &["phone", "first_name"],
            {
                let mut wrong = wrong_phones("phone");
                wrong.extend(wrong_times("registered_at").into_iter().take(5));
                wrong.extend([
                    ("first_name", json!("")),
                    ("consents", json!(1)),
                    ("last_name", json!("\u{200b}")),
                ]);
                wrong
            },
        ),
        post(
            Whom::Admin,
            "/admin/businesses/mindal/api-keys",
            json!({"name": "till"}),
            &["name"],
            wrong_texts("name"),
        ),
        post(
            Whom::Admin,
            "/admin/businesses/mindal/multipliers",
            json!({"from": "2030-01-01T00:00:00Z", "to": "2030-02-01T00:00:00Z", "value": "2.00"}),
            &["from", "to", "value"],
            {
                let mut wrong = wrong_times("from");
                wrong.extend([
                    ("value", json!("0")),
                    ("value", json!("11")),
                    ("value", json!("NaN")),
                    ("to", json!(1)),
                ]);
                wrong
            },
        ),
        post(
            Whom::Admin,
            "/admin/policies",
            json!({"parameters": {"bonus.life_days": 91}}),
            &["parameters"],
            vec![("parameters", json!([])), ("parameters", json!("x")), ("effective_from", json!("soon"))],
        ),
        post(
            Whom::Admin,
            "/admin/policies/simulate",
            json!({"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z", "parameters": {"bonus.life_days": 91}}),
            &["from", "to", "parameters"],
            {
                let mut wrong = wrong_times("from");
                wrong.extend(wrong_times("to"));
                wrong.extend([json!([]), json!("x"), json!({})].map(|value| ("parameters", value)));
                wrong.push(("to", json!("2100-01-01T00:00:00Z")));
                wrong
            },
        ),
    ]
}

/// A member nobody knows: form comes first.
const NOBODY: &str = "018f4d4e-7b5a-7c3e-8a51-2f1d1c0e9a10";

fn of_member(
    call: &str,
    right: Value,
    required: &'static [&'static str],
    wrong: Vec<(&'static str, Value)>,
) -> Shape {
    let path = format!("/admin/members/{NOBODY}/{call}");
    Shape { whom: Whom::Admin, method: "POST", path: path.leak(), right, required, wrong }
}

/// What is none of a few names.
fn wrong_names(field: &'static str) -> Vec<(&'static str, Value)> {
    let wrong = [json!("because"), json!("Unlawful"), json!(1), json!(null), json!(["unlawful"]), json!({})];
    wrong.map(|value| (field, value)).into()
}

/// Calls of an admin about one member.
fn member_shapes() -> Vec<Shape> {
    let wrong_either_way = || {
        let texts =
            ["0", "-0.00", "12.345", "-12.345", "NaN", "1e3", "--5.00", "+5.00", "-", "−5.00", "", " 5"];
        let large = ["100000000.01", "-100000000.01", "99999999999999999999"];
        let mut all: Vec<_> = texts.iter().chain(&large).map(|text| ("amount", json!(text))).collect();
        all.extend([json!(0), json!(true), json!(["5.00"]), json!({})].map(|value| ("amount", value)));
        all.extend(wrong_texts("reason"));
        all
    };
    let mut gifts = wrong_amounts("amount");
    gifts.extend(wrong_texts("reason"));
    gifts.extend(
        [json!(0), json!(-1), json!(3_651), json!("7"), json!(1.5)].map(|value| ("life_days", value)),
    );
    let mut payments = wrong_times("from");
    payments.extend(wrong_times("to"));
    payments.extend(wrong_texts("payment_ref"));
    let premium = json!({"from": "2030-01-01T00:00:00Z", "to": "2030-02-01T00:00:00Z", "payment_ref": "p-1"});
    let reason = "a till's mistake";
    let mut shapes = vec![
        of_member("block", json!({"reason": reason}), &["reason"], wrong_texts("reason")),
        of_member("erase", json!({"reason": "unlawful"}), &["reason"], wrong_names("reason")),
        of_member(
            "requests",
            json!({"kind": "access", "channel": "letter"}),
            &["kind", "channel"],
            [wrong_names("kind"), wrong_names("channel")].concat(),
        ),
        of_member(
            "block-processing",
            json!({"reason": "accuracy_disputed"}),
            &["reason"],
            wrong_names("reason"),
        ),
        of_member("unblock-processing", json!({"reason": "corrected"}), &["reason"], wrong_names("reason")),
        of_member(
            "adjust",
            json!({"amount": "-5.00", "reason": reason}),
            &["amount", "reason"],
            wrong_either_way(),
        ),
        of_member("gift", json!({"amount": "5.00", "reason": reason}), &["amount", "reason"], gifts),
        of_member("premium", premium, &["from", "to", "payment_ref"], payments),
    ];
    for call in ["merge", "unmerge"] {
        let mut wrong = wrong_texts("reason");
        wrong.extend([json!("anna"), json!(7), json!("")].map(|value| ("from_member_id", value)));
        let body = json!({"from_member_id": NOBODY, "reason": reason});
        shapes.push(of_member(call, body, &["from_member_id", "reason"], wrong));
    }
    for call in ["invite-inner-circle", "uninvite", "unblock", "premium/cancel"] {
        shapes.push(of_member(call, json!({}), &[], Vec::new()));
    }
    for call in ["apply", "drop"] {
        let path = format!("/admin/quarantine/{NOBODY}/{call}");
        shapes.push(Shape { path: path.leak(), ..of_member("unblock", json!({}), &[], Vec::new()) });
    }
    shapes
}

/// Every case of every shape.
pub(super) fn cases(member_id: &str) -> Vec<Case> {
    let mut shapes = vec![purchase_shape(member_id)];
    shapes.extend(super::bonuses::redemptions(member_id));
    shapes.extend(super::bonuses::refunds());
    shapes.extend(super::coupons::shapes(member_id));
    shapes.extend(super::chains::shapes());
    shapes.extend(super::offers::shapes());
    shapes.extend(open_shapes(member_id));
    shapes.extend(super::previews::shapes());
    shapes.push(code_shape(Whom::Member, "/users/me/phone", member_id));
    shapes.extend(super::access::shapes());
    shapes.extend(admin_shapes());
    shapes.extend(member_shapes());
    shapes.iter().flat_map(cases_of).collect()
}

/// From a shape: each required field missing and null, each wrong value, a field nobody knows, a body that is none.
fn cases_of(shape: &Shape) -> Vec<Case> {
    let case = |name: &str| Case::new(shape.whom, shape.method, shape.path, name, 400, INVALID);
    let mut cases = Vec::new();
    for field in shape.required {
        let mut body = shape.right.clone();
        body.as_object_mut().unwrap().remove(*field);
        cases.push(case(&format!("{field} is missing")).json(&body).names(field));
        if shape.path != "/dev/clock" {
            body[*field] = Value::Null;
            cases.push(case(&format!("{field} is null")).json(&body).names(field));
        }
    }
    for (field, value) in &shape.wrong {
        let mut body = shape.right.clone();
        body[*field] = value.clone();
        let shown: String = value.to_string().chars().take(40).collect();
        cases.push(case(&format!("{field} = {shown}")).json(&body).names(field));
    }
    let mut unknown = shape.right.clone();
    unknown["unheard_of"] = json!(SECRET);
    cases.push(case("an unknown field").json(&unknown).names("unheard_of"));
    for (name, raw) in
        [("nothing", ""), ("a list", "[]"), ("a text", "\"x\""), ("half of it", "{\"a\": "), ("two", "{}{}")]
    {
        cases.push(case(name).raw(raw).names("body"));
    }
    cases.push(
        Case::new(shape.whom, shape.method, shape.path, "as text", 415, "UNSUPPORTED_MEDIA_TYPE")
            .kind("text/plain")
            .json(&shape.right),
    );
    cases
}
