//! Who may do what: one table, from permissions to roles. Compliance P3.
//!
//! A call names the permission it needs (`operations/table.rs`), a permission the roles that have it, here and nowhere else. An
//! API key of a business may have less than its role: its scopes say which part.

use serde::{Deserialize, Serialize};

/// What a credential acts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// A member, on her own account.
    Member,
    /// A business's machine.
    Business,
    /// Who a business belongs to.
    BusinessOwner,
    /// Who runs a business.
    BusinessManager,
    /// Who stands at a till.
    BusinessStaff,
    /// The programme's staff who answer members.
    Support,
    /// The programme's staff who look at figures.
    Analyst,
    /// The programme's staff.
    Admin,
    /// May also change rights.
    Superadmin,
    /// Reads the proof.
    Auditor,
}

/// What a call needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Permission {
    /// A member's own account.
    OwnAccount,
    /// One's own sign-ins as staff.
    OwnSignIns,
    /// Purchases and refunds at a business.
    RecordPurchases,
    /// What purchases a business has.
    ReadPurchases,
    /// Bonuses at a till.
    HoldBonuses,
    /// A business's coupons, looked up.
    ReadCoupons,
    /// A business's coupons, given and taken away.
    IssueCoupons,
    /// A business's chains and offers, looked up.
    ReadPromotion,
    /// A business's chains and offers, drawn up and run.
    ManagePromotion,
    /// Consent to a chain on behalf of a business.
    ConsentToChains,
    /// What a business's offers reach and led to.
    ReadOwnFigures,
    /// The people of a business.
    ManageBusinessStaff,
    /// Chains and offers of all, let through or not.
    ApprovePromotion,
    /// What a chain led to: a business is told of its own what decision 13 lets it know.
    ReadChainFigures,
    /// What all businesses' promotion led to.
    ReadFigures,
    /// Partner businesses, looked up.
    ReadBusinesses,
    /// Partner businesses and their terms.
    ManageBusinesses,
    /// Keys of partner businesses.
    ManageKeys,
    /// New members, by staff.
    RegisterMembers,
    /// Who may not buy or spend for a while.
    BlockMembers,
    /// Invitations and Premium.
    ManageStanding,
    /// Two accounts of one woman.
    MergeAccounts,
    /// Bonuses by hand.
    GrantBonuses,
    /// Members who are to be forgotten.
    EraseMembers,
    /// All that is known of a member, told on her demand.
    ReportToMembers,
    /// Members' demands about their data, and processing that is blocked meanwhile.
    AnswerSubjects,
    /// Who was forgotten, the papers of it, and the terms of keeping.
    ReadErasures,
    /// What waits for a second person.
    DecideApprovals,
    /// Policies, looked up.
    ReadPolicies,
    /// A policy or a chain tried on the past.
    Simulate,
    /// New policies. Rule P3.
    PublishPolicies,
    /// Documents that wait, looked up.
    ReadQuarantine,
    /// Documents that wait, applied or dropped.
    DecideQuarantine,
    /// Past purchases of all.
    ImportPurchases,
    /// The books.
    ReadBooks,
    /// Checkpoints and proofs.
    ReadProofs,
    /// The log itself, medical purchases in it: for those who can look nobody up in the vault.
    ReadLog,
    /// Refused sign-ins, changes of rights and what else concerns security.
    ReadSecurity,
    /// The people of the programme.
    ManageStaff,
}

/// A part of what a business's key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// Reports purchases and refunds.
    PurchasesWrite,
    /// Looks purchases up.
    PurchasesRead,
    /// Holds bonuses and calls holds off; capturing one is part of reporting the purchase.
    Redemptions,
    /// Gives, looks up and takes away coupons.
    Coupons,
    /// Draws up and runs chains and offers.
    Promotion,
    /// Reads figures.
    ReportsRead,
}

impl Role {
    /// All of them.
    pub(crate) const ALL: [Self; 10] = [
        Self::Member,
        Self::Business,
        Self::BusinessOwner,
        Self::BusinessManager,
        Self::BusinessStaff,
        Self::Support,
        Self::Analyst,
        Self::Admin,
        Self::Superadmin,
        Self::Auditor,
    ];

    /// Name in tokens, in storage and in the OpenAPI document.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Business => "business",
            Self::BusinessOwner => "business_owner",
            Self::BusinessManager => "business_manager",
            Self::BusinessStaff => "business_staff",
            Self::Support => "support",
            Self::Analyst => "analyst",
            Self::Admin => "admin",
            Self::Superadmin => "superadmin",
            Self::Auditor => "auditor",
        }
    }

    /// The role of a name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// Whether it is one of a business's people, who speak for one business alone.
    pub(crate) const fn is_of_business(self) -> bool {
        matches!(self, Self::BusinessOwner | Self::BusinessManager | Self::BusinessStaff)
    }

    /// Whether a person of the programme may have it.
    pub(crate) const fn is_of_programme(self) -> bool {
        matches!(self, Self::Support | Self::Analyst | Self::Admin | Self::Superadmin | Self::Auditor)
    }

    /// Whether it may do this.
    pub(crate) fn may(self, permission: Permission) -> bool {
        permission.roles().contains(&self)
    }
}

use Role::{
    Admin, Analyst, Auditor, Business, BusinessManager, BusinessOwner, BusinessStaff, Member, Superadmin,
    Support,
};

