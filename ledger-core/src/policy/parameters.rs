//! The parameters of a policy, under the names of the rule book. Decimals are strings, durations integers in the unit
//! of the name.
//!
//! One table says everything about a parameter: its field, its name, its type (which knows its range) and its default.

use std::collections::BTreeMap;
use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::member::event::ExpiredTo;
use crate::money::{REQUEST_KOPECKS_MAX, Roubles};
use crate::rate::{NewCategoryMultiplier, Percent, Rate};

/// Why a parameter is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// The rule book has no such name.
    #[error("is not a parameter of a policy")]
    Unknown,
    /// The value is not one this parameter can have; says what would be right.
    #[error("{0}")]
    Value(String),
}

/// A value a parameter can have.
pub trait Parameter: Sized {
    /// Reads the value.
    ///
    /// # Errors
    /// What would be right.
    fn read(value: &Value) -> Result<Self, String>;
    /// The value as JSON.
    fn write(&self) -> Value;
}

macro_rules! text_parameters {
    ($($type:ty),*) => {$(
        impl Parameter for $type {
            fn read(value: &Value) -> Result<Self, String> {
                let text = value.as_str().ok_or("must be a text such as \"0.05\"")?;
                text.parse().map_err(|error: <$type as std::str::FromStr>::Err| error.to_string())
            }

            fn write(&self) -> Value {
                Value::String(self.to_string())
            }
        }
    )*};
}

text_parameters!(Rate, NewCategoryMultiplier, Percent);

impl Parameter for Roubles {
    fn read(value: &Value) -> Result<Self, String> {
        let text = value.as_str().ok_or("must be a text such as \"30000.00\"")?;
        let amount: Self = text.parse().map_err(|error: crate::money::AmountError| error.to_string())?;
        let fits = (0..=REQUEST_KOPECKS_MAX).contains(&amount.kopecks());
        if fits { Ok(amount) } else { Err("must be from 0.00 to 100000000.00".to_owned()) }
    }

    fn write(&self) -> Value {
        Value::String(self.to_string())
    }
}

/// A count or a duration: 0 to 100,000 of the unit in the parameter's name.
impl Parameter for u32 {
    fn read(value: &Value) -> Result<Self, String> {
        let number = value.as_u64().and_then(|number| Self::try_from(number).ok());
        number
            .filter(|number| *number <= 100_000)
            .ok_or_else(|| "must be an integer from 0 to 100000".to_owned())
    }

    fn write(&self) -> Value {
        Value::from(*self)
    }
}

impl Parameter for ExpiredTo {
    fn read(value: &Value) -> Result<Self, String> {
        Self::deserialize(value).map_err(|_| "must be \"funder\" or \"coalition\"".to_owned())
    }

    fn write(&self) -> Value {
        Value::String(match self {
            Self::Funder => "funder".to_owned(),
            Self::Coalition => "coalition".to_owned(),
        })
    }
}

/// One step of the commission: from which month of a business, which rate. Rule M3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommissionStep {
    /// The first month, from 1.
    pub from_month: u32,
    /// The rate.
    pub rate: Rate,
}

/// The steps of the commission, months ascending from 1. Rule M3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commission(Vec<CommissionStep>);

impl Commission {
    /// The steps.
    #[must_use]
    pub fn steps(&self) -> &[CommissionStep] {
        &self.0
    }
}

impl Parameter for Commission {
    fn read(value: &Value) -> Result<Self, String> {
        const RIGHT: &str =
            "must be a list of [month, rate] such as [[1, \"0.00\"], [7, \"0.02\"]], months ascending from 1";
        let pairs = Vec::<(u32, Rate)>::deserialize(value).map_err(|_| RIGHT.to_owned())?;
        let steps: Vec<_> =
            pairs.into_iter().map(|(from_month, rate)| CommissionStep { from_month, rate }).collect();
        let ascending =
            steps.iter().zip(steps.iter().skip(1)).all(|(one, next)| one.from_month < next.from_month);
        let begins = steps.first().is_some_and(|first| first.from_month == 1);
        if ascending && begins { Ok(Self(steps)) } else { Err(RIGHT.to_owned()) }
    }

    fn write(&self) -> Value {
        let pair = |step: &CommissionStep| Value::from(vec![step.from_month.write(), step.rate.write()]);
        Value::from(self.0.iter().map(pair).collect::<Vec<_>>())
    }
}

