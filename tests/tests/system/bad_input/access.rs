//! Calls of staff about staff: what is right, and what each field may not be.

use serde_json::{Value, json};

use super::case::Whom;
use super::fields::{Shape, post, wrong_texts};

const NOBODYS: &str = "018f4d4e-7b5a-7c3e-8a51-2f1d1c0e9a10";

pub(super) fn shapes() -> Vec<Shape> {
    let texts =
        |fields: &[&'static str]| fields.iter().flat_map(|field| wrong_texts(field)).collect::<Vec<_>>();
    let mut enrolment = texts(&["enrolment_token", "password"]);
    enrolment.push(("password", json!("too short")));
    let right = json!({"enrolment_token": "ocs_x", "password": "correct horse"});
    let sign_in = json!({"login": "kassa-1", "password": "correct horse", "code": "000000"});
    let reject = format!("/admin/approvals/{NOBODYS}/reject").leak();
    vec![
        post(Whom::Nobody, "/auth/staff/enrol", right, &["enrolment_token", "password"], enrolment),
        post(
            Whom::Nobody,
            "/auth/staff/sign-in",
            sign_in,
            &["login", "password", "code"],
            texts(&["login", "password", "code"]),
        ),
        post(
            Whom::Nobody,
            "/auth/staff/refresh",
            json!({"refresh_token": "x"}),
            &["refresh_token"],
            texts(&["refresh_token"]),
        ),
        accounts("/businesses/mindal/staff", "business_staff", "support"),
        accounts("/admin/staff", "support", "business_staff"),
        post(Whom::Admin, reject, json!({"reason": "too much"}), &["reason"], texts(&["reason"])),
    ]
}

/// New accounts of a business or of the programme, whose roles are not each other's.
fn accounts(path: &'static str, role: &str, others: &str) -> Shape {
    let mut wrong: Vec<(&'static str, Value)> = wrong_texts("login");
    wrong.extend(wrong_texts("role"));
    let logins = ["ab", "анна", "a b c", "a+b@c"];
    wrong.extend(logins.map(|login| ("login", json!(login))));
    wrong.extend(["member", "business", others, "Admin"].map(|role| ("role", json!(role))));
    post(Whom::Admin, path, json!({"login": "kassa-1", "role": role}), &["login", "role"], wrong)
}
