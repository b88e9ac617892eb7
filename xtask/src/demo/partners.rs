//! The nine-category set: one ordinary business per category, bonuses available at once.
//!
//! Where a launch partner has the category, the business carries its name. Those that are medical in the programme are
//! ordinary here, because the purchases are a supermarket's and every number may be shown.

use serde_json::json;

use super::service::Service;
use crate::failure::Failure;

const PARTNERS: [(&str, &str, &str); 9] = [
    ("beauty_salon", "mindal", "Миндаль"),
    ("cosmetology", "skinerica", "Skinerica"),
    ("dentistry", "steam-center", "Стим Центр"),
    ("medicine", "millennium", "Миллениум"),
    ("gastronomy", "lisichkino", "Лисичкино"),
    ("floristry", "floristry-demo", "Цветы"),
    ("optics", "optics-demo", "Оптика"),
    ("home_textile", "textile-demo", "Домашний текстиль"),
    ("legal", "legal-demo", "Юристы"),
];
/// Whose key the sample calls use.
const SAMPLE: &str = "mindal";

/// Registers them; the beauty salon's API key comes back.
pub(crate) fn register(service: &Service) -> Result<String, Failure> {
    for (category, slug, name) in PARTNERS {
        let body = json!({"slug": slug, "name": name, "category": category, "confidentiality": "ordinary", "hold_days": 0});
        service.admin_post("/admin/businesses", &body)?;
    }
    let made =
        service.admin_post(&format!("/admin/businesses/{SAMPLE}/api-keys"), &json!({"name": "demo"}))?;
    made["key"].as_str().map(str::to_owned).ok_or_else(|| Failure::new("no key in the answer"))
}

/// The import's `--business-map`.
pub(crate) fn map() -> String {
    PARTNERS.map(|(category, slug, _)| format!("{category}={slug}")).join(",")
}

/// A partner's name.
pub(crate) fn name_of(slug: &str) -> &str {
    PARTNERS.iter().find(|(_, known, _)| *known == slug).map_or(slug, |(_, _, name)| name)
}