macro_rules! parameters {
    ($($field:ident: $type:ty = $name:literal, $default:expr;)*) => {
        /// Every parameter of a policy. On the wire a map from the rule book's name to the value.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Parameters {
            $(
                #[doc = concat!("`", $name, "`, by default `", $default, "` (JSON).")]
                pub $field: $type,
            )*
        }

        impl Parameters {
            /// Every name, in the order of the rule book.
            pub const NAMES: &'static [&'static str] = &[$($name),*];

            /// The rule book's defaults as JSON texts by name.
            const DEFAULTS: &'static [(&'static str, &'static str)] = &[$(($name, $default)),*];

            /// Sets one parameter.
            ///
            /// # Errors
            /// [`ParameterError`] for a name the rule book does not know or a value that cannot be.
            pub fn set(&mut self, name: &str, value: &Value) -> Result<(), ParameterError> {
                match name {
                    $($name => self.$field = Parameter::read(value).map_err(ParameterError::Value)?,)*
                    _ => return Err(ParameterError::Unknown),
                }
                Ok(())
            }

            /// Every parameter by name.
            #[must_use]
            pub fn to_map(&self) -> BTreeMap<&'static str, Value> {
                BTreeMap::from([$(($name, Parameter::write(&self.$field)),)*])
            }

            /// Those by which statuses are evaluated, by name. Rules S1–S3, T3.
            #[must_use]
            pub fn of_statuses(&self) -> BTreeMap<String, Value> {
                let counts = |name: &str| name.starts_with("status.") || name == "purchase.future_minutes";
                let those = self.to_map().into_iter().filter(|(name, _)| counts(name));
                those.map(|(name, value)| (name.to_owned(), value)).collect()
            }

            fn from_map(map: &BTreeMap<String, Value>) -> Result<Self, (String, ParameterError)> {
                if let Some(stranger) = map.keys().find(|name| !Self::NAMES.contains(&name.as_str())) {
                    return Err((stranger.clone(), ParameterError::Unknown));
                }
                let read = |name: &str| map.get(name).unwrap_or(&Value::Null);
                Ok(Self {
                    $($field: Parameter::read(read($name))
                        .map_err(|error| ($name.to_owned(), ParameterError::Value(error)))?,)*
                })
            }
        }
    };
}

parameters! {
    rate_insider: Rate = "rates.insider", "\"0.05\"";
    rate_vip: Rate = "rates.vip", "\"0.07\"";
    rate_elite: Rate = "rates.elite", "\"0.10\"";
    rate_inner_circle: Rate = "rates.inner_circle", "\"0.10\"";
    rate_premium: Rate = "rates.premium", "\"0.10\"";
    new_category_insider: NewCategoryMultiplier = "new_category.insider", "\"1.5\"";
    new_category_vip: NewCategoryMultiplier = "new_category.vip", "\"2.0\"";
    new_category_elite: NewCategoryMultiplier = "new_category.elite", "\"2.0\"";
    new_category_inner_circle: NewCategoryMultiplier = "new_category.inner_circle", "\"2.0\"";
    bonus_life_days: u32 = "bonus.life_days", "90";
    bonus_hold_days: u32 = "bonus.hold_days", "0";
    bonus_expiring_soon_days: u32 = "bonus.expiring_soon_days", "30";
    bonus_returned_life_days: u32 = "bonus.returned_life_days", "7";
    bonus_expired_to: ExpiredTo = "bonus.expired_to", "\"funder\"";
    cross_bonus_rate: Rate = "cross_bonus.rate", "\"0.10\"";
    redeem_max_share: Rate = "redeem.max_share", "\"0.50\"";
    redeem_min_amount: Roubles = "redeem.min_amount", "\"1.00\"";
    redeem_hold_minutes: u32 = "redeem.hold_minutes", "15";
    purchase_max_age_days: u32 = "purchase.max_age_days", "90";
    purchase_future_minutes: u32 = "purchase.future_minutes", "5";
    purchase_policy_lag_hours: u32 = "purchase.policy_lag_hours", "24";
    purchase_before_membership_hours: u32 = "purchase.before_membership_hours", "24";
    purchase_duplicate_minutes: u32 = "purchase.duplicate_minutes", "30";
    purchase_orphan_days: u32 = "purchase.orphan_days", "30";
    status_vip_spent: Roubles = "status.vip.spent", "\"30000.00\"";
    status_elite_spent: Roubles = "status.elite.spent", "\"100000.00\"";
    status_inner_circle_spent: Roubles = "status.inner_circle.spent", "\"200000.00\"";
    status_vip_categories: u32 = "status.vip.categories", "3";
    status_elite_categories: u32 = "status.elite.categories", "5";
    status_window_months: u32 = "status.window_months", "12";
    status_grace_days: u32 = "status.grace_days", "30";
    status_top_percent: Percent = "status.top_percent", "\"1.0\"";
    status_top_leave_percent: Percent = "status.top_leave_percent", "\"1.5\"";
    status_top_min_members: u32 = "status.top_min_members", "100";
    premium_price: Roubles = "premium.price", "\"1990.00\"";
    coupon_activation_days: u32 = "coupon.activation_days", "5";
    chain_max_depth: u32 = "chain.max_depth", "4";
    chain_holdout_percent: Percent = "chain.holdout_percent", "\"0\"";
    fund_rate: Rate = "fund.rate", "\"0.02\"";
    fund_split_open: Rate = "fund.split.open", "\"0.30\"";
    fund_split_vip: Rate = "fund.split.vip", "\"0.40\"";
    fund_split_elite: Rate = "fund.split.elite", "\"0.20\"";
    fund_split_reserve: Rate = "fund.split.reserve", "\"0.10\"";
    vote_weight_insider: u32 = "vote.weight.insider", "1";
    vote_weight_vip: u32 = "vote.weight.vip", "2";
    vote_weight_elite: u32 = "vote.weight.elite", "3";
    vote_weight_inner_circle: u32 = "vote.weight.inner_circle", "5";
    commission: Commission = "commission", "[[1, \"0.00\"], [7, \"0.02\"], [18, \"0.03\"]]";
    identity_cooldown_hours: u32 = "identity.cooldown_hours", "24";
    approval_manual_bonus: Roubles = "approval.manual_bonus", "\"5000.00\"";
}