impl Permission {
    /// Who has it.
    pub(crate) const fn roles(self) -> &'static [Role] {
        match self {
            Self::OwnAccount => &[Member],
            Self::OwnSignIns => {
                &[BusinessOwner, BusinessManager, BusinessStaff, Support, Analyst, Admin, Superadmin, Auditor]
            }
            Self::RecordPurchases | Self::ReadPurchases | Self::HoldBonuses | Self::ReadCoupons => {
                &[Business, BusinessOwner, BusinessManager, BusinessStaff, Admin, Superadmin]
            }
            Self::IssueCoupons | Self::ReadPromotion | Self::ReadOwnFigures => {
                &[Business, BusinessOwner, BusinessManager, Admin, Superadmin]
            }
            Self::ReadChainFigures => &[Business, BusinessOwner, BusinessManager, Analyst, Admin, Superadmin],
            Self::ManagePromotion => &[Business, BusinessOwner, Admin, Superadmin],
            Self::ConsentToChains => &[Business, BusinessOwner],
            Self::ManageBusinessStaff => &[BusinessOwner, Admin, Superadmin],
            Self::ReadFigures | Self::ReadPolicies | Self::Simulate => &[Analyst, Admin, Superadmin],
            Self::ReadBusinesses => &[Support, Analyst, Admin, Superadmin],
            Self::BlockMembers | Self::ReadQuarantine => &[Support, Admin, Superadmin],
            Self::ApprovePromotion
            | Self::ManageBusinesses
            | Self::ManageKeys
            | Self::RegisterMembers
            | Self::ManageStanding
            | Self::MergeAccounts
            | Self::GrantBonuses
            | Self::EraseMembers
            | Self::ReportToMembers
            | Self::AnswerSubjects
            | Self::DecideApprovals
            | Self::PublishPolicies
            | Self::DecideQuarantine
            | Self::ImportPurchases => &[Admin, Superadmin],
            Self::ReadBooks | Self::ReadProofs | Self::ReadErasures => &[Admin, Superadmin, Auditor],
            Self::ReadLog => &[Auditor],
            Self::ReadSecurity => &[Superadmin, Auditor],
            Self::ManageStaff => &[Superadmin],
        }
    }

    /// The scope in which a business's key has it.
    pub(crate) const fn scope(self) -> Option<Scope> {
        match self {
            Self::RecordPurchases => Some(Scope::PurchasesWrite),
            Self::ReadPurchases => Some(Scope::PurchasesRead),
            Self::HoldBonuses => Some(Scope::Redemptions),
            Self::ReadCoupons | Self::IssueCoupons => Some(Scope::Coupons),
            Self::ReadPromotion | Self::ManagePromotion | Self::ConsentToChains => Some(Scope::Promotion),
            Self::ReadOwnFigures | Self::ReadChainFigures => Some(Scope::ReportsRead),
            _ => None,
        }
    }
}

impl Scope {
    /// All of them.
    pub(crate) const ALL: [Self; 6] = [
        Self::PurchasesWrite,
        Self::PurchasesRead,
        Self::Redemptions,
        Self::Coupons,
        Self::Promotion,
        Self::ReportsRead,
    ];

    /// Name on the wire and in storage.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::PurchasesWrite => "purchases:write",
            Self::PurchasesRead => "purchases:read",
            Self::Redemptions => "redemptions",
            Self::Coupons => "coupons",
            Self::Promotion => "promotion",
            Self::ReportsRead => "reports:read",
        }
    }

    /// The scope of a name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }

    const fn bit(self) -> u8 {
        match self {
            Self::PurchasesWrite => 1,
            Self::PurchasesRead => 2,
            Self::Redemptions => 4,
            Self::Coupons => 8,
            Self::Promotion => 16,
            Self::ReportsRead => 32,
        }
    }
}

/// What a credential may do of what its role may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scopes(u8);

impl Scopes {
    /// Everything.
    pub(crate) const ALL: Self = Self(u8::MAX);

    /// These alone; one that this program does not know gives nothing.
    pub(crate) fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let known = names.into_iter().filter_map(Scope::of);
        Self(known.fold(0, |bits, scope| bits | scope.bit()))
    }

    /// Whether they have what a permission needs.
    pub(crate) fn cover(self, permission: Permission) -> bool {
        permission.scope().is_none_or(|scope| self.0 & scope.bit() != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for role in Role::ALL {
            assert_eq!(Role::of(role.as_str()), Some(role));
            assert_eq!(serde_json::to_value(role).expect("json"), role.as_str());
        }
        for scope in Scope::ALL {
            assert_eq!(Scope::of(scope.as_str()), Some(scope));
        }
    }

    #[test]
    fn a_key_with_scopes_may_do_that_part_alone() {
        let till = Scopes::named(["purchases:write", "redemptions", "unheard_of"]);
        assert!(till.cover(Permission::RecordPurchases) && till.cover(Permission::HoldBonuses));
        assert!(!till.cover(Permission::ReadPurchases) && !till.cover(Permission::IssueCoupons));
        assert!(!Scopes::named([]).cover(Permission::ManagePromotion));
        assert!(Scopes::ALL.cover(Permission::ReadOwnFigures));
    }

    #[test]
    fn all_that_a_business_key_may_do_has_a_scope() {
        for permission in [
            Permission::RecordPurchases,
            Permission::ReadPurchases,
            Permission::HoldBonuses,
            Permission::ReadCoupons,
            Permission::IssueCoupons,
            Permission::ReadPromotion,
            Permission::ManagePromotion,
            Permission::ConsentToChains,
            Permission::ReadOwnFigures,
            Permission::ReadChainFigures,
        ] {
            assert!(permission.roles().contains(&Role::Business) && permission.scope().is_some());
        }
    }
}
