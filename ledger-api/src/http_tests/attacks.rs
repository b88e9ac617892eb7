//! Battery, mass assignment: what a client would like to set and may not is refused, by every call with a body.

use super::bodies::bodies;
use super::contract::takes;
use super::*;

/// What somebody might try to become or to have.
const WISHES: [&str; 16] = [
    "role",
    "status",
    "is_admin",
    "admin",
    "permissions",
    "sub",
    "biz",
    "jti",
    "balance",
    "bonuses",
    "member_id",
    "approved",
    "approved_by",
    "created_at",
    "policy_version",
    "position",
];

#[actix_web::test]
async fn battery_mass_assignment_no_call_takes_a_field_that_it_does_not_name() {
    for operation in Operation::ALL.iter().filter(|operation| operation.body().schema.is_some()) {
        let (mut names, mut wishes) = (Vec::new(), Vec::new());
        for body in bodies(*operation).into_iter().filter(Value::is_object) {
            for wish in WISHES.iter().filter(|wish| body.get(**wish).is_none()) {
                let mut more = body.clone();
                more[*wish] = json!("superadmin");
                names.push(*wish);
                wishes.push(more);
            }
        }
        let taken: Vec<_> = takes(*operation, &wishes).await.into_iter().zip(names).collect();
        let taken: Vec<_> = taken.into_iter().filter(|(taken, _)| *taken).map(|(_, name)| name).collect();
        assert!(taken.is_empty(), "{} takes {taken:?}", operation.name());
    }
}
