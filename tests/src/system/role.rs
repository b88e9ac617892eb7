//! The processes of the projectors, as an installation starts them.

/// A process of the projectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The log into Kafka.
    Relay,
    /// All read models.
    Project,
    /// ClickHouse.
    Analytics,
    /// What is due on the clock.
    Schedule,
    /// What purchases trigger.
    React,
    /// The signed tree over the log.
    Seal,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Relay, Self::Project, Self::Analytics, Self::Schedule, Self::React, Self::Seal];

    /// Its name, for log files and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Project => "project",
            Self::Analytics => "analytics",
            Self::Schedule => "schedule",
            Self::React => "react",
            Self::Seal => "seal",
        }
    }

    pub(super) fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Relay => &["relay"],
            Self::Project => &["project", "all"],
            Self::Analytics => &["analytics", "--audit-every", "2"],
            Self::Schedule => &["schedule"],
            Self::React => &["react"],
            Self::Seal => &["seal"],
        }
    }
}