impl Parameters {
    /// The defaults of the rule book: policy version 1.
    ///
    /// # Errors
    /// Never: a test reads every default. The type keeps a panic out of the library.
    pub fn defaults() -> Result<Self, ParameterError> {
        let parsed = Self::DEFAULTS.iter().map(|(name, json)| {
            let value =
                serde_json::from_str(json).map_err(|error| ParameterError::Value(error.to_string()))?;
            Ok(((*name).to_owned(), value))
        });
        Self::from_map(&parsed.collect::<Result<_, ParameterError>>()?).map_err(|(_, error)| error)
    }

    /// Checks what no single parameter can say.
    ///
    /// # Errors
    /// The name of a parameter and what would be right.
    pub fn check(&self) -> Result<(), (&'static str, ParameterError)> {
        let wrong = |name, text: &str| Err((name, ParameterError::Value(text.to_owned())));
        let split =
            [self.fund_split_open, self.fund_split_vip, self.fund_split_elite, self.fund_split_reserve];
        let split = split.iter().try_fold(Decimal::ZERO, |sum, part| sum.checked_add(part.to_decimal()));
        if split != Some(Decimal::ONE) {
            return wrong("fund.split.open", "the four parts of fund.split must add up to 1");
        }
        if self.bonus_life_days == 0 {
            return wrong("bonus.life_days", "must be at least 1");
        }
        if self.status_window_months == 0 || self.status_window_months > 120 {
            return wrong("status.window_months", "must be from 1 to 120");
        }
        if self.status_top_leave_percent < self.status_top_percent {
            return wrong("status.top_leave_percent", "must not be below status.top_percent");
        }
        Ok(())
    }
}

impl Serialize for Parameters {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_map().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Parameters {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = BTreeMap::<String, Value>::deserialize(deserializer)?;
        Self::from_map(&map).map_err(|(name, error)| serde::de::Error::custom(Named(&name, &error)))
    }
}

struct Named<'a>(&'a str, &'a ParameterError);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.1)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Parameters {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Parameters".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let kind = |json: &str| match json.as_bytes().first() {
            Some(b'"') => serde_json::json!({ "type": "string" }),
            Some(b'[') => serde_json::json!({ "type": "array" }),
            _ => serde_json::json!({ "type": "integer", "minimum": 0 }),
        };
        let properties: serde_json::Map<_, _> =
            Self::DEFAULTS.iter().map(|(name, json)| ((*name).to_owned(), kind(json))).collect();
        schemars::json_schema!({
            "type": "object",
            "properties": properties,
            "required": Self::NAMES,
            "additionalProperties": false,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rule_p1_the_defaults_are_those_of_the_rule_book() {
        let defaults = Parameters::defaults().expect("defaults");
        assert_eq!(defaults.check(), Ok(()));
        let map = serde_json::to_value(&defaults).expect("json");
        assert_eq!(map["rates.vip"], json!("0.07"));
        assert_eq!(map["bonus.life_days"], json!(90));
        assert_eq!(map["commission"], json!([[1, "0.00"], [7, "0.02"], [18, "0.03"]]));
        assert_eq!(Parameters::deserialize(&map).expect("round trip"), defaults);
    }

    #[test]
    fn a_parameter_out_of_range_says_what_would_be_right() {
        let mut parameters = Parameters::defaults().expect("defaults");
        assert_eq!(parameters.set("redeem.max_share", &json!("0.30")), Ok(()));
        assert_eq!(parameters.redeem_max_share.to_string(), "0.30");
        assert_eq!(parameters.set("redeem.share", &json!("0.30")), Err(ParameterError::Unknown));
        for (name, value) in [
            ("rates.vip", json!("1.01")),
            ("rates.vip", json!(0.05)),
            ("new_category.vip", json!("0.9")),
            ("bonus.life_days", json!(-1)),
            ("bonus.life_days", json!("90")),
            ("bonus.expired_to", json!("nobody")),
            ("status.vip.spent", json!("-1.00")),
            ("commission", json!([[2, "0.01"]])),
        ] {
            let answer = parameters.set(name, &value);
            assert!(matches!(answer, Err(ParameterError::Value(_))), "{name} {value}");
        }
    }
}
