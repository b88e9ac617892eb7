//! Proofs that cannot be: of no size, of a huge one, of what is not there, by those who may not ask.

use serde_json::json;

use super::case::{Case, INVALID, SECRET, Whom};

/// An id that is nobody's and nothing's.
const UNKNOWN: &str = "018f4d4e-7b5a-7c3e-8a51-2f1d1c0e9a10";

/// All of them.
pub(super) fn cases() -> Vec<Case> {
    let get = |whom, path: &str, status, code| Case::new(whom, "GET", path, "as it is", status, code);
    let wrong = |path: &str, field: &str| get(Whom::Admin, path, 400, INVALID).names(field);
    let listed = |path: &str, field: &str| get(Whom::Auditor, path, 400, INVALID).names(field);
    let receipt = |id: &str| format!("/transactions/{id}/receipt");
    let mut cases = vec![
        wrong("/audit/proof/inclusion", "position"),
        wrong("/audit/proof/inclusion?tree_size=5", "position"),
        wrong("/audit/proof/inclusion?position=6&tree_size=5", "position"),
        wrong("/audit/proof/inclusion?position=1&position=1", "position"),
        wrong("/audit/proof/inclusion?position=1&index=0", "index"),
        wrong("/audit/proof/consistency", "from"),
        wrong("/audit/proof/consistency?to=5", "from"),
        wrong("/audit/proof/consistency?from=6&to=5", "from"),
        wrong("/audit/checkpoint?tree_size=1", "tree_size"),
        wrong("/audit/checkpoint?cosigned=yes", "cosigned"),
        listed("/audit/events?limit=0", "limit"),
        listed("/audit/events?cursor=x", "cursor"),
        listed("/audit/access?limit=0", "limit"),
        listed("/audit/access?cursor=x", "cursor"),
        listed(&format!("/audit/access?member_id={SECRET}"), "member_id"),
        listed("/audit/access?member_id=1&member_id=1", "member_id"),
        listed("/audit/access?from=yesterday", "from"),
        listed(&format!("/audit/access?to={SECRET}"), "to"),
        listed("/audit/access?actor=x", "actor"),
        // Longer than the log: there is no such event, no such tree.
        get(Whom::Admin, "/audit/proof/inclusion?position=999999999999999999", 404, "NOT_FOUND"),
        get(Whom::Admin, "/audit/proof/inclusion?position=1&tree_size=999999999999999999", 404, "NOT_FOUND"),
        get(Whom::Admin, "/audit/proof/consistency?from=1&to=999999999999999999", 404, "NOT_FOUND"),
        get(Whom::Admin, "/audit/proof/consistency?from=999999999999999999", 404, "NOT_FOUND"),
        get(Whom::Member, &receipt(UNKNOWN), 404, "NOT_FOUND"),
        get(Whom::Member, &receipt(SECRET), 400, INVALID).names("id"),
        get(Whom::Member, &format!("{}?tree_size=1", receipt(UNKNOWN)), 400, INVALID).names("tree_size"),
        get(Whom::Nobody, &receipt(UNKNOWN), 401, "UNAUTHENTICATED"),
        get(Whom::Till, &receipt(UNKNOWN), 403, "FORBIDDEN"),
        get(Whom::Admin, &receipt(UNKNOWN), 403, "FORBIDDEN"),
    ];
    for number in
        ["", "0", "-1", "1.0", "1e3", "%2B1", "٣", SECRET, "9223372036854775808", "99999999999999999999999"]
    {
        cases.extend([
            wrong(&format!("/audit/proof/inclusion?position={number}"), "position"),
            wrong(&format!("/audit/proof/inclusion?position=1&tree_size={number}"), "tree_size"),
            wrong(&format!("/audit/proof/consistency?from={number}&to=5"), "from"),
            wrong(&format!("/audit/proof/consistency?from=1&to={number}"), "to"),
            listed(&format!("/audit/events?from={number}"), "from"),
        ]);
    }
    for call in ["checkpoint", "proof/inclusion?position=1", "proof/consistency?from=1", "events", "access"] {
        let path = format!("/audit/{call}");
        cases.extend([
            get(Whom::Member, &path, 403, "FORBIDDEN"),
            get(Whom::Till, &path, 403, "FORBIDDEN"),
            get(Whom::Clinic, &path, 403, "FORBIDDEN"),
            get(Whom::Nobody, &path, 401, "UNAUTHENTICATED"),
        ]);
    }
    cases.extend(cosignatures());
    cases.push(get(Whom::Admin, "/audit/events", 403, "FORBIDDEN"));
    cases.push(get(Whom::Admin, "/audit/access", 403, "FORBIDDEN"));
    cases
}

/// What no witness says.
fn cosignatures() -> Vec<Case> {
    let cosign = |whom, body, status, code| {
        Case::new(whom, "POST", "/audit/cosignatures", "a cosignature", status, code).json(&body)
    };
    let said =
        |whom, status, code| cosign(whom, json!({"tree_size": 1, "cosignature": SECRET}), status, code);
    vec![
        said(Whom::Auditor, 400, INVALID).names("cosignature"),
        said(Whom::Admin, 403, "FORBIDDEN"),
        said(Whom::Till, 403, "FORBIDDEN"),
        said(Whom::Nobody, 401, "UNAUTHENTICATED"),
        cosign(Whom::Auditor, json!({"cosignature": "x"}), 400, INVALID).names("tree_size"),
        cosign(Whom::Auditor, json!({"tree_size": 1}), 400, INVALID).names("cosignature"),
        cosign(Whom::Auditor, json!({"tree_size": 0, "cosignature": "x"}), 400, INVALID).names("tree_size"),
        cosign(Whom::Auditor, json!({"tree_size": 4_294_967_295_u32, "cosignature": "x"}), 404, "NOT_FOUND"),
        cosign(Whom::Auditor, json!({"tree_size": 1, "cosignature": "x", "at": 1}), 400, INVALID).names("at"),
    ]
}
