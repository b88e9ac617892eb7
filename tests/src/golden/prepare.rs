//! What is `given`: clock, policy, businesses with keys, members, chains that run.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::actor::Actors;
use super::error::GoldenError;
use super::names::Names;
use super::scenario::{Business, Given, Member};
use super::service::{Call, Service, text_of};

/// Moves the installation's clock.
pub(crate) async fn set_clock(service: &mut Service, now: DateTime<Utc>) -> Result<(), GoldenError> {
    service.must(&Call::post("/dev/clock", json!({"now": now}))).await.map(drop)
}

/// Sets up policy, businesses, members and chains; their ids become `$names`.
pub(crate) async fn prepare(
    given: &Given,
    service: &mut Service,
    actors: &mut Actors,
    names: &mut Names,
) -> Result<(), GoldenError> {
    let admin = actors.admin();
    if let Some(parameters) = given.policy.as_ref().filter(|parameters| !parameters.is_empty()) {
        let call = Call::post("/admin/policies", json!({"parameters": parameters}));
        service.must(&call.by(&admin).with_key("given-policy")).await?;
    }
    for business in &given.businesses {
        let slug = &business.slug;
        let call = Call::post("/admin/businesses", body_of(business));
        let made = service.must(&call.by(&admin).with_key(&format!("given-business-{slug}"))).await?;
        names.set(slug, json!(text_of("POST /admin/businesses", &made, "business_id")?));
        let path = format!("/admin/businesses/{slug}/api-keys");
        let call = Call::post(&path, json!({"name": "scenario"}));
        let key = service.must(&call.by(&admin).with_key(&format!("given-key-{slug}"))).await?;
        actors.add_business(slug, text_of(&path, &key, "key")?);
    }
    for (index, member) in given.members.iter().enumerate() {
        let (name, phone) = (member.name(), made_up_phone(index));
        let call = Call::post("/admin/members", registration(member, &phone, &given.businesses));
        let made = service.must(&call.by(&admin).with_key(&format!("given-member-{index}"))).await?;
        names.set(name, json!(text_of("POST /admin/members", &made, "member_id")?));
        names.set(&format!("{name}_phone"), json!(phone));
        actors.add_member(name, phone);
    }
    for (index, chain) in given.chains.iter().enumerate() {
        run_chain(&names.fill(chain)?, index, service, actors, names).await?;
    }
    Ok(())
}

/// Draws a chain up and takes it all its way: every owner consents, an admin approves and activates it. Its id becomes the
/// `$name` that it has.
async fn run_chain(
    body: &Value,
    index: usize,
    service: &mut Service,
    actors: &Actors,
    names: &mut Names,
) -> Result<(), GoldenError> {
    let admin = actors.admin();
    let call = Call::post("/cross-promo/chains", body.clone());
    let made = service.must(&call.by(&admin).with_key(&format!("given-chain-{index}"))).await?;
    let id = text_of("POST /cross-promo/chains", &made, "chain_id")?;
    let steps = body["steps"].as_array().map_or(&[][..], Vec::as_slice);
    let parties = steps.iter().flat_map(|step| [&step["from"], &step["to"]]);
    let owners = actors.businesses().filter(|(slug, _)| {
        parties
            .clone()
            .any(|party| party == slug || names.fill(&json!(format!("${slug}"))).is_ok_and(|id| id == *party))
    });
    let consents = owners.map(|(_, key)| ("consent", format!("ApiKey {key}")));
    let way = std::iter::once(("submit", admin.clone())).chain(consents);
    for (step, who) in way.chain([("approve", admin.clone()), ("activate", admin.clone())]) {
        let call = Call::post(&format!("/cross-promo/chains/{id}/{step}"), json!({}));
        service.must(&call.by(&who).with_key(&format!("given-chain-{index}-{step}"))).await?;
    }
    if let Some(name) = body["name"].as_str() {
        names.set(name, json!(id));
    }
    Ok(())
}

fn made_up_phone(index: usize) -> String {
    format!("+7999{:07}", 1_000_001 + index)
}

fn body_of(business: &Business) -> Value {
    let mut body = json!({
        "slug": business.slug,
        "name": business.name.as_ref().unwrap_or(&business.slug),
        "category": business.category,
        "confidentiality": business.confidentiality.as_str(),
    });
    let optional = [
        ("cashback_multiplier", &business.cashback_multiplier),
        ("hold_days", &business.hold_days),
        ("max_redeem_share", &business.max_redeem_share),
        ("purchase_sources", &business.purchase_sources),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            body[name] = value.clone();
        }
    }
    body
}

/// `personal_data` and `partner:<each business>`, and what the scenario grants her beside.
fn registration(member: &Member, phone: &str, businesses: &[Business]) -> Value {
    let (more, registered_at) = match member {
        Member::Name(_) => (&[][..], None),
        Member::More(more) => (more.consents.as_slice(), more.registered_at.as_ref()),
    };
    let partners = businesses.iter().map(|business| format!("partner:{}", business.slug));
    let purposes = std::iter::once("personal_data".to_owned()).chain(partners).chain(more.iter().cloned());
    let consents: Vec<Value> = purposes.map(|purpose| json!({"purpose": purpose, "version": "1"})).collect();
    let mut body = json!({"phone": phone, "first_name": member.name(), "consents": consents});
    if let Some(at) = registered_at {
        body["registered_at"] = json!(at);
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_consents_to_every_business_and_to_a_clinic_s_secret_only_when_granted() {
        let business = |slug: &str| -> Business {
            serde_json::from_value(json!({"slug": slug, "category": "dentistry"})).unwrap()
        };
        let businesses = [business("mindal"), business("steam-center")];
        let purposes = |member: Value| -> Vec<String> {
            let member: Member = serde_json::from_value(member).unwrap();
            let body = registration(&member, "+79991000001", &businesses);
            let consents = body["consents"].as_array().unwrap().clone();
            consents.iter().map(|consent| consent["purpose"].as_str().unwrap().to_owned()).collect()
        };
        let usual = ["personal_data", "partner:mindal", "partner:steam-center"];
        assert_eq!(purposes(json!("anna")), usual);
        let granted = purposes(json!({"name": "anna", "consents": ["medical:steam-center"]}));
        assert_eq!(granted, [&usual[..], &["medical:steam-center"]].concat());
    }

    #[test]
    fn a_business_is_ordinary_unless_the_scenario_says_otherwise() {
        let business =
            serde_json::from_value(json!({"slug": "mindal", "category": "legal", "hold_days": 14}));
        let wanted = json!({"slug": "mindal", "name": "mindal", "category": "legal", "confidentiality": "ordinary", "hold_days": 14});
        assert_eq!(body_of(&business.unwrap()), wanted);
    }
}
