//! What she demands about her data, by when the law wants an answer, and the answer. `compliance.md` section 5. What she said in
//! words is nowhere here, nor is what she was answered: kinds and grounds are of closed lists.

use serde::{Deserialize, Serialize};

use crate::deadlines::{Asked, Reckoned};
use crate::ids::SubjectRequestId;
use crate::time::Timestamp;

/// What is demanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RequestKind {
    /// To be told what is known of her. S2; art. 14, art. 20 part 1.
    Access,
    /// That something be put right. S4; art. 20 part 3.
    Correction,
    /// That her data be kept and not used while they are looked into. S5; art. 21 part 1.
    Blocking,
    /// That they be destroyed. Art. 21 part 5.
    Erasure,
    /// That a consent of hers, given on paper or by word, is withdrawn. Art. 9 part 2, art. 21 part 5.
    Withdrawal,
    /// That processing stop. Art. 21 part 5.1.
    Stop,
    /// That a person look at what a rule decided. C8; art. 16 part 4.
    Objection,
}

impl RequestKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Access,
        Self::Correction,
        Self::Blocking,
        Self::Erasure,
        Self::Withdrawal,
        Self::Stop,
        Self::Objection,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Correction => "correction",
            Self::Blocking => "blocking",
            Self::Erasure => "erasure",
            Self::Withdrawal => "withdrawal",
            Self::Stop => "stop",
            Self::Objection => "objection",
        }
    }

    /// Whose term the law sets. Her data are blocked in the append that takes the demand; what is left of it is to look into
    /// them, and to put right what is wrong: the term of a correction (art. 21 part 2).
    #[must_use]
    pub const fn asked(self) -> Asked {
        match self {
            Self::Access => Asked::Access,
            Self::Correction | Self::Blocking => Asked::Correction,
            Self::Erasure | Self::Withdrawal => Asked::Erasure,
            Self::Stop => Asked::Stop,
            Self::Objection => Asked::Objection,
        }
    }
}

/// How it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RequestChannel {
    /// She asked in the app.
    App,
    /// By e-mail.
    Email,
    /// By post.
    Letter,
    /// By telephone.
    Phone,
    /// She came herself.
    Office,
    /// The authority asks for her.
    Authority,
}

impl RequestChannel {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::App, Self::Email, Self::Letter, Self::Phone, Self::Office, Self::Authority];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Email => "email",
            Self::Letter => "letter",
            Self::Phone => "phone",
            Self::Office => "office",
            Self::Authority => "authority",
        }
    }
}

/// Why an answer takes longer: the reason of the notice that she gets. S2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ExtensionGround {
    /// There is much to put together.
    Volume,
    /// It has to be looked into further.
    Inquiry,
    /// A partner or a processor has to say something first.
    ThirdParty,
}

impl ExtensionGround {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Volume, Self::Inquiry, Self::ThirdParty];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Volume => "volume",
            Self::Inquiry => "inquiry",
            Self::ThirdParty => "third_party",
        }
    }
}

/// Why a demand is refused: the reason that she is told. S2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RefusalGround {
    /// Who asks did not show that she is the one. S3; art. 14 part 3.
    NotIdentified,
    /// She was answered the same less than thirty days ago. Art. 14 parts 4, 6.
    Repeated,
    /// A law limits the right. Art. 14 part 8.
    LimitedByLaw,
    /// The data were looked into, and are right and processed lawfully.
    DataConfirmed,
    /// They are processed on another ground than her consent. Art. 21 parts 5, 5.1.
    OtherGround,
}

impl RefusalGround {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::NotIdentified, Self::Repeated, Self::LimitedByLaw, Self::DataConfirmed, Self::OtherGround];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotIdentified => "not_identified",
            Self::Repeated => "repeated",
            Self::LimitedByLaw => "limited_by_law",
            Self::DataConfirmed => "data_confirmed",
            Self::OtherGround => "other_ground",
        }
    }
}

/// What became of a demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum RequestAnswer {
    /// It was done, and she was told.
    Fulfilled {},
    /// It was refused, and she was told why.
    Refused {
        /// Why.
        ground: RefusalGround,
    },
    /// She was forgotten: there is nobody to answer, and nothing left to ask about.
    Erased {},
}

impl RequestAnswer {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fulfilled {} => "fulfilled",
            Self::Refused { .. } => "refused",
            Self::Erased {} => "erased",
        }
    }
}

/// A demand came. It happened when it came, not when the log took it: from then on the term runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SubjectRequestReceived {
    /// The demand.
    pub request_id: SubjectRequestId,
    /// What is demanded.
    pub kind: RequestKind,
    /// How it came.
    pub channel: RequestChannel,
    /// When.
    pub received_at: Timestamp,
    /// The last moment at which an answer is in time, as the calendar of that day had it: kept, since calendars change.
    pub due_at: Timestamp,
    /// How that moment was found.
    pub reckoned: Reckoned,
}

/// She was told, before the term ended, that and why the answer takes longer. S2; art. 20 part 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SubjectRequestExtended {
    /// The demand.
    pub request_id: SubjectRequestId,
    /// Why.
    pub ground: ExtensionGround,
    /// The last moment now.
    pub due_at: Timestamp,
    /// How that moment was found.
    pub reckoned: Reckoned,
}

/// A demand was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SubjectRequestAnswered {
    /// The demand.
    pub request_id: SubjectRequestId,
    /// What became of it.
    pub answer: RequestAnswer,
}
